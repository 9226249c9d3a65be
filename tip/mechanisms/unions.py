"""The union of several layouts: one report for many kinds of answers.

Columns of one kind, name and width share a place, as wide as the widest needs; what an answer has no
use for is 0. So there is exactly one report for each answer of each part, and `fits` refuses all others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.columns import Bits, Column, Integers, Reals
from tip.mechanisms.reports import Reports

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Union:
    """`columns` that hold an answer of any of the `parts`; `taken` are the names that they leave free."""

    parts: tuple[tuple[Column, ...], ...]
    taken: tuple[str, ...] = ()
    columns: tuple[Column, ...] = field(init=False)
    _places: tuple[tuple[int, ...], ...] = field(init=False)  # part → where each of its columns lies

    def __post_init__(self) -> None:
        kinds: list[tuple[object, ...]] = []
        widest: list[Column] = []
        places = []
        for part in self.parts:
            own: list[int] = []
            for column in part:
                kind = _kind(column)
                free = [at for at, other in enumerate(kinds) if other == kind and at not in own]
                if free:
                    widest[free[0]] = max(widest[free[0]], column, key=_reach)
                else:
                    kinds.append(kind)
                    widest.append(column)
                own.append(free[0] if free else len(kinds) - 1)
            places.append(tuple(own))
        object.__setattr__(self, "columns", _named(widest, self.taken))
        object.__setattr__(self, "_places", tuple(places))

    def put(self, columns: tuple[Array, ...], part: int, rows: Indices, answers: tuple[Array, ...]) -> None:
        """Write the answers of one part into these rows, which are 0."""
        for place, answer in zip(self._places[part], answers, strict=True):
            if isinstance(self.columns[place], Bits):
                columns[place][rows, : answer.shape[1]] = answer
            else:
                columns[place][rows] = answer

    def fits(self, columns: tuple[Array, ...], part: int, rows: Indices) -> NDArray[np.bool_]:
        """Which of these rows hold numbers that the part's columns can hold, and 0 elsewhere; `(len(rows),)`."""
        good = np.ones(len(rows), dtype=np.bool_)
        places = dict(zip(self._places[part], self.parts[part], strict=True))
        for place, array in enumerate(columns):
            entries = array[rows].reshape(len(rows), prod(array.shape[1:]))
            column = places.get(place)
            if column is None:
                good &= ~entries.any(axis=1)
            elif isinstance(column, Integers):
                good &= (entries <= entries.dtype.type(column.high - 1)).all(axis=1)
            else:
                good &= ~entries[:, column.row_bits // 8 :].any(axis=1)
        return good

    def part(self, columns: tuple[Array, ...], part: int, rows: Indices, digest: bytes) -> Reports:
        """The reports of one part in these rows, all of which fit."""
        answers = []
        for place, column in zip(self._places[part], self.parts[part], strict=True):
            entries = columns[place][rows]
            if isinstance(column, Bits):
                entries = np.ascontiguousarray(entries[:, : column.row_bits // 8])
            answers.append(entries.astype(column.dtype, copy=False))
        return Reports(digest, self.parts[part], tuple(answers))

    def widened(self, part: int, report: tuple[int, ...]) -> tuple[int, ...]:
        """One report of a part, entry by entry, as one of the union."""
        entries = [[0] * prod(column.shape(1)) for column in self.columns]
        first = 0
        for place, column in zip(self._places[part], self.parts[part], strict=True):
            size = prod(column.shape(1))
            entries[place][:size] = report[first : first + size]
            first += size
        return tuple(entry for column in entries for entry in column)


def _reach(column: Column) -> int:
    """How much a column holds: [0, 3) and [0, 4) take as many bits, but only one of them holds a 3."""
    return column.high if isinstance(column, Integers) else column.row_bits


def _kind(column: Column) -> tuple[object, ...]:
    if isinstance(column, Reals) or (isinstance(column, Integers) and column.low):
        raise ConfigurationError("a union has columns of bits and of whole numbers from 0 on only")
    return (type(column), column.name, column.width if isinstance(column, Integers) else 0)


def _named(columns: list[Column], taken: tuple[str, ...]) -> tuple[Column, ...]:
    """The columns with different names."""
    names = set(taken)
    out: list[Column] = []
    for column in columns:
        name = column.name
        while name in names:
            name += "'"
        names.add(name)
        if isinstance(column, Integers):
            out.append(Integers(name, high=column.high, width=column.width))
        else:
            out.append(Bits(name, width=column.row_bits))
    return tuple(out)
