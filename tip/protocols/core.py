"""Core: what every protocol machine takes, holds and yields.

A role of a protocol is a pure state machine, `advance(state, event) -> Step`. Five rules hold for
all of them:

1. Every state is a frozen type of its own; one function decides which state comes next.
2. A state holds who and what, never a vector: of a vector it keeps the `Body`, its name.
3. What costs time is `work`, frozen data that the driver carries out. Its outcome comes back as an
   event (`Prepared`, `Covered`, `Summed`); so does the passing of time (`Deadline`).
4. A party that breaks the protocol is data, a `Fault`; an event that only this side's driver can
   have sent out of order raises `ProtocolMisuse`.
5. The same event to the same state yields the same `Step`, and a repeated message changes nothing.

The `Accumulator` is the driver's half: it holds the vectors and gives out one sum in a round.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, NewType, Protocol, TypeVar

import numpy as np

from tip.aggregation.masks import expand_into
from tip.aggregation.sums import ring_add, ring_type
from tip.errors import ConfigurationError, ProtocolMisuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tip.privacy.guarantees import Assumption

    Vector = NDArray[np.unsignedinteger[Any]]

AgentId = NewType("AgentId", int)  # a party: agents count from 0, the other roles are negative
Round = NewType("Round", int)

COORDINATOR: Final = AgentId(-1)

S_co = TypeVar("S_co", covariant=True)


class Message(Protocol):
    """What all messages have: the round that they belong to, and who says that it sent them."""

    @property
    def round(self) -> Round:
        """The round that the message belongs to."""

    @property
    def sender(self) -> AgentId:
        """Who says that it sent the message; the driver holds it against the link."""


@dataclass(frozen=True, slots=True)
class Body:
    """The name of a ring vector: hash, length and ring. States and messages carry it for the vector."""

    digest: bytes
    dimension: int
    modulus_bits: int

    def __post_init__(self) -> None:
        ring_type(self.modulus_bits)
        if len(self.digest) != hashlib.sha256().digest_size or self.dimension < 1:
            raise ConfigurationError("a body is a SHA-256 hash of a vector with at least one coordinate")

    @classmethod
    def of(cls, vector: Vector, modulus_bits: int) -> Body:
        """The name of a vector `(dimension,)` of the ring's own words."""
        in_ring(vector, modulus_bits)
        head = len(vector).to_bytes(8, "little") + modulus_bits.to_bytes(1, "little")
        wire = np.ascontiguousarray(vector, f"<u{vector.itemsize}")
        digest = hashlib.sha256(head)
        digest.update(wire.view(np.uint8).data)
        return cls(digest.digest(), len(vector), modulus_bits)


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agent agreed to before a round: it takes part on these terms or not at all.

    `minimum` is the least number of survivors for which its noise share was sized (law 4).
    """

    round: Round
    minimum: int
    dimension: int
    modulus_bits: int

    def __post_init__(self) -> None:
        ring_type(self.modulus_bits)
        if self.round < 0 or self.minimum < 1 or self.dimension < 1:
            raise ConfigurationError("terms want a round >= 0, a minimum >= 1 and a dimension >= 1")


@dataclass(frozen=True, slots=True)
class Send:
    """One message for one party."""

    to: AgentId
    message: Message


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule. `culprits` is empty where several could have done it and none can be named.

    `evidence` may hold the hash of a private vector: it stays with the party that found the fault.
    """

    culprits: tuple[AgentId, ...]
    reason: str
    evidence: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Work: make this agent's vector from the model with this hash; `Prepared` brings its name."""

    round: Round
    model: bytes
    dimension: int
    modulus_bits: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Work: keep the body that this agent just sent, apart from any sum."""

    agent: AgentId
    body: Body


@dataclass(frozen=True, slots=True)
class Add:
    """Work: add a body of this agent, kept or just sent, to the running sum."""

    agent: AgentId
    body: Body


@dataclass(frozen=True, slots=True)
class Cover:
    """Work: add the expansions of some seeds to this agent's vector, take those of others off; `Covered` names it.

    A seed of 32 bytes stands for the ring vector that its keystream gives (`tip.aggregation.masks`).
    """

    body: Body
    add: tuple[bytes, ...] = field(repr=False)
    subtract: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Uncover:
    """Work: the same to the running sum; it holds nothing but masks until then."""

    add: tuple[bytes, ...] = field(repr=False)
    subtract: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Total:
    """Work: the running sum is that of these survivors; give it out. `Summed` brings its name."""

    survivors: tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class Discard:
    """Work: the round is given up; drop all vectors and give out no sum any more."""


Work = Prepare | Cover | Keep | Add | Uncover | Total | Discard


@dataclass(frozen=True, slots=True)
class Prepared:
    """Event: the driver made this agent's vector."""

    body: Body


@dataclass(frozen=True, slots=True)
class Covered:
    """Event: the driver covered this agent's vector."""

    body: Body


