"""The limits that one requirement puts on the variances of a flow, as matrices.

For every case of colluders that together bound the coalition (`collusion`) there is one limit, over all messages:
blocks that share no noise stand side by side, where their mu^2 add up (law 12), times the root of the rounds that one
stands for. Its changes are those of each agent that has to be looked at, times its reach. Where an agent can change
several columns at once (secrets, rounds) the changes are all of them together with both signs: necessary for the
requirement; what is sufficient is decided by the proof, not here. Where coalitions are too many to look at one by one,
what the reasoner knows about all of them stands for them (`graph_limits`), else all other agents are taken to collude.
"""

from __future__ import annotations

import math
from itertools import islice, product
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import sparse

from tip.errors import ConfigurationError
from tip.flow.allocation import Constraint
from tip.flow.blocks import blocks
from tip.flow.coherence import coalition_names
from tip.flow.collusion import covers
from tip.flow.graph_limits import graph_limit
from tip.flow.model import Law
from tip.flow.seeing import Insiders, members_of
from tip.flow.seen import needed
from tip.flow.view import change, view
from tip.privacy.coalitions import Coalition
from tip.privacy.gaussian import mu_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tip.flow.collusion import Case
    from tip.flow.model import Flow, Requirement
    from tip.flow.view import Change, View

    Floats = NDArray[np.float64]

_MOST_CHANGES: Final = 64  # of one agent
_MOST_CASES: Final = 200


def limits(flow: Flow, requirement: Requirement, planned: tuple[str, ...]) -> list[Constraint]:
    """One constraint for each case of the coalition; refuses what the planner has no rule for."""
    if not requirement.delta > 0:
        raise ConfigurationError(
            f"no Gaussian noise gives delta 0 against {requirement.against!r}", instead="state a delta above 0"
        )
    if flow.reports:
        raise ConfigurationError(
            "the planner has no rule for reports", instead="plan the messages in a flow of their own"
        )
    coalition = Coalition.parse(requirement.against, names=coalition_names(flow, requirement.against))
    parties, fixed = members_of(flow, coalition)
    cover = next(covers(flow, int(coalition.fraction * flow.enrolled), fixed), None)
    if cover is None or cover.why == "everyone else":
        found = graph_limit(flow, requirement, coalition, planned)
        if found is not None and (cover is None or found.B.shape[0] > 1):
            return [found]
    if cover is None or len(cover.cases) > _MOST_CASES:
        raise ConfigurationError(
            f"too many coalitions are {requirement.against!r} in a flow that tells its members apart",
            instead="plan for named members, or for a smaller flow of the same kind",
        )
    name = f"the view of {requirement.against!r}"
    name += ", all other agents taken to collude" if cover.why == "everyone else" else ""
    limit = mu_of(requirement.epsilon, requirement.delta) ** 2
    matrices = [_constraint(flow, parties, case, planned) for case in cover.cases]
    return [
        Constraint(name, matrix, changes, symbols, known, limit)
        for matrix, changes, symbols, known in matrices
        if changes.size
    ]


def _constraint(
    flow: Flow, parties: frozenset[str], case: Case, planned: tuple[str, ...]
) -> tuple[sparse.csr_array, Floats, NDArray[np.int64], Floats]:
    """The matrices of one case."""
    views = []
    for block in blocks(flow):
        kept = needed(flow, block, Insiders(flow, parties, case.colluders))
        views.append(view(flow, kept, parties=parties, colluders=case.colluders))
    views = [some for some in views if some.A.shape[0]]
    for some in views:
        _refuse(some)
    agents = np.unique(np.concatenate([some.secret_agent for some in views] or [np.zeros(0, np.int64)]))
    protected = agents if case.protected is None else np.intersect1d(agents, case.protected)
    columns = [column for agent in protected.tolist() for column in _changes(views, agent)]
    height = sum(some.A.shape[0] for some in views)
    numbers = {noise.name: planned.index(noise.name) for noise in flow.noises if noise.name in planned}
    of_noise = np.array([numbers.get(noise.name, -1) for noise in flow.noises], np.int64)
    symbols = np.concatenate([some.noise_symbol for some in views] or [np.zeros(0, np.int64)])
    known = np.concatenate([some.variances for some in views] or [np.zeros(0)])
    stacked = sparse.block_diag([some.B for some in views], format="csr") if views else (0, 0)
    changes = np.stack(columns, axis=1) if columns else np.zeros((height, 0))
    return sparse.csr_array(stacked), changes, of_noise[symbols], np.nan_to_num(known, nan=0.0)


def _refuse(some: View) -> None:
    """What the planner has no rule for."""
    laws = {some.flow.noises[symbol].law for symbol in np.unique(some.noise_symbol).tolist()}
    if some.ring or laws - {Law.GAUSSIAN}:
        other = ", ".join(sorted(laws - {Law.GAUSSIAN})) or "a ring"
        raise ConfigurationError(
            f"the planner has no rule for {other} in message {some.messages[0]!r}",
            instead="plan a flow of real Gaussian noise, then raise the variances until the other law's rule is met",
        )


def _changes(views: list[View], agent: int) -> Iterator[Floats]:
    """The changes of one agent over all views, each a column over all their rows."""
    parts = [list(_of_block(some, change(some, agent))) for some in views]
    for together in islice(product(*parts), _MOST_CHANGES):
        yield np.concatenate(together)


def _of_block(some: View, moved: Change) -> Iterator[Floats]:
    """What one agent can do to one block: nothing, one column, or several at once."""
    scale = math.sqrt(some.times)
    if not len(moved.columns):
        yield np.zeros(some.A.shape[0])
        return
    dense = moved.A.toarray() * np.sqrt([float(reach) for reach in moved.squared_reach]) * scale
    choices = [list(_rounds(some, moved, symbol)) for symbol in np.unique(moved.symbol).tolist()]
    for chosen in islice(product(*choices), _MOST_CHANGES):
        used = np.concatenate(chosen)
        signs = list(product((1.0, -1.0), repeat=len(used) - 1)) if len(used) <= 4 else [(1.0,) * (len(used) - 1)]
        for others in signs:
            yield dense[:, used] @ np.array([1.0, *others])


def _rounds(some: View, moved: Change, symbol: int) -> Iterator[NDArray[np.int64]]:
    """Columns of one secret that change together: each alone, all, or the first ones and evenly spaced ones."""
    own = np.flatnonzero(moved.symbol == symbol)
    uses = min(some.flow.secrets[symbol].uses, len(own))
    if uses == 1:
        yield from (own[i : i + 1] for i in range(len(own)))
    else:
        yield own[:uses]
        if uses < len(own):
            yield own[np.linspace(0, len(own) - 1, uses).astype(np.int64)]
