"""Evaluation: the value of every message from the values of all secrets and noises.

This is what the flow itself means, without any matrix: the model that a protocol's transcript is compared with
(law 21), and the data that a test of the coalition is run on. A value is an array (rounds, members, dimension).

Arithmetic is exact where the inputs are whole numbers. In a ring of b bits, sums wrap: the value of a message
is the word in [0, 2^b), as uint64, and coefficients must be whole. Outside a ring, whole numbers are carried as
Python's own, and become fractions where a coefficient is one; a result is int64 where all entries are whole and fit,
else an object array of fractions. Inputs in float64 give float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tip.errors import ConfigurationError
from tip.flow import shapes
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol
from tip.flow.graphs import degrees, edges

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tip.flow.model import Flow, Message, Noise, Secret

Values: TypeAlias = NDArray[Any]  # float64, uint64, int64, or objects: whole numbers and fractions
Indices: TypeAlias = NDArray[np.int64]
Present: TypeAlias = "Mapping[str, Indices | Sequence[Indices]]"
_ROOM: Final = 1 << 62


def evaluate(flow: Flow, values: Mapping[str, Values], present: Present | None = None) -> dict[str, Values]:
    """The value of every message, `(rounds, members, dimension)`, from those of all secrets and noises, alike.

    Whole numbers come as int64, uint64 (words of masks) or objects, others as float64. `present`: for each cohort
    the members whose values a sum over it holds, the same in all rounds or one array a round; by default all.
    """
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    known: dict[str, Values] = {}
    for symbol in both:
        if symbol.name in values:
            known[symbol.name] = _accepted(flow, symbol, values[symbol.name])
    said: dict[str, Values] = {}
    for message in flow.messages:
        missing = [name for name in flow.symbols(message) if name not in known]
        if missing:
            raise ConfigurationError(f"message {message.name!r} needs the values of {missing[0]!r}")
        said[message.name] = known[message.name] = _said(flow, message, known, present or {})
    return said


def _accepted(flow: Flow, symbol: Secret | Noise, value: Values) -> Values:
    """An array of the right kind and shape; a whole number of Python's own stays what it is."""
    array = np.asarray(value)
    wanted = (symbol.rounds, shapes.over(flow, symbol.of)[1])
    if array.ndim != 3 or array.shape[:2] != wanted:
        raise ConfigurationError(f"the values of {symbol.name!r} are (rounds, members, dimension) = {wanted} + (d,)")
    if array.dtype.kind not in "iufO":
        raise ConfigurationError(f"the values of {symbol.name!r} are numbers, not {array.dtype}")
    if array.dtype.kind == "f":
        return array.astype(np.float64)
    return array.astype(np.int64) if array.dtype.kind == "i" else array


def _said(flow: Flow, message: Message, known: Mapping[str, Values], present: Present) -> Values:
    """One message: how its numbers are carried, its formula, and the form of the result."""
    behind = [known[name].dtype.kind for name in flow.symbols(message)]
    if message.ring:
        words: Values = _Formula(flow, known, present, "ring").value(message.says)
        return np.bitwise_and(words, np.uint64((1 << message.ring) - 1))
    if "f" in behind:
        return _Formula(flow, known, present, "float").value(message.says)
    return _plain(_Formula(flow, known, present, "exact").value(message.says))


