"""Means of several numbers: each agent answers for a few attributes only.

With d attributes and one epsilon, an agent picks j of them and spends epsilon / j on each (Wang et al.,
ICDE 2019, algorithm 4: j = max(1, min(d, floor(epsilon / 2.5)))). The set is uniform among all sets of
j, drawn without looking at the values, and is sent with the answers. So

    Pr[report | values] = (1 / C(d, j)) prod over the set of Pr[answer | value]

whose ratio over all values is exactly `law.ratio`^j: the set cancels. With A a single answer's estimate of t,

    (d / j) A [c in the set]   is unbiased for t_c, variance (d / j) E[A^2 | t_c] - t_c^2

and the factors d / j are public constants (never the realized number of answers, law 1). Ranges may differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations, product
from math import comb
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.mean_intervals import Bounded
from tip.mechanisms.numeric import SignLaw, checked_held
from tip.mechanisms.numeric_grid import Grid, PureGridLaw, centered, checked_numbers, neighbors, positions_in, rounded
from tip.mechanisms.piecewise import MixedLaw, WindowLaw
from tip.mechanisms.reports import Reports
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import below, checked_epsilon
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from tip.randomness import Entropy, Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_ATTRIBUTES: Final = 1 << 16
MOST_SAMPLED: Final = 64
_SHARE: Final = Fraction(5, 2)  # epsilon for one attribute
_SLACK: Final = Fraction(1, 1 << 80)  # so that the product of j bounds stays below the bound of the product
_PAIR: Final = 2
_LAWS: Final[dict[str, type[SignLaw | WindowLaw | MixedLaw]]] = {
    "duchi": SignLaw,
    "piecewise": WindowLaw,
    "hybrid": MixedLaw,
}


@dataclass(frozen=True, slots=True)
class SampledMeans(PureMechanism):
    """The means of d numbers, of which each agent answers for j; see the top of the file.

    `ranges`: d pairs (low, high), public. `epsilon`: the most that one report may cost, all attributes together.
    `answer`: "hybrid", "piecewise" or "duchi". `sampled`: j, by default max(1, min(d, floor(epsilon / 2.5))).
    `checked` wants `(agents, d)`; estimates have the shape `(d,)`.
    """

    ranges: tuple[tuple[float, float], ...]
    epsilon: Fraction | float
    answer: str = "hybrid"
    sampled: int | None = None
    bits: int = 16
    _grids: tuple[Grid, ...] = field(init=False, repr=False, compare=False)
    _law: PureGridLaw = field(init=False, repr=False, compare=False)
    _sampled: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = isinstance(self.ranges, tuple) and all(
            isinstance(pair, tuple) and len(pair) == _PAIR for pair in self.ranges
        )
        if not pairs or not 0 < len(self.ranges) <= MOST_ATTRIBUTES:
            raise ConfigurationError(f"ranges are a tuple of 1 to {MOST_ATTRIBUTES} pairs (low, high)")
        if self.answer not in _LAWS:
            raise ConfigurationError(f"answer is one of {sorted(_LAWS)}, not {self.answer!r}")
        epsilon, d = checked_epsilon(self.epsilon), len(self.ranges)
        most = min(d, MOST_SAMPLED)
        count = max(1, min(most, epsilon // _SHARE)) if self.sampled is None else self.sampled
        if whole("sampled", count, least=1) > most:
            raise ConfigurationError(f"sampled lies in [1, {most}], not at {count}")
        object.__setattr__(self, "_sampled", count)
        object.__setattr__(self, "_grids", tuple(Grid(low, high, self.bits) for low, high in self.ranges))
        each = checked_epsilon(epsilon / count) - (_SLACK if count > 1 else 0)
        object.__setattr__(self, "_law", _LAWS[self.answer].of(1 << self.bits, each))

    @property
    def dimension(self) -> int:
        """How many attributes there are."""
        return len(self.ranges)

    @property
    def spec(self) -> Spec:
        """The ranges, j, and the law's integers."""
        bounds = tuple(
            (f"{name} {index}", Fraction(value))
            for index, grid in enumerate(self._grids)
            for name, value in (("low", grid.low), ("high", grid.high))
        )
        first = (("answer", self.answer), ("attributes", self.dimension), ("sampled", self._sampled))
        return Spec("sampled-means", 1, (*first, ("bits", self.bits), *self._law.parameters, *bounds))

    @property
    def layout(self) -> tuple[Column, ...]:
        """The attributes, ascending, and the cell of each."""
        j = self._sampled
        return (Integers("attributes", high=self.dimension, width=j), Integers("cells", high=self._law.cells, width=j))

    @property
    def ratio(self) -> Fraction:
        """The law's ratio to the power j."""
        return self._law.ratio**self._sampled

    @property
    def blanket(self) -> Fraction:
        """The law's blanket to the power j: the set's probabilities add up to 1, values vary independently."""
        return self._law.blanket**self._sampled

    def law(self, value: ArrayLike) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each report (attributes, then cells)."""
        d, j = self.dimension, self._sampled
        if comb(d, j) * self._law.cells**j > MOST_LISTED:
            return PureMechanism.law(self, value)
        single = [self._single(position) for position in self._one(value).tolist()]
        share = Fraction(1, comb(d, j))
        total: dict[tuple[int, ...], Fraction] = {}
        for chosen in combinations(range(d), j):
            for cells in product(range(self._law.cells), repeat=j):
                probability = share
                for attribute, cell in zip(chosen, cells, strict=True):
                    probability *= single[attribute][cell]
                total[(*chosen, *cells)] = probability
        return total

    def _single(self, position: int) -> dict[int, Fraction]:
        laws = [(share, self._law.law(point)) for point, share in neighbors(position)]
        return {cell: sum((share * law[cell] for share, law in laws), Fraction(0)) for cell in range(self._law.cells)}

    def checked(self, values: ArrayLike) -> Indices:
        """Finite numbers `(n, d)`, each clipped to its attribute's range, as positions on the grid."""
        array = checked_numbers(values, 2)
        if array.shape[1] != self.dimension:
            raise ConfigurationError(f"an agent holds {self.dimension} numbers, not {array.shape[1]}")
        low, high = (np.array(bounds) for bounds in zip(*((g.low, g.high) for g in self._grids), strict=True))
        return positions_in(array, low, high, bits=self.bits)

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Positions 2 i, 2 i + 1 of the stream answer for the i-th attribute of the set; the set comes behind."""
        j = self._sampled
        chosen = self._choose(stream, agents)
        words = stream.words(agents, 2 * j)
        cells = np.empty((len(agents), j), dtype=np.uint64)
        rows = np.arange(len(agents))
        for i in range(j):
            pair = words[:, 2 * i : 2 * i + 2]
            points = rounded(values[rows, chosen[:, i]], pair[:, 1])
            cells[:, i] = self._law.answer(points, pair, stream, agents, column=2 * i + 1)
        return chosen, cells

    def _choose(self, stream: Stream, agents: Indices) -> Indices:
        """A uniform set of j attributes, ascending: the i-th draw names one of those that are left.

        **Claim.** Every set has probability 1 / C(d, j): a number r in [0, d - i) is the r-th attribute that is not
        taken, found by stepping over the taken ones in ascending order; all ordered choices are equally likely.
        """
        d, j = self.dimension, self._sampled
        words = stream.words(agents, j, start=2 * j)
        chosen = np.empty((len(agents), j), dtype=np.int64)
        for i in range(j):
            new = below(words[:, i], d - i, stream, agents, column=2 * j + i).astype(np.int64)
            for k in range(i):
                new += new >= chosen[:, k]
            chosen[:, i] = new
            chosen[:, : i + 1].sort(axis=1)
        return chosen

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """The attributes ascend: none is answered twice."""
        chosen = reports["attributes"]
        ascending: NDArray[np.bool_] = np.logical_and.reduce(chosen[:, 1:] > chosen[:, :-1], axis=1)
        return {"attributes not ascending": ascending}

    def tally(self, reports: Reports) -> Indices:
        """For each attribute the sums of its cells' parts, `(d, parts)`."""
        chosen = reports["attributes"].reshape(-1)
        parts = self._law.parts(reports["cells"].reshape(-1))
        sums = [np.bincount(chosen, weights=part, minlength=self.dimension) for part in parts]  # below 2^53: exact
        return np.stack(sums, axis=1).astype(np.int64)

    @property
    def _factor(self) -> Fraction:
        return Fraction(self.dimension, self._sampled)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """All d means, raw and unbiased, with their variances for this population."""
        n, factor = self._counted(aggregate), self._factor
        means = [factor * self._law.first(row) / n for row in aggregate.totals]
        seconds = [factor * self._law.second(row) / n for row in aggregate.totals]
        scales = [grid.half**2 / n for grid in self._grids]
        variances = [
            float(scale * self._plugged_in(mean, second))
            for scale, mean, second in zip(scales, means, seconds, strict=True)
        ]
        return Estimate(
            np.array([float(grid.value(mean)) for grid, mean in zip(self._grids, means, strict=True)]),
            np.array(variances),
            np.array([float(scale * self._worst) for scale in scales]),
            n,
            aggregate.refused,
            reach=self._reach,
        )

    @property
    def _reach(self) -> tuple[float, float]:
        """The least and the most that a report adds to any attribute's total."""
        most = self._factor * self._law.reach
        low = min(grid.value(-most) for grid in self._grids)
        return float(low), float(max(grid.value(most) for grid in self._grids))

    def _plugged_in(self, mean: Fraction, second: Fraction) -> Fraction:
        """(d / j) E[A^2 | t] - t^2, with t^2 as in `GridLaw.plugged_in`."""
        leading, constant = self._law.second_moment
        square = (second - constant) / leading if leading else mean * mean
        square = min(max(square, Fraction(0)), Fraction(1))
        return self._factor * (leading * square + constant) - square + Fraction(1, 1 << 2 * self.bits)

    @property
    def _worst(self) -> Fraction:
        leading, constant = self._law.second_moment
        rounding = leading / (1 << 2 * self.bits)
        return self._factor * (constant + rounding) + max(Fraction(0), self._factor * leading - 1)

    def cautious(self, estimate: Estimate) -> Estimate:
        """The same estimate with intervals that cover for every number of reports and every population."""
        half = np.array([float(grid.half) for grid in self._grids])
        reach = half * float(self._factor * self._law.reach)
        return replace(estimate, law=Bounded(reach, half**2 * float(self._worst), half))

    def variance(self, values: ArrayLike, *, reports: int = 1) -> Floats:
        """The exact variances if all agents hold one row of values, for each row, `(n, d)`; populations: their mean."""
        t, rounding = centered(self.checked(values), 1 << self.bits)
        leading, constant = (float(number) for number in self._law.second_moment)
        noise = float(self._factor) * (leading * (t * t + rounding) + constant) - t * t
        half = np.array([float(grid.half) for grid in self._grids])
        return half**2 * noise / whole("reports", reports, least=1)

    @property
    def worst_variance(self) -> Floats:
        """The greatest variance of one report's estimates, `(d,)`, in squared units of the values."""
        return np.array([float(grid.half**2 * self._worst) for grid in self._grids])

    def max_influence(self) -> Influence:
        """(d / j) times the largest estimate of one answer, j of them; 1 = half of a range."""
        item = float(self._factor * self._law.reach)
        return Influence(item, item * float(self._sampled) ** 0.5)

    def simulate(self, values: ArrayLike, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """An aggregate of agents of whom `counts[i]` hold the row `values[i]`: the exact joint law, for planning.

        By the sampler itself, in constant memory.
        """
        positions = self.checked(values)
        held = checked_held(positions, counts)
        ends = np.cumsum(held)
        total = np.zeros((self.dimension, len(self._law.parts(np.zeros(1, dtype=np.int64)))), dtype=np.int64)
        stream = entropy.stream(f"simulate {self.spec.name}")
        for first in range(0, int(ends[-1]), self.block):
            agents = np.arange(first, min(first + self.block, int(ends[-1])), dtype=np.int64)
            columns = self.draw(positions[np.searchsorted(ends, agents, side="right")], stream, agents)
            total += self.tally(_reports(self, columns))
        return Aggregate(self.spec.digest, int(ends[-1]), 0, total)


def _reports(mechanism: SampledMeans, columns: tuple[NDArray[Any], ...]) -> Reports:
    layout = mechanism.layout
    typed = tuple(array.astype(column.dtype) for array, column in zip(columns, layout, strict=True))
    return Reports(mechanism.spec.digest, layout, typed)
