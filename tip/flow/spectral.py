"""The loss of all agents at once where noise cancels in pairs.

Each row has noise of its own, and further noises stand in two rows with coefficients +c and -c. With s the least
strength B^2 v of a row's own noise and L the Laplacian of the edge weights c^2 v, B V B' - (s I + L) is a sum of
squares, so mu^2 = e_v'(B V B')^-1 e_v <= theta_v := e_v'(s I + L)^-1 e_v. Any other noise in the view only adds
squares: leaving it out is sound. s and the weights are used a little lowered, for the same reason.

Let n be the size of v's component. L has the null vector 1 / sqrt(n) there and eigenvalues x >= a > 0 elsewhere, so

    theta_v = 1 / (n s) + integral of f dm,   f(x) = 1 / (s + x),

where the measure m on [a, infinity) has the moments m_0 = 1 - 1/n and m_k = (L^k)_vv: m_1 = d_v, m_2 = d_v^2 + sum_u
W_vu^2, and so on: the null vector adds nothing to them.

Gauss and Radau, from above. Let p be the polynomial that equals f at a, and f and f' at the nodes x_1, .. x_r > -s.
Then

    f(x) - p(x) = -(x - a) prod_i (x - x_i)^2 / ((s + a) prod_i (s + x_i)^2 (s + x)) <= 0  for x >= a

(times s + x, both sides are polynomials of degree 2r + 1 with the same zeros, and equal at x = -s). So the integral of
f is at most that of p, which needs m_0 .. m_2r only, *whatever* the nodes are. Divided differences of f are
f[y_0, .. y_k] = (-1)^k / prod (s + y_i), hence with y = a, x_1, x_1, x_2, x_2, ..

    integral of p = sum_k (-1)^k / prod_(i<=k) (s + y_i) * integral of prod_(i<k) (x - y_i) dm

The best nodes are the zeros of the orthogonal polynomial of (x - a) dm: x_1 = n_1 / n_0 with n_k = m_(k+1) - a m_k for
r = 1, a quadratic from n_0 .. n_3 for r = 2. Each row takes the least of both and of own noise alone, 1 / s.

m_3 and m_4 take rows of L^2, so r = 2 is computed only where it can matter: in order of the other bounds, the largest
first, until `SHARPENED` of the improved ones are at least as large as the next that is not. The largest of all bounds
are then the same as if all had been improved, and those that were not are bounds as well.

Rounding: a computed moment m_k errs by at most 4 (q^r + 64) u times (|L|^k 1)_v, q the most entries in a row: that
bounds the sum of the magnitudes of all products of entries that make it up. The formula is evaluated a second time with
magnitudes, and that times 8 (q^r + 64) u is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array

from tip.errors import ConfigurationError
from tip.flow.certificates import UNIT
from tip.flow.connectivity import Connectivity, Laplacian, connectivity, symmetric
from tip.privacy.rounding import lowered, raised
from tip.randomness import SYSTEM, Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHARPENED: Final = 8  # of the largest bounds are as sharp as the moments allow
_AT_ONCE: Final = 3e6  # products of L L at once
_MOST: Final = 1e9  # products of L L in all


@dataclass(frozen=True, slots=True, eq=False)
class Pairwise:
    """A view whose noise cancels in pairs: the least strength of own noise, and the graph of the rest, both lowered."""

    own: float
    graph: Laplacian


@dataclass(frozen=True, slots=True, eq=False)
class AllBound:
    """For each row v of the view an upper bound of mu^2 of the change e_v; wrong with probability at most `failure`."""

    bound: Floats
    worst: float
    failure: float
    connectivity: Connectivity


def pairwise(B: csr_array, variances: Floats) -> Pairwise:  # noqa: N803 - the name of the mathematics
    """What the proof uses of a view. Raises `ConfigurationError` unless every row has noise of its own."""
    columns = csc_array(B)
    columns.eliminate_zeros()
    count = np.diff(columns.indptr)
    first = columns.indptr[:-1]
    alone = np.flatnonzero(count == 1)
    strength = np.bincount(
        columns.indices[first[alone]], columns.data[first[alone]] ** 2 * variances[alone], minlength=B.shape[0]
    )
    most = int(np.bincount(columns.indices[first[alone]], minlength=1).max())
    own = float(strength.astype(np.float64).min(initial=np.inf)) * (1 - 2 * (16 + most) * UNIT)
    if not own > 0 or not np.isfinite(own):
        raise ConfigurationError("a row of the view has no noise of its own", instead="bound each agent by itself")
    paired = np.flatnonzero(count == 2)
    at = first[paired]
    paired, at = (x[columns.data[at] == -columns.data[at + 1]] for x in (paired, at))
    ends, other = columns.indices[at], columns.indices[at + 1]
    weight = columns.data[at] ** 2 * variances[paired]
    both = (np.concatenate([weight, weight]), (np.concatenate([ends, other]), np.concatenate([other, ends])))
    weights = csr_array(coo_array(both, shape=(B.shape[0], B.shape[0])))
    merged = 2 * len(paired) - weights.nnz
    weights.data *= 1 - 2 * (16 + merged) * UNIT
    return Pairwise(own, symmetric(weights))


def all_agents(view: Pairwise, *, connected: Connectivity | None = None, coins: Entropy = SYSTEM) -> AllBound:
    """The bound of every row. `connected`: a proven one; otherwise `connectivity` proves one with these coins."""
    proven = connectivity(view.graph, coins=coins) if connected is None else connected
    graph = view.graph
    linked = graph.sizes[graph.component] > 1
    bound = np.full(len(linked), raised(1 / view.own))
    if linked.any():
        with np.errstate(all="ignore"):
            _quadrature(_Rows(graph, min(proven.bound, 1e100), view.own), bound, linked)
    return AllBound(bound, float(bound.max(initial=0.0)), proven.failure, proven)


def after_deletion(size: int, own: float, connected: Connectivity, *, deleted: int, weight: float = 1.0) -> AllBound:
    """The bound of every agent for *all* coalitions of `deleted` vertices of a connected graph, weights <= `weight`.

    Let C be the coalition, x a unit eigenvector of the second eigenvalue l of G - C, orthogonal to the constants of
    G - C. Extended by zeros it is orthogonal to those of G, and x'L(G)x = l + sum_v x_v^2 (weights from v into C)
    <= l + |C| weight. Hence l >= lambda_2(G) - |C| weight (Fiedler 1973). Where that is > 0, G - C is connected and
    theta_v <= 1 / ((n - c) s) + (1 - 1 / (n - c)) / (s + l); otherwise own noise alone bounds it: 1 / s.
    """
    left = size - deleted
    if left < 1 or deleted < 0 or not own > 0:
        raise ConfigurationError(f"a coalition of {deleted} among {size} leaves nobody to protect")
    rest = lowered(connected.bound - raised(deleted * weight), connected.bound, deleted * weight)
    alone = raised(1 / own)
    together = raised(1 / (left * own)) + raised((1 - 1 / left) / lowered(own + rest, own, rest)) if rest > 0 else alone
    worst = min(alone, raised(together))
    return AllBound(np.full(left, worst), worst, connected.failure, connected)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What the quadratures of all rows start from: the graph, a <= its eigenvalues, the strength of own noise."""

    graph: Laplacian
    least: float
    own: float

    def reach(self, values: Floats, sizes: Floats, points: int, at: NDArray[np.int64] | slice) -> Floats:
        """The quadrature with so many nodes for rows `at`, plus 1 / (n s), rounded up; infinite where floats fail."""
        graph = self.graph
        shared = 1 / (graph.sizes[graph.component[at]] * self.own)
        most = int(np.diff(graph.weights.indptr).max(initial=0)) + 1
        nodes = _nodes(values, self.least)[points - 1]
        total, magnitude = _integral((values, sizes), nodes, self.least, self.own)
        reach = (shared + total + 8 * (most ** float(points) + 64.0) * UNIT * (magnitude + shared)) * (1 + 2.0**-48)
        return np.asarray(np.where(np.isfinite(reach), reach, np.inf), np.float64)