@dataclass(frozen=True, slots=True)
class Resumed:
    """Event: the driver was restarted from what it kept; what was sent last may have been lost."""


@dataclass(frozen=True, slots=True)
class Summed:
    """Event: the driver finished the sum."""

    body: Body


@dataclass(frozen=True, slots=True)
class Deadline:
    """Event: the clock of the driver reached this index."""

    index: int


@dataclass(frozen=True, slots=True)
class Step(Generic[S_co]):
    """The next state, and what the driver has to do: send, report, carry out (in this order)."""

    state: S_co
    sends: tuple[Send, ...] = ()
    faults: tuple[Fault, ...] = ()
    work: tuple[Work, ...] = ()


class CoordinatorSees(StrEnum):
    """Law 3: what the coordinator sees decides which noise counts against it."""

    EACH_MESSAGE = "each message"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a plan needs to know of a protocol to derive its guarantee."""

    name: str
    coordinator_sees: CoordinatorSees
    assumptions: tuple[Assumption, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """One row of the table "who sees what": a party, a field of a message, and what stands in it.

    `private` says whether the field depends on an agent's data, `noise` which noise lies over it.
    """

    party: str
    message: str
    field: str
    what: str
    private: bool
    noise: str = "none"


def undeclared(flow: Iterable[Sight], seen: Iterable[tuple[str, str, str]]) -> frozenset[tuple[str, str, str]]:
    """The fields `(party, message, field)` that somebody saw and the table does not declare (law 21)."""
    return frozenset(seen) - {(row.party, row.message, row.field) for row in flow}


def in_ring(vector: Vector, modulus_bits: int) -> None:
    """Raise `ConfigurationError` unless the vector is `(d,)`, d >= 1, of the ring's own words."""
    expected = ring_type(modulus_bits)
    if vector.ndim != 1 or not len(vector) or vector.dtype != expected:
        raise ConfigurationError(f"a ring vector is (d,) {expected}, d >= 1, not {vector.shape} {vector.dtype}")


class Accumulator:
    """The driver's vectors in one round: those that are kept, and at most one sum.

    Vectors are `(dimension,)` words of the ring. A second, different sum is refused with
    `ProtocolMisuse`, whatever the machine asked for: law 17 holds twice.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[AgentId, Body], Vector] = {}
        self._added: dict[AgentId, Body] = {}
        self._sum: Vector | None = None
        self._answer: tuple[tuple[AgentId, ...], Body] | None = None
        self._closed = False
        self._uncovered = False

    def keep(self, item: Keep, vector: Vector | None) -> None:
        """Keep a body that just arrived, under the agent that sent it."""
        if vector is None:
            raise ProtocolMisuse(f"no vector came with the body of party {item.agent}")
        self._kept[item.agent, item.body] = vector

    def add(self, item: Add, vector: Vector | None = None) -> None:
        """Add one body of an agent that has none in the sum yet."""
        kept = self._kept.pop((item.agent, item.body), vector)
        if kept is None or self._closed or item.agent in self._added:
            raise ProtocolMisuse(f"cannot add a body of party {item.agent}: missing, too late or a second one")
        first = next(iter(self._added.values()), item.body)
        if (first.dimension, first.modulus_bits) != (item.body.dimension, item.body.modulus_bits):
            raise ProtocolMisuse("bodies of one sum have one dimension and one ring")
        self._sum = kept.copy() if self._sum is None else ring_add(self._sum, kept, out=self._sum)
        self._added[item.agent] = item.body

    def uncover(self, item: Uncover) -> None:
        """Take the masks off the running sum, once."""
        if self._sum is None or self._closed or self._uncovered:
            raise ProtocolMisuse("there is no sum to take masks off, or they are off")
        expand_into(self._sum, item.add, item.subtract)
        self._uncovered = True

    def total(self, item: Total) -> Summed:
        """Close the sum of exactly these survivors; the same request again gets the same answer."""
        if self._answer is not None and self._answer[0] == item.survivors:
            return Summed(self._answer[1])
        if self._closed or self._sum is None or tuple(sorted(self._added)) != item.survivors:
            raise ProtocolMisuse("a round has one sum, of the agents that were added")
        body = Body.of(self._sum, next(iter(self._added.values())).modulus_bits)
        self._kept.clear()
        self._closed, self._answer = True, (item.survivors, body)
        return Summed(body)

    def discard(self) -> None:
        """Drop all vectors; no sum is given out any more."""
        self._kept.clear()
        self._sum, self._answer, self._closed = None, None, True

    def answer(self) -> Mapping[bytes, Vector]:
        """The closed sum under its hash, or nothing."""
        return {self._answer[1].digest: self._sum} if self._answer is not None and self._sum is not None else {}

    def find(self, body: Body) -> Vector:
        """The vector that a body names: the closed sum, or one that is kept."""
        held = {kept.digest: vector for (_, kept), vector in self._kept.items()} | dict(self.answer())
        if body.digest not in held:
            raise ProtocolMisuse("that vector is not at hand")
        return held[body.digest]
