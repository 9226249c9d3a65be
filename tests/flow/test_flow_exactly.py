"""Exact rows: what is asked for is what stands in the whole, and nothing else is worked out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.exactly import Exactly
from tip.flow.expressions import parse
from tip.flow.model import Ball, Cohort, Flow, Graph, Group, Law, Message, Noise, Secret, Table, Wiring
from tip.flow.readymade import gossip, k_out
from tip.privacy.statements import Neighboring

MEMBERS = 5
FORMULAS = (
    "x + eta", "signed(e) - 2*eta", "mix(x, net)", "mix(x, heavy)", "gossip(x, net)", "gossip(eta, net, 4)",
    "gossip(gossip(eta, heavy, 2), net)", "gossip(x + eta, heavy)", "token(x)", "so_far(previous(x))", "apply(x, plan)",
    "last(x) + signed(2*e)", "tree(x)", "root(mix(x, net))",
)  # fmt: skip
SUMS = ("sum(x)", "mean(x + eta, some)", "sum(gossip(x, net))")


def flow(formula: str, by: str = "user") -> Flow:
    heavy = Table(
        "heavy", tuple(tuple(Fraction((2 * i + j) % 3 - 1, 1 + j) for j in range(MEMBERS)) for i in range(MEMBERS))
    )
    plan = Table("plan", ((Fraction(1), Fraction(-1)), (Fraction(0), Fraction(1, 2)), (Fraction(3), Fraction(0))))
    ball = Ball(Fraction(1))
    return Flow(
        "one", "", groups=(Group("user", MEMBERS),), parties=("server",), tables=(heavy, plan),
        graphs=(Graph("net", "user", Wiring.GIVEN, edges=((0, 1), (1, 2), (1, 3))),),
        cohorts=(Cohort("some", "user", 2),),
        secrets=(Secret("x", "user", ball, Neighboring.REPLACE_ONE, False, 1, rounds=2),),
        noises=(Noise("eta", "user", Law.GAUSSIAN, Fraction(1)), Noise("e", "net", Law.GAUSSIAN, Fraction(1))),
        messages=(Message("m", by, parse(formula), ("server",)),),
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FORMULAS), st.lists(st.integers(0, MEMBERS - 1), min_size=1, unique=True))
def test_some_members_are_those_of_all(formula: str, wanted: list[int]) -> None:
    built = flow(formula)
    size, rows = Exactly(built, frozenset(), one_round=False).message("m")
    assert size == MEMBERS
    asked = Exactly(built, frozenset(), one_round=False).said("m", tuple(wanted))
    assert asked == [rows[t * size + i] for t in range(len(rows) // size) for i in wanted]


@pytest.mark.parametrize("formula", SUMS)
def test_a_sum_asks_for_all_members(formula: str) -> None:
    size, rows = Exactly(flow(formula, "server"), frozenset(), one_round=False).message("m")
    assert (size, len(rows)) == (1, 2)
    assert all(rows)


def test_gossip_is_its_recursion() -> None:
    built = flow("gossip(x, heavy)")
    rows = Exactly(built, frozenset(), one_round=False).message("m")[1]
    for i, line in enumerate(built.tables[0].rows):
        assert rows[MEMBERS + i] == {
            **{("x", j, 0): factor for j, factor in enumerate(line) if factor},
            ("x", i, 1): Fraction(1),
        }


def test_two_members_of_many_are_asked_for_at_once_and_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tip.flow.exactly.MOST_ENTRIES", 20_000)
    many = gossip(100, k_out(3, seed=1), rounds=14, variance=Fraction(1))
    rows = Exactly(many, frozenset(), one_round=False).said("state", (7, 9))
    assert len(rows) == 28
    assert all(sum(row.values()) == 2 for row in rows)  # weights add up to 1, of answers and of noises
    with pytest.raises(ConfigurationError, match="too many for exact arithmetic"):
        Exactly(many, frozenset(), one_round=False).message("state")
