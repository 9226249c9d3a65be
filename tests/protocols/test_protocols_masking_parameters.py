"""Parameters of masked rounds: tables, refusals, laws of the search."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError
from tip.protocols.masking.candidates import Candidate
from tip.protocols.masking.conditions import left_out, privacy_failures, small_part, too_few_holders, two_sets
from tip.protocols.masking.parameters import Coordinator, Graph, Parameters, plan_masking
from tip.protocols.masking.tails import log2_tails

SHARES = ((0.05, 0.05), (0.1, 0.1), (0.2, 0.1), (0.1, 0.3), (0.2, 0.3), (0.33, 0.33))
# by agents: degree and threshold of each pair of shares; a ring unless the degree is agents - 1
CURIOUS = {
    100: ((12, 6), (22, 11), (32, 21), (36, 11), (50, 21), (99, 34)),
    1000: ((34, 18), (54, 29), (80, 50), (120, 49), (214, 107), (528, 302)),
    10**4: ((38, 21), (64, 35), (96, 59), (154, 64), (312, 157), (1492, 875)),
}
# the same with the consents to verify; None: no graph does
MALICIOUS = {
    100: ((16, 11, 39), (31, 21, 44), (41, 31, 50), (99, 55, 55), (99, 60, 61), None),
    1000: ((61, 42, 59), (115, 79, 70), (170, 125, 84), (502, 301, 133), (999, 600, 196), (999, 665, 666)),
    10**4: ((74, 51, 65), (149, 102, 78), (232, 170, 94), (1272, 776, 157), (4247, 2806, 243), (9999, 6650, 3549)),
}
# shared/reference: E1 with n - 1, one gap with independent drop-outs, E3, each on its own
PUBLISHED = {
    100: ((28, 6), (40, 11), (52, 21), (66, 11), (80, 21), None),
    1000: ((34, 18), (52, 28), (74, 45), (100, 38), (158, 72), (310, 159)),
}


def values(p: Parameters | Candidate, **changes: object) -> dict[str, Any]:
    return {name: getattr(p, name) for name in Candidate.__dataclass_fields__} | changes


@pytest.mark.parametrize("agents", CURIOUS)
def test_the_table_for_a_curious_coordinator(agents: int) -> None:
    plans = [plan_masking(agents, *shares, coordinator="curious") for shares in SHARES]
    assert tuple((p.degree, p.threshold) for p in plans) == CURIOUS[agents]
    assert all(p.graph is (Graph.COMPLETE if p.degree == agents - 1 else Graph.RING) for p in plans)
    assert all(p.samples == 0 for p in plans)


@pytest.mark.parametrize("agents", MALICIOUS)
def test_the_table_for_a_malicious_coordinator(agents: int) -> None:
    for shares, expected in zip(SHARES, MALICIOUS[agents], strict=True):
        if expected is None:
            with pytest.raises(ConfigurationError, match="101 agents with the same shares"):
                plan_masking(agents, *shares, coordinator="malicious")
            continue
        p = plan_masking(agents, *shares, coordinator="malicious")
        assert (p.degree, p.threshold, p.samples) == expected
        assert p.graph is (Graph.COMPLETE if p.degree == agents - 1 else Graph.DRAWN)


def published(agents: int, corrupt: float, dropout: float) -> tuple[int, int] | None:
    """The reference's own conditions: the least even degree and threshold."""
    shares = [int(Fraction(str(share)) * agents) for share in (corrupt, dropout)]
    gap = math.log2(corrupt + dropout - corrupt * dropout)
    for degree in range(2, agents, 2):
        secrets, success = (log2_tails(agents - 1, count, degree) + math.log2(agents) for count in shares)
        fits = [t for t in range(1, degree + 1) if secrets[t] <= -40 and success[degree - t + 1] <= -30]
        if fits and math.log2(agents) + degree / 2 * gap <= -40:
            return degree, fits[0]
    return None


