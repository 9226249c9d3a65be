"""A malicious coordinator gets nothing but one sum; with the defence removed each of its attacks succeeds."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.attacks.protocol import (
    AliveAndDead,
    AskedAgain,
    Attempt,
    BareView,
    GarbledDelivery,
    InconsistentModel,
    InventedAgents,
    LonelySurvivor,
    ReplayedConsents,
    ShrunkCohort,
    SmallRoster,
    SplitViews,
    SubstitutedKeys,
    SubstitutedNeighbors,
    compared,
    convicted,
)
from tip.crypto import digest
from tip.protocols.core import COORDINATOR, AgentId, Resumed, Round, Step, Terms
from tip.protocols.loopback import Loopback, Network, Task
from tip.protocols.masking import TABLE, Masked, answers, client, plan_masking, signing, stages, under
from tip.protocols.masking.messages import CHANNEL, Announce, Complaint, Consent, Query, Survivors
from tip.protocols.masking.parameters import Parameters
from tip.protocols.masking.signing import survivors_root
from tip.protocols.masking.stages import Answered, Consented, Own
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.attacks.protocol import CoordinatorAttack
    from tip.protocols.core import Covered, Prepared, Vector
    from tip.protocols.masking.messages import Consents, Delivery, Message, Roster

SEED = Entropy.seeded(20261129)
AGENTS = 12
VICTIM, HELPER = AgentId(4), AgentId(0)
HELPERS = frozenset({HELPER})
PLANNED = plan_masking(AGENTS, 0.1, 0.17, coordinator="malicious")  # 1 corrupt, 2 drop-outs


def weakened(parameters: Parameters, **changes: object) -> Parameters:
    values = {f.name: getattr(parameters, f.name) for f in fields(parameters) if f.init}
    return Parameters.unchecked(**values | changes)


def vectors() -> dict[AgentId, Vector]:
    words = SEED.stream("vectors").words(np.arange(AGENTS), 9, dtype=np.uint32)
    return {AgentId(i): words[i].copy() for i in range(AGENTS)}


def federation(parameters: Parameters, number: int = 1) -> tuple[Masked, Task]:
    protocol = under(parameters, map(AgentId, range(AGENTS)), entropy=SEED)
    return protocol, Task(Terms(Round(number), parameters.minimum, 9, 32), bytes(32), vectors())


def played(attack: CoordinatorAttack, parameters: Parameters = PLANNED, network: Network | None = None) -> Attempt:
    protocol, task = federation(parameters)
    attempt = attack.play(protocol, task, network or Network())
    for part in attempt.knowledge.parts:  # whatever it computes is a true sum: the knowledge is no guess
        assert (part.total == sum(task.vectors[agent] for agent in part.agents)).all()
    assert attempt.named <= {COORDINATOR}  # no honest agent is blamed
    assert attempt.convicted <= {COORDINATOR}
    return attempt


def alone(attempt: Attempt, victim: AgentId = VICTIM) -> bool:
    """Whether the victim's own vector is known: `played` compared it with the true one."""
    return (victim,) in attempt.knowledge.agents()


