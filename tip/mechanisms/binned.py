"""A distribution over equal bins: shares below, quantiles, mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.estimates import Estimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Distribution(Estimate):
    """A distribution over equal bins of [low, high]; `value` are the bins' probabilities. Biased, without a variance.

    Within a bin mass counts as spread evenly. `iterations` and `converged` say how the search for it ended.
    """

    low: float = 0.0
    high: float = 1.0
    iterations: int = 0
    converged: bool = True

    @property
    def edges(self) -> Floats:
        """The bins' ends, `(bins + 1,)`."""
        return np.linspace(self.low, self.high, len(self.value) + 1)

    def cdf(self, x: ArrayLike) -> Floats:
        """The share at or below each x: 0 below the range, 1 above."""
        sums = np.minimum(np.concatenate([[0.0], np.cumsum(self.value)]), 1.0)
        sums[-1] = 1.0
        return np.asarray(np.interp(np.asarray(x, dtype=np.float64), self.edges, sums))

    def quantile(self, share: ArrayLike) -> Floats:
        """The least x with cdf(x) >= share, for shares in [0, 1]."""
        wanted = np.asarray(share, dtype=np.float64)
        if not ((wanted >= 0) & (wanted <= 1)).all():
            raise ConfigurationError("a quantile's share lies in [0, 1]")
        sums = np.cumsum(self.value)
        place = np.minimum(np.searchsorted(sums, wanted * sums[-1]), len(sums) - 1)
        inside = (wanted * sums[-1] - (sums[place] - self.value[place])) / np.maximum(self.value[place], 1e-300)
        return np.asarray(self.low + (self.high - self.low) * (place + np.clip(inside, 0, 1)) / len(sums))

    def mean(self) -> float:
        """The mean, each bin at its middle."""
        edges = self.edges
        return float(self.value @ (edges[1:] + edges[:-1]) / 2)
