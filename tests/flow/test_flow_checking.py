"""What the check shares with the reasoner, and forgeries that a check by rote would let through."""

from __future__ import annotations

import ast
import base64
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tip.flow.checking
from tip.errors import VerificationFailed
from tip.flow.building import FlowBuilder
from tip.flow.checking.covers import tells_apart
from tip.flow.checking.expansion import Expansion
from tip.flow.checking.whole import functionals
from tip.flow.expressions import parse
from tip.flow.files import from_json, to_json
from tip.flow.language import write
from tip.flow.model import Choice, Sampling, Wiring
from tip.flow.readymade import (
    central_sum,
    decor,
    distributed_sum,
    follow_the_leader,
    gossip,
    incremental,
    k_out,
    pairwise,
    square_root,
    token_ring,
    tree,
)
from tip.flow.reasoning import derive
from tip.flow.verification import verify
from tip.plan import proving
from tip.privacy.gaussian import epsilon_of
from tip.protocols.clear.flow import flow as clear
from tip.protocols.declaring import Sums
from tip.protocols.ideal.flow import flow as ideal
from tip.protocols.local.flow import flow as local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tip.flow.derivation import Derivation
    from tip.flow.model import Flow

ALLOWED = {
    "tip.flow.model",
    "tip.flow.expressions",
    "tip.flow.derivation",
    "tip.flow.graphs",
    "tip.flow.checking",
    "tip.errors",
    "tip.privacy",
}
PRIVATE = '\n[messages.private]\nby = "agent"\nsays = "{}"\nto = ["neighbors in {}"]\n'

QUERY = "q"


def test_nothing_of_the_reasoner_is_imported() -> None:
    folder = Path(tip.flow.checking.__file__).parent
    for file in [*folder.glob("*.py"), folder.parent / "verification.py"]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tip"):
                assert any(node.module == a or node.module.startswith(f"{a}.") for a in ALLOWED), (
                    file.name,
                    node.module,
                )


def document(found: Derivation) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json.dumps(to_json(found), allow_nan=False))
    return read


def forged(flow: str, found: Derivation, match: str = ".") -> None:
    """A true derivation, put under another flow, must not pass."""
    with pytest.raises(VerificationFailed, match=match):
        verify(from_json({**document(found), "flow": flow}))


def test_a_bound_for_all_coalitions_counts_what_agents_tell_one_another() -> None:
    flow = pairwise(30, k_out(8, seed=1), own_variance=Fraction(1), pair_variance=Fraction(10))
    found = derive(flow, "10% of agents", delta=1e-6)
    assert verify(found).holds
    text, graph, secret = to_json(found)["flow"], flow.graphs[0].name, flow.secrets[0].name
    forged(text + PRIVATE.format(secret, graph), found)
    forged(text.replace("variance = 1\n", 'variance = 1\nknown_to = ["agent"]\n', 1), found)


def test_members_of_a_graph_are_not_alike() -> None:
    found = derive(
        pairwise(6, Wiring.COMPLETE, own_variance=Fraction(1), pair_variance=Fraction(10)), "20% of agents", delta=1e-6
    )
    assert found.root.find("every coalition").numbers["why"] == "alike"
    forged(to_json(found)["flow"].replace('wiring = "complete"', 'wiring = "star"'), found)


def test_who_is_in_a_smaller_cohort_counts() -> None:
    found = derive(distributed_sum(6, share_variance=Fraction(1, 2), least=4), "world", delta=1e-6)
    assert verify(found).holds
    forged(to_json(found)["flow"].replace("least = 4", "least = 3"), found)


