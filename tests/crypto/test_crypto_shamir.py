"""Shares against whole numbers: recovery, uniformity, packing, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tip.crypto import shamir
from tip.crypto.shamir import (
    MOST_HOLDERS,
    PRIME,
    canonical_rows,
    coefficients,
    combine,
    pack,
    pack_rows,
    packed_size,
    split,
    to_bytes,
    unpack,
    unpack_rows,
)
from tip.errors import ConfigurationError, MalformedMessage
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Elements = NDArray[np.uint32]

STREAM = Entropy.seeded(7).stream("test of shares")
ALPHA = 1e-6
SECRET = bytes(range(200, 232))
ELEMENTS = st.integers(0, 65536) | st.sampled_from([0, 1, 65535, 65536])


def twin_split(secret: bytes, above: list[list[int]], holders: int) -> list[list[int]]:
    """The definition, in Python's own integers."""
    base = [int.from_bytes(secret[i : i + 2], "big") for i in range(0, len(secret), 2)]
    return [
        [sum(row[limb] * x**k for k, row in enumerate([base, *above])) % PRIME for limb in range(len(base))]
        for x in range(1, holders + 1)
    ]


def twin_combine(points: list[int], shares: list[list[int]]) -> list[int]:
    """Lagrange at 0, in rational weights."""
    weights = [Fraction(1)] * len(points)
    for i, x in enumerate(points):
        for other in points[:i] + points[i + 1 :]:
            weights[i] *= Fraction(other, other - x)
    modular = [w.numerator * pow(w.denominator, -1, PRIME) for w in weights]
    return [
        sum(w * share[limb] for w, share in zip(modular, shares, strict=True)) % PRIME for limb in range(len(shares[0]))
    ]


def elements(rows: list[list[int]], width: int) -> Elements:
    return np.array(rows, dtype=np.uint32).reshape(len(rows), width)


def table(data: st.DataObject, rows: int, width: int) -> list[list[int]]:
    return data.draw(st.lists(st.lists(ELEMENTS, min_size=width, max_size=width), min_size=rows, max_size=rows))


# Splitting and combining


@given(st.data(), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3))
def test_shares_are_values_of_the_polynomial(data: st.DataObject, threshold: int, more: int, limbs: int) -> None:
    secret = data.draw(st.binary(min_size=2 * limbs, max_size=2 * limbs))
    above = table(data, threshold - 1, limbs)
    shares = split(secret, elements(above, limbs), threshold + more)
    assert shares.dtype == np.uint32
    assert shares.tolist() == twin_split(secret, above, threshold + more)


