"""What is seen of a block: repeated rows, messages that only combine others, coefficients that floats do not hold."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tip.flow.building import FlowBuilder
from tip.flow.precision import MANY, roundings
from tip.flow.reasoning import derive
from tip.flow.seen import Seen, seen
from tip.flow.view import blocks


def built(members: int = 3) -> FlowBuilder:
    made = FlowBuilder("seen", about="what is seen").agents(person=members).party("hub")
    made = made.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
    return made.noise("n", of="person", law="gaussian", variance=1).noise("k", of="person", law="gaussian", variance=1)


def block(made: FlowBuilder, *parties: str, colluders: tuple[int, ...] = ()) -> Seen:
    flow = made.build()
    return seen(flow, blocks(flow)[0], parties=frozenset(parties), colluders=np.array(colluders, np.int64))


def test_what_only_combines_what_is_seen_whole_is_left_out() -> None:
    made = (
        built().message("a", by="person", says="x + n", to="hub").message("b", by="hub", says="sum(a)", to="everybody")
    )
    assert block(made, "hub").view.messages == ("a",)
    assert block(made).view.messages == ("a", "b")
    assert block(made).told == ("b",)
    assert len(block(made, colluders=(1,)).view.row_message) == 1  # its own row holds nothing unknown
    near = (
        built()
        .message("a", by="person", says="x + n", to="next in person")
        .message("b", by="hub", says="sum(a)", to="hub")
    )
    assert block(near, "hub", colluders=(1,)).told == ("a", "b")


def test_equal_rows_stand_once() -> None:
    made = built().message("a", by="person", says="x + n", to="hub").message("b", by="person", says="n + x", to="hub")
    found = block(made, "hub")
    assert found.view.A.shape[0] == 3
    assert found.told == ("a", "b")


def test_rows_that_floats_take_for_equal_are_kept() -> None:
    """Their difference is a hair of noise, and so the noise is gone."""
    hair = f"{Fraction(1, 3) + Fraction(1, 2**80)} * n"
    made = built().message("a", by="person", says="x + 1/3 * n", to="hub")
    made = made.message("b", by="person", says=f"x + {hair}", to="hub")
    assert block(made, "hub").view.A.shape[0] == 6
    assert derive(made.build(), "hub", delta=1e-6).guarantee.epsilon is None
    many = built(300).message("a", by="person", says="x + 1/3 * n", to="hub")
    many = many.message("b", by="person", says=f"x + {hair}", to="hub")
    assert derive(many.build(), "hub", delta=1e-6).guarantee.epsilon is None


def test_noise_that_cancels_exactly_is_none_in_large_views_too() -> None:
    """0.1 + 0.2 - 0.3 is not 0 in floats."""
    for members in (3, 300):
        made = built(members).message("a", by="person", says="x + 0.1*n + 0.2*n - 0.3*n", to="hub")
        assert derive(made.build(), "hub", delta=1e-6).guarantee.epsilon is None
        good = built(members).message("a", by="person", says="x + 0.1*n + 0.2*n + 0.7*n", to="hub")
        assert derive(good.build(), "hub", delta=1e-6).guarantee.mu == pytest.approx(1, abs=1e-9)


def test_roundings_are_counted() -> None:
    made = (
        built().message("a", by="person", says="x/3 + n", to="hub").message("b", by="person", says="a/3 + k", to="hub")
    )
    made = made.message("c", by="person", says="(b - k)/7", to="hub").message("d", by="hub", says="mean(c)/5", to="hub")
    flow = made.build()
    assert [roundings(flow, (name,)) for name in "ab"] == [1, 3]
    assert roundings(flow, ("c",)) == roundings(flow, ("d",)) == MANY


def test_what_cancels_exactly_takes_no_column_from_another() -> None:
    """In floats 0.1 + 0.2 - 0.3 is not 0: the column of x must not be given the coefficients of s."""
    made = FlowBuilder("cancels", about="one part cancels").agents(a=1, b=1).party("hub")
    made = made.secret("x", of="a", range=(0, "1e-6"), neighboring="replace-one", adaptive=False)
    made = made.secret("s", of="b", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.noise("n", of="hub", law="gaussian", variance=1)
    made = made.message("m", by="hub", says="0.1*x + 0.2*x - 0.3*x + s + n", to="everybody")
    found = derive(made.build(), "world", delta=1e-5)
    assert (found.guarantee.mu, found.agent) == (1, 1)
    assert block(made).agents().tolist() == [1]


@pytest.mark.parametrize("members", [2, 120])
@pytest.mark.parametrize("says", ["1e-400*x", "1e400*x", "1e-50*(1e-50*(1e-50*(1e-50*(1e-50*(1e-50*(1e-50*x))))))"])
def test_what_floats_cannot_hold_is_not_taken_for_nothing(members: int, says: str) -> None:
    made = built(members).message("a", by="person", says=says, to="everybody")
    made = made.message("b", by="person", says="x + n", to="everybody")
    assert derive(made.build(), "world", delta=1e-5).guarantee.epsilon is None


@pytest.mark.parametrize("members", [2, 100])
def test_no_rank_is_read_from_rounded_coefficients(members: int) -> None:
    """The second row is 3 2^51 times the noise of the first; its float is 3 2^51 + 1, which looks like another."""
    many = 3 * 2**51
    part = 1 + Fraction(2, 5 * 2**52)
    made = FlowBuilder("rounded", about="a leak that floats hide").agents(person=members)
    made = made.secret("x", of="person", range=(0, 1), neighboring="replace-one", adaptive=False)
    made = made.noise("n", of="person", law="gaussian", variance="1e40")
    made = made.noise("k", of="person", law="gaussian", variance="1e40")
    made = made.message("a", by="person", says=f"x + n + {part}*k", to="everybody")
    made = made.message("b", by="person", says=f"{many}*n + {many * part}*k", to="everybody")
    assert derive(made.build(), "world", delta=1e-5).guarantee.epsilon is None


@pytest.mark.parametrize("members", [2, 120])
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_loss_beyond_the_floats_is_not_proven_and_a_tiny_one_is(members: int, rounds: int) -> None:
    for high, variance, proven in (("1e400", "1e-400", False), ("1e-40", "1e40", True), ("1e-400", "1e40", True)):
        made = FlowBuilder("scales", about="very large and very small").agents(person=members)
        made = made.secret("x", of="person", range=(0, high), neighboring="replace-one", adaptive=False, rounds=rounds)
        made = made.noise("n", of="person", law="gaussian", variance=variance, rounds=rounds)
        made = made.noise("k", of="person", law="gaussian", variance=variance)
        made = made.message("m", by="person", says="x + n + k", to="everybody")
        assert (derive(made.build(), "world", delta=1e-5).guarantee.epsilon is not None) == proven


def test_numbers_that_are_long_in_common_are_not_eliminated() -> None:
    """1, 1/2, 1/3, .. are short one by one, and elimination needs what they have in common."""
    rows = [[Fraction(1, 1 + i + j) for j in range(70)] for i in range(70)]
    found = block(
        built(70).table("hilbert", rows).message("m", by="person", says="x + mix(n, hilbert)", to="hub"), "hub"
    )
    assert found.projected
    plain = [[Fraction(abs(i - j) < 2) for j in range(70)] for i in range(70)]
    assert block(
        built(70).table("near", plain).message("m", by="person", says="x + mix(n, near)", to="hub"), "hub"
    ).small
