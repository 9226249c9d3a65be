"""A plan made ready to run: data, model, noise, agents."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from tip.attacks import attack_of
from tip.data import load
from tip.errors import DataError
from tip.learning import Records
from tip.plan.building import algorithm_of, model_of, optimizer_of
from tip.plan.coherence import check, check_sizes
from tip.plan.guarantee import Settled, settle
from tip.plan.sizing import Sizes
from tip.randomness import SYSTEM, Entropy
from tip.simulation.cohorts import Cohorts
from tip.simulation.vectorized import Engine, Liars, Plain, Private

if TYPE_CHECKING:
    from tip.data import Population
    from tip.learning import Model, ServerOptimizer
    from tip.plan.tables import Plan


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

    @property
    def minimum(self) -> int:
        """Fewer answers than this, and a round is given up."""
        return self.plan.cohort.minimum


def prepare(plan: Plan) -> Federation:
    """Load the data, settle the noise, refuse what cannot hold: nothing has run when this returns.

    Raises `ConfigurationError` for a plan that cannot hold, `DataError` for data that cannot be used.
    """
    check(plan)
    entropy = SYSTEM if plan.simulation is None else Entropy.seeded(plan.simulation.seed)
    public = Entropy.seeded(0) if plan.simulation is None else entropy  # no secret: who is tested, who plays the liar
    split = load(plan.data_settings(), public)
    train, test = split.train, split.test
    if train.agents == 0:
        raise DataError("no agent is left to train", instead="Check data.test, the label and the source")
    model = model_of(plan, features=len(train.names), classes=train.classes)
    sizes = Sizes(enrolled=train.agents, dimension=model.dimension)
    check_sizes(plan, sizes.enrolled, sizes.dimension)
    settled = settle(plan, sizes)
    cohorts = _cohorts(plan, settled)
    channel = _channel(plan, settled, entropy)
    records = Records(train.features, train.labels, train.rows, train.offsets)
    engine = Engine(
        model=model,
        algorithm=algorithm_of(plan),
        records=records,
        channel=channel,
        block=plan.execution.block,
        threads=plan.execution.threads,
        liars=_liars(plan, records, train, public),
    )
    return Federation(plan, settled, train, test, model, optimizer_of(plan), cohorts, engine, entropy, split.notes)


def _cohorts(plan: Plan, settled: Settled) -> Cohorts:
    limit = plan.algorithm.rounds
    if plan.privacy is not None:
        limit = min(limit, *(r.max_participations for r in (plan.privacy, *plan.privacy.also)))
    return Cohorts(
        enrolled=settled.sizes.enrolled,
        sampling=plan.cohort.sampling,
        size=settled.cohort,
        rate=Fraction(str(plan.cohort.rate or 0)),
        dropout=Fraction(str(plan.cohort.dropout)),
        limit=limit,
    )


def _channel(plan: Plan, settled: Settled, entropy: Entropy) -> Private | Plain:
    if settled.grid is None or settled.mechanism is None:
        step = plan.protocol.step
        return Plain(settled.cohort) if step is None else Plain(settled.cohort, step)
    return Private(settled.grid, settled.mechanism, entropy)


def _liars(plan: Plan, records: Records, train: Population, entropy: Entropy) -> Liars | None:
    """The malicious agents: floor(fraction x enrolled) of them, drawn once for the whole run."""
    adversary = plan.adversary
    if adversary is None or adversary.fraction == 0:
        return None
    lying = np.zeros(train.agents, dtype=np.bool_)
    lying[entropy.stream("liars").choose(train.agents, int(Fraction(str(adversary.fraction)) * train.agents))] = True
    attack = attack_of(adversary.kind, {"factor": adversary.factor})
    poisoned = replace(records, labels=attack.labels(records.labels, train.classes))
    return Liars(attack, lying, poisoned, adversary.start_round)
