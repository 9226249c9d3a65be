"""Masking, the agent's stages: what it knows, in the order in which it learns it.

    Waiting ──Announce──▶ Advertised ──Roster──▶ Revealed ──Graph──▶ Keyed ──Peers──▶ Dealt ──Delivery──▶ Preparing
    ──Prepared──▶ Covering ──Covered──▶ Masked ──Survivors──▶ Consented ──Consents──▶ Answered

From every stage a broken term leads to `Declined`: the agent falls silent, as if it had dropped out (law 18). A stage
holds the one before it as far as it is still needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.crypto import Identity
    from tip.protocols.core import AgentId, Body, Terms
    from tip.protocols.masking.messages import Announce, Delivery
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.masking.sealing import Edge, Shares
    from tip.protocols.masking.secrets import Pairs, Secrets
    from tip.protocols.masking.signing import Directory

    Agents = tuple[AgentId, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """Who an agent is, what it agreed to, and its secrets of this one round."""

    me: AgentId
    identity: Identity = field(repr=False)
    secrets: Secrets = field(repr=False)
    terms: Terms
    parameters: Parameters
    directory: Directory


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing was heard yet."""


@dataclass(frozen=True, slots=True)
class Advertised:
    """The round was announced on the agent's own terms, and it said that it is here."""

    announcement: Announce
    context: bytes


@dataclass(frozen=True, slots=True)
class Rostered:
    """What a roster fixes for this agent: its context, who takes part, and who will hold its shares."""

    announcement: Announce
    context: bytes
    agents: Agents
    holders: Agents


@dataclass(frozen=True, slots=True)
class Revealed:
    """The graph seed is public."""

    rostered: Rostered


@dataclass(frozen=True, slots=True)
class Keyed:
    """The agent's public keys for these neighbors are out."""

    rostered: Rostered
    pairs: Mapping[AgentId, Pairs] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dealt:
    """The agent's shares are out; `edges` are those to neighbors whose keys came."""

    rostered: Rostered
    edges: Mapping[AgentId, Edge]


@dataclass(frozen=True, slots=True)
class View:
    """What was delivered: with whom this agent has masks, whose shares it holds, what it could not use and why.

    `here` is everybody that dealt, as this agent was told.
    """

    digest: bytes
    delivery: Delivery
    here: frozenset[AgentId] = field(repr=False)
    shares: Mapping[AgentId, Shares]
    doubted: Mapping[AgentId, int]


@dataclass(frozen=True, slots=True)
class Preparing:
    """The driver makes the agent's vector."""

    dealt: Dealt
    view: View


@dataclass(frozen=True, slots=True)
class Covering:
    """The driver puts the masks over it."""

    dealt: Dealt
    view: View
    body: Body


@dataclass(frozen=True, slots=True)
class Masked:
    """The masked vector is out; no other will follow in this round."""

    dealt: Dealt
    view: View
    body: Body


@dataclass(frozen=True, slots=True)
class Consented:
    """The agent signed this set; it will open no other in this round, whatever comes."""

    masked: Masked
    survivors: Agents
    root: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """The one answer of the round was given."""

    survivors: Agents


@dataclass(frozen=True, slots=True)
class Declined:
    """The agent answers nothing more in this round."""

    reason: str


Stage = (
    Waiting | Advertised | Revealed | Keyed | Dealt | Preparing | Covering | Masked | Consented | Answered | Declined
)
