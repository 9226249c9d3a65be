"""The answer of a question on its page: figures, bars with intervals, what liars could do.

The bars are plain SVG shapes; names and figures stand beside them as text, so that nothing that a plan's
author wrote is drawn, and no package is needed. Estimates are shown as they are: what is negative stays
negative, and nothing is made to add up to 100 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.explain.words import rounded_up
from tip.report.answers import LEVEL
from tip.report.finite import finite
from tip.report.history import Release
from tip.report.markup import element, join, rows, section
from tip.report.mechanism import for_participants, influence_in_words

if TYPE_CHECKING:
    from tip.report.answers import Answer
    from tip.report.markup import Markup
    from tip.report.story import Story

_LISTED: Final = 40  # items told one by one; the others stand in history.jsonl
_LISTED_WARY: Final = 8
_WIDE: Final = 1000.0  # units of a bar's drawing


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places in a drawing, and how values are written."""

    low: float
    high: float
    shares: bool

    @classmethod
    def of(cls, answer: Answer, bounds: tuple[float, float] | None) -> _Scale:
        """A scale that holds all intervals, the truth, and 0 or the whole range."""
        ends = bounds or (0.0, 0.0)
        values = (*answer.low, *answer.high, *answer.truth, *ends)
        low, high = min(values), max(values)
        room = 0.02 * ((high - low) or 1.0)
        return cls(low - room, high + room, bounds is None)

    def at(self, value: float) -> float:
        """The place of a value, in units of the drawing."""
        return _WIDE * (value - self.low) / (self.high - self.low)

    def told(self, value: float) -> str:
        """A value as people read it."""
        text = f"{100 * value:.1f} %" if self.shares else f"{value:.4g}"
        return text.replace("-", "−")


def result(told: Story) -> Markup:
    """The answer, its interval, and who was counted."""
    answer = told.answer
    if answer is None or not answer.released:
        why = answer.reason if answer is not None else "the run was cut off before it had an answer"
        return section("Answer", "result", element("p", f"There is no answer: {why}. Nothing was released."))
    scale, facts = _Scale.of(answer, _range(told)), []
    order = _order(answer)
    for place in order[:3] if len(answer.items) > 4 else range(len(answer.items)):
        note = f"{LEVEL:.0%} interval {scale.told(answer.low[place])} to {scale.told(answer.high[place])}"
        name = answer.items[place] if scale.shares else f"Mean of {answer.items[place]}"
        facts.append(_fact(name, scale.told(answer.estimate[place]), note))
    spent = f"of {told.limit:g}, the plan's limit" if told.limit is not None else ""
    facts.append(_fact("Epsilon spent", rounded_up(answer.epsilon_spent), spent))
    question = told.setting("question", "text")
    return section(
        "Answer",
        "result",
        element("p", str(question), class_="lead question") if question else "",
        element("dl", *facts, class_="facts"),
        element("p", _who(told, answer)),
        element("p", _chosen(told), class_="note") if _chosen(told) else "",
    )


def bars(told: Story) -> Markup:
    """Every item as a bar with its interval, and as a table."""
    answer = told.answer
    if answer is None or not answer.released:
        return section("Item by item", "curves", element("p", "Nothing was released."))
    bounds = _range(told)
    scale, order = _Scale.of(answer, bounds), _order(answer)
    listed = order[:_LISTED]
    left = len(order) - len(listed)
    drawn = [_row(answer, place, scale) for place in listed]
    mark = element("span", f"The dashed lines, the true answer: {Release.EVALUATION}", class_="mark")
    caption = element(
        "figcaption",
        element("h3", f"Estimates with {LEVEL:.0%} intervals"),
        mark if answer.truth else "",
        element("p", _legend(scale, bounds)),
    )
    more = element("p", f"And {left:,} more items; all of them stand in history.jsonl.", class_="note") if left else ""
    chart = element("figure", caption, element("div", *drawn, class_="bars"), more)
    return section("Item by item", "curves", chart, _table(answer, listed, scale))


def participants(told: Story) -> Markup:
    """How a report hides the answer, in words for whoever sends one."""
    sentences = for_participants(told.mechanism, told.guarantees[0]) if told.guarantees else ()
    return section(
        "If you are asked", "participant", *(element("p", sentence, class_="sentence") for sentence in sentences)
    )


def liars(told: Story) -> Markup:
    """How far made-up reports move the answer."""
    answer, bounds = told.answer, _range(told)
    malicious = told.setting("robustness", "malicious")
    words = influence_in_words(
        told.mechanism,
        counted=answer.counted if answer is not None else 0,
        malicious=float(malicious) if isinstance(malicious, int | float) and 0 < malicious < 1 else 0.0,
        scale=None if bounds is None else bounds[1] / 2 - bounds[0] / 2,
    )
    simulated = ""
    if answer is not None and answer.liars is not None:
        claim = told.setting("adversary", "claim")
        how = (
            "sent the report that counts most for" if told.setting("adversary", "kind") == "false-report" else "claimed"
        )
        simulated = f'In this run {answer.liars:,} simulated liars {how} "{claim}" ({Release.EVALUATION}).'
    told_wary = element("p", _wary(told, answer, bounds)) if answer is not None and answer.wary_low else ""
    said = element("p", simulated) if simulated else ""
    return section("What liars can do", "liars", *(element("p", w) for w in words), told_wary, said)


