"""Every combination that cannot hold is refused, with where, what, why and what would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.plan.coherence import check, check_sizes
from tip.plan.refusals import exact, planned_cohort
from tip.plan.tables import Plan

SURVEY = Path(__file__).parents[2] / "examples/survey.toml"
TEXT = SURVEY.read_text()
PLAN = Plan.parse(TEXT, "survey.toml")
ENROLLED, DIMENSION = 4015, 22
CLEAR = ("privacy=none", "budget=none", "protocol.kind=clear", "influence=none")
IDEAL = "protocol.kind=ideal"
FIXED = (IDEAL, "sampling=fixed", "cohort.size=100", "minimum=90")
POISSON = (IDEAL, "sampling=poisson", "rate=0.5", "minimum=1900")
MASKED = ("sampling=fixed", "cohort.size=1000", "minimum=940")


def refusal(plan: Plan) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        holds(plan)
    return caught.value


def holds(plan: Plan) -> None:
    check(plan)
    check_sizes(plan, ENROLLED, DIMENSION)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        CLEAR,
        FIXED,
        POISSON,
        ("adversary=none",),
        ("adversary.fraction=0", "start_round=1000"),
        ("adversary.kind=scale", "factor=-3"),
        ("adversary.kind=sign-flip",),
        ("against=world", "protocol.kind=clear"),
        ("against=10% of agents", "protocol.kind=clear"),
        ("against=coordinator + 10% of agents (adaptive)", IDEAL),
        ("coordinator=curious",),
        MASKED,
        (*MASKED, "coordinator=curious", "minimum=500"),
        ("against=coordinator + 5% of agents",),
        ("algorithm.kind=fedavg", "local_epochs=5", "batch_size=10", "local_learning_rate=0.1"),
        ("max_participations=1000",),
        ("simulation=none", "adversary=none", "baseline=none"),
        ("metric=log_loss",),
        ("data.agent=partition", "partition.kind=iid", "partition.agents=5000"),
        ("minimum=3814",),
        ("ledger=spends.db", "budget.epsilon=4"),
    ],
)
def test_what_can_hold_is_accepted(settings: tuple[str, ...]) -> None:
    holds(PLAN.replace(*settings))


REFUSED = [
    (("format=2",), "format = 2 is not known", "format = 1"),
    (("protocol.kind=prio",), 'protocol.kind = "prio" does not exist yet', '"clear", "ideal" or "masking"'),
    (("protocol.kind=gopa",), 'protocol.kind = "gopa" does not exist yet', '"clear", "ideal" or "masking"'),
    (("protocol.kind=local",), 'protocol.kind = "local" does not exist yet', '"clear", "ideal" or "masking"'),
    (("engine=ray",), 'execution.engine = "ray" does not exist yet', '"vectorized" or "machines"'),
    (("engine=ray",), "does not exist yet", '"vectorized"'),
    (("model.kind=mlp",), 'model.kind = "mlp" does not exist yet', '"linear", "logistic" or "softmax"'),
    (("algorithm.kind=scaffold",), "does not exist yet", '"fedsgd" or "fedavg"'),
    (("weighting=count",), "nothing protects them yet", '"equal"'),
    (("unit=record",), 'privacy.unit = "record" does not exist yet', '"agent"'),
    (("adversary.kind=backdoor",), "does not exist yet", '"label-flip", "sign-flip" or "scale"'),
    (("partition.kind=dirichlet", "partition.agents=3"), "does not exist yet", '"iid"'),
    (("influence=proven",), "No proofs about norms exist yet", '"clipped" or "none"'),
    (("ledger=spends.db",), "budget.epsilon is missing", "budget.epsilon = 4"),
    (("budget.epsilon=4",), 'means nothing under budget.ledger = "none"', 'ledger = "spends.sqlite"'),
    ((*CLEAR, "ledger=spends.db", "budget.epsilon=4"), "means nothing without [privacy]", 'ledger = "none"'),
    (("budget=none",), "budget.ledger is missing", 'ledger = "none"'),
    (("data.test=0",), "data.test = 0 keeps no agent apart", "0.2"),
    (("data.source=csv",), "data.path is missing", "csv"),
    (("data.agent=partition",), "partition is missing", "data.agent"),
    (("model.kind=softmax",), 'task.metric = "auc" does not go with model.kind = "softmax"', "accuracy"),
    (("model.kind=linear",), 'task.metric = "auc" does not go with model.kind = "linear"', "mean_squared_error"),
    (("metric=mean_squared_error",), "does not go with", "auc"),
    (("local_epochs=2",), "algorithm.local_epochs = 2 means nothing", "fedavg"),
    (("batch_size=10",), "algorithm.batch_size = 10 means nothing", "fedavg"),
    (("local_learning_rate=0.5",), "server_learning_rate", "fedavg"),
    (("sampling=fixed",), "cohort.size is missing", "cohort.size = 100"),
    (("sampling=poisson",), "cohort.rate is missing", "cohort.rate = 0.1"),
    (("cohort.size=100",), 'means nothing under cohort.sampling = "all"', "fixed"),
    ((*FIXED, "rate=0.1"), 'cohort.rate = 0.1 means nothing under cohort.sampling = "fixed"', "poisson"),
    ((*FIXED, "minimum=96"), "cohort.minimum = 96 would never be reached", "The largest possible minimum is 95."),
    ((*FIXED, "cohort.size=5000"), "cohort.size = 5000 is above the 4,015 enrolled agents", "4,015"),
    ((*FIXED, "cohort.size=1", "minimum=1"), "would never be reached", "Sample more agents"),
    ((*FIXED, "max_participations=1"), "is used up too early", "Use at least 2"),
    (("minimum=3815",), "cohort.minimum = 3815 would never be reached", "The largest possible minimum is 3,814."),
    (("minimum=5000",), "cohort.minimum = 5000 would never be reached", "3,814"),
    (("dropout=0.2",), "0.2 of them may drop out", "3,212"),
    ((*POISSON, "minimum=1907"), "would never be reached", "1,906"),
    (("protocol.kind=clear",), "the coordinator sees each message", 'Use "masking", or against = "world".'),
    (("against=coordinator", "protocol.kind=clear"), "the coordinator sees each message", "world"),
    (("privacy=none", IDEAL), 'protocol.kind = "ideal" without [privacy]', "no guarantee"),
    (("privacy=none",), 'protocol.kind = "masking" without [privacy]', "no guarantee"),
    ((*CLEAR, "influence=clipped"), "is not true without [privacy]", "none"),
    (("against=everybody",), "privacy.against names no coalition", "coordinator + 10% of agents"),
    (("against=coordinator + 100% of agents",), "names no coalition", "below 100%"),
    (("against=network",), "not modeled yet", "coordinator"),
    (("against=coordinator + 10% of agents (adaptive)", *FIXED), "under cohort.sampling", '"all"'),
    (("colluding=0.09",), "cohort.colluding = 0.09 is below the promise", "cohort.colluding = 0.1"),
    (("against=coordinator + 10.5% of agents",), "is below the promise", "0.105"),
    (("neighboring=zero-out",), "4.4 under replace-one", "replace-one"),
    (("neighboring=add-remove-one",), "can learn who takes part", "replace-one"),
    (("neighboring=add-remove-one", "against=world"), "not whether it takes part", "replace-one"),
    (("max_participations=49",), "is below algorithm.rounds", "max_participations = 50, or algorithm.rounds = 49"),
    (("rounds=101",), "is below algorithm.rounds", "max_participations = 101"),
    (("delta=0.001",), "privacy.delta = 0.001 promises nothing", "2e-06"),
    (("rule=nnm | trimmed-mean",), "never shows: individual updates", '"sum"'),
    (("rule=groups",), "is not possible", '"sum"'),
    (("rule=median", *CLEAR), "do not exist yet", '"sum"'),
    (("start_round=51",), "is after the last round", "50 rounds"),
    (("simulation=none",), "[adversary] means nothing without [simulation]", "seed"),
    (("simulation=none", "adversary=none"), "task.baseline", "none"),
]


@pytest.mark.parametrize(("settings", "told", "instead"), REFUSED, ids=[" ".join(s) for s, _, _ in REFUSED])
def test_what_cannot_hold_is_refused_with_what_would_do(settings: tuple[str, ...], told: str, instead: str) -> None:
    error = refusal(PLAN.replace(*settings))
    assert told in str(error)
    assert instead in error.instead
    assert error.where.startswith(("the setting", "survey.toml"))


def test_the_line_is_that_of_the_key() -> None:
    line = next(i for i, text in enumerate(TEXT.splitlines(), 1) if text.startswith("against"))
    plan = Plan.parse(TEXT.replace('kind = "masking"', 'kind = "clear"'), "survey.toml")
    expected = (
        f'survey.toml:{line} privacy.against = "coordinator + 10% of agents" cannot hold under protocol.kind = "clear":'
        ' the coordinator sees each message. Use "masking", or against = "world".'
    )
    assert str(refusal(plan)) == expected


def test_further_requirements_are_checked_like_the_first() -> None:
    first = PLAN.privacy
    assert first is not None
    for changed, told in (
        (replace(first, against="coordinator + 20% of agents"), "privacy.against"),
        (replace(first, unit="record"), "privacy.also[0].unit"),
        (replace(first, neighboring="zero-out"), "privacy.also[0].neighboring"),
        (replace(first, clipping_norm=1.5), "privacy.also[0].clipping_norm"),
        (replace(first, max_participations=200), "privacy.also[0].max_participations"),
        (replace(first, against="network"), "privacy.also[0].against"),
        (replace(first, delta=0.5), "privacy.also[0].delta"),
    ):
        assert told in str(refusal(replace(PLAN, privacy=replace(first, also=(changed,)))))
    holds(replace(PLAN, privacy=replace(first, also=(replace(first, against="world", epsilon=1.0),))))


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 1), (True, 1), (1.0, 1)])
def test_sizes_are_whole_numbers(sizes: tuple[int, int]) -> None:
    with pytest.raises(ConfigurationError, match="whole number >= 1"):
        check_sizes(PLAN, *sizes)


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers(0, 99))
def test_the_largest_possible_minimum_is_possible_and_one_more_is_not(enrolled: int, percent: int) -> None:
    most = enrolled * (100 - percent) // 100
    dropout = f"dropout={percent / 100}"
    if most:
        check_sizes(PLAN.replace(IDEAL, dropout, f"minimum={most}", "delta=1e-9"), enrolled, 1)
    with pytest.raises(ConfigurationError, match="would never be reached"):
        check_sizes(PLAN.replace(IDEAL, dropout, f"minimum={most + 1}", "delta=1e-9"), enrolled, 1)


@settings(deadline=None)
@given(st.integers(0, 999))
def test_the_share_in_the_promise_is_compared_exactly(per_mille: int) -> None:
    share = per_mille / 1000
    against = f"against=coordinator + {per_mille / 10}% of agents" if per_mille else "against=coordinator"
    check(PLAN.replace(against, f"colluding={share}"))
    if per_mille:
        with pytest.raises(ConfigurationError, match="below the promise"):
            check(PLAN.replace(against, f"colluding={(per_mille - 1) / 1000}"))


def test_shares_are_what_was_written() -> None:
    assert exact(0.1) * 10 == 1
    assert planned_cohort(PLAN, 7) == 7
    assert planned_cohort(PLAN.replace(*FIXED), 7000) == 100
    assert planned_cohort(PLAN.replace(*POISSON, "rate=0.3"), 10) == 3


def test_a_plan_without_privacy_needs_no_budget() -> None:
    holds(PLAN.replace(*CLEAR))
    assert PLAN.replace(*CLEAR).privacy is None


def test_a_fixed_cohort_that_is_too_small_is_refused_without_the_population() -> None:
    with pytest.raises(ConfigurationError, match="The largest possible minimum is 95"):
        check(PLAN.replace(*FIXED, "minimum=96"))
