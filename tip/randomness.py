"""Entropy: random bits with an address, from AES-256-CTR.

Theory of operation. An `Entropy` is a 32-byte key. `entropy.stream(purpose, round)` derives a key
for that purpose and round (HMAC-SHA256, labels length-prefixed), and the `Stream` is the AES-256
encryption of counters under it. A counter block is 128 bits, big-endian:

    agent (64 bits) | lane (16 bits) | block (48 bits)

so the bits are a *function* of (key, purpose, round, agent, lane, position):

1. They do not depend on the order, the block size or the machine in which agents are served: the
   words of any set of agents are one AES call, the words of one agent are a seek.
2. Lanes part what one agent needs in attempts (rejection) or digits; no lane reads another's bits.
3. A seeded entropy repeats itself: for simulations and tests only, and `simulated` says so.
   `SYSTEM` draws a fresh key from the operating system at every call of `stream`, so two streams
   never repeat, and a stream that crosses a fork takes a new key in the child.
4. Asking one stream for the same address twice gives the same bits. Take a stream for each draw.

This is the only file that touches the operating system's generator. Keys never print, and streams
are not pickled (a seeded `Entropy` is, with its key). Python cannot wipe memory reliably: a key
lives until it is collected.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Indices = NDArray[np.int64]

_BLOCK: Final = 16  # bytes of an AES block
_LANES: Final = 1 << 16
_BLOCKS: Final = 1 << 48  # blocks of one lane: the next one is the next lane's first
_CHUNK: Final = 1 << 18  # bytes for one cipher call: stays in the second-level cache
_ZEROS: Final = bytes(_CHUNK)
_ONE_AGENT: Final = np.zeros(1, dtype=np.int64)

_forks = 0  # how often this process is a child of itself


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - the one fact about the process that a stream must know
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


@dataclass(frozen=True, slots=True)
class Entropy:
    """A source of addressed streams. Make one with `Entropy.seeded(seed)`, or use `SYSTEM`.

    `simulated` is true for a seeded source: whoever knows the seed knows every bit, so no
    guarantee may be promised from it.
    """

    _key: bytes | None = field(default=None, repr=False)

    @classmethod
    def seeded(cls, seed: int) -> Entropy:
        """The source that a whole number >= 0 fixes. Raises `ConfigurationError` otherwise."""
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigurationError(f"a seed is a whole number >= 0, not {seed!r}")
        raw = seed.to_bytes((seed.bit_length() + 7) // 8, "big")
        return cls(hashlib.sha256(b"tip entropy seed v1" + raw).digest())

    @property
    def simulated(self) -> bool:
        """Whether the bits repeat, as in a simulation."""
        return self._key is not None

    def stream(self, purpose: str, round: int = 0) -> Stream:  # noqa: A002 - the field's word
        """The stream for one purpose in one round; with `SYSTEM` a new one at every call."""
        if round < 0:
            raise ConfigurationError(f"a round is a whole number >= 0, not {round}")
        if self._key is None:
            return Stream(os.urandom(32), simulated=False)
        label = purpose.encode()
        message = len(label).to_bytes(4, "big") + label + round.to_bytes(8, "big")
        return Stream(hmac.digest(self._key, message, "sha256"), simulated=True)

    def generator(self, purpose: str, round: int = 0) -> np.random.Generator:  # noqa: A002 - the field's word
        """A NumPy generator for simulations of aggregates: never for anybody's data, and it makes no promise.

        Its own generator is Philox, keyed by this source; its floating-point samplers are not exact.
        """
        key = self.stream(f"generator {purpose}", round).words(_ONE_AGENT, 2)[0]
        return np.random.Generator(np.random.Philox(key=key.astype(np.uint64)))

    def __reduce__(self) -> str | tuple[Any, ...]:
        return (Entropy, (self._key,))


SYSTEM: Final = Entropy()


class Stream:
    """Random words by address (agent, lane, position); see the top of the file."""

    __slots__ = ("_blocks", "_forks", "_key", "simulated")

    def __init__(self, key: bytes, *, simulated: bool) -> None:
        self.simulated = simulated
        self._take(key)

    def _take(self, key: bytes) -> None:
        self._key = key
        self._forks = _forks
        self._blocks = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - counters, never data

    def __repr__(self) -> str:
        return f"Stream(simulated={self.simulated})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream is not pickled: its bits would be used twice; send the Entropy's seed instead")

    def _fresh(self) -> None:
        """After a fork parent and child must not share a system stream's bits."""
        if self._forks != _forks and not self.simulated:
            self._take(os.urandom(32))

    def words(
        self,
        agents: Indices,
        count: int,
        *,
        lane: int = 0,
        start: int = 0,
        dtype: type[np.unsignedinteger[Any]] = np.uint64,
    ) -> NDArray[Any]:
        """Uniform words of each agent, `(len(agents), count)` of `dtype` (uint8 to uint64).

        `start` is the first word's position and falls on a block of 16 bytes: a multiple of
        `16 // itemsize`. Any two calls that name the same address see the same bits.
        """
        size = np.dtype(dtype).itemsize
        if not 0 <= lane < _LANES or count < 0 or start < 0 or start * size % _BLOCK:
            raise ConfigurationError(f"no such address: lane {lane}, start {start}, count {count}")
        blocks, first = -(-count * size // _BLOCK), start * size // _BLOCK
        if first + blocks > _BLOCKS:
            raise ConfigurationError(f"no such address: {count} words from {start} on pass the end of lane {lane}")
        self._fresh()
        agents = np.ascontiguousarray(agents, dtype=np.int64)
        block = (lane << 48) + first
        out = np.empty(len(agents) * blocks * _BLOCK + _BLOCK, dtype=np.uint8)  # the cipher wants a block to spare
        if blocks * _BLOCK > _CHUNK:
            self._long_rows(agents, block, out)
        else:
            self._short_rows(agents, block, blocks, out)
        words = out[:-_BLOCK].view(np.dtype(dtype).newbyteorder("<"))
        return words.reshape(len(agents), blocks * _BLOCK // size)[:, :count]

    def _short_rows(self, agents: Indices, block: int, blocks: int, out: NDArray[np.uint8]) -> None:
        """Rows of many agents: counters for as many as fit the cache, encrypted in one call."""
        width = blocks * _BLOCK
        rows = max(1, _CHUNK // max(width, 1))
        counters = np.empty((min(rows, len(agents)), blocks, 2), dtype=">u8")
        counters[:, :, 1] = np.uint64(block) + np.arange(blocks, dtype=np.uint64)
        for first in range(0, len(agents), rows):
            part = agents[first : first + rows]
            counters[: len(part), :, 0] = part.view(np.uint64)[:, None]
            self._encrypt(counters[: len(part)], out[first * width :])

    def _long_rows(self, agents: Indices, block: int, out: NDArray[np.uint8]) -> None:
        """Rows longer than the cache: the same counters, counted by the cipher itself."""
        rows = out[:-_BLOCK].reshape(len(agents), -1)
        for agent, row in zip(agents.tolist(), rows, strict=True):
            self._run(agent, block, row)

    def _run(self, agent: int, block: int, out: NDArray[np.uint8]) -> None:
        """Counter mode from one address on: the encryption of consecutive counters."""
        start = (agent % (1 << 64) << 64) + block
        cipher = Cipher(algorithms.AES256(self._key), modes.CTR(start.to_bytes(_BLOCK, "big"))).encryptor()
        for first in range(0, out.size, _CHUNK):
            piece = out[first : first + _CHUNK]
            cipher.update_into(_ZEROS[: piece.size], piece.data)

    def words_at(self, agents: Indices, positions: Indices, *, lane: int = 0) -> Words:
        """The 64-bit words at scattered addresses, `(n,)`: what `words(...)[agent, position]` holds."""
        agents, positions = np.broadcast_arrays(np.asarray(agents, np.int64), np.asarray(positions, np.int64))
        if not 0 <= lane < _LANES or (positions.size and not 0 <= positions.min() <= positions.max() < 2 * _BLOCKS):
            raise ConfigurationError(f"no such address: lane {lane}, or a position outside [0, 2^49)")
        self._fresh()
        agents = np.ascontiguousarray(agents)
        counters = np.empty((len(agents), 2), dtype=">u8")
        counters[:, 0] = agents.view(np.uint64)
        counters[:, 1] = np.uint64(lane << 48) + (positions // 2).astype(np.uint64)
        out = np.empty((len(agents) + 1) * _BLOCK, dtype=np.uint8)
        self._encrypt(counters, out)
        words: Words = out.view("<u8").reshape(-1, 2)[np.arange(len(agents)), positions % 2]
        return words

    def _encrypt(self, counters: NDArray[Any], out: NDArray[np.uint8]) -> None:
        """One AES call over the counters; `out` has a block to spare."""
        self._blocks.update_into(counters.reshape(-1).view(np.uint8).data, out.data)

    def fill(self, out: NDArray[Any], *, agent: int = 0, lane: int = 0) -> None:
        """Fill a contiguous array with one agent's bits from position 0: the fast way for one long stream."""
        if not out.flags.c_contiguous or not 0 <= lane < _LANES:
            raise ConfigurationError(f"fill wants a C-contiguous array and a lane below {_LANES}, not lane {lane}")
        self._fresh()
        self._run(agent, lane << 48, out.reshape(-1).view(np.uint8))

    def below(self, high: int, agents: Indices = _ONE_AGENT, count: int = 1) -> Words:
        """Uniform whole numbers in [0, high), `(len(agents), count)` uint64, by rejection.

        **Claim.** For 1 <= high <= 2^64 each number is exactly uniform and independent: a word is
        kept if it lies below the largest multiple of `high` that fits, and its remainder is then
        uniform; attempt number a reads lane a, so numbers never share a word.
        """
        if not 1 <= high <= 1 << 64:
            raise ConfigurationError(f"below wants 1 <= high <= 2^64, not {high}")
        agents = np.asarray(agents, dtype=np.int64)
        words: Words = self.words(agents, count)
        top = np.uint64((1 << 64) // high * high - 1)  # the last word that is kept
        lane = 0
        while (rejected := words > top).any():
            lane += 1
            rows, columns = np.nonzero(rejected)
            words[rows, columns] = self.words_at(agents[rows], columns, lane=lane)
        return words if high == 1 << 64 else words % np.uint64(high)

    def bernoulli(self, probability: Fraction, agents: Indices = _ONE_AGENT, count: int = 1) -> NDArray[np.bool_]:
        """Exact coins, `(len(agents), count)` bool, true with a rational probability in [0, 1].

        **Claim.** The coin is [U < p] for U uniform on the reals of [0, 1): the first 64 binary
        digits of U decide against those of p, and only while they are equal the next 64 are read
        (lane by lane). No floating point takes part.
        """
        if not 0 <= probability <= 1:
            raise ConfigurationError(f"a probability lies in [0, 1], not {probability}")
        agents = np.asarray(agents, dtype=np.int64)
        if probability == 1:
            return np.ones((len(agents), count), dtype=np.bool_)
        digits, rest = divmod(probability * (1 << 64), 1)
        words: Words = self.words(agents, count)
        coins: NDArray[np.bool_] = words < np.uint64(digits)
        rows, columns = np.nonzero(words == np.uint64(digits))
        lane = 0
        while rest and len(rows):
            lane += 1
            digits, rest = divmod(rest * (1 << 64), 1)
            words = self.words_at(agents[rows], columns, lane=lane)
            coins[rows, columns] = words < np.uint64(digits)
            tied = words == np.uint64(digits)
            rows, columns = rows[tied], columns[tied]
        return coins

    def choose(self, population: int, size: int) -> Indices:
        """A uniform subset of `size` numbers below `population`, sorted; cost O(size), not O(population).

        **Claim.** The first `size` different numbers of a uniform sequence form a uniform subset;
        more than half of the population is chosen by its complement.
        """
        if not 0 <= size <= population:
            raise ConfigurationError(f"cannot choose {size} of {population}")
        if 2 * size > population:
            kept = np.ones(population, dtype=np.bool_)
            kept[self.choose(population, population - size)] = False
            return np.flatnonzero(kept)
        count = 2 * size + 64
        while True:
            values, first = np.unique(self.below(max(population, 1), count=count)[0], return_index=True)
            if len(values) >= size:
                return np.sort(values[np.argsort(first)[:size]]).astype(np.int64)
            count *= 2  # a longer sequence starts with the shorter one: no bias

    def permutation(self, size: int) -> Indices:
        """A uniform permutation of `size` numbers: the order of words, given that all are different."""
        lane = 0
        while True:
            words = self.words(_ONE_AGENT, size, lane=lane)[0]
            order = np.argsort(words).astype(np.int64)
            if (np.diff(words[order]) > 0).all():
                return order
            lane += 1
