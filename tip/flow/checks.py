"""Checks of a flow's single parts, with errors that say what would be right."""

from __future__ import annotations

import difflib
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.privacy.checks import positive, probability, whole

if TYPE_CHECKING:
    from collections.abc import Collection
    from enum import StrEnum

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
_LONGEST: Final = 100

__all__ = ["edges", "kind", "matrix", "name", "nearest", "positive", "receivers", "share", "text", "truth", "within"]


def name(what: str, value: object) -> None:
    """A word of letters, digits and `_`; two of them may be joined by a dot."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _NAME.fullmatch(value):
        raise ConfigurationError(
            f"the name of {what} is a word of letters, digits and _, not {value!r}",
            instead='for example "first_answer"',
        )


def kind(what: str, value: object, wanted: type[StrEnum]) -> None:
    """A member of an enumeration."""
    if not isinstance(value, wanted):
        raise ConfigurationError(f"{what} is one of {', '.join(wanted)}, not {value!r}")


def within(what: str, value: object, least: int, most: int) -> None:
    """A whole number between two others."""
    if whole(what, value, least=least) > most:
        raise ConfigurationError(f"{what} is at most {most:,}, not {value!r}")


def share(what: str, value: float) -> None:
    """A number strictly between 0 and 1, or 0."""
    if probability(what, value) == 1:
        raise ConfigurationError(f"{what} lies below 1, not {value!r}")


def truth(what: str, value: object) -> None:
    """True or False, nothing that merely counts as one of them."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{what} is true or false, not {value!r}")


def text(what: str, value: object) -> None:
    """A text that is not empty and can be written down."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{what} is a text, not {value!r}")
    if any(0xD800 <= ord(letter) < 0xE000 for letter in value):
        raise ConfigurationError(f"{what} holds half a letter (a lone surrogate), which no file can keep")


def receivers(what: str, to: object) -> None:
    """At least one name, in a tuple, each once."""
    if not isinstance(to, tuple) or not to or not all(isinstance(name, str) for name in to):
        raise ConfigurationError(f"{what} goes to somebody", instead='name who sees it in a tuple, or "nobody"')
    if len(set(to)) != len(to):
        raise ConfigurationError(f"{what} names a receiver twice")


def edges(graph: str, pairs: tuple[tuple[int, int], ...]) -> None:
    """Sorted pairs (i, j), i < j, each once."""
    if not isinstance(pairs, tuple):
        raise ConfigurationError(f"the edges of graph {graph!r} are a tuple of pairs")
    before = (-1, -1)
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(type(end) is int for end in pair)):
            raise ConfigurationError(f"an edge of graph {graph!r} is a pair of whole numbers, not {pair!r}")
        if not 0 <= pair[0] < pair[1]:
            raise ConfigurationError(f"an edge (i, j) of graph {graph!r} has 0 <= i < j, not {pair!r}")
        if pair <= before:
            raise ConfigurationError(f"the edges of graph {graph!r} are sorted, each once; {pair!r} is out of order")
        before = pair


def matrix(table: str, rows: tuple[tuple[Fraction, ...], ...]) -> None:
    """At least one row; rows of one length; fractions."""
    if not (isinstance(rows, tuple) and rows and all(isinstance(row, tuple) and row for row in rows)):
        raise ConfigurationError(f"table {table!r} is a tuple of at least one row")
    if len({len(row) for row in rows}) != 1:
        raise ConfigurationError(f"the rows of table {table!r} have one length")
    if not all(isinstance(entry, Fraction) for row in rows for entry in row):
        raise ConfigurationError(f"the entries of table {table!r} are fractions")


def nearest(word: str, known: Collection[str]) -> str:
    """`did you mean ...?`, or what there is."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else (f"known are {', '.join(known)}" if known else "")
