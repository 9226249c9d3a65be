"""Records that agents share are scored once and counted as often as they are there."""

from __future__ import annotations

import numpy as np
import pytest

from tip.data import Population
from tip.learning import Linear, Logistic, Model, Softmax
from tip.simulation.evaluation import distinct, evaluate

FEATURES = np.sin(np.arange(90.0) ** 1.5).reshape(30, 3)


def population(rows: np.ndarray, labels: np.ndarray) -> Population:
    return Population(FEATURES, labels, rows, np.array([0, len(rows)]), ("a", "b", "c"), None)


def written_out(shared: Population) -> Population:
    """The same records, each a row of its own."""
    rows = np.arange(len(shared.rows))
    return Population(
        shared.features[shared.rows], shared.labels[shared.rows], rows, shared.offsets, shared.names, None
    )


@pytest.mark.parametrize("model", [Linear(3), Logistic(3), Softmax(3, 3)], ids=lambda model: type(model).__name__)
def test_shared_records_count_as_often_as_they_are_there(model: Model) -> None:
    labels = FEATURES[:, 0] if isinstance(model, Linear) else np.arange(30) % max(model.outputs, 2)
    shared = population(np.array([4, 4, 4, 9, 2, 9, 29, 0, 1, 1, 5]), labels)
    parameters = np.cos(np.arange(model.dimension))
    got, wanted = evaluate(model, parameters, shared), evaluate(model, parameters, written_out(shared))
    assert got == pytest.approx(wanted, rel=1e-13)
    rows, counts = distinct(shared)
    assert rows.tolist() == [0, 1, 2, 4, 5, 9, 29]
    assert counts is not None
    assert counts.tolist() == [1, 2, 1, 3, 1, 2, 1]
    forgetful = evaluate(model, parameters, population(rows, labels))  # the mutant that counts each once
    assert got != pytest.approx(forgetful, rel=1e-6)


def test_records_of_their_own_are_taken_as_they_come() -> None:
    rows, counts = distinct(population(np.array([3, 1, 2]), np.zeros(30)))
    assert (rows.tolist(), counts) == ([3, 1, 2], None)


def test_nobody_has_no_figures() -> None:
    assert evaluate(Linear(3), np.zeros(4), population(np.zeros(0, dtype=np.int64), np.zeros(30))) == {}
