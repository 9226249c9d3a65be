"""Partitions: exact counts, no record on both sides, the right laws."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tip.data.partition import Parts, dealt, drawn, held_out, owned, share
from tip.errors import DataError
from tip.randomness import SYSTEM, Entropy

SEEDED = Entropy.seeded(7)
ALPHA = 1e-6


@pytest.mark.parametrize(
    ("test", "count", "expected"),
    [(0.29, 100, 29), (0.2, 5018, 1003), (0.1, 30, 3), (0.0, 9, 0), (0.99, 1, 0), (0.7, 10, 7)],
)
def test_shares_are_exact(test: float, count: int, expected: int) -> None:
    assert share(test, count) == expected


@given(st.integers(0, 99), st.integers(0, 10**6))
def test_shares_of_hundredths(hundredths: int, count: int) -> None:
    assert share(hundredths / 100, count) == int(Fraction(hundredths, 100) * count)


@given(st.integers(0, 200), st.floats(0, 0.999), st.integers(0, 5))
def test_held_out_agents(agents: int, test: float, seed: int) -> None:
    parts = held_out(agents, test, Entropy.seeded(seed))
    assert len(parts.test) == share(test, agents)
    assert sorted([*parts.train, *parts.test]) == list(range(agents))
    assert (np.diff(parts.train) > 0).all()
    assert (np.diff(parts.test) > 0).all()


def is_uniform(counts: np.ndarray[tuple[int], np.dtype[np.int64]], variance: float) -> bool:
    """Chi-square of counts whose cells all have one mean; `variance` is that of one cell."""
    statistic = float(((counts - counts.mean()) ** 2).sum() / variance)
    return bool(ALPHA / 2 < stats.chi2.sf(statistic, len(counts) - 1) < 1 - ALPHA / 2)


def test_the_test_agents_are_a_uniform_choice() -> None:
    counts, mutant = np.zeros(20, np.int64), np.zeros(20, np.int64)
    for seed in range(2000):
        apart = held_out(20, 0.25, Entropy.seeded(seed)).test
        counts[apart] += 1
        mutant[np.minimum(apart + (apart % 7 == 0), 19)] += 1  # shuns a few agents
    variance = 2000 * 0.25 * 0.75 * 20 / 19  # of a cell, given that the cells sum to 20 * 500
    assert is_uniform(counts, variance)
    assert not is_uniform(mutant, variance)


def test_draws_are_uniform_and_independent_of_the_cut() -> None:
    parts = Parts(np.arange(4000), np.arange(0))
    rows, offsets = drawn(50, 20, parts, 0, SEEDED)
    counts = np.bincount(rows, minlength=50)
    assert is_uniform(counts, len(rows) / 50)
    assert not is_uniform(np.bincount(np.minimum(rows, 48), minlength=50), len(rows) / 50)
    assert np.diff(offsets).tolist() == [20] * 4000
    few, _ = drawn(50, 20, Parts(np.arange(10), np.arange(0)), 0, SEEDED)
    assert np.array_equal(few, rows[:200])  # an agent's records do not depend on who else there is


@pytest.mark.parametrize("entropy", [SEEDED, SYSTEM])
def test_no_record_trains_and_tests(entropy: Entropy) -> None:
    parts = held_out(100, 0.2, entropy)
    rows, _ = drawn(60, 5, parts, 12, entropy)
    table = rows.reshape(100, 5)
    assert not set(table[parts.train].ravel()) & set(table[parts.test].ravel())
    assert len(set(table[parts.test].ravel())) <= 12


def test_small_pools() -> None:
    parts = held_out(10, 0.5, SEEDED)
    table = drawn(2, 3, parts, 0, SEEDED)[0].reshape(10, 3)
    assert len(np.unique(table[parts.train])) == len(np.unique(table[parts.test])) == 1
    with pytest.raises(DataError, match="both training and test"):
        drawn(1, 3, parts, 0, SEEDED)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
def test_dealing_gives_each_record_once(records: int, agents: int, seed: int) -> None:
    if records < agents:
        with pytest.raises(DataError, match="too few"):
            dealt(records, agents, Entropy.seeded(seed))
        return
    rows, offsets = dealt(records, agents, Entropy.seeded(seed))
    assert sorted(rows.tolist()) == list(range(records))
    sizes = np.diff(offsets)
    assert len(sizes) == agents
    assert sizes.max() - sizes.min() <= 1


def test_owners_sorted_with_empty_agents() -> None:
    ids = np.array(["b", "c", "a", "b", "d"])
    rows, offsets = owned(ids, np.array([0, 2, 3]))
    assert rows.tolist() == [1, 0, 2]
    assert offsets.tolist() == [0, 1, 3, 3, 3]  # c and d have no usable record and stay


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_owning_equals_its_slow_twin(ids: list[int]) -> None:
    rows, offsets = owned(np.array(ids), np.arange(len(ids)))
    mine = [rows[a:b].tolist() for a, b in pairwise(offsets)]
    assert mine == [[i for i, owner in enumerate(ids) if owner == name] for name in sorted(set(ids))]
