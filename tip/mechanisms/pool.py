"""Noise drawn ahead of time, so that no answer waits for its noise.

How long an exact sampler takes depends on what it draws, and whoever can time an answer would learn
about |noise| (docs/noise.md). A pool draws many numbers at once, before the question is known ("draw
the noise offline, on the device"), and hands them out in constant time: an array is copied, whatever
stands in it.

1. No number is handed out twice: what was taken is overwritten with zeros, and an empty pool refuses.
2. A pool does not travel: it refuses to be pickled, and a forked child gets nothing from it.
3. `refill` is a choice of the caller's, to be made when nobody waits.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NoReturn, Protocol

import numpy as np

from tip.errors import ConfigurationError, ProtocolMisuse
from tip.privacy.checks import whole
from tip.randomness import SYSTEM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.randomness import Entropy, Stream

    Integers = NDArray[np.int64]

MOST: int = 1 << 26


class Noise(Protocol):
    """A law of whole numbers that can be sampled."""

    def sample(self, stream: Stream, agents: Integers, count: int) -> Integers:
        """Independent numbers, `(len(agents), count)`."""
        ...

    @property
    def true_variance(self) -> float:
        """E[X^2]."""
        ...


class NoisePool:
    """A stock of `size` numbers of a law; see the top of the file.

    `purpose` addresses the bits; with a seeded `entropy` two pools of one purpose hold the same numbers (for tests),
    with `SYSTEM`, the default, never.
    """

    __slots__ = ("_entropy", "_fills", "_lock", "_next", "_numbers", "_process", "_purpose", "law")

    def __init__(self, law: Noise, size: int, *, entropy: Entropy = SYSTEM, purpose: str = "noise pool") -> None:
        if whole("size", size, least=1) > MOST:
            raise ConfigurationError(f"a pool holds at most {MOST} numbers, not {size}")
        self.law = law
        self._entropy, self._purpose, self._fills = entropy, purpose, 0
        self._numbers = np.zeros(size, dtype=np.int64)
        self._next, self._process = size, os.getpid()
        self._lock = threading.Lock()  # two threads must not be handed the same numbers
        self.refill()

    @property
    def left(self) -> int:
        """How many numbers can still be taken."""
        return len(self._numbers) - self._next if self._process == os.getpid() else 0

    def refill(self) -> None:
        """Draw the whole stock anew; what was left is given up. Takes time that depends on the noise."""
        stream = self._entropy.stream(self._purpose, self._fills)
        if self._process != os.getpid() and self._entropy.simulated:
            raise ProtocolMisuse("a seeded pool would repeat its numbers in a forked process")
        agents = np.arange(len(self._numbers), dtype=np.int64)
        numbers = self.law.sample(stream, agents, 1)[:, 0].copy()
        if self._process != os.getpid():
            self._lock = threading.Lock()  # a thread of the parent may have held the copied one
        with self._lock:
            self._numbers = numbers
            self._fills, self._next, self._process = self._fills + 1, 0, os.getpid()

    def take(self, count: int) -> Integers:
        """The next `count` numbers; raises `ProtocolMisuse` if fewer are left: refill when nobody waits."""
        whole("count", count, least=0)
        with self._lock:
            if count > self.left:
                raise ProtocolMisuse(f"the pool has {self.left} numbers left, not {count}")
            taken = self._numbers[self._next : self._next + count].copy()
            self._numbers[self._next : self._next + count] = 0
            self._next += count
        return taken

    def __repr__(self) -> str:
        return f"NoisePool({self.law!r}, left={self.left})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a pool is not pickled: its numbers would be used twice; make one in each process")
