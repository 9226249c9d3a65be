"""From real updates to bounded integer vectors, and back.

An update x is clipped to `clipping_norm` in L2, measured in grid steps (c = clipping_norm / step),
and each coordinate is rounded up or down at random so that its mean stays (Kairouz, Liu, Steinke
2021, "The Distributed Discrete Gaussian Mechanism", conditional randomized rounding). Rules:

1. **The integer vector carries the guarantee.** What leaves has an exact integer sum of squares of
   at most `Grid.squared_bound`; it is tested in 64-bit integers, whatever floating point did before.
2. The 64-bit sum cannot overflow: entries are held to |v| <= c + 2 by exact comparisons and the
   constructor refuses d (c + 3)^2 >= 2^63.
3. A vector that misses the bound is drawn again with fresh coins, at most 64 times, then rounded
   toward zero; if even that fails the test (no finite row can), zeros are sent.
4. A row with NaN or infinity becomes zeros and is counted; the vector is as long as any other. Time does tell:
   how often a row is redrawn depends on the update (docs/aggregation.md), so what leaves waits for the deadline.
5. Coins are addressed by agent, attempt and coordinate, so blocks never change a result.
6. Wrap-around costs correctness, not privacy: `overflow` bounds its probability, `check` refuses.

Proofs and the bias of conditioning: docs/aggregation.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.aggregation.sums import MODULUS_BITS, centered, ring_type
from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Reals = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

REDRAWS: Final = 64
_TILE: Final = 1 << 14  # coordinates worked on at a time: 128 KiB of float64
_COIN: Final = 2.0**-32
_TINY: Final = 1e-280  # sums of squares below lose digits to denormal numbers
_HUGE: Final = 1e300


@dataclass(frozen=True, slots=True)
class Encoded:
    """Integer vectors that meet the bound, and what happened to each agent's update on the way.

    `clipped` and `nonfinite` are functions of private updates: evaluation only (law 15).
    """

    vectors: Integers = field(repr=False)
    clipped: Flags = field(repr=False)
    nonfinite: Flags = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grid:
    """A fixed-point grid of width `step` for updates of L2 norm at most `clipping_norm`.

    `step` and `clipping_norm` are in the unit of the updates, in [1e-300, 1e300], step <= clipping_norm;
    `dimension` >= 1; `modulus_bits` 16, 32 or 64. `squared_bound` is the L2^2 bound on every integer vector
    that leaves, in squared grid steps (Kairouz, Liu, Steinke 2021, conditional rounding at beta = e^(-1/2);
    proved anew in docs/aggregation.md); `limit`, about c + 1, holds every coordinate before it is rounded.
    A grid on which the integer test could overflow, or one vector wrap, raises `ConfigurationError`.
    """

    step: float
    clipping_norm: float
    dimension: int
    modulus_bits: int
    squared_bound: int = field(init=False)
    limit: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ring_type(self.modulus_bits)
        if self.dimension < 1:
            raise ConfigurationError(f"a grid has at least one coordinate, not {self.dimension}")
        for name, value in (("step", self.step), ("clipping_norm", self.clipping_norm)):
            if not (math.isfinite(value) and 1 / _HUGE <= value <= _HUGE):
                raise ConfigurationError(f"{name} = {value!r} is not a positive number between 1e-300 and 1e300")
        object.__setattr__(self, "squared_bound", _rounding_bound(self.radius, self.dimension))
        object.__setattr__(self, "limit", float(self.radius) + 1)
        self._check_range()

    def _check_range(self) -> None:
        """Refuse grids on which the integer test could overflow or one vector alone could wrap."""
        if self.step > self.clipping_norm:
            raise ConfigurationError(
                f"step = {self.step:g} is wider than clipping_norm = {self.clipping_norm:g}",
                why="Nearly every coordinate would be rounded to 0 or to a full step",
                instead=f"Use a step of at most {self.clipping_norm:g}",
            )
        limit = _least_step(self.clipping_norm, self.dimension, 63)
        if self.dimension * (self.radius + 3) ** 2 >= 1 << 63:
            raise ConfigurationError(
                f"step = {self.step:g} is too fine for clipping_norm = {self.clipping_norm:g}, d = {self.dimension}",
                why="The exact integer sum of squares must stay below 2^63",
                instead=f"Use a step of at least {limit:.3g}",
            )
        if self.largest_entry >= 1 << (self.modulus_bits - 1):
            needed = [bits for bits in MODULUS_BITS if self.largest_entry < 1 << (bits - 1)]
            raise ConfigurationError(
                f"an entry of {self.largest_entry} grid steps does not fit into modulus_bits = {self.modulus_bits}",
                instead=f"Use modulus_bits = {needed[0]} or a coarser step",
            )

    @property
    def radius(self) -> Fraction:
        """c: the clipping norm in grid steps, exactly."""
        return Fraction(self.clipping_norm) / Fraction(self.step)

    @property
    def largest_entry(self) -> int:
        """The largest absolute value that a coordinate within the bound can have."""
        return math.isqrt(self.squared_bound)

    def encode(self, updates: Reals, stream: Stream, agents: Integers) -> Encoded:
        """Clip and round the updates `(n, d)` float64 of the agents `(n,)` int64 to int64 vectors within the bound.

        Other types and shapes raise `ConfigurationError`; NaN and infinity do not, such rows become zeros.

        **Claim.** For all float64 rows, NaN and infinity included, row i of `vectors` depends only
        on row i, `agents[i]` and the stream, and its integer sum of squares is <= `squared_bound`.
        """
        self._check_updates(updates, agents)
        rows, factors, clipped, nonfinite = _scaled(updates, self.limit - 1, self.step)
        vectors = np.empty(updates.shape, dtype=np.int64)
        squares = self._round(rows, factors, _Coins(stream, agents, 0), vectors)
        bad = np.flatnonzero(squares > self.squared_bound)
        for lane in range(1, REDRAWS + 1):
            if not len(bad):
                break
            again = np.empty((len(bad), self.dimension), dtype=np.int64)
            squares = self._round(rows[bad], factors[bad], _Coins(stream, agents[bad], lane), again)
            vectors[bad] = again
            bad = bad[squares > self.squared_bound]
        if len(bad):
            vectors[bad] = self._toward_zero(rows[bad], factors[bad])
        return Encoded(vectors, clipped, nonfinite)

    def _check_updates(self, updates: Reals, agents: Integers) -> None:
        if updates.dtype != np.float64 or updates.ndim != 2 or updates.shape[1] != self.dimension:
            raise ConfigurationError(
                f"updates are float64 of shape (agents, {self.dimension}), not {updates.dtype} of shape {updates.shape}"
            )
        if agents.shape != updates.shape[:1]:
            raise ConfigurationError(f"{len(updates)} updates need as many agent numbers, not shape {agents.shape}")

    def _round(self, rows: Reals, factors: Reals, coins: _Coins, out: Integers) -> Integers:
        """floor(row x factor + U) into `out`, and the exact sums of squares `(n,)`; tile by tile.

        Tiles part rows at will and columns at multiples of four words, where the cipher's blocks begin.
        """
        squares = np.zeros(len(rows), dtype=np.int64)
        width = min(self.dimension, _TILE)
        height = max(1, _TILE // width)
        for top in range(0, len(rows), height):
            lines = slice(top, top + height)
            for left in range(0, self.dimension, width):
                tile = out[lines, left : left + width]
                work = rows[lines, left : left + width] * factors[lines, None]
                np.minimum(work, self.limit, out=work)
                np.maximum(work, -self.limit, out=work)
                work += coins.draw(lines, left, tile.shape[1])
                np.floor(work, out=work)
                np.copyto(tile, work, casting="unsafe")
                squares[lines] += np.einsum("ij,ij->i", tile, tile)  # integers: exact in any order
        return squares

    def _toward_zero(self, rows: Reals, factors: Reals) -> Integers:
        """The deterministic last resort: truncation, tested as well; a row that fails becomes zeros."""
        vectors = np.trunc(np.clip(rows * factors[:, None], -self.limit, self.limit)).astype(np.int64)
        vectors[np.einsum("ij,ij->i", vectors, vectors) > self.squared_bound] = 0
        return vectors

    def overflow(self, agents: int, noise_variance_total: Fraction, rounds: int) -> float:
        """log2 of a bound on the probability that an honest sum wraps in any coordinate of any round.

        With m = 2^(b-1) - agents x largest_entry, a coordinate can wrap only if its noise reaches m, and
        discrete Gaussians of total variance parameter s^2 are subgaussian: 2 exp(-m^2 / (2 s^2)), times
        d x rounds. `-inf`: impossible; 0.0: nothing is promised. Rounded up. `noise_variance_total` is the
        sum of the parameters of all shares that can be in the sum, in squared grid steps.
        """
        room = (1 << (self.modulus_bits - 1)) - agents * self.largest_entry
        if room <= 0:
            return 0.0
        if noise_variance_total == 0:
            return -math.inf
        exponent = float(Fraction(room * room) / (2 * Fraction(noise_variance_total))) / math.log(2)
        bound = math.log2(self.dimension) + math.log2(rounds) + 1 - exponent
        return min(0.0, bound + 1e-12 * (abs(bound) + exponent))

    def check(self, agents: int, noise_variance_total: Fraction, rounds: int, *, most: float = 2.0**-40) -> None:
        """Refuse a grid on which honest sums wrap with a probability above `most`, and say what would do."""
        if self.overflow(agents, noise_variance_total, rounds) <= math.log2(most):
            return
        raise ConfigurationError(
            f"modulus_bits = {self.modulus_bits} is too small: the sum of {agents} agents may wrap around",
            why=f"Each may add {self.largest_entry} grid steps to a coordinate, and noise comes on top",
            instead=self._would_do(agents, noise_variance_total, rounds, math.log2(most)),
        )

    def _would_do(self, agents: int, variance: Fraction, rounds: int, limit: float) -> str:
        """The least modulus at this step, and about the finest step at this modulus, that pass `check`."""

        def fits(bits: int, step: float) -> bool:
            try:
                grid = Grid(step, self.clipping_norm, self.dimension, bits)
            except ConfigurationError:
                return False
            scaled = variance * (Fraction(self.step) / Fraction(step)) ** 2
            return grid.overflow(agents, scaled, rounds) <= limit

        choices = [f"modulus_bits = {bits}" for bits in MODULUS_BITS if fits(bits, self.step)][:1]
        steps = (self.step * 2 ** (k / 4) for k in range(1, 4 * 64))
        choices += [f"a step of {_shorter(step)}" for step in steps if fits(self.modulus_bits, step)][:1]
        return f"Use {' or '.join(choices)}" if choices else "Use fewer agents or less noise"

    def decode(self, total: NDArray[np.unsignedinteger[Any]]) -> Reals:
        """The real sum `(d,)` float64 that a ring sum stands for: centered representatives times `step`.

        `total` is of the ring's own unsigned type; another one raises `ConfigurationError`.
        """
        return centered(total, self.modulus_bits).astype(np.float64) * self.step


def _rounding_bound(radius: Fraction, dimension: int) -> int:
    """The least integer that is both sound and met often: min{(c + sqrt d)^2, c^2 + d/4 + c + sqrt(d)/2}, floored.

    The first is met by every rounding; the second is Kairouz et al. 2021 at beta = e^(-1/2), where
    sqrt(2 log(1/beta)) = 1: a draw meets it with probability at least 1 - e^(-1/2) = 0.39 (proof in
    docs/aggregation.md). sqrt d is taken from below to 2^-40: the same floor on every machine.
    """
    root = Fraction(math.isqrt(dimension << 80), 1 << 40)
    return math.floor(min((radius + root) ** 2, radius**2 + Fraction(dimension, 4) + radius + root / 2))


@dataclass(frozen=True, slots=True)
class _Coins:
    """Uniform numbers in [0, 1) on 32 bits, addressed by agent, attempt (lane) and coordinate."""

    stream: Stream
    agents: Integers
    lane: int

    def draw(self, lines: slice, left: int, count: int) -> Reals:
        words = self.stream.words(self.agents[lines], count, lane=self.lane, start=left, dtype=np.uint32)
        coins: Reals = words.astype(np.float64)
        coins *= _COIN
        return coins


def _scaled(updates: Reals, radius: float, step: float) -> tuple[Reals, Reals, Flags, Flags]:
    """Rows and factors whose product is the clipped update in grid steps; flags for clipped, nonfinite.

    The plain norm is right unless squares leave the range of float64; such rows are divided by their
    largest entry first, so 1e200 and denormal numbers are clipped as exactly as any other.
    """
    with np.errstate(all="ignore"):
        squares = _row_squares(updates)
        norms = np.sqrt(squares)
        odd = np.flatnonzero(~((squares > _TINY) & (squares < _HUGE)))
        clipped: Flags = np.greater(norms, radius * step)
        factors = np.where(clipped, radius / norms, 1 / step)
        nonfinite = np.zeros(len(updates), dtype=np.bool_)
        if not len(odd):
            return updates, factors, clipped, nonfinite
        rows = updates.copy()
        rows[odd], factors[odd], clipped[odd], nonfinite[odd] = _scaled_odd(updates[odd], radius, step)
    return rows, factors, clipped, nonfinite


def _scaled_odd(rows: Reals, radius: float, step: float) -> tuple[Reals, Reals, Flags, Flags]:
    """The same for rows with NaN, infinity, or squares out of range (zeros too), divided by their largest entry."""
    nonfinite: Flags = np.logical_not(np.isfinite(rows).all(axis=1))
    rows = np.where(nonfinite[:, None], 0.0, rows)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    peaks = np.where(largest == 0.0, 1.0, largest)
    rows = rows / peaks[:, None]
    relative = np.maximum(np.sqrt(_row_squares(rows)), 1.0)  # of a nonzero row at least 1 already
    clipped: Flags = np.greater(largest, radius * step / relative)
    factors = np.where(clipped, radius / relative, peaks / step)
    return rows, factors, clipped, nonfinite


def _row_squares(rows: Reals) -> Reals:
    """Sums of squares row by row, tile by tile; each is a function of its row alone, to the bit."""
    squares = np.zeros(len(rows))
    width = min(rows.shape[1], _TILE)
    height = max(1, _TILE // width)
    for top in range(0, len(rows), height):
        lines = slice(top, top + height)
        for left in range(0, rows.shape[1], width):
            tile = np.ascontiguousarray(rows[lines, left : left + width])
            squares[lines] += np.add.reduce(tile * tile, axis=1)
    return squares


def _least_step(clipping_norm: float, dimension: int, bits: int) -> float:
    """About the finest step whose integer test stays below 2^bits."""
    return 1.01 * clipping_norm / (math.sqrt(2.0**bits / dimension) - 4)


def _shorter(step: float) -> str:
    """A step with two digits, rounded up, so that the advice still holds."""
    exponent = math.floor(math.log10(step)) - 1
    return f"{math.ceil(step / 10**exponent) * 10**exponent:.2g}"
