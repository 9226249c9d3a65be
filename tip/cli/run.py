"""`tip run`: run a plan and tell what came of it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from tip.cli.codes import INTERRUPTED
from tip.cli.printing import OUTSIDE, asides, facts, plain, print_object, promises, results, sentences, title
from tip.cli.progress import progress
from tip.cli.question import tell_answer
from tip.cli.settings import parted
from tip.errors import ConfigurationError
from tip.explain.words import rounded_up
from tip.files import RunFolder, safe_name
from tip.plan import QuestionPlan, read_plan
from tip.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tip.plan import AnyPlan
    from tip.simulation import Run


def run(path: Path | None, config: Iterable[str], *, resume: Path | None, out: Path, json: bool, quiet: bool) -> int:
    """Run the plan at `path`, or continue the run in `resume`; returns the exit code."""
    plan = chosen_plan(path, config, resume=resume)
    folder = out / safe_name(plan.name) if resume is None else resume
    if isinstance(plan, QuestionPlan):
        answered = simulate(plan, folder=folder, resume=resume is not None)
        tell_answer(answered, json=json, quiet=quiet)
        return 0
    limit = plan.privacy.epsilon if plan.privacy else None
    with progress(plan.algorithm.rounds, limit, quiet=quiet) as watch:
        done = simulate(plan, folder=folder, resume=resume is not None, watch=watch)
    for note in () if quiet else done.notes:
        asides().print(f"{plain(note)} ({OUTSIDE})", soft_wrap=True)
    if json:
        print_object(done.to_json())
    else:
        tell(done, limit)
    if done.interrupted:
        how = f"tip run --resume {shlex.quote(str(done.folder))}"
        asides().print(f"Interrupted after {done.rounds_done} rounds. To continue: {plain(how)}", soft_wrap=True)
        return INTERRUPTED
    return 0


def chosen_plan(
    path: Path | None, config: Iterable[str], *, resume: Path | None = None, command: str = "run"
) -> AnyPlan:
    """The plan of a command: from its file, or from the folder of the run that is resumed."""
    if path is None:
        path = _resumed_plan(resume, command)
    settings = [setting for text in config for setting in parted(text)]
    plan = read_plan(path)
    return plan.replace(*settings) if settings else plan


def _resumed_plan(resume: Path | None, command: str) -> Path:
    if resume is None:
        raise ConfigurationError("No plan is named.", instead=f"Name one, such as: tip {command} examples/survey.toml")
    folder = RunFolder.open(resume)
    folder.require("plan.toml")
    return folder.at("plan.toml")


def tell(done: Run, limit: float | None) -> None:
    """Print a run for people: the figures beside the baseline, then what is promised."""
    console = results()
    released = sum(round_.released for round_ in done.history)
    spent = done.history[-1].epsilon_spent if done.history else 0.0
    measured = {name: f"{value:.3f}{_beside(done, name)}" for name, value in done.metrics.items()}
    budget = {} if limit is None else {"epsilon spent": f"{rounded_up(spent)} of {limit:g}"}
    title(console, done.plan.name)
    facts(console, {**measured, "rounds released": f"{released} of {done.plan.algorithm.rounds}", **budget})
    sentences(console, [f"({', '.join(measured)}: {OUTSIDE})"] if measured else [])
    title(console, "\nWhat is promised")
    promises(console, done.stated)
    if done.folder is not None:
        console.print()
        repeat = f"tip run {shlex.quote(str(done.folder / 'plan.toml'))}"
        facts(console, {"report": str(done.folder / "report.html"), "to repeat": repeat})


def _beside(done: Run, name: str) -> str:
    baseline = (done.baseline or {}).get(name)
    return "" if baseline is None else f"   (central baseline without privacy: {baseline:.3f})"
