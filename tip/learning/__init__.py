"""What agents compute and how a model moves: models, local updates, server optimizers, metrics."""

from __future__ import annotations

from tip.learning.baseline import central_baseline
from tip.learning.central import ServerOptimizer, ServerState
from tip.learning.local import Algorithm, Batch, FedAvg, FedSGD, HasRecords, Records, class_of, ragged_updates, updates
from tip.learning.metrics import accuracy, auc, figures, log_loss, mean_squared_error
from tip.learning.model import Linear, Logistic, Model, Softmax

__all__ = [
    "Algorithm",
    "Batch",
    "FedAvg",
    "FedSGD",
    "HasRecords",
    "Linear",
    "Logistic",
    "Model",
    "Records",
    "ServerOptimizer",
    "ServerState",
    "Softmax",
    "accuracy",
    "auc",
    "central_baseline",
    "class_of",
    "figures",
    "log_loss",
    "mean_squared_error",
    "ragged_updates",
    "updates",
]
