"""Local mechanisms: reports made and counted a second, memory."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from _convention import Case, best_seconds, quick, report

from tip.mechanisms.additive import LocalGaussian, LocalLaplace
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.cohorts import CohortLocalHashing
from tip.mechanisms.columns import Bits
from tip.mechanisms.distribution import SquareWave
from tip.mechanisms.gaussian_vectors import GridGaussianVectors
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.heavy_hitters import PrefixExtendingMethod
from tip.mechanisms.numeric import Duchi
from tip.mechanisms.piecewise import Hybrid, Piecewise
from tip.mechanisms.privunit import PrivUnit, PrivUnitG, PrivUnitSubset
from tip.mechanisms.projected import ProjUnit
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.quantized_vectors import SQKR
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding
from tip.privacy.shuffling import epsilon_of
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.frequency import FrequencyOracle
    from tip.mechanisms.reports import Reports

    Indices = NDArray[np.int64]

AGENTS = 2000 if quick() else 100_000
MANY = 20_000 if quick() else 10_000_000  # agents whose reports are made and counted in blocks
SECONDS = 0.6  # for the repetitions of one call
FEW = 8  # items that the hashing floor counts; its time is scaled to all of them
STREAM = Entropy.seeded(1).stream("bench")

ORACLES: dict[str, Callable[[int, int], FrequencyOracle]] = {
    "GRR": GeneralizedRandomizedResponse,
    "OUE": OptimizedUnaryEncoding,
    "SUE": SymmetricUnaryEncoding,
    "OLH": LocalHashing,
    "OLH, 1024 cohorts": lambda k, epsilon: CohortLocalHashing(k, epsilon, 1024),
    "HR": HadamardResponse,
    "PGR": ProjectiveGeometryResponse,
    "SS": SubsetSelection,
}
CLIENT_GOALS = {("OUE", 128): 5.0} | {(name, k): 20.0 for name in ("GRR", "OLH", "HR", "PGR") for k in (128, 1024)}
SERVER_GOALS = {("OUE", 1024): 4.0, ("OLH", 1024): 0.4}
SERVER_GOALS |= {(name, k): goal for name, goal in (("GRR", 300.0), ("HR", 300.0), ("PGR", 5.0)) for k in (128, 1024)}


def least(function: Callable[[], object]) -> float:
    """The least seconds of as many calls as fit into `SECONDS`, 3 to 200."""
    return best_seconds(function, int(min(max(SECONDS / best_seconds(function, 1), 3), 200)))


def zipf(categories: int, agents: int, exponent: float = 1.1) -> Indices:
    """Items with shares as 1 / rank^exponent, in no order."""
    weights = np.arange(1, categories + 1) ** -exponent
    generator = Entropy.seeded(1).generator(f"zipf {categories}")
    return generator.choice(categories, size=agents, p=weights / weights.sum()).astype(np.int64)


def in_blocks(mechanism: Mechanism, size: int, make: Callable[[Indices], object]) -> float:
    """The least seconds of `make` on all agents, by the mechanism's own blocks."""
    agents = np.arange(size)
    return least(lambda: [make(agents[low : low + mechanism.block]) for low in range(0, size, mechanism.block)])


def client_floor(oracle: FrequencyOracle) -> tuple[str, float]:
    """The random words alone: two a report, or a byte for each bit of a row."""
    if isinstance(oracle.layout[0], Bits):
        name, count = "AES, a byte a bit", oracle.categories // 8
    else:
        name, count = "AES, 2 words", 2
    return f"{name} (M/s)", AGENTS / in_blocks(oracle, AGENTS, lambda agents: STREAM.words(agents, count)) / 1e6


def server_floor(oracle: FrequencyOracle, reports: Reports) -> tuple[str, float]:
    """Plain NumPy that counts the same reports, and checks nothing."""
    if isinstance(oracle, LocalHashing):
        return f"multiply-shift, {FEW} items scaled", AGENTS / hashing_seconds(oracle, reports) / 1e6
    if isinstance(oracle.layout[0], Bits):
        rows = reports.columns[0]
        return "unpackbits, sum (M/s)", AGENTS / least(lambda: unpacked(rows)) / 1e6
    cells = reports.columns[0].reshape(-1)
    if isinstance(oracle, CohortLocalHashing):
        cells = cells.astype(np.int64) * oracle.blur.values + reports["answer"]
    return "np.bincount (M/s)", AGENTS / least(lambda: np.bincount(cells)) / 1e6


