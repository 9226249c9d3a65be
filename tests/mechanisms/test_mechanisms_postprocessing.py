"""Post-processing: projections are the nearest points, and what is biased says so."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms import Estimate, GeneralizedRandomizedResponse
from tip.mechanisms.estimates import Counted
from tip.mechanisms.postprocessing import METHODS, base_cut, ibu, isotonic, norm_sub, normalize, pooled, simplex
from tip.mechanisms.reconstruction import Dense, reconstruct
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

vectors = st.lists(st.floats(-3, 3), min_size=2, max_size=30).map(np.array)


def raw(k: int = 16, epsilon: float = 1.0, n: int = 5000, seed: int = 1) -> tuple[Estimate, Floats]:
    mechanism = GeneralizedRandomizedResponse(k, epsilon)
    counts = (n / (1 + np.arange(k)) ** 1.1).astype(np.int64)
    return mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(seed))), counts / counts.sum()


def plain(value: Floats) -> Estimate:
    return Estimate(value, np.full(value.shape, 0.01), 0.02, 100)


def norm_sub_by_steps(values: Floats) -> Floats:
    """The NDSS 2020 procedure, word by word."""
    x, positive = values.copy(), np.ones(len(values), dtype=bool)
    while True:
        x = np.where(positive, values - (values[positive].sum() - 1) / positive.sum(), 0.0)
        if (x >= 0).all():
            return x
        positive &= x > 0


@given(vectors)
def test_norm_sub_is_the_procedure_and_the_projection(values: Floats) -> None:
    x = simplex(values)
    assert x.min() >= 0
    assert x.sum() == pytest.approx(1)
    assert np.allclose(x, norm_sub_by_steps(values), atol=1e-9)
    # the projection's condition: (values - x) . (z - x) <= 0 for every corner z
    gap = values - x
    assert (gap - gap @ x).max() < 1e-9


@given(vectors, st.floats(-10, 10))
def test_the_projection_keeps_shares_and_ignores_a_common_shift(values: Floats, shift: float) -> None:
    x = simplex(values)
    assert np.allclose(simplex(x), x, atol=1e-12)
    assert np.allclose(simplex(values + shift), x, atol=1e-9)


def pooled_by_minimax(values: Floats) -> Floats:
    """The min-max formula of isotonic regression, O(n^3)."""
    n = len(values)
    return np.array([max(min(values[a : b + 1].mean() for b in range(i, n)) for a in range(i + 1)) for i in range(n)])


@given(vectors)
def test_pooling_is_the_min_max_formula(values: Floats) -> None:
    fitted = pooled(values)
    assert np.allclose(fitted, pooled_by_minimax(values), atol=1e-9)
    assert all(a <= b + 1e-12 for a, b in pairwise(fitted))
    assert fitted.sum() == pytest.approx(values.sum(), abs=1e-9)


def test_isotonic_both_ways() -> None:
    values = np.array([0.1, 0.4, 0.3, 0.9])
    assert np.allclose(isotonic(plain(values)).value, [0.1, 0.35, 0.35, 0.9])
    assert np.allclose(isotonic(plain(values), increasing=False).value, values.mean())


def test_base_cut_keeps_what_is_above_the_noise() -> None:
    estimate, truth = raw()
    cut = base_cut(estimate)
    kept = cut.value != 0
    assert np.array_equal(cut.value[kept], estimate.value[kept])
    assert kept[0]
    assert (cut.value[kept].min() > estimate.value[~kept]).all()
    nobody = GeneralizedRandomizedResponse(50, 1.0)
    counts = np.zeros(50, dtype=int)
    counts[0] = 20_000
    survivors = 0
    for seed in range(300):
        one = nobody.estimate(nobody.simulate(counts, entropy=Entropy.seeded(seed)))
        survivors += bool((base_cut(one).value[1:] > 0).any())
    assert 1 <= survivors <= 40  # 5 % of 300 runs
    assert truth[0] > 0


def test_base_cut_of_an_estimate_without_counts_uses_its_variance() -> None:
    estimate = Estimate(np.array([0.5, 0.1, 0.0]), np.array([0.01, 0.01, 0.01]), 0.01, 10)
    assert np.array_equal(base_cut(estimate).value, [0.5, 0, 0])
    with pytest.raises(ConfigurationError):
        base_cut(norm_sub(estimate))
    with pytest.raises(ConfigurationError):
        base_cut(estimate, significance=1.0)


def test_ibu_is_em_with_the_full_matrix() -> None:
    estimate, _ = raw(k=6)
    law = estimate.law
    assert isinstance(law, Counted)
    matrix = np.full((6, 6), law.q) + (law.p - law.q) * np.eye(6)
    assert np.allclose(ibu(estimate).value, reconstruct(Dense(matrix), law.supports).shares)
    assert np.allclose(ibu(estimate, gain=1e-12).value.sum(), 1)


def test_ibu_refuses_reports_that_support_several_items() -> None:
    supports = np.array([60, 50, 40])
    several = Estimate(np.zeros(3), np.zeros(3), 0.0, 100, law=Counted(supports, 0.5, 0.25))
    with pytest.raises(ConfigurationError, match="exactly one item"):
        ibu(several)
    with pytest.raises(ConfigurationError, match="raw estimate"):
        ibu(plain(np.array([0.5, 0.5])))
    with pytest.raises(ConfigurationError, match="raw estimate"):
        ibu(norm_sub(raw()[0]))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_results_are_new_and_say_that_they_are_biased(method: str) -> None:
    estimate, _ = raw()
    before = estimate.value.copy()
    result = normalize(estimate, method)
    assert np.array_equal(estimate.value, before)
    assert not estimate.biased
    assert len(result.biased) > 40
    assert np.isnan(result.variance).all()
    assert np.isnan(result.deviation).all()
    assert (result.reports, result.refused) == (estimate.reports, estimate.refused)
    with pytest.raises(ConfigurationError, match="biased"):
        result.interval()


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("value", [np.array(0.5), np.array([0.5]), np.array([0.5, np.nan]), np.ones((2, 2))])
def test_what_is_no_vector_is_refused(method: str, value: Floats) -> None:
    with pytest.raises(ConfigurationError):
        normalize(plain(value), method)


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no method"):
        normalize(raw()[0], "clip")


def test_two_methods_tell_both_biases() -> None:
    twice = normalize(normalize(raw()[0], "base_cut"), "norm_sub")
    assert "cut at the noise" in twice.biased
    assert "simplex" in twice.biased


def test_the_projection_is_never_further_from_the_truth_and_is_biased() -> None:
    """The very check that finds no bias in raw estimates finds it after Norm-Sub."""
    mechanism = GeneralizedRandomizedResponse(16, 0.5)
    estimates, projected = [], []
    for seed in range(1000):
        one, truth = raw(seed=seed, n=1000, epsilon=0.5)
        other = norm_sub(one)
        assert np.linalg.norm(other.value - truth) <= np.linalg.norm(one.value - truth) + 1e-12
        estimates.append(one.value)
        projected.append(other.value)
    deviation = np.sqrt(np.asarray(mechanism.variance(truth, reports=one.reports)) / 1000)
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 5.5 * deviation).all()
    assert (np.abs(np.mean(projected, axis=0) - truth) > 5.5 * deviation).any()


def test_large_entries_do_not_break_the_projection() -> None:
    assert np.allclose(simplex(np.array([1e200, 1e200, 0.0])), [0.5, 0.5, 0])
    assert np.allclose(simplex(np.array([-1e300, 5.0])), [0, 1])
