"""Least cost under limits of loss: closed forms, grids, conditions of optimality found independently, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow.allocation import Constraint, least_cost, losses
from tip.randomness import Entropy


def limit(
    matrix: object, changes: object, symbols: list[int], *, known: list[float] | None = None, at_most: float = 1.0
) -> Constraint:
    dense = np.array(matrix, np.float64)
    moved = np.array(changes, np.float64).reshape(dense.shape[0], -1)
    variances = np.zeros(len(symbols)) if known is None else np.array(known)
    return Constraint("the view", csr_array(dense), moved, np.array(symbols, np.int64), variances, at_most)


def ring(agents: int, at_most: float) -> Constraint:
    """Own noise 0 and pair noise 1 on a ring."""
    pairs = np.eye(agents) - np.roll(np.eye(agents), 1, axis=0)
    return limit(np.hstack([np.eye(agents), pairs]), np.eye(agents), [0] * agents + [1] * agents, at_most=at_most)


def by_pseudo_inverse(constraint: Constraint, variances: np.ndarray) -> np.ndarray:
    """Slow twin: diag(A' (B V B')^+ A)."""
    spread = np.where(constraint.symbols < 0, constraint.known, variances[constraint.symbols])
    matrix = constraint.B.toarray()
    return np.diag(constraint.changes.T @ np.linalg.pinv((matrix * spread) @ matrix.T) @ constraint.changes)


def slope(constraints: list[Constraint], variances: np.ndarray, index: int, *, relative: float = 1e-5) -> np.ndarray:
    """d (largest mu^2 / limit) / d v_k by differences of the slow twin."""
    up, down = variances.copy(), variances.copy()
    up[index] *= 1 + relative
    down[index] *= 1 - relative
    gap = up[index] - down[index]
    return np.array([(by_pseudo_inverse(c, up).max() - by_pseudo_inverse(c, down).max()) / gap for c in constraints])


# -- closed forms ---------------------------------------------------------------------------------


def test_two_queries() -> None:
    found = least_cost(np.array([1.0, 4.0]), [limit(np.eye(2), [1, 1], [0, 1])])
    assert found.cost == pytest.approx(9, rel=1e-7)
    assert found.variances == pytest.approx([3, 1.5], rel=1e-3)
    assert found.floor <= found.cost <= found.floor * (1 + 1e-7)
    assert found.cost < 10 * (1 - 1e-3)  # uniform variances
    assert found.shares == pytest.approx((1.0,), abs=1e-6)


@settings(max_examples=10)
@given(
    st.lists(st.floats(0.1, 10), min_size=3, max_size=3), st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    st.floats(0.01, 50),
)  # fmt: skip
def test_independent_queries(weights: list[float], reaches: list[float], at_most: float) -> None:
    """min sum c v with sum r^2 / v <= L: v = r sum(r sqrt c) / (L sqrt c), cost (sum r sqrt c)^2 / L."""
    found = least_cost(np.array(weights), [limit(np.eye(3), reaches, [0, 1, 2], at_most=at_most)])
    wanted = sum(r * c**0.5 for r, c in zip(reaches, weights, strict=True)) ** 2 / at_most
    assert found.cost == pytest.approx(wanted, rel=1e-6)


def test_one_noise_is_scaled_to_its_limit() -> None:
    found = least_cost(np.array([2.0]), [limit([[1.0, 1.0]], [3], [0, 0], at_most=0.5)])
    assert found.variances == pytest.approx([9.0], rel=1e-9)


def test_known_noise_counts() -> None:
    """1 / (v + 2) <= 1/5, so v = 3; the share is 5 / 3."""
    found = least_cost(np.array([1.0]), [limit([[1.0, 1.0]], [1], [0, -1], known=[0, 2.0], at_most=0.2)])
    assert found.variances == pytest.approx([3.0], rel=1e-6)
    assert found.floor == pytest.approx(3.0, rel=1e-6)
    assert found.shares == pytest.approx((5 / 3,), rel=1e-5)


def test_enough_known_noise_is_said() -> None:
    with pytest.raises(ConfigurationError, match="known noises keep every limit"):
        least_cost(np.array([1.0]), [limit([[1.0, 1.0]], [1], [0, -1], known=[0, 9.0], at_most=0.2)])


# -- optimality, checked apart --------------------------------------------------------------------


@pytest.mark.parametrize("at_most", [0.05, 0.4])
@pytest.mark.parametrize("price", [1e-4, 1e-2, 1.0])
def test_ring_is_stationary(at_most: float, price: float) -> None:
    """Where the limit binds, cost and loss have parallel slopes: c_k / c_l = (d mu^2 / d v_k) / (d mu^2 / d v_l)."""
    weights = np.array([1.0, price])
    constraint = ring(9, at_most)
    found = least_cost(weights, [constraint])
    assert by_pseudo_inverse(constraint, found.variances).max() == pytest.approx(at_most, rel=1e-7)
    slopes = [float(slope([constraint], found.variances, k)[0]) for k in range(2)]
    assert all(s < 0 for s in slopes)
    if found.variances[1] * price > 1e-3 * found.cost:
        assert slopes[0] / slopes[1] == pytest.approx(weights[0] / weights[1], rel=2e-2)
    else:
        assert slopes[1] / slopes[0] <= price * 1.05  # not worth its price


@pytest.mark.parametrize("price", [0.003, 0.1])
def test_no_point_of_a_grid_is_cheaper(price: float) -> None:
    weights = np.array([1.0, price])
    constraints = [ring(5, 0.3), limit(np.eye(2), [1, 0.5], [0, 1], at_most=0.2)]
    found = least_cost(weights, constraints)
    own, pair = (np.geomspace(0.2, 5, 41) * v for v in found.variances)
    for v in own:
        for p in pair:
            point = np.array([v, p])
            if weights @ point < found.cost * (1 - 1e-6):
                assert any(by_pseudo_inverse(c, point).max() > c.limit for c in constraints)


def test_two_limits_that_both_bind() -> None:
    """v_0 >= 2 and v_1 >= 3 from two views; the shares are those of the cost."""
    found = least_cost(
        np.array([1.0, 2.0]),
        [limit([[1.0]], [1], [0], at_most=0.5), limit([[1.0]], [1], [1], at_most=1 / 3), ring(4, 5.0)],
    )
    assert found.variances == pytest.approx([2, 3], rel=1e-6)
    assert found.shares == pytest.approx((2 / 8, 6 / 8, 0), abs=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_losses_agree_with_the_pseudo_inverse(seed: int) -> None:
    words = Entropy.seeded(seed).stream("matrices").words(np.arange(4, dtype=np.int64), 9)
    dense = (words % 5).astype(np.float64) - 2
    dense[:, :4] += 7 * np.eye(4)
    dense = np.vstack([dense, dense[0] + 2 * dense[1]])  # a row that says nothing new
    changes = dense @ np.eye(9)[:, :3]
    constraint = limit(dense, changes, [0, 1, 2, 0, 1, 2, 0, 1, 2])
    variances = np.array([0.5, 1.0, 4.0])
    assert losses(constraint, variances) == pytest.approx(by_pseudo_inverse(constraint, variances), rel=1e-7)


def test_a_wrong_optimum_would_be_noticed() -> None:
    """The mutant that gives all noises one variance costs 10, and its slopes are not parallel to the cost."""
    constraint = limit(np.eye(2), [1, 1], [0, 1])
    uniform = np.array([2.0, 2.0])
    assert by_pseudo_inverse(constraint, uniform).max() == pytest.approx(1)
    slopes = [float(slope([constraint], uniform, k)[0]) for k in range(2)]
    assert slopes[0] / slopes[1] != pytest.approx(1 / 4, rel=0.1)


# -- refusals -------------------------------------------------------------------------------------


def test_leaks_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no noise hides"):
        least_cost(np.array([1.0]), [limit([[1.0], [1.0]], [1, 0], [0])])
    with pytest.raises(ConfigurationError, match="no noise hides"):
        least_cost(np.array([1.0]), [limit([[1.0], [0.0]], [1, 1], [0])])


def test_limits_that_known_noise_breaks_are_refused() -> None:
    """The planned noise is in the first row only, and the second shows the secret with known noise."""
    with pytest.raises(ConfigurationError, match=r"no size of the planned noises.*The view stays"):
        least_cost(np.array([1.0]), [limit(np.eye(2), [1, 1], [0, -1], known=[0, 2.0], at_most=0.3)])


def test_free_noise_and_misfits_are_refused() -> None:
    good = limit(np.eye(2), [1, 1], [0, 1])
    with pytest.raises(ConfigurationError, match="weight above 0"):
        least_cost(np.array([1.0, 0.0]), [good])
    with pytest.raises(ConfigurationError, match="no noise is needed"):
        least_cost(np.array([1.0, 1.0]), [replace(good, changes=np.zeros((2, 1)))])
    with pytest.raises(ConfigurationError, match="fit together"):
        replace(good, symbols=np.zeros(3, np.int64))
    with pytest.raises(ConfigurationError, match="limit of the view"):
        replace(good, limit=0.0)
