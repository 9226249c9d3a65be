"""Which rule a block falls under: by the laws of the noise that the coalition does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.blocks import alike_rounds
from tip.flow.derivation import Node
from tip.flow.expressions import calls
from tip.flow.expressions import names as spoken
from tip.flow.gaussian_rule import gaussian_loss
from tip.flow.integer_rule import integer_loss, laplace_loss
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Law, Sampling
from tip.flow.outcomes import Outcome, repeated, unproven
from tip.flow.seen import view_node
from tip.privacy.amplification import why_not_credited
from tip.privacy.events import PoissonSampled, Repeated

if TYPE_CHECKING:
    from tip.flow.model import Cohort, Flow, Noise, Secret
    from tip.flow.promises import Terms
    from tip.flow.seen import Seen

_WHOLE = frozenset({Law.DISCRETE_GAUSSIAN, Law.UNIFORM})
_LAPLACE = frozenset({Law.LAPLACE, Law.DISCRETE_LAPLACE})


def block_loss(seen: Seen, agent: int, terms: Terms) -> Outcome:
    """What one block shows about one agent, all its rounds together."""
    flow, view = seen.view.flow, seen.view
    _refuse_planned(seen)
    premise = view_node(seen)
    if hidden := hidden_inputs(flow, seen):
        missing = f"a rule for inputs that may depend on what the coalition does not see: {hidden}"
        return unproven("not proven", missing, premise)
    if changing := changing_cohorts(flow, seen):
        return unproven("not proven", changing, premise)
    single = _one_round(seen, agent, premise)
    if single.event is None:
        return single
    cohort = _poisson(flow, seen)
    if cohort is not None and cohort.rate is not None and not sampling_refused(terms):
        return _sampled(single, cohort, seen)
    return repeated(single, view.times)


def hidden_inputs(flow: Flow, seen: Seen) -> str:
    """Empty if no adaptive secret can depend on a message to agents that not everybody sees; else that message."""
    symbols = np.unique(seen.view.secret_symbol).tolist()
    if not any(flow.secrets[symbol].adaptive for symbol in symbols):
        return ""
    groups = {group.name for group in flow.groups}
    for message in flow.messages:
        to_agents = any(r in groups or r.startswith((NEIGHBORS, NEXT)) for r in message.to if r != NOBODY)
        if to_agents and EVERYBODY not in message.to:
            return f"agents receive {message.name!r}, which not everybody sees"
    return ""


def changing_cohorts(flow: Flow, seen: Seen) -> str:
    """Empty if one least set stands for every set that a cohort may be; else the rule that is wanted (law 17).

    Over rounds that share noise, and in two sums of one block over different cohorts, the sets may differ, and then
    differences of sums show single members.
    """
    names = {name for message in seen.view.messages for name in cohorts_of(flow, message)}
    if not names:
        return ""
    symbols = {symbol for message in seen.view.messages for symbol in flow.symbols(flow.message(message))}
    sources: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    rounds = max((source.rounds for source in sources if source.name in symbols), default=1)
    if rounds > 1 and not alike_rounds(flow, seen.view.messages):
        return "a rule for cohorts that may change between rounds which share noise"
    if len(names) > 1:
        both = " and ".join(sorted(names))
        return f"a rule for the cohorts {both}, whose sums share noise and may differ by single members"
    return ""


def cohorts_of(flow: Flow, message: str) -> frozenset[str]:
    """The cohorts behind a message, through all messages that it speaks of."""
    known, cohorts = {m.name: m for m in flow.messages}, {c.name for c in flow.cohorts}
    found: set[str] = set()
    waiting, done = [message], set[str]()
    while waiting:
        name = waiting.pop()
        if name in known and name not in done:
            done.add(name)
            says = known[name].says
            found |= {str(a) for call in calls(says) for a in call.arguments} & cohorts
            waiting.extend(spoken(says))
    return frozenset(found)


def sampling_refused(terms: Terms) -> str:
    """Empty if a Poisson cohort may be credited to this coalition (law 5); else why not."""
    return why_not_credited(terms.coalition, terms.neighboring, poisson=True, fresh=True, releases=1)


def _one_round(seen: Seen, agent: int, premise: Node) -> Outcome:
    laws, ring = seen.laws, seen.view.ring
    if not laws <= {Law.GAUSSIAN} or ring:
        if laws <= _WHOLE:
            return integer_loss(seen, agent, premise)
        if laws <= _LAPLACE and not ring:
            return laplace_loss(seen, agent, premise)
        named = " and ".join(sorted(laws))
        where = f" in a ring of {ring} bits" if ring else ""
        return unproven("not proven", f"a rule for {named} noise{' together' if len(laws) > 1 else ''}{where}", premise)
    return gaussian_loss(seen, agent, premise)


def _refuse_planned(seen: Seen) -> None:
    for symbol in np.unique(seen.view.noise_symbol).tolist():
        noise = seen.view.flow.noises[symbol]
        if noise.planned:
            raise ConfigurationError(
                f"the size of noise {noise.name!r} is still to be planned",
                instead="use tip.flow.planning.plan first, or state its variance",
            )


def _poisson(flow: Flow, seen: Seen) -> Cohort | None:
    """The one Poisson cohort behind a block of alike rounds."""
    if seen.view.times == 1 and all(flow.secrets[s].rounds > 1 for s in np.unique(seen.view.secret_symbol).tolist()):
        return None
    names = {cohort for name in seen.view.messages for cohort in cohorts_of(flow, name)}
    found = [c for c in flow.cohorts if c.name in names and c.sampling is Sampling.POISSON]
    return found[0] if len(found) == 1 else None


def _sampled(single: Outcome, cohort: Cohort, seen: Seen) -> Outcome:
    """One release on a fresh Poisson sample, in every round: each agent is in each sample by chance alone."""
    flow = seen.view.flow
    rounds = max(flow.secrets[symbol].rounds for symbol in np.unique(seen.view.secret_symbol).tolist())
    if single.event is None or cohort.rate is None:
        raise ConfigurationError("sampling amplifies a proven event")
    event = PoissonSampled(cohort.rate, single.event)
    node = Node(
        "sampling",
        f"each agent takes part with probability {cohort.rate}, on its own, and the coalition cannot see who does",
        {"rate": cohort.rate, "times": rounds},
        (single.node,),
        "docs/privacy.md, amplification; law 5",
    )
    return Outcome(node, Repeated(event, rounds), "", None, single.idealized, single.masked, single.failure)
