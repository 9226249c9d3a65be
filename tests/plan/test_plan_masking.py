"""Masks of a plan: for whom the parameters are chosen, what they cost, and refusals with a way out."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from tip.data import Population
from tip.errors import BudgetExhausted, ConfigurationError
from tip.ledger import Entry, Ledger
from tip.plan import Plan, check, check_sizes
from tip.plan.guarantee import settle
from tip.plan.masking import MOST_RUNS, Masks, masks_of, most_dropouts, reserved
from tip.plan.sizing import Sizes
from tip.plan.spending import limit, owner, with_ledger
from tip.privacy.coalitions import Coalition
from tip.privacy.integer import epsilon_of_rho

SURVEY = Path(__file__).parents[2] / "examples/survey.toml"
PLAN = Plan.parse(SURVEY.read_text(), "survey.toml")
FIXED = ("sampling=fixed", "cohort.size=1000", "minimum=940")


def masks(*settings: str, enrolled: int = 4015) -> Masks:
    plan = PLAN.replace(*settings)
    check(plan)
    check_sizes(plan, enrolled, 19)
    found = masks_of(plan, enrolled)
    assert found is not None
    return found


def refusal(*settings: str, enrolled: int = 4015) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        masks(*settings, enrolled=enrolled)
    return caught.value


def test_other_protocols_have_no_masks() -> None:
    for kind in ("clear", "ideal"):
        assert masks_of(PLAN.replace(f"protocol.kind={kind}"), 4015) is None


@pytest.mark.parametrize(
    ("settings", "corrupt"),
    [
        ((), 401),
        (("malicious=0.2",), 803),
        (("colluding=0.3",), 1204),
        (("against=coordinator + 5% of agents", "colluding=0.05", "malicious=0"), 200),
        (("against=coordinator", "colluding=0", "malicious=0"), 0),
        (FIXED, 401),  # all that are corrupt may be in the cohort: no share of the cohort
        ((*FIXED, "malicious=0.2"), 803),
    ],
)
def test_parameters_are_for_the_largest_share_that_the_plan_names(settings: tuple[str, ...], corrupt: int) -> None:
    """Law 4: c = min(floor(f N), cohort). Mutants: f times the cohort; the promise alone; colluding alone."""
    found = masks(*settings).parameters
    assert found.corrupt == corrupt
    assert found.agents == (1000 if "sampling=fixed" in settings else 4015)
    assert found.minimum == PLAN.replace(*settings).cohort.minimum


@pytest.mark.parametrize(("share", "invited"), [("0.05", 4015), ("0.1", 64), ("0.5", 100), ("0.3", 1000)])
def test_drop_outs_are_those_that_chance_brings_about(share: str, invited: int) -> None:
    """The mutant plans for the mean, which every second round exceeds."""
    most = most_dropouts(Fraction(share), invited)
    exceeded = binom.sf(most - 1, invited, float(share)) if most < invited else 0.0
    assert exceeded <= 2.0**-30
    assert binom.sf(int(Fraction(share) * invited), invited, float(share)) > 0.3


def test_no_drop_outs_are_planned_beyond_the_minimum() -> None:
    assert most_dropouts(Fraction(0), 4015) == 0
    assert masks("dropout=0").parameters.dropouts == 0
    assert masks().parameters.dropouts == most_dropouts(Fraction("0.05"), 4015) == 298
    assert masks("minimum=3800").parameters.dropouts == 215
    assert masks("minimum=3000").parameters.dropouts == 298


def test_shares_are_counted_as_written() -> None:
    """0.29 x 100 is 29, and in binary fractions 28.999...: an agent less."""
    few = ("colluding=0.29", "malicious=0.29", "against=coordinator + 29% of agents", "minimum=95")
    assert masks(*few, enrolled=100).parameters.corrupt == 29


@pytest.mark.parametrize("rounds", [1, 50, 1000, 100_000])
def test_all_rounds_take_little_of_delta(rounds: int) -> None:
    found = masks(f"rounds={rounds}", f"max_participations={rounds}")
    assert found.failure <= 1e-5 / 4096
    assert Fraction(found.failure) >= rounds * Fraction(found.parameters.failure)
    wanted = max(40, math.ceil(math.log2(rounds / 1e-5)) + 12)
    assert found.parameters.privacy_bits == wanted


def test_who_is_within_and_who_beyond() -> None:
    found = masks()
    for text, within in (
        ("coordinator", True),
        ("coordinator + 10% of agents", True),
        ("coordinator + 10.1% of agents", False),
        ("coordinator + 5% of agents (adaptive)", False),
    ):
        assert found.hold_against(Coalition.parse(text), 4015) == within


def test_a_minimum_that_is_too_small_is_told_with_one_that_is_not() -> None:
    error = refusal("minimum=2000")
    assert error.where.startswith("the setting")
    assert "cohort.minimum = 2000" in error.what
    assert "401 may be corrupt" in error.why
    told = re.fullmatch(r"A minimum of ([\d,]+) would do\.", error.instead)
    assert told is not None
    least = int(told[1].replace(",", ""))
    assert 2000 < least < 2500
    masks(f"minimum={least}")
    refusal(f"minimum={least - 1}")


def test_the_line_is_that_of_the_minimum() -> None:
    text = SURVEY.read_text()
    line = next(i for i, row in enumerate(text.splitlines(), 1) if row.startswith("minimum = "))
    plan = Plan.parse(re.sub(r"\nminimum = \d+", "\nminimum = 2000", text), "survey.toml")
    with pytest.raises(ConfigurationError) as caught:
        check_sizes(plan, 4015, 19)
    assert str(caught.value).startswith(f"survey.toml:{line} cohort.minimum = 2000 ")


def test_too_many_corrupt_are_told_with_what_would_do() -> None:
    wild = ("colluding=0.85", "malicious=0.85", "dropout=0.3", "minimum=280")
    error = refusal(*wild, enrolled=400)
    assert error.what.startswith('protocol.coordinator = "malicious" cannot hold under protocol.kind = "masking"')
    assert "340 may be corrupt" in error.why
    told = re.search(r"at most ([\d,]+) corrupt agents", error.instead)
    assert told is not None
    most = int(told[1])
    fewer = masks(*wild[2:], f"colluding={(most + 0.5) / 400}", f"malicious={(most + 0.5) / 400}", enrolled=400)
    assert fewer.parameters.corrupt == most
    refusal(*wild[2:], f"colluding={(most + 1.5) / 400}", f"malicious={(most + 1.5) / 400}", enrolled=400)


def test_a_curious_coordinator_is_offered_where_it_would_do() -> None:
    error = refusal("dropout=0.45", "minimum=220", enrolled=400)
    assert "curious coordinator" in error.instead
    masks("dropout=0.45", "minimum=220", "coordinator=curious", enrolled=400)


def test_a_cohort_that_may_be_corrupt_altogether_is_refused() -> None:
    error = refusal("sampling=fixed", "cohort.size=100", "minimum=90")
    assert "100 agents a round, of whom 100 may be corrupt" in error.why
    assert "hides nobody" in error.why
    assert "corrupt agents" in error.instead


@pytest.mark.parametrize(("enrolled", "told"), [(1, "at least 2 agents"), (2, "corrupt agents")])
def test_tiny_rounds_are_refused_in_words_or_held(enrolled: int, told: str) -> None:
    settings = ("minimum=1", "dropout=0", "delta=1e-9")
    if enrolled == 1:
        assert told in refusal(*settings, enrolled=1).instead
    else:
        error = refusal(*settings, enrolled=2)
        assert "cohort.minimum = 1" in error.what
        assert "minimum of 2" in error.instead


def test_a_poisson_cohort_has_no_fixed_size() -> None:
    error = refusal("sampling=poisson", "rate=0.9", "minimum=3000")
    assert 'cohort.sampling = "poisson" does not go with' in error.what
    assert 'sampling = "fixed"' in error.instead


def test_corruption_after_the_graph_is_drawn_is_refused() -> None:
    error = refusal("against=coordinator + 10% of agents (adaptive)")
    assert "after the graph" in error.why
    assert '"(adaptive)"' in error.instead


# -- several runs -----------------------------------------------------------------------------------


def people() -> Population:
    return Population(np.zeros((4015, 1)), np.zeros(4015), np.arange(4015), np.arange(4016), ("x",), None, None)


def test_failures_of_all_runs_of_a_ledger_are_in_delta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 7 over runs. The mutant states those of this run alone."""
    monkeypatch.chdir(tmp_path)
    plan = PLAN.replace("ledger=spends.sqlite", "budget.epsilon=4")
    settled = settle(plan, Sizes(4015, 19))
    told = with_ledger(plan, settled, people()).over_runs
    assert told is not None
    assert settled.masks is not None
    assert told.delta.failures == reserved(1e-5) >= MOST_RUNS * settled.masks.failure
    assert told.delta.total <= 1e-5
    assert told.rho is not None
    assert told.epsilon == epsilon_of_rho(told.rho, told.delta.conversion)
    assert epsilon_of_rho(limit(plan), told.delta.conversion) <= 4
    ideal = plan.replace("protocol.kind=ideal")
    free = with_ledger(ideal, settle(ideal, Sizes(4015, 19)), people()).over_runs
    assert free is not None
    assert free.delta.failures == 0.0


