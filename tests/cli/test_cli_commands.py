"""Commands print one object or words, say what went wrong, and leave with the right code."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tip.cli
from tip.cli import app
from tip.cli.printing import plain
from tip.cli.progress import progress, shown, told
from tip.cli.settings import parted
from tip.errors import BudgetExhausted, ConfigurationError, NotEnoughAgents, PeerFault
from tip.plan import Plan
from tip.report.history import Round

EXAMPLE = Path(__file__).parents[2] / "examples" / "survey.toml"
KEYS = ["metrics", "baseline", "guarantees", "run"]


def played(number: int = 1, **changes: Any) -> Round:  # noqa: ANN401 - whatever the test changes
    facts: dict[str, Any] = {
        "number": number,
        "cohort": 4015,
        "survivors": 3811,
        "released": True,
        "reason": "",
        "epsilon_spent": 0.5,
        "delta_spent": 1e-5,
        "update_norm": 0.1,
        "metrics": {"auc": 0.75},
        "clipped": 0.5,
        "nonfinite": 0,
    }
    return Round(**{**facts, **changes})


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def small(tmp_path: Path) -> list[str]:
    """A run of two rounds, its folder made under the test's own."""
    return ["run", str(EXAMPLE), "-c", "rounds=2", "--out", str(tmp_path / "runs")]


def test_tip_alone_prints_help(runner: CliRunner) -> None:
    result = runner.invoke(app, [])
    assert result.exit_code == 0
    for command in ("run", "explain", "report", "--version"):
        assert command in result.stdout


def test_the_version_is_printed(runner: CliRunner) -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("tip ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        ["run", "--nope"],
        ["run"],
        ["report"],
        ["explain"],
        ["run", "-c"],
        ["run", "no.toml"],
        ["report", "none"],
    ],
)
def test_a_wrong_request_leaves_with_2(runner: CliRunner, arguments: list[str]) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


def test_a_run_tells_its_figures_and_its_promise(runner: CliRunner, small: list[str], tmp_path: Path) -> None:
    result = runner.invoke(app, small)
    assert result.exit_code == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "evaluation only, outside the guarantee" in words
    assert words.index("This is a simulation") < words.index("Against whoever runs the rounds")
    assert "ciphers, signatures and fingerprints" in words
    assert "nothing enforces this" not in words  # which the mutant, a trusted adder, says
    assert "central baseline without privacy" in words
    assert str(tmp_path / "runs" / "diabetes-survey" / "report.html") in result.stdout
    assert "round 2/2" in result.stderr
    assert "outside the guarantee" in result.stderr
    assert "round" not in result.stdout.split("What is promised")[0].replace("rounds released", "")
    assert not [line for line in result.stdout.splitlines() if line != line.rstrip()]


def test_json_is_one_object(runner: CliRunner, small: list[str], tmp_path: Path) -> None:
    result = runner.invoke(app, [*small, "--json", "--quiet"])
    assert result.exit_code == 0, result.stderr
    assert list(json.loads(result.stdout)) == KEYS
    assert result.stderr == ""
    folder = tmp_path / "runs" / "diabetes-survey"
    reported = runner.invoke(app, ["report", str(folder), "--json"])
    assert json.loads(reported.stdout) == {
        **json.loads(result.stdout),
        "run": {**json.loads(result.stdout)["run"], "report": str(folder / "report.html")},
    }


def test_report_makes_the_page_again(runner: CliRunner, small: list[str], tmp_path: Path) -> None:
    runner.invoke(app, small)
    page = tmp_path / "runs" / "diabetes-survey" / "report.html"
    before = page.read_text()
    page.unlink()
    result = runner.invoke(app, ["report", str(page.parent)])
    assert result.exit_code == 0
    assert result.stdout == f"{page}\n"
    assert page.read_text() == before
    (page.parent / "summary.json").unlink()
    unfinished = runner.invoke(app, ["report", str(page.parent), "--json"])
    assert list(json.loads(unfinished.stdout)) == KEYS


def test_explain_promises_before_anything_runs(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, ["explain", str(EXAMPLE)])
    assert result.exit_code == 0, result.stderr
    for word in ("x25519", "epsilon", "world", "network", "not proven", "What each of them sees", "masked vectors"):
        assert word in result.stdout
    assert "ideal-sum" not in result.stdout
    told = " ".join(result.stdout.split("How the masks are set up")[1].split())
    masks = json.loads(runner.invoke(app, ["explain", str(EXAMPLE), "--json"]).stdout)["run"]["masks"]
    for word in (
        f"{masks['degree']} of them hold shares",
        f"{masks['threshold']} of {masks['degree']} shares open a secret",
        f"fewer than {masks['minimum']:,} agents",
        f"verifies {masks['samples']} consents",
    ):
        assert word in told
    ideal = runner.invoke(app, ["explain", str(EXAMPLE), "-c", "protocol.kind=ideal"])
    assert "ideal-sum" in ideal.stdout
    assert "How the masks are set up" not in ideal.stdout
    told_ = runner.invoke(app, ["explain", str(EXAMPLE), "--json"])
    assert list(json.loads(told_.stdout)) == KEYS
    assert list(tmp_path.iterdir()) == []


