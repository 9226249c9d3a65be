"""Exact solutions lifted from one prime: what they solve, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.flow.lifting import PRIMES, lifted
from tip.randomness import Entropy


def drawn(size: int, bits: int, seed: int) -> tuple[list[list[int]], list[int]]:
    numbers = Entropy.seeded(seed).generator("systems").integers(-(2**31), 2**31, (size + 1, size)).tolist()
    return [[entry << bits * (i % 3) for entry in row] for i, row in enumerate(numbers[:-1])], numbers[-1]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(0, 90), st.integers(0, 10**6))
def test_what_is_lifted_solves_the_system_in_whole_numbers(size: int, bits: int, seed: int) -> None:
    rows, right = drawn(size, bits, seed)
    ready = lifted(rows)
    assert ready is not None
    found = ready.solve(right, digits=400)
    assert found is not None
    numerators, denominator = found
    reached = [sum(x * y for x, y in zip(row, numerators, strict=True)) for row in rows]
    assert reached == [denominator * b for b in right]
    assert denominator > 0


def test_fractions_whose_denominators_differ_get_one_in_common() -> None:
    ready = lifted([[6, 0, 0], [0, 35, 0], [0, 0, 1]])
    assert ready is not None
    found = ready.solve([1, 2, 10**30], digits=60)
    assert found is not None
    assert [Fraction(x, found[1]) for x in found[0]] == [Fraction(1, 6), Fraction(2, 35), Fraction(10**30)]


def test_singular_matrices_are_refused_and_unlucky_primes_are_passed_over() -> None:
    assert lifted([[1, 2], [2, 4]]) is None
    ready = lifted([[PRIMES[0], 0], [0, 1]])
    assert ready is not None
    assert ready.prime == PRIMES[1]
    assert ready.solve([1, 1], digits=40) == ([1, PRIMES[0]], PRIMES[0])


def test_a_solution_longer_than_its_digits_is_none_and_never_a_wrong_one() -> None:
    rows, right = drawn(6, 200, 3)
    ready = lifted(rows)
    assert ready is not None
    assert ready.solve(right, digits=20) is None
    assert ready.solve(right, digits=400) is not None


def test_a_guess_is_tested_in_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the guess comes from: one that does not solve the system is not returned."""
    ready = lifted([[2, 1], [1, 3]])
    assert ready is not None
    monkeypatch.setattr("tip.flow.lifting._fractions", lambda x, modulus: ([1] * len(x), modulus // modulus))
    assert ready.solve([1, 1], digits=40) is None
    assert ready.solve([3, 4], digits=40) == ([1, 1], 1)


@pytest.mark.parametrize("prime", PRIMES)
def test_the_moduli_are_primes_below_two_to_the_26(prime: int) -> None:
    assert 2**25 < prime < 2**26
    assert (prime % np.arange(2, 8192) != 0).all()
