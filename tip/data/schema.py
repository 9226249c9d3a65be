"""Public ranges and lists turn columns into features.

Nothing here is computed from pooled data: no mean, no median, no list of the answers that occur.

1. A number is clipped to its public range and scaled to [-1, 1]. Missing (empty, NaN, infinite, or a
   declared code) becomes the middle of the range, 0, or is refused.
2. A text is one-hot over its public list: one column for each text, 1 where it is the answer. Any
   other answer, also none, is "other": zeros in all of the columns, no column of its own.
3. With `indicators` each feature's column gets one more: 1 where there was no answer.
4. The order is numbers, categories, indicators, each as in the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.data.settings import PARTITION, ROW
from tip.data.sources import own_features
from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tip.data.settings import DataSettings, NumberRange
    from tip.data.sources import Table

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

MISSING_TEXTS: Final = frozenset({"", "na", "n/a", "nan", "null", "none"})  # in any case of letters


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Records that can be learned from: those of a table that have a label.

    `kept` are their places in the table; `features` and `labels` are aligned with it. `owners` names
    the agent of each row of the table, where a column does.
    """

    features: Floats
    labels: NDArray[Any]
    kept: NDArray[np.int64]
    names: tuple[str, ...]
    classes: int | None
    owners: NDArray[Any] | None
    notes: tuple[str, ...]


def feature_names(settings: DataSettings) -> tuple[str, ...]:
    """The names of all features in their order: a function of the settings, never of the data."""
    own = own_features(settings)
    if own is not None:
        return own
    label = settings.question.column
    numbers = [name for name in settings.numbers if name != label]
    listed = [f"{name} = {text}" for name, texts in settings.categories.items() if name != label for text in texts]
    silent = [f"{name}: no answer" for name in settings.features] if settings.indicators else []
    return (*numbers, *listed, *silent)


def encode(table: Table, settings: DataSettings) -> Records:
    """The labeled records of the table as features and labels."""
    labels, has_label, classes = _labels(table, settings)
    kept = np.flatnonzero(has_label)
    dropped = len(has_label) - len(kept)
    notes = (*table.notes, f"{dropped} records without a label were left out.") if dropped else table.notes
    if not len(kept):
        raise DataError("no record has a label.", file=table.source, column=settings.question.column)
    if table.features is not None:
        features, names = table.features if not dropped else table.features[kept], table.names
    else:
        features, names = _features(table, settings, kept), feature_names(settings)
    return Records(features, labels[kept], kept, names, classes, owners_of(table, settings.agent), notes)


def _features(table: Table, settings: DataSettings, kept: NDArray[np.int64]) -> Floats:
    """The feature matrix `(len(kept), len(feature_names(settings)))`."""
    label = settings.question.column
    columns: list[Floats] = []
    silent: list[Bools] = []
    for name, bounds in settings.numbers.items():
        if name != label:
            values = numbers_of(table, name, bounds.missing)[kept]
            silent.append(np.isnan(values))
            if settings.missing == "refuse" and silent[-1].any():
                row = table.numbers[kept[np.argmax(silent[-1])]]
                raise DataError(
                    "no number is there, and the plan refuses missing ones.",
                    file=table.source,
                    row=int(row),
                    column=name,
                    instead='numbers = "middle" under [data.missing] puts the middle of the public range there.',
                )
            columns.append(scaled(values, bounds))
    for name, texts in settings.categories.items():
        if name != label:
            answers = texts_of(table, name, kept)
            columns.extend(_one_hot(answers, texts))
            silent.append(np.array([a.casefold() in MISSING_TEXTS and a not in texts for a in answers], dtype=np.bool_))
    if settings.indicators:
        columns.extend(flags.astype(np.float64) for flags in silent)
    return np.ascontiguousarray(np.stack(columns, axis=1))


