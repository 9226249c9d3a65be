"""One view, many changes: what can be shared between the losses of different agents is done once.

Where every row owns a column of noise, S = B V B' is factored once (up to 2,000 rows) or made ready for
conjugate gradients; each change then costs two triangular solves, or some products, and its certificate. Other
views are solved one change at a time (`linear`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import csr_array

from tip.flow import iterative, linear
from tip.flow.certificates import Loss, Matrix, lower_bound, matrix, repaired, upper_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_TOLERANCE: Final = 1e-7  # of conjugate gradients; dense views are solved as well as floats allow
_TOGETHER: Final = 32  # changes that conjugate gradients solve at once


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """A view's noise made ready: with a dense factor, for conjugate gradients, or with neither."""

    noise: Matrix
    factor: tuple[Floats, bool] | None
    prepared: iterative.Prepared | None

    def losses(self, changes: csr_array) -> Iterator[Loss]:
        """The loss of each column of `changes` `(rows, k)`, in order."""
        step = _TOGETHER
        for first in range(0, changes.shape[1], step):
            block = changes[:, first : first + step].toarray()
            if self.factor is not None:
                yield from self._by_factor(block, self.factor)
            elif self.prepared is not None:
                yield from iterative.losses(self.prepared, block, tolerance=_TOLERANCE)
            else:
                yield from (linear.loss(self.noise.B, a, self.noise.variances) for a in block.T)

    def loss(self, change: Floats) -> Loss:
        """The loss of one change `(rows,)`."""
        return next(self.losses(csr_array(change[:, None])))

    def _by_factor(self, block: Floats, factor: tuple[Floats, bool]) -> Iterator[Loss]:
        noise = self.noise
        tests = cho_solve(factor, block)
        tests += cho_solve(factor, block - noise.B @ (noise.variances[:, None] * (noise.B.T @ tests)))
        for a, test in zip(np.ascontiguousarray(block.T), np.ascontiguousarray(tests.T), strict=True):
            if not a.any():
                yield linear.loss(noise.B, a, noise.variances)
                continue
            weights = repaired(noise, a, noise.variances * (noise.B.T @ test))
            yield Loss(upper_bound(noise, a, weights), lower_bound(noise, a, test), weights, test, exact=False)


def solver(B: csr_array, variances: Floats) -> Solver:  # noqa: N803 - the name of the mathematics
    """A view made ready for many changes."""
    noise = matrix(B, variances)
    if not noise.owned:
        return Solver(noise, None, None)
    if noise.B.shape[0] > linear.DENSE:
        return Solver(noise, None, iterative.prepared(noise))
    system = (noise.B.multiply(noise.variances[None, :]) @ noise.B.T).toarray()
    try:
        return Solver(noise, cho_factor(system, lower=True), None)
    except LinAlgError:
        return Solver(noise, None, None)
