"""Rounding in the safe direction."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tip.privacy.rounding import LEAST, down, exp_up, lowered, on_grid_down, on_grid_up, raised, sqrt_up, up

FRACTIONS = st.fractions(min_value=-(10**30), max_value=10**30)


@settings(max_examples=50, deadline=None)
@given(FRACTIONS)
def test_up_and_down_enclose_the_exact_value_with_neighboring_floats(x: Fraction) -> None:
    assert Fraction(down(x)) <= x <= Fraction(up(x))
    assert up(x) in {down(x), math.nextafter(down(x), math.inf)}


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_raised_is_above_and_lowered_below(x: float) -> None:
    assert lowered(x) < x < raised(x)
    assert raised(x) - x <= 2.0**-43 * abs(x) + 2 * LEAST


def test_raised_counts_all_terms() -> None:
    assert raised(0.0, 1e6, -1e6) >= 2e6 * 2.0**-44


def test_values_beyond_the_floats() -> None:
    assert up(10**400) == math.inf
    assert down(10**400) == -up(-(10**400)) == math.nextafter(math.inf, 0.0)
    assert Fraction(down(10**400)) < 10**400
    assert Fraction(up(-(10**400))) > -(10**400)
    assert up(Fraction(1, 10**400)) == LEAST
    assert exp_up(1e6) == math.inf
    assert exp_up(-1e6) > 0
    assert exp_up(710.0) == math.inf  # mutant: a later end, where exp itself overflows
    assert math.isfinite(exp_up(709.0))
    assert sqrt_up(Fraction(0)) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.fractions(min_value=0, max_value=10**20))
def test_sqrt_up(x: Fraction) -> None:
    root = Fraction(sqrt_up(x))
    assert root * root >= x
    assert float(root) <= math.sqrt(x) * (1 + 1e-12) + 1e-150


@settings(max_examples=50, deadline=None)
@given(FRACTIONS, st.integers(0, 80))
def test_the_grid_encloses(x: Fraction, bits: int) -> None:
    low, high = on_grid_down(x, bits), on_grid_up(x, bits)
    assert low <= x <= high
    assert high - low <= Fraction(1, 1 << bits)
    assert (high * (1 << bits)).denominator == 1
