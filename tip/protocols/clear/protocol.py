"""Clear, one round of all roles: read it from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.protocols.clear import client, server
from tip.protocols.clear.messages import Announce
from tip.protocols.core import COORDINATOR, Deadline
from tip.protocols.loopback import Loopback, Seat, Task

if TYPE_CHECKING:
    from tip.protocols.transcript import Outcome

DEADLINE: Final = 1  # the one index of the loopback's clock


def seat(loopback: Loopback, task: Task) -> None:
    """The coordinator opens the round; each agent waits for it, on the terms that it agreed to."""
    announced = Announce.under(task.terms, task.model, DEADLINE)
    opened = server.open_round(announced, frozenset(task.vectors))
    for agent, vector in task.vectors.items():
        loopback.seat(agent, Seat("agent", client.Waiting(agent, task.terms), client.advance, vector))
    loopback.seat(COORDINATOR, Seat("coordinator", opened.state, server.advance))
    loopback.start(COORDINATOR, opened)


def run(loopback: Loopback, task: Task) -> Outcome:
    """One round."""
    # Everybody takes a seat, and the coordinator announces the round.
    seat(loopback, task)

    # Agents check the announcement against their terms and answer in the open. The coordinator adds
    # each vector as it comes; it closes the round early if all that were invited have answered.
    loopback.settle()

    # The deadline: with enough agents the sum is finished, with fewer the round is given up.
    # Either way the agents are told, and what arrives from now on changes nothing.
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
    return loopback.outcome(body=None, survivors=(), reason="the round is still open")
