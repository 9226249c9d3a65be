"""Bounds of all agents at once, never below the exact loss of any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from scipy.sparse import csr_array, hstack

from tip.errors import ConfigurationError
from tip.flow import spectral
from tip.flow.connectivity import Connectivity, closed_form
from tip.flow.spectral import after_deletion, all_agents, pairwise
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Kind = Literal["complete", "ring", "path", "star"]


def view(size: int, edges: NDArray[np.int64], own: float = 0.5, pair: float = 3.0) -> tuple[csr_array, Floats]:
    at = size + np.arange(len(edges))
    rows = np.concatenate([np.arange(size), edges[:, 0], edges[:, 1]])
    columns = np.concatenate([np.arange(size), at, at])
    entries = np.concatenate([np.ones(size), np.ones(len(edges)), -np.ones(len(edges))])
    noise = csr_array((entries, (rows, columns)), shape=(size, size + len(edges)))
    return noise, np.concatenate([np.full(size, own), np.full(len(edges), pair)])


def known(kind: Kind, size: int) -> NDArray[np.int64]:
    line = np.stack([np.arange(size - 1), np.arange(1, size)], axis=1)
    if kind == "complete":
        return np.stack(np.triu_indices(size, 1), axis=1)
    if kind == "star":
        return np.stack([np.zeros(size - 1, np.int64), np.arange(1, size)], axis=1)
    return line if kind == "path" else np.concatenate([line, [[0, size - 1]]])


def exact(noise: csr_array, spread: Floats) -> Floats:
    full = noise.toarray()
    return np.asarray(np.linalg.inv((full * spread) @ full.T).diagonal(), np.float64)


def random_view(seed: int) -> tuple[csr_array, Floats]:
    """Any density, components of any size, unequal weights, doubled edges, coefficients c and -c, unequal own noise."""
    draws = Entropy.seeded(seed).generator("view")
    size = int(draws.integers(2, 40))
    every = known("complete", size)
    edges = every[draws.uniform(size=len(every)) < draws.uniform(0.02, 0.9)]
    edges = np.concatenate([edges, edges[::3]])
    noise, spread = view(size, edges)
    spread[:size] *= draws.uniform(1, 2, size) if seed % 2 else 1.0
    spread[size:] *= draws.uniform(0.1, 2, len(edges)) if seed % 3 else 1.0
    factors = np.concatenate([np.ones(size), draws.choice([1.0, -1.0, 0.5, 1.7], len(edges))])
    noise.data *= factors[noise.indices]
    return noise, spread


@pytest.mark.parametrize("seed", range(100))
def test_no_agent_is_below_its_exact_loss(seed: int) -> None:
    noise, spread = random_view(seed)
    true = exact(noise, spread)
    found = all_agents(pairwise(noise, spread))
    assert found.failure == 0
    assert (found.bound >= true * (1 - 1e-13)).all()
    assert found.worst == found.bound.max()
    if seed % 2 == 0:
        assert (found.bound <= 2 * true).all()


def test_other_noise_may_only_help() -> None:
    noise, spread = view(12, known("ring", 12))
    more = np.zeros((12, 3))
    more[:3, 0], more[2:4, 1], more[5, 2] = 1.0, 1.0, 4.0  # three rows; two rows, same sign; more own noise
    wide = csr_array(hstack([noise, csr_array(more)]))
    both = np.concatenate([spread, [1.0, 2.0, 3.0]])
    assert (all_agents(pairwise(wide, both)).bound >= exact(wide, both)).all()
    assert all_agents(pairwise(wide, both)).worst == pytest.approx(all_agents(pairwise(noise, spread)).worst, rel=1e-9)


def test_noise_that_does_not_cancel_is_no_edge() -> None:
    noise, spread = view(6, known("ring", 6), own=0.01)
    uneven = noise.copy()
    uneven.data = np.where(uneven.data < 0, -0.01, uneven.data)
    assert (all_agents(pairwise(uneven, spread)).bound >= exact(uneven, spread)).all()
    assert all_agents(pairwise(uneven, spread)).worst == pytest.approx(100.0)


def test_the_complete_graph_is_exact() -> None:
    noise, spread = view(100, known("complete", 100))
    found = all_agents(pairwise(noise, spread))
    assert found.worst == pytest.approx(0.02329450915141431, rel=1e-9)
    assert found.worst >= 14 / 601
    closed = all_agents(pairwise(noise, spread), connected=closed_form("complete", 100, 3.0))
    assert 14 / 601 <= closed.worst <= 14 / 601 * (1 + 1e-11)


@pytest.mark.parametrize(
    ("kind", "graph_part"),
    [("path", 199 * 399 / 1200), ("ring", (200**2 - 1) / 2400), ("star", (199 - 1 / 200) / 200)],
)
def test_worst_agents_of_known_graphs(kind: Kind, graph_part: float) -> None:
    # theta - 1/(n s) tends to max (L^+)_vv as own noise vanishes
    noise, spread = view(200, known(kind, 200), own=1e-7, pair=1.0)
    true = exact(noise, spread)
    assert true.max() - 1 / (200 * 1e-7) == pytest.approx(graph_part, rel=1e-3)
    found = all_agents(pairwise(noise, spread))
    assert (found.bound >= true * (1 - 1e-9)).all()
    assert found.worst < 1.2e7
    if kind == "star":  # eigenvalues 1 and n only: two points say all
        assert found.worst == pytest.approx(true.max(), rel=1e-6)


def test_nodes_do_not_carry_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, spread = random_view(4)
    true = exact(noise, spread)
    best = all_agents(pairwise(noise, spread)).bound
    for nodes in ([0.1, 30.0], [5.0, 6.0], [1000.0, 2.0], [-0.4, 3.0], [-7.0, 1.0]):
        fixed = [(np.full(len(true), nodes[0]),), (np.full(len(true), nodes[0]), np.full(len(true), nodes[1]))]
        monkeypatch.setattr(spectral, "_nodes", lambda *_, fixed=fixed: fixed)
        bound = all_agents(pairwise(noise, spread)).bound
        assert (bound >= true).all()
        assert (bound >= best * (1 - 1e-9)).all()


def test_three_points_are_better_than_two(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = Entropy.seeded(1).generator("view")
    every = known("complete", 150)
    noise, spread = view(150, every[draws.uniform(size=len(every)) < 0.08])
    true = exact(noise, spread)
    three = all_agents(pairwise(noise, spread)).bound
    monkeypatch.setattr(spectral, "_MOST", 1.0)
    two = all_agents(pairwise(noise, spread)).bound
    assert (two >= three).all()
    assert (three >= true).all()
    assert (three - true).mean() < 0.5 * (two - true).mean()


@pytest.mark.parametrize("seed", [8, 21, 34])
def test_the_largest_bounds_are_as_sharp_as_if_all_were_improved(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = Entropy.seeded(seed).generator("view")
    every = known("complete", 150)
    noise, spread = view(150, every[draws.uniform(size=len(every)) < 0.08])
    whole = all_agents(pairwise(noise, spread)).bound
    monkeypatch.setattr(spectral, "_AT_ONCE", 500.0)
    part = all_agents(pairwise(noise, spread)).bound
    assert (part >= whole * (1 - 1e-13)).all()
    assert np.allclose(np.sort(part)[-spectral.SHARPENED :], np.sort(whole)[-spectral.SHARPENED :], rtol=1e-13)
    assert not np.allclose(part, whole, rtol=1e-6)  # the others were left as they are
    monkeypatch.setattr(spectral, "_MOST", 1.0)
    assert all_agents(pairwise(noise, spread)).worst > whole.max() * (1 + 1e-6)


def test_a_wrong_eigenvalue_gives_a_wrong_bound() -> None:
    # the test would notice a left end that is not proven
    noise, spread = view(200, known("path", 200), own=0.01, pair=1.0)
    wrong = all_agents(pairwise(noise, spread), connected=Connectivity(0.5, 0.0, "made up"))
    assert (wrong.bound < exact(noise, spread)).any()
    nothing = all_agents(pairwise(noise, spread), connected=Connectivity(0.0, 0.0, "nothing"))
    assert (nothing.bound >= exact(noise, spread)).all()


def test_an_agent_alone_has_its_own_noise_only() -> None:
    noise, spread = view(5, np.array([[0, 1], [1, 2]]))
    found = all_agents(pairwise(noise, spread))
    assert found.bound[3:] == pytest.approx([2.0, 2.0], rel=1e-12)
    assert (found.bound[:3] < 1.1).all()


@pytest.mark.parametrize("deleted", [0, 1, 2])
def test_every_coalition_of_a_size_is_covered(deleted: int) -> None:
    draws = Entropy.seeded(9).generator("view")
    every = known("complete", 12)
    edges = every[draws.uniform(size=len(every)) < 0.8]
    noise, spread = view(12, edges)
    lowest = all_agents(pairwise(noise, spread)).connectivity
    bound = after_deletion(12, 0.5, lowest, deleted=deleted, weight=3.0)
    for first in range(12):
        for second in range(first + 1, 12):
            gone = [first, second][:deleted]
            left = [v for v in range(12) if v not in gone]
            inside = edges[~np.isin(edges, gone).any(axis=1)]
            rest = 0.5 * np.eye(12)
            for i, j in inside:
                rest[[i, j], [i, j]] += 3.0
                rest[i, j] -= 3.0
                rest[j, i] -= 3.0
            true = np.linalg.inv(rest[np.ix_(left, left)]).diagonal()
            assert bound.worst >= true.max()
    assert bound.worst < 2.0
    assert len(bound.bound) == 12 - deleted


def test_too_many_deletions_leave_own_noise() -> None:
    assert after_deletion(12, 0.5, closed_form("ring", 12), deleted=3).worst == pytest.approx(2.0)
    complete = after_deletion(100, 0.5, closed_form("complete", 100, 3.0), deleted=30, weight=3.0)
    assert complete.worst == pytest.approx(1 / 35 + (1 - 1 / 70) / (0.5 + 210))
    with pytest.raises(ConfigurationError, match="nobody"):
        after_deletion(5, 0.5, closed_form("ring", 5), deleted=5)


def test_a_row_without_own_noise_is_refused() -> None:
    noise, spread = view(5, known("ring", 5))
    with pytest.raises(ConfigurationError, match="own"):
        pairwise(csr_array(noise[:, 1:]), spread[1:])
