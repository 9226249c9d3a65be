"""PrivUnit: name a direction near the vector, exactly or in real arithmetic.

Three mechanisms for the mean of vectors in a ball.

1. `PrivUnitSubset`, proven pure epsilon. A report names one of 2K public signed directions; one of the m that are
   closest to v with probability p (`tip.mechanisms.vectors`). "In the cap" is decided by an integer coin, and the
   cap is defined by a *count*, so that no mass of a cap under a generator enters the proof. As K grows the error
   falls to that of PrivUnit. Related: Feldman, Talwar 2021 (a public generator and a seed compress a
   randomizer); Shah, Chen, Balle, Kairouz, Theis 2022 (random candidates).
2. `PrivUnitG` (Asi, Feldman, Talwar, ICML 2022): Z = (a v + g)/M in real arithmetic, sqrt(d) a a standard normal given
   that it is >= t (with probability p) or < t, g normal across v, M = E[a].
3. `PrivUnit` (Bhowmick, Duchi, Freudiger, Kapoor, Rogers 2018): the same on the sphere, a from the law of a cosine.

2 and 3 have the status idealized: their reports are floating-point vectors whose last digits may tell more. With
q = P[>= t], p/(1 - p) = e^eps q/(1 - q), and t is chosen to minimize the error

    G: ((1 + t M') + d - 1)/M'^2 - 1, M' = phi(t) (p/q - (1 - p)/(1 - q)) = M sqrt(d);     sphere: 1/M^2 - 1.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.base import Influence
from tip.mechanisms.columns import Column, Reals
from tip.mechanisms.gaussian_vectors import LOOSE, idealized, real_normals, shorten, sums, within
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, exp_up, heads, words_down
from tip.mechanisms.vectors import (
    PIECE,
    SignedDirections,
    VectorMean,
    checked_ball,
    lengths_and_directions,
    top_moments,
    upright,
)
from tip.privacy.checks import whole
from tip.privacy.events import PureLoss
from tip.privacy.guarantees import Delta, Kind
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tip.mechanisms.reports import Reports
    from tip.privacy.events import Event
    from tip.privacy.guarantees import Guarantee
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

MOST_DIRECTIONS: Final = 1 << 10
_CHOSEN: Final = 1 << 8  # the most that are chosen by themselves
_SLACK: Final = 1.05


@dataclass(frozen=True, slots=True)
class PrivUnitSubset(SignedDirections):
    """One of 2K public directions, rather one of the m closest to the vector; see the top of the file.

    `dimension`: d in [2, 2^17]. `norm`: the ball's radius; longer vectors are clipped. `epsilon`: in [1e-6, 40].
    `candidates`: K in [1, 2^10]; an agent's work is K d. By default the least power of two, at most 256, whose error is
    within 5 % of that of `PrivUnit`, the limit. m is the best one.
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    candidates: int | None = None
    _top: int = field(init=False, repr=False, compare=False)
    _keep: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        bound = exp_down(checked_epsilon(self.epsilon))
        if self.candidates is None:
            object.__setattr__(self, "candidates", _enough(self.dimension, bound))
        if whole("candidates", self.candidates, least=1) > MOST_DIRECTIONS:
            raise ConfigurationError(f"candidates is at most {MOST_DIRECTIONS}, not {self.candidates}")
        top, rest = _best_top(self.dimension, self.directions, bound)[0], 2 * self.directions
        object.__setattr__(self, "_top", top)
        object.__setattr__(self, "_keep", int(bound * top * WORD / (bound * top + rest - top)))

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm, K, m and the threshold."""
        sizes = (("candidates", self.directions), ("top", self._top), ("keep", self._keep))
        return Spec("priv-unit-subset", 1, (("dimension", self.dimension), ("norm", Fraction(self.norm)), *sizes))

    @property
    def directions(self) -> int:
        """K."""
        return self.candidates or 1

    @property
    def top(self) -> int:
        """The m that is best for d, K and epsilon."""
        return self._top

    @property
    def threshold(self) -> int:
        """One of the first m is named with probability threshold / 2^64."""
        return self._keep


@lru_cache(maxsize=1024)
def _best_top(dimension: int, directions: int, bound: Fraction) -> tuple[int, float]:
    """The m in [1, K] with the largest c, and that c: uphill from the share that is best for large K."""
    both = 2 * directions

    def shrinkage(top: int) -> float:
        p = float(bound * top / (bound * top + both - top))
        return top_moments(dimension, directions, top)[0] * (both * p - top) / (both - top)

    top = min(max(round(both * _sphere(dimension, bound)[1]), 1), directions)
    best = shrinkage(top)
    for step in (1, -1):
        while 1 <= top + step <= directions and (other := shrinkage(top + step)) > best:
            top, best = top + step, other
    return top, best


@lru_cache(maxsize=256)
def _enough(dimension: int, bound: Fraction) -> int:
    """The least power of two, at most 256, whose error is within 5 % of the limit."""
    limit, number = _sphere(dimension, bound)[2] / math.sqrt(dimension), 1
    while number < _CHOSEN and limit**2 > _SLACK * _best_top(dimension, number, bound)[1] ** 2:
        number *= 2
    return number


@lru_cache(maxsize=256)
def _sphere(dimension: int, bound: Fraction) -> tuple[float, float, float]:
    """T, q and sqrt(d) E[a] of `PrivUnit` for e^epsilon = bound: the limit for many candidates."""
    reach = min(10.0, math.sqrt(dimension) * 0.999)
    t, shares, mean = _settled(
        float(1 / bound), lambda t: _cosine_cap(t, dimension), lambda _, mean: -mean, reach=reach
    )
    return t, shares[1], mean


# -- real arithmetic ------------------------------------------------------------------------------


class IdealizedVectors(VectorMean):
    """What the idealized mechanisms share: float32 reports inside a ball, pure epsilon in real arithmetic.

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
            lengths, directions = lengths_and_directions(values[part])
            directions[(words[part, 0] >= upright(lengths)) & (lengths < 1)] *= -1
            noise = real_normals(stream, agents[part], self.dimension)
            self.place(noise, heights[part], directions.astype(np.float32), out[part])
        return (out,)

    @abstractmethod
    def place(self, noise: Singles, heights: Floats, directions: Singles, out: Singles) -> None:
        """Write the reports x, given normal noise, sqrt(d) a and v/|v|."""

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """No report is longer than `radius`."""
        return {"longer than a report can be": within(reports["vector"], self.radius)}

    def tally(self, reports: Reports) -> Floats:
        """Sums of the vectors and of the squares of their entries, `(2, d)` float64."""
        return sums(reports["vector"])


