"""What a ledger leaves to a plan: limits in the safe direction, identities, the total."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.currency import Amount
from tip.data import Population
from tip.errors import BudgetExhausted
from tip.ledger import Entry, Ledger
from tip.plan.guarantee import settle
from tip.plan.sizing import Sizes
from tip.plan.spending import entry, identities, limit, owner, still_to_come, with_ledger
from tip.plan.tables import Plan
from tip.privacy.guarantees import Status
from tip.privacy.integer import epsilon_of_rho

TEXT = (Path(__file__).parents[2] / "examples/survey.toml").read_text()
AGENTS = 4015
PLAN = Plan.parse(TEXT).replace("ledger=spends.sqlite", "budget.epsilon=4")
SETTLED = settle(PLAN, Sizes(AGENTS, 22))
DELTA = 1e-5 * (1 - 2**-4)  # of the conversion over all runs: masks of up to 256 of them may fail


def people(ids: np.ndarray | None = None) -> Population:
    rows = np.arange(AGENTS)
    return Population(np.zeros((AGENTS, 1)), np.zeros(AGENTS), rows, np.arange(AGENTS + 1), ("x",), None, ids)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def charge(rho: Fraction, *, agent: int, seed: int | None = None) -> None:
    with Ledger.open(Path("spends.sqlite"), owner(PLAN)) as ledger:
        account = ledger.begin(Entry(f"of {agent} {rho}", rho, seed), identities(PLAN, people()))
        account.charge(np.array([agent]), np.array([1]), Fraction(10**6))


def test_the_limit_is_rounded_down() -> None:
    assert epsilon_of_rho(limit(PLAN), DELTA) <= 4
    assert epsilon_of_rho(limit(PLAN) * (1 + Fraction(1, 2**30)), DELTA) > 4


def test_the_whole_of_a_run_is_the_sum_of_its_participations() -> None:
    line = entry(PLAN, SETTLED, "a")
    assert line.rho * SETTLED.charged_rounds == SETTLED.required[0].rho
    assert line.seed == (PLAN.simulation.seed if PLAN.simulation else None)


def test_exactly_what_is_left_fits_and_a_hair_more_does_not() -> None:
    left = limit(PLAN) - (SETTLED.required[0].rho or 0)
    charge(left, agent=17)
    told = with_ledger(PLAN, SETTLED, people()).over_runs
    assert told is not None
    assert told.rho == limit(PLAN)
    assert told.epsilon is not None
    assert told.epsilon <= 4
    charge(Fraction(1, 10**40), agent=18)
    assert with_ledger(PLAN, SETTLED, people()).over_runs == told  # another agent: the worst one counts
    charge(Fraction(1, 10**40), agent=17)
    with pytest.raises(BudgetExhausted, match="in 3 earlier runs an agent has spent"):
        with_ledger(PLAN, SETTLED, people())


def test_nobody_is_charged_for_rounds_that_are_behind() -> None:
    """Mutant: one more for those whose participations are used up."""
    before = np.array([0, 20, 50, 60], dtype=np.int32)
    assert still_to_come(SETTLED, 4, before).tolist() == [50, 30, 0, 0]
    assert still_to_come(SETTLED, 2).tolist() == [50, 50]


def test_who_is_not_enrolled_does_not_count() -> None:
    charge(limit(PLAN), agent=17)
    others = people(np.arange(AGENTS) + 18)
    total = with_ledger(PLAN, SETTLED, others).over_runs
    assert total is not None
    assert total.rho == SETTLED.required[0].rho


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 999))
def test_what_the_refusal_calls_possible_is_possible(per_mille: int) -> None:
    Path("spends.sqlite").unlink(missing_ok=True)
    charge(limit(PLAN) * Fraction(per_mille, 1000), agent=3)
    try:
        with_ledger(PLAN, SETTLED, people())
    except BudgetExhausted as error:
        possible = str(error).rpartition("Possible: ")[2].removesuffix(".")
        *smaller, larger = possible.split(", or ")
        with_ledger(PLAN.replace(larger.replace(" ", "")), SETTLED, people())
        for word in smaller:
            modest = PLAN.replace(word.split(" for")[0].replace(" ", ""))
            with_ledger(modest, settle(modest, Sizes(AGENTS, 22)), people())


@pytest.mark.parametrize("spent", [1, 2])
def test_where_nothing_is_left_only_a_larger_budget_is_possible(spent: int) -> None:
    """Mutants: an epsilon of what is not there."""
    charge(limit(PLAN) * spent, agent=3)
    with pytest.raises(BudgetExhausted, match=r"What remains is epsilon 0\. .* Possible: budget.epsilon = "):
        with_ledger(PLAN, SETTLED, people())


def test_without_a_ledger_nothing_changes() -> None:
    alone = PLAN.replace("ledger=none", "budget.epsilon=none")
    assert with_ledger(alone, SETTLED, people()) is SETTLED
    assert with_ledger(replace(PLAN, budget=None), SETTLED, people()) is SETTLED


def test_a_total_with_a_seeded_run_in_it_is_simulated() -> None:
    real = PLAN.replace("simulation=none", "adversary=none", "baseline=none")
    settled = settle(real, Sizes(AGENTS, 22))
    for seed, status in ((None, Status.PROVEN), (5, Status.SIMULATED)):
        charge(Fraction(1, 10**9), agent=1 if seed else 2, seed=seed)
        total = with_ledger(real, settled, people()).over_runs
        assert total is not None
        assert total.status is status


def test_a_total_with_an_idealized_price_in_it_is_idealized() -> None:
    """Mutant: real arithmetic that is proven after an exchange."""
    real = PLAN.replace("simulation=none", "adversary=none", "baseline=none")
    settled = settle(real, Sizes(AGENTS, 22))
    with Ledger.open(Path("spends.sqlite"), owner(real)) as ledger:
        exchanged = Entry.of("a", Amount.of_squared_mu(Fraction(1, 10**9)).in_rho(), None)
        account = ledger.begin(exchanged, identities(real, people()))
        account.charge(np.array([1]), np.array([1]), Fraction(1))
    total = with_ledger(real, settled, people()).over_runs
    assert total is not None
    assert total.status is Status.IDEALIZED
    assert not entry(real, settled, "b").idealized
    first = replace(settled.required[0], status=Status.IDEALIZED)
    assert entry(real, replace(settled, required=(first,)), "b").idealized


def test_identities() -> None:
    assert identities(PLAN, people())[:2] == ("0", "1")
    assert identities(PLAN, people(np.arange(AGENTS) + 7))[0] == "7"
    named = PLAN.replace("data.agent=who")
    texts = people(np.array([f"p{i}" for i in range(AGENTS)]))
    told = identities(named, texts)
    assert len(set(told)) == AGENTS
    assert not any("p7" in who for who in told)
    assert identities(named, people(np.arange(AGENTS)))[5] == identities(
        named, people(np.arange(AGENTS).astype(str))
    )[5]  # fmt: skip


def test_the_owner_is_the_source_not_the_question() -> None:
    assert owner(PLAN.replace("rounds=3", "data.test=0.5", "simulation.seed=99")) == owner(PLAN)
    csv = PLAN.replace("source=csv", "data.path=a/../b.csv")
    assert owner(csv) == owner(csv.replace("data.path=./b.csv")) != owner(PLAN)
    for change in (
        ("data.agent=who",),
        ("against=world",),
        ("data.agent=partition", "partition.kind=iid", "partition.agents=5"),
    ):
        assert owner(PLAN.replace(*change)) != owner(PLAN)
    dealt = PLAN.replace("data.agent=partition", "partition.kind=iid", "partition.agents=5")
    drawn = [dealt.replace(f"partition.samples={samples}") for samples in (30, 40)]
    assert len({owner(p).population for p in (dealt, *drawn, dealt.replace("partition.agents=6"))}) == 4
