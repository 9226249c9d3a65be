"""zCDP of integer noise and what it means, against other formulas."""

from __future__ import annotations

import importlib
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.privacy import gaussian, integer
from tip.privacy.events import (
    Composed,
    Concentrated,
    DiscreteGaussian,
    DiscreteGaussianSum,
    DiscreteLaplace,
    Gaussian,
    Laplace,
    Nothing,
    RandomizedResponse,
    Repeated,
)

# mpmath comes with dp-accounting and has no types
mp: Any = importlib.import_module("mpmath")
mp.mp.dps = 60

RHOS = st.fractions(min_value=Fraction(1, 10**6), max_value=20, max_denominator=10**9)
DELTAS = st.floats(1e-12, 0.4)


@pytest.mark.parametrize(("variance", "expected"), [(Fraction(4), 7e-17), (Fraction(1), 5e-4), (Fraction(1, 4), 2.1)])
def test_tau_of_eight_shares(variance: Fraction, expected: float) -> None:
    assert integer.tau(variance, 8) == pytest.approx(expected, rel=0.1)


@settings(max_examples=50, deadline=None)
@given(st.fractions(min_value=Fraction(1, 4), max_value=40), st.integers(1, 3000))
def test_tau_is_above_its_sum(variance: Fraction, shares: int) -> None:
    k = np.arange(1, shares)
    plain = 10 * float(np.exp(-2 * math.pi**2 * float(variance) * k / (k + 1)).sum())
    bound = integer.tau(variance, shares)
    assert bound >= plain
    assert bound <= plain * 1.2 + 1e-15 or float(variance) > 2


def test_tau_of_many_shares_is_quick_and_positive() -> None:
    assert 0 < integer.tau(Fraction(2), 10**12) < 1e-4
    assert integer.tau(Fraction(10**9), 2) > 0
    assert integer.tau(Fraction(2), 1) == 0
    with pytest.raises(ConfigurationError, match="1/4"):
        integer.tau(Fraction(1, 5), 3)


def test_theta_step_of_the_proof() -> None:
    """log(theta_max / theta_min) <= 5 q for q <= 1/10, by summation."""
    for q in np.linspace(1e-6, 0.1, 200):
        k = np.arange(1, 60)
        powers = 2 * q ** (k**2.0)
        assert math.log((1 + powers.sum()) / (1 - powers.sum())) <= 5 * q


def test_one_share_is_exact() -> None:
    assert integer.rho_of_sum(DiscreteGaussianSum(12, Fraction(7, 2), 1, 650)) == Fraction(12) / 7


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**9), st.fractions(min_value=2, max_value=10**6), st.integers(1, 5000), st.integers(1, 10**6))
def test_rho_of_sum_is_the_published_formula_rounded_up(
    squared: int, variance: Fraction, shares: int, dimension: int
) -> None:
    event = DiscreteGaussianSum(squared, variance, shares, dimension)
    main = math.sqrt(squared / (shares * float(variance)))
    formula = 0.5 * (main + integer.tau(variance, shares) * math.sqrt(dimension)) ** 2
    assert float(integer.rho_of_sum(event)) == pytest.approx(formula, rel=1e-12)
    assert integer.rho_of_sum(event) >= Fraction(squared) / (2 * shares * variance)


@settings(max_examples=50, deadline=None)
@given(RHOS, DELTAS)
def test_conversion_beats_the_simple_one_and_is_dominated_by_nothing_smaller(rho: Fraction, delta: float) -> None:
    """eps <= rho + 2 sqrt(rho log 1/delta) (Bun and Steinke); and never below the Gaussian's own epsilon."""
    epsilon = integer.epsilon_of_rho(rho, delta)
    r = float(rho)
    assert epsilon <= r + 2 * math.sqrt(r * math.log(1 / delta)) + 1e-12
    assert epsilon >= gaussian.epsilon_of(math.sqrt(2 * r), delta) * (1 - 1e-9)


@settings(max_examples=50, deadline=None)
@given(RHOS, DELTAS)
def test_conversions_are_inverse_to_each_other(rho: Fraction, delta: float) -> None:
    epsilon = integer.epsilon_of_rho(rho, delta)
    if epsilon > 1e-6:
        assert integer.delta_of_rho(rho, epsilon) == pytest.approx(delta, rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(RHOS, st.floats(0, 40), st.floats(-8, 8))
def test_the_order_is_the_best_one(rho: Fraction, epsilon: float, log_order: float) -> None:
    """No other order gives a smaller delta (the search is exact), so every order is above the result."""
    a, r = math.exp(log_order), float(rho)
    other = a * ((1 + a) * r - epsilon) - a * math.log1p(1 / a) - math.log1p(a)
    assert integer.delta_of_rho(rho, epsilon) <= math.exp(min(other, 1.0)) * (1 + 1e-9) + 1e-300


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 20), st.floats(1e-12, 0.1))
def test_rho_for_keeps_its_promise_and_is_greatest(epsilon: float, delta: float) -> None:
    rho = integer.rho_for(epsilon, delta)
    assert integer.epsilon_of_rho(rho, delta) <= epsilon
    assert integer.epsilon_of_rho(rho * Fraction(1001, 1000), delta) > epsilon


