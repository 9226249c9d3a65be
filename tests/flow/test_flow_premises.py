"""What a guarantee rests on: which parties outside of a coalition could tell it more than everybody knows."""

from __future__ import annotations

import pytest

from tip.flow.building import FlowBuilder
from tip.flow.premises import insiders_elsewhere
from tip.flow.reasoning import derive
from tip.privacy.coalitions import Coalition

TOTAL = "sum(x) + sum(n)"


def told(by: str, says: str, to: str) -> FlowBuilder:
    """Everybody sees noisy numbers; one more message goes from somebody to somebody."""
    built = FlowBuilder("told", about="who knows more").agents(person=4).party("server").party("analyst")
    built = built.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.noise("n", of="person", law="gaussian", variance=7)
    built = built.message("noisy", by="person", says="x + n", to="everybody")
    return built.message("more", by=by, says=says, to=to)


@pytest.mark.parametrize(
    ("by", "says", "to", "others"),
    [
        ("person", "x + n", "analyst", ("analyst",)),
        ("server", TOTAL, "everybody", ()),
        ("server", TOTAL, "analyst", ("server", "analyst")),  # who sends what few see knows it as well
        ("server", "sum(x)", "nobody", ("server",)),
    ],
)
def test_who_sends_or_sees_more_than_everybody_could_tell_it(
    by: str, says: str, to: str, others: tuple[str, ...]
) -> None:
    flow = told(by, says, to).build()
    assert insiders_elsewhere(flow, Coalition.parse("world")) == others
    named = {assumption.name for assumption in derive(flow, "world", delta=1e-6).guarantee.assumptions}
    assert ("parties-apart" in named) == bool(others)
    inside = Coalition.parse("server", names=("server",))
    assert insiders_elsewhere(flow, inside) == tuple(party for party in others if party != "server")
