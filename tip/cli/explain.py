"""`tip explain`: what a plan promises, before anything runs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rich.table import Table

from tip.cli.printing import plain, print_object, results, sentences, title
from tip.cli.run import chosen_plan
from tip.explain.words import FALSE_ALARMS, beyond_words, in_words, rounded_up
from tip.plan import Plan
from tip.plan.explaining import explain as explained

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tip.privacy.guarantees import Guarantee

_REQUEST = 2


def explain(path: Path | None, config: Iterable[str], *, json: bool) -> int:
    """Print what a plan promises against each standard observer; returns the exit code."""
    plan = chosen_plan(path, config)
    told = explained(plan)
    if json:
        entries = told.to_json()
        guarantees = entries.pop("guarantees")
        print_object({"metrics": None, "baseline": None, "guarantees": guarantees, "run": entries})
    else:
        console = results()
        title(console, f"{plan.name}: what is promised")
        for guarantee in told.settled.required or told.guarantees[:1]:
            sentences(console, in_words(guarantee))
            title(console, "\nFor engineers")
            sentences(console, beyond_words(guarantee))
        title(console, "\nAgainst each observer")
        console.print(_observers(told.guarantees))
        title(console, "\nWhat each of them sees")
        sentences(console, (f"{sight.party}: {sight.what}" for sight in told.sees))
    return 0 if told.requirement_met or plan.privacy is None else _REQUEST


def explain_keys(*, json: bool) -> int:
    """Print every key that a plan may have; returns the exit code."""
    rows = Plan.keys()
    if json:
        keys = [dataclasses.asdict(row) for row in rows]
        print_object({"metrics": None, "baseline": None, "guarantees": [], "run": {"keys": keys}})
        return 0
    console = results()
    for row in rows:
        default = f"default {row.default}" if row.default else "must be given"
        title(console, row.name)
        sentences(console, [row.help, f"{row.words}; {default}{'; decides privacy' if row.decides_privacy else ''}"])
    return 0


def _observers(guarantees: Iterable[Guarantee]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), caption_justify="left")
    table.caption = "noticed: at most so many cases out of 100, at 1 false alarm out of 100"
    for head in ("  observer", "epsilon", "delta", "noticed", "status"):
        table.add_column(head, justify="left" if head in {"  observer", "status"} else "right", overflow="fold")
    for g in guarantees:
        table.add_row(f"  {plain(g.coalition.text)}", *_figures(g), plain(g.status))
    return table


def _figures(guarantee: Guarantee) -> tuple[str, str, str]:
    if guarantee.epsilon is None:
        return ("–", "–", "–")
    noticed = min(100.0, 100 * guarantee.hit_rate(FALSE_ALARMS))
    return (rounded_up(guarantee.epsilon), rounded_up(guarantee.delta.total), rounded_up(noticed))
