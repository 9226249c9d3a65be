"""Delimited text: UTF-8, one header, rows of one length.

The standard `csv` module reads; here every way in which a file can be broken gets its own sentence
with file and row. Cells never stand in a message: they are somebody's data.
"""

from __future__ import annotations

import csv
import os
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_WANTED: Final = "Name a file of delimited text."
_MARKS: Final = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK": "a spreadsheet or zip archive",
    b"\x1f\x8b": "gzip",
}


def read_delimited(
    path: Path, pick: Callable[[list[str]], dict[str, int]], *, delimiter: str
) -> tuple[dict[str, list[str]], NDArray[np.int64]]:
    """The columns that `pick` chooses from the header, and each record's row number from 1.

    Quotes as in RFC 4180, a byte-order mark and any line ends are understood; blanks around a cell
    are dropped; empty lines are passed over but counted.
    """
    if path.is_char_device() and not path.samefile(os.devnull):
        raise DataError("is a device without an end, not a file.", file=str(path), instead=_WANTED)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _columns(str(path), csv.reader(file, delimiter=delimiter, strict=True), pick)
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except FileNotFoundError as error:
        instead = f"{_WANTED} A relative path is seen from the working directory, here {Path.cwd()}."
        raise DataError("does not exist.", file=str(path), instead=instead) from error
    except IsADirectoryError as error:
        raise DataError("is a folder, not a file.", file=str(path), instead=_WANTED) from error
    except OSError as error:
        raise DataError(
            f"cannot be read: {(error.strerror or '').lower()}.", file=str(path), instead=_WANTED
        ) from error


def _columns(
    name: str, reader: Iterator[list[str]], pick: Callable[[list[str]], dict[str, int]]
) -> tuple[dict[str, list[str]], NDArray[np.int64]]:
    header = _header(name, reader)
    places = pick(header)
    cells = itemgetter(*places.values()) if len(places) > 1 else lambda row: (row[next(iter(places.values()))],)
    numbers: list[int] = []
    rows: list[tuple[str, ...]] = []
    for number, row in _counted(name, reader):
        if len(row) != len(header):
            raise DataError(
                f"has {len(row)} cells where the header has {len(header)}.",
                file=name,
                row=number,
                instead="Each row has one cell for each column; a cell that holds the separator stands in quotes.",
            )
        rows.append(cells(row))
        numbers.append(number)
    if not rows:
        raise DataError("has a header and no row.", file=name, instead="Each record is one row below the header.")
    texts = {
        column: [cell.strip() for cell in cells] for column, cells in zip(places, zip(*rows, strict=True), strict=True)
    }
    return texts, np.array(numbers, dtype=np.int64)


def _header(name: str, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise DataError(f"the header is not delimited text: {error}.", file=name) from error
    if not any(header):
        raise DataError("is empty: the first line must name the columns.", file=name)
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise DataError(
            f"the header names a column {header.count(twice[0])} times.",
            file=name,
            column=twice[0],
            instead="Give each column a name of its own.",
        )
    return header


def _counted(name: str, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, with their numbers."""
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            if row:
                yield number, row
    except csv.Error as error:
        raise DataError(
            f"is not delimited text: {error}.", file=name, row=number + 1, instead="Is a quote left open?"
        ) from error


def _not_utf8(path: Path) -> DataError:
    """Where the first byte stands that is no UTF-8, found by a second look at the whole file."""
    raw = path.read_bytes()
    known = next((what for mark, what in _MARKS.items() if raw.startswith(mark)), "")
    try:
        raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, start)
        likely = f": it looks like {known}" if known else ""
        return DataError(
            f"byte {start + 1} (0x{raw[start]:02x}, line {line + 1}) is not UTF-8{likely}.",
            file=str(path),
            row=line or None,
            instead="Save the file as UTF-8; spreadsheets offer it as 'CSV UTF-8'.",
        )
    return DataError("changed while it was read.", file=str(path))
