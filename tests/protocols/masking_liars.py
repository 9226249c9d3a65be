"""Parties of masked rounds that lie and sign it: they know their own secrets, and pool them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np

from tip.crypto import KeyPair, digest, seal
from tip.errors import ConfigurationError, ProtocolMisuse
from tip.protocols.core import COORDINATOR, AgentId, Body, Round
from tip.protocols.loopback import Envelope
from tip.protocols.masking.messages import (
    HASH,
    SEALED,
    SHARE,
    SIGNATURE,
    TABLE,
    Complaint,
    Consent,
    Consents,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Query,
    Roster,
    Survivors,
    Unmask,
)
from tip.protocols.masking.sealing import bound
from tip.protocols.masking.secrets import key_hash, sealing_key, seed_hash, share_hash
from tip.protocols.masking.signing import genuine, signed, survivors_root, words_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.protocols.masking_parties import Scene
    from tip.protocols.core import Vector
    from tip.protocols.masking import client

LOW_ORDER: Final = bytes(HASH)
ROWS: Final[dict[type[Message], dict[str, dict[str, int]]]] = {
    Roster: {"agents": {"commitments": HASH}},
    Keys: {"peers": {"channel": HASH, "mask": HASH}},
    Peers: {"peers": {"channel": HASH, "mask": HASH}},
    Dealing: {"peers": {"seeds": HASH}, "holders": {"sealed": SEALED, "shares": 2 * HASH, "keys": HASH}},
    Delivery: {"peers": {"seeds": HASH}, "dealers": {"sealed": SEALED, "shares": 2 * HASH, "keys": HASH}},
    Survivors: {"agents": {}},
    Consents: {"agents": {"signatures": SIGNATURE}},
    Unmask: {"alive": {"own_shares": SHARE}, "gone": {"mask_shares": SHARE}, "edges": {"seeds": HASH}},
}


M = TypeVar("M", bound=Message)


def changed(message: M, **values: Any) -> M:  # noqa: ANN401 - of any fields
    """The message with other values in some fields."""
    return replace(message, **values)


def mutated(message: Message, which: int, how: int) -> Message | None:
    """The message with one field changed, or None where no such message can be made."""
    names = [f.name for f in fields(message) if f.name not in ("round", "sender", "signature")]
    if not names:
        return None
    name = names[which % len(names)]
    try:
        return changed(message, **{name: _other(getattr(message, name), how)})
    except ConfigurationError:
        return None


def _other(value: object, how: int) -> object:
    match value:
        case int():
            return value ^ (1 << how % 8)
        case bytes():
            return flipped(value, how)
        case tuple():
            return tuple(sorted({*value} ^ {AgentId(how % 8 - 1)}))
        case Body():
            return replace(value, digest=flipped(value.digest, how))
    return value


def flipped(data: bytes, how: int) -> bytes:
    """The bytes with one of them changed; none stay none."""
    if not data:
        return data
    changed = bytearray(data)
    changed[how % len(data)] ^= 1 + how // len(data) % 255
    return bytes(changed)


def without(message: Message, which: int, how: int) -> Message | None:
    """The message without one agent of a list, and without what stands beside it."""
    lists = ROWS.get(type(message), {})
    if not lists:
        return None
    name = list(lists)[which % len(lists)]
    agents = getattr(message, name)
    if not agents:
        return None
    at = how % len(agents)
    beside = {
        piece: getattr(message, piece)[: at * size] + getattr(message, piece)[(at + 1) * size :]
        for piece, size in lists[name].items()
    }
    return changed(message, **{name: agents[:at] + agents[at + 1 :]}, **beside)


def put(data: bytes, at: int, piece: bytes) -> bytes:
    """The bytes with the piece in place of those at its place, counted in pieces."""
    return data[: at * len(piece)] + piece + data[(at + 1) * len(piece) :]


@dataclass
class Liars:
    """Malicious parties that pool: what they made up, by what the others see of it.

    `plots`: which lies they tell, of what type and kind, and whether in place of the truth or beside it. `slow`: whose
    messages of which type come after their stage has ended, anybody's.
    """

    scene: Scene
    names: frozenset[AgentId]
    plots: list[tuple[type[Any], int, int, bool]] = field(default_factory=list)
    slow: list[tuple[type[Any], AgentId]] = field(default_factory=list)
    to: AgentId = COORDINATOR
    places: list[tuple[AgentId, str, int]] = field(default_factory=list)
    pairs: dict[bytes, KeyPair] = field(default_factory=dict)
    seeds: dict[bytes, bytes] = field(default_factory=dict)
    shares: dict[tuple[AgentId, AgentId], bytes] = field(default_factory=dict)

    def say(self, message: Message, to: AgentId, *, instead: bool = True) -> bool:
        """Sign a message of a liar and put it on its way."""
        context = self.scene.context(message, to)
        if context is None:
            return False
        try:
            said = signed(self.scene.identity(message.sender), context, message)
            frame = TABLE.encode(said, self.scene.parties[message.sender].held)
        except ProtocolMisuse:
            return False  # a vector that nobody made, a number that does not fit
        self.scene.said.append(said)
        envelope = Envelope(message.sender, to, frame)
        self.scene.pending.appendleft(envelope) if instead else self.scene.pending.append(envelope)
        return True

    def meddle(self, envelope: Envelope) -> bool:
        """Carry out what was plotted for a message of this type."""
        message = TABLE.decode(envelope.frame, limit=1 << 20).message
        if (type(message), envelope.sender) in self.slow:
            self.slow.remove((type(message), envelope.sender))
            self.scene.late.append(envelope)
            return True
        for kind, which, how, instead in self.plots:
            if type(message) is kind and self._lies(envelope, how):
                other = self.lie(envelope, which, how)
                if other is not None and self.say(other, envelope.to, instead=instead):
                    return instead
        return False

    def _lies(self, envelope: Envelope, how: int) -> bool:
        """A liar always; a coordinator, where it is one, to some."""
        return envelope.sender in self.names or (envelope.sender == COORDINATOR and bool(how >> envelope.to & 1))

    def lie(self, envelope: Envelope, which: int, how: int) -> Message | None:
        """Another message than the one on its way."""
        message = cast("Message", TABLE.decode(envelope.frame, limit=1 << 20).message)
        self.to = envelope.to
        lies = LIES.get(type(message), ())
        place = which % (len(lies) + 2)
        if place < len(lies):
            return lies[place](self, message, how)
        change = mutated if place == len(lies) else without
        return change(message, how, how // 8)

    def complaint(self, liar: AgentId, about: AgentId, purpose: int, kind: int) -> Complaint | None:
        """A complaint about anybody, with the edge's true key, with one signed in its place, or with another."""
        state = self.scene.coordinator
        keys, dealings = state.of(Keys), state.of(Dealing)
        if liar not in keys or about not in dealings or about not in keys[liar].peers:
            return None
        own, place = self.scene.secrets[liar], (liar, ("channel", "mask")[purpose], keys[liar].peers.index(about))
        secret = (own.edge(purpose, about), _secret(place), _secret(own.graph))[kind]
        return Complaint(Round(7), liar, about, purpose, secret, words_hash(keys[about], dealings[about]))

    def afterthoughts(self) -> None:
        """Complaints, signed and shown to a judge only, with the secrets of all keys that were made up."""
        for liar, name, at in self.places:
            keys = self.scene.coordinator.of(Keys).get(liar)
            context = self.scene.context(Query(Round(7), liar, liar), COORDINATOR)
            if keys is not None and context is not None and at < len(keys.peers):
                complaint = self.complaint(liar, keys.peers[at], ("channel", "mask").index(name), 1)
                if complaint is not None:
                    self.scene.said.append(signed(self.scene.cast.agents[liar], context, complaint))

    def made(self, *parts: object) -> KeyPair:
        """A key pair that no honest machine has, known to all liars."""
        pair = KeyPair.from_secret(_secret(parts))
        self.pairs[pair.public] = pair
        return pair

    def bogus(self, *agents: AgentId) -> bytes:
        """A seed that no keys agree on; two liars make up the same."""
        seed = digest("masking test seed", repr(sorted(agents)).encode())
        self.seeds[seed_hash(seed)] = seed
        return seed

    def channel(self, dealer: AgentId, holder: AgentId) -> bytes:
        """What a liar shares with a holder."""
        stage: Any = self.scene.parties[dealer].state.stage
        while not hasattr(stage, "edges"):
            stage = stage.masked if hasattr(stage, "masked") else stage.dealt
        channel: bytes = stage.edges[holder].channel
        return channel


