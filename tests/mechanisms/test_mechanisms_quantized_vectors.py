"""SQKR: exact ratio for every seed, flat representations, the exact error."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.quantized_vectors import SQKR, analyzed, synthesized
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

ALPHA = 1e-6


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4, 40])
def test_for_every_seed_the_ratio_is_at_most_the_stated_one(epsilon: float) -> None:
    mechanism = SQKR(3, 1, epsilon, bits=3)
    corners = [*np.eye(3), *-np.eye(3), np.zeros(3), np.array([0.6, 0.8, 0.0])]
    for seed in (0, 5, 2**64 - 1):
        laws = [mechanism.law_given(corner, seed) for corner in corners]
        assert all(sum(law.values()) == 1 for law in laws)
        assert max(a[c] / b[c] for a in laws for b in laws for c in a) <= mechanism.ratio
    assert mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.p / mechanism.q == mechanism.ratio


@pytest.mark.parametrize(("epsilon", "used"), [(0.5, 1), (1, 1), (2, 2), (4, 4), (8, 8)])
def test_about_epsilon_bits_are_used(epsilon: float, used: int) -> None:
    assert abs(SQKR(64, 1, epsilon).used - used) <= 2
    assert SQKR(64, 1, epsilon, bits=1).used == 1


@pytest.mark.parametrize("dimension", [5, 64, 200])
def test_flat_coefficients_represent_the_vector_and_fit_the_box(dimension: int) -> None:
    mechanism = SQKR(dimension, 1, 1.0)
    values = Entropy.seeded(1).generator("v").normal(size=(100, dimension))
    values /= np.sqrt((values**2).sum(axis=1))[:, None]
    flat = mechanism.flat(values)
    vectors = synthesized(flat * 2 / np.sqrt(2 * mechanism.padded))
    assert vectors[:, :dimension] == pytest.approx(values, abs=1e-9)
    assert (np.abs(flat) > 1).mean() < 1e-4
    assert synthesized(analyzed(vectors)) == pytest.approx(vectors)


@pytest.mark.parametrize("epsilon", [1.0, 4.0])
def test_unbiased_with_the_exact_variance(epsilon: float) -> None:
    mechanism, n, d = SQKR(50, 2.0, epsilon), 6000, 50
    value = np.linspace(0.1, 1, d)
    value *= 2 / np.linalg.norm(value)
    reports = mechanism.randomize(np.tile(value, (n, 1)), entropy=Entropy.seeded(3))
    estimate = mechanism.estimate(mechanism.aggregate(reports))
    exact = mechanism.variance(value, reports=n)
    z = (estimate.value - value) / np.sqrt(exact)
    assert (np.abs(z) < 6).all()
    assert 0.4 < (z * z).mean() < 2
    assert exact.sum() * n == pytest.approx(mechanism.error())
    assert abs(value @ (estimate.value - value)) < 6 * np.sqrt((value**2 * exact).sum())
    assert estimate.variance == pytest.approx(exact, rel=0.2)
    assert abs(value @ (0.5 * estimate.value - value)) > 5 * np.sqrt(
        (value**2 * exact).sum()
    )  # a mutant with half the scale


def test_the_law_given_the_seed_is_followed() -> None:
    mechanism, value, n = SQKR(3, 1, 2.0, bits=2), np.array([0.6, 0.8, 0.0]), 1000
    reports = mechanism.randomize(np.tile(value, (n, 1)), entropy=Entropy.seeded(3))
    sample = [mechanism.law_given(value, int(seed)) for seed in reports["seed"].tolist()]
    expected = np.array([[float(law[c,]) for c in range(1 << mechanism.used)] for law in sample])
    seen = reports["symbol"].astype(int)
    mean = expected.sum(axis=0)
    spread = np.sqrt((expected * (1 - expected)).sum(axis=0))
    counts = np.bincount(seen, minlength=len(mean))
    assert (np.abs(counts - mean) < 6 * spread).all()
    likelihood = np.log(expected[np.arange(n), seen])
    entropy = (expected * np.log(expected)).sum(axis=1)
    deviation = np.sqrt(((expected * np.log(expected) ** 2).sum(axis=1) - entropy**2).sum())
    assert abs((likelihood - entropy).sum()) < 6 * deviation
    mutant = np.log(expected[np.arange(n), seen ^ 1])
    assert abs((mutant - entropy).sum()) > 6 * deviation


def test_wire_order_and_hostile_rows() -> None:
    mechanism, entropy = SQKR(10, 1, 2.0, bits=3), Entropy.seeded(1)
    values = np.tile(np.eye(10), (30, 1))
    order = entropy.generator("order").permutation(len(values))
    whole = mechanism.randomize(values, entropy=entropy)
    mixed = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert all(np.array_equal(a[order], b) for a, b in zip(whole.columns, mixed.columns, strict=True))
    assert mechanism.aggregate(mechanism.read(whole.to_bytes())) == mechanism.aggregate(mixed)
    symbols = whole["symbol"].copy()
    symbols[0] = 255
    assert mechanism.aggregate(Reports(whole.digest, whole.layout, (whole["seed"], symbols))).refused == 1
    limit = mechanism.max_influence()
    for row in range(20):
        moved = mechanism.estimate(mechanism.aggregate(whole.take(slice(row, row + 1)))).value
        assert np.abs(moved).max() <= limit.item * (1 + 1e-9)
        assert np.linalg.norm(moved) <= limit.euclidean * (1 + 1e-9)
    with pytest.raises(ConfigurationError):
        SQKR(10, 1, 1.0, bits=17)
