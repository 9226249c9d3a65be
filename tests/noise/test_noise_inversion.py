"""Inversion: every word enumerated, ties against an exact twin, addresses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ProtocolMisuse
from tip.noise.cutoffs import Digit, GaussianHalf, GaussianMagnitude, Geometric, LaplaceMagnitude, SidedDigit, cutoffs
from tip.noise.inversion import decide, table
from tip.randomness import Entropy, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.noise.cutoffs import Law
    from tip.noise.inversion import Table

FINE = 640
LAWS: list[Law] = [
    GaussianMagnitude(Fraction(1, 4)),
    GaussianMagnitude(Fraction(100)),
    GaussianMagnitude(Fraction(1, 1000)),
    GaussianHalf(Fraction(7, 3)),
    LaplaceMagnitude(Fraction(10)),
    LaplaceMagnitude(Fraction(1, 3)),
    Geometric(Fraction(5)),
    Digit(Fraction(50), 16),
    SidedDigit(Fraction(50), 16),
]


def stream(purpose: str = "noise") -> Stream:
    return Entropy.seeded(7).stream(purpose)


def twin(law: Law, digits: int, bits: int) -> int:
    """The slow twin: the cell of U = digits / 2^bits by comparing with every cut-off at 640 digits."""
    known = cutoffs(law, FINE)
    for cell, low in enumerate(known.lows):
        if digits << FINE - bits < low:
            return cell
    raise AssertionError("U lies beyond 640 digits of the tail")


@dataclass(frozen=True)
class Fixed(Stream):
    """Lane 0 holds the given words, one a column; the other lanes hold `more`."""

    given: tuple[int, ...]
    more: int = 0

    def words(self, *_: object, **address: object) -> NDArray[np.uint64]:
        assert address == {"lane": 0, "start": 0}
        return np.array([self.given], dtype=np.uint64)

    def words_at(self, *_: object, **__: object) -> NDArray[np.uint64]:
        return np.array([self.more], dtype=np.uint64)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("width", [4, 8, 11])
def test_every_word_is_decided_as_its_interval_demands(law: Law, width: int) -> None:
    """All leading digits enumerated: the law of the sampler is the law, up to the words that tie."""
    size = width + law.signed
    words = tuple(word << 64 - size for word in range(1 << size))
    for more in (0, 2**64 - 1 - (1 << 20)):  # the two ends of every word's interval
        samples = table(law, width).sample(Fixed(words, more), np.zeros(1, dtype=np.int64), len(words))[0]
        for word, sample in zip(range(1 << size), samples.tolist(), strict=True):
            digits = word % (1 << width) << 64 | more
            sign = -1 if word >> width else 1
            assert sample == sign * twin(law, digits, width + 64)


@pytest.mark.parametrize("law", LAWS)
def test_counting_words_brackets_every_probability(law: Law) -> None:
    width = 12
    cells = [decide(law, digits, width) for digits in range(1 << width)]
    known = cutoffs(law, FINE)
    counts = Counter(cells)
    assert counts[None] <= min(len(known.lows), 1 << width)  # so at total variation <= this / 2^width before ties
    for cell, (low, before) in enumerate(zip(known.lows, [0, *known.lows], strict=False)):
        assert counts[cell] << FINE <= low - before + known.slack << width


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("width", [1, 5, 8, 63])
def test_forced_ties_equal_the_exact_twin(law: Law, width: int) -> None:
    agents = np.arange(3, 40)
    got = table(law, width).sample(stream(), agents, 6)
    words = stream().words(agents, 6)
    for row, agent in enumerate(agents):
        for column in range(6):
            word = int(words[row, column])
            sign = -1 if law.signed and word >> 63 else 1
            digits = (word << law.signed) % (1 << 64) >> 64 - width
            for lane in range(1, 5):
                digits = digits << 64 | int(stream().words_at(np.array([agent]), np.array([column]), lane=lane)[0])
            assert got[row, column] == sign * twin(law, digits, width + 256)


@settings(max_examples=30, deadline=None)
@given(
    variance=st.fractions(min_value=Fraction(1, 10**6), max_value=10**4, max_denominator=10**12),
    width=st.integers(1, 63),
    word=st.integers(0, 2**64 - 1),
    more=st.integers(1 << 30, 2**64 - 1 - (1 << 30)),
)
def test_any_parameter_any_word(variance: Fraction, width: int, word: int, more: int) -> None:
    law = GaussianMagnitude(variance)
    digits = (word % (1 << 63) >> 63 - width) << 64 | more
    sample = table(law, width).sample(Fixed((word,), more), np.zeros(1, dtype=np.int64), 1)[0, 0]
    assert sample == (-1 if word >> 63 else 1) * twin(law, digits << 64 | more, width + 128)


def test_a_mutant_that_guesses_at_ties_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tip.noise.inversion.decide", lambda *_: 0)
    with pytest.raises(AssertionError):
        test_forced_ties_equal_the_exact_twin(GaussianMagnitude(Fraction(100)), 5)


def test_a_mutant_with_a_shifted_threshold_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right_table = table

    def shifted(law: Law, width: int) -> Table:
        right = right_table(law, width)
        return replace(right, first=np.minimum(right.first + 1, len(right.prefixes) - 1))

    monkeypatch.setitem(globals(), "table", shifted)
    with pytest.raises(AssertionError):
        test_every_word_is_decided_as_its_interval_demands(GaussianMagnitude(Fraction(100)), 8)


def test_a_stream_of_ones_ends_in_an_error() -> None:
    ones = 2**64 - 1
    with pytest.raises(ProtocolMisuse):
        table(GaussianMagnitude(Fraction(1)), 63).sample(Fixed((ones,), ones), np.zeros(1, dtype=np.int64), 1)


@pytest.mark.parametrize("width", [6, 63])
@pytest.mark.parametrize("block", [1, 7])
def test_blocks_do_not_change_a_bit(width: int, block: int) -> None:
    tables, agents = table(GaussianMagnitude(Fraction(100)), width), np.array([5, 0, 99, 2**62, 17, 3, 4, 8, 9, 10])
    whole = tables.sample(stream(), agents, 13)
    parts = [tables.sample(stream(), agents[i : i + block], 13) for i in range(0, len(agents), block)]
    assert (np.concatenate(parts) == whole).all()
    rows, columns = np.nonzero(np.ones_like(whole))
    assert (tables.sample_at(stream(), agents[rows], columns, lane=0).reshape(whole.shape) == whole).all()


def test_a_long_row_is_cut_at_the_right_places() -> None:
    tables, agents = table(LaplaceMagnitude(Fraction(10)), 63), np.array([4, 2])
    whole = tables.sample(stream(), agents, 70_001)
    assert (tables.sample(stream(), agents[1:], 70_001) == whole[1:]).all()
    assert (tables.sample(stream(), agents, 40_000) == whole[:, :40_000]).all()
    columns = np.array([0, 32_767, 32_768, 65_536, 70_000])
    assert (tables.sample_at(stream(), np.full(5, 2), columns, lane=0) == whole[1, columns]).all()


def test_empty_requests() -> None:
    tables = table(GaussianMagnitude(Fraction(100)), 63)
    assert tables.sample(stream(), np.zeros(0, dtype=np.int64), 5).shape == (0, 5)
    assert tables.sample(stream(), np.arange(4), 0).shape == (4, 0)
