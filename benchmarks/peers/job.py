"""The job that all peers run: data, agents, and the clock of rounds."""

from __future__ import annotations

import json
import os
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits

AGENTS, COHORT, SAMPLES, BATCH, RATE = 1000, 100, 20, 10, 0.5
ROUNDS = int(os.environ.get("PEER_ROUNDS", "60"))
FEATURES, CLASSES = 64, 10
_X, _Y = load_digits(return_X_y=True)
_X = (_X / 16).astype(np.float32)
_TEST = np.arange(len(_X)) % 5 == 0
X, Y, X_TEST, Y_TEST = _X[~_TEST], _Y[~_TEST], _X[_TEST], _Y[_TEST]


def spread(number: int, modulus: int) -> int:
    """A number scattered over 0 .. modulus - 1 (Knuth's multiplicative hash): partitions without a generator."""
    return (number * 2654435761 % (1 << 32)) * modulus >> 32


def own_data(agent: int) -> tuple[np.ndarray, np.ndarray]:
    """The 20 records of one agent, drawn from the pool with replacement."""
    rows = [spread(agent * SAMPLES + place + 1, len(X)) for place in range(SAMPLES)]
    return X[rows], Y[rows]


def accuracy(weights: np.ndarray, bias: np.ndarray) -> float:
    """Of the model (10, 64), (10,) on the digits kept apart."""
    return float(np.mean((X_TEST @ weights.T + bias).argmax(axis=1) == Y_TEST))


class Clock:
    """Prints a JSON line with the seconds of each round."""

    def __init__(self) -> None:
        self.number, self.last = 0, perf_counter()

    def tick(self) -> None:
        """A round has ended."""
        now = perf_counter()
        self.number += 1
        print(json.dumps({"peer_round": self.number, "seconds": now - self.last}), flush=True)
        self.last = perf_counter()


def done(weights: np.ndarray, bias: np.ndarray) -> None:
    """Print the accuracy: who skips the work learns nothing."""
    print(json.dumps({"peer_accuracy": accuracy(np.asarray(weights), np.asarray(bias))}), flush=True)
