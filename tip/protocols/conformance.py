"""Conformance: what was sent is what the flow says, no more and nothing else (law 21).

Three comparisons, each a list of `Discrepancy`, empty where all agrees:

1. `untold(protocol, flow)`: a protocol's messages, its table and its flow speak of the same fields, with the same
   receivers; what the table calls private is a message or a report of the flow, everything else a fact.
2. `discrepancies(protocol, flow, transcripts, recorded)`: every field that somebody received is declared for that
   party, and every private value is the one that the flow gives for the recorded secrets and noises, exactly and in
   the flow's ring. A sum that holds fewer than the flow's least, or that comes in a round without one, is found.
3. `varying(flow, one, other)`: two rounds that differ in secrets alone differ in private fields alone. What comes,
   to whom, in which order, how long each frame is and which frames do not decode are facts. A signature under a
   message that has a private field is a function of that message, and varies with it.

Resends, silent agents and rounds that were given up need no exception: each field of each copy is compared. For
an agent that deviates record its *effective input* (law 19): an update such that the flow gives what it really sent.
What it sends in another's name is found as a wrong value; it is no leak, and its fault names it. A frame that does
not decode is bytes that no flow tells: it is found unless its sender is recorded as one that deviates.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - `Recorded` is read at run time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.evaluation import evaluate
from tip.flow.expressions import calls, names
from tip.flow.model import EVERYBODY
from tip.protocols.core import COORDINATOR
from tip.protocols.declaring import AGENT, RELEASED, field_name
from tip.protocols.transcript import SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from tip.flow.model import Flow, Message, Noise, Secret
    from tip.protocols.codec import Table
    from tip.protocols.core import AgentId, Round, Sight, Vector
    from tip.protocols.core import Message as Sent
    from tip.protocols.transcript import Received, Transcript

    Array = NDArray[Any]

SIGNATURE: Final = "signature"  # the field of a message that is a function of all others
UNDECODED: Final = "undecoded"  # frames that did not decode: their number, ends and sizes


class Trouble(StrEnum):
    """What does not agree."""

    UNDECLARED = "undeclared"  # somebody saw it, and the flow does not say so
    UNTOLD = "untold"  # messages, table and flow speak of different fields
    VALUE = "value"  # a private field holds something else than the flow says
    FEWER = "fewer"  # a sum of fewer agents than the flow's least, or in a round without a sum
    VARIES = "varies"  # a fact depends on the data


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One field of one message, as one role sees it, that is not as the flow says. It holds no value."""

    trouble: Trouble
    role: str
    field: str
    why: str

    @property
    def text(self) -> str:
        """In words: who, which field, what is wrong."""
        return f"{self.role} sees {self.field}: {self.why}"


class Declared(Protocol):
    """A protocol's module, such as `tip.protocols.clear`: its messages and its table."""

    @property
    def TABLE(self) -> Table:  # noqa: N802 - the module's constant
        """Its messages."""

    @property
    def FLOW(self) -> tuple[Sight, ...]:  # noqa: N802 - the module's constant
        """Who sees what."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What really was, as a simulation knows it.

    `values`: secrets and noises by name, each `(rounds, members, dimension)` whole numbers. `present`: the protocol's
    number of each round, in the order of `values`, with the agents that were summed (none: given up). `released`: all
    that the coordinator gave out in a round, where that is a vector. `deviating`: parties that break the protocol; only
    their frames may be such that they do not decode. `report`: what the mechanism makes of the recorded answer and
    entropy of an agent in a round, for protocols with reports.
    """

    values: Mapping[str, NDArray[np.int64]] = field(repr=False)
    present: Mapping[Round, tuple[AgentId, ...]]
    released: Mapping[Round, tuple[Vector, ...]] = field(default_factory=dict, repr=False)
    deviating: frozenset[AgentId] = frozenset()
    report: Callable[[AgentId, Round], object] | None = None


