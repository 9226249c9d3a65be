"""L-OSUE: unary reports over time, a permanent row of bits and its flips.

The two stages, what they promise and what a change costs: `tip.mechanisms.permanent`, docs/local-over-time.md.

**L-OSUE** (Arcolezi and others 2022) is optimal unary encoding, p1 = 1/2, q1 = 1 / (e^limit + 1), followed by symmetric
flips of each bit with probability q2 = 1 - p2. With p1 = 1/2 a held item's bit is fair after both stages, so the first
report's ratio is (1 - s) / s with s = q1 + q2 (1 - 2 q1), and both thresholds round *up*:

    q1 = least n / 2^64 with (1 - q1) / q1 <= e^limit,    q2 = least n / 2^64 with (1 - s) / s <= e^first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tip.errors import ConfigurationError
from tip.mechanisms.base import LEAST_BLOCK, MOST_LISTED
from tip.mechanisms.bits import column_sums, put_bits
from tip.mechanisms.coins import coins
from tip.mechanisms.columns import Bits, Column
from tip.mechanisms.frequency import checked_categories
from tip.mechanisms.permanent import EXACT_ROUNDS, PERMANENT, LongitudinalOracle, addresses, checked_both
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, heads, words_up
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.permanent import Law
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

MOST_ITEMS: Final = 1 << 16  # bits of one unary report
MOST_EXACT: Final = 256  # items up to which the blanket is summed exactly
_TALLY_BYTES: Final = 1 << 20  # of reports that are added up at a time


@dataclass(frozen=True, slots=True)
class LongitudinalUnary(LongitudinalOracle):
    """L-OSUE: permanent optimal unary encoding, then a flip of each bit in each round; see the top of the file.

    `categories`: k in [2, 2^16]. `epsilon`: the most that one report costs. `limit`: the most that all reports of an
    unchanged item cost, above `epsilon`. A report is k bits, item j in bit j % 8 of byte j // 8.
    """

    categories: int
    epsilon: Fraction | float
    limit: Fraction | float
    _other: int = field(init=False, repr=False, compare=False)  # q1 2^64
    _flip: int = field(init=False, repr=False, compare=False)  # q2 2^64

    def __post_init__(self) -> None:
        if checked_categories(self.categories) > MOST_ITEMS:
            raise ConfigurationError("a unary report has at most 2^16 bits", instead="use LOLOHA")
        first, limit = checked_both(self.epsilon, self.limit)
        other = words_up(1 / (limit + 1))
        q1 = Fraction(other, WORD)
        flip = max(1, words_up(max(Fraction(0), (1 / (first + 1) - q1) / (1 - 2 * q1))))
        object.__setattr__(self, "_other", other)
        object.__setattr__(self, "_flip", flip)

    @property
    def spec(self) -> Spec:
        """Name, k and the two thresholds."""
        numbers = (("categories", self.categories), ("other", self._other), ("flip", self._flip))
        return Spec("longitudinal-unary", 1, numbers)

    @property
    def layout(self) -> tuple[Column, ...]:
        """One bit for each item."""
        return (Bits("bits", self.categories),)

    @property
    def states(self) -> int:
        """The items."""
        return self.categories

    @property
    def permanent(self) -> tuple[Fraction, Fraction]:
        """(1/2, q1)."""
        return Fraction(1, 2), Fraction(self._other, WORD)

    @property
    def instant(self) -> tuple[Fraction, Fraction]:
        """(1 - q2, q2)."""
        return 1 - Fraction(self._flip, WORD), Fraction(self._flip, WORD)

    @property
    def ratio(self) -> Fraction:
        """(1 - q) / q: two bits matter, that of each item, and a held one's is fair."""
        return (1 - self.q) / self.q

    @property
    def limit_ratio(self) -> Fraction:
        """(1 - q1) / q1."""
        return (1 - self.permanent[1]) / self.permanent[1]

    @property
    def instant_ratio(self) -> Fraction:
        """(p2 / q2)^k: two permanent answers may differ in all bits."""
        p2, q2 = self.instant
        return (p2 / q2) ** self.categories

    @property
    def blanket(self) -> Fraction:
        """The sum over reports of their least probability over items.

        A report with all k bits set is as likely under every item: q^(k-1) / 2. Any other, of j set bits, is least
        likely under an item whose bit is not set: q^j (1 - q)^(k-1-j) / 2.
        The sum is [(1 - q^k) / (1 - q) + q^(k-1)] / 2.
        """
        q, k = self.q, self.categories
        return ((1 - q**k) / (1 - q) + q ** (k - 1)) / 2 if k <= MOST_EXACT else (1 - q**MOST_EXACT) / (1 - q) / 2

    def ratio_after(self, reports: int) -> Fraction:
        """All ones at the held item and all zeros at the other one, in every round; the limit's ratio from 65 on."""
        count = whole("reports", reports, least=1)
        if count > EXACT_ROUNDS:
            return self.limit_ratio
        (p2, q2), q1 = self.instant, self.permanent[1]
        many, few = p2**count, q2**count
        held = (many + few) / (2 * (q1 * many + (1 - q1) * few))
        return held * 2 * ((1 - q1) * many + q1 * few) / (many + few)

    def permanent_law(self, state: int) -> Law:
        """Independent bits."""
        shares = [self.permanent[0 if item == state else 1] for item in range(self.categories)]
        return self._bits_law(shares)

    def instant_law(self, answer: tuple[int, ...]) -> Law:
        """Independent flips."""
        p2, q2 = self.instant
        return self._bits_law([p2 if answer[j // 8] >> j % 8 & 1 else q2 for j in range(self.categories)])

    def law(self, value: int) -> Law:
        """Independent bits again: p at the held item, q at the others."""
        value = int(self._one(value))
        return self._bits_law([self.p if item == value else self.q for item in range(self.categories)])

    def _bits_law(self, shares: Sequence[Fraction]) -> Law:
        if 1 << len(shares) > MOST_LISTED:
            raise ConfigurationError(f"{self.spec.name} of {len(shares)} items has too many possible reports to list")
        law: Law = {(0,) * -(-len(shares) // 8): Fraction(1)}
        for j, share in enumerate(shares):
            grown: Law = {}
            for report, weight in law.items():
                bit = tuple(entry | (1 << j % 8) * (i == j // 8) for i, entry in enumerate(report))
                grown[bit], grown[report] = weight * share, weight * (1 - share)
            law = grown
        return law

    def state(self, values: Array, permanent: Stream, agents: Indices) -> Indices:
        """The item itself."""
        del permanent, agents
        return values

    def answer(self, values: Array, permanent: Stream, instant: Stream, agents: Indices) -> tuple[Array, ...]:
        """Permanent bits of (agent, item), xor the round's flips. The own item's is a fair coin of its own lane."""
        address = addresses(agents, values, self.states)
        rows = coins(permanent, address, self.categories, self._other, lane=PERMANENT)
        kept = heads(permanent.words(address, 1, lane=PERMANENT + 2)[:, 0], WORD // 2)
        put_bits(rows, values, kept)
        rows ^= coins(instant, agents, self.categories, self._flip, lane=0)
        return (rows,)

    def tally(self, reports: Reports) -> Indices:
        """How often each bit was set."""
        return column_sums(reports["bits"], self.categories)

    @property
    def tally_block(self) -> int:
        """About a megabyte of reports: the adders of `column_sums` want many rows."""
        return max(LEAST_BLOCK, _TALLY_BYTES * 8 // self.report_bits // LEAST_BLOCK * LEAST_BLOCK)

    def supports(self, aggregate: Aggregate) -> Indices:
        """The bits that were set."""
        return aggregate.totals
