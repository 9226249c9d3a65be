"""Projective geometry response: difference sets, its exact law, its decoding."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms import geometry
from tip.mechanisms.geometry import difference_set, points, prime_power, primitive, recurrence, translates, x_to
from tip.mechanisms.projective import ProjectiveGeometryResponse, unary_variance
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

ALPHA = 1e-6
SMALL = [(2, 2), (2, 3), (2, 5), (3, 2), (3, 4), (4, 3), (5, 3), (8, 3), (9, 3), (16, 2), (27, 2)]


class Fixed:
    """A stream whose every agent gets these words at every lane."""

    def __init__(self, *words: int) -> None:
        self.row = np.array(words, dtype=np.uint64)

    def words(self, agents: Array, count: int) -> Array:
        return np.tile(self.row[:count], (len(agents), 1))

    def words_at(self, agents: Array, positions: Array, *, lane: int = 0) -> Array:
        return np.full((agents + 0 * positions).shape, lane * 0x123456789ABCDEF % (1 << 64), dtype=np.uint64)


@pytest.mark.parametrize(("order", "dimension"), SMALL)
def test_translates_of_the_difference_set_meet_as_hyperplanes_do(order: int, dimension: int) -> None:
    size, inside, common = (points(order, dimension - i) for i in range(3))
    table = difference_set(order, dimension)
    assert sorted(table) == list(range(size))
    marks = np.zeros(size, dtype=int)
    marks[table[:inside]] = 1
    assert {int((marks * np.roll(marks, x)).sum()) for x in range(1, size)} == {common}


def test_a_polynomial_that_is_not_primitive_gives_no_difference_set() -> None:
    assert primitive(2, 4) == (1, 1, 0, 0, 1)
    terms = recurrence((1, 1, 1, 1, 1), 2, 15)  # irreducible, of order 5
    marks = 1 - terms.astype(int)
    assert {int((marks * np.roll(marks, x)).sum()) for x in range(1, 15)} != {3}


def test_the_recurrence_jumps_as_it_steps() -> None:
    f, p = primitive(9, 3), 3
    terms = [0] * 5 + [1]
    for i in range(500):
        terms.append(-sum(c * t for c, t in zip(f[:-1], terms[i:], strict=False)) % p)
    assert recurrence(f, p, 506).tolist() == terms
    assert x_to(9**3 - 1, f, p) == (1, 0, 0, 0, 0, 0)
    assert [n for n in range(2, 30) if prime_power(n)] == [2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29]


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4, 40])
@pytest.mark.parametrize("categories", [2, 3, 7, 14, 32])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    categories: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = ProjectiveGeometryResponse(categories, epsilon)
    assert largest_ratio(mechanism, range(categories)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(value) for value in range(categories)]
    assert sum(min(law[report] for law in laws) for report in laws[0]) == mechanism.blanket
    top = max(laws[0].values())
    supports = [{report for report in law if law[report] == top} for law in laws]
    assert {sum(law[report] for report in own) for law, own in zip(laws, supports, strict=True)} == {mechanism.p}
    others = {sum(laws[x][r] for r in supports[y]) for x in range(categories) for y in range(categories) if x != y}
    assert others == {mechanism.q}
    promised = mechanism.guarantee.epsilon
    assert promised is not None
    assert promised <= epsilon


@pytest.mark.parametrize(("categories", "order"), [(2, None), (13, 3), (20, 4), (31, 2), (70, 8)])
def test_reports_follow_the_law(categories: int, order: int | None, p_value: Callable[..., float]) -> None:
    mechanism = ProjectiveGeometryResponse(categories, 1.0, order)
    assert min(p_value(mechanism, value) for value in (0, categories - 1)) > ALPHA


def test_mutants_are_rejected(p_value: Callable[..., float]) -> None:
    mechanism = ProjectiveGeometryResponse(13, 1.0, 3)
    assert p_value(mechanism, 1, law=ProjectiveGeometryResponse(13, 1.05, 3).law(1)) < ALPHA
    assert p_value(mechanism, 1, law=mechanism.law(2)) < ALPHA


@pytest.mark.parametrize("second", [0, (1 << 32) - 1, 1 << 63, (1 << 64) - 1])
def test_extreme_words_fall_on_the_side_of_the_threshold(second: int) -> None:
    mechanism = ProjectiveGeometryResponse(100, 1.0)
    law = mechanism.law(71)
    top = max(law.values())
    for first, own in ((0, True), (mechanism._keep - 1, True), (mechanism._keep, False), ((1 << 64) - 1, False)):
        (answer,) = mechanism.draw(np.array([71]), Fixed(first, second), np.array([0]))  # type: ignore[arg-type]
        assert (law[int(answer[0]),] == top) is own


@pytest.mark.parametrize("scale", [1, 1000, 10**9, 10**13])
@pytest.mark.parametrize(("order", "dimension"), [(3, 4), (4, 3), (2, 9)])
def test_decoding_is_exact_for_any_counts(order: int, dimension: int, scale: int) -> None:
    size, table = points(order, dimension), difference_set(order, dimension)
    members = table[: points(order, dimension - 1)]
    generator = Entropy.seeded(scale).generator("counts")
    spread_out, lumps = generator.integers(0, scale, size), np.zeros(size, dtype=np.int64)
    lumps[[0, size - 1]] = scale, 1
    for counts in (spread_out, lumps):
        plain = [int(counts[(members.astype(int) + x) % size].sum()) for x in range(size)]
        assert translates(counts, members, size).tolist() == plain


def test_without_the_split_huge_counts_would_be_decoded_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    members = difference_set(2, 9)[: points(2, 8)]
    counts = Entropy.seeded(3).generator("counts").integers(0, 1 << 53, 511)
    plain = [int(counts[(members.astype(int) + x) % 511].sum()) for x in range(511)]
    assert translates(counts, members, 511).tolist() == plain
    monkeypatch.setattr(geometry, "_SAFETY", 0)
    assert translates(counts, members, 511).tolist() != plain


@settings(max_examples=30)
@given(st.integers(2, 200), st.sampled_from([0.5, 1.0, 2.0, 4.0]), st.integers(0, 10**6))
def test_supports_count_the_reports_in_each_hyperplane(categories: int, epsilon: float, seed: int) -> None:
    mechanism = ProjectiveGeometryResponse(categories, epsilon)
    sent = Entropy.seeded(seed).generator("rows").integers(0, mechanism.size, 50)
    (column,) = mechanism.layout
    aggregate = mechanism.aggregate(Reports(mechanism.spec.digest, mechanism.layout, (sent.astype(column.dtype),)))
    members = set(mechanism._members.tolist())
    plain = [sum((int(y) - x) % mechanism.size in members for y in sent) for x in range(categories)]
    assert mechanism.supports(aggregate).tolist() == plain


@pytest.mark.parametrize(("categories", "epsilon"), [(13, 2.0), (100, 1.5)])
def test_the_estimate_is_unbiased_with_the_exact_variance(categories: int, epsilon: float) -> None:
    mechanism, runs = ProjectiveGeometryResponse(categories, epsilon), 1500
    share = np.zeros(categories)
    share[[0, 1, 5]] = 0.6, 0.3, 0.1
    counts = (share * 2000).astype(int)
    values = np.array([
        mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(run))).value for run in range(runs)
    ])  # fmt: skip
    variance = np.asarray(mechanism.variance(share, reports=2000))
    assert (np.abs(values.mean(axis=0) - share) < 6 * np.sqrt(variance / runs)).all()
    assert (np.abs(values.var(axis=0) / variance - 1) < 6 * np.sqrt(2 / runs)).all()
    wrong = np.asarray(mechanism.variance(0.0, reports=2000))
    assert (np.abs(values.var(axis=0) / wrong - 1) > 6 * np.sqrt(2 / runs)).any()


def test_randomized_answers_estimate_the_truth() -> None:
    mechanism = ProjectiveGeometryResponse(1024, 1.0)
    values = np.minimum(np.arange(100_000) // 10_000, 5)
    estimate = mechanism.estimate(mechanism.aggregate(mechanism.randomize(values, entropy=Entropy.seeded(5))))
    truth = np.bincount(values, minlength=1024) / 100_000
    z = (estimate.value - truth) / np.sqrt(np.asarray(mechanism.variance(truth, reports=100_000)))
    assert np.abs(z).max() < 6
    assert abs((z**2).mean() - 1) < 0.3
    low, high = estimate.interval(0.99, correction="bonferroni")
    assert ((low <= truth) & (truth <= high)).all()


@pytest.mark.parametrize("agents", [200, 100_000])
def test_simulated_totals_have_the_law_of_reports(agents: int) -> None:
    mechanism = ProjectiveGeometryResponse(7, 1.0)
    counts = np.array([agents // 2, agents // 4, 0, agents // 4, 0, 0, 0])
    expected = sum(
        np.array([float(share) for share in mechanism.law(item).values()]) * held for item, held in enumerate(counts)
    )
    runs = 400
    totals = np.mean([mechanism.simulate(counts, entropy=Entropy.seeded(s)).totals for s in range(runs)], axis=0)
    assert (np.abs(totals - expected) < 6 * np.sqrt(expected / runs)).all()


@given(st.permutations(range(40)))
def test_an_agents_bits_depend_on_its_index_only(order: list[int]) -> None:
    mechanism, values = ProjectiveGeometryResponse(30, 1.0), np.arange(40) % 30
    whole = mechanism.randomize(values, entropy=Entropy.seeded(1))
    permuted = mechanism.randomize(values[order], entropy=Entropy.seeded(1), agents=order)
    assert (whole["point"][order] == permuted["point"]).all()


def test_made_up_reports_move_at_most_the_stated_influence() -> None:
    mechanism = ProjectiveGeometryResponse(13, 1.0, 3)
    (column,) = mechanism.layout
    influence, worst = mechanism.max_influence(), [0.0, 0.0]
    for row in range(mechanism.size):
        report = Reports(mechanism.spec.digest, mechanism.layout, (np.array([row], dtype=column.dtype),))
        moved = mechanism.estimate(mechanism.aggregate(report)).totals
        worst = [max(worst[0], np.abs(moved).max()), max(worst[1], float(np.linalg.norm(moved)))]
    assert worst == pytest.approx([influence.item, influence.euclidean])


def test_check_numbers() -> None:
    for categories, dimension, size, bits, ratio in ((128, 6, 364, 9, 1.016), (1024, 7, 1093, 11, 1.021)):
        mechanism = ProjectiveGeometryResponse(categories, 1.0, order=3)
        assert (mechanism.geometry, mechanism.size, mechanism.report_bits) == ((3, dimension), size, bits)
        assert float(mechanism.variance()) / unary_variance(1.0) == pytest.approx(ratio, abs=5e-4)
    big = ProjectiveGeometryResponse(10**6, 1.0, order=3)
    assert (big.geometry, big.size, big.report_bits) == ((3, 14), 2391484, 22)
    assert float(big.variance()) / unary_variance(1.0) == pytest.approx(1.024, abs=5e-4)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0, 3.0, 4.0])
@pytest.mark.parametrize("categories", [16, 100, 128, 1000, 1024, 10_000, 65_536, 10**6])
def test_the_variance_is_that_of_unary_encoding_within_a_hundredth(categories: int, epsilon: float) -> None:
    mechanism = ProjectiveGeometryResponse(categories, epsilon)
    assert float(mechanism.variance()) / unary_variance(epsilon) < 1.012


def test_the_worst_ratio_is_between_the_orders_two_and_three() -> None:
    worst = {
        eps: float(ProjectiveGeometryResponse(10**6, eps).variance()) / unary_variance(eps) for eps in (0.35, 1.04)
    }
    assert worst[0.35] == pytest.approx(1.030, abs=1e-3)
    assert worst[1.04] < 1.002
    prime = float(ProjectiveGeometryResponse(10**6, 1.04, order=3).variance()) / unary_variance(1.04)
    assert prime == pytest.approx(1.030, abs=1e-3)


@given(st.integers(2, 1 << 24), st.floats(0.1, 12))
@settings(max_examples=100)
def test_a_chosen_geometry_has_enough_points_and_not_too_many(categories: int, epsilon: float) -> None:
    mechanism = ProjectiveGeometryResponse(categories, epsilon)
    assert categories <= mechanism.size <= max(1 << 23, 4 * categories)


def test_a_million_items() -> None:
    mechanism = ProjectiveGeometryResponse(10**6, 1.0)
    values = np.repeat([0, 999_999], 50_000)
    aggregate = mechanism.aggregate(mechanism.randomize(values, entropy=Entropy.seeded(1)))
    estimate = mechanism.estimate(aggregate)
    z = (estimate.value[[0, 999_999]] - 0.5) / np.sqrt(float(mechanism.variance(0.5, reports=100_000)))
    assert np.abs(z).max() < 6
    members = mechanism._members[:, None].astype(np.int64)
    plain = aggregate.totals[(members + np.array([0, 500_000, 999_999])) % mechanism.size].sum(axis=0)
    assert mechanism.supports(aggregate)[[0, 500_000, 999_999]].tolist() == plain.tolist()


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="prime power"):
        ProjectiveGeometryResponse(100, 1.0, order=6)
    with pytest.raises(ConfigurationError, match="too large"):
        ProjectiveGeometryResponse(100, 1.0, order=65_537)
    with pytest.raises(ConfigurationError, match="at most 2\\^24"):
        ProjectiveGeometryResponse((1 << 24) + 1, 1.0)


def test_points_out_of_range_are_parted() -> None:
    mechanism = ProjectiveGeometryResponse(5, 1.0)
    sent = np.array([0, mechanism.size - 1, mechanism.size, 255], dtype=np.uint8)
    aggregate = mechanism.aggregate(Reports(mechanism.spec.digest, mechanism.layout, (sent,)))
    assert (aggregate.reports, aggregate.refused) == (2, 2)