@given(st.data(), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_combining_is_lagrange_at_zero(data: st.DataObject, sets: int, size: int, limbs: int) -> None:
    points = [
        data.draw(st.lists(st.integers(1, 65536) | st.integers(1, 6), min_size=size, max_size=size, unique=True))
        for _ in range(sets)
    ]
    shares = [table(data, size, limbs) for _ in range(sets)]
    combined = combine(np.array(points, dtype=np.int64), np.array(shares, dtype=np.uint32))
    assert combined.dtype == np.uint32
    assert combined.tolist() == [twin_combine(p, s) for p, s in zip(points, shares, strict=True)]


@pytest.mark.parametrize(("holders", "threshold"), [(1, 1), (5, 1), (5, 3), (6, 6), (7, 4)])
def test_any_threshold_of_shares_recovers(holders: int, threshold: int) -> None:
    shares = split(SECRET, coefficients(STREAM, threshold, 16), holders)
    sets = np.array(list(combinations(range(holders), threshold)))
    assert all(to_bytes(limbs) == SECRET for limbs in combine(sets + 1, shares[sets]))
    for size in range(threshold, holders + 1):  # more than needed do not harm
        assert to_bytes(combine(np.arange(1, size + 1)[None], shares[None, :size])[0]) == SECRET
    off = combine(sets, shares[sets]) if sets.min() > 0 else combine(sets + 2, shares[sets])
    assert threshold == 1 or not any(limbs.tolist() == list(np.frombuffer(SECRET, ">u2")) for limbs in off)  # mutant


@pytest.mark.parametrize(("holders", "threshold"), [(100, 51), (1000, 501), (3000, 1400), (65536, 3)])
def test_many_holders_and_large_sets(holders: int, threshold: int) -> None:
    shares = split(SECRET, coefficients(STREAM, threshold, 16, agent=3), holders)
    assert shares.shape == (holders, 16)
    last = np.arange(holders - threshold, holders)
    chosen = STREAM.choose(holders, threshold)
    assert [to_bytes(limbs) for limbs in combine(np.stack([last, chosen]) + 1, shares[[last, chosen]])] == [SECRET] * 2


def test_the_largest_sums_are_exact() -> None:
    """All entries 65536, whose products with powers are the greatest: whole numbers tell the truth."""
    above = np.full((2000, 2), 65536, dtype=np.uint32)
    shares = split(b"\xff" * 4, above, 2001)
    for x in (1, 2, 1000, 2001):
        value = (65535 + 65536 * sum(pow(x, k, PRIME) for k in range(1, 2001))) % PRIME
        assert shares[x - 1].tolist() == [value, value]
    assert MOST_HOLDERS * PRIME**2 < 2**49


def test_blocks_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    above = coefficients(STREAM, 20, 16)
    sets = np.array([np.roll(np.arange(30), i)[:20] for i in range(30)])
    shares = split(SECRET, above, 30)
    combined = combine(sets + 1, shares[sets])
    monkeypatch.setattr(shamir, "_BLOCK", 64)
    assert np.array_equal(split(SECRET, above, 30), shares)
    assert np.array_equal(combine(sets + 1, shares[sets]), combined)


def test_the_tables_are_the_group() -> None:
    powers, logarithms = shamir._tables()
    assert sorted(powers.tolist()) == list(range(1, PRIME))
    assert powers[:4].tolist() == [1, 3, 9, 27]
    assert powers[logarithms[1:]].tolist() == list(range(1, PRIME))


@given(st.integers(0, 2**53 - 1) | st.integers(0, 2**18) | st.integers(0, 2**36).map(lambda k: k * PRIME))
def test_reduction_is_the_remainder(value: int) -> None:
    near = np.array([max(value - 1, 0), value, min(value + 1, 2**53 - 1)], dtype=np.float64)
    assert shamir._reduced(near).tolist() == [int(v) % PRIME for v in near.tolist()]


# What fewer shares tell


def test_one_share_of_two_is_exactly_uniform() -> None:
    """All 65537 coefficients at once, each in a limb of its own: the share takes every value once."""
    every = np.arange(PRIME, dtype=np.uint32)[None]
    for limb in (b"\x00\x00", b"\x12\x34", b"\xff\xff"):
        shares = split(limb * PRIME, every, 5)
        assert (np.sort(shares, axis=1) == every).all()
    mutant = split(b"\x12\x34" * PRIME, every % 65536, 5)  # draws that never reach 65536
    assert not (np.sort(mutant, axis=1) == every).all(axis=1).any()


@pytest.mark.parametrize(("holders", "threshold"), [(5, 3), (6, 4), (7, 5)])
def test_one_share_less_than_the_threshold_is_exactly_uniform(holders: int, threshold: int) -> None:
    """The map from coefficients to t - 1 shares is linear; with a determinant that is not 0 it is one to one."""
    unit = np.eye(threshold - 1, dtype=np.uint32)
    shares = split(bytes(2 * (threshold - 1)), unit, holders).astype(object)  # [x, k]: the weight of coefficient k
    for chosen in combinations(range(holders), threshold - 1):
        assert determinant(shares[list(chosen)]) % PRIME != 0
    repeated = shares[[0] * 2 + list(range(1, threshold - 2))]  # a repeated share tells nothing new
    assert determinant(repeated) % PRIME == 0


def determinant(matrix: NDArray[Any]) -> int:
    """Laplace's expansion, in whole numbers."""
    if len(matrix) == 1:
        return int(matrix[0, 0])
    minors = (np.delete(matrix[1:], column, axis=1) for column in range(len(matrix)))
    return sum((-1) ** j * int(matrix[0, j]) * determinant(minor) for j, minor in enumerate(minors))


def p_value(values: NDArray[Any], bins: int = 257) -> float:
    """Of Pearson's statistic for numbers that are uniform in [0, 65537): bins of 255 or 256 of them."""
    edges = np.linspace(0, PRIME, bins + 1).astype(np.int64)
    expected = np.diff(edges) / PRIME * values.size
    counts = np.histogram(values, edges)[0]
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), bins - 1))


