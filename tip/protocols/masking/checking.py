"""Masking, the coordinator's checks: whether a signed answer fits what was asked.

Each check returns a `Fault` or None. A fault that the answer alone, or with an earlier one of its sender, shows to
anybody carries evidence; others (an answer of another form than was asked) are known to this side of the link alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING

from tip.crypto import KeyPair
from tip.protocols.core import Fault
from tip.protocols.masking.course import Consenting, Coordinator, Masking, Unmasking, drawn_of
from tip.protocols.masking.evidence import Claim, exhibit
from tip.protocols.masking.findings import decide, edge_key, keys_are_usable, seeds_fit, shares_fit
from tip.protocols.masking.messages import (
    CHANNEL,
    HASH,
    MASK,
    Advertise,
    Complaint,
    Consent,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Reveal,
    Unmask,
    pieces,
)
from tip.protocols.masking.secrets import commitment, pairwise_seed
from tip.protocols.masking.signing import content, keys_told, words_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tip.protocols.core import AgentId


def _unfit(message: Message, reason: str) -> Fault:
    return Fault((message.sender,), f"party {message.sender} {reason}")


@singledispatch
def _check(message: Message, state: Coordinator) -> Fault | None:  # noqa: ARG001 - the form of all checks
    """Nothing to check."""
    return None


def check(state: Coordinator, message: Message) -> Fault | None:
    """What is wrong with a signed answer that is due."""
    return _check(message, state)


@_check.register(Reveal)
def _reveal(message: Reveal, state: Coordinator) -> Fault | None:
    advertised = state.of(Advertise)[message.sender]
    if commitment(message.seed) == advertised.commitment:
        return None
    reason = "revealed another seed than it was committed to"
    return state.case.fault(message.sender, Claim.BAD_REVEAL, reason, exhibit(advertised), exhibit(message))


@_check.register(Keys)
def _keys(message: Keys, state: Coordinator) -> Fault | None:
    drawn = drawn_of(state.stage)
    if drawn is None or message.peers != drawn.around(message.sender):
        return _unfit(message, "sent keys for others than its neighbors")
    if keys_are_usable(message):
        return None
    return state.case.fault(message.sender, Claim.BAD_KEY, "sent a key that nobody can use", exhibit(message))


@_check.register(Dealing)
def _dealing(message: Dealing, state: Coordinator) -> Fault | None:
    drawn, here = drawn_of(state.stage), state.of(Keys).keys()
    if drawn is None:
        return None
    around = tuple(peer for peer in drawn.around(message.sender) if peer in here)
    holders = tuple(holder for holder in drawn.holders[message.sender] if holder in here)
    if (message.peers, message.holders) != (around, holders):
        return _unfit(message, "dealt to others than its neighbors and holders")
    asked = state.asked[message.sender]
    if not isinstance(asked, Peers) or message.told != keys_told(asked.channel, asked.mask):
        return _unfit(message, "dealt under other keys than it was told")
    return None


@_check.register(MaskedInput)
def _masked(message: MaskedInput, state: Coordinator) -> Fault | None:
    body, terms = message.body, state.desk.terms
    if (body.dimension, body.modulus_bits) != (terms.dimension, terms.modulus_bits):
        return _unfit(message, "sent a vector of another dimension or ring than announced")
    return None


@_check.register(Consent)
def _consent(message: Consent, state: Coordinator) -> Fault | None:
    if isinstance(state.stage, Consenting) and message.survivors != state.stage.root:
        return _unfit(message, "consents to another set than it was asked for")
    return None


@_check.register(Unmask)
def _unmask(message: Unmask, state: Coordinator) -> Fault | None:
    stage = state.stage
    if not isinstance(stage, Unmasking):
        return None
    sender, case, masking = message.sender, state.case, stage.masking
    delivery = masking.deliveries[sender]
    if not _of_view(message, delivery, stage) or message.delivery != content(delivery):
        return _unfit(message, "opened other shares than it was dealt")
    mine = state.of(Dealing)[sender]
    if not seeds_fit(message, mine):
        reason = "gave another pairwise seed than it signed"
        return case.fault(sender, Claim.BAD_SEED, reason, exhibit(message), exhibit(mine))
    if not shares_fit(message, dealt_in(delivery)):
        reason = "gave another share than it accepted"
        return case.fault(sender, Claim.BAD_SHARE, reason, exhibit(message), exhibit(delivery))
    return None


def _of_view(message: Unmask, delivery: Delivery, stage: Unmasking) -> bool:
    """Whether all that is opened was delivered to the sender, and is of the kind that the survivors say."""
    survived, dealers, around = set(stage.survivors), set(delivery.dealers), set(delivery.peers)
    return (
        set(message.alive) <= dealers & survived
        and set(message.gone) <= dealers - survived
        and set(message.edges) <= around - survived
    )


def dealt_in(delivery: Delivery) -> dict[AgentId, bytes]:
    """For each dealer of a delivery, the signed hashes of both shares."""
    return dict(zip(delivery.dealers, pieces(delivery.shares, 2 * HASH), strict=True))


def copied(state: Coordinator) -> frozenset[AgentId]:
    """Agents with a key that another has, too: an honest agent's is its own, and unknown until all keys are in."""
    keys = {agent: pieces(message.channel + message.mask, HASH) for agent, message in state.of(Keys).items()}
    if len(set().union(*keys.values())) == sum(map(len, keys.values())):
        return frozenset()
    owners: dict[bytes, set[AgentId]] = {}
    for agent, own in keys.items():
        for key in own:
            owners.setdefault(key, set()).add(agent)
    return frozenset(agent for shared in owners.values() if len(shared) > 1 for agent in shared)


