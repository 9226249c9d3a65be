"""Formulas in fractions: the exact twin of `tip.flow.operators`, for small flows.

Written apart from it and as plainly as possible: a row is a dictionary from columns to fractions, a column is
(symbol, member, round). Nothing is rounded.

Only rows that somebody asks for are computed. A formula is asked for some members and asks its parts for the members
that it needs: a sum for all of them, mixing for neighbors, gossip for all within reach. The row of member i in round t
of gossip is sum_s (e_i' W^(t-s)) e_s, so one vector e_i' W^k for each wanted member is enough; it is kept in whole
numbers over the denominator L^k, L the least common one of all weights. Rows stand round after round, in each the
wanted members in their order.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from tip.errors import ConfigurationError
from tip.flow import shapes
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol
from tip.flow.graphs import edges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tip.flow.model import Flow, Noise, Secret

Column: TypeAlias = tuple[str, int, int]
Row: TypeAlias = dict[Column, Fraction]
Rows: TypeAlias = list[Row]
Factors: TypeAlias = list[dict[int, Fraction]]  # a matrix
Wanted: TypeAlias = tuple[int, ...]  # members, each once
Powers: TypeAlias = list[dict[int, int]]  # e_i' W^k for k = 0, 1 .., times L^k

Key = TypeVar("Key")

MOST_ROWS: Final = 20_000
MOST_ENTRIES: Final = 1_000_000
MOST_STEPS: Final = 10_000_000  # products on the way to the rows of a gossip


class Exactly:
    """The rows of formulas, each in all that it depends on."""

    def __init__(self, flow: Flow, colluders: frozenset[int], *, one_round: bool) -> None:
        self.flow, self.colluders, self.one_round = flow, colluders, one_round
        both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
        self.symbols = {symbol.name: symbol for symbol in both}
        self.done: dict[tuple[str, Wanted], Rows] = {}
        self.known: dict[str, shapes.Shape] = {}

    def message(self, name: str) -> tuple[int, Rows]:
        """How many members, and all rows, of a message."""
        size = self.shape(self.flow.message(name).says).members
        return size, self.said(name, tuple(range(size)))

    def said(self, name: str, wanted: Wanted) -> Rows:
        """The rows of some members of a message."""
        if (name, wanted) not in self.done:
            self.done[name, wanted] = self.rows(self.flow.message(name).says, wanted)
        return self.done[name, wanted]

    def shape(self, expression: Expression) -> shapes.Shape:
        """The members and rounds of a formula; a symbol of alike rounds has one."""
        found = shapes.shape(self.flow, expression, self.known)
        return replace(found, rounds=1) if self.one_round else found

    def rows(self, expression: Expression, wanted: Wanted) -> Rows:
        """The rows of some members of a formula."""
        match expression:
            case Symbol() if expression.name in self.symbols:
                symbol = self.symbols[expression.name]
                rounds = 1 if self.one_round else symbol.rounds
                _small(len(wanted) * rounds, 0)
                return [{(symbol.name, i, t): Fraction(1)} for t in range(rounds) for i in wanted]
            case Symbol():
                return self.said(expression.name, wanted)
            case Scaled():
                return [_added([(expression.factor, row)]) for row in self.rows(expression.of, wanted)]
            case Added():
                parts = [self.rows(part, wanted) for part in expression.parts]
                length = max(map(len, parts))
                return _checked(_added([(Fraction(1), rows[k % len(rows)]) for rows in parts]) for k in range(length))
            case Applied():
                return self.applied(expression, wanted)

    def applied(self, call: Applied, wanted: Wanted) -> Rows:
        """A function; each but gossip and token is a matrix over members (alike in each round) or over rounds."""
        if call.function in {"sum", "mean", "signed", "mix"}:
            matrix = self.over_members(call, wanted)
            needed = tuple(sorted({j for line in matrix for j in line}))
            rows, width, place = self.rows(call.of, needed), len(needed), {j: k for k, j in enumerate(needed)}
            placed = [{place[j]: factor for j, factor in line.items()} for line in matrix]
            each = [rows[t * width : (t + 1) * width] for t in range(self.shape(call.of).rounds)]
            return _checked(row for some in each for row in _times(placed, some))
        if call.function == "gossip":
            return self.gossip(call, wanted)
        inner = self.shape(call.of)
        if call.function == "token":
            rows = self.rows(call.of, tuple(range(inner.members)))
            passed = _checked(_times(_over_rounds("so_far", len(rows)), rows))
            return [passed[t * inner.members + i] for t in range(inner.rounds) for i in wanted]
        matrix = _table(self.flow, call) if call.function == "apply" else _over_rounds(call.function, inner.rounds)
        rows = self.rows(call.of, wanted)
        columns = [_times(matrix, rows[k :: len(wanted)]) for k in range(len(wanted))]
        return _checked(columns[k][t] for t in range(len(matrix)) for k in range(len(wanted)))

    def over_members(self, call: Applied, wanted: Wanted) -> Factors:
        """The wanted lines of the matrix of a function that acts on members."""
        if call.function == "signed":
            return self.signed(call, wanted)
        if call.function == "mix":
            weights = self.weights(call)
            return [weights[i] for i in wanted]
        chosen = self.cohort(str(call.arguments[0])) if call.arguments else list(range(self.shape(call.of).members))
        return [dict.fromkeys(chosen, Fraction(1, len(chosen)) if call.function == "mean" else Fraction(1))]

    def signed(self, call: Applied, wanted: Wanted) -> Factors:
        """+1 at the lower end of an edge, -1 at the upper one."""
        graph = self.flow.graph(self.shape(call.of).over)
        size = self.flow.group(graph.over).size
        matrix: Factors = [{} for _ in range(size)]
        for number, (lower, upper) in enumerate(edges(graph, size).tolist()):
            matrix[lower][number], matrix[upper][number] = Fraction(1), Fraction(-1)
        return [matrix[i] for i in wanted]

    def weights(self, call: Applied) -> Factors:
        """A table, or Metropolis' weights: 1 / (1 + the larger degree) on edges, the rest on the diagonal."""
        name = str(call.arguments[0])
        if name in [table.name for table in self.flow.tables]:
            return _table(self.flow, call)
        graph = self.flow.graph(name)
        size = self.flow.group(graph.over).size
        beside: list[set[int]] = [set() for _ in range(size)]
        for lower, upper in edges(graph, size).tolist():
            beside[lower].add(upper)
            beside[upper].add(lower)
        matrix = [{j: Fraction(1, 1 + max(len(beside[i]), len(beside[j]))) for j in beside[i]} for i in range(size)]
        return [{**row, i: 1 - sum(row.values(), Fraction(0))} for i, row in enumerate(matrix)]

    def gossip(self, call: Applied, wanted: Wanted) -> Rows:
        """y_1 = e_1, y_t = W y_(t-1) + e_t, where a value of one round is nothing after it; see the top of the file."""
        inner = self.shape(call.of)
        rounds = int(call.arguments[1]) if len(call.arguments) > 1 else inner.rounds
        weights, scale = _whole(self.weights(call))
        powers = _powers(weights, wanted, rounds)
        needed = tuple(sorted({j for each in powers for power in each for j in power}))
        width, place = len(needed), {j: k for k, j in enumerate(needed)}
        entering, under = _whole(self.rows(call.of, needed))
        rows = []
        for t in range(rounds):
            for each in powers:
                parts = [
                    (factor * scale**s, entering[(t - k) * width + place[j]])
                    for k, s in ((k, t - k) for k in range(t + 1) if t - k < inner.rounds)
                    for j, factor in each[k].items()
                ]
                rows.append(_combined(parts, under * scale**t))
            _small(len(rows), sum(map(len, rows[-len(wanted) :])) * (t + 1))
        return rows

    def cohort(self, name: str) -> list[int]:
        """Colluders, at most least - 1, then honest members, the lowest first: `least` in all."""
        cohort = self.flow.cohort(name)
        first, members = self.flow.first_agent(cohort.of), range(self.flow.group(cohort.of).size)
        inside = [i for i in members if first + i in self.colluders]
        honest = [i for i in members if first + i not in self.colluders]
        order = inside[: cohort.least - 1] + honest + inside[cohort.least - 1 :]
        return sorted(order[: cohort.least])


