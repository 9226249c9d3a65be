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
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = ["Loss", "loss"]

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
    noise = matrix(B, variances)
    change = np.ascontiguousarray(a, np.float64)
    if change.shape != (noise.B.shape[0],) or not np.isfinite(change).all():
        raise ConfigurationError(f"a change needs one finite number for each of the {noise.B.shape[0]} rows")
    if not change.any():
        return Loss(Fraction(0), Fraction(0), np.zeros(len(noise.variances)), np.zeros(len(change)), exact=True)
    silent = np.flatnonzero((np.diff(noise.B.indptr) == 0) & (change != 0))
    if silent.size:
        test = np.zeros(len(change))
        test[silent[0]] = 1.0
        return Loss(None, Fraction(0), (), test, exact=True)
    if noise.owned and len(change) > DENSE:
        return iterative.loss(iterative.prepared(noise), change, tolerance=tolerance)
    if not noise.owned and len(change) <= EXACT and _whole(noise, change):
        return _by_rationals(noise, change)
    if len(change) > DENSE:
        raise ConfigurationError(
            f"the loss in a view of {len(change)} rows, some without noise of their own, is not proven",
            instead=f"give every row its own noise, or ask for at most {DENSE} rows",
        )
    return _dense(noise, change)


def _dense(noise: Matrix, a: Floats) -> Loss:
    full = noise.B.toarray()
    system = (full * noise.variances) @ full.T
    floor = None if noise.owned else _least_eigenvalue(noise, system)
    test = _solved(noise, system, a)
    weights = noise.variances * (noise.B.T @ test)
    if floor is None:
        weights = repaired(noise, a, weights)
        return Loss(upper_bound(noise, a, weights), lower_bound(noise, a, test), weights, test, exact=False)
    cost = sum_up(weights * weights / noise.variances)
    extra = sum_up(residual_bound(noise, a, weights) ** 2) / Fraction(floor)
    upper = cost + extra + 2 * Fraction(sqrt_up(cost)) * Fraction(sqrt_up(extra))
    return Loss(upper, lower_bound(noise, a, test), weights, test, exact=False)


def _solved(noise: Matrix, system: Floats, a: Floats) -> Floats:
    """Some u with S u near a, refined once; by least squares where Cholesky's method fails (wide bounds then)."""
    scale = np.sqrt(system.diagonal())
    even = system / scale[:, None] / scale
    try:
        factor = cho_factor(even, lower=True)
    except LinAlgError:
        least: Floats = np.linalg.lstsq(even, a / scale, rcond=None)[0] / scale
        return least
    test: Floats = cho_solve(factor, a / scale) / scale
    test += cho_solve(factor, (a - noise.B @ (noise.variances * (noise.B.T @ test))) / scale) / scale
    return test


def _least_eigenvalue(noise: Matrix, system: Floats) -> float:
    """A proven t > 0 below every eigenvalue of S = B V B'."""
    magnitudes = noise.magnitudes.toarray()
    spread = (magnitudes * noise.variances) @ magnitudes.T
    error = 4 * (noise.B.shape[1] + 32) * UNIT * float(spread.sum(axis=1).max()) * 1.01
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
    data = np.concatenate([noise.B.data, a])
    return bool(((data == np.rint(data)) & (np.abs(data) <= _EXACT_ENTRY)).all())
