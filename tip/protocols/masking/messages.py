"""Masking, the messages: seven questions of the coordinator, seven answers.

    coordinator → agents            agent → coordinator
 1  Announce                        Advertise     "I am here", and a commitment to a graph seed
 2  Roster       who is here        Reveal        the graph seed: nobody can choose the graph any more
 3  Graph        who holds for whom Keys          a public key for each edge and purpose
 4  Peers        the others' keys   Dealing       sealed shares of two secrets, hashes of the pairwise seeds
 5  Delivery     what others dealt  MaskedInput   the vector under its masks
 6  Survivors    whose vectors came Consent       a signature under exactly this set
 7  Consents     those signatures   Unmask        for each agent one kind of secret, never both

beside them: Query, Proof and Complaint settle what an agent could not open, and Abandoned ends a round.

Every message ends with a signature (`signing`). What differs from agent to agent names its receiver: `to`. Lists of
pieces of one size travel as `Opaque`, in the order of the agents that stand before them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from tip.aggregation.sums import MODULUS_BITS
from tip.crypto.merkle import Tree
from tip.errors import ConfigurationError
from tip.protocols.codec import U8, U32, U64, Agent, Agents, Hash, Opaque, RingVector, Signature, Table
from tip.protocols.core import AgentId, Round  # noqa: TC001 - the codec reads annotations

if TYPE_CHECKING:
    from collections.abc import Sized

HASH: Final = 32  # bytes of a hash, of a key and of a seed
SHARE: Final = 34  # bytes of a share of a 32-byte secret
SEALED: Final = 2 * SHARE + 16  # two shares and a tag
SIGNATURE: Final = 64
UNSIGNED: Final = bytes(SIGNATURE)
CHANNEL: Final = 0  # the purposes of an edge's keys
MASK: Final = 1


def _pieces(agents: Sized, **fields: tuple[bytes, int]) -> None:
    """Each field holds one piece of its size for each agent."""
    for name, (data, size) in fields.items():
        if len(data) != size * len(agents):
            raise ConfigurationError(f"{name} holds {len(data)} bytes, not {size} for each of {len(agents)} agents")


def pieces(data: bytes, size: int) -> list[bytes]:
    """A field of pieces of one size, one by one."""
    return [data[at : at + size] for at in range(0, len(data), size)]


@dataclass(frozen=True, slots=True)
class Announce:
    """The coordinator opens a round; `configuration` is the hash of the parameters and of the identity keys."""

    round: Round
    sender: AgentId
    model: Hash
    configuration: Hash
    dimension: U32
    modulus_bits: U8
    deadline: U64
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        if self.modulus_bits not in MODULUS_BITS or self.dimension < 1:
            raise ConfigurationError("a round wants a ring of 16, 32 or 64 bits and a dimension >= 1")


@dataclass(frozen=True, slots=True)
class Advertise:
    """An agent takes part; `commitment` is the hash of the seed that will choose its holders."""

    round: Round
    sender: AgentId
    commitment: Hash
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Roster:
    """Who takes part, with their commitments (32 bytes each)."""

    round: Round
    sender: AgentId
    agents: Agents
    commitments: Opaque
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.agents, commitments=(self.commitments, HASH))


@dataclass(frozen=True, slots=True)
class Reveal:
    """The seed behind an agent's commitment."""

    round: Round
    sender: AgentId
    seed: Hash
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Graph:
    """For one agent: who drew it as a holder."""

    round: Round
    sender: AgentId
    to: Agent
    chosen_by: Agents
    signature: Signature = UNSIGNED


@dataclass(frozen=True)
class Keys:
    """An agent's public keys, two for each neighbor: for the channel and for the mask (32 bytes each)."""

    round: Round
    sender: AgentId
    peers: Agents
    channel: Opaque
    mask: Opaque
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.peers, channel=(self.channel, HASH), mask=(self.mask, HASH))

    @cached_property
    def tree(self) -> Tree:
        """The Merkle tree over the edges, each with its two keys: what is signed, and what proofs are paths in."""
        ends = range(0, HASH * len(self.peers), HASH)
        return Tree(
            [
                key_leaf(peer, self.channel[at : at + HASH], self.mask[at : at + HASH])
                for peer, at in zip(self.peers, ends, strict=True)
            ]
        )


def key_leaf(peer: AgentId, channel: bytes, mask: bytes) -> bytes:
    """One edge's keys, as the tree of Keys holds them."""
    return int(peer).to_bytes(8, "big") + channel + mask


@dataclass(frozen=True, slots=True)
class Peers:
    """For one agent: its neighbors' keys on its own edges; `proofs` holds the signatures of its holders over theirs."""

    round: Round
    sender: AgentId
    to: Agent
    peers: Agents
    channel: Opaque
    mask: Opaque
    proofs: Opaque
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.peers, channel=(self.channel, HASH), mask=(self.mask, HASH))


