"""Operators: what a formula does to its symbols, as sparse matrices.

A value of `members` x `rounds` is one long vector, round after round: row = round * members + member. A
formula is a linear map of its symbols, kept as a `Value`: for each symbol a matrix with the rows of the value
and the columns of the symbol, so that "answer + noise + signed(delta)" needs no addition of large matrices.

Every function acts either on the members, alike in each round, or on the rounds, alike for each member:
its matrix is kron(I, K) or kron(R, I). Only `gossip` and `token` mix both.

Of a symbol only the columns in `Sources.kept` are built: what a coalition knows is never multiplied.
Coefficients are float64, each rounded; `tip.flow.exactly` is the exact twin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tip.errors import ConfigurationError
from tip.flow import shapes
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol, write
from tip.flow.graphs import degrees, edges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tip.flow.model import Flow, Noise, Secret

Matrix: TypeAlias = "sparse.csr_array[np.float64, tuple[int, int]]"
Indices: TypeAlias = NDArray[np.int64]
_MOST_ENTRIES: Final = 1 << 27
LEAST: Final = Fraction(1, 10**60)
LARGEST: Final = 1 / LEAST


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A linear map: `parts` holds for each symbol a (rounds * members) x (its kept columns) matrix.

    `over` is as in `tip.flow.shapes`: a group, a graph or "" for one row.
    """

    over: str
    members: int
    rounds: int
    parts: Mapping[str, Matrix]


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What formulas are built from.

    `kept`: for each symbol the columns that are wanted, sorted (column = round * members + member); `cohorts`:
    the members that a sum over a cohort stands for; `one_round`: each symbol has one round only, the first.
    """

    flow: Flow
    kept: Mapping[str, Indices]
    cohorts: Mapping[str, Indices]
    one_round: bool = False
    done: dict[str, Value] = field(default_factory=dict)  # the messages built so far

    def size(self, symbol: Secret | Noise) -> tuple[str, int, int]:
        """What a symbol has a row for, how many members and how many rounds."""
        return (*shapes.over(self.flow, symbol.of), 1 if self.one_round else symbol.rounds)


def message(sources: Sources, name: str) -> Value:
    """The linear map of a message, through all messages that it speaks of."""
    if name not in sources.done:
        sources.done[name] = linear(sources, sources.flow.message(name).says)
    return sources.done[name]


def linear(sources: Sources, expression: Expression) -> Value:
    """The linear map of an expression."""
    match expression:
        case Symbol():
            return _symbol(sources, expression.name)
        case Scaled():
            inner = linear(sources, expression.of)
            factor = coefficient(expression.factor)
            return _with(inner, {name: part * factor for name, part in inner.parts.items()})
        case Added():
            return _sum([linear(sources, part) for part in expression.parts])
        case Applied():
            return _applied(sources, expression)


def coefficient(number: Fraction) -> float:
    """The nearest float; `ConfigurationError` for what is so small or large that products might vanish or overflow."""
    if number and not LEAST <= abs(number) <= LARGEST:
        raise ConfigurationError(
            "a coefficient lies outside [1e-60, 1e60]", instead="state secrets and noises in other units"
        )
    return float(number)


def in_all_rounds(value: Value, rounds: int) -> Value:
    """A value of one round, the same in all rounds; a value of as many rounds as it is."""
    if value.rounds == rounds:
        return value
    rows = np.tile(np.arange(value.members), rounds)
    return Value(value.over, value.members, rounds, {name: part[rows] for name, part in value.parts.items()})


# -- the parts of a formula -----------------------------------------------------------------------


def _symbol(sources: Sources, name: str) -> Value:
    symbols: tuple[Secret | Noise, ...] = (*sources.flow.secrets, *sources.flow.noises)
    for symbol in symbols:
        if symbol.name == name:
            over, members, rounds = sources.size(symbol)
            return Value(over, members, rounds, {name: _selection(members * rounds, sources.kept[name])})
    return message(sources, name)


def _selection(rows: int, kept: Indices) -> Matrix:
    """Column k has its 1 in row kept[k]."""
    starts = np.zeros(rows + 1, _index(max(rows, len(kept))))
    starts[kept + 1] = 1
    np.cumsum(starts, out=starts)
    columns = np.arange(len(kept), dtype=starts.dtype)
    return sparse.csr_array((np.ones(len(kept)), columns, starts), shape=(rows, len(kept)))


def _sum(values: list[Value]) -> Value:
    rounds = max(value.rounds for value in values)
    parts: dict[str, Matrix] = {}
    for value in values:
        for name, part in in_all_rounds(value, rounds).parts.items():
            parts[name] = parts[name] + part if name in parts else part
    return Value(values[0].over, values[0].members, rounds, parts)


def _applied(sources: Sources, expression: Applied) -> Value:
    if expression.function == "signed" and isinstance(expression.of, Symbol):
        ready = _signed_symbol(sources, expression.of.name)
        if ready is not None:
            return ready
    return _FUNCTIONS[expression.function](sources, expression, linear(sources, expression.of))


def _with(value: Value, parts: Mapping[str, Matrix]) -> Value:
    return Value(value.over, value.members, value.rounds, parts)


def _on_members(value: Value, over: str, matrix: Matrix) -> Value:
    """The same matrix in each round."""
    whole = matrix if value.rounds == 1 else sparse.kron(sparse.eye_array(value.rounds), matrix, format="csr")
    return Value(over, matrix.shape[0], value.rounds, {name: whole @ part for name, part in value.parts.items()})


def _on_rounds(value: Value, matrix: Matrix) -> Value:
    """The same matrix for each member."""
    if matrix.nnz * value.members > _MOST_ENTRIES:
        raise ConfigurationError(f"{value.rounds} rounds of {value.members} members are too many for this formula")
    whole = matrix if value.members == 1 else sparse.kron(matrix, sparse.eye_array(value.members), format="csr")
    parts = {name: whole @ part for name, part in value.parts.items()}
    return Value(value.over, value.members, matrix.shape[0], parts)


# -- functions of members -------------------------------------------------------------------------


def _total(sources: Sources, expression: Applied, value: Value) -> Value:
    """A row of ones, or of ones at the members of the cohort; the mean divides by how many these are."""
    chosen = np.arange(value.members)
    if expression.arguments:
        chosen = sources.cohorts[str(expression.arguments[0])]
    entries = np.full(len(chosen), 1.0 / len(chosen) if expression.function == "mean" else 1.0)
    row = sparse.csr_array((entries, chosen, [0, len(chosen)]), shape=(1, value.members))
    return _on_members(value, "", row)


def incidence(pairs: Indices, size: int) -> Matrix:
    """Members x edges: +1 at the lower end of each edge, -1 at the upper end."""
    count = len(pairs)
    kind = _index(max(2 * count, size))
    starts: Indices = np.arange(0, 2 * count + 1, 2, dtype=kind)
    ends: Indices = pairs.ravel().astype(kind)
    signs = np.tile(np.array([1.0, -1.0]), count)
    return sparse.csc_array((signs, ends, starts), shape=(size, count)).tocsr()


def _signed(sources: Sources, expression: Applied, value: Value) -> Value:
    del expression
    graph = sources.flow.graph(value.over)
    over, size = shapes.over(sources.flow, graph.over)
    return _on_members(value, over, incidence(edges(graph, size), size))


def _signed_symbol(sources: Sources, name: str) -> Value | None:
    """`signed` of a noise of one round: only the wanted edges are ever looked at."""
    known = [noise for noise in sources.flow.noises if noise.name == name]
    if not known or sources.size(known[0])[2] > 1:
        return None
    graph = sources.flow.graph(known[0].of)
    over, size = shapes.over(sources.flow, graph.over)
    pairs, kept = edges(graph, size), sources.kept[name]
    return Value(over, size, 1, {name: incidence(pairs if len(kept) == len(pairs) else pairs[kept], size)})


def weights(flow: Flow, name: str) -> Matrix:
    """Mixing weights: of a table as they are, of a graph Metropolis'."""
    tables = [table for table in flow.tables if table.name == name]
    if tables:
        return sparse.csr_array(np.array([[coefficient(entry) for entry in row] for row in tables[0].rows]))
    graph = flow.graph(name)
    size = flow.group(graph.over).size
    lower, upper = edges(graph, size).T
    degree = degrees(graph, size)
    weight = 1.0 / (1.0 + np.maximum(degree[lower], degree[upper]))
    rest = 1.0 - np.bincount(lower, weight, size) - np.bincount(upper, weight, size)
    own = np.arange(size)
    rows, columns = np.concatenate([lower, upper, own]), np.concatenate([upper, lower, own])
    entries = np.concatenate([weight, weight, rest])
    return sparse.csr_array((entries, (rows, columns)), shape=(size, size))


