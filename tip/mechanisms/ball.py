"""Vectors in a ball: checked, clipped, length and direction apart."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.privacy.checks import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Words = NDArray[np.uint64]
    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

MOST_DIMENSIONS: Final = 1 << 17  # inner products stay below 2^53: exact in float64
_ULPS: Final = 2.0**-40  # a vector that is longer by this only is not touched
_TINY: Final = 1e-200  # below, squares lose digits
_FAINT: Final = 1e-24  # below, single precision does


def checked_ball(dimension: object, norm: object) -> Fraction:
    """The radius as an exact fraction; refuses dimensions outside [2, 2^17] and radii that are not positive."""
    if whole("dimension", dimension, least=2) > MOST_DIMENSIONS:
        raise ConfigurationError(
            f"a vector has at most 2^17 coordinates here, not {dimension}", instead="use ProjUnit, which projects first"
        )
    if isinstance(norm, bool) or not isinstance(norm, int | float | Fraction) or not 1e-100 <= norm <= 1e100:
        raise ConfigurationError(f"norm is a number in [1e-100, 1e100], not {norm!r}")
    return Fraction(norm)


def ball_rows(values: ArrayLike, dimension: int, norm: float) -> Floats:
    """Vectors `(n, dimension)` divided by the norm, float64, each clipped to length 1; a single vector is one row.

    Raises `DataError` that names the first row with a number that is not finite.
    """
    array = np.asarray(values)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != dimension or array.dtype.kind not in "iuf":
        raise ConfigurationError(
            f"vectors are numbers of shape (agents, {dimension}), not {array.dtype} of shape {array.shape}"
        )
    rows = array if array.dtype == np.float64 else array.astype(np.float64)
    squares = _squares(rows)
    bad = ~np.isfinite(squares)
    if bad.any():  # squares of finite numbers may overflow
        bad &= ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise DataError(
            f"{int(bad.sum())} of {len(rows)} vectors hold a number that is not finite", row=int(np.argmax(bad)) + 1
        )
    long = np.flatnonzero(~(squares <= norm * norm * (1 + _ULPS)))
    clipped = _directions(rows[long])
    if norm != 1:
        with np.errstate(over="ignore"):  # in the rows that are clipped
            rows = rows / norm
    elif len(long) and rows is array:
        rows = rows.copy()
    if len(long):
        rows[long] = clipped
    return rows


def rounded_lengths(squares: Floats) -> Floats:
    """The lengths of rows with these squared lengths, at most 1."""
    lengths = np.sqrt(squares)
    lengths[squares > 1 - 2.0**-49] = 1.0
    return lengths


def lengths_and_directions(rows: Floats) -> tuple[Floats, Floats]:
    """The length of each row, at most 1, and the row divided by it; the zero vector points along the first axis."""
    squares = _squares(rows)
    lengths = rounded_lengths(squares)
    safe = squares > _TINY
    directions = rows / np.where(safe, np.sqrt(squares), 1.0)[:, None]
    if not safe.all():
        directions[~safe] = _directions(rows[~safe])
    return lengths, directions


def _squares(rows: Floats) -> Floats:
    """Squared lengths; infinite where they overflow."""
    with np.errstate(over="ignore"):
        return np.asarray(np.einsum("nd,nd->n", rows, rows))


def _directions(rows: Floats) -> Floats:
    """Rows divided by their lengths, whatever their scale."""
    largest = np.abs(rows).max(axis=1)
    scaled = rows / np.where(largest > 0, largest, 1.0)[:, None]
    scaled[largest == 0, 0] = 1.0
    return np.asarray(scaled / np.sqrt(_squares(scaled))[:, None])


def single_rows(rows: Floats) -> tuple[Floats, Singles, Floats]:
    """The length of each row, at most 1; the row in single precision, and the squared length of that, positive."""
    squares = _squares(rows)
    lengths = rounded_lengths(squares)
    singles = rows.astype(np.float32)
    faint = squares < _FAINT
    if faint.any():
        singles[faint] = _directions(rows[faint])
        squares[faint] = 1.0
    return lengths, singles, squares


def upright(lengths: Floats) -> Words:
    """Of 2^64 words, how many let a vector of this length < 1 be rounded to +v/|v|: (1 + |v|)/2."""
    shares = np.minimum(0.5 + lengths / 2, 1 - 2.0**-53)
    words: Words = (shares * 2.0**64).astype(np.uint64)
    return words
