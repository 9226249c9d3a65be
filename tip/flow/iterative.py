"""Losses in large views: conjugate gradients, stopped by the certified gap.

S = B V B' is built once (`prepare`); each change a then costs some products with S (Jacobi-preconditioned conjugate
gradients from u = 0) and a certificate of a few products with B. Changes are solved one after the other: a vector of a
million rows just fits into the cache, and a product with eight at once was measured to take longer than eight products.

When to stop. With u, its residual r = a - S u, and every row owning a column o(i), the repaired w = V B' u + sum_i
(r_i / B_i,o(i)) e_o(i) costs

    u'S u + 2 u'r + sum_i r_i^2 / (B_i,o(i)^2 v_o(i))

and in conjugate gradients from zero u'r = 0, hence u'S u = u'a: the relative gap is about sum_i r_i^2 / (B^2 v) / u'a,
second order in r. That estimate only says when to look: what is returned is what `certificates` proves from w and from
z = u. If the proven gap is still too wide, the solver goes on with a hundredth of the estimate; where rounding or
`ROUNDS` end that, the bounds found are returned with their gap: they are sound at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import coo_array, csr_array

from tip.errors import ConfigurationError
from tip.flow.certificates import Loss, Matrix, lower_bound, matrix, repaired, upper_bound, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROUNDS: Final = 2000  # products with S for one change
_LOOKS: Final = 4  # certificates for one change


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A view made ready for many changes: the noise, S = B V B', 1 / diag(S), and B^2 v of each owned column."""

    noise: Matrix
    system: csr_array
    inverse_diagonal: Floats
    own_strength: Floats


def prepare(B: csr_array, variances: Floats) -> Prepared:  # noqa: N803 - the name of the mathematics
    """Validate, build S. Raises `ConfigurationError` unless every row owns a column of noise."""
    return prepared(matrix(B, variances))


def prepared(noise: Matrix) -> Prepared:
    """The same from a `Matrix`."""
    if not noise.owned:
        raise ConfigurationError(
            "the loss in a large view where some rows have no noise of their own is not proven",
            instead="give every row its own noise",
        )
    system = covariance(noise)
    strength = noise.own_entry**2 * noise.variances[noise.own]
    return Prepared(noise, system, 1.0 / system.diagonal(), strength)


def covariance(noise: Matrix) -> csr_array:
    """The matrix S = B V B': from its pairs of rows where no noise stands in more than two, else by a product."""
    turned = noise.transposed
    counts = np.diff(turned.indptr)
    if counts.max(initial=0) <= 2:
        return _of_pairs(noise, counts)
    scaled = noise.B.data * noise.variances[noise.B.indices]
    return csr_array(csr_array((scaled, noise.B.indices, noise.B.indptr), shape=noise.B.shape) @ noise.B.T)


def _of_pairs(noise: Matrix, counts: NDArray[np.intp]) -> csr_array:
    """S where each noise stands in one row or two."""
    turned, rows = noise.transposed, noise.B.shape[0]
    squares = turned.data**2 * np.repeat(noise.variances, counts)
    diagonal = np.bincount(turned.indices, squares, minlength=rows)
    paired = np.flatnonzero(counts == 2)
    at = turned.indptr[paired]
    one, other = turned.indices[at], turned.indices[at + 1]
    shared = turned.data[at] * turned.data[at + 1] * noise.variances[paired]
    every = np.arange(rows, dtype=one.dtype)
    places = (np.concatenate([one, other, every]), np.concatenate([other, one, every]))
    return csr_array(coo_array((np.concatenate([shared, shared, diagonal]), places), shape=(rows, rows)))


def inner(x: Floats, y: Floats) -> float:
    """The inner product, on one thread: a library's many threads wait longer for one another than this takes."""
    return float(np.einsum("i,i", x, y))


def losses(view: Prepared, changes: Floats, *, tolerance: float = 1e-6) -> tuple[Loss, ...]:
    """The loss of each column of `changes`."""
    return tuple(loss(view, changes[:, index], tolerance=tolerance) for index in range(changes.shape[1]))


def loss(view: Prepared, a: Floats, *, tolerance: float = 1e-6) -> Loss:
    """mu^2 of one change, its certified relative gap at most `tolerance` where floats allow."""
    change = np.ascontiguousarray(a, np.float64)
    if change.shape != (view.system.shape[0],) or not np.isfinite(change).all():
        raise ConfigurationError(f"a change needs one finite number for each of the {view.system.shape[0]} rows")
    within(change)
    if not change.any():
        nothing = np.zeros(len(view.noise.variances))
        return Loss(Fraction(0), Fraction(0), nothing, np.zeros_like(change), exact=True)
    best: Loss | None = None
    for test in islice(_solutions(view, change, tolerance / 2), _LOOKS):
        found = _certified(view, change, test)
        if best is None or found.gap < best.gap:
            best = found
        if best.gap <= tolerance:
            break
    return best if best is not None else _certified(view, change, change * view.inverse_diagonal)


def _certified(view: Prepared, a: Floats, test: Floats) -> Loss:
    noise = view.noise
    weights = repaired(noise, a, noise.variances * (noise.transposed @ test))
    return Loss(upper_bound(noise, a, weights), lower_bound(noise, a, test), weights, test, exact=False)


def _solutions(view: Prepared, a: Floats, wanted: float) -> Iterator[Floats]:
    """Conjugate gradients: yields u when the estimated gap is below `wanted`, then a hundredth of that .., and last."""
    residual = a.copy()
    u = np.zeros_like(a)
    direction = residual * view.inverse_diagonal
    size = inner(residual, direction)
    step = np.empty_like(a)
    for _ in range(ROUNDS):
        image = view.system @ direction
        curve = inner(direction, image)
        if not curve > 0:
            break
        u += np.multiply(direction, size / curve, out=step)
        residual -= np.multiply(image, size / curve, out=step)
        if inner(residual, np.divide(residual, view.own_strength, out=step)) <= wanted * inner(u, a):
            yield u.copy()
            wanted /= 100
        np.multiply(residual, view.inverse_diagonal, out=step)
        previous, size = size, inner(residual, step)
        direction *= size / previous
        direction += step
    yield u
