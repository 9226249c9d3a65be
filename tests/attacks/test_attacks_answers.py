"""Made-up local reports: what they move, what bounds it, and what the defences stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import bdtr, ndtr

from tip.attacks.answers import (
    Gain,
    adaptive_poisoning,
    gain,
    input_poisoning,
    output_poisoning,
    random_reports,
)
from tip.attacks.screening import screen, supported, usual_supports
from tip.errors import ConfigurationError
from tip.mechanisms.additive import LocalLaplace
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.cohorts import CohortLocalHashing
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.longitudinal import LongitudinalUnary
from tip.mechanisms.numeric import Duchi, MeanMechanism
from tip.mechanisms.piecewise import Hybrid, Piecewise
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.reports import Reports
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import OptimizedUnaryEncoding, SymmetricUnaryEncoding, UnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.frequency import FrequencyOracle

ALPHA = 1e-6
SEED = Entropy.seeded(20261122)

SMALL: list[FrequencyOracle] = [
    GeneralizedRandomizedResponse(5, 1.0),
    BinaryRandomizedResponse(0.5),
    OptimizedUnaryEncoding(7, 1.0),
    SymmetricUnaryEncoding(9, 2.0),
    UnaryEncoding(4, 0.9, 0.6),
    SubsetSelection(7, 0.5),
    SubsetSelection(12, 4.0),
    LocalHashing(6, 1.0, word_bits=4),
    LocalHashing(5, 0.5, hashed_to=2, word_bits=3),
    CohortLocalHashing(9, 1.0, 16, public_seed=3),
    HadamardResponse(11, 1.0),
    HadamardResponse(11, 3.0),
    HadamardResponse(6, 1.0, blocks=6),
    ProjectiveGeometryResponse(10, 1.0),
    ProjectiveGeometryResponse(7, 0.5, order=2),
    ProjectiveGeometryResponse(20, 3.0),
]
LARGE: list[FrequencyOracle] = [
    GeneralizedRandomizedResponse(300, 1.0),
    OptimizedUnaryEncoding(300, 1.0),
    SymmetricUnaryEncoding(300, 1.0),
    SubsetSelection(300, 1.0),
    SubsetSelection(300, 4.0),
    LocalHashing(300, 1.0),
    LocalHashing(300, 1.0, seeds="server", public_seed=5),
    LocalHashing(1 << 31, 1.0),
    CohortLocalHashing(300, 1.0, 64),
    HadamardResponse(300, 1.0),
    HadamardResponse(300, 3.0),
    ProjectiveGeometryResponse(300, 1.0),
]
MEANS: list[MeanMechanism] = [
    Duchi(-1.0, 3.0, 1.0),
    Piecewise(-1.0, 3.0, 2.0),
    Hybrid(-1.0, 3.0, 1.0),
    Hybrid(-1.0, 3.0, 2.0),
    LocalLaplace(-1.0, 3.0, 2.0),
]


def name_of(mechanism: object) -> str:
    """For pytest's list of tests."""
    return repr(mechanism)[:60]


def every_report(mechanism: FrequencyOracle) -> Reports:
    """All well-formed reports, as the mechanism's own law lists them."""
    rows = np.array(list(mechanism.law(0)), dtype=object)
    columns, first = [], 0
    for column in mechanism.layout:
        width = column.shape(1)[1] if len(column.shape(1)) > 1 else 1
        columns.append(rows[:, first : first + width].astype(column.dtype).reshape(column.shape(len(rows))))
        first += width
    reports = Reports(mechanism.spec.digest, mechanism.layout, tuple(columns))
    assert not len(mechanism.validate(reports).refused)
    return reports


def added(mechanism: Mechanism, reports: Reports) -> np.ndarray[Any, Any]:
    """What each report adds to the estimated totals, one row each."""
    rows = range(len(reports))
    return np.stack([mechanism.estimate(mechanism.aggregate(reports.take(slice(row, row + 1)))).totals for row in rows])


def targets_of(mechanism: FrequencyOracle, count: int) -> np.ndarray[Any, Any]:
    """Scattered items."""
    return np.unique(np.arange(1, count + 1) * 7919 % mechanism.categories)


# -- which report supports which item --------------------------------------------------------------


