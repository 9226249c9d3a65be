"""Claims about all agents: those of unlike kinds are refused, and nothing rests on what is not named."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from tip.errors import VerificationFailed
from tip.flow.building import FlowBuilder
from tip.flow.checking.comparing import Claim, dominated
from tip.flow.checking.reached import Reached, beside, gaussian, loose
from tip.flow.files import from_json, to_json
from tip.flow.reasoning import derive
from tip.flow.verification import verify
from tip.privacy.accountant import epsilon as charged
from tip.privacy.events import (
    Composed,
    Concentrated,
    DiscreteGaussian,
    Gaussian,
    Nothing,
    PoissonSampled,
    PureLoss,
    Repeated,
)
from tip.privacy.gaussian import epsilon_of
from tip.privacy.rounding import log_up, sqrt_up
from tip.privacy.statements import Neighboring

if TYPE_CHECKING:
    from tip.flow.model import Flow

DELTA = 1e-6
QUERY, NUMBER = "q", "z"
HALF = Fraction(1, 2)
Json = dict[str, Any]


def two_kinds(ratio: int, variance: int = 1, *, shuffled: bool = False, doctors_first: bool = True) -> Flow:
    """A doctor's number with Gaussian noise, and three persons' answers that chance changes."""
    built = FlowBuilder("two-kinds", about="a doctor and three persons")
    groups = [("doctor", 1), ("person", 3)]
    for name, size in groups if doctors_first else groups[::-1]:
        built = built.agents(**{name: size})
    built = built.party("hub").party("mixer").graph("net", over="person", wiring="path")
    built = built.secret("z", of="doctor", range=(0, 1), neighboring="replace-one", adaptive=False)
    built = built.secret("q", of="person", choices=2, neighboring="replace-one", adaptive=False)
    built = built.noise("g", of="doctor", law="gaussian", variance=variance)
    built = built.message("m", by="doctor", says="z + g", to="everybody")
    if shuffled:
        return built.report("r", secret=QUERY, ratio=ratio, to="hub", shuffled_by="mixer", least=3).build()
    return built.report("r", secret=QUERY, ratio=ratio, to=["hub", "neighbors in net"]).build()


def document(flow: Flow, against: str) -> Json:
    found: Json = json.loads(json.dumps(to_json(derive(flow, against, delta=DELTA)), allow_nan=False))
    assert verify(from_json(found)).holds
    return found


def refused(forged: Json, match: str) -> None:
    with pytest.raises(VerificationFailed, match=match):
        verify(from_json(forged))


def claiming(found: Json, epsilon: float, *, source: str, figure: Fraction, kind: str) -> Json:
    """The same proof with its one agent's figure claimed for all."""
    told, root = found["guarantee"], found["root"]
    told["kind"], told["epsilon"] = kind, epsilon
    told["mu"] = sqrt_up(figure) if source == "mu" else None
    converted = root["premises"][0]
    text = f"{figure.numerator}/{figure.denominator}"
    converted["numbers"] |= {"from": source, {"mu": "mu_squared", "ratio": "ratio"}[source]: text, "epsilon": epsilon}
    if kind == "pure":
        told["delta"]["conversion"] = told["delta"]["total"] = 0.0
        root["numbers"]["conversion"] = root["numbers"]["total"] = converted["numbers"]["delta"] = 0.0
    root["numbers"]["epsilon"] = epsilon
    return found


@pytest.mark.parametrize("against", ["hub", "25% of agents", "hub + 25% of agents"])
@pytest.mark.parametrize("doctors_first", [True, False])
def test_a_pure_loss_is_not_claimed_while_somebody_else_has_gaussian_noise(
    against: str, *, doctors_first: bool
) -> None:
    found = document(two_kinds(10**6, doctors_first=doctors_first), against)
    assert found["guarantee"]["kind"] == "approximate"
    assert found["guarantee"]["status"] == "idealized"  # the other agent's noise is of real numbers
    assert found["root"]["premises"][0]["numbers"]["from"] == "events"
    pure = claiming(found, log_up(Fraction(10**6)), source="ratio", figure=Fraction(10**6), kind="pure")
    refused(pure, "loses more than is claimed, or otherwise")


def test_mu_is_not_claimed_while_somebody_else_has_a_pure_loss() -> None:
    found = document(two_kinds(2), "hub")
    assert found["guarantee"]["mu"] is None
    refused(claiming(found, epsilon_of(1.0, DELTA), source="mu", figure=Fraction(1), kind="gdp"), "or otherwise")


