"""Two-way marginals: exact law, unbiased tables, consistency."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.marginals import TwoWayMarginals, row_noise
from tip.mechanisms.sampled_parts import sampled_variance
from tip.mechanisms.thresholds import exp_down
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tip.mechanisms.frequency import FrequencyOracle
    from tip.mechanisms.ranges import Factory

ALPHA = 1e-6
GRR, OUE = GeneralizedRandomizedResponse, OptimizedUnaryEncoding
SIZES = (2, 3, 2)
RECORDS = np.array([[0, 0, 0], [1, 2, 1], [0, 1, 1], [1, 0, 0]])
COUNTS = np.array([400, 300, 200, 100])


def true_table(a: int, b: int) -> NDArray[np.float64]:
    table = np.zeros((SIZES[a], SIZES[b]))
    np.add.at(table, (RECORDS[:, a], RECORDS[:, b]), COUNTS / 1000)
    return table


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4])
@pytest.mark.parametrize("oracle", [GRR, OUE])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    oracle: Factory, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = TwoWayMarginals(SIZES, epsilon, oracle)
    records = list(product(*(range(size) for size in SIZES)))
    assert mechanism.pairs == ((0, 1), (0, 2), (1, 2))
    assert largest_ratio(mechanism, records) == mechanism.ratio <= exp_down(Fraction(epsilon))


def test_reports_follow_the_law(p_value: Callable[..., float]) -> None:
    mechanism = TwoWayMarginals(SIZES, 1.0, GRR)
    assert p_value(mechanism, [1, 2, 0]) > ALPHA
    assert p_value(mechanism, [1, 2, 0], law=mechanism.law([1, 2, 1])) < ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("oracle", [GRR, OUE])
def test_tables_and_averages_are_unbiased_with_their_variances(oracle: Factory) -> None:
    mechanism, runs = TwoWayMarginals(SIZES, 1.5, oracle), 250
    raw: dict[tuple[int, int], list[NDArray[np.float64]]] = {pair: [] for pair in mechanism.pairs}
    ways: list[list[NDArray[np.float64]]] = [[], [], []]
    changed: dict[tuple[int, int], list[NDArray[np.float64]]] = {pair: [] for pair in mechanism.pairs}
    for run in range(runs):
        aggregate = mechanism.simulate(RECORDS, COUNTS, entropy=Entropy.seeded(run))
        consistent = mechanism.consistent(aggregate)
        for number, (pair, table) in enumerate(mechanism.tables(aggregate).items()):
            truth = true_table(*pair)
            exact = sampled_variance(mechanism.parts[number], truth, 1000, table.reports)
            raw[pair].append((table.value - truth) / np.sqrt(exact))
            changed[pair].append(consistent[pair] - truth)
        for at in range(3):
            way = mechanism.one_way(aggregate, at)
            held = np.bincount(RECORDS[:, at], weights=COUNTS / 1000, minlength=SIZES[at])
            ways[at].append((way.value - held) / np.sqrt(way.variance))
    for scores in (*raw.values(), *ways):
        z = np.array(scores)
        assert np.abs(z.mean(axis=0)).max() < 6 / np.sqrt(runs)
        assert np.abs((z**2).mean(axis=0) - 1).max() < 0.55
    for errors in changed.values():
        e = np.array(errors)
        assert (np.abs(e.mean(axis=0)) < 6 * e.std(axis=0) / np.sqrt(runs)).all()


def test_consistent_tables_agree_and_are_nearer_to_the_truth() -> None:
    mechanism, raw, better = TwoWayMarginals(SIZES, 1.0), 0.0, 0.0
    for run in range(60):
        aggregate = mechanism.simulate(RECORDS, COUNTS, entropy=Entropy.seeded(run))
        tables, consistent = mechanism.tables(aggregate), mechanism.consistent(aggregate)
        assert all(table.sum() == pytest.approx(1) for table in consistent.values())
        assert consistent[0, 1].sum(axis=1) == pytest.approx(consistent[0, 2].sum(axis=1))
        assert consistent[0, 1].sum(axis=0) == pytest.approx(consistent[1, 2].sum(axis=1))
        assert consistent[0, 2].sum(axis=0) == pytest.approx(consistent[1, 2].sum(axis=0))
        for pair in mechanism.pairs:
            raw += float(np.square(tables[pair].value - true_table(*pair)).sum())
            better += float(np.square(consistent[pair] - true_table(*pair)).sum())
    assert better < 0.9 * raw


@pytest.mark.parametrize("oracle", [GRR(6, 1.0), OUE(6, 1.0)])
def test_the_noise_of_a_row_is_that_of_the_enumerated_law(oracle: FrequencyOracle) -> None:
    p, q = float(oracle.p), float(oracle.q)
    expected = []
    for held in (0, 5):
        law = oracle.law(held)
        if isinstance(oracle, OptimizedUnaryEncoding):
            sums = {report: (report[0] & 7).bit_count() for report in law}
        else:
            sums = {report: int(report[0] < 3) for report in law}
        mean = sum(float(mass) * sums[report] for report, mass in law.items())
        square = sum(float(mass) * sums[report] ** 2 for report, mass in law.items())
        expected.append((square - mean * mean) / (p - q) ** 2)
    assert row_noise(oracle, 3) == pytest.approx(tuple(expected))


def test_averages_use_all_tables_and_intervals_hold() -> None:
    mechanism = TwoWayMarginals((3, 4, 5, 6), 1.0)
    records = Entropy.seeded(1).generator("test").integers(0, 3, (8, 4))
    counts = np.full(8, 5000)
    aggregate = mechanism.simulate(records, counts, entropy=Entropy.seeded(2))
    way = mechanism.one_way(aggregate, 0)
    single = mechanism.tables(aggregate)[0, 1]
    low, high = way.interval(1 - 1e-6)
    truth = np.bincount(records[:, 0], weights=counts / 40_000, minlength=3)
    assert ((low < truth) & (truth < high)).all()
    assert way.variance.max() < 0.6 * 4 * float(single.variance.mean())
    low, high = single.interval(1 - 1e-6)
    assert low.shape == single.value.shape == (3, 4)


def test_agents_make_the_same_totals_and_bad_reports_are_refused() -> None:
    mechanism, entropy = TwoWayMarginals((3, 4, 30), 1.0), Entropy.seeded(5)
    values, order = np.arange(3000)[:, None] % np.array([3, 4, 30]), np.arange(3000) * 7 % 3000
    whole = mechanism.randomize(values, entropy=entropy)
    again = mechanism.randomize(values[order], entropy=entropy, agents=order)
    for one, other in zip(whole.columns, again.columns, strict=True):
        assert np.array_equal(one[order], other)
    totals = mechanism.aggregate(mechanism.read(whole.to_bytes()))
    assert totals == mechanism.aggregate(whole)
    assert set(mechanism.tables(totals)) == set(combinations(range(3), 2))
    whole["part"][0] = 3
    assert mechanism.aggregate(whole).refused == 1


def test_wrong_parameters_are_refused() -> None:
    for sizes in ((2,), (2, 1), (2000, 2000), (2,) * 100):
        with pytest.raises(ConfigurationError):
            TwoWayMarginals(sizes, 1.0)
    mechanism = TwoWayMarginals(SIZES, 1.0)
    aggregate = mechanism.simulate(RECORDS, COUNTS, entropy=Entropy.seeded(1))
    with pytest.raises(ConfigurationError):
        mechanism.one_way(aggregate, 3)
