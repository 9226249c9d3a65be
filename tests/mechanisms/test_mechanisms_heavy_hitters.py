"""Heavy hitters: the law given group and seed, what is found, and how honest its estimates are."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import chdtrc

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.heavy_hitters import PrefixExtendingMethod, keys_of, texts_of
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

ALPHA = 1e-6


def population(bits: int, *, agents: int = 100_000, strings: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Strings, the most frequent first, and the agents', by a Zipf law of exponent 1.3."""
    generator = Entropy.seeded(31).generator("population")
    keys = np.unique(generator.integers(0, 1 << bits, 2 * strings, dtype=np.uint64, endpoint=False))
    keys = generator.permutation(keys)[:strings]
    weights = np.arange(1, len(keys) + 1) ** -1.3
    return keys, keys[generator.choice(len(keys), agents, p=weights / weights.sum())]


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4])
def test_given_group_and_seed_the_ratio_is_at_most_the_request(epsilon: float) -> None:
    mechanism = PrefixExtendingMethod(8, epsilon, top=1, step=2, held_out=True)
    assert mechanism.lengths == (3, 5, 7, 8)
    worst = Fraction(1)
    for group, seed in product(range(mechanism.groups), [(0, 0), (5 << 28, 0), (0x9E3779B9, 12345)]):
        laws = [mechanism.law_under(group, seed, value) for value in range(0, 256, 5)]
        assert all(sum(law.values()) == 1 for law in laws)
        worst = max(worst, *(max(law[a] for law in laws) / min(law[a] for law in laws) for a in laws[0]))
    assert worst == mechanism.ratio <= exp_down(Fraction(epsilon))


def fits(mechanism: PrefixExtendingMethod, reports: Reports, value: int) -> float:
    """The least p-value over groups: is the prefix's hash told as often as `law_under` says? And the groups' own."""
    p_values = []
    sizes = np.bincount(reports["group"], minlength=mechanism.groups)
    expected = len(reports) / mechanism.groups
    p_values.append(float(chdtrc(mechanism.groups - 1, ((sizes - expected) ** 2 / expected).sum())))
    lengths = (*mechanism.lengths, mechanism.bits)[: mechanism.groups]
    for group, length in enumerate(lengths):
        rows = reports["group"] == group
        hashes = mechanism.family.hash(reports["seed"][rows], value >> (mechanism.bits - length))
        told, n, p = int((hashes == reports["answer"][rows]).sum()), int(rows.sum()), float(mechanism.blur.p)
        p_values.append(float(chdtrc(1, (told - n * p) ** 2 / (n * p * (1 - p)))))
    return min(p_values)


@pytest.mark.parametrize("bits", [16, 40, 64])
def test_reports_follow_the_law(bits: int) -> None:
    mechanism, value = PrefixExtendingMethod(bits, 1.0, held_out=True), (1 << bits) - 12345
    reports = mechanism.randomize(np.full(60_000, value, dtype=np.uint64), entropy=Entropy.seeded(6))
    assert fits(mechanism, reports, value) > ALPHA
    assert fits(mechanism, reports, value ^ 1) < ALPHA  # a mutant: the last bit is wrong


def test_group_and_seed_do_not_depend_on_the_string() -> None:
    mechanism = PrefixExtendingMethod(32, 1.0)
    one, other = (mechanism.randomize(np.full(5000, v), entropy=Entropy.seeded(8)) for v in (0, (1 << 32) - 1))
    assert np.array_equal(one["group"], other["group"])
    assert np.array_equal(one["seed"], other["seed"])


@pytest.mark.parametrize(("bits", "recall"), [(16, 0.8), (32, 0.8), (64, 0.5)])
def test_frequent_strings_are_found_at_epsilon_4(bits: int, recall: float) -> None:
    keys, held = population(bits)
    mechanism = PrefixExtendingMethod(bits, 4.0)
    found = mechanism.decode(mechanism.randomize(held, entropy=Entropy.seeded(1)))
    assert len(found) == 16
    assert len(set(found.items.tolist()) & set(keys[:16].tolist())) >= recall * 16
    assert (np.diff(found.share) <= 0).all()
    assert found.items[0] == keys[0]
    low, high = found.interval()
    true = Counter(held.tolist())
    shares = np.array([true[item] / len(held) for item in found.items.tolist()])
    assert ((low <= shares) & (shares <= high)).all()
    assert found.reports == 100_000
    assert found.looked_at <= mechanism.most_candidates


def test_a_held_out_group_estimates_without_bias_and_the_choosing_one_does_not() -> None:
    keys, held = population(16, agents=4000, strings=50)
    true = {key: count / len(held) for key, count in Counter(held.tolist()).items()}
    scores = {}
    for held_out in (False, True):
        mechanism = PrefixExtendingMethod(16, 1.0, top=8, keep=16, step=6, held_out=held_out)
        z = []
        for run in range(40):
            found = mechanism.decode(mechanism.randomize(held, entropy=Entropy.seeded(run)))
            errors = found.share - [true.get(item, 0.0) for item in found.items.tolist()]
            z.append(errors.mean() / np.sqrt(found.variance.mean() / len(found)))
        scores[held_out] = np.mean(z) * np.sqrt(len(z))
        assert bool(found.biased) != held_out
    assert abs(scores[True]) < 6
    assert scores[False] > 12
    assert len(keys) == 50


