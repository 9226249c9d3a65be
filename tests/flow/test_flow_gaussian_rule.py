"""Real Gaussian noise: both witnesses, several columns of one agent, and what floats may be wrong by."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.building import FlowBuilder
from tip.flow.certificates import Loss
from tip.flow.gaussian_rule import _gram, gaussian_loss
from tip.flow.projection import Projection
from tip.flow.seen import Seen, seen, view_node
from tip.flow.view import blocks

if TYPE_CHECKING:
    from collections.abc import Sequence


def block(*, members: int = 2, rounds: int = 3, uses: int = 3, says: str = "x + so_far(n)", high: int = 1) -> Seen:
    made = FlowBuilder("rounds", about="rounds").agents(person=members)
    made = made.secret("x", of="person", range=(0, high), neighboring="replace-one", adaptive=False, rounds=rounds,
                       participations=uses)  # fmt: skip
    made = made.noise("n", of="person", law="gaussian", variance=2, rounds=rounds)
    flow = made.message("m", by="person", says=says, to="everybody").build()
    return seen(flow, blocks(flow)[0], parties=frozenset(), colluders=np.zeros(0, np.int64))


def exact(uses: int) -> Fraction:
    """Differences show x_t - x_(t-1) + n_t, so that d costs d_1^2 + sum (d_t - d_(t-1))^2, over 2."""
    best = 0
    for signs in np.ndindex(3, 3, 3):
        d = [sign - 1 for sign in signs]
        if sum(x != 0 for x in d) <= uses:
            best = max(best, d[0] ** 2 + sum((a - b) ** 2 for a, b in zip(d[1:], d, strict=False)))
    return Fraction(best, 2)


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_rounds_together(uses: int) -> None:
    found = block(uses=uses)
    outcome = gaussian_loss(found, 0, view_node(found))
    assert outcome.mu_squared is not None
    assert outcome.mu_squared == exact(uses)
    numbers, vectors = outcome.node.numbers, outcome.node.vectors
    assert (numbers["lower"], numbers["columns"], numbers["uses"]) == (exact(uses), 3, uses)
    assert outcome.idealized
    assert len(vectors["w"]) == 3 * found.view.B.shape[1]


def test_both_witnesses_hold() -> None:
    found = block(high=3)
    assert found.exact is not None
    outcome = gaussian_loss(found, 1, view_node(found))
    z, d, w = (outcome.node.vectors[name] for name in ("z", "d", "w"))
    columns = found.exact_columns(found.change(1).columns)
    width = found.view.B.shape[1]
    for index, column in enumerate(columns):
        part = w[index * width : (index + 1) * width]
        assert [sum(v * part[c] for c, v in row.items()) for row in found.exact.B] == column
    moved = sum(z[r] * sum(f * c[r] for f, c in zip(d, columns, strict=True)) for r in range(len(z)))
    back = [sum(z[r] * row.get(c, 0) for r, row in enumerate(found.exact.B)) for c in range(width)]
    spread = sum(2 * v * v for v in back)
    assert Fraction(moved) ** 2 / Fraction(spread) == outcome.node.numbers["lower"]


def test_a_secret_that_is_read() -> None:
    found = block(says="x + previous(n)")
    outcome = gaussian_loss(found, 0, view_node(found))
    assert outcome.event is None
    assert outcome.node.rule == "leak"
    assert "round 1" in outcome.missing


def test_products_of_certificates_that_floats_take_for_0_are_widened() -> None:
    """w and w' on different columns: what each is short of may still lie in the other's."""
    found = block(members=70, rounds=2, uses=2)
    width = found.view.B.shape[1]
    parts = [np.zeros(width), np.zeros(width)]
    parts[0][0] = parts[1][1] = math.sqrt(2)
    losses = [Loss(Fraction(101, 100), Fraction(1), part, np.zeros(2), exact=False) for part in parts]
    gram = _gram(found, losses)
    assert gram[0][1] > Fraction(1, 5)  # 2 sqrt(0.01) 1 + 0.01, about
    assert gram[0][1] == gram[1][0]
    assert gram[0][0] >= Fraction(101, 100)


def test_floats_and_fractions_agree() -> None:
    small, large = block(), block(members=80)
    assert (small.small, large.small) == (True, False)
    exact_, wide = (gaussian_loss(some, 0, view_node(some)).mu_squared for some in (small, large))
    assert exact_ is not None
    assert wide is not None
    assert exact_ <= wide <= exact_ * (1 + Fraction(1, 10**4))


def test_without_a_test_of_all_rounds_the_bound_from_above_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long numbers may find the loss of each round and not that of their sum: that shows less, and breaks nothing."""
    monkeypatch.setattr("tip.flow.seen.EXACT_WORK", 0)
    found = block(says="so_far(x) + so_far(n)")
    assert found.projected
    whole = gaussian_loss(found, 0, view_node(found))
    one_by_one = Projection.loss

    def short(self: Projection, a: Sequence[Fraction]) -> Loss:
        if any(abs(x) not in {0, 1} for x in a):
            raise ConfigurationError("the certificate is too long")
        return one_by_one(self, a)

    monkeypatch.setattr(Projection, "loss", short)
    outcome = gaussian_loss(found, 0, view_node(found))
    assert outcome.mu_squared == whole.mu_squared
    assert outcome.node.numbers["lower"] == 0
