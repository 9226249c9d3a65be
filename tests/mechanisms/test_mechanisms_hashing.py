"""Local hashing: its exact law seed by seed, its estimates, seeds that the server assigns."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtrc

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.hashing import BlurredHash, LocalHashing, best_range_bits
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import WORD, exp_down, exp_up
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 12, 40)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = LocalHashing(5, epsilon, hashed_to=4, word_bits=4)
    ratio = largest_ratio(mechanism, range(5))
    assert ratio == mechanism.ratio <= exp_down(Fraction(epsilon))
    promised = mechanism.guarantee.epsilon
    assert promised is not None
    assert promised <= epsilon
    assert exp_up(Fraction(promised)) >= ratio


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("bits", [1, 2, 6, 16])
def test_a_blurred_hash_is_randomized_response_in_whole_words(bits: int, epsilon: float) -> None:
    blur = BlurredHash(bits, epsilon)
    assert blur.p + (blur.values - 1) * blur.other == 1
    assert (blur.p * WORD).denominator == (blur.other * WORD).denominator == 1
    assert blur.keep % blur.values == 0
    assert blur.ratio <= exp_down(Fraction(epsilon))
    assert float(blur.ratio) > 1 + (float(np.exp(epsilon)) - 1) * 0.98  # epsilon 40: 2^64 words are coarse


@pytest.mark.parametrize("words", [4, 5])
def test_every_item_s_support_is_p_or_exactly_one_in_g_over_all_seeds(words: int) -> None:
    mechanism = LocalHashing(7, 1.0, hashed_to=4, word_bits=words)
    hashes = {}
    for report in mechanism.law(0):
        hashes[report] = mechanism.family.hash(np.array(report[:-1], dtype=np.uint32), np.arange(7)).tolist()
    for held in (0, 3):
        law = mechanism.law(held)
        for item in range(7):
            support = sum(mass for report, mass in law.items() if hashes[report][item] == report[-1])
            assert support == (mechanism.p if item == held else mechanism.q)
    assert mechanism.q == Fraction(1, 4)


def test_the_blanket_is_what_all_items_share() -> None:
    mechanism = LocalHashing(5, 1.0, hashed_to=2, word_bits=3)
    laws = [mechanism.law(item) for item in range(5)]
    shared = sum((min(law[report] for law in laws) for report in laws[0]), Fraction(0))
    assert 1 / mechanism.ratio <= mechanism.blanket <= shared


@pytest.mark.parametrize(("word_bits", "categories"), [(4, 5), (3, 6)])
def test_reports_follow_the_law(word_bits: int, categories: int, p_value: Callable[..., float]) -> None:
    mechanism = LocalHashing(categories, 1.0, hashed_to=2, word_bits=word_bits)
    assert p_value(mechanism, 1) > ALPHA


def test_a_mutant_that_reports_the_plain_hash_more_often_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = LocalHashing(5, 1.0, hashed_to=2, word_bits=3)
    mutant = LocalHashing(5, 1.2, hashed_to=2, word_bits=3)
    assert p_value(mechanism, 1, law=mutant.law(1)) < ALPHA


def same_seeds(first: np.ndarray, second: np.ndarray) -> float:
    """The p-value of a two-sample chi-square test over the upper 4 bits of both seed numbers."""
    cells = [np.bincount((s[:, 0] >> 28 << 4 | s[:, 1] >> 28).astype(int), minlength=256) for s in (first, second)]
    total = cells[0] + cells[1]
    statistic = sum(((c - total / 2) ** 2 / (total / 2)).sum() for c in cells)
    return float(chdtrc(255, statistic))


def test_the_seed_is_independent_of_the_item() -> None:
    mechanism, entropy = LocalHashing(64, 1.0), Entropy.seeded(11)
    one, other = (mechanism.randomize(np.full(20_000, item), entropy=entropy) for item in (63, 1))
    assert np.array_equal(one["seed"], other["seed"])  # the same address has the same bits, whatever is held
    apart = mechanism.randomize(np.full(20_000, 1), entropy=Entropy.seeded(12))
    assert same_seeds(one["seed"], apart["seed"]) > ALPHA


def test_the_test_of_seeds_rejects_those_that_were_looked_for() -> None:
    mechanism = LocalHashing(64, 1.0)
    plain = mechanism.randomize(np.full(20_000, 63), entropy=Entropy.seeded(11))["seed"]
    bent = mechanism.randomize(np.full(50_000, 1), entropy=Entropy.seeded(12))["seed"]
    bent = bent[mechanism.family.hash(bent, 1) > 0][:20_000]  # a mutant: no seed under which the item hashes to 0
    assert same_seeds(plain, bent) < ALPHA


class Words:
    """A stream that holds one word at every agent's first place."""

    def __init__(self, word: int) -> None:
        self.word = word

    def words(self, agents: np.ndarray, count: int, **_: object) -> np.ndarray:
        out = np.zeros((len(agents), count), dtype=np.uint64)
        out[:, 0] = self.word
        return out


