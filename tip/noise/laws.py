"""The laws of integer noise: their samplers, masses and moments.

A law is frozen data, its parameter a fraction. `sample` is exact: what leaves it follows the law
itself, so no distance is charged to delta. The float functions (`log_mass`, `cdf`, moments) are for
accounting and tests; nothing that is sampled depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import cosh, exp, log, log1p, pi, sinh, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.noise.cutoffs import GaussianMagnitude, LaplaceMagnitude
from tip.noise.inversion import table
from tip.noise.wide import wide_gaussian, wide_laplace

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.randomness import Stream

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]

WIDTH: Final = 63  # digits beside the sign: one 64-bit word a sample
WIDEST: Final = 1 << 40  # the largest sigma or scale: beyond it the noise may not fit into 64 bits
GAUSSIAN_TABLE: Final = 1 << 13  # the largest sigma that is drawn from one table
LAPLACE_TABLE: Final = 1 << 10  # the largest such scale
_SUMMED: Final = 1 << 10  # up to this sigma the masses are summed, beyond it an expansion is more exact


@dataclass(frozen=True, slots=True)
class DiscreteGaussian:
    """P[X = k] proportional to exp(-k^2 / 2 variance) on the whole numbers (CKS20, Definition 1).

    `variance` is the parameter sigma^2, a Fraction or whole number in (0, 2^80]; a float is refused
    (`ConfigurationError`). The law's own variance, `true_variance`, is a little less and equal to it in
    double precision from sigma = 1.5 on. CKS20: Canonne, Kamath, Steinke, "The Discrete Gaussian for
    Differential Privacy", NeurIPS 2020. How the samples are made, with proofs: docs/noise.md.
    """

    variance: Fraction

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", _fraction(self.variance, "variance", WIDEST**2))

    def sample(self, stream: Stream, agents: Integers, count: int) -> Integers:
        """Independent noise, `(len(agents), count)` int64; an agent's values depend on its index alone.

        `agents`: one-dimensional, whole numbers in [0, 2^63); `count`: in [0, 2^32); others raise
        `ConfigurationError`. The same stream, agent and column give the same number: take a stream a draw.

        **Claim.** For every rational variance each number follows the law exactly, given uniform words.
        """
        agents = _request(agents, count)
        if self.variance <= GAUSSIAN_TABLE**2:
            return table(GaussianMagnitude(self.variance), WIDTH).sample(stream, agents, count)
        return wide_gaussian(self.variance, stream, agents, count)

    def log_mass(self, k: ArrayLike) -> Floats:
        """Natural log P[X = k]."""
        values = np.asarray(k, dtype=np.float64)
        return -values * values / (2 * float(self.variance)) - _log_normalizer(self.variance)

    def cdf(self, k: ArrayLike) -> Floats:
        """P[X <= k] within about 1e-13: summed up to sigma = 1024, the midpoint expansion beyond."""
        values = np.floor(np.asarray(k, dtype=np.float64))
        sigma = sqrt(self.variance)
        if sigma > _SUMMED:
            from scipy.special import ndtr  # noqa: PLC0415 - costs a quarter of a second, only where it is used

            z = np.clip((values + 0.5) / sigma, -40, 40)
            correction = z * np.exp(-z * z / 2) / (24 * float(self.variance) * sqrt(2 * pi))
            return np.asarray(ndtr(z) + correction, dtype=np.float64)
        sums = _cumulated(self.variance)
        reach = len(sums) // 2
        inside = np.clip(values + reach, 0, len(sums) - 1).astype(np.int64)
        return np.where(values < -reach, 0.0, sums[inside])

    @property
    def true_variance(self) -> float:
        """E[X^2]."""
        return self._moment(2)

    @property
    def fourth_moment(self) -> float:
        """E[X^4]."""
        return self._moment(4)

    def _moment(self, order: int) -> float:
        if self.variance >= 4:  # by Poisson summation the rest is below 4 pi^2 sigma^2 exp(-2 pi^2 sigma^2)
            return float(self.variance if order == 2 else 3 * self.variance**2)
        k = np.arange(1.0, 100.0)
        return float(2 * (k**order * np.exp(self.log_mass(k))).sum())


@dataclass(frozen=True, slots=True)
class DiscreteLaplace:
    """P[X = k] proportional to exp(-|k| / scale) on the whole numbers, the two-sided geometric law."""

    scale: Fraction

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _fraction(self.scale, "scale", WIDEST))

    def sample(self, stream: Stream, agents: Integers, count: int) -> Integers:
        """Independent noise, `(len(agents), count)` int64; an agent's values depend on its index alone.

        **Claim.** For every rational scale each number follows the law exactly, given uniform words.
        """
        agents = _request(agents, count)
        if self.scale <= LAPLACE_TABLE:
            return table(LaplaceMagnitude(self.scale), WIDTH).sample(stream, agents, count)
        return wide_laplace(self.scale, stream, agents, count)

    def log_mass(self, k: ArrayLike) -> Floats:
        """Natural log P[X = k]: tanh(1 / 2 scale) exp(-|k| / scale)."""
        rate = float(1 / self.scale)
        return np.asarray(np.log(np.tanh(rate / 2)) - np.abs(np.asarray(k, dtype=np.float64)) * rate)

    def cdf(self, k: ArrayLike) -> Floats:
        """P[X <= k]: exp(k / scale) / (1 + a) for k < 0, and 1 - a exp(-k / scale) / (1 + a) from 0 on."""
        values = np.floor(np.asarray(k, dtype=np.float64))
        rate = float(1 / self.scale)
        tails = np.exp(-np.where(values < 0, -values, values + 1) * rate) / (1 + exp(-rate))
        return np.where(values < 0, tails, 1 - tails)

    @property
    def true_variance(self) -> float:
        """E[X^2] = 2a / (1 - a)^2 = 1 / (cosh(1 / scale) - 1), a = exp(-1 / scale)."""
        rate = float(1 / self.scale)
        return 0.0 if rate > 700 else 1 / (2 * sinh(rate / 2) ** 2)

    @property
    def fourth_moment(self) -> float:
        """E[X^4] = 2a (1 + 10a + a^2) / (1 - a)^4, a = exp(-1 / scale)."""
        rate = float(1 / self.scale)
        return 0.0 if rate > 300 else (cosh(rate) + 5) / (4 * sinh(rate / 2) ** 4)


def _fraction(value: object, name: str, largest: int) -> Fraction:
    """A rational parameter in (0, largest]; floats are refused, for their last digits are an accident."""
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise ConfigurationError(
            f"{name} is a Fraction or a whole number, not {value!r}",
            why="Exact sampling wants a rational parameter.",
            instead="Write Fraction('2.5') or Fraction(5, 2).",
        )
    if not 0 < value <= largest:
        raise ConfigurationError(f"{name} lies in (0, {largest}], not at {value}")
    return Fraction(value)


def _request(agents: Integers, count: int) -> Integers:
    """Whom to draw for: agents as int64 indices >= 0, count a whole number >= 0."""
    array: NDArray[Any] = np.asarray(agents)
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise ConfigurationError(
            f"agents are a one-dimensional array of whole numbers, not {array.dtype} {array.shape}"
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < 1 << 63:
        raise ConfigurationError("an agent's index lies in [0, 2^63)")
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 0 <= count < 1 << 32:
        raise ConfigurationError(f"count is a whole number in [0, 2^32), not {count!r}")
    return array.astype(np.int64, copy=False)


def _log_normalizer(variance: Fraction) -> float:
    """The log of the sum of exp(-k^2 / 2 variance): summed for variance < 1, by Poisson summation above."""
    if variance < 1:
        k = np.arange(1.0, 64.0)
        return log1p(2 * float(np.exp(-k * k / (2 * float(variance))).sum()))
    return log(2 * pi * float(variance)) / 2 + log1p(2 * exp(-2 * pi**2 * float(variance)))


@lru_cache(maxsize=16)
def _cumulated(variance: Fraction) -> Floats:
    """The CDF at -reach, ..., reach."""
    reach = int(40 * sqrt(variance)) + 2
    k = np.arange(-reach, reach + 1, dtype=np.float64)
    return np.cumsum(np.exp(-k * k / (2 * float(variance)) - _log_normalizer(variance)))
