"""Core: bodies, terms, and an accumulator that gives out one sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.aggregation.sums import ring_sum
from tip.errors import ConfigurationError, ProtocolMisuse
from tip.protocols import clear, ideal
from tip.protocols.core import (
    Accumulator,
    Add,
    AgentId,
    Body,
    Descriptor,
    Discard,
    Fault,
    Keep,
    Round,
    Sight,
    Step,
    Terms,
    Total,
    undeclared,
)

A, B, C = AgentId(1), AgentId(2), AgentId(3)


def vector(*values: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(values, dtype=np.uint32)


def body(*values: int) -> Body:
    return Body.of(vector(*values), 32)


def test_a_body_names_value_length_and_ring() -> None:
    assert body(1, 2) == body(1, 2)
    names = {body(1, 2).digest, body(2, 1).digest, body(1, 2, 0).digest}
    names.add(Body.of(np.array([1, 2], dtype=np.uint64), 64).digest)
    assert len(names) == 4
    strided = np.array([1, 9, 2, 9], dtype=np.uint32)[::2]
    assert Body.of(strided, 32) == body(1, 2)


@pytest.mark.parametrize(
    "bad",
    [
        np.array([1.0, 2.0]),
        np.array([1, 2], dtype=np.int64),
        np.array([1, 2], dtype=np.uint16),
        np.zeros((2, 2), dtype=np.uint32),
        np.zeros(0, dtype=np.uint32),
    ],
)
def test_a_body_refuses_what_is_no_ring_vector(bad: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> None:
    with pytest.raises(ConfigurationError, match="ring vector"):
        Body.of(bad, 32)


@pytest.mark.parametrize(("digest", "dimension", "bits"), [(b"", 1, 32), (bytes(32), 0, 32), (bytes(32), 1, 31)])
def test_a_body_is_validated(digest: bytes, dimension: int, bits: int) -> None:
    with pytest.raises(ConfigurationError):
        Body(digest, dimension, bits)


@pytest.mark.parametrize("terms", [(-1, 1, 1, 32), (0, 0, 1, 32), (0, 1, 0, 32), (0, 1, 1, 20)])
def test_terms_are_validated(terms: tuple[int, int, int, int]) -> None:
    with pytest.raises(ConfigurationError):
        Terms(Round(terms[0]), *terms[1:])


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3), min_size=1, max_size=6))
def test_the_accumulator_adds_in_the_ring(rows: list[list[int]]) -> None:
    sums = Accumulator()
    for agent, row in enumerate(rows):
        item = Add(AgentId(agent), body(*row))
        if agent % 2:
            sums.keep(Keep(item.agent, item.body), vector(*row))
            sums.add(item)
        else:
            sums.add(item, vector(*row))
    answer = sums.total(Total(tuple(AgentId(agent) for agent in range(len(rows)))))
    expected = ring_sum(np.array(rows, dtype=np.uint32), 32)
    assert answer.body == Body.of(expected, 32)
    assert np.array_equal(sums.find(answer.body), expected)


def test_the_sum_leaves_its_terms_alone() -> None:
    sums, mine = Accumulator(), vector(1, 2)
    sums.add(Add(A, body(1, 2)), mine)
    sums.add(Add(B, body(5, 5)), vector(5, 5))
    assert mine.tolist() == [1, 2]


def test_one_sum_a_round() -> None:
    sums = Accumulator()
    sums.add(Add(A, body(1)), vector(1))
    sums.add(Add(B, body(2)), vector(2))
    with pytest.raises(ProtocolMisuse, match="one sum"):
        sums.total(Total((A,)))
    first = sums.total(Total((A, B)))
    assert sums.total(Total((A, B))) == first
    with pytest.raises(ProtocolMisuse, match="too late"):
        sums.add(Add(C, body(3)), vector(3))
    with pytest.raises(ProtocolMisuse, match="one sum"):
        sums.total(Total((A, B, C)))


def test_an_agent_counts_once_and_with_a_vector() -> None:
    sums = Accumulator()
    with pytest.raises(ProtocolMisuse, match="missing"):
        sums.add(Add(A, body(1)))
    with pytest.raises(ProtocolMisuse, match="no vector"):
        sums.keep(Keep(A, body(1)), None)
    sums.add(Add(A, body(1)), vector(1))
    with pytest.raises(ProtocolMisuse, match="second one"):
        sums.add(Add(A, body(1)), vector(1))
    with pytest.raises(ProtocolMisuse, match="one dimension"):
        sums.add(Add(B, body(1, 2)), vector(1, 2))


def test_nothing_is_given_out_after_a_discard() -> None:
    sums = Accumulator()
    sums.keep(Keep(A, body(1)), vector(1))
    sums.add(Add(B, body(2)), vector(2))
    sums.discard()
    assert sums.answer() == {}
    with pytest.raises(ProtocolMisuse):
        sums.total(Total((B,)))
    with pytest.raises(ProtocolMisuse, match="at hand"):
        sums.find(body(1))


def test_nothing_is_given_out_of_an_empty_round() -> None:
    with pytest.raises(ProtocolMisuse):
        Accumulator().total(Total(()))


def test_evidence_does_not_print() -> None:
    assert "secret" not in repr(Fault((A,), "lied", b"secret"))
    assert Step(Discard()) == Step(Discard())


def test_an_undeclared_field_is_named() -> None:
    flow = (Sight("agent", "Announce", "round", "the round", private=False),)
    seen = {("agent", "Announce", "round"), ("agent", "Announce", "hint")}
    assert undeclared(flow, seen) == {("agent", "Announce", "hint")}


def test_descriptors_say_what_the_coordinator_sees() -> None:
    assert isinstance(clear.PROTOCOL, Descriptor)
    assert (clear.PROTOCOL.name, clear.PROTOCOL.coordinator_sees) == ("clear", "each message")
    assert (ideal.PROTOCOL.name, ideal.PROTOCOL.coordinator_sees) == ("ideal", "sum")
    assert clear.PROTOCOL.assumptions == ()
    assert ideal.PROTOCOL.assumptions == (ideal.ASSUMPTION,)
    assert ideal.ASSUMPTION.name == "ideal-sum"
    assert ideal.ASSUMPTION.sentence == "the coordinator sees only sums; nothing in this run enforces it"
