"""A number plus noise of its own: discrete Laplace, discrete Gaussian, and the real Gaussian rounded.

A number in a public range [low, high] is clipped, rounded to a grid of M = 2^bits steps without bias
(`tip.mechanisms.numeric_grid`) and sent with integer noise: Y = X + N. Another number moves X by at most
M steps, so

    LocalLaplace      N ~ exp(-|k| / scale)      epsilon = M / scale, delta 0                proven
    LocalGaussian     N ~ exp(-k^2 / 2 v)        the exact delta(epsilon) <= delta           proven
    RoundedGaussian   N = round(sigma g), g real  mu = M / sigma, Gaussian DP                idealized

The discrete Gaussian's variance v is the least one for which the exact hockey-stick sum allows it
(`tip.mechanisms.gaussian_delta`). The rounded Gaussian is a function of a real-arithmetic Gaussian release
(X + sigma g, rounded: X is whole), for which Balle and Wang (2018) give mu; its g is computed in floats
from one 64-bit word, and this is the reason for its status.

What is sent is Y - its least value on the wire: Y is clamped to [-B, M + B], B about 45 scales or 9.5
deviations, which happens with probability at most 2^-64 and is post-processing. The estimate Y / M has the
variance of the noise plus that of the rounding, whatever the value is; the clamp's bias is below 2^-60 of
the noise's deviation. Noise may be drawn ahead (`tip.mechanisms.pool`): `randomize_from`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.additive_law import MOST_BOUND, AdditiveLaw, RealGaussian
from tip.mechanisms.base import AES, DEVICE, EVERYBODY, ONCE, PRESENCE, PureMechanism
from tip.mechanisms.gaussian_delta import LEAST_DELTA, delta_of, variance_for
from tip.mechanisms.inputs import as_array
from tip.mechanisms.numeric import MeanMechanism
from tip.mechanisms.numeric_grid import Grid, rounded
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import checked_epsilon, exp_down, exp_up
from tip.noise import DiscreteGaussian, DiscreteLaplace
from tip.privacy import events
from tip.privacy.checks import probability
from tip.privacy.gaussian import mu_of
from tip.privacy.guarantees import Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.rounding import up
from tip.randomness import SYSTEM

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.pool import Noise, NoisePool
    from tip.privacy.events import Event
    from tip.randomness import Entropy, Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]

ROUNDING: Final = (1 << 16) - 1  # the lane of the word that rounds: the last one, far from the noise's
_LAPLACE_REACH: Final = Fraction(4506, 100)  # scales: 2 exp(-45.06) < 2^-64
_GAUSSIAN_REACH: Final = Fraction(95, 10)  # deviations: 2 exp(-9.5^2 / 2) < 2^-64
_SCALE_UNIT: Final = 1 << 20  # a scale is a multiple of 2^-20


class AdditiveMechanism(MeanMechanism):
    """A mean from numbers with noise; subclasses choose the noise."""

    __slots__ = ()

    _law: AdditiveLaw

    @property
    def noise(self) -> Noise:
        """The law of the noise, in grid steps: what a pool is made of."""
        return self._law.noise

    @property
    @abstractmethod
    def event(self) -> Event:
        """The noise and the sensitivity, M steps."""

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """A word of the last lane rounds; the noise has all others."""
        words = stream.words(agents, 1, lane=ROUNDING)
        return (self._law.answer(rounded(values, words[:, 0]), words, stream, agents, column=1),)

    def randomize_from(self, pool: NoisePool, values: ArrayLike, *, entropy: Entropy = SYSTEM) -> Reports:
        """One report for each value, with noise from a pool: takes the same time whatever the noise is.

        Raises `ConfigurationError` if the pool's law is another one, `ProtocolMisuse` if too little is left.
        """
        if pool.law != self.noise:
            raise ConfigurationError(f"the pool holds noise of {pool.law!r}, not {self.noise!r}")
        positions = self.checked(as_array(values))
        words = entropy.stream(f"{self.PURPOSE} {self.spec.name} rounding").words(
            np.arange(len(positions), dtype=np.int64), 1, lane=ROUNDING
        )
        cells = self._law.shifted(rounded(positions, words[:, 0]), pool.take(len(positions)))
        return Reports(self.spec.digest, self.layout, (cells.astype(self.layout[0].dtype),))


@dataclass(frozen=True, slots=True)
class LocalLaplace(AdditiveMechanism, PureMechanism):
    """A number plus discrete Laplace noise on its own device: pure epsilon, variance about 8 / eps^2 half-ranges^2.

    `low`, `high`: the public range. `epsilon`: the most that one report may cost. `bits`: the grid has 2^bits steps.
    The scale is the least multiple of 2^-20 steps above M / epsilon. Duchi, Piecewise, Hybrid are better at every
    epsilon; this one is for who wants reports that look like numbers.
    """

    low: float
    high: float
    epsilon: Fraction | float
    bits: int = 8
    _grid: Grid = field(init=False, repr=False, compare=False)
    _law: AdditiveLaw = field(init=False, repr=False, compare=False)

    NAME = "local-laplace"

    def __post_init__(self) -> None:
        grid, epsilon = Grid(self.low, self.high, self.bits), checked_epsilon(self.epsilon)
        scale = Fraction(int(grid.steps * _SCALE_UNIT / epsilon) + 1, _SCALE_UNIT)
        while exp_up(grid.steps / scale) > exp_down(epsilon):
            scale += Fraction(1, _SCALE_UNIT)
        bound = ceil(_LAPLACE_REACH * scale)
        if bound > MOST_BOUND:
            _too_wide(grid.steps, bound)
        object.__setattr__(self, "_grid", grid)
        law = AdditiveLaw(grid.steps, DiscreteLaplace(scale), bound, (("scale", scale),))
        object.__setattr__(self, "_law", law)

    @property
    def scale(self) -> Fraction:
        """The noise's scale in steps."""
        return self.event.scale

    @property
    def event(self) -> events.DiscreteLaplace:
        """Sensitivity M, the scale in use."""
        noise = self._law.noise
        return events.DiscreteLaplace(self._law.steps, noise.scale)  # type: ignore[attr-defined]  # set above

    @property
    def ratio(self) -> Fraction:
        """An upper bound of e^(M / scale), the irrational truth, within 2^-90 of it."""
        return exp_up(self._law.steps / self.scale)

    @property
    def blanket(self) -> Fraction:
        """A lower bound of e^(-M / 2 scale), the overlap of the laws at both ends (M is even)."""
        return 1 / exp_up(self._law.steps / self.scale / 2)


