"""The exact delta of one discrete Gaussian, and the least variance.

For a whole number plus N, discrete Gaussian of parameter v = sigma^2, and an integer change s > 0 the log
likelihood ratio at y is (2 y s - s^2) / (2 v), increasing in y. So the worst set is {y >= c}, c the first
whole number with ratio >= e^epsilon, and (Canonne, Kamath, Steinke 2020, theorem 7)

    delta = sum_{y >= c} P[N = y - s] (1 - e^(epsilon - (2 y s - s^2) / (2 v)))

A smaller change has no greater delta: for every c, P[N >= c - s] - e^epsilon P[N >= c] grows with s.
By symmetry the other direction is the same. The sum is taken in floats, all of whose terms are >= 0, up to a
point from which on P[N >= K + 1] <= (v / K) P[N = K] bounds the rest; margins cover all rounding:
2^-36 of each weight (an exponent of at most 800 carries an error below 2^-40), and 2^-50 of the exponents'
magnitude for the differences. The result is never below delta.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np

from tip.errors import ConfigurationError
from tip.privacy.checks import probability, whole
from tip.privacy.gaussian import mu_of
from tip.privacy.rounding import up

LEAST_DELTA: Final = 1e-50
MOST_SIGMA: Final = 1 << 22  # steps; beyond, the sum takes too long
_CHUNK: Final = 1 << 15
_REST: Final = 36.0  # the sum stops where terms have fallen by e^-36
_MARGIN: Final = 2.0**-36
_PRECISION: Final = 14  # binary digits of the variance that is searched


def delta_of(epsilon: Fraction, sensitivity: int, variance: Fraction) -> float:
    """The least delta of one discrete Gaussian release at this epsilon >= 0, rounded up."""
    s, v = whole("sensitivity", sensitivity, least=1), float(variance)
    first = math.ceil(epsilon * variance / s + Fraction(s, 2)) - s  # c - s
    last = max(math.ceil(math.sqrt(max(first, 0) ** 2 + 2 * _REST * v)), first, 1) + 1
    if last > 38 * math.sqrt(v):
        return LEAST_DELTA if first > 16 * math.sqrt(v) else _sum(epsilon, s, v, first, math.ceil(37 * math.sqrt(v)))
    return _sum(epsilon, s, v, first, last)


def _sum(epsilon: Fraction, s: int, v: float, first: int, last: int) -> float:
    """The sum over y - s = first, ..., last, the bound of the rest, and the margins."""
    rate, total, weight, steepest = float(epsilon), 0.0, 0.0, 0.0
    for start in range(first, last + 1, _CHUNK):
        k = np.arange(start, min(start + _CHUNK, last + 1), dtype=np.float64)
        masses = np.exp(k * k * (-0.5 / v))
        gains = (k * s + s * s / 2) / v - rate  # (2 y s - s^2)/(2 v) - epsilon for y = k + s
        total += float((masses * -np.expm1(-np.maximum(gains, 0.0))).sum())
        weight += float(masses.sum())
        steepest = max(steepest, abs(float(k[-1])) * s / v + s * s / v)
    rest = math.exp(-0.5 * last * last / v) * v / last
    slack = _MARGIN * total + 2.0**-50 * (rate + steepest) * weight * 4
    return min(1.0, (total + rest + slack) / _normalizer(v) * (1 + _MARGIN))


def _normalizer(v: float) -> float:
    """A lower bound of the sum of exp(-k^2 / 2 v), up to the margin: sqrt(2 pi v) by Poisson summation, or summed."""
    if v >= 1:
        return math.sqrt(2 * math.pi * v)
    return 1 + 2 * math.fsum(math.exp(-k * k / (2 * v)) for k in range(1, 40))


def variance_for(epsilon: Fraction, delta: float, sensitivity: int) -> Fraction:
    """A variance whose `delta_of` is at most delta, and that 2^-13 less of would not do; a short fraction.

    Raises `ConfigurationError` where the noise would be too wide to be summed.
    """
    if not LEAST_DELTA < probability("delta", delta) < 1:
        raise ConfigurationError(f"delta lies in ({LEAST_DELTA:g}, 1), not {delta!r}")
    start = (sensitivity / mu_of(up(epsilon), delta)) ** 2
    if start > MOST_SIGMA**2:
        bits = int(math.log2(MOST_SIGMA * sensitivity / math.sqrt(start)))
        raise ConfigurationError(
            "the noise is too wide for this grid", instead=f"a coarser grid, bits <= {bits}" if bits > 0 else ""
        )
    unit = Fraction(2) ** (math.floor(math.log2(start)) - _PRECISION)
    high = math.ceil(start / unit)
    gap = 1
    while delta_of(epsilon, sensitivity, high * unit) > delta:
        high, gap = high + gap, 2 * gap
    low, gap = high - gap, 1
    while low > 0 and delta_of(epsilon, sensitivity, low * unit) <= delta:
        high, low, gap = low, low - gap, 2 * gap
    low = max(low, 0)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if delta_of(epsilon, sensitivity, middle * unit) <= delta else (middle, high)
    return high * unit