def unpacked(rows: NDArray[np.uint8]) -> Indices:
    """How often each bit is set, some thousand rows at a time."""
    return sum(
        (
            np.unpackbits(rows[low : low + 4096], axis=1, bitorder="little").sum(axis=0, dtype=np.int64)
            for low in range(0, len(rows), 4096)
        ),
        np.zeros(rows.shape[1] * 8, dtype=np.int64),
    )


def hashing_seconds(oracle: LocalHashing, reports: Reports) -> float:
    """Multiply, add, shift, compare, count: for a few items, times their share in all items."""
    seeds, answers = reports["seed"].astype(np.uint32), reports["answer"].astype(np.uint32)
    shift, step = np.uint32(32 - oracle.blur.range_bits), 1 << 16
    blocks = [(seeds[i : i + step, 0].copy(), seeds[i : i + step, 1].copy(), answers[i : i + step]) for i in (0, step)]

    def count() -> None:
        for a, c, answer in blocks:
            for item in range(FEW):
                np.count_nonzero((a * np.uint32(item) + c) >> shift == answer)

    return least(count) * oracle.categories / FEW


def oracles() -> Iterator[Case]:
    """Client, server and decoding of each frequency oracle."""
    for categories in (128, 1024):
        values = zipf(categories, AGENTS)
        for epsilon in (1, 4):
            for name, make in ORACLES.items():
                yield from one_oracle(name, make(categories, epsilon), values)


def one_oracle(name: str, oracle: FrequencyOracle, values: Indices) -> Iterator[Case]:
    k, case = oracle.categories, f"{name}, k {oracle.categories}, eps {oracle.epsilon}"
    reports = oracle.randomize(values)
    aggregate = oracle.aggregate(reports)
    client = AGENTS / least(lambda: oracle.randomize(values)) / 1e6
    server = AGENTS / least(lambda: oracle.aggregate(reports)) / 1e6
    counted = least(lambda: oracle.estimate(aggregate)) * 1e6
    yield Case(case, "client", client, "M reports/s", client_floor(oracle), CLIENT_GOALS.get((name, k)))
    yield Case(case, "server", server, "M reports/s", server_floor(oracle, reports), SERVER_GOALS.get((name, k)))
    yield Case(case, "estimate", counted, "us", ("its reports (us)", AGENTS / server))


def numbers() -> Iterator[Case]:
    """Clients of the mechanisms for one number."""
    values = np.linspace(-1, 1, AGENTS)
    unit = (values + 1) / 2
    for epsilon in (1, 4):
        for name, mechanism, held in (
            ("Duchi", Duchi(-1, 1, epsilon), values),
            ("Piecewise", Piecewise(-1, 1, epsilon), values),
            ("Hybrid", Hybrid(-1, 1, epsilon), values),
            ("Square Wave", SquareWave(0, 1, epsilon), unit),
            ("discrete Laplace", LocalLaplace(-1, 1, epsilon), values),
            ("discrete Gaussian, delta 1e-6", LocalGaussian(-1, 1, epsilon, 1e-6), values),
        ):
            rate = AGENTS / least(lambda m=mechanism, v=held: m.randomize(v)) / 1e6  # type: ignore[misc]
            words = AGENTS / in_blocks(mechanism, AGENTS, lambda agents: STREAM.words(agents, 2)) / 1e6
            yield Case(f"{name}, eps {epsilon}", "client", rate, "M reports/s", ("AES, 2 words (M/s)", words))


