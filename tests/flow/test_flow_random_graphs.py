"""The bound on random graphs against graphs that are really drawn."""

from __future__ import annotations

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.graphs import edges
from tip.flow.model import Graph, Wiring
from tip.flow.random_graphs import connectivity


def second(size: int, picks: int, seed: int, bad: int) -> float:
    """lambda_2 among the honest, the last ones."""
    pairs = edges(Graph("net", "person", Wiring.K_OUT, picks=picks, seed=seed), size)
    pairs = pairs[(pairs >= bad).all(axis=1)] - bad
    left = np.zeros((size - bad, size - bad))
    left[pairs[:, 0], pairs[:, 1]] = left[pairs[:, 1], pairs[:, 0]] = -1
    left[np.diag_indices(size - bad)] = -left.sum(axis=1)
    return float(np.linalg.eigvalsh(left)[1])


@pytest.mark.parametrize(("size", "picks", "bad"), [(60, 20, 0), (60, 25, 20)])
def test_drawn_graphs_keep_the_bound(size: int, picks: int, bad: int) -> None:
    """At failure 0.05 at most 10 of 200 by chance, and 3 standard deviations more; truly far fewer."""
    bound = connectivity(agents=size, honest=size - bad, picks=picks, failure=0.05)
    assert bound > 1
    assert sum(second(size, picks, seed, bad) < bound for seed in range(200)) <= 10 + 9


def test_the_bound_is_not_a_trivial_one() -> None:
    """It is below half the mean 2 k h / (n - 1) of the proof, and not far below."""
    found = connectivity(agents=5000, honest=4500, picks=300, failure=2.0**-40)
    mean = 2 * 300 * 4500 / 4999
    assert 0.25 * mean < found < 0.5 * mean


def test_more_picks_more_honest_and_more_failure_give_more() -> None:
    base = connectivity(agents=1000, honest=800, picks=100, failure=1e-9)
    assert connectivity(agents=1000, honest=800, picks=120, failure=1e-9) > base
    assert connectivity(agents=1000, honest=900, picks=100, failure=1e-9) > base
    assert connectivity(agents=1000, honest=800, picks=100, failure=1e-6) > base
    assert connectivity(agents=1000, honest=800, picks=5, failure=1e-9) == 0


@pytest.mark.parametrize(
    ("honest", "picks", "failure"), [(11, 3, 0.1), (1, 3, 0.1), (5, 10, 0.1), (5, 3, 0.0), (5, 3, 1.0)]
)
def test_senseless_graphs(honest: int, picks: int, failure: float) -> None:
    with pytest.raises(ConfigurationError):
        connectivity(agents=10, honest=honest, picks=picks, failure=failure)
