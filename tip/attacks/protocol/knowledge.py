"""Knowledge: what follows from a pool: opened secrets, and every sum that they show.

A vector lies under its agent's own mask and one mask with each neighbor in its view. Take the agents with a vector, and
join two that have a mask in common which the pool does not know: a set that this joins, all of whose own masks are
known and which has no unknown mask that nobody else has, has a sum that the pool can compute. **Claim.** With masks
that are uniform and independent the pool learns of the honest vectors the sums of these sets and nothing else (law 11:
a combination of vectors in which an unknown mask is left is uniform; so it gives two agents that have an unknown mask
in common the same coefficient, and an agent with an unknown mask of its own the coefficient 0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tip.aggregation.masks import expand_into
from tip.aggregation.sums import ring_add
from tip.crypto import KeyPair
from tip.errors import MalformedMessage
from tip.protocols.masking.findings import dealt_hash, rebuilt_from
from tip.protocols.masking.messages import CHANNEL, SHARE
from tip.protocols.masking.sealing import Piece
from tip.protocols.masking.secrets import mask_keys, mask_secret, pairwise_seed, share_hash, shared_channel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tip.attacks.protocol.pool import Label, Pool
    from tip.protocols.core import AgentId, Vector

    Shares = dict[tuple[AgentId, bool], dict[int, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Agents the sum of whose vectors is known, and that sum `(d,)`."""

    agents: tuple[AgentId, ...]
    total: Vector = field(repr=False)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Opened secrets by agent, opened masks by name, and the sums that they show."""

    own: Mapping[AgentId, bytes] = field(repr=False)
    mask: Mapping[AgentId, bytes] = field(repr=False)
    seeds: Mapping[Label, bytes] = field(repr=False)
    parts: tuple[Part, ...]

    @property
    def both(self) -> tuple[AgentId, ...]:
        """Agents both of whose secrets are open."""
        return tuple(sorted(self.own.keys() & self.mask.keys()))

    def agents(self) -> tuple[tuple[AgentId, ...], ...]:
        """The sets whose sums are known."""
        return tuple(part.agents for part in self.parts)


def known(pool: Pool, threshold: int) -> Knowledge:
    """All that the pool shows of agents that are not part of it, `threshold` shares opening a secret."""
    shares = _shares(pool)
    own = _secrets(shares, threshold, own=True) | {agent: s.own for agent, s in pool.secrets.items()}
    mask = _secrets(shares, threshold, own=False) | {agent: s.mask for agent, s in pool.secrets.items()}
    seeds = _seeds(pool, mask)
    return Knowledge(
        {agent: secret for agent, secret in own.items() if agent not in pool.secrets},
        {agent: secret for agent, secret in mask.items() if agent not in pool.secrets},
        seeds,
        tuple(_total(pool, own, seeds, agents) for agents in _joined(pool, seeds) if agents <= own.keys()),
    )


def _shares(pool: Pool) -> Shares:
    """All shares at hand, by dealer and kind (own mask or not), then by place."""
    shares: Shares = {}
    for dealer, view in pool.views.items():
        if view.dealing is None:
            continue
        for place, holder in enumerate(view.dealing.holders):
            for own, share in _at(pool, dealer, holder):
                if share_hash(share) == dealt_hash(view.dealing, place, own=own):
                    shares.setdefault((dealer, own), {})[place] = share
    return shares


def _at(pool: Pool, dealer: AgentId, holder: AgentId) -> Iterable[tuple[bool, bytes]]:
    """The shares of one dealer that one holder told, or that its channel's key opens."""
    for answer in pool.answers:
        if answer.sender == holder:
            for own, dealers, data in (
                (True, answer.alive, answer.own_shares),
                (False, answer.gone, answer.mask_shares),
            ):
                if dealer in dealers:
                    at = dealers.index(dealer) * SHARE
                    yield own, data[at : at + SHARE]
    view = pool.views[dealer]
    label = view.label(holder, CHANNEL)
    if label is None or view.dealing is None:
        return
    shared = _agreed(pool.pairs, label)
    if shared is not None:
        piece = Piece.at(view.dealing, view.dealing.holders.index(holder))
        try:
            opened = piece.opened(shared, view.context, dealer, holder)
        except MalformedMessage:
            return  # what was sealed for this holder is no use to anybody
        yield True, opened.own
        yield False, opened.mask


