"""Randomized response: say the truth with probability p, else another answer.

*Generalized* randomized response over k items (Kairouz, Bonawitz, Ramage 2016; Warner 1965 for k = 2):
one 64-bit word below the threshold T says "the truth"; else a second, uniform draw names one of the
other k - 1 items. So p = T / 2^64 and q = (1 - p) / (k - 1), exactly. The likelihood ratio is p / q, and

    T = the greatest whole number with T (k - 1) <= L (2^64 - T),  L a lower bound of e^epsilon,

which rounds p down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.frequency import (
    FrequencyOracle,
    checked_categories,
    checked_counts,
    tallied,
)
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GeneralizedRandomizedResponse(FrequencyOracle):
    """One of k items, kept with probability p, else replaced by a uniform other one; see the top of the file.

    `categories`: k in [2, 2^31]. `epsilon`: the most that one report may cost, in [1e-6, 40].
    Variance of a share at f = 0: (k - 2 + e^eps) / (e^eps - 1)^2 / n: the best oracle while k < 3 e^eps + 2.
    """

    categories: int
    epsilon: Fraction | float
    _keep: int = field(init=False, repr=False, compare=False)  # T

    def __post_init__(self) -> None:
        k, bound = checked_categories(self.categories), exp_down(checked_epsilon(self.epsilon))
        object.__setattr__(self, "_keep", int(bound * WORD / (bound + k - 1)))

    @property
    def spec(self) -> Spec:
        """Name, k and the threshold."""
        return Spec("generalized-randomized-response", 1, (("categories", self.categories), ("keep", self._keep)))

    @property
    def layout(self) -> tuple[Column, ...]:
        """One item."""
        return (Integers("item", high=self.categories),)

    @property
    def p(self) -> Fraction:
        """T / 2^64."""
        return Fraction(self._keep, WORD)

    @property
    def q(self) -> Fraction:
        """(1 - p) / (k - 1)."""
        return (1 - self.p) / (self.categories - 1)

    @property
    def ratio(self) -> Fraction:
        """P / q."""
        return self.p / self.q

    @property
    def blanket(self) -> Fraction:
        """K q: every item has at least the probability q."""
        return self.categories * self.q

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """The truth with probability p, each other item with probability q."""
        if self.categories > MOST_LISTED:
            return super(GeneralizedRandomizedResponse, self).law(value)
        return {(item,): self.p if item == value else self.q for item in range(self.categories)}

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 decides whether the truth is told, word 1 which other item is named."""
        words = stream.words(agents, 2)
        held = values.view(np.uint64)
        answers = below(words[:, 1], self.categories - 1, stream, agents, column=1)
        answers += held + np.uint64(1)
        np.minimum(answers, answers - np.uint64(self.categories), out=answers)  # mod k: below k it wraps upward
        np.copyto(answers, held, where=heads(words[:, 0], self._keep))
        return (answers,)

    def tally(self, reports: Reports) -> Indices:
        """How often each item was named."""
        return tallied(reports["item"], self.categories)

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports the item that it names."""
        return aggregate.totals

    def max_influence(self) -> Influence:
        """One report names one item: (1 - q)/(p - q) there, and at most q/(p - q) at each of the others."""
        p, q, k = float(self.p), float(self.q), self.categories
        return Influence((1 - q) / (p - q), sqrt((1 - q) ** 2 + (k - 1) * q * q) / (p - q))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law: with probability k q an agent answers uniformly whatever it holds, else truly."""
        held = checked_counts(counts, self.categories)
        generator = entropy.generator(f"simulate {self.spec.name}")
        blurred = generator.binomial(held, float(self.blanket))
        uniform = generator.multinomial(blurred.sum(), np.full(self.categories, 1 / self.categories))
        return Aggregate(self.spec.digest, int(held.sum()), 0, (held - blurred + uniform).astype(np.int64))
