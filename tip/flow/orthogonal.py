"""Gram-Schmidt in long fixed-point numbers: which rows are independent, and what the best witnesses look like.

Rows b_i V^(1/2) = 2^(e_i) sum_j L_ij q_j, with orthonormal q_j and a lower triangle L; all numbers are multiples of
2^-bits. Each row is freed from the ones before twice, so that the q_j stay orthogonal to the last bit. A row of which
less than 2^(-bits/2) is left counts as dependent. All of this only proposes: see `tip.flow.projection`, which decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    Numbers = NDArray[np.object_]

_SHORT: Final = 64  # bits of the entries that columns are chosen by


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """An orthonormal basis of the rows; see the top of the file."""

    bits: int
    roots: Numbers  # of the variances
    chosen: tuple[int, ...]  # the rows that look independent
    exponents: tuple[int, ...]  # of the chosen rows
    Q: Numbers  # (chosen, columns)
    L: tuple[tuple[int, ...], ...]  # row by row, the diagonal last

    def pivots(self) -> list[int]:
        """As many columns as rows, on which Q is far from singular."""
        from scipy.linalg import qr  # noqa: PLC0415 - a fifth of a second, only where it is used

        if not self.chosen:
            return []
        short = self.Q >> max(0, self.bits - _SHORT)  # longer numbers than 2^1024 are no floats
        _, order = qr(short.astype(np.float64), mode="r", pivoting=True)
        return sorted(int(column) for column in order[: len(self.chosen)])

    def coordinates(self, a: Sequence[Fraction]) -> list[int]:
        """The c with L c = a on the chosen rows: w = V^(1/2) Q'c is the best w."""
        found: list[int] = []
        for row, entries, exponent in zip(self.chosen, self.L, self.exponents, strict=True):
            given = _shifted(a[row].numerator, 2 * self.bits - exponent) // a[row].denominator
            known = sum(x * y for x, y in zip(entries, found, strict=False))
            found.append((given - known) // entries[-1])
        return found

    def certificate(self, coordinates: Sequence[int]) -> Numbers:
        """V^(1/2) Q'c."""
        total = np.array(list(coordinates), np.object_) @ self.Q
        return np.asarray((total >> self.bits) * self.roots >> self.bits)

    def test(self, coordinates: Sequence[int]) -> list[int]:
        """The u with L'u = c: z_i = u_i / 2^(e_i) is the best test."""
        left = [c << self.bits for c in coordinates]
        found = [0] * len(left)
        for i in reversed(range(len(left))):
            found[i] = left[i] // self.L[i][-1]
            for j, entry in enumerate(self.L[i][:-1]):
                left[j] -= entry * found[i]
        return found


def basis(rows: Numbers, variances: Sequence[Fraction], bits: int) -> Basis:
    """Rows of whole numbers taken apart, in order."""
    roots = np.array([math.isqrt((v.numerator << 2 * bits) // v.denominator) for v in variances], np.object_)
    chosen: list[int] = []
    exponents: list[int] = []
    units: list[Numbers] = []
    triangle: list[tuple[int, ...]] = []
    for number, row in enumerate(rows):
        whole = row * roots
        size = math.isqrt(int(whole @ whole))
        if not size:
            continue
        exponent = size.bit_length() - bits
        left, entries = _freed(_each(whole, -exponent), units, bits)
        size = math.isqrt(int(left @ left))
        if size >> bits // 2 == 0:
            continue
        again, _ = _freed((left << bits) // size, units, bits)
        length = math.isqrt(int(again @ again))
        chosen.append(number)
        exponents.append(exponent)
        units.append((again << bits) // length)
        triangle.append((*entries, size * length >> bits))
    stacked = np.array([list(unit) for unit in units], np.object_).reshape(len(units), len(roots))
    return Basis(bits, roots, tuple(chosen), tuple(exponents), stacked, tuple(triangle))


def _freed(vector: Numbers, units: list[Numbers], bits: int) -> tuple[Numbers, list[int]]:
    """A vector without its parts along some units, and these parts."""
    parts = []
    for unit in units:
        part = int(unit @ vector) >> bits
        parts.append(part)
        vector = np.asarray(vector - (part * unit >> bits))
    return vector, parts


def _each(vector: Numbers, places: int) -> Numbers:
    return np.asarray(vector << places if places >= 0 else vector >> -places)


def _shifted(number: int, places: int) -> int:
    return number << places if places >= 0 else number >> -places
