"""Several means: the sampled set, the exact law, unbiased estimates."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import chdtrc

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.attributes_mean import SampledMeans
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
UNIT = (-1.0, 1.0)
MIXED = ((0.0, 1.0), (-5.0, 5.0), (10.0, 30.0), (0.0, 2.0))


@pytest.mark.parametrize("epsilon", [0.5, 2, 6])
@pytest.mark.parametrize("answer", ["duchi", "piecewise", "hybrid"])
def test_the_ratio_is_the_product_and_is_reached(
    answer: str, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = SampledMeans((UNIT,) * 3, epsilon, answer, sampled=2, bits=1)
    values = [*product((-1, 1), repeat=3), (-1, 1, 0.3), (0, 0, 0)]
    laws = [mechanism.law(value) for value in values]
    if all(laws[0].values()):
        assert largest_ratio(mechanism, values) == mechanism.ratio
    assert mechanism.ratio <= exp_down(Fraction(epsilon))
    assert (mechanism.guarantee.epsilon or 99) <= epsilon
    assert mechanism.blanket == sum(min(law[report] for law in laws) for report in laws[0])


@pytest.mark.parametrize(("epsilon", "d", "sampled"), [(1, 5, 1), (5, 5, 2), (40, 5, 5), (40, 100, 16)])
def test_how_many_attributes_are_answered(epsilon: float, d: int, sampled: int) -> None:
    mechanism = SampledMeans((UNIT,) * d, epsilon)
    assert mechanism.layout[0].width == sampled
    assert (mechanism.guarantee.epsilon or 99) <= epsilon


def test_reports_follow_the_law_and_a_mutant_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = SampledMeans((UNIT,) * 3, 3.0, "piecewise", sampled=2, bits=1)
    assert p_value(mechanism, (-1, 0.2, 1), n=60_000) > ALPHA
    assert p_value(mechanism, (-1, 0.2, 1), law=mechanism.law((-1, 0.4, 1)), n=60_000) < ALPHA


@pytest.mark.parametrize(("d", "j"), [(5, 1), (5, 3), (4, 4), (6, 2)])
def test_every_set_is_equally_likely_whatever_the_values(d: int, j: int) -> None:
    mechanism = SampledMeans((UNIT,) * d, 1.0, sampled=j)
    entropy = Entropy.seeded(5)
    low, high = (
        mechanism.randomize(np.full((60_000, d), value), entropy=entropy)["attributes"] for value in (-1.0, 1.0)
    )
    assert np.array_equal(low, high)
    seen = Counter(map(tuple, low.tolist()))
    sets = list(combinations(range(d), j))
    assert set(seen) <= set(sets)
    expected = 60_000 / len(sets)
    statistic = sum((seen[chosen] - expected) ** 2 / expected for chosen in sets)
    assert len(sets) == 1 or chdtrc(len(sets) - 1, statistic) > ALPHA


@pytest.mark.parametrize("answer", ["duchi", "piecewise", "hybrid"])
def test_estimates_are_unbiased_with_the_exact_variance(answer: str) -> None:
    mechanism = SampledMeans(MIXED, 6.0, answer)
    values = np.array([(0.0, -5.0, 12.0, 2.0), (0.5, 4.0, 30.0, 1.0)])
    counts = [300, 200]
    truth = np.average(values, axis=0, weights=counts)
    exact = np.average(mechanism.variance(values), axis=0, weights=counts) / 500
    runs = [mechanism.estimate(mechanism.simulate(values, counts, entropy=Entropy.seeded(seed))) for seed in range(150)]
    means = np.array([run.value for run in runs])
    assert (np.abs(means.mean(axis=0) - truth) < 5.5 * np.sqrt(exact / 150)).all()
    ratio = means.var(axis=0) / exact
    assert ((ratio > 0.5) & (ratio < 1.8)).all()
    told = np.mean([run.variance for run in runs], axis=0)
    assert (told > exact * 0.95).all()
    if answer != "duchi":  # which puts the mean's square for the mean square: never too little
        assert (told < exact * 1.05).all()
    assert (exact <= mechanism.worst_variance / 500 * (1 + 1e-12)).all()
    for law in (lambda run: run, mechanism.cautious):
        low, high = np.array([law(run).interval(0.95) for run in runs]).transpose(1, 0, 2)
        assert (((low <= truth) & (truth <= high)).mean(axis=0) > 0.88).all()


def test_bits_depend_on_the_index_only_and_bytes_come_back() -> None:
    mechanism = SampledMeans(MIXED, 6.0)
    values = Entropy.seeded(1).generator("values").uniform(-5, 30, (20_000, 4))
    order = Entropy.seeded(1).stream("order").permutation(len(values))
    straight = mechanism.randomize(values, entropy=Entropy.seeded(2))
    turned = mechanism.randomize(values[order], entropy=Entropy.seeded(2), agents=order)
    assert straight.take(order).to_bytes() == turned.to_bytes()
    assert mechanism.read(straight.to_bytes()).to_bytes() == straight.to_bytes()
    assert mechanism.aggregate(straight).refused == 0


def test_sets_that_no_agent_sends_are_refused() -> None:
    mechanism = SampledMeans((UNIT,) * 4, 6.0)
    reports = mechanism.randomize(np.zeros((5, 4)))
    chosen = np.array([[0, 1], [1, 0], [2, 2], [0, 4], [2, 3]], dtype=reports.columns[0].dtype)
    screened = mechanism.validate(Reports(reports.digest, reports.layout, (chosen, reports.columns[1])))
    assert screened.refused.tolist() == [1, 2, 3]
    assert screened.reasons == {"attributes out of range": 1, "attributes not ascending": 2}


def test_what_is_wrong_is_said() -> None:
    mechanism = SampledMeans((UNIT,) * 2, 1.0)
    with pytest.raises(DataError, match="row 2"):
        mechanism.randomize([[0.1, 0.2], [0.1, float("nan")]])
    with pytest.raises(ConfigurationError, match="2 numbers"):
        mechanism.randomize([[0.1, 0.2, 0.3]])
    for bad in (
        {"ranges": ()},
        {"ranges": [(0, 1)]},
        {"ranges": ((0, 1, 2),)},
        {"ranges": (UNIT,), "sampled": 2},
        {"ranges": (UNIT,), "answer": "laplace"},
    ):
        with pytest.raises(ConfigurationError):
            SampledMeans(epsilon=1.0, **bad)
