"""Several attributes: exact laws, amplification, variances."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import exp
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.attributes import RandomSamplingFakeData, SampledAttribute
from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.cohorts import CohortLocalHashing
from tip.mechanisms.thresholds import exp_down
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tip.mechanisms.ranges import Factory

ALPHA = 1e-6
GRR, OUE = GeneralizedRandomizedResponse, OptimizedUnaryEncoding
EPSILONS = (1e-6, 0.5, 1, 2, 4)
SHAPES: tuple[tuple[int, ...], ...] = ((2, 2), (2, 3), (3, 3), (2, 3, 2))


def records(sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(product(*(range(size) for size in sizes)))


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("oracle", [GRR, OUE])
def test_one_attribute_costs_what_its_oracle_does(
    sizes: tuple[int, ...],
    epsilon: float,
    oracle: Factory,
    largest_ratio: Callable[..., Fraction],
) -> None:
    mechanism = SampledAttribute(sizes, epsilon, oracle)
    assert largest_ratio(mechanism, records(sizes)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = [mechanism.law(record) for record in records(sizes)]
    assert mechanism.blanket <= sum(min(law[report] for law in laws) for report in laws[0])


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("sizes", SHAPES)
def test_fake_data_amplify_for_one_attribute_and_not_for_a_record(
    sizes: tuple[int, ...], epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = RandomSamplingFakeData(sizes, epsilon)
    assert largest_ratio(mechanism, records(sizes)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    laws = {record: mechanism.law(record) for record in records(sizes)}
    neighbors = [(a, b) for a, b in product(laws, laws) if sum(x != y for x, y in zip(a, b, strict=True)) == 1]
    one = max(laws[a][report] / laws[b][report] for a, b in neighbors for report in laws[a])
    assert one == mechanism.attribute_ratio < mechanism.ratio
    assert mechanism.blanket == sum(min(law[report] for law in laws.values()) for report in laws[records(sizes)[0]])


@pytest.mark.parametrize("epsilon", [0.5, 1, 2])
def test_the_published_amplification_holds_for_one_of_equal_attributes_only(epsilon: float) -> None:
    d = 2
    published = float(np.log(d * (exp(epsilon) - 1) + 1))
    equal = RandomSamplingFakeData((3, 3), published)
    assert float(equal.attribute_ratio) == pytest.approx(exp(epsilon), rel=1e-9)
    assert float(equal.ratio) == pytest.approx(exp(published), rel=1e-9)  # e^eps' for a whole record: no gain
    unlike = RandomSamplingFakeData((2, 50), published)
    assert float(unlike.attribute_ratio) > 1.05 * exp(epsilon)
    for sizes in ((3, 3), (2, 50)):
        fitted = RandomSamplingFakeData.of_attribute(sizes, epsilon)
        assert fitted.attribute_ratio <= exp_down(Fraction(epsilon))
        assert float(fitted.attribute_ratio) == pytest.approx(exp(epsilon), rel=1e-9)
        assert fitted.guarantee.epsilon is not None
        assert fitted.guarantee.epsilon > epsilon  # what is promised is for the record


@pytest.mark.parametrize("mechanism", [SampledAttribute((3, 2), 1.0, GRR), SampledAttribute((5, 3), 1.0, OUE)])
def test_reports_of_one_attribute_follow_the_law(mechanism: Any, p_value: Callable[..., float]) -> None:  # noqa: ANN401
    assert p_value(mechanism, [1, 1]) > ALPHA
    mutant = {r: m * (Fraction(11, 10) if r[0] else Fraction(9, 10)) for r, m in mechanism.law([1, 1]).items()}
    assert p_value(mechanism, [1, 1], law=mutant) < ALPHA


def test_reports_with_fake_data_follow_the_law(p_value: Callable[..., float]) -> None:
    mechanism = RandomSamplingFakeData((3, 2, 4), 1.5)
    for record in ([0, 1, 3], [2, 0, 0]):
        assert p_value(mechanism, record) > ALPHA
    wrong = RandomSamplingFakeData((3, 2, 4), 1.7).law([0, 1, 3])
    assert p_value(mechanism, [0, 1, 3], law=wrong) < ALPHA


class Fixed:
    """A stream that holds one word everywhere."""

    def __init__(self, word: int) -> None:
        self.word = word

    def words(self, agents: Any, count: int) -> Any:  # noqa: ANN401
        return np.full((len(agents), count), self.word, dtype=np.uint64)

    def words_at(self, agents: Any, positions: Any, *, lane: int) -> Any:  # noqa: ANN401
        assert lane > 0
        return np.full(np.broadcast(agents, positions).shape, (1 << 64) - 1, dtype=np.uint64)


def test_extreme_words_fall_on_the_right_side() -> None:
    mechanism = RandomSamplingFakeData((3, 3), 1.0)
    keep = int(mechanism.parts[0].p * (1 << 64))
    held = np.array([[0, 0], [1, 2], [2, 1]])
    for word in (0, keep - 1, keep, (1 << 64) - 1):
        stream: Any = Fixed(word)
        drawn = int(word >> 63)  # which of the two attributes this word draws
        columns = mechanism.draw(held, stream, np.arange(3))
        assert ((columns[drawn] == held[:, drawn]) == (word < keep)).all()
        assert all((column < 3).all() for column in columns)


@pytest.mark.parametrize("make", [lambda: SampledAttribute((4, 3), 1.0), lambda: RandomSamplingFakeData((4, 3), 2.0)])
def test_estimates_are_unbiased_with_their_variance(make: Callable[[], Any]) -> None:
    mechanism, runs, n = make(), 800, 600
    values, counts = np.array([[0, 0], [0, 1], [3, 2]]), np.array([300, 200, 100])
    truth = np.array([5, 0, 0, 1, 3, 2, 1]) / 6
    made, scores = [], []
    for run in range(runs):
        aggregate = mechanism.simulate(values, counts, entropy=Entropy.seeded(run))
        estimate = mechanism.estimate(aggregate)
        exact = np.concatenate(
            [
                np.asarray(
                    mechanism.variance(part, shares, reports=n, drew=int(aggregate.totals[part]))
                    if isinstance(mechanism, SampledAttribute)
                    else mechanism.variance(part, shares, reports=n)
                )
                for part, shares in enumerate(np.split(truth, [4]))
            ]
        )
        made.append(estimate.value)
        scores.append((estimate.value - truth) / np.sqrt(exact))
    z = np.array(scores)
    assert np.abs(z.mean(axis=0)).max() < 6 / np.sqrt(runs)
    assert np.abs((z**2).mean(axis=0) - 1).max() < 0.3
    assert np.abs(((z * 1.25) ** 2).mean(axis=0) - 1).max() > 0.3  # a deviation 20 % too small is rejected


@pytest.mark.parametrize(
    "mechanism", [SampledAttribute((4, 30), 1.0), SampledAttribute((4, 3), 1.0, OUE), RandomSamplingFakeData((4, 3), 2)]
)
def test_simulated_totals_are_those_of_agents(mechanism: Any) -> None:  # noqa: ANN401
    values, counts = np.array([[0, 0], [3, 2]]), np.array([200, 100])
    answers, runs = np.repeat(values, counts, axis=0), 300
    made = np.array([mechanism.aggregate(mechanism.randomize(answers)).totals for _ in range(runs)])
    drawn = np.array([mechanism.simulate(values, counts, entropy=Entropy.seeded(r)).totals for r in range(runs)])
    assert made.shape == drawn.shape
    assert (np.abs(made.mean(axis=0) - drawn.mean(axis=0)) < 6 * np.sqrt(made.var(axis=0) * 2 / runs) + 1e-9).all()
    ratios = made.var(axis=0) / drawn.var(axis=0)
    assert ((ratios > 0.5) & (ratios < 2)).all()
    assert np.abs(np.cov(made.T) - np.cov(drawn.T)).max() < 0.5 * np.diag(np.cov(made.T)).max()


def test_intervals_cover() -> None:
    values, counts = np.array([[0, 0], [1, 1], [2, 1]]), np.array([900, 500, 100])
    truth = np.array([9, 5, 1, 9, 6]) / 15
    for mechanism in (SampledAttribute((3, 2), 1.0), RandomSamplingFakeData((3, 2), 2.0)):
        inside = []
        for run in range(300):
            estimate = mechanism.estimate(mechanism.simulate(values, counts, entropy=Entropy.seeded(run)))
            low, high = estimate.interval(0.9)
            inside.append((low <= truth) & (truth <= high))
        assert np.mean(inside, axis=0).min() > 0.8


@pytest.mark.parametrize("mechanism", [SampledAttribute((4, 30, 7), 1.0), RandomSamplingFakeData((4, 30, 7), 2.0)])
def test_bits_depend_on_the_agent_alone_and_bytes_come_back(mechanism: Any) -> None:  # noqa: ANN401
    rng, entropy = Entropy.seeded(0).generator("test"), Entropy.seeded(1)
    values, order = rng.integers(0, 4, (20_000, 3)), rng.permutation(20_000)
    whole = mechanism.randomize(values, entropy=entropy)
    again = mechanism.randomize(values[order], entropy=entropy, agents=order)
    for one, other in zip(whole.columns, again.columns, strict=True):
        assert np.array_equal(one[order], other)
    back = mechanism.validate(mechanism.read(whole.to_bytes()))
    assert not len(back.refused)
    parts = mechanism.aggregate(whole.take(slice(0, 7))) + mechanism.aggregate(whole.take(slice(7, None)))
    assert parts == mechanism.aggregate(whole)


def test_reports_that_nobody_may_send_are_refused() -> None:
    mechanism = SampledAttribute((4, 30), 1.0)
    assert [column.name for column in mechanism.layout] == ["part", "item", "bits"]
    honest = mechanism.randomize(np.zeros((200, 2), dtype=np.int64), entropy=Entropy.seeded(2))
    first, second = (np.flatnonzero(honest["part"] == at) for at in (0, 1))
    honest["bits"][first[0]] = 1  # bits beside an item
    honest["item"][second[0]] = 1  # an item beside bits
    honest["item"][first[1]] = 5  # out of the attribute's range
    honest["bits"][second[1]] = 255  # beyond 30 bits
    honest["part"][first[2]] = 2
    screened = mechanism.validate(honest)
    assert sorted(screened.refused.tolist()) == sorted([*first[:3].tolist(), *second[:2].tolist()])
    assert mechanism.aggregate(honest).reports == 195


def test_bad_records_are_named_by_row_and_bad_parameters_refused() -> None:
    for mechanism in (SampledAttribute((4, 3), 1.0), RandomSamplingFakeData((4, 3), 1.0)):
        for wrong in ([[0, 0], [4711, 1]], [[0, 0], [1, 4711]], [[0, 0], [-4711, 0]]):
            with pytest.raises(DataError, match="row 2") as caught:
                mechanism.randomize(wrong)
            assert "4711" not in str(caught.value)
        with pytest.raises(ConfigurationError):
            mechanism.randomize([[0, 0, 0]])
        with pytest.raises(ConfigurationError):
            mechanism.simulate([[0, 0]], [0], entropy=Entropy.seeded(1))
    for sizes in ((), (1,), [2, 2], (2, 2.0)):
        with pytest.raises(ConfigurationError):
            SampledAttribute(sizes, 1.0)  # type: ignore[arg-type] # the mistake under test
        with pytest.raises(ConfigurationError):
            RandomSamplingFakeData(sizes, 1.0)  # type: ignore[arg-type] # the mistake under test
    with pytest.raises(ConfigurationError):
        SampledAttribute((2, 3), 1.0, lambda _, epsilon: GRR(2, epsilon))
    with pytest.raises(ConfigurationError):
        SampledAttribute((2, 3), 1.0).variance(2, reports=2, drew=1)
    with pytest.raises(ConfigurationError):
        SampledAttribute((2, 3), 1.0).variance(0, reports=2, drew=3)


def test_a_part_without_reports_is_told() -> None:
    mechanism = SampledAttribute((2, 3), 1.0)
    one = mechanism.aggregate(mechanism.randomize([[0, 0]], entropy=Entropy.seeded(1)))
    with pytest.raises(ConfigurationError, match="no report"):
        mechanism.estimate(one)


def test_an_oracle_with_public_hashes_keeps_its_own_interval() -> None:
    mechanism = SampledAttribute((40, 50), 2.0, lambda k, epsilon: CohortLocalHashing(k, epsilon, 256))
    estimate = mechanism.estimate(mechanism.simulate([[3, 5]], [20_000], entropy=Entropy.seeded(1)))
    low, high = estimate.interval(1 - 1e-6)
    assert low[3] < 1 < high[3]
    assert low[45] < 1 < high[45]


def test_influence_is_what_the_worst_answer_moves() -> None:
    mechanism = RandomSamplingFakeData((2, 3), 1.0)
    moves = []
    for report in records((2, 3)):
        move: list[float] = []
        for at, size in enumerate((2, 3)):
            p, q = (float(chance) for chance in mechanism.chances(at))
            move += [((report[at] == item) - q) / (p - q) for item in range(size)]
        moves.append(move)
    assert mechanism.max_influence().item == pytest.approx(np.abs(moves).max())
    assert mechanism.max_influence().euclidean == pytest.approx(np.linalg.norm(moves, axis=1).max())
    single, p, q = SampledAttribute((2, 3), 1.0, GRR).max_influence(), *map(float, (GRR(3, 1.0).p, GRR(3, 1.0).q))
    assert single.item == pytest.approx((2 - q) / (p - q))  # everybody else named another item
