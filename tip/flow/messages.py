"""What a flow says and what is wanted of it: messages, reports, facts; requirements and aims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.hidden import MOST_ROUNDS
from tip.privacy.checks import rational

if TYPE_CHECKING:
    from fractions import Fraction

    from tip.flow.expressions import Expression

EVERYBODY: Final = "everybody"
NOBODY: Final = "nobody"
NEIGHBORS: Final = "neighbors in "  # followed by a graph: row i goes to the neighbors of member i
NEXT: Final = "next in "  # followed by a group: row i goes to member i + 1, the last one's to member 0


@dataclass(frozen=True, slots=True)
class Message:
    """A linear message: row i is sent by member i of the group `by`, or all of it by a party.

    `to`: parties, groups, "everybody", "nobody", "neighbors in GRAPH", "next in GROUP". `ring`: 0 for plain
    numbers, else the bits of the ring in which it is computed (law 11).
    """

    name: str
    by: str
    says: Expression
    to: tuple[str, ...]
    ring: int = 0

    def __post_init__(self) -> None:
        checks.name("a message", self.name)
        checks.receivers(f"message {self.name!r}", self.to)
        checks.within("the bits of a ring", self.ring, 0, 64)


@dataclass(frozen=True, slots=True)
class Report:
    """Each agent's answer to one question, changed by chance before it leaves: pure differential privacy.

    `ratio`: the largest factor between the probabilities of a report under two values of the secret, exact.
    With `shuffled_by` a party mixes at least `least` reports before `to` sees them (law 6).
    """

    name: str
    secret: str
    ratio: Fraction
    to: tuple[str, ...]
    rounds: int = 1
    shuffled_by: str = ""
    least: int = 0

    def __post_init__(self) -> None:
        checks.name("a report", self.name)
        rational(f"the ratio of report {self.name!r}", self.ratio, least=1)
        checks.within("the rounds of a report", self.rounds, 1, MOST_ROUNDS)
        if bool(self.shuffled_by) != (self.least > 0):
            raise ConfigurationError(f"a shuffled report, and only it, says how many are mixed: {self.name!r}")
        checks.receivers(f"report {self.name!r}", self.to)


@dataclass(frozen=True, slots=True)
class Fact:
    """A field that somebody sees and that does not depend on anybody's secret: round numbers, sizes, rosters."""

    name: str
    to: tuple[str, ...]
    what: str

    def __post_init__(self) -> None:
        checks.name("a fact", self.name)
        checks.receivers(f"fact {self.name!r}", self.to)
        checks.text(f"what fact {self.name!r} is", self.what)


@dataclass(frozen=True, slots=True)
class Requirement:
    """No such coalition learns more than (epsilon, delta) about all secrets of one agent."""

    against: str
    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        checks.text("the coalition of a requirement", self.against)
        checks.positive("epsilon", self.epsilon)
        checks.share("delta", self.delta)


@dataclass(frozen=True, slots=True)
class Aim:
    """Part of the objective: `weight` times the error variance of all rows of this message, or times all bytes sent."""

    error_of: str  # "" where bytes count
    weight: Fraction
    bytes: bool = False

    def __post_init__(self) -> None:
        checks.truth("aim.bytes", self.bytes)
        if self.bytes == bool(self.error_of):
            raise ConfigurationError("an aim names the message whose error counts, or says that bytes count")
        if not rational("a weight", self.weight):
            raise ConfigurationError("a weight is above 0")
