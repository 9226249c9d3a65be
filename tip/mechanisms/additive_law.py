"""The law of a grid point plus noise; the real Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.numeric_grid import GridLaw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.mechanisms.pool import Noise
    from tip.randomness import Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]

MOST_BOUND: Final = 1 << 32  # of noise on the wire: 2^29 reports add up in 64 bits
_DIGITS: Final = 11  # of a word that a double has no room for


@dataclass(frozen=True, slots=True)
class RealGaussian:
    """Gaussian noise of deviation sigma, by the inverse of the distribution function, rounded; idealized."""

    sigma: float

    def sample(self, stream: Stream, agents: Indices, count: int) -> Indices:
        """Independent numbers, `(len(agents), count)` int64, from one word each: 53 bits decide, in floats."""
        from scipy.special import ndtri  # noqa: PLC0415 - scipy is imported where it is needed

        words = stream.words(np.asarray(agents, dtype=np.int64), count)
        uniforms = ((words >> np.uint64(_DIGITS)).astype(np.float64) + 0.5) * 2.0**-53
        return np.rint(self.sigma * ndtri(uniforms)).astype(np.int64)

    @property
    def true_variance(self) -> float:
        """Sigma^2 and 1/12 for the rounding (exact up to exp(-2 pi^2 sigma^2))."""
        return self.sigma**2 + 1 / 12


@dataclass(frozen=True, slots=True)
class AdditiveLaw(GridLaw):
    """Point plus noise, clamped to [-bound, M + bound] and sent from 0 on."""

    steps: int
    noise: Noise
    bound: int
    parameters: tuple[tuple[str, int | Fraction | str], ...]

    def __post_init__(self) -> None:
        if self.bound > MOST_BOUND:
            raise ConfigurationError(
                "the noise is too wide for this grid", instead="take a coarser grid: a smaller `bits`"
            )

    @property
    def cells(self) -> int:
        """M + 2 B + 1."""
        return self.steps + 2 * self.bound + 1

    @property
    def reach(self) -> Fraction:
        """1 + 2 B / M."""
        return 1 + Fraction(2 * self.bound, self.steps)

    @property
    def second_moment(self) -> tuple[Fraction, Fraction]:
        """T^2 plus the noise's variance, as a float knows it, in units of t."""
        return Fraction(1), Fraction(self.noise.true_variance) * 4 / self.steps**2

    def shifted(self, points: Indices, noise: Indices) -> Words:
        """The cells of points with this noise."""
        sums = points + noise
        sums += self.bound
        return np.clip(sums, 0, self.cells - 1, out=sums).astype(np.uint64)

    def answer(self, points: Indices, words: Words, stream: Stream, agents: Indices, *, column: int) -> Words:
        """The noise is drawn from the stream itself."""
        del words, column
        return self.shifted(points, self.noise.sample(stream, agents, 1)[:, 0])

    def parts(self, cells: NDArray[Any]) -> tuple[Indices, ...]:
        """2 Y - M."""
        return (2 * (cells.astype(np.int64) - self.bound) - self.steps,)

    def first(self, totals: Indices) -> Fraction:
        """The sum of (2 Y - M) / M."""
        return Fraction(int(totals[0]), self.steps)

    def second(self, totals: Indices) -> Fraction:
        """Not kept: the variance does not depend on the values."""
        del totals
        return Fraction(0)
