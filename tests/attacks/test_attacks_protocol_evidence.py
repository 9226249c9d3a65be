"""Evidence: every claim from a real run, judged from its bytes alone; changed bytes never convict anybody else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from tip.attacks.protocol import (
    AliveAndDead,
    AskedAgain,
    DoubleInput,
    FalseComplaint,
    GarbledDelivery,
    InconsistentKey,
    InconsistentModel,
    LowOrderKey,
    LyingSeedHash,
    OtherSecret,
    OtherSeed,
    Refuses,
    ShrunkCohort,
    SmallRoster,
    SubstitutedKeys,
    SubstitutedNeighbors,
    Together,
    TwoConsents,
    WrongSeedGiven,
    WrongShareGiven,
    WrongShares,
    compared,
    play,
)
from tip.crypto import KeyPair, digest
from tip.errors import MalformedMessage
from tip.protocols.core import COORDINATOR, AgentId, Body, Fault, Round, Terms
from tip.protocols.loopback import Loopback, Network, Task
from tip.protocols.masking import TABLE, Directory, Masked, judge, judging, plan_masking, under
from tip.protocols.masking.evidence import EVIDENCE, Case, Claim, Evidence, exhibit, exhibits, read
from tip.protocols.masking.messages import (
    CHANNEL,
    HASH,
    MASK,
    Announce,
    Complaint,
    Dealing,
    Delivery,
    Keys,
    MaskedInput,
    Message,
    Peers,
    Proof,
    Roster,
    Unmask,
)
from tip.protocols.masking.signing import announced, opening, rostered, signed, words_hash
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.attacks.protocol import AgentAttack

M = TypeVar("M")
S = TypeVar("S", bound=Message)
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
    Run("false keys of holders", Claim.FALSE_KEYS, COORDINATOR, _against(SubstitutedKeys(VICTIM, HELPERS))),
    Run("another model", Claim.FALSE_KEYS, COORDINATOR, _against(InconsistentModel(VICTIM, bytes(31) + b"1", HELPERS))),
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


# Colluding parties that sign a second version of their words to frame an honest one.


class Bench:
    """All signed words of one round, and the means to sign more of them."""

    def __init__(self, attack: AgentAttack | None = None) -> None:
        self.protocol, self.task = federation()
        if attack is None:
            loopback = Loopback(TABLE, self.task)
            self.transcript = self.protocol.run(loopback, self.task).transcript
        else:
            self.transcript = attack.play(self.protocol, self.task, LIAR).outcome.transcript
        announcement, roster = self.told(VICTIM, Announce), self.told(VICTIM, Roster)
        self.case = Case(Round(1), LIAR, announcement, roster)
        self.context = rostered(announced(opening(self.protocol.cast.directory), announcement), roster)

    def told(self, agent: AgentId, kind: type[M]) -> M:
        return next(row.message for row in self.transcript.of(agent) if isinstance(row.message, kind))

    def said(self, agent: AgentId, kind: type[M]) -> M:
        rows = self.transcript.of(COORDINATOR)
        return next(row.message for row in rows if isinstance(row.message, kind) and row.message.sender == agent)

    def signed(self, message: S) -> S:
        return signed(self.protocol.cast.agents[message.sender], self.context, message)

    def judged(self, accused: AgentId, claim: Claim, *shown: bytes) -> tuple[AgentId, ...]:
        return judged(self.case.against(accused, claim, *shown))


def exhibited(*messages: Message) -> list[bytes]:
    return [exhibit(message) for message in messages]


def garbling(bench: Bench) -> tuple[bytes, bytes]:
    """A true Delivery, and a Proof of a dealing that was signed later, by the dealer."""
    dealing = bench.said(LIAR, Dealing)
    delivery = bench.told(dealing.holders[0], Delivery)
    second = bench.signed(replace(dealing, sealed=bytes(len(dealing.sealed))))
    keys = exhibit(bench.said(LIAR, Keys))
    proof = bench.signed(Proof(Round(1), LIAR, VICTIM, keys, exhibit(second), b""))  # not the coordinator's own word
    return exhibit(delivery), exhibit(proof)


def second_keys(bench: Bench) -> tuple[bytes, ...]:
    """An honest dealing, and other keys that its holder signs later, with a complaint that fits them."""
    keys, dealing, peers = bench.said(VICTIM, Keys), bench.said(VICTIM, Dealing), bench.told(VICTIM, Peers)
    holder, secret = dealing.holders[0], digest("a secret key made up later")
    first = bench.said(holder, Keys)
    at = first.peers.index(VICTIM) * HASH
    channel = first.channel[:at] + KeyPair.from_secret(secret).public + first.channel[at + HASH :]
    second = bench.signed(replace(first, channel=channel))
    complaint = bench.signed(Complaint(Round(1), holder, VICTIM, CHANNEL, secret, words_hash(keys, dealing)))
    return (*exhibited(keys, dealing, second, complaint), peers.channel + peers.mask)


def better_dealing(bench: Bench) -> tuple[bytes, ...]:
    """A true complaint, and the dealing that the liar should have signed."""
    keys, own, complaint = bench.said(LIAR, Keys), bench.said(VICTIM, Keys), bench.said(VICTIM, Complaint)
    better, told = bench.signed(Bench().said(LIAR, Dealing)), bench.told(LIAR, Peers)
    return (*exhibited(keys, better, own, complaint), told.channel + told.mask)


def false_keys(bench: Bench, peer: AgentId) -> tuple[bytes, ...]:
    """An honest dealing under keys that the coordinator made up, and a complaint with the true secret key."""
    keys, dealing, peers = bench.said(VICTIM, Keys), bench.said(VICTIM, Dealing), bench.told(VICTIM, Peers)
    secret = bench.protocol.cast.secrets(Round(1))[peer].edge(MASK, VICTIM)
    complaint = bench.signed(Complaint(Round(1), peer, VICTIM, MASK, secret, words_hash(keys, dealing)))
    return (*exhibited(keys, dealing, bench.said(peer, Keys), complaint), peers.channel + peers.mask)


def cheated(bench: Bench) -> list[AgentId]:
    """The neighbors for whom the victim was told made-up keys."""
    dealing = bench.said(VICTIM, Dealing)
    return [peer for peer in dealing.peers if peer not in dealing.holders and peer not in HELPERS]


def substituted() -> Bench:
    bench = Bench()
    bench.transcript = SubstitutedNeighbors(VICTIM, HELPERS).play(bench.protocol, bench.task).outcome.transcript
    return bench


def test_a_dealer_and_a_holder_cannot_frame_the_coordinator_by_a_second_dealing() -> None:
    bench = Bench()
    assert bench.judged(COORDINATOR, Claim.GARBLED, *garbling(bench)) == ()


def test_a_holder_cannot_frame_a_dealer_by_second_keys() -> None:
    bench = Bench()
    *shown, told = second_keys(bench)
    second = TABLE.decode(shown[2], limit=1 << 20).message
    assert isinstance(second, Keys)
    for other in (told, b"", second.channel + second.mask):
        assert bench.judged(VICTIM, Claim.BAD_DEALING, *shown, other) == ()
    first = exhibit(bench.said(second.sender, Keys))
    assert bench.judged(second.sender, Claim.TWO_STORIES, first, shown[2]) == (second.sender,)


def test_a_dealer_cannot_frame_who_complained_by_a_better_dealing() -> None:
    bench = Bench(LyingSeedHash(VICTIM))
    keys, better, *rest = better_dealing(bench)
    assert bench.judged(VICTIM, Claim.BAD_DEALING, keys, better, *rest) == ()
    assert bench.judged(LIAR, Claim.BAD_DEALING, keys, exhibit(bench.said(LIAR, Dealing)), *rest) == (LIAR,)


def test_a_coordinator_cannot_frame_a_victim_by_keys_that_it_made_up() -> None:
    bench = substituted()
    assert cheated(bench)
    for peer in cheated(bench):
        assert bench.judged(VICTIM, Claim.BAD_DEALING, *false_keys(bench, peer)) == ()
    assert not any(isinstance(row.message, Complaint) for row in bench.transcript.received)  # no key was opened


def test_without_the_judges_rules_each_of_them_is_framed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the four tests above can fail."""
    bench, lying, false = Bench(), Bench(LyingSeedHash(VICTIM)), substituted()
    with monkeypatch.context() as patch:
        patch.setattr(judging, "_require_told", lambda *_: None)
        assert bench.judged(VICTIM, Claim.BAD_DEALING, *second_keys(bench)) == (VICTIM,)
        assert false.judged(VICTIM, Claim.BAD_DEALING, *false_keys(false, cheated(false)[0])) == (VICTIM,)
    with monkeypatch.context() as patch:
        complaint = lying.said(VICTIM, Complaint)
        patch.setattr(judging, "words_hash", lambda *_: complaint.words)
        assert lying.judged(VICTIM, Claim.BAD_DEALING, *better_dealing(lying)) == (VICTIM,)
    with monkeypatch.context() as patch:
        patch.setattr(judging.Court, "signed", lambda _, frame, *__: judging.decoded(frame))
        assert bench.judged(COORDINATOR, Claim.GARBLED, *garbling(bench)) == (COORDINATOR,)
