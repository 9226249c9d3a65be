"""The reasoner: from a flow and a coalition to a proven guarantee, or to what is missing.

`derive` goes five steps, each a rule of docs/flow-rules.md and a node of the derivation:

1. Which cases stand for every coalition of the text (`collusion`)? The sharpest cover that applies is taken, and where
   several apply the least result.
2. What does that coalition see of each block of messages that share no noise (`seen`)?
3. What does each block show about one agent (`block_rules`)? Real Gaussian noise by its witnesses, whole-number noise
   by its own rules, reports by their ratios, masks by what they leave.
4. Which agent is worst off (`worst`)?
5. What does all of it come to: epsilon at a stated delta (`promises`)?

Nothing is made up on the way: what has no rule ends as "not proven", with the rule named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.coherence import coalition_names
from tip.flow.collusion import Case, Cover, about, covers, named, tell_apart
from tip.flow.derivation import Derivation, Node
from tip.flow.model import Flow
from tip.flow.pairwise import graph_bounds
from tip.flow.promises import Terms, loss_of, promise, worst_of
from tip.flow.seeing import members_of
from tip.flow.worst import worst_agent
from tip.privacy.coalitions import Coalition
from tip.privacy.rounding import raised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from tip.flow.outcomes import Outcome
    from tip.privacy.guarantees import Assumption, Status

    Agents = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one cover comes to: the worst case's colluders and agent, and the outcome with its step."""

    colluders: Agents
    agent: int
    outcome: Outcome


def derive(  # noqa: PLR0913 - the public door: each of these changes what is asked
    flow: Flow,
    against: str | Coalition,
    *,
    delta: float,
    colluders: Sequence[int] | Agents | None = None,
    agent: int | None = None,
    silent: int = 0,
    failure: float = 0.0,
    assumptions: tuple[Assumption, ...] = (),
    status: Status | None = None,
    scope: str = "",
) -> Derivation:
    """The guarantee of a flow against one coalition, with its proof.

    `against`: a `Coalition` or its text, which may name parties of the flow, groups of one, and members as `group.i`.
    `delta`: the whole delta that may be spent, 0 for pure guarantees. `colluders`: indices of the agents that collude,
    where they are known (a simulation, an audit): the claim is then about them alone. `agent`: the claim is about this
    agent alone, else about every one. `silent`: so many agents' noise counts for nobody even where fewer collude
    (law 4). `failure`: the probability, part of `delta`, that the flow is not what really happens, whatever the data
    (law 7). `assumptions`, `status`, `scope`: what the caller knows better than the flow; what is left out follows
    from it.

    Raises `ConfigurationError` for requests that mean nothing. What has no rule is a derivation that is "not proven".
    """
    if not isinstance(flow, Flow):
        raise ConfigurationError(f"what is derived is about a Flow, not about a {type(flow).__name__}")
    coalition = _coalition(flow, against)
    parties, fixed = members_of(flow, coalition)
    terms = Terms(flow, coalition, delta, silent=silent, known=colluders is not None, agent=agent, failure=failure)
    candidates = list(_found(terms, parties, fixed, colluders))
    best = _least(candidates, terms)
    guarantee, root = promise(best.outcome, terms, assumptions=assumptions, status=status, scope=scope)
    return Derivation(flow, coalition, best.colluders, best.agent, guarantee, root)


def _coalition(flow: Flow, against: str | Coalition) -> Coalition:
    if isinstance(against, Coalition):
        return against
    if not isinstance(against, str):
        raise ConfigurationError(f"a coalition is a text or a Coalition, not {against!r}")
    return Coalition.parse(against, names=coalition_names(flow, against))


def _found(
    terms: Terms, parties: frozenset[str], fixed: Agents, colluders: Sequence[int] | Agents | None
) -> Iterator[Found]:
    """What each cover that applies comes to; never empty."""
    flow = terms.flow
    if terms.agent is not None and (fixed == terms.agent).any():
        raise ConfigurationError(f"agent {terms.agent} colludes and is not protected")
    if colluders is not None:
        if terms.coalition.fraction:
            raise ConfigurationError(
                f'who colludes is said twice, as a share in "{terms.coalition.text}" and by name',
                why="A share is every set of so many agents, and these are one of them",
                instead='leave the share out, for example against = "world"',
            )
        pooled = np.unique(_indices(colluders))
        if terms.silent > len(pooled):
            raise ConfigurationError(
                f"{terms.silent} agents are silent, and {len(pooled)} colluders are known",
                instead="name those that are silent among the colluders",
            )
        yield _of_cover(terms, parties, named(flow, np.union1d(fixed, pooled)))
        return
    count = max(int(terms.coalition.fraction * flow.enrolled), terms.silent)
    apart = bool(tell_apart(flow))
    bounds = [Found(*found) for found in graph_bounds(terms, parties, count, fixed)] if apart else []
    known = bool(bounds)
    yield from bounds
    for cover in covers(flow, count, fixed):
        if cover.why != "everyone else" or not known:
            known = True
            yield _of_cover(terms, parties, cover)
    if not known:
        missing = f"a bound over all coalitions of {count:,} agents in a flow that tells its members apart"
        yield Found(fixed, -1, terms.unproven("every coalition", missing))


def _indices(colluders: Sequence[int] | Agents) -> Agents:
    """Colluders as whole numbers; `named` tests whether there are such agents."""
    found = np.asarray(colluders)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise ConfigurationError("colluders are the indices of agents, whole numbers")
    return found.astype(np.int64)


def _of_cover(terms: Terms, parties: frozenset[str], cover: Cover) -> Found:
    """The worst case of a cover."""
    cover = cover if terms.agent is None else about(terms.flow, cover, terms.agent)
    results = [_of_case(terms, parties, case) for case in cover.cases]
    index, outcome = worst_of([found.outcome for found in results], terms)
    worst = results[index]
    step = Node(
        "every coalition",
        cover.says,
        {"why": cover.why, "cases": len(cover.cases), "colluders": int(worst.colluders.size)},
        (outcome.node,),
        "docs/flow-rules.md, every coalition",
    )
    return Found(worst.colluders, worst.agent, outcome.under(step))


def _of_case(terms: Terms, parties: frozenset[str], case: Case) -> Found:
    agent, outcome = worst_agent(terms, parties, case.colluders, case.protected)
    return Found(case.colluders, agent, outcome)


def _least(candidates: list[Found], terms: Terms) -> Found:
    """The best of several bounds. One that may fail was chosen among all that may, so all may fail (law 7)."""
    together = min(1.0, raised(math.fsum(found.outcome.failure for found in candidates)))
    fair = [
        replace(found, outcome=replace(found.outcome, failure=together)) if found.outcome.failure else found
        for found in candidates
    ]
    return min(fair, key=lambda found: loss_of(found.outcome, terms))
