"""Local, one question of all roles: read it from top to bottom."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.protocols.core import COORDINATOR, Deadline, Terms
from tip.protocols.local import client, messages, server
from tip.protocols.loopback import FAITHFUL, Loopback, Network, Seat, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.mechanisms.aggregates import Aggregate
    from tip.protocols.core import AgentId, Fault
    from tip.protocols.local.agreement import Agreement
    from tip.protocols.transcript import Transcript

DEADLINE: Final = 1  # the one index of the loopback's clock
_RING: Final = 16  # the loopback reckons the longest frame from a vector of such words


@dataclass(frozen=True, slots=True, eq=False)
class Poll:
    """How a question ended: the aggregate of the reports that count, or None and the reason.

    `accepted` are the agents whose reports count, `refused` those who sent something else; agents that sent nothing
    stand in neither. `faults` name who broke which rule.
    """

    aggregate: Aggregate | None
    accepted: tuple[AgentId, ...]
    refused: tuple[AgentId, ...]
    faults: tuple[Fault, ...]
    reason: str
    transcript: Transcript = field(repr=False)


def ask(agreement: Agreement, reports: Mapping[AgentId, bytes], *, network: Network = FAITHFUL) -> Poll:
    """One question, all roles in this process, over bytes; `reports` holds what each agent's device randomized."""
    if any(agent < 0 for agent in reports):
        raise ConfigurationError("agents are counted from 0")
    loopback = Loopback(messages.TABLE, _task(agreement, reports), network)

    # Everybody takes a seat, on the agreement that each made from the plan; the coordinator asks.
    for agent in sorted(reports):
        loopback.seat(agent, Seat("agent", client.Waiting(agent, agreement), client.advance))
    opened = server.open_question(agreement, frozenset(reports), DEADLINE)
    loopback.seat(COORDINATOR, Seat("coordinator", opened.state, server.advance))
    loopback.start(COORDINATOR, opened)

    # Agents hold the question against their agreement. Those that accept it send their one report; the
    # coordinator screens each as it comes, and closes early if everybody was heard.
    loopback.settle()
    for agent in sorted(reports.keys() - network.silent):
        if isinstance(loopback.state(agent), client.Preparing):
            loopback.tell(agent, client.Randomized(reports[agent]))
    loopback.settle()

    # The deadline: with enough reports they are added up, with fewer nothing is released.
    loopback.tell(COORDINATOR, Deadline(DEADLINE))
    loopback.settle()
    return _ending(agreement, loopback)


def _task(agreement: Agreement, reports: Mapping[AgentId, bytes]) -> Task:
    """What the loopback wants to know of a round: how long a frame may be. It holds no vector."""
    longest = max((len(report) for report in reports.values()), default=1)
    return Task(Terms(agreement.round, agreement.minimum, longest, _RING), hashlib.sha256().digest(), {})


def _ending(agreement: Agreement, loopback: Loopback) -> Poll:
    """What the coordinator knows in the end; a frame that did not decode is a report that was refused."""
    ended = loopback.outcome(body=None, survivors=())
    match loopback.state(COORDINATOR):
        case server.Finished() as end:
            accepted, found = tuple(end.accepted), agreement.mechanism.collect(end.accepted.values())
            refused = _refused(loopback, end.refused, accepted)
            aggregate = agreement.mechanism.aggregate(found.reports)
            return Poll(_counting(aggregate, len(refused)), accepted, refused, ended.faults, "", ended.transcript)
        case server.Failed() as end:
            refused = _refused(loopback, end.refused, ())
            return Poll(None, (), refused, ended.faults, end.reason, ended.transcript)
    return Poll(None, (), (), ended.faults, "the question is still open", ended.transcript)


def _refused(loopback: Loopback, named: frozenset[AgentId], accepted: tuple[AgentId, ...]) -> tuple[AgentId, ...]:
    """Those whose reports the machine refused, and those whose frames never reached it."""
    unread = {
        sender for to, sender, _ in loopback.outcome(body=None, survivors=()).transcript.undecoded if to == COORDINATOR
    }
    return tuple(sorted((named | unread) - set(accepted)))


def _counting(aggregate: Aggregate, refused: int) -> Aggregate:
    """The aggregate, with the messages that were refused before it."""
    return type(aggregate)(aggregate.digest, aggregate.reports, aggregate.refused + refused, aggregate.totals)
