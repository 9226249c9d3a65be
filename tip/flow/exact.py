"""Losses by rational arithmetic: whether a change leaks, and its mu^2, exactly.

With S = B V B' (rows of B as dictionaries column -> coefficient, variances > 0) three facts decide everything:

1. z'S = 0 holds iff z'B = 0, because z'S z = sum_j v_j (B'z)_j^2. So a change a leaks iff S u = a has no solution.
2. If S u = a, then w = V B' u is feasible and costs u'S u = a'u; the test z = u shows (u'a)^2 / u'S u = a'u. Both
   sides agree: mu^2 = a'u for *any* solution u.
3. S is positive semidefinite, and so is what remains of it after eliminating some rows (a Schur complement). If its
   diagonal is zero then all of it is: elimination needs pivots on the diagonal only.

Rows and variances are scaled to integers first; each row that elimination changes is divided by the greatest common
divisor of its entries, so numbers stay as short as determinants allow. The pivot is the remaining row with the fewest
entries. After elimination of the pivots P, a remaining row i gives the null vector z = e_i - S_PP^-1 S_Pi, which the
same triangle solves. Meant for up to about 150 rows that are full, and more that are sparse.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from tip.errors import ConfigurationError
from tip.flow.certificates import Loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rows: TypeAlias = Sequence[Mapping[int, Fraction]]
    Integers: TypeAlias = dict[int, int]
    Exact: TypeAlias = tuple[Fraction, ...]


def exact_loss(rows_B: Rows, a: Sequence[Fraction], variances: Sequence[Fraction]) -> Loss:  # noqa: N803
    """mu^2 of the change a with both witnesses, or the leak (the test in integers without a common divisor)."""
    return exact_losses(rows_B, [a], variances)[0]


def exact_losses(
    rows_B: Rows,  # noqa: N803
    columns_A: Sequence[Sequence[Fraction]],  # noqa: N803
    variances: Sequence[Fraction],
) -> tuple[Loss, ...]:
    """The same for several changes, with one elimination for all of them."""
    system = _system(rows_B, columns_A, variances)
    nulls = {row: system.null_vector(row) for row in sorted(system.rest)}
    found = []
    for index, a in enumerate(columns_A):
        leak = _leak(system, nulls, index)
        found.append(
            Loss(None, Fraction(0), (), leak, exact=True)
            if leak is not None
            else _answer(rows_B, a, variances, system.solution(index))
        )
    return tuple(found)


def _answer(rows_B: Rows, a: Sequence[Fraction], variances: Sequence[Fraction], test: Exact) -> Loss:  # noqa: N803
    """Both witnesses, from the u with B V B' u = a."""
    certificate = [Fraction(0)] * len(variances)
    for row, factor in zip(rows_B, test, strict=True):
        for column, entry in row.items():
            certificate[column] += variances[column] * entry * factor
    value = _inner(a, test)
    return Loss(value, value, tuple(certificate), test, exact=True)


def exact_rank(rows_B: Rows) -> int:  # noqa: N803
    """The rank of B over the rationals."""
    return len(_system(rows_B, [], _ones(rows_B)).steps)


