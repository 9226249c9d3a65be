"""Count-mean sketch: exact law, unbiased over hashes, variance."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.reports import Reports
from tip.mechanisms.sketch import CountMeanSketch
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
BIG = 1 << 64


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4, 40])
@pytest.mark.parametrize(("hashes", "width"), [(1, 2), (3, 4), (2, 8)])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    hashes: int, width: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = CountMeanSketch(BIG, epsilon, hashes, width)
    items = [0, 1, 2, 3, 5, (1 << 64) - 1]
    assert largest_ratio(mechanism, items) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(item) for item in items]
    assert 1 / mechanism.ratio <= mechanism.blanket <= sum(min(law[report] for law in laws) for report in laws[0])
    assert mechanism.guarantee.epsilon is not None
    assert mechanism.guarantee.epsilon <= epsilon


@pytest.mark.parametrize("item", [3, (1 << 64) - 3])
def test_reports_follow_the_law(item: int, p_value: Callable[..., float]) -> None:
    mechanism = CountMeanSketch(BIG, 1.0, 3, 8)
    value = np.uint64(item)
    law = mechanism.law(item)
    assert p_value(mechanism, value, law=law) > ALPHA
    assert p_value(mechanism, value, law=CountMeanSketch(BIG, 1.1, 3, 8).law(item)) < ALPHA
    assert p_value(mechanism, value, law=CountMeanSketch(BIG, 1.0, 3, 8, public_seed=1).law(item)) < ALPHA


def test_the_estimate_is_unbiased_over_the_hashes_with_the_exact_variance() -> None:
    counts, runs = np.array([600, 250, 100, 50, 0]), 800
    shares = counts / counts.sum()
    values = np.array(
        [
            (sketch := CountMeanSketch(5, 2.0, 4, 8, public_seed=run))
            .estimate(sketch.simulate(counts, entropy=Entropy.seeded(run)))
            .value
            for run in range(runs)
        ]
    )
    variance = np.asarray(CountMeanSketch(5, 2.0, 4, 8).variance(shares, reports=1000, shares=shares))
    assert (np.abs(values.mean(axis=0) - shares) < 6 * np.sqrt(variance / runs)).all()
    assert np.abs(values.var(axis=0) / variance - 1).max() < 0.35
    alone = np.asarray(super(CountMeanSketch, CountMeanSketch(5, 2.0, 4, 8)).variance(shares, reports=1000))
    assert (values.var(axis=0)[1:] / alone[1:]).min() > 1.5  # without the shared cells the formula is rejected


def test_given_the_hashes_the_bias_is_the_excess_of_shared_cells() -> None:
    counts, m = np.array([6000, 2500, 1500]), 4
    sketch = CountMeanSketch(3, 3.0, 6, m, public_seed=4)
    cells = np.array([sketch.cells(np.arange(6), np.full(6, item)) for item in range(3)])
    shared = (cells[:, None] == cells).mean(axis=2)
    expected = (counts / 10_000) @ (shared - 1 / m) / (1 - 1 / m)
    values = np.array(
        [sketch.estimate(sketch.simulate(counts, entropy=Entropy.seeded(run))).value for run in range(400)]
    )
    error = values.mean(axis=0) - expected
    assert np.abs(error).max() < 6 * values.std(axis=0).max() / 20
    assert np.abs(values.mean(axis=0) - counts / 10_000).max() > 20 * values.std(axis=0).max() / 20


def test_simulated_totals_are_those_of_agents() -> None:
    sketch = CountMeanSketch(3, 1.0, 2, 4)
    answers = np.repeat([0, 1, 2], [200, 80, 20])
    made = np.array([sketch.aggregate(sketch.randomize(answers)).totals for _ in range(300)]).reshape(300, -1)
    drawn = np.array(
        [sketch.simulate([200, 80, 20], entropy=Entropy.seeded(run)).totals for run in range(300)]
    ).reshape(300, -1)
    spread = np.sqrt(made.var(axis=0) / 150)
    assert (np.abs(made.mean(axis=0) - drawn.mean(axis=0)) < 6 * spread).all()
    ratios = made.var(axis=0) / drawn.var(axis=0)
    assert ((ratios > 0.5) & (ratios < 2)).all()


def test_huge_keys_are_estimated_when_asked_for() -> None:
    sketch, entropy = CountMeanSketch(BIG, 4.0, 300, 256), Entropy.seeded(5)
    keys = np.array([(1 << 64) - 1, 1 << 63, 17, 99], dtype=np.uint64)
    reports = sketch.randomize(np.repeat(keys[:3], [6000, 3000, 1000]), entropy=entropy)
    aggregate = sketch.aggregate(sketch.read(reports.to_bytes()))
    estimate = sketch.estimate_of(aggregate, keys)
    low, high = estimate.interval(1 - 1e-6)
    truth = np.array([0.6, 0.3, 0.1, 0])
    assert ((low < truth) & (truth < high)).all()
    assert sketch.concentration(aggregate) == pytest.approx(0.46, abs=0.1)
    exact = np.asarray(sketch.variance(truth, reports=10_000, shares=truth))
    assert estimate.variance == pytest.approx(exact, rel=0.1)
    with pytest.raises(ConfigurationError, match="too many"):
        sketch.estimate(aggregate)


@pytest.mark.parametrize(("hashes", "width"), [(1, 2), (3, 8), (5, 16), (200, 64)])
def test_the_table_is_the_plain_count(hashes: int, width: int) -> None:
    sketch = CountMeanSketch(50, 1.0, hashes, width)
    reports = sketch.randomize(np.arange(5000) % 50, entropy=Entropy.seeded(1))
    bits = np.unpackbits(reports["bits"], axis=1, bitorder="little", count=width)
    slow = np.zeros((hashes, width + 1), dtype=np.int64)
    np.add.at(slow, reports["hash"], np.concatenate([bits, np.ones((5000, 1), dtype=np.uint8)], axis=1))
    whole = sketch.aggregate(reports)
    assert np.array_equal(whole.totals, slow)
    halves = sketch.aggregate(reports.take(slice(0, 1111))) + sketch.aggregate(reports.take(slice(1111, None)))
    assert halves == whole
    aggregate = sketch.aggregate(reports)
    cells = [sketch.cells(np.arange(hashes), np.full(hashes, item)) for item in range(50)]
    assert sketch.supports(aggregate).tolist() == [slow[np.arange(hashes), row].sum() for row in cells]


def test_bits_depend_on_the_agent_alone() -> None:
    sketch, entropy = CountMeanSketch(100, 1.0, 7, 64), Entropy.seeded(3)
    values, order = np.arange(30_000) % 100, np.arange(30_000) * 7919 % 30_000
    whole = sketch.randomize(values, entropy=entropy)
    again = sketch.randomize(values[order], entropy=entropy, agents=order)
    for one, other in zip(whole.columns, again.columns, strict=True):
        assert np.array_equal(one[order], other)


def test_hostile_reports_are_refused_and_bad_items_named_by_row() -> None:
    sketch = CountMeanSketch(10, 1.0, 5, 4)
    honest = sketch.randomize(np.arange(10), entropy=Entropy.seeded(1))
    numbers, bits = honest["hash"].copy(), honest["bits"].copy()
    numbers[2], bits[5] = 5, 0x10
    screened = sketch.validate(Reports(honest.digest, honest.layout, (numbers, bits)))
    assert screened.refused.tolist() == [2, 5]
    assert sketch.aggregate(Reports(honest.digest, honest.layout, (numbers, bits))).reports == 8
    with pytest.raises(DataError, match="row 2") as caught:
        sketch.randomize([0, 4711])
    assert "4711" not in str(caught.value)
    empty = sketch.aggregate(honest.take(slice(0, 0)))
    with pytest.raises(ConfigurationError):
        sketch.estimate(empty)


@pytest.mark.parametrize(
    "wrong",
    [(1, 1.0, 1, 2), (BIG + 1, 1.0, 1, 2), (2, 1.0, 0, 2), (2, 1.0, 1, 3), (2, 1.0, 1 << 16, 1 << 11), (2, 0.0, 1, 2)],
)
def test_wrong_parameters_are_refused(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError):
        CountMeanSketch(*wrong)
    with pytest.raises(ConfigurationError):
        CountMeanSketch(5, 1.0, 2, 4, public_seed=-1)


def test_influence_is_what_a_row_of_ones_moves() -> None:
    sketch = CountMeanSketch(9, 1.0, 2, 8)
    p, q = float(sketch.p), float(sketch.q)
    assert sketch.max_influence().item == pytest.approx((1 - q) / (p - q))
    assert sketch.max_influence().euclidean == pytest.approx(3 * (1 - q) / (p - q))
