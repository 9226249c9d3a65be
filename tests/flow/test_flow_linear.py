"""Float losses are sound on both sides; checked by rational arithmetic."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, eye_array, hstack

from tip.errors import ConfigurationError
from tip.flow import linear
from tip.flow.certificates import lower_bound, matrix, repaired, residual_bound, sum_up, upper_bound
from tip.flow.definiteness import least_eigenvalue
from tip.flow.exact import exact_loss
from tip.flow.linear import loss, losses, solver
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

F = Fraction
Table = list[list[Fraction]]
ENTRIES = st.one_of(st.just(F(0)), st.sampled_from([F(1), F(-1), F(2), F(1, 3), F(-5, 7), F(10**6)]))
SPREADS = st.sampled_from([F(1), F(1, 2), F(3), F(1, 3), F(1, 10**8), F(10**6)])


@st.composite
def views(draw: st.DrawFn, *, own: bool) -> tuple[Table, list[Fraction], list[Fraction]]:
    """Small views; with `own`, an extra column for each row."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    table = draw(st.lists(st.lists(ENTRIES, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    if own:
        table = [[*row, *(F(int(i == j)) for j in range(rows))] for i, row in enumerate(table)]
    change = draw(st.lists(ENTRIES, min_size=rows, max_size=rows))
    spread = draw(st.lists(SPREADS, min_size=len(table[0]), max_size=len(table[0])))
    return table, change, spread


def floats(numbers: list[Fraction]) -> NDArray[np.float64]:
    return np.array([float(x) for x in numbers])


def sparse(table: Table) -> csr_array:
    return csr_array(np.array([floats(row) for row in table]))


def true_loss(table: Table, change: list[Fraction], spread: list[Fraction]) -> Fraction | None:
    return exact_loss([{j: x for j, x in enumerate(row) if x} for row in table], change, spread).upper


def gopa(size: int, own: float, pair: float) -> tuple[csr_array, NDArray[np.float64]]:
    upper, lower = np.triu_indices(size, 1)
    edges, at = len(upper), size + np.arange(len(upper))
    rows = np.concatenate([np.arange(size), upper, lower])
    columns = np.concatenate([np.arange(size), at, at])
    entries = np.concatenate([np.ones(size), np.ones(edges), -np.ones(edges)])
    noise = csr_array((entries, (rows, columns)), shape=(size, size + edges))
    return noise, np.concatenate([np.full(size, own), np.full(edges, pair)])


@settings(max_examples=300, deadline=None)
@given(views(own=True))
def test_bounds_hold_for_the_numbers_that_the_floats_stand_for(
    view: tuple[Table, list[Fraction], list[Fraction]],
) -> None:
    table, change, spread = view
    found = loss(sparse(table), floats(change), floats(spread))
    true = true_loss(table, change, spread)
    assert true is not None
    assert found.upper is not None
    assert found.lower <= true <= found.upper


@settings(max_examples=300, deadline=None)
@given(views(own=False))
def test_without_own_noise_the_answer_is_sound_or_refused(view: tuple[Table, list[Fraction], list[Fraction]]) -> None:
    table, change, spread = view
    true = true_loss(table, change, spread)
    try:
        found = loss(sparse(table), floats(change), floats(spread))
    except ConfigurationError as refused:
        assert "independent" in str(refused)  # noqa: PT017 - either outcome is right
        return
    if found.upper is None:
        assert true is None
    else:
        assert true is not None
        if found.exact:
            spread = [F(float(v)) for v in spread]
            true = true_loss(table, change, spread)
        assert found.lower <= (true or 0) <= found.upper


def test_pairwise_noise_of_a_hundred() -> None:
    noise, spread = gopa(100, 0.5, 3.0)
    found = loss(noise, np.eye(100)[3], spread)
    assert found.upper is not None
    assert float(found.upper) == pytest.approx(0.02329450915141431, rel=1e-11)
    assert found.lower <= F(14, 601) <= found.upper
    assert found.gap < 1e-10


