"""Privacy events: what a mechanism did, as data that accountants read.

An event says how much noise met how much change *under the neighboring relation of the guarantee
that is asked for*: the sensitivity inside is the one of that relation (replace-one: twice the
clipping norm). Events know no accounting; `tip.privacy.integer` and `tip.privacy.accountant`
interpret them. The meaning of an event never changes: a new meaning is a new class.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

from tip.errors import ConfigurationError
from tip.privacy.checks import positive, rational, whole

LEAST_SHARE_VARIANCE: Final = Fraction(2)


@dataclass(frozen=True, slots=True)
class Nothing:
    """A release that does not depend on anybody's data."""


@dataclass(frozen=True, slots=True)
class Unprotected:
    """A release of private data without noise: no accountant gives it a number."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Real-arithmetic Gaussian noise; `mu` is L2 sensitivity / standard deviation."""

    mu: float

    def __post_init__(self) -> None:
        positive("mu", self.mu)


@dataclass(frozen=True, slots=True)
class DiscreteGaussian:
    """One whole number plus exact discrete Gaussian noise of parameter `variance`; `sensitivity` in its units."""

    sensitivity: int
    variance: Fraction

    def __post_init__(self) -> None:
        whole("sensitivity", self.sensitivity, least=1)
        rational("variance", self.variance)
        if self.variance == 0:
            raise ConfigurationError("a discrete Gaussian of variance 0 adds nothing", instead="use Unprotected()")


@dataclass(frozen=True, slots=True)
class DiscreteGaussianSum:
    """A vector of whole numbers plus the sum of `shares` independent discrete Gaussian vectors.

    `squared_sensitivity` is the squared L2 change of the *integer* vector (law 8), `share_variance`
    the parameter sigma^2 of one share in squared grid units, `shares` the number of shares that the
    coalition does not know (law 4). Shares below variance 2 are refused (law 9): their sum is not
    close enough to a discrete Gaussian.
    """

    squared_sensitivity: int
    share_variance: Fraction
    shares: int
    dimension: int

    def __post_init__(self) -> None:
        whole("squared_sensitivity", self.squared_sensitivity, least=1)
        rational("share_variance", self.share_variance)
        whole("shares", self.shares, least=1)
        whole("dimension", self.dimension, least=1)
        if self.share_variance < LEAST_SHARE_VARIANCE:
            raise ConfigurationError(
                f"a noise share of variance {self.share_variance} squared grid units is too small",
                why="a sum of such shares is not close to a discrete Gaussian, and no proven bound is useful",
                instead="use shares of variance >= 2 (4 or more is recommended), that is a finer grid step",
            )


@dataclass(frozen=True, slots=True)
class Laplace:
    """Real-arithmetic Laplace noise; `epsilon` is L1 sensitivity / scale."""

    epsilon: float

    def __post_init__(self) -> None:
        positive("epsilon", self.epsilon)


@dataclass(frozen=True, slots=True)
class DiscreteLaplace:
    """Whole numbers plus exact discrete Laplace noise, P[k] ~ e^(-|k|/scale); L1 `sensitivity`."""

    sensitivity: int
    scale: Fraction

    def __post_init__(self) -> None:
        whole("sensitivity", self.sensitivity, least=1)
        rational("scale", self.scale)
        if self.scale == 0:
            raise ConfigurationError("a discrete Laplace of scale 0 adds nothing", instead="use Unprotected()")


@dataclass(frozen=True, slots=True)
class RandomizedResponse:
    """One of `categories` answers, replaced by a uniform one with probability `replaced`; replace-one only."""

    categories: int
    replaced: Fraction

    def __post_init__(self) -> None:
        whole("categories", self.categories, least=2)
        rational("replaced", self.replaced)
        if not 0 < self.replaced <= 1:
            raise ConfigurationError(f"replaced lies in (0, 1], not {self.replaced}", instead="use Unprotected()")


@dataclass(frozen=True, slots=True)
class PureLoss:
    """A release whose probabilities under any two values of one agent differ by at most a factor; replace-one.

    `ratio`: that factor, exact; epsilon = ln(ratio). Every such release is dominated by binary randomized response with
    the same ratio (Kairouz, Oh, Viswanath 2015, theorem 2), which composes exactly.
    """

    ratio: Fraction

    def __post_init__(self) -> None:
        rational("ratio", self.ratio, least=1)


@dataclass(frozen=True, slots=True)
class Concentrated:
    """A release that is `rho`-zCDP: proven elsewhere, as by an integer certificate (docs/flow-integers.md)."""

    rho: Fraction

    def __post_init__(self) -> None:
        rational("rho", self.rho)


@dataclass(frozen=True, slots=True)
class PoissonSampled:
    """`event` run on a fresh Poisson sample: each unit takes part with probability `rate`, on its own.

    To be used only for a coalition to whom law 5 credits sampling: see `tip.privacy.amplification`.
    """

    rate: Fraction
    event: Event

    def __post_init__(self) -> None:
        rational("rate", self.rate)
        if not 0 < self.rate <= 1:
            raise ConfigurationError(f"a sampling rate lies in (0, 1], not {self.rate}")


@dataclass(frozen=True, slots=True)
class Repeated:
    """`event` `times` times with fresh noise; later inputs may depend on earlier outputs."""

    event: Event
    times: int

    def __post_init__(self) -> None:
        whole("times", self.times, least=0)


@dataclass(frozen=True, slots=True)
class Composed:
    """All of `events`, with independent noise; later inputs may depend on earlier outputs."""

    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.events, tuple):
            raise ConfigurationError(f"events are a tuple, not {type(self.events).__name__}")


Event: TypeAlias = (
    Nothing
    | Unprotected
    | Gaussian
    | DiscreteGaussian
    | DiscreteGaussianSum
    | Laplace
    | DiscreteLaplace
    | RandomizedResponse
    | PureLoss
    | Concentrated
    | PoissonSampled
    | Repeated
    | Composed
)
