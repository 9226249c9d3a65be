"""Limits as matrices: which rows, agents, changes and cases a requirement looks at."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.allocation import losses
from tip.flow.limits import limits
from tip.flow.model import Requirement, Wiring
from tip.flow.readymade import central_sum, decor, distributed_sum, gossip, pairwise, square_root, token_ring
from tip.privacy.gaussian import mu_of

if TYPE_CHECKING:
    from tip.flow.model import Flow

ONE = Fraction(1)
TENTH = Requirement("10% of agents", 1.0, 1e-6)


def worst(flow: Flow, against: str, **variances: float) -> float:
    """The largest mu^2 over all cases and agents when the planned noises have these variances."""
    planned = tuple(variances)
    values = np.array(list(variances.values()))
    found = limits(flow, Requirement(against, 1.0, 1e-6), planned)
    return max(float(losses(one, values).max()) for one in found)


def test_the_limit_is_the_exact_curve() -> None:
    (one,) = limits(central_sum(3, variance=None), Requirement("world", 0.5, 1e-7), ("noise",))
    assert one.limit == mu_of(0.5, 1e-7) ** 2
    assert "'world'" in one.name


@pytest.mark.parametrize(
    ("against", "squared"), [("world", 1 / 8), ("25% of agents", 1 / 5), ("summation", 1.0), ("agent.2", 1 / 7)]
)
def test_who_colludes_decides_which_shares_count(against: str, squared: float) -> None:
    flow = distributed_sum(12, share_variance=None, least=8)
    assert worst(flow, against, share=2.0) == pytest.approx(squared / 2, rel=1e-12)


def test_rounds_that_are_alike_are_counted() -> None:
    flow = decor(5, Wiring.COMPLETE, steps=7, own_variance=None, pair_variance=None)
    assert worst(flow, "world", own=2.0, pair=3.0) == pytest.approx(7 * (1 / 10 + 0.8 / 17), rel=1e-9)
    once = replace(flow, secrets=(replace(flow.secrets[0], participations=2),))
    assert worst(once, "world", own=2.0, pair=3.0) == pytest.approx(2 * (1 / 10 + 0.8 / 17), rel=1e-9)


def test_single_participations_are_looked_at_one_by_one() -> None:
    flow = square_root(16, variance=None)
    norm = sum((math.comb(2 * k, k) / 4**k) ** 2 for k in range(16))
    assert worst(flow, "world", noise=1.0) == pytest.approx(norm, rel=1e-9)
    always = replace(flow, secrets=(replace(flow.secrets[0], participations=None),))
    root = np.array(
        [[math.comb(2 * (i - j), i - j) / 4 ** (i - j) if i >= j else 0 for j in range(16)] for i in range(16)]
    )
    assert worst(always, "world", noise=1.0) == pytest.approx(float((root.sum(axis=1) ** 2).sum()), rel=1e-9)


def test_two_rounds_change_with_both_signs() -> None:
    """root has nonnegative columns, so the worst of two rounds is their sum."""
    flow = square_root(2, variance=None)
    both = replace(flow, secrets=(replace(flow.secrets[0], participations=2),))
    (one,) = limits(both, Requirement("world", 1.0, 1e-6), ("noise",))
    found = losses(one, np.array([1.0]))
    assert sorted({round(value, 9) for value in found.tolist()}) == [1.25, 3.25]  # (1, -1/2), (1, 3/2)


def test_messages_made_of_seen_ones_are_left_out() -> None:
    """A reader in the coalition adds nothing; a reader of a board that nobody sees does."""
    flow = pairwise(6, Wiring.RING, own_variance=None, pair_variance=None)
    (world,) = limits(flow, Requirement("world", 1.0, 1e-6), ("own", "pair"))
    (reader,) = limits(flow, Requirement("reader", 1.0, 1e-6), ("own", "pair"))
    assert world.B.shape == reader.B.shape == (6, 12)
    hidden = replace(flow, messages=(replace(flow.messages[0], to=("nobody",)), flow.messages[1]))
    (only_mean,) = limits(hidden, Requirement("reader", 1.0, 1e-6), ("own", "pair"))
    assert only_mean.B.shape[0] == 1
    assert losses(only_mean, np.array([2.0, 1.0])) == pytest.approx([1 / 12] * 6)


def test_graphs_look_at_every_agent_and_every_coalition() -> None:
    flow = gossip(5, Wiring.PATH, rounds=2, variance=None)
    found = limits(flow, Requirement("20% of agents", 1.0, 1e-6), ("noise",))
    assert len(found) == 5
    assert worst(flow, "20% of agents", noise=4.0) == pytest.approx(1 / 4)
    ring = limits(token_ring(6, turns=1, variance=None), Requirement("world", 1.0, 1e-6), ("noise",))
    assert ring == []  # the world sees nothing


def test_the_mutant_that_adds_up_messages_would_be_noticed() -> None:
    """On the path of three the sum over messages is a third of what is learned."""
    flow = gossip(3, Wiring.PATH, rounds=2, variance=None)
    (one,) = limits(flow, Requirement("agent.2", 1.0, 1e-6), ("noise",))
    matrix, changes = one.B.toarray(), one.changes
    by_message = (changes**2 / (matrix**2).sum(axis=1)[:, None]).sum(axis=0)
    assert losses(one, np.array([1.0])) == pytest.approx([1.0, 1.0])
    assert by_message.min() < 0.5


def test_too_many_coalitions() -> None:
    """Up to 200 agents all others are taken to collude, and the limit says so; beyond, nothing is planned."""
    some = limits(pairwise(40, Wiring.RING, own_variance=None, pair_variance=ONE), TENTH, ("own",))
    assert len(some) == 40
    assert all(one.name.endswith("all other agents taken to collude") for one in some)
    with pytest.raises(ConfigurationError, match="too many coalitions"):
        limits(pairwise(300, Wiring.RING, own_variance=None, pair_variance=ONE), TENTH, ("own",))
