"""Independence, losses and gossip where floats or fractions will not do, against exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.building import FlowBuilder
from tip.flow.checking.expansion import Expansion
from tip.flow.checking.precise import halved, independent
from tip.flow.checking.sheets import blocks, sheet
from tip.flow.checking.surveys import survey
from tip.flow.checking.watching import Crowd, Watch
from tip.flow.model import Wiring
from tip.flow.readymade import gossip
from tip.flow.reasoning import derive
from tip.flow.verification import verify

if TYPE_CHECKING:
    from tip.flow.checking.sheets import Sheet

SIZE = 12  # the Hilbert matrix of this size has a condition of about 2e16


def hilbert(noises: int) -> Sheet:
    """Row i: the sum of g_j / (i + j + 1), and the secret of agent i."""
    built = FlowBuilder("hilbert", about="rows that are nearly alike").party("hub", "other")
    built = built.agents(**{f"p{i}": 1 for i in range(SIZE)})
    for i in range(SIZE):
        built = built.secret(f"x{i}", of=f"p{i}", range=(0, 1), neighboring="replace-one", adaptive=False)
    for j in range(noises):
        built = built.noise(f"g{j}", of="other", law="gaussian", variance=1 + j)
    for i in range(SIZE):
        mixed = " + ".join(f"g{j}/{i + j + 1}" for j in range(noises))
        built = built.message(f"m{i}", by="other", says=f"x{i} + {mixed}", to="hub")
    flow = built.build()
    return sheet(Watch(Crowd(flow), frozenset({"hub"}), frozenset()), blocks(flow)[0])


def exact(some: Sheet) -> list[Fraction]:
    """The diagonal of (B V B')^-1 by Gauss and Jordan in fractions."""
    spread = some.variances()
    rows = [[sum(x * Fraction(v.get(j, 0)) * spread[j] for j, x in u.items()) for v in some.B] for u in some.B]
    lines = [[*map(Fraction, row), *(Fraction(i == k) for k in range(SIZE))] for i, row in enumerate(rows)]
    for at in range(SIZE):
        lines[at] = [x / lines[at][at] for x in lines[at]]
        for i in range(SIZE):
            if i != at:
                lines[i] = [x - lines[i][at] * y for x, y in zip(lines[i], lines[at], strict=True)]
    return [lines[i][SIZE + i] for i in range(SIZE)]


def test_losses_that_floats_cannot_tell_are_those_of_fractions() -> None:
    some = hilbert(SIZE)
    wanted = exact(some)
    half = halved(some, list(range(SIZE)))
    assert np.allclose((half**2).sum(axis=0), [float(x) for x in wanted], rtol=1e-12, atol=0)
    found = survey(some)
    for agent in range(SIZE):
        assert found.loss(agent) == pytest.approx(float(wanted[agent]), rel=1e-12)


def test_rows_that_are_not_independent_are_not_said_to_be() -> None:
    some = hilbert(SIZE)
    assert independent(some.B)
    assert not independent([*some.B, {0: Fraction(1, 7)}])
    assert not independent(hilbert(SIZE - 1).B)
    assert survey(hilbert(SIZE - 1)).bare
    assert not independent([{0: 2**61 - 1}])  # a prime cannot tell; fractions do


def test_a_singular_system_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="too large"):
        halved(hilbert(SIZE - 1), list(range(SIZE)))


def test_a_gossip_of_many_rounds_is_accepted_for_all_agents() -> None:
    flow = gossip(24, Wiring.RING, rounds=14, variance=Fraction(1))
    found = derive(flow, "agent.0", delta=1e-5)
    assert found.guarantee.epsilon
    assert verify(found).holds


@pytest.mark.parametrize("rounds", [1, 4])
def test_gossip_counted_in_whole_numbers_is_gossip_in_fractions(rounds: int) -> None:
    built = FlowBuilder("mixed", about="gossip on a star").agents(agent=5).graph("net", over="agent", wiring="star")
    built = built.secret("x", of="agent", range=(0, 1), neighboring="replace-one", adaptive=False, rounds=rounds)
    built = built.message("said", by="agent", says="gossip(x/3, net, 4)", to="everybody")
    built = built.message("late", by="agent", says="last(said)/7", to="everybody")
    expansion = Expansion(built.build(), {}, one_round=False)
    weights = expansion.weights("net")
    line: list[dict[tuple[str, int, int], Fraction]] = [{("x", i, 0): Fraction(1, 3)} for i in range(5)]
    for turn in range(4):
        assert [expansion.message("said").at(i, turn) for i in range(5)] == line
        mixed = []
        for i in range(5):
            row = {("x", i, turn + 1): Fraction(1, 3)} if rounds > 1 else {}
            for j, weight in weights[i].items():
                for column, entry in line[j].items():
                    row[column] = row.get(column, Fraction(0)) + weight * entry
            mixed.append(row)
        before, line = line, mixed
    assert [expansion.message("late").at(i, 0) for i in range(5)] == [
        {column: entry / 7 for column, entry in row.items()} for row in before
    ]
