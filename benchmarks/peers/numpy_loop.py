"""The job in NumPy, agent after agent; data kept ready."""

from __future__ import annotations

import numpy as np
from job import AGENTS, BATCH, CLASSES, COHORT, FEATURES, RATE, ROUNDS, SAMPLES, Clock, done, own_data, spread


def train(weights: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights, bias = weights.copy(), bias.copy()
    for first in range(0, SAMPLES, BATCH):
        part, labels = x[first : first + BATCH], y[first : first + BATCH]
        scores = part @ weights.T + bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        scores[np.arange(len(labels)), labels] -= 1
        weights -= RATE / BATCH * (scores.T @ part)
        bias -= RATE / BATCH * scores.sum(axis=0)
    return weights, bias


if __name__ == "__main__":
    agents = [own_data(agent) for agent in range(AGENTS)]
    weights, bias = np.zeros((CLASSES, FEATURES), np.float32), np.zeros(CLASSES, np.float32)
    clock = Clock()
    for number in range(ROUNDS):
        cohort = [spread(number * COHORT + place + 1, AGENTS) for place in range(COHORT)]
        trained = [train(weights, bias, *agents[agent]) for agent in cohort]
        weights = np.mean([w for w, _ in trained], axis=0)
        bias = np.mean([b for _, b in trained], axis=0)
        clock.tick()
    done(weights, bias)
