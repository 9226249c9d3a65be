"""Rows of bits: many exact coins at once, and how often each bit is set.

**Coins.** A uniform number U in [0, 1) lies below T / 2^64 as soon as, at the first binary digit in which
they differ, U has 0 and T has 1. Digit i of all the U of one row is one *plane*: a row of random bits. With
`open` = the coins whose digits have all agreed so far and `heads` = those that are decided to be heads,

    digit of T is 1:   heads |= open & (u = 0),   open &= (u = 1)
    digit of T is 0:                              open &= (u = 0)

so nine planes decide all but 2^-9 of the coins with a few operations on whole words, and packed rows come out. (More
planes cost more random bits than they spare open coins.) Each coin that is still open draws one word, whose upper
55 bits are the other digits: if they all agree, U >= T / 2^64 and the coin is tails. So each coin has the
probability T / 2^64, exactly; no digit is left out.

**Counts.** Rows are added up column by column without unpacking them. A full adder replaces three rows of
weight w by one of weight w and one of weight 2 w (sum a ^ b ^ c, carry the majority), five operations on words
for 64 columns; what is left, a few rows of each weight, is unpacked (Harley and Seal; Warren,
Hacker's Delight, section 5-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.mechanisms.thresholds import WORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Array = NDArray[Any]
    Bytes = NDArray[np.uint8]
    Indices = NDArray[np.int64]

PLANES: Final = 9  # digits that are compared for all coins
_TILE: Final = 1 << 16  # bytes of a plane that are worked on at a time
_FEW: Final = 24  # rows of one weight that are left for unpacking; a multiple of 3 * 8


def coins(stream: Stream, agents: Indices, width: int, threshold: int, *, lane: int = 1) -> Bytes:
    """A row of `width` coins an agent, packed `(n, ceil(width / 8))`, bit j of byte i being coin 8 i + j.

    `threshold`: in [0, 2^64). Reads the lanes `lane` and `lane` + 1.
    **Claim.** All coins are independent, each heads with probability threshold / 2^64 exactly.
    """
    if not 0 <= threshold < WORD:
        raise ValueError("a threshold of coins lies in [0, 2^64)")
    out = np.empty((len(agents), -(-width // 8)), dtype=np.uint8)
    size = _plane_bytes(width)
    rows = max(8, _TILE // size // 8 * 8)
    buffer = np.empty(PLANES * size * min(rows, len(agents)), dtype=np.uint8)
    for first in range(0, len(agents), rows):
        some = agents[first : first + rows]
        heads, still = _compared(_planes(stream, some, size, lane, buffer), threshold)
        _finish(heads, still, stream, some, (threshold, width, lane + 1))
        out[first : first + rows] = heads.view(np.uint8).reshape(len(some), size)[:, : out.shape[1]]
    if width % 8:
        out[:, -1] &= np.uint8((1 << width % 8) - 1)
    return out


def _plane_bytes(width: int) -> int:
    """Bytes of a plane of one agent: 1, 2, 4 or a multiple of 8."""
    size = -(-width // 8)
    return 1 << (size - 1).bit_length() if size <= 8 else -(-size // 8) * 8


def _planes(stream: Stream, agents: Indices, size: int, lane: int, out: Bytes) -> Array:
    """The planes of these agents, `(PLANES, all their bits)`, in `out`; in words where they fill them."""
    words = stream.words(agents, PLANES * size, lane=lane, dtype=np.uint8)
    planes = out[: words.size].view(f"V{size}").reshape(PLANES, len(agents))
    planes[...] = words.view(planes.dtype).T
    bits = planes.view(np.uint8).reshape(PLANES, -1)
    return bits.view(np.uint64) if bits.shape[1] % 8 == 0 else bits


def _compared(planes: Array, threshold: int) -> tuple[Array, Array]:
    """Which coins are heads after these digits, and which are still open. A plane's bit is 1 where U has a 0."""
    still, heads = np.full_like(planes[0], np.iinfo(planes.dtype).max), np.zeros_like(planes[0])
    for place, zeros in enumerate(planes):
        if threshold >> (63 - place) & 1:
            np.bitwise_and(zeros, still, out=zeros)
            np.bitwise_or(heads, zeros, out=heads)
            np.bitwise_xor(still, zeros, out=still)
        else:
            np.bitwise_and(still, zeros, out=still)
    return heads, still


def _finish(heads: Array, still: Array, stream: Stream, agents: Indices, rule: tuple[int, int, int]) -> None:
    """Decide the coins that are still open by their other digits: word `item` of the agent in the next lane."""
    threshold, width, lane = rule
    places = np.flatnonzero(still != 0)
    digits = np.unpackbits(still[places].view(np.uint8).reshape(-1, still.itemsize), axis=1, bitorder="little")
    ties = np.flatnonzero(digits.view(np.bool_))
    shift = 3 + still.itemsize.bit_length() - 1  # of the bits of a word
    bits = (places[ties >> shift] << shift) + (ties & ((1 << shift) - 1))
    owners = bits // (heads.nbytes * 8 // len(agents))
    items = bits - owners * (heads.nbytes * 8 // len(agents))
    np.minimum(items, width, out=items)  # the bits that fill up the last byte are cleared by the caller
    rest = stream.words_at(agents[owners], items, lane=lane) >> np.uint64(PLANES)
    digits.reshape(-1)[ties] = rest < np.uint64(threshold & ((1 << 64 - PLANES) - 1))
    heads[places] |= np.packbits(digits, axis=1, bitorder="little").view(heads.dtype)[:, 0]


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
