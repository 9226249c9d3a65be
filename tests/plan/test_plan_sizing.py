"""The crowd that a plan counts on, and when noise leaves nothing to learn."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.plan import Plan
from tip.plan.guarantee import settle
from tip.plan.sizing import Crowd, Sizes, noise_ratio, sees_each_message, uncounted, variance_for
from tip.privacy.coalitions import Coalition


@pytest.fixture(scope="module")
def plan(request: pytest.FixtureRequest) -> Plan:
    return Plan.read(request.config.rootpath / "examples/survey.toml")


def test_the_crowd_of_each_way_of_sampling(plan: Plan) -> None:
    masked = Crowd.of(plan.replace("cohort.minimum=45"), 50)
    assert (masked.enrolled, masked.planned, masked.largest, masked.minimum) == (50, 50, 50, 45)
    assert masked.least == 45 - masked.left_out
    assert 0 < masked.failure < 1e-5 / 4096
    plan = plan.replace("protocol.kind=ideal")
    assert Crowd.of(plan.replace("cohort.minimum=45"), 50) == Crowd(50, 50, 50, 45)
    fixed = plan.replace("sampling=fixed", "cohort.size=20", "cohort.minimum=15")
    assert Crowd.of(fixed, 50) == Crowd(50, 20, 20, 15)
    poisson = plan.replace("sampling=poisson", "cohort.rate=0.1", "cohort.minimum=3")
    assert Crowd.of(poisson, 50) == Crowd(50, 5, 50, 3)  # however unlikely, everybody
    assert Crowd.of(poisson.replace("cohort.rate=0.001"), 50).planned == 1  # mutant: 2


def test_a_scaled_crowd_rounds_up() -> None:
    assert Crowd(10, 7, 10, 3).scaled(Fraction(3, 2)) == Crowd(15, 11, 15, 5)
    assert Crowd(10, 7, 10, 3, 1, 1e-9).scaled(Fraction(3, 2)) == Crowd(15, 11, 15, 5, 2, 1e-9)


def test_failures_of_masks_leave_less_of_delta_to_the_coordinator_alone() -> None:
    crowd = Crowd(10, 10, 10, 8, 1, 1e-9)
    assert crowd.left_of(1e-5, Coalition.parse("10% of agents")) == 1e-5
    left = crowd.left_of(1e-5, Coalition.parse("coordinator"))
    assert Fraction(left) <= Fraction(1e-5) - Fraction(1e-9) < Fraction(left) * (1 + Fraction(1, 2**50))


def test_the_uncounted_are_at_most_the_cohort(plan: Plan) -> None:
    crowd = Crowd(1000, 100, 100, 80)
    quiet = plan.replace("colluding=0", "malicious=0")
    assert uncounted(quiet, Coalition.parse("coordinator + 5% of agents"), crowd) == 50
    assert uncounted(quiet, Coalition.parse("coordinator + 50% of agents"), crowd) == 100
    assert uncounted(quiet.replace("malicious=0.07"), Coalition.parse("world"), crowd) == 70


def test_who_sees_each_message(plan: Plan) -> None:
    clear = plan.replace("protocol.kind=clear")
    for text, seen in (("coordinator", True), ("coordinator + 5% of agents", True), ("5% of agents", False)):
        assert sees_each_message(clear, Coalition.parse(text)) == seen
        assert not sees_each_message(plan, Coalition.parse(text))


def test_the_noise_ratio_is_its_formula(plan: Plan) -> None:
    """Mutants: planned + clipping_norm; rounds for their root; a norm without the dimension."""
    plan = plan.replace("clipping_norm=0.25")
    settled, crowd = settle(plan, Sizes(4015, 19)), Crowd.of(plan, 4015)
    assert settled.grid is not None
    assert plan.privacy is not None
    grid, requirement = settled.grid, plan.privacy
    variance = variance_for(plan, requirement, crowd, grid)
    one_sum = grid.step * math.sqrt(float(variance) * crowd.minimum * 19)
    mean = one_sum / 4015 / math.sqrt(plan.algorithm.rounds)
    assert noise_ratio(plan, requirement, crowd, grid) == pytest.approx(mean / requirement.clipping_norm, rel=1e-12)
    weaker = replace(requirement, epsilon=2 * requirement.epsilon)
    assert noise_ratio(plan, weaker, crowd, grid) < mean / requirement.clipping_norm


@pytest.mark.parametrize(("enrolled", "minimum", "step"), [(2, 2, 1.0), (1, 1, 0.5)])
def test_a_grid_too_coarse_for_any_epsilon_ends_with_an_answer(
    plan: Plan, enrolled: int, minimum: int, step: float
) -> None:
    """Even the least proven share drowns the mean: the mutant that doubles epsilon without end never returned."""
    told = (
        "protocol.kind=ideal",
        "rounds=1",
        "max_participations=1",
        f"step={step}",
        f"minimum={minimum}",
        "dropout=0",
    )
    with pytest.raises(ConfigurationError, match="leaves nothing to learn") as refused:
        settle(plan.replace(*told), Sizes(enrolled, 1000))
    assert "epsilon of at least" not in str(refused.value)
    assert "agents a round" in refused.value.instead or "finer protocol.step" in refused.value.instead
