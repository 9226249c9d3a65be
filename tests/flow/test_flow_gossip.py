"""Gossip on any graph and with any weights: what a curious agent learns of all others.

It sees M (x + eta), so what it learns of agent u is mu^2 = (M'(MM')^+ M)_uu / variance: the diagonal of a projection.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.flow import seen as seeing
from tip.flow.exact import exact_rank
from tip.flow.expressions import parse
from tip.flow.model import Table, Wiring
from tip.flow.readymade import given as wired
from tip.flow.readymade import gossip, k_out
from tip.flow.reasoning import derive
from tip.flow.seen import Seen, seen
from tip.flow.verification import verify
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.flow.certificates import Loss
    from tip.flow.model import Flow

    Edges = tuple[tuple[int, int], ...]

VARIANCE = Fraction(3, 2)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Edges]:
    """Connected graphs: a tree and further edges."""
    size = draw(st.integers(3, 8))
    tree = {(draw(st.integers(0, i - 1)), i) for i in range(1, size)}
    pairs = [(i, j) for j in range(size) for i in range(j)]
    return size, tuple(sorted(tree | set(draw(st.lists(st.sampled_from(pairs), max_size=6)))))


@st.composite
def bistochastic(draw: st.DrawFn, size: int) -> Table:
    """Weights whose rows and columns add up to 1: a mean of the identity and of permutations."""
    orders = [list(range(size)), *(draw(st.permutations(range(size))) for _ in range(2))]
    parts = draw(st.lists(st.integers(1, 4), min_size=3, max_size=3))
    rows = [[Fraction(0)] * size for _ in range(size)]
    for order, part in zip(orders, parts, strict=True):
        for i, j in enumerate(order):
            rows[i][j] += Fraction(part, sum(parts))
    return Table("weights", tuple(map(tuple, rows)))


@st.composite
def flows(draw: st.DrawFn) -> tuple[Flow, int]:
    size, edges = draw(graphs())
    rounds = draw(st.integers(1, 4))
    flow = gossip(size, wired(edges), rounds=rounds, variance=VARIANCE)
    if draw(st.booleans()):
        says = parse(f"gossip(answer + noise, weights, {rounds})")
        flow = replace(flow, tables=(draw(bistochastic(size)),), messages=(replace(flow.messages[0], says=says),))
    return flow, draw(st.integers(0, size - 1))


def watched(flow: Flow, observer: int) -> Seen:
    return seen(flow, ("state",), parties=frozenset(), colluders=np.array([observer], np.int64))


def by_long_numbers(block: Seen) -> list[Loss]:
    return [block.projection.loss(a) for a in block.exact_columns(np.arange(block.view.A.shape[1]))]


def known(losses: list[Loss]) -> list[Fraction]:
    assert all(found.upper is not None for found in losses)
    return [(found.upper or Fraction(0)) * VARIANCE for found in losses]


def regular(size: int, degree: int, seed: int) -> Edges:
    """A pairing of half-edges, in which loops and repeated edges are switched with others until there are none."""
    generator = Entropy.seeded(seed).generator("regular graph")
    halves = np.repeat(np.arange(size), degree)
    generator.shuffle(halves)
    pairs = [(int(min(p)), int(max(p))) for p in halves.reshape(-1, 2).tolist()]
    while wrong := [k for k, p in enumerate(pairs) if p[0] == p[1] or p in pairs[:k]]:
        for k in wrong:
            m = int(generator.integers(len(pairs)))
            (a, b), (c, d) = pairs[k], pairs[m]
            pairs[k], pairs[m] = (min(a, d), max(a, d)), (min(b, c), max(b, c))
    return tuple(sorted(pairs))


def distances(size: int, edges: Edges, start: int) -> list[int]:
    near: list[list[int]] = [[] for _ in range(size)]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    found, waiting = {start: 0}, deque([start])
    while waiting:
        agent = waiting.popleft()
        for other in near[agent]:
            if other not in found:
                found[other] = found[agent] + 1
                waiting.append(other)
    return [found.get(agent, size) for agent in range(size)]


def by_messages(size: int, edges: Edges, rounds: int) -> NDArray[np.float64]:
    """What each message alone would show to agent 0 if its noise were fresh, added up: no bound (see the docs)."""
    weights = np.zeros((size, size))
    degrees = np.bincount(np.array(edges).ravel(), minlength=size)
    for a, b in edges:
        weights[a, b] = weights[b, a] = 1 / (1 + max(degrees[a], degrees[b]))
    weights += np.diag(1 - weights.sum(axis=1))
    beside = [b if a == 0 else a for a, b in edges if 0 in (a, b)]
    total, power = np.zeros(size), np.eye(size)
    for _ in range(rounds):
        total += sum(power[w] ** 2 / (power[w] ** 2).sum() for w in beside)
        power = power @ weights
    return total


@settings(max_examples=150, deadline=None)
@given(flows())
def test_losses_add_up_to_the_rank_and_none_is_above_one(case: tuple[Flow, int]) -> None:
    flow, observer = case
    block = watched(flow, observer)
    assert block.exact is not None
    losses = known(block.exact_losses(np.arange(block.view.A.shape[1])))
    assert sum(losses, Fraction(0)) == exact_rank(block.exact.B)
    assert all(0 < loss <= 1 for loss in losses)
    mixed = block.view.B.toarray()
    projector = np.linalg.pinv(mixed, rcond=1e-11) @ mixed
    np.testing.assert_allclose([float(loss) for loss in losses], projector.diagonal(), atol=1e-8)
    for found, exact in zip(by_long_numbers(block), losses, strict=True):
        assert found.upper is not None
        assert found.lower * VARIANCE <= exact <= found.upper * VARIANCE
        assert found.upper - found.lower <= found.upper / 10**9


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 6])
def test_on_a_ring_of_16_everybody_within_reach_is_known_and_nobody_else(rounds: int) -> None:
    block = watched(gossip(16, Wiring.RING, rounds=rounds, variance=VARIANCE), 0)
    losses = dict(zip(block.view.secret_agent.tolist(), known(by_long_numbers(block)), strict=True))
    near = [agent for agent in range(1, 16) if min(agent, 16 - agent) <= rounds]
    assert sorted(losses) == near
    assert all(1 <= loss <= 1 + Fraction(1, 10**9) for loss in losses.values())


def test_on_a_hypercube_the_farthest_are_known_again() -> None:
    """Losses rise again with the distance: 0.4, 0.3, 0.4, and whoever is five or six edges away is known exactly."""
    cube = tuple(sorted((i, i ^ 1 << k) for i in range(64) for k in range(6) if not i >> k & 1))
    block = watched(gossip(64, wired(cube), rounds=6, variance=VARIANCE), 0)
    losses = zip(block.view.secret_agent.tolist(), known(block.exact_losses(np.arange(63))), strict=True)
    found = {agent.bit_count(): loss for agent, loss in losses}
    assert found == {1: 1, 2: Fraction(2, 5), 3: Fraction(3, 10), 4: Fraction(2, 5), 5: 1, 6: 1}


def test_on_a_regular_graph_messages_added_up_are_no_bound() -> None:
    size, degree, rounds = 120, 6, 12
    edges = regular(size, degree, 1)
    block = watched(gossip(size, wired(edges), rounds=rounds, variance=VARIANCE), 0)
    assert block.projected
    far = np.array(distances(size, edges, 0))
    agents = block.view.secret_agent
    farthest = np.flatnonzero(far[agents] == far.max())
    added = by_messages(size, edges, rounds)
    for column in farthest[:4].tolist():
        found = block.projection.loss(block.exact_columns(np.array([column]))[0])
        assert float(found.lower * VARIANCE) > added[agents[column]]
    ready = block.projection._ready(384)[0]
    assert len(ready.chosen) <= rounds * degree + 1  # so the mean of mu^2 variance is at most (T d + 1) / n


def test_long_numbers_and_elimination_derive_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = gossip(14, k_out(2, seed=5), rounds=4, variance=VARIANCE)
    exact = derive(flow, "agent.0", delta=1e-5, agent=9)
    worst = derive(flow, "agent.0", delta=1e-5)
    monkeypatch.setattr(seeing, "EXACT_WORK", 0)
    assert watched(flow, 0).projected
    near = derive(flow, "agent.0", delta=1e-5, agent=9)
    step, certain = near.root.find("linear-gaussian").numbers, exact.root.find("linear-gaussian").numbers
    assert Fraction(step["lower"]) <= Fraction(certain["mu_squared"]) <= Fraction(step["mu_squared"])
    assert near.guarantee.mu == pytest.approx(exact.guarantee.mu, rel=1e-12)
    assert verify(near).holds
    assert derive(flow, "agent.0", delta=1e-5).guarantee.mu == worst.guarantee.mu == pytest.approx((2 / 3) ** 0.5)


def test_the_worst_agent_is_solved_for_where_nothing_is_known_at_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only mixtures of mixtures are sent: the agent that one row tells most about is not the worst off."""
    flow = gossip(20, k_out(2, seed=14), rounds=4, variance=VARIANCE)
    says = parse("mix(mix(answer + noise, wires), wires)")
    flow = replace(flow, messages=(replace(flow.messages[0], says=says),))
    block = watched(flow, 0)
    first = block.exact_losses(np.array([3]))
    later = block.exact_losses(np.array([0, 3]))
    assert first[0].upper == later[1].upper
    losses = known(block.exact_losses(np.arange(block.view.A.shape[1])))
    assert losses[0] == (later[0].upper or 0) * VARIANCE
    assert max(losses) < 1
    monkeypatch.setattr(seeing, "EXACT_WORK", 0)
    derived = derive(flow, "agent.0", delta=1e-5)
    assert derived.agent == block.view.secret_agent[int(np.argmax([float(loss) for loss in losses]))]
    assert derived.guarantee.mu == pytest.approx(float(max(losses) / VARIANCE) ** 0.5, rel=1e-12)


