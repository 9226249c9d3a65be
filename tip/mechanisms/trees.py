"""Trees of shares: consistent answers from noisy nodes, exactly told.

A tree over k items has h levels below the root; a node of level l stands for `size_l` items in a row.
Raw shares z of all nodes, with noise s_l^2 on level l, become consistent ones in two passes (Hay et al., VLDB
2010, section 4.1, for unequal weights and for nodes with fewer children):

    upward    y = (z / s^2 + C / c) / (1 / s^2 + 1 / c),   C, c = the children's sums of y and of variances
    downward  x = y + (own variance / c) (parent's x - C),  from the root, whose share is 1

x is the weighted least-squares solution over all consistent trees: a linear map of z that keeps every
consistent tree. Run backward, the same passes give the coefficients of any answer on the raw nodes, and
these its exact variance (docs/local-ranges.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.estimates import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_LEAVES: Final = 4096  # up to where all leaves' variances are computed at once
_CHUNK: Final = 1 << 20  # coefficients kept at a time


@dataclass(frozen=True, slots=True)
class Level:
    """One level: items of a node, reports n_l, and what one of them supports.

    A report supports the node that its agent holds with probability p, any other with q; both the held one and a given
    other one with probability `own`; two given others with `other`.
    """

    size: int
    reports: int
    p: float
    q: float
    own: float
    other: float

    @property
    def gap(self) -> float:
        """P - q."""
        return self.p - self.q

    @property
    def noise(self) -> float:
        """The variance of a node that nobody holds: the level's weight in consistency is its inverse."""
        return self.q * (1 - self.q) / self.gap**2 / self.reports

    def variance(self, coefficients: Floats, shares: Floats, agents: int) -> tuple[Floats, Floats]:
        """What this level adds to the variance of answers with coefficients `(m, nodes)`: here, and at most.

        The first is exact, the second bounds it over all shares. Both lack the term that all levels have in common.
        """
        squares = coefficients * coefficients
        total, square = coefficients.sum(axis=1), squares.sum(axis=1)
        correction = agents / max(agents - 1, 1)
        mean, second = coefficients @ shares, squares @ shares
        here = self._noise(mean, second, total, square) + correction * (second - mean**2)
        each = self._noise(coefficients, squares, total[:, None], square[:, None]).max(axis=1)
        width = coefficients.max(axis=1) - coefficients.min(axis=1)
        return here / self.reports, (each + correction * width**2 / 4) / self.reports

    def _noise(self, mean: Floats, second: Floats, total: Floats, square: Floats) -> Floats:
        """The oracle's noise, from the agents' means of a(node) and a(node)^2 and the sums of a and a^2 over nodes."""
        both = 2 * self.own * (total * mean - second)
        neither = self.other * (total**2 - 2 * total * mean + 2 * second - square)
        moment = self.p * second + self.q * (square - second) + both + neither
        expected = self.gap**2 * second + 2 * self.gap * self.q * total * mean + self.q**2 * total**2
        return np.asarray((moment - expected) / self.gap**2)


