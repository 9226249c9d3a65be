"""Local updates: the slow twin, ragged agents, and equality to the bit in all blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.learning import local
from tip.learning.local import Algorithm, Batch, FedAvg, FedSGD, Records, class_of, ragged_updates, updates
from tip.learning.model import Linear, Logistic, Model, Softmax
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]

STREAM = Entropy.seeded(4).stream("test of local updates")
POOL = 500
MODELS: tuple[Model, ...] = (Linear(6), Logistic(6), Softmax(6, 3))
ALGORITHMS: tuple[Algorithm, ...] = (
    FedSGD(),
    FedAvg(1, None, 0.5),
    FedAvg(2, 10, 0.3),
    FedAvg(1, 1, 0.1),
    FedAvg(3, 64, 0.2),
)


def records_of(model: Model, sizes: list[int]) -> Records:
    words = STREAM.words(np.arange(POOL), model.features + 1)
    uniform = np.asarray(words.astype(np.float64) * 2.0**-63 - 1)
    labels = uniform[:, -1] if isinstance(model, Linear) else (words[:, -1] % max(model.outputs, 2)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    rows = STREAM.below(POOL, count=int(offsets[-1]))[0].astype(np.int64)
    return Records(np.ascontiguousarray(uniform[:, :-1]), labels, rows, offsets)


def twin(model: Model, theta: Reals, records: Records, agent: int, algorithm: Algorithm) -> Reals:
    """One agent, batch by batch, nothing padded."""
    rows = records.rows[records.offsets[agent] : records.offsets[agent + 1]]
    epochs, size, rate = (1, None, 1.0)
    if isinstance(algorithm, FedAvg):
        epochs, size, rate = algorithm.local_epochs, algorithm.batch_size, algorithm.local_learning_rate
    size, own = size or max(len(rows), 1), theta.copy()
    for first in list(range(0, len(rows), size)) * epochs:
        part = rows[first : first + size]
        ones = np.ones((1, len(part)))
        own -= rate * model.gradients(own, records.features[part][None], records.labels[part][None], ones)[0]
    return own - theta


SIZES = [0, 1, 2, 9, 10, 11, 20, 37, 64, 65, 100, 200, 0, 199, 3]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_ragged_updates_are_the_slow_twin(model: Model, algorithm: Algorithm) -> None:
    records, theta = records_of(model, SIZES), np.linspace(-1, 1, model.dimension)
    agents = np.array([3, 0, 14, 11, 12, 5, 4, 1, 2, 13, 6, 7, 8, 9, 10])
    fast = ragged_updates(model, theta, records, agents, algorithm)
    slow = np.array([twin(model, theta, records, int(a), algorithm) for a in agents])
    assert np.allclose(fast, slow, rtol=1e-10, atol=1e-11)
    assert not fast[[1, 4]].any()  # agents without records: zeros


@pytest.mark.parametrize("model", [*MODELS, Softmax(64, 10)])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_blocks_and_order_never_change_a_bit(model: Model, algorithm: Algorithm) -> None:
    draws = STREAM.below(201, count=201)[0].astype(np.int64)
    sizes = np.where(np.arange(201) % 10 == 0, draws, draws % 23).tolist()
    records, theta = records_of(model, sizes), np.linspace(-0.1, 0.1, model.dimension)
    agents = np.arange(len(sizes))
    whole = ragged_updates(model, theta, records, agents, algorithm)
    for block in (1, 7, 200):
        parts = [ragged_updates(model, theta, records, agents[i : i + block], algorithm) for i in range(0, 201, block)]
        assert np.array_equal(np.concatenate(parts), whole)
    backwards = ragged_updates(model, theta, records, agents[::-1], algorithm)
    assert np.array_equal(backwards[::-1], whole)


def test_a_mutant_that_pads_to_the_block_s_largest_agent_is_told_apart() -> None:
    """Why classes depend on the agent's own size alone: other padding, other bits."""
    model, theta = Softmax(64, 10), np.linspace(-1, 1, 650)
    records = records_of(model, [37] * 50)
    rows = records.rows.reshape(50, 37)
    own = ragged_updates(model, theta, records, np.arange(50), FedSGD())
    differs = False
    for width in (64, 100, 200):
        index = np.pad(rows, ((0, 0), (0, width - 37)), mode="edge")
        weights = np.tile(np.arange(width) < 37, (50, 1)).astype(np.float64)
        other = updates(model, theta, Batch(records.features[index], records.labels[index], weights), FedSGD())
        assert np.allclose(own, other, atol=1e-12)
        differs |= not np.array_equal(own, other)
    assert differs


def test_the_cache_s_size_never_changes_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    model, theta = Softmax(6, 3), np.linspace(-1, 1, 21)
    records = records_of(model, SIZES)
    agents = np.arange(len(SIZES))
    whole = ragged_updates(model, theta, records, agents, FedAvg(2, 10, 0.3))
    monkeypatch.setattr(local, "_CACHE", 1)
    assert np.array_equal(ragged_updates(model, theta, records, agents, FedAvg(2, 10, 0.3)), whole)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_batch_of_equal_agents_is_the_ragged_way(model: Model, algorithm: Algorithm) -> None:
    records, theta = records_of(model, [20] * 30), np.linspace(-1, 1, model.dimension)
    index = records.rows.reshape(30, 20)
    batch = Batch(records.features[index], records.labels[index], np.ones((30, 20)))
    assert np.allclose(
        updates(model, theta, batch, algorithm),
        ragged_updates(model, theta, records, np.arange(30), algorithm),
        rtol=1e-10,
        atol=1e-12,
    )


