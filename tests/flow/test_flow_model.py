"""Every class of the model refuses what it cannot mean, and says what would be right."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.expressions import Symbol, parse
from tip.flow.model import (
    MOST_AGENTS,
    MOST_ROUNDS,
    Aim,
    Ball,
    Choice,
    Cohort,
    Fact,
    Flow,
    Graph,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Report,
    Requirement,
    Sampling,
    Secret,
    Table,
    Wiring,
)
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = Fraction(1)
UNIT = Interval(Fraction(0), ONE)
REPLACE = Neighboring.REPLACE_ONE

BAD_NAMES: list[Any] = ["", " ", "a b", "a-b", "1a", "a.b.c", "a.", ".a", "\xe9", "a" * 101, "a\n", None, 3]

NAMED: list[Callable[[Any], object]] = [
    lambda name: Group(name, 1),
    lambda name: Graph(name, "g", Wiring.RING),
    lambda name: Table(name, ((ONE,),)),
    lambda name: Cohort(name, "g", 1),
    lambda name: Secret(name, "g", UNIT, REPLACE, adaptive=False),
    lambda name: Noise(name, "g", Law.GAUSSIAN, ONE),
    lambda name: Message(name, "g", Symbol("a"), ("nobody",)),
    lambda name: Report(name, "s", ONE, ("nobody",)),
    lambda name: Fact(name, ("nobody",), "x"),
]


@pytest.mark.parametrize("make", NAMED, ids=range(len(NAMED)))
@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_names_are_words(make: Callable[[Any], object], name: object) -> None:
    with pytest.raises(ConfigurationError, match="is a word of letters"):
        make(name)


@pytest.mark.parametrize("make", NAMED, ids=range(len(NAMED)))
def test_good_names(make: Callable[[Any], object]) -> None:
    for name in ("a", "_", "first_answer", "Vector.body", "a1.b2"):
        assert getattr(make(name), "name") == name  # noqa: B009 - any of the classes


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: Group("g", 0), ">= 1"),
    (lambda: Group("g", MOST_AGENTS + 1), "at most 10,000,000"),
    (lambda: Group("g", True), "whole number"),
    (lambda: Group("g", 2.0), "whole number"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Graph("w", "g", "ring"), "one of complete"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Graph("w", "g", Wiring.K_OUT), "picks >= 1 and a seed"),
    (lambda: Graph("w", "g", Wiring.K_OUT, picks=3), "picks >= 1 and a seed"),
    (lambda: Graph("w", "g", Wiring.RING, picks=3, seed=1), "only it"),
    (lambda: Graph("w", "g", Wiring.K_OUT, picks=3, seed=-1), "the seed of a graph"),
    (lambda: Graph("w", "g", Wiring.K_OUT, picks=3, seed=2**63), "the seed of a graph"),
    (lambda: Graph("w", "g", Wiring.RING, picks=-1), "the picks of a graph"),
    (lambda: Graph("w", "g", Wiring.GIVEN), "lists its edges"),
    (lambda: Graph("w", "g", Wiring.RING, edges=((0, 1),)), "lists its edges"),
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=((1, 0),)), "0 <= i < j"),
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=((1, 1),)), "0 <= i < j"),
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=((-1, 1),)), "0 <= i < j"),
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=((0, 2), (0, 1))), "out of order"),
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=((0, 1), (0, 1))), "out of order"),
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=((0, 1.0),)), "pair of whole numbers"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Graph("w", "g", Wiring.GIVEN, edges=[(0, 1)]), "tuple of pairs"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Table("W", ()), "at least one row"),
    (lambda: Table("W", ((),)), "at least one row"),
    (lambda: Table("W", ((ONE,), (ONE, ONE))), "one length"),
    (lambda: Table("W", ((0.5,),)), "fractions"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Cohort("c", "g", 0), ">= 1"),
    (lambda: Cohort("c", "g", 1, "all"), "one of all"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Cohort("c", "g", 1, Sampling.POISSON), "has a rate"),
    (lambda: Cohort("c", "g", 1, Sampling.ALL, ONE), "has a rate"),
    (lambda: Cohort("c", "g", 1, Sampling.POISSON, Fraction(0)), "lies in (0, 1]"),
    (lambda: Cohort("c", "g", 1, Sampling.POISSON, Fraction(2)), "lies in (0, 1]"),
    (lambda: Cohort("c", "g", 1, Sampling.POISSON, 0.5), "is a Fraction"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Interval(ONE, ONE), "from a lower to a higher"),
    (lambda: Interval(0, 1), "from a lower to a higher"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Ball(Fraction(0)), "above 0"),
    (lambda: Ball(Fraction(-1)), ">= 0"),
    (lambda: Choice(1), ">= 2"),
    (lambda: Choice(10**30), "at most"),
    (lambda: Secret("s", "g", 3, REPLACE, adaptive=False), "an Interval, a Ball or a Choice"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Secret("s", "g", UNIT, "zero-out", adaptive=False), "one of replace-one"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Secret("s", "g", UNIT, REPLACE, adaptive=0), "true or false"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Secret("s", "g", UNIT, REPLACE, adaptive=False, whole=1), "true or false"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Secret("s", "g", UNIT, REPLACE, adaptive=False, dimension=0), "the dimension"),
    (lambda: Secret("s", "g", UNIT, REPLACE, adaptive=False, rounds=MOST_ROUNDS + 1), "the rounds"),
    (lambda: Secret("s", "g", UNIT, REPLACE, adaptive=False, rounds=3, participations=4), "participations"),
    (lambda: Secret("s", "g", UNIT, REPLACE, adaptive=False, participations=0), "participations"),
    (lambda: Noise("n", "g", "gaussian", ONE), "one of gaussian"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Noise("n", "g", Law.GAUSSIAN, scale=ONE), "has no scale"),
    (lambda: Noise("n", "g", Law.LAPLACE, ONE), "has no variance"),
    (lambda: Noise("n", "g", Law.DISCRETE_LAPLACE, ONE), "has no variance"),
    (lambda: Noise("n", "g", Law.UNIFORM, ONE), "has no variance"),
    (lambda: Noise("n", "g", Law.UNIFORM, scale=ONE), "has no scale"),
    (lambda: Noise("n", "g", Law.SKELLAM, Fraction(0)), "hides nothing"),
    (lambda: Noise("n", "g", Law.GAUSSIAN, 4.0), "is a Fraction"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Noise("n", "g", Law.GAUSSIAN, ONE, rounds=0), "the rounds"),
    (lambda: Message("m", "g", Symbol("a"), ()), "goes to somebody"),
    (lambda: Message("m", "g", Symbol("a"), "everybody"), "goes to somebody"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Message("m", "g", Symbol("a"), ("p", "p")), "twice"),
    (lambda: Message("m", "g", Symbol("a"), ("p",), ring=65), "the bits of a ring"),
    (lambda: Message("m", "g", Symbol("a"), ("p",), ring=-1), "the bits of a ring"),
    (lambda: Report("r", "s", Fraction(1, 2), ("p",)), ">= 1"),
    (lambda: Report("r", "s", 3, ("p",)), "is a Fraction"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Report("r", "s", ONE, ()), "goes to somebody"),
    (lambda: Report("r", "s", ONE, "p"), "goes to somebody"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Report("r", "s", ONE, ("p",), shuffled_by="p"), "how many are mixed"),
    (lambda: Report("r", "s", ONE, ("p",), least=3), "how many are mixed"),
    (lambda: Fact("f", (), "x"), "goes to somebody"),
    (lambda: Fact("f", ("p",), " "), "is a text"),
    (lambda: Fact("f", ("p",), "\ud800"), "half a letter"),
    (lambda: Requirement("world", 0.0, 0.0), "> 0"),
    (lambda: Requirement("world", float("inf"), 0.0), "finite"),
    (lambda: Requirement("world", float("nan"), 0.0), "finite"),
    (lambda: Requirement("world", 1.0, 1.0), "below 1"),
    (lambda: Requirement("world", 1.0, -0.1), "[0, 1]"),
    (lambda: Requirement(5, 1.0, 0.0), "is a text"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Aim("m", Fraction(0)), "above 0"),
    (lambda: Aim("", ONE), "names the message whose error counts"),
    (lambda: Aim("m", ONE, bytes=True), "or says that bytes count"),
    (lambda: Aim("", ONE, bytes=1), "true or false"),  # type: ignore[arg-type] # the wrong type is the point
    (lambda: Aim("m", 1), "is a Fraction"),  # type: ignore[arg-type] # the wrong type is the point
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "says"), MISTAKES, ids=range(len(MISTAKES)))
def test_what_cannot_be_meant_is_refused(mistake: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        mistake()
    assert says in str(refused.value)


# -- changes --------------------------------------------------------------------------------------

ENDS = st.lists(st.fractions(-100, 100), min_size=2, max_size=2, unique=True).map(sorted)


@given(ENDS, st.data())
def test_the_reach_of_a_range_is_reached_and_never_passed(ends: list[Fraction], data: st.DataObject) -> None:
    """Replaced: any two values. Added, removed or set to zero: one value against nothing."""
    domain = Interval(*ends)
    one, other = (data.draw(st.fractions(*ends)) for _ in range(2))
    assert (one - other) ** 2 <= domain.squared_reach(REPLACE) == (ends[1] - ends[0]) ** 2
    for relation in (Neighboring.ZERO_OUT, Neighboring.ADD_REMOVE_ONE):
        assert one**2 <= domain.squared_reach(relation)
        assert domain.squared_reach(relation) in {ends[0] ** 2, ends[1] ** 2}


@given(st.fractions(Fraction(1, 100), 100))
def test_two_vectors_of_a_ball_are_twice_its_norm_apart(norm: Fraction) -> None:
    domain = Ball(norm**2)
    assert domain.squared_reach(REPLACE) == (norm - -norm) ** 2
    assert domain.squared_reach(Neighboring.ZERO_OUT) == norm**2


def test_another_answer_changes_two_entries() -> None:
    first, second = (1, 0, 0), (0, 0, 1)
    replaced = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
    assert Choice(3).squared_reach(REPLACE) == replaced
    assert Choice(3).squared_reach(Neighboring.ADD_REMOVE_ONE) == sum(a**2 for a in first)


def test_a_secret_is_charged_for_the_rounds_that_it_takes_part_in() -> None:
    secret = Secret("s", "g", UNIT, REPLACE, adaptive=False, rounds=10)
    assert secret.uses == 10
    assert replace(secret, participations=3).uses == 3
    assert secret.squared_reach == 1


def test_what_decides_privacy_has_no_default() -> None:
    required = {name for kind in (Secret, Requirement, Report) for name in no_defaults(kind)}
    assert {"domain", "neighboring", "adaptive", "against", "epsilon", "delta", "ratio"} <= required
    assert "least" in no_defaults(Cohort)


def no_defaults(kind: Any) -> set[str]:  # noqa: ANN401 - any of the classes
    return {field.name for field in fields(kind) if field.default is MISSING}


def test_planned_noise() -> None:
    assert Noise("n", "g", Law.GAUSSIAN).planned
    assert Noise("n", "g", Law.LAPLACE).planned
    assert not Noise("n", "g", Law.LAPLACE, scale=ONE).planned
    assert not Noise("n", "g", Law.UNIFORM).planned


# -- whole flows ----------------------------------------------------------------------------------


def flow() -> Flow:
    return Flow(
        "n",
        "",
        (Group("a", 3), Group("b", 1), Group("c", 5)),
        ("p",),
        secrets=(Secret("s", "a", UNIT, REPLACE, adaptive=False),),
        noises=(Noise("n", "a", Law.GAUSSIAN, ONE), Noise("own", "p", Law.GAUSSIAN, ONE)),
        messages=(
            Message("m", "a", parse("s + n"), ("p",)),
            Message("t", "p", parse("sum(m) + 2*own"), ("everybody",)),
            Message("u", "p", parse("t + t + last(t)"), ("everybody",)),
        ),
    )


def test_agents_are_counted_through_all_groups() -> None:
    made = flow()
    assert made.enrolled == 9
    assert [made.first_agent(name) for name in ("a", "b", "c")] == [0, 3, 4]
    assert list(made.members_named()) == ["b"]
    with pytest.raises(ConfigurationError, match="no group 'd'"):
        made.first_agent("d")


def test_what_stands_behind_a_message() -> None:
    made = flow()
    assert made.symbols(made.message("u")) == ("n", "own", "s")
    assert made.functions(made.message("u")) == {"sum", "last"}
    assert made.symbols(made.message("m")) == ("n", "s")
    assert made.functions(made.message("m")) == frozenset()


def test_parts_are_found_by_name() -> None:
    made = flow()
    assert made.secret("s") is made.secrets[0]
    assert made.noise("own") is made.noises[1]
    for find in (made.group, made.graph, made.table, made.cohort, made.secret, made.noise, made.message):
        with pytest.raises(ConfigurationError, match="the flow has no"):
            find("z")


def test_a_flow_is_frozen_and_made_of_tuples() -> None:
    made = flow()
    with pytest.raises(FrozenInstanceError):
        made.name = "x"  # type: ignore[misc] # that it cannot be set is the point
    for field in fields(Flow):
        if field.name not in {"name", "about"}:
            for wrong, says in ((list(getattr(made, field.name)), "is a tuple"), ((3,), "are each a")):
                changes: dict[str, Any] = {field.name: wrong}
                with pytest.raises(ConfigurationError, match=says):
                    replace(made, **changes)
