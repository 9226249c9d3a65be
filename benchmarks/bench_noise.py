"""Samples a second of exact integer noise, beside its words."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from _convention import Case, best_seconds, quick, report

from tip.noise import DiscreteGaussian, DiscreteLaplace
from tip.noise.cutoffs import cutoffs
from tip.noise.exact import discrete_gaussian, discrete_laplace
from tip.noise.inversion import table
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.randomness import Stream

    Rejection = Callable[[Stream, NDArray[np.int64], int, Fraction], NDArray[np.int64]]

AGENTS = np.arange(100 if quick() else 1000)
COUNT = 10 if quick() else 1000
GAUSSIAN_GOAL, LAPLACE_GOAL = 1.0, 2.0  # million samples a second and core
STREAM = Entropy.seeded(1).stream("bench")


def rate(draw: Callable[[NDArray[np.int64], int], object], agents: int = len(AGENTS)) -> float:
    """Million samples a second, after the table has been made."""
    part = AGENTS[:agents]
    draw(part[:1], 1)
    return agents * COUNT / best_seconds(lambda: draw(part, COUNT)) / 1e6


def setup_seconds(law: DiscreteGaussian | DiscreteLaplace) -> float:
    """The time of a first sample, with nothing cached."""
    table.cache_clear()
    cutoffs.cache_clear()
    start = perf_counter()
    law.sample(STREAM, AGENTS[:1], 1)
    return perf_counter() - start


def drawn(law: DiscreteGaussian | DiscreteLaplace) -> float:
    return rate(lambda agents, count: law.sample(STREAM, agents, count))


def rejected(sampler: Rejection, parameter: int) -> float:
    return rate(lambda agents, count: sampler(STREAM, agents, count, Fraction(parameter)), 100)


def cases() -> Iterator[Case]:
    words = "AES words alone (M/s)", rate(STREAM.words)
    bound = "stated bound (s)", 0.3
    laws: dict[str, tuple[DiscreteGaussian | DiscreteLaplace, float]] = {}
    for sigma in ("1/2", "10", "1000", "6000", "1000000"):
        laws[f"discrete Gaussian, sigma {sigma}"] = DiscreteGaussian(Fraction(sigma) ** 2), GAUSSIAN_GOAL
    for scale in (1, 10, 1000, 10**6):
        laws[f"discrete Laplace, scale {scale}"] = DiscreteLaplace(Fraction(scale)), LAPLACE_GOAL
    for name, (law, goal) in laws.items():
        yield Case(name, "samples", drawn(law), "M/s", words, goal)
        yield Case(name, "setup", setup_seconds(law), "s", bound)
    yield Case("rejection, Gaussian, sigma 10", "samples", rejected(discrete_gaussian, 100), "M/s", words)
    yield Case("rejection, Gaussian, sigma 1000", "samples", rejected(discrete_gaussian, 10**6), "M/s", words)
    yield Case("rejection, Laplace, scale 10", "samples", rejected(discrete_laplace, 10), "M/s", words)


if __name__ == "__main__":
    report(cases())
