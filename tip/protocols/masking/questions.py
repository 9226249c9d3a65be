"""Masking, the coordinator's questions: what it says next follows from what it heard.

Each builds the next stage and the signed message for every agent that is asked. Who did not answer is asked nothing
more in this round: it has dropped out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tip.protocols.core import COORDINATOR, Send
from tip.protocols.masking.checking import told_to
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
from tip.protocols.masking.exchange import Exchange
from tip.protocols.masking.graph import as_bits, chosen_by, holders_of
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
from tip.protocols.masking.peers import proofs_for
from tip.protocols.masking.signing import rostered, signed, survivors_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import AgentId
    from tip.protocols.masking.course import Coordinator, Stage

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
    keys, drawn = state.of(Keys), stage.drawn
    proving = state.desk.parameters.coordinator is Kind.MALICIOUS
    held = {agent: [one for one in drawn.chosen.get(agent, ()) if one in keys] if proving else [] for agent in keys}
    proven = {agent: proofs_for(message, held[agent]) for agent, message in keys.items()}
    written = Exchange.of({agent: message.peers for agent, message in keys.items()})
    channel = written.sorted((message.channel for message in keys.values()), HASH)
    mask = written.sorted((message.mask for message in keys.values()), HASH)
    told = {}
    for agent in sorted(keys):
        holders = [holder for holder in drawn.holders[agent] if holder in keys] if proving else []
        message = Peers(
            state.desk.terms.round,
            COORDINATOR,
            agent,
            written.to(agent),
            channel.to(agent),
            mask.to(agent),
            b"".join([proven[holder][agent] for holder in holders]),
        )
        told[agent] = _signed(state, drawn.fixed.context, message)
    return Gathering(frozenset(keys), drawn), told


def deliveries(state: Coordinator, stage: Gathering) -> Asked:
    """What each agent's neighbors dealt."""
    dealt = state.of(Dealing)
    masks = Exchange.of({agent: message.peers for agent, message in dealt.items()})
    seeds = masks.sorted((message.seeds for message in dealt.values()), HASH)
    held = Exchange.of({agent: message.holders for agent, message in dealt.items()})
    sealed = held.sorted((message.sealed for message in dealt.values()), SEALED)
    shares = held.sorted((message.shares for message in dealt.values()), 2 * HASH)
    keys = held.sorted((message.keys for message in dealt.values()), HASH)
    here = as_bits(dealt, stage.drawn.fixed.roster.agents)
    told = {}
    for agent in sorted(dealt):
        message = Delivery(
            state.desk.terms.round,
            COORDINATOR,
            agent,
            here,
            masks.to(agent),
            seeds.to(agent),
            held.to(agent),
            sealed.to(agent),
            shares.to(agent),
            keys.to(agent),
        )
        told[agent] = _signed(state, stage.drawn.fixed.context, message)
    return Masking(frozenset(told), stage.drawn, here, told), told


def survivors(state: Coordinator, stage: Masking) -> Asked:
    """Whose vectors came: no other is added from now on."""
    agents = tuple(sorted(state.of(MaskedInput)))
    message = Survivors(state.desk.terms.round, COORDINATOR, agents)
    message = _signed(state, stage.drawn.fixed.context, message)
    stage_now = Consenting(frozenset(agents), stage, agents, survivors_root(agents, stage.here))
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
    about = query.about
    keys, dealing = TABLE.encode(state.of(Keys)[about]), TABLE.encode(state.of(Dealing)[about])
    message = Proof(query.round, COORDINATOR, query.sender, keys, dealing, told_to(state, about))
    return Send(query.sender, _signed(state, state.context(Proof), message))
