"""Reconstruction: EM climbs, fast responses are the matrix, hostile counts end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.reconstruction import Dense, Symmetric, Windowed, reconstruct, smoothed
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def window(inputs: int, first: int, length: int, edge: float) -> Windowed:
    kernel = np.zeros(first + length + 2)
    kernel[first : first + length] = 0.02
    kernel[first + length] = edge
    return Windowed(np.full(inputs + len(kernel) - 1, 0.01), kernel)


@given(
    inputs=st.integers(1, 40),
    first=st.integers(0, 5),
    length=st.integers(1, 30),
    edge=st.floats(0, 0.0199),
    seed=st.integers(0, 999),
)
@settings(max_examples=60)
def test_a_window_is_its_matrix(inputs: int, first: int, length: int, edge: float, seed: int) -> None:
    response = window(inputs, first, length, edge)
    matrix = response.dense()
    rng = Entropy.seeded(seed).generator("test")
    shares, weights = rng.random(response.inputs), rng.random(response.outputs)
    assert np.allclose(response.forward(shares), matrix @ shares, rtol=1e-12)
    assert np.allclose(response.backward(weights), weights @ matrix, rtol=1e-12)


def test_a_symmetric_response_is_its_matrix() -> None:
    p, q = 0.4, 0.2
    matrix = np.full((4, 4), q) + (p - q) * np.eye(4)
    x = Entropy.seeded(0).generator("test").random(4)
    assert np.allclose(Symmetric(4, p, q).forward(x), matrix @ x)
    assert np.allclose(Symmetric(4, p, q).backward(x), x @ matrix)
    assert Dense(matrix).inputs == Symmetric(4, p, q).inputs == Symmetric(4, p, q).outputs == 4


@given(seed=st.integers(0, 10_000), smoothing=st.booleans())
@settings(max_examples=40)
def test_shares_are_shares_and_em_never_loses(seed: int, *, smoothing: bool) -> None:
    rng = Entropy.seeded(seed).generator("test")
    matrix = rng.dirichlet(np.ones(6), size=4).T
    counts = rng.integers(0, 20, 6)
    counts[0] += 1
    last = -np.inf
    for steps in (1, 2, 5, 20):
        found = reconstruct(Dense(matrix), counts, gain=0.0, iterations=steps, smoothing=smoothing)
        assert found.shares.min() >= 0
        assert found.shares.sum() == pytest.approx(1)
        assert smoothing or found.log_likelihood >= last - 1e-9
        last = found.log_likelihood


def test_em_finds_the_linear_inverse_where_that_is_a_share() -> None:
    """An interior maximum of the likelihood reproduces the outputs' frequencies."""
    matrix = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]])
    truth = np.array([0.5, 0.3, 0.2])
    found = reconstruct(Dense(matrix), matrix @ truth * 1000, gain=0.0)
    assert np.allclose(found.shares, truth, atol=1e-6)


def test_smoothing_is_a_doubly_stochastic_matrix() -> None:
    matrix = np.array([smoothed(row) for row in np.eye(7)])
    assert np.allclose(matrix.sum(axis=0), 1)
    assert np.allclose(matrix.sum(axis=1), 1)
    assert np.allclose(matrix[3], [0, 0, 0.25, 0.5, 0.25, 0, 0])
    assert np.allclose(matrix[0], [0.75, 0.25, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    "counts", [[0, 0, 0], [1, -1, 2], [1, np.nan, 1], [1, np.inf, 1], [1, 2], [[1, 2, 3]], ["a", "b", "c"]]
)
def test_bad_counts_are_refused(counts: ArrayLike) -> None:
    with pytest.raises(ConfigurationError):
        reconstruct(Dense(np.eye(3)), counts)


def test_an_output_that_nothing_explains_is_told() -> None:
    matrix = np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 0.0]])
    with pytest.raises(ConfigurationError, match="explains"):
        reconstruct(Dense(matrix), [1, 1, 1])
    assert reconstruct(Dense(matrix), [1, 1, 0]).converged


def test_bad_responses_are_refused() -> None:
    for matrix in (np.ones(3), np.ones((2, 2)), -np.eye(2), np.full((2, 2), np.nan), np.zeros((0, 2))):
        with pytest.raises(ConfigurationError):
            Dense(matrix)
    with pytest.raises(ConfigurationError):
        Windowed(np.full(8, 0.1), np.array([1.0, 0.5, 1.0]))
    with pytest.raises(ConfigurationError):
        Windowed(np.zeros(8), np.array([1.0, 1.0]))


def test_the_search_stops_where_it_is_told() -> None:
    response = Symmetric(3, 0.5, 0.25)
    found = reconstruct(response, [5, 1, 1], gain=0.0, iterations=3)
    assert (found.iterations, found.converged) == (3, False)
    with pytest.raises(ConfigurationError):
        reconstruct(response, [5, 1, 1], iterations=0)
    with pytest.raises(ConfigurationError):
        reconstruct(response, [5, 1, 1], gain=-1.0)
