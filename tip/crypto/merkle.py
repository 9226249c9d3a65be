"""Merkle trees: one hash for a list, and short proofs of its items.

The hashing is that of RFC 9162, section 2.1: a leaf is SHA-256(0x00 | item), a node SHA-256(0x01 | left | right), and a
list of n > 1 items is split at the largest power of two below n. Built level by level this is the same tree: neighbors
are joined in pairs, and an odd last one goes up as it is.

**Law.** `root_of(items[i], i, n, Tree(items).path(i)) == Tree(items).root`, and for another item at
that place of a list of that size only if SHA-256 collides. The size is the list's business: whoever signs a root signs
the size with it (place 2 of 3 and place 1 of 2 have the same path).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from tip.errors import MalformedMessage

if TYPE_CHECKING:
    from collections.abc import Sequence


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _leaf(item: bytes) -> bytes:
    return sha256(b"\x00" + item).digest()


class Tree:
    """The tree over a list of byte strings; the empty list's root is SHA-256 of nothing."""

    __slots__ = ("_levels", "size")

    def __init__(self, items: Sequence[bytes]) -> None:
        self.size = len(items)
        level = [sha256(b"\x00" + item).digest() for item in items]
        self._levels = [level]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)  # an odd last one has no partner
            joined = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            if len(level) % 2:
                joined.append(level[-1])
                level.append(b"")  # beside the odd one there is nothing
            level = joined
            self._levels.append(level)

    @property
    def root(self) -> bytes:
        """The hash of the whole list."""
        return self._levels[-1][0] if self._levels[0] else sha256(b"").digest()

    def path(self, place: int) -> tuple[bytes, ...]:
        """The hashes beside the way from an item to the root, from below; `IndexError` for no such item."""
        return self.paths([place])[0]

    def paths(self, places: Sequence[int]) -> list[tuple[bytes, ...]]:
        """The paths of several items."""
        for place in places:
            if not 0 <= place < self.size:
                raise IndexError(f"a list of {self.size} items has no item {place}")
        beside = [[level[(p >> height) ^ 1] for p in places] for height, level in enumerate(self._levels[:-1])]
        if not beside:
            return [()] * len(places)
        return [tuple(filter(None, nodes)) for nodes in zip(*beside, strict=True)]


def root_of(item: bytes, place: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of the list of `size` items that has this one at `place`, by its path.

    Raises `MalformedMessage` for a place outside the list or a path of another length.
    """
    if not 0 <= place < size:
        raise MalformedMessage(f"a list of {size} items has no item {place}")
    at, node, beside = place, _leaf(item), iter(path)
    while size > 1:
        if at ^ 1 < size:
            other = next(beside, None)
            if other is None:
                raise MalformedMessage("the path of an item is too short")
            node = _node(other, node) if at & 1 else _node(node, other)
        at, size = at // 2, (size + 1) // 2
    if next(beside, None) is not None:
        raise MalformedMessage("the path of an item is too long")
    return node
