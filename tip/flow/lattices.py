"""Whole solutions of linear equations: all of them, a short one, or why none.

Theory of operation. `solve(B, a)` brings the columns of B into echelon form H = B U by whole column operations of
determinant +-1 (Euclid's algorithm along each row), so that {w whole : B w = a} = U {t whole : H t = a}. Forward
substitution finds t or the row at which it fails. Two ways to fail, each with a test z that proves it:

- z'B = 0 and z'a is not 0: not even real solutions exist;
- z'B is whole and z'a is not: only real ones do. A view y = A x + B g shows z'y modulo 1, which no whole noise touches.

`shortened` moves a solution by whole multiples of the kernel: LLL reduction of the kernel (Lenstra, Lenstra, Lovász
1982), then Babai's nearest plane, all in exact arithmetic. Every step changes the solution by a vector of the kernel
only, so the result is a solution whatever its length; that it is short is a matter of quality, not of proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector: TypeAlias = list[int]

_SWAPS: Final = 5000  # of the reduction; where it ends early the vectors are longer, and still right
_LOVASZ: Final = Fraction(3, 4)


@dataclass(frozen=True, slots=True)
class Solved:
    """One whole solution and a basis of all whole solutions of B w = 0; or a test z that there is none.

    `real`: whether z only excludes whole solutions (z'B is whole), not real ones (z'B = 0).
    """

    particular: tuple[int, ...] | None
    kernel: tuple[tuple[int, ...], ...]
    test: tuple[Fraction, ...] = ()
    real: bool = True


def solve(matrix: Sequence[Sequence[int]], right: Sequence[int]) -> Solved:
    """All whole w with matrix w = right; the matrix is given by rows, which have one length."""
    if len(matrix) != len(right) or len({len(row) for row in matrix}) > 1:
        raise ConfigurationError("the rows of the matrix and of the right-hand side do not fit together")
    width = len(matrix[0]) if matrix else 0
    columns = [[row[j] for row in matrix] for j in range(width)]
    labels = [[int(i == j) for i in range(width)] for j in range(width)]
    pivots = _echelon(columns, labels, len(matrix))
    found, rest = [0] * width, list(right)
    for row in range(len(matrix)):
        at = pivots.get(row)
        value = 0 if at is None else columns[at][row]
        if rest[row] % value if value else rest[row]:
            return Solved(None, (), _test(columns, pivots, (row, len(matrix))), real=value != 0)
        if at is not None:
            times = rest[row] // value
            rest = [a - times * b for a, b in zip(rest, columns[at], strict=True)]
            found = [a + times * b for a, b in zip(found, labels[at], strict=True)]
    return Solved(tuple(found), tuple(tuple(label) for label in labels[len(pivots) :]))


def shortened(particular: Sequence[int], kernel: Sequence[Sequence[int]], weights: Sequence[Fraction]) -> Vector:
    """A short solution, measured by sum weights_j w_j^2, that differs from the given one by a vector of the kernel.

    The weights are >= 0 and positive on some entry of every vector of the kernel.
    """
    basis = [list(vector) for vector in kernel]
    _reduce(basis, weights)
    norms: list[Fraction] = []
    factors: list[list[Fraction]] = []
    for index in range(len(basis)):
        _orthogonal(basis, index, factors, norms, weights)
    full = [*basis, list(particular)]
    _orthogonal(full, len(basis), factors, norms, weights)
    _size_reduce(full, len(basis), factors)
    return full[-1]


# -- echelon form ---------------------------------------------------------------------------------------


def _echelon(columns: list[Vector], labels: list[Vector], height: int) -> dict[int, int]:
    """Column operations in place; which column holds the pivot of which row. The pivots come first, in their order."""
    pivots: dict[int, int] = {}
    for row in range(height):
        start = len(pivots)
        while True:
            live = [j for j in range(start, len(columns)) if columns[j][row]]
            if not live:
                break
            least = min(live, key=lambda j: abs(columns[j][row]))
            if len(live) == 1:
                for part in (columns, labels):
                    part[start], part[least] = part[least], part[start]
                pivots[row] = start
                break
            for j in live:
                if j != least and (times := columns[j][row] // columns[least][row]):
                    for part in (columns, labels):
                        part[j] = [a - times * b for a, b in zip(part[j], part[least], strict=True)]
    return pivots


def _test(columns: Sequence[Vector], pivots: dict[int, int], at: tuple[int, int]) -> tuple[Fraction, ...]:
    """The z of the top of the file: 1 at `row`, the rows before it combined away, over the pivot of the row if any."""
    row, height = at
    z = [Fraction(0)] * height
    z[row] = Fraction(1)
    for earlier in sorted((r for r in pivots if r < row), reverse=True):
        column = columns[pivots[earlier]]
        z[earlier] = -sum((z[r] * column[r] for r in range(earlier + 1, row + 1)), Fraction(0)) / column[earlier]
    scale = columns[pivots[row]][row] if row in pivots else 1
    return tuple(value / scale for value in z)


# -- short vectors --------------------------------------------------------------------------------------


def _reduce(basis: list[Vector], weights: Sequence[Fraction]) -> None:
    """LLL, in place."""
    norms: list[Fraction] = []
    factors: list[list[Fraction]] = []
    index = swaps = 0
    while index < len(basis):
        del norms[index:], factors[index:]
        _orthogonal(basis, index, factors, norms, weights)
        _size_reduce(basis, index, factors)
        if index and swaps < _SWAPS:
            kept = factors[index][index - 1] ** 2 * norms[index - 1]
            if norms[index] + kept < _LOVASZ * norms[index - 1]:
                basis[index - 1], basis[index] = basis[index], basis[index - 1]
                index, swaps = index - 1, swaps + 1
                continue
        index += 1


def _orthogonal(
    basis: Sequence[Vector],
    index: int,
    factors: list[list[Fraction]],
    norms: list[Fraction],
    weights: Sequence[Fraction],
) -> None:
    """Gram-Schmidt of one more vector: its factors on the earlier ones, and the squared norm of what is left."""
    inner = [
        sum((w * a * b for w, a, b in zip(weights, basis[index], basis[j], strict=True)), Fraction(0))
        for j in range(index + 1)
    ]
    products: list[Fraction] = []
    for j in range(index):
        products.append(inner[j] - sum((factors[j][i] * products[i] for i in range(j)), Fraction(0)))
    factors.append([product / norm for product, norm in zip(products, norms, strict=False)])
    norms.append(inner[index] - sum((f * p for f, p in zip(factors[index], products, strict=True)), Fraction(0)))


def _size_reduce(basis: list[Vector], index: int, factors: list[list[Fraction]]) -> None:
    """Takes whole multiples of the earlier vectors off, from the last to the first."""
    for j in reversed(range(index)):
        if times := round(factors[index][j]):
            basis[index] = [a - times * b for a, b in zip(basis[index], basis[j], strict=True)]
            factors[index][j] -= times
            for i in range(j):
                factors[index][i] -= times * factors[j][i]