@pytest.mark.parametrize("mechanism", SMALL + [m for m in LARGE if m.categories < 1 << 20], ids=name_of)
def test_single_supports_add_up_to_the_aggregate(mechanism: FrequencyOracle) -> None:
    held = np.arange(200) % mechanism.categories
    reports = mechanism.randomize(held, entropy=SEED)
    items = np.arange(mechanism.categories)
    support = mechanism.support(reports, items)
    assert support.shape == (200, mechanism.categories)
    assert support.dtype == np.bool_
    some = items[::-3]
    np.testing.assert_array_equal(mechanism.support(reports, some), support[:, some])
    if isinstance(mechanism, HadamardResponse):
        blocks = int(dict(mechanism.spec.parameters)["blocks"])
        block = reports["row"].astype(np.int64)[:, None] // (mechanism.size // blocks)
        here = block == items % blocks
        net = support.sum(axis=0) - (here & ~support).sum(axis=0)
    else:
        net = support.sum(axis=0)
    np.testing.assert_array_equal(net, mechanism.supports(mechanism.aggregate(reports)))


def test_supports_of_other_reports_and_items_are_refused() -> None:
    mechanism = GeneralizedRandomizedResponse(5, 1.0)
    reports = mechanism.randomize([1, 2], entropy=SEED)
    with pytest.raises(ConfigurationError, match="another mechanism"):
        GeneralizedRandomizedResponse(5, 2.0).support(reports, [1])
    with pytest.raises(Exception, match="1 of 1 values are no item"):
        mechanism.support(reports, [5])
    longitudinal = LongitudinalUnary(5, 1.0, 2.0)
    sent = random_reports(longitudinal, count=3, entropy=SEED)
    with pytest.raises(ConfigurationError, match="does not say which items a single report supports"):
        longitudinal.support(sent, [1])


@pytest.mark.parametrize("mechanism", SMALL, ids=name_of)
def test_hostile_rows_do_not_crash_support(mechanism: FrequencyOracle) -> None:
    columns = tuple(
        np.full(column.shape(3), np.iinfo(column.dtype).max, dtype=column.dtype) for column in mechanism.layout
    )
    reports = Reports(mechanism.spec.digest, mechanism.layout, columns)
    assert mechanism.support(reports, [0, 1]).shape == (3, 2)


# -- what one report can do --------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", SMALL, ids=name_of)
def test_no_well_formed_report_moves_more_than_max_influence_says(mechanism: FrequencyOracle) -> None:
    moved = added(mechanism, every_report(mechanism))
    influence = mechanism.max_influence()
    assert np.abs(moved).max() <= influence.item * (1 + 1e-12)
    assert np.linalg.norm(moved, axis=1).max() <= influence.euclidean * (1 + 1e-12)
    assert np.abs(moved).max() >= influence.item * (1 - 1e-12)  # and some report does as much to one item
    reach = mechanism.estimate(mechanism.aggregate(every_report(mechanism).take(slice(0, 1)))).reach
    if reach is not None:
        assert reach[0] <= moved.min() + 1e-12
        assert moved.max() <= reach[1] + 1e-12


@pytest.mark.parametrize("mechanism", SMALL, ids=name_of)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_output_poisoning_supports_as_many_targets_as_any_report(mechanism: FrequencyOracle, count: int) -> None:
    items = targets_of(mechanism, count)
    most = mechanism.support(every_report(mechanism), items).sum(axis=1).max()
    reports = output_poisoning(mechanism, items, count=9, entropy=SEED)
    assert not len(mechanism.validate(reports).refused)
    np.testing.assert_array_equal(mechanism.support(reports, items).sum(axis=1), most)


@pytest.mark.parametrize("mechanism", SMALL, ids=name_of)
def test_every_privacy_level_costs_at_least_this_much_reach(mechanism: FrequencyOracle) -> None:
    """No unbiased estimate from reports of ratio R has a smaller range per report than (R + 1)/(R - 1)."""
    moved = added(mechanism, every_report(mechanism))[:, 0]
    assert moved.max() - moved.min() >= float((mechanism.ratio + 1) / (mechanism.ratio - 1)) * (1 - 1e-12)


@pytest.mark.parametrize("mechanism", MEANS, ids=name_of)
def test_the_strongest_number_reaches_the_bound(mechanism: MeanMechanism) -> None:
    for target, end in ((3.0, 1), (-1.0, 0)):
        estimate = mechanism.estimate(mechanism.aggregate(output_poisoning(mechanism, target, count=5, entropy=SEED)))
        assert estimate.reach is not None
        assert float(estimate.value) == pytest.approx(estimate.reach[end], rel=1e-12)
        assert abs(float(estimate.value) - 1.0) == pytest.approx(2 * mechanism.max_influence().item, rel=1e-12)


