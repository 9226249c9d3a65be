"""Estimates: raw and unbiased, with the variance and an interval.

An estimate is never clipped, renormalized or made consistent: what is negative stays negative, so
that averages of many estimates are right. Post-processing is a choice of the reader's
(`tip.mechanisms.postprocessing`), and its results say that they are biased.

Intervals. `Normal` uses the plug-in variance and the normal law: right where many reports add up.
`Counted` knows that a support count follows a law with mean n s, s = q + (p - q) f: it solves the score
inequality where n q, n p f are large, and the exact tails (Clopper and Pearson 1934) elsewhere. Given
the answers a count is a sum of two binomials, whose tails outside the mean's neighborhood are at
most those of one binomial with the same mean (Hoeffding 1956), so the exact interval covers at least
its level for a fixed population as well as for a random one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import sqrt
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.inputs import as_array
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MANY: Final = 1000  # supports from honest answers, and from others, from which on the score interval is used
_CORRECTIONS: Final = ("none", "bonferroni", "sidak")


class Law(Protocol):
    """How an estimate is distributed: what turns a level into an interval."""

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """The lower and the upper end, each missing the truth with probability about alpha / 2."""
        ...


@runtime_checkable
class Movable(Law, Protocol):
    """A law that is exact, and stays so for another value from fewer reports."""

    def moved(self, value: Floats, reports: int) -> Law:
        """The law of an estimate of this value from so many reports."""
        ...


@dataclass(frozen=True, slots=True)
class Normal:
    """The normal law with the plug-in variance."""

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """Value -+ z sqrt(variance)."""
        half = _quantile(alpha) * np.sqrt(np.maximum(estimate.variance, 0.0))
        return estimate.value - half, estimate.value + half


@dataclass(frozen=True, slots=True)
class Counted:
    """Supports `(k,)` among n reports, each with probability p from holders of an item and q from others."""

    supports: NDArray[np.int64] = field(repr=False)
    p: float
    q: float

    def interval(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """The score interval where its normal law is good, else the exact one.

        Its lower end decides, not the estimate: a share that is too small for it would else get it by chance.
        """
        n = estimate.reports
        low, high = self._score(estimate, alpha)
        exact = (n * self.q < _MANY) | (n * self.p * np.maximum(low, 0.0) < _MANY)
        if exact.any():
            lows, highs = self._exact(n, alpha)
            low, high = np.where(exact, lows, low), np.where(exact, highs, high)
        return low, high

    def _score(self, estimate: Estimate, alpha: float) -> tuple[Floats, Floats]:
        """All shares f with (value - f)^2 <= z^2 var(f): a quadratic, since the variance is linear in f."""
        gap, n = self.p - self.q, max(estimate.reports, 1)
        base = self.q * (1 - self.q) / gap**2 / n
        slope = (1 - self.p - self.q) / gap / n
        z2 = _quantile(alpha) ** 2
        middle = estimate.value + z2 * slope / 2
        root = np.sqrt(np.maximum(middle**2 - estimate.value**2 + z2 * base, 0.0))
        return middle - root, middle + root

    def _exact(self, n: int, alpha: float) -> tuple[Floats, Floats]:
        """Clopper-Pearson for s = q + (p - q) f, mapped to f."""
        from scipy.special import betaincinv  # noqa: PLC0415 - scipy is imported where it is needed

        counts = self.supports.astype(np.float64)
        gap = self.p - self.q
        low = np.where(counts > 0, betaincinv(np.maximum(counts, 1), n - counts + 1, alpha / 2), 0.0)
        high = np.where(counts < n, betaincinv(counts + 1, np.maximum(n - counts, 1), 1 - alpha / 2), 1.0)
        return (low - self.q) / gap, (high - self.q) / gap


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the reports say about the population that sent them.

    `value`: float64, shares of the items `(k,)`, a mean `()` or `(d,)`: raw and unbiased unless `biased` says
    why not. `variance`: of the same shape, the exact formula with the estimate put in for the truth.
    `worst_variance`: the same formula at its worst truth. `reports` were counted, `refused` were not.
    `reach`: the least and the most that one well-formed report can add to an entry of `totals`, where that is known.
    """

    value: Floats
    variance: Floats
    worst_variance: Floats | float
    reports: int
    refused: int = 0
    law: Law = field(default_factory=Normal, repr=False)
    biased: str = ""
    reach: tuple[float, float] | None = None

    @property
    def totals(self) -> Floats:
        """The estimate times the number of reports: people, or a sum."""
        return self.value * self.reports

    @property
    def deviation(self) -> Floats:
        """The standard deviation, from the plug-in variance."""
        return np.sqrt(np.maximum(self.variance, 0.0))

    def interval(self, level: float = 0.95, *, correction: str = "none", malicious: int = 0) -> tuple[Floats, Floats]:
        """A two-sided interval for each entry of `value`: `(low, high)`, float64 of its shape.

        `correction`: "none" (each interval alone covers at the level), "bonferroni" (all of them together,
        whatever their dependence) or "sidak" (together, if the entries are independent). Neither end is cut to the
        possible range. `malicious`: how many of the counted reports may be made up; the interval then covers the
        share or mean of the honest agents, whatever the others sent, and is wider by what they can move. Raises
        `ConfigurationError` for a biased estimate, which has no interval.
        """
        if not isinstance(level, float) or not 0 < level < 1:
            raise ConfigurationError(f"a level lies between 0 and 1, not {level!r}")
        if correction not in _CORRECTIONS:
            raise ConfigurationError(f"correction is one of {_CORRECTIONS}, not {correction!r}")
        if self.biased:
            raise ConfigurationError(
                "a biased estimate has no interval", why=self.biased, instead="take the interval of the raw estimate"
            )
        size = max(self.value.size, 1)
        alpha = {"none": 1 - level, "bonferroni": (1 - level) / size, "sidak": 1 - level ** (1 / size)}[correction]
        return self.law.interval(self, alpha) if not malicious else self._interval_of_the_honest(alpha, malicious)

    def _interval_of_the_honest(self, alpha: float, malicious: int) -> tuple[Floats, Floats]:
        """From the interval as if every made-up report pushed up, to that as if every one pushed down."""
        whole("malicious", malicious, least=0)
        if self.reach is None or malicious >= self.reports:
            raise ConfigurationError(
                f"there is no interval for {malicious} made-up reports among {self.reports}",
                why="all of them may be made up" if self.reach else "what one report can add is not bounded here",
            )
        down, up = (self._without(malicious, pushed) for pushed in reversed(self.reach))
        return down.law.interval(down, alpha)[0], up.law.interval(up, alpha)[1]

    def _without(self, malicious: int, pushed: float) -> Estimate:
        """The honest agents' estimate if each made-up report added `pushed` to the totals."""
        n, rest = self.reports, self.reports - malicious
        value = (self.totals - malicious * pushed) / rest
        law, spread = self.law, self.variance
        if isinstance(law, Counted):
            supports = np.clip(np.rint(rest * (law.q + (law.p - law.q) * value)), 0, rest).astype(np.int64)
            law = replace(law, supports=supports)
        else:  # what was plugged in came from made-up reports as well: the worst variance of the honest ones stands in
            spread = np.maximum(spread, self.worst_variance)
            law = law.moved(value, rest) if isinstance(law, Movable) else Normal()
        return replace(self, value=value, variance=spread * (n / rest), reports=rest, law=law)


def _quantile(alpha: float) -> float:
    """Z with P[|N(0, 1)| > z] = alpha."""
    from scipy.special import erfcinv  # noqa: PLC0415 - scipy is imported where it is needed

    return sqrt(2) * float(erfcinv(alpha))


def whole_array(values: Any, name: str) -> NDArray[np.int64]:  # noqa: ANN401 - anything may be handed in
    """One-dimensional whole numbers as int64; other types and shapes raise `ConfigurationError`."""
    array = as_array(values, name)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ConfigurationError(
            f"{name} is a one-dimensional array of whole numbers, not {array.dtype} of {array.ndim} dimensions"
        )
    if array.dtype == np.uint64 and array.size and int(array.max()) >> 63:
        raise ConfigurationError(f"{name} holds a number of 2^63 or more")
    return array.astype(np.int64)
