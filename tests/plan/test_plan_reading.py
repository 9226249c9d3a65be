"""Reading, changing and writing plans: what is refused, with which line, and what reads back equal."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.plan.tables import (
    Adversary,
    Algorithm,
    Category,
    Cohort,
    Data,
    Missing,
    Number,
    Partition,
    Plan,
    Requirement,
    Simulation,
)

SURVEY = Path(__file__).parents[2] / "examples/survey.toml"
TEXT = SURVEY.read_text()
PLAN = Plan.parse(TEXT, "survey.toml")


def line_of(start: str) -> int:
    return next(i for i, line in enumerate(TEXT.splitlines(), 1) if line.startswith(start))


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Plan.parse(text, "survey.toml")
    return str(caught.value)


def setting(*texts: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        PLAN.replace(*texts)
    return str(caught.value)


def test_the_survey_is_read() -> None:
    assert PLAN.algorithm.rounds == 50
    assert PLAN.privacy is not None
    assert PLAN.privacy.epsilon == 2.0
    assert PLAN.data.numbers[0] == Number("AgeInYearsAtScreening", (20.0, 80.0))
    assert PLAN.data.categories[0] == Category("Gender", ("Female", "Male"))
    assert Plan.read(SURVEY) == Plan.read(str(SURVEY)) == PLAN
    assert Plan.read(SURVEY).place("privacy.epsilon") == f"{SURVEY}:{line_of('epsilon')}"
    assert hash(PLAN) == hash(Plan.parse(TEXT))
    assert pickle.loads(pickle.dumps(PLAN)) == PLAN  # noqa: S301 - our own bytes
    assert "places" not in repr(PLAN)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("rounds = 50", "num_rounds = 50", "algorithm.num_rounds is not a key. Did you mean algorithm.rounds (whole"),
        ("rounds = 50", "rounds = true", "algorithm.rounds = true does not fit. Wanted: whole number >= 1"),
        ("rounds = 50", "rounds = 0", "algorithm.rounds = 0 does not fit"),
        ("rounds = 50", "rounds = 1e2", "algorithm.rounds = 100.0 does not fit"),
        ("rounds = 50", "", "algorithm.rounds is missing"),
        ("epsilon = 2.0", "epsilon = nan", "privacy.epsilon = nan does not fit"),
        ("epsilon = 2.0", "epsilon = inf", "privacy.epsilon = inf does not fit"),
        ("epsilon = 2.0", "epsilon = 1e7", "privacy.epsilon = 10000000.0 does not fit. Wanted: number > 0"),
        ("epsilon = 2.0", "epsilon = '2'", 'privacy.epsilon = "2" does not fit'),
        ("delta = 1e-5", "delta = 0", "privacy.delta = 0 does not fit"),
        ("delta = 1e-5", "", "privacy.delta is missing. The probability budget"),
        ("delta = 1e-5", "", "it decides privacy, so it has no default. For example privacy.delta = 1e-5."),
        ("[algorithm]", "[algoritm]", "algoritm is not a key. Did you mean [algorithm]?"),
        ("range = [15, 50]", "range = [50, 15]", "data.numbers.BodyMassIndexKgm2.range = [50, 15] does not fit"),
        ("range = [15, 50]", "rang = [15, 50]", "data.numbers.BodyMassIndexKgm2.rang is not a key"),
        ('Gender = ["Female", "Male"]', "Gender = []", "data.categories.Gender = [] does not fit"),
        ('Gender = ["Female", "Male"]', 'Gender = ["a", "a"]', "does not fit"),
        ("range = [40, 110], missing = [0]", "range = [40, 110], missing = [0, 0]", "missing = [0, 0] does not fit"),
        ('kind = "masking"', 'kind = "idael"', 'Did you mean "ideal"?'),
        ('kind = "masking"', 'kind = "masks"', 'Did you mean "masking"?'),
        ("[privacy]", "[[privacy]]", "privacy is a table, not [a table]"),
        ('name = "diabetes-survey"', 'name = "../escape"', "name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_on_its_line(before: str, after: str, told: str) -> None:
    text = TEXT.replace(before, after, 1)
    assert text != TEXT
    message = refused(text)
    assert told in message
    place = message.split(" ", 1)[0]
    assert place.startswith("survey.toml:")
    line = int(place.removeprefix("survey.toml:"))
    assert 1 <= line <= text.count("\n") + 1
    if after:
        assert after.partition("\n")[0].partition(" = ")[0].strip() in text.splitlines()[line - 1]


def test_a_missing_table_and_a_value_in_the_place_of_a_table_are_refused() -> None:
    start, end = TEXT.index("[model]"), TEXT.index("[algorithm]")
    assert "the table [model] is missing" in refused(TEXT[:start] + TEXT[end:])
    assert "model is a table, not 3" in refused("model = 3\n" + TEXT[:start] + TEXT[end:])
    assert "write [[privacy.also]]" in refused(TEXT.replace("delta = 1e-5", "delta = 1e-5\nalso = 3"))
    assert "is missing" in refused("")


def test_further_requirements_are_each_complete() -> None:
    also = "\n[[privacy.also]]\nepsilon = 1\n"
    assert "privacy.also[0].delta is missing" in refused(TEXT + also)
    assert PLAN.privacy is not None
    full = Plan.parse(PLAN.to_toml().replace("[budget]", "[[privacy.also]]\n" + _as_table(PLAN.privacy) + "[budget]"))
    assert full.privacy is not None
    assert full.privacy.also == (PLAN.privacy,)
    assert full.privacy.all == (full.privacy, PLAN.privacy)
    assert full.replace("privacy.also[0].epsilon=1").privacy != full.privacy
    nested = PLAN.to_toml() + "\n[[privacy.also]]\n" + _as_table(PLAN.privacy)
    assert "side by side" in refused(nested + "[[privacy.also.also]]\n" + _as_table(PLAN.privacy))


def _values(requirement: Requirement) -> dict[str, Any]:
    names = [n for n in requirement.__slots__ if n != "also"]
    return {n: getattr(requirement, n) for n in names}


def _as_table(requirement: Requirement) -> str:
    return "".join(f"{n} = {v!r}\n".replace("'", '"') for n, v in _values(requirement).items())


def test_files_that_are_no_plan(tmp_path: Path) -> None:
    (tmp_path / "near.toml").write_text("[task]\n")
    (tmp_path / "flow.toml").write_text("[agents]\n")
    (tmp_path / "latin.toml").write_bytes(b"format = 1\nname = '\xe9'\n")
    (tmp_path / "huge.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    cases = {
        "missing.toml": r"missing.toml does not exist. Plans that stand there: [^,]*near.toml.$",
        ".": "is a folder, not a plan",
        "latin.toml": r"latin.toml:2 is not UTF-8",
        "huge.toml": "larger than a plan",
        "null\0.toml": "cannot be read",
    }
    for name, told in cases.items():
        with pytest.raises(ConfigurationError, match=told):
            Plan.read(f"{tmp_path}/{name}")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert Plan.read(tmp_path / "bom.toml") == PLAN


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(found: bytes) -> None:
    try:
        text = found.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises(ConfigurationError):
        Plan.parse(text)


def test_settings_are_read_as_toml_then_as_text() -> None:
    plan = PLAN.replace("algorithm.rounds=50", "epsilon = 1", "against=world", "name=2024", "data.label=Age > 5")
    assert plan.algorithm.rounds == 50
    assert plan.privacy is not None
    assert (plan.privacy.epsilon, plan.privacy.against) == (1.0, "world")
    assert (plan.name, plan.data.label) == ("2024", "Age > 5")
    assert PLAN.replace('privacy.against="world"').privacy == PLAN.replace("against=world").privacy
    assert PLAN.replace() == PLAN
    assert plan.place("algorithm.rounds") == 'the setting "algorithm.rounds=50":'
    assert plan.place("algorithm.kind") == f"survey.toml:{line_of('[algorithm]') + 1}"


def test_settings_reach_public_ranges_and_lists() -> None:
    plan = PLAN.replace(
        "AgeInYearsAtScreening.range=[18, 90]", "Gender=['a', 'b']", 'data.categories."Eye color"=["blue"]'
    )
    assert plan.data.numbers[0].range == (18.0, 90.0)
    assert plan.data.categories[0].answers == ("a", "b")
    assert plan.data.categories[-1] == Category("Eye color", ("blue",))
    assert plan.replace("data.categories.Gender.answers=['c']").data.categories[0].answers == ("c",)


def test_none_takes_an_optional_key_or_table_away() -> None:
    sampled = PLAN.replace("sampling=fixed", "cohort.size=100")
    assert sampled.replace("sampling=all", "cohort.size=none") == PLAN
    assert PLAN.replace("adversary=none").adversary is None
    assert PLAN.replace("adversary=none").replace(
        "adversary.kind=scale", "adversary.fraction=0.2"
    ).adversary == Adversary("scale", 0.2)
    assert "does not fit" in setting("algorithm.rounds=none")


def test_the_last_word_means_the_key_that_must_be_given() -> None:
    changed = PLAN.replace("epsilon=1.5", "ledger=spends.sqlite", "budget.epsilon=6")
    assert changed.privacy is not None
    assert changed.budget is not None
    assert (changed.privacy.epsilon, changed.budget.epsilon) == (1.5, 6.0)
    assert Plan.parse(changed.to_toml()) == changed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind=x", "stands for several keys. Say which: task.kind, model.kind"),
        ("rounds", "is not key=value"),
        ("=3", "is not key=value"),
        ("rounds=true", "algorithm.rounds = true does not fit"),
        ("rounds=1\nepsilon=2", "does not fit"),
        ("num-server-rounds=3", "Did you mean algorithm.rounds"),
        ("noise_multiplier=1", "calculated, never typed"),
        ("privacy.also[3].epsilon=1", "there are 0 such tables"),
        ("privacy.also[0]=1", "is not a key"),
        ("privacy..epsilon=1", "is not the name of a key"),
        ("privacy.=1", "is not the name of a key"),
        ('a."\\x"=1', "is not the name of a key"),
        ("algorithm=3", "algorithm is a table, not 3"),
        ("data.numbers=3", "data.numbers is a table, not 3"),
        ("partition.agents=3", "partition.kind is missing"),
        ("data.numbers.Weight.range=[1,0]", "does not fit"),
        ("rounds=" + "[" * 5000, "does not fit"),
    ],
)
def test_settings_that_cannot_be_are_told_with_the_setting(text: str, told: str) -> None:
    message = setting(text)
    assert told in message
    assert message.startswith("the setting ")


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_setting_changes_the_plan_or_is_refused(name: str, value: str) -> None:
    try:
        PLAN.replace(f"{name}={value}")
    except ConfigurationError:
        return


def test_an_empty_partition_counts_as_absent_and_an_empty_privacy_does_not() -> None:
    assert Plan.parse(TEXT + "\n[partition]\n") == PLAN
    empty = TEXT[: TEXT.index("epsilon = 2.0")] + TEXT[TEXT.index("[budget]") :]
    assert "privacy.epsilon is missing" in refused(empty)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
reals = st.floats(-1e300, 1e300)
positive = st.floats(1e-300, 1e300)
shares = st.floats(0, 1, exclude_max=True)
whole = st.integers(1, 2**63 - 1)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[float, float]:
    low, high = draw(reals), draw(reals)
    return (min(low, high), max(low, high)) if low != high else (low - abs(low) - 1, high)


@st.composite
def data(draw: st.DrawFn) -> Data:
    codes = st.lists(reals | names, max_size=2, unique=True).map(tuple)
    answers = st.lists(
        st.text("abc é", min_size=1).filter(lambda t: t == t.strip()), min_size=1, max_size=3, unique=True
    )
    numbers = [Number(n, draw(ranges()), draw(codes)) for n in draw(st.lists(names, max_size=3, unique=True))]
    categories = [Category(n, tuple(draw(answers))) for n in draw(st.lists(names, max_size=3, unique=True))]
    return Data(
        source=draw(st.sampled_from(["csv", "nhanes", "a.b:c"])),
        label=draw(names),
        agent=draw(names),
        test=draw(shares),
        path=draw(st.none() | names),
        exclude=tuple(draw(st.lists(names, max_size=3, unique=True))),
        numbers=tuple(numbers),
        categories=tuple(categories),
        missing=Missing(draw(st.sampled_from(["middle", "refuse"])), draw(st.booleans())),
    )


requirements = st.builds(
    Requirement,
    epsilon=st.floats(1e-300, 1e6),
    delta=st.floats(1e-300, 0.999),
    unit=st.sampled_from(["agent", "record"]),
    neighboring=st.just("replace-one"),
    against=names,
    max_participations=whole,
    mechanism=st.just("distributed-gaussian"),
    clipping_norm=positive,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    first = draw(requirements)
    also = tuple(draw(st.lists(requirements, max_size=2)))
    fields = {name: getattr(first, name) for name in Requirement.__slots__ if name != "also"}
    return Plan(
        format=1,
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,10}", fullmatch=True)),
        task=PLAN.task,
        data=draw(data()),
        model=PLAN.model,
        algorithm=Algorithm("fedavg", draw(whole), draw(positive), "equal", batch_size=draw(whole)),
        cohort=Cohort(
            "all", draw(whole), draw(shares), draw(st.none() | whole), draw(st.none() | shares.map(lambda s: 1 - s))
        ),
        protocol=PLAN.protocol,
        about=draw(st.text(st.characters(codec="utf-8"), max_size=20)),
        partition=draw(st.none() | st.builds(Partition, st.just("iid"), whole, st.none() | whole)),
        privacy=draw(st.none() | st.just(Requirement(**fields, also=also))),
        adversary=draw(st.none() | st.builds(Adversary, st.just("scale"), shares, whole, reals)),
        simulation=draw(st.none() | st.builds(Simulation, whole, whole)),
    )


@settings(max_examples=60, deadline=None)
@given(plans())
def test_a_written_plan_reads_back_equal(plan: Plan) -> None:
    text = plan.to_toml()
    again = Plan.parse(text)
    assert again == plan
    assert again.to_toml() == text


def test_the_survey_reads_back_equal_with_every_default_written() -> None:
    text = PLAN.to_toml()
    assert Plan.parse(text) == PLAN
    assert "local_epochs = 1" in text
