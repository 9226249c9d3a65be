"""Malicious agents' lies about vectors, consents and answers, and their silence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tip.attacks.protocol.agents import AgentAttack, followed, signed_by, spare, swapped
from tip.attacks.protocol.dealings import flipped, put
from tip.crypto import digest
from tip.protocols.core import COORDINATOR, AgentId, Body, Cover, Send
from tip.protocols.masking.messages import (
    CHANNEL,
    HASH,
    SHARE,
    Advertise,
    Answer,
    Consent,
    Dealing,
    Keys,
    MaskedInput,
    Query,
    Reveal,
    Unmask,
)
from tip.protocols.masking.stages import Preparing

if TYPE_CHECKING:
    from tip.protocols.core import Step, Vector
    from tip.protocols.masking.client import Agent


@dataclass(frozen=True, slots=True)
class Refuses(AgentAttack):
    """Falls silent where this answer is due."""

    kind: type[Answer]
    name: ClassVar[str] = "refuses"
    tries: ClassVar[str] = "to drop out at the worst moment"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """The answer is not sent."""
        return swapped(step, self.kind, lambda _, __: None)


@dataclass(frozen=True, slots=True)
class Together(AgentAttack):
    """Two lies of one agent: the second bends what the first left."""

    first: AgentAttack
    second: AgentAttack
    name: ClassVar[str] = "two lies"
    tries: ClassVar[str] = "what the one tries, and the other"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """One after the other."""
        return self.second.bend(self.first.bend(step))


@dataclass(frozen=True, slots=True)
class DoubleInput(AgentAttack):
    """Sends two different masked vectors."""

    zeros: Body
    name: ClassVar[str] = "double input"
    tries: ClassVar[str] = "to be counted twice, or to change its vector later"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """The second one holds zeros."""
        return followed(step, MaskedInput, lambda sent, _: replace(sent, body=self.zeros))


@dataclass(frozen=True, slots=True)
class WrongLength(AgentAttack):
    """Sends a vector with one coordinate too many."""

    longer: Body
    name: ClassVar[str] = "wrong length"
    tries: ClassVar[str] = "to have the sum fail"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """Signed like a true one."""
        return swapped(step, MaskedInput, lambda sent, _: replace(sent, body=self.longer))


@dataclass(frozen=True, slots=True)
class OtherConsent(AgentAttack):
    """Signs another set of survivors than it was asked about."""

    name: ClassVar[str] = "consent to another set"
    tries: ClassVar[str] = "to have the others refuse the set that everybody signed"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """The hash of no set."""
        return swapped(step, Consent, lambda consent, _: replace(consent, survivors=digest("another set")))


@dataclass(frozen=True, slots=True)
class TwoConsents(AgentAttack):
    """Signs the set, and another one too."""

    name: ClassVar[str] = "two consents"
    tries: ClassVar[str] = "to have two sets of one round opened"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """One after the other."""
        return followed(step, Consent, lambda consent, _: replace(consent, survivors=digest("another set")))


@dataclass(frozen=True, slots=True)
class FalseComplaint(AgentAttack):
    """Pretends that it cannot open what a neighbor dealt, though that is good, and opens its own secret key for it."""

    victim: AgentId
    name: ClassVar[str] = "false complaint"
    tries: ClassVar[str] = "to have an honest dealer blamed"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """It doubts, asks for the neighbor's words, and complains about them."""
        agent = step.state
        stage = agent.stage
        if not isinstance(stage, Preparing) or self.victim in stage.view.doubted:
            return step
        doubting = replace(stage, view=replace(stage.view, doubted={self.victim: CHANNEL}))
        query = signed_by(agent, Query(agent.round, agent.own.me, self.victim))
        return replace(step, state=replace(agent, stage=doubting), sends=(*step.sends, Send(COORDINATOR, query)))


@dataclass(frozen=True, slots=True)
class WrongShareGiven(AgentAttack):
    """Opens another share than the one it was dealt."""

    name: ClassVar[str] = "wrong share revealed"
    tries: ClassVar[str] = "to spoil the sum, or to have the dealer blamed"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """A bit of the first own-mask share is changed."""

        def wrong(answer: Unmask, _: Agent) -> Unmask:
            return replace(answer, own_shares=put(answer.own_shares, 0, flipped(answer.own_shares[:SHARE])))

        return swapped(step, Unmask, wrong)


@dataclass(frozen=True, slots=True)
class WrongSeedGiven(AgentAttack):
    """Opens another pairwise seed of a dropped neighbor than the one whose hash it signed."""

    name: ClassVar[str] = "wrong pairwise seed"
    tries: ClassVar[str] = "to spoil the sum, or to have the dropped neighbor blamed"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """A bit of the first seed is changed."""

        def wrong(answer: Unmask, _: Agent) -> Unmask:
            return replace(answer, seeds=put(answer.seeds, 0, flipped(answer.seeds[:HASH]))) if answer.edges else answer

        return swapped(step, Unmask, wrong)


@dataclass(frozen=True, slots=True)
class Garbage(AgentAttack):
    """Sends any ring vector at all: nobody can tell it from a true one."""

    zeros: Body
    name: ClassVar[str] = "garbage in the ring"
    tries: ClassVar[str] = "to move the sum by anything it likes"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """Zeros instead of the masked vector: its effective input is then minus its masks."""
        return swapped(step, MaskedInput, lambda sent, _: replace(sent, body=self.zeros))


@dataclass(frozen=True, slots=True)
class MaskLeftOff(AgentAttack):
    """Leaves the mask with one neighbor off its vector."""

    name: ClassVar[str] = "mask left off"
    tries: ClassVar[str] = "to spoil the sum by a vector that nobody knows"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """The last of those that are subtracted, or added."""
        return replace(step, work=tuple(_lighter(item) if isinstance(item, Cover) else item for item in step.work))


def _lighter(item: Cover) -> Cover:
    return replace(item, subtract=item.subtract[:-1]) if item.subtract else replace(item, add=item.add[:-1])


def body_of_zeros(vector: Vector) -> Body:
    """The name of the zeros that a liar has at hand (`agents.spare`)."""
    return Body.of(spare(vector)[0], vector.itemsize * 8)


def body_too_long(vector: Vector) -> Body:
    """The name of the vector with a coordinate too many."""
    return Body.of(spare(vector)[1], vector.itemsize * 8)


MOMENTS: tuple[type[Answer], ...] = (Advertise, Reveal, Keys, Dealing, MaskedInput, Consent, Unmask)
