"""Choosing: the rule, its limits, its words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.choosing import CLOSE, Auto


@pytest.mark.parametrize(
    ("categories", "epsilon", "name"),
    [
        (2, 1.0, "GeneralizedRandomizedResponse"),
        (8, 2.0, "GeneralizedRandomizedResponse"),
        (64, 4.0, "GeneralizedRandomizedResponse"),
        (128, 1.0, "ProjectiveGeometryResponse"),
        (1024, 1.0, "ProjectiveGeometryResponse"),
        (10**6, 0.5, "ProjectiveGeometryResponse"),
        (1 << 25, 1.0, "LocalHashing"),
    ],
)
def test_the_choice(categories: int, epsilon: float, name: str) -> None:
    auto = Auto(categories, epsilon, agents=100_000)
    assert auto.chosen.name == name == type(auto.mechanism).__name__
    assert auto.mechanism.categories == categories
    assert auto.why.startswith(name)
    assert name in auto.table


def test_a_budget_of_seconds_leads_to_hadamard_response() -> None:
    free = Auto(1 << 20, 1.0, agents=10**5)
    seconds = {one.name: one.seconds for one in free.candidates}
    tight = Auto(1 << 20, 1.0, agents=10**5, server_budget=seconds["HadamardResponse"] * 1.01)
    assert tight.chosen.name == "HadamardResponse"
    assert "of server time, over" in tight.why


def test_a_budget_of_bits_bars_unary_encoding() -> None:
    auto = Auto(1024, 1.0, agents=1000, bits=11)
    barred = {one.name for one in auto.candidates if one.barred}
    assert {"OptimizedUnaryEncoding", "LocalHashing"} <= barred
    assert auto.chosen.bits <= 11
    assert "takes 1024 bits, over 11" in auto.why


def test_impossible_limits_are_told() -> None:
    with pytest.raises(ConfigurationError, match=r"meets the limits.*over 3"):
        Auto(1024, 1.0, agents=1000, bits=3)
    with pytest.raises(ConfigurationError, match="seconds > 0"):
        Auto(1024, 1.0, agents=1000, server_budget=-1.0)
    with pytest.raises(ConfigurationError, match="agents"):
        Auto(1024, 1.0, agents=0)


@settings(max_examples=40)
@given(st.integers(2, 5000), st.floats(0.1, 6.0), st.integers(1, 10**7), st.integers(12, 100))
def test_nothing_that_fits_is_much_better(categories: int, epsilon: float, agents: int, bits: int) -> None:
    auto = Auto(categories, epsilon, agents, bits=bits if bits > 16 else None)
    fit = [one for one in auto.candidates if not one.barred]
    assert auto.chosen in fit
    assert auto.chosen.variance <= CLOSE * min(one.variance for one in fit)
    close = [one for one in fit if one.variance <= CLOSE * fit[0].variance]
    assert auto.chosen.bits == min(one.bits for one in close)
