"""Local mechanisms: is the stated variance the real one? And bias."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from _convention import quick
from _local_dp_biased import biased
from _local_dp_coverage import coverage
from _local_dp_lines import bias_line, ratio_line, show
from _local_dp_numbers import numbers
from _local_dp_structured import structured

from tip.mechanisms.additive import LocalGaussian, LocalLaplace, RoundedGaussian
from tip.mechanisms.attributes_mean import SampledMeans
from tip.mechanisms.bitflip import BitFlip
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.cohorts import CohortLocalHashing
from tip.mechanisms.distribution import SquareWave
from tip.mechanisms.gaussian_vectors import GridGaussianVectors, RealGaussianVectors
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.location import PlanarLaplace
from tip.mechanisms.loloha import LongitudinalHashing
from tip.mechanisms.longitudinal import LongitudinalUnary
from tip.mechanisms.numeric import Duchi
from tip.mechanisms.piecewise import Hybrid, Piecewise
from tip.mechanisms.privunit import PrivUnit, PrivUnitG, PrivUnitSubset
from tip.mechanisms.projected import ProjUnit
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.quantized_vectors import SQKR
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding
from tip.mechanisms.vectors import L2BallDuchi
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _local_dp_lines import Line
    from numpy.typing import NDArray

    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.frequency import FrequencyOracle
    from tip.mechanisms.numeric import MeanMechanism
    from tip.mechanisms.vectors import VectorMean

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

AGENTS: Final = 1000  # of a run of real reports
RUNS: Final = 20 if quick() else 200
SIMULATED: Final = 100_000  # agents of a simulated run
SIMULATIONS: Final = 10 if quick() else 100
EPSILONS: Final = (1.0,) if quick() else (0.5, 1.0, 2.0, 4.0)
SIZES: Final = (2, 16) if quick() else (2, 16, 128, 1024)
MOST_WATCHED: Final = 16

ORACLES: Final[dict[str, Callable[[int, float], FrequencyOracle]]] = {
    "GRR": GeneralizedRandomizedResponse,
    "SUE": SymmetricUnaryEncoding,
    "OUE": OptimizedUnaryEncoding,
    "OLH": LocalHashing,
    "OLH, server's seeds": lambda k, e: LocalHashing(k, e, seeds="server", public_seed=1),
    "HR": HadamardResponse,
    "HR, one block": lambda k, e: HadamardResponse(k, e, 1),
    "PGR": ProjectiveGeometryResponse,
    "SS": SubsetSelection,
    "L-OSUE, first report": lambda k, e: LongitudinalUnary(k, e, 2 * e),
    "LOLOHA, first report": lambda k, e: LongitudinalHashing(k, e, 2 * e),
    "dBitFlip": lambda k, e: BitFlip(k, e, min(max(1, k // 2), MOST_WATCHED)),
}


def zipf_counts(categories: int, agents: int, exponent: float = 1.1) -> Indices:
    """How many agents hold each item, shares as 1 / rank^exponent: rounded down, the rest to the first one."""
    weights = np.arange(1, categories + 1) ** -exponent
    counts = (agents * weights / weights.sum()).astype(np.int64)
    counts[0] += agents - counts.sum()
    return np.asarray(counts)


def variance_of(oracle: FrequencyOracle, counts: Indices) -> Floats:
    """The exact variance of each item's share for these very agents."""
    n, shares = int(counts.sum()), counts / counts.sum()
    if isinstance(oracle, HadamardResponse):
        blocks = np.arange(len(counts)) % (oracle.size // oracle._rows)  # noqa: SLF001 - its variance asks for m
        held = np.bincount(blocks, weights=shares)[blocks]
        return np.asarray(oracle.variance(shares, reports=n, block_share=held))
    return np.asarray(oracle.variance(shares, reports=n))


def repeated(mechanism: Mechanism, values: NDArray[Any], runs: int, seed: int) -> Floats:
    """The estimates of independent runs of the same agents, real reports, `(runs, entries)`."""
    n = len(values)
    everyone = np.concatenate([values] * runs)
    reports = mechanism.randomize(everyone, entropy=Entropy.seeded(seed))
    parts = (reports.take(slice(n * run, n * (run + 1))) for run in range(runs))
    return np.array([estimated(mechanism, mechanism.aggregate(part)) for part in parts])


def estimated(mechanism: Mechanism, aggregate: Any) -> Floats:  # noqa: ANN401 - its aggregate
    """The linear estimate: of Square Wave, the mean."""
    found = mechanism.mean(aggregate) if isinstance(mechanism, SquareWave) else mechanism.estimate(aggregate)
    return np.atleast_1d(found.value)


def judged(
    table: str, case: str, found: Floats, truth: Floats, variance: Floats, rule: tuple[int, float]
) -> Iterator[Line]:
    """The two verdicts on `(runs, entries)` estimates: squared errors over variances, and no bias."""
    errors = found - truth
    yield ratio_line(table, case, (errors**2 / variance).mean(axis=1))
    yield bias_line(table, case, errors, variance, *rule)


def oracles() -> Iterator[Line]:
    """Every frequency oracle with real reports of agents whose items are fixed."""
    for categories in SIZES:
        counts = zipf_counts(categories, AGENTS)
        values = np.repeat(np.arange(categories), counts)
        for epsilon in EPSILONS:
            made = {name: make(categories, epsilon) for name, make in ORACLES.items()}
            if categories == 2:
                made["binary RR"] = BinaryRandomizedResponse(epsilon)
            for seed, (name, oracle) in enumerate(made.items()):
                case = f"{name}, k {categories}, eps {epsilon:g}"
                found = repeated(oracle, values, RUNS, seed)
                rule = AGENTS, oracle.max_influence().item + 1
                yield from judged("reports", case, found, counts / AGENTS, variance_of(oracle, counts), rule)
            yield cohorts(categories, epsilon, values, counts)


def cohorts(categories: int, epsilon: float, values: Indices, counts: Indices) -> Line:
    """Hashes that agents share: the variance is one over the choice of the hashes, so each run has its own."""
    make = partial(CohortLocalHashing, categories, epsilon, 16)
    shares, runs = counts / AGENTS, max(RUNS // 3, 10)
    found = np.array([repeated(make(public_seed=run), values, 1, run)[0] for run in range(runs)])
    variance = np.asarray(make().variance(shares, reports=AGENTS, shares=shares))
    return ratio_line(
        "reports", f"OLH, 16 cohorts, k {categories}, eps {epsilon:g}", ((found - shares) ** 2 / variance).mean(axis=1)
    )


def simulated() -> Iterator[Line]:
    """Every frequency oracle through `simulate`, whose law is exact for each item."""
    for categories in SIZES:
        counts = zipf_counts(categories, SIMULATED)
        for epsilon in EPSILONS:
            for seed, (name, make) in enumerate(ORACLES.items()):
                oracle, entropy = make(categories, epsilon), Entropy.seeded(seed)
                generator = entropy.generator("seeds")
                runs = (Entropy.seeded(int(generator.integers(1 << 62))) for _ in range(SIMULATIONS))
                found = np.array([oracle.estimate(oracle.simulate(counts, entropy=run)).value for run in runs])
                case = f"{name}, k {categories}, eps {epsilon:g}"
                rule = SIMULATED, oracle.max_influence().item + 1
                yield from judged("simulate", case, found, counts / SIMULATED, variance_of(oracle, counts), rule)


def means() -> Iterator[Line]:
    """Mechanisms for numbers: 500 agents spread over the range."""
    values, runs = np.linspace(-1, 1, 500), 2 * RUNS
    for epsilon in EPSILONS:
        made: dict[str, MeanMechanism | SquareWave] = {
            "Duchi": Duchi(-1, 1, epsilon),
            "Piecewise": Piecewise(-1, 1, epsilon),
            "Hybrid": Hybrid(-1, 1, epsilon),
            "Square Wave's mean": SquareWave(-1, 1, epsilon),
            "discrete Laplace": LocalLaplace(-1, 1, epsilon),
            "discrete Gaussian, delta 1e-6": LocalGaussian(-1, 1, epsilon, 1e-6),
            "rounded Gaussian, delta 1e-6": RoundedGaussian(-1, 1, epsilon, 1e-6),
        }
        for seed, (name, mechanism) in enumerate(made.items()):
            held, case = values, f"{name}, eps {epsilon:g}"
            if isinstance(mechanism, SquareWave):  # its cells' middles
                held = (np.arange(1024) + 0.5)[:: 1024 // 512] / 512 - 1
            variance = np.full(1, float(np.mean(mechanism.variance(held, reports=len(held)))))
            found = repeated(mechanism, held, runs, seed)
            rule = len(held), mechanism.max_influence().item + 1
            yield from judged("numbers' mean", case, found, np.atleast_1d(held.mean()), variance, rule)
        yield from attributes(epsilon, values, runs)


def attributes(epsilon: float, values: Floats, runs: int) -> Iterator[Line]:
    """Four numbers an agent."""
    mechanism = SampledMeans(((-1.0, 1.0),) * 4, epsilon)
    held = np.stack([values, values[::-1], values**2, np.ones_like(values)], axis=1)
    variance = mechanism.variance(held, reports=len(held)).mean(axis=0)
    rule = len(held), mechanism.max_influence().item + 1
    found = repeated(mechanism, held, runs, 7)
    yield from judged(
        "numbers' mean", f"4 numbers, one asked, eps {epsilon:g}", found, held.mean(axis=0), variance, rule
    )


def vectors() -> Iterator[Line]:
    """Mechanisms for vectors: all agents hold one of length 0.7."""
    dimension, agents = 16, 10
    vector = np.linspace(-1, 1, dimension)
    vector *= 0.7 / np.linalg.norm(vector)
    held = np.tile(vector, (agents, 1))
    for epsilon in EPSILONS:
        made: dict[str, VectorMean | SQKR] = {
            "L2 ball, Duchi": L2BallDuchi(dimension, 1.0, epsilon),
            "PrivUnit by subsets": PrivUnitSubset(dimension, 1.0, epsilon),
            "PrivUnitG": PrivUnitG(dimension, 1.0, epsilon),
            "PrivUnit": PrivUnit(dimension, 1.0, epsilon),
            "SQKR": SQKR(dimension, 1.0, epsilon),
            "Gaussian grid, delta 1e-5": GridGaussianVectors(dimension, 1.0, epsilon, 1e-5),
            "Gaussian, delta 1e-5": RealGaussianVectors(dimension, 1.0, epsilon, 1e-5),
        }
        for seed, (name, mechanism) in enumerate(made.items()):
            found = repeated(mechanism, held, 2 * RUNS, seed)
            variance = np.asarray(mechanism.variance(vector, reports=agents))
            reach = mechanism.max_influence().item + 1
            yield from judged("vectors", f"{name}, d 16, eps {epsilon:g}", found, vector, variance, (agents, reach))
        yield projected(epsilon)


def projected(epsilon: float) -> Line:
    """ProjUnit's variance is stated up to a relative O(1 / width): told, without a verdict."""
    mechanism = ProjUnit(64, 1.0, epsilon, width=16)
    vector = np.linspace(-1, 1, 64)
    vector *= 0.7 / np.linalg.norm(vector)
    errors = repeated(mechanism, np.tile(vector, (10, 1)), RUNS, 1) - vector
    ratios = (errors**2).sum(axis=1) / (mechanism.error(0.7) / 10)
    line = ratio_line("vectors", f"ProjUnit, d 64, width 16, eps {epsilon:g}", ratios)
    return replace(line, wrong=None, note="stated up to O(1 / width)")


def places() -> Iterator[Line]:
    """Planar Laplace: the shares of all cells of a small map."""
    counts = zipf_counts(24, AGENTS)
    for scale in (0.5, 1.0):
        mechanism = PlanarLaplace(6, 4, 100.0, 2**0.5 / (100 * scale))
        found = repeated(mechanism, np.repeat(np.arange(24), counts), RUNS, 1)
        variance, rule = (
            mechanism.variance(counts / AGENTS, reports=AGENTS),
            (AGENTS, mechanism.max_influence().item + 1),
        )
        yield from judged(
            "places", f"planar Laplace, 6 x 4, noise of {scale:g} cells", found, counts / AGENTS, variance, rule
        )


def lines() -> Iterator[Line]:
    """All tables."""
    yield from numbers()
    yield from coverage()
    yield from biased()
    yield from means()
    yield from vectors()
    yield from places()
    yield from structured()
    yield from simulated()
    yield from oracles()


if __name__ == "__main__":
    sys.exit(show(lines()))
