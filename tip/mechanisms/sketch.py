"""Count-mean sketch: items from a huge set, in a table of fixed size.

J public hashes h_1 .. h_J map items to [m]. An agent draws one of them, j, writes its item as a row of m bits with
a 1 at h_j(item), and flips every bit with probability phi = 1 / (1 + e^(eps/2)) (Apple, Learning with privacy
at scale, 2017, "CMS"). The server adds the rows up by hash: a table of J x m sums whatever the number of items,
from which the share of any item is estimated when it is asked for. A report supports item v if its bit h_j(v) is set:

    p = 1 - phi,   q = phi + (1 - 2 phi) / m,   share of v = (N_v / n - q) / (p - q),   p - q = (1 - 1/m) (1 - 2 phi)

which is Apple's m/(m-1) [debiased mean - 1/m]. **Which randomness.** *Given the hashes* the estimate is biased:
two items that share a cell in some hashes do so for all agents, and more agents do not help. Over the choice of
`public_seed` it is unbiased, and with c_u agents holding item u the count's variance, over bits and hashes, is

    [c_v p (1 - p) + (n - c_v) q (1 - q)] / (p - q)^2  +  sum_{u != v} c_u (c_u - 1) / ((m - 1) J)

(proof in docs/local-sketches.md; Pan 2024, arXiv 2406.03785, corrects the published expectation and variance). It
needs that triples of items hash independently, so the hashes are random functions from AES, not multiply-shift.
Privacy is that of a symmetric unary row, whatever the hashes are: j does not depend on the item.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED
from tip.mechanisms.bits import column_sums
from tip.mechanisms.columns import Bits, Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.frequency import FrequencyOracle, checked_items
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import below, checked_epsilon
from tip.mechanisms.unary import SymmetricUnaryEncoding
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_KEYS: Final = 1 << 64
MOST_WIDTH: Final = 1 << 16
MOST_HASHES: Final = 1 << 16
MOST_CELLS: Final = 1 << 26
MOST_COUNTED: Final = 1 << 34  # items asked for times hashes
_LANE: Final = 1 << 15  # the word that draws the hash: no bit of a row is read from there
_TABLE: Final = 1 << 20  # hashes computed at a time
_STEP_BYTES: Final = 1 << 24  # of reports that are sorted by their hash at a time
_MANY: Final = 48  # rows of one hash from which on adders pay; below 256, so that bytes hold the other sums
_UNPACKED: Final = 1 << 21  # bits that are unpacked at a time
_WORD: Final = 4  # hashes of 16 bits in a word


@dataclass(frozen=True, slots=True)
class CountMeanSketch(FrequencyOracle):
    """Items 0 .. categories - 1 in a sketch of `hashes` x `width` cells; see the top of the file.

    `categories`: up to 2^64; beyond 2^34 / hashes items only `estimate_of` serves. `epsilon`: the most that one report
    may cost. `hashes`: J in [1, 2^16]. `width`: m = 2^b in [2, 2^16], the bits of a report. `public_seed`: what
    the hashes follow from; a number that nobody could choose to suit an item, such as a date.
    """

    categories: int
    epsilon: Fraction | float
    hashes: int
    width: int
    public_seed: int = 0
    row: SymmetricUnaryEncoding = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        hashes, width = whole("hashes", self.hashes, least=1), whole("width", self.width, least=2)
        whole("public_seed", self.public_seed, least=0)
        if not 2 <= whole("categories", self.categories, least=2) <= MOST_KEYS:
            raise ConfigurationError(f"categories is at most 2^64, not {self.categories}")
        if width & (width - 1) or width > MOST_WIDTH or hashes > MOST_HASHES or width * hashes > MOST_CELLS:
            raise ConfigurationError(
                f"a sketch of {hashes} hashes to {width} cells is not served",
                why="width is a power of two up to 2^16, there are at most 2^16 hashes, and 2^26 cells in all",
            )
        object.__setattr__(self, "row", SymmetricUnaryEncoding(width, self.epsilon))
        checked_epsilon(self.epsilon)

    @property
    def spec(self) -> Spec:
        """The number of items, J, m, the threshold, and what the hashes follow from."""
        sizes = (("categories", self.categories), ("hashes", self.hashes), ("width", self.width))
        rule = (("keep", int(self.row.p * (1 << 64))), ("public-seed", self.public_seed))
        return Spec("count-mean-sketch", 1, (*sizes, *rule))

    @property
    def layout(self) -> tuple[Column, ...]:
        """The hash's number, and the row."""
        return (Integers("hash", high=self.hashes), Bits("bits", self.width))

    @property
    def p(self) -> Fraction:
        """1 - phi."""
        return self.row.p

    @property
    def q(self) -> Fraction:
        """Phi + (1 - 2 phi) / m, over the choice of the hashes."""
        return self.row.q + (self.row.p - self.row.q) / self.width

    @property
    def ratio(self) -> Fraction:
        """((1 - phi) / phi)^2: two bits differ; reached unless the hashes part no two items."""
        return self.row.ratio

    @property
    def blanket(self) -> Fraction:
        """That of a row over m items, a lower bound: items may reach some of the cells only."""
        return self.row.blanket

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """A uniform hash; given it, the row's law."""
        value = int(self._one(value))
        if self.width.bit_length() > 5 or self.hashes << self.width > MOST_LISTED:
            return super(CountMeanSketch, self).law(value)
        numbers = np.arange(self.hashes)
        cells = self.cells(numbers, np.full(self.hashes, value)).tolist()
        laws = ((number, self.row.law(cell)) for number, cell in enumerate(cells))
        return {(number, *row): mass / self.hashes for number, law in laws for row, mass in law.items()}

    def cells(self, hashes: Indices, items: Indices) -> Indices:
        """Each item's cell under its own hash, `(n,)`: 16 bits of the public stream (agent = item, place = hash)."""
        words = self._public().words_at(items, hashes // _WORD)
        words >>= ((hashes % _WORD) * (64 // _WORD)).astype(np.uint64)
        return (words & np.uint64(self.width - 1)).astype(np.int64)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """A word of a lane of its own draws the hash, uniformly; the row is unary encoding's."""
        words = stream.words(agents, 1, lane=_LANE)[:, 0]
        drawn = below(words, self.hashes, stream, agents, column=0, lane=_LANE + 1).astype(np.int64)
        return (drawn, *self.row.draw(self.cells(drawn, values), stream, agents))

    def tally(self, reports: Reports) -> Indices:
        """`(hashes, width + 1)`: how often each bit came set from each hash, and last how many reports it has."""
        totals = np.zeros((self.hashes, self.width + 1), dtype=np.int64)
        self._add(reports, totals)
        return totals

    def aggregate(self, reports: Reports) -> Aggregate:
        """As for every mechanism, in one table of totals."""
        screened = self.validate(reports)
        kept, step = screened.accepted, max(1 << 12, _STEP_BYTES * 8 // self.width)
        totals = np.zeros((self.hashes, self.width + 1), dtype=np.int64)
        for first in range(0, len(kept), step):
            self._add(kept.take(slice(first, first + step)), totals)
        return Aggregate(self.spec.digest, len(kept), len(screened.refused), totals)

    def _add(self, reports: Reports, totals: Indices) -> None:
        """Add rows to the totals: by adders where a hash has many, else unpacked and summed hash by hash."""
        order = np.argsort(reports["hash"], kind="stable")
        rows, counts = reports["bits"][order], np.bincount(reports["hash"], minlength=self.hashes)
        ends = np.cumsum(counts)
        totals[:, self.width] += counts
        for number in np.flatnonzero(counts >= _MANY).tolist():
            totals[number, : self.width] += column_sums(rows[ends[number] - counts[number] : ends[number]], self.width)
        few = np.repeat(counts < _MANY, counts)
        self._add_few(rows[few], reports["hash"][order[few]], totals)

    def _add_few(self, rows: Array, numbers: Array, totals: Indices) -> None:
        step = max(1, _UNPACKED // self.width)
        for first in range(0, len(rows), step):
            some = numbers[first : first + step]
            starts = np.flatnonzero(np.concatenate([[True], some[1:] != some[:-1]]))
            bits = np.unpackbits(rows[first : first + step], axis=1, count=self.width, bitorder="little")
            totals[some[starts], : self.width] += np.add.reduceat(bits, starts, axis=0, dtype=np.uint8)

    def supports(self, aggregate: Aggregate) -> Indices:
        """How many reports support each item; refused where that takes more than 2^34 look-ups."""
        if self.categories * self.hashes > MOST_COUNTED:
            raise ConfigurationError(
                f"{self.categories} items are too many to estimate all of them", instead="estimate_of(aggregate, items)"
            )
        return self.supports_of(aggregate, np.arange(self.categories))

    def supports_of(self, aggregate: Aggregate, items: ArrayLike) -> Indices:
        """How many reports support each of these items, `(len(items),)`: J look-ups each."""
        self._same(aggregate.digest, "totals")
        keys = checked_items(items, self.categories)
        if len(keys) * self.hashes > MOST_COUNTED:
            raise ConfigurationError(f"{len(keys)} items are too many to ask for at once", instead="ask in parts")
        supports = np.empty(len(keys), dtype=np.int64)
        flat, starts = aggregate.totals.reshape(-1), np.arange(self.hashes) * (self.width + 1)
        for rows, table in self._tables(keys):
            supports[rows] = flat[starts + table].sum(axis=1)
        return supports

    def _tables(self, keys: Indices) -> Iterator[tuple[slice, Array]]:
        """The cells of blocks of items under all hashes, `(items, hashes)`."""
        stream, step = self._public(), max(1, _TABLE // self.hashes)
        for first in range(0, len(keys), step):
            rows = slice(first, first + step)
            yield rows, stream.words(keys[rows], self.hashes, dtype=np.uint16) & np.uint16(self.width - 1)

    def _public(self) -> Stream:
        return Entropy.seeded(self.public_seed).stream("count-mean-sketch hashes")

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """All items' shares, raw; see `estimate_of`."""
        self._counted(aggregate)
        return self._estimated(aggregate, self.supports(aggregate))

    def estimate_of(self, aggregate: Aggregate, items: ArrayLike) -> Estimate:
        """The shares of these items, `(len(items),)`, raw, unbiased over the choice of the public seed.

        The items are to be chosen without a look at the reports, or the intervals are to be corrected for all that
        were looked at.
        """
        self._counted(aggregate)
        return self._estimated(aggregate, self.supports_of(aggregate, items))

    def _estimated(self, aggregate: Aggregate, supports: Indices) -> Estimate:
        n, p, q = aggregate.reports, float(self.p), float(self.q)
        value = (supports / n - q) / (p - q)
        f = np.clip(value, 0, 1)
        others = np.maximum(self.concentration(aggregate) * (1 - 1 / n) - f * np.maximum(f - 1 / n, 0), 0)
        return Estimate(
            value=value,
            variance=self._noise(f, n) + others / ((self.width - 1) * self.hashes),
            worst_variance=float(np.max(self.variance(np.array([0.0, 1.0]), reports=n))),
            reports=n,
            refused=aggregate.refused,
            reach=(-q / (p - q), (1 - q) / (p - q)),
        )

    def concentration(self, aggregate: Aggregate) -> float:
        """The estimated share of pairs of agents that hold the same item: unbiased before it is cut to [0, 1].

        From the squares of the sketch's cells; 1, the worst case, where no two agents drew one hash.
        """
        self._counted(aggregate)
        m, keep, flip = self.width, float(self.row.p), float(self.row.q)
        counts = aggregate.totals[:, m].astype(np.float64)
        pairs = float(np.sum(counts * (counts - 1)))
        if not pairs:
            return 1.0
        squares = 0.0
        for row, count in zip(aggregate.totals, counts.tolist(), strict=True):
            squares += float(np.square((row[:m] - count * flip) / (keep - flip)).sum())
        own = aggregate.reports * (1 + m * keep * flip / (keep - flip) ** 2)
        return float(np.clip(((squares - own) / pairs - 1 / m) / (1 - 1 / m), 0, 1))

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1, shares: ArrayLike | None = None) -> Floats | float:
        """The exact variance of an item's estimated share, over the agents' bits and the choice of the hashes.

        It depends on all items' true `shares`; without them all other agents are taken to hold one item, which
        is the worst case. `share`: the item's own.
        """
        f, noise = np.asarray(share, dtype=np.float64), self._noise(share, reports)
        others = (1 - f) ** 2 if shares is None else np.square(shares).sum() - f**2
        weight = 1 - f if shares is None else np.sum(shares) - f
        return noise + np.maximum(others - weight / reports, 0.0) / ((self.width - 1) * self.hashes)

    def _noise(self, share: ArrayLike, reports: int) -> Floats:
        return np.asarray(super(CountMeanSketch, self).variance(share, reports=reports))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy, items: ArrayLike | None = None) -> Aggregate:
        """The exact joint law given this mechanism's hashes, in O(J (k + m)): for planning, never for data.

        `counts[i]` agents hold `items[i]`, by default item i.
        """
        held = np.atleast_1d(np.asarray(counts))
        keys = np.arange(len(held)) if items is None else checked_items(items, self.categories)
        if held.dtype.kind not in "iu" or held.shape != keys.shape or held.min() < 0 or not 0 < held.sum() < 1 << 53:
            raise ConfigurationError("counts are whole numbers >= 0, one for each item, that add up to at least 1")
        generator, public = entropy.generator(f"simulate {self.spec.name}"), self._public()
        totals = np.zeros((self.hashes, self.width + 1), dtype=np.int64)
        left, keep, flip = held.astype(np.int64), float(self.row.p), float(self.row.q)
        for number in range(self.hashes):
            here = generator.binomial(left, 1 / (self.hashes - number))
            left -= here
            words = public.words_at(keys, np.full(len(keys), number // _WORD))
            cells = (words >> np.uint64(number % _WORD * 16) & np.uint64(self.width - 1)).astype(np.intp)
            ones = np.bincount(cells, weights=here, minlength=self.width).astype(np.int64)
            zeros = here.sum() - ones
            totals[number, : self.width] = generator.binomial(ones, keep) + generator.binomial(zeros, flip)
            totals[number, self.width] = here.sum()
        return Aggregate(self.spec.digest, int(held.sum()), 0, totals)
