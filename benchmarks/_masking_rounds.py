"""Rounds of `tip.protocols.masking` whose parties' CPU time is counted apart.

A party's time is all that happens when a frame reaches it or its driver tells it something: decoding, the machine,
the work that it asks for, encoding of what it sends. Agents that drop out deal their shares and send no vector.
Nothing is written into a transcript, and there is no network.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from _convention import quick

from tip.aggregation import cover, expand_into, ring_sum, ring_type
from tip.protocols.core import COORDINATOR, AgentId, Cover, Round, Terms, Uncover
from tip.protocols.loopback import Loopback, Network, Task
from tip.protocols.masking import Parameters, under
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]

ENTROPY = Entropy.seeded(1)
BEFORE_VECTORS = 4  # messages that an agent sends before its masked vector
REPEATS = 1 if quick() else 3


@dataclass(frozen=True, slots=True)
class Setting:
    """A round to be played: its parameters, how many agents fall silent, dimension and ring."""

    parameters: Parameters
    silent: int
    dimension: int
    bits: int = 32

    @property
    def name(self) -> str:
        """What the tables call it."""
        p = self.parameters
        return (
            f"n {p.agents} {p.coordinator} {p.graph} {p.degree}, d {self.dimension:,} u{self.bits}, {self.silent} out"
        )


@dataclass(frozen=True, slots=True)
class Played:
    """CPU seconds: the mean agent that stayed, the coordinator, and the masks alone of either."""

    agent: float
    coordinator: float
    agent_masks: float
    coordinator_masks: float
    agent_seeds: float
    coordinator_seeds: int


@dataclass(slots=True)
class _Counts:
    seconds: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    seeds: dict[int, int] = field(default_factory=dict)
    inside: bool = False


class Timed(Loopback):
    """The loopback with a stopwatch for each party, and no transcript."""

    def __init__(self, *given: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*given)
        self.counts = _Counts()

    @contextmanager
    def _clocked(self, party: AgentId) -> Iterator[None]:
        """The outermost call counts: what a party's work yields is told to it from inside."""
        if self.counts.inside:
            yield
            return
        self.counts.inside, start = True, process_time()
        try:
            yield
        finally:
            self.counts.inside = False
            self.counts.seconds[party] += process_time() - start

    def deliver(self, envelope: Any) -> None:  # noqa: ANN401 - the loopback's
        """Count it for who receives."""
        with self._clocked(envelope.to):
            super().deliver(envelope)

    def tell(self, party: AgentId, event: object) -> None:
        """Count it for who is told."""
        with self._clocked(party):
            super().tell(party, event)

    def start(self, party: AgentId, step: Any) -> None:  # noqa: ANN401 - the loopback's
        """Count it for who starts."""
        with self._clocked(party):
            super().start(party, step)

    def _write_down(self, *_: object) -> None:
        """A transcript keeps all vectors; a benchmark has no use for them."""

    def _work(self, party: AgentId, item: Any, arrived: Mapping[bytes, Any]) -> Any:  # noqa: ANN401 - the loopback's
        if isinstance(item, Cover | Uncover):
            self.counts.seeds[party] = len(item.add) + len(item.subtract)
        return super()._work(party, item, arrived)


def silent_after(messages: int) -> Callable[[bytes], bytes | None]:
    """A link that loses everything after so many frames."""
    sent = 0

    def pass_on(frame: bytes) -> bytes | None:
        nonlocal sent
        sent += 1
        return frame if sent <= messages else None

    return pass_on


def play(setting: Setting) -> tuple[Timed, list[int]]:
    """One round; its sum is checked. The loopback with its counts, and who stayed."""
    p, word = setting.parameters, ring_type(setting.bits)
    agents = [AgentId(a) for a in range(p.agents)]
    stream = ENTROPY.stream("vectors of the benchmark")
    table = stream.words(np.arange(p.agents), setting.dimension, dtype=word.type)
    terms = Terms(Round(1), p.minimum, setting.dimension, setting.bits)
    task = Task(terms, hashlib.sha256(b"model").digest(), {a: np.ascontiguousarray(table[a]) for a in agents})
    lost = {(a, COORDINATOR): silent_after(BEFORE_VECTORS) for a in agents[: setting.silent]}
    protocol = under(p, agents, entropy=ENTROPY)
    loopback = Timed(protocol.TABLE, task, Network(tamper=lost))
    outcome = protocol.run(loopback, task)
    staying: list[int] = [*agents[setting.silent :]]
    assert outcome.total is not None, outcome.reason
    assert list(outcome.survivors) == staying
    assert np.array_equal(outcome.total, ring_sum(table[setting.silent :], setting.bits))
    return loopback, staying


def measure(setting: Setting, repeats: int = REPEATS) -> Played:
    """The least of several rounds, and the masks that went on and off in them, alone."""
    agents, coordinators = [], []
    for _ in range(repeats):
        loopback, staying = play(setting)
        agents.append(fmean(loopback.counts.seconds[a] for a in staying))
        coordinators.append(loopback.counts.seconds[COORDINATOR])
        seeds, of_coordinator = loopback.counts.seeds, loopback.counts.seeds[COORDINATOR]
        of_agent = fmean(seeds[a] for a in staying)
        del loopback
    vector = np.zeros(setting.dimension, dtype=ring_type(setting.bits))
    keys = [row.tobytes() for row in ENTROPY.stream("keys").words(np.arange(max(of_coordinator, 512)), 4)]
    agent_masks = min(_seconds(lambda: cover(vector, keys[: round(of_agent)], [])) for _ in range(3 * repeats))
    masks = min(_seconds(lambda: expand_into(vector, keys[:of_coordinator], [])) for _ in range(repeats))
    return Played(min(agents), min(coordinators), agent_masks, masks, of_agent, of_coordinator)


def _seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start
