"""Clear, who sees what: the coordinator sees each message.

So against the coordinator only the agent's own noise share counts (docs/laws.md, law 3). Everybody
else sees who took part and, through whatever is released afterwards, the sum. `flow` says the same
as mathematics, from the same table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.flow.model import EVERYBODY
from tip.protocols.core import CoordinatorSees, Descriptor, Sight
from tip.protocols.declaring import AGENT, COHORT, RELEASED, receivers

if TYPE_CHECKING:
    from tip.flow.model import Flow, Requirement
    from tip.protocols.declaring import Sums

PROTOCOL: Final = Descriptor("clear", CoordinatorSees.EACH_MESSAGE)

_OWN: Final = "the agent's own share"

FLOW: Final = (
    Sight("agent", "Announce", "round", "the number of the round", private=False),
    Sight("agent", "Announce", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Announce", "model", "the hash of the released model", private=False),
    Sight("agent", "Announce", "dimension", "the length of the vectors, from the plan", private=False),
    Sight("agent", "Announce", "modulus_bits", "the ring, from the plan", private=False),
    Sight("agent", "Announce", "deadline", "when the round closes", private=False),
    Sight("agent", "Announce", "minimum", "the least number of survivors, from the plan", private=False),
    Sight("agent", "Announce", "(size)", "the length of the frame, fixed", private=False),
    Sight("agent", "Closed", "round", "the number of the round", private=False),
    Sight("agent", "Closed", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Closed", "survivors", "who took part: presence is public (law 18)", private=False),
    Sight("agent", "Closed", "(size)", "the length of the frame: how many took part", private=False),
    Sight("agent", "Abandoned", "round", "the number of the round", private=False),
    Sight("agent", "Abandoned", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Abandoned", "answered", "how many answered: presence is public (law 18)", private=False),
    Sight("agent", "Abandoned", "(size)", "the length of the frame, fixed", private=False),
    Sight("coordinator", "Vector", "round", "the number of the round", private=False),
    Sight("coordinator", "Vector", "sender", "who answers: presence is public (law 18)", private=False),
    Sight("coordinator", "Vector", "body", "the agent's update with its share", private=True, noise=_OWN),
    Sight("coordinator", "Vector", "(size)", "the length of the frame, fixed by the plan", private=False),
    Sight("network", "Announce", "(size)", "who is told, when, how much; the plan fixes it", private=False),
    Sight("network", "Vector", "(size)", "who answers, when, how much; the plan fixes it", private=False),
    Sight("network", "Closed", "(size)", "how many took part", private=False),
    Sight("network", "Abandoned", "(size)", "that the round was given up", private=False),
)


def flow(sums: Sums, *, requirements: tuple[Requirement, ...] = ()) -> Flow:
    """What everybody sees in all rounds of a run with these public numbers."""
    vector = sums.message("Vector.body", AGENT, sums.vector, receivers(FLOW, "Vector.body"))
    released = sums.message(RELEASED, "coordinator", f"sum(Vector.body, {COHORT})", (EVERYBODY,))
    return sums.flow(
        name=PROTOCOL.name,
        about="Every agent's vector in the open; the coordinator adds them and releases the sum.",
        parties=("coordinator",),
        messages=(vector, released),
        table=FLOW,
        requirements=requirements,
    )