@dataclass(frozen=True, slots=True)
class Dealing:
    """An agent's shares for its holders, sealed, and the hashes that bind it to all that it will be held against.

    `seeds`: a hash of the pairwise seed for each neighbor. For each holder: the sealed shares, the hashes of both
    shares, the hash of the key that seals them. `own` is the hash of the seed of its own mask, `told` the hash of the
    keys that the agent was told for its edges: with others than these it agreed on nothing.
    """

    round: Round
    sender: AgentId
    peers: Agents
    seeds: Opaque
    holders: Agents
    sealed: Opaque
    shares: Opaque
    keys: Opaque
    own: Hash
    told: Hash
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.peers, seeds=(self.seeds, HASH))
        _pieces(self.holders, sealed=(self.sealed, SEALED), shares=(self.shares, 2 * HASH), keys=(self.keys, HASH))


@dataclass(frozen=True, slots=True)
class Delivery:
    """For one agent: its neighbors that dealt with their hashes of the pairwise seeds, and the shares that it holds.

    `here` says of everybody in the roster whether it dealt, one bit each: all agents mask for the same set, or their
    masks do not fit together.
    """

    round: Round
    sender: AgentId
    to: Agent
    here: Opaque
    peers: Agents
    seeds: Opaque
    dealers: Agents
    sealed: Opaque
    shares: Opaque
    keys: Opaque
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.peers, seeds=(self.seeds, HASH))
        _pieces(self.dealers, sealed=(self.sealed, SEALED), shares=(self.shares, 2 * HASH), keys=(self.keys, HASH))


@dataclass(frozen=True, slots=True)
class Query:
    """An agent could not use what came from this neighbor: it asks for the neighbor's own signed words."""

    round: Round
    sender: AgentId
    about: Agent
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Proof:
    """The neighbor's Keys and Dealing, as frames; `told`: the keys that it was told, of its Peers channel and mask."""

    round: Round
    sender: AgentId
    to: Agent
    keys: Opaque
    dealing: Opaque
    told: Opaque
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Complaint:
    """The neighbor's signed words are bad: here is this edge's own secret key, so that anybody can see it.

    `words` is the hash of the Keys and the Dealing that it speaks of: a neighbor may sign better ones later.
    """

    round: Round
    sender: AgentId
    about: Agent
    purpose: U8
    secret: Hash = field(repr=False)
    words: Hash
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        if self.purpose not in (CHANNEL, MASK):
            raise ConfigurationError("an edge has a key for the channel (0) and one for the mask (1)")


@dataclass(frozen=True, slots=True)
class MaskedInput:
    """An agent's vector under all its masks."""

    round: Round
    sender: AgentId
    body: RingVector
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Survivors:
    """Whose masked vectors came: the one set that the round may open."""

    round: Round
    sender: AgentId
    agents: Agents
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Consent:
    """An agent agrees to open this set, and no other in this round."""

    round: Round
    sender: AgentId
    survivors: Hash
    signature: Signature = UNSIGNED


@dataclass(frozen=True, slots=True)
class Consents:
    """Who agreed, with the signatures of their Consents (64 bytes each)."""

    round: Round
    sender: AgentId
    agents: Agents
    signatures: Opaque
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.agents, signatures=(self.signatures, SIGNATURE))


@dataclass(frozen=True, slots=True)
class Unmask:
    """An agent's one answer: for survivors a share of their own mask, for the others of their mask seed.

    `delivery` is the hash of the Delivery that the shares came with: they are held against its hashes.
    """

    round: Round
    sender: AgentId
    delivery: Hash
    alive: Agents
    own_shares: Opaque = field(repr=False)
    gone: Agents
    mask_shares: Opaque = field(repr=False)
    edges: Agents
    seeds: Opaque = field(repr=False)
    signature: Signature = UNSIGNED

    def __post_init__(self) -> None:
        _pieces(self.alive, own_shares=(self.own_shares, SHARE))
        _pieces(self.gone, mask_shares=(self.mask_shares, SHARE))
        _pieces(self.edges, seeds=(self.seeds, HASH))
        if set(self.alive) & {*self.gone, *self.edges}:
            raise ConfigurationError("an answer opens both secrets of one agent")


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The coordinator gives the round up; nothing will be opened."""

    round: Round
    sender: AgentId
    signature: Signature = UNSIGNED


Question = Announce | Roster | Graph | Peers | Delivery | Survivors | Consents
Answer = Advertise | Reveal | Keys | Dealing | MaskedInput | Consent | Unmask
Beside = Query | Proof | Complaint | Abandoned
Message = Question | Answer | Beside

ONCE: Final = (
    *(Announce, Roster, Graph, Peers, Delivery, Survivors, Consents),
    *(Advertise, Reveal, Keys, Dealing, MaskedInput, Consent, Unmask, Abandoned),
)  # what an honest party says to a receiver in one way only, in one round

TABLE: Final = Table(
    protocol=3,
    version=1,
    room=640,
    types={
        1: Announce,
        2: Advertise,
        3: Roster,
        4: Reveal,
        5: Graph,
        6: Keys,
        7: Peers,
        8: Dealing,
        9: Delivery,
        10: MaskedInput,
        11: Survivors,
        12: Consent,
        13: Consents,
        14: Unmask,
        15: Query,
        16: Proof,
        17: Complaint,
        18: Abandoned,
    },
)
