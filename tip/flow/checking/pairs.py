"""Pairs: the closed bounds for noise that cancels in pairs on a graph, for all coalitions of a size at once.

Each row is one agent's value with noise of its own, of variance at least s, and noise on edges that one end adds and
the other takes away: the noise has a covariance of at least s I + w L. What a coalition of c agents leaves of the
graph has m agents; if its second eigenvalue times w is at least l > 0, every one of them loses at most
1/(m s) + (1 - 1/m)/(s + l), and in any case at most 1/s.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.flow.checking import reached as results
from tip.flow.checking.blocks import refuse_hidden, refuse_unruly, sheets
from tip.flow.checking.refusal import count, exact, refuse, too_large, want, word
from tip.flow.model import Law, Wiring
from tip.privacy.coalitions import Chosen

if TYPE_CHECKING:
    from tip.flow.checking.reached import Reached
    from tip.flow.checking.sheets import Sheet
    from tip.flow.checking.watching import Crowd, Watch
    from tip.flow.derivation import Node
    from tip.privacy.coalitions import Coalition

_DENSE: Final = 2_100


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """The form: the least variance of own noise, the weight of each edge, the agents."""

    sheet: Sheet
    own: Fraction
    weights: dict[tuple[int, int], Fraction]

    @property
    def size(self) -> int:
        """How many agents there are."""
        return len(self.sheet.A)


def bound(node: Node, watch: Watch, coalition: Coalition) -> Reached:
    """What a step "every coalition" without premises proves: "everyone else", "deletion" or "random graph"."""
    rule, why = node.rule, word(node, "why")
    paired = _paired(watch, coalition, rule)
    wanted = int(coalition.fraction * watch.crowd.enrolled)
    left, own, linked = count(node, "left"), exact(node, "own_variance"), exact(node, "connectivity")
    failure = float(exact(node, "failure"))
    want(own > 0 and own <= paired.own, rule, f"the least own variance is {float(paired.own):.9g}")
    want(0 <= failure < 1 and linked >= 0, rule, "its failure and its connectivity are no such numbers")
    times = paired.sheet.times
    want(count(node, "times") == times, rule, f"an agent is charged for {times} rounds")
    size = paired.size
    if why == "everyone else":
        want(left == 1, rule, "one agent alone is outside the coalition")
        want(linked == 0, rule, "an agent alone is connected with nobody")
    else:
        want(1 <= left <= size - wanted, rule, f"the coalition leaves {size - wanted} of {size} agents")
        weight = _weight(paired, rule)
        if why == "deletion":
            _deletion(rule, paired, Fraction(linked) + (size - left) * weight)
        elif why == "random graph":
            _random(rule, watch, coalition, (linked / weight, left, failure))
        else:
            raise refuse(rule, f"{why!r} is no reason that is known")
    shown = min(1 / own, 1 / (left * own) + (1 - Fraction(1, left)) / (own + linked) if left > 1 else 1 / own)
    reach = paired.sheet.secret(0).squared_reach
    stated = exact(node, "mu_squared")
    want(
        stated >= shown * reach * times,
        rule,
        f"mu^2 = {float(stated):.9g} does not follow",
        f"{float(shown * reach * times):.9g} does",
    )
    found = results.gaussian(stated)
    return results.Reached(found.event, stated, idealized=True, failure=failure)


def _paired(watch: Watch, coalition: Coalition, rule: str) -> Paired:
    """The flow's one block, if it has the form and no agent sees more of it than the world does."""
    flow = watch.crowd.flow
    want(len(flow.groups) == 1 and not flow.reports, rule, "its bound is for one group, without reports")
    _nothing_inside(watch.crowd, watch, rule)
    found = sheets(watch)
    want(len(found) == 1, rule, "its bound is for one block of messages")
    some = found[0]
    refuse_hidden(found, watch)
    refuse_unruly(some, watch, coalition)
    want(some.laws() == {Law.GAUSSIAN} and not some.ring, rule, "its bound is for Gaussian noise of real numbers")
    single = all(len(row) == 1 and set(row.values()) == {1} for row in some.A) and len(some.A) == len(some.secrets)
    one_each = len(set(some.agent_of)) == len(some.secrets) == len({next(iter(row)) for row in some.A})
    want(single and one_each, rule, "its bound is for rows of one agent's value each, one for each agent")
    want(len(some.A) == watch.crowd.enrolled - len(watch.agents), rule, "its bound is for a row of every agent")
    return _weighed(some, rule)


