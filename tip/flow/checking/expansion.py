"""Expansion: every row of a message, multiplied out into secrets and noises, in exact numbers.

A value has `members` x `rounds` rows, round after round. A row is a dictionary from (symbol, member, round) to its
coefficient. Nothing is rounded and nothing is shared with the reasoner: functions are computed by what
docs/flow-rules.md says that they mean, running sums by adding, weights by looking at each member's neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final, TypeAlias

from tip.flow.checking.refusal import too_large
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol
from tip.flow.graphs import edges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tip.flow.model import Flow, Noise, Secret

Number: TypeAlias = int | Fraction
Column: TypeAlias = tuple[str, int, int]
Row: TypeAlias = dict[Column, Number]

MOST: Final = 3_000_000  # entries of all rows together


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """The rows of a formula; `over` names the group or graph that has a row for each member, "" for one row.

    `units`: for each round what all of its entries are to be divided by; empty where that is 1.
    """

    over: str
    members: int
    rounds: int
    rows: list[Row]
    units: tuple[int, ...] = ()

    def at(self, member: int, round_: int) -> Row:
        """The row of a member in a round; a value of one round is the same in all."""
        turn = round_ if self.rounds > 1 else 0
        row = self.rows[turn * self.members + member]
        if not self.units or self.units[turn] == 1:
            return row
        return {column: Fraction(entry, self.units[turn]) for column, entry in row.items()}

    def each(self) -> Iterator[Row]:
        """All rows, round after round."""
        return (self.at(member, turn) for turn in range(self.rounds) for member in range(self.members))


class Expansion:
    """The messages of a flow, multiplied out; `cohorts` says who is in each sum over a cohort."""

    def __init__(self, flow: Flow, cohorts: Mapping[str, tuple[int, ...]], *, one_round: bool) -> None:
        self.flow, self.cohorts, self.one_round = flow, cohorts, one_round
        both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
        self.symbols = {symbol.name: symbol for symbol in both}
        self._messages = {message.name: message for message in flow.messages}
        self._known: dict[str, Value] = {}
        self._rounds: dict[str, int] = {}
        self._entries = 0

    def message(self, name: str) -> Value:
        """All rows of a message."""
        if name not in self._known:
            self._known[name] = self._value(self._messages[name].says)
        return self._known[name]

    def rounds(self, formula: Expression) -> int:
        """How many rounds a formula has, without its rows."""
        match formula:
            case Symbol(name) if name in self.symbols:
                return 1 if self.one_round else self.symbols[name].rounds
            case Symbol(name):
                if name not in self._rounds:
                    self._rounds[name] = self.rounds(self._messages[name].says)
                return self._rounds[name]
            case Scaled(_, of):
                return self.rounds(of)
            case Added(parts):
                return max(self.rounds(part) for part in parts)
            case Applied(of=of):
                return self._rounds_after(formula, self.rounds(of))

    def _rounds_after(self, call: Applied, rounds: int) -> int:
        """How many rounds a function makes of some."""
        if call.function == "gossip" and len(call.arguments) > 1:
            return int(call.arguments[1])
        if call.function == "apply":
            return len(self.flow.table(str(call.arguments[0])).rows)
        return {"last": 1, "tree": 2 * rounds - 1}.get(call.function, rounds)

    def holders(self, name: str) -> tuple[str, int]:
        """What a group, a graph or a party has rows for, and how many."""
        for group in self.flow.groups:
            if group.name == name:
                return (name if group.size > 1 else ""), group.size
        for graph in self.flow.graphs:
            if graph.name == name:
                return name, len(edges(graph, self.flow.group(graph.over).size))
        return "", 1

    def _value(self, formula: Expression) -> Value:
        match formula:
            case Symbol(name) if name in self.symbols:
                symbol = self.symbols[name]
                over, members = self.holders(symbol.of)
                rounds = 1 if self.one_round else symbol.rounds
                rows: Iterable[Row] = ({(name, i, t): 1} for t in range(rounds) for i in range(members))
                return self._made(over, members, rounds, rows)
            case Symbol(name):
                return self.message(name)
            case Scaled(factor, of):
                value = self._value(of)
                number = factor.numerator if factor.denominator == 1 else factor
                return self._made(
                    value.over, value.members, value.rounds, (_sum([(number, row)]) for row in value.each())
                )
            case Added(parts):
                values = [self._value(part) for part in parts]
                rounds = max(value.rounds for value in values)
                first = values[0]
                rows = (
                    _sum([(1, value.at(i, t)) for value in values]) for t in range(rounds) for i in range(first.members)
                )
                return self._made(first.over, first.members, rounds, rows)
            case Applied(function, of):
                return _FUNCTIONS[function](self, formula, self._value(of))

    def _made(self, over: str, members: int, rounds: int, rows: Iterable[Row]) -> Value:
        """A value, as long as all of them together stay small."""
        made: list[Row] = []
        for row in rows:
            self._entries += len(row) + 1
            if self._entries > MOST:
                raise too_large(f"its messages have more than {MOST:,} coefficients")
            made.append(row)
        return Value(over, members, rounds, made)

    # -- functions of members ---------------------------------------------------------------------

    def total(self, call: Applied, value: Value) -> Value:
        """The sum or the mean of all members, or of those of a cohort."""
        chosen: Iterable[int] = range(value.members)
        if call.arguments:
            chosen = self.cohorts[str(call.arguments[0])]
        members = list(chosen)
        factor: Number = Fraction(1, len(members)) if call.function == "mean" and len(members) > 1 else 1
        rows = (_sum([(factor, value.at(i, t)) for i in members]) for t in range(value.rounds))
        return self._made("", 1, value.rounds, rows)

    def signed(self, call: Applied, value: Value) -> Value:
        """Each edge's value, added at its lower end and taken away at its upper end."""
        del call
        graph = self.flow.graph(value.over)
        over, size = self.holders(graph.over)
        touching: list[list[tuple[Number, int]]] = [[] for _ in range(size)]
        for number, (low, high) in enumerate(edges(graph, size).tolist()):
            touching[low].append((1, number))
            touching[high].append((-1, number))
        rows = (
            _sum([(sign, value.at(edge, t)) for sign, edge in touching[i]])
            for t in range(value.rounds)
            for i in range(size)
        )
        return self._made(over, size, value.rounds, rows)

    def mix(self, call: Applied, value: Value) -> Value:
        """Each member's weighted mean, in each round."""
        weights = self.weights(str(call.arguments[0]))
        rows = (
            _sum([(weight, value.at(j, t)) for j, weight in line.items()])
            for t in range(value.rounds)
            for line in weights
        )
        return self._made(value.over, value.members, value.rounds, rows)

    def gossip(self, call: Applied, value: Value) -> Value:
        """In round 1 the value itself, then what was said before, mixed, and what is new in the round.

        Whole numbers are counted, in units of what all weights divide: fractions would cost ten times as much.
        """
        weights = self.weights(str(call.arguments[0]))
        rounds = int(call.arguments[1]) if len(call.arguments) > 1 else value.rounds
        common = lcm(*(Fraction(x).denominator for line in weights for x in line.values()))
        steps = [[(int(weight * common), j) for j, weight in line.items()] for line in weights]
        units = [unit := lcm(*{Fraction(x).denominator for row in value.each() for x in row.values()})]
        said = [_whole(value.at(i, 0), unit) for i in range(value.members)]
        rows: list[Row] = self._made(value.over, value.members, 1, said).rows
        for t in range(1, rounds):
            unit *= common
            fresh = [_whole(value.at(i, t), unit) if value.rounds > 1 else {} for i in range(value.members)]
            mixed = (_sum([*((times, said[j]) for times, j in line), (1, fresh[i])]) for i, line in enumerate(steps))
            said = self._made(value.over, value.members, 1, mixed).rows
            rows += said
            units.append(unit)
        return Value(value.over, value.members, rounds, rows, tuple(units))

    def weights(self, name: str) -> list[dict[int, Number]]:
        """A table's rows, or Metropolis' weights of a graph."""
        for table in self.flow.tables:
            if table.name == name:
                return [{j: entry for j, entry in enumerate(row) if entry} for row in table.rows]
        graph = self.flow.graph(name)
        near: list[list[int]] = [[] for _ in range(self.flow.group(graph.over).size)]
        for low, high in edges(graph, len(near)).tolist():
            near[low].append(high)
            near[high].append(low)
        lines: list[dict[int, Number]] = []
        for i, others in enumerate(near):
            line: dict[int, Number] = {j: Fraction(1, 1 + max(len(others), len(near[j]))) for j in others}
            rest = 1 - sum(line.values())
            lines.append({**line, i: rest} if rest else line)
        return lines

    def running(self, call: Applied, value: Value) -> Value:
        """`so_far` adds a member's rounds; `token` all rows in the order of rounds and members."""
        step = value.members if call.function == "so_far" else 1
        rows: list[Row] = []
        for place, row in enumerate(value.each()):
            rows.append(_sum([(1, rows[place - step]), (1, row)]) if place >= step else row)
            self._entries += len(rows[-1])
            if self._entries > MOST:
                raise too_large(f"its messages have more than {MOST:,} coefficients")
        return Value(value.over, value.members, value.rounds, rows)

    # -- functions of rounds ----------------------------------------------------------------------

    def by_rounds(self, value: Value, lines: list[dict[int, Number]]) -> Value:
        """Each member's rounds combined: a line for each new round."""
        rows = (
            _sum([(factor, value.at(i, s)) for s, factor in line.items()])
            for line in lines
            for i in range(value.members)
        )
        return self._made(value.over, value.members, len(lines), rows)

    def previous(self, call: Applied, value: Value) -> Value:
        """The round before; nothing in the first."""
        del call
        return self.by_rounds(value, [{t - 1: 1} if t else {} for t in range(value.rounds)])

    def last(self, call: Applied, value: Value) -> Value:
        """The last round alone."""
        del call
        return self.by_rounds(value, [{value.rounds - 1: 1}])

    def apply(self, call: Applied, value: Value) -> Value:
        """The rounds combined by the rows of a table."""
        rows = self.flow.table(str(call.arguments[0])).rows
        return self.by_rounds(value, [{s: entry for s, entry in enumerate(row) if entry} for row in rows])

    def tree(self, call: Applied, value: Value) -> Value:
        """Sums of pairs, of pairs of pairs, and so on: leaves first, the whole last."""
        del call
        spans, width = [[t] for t in range(value.rounds)], value.rounds
        level = spans
        while width > 1:
            level = [level[k] + level[k + 1] for k in range(0, width, 2)]
            spans = spans + level
            width //= 2
        return self.by_rounds(value, [dict.fromkeys(span, 1) for span in spans])

    def root(self, call: Applied, value: Value) -> Value:
        """The square root of the running sum: f_0 = 1, f_k = f_(k-1) (2k - 1) / 2k, on the k-th diagonal."""
        del call
        steps: list[Number] = [1]
        for k in range(1, value.rounds):
            steps.append(steps[-1] * Fraction(2 * k - 1, 2 * k))
        return self.by_rounds(value, [{s: steps[t - s] for s in range(t + 1)} for t in range(value.rounds)])


def _whole(row: Row, unit: int) -> Row:
    """A row in whole numbers of a unit that all of its entries divide."""
    return {column: int(entry * unit) for column, entry in row.items()}


def _sum(parts: list[tuple[Number, Row]]) -> Row:
    """A combination of rows, without zeros."""
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    total: Row = {}
    for factor, row in parts:
        for column, entry in row.items():
            total[column] = total.get(column, 0) + factor * entry
    return {column: entry for column, entry in total.items() if entry}


_FUNCTIONS: Final[dict[str, Callable[[Expansion, Applied, Value], Value]]] = {
    "sum": Expansion.total, "mean": Expansion.total, "signed": Expansion.signed, "mix": Expansion.mix,
    "gossip": Expansion.gossip, "token": Expansion.running, "so_far": Expansion.running,
    "previous": Expansion.previous, "last": Expansion.last, "apply": Expansion.apply, "tree": Expansion.tree,
    "root": Expansion.root,
}  # fmt: skip
