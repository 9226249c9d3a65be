"""Ring masks: the functionals are exactly what the law of the view depends on, by enumeration."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow import rings
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

Dense = list[list[int]]


def sparse(matrix: Sequence[Sequence[int]]) -> list[rings.Row]:
    return [dict(enumerate(row)) for row in matrix]


def image(matrix: Dense, bits: int) -> frozenset[tuple[int, ...]]:
    """All M r: the support of the law of M r, which is uniform on it."""
    modulus, width = 1 << bits, len(matrix[0])
    return frozenset(
        tuple(sum(row[j] * r[j] for j in range(width)) % modulus for row in matrix)
        for r in product(range(modulus), repeat=width)
    )


def answers(found: Sequence[rings.Row], v: Sequence[int], bits: int) -> tuple[int, ...]:
    return tuple(sum(value * v[index] for index, value in z.items()) % (1 << bits) for z in found)


@st.composite
def masks(draw: st.DrawFn) -> tuple[Dense, int]:
    bits = draw(st.integers(1, 4))
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3 if bits < 4 else 2))
    entry = st.integers(0, (1 << bits) - 1) | st.sampled_from([0, 1, -1, 2, 4])
    return draw(st.lists(st.lists(entry, min_size=columns, max_size=columns), min_size=rows, max_size=rows)), bits


@given(masks())
def test_the_functionals_tell_the_law_of_the_view_and_nothing_more(case: tuple[Dense, int]) -> None:
    """Two values v have the same law of v + M r iff all functionals agree on them."""
    matrix, bits = case
    found = rings.functionals(sparse(matrix), bits)
    modulus, span = 1 << bits, image(matrix, bits)
    by_answers: dict[tuple[int, ...], set[frozenset[tuple[int, ...]]]] = {}
    for v in product(range(modulus), repeat=len(matrix)):
        coset = frozenset(tuple((a + b) % modulus for a, b in zip(v, m, strict=True)) for m in span)
        by_answers.setdefault(answers(found, v, bits), set()).add(coset)
    assert all(len(cosets) == 1 for cosets in by_answers.values())
    cosets = [next(iter(cosets)) for cosets in by_answers.values()]
    assert len(set(cosets)) == len(cosets) == modulus ** len(matrix) // len(span)


def test_masks_are_uniform_on_their_image() -> None:
    """Step 1 of the proof: every value of M r is taken equally often."""
    matrix, modulus = [[2, 1], [0, 4], [1, 3]], 8
    counts: dict[tuple[int, ...], int] = {}
    for r in product(range(modulus), repeat=2):
        value = tuple(sum(a * b for a, b in zip(row, r, strict=True)) % modulus for row in matrix)
        counts[value] = counts.get(value, 0) + 1
    assert len(set(counts.values())) == 1


@pytest.mark.parametrize("bits", [1, 2, 3, 8, 32, 64])
def test_a_doubled_mask_shows_the_lowest_bit(bits: int) -> None:
    (found,) = rings.functionals([{0: 2}], bits)
    assert found == {0: -(1 << (bits - 1))}  # centered: the same as + 2^(bits - 1)
    assert rings.shown_bits(found, bits) == 1
    secrets, noises = rings.reduced([{0: 3, 1: 2}], [{0: 1}], [found], bits)
    assert secrets == ({0: -(1 << (bits - 1))},)  # an even coefficient has no lowest bit
    assert noises == ({0: -(1 << (bits - 1))},)


def test_a_mask_with_coefficient_twelve_shows_two_bits() -> None:
    (found,) = rings.functionals([{0: 12}], 16)
    assert rings.shown_bits(found, 16) == 2
    assert rings.shown_bits({0: 1}, 16) == 16


@pytest.mark.parametrize("odd", [1, -1, 3, 2**32 - 1])
def test_an_odd_mask_hides_all(odd: int) -> None:
    assert rings.functionals([{5: odd}], 32) == ()


def test_pairwise_masks_leave_the_sum_of_each_component() -> None:
    ring_of_three = [{0: 1, 2: -1}, {0: -1, 1: 1}, {1: -1, 2: 1}]
    pair: list[rings.Row] = [{3: 1}, {3: -1}]
    alone: list[rings.Row] = [{}]
    grounded: list[rings.Row] = [{4: 1, 5: 1}, {5: -1}]
    found = rings.functionals(ring_of_three + pair + alone + grounded, 32)
    assert found == ({0: 1, 1: 1, 2: 1}, {3: 1, 4: 1}, {5: 1})


def test_reduced_rows_are_centered_sums() -> None:
    found = rings.functionals([{0: 1}, {0: -1}], 8)
    secrets, noises = rings.reduced([{0: 100}, {0: 100, 1: 1}], [{0: 1}, {0: -1, 1: 255}], found, 8)
    assert secrets == ({0: -56, 1: 1},)
    assert noises == ({1: -1},)


@given(st.data(), st.integers(1, 40))
def test_incidence_and_general_agree(data: st.DataObject, bits: int) -> None:
    """The quick way and the row reduction generate the same module: each reduces the other to nothing."""
    rows = data.draw(st.integers(1, 6))
    vertex = st.integers(0, rows - 1)
    matrix: list[rings.Row] = [{} for _ in range(rows)]
    for column, (i, j) in enumerate(data.draw(st.lists(st.tuples(vertex, vertex), max_size=8))):
        matrix[i][column] = 1
        if i != j:
            matrix[j][column] = -1
    quick = rings.functionals(matrix, bits)
    general = rings._kernel([rings._centered(row, bits) for row in matrix], range(rows), bits)
    assert len(quick) == len(general)
    for z in general:  # a combination of the sums: constant on each component, 0 elsewhere
        for part in quick:
            assert len({z.get(index, 0) for index in part}) == 1
        assert set(z) <= set().union(*quick)


@given(masks(), st.integers(0, 2**32))
def test_every_functional_vanishes_on_the_masks(case: tuple[Dense, int], seed: int) -> None:
    matrix, bits = case
    wide = Entropy.seeded(seed).generator("more").integers(-8, 9, (7, 5)).tolist()
    for rows in (matrix, wide):
        for z in rings.functionals(sparse(rows), bits):
            assert not any(
                sum(value * rows[index][j] for index, value in z.items()) % (1 << bits) for j in range(len(rows[0]))
            )
            assert all(-(1 << (bits - 1)) <= value < 1 << (bits - 1) for value in z.values())


def test_a_hundred_thousand_rows() -> None:
    n = 100_000
    matrix: list[rings.Row] = [{i: 1, (i - 1) % n: -1} for i in range(n)]
    (found,) = rings.functionals(matrix, 64)
    assert len(found) == n
    assert set(found.values()) == {1}
    matrix[n // 2][n] = 1
    assert rings.functionals(matrix, 64) == ()


def test_what_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no coefficient of a ring"):
        rings.functionals([{0: 0.5}], 8)  # type: ignore[dict-item] # that is the test
    with pytest.raises(ConfigurationError, match="bits"):
        rings.functionals([{0: 1}], 0)
    with pytest.raises(ConfigurationError, match="do not fit"):
        rings.reduced([{}], [], [], 8)
    with pytest.raises(ConfigurationError, match="pairwise masks"):
        rings.functionals([{0: 1} for _ in range(rings.LARGEST + 1)], 8)
