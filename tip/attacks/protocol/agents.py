"""The malicious agent: follows the protocol until it lies, and signs what it says.

Inside is the honest machine; an attack bends its steps (`AgentAttack.bend`): other messages, signed again with the
agent's true key, other work, other secrets. So a lie is the only thing that is wrong with what the agent sends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tip.attacks.protocol.verdicts import convicted, named
from tip.errors import ProtocolMisuse
from tip.protocols.core import COORDINATOR, AgentId, Body, Deadline, Send, Step
from tip.protocols.loopback import FAITHFUL, Loopback, Network, Seat, Task
from tip.protocols.masking import client
from tip.protocols.masking.messages import TABLE, Message
from tip.protocols.masking.protocol import DEADLINE, STAGES, ending
from tip.protocols.masking.signing import signed
from tip.protocols.masking.stages import Own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tip.protocols.core import Fault, Vector
    from tip.protocols.masking.client import Agent
    from tip.protocols.masking.protocol import Masked
    from tip.protocols.transcript import Outcome

M = TypeVar("M")


class AgentAttack(ABC):
    """What a malicious agent does differently; a final class is frozen data and overrides `bend` alone."""

    __slots__ = ()

    name: ClassVar[str]
    tries: ClassVar[str]

    @abstractmethod
    def bend(self, step: Step[Agent]) -> Step[Agent]:
        """What the agent does where an honest one does this."""

    def seat(self, loopback: Loopback, protocol: Masked, task: Task, me: AgentId) -> None:
        """Take this agent's seat; all others have theirs."""
        cast = protocol.cast
        secrets = cast.secrets(task.terms.round)[me]
        own = Own(me, cast.agents[me], secrets, task.terms, protocol.parameters, cast.directory)
        vector = task.vectors[me]

        def advance(agent: Agent, event: object) -> Step[Agent]:
            step = self.bend(client.advance(agent, event))  # type: ignore[arg-type] # whatever the driver brings
            return replace(step, faults=())  # whom a liar's own machine names is no finding of anybody

        made = {Body.of(other, task.terms.modulus_bits).digest: other for other in spare(vector)}
        loopback.seat(me, Seat("agent", client.waiting(own), advance, vector, made=made))

    def play(self, protocol: Masked, task: Task, me: AgentId, network: Network = FAITHFUL) -> Ending:
        """One round with this one liar, all other parties honest."""
        return play({me: self}, protocol, task, network)


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """How a round with liars ended.

    `convicted`: by evidence that anybody can check. `named`: by the other end of a link, with or without such evidence.
    """

    convicted: frozenset[AgentId]
    named: frozenset[AgentId]
    outcome: Outcome = field(repr=False)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What the coordinator and the honest agents found."""
        return self.outcome.faults


def play(liars: Mapping[AgentId, AgentAttack], protocol: Masked, task: Task, network: Network = FAITHFUL) -> Ending:
    """One round with these liars, all other parties honest."""
    loopback = Loopback(TABLE, task, network)
    protocol.seat(loopback, task)
    for agent, attack in liars.items():
        attack.seat(loopback, protocol, task, agent)
    for stage in range(STAGES):
        loopback.settle()
        loopback.tell(COORDINATOR, Deadline(DEADLINE + stage))
    loopback.settle()
    outcome, cast = ending(loopback), protocol.cast
    guilty = convicted(outcome.faults, cast.directory, protocol.parameters)
    return Ending(guilty, named(outcome.faults), outcome)


def spare(vector: Vector) -> tuple[Vector, Vector]:
    """Two vectors that a liar has at hand: zeros, and one coordinate more than there should be."""
    return vector * 0, vector.repeat([1] * (len(vector) - 1) + [2])


def swapped(step: Step[Agent], kind: type[M], change: Callable[[M, Agent], Message | None]) -> Step[Agent]:
    """The step with each message of this type changed and signed again; None keeps it back."""
    sends: list[Send] = []
    for send in step.sends:
        if not isinstance(send.message, kind):
            sends.append(send)
            continue
        made = change(send.message, step.state)
        if made is not None:
            sends.append(Send(send.to, signed_by(step.state, made)))
    return replace(step, sends=tuple(sends))


def followed(step: Step[Agent], kind: type[M], more: Callable[[M, Agent], Message]) -> Step[Agent]:
    """The step with a second message, signed, behind each of this type."""
    sends: list[Send] = []
    for send in step.sends:
        sends.append(send)
        if isinstance(send.message, kind):
            sends.append(Send(send.to, signed_by(step.state, more(send.message, step.state))))
    return replace(step, sends=tuple(sends))


def signed_by(agent: Agent, message: Message) -> Message:
    """The message with this agent's own signature."""
    context = agent.context(type(message))
    if context is None:
        raise ProtocolMisuse("there is no context yet to sign in")
    return signed(agent.own.identity, context, message)
