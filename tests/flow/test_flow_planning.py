"""Plans of flows: they meet what was asked, by the reasoner and by closed forms; nothing cheaper does; refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from tip.errors import ConfigurationError
from tip.flow import planning
from tip.flow.allocation import Allocation, Constraint, least_cost
from tip.flow.expressions import parse
from tip.flow.model import Aim, Flow, Interval, Law, Message, Noise, Report, Requirement, Secret, Wiring
from tip.flow.planning import Planned, plan
from tip.flow.readymade import (
    central_sum,
    decor,
    distributed_sum,
    follow_the_leader,
    gossip,
    k_out,
    pairwise,
    square_root,
    token_ring,
    tree,
)
from tip.flow.reasoning import derive
from tip.privacy.gaussian import mu_of
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DELTA = 1e-6
LIMIT = mu_of(1.0, DELTA) ** 2
ONE = Fraction(1)
GRID = 1 + 2.0**-8


def asked(flow: Flow, *requirements: tuple[str, float], aims: dict[str, Fraction] | None = None) -> Flow:
    wanted = tuple(Requirement(against, epsilon, DELTA) for against, epsilon in requirements)
    prices = {flow.messages[-1].name: ONE} if aims is None else aims
    return replace(flow, requirements=wanted, aims=tuple(Aim(name, weight) for name, weight in prices.items()))


def variance(planned: Planned, noise: str) -> float:
    found = planned.flow.noise(noise).variance
    assert found is not None
    return float(found)


def proven(planned: Planned) -> bool:
    return all(
        (derive(planned.flow, r.against, delta=r.delta).guarantee.epsilon or math.inf) <= r.epsilon
        for r in planned.flow.requirements
    )


# -- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flow", "noise", "squared"),
    [
        (central_sum(5, variance=None), "noise", 1.0),
        (distributed_sum(12, share_variance=None, least=8), "share", 1 / 8),
        (tree(8, variance=None), "noise", 4.0),
        (square_root(16, variance=None), "noise", sum((math.comb(2 * k, k) / 4**k) ** 2 for k in range(16))),
        (follow_the_leader(4, variance=None), "noise", sum((math.comb(2 * k, k) / 4**k) ** 2 for k in range(4))),
    ],
    ids=lambda value: value.name if isinstance(value, Flow) else "",
)
def test_one_noise_is_as_large_as_its_closed_form_asks(flow: Flow, noise: str, squared: float) -> None:
    planned = plan(asked(flow, ("world", 1.0)))
    assert squared / LIMIT <= variance(planned, noise) * (1 + 1e-9)
    assert variance(planned, noise) <= squared / LIMIT * GRID * GRID
    assert proven(planned)
    assert planned.flow.noise(noise).planned is False
    assert planned.flow.messages == flow.messages


def test_half_of_the_last_step_would_not_do() -> None:
    """The plan is tight: one per cent less noise breaks the requirement, as the reasoner sees it."""
    planned = plan(asked(central_sum(5, variance=None), ("world", 1.0)))
    less = replace(planned.flow.noises[0], variance=Fraction(planned.flow.noises[0].variance or 0) * Fraction(99, 100))
    guarantee = derive(replace(planned.flow, noises=(less,)), "world", delta=DELTA).guarantee
    assert guarantee.epsilon is not None
    assert guarantee.epsilon > 1.0


def test_colluders_are_planned_for() -> None:
    """10 of 50 agents collude: 30 of 40 shares remain, and the world is no longer what binds."""
    flow = distributed_sum(50, share_variance=None, least=40)
    planned = plan(asked(flow, ("world", 1.0), ("20% of agents", 1.0)))
    assert variance(planned, "share") == pytest.approx(1 / (30 * LIMIT), rel=2 * (GRID - 1))
    assert [r.against for r in planned.binding] == ["20% of agents"]
    assert planned.prices[0].share == pytest.approx(0, abs=1e-6)
    assert planned.prices[1].share == pytest.approx(1, abs=1e-6)


def test_two_queries_with_weights() -> None:
    """a = (1, 1), c = (1, 4): variances 3 : 1.5, cost 9 / limit, against 10 / limit for equal variances."""
    first = central_sum(3, variance=None)
    both = replace(
        first,
        noises=(*first.noises, Noise("other", "coordinator", Law.GAUSSIAN)),
        messages=(*first.messages, Message("again", "coordinator", parse("sum(told) + other"), ("everybody",))),
    )
    planned = plan(asked(both, ("world", 1.0), aims={"total": ONE, "again": Fraction(4)}))
    assert planned.floor == pytest.approx(9 / LIMIT, rel=1e-6)
    assert planned.floor <= planned.cost <= planned.floor * GRID * GRID
    assert variance(planned, "noise") / variance(planned, "other") == pytest.approx(2, rel=0.02)
    assert proven(planned)


@pytest.mark.parametrize("wiring", [Wiring.COMPLETE, Wiring.RING])
def test_pairwise_noise_is_planned_by_its_price(wiring: Wiring) -> None:
    """Against the closed form and a fine grid over the pair variance: own variance by bisection for each."""
    agents, price = 8, 1e-4
    flow = pairwise(agents, wiring, own_variance=None, pair_variance=None)
    planned = plan(asked(flow, ("world", 1.0), aims={"average": ONE, "published": Fraction(price)}))
    eigenvalues = {
        Wiring.COMPLETE: [0.0] + [float(agents)] * (agents - 1),
        Wiring.RING: [2 - 2 * math.cos(2 * math.pi * k / agents) for k in range(agents)],
    }[wiring]
    degree = {Wiring.COMPLETE: agents - 1, Wiring.RING: 2}[wiring]

    def squared(own: float, pair: float) -> float:
        return sum(1 / (own + pair * value) for value in eigenvalues) / agents

    def cost(pair: float) -> float:
        low, high = 1e-9, 1 / LIMIT
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (low, middle) if squared(middle, pair) <= LIMIT else (middle, high)
        return high / agents + price * agents * (high + degree * pair)

    best = min(cost(variance(planned, "pair") * 1.01**k) for k in range(-300, 301))
    assert planned.floor == pytest.approx(best, rel=1e-5)
    assert planned.cost <= best * GRID * GRID
    assert squared(variance(planned, "own"), variance(planned, "pair")) <= LIMIT * (1 + 1e-12)
    assert proven(planned)


def test_a_drawn_graph_and_many_rounds() -> None:
    graph = pairwise(24, k_out(4, seed=3), own_variance=None, pair_variance=None)
    assert proven(plan(asked(graph, ("world", 2.0), aims={"average": ONE, "published": Fraction(1, 10**6)})))
    steps = decor(6, Wiring.COMPLETE, steps=10, own_variance=None, pair_variance=Fraction(200))
    planned = plan(asked(steps, ("world", 1.0)))
    own = variance(planned, "own")
    assert 10 * (1 / (6 * own) + (5 / 6) / (own + 6 * 200)) == pytest.approx(LIMIT, rel=2 * (GRID - 1))


def test_noise_that_travels() -> None:
    ring = plan(asked(gossip(6, Wiring.RING, rounds=3, variance=None), ("agent.0", 1.0)))
    assert variance(ring, "noise") == pytest.approx(1 / LIMIT, rel=2 * (GRID - 1))  # not what adding messages says
    token = plan(asked(token_ring(6, turns=3, variance=None), ("agent.0", 1.0)))
    assert variance(token, "noise") == pytest.approx(3 / (5 * LIMIT), rel=2 * (GRID - 1))


def test_known_noise_is_kept_and_counted() -> None:
    flow = pairwise(6, Wiring.COMPLETE, own_variance=None, pair_variance=Fraction(40))
    planned = plan(asked(flow, ("world", 1.0)))
    assert planned.flow.noise("pair").variance == 40
    own = variance(planned, "own")
    assert 1 / (6 * own) + (5 / 6) / (own + 6 * 40) <= LIMIT
    assert planned.cost == pytest.approx(own / 6, rel=1e-9)


# -- prices ---------------------------------------------------------------------------------------


def test_the_price_of_half_the_epsilon() -> None:
    planned = plan(asked(central_sum(5, variance=None), ("world", 1.0)))
    (price,) = planned.prices
    assert price.halved == pytest.approx(LIMIT / mu_of(0.5, DELTA) ** 2, rel=1e-6)
    assert price.binding
    assert price.sentence == "half the epsilon (0.5) against 'world' costs 3.64 times the error"


def test_a_price_that_cannot_be_paid() -> None:
    """Two messages hold the secret; the second one's noise is known and nearly all that epsilon 1 allows."""
    first = central_sum(3, variance=None)
    both = replace(
        first,
        noises=(*first.noises, Noise("other", "coordinator", Law.GAUSSIAN, Fraction(20))),
        messages=(*first.messages, Message("again", "coordinator", parse("sum(told) + other"), ("everybody",))),
    )
    planned = plan(asked(both, ("world", 1.0), aims={"total": ONE}))
    assert planned.prices[0].halved is None
    assert planned.prices[0].sentence.endswith("cannot be had")
    assert planned.prices[0].share > 1


