"""Numbers on a grid: rounding without bias, and laws on the grid.

A value v in a public range [low, high] becomes a grid point X in {0, ..., M}, M = 2^bits, with the
help of 32 random bits: the position (v - low)/(high - low) M is rounded to a multiple of 2^-32 and a
uniform multiple of 2^-32 below 1 is added; X is the whole part. So E[X] is the position, up to 2^-33
of a step and the rounding of three float operations (2^-51 of the range): the only bias of all that
follows. Its variance is f (1 - f) steps^2, f the fractional part.

Privacy rests on none of this. A `GridLaw` says how a *point* is answered; if its laws at any two
points have ratios of at most `ratio`, then so have all mixtures of them, whatever floats decided on
the mixture.

In a law the point stands for t = 2 X / M - 1 in [-1, 1], and an answer (a cell) for an unbiased
estimate of t, of which the law knows the exact second moment, a quadratic:

    E[estimate | t] = t        E[estimate^2 | t] = leading t^2 + constant

so the variance of an answer is (leading - 1) t^2 + constant, exactly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.randomness import Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_BITS: Final = 20
FINE: Final = 32  # further binary digits of a position, rounded away at random
_UNIT: Final = 1 << FINE
_SPLIT: Final = 24  # squares are added up in two parts, so that 2^39 of them fit into 64 bits
_BLOCK: Final = 1 << 14  # numbers treated at a time
_LEAST_WIDTH: Final = 1e-290  # of a range: below, floats lose digits


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of M = 2^bits steps on a public range; see the top of the file."""

    low: float
    high: float
    bits: int

    def __post_init__(self) -> None:
        for bound in (self.low, self.high):
            if isinstance(bound, bool) or not isinstance(bound, int | float) or not isfinite(bound):
                raise ConfigurationError(f"the bounds of a range are finite numbers, not {bound!r}")
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        if not _LEAST_WIDTH <= self.high - self.low < float("inf"):
            raise ConfigurationError(
                f"a range has low < high, not [{self.low}, {self.high}]",
                instead="state a public range that does not come from the data",
            )
        if whole("bits", self.bits, least=1) > MOST_BITS:
            raise ConfigurationError(f"bits is at most {MOST_BITS}, not {self.bits}")

    @property
    def steps(self) -> int:
        """M."""
        return 1 << self.bits

    def positions(self, values: Floats) -> Indices:
        """Positions in units of 2^-32 steps, in [0, M 2^32]; values outside the range are clipped."""
        return positions_in(values, self.low, self.high, bits=self.bits)

    def value(self, centered: Fraction) -> Fraction:
        """The value that t in [-1, 1] stands for."""
        return Fraction(self.low) + (Fraction(self.high) - Fraction(self.low)) * (centered + 1) / 2

    @property
    def half(self) -> Fraction:
        """Half of the range's width: what 1 on the scale of t is worth."""
        return (Fraction(self.high) - Fraction(self.low)) / 2


