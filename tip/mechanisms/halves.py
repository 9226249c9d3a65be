"""Intervals from the two halves of a Hadamard block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.mechanisms.estimates import Counted, Estimate, Normal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MANY: Final = 400  # reports in either half of a block from which on the score interval is used


@dataclass(frozen=True, slots=True)
class Halves:
    """The law of net supports: two halves of a block, and both of their counts.

    With the block's count for its mean the variance is (V - f) / n; (value - f)^2 <= z^2 (V - f) / n is a quadratic.
    Where a half holds few reports, its count gets an exact interval at alpha / 2 and so does the other half's:
    the difference of the means, n f (alpha - beta), is then covered at least at the level.
    """

    net: NDArray[np.int64] = field(repr=False)
    block: NDArray[np.int64] = field(repr=False)
    own: float
    other: float

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """The score interval where both halves hold many reports, else the exact one."""
        first, second = (self.block + self.net) // 2, (self.block - self.net) // 2
        few = np.minimum(first, second) < _MANY
        low, high = self._score(estimate, alpha)
        if few.any():
            firsts = Counted(first, 1.0, 0.0).interval(estimate, alpha / 2)  # q = 0: always the exact interval
            seconds = Counted(second, 1.0, 0.0).interval(estimate, alpha / 2)
            gap = self.own - self.other
            low = np.where(few, (firsts[0] - seconds[1]) / gap, low)
            high = np.where(few, (firsts[1] - seconds[0]) / gap, high)
        return low, high

    def _score(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        n = estimate.reports
        half, _ = Normal().interval(Estimate(np.zeros(1), np.ones(1), 1.0, n), alpha)
        z2 = float(half[0]) ** 2 / n
        middle = estimate.value - z2 / 2
        top = self.block / n / (self.own - self.other) ** 2
        root = np.sqrt(np.maximum(middle**2 - estimate.value**2 + z2 * top, 0.0))
        return middle - root, middle + root
