"""`tip calibrate`: what it prints, what it writes, and what `tip explain` says before and after."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tip.cli import app
from tip.flow.language import read, read_file
from tip.flow.reasoning import derive

if TYPE_CHECKING:
    from typer.testing import Result

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNTS = EXAMPLES / "flows" / "planned_counts.toml"


def tip(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})


def test_it_prints_sizes_costs_and_prices() -> None:
    result = tip("calibrate", COUNTS)
    assert result.exit_code == 0
    told = result.stdout
    assert "share, of each patient  variance 71.25, deviation about 8.44 (discrete gaussian)" in told
    assert "bytes sent  1,604" in told
    assert "coordinator + 10% of agents: epsilon 1 at delta 1e-06 is required, epsilon 0.99" in told
    assert "this requirement decides how much noise there is" in told
    assert "Half of its epsilon (0.5) would cost 3.67 times the error." in told


def test_it_writes_a_flow_that_meets_what_is_required(tmp_path: Path) -> None:
    out = tmp_path / "planned.toml"
    assert "to be planned" in tip("explain", COUNTS).stderr
    result = tip("calibrate", COUNTS, "--out", out)
    assert result.exit_code == 0
    assert f"wrote {out}" in result.stderr
    flow = read_file(out)
    assert flow.noises[0].variance == Fraction(285, 4)
    (wanted,) = flow.requirements
    found = derive(flow, wanted.against, delta=wanted.delta).guarantee.epsilon
    assert found is not None
    assert 0.98 < found <= wanted.epsilon
    assert tip("explain", out).exit_code == 0


def test_one_object() -> None:
    result = tip("calibrate", COUNTS, "--json")
    told = json.loads(result.stdout)
    assert list(told) == ["metrics", "baseline", "guarantees", "run"]
    assert told["run"]["noises"] == {"share": "285/4"}
    assert told["run"]["bytes"] == 1604
    assert told["run"]["requirements"][0]["binding"] is True
    assert told["guarantees"][0]["epsilon"] <= 1
    assert read(told["run"]["text"]).noises[0].variance == Fraction(285, 4)


def test_whose_noise_it_is(tmp_path: Path) -> None:
    text = (EXAMPLES / "flows" / "gopa.toml").read_text().replace("variance = 0.5", 'variance = "to be planned"')
    flow = tmp_path / "flow.toml"
    weighed = '[[aims]]\nerror_of = "value"\nweight = 1e-6\n'
    flow.write_text(text.replace("variance = 40", 'variance = "to be planned"') + weighed)
    told = tip("calibrate", flow).stdout
    assert "own, of each person " in told
    assert "pair, of each edge of partners " in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("calibrate", COUNTS, "--out", COUNTS), "is the flow that is planned"),
        (("calibrate", EXAMPLES / "survey.toml"), "is no flow"),
        (("calibrate", EXAMPLES / "flows" / "gopa.toml"), "no noise to plan"),
        (("calibrate", "nothing.toml"), "cannot be read"),
        (("explain", COUNTS), "run `tip calibrate"),
        (("explain", COUNTS, "--for", "engineer"), "run `tip calibrate"),
    ],
)
def test_requests_that_mean_nothing(words: tuple[object, ...], says: str) -> None:
    before = COUNTS.read_bytes()
    result = tip(*words)
    assert result.exit_code == 2
    assert says.lower() in result.stderr.lower()
    assert not result.stdout
    assert COUNTS.read_bytes() == before
