"""The loss of one change in a float view: which way of computing fits.

`loss` decides first whether the change can leak, then finds both witnesses:

1. Every row owns a column of noise (`certificates`, 4): no leak. Up to 2,000 rows S = B V B' is solved densely; above,
   by conjugate gradients (`iterative`). The witnesses are certified with their rounding errors.
2. Otherwise, up to 200 rows whose coefficients are whole numbers: rational arithmetic (`exact`), which finds leaks.
3. Otherwise, up to 2,000 rows: a Cholesky factor proves that S has no eigenvalue below some t > 0. Then B has full row
   rank, nothing leaks, and the residual r = a - B w is repaired by some d with B d = r that costs
   r'S^-1 r <= |r|^2 / t; square roots of costs are a norm, so sqrt(mu^2) <= sqrt(cost of w) + |r| / sqrt(t).
4. Otherwise: not proven, an error. No numerical rank is ever read as a rank.

The bound t comes from `definiteness`, for the computed S, whose entries err by at most k u |B| V |B|'. All bounds hold
for all matrices within 4u of the given ones, as in `certificates`.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigvalsh

from tip.errors import ConfigurationError
from tip.flow import iterative
from tip.flow.certificates import UNIT, Loss, Matrix, lower_bound, matrix, repaired, residual_bound, sum_up, upper_bound
from tip.flow.definiteness import least_eigenvalue
from tip.flow.exact import exact_loss
from tip.privacy.rounding import sqrt_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from tip.flow.derivation import Vector

    Floats = NDArray[np.float64]

__all__ = ["Loss", "loss", "losses"]

DENSE: Final = 2000  # rows
EXACT: Final = 200  # rows
_EXACT_ENTRY: Final = 2.0**53


def loss(
    B: csr_array,  # noqa: N803 - the name of the mathematics
    a: Floats,
    variances: Floats,
    *,
    tolerance: float = 1e-9,
) -> Loss:
    """mu^2 of the change a, certified on both sides; see the top of the file.

    `tolerance` is the relative gap at which the iterative solver stops. Raises `ConfigurationError` where nothing is
    proven.
    """
    return losses(B, np.ascontiguousarray(a, np.float64)[:, None], variances, tolerance=tolerance)[0]


def losses(
    B: csr_array,  # noqa: N803
    changes: Floats,
    variances: Floats,
    *,
    tolerance: float = 1e-9,
) -> tuple[Loss, ...]:
    """The same for several changes, the columns of `changes`: what depends on the view alone is done once.

    Rows without any noise are answered first: a change that moves one leaks, and others do not need it.
    """
    noise = matrix(B, variances)
    rows, count = noise.B.shape[0], changes.shape[1]
    if changes.shape[0] != rows or not np.isfinite(changes).all():
        raise ConfigurationError(f"a change needs one finite number for each of the {rows} rows")
    heard = np.flatnonzero(np.diff(noise.B.indptr) > 0)
    found: dict[int, Loss] = {}
    for index in range(count):
        bare = changes[:, index].copy()
        bare[heard] = 0
        if bare.any():
            test = np.zeros(rows)
            test[np.flatnonzero(bare)[0]] = 1.0
            found[index] = Loss(None, Fraction(0), (), test, exact=True)
        elif not changes[:, index].any():
            found[index] = Loss(Fraction(0), Fraction(0), np.zeros(len(variances)), np.zeros(rows), exact=True)
    open_ = [index for index in range(count) if index not in found]
    if open_ and len(heard) < rows:
        rest = _together(matrix(noise.B[heard], variances), changes[heard][:, open_], tolerance)
        rest = tuple(replace(one, test=_spread(one.test, heard, rows)) for one in rest)
    elif open_:
        rest = _together(noise, changes[:, open_], tolerance)
    else:
        rest = ()
    found.update(zip(open_, rest, strict=True))
    return tuple(found[index] for index in range(count))


def _together(noise: Matrix, changes: Floats, tolerance: float) -> tuple[Loss, ...]:
    """The losses of changes != 0 where every row has some noise."""
    rows, count = changes.shape
    columns = [np.ascontiguousarray(changes[:, index]) for index in range(count)]
    if noise.owned and rows > DENSE:
        ready = iterative.prepared(noise)
        return tuple(iterative.loss(ready, column, tolerance=tolerance) for column in columns)
    if not noise.owned and rows <= EXACT and _whole(noise, changes):
        return tuple(_by_rationals(noise, column) for column in columns)
    if rows > DENSE:
        raise ConfigurationError(
            f"the loss in a view of {rows} rows, some without noise of their own, is not proven",
            instead=f"give every row its own noise, or ask for at most {DENSE} rows",
        )
    system = iterative.covariance(noise).toarray()
    floor = None if noise.owned else _least_eigenvalue(noise, system)
    solve = _solver(noise, system)
    return tuple(_dense(noise, column, solve(column), floor) for column in columns)


def _dense(noise: Matrix, a: Floats, test: Floats, floor: float | None) -> Loss:
    weights = noise.variances * (noise.transposed @ test)
    if floor is None:
        weights = repaired(noise, a, weights)
        return Loss(upper_bound(noise, a, weights), lower_bound(noise, a, test), weights, test, exact=False)
    cost = sum_up(weights * weights / noise.variances)
    extra = sum_up(residual_bound(noise, a, weights) ** 2) / Fraction(floor)
    upper = cost + extra + 2 * Fraction(sqrt_up(cost)) * Fraction(sqrt_up(extra))
    return Loss(upper, lower_bound(noise, a, test), weights, test, exact=False)


def _spread(test: Vector, heard: NDArray[np.intp], rows: int) -> Vector:
    """The test on all rows, 0 on those that were left out."""
    if isinstance(test, tuple):
        at = dict(zip(heard.tolist(), test, strict=True))
        return tuple(at.get(row, Fraction(0)) for row in range(rows))
    full = np.zeros(rows)
    full[heard] = test
    return full


def _solver(noise: Matrix, system: Floats) -> Callable[[Floats], Floats]:
    """A function that finds u with S u near a, refined once; by least squares where Cholesky's method fails."""
    scale = np.sqrt(system.diagonal())
    even = system / scale[:, None] / scale
    try:
        factor = cho_factor(even, lower=True)
    except LinAlgError:
        return lambda a: np.asarray(np.linalg.lstsq(even, a / scale, rcond=None)[0] / scale, np.float64)

    def solve(a: Floats) -> Floats:
        first: Floats = cho_solve(factor, a / scale) / scale
        rest: Floats = a - noise.B @ (noise.variances * (noise.transposed @ first))
        return np.asarray(first + cho_solve(factor, rest / scale) / scale, np.float64)

    return solve


