"""Pure losses and the size of distributions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tip.privacy import losses
from tip.privacy.events import (
    Composed,
    Concentrated,
    DiscreteGaussian,
    DiscreteLaplace,
    Event,
    Gaussian,
    Laplace,
    Nothing,
    PoissonSampled,
    PureLoss,
    RandomizedResponse,
    Repeated,
)
from tip.privacy.guarantees import Neighboring

RESPONSE = RandomizedResponse(3, Fraction(1, 2))  # two thirds stay, one sixth each for the others


@pytest.mark.parametrize(
    ("event", "epsilon"),
    [
        (Nothing(), 0.0),
        (RESPONSE, math.log(4)),
        (PureLoss(Fraction(3)), math.log(3)),
        (DiscreteLaplace(3, Fraction(2)), 1.5),
        (Composed((Laplace(0.5), Repeated(PureLoss(Fraction(2)), 3))), 0.5 + 3 * math.log(2)),
    ],
)
def test_pure_losses_add_up(event: Event, epsilon: float) -> None:
    found = losses.pure(event)
    assert found is not None
    assert epsilon - 1e-15 <= found <= epsilon * (1 + 1e-11)
    rho = losses.rho(Repeated(RESPONSE, 2))
    assert rho is not None
    assert rho >= Fraction(math.log(4)) ** 2


@pytest.mark.parametrize("event", [Gaussian(1.0), Concentrated(Fraction(1)), Composed((Laplace(1.0), Gaussian(1.0)))])
def test_noise_of_the_normal_law_is_not_pure(event: Event) -> None:
    assert losses.pure(event) is None


def test_the_zcdp_of_a_pure_loss_bounds_every_renyi_divergence() -> None:
    epsilon = math.log(3)
    rho = float(losses.rho(PureLoss(Fraction(3))) or 0)
    for order in (1.01, 1.5, 2.0, 5.0, 40.0):
        moment = sum(p**order * q ** (1 - order) for p, q in ((0.75, 0.25), (0.25, 0.75)))
        assert math.log(moment) / (order - 1) <= min(order * rho, epsilon) * (1 + 1e-12)


def test_answers_by_chance_are_about_replace_one() -> None:
    both = Composed((Gaussian(1.0), Repeated(RESPONSE, 2)))
    assert losses.of_relation(both, Neighboring.REPLACE_ONE)
    assert not losses.of_relation(both, Neighboring.ADD_REMOVE_ONE)
    assert losses.of_relation(PoissonSampled(Fraction(1, 2), Laplace(1.0)), Neighboring.ADD_REMOVE_ONE)


def test_sizes_grow_with_losses_and_with_noise() -> None:
    assert losses.values(Laplace(100.0), 1e-4) == 2e6
    assert math.isinf(losses.values(DiscreteGaussian(1, Fraction(10**12)), 1e-4))
    assert math.isinf(losses.values(DiscreteGaussian(100, Fraction(1)), 1e-4))
    assert math.isinf(losses.values(Gaussian(1e200), 1e-4))
    assert losses.values(Repeated(Laplace(1.0), 10**4), 1e-4) < 10**4 * losses.values(Laplace(1.0), 1e-4)
