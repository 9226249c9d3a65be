"""Figures on the agents kept apart: evaluation only, outside the guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.learning import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from tip.data import Population
    from tip.learning import Model


def evaluate(model: Model, parameters: NDArray[np.float64], population: Population) -> Mapping[str, float]:
    """The model's figures on a population: those that its kind of label has.

    A number: `mean_squared_error`. Classes: `accuracy` and `log_loss`; two classes: `auc` as well
    (not a number when only one class is there). An empty population has no figures.
    """
    if len(population.rows) == 0:
        return {}
    features, labels = population.features[population.rows], population.labels[population.rows]
    return metrics.figures(model, parameters, features, labels)
