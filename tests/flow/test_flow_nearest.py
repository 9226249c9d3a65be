"""Short whole solutions are searched well enough that what is derived about several agents verifies."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tip.errors import VerificationFailed
from tip.flow.building import FlowBuilder
from tip.flow.checking.nearest import short_solutions
from tip.flow.files import from_json, to_json
from tip.flow.reasoning import derive
from tip.flow.verification import verify

if TYPE_CHECKING:
    from tip.flow.derivation import Derivation
    from tip.flow.model import Flow

ENTRY = st.integers(-4, 4)


def solves(rows: list[list[int]], right: list[int], w: tuple[int, ...], ring: int) -> bool:
    rest = [sum(b * x for b, x in zip(row, w, strict=True)) - a for row, a in zip(rows, right, strict=True)]
    return not any(value % (1 << ring) if ring else value for value in rest)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([0, 2, 3]))
def test_no_solution_in_reach_is_shorter_than_the_first(data: st.DataObject, ring: int) -> None:
    width, height = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    rows = data.draw(st.lists(st.lists(ENTRY, min_size=width, max_size=width), min_size=height, max_size=height))
    right = data.draw(st.lists(ENTRY, min_size=height, max_size=height))
    weights = data.draw(st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=width, max_size=width))
    found = short_solutions(rows, right, weights, ring=ring, most=3)
    every = [w for w in product(range(-6, 7), repeat=width) if solves(rows, right, w, ring)]
    assert all(solves(rows, right, w, ring) for w in found)
    if not every:
        assert not ring or not found  # in a ring all have one within its range
        return
    length = {w: sum(weight * x * x for weight, x in zip(weights, w, strict=True)) for w in {*every, *found}}
    assert length[found[0]] <= min(length[w] for w in every) + 1e-9
    assert len(set(found)) == len(found) <= 3


def test_many_rows_modulo_a_large_ring_are_solved() -> None:
    size, ring = 12, 32
    rows = [[3 if i == j else (i * 5 + j * 7) % 11 for j in range(size)] for i in range(size)]
    right = [2 * row[0] - row[5] for row in rows]
    found = short_solutions(rows, right, [1.0] * size, ring=ring, most=2)
    assert sum(x * x for x in found[0]) <= 5


def test_what_has_no_whole_solution_has_none() -> None:
    assert short_solutions([[2, 4]], [1], [1.0, 1.0], ring=0, most=4) == []
    assert short_solutions([[2, 4]], [1], [1.0, 1.0], ring=5, most=4) == []
    assert short_solutions([[2, 3]], [1], [1.0, 1.0], ring=0, most=1) == [(-1, 1)]


@st.composite
def rings(draw: st.DrawFn) -> Flow:
    """Two agents' whole secrets in a few combinations with masks or discrete Gaussian noise."""
    ring, whom = draw(st.sampled_from([0, 2, 3, 4])), ("p0", "p1")
    built = FlowBuilder("drawn", about="two agents").agents(p0=1, p1=1).party("hub", "other")
    names = [f"x{a}{k}" for a in range(2) for k in range(draw(st.sampled_from([1, 1, 2])))]
    for name in names:
        built = built.secret(
            name, of=whom[int(name[1])], range=(0, draw(st.integers(1, 2))), neighboring="replace-one",
            adaptive=False, whole=True,
        )  # fmt: skip
    noises = [f"n{j}" for j in range(draw(st.integers(1, 3)))]
    for name in noises:
        if ring and draw(st.booleans()):
            built = built.noise(name, of="other", law="uniform")
        else:
            size = draw(st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(3)]))
            built = built.noise(name, of="other", law="discrete gaussian", variance=size)
    for number in range(draw(st.integers(1, 3))):
        factors = [(draw(st.sampled_from([0, 1, 1, -1, 2, 3, 4, -2])), name) for name in (*names, *noises)]
        says = " + ".join(f"{factor}*{name}" for factor, name in factors if factor) or names[0]
        built = built.message(f"m{number}", by="other", says=says.replace("+ -", "- "), to="hub", ring=ring)
    return built.build()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rings())
def test_what_is_derived_about_two_agents_in_a_ring_is_accepted(flow: Flow) -> None:
    found = derive(flow, "hub", delta=1e-2)
    assert verify(from_json(to_json(found))).holds == (found.guarantee.epsilon is not None)


def derived(*says: str, ring: int) -> Derivation:
    """Agents x and y in messages with three noises of variance 2."""
    built = FlowBuilder("made", about="two agents").agents(p=1, q=1).party("hub", "other")
    for name, who in (("x", "p"), ("y", "q")):
        built = built.secret(name, of=who, range=(0, 1), neighboring="replace-one", adaptive=False, whole=True)
    for name in "fgh":
        built = built.noise(name, of="other", law="discrete gaussian", variance=2)
    for number, formula in enumerate(says):
        built = built.message(f"m{number}", by="other", says=formula, to="hub", ring=ring)
    return derive(built.build(), "hub", delta=1e-2)


@pytest.mark.parametrize(
    ("says", "ring"),
    [
        (("3*x + y + 3*f + 2*g", "x - y + g + 2*h"), 0),
        (("x + 5*y + 3*f", "2*x - y + 3*f + g"), 3),
        (("x + 8*y + f",), 3),
    ],
)
def test_the_other_agent_is_searched_for_and_a_smaller_claim_is_refused(says: tuple[str, ...], ring: int) -> None:
    found = derived(*says, ring=ring)
    assert found.guarantee.epsilon
    assert verify(found).holds
    document = to_json(found)
    document["guarantee"]["epsilon"] = found.guarantee.epsilon * 0.99
    with pytest.raises(VerificationFailed):
        verify(from_json(document))
