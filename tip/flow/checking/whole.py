"""Whole numbers: what ring masks leave, and whether whole shifts of the noise make up for a change.

Masks: z'M = 0 modulo 2^b. Where every mask stands in one row with an odd number, or in two with opposite odd ones,
union-find over the rows gives all such z; otherwise the rows are eliminated, the entry of the fewest twos first.
Shifts are tested on all functionals, whoever found them: B W = A, in whole numbers, modulo the ring.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.flow.checking.refusal import count, refuse, too_large, want
from tip.flow.checking.shifts import Moved, charged, moved_laplace
from tip.flow.checking.witnesses import vector
from tip.flow.model import Law

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tip.flow.checking.expansion import Number
    from tip.flow.checking.sheets import Sheet
    from tip.flow.derivation import Node
    from tip.privacy.events import Event

Line = dict[int, int]

_GENERAL: Final = 400  # rows of masks that are eliminated
_LISTED: Final = 64
_FLOATS: Final = 2**53  # below which a float is the whole number that was meant
_WHOLE: Final = {Law.DISCRETE_GAUSSIAN, Law.UNIFORM}
_LAPLACE: Final = {Law.LAPLACE, Law.DISCRETE_LAPLACE}


@dataclass(frozen=True, slots=True, eq=False)
class Unmasked:
    """The rows that masks leave, in whole numbers; `masked`: whether there were masks."""

    sheet: Sheet
    A: list[Line]
    B: list[Line]
    masked: bool
    functionals: list[Line]

    def reaches(self, agent: int) -> dict[int, Fraction]:
        """The squared reaches of the agent's columns that are left."""
        left = {column for row in self.A for column in row}
        return {c: self.sheet.secret(c).squared_reach for c in self.sheet.columns_of(agent) if c in left}

    def dimension(self, agent: int) -> int:
        """The most coordinates of what the agent can change."""
        return max((self.sheet.secret(c).dimension for c in self.sheet.columns_of(agent)), default=1)


def unmasked(sheet: Sheet) -> Unmasked:
    """What the masks of a sheet leave."""
    a, b = ([_within(_integers(row), sheet.ring) for row in part] for part in (sheet.A, sheet.B))
    masks = {column for column in range(len(sheet.noises)) if sheet.noise(column).law is Law.UNIFORM}
    if not masks:
        return Unmasked(sheet, a, b, masked=False, functionals=[])
    want(sheet.ring > 0, "ring masks", "are no masks outside a ring")
    found = functionals([{c: x for c, x in row.items() if c in masks} for row in b], sheet.ring)
    rest = [{c: x for c, x in row.items() if c not in masks} for row in b]
    left = [[_times(z, rows, sheet.ring) for z in found] for rows in (a, rest)]
    return Unmasked(sheet, left[0], left[1], masked=True, functionals=found)


def masks(node: Node, left: Unmasked) -> None:
    """A step "ring masks": its functionals hold no mask, and there are no others."""
    ring = left.sheet.ring
    want(left.masked, node.rule, "there are no masks in the view")
    want(count(node, "ring") == ring, node.rule, f"the ring has {ring} bits")
    want(
        count(node, "functionals") == len(left.functionals),
        node.rule,
        f"the masks leave {len(left.functionals)} combinations",
    )
    hidden = {c for c in range(len(left.sheet.noises)) if left.sheet.noise(c).law is Law.UNIFORM}
    rows = [{c: x for c, x in _integers(row).items() if c in hidden} for row in left.sheet.B]
    for number in range(1, min(len(left.functionals), _LISTED) + 1):
        z = vector(node, f"z{number}", len(rows))
        want(all(x.denominator == 1 for x in z), node.rule, f"z{number} is not whole")
        told = {row: int(x) for row, x in enumerate(z) if x}
        want(bool(told) and not _times(told, rows, ring), node.rule, f"z{number} still holds a mask")


def _integers(row: dict[int, Number]) -> Line:
    if any(Fraction(x).denominator != 1 for x in row.values()):
        raise refuse("view", "whole-number noise wants whole coefficients")
    return {column: int(x) for column, x in row.items()}


def _within(row: Line, ring: int) -> Line:
    """The entries of least size modulo the ring, without zeros."""
    return {column: value for column, x in row.items() if (value := _centered(x, ring))}


def _times(z: Line, rows: list[Line], ring: int) -> Line:
    total: Line = defaultdict(int)
    for row, factor in z.items():
        for column, entry in rows[row].items():
            total[column] += factor * entry
    return {column: value for column, entry in total.items() if (value := _centered(entry, ring))}


