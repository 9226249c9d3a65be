"""Tails against exact fractions: never below, and nearly equal."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.protocols.masking.tails import log2_binomial, log2_none, log2_sum, log2_tail, log2_tails


def exact_tail(population: int, marked: int, drawn: int, least: int) -> Fraction:
    ways = (
        math.comb(marked, hits) * math.comb(population - marked, drawn - hits)
        for hits in range(max(0, least), min(marked, drawn) + 1)
    )
    return Fraction(sum(ways), math.comb(population, drawn))


def exact_log2(value: Fraction) -> float:
    """log2 of a positive fraction, within 2^-45."""
    shift = value.denominator.bit_length() - value.numerator.bit_length()
    return math.log2(float(value * Fraction(2) ** shift)) - shift


@st.composite
def drawings(draw: st.DrawFn) -> tuple[int, int, int]:
    population = draw(st.integers(1, 300))
    return population, draw(st.integers(0, population)), draw(st.integers(0, population))


@given(drawings())
def test_all_tails_of_one_law_are_upper_bounds_and_tight(setting: tuple[int, int, int]) -> None:
    bounds = log2_tails(*setting)
    for least, bound in enumerate(bounds):
        exact = exact_tail(*setting, least)
        if exact == 0:
            assert bound == -math.inf
        else:
            assert exact_log2(exact) - 1e-12 <= bound <= exact_log2(exact) + 1e-6


@given(drawings(), st.integers(1, 301))
def test_the_geometric_bound_is_above_the_tail(setting: tuple[int, int, int], least: int) -> None:
    population, marked, drawn = setting
    exact, bound = exact_tail(population, marked, drawn, least), float(log2_tail(population, marked, drawn, least))
    assert bound <= 0
    assert (bound == -math.inf) if exact == 0 else (bound >= exact_log2(exact) - 1e-12)


def test_the_geometric_bound_is_within_a_bit_where_it_decides() -> None:
    for population, marked, drawn, least in ((999, 100, 60, 25), (99, 20, 41, 16), (899, 100, 115, 43)):
        exact = exact_log2(exact_tail(population, marked, drawn, least))
        assert 0 <= float(log2_tail(population, marked, drawn, least)) - exact < 1


def test_the_first_mass_alone_would_be_no_bound() -> None:  # the mutant: without the division by 1 - ratio
    population, marked, drawn, least = 99, 20, 41, 12
    first = Fraction(math.comb(20, 12) * math.comb(79, 29), math.comb(99, 41))
    assert exact_log2(first) < exact_log2(exact_tail(population, marked, drawn, least)) - 0.1


@given(st.integers(0, 400), st.integers(0, 400))
def test_binomials(whole: int, part: int) -> None:
    bound = float(log2_binomial(whole, part))
    if part > whole:
        assert bound == -math.inf
    else:
        exact = exact_log2(Fraction(math.comb(whole, part)))
        assert exact - 1e-12 <= bound <= exact + 1e-6


@given(drawings())
def test_none_of_the_marked(setting: tuple[int, int, int]) -> None:
    population, marked, drawn = setting
    exact = Fraction(math.comb(population - marked, drawn), math.comb(population, drawn))
    bound = float(log2_none(population, marked, drawn))
    assert (bound == -math.inf) if exact == 0 else (exact_log2(exact) - 1e-12 <= bound <= exact_log2(exact) + 1e-6)


@pytest.mark.parametrize(("population", "marked", "drawn", "least"), [(10**5, 10**4, 165, 61), (10**6, 10**5, 150, 60)])
def test_large_populations_keep_the_direction(population: int, marked: int, drawn: int, least: int) -> None:
    exact = exact_log2(exact_tail(population, marked, drawn, least))
    assert 0 <= float(log2_tails(population, marked, drawn)[least]) - exact < 1e-2
    assert 0 <= float(log2_tail(population, marked, drawn, least)) - exact < 1


def test_sums() -> None:
    assert log2_sum([]) == -math.inf
    assert log2_sum([-math.inf, -math.inf]) == -math.inf
    assert 0 <= log2_sum([-1.0, -2.0, -2.0]) < 1e-5
    assert log2_sum(np.full(1024, -1000.0)) == pytest.approx(-990.0)
