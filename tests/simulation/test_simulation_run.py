"""Whole runs: folders, interruption, kill -9, limits, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError, NotEnoughAgents
from tip.files import RunFolder
from tip.plan import Plan
from tip.privacy.guarantees import Status
from tip.report.history import Round, read_history
from tip.simulation import simulate
from tip.simulation.federation import prepare
from tip.simulation.rounds import rounds, start

if TYPE_CHECKING:
    from collections.abc import Callable


def interrupt_after(last: int) -> Callable[[Round], None]:
    def watch(played: Round) -> None:
        if played.number == last:
            raise KeyboardInterrupt

    return watch


def bytes_of(folder: Path | None, *names: str) -> list[bytes]:
    assert folder is not None
    return [(folder / name).read_bytes() for name in names]


def test_a_run_leaves_what_it_says(plan: Plan, elsewhere: Path) -> None:
    run = simulate(plan)
    assert run.folder == Path("runs/small")
    for name in (
        "plan.toml",
        "history.jsonl",
        "model.npz",
        "guarantee.json",
        "summary.json",
        "report.html",
        "checkpoint.npz",
        "derivation.json",
    ):
        assert (run.folder / name).is_file(), name
    assert Plan.read(run.folder / "plan.toml") == plan
    assert read_history(run.folder / "history.jsonl") == run.history
    summary = json.loads((run.folder / "summary.json").read_text())
    assert set(summary) == {"metrics", "baseline", "guarantees", "run"}
    assert summary["guarantees"][0]["coalition"]
    assert run.guarantees[0].status is Status.SIMULATED
    assert simulate(plan).folder == Path("runs/small-2")


def test_the_same_plan_gives_the_same_model_and_history(plan: Plan) -> None:
    first, second = simulate(plan), simulate(plan)
    assert bytes_of(first.folder, "history.jsonl") == bytes_of(second.folder, "history.jsonl")
    assert first.parameters.tobytes() == second.parameters.tobytes()


@pytest.mark.parametrize("last", [1, 2, 3, 5])
def test_interrupted_and_resumed_is_the_same_run(plan: Plan, last: int) -> None:
    whole = simulate(plan)
    cut = simulate(plan, watch=interrupt_after(last))
    assert cut.interrupted
    assert cut.rounds_done == last
    resumed = simulate(plan, folder=cut.folder, resume=True)
    assert not resumed.interrupted
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    assert bytes_of(resumed.folder, "history.jsonl") == bytes_of(whole.folder, "history.jsonl")
    assert bytes_of(resumed.folder, "derivation.json") == bytes_of(whole.folder, "derivation.json")
    assert resumed.history == whole.history


def test_a_run_that_lost_its_last_lines_resumes_from_its_checkpoint(plan: Plan) -> None:
    """As after kill -9 between a line and a checkpoint: the history is ahead, or ends in half a line."""
    whole, cut = simulate(plan), simulate(plan, watch=interrupt_after(2))
    lines = bytes_of(whole.folder, "history.jsonl")[0].splitlines(keepends=True)
    (cut.folder / "history.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:20])
    resumed = simulate(plan, folder=cut.folder, resume=True)
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    assert bytes_of(resumed.folder, "history.jsonl") == bytes_of(whole.folder, "history.jsonl")


def test_killed_and_resumed_is_the_same_run(plan: Plan, elsewhere: Path) -> None:
    """kill -9 at an instant that nobody chose."""
    slow = plan.replace("algorithm.rounds=60", "max_participations=60", "epsilon=40")
    (elsewhere / "slow.toml").write_text(slow.to_toml())
    (elsewhere / "small_survey.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    history = elsewhere / "killed" / "history.jsonl"
    code = (
        "import pathlib, time, tip; "
        "tip.simulate(tip.Plan.read('slow.toml'), folder=pathlib.Path('killed'), watch=lambda _: time.sleep(0.02))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(elsewhere)}
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (history.is_file() and len(history.read_bytes().splitlines()) > 10):
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    resumed = simulate(slow, folder=history.parent, resume=True)
    whole = simulate(slow)
    assert resumed.parameters.tobytes() == whole.parameters.tobytes()
    assert bytes_of(resumed.folder, "history.jsonl") == bytes_of(whole.folder, "history.jsonl")


def test_resume_refuses_another_plan_and_a_folder_that_is_none(plan: Plan, tmp_path: Path) -> None:
    cut = simulate(plan, watch=interrupt_after(2))
    with pytest.raises(ConfigurationError, match="another plan"):
        simulate(plan.replace("simulation.seed=9"), folder=cut.folder, resume=True)
    with pytest.raises(ConfigurationError, match="does not exist"):
        simulate(plan, folder=tmp_path / "nothing", resume=True)
    with pytest.raises(ConfigurationError, match="wants the folder"):
        simulate(plan, resume=True)
    RunFolder(cut.folder).arrays("checkpoint.npz", done=np.int64(1))
    with pytest.raises(ConfigurationError):
        simulate(plan, folder=cut.folder, resume=True)


def test_a_checkpoint_of_other_data_is_refused(plan: Plan) -> None:
    cut = simulate(plan, watch=interrupt_after(2))
    place = RunFolder(cut.folder)
    saved = place.read_arrays("checkpoint.npz")
    place.arrays("checkpoint.npz", **{**saved, "participations": saved["participations"][:-1]})
    with pytest.raises(ConfigurationError, match="other data"):
        simulate(plan, folder=cut.folder, resume=True)


def test_agents_stop_at_their_limit_and_the_round_is_given_up(plan: Plan) -> None:
    """Cohorts of 40 out of 64, three participations each: in round 4 about ten of the called are spent."""
    calls = ("sampling=fixed", "cohort.size=40", "cohort.minimum=36", "cohort.dropout=0")
    fixed = plan.replace(*calls, "max_participations=3", "epsilon=16", "algorithm.rounds=4")
    federation = prepare(fixed)
    moves = list(rounds(federation, start(federation)))
    progress, played = moves[-1]
    assert progress.participation.most == progress.participation.counts.max() == 3
    assert [r.released for _, r in moves] == [True, True, True, False]
    assert "36 are needed; nothing was released" in played.reason
    assert played.update_norm is None
    assert not played.metrics
    spent = [r.epsilon_spent for _, r in moves]
    assert spent == sorted(spent)
    assert spent[-1] == federation.settled.required[0].epsilon


def test_the_spend_ends_at_the_guarantee(plan: Plan) -> None:
    run = simulate(plan)
    assert run.history[-1].epsilon_spent == run.guarantees[0].epsilon
    assert 0.95 * 8 < run.history[-1].epsilon_spent <= 8


def test_too_few_answers_in_every_round_is_an_error_and_releases_nothing(plan: Plan) -> None:
    """57 of 64 are wanted and a tenth drops out: a single round fails for some seeds and not for others."""
    once = plan.replace("cohort.minimum=57", "privacy.epsilon=16", "algorithm.rounds=1", "max_participations=1")
    told: list[str] = []
    for seed in range(8):
        folder = Path(f"runs/seed-{seed}")
        try:
            simulate(once.replace(f"simulation.seed={seed}"), folder=folder)
        except NotEnoughAgents as error:
            told.append(str(error))
        assert (folder / "model.npz").exists() == (len(told) == 0 or f"seed-{seed}." not in told[-1])
    assert 0 < len(told) < 8
    assert all("no round of small was released" in text for text in told)


def test_a_run_on_system_randomness_is_proven_and_charges_before_it_computes(plan: Plan) -> None:
    text = plan.to_toml()
    real = Plan.parse(text[: text.index("[simulation]")].replace('baseline = "central"', 'baseline = "none"'))
    federation = prepare(real)
    assert federation.settled.required[0].status is Status.PROVEN
    seen: list[int] = []
    play = rounds(federation, start(federation), lambda p: seen.append(p.participation.most))
    assert next(play)[0].done == 1
    assert seen == [1]
    played = next(play)[1]
    assert not played.metrics  # law 15: figures outside the guarantee exist in simulation only
    assert played.clipped is None
    assert played.nonfinite is None
    cut = simulate(real, watch=interrupt_after(2))
    resumed = simulate(real, folder=cut.folder, resume=True)
    assert resumed.rounds_done == 6
    assert simulate(real).parameters.tobytes() != resumed.parameters.tobytes()


def test_a_model_that_diverges_ends_with_a_clear_error_or_a_finite_model(plan: Plan) -> None:
    run = simulate(plan.replace("server_learning_rate=1e12"))
    assert np.isfinite(run.parameters).all()
