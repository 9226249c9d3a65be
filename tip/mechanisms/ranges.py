"""Range queries: how many agents lie between two items, from a tree.

A range of 500 items summed from 500 noisy shares has 500 times the noise of one. So each agent draws a
level of a tree of fanout B over the items (uniformly, by its own bits) and reports its node on that level
through a frequency oracle; a range is then a sum of few nodes (Cormode, Kulkarni, Srivastava, VLDB 2019; Qardaji,
Yang, Li, VLDB 2013 for trees of fanout B). One report costs what the oracle's does: the level does not depend on
the item.

The estimate is linear and unbiased. Level l was drawn by n_l agents, a random sample of all n; the shares
among them estimate those of all. Then *consistency* (Hay, Rastogi, Miklau, Suciu, VLDB 2010): the tree of numbers
in which parents are the sums of their children, with the root 1, that is nearest to the raw ones in weighted
least squares, weights 1 / (noise of the level). Weights depend on n_l only, so the map is linear and maps the
true tree to itself: what was unbiased stays so.

    variance of a range with coefficients a_l(node) on the raw nodes, given n_1 .. n_h (docs/local-ranges.md):
    sum_l [ V_l + n/(n-1) Var_l ] / n_l  -  F (1 - F) / (n - 1)

V_l is the oracle's mean noise in sum a_l(node) support(node) / (p - q), Var_l the variance of a_l(node of an
agent) over the agents, F the range's share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, PureMechanism
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.frequency import FrequencyOracle, checked_counts, checked_items
from tip.mechanisms.reports import Reports
from tip.mechanisms.sampling_laws import sampled_influence
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import below, checked_epsilon, exp_down
from tip.mechanisms.trees import Level, Tree
from tip.mechanisms.unions import Union
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.base import Influence
    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

Factory = Callable[[int, Fraction | float], FrequencyOracle]

MOST_ITEMS: Final = 1 << 20
_LANE: Final = 1 << 15  # the level's word: no oracle's attempts come that far


def default_oracle(categories: int, epsilon: Fraction | float) -> FrequencyOracle:
    """Randomized response while k < 3 e^eps + 2, from where on optimized unary encoding has less noise."""
    if categories < 3 * exp_down(checked_epsilon(epsilon)) + 2:
        return GeneralizedRandomizedResponse(categories, epsilon)
    from tip.mechanisms.unary import OptimizedUnaryEncoding  # noqa: PLC0415 - only where it is wanted

    return OptimizedUnaryEncoding(categories, epsilon)


@dataclass(frozen=True, slots=True)
class Hierarchical(PureMechanism):
    """Items 0 .. categories - 1 in a tree of fanout `fanout`, one level a report; see the top of the file.

    `oracle`: (number of nodes, epsilon) -> the frequency oracle of a level. `epsilon`: the most that one report may
    cost. `fanout`: 4 to 8 is best; a fanout of `categories` is the plain oracle.
    """

    categories: int
    epsilon: Fraction | float
    fanout: int = 4
    oracle: Factory = default_oracle
    levels: tuple[FrequencyOracle, ...] = field(init=False, repr=False, compare=False)  # from the root's children on
    sizes: tuple[int, ...] = field(init=False, repr=False, compare=False)  # items of a node, level by level
    _union: Union = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        items, fanout = whole("categories", self.categories, least=2), whole("fanout", self.fanout, least=2)
        if items > MOST_ITEMS:
            raise ConfigurationError(f"a tree has at most 2^20 items, not {items}")
        sizes = [1]
        while sizes[-1] * fanout < items:
            sizes.append(sizes[-1] * fanout)
        sizes.reverse()
        levels = tuple(self.oracle(-(-items // size), self.epsilon) for size in sizes)
        if any(level.categories != -(-items // size) for level, size in zip(levels, sizes, strict=True)):
            raise ConfigurationError("the factory gave an oracle of another number of items")
        if any(type(level).estimate is not FrequencyOracle.estimate for level in levels):
            raise ConfigurationError(
                "a tree takes oracles whose variance follows from p and q",
                instead="randomized response, unary encoding, subset selection, local hashing, projective geometry",
            )
        if any(getattr(level, "assigned", False) for level in levels):
            raise ConfigurationError(
                "the oracles of a tree draw their own seeds", why="its reports carry no ids for seeds to follow from"
            )
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "sizes", tuple(sizes))
        object.__setattr__(self, "_union", Union(tuple(level.layout for level in levels), ("level",)))

    @property
    def height(self) -> int:
        """H: the levels that agents report on; the root, whose share is 1, is none of them."""
        return len(self.levels)

    @property
    def spec(self) -> Spec:
        """K, fanout, and the digest of each level's oracle."""
        oracles = tuple((f"level-{at}", level.spec.digest.hex()) for at, level in enumerate(self.levels))
        return Spec("hierarchical", 1, (("categories", self.categories), ("fanout", self.fanout), *oracles))

    @property
    def layout(self) -> tuple[Column, ...]:
        """The level, and the union of the oracles' columns; what a level has no use for is 0."""
        return (Integers("level", high=self.height), *self._union.columns)

    @property
    def ratio(self) -> Fraction:
        """The greatest of the oracles': the level has the same law for all items."""
        return max(level.ratio for level in self.levels)

    @property
    def blanket(self) -> Fraction:
        """The oracles' mean."""
        return sum((level.blanket for level in self.levels), Fraction(0)) / self.height

    @property
    def identifying(self) -> str:
        """What the oracles say."""
        return "; ".join(dict.fromkeys(level.identifying for level in self.levels if level.identifying))

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """Each level with probability 1 / h, and the oracle's law on it."""
        value = int(self._one(value))
        law: dict[tuple[int, ...], Fraction] = {}
        for at, (level, size) in enumerate(zip(self.levels, self.sizes, strict=True)):
            for report, chance in level.law(value // size).items():
                law[at, *self._union.widened(at, report)] = chance / self.height
            if len(law) > MOST_LISTED:
                return super(Hierarchical, self).law(value)
        return law

    def checked(self, values: ArrayLike) -> Array:
        """Items as int64 `(n,)`; raises `DataError` that names the first bad row, not its value."""
        return checked_items(values, self.categories)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """A word of a lane of its own draws the level; the oracle draws from its usual addresses."""
        words = stream.words(agents, 1, lane=_LANE)[:, 0]
        drawn = below(words, self.height, stream, agents, column=0, lane=_LANE + 1)
        columns = tuple(np.zeros(column.shape(len(values)), dtype=column.dtype) for column in self.layout)
        columns[0][:] = drawn
        for at, (level, size) in enumerate(zip(self.levels, self.sizes, strict=True)):
            rows = np.flatnonzero(drawn == at)
            if len(rows):
                self._union.put(columns[1:], at, rows, level.draw(values[rows] // size, stream, agents[rows]))
        return columns

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """Each level's answer is one of its oracle's, and all the rest is 0."""
        good = np.ones(len(reports), dtype=np.bool_)
        for at, level in enumerate(self.levels):
            rows = np.flatnonzero(reports["level"] == at)
            fits = self._union.fits(reports.columns[1:], at, rows)
            good[rows[~fits]] = False
            rows = rows[fits]
            refused = level.validate(self._union.part(reports.columns[1:], at, rows, level.spec.digest)).refused
            good[rows[refused]] = False
        return {"not an answer of its level": good}

    def tally(self, reports: Reports) -> Indices:
        """`(h + totals of all levels,)`: how many reports each level has, then each oracle's totals."""
        parts: list[Array] = [np.bincount(reports["level"], minlength=self.height).astype(np.int64)]
        for at, level in enumerate(self.levels):
            rows = np.flatnonzero(reports["level"] == at)
            answers = self._union.part(reports.columns[1:], at, rows, level.spec.digest)
            parts.append(level.tally(answers).ravel())
        return np.concatenate(parts)

    def estimate(self, aggregate: Aggregate) -> Tree:
        """All nodes' shares, raw and unbiased; `Tree` answers ranges consistently. Raises if a level has no report."""
        n = self._counted(aggregate)
        counts, at = aggregate.totals[: self.height], self.height
        if counts.min() < 1:
            raise ConfigurationError(
                f"{int((counts < 1).sum())} of {self.height} levels have no report",
                instead="take a greater fanout, or more agents",
            )
        levels, shares = [], []
        for level, size, count in zip(self.levels, self.sizes, counts.tolist(), strict=True):
            totals = self._empty(level)
            part = aggregate.totals[at : at + totals.size].reshape(totals.shape)
            at += totals.size
            shares.append(level.estimate(Aggregate(level.spec.digest, count, 0, part)).value)
            levels.append(Level(size, count, float(level.p), float(level.q), *pair_supports(level)))
        return Tree.of(tuple(levels), shares, categories=self.categories, reports=n, refused=aggregate.refused)

    def _empty(self, level: FrequencyOracle) -> Indices:
        """The oracle's totals of no report."""
        columns = tuple(np.zeros(column.shape(0), dtype=column.dtype) for column in level.layout)
        return level.tally(Reports(level.spec.digest, level.layout, columns))

    def max_influence(self) -> Influence:
        """On a raw node, where each level has n / h reports: see `sampling_laws.sampled_influence`."""
        return sampled_influence(self.levels)

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """An aggregate of agents of whom `counts[v]` hold item v, in O(k h): levels jointly, nodes by oracle."""
        held = checked_counts(counts, self.categories)
        generator = entropy.generator(f"simulate {self.spec.name}")
        drawn = generator.multinomial(held, np.full(self.height, 1 / self.height))
        parts: list[Array] = [drawn.sum(axis=0).astype(np.int64)]
        for at, (level, size) in enumerate(zip(self.levels, self.sizes, strict=True)):
            nodes = np.add.reduceat(drawn[:, at], np.arange(0, self.categories, size)).astype(np.int64)
            own = Entropy.seeded(int(generator.integers(1 << 62)))
            totals = level.simulate(nodes, entropy=own).totals if nodes.any() else self._empty(level)
            parts.append(totals.ravel())
        return Aggregate(self.spec.digest, int(held.sum()), 0, np.concatenate(parts))


def pair_supports(oracle: FrequencyOracle) -> tuple[float, float]:
    """How often a report supports two given items: one of them held, none of them held.

    Exact for randomized response (never) and for unary encodings (independent bits: p q and q^2). For all others items
    count as independent: near the truth for hashes and projective geometry, and the variance is then approximate.
    """
    if isinstance(oracle, GeneralizedRandomizedResponse):
        return 0.0, 0.0
    p, q = float(oracle.p), float(oracle.q)
    return p * q, q * q
