"""Two-way marginals: which values of two attributes occur together.

With d attributes there are m = d (d - 1) / 2 pairs. An agent draws one of them, uniformly and without looking at
its record, and reports its pair of values as one of k_a k_b items through a frequency oracle, with all of epsilon. Such
reports, their estimates and variances are `tip.mechanisms.sampled_parts`: the ratio over whole records is the
oracle's, and a table's entries are unbiased given how many drew it.

Each of the d - 1 tables of attribute a has a row sum for each of its values. They estimate the same share F, from
disjoint samples, so their average with weights w_l that depend on the numbers n_l of reports only (here in proportion
to n_l / the noise of a row sum at F = 0) is unbiased, with the variance

    sum_l w_l^2 [V_l + n/(n-1) F (1 - F)] / n_l  -  F (1 - F) / (n - 1),

V_l the noise of a row sum in one report, exact where the oracle's joint supports are (`ranges.pair_supports`:
randomized response and unary encodings).
`consistent` makes the tables agree with these averages and with each other: a linear map
that keeps true tables as they are, so what was unbiased stays so; it states no variance.

Which tables to collect when d is large (CALM, Zhang et al., CCS 2018) is not chosen here: all pairs have equal shares.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.ranges import Factory, default_oracle, pair_supports
from tip.mechanisms.sampled_parts import (
    SampledParts,
    checked_part,
    checked_sizes,
    oracles_of,
)
from tip.mechanisms.sampling_laws import Table
from tip.mechanisms.unions import Union

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.frequency import FrequencyOracle

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]
    Pair = tuple[int, int]

MOST_PAIRS: Final = 1 << 12
MOST_CELLS: Final = 1 << 20  # of one table


@dataclass(frozen=True, slots=True)
class TwoWayMarginals(SampledParts):
    """One pair of attributes of d, drawn by chance and told, as one item; see the top of the file.

    `categories`: the number of items of each attribute. `epsilon`: the most that the one report may cost, for the
    whole record. `oracle`: (number of cells, epsilon) -> the frequency oracle of a table.
    """

    categories: tuple[int, ...]
    epsilon: Fraction | float
    oracle: Factory = default_oracle
    pairs: tuple[Pair, ...] = field(init=False, repr=False, compare=False)
    parts: tuple[FrequencyOracle, ...] = field(init=False, repr=False, compare=False)
    _union: Union = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sizes = checked_sizes(self.categories)
        pairs = tuple(combinations(range(len(sizes)), 2))
        if not 0 < len(pairs) <= MOST_PAIRS or max(sizes[a] * sizes[b] for a, b in pairs) > MOST_CELLS:
            raise ConfigurationError(
                f"{len(sizes)} attributes have {len(pairs)} pairs",
                why="1 to 4096 pairs are served, each with a table of at most 2^20 cells",
                instead="choose the attributes, or group their values",
            )
        parts = oracles_of([sizes[a] * sizes[b] for a, b in pairs], self.epsilon, self.oracle)
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "_union", Union(tuple(part.layout for part in parts), ("part",)))

    @property
    def _name(self) -> str:
        return "two-way-marginals"

    def part_values(self, values: Array, part: int) -> Indices:
        """The pair's cell: value of the first attribute times the second one's size, plus its value."""
        first, second = self.pairs[part]
        cells: Indices = values[:, first] * self.categories[second] + values[:, second]
        return cells

    def tables(self, aggregate: Aggregate) -> dict[Pair, Estimate]:
        """For each pair (a, b), a < b, the shares `(k_a, k_b)`, raw and unbiased; its `reports` are the table's own."""
        return {
            (a, b): _shaped(estimate, (self.categories[a], self.categories[b]))
            for (a, b), estimate in zip(self.pairs, self.estimates(aggregate), strict=True)
        }

    def one_way(self, aggregate: Aggregate, attribute: int) -> Estimate:
        """The shares of one attribute's values `(k,)`: the weighted average over its d - 1 tables."""
        at, n = checked_part(attribute, len(self.categories)), aggregate.reports
        sums, noises, drew = [], [], []
        for (pair, table), oracle in zip(self.tables(aggregate).items(), self.parts, strict=True):
            if at in pair:
                first = pair[0] == at
                sums.append(table.value.sum(axis=1 if first else 0))
                noises.append(row_noise(oracle, self.categories[pair[1] if first else pair[0]]))
                drew.append(table.reports)
        held, other = np.array(noises).T
        counts = np.array(drew, dtype=np.float64)
        weights = counts / other
        rule = np.stack([weights / weights.sum(), held, other, counts])
        value = rule[0] @ np.array(sums)
        worst = float(np.max(_averaged(np.array([0.0, 0.5, 1.0]), rule, n)))
        return Estimate(value, _averaged(np.clip(value, 0, 1), rule, n), worst, n, aggregate.refused)

    def consistent(self, aggregate: Aggregate) -> dict[Pair, Floats]:
        """The tables, changed so that all row and column sums of an attribute agree, and every table sums to 1.

        Additive and linear: unbiased like the raw tables, and nearer to the truth on average. Entries may be negative.
        No variance is stated, so there are no intervals.
        """
        ways = [self.one_way(aggregate, at).value for at in range(len(self.categories))]
        ways = [way + (1 - way.sum()) / len(way) for way in ways]
        out = {}
        for (a, b), table in self.tables(aggregate).items():
            raw = table.value
            rows, columns = ways[a] - raw.sum(axis=1), ways[b] - raw.sum(axis=0)
            rest = (1 - raw.sum()) / raw.size
            out[a, b] = raw + rows[:, None] / len(columns) + columns / len(rows) - rest
        return out


def row_noise(oracle: FrequencyOracle, across: int) -> tuple[float, float]:
    """The variance, from one report, of a sum over `across` cells' estimates: if one of them is held, if none is.

    Exact where `pair_supports` is.
    """
    p, q = float(oracle.p), float(oracle.q)
    with_held, without = pair_supports(oracle)
    ends = []
    for mean, together in (
        (p + (across - 1) * q, 2 * (across - 1) * with_held + (across - 1) * (across - 2) * without),
        (across * q, across * (across - 1) * without),
    ):
        ends.append(max(mean + together - mean * mean, 0.0) / (p - q) ** 2)
    return ends[0], ends[1]


def _averaged(share: Floats, rule: Floats, reports: int) -> Floats:
    """The variance of a weighted average of row sums from disjoint samples; `rule`: weights, noises, counts."""
    weights, held, other, counts = (row[:, None] for row in rule)
    spread, rest = share * (1 - share), max(reports - 1, 1)
    noise = share * held + (1 - share) * other + reports / rest * spread
    variance: Floats = (weights**2 * noise / counts).sum(axis=0) - spread / rest
    return variance


def _shaped(estimate: Estimate, shape: tuple[int, int]) -> Estimate:
    """The same estimate as a table."""
    variance, value = estimate.variance.reshape(shape), estimate.value.reshape(shape)
    return replace(estimate, value=value, variance=variance, law=Table(estimate, shape))
