"""RAPPOR: strings as Bloom filters, noisy for good and once more.

An agent belongs to one of `cohorts` cohorts for good, drawn by itself. In a cohort, `hashes` public hashes set bits of
a Bloom filter of `bits` bits for its string. Two coins per bit (Erlingsson, Pihur, Korolova, CCS 2014, section 2):

    permanent      B' = B flipped with probability f/2, so that bits are *cleared* as well as set; once per string
    instantaneous  the report's bit is 1 with probability q if B' = 1, and p if B' = 0; afresh in each report

A report's bit is 1 with q* = p + (q - p)(1 - f/2) if B = 1 and p* = p + (q - p) f/2 if not. Bits are independent
given cohort and string, and two filters differ in at most h bits each way, so the largest ratios are, exactly,

    one report      [q* (1 - p*) / (p* (1 - q*))]^h                                     (their theorem 2)
    for good        [(1 - f/2) / (f/2)]^(2 h): any number of reports of one string      (their theorem 1)

reached where two strings share no bit. f/2 and p are rounded up, q down. Each *further string* that an agent comes to
hold has a permanent row of its own and costs as much again: `guarantee_after`.

The shares of set Bloom bits are estimated without bias, with exact variance. Which strings stand behind them is a
regression on candidates (`decode`), which is biased: `tip.mechanisms.rappor_decoding`. Proofs: docs/local-sketches.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf, nextafter, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import Influence
from tip.mechanisms.bits import column_sums
from tip.mechanisms.coins import coins
from tip.mechanisms.columns import Bits, Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.frequency import checked_items
from tip.mechanisms.permanent import PERMANENT, addresses
from tip.mechanisms.rappor_decoding import Decoded, decoded
from tip.mechanisms.rappor_privacy import KEYS, TwoStageFilter
from tip.mechanisms.sampled_parts import groups
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, loss, words_down, words_up
from tip.privacy.checks import whole
from tip.privacy.rounding import log_up
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Stream

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_BITS: Final = 1 << 12
MOST_COHORTS: Final = 1 << 12
_COHORT: Final = PERMANENT + 2  # the lane of the cohort's word; attempts come behind
_INSTANT: Final = 2  # lanes of one instantaneous coin
_SLACK: Final = Fraction(1, 1 << 80)  # so that a power of a bound stays below the bound of the power


class _WorkedOut(float):
    """An epsilon that nobody asked for: it follows f, p and q when they are replaced."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rappor(TwoStageFilter):
    """A string of each agent as a randomized Bloom filter; see the top of the file.

    `bits`, `hashes`, `cohorts`: of the Bloom filters. `f`, `p`, `q`: as above, 0 < f < 1, 0 < p < q < 1, exact numbers
    (a float stands for the number that it holds). Values are keys in [0, 2^32): `hashed_keys` makes them of strings.
    `public_seed`: what the hashes follow from. `epsilon`, `limit`: the most that one report, and all of one string, may
    cost; by default they are worked out from f, p and q, which `for_budget` works out from them.
    """

    bits: int
    hashes: int
    cohorts: int
    f: Fraction | float
    p: Fraction | float
    q: Fraction | float
    public_seed: int = 0
    epsilon: Fraction | float = field(default=0, kw_only=True, compare=False)
    limit: Fraction | float = field(default=0, kw_only=True, compare=False)
    _flip: int = field(init=False, repr=False, compare=False)  # 2^64 f/2
    _low: int = field(init=False, repr=False, compare=False)  # 2^64 p
    _high: int = field(init=False, repr=False, compare=False)  # 2^64 q

    def __post_init__(self) -> None:
        sizes = (("bits", 2, MOST_BITS), ("hashes", 1, 64), ("cohorts", 1, MOST_COHORTS))
        for name, least, most in sizes:
            if whole(name, getattr(self, name), least=least) > most:
                raise ConfigurationError(f"{name} is at most {most}, not {getattr(self, name)}")
        whole("public_seed", self.public_seed, least=0)
        f, p, q = (_share(name, getattr(self, name)) for name in "fpq")
        object.__setattr__(self, "_flip", words_up(f / 2))
        object.__setattr__(self, "_low", words_up(p))
        object.__setattr__(self, "_high", words_down(q))
        if not 0 < self._low < self._high or 2 * self._flip >= WORD:
            raise ConfigurationError(f"p is below q and f below 1, not {float(p):g}, {float(q):g} and {float(f):g}")
        for name, ratio in (("epsilon", self.ratio), ("limit", self.limit_ratio)):
            asked = getattr(self, name)
            if not asked or isinstance(asked, _WorkedOut):
                asked = _WorkedOut(nextafter(log_up(ratio), inf))
            object.__setattr__(self, name, asked)
            loss(ratio, checked_epsilon(asked))

    @staticmethod
    def for_budget(
        bits: int, hashes: int, cohorts: int, *, epsilon: Fraction | float, limit: Fraction | float
    ) -> Rappor:
        """One whose first report costs at most `epsilon`, and all reports of one string at most `limit`; p = 1 - q."""
        first, forever = checked_epsilon(epsilon), checked_epsilon(limit)
        if first >= forever:
            raise ConfigurationError(
                f"one report may cost {float(first):g}, and all together {float(forever):g}",
                why="the limit is that of infinitely many reports, so it lies above the cost of one",
            )
        sides = 2 * whole("hashes", hashes, least=1)
        once, always = (exp_down((budget - _SLACK) / sides) for budget in (first, forever))
        flip = Fraction(words_up(1 / (1 + always)), WORD)
        high = (once / (1 + once) - flip) / (1 - 2 * flip)  # q* = (1 - q) + (2 q - 1)(1 - f/2) = once / (1 + once)
        high = Fraction(words_down(high), WORD)
        return Rappor(bits, hashes, cohorts, 2 * flip, 1 - high, high, epsilon=epsilon, limit=limit)

    @property
    def spec(self) -> Spec:
        """The sizes, the three thresholds, and what the hashes follow from."""
        sizes = (("bits", self.bits), ("hashes", self.hashes), ("cohorts", self.cohorts))
        rule = (("flip", self._flip), ("low", self._low), ("high", self._high), ("public-seed", self.public_seed))
        return Spec("rappor", 1, (*sizes, *rule))

    @property
    def layout(self) -> tuple[Column, ...]:
        """The cohort, and the filter's bits."""
        return (Integers("cohort", high=self.cohorts), Bits("bits", self.bits))

    # -- an agent's report ------------------------------------------------------------------------------

    @property
    def states(self) -> int:
        """The keys, each of which has a permanent row of its own."""
        return KEYS

    def checked(self, values: ArrayLike) -> Indices:
        """Keys as int64 `(n,)`; raises `DataError` that names the first bad row, not its value."""
        return checked_items(values, KEYS)

    def filters(self, cohorts: Indices, keys: Indices) -> NDArray[np.bool_]:
        """The Bloom filter of each key in its cohort, `(n, bits)`: words of a public stream (agent = key)."""
        stream = Entropy.seeded(self.public_seed).stream("rappor hashes")
        out = np.zeros((len(keys), self.bits), dtype=np.bool_)
        rows = np.arange(len(keys))
        for number in range(self.hashes):
            words = stream.words_at(keys, cohorts * self.hashes + number)
            out[rows, (words >> np.uint64(32)) * np.uint64(self.bits) >> np.uint64(32)] = True
        return out

    def state(self, values: Array, permanent: Stream, agents: Indices) -> Indices:
        """The string's key itself."""
        del permanent, agents
        return values

    def cohorts_of(self, permanent: Stream, agents: Indices) -> Indices:
        """Each agent's cohort, drawn once."""
        words = permanent.words(agents, 1, lane=_COHORT)[:, 0]
        return below(words, self.cohorts, permanent, agents, column=0, lane=_COHORT + 1).astype(np.int64)

    def answer(self, values: Array, permanent: Stream, instant: Stream, agents: Indices) -> tuple[Array, ...]:
        """The filter, xor the permanent flips of (agent, key); then one of two fresh coins for each bit."""
        cohorts = self.cohorts_of(permanent, agents)
        kept = np.packbits(self.filters(cohorts, values), axis=1, bitorder="little")
        kept ^= coins(permanent, addresses(agents, values, KEYS), self.bits, self._flip, lane=PERMANENT)
        ones = coins(instant, agents, self.bits, self._high, lane=0)
        zeros = coins(instant, agents, self.bits, self._low, lane=_INSTANT)
        return cohorts, zeros ^ ((zeros ^ ones) & kept)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """The first report: both stages from one stream, of which they read different lanes."""
        return self.answer(values, stream, stream, agents)

    def drawer(self, entropy: Entropy, round: int) -> Callable[[Array, Indices], tuple[Array, ...]]:  # noqa: A002
        """The round's reports; a seeded entropy keeps cohorts and permanent rows over rounds.

        `SYSTEM`, the default of `randomize`, keeps nothing: each call costs another first report. A device takes
        `tip.mechanisms.memory.Memory`.
        """
        kept = entropy.stream(f"permanent {self.spec.name}")
        fresh = entropy.stream(f"{self.PURPOSE} {self.spec.name}", round)
        return lambda values, agents: self.answer(values, kept, fresh, agents)

    # -- the server's side --------------------------------------------------------------------------------

    @property
    def tally_block(self) -> int:
        """About 16 megabytes of reports, which are sorted by cohort."""
        return max(1 << 12, (1 << 27) // self.bits)

    def tally(self, reports: Reports) -> Indices:
        """`(cohorts, bits + 1)`: how often each bit came set from each cohort, and last how many reports it has."""
        totals = np.zeros((self.cohorts, self.bits + 1), dtype=np.int64)
        for cohort, rows in groups(reports["cohort"]):
            totals[cohort, :-1] = column_sums(reports["bits"][rows], self.bits)
            totals[cohort, -1] = len(rows)
        return totals

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The share of each cohort's agents whose Bloom bit is set, `(cohorts, bits)`: raw, unbiased, exact variance.

        Not the shares of strings: those are `decode`'s. Raises if a cohort has no report.
        """
        n, counts = self._counted(aggregate), aggregate.totals[:, -1:]
        if counts.min() < 1:
            raise ConfigurationError(
                f"{int((counts < 1).sum())} of {self.cohorts} cohorts have no report", instead="take fewer cohorts"
            )
        one, zero = (float(chance) for chance in self.chances)
        value = (aggregate.totals[:, :-1] / counts - zero) / (one - zero)
        variance = np.asarray(self.variance(np.clip(value, 0, 1))) / counts
        worst = np.broadcast_to(np.max(self.variance(np.array([0.0, 1.0]))) / counts, value.shape)
        return Estimate(value, variance, worst, n, aggregate.refused)

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1) -> Floats | float:
        """The exact variance of a bit's share in a cohort of `reports` agents, from one report each."""
        g, (one, zero) = np.asarray(share, dtype=np.float64), self.chances
        noise = g * float(one * (1 - one)) + (1 - g) * float(zero * (1 - zero))
        return noise / float(one - zero) ** 2 / whole("reports", reports, least=1)

    def decode(self, aggregate: Aggregate, candidates: ArrayLike, *, level: float = 0.95) -> Decoded:
        """Which of the candidate keys `(c,)` are held, and by which share: see `tip.mechanisms.rappor_decoding`."""
        keys = self.checked(candidates)
        if len(np.unique(keys)) != len(keys) or not len(keys):
            raise ConfigurationError("candidates are different keys, at least one")
        estimate, every = self.estimate(aggregate), np.arange(self.cohorts)
        design = self.filters(np.tile(every, len(keys)), np.repeat(keys, self.cohorts))
        wide = design.reshape(len(keys), -1).T
        return decoded(estimate, wide, keys, level)

    def max_influence(self) -> Influence:
        """On bit shares, where each of the C cohorts has n / C reports: one report counts at all of its bits.

        A total is n times the cohort's mean v of x = (bit - p*) / (q* - p*), so a report moves it by (C - 1)(x - v) + x
        in its own cohort, at most [C - min(p*, 1 - p*)] / (q* - p*), and by v in the others. In a cohort with
        fewer reports C stands for n over their number.
        """
        one, zero = (float(chance) for chance in self.chances)
        item, other = ((times - min(zero, 1 - zero)) / (one - zero) for times in (self.cohorts, 1))
        return Influence(item, sqrt(self.bits * (item**2 + (self.cohorts - 1) * other**2)))

    def simulate(self, keys: ArrayLike, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law of one report each, of agents of whom `counts[i]` hold `keys[i]`: for planning."""
        held, many = self.checked(keys), np.asarray(counts)
        if many.dtype.kind not in "iu" or many.shape != held.shape or many.min() < 0 or not 0 < many.sum() < 1 << 53:
            raise ConfigurationError("counts are whole numbers >= 0, one for each key, that add up to at least 1")
        generator = entropy.generator(f"simulate {self.spec.name}")
        one, zero = (float(chance) for chance in self.chances)
        drawn = generator.multinomial(many, np.full(self.cohorts, 1 / self.cohorts))
        totals = np.empty((self.cohorts, self.bits + 1), dtype=np.int64)
        for cohort in range(self.cohorts):
            here = drawn[:, cohort]
            ones = here @ self.filters(np.full(len(held), cohort), held)
            totals[cohort, :-1] = generator.binomial(ones, one) + generator.binomial(here.sum() - ones, zero)
            totals[cohort, -1] = here.sum()
        return Aggregate(self.spec.digest, int(many.sum()), 0, totals)


def hashed_keys(texts: Sequence[str]) -> Indices:
    """Strings as keys in [0, 2^32): the first four bytes of the SHA-256 of their UTF-8."""
    digests = b"".join(hashlib.sha256(text.encode()).digest()[:4] for text in texts)
    return np.frombuffer(digests, dtype="<u4").astype(np.int64)


def _share(name: str, value: object) -> Fraction:
    """An exact probability strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction) or not 0 < value < 1:
        raise ConfigurationError(f"{name} is a number between 0 and 1, not {value!r}")
    return Fraction(value)
