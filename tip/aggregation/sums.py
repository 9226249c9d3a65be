"""Sums in the ring Z_(2^b), in blocks that stay in the cache.

A vector of the ring is an array of `uint16`, `uint32` or `uint64`: addition of unsigned words *is*
addition modulo 2^b, so nothing is reduced and the order of the terms never matters. Three rules:

1. An `int64` array stands for its residues. It is summed as 64-bit words and reduced once at the
   end, which is right because 2^b divides 2^64 for every b here.
2. Inputs are never changed. Only `ring_add(..., out=...)` writes where it is told to.
3. The empty sum is zero: no vectors of dimension d give d zeros.

A column block of the accumulator (128 KiB) stays in the second-level cache while all rows are added
to it; memory is then read once and hardly written, which is what makes the sum faster than one
`np.add` after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]
    Integers = NDArray[np.int64]

MODULUS_BITS: Final = (16, 32, 64)
_BLOCK: Final = 1 << 17  # bytes of the accumulator that one pass over the rows keeps in the cache
_WORDS: Final[dict[int, np.dtype[np.unsignedinteger[Any]]]] = {
    16: np.dtype(np.uint16),
    32: np.dtype(np.uint32),
    64: np.dtype(np.uint64),
}


def ring_sum(vectors: Ring | Integers, modulus_bits: int) -> Ring:
    """The sum of the rows of `(n, d)` modulo 2^b, `(d,)` of the ring's own unsigned type.

    `vectors` are int64, or elements of this ring already (uint16, uint32, uint64 for 16, 32, 64 bits); other
    types, shapes and widths raise `ConfigurationError`.

    **Law.** `ring_sum(v, b)[j] == sum(int(v[i, j]) for i) % 2**b` for all integers, n = 0 included.
    """
    word = ring_type(modulus_bits)
    if vectors.ndim != 2:
        raise ConfigurationError(f"ring_sum adds the rows of a table (n, d), not an array of shape {vectors.shape}")
    terms = _words(vectors, word)
    total = np.empty(terms.shape[1], dtype=terms.dtype)
    step = _BLOCK // terms.itemsize
    for first in range(0, len(total), step):
        piece = slice(first, first + step)
        np.add.reduce(terms[:, piece], axis=0, dtype=terms.dtype, out=total[piece])
    return total.astype(word, copy=False)


def ring_add(total: Ring, vectors: Ring | Integers, *, out: Ring | None = None) -> Ring:
    """`total` plus a vector `(d,)` or the rows of a block `(n, d)`; in place with `out=total`."""
    bits = total.dtype.itemsize * 8
    if total.ndim != 1 or total.dtype != ring_type(bits):
        raise ConfigurationError(
            f"a total is one vector of the ring (unsigned words), not {total.dtype} of shape {total.shape}"
        )
    block = vectors[None, :] if vectors.ndim == 1 else vectors
    if block.ndim != 2 or block.shape[1] != len(total):
        raise ConfigurationError(f"cannot add shape {vectors.shape} to a total of dimension {len(total)}")
    term = ring_sum(block, bits) if len(block) != 1 else _as_ring(block[0], bits)
    return np.add(total, term, out=out)


def to_ring(integers: Integers, modulus_bits: int) -> Ring:
    """The residues of `int64` values modulo 2^b, as unsigned words of the same shape."""
    word = ring_type(modulus_bits)
    if integers.dtype != np.int64:
        raise ConfigurationError(f"to_ring takes int64 values, not {integers.dtype}")
    return integers.view(np.uint64).astype(word)


def _as_ring(values: Ring | Integers, modulus_bits: int) -> Ring:
    """Residues of `int64` values; values that are ring elements already are returned as they are."""
    word = ring_type(modulus_bits)
    return _words(values, word).astype(word, copy=False)


def centered(ring: Ring, modulus_bits: int) -> Integers:
    """The representatives in [-2^(b-1), 2^(b-1)) of ring elements, as `int64` of the same shape.

    **Law.** `centered(to_ring(v, b), b) == v` for all v in that range.
    """
    word = ring_type(modulus_bits)
    if ring.dtype != word:
        raise ConfigurationError(f"an element of Z_(2^{modulus_bits}) is {word}, not {ring.dtype}")
    signed = np.ascontiguousarray(ring).reshape(ring.shape).view(f"i{word.itemsize}")
    return signed.astype(np.int64)


def ring_type(modulus_bits: int) -> np.dtype[np.unsignedinteger[Any]]:
    """The unsigned type whose own overflow is the ring's; other widths are refused."""
    if modulus_bits not in _WORDS:
        raise ConfigurationError(
            f"modulus_bits = {modulus_bits!r} is no width of a machine word",
            why="only there the processor's own addition is the ring's",
            instead="use 16, 32 or 64",
        )
    return _WORDS[modulus_bits]


def _words(values: Ring | Integers, word: np.dtype[np.unsignedinteger[Any]]) -> Ring:
    """The values as unsigned words: `int64` as residues mod 2^64, elements of this very ring as they are."""
    if values.dtype == np.int64:
        residues: Ring = values.view(np.uint64)
        return residues
    if values.dtype != word:
        raise ConfigurationError(
            f"cannot add {values.dtype} values in the ring of {word} words",
            why="an element of one ring has no meaning in another",
            instead=f"give {word} or int64 values",
        )
    return cast("Ring", values)  # the check above is the proof
