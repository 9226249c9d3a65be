"""Masking, the neighbors' keys: proofs that a holder signed them, made by one side and checked by the other.

A holder signs all its keys at once, by the root of a tree. Its proof for one edge is the signature, the edge's place in
the tree and the path to the root. Only holders need one: that an agent's masks cannot be taken off rests on the keys of
its own holders alone (docs/masking.md), so a false key of another neighbor spoils the sum and shows nothing. Nor does
it get the agent blamed, though what it deals then does not fit that neighbor's true keys: its Dealing names the keys
that it was told (`told`), and a complaint about it counts only where these are the ones that the neighbor signed.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from tip.crypto.merkle import root_of
from tip.errors import MalformedMessage
from tip.protocols.masking.messages import HASH, SIGNATURE, Keys, key_leaf, pieces
from tip.protocols.masking.signing import genuine_content, keys_content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.protocols.core import AgentId, Round
    from tip.protocols.masking.messages import Peers
    from tip.protocols.masking.signing import Directory

_HEAD: Final = struct.Struct("<IIB")  # size of the tree, place in it, length of the path


def proofs_for(keys: Keys, readers: Iterable[AgentId]) -> dict[AgentId, bytes]:
    """For each of these neighbors, that the keys toward it are signed."""
    places = {peer: place for place, peer in enumerate(keys.peers)}
    read = [(reader, places[reader]) for reader in readers]
    return {
        reader: _HEAD.pack(len(places), place, len(path)) + keys.signature + b"".join(path)
        for (reader, place), path in zip(read, keys.tree.paths([place for _, place in read]), strict=True)
    }


def require_signed(message: Peers, holders: Iterable[AgentId], directory: Directory, context: bytes) -> None:
    """Raise `MalformedMessage` unless each of these holders that is among the peers signed its keys."""
    rest = message.proofs
    places = {peer: place for place, peer in enumerate(message.peers)}
    for holder in holders:
        if holder in places:
            at = places[holder] * HASH
            leaf = key_leaf(message.to, message.channel[at : at + HASH], message.mask[at : at + HASH])
            rest = _checked(rest, leaf, message.round, holder, directory.key(holder) or b"", context)
    if rest:
        raise MalformedMessage("there are more proofs than holders")


def _checked(rest: bytes, leaf: bytes, round: Round, holder: AgentId, key: bytes, context: bytes) -> bytes:  # noqa: A002
    """What is left after the first proof, if that is one."""
    if len(rest) < _HEAD.size + SIGNATURE:
        raise MalformedMessage("a proof ends early")
    size, place, length = _HEAD.unpack_from(rest)
    start = _HEAD.size + SIGNATURE
    end = start + HASH * length
    if len(rest) < end:
        raise MalformedMessage("a proof ends early")
    path = [rest[at : at + HASH] for at in range(start, end, HASH)]
    root = root_of(leaf, place, size, path)
    said = keys_content(round, holder, size, root)
    if not genuine_content(key, context, Keys, said, rest[_HEAD.size : start]):
        raise MalformedMessage(f"the keys of agent {holder} are not signed by it")
    return rest[end:]


def require_distinct(message: Peers, own: Keys) -> None:
    """Raise `MalformedMessage` if a key stands twice or is the agent's own."""
    keys = pieces(message.channel + message.mask + own.channel + own.mask, HASH)
    if len(set(keys)) != len(keys):
        raise MalformedMessage("a public key stands twice")