def test_the_words_at_the_threshold_s_edges() -> None:
    mechanism = LocalHashing(64, 1.0, hashed_to=8)
    items, agents, keep = np.arange(64), np.arange(64), mechanism.blur.keep
    hashes = mechanism.family.hash(np.zeros((64, 2), dtype=np.uint32), items)
    for word, expected in ((0, hashes), (keep - 1, hashes), (keep, 0), (keep + 5, 5), (WORD - 1, 7)):
        _, answers = mechanism.draw(items, Words(word), agents)  # type: ignore[arg-type]  # a stream by shape
        assert np.array_equal(answers, np.broadcast_to(expected, 64))


@pytest.mark.parametrize("kind", ["client", "server"])
@pytest.mark.parametrize(("categories", "epsilon"), [(2, 0.5), (16, 1.0), (200, 4.0)])
def test_the_estimate_is_unbiased_with_the_exact_variance(categories: int, epsilon: float, kind: str) -> None:
    truth = np.zeros(categories)
    truth[:3] = (0.7, 0.3, 0.0)[: min(categories, 3)]
    answers, runs = np.repeat([0, 1], [700, 300]), 200
    squares, sums = np.zeros(categories), np.zeros(categories)
    for run in range(runs):
        mechanism = LocalHashing(categories, epsilon, seeds=kind, public_seed=run if kind == "server" else None)
        reports = mechanism.randomize(answers, entropy=Entropy.seeded(run))
        error = mechanism.estimate(mechanism.aggregate(reports)).value - truth
        sums, squares = sums + error, squares + error**2
    variance = np.asarray(mechanism.variance(truth, reports=1000))
    assert (np.abs(sums / runs) < 6 * np.sqrt(variance / runs)).all()
    assert (np.abs(squares / runs / variance - 1) < 6 * np.sqrt(2 / runs)).all()


@pytest.mark.parametrize(
    ("epsilon", "g", "expected"), [(0.5, 2, 16.671), (1, 4, 3.6917), (2, 8, 0.7246), (4, 64, 0.07641)]
)
def test_the_default_range_has_the_known_variance(epsilon: float, g: int, expected: float) -> None:
    mechanism = LocalHashing(1024, epsilon)
    assert mechanism.blur.values == g == 1 << best_range_bits(Fraction(epsilon))
    assert mechanism.variance() == pytest.approx(expected, rel=3e-4)
    e = np.exp(epsilon)
    assert mechanism.variance() == pytest.approx((e + g - 1) ** 2 / ((e - 1) ** 2 * (g - 1)), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from(["client", "server"]), st.integers(1, 600))
def test_bits_depend_on_the_agent_s_index_alone(seed: int, seeds: str, n: int) -> None:
    mechanism = LocalHashing(300, 1.0, seeds=seeds, public_seed=3 if seeds == "server" else None)
    entropy = Entropy.seeded(seed)
    values = np.arange(n) % 300
    order = entropy.stream("order").permutation(n)
    whole = mechanism.randomize(values, entropy=entropy)
    parts = mechanism.randomize(values[order], entropy=entropy, agents=order)
    for ours, theirs in zip(whole.columns, parts.columns, strict=True):
        assert np.array_equal(ours[order], theirs)


