"""The population: all agents' records in one array with offsets.

Agent i owns the records `rows[offsets[i]:offsets[i + 1]]`, each an index into `features` and
`labels`. Agents may share a pool of records (a partition that draws with replacement), so that
100,000 agents cost their indices and not their features. An agent may own no record at all: it
takes part like the others and sends zeros plus noise, since its silence would tell of its data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.data.partition import named
from tip.data.schema import encode
from tip.data.settings import ROW, DataSettings
from tip.data.sources import read
from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from tip.data.settings import NumberRange

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Agents and their records; the arrays are read-only.

    `features` (rows, p) float64, finite. `labels` (rows,): int64 in [0, classes), or finite float64
    where `classes` is None. `rows` (records,) int64, `offsets` (agents + 1,) int64. Arrays of other
    kinds are converted where nothing is lost, and refused otherwise (`DataError`). `names`: one different name
    for each of the p features. `ids` (agents,) says who each agent
    is in the source, as whole numbers or texts; None where agent i is number i.
    """

    features: Floats
    labels: NDArray[Any]
    rows: Indices
    offsets: Indices
    names: tuple[str, ...]
    classes: int | None
    ids: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        features = _checked_features(self.features)
        _set(self, "names", tuple(self.names))
        if len(self.names) != features.shape[1] or len(set(self.names)) != len(self.names):
            raise DataError(f"{features.shape[1]} features want as many different names, not {len(self.names)}.")
        _set(self, "features", _frozen(features))
        _set(self, "labels", _frozen(_checked_labels(self.labels, len(features), self.classes)))
        rows, offsets = _whole(self.rows, "rows"), _whole(self.offsets, "offsets")
        _check_ownership(rows, offsets, len(features))
        _set(self, "rows", _frozen(rows))
        _set(self, "offsets", _frozen(offsets))
        _set(self, "ids", None if self.ids is None else _frozen(_ids(self.ids, self.agents, each="agent")))

    @property
    def agents(self) -> int:
        """The number of agents."""
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Indices:
        """The number of records of each agent, `(agents,)` int64."""
        return np.diff(self.offsets)

    def take(self, agents: ArrayLike) -> Population:
        """The population of the agents numbered so, in that order; features and labels are shared, not copied.

        A number outside [0, agents) raises `ConfigurationError`.
        """
        chosen = _whole(agents, "agents")
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < self.agents:
            raise ConfigurationError(f"agents are numbered from 0 to {self.agents - 1}.")
        sizes = self.sizes[chosen]
        offsets = np.concatenate(([0], np.cumsum(sizes)))
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], sizes)
        taken = object.__new__(Population)  # parts of a checked population need no second check
        _set(taken, "rows", _frozen(self.rows[places]))
        _set(taken, "offsets", _frozen(offsets))
        _set(taken, "ids", _frozen(chosen if self.ids is None else self.ids[chosen]))
        for name in ("features", "labels", "names", "classes"):
            _set(taken, name, getattr(self, name))
        return taken

    def compact(self) -> Population:
        """The same agents over a copy of their own records alone: no other record can be reached from it."""
        used = np.zeros(len(self.features), dtype=np.bool_)
        used[self.rows] = True
        rows = (np.cumsum(used) - 1)[self.rows]
        return replace(self, features=self.features[used], labels=self.labels[used], rows=rows)

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,  # noqa: N803 - the name that every user of feature matrices knows
        y: ArrayLike,
        agents: ArrayLike | None = None,
        *,
        classes: int | None = None,
    ) -> Population:
        """The population of a feature matrix and its labels.

        `agents` names each row's agent (numbers or texts; agents stand in sorted order); without it
        each row is an agent of its own. Whole-number labels are classes: their number is `classes`
        or, where that is not given, the largest label + 1 (at least 2), which is then read from the
        data: give it where it must be public. Other labels are numbers to predict. `X` (rows, p) and `y` (rows,)
        are finite; what does not fit raises `DataError`.
        """
        features, labels = _checked_features(X), np.asarray(y)
        if classes is None and labels.dtype.kind in "biu" and labels.ndim == 1:
            classes = max(2, int(labels.max(initial=0)) + 1)
        count = len(features)
        rows, offsets, ids = named(None if agents is None else _ids(agents, count), np.arange(count))
        names = tuple(f"x{column}" for column in range(features.shape[1]))
        return cls(features, labels, rows, offsets, names, classes, ids)

    @classmethod
    def from_csv(
        cls,
        path: str | PathLike[str],
        *,
        label: str,
        agent: str = ROW,
        numbers: Mapping[str, NumberRange] | None = None,
        categories: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Population:
        """All agents of a CSV file, by the public ranges and lists given; see `DataSettings`."""
        settings = DataSettings(
            "csv", label, agent, path=fspath(path), numbers=numbers or {}, categories=categories or {}
        )
        table = read(settings)
        records = encode(table, settings)
        rows, offsets, ids = named(records.owners, records.kept)
        ids = table.numbers[records.kept] if ids is None else ids
        return cls(records.features, records.labels, rows, offsets, records.names, records.classes, ids)


def _ids(values: ArrayLike, rows: int, *, each: str = "row") -> NDArray[Any]:
    """Whose each row is, or who each agent is, as whole numbers or texts."""
    ids = _array(values, "agents")
    if ids.dtype.kind == "O":
        ids = ids.astype(str)
    if ids.shape != (rows,) or (ids.dtype.kind not in "biuUS" and rows):
        raise DataError(
            f"agents want one whole number or text for each of {rows} {each}s, not {ids.dtype} of shape {ids.shape}."
        )
    return ids


def _set(population: Population, name: str, value: object) -> None:
    object.__setattr__(population, name, value)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view: who holds the original can still write to it, nobody who holds the population."""
    view = array.view()
    view.flags.writeable = False
    return view


def _checked_features(values: ArrayLike) -> Floats:
    """`values` as a finite, C-contiguous float64 matrix."""
    given = _array(values, "features")
    if given.ndim != 2 or given.dtype.kind not in "biuf":
        raise DataError(f"features want a matrix of numbers, not {given.dtype} of shape {given.shape}.")
    features = np.ascontiguousarray(given, dtype=np.float64)
    finite = np.isfinite(features)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DataError(
            "NaN or infinity among the features.",
            row=int(row) + 1,
            column=str(column),
            instead="Say what stands for a missing value before the population is made.",
        )
    return features


def _checked_labels(values: ArrayLike, rows: int, classes: int | None) -> NDArray[Any]:
    """`values` as int64 classes or as finite float64 numbers."""
    given = _array(values, "labels")
    if given.shape != (rows,) or given.dtype.kind not in "biuf":
        raise DataError(f"labels want one number for each of {rows} rows, not {given.dtype} of shape {given.shape}.")
    numbers = given.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise DataError("NaN or infinity as a label.", row=int(np.argmin(np.isfinite(numbers))) + 1)
    if classes is None:
        return numbers
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 2:
        raise DataError(f"a label has 2 classes or more, not {classes!r}.")
    fits = (numbers >= 0) & (numbers < classes) & (numbers == np.floor(numbers))
    if not fits.all():
        raise DataError(f"a label is a whole number from 0 to {classes - 1}.", row=int(np.argmin(fits)) + 1)
    return numbers.astype(np.int64)


def _check_ownership(rows: Indices, offsets: Indices, pool: int) -> None:
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(rows) or (np.diff(offsets) < 0).any():
        raise DataError(f"offsets run from 0 to {len(rows)} without going back.")
    if rows.size and not 0 <= rows.min() <= rows.max() < pool:
        raise DataError(f"rows are indices from 0 to {pool - 1}.")


def _whole(values: ArrayLike, what: str) -> Indices:
    """`values` as a vector of int64."""
    given = _array(values, what)
    if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size):
        raise DataError(f"{what} want a vector of whole numbers, not {given.dtype} of shape {given.shape}.")
    return given.astype(np.int64)


def _array(values: ArrayLike, what: str) -> NDArray[Any]:
    """`values` as an array; ragged lists are told as such."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{what} want rows of one length.") from error
