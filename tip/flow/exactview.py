"""The exact view: what a coalition sees, y = A x + B g in fractions, for small flows.

The twin of `tip.flow.view` and `tip.flow.seeing`, written apart from them: what is seen and known is asked for
one row and one column at a time. Nothing is rounded, so a rank decided on it is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from tip.flow import shapes
from tip.flow.exactly import Column, Exactly, Row
from tip.flow.graphs import edges
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, Flow, Law, Noise

if TYPE_CHECKING:
    from fractions import Fraction

    from tip.flow.model import Graph, Message, Secret
    from tip.flow.operators import Indices

_OF_VARIANCE: Final = (Law.GAUSSIAN, Law.DISCRETE_GAUSSIAN, Law.SKELLAM)


@dataclass(frozen=True, slots=True, eq=False)
class ExactView:
    """What `View` holds, with each row of A and B a dictionary from columns to fractions.

    `variances`: None where the law has none or it is still to be planned.
    """

    flow: Flow
    messages: tuple[str, ...]
    times: int
    ring: int
    A: tuple[dict[int, Fraction], ...]
    B: tuple[dict[int, Fraction], ...]
    row_message: Indices
    row_member: Indices
    row_round: Indices
    secret_symbol: Indices
    secret_agent: Indices
    secret_round: Indices
    noise_symbol: Indices
    noise_member: Indices
    noise_round: Indices
    variances: tuple[Fraction | None, ...]


# -- who sees and knows what ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watchers:
    """A coalition, asked for one row and one column at a time."""

    flow: Flow
    parties: frozenset[str]
    colluders: frozenset[int]

    def inside(self, name: str, member: int) -> bool:
        """Whether member `member` of a group, or an end of edge `member` of a graph, or a party colludes."""
        for graph in self.flow.graphs:
            if graph.name == name:
                ends = edges(graph, self.flow.group(graph.over).size)[member].tolist()
                return any(self.inside(graph.over, end) for end in ends)
        if name in [group.name for group in self.flow.groups]:
            return self.flow.first_agent(name) + member in self.colluders
        return name in self.parties

    def anybody(self, name: str) -> bool:
        """Whether a party, or any member of a group, colludes."""
        sizes = {group.name: group.size for group in self.flow.groups}
        return any(self.inside(name, member) for member in range(sizes.get(name, 1)))

    def knows(self, symbol: Secret | Noise, member: int) -> bool:
        """Whether the coalition knows a symbol's values of one member."""
        told = isinstance(symbol, Noise) and any(self.anybody(name) for name in symbol.known_to)
        return told or self.inside(symbol.of, member)

    def sees(self, message: Message, member: int) -> bool:
        """Whether the coalition sees a message's rows of one member."""
        return self.inside(message.by, member) or any(self.gets(name, member) for name in message.to)

    def gets(self, receiver: str, member: int) -> bool:
        """Whether the coalition is among those that one receiver's name stands for."""
        if receiver.startswith(NEIGHBORS):
            graph = self.flow.graph(receiver.removeprefix(NEIGHBORS))
            return any(
                self.inside(graph.over, other) for other in _beside(graph, self.flow.group(graph.over).size)[member]
            )
        if receiver.startswith(NEXT):
            group = self.flow.group(receiver.removeprefix(NEXT))
            return self.inside(group.name, (member + 1) % group.size)
        return receiver == EVERYBODY or self.anybody(receiver)


@lru_cache(maxsize=4)
def _beside(graph: Graph, size: int) -> tuple[tuple[int, ...], ...]:
    """The neighbors of each member."""
    found: list[list[int]] = [[] for _ in range(size)]
    for lower, upper in edges(graph, size).tolist():
        found[lower].append(upper)
        found[upper].append(lower)
    return tuple(map(tuple, found))


Label: TypeAlias = tuple[int, int, int]

# -- the view -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """What both views of a block have in common: its messages, for how many rounds one stands, its ring."""

    messages: tuple[str, ...]
    times: int  # 0: rounds are not alike
    ring: int


def assembled(flow: Flow, frame: Frame, parties: frozenset[str], colluders: frozenset[int]) -> ExactView:
    """The rows that are seen, without what is known, without empty rows and columns."""
    watchers, exactly = Watchers(flow, parties, colluders), Exactly(flow, colluders, one_round=frame.times > 0)
    rows: list[tuple[Label, Row]] = []
    for number, message in enumerate(flow.messages):
        if message.name in frame.messages:
            seen = tuple(i for i in range(shapes.over(flow, message.by)[1]) if watchers.sees(message, i))
            if seen:
                single = not shapes.message_shape(flow, message).over
                said = exactly.said(message.name, seen)
                columns = {column for row in said for column in row}
                known = {column for column in columns if watchers.knows(exactly.symbols[column[0]], column[1])}
                for place, row in enumerate(said):
                    round_, i = divmod(place, len(seen))
                    left = {column: entry for column, entry in row.items() if column not in known}
                    if left:
                        rows.append(((number, -1 if single else seen[i], round_), left))
    held = {column for _, row in rows for column in row}
    secrets = _ordered(held, [secret.name for secret in flow.secrets])
    noises = _ordered(held, [noise.name for noise in flow.noises])
    first = [flow.first_agent(secret.of) for secret in flow.secrets]
    return ExactView(
        flow, frame.messages, frame.times or 1, frame.ring, _part(rows, secrets), _part(rows, noises),
        _array([message for (message, _, _), _ in rows]),
        _array([member for (_, member, _), _ in rows]),
        _array([round_ for (_, _, round_), _ in rows]),
        _array([symbol for symbol, _, _ in secrets.values()]),
        _array([first[symbol] + member for symbol, member, _ in secrets.values()]),
        _array([round_ for _, _, round_ in secrets.values()]),
        _array([symbol for symbol, _, _ in noises.values()]),
        _array([member for _, member, _ in noises.values()]),
        _array([round_ for _, _, round_ in noises.values()]),
        tuple(_variance(flow.noises[symbol]) for symbol, _, _ in noises.values()),
    )  # fmt: skip


def _array(labels: list[int]) -> Indices:
    return np.array(labels, np.int64)


def _ordered(held: set[Column], names: list[str]) -> dict[Column, Label]:
    """Columns by symbol, round and member, each with its labels."""
    found = [column for column in held if column[0] in names]
    found.sort(key=lambda column: (names.index(column[0]), column[2], column[1]))
    return {column: (names.index(column[0]), column[1], column[2]) for column in found}


def _part(rows: list[tuple[Label, Row]], columns: dict[Column, Label]) -> tuple[dict[int, Fraction], ...]:
    place = {column: number for number, column in enumerate(columns)}
    return tuple(
        dict(sorted((place[column], entry) for column, entry in row.items() if column in place)) for _, row in rows
    )


def _variance(noise: Noise) -> Fraction | None:
    return noise.variance if noise.law in _OF_VARIANCE else None
