"""Whole runs of a plan: rounds, checkpoints, the run folder, resume."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, NotEnoughAgents, ProtocolMisuse
from tip.files import RunFolder
from tip.learning import ServerState
from tip.learning.baseline import central_baseline
from tip.plan import Plan
from tip.report.history import Round, keep_rounds, write_round
from tip.report.page import page
from tip.simulation.charging import FILE as LINE
from tip.simulation.charging import Book, Line, has_ledger, line_of, within_budget
from tip.simulation.cohorts import Participation
from tip.simulation.evaluation import distinct, evaluate
from tip.simulation.federation import Federation, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from tip.privacy.guarantees import Guarantee

EVALUATIONS: Final = 50  # at most about so many points on a learning curve


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: the server's state, who has been charged how often, rounds done."""

    server: ServerState
    participation: Participation
    done: int = 0
    released: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a plan. `metrics` and `baseline` are evaluation only, outside every guarantee."""

    plan: Plan
    folder: Path
    metrics: Mapping[str, float]
    baseline: Mapping[str, float] | None
    guarantees: tuple[Guarantee, ...]
    history: tuple[Round, ...] = field(repr=False)
    parameters: NDArray[np.float64] = field(repr=False)
    rounds_done: int
    interrupted: bool

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
                "seed": self.plan.simulation.seed if self.plan.simulation else None,
                "metrics_are": "evaluation only, outside the guarantee",
            },
        }


def simulate(
    plan: Plan,
    *,
    folder: Path | None = None,
    resume: bool = False,
    watch: Callable[[Round], None] | None = None,
) -> Run:
    """Run a plan in this process and leave a run folder (default: the next free `runs/<name>`).

    `resume` continues the run in `folder` from its last checkpoint, to the same model as without the
    interruption. `watch` is called after each round. Ctrl-C leaves a folder that can be resumed.
    Raises `ConfigurationError`, `DataError` and `BudgetExhausted` before anything runs (the last also
    where another run used up the shared ledger meanwhile), `NotEnoughAgents` when no round at all
    reached its minimum.
    """
    federation = prepare(plan)
    earlier = _place(plan, folder, resume=True) if resume else None
    progress, kept = _restore(federation, earlier) if earlier else (start(federation), ())
    line = line_of(federation, progress.participation, earlier)
    federation = within_budget(federation, line)
    with Book(federation, line) as book:
        place = earlier or _begin(federation, folder, line)
        progress, history, interrupted = _drive(federation, place, progress, book.charge, watch or _nobody)
        federation = book.told(federation)
    _checkpoint(place, progress)
    return _finish(federation, place, progress, kept + history, interrupted=interrupted)


def _begin(federation: Federation, folder: Path | None, line: Line) -> RunFolder:
    """The folder of a new run, with what is known before the first round."""
    place = _place(federation.plan, folder, resume=False)
    place.write_text("plan.toml", federation.plan.to_toml())
    place.write_json("guarantee.json", {"guarantees": [g.to_json() for g in federation.settled.guarantees]})
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
            _checkpoint(place, reached)

    history: list[Round] = []
    try:
        for reached, played in rounds(federation, progress, charge):
            write_round(place.at("history.jsonl"), played)
            history.append(played)
            progress = reached
            if _due(federation.plan, progress.done):
                _checkpoint(place, progress)
            watch(played)
    except KeyboardInterrupt:
        if not federation.entropy.simulated:  # a round that was cut off stays charged: it cannot be repeated
            progress = replace(progress, participation=charged)
        return progress, tuple(history), True
    return progress, tuple(history), False


def _due(plan: Plan, done: int) -> bool:
    """Whether a checkpoint is due: always where a round cannot be repeated."""
    return plan.simulation is None or done % plan.simulation.checkpoint_every == 0


def start(federation: Federation) -> Progress:
    """Before the first round."""
    server = federation.optimizer.init(federation.model)
    return Progress(server, Participation.none_yet(federation.train.agents))


def rounds(
    federation: Federation, progress: Progress, charge: Callable[[Progress], None] | None = None
) -> Iterator[tuple[Progress, Round]]:
    """Play the rounds that are left, one by one.

    `charge` is called with the participations of a round before anything of it is computed (law 13); a
    plan with a ledger is not played without it.
    """
    if charge is None and has_ledger(federation):
        raise ProtocolMisuse("rounds of a plan with a ledger are charged to it: hand over `charge`")
    while progress.done < federation.plan.algorithm.rounds:
        progress, played = _play(federation, progress, charge)
        yield progress, played


def _play(
    federation: Federation, progress: Progress, charge: Callable[[Progress], None] | None
) -> tuple[Progress, Round]:
    number = progress.done + 1
    cohort = federation.cohorts.drawn(federation.entropy, number)
    answering = federation.cohorts.answering(cohort, progress.participation, federation.entropy, number)
    progress = replace(progress, participation=progress.participation.charged(answering))
    if charge is not None:
        charge(progress)
    if len(answering) < max(federation.minimum, 1):
        return replace(progress, done=number), _given_up(federation, progress, number, len(cohort), len(answering))
    summed = federation.engine.sum_of(answering, progress.server.parameters, number)
    mean = federation.engine.channel.decode(summed.total) / federation.cohorts.planned
    server = federation.optimizer.update(progress.server, mean)
    progress = replace(progress, server=server, done=number, released=progress.released + 1)
    epsilon, delta = federation.settled.spent(progress.participation.most)
    return progress, Round(
        number=number,
        cohort=len(cohort),
        survivors=len(answering),
        released=True,
        reason="",
        epsilon_spent=epsilon,
        delta_spent=delta,
        update_norm=float(np.linalg.norm(mean)),
        metrics=_metrics_now(federation, progress),
        clipped=summed.clipped / len(answering) if federation.entropy.simulated else None,
        nonfinite=summed.nonfinite if federation.entropy.simulated else None,
    )


def _given_up(federation: Federation, progress: Progress, number: int, cohort: int, answering: int) -> Round:
    """A round that released nothing; who sent stays charged."""
    epsilon, delta = federation.settled.spent(progress.participation.most)
    return Round(
        number=number,
        cohort=cohort,
        survivors=answering,
        released=False,
        reason=f"{answering:,} agents answered, {federation.minimum:,} are needed; nothing was released",
        epsilon_spent=epsilon,
        delta_spent=delta,
        update_norm=None,
        metrics={},
        clipped=None,
        nonfinite=None,
    )


def _metrics_now(federation: Federation, progress: Progress) -> Mapping[str, float]:
    """The figures on the agents kept apart, in about `EVALUATIONS` rounds of a run; in simulation only (law 15)."""
    total = federation.plan.algorithm.rounds
    if not federation.entropy.simulated:
        return {}
    if progress.done % math.ceil(total / EVALUATIONS) and progress.done not in (1, total):
        return {}
    return evaluate(federation.model, federation.optimizer.result(progress.server), federation.test)


def _place(plan: Plan, folder: Path | None, *, resume: bool) -> RunFolder:
    if not resume:
        return (
            RunFolder.create(Path("runs"), plan.name)
            if folder is None
            else RunFolder.create(folder.parent, folder.name)
        )
    if folder is None:
        raise ConfigurationError("resume wants the folder of the run", instead="Name it, such as runs/my-plan")
    place = RunFolder.open(folder)
    place.require("plan.toml", "checkpoint.npz", "history.jsonl")
    if Plan.parse(place.read_text("plan.toml"), str(place.at("plan.toml"))) != plan:
        raise ConfigurationError(
            f"{folder} belongs to another plan",
            why="A run is resumed with exactly the settings that it began with",
            instead=f"Run {place.at('plan.toml')} itself, or begin anew without --resume",
        )
    return place


def _checkpoint(place: RunFolder, progress: Progress) -> None:
    place.arrays(
        "checkpoint.npz",
        **progress.server.to_arrays(),
        participations=progress.participation.counts,
        done=np.int64(progress.done),
        released=np.int64(progress.released),
    )


def _restore(federation: Federation, place: RunFolder) -> tuple[Progress, tuple[Round, ...]]:
    saved = place.read_arrays("checkpoint.npz")
    counts = saved.get("participations", np.zeros(0)).astype(np.int32)
    server = ServerState.from_arrays(saved)
    if counts.shape != (federation.train.agents,) or server.parameters.shape != (federation.model.dimension,):
        raise ConfigurationError(f"{place.path} was written for other data", instead="Begin anew without --resume")
    participation = Participation(counts, int(counts.max(initial=0)))
    done, released = (int(saved.get(name, -1)) for name in ("done", "released"))
    if not 0 <= released <= done <= federation.plan.algorithm.rounds:
        raise ConfigurationError(f"{place.at('checkpoint.npz')} is damaged", instead="Begin anew without --resume")
    return Progress(server, participation, done, released), keep_rounds(place.at("history.jsonl"), done)


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
        history=history,
        parameters=parameters,
        rounds_done=progress.done,
        interrupted=interrupted,
    )
    place.write_json("summary.json", run.to_json())
    place.write_text("report.html", page(place.path))
    return run


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
