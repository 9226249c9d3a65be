"""Moving: ways to move whole noise along with an agent's change, B W = A, found without the proof's help.

Noises that are alike are moved together. Each way here gives W in whole numbers, or None where it does not apply:
noise that a row alone holds, noise that goes everywhere with a secret, the one solution over the fractions if it is
whole, and a search for short whole solutions among the rows that noise ties to the agent's.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Final

from tip.flow.checking.nearest import short_solutions
from tip.flow.checking.refusal import refuse
from tip.flow.checking.shifts import Moved
from tip.flow.model import Law
from tip.privacy.events import LEAST_SHARE_VARIANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tip.flow.checking.whole import Unmasked

    Held = Mapping[int, Mapping[int, int]]  # for each row what it holds of the agent

_TIED: Final = 60  # rows, and bundles, of one solution over the fractions
_SEARCHED: Final = 24  # rows, and bundles, of a search
_WAYS: Final = 64  # combinations of solutions for several columns that are charged
_NEAR: Final = 6  # solutions for one column


def bundles(left: Unmasked) -> list[Moved]:
    """Noises that are alike up to their sign; Laplace noises stay single, and of small shares the first one stays."""
    rows_of: dict[int, dict[int, int]] = defaultdict(dict)
    for row, entries in enumerate(left.B):
        for column, value in entries.items():
            if value:
                rows_of[column][row] = value
    found: dict[object, list[int]] = defaultdict(list)
    for column, rows in rows_of.items():
        noise = left.sheet.noise(column)
        size = noise.scale if noise.variance is None else noise.variance
        sign = 1 if rows[min(rows)] > 0 else -1
        form = frozenset((row, sign * x) for row, x in rows.items())
        found[noise.law, size, form, -1 if noise.law is Law.DISCRETE_GAUSSIAN else column].append(column)
    made = []
    for columns in found.values():
        noise = left.sheet.noise(columns[0])
        size = noise.scale if noise.variance is None else noise.variance
        if size is None:
            raise refuse("view", f"noise {noise.name!r} has no size")
        small = noise.law is Law.DISCRETE_GAUSSIAN and size < LEAST_SHARE_VARIANCE
        if noise.law is not Law.UNIFORM:
            made.append(Moved(tuple(columns[:1] if small else columns), noise.law, size, {}, rows_of[columns[0]]))
    return made


def own_rows(held: Held, some: list[Moved]) -> list[Moved] | None:
    """Each row by the strongest noise that it alone holds with 1 or -1."""
    moves = []
    for row, entries in held.items():
        own = [b for b in some if set(b.rows) == {row} and abs(b.rows[row]) == 1]
        if not own:
            return None
        best = max(own, key=_strength)
        moves.append(_moved(best, {c: x * best.rows[row] for c, x in entries.items()}))
    return moves


def twins(held: Held, some: list[Moved]) -> list[Moved] | None:
    """Each column of the agent by the strongest noise that goes everywhere with it."""
    forms: dict[frozenset[tuple[int, int]], tuple[int, int]] = {}
    for place in sorted(range(len(some)), key=lambda k: _strength(some[k])):
        for sign in (1, -1):
            forms[frozenset((row, sign * x) for row, x in some[place].rows.items())] = place, sign
    moves: dict[int, dict[int, int]] = defaultdict(dict)
    for column in _columns(held):
        form = frozenset((row, entries[column]) for row, entries in held.items() if column in entries)
        if form not in forms:
            return None
        place, sign = forms[form]
        moves[place][column] = sign
    return [_moved(some[place], part) for place, part in moves.items()]


def rational(held: Held, some: list[Moved]) -> list[Moved] | None:
    """One solution of B W = A over the fractions, if it is whole."""
    rows, tied = _tied(held, some)
    if len(rows) > _TIED or len(tied) > _TIED:
        return None
    columns, width = _columns(held), len(tied)
    pivots: dict[int, dict[int, Fraction]] = {}
    for row in rows:
        line = {k: Fraction(b.rows[row]) for k, b in enumerate(tied) if row in b.rows}
        line |= {width + k: Fraction(held[row][c]) for k, c in enumerate(columns) if c in held.get(row, {})}
        for column, pivot in pivots.items():
            _less(line, pivot, line.get(column, Fraction(0)))
        at = min((k for k in line if k < width), default=-1)
        if at < 0 and line:
            return None
        if line:
            head = line[at]
            scaled = {k: x / head for k, x in line.items()}
            for pivot in pivots.values():
                _less(pivot, scaled, pivot.get(at, Fraction(0)))
            pivots[at] = scaled
    moves: list[Moved] = []
    for at, pivot in pivots.items():
        part = {c: pivot[width + k] for k, c in enumerate(columns) if width + k in pivot}
        if any(x.denominator != 1 for x in part.values()):
            return None
        moves.append(_moved(tied[at], {c: int(x) for c, x in part.items()}))
    return [move for move in moves if move.moves]


def searched(held: Held, some: list[Moved], ring: int) -> Iterator[list[Moved]]:
    """Short whole solutions of B W = A, modulo the ring where there is one; several, since their costs differ."""
    rows, tied = _tied(held, some)
    if len(rows) > _SEARCHED or len(tied) > _SEARCHED:
        return
    matrix = [[b.rows.get(row, 0) for b in tied] for row in rows]
    weights = [float(1 / _strength(b)) for b in tied]
    columns = _columns(held)
    most = max(k for k in range(1, _NEAR + 1) if k == 1 or k ** len(columns) <= _WAYS)
    found = []
    for column in columns:
        right = [held.get(row, {}).get(column, 0) for row in rows]
        found.append(short_solutions(matrix, right, weights, ring=ring, most=most))
    for chosen in product(*found):
        parts = [{c: w[k] for c, w in zip(columns, chosen, strict=True) if w[k]} for k in range(len(tied))]
        yield [_moved(b, part) for b, part in zip(tied, parts, strict=True) if part]


def _moved(one: Moved, moves: dict[int, int]) -> Moved:
    return Moved(one.columns, one.law, one.size, moves, one.rows)


def _strength(one: Moved) -> Fraction:
    return one.size * len(one.columns)


def _columns(held: Held) -> list[int]:
    return sorted({column for entries in held.values() for column in entries})


def _tied(held: Iterable[int], some: list[Moved]) -> tuple[list[int], list[Moved]]:
    """The rows that noise ties to the agent's, and that noise."""
    rows, left = set(held), list(some)
    used: set[int] = set()
    while fresh := [k for k, b in enumerate(left) if k not in used and not rows.isdisjoint(b.rows)]:
        used.update(fresh)
        rows.update(row for k in fresh for row in left[k].rows)
    return sorted(rows), [left[k] for k in sorted(used)]


def _less(line: dict[int, Fraction], other: dict[int, Fraction], factor: Fraction) -> None:
    if factor:
        for key, value in other.items():
            rest = line.get(key, Fraction(0)) - factor * value
            if rest:
                line[key] = rest
            else:
                line.pop(key, None)
