"""Who takes part in a round: cohort, drop-outs, participation limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.randomness import Entropy

    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The rule by which rounds find their agents.

    `sampling` is "all", "fixed" (`size` agents) or "poisson" (each with probability `rate`). An
    agent that has taken part `limit` times does not answer any more: it keeps that count itself, as
    law 5 asks, so an exhausted agent looks like a drop-out.
    """

    enrolled: int
    sampling: str
    size: int
    rate: Fraction
    dropout: Fraction
    limit: int

    @property
    def planned(self) -> int:
        """The public denominator of the mean: never the realized count (law 1)."""
        match self.sampling:
            case "fixed":
                return self.size
            case "poisson":
                return max(1, round(self.rate * self.enrolled))
            case _:
                return self.enrolled

    def drawn(self, entropy: Entropy, number: int) -> Indices:
        """The agents of a round, sorted, as the coordinator calls them."""
        match self.sampling:
            case "fixed":
                return entropy.stream("cohort", number).choose(self.enrolled, self.size)
            case "poisson":
                return np.flatnonzero(entropy.stream("cohort", number).bernoulli(self.rate, count=self.enrolled)[0])
            case _:
                return np.arange(self.enrolled, dtype=np.int64)

    def answering(self, cohort: Indices, participation: Participation, entropy: Entropy, number: int) -> Indices:
        """Those of a cohort that send: neither dropped out nor at their limit."""
        willing = participation.counts[cohort] < self.limit
        if self.dropout:
            willing &= ~entropy.stream("dropout", number).bernoulli(self.dropout, cohort)[:, 0]
        return cohort[willing]


@dataclass(frozen=True, slots=True)
class Participation:
    """How often each agent has sent: what it is charged for, whether or not the round succeeded (law 13)."""

    counts: NDArray[np.int32] = field(repr=False)
    most: int = 0

    @classmethod
    def none_yet(cls, enrolled: int) -> Participation:
        """Nobody has sent anything."""
        return cls(np.zeros(enrolled, dtype=np.int32))

    def charged(self, agents: Indices) -> Participation:
        """One more participation of each, counted before their messages leave."""
        counts = self.counts.copy()
        counts[agents] += 1
        return Participation(counts, max(self.most, int(counts[agents].max(initial=0))))
