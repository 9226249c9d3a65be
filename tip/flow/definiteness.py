"""Proofs that all eigenvalues of a symmetric matrix lie above a number, by Cholesky's method in floats.

Let the method run to its end on the computed A = M - t I. Its factor R satisfies R'R = A + D, |D| <= g |R|'|R| with
g = (n+1) u / (1 - (n+1) u) (Higham 2002, theorem 10.3, for any order of the sums). The diagonal of that says
|R e_i|^2 <= A_ii / (1 - g), so |D|_2 <= g sum_i |R e_i|^2 <= g / (1 - g) trace A, and lambda_min(A) >= -|D|_2. Here
four times that is taken, 2 u max|M| is added for the rounding of the diagonal of A, and an `error` that bounds the norm
of (the true matrix - M): by Weyl's inequality the true matrix has no eigenvalue below t - all that. The norm of a
symmetric matrix is at most its largest sum of magnitudes in a row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tip.flow.certificates import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray


def least_eigenvalue(matrix: NDArray[np.float64], target: float, error: float) -> float:
    """A proven lower bound, a little below `target`; 0 where Cholesky's method fails or the bound would not be > 0."""
    from scipy.linalg import cho_factor  # noqa: PLC0415 - a fifth of a second, only where it is used

    if not target > 0 or not math.isfinite(target):
        return 0.0
    size = len(matrix)
    shifted = matrix - target * np.eye(size)
    try:
        cho_factor(shifted, lower=True)
    except np.linalg.LinAlgError:
        return 0.0
    trace = float(np.abs(shifted.diagonal()).sum()) * (1 + 2 * size * UNIT)
    proven = target - 4 * (size + 2) * UNIT * trace - 4 * UNIT * float(np.abs(matrix).max()) - error
    return max(0.0, proven - 2.0**-40 * abs(proven))
