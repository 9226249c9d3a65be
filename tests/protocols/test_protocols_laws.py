"""Laws of all protocols, under any order of deliveries, losses, repeats and lies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tip.aggregation.sums import ring_sum
from tip.errors import ProtocolMisuse
from tip.protocols import COORDINATOR, AgentId, Round, Terms, clear, ideal
from tip.protocols.clear import protocol as clear_protocol
from tip.protocols.clear import server
from tip.protocols.core import Add, Body, Deadline, Fault, Step, Total
from tip.protocols.ideal import ADDER, adder
from tip.protocols.ideal import protocol as ideal_protocol
from tip.protocols.ideal.messages import Abandoned, Announce, Close
from tip.protocols.ideal.messages import Vector as ToAdder
from tip.protocols.loopback import Envelope, Loopback, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.protocols.codec import Table
    from tip.protocols.core import Message

AGENTS = [AgentId(i) for i in range(4)]
TERMS = Terms(Round(3), 2, 2, 16)
TASK = Task(TERMS, bytes(32), {a: np.array([100 + a, 65_000 - a], dtype=np.uint16) for a in AGENTS})
S = TypeVar("S")
E = TypeVar("E")


def twice(advance: Callable[[S, E], Step[S]]) -> Callable[[S, E], Step[S]]:
    """The machine, asked every question twice: the same event to the same state, the same step."""

    def asked(state: S, event: E) -> Step[S]:
        step = advance(state, event)
        assert advance(state, event) == step
        return step

    return asked


class Round_(RuleBasedStateMachine):  # noqa: N801 - Round is taken by the protocols' own word
    """One round of one protocol; the network and the malicious parties are hypothesis."""

    table: Table
    collector: AgentId

    def open(self, take_seats: Callable[[Loopback, Task], None]) -> None:
        self.loopback = Loopback(self.table, TASK)
        self.seen: list[Envelope] = []
        self.liars: set[AgentId] = set()
        self.sums: set[tuple[tuple[AgentId, ...], Body]] = set()
        take_seats(self.loopback, TASK)
        for seat in self.loopback._seats.values():
            seat.advance = twice(seat.advance)

    def pick(self, index: int) -> Envelope:
        place = index % len(self.loopback.pending)
        envelope = self.loopback.pending[place]
        del self.loopback.pending[place]
        self.seen.append(envelope)
        return envelope

    @precondition(lambda self: self.loopback.pending)
    @rule(index=st.integers(0, 50))
    def deliver(self, index: int) -> None:
        self.loopback.deliver(self.pick(index))

    @precondition(lambda self: self.loopback.pending)
    @rule(index=st.integers(0, 50))
    def lose(self, index: int) -> None:
        self.pick(index)

    @rule()
    def deliver_all(self) -> None:
        while self.loopback.pending:
            self.loopback.deliver(self.pick(0))

    @precondition(lambda self: self.seen)
    @rule(index=st.integers(0, 50))
    def replay(self, index: int) -> None:
        self.loopback.deliver(self.seen[index % len(self.seen)])

    @precondition(lambda self: self.loopback.pending)
    @rule(index=st.integers(0, 50), place=st.integers(0, 99), flip=st.integers(1, 255))
    def tamper(self, index: int, place: int, flip: int) -> None:
        envelope = self.pick(index)
        frame = bytearray(envelope.frame)
        frame[place % len(frame)] ^= flip
        if envelope.sender in AGENTS[2:]:
            return  # lost: two agents stay honest, so that the laws have somebody to protect
        self.liars.add(envelope.sender)
        self.seen[-1] = replace(envelope, frame=bytes(frame))
        self.loopback.deliver(self.seen[-1])

    @rule(liar=st.sampled_from(AGENTS[:2]), value=st.integers(0, 2**16 - 1))
    def lie(self, liar: AgentId, value: int) -> None:
        vector = np.full(2, value, dtype=np.uint16)
        body = Body.of(vector, 16)
        self.liars.add(liar)
        frame = self.table.encode(self.false_vector(liar, body), {body.digest: vector})
        self.loopback.pending.append(Envelope(liar, self.collector, frame))

    def false_vector(self, liar: AgentId, body: Body) -> Message:
        raise NotImplementedError

    @rule(index=st.integers(0, 2))
    def deadline(self, index: int) -> None:
        self.loopback.tell(COORDINATOR, Deadline(index))

    def check_sum(self, survivors: tuple[AgentId, ...], accepted: dict[AgentId, Body], body: Body) -> None:
        """The sum is that of the survivors' effective inputs, an honest agent's being its true one."""
        self.sums.add((survivors, body))
        assert len(self.sums) == 1  # law 17
        assert len(survivors) >= TERMS.minimum
        arrived = {}
        for row in self.loopback.outcome(body=None, survivors=()).transcript.of(self.collector):
            for digest, vector in row.vectors.items():
                arrived[row.message.sender, digest] = vector
        inputs = {agent: arrived[agent, accepted[agent].digest] for agent in survivors}
        for agent in set(survivors) - self.liars:
            assert np.array_equal(inputs[agent], TASK.vectors[agent])
        assert body == Body.of(ring_sum(np.array(list(inputs.values())), 16), 16)

    @invariant()
    def nobody_is_blamed_in_vain(self) -> None:
        for fault in self.loopback.faults:
            assert set(fault.culprits) <= self.blamable()

    def blamable(self) -> set[AgentId]:
        return self.liars


class ClearRound(Round_):
    table = clear.TABLE
    collector = COORDINATOR

    @initialize()
    def begin(self) -> None:
        self.open(clear_protocol.seat)

    def false_vector(self, liar: AgentId, body: Body) -> Message:
        return clear.messages.Vector(TERMS.round, liar, body)

    @invariant()
    def the_sum_is_right(self) -> None:
        match self.loopback.state(COORDINATOR):
            case server.Finished() as end:
                self.check_sum(end.survivors, dict(end.accepted), end.body)
            case _:
                assert not self.sums


class IdealRound(Round_):
    table = ideal.TABLE
    collector = ADDER

    @initialize()
    def begin(self) -> None:
        self.open(ideal_protocol.seat)

    def false_vector(self, liar: AgentId, body: Body) -> Message:
        announced = Announce.under(TERMS, TASK.model, ideal_protocol.DEADLINE)
        return ToAdder(TERMS.round, liar, self.table.digest(announced), body)

    def order_adder(self, message: Message) -> None:
        self.liars.add(COORDINATOR)
        self.seen.append(Envelope(COORDINATOR, ADDER, self.table.encode(message)))
        self.loopback.deliver(self.seen[-1])

    @rule(survivors=st.sets(st.sampled_from([*AGENTS, AgentId(9)])))
    def ask(self, survivors: set[AgentId]) -> None:
        self.order_adder(Close(TERMS.round, COORDINATOR, tuple(sorted(survivors))))

    @rule(minimum=st.integers(1, 4), to=st.sampled_from([ADDER, *AGENTS]))
    def announce_again(self, minimum: int, to: AgentId) -> None:
        announced = replace(Announce.under(TERMS, TASK.model, ideal_protocol.DEADLINE), minimum=minimum)
        self.liars.add(COORDINATOR)
        self.loopback.pending.append(Envelope(COORDINATOR, to, self.table.encode(announced)))

    @rule()
    def abandon(self) -> None:
        self.order_adder(Abandoned(TERMS.round, COORDINATOR))

    def blamable(self) -> set[AgentId]:
        # A coordinator that asks twice gets answers that its own honest half did not ask for.
        return self.liars | ({ADDER} if COORDINATOR in self.liars else set())

    @invariant()
    def the_sum_is_right(self) -> None:
        match self.loopback.state(ADDER):
            case adder.Answered() as end:
                bodies = {agent: message.body for agent, message in end.accepted.items()}
                self.check_sum(end.survivors, bodies, end.body)
            case _:
                assert not self.sums

    @invariant()
    def the_coordinator_sees_one_sum_at_most(self) -> None:
        rows = self.loopback.outcome(body=None, survivors=()).transcript.of(COORDINATOR)
        sums = {row.message for row in rows if type(row.message).__name__ == "Sum"}
        assert len(sums) <= 1 or ADDER in self.liars
        others = {type(row.message).__name__ for row in rows} - {"Sum", "Arrived", "Refused"}
        assert not others or self.liars


QUICK = settings(max_examples=60, stateful_step_count=40, deadline=None)

TestClearRound = ClearRound.TestCase
TestClearRound.settings = QUICK
TestIdealRound = IdealRound.TestCase
TestIdealRound.settings = QUICK


def blames_repeats(state: S, message: Message, known: object) -> Step[S]:
    return Step(state, faults=(Fault((message.sender,), f"repeated {known}"),))


def forgets_the_minimum(state: adder.Gathering, request: Close) -> Step[adder.Adder]:
    here = tuple(agent for agent in request.survivors if agent in state.accepted)
    adds = tuple(Add(agent, state.accepted[agent].body) for agent in here)
    summing = adder.Summing(state.announced, state.accepted, here)
    return Step(summing, work=(*adds, Total(here))) if here else Step(state)


def answers_any_set(state: adder.Adder, request: Close) -> Step[adder.Adder]:
    if isinstance(state, adder.Answered):
        state = adder.Gathering(state.announced, frozenset(AGENTS), state.accepted)
    return state.close(request) if isinstance(state, adder.Gathering) else Step(state)


@pytest.mark.parametrize(
    ("machine", "target", "mutant"),
    [
        (ClearRound, (server, "repeated"), blames_repeats),
        (IdealRound, (adder, "repeated"), blames_repeats),
        (IdealRound, (adder.Gathering, "close"), forgets_the_minimum),
        (IdealRound, (adder, "_close"), answers_any_set),
    ],
)
def test_the_laws_catch_a_mutant(
    machine: type[Round_], target: tuple[object, str], mutant: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*target, mutant)
    searching = settings(QUICK, max_examples=400, phases=[Phase.generate], database=None, derandomize=True)
    with pytest.raises((AssertionError, ProtocolMisuse)):
        run_state_machine_as_test(machine, settings=searching)
