"""L-OSUE: joint laws of one, two and three reports, what changes cost, the floor of the variance."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import e, exp, log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.longitudinal import LongitudinalUnary
from tip.mechanisms.permanent import PERMANENT
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import WORD, exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tip.randomness import Stream

    Indices = NDArray[np.int64]
    Law = dict[tuple[int, ...], Fraction]

ALPHA = 1e-6
PAIRS = [(1e-6, 1e-3), (0.5, 1), (1, 2), (2, 4), (4, 40), (39.99, 40)]


def largest(laws: list[Law]) -> Fraction:
    """The largest ratio of any two laws, which have one support and sum to 1."""
    assert all(sum(law.values()) == 1 and law.keys() == laws[0].keys() for law in laws)
    return max(a[report] / b[report] for a, b in product(laws, laws) for report in a)


@pytest.mark.parametrize(("epsilon", "limit"), PAIRS)
@pytest.mark.parametrize("categories", [2, 3, 5])
def test_one_report_costs_at_most_epsilon(
    categories: int, epsilon: float, limit: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = LongitudinalUnary(categories, epsilon, limit)
    laws = [mechanism.law(value) for value in range(categories)]
    assert largest_ratio(mechanism, range(categories)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.limit_ratio <= exp_down(Fraction(limit))
    assert sum(min(law[report] for law in laws) for report in laws[0]) == mechanism.blanket
    assert mechanism.joint_law([1]) == mechanism.law(1)


@pytest.mark.parametrize(("epsilon", "limit"), PAIRS)
@pytest.mark.parametrize("reports", [1, 2, 3])
def test_reports_of_an_unchanged_item_cost_at_most_the_limit(reports: int, epsilon: float, limit: float) -> None:
    mechanism = LongitudinalUnary(3, epsilon, limit)
    ratio = largest([mechanism.joint_law([value] * reports) for value in range(3)])
    assert ratio == mechanism.ratio_after(reports) <= exp_down(Fraction(limit))
    assert mechanism.ratio_after(64) <= mechanism.ratio_after(65) == mechanism.limit_ratio


@pytest.mark.parametrize("states", [[0, 1], [0, 0, 1], [0, 1, 0]])
def test_with_changes_in_the_same_rounds_the_limit_counts_once_for_each_state(states: list[int]) -> None:
    mechanism = LongitudinalUnary(3, 1, 2)
    relabeled = [[p[s] for s in states] for p in product(range(3), repeat=2) if p[0] != p[1]]
    ratio = largest([mechanism.joint_law(other) for other in relabeled])
    promised = mechanism.guarantee_after(2)
    assert ratio <= mechanism.limit_ratio**2
    assert promised.epsilon is not None
    assert log(ratio) <= promised.epsilon <= 4
    assert "pattern" in {assumption.name for assumption in promised.assumptions}


def test_the_pattern_of_changes_is_not_hidden_and_epsilon_alone_does_not_compose() -> None:
    losses = []
    for categories in (3, 4):
        mechanism = LongitudinalUnary(categories, 1, 2)
        same, changing = mechanism.joint_law([0, 0]), mechanism.joint_law([1, 2])
        losses.append(log(largest([same, changing])))
        whatever = mechanism.guarantee_of(2).epsilon
        assert whatever is not None
        assert losses[-1] <= whatever
    assert losses[0] > 2 * 1  # more than two reports of epsilon 1 would cost if they were independent
    assert losses[0] < losses[1]  # and it grows with the number of items


def test_the_second_stage_is_the_one_of_the_published_formula() -> None:
    mechanism = LongitudinalUnary(10, 1, 2)
    a, f = exp(2), e
    assert float(mechanism.instant[0]) == pytest.approx((1 - f * a) / (f - a - f * a + 1), rel=1e-15)
    assert float(mechanism.permanent[1]) == pytest.approx(1 / (a + 1), rel=1e-15)
    assert float(mechanism.p) == pytest.approx(0.5)
    assert float(mechanism.variance(0.0)) == pytest.approx(4 * f / (f - 1) ** 2, rel=1e-9)  # as of one-time OUE


@pytest.mark.parametrize("epsilon", [0.5, 1.0])
def test_reports_follow_the_law(epsilon: float, p_value: Callable[..., float]) -> None:
    assert p_value(LongitudinalUnary(4, epsilon, 2.5), 1) > ALPHA


def test_a_mutant_that_never_clears_a_bit_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = LongitudinalUnary(4, 1.0, 2.5)
    mutant = mechanism._bits_law([1 - (1 - mechanism.p) / 2, *[mechanism.q] * 3])
    assert p_value(mechanism, 0) > ALPHA
    assert p_value(mechanism, 0, law=mutant) < ALPHA


def test_two_rounds_follow_the_joint_law_and_not_the_product() -> None:
    mechanism, entropy, n = LongitudinalUnary(2, 1.0, 2.0), Entropy.seeded(5), 200_000
    values = np.zeros(n, dtype=np.int64)
    first, second = (mechanism.randomize(values, entropy=entropy, round=t)["bits"][:, 0] for t in (0, 1))
    seen = np.bincount(4 * first.astype(int) + second, minlength=16)
    joint = mechanism.joint_law([0, 0])
    one = mechanism.law(0)
    for law, fits in ((joint, True), ({(a, b): one[a,] * one[b,] for a in range(4) for b in range(4)}, False)):
        expected = np.array([float(law[a, b]) * n for a in range(4) for b in range(4)])
        statistic = float(((seen - expected) ** 2 / expected).sum())
        assert (statistic < 60) == fits  # chi-square of 15 degrees: P[> 60] < 1e-6


def test_the_variance_over_rounds_falls_to_a_floor() -> None:
    mechanism, n = LongitudinalUnary(3, 1.0, 2.0), 1000
    truth = np.array([0.6, 0.3, 0.1])
    values = np.repeat(np.arange(3), (truth * n).astype(int))
    means = []
    for seed in range(120):
        entropy = Entropy.seeded(seed)
        rounds = [
            mechanism.estimate(mechanism.aggregate(mechanism.randomize(values, entropy=entropy, round=t))).value
            for t in range(3)
        ]
        means.append(np.mean(rounds, axis=0))
    exact = np.asarray(mechanism.variance(truth, reports=n, rounds=3))
    z = (np.mean(means, axis=0) - truth) / np.sqrt(exact / 120)
    assert (np.abs(z) < 5.5).all()
    assert np.var(means, axis=0) / exact == pytest.approx(np.ones(3), abs=0.7)
    floor = float(mechanism.variance(0.0, rounds=10**9))
    assert floor == pytest.approx(4 * exp(2) / (exp(2) - 1) ** 2, rel=1e-6)  # that of OUE at the limit
    assert float(mechanism.variance(0.0, rounds=4)) > float(mechanism.variance(0.0)) / 4 * 1.3


@given(st.permutations(range(40)), st.integers(0, 3))
def test_an_agents_bits_depend_on_its_index_only(order: list[int], number: int) -> None:
    mechanism, entropy = LongitudinalUnary(11, 1, 3), Entropy.seeded(1)
    values = np.arange(40) % 11
    whole = mechanism.randomize(values, entropy=entropy, round=number)
    part = mechanism.randomize(values[order], entropy=entropy, agents=order, round=number)
    assert np.array_equal(part["bits"], whole["bits"][order])


class OwnCoin:
    """A stream that gives one word where the own item's permanent coin is read."""

    def __init__(self, stream: Stream, word: int) -> None:
        self.stream, self.word, self.words_at = stream, word, stream.words_at

    def words(self, agents: Indices, count: int, *, lane: int = 0, dtype: Any = np.uint64) -> NDArray[Any]:  # noqa: ANN401
        if lane == PERMANENT + 2:
            return np.full((len(agents), count), self.word, dtype=np.uint64)
        return self.stream.words(agents, count, lane=lane, dtype=dtype)


