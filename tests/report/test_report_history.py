"""Each figure of a round has its release class, and a history outlives a kill."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError, DataError, ProtocolMisuse
from tip.report.history import (
    Release,
    Round,
    field,
    keep_rounds,
    read_history,
    record,
    release_classes,
    write_round,
)

if TYPE_CHECKING:
    from pathlib import Path

A_ROUND = Round(
    number=1,
    cohort=10,
    survivors=9,
    released=True,
    reason="",
    epsilon_spent=0.5,
    delta_spent=1e-5,
    update_norm=0.25,
    metrics={"auc": 0.75},
    clipped=0.5,
    nonfinite=0,
)


def changed(**values: Any) -> Round:  # noqa: ANN401 - whatever the test changes
    return dataclasses.replace(A_ROUND, **values)


def test_every_field_has_its_class_and_says_what_it_is() -> None:
    classes = release_classes()
    assert classes.keys() == {entry.name for entry in dataclasses.fields(Round)}
    assert all(isinstance(cost, Release) for cost in classes.values())
    assert all(entry.metadata["help"] for entry in dataclasses.fields(Round))
    evaluation = {name for name, cost in classes.items() if cost is Release.EVALUATION}
    assert evaluation == {"metrics", "clipped", "nonfinite"}


def test_a_record_with_an_unclassified_field_cannot_be_defined() -> None:
    with pytest.raises(ProtocolMisuse, match=r"Mutant\.suspicion has no release class"):

        @record
        class Mutant:
            number: int = field(Release.PUBLIC, "the round's number")
            suspicion: float


@pytest.mark.parametrize(
    ("release", "told"), [("public", "help"), (None, "help"), (Release.PUBLIC, "")], ids=["text", "none", "no help"]
)
def test_a_class_of_another_kind_is_none(release: Any, told: str) -> None:  # noqa: ANN401 - wrong on purpose
    with pytest.raises(ProtocolMisuse):

        @record
        class Mutant:
            number: int = field(release, told)


figures = st.floats(allow_nan=False, allow_infinity=False)


@given(
    metrics=st.dictionaries(st.text(max_size=8), figures, max_size=3),
    norm=st.none() | figures,
    spent=st.floats(0, math.inf),
    reason=st.text(max_size=20),
)
def test_rounds_go_round(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, float], norm: float | None, spent: float, reason: str
) -> None:
    file = tmp_path_factory.mktemp("history") / "history.jsonl"
    rounds = (A_ROUND, changed(number=2, metrics=metrics, update_norm=norm, epsilon_spent=spent, reason=reason))
    for round_ in rounds:
        write_round(file, round_)
    assert read_history(file) == rounds


def test_the_file_begins_with_its_classes(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    write_round(file, A_ROUND)
    write_round(file, changed(number=2))
    header, *lines = file.read_text().splitlines()
    assert json.loads(header)["format"] == 1
    assert json.loads(header)["fields"]["metrics"] == "evaluation only, outside the guarantee"
    assert [json.loads(line)["number"] for line in lines] == [1, 2]


def test_nan_and_infinity_are_null(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    write_round(
        file,
        changed(
            number=np.int64(3),
            epsilon_spent=math.inf,
            update_norm=np.float32("inf"),
            metrics={"auc": np.float64("nan"), "loss": -math.inf},
        ),
    )
    text = file.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    (read,) = read_history(file)
    assert read.epsilon_spent == math.inf
    assert read.update_norm is None
    assert all(math.isnan(value) for value in read.metrics.values())


def test_a_killed_writer_loses_its_last_line_only(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    for number in (1, 2, 3):
        write_round(file, changed(number=number))
    whole = file.read_bytes()
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        rounds = read_history(file)
        assert [r.number for r in rounds] == list(range(1, len(rounds) + 1))
        assert len(rounds) == max(0, whole[:cut].count(b"\n") - 1)
    file.write_bytes(whole[:20])
    write_round(file, A_ROUND)
    assert read_history(file) == (A_ROUND,)


def test_rounds_after_a_checkpoint_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    for number in range(1, 8):
        write_round(file, changed(number=number))
    file.write_bytes(file.read_bytes() + b'{"number": 8')
    assert [r.number for r in keep_rounds(file, 4)] == [1, 2, 3, 4]
    write_round(file, changed(number=5))
    assert [r.number for r in read_history(file)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"survivors": 11},
        {"survivors": -1},
        {"released": False},
        {"epsilon_spent": -1.0},
        {"epsilon_spent": math.nan},
        {"delta_spent": 2.0},
        {"clipped": 1.5},
        {"clipped": math.nan},
    ],
    ids=str,
)
def test_what_no_round_can_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        changed(**change)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "1"),
        ("number", True),
        ("number", 1.5),
        ("number", 0),
        ("reason", 3),
        ("metrics", []),
        ("metrics", {"auc": "<b>"}),
        ("clipped", [1]),
        ("delta_spent", None),
        ("released", 1),
        ("more", 1),
    ],
)
def test_a_damaged_line_is_told_with_its_row(tmp_path: Path, name: str, value: object) -> None:
    file = tmp_path / "history.jsonl"
    write_round(file, A_ROUND)
    header, line = file.read_text().splitlines()
    file.write_text("\n".join([header, json.dumps({**json.loads(line), name: value}), ""]))
    with pytest.raises(DataError, match="row 2"):
        read_history(file)


@pytest.mark.parametrize("header", ["{}", '{"format": 2}', "[]", '{"format": 1, "fields": {"number": "free"}}'])
def test_another_header_is_refused(tmp_path: Path, header: str) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text(header + "\n")
    with pytest.raises(DataError, match="row 1"):
        read_history(file)


def test_rounds_come_in_order(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    write_round(file, changed(number=2))
    write_round(file, changed(number=2))
    with pytest.raises(DataError, match="row 3"):
        read_history(file)


def test_an_empty_history_has_no_rounds(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").touch()
    assert read_history(tmp_path / "history.jsonl") == ()
