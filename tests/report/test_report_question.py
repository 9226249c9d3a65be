"""The page of a question: estimates as they are, the truth marked, words that the guarantee bears."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from tip.errors import ConfigurationError, DataError
from tip.files import RunFolder
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.privacy.guarantees import Status
from tip.report.answers import Answer, answer_classes, read_answer, write_answer
from tip.report.history import Release
from tip.report.mechanism import described, for_participants, influence_in_words
from tip.report.page import page

if TYPE_CHECKING:
    from pathlib import Path

MECHANISM = GeneralizedRandomizedResponse(categories=3, epsilon=1.0)
EVIL = "</title><script>alert(1)</script>\" onload='x'"
PLAN = """\
format = 1
name = "asked"

[task]
kind = "histogram"
baseline = "central"

[question]
column = "drugs"
text = "Ever?"
categories = ["Yes", "No"]
unlisted = "item"

[protocol]
kind = "local"

[privacy]
epsilon = 1.0
delta = 0.0

[robustness]
malicious = 0.02

[adversary]
kind = "false-claim"
fraction = 0.02
claim = "Yes"

[simulation]
seed = 1
"""
ANSWER = Answer(
    number=1,
    asked=5018,
    counted=4764,
    refused=3,
    released=True,
    reason="",
    epsilon_spent=1.0,
    delta_spent=0.0,
    items=("Yes", "No", "no listed answer"),
    estimate=(-0.0123, 0.8211, 0.19),
    low=(-0.041, 0.79, 0.16),
    high=(0.0145, 0.85, 0.22),
    variance=(1e-4, 4e-4, 1e-4),
    wary_low=(-0.063, 0.77, 0.14),
    wary_high=(0.036, 0.87, 0.24),
    truth=(0.0021, 0.8, 0.1979),
    liars=95,
)


@pytest.fixture
def asked(tmp_path: Path) -> RunFolder:
    return build(tmp_path, ANSWER)


def build(root: Path, answer: Answer, plan: str = PLAN) -> RunFolder:
    folder = RunFolder.create(root, "asked")
    guarantee = replace(MECHANISM.guarantee, status=Status.SIMULATED)
    folder.write_text("plan.toml", plan)
    folder.write_json("guarantee.json", {"required": 1, "guarantees": [guarantee.to_json()]})
    folder.write_json("mechanism.json", described(MECHANISM, answer.items, ""))
    write_answer(folder.at("history.jsonl"), answer)
    folder.write_json("summary.json", {"metrics": {}, "baseline": None, "run": {"interrupted": False}})
    return folder


class Read(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def test_the_page_tells_its_parts_in_order(asked: RunFolder) -> None:
    text = page(asked.path)
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", text) == [
        "Answer",
        "What is promised",
        "If you are asked",
        "Item by item",
        "Who sees what",
        "What each observer learns",
        "What liars can do",
        "What is not protected",
        "Exact settings",
    ]
    said = Read(text).text
    assert "5,018 agents were asked, 4,764 reports count, 3 were refused as malformed." in said
    assert "gives the same answer" not in said
    assert "the same settings give the same answer to the bit" in said
    assert 'In this run 95 simulated liars claimed "Yes" (evaluation only, outside the guarantee).' in said
    assert page(asked.path) == text


def test_negative_estimates_stay_negative_and_the_truth_is_marked(asked: RunFolder) -> None:
    said = Read(page(asked.path)).text
    assert "−1.2 %" in said
    assert "(−4.1 % to 1.5 %)" in said or "(−4.1 % to 1.4 %)" in said
    assert "the true answer: evaluation only, outside the guarantee" in said
    assert "Truth*" in said
    mark = page(asked.path)
    assert mark.index(Release.EVALUATION) < mark.index('class="truth"')


def test_without_a_baseline_no_truth_is_drawn(tmp_path: Path) -> None:
    text = page(build(tmp_path, replace(ANSWER, truth=(), liars=None)).path)
    assert 'class="truth"' not in text
    assert "Truth*" not in text
    assert "simulated liars" not in text


def test_the_words_for_participants_are_what_the_mechanism_does() -> None:
    told = described(MECHANISM, ANSWER.items, "")
    sentences = " ".join(for_participants(told, MECHANISM.guarantee))
    assert "your true answer in at most 58 cases out of 100, and each other one in at most 22 cases" in sentences
    assert float(MECHANISM.p) <= 0.58 < float(MECHANISM.p) + 0.01
    factor = float(re.search(r"at most a factor of ([\d.]+)\.", sentences)[1])  # type: ignore[index] # it is there
    assert factor >= float(MECHANISM.ratio)
    assert factor < 1.01 * math.exp(1.0)
    two = for_participants(described(GeneralizedRandomizedResponse(2, 1.0), ("a", "b"), ""), MECHANISM.guarantee)
    assert "in at most 74 cases out of 100" in two[1]


def test_the_influence_is_told_upward() -> None:
    told = described(MECHANISM, ANSWER.items, "")
    first, second = influence_in_words(told, counted=1000, malicious=0.02, scale=None)
    assert float(re.search(r"at most ([\d.]+) people", first)[1]) >= MECHANISM.max_influence().item  # type: ignore[index]
    share = float(re.search(r"at most ([\d.]+) percentage points", second)[1])  # type: ignore[index]
    assert share >= 2 * MECHANISM.max_influence().item
    assert influence_in_words(told, counted=1000, malicious=0.0, scale=None) == (first,)
    (mean,) = influence_in_words({"influence": {"item": 2.0}}, counted=1000, malicious=0.0, scale=15.0)
    assert "by at most 0.03" in mean
    assert influence_in_words({}, counted=1000, malicious=0.1, scale=None) == ()


@pytest.mark.parametrize("epsilon", [1e-3, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("mechanism", [GeneralizedRandomizedResponse, SubsetSelection, OptimizedUnaryEncoding])
def test_no_report_changes_the_odds_by_more_than_is_said(mechanism: Any, epsilon: float) -> None:  # noqa: ANN401 - several classes
    asked = mechanism(4, epsilon)
    sentence = for_participants(described(asked, ("a", "b", "c", "d"), ""), asked.guarantee)[-1]
    factor = Fraction(re.search(r"at most a factor of ([\d.]+)\.", sentence)[1])  # type: ignore[index] # it is there
    laws = [asked.law(item) for item in range(4)]
    largest = max(one[report] / other[report] for one in laws for other in laws for report in one)
    assert largest <= factor  # whatever the prior odds: Bayes multiplies them by this ratio
    assert largest > 1 + (factor - 1) * Fraction(9, 10)  # a sentence with a tenth less would be false


def test_nothing_that_its_authors_wrote_runs(tmp_path: Path) -> None:
    evil = replace(ANSWER, items=(EVIL, "No", "no listed answer"))
    text = page(build(tmp_path, evil, PLAN.replace('"Ever?"', json.dumps(EVIL))).path)
    read = Read(text)
    assert "script" not in read.tags
    assert not read.names & {"style", "onload", "src"}
    assert EVIL in " ".join(read.said)


def test_a_question_that_was_given_up_says_why(tmp_path: Path) -> None:
    lists = ("estimate", "low", "high", "variance", "wary_low", "wary_high", "truth")
    nothing: dict[str, Any] = dict.fromkeys(lists, ())
    lost = replace(ANSWER, released=False, reason="12 reports count; the minimum is 20", liars=None, **nothing)
    said = Read(page(build(tmp_path, lost).path)).text
    assert "There is no answer: 12 reports count; the minimum is 20. Nothing was released." in said


def test_a_mean_is_told_on_its_own_scale(tmp_path: Path) -> None:
    one: dict[str, Any] = {"estimate": (41.25,), "low": (39.5,), "high": (43.0,), "variance": (0.8,), "truth": (41.9,)}
    mean = replace(ANSWER, items=("age",), **one, wary_low=(38.5,), wary_high=(44.0,), liars=None)
    plan = PLAN.replace('"histogram"', '"mean"').replace('categories = ["Yes", "No"]', "range = [20, 80]")
    said = Read(page(build(tmp_path, mean, plan).path)).text
    assert "41.25 (39.5 to 43)" in said
    assert "the upright line is 20" in said
    assert "%" not in said[said.index("Item by item") : said.index("Who sees what")].replace("95%", "")


def test_intervals_that_allow_for_liars_are_told_where_there_are_some(tmp_path: Path) -> None:
    said = Read(page(build(tmp_path / "some", ANSWER).path)).text
    assert re.search(r"whatever .* sent: Yes −6.3 % to 3.6 %; No 77.0 % to 87.0 %", said)
    none = replace(ANSWER, wary_low=(), wary_high=())
    assert "honest agents' answers whatever" not in Read(page(build(tmp_path / "none", none).path)).text


def test_long_lists_are_cut_and_say_so(tmp_path: Path) -> None:
    count = 100
    many = replace(
        ANSWER,
        items=tuple(f"item {i}" for i in range(count)),
        **{name: tuple(i / 1000 for i in range(count)) for name in ("estimate", "low", "high", "variance")},  # type: ignore[arg-type]
        wary_low=(),
        wary_high=(),
        truth=(),
    )
    said = Read(page(build(tmp_path, many).path)).text
    assert "And 60 more items" in said
    assert "item 99" in said
    assert "item 59" not in said


def test_every_figure_has_its_class() -> None:
    classes = answer_classes()
    assert classes["truth"] is classes["liars"] is Release.EVALUATION
    charged = ("estimate", "low", "high", "variance", "wary_low", "wary_high")
    assert {classes[n] for n in charged} == {Release.POST_PROCESSING}


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 0},
        {"counted": 6000},
        {"refused": -1},
        {"released": False},
        {"estimate": (0.1,)},
        {"truth": (0.1,)},
        {"released": False, "reason": "x"},
    ],
)
def test_what_no_question_can_leave_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="answer"):
        replace(ANSWER, **changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("asked", "many"),
        ("estimate", [None, 0.1, 0.2]),
        ("items", [1, 2, 3]),
        ("liars", 0.5),
        ("released", 1),
        ("truth", [True, 0.1, 0.2]),
        ("number", 0),
    ],
)
def test_damaged_records_are_told(asked: RunFolder, name: str, value: object) -> None:
    file = asked.at("history.jsonl")
    assert read_answer(file) == ANSWER
    head, line = file.read_text().splitlines()
    file.write_text(f"{head}\n{json.dumps({**json.loads(line), name: value})}\n")
    with pytest.raises(DataError):
        read_answer(file)
    file.write_text(f"{line}\n{head}\n")
    with pytest.raises(DataError, match="not those of an answer"):
        read_answer(file)
