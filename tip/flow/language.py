"""The flow language: a flow as a short text in TOML, read with the line of every mistake.

    read(text) -> Flow        read_file(path) -> Flow        write(flow) -> str

**Law.** `read(write(flow)) == flow` for every flow.

The text has the tables of `tip.flow.vocabulary`; docs/flow-language.md tells them to people who do not program.
Decimals are read exactly. The order of the tables in the text is the order in the flow.
"""

from __future__ import annotations

from pathlib import Path as File
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow import parts
from tip.flow.entries import Entry, unknown
from tip.flow.model import Secret
from tip.flow.numbers import decimal, shown
from tip.flow.vocabulary import EVERY_KEY, FORMAT, LISTED, NAMED, SIZE, TOP
from tip.flow.writing import write
from tip.locating import label, load

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from tip.flow.model import Flow, Report
    from tip.locating import Path, Places

__all__ = ["read", "read_file", "write"]

_LARGEST: Final = 1 << 24  # characters: a given graph of half a million edges


def read(text: str, where: str = "flow.toml") -> Flow:
    """The flow of a text. Raises `ConfigurationError` with `where`, the line and the key."""
    if not isinstance(text, str) or len(text) > _LARGEST:
        raise ConfigurationError(f"is no text of at most {_LARGEST:,} characters", where=where)
    tables, places = load(text, where, parse_float=decimal)
    return _flow(tables, places)


def read_file(path: str | os.PathLike[str]) -> Flow:
    """The flow of a file of UTF-8 text."""
    file = File(path)
    try:
        if file.stat().st_size > 4 * _LARGEST:
            raise ConfigurationError("is too large for a flow", where=str(file))
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror or error}", where=str(file)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"is not UTF-8 text at byte {error.start}", where=str(file)) from error
    return read(text, str(file))


def _flow(tables: Mapping[str, object], places: Places) -> Flow:
    for key in tables:
        if key not in EVERY_KEY:
            raise unknown((key,), EVERY_KEY, places)
    top = Entry((), tables, TOP, places)
    if top.whole("format") != FORMAT:
        raise top.refused(
            "format", f"is {shown(tables['format'])}, which is not known", instead=f"Write format = {FORMAT}"
        )
    agents = _table(top, "agents")
    made = {kind: tuple(maker(entry) for entry in _named(tables, kind, places)) for kind, maker in parts.MAKERS.items()}
    parties = top.texts("parties", ())
    name, about = top.text("name"), top.text("about")
    fields = {
        "name": name,
        "about": about,
        "groups": tuple(parts.group(agents, group) for group in agents.values),
        "parties": parties,
        "reports": _reports(tables, tuple(part for part in made["secrets"] if isinstance(part, Secret)), places),
        "requirements": tuple(parts.requirement(entry) for entry in _listed(tables, "requirements", places)),
        "aims": tuple(parts.aim(entry) for entry in _listed(tables, "aims", places)),
        **made,
    }
    return parts.flow(fields, places)


def _reports(tables: Mapping[str, object], secrets: tuple[Secret, ...], places: Places) -> tuple[Report, ...]:
    return tuple(parts.report(entry, secrets) for entry in _named(tables, "reports", places))


def _table(top: Entry, key: str) -> Entry:
    """[agents]: its keys are names."""
    found = top.value(key)
    if not isinstance(found, dict):
        raise top.misfit(key, "a table of groups and their sizes")
    return Entry((key,), found, dict.fromkeys(found, SIZE), top.places)


def _named(tables: Mapping[str, object], kind: str, places: Places) -> Iterator[Entry]:
    """[kind.NAME]"""
    found = tables.get(kind, {})
    if not isinstance(found, dict):
        raise _not_so(kind, f"[{kind}.NAME]", found, places)
    for name, values in found.items():
        yield Entry.of((kind, name), values, NAMED[kind], places)


def _listed(tables: Mapping[str, object], kind: str, places: Places) -> Iterator[Entry]:
    """[[kind]]"""
    found = tables.get(kind, [])
    if not isinstance(found, list):
        raise _not_so(kind, f"[[{kind}]]", found, places)
    for number, values in enumerate(found):
        yield Entry.of((kind, number), values, LISTED[kind], places)


def _not_so(kind: str, form: str, found: object, places: Places) -> ConfigurationError:
    path: Path = (kind,)
    return ConfigurationError(
        f"{label(path)} is written as {form}, not as {shown(found)}", where=places.of(kind),
    )  # fmt: skip
