"""Coherence: what two keys together cannot mean is refused.

`check(plan)` refuses everything that the plan alone decides, `check_sizes(plan, enrolled, dimension)`
what needs the enrolled population. A refusal says where (file and line), what, why, and what would do.
The law (docs/laws.md) that a rule holds up stands in its docstring. What comes with a later version is
read, and refused with what there is today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.plan.kinds import shown
from tip.plan.masking import masks_of
from tip.plan.refusals import choices, exact, planned_cohort, refusal, requirements, said
from tip.plan.soundness import RULES, SIZE_RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.plan.tables import Plan

_FORMAT: Final = 1
_METRICS: Final = {
    "linear": ("mean_squared_error",),
    "logistic": ("auc", "accuracy", "log_loss"),
    "softmax": ("accuracy", "log_loss"),
}
_WHY_LATER: Final = {
    "algorithm.weighting": "Counts would be private data that leave the agents, and nothing protects them yet",
    "privacy.unit": "Only what one agent contributes as a whole is accounted for",
    "robustness.influence": "No proofs about norms exist yet",
    "protocol.kind": "It comes with a later version, or, as local, with plans that ask a question",
}


def check(plan: Plan) -> None:
    """Refuse what the plan alone decides. Raises `ConfigurationError` for the first fault found."""
    for rule in (*_RULES, *RULES):
        rule(plan)


def check_sizes(plan: Plan, enrolled: int, dimension: int) -> None:
    """Refuse what the number of enrolled agents and of the model's parameters decides; both are public."""
    for name, number in (("enrolled agents", enrolled), ("parameters of the model", dimension)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ConfigurationError(f"the number of {name} is a whole number >= 1, not {number!r}")
    _check_cohort(plan, enrolled)
    _check_minimum(plan, planned_cohort(plan, enrolled), f"(of {enrolled:,} enrolled)")
    masks_of(plan, enrolled)
    for key, requirement in requirements(plan):
        for rule in SIZE_RULES:
            rule(plan, key, requirement, enrolled)


def _format(plan: Plan) -> None:
    if plan.format != _FORMAT:
        instead = f"Write format = {_FORMAT}; a plan of another form needs the tip that knows it."
        raise refusal(
            plan, "format", f"{said(plan.format)} is not known", why=f"This tip reads form {_FORMAT}", instead=instead
        )


def _exists_today(plan: Plan) -> None:
    """Every choice is one that exists; what comes later is told from what is misspelled."""
    for name, kind, value in choices(plan):
        if value in kind.later and not name.endswith(".neighboring"):  # law 1 has a better answer
            why = _WHY_LATER.get(name.replace("privacy.also", "privacy"), "It comes with a later version")
            raise refusal(
                plan, name, f"{said(value)} does not exist yet", why=why, instead=f"Today there is {kind.words}."
            )


def _data(plan: Plan) -> None:
    """What [data] and [partition] cannot mean together; the data room knows."""
    plan.data_settings()
    if plan.data.test == 0:
        why = f"task.metric = {shown(plan.task.metric)} is measured on agents that train nothing"
        raise refusal(plan, "data.test", "= 0 keeps no agent apart", why=why, instead="For example data.test = 0.2.")


def _metric(plan: Plan) -> None:
    fitting = _METRICS[plan.model.kind]
    if plan.task.metric not in fitting:
        why = f"A {plan.model.kind} model is not judged by it"
        names = " or ".join(f'"{m}"' for m in fitting)
        raise refusal(
            plan,
            "task.metric",
            f"{said(plan.task.metric)} does not go with model.kind {said(plan.model.kind)}",
            why=why,
            instead=f"Use {names}.",
        )


def _local_work(plan: Plan) -> None:
    """Under fedsgd an agent sends one gradient; keys of local training would be read and ignored."""
    table = plan.algorithm
    if table.kind != "fedsgd":
        return
    for name, plainly in (("local_epochs", 1), ("batch_size", "all"), ("local_learning_rate", 1.0)):
        if getattr(table, name) != plainly:
            raise refusal(
                plan,
                f"algorithm.{name}",
                f'{said(getattr(table, name))} means nothing under algorithm.kind = "fedsgd"',
                why="An agent sends the mean gradient of all its records; the step is algorithm.server_learning_rate",
                instead=f'Use kind = "fedavg", or {name} = {shown(plainly)}.',
            )


def _sampling(plan: Plan) -> None:
    """Each way of sampling has its own key, and no other."""
    table = plan.cohort
    for name, owner, example in (("size", "fixed", "100"), ("rate", "poisson", "0.1")):
        given = getattr(table, name)
        if table.sampling == owner and given is None:
            raise refusal(
                plan,
                f"cohort.{name}",
                "is missing",
                why=f'cohort.sampling = "{owner}" needs it',
                instead=f"For example cohort.{name} = {example}.",
            )
        if table.sampling != owner and given is not None:
            raise refusal(
                plan,
                f"cohort.{name}",
                f"{said(given)} means nothing under cohort.sampling {said(table.sampling)}",
                instead=f'Leave it out, or use sampling = "{owner}".',
            )


def _fixed_minimum(plan: Plan) -> None:
    if plan.cohort.size is not None:
        _check_minimum(plan, plan.cohort.size, "(cohort.size)")


def _check_minimum(plan: Plan, cohort: int, told: str) -> None:
    table = plan.cohort
    left = int((1 - exact(table.dropout)) * cohort)
    if table.minimum <= left:
        return
    why = f"A round has {cohort:,} agents {told}" if cohort else f"A round has no agent {told}"
    why += f", and {table.dropout:g} of them may drop out: {left:,} are left" if table.dropout else ""
    instead = f"The largest possible minimum is {left:,}." if left else "Sample more agents."
    raise refusal(plan, "cohort.minimum", f"{said(table.minimum)} would never be reached", why=why, instead=instead)


def _check_cohort(plan: Plan, enrolled: int) -> None:
    size = plan.cohort.size
    if size is not None and size > enrolled:
        instead = f"The largest possible size is {enrolled:,}."
        raise refusal(plan, "cohort.size", f"{said(size)} is above the {enrolled:,} enrolled agents", instead=instead)


def _masked_cohort(plan: Plan) -> None:
    """Masks are planned for a number of invited agents, of whom at most so many are corrupt (law 4)."""
    if plan.protocol.kind == "masking" and plan.cohort.sampling == "poisson":
        raise refusal(
            plan,
            "cohort.sampling",
            '= "poisson" does not go with protocol.kind = "masking"',
            why="Degree and threshold are planned for a number of invited agents, and a Poisson cohort may have any",
            instead='Use sampling = "fixed" with a size, or "all".',
        )


def _rule(plan: Plan) -> None:
    rule, protocol = plan.robustness.rule, plan.protocol.kind
    if rule == "sum":
        return
    shows = {"clear": "Rules on individual updates do not exist yet"}
    why = shows.get(protocol, f'It needs what protocol.kind = "{protocol}" never shows: individual updates')
    raise refusal(plan, "robustness.rule", f"{said(rule)} is not possible", why=why, instead='Today there is "sum".')


def _adversary(plan: Plan) -> None:
    table = plan.adversary
    if table is None or not table.fraction:
        return
    if plan.simulation is None:
        raise ConfigurationError(
            "[adversary] means nothing without [simulation]",
            where=plan.place("adversary"),
            why="Liars are simulated, never enrolled",
            instead="Add [simulation] seed = 1, or take [adversary] out.",
        )
    if table.start_round > plan.algorithm.rounds:
        raise refusal(
            plan,
            "adversary.start_round",
            f"{said(table.start_round)} is after the last round",
            instead=f"There are {plan.algorithm.rounds} rounds.",
        )


def _baseline(plan: Plan) -> None:
    """Law 15: figures outside the guarantee exist in simulation only."""
    if plan.task.baseline != "none" and plan.simulation is None:
        why = "It pools the data of all agents, which only a simulation may do"
        raise refusal(
            plan,
            "task.baseline",
            f"{said(plan.task.baseline)} means nothing without [simulation]",
            why=why,
            instead='Add [simulation] seed = 1, or use baseline = "none".',
        )


_RULES: Final[tuple[Callable[[Plan], None], ...]] = (
    _format, _exists_today, _data, _metric, _local_work, _sampling, _fixed_minimum, _masked_cohort,
    _rule, _adversary, _baseline,
)  # fmt: skip
