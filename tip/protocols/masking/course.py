"""Masking, the coordinator's state: stages, and what is fixed in a round, in the order in which it is.

    Inviting ──▶ Revealing ──▶ Keying ──▶ Gathering ──▶ Masking ──▶ Consenting ──▶ Unmasking ──▶ Summing ──▶ Finished

Each stage but the last two waits for one type of answer from the agents that were asked, until all came or its deadline
passed. Too few answers lead to `Failed` from everywhere; no stage is ever entered twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from tip.protocols.core import COORDINATOR, AgentId
from tip.protocols.masking.evidence import Case
from tip.protocols.masking.graph import neighbors
from tip.protocols.masking.messages import (
    Advertise,
    Answer,
    Consent,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Reveal,
    Unmask,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.crypto import Identity
    from tip.protocols.core import Body, Terms
    from tip.protocols.masking.messages import Announce, Message, Roster
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.masking.signing import Directory

Agents = frozenset[AgentId]
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Desk:
    """What is fixed before a round: who the coordinator is, on which terms it invites whom."""

    identity: Identity = field(repr=False)
    directory: Directory
    parameters: Parameters
    terms: Terms
    announcement: Announce
    context: bytes


@dataclass(frozen=True, slots=True)
class Fixed:
    """The roster, and the context that all later signatures stand in."""

    roster: Roster
    context: bytes


@dataclass(frozen=True, slots=True)
class Drawn:
    """The graph: who holds for whom, among those that revealed their seeds."""

    fixed: Fixed
    holders: Mapping[AgentId, tuple[AgentId, ...]]
    chosen: Mapping[AgentId, tuple[AgentId, ...]]

    def around(self, agent: AgentId) -> tuple[AgentId, ...]:
        """An agent's neighbors, sorted."""
        return neighbors(self.holders[agent], self.chosen.get(agent, ()))


@dataclass(frozen=True, slots=True)
class Inviting:
    """The round is announced."""

    number: ClassVar[int] = 0
    answer: ClassVar[type[Answer]] = Advertise
    asked: Agents


@dataclass(frozen=True, slots=True)
class Revealing:
    """The roster is fixed."""

    number: ClassVar[int] = 1
    answer: ClassVar[type[Answer]] = Reveal
    asked: Agents
    fixed: Fixed


@dataclass(frozen=True, slots=True)
class Keying:
    """The graph is drawn."""

    number: ClassVar[int] = 2
    answer: ClassVar[type[Answer]] = Keys
    asked: Agents
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class Gathering:
    """Everybody has its neighbors' keys."""

    number: ClassVar[int] = 3
    answer: ClassVar[type[Answer]] = Dealing
    asked: Agents
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class Masking:
    """What was dealt is delivered."""

    number: ClassVar[int] = 4
    answer: ClassVar[type[Answer]] = MaskedInput
    asked: Agents
    drawn: Drawn
    here: bytes = field(repr=False)
    deliveries: Mapping[AgentId, Delivery] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Consenting:
    """The set of survivors is fixed: no vector is added any more."""

    number: ClassVar[int] = 5
    answer: ClassVar[type[Answer]] = Consent
    asked: Agents
    masking: Masking
    survivors: tuple[AgentId, ...]
    root: bytes


@dataclass(frozen=True, slots=True)
class Unmasking:
    """Enough agents signed the set."""

    number: ClassVar[int] = 6
    answer: ClassVar[type[Answer]] = Unmask
    asked: Agents
    masking: Masking
    survivors: tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class Summing:
    """The masks are known; the driver takes them off."""

    survivors: tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """The sum named by `body` is that of the survivors."""

    survivors: tuple[AgentId, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Failed:
    """The round was given up; there is no sum."""

    reason: str


Collecting = Inviting | Revealing | Keying | Gathering | Masking | Consenting | Unmasking
Stage = Collecting | Summing | Finished | Failed


def fixed(stage: Stage) -> Fixed | None:
    """The roster of a stage that has one."""
    if isinstance(stage, Revealing):
        return stage.fixed
    drawn = drawn_of(stage)
    return drawn.fixed if drawn is not None else None


def drawn_of(stage: Stage) -> Drawn | None:
    """The graph of a stage that has one."""
    if isinstance(stage, Keying | Gathering):
        return stage.drawn
    masking = masking_of(stage)
    return masking.drawn if masking is not None else None


def masking_of(stage: Stage) -> Masking | None:
    """What was delivered, from the stage on in which it was."""
    match stage:
        case Masking():
            return stage
        case Consenting() | Unmasking():
            return stage.masking
    return None


@dataclass(frozen=True, slots=True)
class Coordinator:
    """The coordinator's whole state of one round: where it stands, what it heard, what it asked last."""

    desk: Desk
    stage: Stage
    heard: Mapping[type[object], Mapping[AgentId, Message]]
    asked: Mapping[AgentId, Message]
    opened: Mapping[tuple[AgentId, AgentId], bytes] = field(default_factory=dict, repr=False)

    def of(self, kind: type[M]) -> Mapping[AgentId, M]:
        """The accepted answers of one type."""
        return cast("Mapping[AgentId, M]", self.heard.get(kind, {}))

    @property
    def case(self) -> Case:
        """What evidence of this round begins with."""
        known = fixed(self.stage)
        roster = known.roster if known is not None else None
        return Case(self.desk.terms.round, COORDINATOR, self.desk.announcement, roster)

    def context(self, kind: type[object]) -> bytes:
        """Under which context an answer of this type is signed."""
        known = fixed(self.stage)
        return self.desk.context if kind is Advertise or known is None else known.context
