"""Filters stop in time, and the ledger charges once."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import BudgetExhausted, ConfigurationError
from tip.privacy.budget import Ledger, MuFilter, RhoFilter

CHARGES = st.lists(st.fractions(min_value=0, max_value=1, max_denominator=1000), max_size=20)


@settings(max_examples=60, deadline=None)
@given(CHARGES)
def test_the_rho_filter_never_passes_its_limit(charges: list[Fraction]) -> None:
    filter_ = RhoFilter(Fraction(2))
    for rho in charges:
        try:
            filter_ = filter_.charge(rho)
        except BudgetExhausted:
            assert filter_.spent + rho > 2
    assert filter_.spent <= 2
    assert filter_.left + filter_.spent == 2


def test_the_limit_itself_may_be_spent_exactly() -> None:
    filter_ = RhoFilter(Fraction(1))
    for _ in range(10):
        filter_ = filter_.charge(Fraction(1, 10))
    assert filter_.left == 0
    with pytest.raises(BudgetExhausted, match="nothing was released"):
        filter_.charge(Fraction(1, 10**30))


def test_the_mu_filter_adds_squares_exactly() -> None:
    filter_ = MuFilter(0.5).charge(0.3).charge(0.375)
    assert filter_.spent_squared == Fraction(0.3) ** 2 + Fraction(0.375) ** 2
    with pytest.raises(BudgetExhausted):
        filter_.charge(0.3)


@pytest.mark.parametrize("bad", [0.1, -Fraction(1), math.nan, "1", 1])
def test_charges_are_exact_fractions(bad: object) -> None:
    with pytest.raises(ConfigurationError):
        RhoFilter(Fraction(1)).charge(bad)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(ConfigurationError):
        RhoFilter(bad)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(ConfigurationError):
        RhoFilter(Fraction(1), bad)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(ConfigurationError):
        MuFilter(1.0, bad)  # type: ignore[arg-type]  # that is the test


def test_nonsense_is_refused() -> None:
    for bad in (math.nan, math.inf, 0.0, -1.0):
        with pytest.raises(ConfigurationError):
            MuFilter(1.0).charge(bad)
        with pytest.raises(ConfigurationError):
            MuFilter(bad)
    with pytest.raises(ConfigurationError):
        RhoFilter(Fraction(1), Fraction(2))
    with pytest.raises(ConfigurationError):
        MuFilter(1.0, Fraction(2))
    with pytest.raises(ConfigurationError, match="add up"):
        Ledger(RhoFilter(Fraction(1)), {"a": Fraction(1, 2)})


def test_a_resend_is_free_and_a_retry_is_charged() -> None:
    start = Ledger(RhoFilter(Fraction(1)))
    once = start.charge("round 1", Fraction(1, 2))
    assert once.charge("round 1", Fraction(1, 2)) is once
    twice = once.charge("round 1, second attempt", Fraction(1, 2))
    assert twice.filter.left == 0
    assert start.filter.spent == 0
    with pytest.raises(BudgetExhausted):
        twice.charge("round 2", Fraction(1, 2))
    with pytest.raises(ConfigurationError, match="name of its own"):
        once.charge("round 1", Fraction(1, 4))
