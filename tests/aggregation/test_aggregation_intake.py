"""What arrives in chunks is added when it is whole, or never."""

from __future__ import annotations

import hashlib
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.aggregation.intake import Intake, vector_hash
from tip.aggregation.sums import MODULUS_BITS, ring_sum, ring_type
from tip.errors import ConfigurationError, MalformedMessage, ProtocolMisuse
from tip.protocols.core import Body
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]

STREAM = Entropy.seeded(8).stream("test of the intake")
BITS = st.sampled_from(MODULUS_BITS)
D = 12


def vectors(n: int, d: int, bits: int) -> Ring:
    return np.ascontiguousarray(STREAM.words(np.arange(n), d, dtype=ring_type(bits).type))


def name(vector: Ring) -> bytes:
    return Body.of(vector, vector.itemsize * 8).digest


def send(intake: Intake, agent: int, vector: Ring, cuts: Sequence[int] = ()) -> None:
    intake.begin(agent, len(vector))
    ends = [0, *sorted(cuts), len(vector)]
    for start, stop in pairwise(ends):
        if start < stop:
            intake.chunk(agent, start, vector[start:stop])
    intake.finish(agent, name(vector))


@settings(deadline=None)
@given(BITS, st.integers(0, 5), st.integers(1, 20), st.data())
def test_the_sum_is_that_of_the_whole_vectors(bits: int, n: int, d: int, data: st.DataObject) -> None:
    table, intake = vectors(n, d, bits), Intake(d, bits)
    for agent in range(n):
        send(intake, agent, table[agent], data.draw(st.lists(st.integers(0, d), max_size=4)))
    assert intake.agents == tuple(range(n))
    total = intake.close()
    assert total.dtype == ring_type(bits)
    assert np.array_equal(total, ring_sum(table, bits))


@given(BITS, st.integers(1, 30))
def test_the_name_is_the_bodys(bits: int, d: int) -> None:
    vector = vectors(1, d, bits)[0]
    known = vector_hash(d, bits)
    known.update(vector.astype(f"<u{bits // 8}").tobytes())
    assert known.digest() == name(vector)
    assert hashlib.sha256(vector.tobytes()).digest() != name(vector)  # mutant: the shape is left out


def test_vectors_in_flight_at_once_do_not_mix() -> None:
    table, intake = vectors(3, D, 32), Intake(D, 32, at_once=3)
    for agent in range(3):
        intake.begin(agent, D)
    for start in range(0, D, 5):
        for agent in (2, 0, 1):
            intake.chunk(agent, start, table[agent, start : start + 5])
    assert intake.in_flight == (0, 1, 2)
    for agent in (1, 2, 0):
        intake.finish(agent, name(table[agent]))
    assert intake.agents == (1, 2, 0)
    assert np.array_equal(intake.close(), ring_sum(table, 32))


DEEDS = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, 2), st.sampled_from([3, 3, 3, 4])),
    st.tuples(st.just("chunk"), st.integers(0, 2), st.tuples(st.integers(0, 3), st.integers(0, 4))),
    st.tuples(st.just("finish"), st.integers(0, 2), st.sampled_from([True, True, False])),
    st.tuples(st.just("abandon"), st.integers(0, 2), st.none()),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(DEEDS, max_size=30))
def test_whatever_is_sent_the_sum_is_that_of_the_agents_it_names(deeds: list[tuple[str, int, Any]]) -> None:
    table, intake = vectors(3, 3, 16), Intake(3, 16, at_once=2)
    here: dict[int, int] = {}  # the twin: how many words of whom are here
    whole: set[int] = set()
    for kind, agent, detail in deeds:
        try:
            if kind == "begin":
                intake.begin(agent, detail)
                here[agent] = 0
            elif kind == "chunk":
                start, size = detail
                intake.chunk(agent, start, table[agent, start : start + size])
                assert here[agent] == start
                here[agent] += len(table[agent, start : start + size])
            elif kind == "finish":
                intake.finish(agent, name(table[agent]) if detail else bytes(32))
                assert here.pop(agent) == 3
                assert detail
                whole.add(agent)
            else:
                intake.abandon(agent)
                del here[agent]
        except MalformedMessage:
            if kind == "finish":
                here.pop(agent, None)
        except ProtocolMisuse:
            assert len(here) == 2
        assert set(intake.in_flight) == set(here)
    assert set(intake.agents) == whole
    assert np.array_equal(intake.close(), ring_sum(table[sorted(whole)], 16))


def half(intake: Intake, x: Ring) -> None:
    intake.begin(7, D)
    intake.chunk(7, 0, x[:5])


