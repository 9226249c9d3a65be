"""Floats rounded in the direction that keeps a promise.

A float that a user reads as a bound must not lie on the wrong side of the real number that the
proof speaks of. Two tools do that here:

1. `up` and `down` turn an exact rational into the nearest float on the stated side.
2. `raised` and `lowered` move a *computed* float by a margin that covers the errors made on the
   way: `MARGIN` (2^-44, about 512 units in the last place) times the sum of the magnitudes of all
   terms that were added, then one float further. The elementary functions used (`exp`, `log`,
   `log1p`, `expm1`, `erfc`, `sqrt`) err by a few units in the last place of their own result, and
   no formula here adds more than a dozen terms, so the margin is an order of magnitude wider than
   needed; `tests/privacy` measures it against 60-digit arithmetic.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from tip.noise.cutoffs import exp_minus

MARGIN: Final = 2.0**-44
LEAST: Final = math.ulp(0.0)  # the least positive float
_DIGITS: Final = 160  # binary, of an exponential


def up(value: Fraction | int) -> float:
    """The least float >= an exact value (infinite above the largest float)."""
    try:
        nearest = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.nextafter(math.inf, 0.0)
    return math.nextafter(nearest, math.inf) if Fraction(nearest) < value else nearest


def down(value: Fraction | int) -> float:
    """The greatest float <= an exact value."""
    return -up(-value)


def raised(value: float, *terms: float) -> float:
    """A float above `value`, clear of the rounding errors of a sum of `terms` (default: of itself)."""
    slack = MARGIN * math.fsum(abs(term) for term in (terms or (value,)))
    return math.nextafter(value + slack, math.inf)


def lowered(value: float, *terms: float) -> float:
    """A float below `value`, by the margin of `raised`."""
    return -raised(-value, *terms)


def exp_up(exponent: float) -> float:
    """An upper bound of e^exponent; infinite where the float range ends."""
    return math.inf if exponent > 709.0 else raised(math.exp(exponent))


def log_up(ratio: Fraction) -> float:
    """An upper bound of the natural logarithm of an exact ratio >= 1.

    Where exact arithmetic shows that a number of 12 digits is not below it, that number: a ratio that was chosen for
    epsilon = 1 is told as 1, and not as a trifle more.
    """
    if ratio == 1:
        return 0.0
    above = _log_raised(ratio)
    short = float(f"{above:.12g}")
    return short if short <= above and ratio <= exp_down(Fraction(short)) else above


def exp_down(exponent: Fraction) -> Fraction:
    """A lower bound of e^exponent, relatively within 2^-90 for 0 <= exponent <= 40; above, a bound of no use."""
    return Fraction(1 << _DIGITS, exp_minus(exponent, _DIGITS) + 2)


def _log_raised(ratio: Fraction) -> float:
    if ratio < 2:
        return raised(math.log1p(float(ratio - 1)))
    shift = max(0, ratio.numerator.bit_length() - ratio.denominator.bit_length() - 1)
    return raised(shift * math.log(2) + math.log(float(ratio / (1 << shift))))


def sqrt_up(value: Fraction) -> float:
    """An upper bound of the square root of a rational >= 0; the root itself, rounded up, of a square."""
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    return up(root) if root * root == value else raised(math.sqrt(up(value)))


def on_grid_up(value: Fraction, bits: int) -> Fraction:
    """The least multiple of 2^-bits that is >= value: keeps the numbers of a ledger short."""
    return Fraction(-(-value.numerator * (1 << bits) // value.denominator), 1 << bits)


def on_grid_down(value: Fraction, bits: int) -> Fraction:
    """The greatest multiple of 2^-bits that is <= value."""
    return -on_grid_up(-value, bits)
