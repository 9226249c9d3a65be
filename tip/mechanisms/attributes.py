"""Several attributes: an agent answers for one, or seems to for all.

**One attribute, disclosed** (SMP; Arcolezi et al., CIKM 2021, section 2): `SampledAttribute`. All of epsilon goes to
one attribute that is drawn by chance; what such reports share stands in `tip.mechanisms.sampled_parts`. Splitting
epsilon over d reports instead has about d times the variance.

**Fake data** (RS+FD; the same, section 3): `RandomSamplingFakeData`. The drawn attribute goes through randomized
response and each other one is replaced by a uniform item, so that nobody sees which one was drawn:

    Pr[y | x] = (1/d) (prod 1/k_i) sum_a k_a Pr_a[y_a | x_a],           Pr_a in {p_a, q_a}.

*What it costs.* Two whole records may differ everywhere, and a y that names all of one and nothing of the other has
the ratio sum k_a p_a / sum k_a q_a = e^eps': **hiding the attribute amplifies nothing for a whole record**. Records
that differ in attribute a only have the ratio 1 + k_a (p_a - q_a) / sum k_i q_i, for equal k (e^eps' + d - 1) / d: the
published eps' = ln(d (e^eps - 1) + 1) promises eps to *one attribute*, and for unlike k_a not even that, since the
attribute with the most items has more than its share of the sum. `guarantee` is for the whole record.

    an item of attribute a is named with P = [p_a + (d - 1)/k_a] / d if it is held, Q = [q_a + (d - 1)/k_a] / d if not

so each attribute is a pure frequency oracle over all n reports, with the exact variance of one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import prod, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence, PureMechanism
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Counted, Estimate
from tip.mechanisms.frequency import FrequencyOracle, tallied
from tip.mechanisms.ranges import Factory, default_oracle
from tip.mechanisms.sampled_parts import (
    SampledParts,
    checked_held,
    checked_part,
    checked_records,
    checked_sizes,
    groups,
    joined,
    oracles_of,
    sampled_variance,
)
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import MOST_EPSILON, WORD, below, checked_epsilon, exp_down, heads
from tip.mechanisms.unions import Union
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

_HALVINGS: Final = 100


@dataclass(frozen=True, slots=True)
class SampledAttribute(SampledParts):
    """One attribute of d, drawn by chance and told, with all of epsilon (SMP); see the top of the file.

    `categories`: the number of items of each attribute. `epsilon`: the most that the one report may cost, for the
    whole record. `oracle`: (number of items, epsilon) -> the frequency oracle of an attribute.
    """

    categories: tuple[int, ...]
    epsilon: Fraction | float
    oracle: Factory = default_oracle
    parts: tuple[FrequencyOracle, ...] = field(init=False, repr=False, compare=False)
    _union: Union = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = checked_sizes(self.categories)
        parts = oracles_of(sizes, self.epsilon, self.oracle)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "_union", Union(tuple(part.layout for part in parts), ("part",)))

    @property
    def _name(self) -> str:
        return "sampled-attribute"

    def part_values(self, values: Array, part: int) -> Indices:
        """The attribute's column."""
        column: Indices = values[:, part]
        return column

    def variance(self, part: int, share: ArrayLike = 0.0, *, reports: int, drew: int) -> Floats | float:
        """The exact variance of a share of attribute `part`, given that `drew` of all `reports` agents drew it."""
        oracle = self.parts[checked_part(part, len(self.parts))]
        if not 1 <= whole("drew", drew, least=1) <= whole("reports", reports, least=1):
            raise ConfigurationError(f"of {reports} agents, 1 to {reports} drew an attribute, not {drew}")
        return sampled_variance(oracle, share, reports, drew)


