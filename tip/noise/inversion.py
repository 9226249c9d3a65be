"""Exact inversion by tables of prefixes, refined where they tie.

Theory of operation. A cell is drawn as the least j with U < C_j, for U uniform on [0, 1) and the
law's cut-offs C_j. U is read digit by digit: the first `width` binary digits come from the sample's
one word, and the table holds the same digits of every cut-off.

1. Digits that differ from a cut-off's decide against it for good. Only where the word *equals* a
   prefix (a tie) are more digits of U read, from lanes >= 1, and compared with more digits of the
   cut-offs, until an enclosure decides. So the sample follows the law exactly, not nearly.
2. The table ends with the first prefix of ones only; what lies beyond is a tie like any other.
3. The guide maps the word's leading bits to the cell (with its sign) wherever no prefix falls into
   that bucket; the other buckets are searched (docs/noise.md says what that tells a stopwatch).

The proof is in docs/noise.md.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ProtocolMisuse
from tip.noise.cutoffs import cutoffs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tip.noise.cutoffs import Law
    from tip.randomness import Stream

    Integers = NDArray[np.int64]
    Words = NDArray[np.uint64]

_PIECE: Final = 1 << 15  # words treated at once: with their buffers they stay in the second-level cache
TIES: Final = 60  # lanes that a table's word owns: all are read with probability 2^-3700
_STEPS: Final = 2  # compared one by one before a binary search
_SEARCH: Final = np.int64(-(1 << 63))  # the guide's mark: a prefix falls into this bucket


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a sample's word stands; its further digits stand in the lanes behind."""

    stream: Stream
    agent: int
    column: int
    lane: int

    def digits(self) -> Iterator[int]:
        """The further words of the sample, one a lane."""
        agent, column = np.array([self.agent]), np.array([self.column])
        for lane in range(self.lane + 1, self.lane + TIES):
            yield int(self.stream.words_at(agent, column, lane=lane)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The prefixes of a law's cut-offs with their guide; make one with `table(law, width)`."""

    law: Law
    width: int
    prefixes: Words = field(repr=False)  # ascending; the last one is 2^width - 1
    first: Integers = field(repr=False)  # for each bucket of prefixes, how many lie below it
    guide: Integers = field(repr=False)  # for each value of the word's leading bits, the sample or the mark

    def sample(self, stream: Stream, agents: Integers, count: int, *, lane: int = 0) -> Integers:
        """Independent samples, `(len(agents), count)`: one word each from `lane`, ties from the lanes behind it."""
        out = np.empty((len(agents), count), dtype=np.int64)
        for rows, columns in _pieces(len(agents), count):
            words = stream.words(agents[rows], columns.stop - columns.start, lane=lane, start=columns.start)
            for row, column in self._invert(words, out[rows, columns]):
                agent, place = rows.start + row, columns.start + column
                out[agent, place] = self._resolve(
                    int(words[row, column]), _Place(stream, int(agents[agent]), place, lane)
                )
        return out

    def sample_at(self, stream: Stream, agents: Integers, columns: Integers, *, lane: int = 0) -> Integers:
        """The samples at scattered addresses, `(n,)`: what `sample(...)[agent, column]` holds."""
        words = stream.words_at(agents, columns, lane=lane)[:, None]
        out = np.empty((len(agents), 1), dtype=np.int64)
        for row, _ in self._invert(words, out):
            place = _Place(stream, int(agents[row]), int(columns[row]), lane)
            out[row, 0] = self._resolve(int(words[row, 0]), place)
        return out[:, 0]

    def _invert(self, words: Words, out: Integers) -> list[tuple[int, int]]:
        """Write the sample of each word to `out`, and tell the rows and columns of the ties."""
        leading = words >> np.uint64(65 - len(self.guide).bit_length())
        np.take(self.guide, leading.view(np.int64), out=out, mode="clip")
        rows, columns = np.nonzero(out == _SEARCH)
        found = self._search(words[rows, columns])
        out[rows, columns] = found
        tied = np.flatnonzero(found == _SEARCH)
        return list(zip(rows[tied].tolist(), columns[tied].tolist(), strict=True))

    def _search(self, words: Words) -> Integers:
        digits = self._digits(words)
        cells: Integers = self.first[digits >> np.uint64(self.width + 1 - len(self.first).bit_length())]
        for _ in range(_STEPS):
            cells += self.prefixes[cells] < digits
        found = self.prefixes[cells]
        far = np.flatnonzero(found < digits)
        cells[far] = np.searchsorted(self.prefixes, digits[far])
        found[far] = self.prefixes[cells[far]]
        if self.law.signed:
            np.negative(cells, out=cells, where=words >> np.uint64(63) == 1)
        cells[found == digits] = _SEARCH
        return cells

    def _digits(self, words: Words) -> Words:
        """The first digits of U: the word's leading bits, behind the sign if there is one."""
        digits: Words = (words << np.uint64(self.law.signed)) >> np.uint64(64 - self.width)
        return digits

    def _resolve(self, word: int, place: _Place) -> int:
        """Read digits of U from the lanes behind the word's until the cell is certain."""
        sign = -1 if self.law.signed and word >> 63 else 1
        bits = self.width
        digits = int(self._digits(np.array([word], dtype=np.uint64))[0])
        for more in place.digits():
            digits, bits = digits << 64 | more, bits + 64
            cell = decide(self.law, digits, bits)
            if cell is not None:
                return sign * cell
        raise ProtocolMisuse("a sample used up its lanes: the stream is not random")


def decide(law: Law, digits: int, bits: int) -> int | None:
    """The cell of every U in [digits, digits + 1) / 2^bits, or None where the enclosures leave it open."""
    fine = -(-bits // 64) * 64 + 128
    known = cutoffs(law, fine)
    cell = bisect_left(known.lows, digits + 1 << fine - bits)
    if cell == len(known.lows):
        return None
    if cell and known.lows[cell - 1] + known.slack > digits << fine - bits:
        return None
    return cell


def _pieces(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Cut a (rows, columns) array into parts of at most about `_PIECE` items; columns start at even places."""
    wide = min(columns, _PIECE)
    tall = _PIECE // max(wide, 1)
    for left in range(0, columns, max(wide, 1)):
        for top in range(0, rows, tall):
            yield slice(top, min(top + tall, rows)), slice(left, min(left + wide, columns))


@lru_cache(maxsize=32)
def table(law: Law, width: int) -> Table:
    """The table of a law: `width` digits, at most 63 beside a sign and 64 without."""
    prefixes = np.array(_prefixes(law, width), dtype=np.uint64)
    bits = min(width, max(8, min(15, len(prefixes).bit_length() + 5)))
    edges = np.arange(1 << bits, dtype=np.uint64) << np.uint64(width - bits)
    first = np.searchsorted(prefixes, edges)
    inside = prefixes[first] - edges < np.uint64(1 << width - bits)
    guide = np.where(inside, _SEARCH, first)
    if law.signed:
        guide = np.concatenate([guide, np.where(inside, _SEARCH, -first)])
    return Table(law, width, prefixes, first, guide)


def _prefixes(law: Law, width: int) -> list[int]:
    """floor(2^width C_j) for j = 0, 1, ... up to the first that is 2^width - 1, each of them certain."""
    last = (1 << width) - 1
    bits = width + 96
    while True:
        known = cutoffs(law, bits)
        lower = [min(low >> bits - width, last) for low in known.lows]
        upper = [min(low + known.slack >> bits - width, last) for low in known.lows]
        if lower == upper and lower[-1] == last:
            return lower[: bisect_left(lower, last) + 1]
        bits += 64
