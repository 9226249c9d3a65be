"""Settings: what is refused before anybody looks at the data."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.data import DataSettings, NumberRange, Partition
from tip.data.settings import Label
from tip.errors import ConfigurationError

PLAIN = DataSettings(source="csv", path="a.csv", label="y >= 1", numbers={"x": NumberRange(0, 1)})


@pytest.mark.parametrize(
    ("text", "column", "sign", "number"),
    [
        ("Glycohemoglobin >= 6.5", "Glycohemoglobin", ">=", 6.5),
        ("a>1", "a", ">", 1.0),
        (" a b <= -2e3 ", "a b", "<=", -2000.0),
        ("a<0", "a", "<", 0.0),
        ("a == 3", "a", "==", 3.0),
        ("a", "a", "", 0.0),
        ("a = 3", "a = 3", "", 0.0),
    ],
)
def test_labels(text: str, column: str, sign: str, number: float) -> None:
    assert Label.parse(text) == Label(column, sign, number)


@pytest.mark.parametrize("text", ["", "  ", "a >= b", "a >=", "a > nan", "a < inf", "a == 'yes'"])
def test_labels_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"data\.label"):
        Label.parse(text)


def test_each_sign_compares() -> None:
    values = np.array([0.0, 1.0, 2.0])
    answers = {sign: Label("x", sign, 1.0).holds(values).tolist() for sign in (">=", "<=", ">", "<", "==")}
    assert answers == {
        ">=": [False, True, True],
        "<=": [True, True, False],
        ">": [False, False, True],
        "<": [True, False, False],
        "==": [False, True, False],
    }


@pytest.mark.parametrize(
    ("low", "high"),
    [(1, 1), (2, 1), (float("nan"), 1), (0, float("inf")), (0, 5e-324), (True, 2), ("0", 1), (0, 10**400)],
)
def test_ranges_refused(low: float, high: float) -> None:
    with pytest.raises(ConfigurationError):
        NumberRange(low, high)


@pytest.mark.parametrize("codes", ["9999", 9999, (float("nan"),), (None,), ([1],)])
def test_codes_refused(codes: tuple[float, ...]) -> None:
    with pytest.raises(ConfigurationError):
        NumberRange(0, 1, codes)


@given(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308))
def test_middle_and_half_never_overflow(low: float, high: float) -> None:
    if low < high and high / 2 - low / 2 > 0:
        bounds = NumberRange(low, high)
        assert low <= bounds.middle <= high
        assert 0 < bounds.half < np.inf


@pytest.mark.parametrize("kind", ["dirichlet", "shards", "sizes", "IID"])
def test_other_partitions_name_what_exists(kind: str) -> None:
    with pytest.raises(ConfigurationError, match='"iid"'):
        Partition(kind, 10)  # type: ignore[arg-type] # a plan may hold any text


@pytest.mark.parametrize(("agents", "samples"), [(0, None), (-1, None), (1.5, None), (True, None), (10, 0), (10, 2.0)])
def test_partition_counts_are_whole(agents: int, samples: int | None) -> None:
    with pytest.raises(ConfigurationError, match="whole number >= 1"):
        Partition("iid", agents, samples)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"source": ""}, "data.source"),
        ({"missing": "mean"}, "data.missing"),
        ({"test": 1.0}, "data.test"),
        ({"test": -0.1}, "data.test"),
        ({"test": float("nan")}, "data.test"),
        ({"path": ""}, "data.path"),
        ({"source": "nhanes"}, "data.path"),
        ({"numbers": {}}, "no feature"),
        ({"numbers": {"x": (0, 1)}}, "data.numbers.x"),
        ({"categories": {"x": ("a", "b")}}, "under data.numbers and under data.categories"),
        ({"categories": {"z": ()}}, "data.categories.z"),
        ({"categories": {"z": ("a", "a")}}, "twice"),
        ({"categories": {"z": (" a",)}}, "blanks"),
        ({"categories": {"y": ("a", "b")}}, "compares"),
        ({"label": "y"}, "neither a public range nor a public list"),
        ({"label": "y", "categories": {"y": ("a",)}}, "two texts"),
        ({"exclude": ("x",)}, "excluded and used"),
        ({"exclude": ("y",)}, "excluded and used"),
        ({"exclude": ("p",), "agent": "p"}, "excluded and used"),
        ({"agent": ""}, "data.agent"),
        ({"agent": "x"}, "learns from names"),
        ({"agent": "y"}, "learns from names"),
        ({"agent": "partition"}, "partition is missing"),
        ({"partition": Partition("iid", 3)}, "no meaning"),
    ],
)
def test_incoherent_settings_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        replace(PLAIN, **changes)  # type: ignore[arg-type] # wrong on purpose


def test_settings_are_frozen_copied_and_travel() -> None:
    numbers = {"x": NumberRange(0, 1)}
    settings = replace(PLAIN, numbers=numbers)
    numbers.clear()
    assert settings == PLAIN
    assert pickle.loads(pickle.dumps(settings)) == PLAIN  # noqa: S301 - our own bytes
    with pytest.raises(FrozenInstanceError):
        settings.label = "x"  # type: ignore[misc] # wrong on purpose


def test_the_labels_own_column_is_never_a_feature() -> None:
    settings = replace(PLAIN, numbers={"x": NumberRange(0, 1), "y": NumberRange(0, 9, (9,))})
    assert settings.features == ("x",)
    assert settings.columns == ("x", "y")
