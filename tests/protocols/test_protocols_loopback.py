"""Loopback: drop-outs, repeats, disorder and tampering never change a result in silence."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tip.aggregation.sums import ring_sum
from tip.errors import ConfigurationError, ProtocolMisuse
from tip.protocols import COORDINATOR, FAITHFUL, AgentId, Network, Round, clear, ideal, run_round
from tip.protocols.core import Body, Terms
from tip.protocols.ideal import ADDER
from tip.protocols.loopback import Loopback, Runnable, Seat, Task
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tip.protocols.codec import Table
    from tip.protocols.core import Message
    from tip.protocols.transcript import Outcome

ROOMS: list[Runnable] = [clear, ideal]
LIMIT = 1 << 20
AGENTS = [AgentId(i) for i in range(6)]
VECTORS = {agent: np.arange(3, dtype=np.int64) - 100 * agent for agent in AGENTS}
LIAR = AgentId(2)


def play(
    protocol: Runnable,
    network: Network = FAITHFUL,
    *,
    vectors: Mapping[AgentId, NDArray[Any]] = VECTORS,
    minimum: int = 3,
    bits: int = 32,
) -> Outcome:
    return run_round(
        protocol, vectors, minimum=minimum, modulus_bits=bits, round=Round(9), model_hash=bytes(32), network=network
    )


def truth(vectors: Mapping[AgentId, NDArray[Any]], survivors: tuple[AgentId, ...], bits: int = 32) -> NDArray[Any]:
    return ring_sum(np.array([vectors[agent] for agent in survivors]), bits)


def altered(message: Message, **changes: object) -> Message:
    """The message with other values in some fields."""
    changed: Message = replace(cast("Any", message), **changes)
    return changed


def rewrite(table: Table, change: Callable[[Message], Message]) -> Callable[[bytes], bytes]:
    """A tamper function that changes the message and leaves its vectors."""

    def tamper(frame: bytes) -> bytes:
        got = table.decode(frame, limit=LIMIT)
        return table.encode(change(got.message), got.vectors)

    return tamper


def link(protocol: Runnable, agent: AgentId) -> tuple[AgentId, AgentId]:
    """Where an agent's vector travels."""
    return (agent, ADDER if protocol is ideal else COORDINATOR)


@settings(deadline=None)
@given(
    hnp.arrays(np.int64, st.tuples(st.integers(1, 7), st.integers(1, 4))),
    st.sampled_from([16, 32, 64]),
    st.integers(1, 7),
    st.data(),
)
def test_clear_and_ideal_give_the_ring_sum_of_those_that_answered(
    table: NDArray[np.int64], bits: int, minimum: int, data: st.DataObject
) -> None:
    vectors = {AgentId(3 * i): row for i, row in enumerate(table)}
    silent = data.draw(st.sets(st.sampled_from(sorted(vectors))))
    order = data.draw(st.none() | st.integers(0, 99).map(Entropy.seeded))
    network = Network(silent=frozenset(silent), copies=data.draw(st.integers(1, 3)), order=order)
    survivors = tuple(sorted(vectors.keys() - silent))
    for protocol in ROOMS:
        outcome = play(protocol, network, vectors=vectors, minimum=minimum, bits=bits)
        assert outcome.faults == ()
        if len(survivors) < minimum:
            assert (outcome.total, outcome.survivors) == (None, ())
            assert outcome.reason == f"{len(survivors)} agents answered in time; the minimum is {minimum}"
        else:
            assert outcome.survivors == survivors
            assert outcome.total is not None
            assert outcome.total.dtype == f"u{bits // 8}"
            assert np.array_equal(outcome.total, truth(vectors, survivors, bits))


@pytest.mark.parametrize("protocol", ROOMS)
def test_ring_vectors_are_taken_as_they_are(protocol: Runnable) -> None:
    ring = {agent: vector.astype(np.uint64).astype(np.uint32) for agent, vector in VECTORS.items()}
    outcome = play(protocol, vectors=ring)
    assert np.array_equal(np.asarray(outcome.total), truth(VECTORS, outcome.survivors))


@pytest.mark.parametrize("protocol", ROOMS)
def test_a_thousand_agents_in_a_thousand_dimensions(protocol: Runnable) -> None:
    table = np.arange(1_000_000, dtype=np.int64).reshape(1000, 1000) * 7919 - 3_000_000_000
    outcome = play(protocol, vectors={AgentId(i): row for i, row in enumerate(table)}, minimum=1000)
    assert np.array_equal(np.asarray(outcome.total), ring_sum(table, 32))


