"""The page tells a run, marks what no guarantee covers, and runs nothing that its authors wrote."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError, DataError
from tip.explain.drawable import drawable
from tip.explain.words import in_words, out_of, rounded_up
from tip.privacy.guarantees import Guarantee
from tip.report.history import Release
from tip.report.markup import Markup, element, join, rows
from tip.report.page import page
from tip.report.story import story
from tip.report.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tip.files import RunFolder

    Build = Callable[..., RunFolder]

EVIL = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\" onload='x' $\\frac{1}"
_VOID = {"meta", "br", "hr", "img", "circle", "path", "use"}


class Checked(HTMLParser):
    """Reads a page: its tags, text, identifiers, and whether each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def test_the_page_tells_its_parts_in_order(a_run: RunFolder) -> None:
    text = page(a_run.path)
    heads = re.findall(r"<h2[^>]*>(.*?)</h2>", text)
    assert heads == [
        "Result",
        "What is promised",
        "Who sees what",
        "Round by round",
        "What each observer learns",
        "What is not protected",
        "Rounds given up",
        "Exact settings",
    ]
    checked = Checked(text)
    assert checked.open == []
    assert '<html lang="en">' in text
    told = story(a_run.path)
    for sentence in in_words(told.guarantees[0])[:6]:
        assert sentence in checked.text
    assert "0.821" in checked.text
    assert "0.830" in checked.text
    assert "148" in checked.text
    assert "Round 57: 3320 agents answered, 3400 are needed; nothing was released." in checked.text
    assert f"tip run {a_run.path.name}/plan.toml" in checked.text
    assert html.escape(told.plan_text) in text


def test_the_unenforced_assumption_comes_first(a_run: RunFolder) -> None:
    text = page(a_run.path)
    promised = text[text.index('id="promise"') :]
    assert promised.index("nothing enforces this") < promised.index("Against whoever runs the rounds")
    assert promised.index("ideal-sum") < promised.index("own noise")


def test_the_same_folder_gives_the_same_page(a_run: RunFolder) -> None:
    assert page(a_run.path) == page(a_run.path)


def test_the_page_loads_and_runs_nothing(a_run: RunFolder) -> None:
    text = page(a_run.path)
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"<style>{STYLE}</style>" in text
    assert text.count("<style>") == 1
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    assert f'content="{html.escape(policy)}"' in text
    checked = Checked(text)
    assert not checked.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "foreignobject"}
    names = {name for name, _ in checked.attributes}
    assert not names & {"style", "src", "srcset", "action"}
    assert not [name for name in names if name.startswith("on")]
    links = [value for name, value in checked.attributes if name in {"href", "xlink:href"}]
    assert all(value is not None and value.startswith("#") for value in links)
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_identifiers_are_unique_and_headings_name_their_sections(a_run: RunFolder) -> None:
    checked = Checked(page(a_run.path))
    found = [value for name, value in checked.attributes if name == "id"]
    assert len(found) == len(set(found))
    assert {value for name, value in checked.attributes if name == "aria-labelledby"} <= set(found)


def test_evaluation_is_marked_where_it_stands(a_run: RunFolder) -> None:
    text = page(a_run.path)
    for part in re.findall(r"<section.*?</section>", text, flags=re.DOTALL):
        if "0.821" in part or "Test AUC" in part:
            assert Release.EVALUATION in part


