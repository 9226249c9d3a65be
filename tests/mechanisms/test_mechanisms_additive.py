"""Local noise: exact delta, pure ratio, calibration, pools, precision attack."""

from __future__ import annotations

import os
import pickle
from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from tip.errors import ConfigurationError, ProtocolMisuse
from tip.mechanisms.additive import LocalGaussian, LocalLaplace, RoundedGaussian
from tip.mechanisms.gaussian_delta import delta_of, variance_for
from tip.mechanisms.pool import NoisePool
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down, exp_up
from tip.noise import DiscreteLaplace
from tip.privacy import accountant
from tip.privacy.events import DiscreteGaussian
from tip.privacy.gaussian import mu_of
from tip.privacy.guarantees import Kind, Neighboring, Status
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

Local: TypeAlias = LocalLaplace | LocalGaussian | RoundedGaussian

MECHANISMS = (
    LocalLaplace(-2, 3, 1.0),
    LocalGaussian(-2, 3, 1.0, 1e-6),
    RoundedGaussian(-2, 3, 1.0, 1e-6),
)


@pytest.mark.parametrize("epsilon", [1e-3, 0.5, 1, 2, 4, 40])
def test_laplace_has_the_ratio_of_its_scale_and_no_more_than_asked(epsilon: float) -> None:
    mechanism = LocalLaplace(0, 1, epsilon, bits=4)
    steps, scale = 16, mechanism.scale
    exponents = {(abs(y - b) - abs(y - a)) / scale for a in range(17) for b in range(17) for y in range(-40, 60)}
    assert max(exponents) == steps / scale < Fraction(epsilon)
    assert exp_up(max(exponents)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.guarantee.kind is Kind.PURE
    assert mechanism.guarantee.status is Status.PROVEN
    assert epsilon * (1 - 1e-4) < (mechanism.guarantee.epsilon or 0) <= epsilon
    assert mechanism.event.sensitivity == steps


def test_the_blanket_of_laplace_is_the_overlap_of_the_ends() -> None:
    mechanism = LocalLaplace(0, 1, 2.0, bits=3)
    y = np.arange(-400, 400)
    noise = DiscreteLaplace(mechanism.scale)
    overlap = np.exp(np.minimum(noise.log_mass(y), noise.log_mass(y - 8))).sum()
    assert float(mechanism.blanket) == pytest.approx(overlap, rel=1e-9)


CASES = [(1.0, 1e-6, 64), (0.1, 1e-5, 16), (4.0, 1e-9, 256), (20.0, 1e-5, 64), (40.0, 1e-6, 4), (1.0, 0.3, 2)]


def naive_delta(epsilon: float, sensitivity: int, variance: float) -> float:
    """The definition: the sum over all outputs of what one law exceeds the other by."""
    reach = int(40 * sqrt(variance)) + 2 * sensitivity + 5
    y = np.arange(-reach, reach + 1, dtype=np.longdouble)
    weights = np.exp(-y * y / (2 * variance))
    near = np.exp(-((y - sensitivity) ** 2) / (2 * variance))
    return float(np.maximum(near - np.exp(np.longdouble(epsilon)) * weights, 0).sum() / weights.sum())


@pytest.mark.parametrize(("epsilon", "delta", "sensitivity"), CASES)
def test_delta_is_the_exact_sum_rounded_up(epsilon: float, delta: float, sensitivity: int) -> None:
    variance = variance_for(Fraction(epsilon), delta, sensitivity)
    exact = naive_delta(epsilon, sensitivity, float(variance))
    assert exact * (1 - 1e-13) <= delta_of(Fraction(epsilon), sensitivity, variance) <= exact * (1 + 1e-9)
    theirs = accountant.delta(DiscreteGaussian(sensitivity, variance), epsilon, Neighboring.REPLACE_ONE)
    assert theirs == pytest.approx(exact, rel=1e-3)
    for smaller in (1, sensitivity // 2):
        assert delta_of(Fraction(epsilon), smaller, variance) <= delta * (1 + 1e-9)


@pytest.mark.parametrize(("epsilon", "delta", "sensitivity"), CASES)
def test_the_variance_is_least(epsilon: float, delta: float, sensitivity: int) -> None:
    variance = variance_for(Fraction(epsilon), delta, sensitivity)
    assert delta_of(Fraction(epsilon), sensitivity, variance) <= delta
    assert delta_of(Fraction(epsilon), sensitivity, variance * Fraction(999, 1000)) > delta
    real = (sensitivity / mu_of(epsilon, delta)) ** 2
    if sensitivity >= 16 and epsilon < 20:
        assert float(variance) == pytest.approx(real, rel=1e-3)  # Balle and Wang's, for a fine grid


def test_requests_that_cannot_be_met_say_what_would_do() -> None:
    with pytest.raises(ConfigurationError, match="bits <= "):
        LocalGaussian(0, 1, 1e-5, 1e-9, bits=20)
    with pytest.raises(ConfigurationError, match="bits <= "):
        LocalLaplace(0, 1, 1e-6, bits=20)
    for delta in (0.0, 1.0, -1.0, float("nan"), 1e-60):
        for kind in (LocalGaussian, RoundedGaussian):
            with pytest.raises(ConfigurationError):
                kind(0, 1, 1.0, delta)


def test_guarantees_say_what_is_proven() -> None:
    exact, ideal = MECHANISMS[1].guarantee, MECHANISMS[2].guarantee
    assert (exact.kind, exact.status) == (Kind.APPROXIMATE, Status.PROVEN)
    assert exact.at_most(1.0, 1e-6)
    assert (ideal.kind, ideal.status) == (Kind.GDP, Status.IDEALIZED)
    assert ideal.mu is not None
    assert ideal.mu <= mu_of(1.0, 1e-6) * (1 + 1e-12)


def test_check_value_of_laplace() -> None:
    assert LocalLaplace(-1, 1, 1.0).worst_variance == pytest.approx(8, rel=1e-4)


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: mechanism.NAME)
def test_estimates_are_unbiased_with_the_exact_variance(mechanism: Local) -> None:
    values = np.repeat([-2.0, 0.7, 3.0], 50_000)
    errors = []
    for seed in range(4):
        estimate = mechanism.estimate(mechanism.aggregate(mechanism.randomize(values, entropy=Entropy.seeded(seed))))
        assert float(estimate.variance) == pytest.approx(mechanism.variance(values).mean() / len(values), rel=1e-4)
        errors.append((float(estimate.value) - values.mean()) / float(estimate.deviation))
    assert abs(sum(errors)) / 2 < 5
    numbers = mechanism.randomize(np.zeros(200_000), entropy=Entropy.seeded(7))["cell"].astype(float)
    ratio = (numbers.var() * (5 / mechanism._law.steps) ** 2) / mechanism.variance(0.0)[0]
    assert abs(ratio - 1) < 6 * sqrt(5 / 200_000)  # the fourth moment of Laplace: kurtosis 6


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: mechanism.NAME)
def test_bits_depend_on_the_index_only(mechanism: Local) -> None:
    values = np.linspace(-3, 4, 20_000)
    order = Entropy.seeded(1).stream("order").permutation(len(values))
    straight = mechanism.randomize(values, entropy=Entropy.seeded(2))["cell"]
    turned = mechanism.randomize(values[order], entropy=Entropy.seeded(2), agents=order)["cell"]
    assert np.array_equal(straight[order], turned)


