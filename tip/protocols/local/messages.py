"""Local, the messages: ask, report, close or give up.

coordinator → agents    Ask          the question's hash, the deadline, the least number of reports
agent → coordinator     Report       one randomized report, as the mechanism writes it
coordinator → agents    Closed       how many reports count, how many were refused
                        Abandoned    too few reported; nothing is released
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from tip.errors import ConfigurationError
from tip.protocols.codec import U32, U64, Hash, Opaque, Table
from tip.protocols.core import COORDINATOR, AgentId, Fault, Round, Step

if TYPE_CHECKING:
    from tip.protocols.local.agreement import Agreement


@dataclass(frozen=True, slots=True)
class Ask:
    """The coordinator asks; `deadline` is an index of its clock, not a time."""

    round: Round
    sender: AgentId
    question: Hash
    deadline: U64
    minimum: U32

    def __post_init__(self) -> None:
        if self.minimum < 1:
            raise ConfigurationError("a question wants at least 1 report")

    @classmethod
    def under(cls, agreement: Agreement, deadline: int) -> Ask:
        """The question that this agreement is about."""
        return cls(agreement.round, COORDINATOR, agreement.digest, deadline, agreement.minimum)


@dataclass(frozen=True, slots=True)
class Report:
    """An agent's one report: `tip.mechanisms.reports` of one row, without an id (the link tells who sent it)."""

    round: Round
    sender: AgentId
    report: Opaque


@dataclass(frozen=True, slots=True)
class Closed:
    """The question is closed: so many reports count, so many were refused."""

    round: Round
    sender: AgentId
    accepted: U32
    refused: U32


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The question is given up: so many reports came, fewer than the minimum."""

    round: Round
    sender: AgentId
    accepted: U32


S = TypeVar("S")

Message = Ask | Report | Closed | Abandoned

TABLE: Final = Table(protocol=4, version=1, types={1: Ask, 2: Report, 3: Closed, 4: Abandoned})


def blame(state: S, message: Message, reason: str) -> Step[S]:
    """The step that names a message's sender, with the message as evidence, and changes nothing."""
    fault = Fault((message.sender,), f"party {message.sender} {reason}", TABLE.evidence(message))
    return Step(state, faults=(fault,))
