"""Flower's SecAgg+: its own workflow and agents in one process, CPU seconds.

In Flower's interpreter, without tip: one JSON line a figure. The workflow talks to a grid that hands each message to
Flower's `secaggplus_mod` of that agent and hands the replies back; nothing is serialized and nothing travels, which
favors Flower. Agents that drop out have dealt their shares and send no vector; few enough shares are needed that the
round outlives them wherever they sit. Time inside an agent's handler is the agents', the rest is the coordinator's;
the sum is checked against the vectors that went in.

In tip's interpreter, with `--python PATH` of Flower's: the same lines, each beside tip's figure where tip has the case.
"""

# ruff: noqa: PLC0415 - tip lives in one interpreter, Flower in another: each function imports what it has

from __future__ import annotations

import json
import logging
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _convention import Case
    from flwr.app import Context, Message

QUICK = "--quick" in sys.argv[1:]
AGENTS, SHARES, NEEDED = (12, 7, 2) if QUICK else (100, 31, 10)  # 31 shares: 30 neighbors and oneself
DIMENSIONS = (1000,) if QUICK else (10**5, 10**6)
DROPOUTS = (0, 10, 30)  # percent
WEIGHT = 1000  # of every agent, the most that the protocol takes
PASSES, ROUNDS = (1, 1) if QUICK else (3, 2)


def told(case: str, metric: str, seconds: float) -> None:
    """One line; then wait, if somebody measures beside."""
    print(json.dumps({"peer": "Flower", "case": case, "metric": metric, "seconds": seconds}), flush=True)
    if "--paced" in sys.argv[1:]:
        sys.stdin.readline()


def least(function: Callable[[], object], passes: int = PASSES) -> float:
    """CPU seconds, all threads together."""
    times = []
    for _ in range(passes):
        start = process_time()
        function()
        times.append(process_time() - start)
    return min(times)


class Loop:
    """A grid in one process: agents 1..n, of which some fall silent when vectors are asked for."""

    def __init__(self, vectors: np.ndarray, silent: frozenset[int]) -> None:
        from flwr.app import Context, RecordDict

        self.vectors, self.silent, self.staying, self.inside = vectors, silent, 0.0, 0.0
        self.contexts = {nid: Context(1, nid, {}, RecordDict(), {}) for nid in range(1, len(vectors) + 1)}

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:  # noqa: ARG002
        """All replies, in the order of the messages."""
        from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage

        start, replies = process_time(), []
        for message in messages:
            stage = message.content.config_records[RECORD_KEY_CONFIGS][Key.STAGE]
            if stage == Stage.COLLECT_MASKED_VECTORS and message.metadata.dst_node_id in self.silent:
                continue
            replies.append(self.answered(message))
        self.inside += process_time() - start
        return replies

    def answered(self, message: Message) -> Message:
        """The reply of one agent; its time is its own. A copy of the record: the setup sends one object to all."""
        from flwr.app import ConfigRecord, RecordDict
        from flwr.client.mod import secaggplus_mod

        message.content = RecordDict(
            {
                key: ConfigRecord(dict(record)) if isinstance(record, ConfigRecord) else record
                for key, record in message.content.items()
            }
        )
        start = process_time()
        reply = secaggplus_mod(message, self.contexts[message.metadata.dst_node_id], self.trained)
        if message.metadata.dst_node_id not in self.silent:
            self.staying += process_time() - start
        return reply

    def trained(self, message: Message, context: Context) -> Message:
        """The agent's vector; no training."""
        from flwr.app import Message, RecordDict
        from flwr.common import Code, FitRes, Status, ndarrays_to_parameters
        from flwr.compat.common.recorddict_compat import fitres_to_recorddict

        parameters = ndarrays_to_parameters([self.vectors[context.node_id - 1]])
        result = fitres_to_recorddict(FitRes(Status(Code.OK, ""), parameters, WEIGHT, {}), keep_input=True)
        return Message(RecordDict(dict(result.items())), reply_to=message)


class Mean:
    """What the workflow asks of a strategy: everybody takes part, the sum's mean is kept."""

    def __init__(self, agents: int) -> None:
        self.agents, self.mean = agents, np.empty(0)

    def configure_fit(self, _round: int, parameters: Any, _manager: Any) -> list[Any]:  # noqa: ANN401 - Flower's shape
        """All agents, with nothing to train."""
        from types import SimpleNamespace

        from flwr.common import FitIns

        return [(SimpleNamespace(node_id=nid), FitIns(parameters, {})) for nid in range(1, self.agents + 1)]

    def aggregate_fit(self, _round: int, results: list[Any], _failures: list[Any]) -> tuple[None, dict[str, Any]]:
        """Keep the mean that the workflow wrote into every result."""
        from flwr.common import parameters_to_ndarrays

        self.mean = parameters_to_ndarrays(results[0][1].parameters)[0]
        return None, {}


