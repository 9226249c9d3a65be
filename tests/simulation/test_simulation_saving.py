"""Checkpoints: what is written first, and what is read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.files import RunFolder
from tip.flow.files import from_json
from tip.flow.verification import verify
from tip.simulation import simulate
from tip.simulation.federation import prepare
from tip.simulation.rounds import rounds, start
from tip.simulation.saving import restored, save

if TYPE_CHECKING:
    from pathlib import Path

    from tip.plan import Plan


def test_the_history_is_on_the_disk_before_the_checkpoint(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: no sync, so that after a power cut a checkpoint may know more rounds than the history."""
    place, calls = RunFolder(simulate(plan).folder), list[str]()
    monkeypatch.setattr(RunFolder, "sync", lambda _, name: calls.append(name))
    monkeypatch.setattr(RunFolder, "arrays", lambda _, name, **__: calls.append(name))
    federation = prepare(plan)
    save(place, start(federation))
    assert calls == ["history.jsonl", "checkpoint.npz"]


def test_a_run_leaves_the_proof_of_what_it_promises_first(plan: Plan) -> None:
    run = simulate(plan)
    text = (run.folder / "derivation.json").read_text()
    proof = from_json(json.loads(text))
    assert verify(proof).holds
    assert proof.guarantee == run.guarantees[0]
    assert len(text.splitlines()) == 1
    (run.folder / "derivation.json").unlink()  # as a run of an earlier version left it
    assert simulate(plan, folder=run.folder, resume=True).guarantees == run.guarantees
    assert (run.folder / "derivation.json").read_text() == text


def test_what_promises_nothing_leaves_no_proof(plan: Plan) -> None:
    run = simulate(plan.replace("privacy=none", "budget=none", "protocol.kind=clear", "influence=none"))
    assert not (run.folder / "derivation.json").exists()


def test_a_checkpoint_is_read_back(plan: Plan, elsewhere: Path) -> None:
    federation, place = prepare(plan), RunFolder(simulate(plan).folder)
    progress = [progress for progress, _ in rounds(federation, start(federation))][3]
    save(place, progress)
    again, history = restored(federation, place)
    assert (again.done, again.released) == (progress.done, progress.released) == (4, 4)
    assert np.array_equal(again.participation.counts, progress.participation.counts)
    assert again.participation.most == progress.participation.most
    assert again.server.parameters.tobytes() == progress.server.parameters.tobytes()
    assert [played.number for played in history] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"done": np.int64(-1), "released": np.int64(-1)},
        {"done": np.int64(7)},
        {"released": np.int64(7)},
        {"released": np.int64(-1)},
        {"participations": np.full(64, -1, dtype=np.int32)},
        {"participations": np.zeros(63, dtype=np.int32)},
        {"parameters": np.zeros(4)},
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused(plan: Plan, change: dict[str, np.ndarray]) -> None:
    federation, place = prepare(plan), RunFolder(simulate(plan).folder)
    saved = place.read_arrays("checkpoint.npz")
    restored(federation, place)
    place.arrays("checkpoint.npz", **{**saved, **change})
    with pytest.raises(ConfigurationError):
        restored(federation, place)
    for name in change:
        place.arrays("checkpoint.npz", **{key: value for key, value in saved.items() if key != name})
        with pytest.raises(ConfigurationError):
            restored(federation, place)
