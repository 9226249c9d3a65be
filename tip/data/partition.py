"""Which records belong to which agent, and which agents are kept apart.

Agents are rows (one person = one agent), the values of a column, or a partition by chance. The test
takes whole agents: floor(test x agents) of them, drawn from the stream "data/test". An agent trains
or tests, never both, and so does each record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.data.settings import Partition
    from tip.randomness import Entropy

    Indices = NDArray[np.int64]

_DRAWS: Final = 1 << 18  # records drawn at once: what stands in memory besides the result


def share(test: float, count: int) -> int:
    """floor(test x count), with `test` read as the decimal number that was written: 0.29 of 100 is 29."""
    return math.floor(Fraction(repr(float(test))) * count)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The agents that train and those kept apart, each in ascending order."""

    train: Indices
    test: Indices


def held_out(agents: int, test: float, entropy: Entropy) -> Parts:
    """A uniform choice of floor(test x agents) agents for the test. Take it once: `SYSTEM` never repeats."""
    apart = entropy.stream("data/test").choose(agents, share(test, agents))
    return Parts(np.setdiff1d(np.arange(agents), apart, assume_unique=True), apart)


def owned(ids: NDArray[Any] | None, kept: Indices) -> tuple[Indices, Indices]:
    """The kept records by agent, as (rows, offsets); agents stand in sorted order of their ids.

    `ids` names an agent for each record of the source; `rows` count among the kept ones. An agent
    whose records were all left out stays, with no record. Without ids each kept record is an agent.
    """
    return named(ids, kept)[:2]


def named(ids: NDArray[Any] | None, kept: Indices) -> tuple[Indices, Indices, NDArray[Any] | None]:
    """(rows, offsets) as `owned` gives them, and the id of each agent, or None without ids."""
    if ids is None:
        return np.arange(len(kept)), np.arange(len(kept) + 1), None
    names, owner = np.unique(ids, return_inverse=True)
    mine = owner[kept]
    counts = np.bincount(mine, minlength=len(names))
    return np.argsort(mine, kind="stable").astype(np.int64), _offsets(counts), names


def dealt(records: int, agents: int, entropy: Entropy) -> tuple[Indices, Indices]:
    """All records dealt out once in a uniformly random order; sizes differ by at most one."""
    if records < agents:
        raise DataError(
            f"{records} records are too few for {agents} agents with one each.",
            instead=f"Take at most {records} agents, or let each draw with replacement: partition.samples = 20.",
        )
    sizes = np.full(agents, records // agents)
    sizes[: records % agents] += 1
    return entropy.stream("data/partition").permutation(records), _offsets(sizes)


def drawn(records: int, samples: int, parts: Parts, reserve: int, entropy: Entropy) -> tuple[Indices, Indices]:
    """Each agent draws `samples` records with replacement, as indices into the shared records.

    So that no record trains and tests, the records are parted as well: agents kept apart draw from
    `reserve` of them, at least one, and the others from the rest.
    """
    agents = len(parts.train) + len(parts.test)
    reserved = entropy.stream("data/records").choose(records, min(records, max(1, reserve)) if len(parts.test) else 0)
    rest = np.setdiff1d(np.arange(records), reserved, assume_unique=True)
    if not len(rest):
        raise DataError(f"{records} records cannot serve both training and test.", instead="Write data.test = 0.")
    stream = entropy.stream("data/partition")
    rows = np.empty((agents, samples), dtype=np.int64)
    block = max(1, _DRAWS // samples)
    for pool, members in ((rest, parts.train), (reserved, parts.test)):
        for first in range(0, len(members), block):
            part = members[first : first + block]
            rows[part] = pool[stream.below(len(pool), part, samples).astype(np.int64)]
    return rows.reshape(-1), _offsets(np.full(agents, samples))


def partitioned(
    records: int, partition: Partition, parts: Parts, reserve: int, entropy: Entropy
) -> tuple[Indices, Indices]:
    """The records of each agent under the plan's [partition], as (rows, offsets)."""
    if partition.samples is None:
        return dealt(records, partition.agents, entropy)
    return drawn(records, partition.samples, parts, reserve, entropy)


def _offsets(sizes: NDArray[Any]) -> Indices:
    return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
