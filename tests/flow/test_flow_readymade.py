"""Ready-made flows: what they declare, and their closed forms through the view and both ways of computing a loss."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.exact import exact_loss
from tip.flow.graphs import edges
from tip.flow.linear import loss
from tip.flow.model import Wiring
from tip.flow.readymade import (
    central_sum,
    decor,
    distributed_sum,
    follow_the_leader,
    given,
    gossip,
    incremental,
    k_out,
    pairwise,
    square_root,
    token_ring,
    tree,
)
from tip.flow.view import exact_view, view
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.model import Flow, Graph

OWN, PAIR = Fraction(1, 2), Fraction(3)
NOBODY: tuple[int, ...] = ()


def exact(flow: Flow, *, parties: tuple[str, ...] = (), colluders: tuple[int, ...] = NOBODY) -> dict[int, Fraction]:
    """mu^2 of each column of each agent, the largest, in fractions; all messages in one view."""
    names = tuple(message.name for message in flow.messages)
    seen = exact_view(flow, names, parties=frozenset(parties), colluders=np.array(colluders, np.int64))
    variances = [variance or Fraction(0) for variance in seen.variances]
    found: dict[int, Fraction] = {}
    for column, agent in enumerate(seen.secret_agent.tolist()):
        change = [row.get(column, Fraction(0)) for row in seen.A]
        upper = exact_loss(seen.B, change, variances).upper
        assert upper is not None
        found[agent] = max(found.get(agent, Fraction(0)), upper * seen.times)
    return found


def floats(flow: Flow, *, colluders: tuple[int, ...] = NOBODY) -> dict[int, float]:
    """The same by the certified float way."""
    names = tuple(message.name for message in flow.messages)
    seen = view(flow, names, parties=frozenset(), colluders=np.array(colluders, np.int64))
    changes = seen.A.toarray()
    found: dict[int, float] = {}
    for column, agent in enumerate(seen.secret_agent.tolist()):
        upper = loss(seen.B, changes[:, column], seen.variances).upper
        assert upper is not None
        found[agent] = max(found.get(agent, 0.0), float(upper) * seen.times)
    return found


# -- sums -----------------------------------------------------------------------------------------


def test_central_sum() -> None:
    flow = central_sum(5, variance=Fraction(7))
    assert exact(flow) == dict.fromkeys(range(5), Fraction(1, 7))
    assert exact(flow, colluders=(1, 2)) == dict.fromkeys((0, 3, 4), Fraction(1, 7))
    told = exact_view(flow, ("told",), parties=frozenset({"coordinator"}), colluders=np.zeros(0, np.int64))
    assert len(told.A) == 5
    assert not any(told.B)


@pytest.mark.parametrize(("colluders", "shares"), [((), 4), ((5,), 3), ((2, 3, 5), 1), ((1, 2, 3, 4, 5), 1)])
def test_distributed_sum_counts_the_shares_of_law_4(colluders: tuple[int, ...], shares: int) -> None:
    flow = distributed_sum(6, share_variance=Fraction(2), least=4)
    worst = max(exact(flow, colluders=colluders).values())
    assert worst == Fraction(1, 2 * shares)
    assert max(exact(flow, parties=("summation",)).values()) == Fraction(1, 2)


def test_tree_over_eight_rounds_is_exactly_four() -> None:
    assert exact(tree(8, variance=Fraction(1))) == {0: Fraction(4), 1: Fraction(4)}
    assert exact(tree(8, variance=Fraction(3)))[0] == Fraction(4, 3)
    with pytest.raises(ConfigurationError, match="power of two"):
        tree(6, variance=Fraction(1))


def test_square_root_over_64_rounds() -> None:
    norm = math.sqrt(sum(Fraction(math.comb(2 * k, k), 4**k) ** 2 for k in range(64)))
    assert norm == pytest.approx(1.54558989, abs=5e-9)
    worst = max(floats(square_root(64, variance=Fraction(1))).values())
    assert math.sqrt(worst) == pytest.approx(norm, rel=1e-9)


def test_follow_the_leader_shows_no_more_than_its_strategy() -> None:
    by_root = exact(follow_the_leader(8, variance=Fraction(1)))
    assert by_root[0] == sum(Fraction(math.comb(2 * k, k), 4**k) ** 2 for k in range(8))
    assert max(exact(follow_the_leader(8, variance=Fraction(1), by_tree=True)).values()) <= 4


def test_prefixes_by_a_tree_add_up() -> None:
    flow = follow_the_leader(16, variance=Fraction(1), by_tree=True)
    seen = exact_view(flow, ("released",), parties=frozenset(), colluders=np.zeros(0, np.int64))
    for row, round_ in zip(seen.A, seen.row_round.tolist(), strict=True):
        rounds = sorted(seen.secret_round[column] for column in row if seen.secret_agent[column] == 0)
        assert rounds == list(range(round_ + 1))
        assert set(row.values()) == {Fraction(1)}
    assert [len(row) for row in seen.B] == [(t + 1).bit_count() for t in range(16)]


# -- noise that cancels ---------------------------------------------------------------------------


def _complete(n: int) -> float:
    s, p = float(OWN), float(PAIR)
    return 1 / (n * s) + (1 - 1 / n) / (s + n * p)


def _ring(n: int) -> float:
    s, p = float(OWN), float(PAIR)
    return sum(1 / (s + p * (2 - 2 * math.cos(2 * math.pi * k / n))) for k in range(n)) / n


def _path_end(n: int) -> float:
    s, p = float(OWN), float(PAIR)
    turns = [math.pi * k / n for k in range(1, n)]
    return 1 / (n * s) + sum(2 / n * math.cos(t / 2) ** 2 / (s + p * (2 - 2 * math.cos(t))) for t in turns)


def _star_leaf(n: int) -> float:
    s, p = float(OWN), float(PAIR)
    return 1 / (n * s) + 1 / (n * (n - 1)) / (s + n * p) + (n - 2) / (n - 1) / (s + p)


@pytest.mark.parametrize("agents", [3, 4, 7, 20])
@pytest.mark.parametrize(
    ("wiring", "agent", "expected"),
    [
        (Wiring.COMPLETE, 0, _complete), (Wiring.RING, 2, _ring),
        (Wiring.PATH, 0, _path_end), (Wiring.STAR, 1, _star_leaf),
    ],
)  # fmt: skip
def test_pairwise_closed_forms(wiring: Wiring, agent: int, expected: object, agents: int) -> None:
    assert callable(expected)
    flow = pairwise(agents, wiring, own_variance=OWN, pair_variance=PAIR)
    wanted = expected(agents)
    assert floats(flow)[agent] == pytest.approx(wanted, rel=1e-9)
    assert float(exact(flow)[agent]) == pytest.approx(wanted, rel=1e-12)


def test_pairwise_complete_graph_of_100() -> None:
    flow = pairwise(100, Wiring.COMPLETE, own_variance=OWN, pair_variance=PAIR)
    assert floats(flow)[17] == pytest.approx(0.0232945092, abs=5e-11)


@pytest.mark.parametrize("graph", [k_out(3, seed=5), given(((0, 1), (0, 4), (1, 2), (2, 3), (5, 6), (6, 7), (7, 8)))])
def test_pairwise_follows_the_graph_among_the_honest(graph: Graph) -> None:
    """(own I + pair L)^-1 of the honest agents, whatever the colluders know of the others."""
    colluders = (2, 6)
    flow = pairwise(9, graph, own_variance=OWN, pair_variance=PAIR)
    honest = [agent for agent in range(9) if agent not in colluders]
    covariance = float(OWN) * np.eye(9)
    for i, j in edges(graph, 9).tolist():
        if i in honest and j in honest:
            covariance[[i, j], [i, j]] += float(PAIR)
            covariance[[i, j], [j, i]] -= float(PAIR)
    wanted = np.diag(np.linalg.inv(covariance[np.ix_(honest, honest)]))
    found = floats(flow, colluders=colluders)
    assert [found[agent] for agent in honest] == pytest.approx(wanted.tolist(), rel=1e-9)


def test_decor_adds_up_over_its_steps() -> None:
    once = exact(pairwise(5, Wiring.RING, own_variance=OWN, pair_variance=PAIR))
    flow = decor(5, Wiring.RING, steps=12, own_variance=OWN, pair_variance=PAIR)
    assert flow.secrets[0].adaptive
    assert exact(flow) == {agent: 12 * squared for agent, squared in once.items()}


# -- noise that travels ---------------------------------------------------------------------------


def test_gossip_on_a_path_of_three_is_no_sum_over_messages() -> None:
    flow = gossip(3, Wiring.PATH, rounds=2, variance=Fraction(5))
    learned = exact(flow, colluders=(2,))
    assert learned == {0: Fraction(1, 5), 1: Fraction(1, 5)}
    assert learned[0] != Fraction(1, 15)  # what each message alone would show, added up


@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
def test_gossip_on_a_ring_reveals_everybody_within_reach(rounds: int) -> None:
    learned = exact(gossip(16, Wiring.RING, rounds=rounds, variance=Fraction(2)), colluders=(0,))
    near = [agent for agent in range(1, 16) if min(agent, 16 - agent) <= rounds]
    assert {agent for agent, squared in learned.items() if squared * 2 == 1} == set(near)
    assert all(squared == Fraction(1, 2) for squared in learned.values())


@pytest.mark.parametrize(
    ("wiring", "rounds"), [(Wiring.RING, 3), (Wiring.STAR, 3), (k_out(2, seed=1), 2), (k_out(3, seed=8), 4)]
)
def test_losses_of_gossip_add_up_to_the_rank_of_the_view(wiring: Wiring | Graph, rounds: int) -> None:
    flow = gossip(12, wiring, rounds=rounds, variance=Fraction(3, 2))
    seen = view(flow, ("state",), parties=frozenset(), colluders=np.array([4], np.int64))
    rank = np.linalg.matrix_rank(seen.B.toarray(), tol=1e-9)
    learned = exact(flow, colluders=(4,))
    assert float(sum(learned.values())) * 1.5 == pytest.approx(rank, abs=1e-8)
    assert all(squared <= Fraction(2, 3) for squared in learned.values())


def test_increments_add_up_to_the_answer_and_its_own_noise() -> None:
    """Who sees all of a complete graph's messages learns answer + own, and nothing more."""
    flow = incremental(4, Wiring.COMPLETE, increments=3, own_variance=Fraction(2), hiding_variance=Fraction(9))
    assert exact(flow, colluders=(0, 1, 2)) == {3: Fraction(1, 2)}
    with pytest.raises(ConfigurationError, match="increments"):
        incremental(4, Wiring.RING, increments=1, own_variance=OWN, hiding_variance=PAIR)


