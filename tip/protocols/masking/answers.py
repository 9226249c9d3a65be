"""Masking, the agent's answers: from each question of the coordinator to the next stage.

A question that breaks the agent's terms leads to `Declined`. Where an honest coordinator cannot have asked it, the
reply says `blamed`, and `claim` if the question alone shows it to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.errors import MalformedMessage
from tip.protocols.core import Cover, Prepare
from tip.protocols.masking.evidence import Claim
from tip.protocols.masking.graph import from_bits, holders_of, neighbors
from tip.protocols.masking.messages import (
    CHANNEL,
    HASH,
    MASK,
    SIGNATURE,
    Advertise,
    Announce,
    Consent,
    Consents,
    Delivery,
    Graph,
    Keys,
    Message,
    Peers,
    Query,
    Reveal,
    Roster,
    Survivors,
    Unmask,
)
from tip.protocols.masking.parameters import Coordinator
from tip.protocols.masking.peers import require_distinct, require_signed
from tip.protocols.masking.sealing import Dealer, Piece, all_opened, edges_of
from tip.protocols.masking.secrets import commitment, mask_keys, seed_hashes
from tip.protocols.masking.signing import announced, configuration, content, genuine, opening, rostered, survivors_root
from tip.protocols.masking.stages import (
    Advertised,
    Answered,
    Consented,
    Covering,
    Dealt,
    Declined,
    Keyed,
    Masked,
    Own,
    Preparing,
    Revealed,
    Rostered,
    Stage,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import AgentId, Work
    from tip.protocols.masking.secrets import Pairs

    Seeds = tuple[bytes, ...]

_MOST_EDGES = 8  # times the degree: nobody is chosen so often by chance


@dataclass(frozen=True, slots=True)
class Reply:
    """Where a question leads: the next stage, messages still to be signed, work."""

    stage: Stage
    messages: tuple[Message, ...] = ()
    work: tuple[Work, ...] = ()
    blamed: bool = False
    claim: Claim | None = None


def _declined(reason: str, claim: Claim | None = None) -> Reply:
    return Reply(Declined(reason), blamed=True, claim=claim)


def announce(own: Own, message: Announce) -> Reply:
    """Take part if the round is the one that was agreed to."""
    terms = own.terms
    if (message.dimension, message.modulus_bits) != (terms.dimension, terms.modulus_bits):
        return _declined("announced another dimension or ring than was agreed")
    if message.configuration != configuration(own.parameters, own.directory):
        return _declined("announced other parameters or identity keys than were agreed")
    context = announced(opening(own.directory), message)
    advertised = Advertise(terms.round, own.me, commitment(own.secrets.graph))
    return Reply(Advertised(message, context), (advertised,))


def roster(own: Own, stage: Advertised, message: Roster) -> Reply:
    """Reveal the graph seed to a roster that holds this agent and enough others."""
    if len(message.agents) < own.parameters.minimum:
        return _declined("fixed a roster below the minimum", Claim.TOO_FEW)
    if not set(message.agents) <= own.directory.agents.keys() or len(message.agents) > own.parameters.agents:
        return _declined("fixed a roster with agents that were not invited", Claim.TOO_FEW)
    place = message.agents.index(own.me) if own.me in message.agents else -1
    if place < 0 or message.commitments[place * HASH : (place + 1) * HASH] != commitment(own.secrets.graph):
        return _declined(f"left agent {own.me} out of the roster, or changed its commitment")
    context = rostered(stage.context, message)
    holders = holders_of(own.parameters, message.agents, own.me, own.secrets.graph, context)
    fixed = Rostered(stage.announcement, context, message.agents, holders)
    return Reply(Revealed(fixed), (Reveal(message.round, own.me, own.secrets.graph),))


def graph(own: Own, stage: Revealed, message: Graph) -> Reply:
    """Publish a public key for each neighbor and purpose."""
    fixed = stage.rostered
    if not set(message.chosen_by) <= set(fixed.agents) - {own.me}:
        return _declined("named neighbors that are not in the roster")
    if len(message.chosen_by) > _MOST_EDGES * own.parameters.degree:
        return _declined(f"named {len(message.chosen_by)} neighbors, more than chance ever draws")
    pairs = own.secrets.pairs(neighbors(fixed.holders, message.chosen_by))
    return Reply(Keyed(fixed, pairs), (keys_of(own, pairs),))


def keys_of(own: Own, pairs: Mapping[AgentId, Pairs]) -> Keys:
    """The public keys of this agent for its neighbors. Unsigned."""
    channel = b"".join([pair.channel.public for pair in pairs.values()])
    mask = b"".join([pair.mask.public for pair in pairs.values()])
    return Keys(own.terms.round, own.me, tuple(pairs), channel, mask)


def peers(own: Own, stage: Keyed, message: Peers) -> Reply:
    """Deal shares to the holders whose keys came and are signed by them."""
    fixed = stage.rostered
    if not set(message.peers) <= stage.pairs.keys():
        return _declined("delivered keys of agents that are no neighbors")
    here = [holder for holder in fixed.holders if holder in set(message.peers)]
    if len(here) < own.parameters.threshold:
        return Reply(Declined("too few of this agent's holders are left"))  # chance can do that
    try:
        if own.parameters.coordinator is Coordinator.MALICIOUS:
            require_signed(message, fixed.holders, own.directory, fixed.context)
    except MalformedMessage as error:
        return _declined(f"delivered keys that no neighbor signed: {error}", Claim.FALSE_KEYS)
    try:
        require_distinct(message, keys_of(own, stage.pairs))
        edges = edges_of(stage.pairs, message, fixed.context)
    except MalformedMessage as error:
        return _declined(f"delivered keys that no neighbor has: {error}")
    dealer = Dealer(own.me, own.secrets, fixed.context)
    dealing = dealer.dealing(message.round, edges, fixed.holders, own.parameters.threshold)
    return Reply(Dealt(fixed, edges), (dealing,))


def delivery(own: Own, stage: Dealt, message: Delivery) -> Reply:
    """Open what was dealt, ask about what does not open, and make the vector."""
    known = set(stage.edges)
    if not set(message.dealers) <= set(message.peers) <= known:
        return _declined("delivered what no neighbor dealt")
    try:
        here = from_bits(message.here, stage.rostered.agents)
    except MalformedMessage as error:
        return _declined(f"said nothing of who dealt: {error}")
    if own.me not in here or not here.intersection(stage.rostered.holders) <= set(message.peers):
        return _declined("left this agent or one of its holders out of what was dealt")
    if sum(holder in here for holder in stage.rostered.holders) < own.parameters.threshold:
        return Reply(Declined("too few of this agent's holders are left"))
    view = _looked_at(stage, message, here)
    queries = tuple(Query(message.round, own.me, peer) for peer in view.doubted)
    announcement, terms = stage.rostered.announcement, own.terms
    work = Prepare(message.round, announcement.model, terms.dimension, terms.modulus_bits)
    return Reply(Preparing(stage, view), queries, (work,))


def _looked_at(stage: Dealt, message: Delivery, here: frozenset[AgentId]) -> View:
    """What a delivery holds for this agent: fast if all of it is in order, else piece by piece."""
    edges, context = stage.edges, stage.rostered.context
    expected = seed_hashes(edges[peer].seed for peer in message.peers)
    channels = {dealer: edges[dealer].channel for dealer in message.dealers}
    shares = all_opened(channels, message, context)
    if shares is not None and b"".join(expected) == message.seeds:
        return View(content(message), message, here, shares, {})
    doubted = {
        peer: MASK
        for place, peer in enumerate(message.peers)
        if message.seeds[place * HASH : (place + 1) * HASH] != expected[place]
    }
    shares = {}
    for place, peer in enumerate(message.dealers):
        try:
            shares[peer] = Piece.at(message, place).opened(channels[peer], context, peer, message.to)
        except MalformedMessage:
            doubted[peer] = CHANNEL
    return View(content(message), message, here, shares, doubted)


def masks(own: Own, stage: Preparing | Covering) -> tuple[Seeds, Seeds]:
    """The seeds whose masks are added, and those whose masks are taken off: of two neighbors the lesser adds."""
    edges, around = stage.dealt.edges, stage.view.delivery.peers
    here = stage.view.delivery.here
    add = mask_keys((edges[peer].seed for peer in around if own.me < peer), here)
    subtract = mask_keys((edges[peer].seed for peer in around if peer < own.me), here)
    return (own.secrets.own, *add), subtract


def unfinished(own: Own, stage: Stage) -> tuple[Work, ...]:
    """The work that a restart may have interrupted."""
    match stage:
        case Preparing():
            announcement = stage.dealt.rostered.announcement
            return (Prepare(announcement.round, announcement.model, announcement.dimension, announcement.modulus_bits),)
        case Covering():
            return (Cover(stage.body, *masks(own, stage)),)
    return ()


def survivors(own: Own, stage: Masked, message: Survivors) -> Reply:
    """Sign the set, if opening it can show nothing but the sum of enough agents."""
    fixed, agents = stage.dealt.rostered, set(message.agents)
    if len(agents) < own.parameters.minimum:
        return _declined("named fewer survivors than the minimum", Claim.TOO_FEW)
    if not agents <= set(fixed.agents):
        return _declined("named survivors that are not in the roster", Claim.TOO_FEW)
    if own.me not in agents:
        return Reply(Declined("this agent's vector came too late"))
    if not agents <= stage.view.here:
        return _declined("named a survivor that dealt nothing")
    if sum(holder in agents for holder in fixed.holders) < own.parameters.threshold:
        return Reply(Declined("too few of this agent's holders survived"))
    root = survivors_root(message.agents, stage.view.delivery.here)
    return Reply(Consented(stage, message.agents, root), (Consent(message.round, own.me, root),))


def consents(own: Own, stage: Consented, message: Consents, context: bytes) -> Reply:
    """Open the set that was signed, after a look at whether the others signed the same."""
    if len(message.agents) < own.parameters.minimum:
        return _declined("claims fewer consents than the minimum", Claim.TOO_FEW)
    if not set(message.agents) <= set(stage.survivors):
        return _declined("claims consents of agents that did not survive", Claim.TOO_FEW)
    for place in own.secrets.sample(len(message.agents), own.parameters.samples):
        agent = message.agents[place]
        signature = message.signatures[place * SIGNATURE : (place + 1) * SIGNATURE]
        consent = Consent(message.round, agent, stage.root, signature)
        if not genuine(own.directory.key(agent), context, consent):
            return _declined("claims a consent that was not given", Claim.TOO_FEW)
    return Reply(Answered(stage.survivors), (_unmasked(own, stage),))


def _unmasked(own: Own, stage: Consented) -> Unmask:
    """The one answer: for each agent of the view either kind of secret, as the set says that was signed."""
    view, edges, survived = stage.masked.view, stage.masked.dealt.edges, set(stage.survivors)
    alive = tuple(dealer for dealer in view.shares if dealer in survived)
    gone = tuple(dealer for dealer in view.shares if dealer not in survived)
    left = tuple(peer for peer in view.delivery.peers if peer not in survived)
    return Unmask(
        own.terms.round,
        own.me,
        view.digest,
        alive,
        b"".join([view.shares[dealer].own for dealer in alive]),
        gone,
        b"".join([view.shares[dealer].mask for dealer in gone]),
        left,
        b"".join([edges[peer].seed for peer in left]),
    )
