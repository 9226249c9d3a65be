"""Noise in shares against exact convolution, and rejected mutants.

Everything here is enumerated: the mass function of a sum of n discrete Gaussians by convolution of
positive numbers (so each mass has a relative error of a few n * 2^-53), on a support whose cut-off
tail is below e^-400; all integer shifts within the sensitivity; Renyi divergences and hockey-stick
divergences by direct summation.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.mechanisms.distributed import DistributedGaussian, honest_shares
from tip.privacy import gaussian, integer
from tip.privacy.events import DiscreteGaussianSum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Mass = NDArray[np.float64]

EPSILONS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
ORDERS = (1.01, 1.5, 2.0, 4.0, 8.0, 32.0)
FALSE_ALARMS = (1e-6, 1e-3, 0.01, 0.1, 0.5)
ROUNDING = 1e-9  # of the enumeration, relative


@dataclass(frozen=True)
class Claim:
    """What a formula promises about one release."""

    delta: Callable[[float], float]
    renyi: Callable[[float], float]
    hit_rate: Callable[[float], float]


@dataclass(frozen=True)
class Exact:
    """The truth, over all integer shifts of at most this squared length."""

    delta: dict[float, float]
    renyi: dict[float, float]
    hit_rate: dict[float, float]


def dominates(claim: Claim, exact: Exact) -> bool:
    """The one check of this page: whether the claim is an upper bound of the truth everywhere."""
    slack = 1 + ROUNDING
    return (
        all(claim.delta(e) * slack >= d for e, d in exact.delta.items())
        and all(claim.renyi(a) * slack >= r for a, r in exact.renyi.items())
        and all(claim.hit_rate(a) * slack >= h for a, h in exact.hit_rate.items())
    )


def claimed(event: DiscreteGaussianSum) -> Claim:
    rho = integer.rho_of_sum(event)
    return Claim(
        lambda e: integer.delta_of_rho(rho, e),
        lambda a: float(rho) * a,
        lambda a: integer.hit_rate(rho, a),
    )


def claimed_by_gaussian(squared_sensitivity: float, variance: float) -> Claim:
    """Mutant: the curve of real-arithmetic Gaussian noise, promised for integers."""
    mu = math.sqrt(squared_sensitivity / variance)
    return Claim(lambda e: gaussian.delta_of(e, mu), lambda a: mu * mu / 2 * a, lambda a: gaussian.hit_rate(mu, a))


@cache
def mass(share_variance: int, shares: int) -> Mass:
    """The exact law of the sum of the shares on a symmetric support."""
    reach = math.ceil(30 * math.sqrt(share_variance))
    k = np.arange(-reach, reach + 1, dtype=np.float64)
    single = np.exp(-k * k / (2 * share_variance))
    single /= single.sum()
    total = single
    for _ in range(shares - 1):
        total = np.convolve(total, single)
    return total


def shifts(squared: int, dimension: int) -> list[tuple[int, ...]]:
    """All integer vectors of at most this squared length, up to signs and order: noise is symmetric."""
    reach = math.isqrt(squared)
    every = itertools.combinations_with_replacement(range(reach + 1), dimension)
    return [v for v in every if 0 < sum(x * x for x in v) <= squared]


def pair(share_variance: int, shares: int, shift: tuple[int, ...]) -> tuple[Mass, Mass]:
    """The joint masses of noise and of noise plus shift, over all coordinates, where both are in reach."""
    law = mass(share_variance, shares)
    p = q = np.ones(1)
    for x in shift:
        p = np.multiply.outer(p, law[x:]).ravel()
        q = np.multiply.outer(q, law[: len(law) - x]).ravel()
    kept = (p > 1e-280) & (q > 1e-280)  # what is left out is far below the rounding
    return p[kept], q[kept]


def hit_rate(p: Mass, q: Mass, false_alarm: float) -> float:
    """The hit rate of the best randomized test (Neyman and Pearson)."""
    order = np.argsort(q / p)
    alarms, hits = np.cumsum(q[order]), np.cumsum(p[order])
    return float(np.interp(false_alarm, np.concatenate(([0.0], alarms)), np.concatenate(([0.0], hits))))


@cache
def truth(squared: int, share_variance: int, shares: int, dimension: int) -> Exact:
    delta, renyi, hits = dict.fromkeys(EPSILONS, 0.0), dict.fromkeys(ORDERS, 0.0), dict.fromkeys(FALSE_ALARMS, 0.0)
    for shift in shifts(squared, dimension):
        p, q = pair(share_variance, shares, shift)
        loss = np.log(p) - np.log(q)
        for e in EPSILONS:
            delta[e] = max(delta[e], float(np.maximum(p - math.exp(e) * q, 0).sum()))
        for a in ORDERS:
            peak = float(((a - 1) * loss + np.log(p)).max())
            moment = peak + math.log(float(np.exp((a - 1) * loss + np.log(p) - peak).sum()))
            renyi[a] = max(renyi[a], moment / (a - 1))
        for f in FALSE_ALARMS:
            hits[f] = max(hits[f], hit_rate(p, q, f))
    return Exact(delta, renyi, hits)


CASES = [
    (4 * bound, variance, shares, dimension)
    for bound, variance, shares, dimension in (
        (1, 2, 1, 1), (1, 2, 2, 1), (1, 2, 4, 2), (2, 2, 3, 2), (2, 4, 2, 2), (4, 4, 3, 1), (5, 4, 2, 2), (9, 4, 4, 1),
    )
]  # fmt: skip


@pytest.mark.parametrize(("squared", "variance", "shares", "dimension"), CASES)
def test_the_claim_dominates_the_truth(squared: int, variance: int, shares: int, dimension: int) -> None:
    event = DiscreteGaussianSum(squared, Fraction(variance), shares, dimension)
    assert dominates(claimed(event), truth(squared, variance, shares, dimension))


@pytest.mark.parametrize(("squared", "variance", "shares", "dimension"), CASES)
def test_the_claim_is_not_vacuous(squared: int, variance: int, shares: int, dimension: int) -> None:
    exact = truth(squared, variance, shares, dimension)
    rho = integer.rho_of_sum(DiscreteGaussianSum(squared, Fraction(variance), shares, dimension))
    assert float(rho) <= 1.0001 * max(r / a for a, r in exact.renyi.items())
    for e in EPSILONS:
        if exact.delta[e] > 1e-9:
            assert integer.delta_of_rho(rho, e) <= 12 * exact.delta[e]
    for a in FALSE_ALARMS:
        assert integer.hit_rate(rho, a) <= 2 * exact.hit_rate[a]


def test_the_densities_stay_within_tau() -> None:
    """Step 1 of the proof: |log ratio| to the discrete Gaussian of the same variance <= tau/2."""
    for variance, shares in ((1, 2), (1, 4), (2, 3)):
        law = mass(variance, shares)
        k = np.arange(len(law)) - len(law) // 2
        single = np.exp(-(k**2) / (2 * variance * shares))
        ratio = np.abs(np.log(law[law > 1e-200] / (single / single.sum())[law > 1e-200])).max()
        bound = integer.tau(Fraction(variance), shares) / 2
        assert ratio <= bound + 1e-12
        assert (variance, shares) != (1, 2) or ratio > bound / 4  # for two shares the step is nearly sharp


def test_mutant_continuous_gaussian_formula() -> None:
    """Integer noise of the same variance is *not* protected by the Gaussian curve."""
    squared, variance, shares, dimension = 1, 2, 2, 1
    exact = truth(squared, variance, shares, dimension)
    assert dominates(claimed(DiscreteGaussianSum(squared, Fraction(variance), shares, dimension)), exact)
    assert not dominates(claimed_by_gaussian(squared, variance * shares), exact)


def test_mutant_norm_growth_of_rounding_forgotten() -> None:
    """(0.9, 0.9) has squared norm 1.62 and may be rounded to (1, 1): the integer bound is 2, not floor(1.62)."""
    rounded = DistributedGaussian(2, Fraction(2), 2, 3)
    before_rounding = DistributedGaussian(1, Fraction(2), 2, 3)
    exact = truth(4 * 2, 2, 3, 2)  # from (1, 1) to (-1, -1)
    assert dominates(claimed(rounded.event(0)), exact)
    assert not dominates(claimed(before_rounding.event(0)), exact)


def test_mutant_colluders_shares_counted_as_protecting() -> None:
    mechanism = DistributedGaussian(1, Fraction(2), 1, 4)
    exact = truth(4, 2, honest_shares(4, 2), 1)  # two of the four shares are known to the coalition
    assert dominates(claimed(mechanism.event(2)), exact)
    assert not dominates(claimed(mechanism.event(0)), exact)


def test_mutant_survivors_over_counted() -> None:
    enrolled, minimum = 4, 3
    exact = truth(4, 2, minimum, 1)  # one agent dropped out
    assert dominates(claimed(DistributedGaussian(1, Fraction(2), 1, minimum).event(0)), exact)
    assert not dominates(claimed(DistributedGaussian(1, Fraction(2), 1, enrolled).event(0)), exact)


def test_mutant_zero_out_instead_of_replace_one() -> None:
    """Half of the sensitivity, c^2 for (2c)^2, is caught as well."""
    exact = truth(4 * 4, 4, 2, 1)
    assert dominates(claimed(DiscreteGaussianSum(4 * 4, Fraction(4), 2, 1)), exact)
    assert not dominates(claimed(DiscreteGaussianSum(4, Fraction(4), 2, 1)), exact)


def test_more_survivors_do_not_weaken_the_claim() -> None:
    claim = claimed(DistributedGaussian(1, Fraction(2), 1, 2).event(0))
    for survivors in (2, 3, 4):
        assert dominates(claim, truth(4, 2, survivors, 1))