@pytest.mark.parametrize("wiring", [Wiring.RING, Wiring.STAR])
def test_what_hides_increments_cancels_in_the_mean(wiring: Wiring) -> None:
    """Weights are bistochastic, so the last states add up to all answers and own noises, and to no hiding noise."""
    flow = incremental(5, wiring, increments=4, own_variance=Fraction(2), hiding_variance=Fraction(9))
    seen_by_all = replace(flow, messages=(replace(flow.messages[0], to=("everybody",)),))
    seen = exact_view(seen_by_all, ("state",), parties=frozenset(), colluders=np.zeros(0, np.int64))
    totals: dict[int, Fraction] = {}
    answers = Fraction(0)
    for row in np.flatnonzero(seen.row_round == 3).tolist():
        answers += sum(seen.A[row].values())
        for column, coefficient in seen.B[row].items():
            totals[column] = totals.get(column, Fraction(0)) + coefficient
    by_noise = [{totals[c] for c in totals if seen.noise_symbol[c] == symbol} for symbol in (0, 1)]
    assert by_noise == [{Fraction(1)}, {Fraction(0)}]
    assert answers == 5


def test_increments_hide_more_than_plain_gossip_from_one_neighbor() -> None:
    plain = exact(gossip(5, Wiring.RING, rounds=3, variance=OWN), colluders=(0,))
    hidden = exact(
        incremental(5, Wiring.RING, increments=3, own_variance=OWN, hiding_variance=Fraction(50)), colluders=(0,)
    )
    assert plain[2] == 1 / OWN
    assert hidden[2] < plain[2]
    assert all(hidden[agent] <= 1 / OWN for agent in hidden)


