"""Local, in pairs of machines: tampering, duplicates, drop-outs, malformed bytes, a second question."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tip.errors import ConfigurationError, ProtocolMisuse
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.reports import HEADER
from tip.protocols import COORDINATOR, FAITHFUL, AgentId, Network, Round, Table, local
from tip.protocols.codec import U32  # noqa: TC001 - the table reads the annotations at run time
from tip.protocols.core import Deadline, Fault, undeclared
from tip.protocols.local import client, messages, server
from tip.protocols.local.client import Randomized
from tip.protocols.local.messages import Abandoned, Ask, Closed, Report
from tip.protocols.transcript import SIZE
from tip.randomness import Entropy

MECHANISM = GeneralizedRandomizedResponse(categories=5, epsilon=1.0)
AGREED = local.Agreement(Round(1), "Which of five?", MECHANISM, minimum=3)
ANSWERS = [0, 1, 2, 3, 4, 0]
A = AgentId


def reports(answers: list[int] = ANSWERS, seed: int = 1) -> dict[AgentId, bytes]:
    entropy = Entropy.seeded(seed)
    rows = (MECHANISM.randomize([a], entropy=entropy, agents=[i], round=1) for i, a in enumerate(answers))
    return {A(i): row.to_bytes() for i, row in enumerate(rows)}


def asked(**changes: object) -> Ask:
    return replace(Ask.under(AGREED, 1), **changes)  # type: ignore[arg-type] # what a test changes


def culprits(faults: tuple[Fault, ...]) -> list[tuple[AgentId, ...]]:
    return [fault.culprits for fault in faults]


def test_the_machines_count_what_the_agents_sent() -> None:
    poll = local.ask(AGREED, reports())
    together = MECHANISM.randomize(ANSWERS, entropy=Entropy.seeded(1), round=1)
    assert poll.aggregate == MECHANISM.aggregate(together)
    assert poll.accepted == tuple(range(6))
    assert (poll.refused, poll.faults, poll.reason) == ((), (), "")


@pytest.mark.parametrize("network", [Network(copies=3), Network(order=Entropy.seeded(4)), Network(copies=2)])
def test_repeats_and_order_change_nothing(network: Network) -> None:
    poll = local.ask(AGREED, reports(), network=network)
    assert poll.aggregate == local.ask(AGREED, reports()).aggregate
    assert not poll.faults


def test_drop_outs_are_tolerated_down_to_the_minimum() -> None:
    sent = reports()
    poll = local.ask(AGREED, sent, network=Network(silent=frozenset([A(0), A(4), A(5)])))
    assert poll.accepted == (1, 2, 3)
    assert poll.aggregate is not None
    assert (poll.aggregate.reports, poll.aggregate.refused) == (3, 0)
    lost = local.ask(AGREED, sent, network=Network(tamper={(A(2), COORDINATOR): lambda _: None}))
    assert lost.accepted == (0, 1, 3, 4, 5)


def test_below_the_minimum_nothing_is_released() -> None:
    poll = local.ask(AGREED, reports(), network=Network(silent=frozenset(map(A, range(4)))))
    assert poll.aggregate is None
    assert poll.accepted == ()
    assert "2 reports count; the minimum is 3" in poll.reason
    told = [row.message for row in poll.transcript.of(A(5)) if isinstance(row.message, Abandoned)]
    assert [message.accepted for message in told] == [2]


def other_spec() -> bytes:
    return GeneralizedRandomizedResponse(categories=5, epsilon=2.0).randomize([1], entropy=Entropy.seeded(1)).to_bytes()


ONE = reports()[A(0)]
BAD = {
    "nothing": b"",
    "cut short": ONE[:-1],
    "too long": ONE + b"\0",
    "another mechanism": other_spec(),
    "another magic": b"tipX" + ONE[4:],
    "no such item": ONE[:-1] + b"\x07",
    "bits after the last": ONE[:-1] + b"\x80",
    "a huge count": HEADER.pack(b"tipR", 1, 0, MECHANISM.spec.digest, 2**63) + b"\0",
    "no report": HEADER.pack(b"tipR", 1, 0, MECHANISM.spec.digest, 0),
    "two reports": MECHANISM.randomize([1, 2], entropy=Entropy.seeded(1)).to_bytes(),
    "with an id": HEADER.pack(b"tipR", 1, 1, MECHANISM.spec.digest, 1) + ONE[-1:] + bytes(8),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_report_that_no_honest_agent_sends_is_refused_alone(bad: bytes) -> None:
    frame = messages.TABLE.encode(Report(Round(1), A(2), bad))
    poll = local.ask(AGREED, reports(), network=Network(tamper={(A(2), COORDINATOR): lambda _: frame}))
    assert poll.accepted == (0, 1, 3, 4, 5)
    assert poll.refused == (2,)
    assert culprits(poll.faults) == [(2,)]
    assert "sent no report that counts" in poll.faults[0].reason
    assert poll.aggregate is not None
    assert (poll.aggregate.reports, poll.aggregate.refused) == (5, 1)
    closed = next(row.message for row in poll.transcript.of(A(0)) if isinstance(row.message, Closed))
    assert (closed.accepted, closed.refused) == (5, 1)


@pytest.mark.parametrize("place", range(0, 60, 3))
def test_a_changed_frame_is_its_senders_fault_or_another_report(place: int) -> None:
    def flip(frame: bytes) -> bytes:
        return frame[: place % len(frame)] + bytes([frame[place % len(frame)] ^ 1]) + frame[place % len(frame) + 1 :]

    poll = local.ask(AGREED, reports(), network=Network(tamper={(A(2), COORDINATOR): flip}))
    assert set(poll.accepted) >= {0, 1, 3, 4, 5}
    assert all(names == (2,) for names in culprits(poll.faults))
    assert (2 in poll.accepted) != (2 in poll.refused or bool(poll.faults))


def test_a_frame_without_end_is_refused_unread() -> None:
    huge = messages.TABLE.encode(Report(Round(1), A(1), bytes(1 << 20)))
    poll = local.ask(AGREED, reports(), network=Network(tamper={(A(1), COORDINATOR): lambda _: huge}))
    assert poll.refused == (1,)
    assert "do not decode" in poll.faults[0].reason


def test_who_speaks_for_somebody_else_is_named() -> None:
    forged = messages.TABLE.encode(Report(Round(1), A(0), ONE))
    poll = local.ask(AGREED, reports(), network=Network(tamper={(A(3), COORDINATOR): lambda _: forged}))
    assert culprits(poll.faults) == [(3,)]
    assert poll.accepted == (0, 1, 2, 4, 5)


# -- the agent ------------------------------------------------------------------------------------


def waiting() -> client.Waiting:
    return client.Waiting(A(0), AGREED)


def test_an_agent_answers_the_question_it_agreed_to_once() -> None:
    step = client.advance(waiting(), asked())
    assert isinstance(step.state, client.Preparing)
    assert not step.sends
    sent = client.advance(step.state, Randomized(ONE))
    assert isinstance(sent.state, client.Sent)
    assert [send.to for send in sent.sends] == [COORDINATOR]
    for again in (asked(), Randomized(ONE)):
        repeat = client.advance(sent.state, again)
        assert (repeat.state, repeat.sends, repeat.faults) == (sent.state, (), ())


OTHER_MECHANISM = replace(AGREED, mechanism=GeneralizedRandomizedResponse(categories=5, epsilon=4.0))
OTHER_QUESTION = replace(AGREED, question="Which of five others?")


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (Ask.under(OTHER_MECHANISM, 1), "asks another question"),
        (Ask.under(OTHER_QUESTION, 1), "asks another question"),
        (asked(minimum=2), "asks with a minimum of 2; agent 0 wants 3"),
    ],
)
def test_an_agent_declines_what_it_did_not_agree_to(ask: Ask, told: str) -> None:
    step = client.advance(waiting(), ask)
    assert isinstance(step.state, client.Declined)
    assert not step.sends
    assert told in step.faults[0].reason
    assert client.advance(step.state, Closed(Round(1), COORDINATOR, 5, 0)).faults == ()


@pytest.mark.parametrize("number", [0, 2, 99])
def test_a_second_question_gets_no_answer(number: int) -> None:
    state = client.advance(client.advance(waiting(), asked()).state, Randomized(ONE)).state
    step = client.advance(state, asked(round=Round(number)))
    assert (step.state, step.sends) == (state, ())
    assert "agreed to one report" in step.faults[0].reason
    early = client.advance(waiting(), asked(round=Round(number)))
    assert (early.sends, culprits(early.faults)) == ((), [(COORDINATOR,)])
    twice = client.advance(state, asked(deadline=9))
    assert (twice.sends, twice.faults[0].reason) == ((), "party -1 asked two questions in one round")


@pytest.mark.parametrize("event", [asked(sender=A(3)), Report(Round(1), COORDINATOR, ONE)])
def test_nobody_else_asks(event: Ask | Report) -> None:
    step = client.advance(waiting(), event)
    assert (step.state, step.sends) == (waiting(), ())
    assert culprits(step.faults) == [(event.sender,)]


def test_a_driver_hands_over_one_report_of_the_mechanism_that_was_agreed_to() -> None:
    preparing = client.advance(waiting(), asked()).state
    for bad in (b"", other_spec(), BAD["two reports"]):
        with pytest.raises(ProtocolMisuse):
            client.advance(preparing, Randomized(bad))
    sent = client.advance(preparing, Randomized(ONE)).state
    for state in (waiting(), sent):
        with pytest.raises(ProtocolMisuse):
            client.advance(state, Randomized(reports(seed=2)[A(1)]))


def test_two_endings_are_a_fault_and_too_few_reports_as_well() -> None:
    state = client.advance(client.advance(waiting(), asked()).state, Randomized(ONE)).state
    low = client.advance(state, Closed(Round(1), COORDINATOR, 2, 0))
    assert "fewer reports than it announced" in low.faults[0].reason
    ended = client.advance(state, Closed(Round(1), COORDINATOR, 5, 0)).state
    assert client.advance(ended, Closed(Round(1), COORDINATOR, 5, 0)).faults == ()
    assert "in two ways" in client.advance(ended, Abandoned(Round(1), COORDINATOR, 1)).faults[0].reason
    assert client.advance(ended, Randomized(ONE)).sends == ()


# -- the coordinator ------------------------------------------------------------------------------


def collecting() -> server.Collecting:
    state = server.open_question(AGREED, frozenset(map(A, range(4))), 1).state
    assert isinstance(state, server.Collecting)
    return state


def test_an_agent_has_one_report_and_a_malformed_one_uses_it_up() -> None:
    sent = reports()
    first = server.advance(collecting(), Report(Round(1), A(0), sent[A(0)])).state
    again = server.advance(first, Report(Round(1), A(0), sent[A(0)]))
    assert (again.state, again.faults) == (first, ())
    other = server.advance(first, Report(Round(1), A(0), b"x"))
    assert (other.state, other.faults[0].reason) == (first, "party 0 sent two different reports")
    spoiled = server.advance(collecting(), Report(Round(1), A(1), b"x")).state
    late = server.advance(spoiled, Report(Round(1), A(1), sent[A(1)]))
    assert (late.state, culprits(late.faults)) == (spoiled, [(1,)])


@pytest.mark.parametrize(
    "message",
    [
        Report(Round(1), A(9), ONE),
        Report(Round(2), A(0), ONE),
        Report(Round(0), A(0), ONE),
        Closed(Round(1), A(0), 5, 0),
        Abandoned(Round(1), A(0), 5),
        asked(sender=A(0)),
    ],
)
def test_the_coordinator_names_who_breaks_the_rules(message: messages.Message) -> None:
    state = collecting()
    step = server.advance(state, message)
    assert (step.state, step.sends) == (state, ())
    assert culprits(step.faults) == [(message.sender,)]


def test_after_the_deadline_nothing_changes() -> None:
    state: server.Coordinator = collecting()
    sent = reports()
    for agent in (A(0), A(1), A(2)):
        state = server.advance(state, Report(Round(1), agent, sent[agent])).state
    assert server.advance(state, Deadline(0)).state == state
    closed = server.advance(state, Deadline(1))
    assert isinstance(closed.state, server.Finished)
    assert len(closed.sends) == 4
    late = server.advance(closed.state, Report(Round(1), A(3), sent[A(3)]))
    assert (late.state, late.faults) == (closed.state, ())
    failed = server.advance(collecting(), Deadline(1)).state
    assert isinstance(failed, server.Failed)
    assert server.advance(failed, Report(Round(1), A(3), sent[A(3)])).state == failed


@pytest.mark.parametrize(
    "changes", [{"round": Round(-1)}, {"minimum": 0}, {"question": ""}], ids=["round", "minimum", "question"]
)
def test_agreements_are_tested(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="an agreement wants"):
        replace(AGREED, **changes)  # type: ignore[arg-type] # what a test changes


# -- law 21: who sees what ------------------------------------------------------------------------


def test_the_table_covers_exactly_the_fields_of_all_messages() -> None:
    declared = {(row.message, row.field) for row in local.FLOW if row.party != "network"}
    table = local.TABLE
    assert declared == {(c.__name__, f) for c in table.types.values() for f in (*table.fields(c), SIZE)}
    assert {row.message for row in local.FLOW if row.party == "network"} == {c.__name__ for c in table.types.values()}
    assert len({(row.party, row.message, row.field) for row in local.FLOW}) == len(local.FLOW)
    assert all(row.noise != "none" for row in local.FLOW if row.private)


@pytest.mark.parametrize("network", [FAITHFUL, Network(copies=2), Network(silent=frozenset(map(A, range(4))))])
def test_everything_that_was_seen_is_declared(network: Network) -> None:
    assert undeclared(local.FLOW, local.ask(AGREED, reports(), network=network).transcript.seen()) == frozenset()


@dataclass(frozen=True, slots=True)
class Telling:
    """A mutant: it tells the agents more than the table says."""

    round: Round
    sender: AgentId
    accepted: U32
    refused: U32
    slowest: U32 = 3


def test_a_message_with_an_extra_field_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    Telling.__name__ = "Closed"
    types = {1: Ask, 2: Report, 3: Telling, 4: Abandoned}
    monkeypatch.setattr(messages, "TABLE", Table(protocol=4, version=1, types=types))
    for role in (client, server):
        monkeypatch.setattr(role, "Closed", Telling)
    poll = local.ask(AGREED, reports())
    assert poll.accepted
    assert undeclared(local.FLOW, poll.transcript.seen()) == {("agent", "Closed", "slowest")}


def test_only_the_report_depends_on_an_answer_and_its_length_does_not() -> None:
    one = local.ask(AGREED, reports()).transcript.received
    other = local.ask(AGREED, reports([4, 4, 4, 4, 4, 4])).transcript.received
    private = {(row.party, row.message, row.field) for row in local.FLOW if row.private}
    assert private == {("coordinator", "Report", "report")}
    changed = set()
    for left, right in zip(one, other, strict=True):
        for (name, mine), (_, theirs) in zip(left.fields(), right.fields(), strict=True):
            if mine != theirs:
                changed.add((left.role, type(left.message).__name__, name))
    assert changed == private


def test_what_the_coordinator_sees_is_what_the_device_randomized() -> None:
    sent = reports()
    poll = local.ask(AGREED, sent)
    seen = {row.message.sender: row.message.report for row in poll.transcript.of(COORDINATOR)}  # type: ignore[attr-defined]
    assert seen == sent
    assert np.array_equal(
        [MECHANISM.read(seen[A(i)])["item"][0] for i in range(6)],
        MECHANISM.randomize(ANSWERS, entropy=Entropy.seeded(1), round=1)["item"],
    )
