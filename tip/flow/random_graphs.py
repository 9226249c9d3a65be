"""Random graphs: how well the honest part of a k-out graph is connected, whoever was bad before it was drawn.

**Theorem.** Let each of n agents pick k distinct others uniformly, on its own. Fix a set H of h >= 2 agents before the
draw, and let L be the Laplacian of the graph on H with an edge where either end picked the other. For 0 < x < 1

    P[ lambda_2(L) < (1 - x) m / 2 ]  <=  (h - 1) (e^-x / (1 - x)^(1 - x))^(m / 2),     m = 2 k h / (n - 1).

*Proof.* Let Y = sum over i in H and the picks j of i that lie in H of (e_i - e_j)(e_i - e_j)'. An edge that
both ends picked stands twice in Y and once in L, so Y <= 2 L. A pick of i is j with probability 1/(n - 1), so
E Y = k/(n - 1) times the sum over ordered pairs = 2k/(n - 1) (h I - J): on the space orthogonal to the constant
vector it is m times the identity. Each summand is positive semidefinite of norm 2. Drawing without replacement
is no worse than with: X -> tr exp(H + theta X) is convex, so by Hoeffding's argument (1963, theorem 4), for one
agent's picks given all others', its mean over picks without replacement is at most that with replacement. With
replacement the summands are independent, and Lieb's theorem gives the lower tail of the matrix Chernoff bound
(Tropp 2012, theorem 1.1) in h - 1 dimensions with R = 2 and mean m: P[lambda_min(Y) <= (1 - x) m] <= (h - 1)
(e^-x / (1 - x)^(1 - x))^(m / R). Halve. QED

The graph must be drawn after the coalition was fixed, by nobody in it; the probability is a data-independent
failure (law 7).
"""

from __future__ import annotations

import math
from typing import Final

from tip.errors import ConfigurationError
from tip.privacy.checks import whole
from tip.privacy.rounding import lowered, raised

_STEPS: Final = 60


def connectivity(*, agents: int, honest: int, picks: int, failure: float) -> float:
    """A number that lambda_2 of the honest part falls below with probability at most `failure`; rounded down.

    0 where the theorem gives nothing.
    """
    whole("agents", agents, least=2)
    whole("honest agents", honest, least=2)
    whole("picks", picks, least=1)
    if not 0 < failure < 1 or honest > agents or picks >= agents:
        raise ConfigurationError("connectivity wants 0 < failure < 1, honest <= agents, picks < agents")
    mean = 2 * picks * honest / (agents - 1)

    def log_failure(x: float) -> float:
        kept = (1 - x) * math.log1p(-x) if x < 1 else 0.0
        terms = (math.log(honest), -mean / 2 * x, -mean / 2 * kept)
        return raised(math.fsum(terms), *terms)

    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if log_failure(middle) <= math.log(failure) else (middle, high)
    if high >= 1.0:
        return 0.0
    return max(0.0, lowered((1 - high) * mean / 2))
