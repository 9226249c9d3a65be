"""Ideal, the trusted adder: keeps vectors, gives the coordinator one sum.

    Unopened ──Announce──▶ Gathering ──Close it can serve──▶ Summing ──Summed──▶ Answered
        └─────Abandoned──▶ Ended ◀──Abandoned──┘

1. One sum a round (law 17): once a set is answered, the same request gets the same answer and any
   other is refused and reported.
2. No sum of fewer agents than the minimum that every one of them was promised: a vector counts only
   if it answers the adder's own announcement.
3. No vector, and no hash of one, leaves the adder but in the sum.

Vectors that overtake the announcement are kept, one for an enrolled agent, and judged when it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tip.errors import ProtocolMisuse
from tip.protocols.core import COORDINATOR, Add, Discard, Fault, Keep, Send, Step, Summed, Total
from tip.protocols.ideal.messages import (
    ADDER,
    TABLE,
    Abandoned,
    Announce,
    Arrived,
    Close,
    Message,
    Refused,
    Sum,
    Vector,
    blame,
)

if TYPE_CHECKING:
    from tip.protocols.core import AgentId, Body, Round

Vectors = Mapping["AgentId", Vector]


@dataclass(frozen=True, slots=True)
class Unopened:
    """No announcement yet; early vectors wait for it."""

    round: Round
    enrolled: frozenset[AgentId]
    early: Vectors

    def announce(self, announced: Announce) -> Step[Adder]:
        """Open the round and judge what came early."""
        state = Gathering(announced, self.enrolled, {})
        sends: tuple[Send, ...] = ()
        faults: tuple[Fault, ...] = ()
        for message in self.early.values():
            judged = state.judge(message)
            state, sends, faults = judged.state, sends + judged.sends, faults + judged.faults
        return Step(state, sends, faults)

    def receive(self, message: Vector) -> Step[Adder]:
        """Keep a vector until it is known which round was announced."""
        if message.sender not in self.enrolled:
            return blame(self, message, "is not enrolled")
        known = self.early.get(message.sender)
        if known is not None:
            return repeated(self, message, known)
        waiting = replace(self, early={**self.early, message.sender: message})
        return Step(waiting, work=(Keep(message.sender, message.body),))


@dataclass(frozen=True, slots=True)
class Gathering:
    """The round is open; `accepted` names the vector of each agent that answered it."""

    announced: Announce
    enrolled: frozenset[AgentId]
    accepted: Vectors

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.announced.round

    def receive(self, message: Vector) -> Step[Adder]:
        """Keep an agent's first vector, if it fits the announcement."""
        known = self.accepted.get(message.sender)
        if known is not None:
            return repeated(self, message, known)
        judged = self.judge(message)
        fits = message.sender in judged.state.accepted
        return replace(judged, work=(Keep(message.sender, message.body),)) if fits else judged

    def judge(self, message: Vector) -> Step[Gathering]:
        """Accept a vector that has the announced form and answers this very announcement."""
        body, announced = message.body, self.announced
        if message.sender not in self.enrolled:
            return blame(self, message, "is not enrolled")
        if message.announcement != TABLE.digest(announced):
            reason = f"agent {message.sender} answers another announcement: it or the coordinator told two stories"
            return Step(self, faults=(Fault((), reason, TABLE.evidence(message)),))
        if (body.dimension, body.modulus_bits) != (announced.dimension, announced.modulus_bits):
            return blame(self, message, "sent a vector of another dimension or ring than announced")
        arrived = Send(COORDINATOR, Arrived(self.round, ADDER, message.sender))
        return Step(replace(self, accepted={**self.accepted, message.sender: message}), sends=(arrived,))

    def close(self, request: Close) -> Step[Adder]:
        """Fix the set, if all of it is here and it is large enough; else nothing is fixed or told."""
        survivors = request.survivors
        if len(survivors) < self.announced.minimum:
            return refuse(self, request, "asks for the sum of fewer agents than it announced")
        if not self.accepted.keys() >= set(survivors):
            return refuse(self, request, "asks for a sum with agents that sent nothing")
        adds = tuple(Add(agent, self.accepted[agent].body) for agent in survivors)
        return Step(Summing(self.announced, self.accepted, survivors), work=(*adds, Total(survivors)))


