"""Refusals end to end: where, what, why, what would do; and no traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

import tip
from tip.cli import app
from tip.files import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typer.testing import Result

OWN = Path(__file__).parents[1] / "examples" / "own_data.toml"
SECRET = "SECRETVALUE"  # noqa: S105 - stands for a cell, which no message may show
OPEN = "privacy=none budget=none protocol.kind=clear influence=none minimum=1"
PROGRAM = [sys.executable, "-c", "from tip.cli import main; main()"]
HEADER = "hospital,age,sex,readmitted\n"


def clinics(hospitals: int = 200) -> str:
    """A made-up file: five patients a hospital."""
    lines = []
    for i in range(5 * hospitals):
        age = 18 + (37 * i) % 83
        sick = int((age * 7 + i * 13) % 97 < age)
        lines.append(f"clinic-{i % hospitals:03d},{age},{'fm'[i // 3 % 2]},{sick}\n")
    return HEADER + "".join(lines)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the example plan and a file of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clinics.csv").write_text(clinics())
    shutil.copy(OWN, tmp_path / "own.toml")
    return tmp_path


def tell(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def run(*settings: str) -> Result:
    return tell("run", "own.toml", "--quiet", *(word for setting in settings for word in ("-c", setting)))


def refused(result: Result, *words: str, code: int = 2) -> None:
    """The command failed with words alone, which say all of `words` and none of the data."""
    assert result.exit_code == code, (result.exit_code, result.stderr, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("tip: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


PROMISES = {
    "epsilon 0.01 with 50 agents": (
        ["epsilon=0.01", "data.path=few.csv", "minimum=50"],
        [
            "privacy.epsilon = 0.01 with 50 agents",
            "noise is",
            "times the clipping norm",
            "Possible: epsilon of at least",
        ],
    ),
    "a modulus that is too small": (
        ["modulus_bits=16"],
        ["modulus_bits = 16 is too small", "wrap around", "modulus_bits = 32 or a step of 0.00"],
    ),
    "one entry beyond the modulus": (
        ["modulus_bits=16", "step=1e-6"],
        ["does not fit into modulus_bits = 16", "Use modulus_bits = 32 or a coarser step"],
    ),
    "a step beyond 63 bits": (["step=1e-300"], ["too fine", "2^63", "step of at least"]),
    "a step above the norm": (["step=1e300"], ["wider than clipping_norm", "step of at most 0.5"]),
    "a minimum above what drop-outs leave": (
        ["minimum=155", "dropout=0.1"],
        ['the setting "minimum=155"', "would never be reached", "144 are left", "largest possible minimum is 144"],
    ),
    "too few answers for masks": (
        ["minimum=50"],
        ["cohort.minimum = 50 is too few answers for masks", "may be corrupt", "A minimum of"],
    ),
    "masks of a poisson cohort": (
        ["cohort.sampling=poisson", "cohort.rate=0.9"],
        ["does not go with protocol.kind", "planned for a number of invited agents", 'sampling = "fixed"'],
    ),
    "clear against the coordinator": (
        ["protocol.kind=clear"],
        ["own.toml:", "privacy.against", "the coordinator sees each message", 'Use "masking", or against = "world"'],
    ),
    "no privacy under ideal": (
        ["protocol.kind=ideal", "privacy=none", "budget=none"],
        ["would look private and promise nothing", "single agents away", "State [privacy]"],
    ),
    "no privacy under masks": (
        ["privacy=none", "budget=none"],
        ["would look private and promise nothing", "single agents away", "State [privacy]"],
    ),
    "fewer participations than rounds": (
        ["rounds=30"],
        ["privacy.max_participations = 20", "each agent takes part in all 30", "Use max_participations = 30"],
    ),
    "a delta that publishing meets": (["delta=0.5"], ["promises nothing", "outright", "far below"]),
    "fewer colluders than promised": (["colluding=0.05"], ["cohort.colluding", "names a share of 0.1", "Use"]),
    "zero-out": (["neighboring=zero-out"], ["privacy.neighboring", "stands alone", 'Use neighboring = "replace-one"']),
}


@pytest.mark.parametrize(("settings", "words"), PROMISES.values(), ids=PROMISES)
def test_a_promise_that_cannot_hold(at: Path, settings: list[str], words: list[str]) -> None:
    (at / "few.csv").write_text(clinics(63))  # 12 are kept apart, 51 train
    if "data.path=few.csv" in settings:
        words = [word.replace("50 agents", "51 agents") for word in words]
    refused(run(*settings), *words)
    assert not (at / "runs").exists()
    with pytest.raises(tip.TipError):
        tip.simulate(tip.Plan.read("own.toml").replace(*settings))


@pytest.mark.usefixtures("at")
def test_explain_refuses_what_a_run_refuses() -> None:
    refused(tell("explain", "own.toml", "-c", "epsilon=0.0001"), "privacy.epsilon", "Possible")


KEYS = {
    "roundz=3": ["roundz is not a key", "Did you mean algorithm.rounds"],
    "num-server-rounds=3": ["Did you mean algorithm.rounds"],
    "fraction-fit=0.1": ["cohort."],
    "max_grad_norm=1": ["privacy.clipping_norm"],
    "noise_multiplier=1": ["calculated"],
    "kind=clear": ["stands for several keys", "protocol.kind"],
    "epsilon=nan": ["privacy.epsilon = nan does not fit", "number > 0"],
    "epsilon=inf": ["privacy.epsilon = inf does not fit", "number > 0"],
    "clipping_norm=-1": ["privacy.clipping_norm = -1 does not fit"],
    "seed=-1": ["simulation.seed = -1 does not fit", "whole number >= 0"],
    "seed=99999999999999999999999": ["beyond 64 bits"],
    "rounds=0": ["whole number >= 1"],
    "rounds=5.5": ["whole number >= 1"],
    "rounds=99999999999999999999999": ["beyond 64 bits"],
    "rounds=[[[[": ["does not fit", "whole number"],
    "rounds": ["is not key=value", "algorithm.rounds=50"],
    "": ["is not key=value"],
    "=": ["is not key=value"],
    "name=../../etc": ["name = ", "letters, digits"],
    "name=<script>alert(1)</script>": ["name = ", "letters, digits"],
    "name=\x1b[31mred": ["name = ", "letters, digits"],
    "threads=100000": ["from 1 to 1024"],
}


@pytest.mark.parametrize(("setting", "words"), KEYS.items(), ids=map(repr, KEYS))
def test_a_setting_that_means_nothing(at: Path, setting: str, words: list[str]) -> None:
    result = run(setting)
    refused(result, f'the setting "{setting.replace(chr(27), chr(0xFFFD))}":', *words)
    assert "\x1b" not in result.stderr
    assert not (at / "runs").exists()


def test_a_key_that_does_not_exist_is_told_with_its_line(at: Path) -> None:
    text = (at / "own.toml").read_text()
    line = text[: text.index("rounds = 20")].count("\n") + 1
    (at / "own.toml").write_text(text.replace("rounds = 20", "roundz = 20"))
    refused(run(), f"own.toml:{line} algorithm.roundz is not a key", "Did you mean algorithm.rounds")


FILES: dict[str, tuple[bytes, list[str]]] = {
    "junk": (b"\xff\x00\x9b" * 999, ["plan.toml:1 is not UTF-8", "Save the file as UTF-8"]),
    "zeros": (b"\0\1\2", ["plan.toml:1 is not TOML", "toml.io"]),
    "ten megabytes": (b"a" * 10_000_000, ["larger than a plan can be (1 MiB)"]),
    "empty": (b"", ["plan.toml format is missing", "format = 1"]),
    "escapes": (b"format = 1\nname = '\x1b[31m'\n", ["plan.toml:2"]),
    "nested": (b"a = " + b"[" * 5000 + b"]" * 5000, ["plan.toml"]),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("command", ["run", "explain"])
def test_a_file_that_is_no_plan(at: Path, command: str, content: bytes, words: list[str]) -> None:
    (at / "plan.toml").write_bytes(content)
    result = tell(command, "plan.toml")
    refused(result, *words)
    assert "\x1b" not in result.stderr


@pytest.mark.usefixtures("at")
def test_a_plan_that_is_not_there() -> None:
    refused(tell("run", "onw.toml"), "onw.toml does not exist", "own.toml")
    refused(tell("run", "."), "is a folder, not a plan", "own.toml")
    refused(tell("run", "/"), "is a folder, not a plan", "Name a TOML file")
    refused(tell("run"), "No plan is named", "tip run")


def rows(cells: Iterable[str]) -> bytes:
    return (HEADER + "".join(f"{row}\n" for row in cells)).encode()


DATA: dict[str, tuple[bytes, list[str]]] = {
    "header only": (HEADER.encode(), ["mine.csv: has a header and no row"]),
    "nothing": (b"", ["mine.csv: is empty", "first line must name the columns"]),
    "latin 1": (rows([]) + b"M\xfcnchen,30,f,1\n", ["mine.csv, row 1", "is not UTF-8", "CSV UTF-8"]),
    "ragged": (rows(["a,30,f"]), ["mine.csv, row 1", "3 cells where the header has 4"]),
    "another header": (b"hospital,agee,sex,readmitted\na,3,f,1\n", ["column 'age'", "Did you mean 'agee'"]),
    "text for a number": (rows([f"a,{SECRET},f,1"]), ["row 1, column 'age'", "where a number is wanted", "missing"]),
    "text for a label": (rows([f"a,30,f,{SECRET}"]), ["row 1, column 'readmitted'", "where a number is wanted"]),
    "no label": (rows(["a,30,f,", "b,30,f,"]), ["column 'readmitted'", "no record has a label"]),
    "nobody's row": (rows([",30,f,1"]), ["row 1, column 'hospital'", "belongs to nobody"]),
    "an open quote": (rows([f'"{SECRET},30,f,1']), ["row 1", "quote left open"]),
    "a commanding cell": (rows([f"a,\x1b[31m{SECRET},f,1"]), ["row 1, column 'age'"]),
}


@pytest.mark.parametrize(("content", "words"), DATA.values(), ids=DATA)
def test_data_that_cannot_be_used(at: Path, content: bytes, words: list[str]) -> None:
    (at / "mine.csv").write_bytes(content)
    result = run("data.path=mine.csv", OPEN)
    refused(result, *words)
    assert "\x1b" not in result.stderr
    assert not (at / "runs").exists()


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.csv", ["none.csv: does not exist", "working directory"]),
        (".", ["is a folder, not a file", "delimited text"]),
        ("/dev/zero", ["/dev/zero: is a device", "delimited text"]),
        ("/dev/null", ["/dev/null: is empty"]),
    ],
)
def test_a_data_file_that_is_none(path: str, words: list[str]) -> None:
    refused(run(f"data.path={path}"), *words)


ODD = {
    "one class": ([f"h{i % 9},{20 + i},f,1" for i in range(45)], "auc"),
    "a constant column": ([f"h{i % 9},50,f,{i % 2}" for i in range(45)], ""),
    "not a number": ([f"h{i % 9},nan,f,{i % 2}" for i in range(45)], ""),
    "infinity": ([f"h{i % 9},{'-' * (i % 2)}inf,f,{i % 2}" for i in range(45)], ""),
    "agents without a record": ([f"h{i},{20 + i},f,{i % 2 if i < 30 else ''}" for i in range(45)], ""),
}


@pytest.mark.parametrize(("lines", "undefined"), ODD.values(), ids=ODD)
def test_odd_data_have_defined_behavior(at: Path, lines: list[str], undefined: str) -> None:
    (at / "mine.csv").write_bytes(rows(lines))
    result = tell("run", "own.toml", "-q", "--json", "-c", "data.path=mine.csv rounds=3", "-c", OPEN)
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert [name for name, value in told["metrics"].items() if value is None] == ([undefined] if undefined else [])
    with np.load(at / "runs" / "own-data" / "model.npz") as saved:
        assert np.isfinite(saved["parameters"]).all()


def test_folders_that_are_no_runs(at: Path) -> None:
    foreign = at / "foreign"
    foreign.mkdir()
    refused(tell("run", "--resume", "foreign"), "foreign lacks plan.toml", "Name the folder of a run")
    shutil.copy("own.toml", foreign / "plan.toml")
    (foreign / "checkpoint.npz").write_bytes(b"junk")
    (foreign / "history.jsonl").touch()
    refused(tell("run", "--resume", "foreign"), "checkpoint.npz: is no file of arrays, or damaged")
    assert run("rounds=2").exit_code == 0
    changed = tell("run", "own.toml", "-c", "rounds=2 seed=9", "--resume", "runs/own-data")
    refused(changed, "runs/own-data belongs to another plan", "exactly the settings", "begin anew")
    refused(tell("report", "nowhere"), "nowhere does not exist", "runs/my-plan")
    refused(tell("report", "foreign"), "lacks guarantee.json", "run its plan again")


@pytest.mark.usefixtures("at")
def test_places_that_cannot_be_written() -> None:
    refused(tell("run", "own.toml", "-q", "--out", "own.toml"), "own.toml/own-data cannot be created")
    refused(tell("run", "own.toml", "-q", "--out", "/proc/x"), "/proc/x/own-data cannot be created")


SOURCES = """\
def good():
    people = range(1000)
    return {"hospital": [f"h{i % 200}" for i in people], "age": [str(20 + i % 60) for i in people],
            "sex": ["f", "m"] * 500, "readmitted": [str(i % 3 // 2) for i in people]}

def breaks():
    raise RuntimeError("SECRETVALUE")

def three():
    return 3

value = 3
"""


def test_a_function_as_the_source(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (at / "tip_test_source.py").write_text(SOURCES)
    monkeypatch.syspath_prepend(str(at))
    settings = ["data.path=none", "rounds=2"]
    assert run(*settings, "data.source=tip_test_source:good").exit_code == 0
    refusals = {
        "tip_test_source:none": "no attribute 'none'",
        "tip_no_such_module:f": "cannot be imported",
        "tip_test_source:breaks": "the function raised RuntimeError",
        "tip_test_source:three": "the function returned int",
        "tip_test_source:value": "is no function",
        "tip_test_source": "package.module:function",
    }
    for source, words in refusals.items():
        refused(run(*settings, f"data.source={source}"), source, words)


def test_the_example_of_own_data(at: Path) -> None:
    result = tell("run", "own.toml", "--json", "--quiet")
    told = json.loads(result.stdout)
    assert told["metrics"]["auc"] > told["baseline"]["auc"] - 0.05
    assert told["guarantees"][0]["epsilon"] <= 4
    assert "hospitals" not in result.stderr
    assert (at / "runs" / "own-data" / "report.html").is_file()


def test_untrusted_words_of_a_plan_do_no_harm(at: Path) -> None:
    evil = "<script>alert(1)</script>\x1b[31m"
    plan = tip.Plan.read("own.toml").replace("rounds=1", f"about={evil}")
    page = (tip.simulate(plan, folder=at / "evil").folder / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    told = tell("run", "own.toml", "-q", "-c", "rounds=1", "-c", f"about={evil}")
    assert told.exit_code == 0
    assert "\x1b" not in told.stdout


@pytest.mark.usefixtures("at")
def test_json_is_one_object_and_logs_go_elsewhere() -> None:
    for command in (["run", "own.toml", "-c", "rounds=2"], ["explain", "own.toml"], ["explain", "--keys"]):
        result = tell(*command, "--json")
        assert result.exit_code == 0
        assert list(json.loads(result.stdout)) == ["metrics", "baseline", "guarantees", "run"]
    reported = json.loads(tell("report", "runs/own-data", "--json").stdout)
    assert list(reported) == ["metrics", "baseline", "guarantees", "run"]


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize("width", ["1", "40", "80", "300"])
def test_every_width_can_be_read(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    result = tell("explain", "own.toml")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines == [line.rstrip() for line in lines]
    assert "coordinator + 10% of agents" in " ".join(result.stdout.split())
    if width in {"40", "80"}:
        assert max(map(len, lines)) <= int(width)


def test_ctrl_c_leaves_a_run_that_goes_on(at: Path) -> None:
    settings = ["-c", "rounds=600 max_participations=600 epsilon=40 checkpoint_every=7"]
    going = subprocess.Popen([*PROGRAM, "run", "own.toml", *settings], stderr=subprocess.PIPE, text=True, cwd=at)
    history, until = at / "runs" / "own-data" / "history.jsonl", time.monotonic() + 60
    while not (history.exists() and history.read_bytes().count(b"\n") > 20) and time.monotonic() < until:
        time.sleep(0.01)
    going.send_signal(signal.SIGINT)
    _, said = going.communicate(timeout=60)
    assert going.returncode == 130
    assert "Traceback" not in said
    assert "To continue: tip run --resume runs/own-data" in said
    folder = RunFolder.open(at / "runs" / "own-data")
    assert folder.read_json("summary.json")["run"]["interrupted"] is True
    assert "not finished" in folder.read_text("report.html")
    assert tell("run", "--resume", "runs/own-data", "--quiet").exit_code == 0
    whole = tell("run", "own.toml", "--quiet", *settings, "--out", "whole")
    assert whole.exit_code == 0
    assert (at / "whole/own-data/model.npz").read_bytes() == folder.at("model.npz").read_bytes()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(at: Path, closed: str) -> None:
    command = f'"{sys.executable}" -c "from tip.cli import main; main()" run own.toml -c rounds=2 {closed}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, cwd=at)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert (at / "runs" / "own-data" / "report.html").is_file()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110 - a device, not a file
def test_a_full_disk_is_told(at: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [*PROGRAM, "explain", "own.toml"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=at)
    assert done.returncode == 2
    assert done.stderr == "tip: no space left on device.\n"