@pytest.mark.parametrize("protocol", ROOMS)
@pytest.mark.parametrize(
    ("vectors", "why"),
    [
        ({}, "no agents"),
        ({AgentId(0): np.zeros(2, np.int64), AgentId(1): np.zeros(3, np.int64)}, "one dimension"),
        ({AgentId(0): np.zeros(2)}, "float64"),
        ({AgentId(0): np.array([np.nan, np.inf])}, "float64"),
        ({AgentId(0): np.zeros((2, 2), np.int64)}, "shape"),
        ({AgentId(0): np.zeros(0, np.int64)}, "d >= 1"),
        ({AgentId(0): np.zeros(2, np.uint64)}, "uint32"),
        ({AgentId(-1): np.zeros(2, np.int64)}, "counted from 0"),
    ],
)
def test_vectors_that_make_no_round_are_refused(
    protocol: Runnable, vectors: Mapping[AgentId, NDArray[Any]], why: str
) -> None:
    with pytest.raises(ConfigurationError, match=why):
        play(protocol, vectors=vectors)


def test_settings_that_make_no_round_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="minimum"):
        play(clear, minimum=0)
    with pytest.raises(ConfigurationError, match="no width"):
        play(clear, bits=20)
    with pytest.raises(ConfigurationError, match="32 bytes"):
        run_round(clear, VECTORS, minimum=1, modulus_bits=32, round=Round(0), model_hash=b"m")
    with pytest.raises(ConfigurationError, match="copy"):
        Network(copies=0)


@pytest.mark.parametrize("protocol", ROOMS)
@pytest.mark.parametrize("tamper", [lambda _: None, lambda frame: frame[:-1], lambda frame: frame + b"\0"])
def test_a_broken_frame_leaves_its_sender_out(protocol: Runnable, tamper: Callable[[bytes], bytes | None]) -> None:
    outcome = play(protocol, Network(tamper={link(protocol, LIAR): tamper}))
    assert LIAR not in outcome.survivors
    assert len(outcome.survivors) == 5
    assert np.array_equal(np.asarray(outcome.total), truth(VECTORS, outcome.survivors))
    lost = tamper(b"frame") is None
    assert [fault.culprits for fault in outcome.faults] == ([] if lost else [(LIAR,)])
    assert len(outcome.transcript.undecoded) == len(outcome.faults)


@pytest.mark.parametrize("protocol", ROOMS)
@settings(deadline=None)
@given(place=st.integers(0, 200), flip=st.integers(1, 255))
def test_every_changed_byte_is_named_or_is_the_sender_s_own_input(protocol: Runnable, place: int, flip: int) -> None:
    def tamper(frame: bytes) -> bytes:
        changed = bytearray(frame)
        changed[place % len(frame)] ^= flip
        return bytes(changed)

    outcome = play(protocol, Network(tamper={link(protocol, LIAR): tamper}))
    if LIAR not in outcome.survivors:
        ours = [fault for fault in outcome.faults if fault.culprits in ((LIAR,), ())]
        assert len(ours) == len(outcome.faults) == 1 or is_old_round(outcome)
        assert np.array_equal(np.asarray(outcome.total), truth(VECTORS, outcome.survivors))
        return
    assert outcome.faults == ()
    inputs = {**VECTORS, LIAR: effective_input(outcome)}
    assert np.array_equal(np.asarray(outcome.total), truth(inputs, outcome.survivors))


def is_old_round(outcome: Outcome) -> bool:
    """Whether the changed byte made the message one of an earlier round, which is dropped as late."""
    return any(row.message.sender == LIAR and row.message.round < 9 for row in outcome.transcript.received)


def effective_input(outcome: Outcome) -> NDArray[np.int64]:
    (row,) = [r for r in outcome.transcript.received if r.message.sender == LIAR and r.vectors]
    (vector,) = row.vectors.values()
    return vector.astype(np.int64)


@pytest.mark.parametrize("protocol", ROOMS)
def test_who_speaks_for_another_is_named_and_the_other_is_not(protocol: Runnable) -> None:
    forge = rewrite(protocol.TABLE, lambda message: altered(message, sender=AgentId(4)))
    outcome = play(protocol, Network(tamper={link(protocol, LIAR): forge}))
    assert [fault.culprits for fault in outcome.faults] == [(LIAR,)]
    assert "speaks as party 4" in outcome.faults[0].reason
    assert np.array_equal(np.asarray(outcome.total), truth(VECTORS, outcome.survivors))
    assert 4 in outcome.survivors


