"""Masked rounds whose parties are restarted at any moment: they are who they were, and say what they said."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.protocols.masking_liars import Liars
from tests.protocols.masking_parties import COMPLETE, DRAWN, RING, Scene, remembered
from tip.protocols import COORDINATOR, AgentId
from tip.protocols.core import Cover, Covered, Prepare, Prepared, Resumed
from tip.protocols.masking import client
from tip.protocols.masking.messages import (
    TABLE,
    Abandoned,
    Advertise,
    Announce,
    Complaint,
    Consent,
    Consents,
    Dealing,
    Delivery,
    Graph,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Query,
    Reveal,
    Roster,
    Survivors,
    Unmask,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.protocols.loopback import Envelope
    from tip.protocols.masking import Parameters

QUESTIONS = [Announce, Roster, Graph, Peers, Delivery, Survivors, Consents]
ANSWERS = [Advertise, Reveal, Keys, Dealing, MaskedInput, Consent, Unmask]
BESIDE = [Query, Proof, Complaint]


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    with remembered():
        yield


def everybodys_sum(scene: Scene) -> bool:
    total = scene.total()
    return total is not None and np.array_equal(total, sum(scene.vectors.values()))


@pytest.mark.parametrize("replay", [True, False])
@pytest.mark.parametrize("parameters", [COMPLETE, DRAWN, RING])
def test_everybody_is_restarted_after_every_step(parameters: Parameters, replay: bool) -> None:  # noqa: FBT001
    scene, steps = Scene(parameters), 0
    while scene.pending or scene.todo:
        to = scene.pending[0].to if scene.pending else scene.todo[0][0]
        scene.deliver(scene.take(0)) if scene.pending else scene.work()
        if to == COORDINATOR:  # what it said last is lost with it
            scene.pending = deque(e for e in scene.pending if e.sender != to)
        scene.restart(to, replay=replay)
        steps += 1
        assert steps < 1000
    assert everybodys_sum(scene)
    assert not scene.found


@pytest.mark.parametrize("replay", [True, False])
def test_an_agent_restarted_while_it_works_works_again(replay: bool) -> None:  # noqa: FBT001
    scene, agent = Scene(COMPLETE), AgentId(2)
    for kind in (Prepare, Cover):
        while not any(party == agent and isinstance(item, kind) for party, item in scene.todo):
            scene.deliver(scene.take(0)) if scene.pending else scene.work()
        scene.restart(agent, replay=replay)
        assert [type(item) for party, item in scene.todo if party == agent] == [kind]
    scene.finish()
    assert everybodys_sum(scene)


@pytest.mark.parametrize("lost", [*QUESTIONS, *ANSWERS])
def test_what_was_lost_is_said_again(lost: type[Message]) -> None:
    scene = Scene(DRAWN)
    gone: set[tuple[AgentId, AgentId]] = set()

    def meddle(envelope: Envelope) -> bool:
        link = (envelope.sender, envelope.to)
        first = isinstance(read(envelope), lost) and link not in gone
        gone.update({link} if first else ())
        return first

    if lost is Announce:
        gone.update((e.sender, e.to) for e in scene.pending)
        scene.pending.clear()
    scene.meddle = meddle  # type: ignore[method-assign]
    scene.settle()
    assert len(gone) == len(scene.agents)
    assert not everybodys_sum(scene)
    scene.restart(COORDINATOR, replay=True)
    scene.settle()
    assert everybodys_sum(scene)
    assert not scene.found


def read(envelope: Envelope) -> Message:
    return TABLE.decode(envelope.frame, limit=1 << 20).message  # type: ignore[return-value] # of this table


@pytest.mark.parametrize("lost", BESIDE)
def test_a_dispute_outlives_losses(lost: type[Message]) -> None:
    scene = Scene(COMPLETE)
    liars = Liars(scene, frozenset({AgentId(0)}), [(Dealing, 3, 1, True)])  # sealed under another key
    gone: list[Envelope] = []

    def meddle(envelope: Envelope) -> bool:
        if isinstance(read(envelope), lost) and not gone:
            gone.append(envelope)
            return True
        return liars.meddle(envelope)

    scene.meddle = meddle  # type: ignore[method-assign]
    while scene.stage(COORDINATOR) != "Consenting":
        scene.deliver(scene.take(0)) if scene.pending else scene.work()
    assert gone
    assert not scene.found
    asked = next(e for e in scene.seen if isinstance(read(e), Delivery) and e.to == AgentId(2))
    scene.deliver(asked)  # the coordinator did not hear of it and asks again
    scene.settle()
    assert [found.fault.culprits for found in scene.found] == [(AgentId(0),)]
    assert everybodys_sum(scene)


def test_who_is_asked_again_says_the_same_bytes() -> None:
    scene = Scene(DRAWN)
    scene.finish()
    said = {(e.sender, e.to, e.frame) for e in scene.seen}
    states = {who: party.state for who, party in scene.parties.items()}
    for envelope in list(scene.seen):
        scene.deliver(envelope)
    assert {(e.sender, e.to, e.frame) for e in scene.pending} <= said
    assert {who: party.state for who, party in scene.parties.items()} == states
    assert not scene.found


def test_a_round_that_was_given_up_stays_given_up() -> None:
    scene = Scene(COMPLETE)
    scene.pending.clear()
    scene.deadline(1)
    assert scene.stage(COORDINATOR) == "Failed"
    assert {type(read(e)) for e in scene.pending} == {Abandoned}
    scene.restart(COORDINATOR, replay=True)
    scene.finish()
    assert scene.total() is None


def test_an_agent_takes_no_second_vector() -> None:
    scene, agent = Scene(COMPLETE), AgentId(1)
    scene.finish()
    party = scene.parties[agent]
    bodies = [event.body for event in party.journal if isinstance(event, Prepared | Covered)]
    for event in (Prepared(bodies[1]), Covered(bodies[0]), Resumed()):
        step = client.advance(party.state, event)
        assert step.state == party.state
        assert not step.sends
        assert not step.work