def _least_eigenvalue(noise: Matrix, system: Floats) -> float:
    """A proven t > 0 below every eigenvalue of S = B V B'."""
    spread = noise.magnitudes @ (
        noise.variances * (noise.transposed_magnitudes @ np.ones(len(system)))
    )  # row sums of |B| V |B|'
    error = 8 * (noise.B.shape[1] + 32) * UNIT * float(spread.max())
    proven = least_eigenvalue(system, float(eigvalsh(system, subset_by_index=(0, 0))[0]) / 2, error)
    if not proven > 0:
        raise ConfigurationError(
            f"the loss may be infinite: no proof that the {len(system)} rows are independent",
            instead="use rational arithmetic (`exact_loss`), or give every row its own noise",
        )
    return proven


def _by_rationals(noise: Matrix, a: Floats) -> Loss:
    entries = zip(noise.B.indices.tolist(), noise.B.data.tolist(), strict=True)
    rows = [{j: Fraction(x) for j, x in islice(entries, count)} for count in np.diff(noise.B.indptr).tolist()]
    return exact_loss(rows, [Fraction(x) for x in a.tolist()], [Fraction(v) for v in noise.variances.tolist()])


def _whole(noise: Matrix, a: Floats) -> bool:
    """Whether coefficients are whole numbers, hence exactly what was meant."""
    data = np.concatenate([noise.B.data, a.ravel()])
    return bool(((data == np.rint(data)) & (np.abs(data) <= _EXACT_ENTRY)).all())
