"""Hadamard response: one number, decoded by a fast transform.

The k items are dealt out to B blocks, item x to block x mod B and there to column j = x div B + 1 of
the b x b Hadamard matrix H[z, j] = (-1)^<z, j>, b the least power of two above the largest column. A
report is one of the B b pairs (block, row). Column j parts every block into two halves of b/2 rows;
the item's *own half* is that of its own block where H = +1 (Acharya, Sun, Zhang, AISTATS 2019):

    one word below T: a uniform row of the own half            alpha = T / 2^64
    else: a uniform row of the other 2 B - 1 halves            beta = (1 - alpha) / (2 B - 1) for each half

The ratio is alpha / beta = T (2 B - 1) / (2^64 - T), and T is the greatest number for which it is at most a
lower bound of e^epsilon. Score a report +1, -1 or 0 for an item: in its own half, in the rest of its
block, elsewhere. The mean score is alpha - beta for holders and 0 for all others, and its square has the
mean alpha + beta for whoever holds an item of the block, 2 beta for others. Hence with N+ - N- the net
supports and m the share of the agents whose item is in the same block

    estimate   (N+ - N-) / n / (alpha - beta)                                             unbiased
    variance   [m (alpha + beta) + (1 - m) 2 beta - f (alpha - beta)^2] / (alpha - beta)^2 / n

exactly. Dealing (rather than filling block after block) makes m close to 1/B, for which the variance is
least at B = (e^epsilon - 1) / 2, where it is 8 / (e^epsilon - 1): at most twice optimized unary encoding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Counted, Estimate, Law
from tip.mechanisms.frequency import FrequencyOracle, checked_categories, checked_counts, tallied
from tip.mechanisms.geometry import LEAST_TALLY, spread
from tip.mechanisms.halves import Halves
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Indices = NDArray[np.int64]
    Words = NDArray[Any]  # uint32, or uint64 for more than 2^32 reports
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HadamardResponse(FrequencyOracle):
    """One row of one of B Hadamard blocks; see the top of the file.

    `categories`: k in [2, 2^31]. `epsilon`: the most that one report may cost, in [1e-6, 40]. `blocks`: B in [1, k];
    the number of least average variance if None. B = 1 is the one-bit Hadamard mechanism, whose report is a random
    row and one randomized sign. Server: a count and a fast transform, the cheapest of all oracles with short reports.
    """

    categories: int
    epsilon: Fraction | float
    blocks: int | None = None
    _blocks: int = field(init=False, repr=False, compare=False)  # B
    _rows: int = field(init=False, repr=False, compare=False)  # b
    _keep: int = field(init=False, repr=False, compare=False)  # T

    def __post_init__(self) -> None:
        k, bound = checked_categories(self.categories), exp_down(checked_epsilon(self.epsilon))
        number = best_blocks(k, self.epsilon) if self.blocks is None else whole("blocks", self.blocks, least=1)
        if number > k:
            raise ConfigurationError(f"blocks is at most the number of items, {k}, not {number}")
        object.__setattr__(self, "_blocks", number)
        object.__setattr__(self, "_rows", 1 << (-(-k // number)).bit_length())
        object.__setattr__(self, "_keep", int(bound * WORD / (bound + 2 * number - 1)))

    @property
    def spec(self) -> Spec:
        """Name, k, the number of blocks and the threshold."""
        integers = (("categories", self.categories), ("blocks", self._blocks), ("keep", self._keep))
        return Spec("hadamard-response", 1, integers)

    @property
    def layout(self) -> tuple[Column, ...]:
        """Block times b plus row."""
        return (Integers("row", high=self.size),)

    @property
    def size(self) -> int:
        """B b, the number of different reports."""
        return self._blocks * self._rows

    @property
    def own(self) -> Fraction:
        """Alpha, the probability that a report is in its item's own half."""
        return Fraction(self._keep, WORD)

    @property
    def other(self) -> Fraction:
        """Beta, the probability of each of the other 2 B - 1 halves."""
        return (1 - self.own) / (2 * self._blocks - 1)

    @property
    def p(self) -> Fraction:
        """Alpha - beta: the mean net support (score) of the item that an agent holds."""
        return self.own - self.other

    @property
    def q(self) -> Fraction:
        """0: the mean net support of any other item."""
        return Fraction(0)

    @property
    def ratio(self) -> Fraction:
        """Alpha / beta."""
        return self.own / self.other

    @property
    def blanket(self) -> Fraction:
        """2 B beta; with one block its row 0 is in every item's own half and keeps alpha / (b / 2)."""
        if self._blocks > 1:
            return 2 * self._blocks * self.other
        return (2 * self.other * (self._rows - 1) + 2 * self.own) / self._rows

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """Alpha shared by the rows of the own half, beta by those of each other half."""
        value = int(self._one(value))
        if self.size > MOST_LISTED:
            return super(HadamardResponse, self).law(value)
        column, block = value // self._blocks + 1, value % self._blocks
        half, rows = self._rows // 2, self._rows
        own = {block * rows + z for z in range(rows) if (z & column).bit_count() % 2 == 0}
        return {(y,): (self.own if y in own else self.other) / half for y in range(self.size)}

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 decides on the own half, the upper part of word 1 on another one, its lower part on the row.

        Halves are numbered from the own block on, 2 (block - own block) + parity, so that the own half is 0.
        """
        words, kind = stream.words(agents, 2), self._kind
        halves = (~heads(words[:, 0], self._keep)).astype(kind)
        if self._blocks > 1:
            other = below(words[:, 1], 2 * self._blocks - 1, stream, agents, column=1).astype(kind)
            halves *= other + kind(1)
        held, blocks = values.astype(kind), kind(self._blocks)
        column = held // blocks
        block = held - column * blocks
        rows = self._of_parity(words[:, 1].astype(kind), column + kind(1), halves)
        block += halves >> kind(1)
        np.minimum(block, block - blocks, out=block)  # mod B: below B it wraps upward
        block *= kind(self._rows)
        block += rows
        return (block,)

    @property
    def _kind(self) -> type[np.unsignedinteger[Any]]:
        """The type of whole numbers that holds rows, columns and reports."""
        return np.uint32 if self.size < 1 << 32 else np.uint64

    def _of_parity(self, words: Words, column: Words, half: Words) -> Words:
        """Uniform rows z with <z, column> = half mod 2: where the parity is wrong, the column's lowest bit is flipped.

        **Claim.** For uniform words the row is uniform over its half: the flip pairs each wrong row with one right row.
        """
        kind = self._kind
        rows: Words = words & kind(self._rows - 1)
        wrong = rows & column
        shift = 32
        while shift := shift // 2:
            if self._rows > 1 << shift:
                wrong ^= wrong >> kind(shift)
        wrong ^= half
        wrong = wrong & kind(1)
        wrong *= column & (~column + kind(1))
        rows ^= wrong
        return rows

    def tally(self, reports: Reports) -> Indices:
        """How often each row of each block was sent."""
        return tallied(reports["row"], self.size)

    @property
    def tally_block(self) -> int:
        """So many reports that the cells cost little."""
        return max(LEAST_TALLY, 8 * self.size)

    def supports(self, aggregate: Aggregate) -> Indices:
        """Net supports: reports in the item's own half less reports in the rest of its block; by transforms, exact."""
        spectrum, half = aggregate.totals.reshape(self._blocks, self._rows), self._rows // 2
        for _ in range(half.bit_length()):  # the lowest digit of the row is transformed, and becomes the highest
            spectrum, before = np.empty_like(spectrum), spectrum
            np.add(before[:, 0::2], before[:, 1::2], out=spectrum[:, :half])
            np.subtract(before[:, 0::2], before[:, 1::2], out=spectrum[:, half:])
        return np.ascontiguousarray(spectrum[:, 1:].T).reshape(-1)[: self.categories]

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        """The report lies in the item's own half (score +1); one in the rest of its block scores -1."""
        blocks, rows = np.divmod(reports["row"].astype(np.int64)[:, None], self._rows)
        odd = rows & (items // self._blocks + 1)
        shift = 32
        while shift:
            odd ^= odd >> shift
            shift //= 2
        own: NDArray[np.bool_] = (blocks == items % self._blocks) & (odd & 1 == 0)
        return own

    def _in_block(self, aggregate: Aggregate) -> Indices:
        """How many reports fell into each item's block, `(k,)`."""
        blocks = aggregate.totals.reshape(self._blocks, self._rows).sum(axis=1)
        return np.tile(blocks, -(-self.categories // self._blocks))[: self.categories]

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """Each item's share, raw. The block's own count stands for m (alpha + beta) + (1 - m) 2 beta, its mean."""
        n = self._counted(aggregate)
        net, block, (own, other, gap) = self.supports(aggregate), self._in_block(aggregate), self._rates
        value = net / n / gap
        variance = np.maximum(block / n / gap**2 - np.clip(value, 0, 1), 0) / n
        law: Law = Halves(net, block, own, other) if self._blocks > 1 else Counted((n + net) // 2, own, 0.5)
        reach = (-1 / gap, 1 / gap)
        return Estimate(value, variance, self._worst_variance() / n, n, aggregate.refused, law, reach=reach)

    @property
    def _rates(self) -> tuple[float, float, float]:
        """Alpha, beta and alpha - beta."""
        return _rates(self)

    def _worst_variance(self) -> float:
        """All in one block, on another item of it if there is one; else the greatest over f = m."""
        own, other, gap = self._rates
        if self._blocks < self.categories:
            return (own + other) / gap**2
        return max(2 * other, own + other - gap**2) / gap**2

    def variance(
        self, share: ArrayLike = 0.0, *, reports: int = 1, block_share: ArrayLike | None = None
    ) -> Floats | float:
        """The exact variance of the estimated share of an item, from `reports` agents.

        `block_share`: m, the share of the agents whose item is in the same block, this item's included; by default the
        average over the items when all other agents' items are spread evenly over the other items.
        """
        f = np.asarray(share, dtype=np.float64)
        m = self._even_block_share(f) if block_share is None else np.asarray(block_share, dtype=np.float64)
        if not ((f >= 0) & (f <= m + 1e-9) & (f <= 1) & (m <= 1 + 1e-9)).all():  # sums of shares are rounded
            raise ConfigurationError("a share lies in [0, 1], and a block's share between it and 1")
        own, other, gap = self._rates
        spread_out = m * (own + other) + (1 - m) * 2 * other
        noise: Floats = (spread_out / gap**2 - f) / whole("reports", reports, least=1)
        return noise

    def _even_block_share(self, share: Floats) -> Floats:
        """Its own f and (1 - f) E[items beside this one in its block] / (k - 1), over a uniform item."""
        k = self.categories
        return share + (1 - share) * max(_even_share(k, self._blocks) * k - 1, 0.0) / (k - 1)

    def max_influence(self) -> Influence:
        """A score of +-1 moves an item by 1 / (alpha - beta), and only the items of one block are moved."""
        item = 1 / float(self.p)
        return Influence(item, item * sqrt(-(-self.categories // self._blocks)))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law of all totals, in O(size + min(agents, k b)).

        With probability 2 B beta an agent sends a uniform row, else one of its item's own half.
        """
        held = checked_counts(counts, self.categories)
        generator = entropy.generator(f"simulate {self.spec.name}")
        blurred = generator.binomial(held, float(2 * self._blocks * self.other))
        totals = generator.multinomial(int(blurred.sum()), np.full(self.size, 1 / self.size)).astype(np.int64)
        totals += spread(generator, held - blurred, self._rows, self._own_row, self.size)
        return Aggregate(self.spec.digest, int(held.sum()), 0, totals)

    def _own_row(self, items: Indices, rows: Indices) -> Indices:
        """The report of the own half of each item that this row of b stands for: each is named twice."""
        column = (items // self._blocks + 1).astype(self._kind)
        right = self._of_parity(rows.astype(self._kind), column, np.zeros_like(column))
        return items % self._blocks * self._rows + right.astype(np.int64)


@lru_cache(maxsize=1024)
def _rates(response: HadamardResponse) -> tuple[float, float, float]:
    own, other = response.own, response.other
    return float(own), float(other), float(own - other)


def best_blocks(categories: int, epsilon: Fraction | float) -> int:
    """The number of blocks of least variance, averaged over the items, for agents that are spread evenly over them.

    With blocks of one size it is (a + 2 B)(2 + a / B) / a^2 - 1 / k, a = e^epsilon - 1: convex, least at B = a / 2.
    """
    top = float(exp_down(checked_epsilon(epsilon))) - 1
    middle = int(min(top / 2, categories))
    candidates: set[int] = {min(max(number, 1), categories) for number in range(middle - 2, middle + 4)}

    def average(blocks: int) -> float:
        share = _even_share(categories, blocks)
        return float((top + 2 * blocks) * (share * (top + 2) + (1 - share) * 2) / top**2)

    return min(sorted(candidates), key=average)


def _even_share(categories: int, blocks: int) -> float:
    """The share of a uniform population that holds an item of the block of a uniform item: sum of (size / k)^2."""
    size, more = divmod(categories, blocks)
    return float(more * (size + 1) ** 2 + (blocks - more) * size**2) / categories**2
