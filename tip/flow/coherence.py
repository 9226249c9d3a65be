"""Coherence: a flow whose names, shapes and channels fit together, or a refusal that says what does not.

What is checked here needs the whole flow; single parts check themselves. Nothing is said about privacy: an
incoherent flow means nothing, an unprotected one means "not proven".

Every refusal is `Unfit` and carries the path of what does not fit, in the words of the flow language
("messages", "sum", "says"): `tip.flow.language` finds the line of the text by it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.expressions import DEEPEST, LONGEST, calls, depth, names, write
from tip.flow.model import (
    EVERYBODY,
    NEIGHBORS,
    NEXT,
    NOBODY,
    Aim,
    Ball,
    Choice,
    Cohort,
    Fact,
    Flow,
    Graph,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Report,
    Requirement,
    Secret,
    Table,
    Wiring,
)
from tip.flow.numbers import MOST_BITS, keepable
from tip.flow.shapes import Shape, over, shape
from tip.privacy.coalitions import COORDINATOR, NETWORK, WORLD, Coalition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.locating import Path

MOST_PARTS: Final = 2_000  # of each kind: groups are numbers, so a flow of a million agents has few parts
MOST_PICKS: Final = 50_000_000  # of a k-out graph, which has to be drawn
_TAKEN: Final = (WORLD, NETWORK, EVERYBODY, NOBODY)
_KINDS: Final[dict[str, type]] = {  # the field of a flow -> what stands in it
    "groups": Group, "parties": str, "graphs": Graph, "tables": Table, "cohorts": Cohort, "secrets": Secret,
    "noises": Noise, "messages": Message, "reports": Report, "facts": Fact, "requirements": Requirement, "aims": Aim,
}  # fmt: skip


class Unfit(ConfigurationError):
    """Something of a flow that does not fit; `path` is its place in the flow's text."""

    def __init__(self, error: ConfigurationError, path: Path) -> None:
        self.path = path
        super().__init__(error.what, where=error.where, why=error.why, instead=error.instead)


def check(flow: Flow) -> None:
    """Raise `Unfit` for the first thing that does not fit."""
    with _at():
        _kinds(flow)
        _names(flow)
    for path, number in _numbers(flow):
        if not keepable(number):
            with _at(*path):
                raise ConfigurationError(f"numbers have at most {MOST_BITS} bits above and below the line")
    for graph in flow.graphs:
        with _at("graphs", graph.name):
            _graph(flow, graph)
    for cohort in flow.cohorts:
        with _at("cohorts", cohort.name):
            _cohort(flow, cohort)
    for secret in flow.secrets:
        with _at("secrets", secret.name, "of"):
            flow.group(secret.of)
    for noise in flow.noises:
        with _at("noises", noise.name):
            _noise(flow, noise)
    _messages(flow)
    for report in flow.reports:
        with _at("reports", report.name):
            _report(flow, report)
    for fact in flow.facts:
        with _at("facts", fact.name, "to"):
            _receivers(flow, f"fact {fact.name!r}", fact.to, "")
    _wishes(flow)


def coalition_names(flow: Flow, text: str) -> list[str]:
    """The names that a coalition may state in this flow: parties, groups of one, and members `group.i` that exist."""
    members = []
    sizes = {g.name: g.size for g in flow.groups}
    for part in text.removesuffix(" (adaptive)").split(" + "):
        group, _, index = part.rpartition(".")
        number = int(index) if index.isascii() and index.isdecimal() and len(index) < 10 else -1
        if group in sizes and 0 <= number < sizes[group] and str(number) == index:
            members.append(part)
    return [*(p for p in flow.parties if p != COORDINATOR), *flow.members_named(), *members]


@contextmanager
def _at(*path: str | int) -> Iterator[None]:
    """What is refused inside is refused for this part of the flow, unless something inside knows better."""
    try:
        yield
    except Unfit:
        raise
    except ConfigurationError as error:
        raise Unfit(error, path) from error


# -- names and numbers ----------------------------------------------------------------------------


def _kinds(flow: Flow) -> None:
    with _at("name"):
        checks.text("the name of a flow", flow.name)
    with _at("about"):
        if flow.about != "":
            checks.text("what a flow is about", flow.about)
    for part, kind in _KINDS.items():
        values = getattr(flow, part)
        if len(values) > MOST_PARTS:
            raise ConfigurationError(f"a flow has at most {MOST_PARTS:,} {part}, not {len(values):,}")
        for value in values:
            if not isinstance(value, kind):
                raise ConfigurationError(f"{part} of a flow are each a {kind.__name__}, not {value!r}")


def _names(flow: Flow) -> None:
    """Whoever acts has one name; whatever a formula may speak of has one name."""
    if not flow.groups:
        raise ConfigurationError(f"the flow {flow.name!r} has no agents", instead="declare at least one group")
    for party in flow.parties:
        with _at("parties"):
            checks.name("a party", party)
    actors: list[Path] = [("agents", g.name) for g in flow.groups]
    actors += [("parties", p) for p in flow.parties] + [("graphs", g.name) for g in flow.graphs]
    values: list[Path] = [("tables", t.name) for t in flow.tables]
    for kind in ("cohorts", "secrets", "noises", "messages", "reports"):
        values += [(kind, part.name) for part in getattr(flow, kind)]
    for known in (actors, values, [("facts", f.name) for f in flow.facts]):
        seen: set[str | int] = set()
        for path in known:
            with _at(*path):
                if path[1] in seen:
                    raise ConfigurationError(f"the flow {flow.name!r} uses the name {path[1]!r} twice")
                seen.add(path[1])
    for path in actors:
        with _at(*path):
            if path[1] in _TAKEN:
                raise ConfigurationError(
                    f"{path[1]!r} has a meaning of its own and is no name for a group, graph or party"
                )


