"""The limit on graphs is the reasoner's own bound, as a function of the variances."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tip.flow.allocation import losses
from tip.flow.expressions import parse
from tip.flow.graph_limits import graph_limit
from tip.flow.model import Flow, Law, Noise, Requirement, Wiring
from tip.flow.pairwise import graph_bounds
from tip.flow.promises import Terms
from tip.flow.readymade import decor, gossip, k_out, pairwise
from tip.privacy.coalitions import Coalition
from tip.privacy.gaussian import mu_of

PLANNED = ("own", "pair")


def reasoned(flow: Flow, against: str, **variances: Fraction) -> float:
    """The least of the reasoner's bounds at these variances."""
    filled = replace(flow, noises=tuple(replace(n, variance=variances.get(n.name, n.variance)) for n in flow.noises))
    coalition = Coalition.parse(against)
    terms = Terms(filled, coalition, 1e-6, silent=0, known=False, agent=None)
    count = int(coalition.fraction * flow.enrolled)
    found = graph_bounds(terms, frozenset(), count, np.zeros(0, np.int64))
    return min(float(outcome.mu_squared or 0) for _, _, outcome in found)


def flows() -> list[Flow]:
    one = pairwise(60, Wiring.COMPLETE, own_variance=None, pair_variance=None)
    scaled = replace(
        one,
        noises=(*one.noises, Noise("known", "agent", Law.GAUSSIAN, Fraction(3))),
        messages=(
            replace(one.messages[0], says=parse("answer + 2 * own + signed(1/2 * pair) + known")), *one.messages[1:],
        ),
    )  # fmt: skip
    return [
        one,
        scaled,
        pairwise(60, k_out(20, seed=4), own_variance=None, pair_variance=None),
        decor(60, Wiring.COMPLETE, steps=5, own_variance=None, pair_variance=None),
    ]


@pytest.mark.parametrize("flow", flows(), ids=["complete", "scaled", "k-out", "decor"])
@pytest.mark.parametrize(("own", "pair"), [(1, 1), (3, Fraction(1, 7)), (Fraction(1, 5), 40)])
def test_it_is_what_the_reasoner_says(flow: Flow, own: Fraction, pair: Fraction) -> None:
    against = "10% of agents"
    found = graph_limit(flow, Requirement(against, 1.0, 1e-6), Coalition.parse(against), PLANNED)
    assert found is not None
    (loss,) = losses(found, np.array([float(own), float(pair)]))
    assert loss == pytest.approx(reasoned(flow, against, own=Fraction(own), pair=Fraction(pair)), rel=1e-6)
    assert found.limit == mu_of(1.0, 1e-6) ** 2
    assert found.B.shape[0] == 2


def test_known_pair_noise_is_no_symbol() -> None:
    flow = pairwise(60, Wiring.COMPLETE, own_variance=None, pair_variance=Fraction(9))
    found = graph_limit(flow, Requirement("10% of agents", 1.0, 1e-6), Coalition.parse("10% of agents"), ("own",))
    assert found is not None
    assert sorted(set(found.symbols.tolist())) == [-1, 0]
    (loss,) = losses(found, np.array([2.0]))
    assert loss == pytest.approx(reasoned(flow, "10% of agents", own=Fraction(2)), rel=1e-6)


def test_where_the_graph_says_nothing_own_noise_is_left() -> None:
    ring = pairwise(60, Wiring.RING, own_variance=None, pair_variance=None)
    found = graph_limit(ring, Requirement("30% of agents", 1.0, 1e-6), Coalition.parse("30% of agents"), PLANNED)
    assert found is not None
    assert found.name.endswith("all other agents taken to collude")
    assert losses(found, np.array([4.0, 100.0])).tolist() == pytest.approx([1 / 4])
    mixing = gossip(60, Wiring.RING, rounds=2, variance=None)
    assert graph_limit(mixing, Requirement("world", 1.0, 1e-6), Coalition.parse("10% of agents"), ("noise",)) is None
