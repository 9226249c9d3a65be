"""Flows as text for Mermaid: a flowchart whose edges show what a coalition sees."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tip.explain.eyes import Seen
from tip.explain.scene import Held, scene
from tip.explain.tongues import tongue_of

if TYPE_CHECKING:
    from tip.explain.tongue import Language, Staged
    from tip.flow.model import Flow
    from tip.privacy.coalitions import Coalition

_COLORS: Final = {Seen.PLAIN: "#3b6ea5", Seen.NOTHING: "#8a94a0", Seen.PART: "#d9773d", Seen.ALL: "#b23a08"}


def mermaid(flow: Flow, coalition: Coalition | None = None, *, language: Language = "en") -> str:
    """The flow as text for Mermaid: a flowchart; edges that the coalition sees are colored."""
    words = tongue_of(language).staged
    told = scene(flow, coalition, words)
    lines, styles, count = ["flowchart TD"], list[str](), 0
    for index, actor in enumerate(told.actors):
        held = "".join(f"<br/>{_held(h, words)}: {_quoted(h.name)}" for h in actor.holds)
        size = f"<br/>{words.agents(actor.size)}" if actor.size else ""
        left, right = ('(["', '"])') if actor.world else ('[["', '"]]') if actor.size > 1 else ('["', '"]')
        lines.append(f"  n{index}{left}{_quoted(actor.name)}{size}{held}{right}:::{_look(actor.inside)}")
    nobody = any(arrow.target is None for act in told.acts for arrow in act.arrows)
    lines += [f'  none(["{_quoted(words.nobody)}"])'] if nobody else []
    for act in told.acts:
        for arrow in act.arrows:
            end = "none" if arrow.target is None else f"n{arrow.target}"
            note = f"<br/>{_quoted(arrow.note)}" if arrow.note and arrow.target is not None else ""
            link = "-.->" if act.seen is Seen.PART else "-->"
            said = f"<b>{_quoted(act.name)}</b><br/>{_quoted(act.says)}{note}"
            lines.append(f'  n{arrow.source} {link}|"{said}"| {end}')
            width = 1 if act.seen is Seen.NOTHING else 3
            styles.append(f"  linkStyle {count} stroke:{_COLORS[act.seen]},stroke-width:{width}px")
            count += 1
    classes = [f"  classDef {_look(seen)} stroke:{_COLORS[seen]},stroke-width:2px" for seen in Seen]
    return "\n".join([*lines, *styles, *classes]) + "\n"


def _held(held: Held, words: Staged) -> str:
    return words.hidden if held.secret else words.noise


def _look(seen: Seen) -> str:
    return f"is{seen.name.capitalize()}"


def _quoted(said: str) -> str:
    """Text inside Mermaid's quotes: letters, digits, spaces and some signs; all else as an entity."""
    return re.sub(r"[^\w .,:()+/'^=-]", lambda found: f"#{ord(found[0])};", said)
