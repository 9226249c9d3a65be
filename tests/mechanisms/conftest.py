"""What tests of all mechanisms need: is a law followed, and what is the largest ratio of two laws?"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import chdtrc

from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from numpy.typing import ArrayLike

    from tip.mechanisms.base import PureMechanism
    from tip.mechanisms.reports import Reports

    Law = dict[tuple[int, ...], Fraction]

ALPHA = 1e-6


def rows_of(reports: Reports) -> list[tuple[int, ...]]:
    """Each report as the tuple of its entries."""
    wide = [column.reshape(len(reports), -1).astype(object) for column in reports.columns]
    return [tuple(row) for row in np.concatenate(wide, axis=1)]


def chi_square(observed: dict[tuple[int, ...], int], law: dict[tuple[int, ...], Fraction], n: int) -> float:
    """The p-value of Pearson's test; 0 if something impossible was seen. Rare outcomes are put together."""
    if any(not law.get(outcome) for outcome in observed):
        return 0.0
    statistic, cells, rest_expected, rest_seen = 0.0, 0, 0.0, 0
    for outcome, share in law.items():
        expected, seen = float(share) * n, observed.get(outcome, 0)
        if expected < 10:
            rest_expected, rest_seen = rest_expected + expected, rest_seen + seen
            continue
        statistic, cells = statistic + (seen - expected) ** 2 / expected, cells + 1
    if rest_expected >= 10:
        statistic, cells = statistic + (rest_seen - rest_expected) ** 2 / rest_expected, cells + 1
    return float(chdtrc(cells - 1, statistic)) if cells > 1 else 1.0


@pytest.fixture
def p_value() -> Callable[..., float]:
    """p_value(mechanism, value, law=..., n=...): does `mechanism.randomize` follow the law (its own by default)?"""

    def measure(
        mechanism: PureMechanism,
        value: ArrayLike,
        *,
        law: dict[tuple[int, ...], Fraction] | None = None,
        n: int = 100_000,
    ) -> float:
        values = np.repeat(np.asarray(value)[None], n, axis=0)
        seen = Counter(rows_of(mechanism.randomize(values, entropy=Entropy.seeded(20261122))))
        return chi_square(dict(seen), mechanism.law(value) if law is None else law, n)

    return measure


@pytest.fixture
def largest_ratio() -> Callable[..., Fraction]:
    """largest_ratio(mechanism, values): the largest exact likelihood ratio over all pairs of values and reports."""

    def measure(mechanism: PureMechanism, values: Sequence[Any]) -> Fraction:
        laws = [mechanism.law(value) for value in values]
        assert all(sum(law.values()) == 1 for law in laws)
        assert all(law.keys() == laws[0].keys() for law in laws)
        return max(a[report] / b[report] for a, b in product(laws, laws) for report in a)

    return measure
