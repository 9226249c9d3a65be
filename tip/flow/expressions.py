"""Expressions: what a message says, as a small linear formula.

    expression = term { ("+" | "-") term }
    term       = factor { "*" NUMBER | "/" NUMBER }     also NUMBER "*" factor
    factor     = NAME | FUNCTION "(" expression { "," argument } ")" | "(" expression ")" | "-" factor
    argument   = NAME | WHOLE NUMBER

A value has one row for each member of a group, of a graph's edges or of nothing (one row), and one
column for each round. Functions act on members (`sum`, `mean`, `signed`, `mix`, `gossip`, `token`) or
on rounds (`previous`, `so_far`, `tree`, `root`, `apply`, `last`); docs/flow-language.md tells each.
Numbers are exact: decimals and ratios become fractions, never floats.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER_FUNCTIONS: Final = ("sum", "mean", "signed", "mix", "gossip", "token")
ROUND_FUNCTIONS: Final = ("previous", "so_far", "tree", "root", "apply", "last")
_ARGUMENTS: Final = {  # function → the numbers of arguments that it takes after the expression
    "sum": (0, 1), "mean": (0, 1), "signed": (0,), "mix": (1,), "gossip": (1, 2), "token": (0,),
    "previous": (0,), "so_far": (0,), "tree": (0,), "root": (0,), "apply": (1,), "last": (0,),
}  # fmt: skip
_DEEPEST: Final = 50
_LONGEST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Symbol:
    """A secret, a noise or an earlier message, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Scaled:
    """An exact multiple."""

    factor: Fraction
    of: Expression


@dataclass(frozen=True, slots=True)
class Added:
    """A sum of at least two parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of an expression; `arguments` are names (of cohorts, graphs, tables) or whole numbers."""

    function: str
    of: Expression
    arguments: tuple[str | int, ...] = ()


Expression: TypeAlias = Symbol | Scaled | Added | Applied


def parse(text: str) -> Expression:
    """The expression that a text states; `ConfigurationError` says what is not understood and what would be."""
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ConfigurationError(f"what a message says is a text of at most {_LONGEST} characters", instead=_EXAMPLE)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ConfigurationError(f"{text!r} is not a formula", why=_reason(error), instead=_EXAMPLE) from error
    return _read(tree.body, text, 0)


def write(expression: Expression) -> str:
    """The text of an expression. **Law.** `parse(write(e)) == e` for every expression that `parse` yields."""
    match expression:
        case Symbol():
            return expression.name
        case Applied():
            inside = ", ".join([write(expression.of), *map(str, expression.arguments)])
            return f"{expression.function}({inside})"
        case Scaled():
            inner = write(expression.of)
            inner = f"({inner})" if isinstance(expression.of, Added | Scaled) else inner
            return f"-{inner}" if expression.factor == -1 else f"{_number(expression.factor)}*{inner}"
        case Added():
            first, *others = expression.parts
            return write(first) + "".join(_joined(part) for part in others)


def names(expression: Expression) -> Iterator[str]:
    """The symbols of an expression, from left to right, repeated where they repeat."""
    match expression:
        case Symbol():
            yield expression.name
        case Added():
            for part in expression.parts:
                yield from names(part)
        case Scaled() | Applied():
            yield from names(expression.of)


def calls(expression: Expression) -> Iterator[Applied]:
    """Every function that an expression applies, outermost first."""
    match expression:
        case Applied():
            yield expression
            yield from calls(expression.of)
        case Scaled():
            yield from calls(expression.of)
        case Added():
            for part in expression.parts:
                yield from calls(part)


_EXAMPLE: Final = 'write for example "answer + noise", "sum(update + share)" or "0.5 * answer - signed(mask)"'


def _joined(part: Expression) -> str:
    text = write(part)
    if isinstance(part, Added):
        return f" + ({text})"
    return f" - {text[1:]}" if text.startswith("-") else f" + {text}"


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def _reason(error: Exception) -> str:
    return str(getattr(error, "msg", "")) or type(error).__name__


