"""Piecewise and Hybrid: exact laws, moments, check values, precision attack."""

from __future__ import annotations

from fractions import Fraction
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.mechanisms.numeric import Duchi
from tip.mechanisms.numeric_grid import rounded
from tip.mechanisms.piecewise import Hybrid, MixedLaw, Piecewise, WindowLaw
from tip.mechanisms.thresholds import exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("kind", [Piecewise, Hybrid])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    kind: type[Piecewise | Hybrid], epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = kind(0, 1, epsilon, 3)
    values = [*np.linspace(0, 1, 9), 0.05, 0.77]
    assert largest_ratio_of(mechanism, values, largest_ratio) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(value) for value in values]
    assert mechanism.blanket == sum(min(law[cell] for law in laws) for cell in laws[0])


def largest_ratio_of(
    mechanism: Piecewise | Hybrid, values: list[float], largest_ratio: Callable[..., Fraction]
) -> Fraction:
    """Cells that never occur (a coin of probability 0) have no ratio."""
    if all(mechanism.law(values[0]).values()):
        return largest_ratio(mechanism, values)
    laws = [{c: p for c, p in mechanism.law(value).items() if p} for value in values]
    assert all(law.keys() == laws[0].keys() for law in laws)
    return max(a[c] / b[c] for a in laws for b in laws for c in a)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("kind", [WindowLaw, MixedLaw])
def test_moments_are_exactly_those_of_the_law(kind: type[WindowLaw | MixedLaw], epsilon: float) -> None:
    law = kind.of(8, Fraction(epsilon))
    leading, constant = law.second_moment
    parts = {cell: np.array([int(p[0]) for p in law.parts(np.array([cell]))]) for cell in range(law.cells)}
    assert max(abs(law.first(part)) for part in parts.values()) >= law.reach
    for point in range(9):
        t, masses = Fraction(point, 4) - 1, law.law(point)
        assert sum(masses.values()) == 1
        assert sum(p * law.first(parts[cell]) for cell, p in masses.items()) == t
        assert sum(p * law.second(parts[cell]) for cell, p in masses.items()) == leading * t * t + constant
        assert all(law.second(part) == law.first(part) ** 2 for part in parts.values())


@pytest.mark.parametrize("kind", [Piecewise, Hybrid])
def test_reports_follow_the_law_and_mutants_are_rejected(
    kind: type[Piecewise | Hybrid], p_value: Callable[..., float]
) -> None:
    mechanism = kind(-1, 1, 2.0, 4)
    assert p_value(mechanism, 0.1, n=50_000) > ALPHA
    assert p_value(mechanism, 1, n=20_000) > ALPHA
    assert p_value(mechanism, 0.1, law=mechanism.law(0.125), n=50_000) < ALPHA
    assert p_value(mechanism, 0.1, law=kind(-1, 1, 1.7, 4).law(0.1), n=50_000) < ALPHA


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0, 4.0, 8.0])
def test_the_variance_is_near_the_continuous_formula(epsilon: float) -> None:
    h, x = exp(epsilon / 2), np.linspace(-1, 1, 9)
    formula = x**2 / (h - 1) + (h + 3) / (3 * (h - 1) ** 2)
    assert Piecewise(-1, 1, epsilon).variance(x) == pytest.approx(formula, rel=5e-4)


def test_check_values_of_the_worst_case() -> None:
    assert Piecewise(-1, 1, 1.0).worst_variance == pytest.approx(5.2236, abs=1e-4)
    assert Hybrid(-1, 1, 1.0).worst_variance == pytest.approx(4.289, abs=1e-4)
    for epsilon, better in ((1.28, False), (1.29, True)):
        assert (Piecewise(-1, 1, epsilon).worst_variance < Duchi(-1, 1, epsilon).worst_variance) == better
    for epsilon, mixed in ((0.609, False), (0.611, True)):
        assert bool(MixedLaw.of(1 << 16, Fraction(str(epsilon))).mixed) == mixed


@pytest.mark.parametrize("epsilon", [0.3, 0.61, 1.0, 3.0])
def test_hybrid_is_never_worse_and_flat_above_the_threshold(epsilon: float) -> None:
    hybrid = Hybrid(-1, 1, epsilon)
    others = min(Duchi(-1, 1, epsilon).worst_variance, Piecewise(-1, 1, epsilon).worst_variance)
    assert hybrid.worst_variance <= others + 2.0**-31
    if epsilon > 0.61:
        assert np.ptp(hybrid.variance(np.linspace(-1, 1, 9))) < 1e-8


