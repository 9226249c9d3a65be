"""Figures on the agents kept apart: evaluation only, outside the guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tip.learning import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tip.data import Population
    from tip.learning import Model


def evaluate(model: Model, parameters: NDArray[np.float64], population: Population) -> Mapping[str, float]:
    """The model's figures on a population: those that its kind of label has.

    A number: `mean_squared_error`. Classes: `accuracy` and `log_loss`; two classes: `auc` as well
    (not a number when only one class is there). An empty population has no figures.
    """
    rows, counts = distinct(population)
    if len(rows) == 0:
        return {}
    return metrics.figures(model, parameters, population.features[rows], population.labels[rows], counts)


def distinct(population: Population) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """The records of all agents without repetition, and how often each is there; None: all of them once.

    Agents that draw from one pool share records; what is computed from all of them costs the pool, not the agents.
    """
    counts = np.bincount(population.rows)
    if counts.max(initial=0) <= 1:
        return population.rows, None
    rows = np.flatnonzero(counts)
    return rows, counts[rows]
