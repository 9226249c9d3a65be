"""Whole-number noise and masks as the reasoner applies them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.flow.building import FlowBuilder
from tip.flow.integer_rule import integer_loss, laplace_loss
from tip.flow.reasoning import derive
from tip.flow.seen import Seen, seen, view_node
from tip.flow.verification import verify
from tip.flow.view import blocks
from tip.privacy.accountant import epsilon
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.outcomes import Outcome


def started(*, whole: bool = True, members: int = 3, adaptive: bool = False, rounds: int = 1) -> FlowBuilder:
    made = FlowBuilder("whole", about="whole numbers").agents(person=members).party("hub")
    made = made.secret(
        "x", of="person", range=(0, 4), neighboring="replace-one", adaptive=adaptive, whole=whole, rounds=rounds
    )
    return made.graph("net", over="person", wiring="complete")


def block(made: FlowBuilder, *, colluders: tuple[int, ...] = ()) -> Seen:
    flow = made.build()
    return seen(flow, blocks(flow)[0], parties=frozenset({"hub"}), colluders=np.array(colluders, np.int64))


def loss(made: FlowBuilder, agent: int = 0, colluders: tuple[int, ...] = ()) -> Outcome:
    found = block(made, colluders=colluders)
    return integer_loss(found, agent, view_node(found))


def test_a_sum_of_shares() -> None:
    made = started().noise("g", of="person", law="discrete gaussian", variance=16)
    made = made.message("m", by="hub", says="sum(x + g)", to="hub")
    alone, together = loss(made, colluders=(1, 2)), loss(made)
    assert alone.rho == Fraction(16, 32)
    assert together.rho is not None
    assert Fraction(16, 96) <= together.rho < Fraction(17, 96)
    assert together.node.rule == "integer sum"


def test_noise_on_values_that_are_not_whole() -> None:
    made = started(whole=False).noise("g", of="person", law="discrete gaussian", variance=16)
    found = loss(made.message("m", by="person", says="x + g", to="hub"))
    assert found.event is None
    assert "round it first" in found.missing


@pytest.mark.parametrize(
    ("says", "proven"), [("x + 2*g", False), ("2*x + 2*g", True), ("x + 2*g + 3*h", True), ("x + g", True)]
)
def test_whole_certificates_alone_count(says: str, proven: bool) -> None:  # noqa: FBT001 - a table
    made = started()
    for name in ("g", "h"):
        made = made.noise(name, of="person", law="discrete gaussian", variance=16)
    found = loss(made.message("m", by="person", says=says, to="hub"))
    assert (found.event is not None) == proven
    assert proven or found.node.vectors["z"]


def shares(*, masked: bool) -> FlowBuilder:
    made = started().noise("g", of="person", law="discrete gaussian", variance=16).noise("r", of="net", law="uniform")
    if masked:
        return made.message("m", by="person", says="x + g + signed(r)", to="hub", ring=16)
    return made.message("m", by="hub", says="sum(x + g)", to="hub")


def test_masks_leave_the_sum() -> None:
    found = loss(shares(masked=True))
    assert found.rho == loss(shares(masked=False)).rho
    assert found.masked
    assert found.node.premises[0].rule == "ring masks"
    assert loss(shares(masked=True), colluders=(1, 2)).rho == Fraction(16, 32)


@pytest.mark.parametrize(
    ("says", "adaptive", "proven"),
    [
        ("x + so_far(g)", True, True),
        ("x + apply(g, crossed)", False, True),
        ("x + apply(g, crossed)", True, False),  # round 1 uses both, and the second is moved by what round 2 tells
    ],
)
def test_adaptive_rounds_want_noise_that_is_moved_in_time(says: str, adaptive: bool, proven: bool) -> None:  # noqa: FBT001
    made = started(adaptive=adaptive, rounds=2).table("crossed", [[1, 1], [0, 1]])
    made = made.noise("g", of="person", law="discrete gaussian", variance=16, rounds=2)
    found = loss(made.message("m", by="person", says=says, to="hub"))
    assert (found.event is not None) == proven
    assert proven or "adaptive" in found.missing


def test_laplace_noise() -> None:
    own = (
        started()
        .noise("l", of="person", law="discrete laplace", scale=8)
        .message("m", by="person", says="x + l", to="hub")
    )
    found = block(own)
    event = laplace_loss(found, 0, view_node(found)).event
    assert event is not None
    assert epsilon(event, 1e-9, Neighboring.REPLACE_ONE) == pytest.approx(0.5, rel=1e-3)
    told = (
        started()
        .noise("l", of="hub", law="discrete laplace", scale=8)
        .message("m", by="hub", says="sum(x) + l", to="hub")
    )
    shared = block(told)
    assert laplace_loss(shared, 0, view_node(shared)).event is None  # the hub knows its own noise


BIG = 2**53


@pytest.mark.parametrize(
    ("says", "law", "keys", "ring"),
    [
        (f"{BIG + 1}*x + {BIG}*g", "discrete gaussian", {"variance": 16}, 0),  # modulo 2^53 this is x
        (f"{BIG + 1}*x + {BIG}*g", "uniform", {}, 64),  # so are its lowest bits
        (f"{BIG + 1}*x + x + g", "discrete laplace", {"scale": 2}, 0),
    ],
)
def test_coefficients_that_floats_round_prove_nothing(says: str, law: str, keys: dict[str, int], ring: int) -> None:
    made = started().noise("g", of="person", law=law, **keys)  # type: ignore[arg-type]  # a table of keys
    made = made.message("m", by="person", says=says, to="hub", ring=ring)
    found = block(made)
    rule = laplace_loss if law == "discrete laplace" else integer_loss
    outcome = rule(found, 0, view_node(found))
    assert outcome.event is None
    assert "52 bits" in outcome.missing


def test_noise_that_is_shown_before_it_hides_an_adaptive_value() -> None:
    def told(adaptive: bool) -> Outcome:  # noqa: FBT001 - a table
        made = started(adaptive=adaptive)
        for name in ("g", "h"):
            made = made.noise(name, of="person", law="discrete gaussian", variance=1)
        made = made.message("a", by="person", says="2*g + h", to="hub")
        return loss(made.message("m", by="person", says="x + g", to="hub"))

    assert told(adaptive=False).event is not None
    assert told(adaptive=True).event is None  # after 2 g + h has been seen, g has another law, and x may follow it
    assert "adaptive" in told(adaptive=True).missing


@pytest.mark.parametrize("law", ["discrete laplace", "laplace"])
def test_of_many_laplace_noises_in_a_sum_one_is_moved(law: str) -> None:
    """A sum of Laplace noises is none: the others are given to the coalition, in the proof as in the figure."""
    made = FlowBuilder("sum", about="counts").agents(a=3).party("hub").cohort("k", of="a", least=2)
    made = made.secret("x", of="a", range=(0, 1), neighboring="zero-out", adaptive=False, whole=True)
    made = made.noise("n", of="a", law=law, scale=10)
    proof = derive(made.message("m", by="hub", says="sum(x + n, k)", to="everybody").build(), "world", delta=1e-6)
    assert proof.guarantee.epsilon == pytest.approx(0.1, rel=1e-4)
    assert verify(proof).holds
