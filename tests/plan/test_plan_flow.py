"""A plan's flow holds the plan's numbers: what follows from it is what the plan promises."""

from __future__ import annotations

from fractions import Fraction
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tip.errors import ConfigurationError
from tip.flow import language
from tip.flow.expressions import write
from tip.flow.model import Ball, Choice, Interval, Law, Sampling
from tip.flow.reasoning import derive
from tip.mechanisms.base import PureMechanism
from tip.mechanisms.distributed import honest_shares
from tip.mechanisms.location import PlanarLaplace
from tip.plan import Plan, QuestionPlan
from tip.plan.flow import flow_of, flow_of_question, widened
from tip.plan.guarantee import Settled, settle
from tip.plan.posing import pose
from tip.plan.sizing import Sizes
from tip.privacy.coalitions import Coalition
from tip.privacy.events import DiscreteGaussianSum
from tip.privacy.guarantees import Status
from tip.privacy.integer import rho_of_sum
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.model import Flow

EXAMPLES = Path(__file__).parents[2] / "examples"
SURVEY = Plan.read(EXAMPLES / "survey.toml")
QUESTION = QuestionPlan.read(EXAMPLES / "question.toml")
SIZES = Sizes(enrolled=4015, dimension=19)
IDEAL = "protocol.kind=ideal"


def flow_and_figures(*settings: str) -> tuple[Flow, Settled]:
    plan = SURVEY.replace(*settings)
    settled = settle(plan, SIZES)
    return flow_of(plan, SIZES, settled.mechanism), settled


def rho_from(flow: Flow, against: str) -> Fraction:
    """By hand, from the flow alone: the worst least cohort, the honest shares in it, all rounds that are charged."""
    secret, share, cohort = flow.secret("update"), flow.noise("share"), flow.cohort("cohort")
    coalition = Coalition.parse(against)
    sent = next(message for message in flow.messages if message.by == "agent")
    masked = any(flow.noise(n).law is Law.UNIFORM for n in flow.symbols(sent) if n != "update")
    alone = coalition.includes_coordinator and "coordinator" in sent.to and not masked
    shares = 1 if alone else honest_shares(cohort.least, coalition.colluders(flow.enrolled))
    assert share.variance is not None
    event = DiscreteGaussianSum(int(secret.squared_reach), share.variance, shares, secret.dimension)
    return rho_of_sum(event) * secret.uses


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("max_participations=30",),
        ("against=world", "colluding=0", "malicious=0"),
        ("against=world", "colluding=0", "malicious=0.1"),
        ("against=world", "colluding=0.2", "malicious=0.1"),
        ("against=coordinator + 20% of agents",),
        ("protocol.kind=clear", "against=10% of agents"),
        (IDEAL,),
        ("coordinator=curious",),
        ("sampling=fixed", "cohort.size=1000", "cohort.minimum=900", "max_participations=30"),
        (IDEAL, "sampling=fixed", "cohort.size=300", "cohort.minimum=285", "max_participations=10", "epsilon=900"),
        (IDEAL, "sampling=poisson", "cohort.rate=0.5", "cohort.minimum=1900"),
    ],
)
def test_what_follows_from_the_flow_is_what_the_plan_promises(settings: tuple[str, ...]) -> None:
    flow, settled = flow_and_figures(*settings)
    assert [rho_from(flow, r.against) for r in flow.requirements] == [g.rho for g in settled.required]
    assert (flow.secret("update").rounds, flow.secret("update").uses) == (50, settled.charged_rounds)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("protocol.kind=clear", "against=world"),
        ("against=world", "colluding=0", "malicious=0.1"),
        ("max_participations=30",),
        (IDEAL, "sampling=fixed", "cohort.size=300", "cohort.minimum=285", "max_participations=10", "epsilon=900"),
    ],
)
def test_what_is_derived_from_the_flow_is_what_the_plan_promises(settings: tuple[str, ...]) -> None:
    """The reasoner knows nothing of plans: it gets the flow, and each observer widened to the expected liars."""
    plan = SURVEY.replace(*settings)
    flow, settled = flow_and_figures(*settings)
    for told in settled.guarantees:
        derived = derive(flow, widened(plan, told.coalition), delta=1e-5, failure=told.delta.failures).guarantee
        if told.epsilon is None:  # the network: the plan has no rule, and the flow says what it sees
            assert told.coalition == Coalition.parse("network")
        else:
            assert derived.epsilon == told.epsilon
        assert derived.status is Status.PROVEN


