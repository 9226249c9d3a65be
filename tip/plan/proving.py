"""Proving: the information flow behind a plan, and the derivation of what it promises.

The same three questions of anything that can be read from a file: a plan that trains, a plan that asks, a flow
on its own. Which flow is it? Against whom is something required? What is proven against a coalition, and how?
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeAlias

from tip.data import answers
from tip.errors import ConfigurationError
from tip.flow import language, reasoning
from tip.flow.coherence import coalition_names
from tip.flow.model import Flow
from tip.locating import load
from tip.plan import reading
from tip.plan.either import AnyPlan, parse_plan
from tip.plan.flow import flow_of, flow_of_question
from tip.plan.guarantee import derivation
from tip.plan.posing import check as check_question
from tip.plan.posing import pose
from tip.plan.question import QuestionPlan
from tip.plan.settling import ready
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Status

if TYPE_CHECKING:
    from tip.flow.derivation import Derivation
    from tip.plan.posing import Posed

Subject: TypeAlias = AnyPlan | Flow

_DELTA: Final = 1e-6  # of a flow that requires nothing


def read(path: str | os.PathLike[str]) -> Subject:
    """A plan or a flow, by what its file says: a flow has [agents], a plan has [task]."""
    where = os.fspath(path)
    text = reading.text_of(where)
    tables, _ = load(text, where)
    return language.read(text, where) if "agents" in tables and "task" not in tables else parse_plan(text, where)


def read_flow(path: str | os.PathLike[str]) -> Flow:
    """The flow of a TOML file (docs/flow-language.md); `ConfigurationError` says file, line and what would be right."""
    return language.read_file(path)


def flow(subject: Subject) -> Flow:
    """The information flow of a plan, or the flow itself. The data of a plan are opened to count who is enrolled.

    Raises `ConfigurationError` for a plan that cannot hold, `DataError` for data that cannot be used.
    """
    if isinstance(subject, Flow):
        return subject
    _check(subject)
    if isinstance(subject, QuestionPlan):
        posed = _posed(subject)
        return flow_of_question(subject, posed.enrolled, posed.mechanism)
    settled = ready(subject).settled
    return flow_of(subject, settled.sizes, settled.mechanism)


def derive(subject: Subject, against: str = "", *, delta: float | None = None) -> Derivation:
    """What a plan or a flow promises against one coalition, with its proof: `Derivation.guarantee` and its steps.

    `against`: a coalition such as "coordinator + 30% of agents"; left out, that of the first requirement. `delta`: left
    out, that of the requirement against this coalition, else of the first one, else 1e-6. Nothing runs; a plan's data
    are opened to count who is enrolled. What has no rule is a guarantee with status "not proven" that names the rule.
    Raises `ConfigurationError` for a request that means nothing, and what `tip.guarantees` raises.
    """
    if not isinstance(against, str):
        raise ConfigurationError(
            f"a coalition is a text, not {type(against).__name__}", instead='for example "coordinator + 10% of agents"'
        )
    if isinstance(subject, Flow):
        coalition, spent = _of_flow(subject, against, delta)
        return reasoning.derive(subject, coalition, delta=spent)
    _check(subject)
    if subject.privacy is None:
        raise ConfigurationError(
            f"{subject.name!r} states no [privacy] requirement, so nothing is derived", instead="state one"
        )
    coalition = Coalition.parse(against or subject.privacy.against)
    spent = subject.privacy.delta if delta is None else delta
    if isinstance(subject, QuestionPlan):
        return prove(_posed(subject), coalition, spent)
    return derivation(subject, ready(subject).settled, coalition, spent)


def _check(subject: object) -> None:
    """Refuse what is no plan: a path, a name, nothing."""
    if not isinstance(subject, AnyPlan):
        raise ConfigurationError(
            f"{type(subject).__name__} is neither a plan nor a flow",
            instead="read one first: tip.Plan.read(path), tip.QuestionPlan.read(path), tip.read_flow(path)",
        )


def _of_flow(flow: Flow, against: str, delta: float | None) -> tuple[Coalition, float]:
    """The coalition and the delta that are asked about."""
    if not against and not flow.requirements:
        raise ConfigurationError(
            f"the flow {flow.name!r} requires nothing",
            instead='say against whom, for example against="world" (on the command line --against world)',
        )
    text = against or flow.requirements[0].against
    coalition = Coalition.parse(text, names=_names(flow, text))
    if delta is not None:
        return coalition, delta
    named = [
        r.delta for r in flow.requirements
        if Coalition.parse(r.against, names=coalition_names(flow, r.against)) == coalition
    ]  # fmt: skip
    return coalition, (named or [r.delta for r in flow.requirements] or [_DELTA])[0]


def _names(flow: Flow, text: str) -> list[str]:
    """The names that a coalition of this flow may state; who names a whole group is told how members are named."""
    names = coalition_names(flow, text)
    sizes = {group.name: group.size for group in flow.groups}
    for part in text.removesuffix(" (adaptive)").split(" + "):
        group = part.partition(".")[0]
        if group in sizes and part not in names:
            raise ConfigurationError(
                f"{part!r:.60} is no coalition of the flow {flow.name!r}",
                instead=f"its members are written {group}.0 to {group}.{sizes[group] - 1}, a share of all agents "
                '"10% of agents"',
            )
    return names


def _posed(plan: QuestionPlan) -> Posed:
    check_question(plan)
    return pose(plan, len(answers(plan.answer_settings()).ids))


def prove(posed: Posed, coalition: Coalition, delta: float) -> Derivation:
    """What a question that was posed promises against one coalition; the mechanism's own assumptions are kept."""
    own = posed.required
    return reasoning.derive(
        flow_of_question(posed.plan, posed.enrolled, posed.mechanism),
        coalition,
        delta=delta,
        assumptions=own.assumptions,
        status=own.status if own.status is Status.SIMULATED else None,
        scope=own.scope,
    )