def test_a_hybrid_that_never_mixes_refuses_what_nobody_sends() -> None:
    mechanism = Hybrid(-1.0, 3.0, 0.3)
    sent = output_poisoning(mechanism, 3.0, count=5, entropy=SEED)
    moved = (float(mechanism.estimate(mechanism.aggregate(sent)).value) - 1.0) / 2
    assert moved <= mechanism.max_influence().item * (1 + 1e-12)


# -- formula and measurement ------------------------------------------------------------------------


def measured_matches(mechanism: FrequencyOracle, items: np.ndarray[Any, Any], attack: str, expected: float) -> bool:
    """Whether the targets' mean, as many made-up reports are estimated, has this expectation (fraction 1)."""
    n = 8_000
    make: Callable[..., Reports] = {"input": input_poisoning, "output": output_poisoning}.get(attack, random_reports)
    aimed = () if attack == "random" else (items,)
    reports = make(mechanism, *aimed, count=n, entropy=SEED)
    support = mechanism.support(reports, items)
    p, q = float(mechanism.p), float(mechanism.q)
    if isinstance(mechanism, HadamardResponse):
        blocks = int(dict(mechanism.spec.parameters)["blocks"])
        here = reports["row"].astype(np.int64)[:, None] // (mechanism.size // blocks) == items % blocks
        each = (2.0 * support - here).mean(axis=1) / p
    else:
        each = (support.mean(axis=1) - q) / (p - q)
    error = each.std() / np.sqrt(n)
    return bool(2 * ndtr(-abs(each.mean() - expected) / max(error, 1e-9)) > ALPHA)


@pytest.mark.parametrize("mechanism", LARGE, ids=name_of)
def test_the_gain_is_what_is_measured(mechanism: FrequencyOracle) -> None:
    items = targets_of(mechanism, 10)
    formula = gain(mechanism, items, fraction=0.5)
    for attack in ("random", "input", "output"):
        if isinstance(mechanism, LocalHashing) and mechanism.assigned and attack == "output":
            continue  # the formula averages over other ids; see below
        assert measured_matches(mechanism, items, attack, 2 * getattr(formula, attack)), attack
        assert not measured_matches(mechanism, items, attack, 2 * getattr(formula, attack) + 0.5), attack
    assert formula.input == pytest.approx(0.5 / len(items))
    assert formula.output <= 0.5 * mechanism.max_influence().item * (1 + 1e-12)


def test_the_gain_counts_what_replaced_honest_agents_held() -> None:
    mechanism, n, liars = OptimizedUnaryEncoding(20, 1.0), 20_000, 2_000
    items = np.array([3, 4])
    held = np.arange(n) % 4
    honest = mechanism.aggregate(mechanism.randomize(held, entropy=SEED))
    sent = mechanism.aggregate(output_poisoning(mechanism, items, count=liars, entropy=SEED))
    moved = mechanism.estimate(honest + sent).value[items].mean() - 0.125
    fraction = liars / (n + liars)
    expected = gain(mechanism, items, fraction=fraction, share=0.125).output
    assert expected == pytest.approx(fraction * (2 * np.e / (np.e - 1) - 0.125))
    assert abs(moved - expected) < 5 * 1.93 / np.sqrt(n)


@pytest.mark.parametrize("mechanism", MEANS, ids=name_of)
def test_the_gain_of_means(mechanism: MeanMechanism) -> None:
    n, liars = 20_000, 1_000
    fraction, honest = liars / (n + liars), mechanism.simulate([0.5], [n], entropy=SEED)
    formula = gain(mechanism, 7.0, fraction=fraction, share=0.5)
    assert formula.input == pytest.approx(fraction * 2.5)  # clipped to 3
    for expected, sent in (
        (formula.random, random_reports(mechanism, count=liars, entropy=SEED)),
        (formula.input, input_poisoning(mechanism, 7.0, count=liars, entropy=SEED)),
        (formula.output, output_poisoning(mechanism, 7.0, count=liars, entropy=SEED)),
    ):
        estimate = mechanism.estimate(honest + mechanism.aggregate(sent))
        spread = fraction * 2 * mechanism.max_influence().item / np.sqrt(liars)  # of the liars' own choices
        assert abs(float(estimate.value) - 0.5 - expected) < 5 * (float(np.sqrt(estimate.worst_variance)) + spread)


# -- server-assigned seeds ---------------------------------------------------------------------------


