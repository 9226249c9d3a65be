"""Collusion: which cases stand for every coalition that a text allows.

"30% of agents" is not one coalition but every set of that many agents, and a guarantee holds against all
of them. A `Case` fixes who pools its view; a `Cover` is a set of cases that is enough, with the reason:

1. *named*: the coalition names all its members, or the caller does; there is one case.
2. *alike*: no message tells the members of a group apart (`tell_apart`), so a permutation of a group's members
   maps the view of one set to that of any other of the same sizes. Where several groups could hold the
   colluders, each holds as many as there can be: a larger coalition sees more (monotonicity), so this bounds all.
3. *each*: all sets of that size, one by one, where they are few.
4. *everyone else*: all other agents collude. Every coalition without the protected agent is within it, so by
   monotonicity it bounds them all, at any size and whenever they are chosen.

**Monotonicity.** The view of a coalition is a function of the view of any that contains it, so what the smaller
learns is post-processing of what the larger learns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.expressions import calls
from tip.flow.expressions import names as spoken
from tip.flow.model import NEIGHBORS, NEXT, Wiring
from tip.flow.shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tip.flow.model import Flow, Message, Report

    Agents = NDArray[np.int64]

MOST_SETS: Final = 4_000  # pairs of a coalition and a protected agent that are looked at one by one
MOST_AGENTS: Final = 512  # agents that are looked at one by one
_ALIKE: Final = frozenset({"sum", "mean", "previous", "so_far", "tree", "root", "apply", "last"})


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One set of colluders, sorted, and the agents that have to be looked at as protected ones; None: all others."""

    colluders: Agents
    protected: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """Cases that together bound every coalition, why they do, and how many colluders that is about."""

    why: str
    says: str
    cases: tuple[Case, ...]


def tell_apart(flow: Flow, names: tuple[str, ...] | None = None) -> str:
    """Empty if no message (of these names) tells the members of a group apart; else what does."""
    behind = {message.name for message in flow.messages} if names is None else _behind(flow, names)
    messages = tuple(message for message in flow.messages if message.name in behind)
    for message in messages:
        if told := _told_apart(flow, message):
            return told
    sent: tuple[Message | Report, ...] = (*messages, *(flow.reports if names is None else ()))
    for some in sent:
        for receiver in some.to:
            if receiver.startswith(NEXT):
                return f"{some.name!r} goes to the next member"
            if receiver.startswith(NEIGHBORS) and not _complete(flow, receiver.removeprefix(NEIGHBORS)):
                return f"{some.name!r} goes to the neighbors in a graph"
    return ""


def _told_apart(flow: Flow, message: Message) -> str:
    """What in a formula tells members apart; empty if nothing does.

    `signed` is +1 at the lower end of an edge: turned around, its noise has the same law, but a sum of all edges not.
    """
    edged = {graph.name for graph in flow.graphs}
    for call in calls(message.says):
        if call.function in {"signed", "mix", "gossip"}:
            graphs = [str(a) for a in call.arguments[:1]] or list(_graphs_of(flow, message))
            if not all(_complete(flow, graph) for graph in graphs):
                return f"message {message.name!r} follows a graph or a table"
        elif call.function in {"sum", "mean"} and shape(flow, call.of).over in edged:
            return f"message {message.name!r} adds noise on edges, which runs from the lower to the upper end"
        elif call.function not in _ALIKE:
            return f"message {message.name!r} passes from member to member"
    if not all(_complete(flow, graph) for graph in _graphs_of(flow, message)):  # who sits at how many of its edges?
        return f"message {message.name!r} holds noise on the edges of a graph"
    return ""


def _behind(flow: Flow, names: tuple[str, ...]) -> frozenset[str]:
    """These messages and all that they speak of."""
    known = {message.name: message for message in flow.messages}
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name in known and name not in found:
            found.add(name)
            waiting.extend(spoken(known[name].says))
    return frozenset(found)


def _graphs_of(flow: Flow, message: Message) -> Iterator[str]:
    """The graphs whose edge noise stands behind a message."""
    noises = {noise.name: noise.of for noise in flow.noises}
    graphs = {graph.name for graph in flow.graphs}
    return (noises[s] for s in flow.symbols(message) if noises.get(s) in graphs)


def _complete(flow: Flow, name: str) -> bool:
    return any(graph.name == name and graph.wiring is Wiring.COMPLETE for graph in flow.graphs)


# -- covers ---------------------------------------------------------------------------------------


