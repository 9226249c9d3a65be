"""The server's optimizer against its formulas, and its state as plain arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.learning.central import ServerOptimizer, ServerState
from tip.learning.model import Linear

UPDATES = st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(UPDATES, st.floats(0.01, 5), st.floats(0, 0.99))
def test_rounds_follow_the_formulas(moves: list[tuple[float, float]], rate: float, momentum: float) -> None:
    optimizer = ServerOptimizer(rate, momentum, averaging=True)
    state = optimizer.init(Linear(1))
    theta, velocity, iterates = np.zeros(2), np.zeros(2), []
    for move in moves:
        state = optimizer.update(state, np.array(move))
        velocity = momentum * velocity + np.array(move)
        theta = theta + rate * velocity
        iterates.append(theta)
    assert np.array_equal(state.parameters, theta)
    weights = [s * (s + 1) * (s + 2) for s in range(1, len(moves) + 1)]
    assert np.allclose(state.average, np.average(iterates, axis=0, weights=weights), rtol=1e-9, atol=1e-9)
    assert state.round == len(moves)
    assert optimizer.result(state) is state.average
    assert ServerOptimizer(rate, momentum, averaging=False).result(state) is state.parameters


@settings(max_examples=40, deadline=None)
@given(UPDATES)
def test_a_state_saved_in_mid_run_goes_on_to_the_same_bits(moves: list[tuple[float, float]]) -> None:
    optimizer = ServerOptimizer(0.7, 0.9, averaging=True)
    straight = resumed = optimizer.init(Linear(1))
    for move in moves:
        straight = optimizer.update(straight, np.array(move))
        file = io.BytesIO()
        np.savez(file, **resumed.to_arrays())  # type: ignore[arg-type] # names, not a flag
        file.seek(0)
        resumed = optimizer.update(ServerState.from_arrays(np.load(file)), np.array(move))
    for name, array in straight.to_arrays().items():
        assert np.array_equal(array, resumed.to_arrays()[name])


def test_update_is_pure() -> None:
    optimizer = ServerOptimizer(1.0, 0.5, averaging=True)
    state, move = optimizer.init(Linear(2)), np.ones(3)
    before = {name: array.copy() for name, array in state.to_arrays().items()}
    first, again = optimizer.update(state, move), optimizer.update(state, move)
    assert all(np.array_equal(before[name], array) for name, array in state.to_arrays().items())
    assert np.array_equal(first.average, again.average)
    assert np.array_equal(first.average, first.parameters)  # the start does not count
    assert move.tolist() == [1, 1, 1]


def test_averaging_forgets_noise_and_the_start_and_mutants_do_not() -> None:
    """Noisy descent on (x - 1)^2 / 2 from 0: the last iterate keeps its noise, the plain mean keeps its start."""
    signs = np.where(np.arange(4000) * 2654435761 % 2**32 < 2**31, 1.0, -1.0)
    optimizer = ServerOptimizer(0.01, 0.0, averaging=True)
    state, iterates = optimizer.init(Linear(1)), []
    for sign in signs:
        state = optimizer.update(state, 1 - state.parameters + sign)
        iterates.append(state.parameters[0])
    error = abs(state.average[0] - 1)
    assert error < 0.005
    assert abs(np.mean(iterates) - 1) > 0.02
    assert np.std(iterates[2000:]) > error


@pytest.mark.parametrize("move", [np.zeros(3), np.array([1.0, np.nan]), np.array([np.inf, 0]), np.zeros((1, 2))])
def test_updates_that_do_not_fit_are_refused(move: np.ndarray) -> None:
    optimizer = ServerOptimizer(1.0, 0.0, averaging=False)
    with pytest.raises(ConfigurationError):
        optimizer.update(optimizer.init(Linear(1)), move)


@pytest.mark.parametrize(
    ("rate", "momentum"), [(0, 0), (-1, 0), (np.nan, 0), (np.inf, 0), (1, 1), (1, -0.1), (1, np.nan)]
)
def test_rates_that_make_no_sense_are_refused(rate: float, momentum: float) -> None:
    with pytest.raises(ConfigurationError):
        ServerOptimizer(rate, momentum, averaging=True)


def test_states_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        ServerState(np.zeros(2), np.zeros(3), np.zeros(2), 0)
    with pytest.raises(ConfigurationError):
        ServerState(np.zeros(2), np.zeros(2), np.zeros(2), -1)
    with pytest.raises(ConfigurationError, match="lacks momentum"):
        ServerState.from_arrays({"parameters": np.zeros(2), "average": np.zeros(2), "round": np.array(0)})
