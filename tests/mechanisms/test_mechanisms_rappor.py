"""RAPPOR: bits are cleared as well as set, joint laws, decoding."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.memory import Memory
from tip.mechanisms.rappor import Rappor, hashed_keys
from tip.mechanisms.reports import Reports
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALPHA = 1e-6
KEYS = range(12)


@pytest.mark.parametrize("numbers", [(0.5, 0.5, 0.75), (0.25, 0.1, 0.9), (0.9, 0.45, 0.55), (1e-3, 0.25, 0.75)])
@pytest.mark.parametrize(("bits", "hashes", "cohorts"), [(4, 1, 2), (6, 2, 3)])
def test_the_ratio_of_one_report_is_that_of_the_enumerated_law(
    bits: int, hashes: int, cohorts: int, numbers: tuple[float, float, float], largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = Rappor(bits, hashes, cohorts, *numbers)
    assert largest_ratio(mechanism, KEYS) == mechanism.ratio <= exp_down(Fraction(mechanism.epsilon))
    assert mechanism.limit_ratio <= exp_down(Fraction(mechanism.limit))
    laws = [mechanism.law(key) for key in KEYS]
    assert mechanism.blanket <= sum(min(law[report] for law in laws) for report in laws[0])


@pytest.mark.parametrize("reports", [1, 2, 3])
def test_joint_laws_of_one_string_stay_below_the_limit(reports: int) -> None:
    mechanism = Rappor(3, 1, 2, 0.5, 0.25, 0.75)
    laws = [mechanism.joint_law([key] * reports) for key in range(4)]
    assert all(sum(law.values()) == 1 for law in laws)
    largest = max(a[seen] / b[seen] for a, b in product(laws, laws) for seen in a)
    assert largest == mechanism.ratio_after(reports) < mechanism.limit_ratio == Fraction(9)
    assert mechanism.ratio_after(reports) < mechanism.ratio_after(reports + 1) < mechanism.ratio_after(65) == 9


def test_a_second_string_costs_at_most_the_limit_again() -> None:
    mechanism = Rappor(2, 1, 2, 0.5, 0.25, 0.75)
    histories = [(a, b, a) for a in range(4) for b in range(6, 9)]
    laws = [mechanism.joint_law(history) for history in histories]
    largest = max(a[seen] / b[seen] for a, b in product(laws, laws) for seen in a)
    assert mechanism.limit_ratio < largest <= mechanism.limit_ratio**2
    one, two = mechanism.guarantee_forever.epsilon, mechanism.guarantee_after(2).epsilon
    assert one is not None
    assert two is not None
    assert two == pytest.approx(2 * one)


def test_reports_follow_the_joint_law_over_rounds(p_value: Callable[..., float]) -> None:
    mechanism = Rappor(3, 1, 2, 0.5, 0.25, 0.75)
    assert p_value(mechanism, 5) > ALPHA
    assert p_value(mechanism, 5, law=Rappor(3, 1, 2, 0.55, 0.25, 0.75).law(5)) < ALPHA
    n, entropy = 60_000, Entropy.seeded(4)
    for histories, good in (((5, 5), True), ((5, 8), True), ((5, 6), False)):
        rounds = [mechanism.randomize(np.full(n, key), entropy=entropy, round=t) for t, key in enumerate(histories)]
        rows = np.stack([column for one in rounds for column in one.columns for column in [column.reshape(n)]], axis=1)
        codes, counts = np.unique(rows, axis=0, return_counts=True)
        seen = dict(zip(map(tuple, codes.tolist()), counts.tolist(), strict=True))
        law = mechanism.joint_law(histories if good else (5, 5))
        statistic = sum((seen.get(key, 0) - n * float(m)) ** 2 / (n * float(m)) for key, m in law.items())
        assert set(seen) <= set(law)
        assert (abs(statistic - len(law)) < 7 * np.sqrt(2 * len(law))) == good


def test_bits_are_cleared_as_often_as_set() -> None:
    mechanism = Rappor(64, 2, 4, 0.5, Fraction(1, 1 << 40), 1 - Fraction(1, 1 << 40))  # nearly no second stage
    n = 20_000
    reports = mechanism.randomize(np.full(n, 77), entropy=Entropy.seeded(1))
    bits = np.unpackbits(reports["bits"], axis=1, bitorder="little", count=64).astype(bool)
    held = mechanism.filters(reports["cohort"].astype(np.int64), np.full(n, 77))
    cleared, wrongly_set = 1 - bits[held].mean(), bits[~held].mean()
    assert abs(cleared - 0.25) < 6 * np.sqrt(0.1875 / held.sum())
    assert abs(wrongly_set - 0.25) < 6 * np.sqrt(0.1875 / (~held).sum())
    only_set = bits | held  # a client that sets bits and never clears them has no privacy: the check sees it
    assert abs(1 - only_set[held].mean() - 0.25) > 100 * np.sqrt(0.1875 / held.sum())


def test_permanent_rows_stay_and_instantaneous_ones_do_not() -> None:
    mechanism, entropy = Rappor(32, 1, 4, 0.5, 0.4, 0.6), Entropy.seeded(1)
    keys = np.arange(400)
    days = np.array(
        [
            np.unpackbits(mechanism.randomize(keys, entropy=entropy, round=day)["bits"], axis=1, bitorder="little")
            for day in range(400)
        ]
    )
    share = days.mean(axis=0)
    assert not np.array_equal(days[0], days[1])
    assert (np.abs(np.abs(share - 0.5) - 0.1) < 0.15).all()  # 0.4 or 0.6, never between
    held = mechanism.filters(mechanism.randomize(keys, entropy=entropy)["cohort"].astype(np.int64), keys)
    assert abs((share[held] < 0.5).mean() - 0.25) < 6 * np.sqrt(0.1875 / 400)


@pytest.mark.parametrize(("epsilon", "limit"), [(1e-6, 1e-3), (0.5, 1), (1, 2), (2, 4), (4, 8)])
@pytest.mark.parametrize("hashes", [1, 2, 3])
def test_a_budget_is_kept_and_used(hashes: int, epsilon: float, limit: float) -> None:
    mechanism = Rappor.for_budget(32, hashes, 4, epsilon=epsilon, limit=limit)
    assert mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.limit_ratio <= exp_down(Fraction(limit))
    first, forever = mechanism.guarantee.epsilon, mechanism.guarantee_forever.epsilon
    assert first is not None
    assert forever is not None
    assert epsilon * (1 - 1e-9) <= first <= epsilon
    assert limit * (1 - 1e-9) <= forever <= limit
    later = mechanism.guarantee_of(2).epsilon
    assert later is not None
    assert later > first
    assert mechanism.identifying


def test_bit_shares_are_unbiased_with_their_variance() -> None:
    mechanism, runs = Rappor(8, 2, 2, 0.5, 0.25, 0.75), 800
    keys, counts = np.array([3, 9]), np.array([300, 100])
    scores = []
    filters = mechanism.filters(np.repeat([0, 1], 2), np.tile(keys, 2)).reshape(2, 2, 8)
    for run in range(runs):
        generator = Entropy.seeded(run).generator("cohorts")
        here = generator.binomial(counts, 0.5)
        total = np.zeros((2, 9), dtype=np.int64)
        truth = np.zeros((2, 8))
        one, zero = (float(chance) for chance in mechanism.chances)
        for cohort, part in enumerate((here, counts - here)):
            ones = part @ filters[cohort]
            total[cohort, :-1] = generator.binomial(ones, one) + generator.binomial(part.sum() - ones, zero)
            total[cohort, -1], truth[cohort] = part.sum(), ones / part.sum()
        aggregate = mechanism.simulate(keys, counts, entropy=Entropy.seeded(run))
        estimate = mechanism.estimate(type(aggregate)(aggregate.digest, 400, 0, total))
        exact = np.array([mechanism.variance(truth[c], reports=int(total[c, -1])) for c in (0, 1)])
        scores.append((estimate.value - truth) / np.sqrt(exact))
    z = np.array(scores)
    assert np.abs(z.mean(axis=0)).max() < 6 / np.sqrt(runs)
    assert np.abs((z**2).mean(axis=0) - 1).max() < 0.3


def test_simulated_totals_are_those_of_agents() -> None:
    mechanism = Rappor(8, 2, 3, 0.5, 0.25, 0.75)
    keys, counts = np.array([3, 9]), np.array([200, 100])
    made = np.array([mechanism.aggregate(mechanism.randomize(np.repeat(keys, counts))).totals for _ in range(300)])
    drawn = np.array([mechanism.simulate(keys, counts, entropy=Entropy.seeded(r)).totals for r in range(300)])
    assert (np.abs(made.mean(axis=0) - drawn.mean(axis=0)) < 6 * np.sqrt(made.var(axis=0) / 150)).all()
    ratios = made.var(axis=0) / drawn.var(axis=0)
    assert ((ratios > 0.5) & (ratios < 2)).all()


def test_heavy_candidates_are_found_and_absent_ones_are_not() -> None:
    mechanism = Rappor(64, 2, 16, 0.25, 0.25, 0.75)
    keys = hashed_keys([f"page {number}" for number in range(60)])
    counts = np.zeros(60, dtype=np.int64)
    counts[:5] = 40_000, 20_000, 20_000, 10_000, 10_000
    found = mechanism.decode(mechanism.simulate(keys, counts, entropy=Entropy.seeded(1)), keys)
    assert set(found.keys.tolist()) == set(keys[:5].tolist())
    assert found.keys[0] == keys[0]
    truth = {int(key): count / 1e5 for key, count in zip(keys, counts, strict=True)}
    assert all(abs(s - truth[int(k)]) < 6 * d for k, s, d in zip(found.keys, found.share, found.deviation, strict=True))
    assert len(found) == 5
    assert 0.8 < found.misfit < 1.3
    assert found.biased
    blind = mechanism.decode(mechanism.simulate(keys, counts, entropy=Entropy.seeded(1)), keys[5:])
    assert len(blind) <= 2  # none of the candidates is held
    assert blind.misfit > 2  # which shows


@pytest.mark.slow
def test_false_finds_are_as_rare_as_the_level_says() -> None:
    mechanism = Rappor(32, 1, 8, 0.5, 0.25, 0.75)
    keys = np.arange(40)
    counts = np.array([3000, 2000, *[0] * 38])
    wrong = [
        bool(set(mechanism.decode(mechanism.simulate(keys, counts, entropy=Entropy.seeded(r)), keys).keys) - {0, 1})
        for r in range(80)
    ]
    assert np.mean(wrong) < 0.25


def test_bits_depend_on_the_agent_alone_and_bytes_come_back() -> None:
    mechanism, entropy = Rappor(20, 2, 5, 0.5, 0.25, 0.75), Entropy.seeded(3)
    values, order = np.arange(20_000) * 12_345, np.arange(20_000) * 7919 % 20_000
    whole = mechanism.randomize(values, entropy=entropy, round=2)
    again = mechanism.randomize(values[order], entropy=entropy, agents=order, round=2)
    for one, other in zip(whole.columns, again.columns, strict=True):
        assert np.array_equal(one[order], other)
    assert mechanism.aggregate(mechanism.read(whole.to_bytes())) == mechanism.aggregate(whole)
    bits, cohorts = whole["bits"].copy(), whole["cohort"].copy()
    bits[3, -1], cohorts[4] = 0x10, 5
    assert mechanism.validate(Reports(whole.digest, whole.layout, (cohorts, bits))).refused.tolist() == [3, 4]
    slow = np.unpackbits(whole["bits"], axis=1, bitorder="little", count=20)
    totals = mechanism.aggregate(whole).totals
    assert np.array_equal(totals[2, :-1], slow[whole["cohort"] == 2].sum(axis=0))


class Fixed:
    """A stream that holds one word everywhere."""

    def __init__(self, word: int) -> None:
        self.word = word

    def words(self, agents: Any, count: int, *, lane: int = 0, dtype: Any = np.uint64) -> Any:  # noqa: ANN401
        assert lane >= 0
        whole = np.full((len(agents), count), self.word, dtype=np.uint64)
        return whole if dtype == np.uint64 else whole.view(dtype)[:, :count]

    def words_at(self, agents: Any, positions: Any, *, lane: int) -> Any:  # noqa: ANN401
        assert lane >= 0
        return np.full(np.broadcast(agents, positions).shape, self.word, dtype=np.uint64)


@pytest.mark.parametrize("word", [0, (1 << 64) - 1])
def test_extreme_words_give_reports_that_are_valid(word: int) -> None:
    mechanism, stream = Rappor(12, 2, 4, 0.5, 0.25, 0.75), Fixed(word)
    fake: Any = stream
    columns = mechanism.answer(np.arange(5), fake, fake, np.arange(5))
    typed = tuple(array.astype(column.dtype) for array, column in zip(columns, mechanism.layout, strict=True))
    assert not len(mechanism.validate(Reports(mechanism.spec.digest, mechanism.layout, typed)).refused)


def test_mistakes_are_told() -> None:
    mechanism = Rappor(8, 1, 2, 0.5, 0.25, 0.75)
    with pytest.raises(DataError, match="row 1") as caught:
        mechanism.randomize([1 << 40])
    assert str(1 << 40) not in str(caught.value)
    for wrong in ((1, 1, 1, 0.5, 0.2, 0.8), (8, 0, 1, 0.5, 0.2, 0.8), (8, 1, 1, 0.5, 0.8, 0.2), (8, 1, 1, 1, 0.2, 0.8)):
        with pytest.raises(ConfigurationError):
            Rappor(*wrong)
    with pytest.raises(ConfigurationError):
        Rappor(8, 1, 1, 0.5, 0.2, 0.8, epsilon=0.1)
    with pytest.raises(ConfigurationError):
        Rappor.for_budget(8, 1, 1, epsilon=2, limit=1)
    aggregate = mechanism.aggregate(mechanism.randomize([5], entropy=Entropy.seeded(1)))
    with pytest.raises(ConfigurationError, match="no report"):
        mechanism.estimate(aggregate)
    full = mechanism.simulate([5], [1000], entropy=Entropy.seeded(1))
    for candidates in ([1, 1], []):
        with pytest.raises(ConfigurationError):
            mechanism.decode(full, np.array(candidates, dtype=np.int64))
    with pytest.raises(ConfigurationError):
        mechanism.decode(full, [1], level=1.0)


def test_keys_of_strings_are_fixed() -> None:
    assert hashed_keys(["", "abc"]).tolist() == [
        int.from_bytes(bytes.fromhex(h), "little") for h in ("e3b0c442", "ba7816bf")
    ]


def test_a_device_remembers_its_filter_over_rounds_and_restarts(tmp_path: Path) -> None:
    mechanism = Rappor.for_budget(16, 2, 4, epsilon=1.0, limit=2.0)
    with Memory.open(tmp_path / "device", question="q") as memory:
        first = [memory.respond(mechanism, 77, round=t).to_bytes() for t in range(3)]
    with Memory.open(tmp_path / "device", question="q") as memory:
        assert [memory.respond(mechanism, 77, round=t).to_bytes() for t in range(3)] == first
        spent = memory.spent(mechanism)
    assert (spent.states, spent.rounds) == (1, 3)
    assert spent.guarantee == mechanism.guarantee_after(1)
