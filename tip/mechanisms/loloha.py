"""LOLOHA: longitudinal local hashing, whose total loss does not grow with the number of items.

Arcolezi, Pinzon, Palamidessi, Gambs, EDBT 2023. Each agent draws a hash function from the items to g values,
once. What it remembers is a generalized randomized response to its *hash value*, so it holds at most g
permanent answers however often its item changes; each round's report is a randomized response to that answer.

With A = e^limit, I = e^instant the permanent and the instantaneous odds, a report names the hash value of
the held item with probability p, each other value with probability q, and

    p / q = (A I + g - 1) / (A + I + g - 2),

so that the first report costs exactly e^first = F if

    I = (F A + (g - 2) F - (g - 1)) / (A - F),

which for g = 2 is the paper's (F A - 1) / (A - F), and above it for g > 2: the paper's choice wastes a part of the
first report's epsilon there. Both stages' thresholds are rounded down:

    T1 = greatest n with T1 (g - 1) <= A (2^64 - T1),   T2 = greatest n with p / q <= F, by the T1 in use.

The hash family is pairwise independent (`tip.mechanisms.families`), so an item that is not held is supported
with probability exactly 1 / g; a report is the seed, the same in every round, and the value named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.families import MultiplyShift
from tip.mechanisms.frequency import checked_categories
from tip.mechanisms.permanent import EXACT_ROUNDS, PERMANENT, LongitudinalOracle, addresses, checked_both
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, heads, words_down
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.base import Influence
    from tip.mechanisms.permanent import Law
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

MOST_VALUES: Final = 1 << 10
_SEED_LANE: Final = PERMANENT + (1 << 13)
_EVALUATIONS: Final = 1 << 16  # hashes at a time


@dataclass(frozen=True, slots=True)
class LongitudinalHashing(LongitudinalOracle):
    """LOLOHA over k items with g hash values; see the top of the file.

    `categories`: k in [2, 2^31]. `epsilon`: the most that one report costs. `limit`: the most that all reports of an
    unchanged hash value cost; with changes, see `guarantee_after`: at most g times that. `hashed`: g, a power of two; 2
    costs the least in the long run, `LongitudinalHashing.best` is the most accurate. `word_bits`: of the hash
    family; less than 32 only to go through all seeds.
    """

    categories: int
    epsilon: Fraction | float
    limit: Fraction | float
    hashed: int = 2
    word_bits: int = field(default=32, kw_only=True)
    family: MultiplyShift = field(init=False, repr=False, compare=False)
    _keep: int = field(init=False, repr=False, compare=False)  # T1
    _tell: int = field(init=False, repr=False, compare=False)  # T2

    def __post_init__(self) -> None:
        k, g = checked_categories(self.categories), whole("hashed", self.hashed, least=2)
        first, limit = checked_both(self.epsilon, self.limit)
        if g & (g - 1) or g > MOST_VALUES:
            raise ConfigurationError(f"hashed is a power of two from 2 to {MOST_VALUES}, not {g}")
        family = MultiplyShift((k - 1).bit_length(), g.bit_length() - 1, self.word_bits)
        keep = int(limit * WORD / (limit + g - 1))
        p1 = Fraction(keep, WORD)
        q1 = (1 - p1) / (g - 1)
        tell = min(words_down(min(Fraction(1), (first / (first + g - 1) - q1) / (p1 - q1))), WORD - 1)
        object.__setattr__(self, "family", family)
        object.__setattr__(self, "_keep", keep)
        object.__setattr__(self, "_tell", tell)

    @staticmethod
    def best(categories: int, epsilon: Fraction | float, limit: Fraction | float) -> LongitudinalHashing:
        """The most accurate one (at f = 0); the more hash values, the more a change may cost in the long run."""
        candidates = [LongitudinalHashing(categories, epsilon, limit, 1 << bits) for bits in range(1, 9)]
        return min(candidates, key=lambda one: float(one.variance(0.0)))

    @property
    def spec(self) -> Spec:
        """Name, k, g, the width of the hash's words and the two thresholds."""
        numbers = (
            ("categories", self.categories),
            ("hashed", self.hashed),
            ("word_bits", self.word_bits),
            ("keep", self._keep),
            ("tell", self._tell),
        )
        return Spec("longitudinal-hashing", 1, numbers)

    @property
    def layout(self) -> tuple[Column, ...]:
        """The hash function's seed and one of its values."""
        seed = Integers("seed", high=1 << self.word_bits, width=self.family.seed_words)
        return (seed, Integers("value", high=self.hashed))

    @property
    def states(self) -> int:
        """The hash values."""
        return self.hashed

    @property
    def identifying(self) -> str:
        """The seed is drawn once and stands in every report."""
        return "the seed of an agent's hash function is the same in all rounds, which links its reports"

    @property
    def permanent(self) -> tuple[Fraction, Fraction]:
        """(T1 / 2^64, 1 / g): an item that is not held has a uniform hash value."""
        return Fraction(self._keep, WORD), Fraction(1, self.hashed)

    @property
    def instant(self) -> tuple[Fraction, Fraction]:
        """(T2 / 2^64, (1 - T2 / 2^64) / (g - 1))."""
        told = Fraction(self._tell, WORD)
        return told, (1 - told) / (self.hashed - 1)

    @property
    def ratio(self) -> Fraction:
        """Given the seed: p over the probability of each of the other g - 1 values."""
        return self.p * (self.hashed - 1) / (1 - self.p)

    @property
    def limit_ratio(self) -> Fraction:
        """P1 over the probability of each other permanent answer."""
        p1 = self.permanent[0]
        return p1 * (self.hashed - 1) / (1 - p1)

    @property
    def instant_ratio(self) -> Fraction:
        """P2 / q2."""
        p2, q2 = self.instant
        return p2 / q2

    @property
    def blanket(self) -> Fraction:
        """Given the seed every value has at least the probability (1 - p) / (g - 1)."""
        return self.hashed * (1 - self.p) / (self.hashed - 1)

    def ratio_after(self, reports: int) -> Fraction:
        """All reports name the hash value; the limit's ratio from 65 on."""
        count = whole("reports", reports, least=1)
        if count > EXACT_ROUNDS:
            return self.limit_ratio
        (p2, q2), p1 = self.instant, self.permanent[0]
        many, few, q1 = p2**count, q2**count, (1 - p1) / (self.hashed - 1)
        return (p1 * many + (1 - p1) * few) / (q1 * many + (1 - q1) * few)

    def permanent_law(self, state: int) -> Law:
        """Generalized randomized response to the hash value; given the seed, which does not depend on the item."""
        p1 = self.permanent[0]
        other = (1 - p1) / (self.hashed - 1)
        return {(value,): p1 if value == state else other for value in range(self.hashed)}

    def instant_law(self, answer: tuple[int, ...]) -> Law:
        """Generalized randomized response to the permanent answer."""
        p2, q2 = self.instant
        return {(value,): p2 if value == answer[0] else q2 for value in range(self.hashed)}

    def law(self, value: int) -> Law:
        """The seed's numbers, uniform, and the value named; only at a reduced word size."""
        value = int(self._one(value))
        width, size = self.family.seed_words, 1 << self.word_bits
        if size**width * self.hashed > 1 << 16:
            return super(LongitudinalHashing, self).law(value)
        axes = np.meshgrid(*[np.arange(size)] * width, indexing="ij")
        seeds = np.stack([axis.reshape(-1) for axis in axes], axis=1)
        hashes = self.family.hash(seeds, np.full(len(seeds), value)).tolist()
        share, single = Fraction(1, size**width), (1 - self.p) / (self.hashed - 1)
        return {
            (*seed, named): share * (self.p if named == hashed else single)
            for seed, hashed in zip(seeds.tolist(), hashes, strict=True)
            for named in range(self.hashed)
        }

    def state(self, values: Array, permanent: Stream, agents: Indices) -> Indices:
        """The hash values."""
        seeds = self.family.seeds(permanent, agents, lane=_SEED_LANE)
        return self.family.hash(seeds, values).astype(np.int64)

    def answer(self, values: Array, permanent: Stream, instant: Stream, agents: Indices) -> tuple[Array, ...]:
        """Randomized response twice: once for good, to the hash value; and in this round, to what that said."""
        seeds = self.family.seeds(permanent, agents, lane=_SEED_LANE)
        state = self.family.hash(seeds, values).astype(np.uint64)
        address = addresses(agents, state.astype(np.int64), self.states)
        memo = self._response(state, self._keep, permanent, address, PERMANENT)
        return seeds, self._response(memo, self._tell, instant, agents, 0)

    def _response(self, held: Array, keep: int, stream: Stream, agents: Indices, lane: int) -> Array:
        """Word 0 decides whether the value is kept, word 1 which other one is named."""
        words = stream.words(agents, 2, lane=lane)
        answers = below(words[:, 1], self.hashed - 1, stream, agents, column=1, lane=lane + 1)
        answers += held + np.uint64(1)
        answers &= np.uint64(self.hashed - 1)  # modulo g, a power of two
        np.copyto(answers, held, where=heads(words[:, 0], keep))
        return answers

    def tally(self, reports: Reports) -> Indices:
        """How many reports support each item, by hashing all items under each seed: n k hashes."""
        totals = np.zeros(self.categories, dtype=np.int64)
        seeds, values = reports["seed"], reports["value"].astype(self.family.dtype)
        rows = max(1, min(len(reports), _EVALUATIONS // self.categories))
        for item in range(0, self.categories, _EVALUATIONS):
            items = np.arange(item, min(self.categories, item + _EVALUATIONS))
            for first in range(0, len(reports), rows):
                part = slice(first, first + rows)
                hashes = self.family.hash(seeds[part, None], items)
                totals[items] += np.count_nonzero(hashes == values[part, None], axis=0)
        return totals

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports all items of its hash value."""
        return aggregate.totals

    def max_influence(self) -> Influence:
        """(1 - q)/(p - q) on one item; a seed may be chosen to put all items behind one value."""
        return super(LongitudinalHashing, self).max_influence()