def _quadrature(rows: _Rows, bound: Floats, linked: NDArray[np.bool_]) -> None:
    """Lower the bounds of linked rows in place: by one node everywhere, by two where that can matter."""
    values, sizes = _moments(rows.graph)
    np.minimum(bound, rows.reach(values, sizes, 1, slice(None)), out=bound, where=linked)
    full = rows.graph.shifted(1.0, 0.0)
    entries = np.diff(full.indptr).astype(np.float64)
    pattern = csr_array((np.ones(full.nnz), full.indices, full.indptr), full.shape)
    order = np.argsort(-bound, kind="stable")
    work = np.cumsum(np.asarray(pattern @ entries)[order])
    if work[-1] > _MOST:
        order = order[: np.searchsorted(work, _MOST)]
    largest = np.zeros(0)
    begin = 0
    while begin < len(order) and (len(largest) < SHARPENED or bound[order[begin]] > largest[0]):
        done = work[begin - 1] if begin else 0.0
        end = max(begin + 1, int(np.searchsorted(work[: len(order)], done + _AT_ONCE)))
        at = order[begin:end]
        better = rows.reach(_with_higher(values[:, at], full, at), sizes[:, at], 2, at)
        bound[at] = np.where(linked[at], np.minimum(bound[at], better), bound[at])
        largest = np.sort(np.append(largest, bound[at]))[-SHARPENED:]
        begin = end


