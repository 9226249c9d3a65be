"""Cohort local hashing: its exact law, its true variance, the number of cohorts."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.cohorts import CohortLocalHashing, cohorts_for
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6


def zipf(categories: int, reports: int, exponent: float = 1.1) -> np.ndarray:
    """Counts that fall like a power."""
    weights = np.arange(1, categories + 1) ** -exponent
    return np.asarray(np.round(weights / weights.sum() * reports), dtype=np.int64)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4, 40])
@pytest.mark.parametrize("cohorts", [1, 3, 8])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    cohorts: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = CohortLocalHashing(6, epsilon, cohorts, hashed_to=4, public_seed=5)
    assert largest_ratio(mechanism, range(6)) == mechanism.ratio <= exp_down(Fraction(epsilon))


@pytest.mark.parametrize("hashed_to", [4, 512])
def test_reports_follow_the_law(hashed_to: int, p_value: Callable[..., float]) -> None:
    mechanism = CohortLocalHashing(6, 1.0, 5, hashed_to=hashed_to)
    assert p_value(mechanism, 3) > ALPHA


def test_a_mutant_with_other_public_hashes_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism, mutant = CohortLocalHashing(6, 1.0, 5), CohortLocalHashing(6, 1.0, 5, public_seed=1)
    assert p_value(mechanism, 3, law=mutant.law(3)) < ALPHA


@pytest.mark.parametrize("hashed_to", [2, 16, 1024])
def test_agents_and_server_use_the_same_hashes(hashed_to: int) -> None:
    mechanism = CohortLocalHashing(30, 1.0, 17, hashed_to=hashed_to, public_seed=2)
    reports = mechanism.randomize(np.arange(2000) % 30, entropy=Entropy.seeded(1))
    table = mechanism.hashes(np.repeat(np.arange(17), 30), np.tile(np.arange(30), 17)).reshape(17, 30)
    slow = (table[reports["cohort"]] == reports["answer"][:, None]).sum(axis=0)
    aggregate = mechanism.aggregate(reports)
    assert np.array_equal(mechanism.supports(aggregate), slow)
    halves = mechanism.aggregate(reports.take(slice(0, 900))) + mechanism.aggregate(reports.take(slice(900, 2000)))
    assert halves == aggregate


def mean_squares(mechanisms: list[CohortLocalHashing], counts: np.ndarray) -> np.ndarray:
    """Mean squared errors of each item's share, one simulation for each mechanism."""
    errors = [
        m.estimate(m.simulate(counts, entropy=Entropy.seeded(run))).value - counts / counts.sum()
        for run, m in enumerate(mechanisms)
    ]
    return np.asarray(np.square(errors).mean(axis=0))


def test_the_variance_is_that_of_agents_over_public_seeds() -> None:
    truth, answers, runs = np.array([0.6, 0.3, 0.1, 0.0]), np.repeat([0, 1, 2], [600, 300, 100]), 400
    mechanisms = [CohortLocalHashing(4, 2.0, 8, public_seed=seed, hashed_to=4) for seed in range(runs)]
    errors = np.array(
        [
            m.estimate(m.aggregate(m.randomize(answers, entropy=Entropy.seeded(seed)))).value - truth
            for seed, m in enumerate(mechanisms)
        ]
    )
    variance = np.asarray(mechanisms[0].variance(truth, reports=1000, shares=truth))
    assert (np.abs(errors.mean(axis=0)) < 6 * np.sqrt(variance / runs)).all()
    assert (np.abs(np.square(errors).mean(axis=0) / variance - 1) < 0.5).all()
    plain = np.asarray(LocalHashing(4, 2.0, hashed_to=4).variance(truth, reports=1000))
    assert (np.square(errors).mean(axis=0)[1:] > 3 * plain[1:]).all()  # a mutant: the variance without sharing


@pytest.mark.parametrize(
    ("reports", "cohorts", "expected"), [(10**6, 1024, 7.6), (10**6, 16384, 1.41), (10**5, 1024, 1.66)]
)
def test_the_extra_variance_is_the_known_one(reports: int, cohorts: int, expected: float) -> None:
    counts = zipf(128, reports)
    shares, n = counts / counts.sum(), int(counts.sum())
    mechanism = CohortLocalHashing(128, 1.0, cohorts)
    plain = np.asarray(LocalHashing(128, 1.0).variance(shares, reports=n)).sum()
    ratio = np.asarray(mechanism.variance(shares, reports=n, shares=shares)).sum() / plain
    assert ratio == pytest.approx(expected, rel=0.01)
    if cohorts == 1024:
        many = [CohortLocalHashing(128, 1.0, cohorts, public_seed=seed) for seed in range(8)]
        assert mean_squares(many, counts).sum() / plain == pytest.approx(ratio, rel=0.3)


def test_the_estimate_s_variance_is_right_on_average() -> None:
    counts = zipf(128, 10**5)
    shares, n = counts / counts.sum(), int(counts.sum())
    many = [CohortLocalHashing(128, 1.0, 256, public_seed=seed) for seed in range(20)]
    plugged = np.mean([m.estimate(m.simulate(counts, entropy=Entropy.seeded(9))).variance for m in many], axis=0)
    exact = np.asarray(many[0].variance(shares, reports=n, shares=shares))
    assert plugged == pytest.approx(exact, rel=0.1)
    assert (exact <= many[0].estimate(many[0].simulate(counts, entropy=Entropy.seeded(9))).worst_variance).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 500))
def test_bits_depend_on_the_agent_s_index_alone(seed: int, n: int) -> None:
    mechanism, entropy = CohortLocalHashing(300, 1.0, 77), Entropy.seeded(seed)
    values, order = np.arange(n) % 300, entropy.stream("order").permutation(n)
    whole = mechanism.randomize(values, entropy=entropy)
    parts = mechanism.randomize(values[order], entropy=entropy, agents=order)
    for ours, theirs in zip(whole.columns, parts.columns, strict=True):
        assert np.array_equal(ours[order], theirs)


def test_a_cohort_out_of_range_is_refused() -> None:
    mechanism = CohortLocalHashing(9, 1.0, 100)
    columns = (np.array([99, 100, 255], dtype=np.uint8), np.zeros(3, dtype=np.uint8))
    screened = mechanism.validate(Reports(mechanism.spec.digest, mechanism.layout, columns))
    assert screened.refused.tolist() == [1, 2]
    assert screened.reasons == {"cohort out of range": 2}


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0])
def test_cohorts_for_keeps_its_promise(epsilon: float) -> None:
    n, squares = 10**4, 0.25
    cohorts = cohorts_for(n, epsilon, squares=squares, excess=0.2)
    shares = np.array([0.5, 0.0])
    plain = float(LocalHashing(2, epsilon).variance(0.0, reports=n))

    def excess(cohorts: int) -> float:
        mechanism = CohortLocalHashing(2, epsilon, cohorts)
        return float(np.asarray(mechanism.variance(shares, reports=n, shares=shares))[1]) / plain - 1

    assert excess(cohorts) <= 0.2
    assert excess(cohorts // 2) > 0.199
    with pytest.raises(ConfigurationError):
        cohorts_for(n, epsilon, squares=0)


@pytest.mark.parametrize(("categories", "cohorts"), [(10, 0), (10, 1 << 27), (1 << 31, 16), (10, 2.0)])
def test_wrong_fields_are_refused(categories: int, cohorts: int) -> None:
    with pytest.raises(ConfigurationError):
        CohortLocalHashing(categories, 1.0, cohorts)
