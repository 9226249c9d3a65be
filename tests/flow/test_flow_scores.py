"""Scores: their laws, thresholds that are fixed beforehand, and intervals that hold."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.scores import Normal, Pair, Whole, blurred, interval, measured
from tip.privacy import gaussian
from tip.randomness import Entropy

RATES = st.floats(1e-6, 1 - 1e-6)


def at_least(count: int, trials: int, rate: Fraction) -> Fraction:
    """P[Binomial(trials, rate) >= count], exactly."""
    return sum((comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(count, trials + 1)), Fraction(0))


@given(trials=st.integers(1, 40), share=st.floats(0, 1), miss=st.sampled_from([1e-6, 1e-3, 0.05, 0.5]))
def test_the_ends_of_an_interval_are_where_the_count_becomes_unlikely(trials: int, share: float, miss: float) -> None:
    count = round(share * trials)
    low, high = interval(count, trials, miss=miss)
    assert low <= count / trials <= high
    if count:
        assert float(at_least(count, trials, Fraction(low))) == pytest.approx(miss / 2, rel=1e-6)
    if count < trials:
        assert float(1 - at_least(count + 1, trials, Fraction(high))) == pytest.approx(miss / 2, rel=1e-6)


def test_an_interval_misses_as_seldom_as_it_says_whatever_the_rate_is() -> None:
    trials, miss = 30, 0.05
    held = [interval(count, trials, miss=miss) for count in range(trials + 1)]
    for step in range(1, 40):
        rate = Fraction(step, 40)
        missed = [k for k, (low, high) in enumerate(held) if not low <= rate <= high]
        assert sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in missed) <= miss


@pytest.mark.parametrize(
    ("count", "trials", "miss"), [(-1, 3, 0.1), (4, 3, 0.1), (0, 0, 0.1), (1, 3, 0.0), (1, 3, 1.0)]
)
def test_intervals_of_nothing_are_refused(count: int, trials: int, miss: float) -> None:
    with pytest.raises(ConfigurationError):
        interval(count, trials, miss=miss)


@given(mu=st.floats(0.01, 6), deviation=st.floats(0.1, 10), rate=RATES)
def test_a_normal_pair_has_the_gaussian_curve(mu: float, deviation: float, rate: float) -> None:
    pair = Pair(Normal(1.0, deviation), Normal(1.0 + mu * deviation, deviation))
    assert pair.hit_rate(rate) == pytest.approx(gaussian.hit_rate(mu, rate), rel=1e-6)
    assert pair.quiet.tail(pair.quiet.threshold(rate)) == pytest.approx(rate, rel=1e-6)


COIN = Whole(-1, np.array([0.25, 0.5, 0.25]))


def test_the_tail_of_a_whole_score_is_that_of_the_blurred_one() -> None:
    assert [COIN.tail(t) for t in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)] == [1, 1, 0.75, 0.25, 0, 0]
    assert COIN.tail(0.5) == 0.5
    assert COIN.threshold(0.5) == pytest.approx(0.5)
    assert COIN.shifted(3).tail(3.5) == 0.5
    scores = blurred(np.repeat([-1, 0, 1], [1000, 2000, 1000]), Entropy.seeded(1).generator("ties"))
    assert (np.floor(scores) == np.repeat([-1, 0, 1], [1000, 2000, 1000])).all()
    low, high = interval(int((scores > 0.5).sum()), 4000, miss=1e-6)
    assert low <= 0.5 <= high


@given(rate=RATES)
def test_a_randomized_test_meets_every_rate(rate: float) -> None:
    assert COIN.tail(COIN.threshold(rate)) == pytest.approx(rate, abs=1e-12)


@given(rate=RATES, ratio=st.floats(1.01, 50))
def test_two_answers_have_the_curve_of_their_ratio(rate: float, ratio: float) -> None:
    """The most powerful test of randomized response, in closed form."""
    p = ratio / (1 + ratio)
    pair = Pair(Whole(0, np.array([p, 1 - p])), Whole(0, np.array([1 - p, p])))
    assert pair.hit_rate(rate) == pytest.approx(min(ratio * rate, 1 - (1 - rate) / ratio), abs=1e-9)


def test_counts_are_those_above_each_threshold() -> None:
    quiet, loud = np.array([0.0, 1.0, 2.0, 3.0]), np.array([2.0, 3.0, 3.0, 4.0])
    at_two, at_minus, at_nine = measured(quiet, loud, [2.0, -1.0, 9.0], miss=0.1)
    assert (at_two.false_alarms, at_two.hits, at_two.hit_rate, at_two.trials) == (1, 3, 0.75, 4)
    assert (at_minus.false_alarms, at_minus.hits) == (4, 4)
    assert (at_nine.false_alarms, at_nine.hits, at_nine.hit_interval[0]) == (0, 0, 0.0)
    assert at_two.hit_interval == interval(3, 4, miss=0.1)
    assert at_two.false_alarm_interval == interval(1, 4, miss=0.1)
    with pytest.raises(ConfigurationError, match="as many scores"):
        measured(quiet, loud[:3], [0.0], miss=0.1)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.1])
def test_thresholds_are_for_rates_between_0_and_1(rate: float) -> None:
    for law in (COIN, Normal(0.0, 1.0)):
        with pytest.raises(ConfigurationError):
            law.threshold(rate)


def test_a_normal_score_that_never_varies_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="deviation above 0"):
        Normal(0.0, 0.0)
