"""Ring sums beside plain `np.add`, and fixed-point encoding in ns a coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from _convention import Case, best_seconds, quick, report

from tip.aggregation import Grid, ring_sum
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SUM_GOAL = 0.8  # of the floor
ENCODE_GOAL = 40.0  # ns a coordinate, at most
LONG = 10**4 if quick() else 10**6
STREAM = Entropy.seeded(1).stream("bench")


def plain(vectors: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """The floor: one `np.add` a row into a preallocated total."""
    total = np.zeros(vectors.shape[1], dtype=vectors.dtype)
    for row in vectors:
        np.add(total, row, out=total)
    return total


def sums(n: int, d: int, word: type[np.unsignedinteger]) -> Case:
    vectors = np.empty((n, d), dtype=word)
    STREAM.fill(vectors)
    bits = vectors.itemsize * 8
    assert np.array_equal(plain(vectors), ring_sum(vectors, bits))
    floor = vectors.nbytes / best_seconds(lambda: plain(vectors), 7) / 1e9
    speed = vectors.nbytes / best_seconds(lambda: ring_sum(vectors, bits), 7) / 1e9
    name = f"ring sum {n} x {d:,} uint{bits}"
    return Case(name, "speed", speed, "GB/s", ("np.add row by row (GB/s)", floor), SUM_GOAL * floor)


def encoding(n: int, d: int) -> Case:
    """Clipping, rounding, integer test; half of the rows are on the clipping sphere, the worst case for redraws."""
    grid, agents = Grid(1e-4, 0.6, d, 32), np.arange(n)
    updates = STREAM.words(agents, d).astype(np.float64) * 2.0**-63 - 1
    updates *= 0.6 * np.sqrt(3 / d)
    seconds = best_seconds(lambda: grid.encode(updates, STREAM, agents), 15)
    words = best_seconds(lambda: STREAM.words(agents, d, dtype=np.uint32), 15)
    scale = 1e9 / (n * d)
    return Case(
        f"encode {n} x {d:,}", "time", seconds * scale, "ns/coordinate", ("its coins (ns)", words * scale), ENCODE_GOAL
    )


def cases() -> Iterator[Case]:
    for word in (np.uint32, np.uint16, np.uint64):
        yield sums(100, LONG, word)
    yield sums(4000, 25, np.uint32)
    yield sums(200, 650, np.uint32)
    for shape in ((200, 25), (200, 650), (4000, 25), (20, 10**5)):
        yield encoding(*shape)


if __name__ == "__main__":
    report(cases())