def _centered(value: int, ring: int) -> int:
    if not ring:
        return value
    value %= 1 << ring
    return value - (1 << ring) if value >> (ring - 1) else value


# -- masks ----------------------------------------------------------------------------------------


def functionals(rows: list[Line], ring: int) -> list[Line]:
    """Generators of all z with z'M = 0 modulo 2^ring."""
    columns: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, entries in enumerate(rows):
        for column, value in entries.items():
            if value % (1 << ring):
                columns[column].append((row, value))
    found: list[Line] = []
    for members, held in _tied(len(rows), list(columns.values())):
        if all(_difference(pair, ring) for pair in held):
            found += [] if any(len(pair) == 1 for pair in held) else [dict.fromkeys(members, 1)]
        else:
            found += _eliminated([(dict(rows[row]), {row: 1}) for row in members], ring)
    return found


def _difference(held: list[tuple[int, int]], ring: int) -> bool:
    """Whether a mask stands in one row with an odd number, or in two with odd numbers that cancel."""
    cancels = len(held) == 1 or (len(held) == 2 and (held[0][1] + held[1][1]) % (1 << ring) == 0)
    return cancels and all(value % 2 for _, value in held)


def _tied(size: int, columns: list[list[tuple[int, int]]]) -> list[tuple[list[int], list[list[tuple[int, int]]]]]:
    """Rows that masks tie together, with the entries of those masks: union-find over the rows."""
    root = list(range(size))

    def find(row: int) -> int:
        while root[row] != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    for held in columns:
        for row, _ in held[1:]:
            root[find(row)] = find(held[0][0])
    parts: dict[int, tuple[list[int], list[list[tuple[int, int]]]]] = {}
    for row in range(size):
        parts.setdefault(find(row), ([], []))[0].append(row)
    for held in columns:
        parts[find(held[0][0])][1].append(held)
    return list(parts.values())


def _eliminated(left: list[tuple[Line, Line]], ring: int) -> list[Line]:
    """Left kernel modulo 2^ring: each pivot has the fewest twos of all entries that are left."""
    if len(left) > _GENERAL:
        raise too_large(f"{len(left)} messages tied together by masks that are no differences")
    found = []
    left = [({c: x for c, x in row.items() if x % (1 << ring)}, z) for row, z in left]
    while any(row for row, _ in left):
        twos, at, column = min(
            ((x & -x).bit_length() - 1, at, c) for at, (row, _) in enumerate(left) for c, x in row.items()
        )
        pivot, path = left.pop(at)
        inverse = pow(pivot[column] >> twos, -1, 1 << ring)
        for place, (row, z) in enumerate(left):
            factor = -(row.get(column, 0) >> twos) * inverse
            left[place] = _plus(row, pivot, factor, ring), _plus(z, path, factor, ring)
        found.append(_plus({}, path, 1 << (ring - twos), ring))
    return [z for z in [*found, *(z for _, z in left)] if z]


def _plus(row: Line, other: Line, factor: int, ring: int) -> Line:
    total = dict(row)
    for key, value in other.items():
        total[key] = total.get(key, 0) + factor * value
    return {key: value for key, entry in total.items() if (value := _centered(entry, ring))}


# -- shifts ---------------------------------------------------------------------------------------


def certified(node: Node, left: Unmasked, agent: int) -> Event:
    """The event of a step "integer sum", "integer certificate" or "additive laplace", if its shifts prove it."""
    rule, sheet = node.rule, left.sheet
    want(count(node, "agent") == agent, rule, f"is about agent {node.numbers['agent']}, not about agent {agent}")
    shifts: list[Moved] = []
    while f"columns{len(shifts) + 1}" in node.vectors:
        shifts.append(_shift(node, left, len(shifts) + 1))
    used = [column for shift in shifts for column in shift.columns]
    want(len(used) == len(set(used)), rule, "moves one noise twice")
    reaches = left.reaches(agent)
    want(
        all(c in reaches for shift in shifts for c in shift.moves), rule, "moves noise for what the agent does not hold"
    )
    want(balanced(left, shifts, reaches), rule, "its shifts do not make up for the change: B W is not A")
    want(causal(sheet, left, shifts), rule, "moves noise before the inputs are known that it is moved by")
    laws = {sheet.noise(column).law for column in used}
    if rule == "additive laplace":
        want(laws <= _LAPLACE, rule, "moves noise that is not Laplace noise")
        if Law.DISCRETE_LAPLACE in sheet.laws():
            whole_secrets(rule, sheet)
        return moved_laplace(sheet, shifts, reaches, left.dimension(agent))
    want(laws <= {Law.DISCRETE_GAUSSIAN}, rule, "moves noise that is no discrete Gaussian")
    whole_secrets(rule, sheet)
    return charged(shifts, reaches, left.dimension(agent))


