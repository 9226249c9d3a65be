"""What a plan's agents have spent in earlier runs, and what is left.

A plan with `[budget] ledger = "file"` is accounted for together with all runs in that file: the rho
of an agent's releases adds up over runs (zCDP, independent noise; docs/budget.md), whatever the
later plans were chosen by. The sum of the agent that has spent most, this run's full charge
included, is what `budget.epsilon` limits.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.data.settings import PARTITION, ROW
from tip.errors import BudgetExhausted, ProtocolMisuse
from tip.explain.words import rounded_up
from tip.flow.promises import left_of
from tip.ledger import Entry, Ledger, Owner, Spent
from tip.plan.masking import KIND, MOST_RUNS, reserved
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Status, rank
from tip.privacy.integer import epsilon_of_rho, rho_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.data import Population
    from tip.plan.guarantee import Settled
    from tip.plan.promise import Requirement
    from tip.plan.tables import Plan

_SCOPE: Final = (
    "all runs of this ledger so far, this one included: the sums of all their rounds and every model of them"
)
_LEDGER: Final = Assumption(
    "ledger",
    "every release about these agents stands in the ledger, nobody took a line out of it, one identity is one "
    "person in all runs, and in each run at most the stated share of its enrolled agents pooled what they saw",
)
_SEEDED: Final = Assumption(
    "seeded-before", "an earlier run was seeded: who knows its seed can take its noise away, so it protected nobody"
)


def with_ledger(
    plan: Plan,
    settled: Settled,
    population: Population,
    *,
    name: str = "",
    before: NDArray[np.int32] | None = None,
) -> Settled:
    """The settled plan with its guarantee over all runs; unchanged without a ledger. The file is only read.

    For a run that goes on, `name` is its line in the ledger and `before` the participations that it has
    had under other names. Raises `BudgetExhausted` where the plan does not fit beside what was spent.
    """
    if plan.budget is None or not plan.budget.has_ledger:
        return settled
    spent = Spent.nothing(population.agents)
    ledger = Ledger.find(Path(plan.budget.ledger), owner(plan))
    if ledger is not None:
        with ledger:
            spent = ledger.spent(identities(plan, population), apart_from=name)
    rounds = still_to_come(settled, population.agents, before)
    _refuse_overspending(plan, settled, spent, rounds)
    return replace(settled, over_runs=over_runs(plan, settled, spent, rounds))


def still_to_come(settled: Settled, agents: int, before: NDArray[np.int32] | None = None) -> NDArray[np.int64]:
    """How often each agent may be charged from now on."""
    rounds = np.full(agents, settled.charged_rounds)
    return rounds if before is None else np.maximum(rounds - before, 0)


def owner(plan: Plan) -> Owner:
    """Whom the plan's ledger speaks of: where the agents come from, and the first requirement's promise."""
    data, first = plan.data, _first(plan)
    people = {"source": data.source, "path": os.path.normpath(data.path) if data.path else None, "agent": data.agent}
    if plan.partition is not None:
        people |= {"agents": str(plan.partition.agents), "samples": str(plan.partition.samples or "dealt")}
    promise = {
        "unit": first.unit,
        "neighboring": first.neighboring,
        "against": first.against,
        "protocol": plan.protocol.kind,
        **({"delta": first.delta} if _masked(plan) else {}),
    }
    return Owner(json.dumps(people, ensure_ascii=False), json.dumps(promise, ensure_ascii=False))


def identities(plan: Plan, population: Population) -> tuple[str, ...]:
    """Who each agent is, as the ledger keeps it: numbers as they are, a column's values as digests.

    A digest keeps names from lying about in the open. It is no secret: who guesses a name can check it.
    """
    ids = population.ids
    if ids is None or plan.data.agent in (ROW, PARTITION):
        return tuple(map(str, range(population.agents) if ids is None else ids.tolist()))
    salt = owner(plan).population
    return tuple(f"sha256:{sha256(f'{salt}/{value}'.encode()).hexdigest()[:32]}" for value in ids.tolist())


def entry(plan: Plan, settled: Settled, name: str) -> Entry:
    """The run's line in the ledger: what one participation costs against the first requirement's coalition."""
    seed = plan.simulation.seed if plan.simulation else None
    idealized = settled.required[0].status is Status.IDEALIZED
    return Entry(name, _rho(settled) / settled.charged_rounds, seed, idealized=idealized)


def limit(plan: Plan) -> Fraction:
    """The rho that `budget.epsilon` stands for at the first requirement's delta, rounded down."""
    return rho_for(plan.budget.epsilon or 0.0 if plan.budget else 0.0, _delta(plan).conversion)


