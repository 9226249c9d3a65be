"""Estimates of local mechanisms: unbiased, never cut, widened for liars; and what runs beside them."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms import (
    CohortLocalHashing,
    Duchi,
    GeneralizedRandomizedResponse,
    HadamardResponse,
    Hierarchical,
    Hybrid,
    LocalHashing,
    LocalLaplace,
    NoisePool,
    OptimizedUnaryEncoding,
    Piecewise,
    ProjectiveGeometryResponse,
    Rappor,
    SampledMeans,
    SubsetSelection,
)
from tip.mechanisms.columns import Integers
from tip.mechanisms.unions import Union
from tip.noise import DiscreteLaplace
from tip.randomness import Entropy

Thing: TypeAlias = Any  # an entry of the catalog, a mechanism, a value: what an attack is aimed at

PEOPLE: Final = 60
SEEDED: Final = {"CohortLocalHashing", "CountMeanSketch"}  # unbiased over public seeds
APART: Final = 7.0  # deviations: 3e-12, for some thousand numbers


def shares_of_records(mechanism: Thing, values: np.ndarray) -> Thing:
    """The shares of all attributes' items, or of all pairs' cells."""
    columns = [(values[:, at], size) for at, size in enumerate(mechanism.categories)]
    if type(mechanism).__name__ == "TwoWayMarginals":
        columns = [(a * other + b, size * other) for (a, size), (b, other) in combinations(columns, 2)]
    return np.concatenate([np.bincount(items, minlength=size) for items, size in columns]) / len(values)


def truth(mechanism: Thing, values: np.ndarray) -> Thing:
    """What the population's estimate should be on average."""
    name = type(mechanism).__name__
    if name == "Hierarchical":
        nodes = [np.bincount(values // s, minlength=-(-mechanism.categories // s)) for s in mechanism.sizes]
        return np.concatenate(nodes) / len(values)
    if isinstance(getattr(mechanism, "categories", None), tuple):
        return shares_of_records(mechanism, values)
    if name == "PlanarLaplace" or hasattr(mechanism, "categories"):
        size = getattr(mechanism, "categories", None) or mechanism.cells
        return np.bincount(values, minlength=size) / len(values)
    if name == "SampledMeans":
        low, high = np.array(mechanism.ranges).T
        return np.clip(values, low, high).mean(axis=0)
    if hasattr(mechanism, "norm"):
        norm = float(mechanism.norm)
        long = np.maximum(np.linalg.norm(values, axis=1) / norm, 1.0)
        return (values / long[:, None]).mean(axis=0)
    if name == "SquareWave":
        unit = (mechanism.high - mechanism.low) / mechanism.inputs
        values = mechanism.low + (mechanism.cells(values) + 0.5) * unit
    return np.asarray(np.clip(values, mechanism.low, mechanism.high).mean())


@pytest.mark.parametrize("runs", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_estimates_are_unbiased_and_never_cut(attacked: Thing, runs: int) -> None:
    """The mean of many raw estimates of one population, and their spread against the variance that they tell."""
    mechanism = attacked.mechanism
    name = type(mechanism).__name__
    if name == "PrefixExtendingMethod":
        pytest.skip("decodes, and says that it is biased")
    if name == "Rappor":
        pytest.skip("estimates bits of cohorts that agents draw: below")
    if getattr(mechanism, "categories", 0) == 1 << 20:
        pytest.skip("many items")
    people = PEOPLE * 5 if name == "Hierarchical" else PEOPLE
    values = attacked.many(people)
    found, told = [], []
    for run in range(runs):
        one = replace(mechanism, public_seed=run) if name in SEEDED else mechanism
        agents = np.arange(people) + run * people  # others each time, for seeds that follow from ids
        aggregate = one.aggregate(one.randomize(values, entropy=Entropy.seeded(run), agents=agents))
        estimate = one.mean(aggregate) if name == "SquareWave" else one.estimate(aggregate)
        found.append(np.atleast_1d(estimate.value))
        told.append(np.atleast_1d(estimate.variance))
    right = np.atleast_1d(truth(mechanism, np.asarray(values)))
    variance = np.mean(told, axis=0)
    if name in {"GeneralizedRandomizedResponse", "PlanarLaplace"}:  # a plug-in of noise that is cut at 0 is too large
        variance = np.asarray(mechanism.variance(right, reports=people))
    off = np.abs(np.mean(found, axis=0) - right) / np.sqrt(variance / runs + 1e-18)
    assert off.max() < APART
    most = 1 + 8 / np.sqrt(runs)  # five or more deviations of the variance of a normal law
    assert 1 / most < np.var(found, axis=0).mean() / variance.mean() < most
    if runs > 100 and np.size(right) > 2 and name != "HadamardResponse":
        assert np.min(found) < 0  # nothing was cut


def test_bloom_bits_of_cohorts_are_unbiased() -> None:
    """RAPPOR's estimate of each bit against the filters of those who stand in the cohort, run by run."""
    mechanism = Rappor(8, 2, 3, 0.5, 0.5, 0.75)
    values, agents = np.resize([1, 2, 2, 99], 200), np.arange(200)
    runs, off = 60, []
    for run in range(runs):
        entropy = Entropy.seeded(run)
        reports = mechanism.randomize(values, entropy=entropy)
        cohorts = mechanism.cohorts_of(entropy.stream("permanent rappor"), agents)
        assert np.array_equal(cohorts, reports["cohort"])
        bits = mechanism.filters(cohorts, values)
        estimate = mechanism.estimate(mechanism.aggregate(reports))
        right = np.array([bits[cohorts == cohort].mean(axis=0) for cohort in range(3)])
        off.append((estimate.value - right) / np.sqrt(mechanism.variance(0.5, reports=67)))
    assert np.abs(np.mean(off, axis=0)).max() < APART / np.sqrt(runs)
    assert 0.8 < np.var(off) < 1.25  # 1440 numbers, nearly independent: five deviations


# -- liars ----------------------------------------------------------------------------------------

REACHED: Final = (
    GeneralizedRandomizedResponse(5, 1.0),
    OptimizedUnaryEncoding(5, 1.0),
    SubsetSelection(6, 1.0),
    ProjectiveGeometryResponse(6, 1.0),
    LocalHashing(5, 1.0),
    Duchi(0.0, 4.0, 1.0),
    Piecewise(0.0, 4.0, 1.0),
    Hybrid(0.0, 4.0, 0.4),
    LocalLaplace(0.0, 4.0, 1.0),
    SampledMeans(((0.0, 1.0), (0.0, 2.0)), 1.0),
)


@pytest.mark.parametrize("mechanism", REACHED, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("count", [8, 200, 30_000])
def test_more_liars_never_make_an_interval_narrower(mechanism: Thing, count: int) -> None:
    """The interval for m made-up reports lies within that for m + 1, for the cautious law as well."""
    pairs = isinstance(mechanism, SampledMeans)
    values: Thing = np.resize([[0, 1], [1, 1], [1, 0]], (count, 2)) if pairs else np.resize([0, 1, 1, 2], count)
    estimate = mechanism.estimate(mechanism.aggregate(mechanism.randomize(values, entropy=Entropy.seeded(3))))
    for law in (estimate, mechanism.cautious(estimate) if hasattr(mechanism, "cautious") else estimate):
        ends = [law.interval(0.95, malicious=m) for m in (0, 1, 2, 5)]
        for (low, high), (lower, higher) in pairwise(ends):
            assert (np.asarray(lower) <= np.asarray(low) + 1e-12).all()
            assert (np.asarray(higher) >= np.asarray(high) - 1e-12).all()
        for wrong in (-1, True, 1.5, count, count + 1):
            with pytest.raises(ConfigurationError):
                law.interval(0.95, malicious=wrong)


@pytest.mark.parametrize("mechanism", REACHED[:5], ids=lambda m: type(m).__name__)
def test_the_truth_survives_liars(mechanism: Thing) -> None:
    """40 of 400 reports are copies of one that supports item 0: the honest share stays covered, runs in a row."""
    missed = bare = 0
    for run in range(40):
        reports = mechanism.randomize(np.resize([1, 2, 3, 4], 400), entropy=Entropy.seeded(run))
        pool = mechanism.randomize(np.zeros(64, dtype=int), entropy=Entropy.seeded(run + 1000))
        singles = (pool.take(slice(i, i + 1)) for i in range(64))
        liar = next(one for one in singles if mechanism.supports(mechanism.aggregate(one))[0] == 1)
        liars = liar.take(np.zeros(40, dtype=np.int64))
        aggregate = mechanism.aggregate(reports.take(slice(0, 360))) + mechanism.aggregate(liars)
        low, high = mechanism.estimate(aggregate).interval(0.999, malicious=40)
        missed += not low[0] <= 0 <= high[0]
        low, high = mechanism.estimate(aggregate).interval(0.999)
        bare += not low[0] <= 0 <= high[0]
    assert missed <= 3  # P[Bin(40, 0.001) > 3] < 1e-7
    assert bare > 3  # without the allowance the liars win


# -- beside ---------------------------------------------------------------------------------------


def test_a_pool_hands_no_number_to_two_threads() -> None:
    """Eight threads take one by one: together they have the pool, each number once."""
    pool = NoisePool(DiscreteLaplace(Fraction(1 << 30)), 20_000, entropy=Entropy.seeded(1))
    twin = NoisePool(DiscreteLaplace(Fraction(1 << 30)), 20_000, entropy=Entropy.seeded(1)).take(20_000)
    taken: list[int] = []
    patience = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: taken.extend(int(pool.take(1)[0]) for _ in range(2_500))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(patience)
    assert sorted(taken) == sorted(twin.tolist())
    assert pool.left == 0


def test_a_tree_refuses_oracles_that_need_ids() -> None:
    """Its reports have none: better told when it is made than when all reports are in."""
    with pytest.raises(ConfigurationError, match="ids"):
        Hierarchical(8, 1.0, oracle=lambda k, e: LocalHashing(k, e, seeds="server", public_seed=1))


def test_a_tree_refuses_oracles_whose_variance_it_does_not_know() -> None:
    """Consistency weighs levels by q (1 - q) / (p - q)^2; net supports have q = 0, and weights were 0 / 0."""
    for oracle in (HadamardResponse, lambda k, e: CohortLocalHashing(k, e, cohorts=8)):
        with pytest.raises(ConfigurationError, match="p and q"):
            Hierarchical(8, 1.0, oracle=oracle)


def test_hybrid_has_no_cells_that_nobody_sends() -> None:
    """Below epsilon 0.61 only the sign's two cells exist: a made-up one weighed twice what an honest one can."""
    mechanism: Thing = Hybrid(0.0, 1.0, 0.4, bits=4)
    assert mechanism.layout[0].high == 2
    assert all(share > 0 for share in mechanism.law(0.3).values())
    wide: Thing = Hybrid(0.0, 1.0, 0.7, bits=4)
    assert wide.layout[0].high > 16


def test_a_union_holds_all_answers_of_its_parts() -> None:
    """[0, 3) and [0, 4) take two bits both: the first one was taken for the widest, and honest 3s were refused."""
    mechanism = Hierarchical(4, 1.0, fanout=2, oracle=GeneralizedRandomizedResponse)
    assert mechanism.aggregate(mechanism.randomize(np.resize(np.arange(4), 500))).refused == 0
    parts = tuple((Integers("item", high=high),) for high in (3, 4, 2))
    assert Union(parts).columns == (Integers("item", high=4),)
