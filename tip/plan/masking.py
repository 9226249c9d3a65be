"""Masks of a plan: which parameters its rounds need, and what these cost in delta and in shares.

The parameters (`tip.protocols.masking.parameters`) are chosen for the agents that a round invites and for at most c of
them that are corrupt, fixed before the graph is drawn. Whoever picks the cohort may pick all that are corrupt into it
(law 4): c = min(floor(f N), cohort), f the largest share that the plan names, be it in a promise, in `cohort.colluding`
or in `robustness.malicious`. They outlive as many drop-outs as chance brings about at `cohort.dropout`, or as leave the
minimum, if these are fewer. Each round fails with a small probability, whatever the data: all rounds together stand
in delta (law 7), and `privacy_bits` are chosen such that they take at most 2^-12 of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.explain.masks import Masked
from tip.plan.refusals import exact, planned_cohort, refusal, requirements, said
from tip.privacy.coalitions import Chosen, Coalition
from tip.privacy.rounding import up
from tip.protocols.masking.flow import CURIOUS
from tip.protocols.masking.parameters import Parameters, plan_masking

if TYPE_CHECKING:
    from tip.plan.tables import Plan
    from tip.privacy.guarantees import Assumption

KIND: Final = "masking"
_BITS: Final = 40  # of privacy in one round, where delta does not ask for more
_SPARE: Final = 12  # bits between delta and the failures of all rounds
MOST_RUNS: Final = 256  # of one ledger: their failures take at most 2^-4 of delta together


@dataclass(frozen=True, slots=True)
class Masks:
    """The parameters of a plan's rounds, and the probability that they fail in any of them, rounded up."""

    parameters: Parameters
    rounds: int
    failure: float

    @property
    def told(self) -> Masked:
        """The public numbers, for words."""
        p = self.parameters
        return Masked(
            invited=p.agents,
            corrupt=p.corrupt,
            dropouts=p.dropouts,
            coordinator=str(p.coordinator),
            graph=str(p.graph),
            neighbors=round(p.mean_degree),
            degree=p.degree,
            threshold=p.threshold,
            minimum=p.minimum,
            samples=p.samples,
            honest=p.honest,
            rounds=self.rounds,
            failure=self.failure,
            gives_up=2.0**-p.success_bits if p.degree - p.threshold < p.dropouts else 0.0,
        )

    @property
    def left_out(self) -> int:
        """Honest survivors whose vectors a malicious coordinator may leave out of the sum."""
        return self.parameters.minimum - self.parameters.corrupt - self.parameters.honest

    def hold_against(self, coalition: Coalition, enrolled: int) -> bool:
        """Whether this coalition is no larger, and fixed no later, than the parameters allow for."""
        planned = coalition.chosen is not Chosen.ADAPTIVE
        return planned and min(coalition.colluders(enrolled), self.parameters.agents) <= self.parameters.corrupt


def masks_of(plan: Plan, enrolled: int) -> Masks | None:
    """The masks of a plan for so many enrolled agents; None under another protocol.

    Raises `ConfigurationError` with the line, and with what would be possible, where no parameters do.
    """
    if plan.protocol.kind != KIND:
        return None
    invited = planned_cohort(plan, enrolled)
    if invited < 2:
        raise refusal(plan, "protocol.kind", f"{said(KIND)} hides nobody in a round of {invited} agent", instead=_MORE)
    corrupt, dropouts = _corrupt(plan, invited, enrolled), most_dropouts(exact(plan.cohort.dropout), invited)
    asked = _Asked(invited, corrupt, dropouts, plan.protocol.coordinator)
    try:
        parameters = asked.planned(plan.cohort.minimum, _bits(plan))
    except ConfigurationError as error:
        raise _refused(plan, asked, error) from error
    rounds = plan.algorithm.rounds
    return Masks(parameters, rounds, min(1.0, up(rounds * Fraction(parameters.failure))))


def most_dropouts(share: Fraction, invited: int) -> int:
    """How many of the invited drop out at most, each by itself with this chance, but for a probability of 2^-30.

    Bernstein: P[X >= nq + t] <= exp(-t^2 / (2 (v + t/3))), v = nq(1-q); solved for L = 30 log 2.
    """
    if not share:
        return 0
    spread, wanted = float(invited * share * (1 - share)), 30 * math.log(2)
    beyond = wanted / 3 + math.sqrt(wanted**2 / 9 + 2 * spread * wanted)
    return min(invited, math.ceil(invited * share + Fraction(beyond)))


