"""Figures are plain, repeatable SVG that a strict page may hold."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tip.report.figures import budget_curve, learning_curve

if TYPE_CHECKING:
    import pytest

CURVE = [(float(i), 0.5 + i / 100) for i in range(1, 21)]


def drawings() -> list[str]:
    drawn = [learning_curve(CURVE, baseline=0.72), budget_curve(CURVE, limit=2.0)]
    assert all(drawn)
    return [str(figure) for figure in drawn]


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert drawings() == drawings()


def test_a_strict_page_may_hold_them() -> None:
    for svg in drawings():
        assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own text
        for banned in ("style", "<script", "metadata", "<!--", "font-family", "date"):
            assert banned not in svg
        assert svg.count("http") == svg.count("http://www.w3.org/")


def test_colors_are_those_of_the_page() -> None:
    for svg in drawings():
        assert "var(--accent)" in svg
        assert not [part for part in svg.split('"') if part.startswith("#") and len(part) == 7 and "-" not in part]


def test_identifiers_do_not_collide() -> None:
    learning, budget = ({part.split('"')[0] for part in svg.split('id="')[1:]} for svg in drawings())
    assert learning
    assert not learning & budget
    for svg in drawings():
        found = {part.split('"')[0] for part in svg.split('id="')[1:]}
        asked = {part.split('"')[0] for part in svg.split('href="#')[1:]}
        asked |= {part.split(")")[0] for part in svg.split("url(#")[1:]}
        assert asked <= found


def test_text_stays_text() -> None:
    learning, budget = drawings()
    assert "baseline 0.720</text>" in learning
    assert "0.700</text>" in learning
    assert "limit 2</text>" in budget


def test_one_point_and_no_lines_beside_it() -> None:
    assert learning_curve([(1.0, 0.5)], baseline=None)
    assert budget_curve([(0.0, 0.0), (1.0, 0.0)], limit=None)


def test_without_matplotlib_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert learning_curve(CURVE, baseline=None) is None
    assert budget_curve(CURVE, limit=None) is None
