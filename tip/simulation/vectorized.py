"""All agents of a round as one array, in blocks that stay in cache.

The engine does not run the protocol's machines. It computes what they must yield: each agent's
update, clipped and rounded to the integer grid, plus its noise share, and the sum of these vectors
in the ring Z_(2^b). Everything random is addressed by (purpose, round, agent), everything numeric
is computed agent by agent inside stacked products, and the ring sum is exact; so neither the size
of the blocks nor the order of the agents changes a bit of the result.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from tip.aggregation import ring_add, ring_sum, to_ring
from tip.learning import Records, ragged_updates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tip.aggregation import Grid
    from tip.attacks import Attack
    from tip.learning import Algorithm, Model
    from tip.mechanisms.distributed import DistributedGaussian
    from tip.randomness import Entropy

    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a block of agents sends: `vectors` (n, d) int64, and two figures for evaluation only."""

    vectors: NDArray[np.int64] = field(repr=False)
    clipped: int
    nonfinite: int


@dataclass(frozen=True, slots=True)
class Private:
    """Clipping, rounding on the grid, noise in shares: what leaves an agent under a guarantee."""

    grid: Grid
    mechanism: DistributedGaussian
    entropy: Entropy

    @property
    def modulus_bits(self) -> int:
        """The ring that the sum lives in."""
        return self.grid.modulus_bits

    def encode(self, updates: Floats, agents: Indices, number: int) -> Sent:
        """Integer vectors whose squared norm the grid has tested."""
        encoded = self.grid.encode(updates, self.entropy.stream("rounding", number), agents)
        return Sent(encoded.vectors, int(encoded.clipped.sum()), int(encoded.nonfinite.sum()))

    def protect(self, vectors: NDArray[np.int64], agents: Indices, number: int) -> NDArray[np.int64]:
        """Each agent's own noise share, added last."""
        return self.mechanism.add_shares(vectors, self.entropy.stream("noise", number), agents)

    def release(self, total: NDArray[np.uint64], survivors: int) -> Floats:
        """The sum of the updates, centered; `NotEnoughAgents` where the noise is sized for more survivors."""
        return self.grid.decode(self.mechanism.release(total, survivors))


@dataclass(frozen=True, slots=True)
class Plain:
    """Fixed point without clipping or noise, for at most `agents` a round: a baseline that promises nothing."""

    agents: int
    step: float
    modulus_bits: int = 64

    def encode(self, updates: Floats, agents: Indices, number: int) -> Sent:  # noqa: ARG002 - one shape for both
        """Nearest grid point; rows that are not finite, or beyond the ring, become zeros and are counted."""
        with np.errstate(over="ignore"):  # what becomes infinite is beyond the ring
            scaled = updates * (1 / self.step)
        largest = np.maximum(scaled.max(axis=1, initial=0.0), -scaled.min(axis=1, initial=0.0))
        usable = largest < 2.0**62 / self.agents  # false for NaN as well
        if not usable.all():
            scaled[~usable] = 0.0
        vectors = np.rint(scaled, out=scaled).astype(np.int64)
        return Sent(vectors, 0, int(len(usable) - usable.sum()))

    def protect(self, vectors: NDArray[np.int64], agents: Indices, number: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Nothing is added."""
        return vectors

    def release(self, total: NDArray[np.uint64], survivors: int) -> Floats:  # noqa: ARG002 - one shape for both
        """The sum of the updates, centered."""
        return total.view(np.int64).astype(np.float64) * self.step


@dataclass(frozen=True, slots=True)
class Liars:
    """Who lies, how, and from which round on.

    `agents` holds a boolean for each enrolled agent, `records` the data that liars learn from.
    """

    attack: Attack
    agents: NDArray[np.bool_] = field(repr=False)
    records: Records = field(repr=False)
    start_round: int = 1


@dataclass(frozen=True, slots=True)
class Sum:
    """The ring sum of one round, and two figures for evaluation only."""

    total: NDArray[np.uint64] = field(repr=False)
    clipped: int
    nonfinite: int


@dataclass(frozen=True, slots=True)
class Engine:
    """One federation's agents, ready to answer rounds.

    `records` are the agents' data as (features, labels, rows, offsets); `block` is how many agents
    are computed at once and `threads` how many blocks, matters of speed alone.
    """

    model: Model
    algorithm: Algorithm
    records: Records
    channel: Private | Plain
    block: int
    threads: int = 1
    liars: Liars | None = None

    def sum_of(self, agents: Indices, parameters: Floats, number: int) -> Sum:
        """The ring sum of what these agents send in round `number`, given the model of that round."""
        total = to_ring(np.zeros(self.model.dimension, dtype=np.int64), self.channel.modulus_bits)
        clipped = nonfinite = 0
        for part in self._each_block(lambda block: self._block_sum(block, parameters, number), agents):
            total = ring_add(total, part.total)
            clipped, nonfinite = clipped + part.clipped, nonfinite + part.nonfinite
        return Sum(total, clipped, nonfinite)

    def _block_sum(self, agents: Indices, parameters: Floats, number: int) -> Sum:
        sent = self.sent_by(agents, parameters, number)
        return Sum(ring_sum(sent.vectors, self.channel.modulus_bits), sent.clipped, sent.nonfinite)

    def _each_block(self, work: Callable[[Indices], Sum], agents: Indices) -> Iterator[Sum]:
        """The blocks' sums, on `threads` threads; the ring's sum does not depend on their order."""
        blocks = [agents[first : first + self.block] for first in range(0, len(agents), self.block)]
        if self.threads == 1 or len(blocks) == 1:
            yield from map(work, blocks)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(work, blocks)

    def sent_by(self, agents: Indices, parameters: Floats, number: int) -> Sent:
        """The integer vectors that these agents send, liars among them; (n, d) int64."""
        lying = self._lying(agents, number)
        updates = self._updates(agents, lying, parameters)
        sent = self.channel.encode(updates, agents, number)
        vectors = self.channel.protect(sent.vectors, agents, number)
        if self.liars is not None and lying.any():  # a lie moves the message by any ring element (law 19)
            vectors[lying] += self.liars.attack.vectors(sent.vectors[lying]) - sent.vectors[lying]
        return replace(sent, vectors=vectors)

    def _lying(self, agents: Indices, number: int) -> NDArray[np.bool_]:
        if self.liars is None or number < self.liars.start_round:
            return np.zeros(len(agents), dtype=np.bool_)
        return self.liars.agents[agents]

    def _updates(self, agents: Indices, lying: NDArray[np.bool_], parameters: Floats) -> Floats:
        if self.liars is None or not lying.any():
            return ragged_updates(self.model, parameters, self.records, agents, self.algorithm)
        updates = np.empty((len(agents), self.model.dimension))
        updates[~lying] = ragged_updates(self.model, parameters, self.records, agents[~lying], self.algorithm)
        updates[lying] = ragged_updates(self.model, parameters, self.liars.records, agents[lying], self.algorithm)
        return updates
