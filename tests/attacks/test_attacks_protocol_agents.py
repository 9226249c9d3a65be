"""Malicious agents: named with evidence, or counted as a drop-out; the sum is that of the named agents' inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.aggregation.masks import cover
from tip.attacks.protocol import (
    MOMENTS,
    DoubleInput,
    Ending,
    FalseComplaint,
    Garbage,
    InconsistentKey,
    LowOrderKey,
    LyingSeedHash,
    MaskLeftOff,
    OtherConsent,
    OtherKey,
    OtherSecret,
    OtherSeed,
    Refuses,
    Together,
    TwoConsents,
    WrongCiphertext,
    WrongLength,
    WrongSeedGiven,
    WrongShareGiven,
    WrongShares,
    play,
)
from tip.errors import ProtocolMisuse
from tip.protocols.core import COORDINATOR, AgentId, Body, Cover, Round, Step, Terms
from tip.protocols.loopback import Network, Task
from tip.protocols.masking import Masked, checking, client, opening, plan_masking, server, under
from tip.protocols.masking.messages import Answer, MaskedInput, Unmask
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.attacks.protocol import AgentAttack
    from tip.protocols.core import Vector

SEED = Entropy.seeded(20261130)
AGENTS, SIZE = 12, 9
LIAR, VICTIM, GONE = AgentId(3), AgentId(5), AgentId(7)
PLANNED = plan_masking(AGENTS, 0.1, 0.17, coordinator="malicious")  # 1 corrupt, 2 drop-outs
WORDS = SEED.stream("vectors").words(np.arange(AGENTS), SIZE, dtype=np.uint32)
ZEROS, LONGER = np.zeros(SIZE, dtype=np.uint32), np.append(WORDS[LIAR], WORDS[LIAR][-1])


def federation() -> tuple[Masked, Task]:
    protocol = under(PLANNED, map(AgentId, range(AGENTS)), entropy=SEED)
    vectors = {AgentId(i): WORDS[i].copy() for i in range(AGENTS)}
    return protocol, Task(Terms(Round(1), PLANNED.minimum, SIZE, 32), bytes(32), vectors)


def true_sum(agents: tuple[AgentId, ...]) -> Vector:
    total: Vector = WORDS[list(agents)].sum(axis=0, dtype=np.uint32)
    return total


def played(attack: AgentAttack, *, silent: frozenset[AgentId] = frozenset()) -> Ending:
    """One round with this liar; whatever happens no honest agent and no coordinator is blamed."""
    protocol, task = federation()
    ending = attack.play(protocol, task, LIAR, Network(silent=silent))
    assert ending.named <= {LIAR}
    assert ending.convicted <= {LIAR}
    return ending


def summed(ending: Ending) -> bool:
    """Whether the sum is that of the true vectors of the agents that it names, at least the minimum of them."""
    total, agents = ending.outcome.total, ending.outcome.survivors
    return total is not None and len(agents) >= PLANNED.minimum and bool((total == true_sum(agents)).all())


CONVICTED: list[tuple[AgentAttack, bool]] = [  # and whether the liar's vector is in the sum all the same
    (OtherSeed(), False),
    (LowOrderKey(), False),
    (WrongCiphertext(), True),
    (OtherKey(), True),
    (WrongShares(), True),
    (LyingSeedHash(VICTIM), True),
    (DoubleInput(Body.of(ZEROS, 32)), True),
    (TwoConsents(), True),
    (FalseComplaint(VICTIM), True),
    (WrongShareGiven(), True),
]


@pytest.mark.parametrize(("attack", "counted"), CONVICTED, ids=lambda value: getattr(value, "name", ""))
def test_a_liar_is_convicted_and_the_sum_is_right(attack: AgentAttack, counted: bool) -> None:  # noqa: FBT001
    ending = played(attack)
    assert ending.convicted == {LIAR}
    assert summed(ending)
    assert (LIAR in ending.outcome.survivors) is counted
    assert attack.tries


def test_shares_of_another_secret_end_the_round_and_convict_the_dealer() -> None:
    ending = played(OtherSecret())
    assert ending.outcome.total is None
    assert f"agent {LIAR} dealt shares of something else" in ending.outcome.reason
    assert ending.convicted == {LIAR}


def test_a_key_that_the_mask_seed_does_not_give_is_found_when_it_is_needed() -> None:
    """The liar drops out, and one survivor falls silent at the end: the liar's mask seed must be rebuilt."""
    protocol, task = federation()
    liars = {LIAR: Together(InconsistentKey(), Refuses(MaskedInput)), AgentId(8): Refuses(Unmask)}
    ending = play(liars, protocol, task)
    assert ending.outcome.total is None
    assert ending.convicted == {LIAR}
    harmless = played(Together(InconsistentKey(), Refuses(MaskedInput)))  # all survivors tell their pairwise seeds
    assert summed(harmless)
    assert not harmless.faults


