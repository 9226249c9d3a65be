"""Hash families that are exactly pairwise independent: multiply-shift.

A key x of u bits is cut into `parts` numbers x_1, x_2, ... of at most v bits. With a_1, a_2, ..., c uniform
w-bit numbers (the *seed*), the hash is the upper b bits of a w-bit number:

    h(x) = ((a_1 x_1 + a_2 x_2 + ... + c) mod 2^w) >> (w - b)          (Dietzfelbinger 1996; one part: section 2)

**Claim.** For all keys x != y the pair (h(x), h(y)) is uniform on [2^b]^2, exactly, if and only if w >= v + b - 1.

*Proof.* Let V = sum a_i y_i + c. It is uniform for every choice of the a_i, so it is independent of them. Let D =
sum a_i (x_i - y_i), and 2^s the highest power of two that divides all the differences. One of them is 2^s times
an odd number, so D is uniform on the multiples of 2^s modulo 2^w, whatever the other a_i are. Given V, the number V + D
is uniform on the residues that share V's lowest s bits. If s <= w - b, each value of the upper b bits is taken by
2^(w-b-s) of those: h(x) is uniform given V, hence given h(y). Now |x_i - y_i| < 2^v gives s <= v - 1 <= w - b. If
w < v + b - 1, take x_1 = 2^(v-1), y_1 = 0 and all else equal: the lowest of the upper b bits is then the same in h(x)
and h(y), since V and V + D agree in v - 1 > w - b bits. []

Nothing is claimed of three keys: multiply-shift is not 3-wise independent. Arithmetic runs in uint32 for w <= 32 and
in uint64 above; at a smaller w the seed is shifted to the container's upper end, so that the same code serves words
of 3 bits, whose seeds a test can enumerate, and words of 32.

A range that is no power of two is left out: each of 2^w seeds is equally likely, so a value's probability is a
multiple of 2^-w per number, and 1/3 is none. Taking 3 h / 2^w costs up to 2^-w of bias for each single hash, but more
for pairs; the exact way, inner products over the field of 3 elements, is what projective geometry response is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

MOST_KEY_BITS: Final = 64
MOST_WORD_BITS: Final = 64
_NARROW: Final = 32
_LANES: Final = 1 << 15  # seeds at a time
_MANY: Final = 1024  # seeds from which on keys are served one by one
_BYTE: Final = 255


@dataclass(frozen=True, slots=True)
class MultiplyShift:
    """Hashes of keys in [0, 2^key_bits) to [0, 2^range_bits), pairwise independent; see the top of the file.

    `word_bits`: w, 32 or 64 for use, less for tests that go through all seeds. The key is cut into as few parts as the
    condition allows: one for key_bits <= w - range_bits + 1.
    """

    key_bits: int
    range_bits: int
    word_bits: int = 32
    parts: int = field(init=False, repr=False, compare=False)
    part_bits: int = field(init=False, repr=False, compare=False)  # v

    def __post_init__(self) -> None:
        keys = _within("key_bits", self.key_bits, MOST_KEY_BITS)
        words = _within("word_bits", self.word_bits, MOST_WORD_BITS)
        most = words - _within("range_bits", self.range_bits, words) + 1
        parts = -(-keys // most)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "part_bits", -(-keys // parts))

    @property
    def seed_words(self) -> int:
        """Numbers of `word_bits` bits in one seed: a_1, ..., a_parts, c."""
        return self.parts + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of seeds, of keys' parts and of hashes: uint32 or uint64."""
        return np.dtype(np.uint32 if self.word_bits <= _NARROW else np.uint64)

    @property
    def container_bits(self) -> int:
        """The bits of that type."""
        return 8 * self.dtype.itemsize

    @property
    def shift(self) -> int:
        """How far a hash lies above the container's lowest bit: `lifted` numbers shifted down by this are hashes."""
        return self.container_bits - self.range_bits

    def seeds(self, stream: Stream, agents: Indices, *, lane: int = 0) -> Array:
        """The seeds that a stream holds for these agents at the beginning of a lane, `(n, seed_words)`."""
        if not len(agents):
            return np.empty((0, self.seed_words), dtype=self.dtype)
        return self.seeds_from(stream.words(agents, self.seed_words, lane=lane, dtype=self.dtype.type))

    def seeds_from(self, words: Array) -> Array:
        """The seeds `(..., seed_words)` that uniform words of the container's type make: their upper bits."""
        spare = self.container_bits - self.word_bits
        return words >> self.dtype.type(spare) if spare else words

    def hash(self, seeds: Array, keys: ArrayLike) -> Array:
        """h(keys) under `seeds` `(..., seed_words)`; the leading axes of the seeds and those of the keys broadcast.

        `hash(seeds, keys)`, both of n rows: each key under its own seed; `hash(seeds[:, None], keys)`: a table. Keys
        are whole numbers in [0, 2^key_bits), which is not checked. The result is uint32 or uint64.
        """
        lifted = self.lifted(seeds)
        cut = self.cut(keys)
        hashes: Array = lifted[..., 0] * cut[0]
        for number, part in enumerate(cut[1:], start=1):
            hashes += lifted[..., number] * part
        hashes += lifted[..., self.parts]
        hashes >>= self.dtype.type(self.shift)
        return hashes

    def lifted(self, seeds: Array) -> Array:
        """Seeds at the upper end of the container: arithmetic modulo 2^word_bits becomes the container's own."""
        seeds = np.asarray(seeds, dtype=self.dtype)
        spare = self.container_bits - self.word_bits
        return seeds << self.dtype.type(spare) if spare else seeds

    def cut(self, keys: ArrayLike) -> list[Array]:
        """The parts of the keys, the lowest bits first, each of the keys' shape (at least one axis)."""
        array = np.atleast_1d(np.asarray(keys))
        if self.parts == 1:
            return [array.astype(self.dtype)]
        array = array.astype(np.uint64)
        mask = np.uint64((1 << self.part_bits) - 1)
        return [(array >> np.uint64(self.part_bits * i) & mask).astype(self.dtype) for i in range(self.parts)]