def reserved(delta: float) -> float:
    """The part of a delta that is kept for the failures of all runs of a ledger, each with this delta; rounded up."""
    return up(Fraction(delta) * MOST_RUNS / (1 << _SPARE))


def premises(plan: Plan) -> tuple[Assumption, ...]:
    """What a guarantee against the coordinator rests on besides, where the coordinator is taken to be curious."""
    return CURIOUS if plan.protocol.kind == KIND and plan.protocol.coordinator == "curious" else ()


_MORE: Final = "Sample or enroll at least 2 agents."


@dataclass(frozen=True, slots=True)
class _Asked:
    """What parameters are wanted for."""

    invited: int
    corrupt: int
    dropouts: int
    coordinator: str

    def planned(self, minimum: int, bits: int) -> Parameters:
        """The parameters; the same question is answered once."""
        if minimum < self.corrupt + 2:
            raise ConfigurationError(f"a sum of {minimum:,} may hold one honest vector, and hides nobody then")
        return _planned(self, minimum, bits)

    def possible(self, minimum: int, bits: int) -> bool:
        """Whether there are any."""
        try:
            self.planned(minimum, bits)
        except ConfigurationError:
            return False
        return True


@lru_cache(maxsize=256)
def _planned(asked: _Asked, minimum: int, bits: int) -> Parameters:
    return plan_masking(
        asked.invited,
        Fraction(asked.corrupt, asked.invited),
        Fraction(max(0, min(asked.dropouts, asked.invited - minimum)), asked.invited),
        coordinator=asked.coordinator,
        privacy_bits=bits,
        minimum=minimum,
    )


def _corrupt(plan: Plan, invited: int, enrolled: int) -> int:
    """Law 4: the most corrupt agents that a cohort may hold."""
    promised = [Coalition.parse(r.against).colluders(enrolled) for _, r in requirements(plan)]
    expected = max(exact(plan.cohort.colluding), exact(plan.robustness.malicious))
    return min(invited, max([int(expected * enrolled), *promised]))


def _bits(plan: Plan) -> int:
    """Bits of privacy of one round, such that all rounds take at most 2^-12 of the least delta."""
    least = min((requirement.delta for _, requirement in requirements(plan)), default=1.0)
    return max(_BITS, math.ceil(math.log2(plan.algorithm.rounds / least)) + _SPARE)


def _refused(plan: Plan, asked: _Asked, error: ConfigurationError) -> ConfigurationError:
    """The refusal at the key that is the easiest to change: the minimum, the coordinator, or the shares."""
    dropout = exact(plan.cohort.dropout)
    bits, most = _bits(plan), int((1 - dropout) * asked.invited)
    told = f"{asked.invited:,} agents a round, of whom {asked.corrupt:,} may be corrupt"
    told += f" and {float(dropout):g} drop out" if dropout else ""
    why = f"{told}: {' '.join(part for part in (error.what, error.why) if part)}"
    if asked.possible(most, bits):
        least = _least(asked, plan.cohort.minimum, most, bits)
        what = f"{said(plan.cohort.minimum)} is too few answers for masks"
        return refusal(plan, "cohort.minimum", what, why=why, instead=f"A minimum of {least:,} would do.")
    what = f'{said(plan.protocol.coordinator)} cannot hold under protocol.kind = "{KIND}"'
    return refusal(plan, "protocol.coordinator", what, why=why, instead=_otherwise(asked, most, bits))


def _least(asked: _Asked, low: int, high: int, bits: int) -> int:
    """A minimum between these for which there are parameters and below which halving found none; `high` has some."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if asked.possible(middle, bits) else (middle, high)
    return high


def _otherwise(asked: _Asked, most: int, bits: int) -> str:
    """What would do, told by the search for parameters for so many corrupt agents as leave a sum at all."""
    fewer = replace(asked, corrupt=max(0, min(asked.corrupt, most - 2)))
    try:
        fewer.planned(most, bits)
    except ConfigurationError as error:
        return f"{error.instead[:1].upper()}{error.instead[1:]}" or "Use more agents or plan for fewer drop-outs."
    return f"Possible: at most {fewer.corrupt:,} corrupt agents."
