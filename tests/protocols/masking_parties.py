"""Masked rounds for tests: a network at anybody's mercy, and parties that can be restarted at any time."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from tip.aggregation.masks import cover
from tip.crypto import KeyPair, verify
from tip.errors import MalformedMessage
from tip.protocols.core import (
    COORDINATOR,
    Accumulator,
    Add,
    AgentId,
    Body,
    Cover,
    Covered,
    Deadline,
    Discard,
    Fault,
    Prepare,
    Prepared,
    Resumed,
    Round,
    Send,
    Step,
    Terms,
    Total,
    Uncover,
)
from tip.protocols.loopback import Envelope
from tip.protocols.masking import Parameters, client, server, signing
from tip.protocols.masking.course import Finished
from tip.protocols.masking.messages import TABLE
from tip.protocols.masking.protocol import DEADLINE, STAGES, Cast
from tip.protocols.masking.stages import Own
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tip.crypto import Identity
    from tip.protocols.core import Vector
    from tip.protocols.masking.messages import Message
    from tip.protocols.masking.secrets import Secrets

MODEL = bytes(range(32))
LIMIT = 1 << 14
DIMENSION = 2
BITS = 16


def tiny(  # the conditions allow no rounds so small; what parties say and whom they blame does not hang on them
    graph: str,
    *,
    agents: int,
    degree: int,
    threshold: int,
    minimum: int,
    corrupt: int = 2,
    coordinator: str = "malicious",
) -> Parameters:
    return Parameters.unchecked(
        agents=agents,
        corrupt=corrupt,
        dropouts=1,
        coordinator=coordinator,
        graph=graph,
        degree=degree,
        threshold=threshold,
        minimum=minimum,
        samples=minimum if coordinator == "malicious" else 0,
        privacy_bits=1,
        success_bits=1,
    )


COMPLETE = tiny("complete", agents=6, degree=5, threshold=3, minimum=4)
DRAWN = tiny("drawn", agents=6, degree=4, threshold=3, minimum=5)
RING = tiny("ring", agents=6, degree=4, threshold=2, minimum=5, coordinator="curious")


@contextmanager
def remembered() -> Iterator[None]:
    """Signatures and keys that were computed once are not computed again: the same secrets serve many rounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "verify", lru_cache(1 << 17)(verify))
        patch.setattr(KeyPair, "from_secret", lru_cache(1 << 14)(KeyPair.from_secret))
        agree = lru_cache(1 << 16)(KeyPair.agree)
        patch.setattr(KeyPair, "agree", lambda pair, *of: agree(pair, *of))  # noqa: PLW0108 - so that it is a method
        yield


@dataclass
class Party:
    """A machine and its driver: `journal` and `held` outlive a restart, nothing else does.

    `sent`: what the events of the journal led to.
    """

    fresh: Callable[[], Step[Any]]
    advance: Callable[[Any, Any], Step[Any]]
    state: Any
    own: Vector | None = None
    journal: list[object] = field(default_factory=list)
    sent: list[Send] = field(default_factory=list)
    held: dict[bytes, Vector] = field(default_factory=dict)
    accumulator: Accumulator = field(default_factory=Accumulator)

    def replayed(self) -> Any:  # noqa: ANN401 - the state of any machine
        """The state of a new machine that is given what this one accepted, and says the same; the sum is made anew."""
        step = self.fresh()
        sent = list(step.sends)
        self.accumulator = Accumulator()
        for event in self.journal:
            step = self.advance(step.state, event)
            sent += step.sends
            for item in step.work:
                account(self, item)
        assert sent == self.sent
        return step.state


@dataclass(frozen=True)
class Found:
    """A fault, and who found it."""

    by: AgentId
    fault: Fault


