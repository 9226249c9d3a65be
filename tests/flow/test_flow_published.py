"""GOPA's published figures, against the numbers recomputed for its table, and what they are not."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.flow import published
from tip.privacy.gaussian import mu_of

ALL = Fraction(1)
SETTING = {"epsilon": 0.1, "delta_prime": 1e-8, "delta": 1e-7}


def test_k_out_table_entry() -> None:
    found = published.k_out_parameters(10_000, ALL, **SETTING)
    assert found.k == 105
    assert found.kappa == pytest.approx(14.485, abs=5e-4)
    assert found.own_deviation == pytest.approx(0.61064, abs=5e-6)
    assert found.pair_deviation == pytest.approx(44.72, abs=5e-3)
    assert found.status == "published"
    assert len(found.conditions) == 3


def test_other_graphs_of_the_table() -> None:
    assert published.complete_parameters(10_000, ALL, **SETTING).pair_deviation == pytest.approx(1.627, abs=5e-4)
    assert published.connected_parameters(10_000, ALL, **SETTING).pair_deviation == pytest.approx(9392.0, abs=0.5)


def test_half_of_the_agents_collude() -> None:
    half = published.k_out_parameters(10_000, Fraction(1, 2), epsilon=0.1, delta_prime=1e-8, delta=1e-7)
    assert half.k == 203
    assert half.pair_deviation == pytest.approx(48.68, abs=5e-3)
    honest = {"epsilon": 0.1, "delta_prime": 4e-8, "delta": 4e-7}
    assert published.k_out_parameters(10_000, Fraction(1, 2), **honest).k == 192
    assert published.connected_parameters(10_000, Fraction(1, 2), **honest).pair_deviation == pytest.approx(
        6112.4, abs=0.5
    )


def test_small_groups() -> None:
    few = published.k_out_parameters(100, ALL, epsilon=0.1, delta_prime=1e-4, delta=1e-3)
    assert few.k == 49
    assert few.own_deviation == pytest.approx(4.3436, abs=5e-5)
    assert few.pair_deviation == pytest.approx(77.27, abs=5e-3)
    complete = published.complete_parameters(100, ALL, epsilon=0.1, delta_prime=1e-4, delta=1e-3)
    assert complete.pair_deviation == pytest.approx(7.644, abs=5e-4)


@pytest.mark.parametrize("agents", [50, 80])
def test_fewer_than_81_honest_agents_are_refused(agents: int) -> None:
    with pytest.raises(ConfigurationError, match=f"81 honest agents, and there are {agents}.*complete_parameters"):
        published.k_out_parameters(agents, ALL, **SETTING)
    with pytest.raises(ConfigurationError, match="there are 50"):
        published.k_out_parameters(100, Fraction(1, 2), **SETTING)


def test_the_parts_of_the_bound_add_up() -> None:
    found = published.k_out_parameters(10_000, ALL, **SETTING)
    whole = 1 / (found.own_deviation**2 * 10_000)
    whole += published.k_out_part(10_000, ALL, 105) / found.pair_deviation**2
    assert found.theta_bound == pytest.approx(whole, rel=1e-12)
    assert 3.75 * (1e-8 / 1.25) ** (found.kappa / (found.kappa + 1)) <= 1e-7


def test_the_table_rejects_the_other_reading() -> None:
    """Without the division by three the entry of the table does not come out."""
    mine = published.k_out_parameters(10_000, ALL, **SETTING)
    other = 1 / (104 - 1) + (12 + 6 * math.log(10_000)) / 10_000
    assert abs(mine.pair_deviation * math.sqrt(other / published.k_out_part(10_000, ALL, 105)) - 44.7) > 5


@pytest.mark.parametrize(
    ("epsilon", "delta", "rule"), [(0.1, 1e-7, 3.1363e-4), (1.0, 1e-5, 0.042438), (0.5, 1e-6, 0.0090327)]
)
def test_their_rule_allows_less_than_the_curve(epsilon: float, delta: float, rule: float) -> None:
    theta = published.theta_allowed(epsilon, delta)
    assert theta == pytest.approx(rule, rel=2e-5)
    assert theta < mu_of(epsilon, delta) ** 2
    assert epsilon >= math.sqrt(theta) + theta / 2
    assert (epsilon - theta / 2) ** 2 == pytest.approx(2 * math.log(2 / (delta * math.sqrt(2 * math.pi))) * theta)


def test_requests_that_no_statement_covers() -> None:
    with pytest.raises(ConfigurationError, match="delta above"):
        published.complete_parameters(100, ALL, epsilon=0.1, delta_prime=1e-7, delta=1e-7)
    with pytest.raises(ConfigurationError, match="below 1"):
        published.complete_parameters(100, ALL, epsilon=2.0, delta_prime=1e-8, delta=1e-7)
    with pytest.raises(ConfigurationError, match="Fraction"):
        published.complete_parameters(100, 1.0, epsilon=0.1, delta_prime=1e-8, delta=1e-7)  # type: ignore[arg-type] # on purpose
    with pytest.raises(ConfigurationError, match="complete_parameters"):
        published.k_out_parameters(90, ALL, epsilon=0.1, delta_prime=1e-20, delta=1e-9)
    with pytest.raises(ConfigurationError, match="nobody"):
        published.complete_parameters(2, Fraction(1, 2), epsilon=0.1, delta_prime=1e-8, delta=1e-7)


def test_a_published_statement_is_no_guarantee() -> None:
    found = published.k_out_parameters(10_000, ALL, **SETTING)
    assert type(found).__name__ == "Published"
    assert not {"guarantee", "unit", "coalition"} & set(dir(found))
