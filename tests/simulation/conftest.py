"""A small survey of made-up people, and plans over it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.plan import Plan
from tip.randomness import Entropy

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """
format = 1
name = "small"

[task]
kind = "train"
metric = "auc"
baseline = "central"

[data]
source = "small_survey:people"
agent = "agents"
label = "y"
test = 0.2

[model]
kind = "logistic"

[algorithm]
kind = "fedsgd"
rounds = 6
server_learning_rate = 1.0
weighting = "equal"

[cohort]
sampling = "all"
minimum = 40
dropout = 0.1
colluding = 0.1

[protocol]
kind = "ideal"
coordinator = "malicious"
modulus_bits = 32
step = 1e-3

[privacy]
epsilon = 8.0
delta = 1e-4
unit = "agent"
neighboring = "replace-one"
against = "coordinator + 10% of agents"
max_participations = 6
mechanism = "distributed-gaussian"
clipping_norm = 0.5

[budget]
ledger = "none"

[execution]
block = 7

[simulation]
seed = 3
checkpoint_every = 2
"""


def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """80 agents of 0 to 9 records each, four features, two classes."""
    words = Entropy.seeded(8).stream("people").words(np.arange(400), 6)
    uniform = words * 2.0**-64
    labels = (uniform[:, 4] < 1 / (1 + np.exp(-4 * (uniform[:, 0] - uniform[:, 1])))).astype(np.int64)
    return 2 * uniform[:, :4] - 1, labels, np.minimum(words[:, 5] % np.uint64(97), 79).astype(np.int64)


people.classes = 2  # type: ignore[attr-defined] # what a source of numbers states about itself
people.features = 4  # type: ignore[attr-defined] # the same


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("small_survey")
    module.people = people
    monkeypatch.setitem(sys.modules, "small_survey", module)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plan() -> Plan:
    return Plan.parse(PLAN, "small.toml")
