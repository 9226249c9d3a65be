"""Masking, evidence: signed words of a party that no honest party says, for anybody to check.

`Evidence` is self-contained: the announcement and the roster of the round, what is claimed, and the exhibits, frames of
signed messages. `tip.protocols.masking.judging.judge` decides with nothing beside it but the directory of identity keys
and the public parameters; it can decide against the accuser. A claim that nobody else can check (a bad signature on a
link, a missing answer) is no evidence, and absence is never a fault.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError, MalformedMessage
from tip.protocols.codec import U8, Agent, Opaque, Table
from tip.protocols.core import AgentId, Fault, Round
from tip.protocols.masking.messages import TABLE, MaskedInput

if TYPE_CHECKING:
    from tip.protocols.masking.messages import Announce, Message, Roster

_LENGTH: Final = struct.Struct("<I")
_LIMIT: Final = 1 << 26  # bytes: far above the largest evidence of the largest roster


class Claim(IntEnum):
    """What the exhibits show. The first is signed by the accused unless it says otherwise."""

    TWO_STORIES = 1  # two different messages of one type
    BAD_REVEAL = 2  # Advertise, Reveal: the seed is not that of the commitment
    BAD_KEY = 3  # Keys: one of them is no key that an honest agent has
    BAD_DEALING = 4  # dealer's Keys, Dealing, complainer's Keys, Complaint, keys told to the dealer: one is guilty
    BAD_SHARE = 5  # Unmask, the coordinator's Delivery: a share is not the one that was accepted
    BAD_SECRET = 6  # Keys, Dealing, shares of the dealer's: they rebuild something else than was signed
    BAD_SEED = 7  # Unmask, Dealing: a pairwise seed is not the one whose hash was signed
    GARBLED = 8  # the coordinator's Delivery, and its Proof of what a dealer signed: they differ
    TOO_FEW = 9  # the coordinator's Roster, Survivors or Consents: below the minimum, or not what it says
    FALSE_KEYS = (
        10  # the coordinator's Peers, its receiver's Reveal or the coordinator's Proof: keys that nobody signed
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """A claim with its exhibits; `sender` is who found it."""

    round: Round
    sender: AgentId
    accused: Agent
    claim: U8
    announcement: Opaque
    roster: Opaque
    exhibits: Opaque

    def __post_init__(self) -> None:
        if self.claim not in list(Claim):
            raise ConfigurationError(f"there is no claim {self.claim}")


EVIDENCE: Final = Table(protocol=0x8003, version=1, types={1: Evidence})


@dataclass(frozen=True, slots=True)
class Case:
    """The round that evidence speaks of, as far as the accuser knows it."""

    round: Round
    accuser: AgentId
    announcement: Announce
    roster: Roster | None = None
    told: bytes = b""  # an agent's Peers, as an exhibit

    def against(self, accused: AgentId, claim: Claim, *exhibits: bytes) -> bytes:
        """The evidence, as bytes that travel."""
        roster = b"" if self.roster is None else TABLE.encode(self.roster)
        found = Evidence(
            self.round, self.accuser, accused, claim, TABLE.encode(self.announcement), roster, _joined(exhibits)
        )
        return EVIDENCE.encode(found)

    def fault(self, accused: AgentId, claim: Claim, reason: str, *exhibits: bytes) -> Fault:
        """The fault with its evidence."""
        return Fault((accused,), f"party {accused} {reason}", self.against(accused, claim, *exhibits))


def exhibit(message: Message) -> bytes:
    """A signed message as an exhibit: its frame; of a masked input the hash stands for the vector."""
    return TABLE.evidence(message) if isinstance(message, MaskedInput) else TABLE.encode(message)


def read(evidence: bytes) -> Evidence:
    """Evidence from its bytes; raises `MalformedMessage`."""
    decoded = EVIDENCE.decode(evidence, limit=_LIMIT).message
    if not isinstance(decoded, Evidence):
        raise MalformedMessage("no evidence")
    return decoded


def exhibits(evidence: Evidence) -> tuple[bytes, ...]:
    """The exhibits one by one; raises `MalformedMessage`."""
    rest, found = evidence.exhibits, []
    while rest:
        if len(rest) < _LENGTH.size or (end := _LENGTH.size + _LENGTH.unpack_from(rest)[0]) > len(rest):
            raise MalformedMessage("an exhibit ends early")
        found.append(rest[_LENGTH.size : end])
        rest = rest[end:]
    return tuple(found)


def _joined(pieces: tuple[bytes, ...]) -> bytes:
    return b"".join(_LENGTH.pack(len(piece)) + piece for piece in pieces)
