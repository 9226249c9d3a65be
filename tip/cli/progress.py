"""Progress of a run on standard error: a bar on a terminal, a few lines elsewhere."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tip.cli.printing import asides
from tip.explain.words import rounded_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from tip.report.history import Round

    Watch = Callable[[Round], None]

_LINES: Final = 10  # about so many lines where there is no terminal


@contextmanager
def progress(total: int, limit: float | None, *, quiet: bool) -> Iterator[Watch]:
    """A function to call after each round of `total`; `limit` is the epsilon that the plan allows."""
    console = asides()
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        with _bar(console, total, limit) as watch:
            yield watch
    else:
        yield _lines(console, total, limit)


def told(round_: Round, limit: float | None, metrics: str) -> str:
    """One round in a line: who was in the sum, what is spent, and what no guarantee covers."""
    spent = "" if limit is None else f" · epsilon {rounded_up(round_.epsilon_spent)} of {limit:g}"
    state = "" if round_.released else " · given up"
    figures = f" · {metrics} (outside the guarantee)" if metrics else ""
    return f"{round_.survivors:,} of {round_.cohort:,} agents{state}{spent}{figures}"


def shown(round_: Round, before: str) -> str:
    """The round's evaluation figures; those shown before where it has none."""
    finite = (f"{name} {value:.3f}" for name, value in round_.metrics.items() if math.isfinite(value))
    return ", ".join(finite) or before


@contextmanager
def _bar(console: Console, total: int, limit: float | None) -> Iterator[Watch]:
    bar = Progress(TextColumn("round"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn(), console=console)
    task = bar.add_task("rounds", total=total)
    metrics = ""
    with Live(bar, console=console, refresh_per_second=8, transient=True) as live:

        def watch(round_: Round) -> None:
            nonlocal metrics
            metrics = shown(round_, metrics)
            bar.update(task, completed=round_.number)
            live.update(Group(bar, Text(told(round_, limit, metrics), style="dim")))

        yield watch


def _lines(console: Console, total: int, limit: float | None) -> Watch:
    stride = max(1, math.ceil(total / _LINES))
    metrics = ""

    def watch(round_: Round) -> None:
        nonlocal metrics
        metrics = shown(round_, metrics)
        if round_.number % stride == 0 or round_.number in {1, total}:
            console.print(f"round {round_.number}/{total} · {told(round_, limit, metrics)}", soft_wrap=True)

    return watch
