"""Printed promises against what an attacker can do to a plan or a run."""

from __future__ import annotations

import json
import math
import sys
import tomllib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.distributed import DistributedGaussian
from tip.plan import Plan
from tip.plan.guarantee import settle
from tip.plan.sizing import Sizes
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import (
    Assumption,
    Delta,
    Guarantee,
    Kind,
    Neighboring,
    Security,
    Status,
    Unit,
)
from tip.privacy.integer import epsilon_of_rho, rho_of_sum
from tip.randomness import Entropy
from tip.simulation import simulate
from tip.simulation.vectorized import Engine

if TYPE_CHECKING:
    from tip.plan.guarantee import Settled
    from tip.simulation.vectorized import Sum

SURVEY: Final = Path(__file__).parents[2] / "examples" / "survey.toml"
ENROLLED: Final = 4015
DIMENSION: Final = 19

SMALL: Final = """
format = 1
name = "attacked"
[task]
kind = "train"
metric = "auc"
[data]
source = "redteam_people:people"
agent = "agents"
label = "y"
test = 0.2
[model]
kind = "logistic"
[algorithm]
kind = "fedsgd"
rounds = 5
server_learning_rate = 1.0
weighting = "equal"
[cohort]
sampling = "all"
minimum = 40
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
max_participations = 5
mechanism = "distributed-gaussian"
clipping_norm = 0.5
[budget]
ledger = "none"
"""


# -- the survey's epsilon from first principles ---------------------------------------------------------


def own_epsilon(
    variance: Fraction, *, minimum: int, factor: int = 4, rounds: int | None = None, spent: float = 0.0
) -> float:
    """Epsilon of examples/survey.toml, computed from its text alone: no code of the library takes part.

    `spent`: the part of delta that the failures of masks take.
    """
    plan = tomllib.loads(SURVEY.read_text())
    c = Fraction(str(plan["privacy"]["clipping_norm"])) / Fraction(str(plan["protocol"]["step"]))
    d, root = DIMENSION, math.sqrt(DIMENSION)
    bound = math.floor(min((float(c) + root) ** 2, float(c) ** 2 + d / 4 + float(c) + root / 2))
    colluders = math.floor(Fraction("0.1") * ENROLLED)
    assert plan["privacy"]["against"] == "coordinator + 10% of agents"
    h = minimum - min(colluders, minimum - 1)
    s = float(variance)
    tau = 10 * sum(math.exp(-2 * math.pi**2 * s * k / (k + 1)) for k in range(1, h))
    one = 0.5 * (math.sqrt(factor * bound / (h * s)) + tau * root) ** 2
    rho = one * (plan["algorithm"]["rounds"] if rounds is None else rounds)

    def at(order: float) -> float:  # alpha = 1 + order
        alpha = 1 + order
        kernel = math.log(1 / (plan["privacy"]["delta"] - spent)) + alpha * math.log(order / alpha) - math.log(order)
        return alpha * rho + kernel / order

    low, high = 1e-3, 1e3
    for _ in range(300):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if at(left) < at(right) else (left, high)
    return at(low)


def test_the_surveys_epsilon_from_first_principles() -> None:
    """Laws 1, 4, 8, 9 and the conversion, re-derived in thirty lines: squared bound, h, tau, rho, epsilon."""
    plan = Plan.read(SURVEY)
    settled = settle(plan, Sizes(enrolled=ENROLLED, dimension=DIMENSION))
    assert settled.mechanism is not None
    assert plan.privacy is not None
    assert settled.masks is not None
    variance, minimum = settled.mechanism.share_variance, plan.cohort.minimum - settled.masks.left_out
    failures = 50 * settled.masks.parameters.failure
    told = settled.required[0].epsilon or 0.0
    assert told == pytest.approx(own_epsilon(variance, minimum=minimum, spent=failures), rel=1e-10)
    assert told <= plan.privacy.epsilon <= 2
    # mutants of masks: those left out counted as sure, delta spent twice
    assert told > (1 + 1e-8) * own_epsilon(variance, minimum=minimum)
    assert told > 1.001 * own_epsilon(variance, minimum=plan.cohort.minimum, spent=failures)
    # mutants of the derivation: sensitivity C, colluders' shares counted, a round forgotten
    assert told > 1.5 * own_epsilon(variance, minimum=minimum, factor=1)
    assert told > 1.01 * own_epsilon(variance, minimum=minimum + 401)
    assert told > 1.001 * own_epsilon(variance, minimum=minimum, rounds=plan.algorithm.rounds - 1)


