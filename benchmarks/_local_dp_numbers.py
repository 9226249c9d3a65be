"""Figures of the literature for local mechanisms, beside ours."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import log
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from _local_dp_lines import number_line

from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.gaussian_vectors import RealGaussianVectors
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.loloha import LongitudinalHashing
from tip.mechanisms.numeric import Duchi
from tip.mechanisms.piecewise import Hybrid, Piecewise
from tip.mechanisms.privunit import PrivUnit, PrivUnitG
from tip.mechanisms.projective import ProjectiveGeometryResponse, unary_variance
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.thresholds import exp_up
from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding
from tip.mechanisms.vectors import L2BallDuchi
from tip.privacy.shuffling import epsilon_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _local_dp_lines import Line

    from tip.mechanisms.frequency import FrequencyOracle

DIGITS: Final = 1.5e-3  # figures printed with 3 or 4 digits
EPSILONS: Final = (0.5, 1, 2, 4)

# Wang, Blocki, Li, Jha 2017: variance at share 0 times the number of reports; Ye, Barg 2018 for subsets.
STARS: Final[dict[str, tuple[float, float, float, float]]] = {
    "GRR, k 2": (3.918, 0.9207, 0.1810, 0.01900),
    "GRR, k 32": (75.20, 11.08, 0.9160, 0.02945),
    "GRR, k 1024": (2432, 347.1, 25.22, 0.3748),
    "SUE": (15.92, 3.918, 0.9207, 0.1810),
    "OUE": (15.67, 3.683, 0.7241, 0.07602),
    "SS, k 128": (15.41, 3.610, 0.6971, 0.05842),
    "SS, k 1024": (15.64, 3.674, 0.7207, 0.07391),
}
MADE: Final[dict[str, Callable[[float], FrequencyOracle]]] = {
    "GRR, k 2": lambda e: GeneralizedRandomizedResponse(2, e),
    "GRR, k 32": lambda e: GeneralizedRandomizedResponse(32, e),
    "GRR, k 1024": lambda e: GeneralizedRandomizedResponse(1024, e),
    "SUE": lambda e: SymmetricUnaryEncoding(128, e),
    "OUE": lambda e: OptimizedUnaryEncoding(128, e),
    "SS, k 128": lambda e: SubsetSelection(128, e),
    "SS, k 1024": lambda e: SubsetSelection(1024, e),
}


def numbers() -> Iterator[Line]:
    """All of them."""
    yield from oracles()
    yield from hadamard()
    yield from projective()
    yield from means()
    yield from vectors()
    yield from over_time()
    yield from shuffling()


def star(oracle: FrequencyOracle) -> float:
    """The variance at share 0 times the number of reports."""
    return float(oracle.variance(0.0))


def oracles() -> Iterator[Line]:
    for name, figures in STARS.items():
        for epsilon, figure in zip(EPSILONS, figures, strict=True):
            yield number_line(f"{name}, eps {epsilon:g}", "var*", star(MADE[name](epsilon)), figure, DIGITS)
    for epsilon, hashed_to, figure in ((1, 4, 3.6917), (2, 8, 0.7246), (4, 64, 0.07641)):
        oracle = LocalHashing(1024, epsilon)
        note = f"g = {oracle.blur.values}" + ("" if oracle.blur.values == hashed_to else f", expected {hashed_to}")
        yield number_line(f"OLH, eps {epsilon:g}", "var*", star(oracle), figure, DIGITS, note)
    ratio = star(LocalHashing(1024, 0.5)) / unary_variance(0.5)
    yield number_line("OLH, eps 0.5", "var* / OUE's", ratio, 1.06, 5e-3, "g = 2; g = 3 would have 1.010, not exactly")


def hadamard() -> Iterator[Line]:
    """Averages over the items, for agents spread evenly over 1024 of them.

    The literature fills block after block, which leaves blocks empty; items are dealt out here, which is told beside.
    """
    for epsilon, blocks, figure in ((1, 1, 4.68), (2, 1, 1.72), (1, 2, 7.2), (2, 4, 1.83), (4, 32, 0.217)):
        oracle = HadamardResponse(1024, epsilon, blocks)
        case = f"HR, k 1024, {blocks} blocks, eps {epsilon:g}"
        yield number_line(f"{case}, filled", "var*", filled(oracle), figure, 1e-2)
        yield replace(number_line(f"{case}, dealt out", "var*", star(oracle), figure, 1.0), wrong=None)
    for asked in EPSILONS:
        oracle = HadamardResponse(1024, asked)
        note = f"{oracle.size} reports; optimized unary encoding expected"
        ours = number_line(f"HR, k 1024, eps {asked:g}", "var*", star(oracle), unary_variance(asked), 1.0, note)
        yield replace(ours, wrong=None)


def filled(oracle: HadamardResponse) -> float:
    """Acharya, Sun, Zhang 2019: block i holds the items from i (b - 1) on; the mean over items of the variance."""
    rows = oracle.size // (oracle.blocks or 1)
    block = np.bincount(np.arange(oracle.categories) // (rows - 1)) / oracle.categories
    share = float(np.square(block).sum())
    own, other, gap = float(oracle.own), float(oracle.other), float(oracle.p)
    return (share * (own + other) + (1 - share) * 2 * other) / gap**2


def projective() -> Iterator[Line]:
    """Feldman, Nelson, Nguyen, Talwar 2022: within a few parts in a hundred of unary encoding."""
    for categories, dimension, figure in ((128, 6, 1.016), (1024, 7, 1.021), (10**6, 14, 1.024)):
        oracle = ProjectiveGeometryResponse(categories, 1, 3)
        note = f"r 3, t {oracle.geometry[1]}, {oracle.report_bits} bits; t {dimension} expected"
        ratio = star(oracle) / unary_variance(1)
        yield number_line(f"PGR, k {categories}, order 3, eps 1", "var* / OUE's", ratio, figure, DIGITS, note)
    for epsilon in EPSILONS:
        for categories in (128, 1024):
            oracle = ProjectiveGeometryResponse(categories, epsilon)
            ratio = star(oracle) / unary_variance(epsilon)
            note = "the order of least variance; at most 1.024 expected"
            case = f"PGR, k {categories}, order {oracle.geometry[0]}, eps {epsilon:g}"
            yield number_line(case, "var* / OUE's", max(ratio, 1.0), 1.0, 0.0245, note)


def means() -> Iterator[Line]:
    """Duchi, Jordan, Wainwright 2018; Wang et al., ICDE 2019: worst cases at epsilon 1, in squared half-ranges."""
    for name, mechanism, figure in (
        ("Duchi", Duchi(-1, 1, 1), 4.6827),
        ("Piecewise", Piecewise(-1, 1, 1), 5.2236),
        ("Hybrid", Hybrid(-1, 1, 1), 4.289),
    ):
        yield number_line(f"{name}, eps 1", "worst variance", mechanism.worst_variance, figure, 2e-4)
    epsilons = np.linspace(1.2, 1.4, 41).tolist()
    better = next(e for e in epsilons if Piecewise(-1, 1, e).worst_variance < Duchi(-1, 1, e).worst_variance)
    yield number_line("Piecewise beats Duchi", "from eps", better, 1.29, 5e-3)


def vectors() -> Iterator[Line]:
    """Asi, Feldman, Talwar 2022; the mean squared error of one report of a unit vector."""
    for dimension, epsilon, figure in ((128, 1, 810.2), (128, 4, 55.72), (1024, 1, 6482.0), (1024, 4, 445.77)):
        error = PrivUnitG(dimension, 1.0, epsilon).error()
        yield number_line(f"PrivUnitG, d {dimension}, eps {epsilon}", "error", error, figure, 3e-4)
    for epsilon, figure in ((1, 6478.3), (4, 445.05)):
        yield number_line(
            f"PrivUnit, d 1024, eps {epsilon}", "error", PrivUnit(1024, 1.0, epsilon).error(), figure, 3e-4
        )
    error = PrivUnitG(1 << 17, 1.0, 32).error() * 32 / (1 << 17)
    yield number_line("PrivUnitG, d 2^17, eps 32", "error eps / d", error, 0.636, DIGITS, "expected for d 10^6")
    for epsilon, figure in ((1, 7527), (4, 1729), (8, 1609), (16, 1607)):
        error = L2BallDuchi(1024, 1.0, epsilon).error()
        yield number_line(f"L2 ball, Duchi, d 1024, eps {epsilon}", "error", error, figure, DIGITS)
    for epsilon, figure in ((1, 57007), (4, 4788), (8, 1476), (16, 485)):
        error = RealGaussianVectors(1024, 1.0, epsilon, 1e-5).error()
        yield number_line(f"Gaussian, d 1024, eps {epsilon}, delta 1e-5", "error", error, figure, DIGITS)


def over_time() -> Iterator[Line]:
    """The paper's instantaneous epsilon of LOLOHA spends less than it may in the first report for g > 2."""
    for hashed, figure in ((4, 0.90), (8, 0.76)):
        permanent, first = float(exp_up(Fraction(2))), float(exp_up(Fraction(1)))
        instant = (permanent * first - 1) / (permanent - first)
        wasted = log((permanent * instant + hashed - 1) / (permanent + instant + hashed - 2))
        yield number_line(f"LOLOHA of the paper, g {hashed}, eps 1 of 2", "first report's eps", wasted, figure, 7e-3)
        spent = LongitudinalHashing(16, 1, 2, hashed).guarantee.epsilon or 0.0
        yield number_line(f"LOLOHA here, g {hashed}, eps 1 of 2", "first report's eps", spent, 1.0, 1e-6)


def shuffling() -> Iterator[Line]:
    """Clones at delta 1e-6 and n = 10^5 (Feldman, McMillan, Talwar 2021)."""
    for epsilon, figure in ((1, 0.01528), (2, 0.0450), (4, 0.1698)):
        ratio = GeneralizedRandomizedResponse(2, epsilon).ratio
        start = perf_counter()
        bound = epsilon_of(1e-6, ratio=ratio, reports=10**5)
        note = f"{perf_counter() - start:.2f} s"
        yield number_line(f"shuffled, n 10^5, eps {epsilon}, delta 1e-6", "epsilon", bound, figure, DIGITS, note)
