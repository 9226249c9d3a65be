"""Ideal, the agent: waits for a round it can accept, answers the adder once.

    Waiting ──Announce on its terms──▶ Preparing ──Prepared──▶ Sent
       └─────Announce below its terms──▶ Declined

The vector names the announcement that it answers, so that the adder sums only vectors that were
promised the same minimum. An agent that declines looks like one that dropped out (law 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.errors import ProtocolMisuse
from tip.protocols.core import COORDINATOR, Prepare, Prepared, Send, Step
from tip.protocols.ideal.messages import ADDER, TABLE, Announce, Message, Vector, blame

if TYPE_CHECKING:
    from tip.protocols.core import AgentId, Body, Round, Terms


@dataclass(frozen=True, slots=True)
class Waiting:
    """No announcement yet. `terms` are what this agent agreed to, and the only round it answers."""

    me: AgentId
    terms: Terms

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.terms.round

    def receive(self, announced: Announce) -> Step[Agent]:
        """Accept the round if it keeps the agent's terms; else fall silent and say why."""
        terms = self.terms
        if (announced.dimension, announced.modulus_bits) != (terms.dimension, terms.modulus_bits):
            return blame(Declined(self.me, announced), announced, "announced another dimension or ring than agreed")
        if announced.minimum < terms.minimum:
            reason = f"announced a minimum of {announced.minimum}; agent {self.me} wants {terms.minimum}"
            return blame(Declined(self.me, announced), announced, reason)
        work = Prepare(announced.round, announced.model, announced.dimension, announced.modulus_bits)
        return Step(Preparing(self.me, announced), work=(work,))


@dataclass(frozen=True, slots=True)
class Preparing:
    """The round is accepted; the driver makes the vector."""

    me: AgentId
    announced: Announce

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.announced.round

    def prepared(self, body: Body) -> Step[Agent]:
        """Send the one vector of this round to the adder."""
        if (body.dimension, body.modulus_bits) != (self.announced.dimension, self.announced.modulus_bits):
            raise ProtocolMisuse("the vector that was prepared is not the one that was asked for")
        message = Vector(self.round, self.me, TABLE.digest(self.announced), body)
        return Step(Sent(self.me, self.announced, body), sends=(Send(ADDER, message),))


@dataclass(frozen=True, slots=True)
class Sent:
    """The vector is on its way; no other will follow in this round."""

    me: AgentId
    announced: Announce
    body: Body

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.announced.round


@dataclass(frozen=True, slots=True)
class Declined:
    """The announcement broke the agent's terms: it answers nothing in this round."""

    me: AgentId
    announced: Announce

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.announced.round


Agent = Waiting | Preparing | Sent | Declined


def advance(state: Agent, event: Message | Prepared) -> Step[Agent]:
    """The one door for every transport: the next step of an agent."""
    match state, event:
        case Preparing(), Prepared():
            return state.prepared(event.body)
        case Sent(), Prepared() if event.body == state.body:
            return Step(state)
        case _, Prepared():
            raise ProtocolMisuse(f"a vector was prepared in {type(state).__name__}")
        case _, Announce():
            return _hear(state, event)
        case _, _:
            return blame(state, event, f"sent {type(event).__name__} to an agent")


def _hear(state: Agent, announced: Announce) -> Step[Agent]:
    """The first announcement decides; a repeat is none, a different one is a fault."""
    if announced.sender != COORDINATOR:
        return blame(state, announced, "is not the coordinator")
    if announced.round != state.round:
        return Step(state)  # another round's message: late, or for a machine that is not this one
    if isinstance(state, Waiting):
        return state.receive(announced)
    return Step(state) if announced == state.announced else blame(state, announced, "announced one round in two ways")
