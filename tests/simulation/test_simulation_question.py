"""A question is asked: engines agree to the bit, silence is hidden, liars are bounded, nothing is clipped."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tip.errors import ConfigurationError, DataError, NotEnoughAgents
from tip.flow.files import from_json
from tip.flow.verification import verify
from tip.plan import QuestionPlan, mechanisms
from tip.plan.question import OTHER
from tip.report.answers import answer_classes, read_answer
from tip.report.history import Release
from tip.simulation import simulate
from tip.simulation.polling import machines, prepare, truth, vectorized

EXAMPLE = Path(__file__).parents[2] / "examples/question.toml"
ANSWERS = ["Yes"] * 90 + ["No"] * 150 + [""] * 40 + ["perhaps"] * 20
NUMBERS = [str(x) for x in range(20, 50)] * 9 + ["999"] * 20 + [""] * 10
CLAIM = ("adversary.kind=false-claim", "adversary.fraction=0.2")
FORGED = ("adversary.kind=false-report", "adversary.fraction=0.2")


def people() -> dict[str, list[str]]:
    return {"answer": ANSWERS, "number": NUMBERS, "who": [f"p{i % 100}" for i in range(300)]}


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("small_answers")
    module.people = people
    monkeypatch.setitem(sys.modules, "small_answers", module)


@pytest.fixture
def plan() -> QuestionPlan:
    changes = ("source=small_answers:people", "among=none", "column=answer", "codes=none", "minimum=200", "name=small")
    return QuestionPlan.read(EXAMPLE).replace(*changes)


@pytest.fixture
def number(plan: QuestionPlan) -> QuestionPlan:
    changes = ("task.kind=mean", "column=number", "question.range=[20, 50]", "question.missing=[999]")
    return plan.replace(*changes, "categories=none", "mechanism=duchi")


@pytest.mark.parametrize("name", mechanisms.fitting("histogram"))
@pytest.mark.parametrize(
    "changes",
    [(), (*CLAIM, "claim=Yes"), (*FORGED, "claim=Yes"), ("unlisted=random",)],
    ids=["", "liars", "forgers", "random"],
)
def test_both_engines_count_the_same_reports(plan: QuestionPlan, name: str, changes: tuple[str, ...]) -> None:
    binary = ("unlisted=random",) if name == mechanisms.BINARY else ()
    asking = prepare(plan.replace(f"mechanism={name}", *changes, *binary))
    one, other = vectorized(asking), machines(asking)
    assert one.aggregate is not None
    assert one.aggregate == other.aggregate
    assert (one.counted, one.refused) == (other.counted, other.refused)


@pytest.mark.parametrize("name", mechanisms.fitting("mean"))
@pytest.mark.parametrize("liars", [CLAIM, FORGED], ids=["liars", "forgers"])
def test_both_engines_count_the_same_numbers(number: QuestionPlan, name: str, liars: tuple[str, ...]) -> None:
    asking = prepare(number.replace(f"mechanism={name}", *liars, "claim=50"))
    one, other = vectorized(asking), machines(asking)
    assert one.aggregate is not None
    assert one.aggregate == other.aggregate


def test_who_reports_does_not_depend_on_an_answer(plan: QuestionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    who = prepare(plan).answering()
    assert 250 < len(who) < 300
    monkeypatch.setattr(sys.modules["small_answers"], "people", lambda: {**people(), "answer": [""] * 300})
    silent = prepare(plan)
    assert np.array_equal(silent.answering(), who)
    assert "question.codes" in silent.held.notes[-1]
    assert (silent.values == 2).all()


def test_what_stands_for_no_answer_is_public(plan: QuestionPlan, number: QuestionPlan) -> None:
    asking = prepare(plan)
    assert asking.posed.items == ("Yes", "No", OTHER)
    assert np.bincount(asking.values).tolist() == [90, 150, 60]
    assert truth(asking) == pytest.approx((0.3, 0.5, 0.2))
    drawn = prepare(plan.replace("unlisted=random"))
    assert drawn.posed.items == ("Yes", "No")
    assert 0 < drawn.values[240:].sum() < 60
    assert truth(drawn) == pytest.approx((0.4, 0.6))
    middle = prepare(number)
    assert (middle.values[-30:] == 35).all()
    assert truth(middle) == pytest.approx(((34.5 * 270 + 35 * 30) / 300,))


@pytest.mark.parametrize("setting", ["column=anser", "among=anser", "agent=anser"])
def test_a_column_that_is_missing_is_told_with_the_key_that_names_it(plan: QuestionPlan, setting: str) -> None:
    key = "question.column" if setting.startswith("column") else f"data.{setting.partition('=')[0]}"
    with pytest.raises(DataError, match=rf"'anser': there is no such column. .*It is named by {key} \(the setting"):
        prepare(plan.replace(setting))


def test_intervals_that_allow_for_liars_hold_the_plain_ones(
    plan: QuestionPlan, number: QuestionPlan, tmp_path: Path
) -> None:
    for asked, name in ((plan, "generalized-randomized-response"), (number, "duchi")):
        told = simulate(asked.replace(f"mechanism={name}", "robustness.malicious=0.02"), folder=tmp_path / name).answer
        assert all(low < plain for low, plain in zip(told.wary_low, told.low, strict=True))
        assert all(high > plain for high, plain in zip(told.wary_high, told.high, strict=True))
    assert simulate(plan.replace("robustness.malicious=0"), folder=tmp_path / "none").answer.wary_low == ()


def test_one_agent_with_several_rows_answers_once(plan: QuestionPlan) -> None:
    asking = prepare(plan.replace("agent=who", "minimum=90"))
    assert asking.agents == 100
    assert asking.held.ids.tolist() == sorted(asking.held.ids.tolist())
    assert (asking.values < 2).all()  # each of them has a row with a listed answer


def test_a_run_leaves_a_folder(plan: QuestionPlan, tmp_path: Path) -> None:
    run = simulate(plan, folder=tmp_path / "run")
    names = {"plan.toml", "guarantee.json", "derivation.json", "mechanism.json", "history.jsonl", "summary.json"}
    names.add("report.html")
    assert {path.name for path in run.folder.iterdir()} == names
    assert read_answer(run.folder / "history.jsonl") == run.answer
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary == json.loads(json.dumps(run.to_json()))
    assert list(summary) == ["metrics", "baseline", "guarantees", "run"]
    low, high = run.estimate.interval(0.95)
    assert run.answer.low == tuple(low.tolist())
    assert run.answer.high == tuple(high.tolist())
    assert run.metrics["Yes"] == run.estimate.value[0]
    assert run.baseline == pytest.approx({"Yes": 0.3, "No": 0.5, OTHER: 0.2})
    again = simulate(QuestionPlan.read(run.folder / "plan.toml"), folder=tmp_path / "again")
    assert again.answer == run.answer
    assert simulate(plan.replace("engine=machines"), folder=tmp_path / "machines").answer == run.answer


def test_the_proof_of_what_is_required_lies_in_the_folder(
    plan: QuestionPlan, number: QuestionPlan, tmp_path: Path
) -> None:
    for asked in (plan, number):
        run = simulate(asked, folder=tmp_path / asked.task.kind)
        proof = from_json(json.loads((run.folder / "derivation.json").read_text()))
        assert verify(proof).holds
        assert proof.coalition == run.stated[0].coalition
        assert proof.guarantee.epsilon == pytest.approx(run.stated[0].epsilon, rel=1e-9)


def test_figures_from_true_answers_exist_in_simulation_only(plan: QuestionPlan, tmp_path: Path) -> None:
    run = simulate(plan.replace("simulation=none", "baseline=none"), folder=tmp_path / "run")
    evaluated = [name for name, cost in answer_classes().items() if cost is Release.EVALUATION]
    assert evaluated == ["truth", "liars"]
    assert not any(getattr(run.answer, name) for name in evaluated)
    assert (run.baseline, run.notes) == (None, ())
    assert run.guarantees[0].status == "proven"


def test_estimates_are_neither_clipped_nor_normalized(plan: QuestionPlan, tmp_path: Path) -> None:
    rare = f"categories={['Yes', 'No', *(f'never {i}' for i in range(20))]}"
    values = np.array(simulate(plan.replace(rare), folder=tmp_path / "run").answer.estimate)
    assert (values < 0).any()


def test_liars_move_the_answer_and_no_further_than_is_said(plan: QuestionPlan, tmp_path: Path) -> None:
    honest = simulate(plan.replace("dropout=0"), folder=tmp_path / "honest")
    lying = simulate(plan.replace("dropout=0", *CLAIM, "claim=Yes"), folder=tmp_path / "lying")
    assert lying.answer.liars == 60
    moved = lying.estimate.totals[0] - honest.estimate.totals[0]
    assert 0 < moved <= 2 * 60 * prepare(plan).posed.mechanism.max_influence().item
    assert lying.baseline == honest.baseline
    forged = simulate(plan.replace("dropout=0", *FORGED, "claim=Yes"), folder=tmp_path / "forged")
    assert moved < forged.estimate.totals[0] - honest.estimate.totals[0]
    assert "sent the report that counts most for" in (tmp_path / "forged" / "report.html").read_text()


def test_too_few_reports_release_nothing(plan: QuestionPlan, tmp_path: Path) -> None:
    few = plan.replace("dropout=0.5", "minimum=150", "seed=1")
    seeds = (few.replace(f"seed={seed}") for seed in range(50))
    unlucky = next(p for p in seeds if vectorized(prepare(p)).aggregate is None)
    for engine in ("vectorized", "machines"):
        with pytest.raises(NotEnoughAgents, match="the minimum is 150"):
            simulate(unlucky.replace(f"engine={engine}"), folder=tmp_path / engine)
        answer = read_answer(tmp_path / engine / "history.jsonl")
        assert not answer.released
        assert (answer.estimate, answer.truth, answer.liars) == ((), (), None)
        assert "Nothing was released" in (tmp_path / engine / "report.html").read_text()


def test_a_question_is_not_resumed(plan: QuestionPlan, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a question is not resumed"):
        simulate(plan, folder=tmp_path, resume=True)


def off_by(plan: QuestionPlan, shift: float = 0.0) -> float:
    """How many standard deviations a mean over 300 seeds lies from the truth; `shift` makes a mutant."""
    found, spread = [], 0.0
    for seed in range(300):
        asking = prepare(plan.replace(f"seed={seed}", "dropout=0"))
        counted = vectorized(asking)
        assert counted.aggregate is not None
        estimate = asking.posed.mechanism.estimate(counted.aggregate)
        found.append(float(estimate.value[0]) + shift)
        spread = math.sqrt(float(estimate.worst_variance) / 300)
    return abs(float(np.mean(found)) - 0.3) / spread


def test_answers_are_unbiased_over_seeds_and_a_shifted_one_is_noticed(plan: QuestionPlan) -> None:
    assert off_by(plan) < 4.9  # 1e-6
    assert off_by(plan, shift=0.05) > 4.9
