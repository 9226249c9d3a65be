"""The parameters of a masked round: safe by construction, or refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError
from tip.privacy.checks import whole
from tip.protocols.masking.conditions import (
    Coordinator,
    Graph,
    left_out,
    privacy_failures,
    too_few_holders,
    two_sets,
)
from tip.protocols.masking.tails import log2_sum, log2_tails

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Coordinator", "Graph", "Parameters", "plan_masking"]

MOST_AGENTS: Final = 1 << 20
_PARTS: Final = {Coordinator.CURIOUS: 0, Coordinator.MALICIOUS: 2}  # bits kept free for Q and E4


@dataclass(frozen=True, slots=True)
class Parameters:
    """Who holds how many shares, and how many are needed, so that a round is private except with a small probability.

    `agents`: invited. `corrupt`: how many of them pool with the coordinator (a count), fixed before the graph is drawn.
    `dropouts`: how many may drop out by chance. `degree`: holders of an agent (`agents - 1` in the complete graph).
    `threshold`: shares that open a secret. `minimum`: of the roster, the survivors, the consents. `samples`: consents
    that an agent verifies (0 with a curious coordinator). The probability that some condition of conditions.py fails in
    a round is at most 2^-privacy_bits, that drop-outs end it at most 2^-success_bits; else `ConfigurationError`.

    **Law.** `p.log2_failure <= -p.privacy_bits` for every `p` with `p.proven`.
    """

    agents: int
    corrupt: int
    dropouts: int
    coordinator: Coordinator
    graph: Graph
    degree: int
    threshold: int
    minimum: int
    samples: int
    privacy_bits: int
    success_bits: int
    proven: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "coordinator", Coordinator(self.coordinator))
        object.__setattr__(self, "graph", Graph(self.graph))
        _check_form(self)
        _check_privacy(self)
        _check_success(self)

    @classmethod
    def unchecked(cls, **values: Any) -> Parameters:  # noqa: ANN401 - the fields of the class
        """Parameters that nobody checked: NOT SAFE, for benchmarks and attacks; `proven` is false, no guarantee."""
        made = object.__new__(cls)
        names = {f.name for f in fields(cls)} - {"proven"}
        if values.keys() != names:
            raise ConfigurationError(f"unchecked parameters take exactly {', '.join(sorted(names))}")
        for name, value in values.items():
            object.__setattr__(made, name, value)
        object.__setattr__(made, "coordinator", Coordinator(made.coordinator))
        object.__setattr__(made, "graph", Graph(made.graph))
        object.__setattr__(made, "proven", False)
        return made

    @property
    def honest_invited(self) -> int:
        """Invited agents that are not corrupt."""
        return self.agents - self.corrupt

    @property
    def honest(self) -> int:
        """Honest agents whose vectors a sum holds at least: noise in shares is sized for these (law 4)."""
        return self.minimum - self.corrupt - left_out(self)[0]

    @property
    def log2_failure(self) -> float:
        """log2 of the bound that some privacy condition fails in one round, whatever the data; -inf for never."""
        return min(0.0, log2_sum(list(privacy_failures(self).values())))

    @property
    def failure(self) -> float:
        """The bound itself, rounded up: a summand of delta for each round (law 7)."""
        bits = self.log2_failure
        return 0.0 if bits == -math.inf else math.nextafter(2.0**bits * (1 + 2.0**-40), math.inf)

    @property
    def mean_degree(self) -> float:
        """Mask edges that an agent has in the mean: the degree, or 2d - d^2/(n-1) where each draws its own holders."""
        if self.graph is not Graph.DRAWN:
            return float(self.degree)
        return 2 * self.degree - self.degree**2 / (self.agents - 1)

    @property
    def expected_edges(self) -> float:
        """Mask edges of the whole graph, in the mean."""
        return self.agents * self.mean_degree / 2


def _check_form(p: Parameters) -> None:
    whole("agents", p.agents, least=2)
    for name in ("corrupt", "dropouts", "samples"):
        whole(name, getattr(p, name), least=0)
    for name in ("degree", "threshold", "minimum", "privacy_bits", "success_bits"):
        whole(name, getattr(p, name), least=1)
    malicious, complete = p.coordinator is Coordinator.MALICIOUS, p.graph is Graph.COMPLETE
    rules = (
        (p.agents <= MOST_AGENTS, f"at most {MOST_AGENTS} agents"),
        (p.minimum <= p.agents, "the minimum is at most the number of agents"),
        (p.minimum - p.corrupt >= 2, "a sum must hold two honest vectors at least: minimum >= corrupt + 2"),
        (p.threshold <= p.degree, "the threshold is at most the degree"),
        (not complete or p.degree == p.agents - 1, "in the complete graph the degree is agents - 1"),
        (complete or p.degree < p.minimum, "every roster must have the holders: degree < minimum"),
        (p.graph is not Graph.RING or p.degree % 2 == 0, "a ring has an even degree"),
        (
            p.graph is not (Graph.RING if malicious else Graph.DRAWN),
            f"no {p.graph} graph for a {p.coordinator} coordinator",
        ),
        (p.samples <= p.minimum, "samples are at most the minimum"),
    )
    for holds, rule in rules:
        if not holds:
            raise ConfigurationError("these parameters of a masked round do not fit together", why=rule)


def _check_privacy(p: Parameters) -> None:
    if p.log2_failure <= -p.privacy_bits:
        return
    failures = privacy_failures(p)
    name = max(failures, key=lambda key: failures[key])
    raise ConfigurationError(
        f"condition {name} fails by {p.log2_failure + p.privacy_bits:.1f} bits",
        why=f"its failure is bounded by 2^{failures[name]:.1f} only, wanted is 2^-{p.privacy_bits} for all conditions",
        instead="take what plan_masking returns",
    )


def _check_success(p: Parameters) -> None:
    bits = too_few_holders(p)
    if bits > -p.success_bits:
        raise ConfigurationError(
            f"condition E3 fails by {bits + p.success_bits:.1f} bits",
            why=f"with {p.dropouts} drop-outs a round ends early with probability up to 2^{bits:.1f}",
            instead="take what plan_masking returns",
        )


def plan_masking(
    agents: int,
    corrupt: float | str | Fraction,
    dropout: float | str | Fraction,
    *,
    coordinator: Coordinator | str,
    privacy_bits: int = 40,
    success_bits: int = 30,
    minimum: int | None = None,
) -> Parameters:
    """The parameters with the fewest mask edges, then the least threshold, that meet all conditions.

    `corrupt`, `dropout`: shares of the agents invited, exact as written, in [0, 1); counts are floor(share * agents).
    `minimum`: by default the agents less the drop-outs. Raises `ConfigurationError` with what would be possible.
    """
    whole("agents", agents, least=2)
    counts = [math.floor(_share(name, share) * agents) for name, share in (("corrupt", corrupt), ("dropout", dropout))]
    setting = dict(
        agents=agents,
        corrupt=counts[0],
        dropouts=counts[1],
        coordinator=Coordinator(coordinator),
        minimum=agents - counts[1] if minimum is None else minimum,
        privacy_bits=privacy_bits,
        success_bits=success_bits,
    )
    found = [p for p in (_complete(setting), _sparse(setting)) if p is not None]
    if not found:
        raise ConfigurationError("no graph meets the conditions", why="", instead="fewer drop-outs")
    best = min(found, key=lambda p: (p.mean_degree, p.threshold))
    return Parameters(**{f.name: getattr(best, f.name) for f in fields(best) if f.init})


def _share(name: str, share: float | str | Fraction) -> Fraction:
    exact = share if isinstance(share, Fraction) else Fraction(str(share))
    if not 0 <= exact < 1:
        raise ConfigurationError(f"{name} is a share in [0, 1), not {share!r}")
    return exact


def _with_samples(setting: dict[str, Any], **rest: Any) -> Parameters | None:
    """The least number of consents for which Q takes at most a quarter of the failure allowed; None if there is none."""
    if setting["coordinator"] is Coordinator.CURIOUS:
        return Parameters.unchecked(**setting, **rest, samples=0)

    def made(samples: int) -> Parameters:
        return Parameters.unchecked(**setting, **rest, samples=samples)

    enough = lambda samples: two_sets(made(samples)) <= -(setting["privacy_bits"] + 2)  # noqa: E731
    samples = _least(enough, 0, setting["minimum"])
    return None if samples is None else made(samples)


def _least(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The least whole number in [low, high] at which a monotone condition holds; None if it nowhere does."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _complete(setting: dict[str, Any]) -> Parameters | None:
    degree, corrupt = setting["agents"] - 1, setting["corrupt"]
    least = corrupt + 1 if setting["coordinator"] is Coordinator.CURIOUS else (degree + corrupt) // 2 + 1
    if least > degree:
        return None
    made = _with_samples(setting, graph=Graph.COMPLETE, degree=degree, threshold=least)
    return made if made is not None and _meets(made) else None


def _meets(p: Parameters) -> bool:
    return p.log2_failure <= -p.privacy_bits and too_few_holders(p) <= -p.success_bits


def _sparse(setting: dict[str, Any]) -> Parameters | None:
    """The sparse graph of least degree, then least threshold, that meets the conditions; None if there is none."""
    curious = setting["coordinator"] is Coordinator.CURIOUS
    graph, step = (Graph.RING, 2) if curious else (Graph.DRAWN, 1)
    base = _with_samples(setting, graph=graph, degree=1, threshold=1)
    if base is None:
        return None
    rest = dict(graph=graph, samples=base.samples)
    for degree in range(step, setting["minimum"], step):
        highest = _highest_threshold(setting, degree)
        first = Parameters.unchecked(**setting, **rest, degree=degree, threshold=max(highest, 1))
        if highest >= 1 and _meets(first):
            return _lowest_threshold(setting, rest, degree, highest)
    return None


def _highest_threshold(setting: dict[str, Any], degree: int) -> int:
    """The highest threshold at which E3 holds; 0 if there is none."""
    tails = log2_tails(setting["agents"] - 1, setting["dropouts"], degree) + math.log2(setting["agents"])
    for spare, bits in enumerate(tails[1:]):
        if bits <= -setting["success_bits"]:
            return degree - spare
    return 0


def _lowest_threshold(setting: dict[str, Any], rest: dict[str, Any], degree: int, highest: int) -> Parameters:
    def made(threshold: int) -> Parameters:
        return Parameters.unchecked(**setting, **rest, degree=degree, threshold=threshold)

    threshold = _least(lambda t: _meets(made(t)), 1, highest)
    assert threshold is not None
    return made(threshold)
