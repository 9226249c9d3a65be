"""Square Wave: how a number is distributed over the agents.

Square Wave (Li, Wang, Lopuhaa-Zwakenberg, Li, Skoric, SIGMOD 2020) reports a number near the true
one with a higher density than any other. Here both are whole numbers: the public range [low, high]
is cut into D cells, a report is one of M = D + 2b, and an agent in cell i

    with probability T / 2^64   names one of the W = 2b + 1 reports i .. i + 2b, uniformly,
    else                        one of the D - 1 others, uniformly.

So a near report has the probability p = T / (2^64 W), a far one q = (1 - T / 2^64) / (D - 1), and the
likelihood ratio is p / q exactly, with

    T = the greatest whole number with T (D - 1) <= L W (2^64 - T),  L a lower bound of e^epsilon.

b is D times (eps E - E + 1) / (2 E (E - 1 - eps)), E = e^eps, rounded: the half width that maximizes a bound on the
information in a report (section 5.3 there). `estimate` reconstructs the distribution by EM or EMS: biased.
Linear functions of the reports are unbiased: `mean` is one (E[report] is linear in the cell).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence, PureMechanism
from tip.mechanisms.binned import Distribution
from tip.mechanisms.choices import either
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.frequency import checked_counts, tallied
from tip.mechanisms.reconstruction import Windowed, reconstruct
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_CELLS: Final = 1 << 16
_MOST_END: Final = 1e300
_GAIN: Final = 1e-3  # times e^epsilon: where the reconstruction stops (section 6.1 of the paper)
_STEP: Final = 1 << 20  # agents simulated at a time
_LIKELY: Final = (
    "a maximum-likelihood reconstruction: shares are >= 0 and add up to 1, so what is rare comes out too high and "
    "what is common too low"
)
_SMOOTH: Final = "; smoothing flattens peaks and moves mass from steps and from the range's ends"


@dataclass(frozen=True, slots=True)
class SquareWave(PureMechanism):
    """A number of a public range, reported near the truth with probability T / 2^64; see the top of the file.

    `low` < `high`: the range. `epsilon`: the most that one report may cost, in [1e-6, 40]. `inputs`: D, the cells into
    which the range is cut, in [2, 2^16]. A number is rounded to its cell before anything else happens.
    """

    low: float
    high: float
    epsilon: Fraction | float
    inputs: int = 1024
    half_width: int = field(init=False, repr=False, compare=False)  # b
    _near: int = field(init=False, repr=False, compare=False)  # T

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if isinstance(end, bool) or not isinstance(end, int | float) or not abs(end) < _MOST_END:
                raise ConfigurationError(f"a range's ends are numbers between -1e300 and 1e300, not {end!r}")
        if not self.low < self.high:
            raise ConfigurationError(f"a range has low < high, not {self.low!r} and {self.high!r}")
        cells = whole("inputs", self.inputs, least=2)
        if cells > MOST_CELLS:
            raise ConfigurationError(f"inputs is at most 2^16, not {cells}")
        epsilon = checked_epsilon(self.epsilon)
        bound = exp_down(epsilon)
        half = round(cells * (epsilon * bound - bound + 1) / (2 * bound * (bound - 1 - epsilon)))
        weight = bound * (2 * half + 1)
        object.__setattr__(self, "half_width", half)
        object.__setattr__(self, "_near", int(weight * WORD / (weight + cells - 1)))

    @property
    def _range(self) -> float:
        return self.high - self.low

    @property
    def window(self) -> int:
        """W = 2b + 1: near reports of one cell."""
        return 2 * self.half_width + 1

    @property
    def outputs(self) -> int:
        """M = D + 2b: reports in all."""
        return self.inputs + 2 * self.half_width

    @property
    def spec(self) -> Spec:
        """The range, D, b and the threshold."""
        ends = (("low", Fraction(self.low)), ("high", Fraction(self.high)))
        return Spec(
            "square-wave",
            1,
            (*ends, ("inputs", self.inputs), ("half-width", self.half_width), ("near", self._near)),
        )

    @property
    def layout(self) -> tuple[Column, ...]:
        """One of the M outputs; output y lies at cell y - b."""
        return (Integers("output", high=self.outputs),)

    @property
    def p(self) -> Fraction:
        """The probability of each near output."""
        return Fraction(self._near, WORD * self.window)

    @property
    def q(self) -> Fraction:
        """The probability of each far output."""
        return Fraction(WORD - self._near, WORD * (self.inputs - 1))

    @property
    def ratio(self) -> Fraction:
        """P / q."""
        return self.p / self.q

    @property
    def blanket(self) -> Fraction:
        """M q, and p - q more for each output that is near to every cell."""
        return self.outputs * self.q + max(0, self.window - self.inputs + 1) * (self.p - self.q)

    def checked(self, values: ArrayLike) -> Array:
        """Numbers as float64 `(n,)`, clipped to the range; a row that is no finite number is named, not its value."""
        array = np.atleast_1d(np.asarray(values))
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iuf"):
            raise ConfigurationError(f"numbers are a one-dimensional array, not {array.dtype} of shape {array.shape}")
        with np.errstate(over="ignore"):  # what float64 cannot hold lies outside the range
            array = array.astype(np.float64, copy=False)
        if array.size and not (array.min() >= self.low and array.max() <= self.high):  # false for NaN as well
            good = np.isfinite(array)
            if not good.all():
                raise DataError(
                    f"{int((~good).sum())} of {len(array)} values are no finite numbers",
                    row=int(np.argmin(good)) + 1,
                    instead=f"numbers are clipped to [{self.low:g}, {self.high:g}]; give missing ones a public value",
                )
            array = np.clip(array, self.low, self.high)
        return array

    def cells(self, values: ArrayLike) -> Indices:
        """The cell of each number of the range, int64 `(n,)`."""
        return self._cells(self.checked(values))

    def _cells(self, numbers: Floats) -> Indices:
        scaled = numbers - self.low
        scaled /= self._range
        scaled *= self.inputs
        np.minimum(scaled, self.inputs - 1, out=scaled)
        return scaled.astype(np.int64)

    def law(self, value: float) -> dict[tuple[int, ...], Fraction]:
        """P for the near outputs of the number's cell, q for the others."""
        if self.outputs > MOST_LISTED:
            return super(SquareWave, self).law(value)
        cell = int(self.cells(float(self._one(value)))[0])
        near = range(cell, cell + self.window)
        return {(output,): self.p if output in near else self.q for output in range(self.outputs)}

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Word 0 decides between near and far, word 1 which one."""
        words = stream.words(agents, 2)
        near, sizes = heads(words[:, 0], self._near), (self.window, self.inputs - 1)
        outputs = either(near, words[:, 1], sizes, stream, agents)
        outputs += self._cells(values).view(np.uint64)
        np.minimum(outputs, outputs - np.uint64(self.outputs), out=outputs)  # mod M: below M it wraps upward
        return (outputs,)

    def tally(self, reports: Reports) -> Indices:
        """How often each output was reported."""
        return tallied(reports["output"], self.outputs)

    def response(self, bins: int = 256) -> Windowed:
        """The probability of each output bin for each of `bins` input bins, whose cells count as equally common.

        `bins` divides `inputs`; an output bin has as many outputs as an input bin has cells, the last one may have
        fewer. `response(bins).dense()` is the matrix.
        """
        size = self._bin(bins)
        width = len(range(0, self.outputs, size))
        sizes = np.full(width, size)
        sizes[-1] = self.outputs - (width - 1) * size
        shape = np.convolve(np.ones(size, dtype=np.int64), np.ones(self.window, dtype=np.int64))
        kernel = np.add.reduceat(shape, np.arange(0, len(shape), size))  # pairs of a cell and a near output
        return Windowed(float(self.q) * sizes, float((self.p - self.q) / size) * kernel)

    def _bin(self, bins: int) -> int:
        """Cells of one bin."""
        if self.inputs % whole("bins", bins, least=2):
            raise ConfigurationError(f"bins divides inputs = {self.inputs}; {bins} does not")
        return self.inputs // bins

    def estimate(
        self,
        aggregate: Aggregate,
        *,
        bins: int | None = None,
        smoothing: bool = True,
        gain: float | None = None,
        iterations: int = 10_000,
    ) -> Distribution:
        """The distribution over `bins` equal bins (default 256, or all cells if fewer) by EMS; by EM without smoothing.

        `gain`: the change of the log-likelihood at which the search stops, 1e-3 e^epsilon by default.
        """
        n = self._counted(aggregate)
        chosen = min(256, self.inputs) if bins is None else bins
        response = self.response(chosen)
        starts = np.arange(0, self.outputs, self._bin(chosen))
        limit = _GAIN * float(self.ratio) if gain is None else gain
        found = reconstruct(
            response,
            np.add.reduceat(aggregate.totals, starts),
            smoothing=smoothing,
            gain=limit,
            iterations=iterations,
        )
        return Distribution(
            value=found.shares,
            variance=np.full(chosen, np.nan),
            worst_variance=np.nan,
            reports=n,
            refused=aggregate.refused,
            biased=_LIKELY + _SMOOTH * smoothing,
            low=self.low,
            high=self.high,
            iterations=found.iterations,
            converged=found.converged,
        )

    def mean(self, aggregate: Aggregate) -> Estimate:
        """The mean of the numbers' cells (each at its middle), raw and unbiased, with its exact variance.

        A number is at most half a cell from its cell's middle, and so is the mean.
        """
        n = self._counted(aggregate)
        outputs = np.arange(self.outputs, dtype=np.float64) - (self.outputs - 1) / 2
        first = float(aggregate.totals @ outputs) / n / float(self._slope)
        second = (float(aggregate.totals @ outputs**2) / n - float(self._spread(0))) / float(self._slope)
        unit = self._range / self.inputs
        noise = float(self._spread(0)) + float(self._slope) * second - float(self._slope) ** 2 * second
        return Estimate(
            value=np.asarray((self.low + self.high) / 2 + unit * first),
            variance=np.asarray(unit**2 * noise / float(self._slope) ** 2 / n),
            worst_variance=float(max(self.variance(v) for v in (self.low, self.high, (self.low + self.high) / 2))) / n,
            reports=n,
            refused=aggregate.refused,
        )

    @property
    def _slope(self) -> Fraction:
        """W (p - q): how far the mean report moves with the cell. Both are counted from the middle here."""
        return self.window * (self.p - self.q)

    def _spread(self, cell: Fraction | int) -> Fraction:
        """E[y^2] of a report y of this cell: q (sum of all squares) + (p - q) (sum of the near ones)."""
        every = Fraction(self.outputs * (self.outputs**2 - 1), 12)
        near = Fraction(self.window * (self.window**2 - 1), 12) + self.window * cell * cell
        return self.q * every + (self.p - self.q) * near

    def variance(self, value: ArrayLike, *, reports: int = 1) -> Floats | float:
        """The exact variance of `mean` where all agents hold this number; for several, the mean of theirs."""
        cells = self.cells(value) - (self.inputs - 1) / 2
        slope, base = float(self._slope), float(self._spread(0))
        noise = np.asarray(base + slope * cells**2 - (slope * cells) ** 2).mean()
        return float(noise) * (self._range / self.inputs / slope) ** 2 / whole("reports", reports, least=1)

    def max_influence(self) -> Influence:
        """What one report moves the *unbiased* mean by, 1 being an agent at an end of the range (half its width).

        Of the reconstruction there is no such bound: it is not linear.
        """
        item = float((self.outputs - 1) / self._slope / self.inputs)
        return Influence(item, item)

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """An aggregate of agents of whom `counts[i]` are in cell i, `(inputs,)`: the joint law, in O(agents)."""
        held = checked_counts(counts, self.inputs)
        n, ends = int(held.sum()), np.cumsum(held)
        generator = entropy.generator(f"simulate {self.spec.name}")
        chance = float(self.p * self.window)
        totals = np.zeros(self.outputs, dtype=np.int64)
        for first in range(0, n, _STEP):
            agents = np.arange(first, min(first + _STEP, n))
            near = generator.random(len(agents)) < chance
            offsets = generator.integers(np.where(near, 0, self.window), np.where(near, self.window, self.outputs))
            totals += tallied((np.searchsorted(ends, agents, side="right") + offsets) % self.outputs, self.outputs)
        return Aggregate(self.spec.digest, n, 0, totals)
