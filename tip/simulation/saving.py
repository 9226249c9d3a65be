"""Checkpoints: where a run stands, on disk, and the way back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.files import RunFolder, strict_json
from tip.flow.files import to_json
from tip.learning import ServerState
from tip.plan import Plan
from tip.report.history import Round, keep_rounds
from tip.simulation.cohorts import Participation
from tip.simulation.rounds import Progress

if TYPE_CHECKING:
    from tip.flow.derivation import Derivation
    from tip.plan.masking import Masks
    from tip.simulation.federation import Federation

PROOF: Final = "derivation.json"
MASKS: Final = "masks.json"


def created(plan: Plan, folder: Path | None) -> RunFolder:
    """The folder of a new run: the next free one of that name."""
    path = Path("runs") / plan.name if folder is None else folder
    return RunFolder.create(path.parent, path.name)


def found(plan: Plan, folder: Path | None) -> RunFolder:
    """The folder of an earlier run of exactly this plan."""
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


def keep_proof(place: RunFolder, proof: Derivation | None) -> None:
    """Leave the proof of what is promised first, if there is one and it is not there yet."""
    if proof is not None and not place.has(PROOF):
        place.write_text(PROOF, strict_json(to_json(proof)) + "\n")


def keep_masks(place: RunFolder, masks: Masks | None) -> None:
    """Leave the public numbers of the masks, if the rounds have any."""
    if masks is not None and not place.has(MASKS):
        place.write_json(MASKS, asdict(masks.told))


def save(place: RunFolder, progress: Progress) -> None:
    """Write a checkpoint, the history first: a checkpoint never knows more rounds than the history."""
    if place.has("history.jsonl"):
        place.sync("history.jsonl")
    place.arrays(
        "checkpoint.npz",
        **progress.server.to_arrays(),
        participations=progress.participation.counts,
        done=np.int64(progress.done),
        released=np.int64(progress.released),
    )


def restored(federation: Federation, place: RunFolder) -> tuple[Progress, tuple[Round, ...]]:
    """The progress of the last checkpoint and the rounds up to it; later lines of the history go."""
    saved = place.read_arrays("checkpoint.npz")
    counts = saved.get("participations", np.zeros(0)).astype(np.int32)
    server = ServerState.from_arrays(saved)
    if counts.shape != (federation.train.agents,) or server.parameters.shape != (federation.model.dimension,):
        raise ConfigurationError(f"{place.path} was written for other data", instead="Begin anew without --resume")
    participation = Participation(counts, int(counts.max(initial=0)))
    done, released = (int(saved.get(name, -1)) for name in ("done", "released"))
    if not 0 <= released <= done <= federation.plan.algorithm.rounds or (counts < 0).any():
        raise ConfigurationError(f"{place.at('checkpoint.npz')} is damaged", instead="Begin anew without --resume")
    return Progress(server, participation, done, released), keep_rounds(place.at("history.jsonl"), done)
