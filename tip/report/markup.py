"""HTML that is escaped by construction.

Plan names, reasons and metric names come from whoever wrote the plan. `element` escapes every
child and every attribute that is not `Markup`, and only this file makes `Markup`, out of parts
that were escaped here: nothing has to be remembered where the page is put together.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from tip.explain.drawable import drawable

if TYPE_CHECKING:
    from collections.abc import Sequence

_EMPTY: Final = frozenset({"meta", "br", "hr", "circle"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """`<name attributes>children</name>`; plain strings are escaped, `class_` and `data_label` lose their `_`."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"' for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{told}>") if name != "circle" else Markup(f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{join(*children)}</{name}>")


def join(*parts: str) -> Markup:
    """The parts one after another, plain strings escaped."""
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts))


def _escaped(said: str) -> str:
    return html.escape(drawable(said))


def section(title: str, name: str, *content: str) -> Markup:
    """A part of the page under a heading that names it."""
    return element("section", element("h2", title, id=name), *content, aria_labelledby=name)


def rows(head: tuple[str, ...], body: Sequence[tuple[str, ...]], *, caption: str, look: str) -> Markup:
    """A table whose cells carry their column's name, so that a narrow screen shows each row as a card.

    The roles are written out: a card layout would otherwise take them away from screen readers.
    """
    header = element("tr", *(element("th", cell, scope="col", role="columnheader") for cell in head), role="row")
    lines = [
        element(
            "tr",
            *(element("td", cell, role="cell", data_label=label) for label, cell in zip(head, line, strict=True)),
            role="row",
        )
        for line in body
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", header, role="rowgroup"),
        element("tbody", *lines, role="rowgroup"),
        role="table",
        class_=look,
    )