def _read(node: ast.expr, text: str, depth: int) -> Expression:
    if depth > _DEEPEST:
        raise ConfigurationError(f"{text[:60]!r} nests its formula more than {_DEEPEST} deep")
    match node:
        case ast.Name():
            return Symbol(node.id)
        case ast.Attribute(value=ast.Name(id=owner)):
            return Symbol(f"{owner}.{node.attr}")
        case ast.Call():
            return _call(node, text, depth)
        case ast.UnaryOp(op=ast.USub()):
            return _scaled(Fraction(-1), _read(node.operand, text, depth + 1))
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return _sum(node, text, depth)
        case ast.BinOp(op=ast.Mult() | ast.Div()):
            return _product(node, text, depth)
    raise ConfigurationError(f"{ast.unparse(node)!r} in {text!r} is not understood", instead=_EXAMPLE)


def _sum(node: ast.BinOp, text: str, depth: int) -> Expression:
    """A chain of additions becomes one flat sum, read without recursion: "a + b + c" has three parts."""
    signed: list[tuple[int, ast.expr]] = []
    place: ast.expr = node
    while isinstance(place, ast.BinOp) and isinstance(place.op, ast.Add | ast.Sub):
        signed.append((1 if isinstance(place.op, ast.Add) else -1, place.right))
        place = place.left
    parts = [_read(place, text, depth + 1)]
    for sign, right in reversed(signed):
        part = _read(right, text, depth + 1)
        parts.append(part if sign > 0 else _scaled(Fraction(-1), part))
    return Added(tuple(parts))


def _product(node: ast.BinOp, text: str, depth: int) -> Expression:
    right = _constant(node.right)
    if right is not None:
        if isinstance(node.op, ast.Div) and right == 0:
            raise ConfigurationError(f"{text!r} divides by zero")
        left = _constant(node.left)
        factor = right if isinstance(node.op, ast.Mult) else 1 / right
        if left is None:
            return _scaled(factor, _read(node.left, text, depth + 1))
    factor_left = _constant(node.left)
    if factor_left is not None and isinstance(node.op, ast.Mult) and right is None:
        return _scaled(factor_left, _read(node.right, text, depth + 1))
    raise ConfigurationError(
        f"{ast.unparse(node)!r} in {text!r} is not linear", why="A value is multiplied by a number only",
        instead=_EXAMPLE,
    )  # fmt: skip


def _scaled(factor: Fraction, of: Expression) -> Expression:
    """One factor where two meet."""
    return Scaled(factor * of.factor, of.of) if isinstance(of, Scaled) else Scaled(factor, of)


def _constant(node: ast.expr) -> Fraction | None:
    """An exact number, also a ratio of two; None for everything else."""
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            return Fraction(str(node.value)) if str(node.value) not in {"inf", "nan"} else None
        case ast.UnaryOp(op=ast.USub()):
            inner = _constant(node.operand)
            return None if inner is None else -inner
        case ast.BinOp(op=ast.Div()):
            over, under = _constant(node.left), _constant(node.right)
            return over / under if over is not None and under else None
    return None


def _call(node: ast.Call, text: str, depth: int) -> Expression:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _ARGUMENTS or node.keywords or not node.args:
        known = ", ".join(sorted(_ARGUMENTS))
        raise ConfigurationError(f"{ast.unparse(node)!r} is no function of a message", instead=f"known are {known}")
    arguments = tuple(_argument(argument, text) for argument in node.args[1:])
    if len(arguments) not in _ARGUMENTS[name]:
        counts = " or ".join(str(count + 1) for count in _ARGUMENTS[name])
        raise ConfigurationError(f"{name} in {text!r} takes {counts} arguments, not {len(arguments) + 1}")
    return Applied(name, _read(node.args[0], text, depth + 1), arguments)


def _argument(node: ast.expr, text: str) -> str | int:
    match node:
        case ast.Name():
            return node.id
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
    raise ConfigurationError(f"{ast.unparse(node)!r} in {text!r} is no name and no whole number", instead=_EXAMPLE)
