"""Masking, the judge: decides on evidence with nothing but public knowledge.

`judge(evidence, directory, parameters)` checks every signature on the way and returns who is guilty; bytes that show
nothing raise `MalformedMessage`. It never takes anybody's word: a share, a seed or a key counts because it hashes to
what its dealer signed, or because it is the secret of a signed public key.

**Claim.** If signatures cannot be forged and SHA-256 does not collide, an honest party is never guilty: it signs one
message of a type in a context, its keys and dealings are what the protocol says, it opens only shares and seeds that it
accepted under the same hashes, and it complains only about an edge whose signed dealing is bad.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence  # noqa: TC003 - read at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from tip.errors import ConfigurationError, MalformedMessage
from tip.protocols.core import COORDINATOR
from tip.protocols.masking.evidence import Claim, exhibits, read
from tip.protocols.masking.findings import (
    dealt_hash,
    decide,
    delivered_as_dealt,
    differ,
    edge_key,
    keys_are_usable,
    rebuilt_from,
    secret_fits,
    seeds_fit,
    shares_fit,
    told_pair,
)
from tip.protocols.masking.graph import holders_of
from tip.protocols.masking.messages import (
    CHANNEL,
    HASH,
    MASK,
    ONCE,
    SHARE,
    SIGNATURE,
    TABLE,
    Advertise,
    Announce,
    Complaint,
    Consent,
    Consents,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Reveal,
    Roster,
    Survivors,
    Unmask,
)
from tip.protocols.masking.parameters import Coordinator
from tip.protocols.masking.peers import require_signed
from tip.protocols.masking.secrets import commitment, share_hash
from tip.protocols.masking.signing import (
    announced,
    content,
    genuine,
    genuine_content,
    keys_told,
    masked_content,
    opening,
    rostered,
    survivors_root,
    words_hash,
)

if TYPE_CHECKING:
    from tip.protocols.core import AgentId
    from tip.protocols.masking.parameters import Parameters
    from tip.protocols.masking.signing import Directory

_LIMIT = 1 << 26

M = TypeVar("M", Advertise, Reveal, Keys, Dealing, Unmask, Peers, Delivery, Complaint, Survivors, Proof)


@dataclass(frozen=True, slots=True)
class Court:
    """What a judge has: the identity keys, the public parameters, and the contexts of one round."""

    directory: Directory
    parameters: Parameters
    announcement: Announce
    roster: Roster | None

    def context(self, kind: type[object]) -> bytes:
        """Under which context a message of this type is signed; raises `MalformedMessage` without a roster."""
        start = opening(self.directory)
        if kind is Announce:
            return start
        begun = announced(start, self.announcement)
        if kind in (Advertise, Roster):
            return begun
        if self.roster is None:
            raise MalformedMessage("the evidence has no roster")
        return rostered(begun, self.roster)

    def signed(self, frame: bytes, kind: type[M], sender: AgentId) -> M:
        """The exhibit as a message of this type that this party signed; raises `MalformedMessage`."""
        message = self.said(frame, sender)
        if not isinstance(message, kind):
            raise MalformedMessage(f"the exhibit is no {kind.__name__}")
        return message

    def said(self, frame: bytes, sender: AgentId) -> Message:
        """The exhibit as some message that this party signed in this round; raises `MalformedMessage`."""
        message = decoded(frame)
        if message.sender != sender or message.round != self.announcement.round:
            raise MalformedMessage(f"the exhibit is not of party {sender} in this round")
        if not genuine(self.directory.key(sender), self.context(type(message)), message):
            raise MalformedMessage(f"the exhibit is not signed by party {sender}")
        return message


def decoded(frame: bytes) -> Message:
    """A message of this protocol; raises `MalformedMessage`."""
    return cast("Message", TABLE.decode(frame, limit=_LIMIT).message)


def judge(evidence: bytes, directory: Directory, parameters: Parameters) -> tuple[AgentId, ...]:
    """Who is guilty; raises `MalformedMessage` for bytes that show nothing.

    `evidence`: of a `Fault`. `directory`: the identity keys of the round's parties, `parameters`: what it was run with.
    """
    found = read(evidence)
    shown = exhibits(found)
    announcement = decoded(found.announcement)
    roster = decoded(found.roster) if found.roster else None
    if not isinstance(announcement, Announce) or not isinstance(roster, Roster | None):
        raise MalformedMessage("evidence begins with an announcement and a roster")
    if announcement.round >= 1 << 63:
        raise MalformedMessage("no round has this number")
    court = Court(directory, parameters, announcement, roster)
    for message in (announcement, roster):
        if message is not None and not genuine(directory.coordinator, court.context(type(message)), message):
            raise MalformedMessage("the round that the evidence speaks of was not announced by the coordinator")
    rule, count = _RULES[Claim(found.claim)]
    if len(shown) < count:
        raise MalformedMessage(f"the claim wants {count} exhibits")
    try:
        return rule(court, found.accused, shown)
    except ConfigurationError as error:
        raise MalformedMessage(f"the exhibits are no words of this protocol: {error}") from error


def _two_stories(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    first, second = (_story(court, accused, frame) for frame in shown[:2])
    if first[:2] != second[:2] or first[2] == second[2]:
        raise MalformedMessage("the exhibits are one story")
    return (accused,)


def _story(court: Court, accused: AgentId, frame: bytes) -> tuple[type[Message], AgentId | None, bytes]:
    """Type, receiver and content of a signed exhibit."""
    if len(frame) == MASKED_INPUT.size and frame[4:20] == _sender(court, accused):
        return MaskedInput, None, _masked_content(court, accused, frame)
    message = court.said(frame, accused)
    if not isinstance(message, ONCE):
        raise MalformedMessage("an honest party may say more than one of these")
    return type(message), getattr(message, "to", None), content(message)


MASKED_INPUT: Final = struct.Struct("<HBBQq32s64s")  # a MaskedInput with the hash for the vector


def _sender(court: Court, accused: AgentId) -> bytes:
    return struct.pack("<Qq", court.announcement.round, accused)


def _masked_content(court: Court, accused: AgentId, shown: bytes) -> bytes:
    """The content of a masked input of which the vector's hash is shown; raises unless it is signed."""
    said = masked_content(shown)
    key = court.directory.key(accused)
    if key is None or not genuine_content(key, court.context(MaskedInput), MaskedInput, said, shown[-SIGNATURE:]):
        raise MalformedMessage(f"the exhibit is not signed by party {accused}")
    return said


