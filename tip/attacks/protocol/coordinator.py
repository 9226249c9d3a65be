"""The malicious coordinator: runs the round as it likes and pools with accomplices.

Inside is the honest machine, believing everything it is told and never giving up, so that the round goes as far as the
agents let it. Each attack changes what it asks (`CoordinatorAttack.ask`); all that it says is signed with the
coordinator's true key. Accomplices follow the protocol, so that nothing gives them away, and lend their identity and
the secrets of their round. In the end `knowledge` computes what all of them together know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tip.attacks.protocol.knowledge import Knowledge, known
from tip.attacks.protocol.pool import Pool
from tip.attacks.protocol.verdicts import convicted, named
from tip.crypto import KeyPair, derive
from tip.protocols.core import COORDINATOR, Add, AgentId, Deadline, Resumed, Send, Step
from tip.protocols.loopback import FAITHFUL, Loopback, Network, Seat, Task
from tip.protocols.masking import server
from tip.protocols.masking.course import Collecting, Unmasking
from tip.protocols.masking.messages import (
    CHANNEL,
    MASK,
    TABLE,
    Abandoned,
    Announce,
    Complaint,
    Message,
    Peers,
    Query,
    Roster,
    Unmask,
)
from tip.protocols.masking.parameters import Parameters
from tip.protocols.masking.protocol import DEADLINE, STAGES
from tip.protocols.masking.signing import opening, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.crypto import Identity
    from tip.protocols.core import Fault
    from tip.protocols.masking.protocol import Masked
    from tip.protocols.masking.secrets import Secrets
    from tip.protocols.transcript import Outcome

    Sends = tuple[Send, ...]

M = TypeVar("M", bound=Message)
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Accomplice:
    """An agent that lends the coordinator its identity and its secrets of the round."""

    identity: Identity = field(repr=False)
    secrets: Secrets = field(repr=False)


@dataclass(frozen=True, slots=True)
class Crook:
    """A malicious coordinator's whole state: an honest machine inside, its plot, its helpers, all that it heard."""

    honest: server.Coordinator
    plot: CoordinatorAttack
    helpers: Mapping[AgentId, Accomplice]
    parameters: Parameters
    heard: tuple[Message, ...] = ()

    def signed(self, message: M, context: bytes | None = None) -> M:
        """The message with the coordinator's own signature, in this round's context unless another is given."""
        return signed(self.honest.desk.identity, context or self.context(type(message)), message)

    def context(self, kind: type[object]) -> bytes:
        """Under which context the coordinator signs a message of this type."""
        desk = self.honest.desk
        if kind is Announce:
            return opening(desk.directory)
        return desk.context if kind is Roster else self.honest.context(kind)

    def all(self, kind: type[K]) -> tuple[K, ...]:
        """Every message of this type that was heard."""
        return tuple(message for message in self.heard if isinstance(message, kind))


