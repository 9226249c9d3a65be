"""Primitives: hashes and keys with labels, sealing, shares, streams."""

from __future__ import annotations

from tip.crypto.commitments import commit, opens
from tip.crypto.keys import Identity, agree, edge_secret, public_of, publics, seal, unseal, verify
from tip.crypto.stream import Keystream
from tip.crypto.transcript import derive, digest

__all__ = [
    "Identity",
    "Keystream",
    "agree",
    "commit",
    "derive",
    "digest",
    "edge_secret",
    "opens",
    "public_of",
    "publics",
    "seal",
    "unseal",
    "verify",
]
