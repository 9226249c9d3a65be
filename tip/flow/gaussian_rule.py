"""The rule for real Gaussian noise: mu^2 of all that one agent can change, with witnesses.

One column: mu^2 = c^2 min{ sum w_j^2 / v_j : B w = a }. Several columns (rounds, secrets) of one agent: each has
a feasible w_k, so d is answered by sum d_k w_k, and mu^2 <= sum |G_kl| c_k c_l over the columns that can be used
together, G_kl = sum_j w_kj w_lj / v_j (law 12; `joint`). The test z is the best one against the best d that
was found. Statuses: proven for real arithmetic, so *idealized* for any computer.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.certificates import UNIT
from tip.flow.derivation import Node, Scalar, Vector
from tip.flow.exact import exact_loss
from tip.flow.joint import joint_bound
from tip.flow.outcomes import Outcome, at_most, gaussian, unproven
from tip.flow.projection import gram
from tip.privacy.rounding import down, up

if TYPE_CHECKING:
    from tip.flow.certificates import Loss
    from tip.flow.seen import Seen
    from tip.flow.view import Change

_SOURCE: Final = "docs/flow-rules.md, linear-gaussian"
_SCALE: Final = 1 << 40  # of the roots of squared reaches in a change d
_WIDE: Final = 1e-4  # a gap between the two witnesses that is told


def gaussian_loss(seen: Seen, agent: int, premise: Node) -> Outcome:
    """What the block shows about one agent; a leak, or a view too large to certify, is not proven."""
    change = seen.change(agent)
    if not len(change.columns):
        return gaussian(_node(agent, (Fraction(0), Fraction(0)), (0, 0), premise, {}), Fraction(0))
    try:
        losses = _losses(seen, change)
    except ConfigurationError as error:
        return unproven("not proven", f"a certificate for this view: {error}", premise)
    for column, found in enumerate(losses):
        if found.upper is None:
            return leak(seen, agent, change, column, found.test, premise)
    uses = _uses(seen, change)
    upper, signs = _upper(seen, change, losses, uses)
    d = _scaled(change, signs)
    alone = len(losses) == 1  # then the test against one unit is the test against d
    lower, test = (d[0] ** 2 * losses[0].lower, losses[0].test) if alone else _lower(seen, change, d)
    lower = lower if seen.small else lower * (1 - Fraction(1, 1 << 50))  # variances were rounded
    vectors: dict[str, Vector] = {"w": _joined([found.certificate for found in losses]), "z": test, "d": d}
    node = _node(agent, (min(lower, upper), upper), (len(losses), uses), premise, vectors)
    return gaussian(node, upper)


def leak(seen: Seen, agent: int, change: Change, column: int, test: Vector, premise: Node) -> Outcome:
    """The combination of messages that reads a secret."""
    flow = seen.view.flow
    secret = flow.secrets[int(change.symbol[column])]
    what = f"the secret {secret.name!r} of agent {agent}"
    if secret.rounds > 1:
        what += f" in round {int(change.round[column]) + 1}"
    place = int(change.columns[column])
    node = Node(
        "leak",
        f"a combination of what the coalition sees shows {what} without noise",
        {"column": place, "agent": agent, "ring": seen.view.ring},
        (premise,),
        "docs/flow-rules.md, leak",
        {"z": test},
    )
    return Outcome(node, None, f"noise: {what} can be read without error")


def _node(
    agent: int,
    bounds: tuple[Fraction, Fraction],
    counts: tuple[int, int],
    premise: Node,
    vectors: dict[str, Vector],
) -> Node:
    """The step: mu^2 from below and above, the columns and how many can change together."""
    (lower, upper), (columns, uses) = bounds, counts
    gap = float((upper - lower) / upper) if upper else 0.0
    told = f", and no test is better than a relative {gap:.1e} below it" if gap > _WIDE else ""
    says = f"mu^2 is at most {at_most(up(upper))} for agent {agent}{told}"
    numbers: dict[str, Scalar] = {"mu_squared": upper, "lower": lower, "columns": columns, "uses": uses, "agent": agent}
    return Node("linear-gaussian", says, numbers, (premise,), _SOURCE, vectors)


def _losses(seen: Seen, change: Change) -> list[Loss]:
    """One loss for each column of the agent."""
    if seen.small and seen.exact is not None:
        return seen.exact_losses(change.columns)
    if seen.projected:
        return [seen.projection.loss(column) for column in seen.exact_columns(change.columns)]
    return list(seen.solver.losses(change.A))


def _uses(seen: Seen, change: Change) -> int:
    """How many of the columns can change together: those of each secret in as many rounds as it is charged for."""
    total = 0
    for symbol in np.unique(change.symbol).tolist():
        count = int((change.symbol == symbol).sum())
        total += min(count, seen.view.flow.secrets[symbol].uses)
    return total


def _upper(seen: Seen, change: Change, losses: list[Loss], uses: int) -> tuple[Fraction, tuple[int, ...]]:
    """The bound for all d, and the signs of the d that comes closest."""
    reaches = change.squared_reach
    if len(losses) == 1:
        return reaches[0] * _sure(losses[0]), (1,)
    if uses == 1:
        largest = max(range(len(losses)), key=lambda k: reaches[k] * _sure(losses[k]))
        signs = tuple(int(k == largest) for k in range(len(losses)))
        return reaches[largest] * _sure(losses[largest]), signs
    joint = joint_bound(_gram(seen, losses), reaches, uses)
    return Fraction(joint.upper), joint.signs


def _sure(found: Loss) -> Fraction:
    if found.upper is None:
        raise ConfigurationError("a leak has no bound")
    return found.upper


def _gram(seen: Seen, losses: list[Loss]) -> list[list[Fraction]]:
    """G_kl, exact; for float certificates each entry is moved away from 0 by all that they may be wrong.

    A float w stands for a feasible w + D with sum (|w_j| + D_j)^2 / v_j <= upper, so |D|^2 <= upper - |w|^2.
    """
    if all(found.exact for found in losses) and seen.exact is not None:
        weights = [1 / v for v in seen.exact_variances]
        return [
            [
                sum((x * y * u for x, y, u in zip(k.certificate, m.certificate, weights, strict=True)), Fraction(0))
                for m in losses
            ]
            for k in losses
        ]
    if seen.projected:
        return gram([tuple(map(Fraction, found.certificate)) for found in losses], seen.exact_variances)
    stacked = np.array([np.asarray(found.certificate, np.float64) for found in losses])
    stacked /= np.sqrt(seen.view.variances)
    products = stacked @ stacked.T
    bounds = np.array([math.sqrt(up(_sure(found))) for found in losses])
    rounding = 4 * (stacked.shape[1] + 16) * UNIT  # relative, of a sum of squares that are added in floats
    slack = np.sqrt(np.maximum(bounds**2 * (1 + rounding) - products.diagonal() * (1 - rounding), 0))
    room = slack[:, None] * bounds + bounds[:, None] * slack + slack[:, None] * slack
    wide = np.where(products < 0, -1.0, 1.0) * (np.abs(products) + room)  # 0 as well may be off by the room
    return [[Fraction(float(entry)) for entry in row] for row in wide]


def _scaled(change: Change, signs: tuple[int, ...]) -> tuple[Fraction, ...]:
    """d_k = sign times a fraction just below c_k."""
    return tuple(sign * _root_down(reach) for sign, reach in zip(signs, change.squared_reach, strict=True))


def _root_down(square: Fraction) -> Fraction:
    """The root of a square fraction, else a fraction below the root by a relative 2^-40 or so."""
    exact = Fraction(math.isqrt(square.numerator), math.isqrt(square.denominator))
    if exact**2 == square:
        return exact
    return Fraction(math.isqrt(square.numerator * square.denominator * _SCALE**2), square.denominator * _SCALE)


def _lower(seen: Seen, change: Change, d: tuple[Fraction, ...]) -> tuple[Fraction, Vector]:
    """What the best test against d proves from below, and that test."""
    if (seen.small or seen.projected) and seen.exact is not None:
        columns = seen.exact_columns(change.columns)
        combined = [
            sum((x * f for x, f in zip(row, d, strict=True)), Fraction(0)) for row in zip(*columns, strict=True)
        ]
        if not seen.projected:
            found = exact_loss(seen.exact.B, combined, seen.exact_variances)
        else:
            try:
                found = seen.projection.loss(combined)
            except ConfigurationError:  # the bound from above stands without it
                return Fraction(0), (Fraction(0),) * len(combined)
    else:
        unit = Fraction(2) ** max(f.numerator.bit_length() - f.denominator.bit_length() for f in d)
        moved = change.A @ np.array([down(f / unit) if f > 0 else up(f / unit) for f in d])
        try:
            found = seen.solver.loss(moved)
        except ConfigurationError:  # what is left of d cancels
            return Fraction(0), np.zeros(change.A.shape[0])
        return unit**2 * found.lower * (1 - Fraction(1, 1 << 30)), found.test
    return found.lower, found.test


def _joined(parts: list[Vector]) -> Vector:
    """Certificates one after the other."""
    if all(isinstance(part, tuple) for part in parts):
        return tuple(entry for part in parts for entry in part)
    return np.concatenate([np.asarray(part, np.float64) for part in parts])
