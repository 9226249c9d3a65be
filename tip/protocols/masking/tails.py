"""Logarithms of counts and of hypergeometric tails, rounded up.

All results are base-2 logarithms of probabilities or of counts, and never below the true ones. log2(i!) comes from a
table of sums in two levels (blocks of 1024), so that the error of an entry is at most (1024 + i/1024 + 8) units of
2^-53 times the entry; `_slack` covers the nine entries and the few additions that one hypergeometric probability takes,
more than twice over. The tests compare with exact fractions.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_BLOCK: Final = 1024
_UNIT: Final = 2.0**-53


@lru_cache(maxsize=4)
def _factorials(size: int) -> Floats:
    """log2(i!) for 0 <= i < size, a multiple of the block: sums within blocks, then sums of blocks."""
    logarithms = np.zeros(size)
    logarithms[1:] = np.log2(np.arange(1, size, dtype=np.float64))
    within = np.cumsum(logarithms.reshape(-1, _BLOCK), axis=1)
    before = np.concatenate(([0.0], np.cumsum(within[:-1, -1])))
    table = (within + before[:, None]).reshape(-1)
    table.flags.writeable = False
    return table


def _table(largest: int) -> Floats:
    size = _BLOCK
    while size <= largest:
        size *= 2
    return _factorials(size)


def _slack(largest: int) -> float:
    """A bound on the error of a sum of nine entries up to `largest`, in bits."""
    table = _table(largest)
    return 20 * (_BLOCK + largest / _BLOCK + 8) * _UNIT * float(table[largest])


def _binomial(table: Floats, whole: Any, part: Any) -> Floats:  # noqa: ANN401 - whole numbers or arrays of them
    """log2 of binomials, nearly; -inf where `part` lies outside 0..whole."""
    whole, part = np.broadcast_arrays(np.asarray(whole, dtype=np.int64), np.asarray(part, dtype=np.int64))
    fits = (part >= 0) & (part <= whole)
    inside, safe = np.where(fits, part, 0), np.maximum(whole, 0)
    return np.where(fits, table[safe] - table[inside] - table[safe - inside], -np.inf)


def log2_binomial(whole: ArrayLike, part: ArrayLike) -> Floats:
    """Upper bounds of log2 C(whole, part), elementwise; -inf where the binomial is 0."""
    largest = int(np.max(whole, initial=1))
    return _binomial(_table(largest), whole, part) + _slack(largest)


def _log2_mass(population: ArrayLike, marked: ArrayLike, drawn: int, hits: ArrayLike) -> Floats:
    """log2 of P[Hyp(population, marked, drawn) = hits], elementwise, nearly."""
    table = _table(int(np.max(population)))
    rest = np.asarray(population) - np.asarray(marked)
    chosen = _binomial(table, marked, hits) + _binomial(table, rest, drawn - np.asarray(hits))
    return chosen - _binomial(table, population, drawn)


def log2_tails(population: int, marked: int, drawn: int) -> Floats:
    """Upper bounds of log2 P[Hyp(population, marked, drawn) >= x] for x = 0 .. drawn + 1; shape `(drawn + 2,)`."""
    mass = _log2_mass(population, marked, drawn, np.arange(drawn + 1))
    tails = np.append(np.logaddexp2.accumulate(mass[::-1])[::-1], -np.inf)
    finite = float(np.max(np.abs(mass[np.isfinite(mass)])))
    raised = tails + _slack(population) + 4 * (drawn + 1) * _UNIT * (finite + 1)
    bounds: Floats = np.minimum(raised, 0.0)
    return bounds


def log2_tail(population: ArrayLike, marked: ArrayLike, drawn: int, least: int) -> Floats:
    """Upper bounds of log2 P[Hyp(population, marked, drawn) >= least], elementwise over populations and marked.

    The ratio of neighboring masses, (K-x)(d-x) / ((x+1)(N-K-d+x+1)), falls in x; so above the mode the tail is at most
    the first mass divided by 1 - that ratio. At or below the mode the bound is 0 bits.
    """
    size, many = np.broadcast_arrays(np.asarray(population, dtype=np.int64), np.asarray(marked, dtype=np.int64))
    first = np.maximum(least, drawn - (size - many))
    upper = (many - first) * (drawn - first).astype(np.float64)
    ratio = upper / ((first + 1) * (size - many - drawn + first + 1).astype(np.float64))
    falls = (ratio < 1 - 2.0**-20) & (first >= least)
    shut = (first > many) | (first > drawn)
    tail = _log2_mass(size, many, drawn, first) - np.log2(np.where(falls & ~shut, 1 - ratio, 1.0))
    bound = np.minimum(tail + _slack(int(size.max())) + 2.0**-30, 0.0)
    return np.where(shut, -np.inf, np.where(falls, bound, 0.0))


def log2_none(population: ArrayLike, marked: ArrayLike, drawn: int) -> Floats:
    """Upper bounds of log2 P[Hyp(population, marked, drawn) = 0], elementwise."""
    bound = _log2_mass(population, marked, drawn, 0) + _slack(int(np.max(population)))
    return np.minimum(bound, 0.0)


def log2_sum(terms: ArrayLike) -> float:
    """An upper bound of the log2 of a sum of numbers that are given by theirs; -inf for none."""
    logarithms = np.asarray(terms, dtype=np.float64).reshape(-1)
    top = float(np.max(logarithms, initial=-np.inf))
    if not math.isfinite(top):
        return top
    total = math.fsum(np.exp2(logarithms - top).tolist())
    return math.nextafter(top + math.log2(total) + 2.0**-20, math.inf)
