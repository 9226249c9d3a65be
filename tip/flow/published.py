"""Statements of published papers about flows, as data: shown beside ours, never a guarantee.

Theory of operation. A theorem whose text was not proved again in these pages is `published` (law 24): it may stand
beside a figure of our own and tell what its authors would set, but the guarantee comes from the certificate of what
really happened. So nothing in this file makes a `Guarantee`, and nothing that makes one reads this file.

GOPA (Sabater, Bellet, Ramon, Machine Learning 111, 2022, arXiv 2006.07218): agent u publishes x_u + own noise + the
signed noises that it shares with its neighbors. With n_H honest agents, c^2 = 2 ln(1.25/delta') and own variance
c^2 / (n_H epsilon^2), the corollary chooses the pair variance as kappa times what makes the graph's part of
theta = mu^2 equal to the first part, 1 / (n_H own variance), so that theta <= (1 + 1/kappa) epsilon^2 / c^2, and states
(epsilon, delta) with delta >= a (delta'/1.25)^(kappa/(kappa+1)); a = 1.25, or 3.75 for k-out graphs, whose statement
is (epsilon, 3 delta). The formulas were recomputed against the paper's table: 44.7 for 10,000 agents that pick 105.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.privacy.checks import rational, whole
from tip.privacy.rounding import raised

SOURCE: Final = "Sabater, Bellet, Ramon 2022, An accurate, scalable and verifiable protocol, arXiv 2006.07218"
PUBLISHED: Final = "published"
LEAST_HONEST: Final = 81  # of the statement about k-out graphs


@dataclass(frozen=True, slots=True)
class Published:
    """What a paper states for these parameters; its status is `published`.

    `k`: how many others each agent picks (0 where nobody picks). `own_deviation` and `pair_deviation`: the standard
    deviations of an agent's own noise and of that of a pair. `theta_bound`: what the paper bounds mu^2 by.
    """

    k: int
    kappa: float
    own_deviation: float
    pair_deviation: float
    theta_bound: float
    statement: str
    source: str
    conditions: tuple[str, ...]

    @property
    def status(self) -> str:
        """Always "published": not proved again here, and so no guarantee of `tip`."""
        return PUBLISHED


def k_out_parameters(
    agents: int, honest_share: Fraction, *, epsilon: float, delta_prime: float, delta: float
) -> Published:
    """GOPA's corollary for a graph in which each agent picks k others at random, with the least k that it allows.

    `delta` is the whole statement's, 3 times that of the theorem. Refuses fewer than 81 honest agents and a k that the
    group is too small for.
    """
    honest = _honest(agents, honest_share)
    if honest < LEAST_HONEST:
        raise ConfigurationError(
            f"GOPA's statement about k-out graphs wants {LEAST_HONEST} honest agents, and there are {honest}",
            instead="use complete_parameters, more agents, or the certificate of the graph that was drawn",
        )
    least = _picks_needed(honest, epsilon, delta)
    k = math.ceil(Fraction(least) / honest_share)
    if k >= agents:
        raise ConfigurationError(
            f"GOPA's statement about k-out graphs wants {k} picks, and there are {agents - 1} others",
            instead="use complete_parameters",
        )
    conditions = (
        f"honest agents: {honest} >= {LEAST_HONEST}",
        f"picks times the honest share: {float(k * honest_share):g} >= {least:g}",
        "all honest agents keep their noise to themselves, and each picks its k others at random",
    )
    graph = _Graph(f"a {k}-out graph", k_out_part(honest, honest_share, k), 3.75, k, conditions)
    return _corollary(honest, epsilon, delta_prime, delta, graph)


def complete_parameters(
    agents: int, honest_share: Fraction, *, epsilon: float, delta_prime: float, delta: float
) -> Published:
    """GOPA's corollary where every two agents share a noise."""
    honest = _honest(agents, honest_share)
    graph = _Graph("the complete graph", 1 / honest, 1.25, 0, ("every two honest agents share a noise",))
    return _corollary(honest, epsilon, delta_prime, delta, graph)


def connected_parameters(
    agents: int, honest_share: Fraction, *, epsilon: float, delta_prime: float, delta: float
) -> Published:
    """GOPA's corollary for the worst graph that still connects the honest agents: a path."""
    honest = _honest(agents, honest_share)
    graph = _Graph("any connected graph", honest / 3, 1.25, 0, ("the honest agents are connected among themselves",))
    return _corollary(honest, epsilon, delta_prime, delta, graph)


