"""Rounds by the protocol's own machines, over bytes.

What agents send is computed as the vectorized engine computes it; then every role of the plan's protocol runs, message
by message, with the agents that drop out silent from the moment their vectors are wanted. The ring sum is the same to
the bit (tests/simulation), and much slower to get: this engine shows the protocol, the other one saves time.

A masked round may be given up by its machines, with a small probability that the plan bounds, or where more agents drop
out than it plans for; `Sum` is then None and the reason is told.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ConfigurationError, ProtocolMisuse
from tip.protocols import AgentId, Network, Round, clear, ideal, run_round
from tip.protocols.masking import under
from tip.simulation.hosting import Host, enrolled
from tip.simulation.processes import Workers
from tip.simulation.vectorized import Sum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tip.plan.masking import Masks
    from tip.protocols.loopback import Runnable
    from tip.protocols.masking import Masked
    from tip.randomness import Entropy
    from tip.simulation.hosting import Hosted
    from tip.simulation.vectorized import Engine, Floats, Indices

    Protocols = Callable[[Indices], Runnable]

_IN_THE_OPEN: Final[dict[str, Runnable]] = {"clear": clear, "ideal": ideal}


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A round that the machines ended without a sum, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Machines:
    """The engine's agents behind the machines of a protocol; `protocol` makes it for the agents of a cohort."""

    engine: Engine
    protocol: Protocols = field(repr=False)
    minimum: int

    def sum_of(self, cohort: Indices, answering: Indices, parameters: Floats, number: int) -> Sum | GivenUp:
        """The ring sum of those who answer, of all that are in the cohort, in round `number`."""
        vectors, clipped, nonfinite = self._sent(cohort, answering, parameters, number)
        silent = frozenset(AgentId(int(agent)) for agent in np.setdiff1d(cohort, answering))
        outcome = run_round(
            self.protocol(cohort),
            vectors,
            minimum=self.minimum,
            modulus_bits=self.engine.channel.modulus_bits,
            round=Round(number),
            model_hash=hashlib.sha256(np.ascontiguousarray(parameters, "<f8").tobytes()).digest(),
            network=Network(silent=silent),
        )
        if outcome.total is None:
            return GivenUp(outcome.reason)
        if outcome.survivors != tuple(sorted(AgentId(int(agent)) for agent in answering)):
            raise ProtocolMisuse("a round among honest machines summed others than those who answered")
        return Sum(outcome.total, clipped, nonfinite)

    def _sent(
        self, cohort: Indices, answering: Indices, parameters: Floats, number: int
    ) -> tuple[dict[AgentId, NDArray[np.int64]], int, int]:
        """What each agent of the cohort sends; who does not answer holds zeros that nobody ever sees."""
        nothing = np.zeros(self.engine.model.dimension, np.int64)
        vectors = {AgentId(int(agent)): nothing for agent in cohort}
        clipped = nonfinite = 0
        for first in range(0, len(answering), self.engine.block):
            block = answering[first : first + self.engine.block]
            sent = self.engine.sent_by(block, parameters, number)
            vectors |= {AgentId(int(agent)): row for agent, row in zip(block, sent.vectors, strict=True)}
            clipped, nonfinite = clipped + sent.clipped, nonfinite + sent.nonfinite
        return vectors, clipped, nonfinite


def protocols(kind: str, masks: Masks | None, entropy: Entropy, processes: int = 1) -> Protocols:
    """What makes the protocol of a plan for the agents of a cohort; identity keys hang on the agent alone.

    `processes` holds for masked rounds; those in the open have nothing to compute.
    """
    if masks is not None:
        return _masked(masks, entropy, processes)
    if kind not in _IN_THE_OPEN:
        raise ConfigurationError(f"no machines are known for the protocol {kind!r}")
    return lambda _: _IN_THE_OPEN[kind]


def _masked(masks: Masks, entropy: Entropy, processes: int) -> Protocols:
    """The masked protocol, made anew for another cohort only; workers are started once and end with this function."""
    made: dict[bytes, Masked | Hosted] = {}
    started: list[Workers] = []

    def enroll(cohort: Indices) -> Masked | Hosted:
        agents = [AgentId(int(agent)) for agent in cohort]
        if processes == 1:
            return under(masks.parameters, agents, entropy=entropy)
        if not started:
            started.append(Workers(processes, Host))
        return enrolled(started[0], masks.parameters, agents, entropy=entropy)

    def protocol(cohort: Indices) -> Runnable:
        members = cohort.tobytes()
        if members not in made:
            made.clear()
            made[members] = enroll(cohort)
        return made[members]

    return protocol