@dataclass(frozen=True, slots=True, eq=False)
class Tree(Estimate):
    """Raw shares of all nodes, level by level from the root's children on; `range` and `leaves` are consistent.

    `value` and `variance` are those of the raw nodes. All answers are linear in them, unbiased and never cut.
    """

    levels: tuple[Level, ...] = ()
    categories: int = 0
    shares: Floats = field(default_factory=lambda: np.zeros(0), repr=False)  # consistent ones of the items

    @staticmethod
    def of(levels: tuple[Level, ...], raw: Sequence[Floats], *, categories: int, reports: int, refused: int) -> Tree:
        """The tree of these raw shares, level by level."""
        variances = [_raw(level, share, reports) for level, share in zip(levels, raw, strict=True)]
        passes = _Passes.of(levels, [len(share) for share in raw])
        return Tree(
            value=np.concatenate(raw),
            variance=np.concatenate([here for here, _ in variances]),
            worst_variance=max(worst for _, worst in variances),
            reports=reports,
            refused=refused,
            levels=levels,
            categories=categories,
            shares=passes.consistent(raw),
        )

    def node(self, level: int) -> Estimate:
        """The raw shares of one level, 0 being the root's children."""
        sizes = [self._nodes(one) for one in self.levels]
        part = slice(sum(sizes[:level]), sum(sizes[: level + 1]))
        return Estimate(self.value[part], self.variance[part], self.worst_variance, self.reports, self.refused)

    def leaves(self) -> Estimate:
        """Each item's consistent share, raw, with its exact variance; for at most 4096 items."""
        if self.categories > MOST_LEAVES:
            raise ConfigurationError(
                f"the variances of {self.categories} leaves are too many to compute",
                instead="`shares` has their values; ask `range` for some of them",
            )
        firsts = np.arange(self.categories)
        return self.range(firsts, firsts + 1)

    def cdf(self, item: ArrayLike) -> Estimate:
        """The share of agents whose item is at most this one, or these."""
        return self.range(0, np.asarray(item) + 1)

    def range(self, first: ArrayLike, end: ArrayLike) -> Estimate:
        """The share of agents whose item lies in [first, end): consistent, unbiased, with its exact variance.

        Whole numbers with 0 <= first <= end <= categories, or arrays of them; answers have their shape.
        """
        lows, highs = np.broadcast_arrays(np.asarray(first), np.asarray(end))
        if (
            any(side.dtype.kind not in "iu" for side in (lows, highs))
            or not ((lows >= 0) & (lows <= highs) & (highs <= self.categories)).all()
        ):
            raise ConfigurationError(f"a range has whole numbers 0 <= first <= end <= {self.categories}")
        sums = np.concatenate([[0.0], np.cumsum(self.shares)])
        flat = (lows.ravel().astype(np.int64), highs.ravel().astype(np.int64))
        here, worst = self._variances(*flat)
        return Estimate(
            value=np.asarray(sums[highs] - sums[lows]),
            variance=here.reshape(lows.shape),
            worst_variance=worst.reshape(lows.shape),
            reports=self.reports,
            refused=self.refused,
        )

    def _nodes(self, level: Level) -> int:
        return -(-self.categories // level.size)

    def _variances(self, lows: Indices, highs: Indices) -> tuple[Floats, Floats]:
        """Exact plug-in and worst variances of ranges, some at a time."""
        passes = _Passes.of(self.levels, [self._nodes(level) for level in self.levels])
        nodes = [np.add.reduceat(self.shares, np.arange(0, self.categories, one.size)) for one in self.levels]
        here, worst = np.zeros(len(lows)), np.zeros(len(lows))
        step = max(1, _CHUNK // self.categories)
        places = np.arange(self.categories)
        for first in range(0, len(lows), step):
            rows = slice(first, first + step)
            answers = ((places >= lows[rows, None]) & (places < highs[rows, None])).astype(np.float64)
            share = np.clip(answers @ self.shares, 0.0, 1.0)
            here[rows] = -share * (1 - share) / max(self.reports - 1, 1)
            for level, weights, shares in zip(self.levels, passes.coefficients(answers), nodes, strict=True):
                now, most = level.variance(weights, shares, self.reports)
                here[rows] += now
                worst[rows] += most
        return np.maximum(here, 0.0), worst


@dataclass(frozen=True, slots=True)
class _Passes:
    """The two passes of consistency, and the same backward. Lists go from the root's children to the items.

    `raw`: the weight of a node's own raw share against its children's sum (1 for leaves). `part`: a node's part of
    what its parent's children are short of. `starts`: where each parent's children begin.
    """

    raw: list[Floats]
    part: list[Floats]
    starts: list[Indices]

    @staticmethod
    def of(levels: tuple[Level, ...], nodes: list[int]) -> _Passes:
        """The weights for levels with this noise and these numbers of nodes."""
        counts = [1, *nodes]
        sizes = [levels[0].size * nodes[0], *(level.size for level in levels)]
        starts = [np.arange(counts[at]) * (sizes[at] // sizes[at + 1]) for at in range(len(nodes))]
        raw: list[Floats] = [np.ones(nodes[-1])]
        part: list[Floats] = []
        variance = np.full(nodes[-1], levels[-1].noise)
        for at in range(len(nodes) - 1, -1, -1):
            below = np.add.reduceat(variance, starts[at])
            part.insert(0, variance / _spread(below, starts[at], nodes[at]))
            if at:
                noise = levels[at - 1].noise
                raw.insert(0, below / (noise + below))
                variance = noise * below / (noise + below)
        return _Passes(raw, part, starts)

    def consistent(self, values: Sequence[Floats]) -> Floats:
        """The items' consistent shares from all raw ones."""
        known = [np.asarray(values[-1])]
        for at in range(len(values) - 2, -1, -1):
            sums = np.add.reduceat(known[0], self.starts[at + 1])
            known.insert(0, self.raw[at] * values[at] + (1 - self.raw[at]) * sums)
        shares = np.ones(1)
        for level, part, starts in zip(known, self.part, self.starts, strict=True):
            short = shares - np.add.reduceat(level, starts)
            shares = level + part * _spread(short, starts, len(level))
        return shares

    def coefficients(self, answers: Floats) -> list[Floats]:
        """The coefficients on all raw shares of answers `(m, items)` that are linear in the consistent ones."""
        wanted = answers
        known: list[Floats] = []
        for part, starts in zip(reversed(self.part), reversed(self.starts), strict=True):
            up = np.add.reduceat(part * wanted, starts, axis=1)
            known.insert(0, wanted - _spread(up, starts, wanted.shape[1]))
            wanted = up
        out = []
        for at, level in enumerate(known):
            out.append(self.raw[at] * level)
            if at + 1 < len(known):
                rest = (1 - self.raw[at]) * level
                known[at + 1] = known[at + 1] + _spread(rest, self.starts[at + 1], known[at + 1].shape[1])
        return out


def _spread(values: Floats, starts: Indices, length: int) -> Floats:
    """Each parent's value for all its children, along the last axis."""
    counts = np.diff(np.append(starts, length))
    spread: Floats = np.repeat(values, counts, axis=-1)
    return spread


def _raw(level: Level, shares: Floats, agents: int) -> tuple[Floats, float]:
    """The exact variance of raw nodes, sampling of the level included: plug-in, and at the worst share."""
    f = np.clip(shares, 0.0, 1.0)
    p, q, n = level.p, level.q, level.reports
    sampling = (agents - n) / max(agents - 1, 1)
    base, slope = q * (1 - q) / level.gap**2, (p * (1 - p) - q * (1 - q)) / level.gap**2

    def at(f: Any) -> Any:  # noqa: ANN401 - a share or an array of them
        return (base + slope * f + sampling * f * (1 - f)) / n

    top = min(max((slope + sampling) / (2 * sampling), 0.0), 1.0) if sampling else float(slope > 0)
    return np.asarray(at(f)), float(at(top))