def test_a_status_that_another_agent_does_not_have_is_refused() -> None:
    found = document(two_kinds(10**6), "hub")
    found["guarantee"]["status"] = "proven"
    refused(found, "is idealized at best")


def test_a_shuffler_that_another_agent_rests_on_is_named() -> None:
    found = document(two_kinds(3, shuffled=True), "hub")
    named = found["guarantee"]["assumptions"]
    assert "shuffler-honest" in {a["name"] for a in named}
    found["guarantee"]["assumptions"] = [a for a in named if a["name"] != "shuffler-honest"]
    refused(found, "shuffler-honest")


def batches(ratio: int) -> Flow:
    """Many persons whose answers are shuffled, and doctors whose answers are not, all of the same ratio."""
    built = FlowBuilder("batches", about="two kinds of answers").agents(person=900).agents(doctor=2)
    built = built.party("hub").party("mixer")
    for group, name in (("person", "q"), ("doctor", "z")):
        built = built.secret(name, of=group, choices=2, neighboring="replace-one", adaptive=False)
    built = built.report("r", secret=QUERY, ratio=ratio, to="hub", shuffled_by="mixer", least=700)
    return built.report("s", secret=NUMBER, ratio=ratio, to="hub").build()


def test_one_agents_shuffler_does_not_hide_another() -> None:
    both, alone = batches(3), batches(3)
    alone = replace(alone, reports=alone.reports[:1])
    few = document(alone, "hub")
    assert few["guarantee"]["epsilon"] < 0.5
    assert document(both, "hub")["guarantee"]["epsilon"] > 1
    refused({**few, "flow": to_json(derive(both, "hub", delta=DELTA))["flow"]}, "loses more than is claimed")


def bounds(claimed: Reached, epsilon: float, found: Reached) -> bool:
    return Claim(claimed, epsilon, DELTA).bounds(found, two_kinds(3))


def test_an_epsilon_alone_bounds_what_has_no_larger_one() -> None:
    mine = loose(Reached(PureLoss(Fraction(10**6))))
    epsilon = charged(mine.event, DELTA, Neighboring.REPLACE_ONE)
    assert bounds(mine, epsilon, gaussian(Fraction(1)))
    assert not bounds(mine, epsilon, gaussian(Fraction(100)))
    assert bounds(mine, epsilon, Reached(PureLoss(Fraction(10**6))))
    assert not bounds(mine, epsilon, Reached(PureLoss(Fraction(10**7))))


def test_a_figure_bounds_no_other_kind() -> None:
    pure, real, whole = PureLoss(Fraction(3)), gaussian(Fraction(4)), Reached(Concentrated(Fraction(2)))
    assert not bounds(real, 100.0, Reached(pure))
    assert not bounds(Reached(pure), 100.0, gaussian(Fraction(1, 10**6)))
    assert not bounds(whole, 100.0, Reached(Concentrated(Fraction(3))))
    assert bounds(whole, 100.0, Reached(Concentrated(Fraction(1))))
    assert bounds(real, 0.0, Reached(Nothing()))
    assert not bounds(Reached(pure, shuffled=0.1, at=DELTA), 0.1, Reached(pure))  # the other is not shuffled


def test_domination_goes_part_by_part() -> None:
    small, large = Gaussian(1.0), Gaussian(1.5)
    for wrap in (
        lambda event: Repeated(event, 3),
        lambda event: PoissonSampled(HALF, event),
        lambda event: Composed((PureLoss(Fraction(2)), event)),
    ):
        assert dominated(wrap(small), wrap(large))
        assert not dominated(wrap(large), wrap(small))
    assert not dominated(PoissonSampled(HALF, small), PoissonSampled(Fraction(1, 3), large))
    assert not dominated(Repeated(small, 4), Repeated(large, 3))
    assert not dominated(Composed((small,)), Composed((large, large)))
    assert not dominated(DiscreteGaussian(1, Fraction(4)), DiscreteGaussian(2, Fraction(4)))  # not known to be monotone
    assert dominated(DiscreteGaussian(1, Fraction(4)), DiscreteGaussian(1, Fraction(4)))
    assert not dominated(PureLoss(Fraction(2)), Concentrated(Fraction(2)))


def test_what_others_rest_on_is_rested_on() -> None:
    mine = Reached(PureLoss(Fraction(3)))
    assert beside(mine, Reached(Nothing(), idealized=True)) == mine
    other = Reached(Gaussian(1.0), Fraction(1), idealized=True, masked=True, shuffled=0.2)
    assert beside(mine, other) == replace(mine, idealized=True, masked=True, mixer=True)