def exact_nullspace(rows_B: Rows) -> tuple[Exact, ...]:  # noqa: N803
    """A basis of { z : z'B = 0 }, each vector in integers without a common divisor."""
    system = _system(rows_B, [], _ones(rows_B))
    return tuple(system.null_vector(row) for row in sorted(system.rest))


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """The triangle that elimination of [S | a_0 a_1 ..] left: pivot rows in order, and the rows without pivot.

    Keys of a row: columns of S below `size`, the right side t at size + t. `scales` are the factors of rows, `unit`
    that of variances, `factors` those of right sides: the S that was eliminated is unit * scales (B V B') scales,
    and the right sides factors_t * scales * a_t.
    """

    size: int
    steps: tuple[tuple[int, Integers], ...]
    rest: Mapping[int, Integers]
    scales: tuple[int, ...]
    factors: tuple[int, ...]
    unit: Fraction

    def back(self, key: int) -> list[Fraction]:
        """The x with S_PP x = the column `key`, zero outside the pivots P."""
        x = [Fraction(0)] * self.size
        for pivot, row in reversed(self.steps):
            known = sum((entry * x[j] for j, entry in row.items() if j < self.size and x[j]), Fraction(0))
            x[pivot] = (row.get(key, 0) - known) / row[pivot]
        return x

    def solution(self, index: int) -> Exact:
        """The u with B V B' u = a_index."""
        shared = self.unit / self.factors[index]
        return tuple(x * scale * shared for x, scale in zip(self.back(self.size + index), self.scales, strict=True))

    def null_vector(self, row: int) -> Exact:
        """The z with z'B = 0 that a row without pivot gives, in integers without a common divisor."""
        x = [-entry for entry in self.back(row)]
        x[row] = Fraction(1)
        scaled = [entry * scale for entry, scale in zip(x, self.scales, strict=True)]
        common = math.lcm(*(entry.denominator for entry in scaled))
        whole = [int(entry * common) for entry in scaled]
        divisor = math.gcd(*whole)
        return tuple(Fraction(entry // divisor) for entry in whole)


def _system(rows: Rows, sides: Sequence[Sequence[Fraction]], variances: Sequence[Fraction]) -> _System:
    """Scale to integers, multiply out S = B V B', eliminate."""
    _check(rows, sides, variances)
    size = len(rows)
    scales = tuple(math.lcm(*(Fraction(entry).denominator for entry in row.values())) for row in rows)
    common = math.lcm(*(Fraction(v).denominator for v in variances))
    weights = [int(v * common) for v in variances]
    divisor = math.gcd(*weights) or 1
    by_column: defaultdict[int, Integers] = defaultdict(dict)
    for index, (given, scale) in enumerate(zip(rows, scales, strict=True)):
        for column, entry in given.items():
            if entry:
                by_column[column][index] = int(entry * scale)
    system: list[Integers] = [{} for _ in rows]
    for column, entries in by_column.items():
        weight = weights[column] // divisor
        for i, left in entries.items():
            target = system[i]
            for j, right in entries.items():
                target[j] = target.get(j, 0) + left * weight * right
    factors = []
    for t, side in enumerate(sides):
        scaled = [Fraction(x) * scale for x, scale in zip(side, scales, strict=True)]
        factors.append(math.lcm(*(x.denominator for x in scaled)))
        for row, x in zip(system, scaled, strict=True):
            row[size + t] = int(x * factors[-1])
    steps, rest = _eliminate([{j: x for j, x in row.items() if x} for row in system], size)
    return _System(size, steps, rest, scales, tuple(factors), Fraction(common, divisor))


def _eliminate(system: list[Integers], size: int) -> tuple[tuple[tuple[int, Integers], ...], dict[int, Integers]]:
    """Pivots on the diagonal until it is zero (then all that remains of S is, by 3 above)."""
    left = dict(enumerate(system))
    steps: list[tuple[int, Integers]] = []
    while True:
        candidates = [i for i, row in left.items() if i in row]
        if not candidates:
            break
        pivot = min(candidates, key=lambda i: len(left[i]))
        row = left.pop(pivot)
        steps.append((pivot, row))
        for i, other in left.items():
            if pivot in other:
                left[i] = _reduced(other, row, pivot)
    if any(key < size for row in left.values() for key in row):
        raise ConfigurationError("B V B' is not positive semidefinite", why="a variance is negative")
    return tuple(steps), left


def _reduced(row: Integers, by: Integers, pivot: int) -> Integers:
    """A positive multiple of row - (row_pivot / by_pivot) by, without common divisor; by_pivot > 0."""
    shared = math.gcd(by[pivot], row[pivot])
    keep, take = by[pivot] // shared, row[pivot] // shared
    result = {key: keep * entry for key, entry in row.items()}
    for key, entry in by.items():
        value = result.get(key, 0) - take * entry
        if value:
            result[key] = value
        else:
            result.pop(key, None)
    divisor = math.gcd(*result.values())
    return {key: entry // divisor for key, entry in result.items()} if divisor > 1 else result


def _leak(system: _System, nulls: Mapping[int, Exact], index: int) -> Exact | None:
    """The shortest of the z with z'B = 0, z'a_index != 0 that the rows without pivot give; None if nothing leaks."""
    found = [nulls[i] for i, row in system.rest.items() if row.get(system.size + index)]
    return min(found, key=lambda z: (sum(entry != 0 for entry in z), sum(map(abs, z)))) if found else None


def _check(rows: Rows, sides: Sequence[Sequence[Fraction]], variances: Sequence[Fraction]) -> None:
    if any(not v > 0 for v in variances):
        raise ConfigurationError("every noise column needs a variance > 0", instead="leave out columns without noise")
    if any(not 0 <= column < len(variances) for row in rows for column in row):
        raise ConfigurationError(f"a row speaks of a noise column outside 0 .. {len(variances) - 1}")
    if any(len(side) != len(rows) for side in sides):
        raise ConfigurationError(f"a change needs one entry for each of the {len(rows)} rows")


def _ones(rows: Rows) -> list[Fraction]:
    return [Fraction(1)] * (1 + max((column for row in rows for column in row), default=-1))


def _inner(x: Sequence[Fraction], y: Sequence[Fraction]) -> Fraction:
    return sum((p * q for p, q in zip(x, y, strict=True)), Fraction(0))