def test_own_seeds_support_everything_and_assigned_ones_do_not() -> None:
    free, bound = LocalHashing(300, 1.0), LocalHashing(300, 1.0, seeds="server", public_seed=5)
    items = targets_of(free, 10)
    assert supported(free, output_poisoning(free, items, count=9, entropy=SEED)).tolist() == [300] * 9
    ids = np.arange(1_000, 3_000)
    reports = output_poisoning(bound, items, count=2_000, entropy=SEED, agents=ids)
    assert reports.ids is not None
    hits = bound.support(reports, items).sum(axis=1)
    table = bound.family.hash(bound.seeds_of(ids.astype(np.uint64))[:, None], items)
    best = np.stack([(table == answer).sum(axis=1) for answer in range(bound.blur.values)]).max(axis=0)
    np.testing.assert_array_equal(hits, best)  # and nothing better can be sent
    assert hits.mean() < 5.5
    assert gain(bound, items, fraction=1.0).output < gain(free, items, fraction=1.0).output / 3
    assert gain(bound, items[:1], fraction=1.0).output == pytest.approx(gain(free, items[:1], fraction=1.0).output)


def test_ids_bound_an_agent_to_one_report() -> None:
    mechanism = GeneralizedRandomizedResponse(10, 1.0)
    flood = output_poisoning(mechanism, [3], count=500, entropy=SEED)
    assert mechanism.aggregate(flood).reports == 500
    assert mechanism.aggregate(flood.with_ids(np.full(500, 7))).reports == 1


# -- screening ---------------------------------------------------------------------------------------

SCREENED = [
    m for m in LARGE if m.categories < 1 << 20 and not isinstance(m, GeneralizedRandomizedResponse | SubsetSelection)
]


@pytest.mark.parametrize("mechanism", SCREENED, ids=name_of)
def test_screening_spares_honest_reports_and_lets_adaptive_liars_pass(mechanism: FrequencyOracle) -> None:
    n, alpha = 8_000, 0.02
    honest = mechanism.randomize(np.arange(n) % mechanism.categories, entropy=SEED)
    left = screen(mechanism, honest, alpha=alpha)
    assert len(left.accepted) + len(left.refused) == n
    assert bdtr(n - len(left.refused), n, 1 - 1.3 * alpha) > ALPHA
    items = targets_of(mechanism, 10)
    sent = adaptive_poisoning(mechanism, items, count=300, entropy=SEED, alpha=alpha)
    assert not len(mechanism.validate(sent).refused)
    if isinstance(mechanism, LocalHashing) and mechanism.assigned:
        return  # these liars cannot choose, and some of their ids look odd
    assert not len(screen(mechanism, sent, alpha=alpha).refused)
    weaker = mechanism.support(input_poisoning(mechanism, items, count=4_000, entropy=SEED), items).mean()
    assert mechanism.support(sent, items).mean() > 1.2 * weaker


@pytest.mark.parametrize("mechanism", [LocalHashing(300, 1.0), HadamardResponse(300, 1.0)], ids=name_of)
def test_screening_refuses_reports_that_support_everything(mechanism: FrequencyOracle) -> None:
    sent = output_poisoning(mechanism, targets_of(mechanism, 10), count=50, entropy=SEED)
    honest = mechanism.randomize(np.arange(1_000) % 300, entropy=SEED)
    screened = screen(mechanism, Reports.joined([sent, honest]), alpha=0.02)
    assert set(range(50)) <= set(screened.refused.tolist())
    assert screened.reasons == {"an unusual number of supported items": len(screened.refused)}
    assert len(screened.accepted) == 1_050 - len(screened.refused)


def test_neighboring_targets_pass_any_screening_of_own_seeds() -> None:
    """Interval seeds support a run of k / g items, as many as an honest report: all targets, and nothing looks odd."""
    mechanism = LocalHashing(300, 1.0)
    items = np.arange(40, 60)
    sent = adaptive_poisoning(mechanism, items, count=300, entropy=SEED, alpha=0.02)
    assert mechanism.support(sent, items).all()
    assert not len(screen(mechanism, sent, alpha=0.02).refused)


def test_few_targets_have_a_hadamard_row_that_passes() -> None:
    """Fewer independent columns than the row has bits leave a row beside 0 that all of them are even with."""
    mechanism = HadamardResponse(1023, 1.0, blocks=1)
    items = targets_of(mechanism, 9)
    sent = adaptive_poisoning(mechanism, items, count=20, entropy=SEED, alpha=0.02)
    assert sent["row"].min() > 0
    assert mechanism.support(sent, items).all()
    assert not len(screen(mechanism, sent, alpha=0.02).refused)


