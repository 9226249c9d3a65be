"""Flows as pictures: SVG, and text for Mermaid, with what a coalition sees in a strong color.

The SVG reads from top to bottom: who is there and what each of them holds, then one line for each message, from who
sends it to who receives it. Full strong lines are seen by the coalition, dashed ones in part, grey ones not. The file
needs nothing else: no script, no font, no address; it follows the reader's light or dark screen, and its
description says in words what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.explain.drawing import fitted, picture, tag, text, width_of
from tip.explain.eyes import Seen
from tip.explain.mermaid import mermaid
from tip.explain.scene import Act, Actor, Arrow, Held, Scene, scene
from tip.explain.tongues import tongue_of

if TYPE_CHECKING:
    from tip.explain.tongue import Language, Staged
    from tip.flow.model import Flow
    from tip.privacy.coalitions import Coalition

__all__ = ["mermaid", "said", "svg"]

WIDTH: Final = 600.0
_COLUMN: Final = 100.0  # the least width of an actor's column
_EDGE: Final = 8.0
_CARD: Final = 84.0
_SMALL: Final = 12 / 13  # of the size of other text
_PILL: Final = 24.0
_BAND: Final = 44.0  # a message's two lines of text
_STEP: Final = 18.0  # one arrow
_LINE: Final = 20.0
_FACTS: Final = 2  # lines of what is seen beside the messages; `said` tells all of it


def svg(flow: Flow, coalition: Coalition | None = None, *, language: Language = "en", width: float = WIDTH) -> str:
    """The flow as an SVG file, at least so many units wide; what the coalition sees is highlighted.

    A letter is 13 units high. Names of the coalition that are nobody's in this flow raise `ConfigurationError`.
    """
    words = tongue_of(language).staged
    told = scene(flow, coalition, words)
    sheet = _Sheet(told, max(width, 2 * _EDGE + _COLUMN * len(told.actors)))
    top = 16 + sheet.card + _PILL * max(len(actor.holds) for actor in told.actors) + 14
    bottom, acts = _acts(told, sheet, top)
    legend, height = _legend(told, sheet, bottom + 14, coalition, words)
    lines = [
        tag(
            "line",
            x1=sheet.x(i),
            y1=16 + sheet.card,
            x2=sheet.x(i),
            y2=bottom,
            class_="tip-thin",
            stroke_dasharray="2 4",
        )
        for i in range(len(told.actors))
    ]
    actors = [_actor(actor, sheet, index, words) for index, actor in enumerate(told.actors)]
    about = words.told.format(about=flow.about, acts=" ".join(_in_sentences(told, words, coalition)))
    title = words.title.format(name=flow.name)
    return picture(title, about, [*lines, *actors, *acts, *legend], width=sheet.width, height=height)


def said(flow: Flow, coalition: Coalition | None = None, *, language: Language = "en") -> tuple[str, ...]:
    """The picture in words: the messages one after another, then what is seen beside them."""
    words = tongue_of(language).staged
    told = scene(flow, coalition, words)
    facts = (f"{words.facts} {', '.join(told.facts)}.",) if told.facts else ()
    return (*_in_sentences(told, words, coalition), *facts)


# -- the sheet ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where the columns stand."""

    told: Scene
    width: float

    @property
    def column(self) -> float:
        """The width of a column."""
        return (self.width - 2 * _EDGE) / len(self.told.actors)

    @property
    def card(self) -> float:
        """The height of a card and the gap below it; a third line says that some of a group collude."""
        third = any(actor.inside > 0 and actor.size > 1 for actor in self.told.actors)
        return _CARD + 14 * third

    def x(self, index: int) -> float:
        """The middle of a column."""
        return _EDGE + self.column * (index + 0.5)

    def inside(self, x: float, wide: float) -> float:
        """The middle of a text of that width, moved so that it stays on the sheet."""
        half = wide / 2 + _EDGE
        return min(max(x, half), self.width - half)