@pytest.mark.parametrize("agents", PUBLISHED)
def test_the_reference_table_follows_from_its_conditions_and_is_no_plan_of_ours(agents: int) -> None:
    assert tuple(published(agents, *shares) for shares in SHARES) == PUBLISHED[agents]
    corrupt, dropouts = (agents * 33 // 100,) * 2
    if agents == 1000:  # they drop out, and the corrupt ones stay: more bad ones than 1 - (1 - .33)^2
        with pytest.raises(ConfigurationError, match="condition E"):
            Parameters(
                agents, corrupt, dropouts, Coordinator.CURIOUS, Graph.RING, 310, 159, agents - dropouts, 0, 40, 30
            )


def test_thirty_holders_of_a_hundred_with_thirty_drop_outs_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"condition E1' fails by 4\d\.\d bits.*complete graph with 99 holders"
    ):
        Parameters(100, 10, 30, Coordinator.MALICIOUS, Graph.DRAWN, 30, 15, 70, 55, 40, 30)
    with pytest.raises(ConfigurationError, match="condition E1' fails"):
        Parameters(100, 10, 30, Coordinator.MALICIOUS, Graph.DRAWN, 30, 20, 70, 55, 40, 30)
    with pytest.raises(ConfigurationError, match="condition E3 fails"):
        Parameters(100, 10, 30, Coordinator.MALICIOUS, Graph.DRAWN, 30, 24, 70, 55, 40, 30)


@pytest.mark.parametrize("bits", [20, 40, 64])
@pytest.mark.parametrize("coordinator", list(Coordinator))
def test_nothing_smaller_passes(coordinator: Coordinator, bits: int) -> None:
    p = plan_masking(300, 0.1, 0.1, coordinator=coordinator, privacy_bits=bits)
    assert p.proven
    assert p.log2_failure <= -bits
    assert too_few_holders(p) <= -30
    step = 2 if p.graph is Graph.RING else 1
    smaller = [values(p, degree=p.degree - step, threshold=t) for t in range(1, p.degree - step + 1)]
    smaller.append(values(p, threshold=p.threshold - 1))
    for changed in smaller:
        with pytest.raises(ConfigurationError, match="fails by"):
            Parameters(**changed)


def test_each_condition_alone_refuses() -> None:
    p = plan_masking(400, 0.1, 0.1, coordinator="malicious")
    for name, changes in {
        "E1'": {"threshold": p.degree // 2 + 2},
        "Q": {"samples": p.samples - 20},
        "E3": {"threshold": p.degree - 2},
    }.items():
        with pytest.raises(ConfigurationError, match=f"condition {name} fails by") as refusal:
            Parameters(**values(p, **changes))
        assert f"drawn graph with {p.degree} holders, threshold {p.threshold}" in refusal.value.instead
    # E2' decides where corruption is rare: E1' alone would allow three quarters of the threshold of a small degree
    weak = Parameters.unchecked(**values(p, corrupt=0, degree=12, threshold=7))
    failures = privacy_failures(weak)
    assert failures["E1'"] == -math.inf
    assert failures["E2'"] > -40
    with pytest.raises(ConfigurationError, match="condition E2' fails"):
        Parameters(**values(weak))


def test_unchecked_parameters_say_so() -> None:
    p = plan_masking(100, 0.1, 0.1, coordinator="malicious")
    weak = Parameters.unchecked(**values(p, threshold=1))
    assert not weak.proven
    assert weak.log2_failure == 0
    assert weak.failure >= 1
    assert Parameters(**values(p)) == p
    assert Parameters.unchecked(**values(p)) != p  # even with the same numbers
    with pytest.raises(ConfigurationError):
        replace(weak, threshold=2)  # replacing checks again
    with pytest.raises(FrozenInstanceError):
        p.threshold = 1  # type: ignore[misc]
    with pytest.raises(ConfigurationError, match="exactly"):
        Parameters.unchecked(agents=3)
    with pytest.raises(TypeError):
        Parameters(**values(p), proven=True)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"degree": 95}, "degree < minimum"),
        ({"threshold": 32}, "at most the degree"),
        ({"minimum": 101}, "at most the number"),
        ({"minimum": 11, "samples": 5}, "two honest"),
        ({"samples": 91}, "Samples are at most"),
        ({"graph": Graph.RING, "degree": 32}, "no ring graph"),
        ({"coordinator": Coordinator.CURIOUS}, "no drawn graph"),
        ({"graph": Graph.COMPLETE}, "agents - 1"),
        ({"coordinator": Coordinator.CURIOUS, "graph": Graph.RING}, "even"),
    ],
)
def test_forms_that_do_not_fit(changes: dict[str, Any], rule: str) -> None:
    p = plan_masking(100, 0.1, 0.1, coordinator="malicious")
    with pytest.raises(ConfigurationError, match=rule):
        Parameters(**values(p, **changes))


