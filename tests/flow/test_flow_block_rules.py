"""Inputs that may carry what the coalition does not see: from messages, from what is told, from what agents say."""

from __future__ import annotations

import pytest

from tip.flow.building import FlowBuilder
from tip.flow.reasoning import derive

HIDDEN = "does not see"
OTHER = "y"


def built(*, adaptive: bool = True, known_to: str = "hub") -> FlowBuilder:
    made = FlowBuilder("hidden", about="inputs that depend on more").agents(a=3).party("hub", "other")
    made = made.graph("g", over="a", wiring="ring")
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=adaptive, rounds=2)
    made = made.noise("n", of="hub", law="gaussian", variance=1, rounds=2, known_to=known_to)
    return made.message("m", by="other", says="sum(x) + n", to="everybody")


def missing(made: FlowBuilder, against: str = "world", agent: int | None = None) -> str:
    return derive(made.build(), against, delta=1e-5, agent=agent).guarantee.missing


def test_noise_that_agents_are_told_lets_them_see_more() -> None:
    assert not missing(built())
    assert "told noise 'n'" in missing(built(known_to="a"))
    assert not missing(built(known_to="a", adaptive=False))


def test_what_an_agent_says_of_others_it_knows() -> None:
    assert "'own'" in missing(built().message("own", by="a", says="mix(x, g)", to="nobody"))
    assert HIDDEN not in missing(built().message("own", by="a", says="x", to="nobody"))
    alone = FlowBuilder("one", about="a group of one that knows another").agents(a=1, b=1)
    for name in "ab":
        alone = alone.secret(f"x{name}", of=name, range=(0, 1), neighboring="replace-one", adaptive=True)
        alone = alone.noise(f"n{name}", of=name, law="gaussian", variance=1)
    alone = alone.message("to_itself", by="b", says="xa + na", to="nobody").message(
        "m", by="b", says="xb + nb", to="everybody"
    )
    assert "'to_itself'" in missing(alone)


def test_an_input_may_carry_what_another_agent_said() -> None:
    """The claim about agent 0 fails although what it says itself is hidden: agents of b may repeat it."""
    made = FlowBuilder("carried", about="b hears a").agents(a=2, b=2)
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.secret("y", of="b", range=(0, 1), neighboring="replace-one", adaptive=True)
    made = made.noise("n", of="b", law="gaussian", variance=1)
    made = made.message("m1", by="a", says="x", to="b").message("m2", by="b", says="y + n", to="everybody")
    assert HIDDEN in missing(made, agent=0)
    assert HIDDEN in missing(made)


@pytest.mark.parametrize("to", ["everybody", "next in b"])
def test_a_report_may_carry_what_another_agent_said(to: str) -> None:
    made = FlowBuilder("carried", about="b hears a").agents(a=2, b=2)
    made = made.secret("x", of="a", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.secret("y", of="b", choices=2, neighboring="replace-one", adaptive=True)
    made = made.message("m1", by="a", says="x", to="b").report("r", secret=OTHER, to=to, ratio=3)
    assert (HIDDEN in missing(made, agent=0)) == (to == "everybody")
    assert missing(made, "b.0", agent=0)  # it hears x itself