def _ink(seen: Seen) -> str:
    """The look of a text: strong only where all of it is seen."""
    return {Seen.NOTHING: "tip-soft", Seen.ALL: "tip-seen"}.get(seen, "tip-ink")


def _head(seen: Seen) -> str:
    """The look of an arrow's ends."""
    return "tip-seen" if seen > 0 else "tip-soft"


def _stroke(seen: Seen) -> dict[str, str | float]:
    """The look of a line: strong where it is seen, dashed where in part, thin and grey where not."""
    look: dict[str, str | float] = {"class_": "tip-strong" if seen > 0 else "tip-line"}
    look["stroke_width"] = {Seen.NOTHING: 1.0, Seen.PLAIN: 1.6}.get(seen, 2.6)
    return look | ({"stroke_dasharray": "6 4"} if seen is Seen.PART else {})


def _actor(actor: Actor, sheet: _Sheet, index: int, words: Staged) -> str:
    """A card with an icon, a name and a count, and what the actor holds below it."""
    x, wide = sheet.x(index), min(sheet.column - 8, 150.0)
    glow = "tip-glow" if actor.inside is Seen.ALL else "tip-card"
    frame = tag("rect", x=x - wide / 2, y=16, width=wide, height=sheet.card - 6, rx=10, class_=glow)
    border = tag(
        "rect", x=x - wide / 2, y=16, width=wide, height=sheet.card - 6, rx=10, fill="none", **_stroke(actor.inside)
    )
    name = text(fitted(actor.name, wide - 4, bold=True), x, 62, f"tip-bold {_ink(actor.inside)}")
    size = words.agents(actor.size) if actor.size > 1 else ""
    if width_of(size) * _SMALL > wide - 4:
        size = size.rpartition(" ")[0]
    member = {Seen.ALL: words.inside, Seen.PART: words.partly_inside}.get(actor.inside, "")
    lines = [
        text(fitted(line, (wide - 4) / _SMALL), x, y, f"tip-small {look}")
        for line, y, look in ((size, 79, _ink(Seen.PLAIN)), (member, 96 if size else 79, "tip-seen"))
        if line
    ]
    pills = (_pill(held, x, 16 + sheet.card + _PILL * row, wide) for row, held in enumerate(actor.holds))
    return tag("g", tag("title", _plain(actor.name)), frame, border, _icon(actor, x), name, *lines, *pills)


def _icon(actor: Actor, x: float) -> str:
    """People, one person, a house for a party, a globe for the world."""
    look = _stroke(actor.inside) | {"stroke_width": 1.6, "stroke_dasharray": "none"}
    if actor.world:
        shapes = [tag("circle", cx=x, cy=33, r=11), tag("ellipse", cx=x, cy=33, rx=4.5, ry=11)]
        shapes.append(tag("path", d=f"M{x - 11:g} 33h22"))
    elif actor.size:
        others = (-11, 11, 0) if actor.size > 1 else (0,)
        shapes = [shape for move in others for shape in _person(x + move, 1.0 if move == 0 else 0.8)]
    else:
        shapes = [tag("path", d=f"M{x - 11:g} 44v-14l11 -8l11 8v14zM{x - 3:g} 44v-8h6v8")]
    return tag("g", *shapes, **look)


def _person(x: float, scale: float) -> list[str]:
    r, top = 5 * scale, 27 + 3 * (1 - scale)
    head = tag("circle", cx=x, cy=top, r=r)
    return [
        head,
        tag("path", d=f"M{x - 9 * scale:g} 45c0 {-13 * scale:g} {18 * scale:g} {-13 * scale:g} {18 * scale:g} 0"),
    ]


