"""A flow as a scene: who is there, who holds what, who tells what to whom, and what a coalition sees of it.

What is seen is decided in `tip.explain.eyes`; how it is drawn, in `tip.explain.diagrams`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.explain.eyes import Eyes, Seen
from tip.flow.expressions import write
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY
from tip.flow.shapes import message_shape

if TYPE_CHECKING:
    from tip.explain.tongue import Staged
    from tip.flow.model import Flow, Message, Noise, Report
    from tip.privacy.coalitions import Coalition


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
    eyes = Eyes.of(flow, coalition)
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


def _holdings(flow: Flow, name: str, eyes: Eyes, words: Staged) -> tuple[Held, ...]:
    """Secrets first, then the noises that an actor draws, shares on edges or is told."""
    graphs = {g.name for g in flow.graphs if g.over == name}
    secrets = [Held(s.name, secret=True, told=words.hidden, seen=eyes.knows(s)) for s in flow.secrets if s.of == name]
    noises = [
        Held(n.name, secret=False, told=_noise(n, words), seen=eyes.knows(n))
        for n in flow.noises
        if n.of == name or n.of in graphs or name in n.known_to
    ]
    return (*secrets, *noises)


def _noise(noise: Noise, words: Staged) -> str:
    """How a noise is drawn, and how large it is."""
    told = f"{words.drawn}{words.laws.get(noise.law, noise.law)}"
    if noise.variance is not None:
        return f"{told}, {words.variance(float(noise.variance))}"
    return told if noise.scale is None else f"{told}, {words.scale(float(noise.scale))}"


def _message(flow: Flow, message: Message, places: dict[str, int], eyes: Eyes, words: Staged) -> Act:
    rounds = message_shape(flow, message).rounds
    name = message.name + (words.rounds(rounds) if rounds > 1 else "")
    says = write(message.says) + (f"  mod 2^{message.ring}" if message.ring else "")
    source = places[message.by]
    arrows = tuple(_arrow(source, receiver, places, words) for receiver in message.to)
    return Act(name, says, arrows, eyes.sees(message))


def _report(flow: Flow, report: Report, places: dict[str, int], eyes: Eyes, words: Staged) -> tuple[Act, ...]:
    """One act, or two where a shuffler stands between."""
    by = flow.secret(report.secret).of
    says = words.report(report.secret, report.ratio)
    name = report.name + (words.rounds(report.rounds) if report.rounds > 1 else "")
    if not report.shuffled_by:
        arrows = tuple(_arrow(places[by], receiver, places, words) for receiver in report.to)
        return (Act(name, says, arrows, eyes.hears(by, report.to)),)
    mixer = report.shuffled_by
    first = Act(name, says, (_arrow(places[by], mixer, places, words),), eyes.hears(by, (mixer,)))
    arrows = tuple(_arrow(places[mixer], receiver, places, words) for receiver in report.to)
    return (first, Act(report.name, words.mixed(report.least), arrows, eyes.hears(mixer, report.to)))


def _arrow(source: int, receiver: str, places: dict[str, int], words: Staged) -> Arrow:
    if receiver == NOBODY:
        return Arrow(source, None, words.nobody)
    for start, note in ((NEIGHBORS, words.neighbors), (NEXT, words.following)):
        if receiver.startswith(start):
            return Arrow(source, source, note.format(name=receiver.removeprefix(start)))
    return Arrow(source, places[receiver])
