"""Cohorts: which sums one least set stands for, and which it does not."""

from __future__ import annotations

from itertools import combinations

import pytest

from tip.flow.building import FlowBuilder
from tip.flow.reasoning import derive


def built(*, rounds: int = 1, least: int = 2) -> FlowBuilder:
    made = FlowBuilder("cohort", about="sums over some").agents(a=4, b=1).party("hub").cohort("k", of="a", least=least)
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False, rounds=rounds)
    made = made.secret("y", of="b", range=(0, 1), neighboring="replace-one", adaptive=False, rounds=rounds)
    made = made.noise("n", of="a", law="gaussian", variance=1, rounds=rounds)
    return made.noise("z", of="hub", law="gaussian", variance=1)


def mu_squared(made: FlowBuilder, says: str, against: str = "world") -> float | None:
    found = derive(made.message("m", by="hub", says=says, to="everybody").build(), against, delta=1e-5)
    return None if found.guarantee.mu is None else found.guarantee.mu**2


def test_sums_and_means_of_one_set_have_no_worst_size() -> None:
    assert mu_squared(built(), "sum(x, k) + mean(n, k) + z") is None  # the noise shrinks as the set grows
    assert mu_squared(built(), "mean(x, k) + mean(n, k) + z") is not None


def test_noise_of_members_hides_nobody_outside_the_set() -> None:
    """Two colluders are a set: all noise in the sum is theirs."""
    assert mu_squared(built(), "y + sum(n, k)", "40% of agents") is None
    assert mu_squared(built(), "sum(x + n, k)", "40% of agents") == pytest.approx(1)
    assert mu_squared(built(), "y + z", "40% of agents") == pytest.approx(1)


def test_noise_of_members_hides_no_other_round() -> None:
    """Who takes part in round 2 alone is hidden by the noise of round 1 only if somebody honest took part there."""
    assert mu_squared(built(rounds=2), "sum(x, k) + previous(sum(n, k)) + z") is None
    assert mu_squared(built(rounds=2), "sum(x + n, k)") == pytest.approx(1)  # 2 rounds of 1 / 2 each


@pytest.mark.parametrize("least", [1, 2, 3])
def test_a_mean_over_the_least_set_is_the_worst(least: int) -> None:
    found = mu_squared(built(least=least), "mean(x + n, k) + z")
    every = [
        (1 / len(some)) ** 2 / (len(some) / len(some) ** 2 + 1)
        for size in range(least, 5)
        for some in combinations(range(4), size)
    ]
    assert found == pytest.approx(max(every))