@dataclass(frozen=True, slots=True)
class PrivUnitG(IdealizedVectors):
    """A normal height above or below a threshold, and normal noise across; idealized: see the top of the file.

    `dimension`: d in [2, 2^17]. `norm`: the ball's radius; longer vectors are clipped. `epsilon`: in [1e-6, 40].
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    _t: float = field(init=False, repr=False, compare=False)
    _shares: tuple[float, float] = field(init=False, repr=False, compare=False)  # p, q
    _shrinkage: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        _settle(self, _normal_cap, lambda t, mean: (t * mean + self.dimension) / mean**2, reach=10.0)

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm, and the threshold and p as the fractions that the floats are."""
        return _real_spec("priv-unit-g", self, self._t, self._shares[0])

    @property
    def shrinkage(self) -> float:
        """Phi(t) (p/q - (1 - p)/(1 - q)), phi the normal density."""
        return self._shrinkage

    @property
    def along(self) -> float:
        """1 + t E[sqrt(d) a]."""
        return 1 + self._t * self._shrinkage

    @property
    def across(self) -> float:
        """1."""
        return 1.0

    @property
    def radius(self) -> float:
        """P[chi^2_d >= d + 2 sqrt(d x) + 2 x] <= e^-x (Laurent, Massart 2000) with x = 28; a height of t + 9."""
        return math.sqrt(self.dimension + 2 * math.sqrt(28 * self.dimension) + 56 + (self._t + 9) ** 2)

    def heights(self, words: Words) -> Floats:
        """A normal number on its side of t, by inversion of the tail or of the rest."""
        from scipy.special import ndtri  # noqa: PLC0415 - scipy is imported where it is needed

        inside, uniform = _split(words, self._shares[0])
        q = self._shares[1]
        return np.asarray(np.where(inside, -ndtri(uniform * q), ndtri(uniform * (1 - q))))

    def place(self, noise: Singles, heights: Floats, directions: Singles, out: Singles) -> None:
        """Noise + (h - <g, v>) v, shortened to the radius in the rare case that it is longer."""
        missing = heights.astype(np.float32) - np.einsum("nd,nd->n", noise, directions)
        np.multiply(directions, missing[:, None], out=out)
        out += noise
        shorten(out, self.radius)


