"""Conformance: protocols send what their flows say; whoever adds, forgets or hides a field is caught (law 21)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow.model import Choice, Fact, Sampling
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.noise import DiscreteGaussian
from tip.protocols import COORDINATOR, FAITHFUL, AgentId, Network, Round, Table, clear, ideal, local, run_round
from tip.protocols.clear import client as clear_client
from tip.protocols.clear import messages as clear_messages
from tip.protocols.clear import server
from tip.protocols.codec import U32, Agents, Opaque
from tip.protocols.conformance import Discrepancy, Recorded, Trouble, discrepancies, untold, varying
from tip.protocols.core import Accumulator, Body, Send, Step, Total
from tip.protocols.declaring import Sums
from tip.protocols.ideal import ADDER, adder
from tip.protocols.ideal.messages import Sum
from tip.protocols.local import client as local_client
from tip.protocols.local import messages as local_messages
from tip.randomness import Entropy

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    from tip.flow.model import Flow
    from tip.protocols.core import Vector
    from tip.protocols.transcript import Outcome, Transcript

A = AgentId
AGENTS, LEAST, DIMENSION, ROUNDS = 6, 4, 3, 3
VARIANCE = Fraction(9)
SUMS: list[ModuleType] = [clear, ideal]
NETWORKS = {
    "faithful": FAITHFUL,
    "every frame twice": Network(copies=2),
    "overtaking": Network(copies=2, order=Entropy.seeded(5)),
    "two silent": Network(silent=frozenset({A(1), A(4)})),
    "given up": Network(silent=frozenset(map(A, range(3)))),
    "a frame cut short": Network(tamper={(A(2), COORDINATOR): lambda frame: frame[:-1]}),
    "a frame lost": Network(tamper={(COORDINATOR, A(3)): lambda _: None}),
}


def flow_of(protocol: ModuleType, bits: int = 32, rounds: int = ROUNDS) -> Flow:
    flow: Flow = protocol.flow(
        Sums(
            agents=AGENTS,
            least=LEAST,
            dimension=DIMENSION,
            squared_bound=10_000,
            share_variance=VARIANCE,
            modulus_bits=bits,
            rounds=rounds,
            participations=rounds,
            sampling=Sampling.ALL,
        )
    )
    return flow


def drawn(seed: int = 1, rounds: int = ROUNDS) -> dict[str, NDArray[np.int64]]:
    """Updates that depend on the seed, and shares that do not."""
    updates = Entropy.seeded(seed).generator("updates").integers(-50, 51, (rounds, AGENTS, DIMENSION))
    sampler, agents = DiscreteGaussian(VARIANCE), np.arange(AGENTS)
    shares = [sampler.sample(Entropy.seeded(9).stream("shares", t), agents, DIMENSION) for t in range(rounds)]
    return {"update": updates.astype(np.int64), "share": np.array(shares)}


def play(
    protocol: ModuleType, values: dict[str, NDArray[np.int64]], number: int, network: Network = FAITHFUL, bits: int = 32
) -> Outcome:
    sent = values["update"][number] + values["share"][number]
    return run_round(
        protocol,
        {A(i): sent[i] for i in range(AGENTS)},
        minimum=LEAST,
        modulus_bits=bits,
        round=Round(10 + number),
        model_hash=bytes(32),
        network=network,
    )


def found(
    protocol: ModuleType,
    values: dict[str, NDArray[np.int64]],
    network: Network = FAITHFUL,
    *,
    sent: dict[str, NDArray[np.int64]] | None = None,
    flow: Flow | None = None,
    deviating: frozenset[AgentId] = frozenset({A(2)}),
) -> tuple[Discrepancy, ...]:
    """What does not agree over all rounds; `sent` is what agents really send, where they deviate."""
    outcomes = [play(protocol, sent or values, number, network) for number in range(ROUNDS)]
    numbered = {Round(10 + number): outcome for number, outcome in enumerate(outcomes)}
    recorded = Recorded(
        values,
        {number: outcome.survivors for number, outcome in numbered.items()},
        {number: (outcome.total,) for number, outcome in numbered.items() if outcome.total is not None},
        deviating=deviating,
    )
    return discrepancies(protocol, flow or flow_of(protocol), [o.transcript for o in outcomes], recorded)


def caught(discrepancies: tuple[Discrepancy, ...]) -> set[tuple[Trouble, str, str]]:
    return {(d.trouble, d.role, d.field) for d in discrepancies}


# -- what is right is found right -----------------------------------------------------------------


@pytest.mark.parametrize("protocol", SUMS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_house_sends_what_its_flows_say(protocol: ModuleType, network: Network) -> None:
    assert found(protocol, drawn(), network) == ()


@pytest.mark.parametrize("protocol", [*SUMS, local])
def test_messages_tables_and_flows_speak_of_the_same_fields(protocol: ModuleType) -> None:
    flow = poll_flow() if protocol is local else flow_of(protocol)
    assert untold(protocol, flow) == ()


@pytest.mark.parametrize("protocol", SUMS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_facts_do_not_vary_with_the_data(protocol: ModuleType, network: Network) -> None:
    one, other = (play(protocol, drawn(seed), 0, network).transcript for seed in (1, 2))
    assert varying(flow_of(protocol), one, other) == ()


@pytest.mark.parametrize("protocol", SUMS)
@pytest.mark.parametrize("bits", [16, 64])
def test_values_agree_in_the_ring_and_beyond_its_ends(protocol: ModuleType, bits: int) -> None:
    values = drawn(rounds=1)
    values["update"][0, :, 0] = 2 ** min(bits - 2, 52) * np.array([1, 1, 1, 1, 1, -3]) + np.arange(AGENTS)
    outcome = play(protocol, values, 0, bits=bits)
    recorded = Recorded(values, {Round(10): outcome.survivors})
    assert discrepancies(protocol, flow_of(protocol, bits, 1), [outcome.transcript], recorded) == ()


@settings(max_examples=30, deadline=None)
@given(
    protocol=st.sampled_from(SUMS),
    silent=st.sets(st.integers(0, AGENTS - 1)),
    copies=st.integers(1, 3),
    order=st.integers(0, 99),
    place=st.tuples(st.integers(0, ROUNDS - 1), st.integers(0, AGENTS - 1), st.integers(0, DIMENSION - 1)),
    symbol=st.sampled_from(["update", "share"]),
)
def test_one_number_that_differs_is_seen_whatever_the_network_does(
    protocol: ModuleType, silent: set[int], copies: int, order: int, place: tuple[int, int, int], symbol: str
) -> None:
    """Of an agent that sent something, that is; what a silent one holds is seen by nobody."""
    network = Network(silent=frozenset(map(A, silent)), copies=copies, order=Entropy.seeded(order))
    values, other = drawn(), drawn()
    assert found(protocol, values, network) == ()
    other[symbol][place] += 1
    wrong = caught(found(protocol, other, network, sent=values))
    assert bool(wrong) == (place[1] not in silent)
    assert {trouble for trouble, _, _ in wrong} <= {Trouble.VALUE}


def test_a_deviating_agent_is_recorded_with_its_effective_input() -> None:
    """Law 19. With its own word instead of its effective input the sum does not agree either."""
    values, other = drawn(), drawn()
    other["update"][:, 2] += 77
    assert found(ideal, other, sent=other) == ()
    assert caught(found(ideal, values, sent=other)) == {
        (Trouble.VALUE, "adder", "Vector.body"),
        (Trouble.VALUE, "coordinator", "Sum.body"),
        (Trouble.VALUE, *RELEASED),
    }


# -- mutants --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Closed:
    """Tells the agents more than the table says."""

    round: Round
    sender: AgentId
    survivors: Agents
    slowest: U32 = 3


def test_a_message_with_one_field_more_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    types = {1: clear_messages.Announce, 2: clear_messages.Vector, 3: Closed, 4: clear_messages.Abandoned}
    monkeypatch.setattr(clear, "TABLE", Table(protocol=1, version=1, types=types))
    for role in (clear_client, server):
        monkeypatch.setattr(role, "Closed", Closed)
    mutant = found(clear, drawn())
    assert caught(mutant) == {
        (Trouble.UNTOLD, "somebody", "Closed.slowest"),
        (Trouble.UNDECLARED, "agent", "Closed.slowest"),
    }
    assert mutant[1].text == "agent sees Closed.slowest: the flow does not declare it for this party"


def test_a_field_that_reaches_another_party_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(state: adder.Summing, body: Body) -> Step[adder.Adder]:
        step = honest(state, body)
        return Step(step.state, (*step.sends, Send(A(0), step.sends[0].message)))

    honest = adder.Summing.summed
    monkeypatch.setattr(adder.Summing, "summed", leaky)
    assert {
        (Trouble.UNDECLARED, "agent", f"Sum.{field}") for field in ("body", "survivors", "round", "size")
    } <= caught(found(ideal, drawn()))


def test_a_second_sum_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adder gives the sum, and then that without the last survivor: their difference is one agent's vector."""

    def total(self: Accumulator, item: Total) -> object:
        sums = ring_of(self)
        answer = honest(self, item)
        second[item.survivors[:-1]] = sums
        return answer

    def ring_of(own: Accumulator) -> Vector:
        last = max(own._added)
        assert own._sum is not None
        vector: Vector = own._sum - vectors[last]
        return vector

    def both(state: adder.Summing, body: Body) -> Step[adder.Adder]:
        step = summed(state, body)
        fewer = state.survivors[:-1]
        other = Sum(state.round, ADDER, fewer, Body.of(second[fewer], 32))
        return Step(step.state, (*step.sends, Send(COORDINATOR, other)))

    def answer(self: Accumulator) -> dict[bytes, Vector]:
        held = dict(known(self))
        return held | {Body.of(vector, 32).digest: vector for vector in second.values()} if held else held

    values = drawn()
    values = {name: array[:1].repeat(ROUNDS, 0) for name, array in values.items()}
    sent = (values["update"] + values["share"])[0]
    vectors = {A(i): sent[i].astype(np.uint64).astype(np.uint32) for i in range(AGENTS)}
    second: dict[tuple[AgentId, ...], Vector] = {}
    honest, summed, known = Accumulator.total, adder.Summing.summed, Accumulator.answer
    monkeypatch.setattr(Accumulator, "total", total)
    monkeypatch.setattr(Accumulator, "answer", answer)
    monkeypatch.setattr(adder.Summing, "summed", both)
    assert caught(found(ideal, values)) == {(Trouble.VALUE, "coordinator", "Sum.body")}


