"""Shuffled batches, enumerated: no mechanism, batch or corner is told apart by more than was stated."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import combinations_with_replacement, permutations
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.mechanisms import (
    BinaryRandomizedResponse,
    CohortLocalHashing,
    CountMeanSketch,
    GeneralizedRandomizedResponse,
    HadamardResponse,
    LocalHashing,
    OptimizedUnaryEncoding,
    ProjectiveGeometryResponse,
    RandomSamplingFakeData,
    SubsetSelection,
    SymmetricUnaryEncoding,
)
from tip.privacy.rounding import log_up
from tip.privacy.shuffling import blanket_delta, blanket_epsilon, delta_of, epsilon_of

Thing: TypeAlias = Any  # a mechanism or a value: what an attack is aimed at
Law: TypeAlias = "defaultdict[tuple[int, ...], Fraction]"

EPSILONS: Final = (0.0, 1e-9, 0.02, 0.1, 0.25, 0.5, 0.75, 0.99, 1.2, 1.9, 2.5)
BATCHES: Final = (
    (BinaryRandomizedResponse(1.0), (0, 1), 4),
    (BinaryRandomizedResponse(3.0), (0, 1), 4),
    (GeneralizedRandomizedResponse(3, 2.0), (0, 1, 2), 4),
    (SubsetSelection(4, 1.0, size=2), (0, 1, 2), 3),
    (SubsetSelection(5, 2.0, size=2), (0, 1, 2), 3),
    (SymmetricUnaryEncoding(3, 1.0), (0, 1, 2), 3),
    (OptimizedUnaryEncoding(3, 2.0), (0, 1, 2), 3),
    (HadamardResponse(3, 1.0), (0, 1, 2), 3),
    (HadamardResponse(4, 2.0, blocks=2), (0, 1, 2), 3),
    (ProjectiveGeometryResponse(4, 2.0), (0, 1, 2), 3),
    (LocalHashing(3, 1.0, hashed_to=2, word_bits=2), (0, 1, 2), 2),
    (CohortLocalHashing(4, 1.0, cohorts=2, hashed_to=2), (0, 1, 2, 3), 3),
    (CountMeanSketch(4, 2.0, hashes=2, width=2), (0, 1, 2, 3), 3),
    (RandomSamplingFakeData((2, 2), 2.0), ((0, 0), (1, 1), (0, 1)), 4),
)


def numbered(mechanism: Thing, values: tuple[Thing, ...]) -> list[dict[int, Fraction]]:
    """The laws, reports as numbers; reports with the same ratios under all laws count as one, which loses nothing."""
    laws = [mechanism.law(value) for value in values]
    kinds: dict[tuple[Fraction, ...], int] = {}
    merged: list[defaultdict[int, Fraction]] = [defaultdict(Fraction) for _ in laws]
    for report in laws[0]:
        masses = tuple(law[report] for law in laws)
        shape = tuple(mass / masses[0] for mass in masses)  # equal ratios: together they say as much as apart
        kind = kinds.setdefault(shape, len(kinds))
        for law, mass in zip(merged, masses, strict=True):
            law[kind] += mass
    return [dict(law) for law in merged]


def with_one_more(batch: Law, law: dict[int, Fraction]) -> Law:
    """A shuffled batch (a sorted tuple) and one more report."""
    more: Law = defaultdict(Fraction)
    for reports, mass in batch.items():
        for report, share in law.items():
            more[tuple(sorted((*reports, report)))] += mass * share
    return more


def divergence(one: Law, other: Law, epsilon: float) -> float:
    """The exact hockey stick, rounded by a float's last bit only."""
    factor = Fraction(math.exp(epsilon))
    return float(sum(max(mass - factor * other[reports], Fraction(0)) for reports, mass in one.items()))


def worst_of(laws: list[dict[int, Fraction]], n: int) -> dict[float, float]:
    """For each epsilon the largest divergence over all data of the others and all pairs."""
    worst = dict.fromkeys(EPSILONS, 0.0)
    for others in combinations_with_replacement(range(len(laws)), n - 1):
        base: Law = defaultdict(Fraction, {(): Fraction(1)})
        for other in others:
            base = with_one_more(base, laws[other])
        for one, another in permutations([with_one_more(base, law) for law in laws], 2):
            for epsilon in EPSILONS:
                worst[epsilon] = max(worst[epsilon], divergence(one, another, epsilon))
    return worst


@pytest.mark.parametrize(("mechanism", "values", "most"), BATCHES, ids=lambda x: type(x).__name__)
def test_no_batch_of_any_mechanism_exceeds_its_bounds(mechanism: Thing, values: tuple[Thing, ...], most: int) -> None:
    """All data of the others, all pairs of the protected one, n from 1: exact divergences against both bounds."""
    laws = numbered(mechanism, values)
    for n in range(1, most + 1):
        for epsilon, exact in worst_of(laws, n).items():
            assert exact * (1 - 1e-15) <= delta_of(epsilon, ratio=mechanism.ratio, reports=n) <= 1
            if exact:
                least = epsilon_of(exact, ratio=mechanism.ratio, reports=n)
                assert epsilon * (1 - 1e-6) - 1e-12 <= least <= log_up(mechanism.ratio)
            if mechanism.worst_pair is not None:
                assert exact * (1 - 1e-15) <= blanket_delta(epsilon, mechanism.worst_pair, reports=n) <= 1


TINY: Final = 1 + Fraction(1, 1 << 60)
HUGE: Final = Fraction(math.exp(40))


