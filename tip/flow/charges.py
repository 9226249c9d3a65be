"""What moved noise costs: the events of the shifts that prove a whole-number view.

Proofs: docs/flow-integers.md. A bundle of h shares that is moved by a whole vector is a sum of h shares with that
change; different bundles are independent, so their events compose. Where several secret columns (rounds) change
together, the joint worst case sum |P_ct| sqrt(D_c D_t) / 2, P = W' Sigma^-1 W, may be cheaper.
All roundings are upward.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import inf, isqrt
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
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
    from collections.abc import Sequence

    from tip.flow.whole_views import Change, Shift
    from tip.privacy.events import Event


def charge(shifts: Sequence[Shift], change: Change) -> Event:
    """The event of shifts of discrete Gaussian noise: noise by noise, or all of them jointly where that is cheaper."""
    event = composed([moved_noise(shift, change) for shift in shifts])
    joint = Concentrated(joint_rho(shifts, change))
    several = len({column for shift in shifts for column in shift.moves}) > 1
    return joint if several and joint.rho < proven_rho(event) else event


def moved_noise(shift: Shift, change: Change) -> Event:
    """One bundle, moved: a sum of shares, or one of them where that is cheaper (law 9 forbids small shares)."""
    square, dimension = whole_square(shift, change), change.dimension
    if square == 0:
        return Nothing()
    single = Fraction(square) / (2 * shift.size)
    if shift.size >= LEAST_SHARE_VARIANCE:
        total = DiscreteGaussianSum(square, shift.size, shift.shares, dimension)
        if shift.shares > 1 and rho_of_sum(total) < single:
            return total
    if dimension == 1:
        return DiscreteGaussian(isqrt(square), shift.size)
    if shift.size >= LEAST_SHARE_VARIANCE:
        return DiscreteGaussianSum(square, shift.size, 1, dimension)
    return Concentrated(single)


def joint_rho(shifts: Sequence[Shift], change: Change) -> Fraction:
    """Sum |P_ct| sqrt(D_c D_t) / 2 with P = W' Sigma^-1 W; one column of each bundle is moved, the others are given."""
    gram: dict[tuple[int, int], Fraction] = defaultdict(Fraction)
    for shift in shifts:
        for c, a in shift.moves.items():
            for t, b in shift.moves.items():
                gram[c, t] += a * b / shift.size
    return (
        sum(
            (abs(value) * root_up(whole_reach(change, c) * whole_reach(change, t)) for (c, t), value in gram.items()),
            Fraction(0),
        )
        / 2
    )


def whole_square(shift: Shift, change: Change) -> int:
    """A bound of the squared length of sum_c moves[c] d_c, which is whole: so the bound is rounded down."""
    total = sum(
        (
            abs(a * b) * root_up(whole_reach(change, c) * whole_reach(change, t))
            for c, a in shift.moves.items()
            for t, b in shift.moves.items()
        ),
        Fraction(0),
    )
    return total.numerator // total.denominator


def moved_laplace(law: Law, shift: Shift, change: Change) -> Event | None:
    """Pure epsilon; of Laplace vectors the worst shift is along one axis (docs/flow-integers.md)."""
    if law is Law.LAPLACE:
        reach = sum((abs(a) * root_up(change.dimension * change.reach[c]) for c, a in shift.moves.items()), Fraction(0))
        return Laplace(up(reach / shift.size)) if reach else Nothing()
    steps = sum(abs(a) * isqrt(change.dimension * whole_reach(change, c)) for c, a in shift.moves.items())
    if steps == 0:
        return Nothing()
    if change.dimension == 1:
        return DiscreteLaplace(steps, shift.size)
    ratio = exp_up(up(steps / shift.size))
    return PureLoss(Fraction(ratio)) if ratio < inf else None


def proven_rho(event: Event) -> Fraction:
    """The rho of an event that has one."""
    rho = rho_of(event)
    if rho is None:
        raise ConfigurationError(f"{type(event).__name__} has no zCDP rule: this is a defect of the library")
    return rho


def composed(events: Sequence[Event]) -> Event:
    """All of the events that cost anything."""
    real = tuple(event for event in events if not isinstance(event, Nothing))
    return Composed(real) if len(real) > 1 else real[0] if real else Nothing()


def whole_reach(change: Change, column: int) -> int:
    """The squared reach of a whole vector is whole."""
    value = change.reach[column]
    return value.numerator // value.denominator


def root_up(value: Fraction | int) -> Fraction:
    """A square root, exact for squares of rationals, else rounded up."""
    value = Fraction(value)
    root = Fraction(isqrt(value.numerator), isqrt(value.denominator))
    return root if root * root == value else Fraction(sqrt_up(value))
