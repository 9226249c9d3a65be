"""Building: a flow in Python, part by part, with the keys of the flow language.

    flow = (
        FlowBuilder("mean", about="Five people and their mean.")
        .agents(person=5)
        .party("coordinator")
        .secret("answer", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
        .noise("share", of="person", law="gaussian", deviation="1/2")
        .message("sent", by="person", says="answer + share", to="coordinator")
        .require(against="coordinator", epsilon=1, delta="1e-6")
        .build()
    )

Numbers are whole numbers, fractions, texts such as "1/3", or floats, which stand for the decimal that Python prints.
Keys, defaults and errors are those of the text: both go through `tip.flow.parts`. Each part is made at once, so a
mistake is refused on the line of the program that makes it; what needs the whole flow is refused by `build`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Self, TypeAlias, TypedDict

from tip.flow import parts
from tip.flow.entries import Entry
from tip.flow.model import Secret
from tip.flow.vocabulary import LISTED, NAMED, SIZE
from tip.locating import Places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from tip.flow.model import Aim, Flow, Group, Report, Requirement

Number: TypeAlias = int | float | str | Fraction
Names: TypeAlias = "str | Sequence[str]"


class _GraphKeys(TypedDict, total=False):
    picks: int
    seed: int
    edges: Sequence[tuple[int, int]]


class _CohortKeys(TypedDict, total=False):
    sampling: str
    rate: Number


class _SecretKeys(TypedDict, total=False):
    range: tuple[Number, Number]
    norm: Number
    squared_norm: Number
    choices: int
    dimension: int
    whole: bool
    rounds: int
    participations: int


class _NoiseKeys(TypedDict, total=False):
    variance: Number
    deviation: Number
    scale: Number
    rounds: int
    known_to: Names


class _ReportKeys(TypedDict, total=False):
    ratio: Number
    truth: Number
    rounds: int
    shuffled_by: str
    least: int


class FlowBuilder:
    """Gathers the parts of a flow; every method returns the builder. The order of calls is the order in the flow."""

    def __init__(self, name: str, about: str) -> None:
        self._name, self._about = name, about
        self._groups: list[Group] = []
        self._parties: list[str] = []
        self._parts: dict[str, list[parts.Part]] = {kind: [] for kind in parts.MAKERS}
        self._reports: list[Report] = []
        self._requirements: list[Requirement] = []
        self._aims: list[Aim] = []

    def agents(self, **sizes: int) -> Self:
        """Groups of agents and their sizes: `agents(patient=4000)`."""
        entry = Entry(("agents",), sizes, dict.fromkeys(sizes, SIZE), Places())
        self._groups += [parts.group(entry, name) for name in sizes]
        return self

    def party(self, *names: str) -> Self:
        """Parties beside the agents."""
        self._parties += names
        return self

    def graph(self, name: str, *, over: str, wiring: str, **keys: Unpack[_GraphKeys]) -> Self:
        """A graph over a group: complete, ring, path, star, k-out (picks, seed) or given (edges)."""
        return self._add("graphs", name, {"over": over, "wiring": wiring, **keys})

    def table(self, name: str, rows: Sequence[Sequence[Number]]) -> Self:
        """A small matrix of exact numbers."""
        return self._add("tables", name, {"rows": rows})

    def cohort(self, name: str, *, of: str, least: int, **keys: Unpack[_CohortKeys]) -> Self:
        """Those of a group whose values a sum holds; with sampling="poisson" also a rate."""
        return self._add("cohorts", name, {"of": of, "least": least, **keys})

    def secret(self, name: str, *, of: str, neighboring: str, adaptive: bool, **keys: Unpack[_SecretKeys]) -> Self:
        """What each agent of a group holds: one of range, norm, squared_norm and choices says what it can be."""
        return self._add("secrets", name, {"of": of, "neighboring": neighboring, "adaptive": adaptive, **keys})

    def noise(self, name: str, *, of: str, law: str, **keys: Unpack[_NoiseKeys]) -> Self:
        """Noise of a group's members, a graph's edges or a party: variance, deviation or scale says how large."""
        return self._add("noises", name, {"of": of, "law": law, **keys})

    def message(self, name: str, *, by: str, says: str, to: Names, ring: int = 0) -> Self:
        """A message, its formula, and who sees it."""
        return self._add("messages", name, {"by": by, "says": says, "to": to, "ring": ring})

    def report(self, name: str, *, secret: str, to: Names, **keys: Unpack[_ReportKeys]) -> Self:
        """Each agent's answer, changed by chance: ratio, or truth for a secret of choices, says how much."""
        entry = _entry("reports", name, {"secret": secret, "to": to, **keys})
        secrets = [part for part in self._parts["secrets"] if isinstance(part, Secret)]
        self._reports.append(parts.report(entry, secrets))
        return self

    def fact(self, name: str, *, to: Names, what: str) -> Self:
        """A field that somebody sees and that depends on nobody's secret."""
        return self._add("facts", name, {"to": to, "what": what})

    def require(self, *, against: str, epsilon: Number, delta: Number) -> Self:
        """What has to hold against a coalition."""
        values = {"against": against, "epsilon": epsilon, "delta": delta}
        self._requirements.append(parts.requirement(_entry("requirements", len(self._requirements), values)))
        return self

    def minimize_error_of(self, message: str, *, weight: Number = 1) -> Self:
        """Part of the objective of planning."""
        return self._aim({"error_of": message, "weight": weight})

    def minimize_bytes(self, *, weight: Number = 1) -> Self:
        """Part of the objective of planning: a weight for each byte that is sent."""
        return self._aim({"bytes": True, "weight": weight})

    def build(self) -> Flow:
        """The flow, checked as a whole."""
        fields = {
            "name": self._name,
            "about": self._about,
            "groups": tuple(self._groups),
            "parties": tuple(self._parties),
            "reports": tuple(self._reports),
            "requirements": tuple(self._requirements),
            "aims": tuple(self._aims),
            **{kind: tuple(found) for kind, found in self._parts.items()},
        }
        return parts.flow(fields, Places())

    def _aim(self, values: Mapping[str, object]) -> Self:
        self._aims.append(parts.aim(_entry("aims", len(self._aims), values)))
        return self

    def _add(self, kind: str, name: str, values: Mapping[str, object]) -> Self:
        self._parts[kind].append(parts.MAKERS[kind](_entry(kind, name, values)))
        return self


def _entry(kind: str, name: str | int, values: Mapping[str, object]) -> Entry:
    return Entry.of((kind, name), dict(values), NAMED.get(kind) or LISTED[kind], Places())
