"""The server's side of learning: an optimizer as an init/update pair.

The mean of the agents' updates plays the part of minus a gradient. FedSGD and FedAvg differ in what
agents compute (`tip.learning.local`); the server does the same for both, with learning rate r and
momentum m (heavy ball):

    v <- m v + mean update,        theta <- theta + r v.

With `averaging` the released model is the mean of all iterates theta_1 ... theta_t (Polyak and
Juditsky 1992): privacy noise enters every step, and the mean forgets it as 1/t while the last
iterate keeps a part of it for ever. The mean runs over *all* rounds, the start theta_0 left out: so it
needs no planned end, and the model after round t is a function of t rounds alone.

A state holds only what was released: averaging and momentum are post-processing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tip.learning.model import Model, Reals


@dataclass(frozen=True, slots=True)
class ServerState:
    """Where training stands after `round` rounds; every array is `(dimension,)` float64."""

    parameters: Reals = field(repr=False)
    momentum: Reals = field(repr=False)
    average: Reals = field(repr=False)
    round: int

    def __post_init__(self) -> None:
        if not self.parameters.shape == self.momentum.shape == self.average.shape or self.parameters.ndim != 1:
            raise ConfigurationError("the arrays of a server state have one common length")
        if self.round < 0:
            raise ConfigurationError(f"a round is a whole number >= 0, not {self.round}")

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays by name, as `numpy.savez` takes them; `from_arrays` gives the same state back."""
        return {
            "parameters": self.parameters,
            "momentum": self.momentum,
            "average": self.average,
            "round": np.array(self.round, dtype=np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ServerState:
        """The state that `to_arrays` wrote. Raises `ConfigurationError` for a missing or foreign array."""
        names = ("parameters", "momentum", "average", "round")
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ConfigurationError(f"a saved server state lacks {', '.join(missing)}")
        vectors = [np.asarray(arrays[name], dtype=np.float64) for name in names[:3]]
        return cls(vectors[0], vectors[1], vectors[2], int(arrays["round"]))


@dataclass(frozen=True, slots=True)
class ServerOptimizer:
    """The server's step; see the top of the file."""

    learning_rate: float
    momentum: float
    averaging: bool

    def __post_init__(self) -> None:
        if not (np.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ConfigurationError(f"server_learning_rate = {self.learning_rate!r} is not a positive number")
        if not 0 <= self.momentum < 1:
            raise ConfigurationError(f"server_momentum = {self.momentum!r} is not in [0, 1)")

    def init(self, model: Model) -> ServerState:
        """The state before the first round."""
        start = model.initial()
        return ServerState(start, np.zeros_like(start), start.copy(), 0)

    def update(self, state: ServerState, mean_update: Reals) -> ServerState:
        """The state after one more round; neither argument is changed."""
        if mean_update.shape != state.parameters.shape or not np.isfinite(mean_update).all():
            raise ConfigurationError(
                f"a mean update is finite and of shape {state.parameters.shape}, not of shape {mean_update.shape}"
                if mean_update.shape != state.parameters.shape
                else "a mean update is finite"
            )
        momentum = self.momentum * state.momentum + mean_update
        parameters = state.parameters + self.learning_rate * momentum
        count = state.round + 1
        average = state.average + (parameters - state.average) / count  # the first iterate replaces the start
        return ServerState(parameters, momentum, average, count)

    def result(self, state: ServerState) -> Reals:
        """The parameters that are evaluated and released."""
        return state.average if self.averaging else state.parameters
