"""Randomized response: its exact law, its ratio, its estimates."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.mechanisms import GeneralizedRandomizedResponse
from tip.mechanisms.thresholds import exp_down, exp_up
from tip.privacy.rounding import log_up

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("categories", [2, 3, 7, 16])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    categories: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = GeneralizedRandomizedResponse(categories, epsilon)
    ratio = largest_ratio(mechanism, range(categories))
    assert ratio == mechanism.ratio <= exp_down(Fraction(epsilon))
    promised = mechanism.guarantee.epsilon
    assert promised is not None
    assert promised <= epsilon
    assert exp_up(Fraction(promised)) >= ratio
    assert mechanism.guarantee.epsilon == min(log_up(ratio), epsilon)


@pytest.mark.parametrize("categories", [2, 5, 16])
def test_reports_follow_the_law(categories: int, p_value: Callable[..., float]) -> None:
    mechanism = GeneralizedRandomizedResponse(categories, 1.0)
    assert p_value(mechanism, 1) > ALPHA


def test_a_mutant_that_may_name_the_truth_twice_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = GeneralizedRandomizedResponse(5, 1.0)
    p, k = mechanism.p, 5
    uniform_over_all = {(item,): p * (item == 1) + (1 - p) / k for item in range(k)}
    assert p_value(mechanism, 1, law=uniform_over_all) < ALPHA


def test_the_estimate_is_unbiased_with_the_exact_variance() -> None:
    mechanism = GeneralizedRandomizedResponse(4, 1.0)
    truth = np.array([0.7, 0.2, 0.1, 0.0])
    answers = np.repeat(np.arange(4), (truth * 1000).astype(int))
    values = np.array([mechanism.estimate(mechanism.aggregate(mechanism.randomize(answers))).value for _ in range(400)])
    variance = np.asarray(mechanism.variance(truth, reports=1000))
    z = (values.mean(axis=0) - truth) / np.sqrt(variance / 400)
    assert (np.abs(z) < 6).all()
    ratio = values.var(axis=0) / variance
    assert ((ratio > 0.6) & (ratio < 1.5)).all()
