"""Intervals for means that hold for every number of reports.

Duchi's is that of a count, exact for every number of reports. The normal law of the others is right
for many reports; `Bounded` holds for every number of reports and
every population: the least of Hoeffding's and Bernstein's bound (Hoeffding 1963, theorem 2; Bernstein,
as in Boucheron, Lugosi, Massart 2013, corollary 2.11). Both use public numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.mechanisms.estimates import Estimate

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounded:
    """Estimates that are means of independent numbers of modulus <= reach and variance <= `variance`; no normal law.

    In the units of the estimate, about the middle of the range; `half` is half of the range's width. Scalars, or
    arrays of the estimate's shape.
    """

    reach: Floats | float
    variance: Floats | float
    half: Floats | float

    def moved(self, value: Floats, reports: int) -> Bounded:
        """Itself: it uses nothing that reports say."""
        del value, reports
        return self

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """Value -+ the lesser of the two half-widths: it depends on nothing but alpha and the number of reports."""
        n, rate = max(estimate.reports, 1), log(2 / alpha)
        linear = 2 * (np.asarray(self.reach) + self.half) * rate / 3
        bernstein = (linear + np.sqrt(linear**2 + 8 * n * np.asarray(self.variance) * rate)) / (2 * n)
        width = np.minimum(np.asarray(self.reach) * sqrt(2 * rate / n), bernstein)
        return estimate.value - width, estimate.value + width


@dataclass(frozen=True, slots=True)
class Proportion:
    """A mean low + width f that a count of ones tells, each with probability q + (p - q) f on average."""

    ones: int
    p: float
    q: float
    low: float
    width: float

    def moved(self, value: Floats, reports: int) -> Proportion:
        """The same with as many ones among so many reports as the value stands for."""
        ones = round(reports * (self.q + (self.p - self.q) * (float(value) - self.low) / self.width))
        return replace(self, ones=min(max(ones, 0), reports))

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """Clopper and Pearson's interval of the ones' mean probability, on the scale of the mean; for every n.

        A count of independent ones with unlike probabilities has tails outside the mean's neighborhood of at most
        the binomial's with the same mean (Hoeffding 1956). The score interval of `Counted` will not do: its variance
        is that of agents at the ends of the range, and those inside have more.
        """
        from scipy.special import betaincinv  # noqa: PLC0415 - scipy is imported where it is needed

        n, ones = max(estimate.reports, 1), self.ones
        low = float(betaincinv(ones, n - ones + 1, alpha / 2)) if ones > 0 else 0.0
        high = float(betaincinv(ones + 1, n - ones, 1 - alpha / 2)) if ones < n else 1.0
        scale = self.width / (self.p - self.q)
        return np.asarray(self.low + scale * (low - self.q)), np.asarray(self.low + scale * (high - self.q))