def test_estimates_of_some_items_are_those_of_all() -> None:
    mechanism = LocalHashing(100, 2.0)
    reports = mechanism.randomize(np.arange(5000) % 40, entropy=Entropy.seeded(1))
    every = mechanism.estimate(mechanism.aggregate(reports))
    some = mechanism.estimate_of(reports, [39, 2, 99])
    assert np.array_equal(some.value, every.value[[39, 2, 99]])
    assert np.array_equal(mechanism.supports_of(reports, [7]), mechanism.aggregate(reports).totals[[7]])
    large = LocalHashing(1 << 31, 4.0)
    reports = large.randomize(np.full(2000, (1 << 31) - 1), entropy=Entropy.seeded(2))
    with pytest.raises(ConfigurationError, match="too many to count"):
        large.aggregate(reports)
    low, high = large.estimate_of(reports, [(1 << 31) - 1, 5]).interval(0.9999)
    assert low[0] <= 1 <= high[0]
    assert low[1] <= 0 <= high[1]
    with pytest.raises(DataError):
        large.estimate_of(reports, [1 << 31])


def test_simulated_supports_follow_the_variance() -> None:
    mechanism, counts = LocalHashing(4, 1.0), np.array([700, 300, 0, 0])
    runs = [mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(i))).value for i in range(800)]
    errors = np.array(runs) - counts / 1000
    ratio = (errors**2).mean(axis=0) / np.asarray(mechanism.variance(counts / 1000, reports=1000))
    assert (np.abs(ratio - 1) < 6 * np.sqrt(2 / 800)).all()


def test_server_seeds_shorten_the_report_and_void_shuffling() -> None:
    client, server = LocalHashing(1024, 1.0), LocalHashing(1024, 1.0, seeds="server", public_seed=7)
    assert (client.report_bits, server.report_bits) == (66, 2)
    assert not client.identifying
    assert "id" in server.identifying
    assert server.spec.digest != LocalHashing(1024, 1.0, seeds="server", public_seed=8).spec.digest
    ids = np.array([5, 1 << 62, 9])
    assert np.array_equal(server.seeds_of(ids.astype(np.uint64))[:1], server.seeds_of(np.array([5], dtype=np.uint64)))
    reports = server.randomize([1, 2, 3], agents=ids, entropy=Entropy.seeded(1))
    assert reports.ids is not None
    assert reports.ids.tolist() == ids.tolist()
    bare = Reports(reports.digest, reports.layout, reports.columns)
    with pytest.raises(ConfigurationError, match="no ids"):
        server.aggregate(bare)
    collected = server.collect([reports.to_bytes(), bare.to_bytes(), b"x"])
    assert (len(collected.reports), len(collected.refused)) == (3, 2)


def test_a_second_report_of_an_id_is_refused() -> None:
    server = LocalHashing(16, 1.0, seeds="server", public_seed=7)
    reports = server.randomize([1, 2, 3], entropy=Entropy.seeded(1))
    aggregate = server.aggregate(Reports.joined([reports, reports.take(slice(0, 2))]))
    assert (aggregate.reports, aggregate.refused) == (3, 2)


def test_the_influence_is_reached_by_a_seed_under_which_all_items_collide() -> None:
    mechanism = LocalHashing(50, 1.0)
    column = mechanism.layout[0]
    forged = np.zeros((1, column.width), dtype=column.dtype)
    report = Reports(mechanism.spec.digest, mechanism.layout, (forged, np.zeros(1, dtype=np.uint8)))
    moved = mechanism.estimate(mechanism.aggregate(report)).totals
    bound = mechanism.max_influence()
    assert moved.max() == pytest.approx(bound.item)
    assert np.linalg.norm(moved) == pytest.approx(bound.euclidean)


@pytest.mark.parametrize("kind", ["client", "server"])
def test_an_aggregate_of_no_report_is_empty(kind: str) -> None:
    mechanism = LocalHashing(9, 1.0, seeds=kind, public_seed=3 if kind == "server" else None)
    assert not mechanism.aggregate(mechanism.randomize(np.zeros(0, dtype=np.int64))).totals.any()


@pytest.mark.parametrize(
    "fields",
    [
        {"hashed_to": 3},
        {"hashed_to": 1 << 17},
        {"seeds": "server"},
        {"public_seed": 4},
        {"seeds": "both"},
        {"seeds": "server", "public_seed": -1},
        {"word_bits": 1, "hashed_to": 4},
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        LocalHashing(10, 1.0, **fields)