def _nothing_inside(crowd: Crowd, watch: Watch, rule: str) -> None:
    """An agent that joins learns its own numbers and nothing else that is not seen already."""
    names = set(crowd.size)
    for noise in crowd.flow.noises:
        want(not names & set(noise.known_to), rule, f"agents are told noise {noise.name!r}")
    for message in crowd.flow.messages:
        rows = crowd.size.get(message.by, 1)
        whole = all(watch.sees(message, i) for i in range(rows))
        inside = message.by in names or any(r in names or " in " in r for r in message.to)
        want(whole or not inside, rule, f"agents see more of {message.name!r} than the coalition was taken to see")


def _weighed(some: Sheet, rule: str) -> Paired:
    """The strengths of own and of paired noise; other noise is left out, which is sound."""
    holders: dict[int, list[tuple[int, Fraction]]] = defaultdict(list)
    for row, entries in enumerate(some.B):
        for column, entry in entries.items():
            holders[column].append((row, Fraction(entry)))
    variances = some.variances()
    own = [Fraction(0)] * len(some.B)
    weights: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for column, held in holders.items():
        strength = held[0][1] ** 2 * variances[column]
        if len(held) == 1:
            own[held[0][0]] += strength
        elif len(held) == 2 and held[0][1] == -held[1][1]:
            weights[held[0][0], held[1][0]] += strength
    want(min(own) > 0, rule, "a row has no noise of its own")
    return Paired(some, min(own), dict(weights))


def _weight(paired: Paired, rule: str) -> Fraction:
    """The one weight of all edges."""
    found = set(paired.weights.values())
    want(len(found) == 1, rule, "its bound is for edges of one weight")
    return found.pop()


def _deletion(rule: str, paired: Paired, needed: Fraction) -> None:
    """The whole graph's second eigenvalue is at least what is needed: LAPACK's, less its possible error."""
    size = paired.size
    if size > _DENSE:
        raise too_large(f"the eigenvalues of a graph of {size:,} agents")
    laplacian = np.zeros((size, size))
    for (i, j), weight in paired.weights.items():
        laplacian[i, j] -= float(weight)
        laplacian[j, i] -= float(weight)
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))
    values = np.linalg.eigvalsh(laplacian)
    second = float(values[1]) + 16 * size * 2.0**-52 * float(values[-1])
    want(needed <= second, rule, f"needs a second eigenvalue of {float(needed):.9g}", f"the graph's is {second:.9g}")


def _random(rule: str, watch: Watch, coalition: Coalition, claim: tuple[Fraction, int, float]) -> None:
    """The theorem of docs/flow-rules.md: P[lambda_2 < (1 - x) m/2] <= (h - 1)(e^-x/(1 - x)^(1 - x))^(m/2)."""
    second, honest, failure = claim
    graphs = watch.crowd.flow.graphs
    drawn = len(graphs) == 1 and graphs[0].wiring is Wiring.K_OUT
    want(drawn and not watch.agents, rule, "its bound is for one graph drawn at random, and for nobody known before")
    want(coalition.chosen is Chosen.BEFORE_RANDOMNESS, rule, "the coalition was not fixed before the graph was drawn")
    mean = 2 * graphs[0].picks * honest / (watch.crowd.enrolled - 1)
    x = 1 - 2 * float(second) / mean
    want(0 < x < 1 and honest >= 2 and failure > 0, rule, "its theorem says nothing here")
    chance = math.log(honest - 1) if honest > 1 else 0.0
    chance += -mean / 2 * (x + (1 - x) * math.log1p(-x))
    want(chance <= math.log(failure), rule, f"the theorem's failure is e^{chance:.6g}, more than {failure:.3g}")