# -- liars that leave their noise out -------------------------------------------------------------------


def epsilon_with_silent_liars(plan: Plan, settled: Settled, coalition: Coalition) -> float:
    """What holds if as many agents as the plan expects to lie add no noise and tell nobody."""
    assert settled.mechanism is not None
    lying = int(Fraction(str(plan.robustness.malicious)) * settled.sizes.enrolled)
    silent = max(lying, coalition.colluders(settled.sizes.enrolled))
    return epsilon_of_rho(rho_of_sum(settled.mechanism.event(silent)) * settled.charged_rounds, 1e-4)


def test_liars_need_not_add_noise() -> None:
    """Law 4 and the plan's own words ("their noise shares protect nobody"): shares of expected liars count nowhere.

    A liar outside the coalition may keep its share and send its bare vector; the promise against
    `world` then rests on fewer shares than `minimum`. Either the figure allows for it, or an
    assumption says that all agents outside the coalition add their noise.
    """
    text = SMALL + "[robustness]\nmalicious = 0.1\n[simulation]\nseed = 1\n"
    plan = Plan.parse(text, "attacked.toml")
    settled = settle(plan, Sizes(enrolled=60, dimension=5))
    for promise in settled.guarantees:
        if promise.epsilon is not None:
            worded = any("noise" in a.sentence and "add" in a.sentence for a in promise.assumptions)
            assert worded or promise.epsilon >= epsilon_with_silent_liars(plan, settled, promise.coalition)


# -- charges --------------------------------------------------------------------------------------------


def people() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 agents of one record each."""
    uniform = Entropy.seeded(8).stream("people").words(np.arange(60), 4) * 2.0**-63 - 1
    return uniform[:, :3], (uniform[:, 3] > 0).astype(np.int64), np.arange(60)


people.classes = 2  # type: ignore[attr-defined] # what a source of numbers states about itself
people.features = 3  # type: ignore[attr-defined] # the same


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan on the operating system's randomness."""
    module: Any = ModuleType("redteam_people")
    module.people = people
    monkeypatch.setitem(sys.modules, "redteam_people", module)
    return Plan.parse(SMALL, "attacked.toml")


