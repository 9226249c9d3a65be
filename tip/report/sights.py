"""Who sees what: the flow of a run as a picture, the curve of its promise, and the proof.

The pictures come from `tip.explain` and escape all that they draw; they stand in the page without a style of
their own, since its content policy admits one style sheet alone, which knows their classes. A phone shows a narrower
drawing of the same flow, because a small letter is no letter. What is made from the folder's derivation.json is
left out where an older run has none; the curve needs the guarantee alone.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from tip.explain.curves import trade_off_svg
from tip.explain.diagrams import said, svg
from tip.explain.drawing import inline
from tip.explain.masks import masks_in_words
from tip.explain.words import coalition_in_words, tell
from tip.privacy.guarantees import Kind
from tip.report.markup import Markup, element, section

if TYPE_CHECKING:
    from tip.explain.masks import Masked
    from tip.flow.derivation import Derivation
    from tip.privacy.guarantees import Guarantee
    from tip.report.story import Story

_NARROW: Final = 340.0


def sights(told: Story) -> Markup:
    """The flow with what the first requirement's coalition sees, the limit of what it learns, and why that holds."""
    first = told.asked[0] if told.asked else None
    figures = [
        *([_flow(told.proof)] if told.proof is not None else []),
        *([_curve(first)] if first is not None and _has_curve(first) else []),
    ]
    if not figures:
        return Markup("")
    return section(
        "Who sees what",
        "sights",
        element("div", *figures, class_="sights"),
        _in_words(told.proof) if told.proof is not None else "",
        _masked(told.masks) if told.masks is not None else "",
        _proof(told, told.proof) if told.proof is not None else "",
    )


def _has_curve(guarantee: Guarantee) -> bool:
    return guarantee.epsilon is not None and guarantee.kind is not Kind.METRIC


def _flow(proof: Derivation) -> Markup:
    """The picture, twice: for a desk and for a phone."""
    who = coalition_in_words(proof.coalition, "participant")
    caption = element(
        "figcaption",
        element("h3", "Who is told what"),
        element("p", f"Strong lines are seen by {who}."),
    )
    drawn = (
        element("div", Markup(inline(svg(proof.flow, proof.coalition))), class_="on-desk"),
        element("div", Markup(inline(svg(proof.flow, proof.coalition, width=_NARROW))), class_="on-phone"),
    )
    return element("figure", caption, *drawn)


def _curve(guarantee: Guarantee) -> Markup:
    caption = element(
        "figcaption",
        element("h3", "What the best observer can achieve"),
        element("p", "The same observers, at every share of false alarms that they may accept."),
    )
    return element("figure", caption, Markup(inline(trade_off_svg(guarantee))))


def _in_words(proof: Derivation) -> Markup:
    lines = (element("li", sentence) for sentence in said(proof.flow, proof.coalition))
    return element("details", element("summary", "The picture in words"), element("ul", *lines, class_="plain"))


def _masked(masks: Masked) -> Markup:
    """How the sums stay closed, for everybody and for engineers."""
    lines = (*masks_in_words(masks, "participant"), *masks_in_words(masks, "engineer"))
    listed = element("ul", *(element("li", line) for line in dict.fromkeys(lines)), class_="plain")
    return element("details", element("summary", "How single vectors stay hidden"), listed)


def _proof(told: Story, proof: Derivation) -> Markup:
    """Every step, for engineers and reviewers, and how to check them."""
    steps = tell(proof.guarantee, "reviewer", derivation=proof).proof
    command = f"tip verify {shlex.quote(f'{told.folder}/derivation.json')}"
    return element(
        "details",
        element("summary", "The proof, step by step"),
        element("ul", *(element("li", step) for step in steps), class_="plain proof"),
        element(
            "p",
            "To check every step again, beside this folder, by code that shares nothing with the one that found it:",
        ),
        element("pre", element("code", command)),
    )
