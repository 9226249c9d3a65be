"""Subset selection: name w items, the own one among them more likely.

A report is a set S of w of the k items (Ye and Barg, IEEE Trans. Inf. Theory 2018; Wang et al. 2016). One
64-bit word below the threshold T says "with the own item": then S is it and a uniform set of w - 1 others; else
S is a uniform set of w others. With p = T / 2^64 every S that holds the own item has the probability
p / C(k-1, w-1), every other one (1 - p) / C(k-1, w), so the likelihood ratio is, exactly,

    p (k - w) / ((1 - p) w),     and another item is in S with probability q = (p (w - 1) + (1 - p) w) / (k - 1).

T is the greatest whole number whose ratio is at most a lower bound of e^epsilon; w is the size with the least
var* = q (1 - q) / (p - q)^2, one of the two whole numbers around k / (e^epsilon + 1).

**Uniform sets, exactly.** Only symmetric events decide whether a draw is used, so what is used is uniform:
*sparse* (w^2 <= k): w uniform others, drawn again if two of them are equal; the first one gives way to the own
item. *Dense*: 16-bit keys for all items, the own item's replaced by the lowest or the highest key, and S the w
lowest; drawn again if the w-th and the next key are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import comb, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.base import LEAST_BLOCK, MOST_BLOCK, MOST_LISTED, Influence
from tip.mechanisms.bits import column_sums, row_ones
from tip.mechanisms.columns import Bits, Column, Integers
from tip.mechanisms.frequency import FrequencyOracle, checked_categories, tallied
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole
from tip.privacy.shuffling import Blanket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

MOST_ITEMS: Final = 1 << 14  # 16-bit keys must rarely be equal
_NARROW: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class SubsetSelection(FrequencyOracle):
    """A set of w of k items, with the own one more likely; see the top of the file.

    `categories`: k in [2, 2^14]. `epsilon`: the most that one report may cost, in [1e-6, 40]. `size`: w in [1, k - 1],
    by default the one with the least variance. A report is w sorted items, or a bit an item where that is shorter.
    """

    categories: int
    epsilon: Fraction | float
    size: int | None = None
    _keep: int = field(init=False, repr=False, compare=False)  # T
    _size: int = field(init=False, repr=False, compare=False)  # w

    def __post_init__(self) -> None:
        k, bound = checked_categories(self.categories), exp_down(checked_epsilon(self.epsilon))
        if k > MOST_ITEMS:
            raise ConfigurationError(
                f"subset selection serves at most 2^14 items, not {k}",
                instead="use projective geometry response: the same accuracy in log2 k bits",
            )
        size = _best_size(k, bound) if self.size is None else whole("size", self.size, least=1)
        if size >= k:
            raise ConfigurationError(f"a set of {size} of {k} items tells nothing", instead=f"a size in [1, {k - 1}]")
        object.__setattr__(self, "_size", size)
        object.__setattr__(self, "_keep", _threshold(k, size, bound))

    @property
    def spec(self) -> Spec:
        """Name, k, w and the threshold."""
        rule = (("categories", self.categories), ("size", self._size), ("keep", self._keep))
        return Spec("subset-selection", 1, rule)

    @property
    def layout(self) -> tuple[Column, ...]:
        """The items of the set in increasing order, or a row of bits."""
        listed, row = Integers("items", self.categories, width=self._size), Bits("bits", self.categories)
        return (listed if listed.row_bits < row.row_bits else row,)

    @property
    def p(self) -> Fraction:
        """T / 2^64."""
        return Fraction(self._keep, WORD)

    @property
    def q(self) -> Fraction:
        """(p (w - 1) + (1 - p) w) / (k - 1) = (w - p) / (k - 1)."""
        return (self._size - self.p) / (self.categories - 1)

    @property
    def ratio(self) -> Fraction:
        """P (k - w) / ((1 - p) w)."""
        return Fraction(self._keep * (self.categories - self._size), (WORD - self._keep) * self._size)

    @property
    def blanket(self) -> Fraction:
        """Every set has at least the probability (1 - p) / C(k-1, w): together (1 - p) k / (k - w)."""
        return (1 - self.p) * self.categories / (self.categories - self._size)

    @property
    def worst_pair(self) -> Blanket:
        """Any two items: reports have one density inside the set of the own item, and one outside."""
        return Blanket.of_two_levels(self.p, self.q, self.blanket)

    @property
    def block(self) -> int:
        """As many agents as keep the draws of a block within the cache."""
        draws = 4 * self._size if self._is_sparse else self.categories
        return min(MOST_BLOCK, max(LEAST_BLOCK, (1 << 18) // draws // LEAST_BLOCK * LEAST_BLOCK))

    @property
    def tally_block(self) -> int:
        """About a megabyte of reports."""
        return max(LEAST_BLOCK, (1 << 23) // self.report_bits // LEAST_BLOCK * LEAST_BLOCK)

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """Every set, as the tuple of its items or of the bytes of its row."""
        value = int(self._one(value))
        k, w = self.categories, self._size
        if comb(k, w) > MOST_LISTED:
            return super(SubsetSelection, self).law(value)
        own, other = self.p / comb(k - 1, w - 1), (1 - self.p) / comb(k - 1, w)
        sets = combinations(range(k), w)
        return {_written(chosen, self.layout[0], k): own if value in chosen else other for chosen in sets}

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Word 0 of lane 0 decides whether the set has the own item; the others come from the lanes after it."""
        kept = heads(stream.words(agents, 1)[:, 0], self._keep)
        if self._is_sparse:
            return (self._sparse(values, kept, stream, agents),)
        chosen = self._dense(values, kept, stream, agents)
        if isinstance(self.layout[0], Integers):
            return (np.nonzero(chosen)[1].reshape(len(chosen), self._size),)
        return (np.packbits(chosen, axis=1, bitorder="little"),)

    @property
    def _is_sparse(self) -> bool:
        return isinstance(self.layout[0], Integers) and self._size**2 <= self.categories

    def _sparse(self, values: Indices, kept: NDArray[np.bool_], stream: Stream, agents: Indices) -> Indices:
        """Sorted items `(n, w)`. A row with a refused word or two equal numbers is drawn again in the next lane."""
        out = np.empty((len(agents), self._size), dtype=np.int64)
        rows, lane = np.arange(len(agents)), 1
        while len(rows):
            words = stream.words(agents[rows], self._size, lane=lane, dtype=np.uint32)
            drawn, uniform = _numbers(words, self.categories - 1)
            ordered = np.sort(drawn, axis=1)
            good = uniform & np.logical_and.reduce(ordered[:, 1:] != ordered[:, :-1], axis=1)
            drawn += drawn >= values[rows, None]
            drawn[:, 0] = np.where(kept[rows], values[rows], drawn[:, 0])
            out[rows] = np.sort(drawn, axis=1)
            rows, lane = rows[~good], lane + 1
        return out

    def _dense(self, values: Indices, kept: NDArray[np.bool_], stream: Stream, agents: Indices) -> NDArray[np.bool_]:
        """Which items are in the set, `(n, k)`: rows whose boundary is tied are drawn again in the next lane."""
        chosen = np.empty((len(agents), self.categories), dtype=np.bool_)
        rows, lane = np.arange(len(agents)), 1
        while len(rows):
            keys = stream.words(agents[rows], self.categories, lane=lane, dtype=np.uint16)
            keys[np.arange(len(rows)), values[rows]] = np.where(kept[rows], 0, (1 << 16) - 1)
            last = np.partition(keys, self._size - 1, axis=1)[:, self._size - 1 : self._size]
            chosen[rows] = keys <= last
            rows, lane = rows[np.count_nonzero(chosen[rows], axis=1) != self._size], lane + 1
        return chosen

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """A report names exactly w items, each once and in increasing order."""
        if isinstance(self.layout[0], Bits):
            return {f"not {self._size} items": row_ones(reports["bits"]) == self._size}
        items = reports["items"]
        return {"items not in increasing order": np.logical_and.reduce(items[:, 1:] > items[:, :-1], axis=1)}

    def tally(self, reports: Reports) -> Indices:
        """How often each item was named."""
        if isinstance(self.layout[0], Bits):
            return column_sums(reports["bits"], self.categories)
        return tallied(reports["items"].reshape(-1), self.categories)

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports the items that it names."""
        return aggregate.totals

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        if isinstance(self.layout[0], Bits):
            return (reports["bits"][:, items >> 3] >> (items & 7).astype(np.uint8) & 1).astype(np.bool_)
        first = np.arange(len(reports))[:, None] * self.categories
        return np.isin(first + items, first + reports["items"])

    def max_influence(self) -> Influence:
        """One report names w items, whoever made it up: (1 - q)/(p - q) at each, q/(p - q) less at the others."""
        q, w, gap = float(self.q), self._size, float(self.p - self.q)
        return Influence(max(1 - q, q) / gap, sqrt(w * (1 - q) ** 2 + (self.categories - w) * q * q) / gap)

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """Each item's own law; *not* the joint one: drawn items are independent, true ones add up to w a report."""
        return super(SubsetSelection, self).simulate(counts, entropy=entropy)


