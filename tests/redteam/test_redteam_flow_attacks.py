"""Attacks on flows: they reach the predicted curves, and no more than was proven."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest

from tip.flow.attacking import Attack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tip.mechanisms import BinaryRandomizedResponse

Thing: TypeAlias = Any  # of a script's own types

FOLDER = Path(__file__).parents[2] / "benchmarks"
TRIALS = 10_000
SEED = 20
CELLS = 144


@pytest.fixture(scope="module")
def curves() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module("attack_curves")


def case(curves: Thing, name: str) -> Thing:
    return next(one for one in curves.CASES if one.name == name)


def judged(curves: Thing, name: str) -> Thing:
    """A run of this moment, mutated or not."""
    number = [one.name for one in curves.CASES].index(name)
    return curves.judged(case(curves, name).run(TRIALS, SEED + number), cells=CELLS)


@pytest.fixture(scope="module")
def honest(curves: Thing) -> dict[str, Thing]:
    """All of them, before anything is mutated."""
    return {one.name: judged(curves, one.name) for one in curves.CASES}


SUMS = [
    "clear, coordinator",
    "clear, world",
    "ideal, coordinator",
    "ideal, 3 of 6 collude",
    "ideal, four rounds",
    "ideal, 3 of 8 drop out",
]
REAL = [
    "pairwise, 4-out, 3 collude",
    "decor, ring, four steps",
    "gossip, path, four rounds",
    "square root, 16 rounds",
    "token ring, four turns",
]
LOCAL = "local, randomized response"


def test_all_flows_of_the_page_are_attacked_here(curves: Thing) -> None:
    assert sorted([*SUMS, *REAL, LOCAL]) == sorted(one.name for one in curves.CASES)
    assert curves.cells_of(len(curves.CASES)) == CELLS


@pytest.mark.parametrize("name", [*SUMS, LOCAL, *REAL])
def test_the_attack_reaches_the_predicted_curve_and_no_more(honest: dict[str, Thing], name: str) -> None:
    """Laws 3, 4, 9, 10, 12, 21. That a prediction 10 % off is refused is one of the verdicts."""
    assert honest[name].wrong == ()


@pytest.mark.parametrize("name", ["clear, world", LOCAL, "square root, 16 rounds"])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_prediction_that_is_a_tenth_off_is_refused(
    curves: Thing, honest: dict[str, Thing], name: str, factor: float
) -> None:
    result = honest[name]
    assert not curves.misses(result.counted, result.run.predicted)
    assert curves.misses(result.counted, curves.distorted(result.run.predicted, factor))


def test_a_sum_is_charged_with_whom_the_coalition_knows(honest: dict[str, Thing]) -> None:
    """Law 4: six answer, three collude, so three shares hide the change of 2 * 4; law 3: in the open one share does."""
    assert honest["ideal, 3 of 6 collude"].run.mu == pytest.approx(8 / 27**0.5, rel=1e-9)
    assert honest["clear, coordinator"].run.mu == pytest.approx(12 / 6, rel=1e-9)
    assert honest["ideal, 3 of 8 drop out"].run.mu == pytest.approx(8 / 32.5**0.5, rel=1e-9)
    assert honest["ideal, four rounds"].run.mu == pytest.approx(4 * 4 / (16 * 9) ** 0.5, rel=1e-9)


# -- mutants --------------------------------------------------------------------------------------


def wrong(curves: Thing, name: str) -> str:
    return "; ".join(judged(curves, name).wrong)


def mutated(change: Callable[[Thing, dict[str, Any]], None], original: Thing) -> Callable[..., dict[str, Any]]:
    """`drawn`, and then something that agents should not do."""

    def drawn(self: Thing, *args: Thing, **options: Thing) -> dict[str, Any]:
        values: dict[str, Any] = original(self, *args, **options)
        change(self, values)
        return values

    return drawn


def less_noise(_: Thing, values: dict[str, Any]) -> None:
    values["share"] //= 2


def noise_used_again(_: Thing, values: dict[str, Any]) -> None:
    values["share"][1:] = values["share"][:1]


def out_of_range(_: Thing, values: dict[str, Any]) -> None:
    values["update"][:, 0] *= 3


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("clear, world", less_noise, "no more than was proven"),
        ("ideal, 3 of 8 drop out", less_noise, "no more than was proven"),
        ("ideal, four rounds", noise_used_again, "the predicted curve is reached"),
        ("ideal, coordinator", out_of_range, "no more than was proven"),
    ],
)
def test_agents_that_hide_less_are_caught(
    curves: Thing,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: Callable[[Thing, dict[str, Any]], None],
    said: str,
) -> None:
    kind = type(case(curves, name))
    monkeypatch.setattr(kind, "drawn", mutated(change, kind.drawn))
    assert said in wrong(curves, name)


def test_real_noise_a_tenth_too_small_is_caught(curves: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    def smaller(_: Thing, values: dict[str, Any]) -> None:
        values["noise"] *= 0.9

    kind = type(case(curves, "square root, 16 rounds"))
    monkeypatch.setattr(kind, "drawn", mutated(smaller, kind.drawn))
    assert "the predicted curve is reached" in wrong(curves, "square root, 16 rounds")
    assert "no more than was proven" in wrong(curves, "square root, 16 rounds")


def test_reports_that_tell_the_truth_too_often_are_caught(curves: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(case(curves, LOCAL))
    original = kind._reported

    def reported(self: Thing, mechanism: BinaryRandomizedResponse, *rest: Thing) -> Thing:
        return original(self, replace(mechanism, epsilon=Fraction(2)), *rest)

    monkeypatch.setattr(kind, "_reported", reported)
    assert "no more than was proven" in wrong(curves, LOCAL)


def test_an_attacker_that_forgets_what_its_members_drew_falls_short(
    curves: Thing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Colluders' shares count for nothing only if the attack subtracts them."""
    original = Attack.known

    def forgetful(self: Attack, values: dict[str, Any]) -> dict[str, Any]:
        return original(self, values) | {"share": np.zeros_like(values["share"])}

    monkeypatch.setattr(Attack, "known", forgetful)
    assert "the predicted curve is reached" in wrong(curves, "ideal, 3 of 6 collude")


def test_a_protocol_that_sends_something_else_is_caught(curves: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 21: one number of one message that differs."""
    kind = type(case(curves, "ideal, coordinator"))
    original = kind.transcripts

    def other(self: Thing, values: dict[str, Any]) -> dict[str, Any]:
        seen: dict[str, Any] = original(self, values)
        seen["released"][0, 0, 77] += 1
        return seen

    monkeypatch.setattr(kind, "transcripts", other)
    assert "what was seen is what the flow says" in wrong(curves, "ideal, coordinator")


@pytest.mark.slow
def test_a_hundred_thousand_trials_of_each_flow() -> None:
    script = [sys.executable, "-W", "error", str(FOLDER / "attack_curves.py"), "--json"]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == CELLS // 12
    assert sum(line["over"] == "loopback" for line in lines) >= 5
    assert all(line["trials"] == 100_000 and line["wrong"] == [] for line in lines)
