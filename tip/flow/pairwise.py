"""Pairwise-canceling noise on a graph: one bound for all agents, and for all coalitions.

Where each row is one agent's value plus noise of its own plus signed noise on the edges of a graph, the noise
has the covariance s I + w L, L the Laplacian of the graph between the agents that the coalition does not hold.
Three bounds follow, each for a unit change (docs/flow-spectral.md):

- *spectral*: for all agents of a given view, from a certified second eigenvalue and the moments of each row.
- *deletion*: for all coalitions of c agents in a given graph.
- *random graph*: for a coalition that was fixed before a k-out graph was drawn (`random_graphs`).

And always *everyone else*: an agent's own noise alone hides it, whoever knows the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow import random_graphs, spectral
from tip.flow.block_rules import hidden_inputs, shown_presence
from tip.flow.connectivity import Connectivity, closed_form, connectivity
from tip.flow.derivation import Node, Scalar
from tip.flow.gaussian_rule import gaussian_loss
from tip.flow.model import Law, Wiring
from tip.flow.outcomes import Outcome, gaussian, repeated, together
from tip.flow.seeing import Insiders
from tip.flow.seen import Seen, needed, seen, view_node
from tip.flow.shapes import message_shape
from tip.flow.view import blocks
from tip.privacy.coalitions import Chosen
from tip.privacy.rounding import lowered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from numpy.typing import NDArray

    from tip.flow.model import Graph
    from tip.flow.promises import Terms

    Agents = NDArray[np.int64]

_FAILURE: Final = 2.0**-40  # of a certificate by chance, at most
_SHARE: Final = 1e-3  # of the delta that is asked for, which a failure may take
_CLOSED: Final[dict[Wiring, Literal["complete", "ring", "path", "star"]]] = {
    Wiring.COMPLETE: "complete", Wiring.RING: "ring", Wiring.PATH: "path", Wiring.STAR: "star",
}  # fmt: skip
_LOOKED_AT: Final = 2  # agents of the largest bounds that are certified one by one


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A view of this form: the least own variance and the graph; each row's agent, the squared reach of its secret."""

    noise: spectral.Pairwise
    agent_of: Agents
    reach: Fraction


def form_of(block: Seen) -> Form | None:
    """The block as noise on a graph; None if it has another form."""
    view = block.view
    rows = view.B.shape[0]
    single = view.ring == 0 and block.laws == {Law.GAUSSIAN} and len(np.unique(view.secret_symbol)) == 1
    if not single or view.A.shape != (rows, rows) or view.A.nnz != rows or not (view.A.data == 1).all():
        return None
    if (np.diff(view.A.indptr) != 1).any() or len(np.unique(view.A.indices)) != rows:
        return None
    if len(np.unique(view.secret_agent)) != rows:  # several rounds of one agent: they have to be looked at together
        return None
    try:
        noise = spectral.pairwise(view.B, view.variances)
    except ConfigurationError:
        return None
    agent_of = view.secret_agent[view.A.indices]
    return Form(noise, agent_of, view.flow.secrets[int(view.secret_symbol[0])].squared_reach)


# -- all agents of one view ------------------------------------------------------------------------


def all_agents(found: tuple[Seen, ...], terms: Terms) -> tuple[int, Outcome] | None:
    """The spectral bound for every agent of a flow with one such block, and an agent near it."""
    form = form_of(found[0]) if len(found) == 1 else None
    if form is None or hidden_inputs(found[0].view.flow, found[0]) or shown_presence(found[0], terms):
        return None
    block = found[0]
    proven = connectivity(form.noise.graph, failure=_allowed(terms))
    bound = spectral.all_agents(form.noise, connected=proven)
    order = np.argsort(bound.bound)[::-1]
    looked_at = form.agent_of[order[:_LOOKED_AT]].tolist()
    outcomes = {agent: gaussian_loss(block, agent, view_node(block)) for agent in looked_at}
    exact = {agent: o.mu_squared for agent, o in outcomes.items() if o.mu_squared is not None}
    if not exact:
        return None
    agent = max(exact, key=lambda a: exact[a])
    beyond = [row for row in order.tolist() if int(form.agent_of[row]) not in exact]
    rest = Fraction(float(bound.bound[beyond[0]])) * form.reach if beyond else Fraction(0)
    worst, times = max(exact[agent], rest), block.view.times
    near = together([repeated(outcomes[agent], times)])
    numbers: dict[str, Scalar] = {
        "why": "spectral", "agents": len(order), "agent": agent, "mu_squared": worst * times,
        "failure": bound.failure, "connectivity": proven.bound,
    }  # fmt: skip
    says = f"one bound holds for all {len(order):,} agents; agent {agent} is certified to be near it"
    node = Node("every agent", says, numbers, (near.node,), "docs/flow-spectral.md")
    whole = gaussian(node, worst * times)
    return agent, Outcome(node, whole.event, "", whole.mu_squared, idealized=True, failure=bound.failure)


# -- all coalitions --------------------------------------------------------------------------------


