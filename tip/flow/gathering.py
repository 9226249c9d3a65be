"""What surrounds one agent in a whole-number view: the rows that concern it, alike noise counted once.

Rows that no chain of shared noise ties to the agent's say nothing about it. A noise that stands in one of the rows
left is alike to all others there of its law, size and coefficient (up to sign, which no such law tells apart), so
they are counted and stand in the view as one column. A sum over a million agents has a handful of columns then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from tip.errors import ConfigurationError
from tip.flow.integers import IntegerView

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.flow.seen import Seen

    Indices = NDArray[np.int64]

Row = dict[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The view around an agent; which row of the whole view each of its rows is, which columns each of its noises."""

    view: IntegerView
    rows: Indices
    columns: Indices = field(repr=False)  # noise columns of the whole view
    signs: Indices = field(repr=False)  # of each, within its bundle
    bundle: Indices = field(repr=False)  # the column of `view` that each belongs to

    def members(self, bundles: tuple[int, ...], signs: tuple[int, ...]) -> tuple[Indices, Indices]:
        """The columns of the whole view behind some columns of this one, and their signs."""
        parts = [np.flatnonzero(self.bundle == bundle) for bundle in bundles]
        turned = [sign * self.signs[part] for part, sign in zip(parts, signs, strict=True)]
        return self.columns[np.concatenate(parts)], np.concatenate(turned)


def gathered(seen: Seen, agent: int) -> Gathered:
    """The view around one agent. Raises `ConfigurationError` for coefficients that are not whole."""
    change = seen.change(agent)
    noise = sparse.csr_array(seen.view.B)
    rows = _tied(noise, np.flatnonzero(np.diff(change.A.indptr)))
    own = whole_rows(sparse.csr_array(change.A[rows]))
    places = change.columns.tolist()
    secrets = [{places[column]: value for column, value in row.items()} for row in own]
    around = sparse.csc_array(noise[rows])
    entries = whole_entries(around.data)
    used = np.flatnonzero(np.diff(around.indptr))
    symbols = seen.view.noise_symbol[used]
    first = around.indptr[used]
    single = np.diff(around.indptr)[used] == 1
    bundle, counts = _bundles(around.indices[first].astype(np.int64), np.abs(entries[first]), symbols, single)
    leading = np.full(len(counts), -1)
    leading[bundle[::-1]] = np.arange(len(used))[::-1]  # the first column of each bundle stands for it
    noises: list[Row] = [{} for _ in rows]
    for index, column in enumerate(leading.tolist()):
        start, end = around.indptr[used[column]], around.indptr[used[column] + 1]
        for row, value in zip(around.indices[start:end].tolist(), entries[start:end].tolist(), strict=True):
            noises[row][index] = abs(value) if single[column] else value
    laws = [seen.view.flow.noises[int(symbols[column])].law for column in leading]
    sizes = [size_of(seen, int(symbols[column])) for column in leading]
    signs = np.where(single, np.sign(entries[first]), 1)
    view = IntegerView(secrets, noises, laws, sizes, seen.view.ring, counts.tolist())
    return Gathered(view, rows, used.astype(np.int64), signs.astype(np.int64), bundle)


def whole_rows(matrix: sparse.csr_array) -> list[Row]:
    """The rows of a sparse matrix as dictionaries of whole numbers."""
    matrix.sort_indices()
    columns, values = matrix.indices.tolist(), whole_entries(matrix.data).tolist()
    return [dict(zip(columns[a:b], values[a:b], strict=True)) for a, b in pairwise(matrix.indptr.tolist())]


def whole_entries(data: NDArray[np.float64]) -> Indices:
    """Coefficients as whole numbers."""
    entries = np.rint(data)
    if not np.array_equal(entries, data):
        raise ConfigurationError(
            "whole-number noise wants whole coefficients", instead="publish sums, and divide afterwards"
        )
    return entries.astype(np.int64)


def size_of(seen: Seen, symbol: int) -> Fraction | None:
    """The variance or the scale of a noise."""
    noise = seen.view.flow.noises[symbol]
    return noise.scale if noise.variance is None else noise.variance


def _tied(noise: sparse.csr_array, start: Indices) -> Indices:
    """The rows that are connected with some rows through shared noise, those included."""
    if noise.shape[0] == 1 or not len(start):
        return start.astype(np.int64)
    by_column = sparse.csc_array(noise)
    shared = np.diff(by_column.indptr) > 1
    rows = start
    while True:
        columns = np.unique(noise[rows].indices)
        more = np.union1d(rows, by_column[:, columns[shared[columns]]].indices)
        if len(more) == len(rows):
            return more.astype(np.int64)
        rows = more


def _bundles(row: Indices, magnitude: Indices, symbols: Indices, single: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """The bundle of each column, and how many columns each has: alike ones of one row together, others alone."""
    bundle = np.empty(len(row), np.int64)
    _, strength = np.unique(magnitude, return_inverse=True)
    codes = (row * (int(symbols.max(initial=0)) + 1) + symbols) * (int(strength.max(initial=0)) + 1)
    _, bundle[single], counts = np.unique((codes + strength)[single], return_inverse=True, return_counts=True)
    alone = np.flatnonzero(~single)
    bundle[alone] = len(counts) + np.arange(len(alone))
    return bundle, np.concatenate([counts, np.ones(len(alone), np.int64)])
