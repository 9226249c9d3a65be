"""Sheets: what a coalition sees of a block of messages, counted again row by row.

The order of rows and columns is that of docs/flow-rules.md, since the vectors of a derivation are written in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.flow.checking.expansion import Column, Expansion, Number, Row
from tip.flow.checking.refusal import refuse
from tip.flow.expressions import names
from tip.flow.model import Law

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.checking.watching import Watch
    from tip.flow.model import Flow, Message, Noise, Secret

_OVER_ROUNDS: Final = {"previous", "so_far", "tree", "root", "apply", "last", "gossip", "token"}
_OF_VARIANCE: Final = {Law.GAUSSIAN, Law.DISCRETE_GAUSSIAN, Law.SKELLAM}


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """y = A x + B g: for each row its entries by column number; `times` rounds, modulo 2^ring.

    `secrets` and `noises` say of each column which symbol, which member and which round it is.
    """

    flow: Flow
    messages: tuple[str, ...]
    shown: tuple[str, ...]  # those of which rows are seen
    times: int
    ring: int
    A: list[dict[int, Number]]
    B: list[dict[int, Number]]
    secrets: list[Column]
    noises: list[Column]
    agent_of: list[int]  # the agent of each secret column
    alike: bool = False  # whether one round stands for all
    covered: int = 0  # rows that are left out, since a mask of their own hides them

    def secret(self, column: int) -> Secret:
        """The secret behind a column."""
        return self.flow.secret(self.secrets[column][0])

    def noise(self, column: int) -> Noise:
        """The noise behind a column."""
        return self.flow.noise(self.noises[column][0])

    def variances(self) -> list[Fraction]:
        """The variance of each noise column; only for laws that have one."""
        found = []
        for column in range(len(self.noises)):
            noise = self.noise(column)
            if noise.law not in _OF_VARIANCE or noise.variance is None:
                raise refuse("view", f"noise {noise.name!r} has no variance")
            found.append(noise.variance)
        return found

    def laws(self) -> set[Law]:
        """The laws of the noises in the sheet."""
        return {self.flow.noise(name).law for name in {column[0] for column in self.noises}}

    def columns_of(self, agent: int) -> list[int]:
        """The columns that an agent can change."""
        return [column for column, owner in enumerate(self.agent_of) if owner == agent]


# -- which messages belong together ---------------------------------------------------------------


def blocks(flow: Flow) -> list[tuple[str, ...]]:
    """Messages that share a noise, through whatever they speak of, in the flow's order."""
    noises = {noise.name for noise in flow.noises}
    found: list[tuple[set[str], set[str]]] = []  # messages, noises
    for message in flow.messages:
        mine = set(flow.symbols(message)) & noises
        joined, apart = ({message.name}, set(mine)), []
        for block in found:
            if block[1] & mine:
                joined = (joined[0] | block[0], joined[1] | block[1])
            else:
                apart.append(block)
        found = [*apart, joined]
    order = {message.name: place for place, message in enumerate(flow.messages)}
    parts = [tuple(sorted(block[0], key=order.__getitem__)) for block in found]
    return sorted(parts, key=lambda part: order[part[0]])


def sheet(watch: Watch, block: tuple[str, ...]) -> Sheet:
    """What the coalition sees of a block."""
    flow = watch.crowd.flow
    kept = _kept(watch, block)
    times = _times(flow, kept)
    expansion = Expansion(flow, watch.cohorts(), one_round=times > 0)
    members = {name: _seen(watch, flow.message(name), expansion) for name in kept}
    seen = [name for name in kept if members[name]]
    found = {name: _unknown(watch, expansion, name, members[name]) for name in seen}
    ring = _ring(flow, seen)
    left = _uncovered(flow, found) if ring else found
    shown = tuple(name for name in seen if left[name])
    rows = [row for name in shown for row in left[name]]
    distinct = _distinct(rows) if len(shown) > 1 else rows
    counted = _numbered(watch, (kept, shown), distinct, times=times or 1, ring=ring)
    return replace(counted, alike=times > 0, covered=sum(map(len, found.values())) - len(rows))


def _kept(watch: Watch, block: tuple[str, ...]) -> tuple[str, ...]:
    """The messages of a block but those that only combine messages which the coalition sees in whole."""
    flow = watch.crowd.flow
    expansion = Expansion(flow, {}, one_round=True)
    whole = set()
    for message in flow.messages:
        size = expansion.holders(message.by)[1]
        if all(watch.sees(message, i) for i in range(size)):
            whole.add(message.name)
    return tuple(name for name in block if not set(names(flow.message(name).says)) <= whole)


