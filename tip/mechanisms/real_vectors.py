"""What idealized vector mechanisms share: real arithmetic, done in floats.

Their reports are float32 vectors with normal noise. What is proven holds for real numbers; the last digits of the
floats that are sent may tell more, and `REAL` says so in every guarantee.

Normal numbers come in pairs from two uniform ones (Box, Muller 1958): r = sqrt(-2 ln u) is the length of a normal
vector of the plane, and r cos w, r sin w its coordinates, w a uniform angle. Single precision carries 24 digits; u is
a multiple of 2^-31, so no number passes sqrt(-2 ln 2^-32) = 6.66, which has the probability 3e-11.
"""

from __future__ import annotations

from abc import abstractmethod
from math import pi
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.mechanisms.ball import lengths_and_directions, single_rows, upright
from tip.mechanisms.base import AES, DEVICE, EVERYBODY, ONCE, PRESENCE, Influence
from tip.mechanisms.columns import Column, Reals
from tip.mechanisms.directions import PIECE
from tip.mechanisms.thresholds import checked_epsilon, exp_up
from tip.mechanisms.vectors import VectorMean
from tip.privacy.events import PureLoss
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.mechanisms.reports import Reports
    from tip.privacy.events import Event
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

REAL: Final = Assumption("real-arithmetic", "noise is drawn and sent in real arithmetic, not in floating point")
LOOSE: Final = 1 + 1e-5  # how much longer than computed a vector in single precision may come out
_UNIFORM: Final = np.float32(2.0**-31)
_HALF: Final = np.float32(2.0**-32)
_TURN: Final = np.float32(pi * 2.0**-31)


