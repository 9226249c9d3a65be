"""Exact cut-offs of integer laws, enclosed by whole numbers.

A law on the cells 0, 1, 2, ... is given by weights; its cut-offs are C_j = P[cell <= j]. They are
irrational, so they are never stored: `cutoffs(law, bits)` encloses them between whole numbers over
2^bits, with as many bits as the caller wants. Only Python's whole numbers take part.

1. Every fixed-point number is rounded down, so it is a lower bound of what it stands for.
2. Beside each goes a proven bound of its error, in units of the last place ("ulps", 2^-bits).
3. More bits give narrower enclosures of the same real numbers: a decision never changes.

The bounds are derived in docs/noise.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from fractions import Fraction

_EXP_ULPS: Final = 2  # the error of `exp_minus`


def exp_minus(x: Fraction, bits: int) -> int:
    """A whole number e with e <= 2^bits exp(-x) < e + 2, for a rational x >= 0.

    The alternating series at x / 2^h < 1/2, squared h times, with enough guard bits.
    """
    if x >= bits:
        return 0  # exp(-x) < 2^-bits
    halvings = ceil(2 * x).bit_length()
    guard = halvings + bits.bit_length() + 8
    digits = bits + guard
    numerator, denominator = x.numerator, x.denominator << halvings
    value, term, index = 0, 1 << digits, 0
    while term:
        value += -term if index % 2 else term
        index += 1
        term = term * numerator // (denominator * index)
    error = 2 * index + 2  # each term is at most 2 ulps low, the first omitted one below 3
    for _ in range(halvings):
        value = value * value >> digits
        error = 2 * error + 1
    return max(0, value - error) >> guard


@dataclass(frozen=True, slots=True)
class Weights:
    """Lower bounds of the cells' weights in ulps, and what they may miss.

    The true weights of the listed cells sum to at most `sum(values) + error`, for every initial
    part of the list too; the cells that are not listed weigh at most `tail`, 0 for a finite law.
    """

    values: list[int]
    error: int
    tail: int


class Law(Protocol):
    """A law on the cells 0, 1, 2, ... that can be computed to any precision."""

    @property
    def signed(self) -> bool:
        """Whether cell k stands for both k and -k, told apart by a fair sign."""
        ...

    def __hash__(self) -> int: ...

    def weights(self, bits: int) -> Weights:
        """The cells' weights at this precision."""
        ...


def _gaussian(variance: Fraction, bits: int, sides: int) -> Weights:
    """Weights exp(-k^2 / 2 variance) by recurrence; cells k >= 1 count `sides` times."""
    one = 1 << bits
    ratio, square = exp_minus(1 / (2 * variance), bits), exp_minus(1 / variance, bits)
    values: list[int] = []
    weight, k = one, 0
    while weight > 2 * (k + 1) ** 2:  # 2 (k+1)^2 bounds the error of weight k
        values.append(sides * weight if k else weight)
        weight = weight * ratio >> bits
        ratio = ratio * square >> bits
        k += 1
    rest = one - ratio - 3 * (k + 1)  # one minus an upper bound of the ratio of later weights
    tail = sides * 4 * (k + 1) ** 2 * one // rest + 1
    return Weights(values, sides * 2 * (k + 1) ** 3, tail)


def _powers(scale: Fraction, bits: int, count: int | None) -> tuple[list[int], int]:
    """Powers exp(-k / scale), each at most 3k ulps low: `count` of them, or until that bound; and the ratio."""
    ratio = exp_minus(1 / scale, bits)
    values: list[int] = []
    weight, k = 1 << bits, 0
    while weight > 3 * k if count is None else k < count:
        values.append(weight)
        weight = weight * ratio >> bits
        k += 1
    return values, ratio


def _geometric(scale: Fraction, bits: int, sides: int) -> Weights:
    values, ratio = _powers(scale, bits, None)
    size = len(values)
    values[1:] = [sides * value for value in values[1:]]
    tail = sides * 6 * size * (1 << bits) // ((1 << bits) - ratio - _EXP_ULPS) + 1
    return Weights(values, sides * 2 * size**2, tail)


@dataclass(frozen=True, slots=True)
class GaussianMagnitude:
    """|X| for the discrete Gaussian, P[X = k] proportional to exp(-k^2 / 2 variance)."""

    variance: Fraction
    signed: bool = True

    def weights(self, bits: int) -> Weights:
        """1, 2w, 2w^4, 2w^9, ... for w = exp(-1 / 2 variance)."""
        return _gaussian(self.variance, bits, 2)


@dataclass(frozen=True, slots=True)
class GaussianHalf:
    """The discrete Gaussian conditioned to k >= 0."""

    variance: Fraction
    signed: bool = False

    def weights(self, bits: int) -> Weights:
        """1, w, w^4, w^9, ... for w = exp(-1 / 2 variance)."""
        return _gaussian(self.variance, bits, 1)


@dataclass(frozen=True, slots=True)
class LaplaceMagnitude:
    """|X| for the discrete Laplace law, P[X = k] proportional to exp(-|k| / scale)."""

    scale: Fraction
    signed: bool = True

    def weights(self, bits: int) -> Weights:
        """1, 2a, 2a^2, ... for a = exp(-1 / scale)."""
        return _geometric(self.scale, bits, 2)


@dataclass(frozen=True, slots=True)
class Geometric:
    """P[k] proportional to exp(-k / scale), k >= 0."""

    scale: Fraction
    signed: bool = False

    def weights(self, bits: int) -> Weights:
        """1, a, a^2, ... for a = exp(-1 / scale)."""
        return _geometric(self.scale, bits, 1)


@dataclass(frozen=True, slots=True)
class Digit:
    """P[k] proportional to exp(-k / scale), 0 <= k < radix."""

    scale: Fraction
    radix: int
    signed: bool = False

    def weights(self, bits: int) -> Weights:
        """1, a, ..., a^(radix-1) for a = exp(-1 / scale)."""
        values, _ = _powers(self.scale, bits, self.radix)
        return Weights(values, 2 * self.radix**2, 0)


@dataclass(frozen=True, slots=True)
class SidedDigit:
    """A `Digit` together with an independent side: cell `radix + k` is digit k on the lower side.

    The lower side, X < 0 in a discrete Laplace law, has probability a / (1 + a), a = exp(-1 / scale).
    """

    scale: Fraction
    radix: int
    signed: bool = False

    def weights(self, bits: int) -> Weights:
        """1, a, ..., a^(radix-1), then a, a^2, ..., a^radix."""
        values, _ = _powers(self.scale, bits, self.radix + 1)
        return Weights(values[:-1] + values[1:], 4 * (self.radix + 1) ** 2, 0)


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Whole numbers with `lows[j] <= 2^bits C_j <= lows[j] + slack`; C_j = 1 exactly at a finite law's end."""

    lows: list[int]
    slack: int


@lru_cache(maxsize=8)
def cutoffs(law: Law, bits: int) -> Cutoffs:
    """The law's cut-offs C_0, C_1, ... enclosed with this many bits."""
    weights = law.weights(bits)
    total = sum(weights.values)
    upper = total + weights.error + weights.tail
    lows = [(part << bits) // upper for part in accumulate(weights.values)]
    if not weights.tail:
        lows[-1] = 1 << bits
    return Cutoffs(lows, ((2 * weights.error + weights.tail) << bits) // total + 2)
