"""Whole-number views: what discrete noise is proven to hide.

Theory of operation (laws 8 to 10; proofs: docs/flow-integers.md). A view is y = A x + B g, all whole, perhaps modulo
2^ring. For one agent whose secret vectors x_c change by d_c, |d_c|^2 <= D_c, look for whole W with B W_c = A_c. Then
y at x + d is the same function of g + W d that y at x is of g, so no test tells the two apart better than it tells
shifted noise from unshifted noise. A real W proves nothing: y = x + 2 g shows whether x is odd.

*Bundles*. Noise columns that are alike (up to sign) in B and in variance enter the view as their sum alone. h of them
are one noise: a sum of h shares, which the rule for such sums charges. A column that is left out of a bundle, or out
of W, is given to the coalition for free: more to see, so the bound stays.

- *integer sum*: each row that holds the agent's columns has a bundle of its own, with coefficient 1 or -1.
- *integer certificate*: any W, from the whole solutions of linear equations (`tip.flow.lattices`); modulo 2^ring there
  are more of them: B w = a + 2^ring k. Made short by lattice reduction.
- *additive laplace*: each row that holds the agent's columns has a Laplace column of its own.

Where no whole W exists the reason comes with a test z that shows a leak: z'B is whole and z'A_c is not.
There is no rule for Skellam noise yet, nor for rows that share Laplace noise.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.charges import charge, composed, moved_laplace, proven_rho
from tip.flow.lattices import shortened, solve
from tip.flow.model import Law
from tip.flow.whole_views import (
    Change,
    IntegerView,
    Shift,
    bundles_of,
    centered,
    held_rows,
    holds,
    noise_uses,
    shift_of,
    tied_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tip.flow.whole_views import Bundle
    from tip.privacy.events import Event

__all__ = [
    "CERTIFICATE", "LAPLACE", "LARGEST", "SUM", "Change", "IntegerView", "Missing", "Proof", "Shift",
    "additive_laplace", "holds", "integer_certificate", "integer_sum", "prove",
]  # fmt: skip

LARGEST: Final = 24  # rows, and bundles, that a general certificate is looked for in
SUM: Final = "integer sum"
CERTIFICATE: Final = "integer certificate"
LAPLACE: Final = "additive laplace"


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What the view costs the agent, by which rule, and the shifts that prove it (`holds`)."""

    event: Event
    rule: str
    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """Why there is no proof. `test`: a z by rows that shows a leak, where one was found."""

    reason: str
    test: tuple[Fraction, ...] = ()


def prove(view: IntegerView, change: Change) -> Proof | Missing:
    """The cheapest proof of the three rules; the certificate's reason where none of them applies."""
    certificate = integer_certificate(view, change)
    found = [proof for proof in (integer_sum(view, change), certificate) if isinstance(proof, Proof)]
    if found:
        return min(found, key=lambda proof: proven_rho(proof.event))
    laplace = additive_laplace(view, change)
    return laplace if isinstance(laplace, Proof) else certificate


def integer_sum(view: IntegerView, change: Change) -> Proof | Missing:
    """Rows with noise of their own: a sum of h shares each, composed. Further noise in a row is left out."""
    moves: dict[int, dict[int, int]] = defaultdict(dict)
    bundles = bundles_of(view)
    own: dict[int, int] = {}
    for index, bundle in enumerate(bundles):
        if len(bundle.rows) == 1 and bundle.rows[0][1] == 1:
            row = bundle.rows[0][0]
            if row not in own or bundles[own[row]].strength < bundle.strength:
                own[row] = index
    for row, entries in held_rows(view, change).items():
        if row not in own:
            return Missing(f"discrete Gaussian noise of its own in message row {row}")
        moves[own[row]] = entries
    return _proof(view, change, [shift_of(bundles[index], part) for index, part in moves.items()], SUM)


