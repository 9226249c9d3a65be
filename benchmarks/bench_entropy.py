"""`Stream.fill` and `Stream.words` beside the cipher's own `update_into`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from _convention import Case, best_seconds, report
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL = 4.0  # GB/s on a quiet machine
CHUNK = 1 << 18
STREAM = Entropy.seeded(1).stream("bench")
OUT = np.zeros(1 << 25, dtype=np.uint8)  # written before it is timed: no page faults
ZEROS = bytes(CHUNK)
SHAPES = (
    (1, 10**6, np.uint32),
    (100, 10**5, np.uint32),
    (1000, 650, np.uint32),
    (200, 40, np.uint32),
    (4000, 25, np.uint64),
)


def floor(size: int) -> float:
    """GB/s of AES-256-CTR over zeros in pieces of 256 KiB, the stream opened once."""
    cipher = Cipher(algorithms.AES256(bytes(32)), modes.CTR(bytes(16))).encryptor()

    def run() -> None:
        for first in range(0, size, CHUNK):
            piece = OUT[first : min(first + CHUNK, size)]
            cipher.update_into(ZEROS[: piece.size], piece.data)

    return size / best_seconds(run, max(9, min(99, (1 << 26) // size))) / 1e9


def cases() -> Iterator[Case]:
    for mebibytes in (1, 32):  # in the second-level cache, and in memory
        out = OUT[: mebibytes << 20]
        raw, seconds = floor(out.size), best_seconds(lambda: STREAM.fill(out), 99 // mebibytes + 6)  # noqa: B023 - called at once
        yield Case(
            f"fill {mebibytes} MiB", "speed", out.size / seconds / 1e9, "GB/s", ("AES-256-CTR (GB/s)", raw), GOAL
        )
    for n, d, word in SHAPES:
        agents, size = np.arange(n), n * d * np.dtype(word).itemsize
        seconds = best_seconds(lambda: STREAM.words(agents, d, dtype=word), 25)  # noqa: B023 - called at once
        name = f"words {n} x {d:,} {np.dtype(word).name}"
        yield Case(name, "speed", size / seconds / 1e9, "GB/s", ("AES-256-CTR (GB/s)", floor(size)))


if __name__ == "__main__":
    report(cases())
