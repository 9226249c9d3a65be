"""Aggregates: what reports add up to, in whole numbers, mergeable in any order."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, MalformedMessage
from tip.mechanisms.spec import DIGEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC: Final = b"tipA"
VERSION: Final = 1
_HEADER: Final = struct.Struct(f"<4sBB{DIGEST}sQQB")
_KINDS: Final = (np.dtype(np.int64), np.dtype(np.float64))
_MOST_DIMENSIONS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """Totals of `reports` accepted reports; `refused` more were not counted.

    `totals`: int64 counts or sums (float64 sums for idealized mechanisms only). Two aggregates of one spec
    add up with `+`: in any grouping and order for whole numbers.
    """

    digest: bytes = field(repr=False)
    reports: int
    refused: int
    totals: NDArray[Any] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST or self.totals.dtype not in _KINDS or self.totals.ndim > _MOST_DIMENSIONS:
            raise ConfigurationError("an aggregate has a spec's digest and totals in int64 or float64")
        if self.reports < 0 or self.refused < 0:
            raise ConfigurationError("an aggregate counts its reports from 0")

    def __add__(self, other: Aggregate) -> Aggregate:
        if not isinstance(other, Aggregate):
            return NotImplemented
        if self.digest != other.digest or self.totals.shape != other.totals.shape:
            raise ConfigurationError("aggregates of two mechanisms, or of other parameters, do not add up")
        totals = self.totals + other.totals
        return Aggregate(self.digest, self.reports + other.reports, self.refused + other.refused, totals)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Aggregate):
            return NotImplemented
        mine, theirs = (self.digest, self.reports, self.refused), (other.digest, other.reports, other.refused)
        return mine == theirs and np.array_equal(self.totals, other.totals)

    def to_bytes(self) -> bytes:
        """A durable form, version 1: header, shape, totals (little-endian)."""
        kind = _KINDS.index(self.totals.dtype)
        shape = struct.pack(f"<{self.totals.ndim}Q", *self.totals.shape)
        head = _HEADER.pack(MAGIC, VERSION, kind, self.digest, self.reports, self.refused, self.totals.ndim)
        return head + shape + self.totals.astype(self.totals.dtype.newbyteorder("<")).tobytes()

    @staticmethod
    def from_bytes(data: bytes) -> Aggregate:
        """The aggregate that `to_bytes` wrote; raises `MalformedMessage` otherwise."""
        if len(data) < _HEADER.size:
            raise MalformedMessage("these bytes are no aggregate of tip")
        magic, version, kind, digest, reports, refused, dimensions = _HEADER.unpack_from(data)
        first = _HEADER.size + 8 * dimensions
        if (
            magic != MAGIC
            or version != VERSION
            or kind >= len(_KINDS)
            or dimensions > _MOST_DIMENSIONS
            or len(data) < first
        ):
            raise MalformedMessage("these bytes are no aggregate of tip, or of another version")
        shape = struct.unpack_from(f"<{dimensions}Q", data, _HEADER.size)
        size = 1
        for length in shape:
            size *= length
        if len(data) != first + 8 * size:
            raise MalformedMessage("an aggregate's length does not fit its shape")
        totals = np.frombuffer(data, dtype=_KINDS[kind].newbyteorder("<"), offset=first).astype(_KINDS[kind])
        try:
            return Aggregate(digest, reports, refused, totals.reshape(shape))
        except (ValueError, OverflowError):
            raise MalformedMessage("an aggregate has a shape that no array can have") from None