def test_several_columns_of_an_agent_are_bound_together_by_long_numbers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = gossip(12, k_out(2, seed=5), rounds=4, variance=Fraction(2))
    late = replace(flow.noises[0], name="late", rounds=3)
    says = parse("gossip(answer + noise + 2*late, wires)")
    secret = replace(flow.secrets[0], rounds=3, participations=2)
    flow = replace(
        flow, secrets=(secret,), noises=(*flow.noises, late), messages=(replace(flow.messages[0], says=says),)
    )
    exact = derive(flow, "agent.0", delta=1e-5, agent=9)
    monkeypatch.setattr(seeing, "EXACT_WORK", 0)
    near = derive(flow, "agent.0", delta=1e-5, agent=9)
    assert exact.root.find("linear-gaussian").numbers["columns"] == 2
    assert near.guarantee.mu == pytest.approx(exact.guarantee.mu, rel=1e-12)
    assert verify(near).holds


def test_gossip_of_hundreds_is_proven() -> None:
    flow = gossip(150, k_out(2, seed=1), rounds=10, variance=Fraction(1))
    one = derive(flow, "agent.0", delta=1e-5, agent=100).guarantee
    everybody = derive(flow, "agent.0", delta=1e-5).guarantee
    assert one.mu is not None
    assert 0 < one.mu < 1
    assert everybody.mu == 1  # a neighbor's noisy answer is sent in round 1