def test_a_wrong_pairwise_seed_convicts_who_gave_it_and_another_way_is_taken() -> None:
    ending = played(WrongSeedGiven(), silent=frozenset({GONE}))
    assert ending.convicted == {LIAR}
    assert summed(ending)
    assert GONE not in ending.outcome.survivors


@pytest.mark.parametrize("attack", [WrongLength(Body.of(LONGER, 32)), OtherConsent()], ids=lambda attack: attack.name)
def test_an_answer_of_another_form_is_named_and_counts_as_none(attack: AgentAttack) -> None:
    ending = played(attack)
    assert ending.named == {LIAR}
    assert not ending.convicted  # no honest party can show it to others: its link's other end knows
    assert summed(ending)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_refusing_is_dropping_out_and_no_fault(moment: type[Answer]) -> None:
    protocol, task = federation()
    ending = play({LIAR: Refuses(moment), AgentId(8): Refuses(moment)}, protocol, task)
    assert not ending.faults
    assert summed(ending)
    assert (LIAR in ending.outcome.survivors) is (moment not in MOMENTS[:5])


def test_too_many_that_refuse_end_the_round_with_a_reason_and_no_fault() -> None:
    protocol, task = federation()
    ending = play({AgentId(i): Refuses(MaskedInput) for i in range(3)}, protocol, task)
    assert ending.outcome.total is None
    assert "minimum" in ending.outcome.reason
    assert not ending.faults


def test_garbage_in_the_ring_is_not_found_and_is_the_liars_effective_input() -> None:
    """Law 19: the effective input is what was sent, less the masks that follow from the liar's signed keys."""
    ending = played(Garbage(Body.of(ZEROS, 32)))
    assert not ending.faults
    assert ending.outcome.total is not None
    assert not summed(ending)
    moved = ending.outcome.total - true_sum(tuple(agent for agent in ending.outcome.survivors if agent != LIAR))
    assert (moved == ZEROS - _masks_of(LIAR)).all()


def _masks_of(liar: AgentId) -> Vector:
    """All masks that an honest machine in the liar's place puts on."""
    protocol, task = federation()
    seen: list[Cover] = []

    class Watching(Garbage):
        def bend(self, step: Step[client.Agent]) -> Step[client.Agent]:
            seen.extend(item for item in step.work if isinstance(item, Cover))
            return step

    Watching(Body.of(ZEROS, 32)).play(protocol, task, liar)
    return cover(ZEROS.copy(), seen[0].add, seen[0].subtract)


def test_a_mask_left_off_is_not_found_and_spoils_the_sum() -> None:
    ending = played(MaskLeftOff())
    assert not ending.faults
    assert ending.outcome.total is not None
    assert not summed(ending)


LIES: tuple[AgentAttack, ...] = (
    *(attack for attack, _ in CONVICTED),
    *(InconsistentKey(), OtherSecret(), OtherConsent(), WrongSeedGiven(), FalseComplaint(LIAR), LyingSeedHash(LIAR)),
    *map(Refuses, MOMENTS),
)