def _agreed(pairs: Mapping[bytes, KeyPair], label: Label) -> bytes | None:
    """What a channel's ends share, if one of the secret keys is known."""
    context, least, greatest = label
    for mine, theirs in ((least, greatest), (greatest, least)):
        if mine in pairs:
            return shared_channel(pairs[mine], theirs, context)
    return None


def _secrets(shares: Shares, threshold: int, *, own: bool) -> dict[AgentId, bytes]:
    enough = {dealer: s for (dealer, kind), s in shares.items() if kind is own and len(s) >= threshold}
    rebuilt = {dealer: rebuilt_from(s, threshold) for dealer, s in enough.items()}
    return {dealer: secret for dealer, secret in rebuilt.items() if secret is not None}


def _seeds(pool: Pool, mask: Mapping[AgentId, bytes]) -> dict[Label, bytes]:
    """The masks that are open: told by an end, or by a secret key of an end."""
    pairs, seeds = dict(pool.pairs), {}
    for agent in mask.keys() & pool.views.keys():
        made = [KeyPair.from_secret(mask_secret(mask[agent], peer)) for peer in pool.views[agent].keys.peers]
        pairs |= {pair.public: pair for pair in made}
    for label in {label for agent in pool.views for label in _labels(pool, agent).values()}:
        context, least, greatest = label
        for mine, theirs in ((least, greatest), (greatest, least)):
            if mine in pairs:
                seeds[label] = pairwise_seed(pairs[mine], theirs, context)
    for answer in pool.answers:
        for place, peer in enumerate(answer.edges):
            told = pool.views[answer.sender].label(peer)
            if told is not None:
                seeds[told] = answer.seeds[32 * place : 32 * place + 32]
    return seeds


def _labels(pool: Pool, agent: AgentId) -> dict[AgentId, Label]:
    """The names of the masks on an agent's vector, by neighbor."""
    view = pool.views[agent]
    around = view.delivery.peers if view.delivery is not None else ()
    named = {peer: view.label(peer) for peer in around}
    return {peer: label for peer, label in named.items() if label is not None}


def _here(pool: Pool, agent: AgentId) -> bytes:
    """Who dealt, as this agent was told: its masks depend on it."""
    delivery = pool.views[agent].delivery
    return delivery.here if delivery is not None else b""


def _joined(pool: Pool, seeds: Mapping[Label, bytes]) -> list[frozenset[AgentId]]:
    """The sets of honest agents that unknown masks join; none with a mask that nobody else has."""
    ends: dict[tuple[Label, bytes], set[AgentId]] = {}
    for agent in pool.vectors.keys() - pool.secrets.keys():
        for label in _labels(pool, agent).values():
            if label not in seeds:
                ends.setdefault((label, _here(pool, agent)), set()).add(agent)
    sets = {agent: frozenset((agent,)) for agent in pool.vectors.keys() - pool.secrets.keys()}
    for pair in ends.values():
        merged = frozenset().union(*(sets[agent] for agent in pair))
        sets |= dict.fromkeys(merged, merged)
    alone = {agent for pair in ends.values() if len(pair) == 1 for agent in pair}
    return sorted({agents for agents in sets.values() if not agents & alone}, key=sorted)


def _total(pool: Pool, own: Mapping[AgentId, bytes], seeds: Mapping[Label, bytes], agents: frozenset[AgentId]) -> Part:
    """The sum of a set: its masked vectors, less its own masks and the known ones with others."""
    members = sorted(agents)
    total = pool.vectors[members[0]].copy()
    for agent in members[1:]:
        ring_add(total, pool.vectors[agent], out=total)
    add: list[bytes] = []
    subtract = [own[agent] for agent in members]
    for agent in members:
        for peer, label in _labels(pool, agent).items():
            if label in seeds:
                (subtract if agent < peer else add).extend(mask_keys((seeds[label],), _here(pool, agent)))
    expand_into(total, add, subtract)
    return Part(tuple(members), total)
