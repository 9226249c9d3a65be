"""A candidate for the parameters of a masked round, not yet judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Coordinator(StrEnum):
    """What the coordinator may do: follow and look, or deviate at will."""

    CURIOUS = "curious"
    MALICIOUS = "malicious"


class Graph(StrEnum):
    """Who holds whose shares: everybody, the neighbors on a permuted ring, or those that each agent draws."""

    COMPLETE = "complete"
    RING = "ring"
    DRAWN = "drawn"


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
