"""Agents in worker processes: the same frames and sums as in one process, and no hanging when a worker dies."""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

import tip
from tip.aggregation import ring_sum
from tip.errors import ConfigurationError, PeerFault, ProtocolMisuse, TipError
from tip.protocols import COORDINATOR, AgentId, Network, Round, Terms, run_round
from tip.protocols.loopback import Envelope, Loopback, Task
from tip.protocols.masking import TABLE, client, plan_masking, under
from tip.protocols.masking.messages import Abandoned
from tip.protocols.masking.stages import Own
from tip.randomness import SYSTEM, Entropy
from tip.simulation.federation import prepare
from tip.simulation.hosting import (
    Begin,
    End,
    Frames,
    Half,
    Host,
    Hosted,
    Said,
    Spread,
    enrolled,
    run_round_in_processes,
)
from tip.simulation.processes import FailedAt, Raised, Workers
from tip.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tip.plan import Plan
    from tip.protocols import Outcome
    from tip.protocols.loopback import Runnable
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.masking.signing import Directory

SEED = Entropy.seeded(20261129)
AGENTS = [AgentId(i) for i in range(12)]
PLANNED = plan_masking(12, 0.1, 0.17, coordinator="malicious")
VECTORS = {a: SEED.stream("vectors").words(np.array([a]), 9, dtype=np.uint32)[0] for a in AGENTS}


