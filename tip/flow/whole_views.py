"""Views of whole numbers as matrices, changes, and the shifts of noise that make up for them.

`IntegerView` is y = A x + B g, all whole, perhaps modulo 2^ring. Noise columns that are alike (up to sign) in B and in
variance enter it through their sum alone: a `Bundle`. A `Shift` moves a bundle's sum by a multiple of the agent's
change, and `holds` tests whether shifts make up for the change: then y at x + d is the same function of the moved
noise that y at x is of the noise. `tip.flow.integers` finds shifts, `tip.flow.charges` says what they cost.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from tip.errors import ConfigurationError
from tip.flow.model import Law
from tip.privacy.checks import rational, whole
from tip.privacy.events import LEAST_SHARE_VARIANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from fractions import Fraction

    Row: TypeAlias = Mapping[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class IntegerView:
    """The rows of A and B (column to whole coefficient), the law and size (variance or scale) of each noise column.

    `counts`: for how many columns that are alike each noise column stands; left out: for one each.
    """

    secrets: Sequence[Row]
    noises: Sequence[Row]
    laws: Sequence[Law]
    sizes: Sequence[Fraction | None]
    ring: int = 0
    counts: Sequence[int] = ()

    def __post_init__(self) -> None:
        if len(self.secrets) != len(self.noises) or len(self.laws) != len(self.sizes):
            raise ConfigurationError("the parts of a view do not fit together: rows of A and B, laws and sizes")
        if self.counts and len(self.counts) != len(self.laws):
            raise ConfigurationError("the parts of a view do not fit together: laws and counts")
        whole("ring", self.ring, least=0)
        for value in (entry for row in (*self.secrets, *self.noises) for entry in row.values()):
            if isinstance(value, bool) or not isinstance(value, int):
                raise ConfigurationError(f"a view of whole numbers has whole coefficients, not {value!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What one agent may change: each of its secret columns by a vector of squared length at most `reach`."""

    reach: Mapping[int, Fraction]
    dimension: int

    def __post_init__(self) -> None:
        whole("dimension", self.dimension, least=1)
        for value in self.reach.values():
            rational("a squared reach", value)


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """A bundle of noise columns (with their signs) whose sum the certificate moves by `moves[c]` times d_c."""

    columns: tuple[int, ...]
    signs: tuple[int, ...]
    size: Fraction
    moves: Mapping[int, int]
    counted: int = 0  # the shares that the columns stand for; 0: one each

    @property
    def shares(self) -> int:
        """How many independent shares the sum has."""
        return self.counted or len(self.columns)


@dataclass(slots=True, eq=False)
class Bundle:
    """Discrete Gaussian columns that are alike up to their signs: a sum of shares."""

    rows: tuple[tuple[int, int], ...]  # (row, coefficient), the first one positive
    size: Fraction
    columns: list[int] = field(default_factory=list)
    signs: list[int] = field(default_factory=list)
    shares: int = 0

    @property
    def strength(self) -> Fraction:
        """The variance of its sum; of one column where the shares are too small for the rule of sums."""
        return self.size * (self.shares if self.size >= LEAST_SHARE_VARIANCE else 1)


def holds(view: IntegerView, change: Change, shifts: Iterable[Shift]) -> bool:
    """Whether the shifts make up for the agent's change: B W_c = A_c for each of its columns, modulo the ring."""
    uses = noise_uses(view)
    left = {
        (row, column): value for row, entries in held_rows(view, change).items() for column, value in entries.items()
    }
    seen: set[int] = set()
    for shift in shifts:
        signed = {tuple((row, sign * value) for row, value in uses[column]) for column, sign in _pairs(shift)}
        sizes = {view.sizes[column] for column in shift.columns}
        if len(signed) != 1 or sizes != {shift.size} or seen & set(shift.columns):
            return False
        seen |= set(shift.columns)
        for row, value in next(iter(signed)):
            for column, move in shift.moves.items():
                left[row, column] = left.get((row, column), 0) - value * move
    return not any(value % (1 << view.ring) if view.ring else value for value in left.values())


def held_rows(view: IntegerView, change: Change) -> dict[int, dict[int, int]]:
    """The rows that hold the agent's columns, with those entries."""
    rows = (
        {c: n for c, v in row.items() if c in change.reach and (n := centered(v, view.ring))} for row in view.secrets
    )
    return {index: row for index, row in enumerate(rows) if row}


def noise_uses(view: IntegerView) -> dict[int, list[tuple[int, int]]]:
    """The rows that hold each noise column, with their coefficients."""
    uses: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index, row in enumerate(view.noises):
        for column, value in row.items():
            if entry := centered(value, view.ring):
                uses[column].append((index, entry))
    return uses


def bundles_of(view: IntegerView) -> list[Bundle]:
    """The discrete Gaussian columns, those that are alike put together."""
    found: dict[tuple[tuple[tuple[int, int], ...], Fraction], Bundle] = {}
    for column, entries in noise_uses(view).items():
        size = view.sizes[column]
        if view.laws[column] is Law.DISCRETE_GAUSSIAN and size is not None:
            sign = 1 if entries[0][1] > 0 else -1
            rows = tuple((row, sign * value) for row, value in entries)
            bundle = found.setdefault((rows, size), Bundle(rows, size))
            bundle.columns.append(column)
            bundle.signs.append(sign)
            bundle.shares += view.counts[column] if view.counts else 1
    return list(found.values())


def tied_rows(held: Iterable[int], bundles: Sequence[Bundle]) -> tuple[list[int], list[Bundle]]:
    """The rows that are connected with the agent's through noise, and that noise."""
    by_row: dict[int, list[int]] = defaultdict(list)
    for index, bundle in enumerate(bundles):
        for row, _ in bundle.rows:
            by_row[row].append(index)
    rows, todo, used = set(held), list(held), set()
    while todo:
        for index in by_row[todo.pop()]:
            if index not in used:
                used.add(index)
                fresh = {row for row, _ in bundles[index].rows} - rows
                rows |= fresh
                todo.extend(fresh)
    return sorted(rows), [bundles[index] for index in sorted(used)]


def shift_of(bundle: Bundle, moves: Mapping[int, int]) -> Shift:
    """A bundle as the certificate states it; small shares: one column, the others given away."""
    if bundle.size >= LEAST_SHARE_VARIANCE:
        return Shift(tuple(bundle.columns), tuple(bundle.signs), bundle.size, dict(moves), bundle.shares)
    return Shift((bundle.columns[0],), (bundle.signs[0],), bundle.size, dict(moves), 1)


def _pairs(shift: Shift) -> Iterable[tuple[int, int]]:
    return zip(shift.columns, shift.signs, strict=True)


def centered(value: int, ring: int) -> int:
    """The representative of least size modulo 2^ring; the number itself where there is no ring."""
    if not ring:
        return value
    return (value + (1 << (ring - 1))) % (1 << ring) - (1 << (ring - 1))
