"""Graphs over the members of a group: their edges, degrees and mixing weights.

A k-out graph is drawn from its public seed: member i picks `picks` distinct others uniformly.
Edges are (i, j) with i < j, sorted.
Mixing weights are Metropolis': W_ij = 1 / (1 + max(d_i, d_j)) on edges, and the rest of each row on the diagonal;
W is symmetric and its rows add up to 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.actors import Graph, Wiring
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Edges = NDArray[np.int64]

_AT_ONCE: Final = 1 << 22  # random words
_BITS: Final = 24  # of a member's number in a sort key; MOST_AGENTS is below 2^24


@lru_cache(maxsize=4)
def edges(graph: Graph, size: int) -> Edges:
    """All edges, `(edges, 2) int64`, lower end first, sorted, read-only; `size` is that of the graph's group."""
    match graph.wiring:
        case Wiring.COMPLETE:
            pairs = np.stack(np.triu_indices(size, 1), axis=1).astype(np.int64)
        case Wiring.RING | Wiring.PATH:
            lower = np.arange(size - 1, dtype=np.int64)
            pairs = np.stack([lower, lower + 1], axis=1)
            if graph.wiring is Wiring.RING and size > 2:
                pairs = _sorted(np.concatenate([pairs, [[0, size - 1]]]))
        case Wiring.STAR:
            outer = np.arange(1, size, dtype=np.int64)
            pairs = np.stack([np.zeros_like(outer), outer], axis=1)
        case Wiring.K_OUT:
            pairs = _k_out(graph, size)
        case Wiring.GIVEN:
            pairs = np.array(graph.edges, np.int64).reshape(-1, 2)
    pairs.setflags(write=False)
    return pairs


def edge_count(graph: Graph, size: int) -> int:
    """The number of edges; only a k-out graph has to be drawn for it."""
    match graph.wiring:
        case Wiring.COMPLETE:
            return size * (size - 1) // 2
        case Wiring.RING:
            return size if size > 2 else size - 1
        case Wiring.PATH | Wiring.STAR:
            return size - 1
        case Wiring.GIVEN:
            return len(graph.edges)
        case Wiring.K_OUT:
            return len(edges(graph, size))


def degrees(graph: Graph, size: int) -> NDArray[np.int64]:
    """The number of neighbors of each member, `(size,)`."""
    return np.bincount(edges(graph, size).ravel(), minlength=size)


def _k_out(graph: Graph, size: int) -> Edges:
    """Each member's picks: distinct, never itself; an edge stands once, whoever picked it."""
    if graph.picks >= size:
        raise ConfigurationError(f"{graph.picks} picks among {size - 1} others", instead=f"at most {size - 1} picks")
    draw = _by_redrawing if graph.picks**2 <= 4 * size else _by_ordering
    picked = draw(Entropy.seeded(graph.seed or 0), size, graph.picks)
    own = np.arange(size, dtype=np.int64)[:, None]
    picked += picked >= own
    keys = np.minimum(picked, own)
    keys <<= _BITS
    keys |= np.maximum(picked, own, out=picked)
    return _unpacked(keys.reshape(-1))


def _by_redrawing(entropy: Entropy, size: int, picks: int) -> Edges:
    """Rows with a repeated pick are drawn again, whole, until none repeats: uniform over rows of distinct picks."""
    rows, attempt = np.arange(size, dtype=np.int64), 0
    picked = fresh = entropy.stream("k-out graph", attempt).below(size - 1, rows, picks).astype(np.int64)
    while len(rows := rows[_repeats(fresh)]):
        attempt += 1
        fresh = entropy.stream("k-out graph", attempt).below(size - 1, rows, picks).astype(np.int64)
        picked[rows] = fresh
    return picked


def _repeats(picked: Edges) -> NDArray[np.bool_]:
    """Which rows hold a number twice."""
    ordered = np.sort(picked, axis=1)
    repeated: NDArray[np.bool_] = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    return repeated


def _by_ordering(entropy: Entropy, size: int, picks: int) -> Edges:
    """Many picks: the first of a random order of all others, each row its own (ties among 2^64 words are ignored)."""
    stream = entropy.stream("k-out graph, ordered")
    picked = np.empty((size, picks), np.int64)
    block = max(1, _AT_ONCE // size)
    for first in range(0, size, block):
        rows = np.arange(first, min(first + block, size), dtype=np.int64)
        picked[rows] = np.argpartition(stream.words(rows, size - 1), picks - 1, axis=1)[:, :picks]
    return picked


def _sorted(pairs: Edges) -> Edges:
    return _unpacked((pairs[:, 0] << _BITS) | pairs[:, 1])


def _unpacked(keys: NDArray[np.int64]) -> Edges:
    """The pairs that keys (lower end, upper end) stand for, sorted, each once; the keys are sorted in place."""
    keys.sort()
    first = np.empty(len(keys), np.bool_)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    keys = keys[first]
    pairs = np.empty((len(keys), 2), np.int64)
    np.right_shift(keys, _BITS, out=pairs[:, 0])
    np.bitwise_and(keys, (1 << _BITS) - 1, out=pairs[:, 1])
    return pairs
