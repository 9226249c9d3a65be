"""Clear: each state's answer to each message, and what a lie does."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tip.errors import ProtocolMisuse
from tip.protocols.clear import client, server
from tip.protocols.clear.messages import TABLE, Abandoned, Announce, Closed, Message, Vector
from tip.protocols.core import (
    COORDINATOR,
    Add,
    AgentId,
    Body,
    Deadline,
    Discard,
    Prepare,
    Prepared,
    Round,
    Send,
    Step,
    Summed,
    Terms,
    Total,
)

R, A, B, C = Round(5), AgentId(1), AgentId(2), AgentId(3)
STRANGER = AgentId(99)
TERMS = Terms(R, 2, 4, 32)
MODEL = hashlib.sha256(b"model").digest()
ANNOUNCED = Announce.under(TERMS, MODEL, deadline=10)


def body(value: int, dimension: int = 4, bits: int = 32) -> Body:
    return Body.of(np.full(dimension, value, dtype=f"u{bits // 8}"), bits)


def vector(agent: AgentId, value: int = 0) -> Vector:
    return Vector(R, agent, body(value or agent))


def collecting(*answered: AgentId) -> server.Coordinator:
    state = server.open_round(ANNOUNCED, frozenset({A, B, C})).state
    for agent in answered:
        state = server.advance(state, vector(agent)).state
    return state


def waiting() -> client.Waiting:
    return client.Waiting(A, TERMS)


def preparing() -> client.Agent:
    return client.advance(waiting(), ANNOUNCED).state


def sent() -> client.Agent:
    return client.advance(preparing(), Prepared(body(1))).state


def only_fault(step: Step[object]) -> tuple[AgentId, ...]:
    (fault,) = step.faults
    assert fault.reason
    return fault.culprits


def test_the_round_opens_with_everybody_told() -> None:
    step = server.open_round(ANNOUNCED, frozenset({B, A}))
    assert step.sends == (Send(A, ANNOUNCED), Send(B, ANNOUNCED))


def test_a_vector_is_added_and_forgotten() -> None:
    step = server.advance(collecting(), vector(A))
    assert step.work == (Add(A, body(1)),)
    assert (step.faults, step.sends) == ((), ())
    assert not isinstance(step.state, server.Summing)


def test_the_last_answer_closes_the_round() -> None:
    step = server.advance(collecting(A, B), vector(C))
    assert step.work == (Add(C, body(3)), Total((A, B, C)))
    assert isinstance(step.state, server.Summing)


def test_the_deadline_closes_the_round_with_those_that_answered() -> None:
    early = server.advance(collecting(A, B), Deadline(9))
    assert early == Step(collecting(A, B))
    step = server.advance(collecting(B, A), Deadline(10))
    assert step.work == (Total((A, B)),)
    done = server.advance(step.state, Summed(body(3)))
    closed = Closed(R, COORDINATOR, (A, B))
    assert done.sends == (Send(A, closed), Send(B, closed), Send(C, closed))
    assert isinstance(done.state, server.Finished)
    assert done.state.survivors == (A, B)
    assert server.advance(done.state, Deadline(11)) == Step(done.state)


def test_below_the_minimum_nothing_is_summed() -> None:
    step = server.advance(collecting(A), Deadline(10))
    assert step.work == (Discard(),)
    assert {send.message for send in step.sends} == {Abandoned(R, COORDINATOR, 1)}
    assert isinstance(step.state, server.Failed)
    assert step.state.reason == "1 agents answered in time; the minimum is 2"
    assert server.advance(step.state, vector(B)) == Step(step.state)
    assert server.advance(step.state, Deadline(12)) == Step(step.state)


def test_a_repeat_is_no_fault_and_changes_nothing() -> None:
    states = [collecting(A), server.advance(collecting(A, B), Deadline(10)).state]
    states.append(server.advance(states[-1], Summed(body(3))).state)
    for state in states:
        assert server.advance(state, vector(A)) == Step(state)


def test_two_different_vectors_name_the_agent_with_evidence() -> None:
    closing = server.advance(collecting(A, B), Deadline(10)).state
    for state in (collecting(A), closing, server.advance(closing, Summed(body(3))).state):
        step = server.advance(state, vector(A, 77))
        assert only_fault(step) == (A,)
        assert step.faults[0].evidence == TABLE.evidence(vector(A, 77))
        assert step.state == state
        assert (step.work, step.sends) == ((), ())


def test_a_late_vector_is_dropped() -> None:
    closing = server.advance(collecting(A, B), Deadline(10)).state
    assert server.advance(closing, vector(C)) == Step(closing)


@pytest.mark.parametrize(
    "message",
    [
        Vector(R, STRANGER, body(1)),
        Vector(R, B, body(1, dimension=5)),
        Vector(R, B, body(1, bits=64)),
        Vector(Round(6), B, body(1)),
        Announce.under(TERMS, MODEL, 10),
        Closed(R, B, (B,)),
        Abandoned(R, B, 0),
    ],
)
def test_what_does_not_belong_names_its_sender(message: Message) -> None:
    step = server.advance(collecting(A), message)
    assert only_fault(step) == (message.sender,)
    assert step.state == collecting(A)
    assert (step.work, step.sends) == ((), ())


def test_an_old_round_s_vector_is_dropped() -> None:
    assert server.advance(collecting(A), Vector(Round(4), B, body(1))) == Step(collecting(A))


def test_a_sum_out_of_order_is_misuse() -> None:
    with pytest.raises(ProtocolMisuse, match="sum was finished in Collecting"):
        server.advance(collecting(A), Summed(body(1)))


def test_an_agent_answers_once() -> None:
    heard = client.advance(waiting(), ANNOUNCED)
    assert heard.work == (Prepare(R, MODEL, 4, 32),)
    step = client.advance(heard.state, Prepared(body(1)))
    assert step.sends == (Send(COORDINATOR, vector(A)),)
    assert client.advance(step.state, Prepared(body(1))) == Step(step.state)
    assert client.advance(step.state, ANNOUNCED) == Step(step.state)
    with pytest.raises(ProtocolMisuse, match="prepared in Sent"):
        client.advance(step.state, Prepared(body(2)))
    with pytest.raises(ProtocolMisuse, match="prepared in Waiting"):
        client.advance(waiting(), Prepared(body(2)))
    with pytest.raises(ProtocolMisuse, match="not the one"):
        client.advance(heard.state, Prepared(body(1, dimension=9)))


@pytest.mark.parametrize("terms", [Terms(R, 1, 4, 32), Terms(R, 2, 5, 32), Terms(R, 2, 4, 64)])
def test_an_agent_declines_what_it_did_not_agree_to(terms: Terms) -> None:
    step = client.advance(waiting(), Announce.under(terms, MODEL, 10))
    assert only_fault(step) == (COORDINATOR,)
    assert isinstance(step.state, client.Declined)
    assert (step.work, step.sends) == ((), ())
    assert only_fault(client.advance(step.state, ANNOUNCED)) == (COORDINATOR,)
    ending = Closed(R, COORDINATOR, (B, C))
    assert client.advance(step.state, ending) == Step(step.state)


def test_a_higher_minimum_than_its_own_is_fine() -> None:
    step = client.advance(waiting(), Announce.under(Terms(R, 3, 4, 32), MODEL, 10))
    assert isinstance(step.state, client.Preparing)


def test_two_announcements_name_the_coordinator() -> None:
    other = Announce.under(TERMS, hashlib.sha256(b"other").digest(), 10)
    for state in (preparing(), sent()):
        step = client.advance(state, other)
        assert only_fault(step) == (COORDINATOR,)
        assert step.state == state
        assert (step.sends, step.work) == ((), ())


def test_agents_hear_the_end() -> None:
    for ending in (Closed(R, COORDINATOR, (A, B)), Abandoned(R, COORDINATOR, 1)):
        step = client.advance(sent(), ending)
        assert step == Step(client.Finished(A, ANNOUNCED, ending))
        assert client.advance(step.state, ending) == Step(step.state)
        assert only_fault(client.advance(step.state, Closed(R, COORDINATOR, (A, B, C)))) == (COORDINATOR,)
        assert client.advance(step.state, ANNOUNCED) == Step(step.state)


def test_agents_check_the_end() -> None:
    assert only_fault(client.advance(sent(), Closed(R, COORDINATOR, (A,)))) == (COORDINATOR,)
    assert only_fault(client.advance(preparing(), Closed(R, COORDINATOR, (A, B)))) == (COORDINATOR,)
    assert client.advance(preparing(), Closed(R, COORDINATOR, (B, C))).faults == ()
    assert client.advance(waiting(), Closed(R, COORDINATOR, (B, C))) == Step(waiting())


def test_a_vector_that_comes_after_the_end_is_not_sent() -> None:
    over = client.advance(preparing(), Abandoned(R, COORDINATOR, 0)).state
    assert client.advance(over, Prepared(body(1))) == Step(over)


def test_an_agent_hears_the_coordinator_alone_and_this_round_alone() -> None:
    forged = Announce(R, B, MODEL, 4, 32, 10, 2)
    assert only_fault(client.advance(waiting(), forged)) == (B,)
    assert only_fault(client.advance(waiting(), vector(B))) == (B,)
    assert only_fault(client.advance(waiting(), Vector(R, COORDINATOR, body(1)))) == (COORDINATOR,)
    other = Announce.under(Terms(Round(4), 2, 4, 32), MODEL, 10)
    assert client.advance(waiting(), other) == Step(waiting())
