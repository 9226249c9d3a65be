"""Losses in large views: conjugate gradients, stopped by the certified gap.

S = B V B' is built once (`prepare`); each change a then costs some products with S (Jacobi-preconditioned conjugate
gradients from u = 0) and a certificate of a few products with B. Several changes are solved at once in one block, each
with its own step lengths, so S is read once for all of them.

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
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow.certificates import Loss, Matrix, lower_bound, matrix, repaired, upper_bound

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
    """The matrix S = B V B'."""
    scaled = noise.B.data * noise.variances[noise.B.indices]
    return csr_array(csr_array((scaled, noise.B.indices, noise.B.indptr), shape=noise.B.shape) @ noise.B.T)


def loss(view: Prepared, a: Floats, *, tolerance: float = 1e-6) -> Loss:
    """mu^2 of one change, its certified relative gap at most `tolerance` where floats allow."""
    return losses(view, np.ascontiguousarray(a, np.float64)[:, None], tolerance=tolerance)[0]


def losses(view: Prepared, changes: Floats, *, tolerance: float = 1e-6) -> tuple[Loss, ...]:
    """The same for several changes at once, the columns of `changes`."""
    if changes.ndim != 2 or changes.shape[0] != view.system.shape[0] or not np.isfinite(changes).all():
        raise ConfigurationError(f"a change needs one finite number for each of the {view.system.shape[0]} rows")
    found: list[Loss | None] = [None] * changes.shape[1]
    for looks, tests in enumerate(_solutions(view, changes, tolerance / 2)):
        for index in range(changes.shape[1]):
            old = found[index]
            if old is None or old.gap > tolerance:
                found[index] = _better(old, _certified(view, changes[:, index], tests[:, index]))
        if looks + 1 == _LOOKS or all(entry is not None and entry.gap <= tolerance for entry in found):
            break
    return tuple(entry for entry in found if entry is not None)


def _certified(view: Prepared, a: Floats, test: Floats) -> Loss:
    noise = view.noise
    weights = repaired(noise, a, noise.variances * (noise.B.T @ test))
    if not a.any():
        return Loss(Fraction(0), Fraction(0), np.zeros_like(weights), np.zeros_like(a), exact=True)
    return Loss(upper_bound(noise, a, weights), lower_bound(noise, a, test), weights, np.array(test), exact=False)


def _better(old: Loss | None, new: Loss) -> Loss:
    return new if old is None or new.gap < old.gap else old


def _solutions(view: Prepared, changes: Floats, wanted: float) -> Iterator[Floats]:
    """Conjugate gradients for all columns: yields u when the estimated gap is below `wanted`, then a hundredth .."""
    residual = changes.copy()
    u = np.zeros_like(changes)
    direction = residual * view.inverse_diagonal[:, None]
    size = np.einsum("ij,ij->j", residual, direction)
    for _ in range(ROUNDS):
        image = view.system @ direction
        curve = np.einsum("ij,ij->j", direction, image)
        step = np.divide(size, curve, out=np.zeros_like(size), where=curve > 0)
        u += step * direction
        residual -= step * image
        excess = np.einsum("ij,ij,i->j", residual, residual, 1.0 / view.own_strength)
        reached = np.einsum("ij,ij->j", u, changes)
        if (excess <= wanted * reached).all():
            yield u
            wanted /= 100
        image = residual * view.inverse_diagonal[:, None]
        previous, size = size, np.einsum("ij,ij->j", residual, image)
        direction *= np.divide(size, previous, out=np.zeros_like(size), where=previous > 0)
        direction += image
    yield u
