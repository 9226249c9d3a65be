"""Ideal, who sees what: the coordinator sees one sum a round.

Nothing but the adder's honesty makes it so, and a guarantee against the coordinator says that
first: `ASSUMPTION`. The adder itself sees every agent's vector with that agent's own share alone.
`flow` says the same as mathematics, from the same table; there the adder is a party by that name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.flow.model import EVERYBODY
from tip.privacy.guarantees import Assumption
from tip.protocols.core import CoordinatorSees, Descriptor, Sight
from tip.protocols.declaring import AGENT, RELEASED, receivers

if TYPE_CHECKING:
    from tip.flow.model import Flow, Requirement
    from tip.protocols.declaring import Sums

ASSUMPTION: Final = Assumption("ideal-sum", "the coordinator sees only sums; nothing in this run enforces it")

PROTOCOL: Final = Descriptor("ideal", CoordinatorSees.SUM, (ASSUMPTION,))

_OWN: Final = "the agent's own share"
_ALL: Final = "the shares of all survivors"

_AGENT: Final = (
    Sight("agent", "Announce", "round", "the number of the round", private=False),
    Sight("agent", "Announce", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Announce", "model", "the hash of the released model", private=False),
    Sight("agent", "Announce", "dimension", "the length of the vectors, from the plan", private=False),
    Sight("agent", "Announce", "modulus_bits", "the ring, from the plan", private=False),
    Sight("agent", "Announce", "deadline", "when the round closes", private=False),
    Sight("agent", "Announce", "minimum", "the least number of survivors, from the plan", private=False),
    Sight("agent", "Announce", "(size)", "the length of the frame, fixed", private=False),
)

_ADDER: Final = (
    *(Sight("adder", row.message, row.field, row.what, row.private) for row in _AGENT),
    Sight("adder", "Vector", "round", "the number of the round", private=False),
    Sight("adder", "Vector", "sender", "who answers: presence is public (law 18)", private=False),
    Sight("adder", "Vector", "announcement", "which announcement is answered", private=False),
    Sight("adder", "Vector", "body", "the agent's update with its share", private=True, noise=_OWN),
    Sight("adder", "Vector", "(size)", "the length of the frame, fixed by the plan", private=False),
    Sight("adder", "Close", "round", "the number of the round", private=False),
    Sight("adder", "Close", "sender", "that the coordinator speaks", private=False),
    Sight("adder", "Close", "survivors", "whose sum is asked for", private=False),
    Sight("adder", "Close", "(size)", "the length of the frame: how many", private=False),
    Sight("adder", "Abandoned", "round", "the number of the round", private=False),
    Sight("adder", "Abandoned", "sender", "that the coordinator speaks", private=False),
    Sight("adder", "Abandoned", "(size)", "the length of the frame, fixed", private=False),
)

_COORDINATOR: Final = (
    Sight("coordinator", "Arrived", "round", "the number of the round", private=False),
    Sight("coordinator", "Arrived", "sender", "that the adder speaks", private=False),
    Sight("coordinator", "Arrived", "agent", "who answered: presence is public (law 18)", private=False),
    Sight("coordinator", "Arrived", "(size)", "the length of the frame, fixed", private=False),
    Sight("coordinator", "Sum", "round", "the number of the round", private=False),
    Sight("coordinator", "Sum", "sender", "that the adder speaks", private=False),
    Sight("coordinator", "Sum", "survivors", "whose vectors were summed: presence is public", private=False),
    Sight("coordinator", "Sum", "body", "the ring sum of the survivors' vectors", private=True, noise=_ALL),
    Sight("coordinator", "Sum", "(size)", "the length of the frame, fixed by plan and survivors", private=False),
    Sight("coordinator", "Refused", "round", "the number of the round", private=False),
    Sight("coordinator", "Refused", "sender", "that the adder speaks", private=False),
    Sight("coordinator", "Refused", "survivors", "the request, repeated", private=False),
    Sight("coordinator", "Refused", "(size)", "the length of the frame, fixed by the request", private=False),
)

_NETWORK: Final = (
    Sight("network", "Announce", "(size)", "who is told, when, how much; the plan fixes it", private=False),
    Sight("network", "Vector", "(size)", "who answers, when, how much; the plan fixes it", private=False),
    Sight("network", "Arrived", "(size)", "how many answered", private=False),
    Sight("network", "Close", "(size)", "how many are summed", private=False),
    Sight("network", "Sum", "(size)", "how many were summed", private=False),
    Sight("network", "Refused", "(size)", "that a request was refused", private=False),
    Sight("network", "Abandoned", "(size)", "that the round was given up", private=False),
)

FLOW: Final = _AGENT + _ADDER + _COORDINATOR + _NETWORK


def flow(sums: Sums, *, requirements: tuple[Requirement, ...] = ()) -> Flow:
    """What everybody sees in all rounds of a run with these public numbers."""
    vector = sums.message("Vector.body", AGENT, sums.vector, receivers(FLOW, "Vector.body"))
    total = sums.message("Sum.body", "adder", sums.total, receivers(FLOW, "Sum.body"))
    released = sums.message(RELEASED, "coordinator", "Sum.body", (EVERYBODY,))
    return sums.flow(
        name=PROTOCOL.name,
        about="A trusted adder shows the coordinator one sum a round, and the coordinator releases it.",
        parties=("coordinator", "adder"),
        messages=(vector, total, released),
        table=FLOW,
        requirements=requirements,
    )
