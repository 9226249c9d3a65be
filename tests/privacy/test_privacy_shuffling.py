"""Shuffling: the clones against enumeration, the blanket against every small batch, limits and refusals."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.privacy.shuffling import (
    Blanket,
    Kind,
    binomial_mass,
    blanket_delta,
    blanket_epsilon,
    delta_of,
    epsilon_of,
    published_epsilon,
)

Law = dict[int, Fraction]


def randomized_response(k: int, ratio: Fraction) -> list[Law]:
    p, q = ratio / (ratio + k - 1), 1 / (ratio + k - 1)
    return [{y: p if x == y else q for y in range(k)} for x in range(k)]


def blanket_of(k: int, ratio: Fraction) -> Blanket:
    p, q = ratio / (ratio + k - 1), 1 / (ratio + k - 1)
    kinds = [Kind(Fraction(1, k), k * p, k * q), Kind(Fraction(1, k), k * q, k * p)]
    kinds += [Kind(Fraction(k - 2, k), k * q, k * q)] * (k > 2)
    return Blanket(k * q, tuple(kinds))


def batch(laws: list[Law]) -> dict[tuple[int, ...], Fraction]:
    """The exact law of a shuffled batch: of the sorted reports."""
    out: defaultdict[tuple[int, ...], Fraction] = defaultdict(Fraction)
    for reports in product(*laws):
        out[tuple(sorted(reports))] += math.prod(
            (law[y] for law, y in zip(laws, reports, strict=True)), start=Fraction(1)
        )
    return dict(out)


def hockey_stick(a: dict[tuple[int, ...], Fraction], b: dict[tuple[int, ...], Fraction], factor: float) -> float:
    return float(sum(max(a[y] - Fraction(factor) * b[y], Fraction(0)) for y in a))


@pytest.mark.parametrize(("k", "n"), [(2, 1), (2, 2), (2, 6), (3, 4), (4, 3)])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.4, 0.9])
def test_no_batch_exceeds_clones_or_blanket(k: int, n: int, epsilon: float) -> None:
    """All data of the others, all pairs of the protected agent: the exact divergence stays below both bounds."""
    ratio = Fraction(27, 10)
    laws, blanket = randomized_response(k, ratio), blanket_of(k, ratio)
    worst = max(
        hockey_stick(
            batch([laws[0], *(laws[v] for v in others)]),
            batch([laws[1], *(laws[v] for v in others)]),
            math.exp(epsilon),
        )
        for others in product(range(k), repeat=n - 1)
    )
    assert worst <= delta_of(epsilon, ratio=ratio, reports=n)
    assert worst <= blanket_delta(epsilon, blanket, reports=n)
    if n == 1:
        assert blanket_delta(epsilon, blanket, reports=1) < 1.02 * worst + 1e-9


def exact_clones(factor: Fraction, ratio: Fraction, n: int) -> Fraction:
    """The clones' divergence in exact fractions, by summing over both counts."""
    w, clone, total = ratio / (1 + ratio), 1 / ratio, Fraction(0)
    for c in range(n):
        share = math.comb(n - 1, c) * clone**c * (1 - clone) ** (n - 1 - c)
        law = [Fraction(math.comb(c, a), 2**c) if 0 <= a <= c else Fraction(0) for a in range(-1, c + 2)]
        for a in range(c + 2):
            p, q = w * law[a] + (1 - w) * law[a + 1], (1 - w) * law[a] + w * law[a + 1]
            total += share * max(p - factor * q, Fraction(0))
    return total


@pytest.mark.parametrize("n", [2, 3, 10, 60])
@pytest.mark.parametrize("ratio", [Fraction(3, 2), Fraction(27, 10), Fraction(50)])
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.3])
def test_the_clones_delta_is_the_exact_sum_rounded_up(n: int, ratio: Fraction, epsilon: float) -> None:
    computed = delta_of(epsilon, ratio=ratio, reports=n)
    exact = float(exact_clones(Fraction(math.exp(epsilon)), ratio, n))
    assert exact <= computed <= exact * (1 + 1e-9) + 1e-12


def test_check_numbers() -> None:
    e = Fraction(math.e)
    assert epsilon_of(1e-6, ratio=e, reports=10**5) == pytest.approx(0.01528, abs=5e-6)
    assert epsilon_of(1e-6, ratio=e**2, reports=10**5) == pytest.approx(0.0450, abs=5e-5)
    assert epsilon_of(1e-6, ratio=e**4, reports=10**5) == pytest.approx(0.1698, abs=5e-5)
    published = [published_epsilon(1e-6, epsilon=x, reports=10**5) for x in (1.0, 2.0, 4.0)]
    assert published == pytest.approx([0.0726, 0.186, 0.535], abs=5e-4)


