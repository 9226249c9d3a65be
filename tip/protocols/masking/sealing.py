"""Masking, an agent's edges: what it shares with a neighbor, what it deals, what it was dealt.

A dealing is one message for each holder, two shares sealed under a key that this one message has (`secrets`). The
dealer signs the hash of the sealed bytes' key and of both shares beside them: AES-256-GCM does not commit to its key,
so without that hash one ciphertext could be opened in two ways, and a dispute would have no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING

from tip.crypto import seal, unseal
from tip.errors import MalformedMessage
from tip.protocols.masking.messages import HASH, SEALED, SHARE, Dealing, Delivery, Peers
from tip.protocols.masking.secrets import (
    LIMBS,
    key_hash,
    key_hashes,
    own_hash,
    pairwise_seed,
    sealing_key,
    sealing_keys,
    seed_hashes,
    share_hash,
    share_hashes,
    shared_channel,
)
from tip.protocols.masking.signing import keys_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import AgentId, Round
    from tip.protocols.masking.secrets import Pairs, Secrets

    Agents = tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """What an agent shares with one neighbor: a channel and the seed of their mask."""

    channel_key: bytes
    mask_key: bytes
    channel: bytes = field(repr=False)
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shares:
    """The two shares of one dealer: only one of them is ever given out."""

    mask: bytes = field(repr=False)
    own: bytes = field(repr=False)


def edges_of(pairs: Mapping[AgentId, Pairs], message: Peers, context: bytes) -> dict[AgentId, Edge]:
    """The edges to all neighbors whose keys came; raises `MalformedMessage` if one of the keys is bad."""
    edges = {}
    for peer, at in zip(message.peers, range(0, len(message.mask), HASH), strict=True):
        mine, channel, mask = pairs[peer], message.channel[at : at + HASH], message.mask[at : at + HASH]
        shared = shared_channel(mine.channel, channel, context)
        edges[peer] = Edge(channel, mask, shared, pairwise_seed(mine.mask, mask, context))
    return edges


def bound(context: bytes, dealer: AgentId, holder: AgentId) -> bytes:
    """What a sealed message is bound to: round, dealer, holder."""
    return context + int(dealer).to_bytes(8, "big") + int(holder).to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Dealer:
    """An agent that deals: who it is, its secrets of the round, the round's context."""

    me: AgentId
    secrets: Secrets
    context: bytes

    def dealing(self, round: Round, edges: Mapping[AgentId, Edge], holders: Agents, threshold: int) -> Dealing:  # noqa: A002
        """The agent's shares for those of its holders that are here, and the hashes that bind it. Unsigned.

        A holder's point is its place in this message, counted from 1.
        """
        here = tuple(holder for holder in holders if holder in edges)
        mask, own = self.secrets.shares(threshold, len(here))
        keys = sealing_keys((edges[holder].channel for holder in here), self.me)
        dealt = [(one.tobytes(), other.tobytes()) for one, other in zip(mask, own, strict=True)]
        return Dealing(
            round,
            self.me,
            peers=tuple(edges),
            seeds=b"".join(seed_hashes(edge.seed for edge in edges.values())),
            holders=here,
            sealed=b"".join(
                [
                    seal(key, b"".join(two), bound(self.context, self.me, holder))
                    for key, two, holder in zip(keys, dealt, here, strict=True)
                ]
            ),
            shares=b"".join(share_hashes(share for two in dealt for share in two)),
            keys=b"".join(key_hashes(keys)),
            own=own_hash(self.secrets.own),
            told=keys_told(
                b"".join([edge.channel_key for edge in edges.values()]),
                b"".join([edge.mask_key for edge in edges.values()]),
            ),
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """What one dealer sealed for one holder, as it was delivered or as the dealer signed it."""

    sealed: bytes
    hashes: bytes
    key: bytes

    @classmethod
    def at(cls, message: Dealing | Delivery, place: int) -> Piece:
        """The piece at this place of a message's lists."""
        return cls(
            message.sealed[place * SEALED : (place + 1) * SEALED],
            message.shares[place * 2 * HASH : (place + 1) * 2 * HASH],
            message.keys[place * HASH : (place + 1) * HASH],
        )

    def opened(self, channel: bytes, context: bytes, dealer: AgentId, holder: AgentId) -> Shares:
        """Both shares; raises `MalformedMessage` if key, seal or a share is not what the hashes say."""
        key = sealing_key(channel, dealer)
        if not compare_digest(key_hash(key), self.key):
            raise MalformedMessage("sealed under another key than the hash says")
        plain = unseal(key, self.sealed, bound(context, dealer, holder))
        shares = Shares(plain[:SHARE], plain[SHARE:])
        if not compare_digest(share_hash(shares.mask) + share_hash(shares.own), self.hashes):
            raise MalformedMessage("shares that are not those of the hashes")
        if not (len(shares.own) == SHARE and canonical(shares.mask) and canonical(shares.own)):
            raise MalformedMessage("shares that are no elements of the field")
        return shares


def all_opened(channels: Mapping[AgentId, bytes], message: Delivery, context: bytes) -> dict[AgentId, Shares] | None:
    """All shares of a delivery, if there is nothing wrong with any of them; else None, and each is to be looked at.

    `channels`: what is shared with each dealer. The same as `Piece.opened` one by one, in one comparison.
    """
    keys = [sealing_key(channels[dealer], dealer) for dealer in message.dealers]
    if not compare_digest(b"".join(key_hashes(keys)), message.keys):
        return None
    try:
        plain = [
            unseal(key, message.sealed[at : at + SEALED], bound(context, dealer, message.to))
            for key, dealer, at in zip(keys, message.dealers, range(0, len(message.sealed), SEALED), strict=True)
        ]
    except MalformedMessage:
        return None
    shares = [Shares(two[:SHARE], two[SHARE:]) for two in plain]
    if not compare_digest(b"".join(share_hashes(one for two in shares for one in (two.mask, two.own))), message.shares):
        return None
    if not all(canonical(two.mask) and canonical(two.own) for two in shares):
        return None
    return dict(zip(message.dealers, shares, strict=True))


def canonical(share: bytes) -> bool:
    """Whether these 34 bytes are a share: 16 low halves, then a bit for each limb that is 65536, its low half being 0.

    The same test as `tip.crypto.shamir.canonical_rows`, for one share that is mostly free of such bits.
    """
    high = int.from_bytes(share[2 * LIMBS :], "big")
    return not high or not any(
        high >> (LIMBS - 1 - limb) & 1 and share[2 * limb : 2 * limb + 2] != b"\0\0" for limb in range(LIMBS)
    )
