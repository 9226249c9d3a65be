"""The pictures of the example flows in the documentation are those that tip draws today, and they are shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import tip
from tip.explain.diagrams import svg
from tip.flow.coherence import coalition_names
from tip.privacy.coalitions import Coalition

ROOT: Final = Path(__file__).parents[2]
FLOWS: Final = sorted((ROOT / "examples" / "flows").glob("*.toml"))
PAGES: Final = ("flow.md", "flow-language.md")


def picture(flow_file: Path) -> Path:
    return ROOT / "docs" / f"flow-{flow_file.stem.replace('_', '-')}.svg"


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_the_picture_is_fresh(path: Path) -> None:
    flow = tip.read_flow(path)
    against = flow.requirements[0].against
    drawn = svg(flow, Coalition.parse(against, names=coalition_names(flow, against)))
    command = f"tip explain {path.relative_to(ROOT)} --diagram {picture(path).relative_to(ROOT)}"
    assert picture(path).read_text("utf-8") == drawn, f"draw it again: {command}"


def test_each_picture_is_shown_once_and_told() -> None:
    shown = [
        m
        for page in PAGES
        for m in re.findall(r"!\[(.*)\]\((flow-.*\.svg)\)", (ROOT / "docs" / page).read_text("utf-8"))
    ]
    assert sorted(name for _, name in shown) == sorted(picture(path).name for path in FLOWS)
    assert all(len(told) > 40 for told, _ in shown)
