"""Agent updates a second, cost of a round, start and memory of a run."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from _convention import Case, best_seconds, quick, report

from tip.learning import FedAvg, Logistic, Records, Softmax
from tip.plan import Plan
from tip.randomness import Entropy
from tip.simulation import simulate
from tip.simulation.federation import prepare
from tip.simulation.rounds import rounds, start
from tip.simulation.vectorized import Engine, Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.learning import Model
    from tip.simulation.federation import Federation

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]
    Residuals = Callable[[Floats, NDArray[Any]], Floats]

UPDATES_GOAL, RATIO_GOAL, FIRST_GOAL, MEMORY_GOAL = 50_000.0, 1.2, 3.0, 200.0
PASSES = 1 if quick() else 7
LARGE = 3_334 if quick() else 111_112  # agents, a tenth of them kept apart
BATCH, RATE = 10, 0.5
DIGITS = Path(__file__).with_name("digits.toml")
PRIVACY = """
[privacy]
epsilon = 64.0
delta = 1e-5
unit = "agent"
neighboring = "replace-one"
against = "coordinator + 10% of agents"
max_participations = 60
mechanism = "distributed-gaussian"
clipping_norm = 1.0

[budget]
ledger = "none"
"""


def digits(*changes: str, text: str = "") -> Federation:
    plan = Plan.parse(DIGITS.read_text(encoding="utf-8") + text, "digits.toml")
    return prepare(plan.replace(*changes))


# The two references, in plain NumPy and double precision.


@dataclass(frozen=True, slots=True)
class Job:
    """What an agent does: descent on its own records in batches, for k outputs."""

    outputs: int
    residuals: Residuals = field(repr=False)


def softmax_residuals(scores: Floats, labels: NDArray[Any]) -> Floats:
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shifted /= shifted.sum(axis=-1, keepdims=True)
    residuals: Floats = shifted - np.eye(scores.shape[-1])[labels]
    return residuals


def logistic_residuals(scores: Floats, labels: NDArray[Any]) -> Floats:
    residuals: Floats = 1 / (1 + np.exp(-scores)) - labels[..., None]
    return residuals


SOFTMAX, LOGISTIC = Job(10, softmax_residuals), Job(1, logistic_residuals)


def agent_after_agent(job: Job, parameters: Floats, data: list[tuple[Floats, NDArray[Any]]]) -> Floats:
    """The updates (n, d), each agent in its turn: what a first own simulator looks like."""
    split = len(parameters) - job.outputs
    updates = np.empty((len(data), len(parameters)))
    for agent, (features, labels) in enumerate(data):
        weights, bias = parameters[:split].reshape(job.outputs, -1).copy(), parameters[split:].copy()
        for first in range(0, len(features), BATCH):
            x, y = features[first : first + BATCH], labels[first : first + BATCH]
            residuals = job.residuals(x @ weights.T + bias, y)
            weights -= RATE * (residuals.T @ x) / len(x)
            bias -= RATE * residuals.mean(axis=0)
        updates[agent] = np.concatenate([weights.reshape(-1), bias]) - parameters
    return updates


def hand_batched(job: Job, parameters: Floats, features: Floats, labels: NDArray[Any]) -> Floats:
    """The updates (n, d) of equal agents, data in one array (n, m, p): no rounding, no sums, no bookkeeping."""
    n, k, split = len(features), job.outputs, len(parameters) - job.outputs
    weights = np.tile(parameters[:split].reshape(1, k, -1), (n, 1, 1))
    bias = np.tile(parameters[split:], (n, 1, 1))
    for first in range(0, features.shape[1], BATCH):
        x, y = features[:, first : first + BATCH], labels[:, first : first + BATCH]
        residuals = job.residuals(x @ weights.transpose(0, 2, 1) + bias, y)
        weights -= RATE / x.shape[1] * (residuals.transpose(0, 2, 1) @ x)
        bias -= RATE * residuals.mean(axis=1, keepdims=True)
    return np.concatenate([weights.reshape(n, -1), bias[:, 0]], axis=1) - parameters


def own_data(records: Any, agents: Indices) -> list[tuple[Floats, NDArray[Any]]]:  # noqa: ANN401 - four arrays
    cuts = [records.rows[records.offsets[a] : records.offsets[a + 1]] for a in agents]
    return [(records.features[rows], records.labels[rows]) for rows in cuts]


def agree(engine: Engine, agents: Indices, job: Job, parameters: Floats) -> None:
    """The engine's decoded sum is the loop's, within half a grid step an agent, and not the sum of nothing."""
    slow = agent_after_agent(job, parameters, own_data(engine.records, agents))
    fast = engine.channel.release(engine.sum_of(agents, parameters, 1).total, len(agents))
    assert isinstance(engine.channel, Plain)
    assert np.abs(fast - slow.sum(axis=0)).max() <= len(agents) * engine.channel.step / 2 * (1 + 1e-9) + 1e-9
    assert np.abs(slow.sum(axis=0)).max() > len(agents) * engine.channel.step


# The cases.


def best_round(federation: Federation, passes: int = PASSES) -> float:
    """Seconds of the quickest round in which nothing was evaluated, first rounds left out."""
    times = []
    for _ in range(passes):
        before = perf_counter()
        for _, played in rounds(federation, start(federation)):
            now = perf_counter()
            if not played.metrics and played.number > 1:
                times.append(now - before)
            before = perf_counter()
    return min(times)


def references(federation: Federation) -> tuple[float, float]:
    """Updates/s of the loop and of the hand-batched floor on one cohort's data; both agree with the engine."""
    agents = federation.cohorts.drawn(federation.entropy, 2)
    parameters = start(federation).server.parameters
    parameters = parameters + 0.1 * np.sin(np.arange(len(parameters)))  # no special point
    agree(federation.engine, agents, SOFTMAX, parameters)
    data = own_data(federation.engine.records, agents)
    features = np.stack([x for x, _ in data])
    labels = np.stack([y for _, y in data]).astype(np.int64)
    loop, floor = agent_after_agent(SOFTMAX, parameters, data), hand_batched(SOFTMAX, parameters, features, labels)
    assert np.allclose(loop, floor, rtol=0, atol=1e-12)
    slow = best_seconds(lambda: agent_after_agent(SOFTMAX, parameters, data).mean(axis=0), 5 * PASSES)
    quickest = best_seconds(lambda: hand_batched(SOFTMAX, parameters, features, labels).mean(axis=0), 30 * PASSES)
    return len(agents) / slow, len(agents) / quickest


