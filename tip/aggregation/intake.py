"""Vectors that arrive in chunks, added to one sum when they are whole.

Theory of operation. The coordinator of a round keeps no agent's vector: it keeps their sum. A vector
in flight has a buffer of its own, since half a vector in the sum could not be taken back without it;
at most `at_once` agents are in flight, so memory is one sum and `at_once` vectors, whatever the number
of agents. Four rules:

1. Chunks come in order, each beginning where the last one ended. A refused chunk changes nothing.
2. `finish` closes a vector's flight. Only one that is whole and has the name that was promised for it
   is added; of any other nothing remains.
3. An agent is in the sum at most once. One whose flight failed may begin again.
4. Who is in the sum is told by `agents`; `close` hands the sum out and ends the intake.

What a sender can cause raises `MalformedMessage`: the door that knows the sender turns it into a
fault. A driver that goes on after `close`, or begins more flights than `at_once`, has a bug:
`ProtocolMisuse`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

import numpy as np

from tip.aggregation.sums import ring_type
from tip.errors import ConfigurationError, MalformedMessage, ProtocolMisuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]


def vector_hash(dimension: int, modulus_bits: int) -> hashlib._Hash:
    """A SHA-256 that has taken in what goes before the words of a ring vector.

    The name of a vector x of Z_(2^b)^d is SHA-256(d as 8 bytes | b as 1 byte | the words of x), all
    little-endian: length and ring are part of it, so vectors of two shapes never share a name.
    """
    return hashlib.sha256(dimension.to_bytes(8, "little") + modulus_bits.to_bytes(1, "little"))


@dataclass(slots=True)
class _Flight:
    """A vector of which the first `received` words are here."""

    words: Ring = field(repr=False)
    hash: hashlib._Hash
    received: int = 0


class Intake:
    """The sum of the vectors `(dimension,)` that arrived whole, uint16, uint32 or uint64 words."""

    __slots__ = ("_agents", "_flights", "_total", "at_once", "dimension", "modulus_bits")

    def __init__(self, dimension: int, modulus_bits: int, *, at_once: int = 1) -> None:
        if dimension < 1 or at_once < 1:
            raise ConfigurationError(
                f"an intake wants a dimension >= 1 and at_once >= 1, not {dimension!r} and {at_once!r}"
            )
        self.dimension, self.modulus_bits, self.at_once = dimension, modulus_bits, at_once
        self._total: Ring | None = np.zeros(dimension, dtype=ring_type(modulus_bits))
        self._flights: dict[int, _Flight] = {}
        self._agents: dict[int, None] = {}  # a set that keeps the order

    @property
    def agents(self) -> tuple[int, ...]:
        """Whose vectors are in the sum, in the order in which they became whole."""
        return tuple(self._agents)

    @property
    def in_flight(self) -> tuple[int, ...]:
        """Whose vectors have begun and not ended."""
        return tuple(self._flights)

    def begin(self, agent: int, dimension: int) -> None:
        """The agent announces a vector of this many words."""
        self._open()
        if agent in self._flights or agent in self._agents:
            raise MalformedMessage(f"agent {agent} has begun a vector before")
        if dimension != self.dimension:
            raise MalformedMessage(f"agent {agent} announces {dimension} words, not {self.dimension}")
        if len(self._flights) >= self.at_once:
            raise ProtocolMisuse(f"{self.at_once} vectors are in flight already: no memory for another one")
        words = np.empty(dimension, dtype=ring_type(self.modulus_bits))
        self._flights[agent] = _Flight(words, vector_hash(dimension, self.modulus_bits))

    def chunk(self, agent: int, offset: int, words: Ring) -> None:
        """The words `(k,)` of the ring, k >= 1, at positions offset .. offset + k - 1 of the agent's vector."""
        flight = self._flight(agent)
        if words.ndim != 1 or words.dtype != flight.words.dtype or not len(words):
            raise MalformedMessage(
                f"a chunk is a run of {flight.words.dtype} words, not {words.dtype} of shape {words.shape}"
            )
        if offset != flight.received:
            kind = "repeats words" if offset < flight.received else "leaves a gap"
            raise MalformedMessage(f"agent {agent}'s chunk at {offset} {kind}: {flight.received} words are here")
        if offset + len(words) > self.dimension:
            raise MalformedMessage(f"agent {agent} sends more than {self.dimension} words")
        kept = flight.words[offset : offset + len(words)]
        kept[:] = words
        wire = np.ascontiguousarray(kept, dtype=f"<u{kept.itemsize}")  # of what is kept: no second look at the input
        flight.hash.update(wire.view(np.uint8).data)
        flight.received += len(words)

    def finish(self, agent: int, digest: bytes) -> None:
        """Add the agent's vector to the sum, if it is whole and `digest` is its name (see `vector_hash`)."""
        flight = self._flight(agent)
        del self._flights[agent]
        if flight.received != self.dimension:
            raise MalformedMessage(f"agent {agent}'s vector ends after {flight.received} of {self.dimension} words")
        if not compare_digest(flight.hash.digest(), digest):
            raise MalformedMessage(f"agent {agent}'s vector is not the one that was named")
        total = self._open()
        np.add(total, flight.words, out=total)
        self._agents[agent] = None

    def abandon(self, agent: int) -> None:
        """Forget the agent's vector in flight: the link broke, or time is up."""
        self._flight(agent)
        del self._flights[agent]

    def close(self) -> Ring:
        """The sum, handed out once; vectors still in flight are forgotten."""
        total = self._open()
        self._total = None
        self._flights.clear()
        return total

    def _open(self) -> Ring:
        if self._total is None:
            raise ProtocolMisuse("the intake is closed: its sum has been handed out")
        return self._total

    def _flight(self, agent: int) -> _Flight:
        self._open()
        if agent not in self._flights:
            raise MalformedMessage(f"agent {agent} has no vector in flight")
        return self._flights[agent]