def scaled(values: Floats, bounds: NumberRange) -> Floats:
    """Numbers clipped to the public range and carried to [-1, 1]; NaN becomes the middle, 0.

    x -> (min(max(x, low), high) - middle) / half, clipped once more against rounding.
    """
    inside = np.clip(np.where(np.isnan(values), bounds.middle, values), bounds.low, bounds.high)
    result: Floats = np.clip((inside - bounds.middle) / bounds.half, -1.0, 1.0)
    return result


def _one_hot(answers: Sequence[str], texts: Sequence[str]) -> Iterable[Floats]:
    places = {text: place for place, text in enumerate(texts)}
    found = np.array([places.get(answer, -1) for answer in answers])
    return [(found == place).astype(np.float64) for place in range(len(texts))]


def _labels(table: Table, settings: DataSettings) -> tuple[NDArray[Any], Bools, int | None]:
    """(labels, whether there is one, number of classes or None) for all rows of the table.

    A comparison gives two classes. A plain column has a public list (its places are the classes), a
    public range (clipped and scaled like a feature), or a source that states its classes.
    """
    question = settings.question
    name = question.column
    bounds = settings.numbers.get(name)
    if name in settings.categories:
        places = {text: place for place, text in enumerate(settings.categories[name])}
        found = np.array([places.get(answer, -1) for answer in texts_of(table, name)], dtype=np.int64)
        return found, found >= 0, len(places)
    values = numbers_of(table, name, bounds.missing if bounds else ())
    there = ~np.isnan(values)
    if question.compares:
        return question.holds(values).astype(np.int64), there, 2
    if bounds is not None:
        return scaled(values, bounds), there, None
    if table.features is None:
        raise ConfigurationError(
            f"{name!r} has neither a public range nor a public list.",
            where="data.label",
            instead=f'Write "{name} >= number", or put {name!r} under data.numbers or data.categories.',
        )
    if table.classes is not None:
        return np.where(there, values, -1), there, table.classes
    return values, there, None


def texts_of(table: Table, name: str, kept: NDArray[np.int64] | None = None) -> list[str]:
    """A column as texts without blanks around them; None becomes the empty text."""
    column = table.columns[name]
    if isinstance(column, np.ndarray):
        column = column.tolist()
    places = range(len(column)) if kept is None else kept.tolist()
    return ["" if column[place] is None else str(column[place]).strip() for place in places]


def numbers_of(table: Table, name: str, codes: Sequence[float | str]) -> Floats:
    """A column as float64 with NaN where no number is there: empty, not finite, or a declared code."""
    column = table.columns[name]
    if isinstance(column, np.ndarray) and column.dtype.kind in "biuf":
        values = column.astype(np.float64)
    else:
        silent = MISSING_TEXTS.union(code.casefold() for code in codes if isinstance(code, str))
        values = np.array(
            [_number(table, name, place, text, silent) for place, text in enumerate(texts_of(table, name))]
        )
    values[~np.isfinite(values)] = np.nan
    for code in codes:
        if not isinstance(code, str):
            values[values == code] = np.nan
    return values


def _number(table: Table, name: str, place: int, text: str, silent: frozenset[str]) -> float:
    """One cell as a number. Python's own underscores (1_000) are no numbers here."""
    try:
        if "_" not in text:
            return float(text)
    except ValueError:
        pass
    if text.casefold() in silent:
        return np.nan
    raise DataError(
        "holds a text where a number is wanted.",
        file=table.source,
        row=int(table.numbers[place]),
        column=name,
        instead="List the text among this column's missing codes, or take the column as one of listed answers.",
    )


def owners_of(table: Table, column: str) -> NDArray[Any] | None:
    """Whose each row of the table is; a row without an owner is refused."""
    if column in (ROW, PARTITION):
        return None
    given = table.columns[column]
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu":
        return given
    owners = np.array(texts_of(table, column))
    nobody = np.array([owner.casefold() in ("", "nan") for owner in owners.tolist()])
    if nobody.any():
        raise DataError(
            "the row belongs to nobody.",
            file=table.source,
            row=int(table.numbers[np.argmax(nobody)]),
            column=column,
            instead="Each row names its agent; an agent without usable rows still takes part.",
        )
    return owners
