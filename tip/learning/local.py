"""An agent's update: one gradient, or some epochs of local descent.

Many agents are one stack of arrays. Two ways in:

- `updates` takes a `Batch`: agents padded to a common number of records;
- `ragged_updates` takes `Records` of any sizes, and pads by itself.

Rules:

1. An agent's update is a function of its own records and of the global parameters, to the bit: the
   shapes of the matrix products that compute it depend on its own number of records alone
   (`class_of`), never on who else is in the block.
2. Records come in their fixed order; a batch is `batch_size` consecutive records, the last one what is
   left, and a batch's gradient is the mean over the records that it really has.
3. Padding repeats a record of the same agent with weight zero, which adds exactly zero.
4. An agent without records, or whose weights are all zero, has the zero update: it takes part like
   everybody else (law 18).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from tip.errors import ConfigurationError
from tip.learning.model import shares_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.learning.model import Labels, Model, Reals

    Indices = NDArray[np.int64]

_CACHE: Final = 1 << 21  # bytes of one block's parameters, gradients and records


@dataclass(frozen=True, slots=True)
class FedSGD:
    """One gradient: the update is minus the mean gradient over all of the agent's records."""


@dataclass(frozen=True, slots=True)
class FedAvg:
    """Local epochs of descent: the update is the local parameters minus the global ones.

    `batch_size` None takes all records of the agent at once.
    """

    local_epochs: int
    batch_size: int | None
    local_learning_rate: float

    def __post_init__(self) -> None:
        if self.local_epochs < 1:
            raise ConfigurationError(f"local_epochs = {self.local_epochs!r} is not a whole number >= 1")
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigurationError(f"batch_size = {self.batch_size!r} is neither a whole number >= 1 nor all")
        if not (np.isfinite(self.local_learning_rate) and self.local_learning_rate > 0):
            raise ConfigurationError(f"local_learning_rate = {self.local_learning_rate!r} is not a positive number")


Algorithm = FedSGD | FedAvg


@dataclass(frozen=True, slots=True)
class Batch:
    """Agents padded to m records: features `(n, m, p)`, labels and weights `(n, m)`; weight 0 is padding."""

    features: Reals = field(repr=False)
    labels: Labels = field(repr=False)
    weights: Reals = field(repr=False)

    def __post_init__(self) -> None:
        if self.features.ndim != 3 or not self.labels.shape == self.weights.shape == self.features.shape[:2]:
            raise ConfigurationError(
                f"a batch is (n, m, p), (n, m), (n, m), not {self.features.shape}, {self.labels.shape}, "
                f"{self.weights.shape}"
            )


class HasRecords(Protocol):
    """The records of all agents in four arrays, as `Records` and `tip.data.Population` hold them.

    Agent a owns the records `rows[offsets[a] : offsets[a + 1]]`, each a row of `features` `(r, p)` float64
    and of `labels` `(r,)`, float64 or whole numbers; `rows` and `offsets` `(agents + 1,)` are int64.
    """

    @property
    def features(self) -> Reals: ...  # noqa: D102 - told above

    @property
    def labels(self) -> Labels: ...  # noqa: D102

    @property
    def rows(self) -> Indices: ...  # noqa: D102

    @property
    def offsets(self) -> Indices: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Records:
    """Four arrays and nothing else; see `HasRecords`. Agents may share rows of one pool."""

    features: Reals = field(repr=False)
    labels: Labels = field(repr=False)
    rows: Indices = field(repr=False)
    offsets: Indices = field(repr=False)

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.labels.shape != self.features.shape[:1]:
            raise ConfigurationError(
                f"records are (r, p) with labels (r,), not {self.features.shape} and {self.labels.shape}"
            )
        ends = self.offsets.ndim == 1 and len(self.offsets) and self.offsets[0] == 0
        if not ends or self.offsets[-1] != len(self.rows) or (np.diff(self.offsets) < 0).any():
            raise ConfigurationError(f"offsets rise from 0 to the number of rows, {len(self.rows)}")
        if len(self.rows) and not 0 <= self.rows.min() <= self.rows.max() < len(self.features):
            raise ConfigurationError(f"rows are numbers of records, 0 to {len(self.features) - 1}")


