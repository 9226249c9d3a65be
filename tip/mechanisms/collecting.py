"""Many messages at once: what can be read is kept, the rest refused one by one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import MalformedMessage
from tip.mechanisms.columns import column_bytes
from tip.mechanisms.reports import HEADER, IDS, MAGIC, VERSION, Reports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tip.mechanisms.columns import Column

    Refused = list[tuple[int, str]]

_TOGETHER: Final = 4096  # single-report messages that are read at a time


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of many messages: the reports that were read, and the messages that were not, by their number."""

    reports: Reports
    refused: tuple[tuple[int, str], ...]  # (number of the message, why)


@dataclass(frozen=True, slots=True)
class _Form:
    """What a message for one mechanism looks like."""

    digest: bytes
    layout: tuple[Column, ...]
    ids: bool

    @property
    def single_header(self) -> bytes:
        """The header of a message of one report."""
        return HEADER.pack(MAGIC, VERSION, IDS if self.ids else 0, self.digest, 1)

    @property
    def single_length(self) -> int:
        """Its length in bytes."""
        return HEADER.size + sum(column_bytes(column, 1) for column in self.layout) + 8 * self.ids

    def read(self, data: bytes) -> Reports:
        """The reports of one message, with ids exactly where they are wanted."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise MalformedMessage("a message is bytes")
        reports = Reports.from_bytes(bytes(data), digest=self.digest, layout=self.layout)
        if (reports.ids is not None) != self.ids:
            raise MalformedMessage("reports carry ids here" if self.ids else "reports carry no ids here")
        return reports

    def empty(self) -> Reports:
        """No reports."""
        columns = tuple(np.empty(column.shape(0), dtype=column.dtype) for column in self.layout)
        return Reports(self.digest, self.layout, columns, np.empty(0, np.uint64) if self.ids else None)


def collect(messages: Sequence[bytes], *, digest: bytes, layout: tuple[Column, ...], ids: bool) -> Collected:
    """The reports of all messages that can be read, in order; the numbers of the others, each with the reason."""
    form = _Form(digest, layout, ids)
    header, length = form.single_header, form.single_length
    parts: list[Reports] = []
    refused: Refused = []
    usual = (isinstance(data, bytes) and len(data) == length and data.startswith(header) for data in messages)
    for single, group in groupby(enumerate(usual), key=lambda pair: pair[1]):
        numbers = [number for number, _ in group]
        for first in range(0, len(numbers), _TOGETHER):
            some = numbers[first : first + _TOGETHER]
            batch = [messages[number] for number in some]
            parts += [_together(form, batch, some, refused)] if single else _one_by_one(form, batch, some, refused)
    return Collected(Reports.joined(parts) if parts else form.empty(), tuple(sorted(refused)))


def _one_by_one(form: _Form, batch: Sequence[bytes], numbers: Sequence[int], refused: Refused) -> Iterator[Reports]:
    """The reports of each message that can be read; the others go to `refused` with their number."""
    for number, data in zip(numbers, batch, strict=True):
        try:
            yield form.read(data)
        except MalformedMessage as error:
            refused.append((number, str(error)))


def _together(form: _Form, batch: Sequence[bytes], numbers: Sequence[int], refused: Refused) -> Reports:
    """The reports of messages of one report each; those whose padding is not zero go to `refused`."""
    rows = np.frombuffer(b"".join(batch), dtype=np.uint8).reshape(len(batch), -1)
    good = np.ones(len(rows), dtype=np.bool_)
    places, first = [], HEADER.size
    for column in form.layout:
        last = first + column_bytes(column, 1)
        if column.row_bits % 8:
            good &= rows[:, last - 1] >> (column.row_bits % 8) == 0
        places.append(slice(first, last))
        first = last
    refused += [(numbers[row], "the bits after the last value are not zero") for row in np.flatnonzero(~good).tolist()]
    kept = rows[good]
    streams = [_stream(kept[:, place], column.row_bits) for column, place in zip(form.layout, places, strict=True)]
    columns = tuple(c.unpack(stream, len(kept)) for c, stream in zip(form.layout, streams, strict=True))
    ids = np.ascontiguousarray(kept[:, first:]).view("<u8")[:, 0].astype(np.uint64) if form.ids else None
    return Reports(form.digest, form.layout, columns, ids)


def _stream(rows: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Rows of bytes, each with this many bits and zeros after them, as one stream without gaps."""
    if bits % 8 == 0:
        return np.ascontiguousarray(rows).reshape(-1)
    return np.packbits(np.unpackbits(rows, axis=1, bitorder="little")[:, :bits], bitorder="little")
