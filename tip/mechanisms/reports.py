"""Reports: what agents send, as a structure of arrays, and as bytes.

The wire form, version 1 (all numbers little-endian):

    magic  version  flags  spec digest  count  columns (each padded to whole bytes)  [ids, 8 bytes each]
    "tipR"    1       1        16         8

Bit 0 of the flags says that ids follow. The length of a message follows from its count, so a count
that does not fit the length is refused before anything is allocated. Bytes are hostile until
`Mechanism.validate` has looked at the values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, MalformedMessage
from tip.mechanisms.columns import column_bytes
from tip.mechanisms.spec import DIGEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tip.mechanisms.columns import Column

    Array = NDArray[Any]

MAGIC: Final = b"tipR"
VERSION: Final = 1
HEADER: Final = struct.Struct(f"<4sBB{DIGEST}sQ")
IDS: Final = 1  # the flag that says that ids follow


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports of one mechanism, one row each: `digest` of its spec, its `layout`, and an array a column.

    `ids`: `(n,)` uint64 or None; who sent a report, where the mechanism or the collector uses it (server-assigned
    seeds, refusal of a second report). Values may be out of range: `Mechanism.validate` parts those rows.
    """

    digest: bytes = field(repr=False)
    layout: tuple[Column, ...]
    columns: tuple[Array, ...] = field(repr=False)
    ids: NDArray[np.uint64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST or len(self.columns) != len(self.layout) or not self.layout:
            raise ConfigurationError(f"reports have a digest of {DIGEST} bytes and one array for each column")
        rows = len(self.columns[0])
        for column, array in zip(self.layout, self.columns, strict=True):
            if array.dtype != column.dtype or array.shape != column.shape(rows):
                raise ConfigurationError(
                    f"the column {column.name!r} is {column.dtype} of shape {column.shape(rows)}, "
                    f"not {array.dtype} of shape {array.shape}"
                )
        if self.ids is not None and (self.ids.dtype != np.uint64 or self.ids.shape != (rows,)):
            raise ConfigurationError(f"ids are uint64 of shape ({rows},)")

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, name: str) -> Array:
        """The array of the column of this name."""
        for column, array in zip(self.layout, self.columns, strict=True):
            if column.name == name:
                return array
        raise ConfigurationError(f"there is no column {name!r}", instead=f"one of {[c.name for c in self.layout]}")

    def take(self, rows: Array | slice) -> Reports:
        """The reports of these rows: indices (`IndexError` beyond the last one), a mask or a slice."""
        ids = None if self.ids is None else self.ids[rows]
        return Reports(self.digest, self.layout, tuple(array[rows] for array in self.columns), ids)

    def with_ids(self, ids: Array) -> Reports:
        """The same reports, each with the id of who sends it."""
        given = np.asarray(ids)
        if given.dtype.kind not in "iu" or (given.size and int(given.min()) < 0):
            raise ConfigurationError("ids are whole numbers in [0, 2^64)")
        return Reports(self.digest, self.layout, self.columns, given.astype(np.uint64))

    @staticmethod
    def joined(parts: Sequence[Reports]) -> Reports:
        """The reports of several parts with one spec, in order; all of them with ids, or none."""
        first = parts[0]
        if any(part.digest != first.digest or (part.ids is None) != (first.ids is None) for part in parts):
            raise ConfigurationError("reports of unlike specs, or with and without ids, do not join")
        columns = tuple(np.concatenate(arrays) for arrays in zip(*(part.columns for part in parts), strict=True))
        ids = None if first.ids is None else np.concatenate([part.ids for part in parts if part.ids is not None])
        return Reports(first.digest, first.layout, columns, ids)

    def to_bytes(self) -> bytes:
        """The wire form; see the top of the file."""
        head = HEADER.pack(MAGIC, VERSION, 0 if self.ids is None else IDS, self.digest, len(self))
        parts = [column.pack(array).tobytes() for column, array in zip(self.layout, self.columns, strict=True)]
        return b"".join([head, *parts, b"" if self.ids is None else self.ids.astype("<u8").tobytes()])

    @staticmethod
    def from_bytes(data: bytes, *, digest: bytes, layout: tuple[Column, ...]) -> Reports:
        """The reports of a message for the mechanism with this digest and layout (`Mechanism.read`).

        Raises `MalformedMessage` that says what is wrong, and allocates no more than the message is long.
        """
        flags, count = _header(data, digest)
        sizes = [column_bytes(column, count) for column in layout] + [8 * count * (flags & IDS)]
        if len(data) != HEADER.size + sum(sizes):
            raise MalformedMessage(
                f"a message of {count} reports has {HEADER.size + sum(sizes)} bytes here, not {len(data)}"
            )
        pieces, first = [], HEADER.size
        for size in sizes:
            pieces.append(np.frombuffer(data, dtype=np.uint8, count=size, offset=first))
            first += size
        columns = tuple(column.unpack(piece, count) for column, piece in zip(layout, pieces, strict=False))
        ids = pieces[-1].view("<u8").astype(np.uint64) if flags & IDS else None
        return Reports(digest, layout, columns, ids)


def _header(data: bytes, digest: bytes) -> tuple[int, int]:
    """Flags and count of a message that is meant for the mechanism of this digest."""
    if len(data) < HEADER.size:
        raise MalformedMessage(
            f"a message of reports has a header of {HEADER.size} bytes; this one ends after {len(data)}"
        )
    magic, version, flags, theirs, count = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise MalformedMessage("these bytes are no reports of tip")
    if version != VERSION:
        raise MalformedMessage(f"reports of version {version} are not known here; version {VERSION} is")
    if flags & ~IDS:
        raise MalformedMessage(f"the flags {flags:#x} are not known here")
    if theirs != digest:
        raise MalformedMessage("the reports were made by another mechanism, or with other parameters")
    return flags, count


@dataclass(frozen=True, slots=True)
class Screened:
    """What `validate` found: the rows that an honest agent may send, and the rows that it may not, with reasons."""

    accepted: Reports
    refused: NDArray[np.int64]  # row numbers
    reasons: Mapping[str, int]  # how many rows for each reason
