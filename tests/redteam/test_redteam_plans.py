"""What plans promise, computed anew from the laws: law 3, law 4 and the price of a sum, for random plans.

Nothing of the reasoner is used here: how many shares hide an agent is counted from the plan's own words, and rho is the
closed form of theorem 1 in Kairouz, Liu and Steinke 2021, in floats. A promise below it is a fault; one far
above it is a fault too.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.plan import Plan
from tip.plan.guarantee import Settled, settle
from tip.plan.sizing import Sizes

SURVEY = Plan.read(Path(__file__).parents[2] / "examples" / "survey.toml")
AGAINST = ["world", "coordinator", "coordinator + 10% of agents", "29% of agents (adaptive)", "99% of agents"]


def shares(plan: Plan, enrolled: int, share: Fraction, *, alone: bool, left_out: int = 0) -> int:
    """Law 4: least - min(c, least - 1), c at most the cohort; law 3: one share where each message is seen.

    `left_out`: of the minimum, those whom a malicious coordinator may leave out of a sum of masked vectors.
    """
    expected = (share, Fraction(str(plan.cohort.colluding)), Fraction(str(plan.robustness.malicious)))
    largest = plan.cohort.size if plan.cohort.sampling == "fixed" else enrolled
    away = min(max(math.floor(part * enrolled) for part in expected), largest or 0)
    least = plan.cohort.minimum - left_out
    return 1 if alone else least - min(away, least - 1)


def rho(settled: Settled, honest: int) -> float:
    """Of one round: (sqrt(D / (h s)) + tau sqrt(d))^2 / 2."""
    assert settled.mechanism is not None
    variance, dimension = float(settled.mechanism.share_variance), settled.mechanism.dimension
    tau = 10 * sum(math.exp(-2 * math.pi**2 * variance * k / (k + 1)) for k in range(1, honest))
    shift = math.sqrt(4 * settled.mechanism.squared_bound / (honest * variance))
    return (shift + tau * math.sqrt(dimension)) ** 2 / 2


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    enrolled=st.sampled_from([2, 3, 10, 99, 1000]),
    part=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    sampling=st.sampled_from(["all", "fixed", "poisson"]),
    kind=st.sampled_from(["clear", "ideal", "masking"]),
    against=st.sampled_from(AGAINST),
    liars=st.sampled_from([(0, 0), (0.01, 0), (0.99, 0), (0.29, 0.49)]),
    rounds=st.tuples(st.sampled_from([1, 7, 50]), st.sampled_from([1, 3, 100])),
)
def test_rho_is_that_of_the_laws(  # noqa: PLR0917 - a plan has many keys
    enrolled: int,
    part: float,
    sampling: str,
    kind: str,
    against: str,
    liars: tuple[float, float],
    rounds: tuple[int, int],
) -> None:
    minimum = max(1, int(part * enrolled))
    changes = [f"protocol.kind={kind}", f"cohort.sampling={sampling}", f"cohort.minimum={minimum}"]
    changes += [f'privacy.against="{against}"', "privacy.epsilon=1000", f"cohort.colluding={liars[0]}"]
    changes += [f"robustness.malicious={liars[1]}", f"algorithm.rounds={rounds[0]}"]
    changes += [f"privacy.max_participations={rounds[1]}"]
    changes += {"fixed": [f"cohort.size={enrolled}"], "poisson": ["cohort.rate=0.9"]}.get(sampling, [])
    try:
        plan = SURVEY.replace(*changes)
        settled = settle(plan, Sizes(enrolled, 19))
    except ConfigurationError:
        assume(False)
    charged = min(rounds[0], rounds[1])
    left_out = 0 if settled.masks is None else settled.masks.left_out
    assert (settled.masks is not None) == (kind == "masking")
    for found in (*settled.required, *settled.observers):
        if "network" in found.coalition.parties:
            assert found.epsilon is None
            continue
        alone = kind == "clear" and found.coalition.includes_coordinator
        wanted = charged * rho(
            settled, shares(plan, enrolled, found.coalition.fraction, alone=alone, left_out=left_out)
        )
        assert found.rho is not None
        assert float(found.rho) == pytest.approx(wanted, rel=1e-9)
    assert settled.required[0].epsilon is not None
    assert settled.required[0].epsilon <= 1000
