"""Unary encoding: one noisy bit for each item.

An agent writes its item as a row of k bits, a 1 at its item and 0 elsewhere, and sends every bit through a
coin of its own: a 1 stays 1 with probability p, a 0 becomes 1 with probability q (Erlingsson, Pihur, Korolova
2014, "basic RAPPOR"; Wang, Blocki, Li, Jha, USENIX Security 2017, section 4.1). Two items differ in two bits,
so the likelihood ratio is at most, and for some row equal to,

    p (1 - q) / ((1 - p) q).

    symmetric   q = 1 - p, p / q = e^(eps/2)         var* = e^(eps/2) / (e^(eps/2) - 1)^2
    optimized   p = 1/2,   (1 - q) / q = e^eps       var* = 4 e^eps / (e^eps - 1)^2, the least of all p, q

(var* = n times the variance of a share whose truth is 0.) p = P / 2^64 and q = Q / 2^64 are exact: P is rounded
down and Q up, so the ratio is never above e^epsilon.

One made-up report may set every bit. `suspicious` screens for that: the number of ones of an honest report
follows Bin(k - 1, q) + Bin(1, p) whatever the agent holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, nextafter, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.base import Influence
from tip.mechanisms.bits import column_sums, put_bits, row_ones
from tip.mechanisms.coins import coins
from tip.mechanisms.columns import Bits, Column
from tip.mechanisms.frequency import FrequencyOracle, checked_categories
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, heads, words_down, words_up
from tip.privacy.rounding import log_up

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Indices = NDArray[np.int64]

MOST_BITS: Final = 1 << 20
_LISTED: Final = 16  # categories up to which all rows are listed
_EXACT: Final = 4096  # categories up to which q^k is worked out exactly
_TALLY_BYTES: Final = 1 << 20  # of reports that are added up at a time


class UnaryMechanism(FrequencyOracle):
    """What the unary encodings have in common: everything but their two thresholds."""

    __slots__ = ()

    _keep: int  # P
    _flip: int  # Q

    @property
    def spec(self) -> Spec:
        """Name, k and the thresholds: unary encodings with the same three have one law and one digest."""
        rule = (("categories", self.categories), ("keep", self._keep), ("flip", self._flip))
        return Spec("unary-encoding", 1, rule)

    @property
    def layout(self) -> tuple[Column, ...]:
        """One bit an item; item v is bit v mod 8, from the least significant one, of byte v div 8."""
        return (Bits("bits", self.categories),)

    @property
    def tally_block(self) -> int:
        """About a megabyte of reports: the adders of `column_sums` want many rows."""
        return max(256, _TALLY_BYTES * 8 // self.report_bits // 256 * 256)

    @property
    def p(self) -> Fraction:
        """P / 2^64."""
        return Fraction(self._keep, WORD)

    @property
    def q(self) -> Fraction:
        """Q / 2^64."""
        return Fraction(self._flip, WORD)

    @property
    def ratio(self) -> Fraction:
        """P (2^64 - Q) / ((2^64 - P) Q)."""
        return _ratio(self._keep, self._flip)

    @property
    def blanket(self) -> Fraction:
        """Exact up to 4096 items: a row's least probability is its all-zeros law times (1 - p)/(1 - q).

        Only the row of ones has no zero to spare, and the factor p / q; it is left out for many items.
        """
        p, q = self.p, self.q
        zero = (1 - p) / (1 - q)
        return zero + q**self.categories * (p / q - zero) if self.categories <= _EXACT else zero

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """Every row of up to 16 bits, as the tuple of its bytes."""
        value = int(self._one(value))
        if self.categories > _LISTED:
            return super().law(value)
        p, q, size = self.p, self.q, -(-self.categories // 8)
        others = [q**ones * (1 - q) ** (self.categories - 1 - ones) for ones in range(self.categories)]
        law = {}
        for row in range(1 << self.categories):
            own = row >> value & 1
            law[tuple(row.to_bytes(size, "little"))] = (p if own else 1 - p) * others[row.bit_count() - own]
        return law

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Lanes 1 and 2 hold the coins of all items; the one of the own item is replaced by the coin of lane 0."""
        rows = coins(stream, agents, self.categories, self._flip)
        kept = heads(stream.words(agents, 1)[:, 0], self._keep)
        put_bits(rows, values, kept)
        return (rows,)

    def tally(self, reports: Reports) -> Indices:
        """How often each bit is set."""
        return column_sums(reports["bits"], self.categories)

    def supports(self, aggregate: Aggregate) -> Indices:
        """A report supports the items whose bits are set."""
        return aggregate.totals

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = (reports["bits"][:, items >> 3] >> (items & 7).astype(np.uint8) & 1).view(np.bool_)
        return chosen

    def ones_range(self, alpha: float) -> tuple[int, int]:
        """The least and the greatest number of ones that pass: an honest report fails with probability <= alpha.

        Each tail gets alpha / 2. The law, Bin(k - 1, q) + Bin(1, p), is the same for every item held.
        """
        if not isinstance(alpha, float) or not 0 < alpha < 1:
            raise ConfigurationError(f"alpha lies between 0 and 1, not {alpha!r}")
        p, q, others = float(self.p), float(self.q), self.categories - 1
        count = np.arange(self.categories + 1)
        upper = (1 - p) * _at_least(count, others, q) + p * _at_least(count - 1, others, q)
        zeros = self.categories - count
        lower = p * _at_least(zeros, others, 1 - q) + (1 - p) * _at_least(zeros - 1, others, 1 - q)
        return int(np.argmax(lower > alpha / 2)), int(np.flatnonzero(upper > alpha / 2)[-1])

    def suspicious(self, reports: Reports, alpha: float) -> Indices:
        """The rows of valid reports whose number of ones lies outside `ones_range(alpha)`: a defence, never a default.

        It stops reports that support very many or very few items, and nothing else: a liar may set as many bits as an
        honest agent would. Leaving out honest rows biases the estimate by about alpha; see the page.
        """
        self._same(reports.digest, "reports")
        low, high = self.ones_range(alpha)
        ones = row_ones(reports["bits"])
        return np.flatnonzero((ones < low) | (ones > high))

    def screened_influence(self, alpha: float) -> Influence:
        """What one made-up report that `suspicious` lets pass can move: one item as much as ever, all of them less."""
        p, q, k = float(self.p), float(self.q), self.categories
        squares = [(ones * (1 - q) ** 2 + (k - ones) * q * q) for ones in self.ones_range(alpha)]
        return Influence(max(1 - q, q) / (p - q), sqrt(max(squares)) / (p - q))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law: bits, and so the items' supports, are independent of one another."""
        return super().simulate(counts, entropy=entropy)


