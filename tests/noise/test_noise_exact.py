"""The rejection samplers: coins, both arithmetics, addresses."""

from __future__ import annotations

from fractions import Fraction
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binomtest

from tip.noise import exact
from tip.noise.exact import Draws, bernoulli_exp, discrete_gaussian, discrete_laplace
from tip.randomness import Entropy, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Sampler = Callable[[Stream, NDArray[np.int64], int, Fraction], NDArray[np.int64]]

ALPHA = 1e-6
SAMPLERS = [(discrete_gaussian, Fraction(123, 10)), (discrete_laplace, Fraction(21, 10))]


def stream() -> Stream:
    return Entropy.seeded(11).stream("rejection")


def draws(size: int) -> Draws:
    return Draws(stream(), np.arange(size), np.zeros(size, dtype=np.int64))


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 3), (1, 1), (7, 5), (3 * 2**70, 2**71 + 1)])
def test_coins_of_probability_exp(numerator: int, denominator: int) -> None:
    size = 40_000
    numerators = np.full(size, numerator, dtype=object)
    coins = bernoulli_exp(draws(size), numerators, denominator, np.arange(size))
    probability = exp(-numerator / denominator)
    assert binomtest(int(coins.sum()), size, probability).pvalue > ALPHA
    assert binomtest(int(coins.sum()), size, probability * 0.93).pvalue < ALPHA  # the mutant: 7 % off


@pytest.mark.parametrize("high", [1, 3, 2**63, 2**63 + 1, 2**64, 3 * 2**80])
def test_numbers_below_any_bound(high: int) -> None:
    size = 8000
    numbers = draws(size).below(high, np.arange(size)).astype(object)
    assert (numbers >= 0).all()
    assert (numbers < high).all()
    if high > 3:
        low = int((numbers * 4 // high == 0).sum())
        assert binomtest(low, size, 0.25).pvalue > ALPHA


@pytest.mark.parametrize(("sampler", "parameter"), SAMPLERS)
@pytest.mark.parametrize("block", [1, 7])
def test_blocks_do_not_change_a_bit(sampler: Sampler, parameter: Fraction, block: int) -> None:
    agents = np.array([5, 0, 99, 2**62, 17, 3, 4, 8])
    whole = sampler(stream(), agents, 9, parameter)
    parts = [sampler(stream(), agents[i : i + block], 9, parameter) for i in range(0, 8, block)]
    assert (np.concatenate(parts) == whole).all()
    assert (sampler(stream(), agents, 4, parameter) == whole[:, :4]).all()


def test_both_arithmetics_give_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    agents = np.arange(50)
    fast = [discrete_gaussian(stream(), agents, 4, Fraction(900)), discrete_laplace(stream(), agents, 4, Fraction(31))]
    monkeypatch.setattr(exact, "_SAFE", 1)
    slow = [discrete_gaussian(stream(), agents, 4, Fraction(900)), discrete_laplace(stream(), agents, 4, Fraction(31))]
    assert (np.array(fast) == np.array(slow)).all()


@pytest.mark.parametrize("parameter", [Fraction(2**80), Fraction(10**30 + 1, 10**6), Fraction(1, 10**30)])
def test_parameters_far_beyond_64_bits(parameter: Fraction) -> None:
    noise = discrete_gaussian(stream(), np.arange(30), 1, parameter)
    sigma = float(parameter) ** 0.5
    assert np.abs(noise).max() <= 8 * sigma
    assert sigma < 1 or np.abs(noise).max() >= sigma / 4


@pytest.mark.parametrize("scale", [Fraction(2**55), Fraction(10**30 + 1, 10**15), Fraction(1, 10**30)])
def test_scales_far_beyond_64_bits(scale: Fraction) -> None:
    noise = np.abs(discrete_laplace(stream(), np.arange(30), 1, scale))
    assert noise.max() <= 40 * float(scale)
    assert scale < 1 or noise.max() >= float(scale) / 4


@pytest.mark.parametrize("denominator", [2**62, 2**63 - 1, 2**63, 2**64, 10**30])
def test_small_numerators_over_a_huge_denominator(denominator: int) -> None:
    assert bernoulli_exp(draws(50), np.arange(50), denominator, np.arange(50)).all()


def test_empty_requests() -> None:
    assert discrete_gaussian(stream(), np.zeros(0, dtype=np.int64), 5, Fraction(4)).shape == (0, 5)
    assert discrete_laplace(stream(), np.arange(3), 0, Fraction(4)).shape == (3, 0)
