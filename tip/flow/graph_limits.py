"""The limit of all coalitions of so many agents on noise that cancels on a graph, as a matrix.

Where every agent publishes a value with own noise of variance s and with noise on the edges of a graph, and any c of
the agents collude, the reasoner's bounds (`pairwise.graph_bounds`) have one form: with h agents left, r the squared
reach and w the variance on each edge,

    mu^2 <= r ( 1 / (h s) + (1 - 1/h) / (s + w l) ),

l a proven second eigenvalue of what is left of the graph with weights 1: by deletion, by the matrix Chernoff bound of a
k-out graph that is drawn after the coalition was fixed, or 0 where nothing is known (all others collude).
s and w are sums of variances times squared coefficients. So the bound is that of a view of two rows, one with noise of
variance s and the change (r/h)^(1/2), one with noise of variance s + w l and the change (r (1 - 1/h))^(1/2): convex in
the variances, with the cuts that `allocation` knows. The bounds' failures are not in it; the proof counts them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, csr_array

from tip.flow.allocation import Constraint
from tip.flow.blocks import blocks
from tip.flow.pairwise import graph_bounds
from tip.flow.promises import Terms
from tip.flow.seeing import members_of
from tip.flow.seen import seen
from tip.privacy.gaussian import mu_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.derivation import Scalar
    from tip.flow.model import Flow, Noise, Requirement
    from tip.flow.view import View
    from tip.privacy.coalitions import Coalition


def graph_limit(
    flow: Flow, requirement: Requirement, coalition: Coalition, planned: tuple[str, ...]
) -> Constraint | None:
    """The sharpest limit of this form on the `planned` noises; None where the reasoner has none."""
    parties, fixed = members_of(flow, coalition)
    one = replace(flow, noises=tuple(replace(n, variance=Fraction(1)) if n.planned else n for n in flow.noises))
    count = int(coalition.fraction * flow.enrolled)
    terms = Terms(one, coalition, requirement.delta, silent=0, known=False, agent=None)
    found = [outcome.node.numbers for _, _, outcome in graph_bounds(terms, parties, count, fixed)]
    if not found:
        return None
    best = max(found, key=lambda numbers: _number(numbers, "connectivity"))
    views = (seen(one, names, parties=parties, colluders=fixed).view for names in blocks(one))
    view = next(some for some in views if some.A.nnz)
    parts = _coefficients(view)
    return None if parts is None else _constraint(flow, requirement, planned, best, parts)


def _constraint(
    flow: Flow,
    requirement: Requirement,
    planned: tuple[str, ...],
    numbers: Mapping[str, Scalar],
    parts: tuple[dict[Noise, float], dict[Noise, float]],
) -> Constraint:
    """The two rows."""
    own, pair = parts
    weight = sum(square * float(noise.variance or 0) for noise, square in pair.items())
    connected = max(0.0, _number(numbers, "connectivity")) / weight if weight else 0.0
    left = _number(numbers, "left") if connected else 1.0
    reach = flow.secrets[0].squared_reach * int(_number(numbers, "times"))
    columns = [(0, noise, square) for noise, square in own.items()]
    if connected:
        columns += [(1, noise, square) for noise, square in own.items()]
        columns += [(1, noise, square * connected) for noise, square in pair.items()]
    rows = 2 if connected else 1
    at = (np.array([row for row, _, _ in columns]), np.arange(len(columns)))
    matrix = csr_array((np.sqrt([square for _, _, square in columns]), at), shape=(rows, len(columns)))
    symbols = np.array([planned.index(n.name) if n.name in planned else -1 for _, n, _ in columns], np.int64)
    known = np.array([0.0 if n.name in planned else float(n.variance or 0) for _, n, _ in columns])
    shares = [1 / left, 1 - 1 / left][:rows]
    changes = np.array([[math.sqrt(share * float(reach))] for share in shares])
    name = f"the view of {requirement.against!r}"
    name += f", by the graph's {numbers['why']} bound" if connected else ", all other agents taken to collude"
    return Constraint(name, matrix, changes, symbols, known, mu_of(requirement.epsilon, requirement.delta) ** 2)


def _coefficients(view: View) -> tuple[dict[Noise, float], dict[Noise, float]] | None:
    """The squared coefficient of each noise of one row, and of each noise that two rows share; None if unequal."""
    columns = csc_array(view.B)
    columns.eliminate_zeros()
    height = np.diff(columns.indptr)
    own: dict[Noise, float] = {}
    pair: dict[Noise, float] = {}
    for symbol in np.unique(view.noise_symbol).tolist():
        mine = np.flatnonzero((view.noise_symbol == symbol) & (height > 0))
        squares = np.unique(columns.data[columns.indptr[mine]] ** 2)
        heights = np.unique(height[mine]).tolist()
        if len(squares) != 1 or heights not in ([1], [2]):
            return None
        (own if heights == [1] else pair)[view.flow.noises[symbol]] = float(squares[0])
    return own, pair


def _number(numbers: Mapping[str, Scalar], name: str) -> float:
    value = numbers[name]
    return float(value) if isinstance(value, int | float | Fraction) else math.nan
