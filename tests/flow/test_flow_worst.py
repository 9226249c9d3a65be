"""The worst agent: who is looked at, and what stands for those who are not."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.flow.building import FlowBuilder
from tip.flow.model import Wiring
from tip.flow.promises import Terms
from tip.flow.readymade import pairwise
from tip.flow.worst import Sees, one_column_each, worst_agent
from tip.privacy.coalitions import Coalition

if TYPE_CHECKING:
    from tip.flow.model import Flow
    from tip.flow.outcomes import Outcome

NOBODY = np.zeros(0, np.int64)


def worst(flow: Flow, protected: tuple[int, ...] | None = None, colluders: tuple[int, ...] = ()) -> tuple[int, Outcome]:
    terms = Terms(flow, Coalition.parse("world"), 1e-6, silent=0, known=False, agent=None)
    return worst_agent(terms, frozenset(), np.array(colluders, np.int64), protected)


def ladder(members: int) -> Flow:
    """Member i's number stands in i + 1 messages' worth of weight: the last one is worst off."""
    rows = [[i + 1 if i == j else 0 for j in range(members)] for i in range(members)]
    built = FlowBuilder("ladder", about="unlike members").agents(person=members).table("weights", rows)
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("n", of="person", law="gaussian", variance=7)
    return built.message("m", by="person", says="mix(x, weights) + n", to="everybody").build()


@pytest.mark.parametrize("members", [5, 250])
def test_the_worst_of_all_is_found(members: int) -> None:
    agent, outcome = worst(ladder(members))
    assert agent == members - 1
    assert float(outcome.mu_squared or 0) == pytest.approx(members**2 / 7, rel=1e-9)
    assert outcome.node.numbers["agents"] == members
    assert worst(ladder(members), colluders=(members - 1,))[0] == members - 2


def test_agents_of_large_views_are_certified_together() -> None:
    flow = pairwise(120, Wiring.STAR, own_variance=Fraction(1, 2), pair_variance=Fraction(3))
    terms = Terms(flow, Coalition.parse("world"), 1e-6, silent=0, known=False, agent=None)
    sees = Sees.of(terms, frozenset(), NOBODY)
    agent = one_column_each(sees.blocks)
    assert agent is not None
    assert agent > 0  # a leaf, not the middle
    assert sees.about(agent).mu_squared == worst(flow)[1].mu_squared


def test_all_blocks_about_one_agent_add_up() -> None:
    built = FlowBuilder("blocks", about="two blocks, two owners").agents(person=2, doctor=2).party("hub")
    for name, group in (("x", "person"), ("z", "doctor"), ("y", "doctor")):
        built = built.secret(name, of=group, range=(0, 1), neighboring="replace-one", adaptive=False)
        built = built.noise(f"n{name}", of=group, law="gaussian", variance=2)
        built = built.message(f"m{name}", by=group, says=f"{name} + n{name}", to="everybody")
    agent, outcome = worst(built.build())
    assert (agent, outcome.mu_squared) == (2, Fraction(1))
    assert worst(built.build(), (0,))[1].mu_squared == Fraction(1, 2)


def test_nobody_to_protect_and_views_that_cannot_be_made() -> None:
    assert worst(ladder(3), ())[1].event is None
    assert worst(ladder(3), colluders=(0, 1, 2))[1].event is None
    built = FlowBuilder("thirds", about="fractions in a ring").agents(person=2)
    built = built.secret("x", of="person", range=(0, 9), neighboring="replace-one", adaptive=False, whole=True)
    flow = built.message("m", by="person", says="x/3", to="everybody", ring=8).build()
    assert worst(flow)[1].missing.startswith("a rule for m")


def test_large_views_of_unplanned_noise_do_not_fail() -> None:
    flow = pairwise(150, Wiring.RING, own_variance=None, pair_variance=Fraction(3))
    terms = Terms(flow, Coalition.parse("world"), 1e-6, silent=0, known=False, agent=None)
    assert one_column_each(Sees.of(terms, frozenset(), NOBODY).blocks) is None
