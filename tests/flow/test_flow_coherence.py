"""Whole flows that do not fit together are refused, with the path of what does not fit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tip.errors import ConfigurationError
from tip.flow.coherence import MOST_PARTS, coalition_names
from tip.flow.expressions import DEEPEST, Added, Expression, Scaled, Symbol, parse
from tip.flow.model import (
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

ONE = Fraction(1)
HUGE = Fraction(1, 3**5000)
UNIT = Interval(Fraction(0), ONE)
RELATION = Neighboring.REPLACE_ONE


def secret(name: str, of: str, **changes: Any) -> Secret:  # noqa: ANN401 - of any key
    return replace(Secret(name, of, UNIT, RELATION, adaptive=False), **changes)


def message(says: str, by: str = "g", to: tuple[str, ...] = ("p",), ring: int = 0) -> Message:
    return Message("m", by, parse(says), to, ring)


FLOW = Flow(
    "n",
    "",
    (Group("g", 6), Group("h", 4), Group("single", 1)),
    ("p", "coordinator"),
    graphs=(Graph("w", "g", Wiring.RING),),
    tables=(Table("t", ((ONE,),)),),
    cohorts=(Cohort("c", "g", 2),),
    secrets=(secret("s", "g"), secret("x", "h"), secret("vote", "g", domain=Choice(2))),
    noises=(Noise("e", "w", Law.GAUSSIAN, ONE), Noise("mask", "g", Law.UNIFORM)),
)

UNFIT: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"name": ""}, ("name",), "is a text"),
    ({"name": 5}, ("name",), "is a text"),
    ({"about": "\ud800"}, ("about",), "half a letter"),
    ({"about": None}, ("about",), "is a text"),
    ({"groups": ()}, (), "has no agents"),
    ({"parties": ("a b",)}, ("parties",), "the name of a party"),
    ({"parties": ("p", "p")}, ("parties", "p"), "'p' twice"),
    ({"parties": ("g",)}, ("parties", "g"), "'g' twice"),
    ({"parties": ("w",)}, ("graphs", "w"), "'w' twice"),
    ({"parties": ("world",)}, ("parties", "world"), "a meaning of its own"),
    ({"parties": ("network",)}, ("parties", "network"), "a meaning of its own"),
    ({"groups": (Group("nobody", 1),)}, ("agents", "nobody"), "a meaning of its own"),
    ({"cohorts": (Cohort("s", "g", 1),)}, ("secrets", "s"), "'s' twice"),
    ({"noises": (Noise("t", "g", Law.UNIFORM),)}, ("noises", "t"), "'t' twice"),
    ({"facts": (Fact("f", ("p",), "a"), Fact("f", ("p",), "b"))}, ("facts", "f"), "'f' twice"),
    ({"tables": (Table("t", ((HUGE,),)),)}, ("tables", "t", "rows"), "4096 bits"),
    ({"secrets": (secret("s", "g", domain=Ball(HUGE)),)}, ("secrets", "s", "squared_norm"), "4096 bits"),
    ({"secrets": (secret("s", "g", domain=Interval(-ONE, HUGE)),)}, ("secrets", "s", "range"), "4096 bits"),
    ({"noises": (Noise("n", "g", Law.LAPLACE, scale=HUGE),)}, ("noises", "n", "variance"), "4096 bits"),
    ({"cohorts": (Cohort("c", "g", 1, Sampling.POISSON, HUGE),)}, ("cohorts", "c", "rate"), "4096 bits"),
    ({"graphs": (Graph("w", "z", Wiring.RING),)}, ("graphs", "w", "over"), "no group 'z'"),
    ({"graphs": (Graph("w", "single", Wiring.RING),)}, ("graphs", "w", "over"), "a group of one"),
    ({"graphs": (Graph("w", "g", Wiring.GIVEN, edges=((0, 6),)),)}, ("graphs", "w"), "beyond its 6 members"),
    ({"graphs": (Graph("w", "g", Wiring.K_OUT, 6, 1),)}, ("graphs", "w", "picks"), "6 picks among 5 others"),
    ({"cohorts": (Cohort("c", "g", 7),)}, ("cohorts", "c", "least"), "more members than 'g' has"),
    ({"cohorts": (Cohort("c", "w", 1),)}, ("cohorts", "c", "of"), "no group 'w'"),
    ({"secrets": (secret("s", "p"),)}, ("secrets", "s", "of"), "no group 'p'"),
    ({"noises": (Noise("e", "s", Law.UNIFORM),)}, ("noises", "e", "of"), "no group, graph or party"),
    ({"noises": (Noise("e", "w", Law.UNIFORM, known_to=("q",)),)}, ("noises", "e", "known_to"), "is known to 'q'"),
    ({"messages": (message("s + y"),)}, ("messages", "m", "says"), "speaks of 'y'"),
    ({"messages": (message("s + m"),)}, ("messages", "m", "says"), "no earlier message"),
    ({"messages": (message("s + vote"),)}, ("messages", "m", "says"), "one of 2 answers"),
    ({"messages": (message("s + mask"),)}, ("messages", "m", "says"), "outside a ring"),
    ({"messages": (message("s + x"),)}, ("messages", "m", "says"), "cannot be added"),
    ({"messages": (message("mix(s, v)"),)}, ("messages", "m", "says"), "no graph, table or cohort"),
    ({"messages": (message("gossip(s, w, 0)"),)}, ("messages", "m", "says"), "asks for 0 rounds"),
    ({"messages": (message("gossip(s, w, 10001)"),)}, ("messages", "m", "says"), "10001 rounds"),
    ({"messages": (message("s", by="q"),)}, ("messages", "m", "by"), "no party and no group"),
    ({"messages": (message("e", by="w"),)}, ("messages", "m", "by"), "no party and no group"),
    ({"messages": (message("s", by="p"),)}, ("messages", "m", "by"), "a value for each of 'g'"),
    ({"messages": (message("sum(s)"),)}, ("messages", "m", "by"), "a value of one row"),
    ({"messages": (message("x"),)}, ("messages", "m", "by"), "a value for each of 'h'"),
    ({"messages": (message("s", to=("q",)),)}, ("messages", "m", "to"), "goes to 'q'"),
    ({"messages": (message("s", to=("w",)),)}, ("messages", "m", "to"), "goes to 'w'"),
    ({"messages": (message("s", to=("neighbors of w",)),)}, ("messages", "m", "to"), "goes to 'neighbors of w'"),
    ({"messages": (message("s", to=("neighbors in v",)),)}, ("messages", "m", "to"), "no graph 'v'"),
    ({"messages": (message("s", to=("next in w",)),)}, ("messages", "m", "to"), "no group 'w'"),
    ({"messages": (message("s", to=("next in h",)),)}, ("messages", "m", "to"), "is sent by 'g'"),
    ({"messages": (message("x", by="h", to=("neighbors in w",)),)}, ("messages", "m", "to"), "is sent by 'h'"),
    ({"messages": (message("sum(s)", by="p", to=("next in g",)),)}, ("messages", "m", "to"), "has one row"),
    ({"facts": (Fact("f", ("next in g",), "a"),)}, ("facts", "f", "to"), "has one row"),
    ({"facts": (Fact("f", ("q",), "a"),)}, ("facts", "f", "to"), "goes to 'q'"),
    ({"reports": (Report("r", "y", ONE, ("p",)),)}, ("reports", "r", "secret"), "no secret 'y'"),
    ({"reports": (Report("r", "s", ONE, ("q",)),)}, ("reports", "r", "to"), "goes to 'q'"),
    ({"reports": (Report("r", "s", ONE, ("p",), 1, "g", 3),)}, ("reports", "r", "shuffled_by"), "who is no party"),
    ({"reports": (Report("r", "s", ONE, ("p",), 1, "p", 7),)}, ("reports", "r", "least"), "more reports than"),
    ({"requirements": (Requirement("q", 1.0, 0.0),)}, ("requirements", 0, "against"), "not a known party"),
    ({"requirements": (Requirement("g", 1.0, 0.0),)}, ("requirements", 0, "against"), "not a known party"),
    ({"requirements": (Requirement("p", 1.0, 0.0), Requirement("g.6", 1.0, 0.0))}, ("requirements", 1, "against"), "6"),
    ({"aims": (Aim("s", ONE),)}, ("aims", 0, "error_of"), "no message 's'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "says"), UNFIT, ids=range(len(UNFIT)))
def test_what_does_not_fit_is_refused_with_its_path(
    changes: dict[str, Any], path: tuple[str | int, ...], says: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        replace(FLOW, **changes)
    assert says in str(refused.value)
    assert refused.value.path == path


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": (message("s", to=("neighbors in w", "next in g", "everybody", "nobody", "h", "network")),)},
        {"messages": (message("s + mask", ring=1),)},
        {"messages": (message("sum(s, c)", by="coordinator"),)},
        {"messages": (message("sum(s)", by="single"),)},
        {"reports": (Report("r", "vote", Fraction(3), ("neighbors in w",), 4, "p", 6),)},
        {"requirements": (Requirement("coordinator + g.5 + single + 10% of agents (adaptive)", 1.0, 0.0),)},
        {"facts": (Fact("s", ("everybody",), "a fact may have the name of a value"),)},
    ],
    ids=range(7),
)
def test_what_fits_is_taken(changes: dict[str, Any]) -> None:
    fitting = replace(FLOW, **changes)
    assert all(getattr(fitting, part) == value for part, value in changes.items())


def test_a_refusal_is_a_refused_configuration() -> None:
    with pytest.raises(ConfigurationError, match="has no agents"):
        Flow("n", "", ())


def test_formulas_that_could_not_be_read_again_are_refused() -> None:
    deep: Expression = Symbol("s")
    for _ in range(DEEPEST + 1):
        deep = Scaled(Fraction(2), deep)
    long = Added((Symbol("s"),) * 50_000)
    for says, told in ((deep, "50 deep"), (long, "100,000 characters")):
        with pytest.raises(ConfigurationError, match=told):
            replace(FLOW, messages=(Message("m", "g", says, ("p",)),))


def test_flows_have_few_parts() -> None:
    with pytest.raises(ConfigurationError, match="at most 2,000 parties"):
        replace(FLOW, parties=tuple(f"p{i}" for i in range(MOST_PARTS + 1)))


def test_the_rounds_of_a_report_are_those_of_its_secret() -> None:
    twice = replace(FLOW, secrets=(secret("s", "g", rounds=2),))
    assert replace(twice, reports=(Report("r", "s", ONE, ("p",), rounds=2),)).reports[0].rounds == 2
    with pytest.raises(ConfigurationError, match="has 3 rounds, its secret 2"):
        replace(twice, reports=(Report("r", "s", ONE, ("p",), rounds=3),))


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("g.0 + g.5", ["g.0", "g.5"]),
        ("g.6", []),
        ("g.05", []),
        ("g.-1", []),
        ("g.\N{ARABIC-INDIC DIGIT ONE}", []),
        ("g." + "9" * 5000, []),
        ("z.0", []),
        ("h.3 (adaptive)", ["h.3"]),
    ],
)
def test_members_that_a_coalition_may_name(text: str, members: list[str]) -> None:
    assert coalition_names(FLOW, text) == ["p", "single", *members]
