"""Hadamard response: its exact law, its variance that depends on the block, its intervals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms.hadamard import HadamardResponse, best_blocks
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

ALPHA = 1e-6


class Fixed:
    """A stream whose every agent gets these words at every lane."""

    def __init__(self, *words: int) -> None:
        self.row = np.array(words, dtype=np.uint64)

    def words(self, agents: Array, count: int) -> Array:
        return np.tile(self.row[:count], (len(agents), 1))

    def words_at(self, agents: Array, positions: Array, *, lane: int = 0) -> Array:
        return np.full((agents + 0 * positions).shape, lane * 0x123456789ABCDEF % (1 << 64), dtype=np.uint64)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4, 40])
@pytest.mark.parametrize(("categories", "blocks"), [(2, 1), (2, 2), (3, 1), (5, 2), (7, 1), (8, 3), (9, 9), (16, None)])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    categories: int, blocks: int | None, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = HadamardResponse(categories, epsilon, blocks)
    assert largest_ratio(mechanism, range(categories)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(value) for value in range(categories)]
    assert sum(min(law[report] for law in laws) for report in laws[0]) == mechanism.blanket
    promised = mechanism.guarantee.epsilon
    assert promised is not None
    assert promised <= epsilon


@pytest.mark.parametrize(("categories", "blocks"), [(6, 1), (6, 2), (7, 3), (20, 4)])
def test_reports_follow_the_law(categories: int, blocks: int, p_value: Callable[..., float]) -> None:
    mechanism = HadamardResponse(categories, 1.0, blocks)
    assert min(p_value(mechanism, value) for value in (0, categories - 1)) > ALPHA


def test_a_mutant_that_spends_the_other_blocks_share_in_its_own_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = HadamardResponse(6, 1.0, 2)
    honest = HadamardResponse(6, 1.02, 2)
    assert p_value(mechanism, 1, law=HadamardResponse(6, 1.1, 2).law(1)) < ALPHA
    assert p_value(mechanism, 1, law=mechanism.law(3)) < ALPHA
    assert honest.law(1) != mechanism.law(1)


@pytest.mark.parametrize("second", [0, (1 << 32) - 1, 1 << 63, (1 << 64) - 1])
def test_extreme_words_fall_on_the_side_of_the_threshold(second: int) -> None:
    mechanism = HadamardResponse(12, 1.0, 3)
    value = np.array([7])
    law = mechanism.law(7)
    top = max(law.values())
    for first, own in ((0, True), (mechanism._keep - 1, True), (mechanism._keep, False), ((1 << 64) - 1, False)):
        (answer,) = mechanism.draw(value, Fixed(first, second), np.array([0]))  # type: ignore[arg-type]
        assert (law[int(answer[0]),] == top) is own


@settings(max_examples=30)
@given(st.integers(2, 24), st.integers(1, 24), st.data())
def test_net_supports_are_those_of_the_hadamard_matrix(categories: int, blocks: int, data: st.DataObject) -> None:
    mechanism = HadamardResponse(categories, 1.0, min(blocks, categories))
    rows = data.draw(st.lists(st.integers(0, mechanism.size - 1), min_size=1, max_size=30))
    (column,) = mechanism.layout
    reports = Reports(mechanism.spec.digest, mechanism.layout, (np.array(rows, dtype=column.dtype),))
    net = mechanism.supports(mechanism.aggregate(reports))
    for item in range(categories):
        law = mechanism.law(item)
        top, b, block = max(law.values()), mechanism._rows, item % mechanism._blocks
        plain = sum((1 if law[row,] == top else -1) for row in rows if row // b == block)
        assert net[item] == plain


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_the_estimate_is_unbiased_with_the_variance_of_its_block(blocks: int) -> None:
    mechanism = HadamardResponse(6, 1.0, blocks)
    share = np.array([0.5, 0.1, 0.2, 0.2, 0.0, 0.0])
    counts, runs = (share * 1000).astype(int), 1500
    m = np.array([share[item % blocks :: blocks].sum() for item in range(6)])
    estimates = [mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(run))) for run in range(runs)]
    values = np.array([estimate.value for estimate in estimates])
    variance = np.asarray(mechanism.variance(share, reports=1000, block_share=m))
    assert (np.abs(values.mean(axis=0) - share) < 6 * np.sqrt(variance / runs)).all()
    assert (np.abs(values.var(axis=0) / variance - 1) < 6 * np.sqrt(2 / runs)).all()
    plug_in = np.mean([estimate.variance for estimate in estimates], axis=0)
    assert (np.abs(plug_in / variance - 1) < 0.02).all()
    if blocks == 4:  # a formula that forgets the block is told from the true one
        flat = np.asarray(mechanism.variance(share, reports=1000))
        assert (np.abs(values.var(axis=0) / flat - 1) > 6 * np.sqrt(2 / runs)).any()


@pytest.mark.parametrize("agents", [200, 100_000])
def test_simulated_totals_have_the_law_of_reports(agents: int) -> None:
    mechanism = HadamardResponse(5, 1.0, 2)
    counts = np.array([agents // 2, agents // 4, 0, agents // 4, 0])
    expected = sum(
        np.array([float(share) for share in mechanism.law(item).values()]) * held for item, held in enumerate(counts)
    )
    runs = 400
    totals = np.mean([mechanism.simulate(counts, entropy=Entropy.seeded(s)).totals for s in range(runs)], axis=0)
    assert (np.abs(totals - expected) < 6 * np.sqrt(expected / runs)).all()


@pytest.mark.parametrize(
    ("agents", "epsilon", "blocks"), [(50, 1.0, 2), (2000, 4.0, 8), (30_000, 1.0, 2), (30_000, 2.0, 1)]
)
def test_intervals_cover(agents: int, epsilon: float, blocks: int) -> None:
    mechanism = HadamardResponse(16, epsilon, blocks)
    share = np.array([0.5, 0.3, 0.1, 0.1] + [0.0] * 12)
    counts = (share * agents).astype(int)
    truth, runs = counts / counts.sum(), 500
    hits = np.zeros(16)
    for run in range(runs):
        estimate = mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(run)))
        low, high = estimate.interval(0.95)
        hits += (low <= truth) & (truth <= high)
    slack = 5 * np.sqrt(0.95 * 0.05 / runs)
    assert (hits / runs > 0.95 - slack).all()
    if agents > 10_000:
        assert (hits / runs < 0.95 + slack).all()


@given(st.permutations(range(40)))
def test_an_agents_bits_depend_on_its_index_only(order: list[int]) -> None:
    mechanism, values = HadamardResponse(9, 1.0, 2), np.arange(40) % 9
    whole = mechanism.randomize(values, entropy=Entropy.seeded(1))
    permuted = mechanism.randomize(values[order], entropy=Entropy.seeded(1), agents=order)
    assert (whole["row"][order] == permuted["row"]).all()


def test_made_up_reports_move_at_most_the_stated_influence() -> None:
    for blocks in (1, 2, 5):
        mechanism = HadamardResponse(7, 1.0, blocks)
        (column,) = mechanism.layout
        for row in range(mechanism.size):
            report = Reports(mechanism.spec.digest, mechanism.layout, (np.array([row], dtype=column.dtype),))
            moved = mechanism.estimate(mechanism.aggregate(report)).totals
            influence = mechanism.max_influence()
            assert np.abs(moved).max() <= influence.item * (1 + 1e-12)
            assert np.linalg.norm(moved) <= influence.euclidean * (1 + 1e-12)


def test_the_number_of_blocks_is_the_best_one() -> None:
    for categories in (2, 3, 10, 1024):
        for epsilon in (0.5, 1.0, 2.0, 4.0, 8.0):
            even = 1 / categories
            best = float(HadamardResponse(categories, epsilon).variance(even))
            for number in range(1, categories + 1, 1 if categories < 20 else 29):
                assert best <= float(HadamardResponse(categories, epsilon, number).variance(even)) * 1.001
    assert best_blocks(1024, 1.0) == 1


def test_check_numbers_of_the_average_variance() -> None:
    def at(epsilon: float, blocks: int, share: float) -> float:
        return float(HadamardResponse(1024, epsilon, blocks).variance(block_share=share))

    assert at(1.0, 1, 1.0) == pytest.approx(4.683, abs=5e-3)
    assert at(2.0, 1, 1.0) == pytest.approx(1.724, abs=5e-3)
    # filled block after block, 1,024 items take 1, 2 and 17 of 2, 4 and 32 blocks; dealt out, all of them
    assert at(1.0, 2, (1023**2 + 1) / 1024**2) == pytest.approx(7.2, abs=0.02)
    assert at(2.0, 4, (2 * 511**2 + 4) / 1024**2) == pytest.approx(1.83, abs=0.01)
    assert at(4.0, 32, (16 * 63**2 + 16**2) / 1024**2) == pytest.approx(0.217, abs=0.002)
    assert at(1.0, 2, 0.5) == pytest.approx(5.54, abs=0.01)
    assert at(2.0, 4, 0.25) == pytest.approx(1.268, abs=0.005)
    assert at(4.0, 32, 1 / 32) == pytest.approx(0.150, abs=0.001)


def test_a_made_up_number_of_blocks_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="blocks is at most"):
        HadamardResponse(4, 1.0, 5)
    with pytest.raises(ConfigurationError, match="share lies in"):
        HadamardResponse(4, 1.0).variance(1.5)
    with pytest.raises(ConfigurationError, match="too many possible"):
        HadamardResponse(1 << 17, 1.0).law(0)


def test_reports_out_of_range_are_parted() -> None:
    mechanism = HadamardResponse(5, 1.0, 3)
    reports = Reports(mechanism.spec.digest, mechanism.layout, (np.array([0, mechanism.size, 255], dtype=np.uint8),))
    aggregate = mechanism.aggregate(reports)
    assert (aggregate.reports, aggregate.refused) == (1, 2)


def test_rows_beyond_32_bits_are_drawn() -> None:
    mechanism = HadamardResponse(1 << 31, 1.0, 1)
    values = np.array([0, (1 << 31) - 1])
    rows = mechanism.randomize(values, entropy=Entropy.seeded(1))["row"]
    assert rows.max() < mechanism.size == 1 << 32
