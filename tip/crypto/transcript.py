"""Hashes and keys with labels: SHA-256 and HKDF over injective inputs.

Every hash and every key of tip is a function of a label and of parts, and no two different inputs
ever give one function the same bytes to hash. Three rules make it so:

1. Label and parts carry their length, eight bytes big-endian, so the joined bytes parse back in one
   way only: ("ab", "c") is not ("a", "bc"), and one empty part is not no part.
2. The first bytes name this library, a version and the use: a digest, a key, an agreement. What one
   use hashes, no other does.
3. The last part ends the input: nothing follows that could be taken for a part.

A derived key is HKDF-Expand of RFC 5869, section 2.3, cut to one block:
T(1) = HMAC-SHA256(secret, info | 0x01).
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZE: Final = 32  # bytes of a digest, of a secret and of a key

_DIGEST: Final = b"tip v1 digest"
_DERIVE: Final = b"tip v1 derive"
_AGREE: Final = b"tip v1 agree"


def digest(label: str, *parts: bytes) -> bytes:
    """SHA-256 of the label and the parts, 32 bytes.

    **Law.** Under collision resistance `digest(a, *p) == digest(b, *q)` only if `(a, p) == (b, q)`.
    """
    return sha256(_framed(_DIGEST, label, parts)).digest()


def digests(label: str, pieces: Iterable[bytes]) -> list[bytes]:
    """The hashes of many pieces of one label: `[digest(label, piece) for piece in pieces]`, three times as fast."""
    head = _header(_DIGEST, label)
    return [sha256(b"".join((head, len(piece).to_bytes(8, "big"), piece))).digest() for piece in pieces]


def derive(secret: bytes, label: str, *parts: bytes) -> bytes:
    """A key of 32 bytes from a secret of 32 *uniform* bytes: one key for each label and parts.

    HKDF-Expand alone, for the secret is uniform already; what is not (a Diffie-Hellman value, a
    password) must be extracted first, as `tip.crypto.keys.agree` does. The keys of different
    inputs are independent for whoever does not know the secret, as HMAC-SHA256 is a pseudorandom
    function. Raises `ConfigurationError` for a secret of any other length.
    """
    require_secret(secret)
    return _expand(secret, _framed(_DERIVE, label, parts))


def derive_for_each(secret: bytes, label: str, *before: bytes, parts: Iterable[bytes]) -> list[bytes]:
    """A key for each last part: `[derive(secret, label, *before, part) for part in parts]`, at less cost."""
    require_secret(secret)
    head = _framed(_DERIVE, label, before)
    return [
        hmac.digest(secret, b"".join((head, len(part).to_bytes(8, "big"), part, b"\x01")), "sha256") for part in parts
    ]


def derive_from_each(secrets: Iterable[bytes], label: str, *parts: bytes) -> list[bytes]:
    """A key from each secret: `[derive(secret, label, *parts) for secret in secrets]`, at less cost."""
    info = _framed(_DERIVE, label, parts) + b"\x01"
    known = list(secrets)
    for secret in known:
        require_secret(secret)
    return [hmac.digest(secret, info, "sha256") for secret in known]


def derive_from_agreement(shared: bytes, label: str, *parts: bytes) -> bytes:
    """A key of 32 bytes from a secret that is hard to guess but not uniform: HKDF, extract then expand."""
    return _expand(_extract(_AGREE, shared), _framed(_AGREE, label, parts))


def require_secret(secret: bytes) -> None:
    """Raises `ConfigurationError` for anything but 32 bytes; the message does not show them."""
    if not isinstance(secret, bytes) or len(secret) != SIZE:
        raise ConfigurationError(
            f"a secret has {SIZE} bytes; this one is {_told(secret)}",
            why="keys are derived from uniform secrets of the hash's own size",
            instead="derive a key from it, or draw one",
        )


def _told(secret: object) -> str:
    return f"of {len(secret)} bytes" if isinstance(secret, bytes) else f"of type {type(secret).__name__}"


def _framed(use: bytes, label: str, parts: Iterable[bytes]) -> bytes:
    """The injective encoding: use | len(label) | label | len(part) | part | ..."""
    pieces = [_header(use, label)]
    for part in parts:
        if not isinstance(part, bytes):  # the length of another type need not be its length in bytes
            raise ConfigurationError(f"a part to hash is bytes, not {type(part).__name__}")
        size = len(part)
        pieces += (_SHORT[size] if size < len(_SHORT) else size.to_bytes(8, "big"), part)
    return b"".join(pieces)


@lru_cache(maxsize=256)
def _header(use: bytes, label: str) -> bytes:
    name = label.encode()
    return use + len(name).to_bytes(8, "big") + name


_SHORT: Final = tuple(size.to_bytes(8, "big") for size in range(256))  # the lengths of most parts


def _extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract, RFC 5869, section 2.2."""
    return hmac.digest(salt, secret, "sha256")


def _expand(key: bytes, info: bytes) -> bytes:
    """The first block of HKDF-Expand, RFC 5869, section 2.3."""
    return hmac.digest(key, info + b"\x01", "sha256")