@dataclass(frozen=True, slots=True)
class PrivUnit(IdealizedVectors):
    """A cosine above or below a threshold, uniform across; idealized: see the top of the file.

    Fields as those of `PrivUnitG`; the error is a little less, the agent's work about a third more.
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    _t: float = field(init=False, repr=False, compare=False)
    _shares: tuple[float, float] = field(init=False, repr=False, compare=False)  # p, q
    _shrinkage: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        d = self.dimension
        _settle(self, lambda t: _cosine_cap(t, d), lambda _, mean: d / mean**2, reach=min(10.0, math.sqrt(d) * 0.999))

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm, and the threshold and p as the fractions that the floats are."""
        return _real_spec("priv-unit", self, self._t, self._shares[0])

    @property
    def shrinkage(self) -> float:
        """Sqrt(d) times the mean cosine."""
        return self._shrinkage

    @property
    def along(self) -> float:
        """D times the mean squared cosine; by parts, with a beta law of one half more."""
        (p, q), d, x = self._shares, self.dimension, self._t / math.sqrt(self.dimension)
        mean, wider = _cosine_cap(self._t, d)[1], _cosine_tail(x, (d + 1) / 2)
        inside = self._t * mean + wider  # d E[cos^2; cos >= x]
        return p / q * inside + (1 - p) / (1 - q) * (1 - inside)

    @property
    def across(self) -> float:
        """(d - along)/(d - 1): every report has the length sqrt(d)."""
        return (self.dimension - self.along) / (self.dimension - 1)

    @property
    def radius(self) -> float:
        """Sqrt(d), exactly."""
        return math.sqrt(self.dimension)

    def heights(self, words: Words) -> Floats:
        """Sqrt(d) times a cosine on its side, by inversion of the beta law."""
        from scipy.special import betaincinv  # noqa: PLC0415 - scipy is imported where it is needed

        inside, uniform = _split(words, self._shares[0])
        q, half = self._shares[1], (self.dimension - 1) / 2
        tails = 1 - 2 * betaincinv(half, half, uniform * np.where(inside, q, 1 - q))
        return np.asarray(np.where(inside, tails, -tails) * math.sqrt(self.dimension))

    def place(self, noise: Singles, heights: Floats, directions: Singles, out: Singles) -> None:
        """H v + sqrt(d - h^2) g'/|g'|, g' the part of g across v."""
        height = heights.astype(np.float32)
        along = np.einsum("nd,nd->n", noise, directions)
        rest = np.maximum(np.einsum("nd,nd->n", noise, noise) - along * along, np.float32(1e-20))
        scale = np.sqrt(np.maximum(np.float32(self.dimension) - height * height, 0) / rest)
        np.multiply(directions, (height - along * scale)[:, None], out=out)
        noise *= scale[:, None]
        out += noise
        shorten(out, self.radius)


def _settle(
    mechanism: PrivUnitG | PrivUnit,
    cap: Callable[[float], tuple[float, float]],
    error: Callable[[float, float], float],
    *,
    reach: float,
) -> None:
    """Keep the t in [0, reach] of the least error, and what follows from it."""
    settled = _settled(math.exp(-float(checked_epsilon(mechanism.epsilon))), cap, error, reach=reach)
    for name, value in zip(("_t", "_shares", "_shrinkage"), settled, strict=True):
        object.__setattr__(mechanism, name, value)


def _settled(
    shrink: float, cap: Callable[[float], tuple[float, float]], error: Callable[[float, float], float], *, reach: float
) -> tuple[float, tuple[float, float], float]:
    """T, (p, q) and sqrt(d) E[a] of the least error, for e^-epsilon = shrink."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - scipy is imported where it is needed

    def follows(t: float) -> tuple[tuple[float, float], float]:
        q, density = cap(t)
        p = q / (q + (1 - q) * shrink)
        return (p, q), density * (p - q) / (q * (1 - q))

    best = minimize_scalar(lambda t: error(t, follows(t)[1]), bounds=(0.0, reach), method="bounded")
    return (float(best.x), *follows(float(best.x)))


def _normal_cap(t: float) -> tuple[float, float]:
    """P[N >= t] and E[N; N >= t] = phi(t)."""
    return math.erfc(t / math.sqrt(2)) / 2, math.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def _cosine_tail(x: float, half: float) -> float:
    """P[cosine >= x], for the law with density proportional to (1 - x^2)^(half - 1)."""
    from scipy.special import betainc  # noqa: PLC0415 - scipy is imported where it is needed

    return float(betainc(half, half, (1 - x) / 2))


def _cosine_cap(t: float, dimension: int) -> tuple[float, float]:
    """P[cosine >= x] and sqrt(d) E[cosine; cosine >= x], x = t/sqrt(d): C (1 - x^2)^((d - 1)/2)/(d - 1)."""
    from scipy.special import gammaln  # noqa: PLC0415 - scipy is imported where it is needed

    x, half = t / math.sqrt(dimension), (dimension - 1) / 2
    constant = float(gammaln(dimension / 2) - gammaln(half)) - math.log(math.pi) / 2
    mean = math.exp(constant + half * math.log1p(-x * x)) / (2 * half)
    return _cosine_tail(x, half), math.sqrt(dimension) * mean


def _split(words: Words, p: float) -> tuple[NDArray[np.bool_], Floats]:
    """Coins of probability p, and uniform numbers in (0, 1)."""
    inside = heads(words[:, 0], words_down(Fraction(p)))
    return inside, ((words[:, 1] >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _real_spec(name: str, mechanism: PrivUnitG | PrivUnit, t: float, p: float) -> Spec:
    exact = (("dimension", mechanism.dimension), ("norm", Fraction(mechanism.norm)))
    return Spec(name, 1, (*exact, ("threshold", Fraction(t)), ("p", Fraction(p))))
