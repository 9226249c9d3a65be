"""Loopback: all roles of a protocol in one process, over bytes.

Every message is encoded, may be dropped, changed, repeated or overtaken on its way, and is decoded
again, so that what runs here is what runs on a network. `Loopback` is the driver of the seats: it
gives machines their events, carries out their work, and writes down every field that every party
receives (law 21). It holds no rule of any protocol; a protocol's `run` tells it who sits where.

A link knows its two ends, as TLS does: a frame that does not decode, or that speaks for somebody
else, is the fault of the link's sender. `Network.tamper` therefore plays a malicious sender.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import numpy as np

from tip.aggregation.masks import cover
from tip.aggregation.sums import ring_type, to_ring
from tip.errors import ConfigurationError, MalformedMessage, ProtocolMisuse
from tip.protocols.core import (
    COORDINATOR,
    Accumulator,
    Add,
    AgentId,
    Body,
    Cover,
    Covered,
    Descriptor,
    Discard,
    Fault,
    Keep,
    Prepare,
    Prepared,
    Round,
    Step,
    Terms,
    Total,
    Uncover,
)
from tip.protocols.transcript import Outcome, Received, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tip.protocols.codec import Decoded, Table
    from tip.protocols.core import Sight, Summed, Vector, Work
    from tip.randomness import Entropy

    Tamper = Callable[[bytes], bytes | None]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Network:
    """What happens between the parties; `FAITHFUL` delivers everything once, in order.

    `silent` agents receive and never answer. `tamper` maps a link `(from, to)` to a function of the
    frame; None from it loses the frame. `copies` frames arrive for one; `order` shuffles them.
    """

    silent: frozenset[AgentId] = frozenset()
    tamper: Mapping[tuple[AgentId, AgentId], Tamper] = field(default_factory=dict)
    copies: int = 1
    order: Entropy | None = None

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise ConfigurationError(f"a network delivers at least 1 copy, not {self.copies}")


FAITHFUL: Final = Network()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A frame on its way, between the two ends that the link knows."""

    sender: AgentId
    to: AgentId
    frame: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """One round: its public terms, the model's hash, and everybody's true vector `(dimension,)`."""

    terms: Terms
    model: bytes
    vectors: Mapping[AgentId, Vector] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.model) != hashlib.sha256().digest_size:
            raise ConfigurationError("a model's hash is SHA-256 and has 32 bytes")
        if any(agent < 0 for agent in self.vectors):
            raise ConfigurationError("agents are counted from 0")


class Runnable(Protocol):
    """A protocol as the loopback wants it: a module with these names, such as `tip.protocols.clear`."""

    @property
    def PROTOCOL(self) -> Descriptor:  # noqa: N802 - the module's constant
        """What plans know of it."""

    @property
    def TABLE(self) -> Table:  # noqa: N802 - the module's constant
        """Its messages."""

    @property
    def FLOW(self) -> tuple[Sight, ...]:  # noqa: N802 - the module's constant
        """Who sees what."""

    @property
    def run(self) -> Callable[[Loopback, Task], Outcome]:
        """One round, all roles."""


def run_round(  # noqa: PLR0913 - the public door: these seven are what a round is made of
    protocol: Runnable,
    vectors: Mapping[AgentId, NDArray[Any]],
    *,
    minimum: int,
    modulus_bits: int,
    round: Round,  # noqa: A002 - the field's word
    model_hash: bytes,
    network: Network = FAITHFUL,
) -> Outcome:
    """One round of `protocol` (the modules `clear`, `ideal`), all roles in this process, over bytes.

    `vectors` holds each agent's vector `(d,)`, int64 or elements of the ring of `modulus_bits` (16, 32, 64);
    agents are numbered from 0. Fewer than `minimum` answers end the round without a sum. `model_hash` is
    SHA-256 of the public model (32 bytes). `network` says who is silent and which frames are changed.

    The `Outcome` holds the ring sum `(d,)` of the survivors, or None and the reason, the faults with the
    parties they name, and the transcript. Vectors are sent as they are given: clipping and noise are the
    caller's. Raises `ConfigurationError` for vectors of other types or unlike lengths.
    """
    ring = {agent: _ring_vector(agent, vector, modulus_bits) for agent, vector in sorted(vectors.items())}
    lengths = sorted({len(vector) for vector in ring.values()})
    if len(lengths) != 1:
        raise ConfigurationError(f"a round wants vectors of one dimension; here they have {lengths or 'no agents'}")
    task = Task(Terms(round, minimum, lengths[0], modulus_bits), model_hash, ring)
    return protocol.run(Loopback(protocol.TABLE, task, network), task)