def _mix(sources: Sources, expression: Applied, value: Value) -> Value:
    return _on_members(value, value.over, weights(sources.flow, str(expression.arguments[0])))


def _gossip(sources: Sources, expression: Applied, value: Value) -> Value:
    """y_1 = e_1, y_t = W y_(t-1) + e_t; a value of one round enters in round 1 only."""
    mixing = weights(sources.flow, str(expression.arguments[0]))
    rounds = int(expression.arguments[1]) if len(expression.arguments) > 1 else value.rounds
    parts: dict[str, Matrix] = {}
    for name, part in value.parts.items():
        steps = [part[: value.members]]
        for step in range(1, rounds):
            entering = part[step * value.members : (step + 1) * value.members]
            steps.append(mixing @ steps[-1] + entering if value.rounds > 1 else mixing @ steps[-1])
        parts[name] = sparse.vstack(steps, format="csr")
    return Value(value.over, value.members, rounds, parts)


def _token(sources: Sources, expression: Applied, value: Value) -> Value:
    """The running sum over turns and, in each turn, over members: over all rows in their order."""
    del sources
    rows = value.members * value.rounds
    if rows * rows > 2 * _MOST_ENTRIES:
        raise ConfigurationError(f"{write(expression)!r}: {rows:,} handings of a token are too many")
    running = prefix(rows)
    return _with(value, {name: running @ part for name, part in value.parts.items()})


