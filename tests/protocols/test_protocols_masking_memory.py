"""The coordinator's memory in a masked round: at most three vectors, however many agents; the rest are shares."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

from tip.aggregation import Intake
from tip.aggregation.masks import expand_into
from tip.protocols import COORDINATOR, AgentId, Network, Round, Terms
from tip.protocols.core import Accumulator, Add, Body, Deadline, Summed, Total, Uncover
from tip.protocols.loopback import Envelope, Loopback, Seat, Task
from tip.protocols.masking import TABLE, plan_masking, server, under
from tip.protocols.masking.messages import MaskedInput
from tip.protocols.masking.protocol import DEADLINE, ending
from tip.randomness import Entropy
from tip.simulation.hosting import Half

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tip.protocols import Outcome
    from tip.protocols.core import Vector

SEED = Entropy.seeded(20261129)
PLANNED = plan_masking(12, 0.1, 0.17, coordinator="malicious")
AGENTS = [AgentId(i) for i in range(12)]
SMALL, LARGE = 1_000, 400_000
CHUNK = 16_384  # words that arrive at a time


class Recording(Loopback):
    """Writes down what reaches the coordinator, in its order."""

    def __init__(self, task: Task, network: Network) -> None:
        super().__init__(TABLE, task, network)
        self.events: list[Envelope | Deadline] = []

    def deliver(self, envelope: Envelope) -> None:
        if envelope.to == COORDINATOR:
            self.events.append(envelope)
        super().deliver(envelope)

    def tell(self, party: AgentId, event: object) -> None:
        if isinstance(event, Deadline):
            self.events.append(event)
        super().tell(party, event)


@dataclass(frozen=True)
class Recorded:
    """One round, as its coordinator met it: two agents fall silent."""

    task: Task
    events: list[Envelope | Deadline] = field(repr=False)
    outcome: Outcome
    opened: Any = field(repr=False)


def recorded(dimension: int) -> Recorded:
    words = SEED.stream("vectors").words(np.arange(12), dimension, dtype=np.uint32)
    terms = Terms(Round(1), PLANNED.minimum, dimension, 32)
    task = Task(terms, bytes(32), dict(zip(AGENTS, words, strict=True)))
    protocol = under(PLANNED, AGENTS, entropy=SEED)
    loopback = Recording(task, Network(silent=frozenset({AgentId(3), AgentId(7)})))
    outcome = protocol.run(loopback, task)
    assert len(outcome.survivors) == 10
    opened = server.open_round(protocol.cast.coordinator, protocol.cast.directory, PLANNED, terms, task.model, DEADLINE)
    return Recorded(task, loopback.events, outcome, opened)


ROUNDS = {dimension: recorded(dimension) for dimension in (SMALL, LARGE)}


def arrived(frame: bytes) -> bytes:
    """The frame again, in memory that is counted."""
    return b"".join([frame[:1], memoryview(frame)[1:]])


def seated(desk: Loopback, known: Recorded, accumulator: Accumulator) -> None:
    desk.seat(COORDINATOR, Seat("coordinator", known.opened.state, server.advance, accumulator=accumulator))
    desk.start(COORDINATOR, known.opened)


def whole(desk: Half, known: Recorded, accumulator: Accumulator) -> Outcome:
    """Frames arrive whole, one after the other; what the coordinator says goes off at once."""
    seated(desk, known, accumulator)
    for event in known.events:
        if isinstance(event, Deadline):
            desk.tell(COORDINATOR, event)
        else:
            desk.deliver(Envelope(event.sender, event.to, arrived(event.frame)))
        desk.said()
    return ending(desk)


class Streamed(Accumulator):
    """A sum of vectors that arrived in chunks: one is added when the machine says so, and its name fits."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.intake = Intake(dimension, 32)
        self.total_: Vector | None = None

    def add(self, item: Add, vector: Vector | None = None) -> None:
        assert vector is None
        self.intake.finish(item.agent, item.body.digest)

    def uncover(self, item: Uncover) -> None:
        self.total_ = self.intake.close()
        expand_into(self.total_, item.add, item.subtract)

    def total(self, item: Total) -> Summed:
        assert self.total_ is not None
        assert tuple(sorted(self.intake.agents)) == item.survivors
        return Summed(Body.of(self.total_, 32))

    def find(self, body: Body) -> Vector:
        assert self.total_ is not None
        assert Body.of(self.total_, 32) == body
        return self.total_