def _ring_vector(agent: AgentId, vector: NDArray[Any], modulus_bits: int) -> Vector:
    word = ring_type(modulus_bits)
    if vector.ndim != 1 or not len(vector) or vector.dtype not in (np.dtype(np.int64), word):
        raise ConfigurationError(
            f"agent {agent} holds {vector.dtype} of shape {vector.shape}",
            instead=f"Give (d,) int64 or {word}, d >= 1",
        )
    ring: Vector = to_ring(vector, modulus_bits) if vector.dtype == np.int64 else vector
    return ring


def frame_limit(table: Table, agents: int, dimension: int) -> int:
    """The length from which on a frame is refused unread, in a round of so many agents."""
    return 1024 + table.room * agents + 8 * dimension


@dataclass(slots=True)
class Seat(Generic[S]):
    """A party: its machine's state and rules, its driver's vectors, an agent's own vector."""

    role: str
    state: S
    advance: Callable[[S, Any], Step[S]]
    own: Vector | None = field(default=None, repr=False)
    accumulator: Accumulator = field(default_factory=Accumulator, repr=False)
    made: dict[bytes, Vector] = field(default_factory=dict, repr=False)

    def feed(self, event: object) -> Step[S]:
        """Let the machine take one event."""
        step = self.advance(self.state, event)
        self.state = step.state
        return step