def _plain(value: Values) -> Values:
    """int64 where all entries are whole and fit, else fractions."""
    if value.dtype != np.object_:
        return value
    entries = [Fraction(entry) for entry in value.ravel().tolist()]
    if all(entry.denominator == 1 and abs(entry) < _ROOM for entry in entries):
        return np.array([int(entry) for entry in entries], np.int64).reshape(value.shape)
    fractions = np.empty(len(entries), np.object_)
    fractions[:] = entries
    return fractions.reshape(value.shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Factors:
    """A matrix of `size` rows as triples: entry [rows[k], columns[k]] is factors[k]."""

    size: int
    rows: Indices
    columns: Indices
    factors: list[Fraction]


@dataclass(frozen=True, slots=True)
class _Formula:
    """Values of formulas; `kind` says how numbers are carried: "ring" (words), "float" or "exact"."""

    flow: Flow
    known: Mapping[str, Values]
    present: Present
    kind: str

    def value(self, expression: Expression) -> Values:
        """The value of a formula, `(rounds, members, dimension)`."""
        match expression:
            case Symbol():
                return self.carried(self.known[expression.name])
            case Scaled():
                return self.scaled(self.value(expression.of), expression.factor)
            case Added():
                return self.added([self.value(part) for part in expression.parts])
            case Applied():
                inner = self.value(expression.of)
                if expression.function == "signed":
                    return self.signed(inner, shapes.shape(self.flow, expression.of).over)
                return _FUNCTIONS[expression.function](self, expression, inner)

    def carried(self, value: Values) -> Values:
        """A value in the form in which this formula computes."""
        if self.kind == "float":
            return value.astype(np.float64)
        if self.kind == "exact":
            return value.astype(np.object_) if value.dtype == np.uint64 else value
        if value.dtype == np.float64:
            raise ConfigurationError("what is computed in a ring is whole numbers, not float64")
        if value.dtype != np.object_:
            return value.astype(np.uint64)
        if any(Fraction(entry).denominator > 1 for entry in value.ravel().tolist()):
            raise ConfigurationError("what is computed in a ring is whole numbers, not fractions")
        words = [int(entry) % (1 << 64) for entry in value.ravel().tolist()]
        return np.array(words, np.uint64).reshape(value.shape)

    def roomy(self, value: Values, gain: float) -> Values:
        """Whole numbers as Python's own, where a result of up to `gain` times the largest might not fit."""
        if self.kind != "exact" or value.dtype == np.object_ or not value.size:
            return value
        largest = max(int(value.max()), -int(value.min()))
        return value.astype(np.object_) if max(largest, 1) * (gain * 1.001 + 1) >= _ROOM else value

    def scaled(self, value: Values, factor: Fraction) -> Values:
        """A multiple."""
        if self.kind == "float":
            return value * float(factor)
        if self.kind == "ring":
            return value * _word(factor)
        if factor.denominator == 1:
            whole: Values = self.roomy(value, float(abs(factor))) * int(factor)
            return whole
        fractions: Values = value.astype(np.object_) * factor
        return fractions

    def added(self, parts: list[Values]) -> Values:
        """A sum; a value of one round is the same in all rounds."""
        total = self.roomy(parts[0], len(parts))
        for part in parts[1:]:
            total = total + self.roomy(part, len(parts))
        return total

    def through(self, value: Values, matrix: _Factors) -> Values:
        """A matrix applied along the first axis."""
        gain = np.bincount(matrix.rows, [abs(float(factor)) for factor in matrix.factors], matrix.size).max(initial=0)
        value = self.roomy(value, float(gain))
        if self.kind == "exact" and any(factor.denominator > 1 for factor in matrix.factors):
            value = value.astype(np.object_)
        factors = np.array([self.number(factor, value) for factor in matrix.factors], value.dtype)
        out = np.zeros((matrix.size, *value.shape[1:]), value.dtype)
        shaped = factors.reshape(-1, *[1] * (value.ndim - 1))
        np.add.at(out, matrix.rows, shaped * value[matrix.columns])
        return out

    def number(self, factor: Fraction, value: Values) -> Fraction | float | int | np.uint64:
        """A factor in the form of a value."""
        if self.kind == "float":
            return float(factor)
        if self.kind == "ring":
            return _word(factor)
        return factor if value.dtype == np.object_ else int(factor)

    def signed(self, value: Values, name: str) -> Values:
        """+1 at the lower end of an edge, -1 at the upper one."""
        graph = self.flow.graph(name)
        size = self.flow.group(graph.over).size
        pairs = edges(graph, size)
        value = self.roomy(value, size)
        out = np.zeros((len(value), size, value.shape[2]), value.dtype)
        for total, each in zip(out, value, strict=True):
            np.add.at(total, pairs[:, 0], each)
            np.subtract.at(total, pairs[:, 1], each)
        return out


def _word(factor: Fraction) -> np.uint64:
    if factor.denominator > 1:
        raise ConfigurationError(f"a ring knows whole multiples, not {factor}")
    return np.uint64(int(factor) % (1 << 64))


def _total(formula: _Formula, call: Applied, value: Values) -> Values:
    """Over all members, or over those present; the mean of a cohort is over its public `least`."""
    count, value = value.shape[1], formula.roomy(value, value.shape[1])
    if call.arguments:
        cohort = formula.flow.cohort(str(call.arguments[0]))
        chosen = formula.present.get(cohort.name, np.arange(count))
        each = [chosen] * len(value) if isinstance(chosen, np.ndarray) else list(chosen)
        total = np.stack([row[who].sum(axis=0, keepdims=True) for row, who in zip(value, each, strict=True)])
        count = cohort.least
    else:
        total = value.sum(axis=1, keepdims=True)
    return formula.scaled(total, Fraction(1, count)) if call.function == "mean" else total


def _weights(flow: Flow, name: str) -> _Factors:
    """A table, or Metropolis' weights of a graph."""
    for table in flow.tables:
        if table.name == name:
            size, width = len(table.rows), len(table.rows[0])
            rows, columns = np.divmod(np.arange(size * width), width)
            return _Factors(size, rows, columns, [entry for row in table.rows for entry in row])
    graph = flow.graph(name)
    size = flow.group(graph.over).size
    pairs, degree = edges(graph, size), degrees(graph, size)
    weight = [Fraction(1, 1 + most) for most in degree[pairs].max(axis=1).tolist()]
    rest = [Fraction(1)] * size
    for (lower, upper), part in zip(pairs.tolist(), weight, strict=True):
        rest[lower] -= part
        rest[upper] -= part
    own = np.arange(size)
    rows, columns = np.concatenate([pairs[:, 0], pairs[:, 1], own]), np.concatenate([pairs[:, 1], pairs[:, 0], own])
    return _Factors(size, rows, columns, [*weight, *weight, *rest])


def _mix(formula: _Formula, call: Applied, value: Values) -> Values:
    matrix = _weights(formula.flow, str(call.arguments[0]))
    return np.stack([formula.through(row, matrix) for row in value])


def _gossip(formula: _Formula, call: Applied, value: Values) -> Values:
    """y_1 = e_1, y_t = W y_(t-1) + e_t; a value of one round enters in round 1 only."""
    matrix = _weights(formula.flow, str(call.arguments[0]))
    rounds = int(call.arguments[1]) if len(call.arguments) > 1 else len(value)
    steps = [value[0]]
    for step in range(1, rounds):
        mixed = formula.through(steps[-1], matrix)
        steps.append(formula.added([mixed, value[step]]) if len(value) > 1 else mixed)
    return np.stack(steps)


def _running(value: Values, formula: _Formula) -> Values:
    value = formula.roomy(value, len(value))
    return np.cumsum(value, axis=0, dtype=value.dtype)


def _token(formula: _Formula, call: Applied, value: Values) -> Values:
    del call
    return _running(value.reshape(-1, value.shape[2]), formula).reshape(value.shape)


def _so_far(formula: _Formula, call: Applied, value: Values) -> Values:
    del call
    return _running(value, formula)


def _previous(formula: _Formula, call: Applied, value: Values) -> Values:
    del formula, call
    return np.concatenate([value[:1] * 0, value[:-1]])


def _tree(formula: _Formula, call: Applied, value: Values) -> Values:
    """Leaves, then each level's sums of two neighbors, the root last."""
    del call
    levels = [formula.roomy(value, len(value))]
    while len(levels[-1]) > 1:
        levels.append(levels[-1][::2] + levels[-1][1::2])
    return np.concatenate(levels)


def _root(formula: _Formula, call: Applied, value: Values) -> Values:
    """Coefficients c_0 = 1, c_k = c_(k-1) (2k - 1) / (2k)."""
    del call
    column = [Fraction(1)]
    for step in range(1, len(value)):
        column.append(column[-1] * Fraction(2 * step - 1, 2 * step))
    rows, columns = np.tril_indices(len(value))
    return formula.through(value, _Factors(len(value), rows, columns, [column[k] for k in (rows - columns).tolist()]))


def _apply(formula: _Formula, call: Applied, value: Values) -> Values:
    return formula.through(value, _weights(formula.flow, str(call.arguments[0])))


def _last(formula: _Formula, call: Applied, value: Values) -> Values:
    del formula, call
    return value[-1:]


_FUNCTIONS: Final[dict[str, Callable[[_Formula, Applied, Values], Values]]] = {
    "sum": _total, "mean": _total, "mix": _mix, "gossip": _gossip, "token": _token, "previous": _previous,
    "so_far": _so_far, "tree": _tree, "root": _root, "apply": _apply, "last": _last,
}  # fmt: skip