def test_masks_leave_the_sum_of_a_component_and_the_low_bits_of_what_is_doubled() -> None:
    assert functionals([{0: 1, 2: -1}, {0: -1, 1: 1}, {1: -1, 2: 1}], 32) == [{0: 1, 1: 1, 2: 1}]
    assert functionals([{0: 1}, {0: -1, 1: 1}], 8) == []
    (bit,) = functionals([{0: 2}], 4)
    assert bit[0] % 16 == 8


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_the_functionals_are_all_there_are(bits: int) -> None:
    rows = [{0: 1, 1: 2}, {0: 3}, {1: 2, 2: 1}]
    modulus = 1 << bits

    def hidden(z: tuple[int, int, int]) -> bool:
        return all(sum(z[r] * rows[r].get(c, 0) for r in range(3)) % modulus == 0 for c in range(3))

    every = {(a, b, c) for a in range(modulus) for b in range(modulus) for c in range(modulus) if hidden((a, b, c))}
    spanned = {(0, 0, 0)}
    for z in functionals(rows, bits):
        vector = tuple(z.get(r, 0) for r in range(3))
        spanned = {tuple((s[r] + k * vector[r]) % modulus for r in range(3)) for s in spanned for k in range(modulus)}  # type: ignore[misc] # three entries
    assert spanned == every


# -- whole plans and protocols --------------------------------------------------------------------


def sums(agents: int = 30, rounds: int = 5, **other: Any) -> Sums:  # noqa: ANN401 - fields of any kind
    fields: dict[str, Any] = {
        "agents": agents, "least": agents * 9 // 10, "dimension": 12, "squared_bound": 400, "modulus_bits": 32,
        "share_variance": Fraction(60), "rounds": rounds, "participations": rounds, "sampling": Sampling.ALL,
    }  # fmt: skip
    return Sums(**fields | other)


def accepted(flow: Flow, against: str, *, delta: float = 1e-6) -> Derivation:
    found = derive(flow, against, delta=delta)
    checked = verify(from_json(document(found)))
    assert checked.holds == (found.guarantee.epsilon is not None)
    return found


@pytest.mark.parametrize(
    "public",
    [
        sums(), sums(participations=2), sums(rounds=1), sums(sampling=Sampling.FIXED), sums(share_variance=None),
        sums(dimension=1, rounds=2), sums(sampling=Sampling.POISSON, rate=Fraction(1, 4)), sums(least=30),
    ],
)  # fmt: skip
def test_protocols_that_sum_are_accepted_or_refused_by_both(public: Sums) -> None:
    for flow in (clear(public), ideal(public)):
        for against in ("world", "10% of agents", "coordinator", "coordinator + 20% of agents", "agent.3"):
            accepted(flow, against)


def ready_made() -> Iterator[Flow]:
    one, four = Fraction(1), Fraction(4)
    for wiring in (Wiring.RING, Wiring.COMPLETE, Wiring.PATH, Wiring.STAR, k_out(3, seed=5)):
        yield pairwise(7, wiring, own_variance=one, pair_variance=four)
        yield gossip(6, wiring, rounds=3, variance=one)
        yield decor(4, wiring, steps=3, own_variance=one, pair_variance=four)
        yield incremental(5, wiring, increments=3, own_variance=one, hiding_variance=four)
    yield central_sum(7, variance=one)
    yield from (distributed_sum(7, share_variance=one, least=least) for least in (4, 6, 7))
    yield from (made(8, variance=one) for made in (tree, square_root, follow_the_leader))
    yield token_ring(5, turns=3, variance=one)


@pytest.mark.parametrize("against", ["world", "agent.1", "20% of agents", "50% of agents (adaptive)", "coordinator"])
def test_ready_made_flows_are_accepted(against: str) -> None:
    held = 0
    for flow in ready_made():
        if flow.enrolled > 1 and (against != "coordinator" or "coordinator" in flow.parties):
            held += accepted(flow, against).guarantee.epsilon is not None
    assert held >= (0 if against == "coordinator" else 10)


def test_a_local_report_is_accepted_against_everybody() -> None:
    flow = local(agents=40, domain=Choice(3), ratio=Fraction(3))
    for against in ("world", "coordinator", "network", "coordinator + network + 10% of agents"):
        assert accepted(flow, against, delta=0.0).guarantee.epsilon == pytest.approx(np.log(3))


