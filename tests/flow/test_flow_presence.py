"""Under add-remove-one nobody may learn who takes part: members in sums alone, noise of parties, no rosters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tip.errors import VerificationFailed
from tip.flow.building import FlowBuilder
from tip.flow.reasoning import derive
from tip.flow.verification import verify

if TYPE_CHECKING:
    from tip.flow.derivation import Derivation


def counted(says: str, by: str = "curator", *, relation: str = "add-remove-one") -> FlowBuilder:
    made = FlowBuilder("count", about="who takes part is a secret").agents(person=4).party("curator")
    made = made.graph("g", over="person", wiring="ring")
    made = made.secret("x", of="person", range=(0, 1), neighboring=relation, adaptive=False)
    made = made.noise("central", of="curator", law="gaussian", variance=1)
    made = made.noise("own", of="person", law="gaussian", variance=1)
    made = made.noise("pair", of="g", law="gaussian", variance=1)
    return made.message("told", by=by, says=says, to="everybody")


def proven(made: FlowBuilder, against: str = "world") -> Derivation:
    return derive(made.build(), against, delta=1e-6)


def test_a_sum_with_noise_of_a_party_hides_who_takes_part() -> None:
    found = proven(counted("sum(x) + central"))
    assert found.guarantee.mu == 1
    assert verify(found).holds


@pytest.mark.parametrize(
    ("says", "by", "reason"),
    [
        ("x + own", "person", "message 'told' shows who sends it"),
        ("x + own + signed(pair)", "person", "message 'told' shows who sends it"),
        ("sum(x + own)", "curator", "noise 'own' comes and goes with who draws it"),
        ("sum(x) + central + sum(own)", "curator", "noise 'own' comes and goes with who draws it"),
    ],
)
def test_what_shows_who_takes_part_is_not_proven(says: str, by: str, reason: str) -> None:
    assert reason in proven(counted(says, by)).guarantee.missing
    assert proven(counted(says, by, relation="replace-one")).guarantee.epsilon is not None


@pytest.mark.parametrize("against", ["curator", "25% of agents", "person.1"])
def test_nor_is_anything_against_who_may_see_the_roster(against: str) -> None:
    assert "may learn who takes part" in proven(counted("sum(x) + central"), against).guarantee.missing


def test_the_checker_refuses_such_a_claim() -> None:
    """The proof of replace-one, with the relation changed in flow and guarantee alike."""
    honest = proven(counted("x + own", "person", relation="replace-one"))
    forged = replace(
        honest,
        flow=counted("x + own", "person").build(),
        guarantee=replace(honest.guarantee, neighboring=counted("x + own", "person").build().secrets[0].neighboring),
    )
    with pytest.raises(VerificationFailed, match="shows who takes part"):
        verify(forged)
