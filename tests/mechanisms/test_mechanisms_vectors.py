"""Vectors in a ball: exact ratio, law, errors; clipping and hostile rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import chdtrc

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.ball import ball_rows, lengths_and_directions
from tip.mechanisms.directions import normal_table, top_moments
from tip.mechanisms.privunit import PrivUnitSubset
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import WORD, exp_down
from tip.mechanisms.vectors import L2BallDuchi
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.mechanisms.vectors import SignedDirections

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)


def vectors(n: int, d: int, seed: int = 1) -> np.ndarray:
    rows = Entropy.seeded(seed).generator("test vectors").normal(size=(n, d)) + 0.3
    return np.asarray(rows / np.sqrt((rows * rows).sum(axis=1))[:, None])


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("candidates", [None, 1, 4])
def test_for_every_seed_the_ratio_is_the_stated_one(epsilon: float, candidates: int | None) -> None:
    mechanism: SignedDirections = (
        L2BallDuchi(3, 1, epsilon) if candidates is None else PrivUnitSubset(3, 1, epsilon, candidates)
    )
    corners = [*np.eye(3), *-np.eye(3), *vectors(4, 3), np.zeros(3), 0.5 * np.eye(3)[0], np.full(3, 1e-250)]
    largest = Fraction(0)
    for seed in (0, 1, WORD - 1, 12345):
        laws = [mechanism.law_given(corner, seed) for corner in corners]
        assert all(sum(law.values()) == 1 for law in laws)
        largest = max(largest, *(a[c] / b[c] for a in laws for b in laws for c in a))
    assert largest == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.guarantee.epsilon is not None
    assert mechanism.guarantee.epsilon <= epsilon
    assert mechanism.blanket >= 1 / mechanism.ratio


def p_value(mechanism: SignedDirections, value: np.ndarray, law: dict[tuple[int, ...], Fraction]) -> float:
    """The chi-square test of the choices of 40,000 agents that all drew the seed 7."""
    n = 40_000
    agents = np.arange(n)
    stream = Entropy.seeded(3).stream("choices")
    words = stream.words(agents, 5)
    words[:, 0] = 7
    seen = Counter(mechanism.choose(mechanism.checked(np.tile(value, (n, 1))), words, stream, agents).tolist())
    statistic = sum((seen[c] - n * float(share)) ** 2 / (n * float(share)) for (c,), share in law.items())
    return float(chdtrc(len(law) - 1, statistic))


@pytest.mark.parametrize("candidates", [1, 3])
@pytest.mark.parametrize("length", [1.0, 0.4, 0.0])
def test_choices_follow_the_law_of_their_seed(candidates: int, length: float) -> None:
    mechanism = PrivUnitSubset(5, 1, 1.0, candidates)
    value = vectors(1, 5)[0] * length
    assert p_value(mechanism, value, mechanism.law_given(value, 7)) > ALPHA


def test_a_mutant_with_another_seed_or_length_is_rejected() -> None:
    mechanism = PrivUnitSubset(5, 1, 1.0, 3)
    value = vectors(1, 5)[0]
    assert p_value(mechanism, value, mechanism.law_given(value, 8)) < ALPHA
    assert p_value(mechanism, value, mechanism.law_given(0.6 * value, 7)) < ALPHA


class Scripted:
    """A stream that gives the words it was told."""

    def __init__(self, row: list[int]) -> None:
        self.row = np.array(row, dtype=np.uint64)

    def words(self, agents: np.ndarray, count: int) -> np.ndarray:
        return np.tile(self.row[:count], (len(agents), 1))

    def words_at(self, agents: np.ndarray, positions: np.ndarray, *, lane: int) -> np.ndarray:
        del positions, lane
        return np.full(len(agents), 1 << 63, dtype=np.uint64)


def test_the_coin_is_one_comparison_of_a_word_with_the_threshold() -> None:
    mechanism = L2BallDuchi(4, 1, 1.0)
    value = np.eye(4)[:1]
    answers = []
    for word in (0, mechanism.threshold - 1, mechanism.threshold, WORD - 1):
        stream = Scripted([9, WORD - 1, word, WORD - 1, WORD - 1])
        answers.append(int(mechanism.draw(value, stream, np.zeros(1, dtype=np.int64))[1][0]))  # type: ignore[arg-type] # a fake
    assert answers[0] == answers[1] != answers[2] == answers[3]


@pytest.mark.parametrize(("epsilon", "error"), [(1, 7527), (4, 1729), (8, 1609), (16, 1607)])
def test_the_error_is_that_of_the_reference(epsilon: float, error: float) -> None:
    assert L2BallDuchi(1024, 1, epsilon).error() == pytest.approx(error, abs=0.6)


def test_moments_of_the_largest_cosines() -> None:
    assert top_moments(2, 1, 1)[0] == pytest.approx(2 / np.pi)
    assert top_moments(3, 4, 1)[0] == pytest.approx(4 / 5)  # |cos| is uniform on [0, 1] in three dimensions
    assert top_moments(7, 1, 1)[1] == pytest.approx(1 / 7)
    directions = lengths_and_directions(Entropy.seeded(2).generator("c").normal(size=(200_000, 3)))[1]
    sample = np.sort(np.abs(directions[:, 0]).reshape(-1, 5))[:, -2:].mean(axis=1)
    assert abs(sample.mean() - top_moments(3, 5, 2)[0]) < 6 * sample.std() / np.sqrt(len(sample))


@pytest.mark.parametrize("length", [1.0, 0.4])
@pytest.mark.parametrize("make", [L2BallDuchi, PrivUnitSubset])
@pytest.mark.parametrize("dimension", [2, 16])
def test_unbiased_with_the_stated_variance(
    make: type[L2BallDuchi | PrivUnitSubset], dimension: int, length: float
) -> None:
    mechanism, n = make(dimension, 2.0, 2.0), 20_000
    value = vectors(1, dimension)[0] * 2 * length
    estimate = mechanism.estimate(
        mechanism.aggregate(mechanism.randomize(np.tile(value, (n, 1)), entropy=Entropy.seeded(5)))
    )
    exact = mechanism.variance(value, reports=n)
    assert (np.abs(estimate.value - value) < 6 * np.sqrt(exact)).all()
    assert estimate.variance == pytest.approx(exact, rel=0.1)
    assert exact.sum() * n == pytest.approx(mechanism.error(length))
    along = np.sqrt((value**2 * exact).sum())
    assert abs(value @ (estimate.value - value)) < 6 * along
    assert abs(value @ (0.5 * estimate.value - value)) > 6 * along  # a mutant that shrinks
    assert (exact * n <= mechanism.worst_variance * (1 + 1e-9)).all()


def test_an_agents_report_depends_on_its_index_alone() -> None:
    mechanism, values = PrivUnitSubset(9, 1, 1.0), vectors(3000, 9)
    entropy, order = Entropy.seeded(1), Entropy.seeded(1).generator("order").permutation(3000)
    whole = mechanism.randomize(values, entropy=entropy)
    mixed = mechanism.randomize(values[order], entropy=entropy, agents=order)
    for a, b in zip(whole.take(order).columns, mixed.columns, strict=True):
        assert np.array_equal(a, b)
    assert mechanism.aggregate(whole) == mechanism.aggregate(mixed)
    halves = [mechanism.aggregate(whole.take(part)) for part in (slice(0, 1111), slice(1111, None))]
    assert halves[0] + halves[1] == mechanism.aggregate(whole)


def test_long_vectors_are_clipped_and_bad_rows_are_named() -> None:
    rows = ball_rows(np.array([[3.0, 4.0], [0.3, 0.4], [1e300, 1e300], [0, 0]]), 2, 1.0)
    assert rows == pytest.approx(np.array([[0.6, 0.8], [0.3, 0.4], [0.5**0.5, 0.5**0.5], [0, 0]]))
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError, match="not finite") as caught:
            ball_rows(np.array([[1.0, 2.0], [bad, 1.25]]), 2, 1.0)
        assert "1.25" not in str(caught.value)
    shapes: list[np.ndarray] = [np.zeros((2, 3)), np.array([["a", "b"]]), np.zeros((1, 2, 2))]
    for wrong in shapes:
        with pytest.raises(ConfigurationError):
            ball_rows(wrong, 2, 1.0)
    for norm in (0, -1.0, float("nan"), True):
        with pytest.raises(ConfigurationError):
            L2BallDuchi(2, norm, 1.0)


def test_hostile_reports_are_refused_and_honest_ones_survive_the_wire() -> None:
    mechanism = PrivUnitSubset(6, 1, 1.0, 3)
    reports = mechanism.randomize(vectors(10, 6))
    choices = reports["choice"].copy()
    choices[4] = 6
    forged = Reports(reports.digest, reports.layout, (reports["seed"], choices))
    screened = mechanism.validate(forged)
    assert screened.refused.tolist() == [4]
    assert mechanism.aggregate(forged).refused == 1
    again = mechanism.read(reports.to_bytes())
    assert all(np.array_equal(a, b) for a, b in zip(again.columns, reports.columns, strict=True))


def test_no_report_moves_the_total_by_more_than_its_influence() -> None:
    mechanism = L2BallDuchi(5, 1, 1.0)
    limit = mechanism.max_influence().euclidean
    for seed in range(50):
        one = Reports(mechanism.spec.digest, mechanism.layout, (np.array([seed], np.uint64), np.array([1], np.uint8)))
        length = float(np.linalg.norm(mechanism.estimate(mechanism.aggregate(one)).value))
        assert 0.99 * limit < length <= limit


def test_the_public_table_is_pinned() -> None:
    table = normal_table()
    assert np.array_equal(table, -table[::-1])
    assert np.abs(table).min() == 1
    assert (table**2).mean() / 4096**2 == pytest.approx(1, abs=1e-5)
    assert (
        hashlib.sha256(table.astype("<i4").tobytes()).hexdigest()
        == "d6e72ac0ccf54dbeec9231d2c8e54430560eb17d87b98f3c89c674a0e381643c"
    )
