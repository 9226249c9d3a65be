"""Rows of bits: setting one, counting ones, and how often each bit is set.

Rows are added up column by column without unpacking them. A full adder replaces three rows of
weight w by one of weight w and one of weight 2 w (sum a ^ b ^ c, carry the majority), five operations on words
for 64 columns; what is left, a few rows of each weight, is unpacked (Harley and Seal; Warren,
Hacker's Delight, section 5-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Indices = NDArray[np.int64]

_FEW: Final = 24  # rows of one weight that are left for unpacking; a multiple of 3 * 8


def put_bits(rows: Bytes, places: Indices, values: NDArray[np.bool_]) -> None:
    """Set bit `places[i]` of each packed row i to `values[i]`."""
    spots = np.arange(0, rows.size, rows.shape[1]) + (places >> 3)
    shifts = (places & 7).astype(np.uint8)
    flat = rows.reshape(-1)
    held = flat[spots]
    wrong = held >> shifts
    wrong ^= values
    wrong &= np.uint8(1)
    held ^= wrong << shifts
    flat[spots] = held


def row_ones(rows: Bytes) -> Indices:
    """How many bits of each packed row are set, `(n,)` int64."""
    rows = np.ascontiguousarray(rows)
    if rows.shape[1] % 8:
        counts = _ONES[rows]
    else:
        words = rows.view(np.uint64)
        counts = words - (words >> np.uint64(1) & _PAIRS)
        counts = (counts & _FOURS) + (counts >> np.uint64(2) & _FOURS)
        counts = (counts + (counts >> np.uint64(4)) & _BYTES) * _EACH >> np.uint64(56)
    ones: Indices = counts.sum(axis=1, dtype=np.int64)
    return ones


_ONES: Final = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
_PAIRS, _FOURS, _BYTES, _EACH = (np.uint64(((1 << 64) - 1) // divisor) for divisor in (3, 5, 17, 255))


def column_sums(rows: Bytes, width: int) -> Indices:
    """How many of the packed rows `(n, ceil(width / 8))` have each bit set, `(width,)` int64."""
    totals = np.zeros(rows.shape[1] * 8, dtype=np.int64)
    rows, weight = np.ascontiguousarray(rows), 1
    while len(rows):
        carries = []
        while len(rows) >= _FEW:
            rows, carry = _added(rows)
            carries.append(carry)
        totals += weight * np.unpackbits(rows, axis=1, bitorder="little").sum(axis=0, dtype=np.int64)
        rows = np.concatenate(carries) if carries else rows[:0]
        weight *= 2
    return totals[:width]


def _added(rows: Bytes) -> tuple[Bytes, Bytes]:
    """Thirds of the rows through full adders: the sums with the rows left over, and the carries."""
    third = len(rows) // _FEW * 8  # a multiple of 8 rows is whole words
    one, two, three = (rows[third * part : third * (part + 1)].reshape(-1).view(np.uint64) for part in range(3))
    sums = np.empty((len(rows) - 2 * third, rows.shape[1]), dtype=np.uint8)
    sums[third:] = rows[3 * third :]
    odd, carry = one ^ two, one & two
    np.bitwise_xor(odd, three, out=sums[:third].reshape(-1).view(np.uint64))
    np.bitwise_and(odd, three, out=odd)
    np.bitwise_or(carry, odd, out=carry)
    return sums, carry.view(np.uint8).reshape(third, -1)