def _numbers(flow: Flow) -> Iterator[tuple[Path, Fraction]]:
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


def _graph(flow: Flow, graph: Graph) -> None:
    with _at("graphs", graph.name, "over"):
        size = flow.group(graph.over).size
        if size < 2:
            raise ConfigurationError(f"graph {graph.name!r} is over a group of one")
    if any(j >= size for _, j in graph.edges):
        raise ConfigurationError(f"graph {graph.name!r} has an edge beyond its {size} members")
    if graph.wiring is Wiring.K_OUT:
        with _at("graphs", graph.name, "picks"):
            if graph.picks >= size:
                raise ConfigurationError(
                    f"{graph.picks} picks among {size - 1} others", instead=f"at most {size - 1} picks"
                )
            if graph.picks * size > MOST_PICKS:
                raise ConfigurationError(f"{size:,} members with {graph.picks} picks each are too many to be drawn")


def _cohort(flow: Flow, cohort: Cohort) -> None:
    with _at("cohorts", cohort.name, "of"):
        size = flow.group(cohort.of).size
    with _at("cohorts", cohort.name, "least"):
        if cohort.least > size:
            raise ConfigurationError(f"cohort {cohort.name!r} wants more members than {cohort.of!r} has")


def _noise(flow: Flow, noise: Noise) -> None:
    with _at("noises", noise.name, "of"):
        over(flow, noise.of)
    with _at("noises", noise.name, "known_to"):
        for party in noise.known_to:
            _exists(flow, f"noise {noise.name!r} is known to", party)


# -- what is said ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Spoken:
    """What has been declared when a message speaks: it grows from message to message."""

    names: set[str]
    arguments: tuple[str, ...]
    choices: dict[str, int]
    masks: set[str]
    shapes: dict[str, Shape] = field(default_factory=dict)


def _messages(flow: Flow) -> None:
    spoken = _Spoken(
        {*(s.name for s in flow.secrets), *(n.name for n in flow.noises)},
        (*(g.name for g in flow.graphs), *(t.name for t in flow.tables), *(c.name for c in flow.cohorts)),
        {s.name: s.domain.categories for s in flow.secrets if isinstance(s.domain, Choice)},
        {n.name for n in flow.noises if n.law is Law.UNIFORM},
    )
    for message in flow.messages:
        with _at("messages", message.name, "says"):
            _formula(message, spoken)
            spoken.shapes[message.name] = shape(flow, message.says, spoken.shapes)
            _summable(flow, message, spoken)
        with _at("messages", message.name, "by"):
            _sender(flow, message, spoken.shapes[message.name])
        with _at("messages", message.name, "to"):
            _receivers(flow, f"message {message.name!r}", message.to, spoken.shapes[message.name].over)
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


def _sender(flow: Flow, message: Message, form: Shape) -> None:
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


def _summable(flow: Flow, message: Message, spoken: _Spoken) -> None:
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


def _report(flow: Flow, report: Report) -> None:
    with _at("reports", report.name, "secret"):
        secret = flow.secret(report.secret)
    with _at("reports", report.name, "rounds"):
        if secret.rounds not in {1, report.rounds}:
            raise ConfigurationError(f"report {report.name!r} has {report.rounds} rounds, its secret {secret.rounds}")
    with _at("reports", report.name, "shuffled_by"):
        if report.shuffled_by and report.shuffled_by not in flow.parties:
            raise ConfigurationError(
                f"report {report.name!r} is shuffled by {report.shuffled_by!r}, who is no party",
                instead=checks.nearest(report.shuffled_by, flow.parties),
            )
    with _at("reports", report.name, "least"):
        if report.least > flow.group(secret.of).size:
            raise ConfigurationError(f"report {report.name!r} mixes more reports than there are agents")
    with _at("reports", report.name, "to"):
        _receivers(flow, f"report {report.name!r}", report.to, over(flow, secret.of)[0])


def _receivers(flow: Flow, place: str, to: tuple[str, ...], sender: str) -> None:
    """Everybody, nobody, parties, groups; neighbors and followers of those who send, if they are a group."""
    for receiver in to:
        if receiver in {EVERYBODY, NOBODY}:
            continue
        if receiver.startswith(NEIGHBORS):
            group = flow.graph(receiver.removeprefix(NEIGHBORS)).over
        elif receiver.startswith(NEXT):
            group = flow.group(receiver.removeprefix(NEXT)).name
        else:
            _exists(flow, f"{place} goes to", receiver)
            continue
        if not sender:
            raise ConfigurationError(f"{place} has one row, so it has no {receiver!r}")
        if sender != group:
            raise ConfigurationError(f"{place} is sent by {sender!r}, so it has no {receiver!r}")


def _exists(flow: Flow, place: str, name: str) -> None:
    known = [*flow.parties, *(g.name for g in flow.groups), NETWORK]  # the network sees, and never acts
    if name not in known:
        raise ConfigurationError(
            f"{place} {name!r}, who is no party and no group of this flow",
            instead='write "neighbors in GRAPH" or "next in GROUP"'
            if " in " in name
            else checks.nearest(name, [*known, EVERYBODY, NOBODY]),
        )


# -- what is wanted -------------------------------------------------------------------------------


def _wishes(flow: Flow) -> None:
    for place, requirement in enumerate(flow.requirements):
        with _at("requirements", place, "against"):
            Coalition.parse(requirement.against, names=coalition_names(flow, requirement.against))
    for place, aim in enumerate(flow.aims):
        with _at("aims", place, "error_of"):
            flow.message(aim.error_of)