def whole_rounds() -> Iterator[Case]:
    clear = digits()
    private = digits("protocol.kind=ideal", "protocol.coordinator=malicious", "protocol.step=1e-3", text=PRIVACY)
    loop, floor = references(clear)
    open_speed = 100 / best_round(clear)
    guarded = 100 / best_round(private)
    name = "digits softmax, d 650, 100 of 1,001"
    unit = "updates/s"
    yield Case(name, "round", open_speed, unit, ("loop, agent after agent", loop), UPDATES_GOAL)
    yield Case(name, "round", open_speed, unit, ("hand-batched, one array", floor), UPDATES_GOAL)
    yield Case(f"{name}, private", "round", guarded, unit, ("the same without privacy", open_speed))


def made_up(features: int, classes: int, sizes: Indices) -> Records:
    """Records of made-up people, each agent with its own number of them."""
    entropy, total = Entropy.seeded(5), int(sizes.sum())
    x = entropy.stream("features").words(np.arange(total), features) * 2.0**-63 - 1
    y = entropy.stream("labels").below(classes, np.arange(total))[:, 0].astype(np.int64)
    return Records(x, y, np.arange(total), np.concatenate([[0], np.cumsum(sizes)]))


def kernel(name: str, model: Model, job: Job, sizes: Indices) -> Case:
    """The engine's sums alone, over cohorts of 100 agents."""
    records = made_up(model.features, max(job.outputs, 2), sizes)
    engine = Engine(model, FedAvg(1, BATCH, RATE), records, Plain(100, step=2.0**-40), block=100)
    parameters = 0.1 * np.sin(np.arange(model.dimension))
    cohort = np.arange(0, len(sizes), max(1, len(sizes) // 100))[:100]
    agree(engine, cohort, job, parameters)
    data = own_data(records, cohort)
    slow = best_seconds(lambda: agent_after_agent(job, parameters, data), 3 * PASSES)
    fast = best_seconds(lambda: engine.sum_of(cohort, parameters, 1), 10 * PASSES)
    reference = "loop, agent after agent", len(cohort) / slow
    return Case(name, "sum of 100", len(cohort) / fast, "updates/s", reference)


def kernels() -> Iterator[Case]:
    count = 100 if quick() else 1000
    even = np.full(count, 20, dtype=np.int64)
    uneven = 1 + Entropy.seeded(6).stream("sizes").below(200, count=count)[0].astype(np.int64)
    yield kernel("softmax, d 650, 20 records each", Softmax(64, 10), SOFTMAX, even)
    yield kernel("logistic, d 40, 20 records each", Logistic(39), LOGISTIC, even)
    yield kernel("softmax, d 650, 1 to 200 records", Softmax(64, 10), SOFTMAX, uneven)
    yield kernel("logistic, d 40, 1 to 200 records", Logistic(39), LOGISTIC, uneven)


def population() -> Case:
    """Rounds of both sizes in turns, so that a busy minute of the machine meets both."""
    small, large = digits(), digits(f"partition.agents={LARGE}")
    pairs = [(best_round(small, 1), best_round(large, 1)) for _ in range(PASSES)]
    quickest, slowest = (1e3 * min(times) for times in zip(*pairs, strict=True))
    name = f"100 agents of {large.train.agents:,}"
    reference = f"100 of {small.train.agents:,} (ms)", quickest
    return Case(name, "best round", slowest, "ms", reference, RATIO_GOAL * quickest)


def process() -> Iterator[Case]:
    """A whole `simulate` of 60 rounds with report, in a process of its own; best of some, largest memory."""
    runs = [in_child() for _ in range(1 if quick() else 5)]
    first, bare, peak = min(r[0] for r in runs), min(r[1] for r in runs), max(r[2] for r in runs)
    yield Case("whole run, digits", "first round after", first, "s", ("python -c 'import numpy' (s)", bare), FIRST_GOAL)
    yield Case("whole run, digits", "peak memory", peak, "MiB", ("stated bound (MiB)", MEMORY_GOAL), MEMORY_GOAL)


def in_child() -> tuple[float, float, float]:
    """Seconds until the first round ended, of a bare import of NumPy, and the peak resident MiB."""
    bare = best_seconds(lambda: subprocess.run([sys.executable, "-c", "import numpy"], check=True), 1)
    before = perf_counter()
    with subprocess.Popen([sys.executable, __file__, "--child"], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "first\n"
        first = perf_counter() - before
        peak = json.loads(run.stdout.readline())["peak"]
    assert run.returncode == 0
    return first, bare, peak


def child() -> None:
    plan = Plan.read(DIGITS)

    def watch(played: Any) -> None:  # noqa: ANN401 - a round of the history
        if played.number == 1:
            print("first", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        simulate(plan, folder=Path(folder) / "run", watch=watch)
    print(json.dumps({"peak": peak_memory()}))


def peak_memory() -> float:
    """The peak resident MiB of this program; `ru_maxrss` alone also remembers the parent that was forked."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # macOS tells bytes


def cases() -> Iterator[Case]:
    yield from whole_rounds()
    yield from kernels()
    yield population()
    yield from process()


if __name__ == "__main__":
    if "--child" in sys.argv[1:]:
        child()
    else:
        report(cases())
