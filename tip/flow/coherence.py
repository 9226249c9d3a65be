"""Coherence: a flow whose names, shapes and channels fit together, or a refusal that says what does not.

What is checked here needs the whole flow; single parts check themselves. Nothing is said about privacy: an
incoherent flow means nothing, an unprotected one means "not proven".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.flow.expressions import calls, names
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Choice, Law, Wiring
from tip.flow.shapes import message_shape, over
from tip.privacy.coalitions import COORDINATOR, NETWORK, WORLD, Coalition

if TYPE_CHECKING:
    from tip.flow.model import Cohort, Flow, Graph, Message, Noise, Report

_TAKEN = (WORLD, NETWORK, EVERYBODY, NOBODY)


def check(flow: Flow) -> None:
    """Raise `ConfigurationError` for the first thing that does not fit."""
    _names(flow)
    for graph in flow.graphs:
        _graph(flow, graph)
    for cohort in flow.cohorts:
        _cohort(flow, cohort)
    for secret in flow.secrets:
        flow.group(secret.of)
    for noise in flow.noises:
        _noise(flow, noise)
    for message in flow.messages:
        _message(flow, message)
    for report in flow.reports:
        _report(flow, report)
    for fact in flow.facts:
        _receivers(flow, f"fact {fact.name!r}", fact.to)
    for requirement in flow.requirements:
        Coalition.parse(requirement.against, names=coalition_names(flow, requirement.against))
    for aim in flow.aims:
        flow.message(aim.error_of)


def coalition_names(flow: Flow, text: str) -> list[str]:
    """The names that a coalition may state in this flow: parties, groups of one, and members `group.i` that exist."""
    members = []
    for part in text.removesuffix(" (adaptive)").split(" + "):
        group, _, index = part.rpartition(".")
        sizes = {g.name: g.size for g in flow.groups}
        if group in sizes and index.isdecimal() and int(index) < sizes[group] and str(int(index)) == index:
            members.append(part)
    return [*(p for p in flow.parties if p != COORDINATOR), *flow.members_named(), *members]


def _names(flow: Flow) -> None:
    """Whoever acts has one name; whatever a formula may speak of has one name."""
    if not isinstance(flow.name, str) or not flow.name:
        raise ConfigurationError("a flow has a name")
    if not flow.groups:
        raise ConfigurationError(f"the flow {flow.name!r} has no agents", instead="declare at least one group")
    for party in flow.parties:
        checks.name("a party", party)
    actors = [*(g.name for g in flow.groups), *flow.parties, *(g.name for g in flow.graphs)]
    values = [*(s.name for s in flow.secrets), *(n.name for n in flow.noises), *(m.name for m in flow.messages)]
    values += [*(r.name for r in flow.reports), *(t.name for t in flow.tables), *(c.name for c in flow.cohorts)]
    for known in (actors, values, [f.name for f in flow.facts]):
        repeated = sorted(name for name, count in Counter(known).items() if count > 1)
        if repeated:
            raise ConfigurationError(f"the flow {flow.name!r} uses the name {repeated[0]!r} twice")
    for name in actors:
        if name in _TAKEN:
            raise ConfigurationError(f"{name!r} has a meaning of its own and is no name for a group, graph or party")


def _graph(flow: Flow, graph: Graph) -> None:
    size = flow.group(graph.over).size
    if size < 2:
        raise ConfigurationError(f"graph {graph.name!r} is over a group of one")
    if any(j >= size for _, j in graph.edges):
        raise ConfigurationError(f"graph {graph.name!r} has an edge beyond its {size} members")
    if graph.wiring is Wiring.K_OUT and graph.picks >= size:
        raise ConfigurationError(f"{graph.picks} picks among {size - 1} others", instead=f"at most {size - 1} picks")


def _cohort(flow: Flow, cohort: Cohort) -> None:
    if cohort.least > flow.group(cohort.of).size:
        raise ConfigurationError(f"cohort {cohort.name!r} wants more members than {cohort.of!r} has")


def _noise(flow: Flow, noise: Noise) -> None:
    over(flow, noise.of)
    for party in noise.known_to:
        _exists(flow, f"noise {noise.name!r}", party)


def _message(flow: Flow, message: Message) -> None:
    """What a message says is known before it, has one row for each that sends it, and fits its receivers."""
    place = f"message {message.name!r}"
    earlier = flow.messages[: flow.messages.index(message)]
    known = [*(s.name for s in flow.secrets), *(n.name for n in flow.noises), *(m.name for m in earlier)]
    for name in names(message.says):
        if name not in known:
            raise ConfigurationError(
                f"{place} speaks of {name!r}, which is no secret, no noise and no earlier message",
                instead=checks.nearest(name, known),
            )
    for call in calls(message.says):
        for argument in call.arguments:
            _argument_exists(flow, place, argument)
    form = message_shape(flow, message)
    sender = over(flow, message.by)
    if form.over != sender[0]:
        raise ConfigurationError(
            f"{place} is sent by {message.by!r}, and what it says is a value "
            + (f"for each of {form.over!r}" if form.over else "of one row"),
            instead="a group sends a row for each member, a party sends one row: sum(...) makes one of many",
        )
    for name in flow.symbols(message):
        _summable(flow, message, name)
    _receivers(flow, place, message.to)
    for receiver in message.to:
        if receiver.startswith((NEIGHBORS, NEXT)) and not form.over:
            raise ConfigurationError(f"{place} has one row, so it has no {receiver!r}")


def _argument_exists(flow: Flow, place: str, argument: str | int) -> None:
    if isinstance(argument, int):
        if not 1 <= argument <= 10_000:
            raise ConfigurationError(f"{place} asks for {argument} rounds", instead="1 to 10,000")
        return
    known = [*(g.name for g in flow.graphs), *(t.name for t in flow.tables), *(c.name for c in flow.cohorts)]
    if argument not in known:
        raise ConfigurationError(
            f"{place} speaks of {argument!r}, which is no graph, table or cohort",
            instead=checks.nearest(argument, known),
        )


def _summable(flow: Flow, message: Message, name: str) -> None:
    """A choice is reported, not added; a mask wants the ring that it is uniform over."""
    for secret in flow.secrets:
        if secret.name == name and isinstance(secret.domain, Choice):
            raise ConfigurationError(
                f"message {message.name!r} adds {name!r}, which is one of {secret.domain.categories} answers",
                instead="use a report, or a ball of squared_norm 1 with a coordinate for each answer",
            )
    for noise in flow.noises:
        if noise.name == name and noise.law is Law.UNIFORM and not message.ring:
            raise ConfigurationError(f"message {message.name!r} adds the mask {name!r} outside a ring")


def _report(flow: Flow, report: Report) -> None:
    secret = flow.secret(report.secret)
    if secret.rounds not in {1, report.rounds}:
        raise ConfigurationError(f"report {report.name!r} has {report.rounds} rounds, its secret {secret.rounds}")
    if report.shuffled_by and report.shuffled_by not in flow.parties:
        raise ConfigurationError(f"report {report.name!r} is shuffled by {report.shuffled_by!r}, who is no party")
    if report.least > flow.group(secret.of).size:
        raise ConfigurationError(f"report {report.name!r} mixes more reports than there are agents")
    _receivers(flow, f"report {report.name!r}", report.to)


def _receivers(flow: Flow, place: str, to: tuple[str, ...]) -> None:
    for receiver in to:
        if receiver in {EVERYBODY, NOBODY}:
            continue
        if receiver.startswith(NEIGHBORS):
            flow.graph(receiver.removeprefix(NEIGHBORS))
        elif receiver.startswith(NEXT):
            flow.group(receiver.removeprefix(NEXT))
        else:
            _exists(flow, place, receiver)


def _exists(flow: Flow, place: str, name: str) -> None:
    known = [*flow.parties, *(g.name for g in flow.groups), NETWORK]  # the network sees, and never acts
    if name not in known:
        raise ConfigurationError(
            f"{place} goes to {name!r}, who is no party and no group of this flow",
            instead=checks.nearest(name, known),
        )
