"""Entries: one table of plain values, asked for its keys, with errors that point at the line.

An `Entry` is [secrets.answer] as a mapping, with its path and the places of its keys. It answers with checked
values (`text`, `whole`, `number`, ...), refuses keys that do not exist with the nearest that does, and gives the
errors of the model's own constructors the line of the key that they speak of.
"""

from __future__ import annotations

import difflib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from tip.errors import ConfigurationError
from tip.flow.numbers import exact, shown
from tip.locating import Path, Places, label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

_LARGEST_WHOLE: Final = 1 << 63
Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the language: what it means, and how a value of it may look."""

    help: str
    example: str
    decides_privacy: bool = False


Keys = dict[str, Key]  # of one table, in the order in which they are written


@dataclass(frozen=True, slots=True)
class Entry:
    """The values of one table, the keys that it may have, and where everything stands."""

    path: Path
    values: Mapping[str, object]
    keys: Keys
    places: Places

    @classmethod
    def of(cls, path: Path, values: object, keys: Keys, places: Places) -> Entry:
        """The entry, if it is a table and has no unknown key."""
        if not isinstance(values, dict):
            raise ConfigurationError(
                f"{label(path)} is a table of keys, not {shown(values)}", where=places.of(*path),
                instead=f"Its keys are {', '.join(keys)}", path=path,
            )  # fmt: skip
        for key in values:
            if key not in keys:
                raise unknown((*path, key), list(keys), places)
        return cls(path, values, keys, places)

    @property
    def name(self) -> str:
        """The name of the part: the last word of the path."""
        return str(self.path[-1])

    def refused(self, key: str, what: str, *, why: str = "", instead: str = "") -> ConfigurationError:
        """An error that begins with the key and points at its line."""
        path = (*self.path, key)
        return ConfigurationError(
            f"{label(path)} {what}", where=self.places.of(*path), why=why, instead=instead, path=path
        )

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self.values

    def one_of(self, *keys: str) -> str:
        """The one key of several that is there; it is an error if none or two are."""
        found = [key for key in keys if key in self.values]
        if len(found) == 1:
            return found[0]
        if found:
            raise self.refused(found[1], f"stands beside {found[0]}, which says the same", instead="Leave one out")
        told = " | ".join(f"{key} = {self.keys[key].example}" for key in keys)
        raise ConfigurationError(
            f"{label(self.path)} has none of {', '.join(keys)}", where=self.places.of(*self.path),
            why=f"One of them says {self.keys[keys[0]].help}", instead=f"For example {told}", path=self.path,
        )  # fmt: skip

    def value(self, key: str) -> object:
        """The value of a key that has to be there."""
        if key in self.values:
            return self.values[key]
        about = self.keys[key]
        why = f"It says {about.help}"
        why += "; it decides privacy, so it has no default" if about.decides_privacy else ""
        raise ConfigurationError(
            f"{label((*self.path, key))} is missing", where=self.places.of(*self.path),
            why=why, instead=f"For example {key} = {about.example}", path=self.path,
        )  # fmt: skip

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        found = self.value(key) if default is None else self.values.get(key, default)
        if isinstance(found, str):
            return found
        raise self.misfit(key, "a text in quotes")

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        if default is not None and key not in self.values:
            return default
        found = self.value(key)
        if isinstance(found, str):
            return (found,)
        if isinstance(found, list | tuple) and all(isinstance(text, str) for text in found):
            texts = tuple(str(text) for text in found)
            if texts or default is not None:
                return texts
        raise self.misfit(key, "a list of at least one text in quotes" if default is None else "a list of texts")

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.value(key) if default is None else self.values.get(key, default)
        if isinstance(found, int) and not isinstance(found, bool) and abs(found) < _LARGEST_WHOLE:
            return found
        raise self.misfit(key, "a whole number below 2^63")

    def truth(self, key: str, default: bool | None = None) -> bool:  # noqa: FBT001 - the value when absent
        """True or false."""
        found = self.value(key) if default is None else self.values.get(key, default)
        if isinstance(found, bool):
            return found
        raise self.misfit(key, "true or false")

    def number(self, key: str) -> Fraction:
        """An exact number."""
        return self.exact(key, self.value(key))

    def exact(self, key: str, value: object) -> Fraction:
        """A value inside a key as an exact number."""
        try:
            return exact(value)
        except ConfigurationError as error:
            raise self.misfit(key, 'an exact number: 4, 0.25 or "1/3"') from error

    def kind(self, key: str, wanted: type[Kind], default: Kind | None = None) -> Kind:
        """One of a list of words."""
        if default is not None and key not in self.values:
            return default
        found, known = self.value(key), [str(word) for word in wanted]
        if isinstance(found, str) and found in known:
            return wanted(found)
        near = difflib.get_close_matches(str(found).lower(), known, n=1) if isinstance(found, str) else []
        raise self.refused(
            key, f"is {shown(found)}, which it cannot be",
            instead=f"Did you mean {near[0]!r}?" if near else f"It is one of {', '.join(map(repr, known))}",
        )  # fmt: skip

    def misfit(self, key: str, wanted: str) -> ConfigurationError:
        """The error for a value of a wrong kind."""
        return self.refused(
            key, f"is {wanted}, not {shown(self.values.get(key))}",
            instead=f"For example {key} = {self.keys[key].example}",
        )  # fmt: skip

    @contextmanager
    def located(self, key: str = "") -> Iterator[None]:
        """Errors of the model inside are told with the line of this key, or of the key that they speak of."""
        try:
            yield
        except ConfigurationError as error:
            if error.path is not None:
                raise
            spoken = key or self._spoken(error.what)
            path = (*self.path, spoken) if spoken else self.path
            raise told(error, path, self.places) from error

    def _spoken(self, what: str) -> str:
        """The first key of the table whose word stands in an error, what is quoted left aside."""
        words = set(re.findall(r"[a-z_]+", re.sub(r"'[^']*'", "", what.lower())))
        return next((k for k in self.values if len(k) > 2 and {k, f"{k}s", k[:-1]} & words), "")


def told(error: ConfigurationError, path: Path, places: Places) -> ConfigurationError:
    """An error of the model as one of the text: with the line, beginning with the path."""
    name = repr(path[1]) if len(path) > 1 else ""
    own = re.match(r"[a-z ]+ " + re.escape(name) + r" (?=\w)", error.what) if name else None
    what = f"{label(path)} {error.what[own.end() :]}" if own else f"{label(path)}: {error.what}"
    return ConfigurationError(
        what if path else error.what, where=places.of(*path), why=error.why, instead=error.instead, path=path
    )  # fmt: skip


def unknown(path: Path, known: Sequence[str], places: Places) -> ConfigurationError:
    """The answer to a key or table that does not exist: the nearest one, or all."""
    word = str(path[-1])
    plain = {re.sub(r"[\W_]", "", k.lower()): k for k in known}
    near = difflib.get_close_matches(re.sub(r"[\W_]", "", word.lower()), list(plain), n=1, cutoff=0.65)
    here = f"[{label(path[:-1])}] has the keys" if len(path) > 1 else "A flow has the tables and keys"
    return ConfigurationError(
        f"{label(path)} is not a key", where=places.of(*path),
        instead=f"Did you mean {plain[near[0]]}?" if near else f"{here} {', '.join(known)}",
        path=path,
    )  # fmt: skip