class Scene:
    """One round of these parties: frames under way, work under way, all that was ever said and found."""

    def __init__(self, parameters: Parameters, *, seed: int = 1) -> None:
        self.parameters = parameters
        agents = [AgentId(i) for i in range(parameters.agents)]
        self.cast, self.secrets = enrolled(parameters.agents, seed)
        self.terms = Terms(Round(7), parameters.minimum, DIMENSION, BITS)
        self.vectors: dict[AgentId, Vector] = {
            agent: np.array([1000 + agent, 65_000 - 7 * agent], dtype=np.uint16) for agent in agents
        }
        self.pending: deque[Envelope] = deque()
        self.todo: deque[tuple[AgentId, Prepare | Cover]] = deque()
        self.late: deque[Envelope] = deque()
        self.seen: list[Envelope] = []
        self.found: list[Found] = []
        self.said: list[Message] = []
        self.parties: dict[AgentId, Party] = {}
        for agent in agents:
            self._seat(agent)
        terms, cast = self.terms, self.cast
        opened = server.open_round(cast.coordinator, cast.directory, parameters, terms, MODEL, DEADLINE)
        self.parties[COORDINATOR] = Party(lambda: opened, server.advance, opened.state, sent=list(opened.sends))
        self._carry(COORDINATOR, opened)

    def _seat(self, agent: AgentId) -> None:
        cast = self.cast
        own = Own(agent, cast.agents[agent], self.secrets[agent], self.terms, self.parameters, cast.directory)
        state = client.waiting(own)
        self.parties[agent] = Party(lambda: Step(client.waiting(own)), client.advance, state, self.vectors[agent])

    @property
    def agents(self) -> list[AgentId]:
        return [party for party in self.parties if party >= 0]

    @property
    def coordinator(self) -> server.Coordinator:
        state: server.Coordinator = self.parties[COORDINATOR].state
        return state

    def stage(self, party: AgentId) -> str:
        return type(self.parties[party].state.stage).__name__

    def identity(self, party: AgentId) -> Identity:
        return self.cast.coordinator if party == COORDINATOR else self.cast.agents[party]

    def context(self, message: Message, to: AgentId) -> bytes | None:
        """In which context an agent's message, or one to an agent, is signed."""
        agent = to if message.sender == COORDINATOR else message.sender
        context: bytes | None = self.parties[agent].state.context(type(message))
        return context

    def feed(self, to: AgentId, event: object, arrived: Mapping[bytes, Vector] | None = None) -> Step[Any]:
        """Give a machine an event, twice: the same event to the same state is the same step."""
        party = self.parties[to]
        step = party.advance(party.state, event)
        assert party.advance(party.state, event) == step
        if step.state != party.state:
            party.journal.append(event)
            party.sent.extend(step.sends)
            party.held.update(arrived or {})
        party.state = step.state
        self._carry(to, step)
        return step

    def meddle(self, envelope: Envelope) -> bool:  # noqa: ARG002 - for tests to put another in its place
        """Whether somebody took this frame off the network before anybody else could."""
        return False

    def _carry(self, sender: AgentId, step: Step[Any]) -> None:
        party = self.parties[sender]
        self.found.extend(Found(sender, fault) for fault in step.faults)
        for send in step.sends:
            self.said.append(cast("Message", send.message))
            envelope = Envelope(sender, send.to, TABLE.encode(send.message, party.held))
            if not self.meddle(envelope):
                self.pending.append(envelope)
        for item in step.work:
            if isinstance(item, Prepare | Cover):
                self.todo.append((sender, item))
            elif (event := account(party, item)) is not None:
                self.feed(sender, event)

    def work(self, index: int = 0) -> None:
        """Carry out work that is under way."""
        place = index % len(self.todo)
        agent, item = self.todo[place]
        del self.todo[place]
        party = self.parties[agent]
        if isinstance(item, Prepare):
            assert party.own is not None
            body = Body.of(party.own, item.modulus_bits)
            party.held[body.digest] = party.own
            self.feed(agent, Prepared(body))
        else:
            vector = cover(party.held[item.body.digest], item.add, item.subtract)
            body = Body.of(vector, item.body.modulus_bits)
            party.held[body.digest] = vector
            self.feed(agent, Covered(body))

    def take(self, index: int) -> Envelope:
        """A frame off the network."""
        place = index % len(self.pending)
        envelope = self.pending[place]
        del self.pending[place]
        self.seen.append(envelope)
        return envelope

    def deliver(self, envelope: Envelope) -> None:
        """Bring a frame to its party, as the links do: who sent bytes that do not decode is known."""
        try:
            decoded = TABLE.decode(envelope.frame, limit=LIMIT)
        except MalformedMessage as error:
            self.found.append(Found(envelope.to, Fault((envelope.sender,), str(error))))
            return
        if decoded.message.sender != envelope.sender:
            self.found.append(Found(envelope.to, Fault((envelope.sender,), "speaks for another party")))
            return
        self.feed(envelope.to, decoded.message, decoded.vectors)

    def settle(self) -> None:
        """Deliver and work until nothing is under way."""
        while self.pending or self.todo:
            if self.pending:
                self.deliver(self.take(0))
            else:
                self.work()

    def deadline(self, index: int) -> None:
        self.feed(COORDINATOR, Deadline(index))

    def finish(self) -> None:
        """Let the round run to its end."""
        for index in range(STAGES):
            self.settle()
            self.deadline(DEADLINE + index)
            self.release()
        self.settle()

    def release(self) -> None:
        """What was late arrives."""
        self.pending.extend(self.late)
        self.late.clear()

    def restart(self, who: AgentId, *, replay: bool) -> None:
        """A new process of this party: its journal is replayed, or its state was kept; work under way is lost."""
        party = self.parties[who]
        self.todo = deque((agent, item) for agent, item in self.todo if agent != who)
        if replay:
            state = party.replayed()
            assert state == party.state
            party.state = state
        self.feed(who, Resumed())

    def total(self) -> Vector | None:
        """The sum, if the round has one."""
        stage = self.coordinator.stage
        return self.parties[COORDINATOR].accumulator.find(stage.body) if isinstance(stage, Finished) else None


@lru_cache
def enrolled(agents: int, seed: int) -> tuple[Cast, dict[AgentId, Secrets]]:
    """The parties of rounds with this seed."""
    cast = Cast.of(map(AgentId, range(agents)), Entropy.seeded(seed))
    return cast, cast.secrets(Round(7))


def account(party: Party, item: object) -> object | None:
    """The coordinator's work; vectors that came are kept as long as its journal."""
    match item:
        case Add():
            party.accumulator.add(item, party.held.get(item.body.digest))
        case Uncover():
            party.accumulator.uncover(item)
        case Total():
            return party.accumulator.total(item)
        case Discard():
            party.accumulator.discard()
    return None
