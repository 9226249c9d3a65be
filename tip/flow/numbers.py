"""Numbers as people write them, kept exactly: 4, 0.25, "1/3".

A decimal is the fraction that its digits say, never the float next to it; a Python float stands for the decimal
that Python prints. Numbers of more than `MOST_BITS` bits are refused: they are no parameters, and a text such as
1e999999999 would take all memory.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError

MOST_BITS: Final = 4096
_LONGEST: Final = 3000  # digits and signs
_EXPONENT: Final = 1200
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE](?P<exponent>[+-]?\d{1,5}))?", re.ASCII)
_RATIO: Final = re.compile(r"[+-]?\d+ ?/ ?\d+", re.ASCII)
_SHORT: Final = 18  # decimals that are easier to read than a ratio


@dataclass(frozen=True, slots=True)
class Unread:
    """A decimal of a TOML text that no fraction stands for: inf, nan, 1e999999."""

    text: str

    def __str__(self) -> str:
        return self.text


def exact(value: object) -> Fraction:
    """The fraction that a whole number, a fraction, a text or a float stands for."""
    if isinstance(value, float):
        value = float.__repr__(value)  # NumPy's floats would tell their type as well
    found: Fraction | None = None
    if isinstance(value, str):
        found = _from_text(value.strip())
    elif isinstance(value, int | Fraction) and not isinstance(value, bool):
        found = Fraction(value)
    if found is None or not keepable(found):
        raise ConfigurationError(f"{shown(value)} is no exact number", instead='write for example 4, 0.25 or "1/3"')
    return found


def decimal(text: str) -> Fraction | Unread:
    """For TOML's reader: the fraction of a decimal, or the text as it is, for an error that knows its line."""
    try:
        return exact(text.replace("_", ""))
    except ConfigurationError:
        return Unread(shown(text).strip("'"))


def keepable(value: Fraction) -> bool:
    """Whether a number is short enough to be written and read."""
    return max(value.numerator.bit_length(), value.denominator.bit_length()) <= MOST_BITS


def shown(value: object) -> str:
    """A value for an error, cut where it is long; also whole numbers that Python refuses to print."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return "a number of thousands of digits"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = str(value) if isinstance(value, Fraction | Unread) else repr(value)
    except ValueError:  # a list of such numbers
        return "something with a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def plain(value: Fraction) -> str:
    """The shortest of 4, 0.25 and 1/3 that is exact. **Law.** `exact(plain(x)) == x`."""
    if value.denominator == 1:
        return str(value.numerator)
    digits = _decimals(value.denominator)
    if digits is None or digits > _SHORT:
        return f"{value.numerator}/{value.denominator}"
    whole = abs(value.numerator) * 10**digits // value.denominator
    sign = "-" if value < 0 else ""
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}}"


def root(value: Fraction) -> Fraction | None:
    """The exact square root, where it is a fraction."""
    over, under = math.isqrt(max(0, value.numerator)), math.isqrt(value.denominator)
    found = Fraction(over, under)
    return found if found * found == value else None


def _from_text(text: str) -> Fraction | None:
    if len(text) > _LONGEST:
        return None
    if _RATIO.fullmatch(text):
        over, _, under = text.partition("/")
        return Fraction(int(over), int(under)) if int(under) else None
    found = _DECIMAL.fullmatch(text)
    if not found or abs(int(found["exponent"] or 0)) > _EXPONENT:
        return None
    return Fraction(text)


def _decimals(denominator: int) -> int | None:
    """The decimals that a fraction of this denominator needs; None where no number of them is enough."""
    digits = 0
    while denominator > 1 and digits <= _SHORT:
        common = math.gcd(denominator, 10)
        if common == 1:
            return None
        denominator //= common
        digits += 1
    return digits if denominator == 1 else None