def test_two_liars_frame_nobody_and_spoil_no_sum() -> None:
    """Two different lies at once, and a drop-out: a right sum or a reason, and only liars are named."""
    protocol, task = federation()
    pairs = SEED.stream("pairs").below(len(LIES), np.arange(2), 40).T.tolist()
    for first, second in pairs:
        liars = {LIAR: LIES[first], AgentId(8): LIES[second]}
        ending = play(liars, protocol, task, Network(silent=frozenset({GONE})))
        assert ending.named <= liars.keys()
        assert ending.convicted <= liars.keys()
        assert summed(ending) or (ending.outcome.total is None and ending.outcome.reason)


# With a check removed the lie does what it tries: so the tests above can fail.


def test_where_a_complaint_is_believed_an_honest_dealer_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "decide", lambda complaint, *_: complaint.about)
    protocol, task = federation()
    assert FalseComplaint(VICTIM).play(protocol, task, LIAR).named == {VICTIM}


def test_where_shares_are_not_held_against_their_hashes_the_sum_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "shares_fit", lambda *_: True)
    protocol, task = federation()
    ending = WrongShareGiven().play(protocol, task, LIAR)
    assert ending.outcome.total is None
    assert LIAR not in ending.named  # the dealer of the share is named instead: an honest agent


def test_where_pairwise_seeds_are_not_held_against_their_hashes_the_sum_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checking, "seeds_fit", lambda *_: True)
    protocol, task = federation()
    ending = WrongSeedGiven().play(protocol, task, LIAR, Network(silent=frozenset({GONE})))
    assert not ending.named  # the other end's hash still finds it: the seed is rebuilt
    assert summed(ending)

    def blind(self: opening.Books, survivors: frozenset[AgentId], around: dict[AgentId, tuple[AgentId, ...]]) -> object:
        return {
            (survivor, other): answer.seeds[32 * i : 32 * i + 32]
            for survivor, answer in self.answers.items()
            for i, other in enumerate(answer.edges)
        }

    monkeypatch.setattr(opening.Books, "_pairwise", blind)
    ending = WrongSeedGiven().play(protocol, task, LIAR, Network(silent=frozenset({GONE})))
    assert ending.outcome.total is not None
    assert not summed(ending)


def test_where_secrets_are_not_held_against_their_hash_the_sum_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    class Anything:
        def __ne__(self, _: object) -> bool:
            return False

    monkeypatch.setattr(opening, "own_hash", lambda _: Anything())
    protocol, task = federation()
    ending = OtherSecret().play(protocol, task, LIAR)
    assert ending.outcome.total is not None
    assert not summed(ending)
    assert not ending.named


def test_where_keys_are_not_looked_at_a_low_order_point_reaches_a_neighbor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "keys_are_usable", lambda _: True)
    protocol, task = federation()
    ending = LowOrderKey().play(protocol, task, LIAR)
    assert ending.named != {LIAR}  # its neighbor, told that key, blames the coordinator


def test_where_a_second_answer_is_taken_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_told_otherwise", lambda state, *_: Step(state))
    protocol, task = federation()
    assert not DoubleInput(Body.of(ZEROS, 32)).play(protocol, task, LIAR).named


def test_where_a_commitment_is_not_opened_an_agent_chooses_its_holders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "commitment", lambda _: b"")
    monkeypatch.setattr(checking, "check", lambda *_: None)
    protocol, task = federation()
    ending = OtherSeed().play(protocol, task, LIAR)
    assert not ending.convicted


def test_where_forms_are_not_looked_at_a_long_vector_breaks_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's accumulator is the second net: it refuses, and then the round has no end."""
    monkeypatch.setattr(checking, "check", lambda *_: None)
    with pytest.raises(ProtocolMisuse, match="one dimension and one ring"):
        played(WrongLength(Body.of(LONGER, 32)))


def test_where_any_consent_is_taken_the_coordinator_is_blamed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An honest coordinator hands on a signature under another set: every agent that draws it leaves."""
    monkeypatch.setattr(checking, "check", lambda *_: None)
    protocol, task = federation()
    ending = OtherConsent().play(protocol, task, LIAR)
    assert ending.named == {COORDINATOR}
    assert any("consent that was not given" in fault.reason for fault in ending.faults)