@given(st.integers(0, 4), st.sets(st.integers(0, 299), min_size=8, max_size=8))
@settings(max_examples=30, deadline=None)
def test_every_set_of_fewer_hyperplanes_than_dimensions_has_a_point(which: int, items: set[int]) -> None:
    mechanism = ProjectiveGeometryResponse(300, (0.5, 1.0, 2.0, 3.0, 4.0)[which])
    chosen = sorted(items)[: mechanism.geometry[1] - 1]
    assert mechanism.support(output_poisoning(mechanism, chosen, count=2, entropy=SEED), chosen).all()


def test_unary_screening_is_the_exact_one() -> None:
    mechanism = OptimizedUnaryEncoding(40, 1.0)
    assert usual_supports(mechanism, 0.01) == mechanism.ones_range(0.01)
    crowded = output_poisoning(mechanism, np.arange(35), count=20, entropy=SEED)
    assert not len(screen(mechanism, crowded, alpha=0.01).accepted)
    fewer = adaptive_poisoning(mechanism, np.arange(35), count=20, entropy=SEED, alpha=0.01)
    assert len(screen(mechanism, fewer, alpha=0.01).accepted) == 20
    assert supported(mechanism, fewer).max() <= mechanism.ones_range(0.01)[1]


def test_what_cannot_be_screened_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nothing to screen"):
        usual_supports(GeneralizedRandomizedResponse(5, 1.0), 0.01)
    with pytest.raises(ConfigurationError, match="too small for 65536 items"):
        usual_supports(LocalHashing(1 << 16, 1.0), 0.01)
    with pytest.raises(ConfigurationError, match="alpha lies between"):
        usual_supports(LocalHashing(16, 1.0), 1.0)


def test_screening_counts_malformed_reports_as_well() -> None:
    mechanism = OptimizedUnaryEncoding(20, 1.0)
    reports = mechanism.randomize(np.zeros(100, dtype=np.int64), entropy=SEED)
    rows = reports["bits"].copy()
    rows[3], rows[5] = 255, [255, 255, 15]
    screened = screen(mechanism, Reports(reports.digest, reports.layout, (rows,)), alpha=1e-4)
    assert screened.refused.tolist() == [3, 5]
    assert screened.reasons == {"bits out of range": 1, "an unusual number of supported items": 1}


# -- the bound in the interval ---------------------------------------------------------------------------


def coverage(run: Callable[[int], Estimate], truth: float, *, malicious: int, runs: int = 200) -> int:
    """How many 95 % intervals of the first target hold the honest agents' share or mean."""
    held = 0
    for number in range(runs):
        low, high = run(number).interval(0.95, malicious=malicious)
        held += bool(np.ravel(low)[0] <= truth <= np.ravel(high)[0])
    return held


def covers(held: int, runs: int = 200) -> bool:
    """Whether this many hits are possible at a coverage of 95 %."""
    return bool(bdtr(held, runs, 0.95) > ALPHA)


ORACLES: list[FrequencyOracle] = [
    GeneralizedRandomizedResponse(16, 1.0),
    OptimizedUnaryEncoding(16, 1.0),
    LocalHashing(16, 1.0),
    ProjectiveGeometryResponse(16, 1.0),
]