ATTACKS: list[CoordinatorAttack] = [
    AliveAndDead(VICTIM, HELPERS),
    SplitViews(frozenset({AgentId(4), AgentId(7), AgentId(9)}), HELPERS),
    ShrunkCohort(VICTIM, HELPERS),
    LonelySurvivor(VICTIM, HELPERS),
    AskedAgain(VICTIM, HELPERS),
    SmallRoster(VICTIM, HELPERS),
    InventedAgents(VICTIM, HELPERS),
    SubstitutedKeys(VICTIM, HELPERS),
    SubstitutedNeighbors(VICTIM, HELPERS),
    GarbledDelivery(VICTIM, HELPERS),
    BareView(VICTIM, HELPERS),
    InconsistentModel(VICTIM, digest("another model"), HELPERS),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_no_attack_breaks_a_promise(attack: CoordinatorAttack) -> None:
    attempt = played(attack)
    assert attempt.stolen == ()
    assert not attempt.knowledge.both
    assert attack.tries
    assert attempt.attack == attack.name


def test_alive_and_dead_is_shown_by_agents_that_compare() -> None:
    attempt = played(AliveAndDead(VICTIM, HELPERS))
    protocol, task = federation(PLANNED)
    found = compared(attempt.outcome.transcript, task.vectors)
    assert convicted(found, protocol.cast.directory, PLANNED) == {COORDINATOR}
    assert "consent that was not given" in attempt.faults[0].reason
    assert COORDINATOR in attempt.convicted


def test_alive_and_dead_succeeds_without_samples_and_with_a_low_threshold() -> None:
    low = weakened(PLANNED, samples=0, threshold=4)
    attempt = played(AliveAndDead(VICTIM, HELPERS), low)
    assert attempt.knowledge.both == (VICTIM,)
    assert alone(attempt)
    assert attempt.stolen


def test_the_threshold_alone_keeps_both_secrets_apart() -> None:
    assert not played(AliveAndDead(VICTIM, HELPERS), weakened(PLANNED, samples=0)).knowledge.both


PART = frozenset({AgentId(4), AgentId(7), AgentId(9)})
WHOLE = weakened(PLANNED, graph="complete", degree=11, threshold=7, minimum=8, samples=8)


def test_split_views_show_two_sums_where_consents_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert played(SplitViews(PART, HELPERS), WHOLE).stolen == ()
    monkeypatch.setattr(answers, "genuine", lambda *_: True)
    attempt = played(SplitViews(PART, HELPERS), WHOLE)
    assert tuple(sorted(PART)) in attempt.knowledge.agents()
    assert len(attempt.knowledge.parts) == 2
    assert not attempt.knowledge.both  # the threshold still holds; it is consents that make one set of it


def _signs_anything(own: Own, stage: stages.Masked, message: Survivors) -> answers.Reply:
    root = survivors_root(message.agents, stage.view.delivery.here)
    return answers.Reply(Consented(stage, message.agents, root), (Consent(message.round, own.me, root),))


def _answers_anything(own: Own, stage: Consented, _: Consents, __: bytes) -> answers.Reply:
    return answers.Reply(Answered(stage.survivors), (answers._unmasked(own, stage),))


def test_a_shrunk_cohort_shows_one_vector_where_nobody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert COORDINATOR in played(ShrunkCohort(VICTIM, HELPERS)).convicted
    monkeypatch.setattr(answers, "survivors", _signs_anything)
    monkeypatch.setattr(answers, "consents", _answers_anything)
    assert alone(played(ShrunkCohort(VICTIM, HELPERS)))


def test_a_lonely_survivor_is_opened_where_agents_do_not_count_their_holders(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = weakened(PLANNED, degree=3, threshold=2, minimum=5, samples=5)
    assert played(LonelySurvivor(VICTIM, HELPERS), sparse).stolen == ()
    monkeypatch.setattr(answers, "survivors", _signs_anything)
    assert alone(played(LonelySurvivor(VICTIM, HELPERS), sparse))


def test_asked_again_finds_agents_that_remember() -> None:
    attempt = played(AskedAgain(VICTIM, HELPERS))
    assert attempt.convicted == {COORDINATOR}
    assert any("two stories" in fault.reason for fault in attempt.faults)
    honest = tuple(AgentId(i) for i in range(AGENTS) if AgentId(i) != HELPER)
    assert attempt.knowledge.agents() == (honest,)  # the sum of the first time, and no other


def test_asked_again_gets_both_secrets_of_agents_that_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    real = client.advance
    before: dict[AgentId, client.Agent] = {}

    def forgetful(agent: client.Agent, event: Message | Prepared | Covered | Resumed) -> Step[client.Agent]:
        if isinstance(event, Survivors):
            before.setdefault(agent.own.me, agent)
        back = before.get(agent.own.me)
        if isinstance(event, Resumed) and back is not None and isinstance(agent.stage, Answered):
            return Step(back)
        return real(agent, event)

    monkeypatch.setattr(client, "advance", forgetful)
    attempt = played(AskedAgain(VICTIM, HELPERS))
    assert VICTIM in attempt.knowledge.both
    assert alone(attempt)


def test_a_small_roster_shows_one_vector_where_two_agents_are_enough() -> None:
    assert played(SmallRoster(VICTIM, HELPERS)).convicted == {COORDINATOR}
    careless = weakened(PLANNED, degree=1, threshold=1, minimum=2, samples=0)
    assert alone(played(SmallRoster(VICTIM, HELPERS), careless))


def test_invented_agents_take_everything_where_rosters_and_keys_are_not_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert played(InventedAgents(VICTIM, HELPERS)).convicted == {COORDINATOR}
    real = answers.roster

    def unchecked(own: Own, stage: stages.Advertised, message: Roster) -> answers.Reply:
        everybody = replace(own.directory, agents=dict.fromkeys(message.agents, b"") | dict(own.directory.agents))
        return real(replace(own, directory=everybody), stage, message)

    monkeypatch.setattr(answers, "require_signed", lambda *_: None)
    assert not alone(played(InventedAgents(VICTIM, HELPERS)))  # the roster is checked
    monkeypatch.undo()
    monkeypatch.setattr(signing.Directory, "__post_init__", lambda _: None)
    monkeypatch.setattr(answers, "roster", unchecked)
    assert not alone(played(InventedAgents(VICTIM, HELPERS)))  # the signatures are
    monkeypatch.setattr(answers, "require_signed", lambda *_: None)
    assert alone(played(InventedAgents(VICTIM, HELPERS)))


def test_substituted_keys_unmask_the_victim_where_signatures_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = played(SubstitutedKeys(VICTIM, HELPERS))
    assert attempt.convicted == {COORDINATOR}
    assert not any(VICTIM in part.agents for part in attempt.knowledge.parts)
    monkeypatch.setattr(answers, "require_signed", lambda *_: None)
    assert alone(played(SubstitutedKeys(VICTIM, HELPERS)))


def test_false_keys_of_other_neighbors_are_the_coordinators_fault() -> None:
    attempt = played(SubstitutedNeighbors(VICTIM, HELPERS))
    assert any(f"told agent {VICTIM} other keys" in fault.reason for fault in attempt.faults)
    assert attempt.named == {COORDINATOR}


def test_another_model_gets_no_signature_that_others_understand() -> None:
    attempt = played(InconsistentModel(VICTIM, digest("another model"), HELPERS))
    assert not any(VICTIM in part.agents for part in attempt.knowledge.parts)
    assert "no neighbor signed" in attempt.faults[0].reason


def test_another_model_is_summed_where_the_context_does_not_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = signing.announced

    def without(context: bytes, announcement: Announce) -> bytes:
        return real(context, replace(announcement, model=bytes(32), signature=bytes(64)))

    for module in ("client", "answers", "server", "judging"):
        monkeypatch.setattr(f"tip.protocols.masking.{module}.announced", without)
    for module in ("pool", "worlds"):
        monkeypatch.setattr(f"tip.attacks.protocol.{module}.announced", without)
    attempt = played(InconsistentModel(VICTIM, digest("another model"), HELPERS))
    models = {row.message.model for row in attempt.outcome.transcript.received if isinstance(row.message, Announce)}
    assert len(models) == 2
    assert any(VICTIM in part.agents for part in attempt.knowledge.parts)


def test_garbled_dealings_open_no_key() -> None:
    attempt = played(GarbledDelivery(VICTIM, HELPERS))
    assert attempt.convicted == {COORDINATOR}
    assert not any(isinstance(row.message, Complaint) for row in attempt.outcome.transcript.received)


def test_garbled_dealings_open_everything_where_agents_complain_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real = answers.delivery

    def at_once(own: Own, stage: stages.Dealt, message: Delivery) -> answers.Reply:
        reply = real(own, stage, message)
        return replace(reply, messages=tuple(_complaint(own, query) for query in reply.messages))

    def _complaint(own: Own, query: Message) -> Complaint:
        assert isinstance(query, Query)
        return Complaint(
            query.round, own.me, query.about, CHANNEL, own.secrets.edge(CHANNEL, query.about), digest("any words")
        )

    monkeypatch.setattr(answers, "delivery", at_once)
    attempt = played(GarbledDelivery(VICTIM, HELPERS))
    assert attempt.knowledge.both == (VICTIM,)
    assert alone(attempt)


def test_a_bare_view_leaves_one_mask_where_agents_do_not_count_their_neighbors(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(VICTIM in part.agents for part in played(BareView(VICTIM, HELPERS)).knowledge.parts)
    real = answers.delivery

    def careless(own: Own, stage: stages.Dealt, message: Delivery) -> answers.Reply:
        return real(replace(own, parameters=weakened(own.parameters, threshold=0)), stage, message)

    monkeypatch.setattr(answers, "delivery", careless)
    assert alone(played(BareView(VICTIM, HELPERS)))


def _consents(number: int, silent: frozenset[AgentId]) -> tuple[Consent, ...]:
    """What agents signed in an earlier round."""
    protocol, task = federation(REPLAYED, number)
    outcome = protocol.run(Loopback(TABLE, task, Network(silent=silent)), task)
    rows = outcome.transcript.of(COORDINATOR)
    return tuple(row.message for row in rows if isinstance(row.message, Consent))


REPLAYED = weakened(PLANNED, threshold=4)


def _replays() -> ReplayedConsents:
    old = (*_consents(7, frozenset()), *_consents(8, frozenset({VICTIM})))
    return ReplayedConsents(VICTIM, old, HELPERS)


def test_consents_of_other_rounds_do_not_count() -> None:
    attempt = played(_replays(), REPLAYED)
    assert not attempt.knowledge.both
    assert attempt.convicted == {COORDINATOR}


def test_consents_of_other_rounds_count_where_signatures_name_no_round(monkeypatch: pytest.MonkeyPatch) -> None:
    real = signing._said

    def anywhere(context: bytes, message: Message) -> bytes:
        return digest("a consent", message.survivors) if isinstance(message, Consent) else real(context, message)

    monkeypatch.setattr(signing, "_said", anywhere)
    attempt = played(_replays(), REPLAYED)
    assert attempt.knowledge.both == (VICTIM,)
    assert alone(attempt)
