"""Mean of vectors in a ball: the common base, public directions, a coin.

A report of this family is a seed and a choice among the *public* directions that the seed names: +-u_1,
..., +-u_K. The seed is drawn by the agent and does not depend on its vector v; the directions are a function
of the seed alone. The vector is used in one way: it puts the 2K signed directions into an order, by
<u, v> downward. An integer-threshold coin then says whether the report names one of the first m (with
probability p) or one of the others, and a uniform draw says which. Whatever arithmetic computes <u, v>, the
order is *some* permutation, so that for every seed and every v each choice has one of two probabilities,

    p / m   or   (1 - p) / (2K - m),     ratio = p (2K - m) / (m (1 - p)),    an exact fraction.

K = m = 1 is the mechanism of Duchi, Jordan, Wainwright (JASA 2018, section 4.2.3) for the L2 ball, up to what
is sent: a random direction and a coin for its sign. Larger K: `tip.mechanisms.privunit`.

Unbiasedness. u_j is uniform on the sphere, so E[u | named] = c v/|v| with c = mu (2Kp - m)/(2K - m), mu the
expected mean of the m largest of K independent |cos|; the estimate is the mean of u/c. A vector shorter than
the ball's radius is replaced by +-v/|v| first, with + probability (1 + |v|)/2. Proofs: docs/local-vectors.md.

The directions themselves: `tip.mechanisms.directions`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.ball import ball_rows, checked_ball, lengths_and_directions, upright
from tip.mechanisms.base import Influence, Mechanism, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.directions import ENTRY, PIECE, named, normals, top_moments
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]

_GRID: Final = float(1 << 30)  # units of the vector in an inner product


class VectorMean(Mechanism):
    """A local mechanism whose estimate is the mean of vectors of norm at most `norm`, `(dimension,)`."""

    __slots__ = ()

    dimension: int
    norm: float | Fraction

    @property
    @abstractmethod
    def unit(self) -> float:
        """What a total of 1 stands for."""

    @property
    def square_unit(self) -> float:
        """What a total of squares of 1 stands for."""
        return self.unit**2

    @abstractmethod
    def second_moments(self, vector: Floats) -> Floats:
        """E[Z_i^2] of one report's estimate Z of this vector, `(dimension,)`."""

    @property
    @abstractmethod
    def worst_variance(self) -> float:
        """The largest variance of one coordinate of one report's estimate, over all vectors."""

    def checked(self, values: ArrayLike) -> NDArray[Any]:
        """Vectors `(n, dimension)` divided by `norm`, float64; longer ones are clipped to the ball.

        A single vector is one row. Raises `DataError` that names the first row with a number that is not finite.
        """
        return ball_rows(values, self.dimension, float(self.norm))

    def variance(self, value: ArrayLike, *, reports: int = 1) -> Floats:
        """The variance of each coordinate of the estimate from `reports` agents that all hold `value`."""
        vector = self.checked(value)[0] * float(self.norm)
        return np.asarray((self.second_moments(vector) - vector**2) / whole("reports", reports, least=1))

    def error(self, length: float = 1.0) -> float:
        """E|Z - v|^2 of one report's estimate Z, for a vector v of `length` times `norm`."""
        if not 0 <= length <= 1:
            raise ConfigurationError(f"a length is a share of the norm, in [0, 1], not {length}")
        first = np.zeros(self.dimension)
        first[0] = length
        return float(self.variance(first * float(self.norm)).sum())

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The mean vector, raw. The variance is that of the reports themselves, right whatever the agents hold."""
        n = self._counted(aggregate)
        value = aggregate.totals[0] * (self.unit / n)
        spread = aggregate.totals[1] * (self.square_unit / n) - value**2
        worst = self.worst_variance / n
        variance = np.maximum(spread, 0.0) / (n - 1) if n > 1 else np.full(self.dimension, worst)
        return Estimate(value=value, variance=variance, worst_variance=worst, reports=n, refused=aggregate.refused)


class SignedDirections(VectorMean, PureMechanism):
    """A report that names one of 2K signed public directions; see the top of the file. Proven pure epsilon."""

    __slots__ = ()

    @property
    @abstractmethod
    def directions(self) -> int:
        """K, how many directions a seed names."""

    @property
    @abstractmethod
    def top(self) -> int:
        """The number of signed directions that are named with the larger probability: 1 <= m <= K."""

    @property
    @abstractmethod
    def threshold(self) -> int:
        """One of the first m is named with probability threshold / 2^64."""

    @property
    def layout(self) -> tuple[Column, ...]:
        """The seed, and twice the number of the direction, plus 1 for its opposite."""
        return Integers("seed", high=WORD), Integers("choice", high=2 * self.directions)

    @property
    def p(self) -> Fraction:
        """The probability that one of the first m is named."""
        return Fraction(self.threshold, WORD)

    @property
    def ratio(self) -> Fraction:
        """(p / m) / ((1 - p) / (2K - m)), for every seed; exact."""
        return self.p * (2 * self.directions - self.top) / (self.top * (1 - self.p))

    @property
    def blanket(self) -> Fraction:
        """2K (1 - p) / (2K - m), for every seed."""
        return 2 * self.directions * (1 - self.p) / (2 * self.directions - self.top)

    @property
    def shrinkage(self) -> float:
        """The c of E[named direction] = c v/|v|."""
        mean = top_moments(self.dimension, self.directions, self.top)[0]
        both = 2 * self.directions
        return mean * float((both * self.p - self.top) / (both - self.top))

    @property
    def unit(self) -> float:
        """Norm / c, for entries in units of 2^-12 / sqrt(d)."""
        return float(self.norm) / (self.shrinkage * ENTRY * math.sqrt(self.dimension))

    def second_moments(self, vector: Floats) -> Floats:
        """(A w_i^2 + (1 - A) (1 - w_i^2)/(d - 1)) (norm/c)^2, w = v/|v|, A the expected squared cosine to v."""
        _, direction = lengths_and_directions(vector[None] / float(self.norm))
        square, along = direction[0] ** 2, self._along
        moments = along * square + (1 - along) * (1 - square) / (self.dimension - 1)
        return np.asarray(moments * (float(self.norm) / self.shrinkage) ** 2)

    @property
    def _along(self) -> float:
        """E[cos^2] between the named direction and v: all 2K together have 2K/d."""
        p, both = float(self.p), 2 * self.directions
        inside = top_moments(self.dimension, self.directions, self.top)[1]
        return p * inside + (1 - p) * (both / self.dimension - self.top * inside) / (both - self.top)

    @property
    def worst_variance(self) -> float:
        """That of a coordinate along v, or across it."""
        along = self._along
        return max(along, (1 - along) / (self.dimension - 1)) * (float(self.norm) / self.shrinkage) ** 2

    def max_influence(self) -> Influence:
        """Each report counts as a vector of length norm/c (up to its entries' rounding): that bounds both."""
        length = float(self.norm) / self.shrinkage * (1 + 2.0**-10)
        return Influence(length, length)

    def law_given(self, value: ArrayLike, seed: int) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each choice of an agent that holds `value` and drew this seed."""
        rows = self.checked(value)
        lengths, directions = lengths_and_directions(rows)
        order, negative = self._order(directions, np.array([seed], dtype=np.uint64))
        kept = Fraction(int(upright(lengths)[0]), WORD) if lengths[0] < 1 else Fraction(1)
        both = 2 * self.directions
        law: dict[tuple[int, ...], Fraction] = {(choice,): Fraction(0) for choice in range(both)}
        for rank in range(both):
            share = self.p / self.top if rank < self.top else (1 - self.p) / (both - self.top)
            place = order[0, min(rank, both - 1 - rank)]
            choice = 2 * int(place) + (int(negative[0, place]) ^ (rank >= self.directions))
            law[choice,] += kept * share
            law[choice ^ 1,] += (1 - kept) * share
        return law

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 is the seed, 1 rounds the length, 2 is the coin, 3 and 4 a place among the first and the others."""
        words = stream.words(agents, 5)
        choices = np.empty(len(values), dtype=np.int64)
        step = max(1, 8 * PIECE // (self.dimension * min(self.directions, 8)))
        for first in range(0, len(values), step):
            part = slice(first, first + step)
            choices[part] = self.choose(values[part], words[part], stream, agents[part])
        return words[:, 0], choices

    def choose(self, values: Floats, words: Words, stream: Stream, agents: Indices) -> Indices:
        """The choice of each row, given its words."""
        both = 2 * self.directions
        first = below(words[:, 3], self.top, stream, agents, column=3)
        other = below(words[:, 4], both - self.top, stream, agents, column=4) + np.uint64(self.top)
        rank = np.where(heads(words[:, 2], self.threshold), first, other).astype(np.int64)
        lengths, directions = lengths_and_directions(values)
        turned = (words[:, 1] >= upright(lengths)) & (lengths < 1)
        opposite = rank >= self.directions
        order, negative = self._order(directions, words[:, 0])
        rows = np.arange(len(rank))
        place = order[rows, np.where(opposite, both - 1 - rank, rank)]
        return 2 * place + (negative[rows, place] ^ opposite ^ turned)

    def _order(self, vectors: Floats, seeds: Words) -> tuple[Indices, NDArray[np.bool_]]:
        """Each row's directions by |cos| downward, `(n, K)`, and which of them point away from the vector."""
        n, d, k = len(seeds), self.dimension, self.directions
        products, lengths = np.empty((n, k)), np.empty((n, k))
        grid = np.rint(vectors * _GRID)
        step = max(1, PIECE // (d * k))
        for first in range(0, n, step):
            part = slice(first, first + step)
            for low in range(0, k, max(1, PIECE // d)):
                high = min(k, low + max(1, PIECE // d))
                entries = normals(seeds[part], d, low, high)
                np.matmul(entries, grid[part, :, None], out=products[part, low:high, None])
                np.einsum("nkd,nkd->nk", entries, entries, out=lengths[part, low:high])
        order = (
            np.zeros((n, 1), dtype=np.int64) if k == 1 else np.argsort(-(products**2 / lengths), axis=1, kind="stable")
        )
        return order, products < 0

    def tally(self, reports: Reports) -> Indices:
        """Sums of the named directions' entries and of their squares, `(2, d)`, in units of 2^-12 / sqrt(d)."""
        totals = np.zeros((2, self.dimension), dtype=np.int64)
        choices = reports["choice"].astype(np.int64)
        for rows, entries in named(reports["seed"], choices, self.dimension):
            del rows
            totals[0] += entries.sum(axis=0).astype(np.int64)
            totals[1] += np.einsum("nd,nd->d", entries, entries).astype(np.int64)
        return totals


@dataclass(frozen=True, slots=True)
class L2BallDuchi(SignedDirections):
    """A random direction and a coin for its sign; see the top of the file. The least work for an agent.

    `dimension`: d in [2, 2^17]. `norm`: the ball's radius; longer vectors are clipped. `epsilon`: in [1e-6, 40].
    Error B^2 - |v|^2 with B = norm (E + 1)/(E - 1) sqrt(pi) Gamma((d + 1)/2)/Gamma(d/2), E = e^epsilon.
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    _keep: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        bound = exp_down(checked_epsilon(self.epsilon))
        object.__setattr__(self, "_keep", int(bound * WORD / (bound + 1)))

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm and threshold."""
        parameters = (("dimension", self.dimension), ("norm", Fraction(self.norm)), ("keep", self._keep))
        return Spec("l2-ball-duchi", 1, parameters)

    @property
    def directions(self) -> int:
        """1: a seed names one direction."""
        return 1

    @property
    def top(self) -> int:
        """1: the direction or its opposite."""
        return 1

    @property
    def threshold(self) -> int:
        """The sign follows the vector with probability threshold / 2^64."""
        return self._keep
