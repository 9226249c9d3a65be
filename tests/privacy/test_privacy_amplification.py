"""Sampling is credited only to who cannot see the sample."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.privacy import accountant
from tip.privacy.amplification import conditioned_rate, sampled, why_not_credited
from tip.privacy.coalitions import Coalition
from tip.privacy.events import Gaussian, PoissonSampled
from tip.privacy.guarantees import Neighboring

ADD, REPLACE = Neighboring.ADD_REMOVE_ONE, Neighboring.REPLACE_ONE
WORLD = Coalition.parse("world")


@pytest.mark.parametrize("text", ["coordinator", "network", "1% of agents", "coordinator + 10% of agents", "lab"])
def test_nobody_who_may_see_the_roster_is_credited(text: str) -> None:
    coalition = Coalition.parse(text, names=["lab"])
    assert "who takes part" in why_not_credited(coalition, ADD, poisson=True, fresh=True, releases=1)
    assert sampled(Gaussian(1.0), Fraction(1, 100), coalition, ADD, fresh=True) == Gaussian(1.0)


def test_the_world_is_credited_a_fresh_poisson_sample_for_one_release_under_add_remove() -> None:
    assert why_not_credited(WORLD, ADD, poisson=True, fresh=True, releases=1) == ""
    event = sampled(Gaussian(1.0), Fraction(1, 100), WORLD, ADD, fresh=True)
    assert event == PoissonSampled(Fraction(1, 100), Gaussian(1.0))
    assert accountant.epsilon(event, 1e-5, ADD) < accountant.epsilon(Gaussian(1.0), 1e-5, ADD) / 2


def test_every_other_condition_is_named() -> None:
    assert "dominating pair" in why_not_credited(WORLD, REPLACE, poisson=True, fresh=True, releases=1)
    assert "not Poisson" in why_not_credited(WORLD, ADD, poisson=False, fresh=True, releases=1)
    assert "afresh" in why_not_credited(WORLD, ADD, poisson=True, fresh=False, releases=1)
    assert "2 releases" in why_not_credited(WORLD, ADD, poisson=True, fresh=True, releases=2)


def test_conditioned_rate() -> None:
    assert conditioned_rate(100, 1000, 100) == Fraction(1, 9)
    assert conditioned_rate(950, 1000, 100) == 1
    assert conditioned_rate(10, 10, 0) == conditioned_rate(1, 1, 0) == 1  # everybody, and one agent alone
    assert conditioned_rate(0, 10, 9) == 0
    for bad in ((5, 10, 10), (11, 10, 0), (-1, 10, 0), (0, 0, 0), (5, 10, -1)):
        with pytest.raises(ConfigurationError):
            conditioned_rate(*bad)
