"""Reports: answers that chance changed before they left, alone or in a shuffled batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tip.flow.block_rules import hidden_messages
from tip.flow.derivation import Node
from tip.flow.graphs import edges
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY
from tip.flow.outcomes import Outcome, unproven
from tip.privacy import shuffling
from tip.privacy.amplification import honest_reports, why_not_shuffled
from tip.privacy.events import PureLoss, Repeated
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.model import Report
    from tip.flow.promises import Terms
    from tip.flow.seeing import Insiders


def report_losses(terms: Terms, insiders: Insiders, agent: int) -> list[Outcome]:
    """One outcome for each report of this agent that the coalition sees."""
    flow = terms.flow
    found = []
    for report in flow.reports:
        secret = flow.secret(report.secret)
        first = flow.first_agent(secret.of)
        if not first <= agent < first + flow.group(secret.of).size or not _sees(insiders, report, agent - first):
            continue
        if secret.neighboring is not Neighboring.REPLACE_ONE:
            found.append(unproven("not proven", f"a rule for reports under {secret.neighboring}"))
        elif secret.adaptive and (hidden := hidden_messages(insiders)):
            missing = f"a rule for inputs that may depend on what the coalition does not see: {hidden}"
            found.append(unproven("not proven", missing))
        else:
            found.append(_loss(terms, insiders, report))
    return found


def adaptive_reports(insiders: Insiders) -> bool:
    """Whether the coalition gets reports that may depend on what was seen before."""
    for report in insiders.flow.reports:
        secret = insiders.flow.secret(report.secret)
        for name in (*report.to, report.shuffled_by) if secret.adaptive else ():
            passed = name.startswith((NEXT, NEIGHBORS)) and insiders.holds(secret.of)  # to somebody of the same group
            if name == EVERYBODY or passed or insiders.holds(name):
                return True
    return False


def _sees(insiders: Insiders, report: Report, member: int) -> bool:
    """Whether the coalition gets this member's reports: from who mixes or receives them."""
    parties = [*report.to, *([report.shuffled_by] if report.shuffled_by else [])]
    return any(name == EVERYBODY or (name != NOBODY and _reaches(insiders, name, member)) for name in parties)


def _reaches(insiders: Insiders, name: str, member: int) -> bool:
    """Whether what a member sends to a receiver reaches the coalition."""
    if name.startswith(NEXT):
        inside = insiders.marks(name.removeprefix(NEXT))
        return bool(inside[(member + 1) % len(inside)])
    if name.startswith(NEIGHBORS):
        graph = insiders.flow.graph(name.removeprefix(NEIGHBORS))
        inside = insiders.marks(graph.over)
        pairs = edges(graph, len(inside))
        beside = np.concatenate([pairs[pairs[:, 0] == member, 1], pairs[pairs[:, 1] == member, 0]])
        return bool(inside[beside].any())
    return insiders.holds(name)


def _loss(terms: Terms, insiders: Insiders, report: Report) -> Outcome:
    secret = terms.flow.secret(report.secret)
    uses = secret.uses if secret.rounds > 1 else report.rounds  # a secret of one round is told in each round
    node = Node(
        "local report",
        f"each report {report.name!r} has at most {report.ratio} times the probability under any other answer",
        {"report": report.name, "ratio": report.ratio, "times": uses},
        source="docs/flow-rules.md; the mechanism's own law",
    )
    alone = Outcome(node, PureLoss(report.ratio) if uses == 1 else Repeated(PureLoss(report.ratio), uses))
    refused = why_not_shuffled(terms.coalition, shuffler=report.shuffled_by, identifying="", releases=uses)
    if not report.shuffled_by or refused:
        return alone
    return _shuffled(terms, insiders, report, alone)


def _shuffled(terms: Terms, insiders: Insiders, report: Report, alone: Outcome) -> Outcome:
    """The batch hides whose report it is; only honest reports that are sure to be in it count (law 6)."""
    group = terms.flow.secret(report.secret).of
    honest = honest_reports(report.least, max(len(insiders.among(group)), min(terms.silent, report.least - 1)))
    if not terms.delta:
        return alone
    epsilon = shuffling.epsilon_of(terms.delta, ratio=report.ratio, reports=honest)
    node = Node(
        "shuffling",
        f"{honest:,} honest reports are mixed by {report.shuffled_by!r}, who is no part of the coalition",
        {"reports": honest, "epsilon": epsilon, "delta": terms.delta},
        (alone.node,),
        "docs/local-shuffling.md; law 6",
    )
    return Outcome(node, alone.event, "", shuffled=epsilon)


def unshuffled(outcome: Outcome) -> Outcome:
    """The same report without credit for its shuffler."""
    if outcome.shuffled is None:
        return outcome
    return Outcome(outcome.node.premises[0], outcome.event)
