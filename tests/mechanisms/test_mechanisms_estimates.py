"""Intervals of counts: their exact coverage, item by item."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import gammaln, xlog1py, xlogy

from tip.mechanisms.estimates import Counted, Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.95
MANY = 1000


def binomial(n: int, p: float) -> tuple[int, Floats]:
    """The least number of successes of those that matter (but for 1e-15), and the probabilities from there on."""
    reach = 9 * (n * p * (1 - p)) ** 0.5 + 30
    low, high = int(max(0, n * p - reach)), int(min(n, n * p + reach))
    count = np.arange(low, high + 1.0)
    terms = gammaln(n + 1) - gammaln(count + 1) - gammaln(n - count + 1) + xlogy(count, p) + xlog1py(n - count, -p)
    return low, np.exp(terms)


def missed(law: type[Counted], p: float, q: float, n: int, held: int) -> float:
    """The exact probability that the interval misses held / n, `held` of n agents holding the item."""
    (least, own), (first, others) = binomial(held, p), binomial(n - held, q)
    chances = np.convolve(own, others)
    supports = least + first + np.arange(len(chances))
    value = (supports / n - q) / (p - q)
    low, high = Estimate(value, np.zeros_like(value), 1.0, n, law=law(supports, p, q)).interval(LEVEL)
    return float(chances[(low > held / n) | (held / n > high)].sum() / chances.sum())


ORACLES = [(0.5, 0.3775), (0.5, 0.2689), (0.7311, 0.2689), (0.5, 0.018), (0.4665, 0.25), (0.05, 0.00093)]
HELD = (0, 1, 10, 30, 100, 300, 1000, 3000, 10_000, 50_000, 90_000, 100_000)


@pytest.mark.parametrize(("p", "q"), ORACLES)
def test_few_supports_are_covered_at_least_at_the_level(p: float, q: float) -> None:
    for n in (100, 2000, 100_000):
        for held in (number for number in HELD if number <= n):
            if min(n * q, held * p) < MANY:
                assert missed(Counted, p, q, n, held) <= 1 - LEVEL + 1e-9


@pytest.mark.parametrize(("p", "q"), ORACLES)
def test_many_supports_are_covered_about_at_the_level(p: float, q: float) -> None:
    for n in (10_000, 100_000):
        for held in (number for number in HELD if number <= n):
            if min(n * q, held * p) >= MANY:
                assert missed(Counted, p, q, n, held) == pytest.approx(1 - LEVEL, abs=0.005)


class Switched(Counted):
    """A mutant: the estimate decides on the law, so that a rare item gets the score interval by chance."""

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Any, Any]:
        n = estimate.reports
        few = n * self.p * np.maximum(estimate.value, 0.0) < MANY
        score, exact = self._score(estimate, alpha), self._exact(n, alpha)
        return np.where(few, exact[0], score[0]), np.where(few, exact[1], score[1])


def test_a_choice_by_the_estimate_would_miss_too_often() -> None:
    p, n = 0.5, 100_000
    q = 0.3775406687981454
    worst = max(missed(Switched, p, q, n, held) for held in range(100, 2000, 100))
    assert worst > 1 - LEVEL + 1e-9
    assert max(missed(Counted, p, q, n, held) for held in range(100, 2000, 100)) <= 1 - LEVEL + 1e-9


def test_an_interval_of_the_honest_is_wider() -> None:
    p, q, n = 0.5, 0.2, 5000
    supports = np.array([1200, 1000])
    value = (supports / n - q) / (p - q)
    estimate = Estimate(
        value, np.full(2, 1e-4), 1e-4, n, law=Counted(supports, p, q), reach=(-q / (p - q), 1 / (p - q))
    )
    low, high = estimate.interval(LEVEL)
    lower, higher = estimate.interval(LEVEL, malicious=10)
    assert (lower < low).all()
    assert (higher > high).all()
    assert (replace(estimate, reports=n).interval(LEVEL)[0] == low).all()
