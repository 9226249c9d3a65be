"""Codec: what was encoded comes back, and nothing else is accepted."""

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, MalformedMessage, ProtocolMisuse
from tip.protocols import clear, ideal
from tip.protocols.clear import messages as clear_messages
from tip.protocols.codec import U8, U32, Agent, Agents, Hash, RingVector, Table
from tip.protocols.core import AgentId, Body, Message, Round
from tip.protocols.ideal import messages as ideal_messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LIMIT = 1 << 16

rounds = st.integers(0, 2**64 - 1).map(Round)
agents = st.integers(-(2**63), 2**63 - 1).map(AgentId)
hashes = st.binary(min_size=32, max_size=32)
rolls = st.sets(st.integers(0, 2**63 - 1).map(AgentId), max_size=8).map(lambda ids: tuple(sorted(ids)))
counts = st.integers(1, 2**32 - 1)


@st.composite
def ring_vectors(draw: st.DrawFn) -> tuple[int, NDArray[Any]]:
    bits = draw(st.sampled_from([16, 32, 64]))
    values = draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=8))
    return bits, np.array(values, dtype=f"u{bits // 8}")


@st.composite
def messages(draw: st.DrawFn) -> tuple[Table, Message, Mapping[bytes, NDArray[Any]]]:
    room: Any = draw(st.sampled_from([clear_messages, ideal_messages]))
    cls = draw(st.sampled_from(list(room.TABLE.types.values())))
    bits, vector = draw(ring_vectors())
    body = Body.of(vector, bits)
    values = {
        "round": draw(rounds),
        "sender": draw(agents),
        "model": draw(hashes),
        "announcement": draw(hashes),
        "dimension": draw(counts),
        "modulus_bits": bits,
        "deadline": draw(st.integers(0, 2**64 - 1)),
        "minimum": draw(counts),
        "answered": draw(st.integers(0, 2**32 - 1)),
        "agent": draw(agents),
        "survivors": draw(rolls),
        "body": body,
    }
    return room.TABLE, cls(**{name: values[name] for name in room.TABLE.fields(cls)}), {body.digest: vector}


@settings(deadline=None)
@given(messages())
def test_what_was_encoded_comes_back(sent: tuple[Table, Message, Mapping[bytes, NDArray[Any]]]) -> None:
    table, message, vectors = sent
    got = table.decode(table.encode(message, vectors), limit=LIMIT)
    assert got.message == message
    for digest, vector in got.vectors.items():
        assert vector.dtype == vectors[digest].dtype
        assert np.array_equal(vector, vectors[digest])


def canonical(table: Table, frame: bytes) -> bool:
    """Whether the frame is refused, or is exactly what its message encodes to."""
    try:
        got = table.decode(frame, limit=LIMIT)
    except MalformedMessage:
        return True
    return table.encode(got.message, got.vectors) == frame


@settings(deadline=None)
@given(messages(), st.data())
def test_every_changed_frame_is_refused_or_is_another_message(
    sent: tuple[Table, Message, Mapping[bytes, NDArray[Any]]], data: st.DataObject
) -> None:
    table, message, vectors = sent
    frame = table.encode(message, vectors)
    place = data.draw(st.integers(0, len(frame) - 1))
    flipped = bytearray(frame)
    flipped[place] ^= data.draw(st.integers(1, 255))
    assert canonical(table, bytes(flipped))
    for cut in (frame[:place], frame + data.draw(st.binary(min_size=1, max_size=9)), frame[place:], b""):
        if cut != frame:
            with pytest.raises(MalformedMessage):
                table.decode(cut, limit=LIMIT)


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from([clear.TABLE, ideal.TABLE]))
def test_noise_is_refused(noise: bytes, table: Table) -> None:
    assert canonical(table, noise)


@settings(deadline=None)
@given(
    st.binary(max_size=60), st.sampled_from([clear.TABLE, ideal.TABLE]), st.sampled_from(range(1, 8)), rounds, agents
)
@example(struct.pack("<I", 2**32 - 1), clear.TABLE, 3, Round(0), AgentId(-1))
def test_noise_behind_a_right_head_is_refused(
    noise: bytes, table: Table, kind: int, number: Round, sender: AgentId
) -> None:
    rest = struct.pack("<HBBQq", table.protocol, table.version, kind, number, sender) + noise
    assert canonical(table, struct.pack("<I", len(rest)) + rest)


VECTOR = np.array([1, 2, 3], dtype=np.uint32)
BODY = Body.of(VECTOR, 32)
FRAME = clear.TABLE.encode(clear_messages.Vector(Round(7), AgentId(4), BODY), {BODY.digest: VECTOR})
CLOSED = clear.TABLE.encode(clear_messages.Closed(Round(7), AgentId(-1), (AgentId(1), AgentId(2))))


def changed(frame: bytes, place: int, new: bytes) -> bytes:
    return frame[:place] + new + frame[place + len(new) :]


