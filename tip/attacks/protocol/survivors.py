"""A coordinator's attacks by survivor sets: two of them, too small ones, lonely ones.

They aim at both secrets of one agent, at two sums whose difference is one agent's vector, or at a sum of few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tip.attacks.protocol.coordinator import CoordinatorAttack
from tip.protocols.core import COORDINATOR, AgentId, Resumed, Send, Step
from tip.protocols.masking.course import Consenting, Unmasking, drawn_of, masking_of
from tip.protocols.masking.messages import Consent, Consents, Survivors
from tip.protocols.masking.signing import signed, survivors_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.attacks.protocol.coordinator import Crook, Sends
    from tip.protocols.masking.course import Drawn

    Agents = tuple[AgentId, ...]


def drawn(crook: Crook) -> Drawn:
    """The graph, which the coordinator knows once it is drawn."""
    found = drawn_of(crook.honest.stage)
    if found is None:
        raise ValueError("the graph is not drawn yet")
    return found


def alive(crook: Crook) -> Agents:
    """Whose vectors came, once they are counted."""
    stage = crook.honest.stage
    return stage.survivors if isinstance(stage, Consenting | Unmasking) else ()


def dealt(crook: Crook) -> bytes:
    """Who dealt, as everybody was told."""
    masking = masking_of(crook.honest.stage)
    return masking.here if masking is not None else b""


def story(crook: Crook, agents: Agents) -> Survivors:
    """A signed survivor set."""
    return crook.signed(Survivors(crook.honest.desk.terms.round, COORDINATOR, agents))


def support(crook: Crook, agents: Agents) -> Consents:
    """The consents to a set: those given, the accomplices' own, and made-up ones up to the number agents insist on."""
    round_, root = crook.honest.desk.terms.round, survivors_root(agents, dealt(crook))
    context = crook.context(Consent)
    given = {c.sender: c.signature for c in crook.all(Consent) if c.survivors == root and c.sender in agents}
    for helper, lent in crook.helpers.items():
        if helper in agents:
            given[helper] = signed(lent.identity, context, Consent(round_, helper, root)).signature
    for agent in [agent for agent in agents if agent not in given][: max(0, crook.parameters.minimum - len(given))]:
        given[agent] = crook.honest.desk.identity.sign(root)
    claimed = tuple(sorted(given))
    return crook.signed(Consents(round_, COORDINATOR, claimed, b"".join([given[agent] for agent in claimed])))


def told_sets(crook: Crook, kind: type[object], told: Mapping[AgentId, Agents]) -> Sends:
    """Each agent its own survivor set, and later the support for it."""
    if kind is Survivors:
        return tuple(Send(agent, story(crook, agents)) for agent, agents in told.items())
    return tuple(Send(agent, support(crook, agents)) for agent, agents in told.items())


def two_stories(crook: Crook, victim: AgentId, accomplices: frozenset[AgentId]) -> dict[AgentId, Agents]:
    """To half of the victim's honest holders the victim is alive, to everybody else it is dead."""
    here = alive(crook)
    dead = tuple(agent for agent in here if agent != victim)
    holders = [agent for agent in drawn(crook).holders[victim] if agent not in accomplices]
    first = {victim, *holders[::2]}
    return {agent: here if agent in first else dead for agent in here}


@dataclass(frozen=True, slots=True)
class AliveAndDead(CoordinatorAttack):
    """Half of the victim's holders hear that it survived, the others that it dropped out."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "alive and dead"
    tries: ClassVar[str] = (
        "to get both secrets of one agent: its own mask from some holders, its mask keys from the others"
    )

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Two survivor sets to two halves of the holders."""
        if kind not in (Survivors, Consents):
            return Step(crook, sends=sends)
        told = two_stories(crook, self.victim, self.accomplices)
        return Step(crook, sends=told_sets(crook, kind, told))


@dataclass(frozen=True, slots=True)
class SplitViews(CoordinatorAttack):
    """A part of the agents hears that some of its neighbors are gone, most of these that the part is gone.

    So every mask between the part and the others is opened by one of its ends. Just enough believe that the part lives
    to open its own masks. Each agent is told a set that is large enough, and holds enough of its holders.
    """

    part: frozenset[AgentId]
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "split views"
    tries: ClassVar[str] = "to get two sums of one round, one of them of few agents"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Three stories: to the part, to those who believe in it, to the others."""
        if kind not in (Survivors, Consents):
            return Step(crook, sends=sends)
        here = alive(crook)
        others = [agent for agent in here if agent not in self.part | self.accomplices]
        believers = set(others[: max(0, crook.parameters.threshold - len(self.part) + 1 - len(self.accomplices))])
        told = dict.fromkeys(here, here)
        told |= {agent: tuple(peer for peer in here if peer not in believers) for agent in here if agent in self.part}
        rest = tuple(peer for peer in here if peer not in self.part)
        told |= {agent: rest for agent in others if agent not in believers}
        return Step(crook, sends=told_sets(crook, kind, told))


@dataclass(frozen=True, slots=True)
class ShrunkCohort(CoordinatorAttack):
    """A survivor set of the victim and the accomplices alone."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "shrunk cohort"
    tries: ClassVar[str] = "to get the sum of so few agents that it shows one vector"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """Everybody is asked to open the small set."""
        if kind not in (Survivors, Consents):
            return Step(crook, sends=sends)
        few = tuple(sorted({self.victim, *self.accomplices}))
        told = dict.fromkeys(alive(crook), few)
        return Step(crook, sends=told_sets(crook, kind, told))


@dataclass(frozen=True, slots=True)
class LonelySurvivor(CoordinatorAttack):
    """A survivor set with enough agents, and the victim with none of its honest neighbors."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "dropped honest neighbors"
    tries: ClassVar[str] = "to have every mask of one agent opened while its own mask is opened too"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """The victim's neighbors are declared gone."""
        if kind not in (Survivors, Consents):
            return Step(crook, sends=sends)
        here, gone = alive(crook), set(drawn(crook).around(self.victim)) - self.accomplices
        lonely = tuple(agent for agent in here if agent not in gone)
        told = dict.fromkeys(here, lonely)
        return Step(crook, sends=told_sets(crook, kind, told))


@dataclass(frozen=True, slots=True)
class AskedAgain(CoordinatorAttack):
    """After the round, and after the agents were restarted, the same round is opened again without the victim."""

    victim: AgentId
    accomplices: frozenset[AgentId] = frozenset()
    name: ClassVar[str] = "asked again"
    tries: ClassVar[str] = "to get a second opening of a round out of agents that forgot the first one"

    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """An honest round first; then another survivor set, then its consents."""
        if kind is not Resumed:
            return Step(crook, sends=sends)
        here = alive(crook)
        rest = tuple(agent for agent in here if agent != self.victim)
        root = survivors_root(rest, dealt(crook))
        asked = any(consent.survivors == root for consent in crook.all(Consent))
        told = dict.fromkeys(rest, rest)
        return Step(crook, sends=told_sets(crook, Consents if asked else Survivors, told))
