"""Caps around a vector: their mass, their mean, and the best threshold.

PrivUnit and its relatives draw a height sqrt(d) a above a threshold t with probability p, else below it. With q = P[the
height is >= t] without the coin, p/(1 - p) = e^eps q/(1 - q), and E[sqrt(d) a] = D (p - q)/(q (1 - q)), D the mean over
the cap: phi(t) for a normal height, and for a cosine a closed form as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def settled(
    shrink: float, cap: Callable[[float], tuple[float, float]], error: Callable[[float, float], float], *, reach: float
) -> tuple[float, tuple[float, float], float]:
    """T, (p, q) and sqrt(d) E[a] of the least error, for e^-epsilon = shrink."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - scipy is imported where it is needed

    def follows(t: float) -> tuple[tuple[float, float], float]:
        q, density = cap(t)
        p = q / (q + (1 - q) * shrink)
        return (p, q), density * (p - q) / (q * (1 - q))

    best = minimize_scalar(lambda t: error(t, follows(t)[1]), bounds=(0.0, reach), method="bounded")
    return (float(best.x), *follows(float(best.x)))


def normal_cap(t: float) -> tuple[float, float]:
    """P[N >= t] and E[N; N >= t] = phi(t)."""
    return math.erfc(t / math.sqrt(2)) / 2, math.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def cosine_tail(x: float, half: float) -> float:
    """P[cosine >= x], for the law with density proportional to (1 - x^2)^(half - 1)."""
    from scipy.special import betainc  # noqa: PLC0415 - scipy is imported where it is needed

    return float(betainc(half, half, (1 - x) / 2))


def cosine_cap(t: float, dimension: int) -> tuple[float, float]:
    """P[cosine >= x] and sqrt(d) E[cosine; cosine >= x], x = t/sqrt(d): C (1 - x^2)^((d - 1)/2)/(d - 1)."""
    from scipy.special import gammaln  # noqa: PLC0415 - scipy is imported where it is needed

    x, half = t / math.sqrt(dimension), (dimension - 1) / 2
    constant = float(gammaln(dimension / 2) - gammaln(half)) - math.log(math.pi) / 2
    mean = math.exp(constant + half * math.log1p(-x * x)) / (2 * half)
    return cosine_tail(x, half), math.sqrt(dimension) * mean
