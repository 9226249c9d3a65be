"""Surveys: what every agent loses to Gaussian noise, computed again in floats, to find one that loses more.

Which rows depend on others is decided exactly. A row that alone holds some noise is independent of all others, and
may be set aside; then others may hold noise alone. What is left after that is eliminated in fractions: a
combination z with z'B = 0 shows z'A x without noise. Independent rows are then solved in floats, or in decimals.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from tip.flow.checking.precise import halved, independent
from tip.flow.checking.refusal import too_large
from tip.flow.checking.witnesses import Line, combined, gram_of_rows, uses_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.checking.expansion import Number
    from tip.flow.checking.sheets import Sheet

    Floats = NDArray[np.float64]

_CORE: Final = 300  # rows that are eliminated in fractions
_DENSE: Final = 2_100  # rows that are solved in floats
_WORST: Final = 1e11  # of the condition of the scaled system


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """A block's rows made ready: which are independent, which combinations hold no noise, and a factor of B V B'."""

    sheet: Sheet
    rows: list[int]
    bare: list[Line]  # z'A of all combinations without noise
    half: Floats  # L^-1 A for the independent rows, L L' = B V B'

    def loss(self, agent: int) -> float:
        """mu^2 of one round of one agent by law 12; infinite if something shows its secret bare."""
        columns = self.sheet.columns_of(agent)
        if any(line.get(column) for line in self.bare for column in columns):
            return float("inf")
        gram = self.half[:, columns].T @ self.half[:, columns]
        reach = np.sqrt([float(self.sheet.secret(column).squared_reach) for column in columns])
        terms = np.sort(np.abs(gram) * reach[:, None] * reach, axis=1)[:, ::-1]
        uses = uses_of(self.sheet, columns)
        return float(np.sort(terms[:, :uses].sum(axis=1))[::-1][:uses].sum())


def survey(sheet: Sheet) -> Survey:
    """A block of Gaussian noise, ready to be asked about any agent."""
    core = _core(sheet)
    if len(core) > _CORE:
        raise too_large(f"{len(core):,} rows whose independence would have to be decided in fractions")
    single = independent(sheet.B[row] for row in core)
    dropped, bare = (set[int](), list[Line]()) if single else _eliminated(sheet, core)
    rows = [row for row in range(len(sheet.B)) if row not in dropped]
    if len(rows) > _DENSE:
        raise too_large(f"a view of {len(rows):,} rows")
    return Survey(sheet, rows, bare, _half(sheet, rows))


def _half(sheet: Sheet, rows: list[int]) -> Floats:
    """In floats; where their noise is too unlike in size, in decimals."""
    held = np.zeros((len(rows), len(sheet.secrets)))
    for place, row in enumerate(rows):
        for column, entry in sheet.A[row].items():
            held[place, column] = float(entry)
    if not rows:
        return held
    system = gram_of_rows(sheet)[np.ix_(rows, rows)]
    scale = np.sqrt(system.diagonal())
    even = system / scale[:, None] / scale
    values = np.linalg.eigvalsh(even)
    if not values[0] * _WORST > values[-1]:
        return halved(sheet, rows)
    found: Floats = solve_triangular(cholesky(even, lower=True), held / scale[:, None], lower=True)
    return found


def _core(sheet: Sheet) -> list[int]:
    """The rows that are left when rows which alone hold some noise are set aside, again and again."""
    holders: dict[int, set[int]] = defaultdict(set)
    for row, entries in enumerate(sheet.B):
        for column in entries:
            holders[column].add(row)
    left = set(range(len(sheet.B)))
    waiting = [column for column, rows in holders.items() if len(rows) == 1]
    while waiting:
        column = waiting.pop()
        for row in list(holders[column]):
            left.discard(row)
            for other in sheet.B[row]:
                holders[other].discard(row)
                if len(holders[other]) == 1:
                    waiting.append(other)
    return sorted(left)


def _eliminated(sheet: Sheet, core: list[int]) -> tuple[set[int], list[Line]]:
    """The rows of the core that depend on others, and z'A of each combination z that shows it."""
    pivots: list[tuple[int, dict[int, Number], Line]] = []
    dropped, bare = set[int](), list[Line]()
    for row in core:
        left: dict[int, Number] = dict(sheet.B[row])
        z: Line = {row: Fraction(1)}
        for column, line, path in pivots:
            if left.get(column):
                factor = Fraction(left[column]) / Fraction(line[column])
                _take(left, line, factor)
                _take(z, path, factor)
        if left:
            pivots.append((min(left), left, z))
        else:
            dropped.add(row)
            bare.append(combined(z, sheet.A))
    return dropped, bare


def _take(row: dict[int, Number] | Line, other: dict[int, Number] | Line, factor: Fraction) -> None:
    """Row - factor times other, in place, without zeros."""
    for key, value in other.items():
        rest = row.get(key, 0) - factor * value
        if rest:
            row[key] = rest
        else:
            row.pop(key, None)
