"""From a plan to its noise and to what each observer may learn.

`settle(plan, sizes)` answers, before anything runs, three questions: how the agents' vectors are
put on the integer grid, how much noise each agent adds, and what guarantee follows against every
standard observer (GUARANTEES.md, law 2). Nothing here looks at data: the sizes are the number of
enrolled agents and of the model's parameters, both public.

1. *What the coordinator sees decides* (law 3). Under `clear` it sees each message, so against it
   only the agent's own share counts; under `ideal` it sees sums, and the guarantee says that
   nothing enforces it.
2. *Shares are sized for h* = minimum - min(colluders, minimum - 1) agents (law 4), colluders =
   min(floor(f N), cohort): the coordinator may pick the cohort, so no draw is relied on.
3. *Every participation is charged* (law 5): rounds, or `max_participations` if that is less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.aggregation import Grid
from tip.errors import ConfigurationError
from tip.mechanisms.distributed import DistributedGaussian, honest_shares
from tip.privacy.calibration import share_variance_for
from tip.privacy.coalitions import Coalition, standard_observers
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho, rho_of_sum
from tip.protocols import clear, ideal

if TYPE_CHECKING:
    from tip.plan.tables import Plan, Requirement

PROTOCOLS: Final = {"clear": clear.PROTOCOL, "ideal": ideal.PROTOCOL}
_WRAP: Final = 2.0**-40  # the most that an overflow of honest agents may be expected, over all rounds


@dataclass(frozen=True, slots=True)
class Sizes:
    """The public sizes: enrolled agents (those that train), parameters of the model."""

    enrolled: int
    dimension: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What a plan comes to: grid and noise (None without a privacy requirement), and the guarantees.

    `required` holds one guarantee for each requirement of the plan, in its order; `observers` one
    for each standard observer.
    """

    sizes: Sizes
    cohort: int
    charged_rounds: int
    grid: Grid | None
    mechanism: DistributedGaussian | None
    required: tuple[Guarantee, ...]
    observers: tuple[Guarantee, ...]

    @property
    def guarantees(self) -> tuple[Guarantee, ...]:
        """The required ones, then the observers that they do not name."""
        named = {g.coalition for g in self.required}
        return self.required + tuple(g for g in self.observers if g.coalition not in named)

    def spent(self, participations: int) -> tuple[float, float]:
        """(epsilon, delta) of the first requirement for an agent that has sent so often; (inf, 0) without noise."""
        if self.mechanism is None:
            return (math.inf, 0.0)
        first = self.required[0]
        if participations == 0:
            return (0.0, 0.0)
        rho = (first.rho or Fraction(0)) * participations / self.charged_rounds
        return (epsilon_of_rho(rho, first.delta.conversion), first.delta.total)


def settle(plan: Plan, sizes: Sizes) -> Settled:
    """Grid, noise and guarantees of a plan; `ConfigurationError` says what would be possible if it cannot hold."""
    cohort = _planned_cohort(plan, sizes)
    rounds = plan.algorithm.rounds
    if plan.privacy is None:
        observers = tuple(_unprotected(plan, c, sizes) for c in standard_observers(Fraction(1, 10)))
        return Settled(sizes, cohort, rounds, None, None, (), observers)
    requirements = (plan.privacy, *plan.privacy.also)
    charged = min(rounds, *(r.max_participations for r in requirements))
    grid = Grid(
        step=plan.protocol.step,
        clipping_norm=plan.privacy.clipping_norm,
        dimension=sizes.dimension,
        modulus_bits=plan.protocol.modulus_bits,
    )
    variance = max(_variance_for(plan, r, sizes, cohort, grid) for r in requirements)
    mechanism = DistributedGaussian(grid.squared_bound, variance, sizes.dimension, plan.cohort.minimum)
    grid.check(cohort, mechanism.noise_variance(cohort), rounds, most=_WRAP)
    _check_signal(plan, mechanism, grid, cohort, charged)
    told = _Told(plan, sizes, cohort, charged, mechanism)
    required = tuple(told.guarantee(Coalition.parse(r.against), r.delta) for r in requirements)
    fraction = max(Coalition.parse(r.against).fraction for r in requirements) or Fraction(str(plan.cohort.colluding))
    observers = tuple(told.guarantee(c, plan.privacy.delta) for c in standard_observers(fraction))
    return Settled(sizes, cohort, charged, grid, mechanism, required, observers)


def _planned_cohort(plan: Plan, sizes: Sizes) -> int:
    match plan.cohort.sampling:
        case "fixed":
            return plan.cohort.size or 0
        case "poisson":
            return max(1, round(Fraction(str(plan.cohort.rate)) * sizes.enrolled))
        case _:
            return sizes.enrolled


def _colluders(coalition: Coalition, sizes: Sizes, cohort: int) -> int:
    """Law 4: floor(f N) of them, all of whom may be in the cohort."""
    return min(coalition.colluders(sizes.enrolled), cohort)


def _sees_each_message(plan: Plan, coalition: Coalition) -> bool:
    """Law 3: whether this coalition sees single vectors and not only sums."""
    return coalition.includes_coordinator and PROTOCOLS[plan.protocol.kind].coordinator_sees != "sum"


