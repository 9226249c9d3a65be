"""Numbers of files that no float holds are no figures, wherever they stand."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from tip.errors import DataError
from tip.report.finite import finite
from tip.report.history import Round, read_history, write_round
from tip.report.story import _numbers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("value", [0, -1.5, 2**1000, 1.7e308])
def test_numbers_that_floats_hold(value: float) -> None:
    assert finite(value)


@pytest.mark.parametrize("value", [10**400, -(10**400), math.inf, math.nan, True, "1", None, [1]])
def test_all_else(value: object) -> None:
    assert not finite(value)
    assert _numbers({"auc": value, "accuracy": 0.5}) == {"accuracy": 0.5}


@pytest.mark.parametrize("field", ["number", "cohort", "epsilon_spent", "clipped", "metrics"])
def test_a_round_holds_none_of_them(tmp_path: Path, field: str) -> None:
    first = Round(1, 3, 2, True, "", 1.0, 0.1, 1.0, {"auc": 0.5}, 0.0, 0)
    file = tmp_path / "history.jsonl"
    write_round(file, first)
    assert read_history(file) == (first,)
    head, line = file.read_text().splitlines()
    huge = {"auc": 10**400} if field == "metrics" else 10**400
    file.write_text(f"{head}\n{json.dumps({**json.loads(line), field: huge})}\n")
    with pytest.raises(DataError, match="cannot hold such a value"):
        read_history(file)
