"""Local, the coordinator: collects reports until the deadline, refuses what no honest agent sends.

    Collecting ──all heard, or the deadline, and enough──▶ Finished
         └─────the deadline, and too few──▶ Failed

A report is read and screened by the mechanism when it comes. One that cannot be read, or that no honest agent
sends, is a fault of its sender and is refused; the others are kept. An agent has one report, so a malformed one
uses it up. Failed keeps no report: with too few of them nothing is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tip.errors import MalformedMessage, ProtocolMisuse
from tip.protocols.core import COORDINATOR, Deadline, Send, Step
from tip.protocols.local.messages import Abandoned, Ask, Closed, Message, Report, blame

if TYPE_CHECKING:
    from tip.mechanisms.base import Mechanism
    from tip.protocols.core import AgentId
    from tip.protocols.local.agreement import Agreement

Heard = Mapping["AgentId", bytes]  # each agent's first report


@dataclass(frozen=True, slots=True)
class Collecting:
    """The question is open: who is asked, each agent's first report, and whose was refused."""

    agreement: Agreement
    asked: Ask
    invited: frozenset[AgentId]
    heard: Heard
    refused: frozenset[AgentId]

    def receive(self, message: Report) -> Step[Coordinator]:
        """Take an agent's first report: it counts, or it is refused with the reason."""
        known = self.heard.get(message.sender)
        if known is not None:
            return repeated(self, message, known)
        if message.sender not in self.invited:
            return blame(self, message, "was not asked")
        heard = {**self.heard, message.sender: message.report}
        wrong = fault_of(self.agreement.mechanism, message.report)
        if not wrong:
            return settle(replace(self, heard=heard))
        refused = replace(self, heard=heard, refused=self.refused | {message.sender})
        blamed = blame(refused, message, f"sent no report that counts: {wrong}")
        step = settle(refused)
        return replace(step, faults=blamed.faults)


@dataclass(frozen=True, slots=True)
class Finished:
    """The question is closed. `accepted` are the reports that count, by agent."""

    agreement: Agreement
    asked: Ask
    heard: Heard
    refused: frozenset[AgentId]

    @property
    def accepted(self) -> Heard:
        """The reports that count, in the order of the agents."""
        return {agent: self.heard[agent] for agent in sorted(self.heard.keys() - self.refused)}


@dataclass(frozen=True, slots=True)
class Failed:
    """Too few reports; none is kept."""

    agreement: Agreement
    asked: Ask
    accepted: int
    refused: frozenset[AgentId]

    @property
    def reason(self) -> str:
        """Why, in words."""
        return f"{self.accepted} reports count; the minimum is {self.asked.minimum}"


Coordinator = Collecting | Finished | Failed


def open_question(agreement: Agreement, invited: frozenset[AgentId], deadline: int) -> Step[Coordinator]:
    """The first step: everybody is asked."""
    asked = Ask.under(agreement, deadline)
    sends = tuple(Send(agent, asked) for agent in sorted(invited))
    return Step(Collecting(agreement, asked, invited, {}, frozenset()), sends)


def advance(state: Coordinator, event: Message | Deadline) -> Step[Coordinator]:
    """The one door for every transport: the next step of the coordinator."""
    match state, event:
        case _, Deadline():
            passed = isinstance(state, Collecting) and event.index >= state.asked.deadline
            return settle(state, deadline=True) if passed else Step(state)
        case _, (Ask() | Closed() | Abandoned()):
            return blame(state, event, f"sent {type(event).__name__} to the coordinator")
        case _, Report() if event.round != state.asked.round:
            return blame(state, event, f"reports in round {event.round}, which was not asked")
        case Collecting(), Report():
            return state.receive(event)
        case Finished(), Report():
            known = state.heard.get(event.sender)
            return Step(state) if known is None else repeated(state, event, known)  # too late, or a repeat
        case Failed(), Report():
            return Step(state)  # too late
    raise ProtocolMisuse(f"no rule for {type(event).__name__} in {type(state).__name__}")


def settle(state: Coordinator, *, deadline: bool = False) -> Step[Coordinator]:
    """The one place that decides how the question goes on."""
    if not isinstance(state, Collecting) or not (deadline or len(state.heard) == len(state.invited)):
        return Step(state)
    count, round_ = len(state.heard) - len(state.refused), state.asked.round
    if count < state.asked.minimum:
        ending: Closed | Abandoned = Abandoned(round_, COORDINATOR, count)
        after: Coordinator = Failed(state.agreement, state.asked, count, state.refused)
    else:
        ending = Closed(round_, COORDINATOR, count, len(state.refused))
        after = Finished(state.agreement, state.asked, state.heard, state.refused)
    return Step(after, tuple(Send(agent, ending) for agent in sorted(state.invited)))


def fault_of(mechanism: Mechanism, report: bytes) -> str:
    """Why these bytes are not one report that an honest agent may send; empty if they are."""
    try:
        reports = mechanism.read(report)
    except MalformedMessage as error:
        return str(error)
    if len(reports) != 1 or reports.ids is not None:
        return f"a message holds one report without an id here, not {len(reports)}"
    return ", ".join(mechanism.validate(reports).reasons)


def repeated(state: Coordinator, message: Report, known: bytes) -> Step[Coordinator]:
    """The network repeats itself: no fault. An agent that reports twice differently: named."""
    return Step(state) if message.report == known else blame(state, message, "sent two different reports")
