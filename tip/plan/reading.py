"""Reading: a plan from TOML, a setting into a plan, a plan back to TOML.

The functions start from the class that they are given (`Plan`) and walk its fields: a value that does
not fit, a key that does not exist and a key that is missing are refused where they stand, with the line.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import Field, dataclass
from itertools import pairwise
from pathlib import Path as File
from typing import Any, Final, TypeVar

import tomli_w

from tip.errors import ConfigurationError
from tip.locating import Path, Places, label, load
from tip.plan.keys import Key, Part, candidates, cells, fitted, missing, required, unknown
from tip.plan.kinds import shown
from tip.plan.senseless import refuse_other_task

P = TypeVar("P")

_LARGEST: Final = 1 << 20  # bytes of a plan
_NAME_ONE: Final = "Name a TOML file, such as examples/survey.toml."
MAIN: Final = "answers"  # the key of a named table that may stand as its value: Gender = ["Female", "Male"]
_STEP: Final = re.compile(r'("(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"|[\w-]+)((?:\[\d+\])*)(\.|$)')


def read(root: type[P], path: str | os.PathLike[str]) -> P:
    """The plan in a file. Raises `ConfigurationError` with file and line."""
    where = os.fspath(path)
    return parse(root, text_of(where), where)


def text_of(where: str) -> str:
    """The text of a plan's file. Raises `ConfigurationError` for what is no file of text."""
    return _decoded(_bytes(where), where)


def parse(root: type[P], text: str, where: str = "plan") -> P:
    """The plan in a text; `where` stands for the file in what errors say."""
    tables, places = load(text, where)
    return _plan(root, tables, places)


def replaced(plan: P, settings: tuple[str, ...]) -> P:
    """The plan after all settings "key=value"; each error names the setting."""
    root, tables = type(plan), unbuilt(plan)
    places: Places = getattr(plan, "places", Places())
    for setting in settings:
        path, value = _setting(root, tables, setting)
        _put(tables, path, value, setting)
        places = places.changed(path, f'the setting "{setting}":')
    return _plan(root, tables, places)


def written(plan: object) -> str:
    """The resolved plan as TOML."""
    return tomli_w.dumps(unbuilt(plan))


def unbuilt(table: Any) -> dict[str, Any]:  # noqa: ANN401 - any table
    """A table as TOML's own types: tuples as lists, nothing for what is absent."""
    found: dict[str, Any] = {}
    for name, (_, what) in cells(type(table)).items():
        value = getattr(table, name)
        if value is None or (isinstance(what, Part) and value == ()):
            continue
        if isinstance(what, Key):
            found[name] = list(value) if isinstance(value, tuple) else value
        elif what.shape == "one":
            found[name] = unbuilt(value)
        elif what.shape == "many":
            found[name] = [unbuilt(v) for v in value]
        else:
            found[name] = {v.name: _short(unbuilt(v)) for v in value}
    return found


def _short(entry: dict[str, Any]) -> Any:  # noqa: ANN401 - a TOML value
    """A named table of its main key alone stands as that value."""
    return entry[MAIN] if set(entry) == {MAIN} else entry


def _plan(root: type[P], tables: dict[str, Any], places: Places) -> P:
    refuse_other_task(root, tables, places)
    plan: P = _Builder(root, places).table(root, tables, ())
    object.__setattr__(plan, "places", places)  # beside the settings: equality does not see it
    return plan


@dataclass(frozen=True, slots=True)
class _Builder:
    """From TOML values to tables; every refusal names the place."""

    root: type[Any]
    places: Places

    def table(self, table: type[Any], values: object, path: Path, **given: str) -> Any:  # noqa: ANN401 - any table
        """One table, and those inside it."""
        if not isinstance(values, dict):
            raise self._refusal(path, f"is a table, not {shown(values)}")
        known = cells(table)
        for name in values:
            if name not in known:
                raise unknown(self.root, label((*path, name)), self.places.of(*path, name))
        filled: dict[str, Any] = dict(given)
        for name, (cell, what) in known.items():
            here = (*path, name)
            if name in values and not (values[name] == {} and isinstance(what, Part) and what.may_be_empty):
                filled[name] = self._value(what, values[name], here)
            elif required(cell):
                raise missing(what, label(here), self.places.of(*path))
        return self._made(table, filled, path)

    def _made(self, table: type[Any], filled: dict[str, Any], path: Path) -> object:
        try:
            return table(**filled)
        except ConfigurationError as error:  # what a table refuses of itself, with the place added
            where = error.where or self.places.of(*path)
            raise ConfigurationError(error.what, where=where, why=error.why, instead=error.instead) from error

    def _value(self, what: Key | Part, value: Any, here: Path) -> object:  # noqa: ANN401 - a TOML value
        if isinstance(what, Key):
            return fitted(what, value, label(here), self.places.of(*here))
        if what.shape == "one":
            return self.table(what.of(), value, here)
        if what.shape == "many":
            if not isinstance(value, list):
                raise self._refusal(here, f"is a list of tables: write [[{label(here)}]]")
            return tuple(self.table(what.of(), v, (*here, i)) for i, v in enumerate(value))
        if not isinstance(value, dict):
            raise self._refusal(here, f"is a table, not {shown(value)}")
        return tuple(self._named(what.of(), v, (*here, name)) for name, v in value.items())

    def _named(self, table: type[Any], value: object, here: Path) -> object:
        main = cells(table).get(MAIN)
        if main is None or isinstance(value, dict):
            return self.table(table, value, here, name=str(here[-1]))
        return self._made(table, {"name": here[-1], MAIN: self._value(main[1], value, here)}, here)

    def _refusal(self, path: Path, what: str) -> ConfigurationError:
        return ConfigurationError(f"{label(path)} {what}", where=self.places.of(*path))


