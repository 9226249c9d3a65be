"""Masking, findings: whether signed words agree with one another.

Each answers one question about messages whose signatures were checked before. The coordinator asks them when an answer
comes, the judge when it is shown evidence: so both decide alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tip.crypto import KeyPair
from tip.errors import MalformedMessage
from tip.protocols.masking.messages import CHANNEL, HASH, MASK, SHARE, pieces
from tip.protocols.masking.sealing import Piece
from tip.protocols.masking.secrets import (
    mask_publics,
    own_hash,
    pairwise_seed,
    rebuilt,
    seed_hash,
    seed_hashes,
    share_hashes,
    shared_channel,
    usable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import AgentId
    from tip.protocols.masking.messages import Complaint, Dealing, Delivery, Keys, Peers, Unmask


def keys_are_usable(message: Keys) -> bool:
    """Whether all keys are such as an honest agent has, each once."""
    keys = pieces(message.channel + message.mask, HASH)
    return len(set(keys)) == len(keys) and all(map(usable, keys))


def decide(complaint: Complaint, keys: Keys, dealing: Dealing, own: Keys, context: bytes) -> AgentId:
    """Who is guilty, the dealer of `keys` and `dealing` or the complainer of `own`: all of them are signed."""
    dealer, complainer = complaint.about, complaint.sender
    mine = KeyPair.from_secret(complaint.secret)
    if mine.public != edge_key(own, complaint.purpose, dealer):
        return complainer  # that is not the secret of its signed key
    theirs = edge_key(keys, complaint.purpose, complainer)
    if theirs is None:
        return complainer  # no edge, nothing to complain about
    try:
        if complaint.purpose == MASK:
            seed = seed_hash(pairwise_seed(mine, theirs, context))
            return complainer if seed == seed_of(dealing, complainer) else dealer
        if complainer not in dealing.holders:
            return complainer
        piece = Piece.at(dealing, dealing.holders.index(complainer))
        piece.opened(shared_channel(mine, theirs, context), context, dealer, complainer)
    except MalformedMessage:
        return dealer
    return complainer


def edge_key(keys: Keys, purpose: int, peer: AgentId) -> bytes | None:
    """The signed public key of one edge."""
    if peer not in keys.peers:
        return None
    at = keys.peers.index(peer) * HASH
    return (keys.channel if purpose == CHANNEL else keys.mask)[at : at + HASH]


def differ(peers: Peers, keys: Keys) -> bool:
    """Whether the keys of a neighbor that Peers hold are others than it signed for the receiver."""
    if keys.sender not in peers.peers:
        return False
    at = peers.peers.index(keys.sender) * HASH
    held = (peers.channel[at : at + HASH], peers.mask[at : at + HASH])
    return held != (edge_key(keys, CHANNEL, peers.to), edge_key(keys, MASK, peers.to))


def told_pair(dealing: Dealing, told: bytes, peer: AgentId) -> tuple[bytes, bytes] | None:
    """Of the keys that a dealer was told, channel and mask, those of one neighbor."""
    if peer not in dealing.peers:
        return None
    keys, at = pieces(told, HASH), dealing.peers.index(peer)
    return (keys[at], keys[len(dealing.peers) + at]) if len(keys) == 2 * len(dealing.peers) else None


def seed_of(dealing: Dealing, peer: AgentId) -> bytes | None:
    """The signed hash of the pairwise seed with this neighbor."""
    if peer not in dealing.peers:
        return None
    at = dealing.peers.index(peer) * HASH
    return dealing.seeds[at : at + HASH]


def shares_fit(unmask: Unmask, dealt: Mapping[AgentId, bytes]) -> bool:
    """Whether every share is the one whose hash was dealt: the second hash is the own mask's, the first the other's."""
    return all(
        set(dealers) <= dealt.keys()
        and share_hashes(pieces(shares, SHARE)) == [dealt[dealer][start : start + HASH] for dealer in dealers]
        for dealers, shares, start in ((unmask.alive, unmask.own_shares, HASH), (unmask.gone, unmask.mask_shares, 0))
    )


def dealt_hash(dealing: Dealing, place: int, *, own: bool) -> bytes:
    """The signed hash of the share at this place, of the own mask's seed or of the mask seed."""
    start = (2 * place + own) * HASH
    return dealing.shares[start : start + HASH]


def secret_fits(keys: Keys, dealing: Dealing, secret: bytes | None, *, own: bool) -> bool:
    """Whether a rebuilt secret is the one whose hash, or whose public keys, the dealer signed."""
    if secret is None:
        return False
    if own:
        return own_hash(secret) == dealing.own
    return mask_publics(secret, keys.peers) == keys.mask


def rebuilt_from(shares: Mapping[int, bytes], threshold: int) -> bytes | None:
    """The secret of the first shares by place."""
    places = sorted(shares)[:threshold]
    points = np.array([places], dtype=np.int64) + 1
    rows = np.frombuffer(b"".join([shares[place] for place in places]), dtype=np.uint8)
    return rebuilt(points, rows.reshape(1, len(places), SHARE))[0]


def seeds_fit(unmask: Unmask, dealing: Dealing) -> bool:
    """Whether every pairwise seed is the one whose hash its sender signed."""
    known = dict(zip(dealing.peers, pieces(dealing.seeds, HASH), strict=True))
    return set(unmask.edges) <= known.keys() and seed_hashes(pieces(unmask.seeds, HASH)) == [
        known[peer] for peer in unmask.edges
    ]


def delivered_as_dealt(delivery: Delivery, dealing: Dealing) -> bool:
    """Whether all that a Delivery holds of a dealer is in its Dealing."""
    dealer, holder = dealing.sender, delivery.to
    if dealer not in {*delivery.peers, *delivery.dealers}:
        return True
    if dealer in delivery.peers:
        at = delivery.peers.index(dealer) * HASH
        if delivery.seeds[at : at + HASH] != seed_of(dealing, holder):
            return False
    held = Piece.at(delivery, delivery.dealers.index(dealer)) if dealer in delivery.dealers else None
    return held == (Piece.at(dealing, dealing.holders.index(holder)) if holder in dealing.holders else None)
