"""Pieces of a picture: escaped SVG elements, and how wide a text will be."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from tip.explain.drawable import drawable

_NARROW: Final = frozenset("iljtfrI.,:;|!'()[] ’\u202f\u00a0")
_WIDE: Final = frozenset("mwMWQO@%—")

STYLE: Final = """
.tip-page{fill:#fff}.tip-card{fill:#f3f5f7}.tip-ink{fill:#1d2530}.tip-soft{fill:#5d6876}.tip-seen{fill:#b23a08}
.tip-line{stroke:#5d6876;fill:none}.tip-strong{stroke:#b23a08;fill:none}.tip-glow{fill:#fdeadf}.tip-thin{stroke:#c9d0d7;fill:none}
@media (prefers-color-scheme:dark){
.tip-page{fill:#14181d}.tip-card{fill:#222932}.tip-ink{fill:#e9edf2}.tip-soft{fill:#a3aebb}.tip-seen{fill:#ff9d63}
.tip-line{stroke:#a3aebb}.tip-strong{stroke:#ff9d63}.tip-glow{fill:#43291a}.tip-thin{stroke:#3d4752}
}
.tip-sans{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:13px}
.tip-mono{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12px}
.tip-bold{font-weight:600}.tip-small{font-size:12px}
"""


def tag(name: str, *inside: str, **attributes: str | float) -> str:
    """An element; what stands inside is markup already, attributes are escaped, `_` in their names is `-`."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{told}>{''.join(inside)}</{name}>" if inside else f"<{name}{told}/>"


def text(said: str, x: float, y: float, look: str = "tip-ink", *, anchor: str = "middle") -> str:
    """A line of text; `look` are its classes."""
    return tag("text", escaped(said), x=x, y=y, class_=f"tip-sans {look}", text_anchor=anchor)


def picture(title: str, told: str, parts: list[str], *, width: float, height: float) -> str:
    """A whole SVG file: its own style for light and dark, a title and a description, no script, nothing loaded."""
    return tag(
        "svg",
        tag("title", escaped(title)),
        tag("desc", escaped(told)),
        tag("style", STYLE),
        tag("rect", width=width, height=height, class_="tip-page"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_value(width)} {_value(height)}",
        width="100%",
        style=f"max-width:{_value(1.5 * width)}px",
        role="img",
        aria_label=title,
    )


def inline(svg: str) -> str:
    """A picture to stand in a page whose own style sheet knows the classes of `STYLE`: it has no style of its own."""
    return re.sub(r' style="[^"]*"', "", svg.replace(tag("style", STYLE), "", 1), count=1)


def width_of(said: str, *, mono: bool = False, bold: bool = False) -> float:
    """About how many units a line of 13 (mono: 12) units is wide, rather too many than too few."""
    if mono:
        return 7.25 * len(said)
    wide = sum(4.9 if c in _NARROW else 12.2 if c in _WIDE else 8.6 if c.isupper() else 7.9 for c in said)
    return wide * (1.04 if bold else 1.0)


def fitted(said: str, room: float, *, mono: bool = False, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it is wider than the room."""
    if width_of(said, mono=mono, bold=bold) <= room:
        return said
    kept = said
    while kept and width_of(f"{kept}…", mono=mono, bold=bold) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def escaped(said: str) -> str:
    """The text as it may stand in an element or an attribute."""
    return escape(drawable(said), quote=True)


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
