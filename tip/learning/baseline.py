"""The central, non-private baseline: what pooled data would give.

It pools the records of all agents, so it stands outside every guarantee (law 15): simulation
only. It minimizes mean loss + ridge / 2 |theta|^2 with a ridge of 1e-6, which moves no figure but gives
every data set one minimum: separable classes, a constant column, a class that never occurs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.learning.model import Labels, Model, Reals

RIDGE: Final = 1e-6
_STEPS: Final = 5000


def central_baseline(
    model: Model, features: Reals, labels: Labels, counts: NDArray[np.int64] | None = None, *, ridge: float = RIDGE
) -> Reals:
    """The parameters `(dimension,)` that fit all records `(r, p)` best, by L-BFGS (Liu and Nocedal 1989).

    `counts` `(r,)`, whole numbers >= 1, tells how often each record is there; without it, once.
    Raises `DataError` for records that are not finite, and when the minimum was not reached.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - heavy, and this is its one door

    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ConfigurationError(f"records are (r, p) with labels (r,), not {features.shape} and {labels.shape}")
    if not len(features):
        return model.initial()
    if not (np.isfinite(features).all() and np.isfinite(labels).all()):
        raise DataError("the baseline needs finite features and labels")
    weights = np.ones((1, len(features))) if counts is None else counts[None].astype(np.float64)

    def loss(theta: Reals) -> float:
        if counts is None:
            return model.loss(theta, features, labels)
        scores = model.scores(theta, features).reshape(len(features), -1)
        return float(np.dot(model.losses(scores, labels), weights[0]) / weights.sum())

    def objective(theta: Reals) -> tuple[float, Reals]:
        gradient = model.gradients(theta, features[None], labels[None], weights)[0]
        return loss(theta) + 0.5 * ridge * float(theta @ theta), gradient + ridge * theta

    found = minimize(
        objective,
        model.initial(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "ftol": 1e-14, "gtol": 1e-7, "maxcor": 20},
    )
    if not (found.success and np.isfinite(found.x).all()):
        raise DataError(f"the baseline did not reach its minimum: {found.message}")
    result: Reals = np.asarray(found.x, dtype=np.float64)
    return result
