"""Piecewise and Hybrid: numbers answered near the truth, in whole numbers.

Wang, Xiao, Yang, Zhao, Hui, Shin, Shin, Yu (ICDE 2019, algorithms 2 and 3; hybrid: section III-D), here
on a grid. A point X in {0, ..., M} owns a *window* of W cells among K = W + M:

    cells 0 ... X-1 | X ... X+W-1 | X+W ... K-1          X cells, the window, M - X cells

A coin of probability P = T / 2^64 says "in the window", a second draw says which cell: of the window's W,
or of the M cells outside. Both draws are independent of X; the answer is Y = X + w, or Y = o + W [o >= X].
So a window's cell has probability P / W, another (1 - P) / M, and

    ratio = T M / ((2^64 - T) W)    T = floor(2^64 L W / (M + L W)),  L a lower bound of e^epsilon
    W = round(M e^(-epsilon/2)), at least 1: any W is private, this one is near the least variance.

With Z = 2 Y - (K - 1), the doubled distance from the middle, and s = P - (1 - P) W / M:

    E[Z | t] = s M t               so Z / (s M) estimates t without bias, exactly
    E[Z^2 | t] = s (M^2 t^2 + (W^2 - 1)/3) + (1 - P) K (K^2 - 1) / (3 M)

(proofs: docs/local-numeric.md). Hybrid tosses a first coin of probability A / 2^64, independent of the
value, between Piecewise and Duchi's bit; its cells are Piecewise's K and then the two bits, so each is
debiased by its own constants. A / 2^64 = s rounded down makes the variance the same for all t; it is
taken where Piecewise at t = 0 has less variance than Duchi (epsilon > 0.61), else A = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.mechanisms.choices import replace
from tip.mechanisms.numeric import PureMeanMechanism, SignLaw
from tip.mechanisms.numeric_grid import Grid, PureGridLaw, joined, squares
from tip.mechanisms.thresholds import WORD, below, checked_epsilon, exp_down, heads, words_down

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Stream

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WindowLaw(PureGridLaw):
    """A window of W cells that slides by one cell a step, hit with probability T / 2^64; see the top of the file."""

    steps: int  # M, a power of two
    window: int  # W
    near: int  # T

    @classmethod
    def of(cls, steps: int, epsilon: Fraction) -> WindowLaw:
        """The law of this loss with the window of nearly least variance."""
        window = max(1, round(steps / exp_down(epsilon / 2)))
        weight = exp_down(epsilon) * window
        return cls(steps, window, int(WORD * weight / (steps + weight)))

    @property
    def cells(self) -> int:
        """K."""
        return self.window + self.steps

    @property
    def parameters(self) -> tuple[tuple[str, int | Fraction | str], ...]:
        """The window's width and the threshold."""
        return (("window", self.window), ("near", self.near))

    @property
    def inside(self) -> Fraction:
        """P."""
        return Fraction(self.near, WORD)

    @property
    def slope(self) -> Fraction:
        """How far the mean answer moves for each step of the point: s."""
        return self.inside - (1 - self.inside) * Fraction(self.window, self.steps)

    @property
    def ratio(self) -> Fraction:
        """A window's cell against one outside."""
        return Fraction(self.near * self.steps, (WORD - self.near) * self.window)

    @property
    def blanket(self) -> Fraction:
        """K (1 - P) / M: the windows of the points 0 and M are disjoint, for W <= M."""
        return self.cells * (1 - self.inside) / self.steps

    @property
    def reach(self) -> Fraction:
        """(K - 1) / (s M)."""
        return (self.cells - 1) / (self.slope * self.steps)

    @property
    def second_moment(self) -> tuple[Fraction, Fraction]:
        """1 / s, and the rest of E[Z^2] / (s M)^2."""
        s, m, w, k = self.slope, self.steps, self.window, self.cells
        rest = s * (w * w - 1) / 3 + (1 - self.inside) * k * (k * k - 1) / (3 * m)
        return 1 / s, rest / (s * m) ** 2

    def law(self, point: int) -> dict[int, Fraction]:
        """P / W in the window, (1 - P) / M outside."""
        near, far = self.inside / self.window, (1 - self.inside) / self.steps
        return {cell: near if 0 <= cell - point < self.window else far for cell in range(self.cells)}

    def answer(self, points: Indices, words: Words, stream: Stream, agents: Indices, *, column: int) -> Words:
        """The first word is the coin; the upper half of the second names the cell, in the window and outside."""
        held = points.view(np.uint64)
        second = words[:, 1]
        outside = second >> np.uint64(65 - self.steps.bit_length())
        outside += (outside >= held) * np.uint64(self.window)
        cells = below(second, self.window, stream, agents, column=column)
        cells += held
        replace(outside, cells, heads(words[:, 0], self.near))
        return outside

    def parts(self, cells: NDArray[Any]) -> tuple[Indices, ...]:
        """Z, and its square in two parts."""
        z = 2 * cells.astype(np.int64) - (self.cells - 1)
        return (z, *squares(z))

    def first(self, totals: Indices) -> Fraction:
        """The sum of Z / (s M)."""
        return int(totals[0]) / (self.slope * self.steps)

    def second(self, totals: Indices) -> Fraction:
        """The sum of Z^2 / (s M)^2."""
        return joined(totals[1], totals[2]) / (self.slope * self.steps) ** 2


