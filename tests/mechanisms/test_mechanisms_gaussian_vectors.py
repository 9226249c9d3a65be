"""Gaussian vectors: integers carry the guarantee; errors and refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.gaussian_vectors import GridGaussianVectors, RealGaussianVectors
from tip.mechanisms.reports import Reports
from tip.privacy import gaussian
from tip.privacy.events import DiscreteGaussianSum
from tip.privacy.guarantees import Status
from tip.privacy.integer import epsilon_of_rho
from tip.randomness import Entropy


@pytest.mark.parametrize(("epsilon", "error"), [(1, 57007), (4, 4788), (8, 1476), (16, 485)])
def test_the_error_is_that_of_the_reference(epsilon: float, error: float) -> None:
    real = RealGaussianVectors(1024, 1, epsilon, 1e-5)
    assert real.error() == pytest.approx(error, abs=0.6)
    assert real.guarantee.status is Status.IDEALIZED
    assert 1 < GridGaussianVectors(1024, 1, epsilon, 1e-5).error() / real.error() < 1.25


@pytest.mark.parametrize("epsilon", [0.1, 1, 4])
def test_the_grid_variant_promises_no_more_than_its_integers(epsilon: float) -> None:
    mechanism = GridGaussianVectors(20, 2.5, epsilon, 1e-6)
    guarantee = mechanism.guarantee
    assert guarantee.status is Status.PROVEN
    assert guarantee.rho == Fraction(4 * mechanism.squared_bound, 2 * mechanism.noise_variance)
    assert guarantee.epsilon == epsilon_of_rho(guarantee.rho, 1e-6)
    assert guarantee.epsilon is not None
    assert 0.99 * epsilon < guarantee.epsilon <= epsilon
    assert isinstance(mechanism.event, DiscreteGaussianSum)
    real = RealGaussianVectors(20, 2.5, epsilon, 1e-6)
    assert gaussian.epsilon_of(real.event.mu, 1e-6) <= epsilon * (1 + 1e-9)


@pytest.mark.parametrize("dimension", [2, 30, 1000])
def test_rounded_vectors_keep_the_bound_and_the_mean(dimension: int) -> None:
    mechanism = GridGaussianVectors(dimension, 1, 1.0, 1e-5, steps=16)
    n = 2000
    value = np.full(dimension, 1 / np.sqrt(dimension))
    rounded = mechanism.rounded(np.tile(value, (n, 1)), Entropy.seeded(1).stream("r"), np.arange(n))
    assert (np.einsum("nd,nd->n", rounded, rounded) <= mechanism.squared_bound).all()
    share = np.mod(value * 16, 1)
    assert (np.abs(rounded.mean(axis=0) - value * 16) < 6 * np.sqrt(share * (1 - share) / n) + 1e-9).all()


def test_a_vector_beyond_the_bound_is_rounded_toward_zero() -> None:
    mechanism = GridGaussianVectors(400, 1, 1.0, 1e-5, steps=16)
    long = np.full((3, 400), 1.0)  # what `checked` would never let through
    rounded = mechanism.rounded(long, Entropy.seeded(1).stream("r"), np.arange(3))
    assert (np.einsum("nd,nd->n", rounded, rounded) <= mechanism.squared_bound).all()


@pytest.mark.parametrize("length", [1.0, 0.3])
@pytest.mark.parametrize("make", [GridGaussianVectors, RealGaussianVectors])
def test_unbiased_with_the_stated_variance(
    make: type[GridGaussianVectors | RealGaussianVectors], length: float
) -> None:
    mechanism, n = make(6, 3.0, 2.0, 1e-5), 20_000
    value = np.arange(1.0, 7)
    value *= 3 * length / np.linalg.norm(value)
    reports = mechanism.randomize(np.tile(value, (n, 1)), entropy=Entropy.seeded(5))
    assert not len(mechanism.validate(reports).refused)
    estimate = mechanism.estimate(mechanism.aggregate(reports))
    exact = mechanism.variance(value, reports=n)
    assert (np.abs(estimate.value - value) < 6 * np.sqrt(exact)).all()
    assert (np.abs(estimate.value - value - 7 * np.sqrt(exact)) > 6 * np.sqrt(exact)).any()
    assert estimate.variance == pytest.approx(exact, rel=0.1)
    assert (exact * n <= mechanism.worst_variance * (1 + 1e-12)).all()


def test_hostile_rows_are_refused() -> None:
    mechanism = GridGaussianVectors(5, 1, 1.0, 1e-5)
    reports = mechanism.randomize(np.tile(np.eye(5)[0], (50, 1)))
    rows = reports["vector"].copy()
    rows[0, 0], rows[1, 0], rows[2] = np.iinfo(np.int64).min, mechanism.reach + 1, mechanism.reach
    forged = Reports(reports.digest, reports.layout, (rows,))
    assert mechanism.validate(forged).refused.tolist() == [0, 1, 2]
    assert mechanism.aggregate(forged).refused == 3


def test_reports_depend_on_the_index_alone_and_survive_the_wire() -> None:
    entropy, values = Entropy.seeded(1), np.tile(np.eye(5), (60, 1))
    order = entropy.generator("order").permutation(len(values))
    for mechanism in (GridGaussianVectors(5, 1, 1.0, 1e-5), RealGaussianVectors(5, 1, 1.0, 1e-5)):
        whole = mechanism.randomize(values, entropy=entropy)
        mixed = mechanism.randomize(values[order], entropy=entropy, agents=order)
        assert np.array_equal(whole["vector"][order], mixed["vector"])
        assert np.array_equal(mechanism.read(whole.to_bytes())["vector"], whole["vector"])


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        GridGaussianVectors(5, 1, 1.0, 1e-5, steps=2)
    with pytest.raises(ConfigurationError):
        GridGaussianVectors(5, 1, 1.0, 0.0)
    with pytest.raises(ConfigurationError, match="2\\^31"):
        GridGaussianVectors(5, 1, 1e-5, 1e-9, steps=1 << 20)