def untold(protocol: Declared, flow: Flow) -> tuple[Discrepancy, ...]:
    """Where messages, table and flow do not speak of the same fields."""
    facts, private = _told(flow)
    found: dict[Discrepancy, None] = {}
    rows = {(row.party, field_name(row.message, row.field)): row.private for row in protocol.FLOW}
    for (party, name), secret in rows.items():
        if secret and (party not in private.get(name, ()) or name in facts):
            found[Discrepancy(Trouble.UNTOLD, party, name, "private in the table, and no message of the flow")] = None
        if not secret and (party not in facts.get(name, ()) or name in private):
            found[Discrepancy(Trouble.UNTOLD, party, name, "not private in the table, and no fact of the flow")] = None
    for name, parties in (facts | private).items():
        known = {party for party, told in rows if told == name}
        for party in sorted(parties - known - {EVERYBODY}):
            found[Discrepancy(Trouble.UNTOLD, party, name, "told by the flow, and not in the table")] = None
    for cls in protocol.TABLE.types.values():
        for own in (SIZE, *protocol.TABLE.fields(cls)):
            name = field_name(cls.__name__, own)
            if name not in facts and name not in private:
                found[Discrepancy(Trouble.UNTOLD, "somebody", name, "a field that the flow does not tell")] = None
    return tuple(found)


def discrepancies(
    protocol: Declared, flow: Flow, transcripts: Iterable[Transcript], recorded: Recorded
) -> tuple[Discrepancy, ...]:
    """All that was received and is not as the flow says, each kind once; `untold` first."""
    model = _Model(flow, recorded)
    found = dict.fromkeys(untold(protocol, flow))
    facts, private = _told(flow)
    for transcript in transcripts:
        for role, message, own in sorted(transcript.seen()):
            name = field_name(message, own)
            if role not in facts.get(name, ()) and role not in private.get(name, ()):
                found[Discrepancy(Trouble.UNDECLARED, role, name, "the flow does not declare it for this party")] = None
        strange = [to for to, sender, _ in transcript.undecoded if sender not in recorded.deviating]
        found |= {
            Discrepancy(Trouble.UNDECLARED, _role(to), UNDECODED, "bytes that are no message"): None for to in strange
        }
        for row in transcript.received:
            for own, value in row.fields():
                name = field_name(type(row.message).__name__, own)
                if name in private:
                    found |= dict.fromkeys(model.compare(_Value(row.role, name, row.message, value)))
    for number, vectors in recorded.released.items():
        given = (_Value(EVERYBODY, RELEASED, _Release(number), vector) for vector in vectors)
        found |= dict.fromkeys(wrong for value in given for wrong in model.compare(value))
    return tuple(found)


def varying(flow: Flow, one: Transcript, other: Transcript) -> tuple[Discrepancy, ...]:
    """Facts that differ between two rounds which differ in secrets alone."""
    private = _told(flow)[1]
    found: dict[Discrepancy, None] = {}
    why = "what comes, to whom and in which order depends on the data"
    if one.undecoded != other.undecoded:
        found[Discrepancy(Trouble.VARIES, "network", UNDECODED, why)] = None
    mine, theirs = list(map(_heading, one.received)), list(map(_heading, other.received))
    if mine != theirs:
        names = {row[2] for row in set(mine) ^ set(theirs)} or {row[2] for row in mine}
        return (*found, *(Discrepancy(Trouble.VARIES, "network", name, why) for name in sorted(names)))
    signed = {field_name(name.rpartition(".")[0], SIGNATURE) for name in private}
    for left, right in zip(one.received, other.received, strict=True):
        for (own, here), (_, there) in zip(left.fields(), right.fields(), strict=True):
            name = field_name(type(left.message).__name__, own)
            if name not in private and not _same(here, there) and not (own == SIGNATURE and name in signed):
                found[Discrepancy(Trouble.VARIES, left.role, name, "it depends on the data, so it is no fact")] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Release:
    """What the coordinator gave out, which is no message of the protocol."""

    round: Round
    sender: AgentId = COORDINATOR


