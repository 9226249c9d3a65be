"""The agent of the masking protocol: what it refuses to take the coordinator's word for, rule by rule.

A round of six agents is played up to the question that is to be asked; then the coordinator's own key signs another
question. So each refusal is about what is said, not about who says it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import MalformedMessage
from tip.protocols import COORDINATOR, AgentId, Round
from tip.protocols.core import Resumed, Step, Terms
from tip.protocols.loopback import Loopback, Task
from tip.protocols.masking import client, judge, server, under
from tip.protocols.masking.evidence import Claim, exhibit
from tip.protocols.masking.findings import delivered_as_dealt
from tip.protocols.masking.graph import as_bits
from tip.protocols.masking.messages import (
    HASH,
    SEALED,
    TABLE,
    Abandoned,
    Advertise,
    Announce,
    Consents,
    Dealing,
    Delivery,
    Graph,
    Keys,
    Message,
    Peers,
    Proof,
    Question,
    Reveal,
    Roster,
    Survivors,
    Unmask,
)
from tip.protocols.masking.parameters import Parameters
from tip.protocols.masking.secrets import mask_keys
from tip.protocols.masking.signing import signed
from tip.protocols.masking.stages import Answered, Declined, Masked, Preparing
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.protocols.core import Fault
    from tip.protocols.masking.client import Agent

SIX = [AgentId(i) for i in range(6)]
ME = SIX[2]
PARAMETERS = Parameters(
    agents=6,
    corrupt=1,
    dropouts=1,
    coordinator="malicious",  # type: ignore[arg-type] # read as the choice
    graph="complete",  # type: ignore[arg-type]
    degree=5,
    threshold=4,
    minimum=5,
    samples=5,
    privacy_bits=40,
    success_bits=30,
)
TASK = Task(Terms(Round(7), 5, 3, 16), bytes(32), {a: np.full(3, 100 + a, dtype=np.uint16) for a in SIX})
PROTOCOL = under(PARAMETERS, SIX, entropy=Entropy.seeded(3))


@dataclass
class Played:
    """What agent 2 was asked in a faithful round, and its state before each question."""

    before: dict[type[Message], Agent]
    asked: dict[type[Message], Message]
    last: Agent
    coordinator: server.Coordinator


def play() -> Played:
    loopback = Loopback(PROTOCOL.TABLE, TASK)
    PROTOCOL.seat(loopback, TASK)
    seat, played = loopback._seats[ME], Played({}, {}, None, None)  # type: ignore[arg-type]
    feed = seat.advance

    def watched(state: Agent, event: object) -> Step[Agent]:
        if isinstance(event, Question):
            played.before[type(event)], played.asked[type(event)] = state, event
        return feed(state, event)  # the seat gives what it gets

    seat.advance = watched
    loopback.settle()
    played.last = seat.state
    state = loopback.state(COORDINATOR)
    assert isinstance(state, server.Coordinator)
    played.coordinator = state
    return played


PLAYED = play()


def context_of(kind: type[Message]) -> bytes:
    context = PLAYED.last.context(kind)
    assert context is not None
    return context


def ask(kind: type[Message], **changed: Any) -> Step[Agent]:  # noqa: ANN401 - fields of messages
    """Ask agent 2 another question than the coordinator did, signed by the coordinator."""
    message = replace(PLAYED.asked[kind], **changed)
    message = signed(PROTOCOL.cast.coordinator, context_of(kind), message)
    return client.advance(PLAYED.before[kind], message)


def declined(step: Step[Agent], words: str) -> tuple[Fault, ...]:
    assert isinstance(step.state.stage, Declined), step.state.stage
    assert words in step.state.stage.reason
    assert not step.sends
    assert not step.work
    return step.faults


def judged(faults: tuple[Fault, ...]) -> tuple[AgentId, ...]:
    (fault,) = faults
    assert fault.culprits == (COORDINATOR,)
    return judge(fault.evidence, PROTOCOL.cast.directory, PARAMETERS)


def test_the_faithful_round_ends_with_an_answer() -> None:
    assert isinstance(PLAYED.last.stage, Answered)
    assert set(PLAYED.asked) == {Announce, Roster, Graph, Peers, Delivery, Survivors, Consents}


@pytest.mark.parametrize("changed", [{"dimension": 4}, {"modulus_bits": 32}, {"configuration": bytes(32)}])
def test_another_round_than_was_agreed_is_declined(changed: dict[str, Any]) -> None:
    declined(ask(Announce, **changed), "than w")


def test_another_round_s_number_is_not_heard() -> None:
    step = ask(Announce, round=Round(8))
    assert step == Step(PLAYED.before[Announce])


def test_another_model_is_another_context() -> None:
    """All that follows is signed under the model's hash: who was told another one cannot be understood."""
    step = ask(Announce, model=bytes([1]) * 32)
    assert step.sends  # the agent cannot know which model the others were told
    other = step.state.context(Roster)
    assert other is not None
    assert other != context_of(Roster)
    unheard = client.advance(step.state, PLAYED.asked[Roster])
    assert unheard.state == step.state
    assert unheard.faults[0].reason.endswith("delivered what the coordinator did not sign")