def test_every_key_is_explained(runner: CliRunner) -> None:
    result = runner.invoke(app, ["explain", "--keys"])
    rows = json.loads(runner.invoke(app, ["explain", "--keys", "--json"]).stdout)["run"]["keys"]
    known = Plan.keys()
    assert {row["name"] for row in rows} == {row.name for row in known}
    lines = result.stdout.splitlines()
    assert all(row["name"] in lines for row in rows)
    assert "decides privacy" in result.stdout


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("the request"), 2),
        (NotEnoughAgents("too few"), 3),
        (BudgetExhausted("spent"), 3),
        (PeerFault(("agent 7",), "lied"), 4),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_words_and_codes(
    runner: CliRunner, small: list[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tip.cli.run.simulate", fail)
    result = runner.invoke(app, small)
    assert result.exit_code == code
    assert result.stdout == ""
    assert str(error) in result.stderr
    assert "Traceback" not in result.stderr


def test_a_bug_is_not_swallowed(runner: CliRunner, small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("tip.cli.run.simulate", fail)
    result = runner.invoke(app, small)
    assert isinstance(result.exception, ZeroDivisionError)


def test_an_interrupted_run_is_resumed_to_the_same_model(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = ["run", str(EXAMPLE), "-c", "rounds=3 checkpoint_every=2", "--out"]
    assert runner.invoke(app, [*plan, str(tmp_path / "whole"), "--quiet"]).exit_code == 0

    def after_two(round_: Round, limit: float | None, metrics: str) -> str:
        if round_.number == 2:
            raise KeyboardInterrupt
        return told(round_, limit, metrics)

    with monkeypatch.context() as patched:
        patched.setattr("tip.cli.progress.told", after_two)
        stopped = runner.invoke(app, [*plan, str(tmp_path / "cut")])
    folder = tmp_path / "cut" / "diabetes-survey"
    assert stopped.exit_code == 130
    assert f"tip run --resume {folder}" in stopped.stderr
    assert (folder / "report.html").is_file()
    resumed = runner.invoke(app, ["run", "--resume", str(folder), "--json"])
    assert resumed.exit_code == 0, resumed.stderr
    assert json.loads(resumed.stdout)["run"]["rounds"] == 3
    assert (folder / "model.npz").read_bytes() == (tmp_path / "whole" / "diabetes-survey" / "model.npz").read_bytes()


def test_resume_wants_a_run(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["run", "--resume", str(tmp_path)])
    assert result.exit_code == 2
    assert "lacks plan.toml" in result.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-c", "from tip.cli import main; main()", "explain", "--keys"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


def test_the_program_starts_without_the_heavy_rooms() -> None:
    heavy = ["numpy", "scipy", "matplotlib", "dp_accounting", "sklearn", "tip.simulation", "tip.plan"]
    code = f"import sys, tip.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("rounds=50", ["rounds=50"]),
        ("rounds=50 seed=2", ["rounds=50", "seed=2"]),
        ("privacy.against=coordinator + 10% of agents", ["privacy.against=coordinator + 10% of agents"]),
        ("data.label=Glycohemoglobin >= 6.5", ["data.label=Glycohemoglobin >= 6.5"]),
        ("", [""]),
    ],
)
def test_settings_are_parted_as_meant(text: str, settings: list[str]) -> None:
    assert parted(text) == settings


def test_a_round_in_a_line() -> None:
    assert told(played(), 2.0, "auc 0.750") == (
        "3,811 of 4,015 agents · epsilon 0.5 of 2 · auc 0.750 (outside the guarantee)"
    )
    given_up = played(released=False, reason="too few", survivors=3)
    assert told(given_up, None, "") == "3 of 4,015 agents · given up"
    assert shown(played(metrics={}), "auc 0.1") == "auc 0.1"
    assert shown(played(metrics={"auc": math.nan, "loss": 0.5}), "") == "loss 0.500"


def test_without_a_terminal_there_are_about_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(150, 2.0, quiet=False) as watch:
        for number in range(1, 151):
            watch(played(number))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 10 <= len(captured.err.splitlines()) <= 12
    with progress(150, 2.0, quiet=True) as watch:
        watch(played())
    assert capsys.readouterr().err == ""


def test_on_a_terminal_there_is_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with progress(3, 2.0, quiet=False) as watch:
        for number in range(1, 4):
            watch(played(number))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "3/3" in captured.err
    assert "outside the guarantee" in captured.err


def test_words_do_not_command_the_terminal() -> None:
    assert plain("a\x1b[31mb\x07\u202ec\n") == "a\ufffd[31mb\ufffd\ufffdc\n"


def test_main_is_the_program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tip", "--version"])
    with pytest.raises(SystemExit) as left:
        tip.cli.main()
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("tip ")


def test_each_requirement_is_worded(runner: CliRunner, tmp_path: Path) -> None:
    plan = tmp_path / "also.toml"
    example = Plan.read(EXAMPLE)
    assert example.privacy is not None
    both = dataclasses.replace(example.privacy, also=(dataclasses.replace(example.privacy, against="world"),))
    plan.write_text(dataclasses.replace(example, privacy=both).to_toml())
    for command in (["explain", str(plan)], ["run", str(plan), "-q", "-c", "rounds=2", "--out", str(tmp_path)]):
        words = " ".join(runner.invoke(app, command).stdout.split())
        assert words.index("Also required") < words.index("Against anybody who sees all that is published")
        assert words.count("counts the rounds that it takes part in and stops at the limit") == 1
    assert json.loads(runner.invoke(app, ["explain", str(plan), "--json"]).stdout)["run"]["required"] == 2


def test_a_narrow_terminal_reads_observers_as_sentences(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    for width, told_ in (("40", "world: epsilon "), ("100", "observer   ")):
        monkeypatch.setenv("COLUMNS", width)
        stdout = runner.invoke(app, ["explain", str(EXAMPLE)]).stdout
        assert told_ in " ".join(line.removeprefix("  ") for line in stdout.splitlines())
