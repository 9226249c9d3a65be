"""dBitFlipPM: exact laws of states, the estimator, what a change shows."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from scipy.special import chdtrc

from tip.errors import ConfigurationError
from tip.mechanisms.bitflip import BitFlip
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.privacy.guarantees import Status
from tip.randomness import Entropy

ALPHA = 1e-6


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 4, 40])
@pytest.mark.parametrize(("buckets", "watched"), [(2, 1), (5, 1), (5, 3), (4, 4), (9, 5)])
def test_the_ratio_of_the_enumerated_law(buckets: int, watched: int, epsilon: float) -> None:
    mechanism = BitFlip(buckets, epsilon, watched)
    laws = [mechanism.permanent_law(state) for state in range(mechanism.states)]
    assert all(sum(law.values()) == 1 for law in laws)
    ratio = max(a[bits] / b[bits] for a, b in product(laws, laws) for bits in a)
    assert ratio == mechanism.ratio == mechanism.ratio_after(3) <= exp_down(Fraction(epsilon))
    assert sum(min(law[bits] for law in laws) for bits in laws[0]) == mechanism.blanket
    if watched > 1:
        assert float(mechanism.permanent[1]) == pytest.approx(watched / buckets / (np.exp(epsilon / 2) + 1), rel=1e-3)


def test_the_buckets_are_a_uniform_set_and_the_bits_follow_the_law() -> None:
    mechanism, n = BitFlip(5, 1.0, 3), 60_000
    reports = mechanism.randomize(np.full(n, 2), entropy=Entropy.seeded(4))
    seen = Counter(zip(map(tuple, reports["bucket"].tolist()), reports["bits"][:, 0].tolist(), strict=True))
    statistic, mutant = 0.0, 0.0
    for buckets in combinations(range(5), 3):
        law = mechanism.permanent_law(buckets.index(2) if 2 in buckets else 3)
        wrong = mechanism.permanent_law(3)  # as if nobody's bucket were watched
        for (bits,), share in law.items():
            expected, other = float(share) * n / 10, float(wrong[bits,]) * n / 10
            statistic += (seen[buckets, bits] - expected) ** 2 / expected
            mutant += (seen[buckets, bits] - other) ** 2 / other
    assert sum(seen.values()) == n
    assert chdtrc(79, statistic) > ALPHA > chdtrc(79, mutant)


@pytest.mark.parametrize(("buckets", "watched"), [(6, 1), (6, 3), (4, 4)])
@pytest.mark.parametrize("simulated", [False, True])
def test_the_estimate_is_unbiased_with_the_exact_variance(buckets: int, watched: int, simulated: bool) -> None:  # noqa: FBT001
    mechanism, counts = BitFlip(buckets, 1.0, watched), np.arange(1, buckets + 1) * 60
    values, truth, runs = np.repeat(np.arange(buckets), counts), counts / counts.sum(), 250
    found = np.array(
        [
            mechanism.estimate(
                mechanism.simulate(counts, entropy=Entropy.seeded(seed))
                if simulated
                else mechanism.aggregate(mechanism.randomize(values, entropy=Entropy.seeded(seed)))
            ).value
            for seed in range(runs)
        ]
    )
    exact = np.asarray(mechanism.variance(truth, reports=len(values)))
    assert (np.abs(found.mean(axis=0) - truth) < 5.5 * np.sqrt(exact / runs)).all()
    assert found.var(axis=0) / exact == pytest.approx(np.ones(buckets), abs=0.55)


def test_the_published_estimator_and_variance() -> None:
    mechanism, h = BitFlip(10, 2.0, 4), np.exp(1.0)
    reports = mechanism.randomize(np.arange(1000) % 10, entropy=Entropy.seeded(2))
    bits = np.unpackbits(reports["bits"], axis=1, bitorder="little", count=4)
    published = np.zeros(10)
    np.add.at(published, reports["bucket"].ravel().astype(int), ((bits * (h + 1) - 1) / (h - 1)).ravel())
    assert mechanism.estimate(mechanism.aggregate(reports)).value == pytest.approx(published * 10 / (1000 * 4))
    assert float(mechanism.variance(0.0)) == pytest.approx(2.5 * h / (h - 1) ** 2)
    assert float(mechanism.variance(1.0)) == pytest.approx(2.5 * (h * h - h + 1) / (h - 1) ** 2 - 1)


def test_an_unchanged_state_repeats_and_a_change_shows() -> None:
    mechanism, entropy = BitFlip(64, 1.0, 16), Entropy.seeded(3)
    first, second = (mechanism.randomize(np.full(500, 7), entropy=entropy, round=t) for t in (0, 9))
    assert all(np.array_equal(a, b) for a, b in zip(first.columns, second.columns, strict=True))
    changed = mechanism.randomize(np.full(500, 8), entropy=entropy, round=10)
    watching = ((first["bucket"] == 7) | (first["bucket"] == 8)).any(axis=1)
    differs = (changed["bits"] != first["bits"]).any(axis=1)
    assert not differs[~watching].any()  # "none of mine" is one state
    assert differs[watching].mean() > 0.95
    assert mechanism.guarantee_of(2).status is Status.NOT_PROVEN
    assert mechanism.guarantee_of(1) == mechanism.guarantee
    assert mechanism.guarantee_after(99).epsilon == mechanism.guarantee_after(17).epsilon == pytest.approx(17)


def test_bits_depend_on_the_index_only_and_hostile_rows_are_refused() -> None:
    mechanism, entropy = BitFlip(20, 1.0, 3), Entropy.seeded(1)
    values, order = np.arange(60) % 20, Entropy.seeded(9).stream("order").permutation(60)
    whole = mechanism.randomize(values, entropy=entropy)
    part = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert all(np.array_equal(a, b[order]) for a, b in zip(part.columns, whole.columns, strict=True))
    buckets = np.array([[1, 2, 3], [1, 1, 3], [3, 2, 1], [4, 5, 20], [7, 8, 9]], dtype=np.uint8)
    bits = np.array([[7], [0], [0], [0], [8]], dtype=np.uint8)
    screened = mechanism.validate(Reports(whole.digest, whole.layout, (buckets, bits)))
    assert screened.refused.tolist() == [1, 2, 3, 4]
    assert sum(screened.reasons.values()) == 4


def test_arguments() -> None:
    for bad in ((5, 1.0, 6), (5, 1.0, 0), (1000, 1.0, 257), (1, 1.0, 1)):
        with pytest.raises(ConfigurationError):
            BitFlip(*bad)
    with pytest.raises(ConfigurationError):
        _ = BitFlip(5, 1.0, 2).instant_ratio
    influence = BitFlip(10, 2.0, 4).max_influence()
    assert influence.item == pytest.approx(2.5 * np.e / (np.e - 1))
    assert influence.euclidean == pytest.approx(2 * influence.item)