@pytest.mark.parametrize("name", ["survey", "question"])
def test_the_plans_of_the_examples_are_accepted(name: str) -> None:
    plan = proving.read(Path(__file__).parents[2] / "examples" / f"{name}.toml")
    for against in ("", "world", "coordinator"):
        found = proving.derive(plan, against)
        assert found.guarantee.epsilon is not None
        assert verify(from_json(document(found))).holds


def test_a_survey_of_many_agents_in_many_rounds_is_taken_in() -> None:
    flow = ideal(sums(agents=40_000, rounds=50))
    found = accepted(flow, "coordinator + 10% of agents")
    step = found.root.find("integer sum")
    assert isinstance(step.vectors["columns1"], np.ndarray)  # too many for fractions
    read = document(found)
    where = read["root"]
    while where["rule"] != "integer sum":
        where = where["premises"][0]
    for wrong in (0.5, 1e300, -1.0):
        columns = np.array(step.vectors["columns1"], np.float64)
        columns[-1] = wrong
        where["vectors"]["columns1"] = {"float64": base64.b64encode(columns.astype("<f8").tobytes()).decode()}
        with pytest.raises(VerificationFailed, match="integer sum"):
            verify(from_json(read))


def test_rounds_are_counted_without_rows() -> None:
    built = FlowBuilder("rounds", about="functions of rounds").agents(person=3).table("t", [[1, 0, 0, 0], [1, 1, 0, 0]])
    built = built.graph("net", over="person", wiring="ring")
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False, rounds=4)
    flow = built.message("m", by="person", says="x", to="nobody").build()
    for text in ("x", "sum(m) + 2*m", "last(x)", "tree(x)", "apply(x, t)", "gossip(x, net)", "gossip(last(x), net, 6)"):
        formula = parse(text) if "sum" not in text else parse("tree(sum(m))")
        rows = Expansion(flow, {}, one_round=False)._value(formula)
        assert Expansion(flow, {}, one_round=False).rounds(formula) == rows.rounds


# -- what the reasoner refuses, the check refuses too ---------------------------------------------


def sampled(*, least: int = 1, fact: str = "hub", own: str = "", second: str = "", rounds: int = 1) -> Flow:
    """A Poisson sample's sum with the hub's noise, which is released."""
    built = FlowBuilder("sampled", about="a sample").agents(person=5).party("hub")
    built = built.cohort("some", of="person", least=least, sampling="poisson", rate="1/4")
    for name in ("x", "y") if second else ("x",):
        built = built.secret(
            name, of="person", range=(0, 1), neighboring="add-remove-one", adaptive=False, rounds=rounds
        )
    built = built.noise("g", of="hub", law="gaussian", variance=4, rounds=rounds)
    built = built.noise("own", of="person", law="gaussian", variance=1, rounds=rounds) if own else built
    built = built.message("m", by="hub", says=own or "sum(x, some) + g", to="everybody")
    built = built.message("n", by="hub", says=second, to="everybody") if second else built
    return built.fact("size", to=fact, what="how many took part").build()


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_sample_is_credited_where_it_may_be(rounds: int) -> None:
    found = accepted(sampled(rounds=rounds), "world")
    assert found.root.find("sampling").numbers["times"] == rounds
    assert epsilon_of(math.sqrt(rounds) / 2, 1e-6) > 1.5 * (found.guarantee.epsilon or 9)  # what no sample would cost
    assert derive(sampled(rounds=rounds), "person.0", delta=1e-6).guarantee.epsilon is None


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (sampled(least=2), "below a minimum"),
        (sampled(fact="everybody"), "may tell who takes part"),
        (sampled(own="sum(x + own, some) + g"), "'own' shows who takes part"),
        (sampled(own="sum(x, some) + sum(own) + g"), "'own' shows who takes part"),
        (sampled(second="sum(y, some) + 2*g"), "counted again|the block is"),
        (sampled(second="sum(y) + g"), "outside the sample"),
        (sampled(second="sum(y, some)"), "several releases|there are"),
    ],
)
def test_a_sample_is_not_credited_elsewhere(other: Flow, match: str) -> None:
    found = derive(sampled(), "world", delta=1e-6)
    assert "sampling" not in {node.rule for node in derive(other, "world", delta=1e-6).root.walk()}
    forged(write(other), found, match)


