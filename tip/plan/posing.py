"""Posing a question: its mechanism, and what each observer may learn.

`pose(plan, enrolled)` answers, before anybody is asked, which mechanism hides an answer and what follows
against every standard observer. The guarantee is the mechanism's own, recomputed from the integers in
use. It holds against every coalition without the agent itself, since nothing but that agent's own
randomness is counted on; it is never improved by sampling (law 5) or shuffling (law 6), because
the coordinator sees who sent which report. `check(plan)` refuses what the plan alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.explain.words import rounded_up
from tip.plan import mechanisms
from tip.plan.question import OTHER
from tip.plan.refusals import choices, exact, refusal, said
from tip.privacy.coalitions import Coalition, standard_observers
from tip.privacy.guarantees import Assumption, Guarantee, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.mechanisms.base import Mechanism
    from tip.plan.question import QuestionPlan

_FORMAT: Final = 1
_WHY_LATER: Final = {
    "protocol.kind": "No shuffler exists that would stand in the flow, so nothing can be claimed for one",
    "privacy.unit": "What an agent reports is protected as a whole",
    "adversary.kind": "Liars that build a report by hand come with a later version; max_influence bounds them already",
}
_SEEDED: Final = Assumption(
    "seeded", "all randomness follows from the plan's seed: this run shows the mathematics and protects nobody"
)


@dataclass(frozen=True, slots=True)
class Posed:
    """A question ready to be asked: `mechanism`, its `items` (none for a mean), and the guarantees.

    `required` is what the plan asks for, `observers` one guarantee for each standard observer. `chosen` says why
    this mechanism, where the plan left it open.
    """

    plan: QuestionPlan
    enrolled: int
    mechanism: Mechanism
    items: tuple[str, ...]
    required: Guarantee
    observers: tuple[Guarantee, ...]
    chosen: str = ""

    @property
    def guarantees(self) -> tuple[Guarantee, ...]:
        """The required one, then the observers that it does not name."""
        return (self.required, *(g for g in self.observers if g.coalition != self.required.coalition))

    @property
    def requirement_met(self) -> bool:
        """Whether the plan's requirement holds."""
        return self.required.at_most(self.plan.privacy.epsilon, self.plan.privacy.delta)


def check(plan: QuestionPlan) -> None:
    """Refuse what the plan alone decides. Raises `ConfigurationError` for the first fault found."""
    for rule in _RULES:
        rule(plan)


def pose(plan: QuestionPlan, enrolled: int) -> Posed:
    """The mechanism and the guarantees of a question to so many agents, a public number."""
    check(plan)
    _check_sizes(plan, enrolled)
    mechanism, chosen = _mechanism(plan, enrolled)
    against = Coalition.parse(plan.privacy.against)
    required = _guarantee(plan, mechanism, against)
    if not required.at_most(plan.privacy.epsilon, plan.privacy.delta):
        raise refusal(
            plan,
            "privacy.delta",
            f"{said(plan.privacy.delta)} is not met by {mechanism.spec.name}",
            why=f"It promises epsilon {required.epsilon} at delta {required.delta.total:g}",
            instead="Name a mechanism of pure epsilon, or allow that delta.",
        )
    observers = standard_observers(against.fraction or Fraction(1, 10))
    items = plan.question.items if plan.task.kind == "histogram" else ()
    told = tuple(_guarantee(plan, mechanism, observer) for observer in observers)
    return Posed(plan, enrolled, mechanism, items, required, told, chosen)


def _mechanism(plan: QuestionPlan, enrolled: int) -> tuple[Mechanism, str]:
    """The mechanism that the plan names, or the best one; and why."""
    name, epsilon = plan.privacy.mechanism, exact(plan.privacy.epsilon)
    try:
        if plan.task.kind == "histogram":
            made = mechanisms.histogram(name, categories=len(plan.question.items), epsilon=epsilon, agents=enrolled)
        else:
            low, high = plan.question.range or (0.0, 1.0)
            made = mechanisms.mean(name, low=low, high=high, epsilon=epsilon, agents=enrolled)
    except ConfigurationError as error:
        raise refusal(
            plan,
            "privacy.epsilon" if "epsilon" in error.what else "privacy.mechanism",
            f"{said(plan.privacy.epsilon if 'epsilon' in error.what else name)} cannot hold: {error.what}",
            why=error.why,
            instead=error.instead,
        ) from error
    return made


