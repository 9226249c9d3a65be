"""Masks, shares and whole masked rounds, in CPU seconds beside their floors.

Every figure is the least process CPU time of several calls: on cores that share their caches wall time says more
about the neighbors. The floor of a mask sum is what no code can do without: one AES-256-CTR pass of the cipher
library and one `np.add` over the same blocks, on streams that are open already. The floor of a party in a round is
every primitive that it cannot do without, timed alone and counted (`_masking_floor`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from time import process_time
from typing import TYPE_CHECKING, Any

import _masking_floor
import numpy as np
from _convention import Case, quick, report
from _masking_rounds import Played, Setting, measure
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tip.aggregation import cover, expand_into, ring_type
from tip.crypto import shamir
from tip.protocols.masking import plan_masking
from tip.protocols.masking.parameters import Coordinator, Graph
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.ciphers import CipherContext
    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]

REPEATS = 1 if quick() else 9
BLOCK = 1 << 18  # bytes; the floor's own best block
SUM_GOAL = 5.0  # GB/s a core
SPLIT_GOAL = 0.5  # ms
AGENT_GOAL = 20.0  # ms, key generations apart
COORDINATOR_GOAL = 3.0  # s
ROUNDS = 1 if quick() else 3
LONG, SHORT = (10**4, 10**3) if quick() else (10**6, 10**5)
STREAM = Entropy.seeded(1).stream("bench")


def cpu_seconds(function: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least CPU time of several calls, all threads together."""
    times = []
    for _ in range(repeats):
        start = process_time()
        function()
        times.append(process_time() - start)
    return min(times)


def seeds(count: int) -> list[bytes]:
    return [row.tobytes() for row in STREAM.words(np.arange(count), 4, dtype=np.uint64)]


def opened(keys: list[bytes]) -> list[CipherContext]:
    return [Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor() for key in keys]


def floor(total: Ring, streams: list[CipherContext], zeros: bytes, scratch: Ring) -> None:
    """Keystream and `np.add` block by block, nothing else."""
    octets = memoryview(scratch.view(np.uint8).data)
    page = memoryview(zeros)
    for start in range(0, len(total), len(scratch)):
        block = total[start : start + len(scratch)]
        mask, written = scratch[: len(block)], block.nbytes
        for stream in streams:
            stream.update_into(page[:written], octets[:written])
            np.add(block, mask, out=block)


