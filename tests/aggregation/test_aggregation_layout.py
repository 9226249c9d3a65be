"""Arrays of several shapes in one vector, there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.aggregation import Layout, centered, ring_sum
from tip.errors import ConfigurationError

SHAPES = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.lists(st.integers(1, 4), max_size=3).map(tuple),
    min_size=1,
    max_size=5,
)
TWO = Layout({"weights": (2, 3), "bias": (3,)})


def twin(arrays: dict[str, np.ndarray]) -> list[int]:
    return [int(v) for name in sorted(arrays) for v in arrays[name].flat]


@settings(deadline=None)
@given(SHAPES, st.data())
def test_unpack_takes_pack_back(shapes: dict[str, tuple[int, ...]], data: st.DataObject) -> None:
    numbers = st.integers(-(2**63), 2**63 - 1)
    arrays = {}
    for name, shape in shapes.items():
        size = int(np.prod(shape, dtype=int))
        arrays[name] = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)), np.int64).reshape(shape)
    layout = Layout(shapes)
    vector = layout.pack(arrays)
    assert vector.dtype == np.int64
    assert vector.shape == (layout.dimension,)
    assert vector.tolist() == twin(arrays)
    parts = layout.unpack(vector)
    assert parts.keys() == arrays.keys()
    assert all(np.array_equal(parts[name], arrays[name]) and parts[name].shape == shapes[name] for name in parts)


def test_the_order_in_which_parts_are_written_does_not_matter() -> None:
    turned = Layout({"bias": (3,), "weights": (2, 3)})
    assert turned == TWO
    assert hash(turned) == hash(TWO)
    assert turned != Layout({"bias": (3,), "weights": (3, 2)})
    a = {"weights": np.arange(6).reshape(2, 3), "bias": np.array([7, 8, 9])}
    assert np.array_equal(TWO.pack(a), turned.pack(dict(reversed(a.items()))))


def test_a_sum_of_packed_vectors_unpacks_to_the_sums() -> None:
    rows = [{"weights": np.full((2, 3), -k), "bias": np.full(3, k)} for k in range(4)]
    total = centered(ring_sum(np.stack([TWO.pack(row) for row in rows]), 16), 16)
    parts = TWO.unpack(total)
    assert parts["weights"].tolist() == [[-6] * 3] * 2
    assert parts["bias"].tolist() == [6] * 3
    assert TWO.unpack(total / 4)["bias"].tolist() == [1.5] * 3
    assert Layout({"n": ()}).unpack(np.array([5]))["n"].shape == ()


def test_transposed_and_sliced_arrays_are_packed_as_they_read() -> None:
    weights = np.arange(12).reshape(3, 4).T[::2]
    a = {"weights": weights, "bias": np.arange(30, 0, -10)}
    assert TWO.pack(a).tolist() == [30, 20, 10, *weights.ravel().tolist()]


MISMATCHES: dict[str, dict[str, Any]] = {
    "missing": {"weights": np.zeros((2, 3), np.int64)},
    "unknown": {"weights": np.zeros((2, 3), np.int64), "bias": np.zeros(3, np.int64), "more": np.zeros(1, np.int64)},
    "turned": {"weights": np.zeros((3, 2), np.int64), "bias": np.zeros(3, np.int64)},
    "broadcast": {"weights": np.zeros((2, 3), np.int64), "bias": np.zeros(1, np.int64)},
    "real": {"weights": np.zeros((2, 3)), "bias": np.zeros(3, np.int64)},
    "narrow": {"weights": np.zeros((2, 3), np.int32), "bias": np.zeros(3, np.int64)},
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_what_does_not_fit_is_not_packed(case: str) -> None:
    with pytest.raises(ConfigurationError, match=r"part|layout"):
        TWO.pack(MISMATCHES[case])


@pytest.mark.parametrize("shape", [(8,), (10,), (9, 1), ()])
def test_what_does_not_fit_is_not_unpacked(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigurationError, match="fills a vector"):
        TWO.unpack(np.zeros(shape, dtype=np.int64))


@pytest.mark.parametrize(
    "shapes", [{}, {"": (1,)}, {"a": (0,)}, {"a": (2, -1)}, {"a": (1.5,)}, {"a": (True,)}, {3: (1,)}]
)
def test_layouts_without_a_meaning_are_refused(shapes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ConfigurationError):
        Layout(shapes)
