"""Local, who sees what: the coordinator sees each report, and whose it is.

Each report hides its answer by itself (docs/local-protocol.md), so it does not matter who looks. What
must not depend on an answer is all the rest: who reports, when, and how long the report is. A
report's length follows from the mechanism alone. No shuffler stands between: nothing is
credited for one. `flow` says the same as mathematics, from the same table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.flow.model import EVERYBODY, Flow, Group, Report, Secret
from tip.privacy.statements import Neighboring
from tip.protocols.core import CoordinatorSees, Descriptor, Sight
from tip.protocols.declaring import AGENT, facts, receivers

if TYPE_CHECKING:
    from fractions import Fraction

    from tip.flow.model import Domain, Requirement

PROTOCOL: Final = Descriptor("local", CoordinatorSees.EACH_MESSAGE)

_OWN: Final = "the mechanism's own randomness, drawn on the agent's device"

FLOW: Final = (
    Sight("agent", "Ask", "round", "the number of the round", private=False),
    Sight("agent", "Ask", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Ask", "question", "the hash of question and mechanism, from the plan", private=False),
    Sight("agent", "Ask", "deadline", "when the question closes", private=False),
    Sight("agent", "Ask", "minimum", "the least number of reports, from the plan", private=False),
    Sight("agent", "Ask", "(size)", "the length of the frame, fixed", private=False),
    Sight("agent", "Closed", "round", "the number of the round", private=False),
    Sight("agent", "Closed", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Closed", "accepted", "how many reports count: presence is public (law 18)", private=False),
    Sight("agent", "Closed", "refused", "how many reports no honest agent sends", private=False),
    Sight("agent", "Closed", "(size)", "the length of the frame, fixed", private=False),
    Sight("agent", "Abandoned", "round", "the number of the round", private=False),
    Sight("agent", "Abandoned", "sender", "that the coordinator speaks", private=False),
    Sight("agent", "Abandoned", "accepted", "how many reports came: presence is public (law 18)", private=False),
    Sight("agent", "Abandoned", "(size)", "the length of the frame, fixed", private=False),
    Sight("coordinator", "Report", "round", "the number of the round", private=False),
    Sight("coordinator", "Report", "sender", "who reports: presence is public (law 18)", private=False),
    Sight("coordinator", "Report", "report", "the agent's randomized answer", private=True, noise=_OWN),
    Sight("coordinator", "Report", "(size)", "the length of the frame, fixed by the mechanism", private=False),
    Sight("network", "Ask", "(size)", "who is asked, when, how much; the plan fixes it", private=False),
    Sight("network", "Report", "(size)", "who reports, when, how much; the mechanism fixes it", private=False),
    Sight("network", "Closed", "(size)", "that the question was closed", private=False),
    Sight("network", "Abandoned", "(size)", "that the question was given up", private=False),
)


def flow(*, agents: int, domain: Domain, ratio: Fraction, requirements: tuple[Requirement, ...] = ()) -> Flow:
    """What everybody sees of one question; `ratio` is the mechanism's own (`PureMechanism.ratio`).

    What is released is made of the reports alone, so everybody is taken to see them all: it can only be less.
    """
    return Flow(
        name=PROTOCOL.name,
        about="Each agent reports once, randomized on its own device; estimates are made of the reports.",
        groups=(Group(AGENT, agents),),
        parties=("coordinator",),
        secrets=(Secret("answer", AGENT, domain, Neighboring.REPLACE_ONE, adaptive=False),),
        reports=(Report("Report.report", "answer", ratio, (*receivers(FLOW, "Report.report"), EVERYBODY)),),
        facts=facts(FLOW),
        requirements=requirements,
    )
