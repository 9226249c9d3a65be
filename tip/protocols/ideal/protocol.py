"""Ideal, one round of all roles: read it from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.protocols.core import COORDINATOR, Deadline
from tip.protocols.ideal import adder, client, server
from tip.protocols.ideal.messages import ADDER, Announce
from tip.protocols.loopback import Loopback, Seat, Task

if TYPE_CHECKING:
    from tip.protocols.transcript import Outcome

DEADLINE: Final = 1  # the one index of the loopback's clock


def seat(loopback: Loopback, task: Task) -> None:
    """The coordinator opens the round; the adder knows who is enrolled, the agents know their terms."""
    announced = Announce.under(task.terms, task.model, DEADLINE)
    enrolled = frozenset(task.vectors)
    opened = server.open_round(announced, enrolled)
    for agent, vector in task.vectors.items():
        loopback.seat(agent, Seat("agent", client.Waiting(agent, task.terms), client.advance, vector))
    loopback.seat(ADDER, Seat("adder", adder.Unopened(task.terms.round, enrolled, {}), adder.advance))
    loopback.seat(COORDINATOR, Seat("coordinator", opened.state, server.advance))
    loopback.start(COORDINATOR, opened)


def run(loopback: Loopback, task: Task) -> Outcome:
    """One round."""
    # Everybody takes a seat, and the coordinator announces the round to agents and adder.
    seat(loopback, task)

    # Agents check the announcement against their terms and answer the adder, which tells the
    # coordinator who answered. If all did, the coordinator asks for the sum without waiting.
    loopback.settle()

    # The deadline: with enough agents the coordinator asks for the sum of exactly these, with fewer
    # it gives the round up. The adder answers one request and no other.
    loopback.tell(COORDINATOR, Deadline(DEADLINE))
    loopback.settle()

    return ending(loopback)


def ending(loopback: Loopback) -> Outcome:
    """What the coordinator knows in the end."""
    match loopback.state(COORDINATOR):
        case server.Finished() as end:
            return loopback.outcome(body=end.body, survivors=end.survivors)
        case server.Failed() as end:
            return loopback.outcome(body=None, survivors=(), reason=end.reason)
        case server.Closing():
            return loopback.outcome(body=None, survivors=(), reason="the adder did not answer")
    return loopback.outcome(body=None, survivors=(), reason="the round is still open")