@pytest.mark.parametrize("kind", [Piecewise, Hybrid])
def test_estimates_are_unbiased_with_the_variance_of_this_population(kind: type[Piecewise | Hybrid]) -> None:
    mechanism, values, counts = kind(0, 10, 1.0), [0.0, 2.0, 10.0], [200, 200, 100]
    truth = float(np.dot(values, counts)) / 500
    runs = [mechanism.estimate(mechanism.simulate(values, counts, entropy=Entropy.seeded(seed))) for seed in range(200)]
    exact = float(np.dot(mechanism.variance(values), counts)) / 500**2
    means = np.array([float(run.value) for run in runs])
    assert abs(means.mean() - truth) < 5 * np.sqrt(exact / 200)
    assert 0.6 < means.var() / exact < 1.6
    assert np.mean([float(run.variance) for run in runs]) == pytest.approx(exact, rel=0.02)
    for law in (lambda run: run, mechanism.cautious):
        ends = np.array([law(run).interval(0.95) for run in runs])
        assert ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() > 0.90


@pytest.mark.parametrize("kind", [Piecewise, Hybrid])
def test_bits_depend_on_the_index_only(kind: type[Piecewise | Hybrid]) -> None:
    mechanism, values = kind(0, 1, 1.0), np.linspace(-0.5, 1.5, 40_000)
    order = Entropy.seeded(1).stream("order").permutation(len(values))
    straight = mechanism.randomize(values, entropy=Entropy.seeded(2))["cell"]
    turned = mechanism.randomize(values[order], entropy=Entropy.seeded(2), agents=order)["cell"]
    assert np.array_equal(straight[order], turned)
    assert mechanism.aggregate(mechanism.randomize(values, entropy=Entropy.seeded(2))).reports == len(values)


class Extreme:
    """A stream of equal words."""

    def __init__(self, first: int, second: int) -> None:
        self._pair = np.array([first, second], dtype=np.uint64)

    def words(self, agents: np.ndarray, count: int, **_: int) -> np.ndarray:
        return np.tile(self._pair, (len(agents), -(-count // 2)))[:, :count]

    def words_at(self, agents: np.ndarray, positions: np.ndarray, *, lane: int = 0) -> np.ndarray:
        del positions
        return np.full(len(agents), lane * 0x1234567890ABCDEF % 2**64, dtype=np.uint64)


@pytest.mark.parametrize("second", [0, 1, 2**32, 2**63, 2**64 - 1])
def test_extreme_words_stay_in_the_range_and_on_the_coins_side(second: int) -> None:
    mechanism = Piecewise(0, 1, 1.0)
    law = WindowLaw.of(1 << 16, Fraction(1))
    for value in (0.0, 0.3, 1.0):
        position = mechanism.checked(np.array([value]))
        for first, inside in ((0, True), (law.near - 1, True), (law.near, False), (2**64 - 1, False)):
            (cells,) = mechanism.draw(position, Extreme(first, second), np.array([0]))  # type: ignore[arg-type]
            assert 0 <= int(cells[0]) < law.cells
            point = int(rounded(position, np.array([second], dtype=np.uint64))[0])
            near = 0 <= int(cells[0]) - point < law.window
            assert near == inside


def proofs(numbers: np.ndarray) -> int:
    """Of releases y = x + noise, x in {0, 1}: those below 1/2 with more than 53 digits, which prove x = 0."""
    scaled = numbers[np.abs(numbers) < 0.5] * 2.0**53
    return int((scaled != np.rint(scaled)).sum())


@pytest.mark.parametrize("kind", [Duchi, Piecewise, Hybrid])
def test_a_precision_attack_proves_nothing_on_a_million_reports(kind: type[Duchi | Piecewise | Hybrid]) -> None:
    mechanism = kind(0, 1, 1.0, 12)
    law = mechanism._law
    cells = mechanism.randomize(np.zeros(1_000_000), entropy=Entropy.seeded(9))["cell"].astype(np.int64)
    assert proofs((cells - law.cells // 2) / law.steps) == 0
    other = law.law(law.steps)  # the exact law of the other answer: is anything seen impossible under it?
    assert all(other[cell] > 0 for cell in np.unique(cells).tolist())


def test_the_same_attack_proves_the_input_of_floating_point_noise() -> None:
    noise = Entropy.seeded(9).generator("mutant").laplace(0.0, 1.0, 1_000_000)
    assert proofs(0.0 + noise) > 100_000
    assert proofs(1.0 + noise) == 0