def test_rho_for_stays_on_its_grid() -> None:
    """Mutant: another width of the grid."""
    assert (1 << 64) % integer.rho_for(1e-4, 1e-6).denominator == 0


def test_rho_for_refuses_what_no_noise_gives() -> None:
    with pytest.raises(ConfigurationError, match="larger epsilon"):
        integer.rho_for(0.0, 1e-300)


@settings(max_examples=50, deadline=None)
@given(RHOS, st.floats(1e-9, 0.999))
def test_hit_rate_is_the_minimum_over_all_deltas(rho: Fraction, a: float) -> None:
    """The closed form is at most e^eps a + delta at any epsilon, and at least the Gaussian curve."""
    rate = integer.hit_rate(rho, a)
    assert rate >= gaussian.hit_rate(math.sqrt(2 * float(rho)), a) * (1 - 1e-9)
    for epsilon in (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0):
        delta = integer.delta_of_rho(rho, epsilon)
        assert rate <= min(1.0, math.exp(epsilon) * a + delta) * (1 + 1e-9)
        assert rate <= 1 - (1 - a - delta) * math.exp(-epsilon) + 1e-9


@pytest.mark.parametrize("gap", ["0.01", "0.1", "1", "3"])
def test_hit_rate_stays_above_its_formula_where_two_roots_nearly_cancel(gap: str) -> None:
    """Mutant: a margin of the difference without the roots' own errors."""
    for false_alarm in (1e-300, 1e-200, 3e-308):
        root = mp.sqrt(-mp.log(mp.mpf(false_alarm)))
        rho = Fraction(int(mp.floor((root - mp.mpf(gap)) ** 2 * 2**80)), 2**80)
        true = mp.exp(-((root - mp.sqrt(mp.mpf(rho.numerator) / rho.denominator)) ** 2))
        assert true <= integer.hit_rate(rho, false_alarm) <= true * (1 + 1e-9)


def test_hit_rate_at_the_ends() -> None:
    assert integer.hit_rate(Fraction(1, 10), 0.0) == 0.0
    assert integer.hit_rate(Fraction(1, 10), 1.0) == 1.0
    assert integer.hit_rate(Fraction(0), 0.3) == 0.3
    assert integer.hit_rate(Fraction(10**6), 0.3) == 1.0
    assert 0 < integer.hit_rate(Fraction(1, 10), 1e-300) < 1e-200


@settings(max_examples=50, deadline=None)
@given(RHOS, st.floats(0.01, 40))
def test_loss_tail_is_above_the_gaussian_tail(rho: Fraction, epsilon: float) -> None:
    mu = math.sqrt(2 * float(rho))
    assert integer.loss_tail(rho, epsilon) >= gaussian.odds_tail(epsilon, mu) * (1 - 1e-6) - 1e-300


def test_rules_for_events() -> None:
    half = Gaussian(0.5)
    assert integer.rho_of(Nothing()) == 0
    assert integer.rho_of(half) == Fraction(1, 8)
    assert integer.rho_of(DiscreteGaussian(3, Fraction(9))) == Fraction(1, 2)
    assert integer.rho_of(Laplace(0.5)) == Fraction(1, 8)
    assert integer.rho_of(DiscreteLaplace(2, Fraction(4))) == Fraction(1, 8)
    assert integer.rho_of(Concentrated(Fraction(3, 7))) == Fraction(3, 7)
    assert integer.rho_of(Composed((half, Repeated(Concentrated(Fraction(1, 8)), 7)))) == 1
    assert integer.rho_of(Repeated(half, 8)) == 1
    assert integer.rho_of(Composed((half, Repeated(half, 7)))) == 1
    assert integer.rho_of(Composed((half, RandomizedResponse(2, Fraction(1, 2))))) is None
    assert integer.rho_of(Repeated(RandomizedResponse(2, Fraction(1, 2)), 2)) is None


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 3.0])
def test_pure_closeness_gives_half_epsilon_squared(epsilon: float) -> None:
    """Step 2 of the proof: the extreme pair is randomized response."""
    for alpha in (1.001, 1.5, 2.0, 10.0, 100.0):
        moment = math.log(math.cosh((alpha - 0.5) * epsilon) / math.cosh(epsilon / 2))
        assert moment / (alpha - 1) <= epsilon**2 / 2 * alpha * (1 + 1e-12)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 3), st.floats(0.01, 3), st.floats(1.01, 50))
def test_triangle_inequality_of_the_proof(a: float, b: float, alpha: float) -> None:
    """Step 3: with the stated s the Holder bound is exactly (a + b)^2 alpha / 2."""
    s = b * (alpha - 1) / (a * alpha)
    first = a * a * alpha / 2 * (1 + s * alpha / (alpha - 1))
    second = b * b / 2 * (alpha + (alpha - 1) / s)
    assert first + second == pytest.approx((a + b) ** 2 * alpha / 2, rel=1e-9)