def integer_certificate(view: IntegerView, change: Change) -> Proof | Missing:
    """Whole W with B W_c = A_c, as short as lattice reduction finds it, over the rows tied to the agent's."""
    held = held_rows(view, change)
    everything = bundles_of(view)
    rows, bundles = tied_rows(held, everything)
    if max(len(rows), len(bundles)) > LARGEST:
        shifts = _twins(held, everything)
        if shifts:
            return _proof(view, change, shifts, CERTIFICATE)
        return Missing(f"an integer certificate over more than {LARGEST} rows or noises that are tied together")
    place = {row: at for at, row in enumerate(rows)}
    matrix = [[0] * (len(bundles) + (len(rows) if view.ring else 0)) for _ in rows]
    for at, bundle in enumerate(bundles):
        for row, value in bundle.rows:
            matrix[place[row]][at] = value
    for at in range(len(rows) if view.ring else 0):
        matrix[at][len(bundles) + at] = 1 << view.ring
    weights = [1 / bundle.strength for bundle in bundles] + [Fraction(0)] * (len(rows) if view.ring else 0)
    moves: list[dict[int, int]] = [{} for _ in bundles]
    for column in sorted({column for entries in held.values() for column in entries}):
        solved = solve(matrix, [held.get(row, {}).get(column, 0) for row in rows])
        if solved.particular is None:
            return _unsolved(view, rows, solved.test, real=solved.real)
        short = shortened(solved.particular, solved.kernel, weights)
        for at, value in enumerate(short[: len(bundles)]):
            if value:
                moves[at][column] = value
    shifts = [shift_of(bundle, part) for bundle, part in zip(bundles, moves, strict=True) if part]
    return _proof(view, change, shifts, CERTIFICATE)


def _twins(held: Mapping[int, Mapping[int, int]], bundles: Sequence[Bundle]) -> list[Shift]:
    """Where each column of the agent has noise that goes everywhere with it: that noise moved in its place; else []."""
    strongest: dict[tuple[tuple[int, int], ...], Bundle] = {}
    for bundle in bundles:
        place = tuple(sorted(bundle.rows))
        if place not in strongest or strongest[place].strength < bundle.strength:
            strongest[place] = bundle
    columns: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, entries in sorted(held.items()):
        for column, value in entries.items():
            columns[column].append((row, value))
    shifts = []
    for column, held_by in columns.items():
        for sign in (1, -1):
            twin = strongest.get(tuple((row, sign * value) for row, value in held_by))
            if twin is not None:
                shifts.append(shift_of(twin, {column: sign}))
                break
        else:
            return []
    merged: dict[tuple[int, ...], Shift] = {}
    for shift in shifts:
        before = merged.get(shift.columns)
        merged[shift.columns] = shift if before is None else replace(before, moves={**before.moves, **shift.moves})
    return list(merged.values())


def additive_laplace(view: IntegerView, change: Change) -> Proof | Missing:
    """Rows with a Laplace column of their own, coefficient 1 or -1: epsilon = L1 reach / scale each, composed."""
    uses = noise_uses(view)
    shifts: list[Shift] = []
    for row, entries in held_rows(view, change).items():
        own = [
            (size, column)
            for column in view.noises[row]
            if view.laws[column] in {Law.LAPLACE, Law.DISCRETE_LAPLACE}
            and uses[column] in ([(row, 1)], [(row, -1)])
            and (size := view.sizes[column]) is not None
        ]
        if not own:
            return Missing(f"Laplace noise of its own in message row {row}")
        size, column = max(own)
        shifts.append(Shift((column,), (uses[column][0][1],), size, entries))
    events = [moved_laplace(view.laws[shift.columns[0]], shift, change) for shift in shifts]
    if not all(events):
        return Missing("an epsilon of Laplace noise in the range of floats")
    return Proof(composed([event for event in events if event]), LAPLACE, tuple(shifts))


def _proof(view: IntegerView, change: Change, shifts: Sequence[Shift], rule: str) -> Proof:
    """The proof, tested against the view."""
    if not holds(view, change, shifts):
        raise ConfigurationError("a certificate does not solve its equations: this is a defect of the library")
    return Proof(charge(shifts, change), rule, tuple(shifts))


def _unsolved(view: IntegerView, rows: Sequence[int], test: Sequence[Fraction], *, real: bool) -> Missing:
    """What is missing where the equations have no whole solution."""
    columns = {column for row in rows for column, value in view.noises[row].items() if centered(value, view.ring)}
    for column in sorted(columns):
        if view.laws[column] is not Law.DISCRETE_GAUSSIAN:
            return Missing(f"a rule for {view.laws[column]} noise that messages share or scale")
        if view.sizes[column] is None:
            return Missing("the size of a noise that is still to be planned")
    spread = [Fraction(0)] * len(view.noises)
    for row, value in zip(rows, test, strict=True):
        spread[row] = value
    if real:
        return Missing("integer noise with only a real certificate", tuple(spread))
    return Missing("noise in a combination of messages that shows the secret bare", tuple(spread))
