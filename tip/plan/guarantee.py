"""From a plan to its noise and to what each observer may learn.

`settle(plan, sizes)` answers, before anything runs, three questions: how the agents' vectors are
put on the integer grid, how much noise each agent adds, and what guarantee follows against every
standard observer (docs/laws.md, law 2). Nothing here looks at data: the sizes are the number of
enrolled agents and of the model's parameters, both public.

0. *Derived, not asserted.* The protocol declares who sees what (`tip.plan.flow`), and the reasoner
   (`tip.flow.reasoning`) makes the guarantee of that, with its proof.
1. *What the coordinator sees decides* (law 3). Under `clear` it sees each message, so against it
   only the agent's own share counts; under `masking` it sees sums, if ciphers hold that are named, and but
   for a failure that is in delta; under `ideal` it sees sums, and the guarantee says that nothing enforces it.
2. *Shares are sized for h* = least - min(c, least - 1) agents (law 4), c = the most that may be in the
   cohort of those who collude, or whom the plan expects to collude or lie: no draw is relied on. `least` is
   the minimum, less those that a malicious coordinator may leave out of a sum of masked vectors.
3. *Every participation is charged* (law 5): rounds, or `max_participations` if that is less.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.aggregation import Grid
from tip.errors import ConfigurationError
from tip.flow.reasoning import derive
from tip.mechanisms.distributed import DistributedGaussian
from tip.plan.flow import flow_of
from tip.plan.masking import Masks, masks_of
from tip.plan.masking import premises as of_coordinator
from tip.plan.sizing import PROTOCOLS, Crowd, Sizes, refuse_hopeless, uncounted, variance_for
from tip.privacy.coalitions import Coalition, standard_observers
from tip.privacy.guarantees import Assumption, Delta, Guarantee, Kind, Neighboring, Security, Status, Unit
from tip.privacy.integer import epsilon_of_rho

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.flow.derivation import Derivation
    from tip.plan.tables import Plan, Requirement

_CURVE_BITS: Final = 125  # of work to find a discrete logarithm on Curve25519, of order about 2^252, by collisions
_WRAP: Final = 2.0**-40  # the most that an overflow of honest agents may be expected, over all rounds


@dataclass(frozen=True, slots=True)
class Settled:
    """What a plan comes to: grid and noise (None without a privacy requirement), and the guarantees.

    `required` holds one guarantee for each requirement of the plan, in its order; `observers` one
    for each standard observer. `over_runs` is that of all runs of the plan's ledger (spending.py). `masks`: the
    parameters of the rounds, under `masking`. `proof` is that of the first required guarantee; None where nothing
    is derived.
    """

    sizes: Sizes
    cohort: int
    charged_rounds: int
    grid: Grid | None
    mechanism: DistributedGaussian | None
    required: tuple[Guarantee, ...]
    observers: tuple[Guarantee, ...]
    over_runs: Guarantee | None = None
    masks: Masks | None = None
    proof: Derivation | None = field(default=None, repr=False, compare=False)

    @property
    def guarantees(self) -> tuple[Guarantee, ...]:
        """The required ones, that over all runs of a ledger, then the observers that none of them names."""
        named = {g.coalition for g in self.required}
        return self.stated + tuple(g for g in self.observers if g.coalition not in named)

    @property
    def stated(self) -> tuple[Guarantee, ...]:
        """What the plan itself asks for: its requirements, and the total over all runs of a ledger."""
        return self.required if self.over_runs is None else (*self.required, self.over_runs)

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
    crowd, rounds = Crowd.of(plan, sizes.enrolled), plan.algorithm.rounds
    if plan.privacy is None:
        observers = tuple(_unprotected(plan, c) for c in standard_observers(Fraction(1, 10)))
        return Settled(sizes, crowd.planned, rounds, None, None, (), observers)
    grid = _grid(plan, plan.privacy, sizes)
    variance = max(variance_for(plan, r, crowd, grid) for r in plan.privacy.all)
    mechanism = DistributedGaussian(grid.squared_bound, variance, sizes.dimension, crowd.least)
    for requirement in plan.privacy.all:
        refuse_hopeless(plan, requirement, crowd, grid)
    with _told_at(plan.place("protocol.modulus_bits")):
        grid.check(crowd.largest, mechanism.noise_variance(crowd.largest), rounds, most=_WRAP)
    charged = min(rounds, *(r.max_participations for r in plan.privacy.all))
    told = _Told(plan, sizes, crowd, charged, mechanism)
    required, proofs = zip(*(told.proven(Coalition.parse(r.against), r.delta) for r in plan.privacy.all), strict=True)
    fraction = max(Coalition.parse(r.against).fraction for r in plan.privacy.all) or Fraction(
        str(plan.cohort.colluding)
    )
    observers = tuple(told.proven(c, plan.privacy.delta)[0] for c in standard_observers(fraction))
    masks = masks_of(plan, sizes.enrolled)
    return Settled(sizes, crowd.planned, charged, grid, mechanism, required, observers, masks=masks, proof=proofs[0])


def _grid(plan: Plan, requirement: Requirement, sizes: Sizes) -> Grid:
    step, bits = plan.protocol.step, plan.protocol.modulus_bits
    with _told_at(plan.place("protocol.step")):
        return Grid(step=step, clipping_norm=requirement.clipping_norm, dimension=sizes.dimension, modulus_bits=bits)


@contextmanager
def _told_at(place: str) -> Iterator[None]:
    """Say where in the plan a refusal of the grid comes from: the grid knows no plan."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(error.what, where=place, why=error.why, instead=error.instead) from error


