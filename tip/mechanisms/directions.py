"""Public directions: what a seed stands for, and their largest cosines.

A seed of 64 bits names directions u_1, u_2, ... of d coordinates each, the same ones on every machine: rows of
independent numbers out of a table of 2^16 normal values (the mean of each bin of equal mass, in units of 2^-12, never
0), read from AES-256 under a public key, and divided by their length. Entries are whole numbers, so that sums over
them are exact in float64. Nothing here depends on anybody's data.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]

ENTRY: Final = 1 << 12  # units of a direction's entries
PIECE: Final = 1 << 15  # entries at a time: they stay in the cache
_PUBLIC: Final = Entropy.seeded(20220712).stream("tip public directions v1")  # its key is no secret


@lru_cache(maxsize=1)
def normal_table() -> Floats:
    """2^16 values: the mean of N(0, 1) over each of as many bins of equal mass, in units of 2^-12, rounded, never 0."""
    from scipy.special import ndtri  # noqa: PLC0415 - scipy is imported where it is needed

    edges = ndtri(np.arange(1, 1 << 16) / (1 << 16))
    density = np.concatenate([[0.0], np.exp(-(edges**2) / 2) / math.sqrt(2 * math.pi), [0.0]])
    half = np.rint((density[1 << 15 : -1] - density[(1 << 15) + 1 :]) * (1 << 16) * ENTRY)
    np.maximum(half, 1, out=half)  # the values next to 0: no direction has length 0
    return np.concatenate([-half[::-1], half])


def normals(seeds: Words, dimension: int, low: int, high: int) -> Floats:
    """Entries of the directions low, ..., high - 1 of each seed, `(n, high - low, d)`, whole numbers as float64."""
    stride = -(-dimension // 8) * 8
    words = _PUBLIC.words(seeds.view(np.int64), (high - low) * stride, start=low * stride, dtype=np.uint16)
    return normal_table().take(words.reshape(len(seeds), high - low, stride)[:, :, :dimension])


def named(seeds: Words, choices: Indices, dimension: int) -> Any:  # noqa: ANN401
    """Yield parts of the reports: their rows, and the unit vectors they name, in units of 2^-12 / sqrt(d)."""
    seeds = np.ascontiguousarray(seeds, dtype=np.uint64)
    places = choices >> 1
    step = max(1, PIECE // dimension)
    for place in np.unique(places).tolist():
        rows = np.flatnonzero(places == place)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            entries = normals(seeds[part], dimension, place, place + 1)[:, 0]
            scale = (ENTRY * math.sqrt(dimension)) / np.sqrt(np.einsum("nd,nd->n", entries, entries))
            scale[(choices[part] & 1) == 1] *= -1
            yield part, np.rint(entries * scale[:, None])


@lru_cache(maxsize=4096)
def top_moments(dimension: int, directions: int, top: int) -> tuple[float, float]:
    """E of the mean of the `top` largest of `directions` independent |cos|, and of their squares.

    K/m times the integral of x, or x^2, over the law of |cos| times P[fewer than m of the other K - 1 are larger],
    an incomplete beta function; by Gauss and Legendre in the angle, over 10 standard deviations.
    """
    from scipy.special import betainc, gammaln  # noqa: PLC0415 - scipy is imported where it is needed

    nodes, weights = np.polynomial.legendre.leggauss(320)
    reach = min(math.pi / 2, 10 / math.sqrt(dimension))
    angle = (nodes + 1) * reach / 2
    constant = gammaln(dimension / 2) - gammaln((dimension - 1) / 2) - math.log(math.pi) / 2 + math.log(2)
    mass = weights * reach / 2 * np.exp(constant + (dimension - 2) * np.log(np.cos(angle)))
    x = np.sin(angle)
    if top < directions:
        mass = mass * betainc(directions - top, top, betainc(0.5, (dimension - 1) / 2, x * x))
    factor = directions / top
    return float(factor * (mass * x).sum()), float(factor * (mass * x * x).sum())
