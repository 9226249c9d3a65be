"""Answers to one question: public lists and ranges, silence kept, one answer an agent."""

from __future__ import annotations

import importlib.metadata
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.data import AnswerSettings, NumberRange, answers
from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS: dict[str, list[Any]] = {
    "smokes": ["1.0", "0", " 1 ", "", "9", None, "0.0", "1"],
    "age": ["20", "90", "", "-5", "999", "41.5", "nan", "30"],
    "seen": ["x", "x", "x", "x", "x", "", "n/a", "x"],
    "who": ["b", "a", "b", "c", "a", "c", "d", "d"],
}


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("small_columns")
    module.people = lambda: COLUMNS
    monkeypatch.setitem(sys.modules, "small_columns", module)


def of(column: str, **changes: Any) -> AnswerSettings:  # noqa: ANN401 - whatever the test changes
    kind = {"listed": ("1", "0")} if column == "smokes" else {"bounds": NumberRange(18, 80, (999,))}
    return AnswerSettings("small_columns:people", column, **{**kind, **changes})


def test_answers_are_places_in_the_public_list() -> None:
    found = answers(of("smokes"))
    assert found.held.tolist() == [0, 1, 0, -1, -1, -1, 1, 0]
    assert found.usable.tolist() == [True, True, True, False, False, False, True, True]
    assert found.ids.tolist() == list(range(1, 9))
    assert found.notes == ("3 agents hold no usable answer and send a report all the same.",)


def test_texts_are_found_as_they_are() -> None:
    assert answers(of("who", bounds=None, listed=("c", "a"))).held.tolist() == [-1, 1, -1, 0, 1, 0, -1, -1]


def test_numbers_are_clipped_to_the_public_range() -> None:
    held = answers(of("age")).held
    assert np.array_equal(held, [20, 80, np.nan, 18, np.nan, 41.5, np.nan, 30], equal_nan=True)


def test_only_those_among_whom_it_is_asked() -> None:
    found = answers(of("smokes", among="seen"))
    assert found.held.tolist() == [0, 1, 0, -1, -1, 0]
    assert found.ids.tolist() == [1, 2, 3, 4, 5, 8]
    assert found.notes[0] == "2 rows of the source are not among those who are asked."


def test_an_agent_answers_with_its_first_usable_row() -> None:
    found = answers(of("smokes", agent="who"))
    assert found.ids.tolist() == ["a", "b", "c", "d"]
    assert found.held.tolist() == [1, 0, -1, 1]
    ages = answers(of("age", agent="who"))
    assert np.array_equal(ages.held, [80, 20, 18, 30])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"listed": ()}, "either a list of items or a range"),
        ({"bounds": NumberRange(0, 1)}, "either a list of items or a range"),
        ({"listed": ("1", "1.0")}, "names an answer twice"),
        ({"agent": "partition"}, "no answers of their own"),
        ({"path": "x.csv"}, "has no meaning with source"),
    ],
)
def test_settings_that_mean_nothing(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        of("smokes", **changes)


def test_a_missing_column_is_told_with_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'smokes'"):
        answers(AnswerSettings("small_columns:people", "smoke", listed=("1", "0")))


def test_nobody_is_asked() -> None:
    COLUMNS["empty"] = [""] * 8
    with pytest.raises(DataError, match="nobody is asked"):
        answers(of("smokes", among="empty"))


def test_a_file_and_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("smokes\nyes\nno\nperhaps\n")
    settings = AnswerSettings("csv", "smokes", path=str(path), listed=("no", "yes"))
    assert answers(settings).held.tolist() == [1, 0, -1]
    with pytest.raises(DataError, match="holds a text where a number is wanted") as caught:
        answers(AnswerSettings("csv", "smokes", path=str(path), bounds=NumberRange(0, 1)))
    assert "perhaps" not in str(caught.value)


def test_the_survey() -> None:
    try:
        importlib.metadata.distribution("nhanes")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package nhanes is not installed")
    column = "EverUsedCocaineheroinmethamphetamine"
    found = answers(AnswerSettings("nhanes", column, among="Glycohemoglobin", listed=("1", "0")))
    assert len(found.held) == 5018
    assert np.bincount(found.held + 1).tolist() == [1270, 639, 3109]
