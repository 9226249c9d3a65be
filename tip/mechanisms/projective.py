"""Projective geometry response: the flagship oracle, log k bits.

Reports are the K = (r^t - 1)/(r - 1) points of a projective space, items are hyperplanes, and an item is
supported by the points of its hyperplane (Feldman, Nelson, Nguyen, Talwar, ICML 2022, arXiv 2203.00194).
Points and hyperplanes are numbered along a Singer cycle, so that item x is supported by the translate
D + x mod K of one difference set D (`tip.mechanisms.geometry`):

    one word below T: y = x + a uniform member of D              p = T / 2^64
    else: y = x + a uniform one of the K - cs other numbers      mod K

|D| = cs = (r^(t-1) - 1)/(r - 1) and K - cs = r^(t-1). A point has p / cs inside and (1 - p) / r^(t-1)
outside of the hyperplane; T is the greatest number for which their ratio is at most a lower bound of
e^epsilon. Two hyperplanes meet in ci = (r^(t-2) - 1)/(r - 1) points, whence for every other item

    q = p ci / cs + (1 - p) (cs - ci) / (K - cs) = p ci / cs + (1 - p) / r.

With r near e^epsilon + 1 the variance is that of optimized unary encoding, within 1 or 2 parts in a
hundred (r may be any prime power). The server counts points and adds the counts over each hyperplane by
one correlation, O(n + K log K), whatever r.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import exp, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence
from tip.mechanisms.choices import either
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.frequency import FrequencyOracle, checked_categories, checked_counts, tallied
from tip.mechanisms.geometry import LEAST_TALLY, difference_set, points, prime_power, primitive, spread, translates
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import WORD, checked_epsilon, exp_down, heads
from tip.privacy.checks import whole
from tip.privacy.shuffling import Blanket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.reports import Reports
    from tip.randomness import Entropy, Stream

    Indices = NDArray[np.int64]

MOST_ITEMS: Final = 1 << 24
MOST_POINTS: Final = 1 << 23  # of a chosen geometry, unless there are more than 2^21 items
_SLACK: Final = 1.005  # of two geometries with almost the same variance the smaller is taken


@dataclass(frozen=True, slots=True)
class ProjectiveGeometryResponse(FrequencyOracle):
    """A point in or outside of the item's hyperplane; see the top of the file.

    `categories`: k in [2, 2^24]; agent and server both hold a table of K numbers, K about k to r k.
    `epsilon`: the most that one report may cost, in [1e-6, 40]. `order`: r, a prime power; by default the order, and
    with it the dimension t, of least exact variance. Its variance is that of optimized unary encoding, times 1.00 to
    1.02 above epsilon 0.5; its report takes log2 K bits.
    """

    categories: int
    epsilon: Fraction | float
    order: int | None = None
    _order: int = field(init=False, repr=False, compare=False)  # r
    _dimension: int = field(init=False, repr=False, compare=False)  # t
    _keep: int = field(init=False, repr=False, compare=False)  # T

    def __post_init__(self) -> None:
        k, bound = checked_categories(self.categories), exp_down(checked_epsilon(self.epsilon))
        if k > MOST_ITEMS:
            raise ConfigurationError(
                f"categories is at most 2^24 here, not {k}",
                why="every agent holds a table of as many numbers",
                instead="use LocalHashing, or heavy hitters",
            )
        order = best_order(k, float(bound)) if self.order is None else checked_order(self.order, k)
        dimension = _dimension(order, k)
        inside, outside = points(order, dimension - 1), order ** (dimension - 1)
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_dimension", dimension)
        object.__setattr__(self, "_keep", int(bound * inside * WORD / (bound * inside + outside)))

    @property
    def spec(self) -> Spec:
        """Name, k, the geometry with the polynomial that numbers it, and the threshold."""
        polynomial = ",".join(map(str, primitive(self._order, self._dimension)))
        return Spec(
            "projective-geometry-response",
            1,
            (
                ("categories", self.categories),
                ("order", self._order),
                ("dimension", self._dimension),
                ("polynomial", polynomial),
                ("keep", self._keep),
            ),
        )

    @property
    def layout(self) -> tuple[Column, ...]:
        """One point."""
        return (Integers("point", high=self.size),)

    @property
    def geometry(self) -> tuple[int, int]:
        """The order r and the dimension t in use."""
        return self._order, self._dimension

    @property
    def size(self) -> int:
        """K, the number of points."""
        return points(self._order, self._dimension)

    @property
    def inside(self) -> int:
        """The points of a hyperplane, cs."""
        return points(self._order, self._dimension - 1)

    @property
    def p(self) -> Fraction:
        """T / 2^64."""
        return Fraction(self._keep, WORD)

    @property
    def q(self) -> Fraction:
        """P ci / cs + (1 - p) / r."""
        return self.p * points(self._order, self._dimension - 2) / self.inside + (1 - self.p) / self._order

    @property
    def ratio(self) -> Fraction:
        """The probability of a point inside over that of a point outside of the hyperplane."""
        return self.p * (self.size - self.inside) / ((1 - self.p) * self.inside)

    @property
    def blanket(self) -> Fraction:
        """K times the probability of a point outside: no point lies in all hyperplanes, since k exceeds cs."""
        return self.size * (1 - self.p) / (self.size - self.inside)

    @property
    def worst_pair(self) -> Blanket:
        """Any two items: reports have one density inside the set of the own item, and one outside."""
        return Blanket.of_two_levels(self.p, self.q, self.blanket)

    def law(self, value: int) -> dict[tuple[int, ...], Fraction]:
        """The probability p shared by the points of the hyperplane, the rest by the others."""
        value = int(self._one(value))
        if self.size > MOST_LISTED:
            return super(ProjectiveGeometryResponse, self).law(value)
        members = {(int(d) + value) % self.size for d in self._members}
        within, without = self.p / self.inside, (1 - self.p) / (self.size - self.inside)
        return {(y,): within if y in members else without for y in range(self.size)}

    @property
    def _members(self) -> NDArray[Any]:
        """The difference set."""
        return difference_set(self._order, self._dimension)[: self.inside]

    def draw(self, values: NDArray[Any], stream: Stream, agents: Indices) -> tuple[NDArray[Any], ...]:
        """Word 0 decides whether the point lies in the hyperplane, word 1 which one it is.

        The coin picks the number of points that word 1 chooses from.
        """
        words = stream.words(agents, 2)
        table = difference_set(self._order, self._dimension)
        sizes = self.inside, self.size - self.inside
        place = either(heads(words[:, 0], self._keep), words[:, 1], sizes, stream, agents)
        answers = table[place.view(np.int64)]
        answers += values.astype(table.dtype)
        np.minimum(answers, answers - table.dtype.type(self.size), out=answers)  # mod K: below K it wraps upward
        return (answers,)

    def tally(self, reports: Reports) -> Indices:
        """How often each point was sent."""
        return tallied(reports["point"], self.size)

    @property
    def tally_block(self) -> int:
        """So many reports that the cells cost little."""
        return max(LEAST_TALLY, 8 * self.size)

    def supports(self, aggregate: Aggregate) -> Indices:
        """The number of reports in each item's hyperplane, by one exact correlation."""
        return translates(aggregate.totals, self._members, self.categories)

    def _support(self, reports: Reports, items: Indices) -> NDArray[np.bool_]:
        member = np.zeros(self.size, dtype=np.bool_)
        member[self._members] = True
        through: NDArray[np.bool_] = member[(reports["point"].astype(np.int64)[:, None] - items) % self.size]
        return through

    def max_influence(self) -> Influence:
        """A point lies in cs hyperplanes: (1 - q)/(p - q) there, and at most q/(p - q) for each of the others."""
        p, q, k = float(self.p), float(self.q), self.categories
        within = min(self.inside, k)
        length = sqrt(within * (1 - q) ** 2 + (k - within) * q * q)
        return Influence(max(1 - q, q) / (p - q), length / (p - q))

    def simulate(self, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """The exact joint law of all totals, in O(K + min(agents, k cs)).

        With the probability `blanket` an agent sends a uniform point, else a uniform one of its hyperplane.
        """
        held = checked_counts(counts, self.categories)
        generator = entropy.generator(f"simulate {self.spec.name}")
        blurred = generator.binomial(held, float(self.blanket))
        totals = generator.multinomial(int(blurred.sum()), np.full(self.size, 1 / self.size)).astype(np.int64)
        members = self._members.astype(np.int64)

        def point(items: Indices, places: Indices) -> Indices:
            answers: Indices = (members[places] + items) % self.size
            return answers

        totals += spread(generator, held - blurred, self.inside, point, self.size)
        return Aggregate(self.spec.digest, int(held.sum()), 0, totals)


def checked_order(order: object, categories: int) -> int:
    """A prime power in [2, 2^25], of which the geometry has at most 64 k points (or 2^16)."""
    number = whole("order", order, least=2)
    if number > 2 * MOST_ITEMS or prime_power(number) is None:
        raise ConfigurationError(f"order is a prime power up to 2^25, not {number}", instead="leave it out")
    if points(number, _dimension(number, categories)) > max(64 * categories, 1 << 16):
        raise ConfigurationError(
            f"the geometry of order {number} for {categories} items is too large", instead="leave the order out"
        )
    return number


@lru_cache(maxsize=256)
def best_order(categories: int, top: float) -> int:
    """The order of least variance at f = 0 (`top` is e^epsilon), of geometries of at most max(2^23, 4 k) points.

    Of geometries whose variances are within 0.5 % of the least the smallest is taken.
    """
    sizes = {order: points(order, _dimension(order, categories)) for order in _orders(categories, top)}
    most = max(MOST_POINTS, 4 * categories)
    rated = {order: _variance(order, categories, top) for order, size in sizes.items() if size <= most}
    least = min(rated.values())
    return min((order for order, variance in rated.items() if variance <= least * _SLACK), key=sizes.__getitem__)


def _orders(categories: int, top: float) -> Iterator[int]:
    """Prime powers around e^epsilon + 1, and for each dimension the least and the greatest one of a fitting size."""
    largest = _power_from(categories - 1, 1)
    yield largest
    for dimension in range(3, categories.bit_length() + 2):
        order = _power_from(max(2, int(categories ** (1 / (dimension - 1))) - 2), 1)
        while points(order, dimension) < categories:
            order = _power_from(order + 1, 1)
        yield order
        yield _power_from(max(2, min(int(MOST_POINTS ** (1 / (dimension - 1))) - 1, largest)), -1)
    middle = int(min(top + 1, largest))
    for start, step in ((middle + 1, 1), (middle, -1)):
        order = start
        for _ in range(3):
            order = _power_from(order, step)
            yield min(order, largest)
            order = max(order + step, 2)


def _power_from(number: int, step: int) -> int:
    """The first prime power from a number >= 2 on, upward (step 1) or downward (-1); 2 is one."""
    number = max(number, 2)
    while prime_power(number) is None:
        number += step
    return number


def _dimension(order: int, categories: int) -> int:
    """The least t >= 2 of enough points."""
    dimension = 2
    while points(order, dimension) < categories:
        dimension += 1
    return dimension


def _variance(order: int, categories: int, top: float) -> float:
    """Q (1 - q)/(p - q)^2 for real-valued thresholds."""
    dimension = _dimension(order, categories)
    inside, outside = points(order, dimension - 1), order ** (dimension - 1)
    p = 1 / (1 + outside / (top * inside))
    q = p * points(order, dimension - 2) / inside + (1 - p) / order
    return float(q * (1 - q) / (p - q) ** 2)


def unary_variance(epsilon: Fraction | float) -> float:
    """4 e^epsilon / (e^epsilon - 1)^2: optimized unary encoding at f = 0, the yardstick."""
    top = exp(float(epsilon))
    return 4 * top / (top - 1) ** 2
