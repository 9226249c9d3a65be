"""Watching: who is in a coalition, which rows it sees and which numbers it knows, asked one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tip.flow.checking.refusal import want
from tip.flow.graphs import edges
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, Noise

if TYPE_CHECKING:
    from tip.flow.model import Flow, Message, Secret
    from tip.privacy.coalitions import Coalition


class Crowd:
    """All agents and parties of a flow, by name, and the neighbors of each member in each graph."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.first: dict[str, int] = {}
        self.size: dict[str, int] = {}
        free = 0
        for group in flow.groups:
            self.first[group.name], self.size[group.name] = free, group.size
            free += group.size
        self.enrolled = free

    @cached_property
    def ends(self) -> dict[str, tuple[str, list[list[int]]]]:
        """For each graph its group and its edges."""
        return {g.name: (g.over, edges(g, self.size[g.over]).tolist()) for g in self.flow.graphs}

    @cached_property
    def near(self) -> dict[str, list[list[int]]]:
        """For each graph the neighbors of each member."""
        found: dict[str, list[list[int]]] = {}
        for name, (over, pairs) in self.ends.items():
            beside: list[list[int]] = [[] for _ in range(self.size[over])]
            for low, high in pairs:
                beside[low].append(high)
                beside[high].append(low)
            found[name] = beside
        return found

    def members(self, coalition: Coalition) -> tuple[frozenset[str], frozenset[int]]:
        """The parties and the agents that a coalition's text names."""
        parties, agents = set[str](), set[int]()
        for name in coalition.parties:
            group, _, index = name.rpartition(".")
            if self.size.get(name) == 1:
                agents.add(self.first[name])
            elif name in self.flow.parties or (name in {"coordinator", "network"} and name not in self.size):
                parties.add(name)
            else:
                known = group in self.size and index.isascii() and index.isdecimal() and len(index) < 10
                want(known and int(index) < self.size[group], "delta ledger", f"{name!r} is nobody in this flow")
                agents.add(self.first[group] + int(index))
        return frozenset(parties), frozenset(agents)

    def owners(self) -> list[int]:
        """All agents that have a secret."""
        groups = {secret.of for secret in self.flow.secrets}
        return [self.first[g] + i for g in self.size if g in groups for i in range(self.size[g])]


@dataclass(frozen=True, eq=False)
class Watch:
    """A coalition: parties and colluding agents."""

    crowd: Crowd
    parties: frozenset[str]
    agents: frozenset[int]
    _told: dict[str, bool] = field(default_factory=dict)

    def holds(self, name: str, member: int) -> bool:
        """Whether a party, a member of a group, or an end of an edge is in the coalition."""
        if name in self.crowd.size:
            return self.crowd.first[name] + member in self.agents
        if name in self.crowd.ends:
            group, pairs = self.crowd.ends[name]
            return any(self.holds(group, end) for end in pairs[member])
        return name in self.parties

    def any_of(self, name: str) -> bool:
        """Whether a party or any member of a group is in the coalition."""
        if name not in self._told:
            self._told[name] = any(self.holds(name, i) for i in range(self.crowd.size.get(name, 1)))
        return self._told[name]

    def knows(self, symbol: Secret | Noise, member: int) -> bool:
        """Whether the coalition knows a member's secret or draw."""
        if isinstance(symbol, Noise) and any(self.any_of(name) for name in symbol.known_to):
            return True
        return self.holds(symbol.of, member)

    def sees(self, message: Message, member: int) -> bool:
        """Whether the coalition sees a member's row of a message."""
        return self.holds(message.by, member) or any(self.gets(name, member) for name in message.to)

    def gets(self, receiver: str, member: int) -> bool:
        """Whether what a member sends to a receiver reaches the coalition."""
        if receiver == EVERYBODY:
            return True
        if receiver.startswith(NEIGHBORS):
            name = receiver.removeprefix(NEIGHBORS)
            return any(self.holds(self.crowd.ends[name][0], other) for other in self.crowd.near[name][member])
        if receiver.startswith(NEXT):
            group = receiver.removeprefix(NEXT)
            return self.holds(group, (member + 1) % self.crowd.size[group])
        return self.any_of(receiver)

    def cohorts(self) -> dict[str, tuple[int, ...]]:
        """Who is in each cohort at worst: colluders, but for one honest member, and honest ones up to the minimum."""
        found = {}
        for cohort in self.crowd.flow.cohorts:
            inside = [i for i in range(self.crowd.size[cohort.of]) if self.holds(cohort.of, i)]
            honest = [i for i in range(self.crowd.size[cohort.of]) if not self.holds(cohort.of, i)]
            bad = inside[: cohort.least - 1] if honest else inside[: cohort.least]
            found[cohort.name] = tuple(sorted(bad + honest[: cohort.least - len(bad)]))
        return found