def test_a_second_sum_that_is_released_is_caught() -> None:
    """The coordinator has each vector in the open: nothing but its honesty keeps it from a second sum."""
    values, present = drawn(), {Round(10): tuple(map(A, range(AGENTS)))}
    outcome = play(clear, values, 0)
    assert outcome.total is not None
    without = outcome.total - (values["update"] + values["share"])[0, 5].astype(np.uint64).astype(np.uint32)
    for vectors, wrong in (
        ((outcome.total, outcome.total), set()),
        ((outcome.total, without), {(Trouble.VALUE, "everybody", "released")}),
    ):
        recorded = Recorded(values, present, {Round(10): vectors})
        assert caught(discrepancies(clear, flow_of(clear), [outcome.transcript], recorded)) == wrong
    given_up = Recorded(values, {Round(10): ()}, {Round(10): (outcome.total,)})
    assert caught(discrepancies(clear, flow_of(clear), [], given_up)) == {(Trouble.FEWER, "everybody", "released")}


RELEASED = ("everybody", "released")


@pytest.mark.parametrize(
    ("protocol", "fields"),
    [
        (clear, {("coordinator", "Vector.body"), RELEASED}),
        (ideal, {("adder", "Vector.body"), ("coordinator", "Sum.body"), RELEASED}),
    ],
)
def test_an_agent_that_forgets_its_share_is_caught(protocol: ModuleType, fields: set[tuple[str, str]]) -> None:
    values, sent = drawn(), drawn()
    sent["share"][:, 4] = 0
    assert caught(found(protocol, values, sent=sent)) == {(Trouble.VALUE, *field) for field in fields}