@dataclass(frozen=True, slots=True)
class Summing:
    """The set is fixed for good; the driver finishes the sum."""

    announced: Announce
    accepted: Vectors
    survivors: tuple[AgentId, ...]

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.announced.round

    def summed(self, body: Body) -> Step[Adder]:
        """Give the coordinator the one sum."""
        answered = Answered(self.announced, self.accepted, self.survivors, body)
        return Step(answered, sends=(answered.answer(),))


@dataclass(frozen=True, slots=True)
class Answered:
    """The one sum of the round was given out."""

    announced: Announce
    accepted: Vectors
    survivors: tuple[AgentId, ...]
    body: Body

    @property
    def round(self) -> Round:
        """The one round of this machine."""
        return self.announced.round

    def answer(self) -> Send:
        """The answer, the same at every call."""
        return Send(COORDINATOR, Sum(self.round, ADDER, self.survivors, self.body))


@dataclass(frozen=True, slots=True)
class Ended:
    """The round was given up; no sum will be given out."""

    round: Round


Adder = Unopened | Gathering | Summing | Answered | Ended


def advance(state: Adder, event: Message | Summed) -> Step[Adder]:
    """The one door for every transport: the next step of the adder."""
    if isinstance(event, Summed):
        if not isinstance(state, Summing):
            raise ProtocolMisuse(f"a sum was finished in {type(state).__name__}")
        return state.summed(event.body)
    if event.round != state.round:
        return blame(state, event, "speaks of a round to come") if event.round > state.round else Step(state)
    match event:
        case Vector():
            return _vector(state, event)
        case Announce() | Close() | Abandoned() if event.sender == COORDINATOR:
            return _request(state, event)
        case _:
            return blame(state, event, f"may not send {type(event).__name__} to the adder")


def _vector(state: Adder, message: Vector) -> Step[Adder]:
    """A vector counts until the set is fixed; later only a second, different one is of interest."""
    match state:
        case Unopened() | Gathering():
            return state.receive(message)
        case Ended():
            return Step(state)
        case Summing() | Answered():
            known = state.accepted.get(message.sender)
            return Step(state) if known is None else repeated(state, message, known)


def _request(state: Adder, request: Announce | Close | Abandoned) -> Step[Adder]:
    """The one place that decides what the coordinator's requests do."""
    match request:
        case Announce():
            return _announced(state, request)
        case Close():
            return _close(state, request)
        case Abandoned():
            over = not isinstance(state, Unopened | Gathering)
            return Step(state) if over else Step(Ended(state.round), work=(Discard(),))


def _announced(state: Adder, announced: Announce) -> Step[Adder]:
    """The first announcement opens the round; a repeat is none, a different one is a fault."""
    if isinstance(state, Unopened):
        return state.announce(announced)
    if isinstance(state, Ended) or announced == state.announced:
        return Step(state)
    return blame(state, announced, "announced one round in two ways")


def _close(state: Adder, request: Close) -> Step[Adder]:
    """One set is answered in a round: the first that can be; its repeats get the same answer."""
    match state:
        case Gathering():
            return state.close(request)
        case Summing() if request.survivors == state.survivors:
            return Step(state)
        case Answered() if request.survivors == state.survivors:
            return Step(state, sends=(state.answer(),))
        case _:
            return refuse(state, request, f"asks for a sum that an adder in {type(state).__name__} does not give")


def refuse(state: Adder, request: Close, reason: str) -> Step[Adder]:
    """No sum for this request; the coordinator is told, and named."""
    refused = Send(COORDINATOR, Refused(state.round, ADDER, request.survivors))
    return replace(blame(state, request, reason), sends=(refused,))


def repeated(state: Adder, message: Vector, known: Vector) -> Step[Adder]:
    """The network repeats itself: no fault. An agent that answers twice differently: named."""
    return Step(state) if message == known else blame(state, message, "sent two different vectors in one round")
