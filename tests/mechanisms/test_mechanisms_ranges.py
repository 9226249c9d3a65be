"""Range queries: exact law, honest reports only, consistency, exact variance."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError
from tip.mechanisms import GeneralizedRandomizedResponse
from tip.mechanisms.columns import Bits, Integers, Reals
from tip.mechanisms.ranges import Factory, Hierarchical
from tip.mechanisms.thresholds import exp_down
from tip.mechanisms.trees import Level, _Passes
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.mechanisms.unions import Union
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALPHA = 1e-6
GRR = GeneralizedRandomizedResponse
SHAPES = [(5, 2, GRR), (9, 4, GRR), (7, 3, OptimizedUnaryEncoding), (6, 3, None)]


def tree(k: int, epsilon: float, fanout: int, oracle: Factory | None) -> Hierarchical:
    return Hierarchical(k, epsilon, fanout) if oracle is None else Hierarchical(k, epsilon, fanout, oracle)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 1, 2, 4])
@pytest.mark.parametrize(("k", "fanout", "oracle"), SHAPES)
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    k: int, fanout: int, oracle: Factory | None, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = tree(k, epsilon, fanout, oracle)
    assert largest_ratio(mechanism, range(k)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(item) for item in range(k)]
    assert mechanism.blanket <= sum(min(law[report] for law in laws) for report in laws[0])


@pytest.mark.parametrize(("k", "fanout", "oracle"), SHAPES)
def test_reports_follow_the_law(k: int, fanout: int, oracle: Factory | None, p_value: Callable[..., float]) -> None:
    mechanism = tree(k, 1.0, fanout, oracle)
    assert p_value(mechanism, k - 1) > ALPHA


def test_a_mutant_that_prefers_a_level_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = Hierarchical(9, 1.0, 4, GRR)
    law = {
        report: share * (Fraction(11, 10) if report[0] else Fraction(9, 10))
        for report, share in mechanism.law(3).items()
    }
    assert p_value(mechanism, 3, law=law) < ALPHA


def test_bits_depend_on_the_agent_alone() -> None:
    mechanism = Hierarchical(100, 1.0)
    rng = Entropy.seeded(0).generator("test")
    values, agents, entropy = rng.integers(0, 100, 30_000), rng.permutation(30_000), Entropy.seeded(1)
    whole = mechanism.randomize(values, entropy=entropy)
    other = mechanism.randomize(values[agents], entropy=entropy, agents=agents)
    for column in mechanism.layout:
        assert np.array_equal(other[column.name], whole[column.name][agents])


def test_reports_that_nobody_may_send_are_refused() -> None:
    mechanism = Hierarchical(50, 1.0)
    assert [column.name for column in mechanism.layout] == ["level", "item", "bits"]
    honest = mechanism.randomize(np.arange(50).repeat(20), entropy=Entropy.seeded(2))
    assert mechanism.validate(mechanism.read(honest.to_bytes())).reasons == {}
    level = honest["level"]
    lowest, middle, top = (np.flatnonzero(level == at)[0] for at in (2, 1, 0))
    honest["item"][lowest] = 1  # an item beside bits
    honest["bits"][middle, -1] = 1  # bits beyond the level's nodes
    honest["bits"][top, 0] = 1  # bits beside an item
    level[5 if level[5] == 2 else np.flatnonzero(level == 2)[1]] = 3  # no such level
    screened = mechanism.validate(honest)
    assert len(screened.refused) == 4
    assert sum(screened.reasons.values()) == 4
    aggregate = mechanism.aggregate(honest)
    assert (aggregate.reports, aggregate.refused) == (996, 4)


def consistent_by_matrix(levels: tuple[Level, ...], raw: list[Floats], k: int) -> Floats:
    """Weighted least squares over all trees with root 1, by its normal equations."""
    rows = [
        [(i // one.size == node) for i in range(k)]
        for one, z in zip(levels, raw, strict=True)
        for node in range(len(z))
    ]
    matrix = np.array(rows, dtype=float)
    weights = np.concatenate([np.full(len(z), 1 / one.noise) for one, z in zip(levels, raw, strict=True)])
    left = np.block([[matrix.T @ (weights[:, None] * matrix), np.ones((k, 1))], [np.ones((1, k)), np.zeros((1, 1))]])
    right = np.append(matrix.T @ (weights * np.concatenate(raw)), 1.0)
    return np.linalg.solve(left, right)[:k]


@pytest.mark.parametrize(("k", "fanout"), [(2, 2), (16, 4), (17, 4), (13, 3), (30, 8), (33, 2)])
def test_the_passes_are_weighted_least_squares(k: int, fanout: int) -> None:
    mechanism = Hierarchical(k, 1.0, fanout, GRR)
    rng = Entropy.seeded(k).generator("test")
    levels = tuple(
        Level(size, int(rng.integers(50, 500)), float(one.p), float(one.q), 0.0, 0.0)
        for one, size in zip(mechanism.levels, mechanism.sizes, strict=True)
    )
    raw = [rng.normal(size=one.categories) for one in mechanism.levels]
    passes = _Passes.of(levels, [len(z) for z in raw])
    assert np.allclose(passes.consistent(raw), consistent_by_matrix(levels, raw, k), atol=1e-9)
    truth = rng.dirichlet(np.ones(k))  # a consistent tree stays as it is: nothing unbiased becomes biased
    own = [np.add.reduceat(truth, np.arange(0, k, one.size)) for one in levels]
    assert np.allclose(passes.consistent(own), truth, atol=1e-12)
    answers = rng.integers(0, 2, (5, k)).astype(float)  # backward: the coefficients of any answer
    weights = passes.coefficients(answers)
    zero = [np.zeros(len(z)) for z in raw]
    constant = answers @ passes.consistent(zero)
    assert np.allclose(
        sum(w @ z for w, z in zip(weights, raw, strict=True)) + constant, answers @ passes.consistent(raw)
    )


@pytest.mark.parametrize(("k", "fanout", "oracle"), [(30, 4, GRR), (30, 4, None), (20, 8, OptimizedUnaryEncoding)])
def test_answers_are_unbiased_with_the_exact_variance(k: int, fanout: int, oracle: Factory | None) -> None:
    mechanism = tree(k, 1.0, fanout, oracle)
    counts = (
        Entropy.seeded(7).generator("test").multinomial(3000, Entropy.seeded(8).generator("test").dirichlet(np.ones(k)))
    )
    first, end = np.array([0, 3, 5, k - 1]), np.array([k // 2, 4, 17, k])
    truth = np.array([counts[a:b].sum() for a, b in zip(first, end, strict=True)]) / 3000
    runs = 500
    trees = [mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(run))) for run in range(runs)]
    ranges = [one.range(first, end) for one in trees]
    values = np.array([one.value for one in ranges])
    variance = np.mean([one.variance for one in ranges], axis=0)
    assert (np.abs(values.mean(axis=0) - truth) < 6 * np.sqrt(variance / runs)).all()
    ratio = values.var(axis=0) / variance
    assert (np.abs(ratio - 1) < 6 * np.sqrt(2 / runs)).all()
    assert not (np.abs(ratio * 2 - 1) < 6 * np.sqrt(2 / runs)).all()  # half the variance would be seen
    nodes = np.array([one.value for one in trees]).var(axis=0) / np.mean([one.variance for one in trees], axis=0)
    assert (np.abs(nodes - 1) < 6 * np.sqrt(2 / runs)).all()
    covered = np.mean([(low <= truth) & (truth <= high) for low, high in (one.interval() for one in ranges)], axis=0)
    assert (np.abs(covered - 0.95) < 0.06).all()
    assert all((one.worst_variance >= one.variance * 0.9).all() for one in ranges)


def test_reports_and_simulation_agree() -> None:
    mechanism = Hierarchical(20, 2.0, 5, GRR)
    counts = np.arange(20) * 10
    aggregate = mechanism.aggregate(mechanism.randomize(np.repeat(np.arange(20), counts), entropy=Entropy.seeded(5)))
    simulated = mechanism.simulate(counts, entropy=Entropy.seeded(6))
    assert aggregate.totals.shape == simulated.totals.shape
    assert aggregate.reports == simulated.reports == counts.sum()
    assert aggregate.totals[: mechanism.height].sum() == simulated.totals[: mechanism.height].sum() == counts.sum()
    for totals in (aggregate, simulated):
        found = mechanism.estimate(totals)
        assert abs(float(found.range(10, 20).value) - counts[10:].sum() / counts.sum()) < 0.25
    assert (aggregate + aggregate).reports == 2 * counts.sum()


def test_the_whole_is_one_and_ranges_add_up() -> None:
    mechanism = Hierarchical(37, 1.0, 4, GRR)
    found = mechanism.estimate(mechanism.simulate(np.full(37, 30), entropy=Entropy.seeded(1)))
    whole = found.range(0, 37)
    assert float(whole.value) == pytest.approx(1, abs=1e-12)
    assert float(whole.variance) == pytest.approx(0, abs=1e-12)
    assert float(found.range(0, 10).value + found.range(10, 37).value) == pytest.approx(1)
    assert float(found.range(5, 5).value) == 0
    assert np.allclose(found.leaves().value, found.shares)
    assert np.allclose(found.cdf([0, 36]).value, [found.shares[0], 1])
    assert found.node(0).value.shape == (3,)
    for bad in ((-1, 3), (3, 2), (0, 38), (0.0, 1.0)):
        with pytest.raises(ConfigurationError):
            found.range(*bad)


def test_too_few_reports_are_told() -> None:
    mechanism = Hierarchical(64, 1.0, 2, GRR)
    with pytest.raises(ConfigurationError, match="no report"):
        mechanism.estimate(mechanism.aggregate(mechanism.randomize([3])))


def test_bad_trees_are_refused() -> None:
    for arguments in ((1, 1.0, 4), (10, 1.0, 1), (1 << 21, 1.0, 4), (10, 0.0, 4)):
        with pytest.raises(ConfigurationError):
            Hierarchical(*arguments)
    with pytest.raises(ConfigurationError, match="factory"):
        Hierarchical(10, 1.0, 4, lambda k, epsilon: GRR(k + 1, epsilon))


def test_influence_and_words() -> None:
    mechanism = Hierarchical(16, 1.0, 4, GRR)
    plain = GRR(16, 1.0).max_influence()
    gap = float(GRR(16, 1.0).p - GRR(16, 1.0).q)
    assert mechanism.max_influence().item == pytest.approx(1 / gap + plain.item)  # others' mean, and the report itself
    assert mechanism.identifying == ""
    assert mechanism.height == 2
    assert Hierarchical(16, 1.0, 16, GRR).height == 1


def test_a_union_has_one_place_for_columns_of_a_kind() -> None:
    union = Union(
        (
            (Integers("item", high=4),),
            (Bits("bits", 12),),
            (Integers("item", high=300), Integers("seed", high=1 << 32)),
        ),
        ("level",),
    )
    assert [column.name for column in union.columns] == ["item", "bits", "seed"]
    assert union.widened(1, (255, 15)) == (0, 255, 15, 0)
    assert union.widened(2, (299, 7)) == (299, 0, 0, 7)
    for column in (Reals("x", 1, 1.0), Integers("x", high=3, low=-1)):
        with pytest.raises(ConfigurationError):
            Union(((column,),))
