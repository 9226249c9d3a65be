"""The agent that is worst off: of all that the coalition does not hold, or one that is asked about.

Agents are looked at one by one where they are few. In a large flow where each agent has one column and every row
noise of its own, all agents are certified in batches. Where pairs of agents share canceling noise on a graph,
one certified bound holds for all (`pairwise`). Anything else of that size is not proven.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import csr_array

from tip.errors import ConfigurationError
from tip.flow.block_rules import block_loss, hidden_inputs, hidden_messages
from tip.flow.cohort_rules import stand_in
from tip.flow.collusion import MOST_AGENTS
from tip.flow.derivation import Node, Scalar
from tip.flow.model import Law
from tip.flow.outcomes import Outcome, together, unproven
from tip.flow.pairwise import all_agents
from tip.flow.promises import Terms, worst_of
from tip.flow.report_rules import adaptive_reports, report_losses, unshuffled
from tip.flow.seeing import Insiders
from tip.flow.seen import Seen, seen
from tip.flow.view import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.certificates import Loss

    Agents = NDArray[np.int64]

MOST_TOGETHER: Final = 8  # agents that are looked at one by one without a thought


@dataclass(frozen=True, slots=True, eq=False)
class Sees:
    """All that one coalition sees: its blocks, and who it is."""

    terms: Terms
    insiders: Insiders
    blocks: tuple[Seen, ...]
    refused: str = ""
    covered: bool = False  # whether masks hide rows of any block altogether

    @classmethod
    def of(cls, terms: Terms, parties: frozenset[str], colluders: Agents) -> Sees:
        """The views of all blocks that hold anything unknown; `refused` where one of them cannot be made."""
        insiders, kept, refused, covered = Insiders(terms.flow, parties, colluders), [], "", False
        for names in blocks(terms.flow):
            try:
                view = seen(terms.flow, names, parties=parties, colluders=colluders)
            except ConfigurationError as error:
                refused = refused or f"a rule for {', '.join(names)}: {error}"
            else:
                kept += [view] if view.view.A.nnz else []
                covered = covered or view.covered > 0
        return cls(terms, insiders, tuple(kept), refused or _hidden(insiders, kept), covered)

    def about(self, agent: int) -> Outcome:
        """Everything that is seen about one agent."""
        if self.refused:
            return unproven("not proven", self.refused)
        parts = [part for block in self.blocks if (part := self._of_block(block, agent)) is not None]
        reports = report_losses(self.terms, self.insiders, agent)
        if len(parts) + len(reports) > 1:  # shuffled reports do not compose: each is charged as if it were not
            reports = [unshuffled(part) for part in reports]
        both = [*parts, *reports]
        outcome = together(both)
        shuffled = reports[0].shuffled if len(both) == 1 and reports else None
        outcome = outcome if shuffled is None else both[0].under(outcome.node)
        return replace(outcome, masked=outcome.masked or self.covered)

    def _of_block(self, block: Seen, agent: int) -> Outcome | None:
        """What a block shows about an agent; None where it holds none of its secrets, nor those of one like it."""
        inside, apart = stand_in(block, agent)
        if not apart and inside not in block.agents():
            return None
        return block_loss(block, agent, self.terms)

    def honest(self) -> Agents:
        """All agents outside the coalition that have a secret."""
        flow = self.terms.flow
        owners = {secret.of for secret in flow.secrets}
        free = np.zeros(flow.enrolled, np.bool_)
        for group in flow.groups:
            if group.name in owners:
                first = flow.first_agent(group.name)
                free[first : first + group.size] = True
        free[self.insiders.colluders] = False
        return np.flatnonzero(free)


def _hidden(insiders: Insiders, kept: list[Seen]) -> str:
    """Empty if nobody's input may carry what the coalition does not see, of whatever agent; else the rule wanted."""
    hidden = next(filter(None, (hidden_inputs(insiders.flow, view) for view in kept)), "")
    if not hidden and adaptive_reports(insiders):
        hidden = hidden_messages(insiders)
    return f"a rule for inputs that may depend on what the coalition does not see: {hidden}" if hidden else ""


