"""Curves of a run as SVG: the only door to matplotlib.

The figures are made to stand inside a page: text stays text, colors are the page's own variables
(light and dark), styles are plain attributes (the page allows no other inline style), identifiers
carry the figure's name, and the same numbers give the same bytes. Nothing that a plan's author
wrote is drawn: names stand in the page around the figure. Without matplotlib each function
returns None.
"""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any, Final

from tip.report.markup import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Points = Sequence[tuple[float, float]]

MISSING: Final = "Figures are left out: the package matplotlib is not installed. To have them: pip install matplotlib"

# Stand-ins while matplotlib draws, and the page's variables that replace them.
_COLORS: Final = {
    "#010203": "var(--ink)",
    "#020304": "var(--soft)",
    "#030405": "var(--accent)",
    "#040506": "var(--warn)",
    "#050607": "var(--line)",
}
_INK, _SOFT, _ACCENT, _WARN, _LINE = _COLORS
_SETTINGS: Final[Any] = {  # matplotlib types its setting names one by one
    "svg.fonttype": "none",
    "svg.hashsalt": "tip",
    "text.parse_math": False,
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": _LINE,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": _SOFT,
    "axes.xmargin": 0.0,
    "axes.unicode_minus": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
    "ytick.major.size": 0.0,
}
_INCHES: Final = (4.9, 3.0)


def learning_curve(points: Points, *, baseline: float | None) -> Markup | None:
    """A metric on data kept apart, round by round, with the central baseline as a dashed line."""

    def draw(axes: Any) -> None:  # noqa: ANN401 - matplotlib's axes, whose package may be missing
        axes.plot(*_columns(points), color=_ACCENT, linewidth=2.0)
        _mark_last(axes, points, lambda y: f"{y:.3f}")
        if baseline is not None:
            _limit(axes, baseline, f"baseline {baseline:.3f}", _SOFT)

    return _figure("learning", draw)


def budget_curve(points: Points, *, limit: float | None) -> Markup | None:
    """Epsilon spent, round by round, with the plan's limit as a dashed line."""

    def draw(axes: Any) -> None:  # noqa: ANN401 - as above
        axes.plot(*_columns(points), color=_ACCENT, linewidth=2.0, drawstyle="steps-post")
        highest = max([y for _, y in points] + ([limit] if limit is not None else []))
        axes.set_ylim(0, 1.15 * highest or 1.0)
        if limit is not None:
            _limit(axes, limit, f"limit {limit:g}", _WARN)

    return _figure("budget", draw)


def _figure(name: str, draw: Callable[[Any], None]) -> Markup | None:
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - slow to import, and may be missing
        from matplotlib.figure import Figure  # noqa: PLC0415 - as above
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - as above
    except ImportError:
        return None
    with rc_context({**_SETTINGS, "svg.hashsalt": f"tip {name}"}):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlabel("round")
        draw(axes)
        first, last = axes.dataLim.intervalx
        axes.set_xlim(first, max(last, first + 1))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        drawn = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(drawn, format="svg", transparent=True, metadata=nothing)
    return _for_page(drawn.getvalue(), name)


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _mark_last(axes: Any, points: Points, text: Callable[[float], str]) -> None:  # noqa: ANN401 - as above
    x, y = points[-1]
    heights = [height for _, height in points]
    below = 2 * y >= min(heights) + max(heights)  # where a low curve would meet the axis, above
    axes.plot([x], [y], "o", color=_ACCENT, markersize=5.0, clip_on=False)
    axes.annotate(
        text(y), (x, y), xytext=(-2, -14 if below else 6), textcoords="offset points", ha="right", color=_ACCENT
    )


def _limit(axes: Any, y: float, text: str, color: str) -> None:  # noqa: ANN401 - as above
    axes.axhline(y, color=color, linewidth=1.3, linestyle=(0, (5, 3)))
    place = (0.01, y)
    axes.annotate(
        text, place, xycoords=("axes fraction", "data"), xytext=(0, 4), textcoords="offset points", color=color
    )


def _for_page(svg: str, name: str) -> Markup:
    """Only the `<svg>` element, fit for HTML: see the rules on top."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'style="([^"]*)"', _as_attributes, body)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")
    for stand_in, variable in _COLORS.items():
        body = body.replace(stand_in, variable)
    opening = re.compile(
        r'(<svg [^>]*?)width="[^"]*"([^>]*?)height="[^"]*"|(<svg [^>]*?)height="[^"]*"([^>]*?)width="[^"]*"'
    )
    body = opening.sub(lambda found: "".join(group or "" for group in found.groups()), body, count=1)
    return Markup(body.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


def _as_attributes(found: re.Match[str]) -> str:
    """`style="fill: none; font: 10px sans"` as attributes; the face of the letters is the page's."""
    pairs = (declaration.split(":", 1) for declaration in found[1].split(";") if ":" in declaration)
    styles = {key.strip(): value.strip() for key, value in pairs}
    if "font" in styles:
        size = re.search(r"([\d.]+px)", styles.pop("font"))
        styles["font-size"] = size[1] if size else "10px"
    styles.pop("font-family", None)
    return " ".join(f'{key}="{value}"' for key, value in styles.items())


def finite(points: Points) -> list[tuple[float, float]]:
    """The points that can be drawn."""
    return [(x, y) for x, y in points if math.isfinite(y)]
