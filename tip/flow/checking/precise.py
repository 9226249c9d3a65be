"""Precise: what floats cannot tell, since noise is so unlike in size, in decimals of 150 digits.

Whether rows are independent is asked modulo a prime: a determinant that is not 0 there is not 0. A Cholesky factor of
B V B', in units of its diagonal, is computed in decimals; how far it can be off follows from the trace of the inverse.
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.flow.checking.refusal import too_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tip.flow.checking.expansion import Number
    from tip.flow.checking.sheets import Sheet

    Row = Mapping[int, Number]

_PRIME: Final = 2**61 - 1
_DIGITS: Final = 150
_WORST: Final = Decimal(10) ** (_DIGITS - 20)  # of n^2 times the trace of the inverse
_MOST: Final = 12_000_000  # products
_UNLIKE: Final = "its noise is so unlike in size that floats cannot tell what all agents lose"


def independent(rows: Iterable[Row]) -> bool:
    """Whether rows are surely independent; False where a prime cannot tell."""
    pivots: list[tuple[int, dict[int, int]]] = []
    for row in rows:
        unit = lcm(*(Fraction(x).denominator for x in row.values()))
        line = {column: value for column, x in row.items() if (value := int(x * unit) % _PRIME)}
        for column, pivot in pivots:
            if factor := line.get(column, 0):
                for place, entry in pivot.items():
                    line[place] = (line.get(place, 0) - factor * entry) % _PRIME
        at = next((column for column, entry in line.items() if entry), -1)
        if at < 0:
            return False
        inverse = pow(line[at], -1, _PRIME)
        pivots.append((at, {column: entry * inverse % _PRIME for column, entry in line.items() if entry}))
    return True


def halved(sheet: Sheet, rows: Sequence[int]) -> NDArray[np.float64]:
    """L^-1 A for these rows, L L' = B V B'."""
    size = len(rows)
    if size * size * (size + len(sheet.noises) + len(sheet.secrets)) > _MOST:
        raise too_large(_UNLIKE)
    context = decimal.Context(_DIGITS, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
    with decimal.localcontext(context):
        spread = [_decimal(v) for v in sheet.variances()]
        b = [{j: _decimal(x) for j, x in sheet.B[row].items()} for row in rows]
        weighted = [{j: x * spread[j] for j, x in row.items()} for row in b]
        system = [[_product(weighted[i], b[k]) for k in range(i + 1)] for i in range(size)]
        scale = [system[i][i].sqrt() for i in range(size)]
        right = [{c: _decimal(x) / scale[i] for c, x in sheet.A[row].items()} for i, row in enumerate(rows)]
        width = len(sheet.secrets)
        right = [{**line, width + i: Decimal(1)} for i, line in enumerate(right)]
        even = [[x / scale[i] / scale[k] for k, x in enumerate(line)] for i, line in enumerate(system)]
        half = _forward(_cholesky(even), right)
        trace = sum((x * x for line in half for c, x in line.items() if c >= width), Decimal(0))
        if not size**2 * trace < _WORST:
            raise too_large(_UNLIKE)
        found = np.zeros((size, width))
        for i, line in enumerate(half):
            for c, x in line.items():
                if c < width:
                    found[i, c] = float(x)
    return found


def _decimal(value: Number) -> Decimal:
    value = Fraction(value)
    return Decimal(value.numerator) / Decimal(value.denominator)


def _product(one: Mapping[int, Decimal], other: Mapping[int, Decimal]) -> Decimal:
    return sum((x * other[j] for j, x in one.items() if j in other), Decimal(0))


def _cholesky(even: list[list[Decimal]]) -> list[list[Decimal]]:
    """The lower triangle L of a matrix given by its lower triangle."""
    done: list[list[Decimal]] = []
    for i, line in enumerate(even):
        made: list[Decimal] = []
        for k in range(i):
            rest = line[k] - sum((x * y for x, y in zip(made, done[k], strict=False)), Decimal(0))
            made.append(rest / done[k][k])
        rest = line[i] - sum((x * x for x in made), Decimal(0))
        if not rest > 0:
            raise too_large(_UNLIKE)
        done.append([*made, rest.sqrt()])
    return done


def _forward(lower: list[list[Decimal]], right: list[dict[int, Decimal]]) -> list[dict[int, Decimal]]:
    """L^-1 times a matrix, row by row."""
    done: list[dict[int, Decimal]] = []
    for line, entries in zip(lower, right, strict=True):
        left = dict(entries)
        for factor, above in zip(line, done, strict=False):
            for column, x in above.items():
                left[column] = left.get(column, Decimal(0)) - factor * x
        done.append({column: x / line[-1] for column, x in left.items()})
    return done
