"""Metrics against their definitions, and what has no meaning."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.learning.metrics import accuracy, auc, figures, log_loss, mean_squared_error
from tip.learning.model import Linear, Logistic, Softmax

scored = st.lists(st.tuples(st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 2.0, math.inf]), st.booleans()), max_size=20)


@settings(deadline=None)
@given(scored)
def test_auc_counts_pairs(pairs: list[tuple[float, bool]]) -> None:
    ups, downs = [s for s, y in pairs if y], [s for s, y in pairs if not y]
    got = auc(np.array([s for s, _ in pairs]), np.array([y for _, y in pairs], dtype=np.int64))
    if not ups or not downs:
        assert got is None
        return
    wins = sum((a > b) + (a == b) / 2 for a, b in product(ups, downs))
    assert got == pytest.approx(wins / (len(ups) * len(downs)), abs=1e-15)


def test_auc_is_that_of_scikit_learn_and_quick() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores = np.round(np.sin(np.arange(20_000) ** 1.5), 2)
    labels = (np.cos(np.arange(20_000) * 0.7) + scores > 0.3).astype(np.int64)
    assert auc(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    raw = np.stack([scores, -scores, scores**2], axis=1)
    shares = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    classes = np.arange(20_000) % 3
    assert log_loss(raw, classes) == pytest.approx(metrics.log_loss(classes, shares), abs=1e-12)


def test_a_mutant_without_middle_ranks_is_caught() -> None:
    labels = np.array([0, 1, 0, 1])
    assert auc(np.zeros(4), labels) == 0.5
    order = np.argsort(np.zeros(4), kind="stable")  # the mutant: ties in the order of the file
    ranks = np.empty(4)
    ranks[order] = np.arange(1, 5)
    assert (ranks[labels == 1].sum() - 3) / 4 != 0.5


def test_accuracy_and_errors() -> None:
    assert accuracy(np.array([1.0, -1.0, 0.0]), np.array([1, 0, 1])) == pytest.approx(2 / 3)
    assert accuracy(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([1, 1])) == 0.5
    assert mean_squared_error(np.array([1.0, 2.0]), np.array([0.0, 4.0])) == 2.5
    assert log_loss(np.array([0.0]), np.array([1])) == pytest.approx(math.log(2))
    assert log_loss(np.array([1e308, -1e308]), np.array([1, 0])) == 0.0
    assert mean_squared_error(np.array([1e200]), np.array([0.0])) == math.inf


@pytest.mark.parametrize("figure", [auc, accuracy, mean_squared_error, log_loss])
def test_what_has_no_meaning_is_none(figure: object) -> None:
    assert callable(figure)
    assert figure(np.zeros(0), np.zeros(0, dtype=np.int64)) is None
    assert figure(np.array([np.nan, 1.0]), np.array([0, 1])) is None
    with pytest.raises(ConfigurationError):
        figure(np.zeros(3), np.zeros(2))
    with pytest.raises(ConfigurationError):
        figure(np.zeros((1, 1, 2)), np.zeros(1))


def test_figures_by_kind_of_model() -> None:
    features, labels = np.array([[1.0], [-1.0]]), np.array([1, 0])
    good = figures(Logistic(1), np.array([5.0, 0.0]), features, labels)
    assert list(good) == ["auc", "accuracy", "log_loss"]
    assert (good["auc"], good["accuracy"]) == (1.0, 1.0)
    two = figures(Softmax(1, 2), np.array([-5.0, 5.0, 0, 0]), features, labels)
    assert (two["auc"], two["accuracy"]) == (1.0, 1.0)
    assert list(figures(Softmax(1, 3), np.zeros(6), features, labels)) == ["accuracy", "log_loss"]
    assert figures(Linear(1), np.array([1.0, 0.0]), features, labels) == {"mean_squared_error": 0.5}
    assert math.isnan(figures(Logistic(1), np.zeros(2), features, np.array([1, 1]))["auc"])


def test_counted_records_are_repeated_records() -> None:
    scores = np.round(np.sin(np.arange(300) ** 1.5), 1)
    labels = (np.cos(np.arange(300) * 0.7) > 0.3).astype(np.int64)
    counts = 1 + np.arange(300) % 4
    rows = np.repeat(np.arange(300), counts)
    assert auc(scores, labels, counts) == auc(scores[rows], labels[rows])
    assert accuracy(scores, labels, counts) == accuracy(scores[rows], labels[rows])
    for figure in (mean_squared_error, log_loss):
        assert figure(scores, labels, counts) == pytest.approx(figure(scores[rows], labels[rows]), rel=1e-13)
    assert auc(scores, labels) not in (None, auc(scores, labels, counts))  # the mutant that forgets the counts
