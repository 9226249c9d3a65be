"""The contract of reports over time: one answer a round, one for good.

Asked every day, an agent that randomizes afresh loses epsilon each day. The cure has two stages
(Erlingsson, Pihur, Korolova, CCS 2014):

    permanent      a randomized answer B to each *state* that the agent comes to hold, drawn once and kept
    instantaneous  the report of round t is a fresh randomization of B

so that one report costs at most `first`, and any number of reports of an unchanged state at most
`limit`, since all of them are functions of B. What a *change* costs, and what stays open to see, is
said by `guarantee_after` and `guarantee_of`; the proofs are in docs/local-over-time.md.

Each bit of a report has the law

    s = q2 + (p2 - q2) a,      a = p1 where the agent holds the item, q1 where it does not

(p1, q1: the permanent coins; p2, q2: the instantaneous ones). Averaged over T rounds its variance is
(p2 - q2)^2 a (1 - a) + [a p2 (1 - p2) + (1 - a) q2 (1 - q2)] / T: the first part never shrinks.

Bits by address: the permanent part of (agent, state) reads the lanes from 2^14 on, of a stream that all
rounds share, at the address agent x states + state; the instantaneous part reads the lanes below, of
the round's own stream, at the agent's address. `SYSTEM` draws both anew at each call: it remembers
nothing, and each call is a new first report. A device takes `tip.mechanisms.memory.Memory`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.base import AES, DEVICE, MOST_LISTED, PRESENCE
from tip.mechanisms.frequency import FrequencyOracle
from tip.mechanisms.thresholds import checked_epsilon, exp_down, loss
from tip.privacy.checks import whole
from tip.privacy.events import PureLoss
from tip.privacy.guarantees import Assumption, Guarantee
from tip.privacy.rounding import log_up, up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.columns import Column
    from tip.mechanisms.reports import Reports
    from tip.mechanisms.spec import Spec
    from tip.privacy.events import Event
    from tip.randomness import Entropy, Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Law = dict[tuple[int, ...], Fraction]

PERMANENT: Final = 1 << 14  # the first lane of what is drawn once and kept
EXACT_ROUNDS: Final = 64  # reports up to which the ratio is computed exactly; beyond it the limit is stated

KEPT: Final = Assumption(
    "kept", "the permanent answer to each state is drawn once, kept in secret, and never drawn anew"
)
PATTERN: Final = Assumption(
    "pattern", "in which rounds the state changes, or returns to an earlier one, is not a secret"
)


class Permanent(Protocol):
    """What a `Memory` answers with: a mechanism that parts what is drawn once from what is drawn in each round."""

    @property
    def spec(self) -> Spec: ...  # noqa: D102 - as `Mechanism` says
    @property
    def layout(self) -> tuple[Column, ...]: ...  # noqa: D102
    def checked(self, values: ArrayLike) -> Array: ...  # noqa: D102
    def read(self, data: bytes) -> Reports: ...  # noqa: D102
    def guarantee_after(self, states: int = 1) -> Guarantee: ...  # noqa: D102
    def state(self, values: Array, permanent: Stream, agents: Indices) -> Indices: ...  # noqa: D102
    def answer(  # noqa: D102
        self, values: Array, permanent: Stream, instant: Stream, agents: Indices
    ) -> tuple[Array, ...]: ...


class LongitudinalOracle(FrequencyOracle):
    """A frequency oracle whose agents answer in many rounds; see the top of the file.

    `epsilon` is the most that one report costs, `limit` the most that all reports of an unchanged state cost.
    """

    __slots__ = ()

    limit: Fraction | float

    @property
    @abstractmethod
    def states(self) -> int:
        """How many different states, each with a permanent answer, one agent may come to hold."""

    @property
    @abstractmethod
    def permanent(self) -> tuple[Fraction, Fraction]:
        """(p1, q1): the probability that the permanent answer supports an item that is held, or is not held."""

    @property
    @abstractmethod
    def instant(self) -> tuple[Fraction, Fraction]:
        """(p2, q2): the probability that a report supports an item which the permanent answer does, or does not."""

    @property
    @abstractmethod
    def limit_ratio(self) -> Fraction:
        """The largest likelihood ratio of one permanent answer, from the integers in use."""

    @property
    @abstractmethod
    def instant_ratio(self) -> Fraction:
        """The largest likelihood ratio of one report, given the permanent answers: between any two of them."""

    @abstractmethod
    def ratio_after(self, reports: int) -> Fraction:
        """The largest likelihood ratio of so many reports of a state that does not change."""

    @abstractmethod
    def state(self, values: Array, permanent: Stream, agents: Indices) -> Indices:
        """The states of agents with these checked values, in [0, states)."""

    @abstractmethod
    def answer(self, values: Array, permanent: Stream, instant: Stream, agents: Indices) -> tuple[Array, ...]:
        """The columns of a block of checked values."""

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """The first report: both stages from one stream, of which they read different lanes."""
        return self.answer(values, stream, stream, agents)

    def drawer(self, entropy: Entropy, round: int) -> Callable[[Array, Indices], tuple[Array, ...]]:  # noqa: A002
        """The round's reports; a seeded entropy keeps the permanent answers over rounds.

        `SYSTEM`, the default of `randomize`, keeps nothing: each call costs another first report. A device takes
        `tip.mechanisms.memory.Memory`.
        """
        kept = entropy.stream(f"permanent {self.spec.name}")
        fresh = entropy.stream(f"{self.PURPOSE} {self.spec.name}", round)
        return lambda values, agents: self.answer(values, kept, fresh, agents)

    # -- laws ---------------------------------------------------------------------------------------

    @property
    def p(self) -> Fraction:
        """Q2 + (p2 - q2) p1."""
        (held, _), (p2, q2) = self.permanent, self.instant
        return q2 + (p2 - q2) * held

    @property
    def q(self) -> Fraction:
        """Q2 + (p2 - q2) q1."""
        (_, other), (p2, q2) = self.permanent, self.instant
        return q2 + (p2 - q2) * other

    @abstractmethod
    def permanent_law(self, state: int) -> Law:
        """The exact law of the permanent answer to a state."""

    @abstractmethod
    def instant_law(self, answer: tuple[int, ...]) -> Law:
        """The exact law of a report, given the permanent answer."""

    def joint_law(self, states: Sequence[int]) -> Law:
        """The exact law of the reports of as many rounds, in which the agent holds these states; for small sizes.

        The reports stand behind one another. Rounds of one state share a permanent answer; others are independent.
        """
        groups = {state: [t for t, other in enumerate(states) if other == state] for state in dict.fromkeys(states)}
        laws = [self._group_law(state, len(rounds)) for state, rounds in groups.items()]
        if prod(len(law) for law in laws) > MOST_LISTED:
            raise ConfigurationError(f"{self.spec.name} has too many possible reports in {len(states)} rounds to list")
        joint: Law = {}
        for parts in product(*(law.items() for law in laws)):
            reports: dict[int, tuple[int, ...]] = {}
            for rounds, (chosen, _) in zip(groups.values(), parts, strict=True):
                width = len(chosen) // len(rounds)
                reports |= {t: chosen[i * width : (i + 1) * width] for i, t in enumerate(rounds)}
            key = tuple(entry for t in range(len(states)) for entry in reports[t])
            joint[key] = prod((share for _, share in parts), start=Fraction(1))
        return joint

    def _group_law(self, state: int, reports: int) -> Law:
        """The law of several reports of one state: a mixture over the permanent answer."""
        total: Law = {}
        for answer, weight in self.permanent_law(state).items():
            single = self.instant_law(answer)
            if len(single) ** reports > MOST_LISTED:
                raise ConfigurationError(f"{self.spec.name} has too many possible reports in {reports} rounds to list")
            for combination in product(single.items(), repeat=reports):
                key = tuple(entry for report, _ in combination for entry in report)
                total[key] = total.get(key, Fraction(0)) + prod((share for _, share in combination), start=weight)
        return total

    # -- what it costs --------------------------------------------------------------------------------

    @property
    def identifying(self) -> str:
        """Reports of one agent resemble one another from round to round."""
        return "the permanent answer makes the reports of one agent alike in all rounds, which links them"

    @property
    def guarantee(self) -> Guarantee:
        """What one report alone promises; further ones are not one more of the same: `guarantee_after`, `_of`."""
        one = super().guarantee
        return replace(one, assumptions=(DEVICE, KEPT, PRESENCE, AES))

    def guarantee_after(self, states: int = 1) -> Guarantee:
        """Any number of reports while the agent comes to hold at most so many states: `states` times the limit.

        Compared with any other states in the same pattern of rounds. The pattern itself is not hidden.
        """
        many = min(whole("states", states, least=1), self.states)
        one = min(log_up(self.limit_ratio), up(checked_epsilon(self.limit)))
        plural = "an unchanged state" if many == 1 else f"at most {many} different states"
        return replace(
            self.guarantee,
            epsilon=up(Fraction(one) * many),
            scope=f"all reports of {self.spec.name} in any number of rounds, of {plural}",
            assumptions=(DEVICE, KEPT, PATTERN, PRESENCE, AES),
        )

    def guarantee_of(self, reports: int) -> Guarantee:
        """So many reports, whatever the states do: nothing is assumed about changes. Epsilon grows with each report.

        The first report costs `epsilon`; given the past, each further one at most `instant_ratio`, since it
        is a mixture of instantaneous laws, whichever state is held.
        """
        count = whole("reports", reports, least=1)
        first = loss(self.ratio, checked_epsilon(self.epsilon))
        return replace(
            self.guarantee,
            epsilon=up(Fraction(first) + (count - 1) * Fraction(log_up(self.instant_ratio))),
            scope=f"{count} reports of {self.spec.name}, whatever changes between them",
        )

    def event_after(self, states: int = 1) -> Event:
        """What `guarantee_after` speaks of, for `tip.privacy`."""
        return PureLoss(self.limit_ratio ** min(whole("states", states, least=1), self.states))

    def variance(self, share: ArrayLike = 0.0, *, reports: int = 1, rounds: int = 1) -> Floats | float:
        """The exact variance of a share's estimate, averaged over `rounds` rounds with unchanged answers.

        `reports` agents answer in each round. It falls to a floor, the variance of the permanent answers alone.
        """
        f = np.asarray(share, dtype=np.float64)
        if not ((f >= 0) & (f <= 1)).all():
            raise ConfigurationError("a share lies in [0, 1]")
        (held, other), (p2, q2) = self.permanent, self.instant
        times = whole("rounds", rounds, least=1)
        inner, outer = (
            float((p2 - q2) ** 2 * a * (1 - a) + (a * p2 * (1 - p2) + (1 - a) * q2 * (1 - q2)) / times)
            for a in (held, other)
        )
        return (f * inner + (1 - f) * outer) / float(self.p - self.q) ** 2 / whole("reports", reports, least=1)


def checked_both(first: Fraction | float, limit: Fraction | float) -> tuple[Fraction, Fraction]:
    """Lower bounds of e^first and e^limit; raises `ConfigurationError` unless first < limit."""
    one, all_ = checked_epsilon(first), checked_epsilon(limit)
    if one >= all_:
        raise ConfigurationError(
            f"one report may cost {float(one):g}, and all reports together {float(all_):g}",
            why="The limit is that of infinitely many reports, so it lies above the cost of the first",
            instead="Choose a limit of twice epsilon or more.",
        )
    return exp_down(one), exp_down(all_)


def addresses(agents: Indices, state: Indices, states: int) -> Indices:
    """One address for each (agent, state); raises `ConfigurationError` where it would not fit 62 bits."""
    if len(agents) and int(agents.max()) >= (1 << 62) // states:
        raise ConfigurationError(
            f"agents are numbered from 0 to {(1 << 62) // states - 1} here",
            why=f"an address of 62 bits holds an agent's number and one of {states} states",
        )
    return agents * np.int64(states) + state
