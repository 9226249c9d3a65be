"""Noise in shares: whose count, what is refused, the law of the noise."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, NotEnoughAgents
from tip.mechanisms.distributed import DistributedGaussian, honest_shares, within
from tip.noise import DiscreteGaussian
from tip.privacy.events import DiscreteGaussianSum
from tip.randomness import Entropy

ALPHA = 1e-6
ENTROPY = Entropy.seeded(7)
MECHANISM = DistributedGaussian(squared_bound=100, share_variance=Fraction(4), dimension=3, minimum=5)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_honest_shares(minimum: int, colluders: int) -> None:
    shares = honest_shares(minimum, colluders)
    assert 1 <= shares <= minimum
    assert shares == max(1, minimum - colluders)


def test_the_event_is_under_replace_one_and_counts_honest_minimum_shares() -> None:
    assert MECHANISM.event(2) == DiscreteGaussianSum(400, Fraction(4), 3, 3)
    assert MECHANISM.event(50) == MECHANISM.own_share() == DiscreteGaussianSum(400, Fraction(4), 1, 3)


def test_release_needs_the_minimum() -> None:
    total = np.arange(3)
    assert MECHANISM.release(total, 5) is total
    with pytest.raises(NotEnoughAgents, match="nothing was released"):
        MECHANISM.release(total, 4)
    with pytest.raises(ConfigurationError):
        MECHANISM.release(np.arange(4), 5)
    with pytest.raises(ConfigurationError):
        MECHANISM.release(total, -1)


def test_shares_do_not_depend_on_the_cut_into_blocks() -> None:
    agents = np.array([3, 9, 4, 1_000_000, 0])
    vectors = np.arange(15, dtype=np.int64).reshape(5, 3) % 5
    whole = MECHANISM.add_shares(vectors, ENTROPY.stream("noise"), agents)
    for i in range(5):
        one = MECHANISM.add_shares(vectors[i : i + 1], ENTROPY.stream("noise"), agents[i : i + 1])
        assert np.array_equal(one[0], whole[i])
    assert whole.dtype == np.int64
    none = MECHANISM.add_shares(vectors[:0], ENTROPY.stream("noise"), agents[:0])
    assert none.shape == (0, 3)


def moments_fit(noise: np.ndarray, variance: float) -> bool:
    """Mean and variance of N samples within normal bounds at ALPHA / 2 each (fourth moment at most 3 variance^2)."""
    z = 5.1  # two-sided 3.4e-7
    n = noise.size
    mean_fits = abs(float(noise.mean())) <= z * math.sqrt(variance / n)
    variance_fits = abs(float((noise.astype(np.float64) ** 2).mean()) - variance) <= z * variance * math.sqrt(2 / n)
    return mean_fits and variance_fits


def test_the_sum_of_shares_has_the_promised_variance_and_a_mutant_has_not() -> None:
    count, shares = 20_000, 5
    mechanism = replace(MECHANISM, dimension=count)
    zeros = np.zeros((shares, count), dtype=np.int64)
    noise = mechanism.add_shares(zeros, ENTROPY.stream("law"), np.arange(shares)).sum(axis=0)
    variance = float(mechanism.noise_variance(shares))
    assert moments_fit(noise, variance)
    mutant = replace(mechanism, share_variance=Fraction(38, 10))  # 5 % too small
    noise = mutant.add_shares(zeros, ENTROPY.stream("law"), np.arange(shares)).sum(axis=0)
    assert not moments_fit(noise, variance)


def test_the_share_is_the_samplers() -> None:
    agents = np.arange(2)
    noise = DiscreteGaussian(Fraction(4)).sample(ENTROPY.stream("noise"), agents, 3)
    vectors = np.full((2, 3), -5, dtype=np.int64)
    assert np.array_equal(MECHANISM.add_shares(vectors, ENTROPY.stream("noise"), agents), noise - 5)


@pytest.mark.parametrize(
    "change",
    [
        {"squared_bound": 0},
        {"squared_bound": 1.0},
        {"squared_bound": 1 << 62},
        {"squared_bound": True},
        {"share_variance": Fraction(1)},
        {"share_variance": 4.0},
        {"dimension": 0},
        {"dimension": 2.0},
        {"minimum": 0},
        {"minimum": -3},
    ],
)
def test_parameters_are_checked(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(MECHANISM, **change)


@pytest.mark.parametrize(
    ("vectors", "agents", "words"),
    [
        (np.zeros((2, 3)), np.arange(2), "int64"),
        (np.zeros((2, 3), np.int32), np.arange(2), "int64"),
        (np.zeros((2, 4), np.int64), np.arange(2), "shape"),
        (np.zeros((3, 3), np.int64), np.arange(2), "shape"),
        (np.zeros(3, np.int64), np.arange(1), "dimensions"),
        (np.zeros((2, 3), np.int64), np.arange(2.0), "int64"),
        (np.full((1, 3), 6, np.int64), np.arange(1), "squared norm"),
        (np.full((1, 3), np.iinfo(np.int64).min), np.arange(1), "squared norm"),
        (np.full((1, 3), np.iinfo(np.int64).max), np.arange(1), "squared norm"),
    ],
)
def test_vectors_are_checked(vectors: np.ndarray, agents: np.ndarray, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        MECHANISM.add_shares(vectors, ENTROPY.stream("noise"), agents)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.integers(-(1 << 31), 1 << 31), min_size=4, max_size=4), min_size=1, max_size=3),
    st.integers(1, (1 << 62) - 1),
)
def test_within_is_exact(rows: list[list[int]], bound: int) -> None:
    expected = all(sum(x * x for x in row) <= bound for row in rows)
    assert within(np.array(rows, dtype=np.int64), bound) == expected


def test_within_at_the_edge() -> None:
    """Sums that would wrap in 64 bits are still refused, and equality is allowed."""
    wide = np.full((1, 8), 1 << 30, dtype=np.int64)  # squared norm 2^63
    assert not within(wide, (1 << 62) - 1)
    assert not within(wide, 1 << 60)  # 2^63 itself: mutant, a sum of so many columns taken for exact
    assert within(wide[:, :3], 3 << 60)
    assert not within(wide[:, :3], (3 << 60) - 1)
    root = np.array([[1 << 15, 0], [0, -(1 << 15)]], dtype=np.int64)  # entries as large as the bound's root
    assert within(root, 1 << 30)
    assert not within(root, (1 << 30) - 1)
    rows = np.array([[1, 0, 0, 0], [1 << 30] * 4], dtype=np.int64)  # mutant: one row within is enough
    assert not within(rows, (1 << 62) - 1)
    assert not within(rows[::-1], (1 << 62) - 1)
    four = np.full((1, 16), 1 << 30, dtype=np.int64)  # 2^64: wraps to zero
    assert not within(four, 1 << 61)


def test_honest_shares_checks() -> None:
    nonsense: tuple[Any, ...] = ((0, 0), (-1, 0), (5, -1), (5.0, 1), (5, 1.0))
    for bad in nonsense:
        with pytest.raises(ConfigurationError):
            honest_shares(*bad)