def test_the_frame_is_the_documented_one() -> None:
    head = struct.pack("<IHBBQq", len(FRAME) - 4, 1, 1, 2, 7, 4)
    assert head + struct.pack("<BI", 32, 3) + struct.pack("<III", 1, 2, 3) == FRAME


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (changed(FRAME, 0, b"\x00"), "says"),
        (changed(FRAME, 4, b"\x02"), "protocol 2"),
        (changed(FRAME, 6, b"\x02"), "version 2"),
        (changed(FRAME, 7, b"\x09"), "type 9"),
        (changed(FRAME, 24, bytes([16])), "left over"),
        (changed(FRAME, 24, bytes([64])), "ends early"),
        (changed(FRAME, 24, bytes([31])), "no width"),
        (changed(FRAME, 25, struct.pack("<I", 2)), "left over"),
        (changed(FRAME, 25, struct.pack("<I", 2**32 - 1)), "ends early"),
        (changed(CLOSED, 28, struct.pack("<qq", 2, 1)), "not sorted"),
        (changed(CLOSED, 28, struct.pack("<qq", 2, 2)), "twice"),
        (changed(CLOSED, 24, struct.pack("<I", 2**32 - 1)), "ends early"),
    ],
)
def test_each_malformation_is_told(frame: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        clear.TABLE.decode(frame, limit=LIMIT)


def test_impossible_values_are_malformed() -> None:
    announce = clear_messages.Announce(Round(1), AgentId(-1), bytes(32), 5, 32, 1, 3)
    frame = clear.TABLE.encode(announce)
    with pytest.raises(MalformedMessage, match="Announce"):
        clear.TABLE.decode(frame[:-4] + bytes(4), limit=LIMIT)  # a minimum of 0


def test_an_empty_vector_is_malformed() -> None:
    rest = FRAME[4:24] + struct.pack("<BI", 32, 0)
    with pytest.raises(MalformedMessage, match="d >= 1"):
        clear.TABLE.decode(struct.pack("<I", len(rest)) + rest, limit=LIMIT)


def test_a_frame_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(MalformedMessage, match="limit"):
        clear.TABLE.decode(FRAME, limit=len(FRAME) - 1)
    assert clear.TABLE.decode(FRAME, limit=len(FRAME)).message.sender == 4


def test_a_claimed_length_allocates_nothing() -> None:
    lies = [changed(FRAME, 25, struct.pack("<I", 2**32 - 1)), changed(CLOSED, 24, struct.pack("<I", 2**31))]
    tracemalloc.start()
    for lie in lies:
        with pytest.raises(MalformedMessage):
            clear.TABLE.decode(lie, limit=LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_decoded_vector_cannot_be_changed() -> None:
    (vector,) = clear.TABLE.decode(FRAME, limit=LIMIT).vectors.values()
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 9


def test_our_own_mistakes_are_misuse() -> None:
    with pytest.raises(ProtocolMisuse, match="at hand"):
        clear.TABLE.encode(clear_messages.Vector(Round(7), AgentId(4), BODY))
    with pytest.raises(ProtocolMisuse, match="does not fit"):
        clear.TABLE.encode(clear_messages.Abandoned(Round(7), AgentId(-1), 2**32))
    with pytest.raises(ProtocolMisuse, match="sorted"):
        clear.TABLE.encode(clear_messages.Closed(Round(7), AgentId(-1), (AgentId(2), AgentId(1))))
    with pytest.raises(ProtocolMisuse, match="no message"):
        clear.TABLE.encode(ideal_messages.Abandoned(Round(7), AgentId(-1)))
    with pytest.raises(ProtocolMisuse, match="32 bytes"):
        clear.TABLE.encode(clear_messages.Announce(Round(1), AgentId(-1), b"short", 5, 32, 1, 3))


def test_evidence_holds_the_hash_and_not_the_vector() -> None:
    evidence = clear.TABLE.evidence(clear_messages.Vector(Round(7), AgentId(4), BODY))
    assert BODY.digest in evidence
    assert VECTOR.tobytes() not in evidence


def test_protocols_do_not_take_each_other_s_frames() -> None:
    with pytest.raises(MalformedMessage, match="protocol 1"):
        ideal.TABLE.decode(FRAME, limit=LIMIT)


@dataclass(frozen=True, slots=True)
class Untold:
    round: Round
    sender: AgentId
    hint: int


@dataclass(frozen=True, slots=True)
class Headless:
    sender: AgentId
    round: Round


class Bare:
    round = Round(0)
    sender = AgentId(0)


@dataclass(frozen=True, slots=True)
class Full:
    round: Round
    sender: AgentId
    small: U8
    count: U32
    agent: Agent
    digest: Hash
    roll: Agents
    one: RingVector
    other: RingVector


@pytest.mark.parametrize(("cls", "why"), [(Untold, "hint"), (Headless, "start with round"), (Bare, "data class")])
def test_a_table_refuses_messages_that_do_not_say_how_they_travel(cls: type[Message], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        Table(protocol=9, version=1, types={1: cls})


def test_a_message_may_hold_several_vectors() -> None:
    table = Table(protocol=9, version=1, types={1: Full})
    other = np.array([5], dtype=np.uint64)
    full = Full(Round(1), AgentId(2), 3, 4, AgentId(-5), bytes(32), (AgentId(0),), BODY, Body.of(other, 64))
    got = table.decode(table.encode(full, {BODY.digest: VECTOR, full.other.digest: other}), limit=LIMIT)
    assert got.message == full
    assert got.vectors.keys() == {full.one.digest, full.other.digest}
