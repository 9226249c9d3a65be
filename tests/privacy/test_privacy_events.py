"""Events refuse parameters that mean nothing."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.privacy import events

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "make",
    [
        lambda: events.Gaussian(0.0),
        lambda: events.Gaussian(math.nan),
        lambda: events.Gaussian(math.inf),
        lambda: events.Laplace(-1.0),
        lambda: events.DiscreteGaussian(0, Fraction(1)),
        lambda: events.DiscreteGaussian(1, Fraction(0)),
        lambda: events.DiscreteLaplace(1, Fraction(0)),
        lambda: events.DiscreteGaussianSum(0, Fraction(4), 1, 1),
        lambda: events.DiscreteGaussianSum(np.int64(4), Fraction(4), 1, 1),  # type: ignore[arg-type]  # that is the test
        lambda: events.DiscreteGaussianSum(4, 4.0, 1, 1),  # type: ignore[arg-type]  # that is the test
        lambda: events.DiscreteGaussianSum(4, Fraction(4), 0, 1),
        lambda: events.DiscreteGaussianSum(4, Fraction(4), 1, 0),
        lambda: events.RandomizedResponse(1, Fraction(1, 2)),
        lambda: events.RandomizedResponse(2, Fraction(0)),
        lambda: events.RandomizedResponse(2, Fraction(3, 2)),
        lambda: events.Concentrated(Fraction(-1)),
        lambda: events.Concentrated(0.5),  # type: ignore[arg-type]  # that is the test
        lambda: events.PoissonSampled(Fraction(0), events.Nothing()),
        lambda: events.PoissonSampled(Fraction(2), events.Nothing()),
        lambda: events.Repeated(events.Nothing(), -1),
        lambda: events.Composed([events.Nothing()]),  # type: ignore[arg-type]  # that is the test
    ],
)
def test_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_shares_below_two_are_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError, match="finer grid step"):
        events.DiscreteGaussianSum(4, Fraction(199, 100), 10, 1)
    assert events.DiscreteGaussianSum(4, Fraction(2), 10, 1).shares == 10
