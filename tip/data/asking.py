"""Answers: what each agent would say to one public question.

Nothing here is computed from pooled data: the items and the range are the plan's. Who takes part does
not depend on an answer (docs/laws.md, law 18): an agent without a usable answer stays, and what it then
sends is fixed before anybody looks.

1. *One of a list*: the answer's place in it, or -1 for any other answer and for none.
2. *A number*: clipped to its public range, or NaN where there is none.
3. An agent that owns several rows answers with the first of them that holds a usable answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.data.schema import MISSING_TEXTS, numbers_of, owners_of, texts_of
from tip.data.settings import PARTITION, ROW, Label, NumberRange
from tip.data.sources import read
from tip.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tip.data.sources import Table

_FOREIGN: Final = (
    "Nobody holds a usable answer: check the column, and how the source writes each category (question.codes)."
)


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """The column that is asked about, and who is asked.

    `listed`: how the source writes each item, or empty where a number is asked for; then `bounds` is its public
    range. `among`: a column that is filled in for everybody who is asked; empty: every row.
    """

    source: str
    column: str
    agent: str = ROW
    path: str = ""
    among: str = ""
    listed: tuple[str, ...] = ()
    bounds: NumberRange | None = None
    exclude: tuple[str, ...] = field(default=(), init=False)
    features: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if (self.source == "csv") != bool(self.path):
            what = "is missing." if self.source == "csv" else f"has no meaning with source = {self.source!r}."
            raise ConfigurationError(
                what, where="data.path", instead='A path goes with source = "csv", and only with it.'
            )
        if self.agent == PARTITION:
            raise ConfigurationError(
                "artificial agents have no answers of their own.", where="data.agent", instead='Write agent = "row".'
            )
        if bool(self.listed) == (self.bounds is not None):
            raise ConfigurationError("a question has either a list of items or a range.", where="question")
        if len({_plain(text) for text in self.listed}) < len(self.listed):
            raise ConfigurationError(
                "names an answer twice.",
                where="question.codes",
                why='Codes are compared as numbers where they are numbers: "1" and "1.0" are one.',
                instead="Give each category a code of its own.",
            )

    @property
    def numbers(self) -> Mapping[str, NumberRange]:
        """The column, where a number is asked for."""
        return {} if self.bounds is None else {self.column: self.bounds}

    @property
    def question(self) -> Label:
        """The column, as sources read it."""
        return Label(self.column)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        agent = () if self.agent == ROW else (self.agent,)
        return tuple(dict.fromkeys((self.column, *((self.among,) if self.among else ()), *agent)))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What each agent holds: `(agents,)` int64 places in the list (-1: none of them) or float64 numbers (NaN: none).

    `ids` says who each agent is in the source. `notes` are evaluation only.
    """

    held: NDArray[Any]
    ids: NDArray[Any]
    notes: tuple[str, ...]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Who gave a usable answer: private, for evaluation only."""
        good: NDArray[np.bool_] = ~np.isnan(self.held) if self.held.dtype.kind == "f" else self.held >= 0
        return good


def answers(settings: AnswerSettings) -> Answers:
    """Everybody's answer. Raises `DataError` with file, row and column, never with an answer."""
    table = read(settings)
    kept = _among(table, settings.among)
    held = _held(table, settings)[kept]
    who = None if settings.agent == ROW else owners_of(table, settings.agent)
    if who is None:
        return _told(held, table.numbers[kept], table, len(kept))
    names, owner = np.unique(who[kept], return_inverse=True)
    unusable = np.isnan(held) if held.dtype.kind == "f" else held < 0
    order = np.lexsort((np.arange(len(held)), unusable, owner))
    _, firsts = np.unique(owner[order], return_index=True)
    return _told(held[order[firsts]], names, table, len(kept))


def _told(held: NDArray[Any], ids: NDArray[Any], table: Table, rows: int) -> Answers:
    if not len(held):
        raise DataError("nobody is asked.", file=table.source, instead="Check data.among and the source.")
    found = Answers(held, ids, ())
    silent = len(held) - int(found.usable.sum())
    left = len(table.numbers) - rows
    notes = (
        *table.notes,
        *((f"{left} rows of the source are not among those who are asked.",) if left else ()),
        *((f"{silent} agents hold no usable answer and send a report all the same.",) if silent else ()),
        *((_FOREIGN,) if silent == len(held) else ()),
    )
    return Answers(held, ids, notes)


def _among(table: Table, column: str) -> NDArray[np.int64]:
    """The rows of those who are asked."""
    if not column:
        return np.arange(len(table.numbers))
    filled = [text.casefold() not in MISSING_TEXTS for text in texts_of(table, column)]
    return np.flatnonzero(np.array(filled, dtype=np.bool_))


def _held(table: Table, settings: AnswerSettings) -> NDArray[Any]:
    if settings.bounds is not None:
        numbers = numbers_of(table, settings.column, settings.bounds.missing)
        clipped: NDArray[Any] = np.clip(numbers, settings.bounds.low, settings.bounds.high)
        return clipped
    places = _places(settings.listed)
    texts = texts_of(table, settings.column)
    return np.array([places.get(text, places.get(_plain(text), -1)) for text in texts], dtype=np.int64)


def _places(listed: Sequence[str]) -> dict[str, int]:
    """Each item's place under its text, and under its number where it is one: "1" finds "1.0"."""
    by_number = {_plain(text): place for place, text in enumerate(listed)}
    return by_number | {text: place for place, text in enumerate(listed)}


def _plain(text: str) -> str:
    try:
        return repr(float(text)) if "_" not in text else text
    except ValueError:
        return text
