"""The enclosures of exponentials and cut-offs against decimal arithmetic."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.noise.cutoffs import (
    Digit,
    GaussianHalf,
    GaussianMagnitude,
    Geometric,
    LaplaceMagnitude,
    SidedDigit,
    cutoffs,
    exp_minus,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.noise.cutoffs import Law

PARAMETERS = st.fractions(min_value=Fraction(1, 50), max_value=200, max_denominator=10**6)


def exponential(x: Fraction) -> Decimal:
    """The slow twin: decimal's correctly rounded exponential (of a rounded argument: 150 digits do)."""
    return (-Decimal(x.numerator) / Decimal(x.denominator)).exp()


def exact(law: Law, size: int) -> list[Decimal]:
    """The slow twin: the first cut-offs from the masses as they are written in the law's docstring."""
    p = law.variance if isinstance(law, GaussianMagnitude | GaussianHalf) else law.scale  # type: ignore[attr-defined] # each law has one of the two
    gaussian = isinstance(law, GaussianMagnitude | GaussianHalf)
    base = exponential(1 / (2 * p) if gaussian else 1 / p)
    weights = [base ** (k * k if gaussian else k) for k in range(800)]
    if isinstance(law, Digit):
        weights = weights[: law.radix]
    if isinstance(law, SidedDigit):
        weights = weights[: law.radix] + weights[1 : law.radix + 1]
    if law.signed:
        weights = [weights[0], *(2 * weight for weight in weights[1:])]
    total = sum(weights)
    return [part / total for part in accumulate(weights)][:size]


@given(x=st.fractions(min_value=0, max_value=5000, max_denominator=10**9), bits=st.integers(16, 300))
def test_the_exponential_is_enclosed(x: Fraction, bits: int) -> None:
    with localcontext() as context:
        context.prec = 150
        low = exp_minus(x, bits)
        assert low <= 2**bits * exponential(x) < low + 2


@pytest.mark.parametrize("x", [Fraction(0), Fraction(1, 10**40), Fraction(10**40), Fraction(10**30 + 1, 10**30)])
def test_the_exponential_of_extreme_numbers(x: Fraction) -> None:
    with localcontext() as context:
        context.prec = 150
        low = exp_minus(x, 128)
        assert low <= 2**128 * exponential(x) < low + 2


@pytest.mark.parametrize("kind", [GaussianMagnitude, GaussianHalf, LaplaceMagnitude, Geometric])
@settings(max_examples=15, deadline=None)
@given(parameter=PARAMETERS)
def test_cutoffs_are_enclosed(kind: Callable[[Fraction], Law], parameter: Fraction) -> None:
    parameter = parameter / 60 if kind in (LaplaceMagnitude, Geometric) else parameter
    known = cutoffs(kind(parameter), 160)
    with localcontext() as context:
        context.prec = 150
        for low, true in zip(known.lows, exact(kind(parameter), len(known.lows)), strict=True):
            assert low <= 2**160 * true <= low + known.slack
    assert known.slack < 2**45


@pytest.mark.parametrize("kind", [Digit, SidedDigit])
@settings(max_examples=15, deadline=None)
@given(scale=PARAMETERS, radix=st.integers(1, 40))
def test_finite_cutoffs_are_enclosed_and_end_at_one(
    kind: Callable[[Fraction, int], Law], scale: Fraction, radix: int
) -> None:
    law = kind(scale, radix)
    known = cutoffs(law, 160)
    assert len(known.lows) == radix * (2 if kind is SidedDigit else 1)
    assert known.lows[-1] == 2**160
    with localcontext() as context:
        context.prec = 150
        for low, true in zip(known.lows[:-1], exact(law, len(known.lows) - 1), strict=True):
            assert low <= 2**160 * true <= low + known.slack


@pytest.mark.parametrize("bits", [24, 160])
@pytest.mark.parametrize("parameter", [Fraction(1, 3), Fraction(30)])
@pytest.mark.parametrize("kind", [GaussianMagnitude, GaussianHalf, LaplaceMagnitude, Geometric])
def test_weights_keep_each_of_their_bounds(kind: Callable[[Fraction], Law], parameter: Fraction, bits: int) -> None:
    """Lower bounds one by one, the error of initial parts, and the tail; the sum of all hides a wrong one."""
    law = kind(parameter)
    known = law.weights(bits)
    with localcontext() as context:
        context.prec = 80
        gaussian = isinstance(law, GaussianMagnitude | GaussianHalf)
        base = exponential(1 / (2 * parameter) if gaussian else 1 / parameter)
        sides, size = 2 if law.signed else 1, len(known.values)
        true = [2**bits * (sides if k else 1) * base ** (k * k if gaussian else k) for k in range(size + 50)]
        later = sum(true[size:]) if gaussian else true[size] / (1 - base)
        assert known.values[0] == 2**bits
        assert all(low <= exact for low, exact in zip(known.values, true, strict=False))
        parts = zip(accumulate(known.values), accumulate(true), strict=False)
        assert all(exact <= low + known.error for low, exact in parts)
        assert later <= known.tail


@pytest.mark.parametrize("law", [GaussianMagnitude(Fraction(100)), LaplaceMagnitude(Fraction(10))])
def test_more_bits_refine_the_same_numbers(law: Law) -> None:
    coarse, fine = cutoffs(law, 128), cutoffs(law, 320)
    for rough, sharp in zip(coarse.lows, fine.lows, strict=False):
        assert rough <= sharp + fine.slack >> 192
        assert sharp >> 192 <= rough + coarse.slack


def test_a_mutant_without_the_factor_two_is_caught() -> None:
    known = cutoffs(GaussianHalf(Fraction(4)), 160)
    with localcontext() as context:
        context.prec = 150
        true = exact(GaussianMagnitude(Fraction(4)), 1)[0]
        assert not known.lows[0] <= 2**160 * true <= known.lows[0] + known.slack
