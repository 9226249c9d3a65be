"""The parameters of a masked round: safe by construction, or refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Final

from tip.errors import ConfigurationError
from tip.privacy.checks import whole
from tip.protocols.masking.candidates import Candidate, Coordinator, Graph
from tip.protocols.masking.conditions import left_out, log2_failure, privacy_failures, too_few_holders
from tip.protocols.masking.planning import cheapest, possible

__all__ = ["Coordinator", "Graph", "Parameters", "plan_masking"]

MOST_AGENTS: Final = 1 << 20


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
        survivors = self.minimum - self.corrupt
        return survivors - min(left_out(self)[0], (survivors - 1) // 2)

    @property
    def log2_failure(self) -> float:
        """log2 of the bound that some privacy condition fails in one round, whatever the data; -inf for never."""
        return log2_failure(self)

    @property
    def failure(self) -> float:
        """The bound itself, rounded up: a summand of delta for each round (law 7)."""
        bits = self.log2_failure
        return 0.0 if bits == -math.inf else math.nextafter(2.0**bits * (1 + 2.0**-40), math.inf)

    @property
    def conditions(self) -> dict[str, float]:
        """log2 of the bound of each privacy condition's failure, by its name: the summands of `failure`."""
        return privacy_failures(self)

    def in_words(self) -> tuple[tuple[str, int | float | str], ...]:
        """The facts that a sentence about these parameters is made of, as names and values."""
        stated = tuple((f.name, getattr(self, f.name)) for f in fields(Candidate))
        return (
            *stated,
            ("honest", self.honest),
            ("mean_degree", self.mean_degree),
            ("log2_failure", self.log2_failure),
        )

    @property
    def mean_degree(self) -> float:
        """Mask edges that an agent has in the mean: the degree, or 2d - d^2/(n-1) where each draws its own holders."""
        return self.candidate.mean_degree

    @property
    def candidate(self) -> Candidate:
        """The same numbers without their checks."""
        return Candidate(**{f.name: getattr(self, f.name) for f in fields(Candidate)})

    @property
    def expected_edges(self) -> float:
        """Mask edges of the whole graph, in the mean."""
        return self.agents * self.mean_degree / 2


def _check_form(p: Candidate | Parameters) -> None:
    whole("agents", p.agents, least=2)
    for name in ("corrupt", "dropouts", "samples"):
        whole(name, getattr(p, name), least=0)
    for name in ("degree", "threshold", "minimum", "privacy_bits", "success_bits"):
        whole(name, getattr(p, name), least=1)
    complete = p.graph is Graph.COMPLETE
    unfit = Graph.RING if p.coordinator is Coordinator.MALICIOUS else Graph.DRAWN
    rules = (
        (p.agents <= MOST_AGENTS, f"at most {MOST_AGENTS} agents"),
        (p.minimum <= p.agents, "the minimum is at most the number of agents"),
        (p.minimum - p.corrupt >= 2, "a sum must hold two honest vectors at least: minimum >= corrupt + 2"),
        (p.threshold <= p.degree, "the threshold is at most the degree"),
        (not complete or p.degree == p.agents - 1, "in the complete graph the degree is agents - 1"),
        (complete or p.degree < p.minimum, "every roster must have the holders: degree < minimum"),
        (p.graph is not Graph.RING or p.degree % 2 == 0, "a ring has an even degree"),
        (
            p.graph is not unfit,
            f"a {p.coordinator} coordinator has no {p.graph} graph here",
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
        instead=possible(p.candidate),
    )


def _check_success(p: Parameters) -> None:
    bits = too_few_holders(p)
    if bits > -p.success_bits:
        raise ConfigurationError(
            f"condition E3 fails by {bits + p.success_bits:.1f} bits",
            why=f"with {p.dropouts} drop-outs a round ends early with probability up to 2^{bits:.1f}",
            instead=possible(p.candidate),
        )


def plan_masking(  # noqa: PLR0913 - the shares and counts of one question
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
    dropouts = _count("dropout", dropout, agents)
    setting = Candidate(
        agents=agents,
        corrupt=_count("corrupt", corrupt, agents),
        dropouts=dropouts,
        coordinator=Coordinator(coordinator),
        graph=Graph.COMPLETE,
        degree=agents - 1,
        threshold=agents - 1,
        minimum=agents - dropouts if minimum is None else minimum,
        samples=0,
        privacy_bits=privacy_bits,
        success_bits=success_bits,
    )
    _check_form(setting)
    best = cheapest(setting)
    if best is None:
        raise _refused(setting)
    return Parameters(**{f.name: getattr(best, f.name) for f in fields(best)})


def _refused(setting: Candidate) -> ConfigurationError:
    twice = setting.agents + setting.corrupt - 2 * setting.minimum
    sets = f": two survivor sets of {setting.minimum} could both be signed, {twice // 2 + 1} more are needed"
    why = sets if setting.coordinator is Coordinator.MALICIOUS and twice >= 0 else ", at any degree"
    return ConfigurationError(
        f"no masked round of {setting.agents} agents outlives {setting.corrupt} corrupt agents, "
        f"{setting.dropouts} drop-outs and a {setting.coordinator} coordinator",
        why=f"no graph meets the conditions of {setting.privacy_bits} privacy and {setting.success_bits} success bits"
        + why,
        instead=f"possible: {possible(setting)}",
    )


def _count(name: str, share: float | str | Fraction, agents: int) -> int:
    """floor(share * agents), the share taken as it is written: 0.1 is a tenth."""
    try:
        exact = share if isinstance(share, Fraction) else Fraction(str(share))
    except (ValueError, ZeroDivisionError):
        exact = Fraction(-1)
    if not 0 <= exact < 1:
        raise ConfigurationError(f"{name} is a share of the agents in [0, 1), not {share!r}")
    return math.floor(exact * agents)
