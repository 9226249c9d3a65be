"""Covered rows: what a mask of its own hides altogether is not seen.

A row y = v + u r of a ring, u odd, whose mask r is unknown, uniform and stands in no other row that the coalition
sees, is uniform whatever v and all other rows are: r -> v + u r permutes the ring. So the row can be drawn afresh by
whoever sees the others, and is left out (law 11; docs/flow-masking.md). This is the functional z = 0 of its own part
of the masks (`tip.flow.rings`), decided before anything else is asked of the block: a covered row tells nobody apart,
holds no second copy of what is summed elsewhere, and takes no room.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from tip.flow.model import Law

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.operators import Indices, Matrix
    from tip.flow.view import View


def uncovered(view: View) -> View:
    """The view without its covered rows and without the columns that only they held; the same object if it has none.

    Coefficients have to be exact: a rounded one may be even where its own is odd.
    """
    if not (view.ring and view.exact):
        return view
    covered = _covered(view)
    return _without(view, ~covered) if covered.any() else view


def _covered(view: View) -> NDArray[np.bool_]:
    """For each row whether a mask with an odd coefficient stands in it alone."""
    masks = np.array([noise.law is Law.UNIFORM for noise in view.flow.noises], np.bool_)[view.noise_symbol]
    held = sparse.coo_array(view.B)
    column, row = held.coords[1], held.coords[0]
    alone = np.bincount(column, minlength=view.B.shape[1]) == 1
    found = np.zeros(view.B.shape[0], np.bool_)
    found[row[(masks & alone)[column] & (held.data % 2 != 0)]] = True
    return found


def _without(view: View, kept: NDArray[np.bool_]) -> View:
    """Some of the rows, and the columns that they hold."""
    a, secrets = _held(view.A, kept)
    b, noises = _held(view.B, kept)
    return replace(
        view,
        A=a,
        B=b,
        row_message=view.row_message[kept],
        row_member=view.row_member[kept],
        row_round=view.row_round[kept],
        secret_symbol=view.secret_symbol[secrets],
        secret_agent=view.secret_agent[secrets],
        secret_round=view.secret_round[secrets],
        noise_symbol=view.noise_symbol[noises],
        noise_member=view.noise_member[noises],
        noise_round=view.noise_round[noises],
        variances=view.variances[noises],
    )


def _held(matrix: Matrix, kept: NDArray[np.bool_]) -> tuple[Matrix, Indices]:
    """The rows that are kept, without empty columns, and the numbers of the columns that are left."""
    rows = sparse.csr_array(matrix[np.flatnonzero(kept)])
    used = np.unique(rows.indices).astype(np.int64)
    place = np.searchsorted(used, rows.indices)
    return sparse.csr_array((rows.data, place, rows.indptr), shape=(rows.shape[0], len(used))), used
