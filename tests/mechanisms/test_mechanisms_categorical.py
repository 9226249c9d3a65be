"""Randomized response: its exact law, its ratio, its estimates."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import DataError
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.frequency import tallied
from tip.mechanisms.thresholds import exp_down, exp_up
from tip.privacy.rounding import log_up
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("categories", [2, 3, 7, 16])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    categories: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = GeneralizedRandomizedResponse(categories, epsilon)
    ratio = largest_ratio(mechanism, range(categories))
    assert ratio == mechanism.ratio <= exp_down(Fraction(epsilon))
    promised = mechanism.guarantee.epsilon
    assert promised is not None
    assert promised <= epsilon
    assert exp_up(Fraction(promised)) >= ratio
    assert mechanism.guarantee.epsilon == min(log_up(ratio), epsilon)


@pytest.mark.parametrize("categories", [2, 5, 16])
def test_reports_follow_the_law(categories: int, p_value: Callable[..., float]) -> None:
    mechanism = GeneralizedRandomizedResponse(categories, 1.0)
    assert p_value(mechanism, 1) > ALPHA


def test_a_mutant_that_may_name_the_truth_twice_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = GeneralizedRandomizedResponse(5, 1.0)
    p, k = mechanism.p, 5
    uniform_over_all = {(item,): p * (item == 1) + (1 - p) / k for item in range(k)}
    assert p_value(mechanism, 1, law=uniform_over_all) < ALPHA


def test_the_estimate_is_unbiased_with_the_exact_variance() -> None:
    mechanism = GeneralizedRandomizedResponse(4, 1.0)
    truth = np.array([0.7, 0.2, 0.1, 0.0])
    answers = np.repeat(np.arange(4), (truth * 1000).astype(int))
    values = np.array([mechanism.estimate(mechanism.aggregate(mechanism.randomize(answers))).value for _ in range(400)])
    variance = np.asarray(mechanism.variance(truth, reports=1000))
    z = (values.mean(axis=0) - truth) / np.sqrt(variance / 400)
    assert (np.abs(z) < 6).all()
    ratio = values.var(axis=0) / variance
    assert ((ratio > 0.6) & (ratio < 1.5)).all()


@pytest.mark.parametrize(
    ("categories", "stars"),
    [
        (2, (3.918, 0.9207, 0.1810, 0.01900)),
        (32, (75.20, 11.08, 0.9160, 0.02945)),
        (1024, (2432, 347.1, 25.22, 0.3748)),
    ],
)
def test_variances_of_the_literature(categories: int, stars: tuple[float, ...]) -> None:
    for epsilon, star in zip((0.5, 1, 2, 4), stars, strict=True):
        assert GeneralizedRandomizedResponse(categories, epsilon).variance() == pytest.approx(star, rel=5e-4)
        if categories == 2:
            assert BinaryRandomizedResponse(epsilon).variance() == pytest.approx(star, rel=5e-4)


class Fixed:
    """A stream that holds one word everywhere, in lane 0; zeros elsewhere."""

    def __init__(self, word: int) -> None:
        self.word = word

    def words(self, agents: Any, count: int) -> Any:  # noqa: ANN401
        return np.full((len(agents), count), self.word, dtype=np.uint64)

    def words_at(self, agents: Any, positions: Any, *, lane: int) -> Any:  # noqa: ANN401
        assert lane > 0
        return np.zeros(np.broadcast(agents, positions).shape, dtype=np.uint64)


@pytest.mark.parametrize("epsilon", [1e-6, 1.0, 40.0])
def test_extreme_words_fall_on_the_right_side(epsilon: float) -> None:
    general, binary = GeneralizedRandomizedResponse(5, epsilon), BinaryRandomizedResponse(epsilon)
    for mechanism in (general, binary):
        values = np.arange(mechanism.categories)
        for word in (0, mechanism._keep - 1, mechanism._keep, (1 << 64) - 1):
            stream: Any = Fixed(word)
            (answers,) = mechanism.draw(values, stream, values)
            assert ((answers == values) == (word < mechanism._keep)).all()
            assert ((answers >= 0) & (answers < mechanism.categories)).all()


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_binary_ratio_is_at_most_the_request(epsilon: float, largest_ratio: Callable[..., Fraction]) -> None:
    mechanism = BinaryRandomizedResponse(epsilon)
    assert largest_ratio(mechanism, [0, 1]) == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.blanket == sum(min(mechanism.law(v)[(a,)] for v in (0, 1)) for a in (0, 1)) >= 1 / mechanism.ratio


@pytest.mark.parametrize("value", [0, 1])
def test_binary_reports_follow_the_law(value: int, p_value: Callable[..., float]) -> None:
    mechanism = BinaryRandomizedResponse(1.0)
    assert p_value(mechanism, value) > ALPHA
    assert p_value(mechanism, value, law=BinaryRandomizedResponse(0.95).law(value)) < ALPHA


def test_the_share_of_yes_is_one_number_with_an_interval() -> None:
    mechanism, entropy = BinaryRandomizedResponse(1.0), Entropy.seeded(2)
    answers = np.arange(20_000) % 4 == 0
    aggregate = mechanism.aggregate(mechanism.randomize(answers, entropy=entropy))
    estimate = mechanism.share_of_yes(aggregate)
    low, high = estimate.interval(1 - 1e-6)
    assert estimate.value.shape == np.shape(low) == ()
    assert low < 0.25 < high
    both = mechanism.estimate(aggregate)
    assert both.value[1] == estimate.value
    assert both.value.sum() == pytest.approx(1)
    again = mechanism.randomize(answers.astype(np.int64), entropy=entropy)
    assert np.array_equal(mechanism.aggregate(again).totals, aggregate.totals)
    assert mechanism.randomize(True).columns[0].shape == (1,)
    for total in (5, 20_000):  # exact interval, score interval
        one = mechanism.share_of_yes(mechanism.simulate([total, total], entropy=entropy))
        assert one.interval()[0] < one.interval()[1]


def test_answers_that_are_neither_yes_nor_no_are_refused_by_row() -> None:
    with pytest.raises(DataError) as caught:
        BinaryRandomizedResponse(1.0).randomize([0, 1, 7])
    assert "row 3" in str(caught.value)
    assert "7" not in str(caught.value)


@pytest.mark.parametrize("mechanism", [GeneralizedRandomizedResponse(6, 1.0), BinaryRandomizedResponse(1.0)])
def test_simulated_totals_follow_the_joint_law(mechanism: Any) -> None:  # noqa: ANN401
    k = mechanism.categories
    counts = np.array([300, 100, *[0] * (k - 2)])
    totals = np.array([mechanism.simulate(counts, entropy=Entropy.seeded(r)).totals for r in range(1500)])
    assert (totals.sum(axis=1) == 400).all()
    p, q = float(mechanism.p), float(mechanism.q)
    law = np.full((k, k), q) + np.eye(k) * (p - q)  # law[v] of one report
    covariance = sum(counts[v] * (np.diag(law[v]) - np.outer(law[v], law[v])) for v in range(k))
    spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)) * 2 / 1500)
    assert (np.abs(totals.mean(axis=0) - counts @ law) < 6 * np.sqrt(np.diag(covariance) / 1500)).all()
    assert (np.abs(np.cov(totals.T) - covariance) < 6 * spread).all()


@pytest.mark.parametrize("mechanism", [GeneralizedRandomizedResponse(6, 1.0), BinaryRandomizedResponse(1.0)])
def test_influence_is_what_the_worst_answer_moves(mechanism: Any) -> None:  # noqa: ANN401
    p, q = float(mechanism.p), float(mechanism.q)
    move = (np.arange(mechanism.categories) == 0) - q
    assert mechanism.max_influence().item == pytest.approx(np.abs(move).max() / (p - q))
    assert mechanism.max_influence().euclidean == pytest.approx(np.linalg.norm(move) / (p - q))


@pytest.mark.parametrize("count", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1])
@pytest.mark.parametrize("length", [3, 200, 256])
def test_bytes_counted_in_pairs_are_counted_right(count: int, length: int) -> None:
    values = (np.arange(count) * 7919 % length).astype(np.uint8)
    slow = np.array([np.count_nonzero(values == item) for item in range(length)])
    assert np.array_equal(tallied(values, length), slow)


def test_bits_depend_on_the_agent_alone() -> None:
    for mechanism in (GeneralizedRandomizedResponse(300, 1.0), BinaryRandomizedResponse(1.0)):
        values, entropy = np.arange(40_000) % 2, Entropy.seeded(3)
        reports = mechanism.randomize(values, entropy=entropy)
        order = np.arange(40_000) * 7919 % 40_000
        again = mechanism.randomize(values[order], entropy=entropy, agents=order)
        assert np.array_equal(again.columns[0], reports.columns[0][order])
