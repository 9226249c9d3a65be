"""Every frequency oracle's interval can be widened by what made-up reports move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.mechanisms import (
    BinaryRandomizedResponse,
    CohortLocalHashing,
    GeneralizedRandomizedResponse,
    HadamardResponse,
    LocalHashing,
    OptimizedUnaryEncoding,
    ProjectiveGeometryResponse,
    SubsetSelection,
)
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.mechanisms.frequency import FrequencyOracle

ORACLES = (
    BinaryRandomizedResponse(1.0),
    GeneralizedRandomizedResponse(8, 1.0),
    OptimizedUnaryEncoding(8, 1.0),
    SubsetSelection(8, 1.0),
    LocalHashing(8, 1.0),
    CohortLocalHashing(8, 1.0, cohorts=64),
    HadamardResponse(8, 1.0),
    HadamardResponse(8, 3.0, blocks=2),
    ProjectiveGeometryResponse(8, 1.0),
)


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: type(oracle).__name__)
def test_the_reach_bounds_what_one_report_adds(oracle: FrequencyOracle) -> None:
    items = np.arange(300) % oracle.categories
    reports = oracle.randomize(items, entropy=Entropy.seeded(3))
    whole = oracle.estimate(oracle.aggregate(reports))
    assert whole.reach is not None
    low, high = whole.reach
    for row in range(30):
        alone = oracle.estimate(oracle.aggregate(reports.take(slice(row, row + 1)))).value
        assert (low - 1e-9 <= alone).all()
        assert (alone <= high + 1e-9).all()
    plain, wary = whole.interval(0.95), whole.interval(0.95, malicious=20)
    assert (wary[0] <= plain[0]).all()
    assert (plain[1] <= wary[1]).all()


def test_the_share_of_yes_can_be_widened_too() -> None:
    question = ORACLES[0]
    assert isinstance(question, BinaryRandomizedResponse)
    reports = question.randomize(np.ones(200, dtype=bool), entropy=Entropy.seeded(4))
    share = question.share_of_yes(question.aggregate(reports))
    assert share.interval(0.95, malicious=20)[0] < share.interval(0.95)[0]
