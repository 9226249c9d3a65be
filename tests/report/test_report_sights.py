"""The page shows the flow, the limit and the proof from the folder alone, and draws nothing that could run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tip.errors import DataError
from tip.explain.diagrams import said
from tip.explain.drawing import STYLE as DRAWN
from tip.explain.words import tell
from tip.flow.files import to_json
from tip.flow.language import read_file
from tip.flow.reasoning import derive
from tip.report.page import page
from tip.report.story import story
from tip.report.style import STYLE

if TYPE_CHECKING:
    from tip.files import RunFolder
    from tip.flow.derivation import Derivation

FLOWS = Path(__file__).parents[2] / "examples" / "flows"
EVIL = '</title></svg><script>alert(1)</script>" onload="x'


@pytest.fixture(scope="module")
def proof() -> Derivation:
    return derive(read_file(FLOWS / "hospital_consortium.toml"), "coordinator + paris", delta=1e-6)


def with_proof(folder: RunFolder, proof: Derivation) -> RunFolder:
    """The folder, promising first what is proven."""
    others = folder.read_json("guarantee.json")["guarantees"][1:]
    folder.write_json("guarantee.json", {"required": 1, "guarantees": [proof.guarantee.to_json(), *others]})
    folder.write_text("derivation.json", json.dumps(to_json(proof)))
    return folder


class _Shown(HTMLParser):
    """All attributes and elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)


def section_of(text: str) -> str:
    return text[text.index('id="sights"') :].partition("</section>")[0]


def test_the_flow_the_limit_and_the_proof_are_shown(a_run: RunFolder, proof: Derivation) -> None:
    shown = section_of(page(with_proof(a_run, proof).path))
    words = " ".join(unescape(re.sub("<[^>]*>", " ", shown)).split())
    assert shown.count("<svg ") == 3  # the flow for a desk and for a phone, and the curve
    assert "Strong lines are seen by whoever runs the rounds and “paris”, who pool all that they see." in words
    for sentence in (*said(proof.flow, proof.coalition), *tell(proof.guarantee, "reviewer", derivation=proof).proof):
        assert " ".join(sentence.split()) in words
    assert f"tip verify {a_run.path.name}/derivation.json" in words
    widths = [float(w) for w in re.findall(r'viewBox="0 0 ([\d.]+) ', shown)]
    assert widths[1] < widths[0]


def test_the_same_folder_gives_the_same_page(a_run: RunFolder, proof: Derivation) -> None:
    folder = with_proof(a_run, proof)
    assert page(folder.path) == page(folder.path)


def test_the_pictures_bring_no_style_of_their_own(a_run: RunFolder, proof: Derivation) -> None:
    """The page's policy admits one style sheet: an inline style would be dropped, and the picture be black."""
    shown = _Shown(page(with_proof(a_run, proof).path))
    assert not shown.names & {"style", "src", "href", "onload"}
    assert shown.tags.count("style") == 1
    assert not {"script", "img", "foreignobject"} & set(shown.tags)


def test_the_page_knows_every_look_of_a_picture() -> None:
    for look in set(re.findall(r"\.tip-\w+", DRAWN)):
        assert f"{look} {{" in STYLE


def test_a_folder_without_a_proof_shows_the_limit_alone(a_run: RunFolder) -> None:
    shown = section_of(page(a_run.path))
    assert shown.count("<svg ") == 1
    assert "tip verify" not in shown
    assert "step by step" not in shown


def test_where_nothing_is_promised_nothing_is_shown(a_run: RunFolder) -> None:
    guarantees = a_run.read_json("guarantee.json")["guarantees"]
    unproven = [g for g in guarantees if g["epsilon"] is None]
    assert unproven
    a_run.write_json("guarantee.json", {"required": 0, "guarantees": unproven})
    assert 'id="sights"' not in page(a_run.path)


def test_names_of_others_stay_words(a_run: RunFolder, proof: Derivation) -> None:
    named = replace(proof, flow=replace(proof.flow, name=EVIL, about=EVIL))
    shown = _Shown(page(with_proof(a_run, named).path))
    assert not {"script", "img"} & set(shown.tags)
    assert not shown.names & {"onload", "style"}


def test_a_damaged_proof_is_told_with_its_file(a_run: RunFolder, proof: Derivation) -> None:
    folder = with_proof(a_run, proof)
    data = folder.read_json("derivation.json")
    for text, words in (
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "holds no derivation"),
        (json.dumps({**data, "agent": 99}), "holds no derivation"),
        (json.dumps({**data, "flow": "x"}), "holds no derivation"),
    ):
        folder.write_text("derivation.json", text)
        with pytest.raises(DataError, match=words) as told:
            story(folder.path)
        assert "derivation.json" in str(told.value)


def test_the_proof_of_another_promise_is_refused(a_run: RunFolder, proof: Derivation) -> None:
    folder = with_proof(a_run, proof)
    other = derive(proof.flow, "coordinator", delta=1e-6)
    folder.write_text("derivation.json", json.dumps(to_json(other)))
    with pytest.raises(DataError, match="proves another promise"):
        page(folder.path)


MASKS = {
    "invited": 1000,
    "corrupt": 100,
    "dropouts": 100,
    "coordinator": "malicious",
    "graph": "drawn",
    "neighbors": 217,
    "degree": 115,
    "threshold": 79,
    "minimum": 900,
    "samples": 70,
    "honest": 797,
    "rounds": 50,
    "failure": 1e-11,
    "gives_up": 0,
}


def test_the_masks_are_told_where_the_folder_holds_them(a_run: RunFolder, proof: Derivation) -> None:
    assert "single vectors stay hidden" not in page(a_run.path)
    with_proof(a_run, proof).write_json("masks.json", MASKS)
    told = page(a_run.path)
    assert "How single vectors stay hidden" in told
    assert "It takes 79 of these parts" in told


@pytest.mark.parametrize(
    "changed",
    [{"degree": "115"}, {"degree": True}, {"coordinator": "kind"}, {"graph": 3}, {"more": 1}, {"failure": None}],
)
def test_damaged_masks_are_told_with_their_file(a_run: RunFolder, changed: dict[str, object]) -> None:
    a_run.write_json("masks.json", MASKS | changed)
    with pytest.raises(DataError, match=r"masks\.json.*no numbers of masked rounds"):
        page(a_run.path)