def _bad_reveal(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    advertised, revealed = court.signed(shown[0], Advertise, accused), court.signed(shown[1], Reveal, accused)
    if commitment(revealed.seed) == advertised.commitment:
        raise MalformedMessage("the seed is that of the commitment")
    return (accused,)


def _bad_key(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    if keys_are_usable(court.signed(shown[0], Keys, accused)):
        raise MalformedMessage("all keys are usable")
    return (accused,)


def _bad_dealing(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    """Repeat what the complainer did, with the secret key that it opened."""
    complaint = decoded(shown[3])
    if not isinstance(complaint, Complaint):
        raise MalformedMessage("the fourth exhibit is a complaint")
    dealer, complainer = complaint.about, complaint.sender
    if not {dealer, complainer} <= court.directory.agents.keys():
        raise MalformedMessage("the dealing or the complaint is no agent's")
    complaint = court.signed(shown[3], Complaint, complainer)
    keys, dealing = court.signed(shown[0], Keys, dealer), court.signed(shown[1], Dealing, dealer)
    own = court.signed(shown[2], Keys, complainer)
    if complaint.words != words_hash(keys, dealing):
        raise MalformedMessage("the complaint speaks of other words")
    _require_told(dealing, own, shown[4])
    guilty = decide(complaint, keys, dealing, own, court.context(Dealing))
    if accused != guilty:
        raise MalformedMessage(f"party {guilty} is guilty, not party {accused}")
    return (guilty,)


def _require_told(dealing: Dealing, own: Keys, told: bytes) -> None:
    """That the dealer was told the complainer's signed keys, where there is an edge between them."""
    half = HASH * len(dealing.peers)
    if dealing.told != keys_told(told[:half], told[half:]):
        raise MalformedMessage("the dealer was told other keys than these")
    theirs = (edge_key(own, CHANNEL, dealing.sender), edge_key(own, MASK, dealing.sender))
    if own.sender in dealing.peers and told_pair(dealing, told, own.sender) != theirs:
        raise MalformedMessage("the dealer was told other keys than the complainer signed")


def _bad_share(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    unmask, delivery = court.signed(shown[0], Unmask, accused), court.signed(shown[1], Delivery, COORDINATOR)
    if delivery.to != accused or content(delivery) != unmask.delivery:
        raise MalformedMessage("the shares were not accepted from this delivery")
    accepted = {
        dealer: delivery.shares[place * 2 * HASH : (place + 1) * 2 * HASH]
        for place, dealer in enumerate(delivery.dealers)
    }
    if shares_fit(unmask, accepted):
        raise MalformedMessage("the shares are those that were accepted")
    return (accused,)


def _bad_secret(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    """Enough shares with the dealer's own hashes rebuild something else than it signed."""
    keys, dealing = court.signed(shown[0], Keys, accused), court.signed(shown[1], Dealing, accused)
    own, shares = _shares(shown[2])
    if len(shares) < court.parameters.threshold:
        raise MalformedMessage("there are fewer shares than rebuild a secret")
    if any(share_hash(share) != dealt_hash(dealing, place, own=own) for place, share in shares.items()):
        raise MalformedMessage("a share is not the dealer's")
    if secret_fits(keys, dealing, rebuilt_from(shares, court.parameters.threshold), own=own):
        raise MalformedMessage("the secret is the one that was signed")
    return (accused,)


_PLACED: Final = struct.Struct(f"<I{SHARE}s")


def share_list(shares: Mapping[int, bytes], *, own: bool) -> bytes:
    """Shares by place, as an exhibit."""
    return bytes([own]) + b"".join([_PLACED.pack(place, share) for place, share in sorted(shares.items())])


def _shares(shown: bytes) -> tuple[bool, dict[int, bytes]]:
    if len(shown) % _PLACED.size != 1 or shown[0] > 1:
        raise MalformedMessage("a list of shares ends early")
    return bool(shown[0]), dict(_PLACED.iter_unpack(shown[1:]))


def _bad_seed(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    unmask, dealing = court.signed(shown[0], Unmask, accused), court.signed(shown[1], Dealing, accused)
    if seeds_fit(unmask, dealing):
        raise MalformedMessage("the seeds are those that were signed")
    return (accused,)


def _garbled(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    """A Delivery holds something else of a dealer than the coordinator says, in a Proof, that the dealer signed.

    The dealer's word alone would not do: it may sign another dealing after the one that was delivered.
    """
    delivery = court.signed(shown[0], Delivery, COORDINATOR)
    dealing = decoded(court.signed(shown[1], Proof, COORDINATOR).dealing)
    if not isinstance(dealing, Dealing):
        raise MalformedMessage("the second exhibit proves no dealing")
    if accused != COORDINATOR or delivered_as_dealt(delivery, dealing):
        raise MalformedMessage("what was delivered is what was dealt")
    return (COORDINATOR,)


def _false_keys(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    """Peers hold keys that no neighbor signed: proofs are missing or false, or the coordinator's own Proof differs."""
    peers, second = court.signed(shown[0], Peers, COORDINATOR), decoded(shown[1])
    if isinstance(second, Proof):
        proof = court.signed(shown[1], Proof, COORDINATOR)
        keys = court.signed(proof.keys, Keys, decoded(proof.keys).sender)
        false = proof.to == peers.to and differ(peers, keys)
    else:
        false = not _holders_signed(court, peers, court.signed(shown[1], Reveal, peers.to))
    if accused != COORDINATOR or not false:
        raise MalformedMessage("the keys are those that were signed")
    return (COORDINATOR,)


def _holders_signed(court: Court, peers: Peers, reveal: Reveal) -> bool:
    """Whether the keys of the receiver's holders carry proofs; the revealed seed says who they are."""
    roster, context = court.roster, court.context(Peers)
    if roster is None or peers.to not in roster.agents or court.parameters.coordinator is not Coordinator.MALICIOUS:
        raise MalformedMessage("no proofs were promised")
    place = roster.agents.index(peers.to)
    if roster.commitments[place * HASH : (place + 1) * HASH] != commitment(reveal.seed):
        raise MalformedMessage("the seed is not that of the commitment")
    holders = holders_of(court.parameters, roster.agents, peers.to, reveal.seed, context)
    try:
        require_signed(peers, holders, court.directory, context)
    except MalformedMessage:
        return False
    return True


def _too_few(court: Court, accused: AgentId, shown: Sequence[bytes]) -> tuple[AgentId, ...]:
    """A Roster, Survivors or Consents that no honest coordinator signs."""
    message = court.said(shown[0], COORDINATOR)
    if accused != COORDINATOR or not isinstance(message, Roster | Survivors | Consents):
        raise MalformedMessage("the exhibit is no set of agents")
    if isinstance(message, Roster):
        invited = court.directory.agents.keys()
        fits = set(message.agents) <= invited and len(message.agents) <= court.parameters.agents
    elif isinstance(message, Survivors):
        fits = court.roster is not None and set(message.agents) <= set(court.roster.agents)
    else:
        fits = _were_given(court, message, shown[1:])
    if fits and len(message.agents) >= court.parameters.minimum:
        raise MalformedMessage("the set is large enough, and of agents that take part")
    return (COORDINATOR,)


def _were_given(court: Court, message: Consents, shown: Sequence[bytes]) -> bool:
    """Whether all consents are genuine, for the survivors in the other exhibit."""
    if len(shown) < 2:
        raise MalformedMessage("the consents are to survivors that are not shown")
    survivors, delivery = court.signed(shown[0], Survivors, COORDINATOR), court.signed(shown[1], Delivery, COORDINATOR)
    root, context = survivors_root(survivors.agents, delivery.here), court.context(Consent)
    return set(message.agents) <= set(survivors.agents) and all(
        genuine(
            court.directory.key(agent),
            context,
            Consent(message.round, agent, root, message.signatures[i * SIGNATURE : (i + 1) * SIGNATURE]),
        )
        for i, agent in enumerate(message.agents)
    )


_RULES: Final[Mapping[Claim, tuple[Callable[[Court, AgentId, Sequence[bytes]], tuple[AgentId, ...]], int]]] = {
    Claim.TWO_STORIES: (_two_stories, 2),
    Claim.BAD_REVEAL: (_bad_reveal, 2),
    Claim.BAD_KEY: (_bad_key, 1),
    Claim.BAD_DEALING: (_bad_dealing, 5),
    Claim.BAD_SHARE: (_bad_share, 2),
    Claim.BAD_SECRET: (_bad_secret, 3),
    Claim.BAD_SEED: (_bad_seed, 2),
    Claim.GARBLED: (_garbled, 2),
    Claim.TOO_FEW: (_too_few, 1),
    Claim.FALSE_KEYS: (_false_keys, 2),
}
