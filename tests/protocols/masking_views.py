"""What a malicious coordinator and its agents can open of a masked round, of all that honest agents ever sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.protocols.masking.findings import edge_key
from tip.protocols.masking.messages import (
    HASH,
    MASK,
    Complaint,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Peers,
    Unmask,
)
from tip.protocols.masking.secrets import pairwise_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.protocols.masking_rules import Watch
    from tip.protocols import AgentId

Edge = tuple["AgentId", "AgentId"]


class Opened:
    """The secrets of honest agents that the coalition has."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.scene = watch, watch.scene
        self.agents = {agent for agent in watch.honest if agent >= 0}
        said = [message for message in self.scene.said if message.sender in self.agents]
        self.dealt = {message.sender: message for message in said if isinstance(message, Dealing)}
        self.sent = {message.sender for message in said if isinstance(message, MaskedInput)}
        self.answers = [message for message in said if isinstance(message, Unmask)]
        self.complaints = [message for message in said if isinstance(message, Complaint)]
        self.own = {agent for agent in self.agents if self._enough(agent, own=True)}
        self.mask = {agent for agent in self.agents if self._enough(agent, own=False)}

    def _enough(self, agent: AgentId, *, own: bool) -> bool:
        """Whether honest holders gave, and corrupt ones hold, the threshold of shares of this secret."""
        if agent not in self.dealt:
            return False
        corrupt = len(set(self.dealt[agent].holders) & self.watch.liars.names)
        given = sum(agent in (answer.alive if own else answer.gone) for answer in self.answers)
        return corrupt + given >= self.scene.parameters.threshold

    def hidden(self) -> Iterator[Edge]:
        """Edges of an agent that sent its vector whose mask the coalition cannot expand."""
        for agent in self.sent:
            state = self.scene.parties[agent].state
            peers, delivery = state.said[Peers].question, state.said[Delivery].question
            told = Keys(peers.round, agent, peers.peers, peers.channel, peers.mask)
            for peer in set(delivery.peers) & self.agents:
                theirs = self.scene.secrets[peer].pairs((agent,))[agent].mask.public
                if edge_key(told, MASK, peer) == theirs and not self._known(agent, peer, theirs):
                    yield agent, peer

    def _known(self, agent: AgentId, peer: AgentId, theirs: bytes) -> bool:
        """Whether a seed was told, or a secret that gives it."""
        pair = self.scene.secrets[agent].pairs((peer,))[peer].mask
        seed = pairwise_seed(pair, theirs, self.scene.parties[agent].state.context(Keys))
        told = any(
            answer.seeds[at * HASH : (at + 1) * HASH] == seed
            for answer in self.answers
            for at in range(len(answer.edges))
        )
        shown = any(
            {complaint.sender, complaint.about} == {agent, peer} and complaint.purpose == MASK
            for complaint in self.complaints
        )
        return told or shown or bool({agent, peer} & self.mask)

    def sums(self) -> list[set[AgentId]]:
        """Sets of honest agents the sum of whose vectors the coalition can compute."""
        parts = {agent: {agent} for agent in self.agents}
        for one, other in self.hidden():
            joined = parts[one] | parts[other]
            parts.update(dict.fromkeys(joined, joined))
        whole = {frozenset(part) for part in parts.values()}
        return [set(part & self.sent) for part in whole if part & self.sent and part <= self.own]
