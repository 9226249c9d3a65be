"""Shamir's secret sharing over GF(65537), all holders at once.

A secret of 2L bytes is L limbs of 16 bits, big-endian, each an element of GF(p), p = 2^16 + 1. Limb l
is the value at 0 of a polynomial of degree below t whose other coefficients are uniform (Shamir, How
to share a secret, 1979); holder j, counted from 0, gets the values at x = j + 1. Any t shares fix the
polynomial; t - 1 shares are uniform whatever the secret is.

1. **Fresh coefficients for every secret.** Two secrets under one draw show their difference to a
   single holder.
2. A share can be 65536, which 16 bits do not hold: `pack` gives each limb a 17th bit.
3. Everything is exact. Shares are one product of float64 matrices with entries of at most 2^16; there
   are at most 2^16 holders, so every partial sum is a whole number of at most t p^2 < 2^49 < 2^53.
4. Reduction uses 2^16 = -1: digits of base 2^16 are added with alternating signs. Neither it nor the
   product branches on secret values. Tables are read at public places only: points, never shares.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError, MalformedMessage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Elements = NDArray[np.uint32]
    Points = NDArray[np.int64]
    Rows = NDArray[np.uint8]

PRIME: Final = 65537
MOST_HOLDERS: Final = PRIME - 1  # the points that are not zero; also keeps t p^2 below 2^53

_GENERATOR: Final = 3  # of the multiplicative group, whose order is 2^16
_BLOCK: Final = 1 << 20  # entries of a table that is worked on at once


def coefficients(stream: Stream, threshold: int, limbs: int, *, agent: int = 0) -> Elements:
    """Uniform coefficients for one secret, `(threshold - 1, limbs)` uint32 below 65537, by rejection.

    They are what the stream holds at `agent`: **another secret takes another stream or another agent**.
    """
    if not 1 <= threshold <= MOST_HOLDERS or limbs < 1:
        raise ConfigurationError(f"a secret of {limbs} limbs for {threshold} holders cannot be shared")
    drawn = stream.below(PRIME, np.array([agent], dtype=np.int64), (threshold - 1) * limbs)
    return drawn.astype(np.uint32).reshape(threshold - 1, limbs)


def split(secret: bytes, coefficients: Elements, holders: int) -> Elements:
    """The shares of all holders, `(holders, limbs)` uint32; row j is the share at x = j + 1.

    The threshold is `len(coefficients) + 1`. Raises `ConfigurationError` for a secret of another
    length than the coefficients', more holders than 65536, fewer than the threshold.

    **Law.** For any t different holders j: `combine([j + 1], [shares[j]])` is the secret's limbs.
    """
    threshold = len(coefficients) + 1
    if not threshold <= holders <= MOST_HOLDERS:
        raise ConfigurationError(f"{holders} holders are no number from the threshold {threshold} to {MOST_HOLDERS}")
    if coefficients.ndim != 2 or not secret or len(secret) != 2 * coefficients.shape[1]:
        raise ConfigurationError(
            f"coefficients of shape {coefficients.shape} do not fit a secret of {len(secret)} bytes"
        )
    if coefficients.dtype != np.uint32 or (coefficients >= PRIME).any():
        raise ConfigurationError("coefficients are uint32 numbers in [0, 65536]")
    polynomials = np.empty((threshold, coefficients.shape[1]), dtype=np.float64)
    polynomials[0] = np.frombuffer(secret, dtype=">u2")
    polynomials[1:] = coefficients
    step = max(1, _BLOCK // threshold)
    blocks = [(first, min(first + step, holders)) for first in range(0, holders, step)]
    return np.concatenate([_reduced(_powers(*block, threshold) @ polynomials) for block in blocks])


def combine(points: Points, shares: Elements) -> Elements:
    """The secrets of m sets of shares, `(m, limbs)` uint32, from `points (m, t)` and `shares (m, t, limbs)`.

    Each row of points is the x of its t shares: j + 1 for holder j; every row can be another set.
    s = sum_i w_i y_i with w_i = prod_{k != i} x_k / (x_k - x_i), Lagrange at 0. Fewer shares than the
    threshold, or wrong ones, give a wrong secret: compare its hash. Raises `ConfigurationError` for
    points that are zero, repeated, or outside [1, 65536], and for shares outside [0, 65536].
    """
    if points.ndim != 2 or shares.ndim != 3 or shares.shape[:2] != points.shape:
        raise ConfigurationError(f"shares of shape {shares.shape} do not stand at points of shape {points.shape}")
    _require_points(points)
    if shares.dtype != np.uint32 or (shares >= PRIME).any():
        raise ConfigurationError("shares are uint32 numbers in [0, 65536]")
    out = np.empty((len(points), shares.shape[2]), dtype=np.uint32)
    step = max(1, _BLOCK // max(points.shape[1] ** 2, 1))
    for first in range(0, len(points), step):
        piece = slice(first, first + step)
        weights = _weights(points[piece]).astype(np.float64)
        out[piece] = _reduced((weights[:, None, :] @ shares[piece].astype(np.float64))[:, 0])
    return out


def to_bytes(limbs: Elements) -> bytes:
    """The secret of limbs `(limbs,)`; raises `MalformedMessage` where one is 65536, as no secret has."""
    if limbs.ndim != 1 or (limbs >= PRIME - 1).any():
        raise MalformedMessage("what the shares combine to is no secret: a limb passes 16 bits")
    return limbs.astype(">u2").tobytes()


def packed_size(limbs: int) -> int:
    """The bytes of a packed share: two a limb, and one bit each."""
    return 2 * limbs + -(-limbs // 8)


def pack(share: Elements) -> bytes:
    """One share `(limbs,)` as bytes: all low halves, big-endian, then a bit a limb that is 65536."""
    packed: Rows = pack_rows(share[None])
    return packed.tobytes()


def unpack(data: bytes, limbs: int) -> Elements:
    """The share `(limbs,)` that packs to exactly these bytes; raises `MalformedMessage` if there is none."""
    if len(data) != packed_size(limbs):
        raise MalformedMessage(f"a share of {limbs} limbs has {packed_size(limbs)} bytes, not {len(data)}")
    share: Elements = unpack_rows(np.frombuffer(data, dtype=np.uint8)[None], limbs)[0]
    return share


def pack_rows(shares: Elements) -> Rows:
    """Shares `(n, limbs)`, each as its row of `(n, packed_size(limbs))` uint8."""
    if shares.ndim != 2 or shares.dtype != np.uint32 or (shares >= PRIME).any():
        raise ConfigurationError("shares to pack are rows of numbers in [0, 65536]")
    low = shares.astype(">u2").view(np.uint8).reshape(len(shares), 2 * shares.shape[1])
    return np.concatenate([low, np.packbits(shares == PRIME - 1, axis=1)], axis=1)


def unpack_rows(data: Rows, limbs: int) -> Elements:
    """The shares `(n, limbs)` of packed rows; raises `MalformedMessage` if any row is not canonical."""
    if not canonical_rows(data, limbs).all():
        raise MalformedMessage("a packed share is not canonical")
    low, high = _halves(data, limbs)
    return low + (high.astype(np.uint32) << np.uint32(16))


def canonical_rows(data: Rows, limbs: int) -> NDArray[np.bool_]:
    """Which rows of `(n, packed_size(limbs))` uint8 some share packs to, `(n,)` bool."""
    if data.ndim != 2 or data.shape[1] != packed_size(limbs):
        raise MalformedMessage(f"packed shares of {limbs} limbs have {packed_size(limbs)} bytes a row")
    low, high = _halves(data, limbs)
    padding = np.unpackbits(data[:, 2 * limbs :], axis=1)[:, limbs:]
    canonical: NDArray[np.bool_] = ~((low != 0) & high).any(axis=1) & ~padding.any(axis=1)
    return canonical


def _halves(data: Rows, limbs: int) -> tuple[Elements, NDArray[np.bool_]]:
    low = np.ascontiguousarray(data[:, : 2 * limbs]).view(">u2").astype(np.uint32)
    return low, np.unpackbits(data[:, 2 * limbs :], axis=1, count=limbs).astype(np.bool_)


def _require_points(points: Points) -> None:
    if points.dtype != np.int64 or points.shape[1] < 1:
        raise ConfigurationError(
            f"points are int64, one a share and one at least, not {points.dtype} of shape {points.shape}"
        )
    ordered = np.sort(points, axis=1)
    if ordered.size and (ordered[:, 0].min() < 1 or ordered[:, -1].max() >= PRIME):
        raise ConfigurationError("a point is outside [1, 65536]: the secret itself stands at 0")
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise ConfigurationError("a point is repeated: two shares of one holder are one share")


def _weights(points: Points) -> Elements:
    """Lagrange's weights at 0, `(m, t)`, by logarithms: the group has order 2^16, as uint16 adds."""
    exponentials, logarithms = _tables()
    differences = points[:, None, :] - points[:, :, None]  # [m, i, k] = x_k - x_i; a negative index counts from p
    below = np.add.reduce(logarithms[differences], axis=2, dtype=np.uint16)
    own = logarithms[points]
    above = np.add.reduce(own, axis=1, dtype=np.uint16)[:, None] - own
    weights: Elements = exponentials[above - below]
    return weights