def _setting(root: type[Any], tables: dict[str, Any], setting: str) -> tuple[Path, object]:
    """The path and the value of one "key=value"; None stands for "none", which takes an optional key away."""
    name, equals, text = (part.strip() for part in setting.partition("="))
    where = f'the setting "{setting}":'
    if not equals or not name:
        raise ConfigurationError("is not key=value", where=where, instead='For example "algorithm.rounds=50".')
    path = _path(root, tables, name, where)
    cell, what = _told(root, path) or (None, None)
    if text == "none" and cell is not None and cell.default is None:
        return path, None
    parsed = _toml(text)
    if isinstance(what, Key) and not what.kind.fits(parsed) and what.kind.fits(text):
        return path, text  # plain text where text is wanted: against=world, name=2024
    return path, parsed


def _toml(text: str) -> object:
    try:
        read_back = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return read_back["value"] if set(read_back) == {"value"} else text


def _path(root: type[Any], tables: dict[str, Any], name: str, where: str) -> Path:
    """The full path that a key's name, or the last words of it, stands for."""
    path = split(name)
    if not path:
        raise ConfigurationError(f"{name} is not the name of a key", where=where)
    if _told(root, path) is not None:
        return path
    static = tuple(n for n in candidates(root, name) if not re.search(r"NAME|\[\[", n))
    found = tuple(dict.fromkeys([*static, *(label(p) for p in _leaves(root, tables) if p[-len(path) :] == path)]))
    demanded = [n for n in found if _demanded(root, split(n))]
    if len(found) > 1 and len(demanded) == 1:
        found = (demanded[0],)  # epsilon is privacy.epsilon, which must be given, and not budget.epsilon
    if len(found) > 1:
        raise ConfigurationError(
            f"{name} stands for several keys", where=where, instead=f"Say which: {', '.join(found)}."
        )
    if not found:
        raise unknown(root, name, where)
    return split(found[0])


def _demanded(root: type[Any], path: Path) -> bool:
    """Whether the key has no default."""
    known = _told(root, path)
    return known is not None and required(known[0])


def split(name: str) -> Path:
    """privacy.also[0].epsilon → ("privacy", "also", 0, "epsilon"); empty for what is no name."""
    path: list[str | int] = []
    at = 0
    while at < len(name):
        found = _STEP.match(name, at)
        if found is None:
            return ()
        word = found[1]
        path.append(json.loads(word) if word.startswith('"') else word)
        path += [int(n) for n in re.findall(r"\d+", found[2])]
        at = found.end()
    return () if name.endswith(".") else tuple(path)


def _told(root: type[Any], path: Path) -> tuple[Field[Any], Key | Part] | None:
    """The field at a path, with what it says of itself; None where there is no such key."""
    table: type[Any] | None = root
    found: tuple[Field[Any], Key | Part] | None = None
    rest = list(path)
    while rest:
        found = cells(table).get(str(rest.pop(0))) if table is not None else None
        if found is None:
            return None
        what = found[1]
        table = what.of() if isinstance(what, Part) else None
        if isinstance(what, Part) and rest and what.shape != "one":
            if (what.shape == "many") != isinstance(rest.pop(0), int):
                return None
            found = found if rest else cells(what.of()).get(MAIN)
    return found


def _leaves(root: type[Any], tables: dict[str, Any], path: Path = ()) -> list[Path]:
    """The paths of all values that stand in the tables."""
    found: list[Path] = []
    for name, value in tables.items():
        here = (*path, name)
        found += _leaves(root, value, here) if isinstance(value, dict) else [here]
    return found


def _put(tables: dict[str, Any], path: Path, value: object, setting: str) -> None:
    """Set one value, making the tables that it stands in."""
    inside: Any = tables
    for step, after in pairwise(path):
        if isinstance(step, int):
            if step >= len(inside):
                where = f'the setting "{setting}":'
                raise ConfigurationError(f"there are {len(inside)} such tables, counted from 0", where=where)
            inside = inside[step]
        else:
            empty: dict[str, Any] | list[Any] = [] if isinstance(after, int) else {}
            if not isinstance(inside.get(step), type(empty)):  # absent, or a named table that stood as its value
                inside[step] = empty
            inside = inside[step]
    if value is None:
        inside.pop(path[-1], None)
    else:
        inside[path[-1]] = value


def _bytes(where: str) -> bytes:
    try:
        with File(where).open("rb") as file:
            found = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise ConfigurationError("does not exist", where=where, instead=_beside(where)) from error
    except IsADirectoryError as error:
        raise ConfigurationError("is a folder, not a plan", where=where, instead=_beside(f"{where}/plan")) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise ConfigurationError(f"cannot be read: {error}", where=repr(where)) from error
    if len(found) > _LARGEST:
        raise ConfigurationError(
            f"is larger than a plan can be ({_LARGEST >> 20} MiB)", where=where, instead=_beside(where)
        )
    return found


def _beside(where: str) -> str:
    """The plans that stand in the same folder."""
    plans = [str(path) for path in sorted(File(where).parent.glob("*.toml")) if _is_plan(path)]
    return f"Plans that stand there: {', '.join(plans[:5])}." if plans else _NAME_ONE


def _is_plan(path: File) -> bool:
    """Whether a file has the table that every plan has, and neither a flow nor a project file has."""
    try:
        with path.open("rb") as file:
            return "task" in tomllib.loads(file.read(_LARGEST).decode())
    except (OSError, ValueError):  # what cannot be read is no plan to offer
        return False


def _decoded(found: bytes, where: str) -> str:
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            "is not UTF-8 text", where=f"{where}:{line}", instead="Save the file as UTF-8."
        ) from error