@pytest.mark.parametrize("mechanism", ORACLES, ids=name_of)
@pytest.mark.parametrize("upward", [True, False], ids=["up", "down"])
def test_intervals_hold_under_the_worst_attack(mechanism: FrequencyOracle, *, upward: bool) -> None:
    counts = np.array([1_000, 600] + [150] * 14)
    n, liars = int(counts.sum()), 300
    sent = output_poisoning(mechanism, [0] if upward else [9], count=liars, entropy=SEED)
    if not upward:  # any report that leaves item 0 out
        pool = random_reports(mechanism, count=4_000, entropy=SEED)
        sent = pool.take(~mechanism.support(pool, [0])[:, 0]).take(slice(0, liars))
    extra = mechanism.aggregate(sent)
    assert extra.reports == liars

    def run(number: int) -> Estimate:
        honest = mechanism.simulate(counts, entropy=Entropy.seeded(number))
        estimate = mechanism.estimate(Aggregate(honest.digest, honest.reports, 0, honest.totals) + extra)
        assert estimate.reports == n + liars
        return estimate

    strong = upward or isinstance(mechanism, OptimizedUnaryEncoding | LocalHashing | ProjectiveGeometryResponse)
    assert covers(coverage(run, counts[0] / n, malicious=liars))
    if strong:
        assert not covers(coverage(run, counts[0] / n, malicious=0))
    if upward:
        assert not covers(coverage(run, counts[0] / n, malicious=liars // 2))


@pytest.mark.parametrize("mechanism", [Duchi(-1.0, 3.0, 1.0), Piecewise(-1.0, 3.0, 2.0, bits=8)], ids=name_of)
@pytest.mark.parametrize("target", [-1.0, 3.0])
def test_intervals_of_means_hold_under_the_worst_attack(mechanism: MeanMechanism, target: float) -> None:
    liars = 400
    extra = mechanism.aggregate(output_poisoning(mechanism, target, count=liars, entropy=SEED))

    def run(number: int) -> Estimate:
        return mechanism.estimate(mechanism.simulate([0.0, 2.0], [1_500, 500], entropy=Entropy.seeded(number)) + extra)

    assert covers(coverage(run, 0.5, malicious=liars))
    assert not covers(coverage(run, 0.5, malicious=0))
    assert not covers(coverage(run, 0.5, malicious=liars // 2))


def test_liars_cannot_make_the_variance_look_small() -> None:
    """At epsilon 4 an answer is nearly a sign, and equal signs look like agents without a variance."""
    mechanism, liars = Duchi(-1.0, 1.0, 4.0), 9_000
    extra = mechanism.aggregate(output_poisoning(mechanism, 1.0, count=liars, entropy=SEED))

    def run(number: int) -> Estimate:
        return mechanism.estimate(mechanism.simulate([0.0], [1_000], entropy=Entropy.seeded(number)) + extra)

    assert covers(coverage(run, 0.0, malicious=liars))
    plugged_in = sum(
        abs(float(e.value) * 10 - 9 * mechanism.max_influence().item) < 1.96 * float(e.deviation) * np.sqrt(10)
        for e in map(run, range(200))
    )
    assert not covers(plugged_in, 200)


# -- all attacks -----------------------------------------------------------------------------------------


@given(st.integers(0, len(LARGE) - 1), st.integers(1, 40), st.integers(1, 12), st.integers(0, 1 << 20))
@settings(max_examples=40, deadline=None)
def test_made_up_reports_are_well_formed_and_repeat(which: int, count: int, targets: int, seed: int) -> None:
    mechanism = LARGE[which]
    items, entropy = targets_of(mechanism, targets), Entropy.seeded(seed)
    for sent in (
        output_poisoning(mechanism, items, count=count, entropy=entropy),
        input_poisoning(mechanism, items, count=count, entropy=entropy),
        random_reports(mechanism, count=count, entropy=entropy),
    ):
        assert len(sent) == count
        assert not len(mechanism.validate(sent).refused)
        assert len(mechanism.read(sent.to_bytes())) == count
    first, second = (output_poisoning(mechanism, items, count=count, entropy=Entropy.seeded(seed)) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


def test_wrong_requests_are_refused() -> None:
    mechanism = GeneralizedRandomizedResponse(5, 1.0)
    with pytest.raises(ConfigurationError, match="no target"):
        output_poisoning(mechanism, np.zeros(0, dtype=np.int64), count=3, entropy=SEED)
    with pytest.raises(ConfigurationError, match="no target"):
        input_poisoning(mechanism, np.zeros(0, dtype=np.int64), count=3, entropy=SEED)
    with pytest.raises(ConfigurationError, match="count"):
        output_poisoning(mechanism, [1], count=0, entropy=SEED)
    with pytest.raises(ConfigurationError, match="agents are 2 different"):
        output_poisoning(mechanism, [1], count=2, entropy=SEED, agents=[4, 4])
    with pytest.raises(ConfigurationError, match="fraction"):
        gain(mechanism, [1], fraction=1.5)
    for targets in ([1.0, 2.0], float("nan"), "much"):
        with pytest.raises(ConfigurationError, match="one finite number"):
            output_poisoning(Duchi(0.0, 3.0, 1.0), targets, count=2, entropy=SEED)
    longitudinal = LongitudinalUnary(5, 1.0, 2.0)
    with pytest.raises(ConfigurationError, match=r"strongest report of .* is not known"):
        output_poisoning(longitudinal, [1], count=2, entropy=SEED)
    assert isinstance(gain(mechanism, [1], fraction=0.0), Gain)