def test_figures_of_observers_are_those_of_the_guarantees(a_run: RunFolder) -> None:
    text = page(a_run.path)
    table = text[text.index('id="observers"') : text.index('id="open"')]
    lines = re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.DOTALL)[1:]
    guarantees = story(a_run.path).guarantees
    assert len(lines) == len(guarantees) == 5
    for line, g in zip(lines, guarantees, strict=True):
        cells = [html.unescape(re.sub("<[^>]*>", " ", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", line)]
        assert g.coalition.text in cells[0]
        if g.epsilon is None:
            assert cells[2:5] == ["–", "–", "–"]
            assert g.missing in cells[5]
        else:
            assert cells[2:4] == [rounded_up(g.epsilon), rounded_up(g.delta.total)]
            assert float(cells[4]) >= 100 * g.hit_rate(0.01)
            assert float(cells[4]) <= 100 * g.hit_rate(0.01) * 1.1


def test_the_dots_count_the_hit_rate(a_run: RunFolder) -> None:
    text = page(a_run.path)
    hits, base = out_of(story(a_run.path).guarantees[0].hit_rate(0.01))
    assert base == 100
    assert text.count('class="rest"') == base - hits
    assert text.count('class="hit guess"') + text.count('class="hit"') == hits


def test_untrusted_words_stay_words(a_run: RunFolder, rebuild: Build) -> None:
    plan = (
        a_run.read_text("plan.toml").replace('"diabetes-survey"', json.dumps(EVIL)).replace('"auc"', json.dumps(EVIL))
    )
    folder = rebuild(a_run.path.parent / "evil", plan=plan.replace("5,018 adults", "5,018 <b>adults</b>"))
    guarantees = folder.read_json("guarantee.json")
    for g in guarantees["guarantees"]:
        g["scope"] = EVIL
        g["assumptions"] = [{"name": EVIL, "sentence": EVIL}]
        g["missing"] = EVIL if g["missing"] else ""
    folder.write_json("guarantee.json", guarantees)
    summary = folder.read_json("summary.json")
    folder.write_json("summary.json", {**summary, "metrics": {EVIL: 0.5, "b" + EVIL: 0.1}, "baseline": {EVIL: 0.6}})
    lines = folder.read_lines("history.jsonl")
    played = [json.loads(line) for line in lines[1:]]
    changed = [{**r, "metrics": {EVIL: 0.5}, "reason": EVIL if r["reason"] else ""} for r in played]
    folder.write_text("history.jsonl", "\n".join([lines[0], *map(json.dumps, changed), ""]))
    text = page(folder.path)
    checked = Checked(text)
    assert checked.open == []
    assert not checked.tags & {"script", "img", "b"}
    assert not [name for name, _ in checked.attributes if name.startswith("on")]
    assert checked.text.count("alert(1)") >= 8
    assert page(folder.path) == text


def test_a_builder_that_does_not_escape_is_seen(a_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above bites: with escaping taken out, the same reader finds the script."""
    monkeypatch.setattr("tip.report.markup.html.escape", lambda text: text)
    a_run.write_text("plan.toml", a_run.read_text("plan.toml").replace('"diabetes-survey"', json.dumps(EVIL)))
    with pytest.raises(AssertionError):
        Checked(page(a_run.path))


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)


@pytest.mark.usefixtures("no_figures")
def test_without_matplotlib_the_page_has_tables(a_run: RunFolder) -> None:
    text = page(a_run.path)
    assert "pip install matplotlib" in text
    assert 'viewBox="0 0 352' not in text
    assert "<table" in text[text.index('id="curves"') :]


def test_an_unfinished_run_has_a_page(a_run: RunFolder) -> None:
    (a_run.path / "summary.json").unlink()
    text = Checked(page(a_run.path)).text
    assert "not finished" in text
    (a_run.path / "history.jsonl").unlink()
    assert "No round was played yet." in Checked(page(a_run.path)).text


def test_a_run_without_privacy_says_so(a_run: RunFolder, rebuild: Build) -> None:
    plan = re.sub(r"\[privacy\].*?\n\n", "", a_run.read_text("plan.toml"), flags=re.DOTALL)
    folder = rebuild(a_run.path.parent / "open", plan=plan, rounds=3)
    lines = [json.loads(line) for line in folder.read_lines("history.jsonl")]
    unbounded = [lines[0], *({**line, "epsilon_spent": None} for line in lines[1:])]
    folder.write_text("history.jsonl", "".join(json.dumps(line) + "\n" for line in unbounded))
    entries = folder.read_json("guarantee.json")["guarantees"]
    nothing = [
        {**e, "epsilon": None, "status": "not proven", "missing": "no noise", "rho": None, "assumptions": []}
        for e in entries
    ]
    folder.write_json("guarantee.json", {"guarantees": nothing})
    text = Checked(page(folder.path)).text
    assert "the plan states no privacy requirement" in text
    assert "Nothing is promised here: not proven. What is missing: no noise." in text
    assert "Epsilon spent, round by round" not in text


def test_long_histories_stay_short_pages(tmp_path: Path, rebuild: Build) -> None:
    text = page(rebuild(tmp_path / "long", rounds=900).path)
    assert len(text) < 120_000
    assert "One round in 23, and the last" in text


@pytest.mark.parametrize("name", ["plan.toml", "guarantee.json"])
def test_what_is_missing_is_named(a_run: RunFolder, name: str) -> None:
    (a_run.path / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        page(a_run.path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.toml", "a = "),
        ("plan.toml", "\udcff"),
        ("guarantee.json", "{}"),
        ("guarantee.json", '{"guarantees": [1]}'),
        ("guarantee.json", '{"guarantees": [{"epsilon": 1}]}'),
        ("summary.json", "[]"),
        ("history.jsonl", "{}\n"),
    ],
)
def test_damaged_files_are_told(a_run: RunFolder, name: str, content: str) -> None:
    a_run.write_bytes(name, content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=name):
        page(a_run.path)


@pytest.mark.parametrize("summary", ['{"metrics": 3}', '{"metrics": {"auc": "<b>"}, "run": []}', '{"baseline": null}'])
@pytest.mark.usefixtures("no_figures")
def test_odd_summaries_do_no_harm(a_run: RunFolder, summary: str) -> None:
    a_run.write_text("summary.json", summary)
    assert Checked(page(a_run.path)).open == []


@pytest.mark.parametrize(
    "plan",
    ["", "name = 3", "[task]\nmetric = []", "privacy = 1", "[privacy]\nepsilon = nan", "[algorithm]\nrounds = 'x'"],
)
@pytest.mark.usefixtures("no_figures")
def test_odd_plans_do_no_harm(a_run: RunFolder, plan: str) -> None:
    a_run.write_text("plan.toml", plan)
    assert Checked(page(a_run.path)).open == []


@given(st.text(), st.text())
def test_elements_escape_by_construction(text: str, value: str) -> None:
    made = element("p", text, title=value)
    assert isinstance(made, Markup)
    assert html.unescape(made[made.index(">") + 1 : -4]) == html.unescape(html.escape(drawable(text)))
    assert made.count("<") == 2
    assert join(made, text) == made + html.escape(drawable(text))


def test_tables_keep_their_meaning_as_cards() -> None:
    table = rows(("A", "B"), [("1", "<2>")], caption="c", look="cards")
    for role in ("table", "rowgroup", "row", "columnheader", "cell"):
        assert f'role="{role}"' in table
    assert '<td role="cell" data-label="B">&lt;2&gt;</td>' in table


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colors."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast(theme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, flags=re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[theme]))
    pairs = [(ink, paper) for ink in ("ink", "soft", "accent", "warn") for paper in ("paper", "card")]
    for ink, paper in [
        *pairs,
        ("warn", "warn-back"),
        ("ink", "warn-back"),
        ("ink", "accent-back"),
        ("soft", "accent-back"),
    ]:
        assert contrast(colors[ink], colors[paper]) >= 4.5, (ink, paper)


def test_guarantees_come_back_whole(a_run: RunFolder) -> None:
    entries: list[dict[str, Any]] = a_run.read_json("guarantee.json")["guarantees"]
    assert story(a_run.path).guarantees == tuple(Guarantee.from_json(entry) for entry in entries)


def test_each_requirement_is_worded(a_run: RunFolder) -> None:
    entries = a_run.read_json("guarantee.json")["guarantees"]
    a_run.write_json("guarantee.json", {"required": 2, "guarantees": entries})
    told = story(a_run.path)
    text = Checked(page(a_run.path)).text
    assert [g.coalition.text for g in told.asked] == ["coordinator + 10% of agents", "world"]
    assert text.count("Also required") == 1
    for sentence in [*in_words(told.asked[0]), *in_words(told.asked[1])[:2]]:
        assert sentence.removeprefix("– ") in text  # an item of a list, which a page draws as one


@pytest.mark.parametrize(
    ("added", "stated"),
    [
        ("", 1),
        ("[[privacy.also]]\nepsilon = 1.0\n", 2),
        ('[[privacy.also]]\nepsilon = 1.0\n[[privacy.also]]\nepsilon = 1.0\n[budget]\nledger = "l.jsonl"\n', 4),
        ('[budget]\nledger = "none"\n', 1),
    ],
)
def test_requirements_are_counted_from_the_plan_where_the_folder_does_not_say(
    a_run: RunFolder, added: str, stated: int
) -> None:
    a_run.write_text("plan.toml", a_run.read_text("plan.toml") + added)
    assert story(a_run.path).stated == stated


@pytest.mark.parametrize("required", [True, -1, "2", None, 1.5])
def test_an_odd_count_of_requirements_is_not_believed(a_run: RunFolder, required: object) -> None:
    entries = a_run.read_json("guarantee.json")["guarantees"]
    a_run.write_json("guarantee.json", {"required": required, "guarantees": entries})
    assert story(a_run.path).stated == 1


def test_liars_and_answers_are_told(a_run: RunFolder) -> None:
    plan = a_run.read_text("plan.toml")
    a_run.write_text("plan.toml", plan + '[adversary]\nkind = "label-flip"\nfraction = 0.1\n')
    text = Checked(page(a_run.path)).text
    assert "4,015 agents were asked in a round, and 3,320 to 3,811 of them answered." in text
    assert "Of the enrolled agents 10 % were simulated liars (label-flip)." in text


def test_a_seeded_run_is_warned_of_above_the_promise(a_run: RunFolder) -> None:
    text = page(a_run.path)
    assert text.index("This is a simulation") < text.index("Against whoever runs the rounds")
