"""Where records come from: nhanes, csv, digits or a function.

A source yields a `Table`: the columns that the settings name and nothing else, still as the source
wrote them. `digits` and functions may yield finished features instead of columns, and then state
names and number of these themselves.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from tip.data.delimited import read_delimited
from tip.data.settings import COLUMN_SOURCES, PARTITION, ROW
from tip.errors import ConfigurationError, DataError, TipError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.data.settings import DataSettings, Label, NumberRange

    Column = Sequence[str] | NDArray[Any]

NHANES_FILE: Final = "nhanes/combined_data/2017-2018/NHANES_data_2017-2018.tsv"
DIGITS_FILE: Final = "sklearn/datasets/data/digits.csv.gz"
DIGITS_NAMES: Final = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
NHANES_SKIPS: Final = (  # asked, or not asked, by what was answered about a diagnosis of diabetes
    "EverToldYouHavePrediabetes",
    "EverToldHaveHealthRiskForDiabetes",
    "FamilyHistory",
    "AgeWhenFirstToldYouHadDiabetes",
    "TakingInsulinNow",
    "TakeDiabeticPillsToLowerBloodSugar",
    "WhatWasYourLastA1CLevel",
)
_ADULT: Final = 20
_ZERO: Final = ("5.397605346934028e-79", "0.0")  # how the file writes zero, and zero
_NAMED: Final = (*COLUMN_SOURCES, "digits")


class Wanted(Protocol):
    """What a source is asked for: `DataSettings`, or the settings of one question."""

    @property
    def source(self) -> str:
        """Where the data come from."""

    @property
    def path(self) -> str:
        """The file of the source "csv"."""

    @property
    def agent(self) -> str:
        """Who one agent is: "row", "partition" or the name of a column."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Columns that must be there and are not read."""

    @property
    def numbers(self) -> Mapping[str, NumberRange]:
        """Columns of numbers with their public ranges."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that become features."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""

    @property
    def question(self) -> Label:
        """The column that is asked about."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns by name, with the row number (from 1) that each record has in its source.

    `features`, `names` and `classes` are set by sources that bring finished features.
    """

    source: str
    columns: Mapping[str, Column]
    numbers: NDArray[np.int64]
    features: NDArray[np.float64] | None = None
    names: tuple[str, ...] = ()
    classes: int | None = None
    notes: tuple[str, ...] = ()


def read(settings: Wanted) -> Table:
    """The table of the settings' source. Raises `DataError` with file, row and column."""
    if settings.source == "nhanes":
        return _nhanes(settings)
    if settings.source == "csv":
        return _csv(settings)
    if settings.source == "digits":
        return _digits(settings)
    return _call(settings)


def own_features(settings: DataSettings) -> tuple[str, ...] | None:
    """The feature names that the source states itself, or None where the settings' columns do."""
    if settings.source == "digits":
        return DIGITS_NAMES
    if settings.source in _NAMED or settings.features:
        return None
    function = _function(settings.source)
    stated = getattr(function, "features", None)
    return _call(settings).names if stated is None else _names(stated, settings.source)


