"""Malicious agents' lies about keys and shares: each is found, and most of them with a proof for everybody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from tip.attacks.protocol.agents import AgentAttack, swapped
from tip.crypto import KeyPair, derive, digest, seal, shamir
from tip.protocols.masking.messages import HASH, SEALED, SHARE, Dealing, Keys, Reveal
from tip.protocols.masking.sealing import bound
from tip.protocols.masking.secrets import Pairs, key_hash, sealing_key, seed_hash, share_hash
from tip.protocols.masking.stages import Dealt, Keyed
from tip.randomness import Stream

if TYPE_CHECKING:
    from tip.protocols.core import AgentId, Step
    from tip.protocols.masking.client import Agent


def put(data: bytes, at: int, piece: bytes) -> bytes:
    """The bytes with one piece at this place of a list of such pieces."""
    start = at * len(piece)
    return data[:start] + piece + data[start + len(piece) :]


def flipped(data: bytes) -> bytes:
    """The bytes with one bit changed."""
    return bytes([data[0] ^ 1]) + data[1:]


def sealed_for(agent: Agent, holder: AgentId, plain: bytes, key: bytes) -> bytes:
    """A message for a holder under this key, bound as honest ones are."""
    stage = agent.stage
    context = stage.rostered.context if isinstance(stage, Dealt) else b""
    return seal(key, plain, bound(context, agent.own.me, holder))


def channel_to(agent: Agent, holder: AgentId) -> bytes:
    """The key that seals for this holder."""
    stage = agent.stage
    return sealing_key(stage.edges[holder].channel if isinstance(stage, Dealt) else bytes(32), agent.own.me)


@dataclass(frozen=True, slots=True)
class OtherSeed(AgentAttack):
    """Reveals another graph seed than it was committed to."""

    name: ClassVar[str] = "another graph seed"
    tries: ClassVar[str] = "to choose its holders after it saw the roster"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """A seed made up after the roster."""
        return swapped(step, Reveal, lambda reveal, _: replace(reveal, seed=digest("another seed", reveal.seed)))


@dataclass(frozen=True, slots=True)
class LowOrderKey(AgentAttack):
    """Publishes a point of small order as its mask key: all agreements with it are zero."""

    name: ClassVar[str] = "low-order key"
    tries: ClassVar[str] = "to have an honest agent's mask known to everybody, or its machine stumble"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """U = 1 for the first neighbor."""
        low = (1).to_bytes(HASH, "little")
        return swapped(step, Keys, lambda keys, _: replace(keys, mask=put(keys.mask, 0, low)))


@dataclass(frozen=True, slots=True)
class InconsistentKey(AgentAttack):
    """Publishes mask keys that do not follow from the mask seed that it shares."""

    name: ClassVar[str] = "inconsistent key"
    tries: ClassVar[str] = "to drop out and leave masks that its holders cannot take off"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """Other pairs, used consistently: found when its mask seed has to be rebuilt."""
        agent = step.state
        if isinstance(agent.stage, Keyed):
            pairs = {peer: Pairs(two.channel, self._other(agent, peer)) for peer, two in agent.stage.pairs.items()}
            step = replace(step, state=replace(agent, stage=replace(agent.stage, pairs=pairs)))
            mask = b"".join([two.mask.public for two in pairs.values()])
            step = swapped(step, Keys, lambda keys, _: replace(keys, mask=mask))
        return step

    @staticmethod
    def _other(agent: Agent, peer: AgentId) -> KeyPair:
        return KeyPair.from_secret(derive(agent.own.secrets.seed, "another key", int(peer).to_bytes(8, "big")))


@dataclass(frozen=True, slots=True)
class WrongCiphertext(AgentAttack):
    """Seals bytes for one holder that do not open."""

    name: ClassVar[str] = "wrong ciphertext"
    tries: ClassVar[str] = "to have too few shares of its secrets, or the holder blamed for it"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """A bit of the first holder's message is changed before it is signed."""
        return swapped(step, Dealing, lambda d, _: replace(d, sealed=put(d.sealed, 0, flipped(d.sealed[:SEALED]))))


@dataclass(frozen=True, slots=True)
class OtherKey(AgentAttack):
    """Seals for one holder under another key, whose hash it signs."""

    name: ClassVar[str] = "ciphertext under another key"
    tries: ClassVar[str] = "to have a message that a judge can open and the holder cannot"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """The key is the dealer's own choice."""

        def other(dealing: Dealing, agent: Agent) -> Dealing:
            key = digest("another key", dealing.own)
            sealed = sealed_for(agent, dealing.holders[0], bytes(2 * SHARE), key)
            return replace(
                dealing,
                sealed=put(dealing.sealed, 0, sealed),
                keys=put(dealing.keys, 0, key_hash(key)),
                shares=put(dealing.shares, 0, share_hash(bytes(SHARE)) * 2),
            )

        return swapped(step, Dealing, other)


@dataclass(frozen=True, slots=True)
class WrongShares(AgentAttack):
    """Seals other shares for one holder than those whose hashes it signs."""

    name: ClassVar[str] = "wrong shares"
    tries: ClassVar[str] = "to have a holder give wrong shares later, and be blamed for it"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """Zeros under the right key."""

        def other(dealing: Dealing, agent: Agent) -> Dealing:
            holder = dealing.holders[0]
            sealed = sealed_for(agent, holder, bytes(2 * SHARE), channel_to(agent, holder))
            return replace(dealing, sealed=put(dealing.sealed, 0, sealed))

        return swapped(step, Dealing, other)


@dataclass(frozen=True, slots=True)
class OtherSecret(AgentAttack):
    """Deals sound shares of another secret than the own mask's seed whose hash it signs."""

    name: ClassVar[str] = "shares of another secret"
    tries: ClassVar[str] = "to spoil the sum: its own mask cannot be taken off"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """All holders get shares that fit one another."""
        return swapped(step, Dealing, self._other)

    @staticmethod
    def _other(dealing: Dealing, agent: Agent) -> Dealing:
        secret, threshold = (
            agent.own.secrets.mask + digest("another secret", dealing.own),
            agent.own.parameters.threshold,
        )
        draw = shamir.coefficients(Stream(derive(dealing.own, "other shares"), simulated=True), threshold, 32)
        rows = shamir.split(secret, draw, len(dealing.holders))
        two = [
            (mask.tobytes(), own.tobytes())
            for mask, own in zip(shamir.pack_rows(rows[:, :16]), shamir.pack_rows(rows[:, 16:]), strict=True)
        ]
        sealed = [
            sealed_for(agent, holder, b"".join(shares), channel_to(agent, holder))
            for holder, shares in zip(dealing.holders, two, strict=True)
        ]
        hashes = b"".join([share_hash(share) for shares in two for share in shares])
        return replace(dealing, sealed=b"".join(sealed), shares=hashes)


@dataclass(frozen=True, slots=True)
class LyingSeedHash(AgentAttack):
    """Signs a hash that is not that of its pairwise seed with one neighbor."""

    victim: AgentId
    name: ClassVar[str] = "lying seed hash"
    tries: ClassVar[str] = "to have the neighbor blamed for a pairwise seed that nobody signed"

    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """The hash of something else, for this neighbor."""

        def lying(dealing: Dealing, _: Agent) -> Dealing:
            if self.victim not in dealing.peers:
                return dealing
            return replace(dealing, seeds=put(dealing.seeds, dealing.peers.index(self.victim), seed_hash(bytes(32))))

        return swapped(step, Dealing, lying)
