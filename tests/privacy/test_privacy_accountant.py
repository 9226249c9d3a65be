"""Accounting: check values, safe direction, refusals instead of numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.privacy import accountant, gaussian, integer, losses
from tip.privacy.events import (
    Composed,
    Concentrated,
    DiscreteGaussian,
    DiscreteGaussianSum,
    DiscreteLaplace,
    Event,
    Gaussian,
    Laplace,
    Nothing,
    PoissonSampled,
    PureLoss,
    RandomizedResponse,
    Repeated,
    Unprotected,
)
from tip.privacy.guarantees import Neighboring

ADD, REPLACE = Neighboring.ADD_REMOVE_ONE, Neighboring.REPLACE_ONE
SUM = DiscreteGaussianSum(400, Fraction(40), 10, 3)
RESPONSE = RandomizedResponse(3, Fraction(1, 2))


def sampled(rate: str, sigma: float, times: int) -> Repeated:
    return Repeated(PoissonSampled(Fraction(rate), Gaussian(1 / sigma)), times)


@pytest.mark.parametrize(
    ("event", "neighboring", "expected", "tolerance"),
    [
        (sampled("0.01", 1, 1000), ADD, 1.82824, 0.002),
        (Repeated(Gaussian(1 / 20), 100), REPLACE, 1.99309, 0.002),
        (Repeated(Laplace(0.1), 100), REPLACE, 4.22035, 0.001),
        (Repeated(DiscreteGaussian(1, Fraction(100)), 100), REPLACE, 4.37775, 0.001),
        (RESPONSE, REPLACE, math.log(4), 1e-3),
        (DiscreteLaplace(1, Fraction(2)), REPLACE, 0.5, 1e-3),
        (Laplace(0.3), ADD, 0.3, 1e-3),
    ],
)
def test_check_values(event: Event, neighboring: Neighboring, expected: float, tolerance: float) -> None:
    assert accountant.epsilon(event, 1e-5, neighboring) == pytest.approx(expected, abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (sampled("0.01", 1, 3000), 3.19233),
        (sampled("0.01", 1, 10000), 6.18771),
        (sampled("0.01", 0.6, 1000), 7.43361),
        (sampled("0.256", 8, 500), 3.01743),
    ],
)
def test_more_check_values(event: Event, expected: float) -> None:
    assert accountant.epsilon(event, 1e-5, ADD) == pytest.approx(expected, abs=0.002)


def test_the_exact_gaussian_curve_is_used_where_it_holds() -> None:
    event = Composed((Repeated(Gaussian(0.1), 9), Gaussian(0.4), Nothing()))
    assert accountant.epsilon(event, 1e-5, REPLACE) == pytest.approx(gaussian.epsilon_of(0.5, 1e-5), rel=1e-9)
    assert accountant.delta(event, 1.0, REPLACE) == pytest.approx(gaussian.delta_of(1.0, 0.5), rel=1e-9)


def test_the_library_agrees_with_the_closed_form() -> None:
    """One Gaussian through its distribution (a sample of rate 1) and through the curve."""
    through_pld = accountant.epsilon(PoissonSampled(Fraction(1), Gaussian(0.5)), 1e-5, ADD)
    assert through_pld == pytest.approx(gaussian.epsilon_of(0.5, 1e-5), abs=1e-3)
    assert through_pld >= gaussian.epsilon_of(0.5, 1e-5) - 1e-9


def test_one_discrete_gaussian_against_enumeration() -> None:
    sensitivity, variance, epsilon = 2, 9, 0.8
    masses = {k: math.exp(-(k**2) / (2 * variance)) for k in range(-120, 121)}
    total = sum(masses.values())
    exact = sum(
        max(0.0, masses[k] - math.exp(epsilon) * masses.get(k - sensitivity, 0.0)) / total for k in range(-110, 111)
    )
    bound = accountant.delta(DiscreteGaussian(sensitivity, Fraction(variance)), epsilon, REPLACE)
    assert exact <= bound <= exact * 1.001


def test_integer_sums_go_through_zcdp() -> None:
    rho = integer.rho_of_sum(SUM)
    assert accountant.epsilon(Repeated(SUM, 5), 1e-6, REPLACE) == integer.epsilon_of_rho(5 * rho, 1e-6)
    assert accountant.delta(SUM, 2.0, REPLACE) == integer.delta_of_rho(rho, 2.0)
    mixed = Composed((SUM, Gaussian(0.5), DiscreteLaplace(1, Fraction(4))))
    assert accountant.epsilon(mixed, 1e-6, REPLACE) == integer.epsilon_of_rho(
        rho + Fraction(1, 8) + Fraction(1, 32), 1e-6
    )


def test_a_release_proven_elsewhere_goes_through_zcdp() -> None:
    event = Composed((Concentrated(Fraction(1, 3)), Repeated(Concentrated(Fraction(1, 12)), 2)))
    assert accountant.epsilon(event, 1e-6, REPLACE) == integer.epsilon_of_rho(Fraction(1, 2), 1e-6)
    assert accountant.delta(event, 3.0, ADD) == integer.delta_of_rho(Fraction(1, 2), 3.0)
    assert not accountant.missing_rule(Composed((event, Gaussian(1.0))), REPLACE)
    assert accountant.epsilon(Concentrated(Fraction(0)), 1e-6, REPLACE) == 0
    assert "Poisson sample of Concentrated" in accountant.missing_rule(
        PoissonSampled(Fraction(1, 2), event.events[0]), ADD
    )
    assert "Concentrated" in accountant.missing_rule(Composed((event, RESPONSE)), ADD)


def test_nothing_costs_nothing() -> None:
    assert accountant.epsilon(Nothing(), 1e-5, REPLACE) == 0.0
    assert accountant.epsilon(Repeated(RESPONSE, 0), 1e-5, REPLACE) == 0.0
    assert accountant.delta(Composed(()), 0.0, REPLACE) == 0.0


@pytest.mark.parametrize(
    ("event", "neighboring", "words"),
    [
        (Unprotected(), REPLACE, "without noise"),
        (Composed((Gaussian(0.1), Unprotected())), REPLACE, "without noise"),
        (sampled("0.01", 1, 10), REPLACE, "dominating pair"),
        (sampled("0.01", 1, 10), Neighboring.ZERO_OUT, "dominating pair"),
        (PoissonSampled(Fraction(1, 10), SUM), ADD, "a Poisson sample of DiscreteGaussianSum"),
        (PoissonSampled(Fraction(1, 10), Repeated(Gaussian(1.0), 2)), ADD, "a Poisson sample of Repeated"),
        (Composed((SUM, sampled("0.01", 1, 10))), ADD, "DiscreteGaussianSum together with"),
        (Composed((SUM, RESPONSE)), ADD, "DiscreteGaussianSum together with"),
        (RESPONSE, ADD, "randomized response"),
    ],
)
def test_no_rule_no_number(event: Event, neighboring: Neighboring, words: str) -> None:
    assert words in accountant.missing_rule(event, neighboring)
    with pytest.raises(ConfigurationError, match="no rule"):
        accountant.epsilon(event, 1e-5, neighboring)
    with pytest.raises(ConfigurationError, match="no rule"):
        accountant.delta(event, 1.0, neighboring)


def test_arguments_are_checked() -> None:
    for delta in (0.0, 1.0, math.nan, -1.0):
        with pytest.raises(ConfigurationError):
            accountant.epsilon(Gaussian(1.0), delta, REPLACE)
    with pytest.raises(ConfigurationError):
        accountant.delta(Gaussian(1.0), -1.0, REPLACE)
    with pytest.raises(ConfigurationError):
        accountant.epsilon(Gaussian(1.0), 1e-5, "replace-one")  # type: ignore[arg-type]  # that is the test


def test_noise_far_too_small_is_charged_by_zcdp_where_no_distribution_is_left() -> None:
    """The shift of 30 is 24 deviations: all of the distribution's mass lies beyond its grid."""
    event = Composed((DiscreteGaussian(30, Fraction(3, 2)),))
    assert accountant.epsilon(event, 1e-6, Neighboring.REPLACE_ONE) == integer.epsilon_of_rho(Fraction(300), 1e-6)
    assert accountant.delta(event, 1.0, Neighboring.REPLACE_ONE) == 1.0


