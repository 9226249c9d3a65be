"""Losses by rational arithmetic, against closed forms and against a plain elimination written here."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.exact import exact_loss, exact_losses, exact_nullspace, exact_rank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tip.flow.certificates import Loss

F = Fraction
Rows = list[dict[int, Fraction]]
ENTRIES = st.one_of(st.just(F(0)), st.sampled_from([F(1), F(-1), F(2), F(1, 3), F(-5, 7)]))


@st.composite
def views(draw: st.DrawFn) -> tuple[Rows, list[Fraction], list[Fraction]]:
    """Small views of any rank, with a change and variances."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    table = draw(st.lists(st.lists(ENTRIES, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    if rows > 2 and draw(st.booleans()):
        table[-1] = [x - 2 * y for x, y in zip(table[0], table[1], strict=True)]
    change = draw(st.lists(ENTRIES, min_size=rows, max_size=rows))
    variances = draw(st.lists(st.sampled_from([F(1), F(1, 2), F(3)]), min_size=columns, max_size=columns))
    return [dict(enumerate(row)) for row in table], change, variances


def rank(table: Sequence[Sequence[Fraction]]) -> int:
    """Gauss-Jordan, as plain as can be."""
    left = [list(row) for row in table]
    found = 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left[found:] if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left.insert(found, pivot)
        for i, row in enumerate(left):
            if i != found and row[column]:
                factor = row[column] / pivot[column]
                left[i] = [x - factor * y for x, y in zip(row, pivot, strict=True)]
        found += 1
    return found


def checked(loss: Loss, rows: Sequence[Mapping[int, Fraction]], a: Sequence[Fraction], v: Sequence[Fraction]) -> bool:
    """Whether the witnesses prove the loss; rational arithmetic only."""
    w, z = loss.certificate, loss.test
    shadow = [sum((z[i] * row.get(j, F(0)) for i, row in enumerate(rows)), F(0)) for j in range(len(v))]
    shift = sum((x * y for x, y in zip(z, a, strict=True)), F(0))
    if loss.upper is None:
        return not any(shadow) and shift != 0
    reached = [sum((entry * w[j] for j, entry in row.items()), F(0)) for row in rows]
    cost = sum((x * x / y for x, y in zip(w, v, strict=True)), F(0))
    spread = sum((y * x * x for x, y in zip(shadow, v, strict=True)), F(0))
    return reached == list(a) and cost <= loss.upper and shift**2 >= loss.lower * spread and loss.lower == loss.upper


def gopa(size: int, own: Fraction, pair: Fraction) -> tuple[Rows, list[Fraction]]:
    rows: Rows = [{i: F(1)} for i in range(size)]
    variances = [own] * size
    for i in range(size):
        for j in range(i):
            rows[i][len(variances)], rows[j][len(variances)] = F(1), F(-1)
            variances.append(pair)
    return rows, variances


@settings(max_examples=300, deadline=None)
@given(views())
def test_witnesses_prove_the_loss_or_the_leak(view: tuple[Rows, list[Fraction], list[Fraction]]) -> None:
    rows, a, variances = view
    loss = exact_loss(rows, a, variances)
    assert loss.exact
    assert loss.gap == 0
    assert checked(loss, rows, a, variances)
    table = [[row.get(j, F(0)) for j in range(len(variances))] for row in rows]
    inside = rank(table) == rank([[*row, x] for row, x in zip(table, a, strict=True)])
    assert (loss.upper is not None) == inside


@settings(max_examples=200, deadline=None)
@given(views())
def test_rank_and_null_space(view: tuple[Rows, list[Fraction], list[Fraction]]) -> None:
    rows, _, variances = view
    table = [[row.get(j, F(0)) for j in range(len(variances))] for row in rows]
    basis = exact_nullspace(rows)
    assert exact_rank(rows) == rank(table) == len(rows) - len(basis)
    assert all(
        sum((z[i] * row[j] for i, row in enumerate(table)), F(0)) == 0 for z in basis for j in range(len(variances))
    )
    assert rank(basis) == len(basis)
    assert all(entry.denominator == 1 for z in basis for entry in z)


