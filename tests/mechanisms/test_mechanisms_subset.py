"""Subset selection: its exact law, its sizes, both samplers, hostile sets."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms.columns import Bits, Integers
from tip.mechanisms.reports import Reports
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.thresholds import WORD, exp_down
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 40)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(("categories", "size"), [(2, None), (5, None), (7, 1), (7, 3), (9, 6), (9, None)])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    categories: int, size: int | None, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = SubsetSelection(categories, epsilon, size)
    assert largest_ratio(mechanism, range(categories)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    step = Fraction(mechanism._keep + 1, WORD)
    w = mechanism._size
    assert step == 1 or step * (categories - w) / ((1 - step) * w) > exp_down(Fraction(epsilon))


def test_q_and_the_blanket_are_those_of_the_law() -> None:
    mechanism = SubsetSelection(9, 1.0)
    laws = [mechanism.law(value) for value in range(9)]
    assert isinstance(mechanism.layout[0], Integers)
    assert len(laws[0]) == comb(9, mechanism._size)
    assert sum(share for items, share in laws[4].items() if 4 in items) == mechanism.p
    assert sum(share for items, share in laws[4].items() if 2 in items) == mechanism.q
    assert sum(min(law[items] for law in laws) for items in laws[0]) == mechanism.blanket >= 1 / mechanism.ratio


FORMS = [(9, 1.0, 3, "sparse"), (6, 2.0, 1, "sparse"), (4, 1.0, 3, "dense"), (11, 0.5, 4, "bits"), (5, 1.0, 3, "bits")]


def form(mechanism: SubsetSelection) -> str:
    """Which sampler and layout a mechanism uses."""
    if isinstance(mechanism.layout[0], Bits):
        return "bits"
    return "sparse" if mechanism._is_sparse else "dense"


@pytest.mark.parametrize(("categories", "epsilon", "size", "kind"), FORMS)
def test_reports_follow_the_law(
    categories: int, epsilon: float, size: int, kind: str, p_value: Callable[..., float]
) -> None:
    mechanism = SubsetSelection(categories, epsilon, size)
    assert form(mechanism) == kind
    assert p_value(mechanism, categories - 2) > ALPHA


@pytest.mark.parametrize(("categories", "epsilon", "size"), [(9, 1.0, 3), (11, 0.5, 4)])
def test_the_law_of_another_value_or_threshold_is_rejected(
    categories: int, epsilon: float, size: int, p_value: Callable[..., float]
) -> None:
    mechanism = SubsetSelection(categories, epsilon, size)
    assert p_value(mechanism, 1, law=mechanism.law(2)) < ALPHA
    assert p_value(mechanism, 1, law=SubsetSelection(categories, epsilon / 2, size).law(1)) < ALPHA


class Tied:
    """A stream whose draws are all equal in its first lane, and those of another stream in the next ones."""

    def __init__(self, word: int) -> None:
        self.inner, self.word = Entropy.seeded(4).stream("inner"), word

    def words(self, agents: Any, count: int, *, lane: int = 0, dtype: type = np.uint64) -> Any:  # noqa: ANN401
        if lane == 1:
            return np.full((len(agents), count), self.word % (np.iinfo(dtype).max + 1), dtype=dtype)
        return self.inner.words(agents, count, lane=lane, dtype=dtype)


@pytest.mark.parametrize("word", [0, 1, WORD - 1])
@pytest.mark.parametrize(("categories", "epsilon", "size"), [(9, 1.0, 3), (11, 0.5, 4), (4, 1.0, 3)])
def test_tied_draws_are_drawn_again(categories: int, epsilon: float, size: int, word: int) -> None:
    mechanism = SubsetSelection(categories, epsilon, size)
    stream: Any = Tied(word)
    values = np.arange(2000) % categories
    columns = mechanism.draw(values, stream, np.arange(2000))
    columns = tuple(c.astype(layout.dtype) for c, layout in zip(columns, mechanism.layout, strict=True))
    aggregate = mechanism.aggregate(Reports(mechanism.spec.digest, mechanism.layout, columns))
    assert (aggregate.reports, aggregate.totals.sum()) == (2000, 2000 * size)
    mean = 2000 / categories * (float(mechanism.p) + (categories - 1) * float(mechanism.q))
    assert (np.abs(aggregate.totals - mean) < 6 * np.sqrt(500)).all()


@pytest.mark.parametrize(("categories", "epsilon"), [(9, 1.0), (128, 4.0), (40, 1.0), (300, 0.5)])
def test_bits_depend_on_the_agent_alone(categories: int, epsilon: float) -> None:
    mechanism, entropy = SubsetSelection(categories, epsilon), Entropy.seeded(3)
    values = np.arange(3000) % categories
    reports = mechanism.randomize(values, entropy=entropy)
    order = np.arange(3000)[::-1] // 3 * 3 + np.arange(3000) % 3
    again = mechanism.randomize(values[order], entropy=entropy, agents=order)
    assert np.array_equal(again.columns[0], reports.columns[0][order])
    assert np.array_equal(mechanism.randomize(values[:5], entropy=entropy).columns[0], reports.columns[0][:5])


@pytest.mark.parametrize(("categories", "epsilon"), [(9, 1.0), (40, 1.0), (64, 4.0)])
def test_the_estimate_is_unbiased_with_the_exact_variance(categories: int, epsilon: float) -> None:
    mechanism, entropy = SubsetSelection(categories, epsilon), Entropy.seeded(6)
    answers = np.minimum(np.arange(400) // 40, categories - 1)
    truth = np.bincount(answers, minlength=categories) / 400
    runs = [mechanism.aggregate(mechanism.randomize(answers, entropy=entropy, round=r)) for r in range(250)]
    values = np.array([mechanism.estimate(run).value for run in runs])
    variance = np.asarray(mechanism.variance(truth, reports=400))
    assert (np.abs(values.mean(axis=0) - truth) < 6 * np.sqrt(variance / 250)).all()
    ratio = ((values - truth) ** 2 / variance).mean()
    assert abs(ratio - 1) < 6 * np.sqrt(4 / (250 * categories))
    wrong = np.asarray(OptimizedUnaryEncoding(categories, epsilon / 2).variance(truth, reports=400))
    assert abs(((values - truth) ** 2 / wrong).mean() - 1) > 6 * np.sqrt(4 / (250 * categories))


@pytest.mark.parametrize(
    ("epsilon", "small", "large"), [(0.5, 15.41, 15.64), (1, 3.610, 3.674), (2, 0.6971, 0.7207), (4, 0.05842, 0.07391)]
)
def test_variances_of_the_literature(epsilon: float, small: float, large: float) -> None:
    assert SubsetSelection(128, epsilon).variance() == pytest.approx(small, rel=5e-4)
    assert SubsetSelection(1024, epsilon).variance() == pytest.approx(large, rel=5e-4)


@pytest.mark.parametrize("categories", [2, 3, 10, 33])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_the_size_is_the_best_of_all(categories: int, epsilon: float) -> None:
    best = min(float(SubsetSelection(categories, epsilon, size).variance()) for size in range(1, categories))
    assert SubsetSelection(categories, epsilon).variance() == pytest.approx(best, rel=1e-12)


def test_sets_of_the_wrong_form_are_refused() -> None:
    listed = SubsetSelection(9, 1.0, 3)
    rows = np.array([[0, 1, 2], [2, 1, 0], [1, 1, 2], [0, 8, 9], [6, 7, 8]], dtype=np.uint8)
    screened = listed.validate(Reports(listed.spec.digest, listed.layout, (rows,)))
    assert screened.refused.tolist() == [1, 2, 3]
    assert screened.reasons == {"items out of range": 1, "items not in increasing order": 2}
    row = SubsetSelection(11, 0.5, 4)
    bits = np.array([[15, 0], [7, 0], [31, 0], [0, 120], [9, 6], [255, 255]], dtype=np.uint8)
    screened = row.validate(Reports(row.spec.digest, row.layout, (bits,)))
    assert screened.refused.tolist() == [1, 2, 3, 5]
    assert screened.reasons == {"bits out of range": 2, "not 4 items": 2}


@pytest.mark.parametrize(("categories", "epsilon", "size"), [(9, 1.0, 3), (11, 0.5, 4)])
def test_influence_is_what_the_worst_set_moves(categories: int, epsilon: float, size: int) -> None:
    mechanism = SubsetSelection(categories, epsilon, size)
    p, q = float(mechanism.p), float(mechanism.q)
    move = (np.arange(categories) < size) - q
    assert mechanism.max_influence().item == pytest.approx(np.abs(move).max() / (p - q))
    assert mechanism.max_influence().euclidean == pytest.approx(np.linalg.norm(move) / (p - q))


def test_simulated_totals_have_each_items_own_law() -> None:
    mechanism, counts = SubsetSelection(9, 1.0), np.array([300, 100, *[0] * 7])
    totals = np.array([mechanism.simulate(counts, entropy=Entropy.seeded(r)).totals for r in range(600)])
    p, q = float(mechanism.p), float(mechanism.q)
    mean, variance = counts * p + (400 - counts) * q, counts * p * (1 - p) + (400 - counts) * q * (1 - q)
    assert (np.abs(totals.mean(axis=0) - mean) < 6 * np.sqrt(variance / 600)).all()
    assert (np.abs(totals.var(axis=0) / variance - 1) < 6 * np.sqrt(2 / 600)).all()


@pytest.mark.parametrize("arguments", [(1, 1.0), ((1 << 14) + 1, 1.0), (5, 0.0), (5, 1.0, 5), (5, 1.0, 0)])
def test_wrong_parameters_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError):
        SubsetSelection(*arguments)