def _wary(told: Story, answer: Answer, bounds: tuple[float, float] | None) -> str:
    """The wider intervals, in words."""
    scale = _Scale.of(answer, bounds)
    ends = zip(answer.items, answer.wary_low, answer.wary_high, strict=True)
    listed = [f"{item} {scale.told(low)} to {scale.told(high)}" for item, low, high in ends]
    more = "; the others stand in history.jsonl" if len(listed) > _LISTED_WARY else ""
    share = told.setting("robustness", "malicious")
    liars = f"{rounded_up(100 * share)} % of all who were asked" if isinstance(share, float) else "so many others"
    return (
        f"Wider {LEVEL:.0%} intervals, for the honest agents' answers whatever {liars} sent: "
        f"{'; '.join(listed[:_LISTED_WARY])}{more}."
    )


def _fact(name: str, value: str, note: str) -> Markup:
    return element("div", element("dt", name), element("dd", value, class_="value"), element("dd", note, class_="note"))


def _who(told: Story, answer: Answer) -> str:
    words = f"{answer.asked:,} agents were asked, {answer.counted:,} reports count"
    words += f", {answer.refused:,} were refused as malformed." if answer.refused else ", none was refused."
    words += f" The {LEVEL:.0%} intervals cover the chance in the reports, about the agents whose reports count."
    if told.setting("question", "unlisted") == "random":
        words += " Who gave none of the listed answers reported about one of them, drawn by chance."
    if _range(told) is not None:
        words += " Who gave no number reported the middle of the range."
    return words


def _chosen(told: Story) -> str:
    chosen = told.mechanism.get("chosen")
    return f"Why this mechanism: {chosen.rstrip('.')}." if isinstance(chosen, str) and chosen else ""


def _range(told: Story) -> tuple[float, float] | None:
    """The public range of a mean; None for shares."""
    found = told.setting("question", "range")
    if isinstance(found, list) and len(found) == 2 and all(map(finite, found)):
        return float(found[0]), float(found[1])
    return None


def _order(answer: Answer) -> list[int]:
    """The items in the plan's order where they are few, else by estimate."""
    places = list(range(len(answer.items)))
    return places if len(places) <= _LISTED else sorted(places, key=lambda place: -answer.estimate[place])


def _legend(scale: _Scale, bounds: tuple[float, float] | None) -> str:
    ends = f"The drawing runs from {scale.told(scale.low)} to {scale.told(scale.high)}"
    start = (
        "the upright line is 0 %"
        if bounds is None
        else f"the upright line is {scale.told(bounds[0])}, the least answer"
    )
    raw = "they may be negative and need not add up" if bounds is None else "they may lie outside the range"
    return f"{ends}; {start}. Estimates are raw: {raw}."


def _row(answer: Answer, place: int, scale: _Scale) -> Markup:
    value, low, high = (scale.told(part[place]) for part in (answer.estimate, answer.low, answer.high))
    name = element("span", answer.items[place], class_="name")
    return element(
        "div",
        name,
        _bar(answer, place, scale),
        element("span", f"{value} ({low} to {high})", class_="told"),
        class_="bar",
    )


def _bar(answer: Answer, place: int, scale: _Scale) -> Markup:
    zero = scale.at(0.0 if scale.shares else scale.low + 0.02 / 1.04 * (scale.high - scale.low))
    value, low, high = (scale.at(part[place]) for part in (answer.estimate, answer.low, answer.high))
    left, right = min(zero, value), max(zero, value)
    shapes = [
        element("rect", x=f"{left:.2f}", y="9", width=f"{right - left:.2f}", height="14", class_="fill"),
        _line(zero, zero, 0, 32, "zero"),
        _line(low, high, 16, 16, "interval"),
        _line(low, low, 10, 22, "interval"),
        _line(high, high, 10, 22, "interval"),
        _line(value, value, 6, 26, "estimate"),
    ]
    if answer.truth:
        shapes.append(_line(scale.at(answer.truth[place]), scale.at(answer.truth[place]), 1, 31, "truth"))
    return element(
        "svg", *shapes, viewBox=f"0 0 {_WIDE:g} 32", preserveAspectRatio="none", aria_hidden="true", focusable="false"
    )


def _line(x1: float, x2: float, y1: float, y2: float, look: str) -> Markup:
    ends = {"x1": f"{x1:.2f}", "x2": f"{x2:.2f}", "y1": f"{y1:g}", "y2": f"{y2:g}"}
    return element("line", **ends, class_=look, vector_effect="non-scaling-stroke")


def _table(answer: Answer, listed: list[int], scale: _Scale) -> Markup:
    truth = ("Truth*",) if answer.truth else ()
    head = ("Answer", "Estimate", f"{LEVEL:.0%} interval", "Standard deviation", *truth)
    body = [
        (
            answer.items[place],
            scale.told(answer.estimate[place]),
            f"{scale.told(answer.low[place])} to {scale.told(answer.high[place])}",
            scale.told(max(answer.variance[place], 0.0) ** 0.5),
            *((scale.told(answer.truth[place]),) if answer.truth else ()),
        )
        for place in listed
    ]
    note = f"* {Release.EVALUATION}." if truth else "Each interval by itself."
    table = rows(head, body, caption=note, look="numbers")
    return element("details", element("summary", "The same as a table"), join(table))