def one_round(dimension: int, dropout: int) -> tuple[float, float]:
    """CPU seconds of one agent that stayed, and of the coordinator."""
    from flwr.app import ConfigRecord, Context, RecordDict
    from flwr.common import ndarrays_to_parameters
    from flwr.compat.common.recorddict_compat import parameters_to_arrayrecord
    from flwr.server import LegacyContext
    from flwr.server.workflow import SecAggPlusWorkflow
    from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD, Key
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 0
    silent = frozenset(range(1, dropout * AGENTS // 100 + 1))
    steps = np.arange(AGENTS)[:, None] + np.arange(dimension)[None, :]
    vectors = np.sin(steps).astype(np.float32)
    grid, strategy = Loop(vectors, silent), Mean(AGENTS)
    context = LegacyContext(Context(1, 0, {}, RecordDict(), {}), strategy=strategy)
    context.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({Key.CURRENT_ROUND: 1})
    empty = parameters_to_arrayrecord(ndarrays_to_parameters([np.zeros(1, np.float32)]), keep_input=True)
    context.state.array_records[MAIN_PARAMS_RECORD] = empty
    start = process_time()
    SecAggPlusWorkflow(SHARES, NEEDED)(grid, context)
    coordinator = process_time() - start - grid.inside
    assert np.allclose(strategy.mean, vectors[len(silent) :].mean(axis=0), atol=1e-4)
    return grid.staying / (AGENTS - len(silent)), coordinator


def blocks() -> None:
    """The building blocks; `added` is a mask drawn and added to the vector of int64 that the protocol keeps."""
    from flwr.common.secure_aggregation.crypto.shamir import create_shares
    from flwr.common.secure_aggregation.ndarrays_arithmetic import parameters_addition
    from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen

    for dimension in DIMENSIONS:
        vector, shape = [np.zeros(dimension, dtype=np.int64)], [(dimension,)]
        pseudo_rand_gen(b"k" * 32, 1 << 32, shape)
        drawn = least(partial(pseudo_rand_gen, b"k" * 32, 1 << 32, shape), 3 * PASSES)
        told(f"mask of {dimension:,} words", "drawn", drawn)
        added = least(
            lambda v=vector, s=shape: parameters_addition(v, pseudo_rand_gen(b"k" * 32, 1 << 32, s)), 3 * PASSES
        )
        told(f"mask of {dimension:,} words", "added", added)
    told("two 32-byte secrets to 100, 51 of them needed", "time", 2 * least(lambda: create_shares(b"s" * 32, 51, 100)))


def whole_rounds() -> None:
    for dimension in DIMENSIONS:
        for dropout in DROPOUTS:
            played = [one_round(dimension, dropout) for _ in range(ROUNDS)]
            case = f"n {AGENTS}, k {SHARES - 1}, d {dimension:,}, {dropout}% drop out"
            told(case, "agent", min(agent for agent, _ in played))
            told(case, "coordinator", min(coordinator for _, coordinator in played))


def beside(python: str) -> None:
    """Run Flower, and tip after each of its cases."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from _convention import report

    flags = ["--paced", *(["--quick"] if QUICK else [])]
    with subprocess.Popen(
        [python, "-W", "ignore", __file__, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:

        def cases() -> Iterator[Case]:
            for line in run.stdout:
                if line.startswith('{"peer"'):
                    yield from ours(json.loads(line))
                    run.stdin.write("\n")
                    run.stdin.flush()

        report(cases())
    sys.exit(run.returncode)


def ours(line: dict[str, Any]) -> Iterator[Case]:
    """Tip's CPU milliseconds in the case of this line, beside Flower's."""
    from _convention import Case
    from bench_masking import beside_flower

    seconds = beside_flower(line["case"], line["metric"])
    if seconds is not None:
        yield Case(line["case"], line["metric"], seconds * 1e3, "ms", ("Flower's (ms)", line["seconds"] * 1e3))


if __name__ == "__main__":
    if "--python" in sys.argv[1:]:
        beside(sys.argv[sys.argv.index("--python") + 1])
    else:
        logging.disable()
        blocks()
        whole_rounds()