@dataclass(frozen=True, slots=True)
class UnaryEncoding(UnaryMechanism):
    """Unary encoding with probabilities of one's own; see the top of the file.

    `categories`: k in [2, 2^20]. `keep`: p, rounded down to a multiple of 2^-64; `flip`: q < p, rounded up. Both are
    exact numbers in (0, 1); a float stands for the number that it holds.
    """

    categories: int
    keep: Fraction | float
    flip: Fraction | float
    epsilon: float = field(init=False, compare=False)  # what these probabilities cost, rounded up
    _keep: int = field(init=False, repr=False, compare=False)
    _flip: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _checked_width(self.categories)
        keep, flip = _share("keep", self.keep), _share("flip", self.flip)
        object.__setattr__(self, "_keep", words_down(keep))
        object.__setattr__(self, "_flip", words_up(flip))
        if not 0 < self._flip < self._keep < WORD:
            raise ConfigurationError(f"keep is above flip, not {float(keep):g} and {float(flip):g}")
        object.__setattr__(self, "epsilon", nextafter(log_up(self.ratio), inf))
        checked_epsilon(self.epsilon)


@dataclass(frozen=True, slots=True)
class SymmetricUnaryEncoding(UnaryMechanism):
    """Unary encoding with q = 1 - p (basic RAPPOR); see the top of the file.

    `categories`: k in [2, 2^20]. `epsilon`: the most that one report may cost, in [1e-6, 40].
    """

    categories: int
    epsilon: Fraction | float
    _keep: int = field(init=False, repr=False, compare=False)
    _flip: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _checked_width(self.categories)
        epsilon = checked_epsilon(self.epsilon)
        root = exp_down(epsilon / 2)
        keep = words_down(root / (root + 1))
        while _ratio(keep, WORD - keep) > exp_down(epsilon):  # root^2 may be above the bound by 2^-90 of it
            keep -= 1
        object.__setattr__(self, "_keep", keep)
        object.__setattr__(self, "_flip", WORD - keep)


@dataclass(frozen=True, slots=True)
class OptimizedUnaryEncoding(UnaryMechanism):
    """Unary encoding with p = 1/2 and the least q that epsilon allows (OUE); see the top of the file.

    `categories`: k in [2, 2^20]. `epsilon`: the most that one report may cost, in [1e-6, 40].
    """

    categories: int
    epsilon: Fraction | float
    _keep: int = field(init=False, repr=False, compare=False)
    _flip: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _checked_width(self.categories)
        object.__setattr__(self, "_keep", WORD // 2)
        object.__setattr__(self, "_flip", words_up(1 / (1 + exp_down(checked_epsilon(self.epsilon)))))


def _ratio(keep: int, flip: int) -> Fraction:
    """Of the probabilities of one row under two items: P (2^64 - Q) / ((2^64 - P) Q)."""
    return Fraction(keep * (WORD - flip), (WORD - keep) * flip)


def _checked_width(categories: object) -> None:
    if checked_categories(categories) > MOST_BITS:
        raise ConfigurationError(
            f"a report of one bit an item has at most 2^20 items, not {categories}",
            instead="use local hashing or projective geometry response: their reports take a few bits",
        )


def _share(name: str, value: object) -> Fraction:
    """An exact probability strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction) or not 0 < value < 1:
        raise ConfigurationError(f"{name} is a probability between 0 and 1, not {value!r}")
    return Fraction(value)


def _at_least(least: Indices, trials: int, chance: float) -> NDArray[np.float64]:
    """P[Bin(trials, chance) >= least]."""
    from scipy.special import betainc  # noqa: PLC0415 - scipy is imported where it is needed

    inside = np.clip(least, 1, trials)
    tail = np.asarray(betainc(inside, trials - inside + 1, chance))
    return np.where(least <= 0, 1.0, np.where(least > trials, 0.0, tail))
