"""Shuffled reports: the stated pair is that of the enumerated law; who is promised what, and who is refused."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING

import pytest

from tip.errors import ConfigurationError
from tip.mechanisms import (
    BinaryRandomizedResponse,
    GeneralizedRandomizedResponse,
    LocalHashing,
    OptimizedUnaryEncoding,
    ProjectiveGeometryResponse,
    SubsetSelection,
    shuffled,
)
from tip.privacy import Coalition
from tip.privacy.shuffling import Blanket, blanket_delta, epsilon_of

if TYPE_CHECKING:
    from tip.mechanisms.base import PureMechanism

    Kinds = dict[tuple[Fraction, Fraction], Fraction]

COORDINATOR = Coalition.parse("coordinator + 10% of agents")
SMALL = (
    (BinaryRandomizedResponse(1.0), 2),
    (GeneralizedRandomizedResponse(5, 1.0), 5),
    (ProjectiveGeometryResponse(6, 1.0), 6),
    (SubsetSelection(5, 1.0), 5),
    (LocalHashing(4, 1.0, word_bits=4), 4),
)


def enumerated(mechanism: PureMechanism, pair: tuple[int, int]) -> Kinds:
    """The share of the uniform omega for each pair of densities, from the laws of two values."""
    first, second = (mechanism.law(value) for value in pair)
    share = Fraction(1, len(first))
    kinds: defaultdict[tuple[Fraction, Fraction], Fraction] = defaultdict(Fraction)
    for report in first:
        assert first[report] >= mechanism.blanket * share
        kinds[first[report] / share, second[report] / share] += share
    return kinds


@pytest.mark.parametrize(("mechanism", "values"), SMALL, ids=lambda part: type(part).__name__)
def test_the_stated_pair_is_that_of_the_law_for_every_two_values(mechanism: PureMechanism, values: int) -> None:
    stated = mechanism.worst_pair
    assert stated is not None
    assert stated.gamma == mechanism.blanket
    wanted: defaultdict[tuple[Fraction, Fraction], Fraction] = defaultdict(Fraction)
    for kind in stated.kinds:
        wanted[kind.first, kind.second] += kind.share
    wanted_kinds = {key: share for key, share in wanted.items() if share}
    for pair in combinations(range(values), 2):
        assert enumerated(mechanism, pair) == wanted_kinds


def test_the_exact_batch_of_a_projective_response_stays_below_the_blanket() -> None:
    mechanism, factor = ProjectiveGeometryResponse(4, 1.0), Fraction(math.exp(0.3))
    laws = [mechanism.law(value) for value in range(4)]
    batches: list[defaultdict[tuple[tuple[int, ...], ...], Fraction]] = [defaultdict(Fraction), defaultdict(Fraction)]
    for batch, own in zip(batches, (0, 1), strict=True):
        for reports in product(laws[0], repeat=3):
            mass = laws[own][reports[0]] * laws[2][reports[1]] * laws[2][reports[2]]
            batch[tuple(sorted(reports))] += mass
    divergence = sum(max(batches[0][b] - factor * batches[1][b], Fraction(0)) for b in batches[0])
    assert mechanism.worst_pair is not None
    assert float(divergence) <= blanket_delta(0.3, mechanism.worst_pair, reports=3)


def test_the_better_bound_is_promised_and_never_more_than_the_report_alone() -> None:
    known = shuffled(SMALL[1][0], shuffler="mixer", reports=10_000, delta=1e-6, coalition=COORDINATOR)
    unary = OptimizedUnaryEncoding(8, 1.0)
    clones = shuffled(unary, shuffler="mixer", reports=10_000, delta=1e-6, coalition=COORDINATOR)
    assert known.epsilon is not None
    assert clones.epsilon is not None
    assert known.epsilon < clones.epsilon == epsilon_of(1e-6, ratio=unary.ratio, reports=10_000)
    alone = shuffled(unary, shuffler="mixer", reports=1, delta=1e-6, coalition=COORDINATOR)
    assert alone.epsilon == unary.guarantee.epsilon
    assert any(a.name == "shuffler" and "10,000" in a.sentence for a in known.assumptions)
    assert known.delta.total == 1e-6


@pytest.mark.parametrize(
    ("shuffler", "coalition", "reason"),
    [
        ("", "coordinator", "No shuffler"),
        ("mixer", "coordinator + mixer", "is part of"),
        ("mixer", "coordinator + network", "watches the lines"),
    ],
)
def test_refusals(shuffler: str, coalition: str, reason: str) -> None:
    against = Coalition.parse(coalition, names=["mixer"])
    with pytest.raises(ConfigurationError, match=reason):
        shuffled(SMALL[1][0], shuffler=shuffler, reports=100, delta=1e-6, coalition=against)


def test_seeds_from_the_collector_and_shuffling_are_refused_together() -> None:
    served = LocalHashing(8, 1.0, seeds="server", public_seed=1)
    with pytest.raises(ConfigurationError, match="seed"):
        shuffled(served, shuffler="mixer", reports=100, delta=1e-6, coalition=COORDINATOR)


def test_a_pair_that_is_no_law_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Blanket.of_two_levels(Fraction(1, 2), Fraction(1, 2), Fraction(1, 4))