# -- functions of rounds --------------------------------------------------------------------------


def prefix(rounds: int) -> Matrix:
    """Ones on and below the diagonal."""
    return sparse.csr_array(np.tri(rounds))


def shift(rounds: int) -> Matrix:
    """One round later, nothing in the first."""
    return sparse.csr_array(sparse.eye_array(rounds, k=-1))


def tree(rounds: int) -> Matrix:
    """All nodes of a binary tree over the rounds: leaves first, then level by level, the root last."""
    levels = [sparse.eye_array(rounds, format="csr")]
    while levels[-1].shape[0] > 1:
        half = levels[-1].shape[0] // 2
        levels.append(sparse.kron(sparse.eye_array(half), np.ones((1, 2)), format="csr") @ levels[-1])
    return sparse.csr_array(sparse.vstack(levels, format="csr"))


def root(rounds: int) -> Matrix:
    """The square root of the prefix sums: binom(2k, k) / 4^k on the k-th diagonal below."""
    steps = np.arange(1, rounds)
    column = np.concatenate([[1.0], np.cumprod((2.0 * steps - 1.0) / (2.0 * steps))])
    distance = np.subtract.outer(np.arange(rounds), np.arange(rounds))
    return sparse.csr_array(np.where(distance >= 0, column[np.maximum(distance, 0)], 0.0))


def _rounds(make: Callable[[int], Matrix]) -> Callable[[Sources, Applied, Value], Value]:
    def function(sources: Sources, expression: Applied, value: Value) -> Value:
        del sources, expression
        return _on_rounds(value, make(value.rounds))

    return function


def _apply(sources: Sources, expression: Applied, value: Value) -> Value:
    return _on_rounds(value, weights(sources.flow, str(expression.arguments[0])))


def _last(sources: Sources, expression: Applied, value: Value) -> Value:
    del sources, expression
    parts = {name: part[-value.members :] for name, part in value.parts.items()}
    return Value(value.over, value.members, 1, parts)


def _index(largest: int) -> type[np.int32 | np.int64]:
    return np.int32 if largest < 2**31 else np.int64


_FUNCTIONS: Final[dict[str, Callable[[Sources, Applied, Value], Value]]] = {
    "sum": _total, "mean": _total, "signed": _signed, "mix": _mix, "gossip": _gossip, "token": _token,
    "previous": _rounds(shift), "so_far": _rounds(prefix), "tree": _rounds(tree), "root": _rounds(root),
    "apply": _apply, "last": _last,
}  # fmt: skip
