"""Local hashing with few public hashes: a fast server, and what it costs.

K public hashes h_1 .. h_K serve all agents; each agent draws one of them (its cohort) and sends the blurred hash of its
item. The server counts answers per cohort, n + K k steps instead of n k. (pure-ldp calls it FLH.)

The public hashes are independent and uniformly random functions from AES, not multiply-shift: with few hashes their
tables are cheap, and the variance below needs that triples of items hash independently. *Given the hashes* an estimate
is biased, because two items that share a hash in some cohorts do so for all agents of these cohorts; over the choice
of `public_seed` it is unbiased, and with c_u agents holding item u

    Var c_v = (variance of local hashing) + sum_{u != v} c_u (c_u - 1) / ((g - 1) K).

The proof is in docs/local-hashing.md. The second term grows with n^2, so K has to grow with n: `cohorts_for`.
Privacy is that of local hashing: cohorts do not depend on items, and given one the answer is randomized response.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.frequency import FrequencyOracle, checked_categories, checked_counts
from tip.mechanisms.hashing import BlurredHash, best_range_bits, checked_range_bits
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import below, checked_epsilon
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_CELLS: Final = 1 << 26  # cohorts times answers
MOST_HASHES: Final = 1 << 34  # cohorts times items: a minute or two of decoding
_TABLE: Final = 1 << 20  # hashes computed at a time


@dataclass(frozen=True, slots=True)
class CohortLocalHashing(FrequencyOracle):
    """One of k items through one of K public hashes to [g]; see the top of the file.

    `cohorts`: K; take `cohorts_for(n, epsilon)` or more. `public_seed`: what the hashes follow from; a number that
    nobody could choose to suit an item, such as a date. `hashed_to`: g = 2^b, by default the best one of local hashing.
    """

    categories: int
    epsilon: Fraction | float
    cohorts: int
    public_seed: int = 0
    hashed_to: int | None = None
    blur: BlurredHash = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        categories, epsilon = checked_categories(self.categories), checked_epsilon(self.epsilon)
        bits = best_range_bits(epsilon) if self.hashed_to is None else checked_range_bits(self.hashed_to)
        cohorts = whole("cohorts", self.cohorts, least=1)
        whole("public_seed", self.public_seed, least=0)
        if cohorts << bits > MOST_CELLS or cohorts * categories > MOST_HASHES:
            raise ConfigurationError(
                f"{cohorts} cohorts are too many for {1 << bits} answers and {categories} items",
                why=f"cohorts x answers is at most 2^26 here, and cohorts x items 2^{MOST_HASHES.bit_length() - 1}",
                instead="fewer cohorts, or LocalHashing",
            )
        object.__setattr__(self, "blur", BlurredHash(bits, self.epsilon))

    @property
    def spec(self) -> Spec:
        """Name, k, g, the threshold, and what the public hashes follow from."""
        names = ("categories", self.categories), ("range", self.blur.values), ("keep", self.blur.keep)
        return Spec("cohort-local-hashing", 1, (*names, ("cohorts", self.cohorts), ("public-seed", self.public_seed)))

    @property
    def layout(self) -> tuple[Column, ...]:
        """Cohort and answer."""
        return (Integers("cohort", high=self.cohorts), Integers("answer", high=self.blur.values))

    @property
    def p(self) -> Fraction:
        """The probability of the true hash."""
        return self.blur.p

    @property
    def q(self) -> Fraction:
        """1 / g, over the choice of the public hashes."""
        return Fraction(1, self.blur.values)

    @property
    def ratio(self) -> Fraction:
        """P / q'; reached unless the public hashes part no two items."""
        return self.blur.ratio

    @property
    def blanket(self) -> Fraction:
        """G q': given the cohort, every answer has at least the probability q'."""
        return self.blur.values * self.blur.other

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """A uniform cohort; given it, the answer's law under its hash."""
        value = int(self._one(value))
        if self.cohorts * self.blur.values > MOST_LISTED:
            return super(CohortLocalHashing, self).law(value)
        share = Fraction(1, self.cohorts)
        hashes = self.hashes(np.arange(self.cohorts), np.full(self.cohorts, value)).tolist()
        laws = enumerate(self.blur.law(hashed) for hashed in hashes)
        return {(cohort, *answer): share * mass for cohort, law in laws for answer, mass in law.items()}

    def hashes(self, cohorts: Indices, items: Indices) -> Array:
        """Each item's hash in its cohort, `(n,)` uint64: b bits of the public stream (agent = cohort, place = item)."""
        stream, step = self._public(), self._places
        words = stream.words_at(cohorts, items // step)
        words >>= ((items % step) * (64 // step)).astype(np.uint64)
        hashes: Array = words & np.uint64(self.blur.values - 1)
        return hashes

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Word 0 makes the answer, word 1 the cohort (uniform, by rejection)."""
        words = stream.words(agents, 2)
        cohorts = below(words[:, 1], self.cohorts, stream, agents, column=1)
        return cohorts, self.blur.answers(self.hashes(cohorts.view(np.int64), values), words[:, 0])

    def tally(self, reports: Reports) -> Indices:
        """How often each answer came from each cohort, `(cohorts, g)`."""
        cells = reports["cohort"].astype(np.int64) * self.blur.values + reports["answer"]
        counts = np.bincount(cells, minlength=self.cohorts * self.blur.values)
        return counts.reshape(self.cohorts, self.blur.values).astype(np.int64, copy=False)

    def aggregate(self, reports: Reports) -> Aggregate:
        """As for every mechanism, with as many reports at a time as there are cells."""
        screened = self.validate(reports)
        kept, step = screened.accepted, max(1 << 16, self.cohorts * self.blur.values)
        totals = self.tally(kept.take(slice(0, step)))
        for first in range(step, len(kept), step):
            totals += self.tally(kept.take(slice(first, first + step)))
        return Aggregate(self.spec.digest, len(kept), len(screened.refused), totals)

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports the items that its cohort hashes to its answer: K k table look-ups."""
        supports = np.zeros(self.categories, dtype=np.int64)
        for rows, items, table in self._tables():
            supports[items] += np.take_along_axis(aggregate.totals[rows], table.astype(np.intp), axis=1).sum(axis=0)
        return supports

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        cohorts = np.repeat(reports["cohort"].astype(np.int64), len(items))
        hashes = self.hashes(cohorts, np.tile(items, len(reports))).reshape(len(reports), len(items))
        return np.equal(hashes, reports["answer"][:, None])

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """Each item's share, raw; its variance has the shares' squares, estimated without bias, put in."""
        n = self._counted(aggregate)
        p, q = float(self.p), float(self.q)
        value = (self.supports(aggregate) / n - q) / (p - q)
        clipped = np.clip(value, 0, 1)
        noise, squares = self._noise(clipped, n), self._squares(value, n)
        return Estimate(
            value=value,
            variance=noise + self._sharing(np.maximum(squares - clipped**2, 0.0), n),
            worst_variance=float(np.max(self.variance(np.array([0.0, 1.0]), reports=n))),
            reports=n,
            refused=aggregate.refused,
            reach=(-q / (p - q), (1 - q) / (p - q)),
        )

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1, shares: ArrayLike | None = None) -> Floats | float:
        """The exact variance of an item's estimated share, over the agents' bits and the choice of the public hashes.

        It depends on all items' true `shares` `(k,)`; without them all other agents are taken to hold one item, which
        is the worst case. `share`: the item's own.
        """
        f, noise = np.asarray(share, dtype=np.float64), self._noise(share, reports)
        others = (1 - f) ** 2 if shares is None else np.square(shares).sum() - f**2
        weight = 1 - f if shares is None else np.sum(shares) - f
        return noise + np.maximum(others - weight / reports, 0.0) / ((self.blur.values - 1) * self.cohorts)

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law given this mechanism's public hashes, in O(K k): for planning, never for data."""
        held = checked_counts(counts, self.categories)
        generator = entropy.generator(f"simulate {self.spec.name}")
        totals = np.zeros((self.cohorts, self.blur.values), dtype=np.int64)
        left, rest = held.copy(), np.zeros(self.cohorts, dtype=np.int64)
        for rows, items, table in self._tables():
            for cohort, hashes in zip(range(rows.start, rows.stop), table, strict=True):
                here = generator.binomial(left[items], 1 / (self.cohorts - cohort))
                left[items] -= here
                kept = generator.binomial(here, 1 - float(self.blanket))
                totals[cohort] += np.bincount(hashes, weights=kept, minlength=self.blur.values).astype(np.int64)
                rest[cohort] += (here - kept).sum()
        totals += generator.multinomial(rest, np.full(self.blur.values, 1 / self.blur.values))
        return Aggregate(self.spec.digest, int(held.sum()), 0, totals)

    @property
    def _places(self) -> int:
        """Hashes in a 64-bit word of the public stream."""
        return 8 if self.blur.range_bits <= 8 else 4

    def _public(self) -> Stream:
        return Entropy.seeded(self.public_seed).stream("cohort-local-hashing hashes")

    def _tables(self) -> Iterator[tuple[slice, slice, Array]]:
        """The public hashes by blocks: cohorts, items, `(cohorts, items)` uint8 or uint16; cohorts ascend."""
        stream, kind = self._public(), np.uint8 if self._places == 8 else np.uint16
        width = min(self.categories, _TABLE)
        height = max(1, _TABLE // width)
        for first in range(0, self.cohorts, height):
            rows = slice(first, min(first + height, self.cohorts))
            for start in range(0, self.categories, width):
                items = slice(start, min(start + width, self.categories))
                words = stream.words(np.arange(rows.start, rows.stop), items.stop - start, start=start, dtype=kind)
                yield rows, items, words & kind(self.blur.values - 1)

    def _noise(self, share: ArrayLike, reports: int) -> Floats:
        """The variance of local hashing, which the agents' own bits make."""
        return np.asarray(super(CohortLocalHashing, self).variance(share, reports=reports))

    def _sharing(self, squares: Floats, reports: int) -> Floats:
        """The variance from shared hashes, for the others' sum of squared shares."""
        return np.maximum(squares - 1 / reports, 0.0) / ((self.blur.values - 1) * self.cohorts)

    def _squares(self, value: Floats, reports: int) -> float:
        """The sum of squared shares: raw squares less the variances that are in them, cut to [1/n, 1]."""
        scale, k = (self.blur.values - 1) * self.cohorts, self.categories
        noise = float(self._noise(np.clip(value, 0, 1), reports).sum()) - (k - 1) / scale / reports
        squares = (float(np.square(value).sum()) - noise) / (1 + (k - 1) / scale)
        return min(max(squares, 1 / reports), 1.0)


def cohorts_for(reports: int, epsilon: Fraction | float, *, squares: float = 1.0, excess: float = 0.1) -> int:
    """The least power of two of cohorts whose extra variance is at most `excess` of local hashing's at share 0.

    `squares`: an upper bound of the sum of the squared shares; 1 is the worst case, all agents holding one item.
    Extra / variance = n squares / ((g - 1) K V), V the variance of local hashing from one report.
    """
    n, bits = whole("reports", reports, least=1), best_range_bits(checked_epsilon(epsilon))
    if not (0 < squares <= 1 and 0 < excess < np.inf):
        raise ConfigurationError("squares lies in (0, 1], and excess is a number > 0")
    blur = BlurredHash(bits, epsilon)
    q = 1 / blur.values
    noise = q * (1 - q) / (float(blur.p) - q) ** 2
    wanted = n * squares / ((blur.values - 1) * noise * excess)
    return 1 << max(int(np.ceil(wanted)) - 1, 0).bit_length()
