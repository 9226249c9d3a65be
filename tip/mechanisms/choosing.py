"""Which frequency oracle to take, by its figures, and why.

Five oracles are compared by exact figures of their own instances: the variance of an estimated share
at f = 0 (for Hadamard response averaged over the items), the bits of a report, how far one made-up report
moves an item, and the seconds that one core takes for all reports. The rule:

1. what breaks a limit of the caller's (bits, seconds) or cannot be built is out;
2. of the rest, all within 5 % of the least variance are as good;
3. of those the one of the fewest bits is taken, then the one of the least seconds.

In words: randomized response for few items (at the latest while k < 3 e^epsilon + 2 no hashing beats it),
projective geometry response from there on, since it has the variance of unary encoding in log k bits;
local hashing above 2^24 items; Hadamard response where seconds count more than variance. Seconds are
an estimate from operations and nominal rates, good within a factor of 3; they are no measurement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log2, sqrt
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.mechanisms.frequency import checked_categories
from tip.mechanisms.thresholds import checked_epsilon
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from tip.mechanisms.frequency import FrequencyOracle

CLOSE: Final = 1.05  # variances within this factor are as good as one another
_COUNT: Final = 4e-9  # seconds to count one report
_HASH: Final = 3e-9  # seconds to hash one item under one seed
_BIT: Final = 2e-10  # seconds to add up one bit
_STEP: Final = 2e-9  # seconds for one step of a transform


@dataclass(frozen=True, slots=True)
class Candidate:
    """An oracle and its figures. `barred`: which limit it breaks, empty if none."""

    mechanism: FrequencyOracle = field(repr=False)
    variance: float  # of an estimated share at f = 0, times the number of agents
    bits: int  # of one report
    influence: float  # people by which one made-up report moves one item
    seconds: float  # of one core, for all reports
    barred: str = ""

    @property
    def name(self) -> str:
        """The mechanism's class."""
        return type(self.mechanism).__name__


@dataclass(frozen=True, slots=True)
class Auto:
    """The oracle for k items, epsilon and n agents; see the top of the file for the rule.

    `bits`: the most that one report may take; `server_budget`: the most seconds of one core for all reports. The
    choice is `mechanism`, told by `why`; `candidates` are all that were compared, least variance first. Raises
    `ConfigurationError` if nothing meets the limits.
    """

    categories: int
    epsilon: Fraction | float
    agents: int
    bits: int | None = None
    server_budget: float | None = None
    candidates: tuple[Candidate, ...] = field(init=False, repr=False, compare=False)
    chosen: Candidate = field(init=False, compare=False)

    def __post_init__(self) -> None:
        checked_categories(self.categories)
        checked_epsilon(self.epsilon)
        whole("agents", self.agents, least=1)
        if self.bits is not None:
            whole("bits", self.bits, least=1)
        if self.server_budget is not None and not 0 < self.server_budget < inf:
            raise ConfigurationError(f"server_budget is a number of seconds > 0, not {self.server_budget!r}")
        candidates = tuple(sorted(self._rated(), key=lambda one: (one.variance, one.bits)))
        fit = [one for one in candidates if not one.barred]
        if not fit:
            raise ConfigurationError(
                f"no oracle for {self.categories} items meets the limits",
                why="; ".join(f"{one.name} {one.barred}" for one in candidates),
                instead="allow more bits or seconds, or hash the items to fewer",
            )
        close = [one for one in fit if one.variance <= CLOSE * fit[0].variance]
        object.__setattr__(self, "candidates", candidates)
        object.__setattr__(self, "chosen", min(close, key=lambda one: (one.bits, one.seconds)))

    @property
    def mechanism(self) -> FrequencyOracle:
        """The oracle to use."""
        return self.chosen.mechanism

    @property
    def why(self) -> str:
        """The reason, in a sentence or two."""
        best = self.chosen
        error = sqrt(best.variance / self.agents)
        text = (
            f"{best.name} for {self.categories} items and {self.agents} agents: a standard error of {error:.2g} "
            f"a share in {best.bits} bits a report and about {best.seconds:.2g} s of server time"
        )
        others = [_compared(one, best) for one in self.candidates if one is not best]
        return f"{text}; {'; '.join(others)}." if others else f"{text}."

    @property
    def table(self) -> str:
        """All candidates, one a line."""
        lines = [f"{'oracle':32}{'variance x n':>13}{'bits':>9}{'influence':>11}{'server s':>10}"]
        for one in self.candidates:
            figures = f"{one.variance:>13.4g}{one.bits:>9}{one.influence:>11.3g}{one.seconds:>10.2g}"
            lines.append(f"{one.name:32}{figures}  {'<- taken' if one is self.chosen else one.barred}".rstrip())
        return "\n".join(lines)

    def _rated(self) -> Iterator[Candidate]:
        """The figures of every oracle that can be built."""
        for build, seconds in _oracles(self.categories, self.agents):
            try:
                mechanism = build(self.categories, self.epsilon)
            except ConfigurationError:  # too many items for it
                continue
            cost = seconds(mechanism)
            yield Candidate(
                mechanism,
                float(mechanism.variance()),
                mechanism.report_bits,
                mechanism.max_influence().item,
                cost,
                self._barred(mechanism.report_bits, cost),
            )

    def _barred(self, bits: int, seconds: float) -> str:
        if self.bits is not None and bits > self.bits:
            return f"takes {bits} bits, over {self.bits}"
        if self.server_budget is not None and seconds > self.server_budget:
            return f"takes about {seconds:.2g} s of server time, over {self.server_budget:.2g}"
        return ""


def _compared(other: Candidate, best: Candidate) -> str:
    """How another candidate differs from the chosen one, in a few words."""
    if other.barred:
        return f"{other.name} {other.barred}"
    times = other.variance / best.variance
    return f"{other.name} has {times:.3g} times the variance, {other.bits} bits, about {other.seconds:.2g} s"


def _oracles(
    categories: int, agents: int
) -> Iterator[tuple[Callable[[int, Fraction | float], FrequencyOracle], Callable[[FrequencyOracle], float]]]:
    """What builds each oracle, and its server's seconds."""
    from tip.mechanisms.categorical import GeneralizedRandomizedResponse  # noqa: PLC0415 - oracles are optional weight
    from tip.mechanisms.hadamard import HadamardResponse  # noqa: PLC0415
    from tip.mechanisms.hashing import LocalHashing  # noqa: PLC0415
    from tip.mechanisms.projective import ProjectiveGeometryResponse  # noqa: PLC0415
    from tip.mechanisms.unary import OptimizedUnaryEncoding  # noqa: PLC0415

    counting = agents * _COUNT

    def transformed(mechanism: FrequencyOracle) -> float:
        """Three transforms of up to four times the report's range."""
        length = 2 << mechanism.report_bits
        return counting + 3 * length * log2(length) * _STEP

    def halved(mechanism: FrequencyOracle) -> float:
        """One transform of the report's range."""
        return counting + (1 << mechanism.report_bits) * mechanism.report_bits * _STEP

    yield GeneralizedRandomizedResponse, lambda _: counting + categories * _STEP
    yield ProjectiveGeometryResponse, transformed
    yield LocalHashing, lambda _: agents * categories * _HASH
    yield OptimizedUnaryEncoding, lambda _: agents * categories * _BIT
    yield HadamardResponse, halved
