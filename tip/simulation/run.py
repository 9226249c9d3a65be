"""Whole runs of a plan, into a run folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from tip.errors import ConfigurationError, NotEnoughAgents
from tip.learning.baseline import central_baseline
from tip.plan.question import QuestionPlan
from tip.report.history import Round, write_round
from tip.report.page import page
from tip.simulation.charging import FILE as LINE
from tip.simulation.charging import Book, Line, has_ledger, line_of, within_budget
from tip.simulation.evaluation import distinct, evaluate
from tip.simulation.federation import Federation, prepare
from tip.simulation.question import QuestionRun, ask
from tip.simulation.rounds import Progress, rounds, start
from tip.simulation.saving import created, found, keep_masks, keep_proof, restored, save

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tip.files import RunFolder
    from tip.plan import AnyPlan, Plan
    from tip.privacy.guarantees import Guarantee
    from tip.simulation.cohorts import Participation


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a plan, as `simulate` leaves it; the folder holds the same on disk (docs/report.md).

    The first `required` of the guarantees are those that the plan asks for. `parameters` is the model,
    `(dimension,)` float64; `history` has one `Round` for each round played, `rounds_done` in all, those that
    were given up included. `metrics`, `baseline` (None where the plan asks for none) and `notes` (what was
    left out of the data) are evaluation only, outside every guarantee. `interrupted`: Ctrl-C ended it.
    """

    plan: Plan
    folder: Path
    metrics: Mapping[str, float]
    baseline: Mapping[str, float] | None
    guarantees: tuple[Guarantee, ...]
    required: int
    history: tuple[Round, ...] = field(repr=False)
    parameters: NDArray[np.float64] = field(repr=False)
    rounds_done: int
    interrupted: bool
    notes: tuple[str, ...] = ()

    @property
    def stated(self) -> tuple[Guarantee, ...]:
        """What the plan asks for; the first observer's guarantee where it asks for nothing."""
        return self.guarantees[: max(self.required, 1)]

    def to_json(self) -> dict[str, Any]:
        """The object that `tip run --json` prints: metrics, baseline, guarantees, run."""
        given_up = sum(not r.released for r in self.history)
        return {
            "metrics": finite(self.metrics),
            "baseline": None if self.baseline is None else finite(self.baseline),
            "guarantees": [g.to_json() for g in self.guarantees],
            "run": {
                "name": self.plan.name,
                "folder": str(self.folder),
                "rounds": self.rounds_done,
                "rounds_given_up": given_up,
                "interrupted": self.interrupted,
                "required": self.required,
                "notes": list(self.notes),
                "seed": self.plan.simulation.seed if self.plan.simulation else None,
                "metrics_baseline_and_notes_are": "evaluation only, outside the guarantee",
            },
        }


@overload
def simulate(
    plan: Plan, *, folder: Path | None = None, resume: bool = False, watch: Callable[[Round], None] | None = None
) -> Run: ...


@overload
def simulate(
    plan: QuestionPlan,
    *,
    folder: Path | None = None,
    resume: bool = False,
    watch: Callable[[Round], None] | None = None,
) -> QuestionRun: ...


def simulate(
    plan: AnyPlan,
    *,
    folder: Path | None = None,
    resume: bool = False,
    watch: Callable[[Round], None] | None = None,
) -> Run | QuestionRun:
    """Run a plan in this process and leave a run folder (default: the next free `runs/<name>`).

    A plan that asks a question is asked once and leaves a `QuestionRun`; it cannot be resumed.
    `resume` continues the run in `folder` from its last checkpoint, to the same model as without the
    interruption. `watch` is called after each round. Ctrl-C leaves a folder that can be resumed.
    For a seeded plan the result is a function of the plan and the data, to the bit, on one machine and one
    build of NumPy, whatever the blocks and threads (docs/simulation.md); it protects nobody.
    Raises `ConfigurationError`, `DataError` and `BudgetExhausted` before anything runs (the last also
    where another run used up the shared ledger meanwhile), `NotEnoughAgents` when no round at all
    reached its minimum.
    """
    if isinstance(plan, QuestionPlan):
        if resume:
            why = "It has one round, and a second report of an agent would be a new charge"
            raise ConfigurationError("a question is not resumed", why=why, instead="Run its plan again")
        return ask(plan, folder=folder)
    federation = prepare(plan)
    earlier = found(plan, folder) if resume else None
    progress, kept = restored(federation, earlier) if earlier else (start(federation), ())
    line = line_of(federation, progress.participation, earlier)
    federation = within_budget(federation, line)
    with Book(federation, line) as book:
        place = earlier or _begin(federation, folder, line)
        progress, history, interrupted = _drive(federation, place, progress, book.charge, watch or _nobody)
        federation = book.told(federation)
    save(place, progress)
    return _finish(federation, place, progress, kept + history, interrupted=interrupted)


