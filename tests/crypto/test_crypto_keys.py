"""Identities, agreement and sealing: published vectors, laws, bad points, careless variants."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tip.crypto import keys
from tip.crypto.keys import (
    Identity,
    KeyPair,
    agree,
    edge_pairs,
    edge_secret,
    public_of,
    publics,
    seal,
    unseal,
    verify,
)
from tip.crypto.transcript import derive, derive_from_agreement
from tip.errors import ConfigurationError, MalformedMessage

if TYPE_CHECKING:
    from collections.abc import Callable

SEED, OTHER = bytes(range(32)), bytes(range(32, 64))
SECRETS = st.binary(min_size=32, max_size=32)
PRIME = 2**255 - 19
EIGHTH = int.from_bytes(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"), "little")
OTHER_EIGHTH = int.from_bytes(
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), "little"
)
SMALL = [u.to_bytes(32, "little") for u in (0, 1, PRIME - 1, EIGHTH, OTHER_EIGHTH)]  # RFC 7748: orders 2, 4, 4, 8, 8
SIGNER_EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7


def vectors(*path: str) -> str:
    package = pytest.importorskip("cryptography_vectors")
    return Path(package.__file__).parent.joinpath(*path).read_text()


# Signing


def test_rfc_8032() -> None:
    lines = vectors("asymmetric", "Ed25519", "sign.input").splitlines()
    assert len(lines) == 1024
    for line in lines:
        secret, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        identity = Identity.from_seed(secret[:32])
        signature = signed[:64]
        assert identity.public == public
        assert identity.sign(message) == signature
        assert verify(public, signature, message)
        assert not verify(public, signature, message + b"\0")


@given(SECRETS, st.binary(max_size=40), st.integers(0, 511))
def test_any_flipped_bit_of_a_signature_is_seen(seed: bytes, message: bytes, bit: int) -> None:
    identity = Identity.from_seed(seed)
    signature = identity.sign(message)
    assert verify(identity.public, signature, message)
    flipped = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
    assert not verify(identity.public, flipped, message)
    assert not verify(Identity.from_seed(derive(seed, "other")).public, signature, message)


@settings(max_examples=300)
@given(st.binary(max_size=70), st.binary(max_size=70), st.binary(max_size=3))
@example(bytes(32), bytes(64), b"")
@example(b"\xff" * 32, b"\xff" * 64, b"")
def test_malformed_bytes_are_no_signature_and_no_error(public: bytes, signature: bytes, message: bytes) -> None:
    assert not verify(public, signature, message)


def test_a_signature_has_one_scalar() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    identity = Identity.from_seed(SEED)
    signature = identity.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little")
    assert not verify(identity.public, signature[:32] + (scalar + order).to_bytes(32, "little"), b"message")


def small_signers() -> list[bytes]:
    """Every encoding of the y of a point whose order divides 8, with both signs."""
    heights = [0, 1, PRIME - 1, SIGNER_EIGHTH, PRIME - SIGNER_EIGHTH, PRIME, PRIME + 1]
    return [(y | sign << 255).to_bytes(32, "little") for y in heights for sign in (0, 1)]


def test_the_height_of_order_eight_is_one() -> None:
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    y2 = SIGNER_EIGHTH**2 % PRIME
    assert (d * y2 * y2 + 2 * y2) % PRIME == 1  # doubling it gives y = 0, which has order 4
    assert keys._EIGHTH == SIGNER_EIGHTH


@pytest.mark.parametrize("public", small_signers())
def test_signers_of_small_order_are_refused(public: bytes) -> None:
    assert keys._is_small_signer(public)


def test_a_small_signer_would_sign_everything() -> None:
    one = (1).to_bytes(32, "little")  # the neutral point as a public key
    base = bytes.fromhex("58" + "66" * 31)
    forged = base + one  # R = B, s = 1: s B = R + k 0 for every message
    for message in (b"yes", b"no"):
        Ed25519PublicKey.from_public_bytes(one).verify(forged, message)  # the mutant: accepts both
        assert not verify(one, forged, message)


@given(SECRETS)
def test_honest_signers_are_not_small(seed: bytes) -> None:
    assert not keys._is_small_signer(Identity.from_seed(seed).public)


# Agreeing


def test_rfc_7748_section_5() -> None:
    text = vectors("asymmetric", "X25519", "rfc7748.txt")
    values = [
        bytes.fromhex(line.partition("=")[2].strip()) for line in text.splitlines() if line[:5] in ("INPUT", "OUTPU")
    ]
    assert len(values) == 9
    for scalar, point, product in zip(values[::3], values[1::3], values[2::3], strict=True):
        private = X25519PrivateKey.from_private_bytes(scalar)
        if int.from_bytes(point, "little") < PRIME:
            assert keys._exchange(private, point) == product
        else:  # the RFC's second vector has its highest bit set: equal to the point without it, and refused
            with pytest.raises(MalformedMessage):
                keys._exchange(private, point)
            assert keys._exchange(private, point[:31] + bytes([point[31] & 127])) == product


def test_rfc_7748_section_6() -> None:
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert public_of(alice).hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert public_of(bob).hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    assert keys._exchange(X25519PrivateKey.from_private_bytes(alice), public_of(bob)).hex() == shared
    assert keys._exchange(X25519PrivateKey.from_private_bytes(bob), public_of(alice)).hex() == shared


def test_known_answers() -> None:
    pair = KeyPair.from_secret(SEED)
    assert Identity.from_seed(SEED).public.hex() == "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    assert pair.public.hex() == "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
    assert (
        pair.agree(public_of(OTHER), "label", b"part").hex()
        == "301413944cb81e2972a6858bbd97551e415e545a81b99829a9ca63be90634670"
    )
    assert edge_secret(SEED, "mask", 7).hex() == "aa540965fc32ef1276e688dbd423837b6ca232cb485fede38496d1715896d6bb"
    assert seal(SEED, b"plaintext", b"context").hex() == "7ed0d4b7db58e6c57c0276f3eaaede545b5bc98df3d2031959"


@given(SECRETS, SECRETS, st.text("ab", max_size=2), st.lists(st.binary(max_size=2), max_size=2))
def test_both_ends_agree_and_only_on_one_label(one: bytes, other: bytes, label: str, parts: list[bytes]) -> None:
    pair, peer = KeyPair.from_secret(one), KeyPair.from_secret(other)
    if pair.public == peer.public:
        return
    key = agree(one, peer.public, label, *parts)
    assert key == agree(other, pair.public, label, *parts) == pair.agree(peer.public, label, *parts)
    assert len(key) == 32
    assert key != agree(one, peer.public, label + "c", *parts)
    assert key != agree(one, peer.public, label, *parts, b"")
    third = KeyPair.from_secret(derive(one, "third"))
    assert key != pair.agree(third.public, label, *parts)


def test_a_key_is_bound_to_both_public_keys() -> None:
    pair, public = KeyPair.from_secret(SEED), public_of(OTHER)
    shared = keys._exchange(X25519PrivateKey.from_private_bytes(SEED), public)
    least, greatest = sorted([pair.public, public])
    assert pair.agree(public, "label") == derive_from_agreement(shared, "label", least, greatest)
    assert pair.agree(public, "label") != derive_from_agreement(shared, "label")  # mutant: binds no key
    assert pair.agree(public, "label") != shared  # mutant: the raw secret, which is not uniform


@pytest.mark.parametrize("public", SMALL)
def test_points_of_small_order_are_refused(public: bytes) -> None:
    private = X25519PrivateKey.from_private_bytes(SEED)
    with pytest.raises(ValueError, match=r"."):  # so the list holds what it says
        private.exchange(X25519PublicKey.from_public_bytes(public))
    with pytest.raises(MalformedMessage, match="small order"):
        agree(SEED, public, "label")


def aliases(public: bytes) -> list[bytes]:
    """Other encodings of the same point: the highest bit set, the prime added where there is room."""
    u = int.from_bytes(public, "little")
    return [v.to_bytes(32, "little") for v in (u | 1 << 255, u + PRIME, u + PRIME | 1 << 255) if v < 1 << 256]


@pytest.mark.parametrize("public", [public_of(OTHER), (9).to_bytes(32, "little"), (2).to_bytes(32, "little")])
def test_a_point_has_one_encoding(public: bytes) -> None:
    private = X25519PrivateKey.from_private_bytes(SEED)
    agree(SEED, public, "label")
    for alias in aliases(public):
        if int.from_bytes(alias, "little") % (1 << 255) % PRIME == int.from_bytes(public, "little"):
            same = private.exchange(X25519PublicKey.from_public_bytes(alias))  # the mutant takes it for a new key
            assert same == private.exchange(X25519PublicKey.from_public_bytes(public))
        with pytest.raises(MalformedMessage, match="canonical"):
            agree(SEED, alias, "label")


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), SMALL[0] + SMALL[1]])
def test_public_keys_of_other_sizes_are_refused(public: bytes) -> None:
    with pytest.raises(MalformedMessage, match="canonical"):
        agree(SEED, public, "label")


def test_ones_own_key_sent_back_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="own"):
        agree(SEED, public_of(SEED), "label")


@given(SECRETS)
def test_honest_keys_are_canonical(secret: bytes) -> None:
    assert int.from_bytes(public_of(secret), "little") < PRIME


# Keys of edges


def test_every_edge_and_purpose_has_its_own_key() -> None:
    secrets = {edge_secret(s, p, v) for s in (SEED, OTHER) for p in ("mask", "channel") for v in (0, 1, 2**64 - 1)}
    assert len(secrets) == 12
    peers = [5, 0, 7]
    assert publics(SEED, "mask", peers) == b"".join(public_of(edge_secret(SEED, "mask", v)) for v in peers)
    assert [pair.public for pair in edge_pairs(SEED, "mask", peers)] == [publics(SEED, "mask", [v]) for v in peers]
    assert publics(SEED, "mask", []) == b""


@pytest.mark.parametrize("peer", [-1, 2**64])
def test_peers_outside_the_words_are_refused(peer: int) -> None:
    with pytest.raises(ConfigurationError, match="peer"):
        edge_secret(SEED, "mask", peer)


# Sealing


def test_the_published_vectors_of_a_zero_nonce() -> None:
    """McGrew and Viega, The Galois/Counter Mode of operation, test cases 13 and 14: AES-256, all zero."""
    assert seal(bytes(32), b"", b"").hex() == "530f8afbc74536b9a963b4f1c4cb738b"
    assert seal(bytes(32), bytes(16), b"").hex() == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"


@given(SECRETS, st.binary(max_size=100), st.binary(max_size=20), st.data())
def test_what_is_sealed_opens_under_its_key_and_context_only(
    key: bytes, plaintext: bytes, context: bytes, data: st.DataObject
) -> None:
    sealed = seal(key, plaintext, context)
    assert len(sealed) == len(plaintext) + keys.TAG
    assert unseal(key, sealed, context) == plaintext
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    flipped = (int.from_bytes(sealed, "big") ^ 1 << bit).to_bytes(len(sealed), "big")
    for wrong in ((key, flipped, context), (key, sealed, context + b"\0"), (derive(key, "other"), sealed, context)):
        with pytest.raises(MalformedMessage):
            unseal(*wrong)


@pytest.mark.parametrize("size", range(16))
def test_what_is_shorter_than_a_tag_does_not_open(size: int) -> None:
    with pytest.raises(MalformedMessage):
        unseal(SEED, seal(SEED, b"", b"")[:size], b"")


def test_a_second_message_under_a_key_shows_the_difference() -> None:
    """Why a key seals one message: not a promise, the pitfall itself."""
    one, other = seal(SEED, b"attack", b""), seal(SEED, b"defend", b"")
    difference = bytes(a ^ b for a, b in zip(one[:6], other[:6], strict=True))
    assert difference == bytes(a ^ b for a, b in zip(b"attack", b"defend", strict=True))


def test_each_direction_of_an_edge_has_its_own_key_when_the_sender_is_a_part() -> None:
    one, other = KeyPair.from_secret(SEED), KeyPair.from_secret(OTHER)
    assert one.agree(other.public, "channel") == other.agree(one.public, "channel")  # mutant: one key, two messages
    out, back = one.agree(other.public, "channel", one.public), other.agree(one.public, "channel", other.public)
    assert out != back
    assert other.agree(one.public, "channel", one.public) == out


# Misuse


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33), bytearray(32)])
def test_keys_of_other_sizes_are_refused(secret: bytes) -> None:
    doors: list[Callable[[], object]] = [
        lambda: Identity.from_seed(secret),
        lambda: KeyPair.from_secret(secret),
        lambda: public_of(secret),
        lambda: agree(secret, public_of(OTHER), "label"),
        lambda: edge_secret(secret, "mask", 1),
        lambda: publics(secret, "mask", [1]),
        lambda: seal(secret, b"", b""),
        lambda: unseal(secret, bytes(16), b""),
    ]
    for door in doors:
        with pytest.raises(ConfigurationError, match="32 bytes"):
            door()


def test_private_halves_never_print_and_do_not_travel() -> None:
    for holder in (Identity.from_seed(SEED), KeyPair.from_secret(SEED)):
        shown = repr(holder) + str(holder)
        assert SEED.hex() not in shown
        assert repr(SEED)[2:-1] not in shown
        assert "rivate" not in shown
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(holder)
    assert Identity.from_seed(SEED) == Identity.from_seed(SEED) != Identity.from_seed(OTHER)
