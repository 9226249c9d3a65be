"""Flow: every field that anybody sees is declared, and the declared values are true (law 21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.expressions import write
from tip.flow.model import Choice, Fact, Sampling
from tip.protocols import FAITHFUL, AgentId, Network, Round, Table, clear, ideal, local, run_round
from tip.protocols.clear import client, server
from tip.protocols.clear import messages as clear_messages
from tip.protocols.codec import U32, Agents  # noqa: TC001 - the table reads the annotations at run time
from tip.protocols.core import COORDINATOR, Body, Send, Sight, Step, undeclared
from tip.protocols.declaring import Sums, facts, field_name, receivers
from tip.protocols.ideal import adder
from tip.protocols.transcript import SIZE

if TYPE_CHECKING:
    from tip.flow.model import Flow
    from tip.protocols.loopback import Runnable
    from tip.protocols.transcript import Outcome, Transcript

VECTORS = {AgentId(i): np.array([i, -i, 7 * i], dtype=np.int64) for i in range(6)}
ROOMS: list[Runnable] = [clear, ideal]


def play(protocol: Runnable, network: Network = FAITHFUL, minimum: int = 4) -> Outcome:
    return run_round(
        protocol, VECTORS, minimum=minimum, modulus_bits=32, round=Round(2), model_hash=bytes(32), network=network
    )


@pytest.mark.parametrize("protocol", ROOMS)
def test_the_table_covers_exactly_the_fields_of_all_messages(protocol: Runnable) -> None:
    declared = {(row.message, row.field) for row in protocol.FLOW if row.party != "network"}
    table = protocol.TABLE
    assert declared == {(c.__name__, f) for c in table.types.values() for f in (*table.fields(c), SIZE)}
    overheard = {row.message for row in protocol.FLOW if row.party == "network"}
    assert overheard == {cls.__name__ for cls in table.types.values()}
    assert len({(row.party, row.message, row.field) for row in protocol.FLOW}) == len(protocol.FLOW)


@pytest.mark.parametrize("protocol", ROOMS)
@pytest.mark.parametrize("network", [FAITHFUL, Network(copies=2), Network(silent=frozenset(map(AgentId, range(4))))])
def test_everything_that_was_seen_is_declared(protocol: Runnable, network: Network) -> None:
    assert undeclared(protocol.FLOW, play(protocol, network).transcript.seen()) == frozenset()


@dataclass(frozen=True, slots=True)
class Closed:
    """A mutant: it tells the agents more than the table says."""

    round: Round
    sender: AgentId
    survivors: Agents
    slowest: U32 = 3


def test_a_message_with_an_extra_field_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    types = {1: clear_messages.Announce, 2: clear_messages.Vector, 3: Closed, 4: clear_messages.Abandoned}
    monkeypatch.setattr(clear, "TABLE", Table(protocol=1, version=1, types=types))
    for role in (client, server):
        monkeypatch.setattr(role, "Closed", Closed)
    outcome = play(clear)
    assert outcome.survivors
    assert undeclared(clear.FLOW, outcome.transcript.seen()) == {("agent", "Closed", "slowest")}


def test_a_field_that_reaches_another_party_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(state: adder.Summing, body: Body) -> Step[adder.Adder]:
        step = honest(state, body)
        return Step(step.state, (*step.sends, Send(AgentId(0), step.sends[0].message)))

    honest = adder.Summing.summed
    monkeypatch.setattr(adder.Summing, "summed", leaky)
    caught = undeclared(ideal.FLOW, play(ideal).transcript.seen())
    assert ("agent", "Sum", "body") in caught


@pytest.mark.parametrize("protocol", ROOMS)
def test_private_values_are_what_the_table_says(protocol: Runnable) -> None:
    outcome = play(protocol)
    truth = {agent: vector.astype(np.uint64).astype(np.uint32) for agent, vector in VECTORS.items()}
    private = {(row.party, row.message, row.field) for row in protocol.FLOW if row.private}
    assert all(row.noise != "none" for row in protocol.FLOW if row.private)
    for row in outcome.transcript.received:
        name = type(row.message).__name__
        for field, value in row.fields():
            if (row.role, name, field) in private:
                expected = truth[row.message.sender] if name == "Vector" else sum(truth.values())
                assert np.array_equal(np.asarray(value), np.asarray(expected))


def test_under_clear_the_coordinator_sees_each_vector_and_under_ideal_one_sum() -> None:
    def bodies(transcript: Transcript) -> list[str]:
        return [type(row.message).__name__ for row in transcript.of(COORDINATOR) if row.vectors]

    assert bodies(play(clear).transcript) == ["Vector"] * len(VECTORS)
    assert bodies(play(ideal).transcript) == ["Sum"]
    assert bodies(play(ideal, minimum=7).transcript) == []


def other_data(protocol: Runnable) -> Transcript:
    vectors = {agent: vector * 31 + 5 for agent, vector in VECTORS.items()}
    return run_round(protocol, vectors, minimum=4, modulus_bits=32, round=Round(2), model_hash=bytes(32)).transcript


@pytest.mark.parametrize("protocol", ROOMS)
def test_fields_that_are_not_private_do_not_depend_on_data(protocol: Runnable) -> None:
    private = {(row.party, row.message, row.field) for row in protocol.FLOW if row.private}
    one, other = play(protocol).transcript.received, other_data(protocol).received
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        for (name, mine), (_, theirs) in zip(left.fields(), right.fields(), strict=True):
            if (left.role, type(left.message).__name__, name) not in private:
                assert mine == theirs


SUMS = Sums(
    agents=6,
    least=4,
    dimension=3,
    squared_bound=2000,
    share_variance=Fraction(9, 2),
    modulus_bits=32,
    rounds=5,
    participations=2,
    sampling=Sampling.ALL,
)
FLOWS: dict[str, Flow] = {
    "clear": clear.flow(SUMS),
    "ideal": ideal.flow(SUMS),
    "local": local.flow(agents=6, domain=Choice(5), ratio=Fraction(3)),
}
TABLES = {"clear": clear.FLOW, "ideal": ideal.FLOW, "local": local.FLOW}


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_tells_every_row_of_the_table_and_no_other_field(name: str) -> None:
    flow, table = FLOWS[name], TABLES[name]
    told = {(party, fact.name) for fact in flow.facts for party in fact.to}
    assert told == {(row.party, field_name(row.message, row.field)) for row in table if not row.private}
    private = [*((m.name, m.to) for m in flow.messages), *((r.name, r.to) for r in flow.reports)]
    hidden = {(party, name) for name, to in private for party in to if party != "everybody"}
    assert hidden == {(row.party, field_name(row.message, row.field)) for row in table if row.private}


@pytest.mark.parametrize("name", FLOWS)
def test_the_words_of_a_fact_are_those_of_the_table(name: str) -> None:
    for fact in FLOWS[name].facts:
        rows = [row for row in TABLES[name] if field_name(row.message, row.field) == fact.name]
        assert all(row.what in fact.what for row in rows)
        assert len(fact.what) <= sum(len(row.what) + 2 for row in rows)


def test_what_the_sum_protocols_say() -> None:
    said = {m.name: (m.by, write(m.says), m.to) for m in FLOWS["clear"].messages}
    assert said == {
        "Vector.body": ("agent", "update + share", ("coordinator",)),
        "released": ("coordinator", "sum(Vector.body, cohort)", ("everybody",)),
    }
    assert FLOWS["ideal"].message("Vector.body").to == ("adder",)
    assert FLOWS["ideal"].message("Sum.body").to == ("coordinator",)
    silent = clear.flow(replace(SUMS, share_variance=None))
    assert silent.noises == ()
    assert write(silent.message("Vector.body").says) == "update"


@pytest.mark.parametrize("name", ["clear", "ideal"])
def test_a_flow_holds_the_public_numbers(name: str) -> None:
    flow = FLOWS[name]
    secret, share, cohort = flow.secret("update"), flow.noise("share"), flow.cohort("cohort")
    assert (int(secret.squared_reach), secret.dimension, secret.rounds, secret.uses) == (8000, 3, 5, 2)
    assert (secret.whole, secret.adaptive) == (True, True)
    assert (share.variance, share.rounds, share.of) == (Fraction(9, 2), 5, "agent")
    assert (flow.enrolled, cohort.least, cohort.sampling) == (6, 4, Sampling.ALL)
    assert {m.ring for m in flow.messages} == {32}


def test_senseless_numbers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="squared_bound"):
        replace(SUMS, squared_bound=0)
    for sums in (replace(SUMS, least=7), replace(SUMS, participations=6), replace(SUMS, rate=Fraction(1, 2))):
        with pytest.raises(ConfigurationError, match=r"cohort|participations"):
            clear.flow(sums)


def test_a_field_cannot_be_private_in_one_row_only() -> None:
    table = (*clear.FLOW, Sight("agent", "Vector", "body", "an echo", private=False))
    with pytest.raises(ConfigurationError, match=r"Vector\.body is private in one row"):
        facts(table)
    assert receivers(table, "Vector.body") == ("coordinator",)


def test_the_network_may_be_told_and_nobody_unknown() -> None:
    """It is no party: it sees and never acts. The mutant tells somebody whom the flow does not know."""
    flow = FLOWS["clear"]
    assert ("network" in flow.parties, "network" in flow.facts[7].to) == (False, True)
    with pytest.raises(ConfigurationError, match="netwrk"):
        replace(flow, facts=(Fact("Announce.size", ("netwrk",), "how much"),))