def test_two_secrets_share_nothing_and_reused_coefficients_are_caught() -> None:
    rounds = 1 << 12
    drawn = [coefficients(STREAM, 3, 16, agent=a) for a in range(2 * rounds)]
    one = np.concatenate([split(SECRET, c, 3) for c in drawn[:rounds]])
    other = np.concatenate([split(bytes(32), c, 3) for c in drawn[rounds:]])
    reused = np.concatenate([split(bytes(32), c, 3) for c in drawn[:rounds]])
    for shares in (one, other):
        assert p_value(shares) > ALPHA / 3
    assert p_value((one.astype(np.int64) - other) % PRIME) > ALPHA / 3
    assert p_value((one.astype(np.int64) - reused) % PRIME) < ALPHA / 3  # the difference of the secrets itself


def test_coefficients_are_uniform_and_reach_the_last_element() -> None:
    drawn = coefficients(STREAM, 2, 1 << 20)
    assert drawn.dtype == np.uint32
    assert p_value(drawn) > ALPHA
    assert drawn.max() == 65536  # all 2^20 of them miss it with probability e^-16 < 1.2e-7
    assert p_value(drawn % 65000) < ALPHA  # mutant: a smaller range folded onto itself
    words = STREAM.words(np.zeros(1, np.int64), 1 << 20, dtype=np.uint16)
    assert words.max() < 65536  # mutant: words as they are never reach it


def test_coefficients_have_an_address() -> None:
    one = coefficients(STREAM, 4, 8)
    assert one.shape == (3, 8)
    assert np.array_equal(one, coefficients(STREAM, 4, 8))
    assert not np.array_equal(one, coefficients(STREAM, 4, 8, agent=1))
    assert coefficients(STREAM, 1, 8).shape == (0, 8)


def test_known_answer() -> None:
    above = np.arange(100, 132, dtype=np.uint32).reshape(2, 16) * np.uint32(400)
    shares = split(SECRET, above, 4)
    assert shares[:, 0].tolist() == [6727, 54853, 64705, 36283]
    assert pack(shares[3]).hex() == "8dbbaefdd03ff18112c234045546768897cab90cda4efb901cd13e135f5580970000"


# Packing


@given(st.data(), st.integers(0, 4), st.integers(1, 20))
def test_packing_is_one_to_one(data: st.DataObject, count: int, limbs: int) -> None:
    shares = elements(table(data, count, limbs), limbs)
    rows = pack_rows(shares)
    assert rows.shape == (count, packed_size(limbs))
    assert rows.dtype == np.uint8
    assert np.array_equal(unpack_rows(rows, limbs), shares)
    assert canonical_rows(rows, limbs).all()
    for share, row in zip(shares, rows, strict=True):
        assert pack(share) == row.tobytes()
        assert np.array_equal(unpack(row.tobytes(), limbs), share)