def _moments(graph: Laplacian) -> tuple[Floats, Floats]:
    """m_0 .. m_2 of each vertex (m_3 and m_4 NaN), and what bounds the terms of m_0 .. m_4."""
    weights, degrees = graph.weights, graph.degrees
    moments = np.full((5, len(degrees)), np.nan)
    sizes = np.ones((5, len(degrees)))
    for k in range(1, 5):
        sizes[k] = degrees * sizes[k - 1] + weights @ sizes[k - 1]
    squares = csr_array((weights.data**2, weights.indices, weights.indptr), weights.shape)
    moments[0] = 1 - 1 / graph.sizes[graph.component]
    moments[1] = degrees
    moments[2] = degrees**2 + squares.sum(axis=1)
    return moments, sizes


def _with_higher(moments: Floats, full: csr_array, at: NDArray[np.int64]) -> Floats:
    """The moments of rows `at`, with m_3 and m_4 from rows of L^2."""
    rows = csr_array(full[at])
    two = csr_array(rows @ full)
    moments[3] = (two * rows).sum(axis=1)
    moments[4] = csr_array((two.data**2, two.indices, two.indptr), two.shape).sum(axis=1)
    return moments


def _nodes(moments: Floats, least: float) -> list[tuple[Floats, ...]]:
    """The best nodes for r = 1 and r = 2, NaN where floats do not give them; the proof asks nothing of them."""
    n0, n1, n2, n3 = moments[1:] - least * moments[:-1]
    single = np.where(n0 > 0, n1 / n0, least)
    determinant = n1 * n1 - n0 * n2
    half = (n1 * n2 - n0 * n3) / determinant / 2
    root = np.sqrt(half * half - (n2 * n2 - n1 * n3) / determinant)
    return [(single,), (half - root, half + root)]


def _integral(moments: tuple[Floats, Floats], nodes: tuple[Floats, ...], least: float, own: float) -> Floats:
    """The integral of p and, second, the sum of the magnitudes of its terms."""
    values, sizes = moments
    points = [np.full_like(nodes[0], least), *(node for node in nodes for _ in range(2))]
    signed, positive = [np.ones_like(nodes[0])], [np.ones_like(nodes[0])]
    total, magnitude = np.zeros_like(nodes[0]), np.zeros_like(nodes[0])
    below = np.ones_like(nodes[0])
    for k, point in enumerate(points):
        below = below * (own + point)
        total += (-1) ** k * sum(c * m for c, m in zip(signed, values[: k + 1], strict=True)) / below
        magnitude += sum(c * m for c, m in zip(positive, sizes[: k + 1], strict=True)) / np.abs(below)
        signed, positive = _times(signed, -point), _times(positive, np.abs(point))
    valid = np.all([node + own > 0 for node in nodes], axis=0)
    return np.where(valid, np.stack([total, magnitude]), np.inf)


def _times(polynomial: list[Floats], constant: Floats) -> list[Floats]:
    """Coefficients, lowest first, of the polynomial times (x + constant)."""
    zero = np.zeros_like(constant)
    return [
        low * constant + high for low, high in zip([*polynomial, zero], [zero, *polynomial], strict=True)
    ]  # fmt: skip