X = vectors(1, D, 32)[0]
BAD_CHUNKS: dict[str, tuple[Callable[[Intake], None], str]] = {
    "repeated": (lambda i: i.chunk(7, 0, X[:5]), "repeats words"),
    "overlapping": (lambda i: i.chunk(7, 4, X[4:8]), "repeats words"),
    "out of order": (lambda i: i.chunk(7, 8, X[8:]), "leaves a gap"),
    "negative": (lambda i: i.chunk(7, -7, X[5:]), "repeats words"),
    "too long": (lambda i: i.chunk(7, 5, X[:8]), "more than 12 words"),
    "of another ring": (lambda i: i.chunk(7, 5, X[5:].astype(np.uint64)), "a chunk is"),
    "of numbers": (lambda i: i.chunk(7, 5, X[5:].view(np.float32)), "a chunk is"),
    "a table": (lambda i: i.chunk(7, 5, X[5:7, None]), "a chunk is"),
    "empty": (lambda i: i.chunk(7, 5, X[:0]), "a chunk is"),
    "somebody else's": (lambda i: i.chunk(8, 5, X[5:]), "no vector in flight"),
    "begun again": (lambda i: i.begin(7, D), "before"),
}


@pytest.mark.parametrize("case", BAD_CHUNKS)
def test_a_refused_chunk_changes_nothing(case: str) -> None:
    deed, said = BAD_CHUNKS[case]
    intake = Intake(D, 32, at_once=2)
    half(intake, X)
    with pytest.raises(MalformedMessage, match=said):
        deed(intake)
    intake.chunk(7, 5, X[5:])
    intake.finish(7, name(X))
    assert np.array_equal(intake.close(), X)


def flip(x: Ring) -> Ring:
    other = x.copy()
    other[-1] ^= 1
    return other


BAD_ENDS = {
    "short": (X[:11], name(X), "after 11 of 12"),
    "one bit": (flip(X), name(X), "not the one that was named"),
    "another name": (X, bytes(32), "not the one that was named"),
    "part of its name": (X, name(X)[:31], "not the one that was named"),
    "bytes alone": (X, hashlib.sha256(X.tobytes()).digest(), "not the one that was named"),
}


@pytest.mark.parametrize("case", BAD_ENDS)
def test_a_broken_vector_never_touches_the_sum_and_may_come_again(case: str) -> None:
    words, digest, said = BAD_ENDS[case]
    intake = Intake(D, 32)
    send(intake, 1, X)
    intake.begin(7, D)
    intake.chunk(7, 0, words)
    with pytest.raises(MalformedMessage, match=said):
        intake.finish(7, digest)
    assert (intake.agents, intake.in_flight) == ((1,), ())
    send(intake, 7, X)
    assert np.array_equal(intake.close(), 2 * X)


def test_an_agent_is_in_the_sum_once() -> None:
    intake = Intake(D, 32)
    send(intake, 3, X)
    with pytest.raises(MalformedMessage, match="before"):
        intake.begin(3, D)
    with pytest.raises(MalformedMessage, match="no vector in flight"):
        intake.finish(3, name(X))
    assert np.array_equal(intake.close(), X)


def test_an_abandoned_vector_leaves_nothing_and_makes_room() -> None:
    intake = Intake(D, 32)
    half(intake, X)
    intake.abandon(7)
    with pytest.raises(MalformedMessage, match="no vector"):
        intake.abandon(7)
    send(intake, 8, X)
    half(intake, X)  # in flight when the time is up
    assert np.array_equal(intake.close(), X)


def test_no_more_vectors_in_flight_than_there_is_memory_for() -> None:
    d, bits = 1 << 18, 32
    x = vectors(1, d, bits)[0]
    tracemalloc.start()
    intake = Intake(d, bits, at_once=2)
    intake.begin(0, d)
    intake.begin(1, d)
    with pytest.raises(ProtocolMisuse, match="in flight already"):
        intake.begin(2, d)
    intake.abandon(0)
    intake.abandon(1)
    for agent in range(10):
        send(intake, agent, x, range(0, d, 1 << 12))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * x.nbytes  # the sum, two vectors, chunks
    with pytest.raises(MalformedMessage, match="announces"):
        intake.begin(11, d + 1)


def test_a_closed_intake_is_closed() -> None:
    intake = Intake(D, 32)
    half(intake, X)
    assert not intake.close().any()
    deeds: list[Callable[[], object]] = [
        intake.close,
        lambda: intake.begin(1, D),
        lambda: intake.chunk(7, 5, X[5:]),
        lambda: intake.finish(7, name(X)),
        lambda: intake.abandon(7),
    ]
    for deed in deeds:
        with pytest.raises(ProtocolMisuse, match="closed"):
            deed()


def test_chunks_may_be_strided_and_are_copied() -> None:
    intake = Intake(D, 32)
    table = np.stack([X, X], axis=1)
    intake.begin(0, D)
    intake.chunk(0, 0, table[:, 0])
    table[:] = 0
    intake.finish(0, name(X))
    assert np.array_equal(intake.close(), X)


def test_no_words_print() -> None:
    intake = Intake(1, 32)
    intake.begin(0, 1)
    intake.chunk(0, 0, np.array([271828], dtype=np.uint32))
    assert "271828" not in repr(intake._flights)


def test_wrong_sizes_are_refused() -> None:
    for dimension, bits, at_once in ((0, 32, 1), (4, 8, 1), (4, 32, 0)):
        with pytest.raises(ConfigurationError):
            Intake(dimension, bits, at_once=at_once)
