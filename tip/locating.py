"""Locating: which line of a TOML text each key stands on.

tomllib reads values and forgets where they stood. `load` reads with tomllib, then walks the same text
once more with a small scanner, which may trust that the text is valid TOML: it knows the four kinds of
strings, comments, dotted and quoted keys, inline tables, arrays over several lines and arrays of tables.
A path is the tuple of names and of numbers in arrays: ("privacy", "also", 0, "epsilon").
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Path = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r'(?P<string>"""(?:[^\\]|\\.)*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*')"
    r"|(?P<skip>\#[^\n]*|[ \t\r]+)|(?P<newline>\n)|(?P<mark>[\[\]{}=,.])|(?P<bare>[^\s\[\]{}=,.\"'\#]+)",
    re.DOTALL,
)
_PARTS: Final = 64
_PART: Final = r"(?:[A-Za-z0-9_-]{1,200}+|\"[^\"\n]{0,200}+\"|'[^'\n]{0,200}+')"
_LONG_KEY: Final = re.compile(rf"(?:{_PART}[ \t]*+\.[ \t]*+){{{_PARTS}}}{_PART}")
_AT_LINE: Final = re.compile(r"^(?P<what>.*) \(at (line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)


def label(path: Path) -> str:
    """A path as it is written: privacy.also[0].epsilon, data.numbers."Heart rate".range."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int):
            parts[-1:] = [f"{parts[-1] if parts else ''}[{part}]"]
        else:
            parts.append(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part, ensure_ascii=False))
    return ".".join(parts)


@dataclass(frozen=True, slots=True)
class Places:
    """Where each key was said: "survey.toml:52", or the setting that changed it."""

    source: str = ""
    known: Mapping[Path, str] = field(default_factory=dict)

    def of(self, *path: str | int) -> str:
        """The place of a key; of the table it would stand in where it is absent; else the source."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.known:
                return self.known[path[:end]]
        return self.source

    def changed(self, path: Path, place: str) -> Places:
        """The places after a setting changed this key."""
        tables = {path[:end]: place for end in range(1, len(path))}  # those that this setting is the first to fill
        return Places(self.source, {**tables, **self.known, path: place})


def load(text: str, where: str, *, parse_float: Callable[[str], object] = float) -> tuple[dict[str, Any], Places]:
    """The tables of a TOML text and the place of each key. Raises `ConfigurationError` with the line.

    `parse_float` makes a value of each decimal, for readers that keep numbers exactly.
    """
    try:
        _refuse_long_keys(text)
        tables = tomllib.loads(text, parse_float=parse_float)
        lines = _Scanner(text).lines()
    except tomllib.TOMLDecodeError as error:
        raise _invalid(text, where, str(error)) from error
    except RecursionError as error:
        raise ConfigurationError("nests its values too deeply to be read", where=where) from error
    except ValueError as error:  # a whole number of thousands of digits, a date that does not exist
        raise ConfigurationError(f"holds a value that cannot be read: {error}", where=where) from error
    return tables, Places(where, {path: f"{where}:{line}" for path, line in lines.items()})


def _refuse_long_keys(text: str) -> None:
    """Keys of many dotted parts cost tomllib cubic time."""
    found = _LONG_KEY.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise tomllib.TOMLDecodeError(f"a key has more than {_PARTS} parts (at line {line}, column 1)")


def _invalid(text: str, where: str, message: str) -> ConfigurationError:
    found = _AT_LINE.match(message)
    what = found["what"] if found else message
    line = int(found["line"]) if found and found["line"] else text.count("\n") + 1
    what = what[:1].lower() + what[1:]
    return ConfigurationError(f"is not TOML: {what}", where=f"{where}:{line}", instead="See https://toml.io/en/v1.0.0")


class _Scanner:
    """One walk over the tokens of a valid TOML text."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []  # (kind, text, line)
        line = 1
        for token in _TOKEN.finditer(text):
            if token.lastgroup != "skip":
                self._tokens.append((str(token.lastgroup), token[0], line))
            line += token[0].count("\n")
        self._tokens.append(("newline", "", line))
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # tables so far in each array of tables

    def lines(self) -> dict[Path, int]:
        """The line of each key, table and array element that is a table."""
        table: Path = ()
        while self._at < len(self._tokens) - 1:
            if self._kind() == "newline":
                self._at += 1
            elif self._text() == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _text(self) -> str:
        return self._tokens[self._at][1]

    def _line(self) -> int:
        return self._tokens[self._at][2]

    def _header(self) -> Path:
        line, marks = self._line(), 0
        while self._text() == "[":
            marks, self._at = marks + 1, self._at + 1
        path = self._resolved(self._key())
        if marks == 2:
            self._lines.setdefault(path, line)
            count = self._counts[path] = self._counts.get(path, 0) + 1
            path = (*path, count - 1)
        elif path in self._counts:
            path = (*path, self._counts[path] - 1)
        self._at += marks
        for end in range(1, len(path) + 1):
            self._lines.setdefault(path[:end], line)
        return path

    def _resolved(self, key: list[str]) -> Path:
        path: Path = ()
        for name in key[:-1]:
            path = (*path, name)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return (*path, key[-1])

    def _key(self) -> list[str]:
        names = [self._name()]
        while self._text() == ".":
            self._at += 1
            names.append(self._name())
        return names

    def _name(self) -> str:
        kind, text, _ = self._tokens[self._at]
        self._at += 1
        return next(iter(tomllib.loads(f"{text} = 0"))) if kind == "string" else text

    def _pair(self, table: Path) -> None:
        line = self._line()
        key = self._key()
        for end in range(1, len(key) + 1):
            self._lines.setdefault((*table, *key[:end]), line)
        self._at += 1  # the equals sign
        self._value((*table, *key))

    def _value(self, path: Path) -> None:
        mark = self._text()
        if self._kind() == "mark" and mark in "[{":
            self._at += 1
            self._items(path) if mark == "[" else self._inline(path)
            self._at += 1
            return
        while not (self._kind() == "newline" or (self._kind() == "mark" and self._text() in ",]}")):
            self._at += 1

    def _items(self, path: Path) -> None:
        count = 0
        while self._text() != "]" or self._kind() != "mark":
            if self._kind() == "newline" or self._text() == ",":
                self._at += 1
                continue
            if self._text() == "{":
                self._lines[(*path, count)] = self._line()
            self._value((*path, count))
            count += 1

    def _inline(self, path: Path) -> None:
        while self._text() != "}" or self._kind() != "mark":
            if self._kind() == "newline" or self._text() == ",":
                self._at += 1
            else:
                self._pair(path)