def updates(model: Model, parameters: Reals, batch: Batch, algorithm: Algorithm) -> Reals:
    """The updates `(n, dimension)` of the agents of one batch, from the global `parameters` `(dimension,)`."""
    _check_fit(model, parameters, batch.features)
    agents, size, _ = batch.features.shape
    result = np.zeros((agents, model.dimension))
    width = min(_batch_size(algorithm) or size, size)

    def step(number: int) -> _Step:
        part = slice(number * width, (number + 1) * width)
        return _Step(batch.features[:, part], batch.labels[:, part], shares_of(batch.weights[:, part]))

    if size and agents:
        course = _Course(-(-size // width), step)
        _learn(model, parameters, algorithm, course, _Place(result, np.empty_like(result)))
    return result


def ragged_updates(
    model: Model, parameters: Reals, records: HasRecords, agents: Indices, algorithm: Algorithm
) -> Reals:
    """The updates `(len(agents), dimension)` of agents with any numbers of records, in the order of `agents`."""
    _check_fit(model, parameters, records.features)
    starts = records.offsets[agents]
    sizes = records.offsets[np.asarray(agents) + 1] - starts
    classes = class_of(sizes, _batch_size(algorithm))
    order = np.lexsort((-sizes, classes))  # class by class, in each the largest first
    moved = bool((order[1:] < order[:-1]).any())
    if moved:
        starts, sizes, classes = starts[order], sizes[order], classes[order]
    result = np.zeros((len(agents), model.dimension))
    for lines in _blocks(model, classes):
        width = int(classes[lines.start])
        place = _Place(result[lines], np.empty((lines.stop - lines.start, model.dimension)))
        course = _gathered(records, starts[lines], sizes[lines], width)
        _learn(model, parameters, algorithm, course, place)
    if not moved:
        return result
    unsorted = np.empty_like(result)
    unsorted[order] = result
    return unsorted


def _blocks(model: Model, classes: Indices) -> Iterator[slice]:
    """Runs of agents of one class, cut so that one block's arrays stay in the cache; none for empty agents."""
    edges = [*np.flatnonzero(np.diff(classes, prepend=0)).tolist(), len(classes)]
    for first, last in pairwise(edges):
        width = int(classes[first])
        room = max(1, _CACHE // (8 * (2 * model.dimension + width * (model.features + 2 * model.outputs))))
        for start in range(first, last, room):
            yield slice(start, min(start + room, last))


def class_of(sizes: Indices, batch_size: int | None) -> Indices:
    """The number of rows `(n,)` that each agent's batches are padded to: 0 without records.

    A function of the agent's own size: the least of 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... (four in
    each octave, so that padding costs less than a quarter) that holds all records, but not above `batch_size`.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    exponents = np.frexp(np.maximum(sizes - 1, 1).astype(np.float64))[1] - 3
    grain = np.left_shift(np.int64(1), np.maximum(exponents, 0).astype(np.int64))
    padded: Indices = -(-sizes // grain) * grain
    return padded if batch_size is None else np.minimum(padded, np.int64(batch_size))


@dataclass(frozen=True, slots=True)
class _Step:
    """The next batch of the first `len(features)` agents; shares, `(n, m)` or one for all, add up to one."""

    features: Reals
    labels: Labels
    shares: Reals


@dataclass(frozen=True, slots=True)
class _Course:
    """What a block of agents goes through in one epoch: `count` steps, made when they are asked for."""

    count: int
    step: Callable[[int], _Step]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a block computes: the rows of the result themselves, and room for the gradients, both `(n, dimension)`."""

    result: Reals
    gradients: Reals


def _gathered(records: HasRecords, starts: Indices, sizes: Indices, width: int) -> _Course:
    """The course of agents whose sizes fall: step number t serves those with more than t batches."""
    counts = -(-sizes // width)
    room = np.empty((len(sizes), width, records.features.shape[1]))  # one allocation for all steps

    def step(number: int) -> _Step:
        active = int(np.searchsorted(-counts, -number, side="left"))
        own, places = sizes[:active, None], np.arange(number * width, (number + 1) * width)
        if own[-1, 0] >= (number + 1) * width:  # the smallest has a full batch, and so have all
            rows, shares = records.rows[starts[:active, None] + places], np.array(1.0 / width)
        else:
            rows = records.rows[starts[:active, None] + np.minimum(places, own - 1)]
            shares = np.where(places < own, 1.0 / np.minimum(own - number * width, width), 0.0)
        features = np.take(records.features, rows, axis=0, out=room[:active], mode="clip")  # "raise" would copy
        return _Step(features, records.labels[rows], shares)

    return _Course(int(counts[0]), step)


def _learn(model: Model, parameters: Reals, algorithm: Algorithm, course: _Course, place: _Place) -> None:
    """Write the block's updates into `place.result`."""
    local = place.result
    if isinstance(algorithm, FedSGD):
        whole = course.step(0)  # all records are one batch
        model.gradient_sums(parameters, whole.features, whole.labels, whole.shares, out=local)
        np.negative(local, out=local)
        return
    local[...] = parameters
    with np.errstate(all="ignore"):  # an agent that runs away is counted where its update is encoded
        for number in chain.from_iterable(repeat(range(course.count), algorithm.local_epochs)):
            step = course.step(number)
            active = len(step.features)
            rates = step.shares * algorithm.local_learning_rate
            moves = place.gradients[:active]
            model.gradient_sums(local[:active], step.features, step.labels, rates, out=moves)
            local[:active] -= moves
        local -= parameters


def _batch_size(algorithm: Algorithm) -> int | None:
    return algorithm.batch_size if isinstance(algorithm, FedAvg) else None


def _check_fit(model: Model, parameters: Reals, features: Reals) -> None:
    if parameters.shape != (model.dimension,) or features.shape[-1] != model.features:
        raise ConfigurationError(
            f"a model of {model.features} features and {model.dimension} parameters got "
            f"{features.shape[-1]} features and parameters of shape {parameters.shape}"
        )
