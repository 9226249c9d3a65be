"""Gram-Schmidt in long fixed-point numbers: orthonormal, of the right rank, and true to its rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tip.flow.exact import exact_rank
from tip.flow.orthogonal import basis
from tip.randomness import Entropy

BITS = 256
ONE = Fraction(1 << BITS)


def near(rows: list[list[int]], variances: list[Fraction]) -> None:
    found = basis(np.array(rows, np.object_), variances, BITS)
    units = [[entry / ONE for entry in unit] for unit in found.Q.tolist()]
    for i, left in enumerate(units):
        for j, right in enumerate(units):
            inner = sum((x * y for x, y in zip(left, right, strict=True)), Fraction(0))
            assert abs(inner - (i == j)) < Fraction(1, 2**240)
    for number, exponent, entries in zip(found.chosen, found.exponents, found.L, strict=True):
        for j, variance in enumerate(variances):
            told = sum((x / ONE * units[k][j] for k, x in enumerate(entries)), Fraction(0)) * Fraction(2) ** exponent
            assert float(told) == pytest.approx(rows[number][j] * float(variance) ** 0.5, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_rebuilt_from_orthonormal_ones(seed: int) -> None:
    rows = Entropy.seeded(seed).generator("rows").integers(-9, 10, (4, 7)).tolist()
    near(rows, [Fraction(1), Fraction(2), Fraction(1, 3), Fraction(5), Fraction(1), Fraction(7, 2), Fraction(1)])


def test_rows_that_floats_do_not_tell_apart_are_told_apart() -> None:
    close = [[10**30, 0, 1], [10**30, 1, 1], [10**30, 1, 2], [2 * 10**30, 2, 3]]
    found = basis(np.array(close, np.object_), [Fraction(1)] * 3, BITS)
    assert found.chosen == (0, 1, 2)
    assert len(found.chosen) == exact_rank([{j: Fraction(x) for j, x in enumerate(row)} for row in close])
    assert sorted(found.pivots()) == [0, 1, 2]


def test_rows_of_which_a_hair_is_left_are_orthogonal_to_the_last_bit() -> None:
    """A row that is nearly another one, by 2^-100, keeps 156 bits if it is freed once, and all of them if twice."""
    hair = 1 << 100
    near([[hair, hair - 5, 7], [hair, hair - 5, 8], [3 * hair, 3 * hair - 15, 23]][:2], [Fraction(1)] * 3)


def test_rows_without_anything_are_never_chosen() -> None:
    found = basis(np.array([[0, 0], [1, 1], [2, 2]], np.object_), [Fraction(1)] * 2, BITS)
    assert found.chosen == (1,)
    assert basis(np.array([[0, 0]], np.object_), [Fraction(1)] * 2, BITS).pivots() == []
