"""Covers: which coalitions and agents have to be looked at, argued again from the flow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Final

from tip.flow.checking.refusal import count, too_large, want, word
from tip.flow.expressions import Added, Applied, Expression, Scaled, Symbol, calls
from tip.flow.expressions import names as symbols
from tip.flow.model import NEIGHBORS, NEXT, Wiring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tip.flow.checking.watching import Crowd
    from tip.flow.derivation import Node
    from tip.flow.model import Flow, Message, Noise, Report, Secret
    from tip.privacy.coalitions import Coalition

_SYMMETRIC: Final = {"sum", "mean", "previous", "so_far", "tree", "root", "apply", "last"}
_WEIGHTED: Final = {"mix", "gossip"}
_MOST: Final = 3_000


@dataclass(frozen=True, slots=True)
class Case:
    """A coalition and the agents that it must not learn more about."""

    colluders: frozenset[int]
    agents: tuple[int, ...]


def tells_apart(flow: Flow, names: Sequence[str] | None = None) -> str:
    """Empty if a permutation of a group's members maps what is sent to what is sent; else what does not.

    `names`: of these messages alone, and of all that they speak of.
    """
    uneven = {graph.name for graph in flow.graphs if graph.wiring is not Wiring.COMPLETE}
    complete = {graph.name for graph in flow.graphs} - uneven
    drawn = {noise.name for noise in flow.noises if noise.of in uneven}
    said = [m for m in flow.messages if names is None or m.name in behind(flow, names)]
    for message in said:
        if drawn & set(flow.symbols(message)):
            return f"message {message.name!r} holds noise that is drawn on a graph"
        for call in calls(message.says):
            if call.function in {"sum", "mean"} and _over(flow, call.of) in uneven | complete:
                return f"message {message.name!r} adds noise on edges, which has a direction"
            weighted = call.function in _WEIGHTED and str(call.arguments[0]) in complete
            if call.function not in _SYMMETRIC and call.function != "signed" and not weighted:
                return f"message {message.name!r} treats members by their place"
    parts: tuple[Message | Report, ...] = (*said, *(flow.reports if names is None else ()))
    for part in parts:
        for receiver in part.to:
            if receiver.startswith(NEXT) or receiver.removeprefix(NEIGHBORS) in uneven:
                return f"{part.name!r} goes to members by their place"
    return ""


def _over(flow: Flow, formula: Expression) -> str:
    """The group or the graph that a formula has a row for each member of; "" for one row."""
    match formula:
        case Symbol(name):
            said = {message.name: message.says for message in flow.messages}
            both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
            return _over(flow, said[name]) if name in said else next(s.of for s in both if s.name == name)
        case Scaled(_, of):
            return _over(flow, of)
        case Added(parts):
            return _over(flow, parts[0])
        case Applied(function, of):
            inner = _over(flow, of)
            if function == "signed":
                return flow.graph(inner).over
            return "" if function in {"sum", "mean"} else inner


def behind(flow: Flow, names: Sequence[str]) -> set[str]:
    """These messages and all that they speak of."""
    spoken = {message.name: message for message in flow.messages}
    found = list(names)
    for name in found:
        found += [other for other in symbols(spoken[name].says) if other in spoken and other not in found]
    return set(found)


def alike_in(flow: Flow, crowd: Crowd, colluders: frozenset[int]) -> tuple[int, ...]:
    """The first honest member of each group that has a secret."""
    found = []
    owners = {secret.of for secret in flow.secrets}
    for name, size in crowd.size.items():
        if name in owners:
            honest = [i for i in range(crowd.first[name], crowd.first[name] + size) if i not in colluders]
            found += honest[:1]
    return tuple(found)


def everybody(crowd: Crowd, colluders: frozenset[int]) -> tuple[int, ...]:
    """All honest agents that stand for all others: one of each group where members are alike."""
    if not tells_apart(crowd.flow):
        return alike_in(crowd.flow, crowd, colluders)
    return tuple(agent for agent in crowd.owners() if agent not in colluders)


def cases(node: Node, crowd: Crowd, coalition: Coalition, fixed: frozenset[int], stated: Case) -> Iterator[Case]:
    """All cases that a step "every coalition" has to bound, its own among them; refused where its argument fails."""
    why, rule = word(node, "why"), node.rule
    colluders = stated.colluders
    want(fixed <= colluders, rule, "leaves out agents that the coalition names")
    want(count(node, "colluders") == len(colluders), rule, f"there are {len(colluders)} colluders in the case computed")
    wanted = int(coalition.fraction * crowd.enrolled)
    if why == "named":
        want(count(node, "cases") == 1, rule, "names one coalition")
        yield Case(colluders, everybody(crowd, colluders))
    elif why == "alike":
        yield from _alike(node, crowd, wanted, fixed, colluders)
    elif why == "each":
        size = len(colluders - fixed)
        want(size >= wanted, rule, f"looks at {size} colluders, and the coalition may have {wanted}")
        free = sorted(set(range(crowd.enrolled)) - fixed)
        number = comb(len(free), size)
        if number > _MOST:
            raise too_large(f"{number:,} coalitions")
        want(count(node, "cases") == number, rule, f"there are {number} coalitions")
        for chosen in combinations(free, size):
            some = fixed | set(chosen)
            yield Case(some, everybody(crowd, some))
    elif why == "everyone else":
        honest = [agent for agent in range(crowd.enrolled) if agent not in fixed]
        want(count(node, "cases") == len(honest), rule, f"there are {len(honest)} agents to protect")
        want(len(colluders) == crowd.enrolled - 1, rule, "one agent alone is outside the coalition")
        owners = set(crowd.owners())
        for agent in honest:
            yield Case(frozenset(range(crowd.enrolled)) - {agent}, (agent,) if agent in owners else ())
    else:
        want(holds=False, step=rule, what=f"{why!r} is no reason that is known")


def _alike(node: Node, crowd: Crowd, wanted: int, fixed: frozenset[int], colluders: frozenset[int]) -> Iterator[Case]:
    """For each kind of protected agent as many colluders in every group as it can hold."""
    apart = tells_apart(crowd.flow)
    want(not apart, node.rule, "the flow tells members of a group apart", apart)
    per_group = max(
        (
            len([a for a in colluders - fixed if first <= a < first + crowd.size[name]])
            for name, first in crowd.first.items()
        ),
        default=0,
    )
    number = max(wanted, per_group)
    victims = alike_in(crowd.flow, crowd, fixed)
    want(count(node, "cases") == len(victims), node.rule, f"there are {len(victims)} kinds of agents")
    found = []
    for victim in victims:
        some = set(fixed)
        for name, first in crowd.first.items():
            free = [a for a in range(first, first + crowd.size[name]) if a not in fixed and a != victim]
            some |= set(free[max(0, len(free) - number) :])
        found.append(Case(frozenset(some), (victim,)))
    want(
        any(case.colluders == colluders for case in found),
        node.rule,
        "the colluders are not as many as the coalition may have, in each group",
    )
    yield from found
