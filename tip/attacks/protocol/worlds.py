"""A coordinator's attacks by what a signature stands for: another model, another round.

They aim at answers that were given for one thing and count for another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, cast

from tip.attacks.protocol.coordinator import CoordinatorAttack
from tip.attacks.protocol.survivors import drawn, told_sets, two_stories
from tip.protocols.core import COORDINATOR, AgentId, Send, Step
from tip.protocols.masking.course import Keying
from tip.protocols.masking.graph import chosen_by, holders_of
from tip.protocols.masking.messages import Announce, Consent, Consents, Graph, Reveal, Roster, Survivors
from tip.protocols.masking.signing import announced, opening, rostered

if TYPE_CHECKING:
    from tip.attacks.protocol.coordinator import Crook, Sends
    from tip.protocols.masking.messages import Message

    Agents = tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class InconsistentModel(CoordinatorAttack):
    """The victim trains on another model than all others (Pasquini et al. 2021)."""

    victim: AgentId
    model: bytes
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "model inconsistency"
    tries: ClassVar[str] = "to have all others send updates that vanish, so that the sum is one agent's update"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """All that the victim is told is signed in the victim's own world."""
        now = self._redrawn(crook) if kind is Graph else crook
        return Step(now, sends=tuple(self._in_world(now, send) for send in self._fresh(now, sends, kind)))

    def _announced(self, crook: Crook) -> Announce:
        desk = crook.honest.desk
        return crook.signed(replace(desk.announcement, model=self.model), opening(desk.directory))

    def _context(self, crook: Crook, agent: AgentId, kind: type[object]) -> bytes:
        """Under which context this agent wants a message signed."""
        if agent != self.victim or kind is Announce:
            return crook.context(kind)
        desk = crook.honest.desk
        begun = announced(opening(desk.directory), self._announced(crook))
        roster = crook.honest.case.roster
        return begun if kind is Roster or roster is None else rostered(begun, roster)

    def _in_world(self, crook: Crook, send: Send) -> Send:
        message = cast("Message", send.message)  # all that the coordinator sends is of this protocol
        if send.to != self.victim:
            return send
        if isinstance(message, Announce):
            return Send(send.to, self._announced(crook))
        return Send(send.to, crook.signed(message, self._context(crook, send.to, type(message))))

    def _redrawn(self, crook: Crook) -> Crook:
        """The graph, each agent's holders drawn in its own world."""
        graph, parameters = drawn(crook), crook.honest.desk.parameters
        agents, seeds = graph.fixed.roster.agents, crook.honest.of(Reveal)
        holders = {
            agent: holders_of(parameters, agents, agent, seeds[agent].seed, self._context(crook, agent, Graph))
            for agent in graph.holders
        }
        redrawn = replace(graph, holders=holders, chosen=chosen_by(holders))
        stage = Keying(frozenset(holders), redrawn)
        return replace(crook, honest=replace(crook.honest, stage=stage))

    def _fresh(self, crook: Crook, sends: Sends, kind: type[object]) -> Sends:
        """The sends, with the graph as it was redrawn."""
        if kind is not Graph:
            return sends
        graph, round_ = drawn(crook), crook.honest.desk.terms.round
        return tuple(
            Send(agent, crook.signed(Graph(round_, COORDINATOR, agent, graph.chosen.get(agent, ()))))
            for agent in graph.holders
        )


@dataclass(frozen=True, slots=True)
class ReplayedConsents(CoordinatorAttack):
    """The victim is alive to some and dead to others, each story with the consents that an earlier round gave to it."""

    victim: AgentId
    earlier: tuple[Consent, ...] = field(repr=False)
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "replayed consents"
    tries: ClassVar[str] = "to have two sets opened by signatures that agents gave to the same sets in other rounds"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Two stories about one agent, each with old signatures."""
        if kind not in (Survivors, Consents):
            return Step(crook, sends=sends)
        told = two_stories(crook, self.victim, self.accomplices)
        remembering = replace(crook, heard=(*self.earlier, *crook.heard))
        return Step(crook, sends=told_sets(remembering, kind, told))
