"""Coherence: a flow whose names, shapes and channels fit together, or a refusal that says what does not.

What is checked here needs the whole flow; single parts check themselves. Nothing is said about privacy: an
incoherent flow means nothing, an unprotected one means "not proven".

Every refusal carries the path of what does not fit, in the words of the flow language
("messages", "sum", "says"): `tip.flow.language` finds the line of the text by it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.actors import Cohort, Graph, Group, Table, Wiring
from tip.flow.hidden import Ball, Interval, Noise, Secret
from tip.flow.messages import EVERYBODY, NOBODY, Aim, Fact, Message, Report, Requirement
from tip.flow.numbers import MOST_BITS, keepable
from tip.flow.saying import check_messages, exists, receivers
from tip.flow.shapes import over
from tip.flow.unfit import at
from tip.privacy.coalitions import COORDINATOR, NETWORK, WORLD, Coalition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.flow.declared import Declared
    from tip.locating import Path

MOST_PARTS: Final = 2_000  # of each kind: groups are numbers, so a flow of a million agents has few parts
MOST_PICKS: Final = 50_000_000  # of a k-out graph, which has to be drawn
_TAKEN: Final = (WORLD, NETWORK, EVERYBODY, NOBODY)
_KINDS: Final[dict[str, type]] = {  # the field of a flow -> what stands in it
    "groups": Group, "parties": str, "graphs": Graph, "tables": Table, "cohorts": Cohort, "secrets": Secret,
    "noises": Noise, "messages": Message, "reports": Report, "facts": Fact, "requirements": Requirement, "aims": Aim,
}  # fmt: skip


def check(flow: Declared) -> None:
    """Raise `ConfigurationError` for the first thing that does not fit."""
    with at():
        _kinds(flow)
        _names(flow)
    for path, number in _numbers(flow):
        if not keepable(number):
            with at(*path):
                raise ConfigurationError(f"numbers have at most {MOST_BITS} bits above and below the line")
    for graph in flow.graphs:
        with at("graphs", graph.name):
            _graph(flow, graph)
    for cohort in flow.cohorts:
        with at("cohorts", cohort.name):
            _cohort(flow, cohort)
    for secret in flow.secrets:
        with at("secrets", secret.name, "of"):
            flow.group(secret.of)
    for noise in flow.noises:
        with at("noises", noise.name):
            _noise(flow, noise)
    check_messages(flow)
    for report in flow.reports:
        with at("reports", report.name):
            _report(flow, report)
    for fact in flow.facts:
        with at("facts", fact.name, "to"):
            receivers(flow, f"fact {fact.name!r}", fact.to, "")
    _wishes(flow)


def coalition_names(flow: Declared, text: str) -> list[str]:
    """The names that a coalition may state in this flow: parties, groups of one, and members `group.i` that exist."""
    members = []
    sizes = {g.name: g.size for g in flow.groups}
    for part in text.removesuffix(" (adaptive)").split(" + "):
        group, _, index = part.rpartition(".")
        number = int(index) if index.isascii() and index.isdecimal() and len(index) < 10 else -1
        if group in sizes and 0 <= number < sizes[group] and str(number) == index:
            members.append(part)
    return [*(p for p in flow.parties if p != COORDINATOR), *flow.members_named(), *members]


# -- names and numbers ----------------------------------------------------------------------------


def _kinds(flow: Declared) -> None:
    with at("name"):
        checks.text("the name of a flow", flow.name)
    with at("about"):
        if flow.about != "":
            checks.text("what a flow is about", flow.about)
    for part, kind in _KINDS.items():
        values = getattr(flow, part)
        if len(values) > MOST_PARTS:
            raise ConfigurationError(f"a flow has at most {MOST_PARTS:,} {part}, not {len(values):,}")
        for value in values:
            if not isinstance(value, kind):
                raise ConfigurationError(f"{part} of a flow are each a {kind.__name__}, not {value!r}")


def _names(flow: Declared) -> None:
    """Whoever acts has one name; whatever a formula may speak of has one name."""
    if not flow.groups:
        raise ConfigurationError(f"the flow {flow.name!r} has no agents", instead="declare at least one group")
    for party in flow.parties:
        with at("parties"):
            checks.name("a party", party)
    actors: list[Path] = [("agents", g.name) for g in flow.groups]
    actors += [("parties", p) for p in flow.parties] + [("graphs", g.name) for g in flow.graphs]
    values: list[Path] = [("tables", t.name) for t in flow.tables]
    for kind in ("cohorts", "secrets", "noises", "messages", "reports"):
        values += [(kind, part.name) for part in getattr(flow, kind)]
    for known in (actors, values, [("facts", f.name) for f in flow.facts]):
        seen: set[str | int] = set()
        for path in known:
            with at(*path):
                if path[1] in seen:
                    raise ConfigurationError(f"the flow {flow.name!r} uses the name {path[1]!r} twice")
                seen.add(path[1])
    for path in actors:
        with at(*path):
            if path[1] in _TAKEN:
                raise ConfigurationError(
                    f"{path[1]!r} has a meaning of its own and is no name for a group, graph or party"
                )


def _numbers(flow: Declared) -> Iterator[tuple[Path, Fraction]]:
    """All exact numbers of a flow, beside those in formulas, with their places."""
    for table in flow.tables:
        yield from ((("tables", table.name, "rows"), entry) for row in table.rows for entry in row)
    for cohort in flow.cohorts:
        yield ("cohorts", cohort.name, "rate"), cohort.rate or Fraction(0)
    for secret in flow.secrets:
        match secret.domain:
            case Interval(low, high):
                yield from ((("secrets", secret.name, "range"), end) for end in (low, high))
            case Ball(squared):
                yield ("secrets", secret.name, "squared_norm"), squared
    for noise in flow.noises:
        yield ("noises", noise.name, "variance"), noise.variance or noise.scale or Fraction(0)
    for report in flow.reports:
        yield ("reports", report.name, "ratio"), report.ratio
    for place, aim in enumerate(flow.aims):
        yield ("aims", place, "weight"), aim.weight


# -- who and what hides ---------------------------------------------------------------------------


def _graph(flow: Declared, graph: Graph) -> None:
    with at("graphs", graph.name, "over"):
        size = flow.group(graph.over).size
        if size < 2:
            raise ConfigurationError(f"graph {graph.name!r} is over a group of one")
    if any(j >= size for _, j in graph.edges):
        raise ConfigurationError(f"graph {graph.name!r} has an edge beyond its {size} members")
    if graph.wiring is Wiring.K_OUT:
        with at("graphs", graph.name, "picks"):
            if graph.picks >= size:
                raise ConfigurationError(
                    f"{graph.picks} picks among {size - 1} others", instead=f"at most {size - 1} picks"
                )
            if graph.picks * size > MOST_PICKS:
                raise ConfigurationError(f"{size:,} members with {graph.picks} picks each are too many to be drawn")


def _cohort(flow: Declared, cohort: Cohort) -> None:
    with at("cohorts", cohort.name, "of"):
        size = flow.group(cohort.of).size
    with at("cohorts", cohort.name, "least"):
        if cohort.least > size:
            raise ConfigurationError(f"cohort {cohort.name!r} wants more members than {cohort.of!r} has")


def _noise(flow: Declared, noise: Noise) -> None:
    with at("noises", noise.name, "of"):
        over(flow, noise.of)
    with at("noises", noise.name, "known_to"):
        for party in noise.known_to:
            exists(flow, f"noise {noise.name!r} is known to", party)


# -- what is said and wanted ----------------------------------------------------------------------


def _report(flow: Declared, report: Report) -> None:
    with at("reports", report.name, "secret"):
        secret = flow.secret(report.secret)
    with at("reports", report.name, "rounds"):
        if secret.rounds not in {1, report.rounds}:
            raise ConfigurationError(f"report {report.name!r} has {report.rounds} rounds, its secret {secret.rounds}")
    with at("reports", report.name, "shuffled_by"):
        if report.shuffled_by and report.shuffled_by not in flow.parties:
            raise ConfigurationError(
                f"report {report.name!r} is shuffled by {report.shuffled_by!r}, who is no party",
                instead=checks.nearest(report.shuffled_by, flow.parties),
            )
    with at("reports", report.name, "least"):
        if report.least > flow.group(secret.of).size:
            raise ConfigurationError(f"report {report.name!r} mixes more reports than there are agents")
    with at("reports", report.name, "to"):
        receivers(flow, f"report {report.name!r}", report.to, over(flow, secret.of)[0])


# -- what is wanted -------------------------------------------------------------------------------


def _wishes(flow: Declared) -> None:
    for place, requirement in enumerate(flow.requirements):
        with at("requirements", place, "against"):
            Coalition.parse(requirement.against, names=coalition_names(flow, requirement.against))
    for place, aim in enumerate(flow.aims):
        with at("aims", place, "error_of"):
            if not aim.bytes:
                flow.message(aim.error_of)
