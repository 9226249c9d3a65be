"""From a plan to its information flow, over all rounds.

The protocol declares who sees what (`tip.protocols`); a plan adds the public numbers: how many agents, the
least sum, norm, noise, rounds, participations, and what is required. Two of them need a word:

*Expected liars.* A plan may expect more agents to lie or to collude than a requirement's coalition holds
(`robustness.malicious`, `cohort.colluding`). A liar may leave its noise out. For the coalition this is as if
the liar told it its noise: a noise that is known can be taken off. So each requirement is stated against the
coalition *widened* to that share of agents; it then sees no less, and what holds against it holds against the
plan's own (law 2). The widened share is the larger of the two, as the plan's assumption "at most so many
pool what they see or leave their noise out" says.

*Participations.* All requirements are charged for min(rounds, the least of their `max_participations`): the
agents enforce one limit, and the least is enforced with it.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.model import Choice, Interval, Sampling
from tip.flow.model import Requirement as Wanted
from tip.mechanisms.base import PureMechanism
from tip.plan.refusals import exact
from tip.plan.sizing import Crowd
from tip.privacy.coalitions import Coalition
from tip.protocols import clear, ideal, local, masking
from tip.protocols.declaring import Sums
from tip.protocols.masking.flow import unmasked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.flow.model import Flow
    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.distributed import DistributedGaussian
    from tip.plan.question import QuestionPlan
    from tip.plan.sizing import Sizes
    from tip.plan.tables import Plan
    from tip.protocols.declaring import Emits

_FLOWS: Final[Mapping[str, Emits]] = {"clear": clear.flow, "ideal": ideal.flow, "masking": masking.flow}
_UNPLANNED: Final[Mapping[str, Emits]] = {"masking": unmasked}


def flow_of(plan: Plan, sizes: Sizes, mechanism: DistributedGaussian | None, *, planned: bool = True) -> Flow:
    """The flow of a training plan with this noise (`tip.plan.guarantee.settle` finds it; None: without noise).

    `planned`: against coalitions that the protocol's parameters allow for; else nothing that they hide counts.
    Without noise nothing bounds a vector but the ring: its squared norm is at most dimension x 2^(2 bits - 2).
    """
    if plan.protocol.kind not in _FLOWS:
        raise ConfigurationError(f"no flow is declared for the protocol {plan.protocol.kind!r}")
    if sizes.enrolled == 1:
        raise ConfigurationError(
            "one enrolled agent alone trains no model with others",
            why="A sum over one agent is what that agent says",
            instead="Enroll at least 2 agents",
        )
    crowd, rounds, bits = Crowd.of(plan, sizes.enrolled), plan.algorithm.rounds, plan.protocol.modulus_bits
    wanted = plan.privacy.all if plan.privacy is not None else ()
    sums = Sums(
        agents=crowd.enrolled,
        least=crowd.least,
        dimension=sizes.dimension,
        squared_bound=mechanism.squared_bound if mechanism is not None else sizes.dimension << (2 * bits - 2),
        share_variance=mechanism.share_variance if mechanism is not None else None,
        modulus_bits=bits,
        rounds=rounds,
        participations=min([rounds, *(r.max_participations for r in wanted)]),
        sampling=Sampling(plan.cohort.sampling),
        rate=exact(plan.cohort.rate) if plan.cohort.rate is not None else None,
    )
    required = tuple(Wanted(widened(plan, Coalition.parse(r.against)).text, r.epsilon, r.delta) for r in wanted)
    kind = plan.protocol.kind
    emits = _FLOWS[kind] if planned else _UNPLANNED.get(kind, _FLOWS[kind])
    return replace(emits(sums, requirements=required), name=plan.name)


def widened(plan: Plan, coalition: Coalition) -> Coalition:
    """The coalition with at least as many agents as the plan expects to lie or to collude."""
    expected = max(exact(plan.cohort.colluding), exact(plan.robustness.malicious))
    return replace(coalition, fraction=max(coalition.fraction, expected))


def flow_of_question(plan: QuestionPlan, enrolled: int, mechanism: Mechanism) -> Flow:
    """The flow of a question to so many agents, hidden by this mechanism (`tip.plan.posing.pose` finds it).

    Nobody's chance but the agent's own protects it, so liars and drop-outs change nothing.
    """
    if not isinstance(mechanism, PureMechanism):
        raise ConfigurationError(
            f"a report of {mechanism.spec.name} has no largest ratio, so no flow is declared for it",
            instead="use a mechanism of pure epsilon",
        )
    if plan.task.kind == "histogram":
        domain: Choice | Interval = Choice(len(plan.question.items))
    else:
        low, high = plan.question.range or (0.0, 1.0)
        domain = Interval(exact(low), exact(high))
    wanted = Wanted(Coalition.parse(plan.privacy.against).text, plan.privacy.epsilon, plan.privacy.delta)
    flow = local.flow(agents=enrolled, domain=domain, ratio=Fraction(mechanism.ratio), requirements=(wanted,))
    return replace(flow, name=plan.name)