def missing_column(name: str, known: Sequence[str], file: str) -> DataError:
    """The error for a column that is not there, with the nearest one that is."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    folded = [column for column in known if column.casefold() == name.casefold()]
    hint = f"Did you mean {(folded or near)[0]!r}?" if folded or near else f"There are {len(known)} columns"
    if not (folded or near):
        hint += f": {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}."
    if len(known) == 1 and any(mark in known[0] for mark in ";\t"):
        hint += " The columns seem to be parted by something else than commas: write the file with commas."
    return DataError("there is no such column.", file=file, column=name, instead=hint)


def _installed(distribution: str, file: str, advice: str) -> Path:
    """A file of an installed distribution, found without importing it."""
    try:
        path = Path(str(importlib.metadata.distribution(distribution).locate_file(file)))
    except importlib.metadata.PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise DataError(f"the package {distribution} is not installed here, or lacks {file}.", instead=advice)
    return path


def _nhanes(settings: Wanted) -> Table:
    """The adults of the NHANES 2017-2018 survey; the file's odd zero is read as zero."""
    age = "AgeInYearsAtScreening"
    path = _installed("nhanes", NHANES_FILE, "Install the package nhanes (1.6 MB, no dependencies).")
    columns, numbers = _delimited(path, settings, extra=(age,), delimiter="\t")
    adult = np.array([bool(text) and float(text) >= _ADULT for text in columns[age]])
    kept = np.flatnonzero(adult)
    odd, zero = _ZERO
    chosen = {
        name: [zero if texts[row] == odd else texts[row] for row in kept]
        for name, texts in columns.items()
        if name in settings.columns
    }
    children = len(adult) - len(kept)
    notes = (
        f"{children} people below {_ADULT} years are not part of this source.",
        *(
            f"{name} was asked or not asked by what a person said about diabetes: its gaps give the diagnosis away."
            for name in settings.features
            if name in NHANES_SKIPS
        ),
    )
    return Table("nhanes", chosen, numbers[kept], notes=notes)


