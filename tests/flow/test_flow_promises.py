"""From outcomes to guarantees: what is compared, what is claimed for all, and what delta pays for."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest

from tip.errors import ConfigurationError
from tip.flow.building import FlowBuilder
from tip.flow.derivation import Node
from tip.flow.outcomes import Outcome, gaussian, unproven
from tip.flow.promises import Terms, loss_of, promise, worst_of
from tip.privacy.coalitions import Coalition
from tip.privacy.events import Concentrated, Nothing, PureLoss
from tip.privacy.guarantees import Kind, Status

NODE = Node("composition", "all of it")
FLOW = FlowBuilder("none", about="nothing").agents(person=3).build()


def terms(delta: float = 1e-6, agent: int | None = None) -> Terms:
    return Terms(FLOW, Coalition.parse("world"), delta, silent=0, known=False, agent=agent)


def told(outcome: Outcome, delta: float = 1e-6) -> tuple[float | None, Kind, float]:
    guarantee, _ = promise(outcome, terms(delta), assumptions=(), status=None, scope="")
    return guarantee.epsilon, guarantee.kind, guarantee.delta.conversion


def test_equal_kinds_are_compared_exactly() -> None:
    close = [gaussian(NODE, Fraction(1)), gaussian(NODE, 1 + Fraction(1, 10**30))]
    index, worst = worst_of(close, terms())
    assert (index, worst.mu_squared) == (1, 1 + Fraction(1, 10**30))
    assert worst_of([*close, Outcome(NODE, Nothing())], terms())[0] == 1
    assert worst_of([Outcome(NODE, PureLoss(Fraction(n))) for n in (2, 5, 3)], terms())[0] == 1


def test_what_is_not_proven_of_one_is_not_proven_of_all() -> None:
    missing = unproven("not proven", "a rule for this")
    assert worst_of([gaussian(NODE, Fraction(10**6)), missing], terms())[1].event is None
    assert loss_of(missing, terms()) == math.inf
    assert told(missing) == (None, Kind.APPROXIMATE, 0.0)


@pytest.mark.parametrize(
    "others", [(Outcome(NODE, PureLoss(Fraction(200))),), (Outcome(NODE, Concentrated(Fraction(1))),)]
)
def test_unlike_kinds_claim_only_the_larger_epsilon(others: tuple[Outcome, ...]) -> None:
    """A mu of one, a factor of another: neither figure holds for both, and the first has no epsilon at delta 0."""
    both = (gaussian(NODE, Fraction(1, 4)), *others)
    _, worst = worst_of(both, terms())
    epsilon, kind, delta = told(worst)
    assert epsilon == pytest.approx(max(loss_of(one, terms()) for one in both), rel=1e-3)
    assert (worst.mu_squared, worst.ratio, kind, delta) == (None, None, Kind.APPROXIMATE, 1e-6)
    assert told(worst_of(both, terms(0.0))[1], 0.0)[0] is None


def test_small_epsilon_of_large_mu_is_not_taken_for_the_worst() -> None:
    """Compared figure against figure, mu^2 = 2 would lose to epsilon = 3; its epsilon is above 6."""
    both = (Outcome(NODE, PureLoss(Fraction(20))), gaussian(NODE, Fraction(2)))
    assert worst_of(both, terms())[0] == 1


def test_failures_add_up_and_are_taken_from_delta() -> None:
    unsure = replace(gaussian(NODE, Fraction(1)), failure=1e-7)
    _, worst = worst_of([unsure, unsure], terms())
    assert worst.failure == pytest.approx(2e-7)
    assert worst.failure >= 2e-7
    guarantee, _ = promise(worst, terms(), assumptions=(), status=None, scope="")
    assert guarantee.delta.total <= 1e-6
    assert (guarantee.epsilon or 0) > loss_of(gaussian(NODE, Fraction(1)), terms())
    lost, _ = promise(replace(unsure, failure=2e-6), terms(), assumptions=(), status=None, scope="")
    assert lost.status is Status.NOT_PROVEN
    assert "above the failure probability" in lost.missing


def test_delta_0_is_for_pure_losses() -> None:
    epsilon, kind, delta = told(Outcome(NODE, PureLoss(Fraction(3))), 0.0)
    assert epsilon == pytest.approx(math.log(3))
    assert (kind, delta) == (Kind.PURE, 0.0)
    assert told(gaussian(NODE, Fraction(1)), 0.0)[0] is None
    assert told(gaussian(NODE, Fraction(0)), 0.0)[0] == 0
    assert loss_of(gaussian(NODE, Fraction(0)), terms(0.0)) == 0


@pytest.mark.parametrize(("delta", "agent"), [(1.0, None), (-0.1, None), (math.nan, None), (1e-6, 3), (1e-6, -1)])
def test_terms_that_mean_nothing(delta: float, agent: int | None) -> None:
    with pytest.raises(ConfigurationError):
        terms(delta, agent)
