"""The keystream is AES-256-CTR from zero, in pieces of any size, from any block on."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tip.crypto.stream import Keystream
from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = bytes(range(32))
KEYS = st.binary(min_size=32, max_size=32)


def twin(key: bytes, size: int) -> bytes:
    """The definition: AES of the counters, one after another."""
    blocks = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - counters, never data
    return b"".join(blocks.update(c.to_bytes(16, "big")) for c in range(-(-size // 16)))[:size]


def taken(stream: Keystream, size: int) -> bytes:
    out = np.full(size, 0xAA, dtype=np.uint8)
    stream.next_into(out)
    return out.tobytes()


@given(KEYS, st.lists(st.integers(0, 100), max_size=6))
def test_pieces_of_any_size_are_the_stream(key: bytes, sizes: list[int]) -> None:
    stream = Keystream(key)
    assert b"".join(taken(stream, size) for size in sizes) == twin(key, sum(sizes))


@given(KEYS, st.integers(0, 200), st.integers(0, 60))
def test_a_stream_starts_at_any_block(key: bytes, block: int, size: int) -> None:
    stream = Keystream(key)
    taken(stream, 5)  # where it stands does not matter
    assert taken(stream.at(16 * block), size) == twin(key, 16 * block + size)[16 * block :]
    assert taken(stream, 20) == twin(key, 25)[5:]  # nor is it moved


@pytest.mark.parametrize("size", [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 * (1 << 18) + 7])
def test_pages_never_show(size: int) -> None:
    whole = taken(Keystream(KEY), size)
    cipher = Cipher(algorithms.AES256(KEY), modes.CTR(bytes(16))).encryptor()
    assert whole == cipher.update(bytes(size))
    half = size // 2 // 16 * 16
    assert taken(Keystream(KEY).at(half), size - half) == whole[half:]


def test_rfc_3686() -> None:
    package = pytest.importorskip("cryptography_vectors")
    text = (Path(package.__file__).parent / "ciphers" / "AES" / "CTR" / "aes-256-ctr.txt").read_text()
    values = [
        bytes.fromhex(v) for k, _, v in (line.partition(" = ") for line in text.splitlines()) if v and k != "COUNT"
    ]
    assert len(values) == 12
    for key, start, plain, secret in zip(*[iter(values)] * 4, strict=True):
        stream = Keystream(key, block=int.from_bytes(start, "big"))
        assert taken(stream, len(plain)) == bytes(a ^ b for a, b in zip(plain, secret, strict=True))


def test_known_answer() -> None:
    assert (
        taken(Keystream(KEY), 40).hex()
        == "f29000b62a499fd0a9f39a6add2e7780f05d76ae4ab99fe5a6f69b3148c2363d0ebcb5deb52c83bd"
    )
    assert taken(Keystream(KEY).at(1 << 63), 16).hex() == "64ed47905f3e58ac069bc89261e4b50b"


def test_memoryviews_and_tables_are_filled() -> None:
    raw = bytearray(100)
    Keystream(KEY).next_into(memoryview(raw)[10:90])
    assert bytes(raw) == bytes(10) + twin(KEY, 80) + bytes(10)
    table = np.zeros((3, 1 << 17), dtype=np.uint8)
    Keystream(KEY).next_into(table)
    assert table.tobytes() == taken(Keystream(KEY), table.size)


def frozen() -> NDArray[np.uint8]:
    out = np.zeros(8, dtype=np.uint8)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    "out",
    [
        memoryview(bytes(8)),
        frozen(),
        np.zeros(16, dtype=np.uint8)[::2],
        np.zeros((4, 4), dtype=np.uint8).T[1:],
        np.zeros(4, dtype=np.uint32),
    ],
)
def test_only_writable_contiguous_bytes_are_filled(out: NDArray[np.uint8]) -> None:
    with pytest.raises(ConfigurationError, match="writable, C-contiguous bytes"):
        Keystream(KEY).next_into(out)


@pytest.mark.parametrize("offset", [-16, 1, 15, 17, 1 << 64])
def test_offsets_off_a_block_are_refused(offset: int) -> None:
    with pytest.raises(ConfigurationError, match="multiple of 16"):
        Keystream(KEY).at(offset)


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(31), bytes(33), bytearray(32)])
def test_keys_of_other_sizes_are_refused(key: bytes) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        Keystream(key)


@pytest.mark.parametrize("block", [-1, 1 << 128])
def test_blocks_outside_the_counter_are_refused(block: int) -> None:
    with pytest.raises(ConfigurationError, match="block"):
        Keystream(KEY, block=block)


def test_keys_never_print_and_do_not_travel() -> None:
    stream = Keystream(KEY)
    assert repr(stream) == "Keystream()"
    assert not hasattr(stream, "__dict__")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(stream)


def test_a_second_vector_under_a_key_shows_the_difference() -> None:
    """Why one key is one stream: not a promise, the pitfall itself."""
    mask = np.frombuffer(taken(Keystream(KEY), 12), dtype="<u4")
    again = np.frombuffer(taken(Keystream(KEY), 12), dtype="<u4")
    one, other = np.array([1, 2, 3], dtype=np.uint32), np.array([10, 20, 30], dtype=np.uint32)
    assert ((other + again) - (one + mask)).tolist() == [9, 18, 27]
