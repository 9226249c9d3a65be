"""How often the intervals of local mechanisms cover the truth."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from _convention import quick
from _local_dp_lines import LEAST_P, Line, deviations, share_p

from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.estimates import Counted, Estimate
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.loloha import LongitudinalHashing
from tip.mechanisms.longitudinal import LongitudinalUnary
from tip.mechanisms.numeric import Duchi
from tip.mechanisms.piecewise import Hybrid, Piecewise
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.mechanisms.frequency import FrequencyOracle
    from tip.mechanisms.numeric import MeanMechanism

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

RUNS: Final = 60 if quick() else 10_000  # through simulate, estimate and interval, one after the other
LEVEL, BAND = 0.95, 0.005
MANY: Final = 1000  # n q and n p f from which on the interval is meant to be neither short nor long
SHARES: Final = (0.0, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9)

ORACLES: Final[dict[str, Callable[[int, float], FrequencyOracle]]] = {
    "GRR": GeneralizedRandomizedResponse,
    "SUE": SymmetricUnaryEncoding,
    "OUE": OptimizedUnaryEncoding,
    "OLH": LocalHashing,
    "PGR": ProjectiveGeometryResponse,
    "SS": SubsetSelection,
    "L-OSUE": lambda k, e: LongitudinalUnary(k, e, 2 * e),
    "LOLOHA": lambda k, e: LongitudinalHashing(k, e, 2 * e),
}


def coverage() -> Iterator[Line]:
    """All cells: whole estimates through `simulate`, then the exact coverage of single items' counts."""
    yield from whole_estimates()
    yield from single_items()
    yield from means()


def line(case: str, hits: int, runs: int, *, exact: bool, note: str = "") -> Line:
    """Exact: at least the level. Else within the band around it; both up to the chance of the runs."""
    share, error = hits / runs, sqrt(max(hits, 1) * max(runs - hits, 1)) / runs**1.5
    low = share_p(hits, runs, LEVEL if exact else LEVEL - BAND, less=True)
    high = 1.0 if exact else share_p(hits, runs, LEVEL + BAND, less=False)
    figure, p = "coverage, exact" if exact else "coverage", min(low, high)
    return Line(
        "coverage",
        case,
        figure,
        share,
        LEVEL,
        error,
        deviations(min(1.0, 2 * p), above=high < low),
        bool(p < LEAST_P),
        note,
    )


def is_exact(oracle: FrequencyOracle, reports: int, share: float) -> bool:
    """Whether only coverage of at least the level is asked for."""
    if isinstance(oracle, HadamardResponse):
        halves = reports * float(oracle.other)
        return min(halves, reports * share * float(oracle.own)) < MANY
    return min(reports * float(oracle.q), reports * share * float(oracle.p)) < MANY


def counts_with(shares: tuple[float, ...], categories: int, reports: int) -> Indices:
    """Counts whose first items have these shares; what is left is spread over the others, or goes to the last."""
    counts = np.zeros(categories, dtype=np.int64)
    counts[: len(shares)] = np.rint(np.array(shares) * reports)
    rest, others = reports - int(counts.sum()), categories - len(shares)
    if others:
        counts[len(shares) :] = rest // others
    counts[-1] += reports - int(counts.sum())
    return counts


def whole_estimates() -> Iterator[Line]:
    """simulate, estimate, interval: RUNS times, the items of one population being the cells."""
    populations = {2: (0.1,), 16: (0.0, 0.001, 0.01, 0.1, 0.5)}
    made: list[tuple[str, FrequencyOracle, int]] = [
        ("binary RR", BinaryRandomizedResponse(1.0), 2000),
        ("binary RR", BinaryRandomizedResponse(4.0), 100_000),
        ("GRR", GeneralizedRandomizedResponse(16, 1.0), 100_000),
        ("OUE", OptimizedUnaryEncoding(16, 1.0), 100_000),
        ("OLH", LocalHashing(16, 4.0), 2000),
        ("PGR", ProjectiveGeometryResponse(16, 2.0), 100_000),
        ("HR", HadamardResponse(16, 4.0), 100_000),
        ("HR", HadamardResponse(16, 4.0), 1000),
        ("HR, one block", HadamardResponse(16, 1.0, 1), 20_000),
        ("SS", SubsetSelection(16, 1.0), 20_000),
    ]
    for name, oracle, reports in made:
        shares = populations[oracle.categories]
        counts = counts_with(shares, oracle.categories, reports)
        case = f"{name}, k {oracle.categories}, eps {oracle.epsilon:g}, n {reports}"
        hits = covered(oracle, counts)
        for item, share in enumerate(shares):
            exact = is_exact(oracle, reports, share)
            yield line(f"{case}, f {share:g}", int(hits[item]), RUNS, exact=exact, note="simulate")


