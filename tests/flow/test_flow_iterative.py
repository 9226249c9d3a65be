"""Conjugate gradients with certificates, against dense solutions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow import iterative, linear
from tip.flow.certificates import lower_bound, upper_bound
from tip.flow.iterative import Prepared, loss, losses, prepare
from tip.randomness import Entropy

Floats = NDArray[np.float64]


def pairs(size: int, degree: int, seed: int = 0) -> NDArray[np.int64]:
    """A random graph: every vertex picks some others."""
    draws = Entropy.seeded(seed).generator("graph")
    one = np.repeat(np.arange(size), degree)
    other = draws.integers(0, size - 1, size * degree)
    other += other >= one
    keys = np.unique(np.minimum(one, other) * size + np.maximum(one, other))
    return np.stack([keys // size, keys % size], axis=1)


def view(size: int, edges: NDArray[np.int64], own: float = 0.5, pair: float = 3.0) -> tuple[csr_array, Floats]:
    at = size + np.arange(len(edges))
    rows = np.concatenate([np.arange(size), edges[:, 0], edges[:, 1]])
    columns = np.concatenate([np.arange(size), at, at])
    entries = np.concatenate([np.ones(size), np.ones(len(edges)), -np.ones(len(edges))])
    noise = csr_array((entries, (rows, columns)), shape=(size, size + len(edges)))
    return noise, np.concatenate([np.full(size, own), np.full(len(edges), pair)])


def path(size: int) -> NDArray[np.int64]:
    return np.stack([np.arange(size - 1), np.arange(1, size)], axis=1)


def inverse(noise: csr_array, spread: Floats) -> Floats:
    full = noise.toarray()
    return np.asarray(np.linalg.inv((full * spread) @ full.T), np.float64)


@pytest.fixture(scope="module")
def expander() -> tuple[Prepared, Floats]:
    noise, spread = view(300, pairs(300, 5))
    return prepare(noise, spread), inverse(noise, spread)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10])
def test_the_gap_asked_for_is_reached_on_both_sides(expander: tuple[Prepared, Floats], tolerance: float) -> None:
    ready, true = expander
    for vertex in (0, 150, 299):
        found = loss(ready, np.eye(300)[vertex], tolerance=tolerance)
        assert found.upper is not None
        assert found.gap <= tolerance
        assert float(found.lower) <= true[vertex, vertex] * (1 + 1e-13)
        assert float(found.upper) >= true[vertex, vertex] * (1 - 1e-13)


def test_many_changes_at_once_are_each_as_alone(expander: tuple[Prepared, Floats]) -> None:
    ready, true = expander
    changes = np.stack([np.eye(300)[7], np.zeros(300), np.linspace(-1, 1, 300), 1e6 * np.eye(300)[8]], axis=1)
    found = losses(ready, changes, tolerance=1e-8)
    for index, one in enumerate(found):
        value = changes[:, index] @ true @ changes[:, index]
        assert one.upper is not None
        assert one.gap <= 1e-8
        assert float(one.lower) * (1 - 1e-12) <= value <= float(one.upper) * (1 + 1e-12)
    assert found[1].upper == 0


def test_iterative_is_dense_where_both_work(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, spread = view(120, pairs(120, 3))
    change = np.eye(120)[5] - 2 * np.eye(120)[6]
    dense = linear.loss(noise, change, spread)
    monkeypatch.setattr(linear, "DENSE", 50)
    sparse = linear.loss(noise, change, spread, tolerance=1e-9)
    assert dense.upper is not None
    assert sparse.upper is not None
    assert max(dense.lower, sparse.lower) <= min(dense.upper, sparse.upper)
    assert sparse.gap <= 1e-9


def test_the_returned_witnesses_prove_the_bounds(expander: tuple[Prepared, Floats]) -> None:
    ready, _ = expander
    change = np.eye(300)[11]
    found = loss(ready, change)
    assert upper_bound(ready.noise, change, np.array(found.certificate, np.float64)) == found.upper
    assert lower_bound(ready.noise, change, np.array(found.test, np.float64)) == found.lower


def test_early_stops_are_wide_but_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, spread = view(400, path(400), own=1e-4)
    true = inverse(noise, spread)[200, 200]
    monkeypatch.setattr(iterative, "ROUNDS", 3)
    found = loss(prepare(noise, spread), np.eye(400)[200])
    assert found.upper is not None
    assert found.gap > 1e-3
    assert float(found.lower) <= true <= float(found.upper)


def test_a_long_path_with_little_own_noise() -> None:
    # n = 200: as own noise vanishes, theta - 1/(n s) tends to max (L^+)_vv = (n-1)(2n-1)/(6n) = 66.1675 at the end
    noise, spread = view(200, path(200), own=1e-7, pair=1.0)
    found = loss(prepare(noise, spread), np.eye(200)[0], tolerance=1e-8)
    assert found.upper is not None
    assert float(found.upper) - 1 / (200 * 1e-7) == pytest.approx(66.1675, abs=0.03)
    values = np.linalg.eigvalsh(np.diag([1.0, *[2.0] * 198, 1.0]) - np.eye(200, k=1) - np.eye(200, k=-1))[1:]
    angles = np.pi * np.arange(1, 200) / 200
    assert np.allclose(values, 2 - 2 * np.cos(angles))
    ends = 2 / 200 * np.cos(angles / 2) ** 2
    assert float(found.upper) == pytest.approx(1 / (200 * 1e-7) + (ends / (1e-7 + values)).sum(), rel=1e-7)


def test_coefficients_other_than_one_and_rows_with_several_own_columns() -> None:
    draws = Entropy.seeded(3).generator("coefficients")
    noise, spread = view(60, pairs(60, 4))
    noise.data *= draws.uniform(0.1, 2, noise.nnz)
    both = csr_array(np.hstack([noise.toarray(), np.diag(draws.uniform(-3, -1, 60))]))
    wide = np.concatenate([spread, draws.uniform(0.1, 1, 60)])
    ready = prepare(both, wide)
    true = inverse(both, wide)
    found = loss(ready, np.eye(60)[9], tolerance=1e-9)
    assert found.upper is not None
    assert float(found.lower) * (1 - 1e-12) <= true[9, 9] <= float(found.upper) * (1 + 1e-12)
    assert found.gap <= 1e-9


def test_bad_requests() -> None:
    noise, spread = view(10, path(10))
    with pytest.raises(ConfigurationError, match="not proven"):
        prepare(csr_array(noise[:, 10:]), spread[10:])
    with pytest.raises(ConfigurationError, match="finite number"):
        loss(prepare(noise, spread), np.ones(9))
