"""Pictures of flows: whole, legible, safe, and true to what the view of a coalition holds."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import tip
from tip.errors import ConfigurationError
from tip.explain.diagrams import mermaid, said, svg
from tip.explain.drawing import STYLE, fitted, inline, tag, width_of
from tip.explain.eyes import Seen
from tip.explain.scene import Scene, scene
from tip.explain.tongues import tongue_of
from tip.flow.expressions import parse
from tip.flow.language import read_file
from tip.flow.model import (
    Choice,
    Fact,
    Flow,
    Graph,
    Group,
    Interval,
    Law,
    Message,
    Noise,
    Report,
    Secret,
    Wiring,
)
from tip.flow.seeing import Insiders, members_of
from tip.privacy.coalitions import Coalition
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.explain.tongue import Language

EXAMPLES = Path(tip.__file__).parents[1] / "examples" / "flows"
WORDS = tongue_of("en").staged
ONE = Interval(Fraction(0), Fraction(1))

STRANGE = Flow(
    'a "quoted" <script>alert(1)</script> & more', "about <b> & ]]>",
    (Group("voter_with_a_very_long_name", 120_000), Group("auditor", 1), Group("trio", 3)),
    ("mixer", "analyst", "archive"),
    graphs=(Graph("circle", "trio", Wiring.RING),),
    secrets=(
        Secret("ballot", "voter_with_a_very_long_name", Choice(3), Neighboring.REPLACE_ONE, adaptive=False, rounds=5),
        Secret("v", "auditor", ONE, Neighboring.REPLACE_ONE, adaptive=False),
        Secret("w", "trio", ONE, Neighboring.REPLACE_ONE, adaptive=False),
    ),
    noises=(
        Noise("own", "auditor", Law.LAPLACE, scale=Fraction(2)),
        Noise("pair", "circle", Law.GAUSSIAN, Fraction(3)),
        Noise("shared", "mixer", Law.GAUSSIAN, Fraction(1), known_to=("trio",)),
    ),
    messages=(
        Message("kept", "auditor", parse("v + own"), ("nobody",)),
        Message("sent", "auditor", parse(" + ".join(["v", "own"] * 20)), ("analyst", "everybody")),
        Message("around", "trio", parse("w + signed(pair)"), ("neighbors in circle",)),
        Message("passed", "trio", parse("w + signed(pair)"), ("next in trio",)),
        Message("inside", "trio", parse("w + signed(pair)"), ("trio",)),
        Message("told", "mixer", parse("shared"), ("analyst",)),
    ),
    reports=(
        Report("vote", "ballot", Fraction(31, 7), ("analyst", "archive"), rounds=5, shuffled_by="mixer", least=100_000),
    ),
    facts=(Fact("roster", ("everybody",), "who is asked & when: " + "a long story " * 12),),
)  # fmt: skip


def flows() -> list[Flow]:
    return [*(read_file(path) for path in sorted(EXAMPLES.glob("*.toml"))), STRANGE]


def coalition(text: str, flow: Flow) -> Coalition:
    return Coalition.parse(text, names=(*flow.parties, *flow.members_named(), "trio.1", "person.3"))


def asked(flow: Flow) -> list[Coalition | None]:
    texts = ["world", "34% of agents", *flow.parties]
    return [None, *(coalition(text, flow) for text in texts)]


CASES = [(flow, whom) for flow in flows() for whom in asked(flow)]


@dataclass(frozen=True)
class Box:
    """Where a text stands."""

    said: str
    left: float
    right: float
    base: float


def boxes(drawn: str) -> Iterator[Box]:
    for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text"):  # noqa: S314 - our own
        said, look = element.text or "", element.get("class") or ""
        wide = width_of(said, mono="mono" in look, bold="bold" in look) * (12 / 13 if "small" in look else 1)
        x, anchor = float(element.get("x") or 0), element.get("text-anchor") or "start"
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        yield Box(said, left, left + wide, float(element.get("y") or 0))


def collisions(drawn: str) -> list[tuple[str, str]]:
    """Pairs of texts that would be printed over one another."""
    found, seen = list[tuple[str, str]](), list[Box]()
    for box in boxes(drawn):
        near = (other for other in seen if abs(box.base - other.base) < 11)
        found += [(box.said, o.said) for o in near if box.left < o.right - 1 and o.left < box.right - 1]
        seen.append(box)
    return found


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize(("flow", "whom"), CASES)
def test_texts_lie_apart_and_on_the_sheet(flow: Flow, whom: Coalition | None, language: Language) -> None:
    drawn = svg(flow, whom, language=language)
    assert not collisions(drawn)
    _, _, width, height = map(float, (ET.fromstring(drawn).get("viewBox") or "").split())  # noqa: S314 - our own
    for box in boxes(drawn):
        assert box.left >= 0, box
        assert box.right <= width + 1, box
        assert 0 < box.base < height


def test_collisions_are_found() -> None:
    overlapping = [
        tag("text", "one label", x=10, y=20, class_="tip-sans"),
        tag("text", "two", x=40, y=24, class_="tip-sans"),
    ]
    assert collisions(f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(overlapping)}</svg>') == [("two", "one label")]


@pytest.mark.parametrize(("flow", "whom"), CASES)
def test_the_file_is_whole_and_needs_nothing(flow: Flow, whom: Coalition | None) -> None:
    drawn = svg(flow, whom)
    tree = ET.fromstring(drawn)  # noqa: S314 - our own
    assert [child.tag.rpartition("}")[2] for child in tree][:3] == ["title", "desc", "style"]
    assert tree.get("role") == "img"
    names = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not names & {"script", "image", "foreignObject", "a", "use", "link", "iframe"}
    attributes = [(name, value) for element in tree.iter() for name, value in element.attrib.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or "href" in name]
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "url(" not in drawn
    assert "@import" not in drawn
    assert "prefers-color-scheme:dark" in drawn
    told = tree[1].text or ""
    assert all(f"{m.name}" in told for m in flow.messages)


def test_names_are_escaped() -> None:
    drawn = svg(STRANGE)
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
    assert (ET.fromstring(drawn)[0].text or "") == f"The flow “{STRANGE.name}”"  # noqa: S314 - our own
    assert tag("rect", title='"<&') == '<rect title="&quot;&lt;&amp;"/>'


# -- what is seen ---------------------------------------------------------------------------------


def small(flow: Flow) -> bool:
    return flow.enrolled <= 5000


def rows_seen(insiders: Insiders, message: Message) -> Seen:
    """How much of a message the view of this coalition holds, by the rules that guarantees are computed with."""
    rows = len(insiders.owns(message.by))
    seen = len(insiders.seen(message))
    return Seen.NOTHING if not seen else Seen.ALL if seen == rows else Seen.PART


@pytest.mark.parametrize(
    ("flow", "text"),
    [(flow, text) for flow in flows() if small(flow) for text in ("world", *flow.parties)]
    + [(flow, "person.3") for flow in flows() if small(flow) and any(g.name == "person" for g in flow.groups)]
    + [(STRANGE, text) for text in ("world", "mixer", "analyst", "trio.1", "auditor", "auditor + trio.1")],
)
def test_what_is_colored_is_what_the_view_holds(flow: Flow, text: str) -> None:
    whom = coalition(text, flow)
    parties, agents = members_of(flow, whom)
    insiders = Insiders(flow, parties, agents)
    told = scene(flow, whom, WORDS)
    for message, act in zip(flow.messages, told.acts, strict=False):
        assert act.seen is rows_seen(insiders, message), message.name
    symbols: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    for symbol in symbols:
        unknown, rows = len(insiders.unknown(symbol)), len(insiders.owns(symbol.of))
        expected = Seen.ALL if not unknown else Seen.NOTHING if unknown == rows else Seen.PART
        shown = {held.seen for actor in told.actors for held in actor.holds if held.name == symbol.name}
        assert shown == {expected}, symbol.name


def test_a_share_of_agents_may_be_any_agents() -> None:
    flow = next(f for f in flows() if f.name == "federated-averaging")
    told = scene(flow, coalition("coordinator + 10% of agents", flow), WORDS)
    assert [act.seen for act in told.acts] == [Seen.PART, Seen.ALL, Seen.ALL]
    assert [actor.inside for actor in told.actors] == [Seen.PART, Seen.NOTHING, Seen.ALL, Seen.NOTHING]
    nobody = scene(flow, coalition("0.001% of agents", flow), WORDS)
    assert nobody.actors[0].inside is Seen.NOTHING
    assert [act.seen for act in nobody.acts] == [Seen.NOTHING, Seen.NOTHING, Seen.ALL]


def ring(size: int, wiring: Wiring) -> Flow:
    return Flow(
        "x", "x", (Group("a", size),), (), graphs=(Graph("g", "a", wiring),),
        secrets=(Secret("s", "a", ONE, Neighboring.REPLACE_ONE, adaptive=False),),
        noises=(Noise("pair", "g", Law.GAUSSIAN, Fraction(1)),),
        messages=(
            Message("m", "a", parse("s + signed(pair)"), ("neighbors in g",)),
            Message("n", "a", parse("s"), ("next in a",)),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("wiring", [Wiring.RING, Wiring.PATH, Wiring.STAR, Wiring.COMPLETE])
@pytest.mark.parametrize("size", [4, 6, 9])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_share_is_shown_to_see_what_the_worst_of_its_coalitions_sees(wiring: Wiring, size: int, count: int) -> None:
    """Against all coalitions of that size, one by one: never less is shown, and for rings exactly the worst."""
    flow = ring(size, wiring)
    told = scene(flow, Coalition.parse(f"{100 * count}/{size}% of agents"), WORDS)
    worst = {"m": Seen.NOTHING, "n": Seen.NOTHING, "pair": Seen.NOTHING}
    for members in itertools.combinations(range(size), count):
        insiders = Insiders(flow, frozenset(), np.array(members, np.int64))
        for message in flow.messages:
            worst[message.name] = max(worst[message.name], rows_seen(insiders, message))
        unknown = len(insiders.unknown(flow.noises[0]))
        worst["pair"] = max(worst["pair"], Seen.ALL if not unknown else Seen.PART)
    shown = {act.name: act.seen for act in told.acts} | {h.name: h.seen for h in told.actors[0].holds}
    assert all(shown[name] >= seen for name, seen in worst.items())
    if wiring is Wiring.RING:
        assert all(shown[name] is seen for name, seen in worst.items())


def test_a_shuffler_stands_between() -> None:
    first, second = scene(STRANGE, coalition("analyst", STRANGE), WORDS).acts[-2:]
    assert (first.seen, second.seen) == (Seen.NOTHING, Seen.ALL)
    assert (first.says, second.says) == ("ballot, changed by chance (ratio 31/7)", "at least 100,000 of them, mixed")
    first, second = scene(STRANGE, coalition("mixer", STRANGE), WORDS).acts[-2:]
    assert (first.seen, second.seen) == (Seen.ALL, Seen.ALL)


def test_without_a_coalition_nothing_is_colored() -> None:
    told: Scene = scene(STRANGE, None, WORDS)
    assert not told.highlighted
    assert {act.seen for act in told.acts} == {Seen.PLAIN}
    drawn = svg(STRANGE)
    assert "tip-seen" not in drawn.split("</style>")[1]
    assert "tip-strong" not in drawn.split("</style>")[1]


def test_lines_say_how_much_is_seen() -> None:
    flow = next(f for f in flows() if f.name == "federated-averaging")
    body = svg(flow, coalition("coordinator + 10% of agents", flow)).split("</style>")[1]
    assert len(re.findall(r'<line [^>]*class="tip-strong"[^>]*stroke-dasharray="6 4"', body)) == 2  # and the legend's
    assert len(re.findall(r'<line [^>]*class="tip-strong" stroke-width="2.6"/>', body)) == 3
    assert "seen by “coordinator + 10% of agents”" in body


def test_nobody_of_the_flow_is_refused() -> None:
    flow = next(f for f in flows() if f.name == "gossip")
    with pytest.raises(ConfigurationError, match="nobody in this flow"):
        svg(flow, Coalition.parse("stranger", names=("stranger",)))


# -- Mermaid --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flow", "whom"), CASES)
def test_mermaid_has_each_arrow_once_with_its_color(flow: Flow, whom: Coalition | None) -> None:
    told = mermaid(flow, whom)
    lines = told.splitlines()
    edges = [line for line in lines if "-->" in line or "-.->" in line]
    styles = [line for line in lines if "linkStyle" in line]
    acts = scene(flow, whom, WORDS).acts
    assert len(edges) == len(styles) == sum(len(act.arrows) for act in acts)
    assert [int(line.split()[1]) for line in styles] == list(range(len(edges)))
    strong = sum(len(act.arrows) for act in acts if act.seen is Seen.ALL)
    assert sum("#b23a08" in line for line in styles) == strong
    for line in edges:
        assert re.fullmatch(r'  n\d+ (-->|-\.->)\|"[^"|<>]*<b>[^"<>|]*</b><br/>[^"|]*"\| (n\d+|none)', line), line


def test_mermaid_escapes_what_it_could_read_as_its_own() -> None:
    flow = Flow(
        "x", "x", (Group("a", 2),), ("b",),
        secrets=(Secret("s", "a", ONE, Neighboring.REPLACE_ONE, adaptive=False),),
        messages=(Message("m", "a", parse("2*s"), ("b",)),),
    )  # fmt: skip
    assert '|"<b>m</b><br/>2#42;s"| n1' in mermaid(flow)


# -- drawing --------------------------------------------------------------------------------------


def test_texts_are_cut_to_fit() -> None:
    assert fitted("short", 100) == "short"
    cut = fitted("a very long name of a group", 90)
    assert cut.endswith("…")
    assert width_of(cut) <= 90
    assert np.isclose(width_of("abc", mono=True), 21.75)


@pytest.mark.parametrize(("flow", "whom"), CASES)
def test_a_narrow_drawing_is_whole_too(flow: Flow, whom: Coalition | None) -> None:
    narrow = svg(flow, whom, width=340)
    wide = float(re.findall(r'viewBox="0 0 ([\d.]+) ', narrow)[0])
    assert wide == max(340, 16 + 100 * len(scene(flow, whom, tongue_of("en").staged).actors))
    for box in boxes(narrow):
        assert box.left >= -1
        assert box.right <= wide + 1


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_picture_is_told_in_words_with_all_that_was_cut(language: Language) -> None:
    sentences = said(STRANGE, coalition("analyst", STRANGE), language=language)
    assert len(sentences) == len(STRANGE.messages) + 2 + 1  # a shuffled report is told twice; facts
    assert STRANGE.facts[0].what in sentences[-1]
    assert "v + own + v + own + v" in " ".join(sentences)
    drawn = [box.said for box in boxes(svg(STRANGE, language=language))]
    assert sum("a long story" in line for line in drawn) <= 2
    assert any(line.endswith(" …") for line in drawn)


def test_a_picture_in_a_page_leaves_its_style_behind() -> None:
    evil = svg(replace(STRANGE, name=' style="x"', about=STYLE))
    shown = inline(evil)
    assert "<style" not in shown
    assert not re.search(r'<svg[^>]* style="', shown)
    assert shown.count("<text") == evil.count("<text")
    assert inline(shown) == shown