def test_a_flow_that_forgets_the_liars_promises_more_than_the_plan() -> None:
    """The mutant states the plan's own coalition: a liar's missing noise is then counted on."""
    flow, settled = flow_and_figures("against=world", "colluding=0", "malicious=0.1")
    assert flow.requirements[0].against == "10% of agents"
    rho = settled.required[0].rho
    assert rho is not None
    assert rho_from(flow, "world") < rho


@pytest.mark.parametrize(
    ("against", "expected"),
    [
        ("world", "10% of agents"),
        ("coordinator", "coordinator + 10% of agents"),
        ("coordinator + 5% of agents (adaptive)", "coordinator + 10% of agents (adaptive)"),
        ("coordinator + 25% of agents", "coordinator + 25% of agents"),
    ],
)
def test_a_widened_coalition_contains_the_own(against: str, expected: str) -> None:
    own = Coalition.parse(against)
    wide = widened(SURVEY, own)
    assert wide == Coalition.parse(expected)
    assert wide.contains(own)


def test_the_survey_as_a_flow() -> None:
    flow, settled = flow_and_figures()
    assert settled.mechanism is not None
    secret = flow.secret("update")
    assert flow.name == "diabetes-survey"
    assert settled.masks is not None
    least = SURVEY.cohort.minimum - settled.masks.left_out  # whom a malicious coordinator may leave out of the sum
    assert settled.masks.left_out > 0
    assert (flow.enrolled, flow.cohort("cohort").least, secret.dimension) == (4015, least, 19)
    assert secret.domain == Ball(Fraction(settled.mechanism.squared_bound))
    assert (secret.whole, secret.adaptive, secret.neighboring) == (True, True, Neighboring.REPLACE_ONE)
    assert flow.noise("share").variance == settled.mechanism.share_variance
    assert flow.noise("share").rounds == 50
    assert (flow.noise("mask").law, flow.noise("mask").rounds, flow.noise("mask").known_to) == (Law.UNIFORM, 50, ())
    assert {m.name: (m.by, write(m.says), m.to, m.ring) for m in flow.messages} == {
        "MaskedInput.body": ("agent", "update + share + mask", ("coordinator",), 32),
        "released": ("coordinator", "sum(update + share, cohort)", ("everybody",), 32),
    }


def test_the_survey_under_an_ideal_adder_as_a_flow() -> None:
    flow, _ = flow_and_figures(IDEAL)
    assert {m.name: (m.by, write(m.says), m.to, m.ring) for m in flow.messages} == {
        "Vector.body": ("agent", "update + share", ("adder",), 32),
        "Sum.body": ("adder", "sum(update + share, cohort)", ("coordinator",), 32),
        "released": ("coordinator", "Sum.body", ("everybody",), 32),
    }


def test_cohorts_are_drawn_as_the_plan_says() -> None:
    fixed, _ = flow_and_figures("sampling=fixed", "cohort.size=1000", "cohort.minimum=900")
    assert fixed.cohort("cohort").sampling is Sampling.FIXED
    poisson, _ = flow_and_figures(IDEAL, "sampling=poisson", "cohort.rate=0.1", "cohort.minimum=300", "epsilon=900")
    assert (poisson.cohort("cohort").sampling, poisson.cohort("cohort").rate) == (Sampling.POISSON, Fraction(1, 10))