def _powers(weights: list[dict[int, int]], wanted: Wanted, rounds: int) -> list[Powers]:
    """For each wanted member i the vectors e_i' W^k, k < rounds, in whole numbers; equal ones are continued once."""
    done: dict[frozenset[tuple[int, int]], dict[int, int]] = {}
    steps, found = 0, []
    for i in wanted:
        powers: Powers = [{i: 1}]
        for _ in range(rounds - 1):
            key = frozenset(powers[-1].items())
            if key not in done:
                steps += sum(len(weights[j]) for j in powers[-1])
                if steps > MOST_STEPS:
                    raise _too_many(
                        f"the products behind {len(wanted) * rounds:,} rows of gossip, over {MOST_STEPS:,},"
                    )
                done[key] = _step(powers[-1], weights)
            powers.append(done[key])
        found.append(powers)
    return found


def _step(vector: dict[int, int], weights: list[dict[int, int]]) -> dict[int, int]:
    following: dict[int, int] = {}
    for j, factor in vector.items():
        for k, entry in weights[j].items():
            following[k] = following.get(k, 0) + factor * entry
    return {k: entry for k, entry in following.items() if entry}


def _table(flow: Flow, call: Applied) -> Factors:
    return [dict(enumerate(row)) for row in flow.table(str(call.arguments[0])).rows]