def lonely(state: Coordinator, stage: Masking) -> AgentId | None:
    """A survivor of whose holders fewer than the threshold survived: its own mask could not be taken off."""
    here = state.of(MaskedInput).keys()
    threshold = state.desk.parameters.threshold
    for agent in sorted(here):
        if sum(holder in here for holder in stage.drawn.holders[agent]) < threshold:
            return agent
    return None


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is guilty, and a pairwise seed if the complaint opened one that is right: (survivor, other) to seed."""

    fault: Fault
    opened: Mapping[tuple[AgentId, AgentId], bytes] = field(repr=False)


def told_to(state: Coordinator, dealer: AgentId) -> bytes:
    """The keys that a dealer was told, as its Peers held them."""
    keys, peers = state.of(Keys), state.of(Dealing)[dealer].peers
    return b"".join([edge_key(keys[peer], purpose, dealer) or b"" for purpose in (CHANNEL, MASK) for peer in peers])


def decided(state: Coordinator, complaint: Complaint) -> Decision | None:
    """Decide between a dealer and who complains about it, by the secret key that the complaint opens.

    None for a complaint about other words than the dealer's.
    """
    keys = state.of(Keys)
    dealings = state.of(Dealing)
    about, sender = complaint.about, complaint.sender
    context = state.context(Complaint)
    if complaint.words != words_hash(keys[about], dealings[about]):
        return None
    guilty = decide(complaint, keys[about], dealings[about], keys[sender], context)
    reason = "dealt what its holder cannot use" if guilty == about else "complained about a dealing that is good"
    signed: tuple[Message, ...] = (keys[about], dealings[about], keys[sender], complaint)
    shown = (*[exhibit(message) for message in signed], told_to(state, about))
    fault = state.case.fault(guilty, Claim.BAD_DEALING, reason, *shown)
    theirs = edge_key(keys[about], MASK, sender)
    if guilty == sender or complaint.purpose != MASK or theirs is None:
        return Decision(fault, {})
    return Decision(fault, {(sender, about): pairwise_seed(KeyPair.from_secret(complaint.secret), theirs, context)})