def test_who_colludes_or_coordinates_sees_the_sample() -> None:
    read = document(derive(sampled(), "world", delta=1e-6))
    for change in ({"coalition": "person.0", "colluders": [0]}, {"coalition": "hub"}):
        told = {**read["guarantee"], "coalition": change["coalition"]}
        with pytest.raises(VerificationFailed):
            verify(from_json({**read, **change, "guarantee": told}))


def test_a_secret_outside_the_sample_keeps_its_block_from_credit() -> None:
    forged(write(sampled(second="sum(y) + g")), derive(sampled(), "world", delta=1e-6), "outside the sample")


def crossed(*, adaptive: bool) -> Flow:
    built = FlowBuilder("crossed", about="round 1 uses noise of round 2").agents(person=3).party("hub")
    built = built.table("crossed", [[1, 1], [0, 1]])
    built = built.secret(
        "x", of="person", range=(0, 4), neighboring="replace-one", adaptive=adaptive, whole=True, rounds=2
    )
    built = built.noise("g", of="person", law="discrete gaussian", variance=16, rounds=2)
    return built.message("m", by="person", says="x + apply(g, crossed)", to="hub").build()


def test_noise_is_not_moved_by_inputs_that_are_chosen_later() -> None:
    found = accepted(crossed(adaptive=False), "hub")
    assert "moved1" in found.root.find("integer certificate").vectors
    forged(write(crossed(adaptive=True)), found, "before the inputs are known")


def test_a_leak_in_rows_that_are_told_twice_is_one() -> None:
    built = FlowBuilder("twice", about="a sum before and after").agents(person=2).party("hub")
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("own", of="person", law="gaussian", variance=1)
    for name, says in (("a", "sum(x + own)"), ("b", ""), ("c", "sum(x + own)")):
        by, text = ("hub", says) if says else ("person", "2*x - own/3")
        built = built.message(name, by=by, says=text, to="everybody")
    checked = verify(from_json(document(derive(built.build(), "world", delta=1e-5))))
    assert not checked.holds
    assert "the leak is one" in checked.claims


def batch(*, least: int = 700, to: str = "hub", extra: bool = False) -> Flow:
    built = FlowBuilder("batch", about="shuffled answers").agents(person=900).party("hub").party("mixer")
    built = built.secret("q", of="person", choices=2, neighboring="replace-one", adaptive=False)
    built = built.report("r", secret=QUERY, ratio=3, to=to, shuffled_by="mixer", least=least)
    return built.report("s", secret=QUERY, ratio=3, to="hub").build() if extra else built.build()


@pytest.mark.parametrize(
    ("other", "match"),
    [(batch(least=600), "only 600 honest"), (batch(extra=True), "there are 2 blocks")],
)
def test_a_batch_hides_no_more_than_its_reports(other: Flow, match: str) -> None:
    found = accepted(batch(), "hub")
    assert found.root.find("shuffling").numbers["reports"] == 700
    forged(write(other), found, match)


@pytest.mark.parametrize("against", ["mixer", "hub + mixer", "network + hub", "hub + 30% of agents"])
def test_a_batch_hides_nothing_from_who_mixes_or_watches_it(against: str) -> None:
    read = document(derive(batch(), "hub", delta=1e-6))
    read["guarantee"]["coalition"] = read["coalition"] = against
    with pytest.raises(VerificationFailed):
        verify(from_json(read))