@pytest.mark.parametrize(
    "event",
    [
        Laplace(1e6),
        Laplace(1e300),
        DiscreteLaplace(10**12, Fraction(10)),
        DiscreteGaussian(10**6, Fraction(10)),
        DiscreteGaussian(10**9, Fraction(10**18)),
        Repeated(Laplace(5.0), 10**6),
        Composed((Gaussian(1e5), Laplace(1.0))),
        PureLoss(Fraction(10) ** 1000),
    ],
)
def test_losses_too_large_for_a_distribution_are_bounded_otherwise(event: Event) -> None:
    rho, pure = losses.rho(event), losses.pure(event)
    assert rho is not None
    bounds = [integer.epsilon_of_rho(rho, 1e-6), *([] if pure is None else [pure])]
    assert accountant.epsilon(event, 1e-6, REPLACE) == min(bounds)


def test_what_is_too_large_and_has_no_other_rule_is_not_proven() -> None:
    assert "losses so large" in accountant.missing_rule(PoissonSampled(Fraction(1, 2), Gaussian(1e4)), ADD)


def test_answers_by_chance_compose_with_sums_of_noise() -> None:
    event = Composed((SUM, PureLoss(Fraction(2))))
    rho = integer.rho_of_sum(SUM) + Fraction(math.log(2)) ** 2 / 2
    assert accountant.epsilon(event, 1e-6, REPLACE) == pytest.approx(integer.epsilon_of_rho(rho, 1e-6), rel=1e-12)
    assert accountant.missing_rule(event, ADD)
