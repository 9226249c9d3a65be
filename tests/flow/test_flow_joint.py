"""The worst case of a secret over several rounds."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow import joint
from tip.flow.exact import exact_losses
from tip.flow.joint import joint_bound

F = Fraction
Gram = list[list[Fraction]]


@st.composite
def grams(draw: st.DrawFn) -> tuple[Gram, list[Fraction]]:
    """Positive semidefinite matrices with reaches."""
    rounds = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=rounds, max_size=rounds))
    gram = [[F(sum(x * y for x, y in zip(one, two, strict=True)), 7) for two in rows] for one in rows]
    reaches = draw(st.lists(st.sampled_from([F(0), F(1), F(2), F(1, 3)]), min_size=rounds, max_size=rounds))
    return gram, reaches


def worst(gram: Gram, reaches: list[float], uses: int) -> float:
    """All signs on all sets of rounds: a convex function is largest at a vertex."""
    best = 0.0
    for used in combinations(range(len(gram)), min(uses, len(gram))):
        for signs in product((1, -1), repeat=len(used)):
            moved = [sign * reaches[t] for sign, t in zip(signs, used, strict=True)]
            pairs = product(zip(moved, used, strict=True), repeat=2)
            best = max(best, sum(x * y * float(gram[s][t]) for (x, s), (y, t) in pairs))
    return best


@settings(max_examples=300, deadline=None)
@given(grams(), st.integers(1, 6))
def test_the_worst_case_lies_between_the_bounds(case: tuple[Gram, list[Fraction]], uses: int) -> None:
    gram, squares = case
    found = joint_bound(gram, squares, uses)
    true = worst(gram, [float(c) ** 0.5 for c in squares], uses)
    assert float(found.lower) <= true + 1e-12
    assert float(found.upper) >= true - 1e-12
    assert sum(sign != 0 for sign in found.signs) <= uses
    if uses >= len(gram):
        assert float(found.lower) == pytest.approx(true, abs=1e-9)
    if all(p >= 0 for row in gram for p in row) and uses >= len(gram):
        assert float(found.upper) == pytest.approx(float(found.lower), abs=1e-9)


def test_eight_rounds_with_one_noise_are_not_eight_rounds_with_fresh_noise() -> None:
    # the same eta in all rounds, and a little fresh noise: y_t = x_t + eta + g_t; opposite moves cannot hide behind eta
    rows = [{0: F(1), t + 1: F(1)} for t in range(8)]
    variances = [F(100), *[F(1)] * 8]
    changes = [[F(int(s == t)) for s in range(8)] for t in range(8)]
    tests = [found.test for found in exact_losses(rows, changes, variances)]
    gram = [[sum((x * z for x, z in zip(moved, u, strict=True)), F(0)) for u in tests] for moved in changes]
    found = joint_bound(gram, [F(1)] * 8, 8)
    alone = F(8, 101)  # each round by itself
    assert alone == sum(1 / (variances[0] + variances[t + 1]) for t in range(8))
    assert found.lower == 8  # four up, four down: only the fresh noise is left
    assert sum(found.signs) == 0
    assert found.lower > 100 * alone
    assert found.lower <= found.upper < 15


def test_rounds_beyond_the_allowed_uses_do_not_count() -> None:
    gram = [[F(1) if s == t else F(0) for t in range(10)] for s in range(10)]
    for uses in (1, 3, 10, 99):
        found = joint_bound(gram, [F(4)] * 10, uses)
        assert found.upper == found.lower == 4 * min(uses, 10)


def test_the_unequal_rounds_are_chosen_worst() -> None:
    gram = [[F(1), F(0)], [F(0), F(9)]]
    assert joint_bound(gram, [F(1), F(1)], 1).upper == 9
    assert joint_bound(gram, [F(10), F(1)], 1).upper == 10
    assert joint_bound(gram, [F(10), F(1)], 1).signs == (1, 0)


def test_errors_of_entries_widen_both_sides() -> None:
    gram = [[F(1), F(-1, 2)], [F(-1, 2), F(1)]]
    plain, wide = joint_bound(gram, [F(1)] * 2, 2), joint_bound(gram, [F(1)] * 2, 2, error=F(1, 100))
    assert plain.upper == plain.lower == 3
    assert plain.signs == (1, -1)
    assert wide.upper == F(304, 100)
    assert wide.lower == F(296, 100)


def test_many_rounds_climb_to_the_sign_pattern() -> None:
    signs = [1 if (t * t) % 7 < 3 else -1 for t in range(40)]
    gram = [[F(s * t) + (F(1, 3) if i == j else 0) for j, t in enumerate(signs)] for i, s in enumerate(signs)]
    found = joint_bound(gram, [F(1)] * 40, 40)
    assert found.upper == found.lower == 1600 + F(40, 3)


@given(st.fractions(min_value=0, max_value=10**30))
def test_roots_lie_on_the_stated_side(square: Fraction) -> None:
    low, high = joint._root(square, up=False), joint._root(square, up=True)
    assert low * low <= square <= high * high
    assert high - low <= F(1, 2**62) * high


def test_bad_requests() -> None:
    with pytest.raises(ConfigurationError, match="Gram"):
        joint_bound([[F(1)]], [F(1), F(1)], 1)
    with pytest.raises(ConfigurationError, match="symmetric"):
        joint_bound([[F(1), F(1)], [F(0), F(1)]], [F(1), F(1)], 1)
    with pytest.raises(ConfigurationError, match=">= 0"):
        joint_bound([[F(1)]], [F(-1)], 1)
    with pytest.raises(ConfigurationError, match="at least 1"):
        joint_bound([[F(1)]], [F(1)], 0)
