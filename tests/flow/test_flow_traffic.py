"""Bytes that flows send: closed forms of small flows, and a row-by-row count of drawn graphs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tip.flow.expressions import parse
from tip.flow.graphs import edges
from tip.flow.language import read_file
from tip.flow.model import Fact, Flow, Graph, Group, Law, Message, Noise, Report, Wiring
from tip.flow.readymade import central_sum, gossip, k_out, pairwise, token_ring
from tip.flow.traffic import REPORT, SEED, WORD, bytes_sent

HALF = Fraction(1, 2)


def to(flow: Flow, *receivers: str, message: int = 0) -> Flow:
    changed = replace(flow.messages[message], to=receivers)
    return replace(flow, messages=(*flow.messages[:message], changed, *flow.messages[message + 1 :]))


def test_words_as_wide_as_the_ring() -> None:
    flow = central_sum(5, variance=HALF)
    told, total = bytes_sent(flow).sent
    assert (told.by, told.total, told.most) == ("agent", 5 * WORD, WORD)
    assert (total.by, total.total, total.most) == ("coordinator", WORD, WORD)
    assert bytes_sent(flow).total == 6 * WORD
    wide = replace(flow, secrets=(replace(flow.secrets[0], dimension=20),))
    assert bytes_sent(wide).by_message == {"told": 5 * 20 * WORD, "total": 20 * WORD}
    for bits, size in ((1, 1), (8, 1), (9, 2), (32, 4), (64, 8)):
        ring = replace(flow, messages=tuple(replace(message, ring=bits) for message in flow.messages))
        assert bytes_sent(ring).total == 6 * size


def test_every_round_is_sent() -> None:
    flow = central_sum(5, variance=HALF)
    often = replace(
        flow,
        secrets=(replace(flow.secrets[0], rounds=8),),
        noises=(replace(flow.noises[0], rounds=8),),
        messages=(*flow.messages, Message("at_last", "coordinator", parse("last(total)"), ("everybody",))),
    )
    assert bytes_sent(often).by_message == {"told": 40 * WORD, "total": 8 * WORD, "at_last": WORD}


@pytest.mark.parametrize(
    ("receivers", "copies"),
    [
        (("coordinator",), 1), (("nobody",), 0), (("network",), 0), (("everybody",), 1),
        (("coordinator", "network"), 1), (("everybody", "coordinator"), 1), (("agent",), 4),
        (("agent", "coordinator"), 5), (("next in agent",), 1),
    ],
)  # fmt: skip
def test_receivers(receivers: tuple[str, ...], copies: int) -> None:
    (told, _) = bytes_sent(to(central_sum(5, variance=HALF), *receivers)).sent
    assert (told.total, told.most) == (5 * copies * WORD, copies * WORD)


def test_nobody_sends_to_itself() -> None:
    flow = to(central_sum(5, variance=HALF), "coordinator", message=1)
    assert bytes_sent(flow).by_message["total"] == 0
    alone = Flow(
        "one", "", (Group("agent", 1),), noises=(Noise("n", "agent", Law.GAUSSIAN, HALF),),
        messages=(Message("told", "agent", parse("n"), ("agent",)),),
    )  # fmt: skip
    assert bytes_sent(alone).total == 0


def test_noise_that_travels() -> None:
    assert bytes_sent(gossip(6, Wiring.RING, rounds=3, variance=HALF)).by_sender["agent"] == 3 * 2 * WORD
    assert bytes_sent(token_ring(6, turns=3, variance=HALF)).total >= 6 * 3 * WORD


@pytest.mark.parametrize(
    ("wiring", "pairs", "most"),
    [(Wiring.COMPLETE, 15, 5), (Wiring.RING, 6, 2), (Wiring.PATH, 5, 2), (Wiring.STAR, 5, 5)],
)
def test_an_edge_costs_one_seed(wiring: Wiring, pairs: int, most: int) -> None:
    traffic = bytes_sent(pairwise(6, wiring, own_variance=HALF, pair_variance=HALF))
    assert traffic.by_message["pair"] == SEED * pairs
    assert next(one for one in traffic.sent if one.name == "pair").most == SEED * most
    two = bytes_sent(pairwise(2, wiring, own_variance=HALF, pair_variance=HALF))
    assert two.by_message["pair"] == SEED


@given(st.integers(5, 40), st.integers(1, 4), st.integers(0, 99))
def test_drawn_graphs_are_counted_row_by_row(agents: int, picks: int, seed: int) -> None:
    graph = Graph("some", "agent", Wiring.K_OUT, picks, seed)
    flow = to(replace(central_sum(agents, variance=HALF), graphs=(graph,)), "neighbors in some")
    pairs = edges(graph, agents).tolist()
    received = [sum(member in pair for pair in pairs) for member in range(agents)]
    (told, _) = bytes_sent(flow).sent
    assert (told.total, told.most) == (WORD * sum(received), WORD * max(received))


def test_reports_and_facts() -> None:
    flow = read_file("examples/flows/randomized_response.toml")
    (report,) = bytes_sent(flow).sent
    assert (report.by, report.total, report.most) == ("person", 5000 * REPORT, REPORT)
    plain = central_sum(5, variance=HALF)
    with_facts = replace(plain, facts=(Fact("size", ("everybody",), "how many there are"),))
    assert bytes_sent(with_facts) == bytes_sent(plain)
    mixed = replace(
        plain, parties=(*plain.parties, "mixer"),
        reports=(Report("said", plain.secrets[0].name, Fraction(3), ("coordinator",), 2, "mixer", 5),),
    )  # fmt: skip
    traffic = bytes_sent(mixed)
    assert traffic.by_message["said"] == 5 * 2 * REPORT + 5 * 2 * REPORT
    assert traffic.by_sender == {"agent": WORD + 2 * REPORT, "coordinator": WORD, "mixer": 10 * REPORT}


def test_noise_alone_is_as_wide_as_what_it_hides() -> None:
    flow = central_sum(5, variance=HALF)
    wide = replace(
        flow,
        secrets=(replace(flow.secrets[0], dimension=7),),
        messages=(*flow.messages, Message("shown", "coordinator", parse("noise"), ("everybody",))),
    )
    assert bytes_sent(wide).by_message["shown"] == 7 * WORD
    apart = Flow(
        "noise", "", (Group("agent", 3),), noises=(Noise("n", "agent", Law.GAUSSIAN, HALF),),
        messages=(Message("shown", "agent", parse("n"), ("everybody",)),),
    )  # fmt: skip
    assert bytes_sent(apart).total == 3 * WORD


def test_a_large_flow_is_counted_exactly() -> None:
    flow = central_sum(1_000_000, variance=HALF)
    huge = replace(flow, secrets=(replace(flow.secrets[0], dimension=10_000_000, rounds=1_000_000),))
    assert bytes_sent(huge).by_message["told"] == WORD * 10**19
    assert bytes_sent(pairwise(50, k_out(3, seed=1), own_variance=HALF, pair_variance=HALF)).total > 0
