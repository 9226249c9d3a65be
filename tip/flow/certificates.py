"""Losses with their witnesses, and what a float witness proves.

A view is y = A x + B g with independent g_j of variance v_j > 0; one unit change of x moves y by the column a. Then

    mu^2 = min { sum_j w_j^2 / v_j : B w = a }  =  max_z (z'a)^2 / sum_j v_j (B'z)_j^2

(both are |V^(1/2) B' u|^2 for the u with B V B' u = a; ">=" is Cauchy-Schwarz: (z'a)^2 = (z'B w)^2 =
(sum_j sqrt(v_j) (B'z)_j w_j / sqrt(v_j))^2). If no w exists there is a z with z'B = 0 and z'a != 0: z'y shows
the change without noise, and the loss is infinite.

So every feasible w is a bound from above and every z one from below, whoever found them. This file turns *float64*
vectors into bounds that hold in exact arithmetic, not only for the float matrices but for every matrix whose nonzero
entries (and variances, and a) lie within `COEFFICIENT` = 4 units u = 2^-53, relative, of them and whose zeros are the
same (1/3 is no float, but the matrix with 1/3 is one of those):

1. A sum of n products computed in any order differs from the true one by at most n u/(1 - n u) times the sum of the
   magnitudes (Higham 2002, section 3.1); perturbed factors add 4u each (a, B or v). With k = 2 (n + 16) and k u < 1/100
   the bound k u * (computed sum of magnitudes) covers this, the rounding of that sum itself, and of the few operations
   that follow. Underflow adds less than 2^-1000, which is added.
2. `upper_bound`: let R_i >= |a - B w|_i be so computed. If row i owns a column o(i) (its only entry lies in that row),
   then w + sum_i d_i e_o(i) with d_i = (a - B w)_i / B_i,o(i) is feasible exactly, and costs at most
   sum_j (|w_j| + D_j)^2 / v_j with D_o(i) = R_i / |B_i,o(i)| and D = 0 elsewhere.
3. `lower_bound`: (|z'a| - error)^2 / sum_j v_j (|B'z|_j + error_j)^2.
4. Rows that all own a column are linearly independent: no leak, whatever the numbers are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.derivation import Vector

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

UNIT: Final = 2.0**-53
COEFFICIENT: Final = 4
_TINY: Final = 2.0**-1000
_BLOCK: Final = 1024
_LARGEST: Final = 1e60  # of an entry: w^2 / v stays within [1e-300, 1e300], so nothing of weight vanishes
_LEAST: Final = 1e-60


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """mu^2 of one unit change, certified on both sides.

    `upper` None: infinite, a leak; then `test` is a z with z'B = 0 and z'a != 0 exactly, `certificate` is empty and
    `lower` says nothing (it is 0). `exact`: by rational arithmetic, upper == lower.
    """

    upper: Fraction | None
    lower: Fraction
    certificate: Vector  # w, one entry for each noise column
    test: Vector  # z, one entry for each row
    exact: bool

    @property
    def gap(self) -> float:
        """(upper - lower) / upper; 0 where the answer is exact, a leak included."""
        if self.upper is None or self.upper == 0:
            return 0.0
        return float((self.upper - self.lower) / self.upper)


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """A noise matrix made ready for certificates: canonical B, |B|, variances, and what each row owns.

    `own[i]` is the column that row i owns (the strongest one, largest B^2 v), -1 if none; `own_entry` its coefficient
    (1 if none).
    """

    B: csr_array
    magnitudes: csr_array
    transposed: (
        csr_array  # B', and |B|': a product with rows of two entries reads a short vector, which stays in the cache
    )
    transposed_magnitudes: csr_array
    variances: Floats
    own: Indices
    own_entry: Floats
    row_error: Floats  # k u for each row's sum
    column_error: Floats  # the same for each column's

    @property
    def owned(self) -> bool:
        """Whether every row owns a column: then no change can leak."""
        return bool((self.own >= 0).all())


def matrix(B: csr_array, variances: Floats) -> Matrix:  # noqa: N803 - the name of the mathematics
    """Validate and prepare; raises `ConfigurationError` for variances <= 0 and numbers outside [1e-60, 1e60]."""
    ready = csr_array(B, copy=True).astype(np.float64, copy=False)
    ready.sum_duplicates()
    ready.eliminate_zeros()
    spread = np.ascontiguousarray(variances, np.float64)
    if spread.shape != (ready.shape[1],):
        raise ConfigurationError(f"{ready.shape[1]} noise columns need as many variances, not {spread.shape}")
    for what, numbers in (("variance", spread), ("coefficient", np.abs(ready.data))):
        if not ((numbers >= _LEAST) & (numbers <= _LARGEST)).all():
            raise ConfigurationError(
                f"a {what} of the noise lies outside [{_LEAST}, {_LARGEST}]",
                instead="leave out columns without variance; rescale",
            )
    magnitudes = csr_array((np.abs(ready.data), ready.indices, ready.indptr), shape=ready.shape)
    transposed = csr_array(ready.T)
    turned = csr_array((np.abs(transposed.data), transposed.indices, transposed.indptr), shape=transposed.shape)
    in_row = np.diff(ready.indptr)
    in_column = np.bincount(ready.indices, minlength=ready.shape[1])
    own, entry = _owned(ready, spread, in_row, in_column)
    return Matrix(ready, magnitudes, transposed, turned, spread, own, entry, _error(in_row), _error(in_column))


def within(change: Floats) -> None:
    """Refuse a change with entries other than 0 outside [1e-60, 1e60]."""
    sizes = np.abs(change[change != 0])
    if not ((sizes >= _LEAST) & (sizes <= _LARGEST)).all():
        raise ConfigurationError(f"a change lies outside [{_LEAST}, {_LARGEST}]", instead="rescale the secret")


def upper_bound(noise: Matrix, a: Floats, w: Floats) -> Fraction:
    """What w proves from above, its residual repaired through owned columns; see 2 above."""
    if not noise.owned:
        raise ConfigurationError(
            "a float certificate needs noise of its own in every row", instead="use rational arithmetic"
        )
    slack = residual_bound(noise, a, w) / np.abs(noise.own_entry)
    reach = np.abs(w)
    reach[noise.own] += slack
    return sum_up(reach * reach / noise.variances)


def residual_bound(noise: Matrix, a: Floats, w: Floats) -> Floats:
    """R with |a - B w| <= R in exact arithmetic, for each row."""
    error = noise.row_error * (np.abs(a) + noise.magnitudes @ np.abs(w))
    bound: Floats = (np.abs(a - noise.B @ w) + error) * (1 + 8 * UNIT) + _TINY
    return bound


def repaired(noise: Matrix, a: Floats, weights: Floats) -> Floats:
    """The weights with their residual moved into the owned columns, in floats: what is left is rounding."""
    better = weights.copy()
    better[noise.own] += (a - noise.B @ weights) / noise.own_entry
    return better


def lower_bound(noise: Matrix, a: Floats, z: Floats) -> Fraction:
    """What z proves from below; see 3 above. 0 for the zero vector."""
    terms = z * a
    used = int(np.count_nonzero(terms))
    weight = float(np.abs(terms).sum())
    shift = abs(float(terms.sum())) - 2 * (used + 16) * UNIT * weight - _TINY
    if not shift > 0 or not math.isfinite(shift):
        return Fraction(0)
    size = np.abs(noise.transposed @ z) + noise.column_error * (noise.transposed_magnitudes @ np.abs(z))
    return Fraction(shift) ** 2 / sum_up(noise.variances * size * size)


def sum_up(terms: Floats) -> Fraction:
    """A bound of the sum of terms >= 0 that are true up to 20 u each: summed in blocks, so few roundings add up."""
    full = len(terms) // _BLOCK * _BLOCK
    blocks = terms[:full].reshape(-1, _BLOCK).sum(axis=1)
    total = float(blocks.sum()) + float(terms[full:].sum())
    if not math.isfinite(total):
        raise ConfigurationError("the loss lies outside the float range", instead="rescale the noise")
    roundings = 2 * (2 * _BLOCK + len(blocks) + 40)
    return Fraction(total) * (1 + Fraction(roundings, 2**53)) + Fraction(_TINY)


def _error(counts: NDArray[np.intp]) -> Floats:
    """2 (n + 16) u for sums of n products: the factor in 1 above."""
    if counts.size and int(counts.max()) > 10**13:
        raise ConfigurationError("sums of more than 10^13 terms are not proven")
    return np.asarray(2 * UNIT * (counts + 4.0 * COEFFICIENT), np.float64)


def _owned(
    B: csr_array,  # noqa: N803
    variances: Floats,
    in_row: NDArray[np.intp],
    in_column: NDArray[np.intp],
) -> tuple[Indices, Floats]:
    """For each row the strongest column that is its alone, and the coefficient there."""
    alone = np.flatnonzero(in_column[B.indices] == 1)
    rows = np.repeat(np.arange(B.shape[0]), in_row)[alone]
    order = np.lexsort((B.data[alone] ** 2 * variances[B.indices[alone]], rows))
    rows, alone = rows[order], alone[order]
    last = np.flatnonzero(np.append(rows[1:] != rows[:-1], rows.size > 0))
    own = np.full(B.shape[0], -1, np.int64)
    entry = np.ones(B.shape[0])
    own[rows[last]] = B.indices[alone[last]]
    entry[rows[last]] = B.data[alone[last]]
    return own, entry