def _pill(held: Held, x: float, y: float, wide: float) -> str:
    """A secret (a key's ring) or a noise (a wave) and its name."""
    name = fitted(held.name, wide - 26, mono=True)
    left = x - (width_of(name, mono=True) + 18) / 2
    look = _stroke(held.seen) | {"stroke_width": 1.6, "stroke_dasharray": "none"}
    if held.secret:
        mark = tag("path", d=f"M{left:g} {y + 8:g}h10v8h-10zM{left + 2:g} {y + 8:g}v-2a3 3 0 0 1 6 0v2", **look)
    else:
        mark = tag("path", d=f"M{left - 1:g} {y + 12:g}q3 -9 6 0t6 0", **look)
    box = tag(
        "rect", x=left - 8, y=y + 2, width=width_of(name, mono=True) + 30, height=_PILL - 4, rx=9, class_="tip-page"
    )
    if held.seen is Seen.PART:
        box += tag(
            "rect",
            x=left - 8,
            y=y + 2,
            width=width_of(name, mono=True) + 30,
            height=_PILL - 4,
            rx=9,
            **_stroke(Seen.PART) | {"stroke_width": 1.2},
        )
    label = tag("text", _plain(name), x=left + 16, y=y + 16, class_=f"tip-mono {_ink(held.seen)}")
    return tag("g", tag("title", _plain(f"{held.name}: {held.told}")), box, mark, label)


# -- messages -------------------------------------------------------------------------------------


def _acts(told: Scene, sheet: _Sheet, top: float) -> tuple[float, list[str]]:
    """One band for each message; also where the last one ends."""
    drawn, y = list[str](), top
    for act in told.acts:
        drawn.append(_act(act, sheet, y))
        y += _BAND + _STEP * len(act.arrows) + 6
    return y, drawn


def _act(act: Act, sheet: _Sheet, y: float) -> str:
    ends = [sheet.x(a.target if a.target is not None else a.source) for a in act.arrows]
    middle = (min([sheet.x(act.arrows[0].source), *ends]) + max([sheet.x(act.arrows[0].source), *ends])) / 2
    name = fitted(act.name, sheet.width - 20, bold=True)
    says = fitted(act.says, sheet.width - 20, mono=True)
    wide = max(width_of(name, bold=True), width_of(says, mono=True))
    x = sheet.inside(middle, wide)
    back = tag("rect", x=x - wide / 2 - 3, y=y + 1, width=wide + 6, height=_BAND - 9, class_="tip-page")
    told = tag("text", _plain(says), x=x, y=y + 30, class_=f"tip-mono {_ink(act.seen)}", text_anchor="middle")
    arrows = (_arrow(a, act.seen, sheet, y + _BAND + _STEP * row) for row, a in enumerate(act.arrows))
    title = tag("title", _plain(f"{act.name}: {act.says}"))
    return tag("g", title, back, text(name, x, y + 14, f"tip-bold {_ink(act.seen)}"), told, *arrows)


def _arrow(arrow: Arrow, seen: Seen, sheet: _Sheet, y: float) -> str:
    start, look, head = sheet.x(arrow.source), _stroke(seen), _head(seen)
    if arrow.target is None or arrow.target == arrow.source:
        return _loop(arrow, seen, sheet, y)
    end = sheet.x(arrow.target)
    step = 9 if end > start else -9
    line = tag("line", x1=start, y1=y, x2=end - step, y2=y, **look)
    tip = tag("path", d=f"M{end:g} {y:g}l{-step:g} -5v10z", class_=head)
    return tag("g", tag("circle", cx=start, cy=y, r=3, class_=head), line, tip)


