"""Ring sums against whole numbers of any size, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.aggregation.sums import MODULUS_BITS, centered, ring_add, ring_sum, ring_type, to_ring
from tip.errors import ConfigurationError
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

STREAM = Entropy.seeded(5).stream("test of sums")
BITS = st.sampled_from(MODULUS_BITS)


def twin(rows: list[list[int]], dimension: int, bits: int) -> list[int]:
    """The definition, in Python's own integers."""
    return [sum(row[j] for row in rows) % 2**bits for j in range(dimension)]


def ring_words(n: int, d: int, bits: int) -> NDArray[np.unsignedinteger]:
    return np.ascontiguousarray(STREAM.words(np.arange(n), d, dtype=ring_type(bits).type)).astype(ring_type(bits))


@settings(deadline=None)
@given(st.data(), BITS, st.integers(0, 6), st.integers(0, 5))
def test_ring_sums_are_sums_modulo_the_ring(data: st.DataObject, bits: int, n: int, d: int) -> None:
    rows = [[data.draw(st.integers(0, 2**bits - 1)) for _ in range(d)] for _ in range(n)]
    vectors = np.array(rows, dtype=ring_type(bits)).reshape(n, d)
    total = ring_sum(vectors, bits)
    assert total.dtype == ring_type(bits)
    assert total.tolist() == twin(rows, d, bits)


@settings(deadline=None)
@given(st.data(), BITS, st.integers(0, 6), st.integers(0, 5))
def test_int64_values_stand_for_their_residues(data: st.DataObject, bits: int, n: int, d: int) -> None:
    rows = [[data.draw(st.integers(-(2**63), 2**63 - 1)) for _ in range(d)] for _ in range(n)]
    vectors = np.array(rows, dtype=np.int64).reshape(n, d)
    assert ring_sum(vectors, bits).tolist() == twin(rows, d, bits)
    assert [to_ring(vectors[i], bits).tolist() for i in range(n)] == [twin([row], d, bits) for row in rows]


@settings(deadline=None)
@given(st.data(), BITS)
def test_centered_takes_to_ring_back(data: st.DataObject, bits: int) -> None:
    values = data.draw(st.lists(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), max_size=8))
    integers = np.array(values, dtype=np.int64)
    assert centered(to_ring(integers, bits), bits).tolist() == values
    mutant = to_ring(integers, bits).astype(np.int64)  # forgets to center
    assert (mutant.tolist() == values) == (bits == 64 or all(v >= 0 for v in values))


@pytest.mark.parametrize("bits", MODULUS_BITS)
@pytest.mark.parametrize("shape", [(3, 200_000), (1000, 3), (5, 65_536), (2, 65_537), (1, 1)])
def test_blocks_never_show(bits: int, shape: tuple[int, int]) -> None:
    vectors = ring_words(*shape, bits)
    expected = np.zeros(shape[1], dtype=ring_type(bits))
    for row in vectors:
        expected = expected + row
    assert np.array_equal(ring_sum(vectors, bits), expected)
    assert np.array_equal(ring_sum(vectors[::-1], bits), expected)
    assert np.array_equal(ring_sum(np.asfortranarray(vectors), bits), expected)
    assert np.array_equal(ring_sum(vectors[:, ::2], bits), expected[::2])


@pytest.mark.parametrize("bits", MODULUS_BITS)
def test_a_read_only_input_is_added_and_never_changed(bits: int) -> None:
    vectors = ring_words(4, 100, bits)
    before = vectors.copy()
    vectors.flags.writeable = False
    total = ring_sum(vectors, bits)
    assert np.array_equal(ring_add(total, vectors), ring_sum(np.concatenate([vectors, vectors]), bits))
    assert np.array_equal(vectors, before)
    assert not np.shares_memory(ring_sum(vectors[:1], bits), vectors)


def test_ring_add_takes_a_vector_a_block_or_nothing() -> None:
    total = np.array([2**32 - 1, 5], dtype=np.uint32)
    assert ring_add(total, np.array([1, 1], dtype=np.uint32)).tolist() == [0, 6]
    assert ring_add(total, np.array([[1, 1], [-1, -7]], dtype=np.int64)).tolist() == [2**32 - 1, 2**32 - 1]
    assert ring_add(total, np.empty((0, 2), dtype=np.uint32)).tolist() == total.tolist() == [2**32 - 1, 5]
    assert ring_add(total, np.array([1, 1], dtype=np.uint32), out=total) is total
    assert total.tolist() == [0, 6]


def test_the_empty_sum_is_zero() -> None:
    assert ring_sum(np.empty((0, 3), dtype=np.uint16), 16).tolist() == [0, 0, 0]
    assert ring_sum(np.empty((4, 0), dtype=np.int64), 16).tolist() == []


@pytest.mark.parametrize(
    ("vectors", "bits"),
    [
        (np.zeros((2, 2), dtype=np.uint32), 64),  # an element of another ring
        (np.zeros((2, 2), dtype=np.uint64), 32),
        (np.zeros((2, 2), dtype=np.int32), 32),
        (np.zeros((2, 2), dtype=np.float64), 32),
        (np.zeros((2, 2), dtype=np.bool_), 32),
        (np.zeros(2, dtype=np.uint32), 32),
        (np.zeros((2, 2, 2), dtype=np.uint32), 32),
        (np.zeros((2, 2), dtype=np.uint32), 31),
        (np.zeros((2, 2), dtype=np.uint32), 0),
    ],
)
def test_other_types_shapes_and_rings_are_refused(vectors: NDArray[np.unsignedinteger], bits: int) -> None:
    with pytest.raises(ConfigurationError):
        ring_sum(vectors, bits)


def test_ring_add_refuses_what_does_not_fit() -> None:
    total = np.zeros(3, dtype=np.uint32)
    for wrong in (np.zeros(2, dtype=np.uint32), np.zeros((2, 2), dtype=np.uint32), np.zeros(3, dtype=np.uint16)):
        with pytest.raises(ConfigurationError):
            ring_add(total, wrong)
    bads: tuple[Any, ...] = (
        np.zeros((1, 3), dtype=np.uint32),
        np.zeros(3, dtype=np.uint8),
        np.zeros(3, np.int32),
        np.zeros(3, np.int64),
    )
    for bad in bads:  # mutant: a signed total, which would leave the ring
        with pytest.raises(ConfigurationError):
            ring_add(bad, np.zeros(3, dtype=np.uint32))
    with pytest.raises(ConfigurationError):
        to_ring(np.zeros(3, dtype=np.int64), 12)
    with pytest.raises(ConfigurationError):
        centered(np.zeros(3, dtype=np.uint16), 32)


def test_the_least_advice_is_in_the_message() -> None:
    with pytest.raises(ConfigurationError, match="Use 16, 32 or 64"):
        ring_type(24)
