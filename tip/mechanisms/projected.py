"""ProjUnit: rotate, take one block of coordinates, name a direction in it.

For many coordinates (d > 1000) the work of PrivUnit is that of K d numbers an agent. Here the vector is first put
through one of R public rotations of R^D, D = 2^h >= d, and cut into D/k blocks of k coordinates. The agent draws a
rotation and a block, both independent of its vector, and runs `PrivUnitSubset` in k dimensions on

    y = sqrt(D/k) (block b of H S v) / beta,    H the orthonormal Hadamard matrix, S signs,

with beta a public *headroom*: |y| is 1/beta on average, and blocks longer than 1 are clipped. The report is the
rotation, the block, a seed and a choice. The server adds up what is named in the blocks of each rotation and turns
each rotation back once: k additions a report, not D log D.

Unbiased while no block is clipped: a block has the probability k/D, so E[sqrt(D/k) beta times the estimate of y, put
in place] = (k/D)(D/k) H S v summed over blocks, and S H turns it back. Privacy does not depend on this: the inner
mechanism is pure whatever vector it is given, and rotation and block carry no information. Error: beta^2 D/k times
E|named/c|^2, spread over D coordinates of which d are kept: beta^2 (1 + O(1/k)) times that of d dimensions.
A projection that divides by the block's length instead (Asi, Feldman, Nelson, Nguyen, Talwar 2023, for rotations
that are uniform) saves beta^2; with Hadamard rotations it is biased by O(1/k).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.ball import ball_rows, checked_ball
from tip.mechanisms.base import Influence, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.directions import named
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.privunit import PrivUnitSubset
from tip.mechanisms.spec import Spec
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_PROJECTED: Final = 1 << 20
_PIECE: Final = 1 << 17
_PUBLIC: Final = Entropy.seeded(20230531).stream("tip public rotations v1")  # its key is no secret


@dataclass(frozen=True, slots=True)
class ProjUnit(PureMechanism):
    """`PrivUnitSubset` on one block of a rotated vector; proven pure epsilon. See the top of the file.

    `dimension`: d in [2, 2^20]. `norm`: the ball's radius; longer vectors are clipped. `epsilon`: in [1e-6, 40].
    `width`: k, a power of two in [16, D]. `rotations`: R in [1, 4096]; each takes 8 D bytes at the server.
    `headroom`: beta^2 >= 1; by default 1 + 4.75 sqrt(2/k), or 1 where k = D. `candidates`: as for `PrivUnitSubset`.
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    width: int = 512
    rotations: int = 16
    headroom: Fraction | float | None = None
    candidates: int | None = None
    inner: PrivUnitSubset = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if whole("dimension", self.dimension, least=2) > MOST_PROJECTED:
            raise ConfigurationError(f"a vector has at most 2^20 coordinates here, not {self.dimension}")
        object.__setattr__(self, "norm", checked_ball(2, self.norm))
        if not 16 <= whole("width", self.width, least=16) <= self.padded or self.width & (self.width - 1):
            raise ConfigurationError(f"width is a power of two in [16, {self.padded}], not {self.width}")
        if whole("rotations", self.rotations, least=1) > 1 << 12:
            raise ConfigurationError(f"rotations is at most 2^12, not {self.rotations}")
        default = 1.0 if self.width == self.padded else 1 + 4.75 * math.sqrt(2 / self.width)
        object.__setattr__(self, "headroom", Fraction(default if self.headroom is None else self.headroom))
        if not 1 <= self._headroom <= 64:
            raise ConfigurationError(f"headroom lies in [1, 64], not {float(self._headroom):g}")
        object.__setattr__(self, "inner", PrivUnitSubset(self.width, 1, self.epsilon, self.candidates))

    @property
    def padded(self) -> int:
        """D, the least power of two that is at least d and 16."""
        return max(16, 1 << (self.dimension - 1).bit_length())

    @property
    def blocks(self) -> int:
        """D/k."""
        return self.padded // self.width

    @property
    def _headroom(self) -> Fraction:
        return Fraction(self.headroom or 1)

    @property
    def _unit(self) -> float:
        """What a total of 1 stands for, once turned back."""
        return float(self.norm) * math.sqrt(self.blocks * float(self._headroom)) * self.inner.unit

    @property
    def spec(self) -> Spec:
        """Name, sizes, headroom, and the inner mechanism's integers."""
        sizes = (("dimension", self.dimension), ("norm", Fraction(self.norm)), ("width", self.width))
        more = (("rotations", self.rotations), ("headroom", self._headroom))
        return Spec("proj-unit", 1, (*sizes, *more, *self.inner.spec.parameters[2:]))

    @property
    def layout(self) -> tuple[Column, ...]:
        """Rotation, block, seed and choice."""
        return Integers("rotation", high=self.rotations), Integers("block", high=self.blocks), *self.inner.layout

    @property
    def ratio(self) -> Fraction:
        """That of the inner mechanism, for every rotation, block and seed."""
        return self.inner.ratio

    @property
    def blanket(self) -> Fraction:
        """That of the inner mechanism, for every rotation, block and seed."""
        return self.inner.blanket

    def checked(self, values: ArrayLike) -> NDArray[Any]:
        """Vectors `(n, dimension)` divided by `norm`, float64; longer ones are clipped to the ball."""
        return ball_rows(values, self.dimension, float(self.norm))

    def blocks_of(self, values: Floats, rotations: Indices, blocks: Indices) -> Floats:
        """The y of each row, before it is clipped, `(n, k)`."""
        padded = np.zeros((len(values), self.padded))
        np.multiply(
            values, signs(self.rotations, self.padded)[rotations, : self.dimension], out=padded[:, : self.dimension]
        )
        hadamard(padded)
        cut = padded.reshape(len(values), self.blocks, self.width)[np.arange(len(values)), blocks]
        return np.asarray(cut / math.sqrt(self.width * float(self._headroom)))

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """A lane of its own holds rotation and block, which do not depend on the vectors."""
        places = stream.words(agents, 2, lane=_LANE)
        rotations = (places[:, 0] % np.uint64(self.rotations)).astype(np.int64)
        blocks = (places[:, 1] % np.uint64(self.blocks)).astype(np.int64)
        seeds, choices = np.empty(len(values), dtype=np.uint64), np.empty(len(values), dtype=np.int64)
        step = max(1, _PIECE // self.padded)
        for first in range(0, len(values), step):
            part = slice(first, first + step)
            cut = ball_rows(self.blocks_of(values[part], rotations[part], blocks[part]), self.width, 1.0)
            seeds[part], choices[part] = self.inner.draw(cut, stream, agents[part])
        return rotations, blocks, seeds, choices

    def law_given(self, value: ArrayLike, rotation: int, block: int, seed: int) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each choice, given rotation, block and seed."""
        cut = self.blocks_of(self.checked(value), np.array([rotation]), np.array([block]))
        return self.inner.law_given(cut, seed)

    def tally(self, reports: Reports) -> Indices:
        """Sums of what is named, at its place, `(R, D)`, in units of 2^-12 / sqrt(k)."""
        totals = np.zeros((self.rotations * self.blocks, self.width), dtype=np.int64)
        cells = reports["rotation"].astype(np.int64) * self.blocks + reports["block"]
        for rows, entries in named(reports["seed"], reports["choice"].astype(np.int64), self.width):
            order = np.argsort(cells[rows], kind="stable")
            where, starts = np.unique(cells[rows][order], return_index=True)
            totals[where] += np.add.reduceat(entries[order], starts, axis=0).astype(np.int64)
        return totals.reshape(self.rotations, self.padded)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The mean vector; biased only through clipped blocks. The variance takes noise as even over coordinates."""
        n = self._counted(aggregate)
        rows = aggregate.totals.astype(np.float64)
        hadamard(rows)
        turned = (rows * signs(self.rotations, self.padded)).sum(axis=0)[: self.dimension]
        value = turned * (self._unit / (n * math.sqrt(self.padded)))
        each = self._second_moment / self.padded
        variance = np.maximum(each - value**2, each / 2) / n
        return Estimate(value=value, variance=variance, worst_variance=each / n, reports=n, refused=aggregate.refused)

    @property
    def _second_moment(self) -> float:
        """|Z|^2, the same for every report, all D coordinates counted."""
        return float(self.norm) ** 2 * self.blocks * float(self._headroom) / self.inner.shrinkage**2

    def variance(self, value: ArrayLike, *, reports: int = 1) -> Floats:
        """The variance of each coordinate if all agents hold `value`, up to a relative O(1/k)."""
        vector = self.checked(value)[0] * float(self.norm)
        return np.asarray((self._second_moment / self.padded - vector**2) / whole("reports", reports, least=1))

    def error(self, length: float = 1.0) -> float:
        """E|Z - v|^2 of one report for a vector of `length` times `norm`, up to a relative O(1/k)."""
        return self._second_moment * self.dimension / self.padded - (length * float(self.norm)) ** 2

    def max_influence(self) -> Influence:
        """Each report counts as a vector of one length, spread over the rows of a Hadamard matrix."""
        length = math.sqrt(self._second_moment) * (1 + 2.0**-10)
        return Influence(length * math.sqrt(min(1.0, self.width / self.padded)), length)


_LANE: Final = 1 << 14


@lru_cache(maxsize=4)
def signs(rotations: int, padded: int) -> NDArray[np.int8]:
    """The diagonals of S, `(R, D)` of +-1, public."""
    bits = _PUBLIC.words(np.arange(rotations), padded, dtype=np.uint8) & np.uint8(1)
    return np.asarray(1 - 2 * bits.astype(np.int8), dtype=np.int8)


def hadamard(rows: Floats) -> None:
    """Multiply each row by the Hadamard matrix of +-1 entries, in place; the row length is a power of two.

    The two outer axes of a row, seen as a square, are multiplied by small Hadamard matrices: two products.
    """
    n, length = rows.shape
    low = 1 << (length.bit_length() - 1) // 2
    high = length // low
    square = rows.reshape(n, high, low)
    np.matmul(_matrix(high), np.matmul(square, _matrix(low)), out=square)


@lru_cache(maxsize=16)
def _matrix(size: int) -> Floats:
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix
