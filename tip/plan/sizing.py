"""How many shares of noise protect an agent, and how large each must be.

Laws 3 and 4 (docs/laws.md), as functions of a plan and its public sizes. The last part
refuses noise that would drown every signal, and says which epsilon or how many agents would do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.promises import left_of
from tip.mechanisms.distributed import honest_shares
from tip.plan.masking import masks_of
from tip.plan.refusals import exact
from tip.privacy.calibration import share_variance_for
from tip.privacy.coalitions import Coalition
from tip.protocols import clear, ideal, masking

if TYPE_CHECKING:
    from tip.aggregation import Grid
    from tip.plan.tables import Plan, Requirement

PROTOCOLS: Final = {"clear": clear.PROTOCOL, "ideal": ideal.PROTOCOL, "masking": masking.PROTOCOL}
_MOST: Final = 1 << 40  # agents, beyond which no number is suggested
_TIGHTEST: Final = 1e-6  # epsilon from which on one is looked for
_LOOSEST: Final = 1e6  # epsilon, beyond which none is suggested: it would protect nobody


@dataclass(frozen=True, slots=True)
class Sizes:
    """The public sizes: enrolled agents (those that train), parameters of the model."""

    enrolled: int
    dimension: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who is counted on in a round: enrolled, planned cohort, largest cohort, least number of answers.

    `left_out`: answers that a malicious coordinator may leave out of the sum; `failure`: the probability, over all
    rounds, that it may do more (both under masks).
    """

    enrolled: int
    planned: int
    largest: int
    minimum: int
    left_out: int = 0
    failure: float = 0.0

    @classmethod
    def of(cls, plan: Plan, enrolled: int) -> Crowd:
        """The crowd of a plan; a Poisson cohort may, however unlikely, be everybody."""
        minimum = plan.cohort.minimum
        match plan.cohort.sampling:
            case "fixed":
                size = plan.cohort.size or 0
                found = cls(enrolled, size, size, minimum)
            case "poisson":
                planned = max(1, round(Fraction(str(plan.cohort.rate)) * enrolled))
                found = cls(enrolled, planned, enrolled, minimum)
            case _:
                found = cls(enrolled, enrolled, enrolled, minimum)
        masks = masks_of(plan, enrolled)
        return found if masks is None else replace(found, left_out=masks.left_out, failure=masks.failure)

    @property
    def least(self) -> int:
        """The fewest agents in a sum: those that the noise is sized for (law 4)."""
        return self.minimum - self.left_out

    def scaled(self, factor: Fraction) -> Crowd:
        """The same shares of a population `factor` times as large."""
        counts = (self.enrolled, self.planned, self.largest, self.minimum, self.left_out)
        enrolled, planned, largest, minimum, left_out = (math.ceil(n * factor) for n in counts)
        return Crowd(enrolled, planned, largest, minimum, left_out, self.failure)

    def left_of(self, delta: float, coalition: Coalition) -> float:
        """What the masks' failures leave of a delta against this coalition (law 7)."""
        return left_of(delta, self.failure) if coalition.includes_coordinator else delta


def sees_each_message(plan: Plan, coalition: Coalition) -> bool:
    """Law 3: whether this coalition sees single vectors and not only sums."""
    return coalition.includes_coordinator and PROTOCOLS[plan.protocol.kind].coordinator_sees != "sum"


def uncounted(plan: Plan, coalition: Coalition, crowd: Crowd) -> int:
    """Law 4: agents whose shares protect nobody, all of whom may be in the cohort.

    floor(f N) that pool what they see, or as many as the plan expects to collude or to lie, if these are
    more: a liar outside the coalition may leave its noise out and tell nobody.
    """
    expected = max(exact(plan.cohort.colluding), exact(plan.robustness.malicious))
    return min(max(coalition.colluders(crowd.enrolled), int(expected * crowd.enrolled)), crowd.largest)