def _too_wide(steps: int, bound: int) -> None:
    bits = (steps * MOST_BOUND // bound).bit_length() - 1
    raise ConfigurationError(
        f"the noise on a grid of {steps} steps would not fit the wire", instead=f"take bits <= {bits}"
    )


class _Gaussian(AdditiveMechanism):
    """What both Gaussians share: a request (epsilon, delta)."""

    __slots__ = ()

    epsilon: Fraction | float
    delta: float

    def _promise(self, delta: float, *, kind: Kind, status: Status, mu: float | None) -> Guarantee:
        return Guarantee(
            epsilon=up(checked_epsilon(self.epsilon)),
            delta=Delta(conversion=delta),
            unit=Unit.AGENT,
            neighboring=Neighboring.REPLACE_ONE,
            coalition=EVERYBODY,
            scope=f"one report of {self.spec.name}",
            kind=kind,
            security=Security.COMPUTATIONAL,
            security_bits=128,
            status=status,
            assumptions=(DEVICE, ONCE, PRESENCE, AES),
            mu=mu,
        )


@dataclass(frozen=True, slots=True)
class LocalGaussian(_Gaussian):
    """A number plus exact discrete Gaussian noise on its own device: (epsilon, delta), proven.

    `low`, `high`: the public range. `epsilon`, `delta`: the most that one report may cost; the variance is the least
    one (to 2^-13) whose exact delta is at most `delta`. `bits`: the grid has 2^bits steps. For a single report the
    pure mechanisms are far better; Gaussian noise is for what is composed many times.
    """

    low: float
    high: float
    epsilon: Fraction | float
    delta: float
    bits: int = 10
    _grid: Grid = field(init=False, repr=False, compare=False)
    _law: AdditiveLaw = field(init=False, repr=False, compare=False)

    NAME = "local-gaussian"

    def __post_init__(self) -> None:
        grid = Grid(self.low, self.high, self.bits)
        variance = variance_for(checked_epsilon(self.epsilon), self.delta, grid.steps)
        bound = ceil(_GAUSSIAN_REACH * Fraction(sqrt(variance))) + 1
        object.__setattr__(self, "_grid", grid)
        law = AdditiveLaw(grid.steps, DiscreteGaussian(variance), bound, (("variance", variance),))
        object.__setattr__(self, "_law", law)

    @property
    def event(self) -> events.DiscreteGaussian:
        """Sensitivity M, the variance in use."""
        noise = self._law.noise
        return events.DiscreteGaussian(self._law.steps, noise.variance)  # type: ignore[attr-defined]  # set above

    @property
    def guarantee(self) -> Guarantee:
        """(epsilon, delta), delta the exact sum for the variance in use, rounded up."""
        delta = delta_of(checked_epsilon(self.epsilon), self._law.steps, self.event.variance)
        return self._promise(delta, kind=Kind.APPROXIMATE, status=Status.PROVEN, mu=None)


@dataclass(frozen=True, slots=True)
class RoundedGaussian(_Gaussian):
    """A number plus a rounded real Gaussian: Gaussian DP, *idealized*, for its noise is computed in floats.

    Fields as for `LocalGaussian`. mu is the greatest one with (epsilon, delta) (Balle and Wang 2018), sigma = M / mu.
    """

    low: float
    high: float
    epsilon: Fraction | float
    delta: float
    bits: int = 16
    _grid: Grid = field(init=False, repr=False, compare=False)
    _law: AdditiveLaw = field(init=False, repr=False, compare=False)

    NAME = "rounded-gaussian"

    def __post_init__(self) -> None:
        grid, epsilon = Grid(self.low, self.high, self.bits), checked_epsilon(self.epsilon)
        if not LEAST_DELTA < probability("delta", self.delta) < 1:
            raise ConfigurationError(f"delta lies in ({LEAST_DELTA:g}, 1), not {self.delta!r}")
        sigma = up(Fraction(grid.steps) / Fraction(mu_of(float(epsilon), self.delta)))
        bound = ceil(_GAUSSIAN_REACH * Fraction(sigma)) + 1
        object.__setattr__(self, "_grid", grid)
        law = AdditiveLaw(grid.steps, RealGaussian(sigma), bound, (("sigma", Fraction(sigma)),))
        object.__setattr__(self, "_law", law)

    @property
    def event(self) -> events.Gaussian:
        """Mu = M / sigma, rounded up."""
        noise = self._law.noise
        return events.Gaussian(up(self._law.steps / Fraction(noise.sigma)))  # type: ignore[attr-defined]  # set above

    @property
    def guarantee(self) -> Guarantee:
        """Mu, and the (epsilon, delta) that was asked for; idealized."""
        return self._promise(self.delta, kind=Kind.GDP, status=Status.IDEALIZED, mu=self.event.mu)