def mask_sum(bits: int, dimension: int, count: int, goal: float | None = SUM_GOAL) -> Iterator[Case]:
    """GB of masks a second, on one thread."""
    keys, word = seeds(count), ring_type(bits)
    total, zeros = np.zeros(dimension, dtype=word), bytes(BLOCK)
    scratch = np.empty(BLOCK // word.itemsize, dtype=word)
    expected = total.copy()
    floor(expected, opened(keys), zeros, scratch)
    assert np.array_equal(expected, cover(total, keys, []))
    times: dict[str, list[float]] = {"ours": [], "open": [], "add": []}
    for _ in range(REPEATS):  # in turns: all see the same neighbors
        start = process_time()
        streams = opened(keys)
        ready = process_time()
        floor(total, streams, zeros, scratch)
        times["add"].append(process_time() - ready)
        times["open"].append(process_time() - start)
        times["ours"].append(cpu_seconds(lambda: expand_into(total, keys, []), 1))
    speeds = {key: count * total.nbytes / 1e9 / min(seconds) for key, seconds in times.items()}
    name = f"mask sum, {count} seeds x {dimension:,} uint{bits}"
    for key, reference in (("add", "AES-CTR + np.add (GB/s)"), ("open", "the same with opening")):
        yield Case(name, "speed", speeds["ours"], "GB/s", (reference, speeds[key]), goal)


def one_agent(bits: int, dimension: int, neighbors: int) -> Case:
    """What an agent does to its vector: its own mask and one for each neighbor, half of them subtracted."""
    keys, x = seeds(neighbors + 1), np.zeros(dimension, dtype=ring_type(bits))
    half = neighbors // 2
    milliseconds = cpu_seconds(lambda: cover(x, keys[half:], keys[:half])) * 1e3
    page = np.empty(x.nbytes, dtype=np.uint8)
    key, zeros = opened(keys[:1])[0], bytes(x.nbytes)
    stream = cpu_seconds(lambda: key.update_into(zeros, page.data)) * 1e3 * (neighbors + 1)
    name = f"cover {dimension:,} uint{bits}, {neighbors} neighbors"
    return Case(name, "time", milliseconds, "ms", ("AES-CTR alone (ms)", stream))


def split_two(secrets: list[bytes], holders: int, threshold: int) -> list[NDArray[np.uint32]]:
    """Their shares, coins included."""
    return [
        shamir.split(secret, shamir.coefficients(STREAM, threshold, len(secret) // 2, agent=agent), holders)
        for agent, secret in enumerate(secrets)
    ]


def splitting(holders: int, threshold: int, goal: float | None = None) -> Case:
    """Two 32-byte secrets to all holders."""
    secrets = seeds(2)
    points = np.arange(holders, dtype=np.int64)[-threshold:]
    for secret, shares in zip(secrets, split_two(secrets, holders, threshold), strict=True):
        assert shamir.to_bytes(shamir.combine(points[None] + 1, shares[None, points])[0]) == secret
    product = np.ones((holders, threshold)), np.ones((threshold, 32))
    milliseconds = cpu_seconds(lambda: split_two(secrets, holders, threshold), 50) * 1e3
    least = cpu_seconds(lambda: product[0] @ product[1], 50) * 1e3
    name = f"two 32-byte secrets to {holders}, {threshold} of them needed"
    return Case(name, "time", milliseconds, "ms", ("one float64 product (ms)", least), goal)


def data_plane() -> Iterator[Case]:
    """Masks and shares, without any protocol."""
    for bits in (16, 32, 64):
        yield from mask_sum(bits, LONG, 100)
        yield from mask_sum(bits, SHORT, 1000)
    yield from mask_sum(32, LONG // 1000, 3000, None)  # opening a stream costs more than it yields
    for bits in (16, 32):
        yield one_agent(bits, SHORT, 100)
        yield one_agent(bits, LONG, 100)
    yield splitting(100, 51, SPLIT_GOAL)
    yield splitting(1000, 501)


def settings() -> Iterator[Setting]:
    """Whole rounds: Flower's size, the size that the floors were computed for, and malicious coordinators."""
    many, few = (40, 20) if quick() else (1000, 100)
    for dimension in (SHORT, LONG):
        yield from (flowers(few, few * 3 // 10, dimension, percent) for percent in (0, 10, 30))
    curious = plan_masking(many, 0.05, 0.3, coordinator="curious")
    wide = curious if quick() else replace(curious, degree=100, threshold=35)
    yield Setting(wide, many * 3 // 10, SHORT)
    for share in (0.05,) if quick() else (0.05, 0.1):
        yield Setting(plan_masking(many, share, share, coordinator="malicious"), int(share * many), SHORT)
    tenth = plan_masking(few, 0.1, 0.1, coordinator="malicious")
    complete = replace(tenth, graph=Graph.COMPLETE, degree=few - 1, threshold=(few - 1 + tenth.corrupt) // 2 + 1)
    yield Setting(complete, tenth.dropouts, SHORT)


def flowers(agents: int, neighbors: int, dimension: int, percent: int) -> Setting:
    """The setting that Flower's SecAgg+ is measured in: a curious coordinator, so many neighbors on a ring."""
    planned = plan_masking(agents, 0.05, 0.3, coordinator="curious")
    wide = planned if quick() else replace(planned, degree=neighbors)
    return Setting(wide, percent * agents // 100, dimension)


def rounds() -> Iterator[Case]:
    """Whole rounds of `tip.protocols.masking`: the mean agent and the coordinator, beside the bare primitives."""
    for setting in settings():
        big = setting.parameters.agents >= 1000
        played = measure(setting, 1 if big else ROUNDS)
        aimed = big and setting.parameters.coordinator is Coordinator.CURIOUS
        agent, coordinator = floors(setting, played)
        yield Case(
            setting.name,
            f"agent, {played.agent_seeds:.1f} masks",
            played.agent * 1e3,
            "ms",
            ("bare primitives in the same counts (ms)", agent * 1e3),
            AGENT_GOAL if aimed else None,
        )
        yield Case(
            setting.name,
            f"coordinator, {played.coordinator_seeds} masks",
            played.coordinator,
            "s",
            ("bare primitives in the same counts (s)", coordinator),
            COORDINATOR_GOAL if aimed else None,
        )


def floors(setting: Setting, played: Played) -> tuple[float, float]:
    """What agent and coordinator cannot do without, in CPU seconds of the same run."""
    body = setting.dimension * setting.bits // 8
    agent = _masking_floor.of_agent(setting.parameters, body, played.agent_masks)
    return agent, _masking_floor.of_coordinator(setting.parameters, setting.silent, body, played.coordinator_masks)


def beside_flower(case: str, metric: str) -> float | None:
    """Tip's CPU seconds in a case of `peers/flower_secagg.py`; None where tip has no such case."""
    numbers = [int(number) for number in re.findall(r"\d+", case.replace(",", ""))]
    if case.startswith("mask of"):
        total = np.zeros(numbers[0], dtype=np.uint32)
        return cpu_seconds(lambda: expand_into(total, [bytes(32)], []))
    if case.startswith("two"):
        return cpu_seconds(lambda: split_two(seeds(2), 100, 51), 50)
    if metric not in ("agent", "coordinator"):
        return None
    agents, neighbors, dimension, percent = numbers
    return float(getattr(played(agents, neighbors, dimension, percent), metric))


@cache
def played(agents: int, neighbors: int, dimension: int, percent: int) -> Played:
    """Both metrics of a round come from one measurement."""
    return measure(flowers(agents, neighbors, dimension, percent), ROUNDS)


def cases() -> Iterator[Case]:
    yield from data_plane()
    yield from rounds()


if __name__ == "__main__":
    report(cases())
