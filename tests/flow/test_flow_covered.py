"""Covered rows: a mask of a row's own hides it altogether, in the reasoner and in the check."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError, VerificationFailed
from tip.flow.covered import uncovered
from tip.flow.expressions import parse
from tip.flow.model import EVERYBODY, Ball, Cohort, Flow, Group, Law, Message, Noise, Secret
from tip.flow.reasoning import derive
from tip.flow.rings import functionals
from tip.flow.verification import verify
from tip.flow.view import view
from tip.privacy.guarantees import Security, Status
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.derivation import Node

NOBODY = np.zeros(0, np.int64)
COORDINATOR = frozenset({"coordinator"})


def masked(says: str = "update + share + mask", *, agents: int = 5, least: int = 4, rounds: int = 3) -> Flow:
    """Masked vectors in a ring of 16 bits, and the sum of a cohort that the masks were taken off."""
    return Flow(
        name="masked",
        about="",
        groups=(Group("agent", agents),),
        parties=("coordinator",),
        cohorts=(Cohort("cohort", "agent", least),),
        secrets=(Secret("update", "agent", Ball(Fraction(100)), Neighboring.REPLACE_ONE, True, 2, True, rounds),),
        noises=(
            Noise("share", "agent", Law.DISCRETE_GAUSSIAN, variance=Fraction(50), rounds=rounds),
            Noise("mask", "agent", Law.UNIFORM, rounds=rounds),
        ),
        messages=(
            Message("vector", "agent", parse(says), ("coordinator",), 16),
            Message("sum", "coordinator", parse("sum(update + share, cohort)"), (EVERYBODY,), 16),
        ),
    )


def without_vectors(flow: Flow) -> Flow:
    """The same flow if nobody ever saw a masked vector."""
    return replace(flow, messages=flow.messages[1:], noises=flow.noises[:1])


@pytest.mark.parametrize("against", ["coordinator", "coordinator + 20% of agents", "coordinator + 40% of agents"])
def test_masked_vectors_add_nothing_to_the_sum(against: str) -> None:
    found = derive(masked(), against, delta=1e-5)
    plain = derive(without_vectors(masked()), against, delta=1e-5)
    assert found.guarantee.epsilon == plain.guarantee.epsilon is not None
    assert found.guarantee.rho == plain.guarantee.rho
    names = {assumption.name for assumption in found.guarantee.assumptions}
    assert names - {a.name for a in plain.guarantee.assumptions} == {"masks-pseudorandom"}
    assert found.guarantee.security is Security.COMPUTATIONAL
    assert verify(found).holds
    assert found.root.find("view").numbers["covered"] == 5 - len(found.colluders)
    assert "covered" not in plain.root.find("view").numbers


def test_the_check_counts_covered_rows_again() -> None:
    """Mutants: one row fewer, and none named at all."""
    found = derive(masked(), "coordinator", delta=1e-5)
    for numbers in ({"covered": 4}, {"covered": 0}):
        with pytest.raises(VerificationFailed, match="covered"):
            verify(replace(found, root=_changed(found.root, numbers)))


def _changed(node: Node, numbers: dict[str, int]) -> Node:
    own = {**node.numbers, **numbers} if node.rule == "view" else node.numbers
    return replace(node, numbers=own, premises=tuple(_changed(premise, numbers) for premise in node.premises))


@pytest.mark.parametrize("says", ["update + share", "update + share + 2 * mask", "update + share + 4 * mask"])
def test_mutants_that_masks_do_not_cover_are_not_proven(says: str) -> None:
    """A doubled mask leaves the lowest bit (law 11); without a mask the sum over others' shows an agent."""
    found = derive(masked(says), "coordinator", delta=1e-5)
    assert found.guarantee.status is Status.NOT_PROVEN
    assert "update" in found.guarantee.missing or "share" in found.guarantee.missing


def test_an_odd_multiple_covers_and_a_mask_that_two_rows_hold_does_not() -> None:
    assert derive(masked("update + share + 3 * mask"), "coordinator", delta=1e-5).guarantee.epsilon is not None
    twice = masked()
    again = Message("again", "agent", parse("2 * update + mask"), ("coordinator",), 16)
    twice = replace(twice, messages=(twice.messages[0], again, twice.messages[1]))
    assert derive(twice, "coordinator", delta=1e-5).guarantee.status is Status.NOT_PROVEN