@dataclass(frozen=True, slots=True)
class RandomSamplingFakeData(PureMechanism):
    """One attribute of d by randomized response, the others made up (RS+FD with GRR); see the top of the file.

    `categories`: the number of items of each attribute. `epsilon`: the most that the one report may cost, for the whole
    record. `of_attribute` makes one from the cost of a change of a single attribute.
    """

    categories: tuple[int, ...]
    epsilon: Fraction | float
    parts: tuple[GeneralizedRandomizedResponse, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = checked_sizes(self.categories)
        made = {size: GeneralizedRandomizedResponse(size, self.epsilon) for size in dict.fromkeys(sizes)}
        object.__setattr__(self, "parts", tuple(made[size] for size in sizes))

    @staticmethod
    def of_attribute(categories: tuple[int, ...], epsilon: Fraction | float) -> RandomSamplingFakeData:
        """The most accurate one in which a change of *one attribute of a record* costs at most epsilon.

        For equal numbers of items its whole-record epsilon is ln(d (e^eps - 1) + 1); it is what `guarantee` states.
        """
        bound, sizes = exp_down(checked_epsilon(epsilon)), checked_sizes(categories)
        low, high = Fraction(checked_epsilon(epsilon)), Fraction(MOST_EPSILON)
        best = RandomSamplingFakeData(sizes, low)  # a change of one attribute is never dearer than one of them all
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tried = RandomSamplingFakeData(sizes, middle)
            if tried.attribute_ratio <= bound:
                best, low = tried, middle
            else:
                high = middle
        return best

    @property
    def spec(self) -> Spec:
        """The attributes' sizes and thresholds."""
        rules = enumerate(
            (size, part.spec.digest.hex()) for size, part in zip(self.categories, self.parts, strict=True)
        )
        pairs = ((f"categories-{at}", size, f"part-{at}", digest) for at, (size, digest) in rules)
        return Spec("random-sampling-fake-data", 1, tuple(pair for a, b, c, e in pairs for pair in ((a, b), (c, e))))

    @property
    def layout(self) -> tuple[Column, ...]:
        """One item an attribute."""
        return tuple(Integers(f"item-{at}", high=size) for at, size in enumerate(self.categories))

    @property
    def _masses(self) -> tuple[tuple[Fraction, Fraction], ...]:
        """(k p, k q) of each attribute: what a report's probability is made of."""
        return tuple((part.categories * part.p, part.categories * part.q) for part in self.parts)

    @property
    def ratio(self) -> Fraction:
        """Sum k p / sum k q: a report may name every attribute's item under one record, and none under another."""
        return sum((a for a, _ in self._masses), Fraction(0)) / sum((b for _, b in self._masses), Fraction(0))

    @property
    def attribute_ratio(self) -> Fraction:
        """The largest ratio between two records that differ in one attribute only. No `guarantee` rests on it."""
        base = sum((b for _, b in self._masses), Fraction(0))
        return max((base - other + held) / base for held, other in self._masses)

    @property
    def blanket(self) -> Fraction:
        """Sum k q / d, exactly: for every report there is a record of which it names nothing."""
        return sum((b for _, b in self._masses), Fraction(0)) / len(self.parts)

    def law(self, value: ArrayLike) -> dict[tuple[int, ...], Fraction]:
        """(1/d) prod 1/k times the sum over attributes of k Pr[item | value]."""
        if prod(self.categories) > MOST_LISTED:
            return PureMechanism.law(self, value)
        record, share = self._one(value).tolist(), Fraction(1, len(self.parts) * prod(self.categories))
        return {
            report: share
            * sum(
                (mass[item != held] for item, held, mass in zip(report, record, self._masses, strict=True)), Fraction(0)
            )
            for report in product(*(range(size) for size in self.categories))
        }

    def checked(self, values: ArrayLike) -> Indices:
        """Records as int64 `(n, d)`; one record may come as `(d,)`. Names the first bad row, not its values."""
        return checked_records(values, self.categories)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Word 0 draws the attribute, word 1 keeps the truth, word 2 + a names an item of attribute a.

        For the drawn one the same word names another item than the held one, as in randomized response.
        """
        words = stream.words(agents, 2 + len(self.parts))
        drawn = below(words[:, 0], len(self.parts), stream, agents, column=0)
        columns = [
            below(words[:, 2 + at], size, stream, agents, column=2 + at) for at, size in enumerate(self.categories)
        ]
        for at, rows in groups(drawn):
            part, held = self.parts[at], values[rows, at].view(np.uint64)
            size = np.uint64(part.categories)
            other = below(words[rows, 2 + at], part.categories - 1, stream, agents[rows], column=2 + at)
            other = (other + held + np.uint64(1)) % size
            kept = heads(words[rows, 1], int(part.p * WORD))
            columns[at][rows] = np.where(kept, held, other)
        return tuple(columns)

    def tally(self, reports: Reports) -> Indices:
        """How often each item was named, attribute by attribute, behind one another."""
        return np.concatenate([tallied(c, size) for c, size in zip(reports.columns, self.categories, strict=True)])

    def chances(self, part: int) -> tuple[Fraction, Fraction]:
        """(P, Q): the probability that a report names an item of this attribute that is held, or is not held."""
        d, oracle = len(self.parts), self.parts[part]
        fake = Fraction(d - 1, oracle.categories)
        return (oracle.p + fake) / d, (oracle.q + fake) / d

    def estimates(self, aggregate: Aggregate) -> tuple[Estimate, ...]:
        """One estimate an attribute, raw and unbiased; every report counts for every attribute."""
        n, ends = self._counted(aggregate), np.cumsum(self.categories)[:-1]
        named = np.split(aggregate.totals, ends)
        return tuple(self._estimated(at, counts, n) for at, counts in enumerate(named))

    def _estimated(self, part: int, named: Indices, n: int) -> Estimate:
        p, q = (float(chance) for chance in self.chances(part))
        value = (named / n - q) / (p - q)
        variance = self.variance(part, np.clip(value, 0, 1), reports=n)
        worst = float(np.max(self.variance(part, np.array([0.0, 1.0]), reports=n)))
        reach = (-q / (p - q), (1 - q) / (p - q))
        return Estimate(value, np.asarray(variance), worst, n, law=Counted(named, p, q), reach=reach)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """All attributes' shares behind one another; `estimates` has them apart."""
        return joined(self.estimates(aggregate), aggregate)

    def variance(self, part: int, share: ArrayLike = 0.0, *, reports: int = 1) -> Floats | float:
        """The exact variance of a share of attribute `part`: [f P (1 - P) + (1 - f) Q (1 - Q)] / (P - Q)^2 / n."""
        f = np.asarray(share, dtype=np.float64)
        p, q = self.chances(checked_part(part, len(self.parts)))
        noise = (f * float(p * (1 - p)) + (1 - f) * float(q * (1 - q))) / float(p - q) ** 2
        return noise / whole("reports", reports, least=1)

    def max_influence(self) -> Influence:
        """(1 - Q)/(P - Q) on one item; in all attributes at once, since a report names an item of each."""
        item, squares = 0.0, 0.0
        for at, size in enumerate(self.categories):
            p, q = (float(chance) for chance in self.chances(at))
            item = max(item, (1 - q) / (p - q))
            squares += ((1 - q) ** 2 + (size - 1) * q * q) / (p - q) ** 2
        return Influence(item, sqrt(squares))

    def simulate(self, values: ArrayLike, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law of the totals if `counts[i]` agents hold the record `values[i]`: for planning."""
        records = self.checked(values)
        held = checked_held(counts, len(records))
        generator, n, d = entropy.generator("simulate random-sampling-fake-data"), int(held.sum()), len(self.parts)
        drawn, named = generator.multinomial(held, np.full(d, 1 / d)), []
        for at, part in enumerate(self.parts):
            true = np.bincount(records[:, at], weights=drawn[:, at], minlength=part.categories).astype(np.int64)
            kept = generator.binomial(true, float(part.p - part.q))  # with probability k q it is uniform anyway
            uniform = generator.multinomial(n - kept.sum(), np.full(part.categories, 1 / part.categories))
            named.append(kept + uniform)
        return Aggregate(self.spec.digest, n, 0, np.concatenate(named).astype(np.int64))
