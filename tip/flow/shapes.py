"""Shapes: which members and rounds the value of an expression has.

`Shape.over` is the name of a group, of a graph (a value on its edges) or "" for one row. A group of one
member has one row as well, so it counts as "". Errors say which part of a formula does not fit, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol, write
from tip.flow.graphs import edge_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.flow.declared import Declared
    from tip.flow.hidden import Noise, Secret
    from tip.flow.messages import Message


@dataclass(frozen=True, slots=True)
class Shape:
    """The members and the rounds of a value; `members` is the number of rows."""

    over: str
    members: int
    rounds: int


def shape(flow: Declared, expression: Expression, known: dict[str, Shape] | None = None) -> Shape:
    """The shape of an expression's value; `ConfigurationError` where its parts do not fit together.

    `known`: the shapes of messages that are known already; others are worked out in the flow's order and kept there.
    """
    known = {} if known is None else known
    match expression:
        case Symbol():
            return _symbol(flow, expression.name, known)
        case Scaled():
            return shape(flow, expression.of, known)
        case Added():
            return _sum(expression, [shape(flow, part, known) for part in expression.parts])
        case Applied():
            function = _SHAPES.get(expression.function, _unchanged)
            return function(flow, expression, shape(flow, expression.of, known))


def message_shape(flow: Declared, message: Message) -> Shape:
    """The shape of what a message says."""
    return shape(flow, message.says)


def over(flow: Declared, name: str) -> tuple[str, int]:
    """The members that a name stands for: of a group, a graph's edges, or the one row of a party."""
    for group in flow.groups:
        if group.name == name:
            return (name if group.size > 1 else "", group.size)
    for graph in flow.graphs:
        if graph.name == name:
            return (name, edge_count(graph, flow.group(graph.over).size))
    if name in flow.parties:
        return ("", 1)
    known = [*(g.name for g in flow.groups), *(g.name for g in flow.graphs), *flow.parties]
    raise ConfigurationError(f"{name!r} is no group, graph or party of this flow", instead=checks.nearest(name, known))


def _symbol(flow: Declared, name: str, known: dict[str, Shape]) -> Shape:
    symbols: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    for symbol in symbols:
        if symbol.name == name:
            return Shape(*over(flow, symbol.of), symbol.rounds)
    if name not in known:
        _learn(flow, name, known)
    return known[name]


def _learn(flow: Declared, name: str, known: dict[str, Shape]) -> None:
    """The shapes of all messages up to this one: each speaks of earlier ones only, so none is worked out twice."""
    for message in flow.messages:
        if message.name not in known:
            known[message.name] = shape(flow, message.says, known)
        if message.name == name:
            return
    there = [*(s.name for s in flow.secrets), *(n.name for n in flow.noises), *(m.name for m in flow.messages)]
    raise ConfigurationError(f"{name!r} is no secret, noise or message", instead=checks.nearest(name, there))


def _sum(expression: Added, shapes: list[Shape]) -> Shape:
    first = shapes[0]
    rounds = max(s.rounds for s in shapes)
    for part, other in zip(expression.parts, shapes, strict=True):
        if other.over != first.over:
            raise ConfigurationError(
                f"{write(part)!r} and {write(expression.parts[0])!r} cannot be added",
                why=f"one is {_told(other)}, the other {_told(first)}",
            )
        if other.rounds not in {1, rounds}:
            raise ConfigurationError(
                f"{write(expression)!r} adds values of {other.rounds} and of {rounds} rounds",
                instead="a value has one round, which then stands in all of them, or as many as the others",
            )
    return Shape(first.over, first.members, rounds)


def _told(value: Shape) -> str:
    return f"a value for each of {value.over!r}" if value.over else "a single value"


def _unchanged(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    """Of `previous`, `so_far`, `root`: as many members and rounds as before."""
    del flow, expression
    return inner


def _total(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    _wants(inner.over != "", expression, "a value for each member of a group")
    if expression.arguments:
        cohort = flow.cohort(str(expression.arguments[0]))
        _wants(cohort.of == inner.over, expression, f"a value for each of {cohort.of!r}")
    return Shape("", 1, inner.rounds)


def _signed(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    _wants(any(g.name == inner.over for g in flow.graphs), expression, "a noise on the edges of a graph")
    return Shape(*over(flow, flow.graph(inner.over).over), inner.rounds)


def _mixed(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    """The weights fit the members: a graph over their group, or a square table of their size."""
    name, *others = expression.arguments
    if any(graph.name == name for graph in flow.graphs):
        _wants(flow.graph(str(name)).over == inner.over, expression, f"a value for each of the group of {name!r}")
    else:
        rows = flow.table(str(name)).rows
        _wants(len(rows) == len(rows[0]) == inner.members, expression, f"{len(rows)} members and a square table")
    rounds = int(others[0]) if others else inner.rounds
    _wants(inner.rounds in {1, rounds}, expression, "as many rounds as its values have, or values of one round")
    return Shape(inner.over, inner.members, rounds)


def _passed(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    _wants(any(g.name == inner.over for g in flow.groups), expression, "a value for each member of a group")
    return inner


def _tree(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    del flow
    _wants(inner.rounds & (inner.rounds - 1) == 0, expression, "a number of rounds that is a power of two")
    return Shape(inner.over, inner.members, 2 * inner.rounds - 1)


def _by_table(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    rows = flow.table(str(expression.arguments[0])).rows
    _wants(len(rows[0]) == inner.rounds, expression, f"a value of {len(rows[0])} rounds")
    return Shape(inner.over, inner.members, len(rows))


def _last(flow: Declared, expression: Applied, inner: Shape) -> Shape:
    del flow, expression
    return Shape(inner.over, inner.members, 1)


_SHAPES: Final[dict[str, Callable[[Declared, Applied, Shape], Shape]]] = {
    "sum": _total, "mean": _total, "signed": _signed, "mix": _mixed, "gossip": _mixed, "token": _passed,
    "tree": _tree, "apply": _by_table, "last": _last,
}  # fmt: skip


def _wants(holds: bool, expression: Applied, what: str) -> None:  # noqa: FBT001 - the outcome of a test
    if not holds:
        raise ConfigurationError(f"{write(expression)!r} does not fit", why=f"{expression.function} wants {what}")
