"""One agent's data move that agent's message and no other."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

from tip.aggregation import Grid
from tip.learning import FedAvg, FedSGD, Linear, Logistic, Records, Softmax
from tip.mechanisms.distributed import DistributedGaussian
from tip.randomness import Entropy
from tip.simulation.vectorized import Engine, Private

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.learning import Algorithm, Model

AGENTS: Final = 41
VICTIM: Final = 17
FEATURES: Final = 5
SIZES: Final = np.minimum(Entropy.seeded(4).stream("sizes").below(40, count=AGENTS)[0].astype(np.int64), 30)
STEP: Final = 1e-9  # so fine that a change in the last digits of another agent's update would show


def records(own: np.ndarray, labels: np.ndarray) -> Records:
    """A ragged population in which the victim holds these records and everybody else the same ones as ever."""
    words = Entropy.seeded(5).stream("records").words(np.arange(AGENTS), 40 * (FEATURES + 1)) * 2.0**-63 - 1
    parts = words.reshape(AGENTS, 40, FEATURES + 1)
    features = [own if i == VICTIM else parts[i, : SIZES[i], :FEATURES] for i in range(AGENTS)]
    answers = [labels if i == VICTIM else (parts[i, : SIZES[i], FEATURES] > 0).astype(np.int64) for i in range(AGENTS)]
    offsets = np.concatenate(([0], np.cumsum([len(part) for part in features])))
    stacked = np.concatenate(features)
    return Records(stacked, np.concatenate(answers), np.arange(len(stacked)), offsets)


def neighbors() -> list[Records]:
    """Replace-one: no data, one record, many records, numbers that end in infinity and NaN."""
    ones, alternating = np.ones((1, FEATURES)), np.arange(200) % 2
    return [
        records(np.zeros((0, FEATURES)), np.zeros(0, dtype=np.int64)),
        records(ones, np.zeros(1, dtype=np.int64)),
        records(np.resize([0.1, -0.7, 0.3], (200, FEATURES)), alternating),
        records(ones * 1e308, np.ones(1, dtype=np.int64)),
        records(ones * np.nan, np.ones(1, dtype=np.int64)),
        records(np.where(np.arange(FEATURES) % 2, np.inf, -1e-310)[None, :], np.zeros(1, dtype=np.int64)),
    ]


def others_move(build: Callable[[Records], Engine], model: Model) -> bool:
    """Whether any neighbor shows in another agent's message."""
    parameters = np.linspace(-1, 1, model.dimension)
    every = np.arange(AGENTS)
    seen = [build(data).sent_by(every, parameters, 1).vectors for data in neighbors()]
    rest = every != VICTIM
    return any(not np.array_equal(first[rest], seen[0][rest]) for first in seen[1:])


def channel_of(dimension: int) -> Private:
    grid = Grid(STEP, 0.5, dimension, 64)
    return Private(grid, DistributedGaussian(grid.squared_bound, Fraction(64), dimension, 10), Entropy.seeded(3))


MODELS: Final[list[Model]] = [Linear(FEATURES), Logistic(FEATURES), Softmax(FEATURES, 3)]
ALGORITHMS: Final[list[Algorithm]] = [FedSGD(), FedAvg(2, 4, 0.1), FedAvg(1, None, 1e200)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_a_neighbor_moves_one_message_alone(model: Model, algorithm: Algorithm) -> None:
    """Law 1, 8: the sensitivity of a sum is that of one vector only if no other vector moves, to the last bit."""
    channel = channel_of(model.dimension)
    assert not others_move(lambda data: Engine(model, algorithm, data, channel, block=AGENTS), model)
    assert not others_move(lambda data: Engine(model, algorithm, data, channel, block=5, threads=2), model)


def test_what_the_victim_sends_meets_the_bound_whatever_it_holds() -> None:
    """Law 8: before noise, every neighbor's integer vector meets the bound that the noise is sized for."""
    model = Logistic(FEATURES)
    channel = channel_of(model.dimension)
    for data in neighbors():
        engine = Engine(model, FedSGD(), data, channel, block=AGENTS)
        sent = engine.sent_by(np.arange(AGENTS), np.zeros(model.dimension), 1).vectors
        noise = channel.protect(np.zeros_like(sent), np.arange(AGENTS), 1)
        assert max(sum(int(v) ** 2 for v in row) for row in sent - noise) <= channel.grid.squared_bound


@dataclass(frozen=True, slots=True)
class Relative(Private):
    """The mutant: updates are measured against the block's largest, so one agent moves all."""

    def encode(self, updates: np.ndarray, agents: np.ndarray, number: int) -> Any:  # noqa: ANN401 - as the original
        largest = np.nanmax(np.abs(np.where(np.isfinite(updates), updates, 0.0)))
        return Private.encode(self, updates / largest, agents, number)


def test_a_norm_that_is_taken_over_the_block_is_caught() -> None:
    model, right = Logistic(FEATURES), channel_of(FEATURES + 1)
    mutant = Relative(right.grid, right.mechanism, right.entropy)
    assert others_move(lambda data: Engine(model, FedSGD(), data, mutant, block=AGENTS), model)
