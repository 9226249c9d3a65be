"""Clear, the coordinator: collects vectors until the deadline, sums once.

    Collecting ──all answered, or the deadline, and enough──▶ Summing ──Summed──▶ Finished
         └─────the deadline, and too few──▶ Failed

The first vector of an agent counts; a different second one is a fault and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tip.errors import ProtocolMisuse
from tip.protocols.clear.messages import Abandoned, Announce, Closed, Message, Vector, blame
from tip.protocols.core import COORDINATOR, Add, Deadline, Discard, Send, Step, Summed, Total

if TYPE_CHECKING:
    from tip.protocols.core import AgentId, Body, Work

Roll = Mapping["AgentId", "Body"]


@dataclass(frozen=True, slots=True)
class Collecting:
    """The round is open: who was invited, and the name of each vector that came."""

    announced: Announce
    invited: frozenset[AgentId]
    accepted: Roll

    def receive(self, message: Vector) -> Step[Coordinator]:
        """Count an agent's first vector, if it has the announced form."""
        known = self.accepted.get(message.sender)
        if known is not None:
            return repeated(self, message, known)
        if message.sender not in self.invited:
            return blame(self, message, "was not invited")
        body, announced = message.body, self.announced
        if (body.dimension, body.modulus_bits) != (announced.dimension, announced.modulus_bits):
            return blame(self, message, "sent a vector of another dimension or ring than announced")
        accepted = {**self.accepted, message.sender: body}
        return settle(replace(self, accepted=accepted), work=(Add(message.sender, body),))


@dataclass(frozen=True, slots=True)
class Summing:
    """The set is fixed; the driver finishes the sum."""

    announced: Announce
    invited: frozenset[AgentId]
    accepted: Roll

    def summed(self, body: Body) -> Step[Coordinator]:
        """Tell everybody who was invited whose vectors were summed."""
        closed = Closed(self.announced.round, COORDINATOR, tuple(sorted(self.accepted)))
        sends = tuple(Send(agent, closed) for agent in sorted(self.invited))
        return Step(Finished(self.announced, self.accepted, body), sends)


@dataclass(frozen=True, slots=True)
class Finished:
    """The sum named by `body` is that of the agents in `accepted`."""

    announced: Announce
    accepted: Roll
    body: Body

    @property
    def survivors(self) -> tuple[AgentId, ...]:
        """Whose vectors were summed."""
        return tuple(sorted(self.accepted))


@dataclass(frozen=True, slots=True)
class Failed:
    """Too few answered; nothing was summed."""

    announced: Announce
    accepted: Roll

    @property
    def reason(self) -> str:
        """Why, in words."""
        return f"{len(self.accepted)} agents answered in time; the minimum is {self.announced.minimum}"


Coordinator = Collecting | Summing | Finished | Failed


def open_round(announced: Announce, invited: frozenset[AgentId]) -> Step[Coordinator]:
    """The first step of a round: everybody is told."""
    return Step(Collecting(announced, invited, {}), tuple(Send(agent, announced) for agent in sorted(invited)))


def advance(state: Coordinator, event: Message | Deadline | Summed) -> Step[Coordinator]:
    """The one door for every transport: the next step of the coordinator."""
    match state, event:
        case _, Deadline():
            passed = isinstance(state, Collecting) and event.index >= state.announced.deadline
            return settle(state, deadline=True) if passed else Step(state)
        case Summing(), Summed():
            return state.summed(event.body)
        case _, Summed():
            raise ProtocolMisuse(f"a sum was finished in {type(state).__name__}")
        case _, (Announce() | Closed() | Abandoned()):
            return blame(state, event, f"sent {type(event).__name__} to the coordinator")
        case _, Vector() if event.round != state.announced.round:
            early = event.round > state.announced.round
            return blame(state, event, "answers a round not yet announced") if early else Step(state)
        case Collecting(), Vector():
            return state.receive(event)
        case _, Vector():
            known = state.accepted.get(event.sender)
            return Step(state) if known is None else repeated(state, event, known)  # too late, or a repeat
    raise ProtocolMisuse(f"no rule for {type(event).__name__} in {type(state).__name__}")


def settle(state: Coordinator, *, work: tuple[Work, ...] = (), deadline: bool = False) -> Step[Coordinator]:
    """The one place that decides how the round goes on."""
    if not isinstance(state, Collecting) or not (deadline or state.accepted.keys() == state.invited):
        return Step(state, work=work)
    if len(state.accepted) < state.announced.minimum:
        abandoned = Abandoned(state.announced.round, COORDINATOR, len(state.accepted))
        sends = tuple(Send(agent, abandoned) for agent in sorted(state.invited))
        return Step(Failed(state.announced, state.accepted), sends, work=(*work, Discard()))
    total = Total(tuple(sorted(state.accepted)))
    return Step(Summing(state.announced, state.invited, state.accepted), work=(*work, total))


def repeated(state: Coordinator, message: Vector, known: Body) -> Step[Coordinator]:
    """The network repeats itself: no fault. An agent that answers twice differently: named."""
    return Step(state) if message.body == known else blame(state, message, "sent two different vectors in one round")
