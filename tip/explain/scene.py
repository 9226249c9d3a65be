"""A flow as a scene: who is there, who holds what, who tells what to whom, and what a coalition sees of it.

Seeing follows the law of the view (`tip.flow.view`), told for whole messages: a coalition sees *all* of a message that
goes to everybody or that one of its members sends or receives as a whole, and a *part* where its agents are only
some of those who send or hear it. A share of agents may be any agents, so each group is in it in part.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from tip.flow.expressions import write
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY
from tip.flow.seeing import members_of
from tip.flow.shapes import message_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.explain.tongue import Staged
    from tip.flow.model import Flow, Message, Noise, Report, Secret
    from tip.privacy.coalitions import Coalition


class Seen(IntEnum):
    """How much of something a coalition sees; `PLAIN` where no coalition is asked about."""

    PLAIN = -1
    NOTHING = 0
    PART = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Held:
    """A secret or a noise at who holds it."""

    name: str
    secret: bool
    told: str
    seen: Seen


@dataclass(frozen=True, slots=True)
class Actor:
    """A group, a party or the world; `inside` says whether it belongs to the coalition."""

    name: str
    size: int  # 0 for a party and for the world
    world: bool
    inside: Seen
    holds: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one actor to another (to itself: among its members; to None: to nobody)."""

    source: int
    target: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """One message: its name, what it says, where it goes."""

    name: str
    says: str
    arrows: tuple[Arrow, ...]
    seen: Seen


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it, in the order of the flow."""

    actors: tuple[Actor, ...]
    acts: tuple[Act, ...]
    facts: tuple[str, ...]

    @property
    def highlighted(self) -> bool:
        """Whether a coalition was asked about."""
        return any(actor.inside is not Seen.PLAIN for actor in self.actors)


def scene(flow: Flow, coalition: Coalition | None, words: Staged) -> Scene:
    """The scene of a flow; names of the coalition that are nobody's in it are refused."""
    eyes = _Eyes.of(flow, coalition)
    receivers = [m.to for m in flow.messages] + [r.to for r in flow.reports]
    world = (words.world,) if any(EVERYBODY in to for to in receivers) else ()
    names = (*(g.name for g in flow.groups), *flow.parties, *world)
    places = {name: index for index, name in enumerate(names)} | {EVERYBODY: len(names) - 1}
    sizes = {g.name: g.size for g in flow.groups}
    actors = tuple(
        Actor(
            name,
            sizes.get(name, 0),
            index >= len(flow.groups) + len(flow.parties),
            eyes.inside(name),
            _holdings(flow, name, eyes, words),
        )
        for index, name in enumerate(names)
    )
    acts = [_message(flow, m, places, eyes, words) for m in flow.messages]
    acts += [act for report in flow.reports for act in _report(flow, report, places, eyes, words)]
    return Scene(actors, tuple(acts), tuple(f"{fact.name} ({fact.what})" for fact in flow.facts))


