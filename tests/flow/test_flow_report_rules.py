"""Reports: who gets them, how often a secret is told, and when a shuffler counts."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tip.flow.building import FlowBuilder
from tip.flow.reasoning import derive
from tip.privacy import shuffling

if TYPE_CHECKING:
    from tip.flow.model import Flow

DELTA = 1e-6
VOTE = "vote"


def asked(
    *,
    agents: int = 6,
    rounds: int = 1,
    asks: int = 1,
    participations: int = 1,
    to: str = "hub",
    least: int = 0,
    neighboring: str = "replace-one",
) -> Flow:
    built = FlowBuilder("asked", about="a question").agents(person=agents).party("hub", "mixer")
    built = built.graph("net", over="person", wiring="ring")
    built = built.secret(
        VOTE,
        of="person",
        choices=2,
        neighboring=neighboring,
        adaptive=False,
        rounds=rounds,
        participations=participations,
    )
    if least:
        built = built.report("r", secret=VOTE, ratio=3, to=to, rounds=asks, shuffled_by="mixer", least=least)
    else:
        built = built.report("r", secret=VOTE, ratio=3, to=to, rounds=asks)
    return built.build()


def epsilon(flow: Flow, against: str = "hub", **more: int) -> float:
    found = derive(flow, against, delta=DELTA, **more).guarantee.epsilon  # type: ignore[arg-type] # of one agent
    return math.inf if found is None else found


def test_one_secret_told_in_five_rounds_costs_five_reports() -> None:
    assert epsilon(asked()) == pytest.approx(math.log(3))
    assert epsilon(asked(asks=5)) == pytest.approx(5 * math.log(3))
    assert epsilon(asked(rounds=5, asks=5, participations=5)) == pytest.approx(5 * math.log(3))
    assert epsilon(asked(rounds=5, asks=5, participations=2)) == pytest.approx(2 * math.log(3))


def test_who_gets_a_report() -> None:
    assert epsilon(asked(), "world") == 0
    assert epsilon(asked(to="everybody"), "world") == pytest.approx(math.log(3))
    assert epsilon(asked(to="nobody"), "hub") == 0
    near, after = asked(to="neighbors in net"), asked(to="next in person")
    assert [epsilon(near, "person.0", agent=a) > 0 for a in range(1, 6)] == [True, False, False, False, True]
    assert [epsilon(after, "person.0", agent=a) > 0 for a in range(1, 6)] == [False, False, False, False, True]
    for flow in (near, after):
        assert epsilon(flow, "person.3") == pytest.approx(math.log(3))
        assert epsilon(flow, "20% of agents") == pytest.approx(math.log(3))


def test_a_shuffler_counts_unless_it_is_bad_or_asked_twice() -> None:
    flow = asked(agents=2000, least=1500)
    mixed = shuffling.epsilon_of(DELTA, ratio=Fraction(3), reports=1500)
    assert epsilon(flow) == pytest.approx(mixed)
    assert epsilon(flow, "hub + 10% of agents") == pytest.approx(
        shuffling.epsilon_of(DELTA, ratio=Fraction(3), reports=1300)
    )
    assert epsilon(flow, silent=400) == pytest.approx(shuffling.epsilon_of(DELTA, ratio=Fraction(3), reports=1100))
    for against in ("mixer", "hub + mixer", "hub + network"):
        assert epsilon(flow, against) == pytest.approx(math.log(3))
    assert epsilon(asked(agents=2000, least=1500, asks=2)) == pytest.approx(2 * math.log(3))


def test_shuffled_reports_beside_others_are_charged_as_if_they_were_not() -> None:
    built = FlowBuilder("twice", about="two questions").agents(person=2000).party("hub", "mixer")
    for name in ("one", "two"):
        built = built.secret(name, of="person", choices=2, neighboring="replace-one", adaptive=False)
        built = built.report(f"{name}s", secret=name, ratio=3, to="hub", shuffled_by="mixer", least=1500)
    assert epsilon(built.build()) == pytest.approx(2 * math.log(3))


def test_other_relations_have_no_rule() -> None:
    assert epsilon(asked(neighboring="add-remove-one")) == math.inf


def test_adaptive_answers_that_depend_on_hidden_reports_have_no_rule() -> None:
    built = (
        FlowBuilder("talk", about="answers told on")
        .agents(person=4)
        .party("hub")
        .graph("net", over="person", wiring="ring")
    )
    built = built.secret(VOTE, of="person", choices=2, neighboring="replace-one", adaptive=True, rounds=2)
    built = built.report("told", secret=VOTE, ratio=3, to="hub", rounds=2)
    assert epsilon(built.build()) == pytest.approx(2 * math.log(3))
    assert epsilon(built.report("near", secret=VOTE, ratio=3, to="neighbors in net", rounds=2).build()) == math.inf
