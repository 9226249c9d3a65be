"""Losses in views without own noise, too large to eliminate: long numbers propose, exact arithmetic decides.

The best w for a change a is the projection of any feasible one on the row space of B V^(1/2). Rows that pass on what
was received are nearly dependent (singular values fall below 2^-60), so floats find neither the rank nor w, and exact
elimination fills a triangle with numbers of thousands of bits. Here instead:

1. Gram-Schmidt in long fixed-point numbers (`orthogonal`) takes the rows apart: independent ones I, an orthonormal
   basis Q, and rows that look dependent. Nothing is concluded from it.
2. Columns P, as many as I, are chosen on which Q is far from singular. For each change the proposed w is rounded to
   64 bits outside P, and w_P solves B_IP w_P = a_I - B_IF w_F exactly (`lifting`). A feasible w = best + n has
   B n = 0 and costs |best|^2 + |n|^2, because the best one is orthogonal to all such n: rounding enters by its square.
3. B w = a is tested for *every* row in whole numbers. If it holds, w is feasible, whatever was proposed, and its cost
   is a bound from above. The test z, rounded, is a bound from below; both are computed exactly, then rounded outward.
4. If it fails in a row i outside I, the y with y'B_I = b_i is found exactly; then y'a_I != a_i, and z = e_i - y reads
   the change without noise. If there is no such y, the row was independent after all, and all is done with more bits.

A change that is a multiple of one noise column, and which one row reads as well as that, is answered at sight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.certificates import Loss
from tip.flow.lifting import Lifted, lifted
from tip.flow.orthogonal import Basis, basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.object_]
    Column = tuple[tuple[int, int], ...]  # (row, entry), without common divisor, the first entry > 0

_BITS: Final = (384, 768, 1536)  # of fixed point, one after the other
_FREE: Final = 64  # bits of the entries of w that are chosen
_TEST: Final = 72  # bits behind the point of the test on rows of norm 1
_SHORT: Final = 96  # bits of a bound
_GAP: Final = Fraction(1, 10**9)
_LONGEST: Final = 14_000  # bits of a certificate's numbers: Python writes no longer ones as text


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A view in whole numbers, made ready for the losses of many changes."""

    rows: Numbers  # (rows, columns), each row times its scale
    scales: tuple[Fraction, ...]
    variances: tuple[Fraction, ...]
    spreads: tuple[Fraction, ...]  # b_i V b_i'
    cheapest: Mapping[Column, tuple[int, int]]  # of each direction the column that costs least, and its factor
    _made: dict[int, tuple[Basis, list[int], Lifted | None]] = field(default_factory=dict, repr=False)

    def loss(self, a: Sequence[Fraction]) -> Loss:
        """mu^2 of a change, certified on both sides, or a leak; `ConfigurationError` where neither is found."""
        scaled = [x * scale for x, scale in zip(a, self.scales, strict=True)]
        found = self._at_sight(scaled)
        for bits in _BITS:
            found = found or self._by(bits, scaled)
        if found is None:
            raise ConfigurationError(
                f"the loss in a view of {len(self.rows)} rows, some without noise of their own, was not found",
                why=f"its rows are not told apart by numbers of {_BITS[-1]} bits, or the certificate is too long",
            )
        test = tuple(x * scale for x, scale in zip(found.test, self.scales, strict=True))
        return Loss(found.upper, found.lower, found.certificate, test, exact=found.exact)

    def bounds(self, a: Sequence[Fraction]) -> tuple[Fraction | None, Fraction | None]:
        """At sight: what a change loses at most, if it is a multiple of a noise column, and at least (None: a leak)."""
        scaled = [x * scale for x, scale in zip(a, self.scales, strict=True)]
        if not any(scaled):
            return Fraction(0), Fraction(0)
        column, row = self._column(scaled), self._row(scaled)
        at_least = scaled[row] ** 2 / self.spreads[row] if self.spreads[row] else None
        return column and column[0], at_least

    # -- at sight ---------------------------------------------------------------------------------

    def _column(self, a: Sequence[Fraction]) -> tuple[Fraction, int, Fraction] | None:
        """The cheapest noise column that a is a multiple of: the cost, its place, the factor."""
        key, factor = _direction(enumerate(a))
        if key not in self.cheapest:
            return None
        place, entry = self.cheapest[key]
        return (factor / entry) ** 2 / self.variances[place], place, factor / entry

    def _row(self, a: Sequence[Fraction]) -> int:
        """The row that alone tells most of a change."""
        moved = [i for i, x in enumerate(a) if x]
        return next(
            (i for i in moved if not self.spreads[i]), max(moved, key=lambda i: a[i] ** 2 / (self.spreads[i] or 1))
        )

    def _at_sight(self, a: Sequence[Fraction]) -> Loss | None:
        """A change that is nothing, that a row without noise shows, or that a row reads as well as can be."""
        nothing = Fraction(0)
        if not any(a):
            return Loss(nothing, nothing, (nothing,) * len(self.variances), (nothing,) * len(a), exact=True)
        row, column = self._row(a), self._column(a)
        test = tuple(Fraction(int(i == row)) for i in range(len(a)))
        if not self.spreads[row]:
            return Loss(None, nothing, (), test, exact=True)
        if column is None or a[row] ** 2 / self.spreads[row] != column[0]:
            return None
        certificate = tuple(column[2] if j == column[1] else nothing for j in range(len(self.variances)))
        return Loss(column[0], column[0], certificate, test, exact=True)

    # -- by projection ----------------------------------------------------------------------------

    def _ready(self, bits: int) -> tuple[Basis, list[int], Lifted | None]:
        if bits not in self._made:
            found = basis(self.rows, self.variances, bits)
            pivots = found.pivots()
            self._made[bits] = found, pivots, lifted(self.rows[np.ix_(found.chosen, pivots)].tolist())
        return self._made[bits]

    def _by(self, bits: int, a: Sequence[Fraction]) -> Loss | None:
        """By numbers of so many bits; None if they were too few."""
        ready, pivots, square = self._ready(bits)
        if square is None:
            return None
        coordinates = ready.coordinates(a)
        feasible = self._feasible(square, ready, pivots, ready.certificate(coordinates), a)
        if feasible is None:
            return None
        numerators, denominator = feasible
        scaled = [x * denominator for x in a]
        wrong = [i for i, x in enumerate((self.rows @ numerators).tolist()) if x != scaled[i]]
        if wrong:
            return self._leak(square, ready.chosen, pivots, wrong[0], a)
        weights = [Fraction(entry * entry) / v for entry, v in zip(numerators.tolist(), self.variances, strict=True)]
        upper = _rounded(_sum(weights) / denominator**2, up=True)
        test, lower = self._shown(ready, coordinates, a)
        if upper - lower > _GAP * upper:
            return None
        certificate = tuple(Fraction(entry, denominator) for entry in numerators.tolist())
        return Loss(upper, lower, certificate, test, exact=False)

    def _feasible(
        self, square: Lifted, ready: Basis, pivots: list[int], proposed: Numbers, a: Sequence[Fraction]
    ) -> tuple[Numbers, int] | None:
        """A w near the proposed one with B w = a on the chosen rows, as numerators and one denominator."""
        longest = max((abs(entry) for entry in proposed.tolist()), default=0).bit_length()
        places = max(0, _FREE + ready.bits - longest)  # behind the point
        free = np.array([_round(entry, ready.bits - places) for entry in proposed.tolist()], np.object_)
        free[pivots] = 0
        under = math.lcm(*(a[row].denominator for row in ready.chosen))
        reached = (self.rows[list(ready.chosen)] @ free).tolist()
        right = [
            int(a[row] * under * (1 << places)) - under * known
            for row, known in zip(ready.chosen, reached, strict=True)
        ]
        length = sum(max(map(abs, row)).bit_length() + 4 for row in square.matrix.tolist()) + 2 * _FREE
        solved = square.solve(right, digits=min(2 * length, 2 * _LONGEST) // 26 + 32)
        if solved is None:
            return None
        numerators = free * (solved[1] * under)
        numerators[pivots] = solved[0]
        denominator = solved[1] * under << places
        longest = max(denominator, *(abs(entry) for entry in numerators.tolist())).bit_length()
        return (numerators, denominator) if longest <= _LONGEST else None

    def _leak(
        self, square: Lifted, chosen: Sequence[int], pivots: list[int], row: int, a: Sequence[Fraction]
    ) -> Loss | None:
        """The test that reads a change without noise through a row that depends on the chosen ones."""
        turned = Lifted(square.matrix.T, np.ascontiguousarray(square.inverse.T), square.prime)
        solved = turned.solve(self.rows[row, pivots].tolist(), digits=2 * _LONGEST // 26)
        if solved is None:
            return None
        z: Numbers = np.zeros(len(self.rows), np.object_)
        z[list(chosen)], z[row] = [-entry for entry in solved[0]], solved[1]
        if (z @ self.rows).any():
            return None
        divisor = math.gcd(*z.tolist())
        test = tuple(Fraction(entry // divisor) for entry in z.tolist())
        shift = _sum([x * y for x, y in zip(test, a, strict=True)])
        return Loss(None, Fraction(0), (), test, exact=True) if shift else None

    def _shown(
        self, ready: Basis, coordinates: Sequence[int], a: Sequence[Fraction]
    ) -> tuple[tuple[Fraction, ...], Fraction]:
        """The proposed test, rounded, and what it proves."""
        largest = max(map(abs, coordinates), default=0).bit_length()
        places = ready.bits - min(ready.bits, _TEST + ready.bits - largest)
        most = max(ready.exponents, default=0)
        z: Numbers = np.zeros(len(self.rows), np.object_)
        for row, entry, exponent in zip(ready.chosen, ready.test(coordinates), ready.exponents, strict=True):
            z[row] = _round(entry, places) << most - exponent
        divisor = math.gcd(*z.tolist()) or 1
        whole = z // divisor
        shift = _sum([int(x) * y for x, y in zip(whole.tolist(), a, strict=True) if x])
        spread = _sum([Fraction(x * x) * v for x, v in zip((whole @ self.rows).tolist(), self.variances, strict=True)])
        lower = _rounded(shift**2 / spread, up=False) if spread else Fraction(0)
        return tuple(Fraction(x) for x in whole.tolist()), lower


def projection(rows: Sequence[Mapping[int, Fraction]], variances: Sequence[Fraction]) -> Projection:
    """A view made ready; its rows B as dictionaries from columns to coefficients, all variances > 0."""
    whole: Numbers = np.zeros((len(rows), len(variances)), np.object_)
    scales = []
    for i, row in enumerate(rows):
        under = math.lcm(*(entry.denominator for entry in row.values()))
        over = math.gcd(*(int(entry * under) for entry in row.values())) or 1
        scales.append(Fraction(under, over))
        for column, entry in row.items():
            whole[i, column] = int(entry * scales[-1])
    spreads = tuple(
        _sum([entry * entry * variances[j] for j, entry in enumerate(line.tolist()) if entry]) for line in whole
    )
    cheapest: dict[Column, tuple[int, int]] = {}
    for j in range(len(variances)):
        key, factor = _direction((i, Fraction(entry)) for i, entry in enumerate(whole[:, j].tolist()) if entry)
        if key and (
            key not in cheapest or factor**2 * variances[j] > cheapest[key][1] ** 2 * variances[cheapest[key][0]]
        ):
            cheapest[key] = j, int(factor)
    return Projection(whole, tuple(scales), tuple(variances), spreads, cheapest)


def gram(certificates: Sequence[Sequence[Fraction]], variances: Sequence[Fraction]) -> list[list[Fraction]]:
    """G_kl = sum_j w_kj w_lj / v_j of feasible certificates, rounded away from 0 to a fraction of few bits."""
    common = math.lcm(*(v.numerator for v in variances))
    weights = [v.denominator * (common // v.numerator) for v in variances]
    unders = [math.lcm(*{entry.denominator for entry in w}) for w in certificates]
    whole = [
        [entry.numerator * (under // entry.denominator) for entry in w]
        for w, under in zip(certificates, unders, strict=True)
    ]
    found = [[Fraction(0)] * len(whole) for _ in whole]
    for k, left in enumerate(whole):
        for m, right in enumerate(whole[: k + 1]):
            total = sum(x * y * g for x, y, g in zip(left, right, weights, strict=True))
            size = Fraction(abs(total), unders[k] * unders[m] * common)
            found[k][m] = found[m][k] = (_rounded(size, up=True) if size else size) * (1 if total > 0 else -1)
    return found


def _direction(column: Iterable[tuple[int, Fraction]]) -> tuple[Column, Fraction]:
    """A column without common divisor, its first entry positive, and what it was divided by."""
    entries = [(i, entry) for i, entry in column if entry]
    if not entries:
        return (), Fraction(0)
    under = math.lcm(*(entry.denominator for _, entry in entries))
    whole = [(i, int(entry * under)) for i, entry in entries]
    divisor = math.gcd(*(entry for _, entry in whole)) * (1 if whole[0][1] > 0 else -1)
    return tuple((i, entry // divisor) for i, entry in whole), Fraction(divisor, under)


def _rounded(x: Fraction, *, up: bool) -> Fraction:
    """A fraction of few bits beside x, above or below it."""
    places = _SHORT - x.numerator.bit_length() + x.denominator.bit_length()
    scale = Fraction(2) ** places
    return (math.ceil(x * scale) if up else math.floor(x * scale)) / scale


def _round(number: int, places: int) -> int:
    """Without so many last bits, to the nearest."""
    return (number + (1 << places - 1)) >> places if places > 0 else number << -places


def _sum(parts: Iterable[Fraction]) -> Fraction:
    return sum(parts, Fraction(0))
