"""One question, asked in this process: vectorized, or by the protocol's machines.

What agents send is a function of (seed, agent, answer) alone, so both engines count the same reports to
the bit. Presence does not depend on an answer (law 18): an agent without a usable one sends a report all
the same, about the item "no listed answer", or about one that is drawn, or about the middle of the range.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.attacks import output_poisoning
from tip.data import answers
from tip.errors import DataError
from tip.plan.posing import Posed, check, pose
from tip.plan.refusals import exact
from tip.protocols import local
from tip.protocols.core import AgentId, Round
from tip.randomness import SYSTEM, Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.data import Answers
    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.plan.question import QuestionPlan

    Indices = NDArray[np.int64]

ROUND = 1  # a question has one


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """A question, everybody's answer, and who lies; made by `prepare`.

    `values` are what honest agents randomize, `lying` says who claims something else instead. Both are private.
    """

    plan: QuestionPlan
    posed: Posed
    held: Answers = field(repr=False)
    values: NDArray[Any] = field(repr=False)
    lying: NDArray[np.bool_] = field(repr=False)
    entropy: Entropy

    @property
    def agents(self) -> int:
        """How many are asked."""
        return len(self.values)

    def answering(self) -> Indices:
        """Those that do not drop out: drawn by chance, never by an answer."""
        everybody = np.arange(self.agents, dtype=np.int64)
        if not self.plan.cohort.dropout:
            return everybody
        silent = self.entropy.stream("dropout", ROUND).bernoulli(exact(self.plan.cohort.dropout), everybody)[:, 0]
        return everybody[~silent]

    def reports(self, agents: Indices) -> Reports:
        """What these agents send: their answers, randomized, or what liars make of their claim."""
        table, values, mechanism = self.plan.adversary, self.values[agents], self.posed.mechanism
        lying = np.flatnonzero(self.lying[agents])
        if table is None or not len(lying):
            return mechanism.randomize(values, entropy=self.entropy, agents=agents, round=ROUND)
        claim = self.posed.items.index(str(table.claim)) if self.posed.items else float(table.claim)
        values[lying] = claim
        reports = mechanism.randomize(values, entropy=self.entropy, agents=agents, round=ROUND)
        if table.kind == "false-report":
            targets, liars = [claim] if self.posed.items else claim, agents[lying]
            forged = output_poisoning(mechanism, targets, count=len(liars), entropy=self.entropy, agents=liars)
            for sent, made_up in zip(reports.columns, forged.columns, strict=True):
                sent[lying] = made_up
        return reports


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What came of it: the aggregate, or None and the reason; how many reports were refused."""

    aggregate: Aggregate | None
    counted: int
    refused: int
    reason: str


def prepare(plan: QuestionPlan) -> Asking:
    """Load the answers, choose the mechanism, refuse what cannot hold: nobody was asked when this returns.

    Raises `ConfigurationError` for a plan that cannot hold, `DataError` for data that cannot be used.
    """
    check(plan)
    entropy = SYSTEM if plan.simulation is None else Entropy.seeded(plan.simulation.seed)
    held = _held(plan)
    posed = pose(plan, len(held.held))
    return Asking(plan, posed, held, _values(plan, held, entropy), _liars(plan, len(held.held)), entropy)


def collect(asking: Asking) -> Counted:
    """Ask everybody once, by the engine that the plan names."""
    return machines(asking) if asking.plan.execution.engine == "machines" else vectorized(asking)


def vectorized(asking: Asking) -> Counted:
    """All reports in one call."""
    agents, minimum = asking.answering(), asking.plan.cohort.minimum
    if len(agents) < minimum:
        return Counted(None, len(agents), 0, f"{len(agents)} reports count; the minimum is {minimum}")
    aggregate = asking.posed.mechanism.aggregate(asking.reports(agents))
    return Counted(aggregate, aggregate.reports, aggregate.refused, "")


def machines(asking: Asking) -> Counted:
    """Every agent on its own, over the protocol's bytes."""
    everybody, mechanism = asking.answering(), asking.posed.mechanism
    sent = {AgentId(int(agent)): asking.reports(agent[None]).to_bytes() for agent in everybody}
    agreement = local.Agreement(Round(ROUND), asking.plan.public_text, mechanism, asking.plan.cohort.minimum)
    poll = local.ask(agreement, sent)
    return Counted(poll.aggregate, len(poll.accepted), len(poll.refused), poll.reason)


def truth(asking: Asking) -> tuple[float, ...]:
    """The answer without privacy: evaluation only. By chance drawn items count in equal parts."""
    values, usable = asking.held.held, asking.held.usable
    if not asking.posed.items:
        return (float(asking.values.mean()),)
    items = len(asking.posed.items)
    if asking.plan.question.unlisted == "item":
        return tuple((np.bincount(asking.values, minlength=items) / asking.agents).tolist())
    counts = np.bincount(values[usable], minlength=items) + (~usable).sum() / items
    return tuple((counts / asking.agents).tolist())


def _held(plan: QuestionPlan) -> Answers:
    """Everybody's answer; what is wrong with a column names the key that asks for it."""
    try:
        return answers(plan.answer_settings())
    except DataError as error:
        named = {plan.question.column: "question.column", plan.data.among: "data.among", plan.data.agent: "data.agent"}
        key = named.get(error.column)
        if key is None or error.row is not None:
            raise
        instead = f"{error.instead} It is named by {key} ({plan.place(key)})"
        raise DataError(error.what, file=error.file, column=error.column, instead=instead) from error


def _values(plan: QuestionPlan, held: Answers, entropy: Entropy) -> NDArray[Any]:
    """What honest agents randomize; who has no usable answer is treated as the plan says."""
    if plan.task.kind == "mean":
        low, high = plan.question.range or (0.0, 1.0)
        return np.where(held.usable, held.held, low / 2 + high / 2)
    items = len(plan.question.items)
    if plan.question.unlisted == "item":
        return np.where(held.usable, held.held, items - 1)
    drawn = entropy.stream("unlisted", ROUND).below(items, np.arange(len(held.held)))[:, 0].astype(np.int64)
    return np.where(held.usable, held.held, drawn)


def _liars(plan: QuestionPlan, agents: int) -> NDArray[np.bool_]:
    """floor(fraction x agents) of them; who plays the liar is no secret and stays when the plan is run again."""
    lying = np.zeros(agents, dtype=np.bool_)
    if plan.adversary is not None and plan.simulation is not None:
        count = int(exact(plan.adversary.fraction) * agents)
        lying[Entropy.seeded(plan.simulation.seed).stream("liars").choose(agents, count)] = True
    return lying