def causal(sheet: Sheet, left: Unmasked, shifts: list[Moved]) -> bool:
    """Whether each noise is moved by what is known when it is first used, where inputs are chosen from the past.

    A row is sent when all that is in it is known. So each row that holds the noise must hold, of every secret that
    moves it, the same round or a later one.
    """
    columns = {column for shift in shifts for column in shift.moves}
    if not any(sheet.secret(column).adaptive for column in columns):
        return True
    for shift in shifts:
        latest = _latest(sheet, shift.moves)
        noises = set(shift.columns)
        for a, b in zip(left.A, left.B, strict=True):
            if noises.isdisjoint(b):
                continue
            told = _latest(sheet, (column for column in a if column in columns))
            if any(told.get(name, -1) < turn for name, turn in latest.items()):
                return False
    return True


def _latest(sheet: Sheet, columns: Iterable[int]) -> dict[str, int]:
    """The last round of each secret among these columns."""
    found: dict[str, int] = {}
    for column in columns:
        name, _, turn = sheet.secrets[column]
        found[name] = max(turn, found.get(name, -1))
    return found


def whole_secrets(rule: str, sheet: Sheet) -> None:
    """Whole noise hides whole numbers only (law 8)."""
    for name in sorted({column[0] for column in sheet.secrets}):
        want(sheet.flow.secret(name).whole, rule, f"the secret {name!r} is not made of whole numbers")


def _shift(node: Node, left: Unmasked, number: int) -> Moved:
    """A bundle of noise columns that are alike but for their signs, and what it is moved by."""
    columns, signs, moved = (_whole_vector(node, f"{name}{number}") for name in ("columns", "signs", "moved"))
    sheet, rule = left.sheet, node.rule
    good = len(columns) == len(signs) > 0 and len(moved) % 2 == 0 and all(0 <= c < len(sheet.noises) for c in columns)
    want(good and set(signs) <= {1, -1}, rule, f"its bundle {number} is not one")
    held = [
        {row: _centered(sign * entries[column], sheet.ring) for row, entries in enumerate(left.B) if column in entries}
        for column, sign in zip(columns, signs, strict=True)
    ]
    want(all(other == held[0] for other in held), rule, f"the noises of bundle {number} are not alike")
    noises = [sheet.noise(column) for column in columns]
    sizes = {noise.scale if noise.variance is None else noise.variance for noise in noises}
    size = next(iter(sizes))
    if len(sizes) != 1 or len({noise.law for noise in noises}) != 1 or size is None:
        raise refuse(rule, f"the noises of bundle {number} are not of one law and size")
    moves = dict(zip(moved[::2], moved[1::2], strict=True))
    want(len(moves) == len(moved) // 2, rule, f"bundle {number} is moved twice for one secret")
    return Moved(tuple(columns), noises[0].law, size, moves, held[0])


def _whole_vector(node: Node, name: str) -> list[int]:
    found = node.vectors.get(name)
    if isinstance(found, np.ndarray):
        whole = bool(np.all(np.isfinite(found)) and np.all(found == np.rint(found)) and np.all(abs(found) < _FLOATS))
        want(whole, node.rule, f"has no vector {name!r} of whole numbers")
        return [int(entry) for entry in found.tolist()]
    if found is None or any(entry.denominator != 1 for entry in found):
        raise refuse(node.rule, f"has no vector {name!r} of whole numbers")
    return [int(entry) for entry in found]


def balanced(left: Unmasked, shifts: Sequence[Moved], reaches: Mapping[int, Fraction]) -> bool:
    """B W = A in every row that masks leave, modulo the ring."""
    rest: dict[tuple[int, int], int] = defaultdict(int)
    for row, entries in enumerate(left.A):
        for column, value in entries.items():
            if column in reaches:
                rest[row, column] += value
    for shift in shifts:
        for row, entry in shift.rows.items():
            for column, move in shift.moves.items():
                rest[row, column] -= entry * move
    ring = left.sheet.ring
    return not any(_centered(value, ring) for value in rest.values())
