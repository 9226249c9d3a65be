"""A coordinator's attacks by what it passes on: rosters, keys, dealings, views.

They aim at an agent that shares its masks and its shares with nobody but the coordinator, and at what agents open when
they cannot use what was delivered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tip.attacks.protocol.coordinator import CoordinatorAttack, forged
from tip.attacks.protocol.survivors import alive, drawn, told_sets
from tip.errors import ProtocolMisuse
from tip.protocols.core import AgentId, Send, Step
from tip.protocols.masking.course import Fixed, Revealing
from tip.protocols.masking.findings import edge_key
from tip.protocols.masking.graph import as_bits
from tip.protocols.masking.messages import (
    CHANNEL,
    HASH,
    MASK,
    SEALED,
    Advertise,
    Consents,
    Delivery,
    Keys,
    Peers,
    Roster,
    Survivors,
)
from tip.protocols.masking.secrets import pairwise_seed, seed_hash
from tip.protocols.masking.signing import rostered

if TYPE_CHECKING:
    from tip.attacks.protocol.coordinator import Crook, Sends

M = TypeVar("M")


def told(sends: Sends, victim: AgentId, kind: type[M]) -> M:
    """What an honest coordinator would tell the victim."""
    for send in sends:
        if send.to == victim and isinstance(send.message, kind):
            return send.message
    raise ProtocolMisuse(f"agent {victim} is told no {kind.__name__}: it is not in the round any more")


def only(sends: Sends, victim: AgentId, message: Peers | Delivery) -> Sends:
    """The same sends, with another message for the victim."""
    return tuple(Send(victim, message) if send.to == victim else send for send in sends)


@dataclass(frozen=True, slots=True)
class SmallRoster(CoordinatorAttack):
    """A roster of the victim and the accomplices alone."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "small roster"
    tries: ClassVar[str] = "to run a round of so few agents that the sum shows one vector"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Those in it hear of it, the others of nothing."""
        if kind is not Roster:
            return Step(crook, sends=sends)
        few = tuple(sorted({self.victim, *self.accomplices}))
        commitments = b"".join([crook.honest.of(Advertise)[agent].commitment for agent in few])
        small = crook.signed(replace(told(sends, self.victim, Roster), agents=few, commitments=commitments))
        stage = Revealing(frozenset(few), Fixed(small, rostered(crook.honest.desk.context, small)))
        now = replace(crook, honest=replace(crook.honest, stage=stage))
        return Step(now, sends=tuple(Send(agent, small) for agent in few))


def substituted(message: Peers, false: frozenset[AgentId]) -> Peers:
    """The same neighbors, some of them with keys that the coordinator made up."""

    def keys(true: bytes, purpose: int) -> bytes:
        pieces = [true[at : at + HASH] for at in range(0, len(true), HASH)]
        both = zip(message.peers, pieces, strict=True)
        return b"".join([forged(peer, purpose).public if peer in false else key for peer, key in both])

    return replace(message, channel=keys(message.channel, CHANNEL), mask=keys(message.mask, MASK))


def reseeded(crook: Crook, message: Delivery, false: frozenset[AgentId]) -> Delivery:
    """What is delivered to the victim of these keys: pairwise seeds that fit them, and nothing of theirs to hold."""
    victim, context = message.to, crook.context(Delivery)
    seeds = [message.seeds[at : at + HASH] for at in range(0, len(message.seeds), HASH)]
    for at, peer in enumerate(message.peers):
        mine = edge_key(crook.honest.of(Keys)[victim], MASK, peer)
        if peer in false and mine is not None:
            seeds[at] = seed_hash(pairwise_seed(forged(peer, MASK), mine, context))
    kept = [at for at, dealer in enumerate(message.dealers) if dealer not in false]
    return replace(
        message,
        seeds=b"".join(seeds),
        dealers=tuple(message.dealers[at] for at in kept),
        sealed=b"".join([message.sealed[at * SEALED : (at + 1) * SEALED] for at in kept]),
        shares=b"".join([message.shares[at * 2 * HASH : (at + 1) * 2 * HASH] for at in kept]),
        keys=b"".join([message.keys[at * HASH : (at + 1) * HASH] for at in kept]),
    )


@dataclass(frozen=True, slots=True)
class SubstitutedKeys(CoordinatorAttack):
    """The victim gets the coordinator's own keys for all its neighbors."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "substituted keys"
    tries: ClassVar[str] = "to have one agent share its masks with the coordinator, and deal its shares to it"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """The victim's neighbors are the coordinator."""
        return _substitute(self.victim, frozenset(crook.honest.desk.directory.agents), kind, crook, sends)


