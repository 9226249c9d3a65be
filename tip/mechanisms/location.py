"""Location on a grid: planar Laplace noise in whole cells, and demand maps.

Geo-indistinguishability (Andres, Bordenabe, Chatzikokolakis, Palamidessi, CCS 2013) is *metric* privacy: the
probabilities of a report under two places at distance D differ at most by a factor e^(epsilon D), epsilon counted
per meter. Near places are hard to tell apart, far ones are not: it is not local differential privacy.

**What is proven is discrete.** A place is a cell of a public rectangle, and to its column and its row two
independent exact discrete Laplace numbers of one scale s (in cells) are added, P[z] ~ e^(-(|z_x| + |z_y|) / s) on the
infinite lattice; the sum is clamped to the rectangle. By the triangle inequality the ratio between two cells is at
most e^(L1 / s), L1 their distance in steps, and clamping is post-processing. With |dx| + |dy| <= sqrt(2) |d| the scale
s >= sqrt(2) / (epsilon cell) gives epsilon for each meter of Euclidean distance, s >= 1 / (epsilon cell) for each of
Manhattan distance; s is rounded up to a multiple of 2^-16 and compared in exact rationals.

**Demand.** With a = e^(-1/s) one axis has the matrix P[x, y] = a^|x - y| D_y, D = (1 - a) / (1 + a) inside and
1 / (1 + a) at the ends, where the tail is gathered. (a^|x - y|) has a tridiagonal inverse (Kac, Murdock, Szego 1953):

    W = P^-1:   W[y, x] = K[y, x] / D_y,   (1 - a^2) K = tridiagonal(-a, 1 + a^2, -a), its corners 1,

and W_rows' N W_columns / n estimates all shares from the counts N without bias, by nine neighbors each. The price is
variance, for wide noise about 36 s^8 times the share of reports in a cell: use cells of about the noise's size, sums
over regions, where W telescopes, or the biased `demand` (expectation maximization under the exact law).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, isfinite, isqrt, log, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import AES, DEVICE, EVERYBODY, ONCE, PRESENCE, Influence, Mechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Estimate
from tip.mechanisms.frequency import checked_counts, checked_items, tallied
from tip.mechanisms.inputs import as_places
from tip.mechanisms.spec import Spec
from tip.noise import DiscreteLaplace
from tip.privacy import events
from tip.privacy.checks import whole
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.rounding import sqrt_up, up

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.privacy.events import Event
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

MOST_CELLS: Final = 1 << 20
LONGEST: Final = 1 << 12  # columns or rows
MOST_REMAPPED: Final = 1 << 11  # cells of a remap table, whose cost grows with their third power
_GRID: Final = 1 << 16  # the scale is a multiple of 1 / 2^16 cells
_WIDEST: Final = 1 << 20  # cells: the largest scale
_DISTANCES: Final = ("euclidean", "manhattan")
_WIDE: Final = 100  # scales from which on the mean error is the continuous law's, relatively within 1e-4
_CONTINUOUS: Final = 1 + log(1 + sqrt(2)) / sqrt(2)  # E sqrt(X^2 + Y^2) for two Laplace numbers of scale 1

SNAPPED: Final = Assumption(
    "cells", "distance is that between the centers of cells: two places in neighboring cells are one cell apart"
)


@dataclass(frozen=True, slots=True)
class PlanarLaplace(Mechanism):
    """A cell of a public grid, moved by discrete Laplace noise in both directions; see the top of the file.

    `columns`, `rows`: the grid, at most 2^20 cells; cell (column i, row j) has the number j `columns` + i. `cell`: its
    side in meters. `epsilon`: the loss for each meter of `distance`, "euclidean" or "manhattan", between two places.
    """

    columns: int
    rows: int
    cell: Fraction | float
    epsilon: Fraction | float
    distance: str = "euclidean"
    scale: Fraction = field(init=False, repr=False, compare=False)  # s, in cells

    def __post_init__(self) -> None:
        if whole("columns", self.columns, least=1) * whole("rows", self.rows, least=1) > MOST_CELLS:
            raise ConfigurationError("a grid has at most 2^20 cells", instead="take larger cells")
        if max(self.columns, self.rows) > LONGEST:
            raise ConfigurationError(f"a grid has at most {LONGEST} columns and {LONGEST} rows")
        if self.columns * self.rows < 2:
            raise ConfigurationError("a grid has two cells or more")
        if self.distance not in _DISTANCES:
            raise ConfigurationError(f"distance is one of {_DISTANCES}, not {self.distance!r}")
        rate = positive_fraction("cell", self.cell) * positive_fraction(
            "epsilon", self.epsilon
        )  # of one step, at the request
        square = (2 if self.distance == "euclidean" else 1) / rate**2  # the least s^2
        if square > _WIDEST**2:
            raise ConfigurationError(f"the noise is wider than {_WIDEST} cells", instead="take larger cells")
        scale = Fraction(isqrt(ceil(square * _GRID**2) - 1) + 1, _GRID)
        if scale**2 < square:
            raise ConfigurationError("the scale was rounded the wrong way")
        object.__setattr__(self, "scale", scale)

    # -- the contract ---------------------------------------------------------------------------------

    @property
    def spec(self) -> Spec:
        """Name, grid, cell side and scale."""
        numbers = (
            ("columns", self.columns),
            ("rows", self.rows),
            ("cell", Fraction(self.cell)),
            ("scale", self.scale),
        )
        return Spec("planar-laplace", 1, numbers)

    @property
    def layout(self) -> tuple[Column, ...]:
        """One cell."""
        return (Integers("cell", high=self.cells),)

    @property
    def cells(self) -> int:
        """How many cells the grid has."""
        return self.columns * self.rows

    @property
    def guarantee(self) -> Guarantee:
        """Metric privacy for each meter, rounded up from the scale in use."""
        rate = 1 / (self.scale * Fraction(self.cell))
        used = sqrt_up(2 * rate**2) if self.distance == "euclidean" else up(rate)
        return Guarantee(
            epsilon=min(used, up(Fraction(self.epsilon))),
            delta=Delta(conversion=0.0),
            unit=Unit.AGENT,
            neighboring=Neighboring.REPLACE_ONE,
            coalition=EVERYBODY,
            scope="one report of planar-laplace",
            kind=Kind.METRIC,
            security=Security.COMPUTATIONAL,
            security_bits=128,
            status=Status.PROVEN,
            assumptions=(DEVICE, ONCE, SNAPPED, PRESENCE, AES),
            distance=f"meters ({self.distance})",
        )

    @property
    def event(self) -> Event:
        """Two whole numbers under discrete Laplace noise, between any two cells: pure, and large on a large grid."""
        return events.DiscreteLaplace(self.columns + self.rows - 2, self.scale)

    def checked(self, values: ArrayLike) -> Array:
        """Cells as int64 `(n,)`; raises `DataError` that names the first bad row, not its value."""
        return checked_items(values, self.cells)

    def cells_of(self, points: ArrayLike) -> Indices:
        """The cells of places `(n, 2)`, in meters from the grid's corner; outside, the nearest cell at the border."""
        places = as_places(points)
        most = np.array([self.columns, self.rows]) - 1
        column, row_ = np.clip(np.floor(places / float(self.cell)), 0, most).astype(np.int64).T
        return np.asarray(row_ * self.columns + column, dtype=np.int64)

    def centers(self) -> Floats:
        """The centers of all cells, `(cells, 2)`, in meters from the grid's corner."""
        row, column = np.divmod(np.arange(self.cells), self.columns)
        return (np.stack([column, row], axis=1) + 0.5) * float(self.cell)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """Two exact noises, added to column and row, then clamped."""
        noise = DiscreteLaplace(self.scale).sample(stream, agents, 2)
        row, column = np.divmod(values, self.columns)
        column = np.clip(column + noise[:, 0], 0, self.columns - 1)
        row = np.clip(row + noise[:, 1], 0, self.rows - 1)
        return (row * self.columns + column,)

    def tally(self, reports: Reports) -> Indices:
        """How often each cell was reported: raw counts, which noise has smeared."""
        return tallied(reports["cell"], self.cells)

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """The share of each cell `(cells,)`, raw and unbiased: of high variance where noise is wide, see `region`."""
        n = self._counted(aggregate)
        counts = aggregate.totals.reshape(self.rows, self.columns)
        down, across = (_inverse(size, self._decay) for size in (self.rows, self.columns))
        value = (down.T @ counts @ across / n).reshape(-1)
        variance = self.variance(np.clip(value, 0, None), reports=n)
        worst = float(_spread(self.rows, self._decay).max() * _spread(self.columns, self._decay).max() / n)
        return Estimate(value, variance, worst, n, aggregate.refused)

    def variance(self, shares: ArrayLike, *, reports: int = 1) -> Floats:
        """The exact variance of each cell's estimate, for fixed answers whose shares are `shares` `(cells,)`.

        (1 / n) (sum_u f_u (P (W * W))[u, x] - f_x), the products entry by entry and axis by axis.
        """
        map_ = np.asarray(shares, dtype=np.float64).reshape(self.rows, self.columns)
        down, across = (_spread(size, self._decay) for size in (self.rows, self.columns))
        return np.asarray((down.T @ map_ @ across - map_).reshape(-1) / whole("reports", reports, least=1))

    def region(self, aggregate: Aggregate, inside: ArrayLike) -> Estimate:
        """The share of all cells of a region together, `()`, unbiased; `inside`: `(cells,)` bool.

        Inside a region the weights of the cells telescope to 1, so the variance comes from its border alone.
        """
        n = self._counted(aggregate)
        chosen = np.asarray(inside)
        if chosen.shape != (self.cells,) or chosen.dtype != np.bool_:
            raise ConfigurationError(f"a region is an array of {self.cells} truth values")
        down, across = (_inverse(size, self._decay) for size in (self.rows, self.columns))
        weights = (down @ chosen.reshape(self.rows, self.columns) @ across.T).reshape(-1)
        value = aggregate.totals @ weights / n
        spread = (
            aggregate.totals @ weights**2 / n - value
        )  # without bias: for fixed answers the mean squares are 0 or 1
        worst = float(np.abs(weights).max()) ** 2 / n
        return Estimate(np.asarray(value), np.asarray(spread / n), worst, n, aggregate.refused)

    def demand(self, aggregate: Aggregate, *, steps: int = 200) -> Estimate:
        """Shares `(cells,)` by expectation maximization from a flat start: never negative, smooth, and **biased**."""
        n = self._counted(aggregate)
        counts = aggregate.totals.reshape(self.rows, self.columns) / n
        down, across = (_matrix(size, self._decay) for size in (self.rows, self.columns))
        guess = np.full((self.rows, self.columns), 1 / self.cells)
        for _ in range(whole("steps", steps, least=1)):
            expected = down.T @ guess @ across
            odds = np.divide(counts, expected, out=np.zeros_like(expected), where=expected > 0)
            guess = guess * (down @ odds @ across.T)
        value = guess.reshape(-1)
        why = "expectation maximization, stopped early, pulls the map toward a flat one"
        return Estimate(value, np.full(self.cells, np.nan), float("nan"), n, aggregate.refused, biased=why)

    def remap(self, prior: ArrayLike) -> Indices:
        """For each reported cell the one of least expected distance to the truth under a public prior, `(cells,)`.

        Post-processing: it costs nothing, whoever does it. At most 2^11 cells.
        """
        weights = np.asarray(prior, dtype=np.float64)
        if weights.shape != (self.cells,) or not np.isfinite(weights).all() or (weights <= 0).any():
            raise ConfigurationError(f"a prior is {self.cells} finite weights > 0")
        if self.cells > MOST_REMAPPED:
            raise ConfigurationError(f"a remap table is for at most {MOST_REMAPPED} cells")
        joint = np.kron(_matrix(self.rows, self._decay), _matrix(self.columns, self._decay)) * weights[:, None]
        centers = self.centers()
        distances = np.sqrt(((centers[:, None] - centers) ** 2).sum(axis=2))
        return np.asarray((distances @ joint).argmin(axis=0), dtype=np.int64)

    def max_influence(self) -> Influence:
        """The largest entry, and the longest row, of the inverse."""
        tables = [_inverse(size, self._decay) for size in (self.rows, self.columns)]
        item = float(np.prod([np.abs(table).max() for table in tables]))
        rest = float(np.prod([np.sqrt((table**2).sum(axis=1)).max() for table in tables]))
        return Influence(item, rest)

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law, up to floating point: column by column, then row by row."""
        held = checked_counts(counts, self.cells).reshape(self.rows, self.columns)
        generator = entropy.generator(f"simulate {self.spec.name}")
        down, across = (_matrix(size, self._decay) for size in (self.rows, self.columns))
        moved = np.array([generator.multinomial(row, across).sum(axis=0) for row in held])
        moved = np.array([generator.multinomial(column, down).sum(axis=0) for column in moved.T]).T
        return Aggregate(self.spec.digest, int(held.sum()), 0, moved.reshape(-1).astype(np.int64))

    @property
    def mean_error(self) -> float:
        """The mean distance in meters by which the noise moves a place, before clamping."""
        side = float(self.cell)
        if self.scale > _WIDE:
            return _CONTINUOUS * float(self.scale) * side
        reach = np.arange(0, int(40 * self.scale) + 2, dtype=np.float64)
        mass = np.exp(DiscreteLaplace(self.scale).log_mass(reach)) * np.where(reach > 0, 2, 1)
        return float(mass @ np.sqrt(reach[:, None] ** 2 + reach**2) @ mass) * side

    @property
    def _decay(self) -> float:
        return float(np.exp(-1 / float(self.scale)))


def positive_fraction(name: str, value: Fraction | float) -> Fraction:
    """A positive finite number as an exact fraction."""
    number = not isinstance(value, bool) and isinstance(value, int | float | Fraction)
    if not number or not isfinite(value) or not 2.0**-64 <= value <= 2.0**64:
        raise ConfigurationError(f"{name} is a number from 2^-64 to 2^64, not {value!r}")
    return Fraction(value)


def _matrix(size: int, decay: float) -> Floats:
    """P[x, y] of one axis: discrete Laplace noise, clamped to 0 .. size - 1."""
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return decay**steps * _ends(size, decay)


def _ends(size: int, decay: float) -> Floats:
    """D_y: what the noise's mass is multiplied by, more at the ends, where the tail is gathered."""
    masses = np.full(size, (1 - decay) / (1 + decay))
    masses[[0, -1]] = 1 / (1 + decay)
    return masses if size > 1 else np.ones(1)


def _inverse(size: int, decay: float) -> Floats:
    """W = P^-1, W[y, x] = K[y, x] / D_y, tridiagonal."""
    if size == 1:
        return np.ones((1, 1))
    diagonal = np.full(size, 1 + decay**2)
    diagonal[[0, -1]] = 1
    beside = np.full(size - 1, -decay)
    kernel = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    return np.asarray(kernel / (1 - decay**2) / _ends(size, decay)[:, None])


def _spread(size: int, decay: float) -> Floats:
    """(P (W * W))[u, x]: the mean square of what an agent in u adds to the estimate of x."""
    return np.asarray(_matrix(size, decay) @ _inverse(size, decay) ** 2)
