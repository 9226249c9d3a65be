"""ProjUnit: the rotation is one, the ratio exact, the error as stated."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.privunit import PrivUnitSubset
from tip.mechanisms.projected import ProjUnit, hadamard, signs
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy


def slow_hadamard(row: np.ndarray) -> np.ndarray:
    """Entry i is the sum of (-1)^popcount(i and j) row_j."""
    index = np.arange(len(row))
    return np.array([(row * (1 - 2 * (np.bitwise_count(index & i) % 2).astype(int))).sum() for i in index])


@pytest.mark.parametrize("length", [2, 8, 16, 128])
def test_the_fast_transform_is_the_slow_one(length: int) -> None:
    rows = Entropy.seeded(1).generator("h").normal(size=(3, length))
    wanted = np.stack([slow_hadamard(row) for row in rows])
    hadamard(rows)
    assert rows == pytest.approx(wanted)
    assert set(np.unique(signs(3, 64))) == {-1, 1}


@pytest.mark.parametrize("epsilon", [1e-6, 1, 4, 40])
def test_for_every_rotation_block_and_seed_the_ratio_is_the_stated_one(epsilon: float) -> None:
    mechanism = ProjUnit(40, 1, epsilon, width=16, rotations=3, candidates=4)
    corners = [*np.eye(40)[:4], *-np.eye(40)[:4], np.zeros(40), np.full(40, 40**-0.5)]
    largest = Fraction(0)
    for place in ((0, 0, 1), (2, 3, 2), (1, 1, 99)):
        laws = [mechanism.law_given(corner, *place) for corner in corners]
        assert all(sum(law.values()) == 1 for law in laws)
        largest = max(largest, *(a[c] / b[c] for a in laws for b in laws for c in a))
    assert largest <= mechanism.ratio <= exp_down(Fraction(epsilon))


def test_all_blocks_together_are_the_vector() -> None:
    mechanism = ProjUnit(50, 1, 1.0, width=16, rotations=2, headroom=2)
    value = Entropy.seeded(1).generator("v").normal(size=(1, 50)) / 10
    whole = np.zeros(64)
    for block in range(4):
        whole[16 * block : 16 * block + 16] = mechanism.blocks_of(value, np.array([1]), np.array([block]))[0]
    assert (whole**2).sum() / 4 * 2 == pytest.approx((value**2).sum())
    turned = whole[None] * np.sqrt(2 / 4)
    hadamard(turned)
    assert turned[0, :50] / 8 * signs(2, 64)[1, :50] == pytest.approx(value[0])


def test_unbiased_with_the_stated_error() -> None:
    mechanism, n = ProjUnit(300, 2.0, 4.0, width=128, candidates=8), 8000
    value = np.linspace(0.1, 1, 300)
    value *= 2 / np.linalg.norm(value)
    reports = mechanism.randomize(np.tile(value, (n, 1)), entropy=Entropy.seeded(3))
    estimate = mechanism.estimate(mechanism.aggregate(reports))
    z = (estimate.value - value) / np.sqrt(mechanism.variance(value, reports=n))
    assert abs(z.mean()) < 6 / np.sqrt(300)
    assert 0.75 < (z * z).mean() < 1.3
    assert ((estimate.value - value) ** 2).sum() * n == pytest.approx(mechanism.error(), rel=0.3)
    cut = mechanism.blocks_of(
        mechanism.checked(np.tile(value, (n, 1))), reports["rotation"].astype(int), reports["block"].astype(int)
    )
    assert ((cut**2).sum(axis=1) > 1).mean() < 1e-3
    assert mechanism.error() / PrivUnitSubset(300, 2.0, 4.0, 8).error() == pytest.approx(
        float(Fraction(mechanism.headroom or 1)), rel=0.05
    )


def test_wire_order_and_hostile_rows() -> None:
    mechanism, entropy = ProjUnit(40, 1, 1.0, width=16, rotations=3, candidates=2), Entropy.seeded(1)
    values = np.tile(np.eye(40), (10, 1))
    order = entropy.generator("order").permutation(len(values))
    whole = mechanism.randomize(values, entropy=entropy)
    mixed = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert all(np.array_equal(a[order], b) for a, b in zip(whole.columns, mixed.columns, strict=True))
    assert mechanism.aggregate(whole) == mechanism.aggregate(mixed)
    assert mechanism.aggregate(mechanism.read(whole.to_bytes())) == mechanism.aggregate(whole)
    rotations = whole["rotation"].copy()
    rotations[3] = 200
    assert mechanism.aggregate(Reports(whole.digest, whole.layout, (rotations, *whole.columns[1:]))).refused == 1
    one = mechanism.aggregate(whole.take(slice(0, 1)))
    limit = mechanism.max_influence()
    moved = mechanism.estimate(one).value
    assert np.linalg.norm(moved) <= limit.euclidean
    assert np.abs(moved).max() <= limit.item


def test_what_does_not_fit_is_refused() -> None:
    for wrong in ({"width": 24}, {"width": 4096}, {"rotations": 0}, {"headroom": 0.5}):
        with pytest.raises(ConfigurationError):
            ProjUnit(100, 1, 1.0, **{"width": 64, **wrong})  # type: ignore[arg-type] # wrong on purpose
