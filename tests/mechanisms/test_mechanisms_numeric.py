"""Numbers on a grid and Duchi's bit: exact law, ratio, moments, intervals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.numeric import Duchi, SignLaw
from tip.mechanisms.numeric_grid import Grid, joined, neighbors, rounded, squares
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import WORD, exp_down
from tip.privacy.events import PureLoss
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("bits", [1, 4])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    bits: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = Duchi(-3, 5, epsilon, bits)
    ratio = largest_ratio(mechanism, [*np.linspace(-3, 5, (1 << bits) + 1), 0.123, 1e9, -1e9])
    assert ratio == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.guarantee.epsilon is not None
    assert mechanism.guarantee.epsilon <= epsilon
    assert mechanism.event == PureLoss(ratio)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_no_steeper_threshold_is_private_and_the_wide_grid_loses_nothing(epsilon: float) -> None:
    law = SignLaw.of(1 << 20, Fraction(epsilon))
    steeper = SignLaw(1 << 20, law.slope + 1)
    assert steeper.threshold(0) <= 0 or steeper.ratio > exp_down(Fraction(epsilon))
    assert law.blanket >= 1 / law.ratio


def test_reports_follow_the_law_and_a_mutant_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = Duchi(0, 1, 1.0, 3)
    assert p_value(mechanism, 0.3) > ALPHA
    assert p_value(mechanism, 0.3, law=mechanism.law(0.325)) < ALPHA  # deterministic rounding would do this


def test_the_estimate_has_exactly_the_mean_and_the_variance_of_the_law() -> None:
    mechanism = Duchi(-1, 1, 1.0, 4)
    law = SignLaw.of(16, Fraction(1))
    for point in range(17):
        t = Fraction(point, 8) - 1
        signs = {law.reach: law.law(point)[1], -law.reach: law.law(point)[0]}
        assert sum(sign * p for sign, p in signs.items()) == t
        variance = sum(sign**2 * p for sign, p in signs.items()) - t**2
        assert mechanism.variance(float(t)) == pytest.approx(float(variance), rel=1e-12)


def test_check_value_of_the_worst_case() -> None:
    assert Duchi(-1, 1, 1.0).worst_variance == pytest.approx(4.6827, abs=1e-4)
    assert Duchi(0, 10, 1.0).worst_variance == pytest.approx(25 * 4.6827, abs=1e-2)


class Words:
    """A stream that hands out chosen words."""

    def __init__(self, words: list[int]) -> None:
        self._words = np.array(words, dtype=np.uint64)

    def words(self, agents: np.ndarray, count: int, **_: int) -> np.ndarray:
        out = np.zeros((len(agents), count), dtype=np.uint64)
        out[:, 0] = self._words
        return out


def test_words_at_the_threshold_decide_as_the_law_says() -> None:
    mechanism = Duchi(0, 1, 1.0, 4)
    law = SignLaw.of(16, Fraction(1))
    for point in (0, 7, 16):
        threshold = law.threshold(point)
        words = [0, threshold - 1, threshold, WORD - 1]
        values = mechanism.checked(np.full(4, point / 16))
        (bits,) = mechanism.draw(values, Words(words), np.arange(4))  # type: ignore[arg-type]
        assert bits.tolist() == [1, 1, 0, 0]


@given(st.integers(1, 20), st.integers(0, 2**52), st.integers(0, 2**64 - 1))
def test_rounding_takes_one_of_the_two_neighbors(bits: int, place: int, word: int) -> None:
    position = place % ((1 << bits + 32) + 1)
    points = rounded(np.array([position]), np.array([word], dtype=np.uint64))
    near = dict(neighbors(position))
    assert int(points[0]) in near
    assert 0 <= int(points[0]) <= 1 << bits
    assert sum(near.values()) == 1
    assert sum(point * share for point, share in near.items()) == Fraction(position, 1 << 32)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9), st.floats(0, 1), st.integers(1, 20))
@settings(max_examples=200)
def test_the_position_is_within_the_stated_bias(low: float, width: float, share: float, bits: int) -> None:
    grid = Grid(low, low + width, bits)
    value = min(max(low + share * width, grid.low), grid.high)
    position = int(grid.positions(np.array([value]))[0])
    exact = (Fraction(value) - Fraction(grid.low)) / (Fraction(grid.high) - Fraction(grid.low))
    bound = Fraction(1, 1 << 33 + bits) + Fraction(1, 1 << 51)
    assert abs(Fraction(position, 1 << 32 + bits) - exact) <= bound


@given(st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1, max_size=50))
def test_squares_add_up_in_two_parts(numbers: list[int]) -> None:
    high, low = squares(np.array(numbers, dtype=np.int64))
    assert joined(high.sum(), low.sum()) == sum(number * number for number in numbers)


def test_an_agents_bit_depends_on_its_index_only() -> None:
    mechanism, values = Duchi(0, 1, 1.0), np.linspace(-0.5, 1.5, 40_000)
    order = Entropy.seeded(1).stream("order").permutation(len(values))
    straight = mechanism.randomize(values, entropy=Entropy.seeded(2))["cell"]
    turned = mechanism.randomize(values[order], entropy=Entropy.seeded(2), agents=order)["cell"]
    assert np.array_equal(straight[order], turned)


def test_the_estimate_is_unbiased_and_its_intervals_cover() -> None:
    mechanism, values, counts = Duchi(0, 2, 1.0), [0.0, 0.5, 2.0], [50, 100, 50]
    truth = float(np.dot(values, counts)) / 200
    runs = [mechanism.estimate(mechanism.simulate(values, counts, entropy=Entropy.seeded(seed))) for seed in range(300)]
    exact = float(np.dot(mechanism.variance(values), counts)) / 200**2
    means = np.array([float(run.value) for run in runs])
    assert abs(means.mean() - truth) < 5 * np.sqrt(exact / 300)
    assert 0.6 < means.var() / exact < 1.6
    for law in (lambda run: run, mechanism.cautious):
        ends = np.array([law(run).interval(0.95) for run in runs])
        covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
        assert covered > 0.91
    assert runs[0].worst_variance == pytest.approx(mechanism.worst_variance / 200)


def test_the_interval_covers_for_agents_inside_the_range() -> None:
    mechanism = Duchi(-1, 1, 2.0)  # where most of the variance is theirs: one at the ends would cover 82 %
    runs = [mechanism.estimate(mechanism.simulate([0.0], [500], entropy=Entropy.seeded(s))) for s in range(600)]
    low, high = np.array([run.interval(0.95) for run in runs]).T
    assert ((low <= 0) & (high >= 0)).mean() > 0.92


def test_the_cautious_interval_is_wider_and_holds_for_one_report() -> None:
    mechanism = Duchi(-1, 1, 0.5)
    one = mechanism.estimate(mechanism.aggregate(mechanism.randomize([0.2], entropy=Entropy.seeded(1))))
    low, high = mechanism.cautious(one).interval(0.99)
    assert low < -1
    assert high > 1
    many = mechanism.estimate(mechanism.simulate([0.2], [10_000], entropy=Entropy.seeded(1)))
    (a, b), (c, d) = many.interval(0.95), mechanism.cautious(many).interval(0.95)
    assert c < a < b < d


def test_bad_values_are_refused_by_row_and_never_shown() -> None:
    mechanism = Duchi(0, 1, 1.0)
    with pytest.raises(DataError, match="row 2") as caught:
        mechanism.randomize([0.123456, float("nan"), float("inf")])
    assert "0.123456" not in str(caught.value)
    for values in (["a"], [[0.1]], [1j], [True]):
        with pytest.raises(ConfigurationError):
            mechanism.randomize(values)
    assert len(mechanism.randomize(0.5)) == 1
    assert len(mechanism.randomize([])) == 0
    for bounds in ((1, 1), (1, 0), (0, float("nan")), (0, float("inf")), (-1e308, 1e308), (0, 1e-300)):
        with pytest.raises(ConfigurationError):
            Duchi(bounds[0], bounds[1], 1.0)
    for bits in (0, 21, 1.5):
        with pytest.raises(ConfigurationError):
            Duchi(0, 1, 1.0, bits)  # type: ignore[arg-type]


def test_a_report_is_one_bit_and_hostile_ones_are_refused() -> None:
    mechanism = Duchi(0, 1, 1.0)
    reports = mechanism.randomize(np.full(1000, 0.5))
    assert mechanism.read(reports.to_bytes()).to_bytes() == reports.to_bytes()
    made_up = Reports(reports.digest, reports.layout, (np.array([0, 1, 2, 255], dtype=np.uint8),))
    aggregate = mechanism.aggregate(made_up)
    assert (aggregate.reports, aggregate.refused) == (2, 2)


def test_one_made_up_report_moves_the_total_by_the_influence() -> None:
    mechanism = Duchi(0, 2, 1.0)
    honest = mechanism.simulate([1.0], [999], entropy=Entropy.seeded(3))
    one = mechanism.aggregate(mechanism.randomize([2.0], entropy=Entropy.seeded(5)))
    before, after = mechanism.estimate(honest), mechanism.estimate(honest + one)
    moved = float(after.totals - before.totals) - 1.0  # a report about the middle of the range counts 1 here
    assert abs(abs(moved) - mechanism.max_influence().item) < 1e-9
