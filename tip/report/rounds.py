"""The rounds of a run as curves and tables of its page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tip.explain.words import rounded_up
from tip.report.figures import MISSING, budget_curve, learning_curve
from tip.report.history import Release
from tip.report.markup import element, rows, section
from tip.report.story import figure, label

if TYPE_CHECKING:
    from tip.report.history import Round
    from tip.report.markup import Markup
    from tip.report.story import Story

_LISTED: Final = 40  # rounds told one by one; the others stand in history.jsonl


def curves(told: Story) -> Markup:
    """The learning curve, the budget curve, and both as a table."""
    curve, spending = told.curve(), told.spending()
    figures: list[Markup] = []
    if curve:
        drawn = learning_curve(curve, baseline=told.baseline.get(told.metric))
        figures.append(_drawn(drawn, f"{label(told)}, round by round", _learning_words(told), mark=Release.EVALUATION))
    if spending:
        drawn = budget_curve(spending, limit=told.limit)
        figures.append(_drawn(drawn, "Epsilon spent, round by round", _budget_words(told), mark=None))
    if not told.rounds:
        return section("Round by round", "curves", element("p", "No round was played yet."))
    return section("Round by round", "curves", element("div", *figures, class_="curves"), _table_of_rounds(told))


def _drawn(drawing: Markup | None, title: str, words: str, *, mark: str | None) -> Markup:
    caption = element(
        "figcaption",
        element("h3", title),
        element("span", mark, class_="mark") if mark else "",
        element("p", words),
        "" if drawing else element("p", MISSING),
    )
    return element("figure", caption, drawing or "")


def _table_of_rounds(told: Story) -> Markup:
    stride = math.ceil(len(told.rounds) / _LISTED)
    listed = [r for i, r in enumerate(told.rounds) if i % stride == 0 or r is told.rounds[-1]]
    how = "All rounds" if stride == 1 else f"One round in {stride}, and the last; all of them stand in history.jsonl"
    head = ("Round", "In the sum", "Epsilon spent", f"{told.metric}*", "Clipped*")
    table = rows(
        head, [_row(r, told.metric) for r in listed], caption=f"{how}. * {Release.EVALUATION}.", look="numbers"
    )
    return element("details", element("summary", "The same as a table"), table)


def _row(round_: Round, metric: str) -> tuple[str, ...]:
    return (
        f"{round_.number:,}",
        f"{round_.survivors:,} of {round_.cohort:,}" + ("" if round_.released else " (given up)"),
        rounded_up(round_.epsilon_spent),
        figure(round_.metrics.get(metric)),
        "–" if round_.clipped is None else f"{100 * round_.clipped:.1f} %",
    )


def given_up(told: Story) -> Markup:
    """The rounds that released nothing, and why."""
    if not told.given_up:
        words = element("p", "None: every round that was played was released.")
        return section("Rounds given up", "given-up", words)
    listed = told.given_up[:_LISTED]
    lines = [element("li", f"Round {r.number:,}: {r.reason}.") for r in listed]
    left = len(told.given_up) - len(listed)
    more = element("p", f"And {left:,} more; all of them stand in history.jsonl.", class_="note") if left else ""
    told_why = element("p", "They released nothing. What the agents of such a round spent stays spent.")
    return section("Rounds given up", "given-up", told_why, element("ul", *lines, class_="plain"), more)


def _learning_words(told: Story) -> str:
    curve = told.curve()
    start, end = curve[0], curve[-1]
    words = f"From {start[1]:.3f} in round {start[0]:.0f} to {end[1]:.3f} in round {end[0]:.0f}"
    baseline = told.baseline.get(told.metric)
    return f"{words}; dashed: the central baseline, {baseline:.3f}." if baseline is not None else f"{words}."


def _budget_words(told: Story) -> str:
    spent = rounded_up(told.spending()[-1][1])
    return f"{spent} at the end; dashed: the plan's limit, {told.limit:g}." if told.limit is not None else f"{spent}."