def _seen(watch: Watch, message: Message, expansion: Expansion) -> list[int]:
    size = expansion.holders(message.by)[1]
    return [i for i in range(size) if watch.sees(message, i)]


def _times(flow: Flow, kept: tuple[str, ...]) -> int:
    """How many alike rounds with fresh noise one round stands for; 0 if all rounds have to be looked at together."""
    said = [flow.message(name) for name in kept]
    symbols = {name for message in said for name in flow.symbols(message)}
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    rounds = {symbol.rounds for symbol in both if symbol.name in symbols}
    if len(rounds) != 1 or rounds == {1} or any(flow.functions(message) & _OVER_ROUNDS for message in said):
        return 0
    return max((secret.uses for secret in flow.secrets if secret.name in symbols), default=1)


def _ring(flow: Flow, seen: list[str]) -> int:
    """The one ring of the messages that are seen and of all that they speak of."""
    spoken = {message.name: message for message in flow.messages}
    behind, rings = list(seen), set[int]()
    for name in behind:
        rings.add(spoken[name].ring)
        behind += [other for other in names(spoken[name].says) if other in spoken and other not in behind]
    if len(rings) > 1:
        raise refuse("view", f"messages {', '.join(seen)} are computed in different rings")
    return rings.pop() if rings else 0


def _unknown(watch: Watch, expansion: Expansion, name: str, members: list[int]) -> list[Row]:
    """A message's seen rows, less what the coalition knows; rows without anything unknown are left out."""
    value = expansion.message(name)
    known: dict[tuple[str, int], bool] = {}
    found = []
    for round_ in range(value.rounds):
        for member in members:
            row: Row = {}
            for column, entry in value.at(member, round_).items():
                place = column[:2]
                if place not in known:
                    known[place] = watch.knows(expansion.symbols[column[0]], column[1])
                if not known[place]:
                    row[column] = entry
            if row:
                found.append(row)
    return found


def _uncovered(flow: Flow, found: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows without those that hold an odd multiple of a mask which no other row holds: they are uniform."""
    masks = {noise.name for noise in flow.noises if noise.law is Law.UNIFORM}
    held = Counter(column for rows in found.values() for row in rows for column in row if column[0] in masks)

    def covers(row: Row) -> bool:
        return any(held[column] == 1 and Fraction(entry) % 2 == 1 for column, entry in row.items())

    return {name: [row for row in rows if not covers(row)] for name, rows in found.items()}


def _distinct(rows: list[Row]) -> list[Row]:
    """Of equal rows the first, in its place."""
    kept: dict[frozenset[tuple[Column, Number]], Row] = {}
    for row in rows:
        kept.setdefault(frozenset(row.items()), row)
    return list(kept.values())


def _numbered(
    watch: Watch, named: tuple[tuple[str, ...], tuple[str, ...]], rows: list[Row], *, times: int, ring: int
) -> Sheet:
    """The rows with columns as numbers: symbols in the flow's order, then rounds, then members."""
    flow = watch.crowd.flow
    held = {column for row in rows for column in row}
    order = {part.name: place for place, part in enumerate(flow.secrets)}
    drawn = {part.name: place for place, part in enumerate(flow.noises)}
    secrets = sorted((c for c in held if c[0] in order), key=lambda c: (order[c[0]], c[2], c[1]))
    noises = sorted((c for c in held if c[0] in drawn), key=lambda c: (drawn[c[0]], c[2], c[1]))
    place = {c: k for part in (secrets, noises) for k, c in enumerate(part)}
    a = [{place[c]: x for c, x in row.items() if c[0] in order} for row in rows]
    b = [{place[c]: x for c, x in row.items() if c[0] in drawn} for row in rows]
    entries = (x for part in (a, b) for row in part for x in row.values())
    if ring and any(Fraction(x).denominator != 1 for x in entries):
        raise refuse("view", "coefficients that are no whole numbers have no meaning in a ring")
    first = watch.crowd.first
    owners = [first[flow.secret(c[0]).of] + c[1] for c in secrets]
    return Sheet(flow, *named, times, ring, a, b, secrets, noises, owners)
