"""Attacks on masked rounds: coordinators and agents that lie, each an object that the loopback runs.

    attempt = AliveAndDead(victim).play(protocol, task)         # a malicious coordinator: what does it know?
    ending = WrongCiphertext().play(protocol, task, liar)       # a malicious agent: what does the round come to?

`protocol` is `tip.protocols.masking.under(...)`, `task` a `tip.protocols.loopback.Task`. docs/masking-attacks.md says
what each attack tries and what stops it.
"""

from __future__ import annotations

from tip.attacks.protocol.agents import AgentAttack, Ending, play
from tip.attacks.protocol.answering import (
    MOMENTS,
    DoubleInput,
    FalseComplaint,
    Garbage,
    MaskLeftOff,
    OtherConsent,
    Refuses,
    Together,
    TwoConsents,
    WrongLength,
    WrongSeedGiven,
    WrongShareGiven,
)
from tip.attacks.protocol.coordinator import Attempt, CoordinatorAttack
from tip.attacks.protocol.dealings import (
    InconsistentKey,
    LowOrderKey,
    LyingSeedHash,
    OtherKey,
    OtherSecret,
    OtherSeed,
    WrongCiphertext,
    WrongShares,
)
from tip.attacks.protocol.inventions import InventedAgents
from tip.attacks.protocol.knowledge import Knowledge, Part, known
from tip.attacks.protocol.pool import Pool
from tip.attacks.protocol.substitutions import (
    BareView,
    GarbledDelivery,
    SmallRoster,
    SubstitutedKeys,
    SubstitutedNeighbors,
    TwoDealerSets,
)
from tip.attacks.protocol.survivors import AliveAndDead, AskedAgain, LonelySurvivor, ShrunkCohort, SplitViews
from tip.attacks.protocol.verdicts import compared, convicted, verdict
from tip.attacks.protocol.worlds import InconsistentModel, ReplayedConsents

__all__ = [
    "MOMENTS",
    "AgentAttack",
    "AliveAndDead",
    "AskedAgain",
    "Attempt",
    "BareView",
    "CoordinatorAttack",
    "DoubleInput",
    "Ending",
    "FalseComplaint",
    "Garbage",
    "GarbledDelivery",
    "InconsistentKey",
    "InconsistentModel",
    "InventedAgents",
    "Knowledge",
    "LonelySurvivor",
    "LowOrderKey",
    "LyingSeedHash",
    "MaskLeftOff",
    "OtherConsent",
    "OtherKey",
    "OtherSecret",
    "OtherSeed",
    "Part",
    "Pool",
    "Refuses",
    "ReplayedConsents",
    "ShrunkCohort",
    "SmallRoster",
    "SplitViews",
    "SubstitutedKeys",
    "SubstitutedNeighbors",
    "Together",
    "TwoConsents",
    "TwoDealerSets",
    "WrongCiphertext",
    "WrongLength",
    "WrongSeedGiven",
    "WrongShareGiven",
    "WrongShares",
    "compared",
    "convicted",
    "known",
    "play",
    "verdict",
]
