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

Directions are rows of d independent numbers of a table of 2^16 normal values (the mean of each bin, in
units of 2^-12), read from AES-256 under a public key; sums over them are exact in float64.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.base import Influence, Mechanism, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]

MOST_DIMENSIONS: Final = 1 << 17  # inner products stay below 2^53: exact in float64
ENTRY: Final = 1 << 12  # units of a direction's entries
_GRID: Final = float(1 << 30)  # units of the vector in an inner product
_ULPS: Final = 2.0**-40  # a vector that is longer by this only is not touched
_TINY: Final = 1e-200  # below, squares lose digits
PIECE: Final = 1 << 15  # entries at a time: they stay in the cache
_PUBLIC: Final = Entropy.seeded(20220712).stream("tip public directions v1")  # its key is no secret


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


# -- vectors --------------------------------------------------------------------------------------


def checked_ball(dimension: object, norm: object) -> Fraction:
    """The radius as an exact fraction; refuses dimensions outside [2, 2^17] and radii that are not positive."""
    if whole("dimension", dimension, least=2) > MOST_DIMENSIONS:
        raise ConfigurationError(
            f"a vector has at most 2^17 coordinates here, not {dimension}", instead="use ProjUnit, which projects first"
        )
    if isinstance(norm, bool) or not isinstance(norm, int | float | Fraction) or not 1e-100 <= norm <= 1e100:
        raise ConfigurationError(f"norm is a number in [1e-100, 1e100], not {norm!r}")
    return Fraction(norm)


def ball_rows(values: ArrayLike, dimension: int, norm: float) -> Floats:
    """Vectors divided by the norm, each clipped to length 1; see `VectorMean.checked`."""
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != dimension or array.dtype.kind not in "iuf":
        raise ConfigurationError(
            f"vectors are numbers of shape (agents, {dimension}), not {array.dtype} of shape {array.shape}"
        )
    rows = array if array.dtype == np.float64 else array.astype(np.float64)
    bad = ~np.isfinite(rows.sum(axis=1))
    if bad.any():  # a sum of finite numbers may overflow
        bad &= ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise DataError(
            f"{int(bad.sum())} of {len(rows)} vectors hold a number that is not finite", row=int(np.argmax(bad)) + 1
        )
    rows = rows / norm if norm != 1 else rows
    squares = _squares(rows)
    long = np.flatnonzero(~(squares <= 1 + _ULPS))
    if len(long):
        rows = rows.copy() if rows is array else rows
        rows[long] = _directions(rows[long])
    return rows


def lengths_and_directions(rows: Floats) -> tuple[Floats, Floats]:
    """The length of each row, at most 1, and the row divided by it; the zero vector points along the first axis."""
    squares = _squares(rows)
    lengths = np.sqrt(squares)
    lengths[squares > 1 - 2.0**-49] = 1.0
    safe = squares > _TINY
    directions = rows / np.where(safe, np.sqrt(squares), 1.0)[:, None]
    if not safe.all():
        directions[~safe] = _directions(rows[~safe])
    return lengths, directions


def _squares(rows: Floats) -> Floats:
    """Squared lengths; infinite where they overflow."""
    with np.errstate(over="ignore"):
        return np.asarray(np.einsum("nd,nd->n", rows, rows))


def _directions(rows: Floats) -> Floats:
    """Rows divided by their lengths, whatever their scale."""
    largest = np.abs(rows).max(axis=1)
    scaled = rows / np.where(largest > 0, largest, 1.0)[:, None]
    scaled[largest == 0, 0] = 1.0
    return np.asarray(scaled / np.sqrt(_squares(scaled))[:, None])


def upright(lengths: Floats) -> Words:
    """Of 2^64 words, how many let a vector of this length < 1 be rounded to +v/|v|: (1 + |v|)/2."""
    shares = np.minimum(0.5 + lengths / 2, 1 - 2.0**-53)
    words: Words = (shares * 2.0**64).astype(np.uint64)
    return words


# -- public directions ----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def normal_table() -> Floats:
    """2^16 values: the mean of N(0, 1) over each of as many bins of equal mass, in units of 2^-12, rounded."""
    from scipy.special import ndtri  # noqa: PLC0415 - scipy is imported where it is needed

    edges = ndtri(np.arange(1, 1 << 16) / (1 << 16))
    density = np.concatenate([[0.0], np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi), [0.0]])
    half = np.rint((density[1 << 15 : -1] - density[(1 << 15) + 1 :]) * (1 << 16) * ENTRY)
    return np.concatenate([-half[::-1], half])


def normals(seeds: Words, dimension: int, low: int, high: int) -> Floats:
    """Entries of the directions low, ..., high - 1 of each seed, `(n, high - low, d)`, whole numbers as float64."""
    stride = -(-dimension // 8) * 8
    words = _PUBLIC.words(seeds.view(np.int64), (high - low) * stride, start=low * stride, dtype=np.uint16)
    return normal_table().take(words.reshape(len(seeds), high - low, stride)[:, :, :dimension])


def named(seeds: Words, choices: Indices, dimension: int) -> Any:  # noqa: ANN401
    """Yield parts of the reports: their rows, and the unit vectors they name, in units of 2^-12 / sqrt(d)."""
    seeds = np.ascontiguousarray(seeds, dtype=np.uint64)
    places = choices >> 1
    step = max(1, PIECE // dimension)
    for place in np.unique(places).tolist():
        rows = np.flatnonzero(places == place)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            entries = normals(seeds[part], dimension, place, place + 1)[:, 0]
            scale = (ENTRY * math.sqrt(dimension)) / np.sqrt(np.einsum("nd,nd->n", entries, entries))
            scale[(choices[part] & 1) == 1] *= -1
            yield part, np.rint(entries * scale[:, None])


@lru_cache(maxsize=4096)
def top_moments(dimension: int, directions: int, top: int) -> tuple[float, float]:
    """E of the mean of the `top` largest of `directions` independent |cos|, and of their squares.

    K/m times the integral of x, or x^2, over the law of |cos| times P[fewer than m of the other K - 1 are larger],
    an incomplete beta function; by Gauss and Legendre in the angle, over 10 standard deviations.
    """
    from scipy.special import betainc, gammaln  # noqa: PLC0415 - scipy is imported where it is needed

    nodes, weights = np.polynomial.legendre.leggauss(320)
    reach = min(math.pi / 2, 10 / math.sqrt(dimension))
    angle = (nodes + 1) * reach / 2
    constant = gammaln(dimension / 2) - gammaln((dimension - 1) / 2) - math.log(math.pi) / 2 + math.log(2)
    mass = weights * reach / 2 * np.exp(constant + (dimension - 2) * np.log(np.cos(angle)))
    x = np.sin(angle)
    if top < directions:
        mass = mass * betainc(directions - top, top, betainc(0.5, (dimension - 1) / 2, x * x))
    factor = directions / top
    return float(factor * (mass * x).sum()), float(factor * (mass * x * x).sum())