def test_every_requirement_stands_in_the_flow() -> None:
    text = (EXAMPLES / "survey.toml").read_text()
    own = text[text.index("[privacy]") : text.index("[budget]")]
    second = own.replace("[privacy]", "[[privacy.also]]").replace("coordinator + 10% of agents", "world")
    second = second.replace("epsilon = 2.0", "epsilon = 1.5").replace(
        "max_participations = 50", "max_participations = 20"
    )
    plan = Plan.parse(text.replace("[budget]", second + "\n[budget]"))
    settled = settle(plan, SIZES)
    flow = flow_of(plan, SIZES, settled.mechanism)
    assert [(r.epsilon, r.delta) for r in flow.requirements] == [(2.0, 1e-5), (1.5, 1e-5)]
    assert flow.secret("update").uses == 20 == settled.charged_rounds
    assert [rho_from(flow, r.against) for r in flow.requirements] == [g.rho for g in settled.required]


def test_without_privacy_the_flow_has_no_noise_and_no_bound_but_the_ring() -> None:
    plan = Plan.parse(_without((EXAMPLES / "survey.toml").read_text(), "[privacy]", "[budget]")).replace(IDEAL)
    flow = flow_of(plan, SIZES, settle(plan, SIZES).mechanism)
    assert (flow.noises, flow.requirements) == ((), ())
    assert flow.secret("update").domain == Ball(Fraction(19 * 2**62))
    assert write(flow.message("Sum.body").says) == "sum(update, cohort)"


def _without(text: str, start: str, end: str) -> str:
    return text[: text.index(start)] + text[text.index(end) :]


MEAN = (
    "task.kind=mean", "column=BodyMassIndexKgm2", "question.range=[15, 50]", "categories=none", "codes=none",
)  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "domain"),
    [
        ((), Choice(3)),
        (("unlisted=random",), Choice(2)),
        ((*MEAN, "mechanism=duchi"), Interval(Fraction(15), Fraction(50))),
        ((*MEAN, "question.range=[0.1, 0.3]", "mechanism=laplace"), Interval(Fraction(1, 10), Fraction(3, 10))),
    ],
)
def test_a_question_as_a_flow(settings: tuple[str, ...], domain: Choice | Interval) -> None:
    plan = QUESTION.replace(*settings)
    posed = pose(plan, 5018)
    flow = flow_of_question(plan, 5018, posed.mechanism)
    report = flow.reports[0]
    assert (flow.name, flow.enrolled, flow.secret("answer").domain) == ("hard-drugs", 5018, domain)
    assert isinstance(posed.mechanism, PureMechanism)
    assert report.ratio == posed.mechanism.ratio
    assert 1 < report.ratio < exp(1) + 1e-12
    assert set(report.to) == {"coordinator", "everybody"}
    assert [(r.against, r.epsilon, r.delta) for r in flow.requirements] == [(posed.required.coalition.text, 1.0, 0.0)]


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("protocol.kind=clear", "against=world"),
        (IDEAL,),
        (IDEAL, "sampling=poisson", "cohort.rate=0.5", "cohort.minimum=1900"),
    ],
)
def test_a_plan_survives_the_flow_language(settings: tuple[str, ...]) -> None:
    flow, _ = flow_and_figures(*settings)
    assert language.read(language.write(flow)) == flow
    question = flow_of_question(QUESTION, 5018, pose(QUESTION, 5018).mechanism)
    assert language.read(language.write(question)) == question


def test_a_mechanism_without_a_ratio_has_no_flow() -> None:
    with pytest.raises(ConfigurationError, match="no largest ratio"):
        flow_of_question(QUESTION, 10, PlanarLaplace(columns=2, rows=2, cell=1, epsilon=1))


@pytest.mark.parametrize("kind", ["clear", "ideal"])
def test_one_agent_alone_is_refused_in_words(kind: str) -> None:
    alone = SURVEY.replace(
        f"protocol.kind={kind}", "cohort.minimum=1", 'privacy.against="world"', "privacy.epsilon=1000"
    )
    with pytest.raises(ConfigurationError, match=r"one enrolled agent .* at least 2 agents"):
        settle(alone, Sizes(enrolled=1, dimension=19))
    assert settle(alone, Sizes(enrolled=2, dimension=19)).required[0].epsilon is not None
