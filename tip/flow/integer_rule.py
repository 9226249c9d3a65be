"""The rules for whole-number noise, masks and Laplace noise, applied to what a coalition sees.

Masks go first (`rings`): what they leave are functionals of the rows, and only those are seen. Then `integers`
looks for a whole certificate. Vector secrets: every coordinate is treated alike, so the matrices are those of one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.derivation import Node, Vector
from tip.flow.integers import CERTIFICATE, SUM, Change, IntegerView, Missing, Proof, additive_laplace, prove
from tip.flow.model import Law
from tip.flow.outcomes import Outcome, unproven
from tip.flow.rings import functionals, reduced
from tip.privacy.events import Composed, DiscreteGaussianSum, Event
from tip.privacy.integer import rho_of
from tip.privacy.rounding import up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scipy import sparse

    from tip.flow.seen import Seen

Row = dict[int, int]

_MANY: Final = 64  # vectors of functionals that a derivation lists


def integer_loss(seen: Seen, agent: int, premise: Node) -> Outcome:
    """What whole-number noise, and masks before it, prove about one agent."""
    refused = _not_whole(seen)
    if refused:
        return unproven("not proven", refused, premise)
    try:
        view, step, masked = _unmasked(seen, premise)
        proven = prove(view, _change(seen, agent, view))
    except ConfigurationError as error:
        return unproven("not proven", f"a rule for these whole numbers: {error}", premise)
    return _told(seen, agent, proven, step, masked=masked)


def laplace_loss(seen: Seen, agent: int, premise: Node) -> Outcome:
    """What own Laplace noise proves about one agent."""
    refused = _not_whole(seen) if Law.DISCRETE_LAPLACE in seen.laws else ""
    if refused:
        return unproven("not proven", refused, premise)
    try:
        view, step, _ = _unmasked(seen, premise)
        proven = additive_laplace(view, _change(seen, agent, view))
    except ConfigurationError as error:
        return unproven("not proven", f"a rule for this Laplace noise: {error}", premise)
    return _told(seen, agent, proven, step, masked=False)


def _not_whole(seen: Seen) -> str:
    """Empty if every secret in the view is a vector of whole numbers; integer noise hides no fractions (law 8)."""
    flow = seen.view.flow
    for symbol in np.unique(seen.view.secret_symbol).tolist():
        if not flow.secrets[symbol].whole:
            return (
                f"a rule for whole-number noise on {flow.secrets[symbol].name!r}, which is not whole (round it first)"
            )
    return ""


def _unmasked(seen: Seen, premise: Node) -> tuple[IntegerView, Node, bool]:
    """The view in whole numbers, after masks; the step that it stands on; whether masks took part."""
    view = seen.view
    flow, ring = view.flow, view.ring
    secrets, noises = _whole_rows(view.A), _whole_rows(view.B)
    law_of = [flow.noises[symbol].law for symbol in view.noise_symbol.tolist()]
    masks = [column for column, law in enumerate(law_of) if law is Law.UNIFORM]
    if masks:
        hidden = set(masks)
        found = functionals([{c: v for c, v in row.items() if c in hidden} for row in noises], ring)
        rest = [{c: v for c, v in row.items() if c not in hidden} for row in noises]
        secrets, noises = (list(map(dict, part)) for part in reduced(secrets, rest, found, ring))
        premise = _mask_step(found, len(rest), ring, premise)
    sizes = [_size(seen, symbol) for symbol in view.noise_symbol.tolist()]
    return IntegerView(secrets, noises, law_of, sizes, ring), premise, bool(masks)


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


def _whole_rows(matrix: sparse.csr_array) -> list[Row]:
    """The rows of a sparse matrix as dictionaries of whole numbers."""
    matrix.sort_indices()
    entries = np.rint(matrix.data)
    if not np.array_equal(entries, matrix.data):
        raise ConfigurationError(
            "whole-number noise wants whole coefficients", instead="publish sums, and divide afterwards"
        )
    columns, values = matrix.indices.tolist(), entries.astype(np.int64).tolist()
    starts = matrix.indptr.tolist()
    return [dict(zip(columns[a:b], values[a:b], strict=True)) for a, b in zip(starts[:-1], starts[1:], strict=True)]


def _size(seen: Seen, symbol: int) -> Fraction | None:
    noise = seen.view.flow.noises[symbol]
    return noise.scale if noise.variance is None else noise.variance


def _change(seen: Seen, agent: int, view: IntegerView) -> Change:
    """The agent's columns that are left, with their squared reaches."""
    found = seen.change(agent)
    left = {column for row in view.secrets for column, value in row.items() if value}
    reach = {
        int(column): square for column, square in zip(found.columns, found.squared_reach, strict=True) if column in left
    }
    dimensions = {seen.view.flow.secrets[int(symbol)].dimension for symbol in found.symbol}
    return Change(reach, max(dimensions, default=1))


def _told(seen: Seen, agent: int, proven: Proof | Missing, premise: Node, *, masked: bool) -> Outcome:
    """The outcome of a proof, or what is missing."""
    if isinstance(proven, Missing):
        node = Node("not proven", proven.reason, {"agent": agent}, (premise,), "", {"z": proven.test} if proven.test else {})  # fmt: skip
        return Outcome(node, None, proven.reason, masked=masked)
    numbers: dict[str, Fraction | int | float | str] = {"agent": agent}
    numbers |= _numbers(proven.event)
    vectors: dict[str, Vector] = {}
    for number, shift in enumerate(proven.shifts, 1):
        vectors[f"columns{number}"] = tuple(Fraction(column) for column in shift.columns)
        vectors[f"signs{number}"] = tuple(Fraction(sign) for sign in shift.signs)
        vectors[f"moved{number}"] = tuple(Fraction(part) for pair in sorted(shift.moves.items()) for part in pair)
    node = Node(proven.rule, _says(proven, agent), numbers, (premise,), "docs/flow-integers.md; laws 8 to 10", vectors)
    real = Law.LAPLACE in seen.laws
    return Outcome(node, proven.event, masked=masked, idealized=real)


def _numbers(event: Event) -> dict[str, Fraction | int | float | str]:
    """What the event says, for the step."""
    rho = rho_of(event)
    found: dict[str, Fraction | int | float | str] = {} if rho is None else {"rho": rho}
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
    told = "" if rho is None else f", rho at most {up(rho):.9g}"
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