CARELESS = """
import os, signal

from tip.simulation.processes import FailedAt, Raised


class Careless:
    def answer(self, request):
        match request:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "wait":
                signal.pause()
            case FailedAt():
                raise request
            case Raised():
                raise request.error()
        return request
"""


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a server of a module of its own
    """A server that does as it is told: raises, dies, waits. Workers find it on the path of this process."""
    (tmp_path / "careless_server.py").write_text(CARELESS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("careless_server").Careless
    sys.modules.pop("careless_server")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(2, Host) as started:
        yield started


@pytest.fixture(scope="module")
def hosted(workers: Workers) -> Hosted:
    return enrolled(workers, PLANNED, AGENTS, entropy=SEED)


def played(protocol: Runnable, network: Network, number: int = 1) -> tuple[Outcome, list[tuple[int, int, str]]]:
    """The outcome, and the hash of every frame in the order in which it was sent."""
    task = Task(Terms(Round(number), PLANNED.minimum, 9, 32), bytes(32), VECTORS)
    (
        loopback,
        frames,
    ) = Loopback(TABLE, task, network), list[tuple[int, int, str]]()
    post = loopback._post

    def watched(envelope: Envelope) -> None:
        frames.append((envelope.sender, envelope.to, hashlib.sha256(envelope.frame).hexdigest()))
        post(envelope)

    loopback._post = watched  # type: ignore[method-assign]
    return protocol.run(loopback, task), frames


def total(outcome: Outcome) -> list[int]:
    assert outcome.total is not None
    return [int(word) for word in outcome.total]


def summed(outcome: Outcome) -> list[int]:
    """What the sum of the survivors' vectors has to be."""
    table = np.stack([VECTORS[agent] for agent in outcome.survivors])
    return [int(word) for word in ring_sum(table, 32)]


def lost_after(count: int) -> Any:  # noqa: ANN401 - a tamper
    left = [count]

    def pass_on(frame: bytes) -> bytes | None:
        left[0] -= 1
        return frame if left[0] >= 0 else None

    return pass_on


def networks(name: str) -> Network:
    """A new one for each round: some remember what they did."""
    links = [(AgentId(i), COORDINATOR) for i in (2, 9)]
    match name:
        case "faithful":
            return Network()
        case "silent":
            return Network(silent=frozenset({AgentId(3), AgentId(8)}))
        case "shuffled copies":
            return Network(order=Entropy.seeded(4), copies=2)
        case "lost":
            return Network(tamper={link: lost_after(3 + at) for at, link in enumerate(links)})
        case "garbled":
            return Network(tamper={links[0]: lambda frame: frame[:-1], (COORDINATOR, links[1][0]): lambda f: f + b"!"})
        case _:
            return Network(silent=frozenset(AGENTS[:6]))


@pytest.mark.parametrize("name", ["faithful", "silent", "shuffled copies", "lost", "garbled", "given up"])
def test_processes_send_the_frames_of_one_process(hosted: Hosted, name: str) -> None:
    one, frames = played(under(PLANNED, AGENTS, entropy=SEED), networks(name))
    many, frames_too = played(hosted, networks(name))
    assert frames_too == frames
    assert (many.survivors, many.reason, many.faults) == (one.survivors, one.reason, one.faults)
    assert many.transcript.undecoded == one.transcript.undecoded
    assert (name == "garbled") == bool(one.transcript.undecoded) == bool(one.faults)
    assert many.transcript.received == ()
    if name == "given up":
        assert many.total is None is one.total
    else:
        assert total(many) == total(one)
        assert total(many) == summed(many)


def test_another_round_or_seed_sends_other_frames(hosted: Hosted) -> None:
    """What the comparison above must tell apart."""
    _, frames = played(hosted, Network())
    _, second = played(hosted, Network(), number=2)
    assert len(second) == len(frames)
    assert not {row[2] for row in frames} & {row[2] for row in second}
    _, other = played(under(PLANNED, AGENTS, entropy=Entropy.seeded(1)), Network())
    assert other != frames


def test_without_the_order_of_the_batch_other_frames_are_sent(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: what was said is put on its way in another order."""
    _, frames = played(hosted, Network())

    def unordered(self: Spread, batch: list[Envelope]) -> list[Said]:
        return heard(self, batch)[::-1]

    heard = Spread._heard
    monkeypatch.setattr(Spread, "_heard", unordered)
    _, mixed = played(hosted, Network())
    assert mixed != frames
    assert sorted(mixed) == sorted(frames)


def test_the_public_door_and_fresh_randomness() -> None:
    outcome = run_round_in_processes(
        PLANNED,
        VECTORS,
        processes=2,
        modulus_bits=32,
        round=Round(1),
        model_hash=bytes(32),
        entropy=SYSTEM,
        network=Network(silent=frozenset({AgentId(5)})),
    )
    assert outcome.survivors == tuple(agent for agent in AGENTS if agent != 5)
    assert total(outcome) == summed(outcome)


def test_more_workers_than_agents_and_unlike_blocks(workers: Workers) -> None:
    """Blocks of agents that are not counted from 0, of two sizes; then the former agents again."""
    agents = [AgentId(3 * i + 1) for i in range(11)]
    p = plan_masking(11, 0.1, 0.17, coordinator="malicious")
    vectors = {agent: np.arange(4, dtype=np.uint16) * agent for agent in agents}
    protocol = enrolled(workers, p, agents, entropy=SEED)
    known = {"minimum": p.minimum, "modulus_bits": 16, "round": Round(1), "model_hash": bytes(32)}
    many, one = (run_round(made, vectors, **known) for made in (protocol, under(p, agents, entropy=SEED)))  # type: ignore[arg-type]
    assert total(many) == total(one)
    enrolled(workers, PLANNED, AGENTS, entropy=SEED)


def test_a_protocol_whose_agents_left_the_workers_is_refused(workers: Workers) -> None:
    former = enrolled(workers, PLANNED, AGENTS, entropy=Entropy.seeded(1))
    later = enrolled(workers, PLANNED, AGENTS, entropy=SEED)
    with pytest.raises(ProtocolMisuse, match="other agents by now"):
        played(former, Network())
    assert total(played(later, Network())[0]) == summed(played(later, Network())[0])


def test_a_round_for_other_agents_is_refused(hosted: Hosted) -> None:
    task = Task(Terms(Round(1), PLANNED.minimum, 9, 32), bytes(32), {a: VECTORS[a] for a in AGENTS[1:]})
    with pytest.raises(ConfigurationError, match="11 agents"):
        hosted.run(Loopback(TABLE, task), task)


def test_states_and_secret_keys_cannot_leave_a_worker(hosted: Hosted) -> None:
    """All that a worker could send of them refuses to be pickled."""
    known = under(PLANNED, AGENTS, entropy=SEED)
    assert hosted.directory == known.cast.directory  # public keys are what it tells
    own = Own(AGENTS[0], known.cast.agents[AGENTS[0]], known.cast.secrets(Round(1))[AGENTS[0]], *_agreed(hosted))
    with pytest.raises(TypeError, match="an identity is not pickled"):
        pickle.dumps(client.waiting(own))
    with pytest.raises(TypeError, match="an identity is not pickled"):
        pickle.dumps(known.cast)


def _agreed(hosted: Hosted) -> tuple[Terms, Parameters, Directory]:
    return Terms(Round(1), PLANNED.minimum, 9, 32), PLANNED, hosted.directory


def test_what_a_worker_raises_is_raised_here(careless: Any) -> None:  # noqa: ANN401 - a server
    errors: list[Exception] = [
        PeerFault(("party 3",), "lied", b"evidence"),
        ConfigurationError("it does not fit", where="there", instead="Use less", path=("a", 1)),
        ProtocolMisuse("out of order"),
        ZeroDivisionError("by nothing"),
    ]
    with Workers(2, careless) as workers:
        for error in errors:
            fields = dict(vars(error))
            with pytest.raises(type(error)) as found:
                workers.ask({0: 1, 1: Raised.of(error)})
            assert str(found.value) == str(error)
            assert {k: v for k, v in vars(found.value).items() if k != "__notes__"} == fields
            assert "In a worker process" in found.value.__notes__[0]
        first, second = FailedAt((2,), ProtocolMisuse("first")), FailedAt((5,), ConfigurationError("second"))
        for one, other in ((first, second), (second, first)):
            with pytest.raises(ProtocolMisuse, match="first"):
                workers.ask({0: one, 1: other})
        with pytest.raises(ProtocolMisuse, match="here"):
            workers.ask({0: first}, lambda: _raise(FailedAt((1,), ProtocolMisuse("here"))))
        assert workers.ask({0: "a", 1: "b"}) == {0: "a", 1: "b"}  # errors leave the workers in order


def _raise(error: Exception) -> None:
    raise error


def test_bytes_for_an_agent_that_a_worker_does_not_have(hosted: Hosted) -> None:
    begin = Begin(Terms(Round(1), 1, 1, 32), bytes(32), hosted.directory, frozenset())
    hosted.workers.ask({0: begin})
    found = hosted.workers.ask({0: Frames(((4, Envelope(COORDINATOR, AgentId(99), b"")),))})[0]
    assert found[4].undecoded == ((99, COORDINATOR, 0),)
    hosted.workers.ask({0: End()})
    with pytest.raises(ProtocolMisuse, match="before it was told of a round"):
        hosted.workers.ask({0: Frames(((4, Envelope(COORDINATOR, AgentId(0), b"")),))})


def test_an_error_of_a_machine_says_at_which_frame_it_came() -> None:
    half = Half(Task(Terms(Round(1), 1, 1, 32), bytes(32), {}), Network(), 1)
    frame = TABLE.encode(Abandoned(Round(1), COORDINATOR))
    with pytest.raises(FailedAt) as found:
        half.hear([(2, Envelope(COORDINATOR, AgentId(1), b"")), (7, Envelope(COORDINATOR, AgentId(1), frame))])
    assert found.value.order == (7,)
    assert isinstance(found.value.error, KeyError)  # nobody sits there


def test_a_worker_that_dies_is_an_error_that_names_it(careless: Any) -> None:  # noqa: ANN401 - a server
    workers = Workers(2, careless)
    asked = [psutil.Process(pid) for pid in workers.pids]
    with pytest.raises(TipError, match=r"worker process 2 of 2 ended with exit code -9.*others were stopped"):
        workers.ask({0: 1, 1: "die"})
    assert not any(process.is_running() for process in asked)
    with pytest.raises(ProtocolMisuse, match="were stopped"):
        workers.ask({0: 1})
    workers.close()


def test_a_worker_killed_between_two_requests_is_found_by_the_next() -> None:
    with Workers(2, Host) as workers:
        protocol = enrolled(workers, PLANNED, AGENTS, entropy=SEED)
        os.kill(workers.pids[0], signal.SIGKILL)
        with pytest.raises(TipError, match="worker process 1 of 2 ended with exit code -9"):
            played(protocol, Network())


def test_an_interrupted_wait_stops_the_workers(careless: Any) -> None:  # noqa: ANN401 - a server
    def interrupt() -> None:
        raise KeyboardInterrupt

    with Workers(2, careless) as workers:
        asked = [psutil.Process(pid) for pid in workers.pids]
        with pytest.raises(KeyboardInterrupt):
            workers.ask({0: "wait", 1: "wait"}, interrupt)
        assert not any(process.is_running() for process in asked)


def test_workers_leave_an_interrupt_to_their_starter() -> None:
    """Also before they can have said so: without that it ends them in the middle of their start."""
    with Workers(2, Host) as workers:
        for pid in workers.pids:
            os.kill(pid, signal.SIGINT)
        assert workers.ask({0: End(), 1: End()}) == {0: None, 1: None}
        for pid in workers.pids:
            os.kill(pid, signal.SIGINT)
        assert workers.ask({0: End(), 1: End()}) == {0: None, 1: None}
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())  # this process hears it


SCRIPT = """
import sys, numpy as np
from tip.simulation.processes import Workers
from tip.simulation.hosting import Host
def main():
    with Workers(2, Host) as workers:
        READY
        print(*workers.pids, flush=True)
        while True:
            workers.ask({0: None, 1: None})
if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("ended", flush=True)
"""


READY = "workers.ask({0: None, 1: None})"


@pytest.mark.parametrize(
    ("ended_by", "ready"), [(signal.SIGINT, READY), (signal.SIGINT, ""), (signal.SIGKILL, READY), (signal.SIGKILL, "")]
)
def test_no_worker_outlives_its_starter(tmp_path: Path, ended_by: signal.Signals, ready: str) -> None:
    """Ctrl-C reaches the whole group, as from a terminal, also while workers start; a kill only the starter."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("READY", ready))
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        asked = [psutil.Process(int(pid)) for pid in started.stdout.readline().split()]
        assert len(asked) == 2
        if ended_by is signal.SIGINT:
            os.killpg(started.pid, ended_by)
            assert started.stdout.read() == "ended\n"
            assert started.stderr.read() == ""
        else:
            started.kill()
        started.wait()
        gone, alive = psutil.wait_procs(asked, timeout=60)
    assert len(gone) == 2
    assert not alive


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("READY", READY).replace('if __name__ == "__main__":', "if True:"))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "under `if __name__ ==" in done.stderr


@pytest.mark.parametrize("count", [0, 257, True])
def test_a_senseless_number_of_processes_is_refused(count: int) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 256"):
        Workers(count, Host)


def test_an_error_that_cannot_be_taken_along_still_names_itself() -> None:
    raised = Raised.of(FailedAt((3,), PeerFault(("party 1",), "lied")))
    assert raised.order == (3,)
    assert "lied" in raised.trace
    assert isinstance(raised.error(), PeerFault)


def test_a_run_of_a_plan_has_one_model_whatever_the_processes(plan: Plan, tmp_path: Path) -> None:
    plan = plan.replace("rounds=2", "max_participations=2", "protocol.kind=masking", "minimum=50", "dropout=0.05")
    fast = simulate(plan, folder=tmp_path / "fast")
    slow = simulate(plan.replace("engine=machines", "processes=2"), folder=tmp_path / "slow")
    assert slow.parameters.tobytes() == fast.parameters.tobytes()
    assert slow.guarantees == fast.guarantees
    assert all(r.released for r in slow.history)


def test_workers_of_a_plan_are_started_once_and_end_with_it(plan: Plan) -> None:
    plan = plan.replace("protocol.kind=masking", "minimum=36", "cohort.size=40", "sampling=fixed", "dropout=0.05")
    federation = prepare(plan.replace("max_participations=6", "engine=machines", "processes=2"))
    assert federation.machines is not None
    one = federation.machines.protocol(np.arange(40))
    other = federation.machines.protocol(np.arange(20, 60))
    assert isinstance(one, Hosted)
    assert isinstance(other, Hosted)
    assert other is federation.machines.protocol(np.arange(20, 60))
    assert one.workers is other.workers
    assert all(one.directory.agents[AgentId(a)] == other.directory.agents[AgentId(a)] for a in range(20, 40))
    asked = [psutil.Process(pid) for pid in one.workers.pids]
    assert all(process.is_running() for process in asked)
    del federation, one, other
    gc.collect()
    assert not any(process.is_running() for process in asked)


def test_a_secure_sum_is_the_same_in_processes() -> None:
    counts = np.arange(60).reshape(12, 5)
    asked = {"bound": 200.0, "malicious": 0.1, "dropout": 0.1, "entropy": SEED}
    one, many = tip.secure_sum(counts, **asked), tip.secure_sum(counts, **asked, processes=2)  # type: ignore[arg-type]
    assert many.value.tolist() == counts.sum(0).tolist() == one.value.tolist()
    assert many.guarantee == one.guarantee
    assert many.outcome.transcript.received == ()