def _secret(parts: object) -> bytes:
    return digest("masking test pair", repr(parts).encode())


def _replaced_key(liars: Liars, message: Keys, how: int) -> Message | None:
    """Another key than the secrets give."""
    if not message.peers:
        return None
    name = ("channel", "mask")[how % 2]
    at = how // 2 % len(message.peers)
    key = liars.made(message.sender, name, at).public
    liars.places.append((message.sender, name, at))
    return changed(message, **{name: put(getattr(message, name), at, key)})


def _low_order(liars: Liars, message: Keys, how: int) -> Message | None:
    return (
        replace(message, mask=put(message.mask, how % max(len(message.peers), 1), LOW_ORDER)) if message.peers else None
    )


def _shared_key(liars: Liars, message: Keys, how: int) -> Message | None:
    """The same key for all liars toward one neighbor."""
    if not message.peers:
        return None
    to = [peer for peer in message.peers if peer not in liars.names]
    at = message.peers.index(to[how % len(to)])
    return replace(message, mask=put(message.mask, at, liars.made("shared").public))


def _twice(liars: Liars, message: Keys, how: int) -> Message | None:
    return replace(message, channel=message.mask) if message.peers else None


def _false_seed(liars: Liars, message: Dealing, how: int) -> Message | None:
    """The hash of a seed that was made up; with a fellow liar, the one that it makes up, too."""
    fellows = [peer for peer in message.peers if peer in liars.names]
    if not message.peers:
        return None
    peer = fellows[0] if fellows and how % 2 else message.peers[how // 2 % len(message.peers)]
    seed = liars.bogus(message.sender, peer)
    return replace(message, seeds=put(message.seeds, message.peers.index(peer), seed_hash(seed)))


def _resealed(liars: Liars, message: Dealing, how: int, share: bytes, *, key: bytes | None = None) -> Message | None:
    """Both shares replaced for one holder, with the hashes that fit."""
    if not message.holders:
        return None
    place = how % len(message.holders)
    holder = message.holders[place]
    try:
        context = liars.scene.context(message, COORDINATOR) or b""
        key = sealing_key(liars.channel(message.sender, holder), message.sender) if key is None else key
    except AttributeError:
        return None  # restarted or declined since
    liars.shares[message.sender, holder] = share
    return replace(
        message,
        sealed=put(message.sealed, place, seal(key, share + share, bound(context, message.sender, holder))),
        shares=put(message.shares, place, share_hash(share) * 2),
        keys=put(message.keys, place, key_hash(key)),
    )


def _garbage_share(liars: Liars, message: Dealing, how: int) -> Message | None:
    return _resealed(liars, message, how, bytes([how % 251, 1]) * 16 + bytes(2))


def _no_share(liars: Liars, message: Dealing, how: int) -> Message | None:
    """Bytes that are no elements of the field."""
    return _resealed(liars, message, how, b"\1\1" * 16 + b"\xff\xff")


def _other_key(liars: Liars, message: Dealing, how: int) -> Message | None:
    """Sealed under a key that the holder does not have, with its hash."""
    return _resealed(liars, message, how, bytes(SHARE), key=bytes([how % 256]) * 32)


def _other_vector(liars: Liars, message: MaskedInput, how: int) -> Message | None:
    vector: Vector = np.array([how % 65536, 3], dtype=np.uint16)
    body = Body.of(vector, message.body.modulus_bits)
    liars.scene.parties[message.sender].held[body.digest] = vector
    return replace(message, body=body)


def _pooled_share(liars: Liars, message: Unmask, how: int) -> Message | None:
    """A liar opens what a fellow dealt it, though an honest holder had refused it."""
    mine = [dealer for dealer, holder in liars.shares if holder == message.sender]
    delivered = liars.scene.parties[COORDINATOR].state.of(Dealing).keys()
    survivors = getattr(liars.scene.coordinator.stage, "survivors", ())
    if not mine or mine[0] not in delivered:
        return None
    dealer = mine[0]
    share = liars.shares[dealer, message.sender]
    listed, name = ("alive", "own_shares") if dealer in survivors else ("gone", "mask_shares")
    agents = tuple(sorted({*getattr(message, listed), dealer}))
    at, data = agents.index(dealer), getattr(message, name)
    kept = data[at * SHARE + SHARE :] if dealer in getattr(message, listed) else data[at * SHARE :]
    return replace(message, **{listed: agents, name: data[: at * SHARE] + share + kept})


def _told_bogus(liars: Liars, message: Unmask, how: int) -> Message | None:
    """The seeds that the liars signed, though no keys agree on them."""
    mine = liars.scene.coordinator.of(Dealing).get(message.sender)
    if mine is None:
        return None
    signed_hashes = {peer: mine.seeds[i * HASH : (i + 1) * HASH] for i, peer in enumerate(mine.peers)}
    seeds = [message.seeds[i * HASH : (i + 1) * HASH] for i in range(len(message.edges))]
    told = [liars.seeds.get(signed_hashes[peer], seed) for peer, seed in zip(message.edges, seeds, strict=True)]
    return replace(message, seeds=b"".join(told))


def _false_key(liars: Liars, message: Peers, how: int) -> Message | None:
    """A neighbor's key replaced by one of the coordinator's own."""
    if not message.peers:
        return None
    name = "mask" if how & 256 else "channel"
    at = how // 512 % len(message.peers)
    return changed(message, **{name: put(getattr(message, name), at, liars.made(message.to, at).public)})


def _false_keys(liars: Liars, message: Peers, how: int) -> Message | None:
    """All of them, or all but the proven ones of the agent's holders."""
    holders = liars.scene.coordinator.stage.drawn.holders[message.to] if how & 256 else ()  # type: ignore[union-attr]
    mask = message.mask
    for at, peer in enumerate(message.peers):
        if peer not in holders:
            mask = put(mask, at, liars.made(message.to, at).public)
    return replace(message, mask=mask)


def _fitting(liars: Liars, message: Delivery, how: int) -> Message | None:
    """Hashes of the seeds that an agent agreed on with false keys, so that it finds nothing wrong."""
    stage = liars.scene.parties[message.to].state.stage
    edges = getattr(stage, "edges", {})
    if not set(message.peers) <= edges.keys():
        return None
    return replace(message, seeds=b"".join([seed_hash(edges[peer].seed) for peer in message.peers]))


def _gathered(liars: Liars, message: Consents, how: int) -> Message | None:
    """The consents to the set that this agent was shown."""
    return collected(liars.scene, liars.to, liars.names)


def _forged(liars: Liars, message: Consents, how: int) -> Message | None:
    return collected(liars.scene, liars.to, liars.names, forged=True)


def _other_words(liars: Liars, message: Proof, how: int) -> Message | None:
    """Another dealing, if the neighbor signed one; else garbled."""
    others = [said for said in liars.scene.said if isinstance(said, Dealing)]
    return replace(message, dealing=TABLE.encode(others[how % len(others)]))


LIES: Final[dict[type[Message], tuple[Callable[[Liars, Any, int], Message | None], ...]]] = {
    Keys: (_replaced_key, _low_order, _shared_key, _twice),
    Dealing: (_false_seed, _garbage_share, _no_share, _other_key, _false_seed),
    MaskedInput: (_other_vector,),
    Peers: (_false_key, _false_keys, _false_keys),
    Delivery: (_fitting,),
    Consents: (_gathered, _forged),
    Proof: (_other_words,),
    Unmask: (_pooled_share, _told_bogus, _told_bogus),
}


def told_here(scene: Scene, agent: AgentId) -> bytes:
    """Who dealt, as this agent was told."""
    delivered = scene.parties[agent].state.said[Delivery].question
    assert isinstance(delivered, Delivery)
    return delivered.here


def collected(scene: Scene, to: AgentId, liars: Iterable[AgentId], *, forged: bool = False) -> Consents | None:
    """All consents to the set that an agent signed, the liars' among them, and such as nobody gave if `forged`."""
    state: client.Agent = scene.parties[to].state
    asked = state.said.get(Survivors)
    context = state.context(Consents)
    if asked is None or context is None or not isinstance(asked.question, Survivors):
        return None
    root = survivors_root(asked.question.agents, told_here(scene, to))
    given = {said.sender: said.signature for said in scene.said if isinstance(said, Consent) and said.survivors == root}
    given = {
        a: s for a, s in given.items() if genuine(scene.cast.directory.key(a), context, Consent(Round(7), a, root, s))
    }
    for liar in liars:
        given[liar] = signed(scene.cast.agents[liar], context, Consent(Round(7), liar, root)).signature
    if forged:
        given = dict.fromkeys(asked.question.agents, bytes(SIGNATURE)) | given
    agents = tuple(sorted(given))
    return Consents(Round(7), COORDINATOR, agents, b"".join([given[agent] for agent in agents]))
