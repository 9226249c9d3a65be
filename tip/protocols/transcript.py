"""Transcript: every field that every party received in a round, and its end.

Conformance (law 21) compares it with the protocol's own table: a field that somebody saw and that
the table does not declare is a leak nobody has thought about. Vectors do not print.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tip.protocols.core import Body

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tip.protocols.core import AgentId, Fault, Message, Vector

SIZE: Final = "(size)"  # the length of a frame: a field that every message has


@dataclass(frozen=True, slots=True)
class Received:
    """One message as one party got it, with its vectors and the length of its frame."""

    party: AgentId
    role: str
    message: Message
    vectors: Mapping[bytes, Vector] = field(repr=False)
    size: int

    def fields(self) -> Iterator[tuple[str, object]]:
        """Every field and what stood in it; a body's value is its vector."""
        yield SIZE, self.size
        for name in self.message.__dataclass_fields__:  # type: ignore[attr-defined] # messages are data classes
            value = getattr(self.message, name)
            yield name, self.vectors[value.digest] if isinstance(value, Body) else value


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that all parties received, in the order of arrival; frames that did not decode by size."""

    received: tuple[Received, ...]
    undecoded: tuple[tuple[AgentId, AgentId, int], ...]

    def seen(self) -> frozenset[tuple[str, str, str]]:
        """The fields `(role, message, field)` that somebody saw; the network saw every frame's size."""
        rows = [(row.role, type(row.message).__name__, name) for row in self.received for name, _ in row.fields()]
        return frozenset(rows) | {("network", message, name) for _, message, name in rows if name == SIZE}

    def of(self, party: AgentId) -> tuple[Received, ...]:
        """What one party received."""
        return tuple(row for row in self.received if row.party == party)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a round ended: the ring sum of the survivors' vectors, or None and the reason."""

    total: Vector | None
    survivors: tuple[AgentId, ...]
    faults: tuple[Fault, ...]
    reason: str
    transcript: Transcript = field(repr=False)
