"""Expressions: what a message says, as a small linear formula.

    expression = term { ("+" | "-") term }
    term       = { "-" } factor { ("*" | "/") { "-" } factor }       at most one factor is no number
    factor     = NUMBER | NAME | FUNCTION "(" expression { "," argument } ")" | "(" expression ")"
    argument   = NAME | WHOLE NUMBER

A value has one row for each member of a group, of a graph's edges or of nothing (one row), and one
column for each round. Functions act on members (`sum`, `mean`, `signed`, `mix`, `gossip`, `token`) or
on rounds (`previous`, `so_far`, `tree`, `root`, `apply`, `last`); docs/flow-language.md tells each.
Numbers are exact: decimals and ratios become fractions, never floats. Parentheses are kept as they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from tip.errors import ConfigurationError
from tip.flow.checks import nearest
from tip.flow.numbers import Unread, decimal, keepable, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMBER_FUNCTIONS: Final = ("sum", "mean", "signed", "mix", "gossip", "token")
ROUND_FUNCTIONS: Final = ("previous", "so_far", "tree", "root", "apply", "last")
DEEPEST: Final = 50
LONGEST: Final = 100_000  # characters
_NONE: Final[tuple[type, ...]] = ()
_ARGUMENTS: Final[dict[str, tuple[tuple[type, ...], ...]]] = {  # function -> what may stand after the expression
    "sum": (_NONE, (str,)), "mean": (_NONE, (str,)), "signed": (_NONE,), "mix": ((str,),),
    "gossip": ((str,), (str, int)), "token": (_NONE,), "previous": (_NONE,), "so_far": (_NONE,), "tree": (_NONE,),
    "root": (_NONE,), "apply": ((str,),), "last": (_NONE,),
}  # fmt: skip
_EXAMPLE: Final = 'write for example "answer + noise", "sum(update + share)" or "0.5 * answer - signed(mask)"'
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)"
    r"|(?P<mark>[-+*/(),])|(?P<end>\Z)|(?P<other>.))",
    re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A secret, a noise or an earlier message, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Scaled:
    """An exact multiple."""

    factor: Fraction
    of: Expression

    def __post_init__(self) -> None:
        if not isinstance(self.factor, Fraction) or not keepable(self.factor):
            raise ConfigurationError(f"a formula is multiplied by a Fraction, not by {shown(self.factor)}")


@dataclass(frozen=True, slots=True)
class Added:
    """A sum of at least two parts."""

    parts: tuple[Expression, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.parts, tuple) or len(self.parts) < 2:
            raise ConfigurationError("a sum is a tuple of at least two parts")


@dataclass(frozen=True, slots=True)
class Applied:
    """A function of an expression; `arguments` are names (of cohorts, graphs, tables) or whole numbers."""

    function: str
    of: Expression
    arguments: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        if self.function not in _ARGUMENTS:
            raise ConfigurationError(
                f"{self.function!r} is no function of a message", instead=nearest(str(self.function), _ARGUMENTS)
            )
        forms = _ARGUMENTS[self.function]
        if tuple(type(argument) for argument in self.arguments) not in forms:
            told = " or ".join(", ".join([f"{self.function}(formula", *(_WORDS[k] for k in f)]) + ")" for f in forms)
            raise ConfigurationError(f"{self.function} takes other arguments", instead=f"write {told}")


Expression: TypeAlias = Symbol | Scaled | Added | Applied


def parse(text: str) -> Expression:
    """The expression that a text states; `ConfigurationError` says what is not understood and what would be."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ConfigurationError(f"what a message says is a text of at most {LONGEST:,} characters", instead=_EXAMPLE)
    return _Parser(text).whole()


def write(expression: Expression) -> str:
    """The text of an expression. **Law.** `parse(write(e)) == e` for every expression nested at most `DEEPEST` deep."""
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
            start = f"({write(first)})" if isinstance(first, Added) else write(first)
            return start + "".join(_joined(part) for part in others)


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


def depth(expression: Expression) -> int:
    """How deep an expression is nested: 0 for a name. One of more than `DEEPEST` is found out without recursion."""
    level, waiting = 0, [expression]
    while waiting and level <= DEEPEST:
        inner = [part for part in waiting if not isinstance(part, Symbol)]
        waiting = [p for part in inner for p in (part.parts if isinstance(part, Added) else (part.of,))]
        level += 1 if waiting else 0
    return level


_WORDS: Final[dict[type, str]] = {str: "name", int: "whole number"}