def test_a_sum_with_one_survivor_missing_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adder says that it summed all, and left one out."""

    def forgetful(state: adder.Gathering, request: Any) -> Step[adder.Adder]:  # noqa: ANN401 - its own message
        step = honest(state, request)
        return replace(step, work=(*step.work[1:-1], Total(request.survivors)))

    def total(self: Accumulator, item: Total) -> object:
        return closing(self, Total(tuple(sorted(self._added))))

    honest, closing = adder.Gathering.close, Accumulator.total
    monkeypatch.setattr(adder.Gathering, "close", forgetful)
    monkeypatch.setattr(Accumulator, "total", total)
    assert caught(found(ideal, drawn())) == {(Trouble.VALUE, "coordinator", "Sum.body"), (Trouble.VALUE, *RELEASED)}


def test_a_sum_of_too_few_is_caught() -> None:
    """The flow promises that five are summed; a round of four is no round of that flow."""
    flow = flow_of(ideal)
    stricter = replace(flow, cohorts=(replace(flow.cohorts[0], least=5),))
    two_silent = NETWORKS["two silent"]
    assert caught(found(ideal, drawn(), two_silent, flow=stricter)) == {
        (Trouble.FEWER, "coordinator", "Sum.body"),
        (Trouble.FEWER, *RELEASED),
    }
    assert found(ideal, drawn(), flow=stricter) == ()


def test_a_sum_in_a_round_that_was_given_up_is_caught() -> None:
    values = drawn()
    outcome = play(ideal, values, 0)
    recorded = Recorded(values, {Round(10): (), Round(11): (), Round(12): ()})
    assert caught(discrepancies(ideal, flow_of(ideal), [outcome.transcript], recorded)) == {
        (Trouble.FEWER, "coordinator", "Sum.body")
    }
    elsewhere = Recorded(values, {Round(1): outcome.survivors, Round(2): (), Round(3): ()})
    assert caught(discrepancies(ideal, flow_of(ideal), [outcome.transcript], elsewhere)) == {
        (Trouble.VALUE, "adder", "Vector.body"),
        (Trouble.VALUE, "coordinator", "Sum.body"),
    }


@pytest.mark.parametrize(
    ("protocol", "role", "own"), [(clear, "coordinator", "Vector.body"), (ideal, "coordinator", "Sum.body")]
)
def test_a_private_field_declared_as_a_fact_is_caught(protocol: ModuleType, role: str, own: str) -> None:
    """By the table, and, where the table lies as well, by the data."""
    flow = flow_of(protocol)
    total = flow_of(ideal).message("Sum.body").says
    kept = tuple(replace(m, says=total) if m.name == "released" else m for m in flow.messages if m.name != own)
    mutant = replace(flow, messages=kept, facts=(*flow.facts, Fact(own, (role,), "nothing of interest")))
    assert (Trouble.UNTOLD, role, own) in caught(untold(protocol, mutant))
    one, other = (play(protocol, drawn(seed), 0).transcript for seed in (1, 2))
    assert caught(varying(mutant, one, other)) == {(Trouble.VARIES, role, own)}
    both = replace(flow, facts=(*flow.facts, Fact(own, (role,), "nothing of interest")))
    assert (Trouble.UNTOLD, role, own) in caught(untold(protocol, both))


def test_a_flow_that_tells_too_much_or_too_little_is_caught() -> None:
    flow = flow_of(clear)
    more = replace(flow, facts=(*flow.facts, Fact("Closed.weather", ("agent",), "rain")))
    assert caught(untold(clear, more)) == {(Trouble.UNTOLD, "agent", "Closed.weather")}
    less = replace(flow, facts=tuple(fact for fact in flow.facts if fact.name != "Closed.survivors"))
    assert caught(untold(clear, less)) == {
        (Trouble.UNTOLD, "agent", "Closed.survivors"),
        (Trouble.UNTOLD, "somebody", "Closed.survivors"),
    }
    wider = tuple(replace(m, to=("coordinator", "agent")) if m.name == "Vector.body" else m for m in flow.messages)
    assert caught(untold(clear, replace(flow, messages=wider))) == {(Trouble.UNTOLD, "agent", "Vector.body")}


def test_sizes_and_silence_that_vary_with_the_data_are_caught() -> None:
    """A device that answers only if its first number is even, and one whose malformed frame tells by its length."""
    one, other = drawn(1), drawn(2)
    one["update"][0, 0, 0], other["update"][0, 0, 0] = 4, 5

    def told(values: dict[str, NDArray[np.int64]], network: Network) -> Transcript:
        return play(clear, values, 0, network).transcript

    shy = [Network(silent=frozenset({A(0)} if v["update"][0, 0, 0] % 2 else ())) for v in (one, other)]
    presence = varying(flow_of(clear), told(one, shy[0]), told(other, shy[1]))
    assert (Trouble.VARIES, "network", "Vector") in caught(presence)
    cut = [Network(tamper={(A(0), COORDINATOR): lambda f, n=n: f[:-n]}) for n in (1, 2)]  # type: ignore[misc]
    assert caught(varying(flow_of(clear), told(one, cut[0]), told(other, cut[1]))) == {
        (Trouble.VARIES, "network", "undecoded")
    }
    assert varying(flow_of(clear), told(one, cut[0]), told(other, cut[0])) == ()


@pytest.mark.parametrize(("protocol", "role"), [(clear, "coordinator"), (ideal, "party -2")])
def test_bytes_of_an_honest_party_that_are_no_message_are_caught(protocol: ModuleType, role: str) -> None:
    """They could say anything, and no field of any table tells what."""
    to = COORDINATOR if protocol is clear else ADDER
    cut = Network(tamper={(A(2), to): lambda frame: frame[:-1], (COORDINATOR, A(1)): lambda frame: frame + b"!"})
    wrong = {(Trouble.UNDECLARED, role, "undecoded"), (Trouble.UNDECLARED, "agent", "undecoded")}
    assert caught(found(protocol, drawn(), cut, deviating=frozenset())) == wrong
    assert found(protocol, drawn(), cut, deviating=frozenset({A(2), COORDINATOR})) == ()


# -- reports --------------------------------------------------------------------------------------

MECHANISM = GeneralizedRandomizedResponse(categories=5, epsilon=1.0)
AGREED = local.Agreement(Round(1), "Which of five?", MECHANISM, minimum=3)
ANSWERS = [0, 1, 2, 3, 4, 0]


def poll_flow() -> Flow:
    return local.flow(agents=len(ANSWERS), domain=Choice(5), ratio=MECHANISM.ratio)


def report(agent: int, answers: list[int] = ANSWERS) -> bytes:
    return MECHANISM.randomize([answers[agent]], entropy=Entropy.seeded(3), agents=[agent], round=1).to_bytes()


def reports(answers: list[int] = ANSWERS) -> dict[AgentId, bytes]:
    return {A(i): report(i, answers) for i in range(len(answers))}


def reported(sent: dict[AgentId, bytes], network: Network = FAITHFUL) -> tuple[Discrepancy, ...]:
    poll = local.ask(AGREED, sent, network=network)
    recorded = Recorded(
        {}, {Round(1): poll.accepted}, deviating=frozenset({A(2)}), report=lambda agent, _: report(agent)
    )
    return discrepancies(local, poll_flow(), [poll.transcript], recorded)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_reports_are_what_the_mechanism_makes_of_the_answers(network: Network) -> None:
    assert reported(reports(), network) == ()
    one, other = (local.ask(AGREED, reports(a), network=network).transcript for a in (ANSWERS, [4, 4, 4, 4, 4, 4]))
    assert varying(poll_flow(), one, other) == ()


def test_a_report_of_another_answer_is_caught() -> None:
    """An agent that sends its bare answer, as the mechanism writes it. The recorded one was changed by chance."""
    bare = next(m for s in range(99) if (m := other_entropy(s)) != report(2))
    mutant = reported(reports() | {A(2): bare})
    assert caught(mutant) == {(Trouble.VALUE, "coordinator", "Report.report")}
    assert mutant[0].text.startswith("coordinator sees Report.report: not what the mechanism makes")


def other_entropy(seed: int) -> bytes:
    return MECHANISM.randomize([ANSWERS[2]], entropy=Entropy.seeded(seed), agents=[2], round=1).to_bytes()


def test_a_report_with_one_field_more_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, slots=True)
    class Report:
        round: Round
        sender: AgentId
        report: Opaque
        battery: U32 = 80

    Report.__annotations__ = {"round": Round, "sender": AgentId, "report": Opaque, "battery": U32}
    types = dict(local_messages.TABLE.types) | {2: Report}
    table = Table(protocol=4, version=1, types=types)
    monkeypatch.setattr(local, "TABLE", table)
    monkeypatch.setattr(local_messages, "TABLE", table)
    monkeypatch.setattr(local_client, "Report", Report)
    from tip.protocols.local import server as local_server  # noqa: PLC0415

    monkeypatch.setattr(local_server, "Report", Report)
    assert (Trouble.UNDECLARED, "coordinator", "Report.battery") in caught(reported(reports()))


def test_more_rounds_than_the_flow_has_are_refused() -> None:
    values = drawn(rounds=1)
    outcome = play(clear, values, 0)
    recorded = Recorded(values, {Round(10): outcome.survivors, Round(11): ()})
    with pytest.raises(ConfigurationError, match="2 rounds were recorded, and the flow has 1"):
        discrepancies(clear, flow_of(clear, rounds=1), [outcome.transcript], recorded)


def test_a_report_wants_somebody_who_knows_what_the_mechanism_makes() -> None:
    poll = local.ask(AGREED, reports())
    with pytest.raises(ConfigurationError, match=r"Report\.report is a report"):
        discrepancies(local, poll_flow(), [poll.transcript], Recorded({}, {Round(1): poll.accepted}))


def test_what_is_printed_holds_no_secret() -> None:
    values = drawn()
    assert "array" not in repr(Recorded(values, {}))