def graph_bounds(
    terms: Terms, parties: frozenset[str], count: int, fixed: Agents
) -> Iterator[tuple[Agents, int, Outcome]]:
    """Bounds for every coalition of `count` agents (beside the fixed ones) in a flow of one pairwise block."""
    flow = terms.flow
    if not count or flow.reports or not flow.graphs or len(flow.groups) != 1 or terms.agent is not None:
        return
    try:
        views = [seen(flow, names, parties=parties, colluders=fixed) for names in blocks(flow)]
    except ConfigurationError:
        return
    found = [block for block in views if block.view.A.nnz or block.covered]
    form = form_of(found[0]) if len(found) == 1 else None
    if form is None or not _nothing_more(found[0], parties, fixed) or hidden_inputs(flow, found[0]):
        return
    if shown_presence(found[0], terms):
        return
    times, size = found[0].view.times, len(form.agent_of)
    nothing = spectral.after_deletion(size, form.noise.own, Connectivity(0.0, 0.0, ""), deleted=size - 1)
    yield _bound(
        fixed, "everyone else", "an agent's own noise alone hides it, whoever knows the rest", nothing, form, times
    )
    for why, says, connected, left in _connections(terms, form, count, fixed):
        yield _bound(fixed, why, says, spectral.after_deletion(left, form.noise.own, connected, deleted=0), form, times)


def _nothing_more(block: Seen, parties: frozenset[str], fixed: Agents) -> bool:
    """Whether further colluders would see no more rows, and know no noise but their own and that of their edges.

    All honest agents have a row, all messages that say more than others together are seen whole, each row's own noise
    is its agent's own, each noise that two rows share stands on their edge, and no group is told of any.
    """
    view, flow = block.view, block.view.flow
    group, graph = flow.groups[0], flow.graphs[0]
    insiders = Insiders(flow, parties, fixed)
    said = needed(flow, tuple(message.name for message in flow.messages), insiders)
    whole = all(
        len(insiders.seen(flow.message(name))) == message_shape(flow, flow.message(name)).members for name in said
    )
    if len(flow.graphs) != 1 or not whole or view.A.shape[0] != group.size - len(fixed):
        return False
    behind = frozenset[str]().union(*(flow.functions(flow.message(name)) for name in view.messages))
    noises = [flow.noises[symbol] for symbol in np.unique(view.noise_symbol).tolist()]
    return behind <= {"signed"} and all(noise.of in {group.name, graph.name} and not noise.known_to for noise in noises)


def _connections(terms: Terms, form: Form, count: int, fixed: Agents) -> Iterator[tuple[str, str, Connectivity, int]]:
    """Proven second eigenvalues of what any coalition leaves of the graph, and the number of agents left."""
    graph, weight = _one_graph(terms, form)
    if graph is None:
        return
    size, failure = len(form.agent_of), _allowed(terms)
    left, drawn = size - count, 0.0
    if left < 2:  # one agent has no neighbors left
        return
    if graph.wiring is Wiring.K_OUT and _fixed_before(terms) and not fixed.size:
        drawn = random_graphs.connectivity(agents=size, honest=left, picks=graph.picks, failure=failure)
    if drawn > max(0.0, _usual(graph) - count):
        says = f"the graph, drawn after the {count:,} colluders were fixed, connects all others but for a stated chance"
        yield "random graph", says, Connectivity(lowered(drawn * weight), failure, "matrix Chernoff bound"), left
        return
    if graph.wiring in _CLOSED and not fixed.size:
        whole = closed_form(_CLOSED[graph.wiring], size, weight)
    else:
        whole = connectivity(form.noise.graph, failure=failure)
    rest = lowered(whole.bound - count * weight, whole.bound, count * weight)
    if rest > 0:
        says = f"taking any {count:,} agents out of the graph leaves it well connected"
        yield "deletion", says, Connectivity(rest, whole.failure, whole.how), left


def _fixed_before(terms: Terms) -> bool:
    """Whether all who collude, or leave their noise out, were fixed before the graph was drawn."""
    return terms.coalition.chosen is Chosen.BEFORE_RANDOMNESS and not terms.silent and terms.delta > 0


def _usual(graph: Graph) -> float:
    """About the second eigenvalue of such a graph: which of two certificates by chance is used is settled beforehand.

    It depends on public numbers only. To try both and take the better one would cost the failures of both (law 7).
    """
    degree = 2 * graph.picks
    return degree - 2 * math.sqrt(degree)


def _one_graph(terms: Terms, form: Form) -> tuple[Graph | None, float]:
    """The graph behind the weights, and its one weight."""
    weights = np.unique(form.noise.graph.weights.data)
    if len(terms.flow.graphs) != 1 or len(weights) != 1:
        return None, 0.0
    return terms.flow.graphs[0], float(weights[0])


def _bound(
    fixed: Agents, why: str, says: str, bound: spectral.AllBound, form: Form, times: int
) -> tuple[Agents, int, Outcome]:  # fmt: skip
    squared = Fraction(bound.worst) * form.reach * times
    numbers: dict[str, Scalar] = {
        "why": why, "own_variance": form.noise.own, "mu_squared": squared, "times": times,
        "connectivity": bound.connectivity.bound, "failure": bound.failure, "left": len(bound.bound),
    }  # fmt: skip
    node = Node("every coalition", says, numbers, source="docs/flow-spectral.md")
    outcome = gaussian(node, squared)
    return fixed, -1, Outcome(node, outcome.event, "", squared, idealized=True, failure=bound.failure)


def _allowed(terms: Terms) -> float:
    """The failure probability that a certificate may have."""
    return min(_FAILURE, terms.delta * _SHARE) if terms.delta else _FAILURE