@settings(max_examples=100, deadline=None)
@given(views(), st.data())
def test_tampered_witnesses_are_refused(view: tuple[Rows, list[Fraction], list[Fraction]], data: st.DataObject) -> None:
    rows, a, variances = view
    loss = exact_loss(rows, a, variances)
    if loss.upper is None:
        swapped = type(loss)(F(1), F(1), tuple(F(0) for _ in variances), loss.test, exact=True)
        assert not checked(swapped, rows, a, variances)
        return
    touched = sorted({j for row in rows for j, x in row.items() if x})
    if touched:
        j = data.draw(st.sampled_from(touched))
        wrong = tuple(x + (F(1, 10**9) if i == j else 0) for i, x in enumerate(loss.certificate))
        assert not checked(type(loss)(loss.upper, loss.lower, wrong, loss.test, exact=True), rows, a, variances)
    if loss.upper:
        smaller = loss.upper * F(999, 1000)
        assert not checked(type(loss)(smaller, smaller, loss.certificate, loss.test, exact=True), rows, a, variances)


@pytest.mark.parametrize("size", [2, 5, 30])
def test_pairwise_noise_of_a_complete_graph(size: int) -> None:
    rows, variances = gopa(size, F(1, 2), F(3))
    a = [F(1), *[F(0)] * (size - 1)]
    n = F(size)
    assert exact_loss(rows, a, variances).upper == 1 / (n / 2) + (1 - 1 / n) / (F(1, 2) + 3 * n)


def test_the_gossip_of_three_shows_one_agent_as_plainly_as_no_gossip() -> None:
    # u hears y_w and (y_u + y_w + y_v)/3 with y = x + eta, y_u its own: w's noise stands in both, v's in one
    rows: Rows = [{0: F(1)}, {0: F(1, 3), 1: F(1, 3)}]
    for change in ([F(1), F(1, 3)], [F(0), F(1, 3)]):
        assert exact_loss(rows, change, [F(1), F(1)]).upper == 1


@settings(max_examples=50, deadline=None)
@given(views())
def test_where_noise_goes_as_data_goes_the_losses_add_up_to_the_rank(
    view: tuple[Rows, list[Fraction], list[Fraction]],
) -> None:
    rows, _, variances = view
    columns = [[row.get(j, F(0)) for row in rows] for j in range(len(variances))]
    same = [F(2)] * len(variances)
    losses = [exact_loss(rows, column, same).upper for column in columns]
    assert sum((2 * loss for loss in losses if loss is not None), F(0)) == exact_rank(rows)


def test_a_leak_that_a_numerical_rank_overlooks() -> None:
    # the third row is the difference of the first two but for 10^-12: that rest is a secret without noise
    rows: Rows = [{0: F(1), 1: F(1)}, {0: F(1)}, {1: F(1)}]
    a = [F(0), F(0), F(1, 10**12)]
    loss = exact_loss(rows, a, [F(1), F(1)])
    assert loss.upper is None
    assert [abs(entry) for entry in loss.test] == [1, 1, 1]
    nearly: Rows = [{0: F(1), 1: F(1)}, {0: F(1)}, {1: F(1), 2: F(1, 10**12)}]
    finite = exact_loss(nearly, a, [F(1)] * 3)
    assert finite.upper == 1


@settings(max_examples=100, deadline=None)
@given(
    views(), st.lists(st.integers(-3, 3), min_size=7, max_size=7), st.lists(st.integers(-3, 3), min_size=7, max_size=7)
)
def test_gram_matrix_of_reachable_changes(
    view: tuple[Rows, list[Fraction], list[Fraction]], first: list[int], second: list[int]
) -> None:
    rows, _, variances = view
    one, two = (
        [sum((c * F(k) for c, k in zip(row.values(), mix, strict=False)), F(0)) for row in rows]
        for mix in (first, second)
    )
    tests = [found.test for found in exact_losses(rows, [one, two], variances)]
    gram = [[sum((x * F(z) for x, z in zip(a, u, strict=True)), F(0)) for u in tests] for a in (one, two)]
    both = exact_loss(rows, [x - y for x, y in zip(one, two, strict=True)], variances)
    assert gram[0][1] == gram[1][0]
    assert both.upper == gram[0][0] - 2 * gram[0][1] + gram[1][1]


def test_one_leak_among_several_changes_is_told_as_one() -> None:
    rows: Rows = [{0: F(1)}, {0: F(2)}]
    whole, leaking = exact_losses(rows, [[F(1), F(2)], [F(1), F(0)]], [F(1)])
    assert whole.upper == 1
    assert checked(leaking, rows, [F(1), F(0)], [F(1)])


def test_bad_requests() -> None:
    with pytest.raises(ConfigurationError, match="variance"):
        exact_loss([{0: F(1)}], [F(1)], [F(0)])
    with pytest.raises(ConfigurationError, match="outside"):
        exact_loss([{1: F(1)}], [F(1)], [F(1)])
    with pytest.raises(ConfigurationError, match="one entry for each"):
        exact_loss([{0: F(1)}], [F(1), F(1)], [F(1)])
