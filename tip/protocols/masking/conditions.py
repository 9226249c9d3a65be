"""The conditions under which a masked round keeps its promises.

Each function returns an upper bound of the base-2 logarithm of a failure probability; docs/masking-parameters.md proves
them. n = agents invited, c = corrupt ones, fixed before the graph is drawn, m = minimum that agents insist on (rosters,
survivor sets, consents), d = holders an agent has, t = threshold, h = n - c, Hyp(N, K, d) = marked among d of N drawn
without replacement, K of them marked.

Against a malicious coordinator, graph `drawn` (each agent its own holders, by a seed committed to before the roster):

    E1'  h P[Hyp(m-1, c, d) >= 2t-d]                                     both secrets of one agent
    Q    h C(v, s) / C(m, s),  v = floor((n+c)/2)                        two survivor sets
    E2'  sum_{a=1}^{h/2} C(h, a) P[Hyp(max(m, 2a+c)-1, a-1+c, d) >= t]^a  a small part is opened
    E4   sum_{r>l} C(h, r) C(h-r, q) P[Hyp(n-1, r, d) = 0]^q,  q = max(m-c-r, r+1)
                                                                         more than l honest survivors left out

Against a curious one, graph `ring` (degree d, permuted by chance), B = c + n - m:

    E1   h P[Hyp(m-1, c, d) >= t]                                        both secrets of one agent
    E2   C(n, 2) C(B, d) / C(n, d)                                       two gaps of d/2 cut the ring

For both, E3: n P[Hyp(n-1, drop-outs, d) > d-t], an agent that lacks the holders it needs although all are honest.
In the complete graph E1 is a matter of counting, and there is nothing to cut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.protocols.masking.candidates import Coordinator, Graph
from tip.protocols.masking.tails import log2_binomial, log2_none, log2_sum, log2_tail, log2_tails

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.protocols.masking.candidates import Shape

NEVER: Final = -math.inf  # the logarithm of a failure that cannot happen


def privacy_failures(p: Shape) -> dict[str, float]:
    """log2 of the bound of each privacy condition's failure in one round, by the condition's name."""
    if p.coordinator is Coordinator.CURIOUS:
        return {"E1": curious_secrets(p), "E2": ring_cut(p)}
    return {"E1'": both_secrets(p), "Q": two_sets(p), "E2'": small_part(p), "E4": left_out(p)[1]}


def log2_failure(p: Shape) -> float:
    """log2 of the bound that some privacy condition fails in one round."""
    return min(0.0, log2_sum(list(privacy_failures(p).values())))


def both_secrets(p: Shape) -> float:
    """E1': some honest agent has so many corrupt holders that two views could give both of its secrets."""
    return _holders_at_least(p, 2 * p.threshold - p.degree)


def curious_secrets(p: Shape) -> float:
    """E1: some honest agent has a threshold of corrupt holders."""
    return _holders_at_least(p, p.threshold)


def _holders_at_least(p: Shape, least: int) -> float:
    """log2 of honest agents x P[at least so many corrupt holders], in the smallest roster, where it is likeliest."""
    if least > min(p.corrupt, p.degree):
        return NEVER
    if p.graph is Graph.COMPLETE or least <= 0 or p.degree >= p.minimum:
        return 0.0
    tail = log2_tails(p.minimum - 1, min(p.corrupt, p.minimum - 1), p.degree)[least]
    return min(0.0, math.log2(p.honest_invited) + float(tail))


def two_sets(p: Shape) -> float:
    """Q: some honest agent accepts a survivor set that at most half of all possible signers signed."""
    valid = (p.agents + p.corrupt) // 2
    if valid >= p.minimum:
        return 0.0
    if p.samples > valid:
        return NEVER
    passes = log2_none(p.minimum, p.minimum - valid, p.samples)
    return min(0.0, math.log2(p.honest_invited) + float(passes))


def small_part(p: Shape) -> float:
    """E2': some honest set of at most half the honest agents has a threshold of holders in itself and the corrupt."""
    honest = p.honest_invited
    if p.graph is Graph.COMPLETE or honest < 2:
        return NEVER
    if p.degree >= p.minimum:  # unchecked parameters: the smallest roster has too few holders for a draw
        return 0.0
    sizes = np.arange(1, honest // 2 + 1)
    population = np.maximum(p.minimum, 2 * sizes + p.corrupt) - 1
    tails = log2_tail(population, np.minimum(sizes - 1 + p.corrupt, population), p.degree, p.threshold)
    return min(0.0, log2_sum(log2_binomial(honest, sizes) + sizes * tails))


def left_out(p: Shape) -> tuple[int, float]:
    """E4: the least l, and log2 of the failure, such that more than l honest survivors are left out of the sum.

    l is the least number for which the failure is at most an eighth of what the privacy bits allow. As E2' lets only
    parts of more than half be opened, fewer than half are left out in any case.
    """
    honest = p.honest_invited
    if p.graph is not Graph.DRAWN or honest < 2:
        return 0, NEVER
    parts = np.arange(1, (honest - 1) // 2 + 1)
    rest = np.maximum(p.minimum - p.corrupt - parts, parts + 1)
    ways = log2_binomial(honest, parts) + log2_binomial(honest - parts, rest)
    avoided = rest * log2_none(p.agents - 1, parts, p.degree)
    failures = _sums_from(np.where(np.isneginf(ways), NEVER, ways + avoided))
    least = int(np.flatnonzero(failures <= -(p.privacy_bits + 3))[0])  # the empty sum fits always
    return least, float(failures[least])


def _sums_from(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """log2 of the sums of all terms from each place to the end, and of the empty sum, rounded up."""
    sums = np.logaddexp2.accumulate(terms[::-1])[::-1]
    return np.append(sums + 2.0**-10, NEVER)


def ring_cut(p: Shape) -> float:
    """E2: two gaps of half the degree in the ring, all of whose agents are corrupt or gone."""
    if p.graph is Graph.COMPLETE:
        return NEVER
    bad = min(p.agents, p.corrupt + p.agents - p.minimum)
    all_bad = log2_none(p.agents, p.agents - bad, p.degree)
    return min(0.0, float(log2_binomial(p.agents, 2)) + float(all_bad))


def too_few_holders(p: Shape) -> float:
    """E3: some agent keeps fewer holders than its threshold when the planned number drops out by chance."""
    if p.minimum > p.agents - p.dropouts:
        return 0.0
    spare = p.degree - p.threshold
    if spare >= p.dropouts:
        return NEVER
    if p.graph is Graph.COMPLETE:
        return 0.0
    tail = log2_tails(p.agents - 1, p.dropouts, p.degree)[spare + 1]
    return min(0.0, math.log2(p.agents) + float(tail))
