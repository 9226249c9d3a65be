"""A candidate for the parameters of a masked round, not yet judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Coordinator(StrEnum):
    """What the coordinator may do: follow and look, or deviate at will."""

    CURIOUS = "curious"
    MALICIOUS = "malicious"


class Graph(StrEnum):
    """Who holds whose shares: everybody, the neighbors on a permuted ring, or those that each agent draws."""

    COMPLETE = "complete"
    RING = "ring"
    DRAWN = "drawn"


class Shape(Protocol):
    """What the conditions judge: a `Candidate`, or `Parameters`."""

    @property
    def agents(self) -> int:
        """Invited agents."""

    @property
    def corrupt(self) -> int:
        """How many are corrupt."""

    @property
    def dropouts(self) -> int:
        """How many may drop out by chance."""

    @property
    def coordinator(self) -> Coordinator:
        """What the coordinator may do."""

    @property
    def graph(self) -> Graph:
        """Who holds."""

    @property
    def degree(self) -> int:
        """Holders of an agent."""

    @property
    def threshold(self) -> int:
        """Shares that open a secret."""

    @property
    def minimum(self) -> int:
        """What agents insist on."""

    @property
    def samples(self) -> int:
        """Consents that an agent verifies."""

    @property
    def privacy_bits(self) -> int:
        """The bits of privacy that are wanted."""

    @property
    def success_bits(self) -> int:
        """The bits of success that are wanted."""

    @property
    def honest_invited(self) -> int:
        """Invited agents that are not corrupt."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The fields of `Parameters`, with nothing checked: what the search moves about and the conditions judge."""

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

    @property
    def honest_invited(self) -> int:
        """Invited agents that are not corrupt."""
        return self.agents - self.corrupt

    @property
    def mean_degree(self) -> float:
        """Mask edges of an agent in the mean: the degree, or 2d - d^2/(n-1) where each agent draws its own holders."""
        if self.graph is not Graph.DRAWN:
            return float(self.degree)
        return 2 * self.degree - self.degree**2 / (self.agents - 1)
