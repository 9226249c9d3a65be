"""Which rule a block falls under: by the laws of the noise that the coalition does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tip.errors import ConfigurationError
from tip.flow.cohort_rules import changing_cohorts, sampled_alone, stand_in
from tip.flow.derivation import Node
from tip.flow.gaussian_rule import gaussian_loss
from tip.flow.integer_rule import integer_loss, laplace_loss
from tip.flow.model import EVERYBODY, NEIGHBORS, NEXT, NOBODY, Law, Message
from tip.flow.outcomes import Outcome, repeated, unproven
from tip.flow.seeing import Insiders
from tip.flow.seen import view_node
from tip.flow.shapes import message_shape
from tip.privacy.accountant import missing_rule
from tip.privacy.amplification import why_not_credited
from tip.privacy.events import PoissonSampled, Repeated
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.model import Cohort, Flow, Noise, Report, Secret
    from tip.flow.promises import Terms
    from tip.flow.seen import Seen

_WHOLE = frozenset({Law.DISCRETE_GAUSSIAN, Law.UNIFORM})
_LAPLACE = frozenset({Law.LAPLACE, Law.DISCRETE_LAPLACE})


def block_loss(seen: Seen, agent: int, terms: Terms) -> Outcome:
    """What one block shows about one agent, all its rounds together."""
    view = seen.view
    _refuse_planned(seen)
    premise = view_node(seen)
    agent, apart = stand_in(seen, agent)
    missing = _unruly(seen, terms) or apart
    if missing:
        return unproven("not proven", missing, premise)
    single = _one_round(seen, agent, premise)
    if single.event is None:
        return single
    whole = repeated(single, view.times)
    cohort = _poisson(seen, terms)
    sampled = None if cohort is None else _sampled(single, cohort, seen)
    if sampled is None or sampled.event is None or missing_rule(sampled.event, terms.neighboring):
        return whole
    return sampled


def _unruly(seen: Seen, terms: Terms) -> str:
    """Empty if a rule may be tried at all; else the rule that is wanted."""
    if hidden := hidden_inputs(seen.view.flow, seen):
        return f"a rule for inputs that may depend on what the coalition does not see: {hidden}"
    if shown := shown_presence(seen, terms):
        return f"a rule for {Neighboring.ADD_REMOVE_ONE} where {shown}"
    return changing_cohorts(seen)


def shown_presence(seen: Seen, terms: Terms) -> str:
    """Empty unless a block shows who takes part, which adding or removing an agent has to hide (law 1); else what does.

    Members may appear in sums alone, no noise may come and go with them, and the coalition may not see rosters.
    """
    if terms.neighboring is not Neighboring.ADD_REMOVE_ONE:
        return ""
    if terms.coalition.sees_roster:
        return f'"{terms.coalition.text}" may learn who takes part'
    flow = seen.view.flow
    groups = {group.name for group in flow.groups}
    for name in seen.told:
        if flow.message(name).by in groups:
            return f"message {name!r} shows who sends it"
    for symbol in np.unique(seen.view.noise_symbol).tolist():
        if flow.noises[symbol].of not in flow.parties:
            return f"noise {flow.noises[symbol].name!r} comes and goes with who draws it"
    return ""


def hidden_inputs(flow: Flow, seen: Seen) -> str:
    """Empty if no adaptive secret can depend on what agents get and the coalition does not see whole; else that."""
    symbols = np.unique(seen.view.secret_symbol).tolist()
    if not any(flow.secrets[symbol].adaptive for symbol in symbols):
        return ""
    return hidden_messages(Insiders(flow, seen.parties, seen.colluders))


def hidden_messages(insiders: Insiders) -> str:
    """Empty if the coalition sees whatever agents are sent; else the first message or report that it does not see."""
    flow = insiders.flow
    groups = {group.name for group in flow.groups}
    everything: tuple[Message | Report, ...] = (*flow.messages, *flow.reports)
    for sent in everything:
        to_agents = any(r in groups or r.startswith((NEIGHBORS, NEXT)) for r in sent.to if r != NOBODY)
        if to_agents and EVERYBODY not in sent.to and not _sees_all(insiders, sent):
            return f"agents receive {sent.name!r}, which not everybody sees"
    for message in flow.messages:
        if message.by in groups and _says_more(flow, message) and not _sees_all(insiders, message):
            return f"agents know what {message.name!r} says of others, which not everybody sees"
    for noise in flow.noises:
        if groups & set(noise.known_to) and len(insiders.unknown(noise)):
            return f"agents are told noise {noise.name!r}, which the coalition does not know"
    return ""


def _says_more(flow: Flow, message: Message) -> bool:
    """Whether a row that an agent sends holds more than what is its own."""
    own = {message.by, *(graph.name for graph in flow.graphs if graph.over == message.by)}
    everything: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    of = {symbol.name: symbol.of for symbol in everything}
    foreign = any(of[name] not in own for name in flow.symbols(message))
    return foreign or bool(flow.functions(message) & {"mix", "gossip", "token"})


def _sees_all(insiders: Insiders, sent: Message | Report) -> bool:
    """Whether the coalition is sent every row of a message or report."""
    if isinstance(sent, Message):
        return len(insiders.seen(sent)) == message_shape(insiders.flow, sent).members
    return any(r != NOBODY and insiders.holds(r) for r in sent.to)


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


def _poisson(seen: Seen, terms: Terms) -> Cohort | None:
    """The Poisson cohort that may be credited for a block of alike rounds (law 5); None if there is none."""
    flow, view = seen.view.flow, seen.view
    if view.times == 1 and all(flow.secrets[s].rounds > 1 for s in np.unique(view.secret_symbol).tolist()):
        return None
    if sampling_refused(terms) or len(seen.colluders):
        return None
    if any(EVERYBODY in fact.to for fact in flow.facts):  # it may tell who takes part, or how many
        return None
    return sampled_alone(seen)


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
