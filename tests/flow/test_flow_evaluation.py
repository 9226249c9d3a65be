"""Evaluation: exact in whole numbers and fractions, wrapped in rings, plain in floats."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.evaluation import evaluate
from tip.flow.exactly import Exactly
from tip.flow.expressions import parse
from tip.flow.model import Ball, Cohort, Flow, Graph, Group, Law, Message, Noise, Secret, Table, Wiring
from tip.privacy.statements import Neighboring

USERS = 4
WORDS = st.integers(-(2**62), 2**62)
WHOLE = (
    "x + eta", "x + signed(e)", "3*x - eta", "so_far(x)", "token(x - eta)", "mix(x, heavy)", "gossip(x, heavy)",
    "previous(x) + eta", "apply(x, plan)", "last(x)", "tree(x)",
)  # fmt: skip
BROKEN = ("x/3 + eta", "mix(x, net)", "root(x)", "gossip(x, net)")


def flow(formula: str, *, ring: int = 0, by: str = "user", rounds: int = 2) -> Flow:
    heavy = Table("heavy", tuple(tuple(Fraction((i * j) % 3 - 1) for i in range(USERS)) for j in range(USERS)))
    plan = Table("plan", tuple(tuple(Fraction(i - j) for i in range(rounds)) for j in range(3)))
    ball = Ball(Fraction(1))
    return Flow(
        "one", "", groups=(Group("user", USERS),), parties=("server",),
        graphs=(Graph("net", "user", Wiring.PATH),), tables=(heavy, plan), cohorts=(Cohort("some", "user", 2),),
        secrets=(Secret("x", "user", ball, Neighboring.REPLACE_ONE, False, 2, whole=True, rounds=rounds),),
        noises=(Noise("eta", "user", Law.DISCRETE_GAUSSIAN, Fraction(1)),
                Noise("e", "net", Law.DISCRETE_GAUSSIAN, Fraction(1), rounds=rounds)),
        messages=(Message("m", by, parse(formula), ("server",), ring),),
    )  # fmt: skip


@st.composite
def whole_values(draw: st.DrawFn) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    shapes = {"x": (2, USERS, 2), "eta": (1, USERS, 2), "e": (2, USERS - 1, 2)}
    size = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    return {
        name: np.array(draw(st.lists(WORDS, min_size=size[name], max_size=size[name])), np.int64).reshape(shape)
        for name, shape in shapes.items()
    }


def by_definition(built: Flow, values: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]) -> list[Fraction]:
    """The exact rows of the formula, times the values: round after round, member after member, coordinates last."""
    rows = Exactly(built, frozenset(), one_round=False).message("m")[1]
    return [
        sum((entry * int(values[name][t, i, c]) for (name, i, t), entry in row.items()), Fraction(0))
        for row in rows
        for c in range(2)
    ]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from((*WHOLE, *BROKEN)), whole_values())
def test_whole_numbers_are_never_rounded_and_never_overflow(
    formula: str, values: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]
) -> None:
    said = evaluate(flow(formula), values)["m"]
    assert [Fraction(entry) for entry in said.ravel().tolist()] == by_definition(flow(formula), values)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(WHOLE), st.sampled_from([1, 8, 32, 63, 64]), whole_values())
def test_in_a_ring_values_wrap(
    formula: str, ring: int, values: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]
) -> None:
    said = evaluate(flow(formula, ring=ring), values)["m"]
    assert said.dtype == np.uint64
    assert said.ravel().tolist() == [int(entry) % 2**ring for entry in by_definition(flow(formula), values)]


@pytest.mark.parametrize("formula", BROKEN)
def test_a_ring_refuses_fractions(formula: str) -> None:
    with pytest.raises(ConfigurationError, match="whole"):
        evaluate(flow(formula, ring=32), ones())


def ones() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    return {"x": np.ones((2, USERS, 2), np.int64), "eta": np.ones((1, USERS, 2), np.int64),
            "e": np.ones((2, USERS - 1, 2), np.int64)}  # fmt: skip


def test_results_that_are_whole_are_int64_and_others_fractions() -> None:
    assert evaluate(flow("x/2 + eta/2"), ones())["m"].dtype == np.int64
    said = evaluate(flow("x/3"), ones())["m"]
    assert said.dtype == np.object_
    assert said[0, 0, 0] == Fraction(1, 3)


def test_floats_stay_floats_also_beside_whole_numbers() -> None:
    values = {**ones(), "eta": np.full((1, USERS, 2), 0.25)}
    said = evaluate(flow("x + eta"), values)["m"]
    assert said.dtype == np.float64
    assert (said == 1.25).all()
    with pytest.raises(ConfigurationError, match="whole numbers, not float64"):
        evaluate(flow("x + eta", ring=8), values)


def test_large_words_of_masks_are_words() -> None:
    values = {**ones(), "eta": np.full((1, USERS, 2), 2**64 - 1, np.uint64)}
    assert (evaluate(flow("x + eta", ring=64), values)["m"] == 0).all()
    assert evaluate(flow("x + eta"), values)["m"][0, 0, 0] == 2**64


@pytest.mark.parametrize(("formula", "expected"), [("sum(x, some)", 3), ("mean(x, some)", Fraction(3, 2))])
def test_sums_over_those_present_and_means_over_the_public_least(formula: str, expected: Fraction) -> None:
    built = flow(formula, by="server")
    said = evaluate(built, ones(), {"some": np.array([0, 1, 3])})["m"]
    assert said.shape == (2, 1, 2)
    assert set(said.ravel().tolist()) == {expected}
    each = evaluate(built, ones(), {"some": [np.array([0, 1, 3]), np.array([1, 2])]})["m"]
    assert each[1, 0, 0] * 3 == each[0, 0, 0] * 2


def test_messages_are_computed_from_messages_as_they_were_sent() -> None:
    built = flow("x + 255*x", ring=8)
    built = replace(built, messages=(*built.messages, Message("n", "server", parse("sum(m) + sum(x)"), ("server",))))
    said = evaluate(built, ones())
    assert (said["m"] == 0).all()
    assert (said["n"] == USERS).all()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({}, "needs the values of 'eta'"),
        ({"x": np.ones((1, USERS, 2), np.int64)}, "rounds, members, dimension"),
        ({"x": np.ones((2, USERS), np.int64)}, "rounds, members, dimension"),
        ({"x": np.ones((2, USERS, 2), np.bool_)}, "numbers"),
    ],
)
def test_wrong_values_are_refused(
    values: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]], match: str
) -> None:
    with pytest.raises(ConfigurationError, match=match):
        evaluate(flow("x + eta"), values)