def worst_agent(
    terms: Terms, parties: frozenset[str], colluders: Agents, protected: tuple[int, ...] | None
) -> tuple[int, Outcome]:
    """The worst agent and what the coalition learns about it, with the step that says why it stands for all."""
    sees = Sees.of(terms, parties, colluders)
    honest = sees.honest()
    if not len(honest if protected is None else protected):
        return -1, unproven("not proven", "an agent with a secret outside the coalition")
    if protected is not None:
        alone = protected == (terms.agent,)
        why = "this agent" if alone else "alike"
        says = (
            f"the claim is about agent {protected[0]} alone"
            if alone
            else "no message tells the members of a group apart, so one of each group stands for all"
        )
        return _worst_of(sees, protected, why, says)
    plain = not (terms.flow.reports or sees.refused or sees.covered)
    worst = one_column_each(sees.blocks) if plain else None
    if worst is not None:
        says = f"all {len(honest):,} agents were looked at; this is the worst off"
        return _worst_of(sees, (worst,), "each", says, looked_at=len(honest))
    if len(honest) <= MOST_AGENTS:
        says = f"all {len(honest):,} agents were looked at; this is the worst off"
        return _worst_of(sees, tuple(honest.tolist()), "each", says)
    found = all_agents(sees.blocks, terms) if plain and not terms.flow.cohorts else None
    if found is None:
        missing = f"a bound for all {len(honest):,} agents of a flow of this form (ask about one agent instead)"
        return int(honest[0]), unproven("not proven", missing)
    return found


def one_column_each(found: tuple[Seen, ...]) -> int | None:
    """The worst agent of one block of real noise where each agent has one column, all certified together; else None."""
    if len(found) != 1 or found[0].small or found[0].view.ring or found[0].laws != {Law.GAUSSIAN}:
        return None
    view = found[0].view
    columns = view.A.shape[1]
    if not MOST_TOGETHER < columns <= MOST_AGENTS or len(np.unique(view.secret_agent)) != columns:
        return None
    if len(np.unique(view.secret_symbol)) != 1 or hidden_inputs(view.flow, found[0]) or view.flow.cohorts:
        return None
    if not np.isfinite(view.variances).all():
        return None
    try:
        worst = _widest(found[0]) if found[0].projected else _largest(list(found[0].solver.losses(csr_array(view.A))))
    except ConfigurationError:
        return None
    return int(view.secret_agent[worst])


def _largest(losses: list[Loss]) -> int:
    return max(range(len(losses)), key=lambda k: math.inf if (upper := losses[k].upper) is None else upper)


def _widest(block: Seen) -> int:
    """The column that loses most: solved for where what is known at sight does not tell."""
    changes = block.exact_columns(np.arange(block.view.A.shape[1]))
    known = [block.projection.bounds(change) for change in changes]
    at_least = [math.inf if least is None else least for _, least in known]
    best = max(range(len(known)), key=lambda k: at_least[k])
    for k, (most, _) in enumerate(known):
        if most is None or most > at_least[best]:
            upper = block.projection.loss(changes[k]).upper
            at_least[k] = math.inf if upper is None else upper
            best = max(best, k, key=lambda k: at_least[k])
    return best


def _worst_of(sees: Sees, agents: tuple[int, ...], why: str, says: str, *, looked_at: int = 0) -> tuple[int, Outcome]:
    index, outcome = worst_of([sees.about(agent) for agent in agents], sees.terms)
    agent = agents[index]
    numbers: dict[str, Scalar] = {"why": why, "agents": looked_at or len(agents), "agent": agent}
    node = Node("every agent", says, numbers, (outcome.node,), "docs/flow-rules.md, every agent")
    return agent, outcome.under(node)
