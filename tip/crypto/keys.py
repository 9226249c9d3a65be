"""Identities, key agreement, sealing: Ed25519, X25519, AES-256-GCM.

Four rules, each with a test that a careless variant fails:

1. A public key has one encoding. X25519 (RFC 7748) lets several encodings stand for one point, so a
   list could hold one key twice without repeating itself; `agree` refuses all but the least one, and
   no honest key is ever another.
2. Points of small order are refused: their agreed secret is zero for everybody, and an Ed25519 key
   of small order has signatures that fit any message (Chalkias, Garillot, Nikolaenko: Taming the
   many EdDSAs, 2020), which would make a signed message evidence of nothing.
3. An agreed value is not uniform: HKDF extracts before it expands, and its info binds both public
   keys, so a key belongs to one pair of keys and one use.
4. A sealing key seals exactly one message. The nonce of AES-256-GCM is zero, which is safe for one
   message under a key and for no second one. An agreed key is the same at both ends: whoever seals
   in both directions names the sender among the parts, for two keys.

A sealed message does not commit to its key: whoever chooses both can make bytes that open under two
keys. Where that matters the sender signs a hash of the key as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tip.crypto.transcript import SIZE, derive, derive_for_each, derive_from_agreement, require_secret
from tip.errors import ConfigurationError, MalformedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SIGNATURE: Final = 64  # bytes
TAG: Final = 16  # bytes that sealing adds

_PRIME: Final = 2**255 - 19
_NONCE: Final = bytes(12)  # one key, one message: see rule 4
_EIGHTH: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7  # d y^4 + 2 y^2 = 1: order 8
_SMALL_HEIGHTS: Final = frozenset({0, 1, _PRIME - 1, _EIGHTH, _PRIME - _EIGHTH})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signs: an Ed25519 key pair (RFC 8032). Prints its public half only, and is not pickled."""

    public: bytes
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The identity of 32 uniform bytes; the same seed gives the same identity."""
        require_secret(seed)
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(private.public_key().public_bytes_raw(), private)

    def sign(self, message: bytes) -> bytes:
        """The signature of the message, 64 bytes; the same message gives the same bytes."""
        return self._private.sign(message)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an identity is not pickled: its key would travel; send its seed where that is meant")


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is this public key's over this message. Malformed bytes give False, never an error."""
    if len(public) != SIZE or len(signature) != SIGNATURE or _is_small_signer(public):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):  # a back end may refuse a key while it loads it
        return False
    return True


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair (RFC 7748). Prints its public half only, and is not pickled.

    Its making costs one scalar multiplication and each agreement another: whoever publishes keys
    first and agrees later saves the first half by keeping the pairs.
    """

    public: bytes
    _private: X25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> KeyPair:
        """The pair of 32 uniform bytes; the same secret gives the same pair."""
        require_secret(secret)
        private = X25519PrivateKey.from_private_bytes(secret)
        return cls(private.public_key().public_bytes_raw(), private)

    def agree(self, public: bytes, label: str, *parts: bytes) -> bytes:
        """The key of 32 bytes shared with the holder of another public key, for one label and parts.

        HKDF(X25519(secret, public)), the info binding the lesser public key, the greater one, label and
        parts. Raises `MalformedMessage` for a public key that no honest party has: a wrong length, an
        encoding that is not the least one, a point of small order, one's own key sent back.

        **Law.** `a.agree(b.public, label, *parts) == b.agree(a.public, label, *parts)`.
        """
        shared = _exchange(self._private, public)
        if public == self.public:
            raise MalformedMessage("a public key is the receiver's own, sent back")
        least, greatest = sorted((self.public, public))
        return derive_from_agreement(shared, label, least, greatest, *parts)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key pair is not pickled: its key would travel; send its secret where that is meant")


def public_of(secret: bytes) -> bytes:
    """The X25519 public key of 32 uniform bytes, 32 bytes."""
    return KeyPair.from_secret(secret).public


def agree(secret: bytes, public: bytes, label: str, *parts: bytes) -> bytes:
    """What `KeyPair.agree` gives for the pair of this secret."""
    return KeyPair.from_secret(secret).agree(public, label, *parts)


def _exchange(private: X25519PrivateKey, public: bytes) -> bytes:
    """The shared secret of X25519, RFC 7748, section 6.1, with the check for zero."""
    if len(public) != SIZE or int.from_bytes(public, "little") >= _PRIME:
        raise MalformedMessage("a public key is not the canonical 32 bytes of an X25519 point")
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as zero:
        raise MalformedMessage("a public key is a point of small order") from zero


def edge_secret(seed: bytes, purpose: str, peer: int) -> bytes:
    """The X25519 secret for one purpose toward one peer (a number in [0, 2^64)), from one seed for all."""
    return derive(seed, "edge secret", purpose.encode(), _numbered(peer))


def edge_pairs(seed: bytes, purpose: str, peers: Iterable[int]) -> list[KeyPair]:
    """The key pairs toward these peers, in their order."""
    numbered = map(_numbered, peers)
    return [KeyPair.from_secret(s) for s in derive_for_each(seed, "edge secret", purpose.encode(), parts=numbered)]


def publics(seed: bytes, purpose: str, peers: Sequence[int]) -> bytes:
    """The public keys toward these peers, in their order: 32 bytes each, joined."""
    return b"".join([pair.public for pair in edge_pairs(seed, purpose, peers)])


def _numbered(peer: int) -> bytes:
    if not 0 <= peer < 1 << 64:
        raise ConfigurationError(f"a peer is a number in [0, 2^64), not {peer}")
    return int(peer).to_bytes(8, "big")


def seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """The plaintext under AES-256-GCM, 16 bytes longer, bound to its context.

    The nonce is zero: **a key seals one message in its life**, one direction of an edge included. Two
    messages under one key would show their difference and let anybody forge; derive another key for
    another message.
    """
    require_secret(key)
    return AESGCM(key).encrypt(_NONCE, plaintext, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """What was sealed under this key and context; raises `MalformedMessage` for anything else."""
    require_secret(key)
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, context)
    except InvalidTag as broken:
        raise MalformedMessage("a sealed message does not open under its key and context") from broken


def _is_small_signer(public: bytes) -> bool:
    """Whether an Ed25519 key, in any encoding, has an order that divides 8: a matter of its y alone."""
    return (int.from_bytes(public, "little") & (1 << 255) - 1) % _PRIME in _SMALL_HEIGHTS
