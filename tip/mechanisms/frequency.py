"""Frequency oracles: which share of the agents holds which of k items.

A *pure* frequency oracle is one in which every report supports a set of items; an item that an agent
holds is supported with probability p, any other with probability q, and two bits of chance suffice to
know all about one item's count N_v of supports among n reports:

    estimate of the share f_v     (N_v / n - q) / (p - q)                           unbiased
    its variance                  [f p (1 - p) + (1 - f) q (1 - q)] / (p - q)^2 / n   for fixed answers

(Wang, Blocki, Li, Jha, USENIX Security 2017, section 3; p and q are exact fractions here.) The supports
of different items in one report may depend on one another; each item's own law does not.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import Influence, PureMechanism
from tip.mechanisms.estimates import Counted, Estimate, whole_array
from tip.mechanisms.inputs import as_array
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy

    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_CATEGORIES = 1 << 31


class FrequencyOracle(PureMechanism):
    """A local mechanism over the items 0 .. categories - 1 whose estimate is each item's share."""

    __slots__ = ()

    categories: int

    @abstractmethod
    def supports(self, aggregate: Aggregate) -> Indices:
        """How many reports support each item, `(categories,)` int64."""

    @property
    @abstractmethod
    def p(self) -> Fraction:
        """The probability that a report supports the item that its agent holds."""

    @property
    @abstractmethod
    def q(self) -> Fraction:
        """The probability that a report supports an item that its agent does not hold."""

    def checked(self, values: ArrayLike) -> NDArray[Any]:
        """Items as int64 `(n,)`; raises `DataError` that names the first bad row, not its value."""
        return checked_items(values, self.categories)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """Each item's share, raw: entries may be negative and need not add up to 1."""
        n = self._counted(aggregate)
        return self._shares(self.supports(aggregate), n, aggregate.refused)

    def _shares(self, supports: Indices, n: int, refused: int) -> Estimate:
        """The shares of items with these supports, all of them or some."""
        p, q, gap = rates(self)
        value = (supports / n - q) / gap
        shares = np.concatenate([np.clip(value, 0, 1), [0.0, 1.0]])
        variances = np.asarray(self.variance(shares, reports=n))
        return Estimate(
            value=value,
            variance=variances[:-2],
            worst_variance=float(variances[-2:].max()),
            reports=n,
            refused=refused,
            law=Counted(supports, p, q),
            reach=(-q / gap, (1 - q) / gap),
        )

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1) -> Floats | float:
        """The exact variance of the estimated share of an item whose true share is `share`, from `reports` agents."""
        f = np.asarray(share, dtype=np.float64)
        if not ((f >= 0) & (f <= 1)).all():
            raise ConfigurationError("a share lies in [0, 1]")
        p, q, gap = rates(self)
        noise = (f * p * (1 - p) + (1 - f) * q * (1 - q)) / gap**2
        return noise / whole("reports", reports, least=1)

    def support(self, reports: Reports, items: ArrayLike) -> NDArray[np.bool_]:
        """Which report supports which of these items, `(n, len(items))` bool: n m steps, for a closer look at few.

        Reports out of range are not refused here: their rows mean nothing. Raises `ConfigurationError` for another
        mechanism's reports, and where single reports do not tell (they then have no such form).
        """
        self._same(reports.digest, "reports")
        return self._support(reports, checked_items(items, self.categories))

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        del reports, items
        raise ConfigurationError(f"{self.spec.name} does not say which items a single report supports")

    def max_influence(self) -> Influence:
        """(1 - q)/(p - q) on one item; and on all of them together, if a report could support every item.

        Mechanisms whose reports support few items bound the second figure better.
        """
        _, q, gap = rates(self)
        item = max(1 - q, q) / gap
        return Influence(item, item * sqrt(self.categories))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """An aggregate of agents of whom `counts[v]` hold item v, in O(categories): for planning, never for data.

        Each item's supports follow their exact law, Bin(c, p) + Bin(n - c, q); subclasses say whether items are
        drawn jointly as well.
        """
        held = checked_counts(counts, self.categories)
        n = int(held.sum())
        generator = entropy.generator(f"simulate {self.spec.name}")
        supports = generator.binomial(held, float(self.p)) + generator.binomial(n - held, float(self.q))
        return Aggregate(self.digest, n, 0, self.totals_of(supports.astype(np.int64), n))

    def totals_of(self, supports: Indices, reports: int) -> Indices:
        """The totals of an aggregate with these supports; the supports themselves, unless a subclass says otherwise."""
        del reports
        return supports


@lru_cache(maxsize=1024)
def rates(oracle: FrequencyOracle) -> tuple[float, float, float]:
    """Floats nearest to p, q and p - q."""
    p, q = oracle.p, oracle.q
    return float(p), float(q), float(p - q)


def checked_items(values: ArrayLike, categories: int) -> Indices:
    """Whole numbers in [0, categories) as int64 `(n,)`, perhaps the same array; a single number is one row.

    Never prints a value.
    """
    array = np.atleast_1d(as_array(values, "items"))
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ConfigurationError(
            f"items are a one-dimensional array of whole numbers in [0, {categories}), not {array.dtype} "
            f"of shape {array.shape}"
        )
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < categories:
        bad = (array < 0) | (array >= categories)
        raise DataError(
            f"{int(bad.sum())} of {len(array)} values are no item",
            row=int(np.argmax(bad)) + 1,
            instead=f"items are the numbers 0 to {categories - 1}",
        )
    return array.astype(np.int64, copy=False)


def checked_counts(counts: ArrayLike, categories: int) -> Indices:
    """How many agents hold each item: `(categories,)` whole numbers >= 0, at least one agent in all."""
    held = whole_array(counts, "counts")
    if held.shape != (categories,) or held.min() < 0 or not 0 < held.sum() < 1 << 53:
        raise ConfigurationError(f"counts are {categories} whole numbers >= 0 that add up to at least 1")
    return held


def checked_categories(categories: object) -> int:
    """The number of items: in [2, 2^31]."""
    number = whole("categories", categories, least=2)
    if number > MOST_CATEGORIES:
        raise ConfigurationError(
            f"categories is at most 2^31, not {categories}", instead="hash the items first, or use heavy hitters"
        )
    return number


def tallied(values: NDArray[Any], length: int) -> Indices:
    """How often each of 0 .. length - 1 occurs, int64; `values` `(n,)` lie there.

    Many bytes are counted in pairs, 65,536 bins for two of them at once: half as many steps.
    """
    if values.dtype != np.uint8 or len(values) < _PAIRS or not values.flags.c_contiguous:
        return np.bincount(values, minlength=length).astype(np.int64, copy=False)
    even = len(values) // 2 * 2
    pairs = np.bincount(values[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    rest = np.bincount(values[even:], minlength=length)
    both: Indices = pairs.sum(axis=0) + pairs.sum(axis=1)
    return both[:length] + rest


_PAIRS = 1 << 16  # values from which on the many bins pay