# -- what the proof decides -----------------------------------------------------------------------


def test_variances_are_raised_until_the_proof_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that proposes 10 % too little is corrected by the proof, not believed."""

    def low(weights: NDArray[np.float64], constraints: list[Constraint]) -> Allocation:
        found = least_cost(weights, constraints)
        return replace(found, variances=found.variances * 0.9)

    monkeypatch.setattr(planning, "least_cost", low)
    planned = plan(asked(central_sum(5, variance=None), ("world", 1.0)))
    assert proven(planned)
    assert variance(planned, "noise") >= 1 / LIMIT


# -- bytes ----------------------------------------------------------------------------------------


def test_bytes_are_a_part_of_the_cost_that_noise_does_not_change() -> None:
    flow = asked(central_sum(5, variance=None), ("world", 1.0))
    plain = plan(flow)
    weighed = plan(replace(flow, aims=(*flow.aims, Aim("", Fraction(1, 16), bytes=True))))
    assert plain.bytes == weighed.bytes == 6 * 8
    assert plain.cost == plain.error == weighed.error
    assert weighed.cost == pytest.approx(plain.cost + 3, rel=1e-12)
    assert weighed.floor == pytest.approx(plain.floor + 3, rel=1e-12)
    assert weighed.flow.noises == plain.flow.noises
    assert weighed.prices == plain.prices


# -- coalitions that are too many to look at one by one -------------------------------------------


def test_noise_on_a_random_graph_against_a_third_of_all() -> None:
    """Own noise is that of a trusted curator of the honest: 1 / (h mu^2), within a few per cent; pair noise is not."""
    flow = replace(
        pairwise(10_000, k_out(105, seed=7), own_variance=None, pair_variance=None),
        requirements=(Requirement("30% of agents", 0.5, 1e-6),),
        aims=(Aim("average", ONE), Aim("published", Fraction(1, 10**16))),
    )
    planned = plan(flow)
    curator = 1 / (7_000 * mu_of(0.5, 1e-6) ** 2)
    assert curator <= variance(planned, "own") <= 1.05 * curator
    assert 100 * curator <= variance(planned, "pair") < math.inf
    assert planned.cost <= 1.01 * planned.floor


def test_own_noise_alone_is_planned_where_nothing_is_known_of_the_graph() -> None:
    ring = pairwise(700, Wiring.RING, own_variance=None, pair_variance=ONE)
    planned = plan(asked(ring, ("30% of agents", 1.0)))
    assert 1 / LIMIT <= variance(planned, "own") <= GRID * GRID / LIMIT


# -- refusals -------------------------------------------------------------------------------------


def refused(flow: Flow, match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        plan(flow)


def test_what_is_missing_is_named() -> None:
    flow = central_sum(3, variance=None)
    refused(replace(asked(flow), requirements=()), "no requirement")
    refused(replace(asked(flow, ("world", 1.0)), aims=()), "no aim.*message whose error")
    refused(asked(central_sum(3, variance=ONE), ("world", 1.0)), "no noise to plan")
    pair = pairwise(6, Wiring.RING, own_variance=None, pair_variance=None)
    refused(asked(pair, ("world", 1.0)), "no aim pays for noise 'pair'")
    refused(asked(central_sum(3, variance=None), ("world", 1.0), aims={"told": ONE}), "no aim pays for noise 'noise'")


def test_leaks_are_named() -> None:
    refused(asked(central_sum(3, variance=None), ("coordinator", 1.0)), "no noise hides a secret in the view of 'coord")


def test_idle_noise_is_named() -> None:
    """Own noise is dearer than noise at the coordinator where only the world matters."""
    flow = central_sum(4, variance=None)
    both = replace(
        flow,
        noises=(*flow.noises, Noise("spare", "coordinator", Law.GAUSSIAN)),
        messages=(
            flow.messages[0],
            Message("total", "coordinator", parse("sum(told) + noise + 1/2 * spare"), ("everybody",)),
            Message("board", "coordinator", parse("spare"), ("nobody",)),
        ),
    )
    refused(asked(both, ("world", 1.0), aims={"total": ONE, "board": ONE}), "noise 'spare' protects nothing")


def test_what_has_no_rule_is_refused() -> None:
    flow = central_sum(3, variance=None)
    for law in (Law.SKELLAM, Law.LAPLACE, Law.DISCRETE_LAPLACE):
        other = replace(flow, noises=(Noise("noise", "coordinator", law),))
        refused(asked(other, ("world", 1.0)), f"'noise' is {law}.*rules for Gaussian noise only")
    known = replace(
        flow,
        noises=(*flow.noises, Noise("laplace", "coordinator", Law.LAPLACE, scale=ONE)),
        messages=(
            flow.messages[0],
            Message("total", "coordinator", parse("sum(told) + noise + laplace"), ("everybody",)),
        ),
    )
    refused(asked(known, ("world", 1.0)), "no rule for laplace")
    reports = replace(flow, reports=(Report("said", "answer", Fraction(3), ("everybody",)),))
    refused(asked(reports, ("world", 1.0)), "no rule for reports")
    pure = replace(asked(flow), requirements=(Requirement("world", 1.0, 0.0),))
    refused(pure, "delta 0")
    many = gossip(700, Wiring.RING, rounds=3, variance=None)
    refused(asked(many, ("30% of agents", 1.0)), "too many coalitions")
    some = pairwise(30, Wiring.RING, own_variance=None, pair_variance=None)
    both = {"average": ONE, "published": Fraction(1, 1000)}
    refused(
        asked(some, ("30% of agents", 1.0), aims=both), "'pair' protects nothing.*all other agents taken to collude"
    )


def test_reach_and_several_secrets() -> None:
    """Two secrets of one agent change together: (2 + 1)^2 / v."""
    flow = central_sum(3, variance=None)
    wide = replace(flow.secrets[0], domain=Interval(Fraction(-1), Fraction(1)))
    second = Secret("second", "agent", Interval(Fraction(0), Fraction(1)), Neighboring.REPLACE_ONE, adaptive=False)
    both = replace(
        flow,
        secrets=(wide, second),
        messages=(Message("total", "coordinator", parse("sum(answer) + sum(second) + noise"), ("everybody",)),),
    )
    planned = plan(asked(both, ("world", 1.0)))
    assert variance(planned, "noise") == pytest.approx(9 / LIMIT, rel=2 * (GRID - 1))
    assert variance(planned, "noise") >= 9 / LIMIT * (1 - 1e-9)