def test_an_interrupted_round_stays_charged(live: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 13: Ctrl-C after the noise of a round was drawn gives nothing back, and the sum of all stays in the limit.

    Rejects the run that writes its last whole round over the charge: resumed, such a run draws the
    noise of as many rounds as one likes.
    """
    whole = Engine.sum_of
    drawn = np.zeros(60, dtype=np.int64)  # how often each agent's noise was drawn, on whatever occasion

    def cut_off(engine: Engine, agents: np.ndarray, parameters: np.ndarray, number: int) -> Sum:
        drawn[agents] += 1
        result = whole(engine, agents, parameters, number)
        if int(drawn.max()) in (2, 3):
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Engine, "sum_of", cut_off)
    folder = tmp_path / "run"
    for _ in range(3):
        simulate(live, folder=folder, resume=folder.exists())
        with np.load(folder / "checkpoint.npz") as saved:
            assert saved["participations"].max() == drawn.max()
    assert drawn.max() == 5  # three of them released, and the limit of five kept


def test_the_folder_tells_what_all_runs_came_to(live: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on after another one was charged: its folder and its page state the sum of both, not the old one.

    Rejects a guarantee.json that is written once, before the first round.
    """
    plan = live.replace(f"budget.ledger={tmp_path / 'spends.sqlite'}", "budget.epsilon=20.0")
    whole = Engine.sum_of

    def cut_off(engine: Engine, agents: np.ndarray, parameters: np.ndarray, number: int) -> Sum:
        if number == 2:
            raise KeyboardInterrupt
        return whole(engine, agents, parameters, number)

    folder = tmp_path / "run"
    monkeypatch.setattr(Engine, "sum_of", cut_off)
    assert simulate(plan, folder=folder).interrupted
    monkeypatch.setattr(Engine, "sum_of", whole)
    simulate(plan, folder=tmp_path / "other")
    told = simulate(plan, folder=folder, resume=True).guarantees
    filed = json.loads((folder / "guarantee.json").read_text())["guarantees"]
    assert max(g.epsilon or 0.0 for g in told) > 10
    assert [g["epsilon"] for g in filed] == [g.epsilon for g in told]


# -- comparison of promises -----------------------------------------------------------------------------

PROMISE: Final = Guarantee(
    epsilon=1.0,
    delta=Delta(1e-6),
    unit=Unit.AGENT,
    neighboring=Neighboring.REPLACE_ONE,
    coalition=Coalition.parse("coordinator"),
    scope="the sums of all 100 rounds",
    kind=Kind.APPROXIMATE,
    security=Security.STATISTICAL,
    status=Status.PROVEN,
    assumptions=(Assumption("presence", "who sends is no secret"),),
)


@pytest.mark.parametrize(
    "weaker",
    [
        {"scope": "round 1 alone"},
        {"assumptions": (*PROMISE.assumptions, Assumption("ideal-sum", "nothing enforces it"))},
        {"security": Security.COMPUTATIONAL, "security_bits": 128},
    ],
)
def test_a_narrower_promise_does_not_imply_a_wider_one(weaker: dict[str, Any]) -> None:
    """Law 1: scope, assumptions and security are parts of a promise, not decoration."""
    narrow = replace(PROMISE, **weaker)
    assert not narrow.implies(PROMISE)
    assert PROMISE.implies(PROMISE)
    assert narrow.implies(narrow)


# -- cohorts larger than planned ------------------------------------------------------------------------


def test_a_poisson_cohort_may_be_everybody() -> None:
    """Law 8: the stated probability of wrap-around holds for the largest cohort that can be drawn, not the mean.

    One plan, accepted under "all", must not fit a smaller ring because its cohort is drawn by chance.
    """
    small_ring = SMALL.replace("modulus_bits = 32", "modulus_bits = 16").replace("step = 1e-3", "step = 2e-2")
    poisson = small_ring.replace('sampling = "all"', 'sampling = "poisson"\nrate = 0.05').replace(
        "minimum = 40", "minimum = 20"
    )
    enrolled = Sizes(enrolled=1500, dimension=5)
    plan = Plan.parse(poisson + "[simulation]\nseed = 1\n", "attacked.toml")
    mean = Plan.parse(
        small_ring.replace('sampling = "all"', 'sampling = "fixed"\nsize = 75').replace("minimum = 40", "minimum = 20"),
        "attacked.toml",
    )
    assert settle(mean, enrolled).mechanism is not None  # 75 agents fit
    with pytest.raises(ConfigurationError, match="wrap around"):
        settle(plan, enrolled)


def test_one_share_always_counts_and_never_more_than_the_minimum() -> None:
    """Law 4: whatever the coalition's size, 1 <= h <= minimum, and h + colluders never exceeds the minimum by more."""
    mechanism = DistributedGaussian(100, Fraction(4), 3, 7)
    shares = [mechanism.event(colluders).shares for colluders in range(12)]
    assert shares == [7, 6, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1]
