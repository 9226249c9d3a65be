"""Shifts: what moved whole-number noise costs, by the rules of docs/flow-integers.md; and shifts of one's own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from tip.flow.checking.refusal import refuse
from tip.flow.model import Law
from tip.privacy.events import (
    LEAST_SHARE_VARIANCE,
    Composed,
    Concentrated,
    DiscreteGaussian,
    DiscreteGaussianSum,
    DiscreteLaplace,
    Laplace,
    Nothing,
    PureLoss,
)
from tip.privacy.integer import rho_of, rho_of_sum
from tip.privacy.rounding import exp_up, sqrt_up, up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tip.flow.checking.sheets import Sheet
    from tip.privacy.events import Event


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """Alike noises, moved together by moves[c] times what secret column c changes by; `rows` hold their sum."""

    columns: tuple[int, ...]
    law: Law
    size: Fraction
    moves: Mapping[int, int]
    rows: Mapping[int, int]


def charged(shifts: Sequence[Moved], reaches: Mapping[int, Fraction], dimension: int) -> Event:
    """The cheaper of: each bundle by itself; where several columns change, all of them jointly."""
    each = together([_bundle(shift, reaches, dimension) for shift in shifts])
    if len({column for shift in shifts for column in shift.moves}) < 2:
        return each
    joint = _jointly(shifts, reaches)
    single = rho_of(each)
    return Concentrated(joint) if single is None or joint < single else each


def _jointly(shifts: Sequence[Moved], reaches: Mapping[int, Fraction]) -> Fraction:
    """Half of sum |P_ct| sqrt(D_c D_t), P_ct = sum over bundles of moves_c moves_t / variance of one noise."""
    pairs: dict[tuple[int, int], Fraction] = {}
    for shift in shifts:
        for c, a in shift.moves.items():
            for t, b in shift.moves.items():
                pairs[c, t] = pairs.get((c, t), Fraction(0)) + Fraction(a * b) / shift.size
    total = sum(
        (abs(value) * _root(_floor(reaches[c]) * _floor(reaches[t])) for (c, t), value in pairs.items()), Fraction(0)
    )
    return total / 2


def _bundle(shift: Moved, reaches: Mapping[int, Fraction], dimension: int) -> Event:
    """A sum of shares that is moved; one of them where that is cheaper, or where shares are too small for the rule."""
    square = math.floor(_square(shift, reaches))
    if not square:
        return Nothing()
    shares, small = len(shift.columns), shift.size < LEAST_SHARE_VARIANCE
    alone = Fraction(square) / (2 * shift.size)
    if shares > 1 and not small:
        summed = DiscreteGaussianSum(square, shift.size, shares, dimension)
        if rho_of_sum(summed) < alone:
            return summed
    if dimension == 1:
        return DiscreteGaussian(math.isqrt(square), shift.size)
    return Concentrated(alone) if small else DiscreteGaussianSum(square, shift.size, 1, dimension)


def _square(shift: Moved, reaches: Mapping[int, Fraction]) -> Fraction:
    """A bound of |sum_c moves_c d_c|^2."""
    total = Fraction(0)
    for c, a in shift.moves.items():
        for t, b in shift.moves.items():
            total += abs(a * b) * _root(_floor(reaches[c]) * _floor(reaches[t]))
    return total


def moved_laplace(sheet: Sheet, shifts: Sequence[Moved], reaches: Mapping[int, Fraction], dimension: int) -> Event:
    """The L1 length of each noise's shift over its scale."""
    del sheet
    events: list[Event] = []
    for shift in shifts:
        if len(shift.columns) != 1:
            raise refuse("additive laplace", "moves a sum of several noises")
        if shift.law is Law.LAPLACE:
            length = sum((abs(a) * _root(dimension * reaches[c]) for c, a in shift.moves.items()), Fraction(0))
            events.append(Laplace(up(length / shift.size)) if length else Nothing())
            continue
        steps = sum(abs(a) * math.isqrt(dimension * _floor(reaches[c])) for c, a in shift.moves.items())
        if not steps or dimension == 1:
            events.append(DiscreteLaplace(steps, shift.size) if steps else Nothing())
        else:
            events.append(PureLoss(Fraction(exp_up(up(Fraction(steps) / shift.size)))))
    return together(events)


def together(events: Sequence[Event]) -> Event:
    """All of the events that are not nothing."""
    real = [event for event in events if event != Nothing()]
    return real[0] if len(real) == 1 else Composed(tuple(real)) if real else Nothing()


def _floor(value: Fraction) -> int:
    return math.floor(value)


def _root(value: Fraction | int) -> Fraction:
    value = Fraction(value)
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    return root if root * root == value else Fraction(sqrt_up(value))
