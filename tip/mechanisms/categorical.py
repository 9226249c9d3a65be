"""Randomized response: say the truth with probability p, else another answer.

*Generalized* randomized response over k items (Kairouz, Bonawitz, Ramage 2016; Warner 1965 for k = 2):
one 64-bit word below the threshold T says "the truth"; else a second, uniform draw names one of the
other k - 1 items. So p = T / 2^64 and q = (1 - p) / (k - 1), exactly. The likelihood ratio is p / q, and

    T = the greatest whole number with T (k - 1) <= L (2^64 - T),  L a lower bound of e^epsilon,

which rounds p down. The *binary* one answers yes or no: the same with k = 2 and one word a report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Counted, Estimate
from tip.mechanisms.frequency import (
    FrequencyOracle,
    checked_categories,
    checked_counts,
    checked_items,
    tallied,
)
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads, words_down
from tip.privacy.shuffling import Blanket

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Indices = NDArray[np.int64]

TALLY_BLOCK: Final = 1 << 20


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
    def tally_block(self) -> int:
        """A million reports: counting has no intermediate arrays that must fit the cache."""
        return TALLY_BLOCK

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

    @property
    def worst_pair(self) -> Blanket:
        """Any two items: reports have one density inside the set of the own item, and one outside."""
        return Blanket.of_two_levels(self.p, self.q, self.blanket)

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """The truth with probability p, each other item with probability q."""
        value = int(self._one(value))
        if self.categories > MOST_LISTED:
            return super(GeneralizedRandomizedResponse, self).law(value)
        return {(item,): self.p if item == value else self.q for item in range(self.categories)}

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 decides whether the truth is told, word 1 which other item is named."""
        words = stream.words(agents, 2)
        held = values.view(np.uint64)
        answers = below(words[:, 1], self.categories - 1, stream, agents, column=1)
        answers += np.uint64(1)
        answers *= ~heads(words[:, 0], self._keep)  # how far from the truth, modulo k
        answers += held
        np.minimum(answers, answers - np.uint64(self.categories), out=answers)  # mod k: below k it wraps upward
        return (answers,)

    def tally(self, reports: Reports) -> Indices:
        """How often each item was named."""
        return tallied(reports["item"], self.categories)

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports the item that it names."""
        return aggregate.totals

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        return np.equal(reports["item"][:, None], items)

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


@dataclass(frozen=True, slots=True)
class BinaryRandomizedResponse(FrequencyOracle):
    """Yes or no, told truly with probability p, else the contrary (Warner 1965); see the top of the file.

    `epsilon`: the most that one report may cost, in [1e-6, 40]. Answers are booleans, or the numbers 0 and 1.
    `estimate` has both shares, of "no" and of "yes"; `share_of_yes` has one number.
    """

    epsilon: Fraction | float
    categories: int = field(init=False, repr=False, compare=False, default=2)
    _keep: int = field(init=False, repr=False, compare=False)  # T

    def __post_init__(self) -> None:
        bound = exp_down(checked_epsilon(self.epsilon))
        object.__setattr__(self, "_keep", words_down(bound / (bound + 1)))

    @property
    def spec(self) -> Spec:
        """Name and the threshold."""
        return Spec("binary-randomized-response", 1, (("keep", self._keep),))

    @property
    def layout(self) -> tuple[Column, ...]:
        """One bit."""
        return (Integers("answer", high=2),)

    @property
    def tally_block(self) -> int:
        """As for more categories."""
        return TALLY_BLOCK

    @property
    def p(self) -> Fraction:
        """T / 2^64."""
        return Fraction(self._keep, WORD)

    @property
    def q(self) -> Fraction:
        """1 - p."""
        return 1 - self.p

    @property
    def ratio(self) -> Fraction:
        """P / (1 - p)."""
        return self.p / self.q

    @property
    def blanket(self) -> Fraction:
        """2 (1 - p)."""
        return 2 * self.q

    @property
    def worst_pair(self) -> Blanket:
        """The two answers."""
        return Blanket.of_two_levels(self.p, self.q, self.blanket)

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """The truth with probability p."""
        value = int(self._one(value))
        return {(answer,): self.p if answer == value else self.q for answer in (0, 1)}

    def checked(self, values: ArrayLike) -> NDArray[Any]:
        """Answers as int64 `(n,)`; raises `DataError` that names the first bad row, not its value."""
        array = np.asarray(values)
        return checked_items(array.view(np.uint8) if array.dtype == np.bool_ else array, 2)

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 decides whether the truth is told."""
        return (values ^ ~heads(stream.words(agents, 1)[:, 0], self._keep),)

    def tally(self, reports: Reports) -> Indices:
        """How many said no, and how many said yes."""
        yes = np.count_nonzero(reports["answer"])
        return np.array([len(reports) - yes, yes], dtype=np.int64)

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports the answer that it gives."""
        return aggregate.totals

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        return np.equal(reports["answer"][:, None], items)

    def share_of_yes(self, aggregate: Aggregate) -> Estimate:
        """The share of those who would truly say yes: `estimate`'s second entry, as single numbers of shape `()`."""
        both = self.estimate(aggregate)
        return Estimate(
            value=both.value[1],
            variance=both.variance[1],
            worst_variance=both.worst_variance,
            reports=both.reports,
            refused=both.refused,
            law=Counted(self.supports(aggregate)[1], float(self.p), float(self.q)),
            reach=both.reach,
        )

    def max_influence(self) -> Influence:
        """One report adds p/(p - q) to one answer and takes q/(p - q) from the other."""
        p, q = float(self.p), float(self.q)
        return Influence(p / (p - q), sqrt(p * p + q * q) / (p - q))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law, from the numbers of agents who hold no and yes."""
        no, yes = checked_counts(counts, 2)
        generator = entropy.generator(f"simulate {self.spec.name}")
        said = int(generator.binomial(yes, float(self.p)) + generator.binomial(no, float(self.q)))
        return Aggregate(self.spec.digest, int(no + yes), 0, np.array([no + yes - said, said], dtype=np.int64))