def _guarantee(plan: QuestionPlan, mechanism: Mechanism, coalition: Coalition) -> Guarantee:
    """The mechanism's guarantee against this coalition; refused where its own does not reach so far."""
    own = mechanism.guarantee
    if not own.coalition.contains(coalition):
        raise refusal(
            plan,
            "privacy.against",
            f"{said(plan.privacy.against)} reaches beyond what {mechanism.spec.name} is proven against",
            instead=f'The widest coalition is "{own.coalition.text}".',
        )
    simulated = plan.simulation is not None
    return replace(
        own,
        coalition=coalition,
        scope=f'one report about "{plan.question.column}" ({own.scope}), and every figure that is made from it',
        status=Status.SIMULATED if simulated else own.status,
        assumptions=(_SEEDED, *own.assumptions) if simulated else own.assumptions,
    )


def _format(plan: QuestionPlan) -> None:
    if plan.format != _FORMAT:
        raise refusal(plan, "format", f"{said(plan.format)} is not known", instead=f"Write format = {_FORMAT}.")


def _exists_today(plan: QuestionPlan) -> None:
    for name, kind, value in choices(plan):
        if value in kind.later and not name.endswith(".neighboring"):
            why = _WHY_LATER.get(name, "It comes with a later version")
            instead = f"Today there is {kind.words}."
            raise refusal(plan, name, f"{said(value)} does not exist yet", why=why, instead=instead)


def _kind_of_answer(plan: QuestionPlan) -> None:
    """Each task has its own form of answers, and no other."""
    table, kind = plan.question, plan.task.kind
    wanted, other = ("categories", "range") if kind == "histogram" else ("range", "categories")
    example = '["Yes", "No"]' if wanted == "categories" else "[0, 100]"
    if getattr(table, wanted) is None:
        why = f'task.kind = "{kind}" needs it: what may be answered is public before anybody answers'
        instead = f"For example {wanted} = {example}."
        raise refusal(plan, f"question.{wanted}", "is missing", why=why, instead=instead)
    senseless = (other, "codes") if kind == "mean" else (other,)
    for name in senseless:
        if getattr(table, name) is not None:
            what = f"{said(getattr(table, name))} means nothing under task.kind {said(kind)}"
            raise refusal(plan, f"question.{name}", what, instead="Leave it out.")
    if kind == "histogram" and table.missing:
        what = f'{said(table.missing)} means nothing under task.kind = "histogram"'
        why = "Any answer that is not listed is treated as question.unlisted says"
        raise refusal(plan, "question.missing", what, why=why, instead="Leave it out.")
    if kind == "mean" and table.unlisted != "item":
        what = f'{said(table.unlisted)} means nothing under task.kind = "mean"'
        why = "A missing number counts as the middle of the range"
        raise refusal(plan, "question.unlisted", what, why=why, instead="Leave it out.")


def _items(plan: QuestionPlan) -> None:
    table = plan.question
    if table.codes is not None and len(table.codes) != len(table.categories or ()):
        what = f"lists {len(table.codes)} answers, and question.categories {len(table.categories or ())}"
        raise refusal(plan, "question.codes", what, instead="Write one code for each category, in their order.")
    if table.unlisted == "item" and OTHER in (table.categories or ()):
        what = f'lists "{OTHER}", which is the item of any other answer'
        raise refusal(plan, "question.categories", what, instead='Rename it, or use unlisted = "random".')


def _mechanism_exists(plan: QuestionPlan) -> None:
    name, task = plan.privacy.mechanism, plan.task.kind
    today = mechanisms.fitting(task)
    if name == mechanisms.AUTO or name in today:
        return
    names = " or ".join(", ".join(f'"{n}"' for n in part) for part in (today[:-1], today[-1:]) if part)
    instead = f'For task.kind = "{task}" there is {names or "none yet"}.'
    line = mechanisms.TABLE[name]
    if line.task != task:
        answers = "one of a list" if line.task == "histogram" else "a number"
        what, why = f"{said(name)} does not go with task.kind {said(task)}", f"It is for {answers}"
        raise refusal(plan, "privacy.mechanism", what, why=why, instead=instead)
    raise refusal(plan, "privacy.mechanism", f"{said(name)} does not exist yet", instead=instead)