def test_a_mask_that_the_coalition_is_told_covers_nothing() -> None:
    flow = masked()
    told = replace(flow, noises=(flow.noises[0], replace(flow.noises[1], known_to=("coordinator",))))
    assert derive(told, "coordinator", delta=1e-5).guarantee.status is Status.NOT_PROVEN


def test_masks_alone_are_named_where_nothing_else_is_seen() -> None:
    flow = masked()
    alone = replace(flow, messages=flow.messages[:1], cohorts=())
    found = derive(alone, "coordinator", delta=1e-5)
    assert found.guarantee.epsilon == 0.0
    assert "masks-pseudorandom" in {assumption.name for assumption in found.guarantee.assumptions}
    assert verify(found).holds
    fewer = tuple(a for a in found.guarantee.assumptions if a.name != "masks-pseudorandom")
    with pytest.raises(VerificationFailed, match="masks-pseudorandom"):
        verify(replace(found, guarantee=replace(found.guarantee, assumptions=fewer)))


def test_rows_and_columns_that_are_left_are_those_of_the_view() -> None:
    flow = masked()
    full = view(flow, ("vector", "sum"), parties=COORDINATOR, colluders=np.array([4]))
    left = uncovered(full)
    assert full.A.shape[0] == 5
    assert left.A.shape[0] == left.B.shape[0] == 1
    assert set(left.row_message.tolist()) == {1}
    assert left.A.toarray().tolist() == [[1.0] * 3]
    assert {flow.noises[symbol].name for symbol in left.noise_symbol.tolist()} == {"share"}
    assert len(left.noise_member) == len(left.variances) == left.B.shape[1] == 3
    assert uncovered(left) is left
    outside = replace(full, ring=0)
    assert uncovered(outside) is outside


def test_dropping_covered_rows_is_what_the_kernel_of_all_masks_says() -> None:
    """Differential: of all small mask matrices over Z_4, what is left has the functionals of the whole."""
    for entries in product(range(4), repeat=6):
        rows = [
            {column: value for column, value in enumerate(entries[3 * row : 3 * row + 3]) if value} for row in (0, 1)
        ]
        count = {column: sum(column in row for row in rows) for column in range(3)}
        covered = [any(count[c] == 1 and value % 2 for c, value in row.items()) for row in rows]
        left = [row for row, hidden in zip(rows, covered, strict=True) if not hidden]
        names = [number for number, hidden in enumerate(covered) if not hidden]
        renamed = {tuple(sorted((names[row], value) for row, value in z.items())) for z in functionals(left, 2) if left}
        assert _spanned(renamed) == _spanned({tuple(sorted(z.items())) for z in functionals(rows, 2)}), rows


def _spanned(generators: set[tuple[tuple[int, int], ...]]) -> frozenset[tuple[int, int]]:
    """All combinations of the generators, in Z_4^2."""
    found = {(0, 0)}
    for generator in generators:
        entries = dict(generator)
        step = (entries.get(0, 0), entries.get(1, 0))
        found = {tuple((a + k * b) % 4 for a, b in zip(v, step, strict=True)) for v in found for k in range(4)}  # type: ignore[misc] # pairs
    return frozenset(found)


@pytest.mark.parametrize("failure", [1e-12, 4e-6, 9.99e-6])
def test_a_failure_of_the_protocol_is_a_part_of_delta(failure: float) -> None:
    found = derive(masked(), "coordinator", delta=1e-5, failure=failure)
    plain = derive(masked(), "coordinator", delta=1e-5)
    delta = found.guarantee.delta
    assert delta.failures == failure
    assert delta.total <= 1e-5
    assert Fraction(delta.conversion) <= Fraction(1e-5) - Fraction(failure) < Fraction(delta.conversion) * (1 + 2**-40)
    assert found.guarantee.epsilon is not None
    assert plain.guarantee.epsilon is not None
    assert found.guarantee.epsilon > plain.guarantee.epsilon
    assert verify(found).holds


@pytest.mark.parametrize("failure", [1e-5, 1.0])
def test_a_failure_as_large_as_delta_is_refused(failure: float) -> None:
    with pytest.raises(ConfigurationError, match="holds no failure of probability"):
        derive(masked(), "coordinator", delta=1e-5, failure=failure)