def positions_in(values: Floats, low: Floats | float, high: Floats | float, *, bits: int) -> Indices:
    """Positions of values `(n, ...)` in ranges that broadcast with a row; clipped, in units of 2^-32 steps."""
    out = np.empty(values.shape, dtype=np.int64)
    width, unit = np.subtract(high, low), float(1 << bits + FINE)
    rows = max(1, _BLOCK // max(values[:1].size, 1))
    for first in range(0, len(values), rows):
        places = np.clip(values[first : first + rows], low, high)
        places -= low
        places /= width
        places *= unit
        out[first : first + rows] = np.rint(places, out=places)
    return out


def checked_numbers(values: ArrayLike, dimensions: int) -> Floats:
    """Finite numbers as a float64 array of `dimensions` axes; a single number is one row. Prints no value."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" and array.size:
        raise ConfigurationError(f"values are numbers, not {array.dtype}")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64, copy=False)
    if array.ndim == dimensions - 1:
        array = array[None]
    if array.ndim != dimensions:
        raise ConfigurationError(f"values are an array of {dimensions} dimensions, not {array.ndim}")
    finite = np.isfinite(array)
    if not finite.all():
        bad = ~finite.reshape(len(array), -1).all(axis=1)
        raise DataError(
            f"{int(bad.sum())} of {len(array)} values are not finite",
            row=int(np.argmax(bad)) + 1,
            instead="drop missing values before, by a rule that is public",
        )
    return array


def rounded(positions: Indices, words: Words) -> Indices:
    """Grid points: the lower 32 bits of a word decide how the rest of a position is rounded.

    **Claim.** For a uniform word, E[point] is the position exactly, and the point is one of its two neighbors.
    """
    rests = (words & np.uint64(_UNIT - 1)).view(np.int64)
    rests += positions
    rests >>= FINE
    return rests


def neighbors(position: int) -> list[tuple[int, Fraction]]:
    """The points that `rounded` may give for a position, each with its probability."""
    point, rest = divmod(position, _UNIT)
    share = Fraction(rest, _UNIT)
    return [(point, 1 - share), (point + 1, share)] if rest else [(point, Fraction(1))]


def centered(positions: Indices, steps: int) -> tuple[Floats, Floats]:
    """For each position its t in [-1, 1], and the variance of its rounding in units of t^2."""
    t: NDArray[Any] = positions * (2 / (steps << FINE)) - 1
    f = (positions & (_UNIT - 1)) / _UNIT
    rounding: NDArray[Any] = 4 * f * (1 - f) / steps**2
    return t, rounding


def squares(numbers: Indices) -> tuple[Indices, Indices]:
    """The squares of numbers below 2^31 in two parts: high 2^24 + low."""
    square = numbers * numbers
    return square >> _SPLIT, square & ((1 << _SPLIT) - 1)


def joined(high: int, low: int) -> int:
    """The sum of squares from the sums of its parts."""
    return (int(high) << _SPLIT) + int(low)


class GridLaw(ABC):
    """How a grid point is answered by a cell in [0, cells); see the top of the file."""

    __slots__ = ()

    steps: int  # M

    @property
    @abstractmethod
    def cells(self) -> int:
        """How many answers there are."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[tuple[str, int | Fraction | str], ...]:
        """The exact integers in use, for a spec."""

    @property
    @abstractmethod
    def second_moment(self) -> tuple[Fraction, Fraction]:
        """`(leading, constant)`: E[estimate^2 | t] = leading t^2 + constant."""

    @property
    @abstractmethod
    def reach(self) -> Fraction:
        """The largest modulus of a cell's estimate."""

    @abstractmethod
    def answer(self, points: Indices, words: Words, stream: Stream, agents: Indices, *, column: int) -> Words:
        """A cell for each point, from two words each.

        `words`: `(n, 2)`, what the stream holds at the positions `column` - 1 (even) and `column`; the lower 32 bits
        of the second word are not read.
        """

    @abstractmethod
    def parts(self, cells: NDArray[Any]) -> tuple[Indices, ...]:
        """Whole numbers for each cell whose sums determine `first` and `second`."""

    @abstractmethod
    def first(self, totals: Indices) -> Fraction:
        """The sum of the cells' estimates, from the sums of their parts."""

    @abstractmethod
    def second(self, totals: Indices) -> Fraction:
        """The sum of the squares of the cells' estimates."""

    @property
    def worst(self) -> Fraction:
        """The greatest variance of an answer on the scale of t, rounding included: at most 1 / M^2 too much."""
        leading, constant = self.second_moment
        return max(constant, leading - 1 + constant) + leading / self.steps**2

    def variance(self, square: Fraction) -> Fraction:
        """The variance of an answer where t^2 (with the rounding's variance) is `square`, at most 1 / M^2 too much."""
        leading, constant = self.second_moment
        return (leading - 1) * square + constant + (Fraction(1, self.steps**2) if leading else 0)

    def plugged_in(self, mean: Fraction, second: Fraction) -> Fraction:
        """The variance of an answer, from the mean of the estimates and of their squares.

        Where squares tell about t^2 (leading > 0) the population's mean square is estimated without bias, which
        makes this the variance for a fixed population; else mean^2, which is at most the mean square, stands for it.
        """
        leading, constant = self.second_moment
        square = (second - constant) / leading if leading else mean * mean
        return self.variance(min(max(square, Fraction(0)), Fraction(1)))


class PureGridLaw(GridLaw):
    """A law with finitely many rational probabilities and a bounded ratio."""

    __slots__ = ()

    @property
    @abstractmethod
    def ratio(self) -> Fraction:
        """The largest ratio of the probabilities of one cell at two points."""

    @property
    @abstractmethod
    def blanket(self) -> Fraction:
        """The sum over cells of their least probability."""

    @abstractmethod
    def law(self, point: int) -> dict[int, Fraction]:
        """The exact probability of each cell."""
