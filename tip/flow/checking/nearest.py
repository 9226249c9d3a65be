"""Nearest: short whole solutions of B w = a, perhaps modulo 2^ring, searched rather than believed.

Column steps of Euclid's kind bring B, with 2^ring times each unit vector beside it in a ring, into a staircase. Walking
down it gives one solution; what the columns that became zero are made of spans all differences of two, in a ring
together with 2^ring times the unit vectors. These are made short by lattice reduction in floats, and what is near is
then enumerated. Floats only say where to look: every vector stays whole, and every solution is put into the equations
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Whole = list[int]

_ROUNDS: Final = 2_000  # steps of the reduction
_ROUGH: Final = 1 << 20  # a multiple above which floats are asked again
_PASSES: Final = 30
_LEAVES: Final = 4_000  # places that are looked at for one solution
_BITS: Final = 400  # of the numbers that floats are asked about
_LOVASZ: Final = 0.99


def short_solutions(
    rows: Sequence[Whole], right: Whole, weights: Sequence[float], *, ring: int, most: int
) -> list[tuple[int, ...]]:
    """Up to `most` whole w with rows w = right, those of least sum weights_j w_j^2 first; none if there is none."""
    width = len(weights)
    start = [([row[j] for row in rows], [int(i == j) for i in range(width)]) for j in range(width)]
    staircase = _staircase(start, len(rows), ring)
    first = _first(staircase, right, width)
    kernel = [label for column, label in staircase if not any(column)]
    if ring:
        kernel = [column for column, _ in _staircase([(label, []) for label in kernel], width, ring) if any(column)]
    if first is None or any(abs(x) >> _BITS for vector in (first, *kernel) for x in vector):
        return []
    steps = _reduced(kernel, weights)
    found = {tuple(w) for w in _near(first, steps, weights, most)}
    modulus = 1 << ring if ring else 0
    right_ones = [w for w in found if _solves(rows, right, w, modulus)]
    return sorted(right_ones, key=lambda w: (_length(w, weights), w))[:most]


def _solves(rows: Sequence[Whole], right: Whole, w: Sequence[int], modulus: int) -> bool:
    rest = [sum(b * x for b, x in zip(row, w, strict=True)) - a for row, a in zip(rows, right, strict=True)]
    return not any(value % modulus if modulus else value for value in rest)


def _length(w: Sequence[int], weights: Sequence[float]) -> float:
    return sum(weight * x * x for weight, x in zip(weights, w, strict=True))


# -- all solutions --------------------------------------------------------------------------------


def _staircase(start: list[tuple[Whole, Whole]], height: int, ring: int) -> list[tuple[Whole, Whole]]:
    """Columns with what they are made of: the first entries lie ever lower; those that are zero come last.

    In a ring 2^ring times each unit vector is one more column, made of nothing; so the entries that are still to come,
    and what a column is made of, matter modulo 2^ring alone.
    """
    size = len(start[0][1]) if start else 0
    waiting = list(start)
    if ring:
        waiting += [([int(i == j) << ring for i in range(height)], [0] * size) for j in range(height)]
    done: list[tuple[Whole, Whole]] = []
    for row in range(height):
        holding = [pair for pair in waiting if pair[0][row]]
        waiting = [pair for pair in waiting if not pair[0][row]]
        while len(holding) > 1:
            holding.sort(key=lambda pair: abs(pair[0][row]))
            least = holding[0]
            lowered = [_within(_minus(pair, least, pair[0][row] // least[0][row]), row, ring) for pair in holding[1:]]
            waiting += [pair for pair in lowered if not pair[0][row]]
            holding = [least, *(pair for pair in lowered if pair[0][row])]
        done += holding
    return done + waiting


def _within(pair: tuple[Whole, Whole], row: int, ring: int) -> tuple[Whole, Whole]:
    """The entries below a row, and what the column is made of, of least size modulo 2^ring."""
    if not ring:
        return pair
    column, label = pair
    return column[: row + 1] + [_least(x, ring) for x in column[row + 1 :]], [_least(x, ring) for x in label]


def _least(value: int, ring: int) -> int:
    value %= 1 << ring
    return value - (1 << ring) if value >> (ring - 1) else value


def _minus(pair: tuple[Whole, Whole], other: tuple[Whole, Whole], times: int) -> tuple[Whole, Whole]:
    column, label = ([x - times * y for x, y in zip(a, b, strict=True)] for a, b in zip(pair, other, strict=True))
    return column, label


def _first(staircase: list[tuple[Whole, Whole]], right: Whole, width: int) -> Whole | None:
    """One whole solution, from the top of the staircase down."""
    left = (list(right), [0] * width)
    for pair in staircase:
        at = next((row for row, entry in enumerate(pair[0]) if entry), -1)
        if at >= 0:
            left = _minus(left, pair, left[0][at] // pair[0][at])
    return None if any(left[0]) else [-x for x in left[1]]


# -- short ones -----------------------------------------------------------------------------------


def _triangle(basis: Sequence[Whole], weights: Sequence[float]) -> Floats:
    """The triangle R of a QR decomposition of the vectors, in units of the weights."""
    scaled = np.array(basis, dtype=np.float64) * np.sqrt(np.array(weights, dtype=np.float64))
    triangle: Floats = np.linalg.qr(scaled.T)[1]
    return triangle


def _reduced(basis: list[Whole], weights: Sequence[float]) -> list[Whole]:
    """The same lattice by shorter vectors: Lenstra, Lenstra and Lovász' steps, as many as are allowed."""
    basis = [list(vector) for vector in basis]
    at = 1
    for _ in range(_ROUNDS):
        if at >= len(basis):
            break
        r = _triangle(basis[: at + 1], weights)
        basis[at], largest = _lowered(basis[at], basis[:at], r, at)
        if largest > _ROUGH:
            continue
        if r[at, at] ** 2 + r[at - 1, at] ** 2 < _LOVASZ * r[at - 1, at - 1] ** 2:
            basis[at - 1], basis[at] = basis[at], basis[at - 1]
            at = max(at - 1, 1)
        else:
            at += 1
    return basis


