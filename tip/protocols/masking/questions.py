"""Masking, the coordinator's questions: what it says next follows from what it heard.

Each builds the next stage and the signed message for every agent that is asked. Who did not answer is asked nothing
more in this round: it has dropped out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tip.protocols.core import COORDINATOR, Send
from tip.protocols.masking.course import (
    Consenting,
    Drawn,
    Fixed,
    Gathering,
    Keying,
    Masking,
    Revealing,
    Unmasking,
)
from tip.protocols.masking.findings import place
from tip.protocols.masking.graph import chosen_by, holders_of
from tip.protocols.masking.messages import (
    HASH,
    SEALED,
    TABLE,
    Advertise,
    Consent,
    Consents,
    Dealing,
    Delivery,
    Graph,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Query,
    Reveal,
    Roster,
    Survivors,
)
from tip.protocols.masking.parameters import Coordinator as Kind
from tip.protocols.masking.peers import Prover
from tip.protocols.masking.signing import content, rostered, signed, survivors_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import AgentId
    from tip.protocols.masking.course import Stage
    from tip.protocols.masking.server import Coordinator

    Asked = tuple[Stage, Mapping[AgentId, Message]]

M = TypeVar("M", bound=Message)


def _signed(state: Coordinator, context: bytes, message: M) -> M:
    return signed(state.desk.identity, context, message)


def roster(state: Coordinator) -> Asked:
    """Who is here, with the commitments: from now on nobody's holders can be chosen."""
    here = state.of(Advertise)
    agents = tuple(sorted(here))
    commitments = b"".join([here[agent].commitment for agent in agents])
    message = _signed(state, state.desk.context, Roster(state.desk.terms.round, COORDINATOR, agents, commitments))
    fixed = Fixed(message, rostered(state.desk.context, message))
    return Revealing(frozenset(agents), fixed), dict.fromkeys(agents, message)


def graph(state: Coordinator, stage: Revealing) -> Asked:
    """Who holds for whom, among those that revealed their seeds."""
    here = state.of(Reveal)
    agents, context = stage.fixed.roster.agents, stage.fixed.context
    parameters = state.desk.parameters
    holders = {agent: holders_of(parameters, agents, agent, here[agent].seed, context) for agent in sorted(here)}
    chosen = chosen_by(holders)
    told = {
        agent: _signed(state, context, Graph(state.desk.terms.round, COORDINATOR, agent, chosen.get(agent, ())))
        for agent in holders
    }
    return Keying(frozenset(holders), Drawn(stage.fixed, holders, chosen)), told


def peers(state: Coordinator, stage: Keying) -> Asked:
    """Each agent's neighbors' keys; with a malicious coordinator to be held out, the proofs of its holders too."""
    keys = state.of(Keys)
    drawn, proving = stage.drawn, state.desk.parameters.coordinator is Kind.MALICIOUS
    provers = {agent: Prover(message) for agent, message in keys.items()} if proving else {}
    told = {}
    for agent in sorted(keys):
        here = tuple(peer for peer in drawn.around(agent) if peer in keys)
        places = [(keys[peer], place(keys[peer].peers, agent) * HASH) for peer in here]
        message = Peers(
            state.desk.terms.round,
            COORDINATOR,
            agent,
            here,
            b"".join([theirs.channel[at : at + HASH] for theirs, at in places]),
            b"".join([theirs.mask[at : at + HASH] for theirs, at in places]),
            b"".join([provers[holder].proof(agent) for holder in drawn.holders[agent] if holder in provers]),
        )
        told[agent] = _signed(state, drawn.fixed.context, message)
    return Gathering(frozenset(keys), drawn), told


def deliveries(state: Coordinator, stage: Gathering) -> Asked:
    """What each agent's neighbors dealt."""
    told = {agent: delivery(state, stage.drawn, agent) for agent in sorted(state.of(Dealing))}
    digests = {agent: content(message) for agent, message in told.items()}
    return Masking(frozenset(told), stage.drawn, digests), told


def delivery(state: Coordinator, drawn: Drawn, agent: AgentId) -> Delivery:
    """What one agent's neighbors dealt: the same at every call."""
    dealt = state.of(Dealing)
    around = tuple(peer for peer in drawn.around(agent) if peer in dealt)
    dealers = tuple(dealer for dealer in drawn.chosen.get(agent, ()) if dealer in dealt)
    seeds = [(dealt[peer].seeds, place(dealt[peer].peers, agent) * HASH) for peer in around]
    pieces = [(dealt[dealer], place(dealt[dealer].holders, agent)) for dealer in dealers]
    message = Delivery(
        state.desk.terms.round,
        COORDINATOR,
        agent,
        around,
        b"".join([data[at : at + HASH] for data, at in seeds]),
        dealers,
        b"".join([dealing.sealed[i * SEALED : (i + 1) * SEALED] for dealing, i in pieces]),
        b"".join([dealing.shares[i * 2 * HASH : (i + 1) * 2 * HASH] for dealing, i in pieces]),
        b"".join([dealing.keys[i * HASH : (i + 1) * HASH] for dealing, i in pieces]),
    )
    return _signed(state, drawn.fixed.context, message)


def survivors(state: Coordinator, stage: Masking) -> Asked:
    """Whose vectors came: no other is added from now on."""
    agents = tuple(sorted(state.of(MaskedInput)))
    message = Survivors(state.desk.terms.round, COORDINATOR, agents)
    message = _signed(state, stage.drawn.fixed.context, message)
    stage_now = Consenting(frozenset(agents), stage, agents, survivors_root(message))
    return stage_now, dict.fromkeys(agents, message)


def consents(state: Coordinator, stage: Consenting) -> Asked:
    """Who signed the set: to those that signed it, for no other opens it."""
    given = state.of(Consent)
    agents = tuple(sorted(given))
    signatures = b"".join([given[agent].signature for agent in agents])
    message = Consents(state.desk.terms.round, COORDINATOR, agents, signatures)
    message = _signed(state, stage.masking.drawn.fixed.context, message)
    return Unmasking(frozenset(agents), stage.masking, stage.survivors), dict.fromkeys(agents, message)


def proof(state: Coordinator, query: Query) -> Send:
    """A neighbor's own signed words, for an agent that could not use what was delivered of it."""
    keys, dealing = state.of(Keys)[query.about], state.of(Dealing)[query.about]
    message = Proof(query.round, COORDINATOR, query.sender, TABLE.encode(keys), TABLE.encode(dealing))
    return Send(query.sender, _signed(state, state.context(Proof), message))
