"""Every benchmark runs as a script and prints lines of one shape."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("bench_*.py"))


def printed(script: Path, *flags: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-W", "error", script, *flags], capture_output=True, text=True, check=False, timeout=100
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_there_are_benchmarks() -> None:
    assert {"bench_entropy", "bench_noise", "bench_simulation", "bench_sums"} <= {script.stem for script in SCRIPTS}


LONG = {"bench_local_dp"}  # dozens of mechanisms, each of which makes its tables first
CASES = [pytest.param(script, marks=[pytest.mark.slow] * (script.stem in LONG), id=script.stem) for script in SCRIPTS]


@pytest.mark.parametrize("script", CASES)
def test_each_line_is_one_case(script: Path) -> None:
    lines = [json.loads(line) for line in printed(script, "--json", "--quick")]
    assert lines
    for line in lines:
        assert set(line) - {"goal"} == {"case", "metric", "value", "unit", "reference", "ratio"}
        assert set(line["reference"]) == {"name", "value"}
        texts = (line["case"], line["metric"], line["unit"], line["reference"]["name"])
        assert all(isinstance(text, str) and text for text in texts)
        numbers = (line["value"], line["ratio"], line["reference"]["value"], line.get("goal", 1.0))
        assert all(isinstance(number, float) and 0 < number < math.inf for number in numbers), line
        assert line["ratio"] == pytest.approx(line["value"] / line["reference"]["value"])
    names = [(line["case"], line["metric"], line["reference"]["name"]) for line in lines]
    assert len(set(names)) == len(names)


def test_without_a_flag_it_is_a_table() -> None:
    heading, *rows = printed(FOLDER / "bench_sums.py", "--quick")
    assert heading.split() == ["case", "metric", "value", "unit", "reference", "value", "ratio", "goal"]
    assert rows
    with pytest.raises(json.JSONDecodeError):
        json.loads(rows[0])