def test_a_ledger_under_masks_is_about_one_delta() -> None:
    """Each run's failures are bounded by its own delta, so that of all runs has to be the same."""
    plan = PLAN.replace("ledger=spends.sqlite", "budget.epsilon=4")
    assert owner(plan) != owner(plan.replace("delta=1e-6"))
    ideal = plan.replace("protocol.kind=ideal")
    assert owner(ideal) == owner(ideal.replace("delta=1e-6"))


def test_no_more_runs_than_delta_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = PLAN.replace("ledger=spends.sqlite", "budget.epsilon=400", "epsilon=0.5")
    settled = settle(plan, Sizes(4015, 19))
    with Ledger.open(Path("spends.sqlite"), owner(plan)) as ledger:
        for run in range(MOST_RUNS - 1):
            account = ledger.begin(Entry(f"run {run}", Fraction(1, 10**9), None), ("0",))
            account.charge(np.array([0]), np.array([1]), Fraction(10**6))
    assert with_ledger(plan, settled, people()).over_runs is not None
    with Ledger.open(Path("spends.sqlite"), owner(plan)) as ledger:
        account = ledger.begin(Entry("one more", Fraction(1, 10**9), None), ("0",))
        account.charge(np.array([0]), np.array([1]), Fraction(10**6))
    with pytest.raises(BudgetExhausted, match="256 runs under masks"):
        with_ledger(plan, settled, people())