def test_shares_are_taken_as_written() -> None:
    exact = plan_masking(1000, 0.29, 0.07, coordinator="curious")  # 0.29 * 1000 is 289.99.. in floats
    assert (exact.corrupt, exact.dropouts, exact.minimum) == (290, 70, 930)
    assert plan_masking(1000, "0.29", Fraction(7, 100), coordinator="curious") == exact
    for bad in (1, -0.1, "x", math.nan, math.inf):
        with pytest.raises(ConfigurationError, match="share"):
            plan_masking(100, bad, 0.1, coordinator="curious")


def test_too_low_a_minimum_allows_two_survivor_sets() -> None:
    with pytest.raises(ConfigurationError, match="two survivor sets of 55"):
        plan_masking(100, 0.1, 0.1, coordinator="malicious", minimum=55)
    assert plan_masking(100, 0.1, 0.1, coordinator="malicious", minimum=56).samples == 56
    assert plan_masking(100, 0.1, 0.1, coordinator="curious", minimum=55).minimum == 55


def test_what_would_do_does() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        plan_masking(100, 0.33, 0.33, coordinator="malicious")
    assert "with a curious coordinator: a complete graph with 99 holders, threshold 34" in refusal.value.instead
    assert "at most 32 corrupt agents; at most 32 drop-outs, minimum 68" in refusal.value.instead
    plan_masking(100, 0.33, 0.33, coordinator="curious")
    plan_masking(100, 0.32, 0.33, coordinator="malicious")
    plan_masking(100, 0.33, 0.32, coordinator="malicious")
    plan_masking(101, 0.33, 0.33, coordinator="malicious")


@settings(max_examples=60)
@given(
    st.integers(4, 400),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(list(Coordinator)),
)
def test_a_plan_meets_its_conditions_or_is_refused(
    agents: int, corrupt: int, dropout: int, coordinator: Coordinator
) -> None:
    try:
        p = plan_masking(agents, Fraction(corrupt, 100), Fraction(dropout, 100), coordinator=coordinator)
    except ConfigurationError:
        return
    assert p.proven
    assert 0 <= p.failure <= 2.0**-40
    assert p.corrupt < p.threshold or p.graph is not Graph.COMPLETE
    assert 2 <= p.honest <= p.minimum - p.corrupt
    assert p.mean_degree <= p.agents - 1


def test_more_corrupt_agents_never_fail_less() -> None:
    p = plan_masking(200, 0.1, 0.1, coordinator="malicious")
    for fewer in range(p.corrupt):
        less = Parameters.unchecked(**values(p, corrupt=fewer))
        assert less.log2_failure <= p.log2_failure + 1e-6


def test_honest_agents_left_out_are_counted() -> None:
    crowd = plan_masking(10**4, 0.1, 0.1, coordinator="malicious")
    assert left_out(crowd)[0] == 27
    assert -60 < left_out(crowd)[1] <= -43  # an eighth of the failure that is allowed
    assert crowd.honest == 9000 - 1000 - 27  # a coordinator can drop all that chose one of a few
    assert plan_masking(100, 0.1, 0.1, coordinator="malicious").honest == 78
    assert plan_masking(10**4, 0.1, 0.1, coordinator="curious").honest == 8000


def test_no_edges_no_bound() -> None:
    p = Parameters.unchecked(**values(plan_masking(100, 0.1, 0.1, coordinator="malicious"), degree=1, threshold=1))
    assert left_out(p) == (44, -math.inf)
    assert all(left_out(q)[1] <= -43 for q in (p, plan_masking(1000, 0.2, 0.1, coordinator="malicious")))
    assert p.honest == 41  # more than half of the honest survivors
    assert small_part(p) == 0
    small = Parameters.unchecked(**values(p, minimum=20, degree=30, threshold=28))
    assert small.log2_failure == 0  # and no error: attacks may ask
    assert two_sets(Parameters.unchecked(**values(p, samples=0))) == 0


def test_the_facts_add_up() -> None:
    p = plan_masking(1000, 0.1, 0.1, coordinator="malicious")
    facts = dict(p.in_words())
    assert (facts["honest"], facts["degree"], facts["graph"]) == (797, 115, "drawn")
    assert set(p.conditions) == {"E1'", "Q", "E2'", "E4"}
    assert sum(2.0**bits for bits in p.conditions.values()) <= p.failure <= 2.0**-40
    assert p.expected_edges == 500 * p.mean_degree
    assert set(plan_masking(1000, 0.1, 0.1, coordinator="curious").conditions) == {"E1", "E2"}
