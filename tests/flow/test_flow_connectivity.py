"""Proven bounds of second eigenvalues, and tests that refuse wrong ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow import connectivity as module
from tip.flow.connectivity import Laplacian, closed_form, connectivity, failure_of, laplacian, passes, planned
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

COINS = Entropy.seeded(41)


def graph(size: int, edges: NDArray[np.int64], weights: NDArray[np.float64] | float = 1.0) -> Laplacian:
    values = np.broadcast_to(weights, (len(edges),))
    ends = np.concatenate([edges, edges[:, ::-1]])
    return laplacian(csr_array((np.concatenate([values, values]), (ends[:, 0], ends[:, 1])), shape=(size, size)))


def known(kind: str, size: int) -> NDArray[np.int64]:
    line = np.stack([np.arange(size - 1), np.arange(1, size)], axis=1)
    if kind == "complete":
        return np.stack(np.triu_indices(size, 1), axis=1)
    if kind == "star":
        return np.stack([np.zeros(size - 1, np.int64), np.arange(1, size)], axis=1)
    return line if kind == "path" else np.concatenate([line, [[0, size - 1]]])


def random_edges(size: int, degree: int, seed: int) -> NDArray[np.int64]:
    draws = Entropy.seeded(seed).generator("graph")
    one, other = np.repeat(np.arange(size), degree), draws.integers(0, size - 1, size * degree)
    other += other >= one
    keys = np.unique(np.minimum(one, other) * size + np.maximum(one, other))
    return np.stack([keys // size, keys % size], axis=1)


def two_clusters(half: int, bridges: int) -> NDArray[np.int64]:
    at = np.arange(bridges)
    return np.concatenate(
        [random_edges(half, 6, 1), half + random_edges(half, 6, 2), np.stack([at, half + at], axis=1)]
    )


def spectrum(this: Laplacian) -> NDArray[np.float64]:
    full = np.diag(this.degrees) - this.weights.toarray()
    return np.asarray(np.linalg.eigvalsh(full), np.float64)


@pytest.mark.parametrize("kind", ["complete", "ring", "path", "star"])
@pytest.mark.parametrize("size", [3, 4, 17, 200])
def test_closed_forms_are_eigenvalues(kind: str, size: int) -> None:
    this = graph(size, known(kind, size))
    true = spectrum(this)[1]
    formula = closed_form(kind, size).bound  # type: ignore[arg-type] # parametrized
    assert formula == pytest.approx(true, rel=1e-9, abs=1e-12)
    proven = connectivity(this)
    assert proven.failure == 0
    assert proven.bound <= formula * (1 + 1e-12)
    assert proven.bound >= formula * 0.999 - 1e-10
    assert closed_form(kind, size, 3.0).bound == pytest.approx(3 * formula)  # type: ignore[arg-type] # parametrized


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 25), st.integers(1, 4), st.integers(0, 10**6))
def test_dense_proofs_lie_below_the_eigenvalue_of_every_component(size: int, degree: int, seed: int) -> None:
    edges = random_edges(size, degree, seed)
    edges = edges[:: 1 + seed % 3]
    weights = Entropy.seeded(seed).generator("weights").uniform(0.1, 2, len(edges))
    this = graph(size, edges, weights)
    proven = connectivity(this)
    true = spectrum(this)[len(this.sizes) :]
    if not len(edges):
        assert proven.bound == math.inf
    else:
        assert 0.99 * true[0] <= proven.bound <= true[0]


def test_chance_proves_what_dense_proves(monkeypatch: pytest.MonkeyPatch) -> None:
    this = graph(600, random_edges(600, 6, 3), 3.0)
    dense = connectivity(this)
    monkeypatch.setattr(module, "DENSE", 10)
    found = connectivity(this, coins=COINS)
    assert found.how == "Chebyshev test"
    assert 0 < found.failure <= 2.0**-40
    assert 0.6 * dense.bound < found.bound <= dense.bound


def test_chance_with_several_components(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = np.concatenate([random_edges(300, 6, 3), 300 + random_edges(300, 6, 4)])
    this = graph(605, edges)
    assert len(this.sizes) == 7
    monkeypatch.setattr(module, "DENSE", 10)
    found = connectivity(this, coins=COINS)
    assert 0.6 * spectrum(this)[7] < found.bound <= spectrum(this)[7]


@pytest.mark.parametrize("bridges", [1, 5, 40])
def test_a_claim_above_the_eigenvalue_is_refused(bridges: int) -> None:
    # two clusters: the second eigenvalue is small, the rest as if there were one; a claim from the rest must not pass
    this = graph(1000, two_clusters(500, bridges))
    values = spectrum(this)
    plan = planned(this, float(values[2]), float(values[-1]), 2.0**-40)
    assert plan is not None
    assert plan.bound > values[1]
    assert not any(passes(this, plan, Entropy.seeded(seed)) for seed in range(20))
    honest = planned(this, float(values[1]), float(values[-1]), 2.0**-40, steps=4000)
    assert honest is not None
    assert honest.bound < values[1]
    assert passes(this, honest, COINS)


def test_an_eigenvalue_hidden_from_the_estimate_costs_only_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    this = graph(1000, two_clusters(500, 1))
    values = spectrum(this)
    monkeypatch.setattr(module, "DENSE", 10)
    monkeypatch.setattr(module, "_estimate", lambda _: (float(values[2]), float(values[-1])))
    found = connectivity(this, coins=COINS)
    assert (found.bound, found.failure) == (0.0, 0.0)


def test_the_failure_grows_with_the_claim_and_counts_rounding() -> None:
    this = graph(600, random_edges(600, 6, 3))
    values = spectrum(this)
    plan = planned(this, float(values[1]), float(values[-1]), 2.0**-40)
    assert plan is not None
    assert plan.failure <= 2.0**-40
    outside = (plan.beta - plan.alpha * plan.bound) / 2
    before, now = 1.0, outside
    for _ in range(plan.steps - 1):
        before, now = now, 2 * outside * now - before
    assert plan.failure == pytest.approx((math.sqrt(2 / math.pi) * plan.radius / now) ** 2, rel=0.01)
    assert plan.failure > (math.sqrt(2 / math.pi) * plan.radius / now) ** 2
    chances = [failure_of(this, replace(plan, bound=plan.bound * part)) for part in (0.9, 1.0, 1.02, 1.05, 1.5)]
    assert chances == sorted(chances)
    assert chances[-1] == 1
    assert failure_of(this, replace(plan, steps=10**6)) == 1
    # with ever more steps the polynomial alone would prove anything; rounding keeps the failure up
    many = failure_of(this, replace(plan, steps=800))
    few = failure_of(this, replace(plan, steps=400))
    assert many >= few * (1 - 1e-6) > 0
    assert few >= (16 * 2.0**-53 * plan.radius) ** 2 * 0.5


def test_no_plan_without_hope() -> None:
    this = graph(600, known("path", 600))
    assert planned(this, 1e-5, 4.0, 2.0**-40) is None
    assert planned(this, 4.0, 1.0, 2.0**-40) is None
    assert planned(this, 1.0, 2.0, 0.0) is None


def test_bad_graphs() -> None:
    with pytest.raises(ConfigurationError, match="symmetric"):
        laplacian(csr_array(np.array([[0.0, 1.0], [0.0, 0.0]])))
    with pytest.raises(ConfigurationError, match="> 0"):
        laplacian(csr_array(np.array([[0.0, -1.0], [-1.0, 0.0]])))
    with pytest.raises(ConfigurationError, match="second"):
        closed_form("ring", 1)
