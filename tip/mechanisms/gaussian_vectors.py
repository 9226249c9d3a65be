"""Gaussian noise on vectors: exact on a grid, or idealized.

`GridGaussianVectors`, proven. The vector v (|v| <= 1 after division by `norm`) is scaled by the number G of grid
steps, each coordinate is rounded up or down by an exact coin whose mean is the coordinate, and exact discrete
Gaussian noise of parameter s is added. Rounding moves the norm: with probability 1 - e^-40,

    |x|^2 <= B = G^2 + ceil(d/4 + 4.5 (2G + sqrt d))          (Hoeffding 1963: sums of d independent squares)

and an x that breaks this, which exact integers test, is rounded toward zero instead (law 8). The integer vector
carries the guarantee: rho = 4B/(2s) zCDP under replace-one, and s is the least whole number with rho at most
`rho_for(epsilon, delta)`.

`RealGaussianVectors`, idealized. v + sigma N(0, I) with sigma = 2 norm / mu and the largest mu whose
exact Gaussian curve has (epsilon, delta) (Balle, Wang 2018): the error is d sigma^2. zCDP asks for a little more
noise than this curve; docs/local-vectors.md has the factor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.ball import checked_ball
from tip.mechanisms.base import AES, DEVICE, EVERYBODY, ONCE, PRESENCE, Influence
from tip.mechanisms.columns import Column, Integers, Reals
from tip.mechanisms.directions import PIECE
from tip.mechanisms.distributed import within as whole_within
from tip.mechanisms.real_vectors import LOOSE, idealized, real_normals, shorten, sums, within
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import checked_epsilon
from tip.mechanisms.vectors import VectorMean
from tip.noise import DiscreteGaussian
from tip.privacy import gaussian
from tip.privacy.checks import whole
from tip.privacy.events import DiscreteGaussianSum, Gaussian
from tip.privacy.guarantees import Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho, rho_for, rho_of_sum
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_STEPS: Final = 1 << 24
_COINS: Final = 1 << 15  # the lane of the rounding coins, far above those of the noise
_TAIL: Final = 28.0  # e^-28 is 7e-13


@dataclass(frozen=True, slots=True)
class GridGaussianVectors(VectorMean):
    """Whole vectors with exact discrete Gaussian noise; proven zCDP. See the top of the file.

    `dimension`: d in [2, 2^17]. `norm`: the ball's radius; longer vectors are clipped. `steps`: G, grid steps
    of the radius, in [16, 2^24]: the noise grows by about 4.5/G.
    """

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    delta: float
    steps: int = 1000
    _variance: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        if whole("steps", self.steps, least=16) > MOST_STEPS:
            raise ConfigurationError(f"steps is at most 2^24, not {self.steps}")
        rho = rho_for(float(checked_epsilon(self.epsilon)), self.delta)
        object.__setattr__(self, "_variance", max(2, -int(-2 * self.squared_bound / rho // 1)))
        if self.reach >= 1 << 31:
            raise ConfigurationError(
                "a report's entries would pass 2^31", instead="take a larger epsilon, or fewer steps"
            )

    @property
    def squared_bound(self) -> int:
        """B, the most that the squared norm of a rounded vector can be."""
        g, d = self.steps, self.dimension
        return g * g + -(-d // 4) + -(-9 * (2 * g + math.isqrt(d) + 1) // 2)

    @property
    def noise_variance(self) -> int:
        """The parameter s of the noise, in squared grid steps."""
        return self._variance

    @property
    def reach(self) -> int:
        """No report is longer: from P[|noise| >= sigma (sqrt d + 9)] < 1e-17; an agent shortens its report."""
        return math.isqrt(self.squared_bound) + 2 + int(math.sqrt(self._variance) * (math.sqrt(self.dimension) + 9))

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm, G and s."""
        exact = (("dimension", self.dimension), ("norm", Fraction(self.norm)))
        return Spec("grid-gaussian-vectors", 1, (*exact, ("steps", self.steps), ("variance", self._variance)))

    @property
    def layout(self) -> tuple[Column, ...]:
        """The noisy whole vector."""
        return (Integers("vector", low=-self.reach, high=self.reach + 1, width=self.dimension),)

    @property
    def event(self) -> DiscreteGaussianSum:
        """One share of discrete Gaussian noise on a vector that moves by at most 2 sqrt(B)."""
        return DiscreteGaussianSum(4 * self.squared_bound, Fraction(self._variance), 1, self.dimension)

    @property
    def guarantee(self) -> Guarantee:
        """Rho-zCDP from the integers in use, and the epsilon that follows at delta; proven."""
        rho = rho_of_sum(self.event)
        epsilon = epsilon_of_rho(rho, self.delta)
        return Guarantee(
            epsilon=epsilon,
            delta=Delta(conversion=self.delta),
            unit=Unit.AGENT,
            neighboring=Neighboring.REPLACE_ONE,
            coalition=EVERYBODY,
            scope=f"one report of {self.spec.name}",
            kind=Kind.ZCDP,
            security=Security.COMPUTATIONAL,
            security_bits=128,
            status=Status.PROVEN,
            assumptions=(DEVICE, ONCE, PRESENCE, AES),
            rho=rho,
        )

    @property
    def unit(self) -> float:
        """Norm / G."""
        return float(self.norm) / self.steps

    @property
    def square_unit(self) -> float:
        """Squares are added up in units of 2^shift."""
        return self.unit**2 * 2.0**self._shift

    @property
    def _shift(self) -> int:
        return max(0, 2 * self.reach.bit_length() - 30)

    def second_moments(self, vector: Floats) -> Floats:
        """V^2 + (s + f (1 - f)) unit^2, f the part of v G that the rounding coin decides."""
        rest = np.mod(vector / self.unit, 1.0)
        return np.asarray(vector**2 + (self._variance + rest * (1 - rest)) * self.unit**2)

    @property
    def worst_variance(self) -> float:
        """Noise, and a coin of 1/2."""
        return (self._variance + 0.25) * self.unit**2

    def max_influence(self) -> Influence:
        """Each report counts as a vector of at most this length."""
        length = self.reach * self.unit * LOOSE
        return Influence(length, length)

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Round by coins, test the bound in whole numbers, add the noise."""
        vectors = self.rounded(values, stream, agents)
        vectors += DiscreteGaussian(Fraction(self._variance)).sample(stream, agents, self.dimension)
        long = np.flatnonzero(~within(vectors, self.reach, slack=1.0))
        if len(long):  # a function of the protected vector alone; the mean moves by less than 1e-15
            rows = vectors[long].astype(np.float64)
            factor = (self.reach - 1) / np.sqrt(np.einsum("nd,nd->n", rows, rows))
            vectors[long] = np.trunc(rows * factor[:, None]).astype(np.int64)
        return (vectors,)

    def rounded(self, values: Floats, stream: Stream, agents: Indices) -> Indices:
        """Whole vectors of squared norm at most B whose mean is values G, `(n, d)` int64."""
        scaled = values * self.steps
        floors = np.floor(scaled)
        shares = (np.minimum(scaled - floors, 1 - 2.0**-53) * 2.0**64).astype(np.uint64)  # -1e-20 lies 1.0 above -1
        coins = stream.words(agents, self.dimension, lane=_COINS) < shares
        vectors = floors.astype(np.int64) + coins
        squares = np.einsum("nd,nd->n", vectors, vectors)  # below d 2^50
        over = np.flatnonzero(squares > self.squared_bound)
        if len(over):
            vectors[over] = np.trunc(scaled[over]).astype(np.int64)
            while not whole_within(vectors[over], self.squared_bound):  # pragma: no cover - |scaled| <= G
                vectors[over] -= np.sign(vectors[over])
        return vectors

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """No report is longer than `reach`."""
        return {"longer than a report can be": within(reports["vector"], self.reach)}

    def tally(self, reports: Reports) -> Indices:
        """Sums of the vectors, and of the squares of their entries in units of 2^shift; `(2, d)`."""
        vectors = reports["vector"]
        squares = (vectors * vectors) >> self._shift
        return np.stack([vectors.sum(axis=0), squares.sum(axis=0)])


@dataclass(frozen=True, slots=True)
class RealGaussianVectors(VectorMean):
    """Normal noise with the analytic calibration; idealized. See the top of the file."""

    dimension: int
    norm: float | Fraction
    epsilon: Fraction | float
    delta: float
    _mu: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_ball(self.dimension, self.norm))
        object.__setattr__(self, "_mu", gaussian.mu_of(float(checked_epsilon(self.epsilon)), self.delta))

    @property
    def deviation(self) -> float:
        """The standard deviation of the noise in units of `norm`: 2 / mu."""
        return 2 / self._mu

    @property
    def spec(self) -> Spec:
        """Name, dimension, norm and mu as the fraction that the float is."""
        exact = (("dimension", self.dimension), ("norm", Fraction(self.norm)))
        return Spec("real-gaussian-vectors", 1, (*exact, ("mu", Fraction(self._mu))))

    @property
    def radius(self) -> float:
        """No report is longer, in units of sigma; an agent shortens its report with probability below 1e-12."""
        return 1 / self.deviation + math.sqrt(self.dimension + 2 * math.sqrt(_TAIL * self.dimension) + 2 * _TAIL)

    @property
    def layout(self) -> tuple[Column, ...]:
        """V/sigma and normal noise, in single precision."""
        return (Reals("vector", width=self.dimension, bound=self.radius * LOOSE),)

    @property
    def event(self) -> Gaussian:
        """Real Gaussian noise."""
        return Gaussian(self._mu)

    @property
    def guarantee(self) -> Guarantee:
        """Mu-GDP and epsilon at delta, idealized."""
        epsilon = up(checked_epsilon(self.epsilon))
        return idealized(self, epsilon, Kind.GDP, Delta(conversion=self.delta), mu=self._mu)

    @property
    def unit(self) -> float:
        """Norm times sigma."""
        return float(self.norm) * self.deviation

    def second_moments(self, vector: Floats) -> Floats:
        """V^2 + unit^2."""
        return np.asarray(vector**2 + self.unit**2)

    @property
    def worst_variance(self) -> float:
        """Unit^2."""
        return self.unit**2

    def max_influence(self) -> Influence:
        """Each report counts as a vector of at most this length."""
        length = self.radius * self.unit * LOOSE
        return Influence(length, length)

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Normal numbers from lane 1."""
        out = np.empty(values.shape, dtype=np.float32)
        step = max(1, PIECE // self.dimension)
        for first in range(0, len(values), step):
            part = slice(first, first + step)
            noise = real_normals(stream, agents[part], self.dimension, out=out[part])
            singles = values[part].astype(np.float32)
            singles *= np.float32(1 / self.deviation)
            noise += singles
            shorten(noise, self.radius)
        return (out,)

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """No report is longer than `radius`."""
        return {"longer than a report can be": within(reports["vector"], self.radius)}

    def tally(self, reports: Reports) -> Floats:
        """Sums of the vectors and of the squares of their entries, `(2, d)` float64."""
        return sums(reports["vector"])
