"""Scores of an attack: their two laws, thresholds, and what was counted.

A test that looks at one number rejects "nothing changed" where the number lies above a threshold. `Pair` holds the
law of the number without and with the change, so that the threshold is fixed before anything is counted: then
false alarms and hits are binomial counts, and their intervals are exact (Clopper and Pearson 1934).

Scores of whole numbers take few values, and few rates of false alarms are possible. `blurred` adds a uniform number
below 1, which is the usual randomized test: every rate is then met exactly, and the hit rates between two whole
thresholds lie on the line between theirs, as the curve of the two laws does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tip.errors import ConfigurationError
from tip.privacy.checks import probability

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]


class Law(Protocol):
    """The law of a score."""

    def tail(self, threshold: float) -> float:
        """The probability that the score, blurred where it is whole, exceeds the threshold."""

    def threshold(self, rate: float) -> float:
        """Where the tail is this rate, in (0, 1)."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A real score."""

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if not self.deviation > 0:
            raise ConfigurationError(f"a normal score has a deviation above 0, not {self.deviation!r}")

    def tail(self, threshold: float) -> float:
        """Phi((mean - threshold) / deviation)."""
        from scipy.special import ndtr  # noqa: PLC0415 - costs a quarter of a second, only where it is used

        return float(ndtr((self.mean - threshold) / self.deviation))

    def threshold(self, rate: float) -> float:
        """The inverse of the tail."""
        from scipy.special import ndtri  # noqa: PLC0415 - as above

        return self.mean - self.deviation * float(ndtri(_inside(rate)))


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A score of whole numbers `first`, `first` + 1, ... with these masses `(n,)`; the tail is that of the blurred one.

    With U uniform in [0, 1), score + U exceeds k + f (0 <= f < 1) with probability P[score > k] + (1 - f) P[score = k].
    """

    first: int
    masses: Floats = field(repr=False)
    above: Floats = field(init=False, repr=False)  # P[score >= first + k], k = 0 ... n

    def __post_init__(self) -> None:
        object.__setattr__(self, "above", np.append(np.cumsum(self.masses[::-1])[::-1], 0.0))

    def shifted(self, by: int) -> Whole:
        """The law of the score plus a number."""
        return Whole(self.first + by, self.masses)

    def tail(self, threshold: float) -> float:
        """Linear between whole thresholds."""
        places = np.arange(len(self.above)) + float(self.first)
        return float(np.interp(threshold, places, self.above))

    def threshold(self, rate: float) -> float:
        """The inverse of the tail."""
        places = np.arange(len(self.above)) + float(self.first)
        return float(np.interp(_inside(rate), self.above[::-1], places[::-1]))


@dataclass(frozen=True, slots=True)
class Pair:
    """The law of a score without and with the change."""

    quiet: Law
    loud: Law

    def hit_rate(self, false_alarm: float) -> float:
        """What the test reaches at this rate of false alarms."""
        return self.loud.tail(self.quiet.threshold(false_alarm))


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted at one threshold: false alarms and hits, each out of `trials`, and their exact intervals."""

    threshold: float
    trials: int
    false_alarms: int
    hits: int
    false_alarm_interval: tuple[float, float]
    hit_interval: tuple[float, float]

    @property
    def hit_rate(self) -> float:
        """The share of hits."""
        return self.hits / self.trials


def blurred(scores: NDArray[Any], generator: np.random.Generator) -> Floats:  # noqa: TID251 - its type alone
    """Whole scores with a uniform number below 1 added; see the top of the file."""
    return np.asarray(scores, np.float64) + generator.random(len(scores))


def measured(quiet: Floats, loud: Floats, thresholds: Sequence[float], *, miss: float) -> tuple[Counted, ...]:
    """What the test counts in trials without and with the change, at thresholds that were fixed beforehand.

    `quiet` and `loud` are the scores `(trials,)`, as many of each; `miss` in (0, 1) is the probability with which one
    interval may fail to hold the true rate.
    """
    if quiet.shape != loud.shape or quiet.ndim != 1 or not len(quiet):
        raise ConfigurationError(f"as many scores with the change as without: {quiet.shape}, {loud.shape}")
    low, high = np.sort(quiet), np.sort(loud)
    found = []
    for threshold in thresholds:
        alarms, hits = (len(s) - int(np.searchsorted(s, threshold, "right")) for s in (low, high))
        both = (interval(count, len(low), miss=miss) for count in (alarms, hits))
        found.append(Counted(threshold, len(low), alarms, hits, *both))
    return tuple(found)


def interval(count: int, trials: int, *, miss: float) -> tuple[float, float]:
    """Clopper and Pearson: it holds the true rate but for a probability of at most `miss`, whatever the rate is."""
    from scipy.special import betaincinv  # noqa: PLC0415 - as above

    if not 0 <= count <= trials or trials < 1:
        raise ConfigurationError(f"a count is from 0 to the number of trials, not {count} of {trials}")
    side = _inside(miss) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, trials - count + 1, side))
    high = 1.0 if count == trials else float(betaincinv(count + 1, trials - count, 1 - side))
    return low, high


def _inside(rate: float) -> float:
    probability("a rate", rate)
    if not 0 < rate < 1:
        raise ConfigurationError(f"a rate strictly between 0 and 1, not {rate!r}")
    return rate
