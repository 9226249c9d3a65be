"""The least noise in shares that meets an (epsilon, delta) requirement."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError
from tip.privacy.checks import whole
from tip.privacy.events import LEAST_SHARE_VARIANCE, DiscreteGaussianSum
from tip.privacy.integer import epsilon_of_rho, rho_for, rho_of_sum

_STEPS: Final = 256  # grid points in each octave: neighbors differ by at most 1/256 of their value
_MOST: Final = Fraction(1 << 60)  # larger noise would leave the 64-bit integers


def share_variance_for(
    *, epsilon: float, delta: float, squared_sensitivity: int, shares: int, dimension: int, rounds: int
) -> Fraction:
    """The least variance of one share, on a dyadic grid, that gives epsilon at delta over all rounds.

    The grid is m 2^e with 256 <= m < 512, from 2 on (law 9): short fractions, so that tables of the
    noise can be kept, at a price of at most 0.4 % of variance. The search uses the same formula
    that the guarantee will use, rho -> epsilon, at the rounded variance, so nothing is promised that
    is not re-checked. Raises where no variance below 2^60 squared grid units is enough.
    """
    whole("rounds", rounds, least=1)
    DiscreteGaussianSum(squared_sensitivity, LEAST_SHARE_VARIANCE, shares, dimension)  # checks the arguments
    rho = rho_for(epsilon, delta)

    def enough(index: int) -> bool:
        event = DiscreteGaussianSum(squared_sensitivity, _grid(index), shares, dimension)
        total = rounds * rho_of_sum(event)
        return total <= rho and epsilon_of_rho(total, delta) <= epsilon

    without_tau = Fraction(rounds * squared_sensitivity) / (2 * shares * rho)
    low = max(_index(LEAST_SHARE_VARIANCE), _index(without_tau) - 1)
    high, step = low, 1
    while not enough(high):
        low, high, step = high, high + step, 2 * step
        if _grid(high) > _MOST:
            raise ConfigurationError(
                f"no noise share below variance 2^60 gives epsilon {epsilon} at delta {delta}",
                why=f"squared sensitivity {squared_sensitivity}, {shares} shares, {rounds} rounds",
                instead="take a coarser grid step, more agents, fewer rounds or a larger epsilon",
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return _grid(high)


def _grid(index: int) -> Fraction:
    """Point number `index` of the grid; number 0 is 1, and 256 steps double it."""
    octave, step = divmod(index, _STEPS)
    return Fraction(_STEPS + step, _STEPS) * Fraction(2) ** octave


def _index(value: Fraction) -> int:
    """The number of the greatest grid point <= value."""
    octave = value.numerator.bit_length() - value.denominator.bit_length()
    octave -= value < Fraction(2) ** octave
    return octave * _STEPS + int(value / Fraction(2) ** octave * _STEPS) - _STEPS