@pytest.mark.parametrize("categories", [3, 13, 64, 100])
def test_the_own_permanent_bit_is_one_comparison_with_a_half(categories: int) -> None:
    mechanism, agents = LongitudinalUnary(categories, 1, 2), np.arange(200)
    values, stream = agents % categories, Entropy.seeded(4).stream("own")
    rows = []
    for word in (0, WORD // 2 - 1, WORD // 2, WORD - 1):
        fake: Any = OwnCoin(stream, word)
        rows.append(np.unpackbits(mechanism.answer(values, fake, stream, agents)[0], axis=1, bitorder="little"))
    assert np.array_equal(rows[0], rows[1])
    assert np.array_equal(rows[2], rows[3])
    differing = np.argwhere(rows[1] != rows[2])
    assert np.array_equal(differing[:, 0], agents)
    assert np.array_equal(differing[:, 1], values)


def test_hostile_reports_are_refused_and_arguments_checked() -> None:
    mechanism = LongitudinalUnary(5, 1, 2)
    rows = np.array([[3], [255], [31], [32]], dtype=np.uint8)
    aggregate = mechanism.aggregate(Reports(mechanism.spec.digest, mechanism.layout, (rows,)))
    assert (aggregate.reports, aggregate.refused) == (2, 2)
    assert mechanism.identifying
    for bad in ((5, 2, 2), (5, 2, 1), (1, 1, 2), (1 << 17, 1, 2)):
        with pytest.raises(ConfigurationError):
            LongitudinalUnary(*bad)
    with pytest.raises(ConfigurationError):
        mechanism.randomize([1], agents=[1 << 61])
    with pytest.raises(ConfigurationError):
        LongitudinalUnary(20, 1, 2).law(0)