class Loopback:
    """The seats, the frames under way, and the transcript of one round."""

    def __init__(self, table: Table, task: Task, network: Network = FAITHFUL) -> None:
        self.pending: deque[Envelope] = deque()
        self.faults: list[Fault] = []
        self._table, self._network = table, network
        self._limit = frame_limit(table, len(task.vectors), task.terms.dimension)
        self._seats: dict[AgentId, Seat[Any]] = {}
        self._received: list[Received] = []
        self._undecoded: list[tuple[AgentId, AgentId, int]] = []
        self._batches = 0

    @property
    def network(self) -> Network:
        """What happens between the parties."""
        return self._network

    def seat(self, party: AgentId, seat: Seat[Any]) -> None:
        """Give a party its seat."""
        self._seats[party] = seat

    def state(self, party: AgentId) -> object:
        """The state of a party's machine."""
        return self._seats[party].state

    def start(self, party: AgentId, step: Step[Any]) -> None:
        """Carry out the step with which a party opens the round."""
        self._seats[party].state = step.state
        self._carry(party, step, {})

    def tell(self, party: AgentId, event: object) -> None:
        """Give a machine an event of its own driver, such as `Deadline`."""
        self._carry(party, self._seats[party].feed(event), {})

    def settle(self) -> None:
        """Deliver until nothing is under way; `Network.order` shuffles what is under way together."""
        while self.pending:
            for envelope in self.batch():
                self.deliver(envelope)

    def batch(self) -> list[Envelope]:
        """Take all that is under way, in the order of its arrival."""
        batch = list(self.pending)
        self.pending.clear()
        if self._network.order is None:
            return batch
        self._batches += 1
        places = self._network.order.stream("loopback order", self._batches).permutation(len(batch))
        return [batch[place] for place in places]

    def deliver(self, envelope: Envelope) -> None:
        """Bring one frame to its party: decode, hold the sender against the link, advance, carry out."""
        party = envelope.to
        try:
            decoded = self._table.decode(envelope.frame, limit=self._limit)
        except MalformedMessage as error:
            self._undecoded.append((party, envelope.sender, len(envelope.frame)))
            self._blame(envelope, f"sent bytes that do not decode: {error}")
            return
        self._write_down(envelope, decoded)
        if decoded.message.sender != envelope.sender:
            self._blame(envelope, f"speaks as party {decoded.message.sender}")
            return
        self._carry(party, self._seats[party].feed(decoded.message), decoded.vectors)

    def post(self, envelope: Envelope) -> None:
        """Put a frame on its way whose sender sits elsewhere."""
        self._post(envelope)

    def outcome(self, *, body: Body | None, survivors: tuple[AgentId, ...], reason: str = "") -> Outcome:
        """The round's outcome as the coordinator knows it; `body` names the sum that it holds."""
        total = None if body is None else self._seats[COORDINATOR].accumulator.find(body)
        transcript = Transcript(tuple(self._received), tuple(self._undecoded))
        return Outcome(total, survivors, tuple(self.faults), reason, transcript)

    def _carry(self, party: AgentId, step: Step[Any], arrived: Mapping[bytes, Vector]) -> None:
        """Send, report and carry out what a step asks for; what work yields is the next event."""
        seat = self._seats[party]
        self.faults.extend(step.faults)
        frames: dict[int, bytes] = {}  # one frame for a message that goes to many
        for send in step.sends:
            if id(send.message) not in frames:
                frames[id(send.message)] = self._table.encode(send.message, self._at_hand(seat))
            self._post(Envelope(party, send.to, frames[id(send.message)]))
        for item in step.work:
            event = self._work(party, item, arrived)
            if event is not None:
                self.tell(party, event)

    def _work(self, party: AgentId, item: Work, arrived: Mapping[bytes, Vector]) -> Prepared | Covered | Summed | None:
        accumulator = self._seats[party].accumulator
        match item:
            case Prepare():
                return self._prepare(party, item)
            case Cover():
                return self._cover(party, item)
            case Keep():
                accumulator.keep(item, arrived.get(item.body.digest))
            case Add():
                accumulator.add(item, arrived.get(item.body.digest))
            case Uncover():
                accumulator.uncover(item)
            case Total():
                return accumulator.total(item)
            case Discard():
                accumulator.discard()
        return None

    def _prepare(self, party: AgentId, item: Prepare) -> Prepared | None:
        own = self._seats[party].own
        if own is None:
            raise ProtocolMisuse(f"party {party} has no vector to prepare")
        if party in self._network.silent:
            return None
        body = Body.of(own, item.modulus_bits)
        self._seats[party].made[body.digest] = own
        return Prepared(body)

    def _cover(self, party: AgentId, item: Cover) -> Covered:
        """Put the masks over this agent's vector."""
        made = self._seats[party].made
        vector = cover(made[item.body.digest], item.add, item.subtract)
        body = Body.of(vector, item.body.modulus_bits)
        made[body.digest] = vector
        return Covered(body)

    @staticmethod
    def _at_hand(seat: Seat[Any]) -> Mapping[bytes, Vector]:
        return seat.made or seat.accumulator.answer()

    def _post(self, envelope: Envelope) -> None:
        """Put a frame on its way, as the network treats that link."""
        link = (envelope.sender, envelope.to)
        tamper = self._network.tamper.get(link)
        frame = envelope.frame if tamper is None else tamper(envelope.frame)
        if frame is not None:
            self.pending.extend([Envelope(*link, frame)] * self._network.copies)

    def _write_down(self, envelope: Envelope, decoded: Decoded) -> None:
        role = self._seats[envelope.to].role
        self._received.append(
            Received(envelope.to, role, decoded.message, decoded.vectors, len(envelope.frame)),
        )

    def _blame(self, envelope: Envelope, reason: str) -> None:
        digest = hashlib.sha256(envelope.frame).digest()
        self.faults.append(Fault((envelope.sender,), f"party {envelope.sender} {reason}", digest))