@dataclass(frozen=True, slots=True)
class _Told:
    """What the guarantees of one plan have in common."""

    plan: Plan
    sizes: Sizes
    crowd: Crowd
    charged: int
    mechanism: DistributedGaussian

    def proven(self, coalition: Coalition, delta: float) -> tuple[Guarantee, Derivation | None]:
        """The guarantee against one coalition with its proof, or "not proven" with the missing rule."""
        strangers = coalition.parties - {"world", "coordinator"}
        if strangers:
            missing = f"a rule for what {' and '.join(sorted(strangers))} can see: no transport is modeled yet"
            return _not_proven(self.plan, coalition, missing), None
        proof = self.derivation(coalition, delta)
        return proof.guarantee, proof

    def derivation(self, coalition: Coalition, delta: float) -> Derivation:
        """The guarantee against one coalition, from the plan's information flow, with its proof."""
        silent, masks = uncounted(self.plan, coalition, self.crowd), masks_of(self.plan, self.sizes.enrolled)
        planned = (
            masks is None or not coalition.includes_coordinator or masks.hold_against(coalition, self.sizes.enrolled)
        )
        found = derive(
            flow_of(self.plan, self.sizes, self.mechanism, planned=planned),
            coalition,
            delta=delta,
            silent=silent,
            failure=self.crowd.failure if coalition.includes_coordinator and planned else 0.0,
            assumptions=_assumptions(self.plan, coalition, silent, self.crowd, planned=planned),
            status=Status.SIMULATED if self.plan.simulation else None,
            scope=_scope(self.plan, self.charged),
        )
        bits = found.guarantee.security_bits
        if masks is None or bits is None or not (planned and coalition.includes_coordinator):
            return found
        return replace(found, guarantee=replace(found.guarantee, security_bits=min(bits, _CURVE_BITS)))


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


def _unprotected(plan: Plan, coalition: Coalition) -> Guarantee:
    return _not_proven(
        plan, coalition, "noise: the plan states no [privacy] requirement, so nothing hides an agent's data"
    )


def _assumptions(
    plan: Plan, coalition: Coalition, silent: int, crowd: Crowd, *, planned: bool
) -> tuple[Assumption, ...]:
    """Named and worded; what nothing enforces comes first."""
    said = [*of_coordinator(plan), *PROTOCOLS[plan.protocol.kind].assumptions] if coalition.includes_coordinator else []
    said = said if planned else []
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
    said.append(Assumption("colluders", _apart(silent, crowd)))
    said += [
        Assumption(
            "one-sum", "a round releases one sum over one set of agents, never two whose difference could be taken"
        ),
        Assumption(
            "presence",
            "whether an agent is enrolled, and whether, when and how much it sends, does not depend on its data",
        ),
        Assumption("own-count", "each agent counts the rounds it takes part in and stops at the limit"),
        Assumption("aes-256", "the keystream of AES-256 under an unknown key cannot be told from random bits"),
    ]
    return tuple(said)


def _apart(silent: int, crowd: Crowd) -> str:
    """Who need not add noise, and that all others do."""
    if not silent:
        return f"each of the {crowd.enrolled:,} enrolled agents adds its own noise and tells nobody"
    return (
        f"at most {silent:,} of the {crowd.enrolled:,} enrolled agents pool what they see or leave their noise out; "
        "all others add theirs and tell nobody, and the protected agent is one of them"
    )


def derivation(plan: Plan, settled: Settled, coalition: Coalition, delta: float) -> Derivation:
    """The proof of a plan's guarantee against one coalition; refused where nothing is derived."""
    if settled.mechanism is None or coalition.parties - {"world", "coordinator"}:
        raise ConfigurationError(
            f"no guarantee against {coalition.text!r} is derived for this plan",
            instead='state [privacy], and a coalition of "coordinator", "world" and a share of the agents',
        )
    crowd = Crowd.of(plan, settled.sizes.enrolled)
    told = _Told(plan, settled.sizes, crowd, settled.charged_rounds, settled.mechanism)
    return told.derivation(coalition, delta)
