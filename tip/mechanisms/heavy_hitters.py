"""Heavy hitters: the frequent strings among 2^64, found prefix by prefix (PEM).

Each agent draws one of G groups. Group i reports the first `lengths[i]` bits of its string by local hashing
(`tip.mechanisms.hashing`) with all of epsilon: an agent is in one group and sends one report, so nothing composes.
The server walks down the groups (Wang, Li, Jha, IEEE TDSC 2021, section 4):

1. The candidates of group 0 are all prefixes of `lengths[0]` bits.
2. In each group it counts the reports that support each candidate, and keeps the `keep` best.
3. What was kept, with all extensions to the next length, are the next group's candidates.
4. The last group's length is the whole string: its `top` best candidates are the answer.

Memory: candidates are at most C = max(2^lengths[0], keep 2^(longest step)), 16 bytes each, beside the reports (16
to 24 bytes each) and blocks of the cache's size. Time: n C / G hashes a group, n C in all.

What is promised of the answer. Reports of other agents choose the last group's candidates. For agents whose strings are
independent draws, a candidate's estimate is therefore unbiased, its support count binomial. But the answer is those
whose estimates came out highest, so the reported shares are too high on average. `Found.interval` covers all of
the C candidates together, hence also the ones that were picked; with `held_out` a further group, which has no part in
the choice, makes the estimates, and they are unbiased. Nothing is promised about strings that are not found.
See docs/heavy-hitters.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.base import Influence, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Counted, Estimate
from tip.mechanisms.families import MultiplyShift, count_equal
from tip.mechanisms.frequency import tallied
from tip.mechanisms.hashing import BlurredHash, best_range_bits, seed_column, word_and_seed
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import below, checked_epsilon
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Array = NDArray[Any]
    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_BITS: Final = 64
MOST_CANDIDATES: Final = 1 << 22
MOST_TOP: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Found:
    """The strings that came out as most frequent, the most frequent first.

    `items`: `(t,)` uint64. `share`: their estimated shares among all agents, raw. `variance`: of each, with the
    estimate put in. `group`: the reports that the estimates rest on; `reports`: all. `looked_at`: among how many
    candidates the choice was made with those same reports: 1 if the group was held out. `biased`: why, or empty.
    """

    items: Words = field(repr=False)
    share: Floats = field(repr=False)
    variance: Floats = field(repr=False)
    group: int
    reports: int
    refused: int
    looked_at: int
    biased: str
    _law: Counted = field(repr=False)

    def __len__(self) -> int:
        return len(self.items)

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Low and high for each item, exact tails, right although the items were picked.

        Where the reports that chose also estimate, the intervals hold for all the candidates at once (Bonferroni).
        """
        if not isinstance(level, float) or not 0 < level < 1:
            raise ConfigurationError(f"a level lies between 0 and 1, not {level!r}")
        raw = Estimate(self.share, self.variance, float(self.variance.max(initial=0.0)), self.group, law=self._law)
        return self._law.interval(raw, (1 - level) / self.looked_at)

    def texts(self, bits: int = MOST_BITS) -> list[str]:
        """The items as text, see `texts_of`."""
        return texts_of(self.items, bits)


