"""Masked rounds under real parameters, with agents that drop out, late messages, and losses, at every step."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.protocols.masking_parties import Scene, remembered
from tip.protocols import COORDINATOR, AgentId
from tip.protocols.masking import Parameters, plan_masking
from tip.protocols.masking.messages import (
    TABLE,
    Advertise,
    Announce,
    Consent,
    Consents,
    Dealing,
    Delivery,
    Graph,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Reveal,
    Roster,
    Survivors,
    Unmask,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tip.protocols.loopback import Envelope

QUESTIONS = (Announce, Roster, Graph, Peers, Delivery, Survivors, Consents)
ANSWERS = (Advertise, Reveal, Keys, Dealing, MaskedInput, Consent, Unmask)
STEPS = (*QUESTIONS, *ANSWERS)


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    with remembered():
        yield


@cache
def planned(agents: int, corrupt: float, dropout: float) -> Parameters:
    return plan_masking(agents, corrupt, dropout, coordinator="malicious")


def dropped(scene: Scene, drops: Mapping[AgentId, type[Any]]) -> None:
    """Each of these agents is gone from the first message of its type on, in either direction."""
    gone: set[AgentId] = set()

    def meddle(envelope: Envelope) -> bool:
        agent = max(envelope.sender, envelope.to)
        if isinstance(TABLE.decode(envelope.frame, limit=1 << 20).message, drops.get(agent, ())):
            gone.add(agent)
        return agent in gone

    scene.meddle = meddle  # type: ignore[method-assign]
    if Announce in drops.values():
        scene.pending = type(scene.pending)(e for e in scene.pending if drops.get(e.to) is not Announce)
        gone.update(agent for agent, kind in drops.items() if kind is Announce)


def check(scene: Scene, drops: Mapping[AgentId, type[Any]]) -> bool:
    """The sum is that of the survivors, who are all that got so far; or there is none, with a reason."""
    assert not scene.found
    total = scene.total()
    if total is None:
        assert scene.coordinator.stage.reason  # type: ignore[union-attr]
        return False
    survivors = set(scene.coordinator.stage.survivors)  # type: ignore[union-attr]
    late = {agent for agent, kind in drops.items() if kind in (Survivors, Consents, Consent, Unmask)}
    assert survivors == set(scene.agents) - (drops.keys() - late)
    assert np.array_equal(total, sum(scene.vectors[agent] for agent in survivors))
    return True


@pytest.mark.parametrize("step", STEPS)
def test_one_of_twelve_may_go_at_any_step(step: type[Message]) -> None:
    parameters = planned(12, 0.1, 0.1)
    assert (parameters.graph, parameters.dropouts) == ("drawn", 1)
    for agent in (AgentId(0), AgentId(7)):
        scene = Scene(parameters)
        dropped(scene, {agent: step})
        scene.finish()
        assert check(scene, {agent: step})


@pytest.mark.parametrize("step", STEPS)
def test_three_of_sixteen_may_go_at_one_step(step: type[Message]) -> None:
    parameters = planned(16, 0.0, 0.2)
    assert parameters.dropouts == 3
    drops = dict.fromkeys(map(AgentId, (1, 8, 15)), step)
    scene = Scene(parameters)
    dropped(scene, drops)
    scene.finish()
    assert check(scene, drops)


@settings(max_examples=60, deadline=None)
@given(drops=st.dictionaries(st.integers(0, 11).map(AgentId), st.sampled_from(STEPS), max_size=5))
def test_any_may_go_at_any_step(drops: dict[AgentId, type[Message]]) -> None:
    scene = Scene(planned(12, 0.1, 0.1))
    dropped(scene, drops)
    scene.finish()
    finished = check(scene, drops)
    assert finished or len(drops) > scene.parameters.dropouts
    event("finished" if finished else "given up")


ABORTED: list[bool] = []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_within_the_tolerated_every_round_finishes(data: st.DataObject) -> None:
    """Any order, repeats, losses that a restarted coordinator makes good, restarts; late is as good as gone."""
    parameters = planned(*data.draw(st.sampled_from([(12, 0.1, 0.1), (7, 0.0, 0.15)])))
    scene = Scene(parameters)
    agent = st.integers(0, parameters.agents - 1).map(AgentId)
    drops = data.draw(st.dictionaries(agent, st.sampled_from(STEPS), max_size=parameters.dropouts))
    dropped(scene, drops)
    for stage in range(7):
        disturb(scene, data, agent)
        scene.settle()
        scene.restart(COORDINATOR, replay=data.draw(st.booleans()))
        scene.settle()
        scene.deadline(1 + stage)
    scene.settle()
    ABORTED.append(not check(scene, drops))
    assert not ABORTED[-1]


def disturb(scene: Scene, data: st.DataObject, agent: st.SearchStrategy[AgentId]) -> None:
    """Some steps out of order."""
    for what in data.draw(st.lists(st.sampled_from(("deliver", "lose", "copy", "work", "restart")), max_size=8)):
        index = data.draw(st.integers(0, 60))
        if what == "work" and scene.todo:
            scene.work(index)
        elif what == "restart":
            scene.restart(data.draw(agent), replay=index % 2 == 0)
        elif scene.pending and what == "deliver":
            scene.deliver(scene.take(index))
        elif scene.pending and what == "lose":
            scene.take(index)
        elif scene.pending and what == "copy":
            scene.pending.append(scene.pending[index % len(scene.pending)])


def test_the_rate_of_aborts_within_the_tolerated_is_zero() -> None:
    if not ABORTED:
        pytest.skip("no round was run")
    assert sum(ABORTED) == 0
