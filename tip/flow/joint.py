"""Losses of a secret that is used in several rounds: the worst case over its values (law 12).

A secret moves by d_t in round t, |d_t| <= c_t for each t, and the d_t are the adversary's choice. With P_st = a_s'(B V
B')^+ a_t

    mu^2 = max { d'P d : |d_t| <= c_t, at most `uses` of the d_t not 0 }.

From above: d'P d <= sum_st |P_st| |d_s| |d_t| <= sum_st |P_st| c_s c_t. With at most k rounds in use let r_s be the sum
of the k largest |P_st| c_s c_t of row s; whatever rounds U, |U| <= k, are used, sum_(s, t in U) |P_st| c_s c_t <=
sum_(s in U) r_s, at most the sum of the k largest r_s. For a vector of d coordinates that all move through the same P
the same holds: d'P d becomes sum_st P_st <d_s, d_t> and |<d_s, d_t>| <= c_s c_t for the Euclidean bounds c_t.

From below: any feasible d. Signs times c are tried: all of them up to 14 rounds, beyond that coordinate ascent. P is
positive semidefinite, so d'P d is convex and some vertex of the box is a maximum: up to 14 rounds with all in use the
witness is the exact one. The two agree whenever signs exist that make all P_st d_s d_t >= 0.

Squares c_t^2 are given, and c_s c_t = sqrt(c_s^2 c_t^2) is kept exact where it is rational and rounded up (2^-64
relative) where it is not; for the lower bound it is rounded down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ALL_SIGNS: Final = 14
_SWEEPS: Final = 100
_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Joint:
    """mu^2 of all rounds lies in [lower, upper]; `signs` (0: not used) are those of the change that shows `lower`."""

    upper: Fraction
    lower: Fraction
    signs: tuple[int, ...]


def joint_bound(
    gram: Sequence[Sequence[Fraction]], squared_reaches: Sequence[Fraction], uses: int, *, error: Fraction = Fraction(0)
) -> Joint:
    """Bounds for the Gram matrix P (symmetric, positive semidefinite; entries true up to `error`) and reaches c_t^2.

    `uses`: in how many of the rounds the secret is used at most; all rounds and more are the same.
    """
    rounds = len(squared_reaches)
    _check(gram, squared_reaches, uses)
    wide = [[_root(c * d, up=True) for d in squared_reaches] for c in squared_reaches]
    narrow = [_root(c, up=False) for c in squared_reaches]
    limit = min(uses, rounds)
    rows = [
        sum(sorted(((abs(p) + error) * c for p, c in zip(line, reach, strict=True)), reverse=True)[:limit], Fraction(0))
        for line, reach in zip(gram, wide, strict=True)
    ]
    upper = sum(sorted(rows, reverse=True)[:limit], Fraction(0))
    signs = _signs(_floats(gram), _floats([narrow])[0], limit)
    moved = [sign * reach for sign, reach in zip(signs, narrow, strict=True)]
    value = sum((moved[s] * moved[t] * gram[s][t] for s in range(rounds) for t in range(rounds)), Fraction(0))
    value -= error * sum((abs(d) for d in moved), Fraction(0)) ** 2
    return Joint(upper, max(Fraction(0), value), tuple(signs))


def _floats(matrix: Sequence[Sequence[Fraction]]) -> NDArray[np.float64]:
    """Floats in a unit in which the largest entry is near 1: the best signs do not depend on it."""
    largest = max(abs(entry) for line in matrix for entry in line)
    unit = Fraction(2) ** (largest.numerator.bit_length() - largest.denominator.bit_length())
    return np.array([[float(entry / unit) for entry in line] for line in matrix], np.float64)


def _signs(gram: NDArray[np.float64], reaches: NDArray[np.float64], limit: int) -> list[int]:
    """The best signs found: all are tried, or ascent starts at all ones, alternating ones and P's top eigenvector."""
    scaled = gram * reaches[:, None] * reaches
    used = _chosen(scaled, limit)
    part = scaled[np.ix_(used, used)]
    best = _every(part) if len(used) <= _ALL_SIGNS else _ascended(part)
    signs = np.zeros(len(reaches), np.int64)
    signs[used] = best
    return [int(sign) for sign in signs]


def _chosen(scaled: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """The rounds to use: the ones with the largest rows of magnitudes."""
    order = np.argsort(-np.abs(scaled).sum(axis=1), kind="stable")
    return np.sort(order[:limit])


def _every(part: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best of all signs; the first is +1, since d and -d show the same."""
    size = len(part)
    choices = np.array([(1, *rest) for rest in product((1, -1), repeat=size - 1)], np.int64)
    values = np.einsum("ij,jk,ik->i", choices, part, choices, optimize=True)
    return np.asarray(choices[int(values.argmax())], np.int64)


def _ascended(part: NDArray[np.float64]) -> NDArray[np.int64]:
    size = len(part)
    top = np.linalg.eigh(part)[1][:, -1]
    starts = [np.ones(size), (-1.0) ** np.arange(size), np.where(top >= 0, 1.0, -1.0)]
    found = [_climb(part, start) for start in starts]
    return max(found, key=lambda signs: float(signs @ part @ signs)).astype(np.int64)


def _climb(part: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn each sign that pulls down, until none does."""
    signs = start.copy()
    for _ in range(_SWEEPS):
        turned = False
        for t in range(len(part)):
            pull = part[t] @ signs - part[t, t] * signs[t]
            if pull * signs[t] < 0:
                signs[t], turned = -signs[t], True
        if not turned:
            break
    return signs


@lru_cache(maxsize=4096)
def _root(square: Fraction, *, up: bool) -> Fraction:
    """The square root, exact where rational; otherwise 2^-64 (relative) to the stated side."""
    square = Fraction(square)
    over, under = math.isqrt(square.numerator), math.isqrt(square.denominator)
    if over * over == square.numerator and under * under == square.denominator:
        return Fraction(over, under)
    shift = max(0, _BITS + (square.denominator.bit_length() - square.numerator.bit_length()) // 2 + 1)
    scaled = square * (1 << (2 * shift))
    return Fraction(math.isqrt(math.floor(scaled)) + (1 if up else 0), 1 << shift)


def _check(gram: Sequence[Sequence[Fraction]], squared_reaches: Sequence[Fraction], uses: int) -> None:
    rounds = len(squared_reaches)
    if not rounds or len(gram) != rounds or any(len(line) != rounds for line in gram):
        raise ConfigurationError(f"{rounds} reaches need a Gram matrix of as many rows and columns")
    if any(gram[s][t] != gram[t][s] for s in range(rounds) for t in range(s)):
        raise ConfigurationError("a Gram matrix is symmetric")
    if any(c < 0 for c in squared_reaches):
        raise ConfigurationError("squared reaches are >= 0")
    if uses < 1:
        raise ConfigurationError(f"a secret is used in at least 1 round, not {uses}")
