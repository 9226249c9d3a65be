"""Currencies: exact amounts, one exchange, and no mixing."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.currency import Amount, Currency, exact, parsed, shown, written
from tip.errors import ConfigurationError
from tip.privacy import gaussian
from tip.privacy.integer import delta_of_rho


@given(st.fractions(min_value=0))
def test_fractions_are_read_as_they_are_written(value: Fraction) -> None:
    assert parsed(written(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "1/0",
        "1/00",
        "-1/3",
        "1/-3",
        "nan",
        "1",
        "1/3\n",
        " 1/3",
        "1.5/2",
        "١/2",
        "",
        None,
        b"1/3",
        1,
        "1/" + "9" * 4001,
    ],
)
def test_what_is_no_fraction_is_none(text: object) -> None:
    assert parsed(text) is None
    assert parsed("2/04") == Fraction(1, 2)


def test_what_cannot_be_read_is_never_written() -> None:
    longest = Fraction(10**4000 - 1)
    assert parsed(written(exact("it", longest))) == longest
    for value in (Fraction(10**4000), Fraction(1, 10**4000), Fraction(-1), 0.5, 1, True):
        with pytest.raises(ConfigurationError):
            exact("it", value)


@pytest.mark.parametrize(
    ("value", "told"),
    [(Fraction(1, 3), "0.333333"), (Fraction(100), "100"), (Fraction(0), "0"), (Fraction(10**3000), "1.00000e+3000")],
)
def test_amounts_of_any_size_are_shown(value: Fraction, told: str) -> None:
    assert shown(value) == told


@given(st.floats(0, 1e100))
def test_the_exchange_is_exact_and_stays_idealized(mu: float) -> None:
    amount = Amount.of_mu(mu)
    assert amount.value == Fraction(mu) ** 2
    assert amount.in_rho() == Amount(Currency.RHO, Fraction(mu) ** 2 / 2, idealized=True)
    assert amount.in_rho().in_rho() == amount.in_rho()
    assert not Amount.of_rho(Fraction(1, 3)).in_rho().idealized


@pytest.mark.parametrize("mu", [0.1, 0.5, 1.0, 2.0])
def test_the_exchange_is_valid_and_a_quarter_would_not_be(mu: float) -> None:
    rho = Amount.of_mu(mu).in_rho().value
    for epsilon in (0.1, 0.5, 1.0, 2.0, 4.0, 8.0):
        assert gaussian.delta_of(epsilon, mu) <= delta_of_rho(rho, epsilon)
    far = 6 * mu  # the mutant "rho = mu^2 / 4" fails in the tail
    assert gaussian.delta_of(far, mu) > delta_of_rho(rho / 2, far)


def test_currencies_are_not_mixed() -> None:
    Currency.RHO.refuse_other(Currency.RHO)
    with pytest.raises(ConfigurationError, match=r"squared mu is not added to rho.*exchange it with Amount.in_rho"):
        Currency.RHO.refuse_other(Currency.SQUARED_MU)
    with pytest.raises(ConfigurationError, match=r"here: rho is not added to squared mu.*Keep a ledger in rho"):
        Currency.SQUARED_MU.refuse_other(Currency.RHO, where="here:")


def test_amounts_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="idealized"):
        Amount(Currency.SQUARED_MU, Fraction(1), idealized=False)
    with pytest.raises(ConfigurationError, match="currency"):
        Amount("rho", Fraction(1), idealized=False)  # type: ignore[arg-type] # a caller without types
    for mu in (math.nan, math.inf, -1.0, "1", True):
        with pytest.raises(ConfigurationError):
            Amount.of_mu(mu)  # type: ignore[arg-type] # a caller without types