def roster_without(*gone: AgentId) -> dict[str, Any]:
    roster = PLAYED.asked[Roster]
    assert isinstance(roster, Roster)
    places = [i for i, agent in enumerate(roster.agents) if agent not in gone]
    commitments = b"".join([roster.commitments[i * HASH : (i + 1) * HASH] for i in places])
    return {"agents": tuple(roster.agents[i] for i in places), "commitments": commitments}


def test_a_roster_below_the_minimum_is_declined_with_evidence() -> None:
    assert judged(declined(ask(Roster, **roster_without(SIX[0], SIX[1])), "below the minimum")) == (COORDINATOR,)


def test_a_roster_without_the_agent_is_declined() -> None:
    declined(ask(Roster, **roster_without(ME)), "left agent 2 out")


def test_a_roster_with_another_commitment_of_the_agent_is_declined() -> None:
    roster = PLAYED.asked[Roster]
    assert isinstance(roster, Roster)
    changed = bytearray(roster.commitments)
    changed[2 * HASH] ^= 1
    declined(ask(Roster, commitments=bytes(changed)), "changed its commitment")


def test_a_roster_with_strangers_is_declined_with_evidence() -> None:
    roster = PLAYED.asked[Roster]
    assert isinstance(roster, Roster)
    agents = (*roster.agents[:-1], AgentId(99))
    assert judged(declined(ask(Roster, agents=agents), "not invited")) == (COORDINATOR,)


def test_neighbors_that_are_not_in_the_roster_are_declined() -> None:
    declined(ask(Graph, chosen_by=(AgentId(9),)), "not in the roster")
    declined(ask(Graph, chosen_by=(ME,)), "not in the roster")


def peers_with(change: Callable[[bytearray], None], name: str) -> dict[str, Any]:
    data = bytearray(getattr(PLAYED.asked[Peers], name))
    change(data)
    return {name: bytes(data)}


def other(data: bytearray) -> None:
    data[:HASH] = bytes([9]) + bytes(31)


def twice(data: bytearray) -> None:
    data[:HASH] = data[HASH : 2 * HASH]


def low_order(data: bytearray) -> None:
    data[:HASH] = bytes(HASH)


@pytest.mark.parametrize("name", ["channel", "mask"])
@pytest.mark.parametrize("change", [other, twice, low_order])
def test_keys_that_a_holder_did_not_sign_are_declined(name: str, change: Callable[[bytearray], None]) -> None:
    declined(ask(Peers, **peers_with(change, name)), "delivered keys")


@pytest.mark.parametrize("cut", [0, 1, 50])
def test_missing_and_broken_proofs_are_declined(cut: int) -> None:
    peers = PLAYED.asked[Peers]
    assert isinstance(peers, Peers)
    declined(ask(Peers, proofs=peers.proofs[:cut]), "delivered keys")
    declined(ask(Peers, proofs=peers.proofs + bytes(cut + 1)), "delivered keys")


def test_the_agent_s_own_key_sent_back_is_declined() -> None:
    step = PLAYED.before[Peers].said[Graph].sends[0].message
    own = step.mask  # type: ignore[attr-defined] # its Keys
    declined(
        ask(Peers, **peers_with(lambda data: data.__setitem__(slice(0, HASH), own[:HASH]), "mask")), "delivered keys"
    )