def test_dense_without_own_noise_agrees_with_rationals(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = Entropy.seeded(5).generator("coefficients")
    table = draws.integers(-4, 5, (20, 30)).astype(np.float64)
    change, spread = draws.integers(-2, 3, 20).astype(np.float64), draws.integers(1, 5, 30) / 4
    exact = loss(csr_array(table), change, spread)
    assert exact.exact
    monkeypatch.setattr(linear, "EXACT", 10)
    dense = loss(csr_array(table), change, spread)
    assert not dense.exact
    assert dense.upper is not None
    assert exact.upper is not None
    assert dense.lower <= exact.upper <= dense.upper
    assert dense.gap < 1e-9


def test_rows_that_depend_on_one_another_are_never_read_as_independent(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1 / 3], [0.0, 1.0, -1 / 3]])  # row 1 + row 2 = row 0
    with pytest.raises(ConfigurationError, match="may be infinite"):
        loss(csr_array(table), np.array([0.0, 0.0, 1e-9]), np.ones(3))
    monkeypatch.setattr(linear, "EXACT", 1)
    table = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ConfigurationError, match="may be infinite"):
        loss(csr_array(table), np.array([0.0, 0.0, 1e-9]), np.ones(2))


def test_a_leak_too_small_for_floats_is_found() -> None:
    table = csr_array(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    found = loss(table, np.array([0.0, 0.0, 1.0]), np.array([1.0, 1e-14]))
    assert found.upper is None
    assert sorted(found.test) == [-1, 1, 1]


def test_a_row_without_noise_leaks_at_once() -> None:
    table = csr_array(np.array([[1 / 3, 1.0], [0.0, 0.0]]))
    found = loss(table, np.array([0.0, 0.5]), np.ones(2))
    assert found.upper is None
    assert list(found.test) == [0.0, 1.0]
    assert loss(table, np.zeros(2), np.ones(2)).upper == 0


def test_several_changes_are_each_as_alone_and_rows_without_noise_do_not_matter() -> None:
    noise, spread = gopa(12, 0.5, 3.0)
    table = noise.toarray()
    wide = csr_array(np.concatenate([table[:5], np.zeros((1, table.shape[1])), table[5:]]))
    changes = np.insert(np.stack([np.eye(12)[0], np.eye(12)[7] - np.eye(12)[3], np.zeros(12)], axis=1), 5, 0, axis=0)
    changes = np.concatenate([changes, np.eye(13)[:, [5]]], axis=1)
    found = losses(wide, changes, spread)
    for index in range(2):
        alone = loss(noise, np.delete(changes[:, index], 5), spread)
        assert found[index].upper == alone.upper
        assert found[index].test[5] == 0
        assert list(np.delete(np.asarray(found[index].test), 5)) == list(np.asarray(alone.test))
    assert found[2].upper == 0
    assert found[3].upper is None


def test_a_leak_beside_rows_without_noise_is_told_on_all_rows() -> None:
    table = csr_array(np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    found = loss(table, np.array([0.0, 0.0, 0.0, 1.0]), np.ones(2))
    assert found.upper is None
    assert [abs(float(entry)) for entry in found.test] == [1, 0, 1, 1]


def test_many_columns_take_no_more_memory_than_their_entries() -> None:
    noise, spread = gopa(700, 0.5, 3.0)  # 245,350 columns: 1.4 GB if it were full
    found = loss(noise, np.eye(700)[3], spread)
    assert found.upper is not None
    assert float(found.upper) == pytest.approx(1 / 350 + (1 - 1 / 700) / (0.5 + 2100), rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(views(own=True), st.data())
def test_any_vector_is_a_sound_witness(view: tuple[Table, list[Fraction], list[Fraction]], data: st.DataObject) -> None:
    table, change, spread = view
    true = true_loss(table, change, spread)
    assert true is not None
    noise, a = matrix(sparse(table), floats(spread)), floats(change)
    numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
    w = np.array(data.draw(st.lists(numbers, min_size=len(spread), max_size=len(spread))))
    z = np.array(data.draw(st.lists(numbers, min_size=len(change), max_size=len(change))))
    assert upper_bound(noise, a, w) >= true
    assert upper_bound(noise, a, repaired(noise, a, w)) >= true
    assert lower_bound(noise, a, z) <= true


@settings(max_examples=200, deadline=None)
@given(views(own=True), st.data())
def test_the_residual_is_bounded_for_the_true_matrix(
    view: tuple[Table, list[Fraction], list[Fraction]], data: st.DataObject
) -> None:
    table, change, spread = view
    noise = matrix(sparse(table), floats(spread))
    w = np.array(data.draw(st.lists(st.floats(-100, 100), min_size=len(spread), max_size=len(spread)))) / 3
    if data.draw(st.booleans()):  # what is left is rounding only
        w = repaired(noise, floats(change), w)
    bound = residual_bound(noise, floats(change), w)
    for row, x, limit in zip(table, change, bound, strict=True):
        assert abs(x - sum((c * F(y) for c, y in zip(row, w.tolist(), strict=True)), F(0))) <= F(float(limit))


def test_a_tampered_certificate_proves_less_and_a_tampered_claim_nothing() -> None:
    noise, spread = gopa(20, 0.5, 3.0)
    a = np.eye(20)[0]
    found = loss(noise, a, spread)
    ready = matrix(noise, spread)
    assert found.upper is not None
    w, z = np.array(found.certificate, np.float64), np.array(found.test, np.float64)
    assert upper_bound(ready, a, w) == found.upper
    assert lower_bound(ready, a, z) == found.lower
    for j in (0, 7, 50, len(w) - 1):
        wrong = w.copy()
        wrong[j] += 0.01
        assert upper_bound(ready, a, wrong) > found.upper
    wrong = z.copy()
    wrong[3] += 0.01
    assert lower_bound(ready, a, wrong) < found.lower
    assert upper_bound(ready, a, 0.5 * w) > found.upper
    assert replace(found, upper=2 * found.upper).gap > 0.49


def test_what_cannot_be_proven_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, spread = gopa(6, 0.5, 3.0)
    with pytest.raises(ConfigurationError, match="variance"):
        loss(noise, np.ones(6), 0 * spread)
    with pytest.raises(ConfigurationError, match="finite number"):
        loss(noise, np.full(6, np.nan), spread)
    with pytest.raises(ConfigurationError, match="as many variances"):
        loss(noise, np.ones(6), spread[:3])
    with pytest.raises(ConfigurationError, match="noise of its own"):
        upper_bound(matrix(csr_array(noise[:, 6:]), spread[6:]), np.ones(6), np.ones(15))
    monkeypatch.setattr(linear, "DENSE", 5)
    monkeypatch.setattr(linear, "EXACT", 5)
    with pytest.raises(ConfigurationError, match="not proven"):
        loss(csr_array(noise[:, 6:]), np.ones(6), spread[6:])


def test_noise_that_cancels_only_by_rounding_is_not_overlooked() -> None:
    third = 1 / 3  # times 3 it rounds to 1: z'B is 0 in floats, 2^-54 in truth
    table = csr_array(np.array([[third], [-1.0]]))
    z = np.array([3.0, 1.0])
    assert not (table.T @ z).any()
    shadow = 3 * F(third) - 1
    assert shadow != 0
    found = lower_bound(matrix(table, np.ones(1)), np.array([1.0, 1.0]), z)
    assert found <= 16 / shadow**2


def test_a_poor_certificate_without_own_noise_is_sound() -> None:
    noise = matrix(csr_array(np.array([[1.0, 1.0], [1.0, -1.0]])), np.ones(2))  # S = 2 I
    a = np.array([1.0, 0.0])
    for part in (0.0, 0.5, 1.0, 1.7):
        found = linear._dense(noise, a, part * a / 2, 1.0)
        assert found.lower <= F(1, 2)
        assert found.upper is not None
        assert found.upper >= F(1, 2)


@given(st.lists(st.floats(0, 1e200), max_size=3000))
@settings(max_examples=30, deadline=None)
def test_sums_are_bounded_from_above(terms: list[float]) -> None:
    bound = sum_up(np.array(terms))
    true = sum(map(F, terms), F(0))
    assert true <= bound
    assert bound <= true * (1 + F(1, 10**11)) + F(1, 10**100)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=4, max_size=4), st.floats(1e-6, 60))
def test_no_eigenvalue_lies_below_a_proven_bound(table: list[list[int]], target: float) -> None:
    square = np.array(table, np.float64) @ np.array(table, np.float64).T
    least = float(np.linalg.eigvalsh(square)[0])
    assume(abs(least - target) > 1e-9)
    proven = least_eigenvalue(square, target, 0.0)
    assert (proven > 0) == (least > target)
    assert proven <= target
    assert least_eigenvalue(square, target, target) == 0


# -- one view, many changes ----------------------------------------------------------------------


def wide_noise(rows: int, *, own: bool, seed: int = 5) -> tuple[csr_array, Floats]:
    draws = Entropy.seeded(seed).generator("noise")
    shared = csr_array((draws.uniform(size=(rows, rows)) < 0.2).astype(np.float64))
    parts = [shared, eye_array(rows)] if own else [eye_array(rows) * 2 + shared]
    together = csr_array(hstack(parts))
    return together, draws.uniform(1, 2, together.shape[1])


@pytest.mark.parametrize(("rows", "own"), [(20, True), (20, False), (150, True)])
def test_together_as_one_by_one(rows: int, own: bool) -> None:  # noqa: FBT001 - a table
    B, variances = wide_noise(rows, own=own)  # noqa: N806 - the name of the mathematics
    changes = csr_array(np.eye(rows)[:, :40])
    full = B.toarray()
    exact = np.linalg.inv((full * variances) @ full.T).diagonal()
    ready = solver(B, variances)
    for index, found in enumerate(ready.losses(changes)):
        alone = loss(B, changes[:, [index]].toarray()[:, 0], variances)
        assert found.upper is not None
        assert alone.upper is not None
        assert exact[index] * (1 - 1e-9) <= float(found.upper) <= exact[index] * (1 + 1e-6)
        assert float(found.lower) <= exact[index] * (1 + 1e-9)
        assert float(found.upper) == pytest.approx(float(alone.upper), rel=1e-6)


def test_no_change_loses_nothing_and_bare_rows_leak() -> None:
    B, variances = wide_noise(20, own=True)  # noqa: N806
    assert solver(B, variances).loss(np.zeros(20)).upper == 0
    B = csr_array(np.array([[1.0, 0.0], [0.0, 0.0]]))  # noqa: N806
    ready = solver(B, np.ones(2))
    assert ready.loss(np.array([0.0, 1.0])).upper is None
    assert float(ready.loss(np.array([1.0, 0.0])).upper or 0) == pytest.approx(1, abs=1e-12)


def test_a_bare_leak_is_told_even_where_others_are_not_proven() -> None:
    B = csr_array(np.array([[1.0, 1 / 3], [2.0, 2 / 3], [0.0, 0.0]]))  # noqa: N806 - two rows of one noise
    ready = solver(B, np.ones(2))
    leak, nothing = ready.losses(csr_array(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]])))
    assert leak.upper is None
    assert not (B.T @ np.asarray(leak.test)).any()
    assert nothing.upper == 0
    with pytest.raises(ConfigurationError, match="may be infinite"):
        ready.loss(np.array([1.0, 0.0, 0.0]))


@pytest.mark.parametrize("size", [1e-61, 1e61, -1e61])
def test_changes_whose_squares_might_vanish_are_refused(size: float) -> None:
    noise, spread = gopa(6, 0.5, 3.0)
    with pytest.raises(ConfigurationError, match="a change lies outside"):
        loss(noise, np.array([0.0, 1.0, size, 0.0, 0.0, 0.0]), spread)
