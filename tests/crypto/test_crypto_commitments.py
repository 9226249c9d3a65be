"""Commitments open to what they were made of and to nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.crypto.commitments import commit, opens
from tip.crypto.transcript import digest
from tip.errors import ConfigurationError

NONCE = bytes(range(32))
NONCES = st.binary(min_size=32, max_size=32)
CASES = st.tuples(st.binary(max_size=3), NONCES | st.just(NONCE), st.sampled_from(["", "a", "b"]))


@given(CASES, CASES)
def test_a_commitment_opens_to_its_own_value_nonce_and_label_only(
    one: tuple[bytes, bytes, str], other: tuple[bytes, bytes, str]
) -> None:
    commitment = commit(*one)
    assert len(commitment) == 32
    assert opens(commitment, *one)
    assert opens(commitment, *other) == (one == other)


def test_a_value_cannot_borrow_from_its_neighbors() -> None:
    assert commit(b"bc", NONCE, "a") != commit(b"c", NONCE, "ab")
    assert commit(b"", NONCE, "a") != digest("commitment", b"a", NONCE)  # mutant: an absent value is an empty one


@pytest.mark.parametrize("nonce", [b"", bytes(31), bytes(33)])
def test_a_nonce_has_32_bytes(nonce: bytes) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes"):
        commit(b"value", nonce, "label")
    assert not opens(commit(b"value", NONCE, "label"), b"value", nonce, "label")


@pytest.mark.parametrize("commitment", [b"", bytes(32), commit(b"value", NONCE, "label")[:31]])
def test_malformed_commitments_open_to_nothing(commitment: bytes) -> None:
    assert not opens(commitment, b"value", NONCE, "label")


def test_the_nonce_hides_a_value_that_can_be_guessed() -> None:
    seen = commit(b"yes", NONCE, "vote")
    guesses = [commit(guess, bytes(32), "vote") for guess in (b"yes", b"no")]
    assert seen not in guesses
    assert commit(b"yes", bytes(32), "vote") in guesses  # mutant: a nonce that everybody knows


def test_known_answer() -> None:
    assert commit(b"value", NONCE, "label").hex() == "04429be3e92ea6231f1347e86226d74d277b87f2f1185526eaf6ec5233c64e63"
