"""A plan made ready to run: data, model, noise, agents."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tip.attacks import attack_of
from tip.learning import Records
from tip.plan.building import algorithm_of, optimizer_of
from tip.plan.refusals import exact
from tip.plan.settling import public_choices, ready
from tip.randomness import SYSTEM, Entropy
from tip.simulation.cohorts import Cohorts
from tip.simulation.machines import Machines, protocols
from tip.simulation.vectorized import Engine, Liars, Plain, Private

if TYPE_CHECKING:
    from tip.data import Population
    from tip.learning import Model, ServerOptimizer
    from tip.plan.guarantee import Settled
    from tip.plan.tables import Plan
    from tip.simulation.machines import GivenUp
    from tip.simulation.vectorized import Floats, Indices, Sum


@dataclass(frozen=True, slots=True)
class Federation:
    """Everything that the rounds of one plan need; made by `prepare`."""

    plan: Plan
    settled: Settled
    train: Population = field(repr=False)
    test: Population = field(repr=False)
    model: Model
    optimizer: ServerOptimizer
    cohorts: Cohorts
    engine: Engine = field(repr=False)
    entropy: Entropy
    notes: tuple[str, ...] = ()
    machines: Machines | None = None

    def summed(self, cohort: Indices, answering: Indices, parameters: Floats, number: int) -> Sum | GivenUp:
        """The ring sum of a round, by the engine that the plan names."""
        if self.machines is None:
            return self.engine.sum_of(answering, parameters, number)
        return self.machines.sum_of(cohort, answering, parameters, number)

    @property
    def minimum(self) -> int:
        """Fewer answers than this, and a round is given up."""
        return self.plan.cohort.minimum


def prepare(plan: Plan) -> Federation:
    """Load the data, settle the noise, refuse what cannot hold: nothing has run when this returns.

    Raises `ConfigurationError` for a plan that cannot hold, `DataError` for data that cannot be used.
    """
    entropy = SYSTEM if plan.simulation is None else Entropy.seeded(plan.simulation.seed)
    begun = ready(plan)
    train, settled = begun.split.train, begun.settled
    records = Records(train.features, train.labels, train.rows, train.offsets)
    engine = Engine(
        model=begun.model,
        algorithm=algorithm_of(plan),
        records=records,
        channel=_channel(plan, settled, entropy),
        block=plan.execution.block,
        threads=plan.execution.threads,
        liars=_liars(plan, records, train),
    )
    return Federation(
        plan=plan,
        settled=settled,
        train=train,
        test=begun.split.test,
        model=begun.model,
        optimizer=optimizer_of(plan),
        cohorts=_cohorts(plan, settled),
        engine=engine,
        entropy=entropy,
        notes=begun.split.notes,
        machines=_machines(plan, settled, engine, entropy),
    )


def _machines(plan: Plan, settled: Settled, engine: Engine, entropy: Entropy) -> Machines | None:
    """The protocol's own machines, where the plan wants them."""
    if plan.execution.engine != "machines":
        return None
    made = protocols(plan.protocol.kind, settled.masks, entropy, plan.execution.processes)
    return Machines(engine, made, plan.cohort.minimum)


def _cohorts(plan: Plan, settled: Settled) -> Cohorts:
    return Cohorts(
        enrolled=settled.sizes.enrolled,
        sampling=plan.cohort.sampling,
        size=settled.cohort,
        rate=exact(plan.cohort.rate or 0.0),
        dropout=exact(plan.cohort.dropout),
        limit=settled.charged_rounds,
    )


def _channel(plan: Plan, settled: Settled, entropy: Entropy) -> Private | Plain:
    if settled.grid is None or settled.mechanism is None:
        return Plain(settled.sizes.enrolled, plan.protocol.step)
    return Private(settled.grid, settled.mechanism, entropy)


def _liars(plan: Plan, records: Records, train: Population) -> Liars | None:
    """The malicious agents: floor(fraction x enrolled) of them, drawn once for the whole run."""
    adversary = plan.adversary
    if adversary is None or adversary.fraction == 0:
        return None
    lying = np.zeros(train.agents, dtype=np.bool_)
    count = int(exact(adversary.fraction) * train.agents)
    lying[public_choices(plan).stream("liars").choose(train.agents, count)] = True
    attack = attack_of(adversary.kind, {"factor": adversary.factor})
    poisoned = replace(records, labels=attack.labels(records.labels, train.classes))
    return Liars(attack, lying, poisoned, adversary.start_round)