@settings(max_examples=300)
@given(st.data(), st.integers(1, 10))
def test_bytes_that_unpack_are_what_the_share_packs_to(data: st.DataObject, limbs: int) -> None:
    low = data.draw(st.lists(st.sampled_from([b"\0\0", b"\0\1", b"\1\0"]), min_size=limbs, max_size=limbs))
    size = packed_size(limbs) - 2 * limbs
    raw = b"".join(low) + data.draw(st.binary(min_size=size, max_size=size) | st.just(bytes(size)))
    bits = [raw[2 * limbs + i // 8] >> 7 - i % 8 & 1 for i in range(8 * size)]
    fits = not any(bits[limbs:]) and not any(bit and half != b"\0\0" for bit, half in zip(bits, low, strict=False))
    if fits:
        assert pack(unpack(raw, limbs)) == raw
    else:
        with pytest.raises(MalformedMessage, match="canonical"):
            unpack(raw, limbs)


def test_a_share_has_one_packing() -> None:
    good = pack(np.array([65536, 5, 0], dtype=np.uint32))
    assert good.hex() == "00000005000080"
    for bad in ("00000005000090", "00000005000081", "000000050000c0", "00010005000080"):
        with pytest.raises(MalformedMessage, match="canonical"):
            unpack(bytes.fromhex(bad), 3)
    for wrong in (good[:-1], good + b"\0", b""):
        with pytest.raises(MalformedMessage, match="7 bytes"):
            unpack(wrong, 3)
    rows = np.frombuffer(good + bytes.fromhex("00010005000080"), dtype=np.uint8).reshape(2, 7)
    assert canonical_rows(rows, 3).tolist() == [True, False]
    with pytest.raises(MalformedMessage):
        unpack_rows(rows, 3)
    with pytest.raises(MalformedMessage, match="7 bytes a row"):
        unpack_rows(rows[:, :6], 3)


def test_a_limb_past_16_bits_is_no_secret() -> None:
    assert to_bytes(np.array([0, 65535], dtype=np.uint32)) == b"\0\0\xff\xff"
    with pytest.raises(MalformedMessage, match="no secret"):
        to_bytes(np.array([0, 65536], dtype=np.uint32))
    with pytest.raises(MalformedMessage, match="no secret"):
        to_bytes(np.array([[0, 1]], dtype=np.uint32))


# Refusals


@pytest.mark.parametrize("points", [[0, 1], [-1, 1], [1, 65537], [2, 2], [65538, 1]])
def test_points_that_no_holder_has_are_refused(points: list[int]) -> None:
    with pytest.raises(ConfigurationError, match="point"):
        combine(np.array([[1, 2], points]), np.zeros((2, 2, 1), dtype=np.uint32))


@pytest.mark.parametrize(
    ("points", "shares"),
    [
        (np.ones((1, 2), np.int64), np.zeros((1, 3, 1), np.uint32)),
        (np.ones(2, np.int64), np.zeros((1, 2, 1), np.uint32)),
        (np.ones((1, 1), np.int64), np.zeros((1, 1), np.uint32)),
        (np.ones((1, 0), np.int64), np.zeros((1, 0, 1), np.uint32)),
        (np.ones((1, 1), np.uint64), np.zeros((1, 1, 1), np.uint32)),
        (np.ones((1, 1), np.float64), np.zeros((1, 1, 1), np.uint32)),
        (np.ones((1, 1), np.int64), np.zeros((1, 1, 1), np.int64)),
        (np.ones((1, 1), np.int64), np.full((1, 1, 1), 65537, np.uint32)),
    ],
)
def test_shares_that_do_not_fit_are_refused(points: NDArray[np.int64], shares: Elements) -> None:
    with pytest.raises(ConfigurationError):
        combine(points, shares)


@pytest.mark.parametrize(
    ("secret", "above", "holders"),
    [
        (SECRET, np.zeros((2, 16), np.uint32), 2),  # fewer holders than the threshold
        (SECRET, np.zeros((2, 16), np.uint32), 65537),  # more than there are points
        (SECRET, np.zeros((65537, 16), np.uint32), 65536),
        (SECRET[:-1], np.zeros((2, 16), np.uint32), 5),
        (SECRET, np.zeros((2, 15), np.uint32), 5),
        (SECRET, np.zeros(16, np.uint32), 20),
        (SECRET, np.full((2, 16), 65537, np.uint32), 5),
        (SECRET, np.zeros((2, 16), np.int64), 5),
        (SECRET, np.zeros((2, 16), np.float64), 5),
        (b"", np.zeros((2, 0), np.uint32), 5),
    ],
)
def test_secrets_that_cannot_be_split_are_refused(secret: bytes, above: Elements, holders: int) -> None:
    with pytest.raises(ConfigurationError):
        split(secret, above, holders)


@pytest.mark.parametrize(("threshold", "limbs"), [(0, 16), (-1, 16), (3, 0), (65537, 1)])
def test_thresholds_that_nobody_can_meet_are_refused(threshold: int, limbs: int) -> None:
    with pytest.raises(ConfigurationError):
        coefficients(STREAM, threshold, limbs)


def test_elements_past_the_field_do_not_pack() -> None:
    wrongs: list[Any] = [np.full((1, 2), 65537, np.uint32), np.zeros(3, np.uint32), np.zeros((1, 2), np.int64)]
    for wrong in wrongs:
        with pytest.raises(ConfigurationError):
            pack_rows(wrong)


def test_nothing_gives_nothing() -> None:
    assert combine(np.zeros((0, 3), np.int64), np.zeros((0, 3, 16), np.uint32)).shape == (0, 16)
    assert unpack_rows(np.zeros((0, 34), np.uint8), 16).shape == (0, 16)