@settings(max_examples=25)
@given(st.floats(0.1, 6), st.integers(2, 10**6), st.floats(1e-9, 1e-2))
def test_never_above_one_report_and_below_the_published_form(epsilon: float, n: int, delta: float) -> None:
    ratio = Fraction(math.exp(epsilon)).limit_denominator(10**6)
    found = epsilon_of(delta, ratio=ratio, reports=n)
    assert found <= math.nextafter(math.log(ratio), 9) + 1e-12
    published = published_epsilon(delta, epsilon=math.log(ratio), reports=n) if n > 100 else None
    assert published is None or found <= published


def test_monotone_in_all_arguments() -> None:
    e = Fraction(math.e)
    by_reports = [epsilon_of(1e-6, ratio=e, reports=n) for n in (1, 2, 10, 100, 10**3, 10**4, 10**5, 10**6)]
    by_ratio = [epsilon_of(1e-6, ratio=Fraction(x), reports=10**4) for x in (1.1, 1.5, 2.7, 7, 50, 400)]
    by_delta = [epsilon_of(d, ratio=e, reports=10**4) for d in (1e-2, 1e-4, 1e-6, 1e-8, 1e-12)]
    assert by_reports == sorted(by_reports, reverse=True)
    assert by_ratio == sorted(by_ratio)
    assert by_delta == sorted(by_delta)


def test_the_blanket_is_better_where_it_knows_more() -> None:
    blanket = blanket_of(16, Fraction(math.e))
    known = blanket_epsilon(1e-6, blanket, reports=10**4)
    assert known < 0.5 * epsilon_of(1e-6, ratio=blanket.ratio, reports=10**4)


def test_a_larger_grid_hardly_changes_the_blanket(monkeypatch: pytest.MonkeyPatch) -> None:
    blanket = blanket_of(3, Fraction(math.e))
    coarse = blanket_delta(0.05, blanket, reports=5000)
    monkeypatch.setattr("tip.privacy.shuffling._CELLS", 256)
    fine = blanket_delta(0.05, blanket, reports=5000)
    assert fine <= coarse * (1 + 1e-6) <= 1.05 * fine


def test_the_binomial_mass_is_exact_to_twelve_digits() -> None:
    for n, p in ((1, 0.5), (7, 0.25), (300, 0.5), (1000, 0.375)):
        exact = [float(math.comb(n, x) * Fraction(p) ** x * (1 - Fraction(p)) ** (n - x)) for x in range(n + 1)]
        assert binomial_mass(np.arange(n + 1.0), float(n), p) == pytest.approx(exact, rel=1e-12, abs=1e-300)


def test_mutants_break_the_bound() -> None:
    """One clone too many a report, or a protected report counted among the clones, falls below the exact divergence."""
    ratio, n, factor = Fraction(27, 10), 6, Fraction(math.exp(0.1))
    laws = randomized_response(2, ratio)
    others = [laws[0]] * (n - 1)
    exact = hockey_stick(batch([laws[0], *others]), batch([laws[1], *others]), math.exp(0.1))
    assert float(exact_clones(factor, ratio, n)) >= exact
    assert float(exact_clones(factor, ratio, 3 * n)) < exact


def test_refusals() -> None:
    with pytest.raises(ConfigurationError, match="ratio"):
        delta_of(0.1, ratio=Fraction(1, 2), reports=10)
    with pytest.raises(ConfigurationError, match="reports"):
        delta_of(0.1, ratio=Fraction(2), reports=0)
    with pytest.raises(ConfigurationError, match="delta"):
        epsilon_of(0.0, ratio=Fraction(2), reports=10)
    with pytest.raises(ConfigurationError, match="add up to 1"):
        Blanket(Fraction(1, 2), (Kind(Fraction(1), Fraction(1, 2), Fraction(1)),))
    with pytest.raises(ConfigurationError, match="contain the blanket"):
        Blanket(
            Fraction(1),
            (Kind(Fraction(1, 2), Fraction(1, 2), Fraction(1)), Kind(Fraction(1, 2), Fraction(3, 2), Fraction(1))),
        )
