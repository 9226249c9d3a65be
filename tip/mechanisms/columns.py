"""What a report consists of: columns of bounded whole numbers, of bits, of reals; and their bytes.

A column knows the values that an honest report may hold, the array that many of them form, and the
bits that one of them takes on the wire. Bits go least significant first, within a value and within
a byte (`np.packbits(..., bitorder="little")`); values follow one another without gaps; a row of a
message may start inside a byte only within one column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tip.errors import ConfigurationError, MalformedMessage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_UNSIGNED: Final = (np.uint8, np.uint16, np.uint32, np.uint64)


@dataclass(frozen=True, slots=True)
class Integers:
    """Whole numbers in [low, high), `width` to a report: an array `(n,)` if width is 0, else `(n, width)`.

    Stored in the least unsigned type (int64 if `low` is negative); on the wire value - low takes the
    least number of bits that holds high - low - 1. `width` 0 means one value.
    """

    name: str
    high: int
    low: int = 0
    width: int = 0

    def __post_init__(self) -> None:
        if not self.low < self.high or self.low < -(1 << 62) or self.high > 1 << (64 if self.low >= 0 else 62):
            raise ConfigurationError(f"the column {self.name!r} has no values in [{self.low}, {self.high})")

    @property
    def bits(self) -> int:
        """Bits of one value on the wire."""
        return (self.high - self.low - 1).bit_length()

    @property
    def row_bits(self) -> int:
        """Bits of one report's part."""
        return self.bits * max(self.width, 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the array."""
        if self.low < 0:
            return np.dtype(np.int64)
        return np.dtype(next(kind for kind in _UNSIGNED if self.high - 1 <= np.iinfo(kind).max))

    def shape(self, rows: int) -> tuple[int, ...]:
        """The shape of the array of this many reports."""
        return (rows, self.width) if self.width else (rows,)

    def valid(self, values: Array) -> Array:
        """Which rows an honest report may hold, `(n,)` bool."""
        full = np.iinfo(self.dtype)
        good = np.ones(values.shape, dtype=np.bool_)
        if self.low > full.min:
            good &= values >= self.low
        if self.high - 1 < full.max:
            good &= values <= self.high - 1
        return np.logical_and.reduce(good, axis=1) if self.width else good

    def all_valid(self, values: Array) -> bool:
        """Whether every row is valid, without an array of the answers."""
        return not values.size or bool(int(values.max()) < self.high and int(values.min()) >= self.low)

    def pack(self, values: Array) -> NDArray[np.uint8]:
        """The values as bytes, the last byte filled with zeros."""
        if self.low:
            kind = np.int64 if self.low < 0 else np.uint64  # never both: NumPy would make floats of them
            values = values.astype(kind) - kind(self.low)
        return _pack(values.reshape(-1).astype(np.uint64), self.bits)

    def unpack(self, data: NDArray[np.uint8], rows: int) -> Array:
        """The array of this many reports from as many bytes as they take; values beyond `high` are kept."""
        values = _unpack(data, rows * max(self.width, 1), self.bits)
        signed = values.astype(np.int64) + np.int64(self.low) if self.low else values
        return signed.astype(self.dtype).reshape(self.shape(rows))


@dataclass(frozen=True, slots=True)
class Bits:
    """A row of `width` bits to a report, stored packed: `(n, ceil(width / 8))` uint8, bit j of byte i is 8 i + j."""

    name: str
    width: int

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ConfigurationError(f"the column {self.name!r} has a width of at least 1 bit")

    @property
    def row_bits(self) -> int:
        """Bits of one report's part: whole bytes."""
        return 8 * self._bytes

    @property
    def _bytes(self) -> int:
        return -(-self.width // 8)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the array."""
        return np.dtype(np.uint8)

    def shape(self, rows: int) -> tuple[int, ...]:
        """The shape of the array of this many reports."""
        return (rows, self._bytes)

    def valid(self, values: Array) -> Array:
        """Which rows an honest report may hold: those whose bits beyond the width are zero."""
        if not self.width % 8:
            return np.ones(len(values), dtype=np.bool_)
        good: Array = values[:, -1] < 1 << self.width % 8
        return good

    def all_valid(self, values: Array) -> bool:
        """Whether every row is valid."""
        return bool(self.valid(values).all())

    def pack(self, values: Array) -> NDArray[np.uint8]:
        """The rows as bytes."""
        return np.ascontiguousarray(values).reshape(-1)

    def unpack(self, data: NDArray[np.uint8], rows: int) -> Array:
        """The rows of these bytes."""
        return data.reshape(self.shape(rows)).copy()


@dataclass(frozen=True, slots=True)
class Reals:
    """Real numbers of modulus at most `bound`, `width` to a report, float32 `(n, width)`: idealized mechanisms only."""

    name: str
    width: int
    bound: float

    def __post_init__(self) -> None:
        if self.width < 1 or not 0 < self.bound < np.inf:
            raise ConfigurationError(f"the column {self.name!r} has a width >= 1 and a finite bound > 0")

    @property
    def row_bits(self) -> int:
        """Bits of one report's part."""
        return 32 * self.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the array."""
        return np.dtype(np.float32)

    def shape(self, rows: int) -> tuple[int, ...]:
        """The shape of the array of this many reports."""
        return (rows, self.width)

    def valid(self, values: Array) -> Array:
        """Which rows are finite and within the bound."""
        good: Array = np.logical_and.reduce(np.abs(values) <= self.bound, axis=1)  # false for NaN
        return good

    def all_valid(self, values: Array) -> bool:
        """Whether every row is valid."""
        return bool(self.valid(values).all())

    def pack(self, values: Array) -> NDArray[np.uint8]:
        """Little-endian IEEE 754 single precision."""
        return np.ascontiguousarray(values, dtype="<f4").reshape(-1).view(np.uint8)

    def unpack(self, data: NDArray[np.uint8], rows: int) -> Array:
        """The array of these bytes; every NaN, whatever its digits, as the quiet one, which can be handled silently."""
        values = data.view("<f4").astype(np.float32).reshape(self.shape(rows))
        values[np.isnan(values)] = np.nan
        return values


Column: TypeAlias = Integers | Bits | Reals


def column_bytes(column: Column, rows: int) -> int:
    """Bytes that this many reports' part takes on the wire."""
    return -(-column.row_bits * rows // 8)


def _pack(values: NDArray[np.uint64], bits: int) -> NDArray[np.uint8]:
    if bits in (8, 16, 32, 64):
        return values.astype(f"<u{bits // 8}").view(np.uint8)
    out = np.empty(-(-len(values) * bits // 8), dtype=np.uint8)
    for first in range(0, len(values), _STEP):  # a step's bits end with a byte
        part = values[first : first + _STEP].astype("<u8")
        digits = np.unpackbits(part.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little", count=max(bits, 0))
        packed = np.packbits(digits, bitorder="little")
        out[first * bits // 8 : first * bits // 8 + len(packed)] = packed
    return out


def _unpack(data: NDArray[np.uint8], count: int, bits: int) -> NDArray[np.uint64]:
    if bits in (8, 16, 32, 64):
        return data.view(f"<u{bits // 8}").astype(np.uint64)
    out = np.empty(count, dtype=np.uint64)
    for first in range(0, count, _STEP):
        size = min(_STEP, count - first)
        part = data[first * bits // 8 : -(-(first + size) * bits // 8)]
        digits = np.unpackbits(part, bitorder="little")
        if digits[size * bits :].any():
            raise MalformedMessage("the bits after the last value are not zero")
        rows = np.zeros((size, 64), dtype=np.uint8)
        rows[:, :bits] = digits[: size * bits].reshape(size, bits)
        out[first : first + size] = np.packbits(rows, axis=1, bitorder="little").view("<u8")[:, 0]
    return out


_STEP: Final = 1 << 14  # values packed at a time; a multiple of 8
