"""Soundness: what a plan may promise, and to whom; the laws in code.

The rules on [privacy]: each refuses a promise that could not be kept, with the law (docs/laws.md) that
it holds up in its docstring. `RULES` need the plan alone, `SIZE_RULES` also the enrolled population.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.plan.kinds import shown
from tip.plan.refusals import exact, planned_cohort, refusal, requirements, said
from tip.privacy.coalitions import Chosen, Coalition

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.plan.tables import Plan, Requirement


def _privacy_or_clear(plan: Plan) -> None:
    """A plan without [privacy] is a research baseline, in the open."""
    if plan.privacy is not None:
        return
    if plan.protocol.kind != "clear":
        raise ConfigurationError(
            f"protocol.kind {said(plan.protocol.kind)} without [privacy] would look private and promise nothing",
            where=plan.place("protocol.kind"), why="Sums without noise give single agents away",
            instead='State [privacy], or use protocol.kind = "clear": the run then says "no guarantee".',
        )  # fmt: skip
    if plan.robustness.influence == "clipped":
        raise refusal(
            plan,
            "robustness.influence",
            '= "clipped" is not true without [privacy]',
            why="Nothing is clipped then",
            instead='Use influence = "none", or state privacy.clipping_norm.',
        )


def _budget(plan: Plan) -> None:
    if plan.privacy is not None and plan.budget is None:
        why = "It says what agents may spend over several runs; it decides privacy, so it has no default"
        raise ConfigurationError(
            "budget.ledger is missing",
            where=plan.place("privacy"),
            why=why,
            instead='For example [budget] ledger = "none".',
        )
    if plan.budget is None:
        return
    ledger, limit = plan.budget.ledger, plan.budget.epsilon
    if plan.budget.has_ledger and plan.privacy is None:
        why = "Without a requirement a run has no spend that could be added up"
        what = f"{said(ledger)} means nothing without [privacy]"
        raise refusal(plan, "budget.ledger", what, why=why, instead='State [privacy], or use ledger = "none".')
    if plan.budget.has_ledger and limit is None:
        why = f"budget.ledger {said(ledger)} adds up the spends of several runs, and this is their limit"
        example = f"For example budget.epsilon = {2 * plan.privacy.epsilon:g}." if plan.privacy else ""
        raise refusal(plan, "budget.epsilon", "is missing", why=why, instead=example)
    if plan.budget.has_ledger and plan.data.agent == "partition":
        raise refusal(
            plan,
            "budget.ledger",
            f'{said(ledger)} means nothing with data.agent = "partition"',
            why="Artificial agents hold other records in each run, so nobody's spends would add up",
            instead='Use ledger = "none", or agents that are people: data.agent = "row" or a column.',
        )
    if not plan.budget.has_ledger and limit is not None:
        raise refusal(
            plan,
            "budget.epsilon",
            f'{said(limit)} means nothing under budget.ledger = "none"',
            why="It limits all runs of a ledger together, and this run is accounted for alone",
            instead='Leave it out, or name a file: ledger = "spends.sqlite".',
        )


def _neighboring(plan: Plan) -> None:
    """Law 1: replace-one is the headline; zero-out never stands alone; add-remove not for who knows the roster."""
    for key, requirement in requirements(plan):
        relation = requirement.neighboring
        if relation == "zero-out":
            why = "It never stands alone: noise for epsilon 2 under zero-out gives 4.4 under replace-one"
        elif relation == "add-remove-one" and _coalition(plan, key, requirement).sees_roster:
            why = f"{requirement.against} can learn who takes part, so leaving an agent out is no secret to it"
        elif relation != "replace-one":
            why = "Only changes of an agent's data are accounted for, not whether it takes part"
        else:
            continue
        raise refusal(
            plan,
            f"{key}.neighboring",
            f"{said(relation)} cannot hold",
            why=why,
            instead='Use neighboring = "replace-one".',
        )


def _against(plan: Plan) -> None:
    """Laws 2, 3 and 5: who may be promised something, under this protocol and this sampling."""
    for key, requirement in requirements(plan):
        coalition = _coalition(plan, key, requirement)
        what = f"{said(requirement.against)} cannot hold"
        where = f"{key}.against"
        if coalition.includes_coordinator and plan.protocol.kind == "clear":
            raise refusal(
                plan,
                where,
                f'{what} under protocol.kind = "clear": the coordinator sees each message',
                instead='Use "masking", or against = "world".',
            )
        if "network" in coalition.parties:
            raise refusal(
                plan,
                where,
                what,
                why="What the network can see (who, when, how much) is not modeled yet",
                instead='For example against = "coordinator + 10% of agents".',
            )
        if coalition.chosen is Chosen.ADAPTIVE and plan.cohort.sampling != "all":
            raise refusal(
                plan,
                where,
                f"{what} under cohort.sampling {said(plan.cohort.sampling)}",
                why="Agents that collude after a random cohort is known could be all of it",
                instead='Use sampling = "all", or leave "(adaptive)" out.',
            )
        if coalition.chosen is Chosen.ADAPTIVE and plan.protocol.kind == "masking":
            raise refusal(
                plan,
                where,
                f'{what} under protocol.kind = "masking"',
                why="Agents that are corrupted after the graph of a round is drawn could be all that hold one's shares",
                instead='Leave "(adaptive)" out.',
            )
        _check_colluding(plan, requirement, coalition)


def _check_colluding(plan: Plan, requirement: Requirement, coalition: Coalition) -> None:
    """Law 4: shares are planned for at least as many colluders as the promise names."""
    planned = exact(plan.cohort.colluding)
    if planned < coalition.fraction:
        share = f"{float(coalition.fraction):g}"
        why = f"privacy.against {said(requirement.against)} names a share of {share}"
        instead = f"Use cohort.colluding = {share}, or promise less."
        raise refusal(
            plan, "cohort.colluding", f"{said(plan.cohort.colluding)} is below the promise", why=why, instead=instead
        )


def _coalition(plan: Plan, key: str, requirement: Requirement) -> Coalition:
    try:
        return Coalition.parse(requirement.against)
    except ConfigurationError as error:
        raise refusal(
            plan, f"{key}.against", f"names no coalition: {error.what}", why=error.why, instead=error.instead
        ) from error


def _participations(plan: Plan) -> None:
    """Law 5: under full participation every agent is charged every round."""
    rounds = plan.algorithm.rounds
    for key, requirement in requirements(plan):
        most = requirement.max_participations
        if plan.cohort.sampling == "all" and most < rounds:
            why = (
                f'Under cohort.sampling = "all" each agent takes part in all {rounds:,} rounds; it stops after {most:,}'
            )
            instead = f"Use max_participations = {rounds}, or algorithm.rounds = {most}."
            raise refusal(
                plan, f"{key}.max_participations", f"{said(most)} is below algorithm.rounds", why=why, instead=instead
            )


def _one_vector(plan: Plan) -> None:
    """Law 16: one vector a round, so one clipping norm and one mechanism for all requirements."""
    for key, requirement in requirements(plan):
        for name in ("clipping_norm", "mechanism", "max_participations"):
            first = getattr(plan.privacy, name)
            if getattr(requirement, name) != first:
                why = "All requirements are about the same vectors"
                raise refusal(
                    plan,
                    f"{key}.{name}",
                    f"{said(getattr(requirement, name))} differs from privacy.{name} {said(first)}",
                    why=why,
                    instead=f"Write {name} = {shown(first)} in each.",
                )


def _check_delta(plan: Plan, key: str, requirement: Requirement, enrolled: int) -> None:
    if exact(requirement.delta) * enrolled >= 1:
        why = f"Publishing one of {enrolled:,} agents outright would meet it"
        instead = f"Use a delta far below {1 / enrolled:.1g}, for example {0.01 / enrolled:.0e}."
        raise refusal(plan, f"{key}.delta", f"{said(requirement.delta)} promises nothing", why=why, instead=instead)


def _check_supply(plan: Plan, key: str, requirement: Requirement, enrolled: int) -> None:
    """Under sampling each agent stops at its limit: all rounds together must not need more than that."""
    needed, most = planned_cohort(plan, enrolled) * plan.algorithm.rounds, requirement.max_participations
    if needed > most * enrolled:
        least = -(-needed // enrolled)
        rounds = plan.algorithm.rounds
        why = f"{rounds:,} rounds take {needed:,} participations; {enrolled:,} agents have {most * enrolled:,}"
        raise refusal(
            plan,
            f"{key}.max_participations",
            f"{said(most)} is used up too early",
            why=why,
            instead=f"Use at least {least}, fewer rounds or a smaller cohort.",
        )


RULES: Final[tuple[Callable[[Plan], None], ...]] = (
    _neighboring, _privacy_or_clear, _budget, _against, _participations, _one_vector,
)  # fmt: skip
SIZE_RULES: Final[tuple[Callable[[Plan, str, Requirement, int], None], ...]] = (_check_delta, _check_supply)
