"""Losses by projection: within a hair of exact elimination on both sides, and witnesses that prove them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.flow.exact import exact_loss, exact_losses
from tip.flow.projection import Projection, projection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest

    from tip.flow.certificates import Loss

F = Fraction
HAIR = F(1, 10**9)
ENTRIES = st.one_of(st.just(F(0)), st.sampled_from([F(1), F(-1), F(2), F(1, 3), F(-5, 7), F(1, 10**12)]))
Rows = list[dict[int, Fraction]]


@st.composite
def views(draw: st.DrawFn) -> tuple[Rows, list[list[Fraction]], list[Fraction]]:
    """Views of any rank, with changes in and outside the range of B."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 7))
    table = draw(st.lists(st.lists(ENTRIES, min_size=columns, max_size=columns), min_size=rows, max_size=rows))
    if rows > 2 and draw(st.booleans()):
        table[-1] = [x - 2 * y for x, y in zip(table[0], table[1], strict=True)]
    free = draw(st.lists(ENTRIES, min_size=rows, max_size=rows))
    mixed = draw(st.lists(ENTRIES, min_size=columns, max_size=columns))
    inside = [sum((x * y for x, y in zip(row, mixed, strict=True)), F(0)) for row in table]
    variances = draw(st.lists(st.sampled_from([F(1), F(1, 2), F(3)]), min_size=columns, max_size=columns))
    return [{j: x for j, x in enumerate(row) if x} for row in table], [free, inside], variances


def proves(loss: Loss, rows: Sequence[Mapping[int, Fraction]], a: Sequence[Fraction], v: Sequence[Fraction]) -> bool:
    w, z = loss.certificate, loss.test
    shadow = [sum((z[i] * row.get(j, F(0)) for i, row in enumerate(rows)), F(0)) for j in range(len(v))]
    shift = sum((x * y for x, y in zip(z, a, strict=True)), F(0))
    if loss.upper is None:
        return not any(shadow) and shift != 0
    reached = [sum((entry * w[j] for j, entry in row.items()), F(0)) for row in rows]
    cost = sum((x * x / y for x, y in zip(w, v, strict=True)), F(0))
    spread = sum((y * x * x for x, y in zip(shadow, v, strict=True)), F(0))
    return reached == list(a) and cost <= loss.upper and shift**2 >= loss.lower * spread


@settings(max_examples=300, deadline=None)
@given(views())
def test_bounds_enclose_the_exact_loss_and_leaks_are_found(
    view: tuple[Rows, list[list[Fraction]], list[Fraction]],
) -> None:
    rows, changes, variances = view
    ready = projection(rows, variances)
    for a, exact in zip(changes, exact_losses(rows, changes, variances), strict=True):
        found = ready.loss(a)
        assert proves(found, rows, a, variances)
        most, least = ready.bounds(a)
        if exact.upper is None or found.upper is None:
            assert exact.upper is None
            assert found.upper is None
            assert most is None
        else:
            assert found.lower <= exact.upper <= found.upper
            assert found.upper - found.lower <= HAIR * found.upper
            assert most is None or most >= exact.upper
            assert least is not None
            assert least <= exact.upper


@settings(max_examples=100, deadline=None)
@given(views())
def test_one_elimination_answers_as_many_do(view: tuple[Rows, list[list[Fraction]], list[Fraction]]) -> None:
    rows, changes, variances = view
    for a, shared in zip(changes, exact_losses(rows, changes, variances), strict=True):
        alone = exact_loss(rows, a, variances)
        assert (shared.upper, shared.certificate) == (alone.upper, alone.certificate)
        assert proves(shared, rows, a, variances)


def test_a_multiple_of_one_column_is_answered_at_sight() -> None:
    rows = [{0: F(2)}, {0: F(1), 1: F(1)}]
    found = projection(rows, [F(3), F(1)]).loss([F(4), F(2)])
    assert found.exact
    assert found.upper == F(4, 3)
    assert found.certificate == (F(2), F(0))


def test_a_wrong_proposal_is_never_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that too few bits take for dependent are told apart by more, and no leak is made up on the way."""
    rows = [{0: F(1)}, {0: F(1), 1: F(1, 2**40)}, {0: F(1), 1: F(1), 2: F(1, 2**41)}]
    a = [F(1), F(2), F(3)]
    exact = exact_loss(rows, a, [F(1)] * 3).upper
    monkeypatch.setattr("tip.flow.projection._BITS", (32, 384))
    ready = projection(rows, [F(1)] * 3)
    found = ready.loss(a)
    assert exact is not None
    assert found.upper is not None
    assert found.lower <= exact <= found.upper
    assert len(ready._made) == 2


def test_a_change_that_a_dependent_row_denies_is_a_leak() -> None:
    """The last word is B w = a on all rows, the dependent ones as well."""
    rows = [{0: F(1), 1: F(1)}, {1: F(1), 2: F(1)}, {0: F(1), 1: F(2), 2: F(1)}]
    ready = projection(rows, [F(1)] * 3)
    assert isinstance(ready, Projection)
    assert ready.loss([F(1), F(1), F(2)]).upper is not None
    leak = ready.loss([F(1), F(1), F(3)])
    assert leak.upper is None
    assert np.count_nonzero(np.array(leak.test)) == 3


def test_rows_that_only_the_longest_numbers_tell_apart() -> None:
    """Entries of the basis are then longer than any float."""
    rows, variances, a = [{0: F(1)}, {0: F(1), 1: F(1, 2**500)}, {1: F(1), 2: F(1)}], [F(1, 3)] * 3, [F(1), F(2), F(3)]
    ready = projection(rows, variances)
    found, exact = ready.loss(a), exact_loss(rows, a, variances).upper
    assert 1536 in ready._made
    assert found.upper is not None
    assert exact is not None
    assert found.lower <= exact <= found.upper
    assert proves(found, rows, a, variances)
