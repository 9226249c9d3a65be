"""Means of numbers in a public range, and Duchi's one-bit mechanism.

Every agent holds a number in a *public* range [low, high]; what lies outside is clipped on the
device and counted nowhere. It is rounded to a grid without bias (`tip.mechanisms.numeric_grid`), and
its grid point X, t = 2 X / M - 1, is answered by a cell.

Duchi, Jordan, Wainwright (2018, section 4; as in Wang et al., ICDE 2019, algorithm 1): one bit, here

    Pr[1 | X] = T(X) / 2^64     T(X) = 2^63 - S M / 2 + S X     S = floor(2^64 (L - 1)/((L + 1) M))

with L a lower bound of e^epsilon: a threshold that is linear in X, in whole numbers. Hence

    Pr[1 | X] = 1/2 + t / (2 C)     C = 2^64 / (S M)     estimate = +-C     variance C^2 - t^2

exactly, and the ratio T(M) / T(0) = (2^64 + S M)/(2^64 - S M) <= L by the choice of S.

Intervals: `tip.mechanisms.mean_intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence, Mechanism, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate, Law, Normal, whole_array
from tip.mechanisms.mean_intervals import Bounded, Proportion
from tip.mechanisms.numeric_grid import Grid, GridLaw, PureGridLaw, centered, checked_numbers, neighbors, rounded
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]


class MeanMechanism(Mechanism):
    """A local mechanism whose estimate is the mean of numbers in [low, high]; subclasses choose the law on the grid."""

    __slots__ = ()

    NAME = ""
    low: float
    high: float
    bits: int
    _grid: Grid
    _law: GridLaw

    @property
    def spec(self) -> Spec:
        """Name, range, grid and the law's integers."""
        bounds = (("low", Fraction(self._grid.low)), ("high", Fraction(self._grid.high)), ("bits", self.bits))
        return Spec(self.NAME, 1, (*bounds, *self._law.parameters))

    @property
    def layout(self) -> tuple[Column, ...]:
        """One cell."""
        return (Integers("cell", high=self._law.cells),)

    def checked(self, values: ArrayLike) -> Indices:
        """Finite numbers `(n,)`, clipped to the range, as positions on the grid (int64)."""
        return self._grid.positions(checked_numbers(values, 1))

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Two words an agent; half of the second rounds the value to a grid point."""
        words = stream.words(agents, 2)
        return (self._law.answer(rounded(values, words[:, 1]), words, stream, agents, column=1),)

    def tally(self, reports: Reports) -> Indices:
        """The sums of the cells' parts."""
        return summed(self._law.parts(reports["cell"]))

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The mean, raw and unbiased, with the variance for this population; see `GridLaw.plugged_in`."""
        n = self._counted(aggregate)
        mean = self._law.first(aggregate.totals) / n
        variance = self._law.plugged_in(mean, self._law.second(aggregate.totals) / n)
        scale = self._grid.half**2 / n
        return Estimate(
            np.asarray(float(self._grid.value(mean))),
            np.asarray(float(scale * variance)),
            float(scale * self._law.worst),
            n,
            aggregate.refused,
            self._interval_law(aggregate),
            reach=(float(self._grid.value(-self._law.reach)), float(self._grid.value(self._law.reach))),
        )

    def _interval_law(self, aggregate: Aggregate) -> Law:
        del aggregate
        return Normal()

    def cautious(self, estimate: Estimate) -> Estimate:
        """The same estimate with an interval that covers for every number of reports and every population."""
        half = float(self._grid.half)
        return replace(estimate, law=Bounded(half * float(self._law.reach), half**2 * float(self._law.worst), half))

    def variance(self, values: ArrayLike, *, reports: int = 1) -> Floats:
        """The exact variance of the estimate if all agents hold one value, for each; a population has their mean."""
        t, rounding = centered(self.checked(values), self._grid.steps)
        leading, constant = (float(number) for number in self._law.second_moment)
        noise = (leading - 1) * t * t + constant + leading * rounding
        return float(self._grid.half) ** 2 * noise / whole("reports", reports, least=1)

    @property
    def worst_variance(self) -> float:
        """The greatest variance of one report's estimate, over all values, in squared units of the values."""
        return float(self._grid.half**2 * self._law.worst)

    def max_influence(self) -> Influence:
        """The largest estimate of one report about the middle of the range; 1 = half of the range, an honest most."""
        return Influence(float(self._law.reach), float(self._law.reach))

    def simulate(self, values: ArrayLike, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """An aggregate of agents of whom `counts[i]` hold `values[i]`: the exact joint law, for planning.

        By the sampler itself, in constant memory: some 50 ns an agent.
        """
        positions, held = self.checked(values), checked_held(values, counts)
        stream, served = entropy.stream(f"simulate {self.spec.name}"), 0
        totals = np.zeros(len(self._law.parts(np.zeros(1, dtype=np.int64))), dtype=np.int64)
        for position, count in zip(positions.tolist(), held.tolist(), strict=True):
            for first in range(0, count, self.block):
                agents = np.arange(served + first, served + min(count, first + self.block), dtype=np.int64)
                (cells,) = self.draw(np.full(len(agents), position), stream, agents)
                totals += summed(self._law.parts(cells))
            served += count
        return Aggregate(self.spec.digest, served, 0, totals)


def summed(parts: tuple[Indices, ...]) -> Indices:
    """The sum of each part."""
    return np.array([part.sum() for part in parts], dtype=np.int64)


class PureMeanMechanism(MeanMechanism, PureMechanism):
    """A mean by a law of finitely many rational probabilities."""

    __slots__ = ()

    _law: PureGridLaw

    @property
    def ratio(self) -> Fraction:
        """The largest ratio at two grid points; values between the points are mixtures of them."""
        return self._law.ratio

    @property
    def blanket(self) -> Fraction:
        """The sum over cells of their least probability."""
        return self._law.blanket

    def law(self, value: float) -> dict[tuple[int, ...], Fraction]:
        """The exact probability of each cell: that of the one or two grid points to which the value is rounded."""
        if self._law.cells > MOST_LISTED:
            return super().law(value)
        total = dict.fromkeys(range(self._law.cells), Fraction(0))
        for point, share in neighbors(int(self._one(value))):
            for cell, probability in self._law.law(point).items():
                total[cell] += share * probability
        return {(cell,): probability for cell, probability in total.items()}


def checked_held(values: ArrayLike, counts: ArrayLike) -> Indices:
    """How many agents hold each of the values: whole numbers >= 0, one for each value, not all of them 0."""
    held = whole_array(counts, "counts")
    if held.shape != np.atleast_1d(np.asarray(values)).shape[:1] or (held < 0).any() or not 0 < held.sum() < 1 << 40:
        raise ConfigurationError("counts are whole numbers >= 0, one for each value, that add up to at least 1")
    return held


@dataclass(frozen=True, slots=True)
class SignLaw(PureGridLaw):
    """One bit whose probability is linear in the point: T(X) / 2^64, T(X) = 2^63 - S M / 2 + S X."""

    steps: int
    slope: int  # S

    @classmethod
    def of(cls, steps: int, epsilon: Fraction) -> SignLaw:
        """The steepest law of this loss. S M is even, for M is."""
        bound = exp_down(epsilon)
        return cls(steps, int(WORD * (bound - 1) / ((bound + 1) * steps)))

    def threshold(self, point: int) -> int:
        """T(X)."""
        return WORD // 2 - self.slope * self.steps // 2 + self.slope * point

    cells = 2

    @property
    def parameters(self) -> tuple[tuple[str, int | Fraction | str], ...]:
        """The slope."""
        return (("slope", self.slope),)

    @property
    def ratio(self) -> Fraction:
        """T(M) / T(0), the same for both answers."""
        return Fraction(self.threshold(self.steps), self.threshold(0))

    @property
    def blanket(self) -> Fraction:
        """2 T(0) / 2^64."""
        return Fraction(2 * self.threshold(0), WORD)

    @property
    def reach(self) -> Fraction:
        """C = 2^64 / (S M)."""
        return Fraction(WORD, self.slope * self.steps)

    @property
    def second_moment(self) -> tuple[Fraction, Fraction]:
        """C^2, whatever t is."""
        return Fraction(0), self.reach**2

    def law(self, point: int) -> dict[int, Fraction]:
        """1 with probability T(X) / 2^64."""
        one = Fraction(self.threshold(point), WORD)
        return {0: 1 - one, 1: one}

    def answer(self, points: Indices, words: Words, stream: Stream, agents: Indices, *, column: int) -> Words:
        """Whether the first word is below the threshold."""
        del stream, agents, column
        thresholds = points.view(np.uint64) * np.uint64(self.slope)
        thresholds += np.uint64(self.threshold(0))
        return (words[:, 0] < thresholds).astype(np.uint64)

    def parts(self, cells: NDArray[Any]) -> tuple[Indices, ...]:
        """The answer as a sign, and 1."""
        signs = 2 * cells.astype(np.int64) - 1
        return signs, np.ones_like(signs)

    def first(self, totals: Indices) -> Fraction:
        """C times the sum of the signs."""
        return self.reach * int(totals[0])

    def second(self, totals: Indices) -> Fraction:
        """C^2 times the number of answers."""
        return self.reach**2 * int(totals[1])


@dataclass(frozen=True, slots=True)
class Duchi(PureMeanMechanism):
    """One bit about a number in [low, high]; see the top of the file. The best single mechanism below epsilon 1.29.

    `low`, `high`: the public range. `epsilon`: the most that one report may cost. `bits`: the grid has 2^bits steps.
    Variance of one report at t in [-1, 1], in squared half-ranges: C^2 - t^2, C = (e^eps + 1)/(e^eps - 1).
    """

    low: float
    high: float
    epsilon: Fraction | float
    bits: int = 16
    _grid: Grid = field(init=False, repr=False, compare=False)
    _law: SignLaw = field(init=False, repr=False, compare=False)

    NAME = "duchi"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grid", Grid(self.low, self.high, self.bits))
        object.__setattr__(self, "_law", SignLaw.of(self._grid.steps, checked_epsilon(self.epsilon)))

    def _interval_law(self, aggregate: Aggregate) -> Law:
        law, n = self._law, max(aggregate.reports, 1)
        p, q = law.law(law.steps)[1], law.law(0)[1]
        ones = (int(aggregate.totals[0]) + n) // 2
        return Proportion(ones, float(p), float(q), self._grid.low, 2 * float(self._grid.half))
