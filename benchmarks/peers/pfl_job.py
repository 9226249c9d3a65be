"""The job in pfl: simulated backend, one process, torch on one thread."""

from __future__ import annotations

import logging

import torch
from job import AGENTS, BATCH, CLASSES, COHORT, FEATURES, RATE, ROUNDS, Clock, done, own_data
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam import NNEvalHyperParams, NNTrainHyperParams
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel

torch.set_num_threads(1)
logging.disable()  # it logs figures after each round


class Softmax(torch.nn.Module):
    """One linear layer, from zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(FEATURES, CLASSES)
        torch.nn.init.zeros_(self.layer.weight)
        torch.nn.init.zeros_(self.layer.bias)

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The mean cross entropy: what local training descends."""
        return torch.nn.functional.cross_entropy(self.layer(x), y)

    @torch.no_grad()
    def metrics(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, Weighted]:
        """The figures of an evaluation."""
        return {"loss": Weighted(self.loss(x, y).item() * len(y), len(y))}


class Ticks(TrainingProcessCallback):
    """A tick after each round."""

    def on_train_begin(self, *, model: PyTorchModel) -> Metrics:  # noqa: ARG002 - the callback's shape
        """The clock starts."""
        self.clock = Clock()
        return Metrics()

    def after_central_iteration(self, *_: object, **__: object) -> tuple[bool, Metrics]:
        """A round has ended."""
        self.clock.tick()
        return False, Metrics()


def user(agent: int) -> Dataset:
    x, y = own_data(agent)
    return Dataset((torch.from_numpy(x), torch.from_numpy(y).long()), user_id=str(agent))


people = {agent: user(agent) for agent in range(AGENTS)}
data = FederatedDataset(people.__getitem__, get_user_sampler("random", list(people)))
module = Softmax()
model = PyTorchModel(module, torch.optim.SGD, torch.optim.SGD(module.parameters(), lr=1.0))
FederatedAveraging().run(
    NNAlgorithmParams(
        central_num_iterations=ROUNDS,
        evaluation_frequency=ROUNDS + 1,  # round 0 alone is evaluated
        train_cohort_size=COHORT,
        val_cohort_size=0,
    ),
    SimulatedBackend(training_data=data, val_data=data),
    model,
    NNTrainHyperParams(local_batch_size=BATCH, local_num_epochs=1, local_learning_rate=RATE),
    NNEvalHyperParams(local_batch_size=None),
    callbacks=[Ticks()],
)
done(module.layer.weight.detach().numpy(), module.layer.bias.detach().numpy())