@dataclass(frozen=True, slots=True)
class _Eyes:
    """The members of a coalition in a flow: whole actors, and groups of which some members belong to it."""

    asked: bool
    whole: frozenset[str]
    parts: frozenset[str]

    @classmethod
    def of(cls, flow: Flow, coalition: Coalition | None) -> _Eyes:
        if coalition is None:
            return cls(asked=False, whole=frozenset(), parts=frozenset())
        parties, agents = members_of(flow, coalition)
        whole, parts = set(parties), set[str]()
        for group in flow.groups:
            first = flow.first_agent(group.name)
            named = sum(first <= int(agent) < first + group.size for agent in agents)
            if named == group.size:
                whole.add(group.name)
            elif named or int(coalition.fraction * flow.enrolled):
                parts.add(group.name)
        return cls(asked=True, whole=frozenset(whole), parts=frozenset(parts))

    def inside(self, name: str) -> Seen:
        """How much of an actor belongs to the coalition."""
        if not self.asked:
            return Seen.PLAIN
        return Seen.ALL if name in self.whole else Seen.PART if name in self.parts else Seen.NOTHING

    def hears(self, flow: Flow, by: str, to: Iterable[str]) -> Seen:
        """How much the coalition sees of what `by` sends."""
        return max((self.inside(by), *(self._through(flow, by, receiver) for receiver in to)))

    def knows(self, flow: Flow, symbol: Secret | Noise, known_to: tuple[str, ...]) -> Seen:
        """How much of a secret's or a noise's draws the coalition knows."""
        over = next((g.over for g in flow.graphs if g.name == symbol.of), symbol.of)
        return max((self.inside(over), *(self._told(flow, name) for name in known_to)))

    def _told(self, flow: Flow, name: str) -> Seen:
        """Of what is told to all members of a group, one that colludes tells all; a lone agent may be the one."""
        inside = self.inside(name)
        sizes = {g.name: g.size for g in flow.groups}
        return Seen.ALL if inside is Seen.PART and sizes.get(name, 1) > 1 else inside

    def _through(self, flow: Flow, by: str, receiver: str) -> Seen:
        if not self.asked or receiver == NOBODY:
            return Seen.PLAIN if not self.asked else Seen.NOTHING
        if receiver == EVERYBODY:
            return Seen.ALL
        if receiver.startswith((NEIGHBORS, NEXT)):
            return self.inside(by)
        return self._told(flow, receiver)


def _holdings(flow: Flow, name: str, eyes: _Eyes, words: Staged) -> tuple[Held, ...]:
    """Secrets first, then the noises that an actor draws, shares on edges or is told."""
    graphs = {g.name for g in flow.graphs if g.over == name}
    secrets = [
        Held(s.name, secret=True, told=words.hidden, seen=eyes.knows(flow, s, ())) for s in flow.secrets if s.of == name
    ]
    noises = [
        Held(n.name, secret=False, told=f"{words.noise}: {n.law}{_size(n)}", seen=eyes.knows(flow, n, n.known_to))
        for n in flow.noises
        if n.of == name or n.of in graphs or name in n.known_to
    ]
    return (*secrets, *noises)


def _size(noise: Noise) -> str:
    if noise.variance is not None:
        return f", variance {float(noise.variance):g}"
    return "" if noise.scale is None else f", scale {float(noise.scale):g}"


def _message(flow: Flow, message: Message, places: dict[str, int], eyes: _Eyes, words: Staged) -> Act:
    rounds = message_shape(flow, message).rounds
    name = message.name + (words.rounds(rounds) if rounds > 1 else "")
    says = write(message.says) + (f"  mod 2^{message.ring}" if message.ring else "")
    source = places[message.by]
    arrows = tuple(_arrow(source, receiver, places, words) for receiver in message.to)
    return Act(name, says, arrows, eyes.hears(flow, message.by, message.to))


def _report(flow: Flow, report: Report, places: dict[str, int], eyes: _Eyes, words: Staged) -> tuple[Act, ...]:
    """One act, or two where a shuffler stands between."""
    by = flow.secret(report.secret).of
    says = words.report(report.secret, report.ratio)
    name = report.name + (words.rounds(report.rounds) if report.rounds > 1 else "")
    if not report.shuffled_by:
        arrows = tuple(_arrow(places[by], receiver, places, words) for receiver in report.to)
        return (Act(name, says, arrows, eyes.hears(flow, by, report.to)),)
    mixer = report.shuffled_by
    first = Act(name, says, (_arrow(places[by], mixer, places, words),), eyes.hears(flow, by, (mixer,)))
    arrows = tuple(_arrow(places[mixer], receiver, places, words) for receiver in report.to)
    return (first, Act(report.name, words.mixed(report.least), arrows, eyes.hears(flow, mixer, report.to)))


def _arrow(source: int, receiver: str, places: dict[str, int], words: Staged) -> Arrow:
    if receiver == NOBODY:
        return Arrow(source, None, words.nobody)
    for start, note in ((NEIGHBORS, words.neighbors), (NEXT, words.following)):
        if receiver.startswith(start):
            return Arrow(source, source, note.format(name=receiver.removeprefix(start)))
    return Arrow(source, places[receiver])
