"""Numbers: exact in, exact out, and none that takes all memory."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.numbers import MOST_BITS, Unread, decimal, exact, keepable, plain, root, shown

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=9).map(Fraction)


@given(st.fractions() | DECIMALS | st.integers().map(Fraction))
def test_what_is_written_reads_back(number: Fraction) -> None:
    assert exact(plain(number)) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(4), "4"),
        (Fraction(-4), "-4"),
        (Fraction(1, 4), "0.25"),
        (Fraction(-1, 4), "-0.25"),
        (Fraction(-1, 3), "-1/3"),
        (Fraction(5, 2), "2.5"),
        (Fraction(1, 10**18), "0.000000000000000001"),
        (Fraction(1, 10**19), "1/10000000000000000000"),
        (Fraction(7, 30), "7/30"),
        (Fraction(0), "0"),
    ],
)
def test_how_numbers_are_written(number: Fraction, text: str) -> None:
    assert plain(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_the_decimal_that_python_prints(value: float) -> None:
    assert exact(value) == exact(np.float64(value)) == Fraction(Decimal(repr(value)))
    assert float(exact(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_every_digit_counts(value: Decimal) -> None:
    assert exact(format(value, "f")) == Fraction(value)


@pytest.mark.parametrize(
    "value",
    [
        True, None, "", " ", "x", "1/0", "1/2/3", "0x10", "1e", "1e1201", "-1e999999999999", "1_000", "\u0661", "nan",
        float("nan"), float("inf"), "9" * 3001, "1/" + "9" * 4000, 10**2000, Fraction(1, 3**5000), 1j, [1],
        "1e1000" + "0" * 3000,
    ],
    ids=range(23),
)  # fmt: skip
def test_what_is_no_exact_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="is no exact number"):
        exact(value)


def test_the_limit_of_bits() -> None:
    assert keepable(Fraction(2**MOST_BITS - 1))
    assert not keepable(Fraction(2**MOST_BITS))
    assert exact(2**MOST_BITS - 1) == 2**MOST_BITS - 1
    assert exact(plain(Fraction(1, 2**MOST_BITS - 1))) == Fraction(1, 2**MOST_BITS - 1)


def test_decimals_of_toml() -> None:
    assert decimal("1_000.5") == Fraction(2001, 2)
    assert decimal("1e-6") == Fraction(1, 10**6)
    for text in ("inf", "+nan", "1e99999"):
        assert decimal(text) == Unread(text)


@given(st.fractions(min_value=0))
def test_roots_are_exact_or_none(number: Fraction) -> None:
    assert root(number**2) == number
    assert root(2 * number**2) == (0 if number == 0 else None)


def test_the_root_of_a_negative_number_is_none() -> None:
    assert root(Fraction(-4)) is None


def test_long_values_are_cut_in_errors() -> None:
    assert shown(10**5000) == "a number of thousands of digits"
    assert shown("a" * 200).endswith("...")
    assert len(shown(Fraction(1, 3**500))) == 80
    assert shown(False) == "false"
    assert shown(Unread("nan")) == "nan"


def test_what_python_does_not_print_is_told_of() -> None:
    for value in (10**5000, [0, 10**5000], Fraction(10**5000, 3)):
        assert "thousands of digits" in shown(value)
