"""Plans of whole-number noise: the calibration of training, tightness, several noises, coarse grids, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.flow.expressions import parse
from tip.flow.language import read_file
from tip.flow.model import Aim, Flow, Interval, Law, Message, Noise, Requirement, Sampling, Wiring
from tip.flow.planning import Planned, plan
from tip.flow.readymade import central_sum, pairwise
from tip.flow.reasoning import derive
from tip.flow.whole_planning import Scaled, filled, short, twin
from tip.privacy.calibration import share_variance_for
from tip.protocols.declaring import Sums
from tip.protocols.ideal.flow import flow as ideal

ONE = Fraction(1)
COUNTS = read_file("examples/flows/planned_counts.toml")


def epsilon(flow: Flow, against: str, delta: float) -> float:
    found = derive(flow, against, delta=delta).guarantee.epsilon
    return math.inf if found is None else found


def times(flow: Flow, factor: Fraction) -> Flow:
    """All noises larger or smaller."""
    return replace(flow, noises=tuple(replace(n, variance=(n.variance or ONE) * factor) for n in flow.noises))


def met(planned: Planned) -> bool:
    return all(epsilon(planned.flow, r.against, r.delta) <= r.epsilon for r in planned.flow.requirements)


def survey(against: str, wanted: float) -> Flow:
    """The sum of a training run whose noise is still to be planned."""
    sums = Sums(
        agents=400, least=300, dimension=20, squared_bound=10_000, share_variance=ONE, modulus_bits=32,
        rounds=12, participations=5, sampling=Sampling.ALL,
    )  # fmt: skip
    flow = ideal(sums, requirements=(Requirement(against, wanted, 1e-6),))
    return replace(flow, noises=(replace(flow.noises[0], variance=None),), aims=(Aim("released", ONE),))


@pytest.mark.parametrize(
    ("against", "wanted", "shares"), [("coordinator", 1.0, 300), ("coordinator + 10% of agents", 3.0, 260)]
)
def test_training_is_calibrated_the_same(against: str, wanted: float, shares: int) -> None:
    planned = plan(survey(against, wanted))
    calibrated = share_variance_for(
        epsilon=wanted, delta=1e-6, squared_sensitivity=40_000, shares=shares, dimension=20, rounds=5
    )
    assert float(planned.flow.noises[0].variance or 0) == pytest.approx(float(calibrated), rel=0.01)
    assert met(planned)
    assert planned.flow.noises[0].law is Law.DISCRETE_GAUSSIAN
    assert {message.ring for message in planned.flow.messages} == {32}


@pytest.mark.parametrize("asked", [0.3, 0.5, 0.8, 1.0, 1.7, 2.5])
def test_half_a_per_cent_less_would_not_do(asked: float) -> None:
    wanted = replace(COUNTS.requirements[0], epsilon=asked)
    planned = plan(replace(COUNTS, requirements=(wanted,)))
    assert met(planned)
    assert epsilon(times(planned.flow, Fraction(995, 1000)), wanted.against, wanted.delta) > wanted.epsilon
    assert planned.cost == pytest.approx(300 * float(planned.flow.noises[0].variance or 0))
    assert planned.floor < planned.cost < 1.4 * planned.floor  # the conversion of zCDP is what whole numbers cost


def test_half_the_epsilon_is_planned_anew() -> None:
    (price,) = plan(COUNTS).prices
    (wanted,) = COUNTS.requirements
    again = plan(replace(COUNTS, requirements=(replace(wanted, epsilon=wanted.epsilon / 2),)))
    assert price.halved == pytest.approx(again.error / plan(COUNTS).error, rel=1e-9)


def two(first: Law, second: Law) -> Flow:
    flow = central_sum(40, variance=None)
    whole = replace(flow.secrets[0], domain=Interval(Fraction(0), Fraction(20)), whole=True)
    return replace(
        flow,
        secrets=(whole,),
        noises=(Noise("noise", "coordinator", first), Noise("other", "coordinator", second)),
        messages=(
            *flow.messages[:1],
            Message("total", "coordinator", parse("sum(told) + noise"), ("everybody",)),
            Message("again", "coordinator", parse("sum(told) + other"), ("everybody",)),
        ),
        requirements=(Requirement("world", 1.0, 1e-6),),
        aims=(Aim("total", ONE), Aim("again", Fraction(4))),
    )


def test_several_noises_keep_their_relation() -> None:
    planned = plan(two(Law.DISCRETE_GAUSSIAN, Law.DISCRETE_GAUSSIAN))
    first, second = (float(noise.variance or 0) for noise in planned.flow.noises)
    assert first / second == pytest.approx(2, rel=0.01)  # as for real noise with weights 1 and 4
    assert met(planned)
    assert epsilon(times(planned.flow, Fraction(995, 1000)), "world", 1e-6) > 1.0


def test_single_noise_may_be_small() -> None:
    """One draw of a party has a rule at any variance: only sums of shares want 2."""
    flow = central_sum(5, variance=None)
    secret = replace(flow.secrets[0], whole=True)
    noise = Noise("noise", "coordinator", Law.DISCRETE_GAUSSIAN)
    wanted = (Requirement("world", 20.0, 1e-6),)
    planned = plan(replace(flow, secrets=(secret,), noises=(noise,), requirements=wanted, aims=(Aim("total", ONE),)))
    assert float(planned.flow.noises[0].variance or 0) < 2
    assert met(planned)


def test_grids_that_are_too_coarse() -> None:
    coarse = replace(COUNTS, secrets=(replace(COUNTS.secrets[0], domain=Interval(Fraction(0), Fraction(2))),))
    with pytest.raises(ConfigurationError, match=r"'share' would have a variance below 2.*3 times finer"):
        plan(coarse)
    finer = replace(COUNTS, secrets=(replace(COUNTS.secrets[0], domain=Interval(Fraction(0), Fraction(6))),))
    assert met(plan(finer))


def test_what_has_no_rule_for_whole_numbers() -> None:
    fractions = replace(COUNTS, secrets=(replace(COUNTS.secrets[0], whole=False),))
    with pytest.raises(ConfigurationError, match=r"not proven, whatever the variances.*not whole"):
        plan(fractions)
    masked = replace(
        COUNTS,
        noises=(*COUNTS.noises, Noise("mask", "adder", Law.UNIFORM)),
        messages=(*COUNTS.messages, Message("hidden", "adder", parse("mask"), ("nobody",), 32)),
    )
    with pytest.raises(ConfigurationError, match="no rule for the masks of noise 'mask'"):
        plan(masked)
    skellam = replace(COUNTS, noises=(replace(COUNTS.noises[0], law=Law.SKELLAM),))
    with pytest.raises(ConfigurationError, match="is skellam"):
        plan(skellam)


def test_a_twin_is_the_same_in_real_numbers() -> None:
    real = twin(COUNTS)
    assert {noise.law for noise in real.noises} == {Law.GAUSSIAN}
    assert {message.ring for message in real.messages} == {0}
    gopa = pairwise(6, Wiring.RING, own_variance=ONE, pair_variance=ONE)
    assert twin(gopa) == gopa


def test_the_floor_is_where_shares_have_a_rule() -> None:
    assert Scaled(COUNTS, {"share": 8.0}).floor == 0.25
    assert Scaled(COUNTS, {}).floor == 0
    assert filled(COUNTS, {"share": ONE}).noises[0].variance == 1


def test_variances_are_short_fractions_above() -> None:
    for value in (1.0, 17.847911717972618, 3e-7, 0.9999999, 255.9, 1e12, 2.0**-30):
        found = short(value)
        assert value <= found <= value * (1 + 2.0**-8)
        assert found.numerator.bit_length() - (found.numerator & -found.numerator).bit_length() < 9
        assert short(found) == found
