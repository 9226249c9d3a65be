"""`tip explain`: what a plan promises, before anything runs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from rich.text import Text

from tip.cli.printing import plain, print_object, promises, results, sentences, title
from tip.cli.question import tell_mechanism
from tip.cli.run import chosen_plan
from tip.explain.words import FALSE_ALARMS, beyond_words, rounded_up
from tip.plan import Plan, QuestionPlan
from tip.plan.explaining import ExplainedQuestion
from tip.plan.explaining import explain as explained
from tip.plan.explaining import explain_question as explained_question

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from tip.plan.keys import KeyRow
    from tip.privacy.guarantees import Guarantee

_REQUEST: Final = 2
_HEADS: Final = ("observer", "epsilon", "delta", "noticed", "status")
_NOTICED: Final = "(noticed: in at most so many cases out of 100, at 1 false alarm out of 100)"


def explain(path: Path | None, config: Iterable[str], *, json: bool) -> int:
    """Print what a plan promises against each standard observer; returns the exit code."""
    plan = chosen_plan(path, config, command="explain")
    told = explained_question(plan) if isinstance(plan, QuestionPlan) else explained(plan)
    if json:
        entries = told.to_json()
        guarantees = entries.pop("guarantees")
        print_object({"metrics": None, "baseline": None, "guarantees": guarantees, "run": entries})
    else:
        console = results()
        title(console, f"{plan.name}: what is promised")
        promises(console, told.stated)
        if isinstance(told, ExplainedQuestion):
            tell_mechanism(told.posed)
        title(console, "\nFor engineers")
        for guarantee in told.stated:
            sentences(console, beyond_words(guarantee))
        title(console, "\nAgainst each observer")
        _observers(console, told.guarantees)
        title(console, "\nWhat each of them sees")
        sentences(console, (f"{sight.party}: {sight.what}" for sight in told.sees))
        if not isinstance(told, ExplainedQuestion) and told.settled.masks:
            title(console, "\nHow the masks are set up")
            sentences(console, told.masks())
    return 0 if told.requirement_met or plan.privacy is None else _REQUEST


def explain_keys(*, json: bool) -> int:
    """Print every key that a plan may have; returns the exit code."""
    rows, asking = Plan.keys(), QuestionPlan.keys()
    if json:
        keys, others = ([dataclasses.asdict(row) for row in part] for part in (rows, asking))
        run = {"keys": keys, "keys_of_a_question": others}
        print_object({"metrics": None, "baseline": None, "guarantees": [], "run": run})
        return 0
    console = results()
    _keys(console, rows)
    title(console, '\nIn a plan that asks a question (task.kind = "histogram" or "mean")\n')
    _keys(console, asking)
    return 0


def _keys(console: Console, rows: Iterable[KeyRow]) -> None:
    for row in rows:
        default = f"default {row.default}" if row.default else "must be given"
        title(console, row.name)
        sentences(console, [row.help, f"{row.words}; {default}{'; decides privacy' if row.decides_privacy else ''}"])


def _observers(console: Console, guarantees: Iterable[Guarantee]) -> None:
    """One line an observer: as a table where the terminal is wide enough, else as sentences."""
    lines = [(g.coalition.text, *_figures(g), str(g.status)) for g in guarantees]
    widths = [max(map(len, column)) for column in zip(_HEADS, *lines, strict=True)]
    if sum(widths) + 3 * len(widths) <= console.width:
        for line in (_HEADS, *lines):
            first, *figures, status = (
                cell.rjust(width) if 0 < place < len(_HEADS) - 1 else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            console.print(Text(plain("  " + "   ".join((first, *figures, status)).rstrip())), soft_wrap=True)
    else:
        for name, epsilon, delta, noticed, status in lines:
            sentences(console, [f"{name}: epsilon {epsilon}, delta {delta}, noticed {noticed}, {status}"])
    sentences(console, [_NOTICED])


def _figures(guarantee: Guarantee) -> tuple[str, str, str]:
    if guarantee.epsilon is None:
        return ("–", "–", "–")
    noticed = min(100.0, 100 * guarantee.hit_rate(FALSE_ALARMS))
    return (rounded_up(guarantee.epsilon), rounded_up(guarantee.delta.total), rounded_up(noticed))