def _joined(part: Expression) -> str:
    text = write(part)
    if isinstance(part, Added):
        return f" + ({text})"
    return f" - {text[1:]}" if text.startswith("-") else f" + {text}"


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


class _Parser:
    """One walk over the tokens of a formula, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(str(token.lastgroup), token[0].strip()) for token in _TOKEN.finditer(text)]
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        value = self._sum()
        if self._kind() != "end":
            raise self._refused()
        return self._expression(value)

    def _sum(self) -> Expression | Fraction:
        parts = [self._term(1)]
        while self._word() in {"+", "-"}:
            parts.append(self._term(1 if self._take() == "+" else -1))
        numbers = [part for part in parts if isinstance(part, Fraction)]
        if len(parts) == 1:
            return parts[0]
        if len(numbers) == len(parts):
            return self._short(sum(numbers, Fraction(0)))
        return Added(tuple(self._expression(part) for part in parts))

    def _term(self, sign: int) -> Expression | Fraction:
        """Numbers are gathered into one factor of the one part that is no number."""
        factor, scaled, of = Fraction(sign), sign < 0, None
        divided = False
        while True:
            while self._word() == "-":
                self._take()
                factor, scaled = -factor, True
            part = self._factor()
            if isinstance(part, Fraction):
                factor, scaled = self._multiplied(factor, part, divided=divided), True
            elif of is not None or divided:
                raise self._not_linear()
            else:
                of = part
            if self._word() not in {"*", "/"}:
                break
            divided = self._take() == "/"
        if of is None:
            return factor
        return Scaled(factor, of) if scaled else of

    def _multiplied(self, factor: Fraction, by: Fraction, *, divided: bool) -> Fraction:
        if divided and not by:
            raise ConfigurationError(f"{shown(self._text)} divides by zero")
        return self._short(factor / by if divided else factor * by)

    def _factor(self) -> Expression | Fraction:
        kind, word = self._tokens[self._at]
        if kind == "number":
            self._at += 1
            number = decimal(word)
            if isinstance(number, Unread):
                raise ConfigurationError(f"{word[:60]!r} in {shown(self._text)} is no exact number", instead=_EXAMPLE)
            return number
        if kind == "name":
            self._at += 1
            return self._applied(word) if self._word() == "(" else Symbol(word)
        if word == "(":
            inner = self._inside()
            self._close()
            return inner
        raise self._refused()

    def _applied(self, function: str) -> Expression:
        if function not in _ARGUMENTS:
            raise ConfigurationError(
                f"{function!r} in {shown(self._text)} is no function of a message",
                instead=nearest(function, _ARGUMENTS),
            )
        of = self._expression(self._inside())
        arguments: list[str | int] = []
        while self._word() == ",":
            self._take()
            kind, word = self._tokens[self._at]
            if kind != "name" and not (kind == "number" and word.isdecimal() and len(word) < 10):
                raise self._refused("an argument is a name or a whole number")
            arguments.append(word if kind == "name" else int(word))
            self._at += 1
        self._close()
        return Applied(function, of, tuple(arguments))

    def _inside(self) -> Expression | Fraction:
        self._take()
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConfigurationError(f"{shown(self._text)} nests its formula more than {DEEPEST} deep")
        return self._sum()

    def _close(self) -> None:
        if self._word() != ")":
            raise self._refused()
        self._depth -= 1
        self._at += 1

    def _expression(self, value: Expression | Fraction) -> Expression:
        if isinstance(value, Fraction):
            raise ConfigurationError(
                f"{shown(self._text)} says the number {shown(value)} where a name is wanted",
                why="A message speaks of secrets and noises; what everybody knows needs no message", instead=_EXAMPLE,
            )  # fmt: skip
        return value

    def _short(self, value: Fraction) -> Fraction:
        if not keepable(value):
            raise ConfigurationError(f"{shown(self._text)} has a number of thousands of digits")
        return value

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _word(self) -> str:
        kind, word = self._tokens[self._at]
        return word if kind == "mark" else ""

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _not_linear(self) -> ConfigurationError:
        return ConfigurationError(
            f"{shown(self._text)} is not linear", why="A value is multiplied by a number only", instead=_EXAMPLE
        )

    def _refused(self, why: str = "") -> ConfigurationError:
        kind, word = self._tokens[self._at]
        place = "it ends too early" if kind == "end" else f"{word!r} cannot stand there"
        return ConfigurationError(f"{shown(self._text)} is not a formula", why=why or place, instead=_EXAMPLE)