def streamed(desk: Half, known: Recorded, accumulator: Accumulator) -> Outcome:
    """Masked vectors arrive in chunks and are never there as a frame."""
    assert isinstance(accumulator, Streamed)
    seated(desk, known, accumulator)
    for event in known.events:
        if isinstance(event, Deadline):
            desk.tell(COORDINATOR, event)
        elif (vector := MASKED.get(event.frame)) is not None:
            accumulator.intake.begin(event.sender, len(vector))
            for first in range(0, len(vector), CHUNK):
                accumulator.intake.chunk(event.sender, first, vector[first : first + CHUNK].copy())
            desk.tell(COORDINATOR, MESSAGES[event.frame])
        else:
            desk.deliver(Envelope(event.sender, event.to, arrived(event.frame)))
        desk.said()
    return ending(desk)


def _vectors() -> tuple[Mapping[bytes, Vector], Mapping[bytes, MaskedInput]]:
    """The masked vectors of all recorded rounds and their messages, by frame."""
    vectors: dict[bytes, Vector] = {}
    messages: dict[bytes, MaskedInput] = {}
    for known in ROUNDS.values():
        for event in known.events:
            if isinstance(event, Envelope) and len(event.frame) > 4 * known.task.terms.dimension:
                decoded = TABLE.decode(event.frame, limit=1 << 30)
                if isinstance(decoded.message, MaskedInput):
                    messages[event.frame] = decoded.message
                    vectors[event.frame] = decoded.vectors[decoded.message.body.digest]
    return vectors, messages


MASKED, MESSAGES = _vectors()
Replay: TypeAlias = "Callable[[Half, Recorded, Accumulator], Outcome]"
Made: TypeAlias = "Callable[[int], Accumulator]"


def peak(known: Recorded, replay: Replay, made: Made, half: type[Half]) -> int:
    """The most bytes that the coordinator's side of the round takes at once."""
    tracemalloc.start()
    try:
        desk = half(known.task, Network(), 12)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        outcome = replay(desk, known, made(known.task.terms.dimension))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome.survivors == known.outcome.survivors
    assert outcome.total is not None
    assert known.outcome.total is not None
    assert (outcome.total == known.outcome.total).all()
    return most - before


def vectors_held(replay: Replay, made: Made, half: type[Half] = Half) -> float:
    """By how many vectors the peak grows with the dimension: what does not grow are shares, keys and signatures."""
    small, large = (peak(ROUNDS[d], replay, made, half) for d in (SMALL, LARGE))
    return (large - small) / (4 * (LARGE - SMALL))


def plain(_: int) -> Accumulator:
    return Accumulator()


def test_the_coordinator_holds_at_most_three_vectors() -> None:
    held = vectors_held(whole, plain)
    assert 1.9 < held <= 3  # the sum, and the one that comes


def test_with_streaming_it_holds_no_frame_either() -> None:
    held = vectors_held(streamed, Streamed)
    assert 1.9 < held <= 2.5  # the sum, the one in flight, a chunk


class Hoarding(Accumulator):
    """Mutant: keeps what it added."""

    def __init__(self) -> None:
        super().__init__()
        self.hoard: list[Vector | None] = []

    def add(self, item: Add, vector: Vector | None = None) -> None:
        self.hoard.append(vector)
        super().add(item, vector)


class Transcribing(Half):
    """Mutant: writes a transcript, as the loopback does."""

    _write_down = Loopback._write_down


def test_a_coordinator_that_keeps_vectors_is_found() -> None:
    assert vectors_held(whole, lambda _: Hoarding()) > 9
    assert vectors_held(whole, plain, Transcribing) > 9


def test_a_vector_that_is_not_the_one_that_was_named_is_not_added() -> None:
    known = ROUNDS[SMALL]
    sums = Streamed(SMALL)
    frame = next(f for f, v in MASKED.items() if len(v) == SMALL)
    sums.intake.begin(0, SMALL)
    sums.intake.chunk(0, 0, MASKED[frame] + np.uint32(1))
    with pytest.raises(ValueError, match="not the one that was named"):
        sums.add(Add(AgentId(0), MESSAGES[frame].body))
    assert sums.intake.agents == ()
    assert known.outcome.total is not None
