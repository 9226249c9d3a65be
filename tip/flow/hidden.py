"""What a flow hides, and what hides it: secrets in their domains, noises by their laws."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.actors import MOST_AGENTS
from tip.privacy.checks import rational
from tip.privacy.statements import Neighboring

MOST_ROUNDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A number in a public range: two values differ by at most high - low."""

    low: Fraction
    high: Fraction

    def __post_init__(self) -> None:
        if not (isinstance(self.low, Fraction) and isinstance(self.high, Fraction) and self.low < self.high):
            raise ConfigurationError(f"a range goes from a lower to a higher number, not {self.low} to {self.high}")

    def squared_reach(self, neighboring: Neighboring) -> Fraction:
        """The largest squared change."""
        if neighboring is Neighboring.REPLACE_ONE:
            return (self.high - self.low) ** 2
        return max(self.low**2, self.high**2)


@dataclass(frozen=True, slots=True)
class Ball:
    """A vector whose squared L2 norm is at most `squared_norm`: two of them differ by at most twice the norm."""

    squared_norm: Fraction

    def __post_init__(self) -> None:
        if not rational("a squared norm", self.squared_norm):
            raise ConfigurationError("a squared norm is above 0: a vector that is always 0 is no secret")

    def squared_reach(self, neighboring: Neighboring) -> Fraction:
        """The largest squared change."""
        return (4 if neighboring is Neighboring.REPLACE_ONE else 1) * self.squared_norm


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `categories` answers: for reports, not for sums."""

    categories: int

    def __post_init__(self) -> None:
        checks.within("the choices of a secret", self.categories, 2, MOST_AGENTS)

    def squared_reach(self, neighboring: Neighboring) -> Fraction:
        """Of the indicator vector: two entries change under replace-one, one under the other relations."""
        return Fraction(2 if neighboring is Neighboring.REPLACE_ONE else 1)


Domain: TypeAlias = Interval | Ball | Choice


@dataclass(frozen=True, slots=True)
class Secret:
    """What each agent of a group holds: a value of `dimension` coordinates for each of `rounds` rounds.

    `whole`: whole numbers (grid steps), which integer noise needs (law 8). `participations`: in how many of the rounds
    one agent takes part at most (law 5; None: in all). `adaptive`: a round's value may depend on what was seen before.
    """

    name: str
    of: str
    domain: Domain
    neighboring: Neighboring
    adaptive: bool
    dimension: int = 1
    whole: bool = False
    rounds: int = 1
    participations: int | None = None

    def __post_init__(self) -> None:
        checks.name("a secret", self.name)
        checks.kind("secret.neighboring", self.neighboring, Neighboring)
        if not isinstance(self.domain, Interval | Ball | Choice):
            raise ConfigurationError(f"the domain of secret {self.name!r} is an Interval, a Ball or a Choice")
        checks.truth("secret.adaptive", self.adaptive)
        checks.truth("secret.whole", self.whole)
        checks.within("the dimension of a secret", self.dimension, 1, MOST_AGENTS)
        checks.within("the rounds of a secret", self.rounds, 1, MOST_ROUNDS)
        if self.participations is not None:
            checks.within("participations", self.participations, 1, self.rounds)

    @property
    def squared_reach(self) -> Fraction:
        """The largest squared L2 change of one round's value under the secret's relation.

        A ball bounds all coordinates together, a range each of them.
        """
        each = self.dimension if isinstance(self.domain, Interval) else 1
        return each * self.domain.squared_reach(self.neighboring)

    @property
    def uses(self) -> int:
        """The number of rounds that one agent is charged for."""
        return self.rounds if self.participations is None else self.participations


class Law(StrEnum):
    """The law of one coordinate of a noise."""

    GAUSSIAN = "gaussian"  # of real numbers: idealized
    DISCRETE_GAUSSIAN = "discrete gaussian"
    SKELLAM = "skellam"
    LAPLACE = "laplace"  # of real numbers: idealized
    DISCRETE_LAPLACE = "discrete laplace"
    UNIFORM = "uniform"  # over the ring of the messages that hold it: a mask


_SCALED: Final = (Law.LAPLACE, Law.DISCRETE_LAPLACE)


@dataclass(frozen=True, slots=True)
class Noise:
    """Independent draws: one for each member of `of` (a group, a graph's edges, a party), round and coordinate.

    `variance`: of the Gaussian laws and Skellam, in squared units (None: to be planned). `scale`: of the Laplace laws.
    `rounds` > 1: drawn afresh in each round. `known_to`: parties and groups that are told, beside who draws it.
    """

    name: str
    of: str
    law: Law
    variance: Fraction | None = None
    scale: Fraction | None = None
    rounds: int = 1
    known_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.name("a noise", self.name)
        checks.kind("noise.law", self.law, Law)
        checks.within("the rounds of a noise", self.rounds, 1, MOST_ROUNDS)
        for number, allowed in (("variance", self.law not in _SCALED), ("scale", self.law in _SCALED)):
            value = getattr(self, number)
            if value is not None and (not allowed or self.law is Law.UNIFORM):
                raise ConfigurationError(f"{self.law} noise has no {number}: noise {self.name!r}")
            if value is not None and not rational(f"the {number} of noise {self.name!r}", value):
                raise ConfigurationError(f"noise {self.name!r} of {number} 0 hides nothing", instead="leave it out")

    @property
    def planned(self) -> bool:
        """Whether its size is still to be planned."""
        return self.law is not Law.UNIFORM and self.variance is None and self.scale is None
