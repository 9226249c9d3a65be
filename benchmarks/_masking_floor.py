"""The floor of a masked round: the bare primitives that no implementation does without, in the same counts.

An agent with k edges and d holders makes 2k X25519 keys and 2k agreements, seals to d and opens what d dealt, verifies
what its protection rests on (seven questions; against a malicious coordinator d holders' keys and s consents), draws
k + 1 masks and hashes its vector once. The coordinator verifies every answer, signs every question, hashes and adds
every vector, and takes off the masks that are left. Each primitive is timed alone, in the same run, as the library that
everybody uses offers it; encoding, checks of shares, hashes of small things and Python itself are not in the floor.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tip.protocols.masking.parameters import Coordinator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.protocols.masking import Parameters

QUESTIONS = 7
BEFORE_VECTORS = 4  # answers of an agent that deals and sends no vector


@dataclass(frozen=True, slots=True)
class Primitives:
    """CPU seconds of one call each, and of one byte hashed or added."""

    key: float
    agreement: float
    verification: float
    signature: float
    seal: float
    hashed: float
    added: float


def _each(call: Callable[[], object], times: int = 400, batches: int = 7) -> float:
    """The least mean over several batches."""
    best = float("inf")
    for _ in range(batches):
        start = process_time()
        for _ in range(times):
            call()
        best = min(best, (process_time() - start) / times)
    return best


@cache
def primitives() -> Primitives:
    """Every primitive alone, once a run."""
    seed, word = bytes(range(32)), np.zeros(1 << 16, dtype=np.uint32)
    mine, signer = X25519PrivateKey.from_private_bytes(seed), Ed25519PrivateKey.from_private_bytes(seed)
    theirs = X25519PrivateKey.from_private_bytes(seed[::-1]).public_key()
    signature, verifier = signer.sign(seed), signer.public_key()
    page = bytes(1 << 18)
    return Primitives(
        key=_each(lambda: X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()),
        agreement=_each(lambda: mine.exchange(theirs)),
        verification=_each(lambda: verifier.verify(signature, seed)),
        signature=_each(lambda: signer.sign(seed)),
        seal=_each(lambda: AESGCM(seed).encrypt(bytes(12), bytes(68), b"")),
        hashed=_each(lambda: hashlib.sha256(page).digest(), 20) / len(page),
        added=_each(lambda: np.add(word, word, out=word), 100) / word.nbytes,
    )


def of_agent(parameters: Parameters, body: int, masks: float) -> float:
    """An agent's floor: `body` bytes of vector, `masks` seconds for its masks alone."""
    one, malicious = primitives(), parameters.coordinator is Coordinator.MALICIOUS
    edges, holders = parameters.mean_degree, parameters.degree
    verified = QUESTIONS + (holders + parameters.samples if malicious else 0)
    return (
        2 * edges * (one.key + one.agreement)
        + 2 * holders * one.seal
        + verified * one.verification
        + QUESTIONS * one.signature
        + body * one.hashed
        + masks
    )


def of_coordinator(parameters: Parameters, silent: int, body: int, masks: float) -> float:
    """The coordinator's floor: `silent` agents deal and send no vector, `masks` seconds for the masks that are left."""
    one, n = primitives(), parameters.agents
    verified = BEFORE_VECTORS * n + (QUESTIONS - BEFORE_VECTORS) * (n - silent)
    signed = 3 * n + 4  # Graph, Peers and Delivery differ from agent to agent
    vectors = (n - silent) * body * (one.hashed + one.added)
    return verified * one.verification + signed * one.signature + vectors + masks