def test_what_is_told_to_agents_alone_makes_later_inputs_unknown() -> None:
    built = FlowBuilder("hidden", about="a report to agents").agents(person=3).party("hub")
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=True, rounds=2)
    built = built.secret("q", of="person", choices=2, neighboring="replace-one", adaptive=False)
    built = built.noise("own", of="person", law="gaussian", variance=4, rounds=2)
    built = built.message("m", by="person", says="x + own", to="everybody")
    found = accepted(built.build(), "world")
    told = built.report("r", secret=QUERY, ratio=3, to="person").build()
    assert derive(told, "world", delta=1e-6).guarantee.epsilon is None
    forged(write(told), found, "inputs may depend on 'r'")
    seen = built.message("all", by="hub", says="sum(x + own)", to="person").build()
    assert derive(seen, "world", delta=1e-6).guarantee.epsilon is None  # nothing says that the hub adds nothing
    accepted(seen, "person.0")


def test_words_count_right() -> None:
    claims = verify(derive(distributed_sum(6, share_variance=Fraction(1, 2)), "world", delta=1e-6)).claims
    assert "1 block about agent 0 composes" in claims
    assert any("1 coalition was looked at" in claim for claim in claims)
    many = verify(derive(pairwise(5, Wiring.RING, own_variance=Fraction(1), pair_variance=Fraction(3)), "20% of agents",
                         delta=1e-6)).claims  # fmt: skip
    assert any("5 coalitions were looked at" in claim for claim in many)


def shares(says: str, *, to: str = "hub", rounds: int = 1, then: str = "") -> Flow:
    """Sums over a cohort with the members' own noise, and what else is said."""
    built = FlowBuilder("shares", about="noise in shares").agents(person=4).party("hub")
    built = built.cohort("some", of="person", least=3)
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False, rounds=rounds)
    built = built.noise("own", of="person", law="gaussian", variance=2, rounds=rounds)
    built = built.noise("g", of="hub", law="gaussian", variance=1, rounds=rounds)
    built = built.message("m", by="hub", says=says, to=to)
    return built.message("n", by="hub", says=then, to=to).build() if then else built.build()


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (shares("sum(x + own, some) + mean(x + own, some) + g", to="everybody"), "sums and means"),
        (shares("sum(x) + sum(own, some) + g", to="everybody"), "no honest member's noise"),
        (shares("so_far(sum(x + own, some) + g)", to="everybody", rounds=2), "no honest member's noise"),
    ],
)
def test_members_noise_hides_those_it_is_sure_to_be_beside(other: Flow, match: str) -> None:
    found = accepted(shares("sum(x + own, some) + g", to="everybody"), "world")
    assert derive(other, "world", delta=1e-6).guarantee.epsilon is None
    forged(write(other), found, match)


def carried(by_others: str = "", *, known_to: tuple[str, ...] = ()) -> Flow:
    built = FlowBuilder("carried", about="inputs that may carry what is hidden").agents(person=3).party("hub")
    built = built.graph("net", over="person", wiring="complete")
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=True, rounds=2)
    built = built.noise("own", of="person", law="gaussian", variance=4, rounds=2)
    built = built.noise("late", of="hub", law="gaussian", variance=4, rounds=2, known_to=known_to)
    built = built.message("m", by="person", says="x + own", to="everybody")
    built = built.message("t", by="hub", says="sum(x + own) + late", to="hub")
    return built.message("p", by="person", says=by_others, to="hub").build() if by_others else built.build()


@pytest.mark.parametrize(
    ("other", "match"),
    [(carried("gossip(own, net)"), "depend on 'p'"), (carried(known_to=("person",)), "depend on 'late'")],
)
def test_what_agents_know_of_others_or_are_told_is_hidden_input(other: Flow, match: str) -> None:
    found = accepted(carried(), "world")
    assert derive(other, "world", delta=1e-6).guarantee.epsilon is None
    forged(write(other), found, match)


