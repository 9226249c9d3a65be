"""Shares from a random sample of agents: intervals, influence."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from tip.mechanisms.base import Influence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.frequency import FrequencyOracle

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


def sampled_influence(parts: Sequence[FrequencyOracle]) -> Influence:
    """How far a report of one part moves n times that part's share, where each of d parts has n / d of the reports.

    With v the mean of the part's answers x, n v moves by (d - 1)(x - v) + x, and n times the other parts' means by
    those means. An entry of x lies in an interval of width w = 1 / (p - q) around 0 (twice its largest value, for an
    oracle of net supports), so an entry moves by at most (d - 1) w + max |x|; in L2, (2 d - 1) max |x|.
    In a part with fewer reports d stands for n over their number.
    """
    d, moves = len(parts), [part.max_influence() for part in parts]
    item = max(
        (d - 1) * (1 / float(part.p - part.q) if part.q else 2 * move.item) + move.item
        for part, move in zip(parts, moves, strict=True)
    )
    squares = [move.euclidean**2 for move in moves]
    return Influence(item, sqrt(sum(squares) + ((2 * d - 1) ** 2 - 1) * max(squares)))
