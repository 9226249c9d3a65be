"""Precision: whether a view's coefficients in floats are exactly those of the flow.

A coefficient that is a multiple of 2^-b and lies within 2^a, with a + b at most 52, is a float64, and so are all sums
and products on the way to it that stay within these bounds. `exact` follows a and b through the formulas: a grows
with the largest sum of magnitudes in a row, b with the denominators. A coefficient such as 1/3 ends it.

Where it holds, what is proven of the floats is proven of the flow.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.flow import shapes
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol, names
from tip.flow.graphs import degrees

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tip.flow.model import Flow

MANY: Final = 1000  # roundings
_MOST: Final = 52
_ENDLESS: Final = 10_000  # the bits of a denominator that is no power of two


@dataclass(frozen=True, slots=True)
class Bits:
    """Magnitudes within 2^whole, in steps of 2^-parts."""

    whole: int
    parts: int

    def times(self, other: Bits, count: int = 1) -> Bits:
        """After a product by such a factor, and that `count` times over."""
        return Bits(self.whole + count * other.whole, self.parts + count * other.parts)


def exact(flow: Flow, messages: Sequence[str]) -> bool:
    """Whether floats hold every coefficient of these messages, and all on the way to it, without rounding."""
    done: dict[str, Bits] = {}
    every = [_message(flow, name, done) for name in messages]
    return all(bits.whole + bits.parts <= _MOST for bits in every)


def roundings(flow: Flow, messages: Sequence[str]) -> int:
    """How many roundings of one unit a coefficient may carry at most; `MANY` where parts of it are added."""
    done: dict[str, int] = {}
    return max((_rounded_message(flow, name, done) for name in messages), default=0)


def _rounded_message(flow: Flow, name: str, done: dict[str, int]) -> int:
    if name not in done:
        known = [message for message in flow.messages if message.name == name]
        done[name] = _rounded(flow, known[0].says, done) if known else 0
    return done[name]


def _rounded(flow: Flow, expression: Expression, done: dict[str, int]) -> int:
    """A product rounds, and so does its factor; sums round as soon as one symbol stands in two of their parts."""
    match expression:
        case Symbol():
            return _rounded_message(flow, expression.name, done)
        case Scaled():
            inner = _rounded(flow, expression.of, done)
            return inner if abs(expression.factor) == 1 else min(MANY, inner + (2 if inner else 1))
        case Added():
            behind = [_symbols(flow, part) for part in expression.parts]
            apart = sum(map(len, behind)) == len(frozenset[str]().union(*behind))
            return max(_rounded(flow, part, done) for part in expression.parts) if apart else MANY
        case Applied():
            inner = _rounded(flow, expression.of, done)
            if expression.function in {"sum", "signed", "last", "previous"}:
                return inner
            return min(MANY, inner + (2 if inner else 1)) if expression.function == "mean" else MANY


def _symbols(flow: Flow, expression: Expression) -> frozenset[str]:
    """The secrets and noises behind a formula."""
    known = {message.name: message for message in flow.messages}
    found = [flow.symbols(known[name]) if name in known else (name,) for name in names(expression)]
    return frozenset(symbol for some in found for symbol in some)


def _message(flow: Flow, name: str, done: dict[str, Bits]) -> Bits:
    if name not in done:
        known = [message for message in flow.messages if message.name == name]
        done[name] = _bits(flow, known[0].says, done) if known else Bits(0, 0)
    return done[name]


def _bits(flow: Flow, expression: Expression, done: dict[str, Bits]) -> Bits:
    match expression:
        case Symbol():
            return _message(flow, expression.name, done)
        case Scaled():
            return _bits(flow, expression.of, done).times(_of([[expression.factor]]))
        case Added():
            parts = [_bits(flow, part, done) for part in expression.parts]
            most = Bits(max(part.whole for part in parts), max(part.parts for part in parts))
            return most.times(_of([[Fraction(len(parts))]]))
        case Applied():
            return _bits(flow, expression.of, done).times(*_applied(flow, expression))


def _applied(flow: Flow, call: Applied) -> tuple[Bits, int]:
    """The bits of a function's matrix, and how often it is applied."""
    inner = shapes.shape(flow, call.of)
    name = str(call.arguments[0]) if call.arguments else ""
    if call.function in {"sum", "mean"}:
        count = flow.cohort(name).least if name else inner.members
        return _of([[Fraction(1, count if call.function == "mean" else 1)]], also=(count,)), 1
    if call.function in {"mix", "gossip", "apply"}:
        rounds = int(call.arguments[1]) if len(call.arguments) > 1 else inner.rounds
        matrix = _weights(flow, name)
        once = Bits(matrix.whole + 1, matrix.parts) if call.function == "gossip" else matrix  # what enters is added
        return once, rounds if call.function == "gossip" else 1
    if call.function == "root":
        return Bits(0, _ENDLESS if inner.rounds > 2 else 1), 1
    rows = {"signed": inner.members, "token": inner.members * inner.rounds}.get(call.function, inner.rounds)
    return _of([[Fraction(rows)]]), 1


def _weights(flow: Flow, name: str) -> Bits:
    """Of a table as it is; of a graph all denominators are 1 + the larger degree of an edge."""
    if any(table.name == name for table in flow.tables):
        return _of(flow.table(name).rows)
    graph = flow.graph(name)
    found = {1 + degree for degree in set(degrees(graph, flow.group(graph.over).size).tolist())}
    return _of([[Fraction(1, most) for most in found]], also=(2,))


def _of(rows: Iterable[Sequence[Fraction]], also: Sequence[int] = ()) -> Bits:
    """Bits that hold each row's sum of magnitudes, each of `also`, and each denominator."""
    largest, parts = Fraction(max(also, default=1)), 0
    for row in rows:
        largest = max(largest, sum(map(abs, row), Fraction(0)))
        for entry in row:
            under = entry.denominator
            parts = max(parts, under.bit_length() - 1 if under & (under - 1) == 0 else _ENDLESS)
    return Bits((-(-largest.numerator // largest.denominator) - 1).bit_length(), parts)