def false_keys(**changed: Any) -> tuple[AgentId, ...]:  # noqa: ANN401 - fields of messages
    """What the judge says of a coordinator that delivered these keys of agent 0, and then shows what it signed."""
    peer, context, crook = SIX[0], context_of(Peers), PROTOCOL.cast.coordinator
    keys, dealing = PLAYED.coordinator.of(Keys)[peer], PLAYED.coordinator.of(Dealing)[peer]
    proof = Proof(Round(7), COORDINATOR, ME, TABLE.encode(keys), TABLE.encode(dealing), b"")
    told = signed(crook, context, replace(PLAYED.asked[Peers], **changed))
    case = PLAYED.last.case()
    assert case is not None
    shown = exhibit(told), exhibit(signed(crook, context, proof))
    return judge(case.against(COORDINATOR, Claim.FALSE_KEYS, *shown), PROTOCOL.cast.directory, PARAMETERS)


def test_the_coordinators_own_proof_shows_that_it_delivered_false_keys() -> None:
    assert false_keys(**peers_with(other, "channel")) == (COORDINATOR,)
    assert false_keys(**peers_with(other, "mask")) == (COORDINATOR,)
    with pytest.raises(MalformedMessage, match="are those that were signed"):
        false_keys()


@pytest.mark.parametrize("change", [other, low_order])
def test_unsigned_keys_of_a_holder_convict_the_coordinator(change: Callable[[bytearray], None]) -> None:
    assert judged(declined(ask(Peers, **peers_with(change, "mask")), "no neighbor signed")) == (COORDINATOR,)
    peers = PLAYED.asked[Peers]
    assert isinstance(peers, Peers)
    assert judged(declined(ask(Peers, proofs=peers.proofs[:-1]), "no neighbor signed")) == (COORDINATOR,)


def test_signed_keys_convict_nobody() -> None:
    """An accuser that shows the Peers of an honest coordinator, and its own Reveal, is refused."""
    case = PLAYED.last.case()
    assert case is not None
    reveal = PLAYED.last.said[Roster].sends[0].message
    assert isinstance(reveal, Reveal)
    shown = exhibit(PLAYED.asked[Peers]), exhibit(reveal)
    with pytest.raises(MalformedMessage, match="are those that were signed"):
        judge(case.against(COORDINATOR, Claim.FALSE_KEYS, *shown), PROTOCOL.cast.directory, PARAMETERS)


def test_too_few_holders_end_the_round_for_the_agent_and_are_nobody_s_fault() -> None:
    peers = PLAYED.asked[Peers]
    assert isinstance(peers, Peers)
    few = {"peers": peers.peers[:3], "channel": peers.channel[: 3 * HASH], "mask": peers.mask[: 3 * HASH]}
    assert declined(ask(Peers, **few, proofs=b""), "too few") == ()


def survivors(*gone: AgentId) -> dict[str, Any]:
    return {"agents": tuple(agent for agent in SIX if agent not in gone)}


def test_survivors_below_the_minimum_are_declined_with_evidence() -> None:
    assert judged(declined(ask(Survivors, **survivors(SIX[0], SIX[1])), "fewer survivors")) == (COORDINATOR,)


def test_survivors_without_the_agent_are_declined() -> None:
    assert declined(ask(Survivors, **survivors(ME)), "too late") == ()


def test_survivors_that_are_strangers_are_declined_with_evidence() -> None:
    assert judged(declined(ask(Survivors, agents=(*SIX, AgentId(77))), "not in the roster")) == (COORDINATOR,)


def delivered_without(count: int) -> dict[str, Any]:
    """A Delivery that holds nothing of the last neighbors."""
    delivery = PLAYED.asked[Delivery]
    assert isinstance(delivery, Delivery)
    here = delivery.peers[: len(delivery.peers) - count]
    return {
        "peers": here,
        "seeds": delivery.seeds[: HASH * len(here)],
        "dealers": here,
        "sealed": delivery.sealed[: SEALED * len(here)],
        "shares": delivery.shares[: 2 * HASH * len(here)],
        "keys": delivery.keys[: HASH * len(here)],
    }


def test_a_holder_that_dealt_and_is_not_delivered_is_missed() -> None:
    """Else a coordinator could leave all neighbors out, so that nothing but the own mask covers the vector."""
    declined(ask(Delivery, **delivered_without(1)), "one of its holders out")
    declined(ask(Delivery, here=as_bits([a for a in SIX if a != ME], tuple(SIX))), "left this agent")


