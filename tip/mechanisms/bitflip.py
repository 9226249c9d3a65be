"""dBitFlipPM: d buckets of b for good, and a remembered bit for each of them.

Ding, Kulkarni, Yekhanin, NeurIPS 2017, section 3: each agent draws d of b buckets once. To each state that it
comes to hold it remembers d bits, "is my value in this bucket", each flipped with probability Q; every round's
report repeats the bits of the present state. There is no second stage: a report costs what all reports of an
unchanged state cost, and **a change of state can be seen at once**.

Two refinements, both of them proven in docs/local-over-time.md:

1. All buckets outside an agent's d are one state, "none of mine": their bits have one law, so they share one
   permanent answer. An agent has at most d + 1 states, and most changes change nothing.
2. Q is the least n / 2^64 that the ratio allows. Two of the d buckets differ in two bits, so for d > 1 the ratio is
   ((1 - Q) / Q)^2 and Q = 1 / (e^(epsilon/2) + 1), as in the paper; d = 1 has one bit, and Q = 1 / (e^epsilon + 1).

With P = 1 - Q the estimate of bucket v's share sums over the agents that watch it,

    (b / (n d)) sum (bit - Q) / (P - Q),

unbiased over the draw of the buckets and the flips; its variance for fixed answers is [f W + (1 - f) V] / n with

    V = (b / d) P Q / (P - Q)^2,    W = (b / d) (P^3 + Q^3) / (P - Q)^2 - 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import Influence
from tip.mechanisms.coins import coins
from tip.mechanisms.columns import Bits, Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.frequency import checked_categories, checked_counts
from tip.mechanisms.permanent import PERMANENT, LongitudinalOracle, addresses
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, words_up
from tip.privacy.checks import whole
from tip.privacy.guarantees import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.permanent import Law
    from tip.mechanisms.reports import Reports
    from tip.privacy.guarantees import Guarantee
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_WATCHED: Final = 256
_POSITION_LANE: Final = PERMANENT + (1 << 12)


@dataclass(frozen=True, slots=True)
class BitFlip(LongitudinalOracle):
    """dBitFlipPM over b buckets, d of them watched by each agent; see the top of the file.

    `categories`: b in [2, 2^31]. `epsilon`: the most that all reports of an unchanged state cost, and one report too.
    `watched`: d in [1, min(b, 256)]. A report is the d buckets, ascending, and a bit for each.
    """

    categories: int
    epsilon: Fraction | float
    watched: int
    _flip: int = field(init=False, repr=False, compare=False)  # Q 2^64

    def __post_init__(self) -> None:
        b, d = checked_categories(self.categories), whole("watched", self.watched, least=1)
        if d > min(b, MOST_WATCHED):
            raise ConfigurationError(f"an agent watches at most {min(b, MOST_WATCHED)} of {b} buckets here, not {d}")
        epsilon = checked_epsilon(self.epsilon)
        object.__setattr__(self, "_flip", words_up(1 / (exp_down(epsilon if d == 1 else epsilon / 2) + 1)))

    @property
    def limit(self) -> Fraction | float:  # type: ignore[override]  # a field elsewhere: here one number says both
        """Epsilon: all reports of an unchanged state are one answer, repeated."""
        return self.epsilon

    @property
    def spec(self) -> Spec:
        """Name, b, d and the threshold."""
        numbers = (("categories", self.categories), ("watched", self.watched), ("flip", self._flip))
        return Spec("bit-flip", 1, numbers)

    @property
    def layout(self) -> tuple[Column, ...]:
        """The agent's buckets and their bits."""
        return (Integers("bucket", high=self.categories, width=self.watched), Bits("bits", self.watched))

    @property
    def states(self) -> int:
        """The agent's buckets, and "none of mine" unless it watches all."""
        return self.watched + (self.watched < self.categories)

    @property
    def identifying(self) -> str:
        """The buckets are drawn once and stand in every report."""
        return "the buckets that an agent watches are the same in all rounds, which links its reports"

    @property
    def _wrong(self) -> Fraction:
        return Fraction(self._flip, WORD)

    @property
    def permanent(self) -> tuple[Fraction, Fraction]:
        """(P d / b, Q d / b): a bucket is watched, and its bit is set."""
        seen = Fraction(self.watched, self.categories)
        return (1 - self._wrong) * seen, self._wrong * seen

    @property
    def instant(self) -> tuple[Fraction, Fraction]:
        """(1, 0): a report repeats the permanent answer."""
        return Fraction(1), Fraction(0)

    @property
    def ratio(self) -> Fraction:
        """((1 - Q) / Q)^2 between two watched buckets; its root for d = 1."""
        odds = (1 - self._wrong) / self._wrong
        return odds if self.watched == 1 else odds**2

    @property
    def limit_ratio(self) -> Fraction:
        """The ratio of one report."""
        return self.ratio

    @property
    def instant_ratio(self) -> Fraction:
        """None is finite: raises `ConfigurationError`."""
        raise ConfigurationError("a report of a bit-flip mechanism repeats the permanent answer: no ratio is finite")

    @property
    def blanket(self) -> Fraction:
        """Given the buckets: the sum over bit rows of the least probability over states.

        "None of mine" and each bucket; by the number j of set bits the least is that of a bucket whose bit is
        not set, Q^(j+1) P^(d-1-j), unless all are set: then that of "none", or with d = b of any bucket.
        """
        wrong, d = self._wrong, self.watched
        last = wrong**d if d < self.categories else (1 - wrong) * wrong ** (d - 1)
        return wrong * (1 - wrong**d) / (1 - wrong) + last

    def ratio_after(self, reports: int) -> Fraction:
        """The ratio of one: all reports of an unchanged state are one answer."""
        whole("reports", reports, least=1)
        return self.ratio

    def guarantee_of(self, reports: int) -> Guarantee:
        """Nothing is proven of reports between which states may change in an unknown pattern: changes can be seen."""
        count = whole("reports", reports, least=1)
        if count == 1:
            return self.guarantee
        return replace(
            self.guarantee,
            epsilon=None,
            status=Status.NOT_PROVEN,
            scope=f"{count} reports of {self.spec.name}, whatever changes between them",
            missing="none exists: a report that differs from the last one proves that the state has changed",
        )

    def permanent_law(self, state: int) -> Law:
        """The law of the bits in a state: the position among the agent's buckets, or d for none of them."""
        law: Law = {(0,) * -(-self.watched // 8): Fraction(1)}
        for j in range(self.watched):
            share = 1 - self._wrong if j == state else self._wrong
            grown: Law = {}
            for bits, weight in law.items():
                grown[bits] = weight * (1 - share)
                grown[tuple(entry | (1 << j % 8) * (i == j // 8) for i, entry in enumerate(bits))] = weight * share
            law = grown
        return law

    def instant_law(self, answer: tuple[int, ...]) -> Law:
        """The permanent answer itself."""
        return {answer: Fraction(1)}

    def state(self, values: Array, permanent: Stream, agents: Indices) -> Indices:
        """Which of its buckets holds each agent's value; d where none does."""
        return self._position(values, self._buckets(permanent, agents))

    def answer(self, values: Array, permanent: Stream, instant: Stream, agents: Indices) -> tuple[Array, ...]:
        """The agent's buckets, and the bits that it remembers for the present state."""
        del instant
        buckets = self._buckets(permanent, agents)
        state = self._position(values, buckets)
        rows = coins(permanent, addresses(agents, state, self.states), self.watched, self._flip, lane=PERMANENT)
        rows ^= np.packbits(buckets == values[:, None], axis=1, bitorder="little")
        return buckets, rows

    def _position(self, values: Array, buckets: Indices) -> Indices:
        held = buckets == values[:, None]
        return np.where(held.any(axis=1), held.argmax(axis=1), self.watched)

    def _buckets(self, permanent: Stream, agents: Indices) -> Indices:
        """A uniform set of d buckets for each agent, ascending (Floyd's algorithm: d draws without a repetition)."""
        b, d = self.categories, self.watched
        if b == d:
            return np.broadcast_to(np.arange(b, dtype=np.int64), (len(agents), b))
        words = permanent.words(agents, d, lane=_POSITION_LANE)
        chosen = np.empty((len(agents), d), dtype=np.int64)
        for i in range(d):
            high = b - d + i + 1
            drawn = below(words[:, i], high, permanent, agents, column=i, lane=_POSITION_LANE + 1).astype(np.int64)
            taken = (chosen[:, :i] == drawn[:, None]).any(axis=1)
            chosen[:, i] = np.where(taken, high - 1, drawn)
        chosen.sort(axis=1)
        return chosen

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """The buckets ascend."""
        buckets = reports["bucket"]
        ascending = np.logical_and.reduce(buckets[:, 1:] > buckets[:, :-1], axis=1)
        return {"buckets that do not ascend": np.asarray(ascending, dtype=np.bool_)}

    def tally(self, reports: Reports) -> Indices:
        """For each bucket the bits that are set, and the agents that watch it: `(2, b)`."""
        buckets = reports["bucket"]
        bits = np.unpackbits(reports["bits"], axis=1, bitorder="little", count=self.watched).astype(np.bool_)
        both = [np.bincount(numbers, minlength=self.categories) for numbers in (buckets[bits], buckets.reshape(-1))]
        return np.array(both, dtype=np.int64)

    def supports(self, aggregate: Aggregate) -> Indices:
        """The bits that are set."""
        ones: Indices = aggregate.totals[0]
        return ones

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """Each bucket's share, raw."""
        n = self._counted(aggregate)
        ones, seen = aggregate.totals
        wrong = float(self._wrong)
        value = (ones - seen * wrong) / float(1 - 2 * self._wrong) * (self.categories / self.watched / n)
        variance = np.asarray(self.variance(np.clip(value, 0, 1), reports=n))
        worst = float(np.max(self.variance(np.array([0.0, 1.0]), reports=n)))
        return Estimate(value, variance, worst, n, aggregate.refused)

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1, rounds: int = 1) -> Floats | float:
        """[f W + (1 - f) V] / n; further rounds repeat the answers and change nothing."""
        whole("rounds", rounds, least=1)
        f = np.asarray(share, dtype=np.float64)
        if not ((f >= 0) & (f <= 1)).all():
            raise ConfigurationError("a share lies in [0, 1]")
        wrong, scale = self._wrong, Fraction(self.categories, self.watched) / (1 - 2 * self._wrong) ** 2
        inner = float(scale * (wrong**3 + (1 - wrong) ** 3) - 1)
        outer = float(scale * wrong * (1 - wrong))
        return (f * inner + (1 - f) * outer) / whole("reports", reports, least=1)

    def max_influence(self) -> Influence:
        """(b / d) P / (P - Q) on each of d buckets."""
        item = float(Fraction(self.categories, self.watched) * (1 - self._wrong) / (1 - 2 * self._wrong))
        return Influence(item, item * sqrt(self.watched))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """Each bucket's pair of totals by its exact law; buckets are drawn apart, so their joint law is not kept."""
        held = checked_counts(counts, self.categories)
        n, wrong, share = int(held.sum()), float(self._wrong), self.watched / self.categories
        generator = entropy.generator(f"simulate {self.spec.name}")
        inside, outside = generator.binomial(held, share), generator.binomial(n - held, share)
        ones = generator.binomial(inside, 1 - wrong) + generator.binomial(outside, wrong)
        return Aggregate(self.spec.digest, n, 0, np.array([ones, inside + outside], dtype=np.int64))
