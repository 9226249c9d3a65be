"""The rules for whole-number noise, masks and Laplace noise, applied to what a coalition sees.

Masks go first (`rings`): what they leave are functionals of the rows, and only those are seen. Then `integers`
looks for a whole certificate. Vector secrets: every coordinate is treated alike, so the matrices are those of one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.derivation import Node, Scalar, Vector
from tip.flow.gathering import Gathered, gathered, size_of, whole_rows
from tip.flow.integers import CERTIFICATE, LAPLACE, SUM, Change, IntegerView, Missing, Proof, additive_laplace, prove
from tip.flow.model import Law
from tip.flow.outcomes import Outcome, at_most, unproven
from tip.flow.rings import functionals, reduced
from tip.privacy.events import Composed, DiscreteGaussianSum, Event
from tip.privacy.integer import rho_of
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tip.flow.seen import Seen

Row = dict[int, int]

_MANY: Final = 64  # vectors of functionals that a derivation lists
_FEW: Final = 1 << 14  # whole numbers that it lists as fractions


def integer_loss(seen: Seen, agent: int, premise: Node) -> Outcome:
    """What whole-number noise, and masks before it, prove about one agent."""
    return _proven(seen, agent, premise, prove, whole=True)


def laplace_loss(seen: Seen, agent: int, premise: Node) -> Outcome:
    """What own Laplace noise proves about one agent."""
    return _proven(seen, agent, premise, additive_laplace, whole=Law.DISCRETE_LAPLACE in seen.laws)


def _proven(
    seen: Seen, agent: int, premise: Node, rule: Callable[[IntegerView, Change], Proof | Missing], *, whole: bool
) -> Outcome:
    """The outcome of a rule on what surrounds the agent, or on what masks leave."""
    refused = _coarse(seen) or (_not_whole(seen) if whole else "")
    if refused:
        return unproven("not proven", refused, premise)
    masked = Law.UNIFORM in seen.laws
    try:
        if masked:
            around, step = _unmasked(seen, premise)
        else:
            around, step = gathered(seen, agent), premise
        found = rule(around.view, _change(seen, agent, around.view))
        if isinstance(found, Proof) and not _causal(seen, around.view, found):
            return unproven(
                "not proven", "a rule for adaptive inputs and noise that is moved before they are known", step
            )
    except ConfigurationError as error:
        return unproven("not proven", f"a rule for this noise: {error}", premise)
    return _told(seen, agent, found, around, step)


def _causal(seen: Seen, view: IntegerView, proof: Proof) -> bool:
    """Whether each noise is moved by values alone that are known when it is first used (law 12).

    Then its change is chosen from the past when it is drawn, and the losses of all noises compose adaptively. A row is
    not sent before all the agent's values in it are known, so that it suffices that each of the rows that hold the
    noise holds the same secret in the same or a later round.
    """
    labels = seen.view.secret_symbol, seen.view.secret_round
    moved = {column for shift in proof.shifts for column in shift.moves}
    if not any(seen.view.flow.secrets[int(labels[0][column])].adaptive for column in moved):
        return True
    for shift in proof.shifts:
        wanted: dict[int, int] = {}
        for column in shift.moves:
            symbol, turn = (int(label[column]) for label in labels)
            wanted[symbol] = max(turn, wanted.get(symbol, 0))
        for secrets, noises in zip(view.secrets, view.noises, strict=True):
            if not any(column in noises for column in shift.columns):
                continue
            known = {int(labels[0][c]): -1 for c in secrets if c in moved}
            for column in secrets:
                if column in moved:
                    symbol, turn = (int(label[column]) for label in labels)
                    known[symbol] = max(turn, known[symbol])
            if any(known.get(symbol, -1) < turn for symbol, turn in wanted.items()):
                return False
    return True


def _coarse(seen: Seen) -> str:
    """Empty if floats hold every coefficient: a rounded one may be odd where its own is even, or equal to another."""
    return "" if seen.view.exact else "a rule for whole-number or Laplace noise with coefficients beyond 52 bits"


def _not_whole(seen: Seen) -> str:
    """Empty if every secret in the view is a vector of whole numbers; integer noise hides no fractions (law 8)."""
    flow = seen.view.flow
    for symbol in np.unique(seen.view.secret_symbol).tolist():
        if not flow.secrets[symbol].whole:
            return (
                f"a rule for whole-number noise on {flow.secrets[symbol].name!r}, which is not whole (round it first)"
            )
    return ""


def _unmasked(seen: Seen, premise: Node) -> tuple[Gathered, Node]:
    """What masks leave of the view, in whole numbers, and the step that it stands on."""
    view = seen.view
    flow, ring = view.flow, view.ring
    secrets, noises = whole_rows(view.A), whole_rows(view.B)
    law_of = [flow.noises[symbol].law for symbol in view.noise_symbol.tolist()]
    hidden = {column for column, law in enumerate(law_of) if law is Law.UNIFORM}
    found = functionals([{c: v for c, v in row.items() if c in hidden} for row in noises], ring)
    rest = [{c: v for c, v in row.items() if c not in hidden} for row in noises]
    left, kept = (list(map(dict, part)) for part in reduced(secrets, rest, found, ring))
    sizes = [size_of(seen, symbol) for symbol in view.noise_symbol.tolist()]
    columns = np.arange(len(law_of))
    around = Gathered(
        IntegerView(left, kept, law_of, sizes, ring), np.arange(len(left)), columns, np.ones_like(columns), columns
    )
    return around, _mask_step(found, len(rest), ring, premise)


def _mask_step(found: Sequence[Row], rows: int, ring: int, premise: Node) -> Node:
    """The step that says what the masks leave."""
    vectors: dict[str, Vector] = {}
    for number, functional in enumerate(found[:_MANY], 1):
        dense = [Fraction(0)] * rows
        for row, value in functional.items():
            dense[row] = Fraction(value)
        vectors[f"z{number}"] = tuple(dense)
    says = f"of {rows:,} masked rows, the masks leave {len(found):,} combination{'' if len(found) == 1 else 's'}"
    numbers = {"ring": ring, "functionals": len(found)}
    return Node("ring masks", says, numbers, (premise,), "docs/flow-integers.md; law 11", vectors)


def _change(seen: Seen, agent: int, view: IntegerView) -> Change:
    """The agent's columns that are left, with their squared reaches."""
    found = seen.change(agent)
    left = {column for row in view.secrets for column, value in row.items() if value}
    reach = {
        int(column): square for column, square in zip(found.columns, found.squared_reach, strict=True) if column in left
    }
    dimensions = {seen.view.flow.secrets[int(symbol)].dimension for symbol in found.symbol}
    return Change(reach, max(dimensions, default=1))


