"""Whole runs of a question, into a run folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import NotEnoughAgents
from tip.files import RunFolder
from tip.mechanisms.base import PureMechanism
from tip.plan.proving import prove
from tip.plan.refusals import exact
from tip.report.answers import LEVEL, Answer, write_answer
from tip.report.mechanism import described
from tip.report.page import page
from tip.simulation.polling import ROUND, Asking, Counted, collect, prepare, truth
from tip.simulation.saving import keep_proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.derivation import Derivation
    from tip.mechanisms.estimates import Estimate
    from tip.plan.posing import Posed
    from tip.plan.question import QuestionPlan
    from tip.privacy.guarantees import Guarantee


@dataclass(frozen=True, slots=True)
class QuestionRun:
    """A question that was asked, as `simulate` leaves it; the folder holds the same on disk (docs/report.md).

    `estimate` is raw and unbiased, with `estimate.interval(0.95)`: shares `(items,)`, or a mean `()`. `items` are what
    its entries are about. `answer` is the record of the run. `baseline` (None where the plan asks for none) is the true
    answer and `notes` tell what preparation left out: both are evaluation only, outside every guarantee.
    """

    plan: QuestionPlan
    folder: Path
    items: tuple[str, ...]
    estimate: Estimate
    answer: Answer
    baseline: Mapping[str, float] | None
    guarantees: tuple[Guarantee, ...]
    mechanism: str = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def metrics(self) -> Mapping[str, float]:
        """The estimates by item: released, and charged."""
        return dict(zip(self.items, self.answer.estimate, strict=True))

    @property
    def stated(self) -> tuple[Guarantee, ...]:
        """What the plan asks for."""
        return self.guarantees[:1]

    def to_json(self) -> dict[str, Any]:
        """The object that `tip run --json` prints: metrics (here the estimates), baseline, guarantees, run."""
        said = self.answer
        entries = zip(said.items, said.estimate, said.low, said.high, said.variance, strict=True)
        return {
            "metrics": dict(self.metrics),
            "baseline": None if self.baseline is None else dict(self.baseline),
            "guarantees": [g.to_json() for g in self.guarantees],
            "run": {
                "name": self.plan.name,
                "folder": str(self.folder),
                "mechanism": self.mechanism,
                "answers": [
                    {"item": item, "estimate": value, "low": low, "high": high, "variance": variance}
                    for item, value, low, high, variance in entries
                ],
                "level": LEVEL,
                "wary_intervals": [list(ends) for ends in zip(said.wary_low, said.wary_high, strict=True)],
                "asked": said.asked,
                "counted": said.counted,
                "refused": said.refused,
                "interrupted": False,
                "required": 1,
                "notes": list(self.notes),
                "seed": self.plan.simulation.seed if self.plan.simulation else None,
                "metrics_are": "released through the protocol and charged",
                "baseline_and_notes_are": "evaluation only, outside the guarantee",
            },
        }


def ask(plan: QuestionPlan, *, folder: Path | None = None) -> QuestionRun:
    """Ask one question in this process and leave a run folder (default: the next free `runs/<name>`).

    For a seeded plan the answer is a function of the plan and the data, to the bit, whatever the engine.
    Raises `ConfigurationError` and `DataError` before anybody is asked, `NotEnoughAgents` when fewer reports than
    the minimum count: nothing is then released.
    """
    asking = prepare(plan)
    path = Path("runs") / plan.name if folder is None else folder
    place = RunFolder.create(path.parent, path.name)
    place.write_text("plan.toml", plan.to_toml())
    place.write_json("guarantee.json", {"required": 1, "guarantees": [g.to_json() for g in asking.posed.guarantees]})
    keep_proof(place, _proof(asking.posed))
    place.write_json("mechanism.json", described(asking.posed.mechanism, asking.posed.items, asking.posed.chosen))
    counted = collect(asking)
    if counted.aggregate is None:
        write_answer(place.at("history.jsonl"), _given_up(asking, counted))
        place.write_text("report.html", page(place.path))
        raise NotEnoughAgents(f"{plan.name} was not answered: {counted.reason}. The folder is {place.path}.")
    estimate = asking.posed.mechanism.estimate(counted.aggregate)
    run = _run(asking, place, estimate, _answer(asking, counted, estimate))
    write_answer(place.at("history.jsonl"), run.answer)
    place.write_json("summary.json", run.to_json())
    place.write_text("report.html", page(place.path))
    return run


def _proof(posed: Posed) -> Derivation | None:
    """The proof of what is required; none for a report without a largest ratio, for which no flow is declared."""
    if not isinstance(posed.mechanism, PureMechanism):
        return None
    return prove(posed, posed.required.coalition, posed.plan.privacy.delta)


def _run(asking: Asking, place: RunFolder, estimate: Estimate, answer: Answer) -> QuestionRun:
    return QuestionRun(
        plan=asking.plan,
        folder=place.path,
        items=answer.items,
        estimate=estimate,
        answer=answer,
        baseline=dict(zip(answer.items, answer.truth, strict=True)) if answer.truth else None,
        guarantees=asking.posed.guarantees,
        mechanism=asking.posed.mechanism.spec.to_bytes().decode(),
        notes=asking.held.notes if asking.entropy.simulated else (),
    )


def _answer(asking: Asking, counted: Counted, estimate: Estimate) -> Answer:
    low, high = estimate.interval(LEVEL)
    return Answer(
        **_common(asking, counted),
        released=True,
        reason="",
        estimate=_listed(estimate.value),
        low=_listed(low),
        high=_listed(high),
        variance=_listed(estimate.variance),
        **_wary(asking, estimate),
        truth=truth(asking) if asking.plan.task.baseline == "central" else (),
        liars=int(asking.lying[asking.answering()].sum()) if asking.plan.adversary is not None else None,
    )


def _given_up(asking: Asking, counted: Counted) -> Answer:
    """Nothing is released; who sent stays charged."""
    return Answer(
        **_common(asking, counted),
        released=False,
        reason=counted.reason,
        estimate=(),
        low=(),
        high=(),
        variance=(),
        wary_low=(),
        wary_high=(),
        truth=(),
        liars=None,
    )


def _wary(asking: Asking, estimate: Estimate) -> dict[str, Any]:
    """The intervals that hold whatever the plan's share of liars sent; none where that cannot be bounded.

    The share is one of all who are asked: liars need not drop out.
    """
    made_up = math.ceil(exact(asking.plan.robustness.malicious) * asking.agents)
    if estimate.reach is None or not 0 < made_up < estimate.reports:
        return {"wary_low": (), "wary_high": ()}
    low, high = estimate.interval(LEVEL, malicious=made_up)
    return {"wary_low": _listed(low), "wary_high": _listed(high)}


def _common(asking: Asking, counted: Counted) -> dict[str, Any]:
    required = asking.posed.required
    return {
        "number": ROUND,
        "asked": asking.agents,
        "counted": counted.counted,
        "refused": counted.refused,
        "epsilon_spent": required.epsilon,
        "delta_spent": required.delta.total,
        "items": asking.posed.items or (asking.plan.question.column,),
    }


def _listed(values: Any) -> tuple[float, ...]:  # noqa: ANN401 - an array or a number
    return tuple(np.atleast_1d(np.asarray(values, dtype=np.float64)).tolist())