def _masked(plan: Plan) -> bool:
    """Whether the promise of a ledger rests on masks, which may fail."""
    return plan.protocol.kind == KIND and Coalition.parse(_first(plan).against).includes_coordinator


def _delta(plan: Plan) -> Delta:
    """How the first requirement's delta is spent over all runs: masks of up to `MOST_RUNS` runs may fail (law 7)."""
    whole = _first(plan).delta
    kept = reserved(whole) if _masked(plan) else 0.0
    return Delta(conversion=left_of(whole, kept), failures=kept)


def _refuse_overspending(plan: Plan, settled: Settled, spent: Spent, participations: NDArray[np.int64]) -> None:
    """Raise `BudgetExhausted` unless every agent can take part so often beside what it has spent."""
    if _masked(plan) and spent.runs >= MOST_RUNS:
        raise BudgetExhausted(
            f"{plan.place('budget.ledger')} budget.ledger holds {spent.runs} runs under masks, and delta holds the "
            f"failures of at most {MOST_RUNS}. Nothing was computed. Possible: a new ledger for other people.".lstrip()
        )
    after = spent.after(participations, _rho(settled) / settled.charged_rounds)
    if not len(participations) or after.of(after.most) <= limit(plan):
        return
    delta, allowed = _delta(plan).conversion, plan.budget.epsilon if plan.budget else None
    whole = _first(plan).delta
    before, total = spent.of(after.most), after.of(after.most)
    left = _rounded_down(_epsilon_left(plan, before))
    runs = f"{spent.runs} earlier run{'' if spent.runs == 1 else 's'}"
    possible = f"privacy.epsilon = {left} for these {plan.algorithm.rounds:,} rounds, or " if left != "0" else ""
    raise BudgetExhausted(
        f"{plan.place('budget.epsilon')} budget.epsilon = {allowed:g} has no room for this run: in {runs} an agent "
        f"has spent epsilon {rounded_up(epsilon_of_rho(before, delta))} (at delta {whole:g}), and with this run it "
        f"would be {rounded_up(epsilon_of_rho(total, delta))}. What remains is epsilon {left}. Nothing was computed. "
        f"Possible: {possible}budget.epsilon = {rounded_up(epsilon_of_rho(total, delta))}.".lstrip()
    )


def over_runs(plan: Plan, settled: Settled, spent: Spent, participations: NDArray[np.int64]) -> Guarantee:
    """The guarantee of all runs together: the worst agent's earlier spend and this run's full charge."""
    first, delta = settled.required[0], _delta(plan)
    after = spent.after(participations, _rho(settled) / settled.charged_rounds)
    total = after.of(after.most)
    earlier = Status.SIMULATED if spent.seeds else Status.IDEALIZED if spent.idealized else Status.PROVEN
    said = (*first.assumptions, _LEDGER)
    return replace(
        first,
        epsilon=epsilon_of_rho(total, delta.conversion),
        delta=delta,
        rho=total,
        scope=_SCOPE,
        status=max(first.status, earlier, key=rank),
        assumptions=(_SEEDED, *said) if spent.seeds and first.status is not Status.SIMULATED else said,
    )


def _first(plan: Plan) -> Requirement:
    if plan.privacy is None:  # pragma: no cover - refused by soundness.py
        raise ProtocolMisuse("a plan with a ledger has a requirement")
    return plan.privacy


def _rho(settled: Settled) -> Fraction:
    return settled.required[0].rho or Fraction(0)


def _epsilon_left(plan: Plan, before: Fraction) -> float:
    """The largest privacy.epsilon, about, whose noise fits into what remains."""
    remaining = limit(plan) - before
    return epsilon_of_rho(remaining, _first(plan).delta) if remaining > 0 else 0.0


def _rounded_down(value: float) -> str:
    """Three digits, never more than the number."""
    exact = Decimal(math.nextafter(value, 0.0))
    return f"{exact.quantize(Decimal(1).scaleb(exact.adjusted() - 2), ROUND_FLOOR).normalize():f}" if exact else "0"
