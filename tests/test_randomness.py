"""Entropy: addresses, exact laws, forks, and mutants that the checks reject."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
from fractions import Fraction

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaincc

from tip.errors import ConfigurationError
from tip.randomness import SYSTEM, Entropy, Stream

ALPHA = 1e-6
STREAM = Entropy.seeded(2026).stream("test of randomness")


def one(count: int, *, stream: Stream = STREAM) -> np.ndarray:
    return np.asarray(stream.words(np.zeros(1, np.int64), count)[0])


def uniform(counts: np.ndarray) -> bool:
    """Whether a chi-square test at alpha = 1e-6 accepts equal cells."""
    expected = counts.sum() / len(counts)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return bool(gammaincc((len(counts) - 1) / 2, statistic / 2) > ALPHA)


def test_words_are_the_encrypted_counters() -> None:
    """The definition on top of the file, written out with the cipher alone."""
    key = bytes(range(32))
    stream = Stream(key, simulated=True)
    counter = (7).to_bytes(8, "big") + (3).to_bytes(2, "big") + (5).to_bytes(6, "big")
    block = Cipher(algorithms.AES256(key), modes.ECB()).encryptor().update(counter)  # noqa: S305 - one block
    words = stream.words(np.array([7]), 2, lane=3, start=10)
    assert words.astype("<u8").tobytes() == block


@pytest.mark.parametrize(("seed", "raw"), [(0, b""), (255, b"\xff"), (256, b"\x01\x00"), (2**64, b"\x01" + bytes(8))])
def test_a_seeded_stream_has_the_key_that_its_definition_gives(seed: int, raw: bytes) -> None:
    """Written out: a saved run repeats itself only while this stays. Mutants: other lengths of a label or a seed."""
    key = hashlib.sha256(b"tip entropy seed v1" + raw).digest()
    label = "noise é".encode()
    message = len(label).to_bytes(4, "big") + label + (3).to_bytes(8, "big")
    wanted = Stream(hmac.digest(key, message, "sha256"), simulated=True)
    assert np.array_equal(one(4, stream=Entropy.seeded(seed).stream("noise é", 3)), one(4, stream=wanted))


@given(
    agents=st.lists(st.integers(0, 2**62), min_size=1, max_size=8, unique=True),
    count=st.integers(1, 50),
    lane=st.integers(0, 2**16 - 1),
    dtype=st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64]),
    data=st.data(),
)
def test_an_agents_bits_do_not_depend_on_the_call(
    agents: list[int], count: int, lane: int, dtype: type[np.unsignedinteger], data: st.DataObject
) -> None:
    whole = STREAM.words(np.array(agents), count, lane=lane, dtype=dtype)
    order = data.draw(st.permutations(range(len(agents))))
    again = STREAM.words(np.array(agents)[order], count + 3, lane=lane, dtype=dtype)
    np.testing.assert_array_equal(again[:, :count], whole[order])


def test_seeks_long_rows_and_scattered_addresses_agree() -> None:
    agents = np.array([3, 1, 2**40])
    whole = STREAM.words(agents, 100_000, lane=2)  # longer than the cache: counted by the cipher
    np.testing.assert_array_equal(STREAM.words(agents, 64, lane=2), whole[:, :64])
    np.testing.assert_array_equal(STREAM.words(agents, 10, lane=2, start=70_000), whole[:, 70_000:70_010])
    picked = STREAM.words_at(agents[[2, 0]], np.array([99_999, 5]), lane=2)
    np.testing.assert_array_equal(picked, whole[[2, 0], [99_999, 5]])
    filled = np.empty(100_000, np.uint64)
    STREAM.fill(filled, agent=1, lane=2)
    np.testing.assert_array_equal(filled, whole[1])


def test_purposes_rounds_and_seeds_give_unrelated_streams() -> None:
    streams = [
        Entropy.seeded(seed).stream(purpose, round_)
        for seed, purpose, round_ in [
            (1, "a", 0),
            (2, "a", 0),
            (1, "b", 0),
            (1, "a", 1),
            (1, "", 0),
            (256, "a", 0),
            (0, "a", 0),
        ]
    ]
    assert len({one(4, stream=s).tobytes() for s in streams}) == len(streams)
    assert one(4, stream=Entropy.seeded(1).stream("a", 0)).tobytes() == one(4, stream=streams[0]).tobytes()


def test_the_system_never_repeats_and_says_so() -> None:
    assert not SYSTEM.simulated
    assert Entropy.seeded(1).simulated
    assert one(4, stream=SYSTEM.stream("a")).tobytes() != one(4, stream=SYSTEM.stream("a")).tobytes()


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("simulated", [False, True])
def test_a_fork_gets_bits_of_its_own_unless_simulated(simulated: bool) -> None:  # noqa: FBT001
    stream = (Entropy.seeded(1) if simulated else SYSTEM).stream("fork")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, one(4, stream=stream).tobytes())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 64)
    os.close(reader)
    os.close(writer)
    assert (theirs == one(4, stream=stream).tobytes()) == simulated


def test_keys_neither_print_nor_travel() -> None:
    stream = SYSTEM.stream("secret")
    assert repr(stream) == "Stream(simulated=False)"
    assert "key" not in repr(Entropy.seeded(5))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(stream)
    assert pickle.loads(pickle.dumps(Entropy.seeded(5))) == Entropy.seeded(5)  # noqa: S301 - our own bytes
    assert not pickle.loads(pickle.dumps(SYSTEM)).simulated  # noqa: S301 - our own bytes


@pytest.mark.parametrize("high", [1, 2, 3, 10, 1000])
def test_below_is_uniform(high: int) -> None:
    counts = np.bincount(STREAM.below(high, np.arange(20), 10_000).ravel().astype(np.int64), minlength=high)
    assert len(counts) == high
    assert high == 1 or uniform(counts)


def test_below_rejects_what_a_remainder_would_bias() -> None:
    """At 3/4 of the range, `word % high` falls into the lower third twice as often."""
    high = 3 * 2**62
    words = STREAM.below(high, np.arange(10), 10_000).ravel()
    mutant = one(100_000) % np.uint64(high)
    thirds = np.uint64(high // 3)
    assert uniform(np.bincount((words // thirds).astype(np.int64), minlength=3))
    assert not uniform(np.bincount((mutant // thirds).astype(np.int64), minlength=3))
    assert STREAM.below(2**64, count=3)[0].tolist() == one(3).tolist()


@pytest.mark.parametrize("p", [Fraction(0), Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(1, 1000)])
def test_bernoulli_has_its_probability(p: Fraction) -> None:
    n = 1_000_000
    heads = int(STREAM.bernoulli(p, np.arange(100), n // 100).sum())
    spread = float(n * p * (1 - p)) ** 0.5
    assert abs(heads - float(n * p)) <= 4.9 * spread  # two-sided alpha 1e-6
    if 0 < p < 1:
        assert abs(heads - float(n * p * Fraction(102, 100))) > 4.9 * spread or p == Fraction(1, 1000)


class Scripted(Stream):
    """A stream whose words are told lane by lane: forces the ties that chance never shows."""

    def __init__(self, *lanes: int) -> None:
        super().__init__(bytes(32), simulated=True)
        self.lanes = lanes

    def words(self, agents: np.ndarray, count: int, *, lane: int = 0, **_: object) -> np.ndarray:
        return np.full((len(agents), count), self.lanes[lane], dtype=np.uint64)

    def words_at(self, agents: np.ndarray, _: np.ndarray, *, lane: int = 0) -> np.ndarray:
        return np.full(len(agents), self.lanes[lane], dtype=np.uint64)


def test_bernoulli_decides_ties_by_further_digits() -> None:
    third = (2**64 - 1) // 3  # the digits of 1/3 repeat
    assert not Scripted(third + 1).bernoulli(Fraction(1, 3))[0, 0]
    assert Scripted(third - 1).bernoulli(Fraction(1, 3))[0, 0]
    assert Scripted(third, third, third - 1).bernoulli(Fraction(1, 3))[0, 0]
    assert not Scripted(third, third, third + 1).bernoulli(Fraction(1, 3))[0, 0]
    assert not Scripted(2**63).bernoulli(Fraction(1, 2))[0, 0]  # U = p is not below p
    assert Scripted(2**63 - 1).bernoulli(Fraction(1, 2))[0, 0]


def test_below_retries_in_the_next_lane() -> None:
    assert Scripted(2**64 - 1, 5).below(3)[0, 0] == 2  # 2^64 - 1 is the one word that a third refuses


@given(st.integers(0, 60), st.data())
def test_choose_gives_a_sorted_subset(population: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, population))
    chosen = Entropy.seeded(data.draw(st.integers(0, 99))).stream("choose").choose(population, size)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == size
    assert size == 0 or (chosen[0] >= 0 and chosen[-1] < population)


@pytest.mark.parametrize("size", [2, 5])
def test_choose_is_uniform_over_members(size: int) -> None:
    counts = np.zeros(7, np.int64)
    for round_ in range(3000):
        counts[Entropy.seeded(9).stream("member", round_).choose(7, size)] += 1
    expected = 3000 * size / 7
    statistic = float(((counts - expected) ** 2 / (expected * (1 - size / 7))).sum()) * 6 / 7
    assert gammaincc(3, statistic / 2) > ALPHA


def test_permutation_is_one_and_every_place_is_equally_likely() -> None:
    places = np.zeros((4, 4), np.int64)
    for round_ in range(4000):
        permutation = Entropy.seeded(4).stream("shuffle", round_).permutation(4)
        assert sorted(permutation.tolist()) == [0, 1, 2, 3]
        places[np.arange(4), permutation] += 1
    assert all(uniform(row) for row in places)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Entropy.seeded(-1),
        lambda: Entropy.seeded(True),
        lambda: SYSTEM.stream("a", -1),
        lambda: STREAM.words(np.arange(1), 1, lane=1 << 16),
        lambda: STREAM.words(np.arange(1), 1, start=1),
        lambda: STREAM.words(np.arange(1), -1),
        lambda: STREAM.below(0),
        lambda: STREAM.below(2**64 + 1),
        lambda: STREAM.bernoulli(Fraction(3, 2)),
        lambda: STREAM.choose(3, 4),
        lambda: STREAM.fill(np.empty((4, 4))[:, ::2]),
    ],
)
def test_what_has_no_meaning_is_refused(call: object) -> None:
    with pytest.raises(ConfigurationError):
        call()  # type: ignore[operator] # each is a function of nothing


def test_no_agents_and_no_words_are_ordinary_requests() -> None:
    stream, nobody = Entropy.seeded(1).stream("x"), np.empty(0, dtype=np.int64)
    assert stream.words(nobody, 3).shape == (0, 3)
    assert stream.words(np.arange(3), 0).shape == (3, 0)
    assert stream.below(5, nobody, 2).shape == (0, 2)


def test_a_generator_for_simulations_repeats_itself_and_is_one_of_its_purpose() -> None:
    source = Entropy.seeded(1)
    first, again, other = (source.generator(name).integers(0, 1 << 62, 4).tolist() for name in ("a", "a", "b"))
    assert first == again != other
