"""What is declared: all parts of a flow as one value, with ways to find them.

Apart from `tip.flow.model`, so that the rules which check a whole flow need not know the class that they check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.actors import Cohort, Graph, Group, Table
from tip.flow.expressions import calls, names
from tip.flow.hidden import Noise, Secret
from tip.flow.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.flow.messages import Aim, Fact, Report, Requirement


@dataclass(frozen=True, slots=True)
class Declared:
    """All parts of a flow, and how they are found; `tip.flow.model.Flow` is this, checked as a whole."""

    name: str
    about: str
    groups: tuple[Group, ...]
    parties: tuple[str, ...] = ()
    graphs: tuple[Graph, ...] = ()
    tables: tuple[Table, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    secrets: tuple[Secret, ...] = ()
    noises: tuple[Noise, ...] = ()
    messages: tuple[Message, ...] = ()
    reports: tuple[Report, ...] = ()
    facts: tuple[Fact, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    aims: tuple[Aim, ...] = ()

    @property
    def enrolled(self) -> int:
        """N: all agents of all groups."""
        return sum(group.size for group in self.groups)

    def group(self, name: str) -> Group:
        """The group of this name."""
        return _find(self.groups, name, "group")

    def graph(self, name: str) -> Graph:
        """The graph of this name."""
        return _find(self.graphs, name, "graph")

    def table(self, name: str) -> Table:
        """The table of this name."""
        return _find(self.tables, name, "table")

    def cohort(self, name: str) -> Cohort:
        """The cohort of this name."""
        return _find(self.cohorts, name, "cohort")

    def secret(self, name: str) -> Secret:
        """The secret of this name."""
        return _find(self.secrets, name, "secret")

    def noise(self, name: str) -> Noise:
        """The noise of this name."""
        return _find(self.noises, name, "noise")

    def message(self, name: str) -> Message:
        """The message of this name."""
        return _find(self.messages, name, "message")

    def first_agent(self, group: str) -> int:
        """The index of a group's first member among all agents."""
        first = 0
        for known in self.groups:
            if known.name == group:
                return first
            first += known.size
        raise ConfigurationError(f"the flow {self.name!r} has no group {group!r}")

    def symbols(self, message: Message) -> tuple[str, ...]:
        """The secrets and noises behind a message, through all messages that it speaks of; each once, sorted."""
        return tuple(sorted({name for m in self._behind(message) for name in names(m.says)} - self._spoken()))

    def functions(self, message: Message) -> frozenset[str]:
        """The functions behind a message, through all messages that it speaks of."""
        return frozenset(call.function for m in self._behind(message) for call in calls(m.says))

    def _spoken(self) -> set[str]:
        return {message.name for message in self.messages}

    def _behind(self, message: Message) -> list[Message]:
        """A message and all that it speaks of, each once."""
        known = {m.name: m for m in self.messages}
        found, seen = [message], {message.name}
        for place in found:  # grows while it is walked
            for name in names(place.says):
                if name in known and name not in seen:
                    seen.add(name)
                    found.append(known[name])
        return found

    def members_named(self) -> Iterator[str]:
        """The names of agents that a coalition may state besides parties: groups of one."""
        return (group.name for group in self.groups if group.size == 1)


_Part = TypeVar("_Part", Group, Graph, Table, Cohort, Secret, Noise, Message)


def _find(parts: tuple[_Part, ...], name: str, what: str) -> _Part:
    for part in parts:
        if part.name == name:
            return part
    raise ConfigurationError(f"the flow has no {what} {name!r}", instead=checks.nearest(name, [p.name for p in parts]))
