"""The trade-off curve of a guarantee as data and as a plot, with the points that attacks reached.

A curve is what law 22 allows to be shown: at each share of false alarms, the hit rate that no observer of the coalition
exceeds (`Guarantee.hit_rate`, rounded up). Hit rates rise with false alarms, so between two points of the grid the
value at the upper one is a bound: the plot draws these steps and nothing below them. Points of attacks are what
they reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.explain.drawing import escaped, fitted, picture, tag, text, width_of
from tip.explain.figures import out_of
from tip.explain.tongues import tongue_of
from tip.explain.words import FALSE_ALARMS
from tip.privacy.checks import probability
from tip.privacy.guarantees import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.explain.tongue import Language, Tongue
    from tip.privacy.guarantees import Guarantee

_STEPS: Final = 400
GRID: Final = tuple(sorted({*(k / _STEPS for k in range(_STEPS + 1)), *(10 ** (-k / 4) for k in range(1, 17))}))
_WIDTH, _LEFT, _TOP, _SIDE = 380.0, 44.0, 46.0, 320.0
_BELOW, _ROW = 62.0, 22.0  # where the legend begins below the plot, and one of its lines
_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """What an attack reached: its hit rate at a share of false alarms."""

    false_alarms: float
    hits: float
    name: str = ""

    def __post_init__(self) -> None:
        probability("the false-alarm rate of an attack", self.false_alarms)
        probability("the hit rate of an attack", self.hits)


@dataclass(frozen=True, slots=True)
class TradeOff:
    """A curve: at `false_alarms[i]` no test has a hit rate above `hits[i]`; both from 0 to 1, rising."""

    false_alarms: tuple[float, ...]
    hits: tuple[float, ...]
    measured: tuple[Measured, ...]
    coalition: str

    @property
    def broken_by(self) -> tuple[Measured, ...]:
        """Points of attacks above the curve at the next grid point: the promise would be wrong."""
        return tuple(m for m in self.measured if m.hits > self.at(m.false_alarms))

    def at(self, false_alarms: float) -> float:
        """The bound at the least grid point that is not below; so it holds there."""
        return next(hit for alarm, hit in zip(self.false_alarms, self.hits, strict=True) if alarm >= false_alarms)


def trade_off(guarantee: Guarantee, measured: Iterable[Measured] = (), *, grid: tuple[float, ...] = GRID) -> TradeOff:
    """The curve of a guarantee at the points of a rising grid from 0 to 1. Refused for metric guarantees."""
    if guarantee.kind is Kind.METRIC:
        raise ConfigurationError(
            "a metric guarantee has a curve for each distance", instead="draw that of epsilon times one distance"
        )
    if not grid or list(grid) != sorted(set(grid)) or (grid[0], grid[-1]) != (0.0, 1.0):
        raise ConfigurationError("the grid of false alarms rises from 0 to 1")
    highest, hits = 0.0, []
    for alarms in grid:
        highest = max(highest, guarantee.hit_rate(alarms))
        hits.append(highest)
    return TradeOff(grid, tuple(hits), tuple(measured), guarantee.coalition.text)


def trade_off_svg(guarantee: Guarantee, language: Language = "en", *, measured: Iterable[Measured] = ()) -> str:
    """The curve as an SVG file: the limit, blind guessing, the point at 1 % false alarms, attacks."""
    tongue, curve = tongue_of(language), trade_off(guarantee, measured)
    hits, base = out_of(guarantee.hit_rate(FALSE_ALARMS))
    words = {"alarms": tongue.count(round(FALSE_ALARMS * base)), "hits": tongue.count(hits), "base": tongue.count(base)}
    parts = [
        *_axes(tongue),
        tag("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="tip-line", stroke_dasharray="5 4"),
        tag("path", d=_path(curve), class_="tip-strong", stroke_width=2.6),
        *_marked(FALSE_ALARMS, guarantee.hit_rate(FALSE_ALARMS), tongue.drawn.marked.format(**words)),
        *(_cross(point) for point in curve.measured),
        *_legend(curve, tongue),
    ]
    drawn = tongue.drawn
    height = _y(0) + _BELOW + _ROW * _entries(curve)
    return picture(drawn.title, drawn.told.format(**words), parts, width=_WIDTH, height=height)


# -- drawing --------------------------------------------------------------------------------------


def _x(alarms: float) -> float:
    return _LEFT + _SIDE * alarms


def _y(hits: float) -> float:
    return _TOP + _SIDE * (1 - hits)


def _path(curve: TradeOff) -> str:
    """Steps: up first, then along, so that the line lies nowhere below the curve."""
    start = f"M{_x(0):.2f} {_y(curve.hits[0]):.2f}"
    points = zip(curve.false_alarms[1:], curve.hits[1:], strict=True)
    return start + "".join(f"V{_y(hit):.2f}H{_x(alarm):.2f}" for alarm, hit in points)


def _axes(tongue: Tongue) -> list[str]:
    drawn = [tag("rect", x=_x(0), y=_y(1), width=_SIDE, height=_SIDE, class_="tip-thin")]
    for tick in _TICKS:
        told = tongue.written(f"{tick:g}")
        drawn.append(text(told, _x(tick), _y(0) + 18, "tip-soft tip-small"))
        drawn.append(text(told, _x(0) - 8, _y(tick) + 4, "tip-soft tip-small", anchor="end"))
        drawn.append(tag("path", d=f"M{_x(tick):g} {_y(0):g}v4M{_x(0):g} {_y(tick):g}h-4", class_="tip-line"))
    drawn.append(text(tongue.drawn.across, _x(0.5), _y(0) + 38))
    drawn.append(text(tongue.drawn.along, _x(0), _TOP - 12, anchor="start"))
    return drawn


def _marked(alarms: float, hits: float, told: str) -> list[str]:
    """A point and what it says: beside it where it stands high, else in the free corner below the diagonal."""
    x, y = _x(alarms), _y(hits)
    dot = tag("circle", cx=x, cy=y, r=5, class_="tip-seen")
    if hits > 0.5:
        return [dot, text(told, x + 14, y + 24, "tip-bold tip-seen", anchor="start")]
    end, down = _x(1) - 10, _y(0) - 34
    line = tag("line", x1=x, y1=y, x2=end - width_of(told, bold=True) - 8, y2=down - 4, class_="tip-thin")
    return [line, dot, text(told, end, down, "tip-bold tip-seen", anchor="end")]


def _cross(point: Measured) -> str:
    x, y = _x(point.false_alarms), _y(point.hits)
    mark = tag("path", d=f"M{x - 5:.2f} {y - 5:.2f}l10 10m0 -10l-10 10", class_="tip-line tip-mark", stroke_width=2)
    return tag("g", tag("title", escaped(point.name)), mark) if point.name else mark


def _legend(curve: TradeOff, tongue: Tongue) -> list[str]:
    """What lines and crosses mean, below the plot."""
    drawn, left, top = tongue.drawn, _x(0), _y(0) + _BELOW
    x, rows = left + 10, [top + _ROW * row for row in range(3)]
    marks = [
        tag("line", x1=left, y1=rows[0], x2=left + 30, y2=rows[0], class_="tip-strong", stroke_width=2.6),
        tag("line", x1=left, y1=rows[1], x2=left + 30, y2=rows[1], class_="tip-line", stroke_dasharray="5 4"),
        tag("path", d=f"M{x:g} {rows[2] - 5:g}l10 10m0 -10l-10 10", class_="tip-line", stroke_width=2),
    ]
    told = zip(marks, (drawn.bound, drawn.guessing, drawn.attack), rows, strict=True)
    room = _WIDTH - left - 48
    lines = [(mark, text(fitted(words, room), left + 38, y + 4, anchor="start")) for mark, words, y in told]
    return [part for line in lines[: _entries(curve)] for part in line]


def _entries(curve: TradeOff) -> int:
    """Attacks are explained where there are some."""
    return 3 if curve.measured else 2
