"""Kinds: what a key of a plan may hold, in words and as a test.

A kind answers three things: its `words` ("whole number >= 1"), whether a value `fits`, and the value
to `take` (a list becomes a tuple, a whole number where a number is wanted a float). Two rules hold
throughout: a truth value is not a number, and a number is finite.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

_LARGEST: Final = 2**63 - 1  # TOML's largest whole number
_LONGEST: Final = 10_000  # characters of a text
_FUNCTION: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def shown(value: object) -> str:
    """A value as it stands in a plan (text in quotes, lists in brackets), cut where it is long."""
    if isinstance(value, (list, tuple)):
        text = f"[{', '.join('[...]' if isinstance(v, (list, tuple)) else shown(v) for v in value[:20])}]"
    else:
        text = _written(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            return "a table"
        case int() if abs(value) > _LARGEST:
            return "a whole number beyond 64 bits"
        case _:
            return repr(value)


def near(word: str, words: tuple[str, ...]) -> str | None:
    """The word that was probably meant, or None; case, hyphens and underscores do not matter."""
    plain = {re.sub(r"[\W_]", "", w.lower()): w for w in words}
    found = get_close_matches(re.sub(r"[\W_]", "", word.lower()), list(plain), n=1, cutoff=0.6)
    return plain[found[0]] if found else None


class Kind(ABC):
    """What a key may hold."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The kind in words, to follow "is not"."""

    @abstractmethod
    def fits(self, value: object) -> bool:
        """Whether the value is of this kind."""

    def take(self, value: Any) -> object:  # noqa: ANN401 - a value that fits, whatever the kind
        """The value as the plan keeps it; only for a value that fits."""
        return value

    def hint(self, value: object) -> str:  # noqa: ARG002 - most kinds have nothing to add to their words
        """What was probably meant, as a sentence, or nothing."""
        return ""


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number from `low` to `high`."""

    low: int = 0
    high: int = _LARGEST

    @property
    def words(self) -> str:
        """For example "whole number >= 1"."""
        if self.high == _LARGEST:
            return f"whole number >= {self.low}"
        return f"whole number from {self.low} to {self.high}"

    def fits(self, value: object) -> bool:
        """An int in range, and no truth value."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class OneOf(Kind):
    """One of a few whole numbers."""

    numbers: tuple[int, ...]

    @property
    def words(self) -> str:
        """All of them."""
        return f"{', '.join(map(str, self.numbers[:-1]))} or {self.numbers[-1]}"

    def fits(self, value: object) -> bool:
        """An int among them, and no truth value."""
        return isinstance(value, int) and not isinstance(value, bool) and value in self.numbers


