"""The curves of attacks as one SVG: what was predicted, what was proven, what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, PercentFormatter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from attack_curves import Result
    from matplotlib.axes import Axes

COLUMNS: Final = 4
INK, CURVE, BOUND, POINT, GUESS = "#222222", "#1f6fb2", "#8a8a8a", "#d1490c", "#c9c9c9"
FROM: Final = 5e-4  # false alarms: the axis is logarithmic
SETTINGS: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tip attacks",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.edgecolor": "#999999",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": "#666666",
    "ytick.color": "#666666",
}


def plot(results: Sequence[Result], rates: Sequence[float], path: Path) -> None:
    """Small multiples, one for each flow; the same numbers give the same bytes."""
    rows = -(-len(results) // COLUMNS)
    with rc_context(SETTINGS):  # type: ignore[arg-type] # matplotlib types its setting names one by one
        figure = Figure(figsize=(2.3 * COLUMNS, 2.2 * rows + 0.6), facecolor="white", layout="constrained")
        axes = np.atleast_2d(figure.subplots(rows, COLUMNS, sharex=True, sharey=True))
        for each in axes.flat[len(results) :]:
            each.set_visible(False)
        for each, result in zip(axes.flat, results, strict=False):
            _panel(each, result, rates)
        for each in axes[-1]:
            each.set_xlabel("false alarms")
        for each in axes[:, 0]:
            each.set_ylabel("hits")
        figure.legend(handles=_legend(len(results[0].run.quiet)), loc="outside upper center", ncols=4, frameon=False)
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(path, metadata=metadata, format=path.suffix.removeprefix("."))


def _panel(axes: Axes, result: Result, rates: Sequence[float]) -> None:
    run = result.run
    grid = np.geomspace(FROM, 0.999, 160).tolist()
    axes.plot(grid, grid, color=GUESS, linewidth=1.0)
    axes.plot(grid, [run.bound.hit_rate(rate) for rate in grid], color=BOUND, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot(grid, [run.predicted(rate) for rate in grid], color=CURVE, linewidth=1.8)
    axes.plot(rates, [cell.hit_rate for cell in result.counted], "o", color=POINT, markersize=4.5, clip_on=False)
    axes.set_title(run.name, fontsize=9, loc="left")
    told = "" if run.mu is None else f"\n$\\mu$ = {run.mu:.2f}"
    axes.text(0.03, 0.97, f"{run.over}{told}", transform=axes.transAxes, va="top", fontsize=8, color="#666666")
    axes.set_xscale("log")
    axes.set_xlim(FROM, 1)
    axes.set_ylim(0, 1.0)
    axes.set_xticks([0.001, 0.01, 0.1, 1], ["0.1%", "1%", "10%", "100%"])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(color="#eeeeee", linewidth=0.8)


def _legend(trials: int) -> list[Line2D]:
    return [
        Line2D([], [], color=POINT, marker="o", markersize=4.5, linestyle="", label=f"counted in {trials:,} trials"),
        Line2D([], [], color=CURVE, linewidth=1.8, label="predicted curve"),
        Line2D([], [], color=BOUND, linewidth=1.2, linestyle=(0, (4, 2)), label="proven bound"),
        Line2D([], [], color=GUESS, linewidth=1.0, label="blind guessing"),
    ]
