"""A run folder as a run leaves it, made of invented figures."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tip.files import RunFolder
from tip.privacy.coalitions import standard_observers
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho
from tip.report.history import Round, write_round

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tip.privacy.coalitions import Coalition

PLAN = """\
format = 1
name = "diabetes-survey"
about = "5,018 adults learn a diabetes-risk model together; nobody sees an answer."

[task]
kind = "train"
metric = "auc"
baseline = "central"

[algorithm]
kind = "fedsgd"
rounds = 150

[protocol]
kind = "ideal"
modulus_bits = 32
step = 1e-4

[privacy]
epsilon = 2.0
delta = 1e-5
unit = "agent"
neighboring = "replace-one"
against = "coordinator + 10% of agents"
max_participations = 150
mechanism = "distributed-gaussian"
clipping_norm = 0.6

[simulation]
seed = 1
checkpoint_every = 10
"""
RHO = Fraction(41, 600)
IDEAL = Assumption("ideal-sum", "the coordinator sees only sums; nothing in this run enforces it")
OTHERS = (
    Assumption("own noise", "the agents outside the coalition add their noise shares as the plan says"),
    Assumption("roster", "who takes part in a round does not depend on anybody's data"),
)


def promise(coalition: Coalition) -> Guarantee:
    """What such a plan promises against one observer."""
    known = "network" not in coalition.parties
    rho = RHO if coalition.fraction else RHO * Fraction(9, 10)
    return Guarantee(
        epsilon=epsilon_of_rho(rho, 1e-5) if known else None,
        delta=Delta(1e-5),
        unit=Unit.AGENT,
        neighboring=Neighboring.REPLACE_ONE,
        coalition=coalition,
        scope="the sums of all 150 rounds and every model made from them; each agent may take part in all",
        kind=Kind.APPROXIMATE,
        security=Security.STATISTICAL,
        status=Status.SIMULATED if known else Status.NOT_PROVEN,
        assumptions=(OTHERS[0], IDEAL, OTHERS[1]) if coalition.includes_coordinator else OTHERS,
        missing="" if known else "what an eavesdropper can see: no transport is modeled yet",
        rho=rho if known else None,
    )


def played(number: int) -> Round:
    """One round of it; rounds 57 and 112 are given up, every third is evaluated."""
    released = number not in {57, 112}
    learned = 0.823 - 0.31 * math.exp(-number / 22) + 0.006 * math.sin(number)
    rho = RHO * number / 150
    return Round(
        number=number,
        cohort=4015,
        survivors=3811 if released else 3320,
        released=released,
        reason="" if released else "3320 agents answered, 3400 are needed; nothing was released",
        epsilon_spent=epsilon_of_rho(rho, 1e-5),
        delta_spent=1e-5,
        update_norm=0.4 if released else None,
        metrics={"auc": learned, "accuracy": 0.87} if number % 3 == 0 or number == 1 else {},
        clipped=0.12 if released else None,
        nonfinite=0 if released else None,
    )


@pytest.fixture
def a_run(tmp_path: Path) -> RunFolder:
    return build(tmp_path)


@pytest.fixture
def rebuild() -> Callable[[Path], RunFolder]:
    return build


def build(root: Path, *, plan: str = PLAN, rounds: int = 150) -> RunFolder:
    """A run folder under `root`."""
    folder = RunFolder.create(root, "diabetes-survey")
    observers = standard_observers(Fraction(1, 10))
    required = observers[3]
    order = (required, *(o for o in observers if o != required))
    folder.write_text("plan.toml", plan)
    guarantees = [promise(o).to_json() for o in order]
    folder.write_json("guarantee.json", {"guarantees": guarantees})
    for number in range(1, rounds + 1):
        write_round(folder.at("history.jsonl"), played(number))
    run = {"name": "diabetes-survey", "rounds": rounds, "interrupted": False, "seed": 1}
    summary = {
        "metrics": {"auc": 0.8214, "accuracy": 0.871},
        "baseline": {"auc": 0.8302, "accuracy": 0.876},
        "guarantees": guarantees,
        "run": run,
    }
    folder.write_json("summary.json", summary)
    return folder
