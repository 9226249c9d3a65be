"""The accounting table: tip is above the truth and near the library, and the truth is what it should be."""

from __future__ import annotations

import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest

_PATH = Path(__file__).parents[2] / "benchmarks" / "accounting_table.py"
_SPEC = util.spec_from_file_location("accounting_table", _PATH)
if _SPEC is None or _SPEC.loader is None:
    pytest.skip("the benchmarks are not part of this copy", allow_module_level=True)
table: Any = util.module_from_spec(_SPEC)  # a script: it has no types here
sys.modules["accounting_table"] = table
_SPEC.loader.exec_module(table)

CLOSED = [one for one in table.SETTINGS if one.kind == "gaussian" and one.rate == 1]
KNOWN = {  # measured with dp_accounting at its finest grid, or closed forms
    "q .01, s 1, T 1,000": 1.828237,
    "q .01, s 1, T 3,000": 3.192326,
    "q .01, s 1, T 10,000": 6.187714,
    "q .01, s .6, T 1,000": 7.43361,
    "q .256, s 8, T 500": 3.01743,
    "q 1, s 20, T 100": 1.99309,
    "tree, 1,024 steps, s 10": 1.264062,
    "Laplace, scale 10, T 100": 4.22035,
    "discrete Gaussian, s 10, T 100": 4.377187,
}


@pytest.mark.parametrize("setting", [*CLOSED, table.SETTINGS[0], *table.SETTINGS[-2:]], ids=lambda one: one.name)
def test_verdicts(setting: Any) -> None:  # noqa: ANN401 - of the script
    found = table.compared(setting)
    assert all(table.verdicts(found).values()), found
    assert found["truth"] == pytest.approx(KNOWN[setting.name], abs=1e-5)
    assert found["RDP"] > found["tip"] * 1.05


@pytest.mark.slow
@pytest.mark.parametrize("setting", table.SETTINGS, ids=lambda one: one.name)
def test_all_verdicts(setting: Any) -> None:  # noqa: ANN401 - of the script
    found = table.compared(setting)
    assert all(table.verdicts(found).values()), found
    assert found["truth"] == pytest.approx(KNOWN.get(setting.name, 6.768781), abs=1e-5)


def test_verdicts_can_fail() -> None:
    """The central limit accountant's figure would not pass."""
    assert not table.verdicts({"truth": 1.828237, "tip": 1.617712, "PLD": 1.828244})["tip is not below the truth"]
    assert not table.verdicts({"truth": 1.82, "tip": 1.84, "PLD": 1.828})["tip is near the library"]


def test_the_own_distribution_agrees_with_the_closed_form() -> None:
    """Gaussian noise at rate 1 goes through cells, powers and the search, against the exact curve."""
    setting = table.Setting("", 20, 100, 1.0)
    grid = table.STEP * table.np.arange(-table.POINTS // 2, table.POINTS // 2)
    for masses, on in table.sampled_gaussian(1.0, 20, grid):
        assert table.composed(masses, on, 100) == pytest.approx(table.truth(setting), abs=2e-6)
