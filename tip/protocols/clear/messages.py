"""Clear, the messages: announce, answer in the open, close or give up.

coordinator → agents    Announce     the round: model, ring, deadline, least number of survivors
agent → coordinator     Vector       the agent's ring vector, its noise share included
coordinator → agents    Closed       whose vectors were summed
                        Abandoned    too few answered; nothing was summed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from tip.aggregation.sums import MODULUS_BITS
from tip.errors import ConfigurationError
from tip.protocols.codec import U8, U32, U64, Agents, Hash, RingVector, Table
from tip.protocols.core import COORDINATOR, AgentId, Fault, Round, Step

if TYPE_CHECKING:
    from tip.protocols.core import Terms


@dataclass(frozen=True, slots=True)
class Announce:
    """The coordinator opens a round; `deadline` is an index of its clock, not a time."""

    round: Round
    sender: AgentId
    model: Hash
    dimension: U32
    modulus_bits: U8
    deadline: U64
    minimum: U32

    def __post_init__(self) -> None:
        if self.modulus_bits not in MODULUS_BITS or self.dimension < 1 or self.minimum < 1:
            raise ConfigurationError("a round wants a ring of 16, 32 or 64 bits, a dimension and a minimum >= 1")

    @classmethod
    def under(cls, terms: Terms, model: bytes, deadline: int) -> Announce:
        """The announcement of a round on these terms."""
        bits = terms.modulus_bits
        return cls(terms.round, COORDINATOR, model, terms.dimension, bits, deadline, terms.minimum)


@dataclass(frozen=True, slots=True)
class Vector:
    """An agent's whole contribution to the round, in the open."""

    round: Round
    sender: AgentId
    body: RingVector


@dataclass(frozen=True, slots=True)
class Closed:
    """The round is over: the sum is that of exactly these agents."""

    round: Round
    sender: AgentId
    survivors: Agents


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The round is given up: so many answered, fewer than the minimum."""

    round: Round
    sender: AgentId
    answered: U32


S = TypeVar("S")

Message = Announce | Vector | Closed | Abandoned

TABLE: Final = Table(protocol=1, version=1, types={1: Announce, 2: Vector, 3: Closed, 4: Abandoned})


def blame(state: S, message: Message, reason: str) -> Step[S]:
    """The step that names a message's sender, with the message as evidence, and changes nothing."""
    fault = Fault((message.sender,), f"party {message.sender} {reason}", TABLE.evidence(message))
    return Step(state, faults=(fault,))
