"""How much of each message and each secret of a flow a coalition sees: all, a part, nothing.

Where all members of the coalition are named, this is what the view holds, by the rules that guarantees are computed
with (`tip.flow.seeing`). A share of agents may be any agents: each group is then in it in part, what is told to a whole
group is seen, and what goes along a graph counts as seen altogether where so many agents could stand beside all
members. So a picture never shows less than some coalition of that size sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.flow.graphs import edges
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Noise
from tip.flow.seeing import Insiders, members_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tip.flow.model import Flow, Message, Secret
    from tip.privacy.coalitions import Coalition

_LARGEST_GRAPH: Final = 200_000  # members of a graph that is drawn for a picture


class Seen(IntEnum):
    """How much of something a coalition sees; `PLAIN` where no coalition is asked about."""

    PLAIN = -1
    NOTHING = 0
    PART = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Eyes:
    """A coalition in a flow: whole actors, groups of which some members belong to it, and how many agents any may be.

    `insiders`: the coalition itself where all of its members are named. `count`: of agents that may be any.
    """

    flow: Flow
    asked: bool
    whole: frozenset[str]
    parts: frozenset[str]
    insiders: Insiders | None
    count: int

    @classmethod
    def of(cls, flow: Flow, coalition: Coalition | None) -> Eyes:
        """The eyes of a coalition, of nobody where there is none; names that are nobody's are refused."""
        if coalition is None:
            return cls(flow, asked=False, whole=frozenset(), parts=frozenset(), insiders=None, count=0)
        parties, agents = members_of(flow, coalition)
        count = int(coalition.fraction * flow.enrolled)
        whole, parts = set(parties), set[str]()
        for group in flow.groups:
            first = flow.first_agent(group.name)
            named = sum(first <= int(agent) < first + group.size for agent in agents)
            if named == group.size:
                whole.add(group.name)
            elif named or count:
                parts.add(group.name)
        insiders = None if count else Insiders(flow, parties, agents)
        return cls(flow, True, frozenset(whole), frozenset(parts), insiders, count + len(agents))

    def inside(self, name: str) -> Seen:
        """How much of an actor belongs to the coalition."""
        if not self.asked:
            return Seen.PLAIN
        return Seen.ALL if name in self.whole else Seen.PART if name in self.parts else Seen.NOTHING

    def sees(self, message: Message) -> Seen:
        """How much of a message is seen."""
        if self.insiders is None:
            return self.hears(message.by, message.to)
        return _share(len(self.insiders.seen(message)), len(self.insiders.owns(message.by)))

    def hears(self, by: str, to: Iterable[str]) -> Seen:
        """How much is seen of what `by` sends to these."""
        return max((self.inside(by), *(self._through(by, receiver) for receiver in to)))

    def knows(self, symbol: Secret | Noise) -> Seen:
        """How much of a secret or a noise is known."""
        if self.insiders is not None:
            rows = len(self.insiders.owns(symbol.of))
            return _share(rows - len(self.insiders.unknown(symbol)), rows)
        told = symbol.known_to if isinstance(symbol, Noise) else ()
        return max((self._owns(symbol.of), *(self._told(name) for name in told)))

    def _owns(self, name: str) -> Seen:
        for graph in self.flow.graphs:
            if graph.name == name:
                own = self.inside(graph.over)
                degrees = self._degrees(name) if own is Seen.PART else None
                covered = degrees is not None and 2 * degrees[: self.count].sum() >= degrees.sum()
                return Seen.ALL if covered else own
        return self.inside(name)

    def _told(self, name: str) -> Seen:
        """Of what is told to all members of a group, one that colludes tells all; a lone agent may be the one."""
        inside = self.inside(name)
        sizes = {g.name: g.size for g in self.flow.groups}
        return Seen.ALL if inside is Seen.PART and sizes.get(name, 1) > 1 else inside

    def _through(self, by: str, receiver: str) -> Seen:
        if not self.asked:
            return Seen.PLAIN
        if receiver in {EVERYBODY, NOBODY}:
            return Seen.ALL if receiver == EVERYBODY else Seen.NOTHING
        if not receiver.startswith((NEIGHBORS, NEXT)):
            return self._told(receiver)
        inside = self.inside(by)
        if inside is not Seen.PART:
            return inside
        if receiver.startswith(NEXT):
            return _share(2 * self.count, self.flow.group(by).size)
        degrees = self._degrees(receiver.removeprefix(NEIGHBORS))
        heard = self.count if degrees is None else int(degrees[: self.count].sum()) + self.count
        return _share(heard, self.flow.group(by).size)

    def _degrees(self, name: str) -> NDArray[np.int64] | None:
        """How many neighbors each member has, the most first; None for a graph too large for a picture."""
        graph = self.flow.graph(name)
        size = self.flow.group(graph.over).size
        if size > _LARGEST_GRAPH:
            return None
        counts = np.bincount(edges(graph, size).ravel(), minlength=size)
        return np.sort(counts)[::-1].astype(np.int64)


def _share(seen: int, rows: int) -> Seen:
    return Seen.NOTHING if seen <= 0 else Seen.ALL if seen >= rows else Seen.PART