def _over_rounds(function: str, rounds: int) -> Factors:
    """The matrix of a function that acts on rounds."""
    one, span = Fraction(1), range(rounds)
    if function == "last":
        return [{rounds - 1: one}]
    if function == "previous":
        return [{t - 1: one} if t else {} for t in span]
    if function == "so_far":
        return [dict.fromkeys(range(t + 1), one) for t in span]
    if function == "root":
        return [{s: Fraction(comb(2 * (t - s), t - s), 4 ** (t - s)) for s in range(t + 1)} for t in span]
    widths = [1 << level for level in range(rounds.bit_length())]  # of the nodes of a tree, leaves first
    return [dict.fromkeys(range(k * w, (k + 1) * w), one) for w in widths for k in range(rounds // w)]


def _times(matrix: Factors, rows: Rows) -> Rows:
    return [_added([(factor, rows[j]) for j, factor in line.items()]) for line in matrix]


def _added(parts: Sequence[tuple[Fraction, Row]]) -> Row:
    total: Row = {}
    for factor, row in parts:
        for column, entry in row.items():
            total[column] = total.get(column, Fraction(0)) + factor * entry
    return {column: entry for column, entry in total.items() if entry}


def _whole(rows: Sequence[Mapping[Key, Fraction]]) -> tuple[list[dict[Key, int]], int]:
    """Rows in whole numbers, and the one denominator of all."""
    under = math.lcm(*{entry.denominator for row in rows for entry in row.values()})
    return [
        {key: entry.numerator * (under // entry.denominator) for key, entry in row.items() if entry} for row in rows
    ], under


def _combined(parts: list[tuple[int, dict[Column, int]]], under: int) -> Row:
    """A sum of products of whole numbers, over a denominator."""
    total: dict[Column, int] = {}
    for factor, row in parts:
        for column, entry in row.items():
            total[column] = total.get(column, 0) + factor * entry
    return {column: Fraction(entry, under) for column, entry in total.items() if entry}


def _checked(made: Iterable[Row]) -> Rows:
    """The rows, as long as all of them together stay small."""
    rows: Rows = []
    entries = 0
    for row in made:
        rows.append(row)
        entries += len(row)
        _small(len(rows), entries)
    return rows


def _small(rows: int, entries: int) -> None:
    if rows > MOST_ROWS or entries > MOST_ENTRIES:
        raise _too_many(f"{rows:,} rows with {entries:,} entries, all that is needed for what is seen,")


def _too_many(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what} are too many for exact arithmetic",
        why=f"it takes up to {MOST_ROWS:,} rows with {MOST_ENTRIES:,} entries",
        instead="use the view in floats, or fewer members and rounds",
    )
