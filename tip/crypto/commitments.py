"""Commitments by hash: fixed now, shown later.

A commitment is SHA-256 over label, nonce and value (injectively, `tip.crypto.transcript`). It binds
as long as nobody finds collisions of SHA-256. It hides as long as the nonce is 32 uniform bytes that
nobody else has seen and that are used once: the hash is then that of a random oracle at a point
nobody asks for. A nonce that is shared by two values still binds, but shows whether they are equal.
"""

from __future__ import annotations

import hmac

from tip.crypto.transcript import SIZE, digest, require_secret


def commit(value: bytes, nonce: bytes, label: str) -> bytes:
    """The commitment to a value, 32 bytes. Raises `ConfigurationError` unless the nonce has 32 bytes.

    **Law.** `opens(commit(value, nonce, label), value, nonce, label)`.
    """
    require_secret(nonce)
    return digest("commitment", label.encode(), nonce, value)


def opens(commitment: bytes, value: bytes, nonce: bytes, label: str) -> bool:
    """Whether value and nonce are those that the commitment was made of; False for malformed ones too."""
    if len(nonce) != SIZE:
        return False
    return hmac.compare_digest(commitment, commit(value, nonce, label))