def variance_for(plan: Plan, requirement: Requirement, crowd: Crowd, grid: Grid) -> Fraction:
    """The least variance of one share that meets a requirement, in squared grid steps."""
    coalition = Coalition.parse(requirement.against)
    alone = sees_each_message(plan, coalition)
    return share_variance_for(
        epsilon=requirement.epsilon,
        delta=crowd.left_of(requirement.delta, coalition),
        squared_sensitivity=4 * grid.squared_bound,
        shares=1 if alone else honest_shares(crowd.least, uncounted(plan, coalition, crowd)),
        dimension=grid.dimension,
        rounds=min(plan.algorithm.rounds, requirement.max_participations),
    )


def noise_ratio(plan: Plan, requirement: Requirement, crowd: Crowd, grid: Grid) -> float:
    """The L2 norm of the mean's noise, averaged over all rounds, in units of the clipping norm."""
    variance = variance_for(plan, requirement, crowd, grid)
    noise = grid.step * math.sqrt(grid.dimension * crowd.minimum * variance)
    return noise / (crowd.planned * grid.clipping_norm * math.sqrt(plan.algorithm.rounds))


def refuse_hopeless(plan: Plan, requirement: Requirement, crowd: Crowd, grid: Grid) -> None:
    """Refuse noise that exceeds the largest possible signal even when all rounds are averaged."""
    ratio = noise_ratio(plan, requirement, crowd, grid)
    if ratio <= 1:
        return
    raise ConfigurationError(
        f"privacy.epsilon = {requirement.epsilon:g} with {crowd.planned:,} agents a round leaves nothing to learn",
        where=plan.places.of("privacy", "epsilon"),
        why=f"Averaged over all {plan.algorithm.rounds} rounds the mean's noise is {ratio:.1f} times the clipping norm",
        instead=_possible(plan, requirement, crowd, grid),
    )


def _possible(plan: Plan, requirement: Requirement, crowd: Crowd, grid: Grid) -> str:
    choices = (*_least_epsilon(plan, requirement, crowd, grid), *_agents(plan, requirement, crowd, grid))
    if not choices:  # even the least share that is proven, of a few grid steps, drowns everything
        return f"Use a finer protocol.step than {grid.step:g}"
    return f"Possible: {' or '.join(choices)}"


def _least_epsilon(plan: Plan, requirement: Requirement, crowd: Crowd, grid: Grid) -> tuple[str, ...]:
    """The least epsilon of two digits that leaves a signal with these agents; nothing where none would."""
    low = high = max(requirement.epsilon, _TIGHTEST)
    while noise_ratio(plan, replace(requirement, epsilon=high), crowd, grid) > 1:
        low, high = high, 2 * high
        if high > _LOOSEST:
            return ()
    for _ in range(12):
        middle = math.sqrt(low * high)
        fits = noise_ratio(plan, replace(requirement, epsilon=middle), crowd, grid) <= 1
        low, high = (low, middle) if fits else (middle, high)
    unit = 10.0 ** (math.floor(math.log10(high)) - 1)
    return (f"epsilon of at least {math.ceil(high / unit) * unit:.2g}",)


def _agents(plan: Plan, requirement: Requirement, crowd: Crowd, grid: Grid) -> tuple[str, ...]:
    """How many agents a round would do, all shares as they are; nothing where no number would."""
    low, high = 1, 2
    while noise_ratio(plan, requirement, crowd.scaled(Fraction(high)), grid) > 1:
        low, high = high, 2 * high
        if high * crowd.planned > _MOST:
            return ()
    bounds = (Fraction(low), Fraction(high))
    for _ in range(10):
        middle = sum(bounds, Fraction(0)) / 2
        fits = noise_ratio(plan, requirement, crowd.scaled(middle), grid) <= 1
        bounds = (bounds[0], middle) if fits else (middle, bounds[1])
    needed = crowd.scaled(bounds[1])
    return (f"{needed.planned:,} agents a round (cohort.minimum = {needed.minimum:,}) with this one",)