def _loop(arrow: Arrow, seen: Seen, sheet: _Sheet, y: float) -> str:
    """Among the members of one actor, or to nobody; the note stands beside it, on the side with more room."""
    start, look, head = sheet.x(arrow.source), _stroke(seen), _head(seen)
    side = 1 if start <= sheet.width / 2 else -1
    far = start + side * 34
    room = (sheet.width - far if side > 0 else far) - 8 - _EDGE
    note = text(
        fitted(arrow.note, room / _SMALL),
        far + side * 8,
        y + 3,
        f"tip-small {head}",
        anchor="start" if side > 0 else "end",
    )
    if arrow.target is None:
        stop = tag("path", d=f"M{start:g} {y:g}H{far:g}M{far:g} {y - 5:g}v10", **look)
        return tag("g", stop, note)
    line = tag(
        "path",
        d=f"M{start:g} {y - 6:g}H{far - side * 6:g}q{side * 6:g} 0 {side * 6:g} 6t{-side * 6:g} 6H{start + side * 9:g}",
        **look,
    )
    tip = tag("path", d=f"M{start:g} {y + 6:g}l{side * 9:g} -5v10z", class_=head)
    return tag("g", line, tip, note)


# -- words ----------------------------------------------------------------------------------------


def _legend(
    told: Scene, sheet: _Sheet, y: float, coalition: Coalition | None, words: Staged
) -> tuple[list[str], float]:
    """What lines and signs mean; also the height of the whole sheet."""
    drawn, samples = list[str](), list[tuple[Seen, str]]()
    if coalition is not None:
        samples = [
            (Seen.ALL, words.seen.format(coalition=coalition.text)), (Seen.PART, words.partly_seen),
            (Seen.NOTHING, words.unseen),
        ]  # fmt: skip
    for seen, meaning in samples:
        drawn.append(tag("line", x1=16, y1=y + 8, x2=52, y2=y + 8, **_stroke(seen)))
        drawn.append(text(fitted(meaning, sheet.width - 76), 62, y + 12, _ink(seen), anchor="start"))
        y += _LINE
    x = 16.0
    for secret, meaning in ((True, words.hidden), (False, words.noise)):
        if any(held.secret is secret for actor in told.actors for held in actor.holds):
            drawn.append(_sign(secret, x, y))
            drawn.append(text(meaning, x + 18, y + 12, "tip-soft", anchor="start"))
            x += 38 + width_of(meaning)
    y += _LINE if x > 16 else 0
    if told.facts:
        facts = f"{words.facts} {', '.join(told.facts)}"
        lines = _broken(facts, sheet.width - 32)
        for line in lines if len(lines) <= _FACTS else [*lines[: _FACTS - 1], f"{lines[_FACTS - 1]} …"]:
            drawn.append(text(line, 16, y + 12, "tip-soft tip-small", anchor="start"))
            y += _LINE
    return drawn, y + 10


def _sign(secret: bool, x: float, y: float) -> str:  # noqa: FBT001 - which of the two signs
    if secret:
        return tag(
            "path", d=f"M{x:g} {y + 5:g}h10v8h-10zM{x + 2:g} {y + 5:g}v-2a3 3 0 0 1 6 0v2", **_stroke(Seen.PLAIN)
        )
    return tag("path", d=f"M{x:g} {y + 8:g}q3 -9 6 0t6 0", **_stroke(Seen.PLAIN))


def _broken(line: str, room: float) -> list[str]:
    """The text in lines that fit."""
    lines = [""]
    for word in line.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if width_of(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(fitted(word, room))
    return [line for line in lines if line]


def _in_sentences(told: Scene, words: Staged, coalition: Coalition | None) -> tuple[str, ...]:
    """Every message, for who hears the picture."""
    seen = {Seen.ALL: words.seen, Seen.PART: words.partly_seen, Seen.NOTHING: words.unseen}
    whom = "" if coalition is None else coalition.text
    names = [actor.name for actor in told.actors]
    lines = []
    for act in told.acts:
        to = ", ".join(dict.fromkeys(a.note or names[a.target or 0] for a in act.arrows))
        how = f" ({seen[act.seen].format(coalition=whom)})" if act.seen in seen else ""
        lines.append(f"{names[act.arrows[0].source]} → {to}: {act.name} = {act.says}{how}.")
    return tuple(lines)


def _plain(inside: str) -> str:
    """Text inside an element."""
    return inside.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
