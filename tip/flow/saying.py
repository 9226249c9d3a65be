"""Saying: messages that speak of what is known, fit those who send them, and go to somebody who exists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.expressions import DEEPEST, LONGEST, calls, depth, names, write
from tip.flow.hidden import Choice, Law
from tip.flow.messages import EVERYBODY, NEIGHBORS, NEXT, NOBODY
from tip.flow.shapes import Shape, over, shape
from tip.flow.unfit import at
from tip.privacy.coalitions import NETWORK

if TYPE_CHECKING:
    from tip.flow.declared import Declared
    from tip.flow.messages import Message


@dataclass(slots=True)
class _Spoken:
    """What has been declared when a message speaks: it grows from message to message."""

    names: set[str]
    arguments: tuple[str, ...]
    choices: dict[str, int]
    masks: set[str]
    shapes: dict[str, Shape] = field(default_factory=dict)


def check_messages(flow: Declared) -> None:
    """Each message in turn, with what was declared before it."""
    spoken = _Spoken(
        {*(s.name for s in flow.secrets), *(n.name for n in flow.noises)},
        (*(g.name for g in flow.graphs), *(t.name for t in flow.tables), *(c.name for c in flow.cohorts)),
        {s.name: s.domain.categories for s in flow.secrets if isinstance(s.domain, Choice)},
        {n.name for n in flow.noises if n.law is Law.UNIFORM},
    )
    for message in flow.messages:
        with at("messages", message.name, "says"):
            _formula(message, spoken)
            spoken.shapes[message.name] = shape(flow, message.says, spoken.shapes)
            _summable(flow, message, spoken)
        with at("messages", message.name, "by"):
            _sender(flow, message, spoken.shapes[message.name])
        with at("messages", message.name, "to"):
            receivers(flow, f"message {message.name!r}", message.to, spoken.shapes[message.name].over)
        spoken.names.add(message.name)


def _formula(message: Message, spoken: _Spoken) -> None:
    """What a message says is known before it, and short enough to be written and read."""
    place = f"message {message.name!r}"
    if depth(message.says) > DEEPEST:
        raise ConfigurationError(f"{place} nests its formula more than {DEEPEST} deep")
    if len(write(message.says)) > LONGEST:
        raise ConfigurationError(f"{place} says a formula of more than {LONGEST:,} characters")
    for name in names(message.says):
        if name not in spoken.names:
            raise ConfigurationError(
                f"{place} speaks of {name!r}, which is no secret, no noise and no earlier message",
                instead=checks.nearest(name, sorted(spoken.names)),
            )
    for call in calls(message.says):
        for argument in call.arguments:
            if isinstance(argument, int) and not 1 <= argument <= 10_000:
                raise ConfigurationError(f"{place} asks for {argument} rounds", instead="1 to 10,000")
            if isinstance(argument, str) and argument not in spoken.arguments:
                raise ConfigurationError(
                    f"{place} speaks of {argument!r}, which is no graph, table or cohort",
                    instead=checks.nearest(argument, spoken.arguments),
                )


def _sender(flow: Declared, message: Message, form: Shape) -> None:
    """A message has one row for each that sends it."""
    actors = [*(g.name for g in flow.groups), *flow.parties]
    if message.by not in actors:
        raise ConfigurationError(
            f"message {message.name!r} is sent by {message.by!r}, who is no party and no group of this flow",
            instead=checks.nearest(str(message.by), actors),
        )
    if form.over != over(flow, message.by)[0]:
        raise ConfigurationError(
            f"message {message.name!r} is sent by {message.by!r}, and what it says is a value "
            + (f"for each of {form.over!r}" if form.over else "of one row"),
            instead="a group sends a row for each member, a party sends one row: sum(...) makes one of many",
        )


def _summable(flow: Declared, message: Message, spoken: _Spoken) -> None:
    """A choice is reported, not added; a mask wants the ring that it is uniform over."""
    for name in flow.symbols(message) if spoken.choices or spoken.masks else ():
        if name in spoken.choices:
            raise ConfigurationError(
                f"message {message.name!r} adds {name!r}, which is one of {spoken.choices[name]} answers",
                instead="use a report, or a ball of squared_norm 1 with a coordinate for each answer",
            )
        if name in spoken.masks and not message.ring:
            raise ConfigurationError(
                f"message {message.name!r} adds the mask {name!r} outside a ring", instead="for example ring = 32"
            )


def receivers(flow: Declared, place: str, to: tuple[str, ...], sender: str) -> None:
    """Everybody, nobody, parties, groups; neighbors and followers of those who send, if they are a group."""
    for receiver in to:
        if receiver in {EVERYBODY, NOBODY}:
            continue
        if receiver.startswith(NEIGHBORS):
            group = flow.graph(receiver.removeprefix(NEIGHBORS)).over
        elif receiver.startswith(NEXT):
            group = flow.group(receiver.removeprefix(NEXT)).name
        else:
            exists(flow, f"{place} goes to", receiver)
            continue
        if not sender:
            raise ConfigurationError(f"{place} has one row, so it has no {receiver!r}")
        if sender != group:
            raise ConfigurationError(f"{place} is sent by {sender!r}, so it has no {receiver!r}")


def exists(flow: Declared, place: str, name: str) -> None:
    """A party, a group, or the network; `place` says what it is wanted for."""
    known = [*flow.parties, *(g.name for g in flow.groups), NETWORK]  # the network sees, and never acts
    if name not in known:
        raise ConfigurationError(
            f"{place} {name!r}, who is no party and no group of this flow",
            instead='write "neighbors in GRAPH" or "next in GROUP"'
            if " in " in name
            else checks.nearest(name, [*known, EVERYBODY, NOBODY]),
        )
