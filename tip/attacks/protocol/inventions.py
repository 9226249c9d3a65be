"""A coordinator's attack by agents that do not exist: it would play all of them itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tip.attacks.protocol.coordinator import CoordinatorAttack, forged
from tip.crypto import digest
from tip.protocols.core import COORDINATOR, AgentId, Send, Step
from tip.protocols.masking.findings import edge_key
from tip.protocols.masking.graph import as_bits, holders_of
from tip.protocols.masking.messages import (
    CHANNEL,
    MASK,
    Advertise,
    Delivery,
    Graph,
    Keys,
    Message,
    Peers,
    Reveal,
    Roster,
    Survivors,
)
from tip.protocols.masking.secrets import pairwise_seed, seed_hash
from tip.protocols.masking.signing import rostered

if TYPE_CHECKING:
    from tip.attacks.protocol.coordinator import Crook, Sends


@dataclass(frozen=True, slots=True)
class InventedAgents(CoordinatorAttack):
    """In the victim's roster everybody else is an agent that the coordinator made up."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "invented agents"
    tries: ClassVar[str] = "to be all the neighbors of one agent, under new names"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """The victim alone is asked, as if the others were there."""
        if kind is Roster:
            return Step(crook, sends=(Send(self.victim, self._roster(crook)),))
        if kind not in (Graph, Peers, Delivery, Survivors):
            return Step(crook, sends=sends)
        message = self._next(kind, crook) if any(send.to == self.victim for send in sends) else None
        if message is None:
            return Step(crook)
        context = rostered(crook.honest.desk.context, self._roster(crook))
        return Step(crook, sends=(Send(self.victim, crook.signed(message, context)),))

    def _roster(self, crook: Crook) -> Roster:
        """As many names as were invited."""
        most, size = max(crook.honest.desk.directory.agents), crook.parameters.agents
        known = {AgentId(most + place): digest("an invented agent", bytes([place % 256])) for place in range(1, size)}
        known[self.victim] = crook.honest.of(Advertise)[self.victim].commitment
        agents = tuple(sorted(known))
        commitments = b"".join([known[agent] for agent in agents])
        return crook.signed(Roster(crook.honest.desk.terms.round, COORDINATOR, agents, commitments))

    def _next(self, kind: type[object], crook: Crook) -> Message | None:
        """What the victim is told next; it holds nothing for those who do not exist."""
        round_, roster = crook.honest.desk.terms.round, self._roster(crook)
        context, seed = rostered(crook.honest.desk.context, roster), crook.honest.of(Reveal)[self.victim].seed
        holders = holders_of(crook.parameters, roster.agents, self.victim, seed, context)
        if kind is Graph:
            return Graph(round_, COORDINATOR, self.victim, ())
        if kind is Peers:
            channel, mask = (b"".join([forged(h, p).public for h in holders]) for p in (CHANNEL, MASK))
            return Peers(round_, COORDINATOR, self.victim, holders, channel, mask, b"")
        if kind is Delivery:
            keys = crook.honest.of(Keys)[self.victim]
            mine = [edge_key(keys, MASK, holder) or b"" for holder in holders]
            seeds = [pairwise_seed(forged(h, MASK), key, context) for h, key in zip(holders, mine, strict=True)]
            here = as_bits(roster.agents, roster.agents)
            hashes = b"".join(map(seed_hash, seeds))
            return Delivery(round_, COORDINATOR, self.victim, here, holders, hashes, (), b"", b"", b"")
        return None