def _binary(plan: QuestionPlan) -> None:
    items = plan.question.items
    if plan.privacy.mechanism == "binary-randomized-response" and plan.task.kind == "histogram" and len(items) != 2:
        why = f"It knows two items, and here are {len(items)}: {', '.join(items[:5])}"
        instead = 'Use "generalized-randomized-response", or two categories with unlisted = "random".'
        raise refusal(
            plan, "privacy.mechanism", f"{said(plan.privacy.mechanism)} cannot hold", why=why, instead=instead
        )


def _requirement(plan: QuestionPlan) -> None:
    table = plan.privacy
    if table.neighboring != "replace-one":
        why = "The coordinator sees who reports; what is hidden is the answer"
        what = f"{said(table.neighboring)} cannot hold"
        raise refusal(plan, "privacy.neighboring", what, why=why, instead='Use neighboring = "replace-one".')
    if table.max_participations != 1:
        why = "A question is asked once, and each further report would be charged again"
        what = f"{said(table.max_participations)} is more than the one report that is sent"
        raise refusal(plan, "privacy.max_participations", what, why=why, instead="Use max_participations = 1.")
    try:
        Coalition.parse(table.against)
    except ConfigurationError as error:
        what = f"names no coalition: {error.what}"
        raise refusal(plan, "privacy.against", what, why=error.why, instead=error.instead) from error


def _liars(plan: QuestionPlan) -> None:
    table = plan.adversary
    if table is None:
        return
    if plan.simulation is None:
        what = "means nothing without [simulation]"
        instead = "Add [simulation] seed = 1, or take [adversary] out."
        raise refusal(plan, "adversary", what, why="Liars are simulated, never enrolled", instead=instead)
    if plan.task.kind == "histogram" and table.claim not in plan.question.items:
        instead = f"Claim one of {', '.join(plan.question.items[:8])}."
        raise refusal(plan, "adversary.claim", f"{said(table.claim)} is not an item", instead=instead)
    if plan.task.kind == "mean" and isinstance(table.claim, str):
        instead = "Claim a number, such as the upper end of question.range."
        raise refusal(plan, "adversary.claim", f"{said(table.claim)} is not a number", instead=instead)


def _baseline(plan: QuestionPlan) -> None:
    """Law 15: figures outside the guarantee exist in simulation only."""
    if plan.task.baseline != "none" and plan.simulation is None:
        what = f"{said(plan.task.baseline)} means nothing without [simulation]"
        why = "It counts the true answers of all agents, which only a simulation may do"
        instead = 'Add [simulation] seed = 1, or use baseline = "none".'
        raise refusal(plan, "task.baseline", what, why=why, instead=instead)


def _check_sizes(plan: QuestionPlan, enrolled: int) -> None:
    left = int((1 - exact(plan.cohort.dropout)) * enrolled)
    if plan.cohort.minimum > left:
        why = f"{enrolled:,} agents are asked"
        why += (
            f", and {100 * plan.cohort.dropout:g} % of them may drop out: {left:,} are left"
            if plan.cohort.dropout
            else ""
        )
        what = f"{said(plan.cohort.minimum)} would never be reached"
        raise refusal(plan, "cohort.minimum", what, why=why, instead=f"The largest possible minimum is {left:,}.")
    if exact(plan.privacy.delta) * enrolled >= 1:
        why = f"Publishing one of {enrolled:,} answers outright would meet it"
        what = f"{said(plan.privacy.delta)} promises nothing"
        instead = f"Use a delta far below {rounded_up(1 / enrolled, 1)}, or 0."
        raise refusal(plan, "privacy.delta", what, why=why, instead=instead)


_RULES: Final[tuple[Callable[[QuestionPlan], None], ...]] = (
    _format, _exists_today, _kind_of_answer, _items, _mechanism_exists, _binary, _requirement, _liars, _baseline,
)  # fmt: skip
