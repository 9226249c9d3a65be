"""Calibration: enough noise, and hardly more than enough."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.privacy.calibration import share_variance_for
from tip.privacy.events import DiscreteGaussianSum
from tip.privacy.integer import epsilon_of_rho, rho_of_sum


def epsilon_at(variance: Fraction, delta: float, squared: int, shares: int, dimension: int, rounds: int) -> float:
    event = DiscreteGaussianSum(squared, variance, shares, dimension)
    return epsilon_of_rho(rounds * rho_of_sum(event), delta)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.05, 10),
    st.floats(1e-10, 1e-2),
    st.integers(1, 10**10),
    st.integers(1, 10**5),
    st.integers(1, 10**5),
    st.integers(1, 500),
)
def test_enough_and_hardly_more(
    epsilon: float, delta: float, squared: int, shares: int, dimension: int, rounds: int
) -> None:
    variance = share_variance_for(
        epsilon=epsilon, delta=delta, squared_sensitivity=squared, shares=shares, dimension=dimension, rounds=rounds
    )
    assert epsilon_at(variance, delta, squared, shares, dimension, rounds) <= epsilon
    less = variance * Fraction(99, 100)
    if less >= 2:
        assert epsilon_at(less, delta, squared, shares, dimension, rounds) > epsilon
    numerator = variance.numerator
    assert (numerator & -numerator).bit_length() + 9 > numerator.bit_length()  # at most nine significant bits
    assert variance.denominator & (variance.denominator - 1) == 0


def test_tiny_requirements_get_the_least_share() -> None:
    assert share_variance_for(epsilon=8.0, delta=1e-5, squared_sensitivity=4, shares=1000, dimension=10, rounds=1) == 2


def test_the_survey_is_quick() -> None:
    started = time.process_time()
    for _ in range(10):
        share_variance_for(
            epsilon=2.0, delta=1e-5, squared_sensitivity=4 * 6000**2, shares=2900, dimension=40, rounds=150
        )
    assert time.process_time() - started < 10 * 0.05


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epsilon", math.nan),
        ("epsilon", -1.0),
        ("epsilon", math.inf),
        ("delta", 0.0),
        ("delta", 1.0),
        ("squared_sensitivity", 0),
        ("squared_sensitivity", 4.0),
        ("shares", 0),
        ("shares", True),
        ("dimension", 0),
        ("rounds", 0),
        ("rounds", 1.5),
    ],
)
def test_nonsense_is_refused(key: str, value: float) -> None:
    given_values = dict(epsilon=1.0, delta=1e-5, squared_sensitivity=4, shares=3, dimension=2, rounds=1)  # noqa: C408
    with pytest.raises(ConfigurationError):
        share_variance_for(**(given_values | {key: value}))  # type: ignore[arg-type]  # that is the test


def test_the_impossible_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="coarser grid step"):
        share_variance_for(epsilon=1e-3, delta=1e-9, squared_sensitivity=1 << 60, shares=1, dimension=1, rounds=1000)
