"""Rows of exact coins, packed: eight coins from one draw.

Eight independent coins, each heads with probability t = T / 2^64, are one byte with the law

    P[b] = t^ones(b) (1 - t)^(8 - ones(b)),  b = 0, ..., 255,

whose cut-offs C_b = P[byte < b] are whole numbers over 2^512. The byte of a uniform U in [0, 1) is the number
of b >= 1 with C_b <= U (inversion). Three steps find it, each reading more binary digits of the same U:

1. The first 16 digits w. If no cut-off has these first 16 digits, they decide: one look-up in a table of
   2^16 bytes. At most 255 of the 2^16 values of w are left open.
2. The next 56 digits, compared with those of the cut-offs that begin with w: one search in a sorted list.
3. Where they equal a cut-off's (probability below 2^-48 an open byte), all digits, in Python's whole numbers. A
   cut-off has 512 digits, and U is then read to 528.

So the byte follows its law exactly: no digit of a cut-off is left out, and no floating-point number takes part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.mechanisms.thresholds import WORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Bytes = NDArray[np.uint8]
    Indices = NDArray[np.int64]

OPEN: Final = -1  # in the table: the first digits do not decide
_SYMBOLS: Final = 256
_DIGITS: Final = 512  # binary digits of a cut-off
_FIRST: Final = 16  # digits read first
_LAST: Final = 7  # further words of 64 digits
_TILE: Final = 1 << 17  # bytes that are worked on at a time


@dataclass(frozen=True, slots=True)
class ByteTable:
    """The inversion of one law of bytes; see the top of the file.

    `first`: int16, the byte for each value of the first 16 digits, or -1. `cutoffs`: C_1, ..., C_255 over 2^512.
    `opens`: the values of the first digits with which cut-offs begin, increasing. `keys`: of each cut-off, the number
    of its beginning in that list (8 digits) before the next 56 digits: in the order of the cut-offs.
    """

    first: NDArray[np.int16] = field(repr=False)
    cutoffs: tuple[int, ...] = field(repr=False)
    opens: Indices = field(repr=False)
    keys: NDArray[np.uint64] = field(repr=False)

    def decide(self, starts: Indices, words: NDArray[np.uint64]) -> tuple[Bytes, Indices]:
        """The bytes of open draws from their next 56 digits, and which of them are still open."""
        keys = _keys(np.searchsorted(self.opens, starts), words)
        passed = np.searchsorted(self.keys, keys, side="right")
        equal = self.keys[np.maximum(passed - 1, 0)] == keys
        return passed.astype(np.uint8), np.flatnonzero(equal)

    def settle(self, start: int, words: list[int]) -> int:
        """The byte of a draw from all of its digits: the first 16, and eight words."""
        digits = start
        for word in words:
            digits = digits << 64 | word
        digits >>= _FIRST + 64 * len(words) - _DIGITS
        return sum(cutoff <= digits for cutoff in self.cutoffs)


@lru_cache(maxsize=32)
def byte_table(threshold: int) -> ByteTable:
    """The table of eight coins with probability threshold / 2^64 each."""
    masses = [threshold**ones * (WORD - threshold) ** (8 - ones) for ones in range(9)]
    cutoffs = tuple(accumulate(masses[b.bit_count()] for b in range(_SYMBOLS - 1)))
    heads = np.array([cutoff >> (_DIGITS - _FIRST) for cutoff in cutoffs])
    follow = np.array([cutoff >> (_DIGITS - _FIRST - 64) & (WORD - 1) for cutoff in cutoffs], dtype=np.uint64)
    first = np.searchsorted(heads, np.arange(1 << _FIRST)).astype(np.int16)
    first[heads[heads < 1 << _FIRST]] = OPEN
    opens, ranks = np.unique(heads, return_inverse=True)
    return ByteTable(first, cutoffs, opens, _keys(ranks, follow))


def _keys(ranks: Indices, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    keys: NDArray[np.uint64] = (ranks.astype(np.uint64) << np.uint64(56)) | (words >> np.uint64(8))
    return keys


def coins(stream: Stream, agents: Indices, width: int, threshold: int, *, lane: int = 1) -> Bytes:
    """A row of `width` coins an agent, packed `(n, ceil(width / 8))`, bit j of byte i being coin 8 i + j.

    `threshold`: in [0, 2^64). Reads the lanes `lane` and `lane` + 1.
    **Claim.** All coins are independent, each heads with probability threshold / 2^64 exactly.
    """
    if not 0 <= threshold < WORD:
        raise ValueError("a threshold of coins lies in [0, 2^64)")
    table, size = byte_table(threshold), -(-width // 8)
    if not len(agents):
        return np.empty((0, size), dtype=np.uint8)
    out = np.empty((len(agents), size), dtype=np.uint8)
    rows, undecided, starts = max(1, _TILE // size), [], []
    for first in range(0, len(agents), rows):
        words = stream.words(agents[first : first + rows], size, lane=lane, dtype=np.uint16)
        drawn = table.first.take(words)
        out[first : first + rows] = drawn
        places = np.flatnonzero(drawn < 0)
        undecided.append(places + first * size)
        starts.append(words[places // size, places % size])
    _finish(out, table, stream, agents, (np.concatenate(undecided), np.concatenate(starts), lane + 1))
    if width % 8:
        out[:, -1] &= np.uint8((1 << width % 8) - 1)
    return out


def _finish(
    out: Bytes, table: ByteTable, stream: Stream, agents: Indices, left: tuple[Indices, NDArray[np.uint16], int]
) -> None:
    """Decide the open bytes: word `item` of the agent in the next lane, and those a row's length further on."""
    places, starts, lane = left
    size = out.shape[1]
    owners, items = agents[places // size], places % size
    words = stream.words_at(owners, items, lane=lane)
    found, still = table.decide(starts.astype(np.int64), words)
    for row in still.tolist():
        positions = items[row] + size * np.arange(1, _LAST + 1)
        rest = stream.words_at(np.full(_LAST, owners[row]), positions, lane=lane)
        found[row] = table.settle(int(starts[row]), [int(words[row]), *rest.tolist()])
    out.reshape(-1)[places] = found
