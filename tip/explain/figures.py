"""How figures are written: always on the side that keeps a sentence true."""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from typing import Final

THIN: Final = "\u202f"  # between thousands and before ; ? ! in French
BASES: Final = (100, 1_000, 10_000)
_SLACK: Final = 1.35  # rounding to a whole count may add so much, else a larger base is taken
_PRECISE: Final = 50  # digits of a fraction before it is cut
_LONGEST: Final = 15  # digits before the point; larger figures are powers of ten
_THOUSANDS: Final = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")


def out_of(probability: float) -> tuple[int, int]:
    """A probability as a count out of 100, 1,000 or 10,000, rounded up: 0.027 is (3, 100).

    The base grows until rounding up adds at most about a third (or no larger base is left).
    """
    exact = Decimal(repr(min(max(float(probability), 0.0), 1.0)))
    for base in BASES:
        count = int((exact * base).to_integral_value(ROUND_CEILING))
        if count <= exact * base * Decimal(_SLACK):
            break
    return count, base


def rounded_up(value: float | Fraction, digits: int = 3) -> str:
    """A figure with so many digits, never less than the fraction, or than the float as Python writes it.

    `not bounded` for infinity.
    """
    if not math.isfinite(value):
        return "not bounded"
    if value == 0:
        return "0"
    return _short(value, digits, ROUND_CEILING)


def rounded_down(value: float | Fraction, digits: int = 3) -> str:
    """The same for bounds from below, never more than the number."""
    if value <= 0 or not math.isfinite(value):
        return "0"
    return _short(value, digits, ROUND_FLOOR)


def _short(value: float | Fraction, digits: int, rounding: str) -> str:
    if isinstance(value, Fraction):
        with localcontext() as context:
            context.prec, context.rounding = _PRECISE, rounding
            exact = Decimal(value.numerator) / Decimal(value.denominator)
    else:
        exact = Decimal(repr(float(value)))
    told = exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), rounding=rounding)
    if not -4 < exact.adjusted() < _LONGEST:
        return f"{told.normalize():e}".replace("e-0", "e-").replace("e+", "e")
    return f"{told.normalize():f}"


def english_count(count: int) -> str:
    """`1,000`."""
    return f"{count:,}"


def french_count(count: int) -> str:
    """`1 000`, with a narrow space that does not break."""
    return f"{count:,}".replace(",", THIN)


def french_figure(value: float | Fraction) -> str:
    """`rounded_up` as a French reader writes it: a decimal comma, narrow spaces between thousands."""
    return french(rounded_up(value)) if math.isfinite(value) else "sans limite"


def french_least(value: float | Fraction) -> str:
    """`rounded_down` as a French reader writes it."""
    return french(rounded_down(value))


def french(figure: str) -> str:
    """A written figure with a decimal comma and narrow spaces between thousands: `1 234,5`."""
    whole, point, rest = figure.partition(".")
    if "e" in whole:
        return whole
    return _THOUSANDS.sub(THIN, whole) + ("," if point else "") + rest
