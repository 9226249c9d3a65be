"""Local hashing (OLH): hash the item with an own seed, blur the hash.

Each report has a seed of a pairwise independent family (`tip.mechanisms.families`), which does not depend on the item,
and an answer: the item's hash in [g], g = 2^b. One 64-bit word decides: below S the answer is the hash, else the word's
lowest b bits. S is a multiple of g, so that those bits are exactly uniform on the words from S on, and an answer is
the true hash with probability p and any other with probability q', where

    q' = (2^64 - S) / g / 2^64,   p = S / 2^64 + q',   p / q' = 1 + S g / (2^64 - S) <= L,

S the greatest multiple of g up to 2^64 (L - 1) / (L + g - 1), L a lower bound of e^epsilon. Given *any* seed the answer
is randomized response on the hash, so the ratio of a report's probabilities under two items is 1, p / q' or q' / p,
whatever the seed. (Wang, Blocki, Li, Jha, USENIX Security 2017, section 4.4.)

A report supports the items that its seed hashes to its answer. Since the family is pairwise independent, another
item's hash is uniform given the own item's, so q = 1/g exactly, and the common law of frequency oracles
(`tip.mechanisms.frequency`) gives estimate and variance without an approximation.

*Seeds that the server assigns* are a public function of the agent's id and a public number: reports shrink to b bits,
and an attacker cannot look for a seed that supports what it wants. But the answer says little without its id, so the
id has to stay with it: shuffling is void.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.base import MOST_LISTED
from tip.mechanisms.choices import replace
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.families import MultiplyShift, count_equal
from tip.mechanisms.frequency import FrequencyOracle, checked_categories, checked_items
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole
from tip.privacy.shuffling import Blanket
from tip.randomness import SYSTEM, Entropy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.collecting import Collected
    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.reports import Reports, Screened
    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

MOST_RANGE_BITS: Final = 16
MOST_TALLIED: Final = 1 << 16  # items that `aggregate` counts
SEEDS: Final = ("client", "server")


@dataclass(frozen=True, slots=True)
class BlurredHash:
    """Randomized response on a hash of `range_bits` bits; see the top of the file."""

    range_bits: int
    epsilon: Fraction | float
    keep: int = field(init=False, compare=False)  # S

    def __post_init__(self) -> None:
        bound = exp_down(checked_epsilon(self.epsilon))
        most = int(WORD * (bound - 1) / (bound + self.values - 1))
        object.__setattr__(self, "keep", most - most % self.values)

    @property
    def values(self) -> int:
        """The number g of possible answers."""
        return 1 << self.range_bits

    @property
    def p(self) -> Fraction:
        """The probability of the true hash."""
        return Fraction(self.keep, WORD) + self.other

    @property
    def other(self) -> Fraction:
        """The probability of each other hash, q'."""
        return Fraction(WORD - self.keep, WORD * self.values)

    @property
    def ratio(self) -> Fraction:
        """P / q'."""
        return self.p / self.other

    def answers(self, hashes: Array, words: Array) -> Array:
        """Answers `(n,)` uint64 from one word each: the hash below S, else the word's lowest bits."""
        answers: Array = words & np.uint64(self.values - 1)
        replace(answers, hashes, heads(words, self.keep))
        return answers

    def law(self, hashed: int) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each answer."""
        return {(answer,): self.p if answer == hashed else self.other for answer in range(self.values)}


@dataclass(frozen=True, slots=True)
class LocalHashing(FrequencyOracle):
    """One of k items, hashed to g = 2^b values with an own seed and blurred; see the top of the file.

    `categories`: k in [2, 2^31]; the best oracle of few bits once k >= 3 e^eps + 2. `epsilon`: the most that one
    report may cost. `hashed_to`: g, by default the power of two of least variance. `seeds`: "client" (drawn by the
    agent, 64 bits of the report) or "server" (a function of the agent's id and `public_seed`, a number that stands
    in the spec; reports then carry ids, which are the `agents` of `randomize`). `word_bits`: of the hash, see families.
    Variance of a share at f = 0: (e^eps + g - 1)^2 / ((e^eps - 1)^2 (g - 1)) / n.
    `simulate` draws each item's supports by their exact law, independently of the other items'.
    """

    categories: int
    epsilon: Fraction | float
    hashed_to: int | None = None
    seeds: str = "client"
    public_seed: int | None = None
    word_bits: int = 32
    family: MultiplyShift = field(init=False, repr=False, compare=False)
    blur: BlurredHash = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        categories, epsilon = checked_categories(self.categories), checked_epsilon(self.epsilon)
        bits = best_range_bits(epsilon) if self.hashed_to is None else checked_range_bits(self.hashed_to)
        if self.seeds not in SEEDS or (self.seeds == "server") != (self.public_seed is not None):
            raise ConfigurationError(
                'seeds is "client", or "server" with a public_seed',
                why="seeds that the server assigns are a function of the id and a public number",
            )
        if self.public_seed is not None:
            whole("public_seed", self.public_seed, least=0)
        key_bits = (categories - 1).bit_length()
        object.__setattr__(self, "family", MultiplyShift(key_bits, bits, self.word_bits))
        object.__setattr__(self, "blur", BlurredHash(bits, self.epsilon))

    @property
    def assigned(self) -> bool:
        """Whether seeds follow from ids."""
        return self.seeds == "server"

    @property
    def spec(self) -> Spec:
        """Name, k, g, the threshold, the hash's word, and what the seeds follow from."""
        names = ("categories", self.categories), ("range", self.blur.values), ("keep", self.blur.keep)
        public = "drawn" if self.public_seed is None else str(self.public_seed)
        return Spec("local-hashing", 1, (*names, ("word", self.family.word_bits), ("seeds", public)))

    @property
    def layout(self) -> tuple[Column, ...]:
        """Seed and answer; only the answer if the server assigns the seeds."""
        answer = Integers("answer", high=self.blur.values)
        return (answer,) if self.assigned else (seed_column(self.family), answer)

    @property
    def p(self) -> Fraction:
        """The probability of the true hash."""
        return self.blur.p

    @property
    def q(self) -> Fraction:
        """1 / g: another item's hash is uniform given the own item's."""
        return Fraction(1, self.blur.values)

    @property
    def ratio(self) -> Fraction:
        """P / q', given any seed that parts two items; some seed does."""
        return self.blur.ratio

    @property
    def blanket(self) -> Fraction:
        """G q': given any seed, every answer has at least the probability q'."""
        return self.blur.values * self.blur.other

    @property
    def worst_pair(self) -> Blanket:
        """Any two items: reports have one density inside the set of the own item, and one outside."""
        return Blanket.of_two_levels(self.p, self.q, self.blanket)

    @property
    def identifying(self) -> str:
        """Server-assigned seeds point to the sender."""
        if not self.assigned:
            return ""
        return "the seed follows from the agent's id, and without the id an answer cannot be read: both stay together"

    def law_under(self, seed: ArrayLike, value: int) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each answer under one seed `(seed_words,)`."""
        return self.blur.law(int(self.family.hash(np.asarray(seed, dtype=self.family.dtype), value)[0]))

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """Each seed has the same probability; the answer's is `law_under` it. For small words only."""
        value = int(self._one(value))
        words, count = 1 << self.family.word_bits, self.family.seed_words
        if self.assigned or words**count * self.blur.values > MOST_LISTED:
            return super(LocalHashing, self).law(value)
        seeds = np.indices((words,) * count).reshape(count, -1).T
        share = Fraction(1, len(seeds))
        laws = ((tuple(seed.tolist()), self.law_under(seed, value)) for seed in seeds)
        return {seed + answer: share * mass for seed, law in laws for answer, mass in law.items()}

    def randomize(
        self,
        values: ArrayLike,
        *,
        entropy: Entropy = SYSTEM,
        agents: ArrayLike | None = None,
        round: int = 0,  # noqa: A002 - the field's word
    ) -> Reports:
        """As for every mechanism; with server-assigned seeds `agents` are the ids, which the reports then carry."""
        reports = super(LocalHashing, self).randomize(values, entropy=entropy, agents=agents, round=round)
        if not self.assigned:
            return reports
        ids = np.arange(len(reports)) if agents is None else np.asarray(agents)
        return reports.with_ids(ids.astype(np.uint64))

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Word 0 makes the answer; the seed is cut from the words after it."""
        if self.assigned:
            seeds = self.seeds_of(agents.view(np.uint64))
            return (self.blur.answers(self.family.hash(seeds, values), stream.words(agents, 1)[:, 0]),)
        words, seeds = word_and_seed(self.family, stream, agents)
        return seeds, self.blur.answers(self.family.hash(seeds, values), words)

    def seeds_of(self, ids: NDArray[np.uint64]) -> Array:
        """The seeds that the server assigns to these ids, `(n, seed_words)`: agent and server compute the same.

        The AES stream "local-hashing seeds" of `Entropy.seeded(public_seed)`, agent = id: public, hence no secret.
        """
        if self.public_seed is None:
            raise ConfigurationError("these agents draw their seeds themselves")
        stream = Entropy.seeded(self.public_seed).stream("local-hashing seeds")
        return self.family.seeds(stream, ids.view(np.int64))

    def collect(self, messages: Iterable[bytes], *, ids: bool = False) -> Collected:
        """As for every mechanism; where the server assigns seeds, messages carry ids."""
        return super(LocalHashing, self).collect(messages, ids=ids or self.assigned)

    def validate(self, reports: Reports) -> Screened:
        """As for every mechanism; raises `ConfigurationError` if ids are needed and missing."""
        if self.assigned and getattr(reports, "ids", "") is None:
            raise ConfigurationError(
                "these reports carry no ids", why="their seeds follow from the ids", instead="Reports.with_ids(...)"
            )
        return super(LocalHashing, self).validate(reports)

    def tally(self, reports: Reports) -> Indices:
        """How many reports support each item: k hashes a report."""
        if self.categories > MOST_TALLIED:
            raise ConfigurationError(
                f"{self.categories} items are too many to count one by one for every report",
                instead="estimate_of(reports, items), or PrefixExtendingMethod, which finds the frequent ones",
            )
        return self._count(reports, np.arange(self.categories))

    def supports(self, aggregate: Aggregate) -> Indices:
        """The totals."""
        return aggregate.totals

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        known = self.seeds_of(reports.ids) if self.assigned and reports.ids is not None else reports["seed"]
        return np.equal(self.family.hash(known[:, None], items), reports["answer"][:, None])

    def supports_of(self, reports: Reports, items: ArrayLike) -> Indices:
        """How many valid reports support each of these items, `(len(items),)` int64."""
        return self._count(self.validate(reports).accepted, checked_items(items, self.categories))

    def estimate_of(self, reports: Reports, items: ArrayLike) -> Estimate:
        """The shares of these items only, in their order: for domains too large to count through."""
        screened, keys = self.validate(reports), checked_items(items, self.categories)
        if not len(screened.accepted):
            raise ConfigurationError("there is no report to estimate from", why=f"{len(screened.refused)} were refused")
        supports = self._count(screened.accepted, keys)
        return self._shares(supports, len(screened.accepted), len(screened.refused))

    def _count(self, reports: Reports, keys: Indices) -> Indices:
        if self.assigned and reports.ids is not None:
            return count_equal(self.family, self.seeds_of(reports.ids), reports["answer"], keys)
        return count_equal(self.family, reports["seed"], reports["answer"], keys)


def word_and_seed(family: MultiplyShift, stream: Stream, agents: Indices) -> tuple[Array, Array]:
    """A 64-bit word `(n,)` for the answer and a seed, of each agent: one AES block where the seed has 64 bits."""
    per_word = 64 // family.container_bits
    words = stream.words(agents, 1 + -(-family.seed_words // per_word))
    seeds = np.ascontiguousarray(words[:, 1:]).view(family.dtype)  # rows of few numbers are slow to copy later
    return words[:, 0], family.seeds_from(seeds[:, : family.seed_words])


def seed_column(family: MultiplyShift) -> Integers:
    """The column of a family's seeds."""
    return Integers("seed", high=1 << family.word_bits, width=family.seed_words)


def checked_range_bits(hashed_to: object) -> int:
    """The b of g = 2^b in [2, 2^16]."""
    g = whole("hashed_to", hashed_to, least=2)
    if g & (g - 1) or g > 1 << MOST_RANGE_BITS:
        raise ConfigurationError(
            f"hashed_to is a power of two in [2, 2^{MOST_RANGE_BITS}], not {g}",
            why="no hash of w-bit words is exactly uniform on another range",
        )
    return g.bit_length() - 1


def best_range_bits(epsilon: Fraction) -> int:
    """The b for which (E + g - 1)^2 / ((E - 1)^2 (g - 1)), g = 2^b, is least: near g = e^eps + 1."""
    bound = exp_down(epsilon)
    return min(range(1, MOST_RANGE_BITS + 1), key=lambda bits: (bound + (1 << bits) - 1) ** 2 / ((1 << bits) - 1))
