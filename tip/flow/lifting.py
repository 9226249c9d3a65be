"""Square systems of whole numbers solved exactly, from their solution modulo a prime.

M x = b is solved modulo p once; then digit by digit, x = x_0 + x_1 p + x_2 p^2 + .., each digit from what is left of b
after the ones before (Dixon 1982): with the inverse of M mod p at hand a digit costs one product of the inverse by a
vector of words and one of M by a vector of words, so a solution with numbers of k bits takes about 2 k / 26 of them.
Elimination would hold numbers of that length in all of its triangle, not in one vector.

Fractions are found from x mod p^k by Euclid's algorithm, stopped half way (Wang 1981); the denominator of one entry
is tried on the others, so it runs a few times only. A guess is kept iff M x = b holds in whole numbers: the prime only
proposes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Words = NDArray[np.int64]
    Numbers = NDArray[np.object_]

PRIMES: Final = (67108859, 67108837, 67108819)  # just below 2^26, so that 2^11 products of two fit into 63 bits
MOST_ROWS: Final = 2048
_FIRST: Final = 16  # digits before the first guess


@dataclass(frozen=True, slots=True, eq=False)
class Lifted:
    """A square matrix of whole numbers, invertible, with its inverse modulo a prime."""

    matrix: Numbers
    inverse: Words
    prime: int

    def solve(self, right: Sequence[int], *, digits: int) -> tuple[list[int], int] | None:
        """Numerators of x and their one denominator > 0; None if they are longer than so many digits tell."""
        left: Numbers = np.array(list(right), np.object_)
        x: Numbers = np.zeros(len(left), np.object_)
        power, tried = 1, _FIRST
        for count in range(1, digits + 1):
            digit = self.inverse @ (left % self.prime).astype(np.int64) % self.prime
            words = digit.astype(np.object_)
            x += words * power
            power *= self.prime
            left = (left - self.matrix @ words) // self.prime
            if count in (tried, digits) or not left.any():
                tried += max(_FIRST, tried // 4)
                found = _fractions(x.tolist(), power)
                if found is not None and self._holds(found, right):
                    return found
                if not left.any():
                    return x.tolist(), 1
        return None

    def _holds(self, found: tuple[list[int], int], right: Sequence[int]) -> bool:
        numerators, denominator = found
        reached = self.matrix @ np.array(numerators, np.object_)
        return bool(all(a == denominator * b for a, b in zip(reached.tolist(), right, strict=True)))


def lifted(rows: Sequence[Sequence[int]]) -> Lifted | None:
    """A matrix made ready; None if it is singular (to three primes it looks so)."""
    matrix: Numbers = np.empty((len(rows), len(rows)), np.object_)
    for i, row in enumerate(rows):
        matrix[i] = list(row)
    for prime in PRIMES:
        inverse = _inverse((matrix % prime).astype(np.int64), prime)
        if inverse is not None:
            return Lifted(matrix, inverse, prime)
    return None


def _inverse(matrix: Words, prime: int) -> Words | None:
    """By Gauss and Jordan, modulo a prime; None if there is none."""
    size = len(matrix)
    both = np.concatenate([matrix, np.eye(size, dtype=np.int64)], axis=1)
    for k in range(size):
        below = np.flatnonzero(both[k:, k])
        if not len(below):
            return None
        if below[0]:
            both[[k, k + below[0]]] = both[[k + below[0], k]]
        both[k] = both[k] * pow(int(both[k, k]), -1, prime) % prime
        factors = both[:, k].copy()
        factors[k] = 0
        both = (both - factors[:, None] * both[k]) % prime
    return np.ascontiguousarray(both[:, size:])


def _fractions(x: Sequence[int], modulus: int) -> tuple[list[int], int] | None:
    """Fractions with one short denominator that are x modulo `modulus`; None if there are none so short."""
    bound = math.isqrt(modulus) >> 16  # a wrong guess passes with a chance of about 2^-32, and is refused later
    denominator = 1
    for entry in x:
        scaled = entry * denominator % modulus
        if min(scaled, modulus - scaled) > bound:
            more = _denominator(scaled, modulus, bound)
            if more is None or (denominator := denominator * more) > bound:
                return None
    return [_nearest(entry * denominator % modulus, modulus) for entry in x], denominator


def _denominator(x: int, modulus: int, bound: int) -> int | None:
    """The d <= bound with |d x mod modulus| <= bound, by Euclid's algorithm stopped half way."""
    before, now, d_before, d_now = modulus, x, 0, 1
    while now > bound:
        quotient, rest = divmod(before, now)
        before, now = now, rest
        d_before, d_now = d_now, d_before - quotient * d_now
    return abs(d_now) if now and abs(d_now) <= bound else None


def _nearest(x: int, modulus: int) -> int:
    return x - modulus if 2 * x > modulus else x