@lru_cache(maxsize=8)
def _powers(first: int, last: int, threshold: int) -> NDArray[np.float64]:
    """x^k of the holders' points first + 1 .. last, `(last - first, threshold)` float64."""
    exponentials, logarithms = _tables()
    exponents = logarithms[np.arange(first + 1, last + 1), None] * np.arange(threshold, dtype=np.uint16)
    powers: NDArray[np.float64] = exponentials[exponents].astype(np.float64)
    powers.flags.writeable = False
    return powers


@cache
def _tables() -> tuple[Elements, NDArray[np.uint16]]:
    """3^e for e below 2^16, and the e of each element; that of 0, which has none, stands as 0."""
    exponentials = np.ones(1, dtype=np.uint64)
    while len(exponentials) < MOST_HOLDERS:
        step = exponentials[-1] * _GENERATOR % PRIME
        exponentials = np.concatenate([exponentials, exponentials * step % PRIME])
    logarithms = np.zeros(PRIME, dtype=np.uint16)
    logarithms[exponentials.astype(np.int64)] = np.arange(MOST_HOLDERS, dtype=np.uint16)
    return exponentials.astype(np.uint32), logarithms


def _reduced(values: NDArray[np.float64]) -> Elements:
    """Whole numbers in [0, 2^53) modulo p, as uint32: a - b + c - d for digits a, b, c, d of base 2^16."""
    whole = values.astype(np.int64)
    folded = (whole & 0xFFFF) - (whole >> 16 & 0xFFFF) + (whole >> 32 & 0xFFFF) - (whole >> 48) + 2 * PRIME
    folded = (folded & 0xFFFF) - (folded >> 16)  # in [-3, 65535]
    elements: Elements = (folded + PRIME * (folded < 0)).astype(np.uint32)
    return elements
