"""Shapes: which members and rounds a formula has, against a slow twin that counts rows by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.flow.expressions import parse
from tip.flow.model import (
    Cohort,
    Flow,
    Graph,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Secret,
    Table,
    Wiring,
)
from tip.flow.shapes import Shape, message_shape, over, shape
from tip.privacy.statements import Neighboring

ONE = Fraction(1)
UNIT = Interval(Fraction(0), ONE)


def square(size: int) -> tuple[tuple[Fraction, ...], ...]:
    return tuple(tuple(Fraction(i == j) for j in range(size)) for i in range(size))


FLOW = Flow(
    "n",
    "",
    (Group("g", 6), Group("h", 4), Group("single", 1)),
    ("p",),
    graphs=(
        Graph("ring", "g", Wiring.RING),
        Graph("all", "h", Wiring.COMPLETE),
        Graph("some", "g", Wiring.K_OUT, picks=2, seed=3),
        Graph("few", "g", Wiring.GIVEN, edges=((0, 1), (2, 5))),
    ),
    tables=(Table("six", square(6)), Table("four", square(4)), Table("wide", square(4)[:3])),
    cohorts=(Cohort("cohort", "g", 3),),
    secrets=(
        Secret("s", "g", UNIT, Neighboring.ZERO_OUT, adaptive=False),
        Secret("s4", "g", UNIT, Neighboring.ZERO_OUT, adaptive=False, rounds=4),
        Secret("t", "h", UNIT, Neighboring.ZERO_OUT, adaptive=False),
        Secret("one", "single", UNIT, Neighboring.ZERO_OUT, adaptive=False),
    ),
    noises=(
        Noise("e", "ring", Law.GAUSSIAN, ONE),
        Noise("f", "few", Law.GAUSSIAN, ONE, rounds=4),
        Noise("k", "some", Law.GAUSSIAN, ONE),
        Noise("c", "all", Law.GAUSSIAN, ONE),
        Noise("own", "p", Law.GAUSSIAN, ONE),
        Noise("own3", "p", Law.GAUSSIAN, ONE, rounds=3),
    ),
    messages=(
        Message("m", "g", parse("s + s4"), ("p",)),
        Message("total", "p", parse("sum(m, cohort)"), ("everybody",)),
    ),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s", ("g", 6, 1)),
        ("s4", ("g", 6, 4)),
        ("one", ("", 1, 1)),
        ("own", ("", 1, 1)),
        ("one + own", ("", 1, 1)),
        ("e", ("ring", 6, 1)),
        ("f", ("few", 2, 4)),
        ("c", ("all", 6, 1)),
        ("2*s - s4/3", ("g", 6, 4)),
        ("sum(s4)", ("", 1, 4)),
        ("mean(s, cohort) + own3", ("", 1, 3)),
        ("sum(e)", ("", 1, 1)),
        ("signed(e) + s", ("g", 6, 1)),
        ("signed(f)", ("g", 6, 4)),
        ("signed(k) + s", ("g", 6, 1)),
        ("signed(c) + t", ("h", 4, 1)),
        ("mix(s4, ring)", ("g", 6, 4)),
        ("mix(s, six)", ("g", 6, 1)),
        ("gossip(s, ring, 5)", ("g", 6, 5)),
        ("gossip(s4, ring)", ("g", 6, 4)),
        ("gossip(s4, six, 4)", ("g", 6, 4)),
        ("gossip(t, four, 9)", ("h", 4, 9)),
        ("token(s4)", ("g", 6, 4)),
        ("previous(so_far(root(s4)))", ("g", 6, 4)),
        ("tree(s4)", ("g", 6, 7)),
        ("tree(s)", ("g", 6, 1)),
        ("apply(s4, wide)", ("g", 6, 3)),
        ("last(s4)", ("g", 6, 1)),
        ("m", ("g", 6, 4)),
        ("total + own", ("", 1, 4)),
    ],
)
def test_shapes(text: str, expected: tuple[str, int, int]) -> None:
    assert shape(FLOW, parse(text)) == Shape(*expected)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s + t", "cannot be added"),
        ("s + own", "one is a single value, the other a value for each of 'g'"),
        ("s + e", "a value for each of 'ring'"),
        ("e + f", "cannot be added"),
        ("s4 + tree(s4)", "values of 4 and of 7 rounds"),
        ("sum(own)", "sum wants a value for each member"),
        ("sum(t, cohort)", "a value for each of 'g'"),
        ("sum(s, ring)", "no cohort 'ring'"),
        ("signed(s)", "a noise on the edges of a graph"),
        ("signed(own)", "a noise on the edges of a graph"),
        ("mix(t, ring)", "the group of 'ring'"),
        ("mix(s, four)", "4 members and a square table"),
        ("mix(t, wide)", "a square table"),
        ("gossip(s4, ring, 5)", "as many rounds as its values have"),
        ("gossip(s, cohort)", "no table 'cohort'"),
        ("token(own)", "token wants a value for each member"),
        ("token(e)", "token wants a value for each member"),
        ("tree(own3)", "a power of two"),
        ("apply(s, wide)", "a value of 4 rounds"),
        ("apply(s4, ring)", "no table 'ring'"),
        ("nothing", "no secret, noise or message"),
        ("sum(totl)", "did you mean 'total'"),
    ],
)
def test_what_does_not_fit_is_told(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        shape(FLOW, parse(text))
    assert says.lower() in str(refused.value).lower()


def test_a_message_has_the_shape_of_what_it_says() -> None:
    assert [message_shape(FLOW, message) for message in FLOW.messages] == [Shape("g", 6, 4), Shape("", 1, 4)]


def test_known_shapes_are_used_and_kept() -> None:
    known = {"m": Shape("h", 4, 9)}
    assert shape(FLOW, parse("m"), known) == Shape("h", 4, 9)
    assert shape(FLOW, parse("sum(m)"), known) == Shape("", 1, 9)
    learned: dict[str, Shape] = {}
    shape(FLOW, parse("total"), learned)
    assert learned == {"m": Shape("g", 6, 4), "total": Shape("", 1, 4)}


def test_whom_a_name_stands_for() -> None:
    assert over(FLOW, "g") == ("g", 6)
    assert over(FLOW, "single") == ("", 1)
    assert over(FLOW, "p") == ("", 1)
    assert over(FLOW, "few") == ("few", 2)
    assert 6 <= over(FLOW, "some")[1] <= 12
    with pytest.raises(ConfigurationError, match="no group, graph or party"):
        over(FLOW, "s")
