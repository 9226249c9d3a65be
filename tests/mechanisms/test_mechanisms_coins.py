"""Coins by the byte: every first draw, every edge of a cut-off, and the last digits."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtrc

from tip.mechanisms.coins import OPEN, byte_table, coins
from tip.mechanisms.thresholds import WORD
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA = 1e-6
THRESHOLDS = (0, 1, 1 << 32, 0x04A0F5B1C3D2E417, 0x46A0F5B1C3D2E417, WORD // 3, WORD // 2, WORD - 1)


def law(threshold: int) -> list[Fraction]:
    """The masses of the 256 bytes."""
    t = Fraction(threshold, WORD)
    return [t ** b.bit_count() * (1 - t) ** (8 - b.bit_count()) for b in range(256)]


def inverted(threshold: int, digits: int, bits: int) -> int:
    """The byte of the real number digits / 2^bits, by the definition."""
    total, u = Fraction(0), Fraction(digits, 1 << bits)
    for byte, mass in enumerate(law(threshold)):
        total += mass
        if u < total:
            return byte
    raise AssertionError


class Told:
    """A stream that holds chosen digits: the first 16 in lane 1, words of 64 in lane 2."""

    def __init__(self, first: NDArray[np.uint16], words: list[list[int]]) -> None:
        self.first, self.rest = first, words

    def words(self, agents: Any, count: int, *, lane: int, dtype: type) -> Any:  # noqa: ANN401
        assert (lane, dtype, count) == (1, np.uint16, 1)
        return self.first[agents][:, None]

    def words_at(self, agents: Any, positions: Any, *, lane: int) -> Any:  # noqa: ANN401
        assert lane == 2
        return np.array([self.rest[a][p] for a, p in zip(agents, positions, strict=True)], dtype=np.uint64)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_first_draw_decides_exactly_where_all_that_follow_it_agree(threshold: int) -> None:
    table = byte_table(threshold)
    cutoffs = np.cumsum([0, *(int(mass * 2**512) for mass in law(threshold))], dtype=object)
    assert table.cutoffs == tuple(cutoffs[1:256])
    for w in {*range(0, 1 << 16, 257), *(min(c >> 496, (1 << 16) - 1) for c in table.cutoffs)}:
        low = int(sum(c <= w << 496 for c in table.cutoffs))
        high = int(sum(c <= ((w + 1) << 496) - 1 for c in table.cutoffs))
        if table.first[w] != OPEN:
            assert low == high == table.first[w]
    assert (table.first == OPEN).sum() <= 255


@pytest.mark.parametrize("threshold", THRESHOLDS[3:6])
def test_all_digits_are_compared_at_every_cutoff(threshold: int) -> None:
    """Just below, at and above each cut-off, in the 72nd, the 80th and the last digit."""
    cutoffs = byte_table(threshold).cutoffs[:: 4 if threshold == THRESHOLDS[4] else 32]
    steps = (0, 1, -1, 1 << 432, -(1 << 432), 1 << 440, -(1 << 440))
    near = [cutoff + step for cutoff in cutoffs for step in steps]
    draws = [draw << 16 for draw in near if 0 <= draw < 1 << 512]  # 528 digits
    first = np.array([draw >> 512 for draw in draws], dtype=np.uint16)
    rest = [[draw >> (64 * (7 - place)) & (WORD - 1) for place in range(8)] for draw in draws]
    stream: Any = Told(first, rest)
    rows = coins(stream, np.arange(len(draws)), 8, threshold)
    assert rows[:, 0].tolist() == [inverted(threshold, draw, 528) for draw in draws]


@settings(max_examples=60)
@given(st.integers(0, WORD - 1), st.integers(0, (1 << 528) - 1))
def test_any_draw_is_inverted_exactly(threshold: int, draw: int) -> None:
    first = np.array([draw >> 512], dtype=np.uint16)
    stream: Any = Told(first, [[draw >> (64 * (7 - place)) & (WORD - 1) for place in range(8)]])
    assert coins(stream, np.arange(1), 8, threshold)[0, 0] == inverted(threshold, draw, 528)


def p_value(rows: NDArray[np.uint8], threshold: int) -> float:
    """Pearson's test of the bytes' law."""
    n, seen = rows.size, Counter(rows.reshape(-1).tolist())
    cells = [(float(mass) * n, seen[byte]) for byte, mass in enumerate(law(threshold))]
    large = [(e, o) for e, o in cells if e >= 10]
    rest = (sum(e for e, _ in cells if e < 10), sum(o for e, o in cells if e < 10))
    large += [rest] if rest[0] >= 10 else []
    return float(chdtrc(len(large) - 1, sum((o - e) ** 2 / e for e, o in large)))


@pytest.mark.parametrize("threshold", THRESHOLDS[3:7])
def test_bytes_follow_their_law_and_a_mutant_is_rejected(threshold: int) -> None:
    rows = coins(Entropy.seeded(5).stream("c"), np.arange(40_000), 80, threshold)
    assert p_value(rows, threshold) > ALPHA
    assert p_value(rows, threshold + WORD // 64) < ALPHA


@pytest.mark.parametrize("width", [1, 7, 8, 9, 64, 65, 130])
def test_bits_beyond_the_width_are_zero_and_rows_depend_on_their_agent_alone(width: int) -> None:
    stream = Entropy.seeded(6).stream("c")
    rows = coins(stream, np.arange(500), width, WORD // 3)
    assert rows.shape == (500, -(-width // 8))
    assert not np.unpackbits(rows, axis=1, bitorder="little")[:, width:].any()
    some = np.array([7, 499, 3])
    assert np.array_equal(coins(stream, some, width, WORD // 3), rows[some])
    assert coins(stream, some[:0], width, WORD // 3).shape == (0, -(-width // 8))