@dataclass(frozen=True, slots=True)
class Real(Kind):
    """A finite number between `low` and `high`; `inside` leaves out the ends named in it."""

    low: float = -math.inf
    high: float = math.inf
    inside: str = ""  # "low", "high", "low high"

    @property
    def words(self) -> str:
        """For example "number > 0" or "number >= 0 and < 1"."""
        ends = []
        if self.low > -math.inf:
            ends.append(f"{'>' if 'low' in self.inside else '>='} {self.low:g}")
        if self.high < math.inf:
            ends.append(f"{'<' if 'high' in self.inside else '<='} {self.high:g}")
        return " ".join(["number", " and ".join(ends)]) if ends else "finite number"

    def fits(self, value: object) -> bool:
        """An int or float, finite, in range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if isinstance(value, int) and abs(value) > _LARGEST:
            return False
        number = float(value)
        if not math.isfinite(number) or not self.low <= number <= self.high:
            return False
        return not (("low" in self.inside and number == self.low) or ("high" in self.inside and number == self.high))

    def take(self, value: Any) -> float:  # noqa: ANN401 - int or float
        """As a float."""
        return float(value)


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """true or false."""

    @property
    def words(self) -> str:
        """Both of them."""
        return "true or false"

    def fits(self, value: object) -> bool:
        """A truth value, and no number."""
        return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Text of at least `least` characters that matches `pattern`."""

    least: int = 1
    pattern: str = ""
    told: str = ""

    @property
    def words(self) -> str:
        """What it says of itself, else "text"."""
        return self.told or ("text" if self.least else "text (may be empty)")

    def fits(self, value: object) -> bool:
        """A string that can be written as UTF-8 (no half of a surrogate pair)."""
        if not isinstance(value, str) or not self.least <= len(value) <= _LONGEST:
            return False
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            return False
        return not self.pattern or re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of the names that exist `today`, or one that comes `later` (read, then refused with the reason).

    `function` admits "package.module:function" as well; `column` admits any other name, meaning a column. `short`
    pairs abbreviations that people use with the names that they stand for: hinted at, never admitted.
    """

    today: tuple[str, ...]
    later: tuple[str, ...] = ()
    function: bool = False
    column: bool = False
    short: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """All that exists today."""
        names = [f'"{name}"' for name in self.today]
        names += ['"package.module:function"'] if self.function else []
        names += ["the name of a column"] if self.column else []
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

    def fits(self, value: object) -> bool:
        """One of the names, today's or a later one's."""
        if not Text().fits(value) or not isinstance(value, str):
            return False
        known = value in self.today or value in self.later
        return known or self.column or (self.function and _FUNCTION.fullmatch(value) is not None)

    def hint(self, value: object) -> str:
        """The nearest name."""
        if not isinstance(value, str):
            return ""
        found = dict(self.short).get(value.lower()) or near(value, self.today + self.later)
        return f'Did you mean "{found}"?' if found else ""


@dataclass(frozen=True, slots=True)
class Pipeline(Kind):
    """Names joined by " | ", each known: what comes first is done first."""

    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """The names and how they are joined."""
        return f'one or several of {", ".join(self.names)}, joined by " | "'

    def fits(self, value: object) -> bool:
        """Each part is a known name."""
        return isinstance(value, str) and all(part.strip() in self.names for part in value.split("|"))


@dataclass(frozen=True, slots=True)
class WholeOr(Kind):
    """A whole number, or the one word that stands beside it."""

    word: str
    number: Whole

    @property
    def words(self) -> str:
        """The word, then the number."""
        return f'"{self.word}" or {self.number.words}'

    def fits(self, value: object) -> bool:
        """Either of both."""
        return value == self.word or self.number.fits(value)


@dataclass(frozen=True, slots=True)
class Code(Kind):
    """What stands for "no answer" in a column of numbers: a number (9999) or a text ("Refused")."""

    @property
    def words(self) -> str:
        """Either of both."""
        return "number or text"

    def fits(self, value: object) -> bool:
        """A finite number or a text."""
        return Real().fits(value) or Text().fits(value)

    def take(self, value: Any) -> float | str:  # noqa: ANN401 - a number or a text
        """A number as a float."""
        return value if isinstance(value, str) else float(value)


@dataclass(frozen=True, slots=True)
class Listed(Kind):
    """A list of values of one kind, at least `least` of them, none twice."""

    item: Kind
    least: int = 0

    @property
    def words(self) -> str:
        """For example "list of text"."""
        return f"list of {self.item.words}, none twice{f', at least {self.least}' if self.least else ''}"

    def fits(self, value: object) -> bool:
        """A list whose items fit."""
        if not isinstance(value, (list, tuple)) or len(value) < self.least:
            return False
        return all(self.item.fits(v) for v in value) and len(set(value)) == len(value)

    def take(self, value: Any) -> tuple[object, ...]:  # noqa: ANN401 - list or tuple
        """As a tuple."""
        return tuple(self.item.take(v) for v in value)


@dataclass(frozen=True, slots=True)
class Range(Kind):
    """[low, high] with low < high."""

    @property
    def words(self) -> str:
        """The form, and that the order matters."""
        return "range [low, high] of two numbers, low < high"

    def fits(self, value: object) -> bool:
        """Two finite numbers in order, whose distance is finite too."""
        if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(Real().fits(v) for v in value):
            return False
        low, high = float(value[0]), float(value[1])
        return low < high and math.isfinite(high - low)

    def take(self, value: Any) -> tuple[float, float]:  # noqa: ANN401 - list or tuple
        """As two floats."""
        return (float(value[0]), float(value[1]))