def test_a_survivor_that_dealt_nothing_is_declined() -> None:
    """The coordinator said that agent 5 did not deal: the agent has no mask with it."""
    step = ask(Delivery, **delivered_without(1), here=as_bits(SIX[:5], tuple(SIX)))
    assert step.work
    before, now = PLAYED.before[Survivors].stage, step.state.stage
    assert isinstance(before, Masked)
    assert isinstance(now, Preparing)
    agent = replace(PLAYED.before[Survivors], stage=replace(before, view=now.view))
    faults = declined(client.advance(agent, PLAYED.asked[Survivors]), "dealt nothing")
    assert faults[0].culprits == (COORDINATOR,)


@pytest.mark.parametrize("bits", [b"", bytes(2), b"\xff"])
def test_bits_of_another_form_are_declined(bits: bytes) -> None:
    declined(ask(Delivery, here=bits), "said nothing of who dealt")


def test_masks_for_two_stories_about_who_dealt_have_nothing_in_common() -> None:
    one, other = (mask_keys((bytes(HASH),), as_bits(SIX[:n], tuple(SIX))) for n in (5, 6))
    assert one != other


def test_fewer_consents_than_the_minimum_are_declined() -> None:
    consents = PLAYED.asked[Consents]
    assert isinstance(consents, Consents)
    few = {"agents": consents.agents[:4], "signatures": consents.signatures[: 4 * 64]}
    declined(ask(Consents, **few), "fewer consents")


def test_a_forged_consent_is_found_with_evidence() -> None:
    """With six agents an agent looks at five of six: at least one of these two forgeries."""
    consents = PLAYED.asked[Consents]
    assert isinstance(consents, Consents)
    forged = consents.signatures[:64] * 2 + consents.signatures[128:]
    assert judged(declined(ask(Consents, signatures=bytes(64) * 2 + forged[128:]), "was not given")) == (COORDINATOR,)


def test_the_answer_opens_one_secret_of_each() -> None:
    (send,) = ask(Consents).sends
    answer = send.message
    assert isinstance(answer, Unmask)
    assert answer.alive == tuple(agent for agent in SIX if agent != ME)
    assert not answer.gone
    assert not answer.edges


def other_than(message: Message, changed: dict[str, Any]) -> Message:
    """A well-formed message of the same type that says something else."""
    if not changed:
        name = {Peers: "mask", Delivery: "keys", Consents: "signatures"}[type(message)]
        changed = {name: b"\1" * len(getattr(message, name))}
    return replace(message, **changed)


@pytest.mark.parametrize("kind", [Announce, Roster, Graph, Peers, Delivery, Survivors, Consents])
def test_the_same_question_gets_the_same_answer_and_another_one_is_evidence(kind: type[Message]) -> None:
    again = client.advance(PLAYED.last, PLAYED.asked[kind])
    assert again.state == PLAYED.last
    assert again.sends == PLAYED.last.said[kind].sends
    assert again.sends
    changed: dict[type[Message], dict[str, Any]] = {
        Announce: {"deadline": 2},
        Roster: roster_without(SIX[0]),
        Graph: {"chosen_by": SIX[:1]},
        Survivors: survivors(SIX[0]),
    }
    message = other_than(PLAYED.asked[kind], changed.get(kind, {}))
    message = signed(PROTOCOL.cast.coordinator, context_of(kind), message)
    second = client.advance(PLAYED.last, message)
    assert not second.sends
    assert second.state == PLAYED.last  # it had answered; nothing more is opened
    assert judged(second.faults) == (COORDINATOR,)


def test_a_second_set_after_the_consent_ends_the_round() -> None:
    agent = PLAYED.before[Consents]
    message = replace(PLAYED.asked[Survivors], **survivors(SIX[0]))
    step = client.advance(agent, signed(PROTOCOL.cast.coordinator, context_of(Survivors), message))
    assert judged(declined(step, "two stories")) == (COORDINATOR,)
    assert client.advance(step.state, PLAYED.asked[Consents]) == Step(step.state)