def covered(oracle: FrequencyOracle, counts: Indices) -> Indices:
    """How often each item's interval holds the truth."""
    truth, hits = counts / counts.sum(), np.zeros(len(counts), dtype=np.int64)
    generator = Entropy.seeded(20261122).generator(f"coverage {oracle!r}")
    for seed in generator.integers(1 << 62, size=RUNS).tolist():
        low, high = oracle.estimate(oracle.simulate(counts, entropy=Entropy.seeded(seed))).interval(LEVEL)
        hits += (low <= truth) & (truth <= high)
    return hits


def single_items() -> Iterator[Line]:
    """One item's supports follow Bin(c, p) + Bin(n - c, q), as `simulate` draws them: coverage as a sum, no runs."""
    for name, make in ORACLES.items():
        for categories in (16,) if quick() else (2, 128, 1024):
            for epsilon in (1.0,) if quick() else (0.5, 1.0, 4.0):
                oracle = make(categories, epsilon)
                for reports in (1000, 100_000):
                    for share in SHARES:
                        yield one_item(name, oracle, reports, share)


def one_item(name: str, oracle: FrequencyOracle, reports: int, share: float) -> Line:
    """The probability of all counts whose intervals hold the truth; exact but for 1e-12."""
    p, q, held = float(oracle.p), float(oracle.q), round(share * reports)
    (least, own), (first, others) = binomial(held, p), binomial(reports - held, q)
    chances = np.convolve(own, others)
    supports = least + first + np.arange(len(chances))
    value = (supports / reports - q) / (p - q)
    variance = np.asarray(oracle.variance(np.clip(value, 0, 1), reports=reports))
    low, high = Estimate(value, variance, 1.0, reports, law=Counted(supports, p, q)).interval(LEVEL)
    covers = float(chances[(low <= held / reports) & (held / reports <= high)].sum() / chances.sum())
    case = f"{name}, k {oracle.categories}, eps {float(oracle.epsilon):g}, n {reports}, f {share:g}"
    if is_exact(oracle, reports, share):
        return Line("coverage", case, "coverage, exact", covers, LEVEL, wrong=covers < LEVEL - 1e-9, note="no runs")
    return Line("coverage", case, "coverage", covers, LEVEL, wrong=abs(covers - LEVEL) > BAND, note="no runs")


def binomial(trials: int, chance: float) -> tuple[int, Floats]:
    """The least number of successes that matters, and the probabilities from there on."""
    from scipy.special import gammaln, xlog1py, xlogy  # noqa: PLC0415 - where it is needed

    reach = 9 * sqrt(trials * chance * (1 - chance)) + 30
    low, high = int(max(0, trials * chance - reach)), int(min(trials, trials * chance + reach))
    count = np.arange(low, high + 1.0)
    ways = gammaln(trials + 1) - gammaln(count + 1) - gammaln(trials - count + 1)
    return low, np.exp(ways + xlogy(count, chance) + xlog1py(trials - count, -chance))


def means() -> Iterator[Line]:
    """Numbers: Duchi's exact interval, the normal law of the others, and the cautious one."""
    made: tuple[tuple[str, MeanMechanism, bool], ...] = (
        ("Duchi", Duchi(-1, 1, 1), True),
        ("Piecewise", Piecewise(-1, 1, 1), False),
        ("Hybrid", Hybrid(-1, 1, 1), False),
    )
    values, counts = np.array([-1.0, 0.2, 0.9]), np.array([100, 200, 700])
    truth, runs = float(values @ counts / counts.sum()), RUNS
    for name, mechanism, exact in made:
        hits, sure = 0, 0
        for seed in range(runs):
            estimate = mechanism.estimate(mechanism.simulate(values, counts, entropy=Entropy.seeded(seed)))
            low, high = estimate.interval(LEVEL)
            hits += bool(low <= truth <= high)
            low, high = mechanism.cautious(estimate).interval(LEVEL)
            sure += bool(low <= truth <= high)
        yield line(f"{name}, eps 1, n 1000", hits, runs, exact=exact, note="simulate")
        yield line(f"{name}, eps 1, n 1000, cautious", sure, runs, exact=True, note="simulate")
