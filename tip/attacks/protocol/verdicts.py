"""Verdicts: whom the evidence of a round convicts, judged from its bytes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.attacks.protocol.pool import first
from tip.errors import MalformedMessage
from tip.protocols.core import COORDINATOR
from tip.protocols.masking.evidence import Case, Claim, exhibit
from tip.protocols.masking.judging import judge
from tip.protocols.masking.messages import Announce, Roster, Survivors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.protocols.core import AgentId, Fault, Message
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.masking.signing import Directory
    from tip.protocols.transcript import Transcript


def convicted(faults: Iterable[Fault], directory: Directory, parameters: Parameters) -> frozenset[AgentId]:
    """Everybody whom some fault's evidence convicts before a judge who was not there."""
    return frozenset(guilty for fault in faults for guilty in verdict(fault, directory, parameters))


def verdict(fault: Fault, directory: Directory, parameters: Parameters) -> tuple[AgentId, ...]:
    """Whom this fault's evidence convicts: nobody, if it shows nothing to others."""
    try:
        return judge(fault.evidence, directory, parameters)
    except MalformedMessage:
        return ()


def named(faults: Iterable[Fault]) -> frozenset[AgentId]:
    """Everybody whom some fault names, with evidence for others or without."""
    return frozenset(culprit for fault in faults for culprit in fault.culprits)


def compared(transcript: Transcript, agents: Iterable[AgentId]) -> tuple[Fault, ...]:
    """What agents find when they compare, after a round, which survivors each of them was asked to sign.

    Two sets under one announcement and one roster are two stories of the coordinator, signed by it.
    """
    told = {agent: [row.message for row in transcript.of(agent)] for agent in sorted(agents)}
    faults: list[Fault] = []
    seen: dict[tuple[Message | None, Message | None], Survivors] = {}
    for agent, messages in told.items():
        announcement, roster, survivors = (first(messages, kind) for kind in (Announce, Roster, Survivors))
        if not (isinstance(announcement, Announce) and isinstance(roster, Roster) and isinstance(survivors, Survivors)):
            continue
        other = seen.setdefault((announcement, roster), survivors)
        if other.agents != survivors.agents:
            case = Case(announcement.round, agent, announcement, roster)
            shown = (exhibit(other), exhibit(survivors))
            faults.append(case.fault(COORDINATOR, Claim.TWO_STORIES, "asked for two survivor sets", *shown))
    return tuple(faults)
