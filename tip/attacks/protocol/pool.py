"""Pool: all that a malicious coordinator and its accomplices hold.

The coordinator holds every message that it sent and got in a round; its accomplices add the secrets of their round, all
of which follow from one seed each; and the coordinator knows the secret keys that it made up. `knowledge` computes what
follows from that: an attack that shows nothing there has failed, whatever is tried on its messages later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from tip.crypto import KeyPair
from tip.protocols.core import COORDINATOR, AgentId
from tip.protocols.masking.findings import edge_key
from tip.protocols.masking.messages import (
    HASH,
    MASK,
    Announce,
    Complaint,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Peers,
    Roster,
    Unmask,
)
from tip.protocols.masking.signing import announced, opening, rostered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tip.protocols.core import Message, Round, Vector
    from tip.protocols.masking.secrets import Secrets
    from tip.protocols.masking.signing import Directory
    from tip.protocols.transcript import Received, Transcript

M = TypeVar("M")
Label = tuple[bytes, bytes, bytes]  # what names a mask or a channel: context, lesser public key, greater one


@dataclass(frozen=True, slots=True)
class View:
    """One agent's side of a round: what it was told, and what it said."""

    context: bytes
    keys: Keys
    peers: Peers | None
    dealing: Dealing | None
    delivery: Delivery | None

    def label(self, peer: AgentId, purpose: int = MASK) -> Label | None:
        """The name of the agent's mask with this neighbor, or of their channel; None without the keys of one of them.

        Both ends have the same mask only if they agree on the name.
        """
        mine = edge_key(self.keys, purpose, peer)
        if mine is None or self.peers is None or peer not in self.peers.peers:
            return None
        at = self.peers.peers.index(peer) * HASH
        theirs = (self.peers.mask if purpose == MASK else self.peers.channel)[at : at + HASH]
        least, greatest = sorted((mine, theirs))
        return self.context, least, greatest


@dataclass(frozen=True, slots=True)
class Pool:
    """What is pooled after a round: everybody's side of it, masked vectors `(d,)`, answers, key pairs, secrets."""

    views: Mapping[AgentId, View]
    vectors: Mapping[AgentId, Vector] = field(repr=False)
    answers: tuple[Unmask, ...] = field(repr=False)
    pairs: Mapping[bytes, KeyPair] = field(repr=False)
    secrets: Mapping[AgentId, Secrets] = field(repr=False)

    @classmethod
    def after(
        cls,
        transcript: Transcript,
        round: Round,  # noqa: A002 - the field's word
        directory: Directory,
        *,
        secrets: Mapping[AgentId, Secrets],
        forged: Iterable[KeyPair] = (),
    ) -> Pool:
        """The pool after this round; `secrets` are the accomplices', `forged` the key pairs that were made up."""
        rows = [row for row in transcript.received if row.message.round == round]
        told, said, vectors = _sides(rows)
        sides = {agent: _view(told[agent], messages, directory) for agent, messages in said.items()}
        views = {agent: view for agent, view in sides.items() if view is not None}
        heard = [message for messages in said.values() for message in messages]
        pairs = [*forged, *(KeyPair.from_secret(m.secret) for m in heard if isinstance(m, Complaint))]
        for agent, secret in secrets.items():
            pairs += _pairs(secret, views[agent].keys) if agent in views else []
        answers = tuple(message for message in heard if isinstance(message, Unmask))
        return cls(views, vectors, answers, {pair.public: pair for pair in pairs}, secrets)


def _sides(
    rows: Iterable[Received],
) -> tuple[dict[AgentId, list[Message]], dict[AgentId, list[Message]], dict[AgentId, Vector]]:
    """What each agent was told, what each said, and their first vectors."""
    told: dict[AgentId, list[Message]] = defaultdict(list)
    said: dict[AgentId, list[Message]] = defaultdict(list)
    vectors: dict[AgentId, Vector] = {}
    for row in rows:
        message = row.message
        (said[message.sender] if row.party == COORDINATOR else told[row.party]).append(message)
        if row.party == COORDINATOR and isinstance(message, MaskedInput):
            vectors.setdefault(message.sender, row.vectors[message.body.digest])
    return told, said, vectors


def first(messages: Sequence[Message], kind: type[M]) -> M | None:
    """The first message of this type: an honest agent answers no other one."""
    return next((message for message in messages if isinstance(message, kind)), None)


def _view(told: Sequence[Message], said: Sequence[Message], directory: Directory) -> View | None:
    announcement, roster, keys = first(told, Announce), first(told, Roster), first(said, Keys)
    if announcement is None or roster is None or keys is None:
        return None
    context = rostered(announced(opening(directory), announcement), roster)
    return View(context, keys, first(told, Peers), first(said, Dealing), first(told, Delivery))


def _pairs(secrets: Secrets, keys: Keys) -> list[KeyPair]:
    """The key pairs of an accomplice."""
    return [pair for two in secrets.pairs(keys.peers).values() for pair in (two.channel, two.mask)]