def test_a_batch_s_padding_and_empty_agents_add_nothing() -> None:
    model, theta = Logistic(6), np.linspace(-1, 1, 7)
    records = records_of(model, [5, 20])
    index = np.stack([np.pad(records.rows[:5], (0, 15), mode="edge"), records.rows[5:]])
    weights = np.ones((3, 20))
    weights[0, 5:], weights[2] = 0, 0
    features, labels = records.features[index[[0, 1, 1]]], records.labels[index[[0, 1, 1]]]
    got = updates(model, theta, Batch(features, labels, weights), FedAvg(2, 10, 0.3))
    assert np.allclose(got[0], twin(model, theta, records, 0, FedAvg(2, 10, 0.3)))
    assert np.allclose(got[1], twin(model, theta, records, 1, FedAvg(2, 10, 0.3)))
    assert not got[2].any()
    empty = Batch(features[:, :0], labels[:, :0], weights[:, :0])
    assert not updates(model, theta, empty, FedSGD()).any()
    assert updates(model, theta, Batch(features[:0], labels[:0], weights[:0]), FedSGD()).shape == (0, 7)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.one_of(st.none(), st.integers(1, 500)))
def test_a_class_holds_its_agents_and_wastes_less_than_a_quarter(size: int, batch_size: int | None) -> None:
    width = int(class_of(np.array([size]), batch_size)[0])
    if batch_size is None:
        assert size <= width <= max(size, size * 5 / 4)
    else:
        assert width == min(int(class_of(np.array([size]), None)[0]), batch_size)
    crowd = class_of(np.array([7, size, 123456]), batch_size)
    assert crowd[1] == width


def test_the_classes_of_small_sizes() -> None:
    sizes = np.array([0, 1, 5, 8, 9, 10, 11, 12, 13, 16, 17, 20, 21, 33, 200])
    assert class_of(sizes, None).tolist() == [0, 1, 5, 8, 10, 10, 12, 12, 14, 16, 20, 20, 24, 40, 224]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=0, max_size=8), st.sampled_from(ALGORITHMS), st.data())
def test_any_sizes_in_any_order(sizes: list[int], algorithm: Algorithm, data: st.DataObject) -> None:
    model, theta = Logistic(6), np.linspace(-1, 1, 7)
    records = records_of(model, sizes)
    agents = np.array(data.draw(st.permutations(range(len(sizes)))), dtype=np.int64)
    got = ragged_updates(model, theta, records, agents, algorithm)
    expected = [twin(model, theta, records, int(a), algorithm) for a in agents]
    assert np.allclose(got, np.array(expected).reshape(-1, 7), rtol=1e-10, atol=1e-12)


def test_a_constant_column_and_one_class_are_ordinary() -> None:
    features, offsets = np.ones((20, 3)), np.array([0, 10, 20])
    records = Records(features, np.repeat([0, 1], 10), np.arange(20), offsets)
    got = ragged_updates(Logistic(3), np.zeros(4), records, np.arange(2), FedSGD())
    assert np.allclose(got, [[-0.5] * 4, [0.5] * 4], rtol=1e-12)


def test_a_run_away_agent_is_not_a_number_and_alone() -> None:
    features = np.array([[1.0], [1e200], [1.0]])
    records = Records(features, np.zeros(3), np.arange(3), np.arange(4))
    got = ragged_updates(Linear(1), np.array([1e200, 0]), records, np.arange(3), FedAvg(3, None, 1.0))
    assert np.isfinite(got[[0, 2]]).all()
    assert not np.isfinite(got[1]).all()


def test_inputs_are_not_changed() -> None:
    model, records = Softmax(6, 3), records_of(Softmax(6, 3), SIZES)
    theta = np.linspace(-1, 1, 21)
    for array in (records.features, records.labels, records.rows, records.offsets, theta):
        array.flags.writeable = False
    for algorithm in ALGORITHMS:
        ragged_updates(model, theta, records, np.arange(len(SIZES)), algorithm)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FedAvg(0, 10, 0.5),
        lambda: FedAvg(1, 0, 0.5),
        lambda: FedAvg(1, 10, 0.0),
        lambda: FedAvg(1, 10, float("nan")),
        lambda: Batch(np.zeros((2, 3, 4)), np.zeros((2, 3)), np.zeros((2, 2))),
        lambda: Records(np.zeros((3, 2)), np.zeros(2), np.arange(3), np.array([0, 3])),
        lambda: Records(np.zeros((3, 2)), np.zeros(3), np.arange(3), np.array([0, 2])),
        lambda: Records(np.zeros((3, 2)), np.zeros(3), np.arange(3), np.array([0, 4, 3])),
        lambda: Records(np.zeros((3, 2)), np.zeros(3), np.arange(3), np.array([], dtype=np.int64)),
        lambda: Records(np.zeros((3, 2)), np.zeros(3), np.array([0, 1, 3]), np.array([0, 3])),
        lambda: ragged_updates(Linear(6), np.zeros(6), records_of(Linear(6), [2]), np.arange(1), FedSGD()),
        lambda: updates(Linear(5), np.zeros(6), Batch(np.zeros((1, 1, 6)), *[np.zeros((1, 1))] * 2), FedSGD()),
    ],
)
def test_what_makes_no_sense_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ConfigurationError):
        make()