def test_noise_follows_its_law_and_another_scale_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = LocalLaplace(0, 1, 2.0, bits=2)
    cells = mechanism._law.cells - 1
    for scale, good in ((mechanism.scale, True), (mechanism.scale * Fraction(110, 100), False)):
        masses = np.exp(DiscreteLaplace(scale).log_mass(np.arange(cells + 1) - mechanism._law.bound - 1))
        law = {(y,): Fraction(float(mass)) for y, mass in enumerate(masses)}
        assert (p_value(mechanism, 0.25, law=law, n=60_000) > 1e-6) == good


def test_a_made_up_report_moves_the_total_by_at_most_the_influence() -> None:
    mechanism = MECHANISMS[0]
    reports = mechanism.randomize(np.zeros(10))
    top = np.array([mechanism._law.cells - 1, 0, 60_000], dtype=reports.columns[0].dtype)
    forged = Reports(reports.digest, reports.layout, (top,))
    aggregate = mechanism.aggregate(forged.take(slice(0, 1)))
    t = (float(mechanism.estimate(aggregate).value) - 0.5) / 2.5
    assert t == pytest.approx(mechanism.max_influence().item)
    assert mechanism.aggregate(forged).refused == 1


def test_a_pool_hands_out_each_number_once() -> None:
    mechanism = MECHANISMS[0]
    pool = NoisePool(mechanism.noise, 1000, entropy=Entropy.seeded(1))
    twin = NoisePool(mechanism.noise, 1000, entropy=Entropy.seeded(1))
    whole = twin.take(1000)
    assert np.array_equal(np.concatenate([pool.take(300), pool.take(700)]), whole)
    assert not pool._numbers.any()
    with pytest.raises(ProtocolMisuse, match="0 numbers left"):
        pool.take(1)
    pool.refill()
    assert not np.array_equal(pool.take(1000), whole)
    with pytest.raises(TypeError):
        pickle.dumps(pool)
    with pytest.raises(ConfigurationError):
        NoisePool(mechanism.noise, 0)