def vectors() -> Iterator[Case]:
    """Clients of the mechanisms for a vector; the proven ones and the idealized ones on lines of their own."""
    for dimension, epsilon in ((128, 1), (128, 4), (1024, 4)):
        made: list[tuple[str, Mechanism, int, float | None]] = [
            ("PrivUnitG, idealized", PrivUnitG(dimension, 1.0, epsilon), 2_000_000, 0.4 if dimension == 128 else None),
            ("PrivUnit, idealized", PrivUnit(dimension, 1.0, epsilon), 2_000_000, None),
            ("PrivUnit by subsets, proven", PrivUnitSubset(dimension, 1.0, epsilon), 64_000, None),
            ("SQKR, proven", SQKR(dimension, 1.0, epsilon), 250_000, None),
            ("Gaussian grid, proven", GridGaussianVectors(dimension, 1.0, epsilon, 1e-6), 250_000, None),
        ]
        if dimension > 1000:
            made.append(("ProjUnit, proven", ProjUnit(dimension, 1.0, epsilon), 128_000, None))
        for name, mechanism, entries, goal in made:
            n = 8 if quick() else entries // dimension
            held = np.zeros((n, dimension))
            held[:, 0] = 0.6
            rate = n / least(lambda m=mechanism, v=held: m.randomize(v)) / 1e6  # type: ignore[misc]
            case = f"{name}, d {dimension}, eps {epsilon}"
            yield Case(case, "client", rate, "M vectors/s", normals(dimension), goal)


def normals(dimension: int) -> tuple[str, float]:
    """NumPy's own float32 normals, not cryptographic: d of them a vector."""
    generator, n = Entropy.seeded(1).generator("normals"), 1024
    seconds = least(lambda: generator.standard_normal((n, dimension), dtype=np.float32))
    return "NumPy's d normals (M/s)", n / seconds / 1e6


def shuffling() -> Iterator[Case]:
    """The numeric bound for a million shuffled reports of epsilon 1."""
    ratio, reports = Fraction(2718281828, 10**9), 10**4 if quick() else 10**6
    seconds = best_seconds(lambda: epsilon_of(1e-6, ratio=ratio, reports=reports), 3)
    yield Case(f"shuffle bound, n {reports}", "time", seconds, "s", ("stated bound (s)", 1.0), 1.0)


def pem() -> dict[str, float]:
    """Heavy hitters among 32-bit strings: making the reports, finding the strings."""
    strings = zipf(20_000, AGENTS, 1.3).astype(np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    mechanism = PrefixExtendingMethod(32, 4)
    start = perf_counter()
    reports = mechanism.randomize(strings)
    middle = perf_counter()
    mechanism.decode(reports)
    done = perf_counter()
    best = best_seconds(lambda: mechanism.decode(reports), 3)
    return {"client": middle - start, "server": min(best, done - middle)}


def in_many_blocks(name: str) -> dict[str, float]:
    """All reports of MANY agents, made and counted a block at a time."""
    oracle, held = ORACLES[name](128, 1), zipf(128, AGENTS)
    start = perf_counter()
    total = oracle.aggregate(oracle.randomize(held))
    for first in range(AGENTS, MANY, AGENTS):
        total += oracle.aggregate(oracle.randomize(held, agents=np.arange(first, first + AGENTS)))
    assert total.reports == MANY
    return {"seconds": perf_counter() - start}


def child(task: str) -> None:
    """One job of a process of its own, and what it took."""
    told = pem() if task == "pem" else in_many_blocks(task)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps(told | {"peak": int(line.split()[1]) / 1024}))


def in_child(task: str) -> dict[str, Any]:
    """What a process that does only this says."""
    flags = ["--quick"] if quick() else []
    run = subprocess.run(
        [sys.executable, __file__, "--child", task, *flags], capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def processes() -> Iterator[Case]:
    """Seconds and peak memory of whole jobs, from the kernel's high-water mark of a process of their own."""
    found = in_child("pem")
    case, bound = f"PEM, 32 bits, n {AGENTS}, eps 4", ("stated bound (MiB)", 1024.0)
    yield Case(case, "client", found["client"], "s", ("stated bound (s)", 2.0))
    yield Case(case, "server", found["server"], "s", ("stated bound (s)", 2.0), 2.0)
    yield Case(case, "peak memory", found["peak"], "MiB", bound, 1024.0)
    for name in ("GRR", "OUE", "PGR"):
        told = in_child(name)
        case = f"{name}, k 128, eps 1, n {MANY} in blocks"
        yield Case(case, "made and counted", told["seconds"], "s", ("agents (millions)", MANY / 1e6))
        yield Case(case, "peak memory", told["peak"], "MiB", bound, 1024.0)


def cases() -> Iterator[Case]:
    yield from shuffling()
    yield from processes()
    yield from oracles()
    yield from numbers()
    yield from vectors()


if __name__ == "__main__":
    if "--child" in sys.argv[1:]:
        child(sys.argv[sys.argv.index("--child") + 1])
    else:
        report(cases())
