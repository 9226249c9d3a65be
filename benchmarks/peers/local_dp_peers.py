"""Peers of the local mechanisms: reports made and counted a second.

In the peers' own interpreter, without tip: one JSON line a case. A call of these libraries takes one report; the
loop around it is the one that their examples show. Warm-up first (numba compiles), then the best of a few passes.
In tip's interpreter, with `--python PATH` of the peers': the same lines, each beside tip's rate, which is measured
right after the peer's while the peer waits.
"""

# ruff: noqa: PLC0415 - tip lives in one interpreter, the peers in another: each function imports what it has

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _convention import Case
    from pure_ldp.core import FreqOracleServer

QUICK = "--quick" in sys.argv[1:]
PASSES = 1 if QUICK else 3
SECONDS = 0.05 if QUICK else 0.25  # a pass
MOST = 20_000  # reports a pass
CELLS = ((128, 1),) if QUICK else ((128, 1), (1024, 1), (128, 4), (1024, 4))


def items(categories: int) -> list[int]:
    """Zipf 1.1, as in the benchmark, scattered by a multiplicative hash."""
    weights = np.arange(1, categories + 1) ** -1.1
    ends = np.cumsum(weights / weights.sum())
    places = np.arange(1, MOST + 1) * 2654435761 % (1 << 32) / 2**32
    return [int(v) for v in np.minimum(np.searchsorted(ends, places), categories - 1)]


def told(peer: str, case: str, metric: str, rate: float) -> None:
    """One line; then wait, if somebody measures beside."""
    print(json.dumps({"peer": peer, "case": case, "metric": metric, "rate": rate}), flush=True)
    if "--paced" in sys.argv[1:]:
        sys.stdin.readline()


def client(peer: str, case: str, make: Callable[[int], Any], values: list[int]) -> list[Any]:
    """Reports a second of a loop over agents; the reports of the last pass."""
    make(values[0])
    start = perf_counter()
    for value in values[:20]:
        make(value)
    count = int(min(MOST, max(20, SECONDS * 20 / (perf_counter() - start))))
    best, reports = float("inf"), []
    for _ in range(PASSES):
        start = perf_counter()
        reports = [make(value) for value in values[:count]]
        best = min(best, perf_counter() - start)
    told(peer, case, "client", count / best)
    return reports


def server(peer: str, case: str, count: Callable[[list[Any]], object], reports: list[Any]) -> None:
    """Reports a second that are added up and decoded."""
    if peer == "pure-ldp" and case.startswith("OLH"):
        reports = reports[:100]  # a call for each item of each report
    count(reports[:2])
    best = float("inf")
    for _ in range(PASSES):
        start = perf_counter()
        count(reports)
        best = min(best, perf_counter() - start)
    told(peer, case, "server", len(reports) / best)


def pure_ldp(k: int, epsilon: int) -> None:
    from pure_ldp.frequency_oracles.direct_encoding import DEClient, DEServer
    from pure_ldp.frequency_oracles.hadamard_response import HadamardResponseClient, HadamardResponseServer
    from pure_ldp.frequency_oracles.local_hashing import LHClient, LHServer
    from pure_ldp.frequency_oracles.unary_encoding import UEClient, UEServer

    values = [item + 1 for item in items(k)]  # its items start from 1
    hadamard = HadamardResponseServer(epsilon, k)
    for name, agent, collector in (
        ("GRR", DEClient(epsilon, k), DEServer(epsilon, k)),
        ("OUE", UEClient(epsilon, k, use_oue=True), UEServer(epsilon, k, use_oue=True)),
        ("OLH", LHClient(epsilon, k, use_olh=True), LHServer(epsilon, k, use_olh=True)),
        ("HR", HadamardResponseClient(epsilon, k, hadamard.get_hash_funcs()), hadamard),
    ):
        case = f"{name}, k {k}, eps {epsilon}"
        reports = client("pure-ldp", case, agent.privatise, values)
        server("pure-ldp", case, partial(collected, collector), reports)


def collected(collector: FreqOracleServer, reports: list[Any]) -> object:
    """pure-ldp's server: a call for each report."""
    collector.reset()
    for one in reports:
        collector.aggregate(one)
    return collector.estimate(1, suppress_warnings=True)