def test_a_pool_gives_nothing_to_a_forked_child(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded = NoisePool(MECHANISMS[0].noise, 10, entropy=Entropy.seeded(1))
    fresh = NoisePool(MECHANISMS[0].noise, 10)
    process = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process + 1)
    for pool in (seeded, fresh):
        with pytest.raises(ProtocolMisuse):
            pool.take(1)
    with pytest.raises(ProtocolMisuse):
        seeded.refill()
    fresh.refill()
    assert fresh.left == 10


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: mechanism.NAME)
def test_reports_from_a_pool_are_reports(mechanism: Local) -> None:
    values = np.linspace(-2, 3, 50_000)
    pool = NoisePool(mechanism.noise, len(values), entropy=Entropy.seeded(4))
    estimate = mechanism.estimate(mechanism.aggregate(mechanism.randomize_from(pool, values)))
    assert abs(float(estimate.value) - 0.5) < 6 * float(estimate.deviation)
    assert pool.left == 0
    with pytest.raises(ConfigurationError, match="the pool holds"):
        LocalLaplace(-2, 3, 2.0).randomize_from(pool, values)


def proofs(numbers: np.ndarray) -> int:
    """Of releases y = x + noise, x in {0, 1}: those below 1/2 with more than 53 digits, which prove x = 0."""
    scaled = numbers[np.abs(numbers) < 0.5] * 2.0**53
    return int((scaled != np.rint(scaled)).sum())


@pytest.mark.parametrize("kind", [LocalLaplace, LocalGaussian])
def test_a_precision_attack_proves_nothing_on_a_million_reports(kind: type[Local]) -> None:
    mechanism = LocalLaplace(0, 1, 1.0) if kind is LocalLaplace else LocalGaussian(0, 1, 1.0, 1e-5)
    seen = []
    for value in (0.0, 1.0):
        cells = mechanism.randomize(np.full(1_000_000, value), entropy=Entropy.seeded(9))["cell"].astype(np.int64)
        assert proofs((cells - mechanism._law.bound) / mechanism._law.steps) == 0
        assert 0 < cells.min() <= cells.max() < mechanism._law.cells - 1
        seen.append(np.bincount(cells, minlength=mechanism._law.cells))
    often = (seen[0] > 400) | (seen[1] > 400)  # frequent under one answer: seen under the other one as well
    assert (np.minimum(*seen)[often] > 0).all()


def test_the_same_attack_proves_the_input_of_floating_point_noise() -> None:
    noise = Entropy.seeded(9).generator("mutant").laplace(0.0, 1.0, 1_000_000)
    assert proofs(0.0 + noise) > 100_000
    assert proofs(1.0 + noise) == 0
