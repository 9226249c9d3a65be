"""The server's side of learning: an optimizer as an init/update pair.

The mean of the agents' updates plays the part of minus a gradient. FedSGD and FedAvg differ in what
agents compute (`tip.learning.local`); the server does the same for both, with learning rate r and
momentum m (heavy ball):

    v <- m v + mean update,        theta <- theta + r v.

With `averaging` the released model is a weighted mean of the iterates theta_1 ... theta_t (after Polyak
and Juditsky 1992): privacy noise enters every step, and a mean forgets it as 1/t while the last iterate
keeps a part of it for ever. Late iterates weigh more, the polynomial decay of Shamir and Zhang (2013),
section 4, with eta = 3:

    average_t = average_(t-1) + 4 / (t + 3) (theta_t - average_(t-1)),   so theta_s weighs s (s+1) (s+2).

That is the mean of "the second half" without a planned end: it counts as 7/16 t iterates against noise,
and what the start has left in it falls as t^-4, not as the 1/t of a plain mean.

A state holds only what was released: averaging and momentum are post-processing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tip.learning.model import Model, Reals

_LATE: Final = 3  # eta: the first iterate replaces the start, later ones weigh as s^3


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
        average = state.average + (_LATE + 1) / (count + _LATE) * (parameters - state.average)
        return ServerState(parameters, momentum, average, count)

    def result(self, state: ServerState) -> Reals:
        """The parameters that are evaluated and released."""
        return state.average if self.averaging else state.parameters
