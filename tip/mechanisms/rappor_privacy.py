"""What RAPPOR's two stages cost: ratios, joint laws, guarantees.

A bit of the filter is flipped for good with probability f/2, and then reported as 1 with probability q after a
permanent 1, p after a 0. All that is said here follows from three integers, 2^64 f/2, 2^64 p and 2^64 q, and from how
many bits two filters can differ in: `hashes` each way.
Let a string's bit be 1 and another's 0. The bit's T reports are independent
given the permanent bit, so for any sequence s of T reports the ratio of its probabilities lies between those of T ones
and of T zeros (the instantaneous likelihood ratio grows with the number of ones, and a mixture keeps that order). Hence

    ratio after T reports of one string = (most at a bit that is 1 there x most at a bit that is 0 there)^hashes

with equality for two filters without a common bit. As T grows it tends to [(1 - f/2) / (f/2)]^(2 hashes).
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.mechanisms.base import AES, DEVICE, MOST_LISTED, PRESENCE, PureMechanism
from tip.mechanisms.permanent import EXACT_ROUNDS, KEPT, PATTERN
from tip.mechanisms.thresholds import WORD, checked_epsilon, loss
from tip.privacy.checks import whole
from tip.privacy.rounding import log_up, up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tip.privacy.guarantees import Guarantee

    Indices = NDArray[np.int64]
    Law = dict[tuple[int, ...], Fraction]

KEYS: Final = 1 << 32  # strings are hashed to so many keys


class TwoStageFilter(PureMechanism):
    """Bloom filters of `bits` bits by `hashes` hashes in `cohorts` cohorts, flipped for good and once more."""

    __slots__ = ()

    bits: int
    hashes: int
    cohorts: int
    limit: Fraction | float  # the most that all reports of one string cost
    _flip: int  # 2^64 f/2
    _low: int  # 2^64 p
    _high: int  # 2^64 q

    @abstractmethod
    def filters(self, cohorts: Indices, keys: Indices) -> NDArray[np.bool_]:
        """The Bloom filter of each key in its cohort, `(n, bits)`."""

    @property
    def permanent(self) -> tuple[Fraction, Fraction]:
        """(1 - f/2, f/2): the probability of a permanent 1 where the filter has a 1, or a 0."""
        return 1 - Fraction(self._flip, WORD), Fraction(self._flip, WORD)

    @property
    def instant(self) -> tuple[Fraction, Fraction]:
        """(q, p): the probability of a reported 1 after a permanent 1, or 0."""
        return Fraction(self._high, WORD), Fraction(self._low, WORD)

    @property
    def chances(self) -> tuple[Fraction, Fraction]:
        """(q*, p*): the probability of a reported 1 where the filter has a 1, or a 0."""
        (held, other), (high, low) = self.permanent, self.instant
        return low + (high - low) * held, low + (high - low) * other

    @property
    def ratio(self) -> Fraction:
        """Of one report: `hashes` bits stand only in the one filter, and as many only in the other."""
        return self.ratio_after(1)

    @property
    def limit_ratio(self) -> Fraction:
        """Of the permanent row, and so of any number of reports of one string."""
        held, other = self.permanent
        return (held / other) ** (2 * self.hashes)

    @property
    def instant_ratio(self) -> Fraction:
        """Of a report given the permanent rows: two of them may differ in all bits."""
        high, low = self.instant
        return max(high / low, (1 - low) / (1 - high)) ** self.bits

    def ratio_after(self, reports: int) -> Fraction:
        """Of so many reports of one string: all ones, or all zeros, at each bit that differs; the limit from 65 on."""
        count = whole("reports", reports, least=1)
        if count > EXACT_ROUNDS:
            return self.limit_ratio
        (held, other), (high, low) = self.permanent, self.instant
        ones, zeros = (high**count, low**count), ((1 - high) ** count, (1 - low) ** count)
        up_ = (held * ones[0] + other * ones[1]) / (other * ones[0] + held * ones[1])
        down = (other * zeros[0] + held * zeros[1]) / (held * zeros[0] + other * zeros[1])
        return (up_ * down) ** self.hashes

    @property
    def identifying(self) -> str:
        """Reports of one agent resemble one another."""
        return "cohort and permanent row are the same in all reports of one string, which links them"

    @property
    def guarantee(self) -> Guarantee:
        """What one report alone promises; further ones: `guarantee_forever`, `guarantee_after`, `guarantee_of`."""
        return replace(super().guarantee, assumptions=(DEVICE, KEPT, PRESENCE, AES))

    @property
    def guarantee_forever(self) -> Guarantee:
        """Any number of reports of a string that never changes."""
        return self.guarantee_after(1)

    def guarantee_after(self, states: int = 1) -> Guarantee:
        """Any number of reports while the agent comes to hold at most so many strings; the pattern is not hidden."""
        many = whole("states", states, least=1)
        each = Fraction(min(log_up(self.limit_ratio), up(checked_epsilon(self.limit))))
        strings = "an unchanged string" if many == 1 else f"at most {many} different strings"
        return replace(
            self.guarantee,
            epsilon=up(each * many),
            scope=f"all reports of {self.spec.name} in any number of rounds, of {strings}",
            assumptions=(DEVICE, KEPT, PATTERN, PRESENCE, AES),
        )

    def guarantee_of(self, reports: int) -> Guarantee:
        """So many reports, whatever changes: given the past each further one is a mixture of instantaneous laws."""
        count = whole("reports", reports, least=1)
        first = Fraction(loss(self.ratio, checked_epsilon(self.epsilon)))
        return replace(
            self.guarantee,
            epsilon=up(first + (count - 1) * Fraction(log_up(self.instant_ratio))),
            scope=f"{count} reports of {self.spec.name}, whatever changes between them",
        )

    def law(self, value: int) -> Law:
        """A uniform cohort; given it, independent bits."""
        return self.joint_law([int(self._one(value))])

    def joint_law(self, states: Sequence[int]) -> Law:
        """The exact law of the reports of as many rounds in which the agent holds these strings; for small sizes."""
        states = self.checked(states).tolist()
        size = self.cohorts << (self.bits * len(states))
        if size > MOST_LISTED:
            return super().law(states)
        rounds: dict[int, list[int]] = {}
        for at, state in enumerate(states):
            rounds.setdefault(state, []).append(at)
        law: Law = {}
        for cohort in range(self.cohorts):
            columns = [self._bit_law(cohort, bit, rounds) for bit in range(self.bits)]
            for rows in product(*(column.items() for column in columns)):
                reports = [sum(seen[at] << bit for bit, (seen, _) in enumerate(rows)) for at in range(len(states))]
                size = -(-self.bits // 8)
                key = tuple(entry for row in reports for entry in (cohort, *row.to_bytes(size, "little")))
                law[key] = prod((mass for _, mass in rows), start=Fraction(1, self.cohorts))
        return law

    def _bit_law(self, cohort: int, bit: int, rounds: dict[int, list[int]]) -> Law:
        """The joint law of one bit in all rounds: for each string a mixture over its permanent bit."""
        count = sum(len(at) for at in rounds.values())
        law = {}
        for seen in product((0, 1), repeat=count):
            mass = Fraction(1)
            for state, at in rounds.items():
                held = bool(self.filters(np.array([cohort]), np.array([state]))[0, bit])
                share = self.permanent[0 if held else 1]
                one, zero = (prod((c if seen[t] else 1 - c for t in at), start=Fraction(1)) for c in self.instant)
                mass *= share * one + (1 - share) * zero
            law[seen] = mass
        return law
