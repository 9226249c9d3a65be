"""Intervals of shares estimated from a random sample of agents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.mechanisms.estimates import Estimate

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Supports `(k,)` among `reports` that were drawn by chance: exact binomial tails (Clopper and Pearson 1934).

    A draw without replacement, and coins for given answers, spread less than a binomial count with the same mean
    (Hoeffding 1956, 1963), so these intervals cover at least their level.
    """

    supports: Indices = field(repr=False)
    reports: int
    p: float
    q: float

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """The tails of the support count, mapped to shares."""
        from scipy.special import betaincinv  # noqa: PLC0415 - scipy is imported where it is needed

        del estimate
        n, counts, gap = self.reports, self.supports.astype(np.float64), self.p - self.q
        low = np.where(counts > 0, betaincinv(np.maximum(counts, 1), n - counts + 1, alpha / 2), 0.0)
        high = np.where(counts < n, betaincinv(counts + 1, np.maximum(n - counts, 1), 1 - alpha / 2), 1.0)
        return (low - self.q) / gap, (high - self.q) / gap


@dataclass(frozen=True, slots=True)
class Joined:
    """The estimates of several parts behind one another; each keeps its own law."""

    parts: tuple[Estimate, ...] = field(repr=False)

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """Each part's interval at the same level."""
        del estimate
        ends = [part.law.interval(part, alpha) for part in self.parts]
        return np.concatenate([low.ravel() for low, _ in ends]), np.concatenate([high.ravel() for _, high in ends])


@dataclass(frozen=True, slots=True)
class Table:
    """A table's law: that of its cells behind one another."""

    cells: Estimate = field(repr=False)
    shape: tuple[int, int]

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """The cells' intervals in the table's shape."""
        del estimate
        low, high = self.cells.law.interval(self.cells, alpha)
        return low.reshape(self.shape), high.reshape(self.shape)
