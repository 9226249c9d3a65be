"""The rounds of a federation, one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from tip.errors import ProtocolMisuse
from tip.report.history import Round
from tip.simulation.charging import has_ledger
from tip.simulation.cohorts import Participation
from tip.simulation.evaluation import evaluate
from tip.simulation.machines import GivenUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tip.learning import ServerState
    from tip.simulation.federation import Federation
    from tip.simulation.vectorized import Indices

EVALUATIONS: Final = 50  # at most about so many points on a learning curve


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: the server's state, who has been charged how often, rounds done."""

    server: ServerState
    participation: Participation
    done: int = 0
    released: int = 0


def start(federation: Federation) -> Progress:
    """Before the first round."""
    server = federation.optimizer.init(federation.model)
    return Progress(server, Participation.none_yet(federation.train.agents))


def rounds(
    federation: Federation, progress: Progress, charge: Callable[[Progress], None] | None = None
) -> Iterator[tuple[Progress, Round]]:
    """Play the rounds that are left, one by one.

    `charge` is called with the participations of a round before anything of it is computed (law 13); a
    plan with a ledger is not played without it.
    """
    if charge is None and has_ledger(federation):
        raise ProtocolMisuse("rounds of a plan with a ledger are charged to it: hand over `charge`")
    while progress.done < federation.plan.algorithm.rounds:
        progress, played = _play(federation, progress, charge)
        yield progress, played


def _play(
    federation: Federation, progress: Progress, charge: Callable[[Progress], None] | None
) -> tuple[Progress, Round]:
    number = progress.done + 1
    cohort = federation.cohorts.drawn(federation.entropy, number)
    answering = federation.cohorts.answering(cohort, progress.participation, federation.entropy, number)
    progress = replace(progress, participation=progress.participation.charged(answering))
    if charge is not None:
        charge(progress)
    if len(answering) < max(federation.minimum, 1):
        reason = f"{len(answering):,} agents answered, {federation.minimum:,} are needed; nothing was released"
        return replace(progress, done=number), _given_up(federation, progress, (cohort, answering), reason)
    summed = federation.summed(cohort, answering, progress.server.parameters, number)
    if isinstance(summed, GivenUp):
        return replace(progress, done=number), _given_up(federation, progress, (cohort, answering), summed.reason)
    mean = federation.engine.channel.release(summed.total, len(answering)) / federation.cohorts.planned
    server = federation.optimizer.update(progress.server, mean)
    progress = replace(progress, server=server, done=number, released=progress.released + 1)
    epsilon, delta = federation.settled.spent(progress.participation.most)
    return progress, Round(
        number=number,
        cohort=len(cohort),
        survivors=len(answering),
        released=True,
        reason="",
        epsilon_spent=epsilon,
        delta_spent=delta,
        update_norm=float(np.linalg.norm(mean)),
        metrics=_metrics_now(federation, progress),
        clipped=summed.clipped / len(answering) if federation.entropy.simulated else None,
        nonfinite=summed.nonfinite if federation.entropy.simulated else None,
    )


def _given_up(federation: Federation, progress: Progress, who: tuple[Indices, Indices], reason: str) -> Round:
    """A round that released nothing; who sent stays charged."""
    cohort, answering = who
    epsilon, delta = federation.settled.spent(progress.participation.most)
    return Round(
        number=progress.done + 1,
        cohort=len(cohort),
        survivors=len(answering),
        released=False,
        reason=reason,
        epsilon_spent=epsilon,
        delta_spent=delta,
        update_norm=None,
        metrics={},
        clipped=None,
        nonfinite=None,
    )


def _metrics_now(federation: Federation, progress: Progress) -> Mapping[str, float]:
    """The figures on the agents kept apart, in about `EVALUATIONS` rounds of a run; in simulation only (law 15)."""
    total = federation.plan.algorithm.rounds
    if not federation.entropy.simulated:
        return {}
    if progress.done % math.ceil(total / EVALUATIONS) and progress.done not in (1, total):
        return {}
    return evaluate(federation.model, federation.optimizer.result(progress.server), federation.test)