def named(flow: Flow, colluders: Agents) -> Cover:
    """The one case of colluders who are all known."""
    known = np.unique(np.asarray(colluders, np.int64))
    if known.size and not 0 <= known[0] <= known[-1] < flow.enrolled:
        raise ConfigurationError(f"colluders are agents 0 to {flow.enrolled - 1}, not {known[0]} to {known[-1]}")
    if known.size >= flow.enrolled:
        raise ConfigurationError("all agents collude, and nobody is left to protect")
    protected = _first_of_each_kind(flow, known) if not tell_apart(flow) else None
    says = f"who colludes is known: {known.size:,} of {flow.enrolled:,} agents"
    return Cover("named", says, (Case(known, protected),))


def covers(flow: Flow, count: int, fixed: Agents) -> Iterator[Cover]:
    """The covers that apply to all coalitions of `count` agents besides the `fixed` ones, the sharpest first."""
    free = flow.enrolled - fixed.size
    if count >= free:
        raise ConfigurationError(
            f"{count + fixed.size:,} of {flow.enrolled:,} agents collude, and nobody is left to protect"
        )
    if not count:
        yield named(flow, fixed)
        return
    if not tell_apart(flow):
        yield _alike(flow, count, fixed)
        return
    if free * (free - count) <= MOST_SETS and math.comb(free, count) * (free - count) <= MOST_SETS:  # comb >= free
        yield _each(flow, count, fixed)
    if free <= MOST_AGENTS:
        yield _everyone_else(flow, fixed)


def about(flow: Flow, cover: Cover, agent: int) -> Cover:
    """The part of a cover that bounds what is learned about one agent."""
    outside = [case for case in cover.cases if not (case.colluders == agent).any()]
    if cover.why == "alike":
        group = next(g for g in flow.groups if 0 <= agent - flow.first_agent(g.name) < g.size)
        first = flow.first_agent(group.name)
        alike = [case for case in cover.cases if case.protected and first <= case.protected[0] < first + group.size]
        return replace(cover, cases=tuple(alike[:1]) or (Case(cover.cases[0].colluders[:0], (agent,)),))
    if cover.why == "everyone else":
        return replace(cover, cases=tuple(case for case in outside if case.protected == (agent,)))
    if not outside:
        raise ConfigurationError(f"agent {agent} colludes and is not protected")
    return replace(cover, cases=tuple(Case(case.colluders, (agent,)) for case in outside))


def _alike(flow: Flow, count: int, fixed: Agents) -> Cover:
    """For each kind of protected agent, as many colluders in each group as there can be: its last members."""
    cases = []
    for victim in _first_of_each_kind(flow, fixed):
        parts = [fixed]
        for group in flow.groups:
            first = flow.first_agent(group.name)
            free = _others(first, group.size, np.append(fixed, victim))
            parts.append(free[max(0, free.size - count) :])
        cases.append(Case(np.sort(np.concatenate(parts)), (victim,)))
    if not cases:
        cases.append(Case(fixed, ()))
    several = len(flow.groups) > 1
    says = f"no message tells members of a group apart: any {count:,} colluders are like any others"
    says += ", and each group is taken to hold as many of them as it can" if several else ""
    return Cover("alike", says, tuple(cases))


def _first_of_each_kind(flow: Flow, known: Agents) -> tuple[int, ...]:
    """The first honest member of each group that has a secret."""
    owners = {secret.of for secret in flow.secrets}
    found = []
    for group in flow.groups:
        first = flow.first_agent(group.name)
        honest = _others(first, group.size, known)
        if group.name in owners and honest.size:
            found.append(int(honest[0]))
    return tuple(found)


def _others(first: int, size: int, known: Agents) -> Agents:
    """The members of a group, by their index among all agents, that are not among the known."""
    free = np.ones(size, np.bool_)
    inside = known[(known >= first) & (known < first + size)] - first
    free[inside] = False
    return first + np.flatnonzero(free)


def _each(flow: Flow, count: int, fixed: Agents) -> Cover:
    free = np.setdiff1d(np.arange(flow.enrolled), fixed)
    cases = tuple(
        Case(np.unique(np.concatenate([fixed, np.array(chosen, np.int64)])), None)
        for chosen in combinations(free.tolist(), count)
    )
    return Cover("each", f"all {len(cases):,} coalitions of {count:,} agents were looked at one by one", cases)


def _everyone_else(flow: Flow, fixed: Agents) -> Cover:
    everybody = np.arange(flow.enrolled, dtype=np.int64)
    protected = np.setdiff1d(everybody, fixed).tolist()
    cases = tuple(Case(np.delete(everybody, agent), (agent,)) for agent in protected)
    return Cover("everyone else", "all other agents collude, which no coalition can exceed", cases)
