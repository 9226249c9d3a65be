"""LOLOHA: the exact second stage, laws given every seed, joint laws, changes."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import product
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import chdtrc

from tip.errors import ConfigurationError
from tip.mechanisms.loloha import LongitudinalHashing
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6


@pytest.mark.parametrize(("epsilon", "limit"), [(1e-6, 1e-3), (0.5, 1), (1, 2), (4, 40), (39.9, 40)])
@pytest.mark.parametrize("hashed", [2, 4])
def test_given_every_seed_one_report_costs_at_most_epsilon(
    hashed: int, epsilon: float, limit: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = LongitudinalHashing(4, epsilon, limit, hashed, word_bits=3)
    assert largest_ratio(mechanism, range(4)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(value) for value in range(4)]
    assert sum(min(law[report] for law in laws) for report in laws[0]) >= mechanism.blanket >= 1 / mechanism.ratio
    seeds = [Counter[tuple[int, ...]]() for _ in laws]
    for seen, law in zip(seeds, laws, strict=True):
        for report, share in law.items():
            seen[report[:-1]] += share  # type: ignore[assignment]
    assert all(seen == seeds[0] and len(set(seen.values())) == 1 for seen in seeds)  # uniform, whatever is held


@pytest.mark.parametrize("hashed", [2, 4, 8])
@pytest.mark.parametrize("reports", [1, 2, 3])
def test_reports_of_an_unchanged_hash_value(hashed: int, reports: int) -> None:
    mechanism = LongitudinalHashing(100, 1, 2, hashed)
    one, other = (mechanism.joint_law([state] * reports) for state in (0, 1))
    assert sum(one.values()) == 1
    assert max(one[report] / other[report] for report in one) == mechanism.ratio_after(reports)
    assert mechanism.ratio_after(reports) <= mechanism.limit_ratio <= exp_down(Fraction(2))
    assert mechanism.ratio_after(65) == mechanism.limit_ratio


@pytest.mark.parametrize("rounds", [2, 3])
def test_changes(rounds: int) -> None:
    mechanism = LongitudinalHashing(100, 1, 2, 2)
    laws = {states: mechanism.joint_law(states) for states in product(range(2), repeat=rounds)}
    flipped = max(max(laws[s][y] / laws[tuple(1 - x for x in s)][y] for y in laws[s]) for s in laws)
    assert flipped <= mechanism.limit_ratio**2  # the same pattern, other values
    whatever = max(a[y] / b[y] for a, b in product(laws.values(), laws.values()) for y in a)
    promised = mechanism.guarantee_of(rounds).epsilon
    assert promised is not None
    assert log(whatever) <= promised
    assert mechanism.guarantee_after(50).epsilon == mechanism.guarantee_after(2).epsilon
    assert mechanism.guarantee_after(2).epsilon == pytest.approx(4)


def test_the_published_second_stage_wastes_epsilon_above_two_values() -> None:
    a, f = exp(2), exp(1)
    wanted = {2: 1.0, 4: 0.90, 8: 0.76}
    for g, first in wanted.items():
        published = (f * a - 1) / (a - f)
        assert log((a * published + g - 1) / (a + published + g - 2)) == pytest.approx(first, abs=0.005)
        exact = (f * a + (g - 2) * f - (g - 1)) / (a - f)
        mechanism = LongitudinalHashing(100, 1, 2, g)
        assert float(mechanism.instant_ratio) == pytest.approx(exact, rel=1e-12)
        assert mechanism.guarantee.epsilon == pytest.approx(1.0, rel=1e-12)


def test_reports_follow_the_law_and_a_mutant_does_not(p_value: Callable[..., float]) -> None:
    mechanism = LongitudinalHashing(4, 1.0, 2.0, 2, word_bits=2)
    assert p_value(mechanism, 2) > ALPHA
    assert p_value(mechanism, 2, law=LongitudinalHashing(4, 0.9, 2.0, 2, word_bits=2).law(2)) < ALPHA


def test_four_values_follow_their_law_too(p_value: Callable[..., float]) -> None:
    assert p_value(LongitudinalHashing(4, 2.0, 3.0, 4, word_bits=3), 3) > ALPHA


def test_two_rounds_share_seed_and_permanent_answer() -> None:
    mechanism, entropy, n = LongitudinalHashing(16, 1.0, 2.0, 2), Entropy.seeded(8), 100_000
    first, second = (mechanism.randomize(np.full(n, 3), entropy=entropy, round=t) for t in (0, 1))
    assert np.array_equal(first["seed"], second["seed"])
    state = mechanism.family.hash(first["seed"], np.full(n, 3))
    seen = np.bincount(2 * (first["value"] ^ state).astype(int) + (second["value"] ^ state).astype(int), minlength=4)
    joint, alone = mechanism.joint_law([0, 0]), mechanism.joint_law([0])
    for law, fits in ((joint, True), ({(a, b): alone[a,] * alone[b,] for a in (0, 1) for b in (0, 1)}, False)):
        expected = np.array([float(law[a, b]) * n for a in (0, 1) for b in (0, 1)])
        assert (chdtrc(3, float(((seen - expected) ** 2 / expected).sum())) > ALPHA) == fits


def test_the_estimate_over_rounds() -> None:
    mechanism, n = LongitudinalHashing(8, 1.0, 2.0, 4), 2000
    truth = np.array([0.5, 0.3, 0.2, 0, 0, 0, 0, 0])
    values = np.repeat(np.arange(8), (truth * n).astype(int))
    means = []
    for seed in range(200):
        one = [mechanism.randomize(values, entropy=Entropy.seeded(seed), round=t) for t in (0, 1)]
        means.append(np.mean([mechanism.estimate(mechanism.aggregate(r)).value for r in one], axis=0))
    exact = np.asarray(mechanism.variance(truth, reports=n, rounds=2))
    assert (np.abs(np.mean(means, axis=0) - truth) < 5.5 * np.sqrt(exact / 200)).all()
    assert np.var(means, axis=0) / exact == pytest.approx(np.ones(8), abs=0.6)


def test_bits_depend_on_the_index_only_and_hostile_rows_are_refused() -> None:
    mechanism, entropy = LongitudinalHashing(100, 1, 2, 4), Entropy.seeded(1)
    values, order = np.arange(100), Entropy.seeded(9).stream("order").permutation(100)
    whole = mechanism.randomize(values, entropy=entropy)
    part = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert all(np.array_equal(a, b[order]) for a, b in zip(part.columns, whole.columns, strict=True))
    named = whole["value"].copy()
    named[:7] = 200
    bad = Reports(whole.digest, whole.layout, (whole["seed"], named))
    assert mechanism.aggregate(bad).refused == 7
    assert mechanism.aggregate(mechanism.read(whole.to_bytes())) == mechanism.aggregate(whole)


def test_arguments() -> None:
    assert LongitudinalHashing.best(1000, 1, 2).hashed == 4
    assert LongitudinalHashing.best(1000, 0.5, 1).hashed == 2
    for bad in ((10, 2, 2), (10, 1, 2, 3), (10, 1, 2, 1), (10, 1, 2, 2048)):
        with pytest.raises(ConfigurationError):
            LongitudinalHashing(*bad)
    with pytest.raises(ConfigurationError):
        LongitudinalHashing(10, 1, 2).law(1)
