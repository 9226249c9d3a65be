"""Precision: which flows floats hold without rounding. Exactness itself is tested with the view."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tip.flow.expressions import parse
from tip.flow.model import Cohort, Flow, Graph, Group, Interval, Law, Message, Noise, Secret, Table, Wiring
from tip.flow.precision import exact
from tip.privacy.statements import Neighboring


def flow(formula: str, by: str = "user", size: int = 4, rounds: int = 4) -> Flow:
    half, third = Fraction(1, 2), Fraction(1, 3)
    tables = tuple(
        Table(name, tuple(tuple(part for _ in range(4)) for _ in range(4)))
        for name, part in (("halves", half), ("thirds", third))
    )
    unit = Interval(Fraction(0), Fraction(1))
    return Flow(
        "one", "", groups=(Group("user", size),), parties=("server",), tables=tables,
        graphs=(Graph("ring", "user", Wiring.RING), Graph("full", "user", Wiring.COMPLETE)),
        cohorts=(Cohort("four", "user", 4), Cohort("three", "user", 3)),
        secrets=(Secret("x", "user", unit, Neighboring.REPLACE_ONE, False, rounds=rounds),),
        noises=(Noise("eta", "user", Law.GAUSSIAN, Fraction(1)), Noise("e", "ring", Law.GAUSSIAN, Fraction(1))),
        messages=(Message("a", "user", parse("x + eta"), ("nobody",)),
                  Message("m", by, parse(formula), ("everybody",))),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "by", "expected"),
    [
        ("x + eta + signed(e)", "user", True),
        ("0.25*x - 3*eta", "user", True),
        ("x/3 + eta", "user", False),
        ("0.1*x", "user", False),
        ("mean(x)", "server", True),
        ("mean(x, four)", "server", True),
        ("mean(x, three)", "server", False),
        ("sum(x, three)", "server", True),
        ("mix(x, full)", "user", True),  # weights 1/4
        ("mix(x, ring)", "user", False),  # weights 1/3
        ("apply(x, halves)", "user", True),
        ("apply(x, thirds)", "user", False),
        ("root(x)", "user", False),
        ("tree(token(so_far(previous(x))))", "user", True),
        ("gossip(eta, full, 8)", "user", True),
        ("gossip(eta, full, 40)", "user", False),  # denominators up to 4^39
        ("a - a/4", "user", True),
        ("a/1024 + 1099511627776*a", "user", True),  # 2^-10 and 2^40
        ("a/1024 + 8796093022208*a", "user", False),  # 2^-10 and 2^43
    ],
)
def test_only_what_needs_no_rounding_is_exact(formula: str, by: str, expected: bool) -> None:  # noqa: FBT001
    assert exact(flow(formula, by), ("m",)) is expected


def test_other_messages_do_not_matter() -> None:
    assert exact(flow("x/3"), ("a",))