@dataclass(frozen=True, slots=True)
class PrefixExtendingMethod(PureMechanism):
    """Finds the most frequent of 2^bits strings; see the top of the file.

    `bits`: length of a string, 2 to 64. `epsilon`: the most that the one report of an agent may cost. `top`: how many
    strings to return. `keep`: prefixes kept at each length, by default 2 `top`. `step`: the most bits by which prefixes
    grow, so that there are keep 2^step candidates. `held_out`: an additional group for unbiased estimates.
    """

    bits: int
    epsilon: Fraction | float
    top: int = 16
    keep: int | None = None
    step: int = 8
    held_out: bool = False
    lengths: tuple[int, ...] = field(init=False, compare=False)
    family: MultiplyShift = field(init=False, repr=False, compare=False)
    blur: BlurredHash = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bits, top, step = (whole(name, getattr(self, name), least=1) for name in ("bits", "top", "step"))
        if not 2 <= bits <= MOST_BITS or top > MOST_TOP:
            raise ConfigurationError(f"bits lies in [2, {MOST_BITS}] and top in [1, {MOST_TOP}]")
        if whole("keep", self.kept, least=top) << min(step, MOST_BITS) > MOST_CANDIDATES:
            raise ConfigurationError(
                f"{self.kept} prefixes with {step} more bits are more than 2^22 candidates", instead="a smaller step"
            )
        range_bits = best_range_bits(checked_epsilon(self.epsilon))
        object.__setattr__(self, "lengths", _lengths(bits, self.kept.bit_length() - 1 + step, step))
        object.__setattr__(self, "family", MultiplyShift(bits, range_bits))
        object.__setattr__(self, "blur", BlurredHash(range_bits, self.epsilon))

    @property
    def kept(self) -> int:
        """Prefixes kept at each length."""
        return 2 * self.top if self.keep is None else self.keep

    @property
    def groups(self) -> int:
        """Groups of agents: one a length, and the one that is held out."""
        return len(self.lengths) + self.held_out

    @property
    def most_candidates(self) -> int:
        """C: candidates in memory at once, 16 bytes each."""
        longest = max(np.diff(self.lengths).tolist(), default=0)
        return max(1 << self.lengths[0], self.kept << longest)

    @property
    def spec(self) -> Spec:
        """Name, the groups' lengths, g and the threshold: what reports depend on."""
        lengths = " ".join(str(length) for length in self._reported)
        names = ("bits", self.bits), ("lengths", lengths), ("range", self.blur.values), ("keep", self.blur.keep)
        return Spec("prefix-extending-method", 1, (*names, ("word", self.family.word_bits)))

    @property
    def layout(self) -> tuple[Column, ...]:
        """Group, seed, answer."""
        groups, answers = Integers("group", high=self.groups), Integers("answer", high=self.blur.values)
        return (groups, seed_column(self.family), answers)

    @property
    def ratio(self) -> Fraction:
        """P / q' of local hashing: group and seed do not depend on the string."""
        return self.blur.ratio

    @property
    def blanket(self) -> Fraction:
        """G q' of local hashing."""
        return self.blur.values * self.blur.other

    def law_under(self, group: int, seed: ArrayLike, value: int) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each answer, given the group and the seed."""
        prefix = value >> (self.bits - self._reported[group])
        return self.blur.law(int(self.family.hash(np.asarray(seed, dtype=np.uint32), prefix)[0]))

    def checked(self, values: ArrayLike) -> Words:
        """Strings of `bits` bits as whole numbers, uint64 `(n,)`; raises `DataError` naming a row, not its value."""
        array = np.atleast_1d(np.asarray(values))
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ConfigurationError(
                f"strings are whole numbers in [0, 2^{self.bits}) in one dimension, not {array.dtype}",
                instead="keys_of(texts) makes them from text",
            )
        bad = array < 0
        bad |= array.astype(np.uint64) > np.uint64((1 << self.bits) - 1)
        if bad.any():
            raise DataError(f"{int(bad.sum())} of {len(array)} strings are too long", row=int(np.argmax(bad)) + 1)
        return array.astype(np.uint64)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Lane 0: the answer's word and the seed; lane 1 and on: the group (uniform, by rejection)."""
        words, seeds = word_and_seed(self.family, stream, agents)
        draws = stream.words(agents, 1, lane=1)[:, 0]
        groups = below(draws, self.groups, stream, agents, column=0, lane=2)
        dropped = self.bits - np.array(self._reported, dtype=np.uint64)
        hashes = self.family.hash(seeds, values >> dropped[groups.astype(np.intp)])
        return groups, seeds, self.blur.answers(hashes, words)

    def tally(self, reports: Reports) -> Indices:
        """How many reports each group has sent."""
        return tallied(reports["group"], self.groups)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """Refused: candidates of one group follow from the reports of another, so reports have to be kept."""
        del aggregate
        raise ConfigurationError("totals of reports hold no strings", instead="decode(reports), from the reports")

    def decode(self, reports: Reports) -> Found:
        """The most frequent strings; see the top of the file. Raises `ConfigurationError` if a group has no report."""
        screened = self.validate(reports)
        kept = screened.accepted
        sizes = self.tally(kept)
        if not sizes.all():
            raise ConfigurationError("a group of agents has sent no report", instead="more agents, or fewer groups")
        prefixes = np.arange(1 << self.lengths[0], dtype=np.uint64)
        for group, length in enumerate(self.lengths):
            if group:
                prefixes = _extended(prefixes, length - self.lengths[group - 1])
            supports = self._supports(kept, group, prefixes)
            best = np.argsort(-supports, kind="stable")[: self.top if length == self.bits else self.kept]
            looked_at, prefixes, supports = len(prefixes), prefixes[best], supports[best]
        if self.held_out:
            looked_at, supports = 1, self._supports(kept, self.groups - 1, prefixes)
            order = np.argsort(-supports, kind="stable")
            prefixes, supports = prefixes[order], supports[order]
        return self._found(prefixes, supports, int(sizes[-1]), (len(kept), len(screened.refused), looked_at))

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1) -> Floats:
        """The variance of the estimated share of a *fixed* string, from `reports` agents in all, n / G of them used.

        s (1 - s) / (p - q)^2 / (n / G), s = q + (p - q) share: of the hash and the draw of the group together.
        """
        p, q = float(self.blur.p), 1 / self.blur.values
        s = q + (p - q) * np.asarray(share, dtype=np.float64)
        return np.asarray(s * (1 - s) / (p - q) ** 2 * self.groups / whole("reports", reports, least=1))

    def max_influence(self) -> Influence:
        """What a report of the last group adds to the estimates, in people: it may support all `top` strings.

        For groups of equal size. Which strings are found may change besides, where counts are close: no useful bound.
        """
        p, q = float(self.blur.p), 1 / self.blur.values
        item = self.groups * (1 - q) / (p - q)
        return Influence(item, item * float(np.sqrt(self.top)))

    @property
    def _reported(self) -> tuple[int, ...]:
        """The length that each group reports."""
        return (*self.lengths, self.bits) if self.held_out else self.lengths

    def _supports(self, reports: Reports, group: int, prefixes: Words) -> Indices:
        rows = np.flatnonzero(reports["group"] == group)
        return count_equal(self.family, reports["seed"][rows], reports["answer"][rows], prefixes)

    def _found(self, items: Words, supports: Indices, group: int, counts: tuple[int, int, int]) -> Found:
        p, q = float(self.blur.p), 1 / self.blur.values
        share = (supports / group - q) / (p - q)
        s = np.clip(supports / group, q, p)
        why = "" if counts[2] == 1 else "the strings with the highest estimates were picked by these estimates"
        return Found(items, share, s * (1 - s) / (p - q) ** 2 / group, group, *counts, why, Counted(supports, p, q))


