"""Guarantees as data: validation, JSON, composition, curves."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.privacy import gaussian, integer
from tip.privacy.coalitions import Chosen, Coalition
from tip.privacy.composition import compose
from tip.privacy.guarantees import Guarantee
from tip.privacy.statements import Assumption, Delta, Kind, Neighboring, Security, Status, Unit, distance_charge

BASE = Guarantee(
    epsilon=1.0,
    delta=Delta(1e-5),
    unit=Unit.AGENT,
    neighboring=Neighboring.REPLACE_ONE,
    coalition=Coalition.parse("coordinator + 10% of agents"),
    scope="all rounds",
    kind=Kind.APPROXIMATE,
    security=Security.STATISTICAL,
    status=Status.PROVEN,
    assumptions=(Assumption("presence", "Sending does not depend on data."),),
)


def by_rho(rho: Fraction, delta: float = 1e-5, **changes: Any) -> Guarantee:  # noqa: ANN401
    epsilon = integer.epsilon_of_rho(rho, delta)
    return replace(BASE, epsilon=epsilon, delta=Delta(delta), kind=Kind.ZCDP, rho=rho, **changes)


def by_mu(mu: float, delta: float = 1e-5) -> Guarantee:
    epsilon = gaussian.epsilon_of(mu, delta)
    return replace(BASE, epsilon=epsilon, delta=Delta(delta), kind=Kind.GDP, mu=mu, status=Status.IDEALIZED)


SMALL = st.floats(0, 0.3)


@st.composite
def guarantees(draw: st.DrawFn) -> Guarantee:
    proven = draw(st.booleans())
    kind = draw(st.sampled_from(Kind))
    computational = draw(st.booleans())
    share = draw(st.fractions(min_value=0, max_value=Fraction(99, 100)))
    return Guarantee(
        epsilon=draw(st.floats(0, 1e300)) if proven else None,
        delta=Delta(0.0 if kind is Kind.PURE else draw(SMALL), draw(SMALL), draw(SMALL)),
        unit=draw(st.sampled_from(Unit)),
        neighboring=draw(st.sampled_from(Neighboring)),
        coalition=Coalition(
            frozenset(draw(st.sets(st.sampled_from(("coordinator", "network", "lab-1"))))),
            share,
            draw(st.sampled_from(Chosen)) if share else Chosen.BEFORE_RANDOMNESS,
        ),
        scope=draw(st.text(min_size=1)),
        kind=kind,
        security=Security.COMPUTATIONAL if computational else Security.STATISTICAL,
        status=draw(st.sampled_from(list(Status)[:3])) if proven else Status.NOT_PROVEN,
        assumptions=tuple(draw(st.lists(st.builds(Assumption, st.text(min_size=1), st.text(min_size=1)), max_size=3))),
        missing="" if proven else draw(st.text(min_size=1)),
        rho=draw(st.fractions(min_value=0)) if kind is Kind.ZCDP else None,
        mu=draw(st.floats(0, 1e300)) if kind is Kind.GDP else None,
        security_bits=draw(st.integers(1, 256)) if computational else None,
        distance="L2 meters" if kind is Kind.METRIC else "",
    )


def strictly(data: dict[str, Any]) -> Any:  # noqa: ANN401
    """Through real JSON text, with infinities and NaN refused."""
    return json.loads(json.dumps(data, allow_nan=False))


@settings(max_examples=100, deadline=None)
@given(guarantees())
def test_json_round_trip(g: Guarantee) -> None:
    assert Guarantee.from_json(strictly(g.to_json())) == g


def test_json_of_what_is_not_proven() -> None:
    g = replace(BASE, epsilon=None, status=Status.NOT_PROVEN, missing="rule for adaptive graphs")
    data = strictly(g.to_json())
    assert data["epsilon"] is None
    assert data["status"] == "not proven"
    assert data["missing"] == "rule for adaptive graphs"


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": "1"},
        {"epsilon": True},
        {"epsilon": -1},
        {"unit": "person"},
        {"coalition": "Coordinator"},
        {"coalition": 5},
        {"rho": "1/0"},
        {"rho": "x"},
        {"rho": "-1/2"},
        {"delta": {"conversion": 1e-5}},
        {"delta": {"conversion": 1e-5, "failures": 0.1, "distances": 0.0, "total": 1e-5}},
        {"delta": 1e-5},
        {"assumptions": [{"name": "x"}]},
        {"assumptions": None},
        {"extra": 1},
        {"scope": 3},
        {"status": "proven", "epsilon": None},
    ],
)
def test_json_that_tip_did_not_write_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Guarantee.from_json(strictly(BASE.to_json()) | change)


def test_json_without_a_key_is_refused() -> None:
    data = BASE.to_json()
    del data["scope"]
    with pytest.raises(ConfigurationError):
        Guarantee.from_json(data)


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": math.inf},
        {"epsilon": math.nan},
        {"epsilon": -0.1},
        {"epsilon": None},
        {"status": Status.NOT_PROVEN},
        {"missing": "something"},
        {"scope": ""},
        {"kind": Kind.ZCDP},
        {"kind": Kind.GDP},
        {"kind": Kind.PURE},
        {"kind": Kind.METRIC},
        {"kind": "pure"},
        {"security": Security.COMPUTATIONAL},
        {"security_bits": 128},
        {"rho": 0.1},
        {"rho": Fraction(-1)},
        {"mu": math.inf},
        {"assumptions": ["x"], "unit": Unit.AGENT},
        {"delta": 1e-5},
        {"coalition": "world"},
        {"distance": "meters"},
    ],
)
def test_what_is_not_a_guarantee_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(BASE, **change)


@settings(max_examples=50, deadline=None)
@given(SMALL, SMALL, SMALL)
def test_the_delta_ledger_adds_up_and_rounds_up(a: float, b: float, c: float) -> None:
    total = Delta(a, b, c).total
    assert Fraction(total) >= Fraction(a) + Fraction(b) + Fraction(c)
    assert total <= math.fsum((a, b, c)) * (1 + 1e-15) + 1e-300


def test_delta_beyond_one_and_nonsense() -> None:
    assert Delta(0.6, 0.6).total == 1.0
    for bad in (math.nan, -1e-9, 1.5, math.inf):
        with pytest.raises(ConfigurationError):
            Delta(bad)


def test_distance_charge() -> None:
    assert distance_charge(1.0, 1e-12, 1000) >= (1 + math.e) * 1e-9
    assert distance_charge(1.0, 1e-12, 1000) == pytest.approx((1 + math.e) * 1e-9)
    assert distance_charge(800.0, 1e-12) == 1.0
    assert distance_charge(3.0, 0.0, 10**9) == 0.0


def test_at_most() -> None:
    assert BASE.at_most(1.0, 1e-5)
    assert not BASE.at_most(0.99, 1e-5)
    assert not BASE.at_most(1.0, 0.99e-5)
    assert not replace(BASE, delta=Delta(1e-5, failures=1e-12)).at_most(1.0, 1e-5)
    assert not replace(BASE, epsilon=None, status=Status.NOT_PROVEN, missing="x").at_most(1e9, 1.0)
    metric = replace(BASE, kind=Kind.METRIC, distance="meters")
    with pytest.raises(ConfigurationError, match="meters"):
        metric.at_most(1.0, 1.0)


def test_implies_is_comparison_within_one_meaning() -> None:
    assert BASE.implies(replace(BASE, epsilon=1.5, coalition=Coalition.parse("world")))
    assert not BASE.implies(replace(BASE, coalition=Coalition.parse("coordinator + 11% of agents")))
    assert not replace(BASE, status=Status.IDEALIZED).implies(BASE)
    unknown = replace(BASE, epsilon=None, status=Status.NOT_PROVEN, missing="x")
    assert BASE.implies(unknown)
    assert not unknown.implies(BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"unit": Unit.RECORD},
        {"neighboring": Neighboring.ZERO_OUT},
        {"kind": Kind.PURE, "delta": Delta(0.0)},
        {"kind": Kind.ZCDP, "rho": Fraction(1, 10)},
        {"kind": Kind.METRIC, "distance": "meters"},
    ],
)
def test_unlike_things_neither_compare_nor_compose(change: dict[str, Any]) -> None:
    other = replace(BASE, **change)
    for call in (lambda: BASE.implies(other), lambda: compose(BASE, other), lambda: compose(other, BASE)):
        with pytest.raises(ConfigurationError, match="unlike"):
            call()


def test_metric_guarantees_of_unlike_distances_do_not_compose() -> None:
    meters = replace(BASE, kind=Kind.METRIC, distance="meters")
    with pytest.raises(ConfigurationError, match="unlike"):
        compose(meters, replace(meters, distance="minutes"))
    assert compose(meters, meters).epsilon == 2.0


def test_coalitions_that_do_not_contain_one_another_do_not_compose() -> None:
    with pytest.raises(ConfigurationError, match="contains"):
        compose(BASE, replace(BASE, coalition=Coalition.parse("network")))
    both = compose(BASE, replace(BASE, coalition=Coalition.parse("coordinator")))
    assert both.coalition.text == "coordinator"


def test_composition_of_zcdp_adds_rho_and_converts_once() -> None:
    one = by_rho(Fraction(1, 100))
    two = compose(one, one, conversion=1e-5)
    assert two.rho == Fraction(2, 100)
    assert two.epsilon == integer.epsilon_of_rho(Fraction(2, 100), 1e-5)
    assert two.delta.total == 1e-5
    assert one.epsilon is not None
    assert two.epsilon is not None
    assert two.epsilon < 2 * one.epsilon
    assert compose(one, one).delta.conversion == 2e-5


def test_composition_of_gaussian_adds_squares() -> None:
    both = compose(by_mu(0.3), by_mu(0.4), conversion=1e-5)
    assert both.mu == pytest.approx(0.5)
    assert both.mu is not None
    assert both.mu >= 0.5
    assert both.epsilon == pytest.approx(gaussian.epsilon_of(0.5, 1e-5))
    assert both.status is Status.IDEALIZED


def test_composition_of_the_rest() -> None:
    weak = replace(
        BASE,
        epsilon=0.5,
        delta=Delta(0.0, 1e-7, 1e-8),
        security=Security.COMPUTATIONAL,
        security_bits=128,
        scope="more",
    )
    both = compose(BASE, weak)
    assert both.epsilon == 1.5
    assert both.delta.conversion == 1e-5
    assert both.delta.failures == 1e-7
    assert both.delta.distances >= 1e-8 * (1 + math.exp(1.5)) / (1 + math.exp(0.5))
    assert both.security_bits == 128
    assert both.scope == "all rounds; more"
    assert both.assumptions == BASE.assumptions
    unknown = replace(BASE, epsilon=None, status=Status.NOT_PROVEN, missing="rule x")
    assert compose(BASE, unknown).missing == "rule x"
    assert compose(BASE, unknown).epsilon is None
    with pytest.raises(ConfigurationError):
        compose(BASE, weak, conversion=1e-9)
    for conversion in (1e-5, 1.99e-5):  # mutant: one part's conversion taken from the other's
        with pytest.raises(ConfigurationError, match="no epsilon is known"):
            compose(BASE, BASE, conversion=conversion)
    assert compose(BASE, BASE, conversion=2.01e-5).epsilon == 2.0


@pytest.mark.parametrize("known", [{"rho": Fraction(1, 10)}, {"mu": 0.3}])
def test_a_curve_of_one_part_is_no_curve_of_both(known: dict[str, Any]) -> None:
    for pair in ((BASE, replace(BASE, **known)), (replace(BASE, **known), BASE)):
        both = compose(*pair)
        assert (both.rho, both.mu, both.epsilon) == (None, None, 2.0)


@pytest.mark.parametrize("known", [{"rho": Fraction(1, 10)}, {"mu": 0.3}])
def test_a_conversion_delta_beyond_one_leaves_the_sum_of_epsilons(known: dict[str, Any]) -> None:
    """Mutant: the curve is asked at a delta that it does not have."""
    half = replace(BASE, delta=Delta(0.6), **known)
    assert compose(half, half).epsilon == 2.0
    assert compose(half, half).delta.conversion == 1.0


@pytest.mark.parametrize("known", [{"rho": Fraction(1, 10)}, {"mu": 0.3}])
def test_pure_epsilons_add_where_no_delta_is_there_to_convert_at(known: dict[str, Any]) -> None:
    pure = replace(BASE, kind=Kind.PURE, delta=Delta(0.0), **known)
    assert compose(pure, pure).epsilon == 2.0
    assert compose(pure, pure).delta.total == 0.0


def test_failures_and_distances_add_up_to_at_most_one() -> None:
    unknown = replace(BASE, epsilon=None, status=Status.NOT_PROVEN, missing="x", delta=Delta(0.0, 0.6, 0.7))
    both = compose(unknown, unknown).delta
    assert (both.failures, both.distances) == (1.0, 1.0)
    known = replace(BASE, delta=Delta(0.0, 0.6, 0.7))
    assert compose(known, known).delta == Delta(0.0, 1.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 5), st.floats(0, 0.2), st.floats(0, 1))
def test_hit_rate_from_epsilon_and_delta(epsilon: float, delta: float, a: float) -> None:
    """Both inequalities of hypothesis testing; the pair attains them, so no smaller bound is right."""
    rate = replace(BASE, epsilon=epsilon, delta=Delta(delta)).hit_rate(a)
    wanted = min(1.0, math.exp(epsilon) * a + delta, 1 - (1 - a - delta) * math.exp(-epsilon))
    assert wanted <= rate <= wanted + 1e-11 * (1 + math.exp(epsilon))


def test_hit_rate_takes_the_best_curve() -> None:
    rho = Fraction(1, 8)
    assert by_rho(rho).hit_rate(0.01) <= integer.hit_rate(rho, 0.01) * (1 + 1e-12)
    assert by_mu(0.5).hit_rate(0.01) == pytest.approx(0.03389893912284281, rel=1e-11)
    assert (
        by_mu(0.5).hit_rate(0.01)
        < by_rho(rho).hit_rate(0.01)
        < replace(by_rho(rho), rho=None, kind=Kind.APPROXIMATE).hit_rate(0.01)
    )
    unknown = replace(BASE, epsilon=None, status=Status.NOT_PROVEN, missing="x")
    assert unknown.hit_rate(0.01) == 1.0
    metric = replace(BASE, kind=Kind.METRIC, distance="meters")
    for nothing_known in (unknown, metric):
        assert nothing_known.loss_tail(1.0) == nothing_known.delta_at(5.0) == nothing_known.hit_rate(0.01) == 1.0


def test_failures_are_in_every_bound() -> None:
    """A failure of probability f shows all: hit rate >= f + (1 - f) curve."""
    f = 0.01
    g = replace(by_rho(Fraction(1, 8)), delta=Delta(1e-5, failures=f))
    assert g.hit_rate(0.0) >= f
    assert g.hit_rate(0.01) >= integer.hit_rate(Fraction(1, 8), 0.01)
    assert g.loss_tail(50.0) >= f
    assert g.delta_at(50.0) >= f


@pytest.mark.parametrize(("failures", "distances"), [(0.01, 0.0), (0.0, 0.01), (0.004, 0.006), (0.006, 0.004)])
def test_failures_and_distances_shift_the_curve_together(failures: float, distances: float) -> None:
    """Mutant: one of them is taken from the other."""
    rho = Fraction(1, 8)
    g = replace(by_rho(rho), delta=Delta(1e-5, failures, distances))
    wanted = integer.hit_rate(rho, 0.11) + 0.01
    assert wanted * (1 - 1e-12) <= g.hit_rate(0.1) <= wanted * (1 + 1e-9)
    assert g.loss_tail(50.0) >= 0.01 * (1 - 1e-12)
    assert g.delta_at(g.epsilon or 0.0) == pytest.approx(1e-5 + 0.01)


def test_distances_grow_with_epsilon_alone() -> None:
    """The charge (1 + e^epsilon) t grows by at most e^(the difference); below its own epsilon it stays."""
    g = replace(BASE, delta=Delta(1e-5, 0.0, 1e-6))
    assert g.distances_at(0.5) == g.distances_at(1.0) == 1e-6
    assert 1e-6 * (1 + math.exp(3)) / (1 + math.e) <= g.distances_at(3.0) <= 1e-6 * math.exp(2) * (1 + 1e-9)
    assert g.distances_at(50.0) == 1.0


def test_loss_tail() -> None:
    assert replace(BASE, kind=Kind.PURE, delta=Delta(0.0)).loss_tail(1.0) == 0.0
    assert BASE.loss_tail(0.5) == 1.0
    assert BASE.loss_tail(2.0) == pytest.approx(1e-5 / (1 - math.exp(-1.0)))
    epsilon = gaussian.epsilon_of(0.5, 1e-5)
    assert by_mu(0.5).loss_tail(epsilon) >= 9 * 1e-5
    assert by_mu(0.5).loss_tail(epsilon) <= by_rho(Fraction(1, 8)).loss_tail(epsilon)
    with pytest.raises(ConfigurationError):
        BASE.loss_tail(0.0)