@dataclass(frozen=True, slots=True, eq=False)
class _Value:
    """One private value, as one role got it."""

    role: str
    name: str
    message: Sent
    held: object = field(repr=False)

    def wrong(self, why: str, trouble: Trouble = Trouble.VALUE) -> Discrepancy:
        """The discrepancy of this value."""
        return Discrepancy(trouble, self.role, self.name, why)


@dataclass(frozen=True)
class _Model:
    """What the flow gives for what was recorded, worked out round by round."""

    flow: Flow
    recorded: Recorded

    def compare(self, value: _Value) -> Iterator[Discrepancy]:
        """Hold one private value against the model."""
        number, sender = value.message.round, value.message.sender
        if number not in self.recorded.present:
            yield value.wrong("it belongs to a round that was not recorded")
        elif value.name not in self.reports:
            yield from self._linear(value, self.flow.message(value.name))
        elif self.recorded.report is None:
            raise ConfigurationError(
                f"{value.name} is a report, and nothing says what the mechanism makes of an answer",
                instead="give Recorded a report",
            )
        elif not _same(value.held, self.recorded.report(sender, number)):
            yield value.wrong("not what the mechanism makes of the recorded answer")

    def _linear(self, value: _Value, message: Message) -> Iterator[Discrepancy]:
        number = value.message.round
        count, least = len(self.recorded.present[number]), max(self._leasts(message), default=0)
        if count < least:
            yield value.wrong(f"a sum in a round of {count} agents, and the flow says at least {least}", Trouble.FEWER)
            return
        said = self._said[message.name]
        rows = said[min(self._places[number], len(said) - 1)]
        member = value.message.sender if len(rows) > 1 else 0
        if not (0 <= member < len(rows) and np.array_equal(np.asarray(value.held), rows[member])):
            yield value.wrong("not what the flow gives for the recorded secrets and noises")

    def _leasts(self, message: Message) -> Iterator[int]:
        """The least members of each cohort that a message sums, through the messages that it speaks of."""
        arguments = {a for m in _behind(self.flow, message) for call in calls(m.says) for a in call.arguments}
        return (cohort.least for cohort in self.flow.cohorts if cohort.name in arguments)

    @cached_property
    def reports(self) -> frozenset[str]:
        """The names of the reports."""
        return frozenset(report.name for report in self.flow.reports)

    @cached_property
    def _places(self) -> dict[Round, int]:
        """Which round of the flow each of the protocol's rounds is."""
        return {number: place for place, number in enumerate(self.recorded.present)}

    @cached_property
    def _said(self) -> Mapping[str, Array]:
        """What every message says, `(rounds, members, dimension)`."""
        here = [np.asarray(agents, dtype=np.int64) for agents in self.recorded.present.values()]
        symbols: tuple[Secret | Noise, ...] = (*self.flow.secrets, *self.flow.noises)
        rounds = max((symbol.rounds for symbol in symbols), default=1)
        if len(here) > rounds:
            raise ConfigurationError(f"{len(here)} rounds were recorded, and the flow has {rounds}")
        here += [np.zeros(0, dtype=np.int64)] * (rounds - len(here))
        return evaluate(self.flow, self.recorded.values, {cohort.name: here for cohort in self.flow.cohorts})


def _behind(flow: Flow, message: Message) -> Iterator[Message]:
    """A message and all that it speaks of."""
    yield message
    spoken = set(names(message.says))
    for other in flow.messages:
        if other.name in spoken:
            yield from _behind(flow, other)


def _told(flow: Flow) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Facts and private fields, each with those that see it."""
    facts = {fact.name: frozenset(fact.to) for fact in flow.facts}
    private = {message.name: frozenset(message.to) for message in flow.messages}
    return facts, private | {report.name: frozenset(report.to) for report in flow.reports}


def _role(party: AgentId) -> str:
    """The role of a party that received nothing else."""
    return AGENT if party >= 0 else "coordinator" if party == COORDINATOR else f"party {party}"


def _heading(row: Received) -> tuple[int, str, str]:
    return row.party, row.role, type(row.message).__name__


def _same(one: object, other: object) -> bool:
    """Equality of two fields' values; a vector equals one of the same type and entries."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.array_equal(one, other)
    return one == other
