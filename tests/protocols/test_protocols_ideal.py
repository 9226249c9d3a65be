"""Ideal: one sum a round, for the coordinator alone, never below the minimum."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tip.errors import ProtocolMisuse
from tip.protocols.core import (
    COORDINATOR,
    Add,
    AgentId,
    Body,
    Deadline,
    Discard,
    Keep,
    Prepare,
    Prepared,
    Round,
    Send,
    Step,
    Summed,
    Terms,
    Total,
)
from tip.protocols.ideal import adder, client, server
from tip.protocols.ideal.messages import (
    ADDER,
    TABLE,
    Abandoned,
    Announce,
    Arrived,
    Close,
    Message,
    Refused,
    Sum,
    Vector,
)

R, A, B, C = Round(5), AgentId(1), AgentId(2), AgentId(3)
STRANGER = AgentId(99)
EVERYBODY = frozenset({A, B, C})
TERMS = Terms(R, 2, 4, 32)
MODEL = hashlib.sha256(b"model").digest()
ANNOUNCED = Announce.under(TERMS, MODEL, deadline=10)
LOWER = Announce.under(Terms(R, 1, 4, 32), MODEL, deadline=10)
ABANDONED = Abandoned(R, COORDINATOR)


def body(value: int, dimension: int = 4, bits: int = 32) -> Body:
    return Body.of(np.full(dimension, value, dtype=f"u{bits // 8}"), bits)


def vector(agent: AgentId, value: int = 0, announced: Announce = ANNOUNCED) -> Vector:
    return Vector(R, agent, TABLE.digest(announced), body(value or agent))


def close(*survivors: AgentId) -> Close:
    return Close(R, COORDINATOR, survivors)


def unopened() -> adder.Unopened:
    return adder.Unopened(R, EVERYBODY, {})


def gathering(*answered: AgentId) -> adder.Adder:
    state = adder.advance(unopened(), ANNOUNCED).state
    for agent in answered:
        state = adder.advance(state, vector(agent)).state
    return state


def summing(*survivors: AgentId) -> adder.Adder:
    return adder.advance(gathering(A, B, C), close(*survivors)).state


def answered(*survivors: AgentId) -> adder.Adder:
    return adder.advance(summing(*survivors), Summed(body(9))).state


def collecting(*arrived: AgentId) -> server.Coordinator:
    state = server.open_round(ANNOUNCED, EVERYBODY).state
    for agent in arrived:
        state = server.advance(state, Arrived(R, ADDER, agent)).state
    return state


def only_fault(step: Step[object]) -> tuple[AgentId, ...]:
    (fault,) = step.faults
    assert fault.reason
    return fault.culprits


def test_the_adder_keeps_a_vector_and_tells_who_came() -> None:
    step = adder.advance(gathering(), vector(A))
    assert step.work == (Keep(A, body(1)),)
    assert step.sends == (Send(COORDINATOR, Arrived(R, ADDER, A)),)


def test_the_adder_sums_exactly_whom_the_coordinator_names() -> None:
    step = adder.advance(gathering(A, B, C), close(A, C))
    assert step.work == (Add(A, body(1)), Add(C, body(3)), Total((A, C)))
    assert step.sends == ()
    done = adder.advance(step.state, Summed(body(9)))
    assert done.sends == (Send(COORDINATOR, Sum(R, ADDER, (A, C), body(9))),)


def test_a_second_request_for_another_set_is_refused() -> None:
    for state in (summing(A, C), answered(A, C)):
        step = adder.advance(state, close(A, B, C))
        assert only_fault(step) == (COORDINATOR,)
        assert step.faults[0].evidence == TABLE.evidence(close(A, B, C))
        assert step.sends == (Send(COORDINATOR, Refused(R, ADDER, (A, B, C))),)
        assert step.state == state
        assert step.work == ()


def test_an_identical_request_is_answered_identically() -> None:
    first = adder.advance(summing(A, C), Summed(body(9)))
    assert adder.advance(summing(A, C), close(A, C)) == Step(summing(A, C))
    again = adder.advance(first.state, close(A, C))
    assert again == Step(first.state, sends=first.sends)


@pytest.mark.parametrize("survivors", [(), (A,), (A, STRANGER), (A, C)])
def test_no_sum_below_the_minimum_or_of_agents_that_sent_nothing(survivors: tuple[AgentId, ...]) -> None:
    state = gathering(A, B)
    step = adder.advance(state, close(*survivors))
    assert only_fault(step) == (COORDINATOR,)
    assert step.sends == (Send(COORDINATOR, Refused(R, ADDER, survivors)),)
    assert step.state == state
    assert step.work == ()


def test_no_sum_after_the_round_was_given_up() -> None:
    for state in (unopened(), gathering(A, B)):
        step = adder.advance(state, ABANDONED)
        assert step == Step(adder.Ended(R), work=(Discard(),))
        asked = adder.advance(step.state, close(A, B))
        assert only_fault(asked) == (COORDINATOR,)
        assert asked.work == ()
        for late in (ANNOUNCED, vector(A), ABANDONED):
            assert adder.advance(step.state, late) == Step(step.state)
    for over in (summing(A, B), answered(A, B)):
        assert adder.advance(over, ABANDONED) == Step(over)


def test_no_sum_before_the_round_is_announced() -> None:
    assert only_fault(adder.advance(unopened(), close(A, B))) == (COORDINATOR,)


def test_vectors_count_only_for_the_announcement_that_they_answer() -> None:
    step = adder.advance(gathering(A), vector(B, announced=LOWER))
    assert only_fault(step) == ()  # the agent or the coordinator: neither can be named
    assert step.state == gathering(A)
    assert (step.work, step.sends) == ((), ())


def test_early_vectors_wait_for_the_announcement() -> None:
    early = adder.advance(unopened(), vector(A))
    assert early.work == (Keep(A, body(1)),)
    assert early.sends == ()
    assert adder.advance(early.state, vector(A)) == Step(early.state)
    assert only_fault(adder.advance(early.state, vector(A, 7))) == (A,)
    two = adder.advance(early.state, vector(B, announced=LOWER)).state
    opened = adder.advance(two, ANNOUNCED)
    assert opened.state == gathering(A)
    assert opened.sends == (Send(COORDINATOR, Arrived(R, ADDER, A)),)
    assert only_fault(opened) == ()


def test_the_adder_names_an_agent_that_answers_twice() -> None:
    for state in (gathering(A), summing(A, C), answered(A, C)):
        assert adder.advance(state, vector(A)) == Step(state)
        step = adder.advance(state, vector(A, 77))
        assert only_fault(step) == (A,)
        assert step.state == state
        assert (step.work, step.sends) == ((), ())


def test_a_late_vector_is_dropped() -> None:
    state = adder.advance(gathering(A, B), close(A, B)).state
    assert adder.advance(state, vector(C)) == Step(state)


@pytest.mark.parametrize(
    "message",
    [
        vector(STRANGER),
        Vector(R, B, TABLE.digest(ANNOUNCED), body(1, dimension=5)),
        Vector(R, B, TABLE.digest(ANNOUNCED), body(1, bits=64)),
        Vector(Round(6), B, TABLE.digest(ANNOUNCED), body(1)),
        LOWER,
        Close(R, B, (A, B)),
        Abandoned(R, B),
        Arrived(R, B, A),
        Sum(R, COORDINATOR, (A, B), body(1)),
        Refused(R, COORDINATOR, (A, B)),
    ],
)
def test_what_does_not_belong_names_its_sender(message: Message) -> None:
    step = adder.advance(gathering(A), message)
    assert only_fault(step) == (message.sender,)
    assert step.state == gathering(A)
    assert (step.work, step.sends) == ((), ())


def test_an_unopened_adder_takes_enrolled_agents_only() -> None:
    assert only_fault(adder.advance(unopened(), vector(STRANGER))) == (STRANGER,)


def test_an_old_round_is_dropped_and_a_repeat_too() -> None:
    assert adder.advance(gathering(A), Vector(Round(4), B, bytes(32), body(1))) == Step(gathering(A))
    assert adder.advance(gathering(A), ANNOUNCED) == Step(gathering(A))


def test_a_sum_out_of_order_is_misuse() -> None:
    with pytest.raises(ProtocolMisuse, match="sum was finished in Gathering"):
        adder.advance(gathering(A), Summed(body(1)))


def test_the_coordinator_asks_once_all_arrived() -> None:
    assert server.advance(collecting(A, B), Deadline(9)) == Step(collecting(A, B))
    step = server.advance(collecting(A, B), Arrived(R, ADDER, C))
    assert step.sends == (Send(ADDER, close(A, B, C)),)
    due = server.advance(collecting(C, A), Deadline(10))
    assert due.sends == (Send(ADDER, close(A, C)),)
    assert server.advance(due.state, Deadline(11)) == Step(due.state)
    assert server.advance(due.state, Arrived(R, ADDER, B)) == Step(due.state)


def test_the_coordinator_gives_up_below_the_minimum() -> None:
    step = server.advance(collecting(A), Deadline(10))
    assert step.sends == (Send(ADDER, ABANDONED),)
    assert step.state == server.Failed(ANNOUNCED, "1 agents answered in time; the minimum is 2")
    assert only_fault(server.advance(step.state, Sum(R, ADDER, (A,), body(9)))) == (ADDER,)


def test_the_coordinator_takes_the_sum_that_it_asked_for() -> None:
    asked = server.advance(collecting(A, C), Deadline(10)).state
    wrong: list[Message] = [
        Sum(R, ADDER, (A, B), body(9)),
        Sum(R, ADDER, (A, C), body(9, dimension=2)),
        Refused(R, ADDER, (A, B)),
    ]
    for message in wrong:
        assert only_fault(server.advance(asked, message)) == (ADDER,)
    got = Sum(R, ADDER, (A, C), body(9))
    step = server.advance(asked, got)
    assert step.work == (Keep(ADDER, body(9)),)
    assert step.state == server.Finished(ANNOUNCED, (A, C), body(9))
    assert server.advance(step.state, got) == Step(step.state)
    assert only_fault(server.advance(step.state, Sum(R, ADDER, (A, C), body(8)))) == (ADDER,)
    assert only_fault(server.advance(step.state, Refused(R, ADDER, (A, C)))) == (ADDER,)


def test_a_refusal_ends_the_round() -> None:
    asked = server.advance(collecting(A, C), Deadline(10)).state
    refusal = Refused(R, ADDER, (A, C))
    step = server.advance(asked, refusal)
    assert step == Step(server.Failed(ANNOUNCED, "the adder refused the sum"))
    assert server.advance(step.state, refusal) == Step(step.state)


@pytest.mark.parametrize(
    "message",
    [
        vector(A),
        Arrived(R, A, A),
        Arrived(R, ADDER, STRANGER),
        Arrived(Round(6), ADDER, A),
        Sum(R, ADDER, (A, B), body(1)),
        Refused(R, ADDER, (A, B)),
        ANNOUNCED,
        close(A, B),
    ],
)
def test_the_coordinator_hears_the_adder_alone(message: Message) -> None:
    step = server.advance(collecting(A), message)
    assert only_fault(step) == (message.sender,)
    assert step.state == collecting(A)


def test_the_coordinator_drops_an_old_round() -> None:
    assert server.advance(collecting(A), Arrived(Round(4), ADDER, B)) == Step(collecting(A))


def test_an_agent_answers_the_adder_once() -> None:
    waiting = client.Waiting(A, TERMS)
    heard = client.advance(waiting, ANNOUNCED)
    assert heard.work == (Prepare(R, MODEL, 4, 32),)
    step = client.advance(heard.state, Prepared(body(1)))
    assert step.sends == (Send(ADDER, vector(A)),)
    assert client.advance(step.state, Prepared(body(1))) == Step(step.state)
    assert client.advance(step.state, ANNOUNCED) == Step(step.state)
    assert only_fault(client.advance(step.state, LOWER)) == (COORDINATOR,)
    for state in (waiting, step.state):
        with pytest.raises(ProtocolMisuse, match="prepared in"):
            client.advance(state, Prepared(body(2)))
    with pytest.raises(ProtocolMisuse, match="not the one"):
        client.advance(heard.state, Prepared(body(1, bits=64)))


@pytest.mark.parametrize("terms", [Terms(R, 1, 4, 32), Terms(R, 2, 5, 32), Terms(R, 2, 4, 64)])
def test_an_agent_declines_what_it_did_not_agree_to(terms: Terms) -> None:
    step = client.advance(client.Waiting(A, TERMS), Announce.under(terms, MODEL, 10))
    assert only_fault(step) == (COORDINATOR,)
    assert isinstance(step.state, client.Declined)
    assert (step.work, step.sends) == ((), ())


def test_an_agent_hears_the_coordinator_alone_and_this_round_alone() -> None:
    waiting = client.Waiting(A, TERMS)
    assert only_fault(client.advance(waiting, Announce(R, B, MODEL, 4, 32, 10, 2))) == (B,)
    assert only_fault(client.advance(waiting, close(A, B))) == (COORDINATOR,)
    other = Announce.under(Terms(Round(6), 2, 4, 32), MODEL, 10)
    assert client.advance(waiting, other) == Step(waiting)
