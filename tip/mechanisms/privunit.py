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
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.ball import checked_ball
from tip.mechanisms.caps import cosine_cap, cosine_tail, normal_cap, settled
from tip.mechanisms.directions import top_moments
from tip.mechanisms.real_vectors import IdealizedVectors
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, heads, words_down
from tip.mechanisms.vectors import SignedDirections
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

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
    t, shares, mean = settled(float(1 / bound), lambda t: cosine_cap(t, dimension), lambda _, mean: -mean, reach=reach)
    return t, shares[1], mean


# -- real arithmetic ------------------------------------------------------------------------------


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
        _settle(self, normal_cap, lambda t, mean: (t * mean + self.dimension) / mean**2, reach=10.0)

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
        tails = ndtri(uniform * np.where(inside, q, 1 - q))
        return np.asarray(np.where(inside, -tails, tails))


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
        _settle(self, lambda t: cosine_cap(t, d), lambda _, mean: d / mean**2, reach=min(10.0, math.sqrt(d) * 0.999))

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
        mean, wider = cosine_cap(self._t, d)[1], cosine_tail(x, (d + 1) / 2)
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

    def share(self, noise: Singles, along: Floats, heights: Floats) -> Floats:
        """Sqrt(d - h^2)/|g'|, g' the part of g across v."""
        rest = np.maximum(np.einsum("nd,nd->n", noise, noise) - along * along, 1e-20)
        return np.asarray(np.sqrt(np.maximum(self.dimension - heights * heights, 0) / rest))


def _settle(
    mechanism: PrivUnitG | PrivUnit,
    cap: Callable[[float], tuple[float, float]],
    error: Callable[[float, float], float],
    *,
    reach: float,
) -> None:
    """Keep the t in [0, reach] of the least error, and what follows from it."""
    chosen = settled(math.exp(-float(checked_epsilon(mechanism.epsilon))), cap, error, reach=reach)
    for name, value in zip(("_t", "_shares", "_shrinkage"), chosen, strict=True):
        object.__setattr__(mechanism, name, value)


def _split(words: Words, p: float) -> tuple[NDArray[np.bool_], Floats]:
    """Coins of probability p, and uniform numbers in (0, 1)."""
    inside = heads(words[:, 0], words_down(Fraction(p)))
    return inside, ((words[:, 1] >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _real_spec(name: str, mechanism: PrivUnitG | PrivUnit, t: float, p: float) -> Spec:
    exact = (("dimension", mechanism.dimension), ("norm", Fraction(mechanism.norm)))
    return Spec(name, 1, (*exact, ("threshold", Fraction(t)), ("p", Fraction(p))))
