"""Formulas in fractions: the exact twin of `tip.flow.operators`, for small flows.

Written apart from it and as plainly as possible: a value is a list of rows (row = round * members + member), a
row is a dictionary from columns to fractions, a column is (symbol, member, round). Nothing is rounded.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING, Final, TypeAlias

from tip.errors import ConfigurationError
from tip.flow import shapes
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol
from tip.flow.graphs import edges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.model import Flow, Noise, Secret

Column: TypeAlias = tuple[str, int, int]
Row: TypeAlias = dict[Column, Fraction]
Rows: TypeAlias = list[Row]
Factors: TypeAlias = list[dict[int, Fraction]]  # a matrix

MOST_ROWS: Final = 20_000
MOST_ENTRIES: Final = 1_000_000


class Exactly:
    """The rows of formulas, each in all that it depends on."""

    def __init__(self, flow: Flow, colluders: frozenset[int], *, one_round: bool) -> None:
        self.flow, self.colluders, self.one_round = flow, colluders, one_round
        both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
        self.symbols = {symbol.name: symbol for symbol in both}
        self.done: dict[str, tuple[int, Rows]] = {}

    def message(self, name: str) -> tuple[int, Rows]:
        """How many members, and the rows, of a message."""
        if name not in self.done:
            self.done[name] = self.rows(self.flow.message(name).says)
        return self.done[name]

    def rows(self, expression: Expression) -> tuple[int, Rows]:
        """How many members, and the rows, of a formula."""
        match expression:
            case Symbol() if expression.name in self.symbols:
                symbol = self.symbols[expression.name]
                size, rounds = shapes.over(self.flow, symbol.of)[1], 1 if self.one_round else symbol.rounds
                _small(size * rounds, 0)
                return size, [{(symbol.name, i, t): Fraction(1)} for t in range(rounds) for i in range(size)]
            case Symbol():
                return self.message(expression.name)
            case Scaled():
                size, rows = self.rows(expression.of)
                return size, [_added([(expression.factor, row)]) for row in rows]
            case Added():
                parts = [self.rows(part) for part in expression.parts]
                length = max(len(rows) for _, rows in parts)
                summed = [_added([(Fraction(1), rows[k % len(rows)]) for _, rows in parts]) for k in range(length)]
                return parts[0][0], _checked(summed)
            case Applied():
                return self.applied(expression, *self.rows(expression.of))

    def applied(self, call: Applied, n: int, rows: Rows) -> tuple[int, Rows]:
        """A function of `n` members; each is a matrix over members (alike in each round) or over rounds."""
        rounds = len(rows) // n
        if call.function in {"sum", "mean", "signed", "mix"}:
            matrix = self.over_members(call, n)
            each = [_times(matrix, rows[t * n : (t + 1) * n]) for t in range(rounds)]
            return len(matrix), _checked([row for some in each for row in some])
        if call.function == "gossip":
            return n, _checked(self.gossip(call, n, rows))
        if call.function == "token":
            return n, _checked(_times(_over_rounds("so_far", len(rows)), rows))
        matrix = _table(self.flow, call) if call.function == "apply" else _over_rounds(call.function, rounds)
        columns = [_times(matrix, rows[i::n]) for i in range(n)]
        return n, _checked([columns[i][t] for t in range(len(matrix)) for i in range(n)])

    def over_members(self, call: Applied, n: int) -> Factors:
        """The matrix of a function that acts on members."""
        if call.function == "signed":
            return self.signed(call)
        if call.function == "mix":
            return self.weights(call)
        chosen = self.cohort(str(call.arguments[0])) if call.arguments else list(range(n))
        return [dict.fromkeys(chosen, Fraction(1, len(chosen)) if call.function == "mean" else Fraction(1))]

    def signed(self, call: Applied) -> Factors:
        """+1 at the lower end of an edge, -1 at the upper one."""
        graph = self.flow.graph(shapes.shape(self.flow, call.of).over)
        size = self.flow.group(graph.over).size
        matrix: Factors = [{} for _ in range(size)]
        for number, (lower, upper) in enumerate(edges(graph, size).tolist()):
            matrix[lower][number], matrix[upper][number] = Fraction(1), Fraction(-1)
        return matrix

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

    def gossip(self, call: Applied, n: int, rows: Rows) -> Rows:
        """y_1 = e_1, y_t = W y_(t-1) + e_t, where a value of one round is nothing after it."""
        rounds = int(call.arguments[1]) if len(call.arguments) > 1 else len(rows) // n
        matrix, said = self.weights(call), rows[:n]
        for t in range(1, rounds):
            mixed = _times(matrix, said[-n:])
            entering = rows[t * n : (t + 1) * n] or [{}] * n
            said = said + [_added([(Fraction(1), a), (Fraction(1), b)]) for a, b in zip(mixed, entering, strict=True)]
        return said

    def cohort(self, name: str) -> list[int]:
        """Colluders, at most least - 1, then honest members, the lowest first: `least` in all."""
        cohort = self.flow.cohort(name)
        first, members = self.flow.first_agent(cohort.of), range(self.flow.group(cohort.of).size)
        inside = [i for i in members if first + i in self.colluders]
        honest = [i for i in members if first + i not in self.colluders]
        order = inside[: cohort.least - 1] + honest + inside[cohort.least - 1 :]
        return sorted(order[: cohort.least])


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


def _checked(rows: Rows) -> Rows:
    _small(len(rows), sum(map(len, rows)))
    return rows


def _small(rows: int, entries: int) -> None:
    if rows > MOST_ROWS or entries > MOST_ENTRIES:
        raise ConfigurationError(
            f"{rows:,} rows with {entries:,} entries are too many for exact arithmetic",
            why=f"it takes up to {MOST_ROWS:,} rows with {MOST_ENTRIES:,} entries",
            instead="use the view in floats, or fewer members and rounds",
        )
