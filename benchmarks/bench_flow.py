"""The reasoner on large graphs: views, one agent, all agents, memory; each beside a floor of the same run.

10-out graphs with 30 % of the agents colluding, own variance 1/2, pair variance 3. The relative gap of one agent's
loss is certified on both sides; the bound of all agents holds but for a failure of 2^-40.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from _convention import Case, best_seconds, quick, report
from scipy.sparse.linalg import LinearOperator, cg

from tip.flow import graphs, iterative, readymade, spectral
from tip.flow.view import View, view
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SIZES = (10**4,) if quick() else (10**5, 10**6)
ONE_GOAL = {10**4: 0.1, 10**5: 0.2, 10**6: 2.0}  # seconds
ALL_GOAL = {10**4: 5.0, 10**5: 10.0, 10**6: 60.0}  # seconds
MEMORY_GOAL = 6.0  # GiB
GAP_GOAL = 1e-6
PICKS = 10
Result = TypeVar("Result")


def timed(function: Callable[[], Result]) -> tuple[float, Result]:
    start = perf_counter()
    result = function()
    return perf_counter() - start, result


def peak() -> float:
    """GiB of memory that this process ever held."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def building(size: int) -> tuple[list[Case], View]:
    drawing, flow = timed(
        lambda: readymade.pairwise(
            size, readymade.k_out(PICKS, seed=7), own_variance=Fraction(1, 2), pair_variance=Fraction(3)
        )
    )
    pairs = graphs.edges(flow.graphs[0], size)
    colluders = np.sort(Entropy.seeded(1).generator("colluders").permutation(size)[: size * 3 // 10])
    keys = Entropy.seeded(2).generator("keys").permutation(pairs[:, 0] * size + pairs[:, 1])
    floor = best_seconds(lambda: np.sort(keys), 3)
    viewing, seen = timed(lambda: view(flow, ["published"], parties=frozenset(), colluders=colluders))
    name = f"{size:,} agents, {len(pairs):,} edges"
    reference = ("np.sort of the edge keys (s)", floor)
    return [
        Case(f"flow, graph of {name}", "time", drawing, "s", reference),
        Case(f"view of {name}", "time", viewing, "s", reference),
    ], seen


def plain(ready: iterative.Prepared, change: NDArray[np.float64]) -> float:
    """The floor: SciPy's conjugate gradients with the same preconditioner, to a residual that gives the same gap."""
    jacobi = LinearOperator(ready.system.shape, matvec=lambda v: v * ready.inverse_diagonal)
    return best_seconds(lambda: cg(ready.system, change, rtol=1e-4, M=jacobi), 3)


def losses(size: int, seen: View) -> Iterator[Case]:
    making, ready = timed(lambda: iterative.prepare(seen.B, seen.variances))
    rows = ready.system.shape[0]
    vector = np.linspace(0, 1, rows)
    product = best_seconds(lambda: ready.system @ vector, 5)
    yield Case(f"S = B V B', {rows:,} rows", "time", making, "s", ("one product with S (s)", product))
    one = np.zeros(rows)
    one[3] = 1.0
    seconds = best_seconds(lambda: iterative.loss(ready, one), 3)
    name = f"{rows:,} honest agents"
    yield Case(f"one of {name}", "time", seconds, "s", ("scipy cg (s)", plain(ready, one)), ONE_GOAL[size])
    found = iterative.loss(ready, one)
    yield Case(f"one of {name}", "relative gap", found.gap, "of the upper", ("asked for", GAP_GOAL), GAP_GOAL)
    seconds, bounds = timed(
        lambda: spectral.all_agents(spectral.pairwise(seen.B, seen.variances), coins=Entropy.seeded(3))
    )
    yield Case(f"all {name}", "time", seconds, "s", ("260 products with S (s)", 260 * product), ALL_GOAL[size])
    worst = int(bounds.bound.argmax())
    change = np.zeros(rows)
    change[worst] = 1.0
    exact = float(iterative.loss(ready, change).upper or np.inf)
    yield Case(f"worst of {name}", "mu^2", bounds.worst, "squared", ("its own certificate", exact))


def cases() -> Iterator[Case]:
    for size in SIZES:
        built, seen = building(size)
        yield from built
        yield from losses(size, seen)
        edges = seen.B.nnz * 16 / 2**30
        yield Case(f"{size:,} agents", "peak memory", peak(), "GiB", ("B alone (GiB)", edges), MEMORY_GOAL)


if __name__ == "__main__":
    report(cases())
