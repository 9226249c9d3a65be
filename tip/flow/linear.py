"""The losses of changes in a float view: which way of computing fits, and what many changes share.

A `Solver` answers first whether a change moves a row without any noise: then it leaks. For the rows with noise it
decides how both witnesses are found; what depends on the view alone (S, its factor, a bound of its eigenvalues) is
done once:

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

from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow import iterative
from tip.flow.certificates import (
    UNIT,
    Loss,
    Matrix,
    lower_bound,
    matrix,
    repaired,
    residual_bound,
    sum_up,
    upper_bound,
    within,
)  # fmt: skip
from tip.flow.definiteness import least_eigenvalue
from tip.flow.exact import exact_loss
from tip.privacy.rounding import sqrt_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.flow.derivation import Vector

    Floats = NDArray[np.float64]
    Way = Callable[[Floats], Iterator[Loss]]  # from changes, the columns of a matrix, to their losses

__all__ = ["Loss", "Solver", "loss", "losses", "solver"]

DENSE: Final = 2000  # rows
EXACT: Final = 200  # rows
_EXACT_ENTRY: Final = 2.0**53
_TOGETHER: Final = 32  # changes that are solved at once


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """A view's noise made ready for the losses of many changes."""

    rows: int
    heard: NDArray[np.intp]  # the rows that have any noise
    noise: Matrix  # of those rows
    tolerance: float
    rounded: bool  # whether coefficients may be rounded ones, whose rank is not that of the true ones
    _way: list[Way] = field(default_factory=list, repr=False)  # made when it is first needed

    def losses(self, changes: csr_array) -> Iterator[Loss]:
        """The loss of each column of `changes` `(rows, k)`, in order; `ConfigurationError` where none is proven."""
        if changes.shape[0] != self.rows or not np.isfinite(changes.data).all():
            raise ConfigurationError(f"a change needs one finite number for each of the {self.rows} rows")
        within(changes.data)
        for first in range(0, changes.shape[1], _TOGETHER):
            yield from self._block(changes[:, first : first + _TOGETHER].toarray())

    def loss(self, change: Floats) -> Loss:
        """The loss of one change `(rows,)`."""
        return next(self.losses(csr_array(np.asarray(change, np.float64)[:, None])))

    def _block(self, changes: Floats) -> list[Loss]:
        """Rows without noise are answered first: a change that moves one leaks, and others do not need it."""
        bare = changes.copy()
        bare[self.heard] = 0
        found: dict[int, Loss] = {}
        for index in np.flatnonzero(bare.any(axis=0)).tolist():
            found[index] = self._leak(int(np.argmax(bare[:, index] != 0)))
        for index in np.flatnonzero(~changes.any(axis=0)).tolist():
            nothing = np.zeros(len(self.noise.variances))
            found[index] = Loss(Fraction(0), Fraction(0), nothing, np.zeros(self.rows), exact=True)
        rest = [index for index in range(changes.shape[1]) if index not in found]
        for index, one in zip(rest, self._certified(changes[self.heard][:, rest]) if rest else (), strict=True):
            whole = len(self.heard) == self.rows
            found[index] = one if whole else replace(one, test=_spread(one.test, self.heard, self.rows))
        return [found[index] for index in range(changes.shape[1])]

    def _leak(self, row: int) -> Loss:
        test = np.zeros(self.rows)
        test[row] = 1.0
        return Loss(None, Fraction(0), (), test, exact=True)

    def _certified(self, changes: Floats) -> Iterator[Loss]:
        """The losses of changes != 0 of the rows with noise."""
        noise = self.noise
        if not noise.owned and noise.B.shape[0] <= EXACT and not self.rounded:
            for column in changes.T:
                whole = _whole(noise, column)
                yield _by_rationals(noise, column) if whole else next(self._in_floats(column[:, None]))
        else:
            yield from self._in_floats(changes)

    def _in_floats(self, changes: Floats) -> Iterator[Loss]:
        if not self._way:
            self._way.append(_way(self.noise, self.tolerance))
        return self._way[0](changes)


def solver(
    B: csr_array,  # noqa: N803 - the name of the mathematics
    variances: Floats,
    *,
    tolerance: float = 1e-7,
    rounded: bool = False,
) -> Solver:
    """A view made ready for many changes; `tolerance` is the relative gap at which the iterative way stops.

    `rounded`: coefficients may be off by their rounding. Then no rank is read from them, even where they look whole.
    """
    noise = matrix(B, variances)
    rows = noise.B.shape[0]
    heard = np.flatnonzero(np.diff(noise.B.indptr) > 0)
    return Solver(rows, heard, noise if len(heard) == rows else matrix(noise.B[heard], variances), tolerance, rounded)


def loss(B: csr_array, a: Floats, variances: Floats, *, tolerance: float = 1e-9) -> Loss:  # noqa: N803
    """mu^2 of the change a, certified on both sides; see the top of the file."""
    return losses(B, np.asarray(a, np.float64)[:, None], variances, tolerance=tolerance)[0]


def losses(B: csr_array, changes: Floats, variances: Floats, *, tolerance: float = 1e-9) -> tuple[Loss, ...]:  # noqa: N803
    """The same for several changes, the columns of `changes`."""
    return tuple(solver(B, variances, tolerance=tolerance).losses(csr_array(changes)))


def _way(noise: Matrix, tolerance: float) -> Way:
    """How changes of rows that all have some noise are answered in floats."""
    rows = noise.B.shape[0]
    if noise.owned and rows > DENSE:
        ready = iterative.prepared(noise)
        return lambda changes: (iterative.loss(ready, column, tolerance=tolerance) for column in changes.T)
    if rows > DENSE:
        raise ConfigurationError(
            f"the loss in a view of {rows} rows, some without noise of their own, is not proven",
            instead=f"give every row its own noise, or ask for at most {DENSE} rows",
        )
    system = iterative.covariance(noise).toarray()
    floor = None if noise.owned else _least_eigenvalue(noise, system)
    solve = _solver(noise, system)
    return lambda changes: (
        _dense(noise, np.ascontiguousarray(a), np.ascontiguousarray(test), floor)
        for a, test in zip(changes.T, solve(changes).T, strict=True)
    )


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
    """A function that finds u with S u near each column, refined once; least squares where Cholesky's method fails."""
    from scipy.linalg import cho_factor, cho_solve  # noqa: PLC0415 - a fifth of a second, only where it is used

    scale = np.sqrt(system.diagonal())[:, None]
    even = system / scale / scale.T
    try:
        factor = cho_factor(even, lower=True)
    except np.linalg.LinAlgError:
        return lambda a: np.asarray(np.linalg.lstsq(even, a / scale, rcond=None)[0] / scale, np.float64)

    def solve(a: Floats) -> Floats:
        first: Floats = cho_solve(factor, a / scale) / scale
        rest: Floats = a - noise.B @ (noise.variances[:, None] * (noise.transposed @ first))
        return np.asarray(first + cho_solve(factor, rest / scale) / scale, np.float64)

    return solve


def _least_eigenvalue(noise: Matrix, system: Floats) -> float:
    """A proven t > 0 below every eigenvalue of S = B V B'."""
    from scipy.linalg import eigvalsh  # noqa: PLC0415 - a fifth of a second, only where it is used

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
