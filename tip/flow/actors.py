"""Actors of a flow: groups of agents, graphs and tables over them, cohorts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow import checks
from tip.privacy.checks import rational, whole

if TYPE_CHECKING:
    from fractions import Fraction

MOST_AGENTS: Final = 10_000_000
MOST_SEED: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Group:
    """`size` agents of one kind."""

    name: str
    size: int

    def __post_init__(self) -> None:
        checks.name("a group", self.name)
        checks.within("the size of a group", self.size, 1, MOST_AGENTS)


class Wiring(StrEnum):
    """How a graph connects the members of its group."""

    COMPLETE = "complete"
    RING = "ring"
    PATH = "path"
    STAR = "star"  # member 0 in the middle
    K_OUT = "k-out"  # each member picks `picks` others at random; an edge where either picked the other
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Graph:
    """An undirected graph over a group: edges (i, j), i < j, sorted. A k-out graph is drawn from a public `seed`."""

    name: str
    over: str
    wiring: Wiring
    picks: int = 0
    seed: int | None = None
    edges: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        checks.name("a graph", self.name)
        checks.kind("graph.wiring", self.wiring, Wiring)
        checks.within("the picks of a graph", self.picks, 0, MOST_AGENTS)
        if self.seed is not None:
            checks.within("the seed of a graph", self.seed, 0, MOST_SEED)
        if (self.wiring is Wiring.K_OUT) != (self.picks > 0 and self.seed is not None):
            raise ConfigurationError(f"a k-out graph, and only it, has picks >= 1 and a seed: graph {self.name!r}")
        if (self.wiring is Wiring.GIVEN) != bool(self.edges):
            raise ConfigurationError(f"a given graph, and only it, lists its edges: graph {self.name!r}")
        checks.edges(self.name, self.edges)


@dataclass(frozen=True, slots=True)
class Table:
    """A small exact matrix: weights over members for `mix` and `gossip`, a strategy over rounds for `apply`."""

    name: str
    rows: tuple[tuple[Fraction, ...], ...]

    def __post_init__(self) -> None:
        checks.name("a table", self.name)
        checks.matrix(self.name, self.rows)


class Sampling(StrEnum):
    """How a cohort is drawn in each round."""

    ALL = "all"
    FIXED = "fixed"
    POISSON = "poisson"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those of a group whose values a sum holds in a round: never fewer than `least`, which the agents enforce.

    Who is in it is chosen by others, at worst: all colluders, and no more honest members than the minimum needs.
    `rate`: of a Poisson sample, drawn afresh in each round and seen by nobody but the members and the coordinator.
    """

    name: str
    of: str
    least: int
    sampling: Sampling = Sampling.ALL
    rate: Fraction | None = None

    def __post_init__(self) -> None:
        checks.name("a cohort", self.name)
        checks.kind("cohort.sampling", self.sampling, Sampling)
        whole("the least cohort", self.least, least=1)
        if (self.sampling is Sampling.POISSON) != (self.rate is not None):
            raise ConfigurationError(f"a Poisson cohort, and only it, has a rate: cohort {self.name!r}")
        if self.rate is not None and not 0 < rational("a rate", self.rate) <= 1:
            raise ConfigurationError(f"the rate of cohort {self.name!r} lies in (0, 1], not {self.rate}")
