"""Figures that say how good a model is, defined for every input.

Each takes scores or predictions and labels of the same length. `counts`, whole numbers >= 1, tells how
often each record is there; without it, once. Where a figure has no meaning (no records, one class only,
a score that is NaN) the answer is `None`, never a warning or a number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError
from tip.learning.model import Linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tip.learning.model import Model, Reals

    Values = NDArray[Any]
    Counts = NDArray[np.int64] | None


def auc(scores: Values, labels: Values, counts: Counts = None) -> float | None:
    """P[score of a positive > score of a negative] + P[equal] / 2, over all pairs, in O(n log n).

    The rank sum of Mann and Whitney (1947) with middle ranks for ties; positives are labels > 0. Ranks are
    halves of whole numbers, so the sum is exact. Infinite scores are ordinary ends of the order.
    """
    if not _usable(scores, labels, dimensions=1) or np.isnan(scores).any():
        return None
    positive = labels > 0
    times = np.ones(len(labels), dtype=np.int64) if counts is None else counts
    ones = int(times[positive].sum())
    zeros = int(times.sum()) - ones
    if not ones or not zeros:
        return None
    _, places = np.unique(scores, return_inverse=True)
    tied = np.bincount(places, weights=times).astype(np.int64)  # floats hold whole numbers below 2^53
    doubled = 2 * np.cumsum(tied) - tied + 1  # twice the middle rank of each distinct score
    rank_sum = int((doubled[places] * times)[positive].sum())
    return (rank_sum - ones * (ones + 1)) / (2 * ones * zeros)


def accuracy(scores: Values, labels: Values, counts: Counts = None) -> float | None:
    """The share of records whose label is predicted: the largest score `(n, k)`, or score > 0 for `(n,)`."""
    if not _usable(scores, labels, dimensions=scores.ndim) or np.isnan(scores).any():
        return None
    predicted = scores.argmax(axis=1) if scores.ndim == 2 else scores > 0
    return _mean(predicted == labels, counts)


def mean_squared_error(predictions: Values, labels: Values, counts: Counts = None) -> float | None:
    """The mean of (prediction - label)^2."""
    if not _usable(predictions, labels, dimensions=1):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        value = _mean(np.square(predictions - labels), counts)
    return None if np.isnan(value) else value


def log_loss(scores: Values, labels: Values, counts: Counts = None) -> float | None:
    """Minus the mean log likelihood: log odds `(n,)` with labels 0 and 1, or class scores `(n, k)`."""
    if not _usable(scores, labels, dimensions=scores.ndim) or not np.isfinite(scores).all():
        return None
    with np.errstate(over="ignore", under="ignore"):
        if scores.ndim == 1:
            return _mean(np.logaddexp(0.0, np.where(labels > 0, -scores, scores)), counts)
        shifted = scores - scores.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(shifted, labels.astype(np.int64)[:, None], axis=1)[:, 0]
        return _mean(np.log(np.exp(shifted).sum(axis=1)) - chosen, counts)


def figures(
    model: Model, parameters: Reals, features: Reals, labels: Values, counts: Counts = None
) -> Mapping[str, float]:
    """The figures that a kind of model has, by name: evaluation only. One without meaning is not a number.

    A number is predicted: `mean_squared_error`. Classes: `accuracy`, `log_loss`, and `auc` if there are two.
    """
    scores = model.scores(parameters, features)
    if isinstance(model, Linear):
        found = {"mean_squared_error": mean_squared_error(scores, labels, counts)}
    else:
        found = {"accuracy": accuracy(scores, labels, counts), "log_loss": log_loss(scores, labels, counts)}
        margin = scores if scores.ndim == 1 else scores[:, 1] - scores[:, 0]
        if model.outputs <= 2:
            found = {"auc": auc(margin, labels, counts), **found}
    return {name: math.nan if value is None else value for name, value in found.items()}


def _mean(values: Values, counts: Counts) -> float:
    """The mean of values that are there `counts` times; of truth values exact."""
    return float(np.mean(values)) if counts is None else float(np.dot(values, counts) / counts.sum())


def _usable(values: Values, labels: Values, *, dimensions: int) -> bool:
    """Whether there are records at all; shapes that do not fit are the caller's mistake."""
    if labels.ndim != 1 or values.ndim != dimensions or dimensions not in {1, 2} or len(values) != len(labels):
        raise ConfigurationError(f"scores {values.shape} and labels {labels.shape} do not belong together")
    return len(labels) > 0