def test_intervals_cover_what_was_picked() -> None:
    _, held = population(16, agents=4000, strings=50)
    true = {key: count / len(held) for key, count in Counter(held.tolist()).items()}
    mechanism = PrefixExtendingMethod(16, 1.0, top=8, keep=16, step=6)
    missed = 0
    for run in range(60):
        found = mechanism.decode(mechanism.randomize(held, entropy=Entropy.seeded(run)))
        low, high = found.interval(0.95)
        shares = np.array([true.get(item, 0.0) for item in found.items.tolist()])
        missed += not ((low <= shares) & (shares <= high)).all()
    assert missed <= 14  # 3 expected at most; Bin(60, 0.05) exceeds 14 with probability below 1e-6


def test_the_variance_of_a_fixed_string() -> None:
    held = np.repeat(np.array([7, 200], dtype=np.uint64), [300, 700])
    mechanism = PrefixExtendingMethod(8, 2.0, top=2, step=6)
    assert mechanism.groups == 1
    values = []
    for run in range(300):
        found = mechanism.decode(mechanism.randomize(held, entropy=Entropy.seeded(run)))
        values.append(found.share[found.items == 200][0])
    variance = float(mechanism.variance(0.7, reports=1000))
    assert abs(np.mean(values) - 0.7) < 6 * np.sqrt(variance / 300)
    assert np.var(values) < variance * (1 + 6 * np.sqrt(2 / 300))  # the draw of the group has no part in one group


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 500))
def test_bits_depend_on_the_agent_s_index_alone(seed: int, n: int) -> None:
    mechanism, entropy = PrefixExtendingMethod(64, 1.0), Entropy.seeded(seed)
    values = entropy.stream("values").words(np.arange(1), n)[0]
    order = entropy.stream("order").permutation(n)
    whole = mechanism.randomize(values, entropy=entropy)
    parts = mechanism.randomize(values[order], entropy=entropy, agents=order)
    for ours, theirs in zip(whole.columns, parts.columns, strict=True):
        assert np.array_equal(ours[order], theirs)


@settings(max_examples=200, deadline=None)
@given(bits=st.integers(2, 64), top=st.integers(1, 64), step=st.integers(1, 10))
def test_lengths_rise_to_the_whole_string_by_at_most_a_step(bits: int, top: int, step: int) -> None:
    mechanism = PrefixExtendingMethod(bits, 1.0, top=top, step=step)
    lengths = mechanism.lengths
    assert lengths[-1] == bits
    assert all(1 <= after - before <= step for before, after in pairwise(lengths))
    assert mechanism.most_candidates <= mechanism.kept << step


def test_reports_travel_and_bad_ones_are_refused() -> None:
    mechanism = PrefixExtendingMethod(32, 4.0, top=4)
    reports = mechanism.randomize(np.full(4000, 77), entropy=Entropy.seeded(2))
    again = mechanism.read(reports.to_bytes())
    assert mechanism.decode(again).items[0] == 77
    group = reports["group"].copy()
    group[:10] = 255
    bad = Reports(reports.digest, reports.layout, (group, *reports.columns[1:]))
    assert mechanism.decode(bad).refused == 10
    assert mechanism.aggregate(bad).totals.sum() == 3990
    with pytest.raises(ConfigurationError, match="decode"):
        mechanism.estimate(mechanism.aggregate(bad))
    with pytest.raises(ConfigurationError, match="no report"):
        mechanism.decode(reports.take(slice(0, 0)))


def test_text_goes_there_and_back() -> None:
    texts = ["", "a", "cat", "zürich", "12345678"]
    assert texts_of(keys_of(texts)) == texts
    assert keys_of(["ab"], 16).tolist() == [0x6162]
    assert texts_of(keys_of(["ab", "c"], 16), 16) == ["ab", "c"]
    assert not len(keys_of([]))
    for bad in ("123456789", "a\0", "日本語"):
        with pytest.raises(DataError) as error:
            keys_of(["fine", bad])
        assert bad not in str(error.value)


@pytest.mark.parametrize(
    "values", [[-1], [1 << 16], np.array([1 << 63], dtype=np.uint64), np.zeros((2, 2), dtype=int), [0.5]]
)
def test_values_that_are_no_strings_are_refused(values: Any) -> None:  # noqa: ANN401 - all kinds of wrong
    with pytest.raises((ConfigurationError, DataError)):
        PrefixExtendingMethod(16, 1.0).randomize(values)


@pytest.mark.parametrize(
    "fields", [{"bits": 65}, {"bits": 1}, {"top": 0}, {"top": 16, "keep": 8}, {"step": 30}, {"top": 5000}]
)
def test_wrong_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        PrefixExtendingMethod(fields.pop("bits", 32), 1.0, **fields)
