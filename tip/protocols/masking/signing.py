"""Masking, the signatures: what a party binds itself to, and under which round.

A signature covers the type and the content of a message and a *context*, the hash of all that the round stands on:

    opening  = H(protocol and version, who may take part with which identity key)        under it: Announce
    announced = H(opening, the announcement)                                            under it: Advertise, Roster
    rostered = H(announced, the roster)                                                 under it: all that follows

An agent computes the contexts itself. So whoever was shown another model, other parameters, other identity keys or
another roster signs something else, and no signature of one round, roster or step counts in another (a retry is a new
round, law 17). An agent signs one message of a type in a context; two different ones are evidence against it.

Keys are signed by the root of a Merkle tree over the edges: a neighbor is shown its own edge, without the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, singledispatch
from typing import TYPE_CHECKING, Final, TypeVar

from tip.crypto import Identity, digest, verify
from tip.errors import ConfigurationError
from tip.protocols.core import COORDINATOR, AgentId
from tip.protocols.masking.messages import HASH, SIGNATURE, TABLE, Announce, Dealing, Keys, Message, Roster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import Round
    from tip.protocols.masking.parameters import Parameters

_VERSION: Final = TABLE.protocol.to_bytes(2, "big") + TABLE.version.to_bytes(2, "big")

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Directory:
    """Who may take part, with the identity keys (Ed25519, 32 bytes) that everybody knows from enrollment."""

    coordinator: bytes
    agents: Mapping[AgentId, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        keys = [self.coordinator, *self.agents.values()]
        if any(len(key) != HASH for key in keys):
            raise ConfigurationError("an identity key is Ed25519 and has 32 bytes")
        if len(set(keys)) != len(keys):
            raise ConfigurationError(
                "two parties have the same identity key",
                why="One of them could speak for both",
                instead="Enroll each with a key of its own",
            )
        if any(agent < 0 for agent in self.agents):
            raise ConfigurationError("agents are counted from 0")

    def key(self, party: AgentId) -> bytes | None:
        """The party's identity key, if it has one."""
        return self.coordinator if party == COORDINATOR else self.agents.get(party)

    @cached_property
    def root(self) -> bytes:
        """The hash of all of it."""
        pairs = sorted(self.agents.items())
        return digest("masking directory", self.coordinator, *(_number(agent) + key for agent, key in pairs))


def configuration(parameters: Parameters, directory: Directory) -> bytes:
    """What an announcement says of parameters and identities: agents compare it with their own."""
    numbers = (
        parameters.agents,
        parameters.corrupt,
        parameters.dropouts,
        parameters.degree,
        parameters.threshold,
        parameters.minimum,
        parameters.samples,
    )
    kinds = f"{parameters.coordinator} {parameters.graph}".encode()
    return digest("masking configuration", kinds, *map(_number, numbers), directory.root)


def opening(directory: Directory) -> bytes:
    """The context of an announcement."""
    return digest("masking opening", _VERSION, directory.root)


def announced(context: bytes, announcement: Announce) -> bytes:
    """The context that an announcement makes."""
    return digest("masking announced", context, content(announcement))


def rostered(context: bytes, roster: Roster) -> bytes:
    """The context that a roster makes: it begins with a round, a model, a configuration, and who takes part."""
    return digest("masking rostered", context, content(roster))


def signed(identity: Identity, context: bytes, message: M) -> M:
    """The message with its sender's signature."""
    return replace(message, signature=identity.sign(_said(context, message)))


def genuine(key: bytes | None, context: bytes, message: Message) -> bool:
    """Whether the message is signed under this identity key in this context."""
    return key is not None and verify(key, message.signature, _said(context, message))


def genuine_content(key: bytes, context: bytes, kind: type[Message], said: bytes, signature: bytes) -> bool:
    """The same for a message of this type of which only the content is at hand."""
    return verify(key, signature, _covered(context, kind, said))


def masked_content(shown: bytes) -> bytes:
    """The content of a message as it is shown, `Table.evidence` of it: all but the signature, its last field."""
    return digest("masking content", shown[:-SIGNATURE])


def _said(context: bytes, message: Message) -> bytes:
    return _covered(context, type(message), content(message))


def _covered(context: bytes, kind: type[Message], said: bytes) -> bytes:
    return digest(f"masking {kind.__name__}", context, said)


@singledispatch
def content(message: Message) -> bytes:
    """What the signature of a message covers beside the context: all of it but the signature."""
    return masked_content(TABLE.evidence(message))


@content.register(Keys)
def _of_keys(message: Keys) -> bytes:
    return keys_content(message.round, message.sender, len(message.peers), message.tree.root)


def keys_content(round: Round, sender: AgentId, size: int, root: bytes) -> bytes:  # noqa: A002 - the field's word
    """The content of Keys, by the tree over its edges."""
    return digest("masking edges", _number(round), _number(sender), _number(size), root)


def keys_told(channel: bytes, mask: bytes) -> bytes:
    """What a dealing names of the keys that its dealer was told, in the order of its neighbors."""
    return digest("masking keys told", channel + mask)


def words_hash(keys: Keys, dealing: Dealing) -> bytes:
    """What a complaint names of the words that it speaks of."""
    return digest("masking words", content(keys), content(dealing))


def survivors_root(agents: tuple[AgentId, ...], here: bytes) -> bytes:
    """What a consent names: the set to be opened, and who dealt, as the consenting agent was told."""
    return digest("masking survivors", here, b"".join(map(_number, agents)))


def _number(value: int) -> bytes:
    return int(value).to_bytes(8, "big", signed=True)
