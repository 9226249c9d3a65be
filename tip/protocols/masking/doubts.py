"""Masking, doubts: an agent could not use what a neighbor dealt. Who is to blame?

Three can be: the neighbor dealt badly; the coordinator garbled it on the way; the agent pretends. The agent asks for
the neighbor's own signed Keys and Dealing. If those are not what was delivered, the coordinator garbled it, and both
signatures show it. If they are what was delivered and useless, the agent opens this edge's own secret key: with it
anybody can repeat what the agent did (`judging`), and nothing else hangs on it. An agent that pretends convicts
itself; a coordinator that garbles gets no key, for the dealing that its neighbor signed is good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tip.errors import MalformedMessage
from tip.protocols.core import COORDINATOR, Fault
from tip.protocols.masking.evidence import Case, Claim, exhibit
from tip.protocols.masking.findings import delivered_as_dealt, told_pair
from tip.protocols.masking.messages import HASH, TABLE, Complaint, Dealing, Keys, Proof
from tip.protocols.masking.signing import genuine, keys_told, words_hash
from tip.protocols.masking.stages import Consented, Covering, Masked, Own, Preparing

if TYPE_CHECKING:
    from tip.protocols.masking.stages import Dealt

_LIMIT = 1 << 24  # bytes of a neighbor's words


@dataclass(frozen=True, slots=True)
class Heard:
    """What follows from a neighbor's own words: a complaint to be signed, or that the coordinator garbled them."""

    complaints: tuple[Complaint, ...] = ()
    faults: tuple[Fault, ...] = ()
    reason: str | None = None


def hear_proof(  # noqa: PLR0911 - one for each finding
    own: Own, stage: Preparing | Covering | Masked | Consented, message: Proof, context: bytes, case: Case
) -> Heard:
    """What this agent does when it is shown what a neighbor signed."""
    dealt, view = (stage.masked.dealt, stage.masked.view) if isinstance(stage, Consented) else (stage.dealt, stage.view)
    try:
        keys, dealing = words(message)
    except MalformedMessage as error:
        return _garbled(f"the coordinator showed what are no words of a neighbor: {error}")
    peer = keys.sender
    if peer != dealing.sender or peer not in view.doubted:
        return Heard()
    key = own.directory.key(peer)
    if not (genuine(key, context, keys) and genuine(key, context, dealing)):
        return _garbled(f"the coordinator showed words that agent {peer} did not sign")
    reason = f"garbled what agent {peer} sent to agent {own.me}"
    if not _same_keys(own, dealt, keys):
        fault = case.fault(COORDINATOR, Claim.FALSE_KEYS, reason, case.told, exhibit(message))
        return Heard(faults=(fault,), reason=reason)
    if not delivered_as_dealt(view.delivery, dealing):
        fault = case.fault(COORDINATOR, Claim.GARBLED, reason, exhibit(view.delivery), exhibit(message))
        return Heard(faults=(fault,), reason=reason)
    if not _was_told(own, dealing, message.told):
        reason = f"told agent {peer} other keys than those of agent {own.me}"
        return Heard(faults=(Fault((COORDINATOR,), f"the coordinator {reason}"),), reason=reason)
    purpose, hashed = view.doubted[peer], words_hash(keys, dealing)
    return Heard((Complaint(message.round, own.me, peer, purpose, own.secrets.edge(purpose, peer), hashed),))


def words(message: Proof) -> tuple[Keys, Dealing]:
    """The two messages inside a Proof; raises `MalformedMessage`."""
    keys = TABLE.decode(message.keys, limit=_LIMIT).message
    dealing = TABLE.decode(message.dealing, limit=_LIMIT).message
    if not isinstance(keys, Keys) or not isinstance(dealing, Dealing):
        raise MalformedMessage("a Proof holds Keys and a Dealing")
    return keys, dealing


def _garbled(reason: str) -> Heard:
    return Heard(faults=(Fault((COORDINATOR,), reason),))


def _same_keys(own: Own, dealt: Dealt, keys: Keys) -> bool:
    """Whether the neighbor's signed keys for this edge are those that were delivered."""
    edge = dealt.edges[keys.sender]
    if own.me not in keys.peers:
        return False
    at = keys.peers.index(own.me) * HASH
    return (keys.channel[at : at + HASH], keys.mask[at : at + HASH]) == (edge.channel_key, edge.mask_key)


def _was_told(own: Own, dealing: Dealing, told: bytes) -> bool:
    """Whether the neighbor dealt under this agent's own keys: else it is right, and this edge's key stays secret."""
    half = HASH * len(dealing.peers)
    if dealing.told != keys_told(told[:half], told[half:]):
        return False
    pairs = own.secrets.pairs((dealing.sender,))[dealing.sender]
    return told_pair(dealing, told, own.me) == (pairs.channel.public, pairs.mask.public)
