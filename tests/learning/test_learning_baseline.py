"""The pooled baseline reaches the optimum that scipy and scikit-learn reach."""

from __future__ import annotations

import numpy as np
import pytest

from tip.errors import ConfigurationError, DataError
from tip.learning.baseline import RIDGE, central_baseline
from tip.learning.metrics import auc
from tip.learning.model import Linear, Logistic, Model, Softmax
from tip.randomness import Entropy

WORDS = Entropy.seeded(8).stream("test of the baseline").words(np.arange(600), 8)
UNIFORM = np.asarray(WORDS.astype(np.float64) * 2.0**-63 - 1)
FEATURES = np.ascontiguousarray(UNIFORM[:, :5])
NOISY = FEATURES @ np.array([2.0, -1.0, 0.5, 0.0, 1.0]) + UNIFORM[:, 5] * 2


def slope(model: Model, theta: np.ndarray, labels: np.ndarray) -> float:
    gradient = model.gradients(theta, FEATURES[None], labels[None], np.ones((1, 600)))[0]
    return float(np.abs(gradient + RIDGE * theta).max())


def test_linear_is_least_squares() -> None:
    theta = central_baseline(Linear(5), FEATURES, NOISY)
    exact = np.linalg.lstsq(np.c_[FEATURES, np.ones(600)], NOISY, rcond=None)[0]
    assert np.allclose(theta, exact, atol=1e-4)
    assert slope(Linear(5), theta, NOISY) < 1e-6


def test_classifiers_are_those_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    for model, labels in ((Logistic(5), NOISY > 0.5), (Softmax(5, 3), np.digitize(NOISY, [-1, 1]))):
        y = labels.astype(np.int64)
        theta = central_baseline(model, FEATURES, y)
        peer = linear_model.LogisticRegression(C=1 / (600 * RIDGE), tol=1e-10, max_iter=10_000).fit(FEATURES, y)
        ours, theirs = model.scores(theta, FEATURES), peer.decision_function(FEATURES)
        if model.outputs > 1:
            ours, theirs = ours - ours[:, :1], theirs - theirs[:, :1]
        assert np.abs(ours - theirs).max() < 2e-3
        assert slope(model, theta, y) < 1e-6
        assert slope(model, theta * 0.99, y) > 1e-6


def test_degenerate_data_have_a_minimum() -> None:
    separable = (FEATURES[:, 0] > 0).astype(np.int64)
    theta = central_baseline(Logistic(5), FEATURES, separable)
    assert auc(Logistic(5).scores(theta, FEATURES), separable) == 1.0
    constant = np.c_[FEATURES[:, :4], np.ones(600)]
    assert np.isfinite(central_baseline(Logistic(5), constant, separable)).all()
    one_class = central_baseline(Logistic(5), FEATURES, np.ones(600, dtype=np.int64))
    assert (Logistic(5).scores(one_class, FEATURES) > 0).all()
    assert not central_baseline(Logistic(5), FEATURES[:0], separable[:0]).any()


def test_records_that_are_not_finite_are_refused() -> None:
    broken = FEATURES.copy()
    broken[3, 2] = np.nan
    with pytest.raises(DataError, match="finite"):
        central_baseline(Logistic(5), broken, np.ones(600, dtype=np.int64))
    with pytest.raises(ConfigurationError):
        central_baseline(Logistic(5), FEATURES, np.ones(599, dtype=np.int64))


def test_counted_records_are_repeated_records() -> None:
    counts = 1 + np.arange(600) % 3
    rows = np.repeat(np.arange(600), counts)
    for model, y in ((Logistic(5), (NOISY > 0.5).astype(np.int64)), (Linear(5), NOISY)):
        counted = central_baseline(model, FEATURES, y, counts)
        assert np.allclose(counted, central_baseline(model, FEATURES[rows], y[rows]), atol=1e-4)
        assert not np.allclose(counted, central_baseline(model, FEATURES, y), atol=1e-3)  # forgets the counts