@pytest.mark.parametrize("protocol", ROOMS)
def test_another_vector_is_the_liar_s_own_effective_input(protocol: Runnable) -> None:
    lie = np.array([2**31, 5, 2**32 - 1], dtype=np.uint32)
    body = Body.of(lie, 32)

    def tamper(frame: bytes) -> bytes:
        message = protocol.TABLE.decode(frame, limit=LIMIT).message
        return protocol.TABLE.encode(altered(message, body=body), {body.digest: lie})

    outcome = play(protocol, Network(tamper={link(protocol, LIAR): tamper}))
    assert outcome.faults == ()
    inputs = {**VECTORS, LIAR: lie.astype(np.int64)}
    assert np.array_equal(np.asarray(outcome.total), truth(inputs, outcome.survivors))


def lower(protocol: Runnable) -> Callable[[bytes], bytes]:
    """A coordinator that announces a minimum of 1 on this link."""
    change = rewrite(protocol.TABLE, lambda message: altered(message, minimum=1))
    return lambda frame: change(frame) if frame[7] == 1 else frame


@pytest.mark.parametrize("protocol", ROOMS)
def test_an_agent_told_a_lower_minimum_falls_silent_and_names_the_coordinator(protocol: Runnable) -> None:
    outcome = play(protocol, Network(tamper={(COORDINATOR, LIAR): lower(protocol)}))
    assert LIAR not in outcome.survivors
    assert (COORDINATOR,) in [fault.culprits for fault in outcome.faults]
    assert np.array_equal(np.asarray(outcome.total), truth(VECTORS, outcome.survivors))


def test_an_adder_told_a_lower_minimum_sums_nothing() -> None:
    outcome = play(ideal, Network(tamper={(COORDINATOR, ADDER): lower(ideal)}))
    assert outcome.total is None
    assert {fault.culprits for fault in outcome.faults} == {()}
    assert len(outcome.faults) == len(AGENTS)


@pytest.mark.parametrize("survivors", [(0, 1), (0, 1, 77), ()])
def test_a_coordinator_that_asks_for_more_than_it_may_gets_nothing(survivors: tuple[int, ...]) -> None:
    ask = rewrite(ideal.TABLE, lambda message: altered(message, survivors=survivors))

    def tamper(frame: bytes) -> bytes:
        return ask(frame) if frame[7] == 4 else frame

    outcome = play(ideal, Network(tamper={(COORDINATOR, ADDER): tamper}))
    assert outcome.total is None
    assert (COORDINATOR,) in [fault.culprits for fault in outcome.faults]
    assert not any(row.vectors for row in outcome.transcript.of(COORDINATOR))


def test_an_adder_that_answers_for_another_set_is_named() -> None:
    def tamper(frame: bytes) -> bytes:
        if frame[7] != 5:
            return frame
        message = ideal.TABLE.decode(frame, limit=LIMIT)
        lie = altered(message.message, survivors=(AgentId(0),))
        return ideal.TABLE.encode(lie, message.vectors)

    outcome = play(ideal, Network(tamper={(ADDER, COORDINATOR): tamper}))
    assert (outcome.total, outcome.reason) == (None, "the adder did not answer")
    assert [fault.culprits for fault in outcome.faults] == [(ADDER,)]


@pytest.mark.parametrize("protocol", ROOMS)
def test_a_lost_announcement_is_a_drop_out(protocol: Runnable) -> None:
    outcome = play(protocol, Network(tamper={(COORDINATOR, LIAR): lambda _: None}))
    assert outcome.survivors == tuple(agent for agent in AGENTS if agent != LIAR)
    assert outcome.faults == ()


@pytest.mark.parametrize("protocol", ROOMS)
def test_outcomes_and_transcripts_print_no_vector(protocol: Runnable) -> None:
    outcome = play(protocol, vectors={AgentId(i): np.full(2, 123456789, np.int64) for i in range(3)})
    assert not re.search(r"123456789", repr(outcome.transcript) + repr(outcome.transcript.received))


def test_a_party_without_a_vector_prepares_none() -> None:
    task = Task(Terms(Round(9), 1, 3, 32), bytes(32), {})
    loopback = Loopback(clear.TABLE, task)
    announced = clear.messages.Announce.under(task.terms, task.model, 1)
    waiting = clear.client.Waiting(AgentId(0), task.terms)
    loopback.seat(AgentId(0), Seat("agent", waiting, clear.client.advance))
    with pytest.raises(ProtocolMisuse, match="no vector"):
        loopback.tell(AgentId(0), announced)
