"""Checks of single values, with errors that say what would be right."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError

_HUGE: Final = 1e308


def whole(name: str, value: object, *, least: int) -> int:
    """A Python int >= least. NumPy integers are refused: they overflow where ints do not."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name} is a whole number (int) >= {least}, not {value!r}")
    return value


def rational(name: str, value: object, *, least: Fraction | int = 0) -> Fraction:
    """A Fraction >= least; floats are refused, since they hide a rounding."""
    if not isinstance(value, Fraction) or value < least:
        raise ConfigurationError(
            f"{name} is a Fraction >= {least}, not {value!r}", instead="write Fraction(numerator, denominator)"
        )
    return value


def positive(name: str, value: object) -> float:
    """A finite float > 0."""
    number = _number(value)
    if math.isfinite(number) and number > 0:
        return number
    raise ConfigurationError(f"{name} is a finite number > 0, not {value!r}")


def not_negative(name: str, value: object) -> float:
    """A finite float >= 0."""
    number = _number(value)
    if math.isfinite(number) and number >= 0:
        return number
    raise ConfigurationError(f"{name} is a finite number >= 0, not {value!r}")


def probability(name: str, value: object) -> float:
    """A float in [0, 1]."""
    number = _number(value)
    if 0 <= number <= 1:
        return number
    raise ConfigurationError(f"{name} lies in [0, 1], not {value!r}")


def _number(value: object) -> float:
    """The value as a float; what is no number becomes NaN, which every check refuses."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return float(value) if abs(value) < _HUGE else math.nan
    return math.nan
