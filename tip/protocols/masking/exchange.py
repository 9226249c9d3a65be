"""Masking, the exchange: what each agent wrote for its neighbors, sorted by who is to read it.

All senders' pieces are one table, one row for each (sender, receiver). Sorted by receiver, then sender, each receiver's
rows lie together; the order is worked out once and serves every field that has the same senders and receivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from tip.protocols.core import AgentId

    Agents = tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Who wrote to whom: `order` sorts the senders' rows by receiver, `ends` says where each receiver's rows are."""

    order: NDArray[np.int64] = field(repr=False)
    senders: list[AgentId] = field(repr=False)
    ends: Mapping[AgentId, tuple[int, int]] = field(repr=False)

    @classmethod
    def of(cls, written: Mapping[AgentId, Agents]) -> Exchange:
        """From each sender's receivers."""
        counts = [len(receivers) for receivers in written.values()]
        receivers = np.fromiter((r for row in written.values() for r in row), dtype=np.int64, count=sum(counts))
        senders = np.repeat(np.array(list(written), dtype=np.int64), counts)
        order = np.lexsort((senders, receivers))
        who, first = np.unique(receivers[order], return_index=True)
        bounds = [*first.tolist(), len(order)]
        ends = {agent: (bounds[i], bounds[i + 1]) for i, agent in enumerate(who.tolist())}
        return cls(order, senders[order].tolist(), ends)

    def to(self, receiver: AgentId) -> Agents:
        """Who wrote to a receiver, sorted."""
        start, end = self.ends.get(receiver, (0, 0))
        return tuple(self.senders[start:end])

    def sorted(self, pieces: Iterable[bytes], size: int) -> Sorted:
        """One field of all senders, in their order: `size` bytes for each receiver."""
        table = np.frombuffer(b"".join(pieces), dtype=np.uint8).reshape(len(self.order), size)
        return Sorted(self, table[self.order].tobytes(), size)


@dataclass(frozen=True, slots=True)
class Sorted:
    """One field, by receiver."""

    exchange: Exchange
    data: bytes = field(repr=False)
    size: int

    def to(self, receiver: AgentId) -> bytes:
        """What is for a receiver, in the order of `Exchange.to`."""
        start, end = self.exchange.ends.get(receiver, (0, 0))
        return self.data[start * self.size : end * self.size]
