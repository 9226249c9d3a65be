"""Every way to sample against the exact law at alpha = 1e-6, with mutants that are rejected."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import chi2, norm

from tip.errors import ConfigurationError
from tip.noise import DiscreteGaussian, DiscreteLaplace
from tip.noise.cutoffs import GaussianHalf, GaussianMagnitude
from tip.noise.exact import discrete_gaussian, discrete_laplace
from tip.noise.inversion import table
from tip.noise.wide import _Gaussian, wide_gaussian, wide_laplace
from tip.randomness import Entropy, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Law = DiscreteGaussian | DiscreteLaplace
    Integers = NDArray[np.int64]

ALPHA = 1e-6
AGENTS = np.arange(1000)
GAUSSIANS = [Fraction(1, 4), Fraction(7, 3), Fraction(100), Fraction(10**6), Fraction(2**26), Fraction(10**12, 7)]
LAPLACES = [Fraction(1, 2), Fraction(1), Fraction(10), Fraction(1000), Fraction(10**6, 3), Fraction(10**10)]


def stream() -> Stream:
    return Entropy.seeded(2024).stream("laws")


def p_value(samples: Integers, law: Law) -> float:
    """The least of three p-values (mean, second moment, chi-square over bins), times three."""
    values = samples.reshape(-1).astype(np.float64)
    n, variance = values.size, law.true_variance
    mean = values.sum() / np.sqrt(n * variance)
    second = ((values**2).mean() - variance) / np.sqrt((law.fourth_moment - variance**2) / n)
    return 3 * float(min(2 * norm.sf(abs(mean)), 2 * norm.sf(abs(second)), chi_square(values, law)))


def chi_square(values: NDArray[np.float64], law: Law) -> float:
    reach = 3 * np.sqrt(law.true_variance)
    edges = np.unique(np.floor(np.linspace(-reach, reach, 50)))
    expected = values.size * np.diff(law.cdf(edges), prepend=0, append=1)
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(expected))
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), len(edges)))


@pytest.mark.parametrize("law", [*map(DiscreteGaussian, GAUSSIANS), *map(DiscreteLaplace, LAPLACES)])
def test_samples_follow_the_law_and_mutants_do_not(law: Law) -> None:
    samples = law.sample(stream(), AGENTS, 400)
    assert p_value(samples, law) > ALPHA
    mutants = [
        np.abs(samples),  # one side only
        np.where(samples == 0, 1, samples) if law.true_variance < 1e3 else np.abs(samples),  # zero is missing
        samples + (samples >= 0) if law.true_variance < 1e4 else np.abs(samples),  # a threshold off by one
    ]
    for mutant in mutants:
        assert p_value(mutant, law) < ALPHA


@pytest.mark.parametrize("law", [DiscreteGaussian(Fraction(100)), DiscreteLaplace(Fraction(10))])
def test_a_scale_two_percent_wrong_is_rejected(law: Law) -> None:
    wrong = (
        DiscreteGaussian(Fraction(10404, 100))
        if isinstance(law, DiscreteGaussian)
        else DiscreteLaplace(Fraction(51, 5))
    )
    assert p_value(wrong.sample(stream(), AGENTS, 400), law) < ALPHA


def test_a_rounded_continuous_gaussian_is_rejected() -> None:
    law = DiscreteGaussian(Fraction(1, 4))
    uniform = (stream().words(AGENTS, 400) >> np.uint64(11)).astype(np.float64) / 2**53 + 2**-54
    assert p_value(np.rint(0.5 * ndtri(uniform)).astype(np.int64), law) < ALPHA


def _forced_ties(law: Law) -> Integers:
    return table(GaussianMagnitude(Fraction(100)), 7).sample(stream(), AGENTS, 20)


def _tested_often(law: Law) -> Integers:
    """The wide Gaussian with a low part so wide that both tests decide often: sigma / S = 64."""
    half = table(GaussianHalf(law.variance / 4**3), 63)  # type: ignore[union-attr] # a Gaussian here
    return _Gaussian(Fraction(2**18), 3, half).sample(stream(), AGENTS[:100], 400)


def _far_only(law: Law) -> Integers:
    half = table(GaussianHalf(law.variance / 4**7), 63)  # type: ignore[union-attr] # a Gaussian here
    return _Gaussian(Fraction(2**18), 7, half).sample(stream(), AGENTS[:100], 400)


OTHERS: dict[str, tuple[Law, Callable[[Any], Integers]]] = {
    "ties": (DiscreteGaussian(Fraction(100)), _forced_ties),
    "rejected gaussian": (
        DiscreteGaussian(Fraction(49, 4)),
        lambda law: discrete_gaussian(stream(), AGENTS[:500], 200, law.variance),
    ),
    "rejected laplace": (
        DiscreteLaplace(Fraction(13, 4)),
        lambda law: discrete_laplace(stream(), AGENTS[:500], 200, law.scale),
    ),
    "wide gaussian": (
        DiscreteGaussian(Fraction(2**24)),
        lambda law: wide_gaussian(law.variance, stream(), AGENTS, 400),
    ),
    "wide gaussian, tested often": (DiscreteGaussian(Fraction(2**18)), _tested_often),
    "wide gaussian, far only": (DiscreteGaussian(Fraction(2**18)), _far_only),
    "wide laplace": (DiscreteLaplace(Fraction(40)), lambda law: wide_laplace(law.scale, stream(), AGENTS, 400)),
    "wide laplace, small": (DiscreteLaplace(Fraction(1)), lambda law: wide_laplace(law.scale, stream(), AGENTS, 400)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_way_follows_the_law(name: str) -> None:
    law, sampler = OTHERS[name]
    samples = sampler(law)
    assert p_value(samples, law) > ALPHA
    assert p_value(np.abs(samples), law) < ALPHA


def test_mutants_of_the_wide_gaussian_and_of_ties_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Gaussian, "_test", lambda *given: np.ones(len(given[-1]), dtype=bool))
    law, sampler = OTHERS["wide gaussian, far only"]
    assert p_value(sampler(law), law) < ALPHA  # nothing is ever refused
    monkeypatch.setattr("tip.noise.inversion.decide", lambda *_: 3)
    law, sampler = OTHERS["ties"]
    assert p_value(sampler(law), law) < ALPHA


@pytest.mark.parametrize(
    "law", [DiscreteGaussian(Fraction(100)), DiscreteGaussian(Fraction(10**9)), DiscreteLaplace(Fraction(10**6))]
)
@pytest.mark.parametrize("block", [1, 7])
def test_blocks_do_not_change_a_bit(law: Law, block: int) -> None:
    agents = np.concatenate([np.arange(60), [2**62]])
    whole = law.sample(stream(), agents, 101)
    parts = [law.sample(stream(), agents[i : i + block], 101) for i in range(0, len(agents), block)]
    assert (np.concatenate(parts) == whole).all()
    assert (law.sample(stream(), agents[::-1], 101)[::-1] == whole).all()


def test_repeated_attempts_keep_their_addresses() -> None:
    sampler = _Gaussian(Fraction(2**18), 7, table(GaussianHalf(Fraction(16)), 63))
    whole = sampler.sample(stream(), AGENTS[:40], 50)
    assert (sampler.sample(stream(), AGENTS[7:8], 50) == whole[7]).all()


@settings(max_examples=25, deadline=None)
@given(variance=st.fractions(min_value=Fraction(1, 1000), max_value=10**9, max_denominator=10**9))
def test_any_variance_gives_a_law_and_samples_of_its_size(variance: Fraction) -> None:
    law = DiscreteGaussian(variance)
    samples = law.sample(stream(), np.arange(4), 5)
    assert np.abs(samples).max() <= 9 * float(variance) ** 0.5 + 1
    assert float(law.cdf(10**6)) == pytest.approx(1, abs=1e-12)
    assert float(law.cdf(0) - law.cdf(-1)) == pytest.approx(float(np.exp(law.log_mass(0))), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(scale=st.fractions(min_value=Fraction(1, 100), max_value=10**12, max_denominator=10**9))
def test_any_scale_gives_a_law_and_samples_of_its_size(scale: Fraction) -> None:
    law = DiscreteLaplace(scale)
    assert np.abs(law.sample(stream(), np.arange(4), 5)).max() <= 40 * float(scale) + 1
    assert float(law.cdf(0) - law.cdf(-1)) == pytest.approx(float(np.exp(law.log_mass(0))), abs=1e-12)


@pytest.mark.parametrize("kind", [DiscreteGaussian, DiscreteLaplace])
@pytest.mark.parametrize("bad", [0, -1, Fraction(-1, 2), True, 1.0, float("nan"), "1", None, 2**81])
def test_bad_parameters_are_refused(kind: Any, bad: Any) -> None:  # noqa: ANN401 - the point is the wrong type
    with pytest.raises(ConfigurationError):
        kind(bad)


@pytest.mark.parametrize(
    ("agents", "count"),
    [([[1]], 2), ([0.5], 2), ([True], 1), ([-1], 2), ([1], -1), ([1], 1.5), ([1], True), ([1], 2**33), (["a"], 1)],
)
def test_bad_requests_are_refused(agents: Any, count: Any) -> None:  # noqa: ANN401 - the point is the wrong type
    with pytest.raises(ConfigurationError):
        DiscreteGaussian(Fraction(4)).sample(stream(), np.array(agents), count)


def test_whole_numbers_become_fractions_and_extremes_are_drawn() -> None:
    assert DiscreteGaussian(4) == DiscreteGaussian(Fraction(4))  # type: ignore[arg-type] # accepted when run
    assert not DiscreteGaussian(Fraction(1, 10**12)).sample(stream(), np.arange(3), 3).any()
    assert not DiscreteLaplace(Fraction(1, 10**12)).sample(stream(), np.arange(3), 3).any()
    assert DiscreteLaplace(Fraction(2**40)).sample(stream(), np.arange(3), 3).all()
    assert DiscreteGaussian(Fraction(2**80)).sample(stream(), np.arange(3), 3).all()
    assert DiscreteGaussian(Fraction(4)).sample(stream(), np.zeros(0, dtype=np.int64), 3).shape == (0, 3)