def _begin(federation: Federation, folder: Path | None, line: Line) -> RunFolder:
    """The folder of a new run, with what is known before the first round."""
    place = created(federation.plan, folder)
    place.write_text("plan.toml", federation.plan.to_toml())
    _write_guarantees(place, federation)
    keep_proof(place, federation.settled.proof)
    keep_masks(place, federation.settled.masks)
    if has_ledger(federation):
        place.write_json(LINE, {"run": line.name})
    return place


def _nobody(_: Round) -> None:
    """Watches nothing."""


def _drive(
    federation: Federation,
    place: RunFolder,
    progress: Progress,
    enter: Callable[[Participation], None],
    watch: Callable[[Round], None],
) -> tuple[Progress, tuple[Round, ...], bool]:
    """Play the rounds that are left into the folder; the flag tells whether Ctrl-C ended them."""
    charged = progress.participation

    def charge(reached: Progress) -> None:
        nonlocal charged
        charged = reached.participation
        enter(charged)
        if not federation.entropy.simulated:
            save(place, reached)

    history: list[Round] = []
    try:
        for reached, played in rounds(federation, progress, charge):
            write_round(place.at("history.jsonl"), played)
            history.append(played)
            progress = reached
            if _due(federation.plan, progress.done):
                save(place, progress)
            watch(played)
    except KeyboardInterrupt:
        if not federation.entropy.simulated:  # a round that was cut off stays charged: it cannot be repeated
            progress = replace(progress, participation=charged)
        return progress, tuple(history), True
    return progress, tuple(history), False


def _due(plan: Plan, done: int) -> bool:
    """Whether a checkpoint is due: always where a round cannot be repeated."""
    return plan.simulation is None or done % plan.simulation.checkpoint_every == 0


def _finish(
    federation: Federation, place: RunFolder, progress: Progress, history: tuple[Round, ...], *, interrupted: bool
) -> Run:
    if not interrupted and progress.released == 0:
        last = history[-1].reason if history else "no round was planned"
        raise NotEnoughAgents(f"no round of {federation.plan.name} was released: {last}. The folder is {place.path}.")
    parameters = federation.optimizer.result(progress.server)
    place.arrays("model.npz", parameters=parameters, features=np.array(federation.train.names))
    run = Run(
        plan=federation.plan,
        folder=place.path,
        metrics=evaluate(federation.model, parameters, federation.test) if federation.entropy.simulated else {},
        baseline=_baseline(federation),
        guarantees=federation.settled.guarantees,
        required=len(federation.settled.stated),
        history=history,
        parameters=parameters,
        rounds_done=progress.done,
        interrupted=interrupted,
        notes=federation.notes,
    )
    _write_guarantees(place, federation)  # other runs of a ledger may have charged meanwhile
    keep_proof(place, federation.settled.proof)
    place.write_json("summary.json", run.to_json())
    place.write_text("report.html", page(place.path))
    return run


def _write_guarantees(place: RunFolder, federation: Federation) -> None:
    settled = federation.settled
    told = [g.to_json() for g in settled.guarantees]
    place.write_json("guarantee.json", {"required": len(settled.stated), "guarantees": told})


def _baseline(federation: Federation) -> Mapping[str, float] | None:
    """The same model trained on the pooled data without privacy: for comparison, in simulation only."""
    if federation.plan.task.baseline != "central":
        return None
    train = federation.train
    rows, counts = distinct(train)
    pooled = central_baseline(federation.model, train.features[rows], train.labels[rows], counts)
    return evaluate(federation.model, pooled, federation.test)


def finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Figures as JSON can hold them: what is not finite becomes null."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