def multi_freq(k: int, epsilon: int) -> None:
    from multi_freq_ldpy.pure_frequency_oracles.GRR import GRR_Aggregator_MI, GRR_Client
    from multi_freq_ldpy.pure_frequency_oracles.LH import LH_Aggregator_MI, LH_Client
    from multi_freq_ldpy.pure_frequency_oracles.SS import SS_Aggregator_MI, SS_Client
    from multi_freq_ldpy.pure_frequency_oracles.UE import UE_Aggregator_MI, UE_Client

    values, loss = items(k), float(epsilon)
    for name, agent, collector in (
        ("GRR", GRR_Client, GRR_Aggregator_MI),
        ("OUE", UE_Client, lambda reports, _, epsilon: UE_Aggregator_MI(reports, epsilon)),
        ("OLH", LH_Client, LH_Aggregator_MI),
        ("SS", SS_Client, SS_Aggregator_MI),
    ):
        case = f"{name}, k {k}, eps {epsilon}"
        reports = client("multi-freq-ldpy", case, lambda value, agent=agent: agent(value, k, loss), values)
        reports = reports[:2000] if name in ("OLH", "SS") else reports
        server("multi-freq-ldpy", case, lambda some, collector=collector: collector(some, k, loss), reports)


def opendp(k: int, epsilon: int) -> None:
    import opendp.prelude as dp

    dp.enable_features("contrib", "honest-but-curious")
    keep, root = float(np.exp(epsilon) / (np.exp(epsilon) + k - 1)), float(np.exp(epsilon / 2))
    respond = dp.m.make_randomized_response(categories=list(range(k)), prob=keep)
    client("OpenDP", f"GRR, k {k}, eps {epsilon}", respond, items(k))
    flips = dp.m.make_randomized_response_bitvec(
        dp.bitvector_domain(max_weight=1), dp.discrete_distance(), f=2 / (root + 1)
    )
    rows = [np.packbits(np.arange(k) == item, bitorder="little").tobytes() for item in items(k)[:2000]]
    client("OpenDP", f"SUE, k {k}, eps {epsilon}", lambda at: flips(rows[at % len(rows)]), list(range(MOST)))


def opendp_noise() -> None:
    import opendp.prelude as dp

    dp.enable_features("contrib")
    for name, make, metric in (
        ("discrete Laplace", dp.m.make_laplace, dp.l1_distance(T=int)),
        ("discrete Gaussian", dp.m.make_gaussian, dp.l2_distance(T=float)),
    ):
        for scale in (10, 256):
            noise, zeros = make(dp.vector_domain(dp.atom_domain(T=int)), metric, scale=float(scale)), [0] * 2000
            best = float("inf")
            for _ in range(PASSES):
                start = perf_counter()
                noise(zeros)
                best = min(best, perf_counter() - start)
            told("OpenDP", f"{name}, scale {scale}", "samples", len(zeros) / best)


def beside(python: str) -> None:
    """Run the peers, and tip after each of their cases."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from _convention import report

    flags = ["--paced", *(["--quick"] if QUICK else [])]
    with subprocess.Popen(
        [python, "-W", "ignore", __file__, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:

        def cases() -> Iterator[Case]:
            for line in run.stdout:
                yield ours(json.loads(line))
                run.stdin.write("\n")
                run.stdin.flush()

        report(cases())
    sys.exit(run.returncode)


def ours(line: dict[str, Any]) -> Case:
    """Tip's rate in the case of this line."""
    from fractions import Fraction

    import bench_local_dp as bench
    from _convention import Case

    from tip.noise import DiscreteGaussian, DiscreteLaplace

    bench.SECONDS = 0.25
    name, rest = line["case"].split(", ", 1)
    if line["metric"] == "samples":
        scale, agents = Fraction(rest.split()[-1]), np.arange(1000)
        law = DiscreteLaplace(scale) if "Laplace" in name else DiscreteGaussian(scale**2)
        law.sample(bench.STREAM, agents, 1)
        rate = len(agents) * 100 / bench.least(lambda: law.sample(bench.STREAM, agents, 100))
    else:
        k, epsilon = (int(part.split()[-1]) for part in rest.split(", "))
        oracle, values = bench.ORACLES[name](k, epsilon), bench.zipf(k, bench.AGENTS)
        reports = oracle.randomize(values)
        call = (
            (lambda: oracle.randomize(values))
            if line["metric"] == "client"
            else (lambda: oracle.estimate(oracle.aggregate(reports)))
        )
        rate = bench.AGENTS / bench.least(call)
    return Case(line["case"], line["metric"], rate / 1e6, "M/s", (f"{line['peer']} (M/s)", line["rate"] / 1e6))


if __name__ == "__main__":
    if "--python" in sys.argv[1:]:
        beside(sys.argv[sys.argv.index("--python") + 1])
    else:
        for library in (pure_ldp, multi_freq, opendp):
            for cell in CELLS:
                library(*cell)
        opendp_noise()