@pytest.mark.parametrize("ratio", [Fraction(1), TINY, 1 + Fraction(1, 1 << 40), Fraction(3), HUGE, HUGE**4], ids=float)
@pytest.mark.parametrize("reports", [1, 3, 1000])
@pytest.mark.parametrize("delta", [5e-324, 1e-30, 1e-6, 1 - 2**-53])
def test_corners_are_finite_and_never_above_one_report(ratio: Fraction, reports: int, delta: float) -> None:
    """Ratio 1, 1 + 2^-60, e^40; 2^40 reports; the least delta: a number, from 0 to what one report costs."""
    told = epsilon_of(delta, ratio=ratio, reports=reports)
    assert 0 <= told <= log_up(ratio)
    for epsilon in (0.0, told, 5e-324, 800.0):
        assert 0 <= delta_of(epsilon, ratio=ratio, reports=reports) <= 1
    exact = float((ratio - 1) / (ratio + 1))  # of one report at epsilon 0
    if reports == 1 and 0 < delta < exact:
        assert told > 0


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 10.0, 40.0])
@pytest.mark.parametrize("reports", [1, 3, 1000])
def test_the_blanket_of_extreme_mechanisms(epsilon: float, reports: int) -> None:
    """From nearly no to nearly no privacy: in [0, 1], never above one report, never above the clones."""
    for mechanism in (BinaryRandomizedResponse(epsilon), GeneralizedRandomizedResponse(1 << 20, epsilon)):
        pair: Thing = mechanism.worst_pair
        for at in (0.0, epsilon / 3, epsilon, 2 * epsilon):
            assert 0 <= blanket_delta(at, pair, reports=reports) <= 1
        for delta in (1e-12, 0.1):
            told = blanket_epsilon(delta, pair, reports=reports)
            assert 0 <= told <= epsilon_of(delta, ratio=mechanism.ratio, reports=reports) <= log_up(mechanism.ratio)


@settings(max_examples=30, deadline=None)
@given(st.fractions(1, 200), st.integers(1, 10**4), st.floats(0, 6), st.floats(1e-12, 0.5), st.floats(1, 9))
def test_more_reports_epsilon_or_delta_never_cost_more(
    ratio: Fraction, reports: int, epsilon: float, delta: float, times: float
) -> None:
    """Delta falls with epsilon and with the number of reports, rises with the ratio, up to the stated margins."""
    further, more = epsilon * (times - 1), int(reports * (times - 1))
    slack = 1 + 2.0**-20
    here = delta_of(epsilon, ratio=ratio, reports=reports)
    assert delta_of(epsilon + further, ratio=ratio, reports=reports) <= here * slack + 1e-15
    assert delta_of(epsilon, ratio=ratio, reports=reports + more) <= here * slack + 1e-12
    assert here <= delta_of(epsilon, ratio=ratio * 2, reports=reports) * slack + 1e-12
    told = epsilon_of(delta, ratio=ratio, reports=reports)
    assert epsilon_of(min(delta * times, 0.9), ratio=ratio, reports=reports) <= told * slack
    assert delta_of(told, ratio=ratio, reports=reports) <= delta * slack


@pytest.mark.parametrize("epsilon", [36.0, 38.0, 40.0])
def test_where_floats_end_a_report_is_told_apart_as_by_itself(epsilon: float) -> None:
    """Beyond e^36.7 = 2^53 the clones' tail was empty in floats, and 40 was sold as 36.74; among 2^40 as a negative."""
    ratio = BinaryRandomizedResponse(epsilon).ratio
    pair: Thing = BinaryRandomizedResponse(epsilon).worst_pair
    for reports in (1, 3, 1000):
        for at in (epsilon / 2, epsilon - 2.0, epsilon - 0.2):
            alone = float((ratio - Fraction(math.exp(at))) / (1 + ratio))  # nobody else sends a clone
            alone *= (1 - 1e-9) * (1 - reports / float(ratio))
            assert alone <= delta_of(at, ratio=ratio, reports=reports)
            assert alone <= blanket_delta(at, pair, reports=reports)
    assert blanket_delta(epsilon / 3, pair, reports=1 << 40) > 0


def test_wrong_arguments_are_refused() -> None:
    """What is no ratio, no number of reports, no delta."""
    pair: Thing = BinaryRandomizedResponse(1.0).worst_pair
    half: Thing = 5.5
    wrongs: Thing = (
        lambda: epsilon_of(0.0, ratio=Fraction(2), reports=5),
        lambda: epsilon_of(1.0, ratio=Fraction(2), reports=5),
        lambda: epsilon_of(float("nan"), ratio=Fraction(2), reports=5),
        lambda: epsilon_of(1e-6, ratio=Fraction(1, 2), reports=5),
        lambda: epsilon_of(1e-6, ratio=Fraction(2), reports=0),
        lambda: epsilon_of(1e-6, ratio=Fraction(2), reports=half),
        lambda: epsilon_of(1e-6, ratio=Fraction(2), reports=(1 << 40) + 1),
        lambda: delta_of(float("nan"), ratio=Fraction(2), reports=5),
        lambda: delta_of(float("inf"), ratio=Fraction(2), reports=5),
        lambda: delta_of(-1e-9, ratio=Fraction(2), reports=5),
        lambda: blanket_delta(float("nan"), pair, reports=5),
        lambda: blanket_delta(0.1, pair, reports=True),
    )
    for wrong in wrongs:
        with pytest.raises(ConfigurationError):
            wrong()