def _within(name: str, value: object, most: int) -> int:
    """A whole number in [1, most]."""
    number = whole(name, value, least=1)
    if number > most:
        raise ConfigurationError(f"{name} is at most {most} here, not {number}")
    return number


def count_equal(family: MultiplyShift, seeds: Array, targets: Array, keys: ArrayLike) -> Indices:
    """How many seeds `(n, seed_words)` hash each key to their own target `(n,)`: `(len(keys),)` int64.

    h(x) = y means that a x + (c - (y << (w - b))) lies below 2^(w-b) modulo 2^w: one multiplication, addition and
    comparison each. Between consecutive keys the multiplication is an addition. Works in blocks of the cache's size.
    """
    lifted = family.lifted(seeds)
    offset = lifted[:, family.parts] - (targets.astype(family.dtype) << family.dtype.type(family.shift))
    factors = np.ascontiguousarray(lifted[:, : family.parts].T)
    cuts = family.cut(keys)
    limit = family.dtype.type(1 << family.shift)
    counts = np.zeros(len(cuts[0]), dtype=np.int64)
    for first in range(0, len(offset), _LANES):
        rows = slice(first, first + _LANES)
        part = offset[rows]
        count = _by_key if len(part) >= _MANY else _by_seed
        count(factors[:, rows], part, cuts, limit, counts)
    return counts


def _by_key(factors: Array, offset: Array, cuts: list[Array], limit: Any, counts: Indices) -> None:  # noqa: ANN401
    """One key after the other, all seeds at once: for many seeds."""
    state, product, hit = offset.copy(), np.empty_like(offset), np.empty(len(offset), dtype=np.bool_)
    follows = np.zeros(len(counts), dtype=np.bool_)
    follows[1:] = cuts[0][1:] == cuts[0][:-1] + cuts[0].dtype.type(1)
    for part in cuts[1:]:
        follows[1:] &= part[1:] == part[:-1]
    for number, next_one in enumerate(follows.tolist()):
        if next_one:
            np.add(state, factors[0], out=state)
        else:
            np.multiply(factors[0], cuts[0][number], out=state)
            for factor, part in zip(factors[1:], cuts[1:], strict=True):
                np.multiply(factor, part[number], out=product)
                np.add(state, product, out=state)
            np.add(state, offset, out=state)
        np.less(state, limit, out=hit)
        counts[number] += np.count_nonzero(hit)


def _by_seed(factors: Array, offset: Array, cuts: list[Array], limit: Any, counts: Indices) -> None:  # noqa: ANN401
    """A table of up to 255 seeds (so that a byte holds a count) by as many keys as fit the cache: for few seeds."""
    for first in range(0, len(offset), _BYTE):
        rows = slice(first, first + _BYTE)
        width = max(1, _LANES * 2 // len(offset[rows]))
        for start in range(0, len(counts), width):
            keys = slice(start, start + width)
            table = factors[0, rows, None] * cuts[0][keys]
            for factor, part in zip(factors[1:, rows], cuts[1:], strict=True):
                table += factor[:, None] * part[keys]
            table += offset[rows, None]
            counts[keys] += np.add.reduce((table < limit).view(np.uint8), axis=0, dtype=np.uint8)
