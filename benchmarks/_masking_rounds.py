"""Rounds of `tip.protocols.masking` whose parties' CPU time is counted apart.

A round is played once and checked; then each party's part is played again alone, from the frames that had reached it.
Its time is all that happens then: decoding, the machine, the work that it asks for, encoding of what it sends. Agents
that drop out deal their shares and send no vector. Nothing is written into a transcript, and there is no network.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
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
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from tip.protocols.masking import Masked

    Ring = NDArray[np.unsignedinteger[Any]]

ENTROPY = Entropy.seeded(1)
BEFORE_VECTORS = 4  # messages that an agent sends before its masked vector
REPEATS = 1 if quick() else 3
SAMPLE = 40  # agents whose mean is told


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


class Recorded(Loopback):
    """The loopback, which remembers what reached each party from outside, and keeps no transcript."""

    def __init__(self, *given: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*given)
        self.reached: dict[int, list[tuple[str, Any]]] = defaultdict(list)
        self.seeds: dict[int, int] = {}
        self._inside = False

    def deliver(self, envelope: Any) -> None:  # noqa: ANN401 - the loopback's
        """Remember it for who receives."""
        self.reached[envelope.to].append(("frame", envelope))
        self._inside = True
        super().deliver(envelope)
        self._inside = False

    def tell(self, party: AgentId, event: object) -> None:
        """Remember what comes from outside; what a party's own work yields comes again by itself."""
        if self._inside:
            super().tell(party, event)
            return
        self.reached[party].append(("event", event))
        self._inside = True
        super().tell(party, event)
        self._inside = False

    def _write_down(self, *_: object) -> None:
        """A transcript keeps all vectors; a benchmark has no use for them."""

    def _work(self, party: AgentId, item: Any, arrived: Mapping[bytes, Any]) -> Any:  # noqa: ANN401 - the loopback's
        if isinstance(item, Cover | Uncover):
            self.seeds[party] = len(item.add) + len(item.subtract)
        return super()._work(party, item, arrived)


class Alone(Recorded):
    """One party apart: what it sends goes nowhere."""

    def _post(self, envelope: Any) -> None:  # noqa: ANN401 - the loopback's
        """Nowhere."""

    def again(self, reached: list[tuple[str, Any]], party: AgentId) -> float:
        """CPU seconds of all that happens when this reaches the party: one look at the clock before, one after.

        A look for each frame would cost more than many frames do.
        """
        start = process_time()
        for kind, item in reached:
            if kind == "frame":
                Loopback.deliver(self, item)
            else:
                Loopback.tell(self, party, item)
        return process_time() - start


def silent_after(messages: int) -> Callable[[bytes], bytes | None]:
    """A link that loses everything after so many frames."""
    sent = 0

    def pass_on(frame: bytes) -> bytes | None:
        nonlocal sent
        sent += 1
        return frame if sent <= messages else None

    return pass_on


def play(setting: Setting) -> tuple[Recorded, Masked, Task]:
    """One round; its sum is checked."""
    p, word = setting.parameters, ring_type(setting.bits)
    agents = [AgentId(a) for a in range(p.agents)]
    stream = ENTROPY.stream("vectors of the benchmark")
    table = stream.words(np.arange(p.agents), setting.dimension, dtype=word.type)
    terms = Terms(Round(1), p.minimum, setting.dimension, setting.bits)
    task = Task(terms, hashlib.sha256(b"model").digest(), {a: np.ascontiguousarray(table[a]) for a in agents})
    lost = {(a, COORDINATOR): silent_after(BEFORE_VECTORS) for a in agents[: setting.silent]}
    protocol = under(p, agents, entropy=ENTROPY)
    loopback = Recorded(protocol.TABLE, task, Network(tamper=lost))
    outcome = protocol.run(loopback, task)
    assert outcome.total is not None, outcome.reason
    assert list(outcome.survivors) == agents[setting.silent :]
    assert np.array_equal(outcome.total, ring_sum(table[setting.silent :], setting.bits))
    return loopback, protocol, task


def measure(setting: Setting, repeats: int = REPEATS) -> Played:
    """Each party's part of one round, played again alone: the least of several, and its masks alone."""
    loopback, protocol, task = play(setting)
    staying = [AgentId(a) for a in range(setting.silent, setting.parameters.agents)]
    some = staying[:: max(1, len(staying) // SAMPLE)]

    def again(parties: list[AgentId]) -> float:
        """The mean of these parties."""
        alone = Alone(protocol.TABLE, task)
        protocol.seat(alone, task)
        return fmean(alone.again(loopback.reached[party], party) for party in parties)

    agent = min(again(some) for _ in range(repeats))
    coordinator = min(again([COORDINATOR]) for _ in range(repeats))
    of_coordinator, of_agent = loopback.seeds[COORDINATOR], fmean(loopback.seeds[a] for a in staying)
    vector = np.zeros(setting.dimension, dtype=ring_type(setting.bits))
    keys = [row.tobytes() for row in ENTROPY.stream("keys").words(np.arange(max(of_coordinator, 512)), 4)]
    agent_masks = min(_seconds(lambda: cover(vector, keys[: round(of_agent)], [])) for _ in range(3 * repeats))
    masks = min(_seconds(lambda: expand_into(vector, keys[:of_coordinator], [])) for _ in range(repeats))
    return Played(agent, coordinator, agent_masks, masks, of_agent, of_coordinator)


def _seconds(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start
