"""PrivUnit: errors against the closed forms, status, hostile rows."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from scipy.special import betaincinv, kolmogorov, ndtr

from tip.mechanisms.privunit import PrivUnit, PrivUnitG, PrivUnitSubset
from tip.mechanisms.real_vectors import real_normals
from tip.mechanisms.reports import Reports
from tip.privacy.guarantees import Status
from tip.randomness import Entropy

ALPHA = 1e-6


@pytest.mark.parametrize(
    ("dimension", "epsilon", "error"), [(128, 1, 810.2), (128, 4, 55.72), (1024, 1, 6482.0), (1024, 4, 445.77)]
)
def test_priv_unit_g_has_the_error_of_the_reference(dimension: int, epsilon: float, error: float) -> None:
    assert PrivUnitG(dimension, 1, epsilon).error() == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize(("epsilon", "error"), [(1, 6478.3), (4, 445.05)])
def test_priv_unit_has_the_error_of_the_reference(epsilon: float, error: float) -> None:
    assert PrivUnit(1024, 1, epsilon).error() == pytest.approx(error, rel=1e-5)


def test_priv_unit_g_at_a_large_epsilon() -> None:
    mechanism = PrivUnitG(1 << 17, 1, 32)
    assert mechanism.error() * 32 / (1 << 17) == pytest.approx(0.636, abs=2e-3)


@pytest.mark.parametrize("epsilon", [0.5, 1, 4, 8])
def test_p_and_q_spend_epsilon_exactly(epsilon: float) -> None:
    for mechanism in (PrivUnitG(128, 1, epsilon), PrivUnit(128, 1, epsilon)):
        p, q = mechanism._shares
        assert log(p / (1 - p)) + log((1 - q) / q) == pytest.approx(epsilon, rel=1e-9)
        assert mechanism.guarantee.status is Status.IDEALIZED
        assert mechanism.guarantee.epsilon is not None
        assert mechanism.guarantee.epsilon >= epsilon
        assert mechanism.event is not None


@pytest.mark.parametrize(("epsilon", "slack"), [(1, 1.06), (2, 1.08), (4, 1.11)])
def test_the_exact_variant_comes_near_the_sphere(epsilon: float, slack: float) -> None:
    limit = PrivUnit(128, 1, epsilon).error()
    errors = [PrivUnitSubset(128, 1, epsilon, k).error() for k in (1, 4, 16, 64, 256)]
    assert errors == sorted(errors, reverse=True)
    assert limit < errors[-1] < 1.01 * limit
    assert PrivUnitSubset(128, 1, epsilon).error() < slack * limit
    assert PrivUnitSubset(128, 1, epsilon).guarantee.status is Status.PROVEN


@pytest.mark.parametrize("make", [PrivUnitG, PrivUnit])
@pytest.mark.parametrize("dimension", [2, 32])
@pytest.mark.parametrize("length", [1.0, 0.3])
def test_unbiased_with_the_stated_variance(make: type[PrivUnit | PrivUnitG], dimension: int, length: float) -> None:
    mechanism, n = make(dimension, 3.0, 2.0), 20_000
    value = np.arange(1.0, dimension + 1)
    value *= 3 * length / np.linalg.norm(value)
    reports = mechanism.randomize(np.tile(value, (n, 1)), entropy=Entropy.seeded(5))
    estimate = mechanism.estimate(mechanism.aggregate(reports))
    exact = mechanism.variance(value, reports=n)
    assert estimate.reports == n
    assert (np.abs(estimate.value - value) < 6 * np.sqrt(exact)).all()
    along = np.sqrt((value**2 * exact).sum())
    assert abs(value @ (estimate.value - value)) < 6 * along
    assert abs(value @ (0.5 * estimate.value - value)) > 6 * along  # a mutant that shrinks
    assert estimate.variance == pytest.approx(exact, rel=0.1)
    assert exact.sum() * n == pytest.approx(mechanism.error(length))


def distance(heights: np.ndarray, cdf: np.ndarray) -> float:
    """The p-value of the test of Kolmogorov."""
    grid = np.arange(1, len(heights) + 1) / len(heights)
    return float(kolmogorov(np.abs(cdf - grid).max() * np.sqrt(len(heights))))


def test_heights_follow_the_two_sided_law() -> None:
    mechanism, n = PrivUnitG(64, 1, 1.0), 50_000
    heights = np.sort(mechanism.heights(Entropy.seeded(1).stream("h").words(np.arange(n), 2)))
    (p, q), t = mechanism._shares, mechanism._t
    below = (1 - p) * ndtr(np.minimum(heights, t)) / (1 - q)
    above = p * (ndtr(np.maximum(heights, t)) - (1 - q)) / q
    assert distance(heights, below + above) > ALPHA
    assert distance(heights, ndtr(heights)) < ALPHA  # a mutant without the coin


def test_cosines_follow_the_beta_law() -> None:
    mechanism, n = PrivUnit(8, 1, 1.0), 50_000
    heights = mechanism.heights(Entropy.seeded(1).stream("h").words(np.arange(n), 2)) / np.sqrt(8)
    cut = mechanism._t / np.sqrt(8)
    assert abs((heights >= cut).mean() - mechanism._shares[0]) < 6 * 0.5 / np.sqrt(n)
    median = 1 - 2 * betaincinv(3.5, 3.5, mechanism._shares[1] / 2)
    inside = heights[heights >= cut]
    assert abs((inside >= median).mean() - 0.5) < 6 * 0.5 / np.sqrt(len(inside))
    assert np.mean(heights) * np.sqrt(8) == pytest.approx(mechanism.shrinkage, abs=0.03)
    assert np.mean(heights**2) * 8 == pytest.approx(mechanism.along, abs=0.05)


def test_normals_are_normal() -> None:
    numbers = np.sort(real_normals(Entropy.seeded(1).stream("n"), np.arange(1000), 100).reshape(-1).astype(float))
    assert distance(numbers, ndtr(numbers)) > ALPHA
    assert distance(numbers, ndtr(numbers / 1.05)) < ALPHA
    assert np.abs(numbers).max() > 4


def strayed(rows: np.ndarray) -> float:
    """The largest of some sums of normal rows, in standard deviations: moments, tails, and pairs in a row."""
    flat, half = rows.reshape(-1), (rows.shape[1] + 1) // 2
    left, right = rows[:, : rows.shape[1] - half], rows[:, half:]  # right[i] and left[i] have one length
    tails = [((flat > cut) - ndtr(-cut)) / np.sqrt(ndtr(-cut)) for cut in (2.5, 3.5, 4.5)]
    tails += [((flat < -cut) - ndtr(-cut)) / np.sqrt(ndtr(-cut)) for cut in (2.5, 3.5, 4.5)]
    moments = [flat, (flat**2 - 1) / 2**0.5, flat**3 / 15**0.5, (flat**4 - 3) / 96**0.5]
    pairs = [left * right, (left**2 - 1) * (right**2 - 1) / 2, left**2 * right / 3**0.5, rows[1:] * rows[:-1]]
    return max(abs(float(terms.sum())) / float(np.sqrt(terms.size)) for terms in (*moments, *tails, *pairs))


@pytest.mark.parametrize("dimension", [2, 7, 128])
def test_moments_and_tails_of_normals(dimension: int) -> None:
    n = 500_000 // dimension
    rows = real_normals(Entropy.seeded(2).stream("n"), np.arange(n), dimension).astype(float)
    assert rows.shape == (n, dimension)
    assert strayed(rows) < 6
    assert strayed(rows * 1.01) > 6  # mutants: too wide, cut off, one length without its square root
    assert strayed(np.clip(rows, -3.3, 3.3)) > 6
    assert strayed(rows * np.sqrt(np.abs(rows[:, :1]))) > 6


def test_normals_of_extreme_words_are_finite() -> None:
    class Scripted:
        def words(self, agents: np.ndarray, count: int, *, lane: int, dtype: type) -> np.ndarray:
            del agents, lane
            row: np.ndarray = np.resize(np.array([0, 1 << 31, 1, (1 << 32) - 1], dtype=dtype), (2, count // 2))
            return np.stack([np.concatenate([row[0], np.full(count // 2, w, dtype=dtype)]) for w in row[0]])

    numbers = real_normals(Scripted(), np.arange(4), 8)  # type: ignore[arg-type] # a fake
    assert np.isfinite(numbers).all()
    assert 6 < np.abs(numbers).max() < 7
    assert np.abs(numbers).min() < 1e-3


def test_faint_vectors_have_a_direction() -> None:
    values = np.zeros((4, 8))
    values[0, 0], values[1, 1], values[2, 2] = 1e-11, 1e-13, 1e-300
    for mechanism in (PrivUnitG(8, 1, 1.0), PrivUnit(8, 1, 1.0)):
        reports = mechanism.randomize(np.repeat(values, 50, axis=0), entropy=Entropy.seeded(1))
        assert not len(mechanism.validate(reports).refused)


@pytest.mark.parametrize("make", [PrivUnitG, PrivUnit])
def test_hostile_rows_are_refused(make: type[PrivUnit | PrivUnitG]) -> None:
    mechanism = make(16, 1, 1.0)
    reports = mechanism.randomize(np.tile(np.eye(16)[0], (2000, 1)))
    assert not len(mechanism.validate(reports).refused)
    rows = reports["vector"].copy()
    rows[0, 0], rows[1, 0], rows[2], rows[3] = np.nan, np.inf, 3e38, mechanism.radius
    forged = Reports(reports.digest, reports.layout, (rows,))
    assert mechanism.validate(forged).refused.tolist() == [0, 1, 2, 3]
    assert np.isfinite(mechanism.estimate(mechanism.aggregate(forged)).value).all()


def test_an_agents_report_depends_on_its_index_alone() -> None:
    values, entropy = np.tile(np.eye(8), (200, 1)), Entropy.seeded(1)
    order = entropy.generator("order").permutation(len(values))
    for mechanism in (PrivUnitG(8, 1, 1.0), PrivUnit(8, 1, 1.0)):
        whole = mechanism.randomize(values, entropy=entropy)
        mixed = mechanism.randomize(values[order], entropy=entropy, agents=order)
        assert np.array_equal(whole["vector"][order], mixed["vector"])


def test_the_ratio_of_the_heights_densities_is_e_to_epsilon() -> None:
    p, q = PrivUnitG(128, 1, 2.0)._shares
    assert p / q / ((1 - p) / (1 - q)) == pytest.approx(exp(2.0))
