"""Filters stop in time, and the ledger charges once."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import BudgetExhausted, ConfigurationError
from tip.privacy import gaussian
from tip.privacy.budget import Ledger, MuFilter, RhoFilter

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_squares_are_charged_exactly_and_exchanged() -> None:
    filter_ = MuFilter(1.0).charge_squared(Fraction(1, 3)).charge_squared(Fraction(2, 3))
    assert filter_.left_squared == 0
    with pytest.raises(BudgetExhausted, match="nothing was released"):
        filter_.charge_squared(Fraction(1, 10**3000))
    with pytest.raises(ConfigurationError):
        filter_.charge_squared(0.5)  # type: ignore[arg-type]  # that is the test
    assert filter_.in_rho() == RhoFilter(Fraction(1, 2), Fraction(1, 2))
    assert MuFilter(0.3).in_rho().limit == Fraction(0.3) ** 2 / 2


def delta_of_two_steps(epsilon: float, first: float, second: Callable[[float], float]) -> float:
    """The exact delta of a Gaussian release of loss `first`, then of one chosen by its outcome, by quadrature.

    E_Q[(e^l - e^epsilon)_+] with l = l_1 + l_2; given l_1, the inner expectation is e^{l_1} delta(epsilon - l_1).
    """
    total, step = 0.0, 1e-3
    for index in range(-9000, 9001):
        x = index * step  # the first release under Q, in units of its noise
        loss = first * x - first * first / 2
        weight = math.exp(-x * x / 2 + loss) / math.sqrt(2 * math.pi) * step
        mu, rest = second(x), epsilon - loss
        total += weight * (hockey_stick(rest, mu) if mu else max(0.0, 1 - math.exp(min(rest, 0.0))))
    return total


def hockey_stick(epsilon: float, mu: float) -> float:
    """Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu), for every sign of epsilon."""

    def phi(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    return phi(mu / 2 - epsilon / mu) - math.exp(epsilon) * phi(-mu / 2 - epsilon / mu)


LIMIT, FIRST = 1.0, 0.6
REST = math.sqrt(LIMIT**2 - FIRST**2)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 1.0, 2.0])
def test_adaptive_gaussian_releases_within_the_filter_are_gaussian_private(epsilon: float, threshold: float) -> None:
    """The theorem of docs/budget.md, computed: whatever the second release was chosen by."""
    allowed = hockey_stick(epsilon, LIMIT)
    choices: tuple[Callable[[float], float], ...] = (
        lambda x: REST if x > threshold else 0.0,  # goes on after a lucky draw only
        lambda x: REST if x < threshold else REST / 3,
        lambda x: REST * abs(math.sin(5 * x)),
    )
    for choice in choices:
        assert delta_of_two_steps(epsilon, FIRST, choice) <= allowed + 1e-9
    assert delta_of_two_steps(epsilon, FIRST, lambda _: REST) == pytest.approx(allowed, abs=1e-9)  # it is attained


def test_a_mean_of_squares_within_the_limit_is_not_enough() -> None:
    """The mutant: a filter that averages over paths lets a heavier tail through."""
    chance = math.erfc(2.0 / math.sqrt(2)) / 2  # of x > 2 under Q
    stake = REST / math.sqrt(chance)  # the mean of its square is REST^2

    def doubled(x: float) -> float:
        return stake if x > 2.0 else 0.0

    assert delta_of_two_steps(3.0, FIRST, doubled) > 2 * hockey_stick(3.0, LIMIT)


def test_there_is_no_way_back_from_rho() -> None:
    """Randomized response with epsilon 1 is 1/2-zCDP, but has more hits than 1-GDP allows."""
    false_alarms, hits = 1 / (1 + math.e), math.e / (1 + math.e)
    for order in (1.01, 1.5, 2.0, 5.0, 50.0):
        power = hits**order * false_alarms ** (1 - order) + false_alarms**order * hits ** (1 - order)
        assert math.log(power) / (order - 1) <= order / 2
    assert gaussian.hit_rate(1.0, false_alarms) < 0.66 < hits
