"""Traffic: how many bytes a flow sends, and who sends them.

Counted are payloads, from the flow alone:

- A row of a message is `dimension` words, each of the whole bytes that its ring needs, or of 8 bytes where it has none.
  It is sent in every round to each receiver: a party is one, a group as many as it has members, "neighbors in"
  as many as the sender has neighbors, "next in" one. What everybody sees is one publication. Nobody
  sends anything to itself, and the network listens to what is sent to others.
- Noise on an edge is agreed on by a seed, from which all rounds and coordinates are drawn: `SEED` bytes, sent once
  for each edge and noise, by either of its ends.
- A report is `REPORT` bytes, for how many categories it tells apart is not known to the flow. One that is mixed
  is sent to the mixer, and on by it.

Not counted are facts, frames, acknowledgements, keys, and noise that is told to others (`known_to`). A member that
takes part in some rounds only is counted as if it took part in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.flow import shapes
from tip.flow.blocks import blocks
from tip.flow.graphs import degrees, edge_count
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Wiring
from tip.privacy.coalitions import NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tip.flow.model import Flow, Graph, Message, Report

WORD: Final = 8  # bytes of a plain number
SEED: Final = 32  # bytes that two ends of an edge agree on
REPORT: Final = 8  # bytes of a report


@dataclass(frozen=True, slots=True)
class Sent:
    """What one message, report or seed costs: all its bytes, who sends them, and what one sender sends at most."""

    name: str
    by: str
    total: int
    most: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that is sent, in the flow's order: messages, reports, seeds."""

    sent: tuple[Sent, ...]

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(one.total for one in self.sent)

    @property
    def by_message(self) -> Mapping[str, int]:
        """All bytes of each message and report, and of the seeds of each noise."""
        return _added((one.name, one.total) for one in self.sent)

    @property
    def by_sender(self) -> Mapping[str, int]:
        """What each party, and one member of each group, sends at most."""
        return _added((one.by, one.most) for one in self.sent)


def bytes_sent(flow: Flow) -> Traffic:
    """What a flow sends in all its rounds. A k-out graph is drawn for it."""
    found = [
        _message(flow, message, dimension) for message, dimension in zip(flow.messages, _dimensions(flow), strict=True)
    ]
    for report in flow.reports:
        found += _report(flow, report)
    graphs = {graph.name: graph for graph in flow.graphs}
    for noise in flow.noises:
        if noise.of in graphs:
            ends, most = _degrees(flow, graphs[noise.of])
            found.append(Sent(noise.name, graphs[noise.of].over, SEED * ends // 2, SEED * most))
    return Traffic(tuple(found))


def _message(flow: Flow, message: Message, dimension: int) -> Sent:
    """Every row, in every round, to every receiver."""
    shape = shapes.message_shape(flow, message)
    size = dimension * shape.rounds * (-(-message.ring // 8) if message.ring else WORD)
    total, most = _copies(flow, message.by, message.to, shape.members)
    return Sent(message.name, message.by, size * total, size * most)


def _report(flow: Flow, report: Report) -> list[Sent]:
    """Each agent's report, and the mixer's copies of all of them."""
    group = flow.secret(report.secret).of
    size, rounds = flow.group(group).size, report.rounds
    total, most = _copies(flow, group, (report.shuffled_by,) if report.shuffled_by else report.to, size)
    found = [Sent(report.name, group, REPORT * rounds * total, REPORT * rounds * most)]
    if report.shuffled_by:
        mixed = REPORT * rounds * size * _copies(flow, report.shuffled_by, report.to, 1)[0]
        found.append(Sent(report.name, report.shuffled_by, mixed, mixed))
    return found


def _copies(flow: Flow, by: str, to: tuple[str, ...], rows: int) -> tuple[int, int]:
    """How often a row is sent: of all rows together, and of one row at most."""
    if EVERYBODY in to:
        return rows, 1
    sizes = {group.name: group.size for group in flow.groups}
    total, most = 0, 0
    for receiver in to:
        if receiver.startswith(NEIGHBORS):
            ends, largest = _degrees(flow, flow.graph(receiver.removeprefix(NEIGHBORS)))
            total, most = total + ends, most + largest
        elif receiver.startswith(NEXT):
            single = int(sizes[receiver.removeprefix(NEXT)] > 1)
            total, most = total + single * rows, most + single
        elif receiver not in {NOBODY, NETWORK}:
            copies = sizes.get(receiver, 1) - (receiver == by)
            total, most = total + copies * rows, most + copies
    return total, most


def _degrees(flow: Flow, graph: Graph) -> tuple[int, int]:
    """The degrees of a graph's members, all added up, and the largest."""
    size = flow.group(graph.over).size
    if graph.wiring in {Wiring.COMPLETE, Wiring.STAR}:
        largest = size - 1
    elif graph.wiring in {Wiring.RING, Wiring.PATH}:
        largest = min(2, size - 1)
    else:
        largest = int(degrees(graph, size).max())
    return 2 * edge_count(graph, size), largest


def _dimensions(flow: Flow) -> list[int]:
    """The coordinates of each message: those of the secrets behind it; of noise alone, those of what it shall hide."""
    sizes = {secret.name: secret.dimension for secret in flow.secrets}
    behind = {m.name: [sizes[name] for name in flow.symbols(m) if name in sizes] for m in flow.messages}
    shared = {
        name: max((d for other in block for d in behind[other]), default=1) for block in blocks(flow) for name in block
    }
    return [max(behind[message.name], default=shared[message.name]) for message in flow.messages]


def _added(parts: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for name, size in parts:
        found[name] = found.get(name, 0) + size
    return found
