"""Bounds for all agents and coalitions, and the forms in which they would be wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.flow.building import FlowBuilder
from tip.flow.expressions import parse
from tip.flow.gaussian_rule import gaussian_loss
from tip.flow.model import Message, Wiring
from tip.flow.outcomes import Outcome, unproven
from tip.flow.pairwise import all_agents, form_of, graph_bounds
from tip.flow.promises import Terms
from tip.flow.readymade import k_out, pairwise
from tip.flow.reasoning import derive
from tip.flow.seen import seen
from tip.flow.view import blocks
from tip.privacy.coalitions import Coalition

if TYPE_CHECKING:
    from tip.flow.derivation import Node
    from tip.flow.model import Flow
    from tip.flow.seen import Seen

NOBODY = np.zeros(0, np.int64)
DELTA = 1e-6


def terms(flow: Flow, text: str = "10% of agents", silent: int = 0) -> Terms:
    return Terms(flow, Coalition.parse(text), DELTA, silent=silent, known=False, agent=None)


def reasons(
    flow: Flow, text: str = "10% of agents", fixed: tuple[int, ...] = (), silent: int = 0, count: int = 4
) -> list[str]:
    found = graph_bounds(terms(flow, text, silent), frozenset(), count, np.array(fixed, np.int64))
    return [str(outcome.node.numbers["why"]) for _, _, outcome in found]


def gopa(wiring: Wiring = Wiring.COMPLETE, size: int = 40) -> Flow:
    return pairwise(size, wiring, own_variance=Fraction(1, 2), pair_variance=Fraction(3))


def test_which_bounds_apply() -> None:
    assert reasons(gopa()) == ["everyone else", "deletion"]
    assert reasons(gopa(Wiring.RING)) == ["everyone else"]
    drawn = pairwise(600, k_out(150, seed=1), own_variance=Fraction(1, 2), pair_variance=Fraction(3))
    assert "random graph" in reasons(drawn, "45% of agents", count=270)
    assert "random graph" not in reasons(drawn, "45% of agents (adaptive)", count=270)
    assert "random graph" not in reasons(
        drawn, silent=270, count=270
    )  # those who drop out may have looked at the graph
    assert "random graph" not in reasons(drawn, "45% of agents", fixed=(3,), count=270)


def test_what_only_further_colluders_see_or_know_leaves_no_bound() -> None:
    flow = gopa()
    more = Message("whisper", "agent", parse("2*answer + own"), ("agent",))
    assert not reasons(replace(flow, messages=(*flow.messages, more)))
    ring = gopa(Wiring.RING)
    near = replace(ring.messages[0], to=(f"neighbors in {ring.graphs[0].name}",))
    assert not reasons(replace(ring, messages=(near,)), fixed=(0,))
    assert not reasons(replace(flow, noises=tuple(replace(n, known_to=("agent",)) for n in flow.noises)))
    repeats = Message("mean", "agent", parse(f"3*{flow.messages[0].name}"), ("agent",))
    assert reasons(replace(flow, messages=(*flow.messages, repeats))) == ["everyone else", "deletion"]


def test_the_graph_is_the_one_that_noise_runs_on() -> None:
    """A complete graph is declared, and a table mixes noise along a path: its closed form would be far too good."""
    rows = [[1 if i == j else -1 if j == i + 1 else 0 for j in range(40)] for i in range(40)]
    built = (
        FlowBuilder("table", about="noise by a table").agents(agent=40).graph("net", over="agent", wiring="complete")
    )
    built = built.table("line", rows).noise("own", of="agent", law="gaussian", variance=1)
    built = built.noise("pair", of="agent", law="gaussian", variance=3)
    built = built.secret("x", of="agent", range=(0, 1), neighboring="replace-one", adaptive=False)
    assert not reasons(built.message("m", by="agent", says="x + own + mix(pair, line)", to="everybody").build())


def test_several_rounds_that_share_noise_are_no_such_form() -> None:
    flow = gopa()
    secret, own, pair = replace(flow.secrets[0], rounds=2), *flow.noises
    rounds = replace(flow, secrets=(secret,), noises=(own, replace(pair, rounds=2)))
    rounds = replace(rounds, messages=(replace(flow.messages[0]),))
    view = seen(rounds, blocks(rounds)[0], parties=frozenset(), colluders=NOBODY)
    assert view.view.A.shape == (80, 80)
    assert form_of(view) is None


@pytest.mark.parametrize("seed", range(3))
def test_one_bound_for_all_agents_is_above_each(seed: int) -> None:
    flow = pairwise(60, k_out(4, seed=seed), own_variance=Fraction(1, 2), pair_variance=Fraction(3))
    view = seen(flow, blocks(flow)[0], parties=frozenset(), colluders=NOBODY)
    found = all_agents((view,), terms(flow))
    assert found is not None
    full = view.view.B.toarray()
    exact = np.linalg.inv((full * view.view.variances) @ full.T).diagonal().max()
    assert found[1].mu_squared is not None
    assert exact * (1 - 1e-9) <= float(found[1].mu_squared) <= 1.3 * exact


def test_adaptive_inputs_behind_hidden_messages_have_no_bound() -> None:
    flow = gopa()
    adaptive = replace(flow, secrets=(replace(flow.secrets[0], adaptive=True),))
    assert reasons(adaptive) == ["everyone else", "deletion"]
    hidden = Message("told", "agent", parse("own"), (f"neighbors in {flow.graphs[0].name}",))
    told = replace(adaptive, messages=(*flow.messages, hidden))
    assert not reasons(told)
    view = seen(told, blocks(told)[0], parties=frozenset(), colluders=NOBODY)
    assert all_agents((view,), terms(told)) is None


def on_a_graph(**keys: object) -> FlowBuilder:
    made = FlowBuilder("pairs", about="noise in pairs").agents(a=10).graph("g", over="a", **keys)  # type: ignore[arg-type] # keys of a graph
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.noise("n", of="a", law="gaussian", variance=1)
    return made.noise("e", of="g", law="gaussian", variance=1)


def test_all_but_one_may_collude_in_a_random_graph() -> None:
    made = on_a_graph(wiring="k-out", picks=3, seed=1).message("m", by="a", says="x + n + signed(e)", to="everybody")
    assert derive(made.build(), "90% of agents", delta=1e-5).guarantee.mu == 1


def test_views_without_a_rule_are_not_proven_on_graphs_as_well() -> None:
    made = on_a_graph(wiring="ring").message("m", by="a", says="x + n", to="everybody", ring=8)
    made = made.message("k", by="a", says="x + n", to="everybody", ring=9)
    made = made.message("l", by="a", says="x + n", to="next in a")
    assert "different rings" in derive(made.build(), "10% of agents", delta=1e-5).guarantee.missing


def test_an_agent_that_could_not_be_looked_at_keeps_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    made = FlowBuilder("star", about="noise in pairs on a star").agents(a=600).graph("g", over="a", wiring="path")
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.noise("n", of="a", law="gaussian", variance=1).noise("e", of="g", law="gaussian", variance=1)
    flow = made.message("m", by="a", says="x + n + signed(e)", to="everybody").build()
    worst = derive(flow, "world", delta=1e-5)
    real = gaussian_loss
    missed: list[int] = []

    def fails_once(block: Seen, agent: int, premise: Node) -> Outcome:
        if not missed:
            missed.append(agent)
            return unproven("not proven", "a certificate")
        return real(block, agent, premise)

    monkeypatch.setattr("tip.flow.pairwise.gaussian_loss", fails_once)
    assert (derive(flow, "world", delta=1e-5).guarantee.mu or 0) >= (worst.guarantee.mu or math.inf)
    assert missed
