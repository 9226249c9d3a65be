"""Mask sums against the definition in whole numbers, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.aggregation import masks
from tip.aggregation.masks import cover, expand_into
from tip.aggregation.sums import MODULUS_BITS, ring_type
from tip.crypto.stream import Keystream
from tip.errors import ConfigurationError
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ring = NDArray[np.unsignedinteger[Any]]

STREAM = Entropy.seeded(7).stream("test of masks")
BITS = st.sampled_from(MODULUS_BITS)
SEEDS = st.lists(st.binary(min_size=32, max_size=32), max_size=5)
BLOCKS = st.sampled_from([16, 48, 64, 256])  # bytes
ODD = 10**5 + 7  # words: no multiple of any block


def prg(seed: bytes, dimension: int, size: int, order: str = "little", start: int = 0) -> list[int]:
    """The definition: AES-256-CTR of zeros from counter 0, as words of `size` bytes."""
    stream = (
        Cipher(algorithms.AES(seed), modes.CTR(start.to_bytes(16, "big"))).encryptor().update(bytes(dimension * size))
    )
    return [int.from_bytes(stream[j : j + size], order) for j in range(0, dimension * size, size)]  # type: ignore[arg-type]


def twin(values: Sequence[int], bits: int, add: Sequence[bytes], subtract: Sequence[bytes]) -> list[int]:
    """The sum modulo 2^b, coordinate by coordinate."""
    up, down = ([prg(seed, len(values), bits // 8) for seed in seeds] for seeds in (add, subtract))
    return [(v + sum(m[j] for m in up) - sum(m[j] for m in down)) % 2**bits for j, v in enumerate(values)]


def vector(dimension: int, bits: int, agent: int = 0) -> Ring:
    words: Ring = STREAM.words(np.array([agent]), dimension, dtype=ring_type(bits).type)[0].copy()
    return words


def seeds(count: int, first: int = 100) -> list[bytes]:
    return [row.tobytes() for row in STREAM.words(np.arange(first, first + count), 4, dtype=np.uint64)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, groups and shares so small that short vectors cross all their borders."""
    monkeypatch.setattr(masks, "_BLOCK", 64)
    monkeypatch.setattr(masks, "_GROUP", 2)
    monkeypatch.setattr(masks, "_SHARE", 32)


@settings(deadline=None)
@given(st.data(), BITS, SEEDS, SEEDS)
def test_a_cover_is_the_sum_of_keystreams(
    data: st.DataObject, bits: int, add: list[bytes], subtract: list[bytes]
) -> None:
    values = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=20))
    x = np.array(values, dtype=ring_type(bits))
    y = cover(x, add, subtract)
    assert y.dtype == x.dtype
    assert y.tolist() == twin(values, bits, add, subtract)
    assert x.tolist() == values  # the input is as it was