def keys_of(texts: Sequence[str], bits: int = MOST_BITS) -> Words:
    """Texts of at most bits / 8 bytes of UTF-8 as whole numbers: the first byte uppermost, zeros after the last.

    Raises `DataError` that names the first row that is too long or holds a zero byte; never its text.
    """
    width = _width(bits)
    encoded = [text.encode() for text in texts]
    for row, data in enumerate(encoded, start=1):
        if len(data) > width or b"\0" in data:
            raise DataError(f"a text has at most {width} bytes of UTF-8 here, none of them zero", row=row)
    wide = np.array([data.ljust(8, b"\0") for data in encoded], dtype="S8")
    return wide.view(">u8").astype(np.uint64) >> np.uint64(MOST_BITS - bits)


def texts_of(items: ArrayLike, bits: int = MOST_BITS) -> list[str]:
    """The texts of `keys_of`; bytes that are no UTF-8, which noise may have found, become U+FFFD."""
    width = _width(bits)
    return [int(i).to_bytes(width, "big").rstrip(b"\0").decode(errors="replace") for i in np.asarray(items).tolist()]


def _width(bits: int) -> int:
    if bits not in range(8, MOST_BITS + 1, 8):
        raise ConfigurationError(f"text takes 8, 16, ... or 64 bits, not {bits}")
    return bits // 8


def _lengths(bits: int, first: int, step: int) -> tuple[int, ...]:
    """The groups' prefix lengths: at most `first` bits, then as few and as equal steps as `step` allows."""
    if bits <= first:
        return (bits,)
    steps = -(-(bits - first) // step)
    return tuple(bits - (steps - i) * (bits - first) // steps for i in range(steps + 1))


def _extended(prefixes: Words, more: int) -> Words:
    """All prefixes with all endings of `more` bits; endings of one prefix follow one another."""
    endings = np.arange(1 << more, dtype=np.uint64)
    return ((np.sort(prefixes) << np.uint64(more))[:, None] + endings).reshape(-1)
