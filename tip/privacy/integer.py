"""Integer noise: zCDP of sums of discrete Gaussians, and what it means.

Theory of operation (proofs: docs/privacy.md). A mechanism is rho-zCDP when the Renyi divergence of
every order alpha > 1 between its laws on neighboring inputs is at most rho alpha (Bun and Steinke
2016). The square root of 2 rho is a distance: it adds up along a chain of laws. The chain for n
shares of parameter s and a change x of squared length D in d coordinates:

    S + x  --(T sqrt d)--  G + x  --(sqrt(D / (n s)))--  G  --(T sqrt d)--  S

S is the sum of the shares, G the discrete Gaussian of parameter n s, T a bound of the log ratio of
their masses. Hence rho = (sqrt(D / (n s)) + tau sqrt d)^2 / 2 with tau >= 2 T (`tau`), which is the
second bound of Kairouz, Liu and Steinke 2021, theorem 1.

The conversion to (epsilon, delta) is that of Canonne, Kamath and Steinke 2020, proposition 12:

    delta = min over alpha > 1 of e^((alpha - 1)(alpha rho - epsilon)) (1 - 1/alpha)^alpha / (alpha - 1)

Every alpha gives a valid bound, so the search for the best one cannot break the promise.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import singledispatch
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.privacy.checks import not_negative, probability, rational, whole
from tip.privacy.events import (
    Composed,
    Concentrated,
    DiscreteGaussian,
    DiscreteGaussianSum,
    DiscreteLaplace,
    Gaussian,
    Laplace,
    Nothing,
    Repeated,
)
from tip.privacy.rounding import LEAST, down, exp_up, on_grid_down, on_grid_up, raised, sqrt_up, up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.privacy.events import Event

_TERMS: Final = 512  # of tau that are summed one by one; the rest is bounded by its first
_GRID: Final = 128  # bits after the point of the inexact part of rho
_RHO_GRID: Final = 64


# -- the noise ------------------------------------------------------------------------------------


def tau(share_variance: Fraction, shares: int) -> float:
    """10 sum_{k=1}^{shares-1} exp(-2 pi^2 share_variance k/(k+1)), rounded up: twice the log ratio T.

    Proven where each exponential is at most 1/10 (docs/privacy.md, step 1), which shares of variance
    >= 1/4 satisfy; law 9 uses it from 2 on. The terms fall with k, so all after the first 512
    are bounded by the 513th.
    """
    if rational("share_variance", share_variance) < Fraction(1, 4):
        raise ConfigurationError(f"tau is proven for shares of variance >= 1/4, not {share_variance}")
    if whole("shares", shares, least=1) == 1:
        return 0.0
    rate = 2 * math.pi**2 * min(float(share_variance), 1e300)
    single = [exp_up(raised(-rate * k / (k + 1))) for k in range(1, min(shares, _TERMS + 1))]
    rest = max(0, shares - 1 - _TERMS) * exp_up(raised(-rate * (_TERMS + 1) / (_TERMS + 2)))
    return max(LEAST, raised(10 * (math.fsum(single) + rest)))


def rho_of_sum(event: DiscreteGaussianSum) -> Fraction:
    """The zCDP parameter of a vector that n shares of noise protect, rounded up.

    Exact, D/(2 n s), for one share; else the part that tau adds is rounded up to a multiple of 2^-128.
    """
    main = Fraction(event.squared_sensitivity) / (event.shares * event.share_variance)
    if event.shares == 1:
        return main / 2
    excess = Fraction(tau(event.share_variance, event.shares)) * Fraction(sqrt_up(Fraction(event.dimension)))
    return main / 2 + on_grid_up(Fraction(sqrt_up(main)) * excess + excess * excess / 2, _GRID)


@singledispatch
def rho_of(event: Event) -> Fraction | None:
    """The zCDP parameter of an event, rounded up; None where this file has no rule for it."""
    return Fraction(0) if isinstance(event, Nothing) else None


@rho_of.register
def _(event: DiscreteGaussianSum) -> Fraction:
    return rho_of_sum(event)


@rho_of.register
def _(event: DiscreteGaussian) -> Fraction:
    return event.sensitivity**2 / (2 * event.variance)


@rho_of.register
def _(event: Gaussian) -> Fraction:
    return Fraction(event.mu) ** 2 / 2


@rho_of.register
def _(event: Laplace) -> Fraction:
    return Fraction(event.epsilon) ** 2 / 2  # pure DP: docs/privacy.md, step 2


@rho_of.register
def _(event: DiscreteLaplace) -> Fraction:
    return (event.sensitivity / event.scale) ** 2 / 2


@rho_of.register
def _(event: Concentrated) -> Fraction:
    return event.rho


@rho_of.register
def _(event: Repeated) -> Fraction | None:
    single = rho_of(event.event)
    return None if single is None else event.times * single


@rho_of.register
def _(event: Composed) -> Fraction | None:
    parts = [rho_of(part) for part in event.events]
    return None if None in parts else sum((part for part in parts if part is not None), Fraction(0))


# -- what zCDP means ------------------------------------------------------------------------------


def epsilon_of_rho(rho: Fraction, delta: float) -> float:
    """An epsilon for which every rho-zCDP mechanism is (epsilon, delta)-DP, rounded up; 0 < delta < 1."""
    _proper(delta)
    if rational("rho", rho) == 0:
        return 0.0
    rate = up(rho)
    scale = math.log(delta)

    def slope(order: float) -> float:  # sign of the derivative of epsilon by the order
        return (1 + 2 * order) * rate - math.log1p(1 / order) - _epsilon_at(order, rate, scale)[0]

    value, terms = _epsilon_at(_root(slope, rate), rate, scale)
    return max(0.0, raised(value, *terms))


def _epsilon_at(order: float, rho: float, log_delta: float) -> tuple[float, tuple[float, ...]]:
    """Epsilon of the conversion at alpha = 1 + order, and the terms that it was added from."""
    slack = order * math.log1p(1 / order) + math.log1p(order)  # -log of (1 - 1/alpha)^alpha / (alpha - 1)
    terms = (rho, order * rho, -log_delta / order, -slack / order)
    return math.fsum(terms), terms


def delta_of_rho(rho: Fraction, epsilon: float) -> float:
    """A delta for which every rho-zCDP mechanism is (epsilon, delta)-DP, rounded up."""
    not_negative("epsilon", epsilon)
    if rational("rho", rho) == 0:
        return 0.0
    rate = up(rho)

    def slope(order: float) -> float:  # derivative of log delta by the order: it grows with the order
        return (1 + 2 * order) * rate - epsilon - math.log1p(1 / order)

    order = _root(slope, rate)
    terms = (
        order * rate,
        order * order * rate,
        -order * epsilon,
        -order * math.log1p(1 / order),
        -math.log1p(order),
    )
    return min(1.0, exp_up(raised(math.fsum(terms), *terms)))


def rho_for(epsilon: float, delta: float) -> Fraction:
    """The greatest rho, to a relative 2^-40, whose `epsilon_of_rho` at delta is at most epsilon; rounded down.

    Raises where even the least rho on the grid of multiples of 2^-64 asks for more.
    """
    not_negative("epsilon", epsilon)
    _proper(delta)
    high = Fraction(1)
    while epsilon_of_rho(high, delta) <= epsilon:
        high *= 2
    low = Fraction(0)
    while high - low > high / (1 << 40) and high > Fraction(1, 1 << _RHO_GRID):
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of_rho(middle, delta) <= epsilon else (low, middle)
    low = on_grid_down(low, _RHO_GRID)
    if low == 0:
        raise ConfigurationError(
            f"no noise gives epsilon {epsilon} at delta {delta} through zCDP", instead="ask for a larger epsilon"
        )
    return low


def hit_rate(rho: Fraction, false_alarm: float) -> float:
    """An upper bound of any test's hit rate against rho-zCDP at false-alarm rate a, rounded up.

    The least of four proven bounds (docs/privacy.md, step 5), with L = log 1/a, M = log 1/(1 - a):
    e^(-(sqrt L - sqrt rho)^2) for L > rho, which is the minimum over all (epsilon, delta) of
    e^epsilon a + delta; 1 - e^(-(sqrt M + sqrt rho)^2), the same for the misses;
    a + sqrt(rho/2) (Pinsker); and 1.
    """
    probability("the false-alarm rate", false_alarm)
    if false_alarm in {0.0, 1.0} or rational("rho", rho) == 0:
        return false_alarm
    root = math.sqrt(up(rho))
    bounds = [1.0, raised(false_alarm + root / math.sqrt(2))]
    gap = math.sqrt(-math.log(false_alarm)) - root
    if gap > 0:
        gap = max(0.0, gap - 2.0**-44 * (gap + 2 * root))
        bounds.append(exp_up(raised(-gap * gap)))
    reach = raised(math.sqrt(-math.log1p(-false_alarm)) + root)
    bounds.append(raised(-math.expm1(-raised(reach * reach))))
    return min(bounds)


def loss_tail(rho: Fraction, epsilon: float) -> float:
    """A bound of P[privacy loss > epsilon] under rho-zCDP: e^(-(epsilon - rho)^2/(4 rho)), rounded up.

    Markov's inequality at the best order, 1 + (epsilon - rho)/(2 rho); 1 for epsilon <= rho. It holds
    after post-processing as well.
    """
    rational("rho", rho)
    if rho == 0:
        return 0.0 if epsilon > 0 else 1.0
    excess = Fraction(not_negative("epsilon", epsilon)) - rho
    return 1.0 if excess <= 0 else min(1.0, exp_up(raised(-down(excess * excess / (4 * rho)))))


def _root(slope: Callable[[float], float], rho: float) -> float:
    """Where an increasing function of alpha - 1 > 0 changes its sign, by bisection of the logarithm."""
    low, high = -40.0, min(700.0, math.log1p(1 / rho) + 40.0)  # any order is sound; these hold the best
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return math.exp(high)


def _proper(delta: float) -> None:
    if not 0 < probability("delta", delta) < 1:
        raise ConfigurationError(f"delta lies strictly between 0 and 1, not {delta!r}")
