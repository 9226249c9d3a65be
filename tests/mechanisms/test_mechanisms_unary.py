"""Unary encoding: exact laws and coins, the adders, screening, check numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.bits import column_sums, row_ones
from tip.mechanisms.coins import coins
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import WORD, exp_down
from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding, UnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable


ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)
KINDS = (SymmetricUnaryEncoding, OptimizedUnaryEncoding)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("categories", [2, 3, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    kind: type[SymmetricUnaryEncoding], categories: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = kind(categories, epsilon)
    assert largest_ratio(mechanism, range(categories)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.guarantee.epsilon is not None
    assert mechanism.guarantee.epsilon <= epsilon


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_next_threshold_would_break_the_request(kind: type[SymmetricUnaryEncoding], epsilon: float) -> None:
    mechanism = kind(5, epsilon)
    p, q = mechanism.p, mechanism.q - Fraction(1, WORD)
    if kind is SymmetricUnaryEncoding:
        p = 1 - q
    assert p * (1 - q) > exp_down(Fraction(epsilon)) * (1 - p) * q


def test_free_probabilities_are_rounded_towards_one_another_and_told_as_epsilon(
    largest_ratio: Callable[..., Fraction],
) -> None:
    mechanism = UnaryEncoding(4, Fraction(2, 3), Fraction(1, 3))
    assert mechanism.p <= Fraction(2, 3)
    assert mechanism.q >= Fraction(1, 3)
    assert largest_ratio(mechanism, range(4)) == mechanism.ratio <= 4
    assert mechanism.guarantee.epsilon == pytest.approx(np.log(4))
    assert mechanism.ratio <= exp_down(Fraction(mechanism.epsilon))


def test_one_law_has_one_digest() -> None:
    optimized = OptimizedUnaryEncoding(9, 1.0)
    same = UnaryEncoding(9, optimized.p, optimized.q)
    assert same.spec == optimized.spec
    assert UnaryEncoding(9, optimized.p, optimized.q + Fraction(1, WORD)).spec != optimized.spec


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("categories", [2, 8, 11])
def test_reports_follow_the_law(
    kind: type[SymmetricUnaryEncoding], categories: int, p_value: Callable[..., float]
) -> None:
    assert p_value(kind(categories, 1.0), 1) > ALPHA


def test_a_mutant_that_never_clears_the_own_bit_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = OptimizedUnaryEncoding(4, 1.0)
    always = {row: share * 2 * (row[0] >> 1 & 1) for row, share in mechanism.law(1).items()}
    assert sum(always.values()) == 1
    assert p_value(mechanism, 1, law=always) < ALPHA


def test_a_mutant_with_another_flip_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = OptimizedUnaryEncoding(4, 1.0)
    law = UnaryEncoding(4, mechanism.p, mechanism.q * Fraction(21, 20)).law(1)
    assert p_value(mechanism, 1, law=law) < ALPHA


class OwnWords:
    """A stream whose first lane holds one word, and the others that of a seed."""

    def __init__(self, word: int) -> None:
        self.word, self.others = word, Entropy.seeded(7).stream("others")

    def words(self, agents: Any, count: int, *, lane: int = 0, dtype: type = np.uint64) -> Any:  # noqa: ANN401
        if lane:
            return self.others.words(agents, count, lane=lane, dtype=dtype)
        return np.full((len(agents), count), self.word, dtype=np.uint64)

    def words_at(self, agents: Any, positions: Any, *, lane: int) -> Any:  # noqa: ANN401
        return self.others.words_at(agents, positions, lane=lane)


@pytest.mark.parametrize("word", [0, WORD // 2 - 1, WORD // 2, WORD - 1])
def test_the_own_bit_is_the_coin_of_lane_0(word: int) -> None:
    mechanism = OptimizedUnaryEncoding(13, 1.0)
    stream: Any = OwnWords(word)
    (rows,) = mechanism.draw(np.arange(13), stream, np.arange(13))
    bits = np.unpackbits(rows, axis=1, bitorder="little")[:, :13]
    assert (bits[np.arange(13), np.arange(13)] == (word < WORD // 2)).all()
    others = np.unpackbits(coins(stream, np.arange(13), 13, mechanism._flip), axis=1, bitorder="little")[:, :13]
    assert (bits == others)[~np.eye(13, dtype=bool)].all()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 600), st.integers(1, 140), st.integers(0, 2**32))
def test_sums_of_packed_rows_are_those_of_unpacked_ones(count: int, width: int, seed: int) -> None:
    rows = Entropy.seeded(seed).stream("rows").words(np.arange(count), -(-width // 8), dtype=np.uint8)
    bits = np.unpackbits(rows, axis=1, bitorder="little", count=rows.shape[1] * 8)
    assert np.array_equal(column_sums(rows, width), bits[:, :width].sum(axis=0))
    assert np.array_equal(row_ones(rows), bits.sum(axis=1))
    assert column_sums(rows[:0], width).tolist() == [0] * width
    assert row_ones(rows[:0]).tolist() == []


@pytest.mark.parametrize("categories", [5, 64, 130])
def test_bits_depend_on_the_agent_alone(categories: int) -> None:
    mechanism, entropy = OptimizedUnaryEncoding(categories, 1.0), Entropy.seeded(3)
    values = np.arange(20_000) % categories
    reports = mechanism.randomize(values, entropy=entropy)
    order = np.random.Generator(np.random.Philox(1)).permutation(20_000)  # noqa: TID251 - an order, not data
    again = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert np.array_equal(again["bits"], reports["bits"][order])
    some = mechanism.randomize(values[7000:7013], entropy=entropy, agents=np.arange(7000, 7013))
    assert np.array_equal(some["bits"], reports["bits"][7000:7013])


@pytest.mark.parametrize(("kind", "categories"), [(OptimizedUnaryEncoding, 16), (SymmetricUnaryEncoding, 67)])
@pytest.mark.parametrize("epsilon", [0.5, 4.0])
def test_the_estimate_is_unbiased_with_the_exact_variance(
    kind: type[SymmetricUnaryEncoding], categories: int, epsilon: float
) -> None:
    mechanism = kind(categories, epsilon)
    answers = np.minimum(np.arange(500) // 25, categories - 1)
    truth = np.bincount(answers, minlength=categories) / 500
    entropy = Entropy.seeded(11)
    runs = [mechanism.aggregate(mechanism.randomize(answers, entropy=entropy, round=r)) for r in range(300)]
    values = np.array([mechanism.estimate(run).value for run in runs])
    variance = np.asarray(mechanism.variance(truth, reports=500))
    assert (np.abs(values.mean(axis=0) - truth) < 6 * np.sqrt(variance / 300)).all()
    ratio = ((values - truth) ** 2).mean() / variance.mean()
    assert abs(ratio - 1) < 6 * np.sqrt(2 / (300 * categories))
    assert ratio < 1.5 * (1 + 6 * np.sqrt(2 / (300 * categories)))


@pytest.mark.parametrize(
    ("epsilon", "symmetric", "optimized"),
    [(0.5, 15.92, 15.67), (1, 3.918, 3.683), (2, 0.9207, 0.7241), (4, 0.1810, 0.07602)],
)
def test_variances_of_the_literature(epsilon: float, symmetric: float, optimized: float) -> None:
    assert SymmetricUnaryEncoding(32, epsilon).variance() == pytest.approx(symmetric, rel=5e-4)
    assert OptimizedUnaryEncoding(32, epsilon).variance() == pytest.approx(optimized, rel=5e-4)


def test_simulated_totals_follow_the_same_law_as_reports() -> None:
    mechanism, entropy = OptimizedUnaryEncoding(3, 1.0), Entropy.seeded(5)
    counts = np.array([300, 100, 0])
    answers = np.repeat(np.arange(3), counts)
    runs = [mechanism.simulate(counts, entropy=Entropy.seeded(r)).totals for r in range(800)]
    real = [mechanism.aggregate(mechanism.randomize(answers, entropy=entropy, round=r)).totals for r in range(400)]
    p, q = float(mechanism.p), float(mechanism.q)
    mean = counts * p + (400 - counts) * q
    deviation = np.sqrt(counts * p * (1 - p) + (400 - counts) * q * (1 - q))
    for totals in (np.array(runs), np.array(real)):
        assert (np.abs(totals.mean(axis=0) - mean) < 6 * deviation / np.sqrt(len(totals))).all()
        covariance = np.cov(((totals - mean) / deviation).T)
        assert (np.abs(covariance - np.eye(3)) < 6 * np.sqrt(2 / len(totals))).all()


def test_the_blanket_is_the_sum_of_the_least_probabilities() -> None:
    for mechanism in (OptimizedUnaryEncoding(4, 1.0), UnaryEncoding(3, Fraction(9, 10), Fraction(3, 10))):
        laws = [mechanism.law(value) for value in range(mechanism.categories)]
        assert sum(min(law[row] for law in laws) for row in laws[0]) == mechanism.blanket >= 1 / mechanism.ratio


def test_influence_is_what_the_worst_row_moves() -> None:
    mechanism = OptimizedUnaryEncoding(6, 1.0)
    p, q = float(mechanism.p), float(mechanism.q)
    moves = [(row[0] >> np.arange(6) & 1) - q for row in mechanism.law(0)]
    influence = mechanism.max_influence()
    assert influence.item == pytest.approx(max(np.abs(move).max() for move in moves) / (p - q))
    assert influence.euclidean == pytest.approx(max(np.linalg.norm(move) for move in moves) / (p - q))


@pytest.mark.parametrize("alpha", [0.2, 0.01, 1e-5])
def test_the_range_of_ones_has_the_exact_tails(alpha: float) -> None:
    mechanism = OptimizedUnaryEncoding(12, 1.0)
    low, high = mechanism.ones_range(alpha)
    law: dict[int, Fraction] = {}
    for row, share in mechanism.law(3).items():
        ones = sum(byte.bit_count() for byte in row)
        law[ones] = law.get(ones, Fraction(0)) + share
    below, above = (sum(s for o, s in law.items() if o < low), sum(s for o, s in law.items() if o > high))
    assert max(below, above) <= alpha / 2
    assert below + law[low] > alpha / 2
    assert above + law[high] > alpha / 2


def test_screening_finds_rows_of_ones_and_few_others() -> None:
    mechanism = OptimizedUnaryEncoding(128, 1.0)
    honest = mechanism.randomize(np.arange(20_000) % 128, entropy=Entropy.seeded(8))
    made_up = Reports(honest.digest, honest.layout, (np.full((3, 16), 255, dtype=np.uint8),))
    rows = mechanism.suspicious(Reports.joined([made_up, honest]), 1e-3)
    assert rows[:3].tolist() == [0, 1, 2]
    assert len(rows) - 3 < 20 + 6 * np.sqrt(20)
    assert len(mechanism.validate(made_up).refused) == 0  # well-formed: screening is a choice
    assert mechanism.screened_influence(1e-3).euclidean < 0.7 * mechanism.max_influence().euclidean


@pytest.mark.parametrize(
    "arguments",
    [
        (1, 0.5, 0.2),
        (4, 0.2, 0.5),
        (4, 0.5, 0.5),
        (4, 1.0, 0.5),
        (4, 0.5, 0),
        (4, True, 0.1),
        ((1 << 20) + 1, 0.5, 0.2),
    ],
)
def test_wrong_parameters_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError):
        UnaryEncoding(*arguments)