@dataclass(frozen=True, slots=True)
class SubstitutedNeighbors(CoordinatorAttack):
    """The victim gets the coordinator's own keys for neighbors that are not its holders."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "substituted keys of other neighbors"
    tries: ClassVar[str] = (
        "to take off the masks with all neighbors but the holders, or to have the victim blamed for it"
    )

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Only those that the victim did not draw itself."""
        if kind not in (Peers, Delivery):
            return Step(crook, sends=sends)
        graph = drawn(crook)
        false = frozenset(graph.around(self.victim)) - frozenset(graph.holders[self.victim])
        return _substitute(self.victim, false, kind, crook, sends)


def _substitute(
    victim: AgentId, false: frozenset[AgentId], kind: type[object], crook: Crook, sends: Sends
) -> Step[Crook]:
    if kind is Peers:
        message = crook.signed(substituted(told(sends, victim, Peers), false))
        return Step(crook, sends=only(sends, victim, message))
    if kind is Delivery and any(send.to == victim for send in sends):
        delivery = crook.signed(reseeded(crook, told(sends, victim, Delivery), false))
        return Step(crook, sends=only(sends, victim, delivery))
    return Step(crook, sends=sends)


@dataclass(frozen=True, slots=True)
class GarbledDelivery(CoordinatorAttack):
    """All holders of the victim get its sealed shares with a bit changed."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "garbled delivery"
    tries: ClassVar[str] = "to have every holder open its channel's secret key in a complaint about the victim"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """One bit for each holder."""
        if kind is not Delivery:
            return Step(crook, sends=sends)
        return Step(crook, sends=tuple(self._garbled(crook, send) for send in sends))

    def _garbled(self, crook: Crook, send: Send) -> Send:
        message = send.message
        if not isinstance(message, Delivery) or self.victim not in message.dealers:
            return send
        at = message.dealers.index(self.victim) * SEALED
        bit = bytes([message.sealed[at] ^ 1])
        other = replace(message, sealed=message.sealed[:at] + bit + message.sealed[at + 1 :])
        return Send(send.to, crook.signed(other))


@dataclass(frozen=True, slots=True)
class BareView(CoordinatorAttack):
    """The victim hears that of its neighbors nobody dealt, or only the accomplices."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "bare view"
    tries: ClassVar[str] = "to get a vector that only its own mask covers, which the holders open for a survivor"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """The others' views are true: they hold the victim's shares."""
        if kind is not Delivery or not any(send.to == self.victim for send in sends):
            return Step(crook, sends=sends)
        bare = narrowed(crook, told(sends, self.victim, Delivery), {self.victim, *self.accomplices})
        return Step(crook, sends=only(sends, self.victim, crook.signed(bare)))


def narrowed(crook: Crook, true: Delivery, here: set[AgentId]) -> Delivery:
    """The same delivery, as if nobody else had dealt, and nothing for the receiver to hold."""
    left = [at for at, peer in enumerate(true.peers) if peer in here]
    return replace(
        true,
        here=as_bits(here, drawn(crook).fixed.roster.agents),
        peers=tuple(true.peers[at] for at in left),
        seeds=b"".join([true.seeds[at * HASH : (at + 1) * HASH] for at in left]),
        dealers=(),
        sealed=b"",
        shares=b"",
        keys=b"",
    )


@dataclass(frozen=True, slots=True)
class TwoDealerSets(CoordinatorAttack):
    """The victim hears that no neighbor outside a part dealt, but those that drop out later; all others hear the truth.

    So the victim has no mask with the holders that are hidden from it, and these help to open its own mask all the
    same. It is never asked to sign the survivors. The others of the part are, and have no neighbor left outside it.
    """

    victim: AgentId
    part: frozenset[AgentId]
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "two sets of dealers"
    tries: ClassVar[str] = "to have a part of the agents opened that is joined to the others by the hidden masks alone"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Two stories about who dealt; one survivor set, without the neighbors of the part."""
        if kind not in (Delivery, Survivors, Consents):
            return Step(crook, sends=sends)
        gone = self._gone(crook)
        if kind is not Delivery:
            left = tuple(agent for agent in alive(crook) if agent not in gone)
            asked = {agent: left for agent in left if agent != self.victim}
            return Step(crook, sends=told_sets(crook, kind, asked))
        if not any(send.to == self.victim for send in sends):
            return Step(crook, sends=sends)
        here = {self.victim, *self.part, *self.accomplices, *gone}
        message = narrowed(crook, told(sends, self.victim, Delivery), here)
        return Step(crook, sends=only(sends, self.victim, crook.signed(message)))

    def _gone(self, crook: Crook) -> frozenset[AgentId]:
        """The neighbors of the part's other members: they will be told to have dropped out."""
        graph = drawn(crook)
        around = {peer for agent in self.part - {self.victim} for peer in graph.around(agent)}
        return frozenset(around) - self.part - self.accomplices
