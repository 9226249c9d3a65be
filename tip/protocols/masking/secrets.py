"""Masking, an agent's secrets of one round: all of them follow from one seed.

So an agent that was restarted from what it kept says the same again, and never anything else (law 17). A round's seed
is drawn anew for every round and never used twice: a stream of masks under one key is used once.

What hangs on what: the mask seed gives the secret key of every edge's mask; whoever rebuilds it can take the agent's
masks off, and nothing else. The own seed gives the mask that only its holders can take off. A channel's keys hang on
neither; so a dispute opens one edge's key and tells nothing about another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.crypto import KeyPair, derive, derive_from_each, digest, digests, edge_pairs, edge_secret, publics, shamir
from tip.errors import MalformedMessage
from tip.protocols.masking.messages import CHANNEL
from tip.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tip.protocols.core import AgentId

_PRIME: Final = 2**255 - 19
_ORDER_8: Final = 325606250916557431795983626356110631294008115727848805560023387167927233504
_ORDER_8_TOO: Final = 39382357235489614581723060781553021112529911719440698176882885853963445705823
_SMALL: Final = frozenset(u.to_bytes(32, "little") for u in (0, 1, _PRIME - 1, _ORDER_8, _ORDER_8_TOO))
_TOP: Final = 0x7F  # of the last byte: below, a number is below the prime
LIMBS: Final = 16  # of a 32-byte secret
_CHANNEL: Final = "channel"  # the purposes of edges, as keys are derived for them
_MASK: Final = "mask"


@dataclass(frozen=True, slots=True)
class Secrets:
    """An agent's secrets of one round, from 32 uniform bytes."""

    seed: bytes = field(repr=False)

    @property
    def graph(self) -> bytes:
        """What draws its holders; public after the roster is fixed."""
        return derive(self.seed, "masking graph")

    @property
    def mask(self) -> bytes:
        """What the secret keys of its pairwise masks hang on."""
        return derive(self.seed, "masking mask keys")

    @property
    def own(self) -> bytes:
        """The seed of its own mask."""
        return derive(self.seed, "masking own mask")

    @property
    def channel(self) -> bytes:
        """What the secret keys of its channels hang on."""
        return derive(self.seed, "masking channels")

    def edge(self, purpose: int, peer: AgentId) -> bytes:
        """The X25519 secret of one edge and purpose."""
        return channel_secret(self.channel, peer) if purpose == CHANNEL else mask_secret(self.mask, peer)

    def pairs(self, peers: Iterable[AgentId]) -> dict[AgentId, Pairs]:
        """The key pairs of the edges to these neighbors."""
        known = list(peers)
        channel = edge_pairs(self.channel, _CHANNEL, known)
        mask = edge_pairs(self.mask, _MASK, known)
        return {peer: Pairs(one, other) for peer, one, other in zip(known, channel, mask, strict=True)}

    def shares(self, threshold: int, holders: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Shares of the mask seed and of the own seed, one row of `SHARE` bytes for each holder."""
        stream = Stream(derive(self.seed, "masking shares"), simulated=True)
        draw = shamir.coefficients(stream, threshold, 2 * LIMBS)
        both = shamir.split(self.mask + self.own, draw, holders)
        return shamir.pack_rows(both[:, :LIMBS]), shamir.pack_rows(both[:, LIMBS:])

    def sample(self, population: int, size: int) -> list[int]:
        """Which of so many consents this agent verifies: nobody else can foresee it."""
        stream = Stream(derive(self.seed, "masking sample"), simulated=True)
        return [int(place) for place in stream.choose(population, min(size, population))]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The key pairs of one edge."""

    channel: KeyPair
    mask: KeyPair


def commitment(seed: bytes) -> bytes:
    """The commitment to a graph seed: 32 uniform bytes hide themselves under a hash."""
    return digest("masking commitment", seed)


def mask_secret(mask: bytes, peer: AgentId) -> bytes:
    """The secret key of the mask toward a peer, from the mask seed."""
    return edge_secret(mask, _MASK, peer)


def mask_publics(mask: bytes, peers: tuple[AgentId, ...]) -> bytes:
    """The public keys of the masks toward these peers, from the mask seed: 32 bytes each."""
    return publics(mask, _MASK, peers)


def channel_secret(channel: bytes, peer: AgentId) -> bytes:
    """The secret key of the channel to a peer."""
    return edge_secret(channel, _CHANNEL, peer)


def mask_keys(seeds: Iterable[bytes], here: bytes) -> tuple[bytes, ...]:
    """The keys of the pairwise masks, from the pairwise seeds and who dealt.

    Two agents that were told different sets put masks on their vectors that do not cancel, and that nobody can take
    off while both survive: a coordinator that tells two stories about who dealt spoils the sum, and sees nothing.
    """
    return tuple(derive_from_each(seeds, "masking mask stream", here))


def usable(public: bytes) -> bool:
    """Whether these 32 bytes are a key that an honest agent can have: canonical, and no point of small order.

    On Curve25519 and its twist the points whose order divides 8 have u = 0, 1, -1 and two more (order 8); an
    agreement with one of them is zero whatever the other side's secret.
    """
    if public[-1] < _TOP:
        return public not in _SMALL
    u = int.from_bytes(public, "little")
    return u < _PRIME - 1


def pairwise_seed(mine: KeyPair, public: bytes, context: bytes) -> bytes:
    """The seed of the mask between two agents; raises `MalformedMessage` for a bad public key."""
    return mine.agree(public, "masking pairwise seed", context)


def shared_channel(mine: KeyPair, public: bytes, context: bytes) -> bytes:
    """What two neighbors share for their channel; raises `MalformedMessage` for a bad public key."""
    return mine.agree(public, "masking channel", context)


def sealing_key(channel: bytes, dealer: AgentId) -> bytes:
    """The key under which a dealer seals its one message on a channel: one for each direction."""
    return sealing_keys((channel,), dealer)[0]


def sealing_keys(channels: Iterable[bytes], dealer: AgentId) -> list[bytes]:
    """The keys under which one dealer seals on its channels."""
    return derive_from_each(channels, "masking sealing key", int(dealer).to_bytes(8, "big"))


def own_hash(seed: bytes) -> bytes:
    """What an agent publishes of the seed of its own mask."""
    return digest("masking own hash", seed)


def seed_hashes(seeds: Iterable[bytes]) -> list[bytes]:
    """What both ends publish of their pairwise seeds."""
    return digests("masking pairwise hash", seeds)


def share_hashes(shares: Iterable[bytes]) -> list[bytes]:
    """What a dealer publishes of its shares: as hard to guess as the secret."""
    return digests("masking share hash", shares)


def key_hashes(keys: Iterable[bytes]) -> list[bytes]:
    """What a dealer publishes of its sealing keys: one ciphertext could open under two."""
    return digests("masking key hash", keys)


def seed_hash(seed: bytes) -> bytes:
    """What both ends publish of one pairwise seed."""
    return seed_hashes((seed,))[0]


def share_hash(share: bytes) -> bytes:
    """What a dealer publishes of one share."""
    return share_hashes((share,))[0]


def key_hash(key: bytes) -> bytes:
    """What a dealer publishes of one sealing key."""
    return key_hashes((key,))[0]


def rebuilt(points: NDArray[np.int64], shares: NDArray[np.uint8]) -> list[bytes | None]:
    """The secrets of `(m, t, SHARE)` packed shares at points `(m, t)`; None where they belong to no 32 bytes.

    A dealer and a holder that pool can pass a share that packs no field element: that dealer's secret is None, too.
    """
    rows, threshold = points.shape
    packed = shares.reshape(rows * threshold, -1)
    sound = shamir.canonical_rows(packed, LIMBS)
    limbs = shamir.unpack_rows(np.where(sound[:, None], packed, 0), LIMBS)
    secrets = shamir.combine(points, limbs.reshape(rows, threshold, LIMBS))
    whole: list[bool] = np.logical_and.reduce(sound.reshape(rows, threshold), axis=1).tolist()
    return [_bytes(secret) if fine else None for secret, fine in zip(secrets, whole, strict=True)]


def _bytes(limbs: NDArray[np.uint32]) -> bytes | None:
    try:
        return shamir.to_bytes(limbs)
    except MalformedMessage:
        return None