def k_out_part(honest: int, honest_share: Fraction, k: int) -> float:
    """What the theorem bounds the graph's part of theta by, times the pair variance, for picks k."""
    whole("honest agents", honest, least=2)
    pieces = int((k - 1) * honest_share / 3) - 1
    if pieces < 1:
        raise ConfigurationError(f"{k} picks are too few for GOPA's statement about k-out graphs")
    return 1 / pieces + (12 + 6 * math.log(honest)) / honest


def theta_allowed(epsilon: float, delta: float) -> float:
    """The theta up to which GOPA's own rule gives (epsilon, delta).

    The largest theta with epsilon >= theta^(1/2) + theta/2 and
    (epsilon - theta/2)^2 >= 2 ln(2/(delta sqrt(2 pi))) theta.
    Smaller than the exact curve allows (`tip.privacy.gaussian.mu_of`, squared), by about a half: for comparison only.
    """
    checks.positive("epsilon", epsilon)
    _open_share("delta", delta)
    slope = max(1.0, math.sqrt(max(0.0, 2 * math.log(2 / (delta * math.sqrt(2 * math.pi))))))
    # both conditions read x^2/2 + slope x <= epsilon for x = theta^(1/2), with slopes 1 and the root of the logarithm
    return (2 * epsilon / (slope + math.sqrt(slope * slope + 2 * epsilon))) ** 2


@dataclass(frozen=True, slots=True)
class _Graph:
    """A graph for the corollary; `part` bounds theta's second part times the pair variance."""

    told: str
    part: float
    factor: float
    k: int
    conditions: tuple[str, ...]


def _corollary(honest: int, epsilon: float, delta_prime: float, delta: float, graph: _Graph) -> Published:
    _below_one("epsilon", epsilon)
    _open_share("delta_prime", delta_prime)
    _open_share("delta", delta)
    kappa = _kappa(delta_prime, delta, graph.factor)
    own_variance = 2 * math.log(1.25 / delta_prime) / (honest * epsilon**2)
    pair_variance = kappa * own_variance * honest * graph.part
    return Published(
        k=graph.k,
        kappa=kappa,
        own_deviation=raised(math.sqrt(own_variance)),
        pair_deviation=raised(math.sqrt(pair_variance)),
        theta_bound=raised((1 + 1 / kappa) / (honest * own_variance)),
        statement=f"({epsilon:g}, {delta:g})-differential privacy of each honest agent on {graph.told}, "
        "against the agents that are not honest and the world",
        source=SOURCE,
        conditions=graph.conditions,
    )


def _kappa(delta_prime: float, delta: float, factor: float) -> float:
    """The least kappa with delta >= factor (delta'/1.25)^(kappa/(kappa+1))."""
    share = math.log(delta / factor) / math.log(delta_prime / 1.25)
    if share >= 1:
        raise ConfigurationError(
            f"no pair noise brings GOPA's delta to {delta:g} with delta_prime {delta_prime:g}",
            instead=f"take a delta above {factor / 1.25 * delta_prime:g}, or a smaller delta_prime",
        )
    return raised(share / (1 - share))


def _picks_needed(honest: int, epsilon: float, delta: float) -> float:
    """What the theorem wants of k times the honest share; its own delta is a third of the statement's."""
    _below_one("epsilon", epsilon)
    _open_share("delta", delta)
    return max(
        4 * math.log(2 * honest / delta),
        6 * math.log(honest / 3),
        1.5 + 2.25 * math.log(6 * math.e / delta),
    )


def _honest(agents: int, honest_share: Fraction) -> int:
    """All agents but floor((1 - share) agents), as law 2 counts those who collude."""
    whole("agents", agents, least=2)
    if not 0 < rational("the honest share", honest_share) <= 1:
        raise ConfigurationError(f"the honest share lies in (0, 1], not {honest_share}")
    honest = agents - int((1 - honest_share) * agents)
    if honest < 2:
        raise ConfigurationError(f"one honest agent of {agents} has nobody to share noise with")
    return honest


def _below_one(what: str, value: float) -> None:
    if checks.positive(what, value) >= 1:
        raise ConfigurationError(f"GOPA's corollary is about {what} below 1, not {value!r}")


def _open_share(what: str, value: float) -> None:
    if not 0 < checks.positive(what, value) < 1:
        raise ConfigurationError(f"{what} lies strictly between 0 and 1, not {value!r}")