def _threshold(categories: int, size: int, bound: Fraction) -> int:
    """The greatest T with T (k - w) <= bound (2^64 - T) w."""
    return int(bound * size * WORD / (bound * size + categories - size))


def _best_size(categories: int, bound: Fraction) -> int:
    """The w with the least variance at share 0, of the two sizes around k / (bound + 1)."""

    def variance(size: int) -> Fraction:
        p = Fraction(_threshold(categories, size, bound), WORD)
        q = (size - p) / (categories - 1)
        return q * (1 - q) / (p - q) ** 2

    near = int(categories / (bound + 1))
    return min((min(max(size, 1), categories - 1) for size in (near, near + 1)), key=variance)


def _numbers(words: NDArray[np.uint32], high: int) -> tuple[Indices, NDArray[np.bool_]]:
    """Numbers in [0, high) from 32-bit words, and which rows have used no word that would favor a number.

    As `thresholds.below`: the upper half of word times high, refused if the lower half is below 2^32 mod high.
    """
    products = words.astype(np.uint64) * np.uint64(high)
    fair = np.logical_and.reduce((products & np.uint64(_NARROW - 1)) >= np.uint64(_NARROW % high), axis=1)
    return (products >> np.uint64(32)).astype(np.int64), fair


def _written(chosen: tuple[int, ...], column: Column, categories: int) -> tuple[int, ...]:
    """A set as it stands in a report."""
    if isinstance(column, Integers):
        return chosen
    return tuple(sum(1 << item for item in chosen).to_bytes(-(-categories // 8), "little"))
