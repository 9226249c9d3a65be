"""A seed becomes a mask: the AES-256-CTR keystream of one key.

The stream of a key is AES-256(key, 0) | AES-256(key, 1) | ..., the counters as 128 bits big-endian:
counter mode from a zero start (NIST SP 800-38A, section 6.5) over a page of zeros. Three rules:

1. **One key, one stream.** There is no nonce to tell two uses of a key apart; a key that masks two
   vectors shows their difference. Derive a key for each pair, round and purpose.
2. The stream is a function of the key: both ends of a pair compute the same mask, in pieces of any
   size, and `at` starts anywhere, so that threads can share one vector.
3. Keys never print and streams are not pickled.

The keystream of q blocks is told from random bytes with advantage at most q^2 / 2^129 beyond AES's
own: blocks of a permutation never repeat. 2^30 bytes under one key: 2^-77.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tip.crypto.transcript import require_secret
from tip.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLOCK: Final = 16  # bytes of an AES block
_END: Final = 1 << 64  # bytes: an offset past it is an error of the caller's
_PAGE: Final = 1 << 18  # bytes that one call encrypts: they stay in the second-level cache
_ZEROS: Final = memoryview(bytes(_PAGE))


class Keystream:
    """The stream of one key, from its start or from `at`; see the rules at the top of the file."""

    __slots__ = ("_encryptor", "_key")

    def __init__(self, key: bytes, *, block: int = 0) -> None:
        """The stream of 32 uniform bytes, from the block of 16 bytes with this number on."""
        require_secret(key)
        if not 0 <= block < 1 << 8 * _BLOCK:
            raise ConfigurationError(f"a block's number is in [0, 2^128), not {block}")
        self._key = key
        self._encryptor = Cipher(algorithms.AES256(key), modes.CTR(block.to_bytes(_BLOCK, "big"))).encryptor()

    def at(self, offset: int) -> Keystream:
        """Another stream of the same key that begins `offset` bytes after the start: a multiple of 16, below 2^64."""
        if not 0 <= offset < _END or offset % _BLOCK:
            raise ConfigurationError(f"a stream starts at a multiple of {_BLOCK} in [0, 2^64), not at {offset}")
        return Keystream(self._key, block=offset // _BLOCK)

    def next_into(self, out: memoryview | NDArray[np.uint8]) -> None:
        """Overwrite `out` (writable, C-contiguous bytes) with the next bytes of the stream.

        **Law.** Pieces of any sizes, joined, are the stream.
        """
        view = out if isinstance(out, memoryview) else out.data
        if view.readonly or view.itemsize != 1 or not view.c_contiguous:
            raise ConfigurationError("a stream fills writable, C-contiguous bytes")
        if (size := view.nbytes) <= _PAGE:
            self._encryptor.update_into(_ZEROS[:size], view)
        else:
            self._pages_into(view.cast("B"))

    def _pages_into(self, view: memoryview) -> None:
        for first in range(0, view.nbytes, _PAGE):
            piece = view[first : first + _PAGE]
            self._encryptor.update_into(_ZEROS[: piece.nbytes], piece)

    def __repr__(self) -> str:
        return "Keystream()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keystream is not pickled: its key would travel")
