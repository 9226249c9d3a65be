"""Local, the agent: answers one question once, if it is the one agreed to.

    Waiting ──Ask as agreed──▶ Preparing ──Randomized──▶ Sent ──Closed, Abandoned──▶ Finished
       └─────Ask otherwise──▶ Declined        Preparing ──────▲

The agent holds the mechanism that it built from the plan. The coordinator's word chooses nothing: a
question with another hash, a lower minimum or another round is not answered. In `Preparing` the
driver randomizes the answer, writes down that the agent has reported (law 13) and hands over `Randomized`.
An agent without a usable answer goes the same way (law 18): what it reports is the plan's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.errors import MalformedMessage, ProtocolMisuse
from tip.protocols.core import COORDINATOR, Send, Step
from tip.protocols.local.messages import Abandoned, Ask, Closed, Message, Report, blame

if TYPE_CHECKING:
    from tip.protocols.core import AgentId
    from tip.protocols.local.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Randomized:
    """Event: the driver made this agent's one report."""

    report: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not asked yet. The agreement is the only question that this agent answers."""

    me: AgentId
    agreement: Agreement

    def receive(self, asked: Ask) -> Step[Agent]:
        """Accept the question that was agreed to; else fall silent and say why."""
        declined = Declined(self.me, self.agreement, asked)
        if asked.question != self.agreement.digest:
            return blame(declined, asked, f"asks another question than agent {self.me} agreed to")
        if asked.minimum < self.agreement.minimum:
            reason = f"asks with a minimum of {asked.minimum}; agent {self.me} wants {self.agreement.minimum}"
            return blame(declined, asked, reason)
        return Step(Preparing(self.me, self.agreement, asked))


@dataclass(frozen=True, slots=True)
class Preparing:
    """The question is accepted; the driver randomizes the answer."""

    me: AgentId
    agreement: Agreement
    asked: Ask

    def randomized(self, report: bytes) -> Step[Agent]:
        """Send the one report of this agreement."""
        try:
            rows = len(self.agreement.mechanism.read(report))
        except MalformedMessage as error:
            raise ProtocolMisuse(f"what was prepared is no report of the mechanism agreed to: {error}") from error
        if rows != 1:
            raise ProtocolMisuse(f"an agent sends one report, not {rows}")
        message = Report(self.asked.round, self.me, report)
        return Step(Sent(self.me, self.agreement, self.asked, report), sends=(Send(COORDINATOR, message),))


@dataclass(frozen=True, slots=True)
class Sent:
    """The report is on its way; no other will follow."""

    me: AgentId
    agreement: Agreement
    asked: Ask
    report: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The question is over for this agent; `ending` tells how."""

    me: AgentId
    agreement: Agreement
    asked: Ask
    ending: Closed | Abandoned


@dataclass(frozen=True, slots=True)
class Declined:
    """The question was not the one agreed to: nothing is answered."""

    me: AgentId
    agreement: Agreement
    asked: Ask


Agent = Waiting | Preparing | Sent | Finished | Declined


def advance(state: Agent, event: Message | Randomized) -> Step[Agent]:
    """The one door for every transport: the next step of an agent."""
    if isinstance(event, Randomized):
        return _randomized(state, event.report)
    if event.sender != COORDINATOR:
        return blame(state, event, "is not the coordinator")
    match event:
        case Ask():
            return _hear(state, event)
        case Report():
            return blame(state, event, "sent a report to an agent")
        case Closed() | Abandoned():
            return _end(state, event) if event.round == state.agreement.round else Step(state)


def _hear(state: Agent, asked: Ask) -> Step[Agent]:
    """The first question decides. A repeat is none; another one, in this round or a later one, is a fault."""
    if asked.round != state.agreement.round:
        reason = f"asks in round {asked.round}; agent {state.me} agreed to one report, in {state.agreement.round}"
        return blame(state, asked, reason)
    if isinstance(state, Waiting):
        return state.receive(asked)
    return Step(state) if asked == state.asked else blame(state, asked, "asked two questions in one round")


def _randomized(state: Agent, report: bytes) -> Step[Agent]:
    """A driver randomizes once for a question, and may say so twice."""
    match state:
        case Preparing():
            return state.randomized(report)
        case Finished():
            return Step(state)  # the question was closed meanwhile
        case Sent() if report == state.report:
            return Step(state)
    raise ProtocolMisuse(f"an answer was randomized in {type(state).__name__}")


def _end(state: Agent, ending: Closed | Abandoned) -> Step[Agent]:
    """The one place that decides how the question ends; a second, different ending is a fault."""
    if isinstance(state, Waiting | Declined):
        return Step(state)  # it ended without this agent
    if isinstance(state, Finished):
        return Step(state) if ending == state.ending else blame(state, ending, "ended one question in two ways")
    finished = Finished(state.me, state.agreement, state.asked, ending)
    if isinstance(ending, Closed) and ending.accepted < state.asked.minimum:
        return blame(finished, ending, "closed a question with fewer reports than it announced")
    return Step(finished)