class CoordinatorAttack(ABC):
    """What a malicious coordinator does differently; a final class is frozen data and overrides `ask` alone."""

    __slots__ = ()

    name: ClassVar[str]
    tries: ClassVar[str]
    accomplices: frozenset[AgentId]

    @abstractmethod
    def ask(self, kind: type[object], crook: Crook, sends: Sends) -> Step[Crook]:
        """What is sent where an honest coordinator asks a question of this kind with these `sends`.

        `kind` is `Resumed`, with nothing to send, twice after the round: all agents were restarted from what they kept.
        """

    def seat(self, loopback: Loopback, protocol: Masked, task: Task) -> None:
        """The agents take their seats, honest all of them, and this coordinator opens the round."""
        protocol.seat(loopback, task)
        loopback.pending.clear()
        cast, parameters = protocol.cast, protocol.parameters
        opened = server.open_round(cast.coordinator, cast.directory, parameters, task.terms, task.model, DEADLINE)
        secrets = cast.secrets(task.terms.round)
        helpers = {agent: Accomplice(cast.agents[agent], secrets[agent]) for agent in sorted(self.accomplices)}
        crook = Crook(_reckless(opened.state), self, helpers, parameters)
        loopback.seat(COORDINATOR, Seat("coordinator", crook, advance))
        loopback.start(COORDINATOR, self.ask(Announce, crook, opened.sends))

    def play(self, protocol: Masked, task: Task, network: Network = FAITHFUL) -> Attempt:
        """One round under this attack, all other parties honest."""
        loopback = Loopback(TABLE, task, network)
        self.seat(loopback, protocol, task)
        for stage in range(STAGES):
            loopback.settle()
            loopback.tell(COORDINATOR, Deadline(DEADLINE + stage))
        for _ in range(2):
            for agent in sorted(task.vectors):
                loopback.tell(agent, Resumed())
            loopback.settle()
            loopback.tell(COORDINATOR, Resumed())
            loopback.settle()
        return attempt(self, protocol, task, loopback.outcome(body=None, survivors=(), reason="the coordinator lies"))


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """How an attack of a coordinator ended: what it and its accomplices know, and whom the agents can convict.

    `convicted`: by evidence that anybody can check. `named`: by agents, without proof for others too.
    """

    attack: str
    knowledge: Knowledge
    convicted: frozenset[AgentId]
    named: frozenset[AgentId]
    honest: int
    outcome: Outcome = field(repr=False)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the agents found."""
        return self.outcome.faults

    @property
    def stolen(self) -> tuple[str, ...]:
        """Which promises are broken: one sum at most, of `honest` honest agents at least, never both secrets."""
        sums = self.knowledge.parts
        small = [part.agents for part in sums if len(part.agents) < self.honest]
        return (
            *((f"sums of {len(sums)} sets of honest agents",) if len(sums) > 1 else ()),
            *(f"the sum of agents {agents} alone" for agents in small),
            *(f"both secrets of agent {agent}" for agent in self.knowledge.both),
        )


def attempt(attack: CoordinatorAttack, protocol: Masked, task: Task, outcome: Outcome) -> Attempt:
    """What is known after this round."""
    secrets = protocol.cast.secrets(task.terms.round)
    pool = Pool.after(
        outcome.transcript,
        task.terms.round,
        protocol.cast.directory,
        secrets={agent: secrets[agent] for agent in attack.accomplices},
        forged=[forged(agent, purpose) for agent in _told_of(outcome) for purpose in (CHANNEL, MASK)],
    )
    return Attempt(
        attack.name,
        known(pool, protocol.parameters.threshold),
        convicted(outcome.faults, protocol.cast.directory, protocol.parameters),
        named(outcome.faults),
        protocol.parameters.honest,
        outcome,
    )


def _told_of(outcome: Outcome) -> set[AgentId]:
    """Everybody whose keys somebody was told."""
    messages = (row.message for row in outcome.transcript.received)
    return {peer for message in messages if isinstance(message, Peers) for peer in message.peers}


def forged(agent: AgentId, purpose: int) -> KeyPair:
    """The key pair that a coordinator makes up for this agent, for the channel (0) or the mask (1)."""
    return KeyPair.from_secret(derive(bytes(32), "a made-up key", bytes([purpose]) + int(agent).to_bytes(8, "big")))


def _reckless(honest: server.Coordinator) -> server.Coordinator:
    """The same machine, content with any number of answers."""
    mine = honest.desk.parameters
    values = {f.name: getattr(mine, f.name) for f in fields(mine) if f.init}
    return replace(honest, desk=replace(honest.desk, parameters=Parameters.unchecked(**values | UNLIMITED)))


UNLIMITED = {"minimum": 0, "threshold": 0}


def advance(crook: Crook, event: Message | Deadline | Resumed) -> Step[Crook]:
    """The one door: the honest machine's step, with questions as the attack wants them."""
    match event:
        case Resumed():
            return crook.plot.ask(Resumed, crook, ())
        case Deadline() if isinstance(crook.honest.stage, Unmasking):
            return Step(crook)
        case Deadline() | Query():
            step = server.advance(crook.honest, event)
        case Unmask() | Complaint():
            step = Step(crook.honest)
        case _:
            step = _believed(crook.honest, event)
    heard = crook.heard if isinstance(event, Deadline) else (*crook.heard, event)
    now = replace(crook, honest=step.state, heard=heard)
    sends = tuple(send for send in step.sends if not isinstance(send.message, Abandoned))
    asked = now.plot.ask(type(sends[0].message), now, sends) if sends else Step(now)
    return replace(asked, work=tuple(item for item in step.work if isinstance(item, Add)))


def _believed(honest: server.Coordinator, message: Message) -> Step[server.Coordinator]:
    """Take an answer that is due without a look at its signature or content."""
    stage, kind = honest.stage, type(message)
    due = isinstance(stage, Collecting) and kind is stage.answer and message.sender in stage.asked
    if not due or message.sender in honest.of(kind):
        return Step(honest)
    return server.settle(replace(honest, heard={**honest.heard, kind: {**honest.of(kind), message.sender: message}}))