class IdealizedVectors(VectorMean):
    """A height along v and normal noise across: float32 reports inside a ball, pure epsilon in real arithmetic.

    A report is x = sqrt(d) a v/|v| + (normal noise across v), of length at most `radius`; its estimate is
    x norm / `shrinkage`.
    """

    __slots__ = ()

    epsilon: Fraction | float

    @property
    @abstractmethod
    def shrinkage(self) -> float:
        """E[sqrt(d) a]."""

    @property
    @abstractmethod
    def along(self) -> float:
        """E[d a^2]; all of |x|^2 has the mean d."""

    @property
    @abstractmethod
    def across(self) -> float:
        """E[x_i^2] of a coordinate across v."""

    @property
    @abstractmethod
    def radius(self) -> float:
        """No report is longer: an agent shortens its report, with probability below 1e-12."""

    @abstractmethod
    def heights(self, words: Words) -> Floats:
        """Sqrt(d) a from the words that stream positions 1 and 2 hold, `(n, 2)`."""

    @property
    def layout(self) -> tuple[Column, ...]:
        """The vector x, in single precision."""
        return (Reals("vector", width=self.dimension, bound=self.radius * LOOSE),)

    @property
    def ratio(self) -> Fraction:
        """An upper bound of e^epsilon."""
        return exp_up(checked_epsilon(self.epsilon))

    @property
    def event(self) -> Event:
        """One release with the ratio e^epsilon, in real arithmetic."""
        return PureLoss(self.ratio)

    @property
    def guarantee(self) -> Guarantee:
        """Pure epsilon, idealized: proven for real arithmetic, not for the numbers that are sent."""
        return idealized(self, up(checked_epsilon(self.epsilon)), Kind.PURE, Delta(conversion=0.0))

    @property
    def unit(self) -> float:
        """Norm / E[sqrt(d) a]."""
        return float(self.norm) / self.shrinkage

    def second_moments(self, vector: Floats) -> Floats:
        """(E[d a^2] w_i^2 + across (1 - w_i^2)) unit^2, w = v/|v|."""
        square = lengths_and_directions(vector[None] / float(self.norm))[1][0] ** 2
        return np.asarray((self.along * square + self.across * (1 - square)) * self.unit**2)

    @property
    def worst_variance(self) -> float:
        """That of a coordinate along v, or across it."""
        return max(self.along, self.across) * self.unit**2

    def max_influence(self) -> Influence:
        """Each report counts as a vector of at most this length; the largest entry can be as long."""
        length = self.radius * self.unit * LOOSE
        return Influence(length, length)

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Lane 0 holds the coins and the height, lane 1 the normal numbers."""
        words = stream.words(agents, 3)
        heights = self.heights(words[:, 1:])
        out = np.empty(values.shape, dtype=np.float32)
        step = max(1, PIECE // self.dimension)
        for first in range(0, len(values), step):
            part = slice(first, first + step)
            noise = real_normals(stream, agents[part], self.dimension, out=out[part])
            lengths, singles, squares = single_rows(values[part])
            scale = 1 / np.sqrt(squares)
            scale[(words[part, 0] >= upright(lengths)) & (lengths < 1)] *= -1
            along = np.einsum("nd,nd->n", noise, singles) * scale
            share = self.share(noise, along, heights[part])
            if share is not None:
                noise *= share.astype(np.float32)[:, None]
                along *= share
            singles *= ((heights[part] - along) * scale).astype(np.float32)[:, None]
            noise += singles
            shorten(noise, self.radius)
        return (out,)

    def share(self, noise: Singles, along: Floats, heights: Floats) -> Floats | None:
        """What the normal noise across v is multiplied by in each row; None for 1.

        `noise`: normal numbers g, `(n, dimension)`; `along`: <g, v>/|v|; `heights`: sqrt(d) a.
        """
        del noise, along, heights
        return None

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """No report is longer than `radius`."""
        return {"longer than a report can be": within(reports["vector"], self.radius)}

    def tally(self, reports: Reports) -> Floats:
        """Sums of the vectors and of the squares of their entries, `(2, d)` float64."""
        return sums(reports["vector"])


def idealized(mechanism: VectorMean, epsilon: float, kind: Kind, delta: Delta, *, mu: float | None = None) -> Guarantee:
    """A promise about real arithmetic: `REAL` is among its assumptions."""
    return Guarantee(
        epsilon=epsilon,
        delta=delta,
        unit=Unit.AGENT,
        neighboring=Neighboring.REPLACE_ONE,
        coalition=EVERYBODY,
        scope=f"one report of {mechanism.spec.name}",
        kind=kind,
        security=Security.COMPUTATIONAL,
        security_bits=128,
        status=Status.IDEALIZED,
        assumptions=(DEVICE, ONCE, PRESENCE, AES, REAL),
        mu=mu,
    )


def within(vectors: NDArray[Any], length: float, *, slack: float = LOOSE) -> NDArray[np.bool_]:
    """Which rows are at most this long, up to the rounding of single precision; false for NaN."""
    rows = vectors.astype(np.float64)
    good: NDArray[np.bool_] = np.einsum("nd,nd->n", rows, rows) <= (length * slack) ** 2
    return good


def shorten(vectors: Singles, radius: float) -> None:
    """Scale the rows that are longer than the radius down to it, in place: post-processing."""
    squares = np.einsum("nd,nd->n", vectors, vectors)
    long = np.flatnonzero(squares > np.float32(radius * radius))
    if len(long):
        vectors[long] *= (np.float32(radius) / np.sqrt(squares[long]))[:, None]


def sums(vectors: Singles) -> Floats:
    """Sums of single-precision rows and of their squares, `(2, d)` float64, in a fixed order."""
    rows = vectors.astype(np.float64)
    return np.stack([rows.sum(axis=0), np.einsum("nd,nd->d", rows, rows)])


def real_normals(stream: Stream, agents: Indices, dimension: int, *, out: Singles | None = None) -> Singles:
    """Normal numbers from 32-bit words of lane 1, `(n, d)` float32; see the top of the file.

    The first half of an agent's words makes the lengths, the second half the angles.
    """
    half = -(-dimension // 2)
    words = stream.words(agents, 2 * half, lane=1, dtype=np.uint32).view(np.int32)
    lengths, angles, waves = np.empty((3, len(words), half), dtype=np.float32)
    numbers = np.empty((len(words), dimension), dtype=np.float32) if out is None else out
    lengths[...] = words[:, :half]
    angles[...] = words[:, half:]
    np.abs(lengths, out=lengths)  # of a uniform word in [-2^31, 2^31)
    lengths *= _UNIFORM
    lengths += _HALF
    np.log(lengths, out=lengths)
    lengths *= np.float32(-2)
    np.abs(lengths, out=lengths)  # ln(1 + 2^-32) is 0 or just above
    np.sqrt(lengths, out=lengths)
    angles *= _TURN
    np.cos(angles, out=waves)
    np.multiply(lengths, waves, out=numbers[:, :half])
    np.sin(angles, out=waves)
    np.multiply(lengths[:, : dimension - half], waves[:, : dimension - half], out=numbers[:, half:])
    return numbers