@settings(deadline=None, max_examples=200)
@given(st.tuples(BITS, st.integers(0, 300)), SEEDS, SEEDS, st.integers(1, 9), st.tuples(BLOCKS, st.integers(1, 4)))
def test_blocks_groups_and_threads_never_change_the_sum(
    ring: tuple[int, int], add: list[bytes], subtract: list[bytes], threads: int, sizes: tuple[int, int]
) -> None:
    bits, dimension = ring
    x = vector(dimension, bits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_BLOCK", sizes[0])
        patch.setattr(masks, "_GROUP", sizes[1])
        patch.setattr(masks, "_SHARE", 16)
        y = cover(x, add, subtract, threads=threads)
    assert y.tolist() == twin(x.tolist(), bits, add, subtract)


@pytest.mark.parametrize("bits", MODULUS_BITS)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_long_vectors_and_many_seeds_cross_the_real_blocks(bits: int, threads: int) -> None:
    x, add, subtract = vector(ODD, bits), seeds(masks._GROUP + 3), seeds(2, 900)
    expected = x.copy()
    for seed in add:
        expected += np.array(prg_bytes(seed, x.nbytes)).view(x.dtype)
    for seed in subtract:
        expected -= np.array(prg_bytes(seed, x.nbytes)).view(x.dtype)
    assert np.array_equal(cover(x, add, subtract, threads=threads), expected)


def prg_bytes(seed: bytes, size: int) -> NDArray[np.uint8]:
    return np.frombuffer(Cipher(algorithms.AES(seed), modes.CTR(bytes(16))).encryptor().update(bytes(size)), np.uint8)


@pytest.mark.parametrize("bits", MODULUS_BITS)
def test_a_published_keystream(bits: int) -> None:
    """AES-256 of the counters 0 and 1 under the zero key: H and E(K, Y0) of GCM's test case 13 (McGrew and Viega)."""
    published = bytes.fromhex("dc95c078a2408989ad48a21492842087 530f8afbc74536b9a963b4f1c4cb738b")
    mask = cover(np.zeros(256 // bits, dtype=ring_type(bits)), [bytes(32)], [])
    assert mask.astype(f"<u{bits // 8}").tobytes() == published


@pytest.mark.parametrize("bits", MODULUS_BITS)
def test_pairwise_masks_cancel_in_the_sum_of_a_graph(bits: int) -> None:
    n, d = 7, 1003
    edge = {
        (u, v): s
        for (u, v), s in zip([(u, v) for u in range(n) for v in range(u)], seeds(n * (n - 1) // 2), strict=True)
    }
    own, xs = seeds(n, 500), [vector(d, bits, u) for u in range(n)]
    total = np.zeros(d, dtype=ring_type(bits))
    for u in range(n):  # a neighbor of a larger number is added, of a smaller one subtracted
        above, below = [edge[v, u] for v in range(u + 1, n)], [edge[u, v] for v in range(u)]
        total += cover(xs[u], [own[u], *above], below)
    assert not np.array_equal(total, sum(xs[1:], xs[0]))
    expand_into(total, [], own)
    assert np.array_equal(total, sum(xs[1:], xs[0]))


def test_what_a_dropped_agent_left_in_the_sum_is_taken_off() -> None:
    s, own, (x, y) = seeds(3), seeds(3, 50), (vector(999, 32, 1), vector(999, 32, 2))
    total = cover(x, [own[0], s[0], s[1]], []) + cover(y, [own[1], s[2]], [s[0]])  # agent 2 is gone: s[1], s[2] stay
    expand_into(total, [], [own[0], own[1], s[1], s[2]])
    assert np.array_equal(total, x + y)


@given(BITS, SEEDS, SEEDS)
def test_exchanging_the_sides_uncovers(bits: int, add: list[bytes], subtract: list[bytes]) -> None:
    x = vector(77, bits)
    assert np.array_equal(cover(cover(x, add, subtract), subtract, add), x)
    assert np.array_equal(cover(x, add, add), x)


MUTANTS = {
    "wrong sign": lambda v, s, bits: [(a - m) % 2**bits for a, m in zip(v, prg(s, len(v), bits // 8), strict=True)],
    "word order": lambda v, s, bits: [
        (a + m) % 2**bits for a, m in zip(v, prg(s, len(v), bits // 8, "big"), strict=True)
    ],
    "one block late": lambda v, s, bits: [
        (a + m) % 2**bits for a, m in zip(v, prg(s, len(v), bits // 8, start=1), strict=True)
    ],
    "exclusive or": lambda v, s, bits: [a ^ m for a, m in zip(v, prg(s, len(v), bits // 8), strict=True)],
    "the first block again": lambda v, s, bits: [
        (a + prg(s, 128 // bits, bits // 8)[j % (128 // bits)]) % 2**bits for j, a in enumerate(v)
    ],
}


@pytest.mark.parametrize("bits", MODULUS_BITS)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_twin_tells_mutants(mutant: str, bits: int) -> None:
    x, seed = vector(40, bits).tolist(), seeds(1)[0]
    assert MUTANTS[mutant](x, seed, bits) != twin(x, bits, [seed], [])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("fault", ["seek", "sign", "advance"])
def test_a_broken_expansion_is_told_from_a_whole_one(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, add, subtract, opened = vector(300, 32), seeds(3), seeds(2, 9), masks._opened
    if fault == "seek":
        monkeypatch.setattr(Keystream, "at", lambda self, _: self)
    if fault == "sign":
        subtract, add = [*subtract, add[0]], add[1:]
    if fault == "advance":
        monkeypatch.setattr(masks, "_opened", lambda seed, offset: Stuck(opened(seed, offset)))
    wrong = cover(x, add, subtract, threads=3)
    assert wrong.tolist() != twin(x.tolist(), 32, seeds(3), seeds(2, 9))


class Stuck:
    """A stream that yields its first block again and again: a counter used twice."""

    def __init__(self, stream: Keystream) -> None:
        self.first = np.empty(64, dtype=np.uint8)
        stream.next_into(self.first)

    def next_into(self, out: NDArray[np.uint8]) -> None:
        out[:] = self.first[: len(out)]


def test_in_place_and_out() -> None:
    x, s = vector(ODD, 16), seeds(3)
    expected = cover(x, s[:2], s[2:])
    out = np.empty_like(x)
    assert cover(x, s[:2], s[2:], out=out) is out
    assert np.array_equal(out, expected)
    shared = x.copy()
    assert cover(shared, s[:2], s[2:], out=shared) is shared
    assert np.array_equal(shared, expected)
    table = np.zeros((ODD, 2), dtype=np.uint16)  # a column: strided, and its neighbor stays as it is
    table[:, 1] = x
    expand_into(table[:, 1], s[:2], s[2:], threads=2)
    assert np.array_equal(table[:, 1], expected)
    assert not table[:, 0].any()
    assert len(cover(x[:0], s, [])) == 0
    assert np.array_equal(cover(x, [], []), x)
    assert cover(x, [], []) is not x


def test_at_most_so_many_threads_as_pay_and_at_most_so_many_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []
    count = {"now": 0, "most": 0}

    class Counted:
        def __init__(self, seed: bytes, offset: int) -> None:
            self.stream = Keystream(seed).at(offset)
            self.next_into = self.stream.next_into
            starts.append(offset)
            count["now"] += 1
            count["most"] = max(count["most"], count["now"])

        def __del__(self) -> None:
            count["now"] -= 1

    monkeypatch.setattr(masks, "_opened", Counted)
    cover(vector(100, 32), seeds(3 * masks._GROUP), [], threads=8)
    assert set(starts) == {0}  # 400 bytes are one thread's work
    assert count["now"] == 0
    assert count["most"] == masks._GROUP


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8, np.bool_, np.dtype(">u4")])
def test_other_types_are_refused(dtype: type[np.generic] | np.dtype[Any]) -> None:
    with pytest.raises(ConfigurationError):
        cover(np.zeros(4, dtype=dtype), [], [])


def test_other_shapes_seeds_threads_and_outs_are_refused() -> None:
    x, s = np.zeros(4, dtype=np.uint32), seeds(2)
    with pytest.raises(ConfigurationError, match="shape"):
        cover(x.reshape(2, 2), s, [])
    for threads in (0, -1, True, 1.0):
        with pytest.raises(ConfigurationError, match="threads"):
            cover(x, s, [], threads=threads)  # type: ignore[arg-type]
    for out in (np.zeros(5, dtype=np.uint32), np.zeros(4, dtype=np.uint64)):
        with pytest.raises(ConfigurationError, match="out is"):
            cover(x, s, [], out=out)
    fixed = np.zeros(4, dtype=np.uint32)
    fixed.flags.writeable = False
    assert cover(fixed, s, []).any()
    for refused in (lambda: cover(x, s, [], out=fixed), lambda: expand_into(fixed, s, [])):
        with pytest.raises(ConfigurationError, match="written"):
            refused()
    assert not fixed.any()


@pytest.mark.parametrize("bad", [b"", b"k" * 31, b"k" * 33, "k" * 32, bytearray(32), None])
def test_bad_seeds_are_refused_before_anything_is_written_and_never_print(bad: bytes) -> None:
    x = np.zeros(4, dtype=np.uint32)
    for add, subtract, where in (([*seeds(1), bad], [], r"add\[1\]"), (seeds(1), [bad], r"subtract\[0\]")):
        with pytest.raises(ConfigurationError, match=where) as told:
            expand_into(x, add, subtract)
        assert "kk" not in str(told.value)
        assert not x.any()
