"""Primitives: hashes and keys with labels, sealing, shares, streams."""

from __future__ import annotations

from tip.crypto.commitments import commit, opens
from tip.crypto.keys import Identity, KeyPair, agree, edge_pairs, edge_secret, public_of, publics, seal, unseal, verify
from tip.crypto.stream import Keystream
from tip.crypto.transcript import derive, derive_for_each, derive_from_each, digest, digests

__all__ = [
    "Identity",
    "KeyPair",
    "Keystream",
    "agree",
    "commit",
    "derive",
    "derive_for_each",
    "derive_from_each",
    "digest",
    "digests",
    "edge_pairs",
    "edge_secret",
    "opens",
    "public_of",
    "publics",
    "seal",
    "unseal",
    "verify",
]
