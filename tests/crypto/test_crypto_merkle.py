"""Merkle trees against a recursive twin, and what they refuse."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.crypto.merkle import Tree, root_of
from tip.errors import MalformedMessage

ITEMS = st.lists(st.binary(max_size=40), min_size=1, max_size=40)


def slow_root(items: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it is written."""
    if len(items) <= 1:
        return hashlib.sha256(b"\x00" + items[0] if items else b"").digest()
    half = 1 << (len(items) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + slow_root(items[:half]) + slow_root(items[half:])).digest()


@given(ITEMS)
def test_the_root_is_that_of_the_standard(items: list[bytes]) -> None:
    assert Tree(items).root == slow_root(items)


def test_the_empty_list_has_the_standard_s_root() -> None:
    assert Tree([]).root == slow_root([]) == hashlib.sha256(b"").digest()


@given(ITEMS, st.data())
def test_every_item_has_a_proof_and_no_other_item_place_or_size_has_it(items: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(items) - 1))
    tree = Tree(items)
    path = tree.path(place)
    assert root_of(items[place], place, len(items), path) == tree.root
    assert root_of(items[place] + b"x", place, len(items), path) != tree.root
    for other in {place ^ 1, place + 1} & set(range(len(items))):
        try:
            assert root_of(items[place], other, len(items), path) != tree.root or items[other] == items[place]
        except MalformedMessage:
            continue


def test_a_leaf_is_not_taken_for_a_node() -> None:
    """Without the two prefixes the item `left | right` would prove itself a list of one."""
    tree = Tree([b"a", b"b"])
    left, right = hashlib.sha256(b"\x00a").digest(), hashlib.sha256(b"\x00b").digest()
    assert root_of(left + right, 0, 1, ()) != tree.root


@pytest.mark.parametrize(("place", "size", "length"), [(0, 3, 1), (0, 3, 3), (3, 3, 2), (-1, 3, 2), (0, 1, 1)])
def test_paths_of_another_form_are_refused(place: int, size: int, length: int) -> None:
    with pytest.raises(MalformedMessage):
        root_of(b"item", place, size, [bytes(32)] * length)


def test_no_such_item() -> None:
    with pytest.raises(IndexError, match="3 items has no item 3"):
        Tree([b"a", b"b", b"c"]).path(3)
