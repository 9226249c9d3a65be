"""Whole-number views: the charged rho against the divergence of the real laws, by summation."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.flow import integers
from tip.flow.integers import Change, IntegerView, Missing, Proof, Shift
from tip.flow.model import Law
from tip.privacy.events import (
    Composed,
    Concentrated,
    DiscreteGaussian,
    DiscreteGaussianSum,
    DiscreteLaplace,
    Laplace,
    Nothing,
    PureLoss,
)
from tip.privacy.integer import rho_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DISCRETE = Law.DISCRETE_GAUSSIAN
TWO = Fraction(2)


def view_of(
    secrets: Sequence[Mapping[int, int]],
    noises: Sequence[Mapping[int, int]],
    sizes: Sequence[Fraction],
    ring: int = 0,
    law: Law = DISCRETE,
) -> IntegerView:
    return IntegerView(secrets, noises, [law] * len(sizes), sizes, ring)


def one(reach: int = 1, dimension: int = 1) -> Change:
    return Change({0: Fraction(reach)}, dimension)


def law_of(view: IntegerView, moved: Mapping[int, int], reach: int = 14) -> dict[tuple[int, ...], float]:
    """The law of A d + B g for one coordinate, noise cut off at +-reach (1e-18 of the mass at variance 2)."""
    law: dict[tuple[int, ...], float] = {
        tuple(sum(v * moved.get(c, 0) for c, v in row.items()) for row in view.secrets): 1.0
    }
    for column, size in enumerate(view.sizes):
        assert size is not None
        weights = {k: math.exp(-k * k / (2 * float(size))) for k in range(-reach, reach + 1)}
        total = math.fsum(weights.values())
        step = [row.get(column, 0) for row in view.noises]
        grown: dict[tuple[int, ...], float] = defaultdict(float)
        for y, p in law.items():
            for k, weight in weights.items():
                at = (a + k * b for a, b in zip(y, step, strict=True))
                grown[tuple(a % (1 << view.ring) if view.ring else a for a in at)] += p * weight / total
        law = grown
    return law


def renyi(p: Mapping[tuple[int, ...], float], q: Mapping[tuple[int, ...], float], order: float) -> float:
    """A lower bound of the Renyi divergence: the outcomes that the cut-off does not touch."""
    terms = [v**order * q[y] ** (1 - order) for y, v in p.items() if q.get(y, 0.0) > 1e-11]
    return math.log(math.fsum(terms)) / (order - 1) if terms else math.inf


def charged(proof: Proof) -> float:
    rho = rho_of(proof.event)
    assert rho is not None
    return float(rho)


def exceeds(view: IntegerView, moved: Mapping[int, int], rho: float) -> bool:
    p, q = law_of(view, moved), law_of(view, {})
    return any(
        renyi(a, b, order) > order * rho * (1 + 1e-9) + 1e-12 for a, b in ((p, q), (q, p)) for order in (1.25, 2.0, 3.0)
    )


# -- the certificate against the truth ----------------------------------------------------------------------


@st.composite
def views(draw: st.DrawFn) -> IntegerView:
    rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    entry = st.integers(-2, 2)
    secrets = [{0: draw(entry)} for _ in range(rows)]
    noises = [{j: draw(entry) for j in range(columns)} for _ in range(rows)]
    sizes = draw(st.lists(st.sampled_from([TWO, Fraction(5, 2), Fraction(1)]), min_size=columns, max_size=columns))
    return view_of(secrets, noises, sizes, draw(st.sampled_from([0, 0, 2, 3])))


@settings(max_examples=150)
@given(views())
def test_the_charge_is_above_the_divergence_and_its_absence_is_a_leak(view: IntegerView) -> None:
    """A proof bounds every order; where there is none, the two laws have disjoint supports: nothing was given up."""
    found = integers.prove(view, one())
    if isinstance(found, Proof):
        assert integers.holds(view, one(), found.shifts)
        assert not exceeds(view, {0: 1}, charged(found))
    else:
        assert not set(law_of(view, {0: 1})) & set(law_of(view, {}))
        assert any(found.test)


@settings(max_examples=40)
@given(views(), st.integers(-1, 1), st.integers(-1, 1), st.data())
def test_two_rounds_jointly(view: IntegerView, first: int, second: int, data: st.DataObject) -> None:
    """Two columns of one agent change together in the worst direction."""
    both = [{**row, 1: data.draw(st.integers(-1, 1))} for row in view.secrets]
    change = Change({0: Fraction(1), 1: Fraction(1)}, 1)
    found = integers.prove(replace(view, secrets=both), change)
    assume(isinstance(found, Proof))
    assert isinstance(found, Proof)
    assert not exceeds(replace(view, secrets=both), {0: first, 1: second}, charged(found))


def test_the_charge_is_no_larger_than_needed() -> None:
    """Mutants: half the charge, or a moved variance, is exceeded by the real divergence."""
    cases = [
        view_of([{0: 1}], [{0: 1}], [TWO]),
        view_of([{0: 1}], [{0: 1, 1: -1}], [TWO, TWO]),
        view_of([{0: 1}, {0: 1}], [{0: 1, 1: 1}, {0: 1, 1: -1}], [TWO, TWO]),
        view_of([{0: 2}], [{0: 1}], [TWO], 4),
    ]
    for view in cases:
        found = integers.prove(view, one())
        assert isinstance(found, Proof)
        assert not exceeds(view, {0: 1}, charged(found))
        assert exceeds(view, {0: 1}, charged(found) * 0.9)


# -- the rules ----------------------------------------------------------------------------------------------


def test_shares_in_one_row_are_one_sum() -> None:
    view = view_of([{0: 1, 5: 1, 6: 1}], [{0: 1, 1: 1, 2: -1, 3: 1}], [Fraction(4)] * 3 + [Fraction(9)])
    found = integers.prove(view, one(12, 650))
    assert isinstance(found, Proof)
    assert found.rule == integers.SUM
    assert found.event == DiscreteGaussianSum(12, Fraction(4), 3, 650)  # the noise of variance 9 is given away


def test_rows_with_disjoint_noise_are_composed() -> None:
    view = view_of([{0: 1}, {0: 3}], [{0: 1, 1: 1}, {2: 1, 3: 1}], [Fraction(4)] * 4)
    found = integers.integer_sum(view, one(2, 3))
    assert isinstance(found, Proof)
    parts = (DiscreteGaussianSum(2, Fraction(4), 2, 3), DiscreteGaussianSum(18, Fraction(4), 2, 3))
    assert found.event == Composed(parts)


def test_a_shared_bundle_needs_the_certificate() -> None:
    """Two messages that say the same: one change of noise makes up for both, so nothing is charged twice."""
    view = view_of([{0: 1}, {0: 2}], [{0: 1, 1: 1}, {0: 2, 1: 2}], [Fraction(4)] * 2)
    assert isinstance(integers.integer_sum(view, one()), Missing)
    found = integers.prove(view, one())
    assert isinstance(found, Proof)
    assert found.rule == integers.CERTIFICATE
    assert found.event == DiscreteGaussianSum(1, Fraction(4), 2, 1)


def test_noise_that_another_row_shows_protects_nothing() -> None:
    """Mutant: charging row 0 for both noises although row 1 shows one of them."""
    view = view_of([{0: 1}, {}], [{0: 1, 1: 1}, {1: 1}], [TWO, TWO])
    found = integers.prove(view, one())
    assert isinstance(found, Proof)
    assert found.event == DiscreteGaussian(1, TWO)
    assert exceeds(view, {0: 1}, float(Fraction(1, 8)))


@pytest.mark.parametrize("ring", [0, 8])
def test_the_parity_trap(ring: int) -> None:
    """y = x + 2 g has a real certificate, w = 1/2, and shows whether x is odd."""
    found = integers.prove(view_of([{0: 1}], [{0: 2}], [Fraction(100)], ring), one())
    assert isinstance(found, Missing)
    assert found.reason == "integer noise with only a real certificate"
    assert found.test == (Fraction(1, 2),)
    even = integers.prove(view_of([{0: 2}], [{0: 2}], [Fraction(100)], ring), one())
    assert isinstance(even, Proof)
    assert even.event == DiscreteGaussian(1, Fraction(100))


def test_the_parity_hides_in_several_messages() -> None:
    """x + g, x + g + 2 h: the difference is even; x + g, 2 x + g + 2 h: the difference is x + 2 h."""
    fine = view_of([{0: 1}, {0: 1}], [{0: 1}, {0: 1, 1: 2}], [TWO, TWO])
    trap = view_of([{0: 1}, {0: 2}], [{0: 1}, {0: 1, 1: 2}], [TWO, TWO])
    assert isinstance(integers.prove(fine, one()), Proof)
    found = integers.prove(trap, one())
    assert isinstance(found, Missing)
    assert "only a real certificate" in found.reason
    assert set(found.test) == {Fraction(1, 2), Fraction(-1, 2)}


def test_no_certificate_at_all_is_a_leak() -> None:
    found = integers.prove(view_of([{0: 1}, {}], [{0: 1}, {0: 1}], [TWO]), one())
    assert isinstance(found, Missing)
    assert "bare" in found.reason
    assert sum(found.test) == 0
    assert any(found.test)


def test_a_ring_has_more_certificates() -> None:
    """Modulo 2^8 an odd factor is invertible: 3 w = 1 has w = 171, or -85, and costs that much."""
    plain = view_of([{0: 1}], [{0: 3}], [Fraction(10**4)])
    assert isinstance(integers.prove(plain, one()), Missing)
    found = integers.prove(replace(plain, ring=8), one())
    assert isinstance(found, Proof)
    assert found.event == DiscreteGaussian(85, Fraction(10**4))
    lowest = view_of([{0: 128}], [{0: 128}], [TWO], 8)  # a doubled mask's functional: the lowest bit of x + g
    one_bit = integers.prove(lowest, one())
    assert isinstance(one_bit, Proof)
    assert one_bit.event == DiscreteGaussian(1, TWO)


def test_joint_rounds_beat_their_composition() -> None:
    """Running sums y1 = x1 + g1, y2 = x1 + x2 + g1 + g2: each noise moves for one column, or jointly."""
    view = view_of([{0: 1}, {0: 1, 1: 1}], [{0: 1}, {0: 1, 1: 1}], [TWO, TWO])
    change = Change({0: Fraction(1), 1: Fraction(1)}, 2)
    found = integers.prove(view, change)
    assert isinstance(found, Proof)
    assert charged(found) == 2 * float(Fraction(1, 4))
    mixed = view_of([{0: 1, 1: 1}, {0: 1, 1: -1}], [{0: 1}, {1: 1}], [TWO, TWO])
    joint = integers.prove(mixed, change)
    assert isinstance(joint, Proof)
    assert joint.event == Concentrated(Fraction(1))  # |d1 + d2|^2 + |d1 - d2|^2 = 4 at most; composed it would be 8 / 4


def test_small_shares_are_no_sum() -> None:
    view = view_of([{0: 1}], [{0: 1, 1: 1}], [Fraction(1), Fraction(1)])
    found = integers.prove(view, one(9, 4))
    assert isinstance(found, Proof)
    assert found.event == Concentrated(Fraction(9, 2))
    assert not exceeds(view, {0: 3}, 4.5)


def test_reaches_of_whole_vectors_are_rounded_down() -> None:
    found = integers.prove(view_of([{0: 1}], [{0: 1}], [TWO]), Change({0: Fraction(99, 10)}, 2))
    assert isinstance(found, Proof)
    assert found.event == DiscreteGaussianSum(9, TWO, 1, 2)
    nothing = integers.prove(view_of([{0: 1}], [{0: 1}], [TWO]), Change({0: Fraction(9, 10)}, 2))
    assert isinstance(nothing, Proof)
    assert nothing.event == Nothing()
    absent = integers.prove(view_of([{1: 1}], [{}], []), one())
    assert isinstance(absent, Proof)
    assert absent.event == Nothing()


def test_a_hundred_thousand_shares() -> None:
    n = 100_000
    view = view_of([{0: 1}], [dict.fromkeys(range(n), 1)], [Fraction(4)] * n, 32)
    found = integers.prove(view, one(400, 10))
    assert isinstance(found, Proof)
    assert found.event == DiscreteGaussianSum(400, Fraction(4), n, 10)
    local = view_of([{i: 1} for i in range(n)], [{i: 1} for i in range(n)], [Fraction(4)] * n)
    alone = integers.prove(local, Change({77: Fraction(400)}, 10))
    assert isinstance(alone, Proof)
    assert alone.event == DiscreteGaussianSum(400, Fraction(4), 1, 10)


def test_mutants_of_a_certificate_do_not_hold() -> None:
    view = view_of([{0: 1}, {0: 1}], [{0: 1, 1: 1}, {0: 1, 1: 1, 2: 1}], [TWO, TWO, Fraction(3)])
    good = Shift((0, 1), (1, 1), TWO, {0: 1})
    assert integers.holds(view, one(), [good])
    for bad in (
        [],
        [good, good],
        [replace(good, moves={0: 2})],
        [replace(good, signs=(1, -1))],
        [replace(good, columns=(0, 2))],
        [replace(good, size=Fraction(3))],
        [replace(good, moves={})],
    ):
        assert not integers.holds(view, one(), bad)


# -- laws without a certificate -----------------------------------------------------------------------------


def test_skellam_has_no_rule() -> None:
    found = integers.prove(view_of([{0: 1}], [{0: 1}], [Fraction(9)], 0, Law.SKELLAM), one())
    assert isinstance(found, Missing)
    assert "a rule for skellam noise" in found.reason
    assert found.test == ()


def test_planned_noise_has_no_proof() -> None:
    view = IntegerView([{0: 1}], [{0: 1}], [DISCRETE], [None])
    found = integers.prove(view, one())
    assert isinstance(found, Missing)
    assert "planned" in found.reason


def test_laplace_of_its_own() -> None:
    discrete = view_of([{0: -1}], [{0: 1}], [Fraction(10)], 0, Law.DISCRETE_LAPLACE)
    found = integers.prove(discrete, one(9))
    assert isinstance(found, Proof)
    assert found.rule == integers.LAPLACE
    assert found.event == DiscreteLaplace(3, Fraction(10))
    vector = integers.prove(discrete, one(9, 4))
    assert isinstance(vector, Proof)
    assert isinstance(vector.event, PureLoss)  # L1 <= sqrt(4 * 9)
    assert math.log(vector.event.ratio) == pytest.approx(0.6)
    real = view_of([{0: 1}, {0: 2}], [{0: 1}, {1: -1}], [Fraction(10), Fraction(4)], 0, Law.LAPLACE)
    composed = integers.prove(real, one(9, 4))
    assert isinstance(composed, Proof)
    assert composed.event == Composed((Laplace(0.6000000000000001), Laplace(3.0)))


@pytest.mark.parametrize("second", [{0: 1}, {0: 2, 1: 1}])
def test_shared_laplace_noise_has_no_rule(second: dict[int, int]) -> None:
    view = view_of([{0: 1}, {}], [{0: 1}, second], [Fraction(10)] * 2, 0, Law.LAPLACE)
    found = integers.prove(view, one())
    assert isinstance(found, Missing)
    assert "laplace" in found.reason


def test_the_worst_shift_of_a_laplace_vector_is_along_one_axis() -> None:
    """Hockey sticks of a product of discrete Laplace laws under (a, b), against (a + b, 0)."""
    decay = math.exp(-1 / 2)
    mass = {k: (1 - decay) / (1 + decay) * decay ** abs(k) for k in range(-60, 61)}

    def stick(a: int, b: int, epsilon: float) -> float:
        total = 0.0
        for i, j in product(range(-40, 41), repeat=2):
            total += max(0.0, mass[i - a] * mass[j - b] - math.exp(epsilon) * mass[i] * mass[j])
        return total

    for epsilon in (0.0, 0.3, 0.9, 1.4):
        assert stick(1, 2, epsilon) <= stick(3, 0, epsilon) + 1e-12


def test_views_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="whole coefficients"):
        view_of([{0: 0.5}], [{}], [])  # type: ignore[dict-item] # that is the test
    with pytest.raises(ConfigurationError, match="do not fit"):
        view_of([{0: 1}], [], [])
    with pytest.raises(ConfigurationError, match="squared reach"):
        Change({0: 1.0}, 1)  # type: ignore[dict-item] # that is the test
