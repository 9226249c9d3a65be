"""Runs one peer's job and tip's on this machine: JSON lines with the ratio."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from _convention import Case  # noqa: E402 - a script's own folder comes first
from bench_simulation import best_round, digits, in_child  # noqa: E402

JOBS = {"flower": "flower_job.py", "pfl": "pfl_job.py", "numpy": "numpy_loop.py"}
COHORT = 100
QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1", "RAY_DEDUP_LOGS": "0"}


def peer(python: Path, job: str, rounds: int) -> tuple[float, float, float]:
    """Seconds of the best round, first round left out, and until the first one ended; accuracy."""
    environment = os.environ | QUIET | {"PEER_ROUNDS": str(rounds), "PYTHONPATH": str(HERE)}
    times, accuracy, first = [], float("nan"), float("nan")
    with tempfile.TemporaryFile("w+") as errors:
        before = perf_counter()
        with subprocess.Popen(
            [python, HERE / job], cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as run:
            for line in run.stdout:
                told = json.loads(line) if line.startswith('{"peer_') else {}
                accuracy = told.get("peer_accuracy", accuracy)
                if "seconds" in told:
                    times.append(told["seconds"])
                if told.get("peer_round") == 1:
                    first = perf_counter() - before
        errors.seek(0)
        said = errors.read()
    if run.returncode or len(times) != rounds:
        sys.exit(f"{job} played {len(times)} of {rounds} rounds:\n{said[-4000:]}")
    return min(times[1:]), first, accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=JOBS)
    parser.add_argument("--python", type=Path, help="the peer's interpreter (default: .venv-<peer>/bin/python)")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    federation = digits()
    python = given.python or Path(f".venv-{given.peer}") / "bin" / "python"
    before = best_round(federation)
    seconds, first, accuracy = peer(python.absolute(), JOBS[given.peer], given.rounds)
    ours = COHORT / min(before, best_round(federation))  # before and after: the machine may have been busy
    name = "digits softmax, 100 of 1,000"
    print(json.dumps(Case(name, "round", ours, "updates/s", (given.peer, COHORT / seconds)).as_json()))
    print(json.dumps(Case(name, "first round after", in_child()[0], "s", (f"{given.peer} (s)", first)).as_json()))
    print(json.dumps({"case": name, "peer": given.peer, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
