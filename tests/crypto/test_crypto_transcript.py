"""Labels and parts parse back in one way; one block of HKDF; what is refused."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from tip.crypto import transcript
from tip.crypto.transcript import derive, derive_from_agreement, digest
from tip.errors import ConfigurationError

SECRET = bytes(range(32))
LABELS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
INPUTS = st.tuples(LABELS, st.lists(st.binary(max_size=3), max_size=3))
CONFUSED: list[tuple[tuple[str, list[bytes]], tuple[str, list[bytes]]]] = [
    (("ab", [b"c"]), ("a", [b"bc"])),
    (("a", [b"bc"]), ("a", [b"b", b"c"])),
    (("a", []), ("a", [b""])),
    (("a", [b"", b"b"]), ("a", [b"b", b""])),
    (("a", [bytes(8)]), ("a", [b"", b""])),
    (("", [b"a"]), ("a", [])),
]


def twin(use: bytes, label: str, parts: list[bytes]) -> bytes:
    """The encoding as the top of the file tells it."""
    return use + b"".join(len(piece).to_bytes(8, "big") + piece for piece in [label.encode(), *parts])


def parsed(encoded: bytes, use: bytes) -> tuple[str, list[bytes]]:
    """Reads an encoding back: that this is possible is what makes it injective."""
    pieces, rest = [], encoded.removeprefix(use)
    while rest:
        size = int.from_bytes(rest[:8], "big")
        pieces.append(rest[8 : 8 + size])
        rest = rest[8 + size :]
    return pieces[0].decode(), pieces[1:]


def joined_only(label: str, parts: list[bytes]) -> bytes:
    """The mutant: no lengths."""
    return sha256(label.encode() + b"".join(parts)).digest()


@given(INPUTS)
def test_the_encoding_parses_back(given_input: tuple[str, list[bytes]]) -> None:
    label, parts = given_input
    encoded = transcript._framed(b"use", label, parts)
    assert encoded == twin(b"use", label, parts)
    assert parsed(encoded, b"use") == (label, parts)


@given(INPUTS, INPUTS)
def test_different_inputs_have_different_hashes_and_keys(
    one: tuple[str, list[bytes]], other: tuple[str, list[bytes]]
) -> None:
    assert (digest(one[0], *one[1]) == digest(other[0], *other[1])) == (one == other)
    assert (derive(SECRET, one[0], *one[1]) == derive(SECRET, other[0], *other[1])) == (one == other)


@pytest.mark.parametrize(("one", "other"), CONFUSED[:2] + CONFUSED[2:4] + CONFUSED[5:])
def test_inputs_that_a_plain_join_confuses(one: tuple[str, list[bytes]], other: tuple[str, list[bytes]]) -> None:
    assert joined_only(*one) == joined_only(*other)
    assert digest(one[0], *one[1]) != digest(other[0], *other[1])
    assert derive(SECRET, one[0], *one[1]) != derive(SECRET, other[0], *other[1])


def test_a_part_that_looks_like_two_is_one() -> None:
    (label, one), (_, two) = CONFUSED[4]
    assert digest(label, *one) != digest(label, *two)


def test_uses_are_apart() -> None:
    same = {
        digest("a", b"b"),
        derive(SECRET, "a", b"b"),
        derive_from_agreement(SECRET, "a", b"b"),
        sha256(twin(b"", "a", [b"b"])).digest(),
    }
    assert len(same) == 4
    uses = (transcript._DIGEST, transcript._DERIVE, transcript._AGREE)
    assert not any(a != b and a.startswith(b) for a in uses for b in uses)


@given(st.binary(min_size=32, max_size=32), INPUTS)
def test_a_key_is_the_first_block_of_hkdf(secret: bytes, given_input: tuple[str, list[bytes]]) -> None:
    label, parts = given_input
    info = twin(b"tip v1 derive", label, parts)
    assert derive(secret, label, *parts) == HKDFExpand(hashes.SHA256(), 32, info).derive(secret)
    info, salt = twin(b"tip v1 agree", label, parts), b"tip v1 agree"
    assert derive_from_agreement(secret, label, *parts) == HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def rfc5869() -> list[dict[str, str]]:
    vectors = pytest.importorskip("cryptography_vectors")
    text = (Path(vectors.__file__).parent / "KDF" / "rfc-5869-HKDF-SHA256.txt").read_text()
    lines = [line.partition("=")[::2] for line in text.splitlines() if "=" in line]
    cases: list[dict[str, str]] = []
    for key, value in lines:
        if key.strip() == "COUNT":
            cases.append({})
        cases[-1][key.strip()] = value.strip()
    return cases


def test_rfc_5869() -> None:
    cases = rfc5869()
    assert len(cases) == 3
    for case in cases:
        salt, secret, info = (bytes.fromhex(case[name]) for name in ("salt", "IKM", "info"))
        key = transcript._extract(salt, secret)
        assert key.hex() == case["PRK"]
        assert transcript._expand(key, info).hex() == case["OKM"][:64]
        assert hmac.digest(key, info + b"\x00", "sha256").hex() != case["OKM"][:64]  # mutant: counts from 0


def test_known_answers() -> None:
    assert digest("").hex() == "58272afb451b7fb9240dfdbaa0cea03e6c8026d4e3c4332541d2f2d9e7ebe96e"
    assert (
        digest("label", b"one", b"", b"three").hex()
        == "e42903f5cd66bf09490e8d75bc6db36c66c835e4673156957f2859a56df9d94c"
    )
    assert (
        derive(SECRET, "label", b"one", b"", b"three").hex()
        == "6a65bb4dcc708613dea7c77bb8340a5778bd4789ee8695333cdd11e5e9ac3275"
    )
    assert (
        derive_from_agreement(SECRET, "label", b"one").hex()
        == "cb1369738f80f09c698ba192ccbf1f3b2f16caca5a4082849ab743630d946f9b"
    )


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33), bytes(64), bytearray(32), "0" * 32, None])
def test_secrets_of_other_sizes_and_types_are_refused(secret: bytes) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        derive(secret, "label")


def test_a_refusal_does_not_show_the_secret() -> None:
    with pytest.raises(ConfigurationError) as refused:
        derive(b"hidden hidden", "label")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("part", ["text", 3, None, bytearray(2), memoryview(b"ab")])
def test_parts_are_bytes(part: bytes) -> None:
    with pytest.raises(ConfigurationError, match="bytes, not"):
        digest("label", part)
