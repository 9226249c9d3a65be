"""Population: validated, read-only, cheap to take from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.data import NumberRange, Population
from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from pathlib import Path

X = np.arange(8.0).reshape(4, 2)


def build(**changes: object) -> Population:
    arguments: dict[str, Any] = {
        "features": X,
        "labels": np.array([0, 1, 0, 1]),
        "rows": np.arange(4),
        "offsets": np.array([0, 1, 4]),
        "names": ("a", "b"),
        "classes": 2,
    }
    arguments.update(changes)
    return Population(**arguments)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": X[0]}, "matrix of numbers"),
        ({"features": X.astype(str)}, "matrix of numbers"),
        ({"features": X.astype(complex)}, "matrix of numbers"),
        ({"features": X.astype(object)}, "matrix of numbers"),
        ({"features": [[1.0, 2.0], [1.0]]}, "rows of one length"),
        ({"features": np.where(X == 5, np.nan, X)}, "row 3, column '1'"),
        ({"features": np.where(X == 5, -np.inf, X)}, "row 3, column '1'"),
        ({"names": ("a",)}, "different names"),
        ({"names": ("a", "a")}, "different names"),
        ({"labels": [0, 1, 0]}, "one number for each of 4 rows"),
        ({"labels": [0, 1, 0, 2]}, "row 4: a label is a whole number from 0 to 1"),
        ({"labels": [0, -1, 0, 1]}, "row 2: a label"),
        ({"labels": [0, 0.5, 0, 1]}, "row 2: a label"),
        ({"labels": [0, np.nan, 0, 1]}, "row 2: NaN"),
        ({"labels": [0, np.inf, 0, 1], "classes": None}, "row 2: NaN or infinity"),
        ({"labels": ["a", "b", "a", "b"]}, "one number"),
        ({"classes": 1}, "2 classes"),
        ({"classes": True}, "2 classes"),
        ({"rows": [0, 1, 2, 4]}, "from 0 to 3"),
        ({"rows": [0, 1, 2, -1]}, "from 0 to 3"),
        ({"rows": [0.0, 1.0, 2.0, 3.0]}, "whole numbers"),
        ({"offsets": [0, 5, 4]}, "without going back"),
        ({"offsets": [1, 4]}, "without going back"),
        ({"offsets": [0, 3]}, "without going back"),
        ({"offsets": []}, "without going back"),
        ({"offsets": [[0, 4]]}, "vector"),
    ],
)
def test_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        build(**changes)


def test_kinds_are_converted_without_loss() -> None:
    population = build(
        features=X.astype(np.float32).T.copy().T,
        labels=[False, True, False, True],
        rows=np.arange(4, dtype=np.uint16),
        offsets=[0, 1, 4],
    )
    assert population.features.dtype == np.float64
    assert population.features.flags.c_contiguous
    assert {a.dtype for a in (population.labels, population.rows, population.offsets)} == {np.dtype(np.int64)}
    assert build(labels=[0.5, 1, 2, 3], classes=None).labels.dtype == np.float64


def test_arrays_are_read_only() -> None:
    population = build()
    for array in (population.features, population.labels, population.rows, population.offsets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        population.classes = 3  # type: ignore[misc] # wrong on purpose
    X[0, 0] = 0.0  # the giver's own array is still theirs


def test_huge_finite_features_are_the_givers_choice() -> None:
    assert build(features=np.full((4, 2), 1e308)).features.max() == 1e308


def test_nobody_and_nothing() -> None:
    empty = Population.from_arrays(np.zeros((0, 3)), np.zeros(0))
    assert (empty.agents, empty.sizes.tolist()) == (0, [])
    idle = build(offsets=[0, 0, 4, 4])
    assert idle.sizes.tolist() == [0, 4, 0]
    assert idle.take([0, 2]).agents == 2
    assert idle.take([0, 2]).rows.size == 0
    assert idle.take([]).agents == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_take_equals_its_slow_twin(sizes: list[int], data: st.DataObject) -> None:
    total = sum(sizes)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    pool = np.arange(10.0)[:, None]
    rows = np.array(data.draw(st.lists(st.integers(0, 9), min_size=total, max_size=total)), dtype=np.int64)
    whole = Population(pool, pool[:, 0], rows, offsets, ("x",), None)
    chosen = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=8))
    slow = [rows[offsets[a] : offsets[a + 1]].tolist() for a in chosen]
    for part in (whole.take(np.array(chosen, dtype=np.int64)), whole.take(chosen).compact()):
        values = part.features[part.rows, 0]
        assert [values[a:b].tolist() for a, b in zip(part.offsets[:-1], part.offsets[1:], strict=True)] == slow
    assert whole.take(chosen).features.base is whole.features.base or total == 0
    kept = whole.take(chosen).compact().features[:, 0].tolist()
    assert kept == sorted({value for agent in slow for value in agent})


@pytest.mark.parametrize("agents", [[2], [-1], [0.5], [[0]], ["a"]])
def test_take_refuses(agents: list[int]) -> None:
    with pytest.raises(ConfigurationError):
        build().take(agents)


def test_from_arrays() -> None:
    y = [0, 1, 0, 2]
    people = Population.from_arrays(X, y)
    assert (people.agents, people.classes, people.names) == (4, 3, ("x0", "x1"))
    grouped = Population.from_arrays(X.tolist(), y, ["b", "a", "b", "a"])
    assert grouped.rows.tolist() == [1, 3, 0, 2]
    assert grouped.sizes.tolist() == [2, 2]
    assert Population.from_arrays(X, y, np.array(["b", 1, "b", None], dtype=object)).agents == 3
    assert Population.from_arrays(X, [0.0, 1.0, 0.0, 1.0]).classes is None
    assert Population.from_arrays(X, [0.0, 1.0, 0.0, 1.0], classes=2).labels.dtype == np.int64
    assert Population.from_arrays(X, [0, 0, 0, 0]).classes == 2
    assert Population.from_arrays(X, [True, False, True, False], classes=5).classes == 5


@pytest.mark.parametrize("agents", [[1, 2], [0.5, 1, 2, 3], [[1], [2], [3], [4]], [[1], [2, 3]]])
def test_from_arrays_refuses_agents(agents: list[int]) -> None:
    with pytest.raises(DataError, match="agents"):
        Population.from_arrays(X, [0, 1, 0, 1], agents)


def test_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("who,age,sex,sick\nb,20,f,1\na,80,m,0\nb,,f,1\nc,30,f,\n", encoding="utf-8")
    people = Population.from_csv(
        path, label="sick >= 1", agent="who", numbers={"age": NumberRange(20, 80)}, categories={"sex": ("f", "m")}
    )
    assert people.sizes.tolist() == [1, 2, 0]  # c has no usable row and still takes part
    assert people.features[people.rows].tolist() == [[1, 0, 1], [-1, 1, 0], [0, 1, 0]]
    assert people.labels[people.rows].tolist() == [0, 1, 1]
    assert Population.from_csv(path, label="sick >= 1", numbers={"age": NumberRange(20, 80)}).agents == 3
