"""Answers: reports that chance changed before they left, alone or in a shuffled batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tip.flow.checking.blocks import hidden_inputs
from tip.flow.checking.reached import Reached
from tip.flow.checking.refusal import count, exact, only, refuse, want, word
from tip.privacy import shuffling
from tip.privacy.amplification import honest_reports, why_not_shuffled
from tip.privacy.events import PureLoss, Repeated
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.checking.watching import Watch
    from tip.flow.derivation import Node
    from tip.flow.model import Report
    from tip.privacy.coalitions import Coalition


def reports(watch: Watch, agent: int) -> list[Report]:
    """The reports of this agent that the coalition sees."""
    crowd, found = watch.crowd, []
    for report in crowd.flow.reports:
        secret = crowd.flow.secret(report.secret)
        member = agent - crowd.first[secret.of]
        if not 0 <= member < crowd.size[secret.of]:
            continue
        by_whom = [*report.to, *([report.shuffled_by] if report.shuffled_by else [])]
        if any(watch.gets(name, member) for name in by_whom):
            found.append(report)
    return found


def uses_of(watch: Watch, report: Report) -> int:
    """How many reports about one secret an agent gives at most."""
    secret = watch.crowd.flow.secret(report.secret)
    return report.rounds if secret.rounds == 1 else min(report.rounds, secret.uses)


def alone(watch: Watch, report: Report) -> Reached:
    """The loss of a report by itself."""
    secret = watch.crowd.flow.secret(report.secret)
    if secret.neighboring is not Neighboring.REPLACE_ONE:
        raise refuse("local report", f"has no rule under {secret.neighboring}")
    if secret.adaptive and (hidden := hidden_inputs(watch)):
        raise refuse("local report", f"inputs may depend on {hidden!r}, which the coalition does not see")
    uses = uses_of(watch, report)
    return Reached(PureLoss(report.ratio) if uses == 1 else Repeated(PureLoss(report.ratio), uses))


def answer(node: Node, watch: Watch, report: Report, coalition: Coalition) -> Reached:
    """What a step "local report" or "shuffling" proves."""
    if node.rule == "shuffling":
        return _mixed(node, watch, report, coalition)
    want(node.rule == "local report", node.rule, 'stands where a step "local report" is wanted')
    want(not node.premises, node.rule, "rests on further steps")
    want(word(node, "report") == report.name, node.rule, f"is not about {report.name!r}")
    want(exact(node, "ratio") == report.ratio, node.rule, f"the ratio is {report.ratio}")
    want(count(node, "times") == uses_of(watch, report), node.rule, f"there are {uses_of(watch, report)} reports")
    return alone(watch, report)


def mixed(watch: Watch, report: Report, coalition: Coalition, delta: float) -> Reached:
    """The loss of a report that is all that is seen about an agent: of a shuffled batch where one may be credited."""
    single = alone(watch, report)
    most = _honest(watch, report, coalition)
    if most < 2 or not 0 < delta < 1:
        return single
    epsilon = shuffling.epsilon_of(delta, ratio=report.ratio, reports=most)
    return Reached(single.event, shuffled=epsilon, at=delta)


def _honest(watch: Watch, report: Report, coalition: Coalition) -> int:
    """How many honest reports are sure to be in the batch; 0 where no shuffler may be credited (law 6)."""
    refused = why_not_shuffled(coalition, shuffler=report.shuffled_by, identifying="", releases=uses_of(watch, report))
    if refused or watch.any_of(report.shuffled_by):
        return 0
    group = watch.crowd.flow.secret(report.secret).of
    colluding = sum(watch.holds(group, i) for i in range(watch.crowd.size[group]))
    return honest_reports(report.least, colluding)


def _mixed(node: Node, watch: Watch, report: Report, coalition: Coalition) -> Reached:
    """A batch of honest reports that are sure to be in it (law 6)."""
    single = answer(only(node), watch, report, coalition)
    most = _honest(watch, report, coalition)
    want(most > 0, node.rule, "shuffling may not be credited to this coalition")
    batch = count(node, "reports")
    want(1 <= batch <= most, node.rule, f"only {most} honest reports are sure to be in the batch")
    delta, epsilon = float(exact(node, "delta")), float(exact(node, "epsilon"))
    want(0 < delta < 1, node.rule, "its delta lies outside (0, 1)")
    least = shuffling.epsilon_of(delta, ratio=report.ratio, reports=batch)
    want(
        epsilon >= least,
        node.rule,
        f"epsilon = {epsilon:.9g} is below what {batch} reports give",
        f"that is {least:.9g}",
    )
    return Reached(single.event, shuffled=epsilon, at=delta)