def test_a_sum_over_edges_has_a_direction() -> None:
    built = FlowBuilder("edges", about="noise on edges").agents(person=4).party("hub")
    built = built.graph("net", over="person", wiring="complete")
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("pair", of="net", law="gaussian", variance=3)
    built = built.noise("own", of="person", law="gaussian", variance=1)
    built = built.message("m", by="person", says="x + own + signed(pair)", to="hub")
    plain, summed = built.build(), built.message("s", by="hub", says="sum(pair)", to="hub").build()
    assert not tells_apart(plain)
    assert "direction" in tells_apart(summed)
    for flow in (plain, summed):
        accepted(flow, "hub + 25% of agents")


# -- parties that could tell more -----------------------------------------------------------------


def aggregated(*, to: str) -> Flow:
    """Agents send to an aggregator, which says the sum with noise of its own."""
    built = FlowBuilder("aggregated", about="a sum at an aggregator").agents(agent=4).party("aggregator", "reader")
    built = built.secret("x", of="agent", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("own", of="agent", law="gaussian", variance=2)
    built = built.message("sent", by="agent", says="x + own", to=to)
    return built.message("total", by="aggregator", says="sum(sent)", to="everybody").build()


@pytest.mark.parametrize(
    ("to", "against", "needed"),
    [
        ("aggregator", "world", True),
        ("aggregator", "reader", True),
        ("aggregator", "aggregator", False),
        ("aggregator", "aggregator + reader", False),
        ("everybody", "world", False),  # the aggregator knows no more than everybody does
    ],
)
def test_a_party_outside_the_coalition_that_sees_more_has_to_be_named(to: str, against: str, needed: bool) -> None:  # noqa: FBT001 - a case
    document = to_json(derive(aggregated(to=to), against, delta=1e-6))
    assert verify(from_json(document)).holds
    named: list[Any] = json.loads(json.dumps(document))["guarantee"]["assumptions"]
    others = [assumption for assumption in named if assumption["name"] != "parties-apart"]
    assert (len(others) == len(named) - 1) == needed
    document["guarantee"]["assumptions"] = others
    if needed:
        with pytest.raises(VerificationFailed, match="'parties-apart'"):
            verify(from_json(document))
    else:
        assert verify(from_json(document)).holds


def test_noise_of_a_party_or_told_to_it_is_more_than_everybody_sees() -> None:
    for told, against, needed in (((), "world", True), ((), "hub", False), (("reader",), "hub", True)):
        built = FlowBuilder("told", about="noise at a hub").agents(agent=3).party("hub", "reader")
        built = built.secret("x", of="agent", range=(0, 1), neighboring="replace-one", adaptive=False)
        built = built.noise("own", of="agent", law="gaussian", variance=2)
        built = built.noise("central", of="hub", law="gaussian", variance=2, known_to=told)
        flow = built.message("total", by="hub", says="sum(x + own) + central", to="everybody").build()
        document = to_json(derive(flow, against, delta=1e-6))
        assert verify(from_json(document)).holds
        names = [assumption["name"] for assumption in document["guarantee"]["assumptions"]]
        assert ("parties-apart" in names) == needed


def test_who_says_what_few_hear_could_tell_it() -> None:
    built = FlowBuilder("said", about="a server computes what nobody else hears").agents(agent=3).party("server")
    built = built.secret("x", of="agent", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("own", of="agent", law="gaussian", variance=2)
    built = built.message("total", by="server", says="sum(x)", to="nobody")
    document = to_json(
        derive(built.message("sent", by="agent", says="x + own", to="everybody").build(), "world", delta=1e-6)
    )
    assert verify(from_json(document)).holds
    named: list[Any] = document["guarantee"]["assumptions"]
    document["guarantee"]["assumptions"] = [one for one in named if one["name"] != "parties-apart"]
    with pytest.raises(VerificationFailed, match="'parties-apart'"):
        verify(from_json(document))