@pytest.mark.parametrize("kind", [Roster, Graph, Peers, Delivery, Survivors, Consents])
def test_a_question_out_of_order_is_not_answered(kind: type[Message]) -> None:
    start = PLAYED.before[Announce]
    step = client.advance(start, PLAYED.asked[kind])
    assert step == Step(start)


@pytest.mark.parametrize("kind", [Announce, Roster, Graph, Peers, Delivery, Survivors, Consents])
def test_a_question_that_is_not_signed_is_not_heard(kind: type[Message]) -> None:
    message = replace(PLAYED.asked[kind], signature=bytes(64))
    step = client.advance(PLAYED.before[kind], message)
    assert step.state == PLAYED.before[kind]
    assert not step.sends
    assert step.faults[0].culprits == (COORDINATOR,)


def test_what_is_meant_for_another_agent_is_not_heard() -> None:
    step = ask(Graph, to=SIX[3])
    assert step.state == PLAYED.before[Graph]
    assert "another agent" in step.faults[0].reason


def test_an_agent_sends_no_question_and_gets_no_answer() -> None:
    agent = PLAYED.before[Roster]
    answer = PLAYED.last.said[Announce].sends[0].message
    assert isinstance(answer, Advertise)
    step = client.advance(agent, answer)
    assert step.state == agent
    assert step.faults[0].culprits == (ME,)
    spoken = replace(PLAYED.asked[Roster], sender=SIX[4])
    assert client.advance(agent, spoken).faults[0].culprits == (SIX[4],)


def test_a_round_given_up_is_over() -> None:
    over = signed(PROTOCOL.cast.coordinator, context_of(Abandoned), Abandoned(Round(7), COORDINATOR))
    step = client.advance(PLAYED.before[Survivors], over)
    assert isinstance(step.state.stage, Declined)
    assert client.advance(step.state, PLAYED.asked[Survivors]) == Step(step.state)


def test_a_restart_repeats_the_work_that_may_be_lost() -> None:
    prepared = ask(Delivery)
    assert client.advance(prepared.state, Resumed()).work == prepared.work
    assert client.advance(PLAYED.last, Resumed()) == Step(PLAYED.last)


def test_secrets_do_not_print() -> None:
    own = PLAYED.last.own
    for text in (repr(PLAYED.last), repr(PLAYED.before[Survivors])):
        assert own.secrets.seed.hex() not in text
        assert repr(own.secrets.seed) not in text
        assert repr(own.secrets.own) not in text
    for edge in PLAYED.before[Survivors].stage.dealt.edges.values():  # type: ignore[union-attr]
        assert repr(edge.seed) not in repr(PLAYED.before[Survivors])


@pytest.mark.parametrize("left_out", [False, True])
def test_a_dealing_that_is_left_out_of_a_delivery_is_garbled_for_agent_and_judge_alike(left_out: bool) -> None:  # noqa: FBT001
    """A judge that passes over a dealer without a piece would not confirm what the agent found."""
    peer, context, crook = SIX[0], context_of(Delivery), PROTOCOL.cast.coordinator
    keys, dealing = PLAYED.coordinator.of(Keys)[peer], PLAYED.coordinator.of(Dealing)[peer]
    delivery = PLAYED.asked[Delivery]
    assert isinstance(delivery, Delivery)
    assert delivery.dealers[0] == peer
    if left_out:
        rest = {"sealed": SEALED, "shares": 2 * HASH, "keys": HASH}
        cut: dict[str, Any] = {name: getattr(delivery, name)[size:] for name, size in rest.items()}
        delivery = replace(delivery, dealers=delivery.dealers[1:], **cut)
    assert delivered_as_dealt(delivery, dealing) is not left_out
    proof = Proof(Round(7), COORDINATOR, ME, TABLE.encode(keys), TABLE.encode(dealing), b"")
    case = PLAYED.last.case()
    assert case is not None
    shown = [exhibit(signed(crook, context, message)) for message in (delivery, proof)]
    evidence = case.against(COORDINATOR, Claim.GARBLED, *shown)
    if left_out:
        assert judge(evidence, PROTOCOL.cast.directory, PARAMETERS) == (COORDINATOR,)
    else:
        with pytest.raises(MalformedMessage, match="is what was dealt"):
            judge(evidence, PROTOCOL.cast.directory, PARAMETERS)
