"""Seeing: which rows a coalition sees and which secrets and noises it knows.

A coalition is a set of `parties` and a set of colluding agents. It sees a row of a message iff one of its
members sends it or is sent it, or everybody is. It knows the secrets of its agents and the noises that one of
its members draws or is told; noise on an edge is drawn by both ends. What it sees of a sum over a cohort
depends on who is in the cohort: the worst least one, all colluders that fit and the fewest honest members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tip.errors import ConfigurationError
from tip.flow import checks, shapes
from tip.flow.graphs import edges
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Noise
from tip.privacy.coalitions import COORDINATOR, NETWORK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.model import Cohort, Flow, Message, Secret
    from tip.privacy.coalitions import Coalition

    Indices = NDArray[np.int64]
    Marks = NDArray[np.bool_]


def members_of(flow: Flow, coalition: Coalition) -> tuple[frozenset[str], Indices]:
    """The named parties proper, and the named agents ("group.3", groups of one) as sorted indices."""
    parties, agents = set[str](), set[int]()
    sizes = {group.name: group.size for group in flow.groups}
    for name in coalition.parties:
        group, _, index = name.rpartition(".")
        if name in flow.parties or name in {COORDINATOR, NETWORK} - sizes.keys():
            parties.add(name)
        elif sizes.get(name) == 1:
            agents.add(flow.first_agent(name))
        elif group in sizes and index.isdecimal() and int(index) < sizes[group]:
            agents.add(flow.first_agent(group) + int(index))
        else:
            known = [*flow.parties, *flow.members_named()]
            raise ConfigurationError(f"{name!r} is nobody in this flow", instead=checks.nearest(name, known))
    return frozenset(parties), np.array(sorted(agents), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Insiders:
    """A coalition in a flow: `parties`, and the global indices of its `colluders`, sorted."""

    flow: Flow
    parties: frozenset[str]
    colluders: Indices

    def __post_init__(self) -> None:
        known = {*self.flow.parties, COORDINATOR, NETWORK}
        for party in sorted(self.parties - known):
            raise ConfigurationError(f"{party!r} is no party of this flow", instead=checks.nearest(party, known))
        array = self.colluders
        if array.dtype != np.int64 or array.ndim != 1 or (array[1:] <= array[:-1]).any():
            raise ConfigurationError("colluders are a sorted int64 array of agents, each once")
        if len(array) and not 0 <= array[0] <= array[-1] < self.flow.enrolled:
            raise ConfigurationError(f"colluders are agents from 0 to {self.flow.enrolled - 1}")

    def among(self, group: str) -> Indices:
        """The colluding members of a group, counted within it."""
        first = self.flow.first_agent(group)
        start, stop = np.searchsorted(self.colluders, [first, first + self.flow.group(group).size])
        return self.colluders[start:stop] - first

    def marks(self, group: str) -> Marks:
        """For each member of a group whether it colludes."""
        marked = np.zeros(self.flow.group(group).size, np.bool_)
        marked[self.among(group)] = True
        return marked

    def holds(self, name: str) -> bool:
        """Whether a party, or any member of a group, belongs to the coalition."""
        if any(group.name == name for group in self.flow.groups):
            return len(self.among(name)) > 0
        return name in self.parties

    def owns(self, name: str) -> Marks:
        """For each row of what a group, a graph or a party has, whether a member of the coalition has it."""
        for graph in self.flow.graphs:
            if graph.name == name:
                inside = self.marks(graph.over)
                pairs = edges(graph, len(inside))
                return inside[pairs[:, 0]] | inside[pairs[:, 1]]
        if any(group.name == name for group in self.flow.groups):
            return self.marks(name)
        return np.array([name in self.parties])

    def unknown(self, symbol: Secret | Noise) -> Indices:
        """The members of a symbol whose value the coalition does not know."""
        if isinstance(symbol, Noise) and any(self.holds(name) for name in symbol.known_to):
            return np.zeros(0, np.int64)
        return np.flatnonzero(~self.owns(symbol.of))

    def cohort(self, cohort: Cohort) -> Indices:
        """The worst least cohort: at most least - 1 colluders, the lowest first, then the lowest honest members.

        Where nobody is honest, colluders alone fill it: it never has fewer than `least`.
        """
        inside = self.marks(cohort.of)
        colluding, honest = np.flatnonzero(inside), np.flatnonzero(~inside)
        room = cohort.least - min(1, len(honest))
        colluding = colluding[:room]
        return np.sort(np.concatenate([colluding, honest[: cohort.least - len(colluding)]]))

    def seen(self, message: Message) -> Indices:
        """The members whose rows of a message the coalition sees, in every round."""
        marked = self.owns(message.by)
        for receiver in message.to:
            if receiver == EVERYBODY:
                marked = np.ones_like(marked)
            elif receiver.startswith(NEIGHBORS):
                marked = marked | self._beside(message, receiver.removeprefix(NEIGHBORS))
            elif receiver.startswith(NEXT):
                marked = marked | self._before(message, receiver.removeprefix(NEXT))
            elif receiver != NOBODY and self.holds(receiver):
                marked = np.ones_like(marked)
        return np.flatnonzero(marked)

    def _beside(self, message: Message, name: str) -> Marks:
        """Rows whose member has a colluding neighbor."""
        graph = self.flow.graph(name)
        if graph.over != message.by:
            raise ConfigurationError(
                f"message {message.name!r} is sent by {message.by!r}, graph {name!r} is not theirs"
            )
        inside = self.marks(graph.over)
        pairs, beside = edges(graph, len(inside)), np.zeros(len(inside), np.bool_)
        beside[pairs[inside[pairs[:, 1]], 0]] = True
        beside[pairs[inside[pairs[:, 0]], 1]] = True
        return beside

    def _before(self, message: Message, name: str) -> Marks:
        """Rows whose next member colludes: row i goes to member i + 1, the last one's to member 0."""
        inside = self.marks(name)
        if len(inside) != shapes.over(self.flow, message.by)[1]:
            raise ConfigurationError(f"message {message.name!r} has another number of rows than {name!r} has members")
        return np.roll(inside, -1)
