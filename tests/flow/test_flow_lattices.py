"""Whole solutions: found iff they exist, all of them, short ones."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.lattices import shortened, solve


def times(matrix: list[list[int]], w: tuple[int, ...]) -> list[int]:
    return [sum(a * b for a, b in zip(row, w, strict=True)) for row in matrix]


@st.composite
def systems(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    height, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    entry = st.integers(-4, 4)
    matrix = draw(st.lists(st.lists(entry, min_size=width, max_size=width), min_size=height, max_size=height))
    return matrix, draw(st.lists(entry, min_size=height, max_size=height))


@given(systems())
def test_a_solution_or_a_test_that_there_is_none(case: tuple[list[list[int]], list[int]]) -> None:
    matrix, right = case
    solved = solve(matrix, right)
    if solved.particular is not None:
        assert times(matrix, solved.particular) == right
        assert not any(any(times(matrix, vector)) for vector in solved.kernel)
        return
    z = solved.test
    columns = [sum((a * row[j] for a, row in zip(z, matrix, strict=True)), Fraction(0)) for j in range(len(matrix[0]))]
    value = sum((a * b for a, b in zip(z, right, strict=True)), Fraction(0))
    if solved.real:
        assert all(column.denominator == 1 for column in columns)
        assert value.denominator != 1
    else:
        assert not any(columns)
        assert value != 0


@given(systems())
def test_the_kernel_holds_every_solution(case: tuple[list[list[int]], list[int]]) -> None:
    """Each small solution differs from the one found by a whole combination of the kernel."""
    matrix, right = case
    solved = solve(matrix, right)
    for w in product(range(-3, 4), repeat=len(matrix[0])):
        if times(matrix, w) == right:
            assert solved.particular is not None
            difference = [a - b for a, b in zip(w, solved.particular, strict=True)]
            transposed = [list(column) for column in zip(*solved.kernel, strict=True)] or [[] for _ in difference]
            if solved.kernel:
                assert solve(transposed, difference).particular is not None
            else:
                assert not any(difference)


@given(systems())
def test_shortened_stays_a_solution_and_is_near_the_shortest(case: tuple[list[list[int]], list[int]]) -> None:
    matrix, right = case
    solved = solve(matrix, right)
    if solved.particular is None:
        return
    weights = [Fraction(1), Fraction(1, 2), Fraction(3)][: len(matrix[0])]
    short = shortened(solved.particular, solved.kernel, weights)
    assert times(matrix, tuple(short)) == right
    length = sum(w * a * a for w, a in zip(weights, short, strict=True))
    small = [w for w in product(range(-6, 7), repeat=len(matrix[0])) if times(matrix, w) == right]
    best = min((sum(w * a * a for w, a in zip(weights, v, strict=True)) for v in small), default=length)
    assert length <= 4 * best  # Babai: at most 2^(n/2) from the nearest, n <= 3


def test_a_lattice_with_large_entries_is_reduced() -> None:
    """Modulo 2^32: 3 w + 5 v = 1 has the solution (2, -1), the echelon form finds one of ten digits."""
    solved = solve([[3, 5, 1 << 32]], [1])
    assert solved.particular is not None
    short = shortened(solved.particular, solved.kernel, [Fraction(1), Fraction(1), Fraction(0)])
    assert short == [2, -1, 0]


def test_shapes_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="do not fit"):
        solve([[1], [1, 2]], [1, 1])
    with pytest.raises(ConfigurationError, match="do not fit"):
        solve([[1]], [1, 1])
    assert solve([], []).particular == ()
