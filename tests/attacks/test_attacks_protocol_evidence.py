"""Evidence: every claim from a real run, judged from its bytes alone; changed bytes never convict anybody else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.attacks.protocol import (
    AliveAndDead,
    AskedAgain,
    DoubleInput,
    FalseComplaint,
    GarbledDelivery,
    InconsistentKey,
    LowOrderKey,
    LyingSeedHash,
    OtherSecret,
    OtherSeed,
    Refuses,
    ShrunkCohort,
    SmallRoster,
    Together,
    TwoConsents,
    WrongSeedGiven,
    WrongShareGiven,
    WrongShares,
    compared,
    play,
)
from tip.errors import MalformedMessage
from tip.protocols.core import COORDINATOR, AgentId, Body, Fault, Round, Terms
from tip.protocols.loopback import Network, Task
from tip.protocols.masking import Directory, Masked, judge, plan_masking, under
from tip.protocols.masking.evidence import EVIDENCE, Claim, Evidence, exhibits, read
from tip.protocols.masking.messages import MaskedInput, Unmask
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = Entropy.seeded(20261201)
AGENTS, SIZE = 12, 9
LIAR, VICTIM = AgentId(3), AgentId(5)
PLANNED = plan_masking(AGENTS, 0.1, 0.17, coordinator="malicious")
WORDS = SEED.stream("vectors").words(np.arange(AGENTS), SIZE, dtype=np.uint32)
HELPERS = frozenset({AgentId(0)})


def federation() -> tuple[Masked, Task]:
    protocol = under(PLANNED, map(AgentId, range(AGENTS)), entropy=SEED)
    vectors = {AgentId(i): WORDS[i].copy() for i in range(AGENTS)}
    return protocol, Task(Terms(Round(1), PLANNED.minimum, SIZE, 32), bytes(32), vectors)


def directory() -> Directory:
    return federation()[0].cast.directory


@dataclass(frozen=True)
class Run:
    """A run that makes this claim, and who is guilty in it."""

    name: str
    claim: Claim
    guilty: AgentId
    faults: Callable[[], tuple[Fault, ...]]


def _by(attack: object, silent: frozenset[AgentId] = frozenset()) -> Callable[[], tuple[Fault, ...]]:
    return lambda: attack.play(*federation(), LIAR, Network(silent=silent)).faults  # type: ignore[attr-defined]


def _against(attack: object) -> Callable[[], tuple[Fault, ...]]:
    return lambda: attack.play(*federation()).faults  # type: ignore[attr-defined]


def _inconsistent() -> tuple[Fault, ...]:
    liars = {LIAR: Together(InconsistentKey(), Refuses(MaskedInput)), AgentId(8): Refuses(Unmask)}
    return play(liars, *federation()).faults


def _comparing() -> tuple[Fault, ...]:
    protocol, task = federation()
    return compared(AliveAndDead(VICTIM, HELPERS).play(protocol, task).outcome.transcript, task.vectors)


ZEROS = Body.of(np.zeros(SIZE, dtype=np.uint32), 32)
RUNS = [
    Run("two vectors", Claim.TWO_STORIES, LIAR, _by(DoubleInput(ZEROS))),
    Run("two consents", Claim.TWO_STORIES, LIAR, _by(TwoConsents())),
    Run("two survivor sets to one agent", Claim.TWO_STORIES, COORDINATOR, _against(AskedAgain(VICTIM, HELPERS))),
    Run("two survivor sets to two agents", Claim.TWO_STORIES, COORDINATOR, _comparing),
    Run("another seed", Claim.BAD_REVEAL, LIAR, _by(OtherSeed())),
    Run("low order", Claim.BAD_KEY, LIAR, _by(LowOrderKey())),
    Run("wrong shares", Claim.BAD_DEALING, LIAR, _by(WrongShares())),
    Run("lying seed hash", Claim.BAD_DEALING, LIAR, _by(LyingSeedHash(VICTIM))),
    Run("false complaint", Claim.BAD_DEALING, LIAR, _by(FalseComplaint(VICTIM))),
    Run("wrong share", Claim.BAD_SHARE, LIAR, _by(WrongShareGiven())),
    Run("another secret", Claim.BAD_SECRET, LIAR, _by(OtherSecret())),
    Run("inconsistent key", Claim.BAD_SECRET, LIAR, _inconsistent),
    Run("wrong seed", Claim.BAD_SEED, LIAR, _by(WrongSeedGiven(), frozenset({AgentId(7)}))),
    Run("garbled", Claim.GARBLED, COORDINATOR, _against(GarbledDelivery(VICTIM, HELPERS))),
    Run("small roster", Claim.TOO_FEW, COORDINATOR, _against(SmallRoster(VICTIM, HELPERS))),
    Run("few survivors", Claim.TOO_FEW, COORDINATOR, _against(ShrunkCohort(VICTIM, HELPERS))),
    Run("made-up consents", Claim.TOO_FEW, COORDINATOR, _against(AliveAndDead(VICTIM, HELPERS))),
]
EACH = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)


@cache
def evidence_of(name: str) -> bytes:
    """The first fault of a run that has evidence of its claim."""
    run = next(run for run in RUNS if run.name == name)
    for fault in run.faults():
        try:
            if read(fault.evidence).claim == run.claim:
                return fault.evidence
        except MalformedMessage:
            continue
    raise AssertionError(f"no evidence of {run.claim}")


def test_every_claim_is_made_by_a_real_run() -> None:
    assert {run.claim for run in RUNS} == set(Claim)


@EACH
def test_a_judge_who_was_not_there_finds_the_guilty(run: Run) -> None:
    assert judge(evidence_of(run.name), directory(), PLANNED) == (run.guilty,)


@EACH
def test_another_federation_is_not_concerned(run: Run) -> None:
    other = under(PLANNED, map(AgentId, range(AGENTS)), entropy=Entropy.seeded(1)).cast.directory
    with pytest.raises(MalformedMessage):
        judge(evidence_of(run.name), other, PLANNED)


@EACH
def test_nobody_else_is_convicted_by_the_same_exhibits(run: Run) -> None:
    for accused in (COORDINATOR, *map(AgentId, range(AGENTS))):
        if accused != run.guilty:
            assert judged(rewritten(run.name, accused=accused)) == ()


@EACH
def test_the_same_exhibits_make_no_other_claim(run: Run) -> None:
    for claim in Claim:
        assert set(judged(rewritten(run.name, claim=claim))) <= {run.guilty}


@EACH
def test_changed_bytes_convict_nobody_else(run: Run) -> None:
    """A bit anywhere, an end cut off, a stretch of other bytes: refused, or the guilty party all the same."""
    evidence, stream = evidence_of(run.name), SEED.stream(f"changes of {run.name}")
    places = stream.below(len(evidence), np.array([0]), 200)[0].tolist()
    bits = stream.below(8, np.array([1]), 200)[0].tolist()
    still = 0
    for place, bit in zip(places, bits, strict=True):
        flipped = evidence[:place] + bytes([evidence[place] ^ 1 << bit]) + evidence[place + 1 :]
        found = judged(flipped)
        assert set(found) <= {run.guilty}
        still += bool(found)
    assert still < 20  # what is left convicts only where the finder's name or a share too many was changed
    for place in places[:40]:
        assert set(judged(evidence[:place])) <= {run.guilty}
        assert set(judged(evidence[:place] + bytes(16) + evidence[place + 16 :])) <= {run.guilty}


@EACH
def test_exhibits_left_out_swapped_or_doubled_convict_nobody_else(run: Run) -> None:
    shown = exhibits(read(evidence_of(run.name)))
    orders = [shown[:i] + shown[i + 1 :] for i in range(len(shown))]
    orders += [shown[::-1], (shown[0],) * len(shown), shown[1:] + shown[:1]]
    for order in orders:
        assert set(judged(rewritten(run.name, exhibits=joined(order)))) <= {run.guilty}


@EACH
def test_exhibits_of_another_run_convict_nobody_honest(run: Run) -> None:
    """All runs are of one round of one federation: whoever lies in the other run may be convicted of that only."""
    for other in RUNS:
        strange = read(evidence_of(other.name))
        found = judged(rewritten(run.name, exhibits=strange.exhibits, roster=strange.roster))
        assert set(found) <= {run.guilty, other.guilty}


def judged(evidence: bytes) -> tuple[AgentId, ...]:
    try:
        return judge(evidence, directory(), PLANNED)
    except MalformedMessage:
        return ()


def rewritten(name: str, **changes: object) -> bytes:
    found = read(evidence_of(name))
    values = {field: getattr(found, field) for field in EVIDENCE.fields(Evidence)}
    return EVIDENCE.encode(Evidence(**{**values, **changes}))


def joined(pieces: tuple[bytes, ...]) -> bytes:
    return b"".join([len(piece).to_bytes(4, "little") + piece for piece in pieces])
