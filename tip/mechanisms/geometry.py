"""Projective geometries as difference sets, from primitive polynomials.

The points of the projective space PG(t - 1, r), r = p^m a prime power, are the powers alpha^y,
0 <= y < K = (r^t - 1)/(r - 1), of a primitive element alpha of GF(r^t): multiplying by alpha^K, an element
of GF(r), does not move a point. The powers of alpha at which a GF(r)-linear form vanishes,

    D = {d < K : form(alpha^d) = 0},        |D| = (r^(t-1) - 1)/(r - 1),

are one hyperplane, and D + x mod K, x = 0 .. K - 1, are all of them: a *difference set* (Singer 1938), any
two translates of which meet in (r^(t-2) - 1)/(r - 1) points. So points and hyperplanes are whole numbers,
and incidence is one table and one addition.

The table. s_i = L(alpha^i), for a GF(p)-linear form L, is the linear recurrence of alpha's minimal
polynomial f over GF(p). The powers z with L(z alpha^(K e)) = 0 for e = 0 .. m - 1 form a GF(r)-hyperplane,
because alpha^(K e) is a basis of GF(r) over GF(p). So D = {i : s_i = s_(i+K) = ... = 0}. f is the first
primitive polynomial in the order of `primitive`, so client and server agree on D.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Polynomial = tuple[int, ...]  # coefficients, lowest first


class Draws(Protocol):
    """What `spread` draws from: a NumPy generator (`Entropy.generator`), for simulations only."""

    def integers(self, low: int, high: int, size: int) -> Indices:
        """Uniform whole numbers in [low, high)."""
        ...

    def multinomial(self, n: Indices, pvals: NDArray[np.float64]) -> Indices:
        """One row of counts for each n."""
        ...


LEAST_TALLY: Final = 1 << 17  # reports tallied at a time, at the least
_UNIT: Final = 2.0**-53
_SAFETY: Final = 200  # times log2 of the length: over ten times the classical bound for a correlation by FFT


def points(order: int, dimension: int) -> int:
    """The number of points of PG(dimension - 1, order): (r^t - 1)/(r - 1), 0 for t = 0."""
    return int((order**dimension - 1) // (order - 1))


def prime_power(number: int) -> tuple[int, int] | None:
    """The prime p and the exponent m with number = p^m, or None."""
    primes = factors(number)
    if len(primes) != 1:
        return None
    exponent = 0
    while number > 1:
        number //= primes[0]
        exponent += 1
    return primes[0], exponent


def factors(number: int) -> list[int]:
    """The different primes of a number, ascending, by trial division."""
    found, divisor = [], 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            found.append(divisor)
            while number % divisor == 0:
                number //= divisor
        divisor += 1 if divisor == 2 else 2
    return [*found, number] if number > 1 else found


@lru_cache(maxsize=64)
def primitive(order: int, dimension: int) -> Polynomial:
    """The first monic f over GF(p), of degree N = m t, modulo which x generates all units of GF(r^t).

    Polynomials come in the order of their value at p. **Claim.** If x has the order p^N - 1 modulo f, its powers are
    all the non-zero residues: every one of them is a unit, so f is irreducible and x primitive.
    """
    power = prime_power(order)
    if power is None:
        raise ValueError(order)
    p, degree = power[0], power[1] * dimension
    units = p**degree - 1
    primes = sorted({*factors(order - 1), *factors(points(order, dimension))})
    for low in count(1):
        f = (*(low // p**i % p for i in range(degree)), 1)
        generates = f[0] and x_to(units, f, p) == _one(f)
        if generates and all(x_to(units // prime, f, p) != _one(f) for prime in primes):
            return f
    raise ValueError(order)


def x_to(exponent: int, f: Polynomial, p: int) -> Polynomial:
    """x^exponent modulo the monic polynomial f over GF(p)."""
    result = list(_one(f))
    for bit in f"{exponent:b}":
        result = _times(result, result, f, p)
        if bit == "1":
            top = result[-1]
            shifted = [0, *result[:-1]]
            result = [(a - top * c) % p for a, c in zip(shifted, f[:-1], strict=True)]
    return tuple(result)


def _one(f: Polynomial) -> Polynomial:
    return (1, *(0 for _ in f[2:]))


def _times(a: list[int], b: list[int], f: Polynomial, p: int) -> list[int]:
    """A b modulo f, over GF(p)."""
    degree = len(f) - 1
    product = [0] * (2 * degree - 1)
    for i, left in enumerate(a):
        if left:
            for j, right in enumerate(b):
                product[i + j] += left * right
    for i in range(2 * degree - 2, degree - 1, -1):
        top = product[i] % p
        if top:
            for j, coefficient in enumerate(f[:-1]):
                product[i - degree + j] -= top * coefficient
    return [value % p for value in product[:degree]]


def recurrence(f: Polynomial, p: int, length: int) -> NDArray[Any]:
    """The first terms of the sequence L(alpha^i), L the form that takes alpha^(N-1) to 1 and lower powers to 0.

    If x^s = sum of c_j x^j modulo f, then term i + s is the sum of c_j times term i + j: the known part nearly
    doubles at each step.
    """
    degree = len(f) - 1
    kind: type[np.unsignedinteger[Any]] = np.uint32 if degree * p * p < 1 << 32 else np.uint64
    terms: NDArray[Any] = np.zeros(max(length, degree), dtype=kind)
    terms[degree - 1] = 1
    known = degree
    while known < length:
        jump = x_to(known, f, p)
        new = min(known - degree + 1, length - known)
        total: NDArray[Any] = np.zeros(new, dtype=kind)
        for j, coefficient in enumerate(jump):
            if coefficient:
                total += kind(coefficient) * terms[j : j + new] % kind(p)
        terms[known : known + new] = total % kind(p)
        known += new
    return terms[:length]


@lru_cache(maxsize=16)
def difference_set(order: int, dimension: int) -> NDArray[Any]:
    """The numbers 0 .. K - 1 in two ascending runs: those of the difference set D first, then the others.

    Read-only, in the least unsigned type; see the top of the file.
    """
    power = prime_power(order)
    if power is None:
        raise ValueError(order)
    size = points(order, dimension)
    terms = recurrence(primitive(order, dimension), power[0], power[1] * size).reshape(power[1], size)
    outside = terms.any(axis=0)
    table = np.concatenate([np.flatnonzero(~outside), np.flatnonzero(outside)])
    table = table.astype(np.min_scalar_type(2 * size))
    table.flags.writeable = False
    return table


def translates(counts: Indices, members: NDArray[Any], most: int) -> Indices:
    """Sum of counts[(x + d) mod K] over the members d, for x = 0 .. most - 1: exact, in O(K log K).

    **Claim.** The sums are exact whole numbers. They are a cyclic correlation with a set of zeros and ones, computed by
    floating-point Fourier transforms of a power-of-two length and rounded; counts are split into summands until the
    error bound _SAFETY log2(length) 2^-53 |counts|_2 |set|_2 (Brent, Percival, Zimmermann 2007, theorem 5.1, times ten)
    is below 1/4. The mean is taken off first and put back exactly, so that one summand suffices for all honest totals.
    """
    from scipy.fft import irfft, rfft  # noqa: PLC0415 - scipy is imported where it is needed

    size = len(counts)
    length = 1 << (size + most - 1).bit_length()
    marks = np.zeros(length)
    marks[members] = 1.0
    spectrum = rfft(marks).conj()
    bound = _SAFETY * length.bit_length() * _UNIT * float(np.sqrt(len(members)))
    mean = int(counts.sum()) // size

    def correlate(part: Indices) -> Indices:
        if float(np.linalg.norm(part.astype(np.float64))) * 1.5 * bound >= 0.25:
            low = part % _SPLIT
            return correlate(low) + correlate((part - low) // _SPLIT) * _SPLIT
        twice = np.zeros(length)
        twice[:size] = part
        twice[size : size + most - 1] = part[: most - 1]
        sums = irfft(rfft(twice) * spectrum, n=length)[:most]
        return np.rint(sums).astype(np.int64)

    return correlate(counts - mean) + mean * len(members)


_SPLIT: Final = 1 << 16


def spread(generator: Draws, held: Indices, width: int, report: Callable[..., Indices], size: int) -> Indices:
    """How often each of `size` reports is sent if `held[x]` agents each send report(x, i) for a uniform i < width."""
    totals = np.zeros(size, dtype=np.int64)
    if held.sum() <= len(held) * width:
        items = np.repeat(np.arange(len(held)), held)
        for first in range(0, len(items), LEAST_TALLY):
            part = items[first : first + LEAST_TALLY]
            totals += np.bincount(report(part, generator.integers(0, width, len(part))), minlength=size)
        return totals
    step = max(1, (1 << 20) // width)
    for first in range(0, len(held), step):
        part = np.arange(first, min(first + step, len(held)))
        counts = generator.multinomial(held[part], np.full(width, 1 / width)).reshape(-1)
        named = report(np.repeat(part, width), np.tile(np.arange(width), len(part)))
        totals += np.bincount(named, weights=counts, minlength=size).astype(np.int64)
    return totals
