"""Hostile text in pictures and pages: it stays text, and the file stays readable."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tip.explain.diagrams import svg
from tip.explain.drawable import drawable
from tip.flow.building import FlowBuilder
from tip.report.markup import element

HOSTILE = ["\x1b[31mred", "\x00", "\ufffe", "\u202eback", "</style></svg><script>alert(1)</script>", "\x9b31m"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_picture_of_a_hostile_flow_is_whole(text: str) -> None:
    made = FlowBuilder("plain", about="what it is").agents(a=2).party("hub")
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    flow = replace(made.message("m", by="a", says="x", to="hub").build(), about=text)
    drawn = svg(flow)
    assert not any(c in drawn for c in "\x1b\x00\ufffe\u202e\x9b")
    assert "script" not in {element.tag.rpartition("}")[2] for element in ET.fromstring(drawn).iter()}  # noqa: S314


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_holds_no_character_that_disguises_it(text: str) -> None:
    made = element("p", text, class_=text)
    assert not any(c in made for c in "\x1b\x00\ufffe\u202e\x9b")
    assert "<script" not in made


def test_other_text_stays_as_it_is() -> None:
    for text in ("a\n\tb", "é 漢 👩‍🔬 \u00a0\u202f\u00ad", "<&>\"'"):
        assert drawable(text) == text
