"""Which cases stand for every coalition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.flow.building import FlowBuilder
from tip.flow.collusion import about, covers, named, tell_apart
from tip.flow.reasoning import derive

if TYPE_CHECKING:
    from tip.flow.model import Flow

VOTE = "vote"
NOBODY = np.zeros(0, np.int64)


def flow(says: str, to: str = "everybody", wiring: str = "ring", persons: int = 5, doctors: int = 3) -> Flow:
    built = FlowBuilder("two groups", about="two groups").agents(person=persons, doctor=doctors)
    built = built.graph("net", over="person", wiring=wiring).cohort("some", of="person", least=2)
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False, rounds=2)
    built = built.secret("z", of="doctor", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("pair", of="net", law="gaussian", variance=1, rounds=2)
    return built.message("m", by="person", says=says, to=to).build()


@pytest.mark.parametrize(
    ("says", "to", "wiring", "apart"),
    [
        ("x", "everybody", "ring", False), ("so_far(x) + previous(x)", "person", "path", False),
        ("x + signed(pair)", "everybody", "ring", True), ("x + signed(pair)", "everybody", "complete", False),
        ("mix(x, net)", "everybody", "complete", False), ("gossip(x, net)", "everybody", "star", True),
        ("token(x)", "everybody", "ring", True), ("x", "next in person", "ring", True),
        ("x", "neighbors in net", "ring", True), ("x", "neighbors in net", "complete", False),
    ],
)  # fmt: skip
def test_what_tells_members_apart(says: str, to: str, wiring: str, apart: bool) -> None:  # noqa: FBT001 - a table
    assert bool(tell_apart(flow(says, to, wiring))) == apart


def test_reports_to_neighbors_tell_members_apart() -> None:
    built = FlowBuilder("asked", about="a question").agents(person=4).graph("net", over="person", wiring="ring")
    built = built.secret(VOTE, of="person", choices=2, neighboring="replace-one", adaptive=False)
    for to, apart in (("person", False), ("neighbors in net", True), ("next in person", True)):
        name = to.replace(" ", "_")
        assert bool(tell_apart(built.report(name, secret=VOTE, ratio=2, to=to).build())) == apart


def test_alike_members_collude_in_every_group() -> None:
    (cover,) = covers(flow("x"), 2, np.array([1]))
    assert cover.why == "alike"
    assert [(case.protected, case.colluders.tolist()) for case in cover.cases] == [
        ((0,), [1, 3, 4, 6, 7]),
        ((5,), [1, 3, 4, 6, 7]),
    ]
    assert [case.protected for case in about(flow("x"), cover, 7).cases] == [(5,)]


def test_few_sets_are_looked_at_one_by_one_and_many_together() -> None:
    each, others = covers(flow("token(x)"), 2, NOBODY)
    assert (each.why, len(each.cases), others.why, len(others.cases)) == ("each", 28, "everyone else", 8)
    assert len({tuple(case.colluders.tolist()) for case in each.cases}) == 28
    assert all(8 - len(case.colluders) == 1 for case in others.cases)
    assert len(about(flow("token(x)"), each, 3).cases) == 21
    assert [case.protected for case in about(flow("token(x)"), others, 3).cases] == [(3,)]
    assert [cover.why for cover in covers(flow("token(x)", persons=200), 3, NOBODY)] == ["everyone else"]
    assert not list(covers(flow("token(x)", persons=600), 3, NOBODY))


def test_named_coalitions() -> None:
    (case,) = named(flow("x"), np.array([0, 5, 5])).cases
    assert (case.colluders.tolist(), case.protected) == ([0, 5], (1, 6))
    assert named(flow("token(x)"), np.array([0])).cases[0].protected is None
    with pytest.raises(ConfigurationError, match="0 to 7"):
        named(flow("x"), np.array([8]))
    with pytest.raises(ConfigurationError, match="nobody is left"):
        named(flow("x"), np.arange(8))
    with pytest.raises(ConfigurationError, match="nobody is left"):
        list(covers(flow("x"), 8, NOBODY))
    with pytest.raises(ConfigurationError, match="not protected"):
        about(flow("x"), named(flow("x"), np.array([3])), 3)


def test_a_sum_of_noise_on_edges_tells_members_apart() -> None:
    """Noise is added at the lower end of an edge and taken away at the upper one: the last member is the worst off."""
    made = FlowBuilder("edges", about="a sum of all noise on edges").agents(a=4).party("hub")
    made = made.graph("g", over="a", wiring="complete")
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.noise("n", of="a", law="gaussian", variance=1).noise("e", of="g", law="gaussian", variance=1)
    made = made.message("m", by="a", says="x + n + signed(e)", to="everybody")
    assert not tell_apart(made.build())
    made = made.message("t", by="hub", says="sum(x) + sum(e)", to="everybody")
    assert "edges" in tell_apart(made.build())
    flow = made.build()
    each = [derive(flow, "world", delta=1e-5, agent=agent).guarantee.mu or 0 for agent in range(4)]
    assert derive(flow, "world", delta=1e-5).guarantee.mu == max(each) == each[3] > each[0]


def test_many_coalitions_are_not_counted() -> None:
    """The number of coalitions of three in ten of a million agents has 265,000 digits."""
    made = FlowBuilder("many", about="a path of a million agents").agents(a=1_000_000)
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.message("m", by="a", says="x", to="next in a")
    assert not list(covers(made.build(), 300_000, np.zeros(0, np.int64)))
