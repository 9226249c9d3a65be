"""From a plan's tables to the model, the algorithm and the server's optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.learning import FedAvg, FedSGD, Linear, Logistic, ServerOptimizer, Softmax

if TYPE_CHECKING:
    from tip.learning import Algorithm, Model
    from tip.plan.tables import Plan


def model_of(plan: Plan, *, features: int, classes: int | None) -> Model:
    """The model that `[model]` names, for data with so many features and classes (None: a number is predicted)."""
    kind = plan.model.kind
    wanted = {"linear": classes is None, "logistic": classes == 2, "softmax": classes is not None and classes >= 2}
    if not wanted.get(kind, False):
        told = "a number" if classes is None else f"one of {classes} classes"
        fitting = " or ".join(f'"{k}"' for k, fits in wanted.items() if fits)
        raise ConfigurationError(
            f"model.kind = {kind!r} does not fit the label, which is {told}",
            where=plan.places.of("model", "kind"),
            instead=f"Use {fitting}",
        )
    match kind:
        case "linear":
            return Linear(features)
        case "logistic":
            return Logistic(features)
        case _:
            return Softmax(features, classes or 2)


def algorithm_of(plan: Plan) -> Algorithm:
    """What an agent computes in a round."""
    table = plan.algorithm
    if table.kind == "fedsgd":
        return FedSGD()
    return FedAvg(
        local_epochs=table.local_epochs,
        batch_size=None if table.batch_size == "all" else table.batch_size,
        local_learning_rate=table.local_learning_rate,
    )


def optimizer_of(plan: Plan) -> ServerOptimizer:
    """What the server does with the mean."""
    table = plan.algorithm
    return ServerOptimizer(
        learning_rate=table.server_learning_rate, momentum=table.server_momentum, averaging=table.averaging
    )
