"""The tables of the local mechanisms run, and their verdicts can fail."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("_local_dp_lines")
    for name in ("_local_dp_lines", "_convention"):
        sys.modules.pop(name, None)


def test_every_table_has_lines_and_nothing_is_wrong() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / "local_dp_accuracy.py", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr
    told = [json.loads(line) for line in run.stdout.splitlines()]
    tables = {"numbers", "coverage", "biased", "numbers' mean", "vectors", "places", "structure", "simulate", "reports"}
    assert {line["table"] for line in told} == tables
    assert {line["verdict"] for line in told} == {"ok", "told"}
    assert all(line["verdict"] == "told" for line in told if line["table"] == "biased")
    cases = [(line["table"], line["case"], line["figure"], line["note"]) for line in told]
    assert len(set(cases)) == len(cases)


def test_a_benchmark_of_reports_in_blocks_says_how_much_memory_it_took() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / "bench_local_dp.py", "--child", "GRR", "--quick"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(run.stdout)
    assert told["seconds"] > 0
    assert 10 < told["peak"] < 1024


def squares(scale: float, runs: int = 200, entries: int = 2) -> Any:  # noqa: ANN401 - an array
    return (Entropy.seeded(1).generator("squares").standard_normal((runs, entries)) ** 2).mean(axis=1) * scale


def test_a_variance_that_is_wrong_by_half_is_rejected(lines: Any) -> None:  # noqa: ANN401 - the module
    assert lines.ratio_line("t", "right", squares(1.0)).verdict == "ok"
    assert lines.ratio_line("t", "too small", squares(2.2)).verdict == "WRONG"
    assert lines.ratio_line("t", "too large", squares(0.4)).verdict == "WRONG"


def test_p_values_of_right_variances_are_spread_evenly(lines: Any) -> None:  # noqa: ANN401 - the module
    normal = Entropy.seeded(2).generator("many").standard_normal((400, 200, 1))
    z = np.array([lines.ratio_line("t", "one", row).z for row in (normal**2).mean(axis=2)])
    assert 0.8 < z.std() < 1.2
    assert abs(z.mean()) < 0.25
    assert np.abs(z).max() < 5


def test_a_bias_is_rejected(lines: Any) -> None:  # noqa: ANN401 - the module
    errors = Entropy.seeded(3).generator("errors").standard_normal((200, 3)) * 0.01
    variance = np.full(3, 1e-4)
    assert lines.bias_line("t", "none", errors, variance, 1000, 2.0).verdict == "ok"
    assert lines.bias_line("t", "some", errors + np.array([0, 0.01, 0]), variance, 1000, 2.0).verdict == "WRONG"


def test_a_figure_that_differs_is_wrong_and_the_program_says_so(
    lines: Any,  # noqa: ANN401 - the module
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = lines.number_line("a case", "var*", 3.683, 3.6827, 1e-3)
    wrong = lines.number_line("a case", "var*", 3.783, 3.6827, 1e-3)
    assert lines.show([right]) == 0
    assert lines.show([right, wrong]) == 1
    assert "WRONG" in capsys.readouterr().out
