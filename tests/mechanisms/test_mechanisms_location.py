"""Planar Laplace on a grid: the ratio in exact powers, the inverse, regions, remapping."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import e, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtrc

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.location import PlanarLaplace, _inverse, _matrix
from tip.mechanisms.polar import PolarLaplace
from tip.mechanisms.reports import Reports
from tip.privacy.guarantees import Kind, Status
from tip.randomness import Entropy

ALPHA = 1e-6
sizes = st.integers(1, 1000)
rates = st.floats(1e-5, 1.0)


def axis(x: int, y: int, size: int, a: Fraction) -> Fraction:
    """P[y | x] of one axis for a rational a: the slow twin of `_matrix`."""
    if size == 1:
        return Fraction(1)
    return a ** abs(y - x) * (1 if y in (0, size - 1) else 1 - a) / (1 + a)


@pytest.mark.parametrize("a", [Fraction(1, 2), Fraction(9, 10), Fraction(1, 100)])
def test_clamped_noise_has_ratio_a_for_each_step_exactly(a: Fraction) -> None:
    columns, rows = 4, 3
    cells = list(product(range(rows), range(columns)))
    laws = {
        x: {y: axis(x[0], y[0], rows, a) * axis(x[1], y[1], columns, a) for y in cells} for x in cells
    }  # the law with e^(-1/s) = a
    assert all(sum(law.values()) == 1 for law in laws.values())
    for x, other in product(cells, cells):
        steps = abs(x[0] - other[0]) + abs(x[1] - other[1])
        assert max(laws[x][y] / laws[other][y] for y in cells) <= (1 / a) ** steps
    for size in (1, 2, 5):
        slow = [[float(axis(x, y, size, a)) for y in range(size)] for x in range(size)]
        assert _matrix(size, float(a)) == pytest.approx(np.array(slow), rel=1e-12)
        assert _matrix(size, float(a)) @ _inverse(size, float(a)) == pytest.approx(np.eye(size), abs=1e-9)


@given(sizes, rates, st.sampled_from(["euclidean", "manhattan"]))
def test_the_scale_in_use_keeps_the_request(cell: int, epsilon: float, distance: str) -> None:
    mechanism = PlanarLaplace(5, 5, cell, epsilon, distance)
    factor = 2 if distance == "euclidean" else 1
    assert (mechanism.scale * cell * Fraction(epsilon)) ** 2 >= factor
    promised = mechanism.guarantee
    assert promised.kind is Kind.METRIC
    assert promised.status is Status.PROVEN
    assert promised.epsilon is not None
    assert promised.epsilon <= epsilon
    assert Fraction(promised.epsilon) ** 2 * (mechanism.scale * cell) ** 2 >= factor or promised.epsilon == epsilon
    assert "meters" in promised.distance


def test_the_metric_loss_of_the_law_in_use() -> None:
    mechanism = PlanarLaplace(6, 4, 100, 0.02)
    law = np.log(np.kron(_matrix(4, mechanism._decay), _matrix(6, mechanism._decay)))
    centers = mechanism.centers()
    worst = max(
        np.abs(law[x] - law[y]).max() / np.hypot(*(centers[x] - centers[y]))
        for x, y in product(range(24), range(24))
        if x != y
    )
    assert worst == pytest.approx(mechanism.guarantee.epsilon, rel=1e-9)  # sharp: along a diagonal
    assert mechanism.event.sensitivity == 8  # type: ignore[union-attr]


def test_reports_follow_the_law_and_noise_of_half_the_scale_does_not() -> None:
    mechanism, n = PlanarLaplace(5, 4, 100, 0.01), 100_000
    seen = np.bincount(mechanism.randomize(np.full(n, 7), entropy=Entropy.seeded(3))["cell"], minlength=20)
    for decay, fits in ((mechanism._decay, True), (mechanism._decay**2, False)):
        expected = np.kron(_matrix(4, decay), _matrix(5, decay))[7] * n
        assert (chdtrc(19, float(((seen - expected) ** 2 / expected).sum())) > ALPHA) == fits


@pytest.mark.parametrize("simulated", [False, True])
def test_the_estimates_are_unbiased_with_the_exact_variance(simulated: bool) -> None:  # noqa: FBT001
    mechanism, counts, runs = PlanarLaplace(4, 3, 100, 0.02), np.arange(1, 13) * 20, 250
    values, truth = np.repeat(np.arange(12), counts), counts / counts.sum()
    inside = np.isin(np.arange(12), [1, 2, 5, 6])
    found, regions, stated = [], [], []
    for seed in range(runs):
        entropy = Entropy.seeded(seed)
        aggregate = (
            mechanism.simulate(counts, entropy=entropy)
            if simulated
            else mechanism.aggregate(mechanism.randomize(values, entropy=entropy))
        )
        found.append(mechanism.estimate(aggregate).value)
        region = mechanism.region(aggregate, inside)
        regions.append(float(region.value))
        stated.append(float(region.variance))
        assert regions[-1] == pytest.approx(found[-1][inside].sum())
    exact = mechanism.variance(truth, reports=len(values))
    assert (np.abs(np.mean(found, axis=0) - truth) < 5.5 * np.sqrt(exact / runs)).all()
    assert np.var(found, axis=0) / exact == pytest.approx(np.ones(12), abs=0.55)
    assert np.var(regions) / np.mean(stated) == pytest.approx(1, abs=0.55)
    assert np.mean(stated) < exact[inside].sum()  # neighbors' errors cancel


def test_demand_is_biased_and_says_so() -> None:
    mechanism, counts = PlanarLaplace(12, 12, 100, 0.01), np.ones(144, dtype=np.int64)
    counts[40] = 5000
    aggregate = mechanism.simulate(counts, entropy=Entropy.seeded(1))
    demand, raw = mechanism.demand(aggregate), mechanism.estimate(aggregate)
    assert demand.biased
    assert demand.value.sum() == pytest.approx(1)
    assert (demand.value >= 0).all()
    truth = counts / counts.sum()
    assert np.square(demand.value - truth).sum() < np.square(raw.value - truth).sum()
    with pytest.raises(ConfigurationError):
        demand.interval()
    without_noise = PlanarLaplace(3, 3, 1, 1e5)
    kept = without_noise.aggregate(without_noise.randomize([1, 1, 8], entropy=Entropy.seeded(1)))
    assert without_noise.demand(kept).value == pytest.approx(without_noise.estimate(kept).value)


def test_remapping_moves_reports_to_where_people_live() -> None:
    mechanism = PlanarLaplace(9, 9, 100, 0.005)
    prior = np.full(81, 1e-3)
    prior[[20, 60]] = 1.0
    table = mechanism.remap(prior)
    assert set(table.tolist()) <= set(range(81))
    values = np.repeat([20, 60], 2000)
    reports = mechanism.randomize(values, entropy=Entropy.seeded(2))["cell"]
    centers = mechanism.centers()
    raw, mapped = (np.hypot(*(centers[cells] - centers[values]).T).mean() for cells in (reports, table[reports]))
    assert mapped < raw / 2


def test_mean_errors() -> None:
    polar = PolarLaplace(0.02)
    moved = polar.move(np.zeros((100_000, 2)), entropy=Entropy.seeded(1))
    radius = np.hypot(*moved.T)
    assert radius.mean() == pytest.approx(polar.mean_error, rel=0.02) == pytest.approx(2 / 0.02, rel=0.02)
    assert np.median(np.exp(-radius * 0.02) * (1 + radius * 0.02)) == pytest.approx(0.5, abs=0.01)
    assert polar.guarantee.status is Status.IDEALIZED
    fine = PlanarLaplace(10, 10, 1, 0.02)
    assert fine.mean_error == pytest.approx(sqrt(2) * (1 + log(1 + sqrt(2)) / sqrt(2)) / 0.02, rel=1e-3)
    wide = PlanarLaplace(10, 10, 1, 0.0001)
    assert wide.mean_error == pytest.approx(2.2956 / 0.0001, rel=1e-3)
    assert e ** (-wide.guarantee.epsilon) < 1  # type: ignore[operator]


def test_cells_of_places_and_independence_of_order() -> None:
    mechanism, entropy = PlanarLaplace(3, 2, 10, 0.1), Entropy.seeded(4)
    places = np.array([[0, 0], [29.9, 0], [5, 10], [-5, 99], [1e300, -1e300]])
    assert mechanism.cells_of(places).tolist() == [0, 2, 3, 3, 2]
    for bad in (np.array([[np.nan, 1]]), np.array([[1, 2, 3]])):
        with pytest.raises(DataError):
            mechanism.cells_of(bad)
    values, order = np.arange(60) % 6, entropy.stream("order").permutation(60)
    whole = mechanism.randomize(values, entropy=entropy)
    part = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert np.array_equal(part["cell"], whole["cell"][order])
    hostile = Reports(whole.digest, whole.layout, (np.array([5, 6, 7, 0], dtype=np.uint8),))
    assert mechanism.aggregate(hostile).refused == 2


@pytest.mark.parametrize(
    "bad",
    [
        (0, 5, 1, 1),
        (1, 1, 1, 1),
        (5, 5, 0, 1),
        (5, 5, 1, float("nan")),
        (5, 5, 1, 1, "chess"),
        (5000, 5000, 1, 1),
        (5000, 2, 1, 1),
    ],
)
def test_arguments(bad: tuple[int, int, float, float]) -> None:
    with pytest.raises(ConfigurationError):
        PlanarLaplace(*bad)