def _variance_for(plan: Plan, requirement: Requirement, sizes: Sizes, cohort: int, grid: Grid) -> Fraction:
    coalition = Coalition.parse(requirement.against)
    shares = (
        1
        if _sees_each_message(plan, coalition)
        else honest_shares(plan.cohort.minimum, _colluders(coalition, sizes, cohort))
    )
    return share_variance_for(
        epsilon=requirement.epsilon,
        delta=requirement.delta,
        squared_sensitivity=4 * grid.squared_bound,
        shares=shares,
        dimension=sizes.dimension,
        rounds=min(plan.algorithm.rounds, requirement.max_participations),
    )


def _check_signal(plan: Plan, mechanism: DistributedGaussian, grid: Grid, cohort: int, charged: int) -> None:
    """Refuse noise that exceeds the largest possible signal even when all rounds are averaged."""
    noise = grid.step * math.sqrt(grid.dimension * mechanism.noise_variance(plan.cohort.minimum))
    ratio = noise / (cohort * grid.clipping_norm * math.sqrt(plan.algorithm.rounds))
    if ratio <= 1:
        return
    first = plan.privacy
    if first is None:  # pragma: no cover - a mechanism has a requirement
        return
    shares = mechanism.event(0)
    rho = rho_of_sum(shares) * charged * Fraction(math.ceil(ratio**2))
    raise ConfigurationError(
        f"privacy.epsilon = {first.epsilon:g} with {cohort} agents a round leaves nothing to learn",
        where=plan.places.of("privacy", "epsilon"),
        why=f"Averaged over all {plan.algorithm.rounds} rounds the mean's noise is {ratio:.1f} times the clipping norm",
        instead=(
            f"Possible: about {math.ceil(cohort * ratio):,} agents a round at this epsilon, "
            f"or epsilon of about {epsilon_of_rho(rho, first.delta):.2g} with these"
        ),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What the guarantees of one plan have in common."""

    plan: Plan
    sizes: Sizes
    cohort: int
    charged: int
    mechanism: DistributedGaussian

    def guarantee(self, coalition: Coalition, delta: float) -> Guarantee:
        """The guarantee against one coalition, or "not proven" with the missing rule."""
        strangers = coalition.parties - {"world", "coordinator"}
        if strangers:
            return _not_proven(
                self.plan, coalition, f"a rule for what {' and '.join(sorted(strangers))} can see: no transport is modeled yet"
            )
        colluders = _colluders(coalition, self.sizes, self.cohort)
        event = self.mechanism.event(colluders)
        if _sees_each_message(self.plan, coalition):
            event = self.mechanism.own_share()
        rho = rho_of_sum(event) * self.charged
        return Guarantee(
            epsilon=epsilon_of_rho(rho, delta),
            delta=Delta(conversion=delta),
            unit=Unit.AGENT,
            neighboring=Neighboring.REPLACE_ONE,
            coalition=coalition,
            scope=_scope(self.plan, self.charged),
            kind=Kind.APPROXIMATE,
            security=Security.COMPUTATIONAL,
            security_bits=128,
            status=Status.SIMULATED if self.plan.simulation else Status.PROVEN,
            assumptions=_assumptions(self.plan, coalition, colluders, self.sizes),
            rho=rho,
        )


def _scope(plan: Plan, charged: int) -> str:
    rounds = plan.algorithm.rounds
    taken = f"each agent takes part in {charged}" if charged < rounds else "each agent may take part in all"
    return f"the sums of all {rounds} rounds and every model made from them; {taken}"


def _not_proven(plan: Plan, coalition: Coalition, missing: str) -> Guarantee:
    return Guarantee(
        epsilon=None,
        delta=Delta(conversion=0.0),
        unit=Unit.AGENT,
        neighboring=Neighboring.REPLACE_ONE,
        coalition=coalition,
        scope=_scope(plan, plan.algorithm.rounds),
        kind=Kind.APPROXIMATE,
        security=Security.STATISTICAL,
        status=Status.NOT_PROVEN,
        assumptions=(),
        missing=missing,
    )


def _unprotected(plan: Plan, coalition: Coalition, _: Sizes) -> Guarantee:
    return _not_proven(
        plan, coalition, "noise: the plan states no [privacy] requirement, so nothing hides an agent's data"
    )


def _assumptions(plan: Plan, coalition: Coalition, colluders: int, sizes: Sizes) -> tuple[Assumption, ...]:
    """Named and worded; what nothing enforces comes first."""
    said = list(PROTOCOLS[plan.protocol.kind].assumptions) if coalition.includes_coordinator else []
    if plan.simulation:
        said.append(
            Assumption(
                "seeded",
                "all randomness follows from the plan's seed: this run shows the mathematics and protects nobody",
            )
        )
    said.append(
        Assumption(
            "own-minimum",
            f"an agent sends nothing in a round that would be released with fewer than {plan.cohort.minimum:,} agents",
        )
    )
    if colluders:
        said.append(
            Assumption(
                "colluders",
                f"at most {colluders:,} of the {sizes.enrolled:,} enrolled agents pool what they see, "
                "and the protected agent is none of them",
            )
        )
    said += [
        Assumption(
            "one-sum", "a round releases one sum over one set of agents, never two whose difference could be taken"
        ),
        Assumption("presence", "whether, when and how much an agent sends does not depend on its data"),
        Assumption("own-count", "each agent counts the rounds it takes part in and stops at the limit"),
        Assumption("aes-256", "the keystream of AES-256 under an unknown key cannot be told from random bits"),
    ]
    return tuple(said)