def test_token_ring() -> None:
    turns, agents, variance = 3, 6, Fraction(4)
    flow = token_ring(agents, turns=turns, variance=variance)
    assert exact(flow, colluders=(0,)) == dict.fromkeys(range(1, 6), turns / ((agents - 1) * variance))
    later = exact(flow, colluders=(2,))
    usual = (turns - 1) / ((agents - 1) * variance)
    assert later == {0: usual + 1 / (2 * variance), 1: usual + 1 / (2 * variance), 3: usual, 4: usual, 5: usual}
    assert exact(flow, colluders=(2, 4))[3] == turns / variance


# -- declarations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flow",
    [
        central_sum(3, variance=None), distributed_sum(3, share_variance=None), tree(4, variance=None),
        square_root(5, variance=None), follow_the_leader(4, variance=None, by_tree=True),
        pairwise(4, Wiring.RING, own_variance=None, pair_variance=None), token_ring(4, turns=2, variance=None),
        decor(4, k_out(2, seed=0), steps=3, own_variance=None, pair_variance=None),
        gossip(4, Wiring.PATH, rounds=2, variance=None),
        incremental(4, Wiring.STAR, increments=3, own_variance=None, hiding_variance=None),
    ],
)  # fmt: skip
def test_what_all_have_in_common(flow: Flow) -> None:
    assert all(noise.planned for noise in flow.noises)
    assert flow.secrets[0].neighboring is Neighboring.REPLACE_ONE
    assert flow.secrets[0].squared_reach == 1
    assert flow.about.endswith(".")


def test_a_graph_of_others_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="named 'wires'"):
        pairwise(4, replace(k_out(2, seed=0), name="others"), own_variance=OWN, pair_variance=PAIR)
