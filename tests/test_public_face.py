"""`import tip`: light, lazy, and every promised name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tip


def loaded_after(code: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(shown.stdout.split())


def test_import_tip_loads_nothing_heavy() -> None:
    loaded = loaded_after("import tip")
    assert not loaded & {"numpy", "scipy", "matplotlib", "dp_accounting", "torch", "rich", "typer", "cryptography"}


def test_a_run_loads_neither_frameworks_nor_statistics() -> None:
    loaded = loaded_after("import tip; tip.simulate; tip.Plan; tip.guarantees; tip.Population")
    assert not loaded & {"matplotlib", "dp_accounting", "torch", "scipy.stats", "sklearn", "pandas"}


@pytest.mark.parametrize("name", tip.__all__)
def test_promised_names_are_there(name: str) -> None:
    assert getattr(tip, name) is not None
    assert name in dir(tip)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tip.nonsense


def test_no_promised_name_hides_a_room() -> None:
    rooms = {
        "cli",
        "report",
        "plan",
        "learning",
        "attacks",
        "data",
        "protocols",
        "explain",
        "aggregation",
        "privacy",
        "noise",
        "simulation",
    }
    assert not rooms & set(tip.__all__)
