"""Ideal, the coordinator: learns who answered, asks for one sum, gets it.

    Collecting ──all arrived, or the deadline, and enough──▶ Closing ──Sum──▶ Finished
         └─────the deadline, and too few──▶ Failed ◀──Refused──┘

No vector of an agent ever reaches it; its whole view is in `flow`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tip.protocols.core import COORDINATOR, Deadline, Keep, Send, Step
from tip.protocols.ideal.messages import ADDER, Abandoned, Announce, Arrived, Close, Message, Refused, Sum, blame

if TYPE_CHECKING:
    from tip.protocols.core import AgentId, Body


@dataclass(frozen=True, slots=True)
class Collecting:
    """The round is open: who was invited, and whose vector the adder holds."""

    announced: Announce
    invited: frozenset[AgentId]
    arrived: frozenset[AgentId]

    def receive(self, message: Arrived) -> Step[Coordinator]:
        """Note that an agent's vector came."""
        if message.agent not in self.invited:
            return blame(self, message, f"counts agent {message.agent}, who was not invited")
        return settle(replace(self, arrived=self.arrived | {message.agent}))


@dataclass(frozen=True, slots=True)
class Closing:
    """The one request of this round is under way."""

    announced: Announce
    survivors: tuple[AgentId, ...]

    def receive(self, message: Sum) -> Step[Coordinator]:
        """Take the sum that was asked for."""
        body, announced = message.body, self.announced
        form = (body.dimension, body.modulus_bits) == (announced.dimension, announced.modulus_bits)
        if not form or message.survivors != self.survivors:
            return blame(self, message, "answered with another sum than was asked for")
        return Step(Finished(announced, self.survivors, body), work=(Keep(ADDER, body),))

    def refused(self, message: Refused) -> Step[Coordinator]:
        """End the round, if it is this request that was refused."""
        if message.survivors != self.survivors:
            return blame(self, message, "refused what was not asked for")
        return Step(Failed(self.announced, "the adder refused the sum"))


@dataclass(frozen=True, slots=True)
class Finished:
    """The sum named by `body` is that of the survivors."""

    announced: Announce
    survivors: tuple[AgentId, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Failed:
    """The round was given up; there is no sum."""

    announced: Announce
    reason: str


Coordinator = Collecting | Closing | Finished | Failed


def open_round(announced: Announce, invited: frozenset[AgentId]) -> Step[Coordinator]:
    """The first step of a round: the adder and everybody who is invited are told."""
    return Step(
        Collecting(announced, invited, frozenset()),
        tuple(Send(party, announced) for party in (ADDER, *sorted(invited))),
    )


def advance(state: Coordinator, event: Message | Deadline) -> Step[Coordinator]:
    """The one door for every transport: the next step of the coordinator."""
    if isinstance(event, Deadline):
        passed = isinstance(state, Collecting) and event.index >= state.announced.deadline
        return settle(state, deadline=True) if passed else Step(state)
    if event.sender != ADDER or not isinstance(event, Arrived | Sum | Refused):
        return blame(state, event, f"may not send {type(event).__name__} to the coordinator")
    if event.round != state.announced.round:
        early = event.round > state.announced.round
        return blame(state, event, "speaks of a round not yet announced") if early else Step(state)
    return _hear(state, event)


def _hear(state: Coordinator, event: Arrived | Sum | Refused) -> Step[Coordinator]:
    """What the adder says in this round."""
    if isinstance(event, Arrived):
        return state.receive(event) if isinstance(state, Collecting) else Step(state)  # or too late for the sum
    match state, event:
        case Closing(), Sum():
            return state.receive(event)
        case Closing(), Refused():
            return state.refused(event)
    if _repeats(state, event):
        return Step(state)
    return blame(state, event, f"sent {type(event).__name__} where none was due")


def _repeats(state: Coordinator, event: Sum | Refused) -> bool:
    """Whether the adder says again what ended the round."""
    if isinstance(event, Refused):
        return isinstance(state, Failed)
    return isinstance(state, Finished) and (event.survivors, event.body) == (state.survivors, state.body)


def settle(state: Coordinator, *, deadline: bool = False) -> Step[Coordinator]:
    """The one place that decides how the round goes on."""
    if not isinstance(state, Collecting) or not (deadline or state.arrived == state.invited):
        return Step(state)
    announced, count = state.announced, len(state.arrived)
    if count < announced.minimum:
        reason = f"{count} agents answered in time; the minimum is {announced.minimum}"
        return Step(Failed(announced, reason), sends=(Send(ADDER, Abandoned(announced.round, COORDINATOR)),))
    survivors = tuple(sorted(state.arrived))
    request = Close(announced.round, COORDINATOR, survivors)
    return Step(Closing(announced, survivors), sends=(Send(ADDER, request),))