def _told(seen: Seen, agent: int, proven: Proof | Missing, around: Gathered, premise: Node) -> Outcome:
    """The outcome of a proof, or what is missing."""
    masked = Law.UNIFORM in seen.laws
    if isinstance(proven, Missing):
        vectors: dict[str, Vector] = (
            {"z": _over_all_rows(seen, proven.test, around)} if proven.test and not masked else {}
        )
        node = Node("not proven", proven.reason, {"agent": agent}, (premise,), "", vectors)
        return Outcome(node, None, proven.reason, masked=masked)
    numbers: dict[str, Scalar] = {"agent": agent}
    numbers |= _numbers(proven.event)
    node = Node(
        proven.rule,
        _says(proven, agent),
        numbers,
        (premise,),
        "docs/flow-integers.md; laws 8 to 10",
        _shift_vectors(proven, around),
    )
    return Outcome(node, proven.event, masked=masked, idealized=Law.LAPLACE in seen.laws)


def _shift_vectors(proven: Proof, around: Gathered) -> dict[str, Vector]:
    """For each shift the noise columns that are moved together, their signs, and how far each secret moves them."""
    vectors: dict[str, Vector] = {}
    for number, shift in enumerate(proven.shifts, 1):
        columns, signs = around.members(shift.columns, shift.signs)
        if proven.rule == LAPLACE:  # no sum of them is charged: one noise moves, the others like it are given away
            columns, signs = columns[:1], signs[:1]
        vectors[f"columns{number}"], vectors[f"signs{number}"] = _listed(columns), _listed(signs)
        vectors[f"moved{number}"] = tuple(Fraction(part) for pair in sorted(shift.moves.items()) for part in pair)
    return vectors


def _listed(numbers: NDArray[np.int64]) -> Vector:
    """Whole numbers as a vector of a derivation: fractions where they are few."""
    return tuple(map(Fraction, numbers.tolist())) if len(numbers) <= _FEW else numbers.astype(np.float64)


def _over_all_rows(seen: Seen, test: tuple[Fraction, ...], around: Gathered) -> Vector:
    """A test on the rows around an agent, as one on all rows."""
    spread = [Fraction(0)] * seen.view.B.shape[0]
    for row, value in zip(around.rows.tolist(), test, strict=True):
        spread[row] = value
    return tuple(spread)


def _numbers(event: Event) -> dict[str, Scalar]:
    """What the event says, for the step."""
    rho = rho_of(event)
    found: dict[str, Scalar] = {} if rho is None else {"rho": rho}
    if isinstance(event, DiscreteGaussianSum):
        found |= {
            "squared_sensitivity": event.squared_sensitivity,
            "share_variance": event.share_variance,
            "shares": event.shares,
            "dimension": event.dimension,
        }
    return found


def _says(proven: Proof, agent: int) -> str:
    rho = rho_of(proven.event)
    told = "" if rho is None else f", rho at most {at_most(up(rho))}"
    match proven.rule, proven.event:
        case rule, DiscreteGaussianSum() if rule == SUM:
            return (
                f"{proven.event.shares:,} shares of noise that nobody in the coalition knows hide agent {agent}{told}"
            )
        case rule, Composed() if rule == SUM:
            return f"sums of shares that nobody in the coalition knows hide agent {agent}{told}"
        case rule, _ if rule == CERTIFICATE:
            return f"a whole change of the noise hides any change of agent {agent}{told}"
    return f"own noise hides agent {agent}{told}"