def _csv(settings: Wanted) -> Table:
    path = Path(settings.path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    columns, numbers = _delimited(path, settings, extra=(), delimiter=delimiter)
    return Table(settings.path, columns, numbers)


def _delimited(
    path: Path, settings: Wanted, *, extra: tuple[str, ...], delimiter: str
) -> tuple[dict[str, list[str]], NDArray[np.int64]]:
    """The wanted columns of a delimited file, after a look at the names of the excluded ones."""
    wanted = tuple(dict.fromkeys((*settings.columns, *extra)))

    def pick(header: list[str]) -> dict[str, int]:
        for name in (*wanted, *settings.exclude):
            if name not in header:
                raise missing_column(name, header, path.name)
        return {name: header.index(name) for name in wanted}

    return read_delimited(path, pick, delimiter=delimiter)


def _digits(settings: Wanted) -> Table:
    """Scikit-learn's 1,797 digits of 8 x 8 pixels, each divided by its public maximum 16."""
    _refuse_columns(settings)
    path = _installed("scikit-learn", DIGITS_FILE, "Install the package scikit-learn.")
    values = np.loadtxt(path, delimiter=",")
    columns = {"target": values[:, 64]}
    _check_known(settings, columns, "digits")
    rows = np.arange(1, len(values) + 1)
    return Table("digits", columns, rows, features=values[:, :64] / 16, names=DIGITS_NAMES, classes=10)


def _function(source: str) -> Callable[[], object]:
    """The callable behind "package.module:function"."""
    module, mark, name = source.partition(":")
    if not (module and mark and name):
        near = difflib.get_close_matches(source, _NAMED, n=1)
        raise ConfigurationError(
            f"{source!r} is not a source.",
            where="data.source",
            instead=(f"Did you mean {near[0]!r}? " if near else "")
            + 'Sources are nhanes, csv, digits and "package.module:function".',
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{source!r} cannot be imported: {error}.",
            where="data.source",
            instead="The module must lie on Python's path and hold the function.",
        ) from error
    if not callable(found):
        raise ConfigurationError(f"{source!r} is no function but {type(found).__name__}.", where="data.source")
    function: Callable[[], object] = found
    return function


def _call(settings: Wanted) -> Table:
    """The table that a function returns: a mapping of columns, or (X, y, agents)."""
    function = _function(settings.source)
    try:
        result = function()
    except TipError:
        raise
    except Exception as error:  # whatever foreign code raises; its text may hold data and stays in the cause
        raise DataError(f"the function raised {type(error).__name__}.", file=settings.source) from error
    if isinstance(result, Mapping):
        return _columns(result, settings)
    if isinstance(result, tuple) and len(result) == 3:
        return _arrays(result, settings, function)
    raise DataError(
        f"the function returned {type(result).__name__}.",
        file=settings.source,
        instead="It returns (X, y, agents), where agents may be None, or a mapping from names to columns.",
    )


def _columns(result: Mapping[Any, Any], settings: Wanted) -> Table:
    _check_known(settings, result, settings.source)
    columns = {name: _vector(result[name], settings.source, name) for name in settings.columns}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise DataError(f"columns differ in length: {sorted(lengths)}.", file=settings.source)
    return Table(settings.source, columns, np.arange(1, lengths.pop() + 1))


def _arrays(result: tuple[Any, Any, Any], settings: Wanted, function: Callable[[], object]) -> Table:
    """(X, y, agents) as a table with columns "y" and "agents"; `function.classes` states the classes."""
    _refuse_columns(settings)
    X, y, agents = result  # noqa: N806 - the name that every user of feature matrices knows
    source = settings.source
    features, labels = np.asarray(X), _vector(y, source, "y")
    if features.ndim != 2 or features.dtype.kind not in "biuf" or len(features) != len(labels):
        raise DataError(
            f"X wants a matrix of numbers with {len(labels)} rows, not {features.dtype} {features.shape}.", file=source
        )
    names = _names(getattr(function, "features", features.shape[1]), source)
    if len(names) != features.shape[1]:
        raise DataError(f"the function states {len(names)} features and returns {features.shape[1]}.", file=source)
    columns = {"y": labels} if agents is None else {"y": labels, "agents": _vector(agents, source, "agents")}
    if agents is not None and len(columns["agents"]) != len(labels):
        raise DataError(f"agents want one name for each of {len(labels)} rows.", file=source)
    if agents is not None and settings.agent in (ROW, PARTITION):
        raise ConfigurationError(
            f"{settings.agent!r} overlooks the agents that {source!r} returns.",
            where="data.agent",
            instead='Write agent = "agents", or let the function return None for them.',
        )
    _check_known(settings, columns, source)
    return Table(
        source,
        columns,
        np.arange(1, len(labels) + 1),
        features=features.astype(np.float64),
        names=names,
        classes=_stated_classes(function, labels, settings),
    )


def _stated_classes(function: Callable[[], object], labels: NDArray[Any], settings: Wanted) -> int | None:
    """The public number of classes; whole-number labels do not go without."""
    classes = getattr(function, "classes", None)
    if classes is None and labels.dtype.kind in "biu" and not settings.question.compares:
        raise DataError(
            "y holds whole numbers, and how many classes there are must be public.",
            file=settings.source,
            instead=f"State it: {settings.source.rpartition(':')[2]}.classes = 2. Numbers to predict are floats.",
        )
    return classes


def _names(stated: object, source: str) -> tuple[str, ...]:
    """Feature names from a number of features or from a sequence of names."""
    if isinstance(stated, int) and not isinstance(stated, bool) and stated > 0:
        return tuple(f"x{column}" for column in range(stated))
    if isinstance(stated, (tuple, list)) and stated and all(isinstance(name, str) for name in stated):
        return tuple(stated)
    raise DataError(f"features are stated as a number or as names, not as {stated!r}.", file=source)


def _vector(values: object, source: str, column: str) -> NDArray[Any]:
    """A column as a vector; a ragged or nested one is refused."""
    try:
        vector = np.asarray(values)
    except ValueError as error:
        raise DataError("is ragged.", file=source, column=column) from error
    if vector.ndim != 1:
        raise DataError(f"wants one value a row, not shape {vector.shape}.", file=source, column=column)
    return vector


def _check_known(settings: Wanted, columns: Mapping[Any, Any], source: str) -> None:
    for name in (*settings.columns, *settings.exclude):
        if name not in columns:
            raise missing_column(name, [str(known) for known in columns], source)


def _refuse_columns(settings: Wanted) -> None:
    if settings.features:
        raise ConfigurationError(
            f"{settings.source!r} brings finished features.",
            where="data.numbers" if settings.numbers else "data.categories",
            instead="Leave data.numbers and data.categories out.",
        )
