"""Plans of one question: read, refused, settled; nothing senseless is accepted silently."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.base import EVERYBODY
from tip.plan import Plan, QuestionPlan, mechanisms, read_plan
from tip.plan.either import parse_plan
from tip.plan.explaining import explain_question, guarantees, in_words
from tip.plan.keys import Key, Part, cells, required, rows
from tip.plan.posing import check, pose
from tip.plan.question import OTHER
from tip.plan.senseless import IN_A_QUESTION, IN_TRAINING, reason
from tip.privacy.coalitions import Coalition
from tip.privacy.guarantees import Kind, Status

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = (EXAMPLES / "question.toml").read_text()
PLAN = QuestionPlan.parse(TEXT, "question.toml")
ENROLLED = 5018
MEAN = (
    "task.kind=mean",
    "column=BodyMassIndexKgm2",
    "question.range=[15, 50]",
    "categories=none",
    "codes=none",
    "mechanism=duchi",
)


def refusal(*settings: str, enrolled: int = ENROLLED) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        pose(PLAN.replace(*settings), enrolled)
    return caught.value


def test_a_plan_is_read_by_what_it_says() -> None:
    assert read_plan(EXAMPLES / "question.toml") == PLAN
    assert isinstance(read_plan(EXAMPLES / "survey.toml"), Plan)
    assert QuestionPlan.parse(PLAN.to_toml()) == PLAN
    assert parse_plan(PLAN.to_toml()) == PLAN
    line = next(i for i, text in enumerate(TEXT.splitlines(), 1) if text.startswith("epsilon"))
    assert PLAN.place("privacy.epsilon") == f"question.toml:{line}"
    assert PLAN.replace("epsilon=2").privacy.epsilon == 2.0


@pytest.mark.parametrize(("short", "full"), mechanisms.SHORT)
def test_an_abbreviation_is_answered_with_the_name(short: str, full: str) -> None:
    assert full in mechanisms.NAMES
    with pytest.raises(ConfigurationError, match=f'Did you mean "{full}"'):
        PLAN.replace(f"mechanism={short.upper()}")


@pytest.mark.parametrize("kind", ['kind = "sum"', ""])
def test_a_question_that_does_not_say_what_it_asks_for_is_told_so(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=r'task.kind .* Write kind = "histogram" or kind = "mean"'):
        parse_plan(TEXT.replace('kind = "histogram"', kind))


def test_each_reader_names_the_other() -> None:
    with pytest.raises(ConfigurationError, match=r"question.toml:12 task.kind = .*tip.QuestionPlan.read"):
        Plan.parse(TEXT, "question.toml")
    with pytest.raises(ConfigurationError, match=r"task.kind = .train. .*Use tip.Plan.read"):
        QuestionPlan.read(EXAMPLES / "survey.toml")
    survey = Plan.read(EXAMPLES / "survey.toml")
    with pytest.raises(ConfigurationError, match="is for another kind of plan"):
        survey.replace("task.kind=histogram")
    with pytest.raises(ConfigurationError, match=r"question.column means nothing .*trains a model"):
        survey.replace("question.column=x")


@pytest.mark.parametrize("name", IN_A_QUESTION)
def test_senseless_keys_are_refused_with_the_reason(name: str) -> None:
    key = f"{name}.x" if name in dict(cells(Plan)) or name in ("data.numbers", "data.categories") else name
    with pytest.raises(ConfigurationError) as caught:
        PLAN.replace(f"{key}=1")
    assert "means nothing in this plan" in str(caught.value)
    assert caught.value.why == IN_A_QUESTION[name]


def test_a_table_of_training_is_refused_at_its_line() -> None:
    text = TEXT + '\n[model]\nkind = "logistic"\n'
    with pytest.raises(ConfigurationError, match=rf"question.toml:{len(text.splitlines()) - 1} model means nothing"):
        QuestionPlan.parse(text, "question.toml")
    with pytest.raises(ConfigurationError, match="clipping_norm means nothing"):
        PLAN.replace("clipping_norm=1")


@pytest.mark.parametrize("name", ["privacy.amplification", "privacy.shuffling", "protocol.shuffler"])
def test_nothing_is_claimed_for_a_shuffler(name: str) -> None:
    with pytest.raises(ConfigurationError, match="No shuffler stands in the flow"):
        PLAN.replace(f"{name}=1")
    error = refusal("protocol.kind=shuffle")
    assert "does not exist yet" in str(error)
    assert "nothing can be claimed" in error.why


def test_no_key_is_both_known_and_senseless() -> None:
    known = {row.name for row in rows(QuestionPlan)}
    assert not known & set(IN_A_QUESTION)
    assert not any(reason(IN_TRAINING, row.name) for row in rows(Plan))


def all_cells(table: type, prefix: str = "") -> list[tuple[str, bool, Key]]:
    found = []
    for name, (cell, what) in cells(table).items():
        if isinstance(what, Key):
            found.append((f"{prefix}{name}", required(cell), what))
        elif isinstance(what, Part):
            found += all_cells(what.of(), f"{prefix}{name}.")
    return found


def test_every_key_has_help_and_those_that_decide_privacy_have_no_default() -> None:
    for name, must_be_given, key in all_cells(QuestionPlan):
        assert len(key.help) >= 10, name
        assert not key.help.endswith("."), name
        assert must_be_given or not key.decides_privacy, name
        assert key.example or not must_be_given, name


@pytest.mark.parametrize("table", ["privacy", "budget", "protocol", "cohort", "question", "data"])
def test_no_table_that_decides_can_be_left_out(table: str) -> None:
    head, _, rest = TEXT.partition(f"\n[{table}]")
    with pytest.raises(ConfigurationError, match=rf"\[{table}\] is missing"):
        QuestionPlan.parse(head + "\n" + rest[rest.index("\n[") :])


REFUSED = [
    (("format=2",), "format = 2 is not known", "format = 1"),
    (("privacy.epsilon=41",), "privacy.epsilon = 41.0 cannot hold", "40"),
    (("privacy.epsilon=1e-9",), "privacy.epsilon = 1e-09 cannot hold", "1e-06"),
    (("categories=none", "codes=none"), "question.categories is missing", '["Yes", "No"]'),
    (("question.range=[0, 1]",), "question.range = [0.0, 1.0] means nothing", "Leave it out"),
    (("question.missing=[9]",), "question.missing = [9.0] means nothing", "Leave it out"),
    (("codes=['1', '2', '3']",), "question.codes lists 3 answers, and question.categories 2", "one code for each"),
    ((f"categories=['Yes', '{OTHER}']",), "which is the item of any other answer", "Rename"),
    (("mechanism=duchi",), 'privacy.mechanism = "duchi" does not go with task.kind = "histogram"', "generalized"),
    (("mechanism=binary-randomized-response",), "privacy.mechanism", "generalized-randomized-response"),
    (("unit=record",), 'privacy.unit = "record" does not exist yet', '"agent"'),
    (("neighboring=add-remove-one",), "cannot hold", "replace-one"),
    (("max_participations=2",), "more than the one report", "max_participations = 1"),
    (("against=everybody",), "privacy.against names no coalition", "coordinator + 10% of agents"),
    (("against=99.9999% of agents",), "reaches beyond", "99.999% of agents"),
    (("privacy.delta=0.001",), "privacy.delta = 0.001 promises nothing", "or 0"),
    (("minimum=4768",), "cohort.minimum = 4768 would never be reached", "4,767"),
    (("simulation=none",), "task.baseline", "none"),
    (("adversary.kind=false-claim", "adversary.fraction=0.1", "claim=Maybe"), 'claim = "Maybe" is not an item', "Yes"),
    (("adversary.kind=false-news", "adversary.fraction=0.1", "claim=Yes"), "adversary.kind", "false-claim"),
    (("simulation=none", "baseline=none", "adversary.kind=false-claim", "fraction=0.1", "claim=Yes"),
     "adversary means nothing without [simulation]", "seed"),
    (("engine=ray",), 'execution.engine = "ray" does not exist yet', '"vectorized" or "machines"'),
    ((*MEAN, "question.range=none"), "question.range is missing", "[0, 100]"),
    ((*MEAN, "categories=['a', 'b']"), 'question.categories = ["a", "b"] means nothing', "Leave it out"),
    ((*MEAN, "unlisted=random"), "question.unlisted", "Leave it out"),
    ((*MEAN, "mechanism=local-hashing"), "does not go with task.kind", "duchi"),
    ((*MEAN, "adversary.kind=false-claim", "fraction=0.1", "claim=Yes"), "is not a number", "upper end"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "told", "instead"), REFUSED, ids=[" ".join(s)[:60] for s, _, _ in REFUSED])
def test_what_cannot_hold_is_refused_with_what_would_do(settings: tuple[str, ...], told: str, instead: str) -> None:
    error = refusal(*settings)
    assert told in str(error)
    assert instead in str(error)
    assert error.where.startswith(("the setting", "question.toml"))


def test_an_unknown_mechanism_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match='Did you mean "generalized-randomized-response"'):
        PLAN.replace("mechanism=generalised-randomized-response")
    with pytest.raises(ConfigurationError, match="does not fit"):
        PLAN.replace("mechanism=distributed-gaussian")


def test_a_mechanism_that_this_tip_lacks_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mechanisms.TABLE, "local-hashing", mechanisms.Line("histogram", "nowhere", "Nothing"))
    assert 'privacy.mechanism = "local-hashing" does not exist yet' in str(refusal("mechanism=local-hashing"))


@pytest.mark.parametrize("name", mechanisms.fitting("histogram"))
@pytest.mark.parametrize("epsilon", ["0.5", "1.0", "4.0"])
def test_every_mechanism_of_the_table_meets_the_requirement(name: str, epsilon: str) -> None:
    binary = ("unlisted=random",) if name == mechanisms.BINARY else ()
    posed = pose(PLAN.replace(f"mechanism={name}", f"epsilon={epsilon}", *binary), ENROLLED)
    assert posed.requirement_met
    assert posed.items == (("Yes", "No") if binary else ("Yes", "No", OTHER))
    assert posed.mechanism.guarantee.epsilon == posed.required.epsilon


@pytest.mark.parametrize("name", [*mechanisms.fitting("mean"), "auto"])
def test_every_mechanism_of_a_mean_meets_the_requirement(name: str) -> None:
    posed = pose(PLAN.replace(*MEAN, f"mechanism={name}"), ENROLLED)
    assert posed.requirement_met
    assert posed.items == ()
    assert bool(posed.chosen) == (name == "auto")


def test_auto_says_why() -> None:
    few = pose(PLAN.replace("mechanism=auto"), ENROLLED)
    assert type(few.mechanism).__name__ in few.chosen
    many = pose(PLAN.replace("mechanism=auto", f"categories={[f'c{i}' for i in range(200)]}", "codes=none"), ENROLLED)
    assert many.mechanism.spec.name != "generalized-randomized-response"
    mean = pose(PLAN.replace(*MEAN, "mechanism=auto"), ENROLLED)
    assert f"{mean.mechanism.spec.name} has the least standard deviation" in mean.chosen


def test_the_guarantee_is_the_mechanisms_own_against_everybody() -> None:
    posed = pose(PLAN, ENROLLED)
    own = posed.mechanism.guarantee
    for guarantee in posed.guarantees:
        assert (guarantee.epsilon, guarantee.delta, guarantee.kind) == (own.epsilon, own.delta, Kind.PURE)
        assert EVERYBODY.contains(guarantee.coalition)
        assert guarantee.status is Status.SIMULATED
        assert guarantee.assumptions[0].name == "seeded"
    assert posed.required.coalition == Coalition.parse(PLAN.privacy.against)
    assert "network" in {g.coalition.text for g in posed.guarantees}
    real = pose(PLAN.replace("simulation=none", "baseline=none"), ENROLLED)
    assert real.required.status is Status.PROVEN
    assert real.required.assumptions == own.assumptions


@pytest.mark.parametrize("against", ["world", "coordinator", "network", "99% of agents (adaptive)"])
def test_any_coalition_may_be_named(against: str) -> None:
    assert pose(PLAN.replace(f"against={against}"), ENROLLED).required.epsilon == 1.0


def test_liars_that_agree_are_accepted() -> None:
    check(PLAN.replace("adversary.kind=false-claim", "fraction=0.1", "claim=Yes"))
    check(PLAN.replace(*MEAN, "adversary.kind=false-claim", "fraction=0.1", "claim=50"))


def people() -> dict[str, list[str]]:
    return {"answer": ["Yes", "No", "", "No", "maybe"] * 20}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> QuestionPlan:
    module: Any = ModuleType("small_question")
    module.people = people
    monkeypatch.setitem(sys.modules, "small_question", module)
    return PLAN.replace("source=small_question:people", "among=none", "column=answer", "codes=none", "minimum=10")


def test_explained_before_anybody_is_asked(small: QuestionPlan) -> None:
    told = explain_question(small)
    assert told.posed.enrolled == 100
    assert told.requirement_met
    assert told.to_json()["mechanism"].startswith("tip generalized-randomized-response/1\ncategories=3\nkeep=")
    sees = {sight.party: sight.what for sight in told.sees}
    assert "each agent's randomized report" in sees["coordinator"]
    assert "model" not in " ".join(sees.values())
    assert guarantees(small) == told.guarantees
    assert "in at most 3 cases out of 100" in in_words(small)
    assert f"e^{math.log(math.e):g}" in in_words(small, "engineer")


def test_agents_agree_to_all_that_is_public(small: QuestionPlan) -> None:
    texts = {
        small.public_text,
        small.replace("column=other").public_text,
        small.replace("categories=['No', 'Yes']").public_text,
        small.replace("codes=['a', 'b']").public_text,
        small.replace("unlisted=random").public_text,
        small.replace("question.text=x").public_text,
    }
    assert len(texts) == 6
    assert small.replace("seed=5").public_text == small.public_text