@dataclass(frozen=True, slots=True)
class MixedLaw(PureGridLaw):
    """The window's law with probability A / 2^64, else the sign's: cells K and K + 1; 0 and 1 where A = 0."""

    steps: int
    near: WindowLaw
    sign: SignLaw
    mixed: int  # A

    @classmethod
    def of(cls, steps: int, epsilon: Fraction) -> MixedLaw:
        """The mixture of least worst-case variance; see docs/local-numeric.md."""
        near, sign = WindowLaw.of(steps, epsilon), SignLaw.of(steps, epsilon)
        better = near.second_moment[1] < sign.second_moment[1]
        return cls(steps, near, sign, words_down(near.slope) if better else 0)

    @property
    def share(self) -> Fraction:
        """A / 2^64."""
        return Fraction(self.mixed, WORD)

    @property
    def _signs(self) -> int:
        """The first of the sign's two cells: no report says "window" where nobody draws from it."""
        return self.near.cells if self.mixed else 0

    @property
    def cells(self) -> int:
        """K + 2, or 2 where the window is not in use."""
        return self._signs + 2

    @property
    def parameters(self) -> tuple[tuple[str, int | Fraction | str], ...]:
        """The integers of both parts, and the coin between them."""
        return (*self.near.parameters, *self.sign.parameters, ("mixed", self.mixed))

    @property
    def ratio(self) -> Fraction:
        """The greater one of those in use: the coin does not depend on the value."""
        return max(self.near.ratio, self.sign.ratio) if self.mixed else self.sign.ratio

    @property
    def blanket(self) -> Fraction:
        """The mixture of both."""
        return self.share * self.near.blanket + (1 - self.share) * self.sign.blanket

    @property
    def reach(self) -> Fraction:
        """The greater one of those in use."""
        return max(self.near.reach, self.sign.reach) if self.mixed else self.sign.reach

    @property
    def second_moment(self) -> tuple[Fraction, Fraction]:
        """The mixture of both: leading is A / (2^64 s), about 1 or 0."""
        (leading, rest), (_, constant) = self.near.second_moment, self.sign.second_moment
        return self.share * leading, self.share * rest + (1 - self.share) * constant

    def law(self, point: int) -> dict[int, Fraction]:
        """Both laws, weighted."""
        sign = {self._signs + bit: (1 - self.share) * pr for bit, pr in self.sign.law(point).items()}
        if not self.mixed:
            return sign
        return {cell: self.share * probability for cell, probability in self.near.law(point).items()} | sign

    def answer(self, points: Indices, words: Words, stream: Stream, agents: Indices, *, column: int) -> Words:
        """Both answers from the same words, and one of them by a coin from a third word.

        The coin's word stands at the same position as the first, 64 lanes behind, so it is independent of both.
        """
        cells = self.sign.answer(points, words, stream, agents, column=column)
        cells += np.uint64(self._signs)
        if self.mixed:
            coins = stream.words(agents, 1, lane=COINS, start=2 * ((column - 1) // 2))
            windowed = self.near.answer(points, words, stream, agents, column=column)
            replace(cells, windowed, heads(coins[:, 0], self.mixed))
        return cells

    def parts(self, cells: NDArray[Any]) -> tuple[Indices, ...]:
        """The parts of both, zero where the other one answered."""
        numbers = cells.astype(np.int64)
        windowed = (numbers < self._signs).astype(np.int64)
        near = self.near.parts(numbers)
        sign = self.sign.parts(numbers - self._signs)
        return (*(part * windowed for part in near), *(part * (1 - windowed) for part in sign))

    def first(self, totals: Indices) -> Fraction:
        """The sum over both."""
        return self.near.first(totals[:3]) + self.sign.first(totals[3:])

    def second(self, totals: Indices) -> Fraction:
        """The sum over both."""
        return self.near.second(totals[:3]) + self.sign.second(totals[3:])


COINS = 64  # the lane of the coin between the two laws: rejection never comes that far


@dataclass(frozen=True, slots=True)
class Piecewise(PureMeanMechanism):
    """A cell near a number in [low, high], else any other; see the top of the file.

    `low`, `high`: the public range. `epsilon`: the most that one report may cost. `bits`: the grid has 2^bits steps.
    Variance of one report, in squared half-ranges, for H = e^(eps/2): t^2/(H - 1) + (H + 3)/(3 (H - 1)^2), up to the
    grid's width; the exact one is `variance`. Better than Duchi in the worst case from epsilon 1.29 on.
    """

    low: float
    high: float
    epsilon: Fraction | float
    bits: int = 16
    _grid: Grid = field(init=False, repr=False, compare=False)
    _law: WindowLaw = field(init=False, repr=False, compare=False)

    NAME = "piecewise"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grid", Grid(self.low, self.high, self.bits))
        object.__setattr__(self, "_law", WindowLaw.of(self._grid.steps, checked_epsilon(self.epsilon)))


@dataclass(frozen=True, slots=True)
class Hybrid(PureMeanMechanism):
    """Piecewise or Duchi by a coin: the least worst-case variance of the three, at every epsilon.

    Fields as for `Piecewise`. Above epsilon 0.61 the variance is the same for every value.
    """

    low: float
    high: float
    epsilon: Fraction | float
    bits: int = 16
    _grid: Grid = field(init=False, repr=False, compare=False)
    _law: MixedLaw = field(init=False, repr=False, compare=False)

    NAME = "hybrid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grid", Grid(self.low, self.high, self.bits))
        object.__setattr__(self, "_law", MixedLaw.of(self._grid.steps, checked_epsilon(self.epsilon)))
