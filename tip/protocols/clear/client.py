"""Clear, the agent: waits for a round it can accept, answers once.

    Waiting ──Announce on its terms──▶ Preparing ──Prepared──▶ Sent ──Closed, Abandoned──▶ Finished
       └─────Announce below its terms──▶ Declined                Preparing ──────▲

An agent that declines falls silent: to others it looks like one that dropped out (law 18).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.errors import ProtocolMisuse
from tip.protocols.clear.messages import Abandoned, Announce, Closed, Message, Vector, blame
from tip.protocols.core import COORDINATOR, Prepare, Prepared, Send, Step

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
        """Send the one vector of this round."""
        if (body.dimension, body.modulus_bits) != (self.announced.dimension, self.announced.modulus_bits):
            raise ProtocolMisuse("the vector that was prepared is not the one that was asked for")
        message = Vector(self.round, self.me, body)
        return Step(Sent(self.me, self.announced, body), sends=(Send(COORDINATOR, message),))


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
class Finished:
    """The round is over for this agent; `ending` tells how."""

    me: AgentId
    announced: Announce
    ending: Closed | Abandoned

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


Agent = Waiting | Preparing | Sent | Finished | Declined


def advance(state: Agent, event: Message | Prepared) -> Step[Agent]:
    """The one door for every transport: the next step of an agent."""
    if isinstance(event, Prepared):
        return _prepared(state, event.body)
    if event.sender != COORDINATOR:
        return blame(state, event, "is not the coordinator")
    if event.round != state.round:
        return Step(state)  # another round's message: late, or for a machine that is not this one
    match event:
        case Announce():
            return _hear(state, event)
        case Vector():
            return blame(state, event, "sent a vector to an agent")
        case Closed() | Abandoned():
            return _end(state, event)


def _hear(state: Agent, announced: Announce) -> Step[Agent]:
    """The first announcement decides; a repeat is none, a different one is a fault."""
    if isinstance(state, Waiting):
        return state.receive(announced)
    return Step(state) if announced == state.announced else blame(state, announced, "announced one round in two ways")


def _prepared(state: Agent, body: Body) -> Step[Agent]:
    """A driver prepares one vector in a round, and may say so twice."""
    match state:
        case Preparing():
            return state.prepared(body)
        case Finished():
            return Step(state)  # the round ended while the vector was made
        case Sent() if body == state.body:
            return Step(state)
    raise ProtocolMisuse(f"a vector was prepared in {type(state).__name__}")


def _end(state: Agent, ending: Closed | Abandoned) -> Step[Agent]:
    """The one place that decides how the round ends; a second, different ending is a fault."""
    if isinstance(state, Waiting | Declined):
        return Step(state)  # the round ended without this agent
    if isinstance(state, Finished):
        return Step(state) if ending == state.ending else blame(state, ending, "ended one round in two ways")
    finished = Finished(state.me, state.announced, ending)
    if isinstance(ending, Abandoned):
        return Step(finished)
    if len(ending.survivors) < state.announced.minimum:
        return blame(finished, ending, "closed a round with fewer agents than it announced")
    if isinstance(state, Preparing) and state.me in ending.survivors:
        return blame(finished, ending, f"counts agent {state.me}, which sent nothing")
    return Step(finished)