def _lowered(w: Whole, steps: Sequence[Whole], r: Floats, column: int) -> tuple[Whole, int]:
    """A vector, less whole multiples of the steps, the last step first; and the largest multiple that was taken."""
    largest = 0
    for level in reversed(range(len(steps))):
        pivot = float(r[level, level])
        if times := round(float(r[level, column]) / pivot) if pivot else 0:
            w = [x - times * y for x, y in zip(w, steps[level], strict=True)]
            r[:, column] -= times * r[:, level]
            largest = max(largest, abs(times))
    return w, largest


def _near(first: Whole, steps: list[Whole], weights: Sequence[float], most: int) -> list[Whole]:
    """Solutions near zero: depth first, the nearest multiple of each step before those farther away."""
    if not steps:
        return [first]
    size = len(steps)
    for _ in range(_PASSES):
        r = _triangle([*steps, first], weights)
        first, largest = _lowered(first, steps, r, size)
        if largest <= _ROUGH:
            break
    found: list[tuple[float, Whole]] = []
    left = _LEAVES

    def down(level: int, place: Floats, w: Whole, spent: float) -> None:
        nonlocal left
        left -= 1
        if level < 0:
            found.append((spent, w))
            found.sort(key=lambda pair: pair[0])
            del found[most:]
            return
        pivot = float(r[level, level])
        middle = float(place[level]) / pivot if pivot else 0.0
        for times in _outward(middle):
            cost = spent + (float(place[level]) - times * pivot) ** 2
            full = len(found) >= most
            if found and (left <= 0 or (full and cost > found[-1][0] * (1 + 1e-9))):
                return
            if not full and found and cost > 4 * found[0][0] + 1e-9:
                return
            moved = [x - times * y for x, y in zip(w, steps[level], strict=True)]
            down(level - 1, place - times * r[:, level], moved, cost)
            if not pivot:
                return

    down(size - 1, r[:, size].copy(), first, float(np.sum(r[size:, size] ** 2)))
    return [w for _, w in found]


def _outward(middle: float) -> list[int]:
    """Whole numbers from the nearest one outward."""
    nearest = round(middle)
    side = 1 if middle >= nearest else -1
    return [nearest] + [nearest + sign * step for step in range(1, 6) for sign in (side, -side)]
