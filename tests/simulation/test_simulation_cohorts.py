"""Who takes part: draws, limits, counts, at their edges."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tip.randomness import Entropy
from tip.simulation.cohorts import Cohorts, Participation

ENTROPY = Entropy.seeded(5)
COHORTS = Cohorts(enrolled=200, sampling="all", size=200, rate=Fraction(0), dropout=Fraction(0), limit=2)


def cohorts(sampling: str, **changes: object) -> Cohorts:
    fields = {name: getattr(COHORTS, name) for name in Cohorts.__slots__}
    return Cohorts(**(fields | {"sampling": sampling} | changes))


def test_the_planned_size_is_public() -> None:
    assert cohorts("all").planned == 200
    assert cohorts("fixed", size=30).planned == 30
    assert cohorts("poisson", rate=Fraction(1, 8)).planned == 25
    assert cohorts("poisson", rate=Fraction(1, 10**6)).planned == 1  # mutant: 2, which halves every mean


@pytest.mark.parametrize("sampling", ["all", "fixed", "poisson"])
def test_draws_are_sorted_agents_that_change_with_the_round(sampling: str) -> None:
    rule = cohorts(sampling, size=100, rate=Fraction(1, 2))
    first, second = rule.drawn(ENTROPY, 1), rule.drawn(ENTROPY, 2)
    assert first.dtype == np.int64
    assert (np.diff(first) > 0).all()
    assert 0 <= first[0] <= first[-1] < 200
    assert np.array_equal(first, rule.drawn(ENTROPY, 1))
    assert np.array_equal(first, second) == (sampling == "all")
    assert len(first) == {"all": 200, "fixed": 100, "poisson": len(first)}[sampling]
    assert 60 < len(first) <= 200


def test_an_agent_answers_up_to_its_limit_and_not_once_more() -> None:
    """Law 5. Mutants: the limit itself is passed, or one participation is lost."""
    everybody, counts = np.arange(200), np.arange(200, dtype=np.int32) % 4
    answering = COHORTS.answering(everybody, Participation(counts, 3), ENTROPY, 1)
    assert np.array_equal(answering, np.flatnonzero(counts < 2))


def test_some_drop_out_and_others_in_every_round() -> None:
    everybody, fresh = np.arange(200), Participation.none_yet(200)
    rule = cohorts("all", dropout=Fraction(1, 4))
    first, second = (rule.answering(everybody, fresh, ENTROPY, number) for number in (1, 2))
    assert 110 < len(first) < 190
    assert not np.array_equal(first, second)
    part = rule.answering(everybody[::2], fresh, ENTROPY, 1)
    assert np.array_equal(part, first[first % 2 == 0])  # an agent's luck is its own


def test_participations_are_counted_one_by_one() -> None:
    fresh = Participation.none_yet(4)
    assert fresh.most == 0  # mutant: 1, a charge before the first round
    once = fresh.charged(np.array([1, 3]))
    assert once.counts.tolist() == [0, 1, 0, 1]
    assert fresh.counts.tolist() == [0, 0, 0, 0]
    assert once.charged(np.array([3])).most == 2
    nobody = once.charged(np.array([], dtype=np.int64))  # mutant: a maximum of nothing, which raises
    assert nobody.most == 1
    assert nobody.counts.tolist() == [0, 1, 0, 1]
    assert fresh.charged(np.array([], dtype=np.int64)).most == 0
    assert Participation(once.counts, 7).charged(np.array([0])).most == 7
