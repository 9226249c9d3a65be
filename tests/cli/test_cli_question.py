"""`tip run`, `tip explain` and `tip report` on a question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tip.cli import app

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "question.toml")
KEYS = ["metrics", "baseline", "guarantees", "run"]


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_a_question_is_run_reported_and_repeated(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["run", EXAMPLE, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.stderr
    assert "Have you ever used" in result.stdout
    assert "95% interval; true: the answer without privacy, evaluation only" in " ".join(result.stdout.split())
    assert "1270 agents hold no usable answer" in result.stderr
    folder = tmp_path / "hard-drugs"
    page = (folder / "report.html").read_text()
    again = runner.invoke(app, ["report", str(folder), "--json"])
    assert list(json.loads(again.stdout)) == KEYS
    assert (folder / "report.html").read_text() == page
    repeated = runner.invoke(app, ["run", str(folder / "plan.toml"), "--json", "--quiet", "--out", str(tmp_path / "b")])
    assert repeated.stderr == ""
    summary = json.loads((folder / "summary.json").read_text())
    assert json.loads(repeated.stdout)["metrics"] == summary["metrics"]


def test_a_question_is_explained_before_anybody_is_asked(runner: CliRunner) -> None:
    result = runner.invoke(app, ["explain", EXAMPLE])
    assert result.exit_code == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "your true answer in at most 58 cases out of 100" in words
    assert "change by at most a factor of 2.72" in words
    assert "One made-up report counts for at most 2.17 people" in words
    assert "each agent's randomized report" in words
    told = json.loads(runner.invoke(app, ["explain", EXAMPLE, "--json"]).stdout)
    assert list(told) == KEYS
    assert told["run"]["enrolled"] == 5018
    assert told["run"]["requirement_met"] is True


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("privacy.mechanism=rappor", "does not fit"),
        ("privacy.epsilon=100", "cannot hold"),
        ("algorithm.rounds=3", "agents answer one question, once"),
        ("categories=none", "question.categories is missing"),
        ("privacy.amplification=shuffling", "No shuffler stands in the flow"),
    ],
)
def test_refusals_have_words_and_no_traceback(runner: CliRunner, setting: str, words: str) -> None:
    settings = [setting, "codes=none"] if setting == "categories=none" else [setting]
    result = runner.invoke(app, ["explain", EXAMPLE, *(word for s in settings for word in ("-c", s))])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_question_is_not_resumed(runner: CliRunner, tmp_path: Path) -> None:
    assert runner.invoke(app, ["run", EXAMPLE, "--quiet", "--out", str(tmp_path)]).exit_code == 0
    result = runner.invoke(app, ["run", "--resume", str(tmp_path / "hard-drugs")])
    assert result.exit_code == 2
    assert "a question is not resumed" in result.stderr


def test_too_few_reports_leave_with_3(runner: CliRunner, tmp_path: Path) -> None:
    settings = ["-c", "minimum=4767", "-c", "seed=1"]
    result = runner.invoke(app, ["run", EXAMPLE, "--quiet", "--out", str(tmp_path), *settings])
    assert result.exit_code == 3
    assert "was not answered" in result.stderr


def test_keys_of_both_kinds_are_explained(runner: CliRunner) -> None:
    said = runner.invoke(app, ["explain", "--keys"]).stdout
    assert "In a plan that asks a question" in said
    assert "question.categories" in said
    run = json.loads(runner.invoke(app, ["explain", "--keys", "--json"]).stdout)["run"]
    assert {row["name"] for row in run["keys_of_a_question"]} > {"question.column", "privacy.mechanism"}
