"""Ideal, the messages: a trusted adder stands between the agents and the coordinator.

coordinator → agents, adder    Announce     the round: model, ring, deadline, least number of survivors
agent → adder                  Vector       the agent's ring vector, and which announcement it answers
adder → coordinator            Arrived      whose vector came
coordinator → adder            Close        sum exactly these
adder → coordinator            Sum          the ring sum of exactly these: once in a round
                               Refused      no sum for this request
coordinator → adder            Abandoned    too few answered: drop everything
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from tip.aggregation.sums import MODULUS_BITS
from tip.errors import ConfigurationError
from tip.protocols.codec import U8, U32, U64, Agent, Agents, Hash, RingVector, Table
from tip.protocols.core import COORDINATOR, AgentId, Fault, Round, Step

if TYPE_CHECKING:
    from tip.protocols.core import Terms

ADDER: Final = AgentId(-2)


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
    """An agent's whole contribution, for the adder alone; `announcement` is the hash of what it answers."""

    round: Round
    sender: AgentId
    announcement: Hash
    body: RingVector


@dataclass(frozen=True, slots=True)
class Arrived:
    """The adder holds this agent's vector."""

    round: Round
    sender: AgentId
    agent: Agent


@dataclass(frozen=True, slots=True)
class Close:
    """The coordinator asks for the sum of exactly these agents' vectors."""

    round: Round
    sender: AgentId
    survivors: Agents


@dataclass(frozen=True, slots=True)
class Sum:
    """The one sum of the round."""

    round: Round
    sender: AgentId
    survivors: Agents
    body: RingVector


@dataclass(frozen=True, slots=True)
class Refused:
    """The adder gives no sum for this request."""

    round: Round
    sender: AgentId
    survivors: Agents


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The coordinator gives the round up; no sum will be asked for."""

    round: Round
    sender: AgentId


Message = Announce | Vector | Arrived | Close | Sum | Refused | Abandoned

TABLE: Final = Table(
    protocol=2,
    version=1,
    types={1: Announce, 2: Vector, 3: Arrived, 4: Close, 5: Sum, 6: Refused, 7: Abandoned},
)

S = TypeVar("S")


def blame(state: S, message: Message, reason: str) -> Step[S]:
    """The step that names a message's sender, with the message as evidence, and changes nothing."""
    fault = Fault((message.sender,), f"party {message.sender} {reason}", TABLE.evidence(message))
    return Step(state, faults=(fault,))
