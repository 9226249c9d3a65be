"""Square Wave: its exact law, its response, its reconstruction, its unbiased mean."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.distribution import SquareWave
from tip.mechanisms.thresholds import WORD, exp_down
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Words = NDArray[np.uint64]

ALPHA = 1e-6
EPSILONS = (1e-6, 0.5, 1, 2, 4, 10, 40)


def middles(mechanism: SquareWave) -> list[float]:
    return [(cell + 0.5) / mechanism.inputs for cell in range(mechanism.inputs)]


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("inputs", [2, 5, 16])
def test_the_ratio_of_the_enumerated_law_is_at_most_the_request(
    inputs: int, epsilon: float, largest_ratio: Callable[..., Fraction]
) -> None:
    mechanism = SquareWave(0, 1, epsilon, inputs)
    assert largest_ratio(mechanism, middles(mechanism)) == mechanism.ratio <= exp_down(Fraction(epsilon))
    assert mechanism.guarantee.epsilon is not None
    assert mechanism.guarantee.epsilon <= epsilon
    laws = [mechanism.law(x) for x in middles(mechanism)]
    assert mechanism.blanket == sum(min(law[report] for law in laws) for report in laws[0]) >= 1 / mechanism.ratio


def test_the_half_width_is_the_formulas() -> None:
    for epsilon, share in ((0.5, 0.3586), (1, 0.2558), (2, 0.1293), (4, 0.0306)):
        e = np.exp(epsilon)
        assert (epsilon * e - e + 1) / (2 * e * (e - 1 - epsilon)) == pytest.approx(share, abs=1e-3)
        assert SquareWave(0, 1, epsilon, 1000).half_width / 1000 == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize(("inputs", "epsilon"), [(5, 1.0), (16, 2.0), (64, 0.5)])
def test_reports_follow_the_law(inputs: int, epsilon: float, p_value: Callable[..., float]) -> None:
    mechanism = SquareWave(-1, 1, epsilon, inputs)
    assert p_value(mechanism, -0.3) > ALPHA
    assert p_value(mechanism, 1.0) > ALPHA


def test_a_mutant_without_the_far_window_is_rejected(p_value: Callable[..., float]) -> None:
    mechanism = SquareWave(0, 1, 1.0, 16)
    law = mechanism.law(0.5)
    shifted = {(output,): law[(output + 1) % mechanism.outputs,] for output in range(mechanism.outputs)}
    uniform_elsewhere = {
        key: mechanism.p if value == mechanism.p else mechanism.q * Fraction(9, 10) for key, value in law.items()
    }
    assert p_value(mechanism, 0.5, law=shifted) < ALPHA
    assert p_value(mechanism, 0.5, law=uniform_elsewhere) < ALPHA


class Fake:
    """A stream of chosen words; fresh ones are all one word."""

    def __init__(self, coin: int, word: int) -> None:
        self.pair = np.array([coin, word], dtype=np.uint64)

    def words(self, agents: Indices, count: int) -> Words:
        assert count == 2
        return np.repeat(self.pair[None], len(agents), axis=0)

    def words_at(self, agents: Indices, positions: Indices, *, lane: int) -> Words:
        assert lane >= 1
        assert (positions == 1).all()
        return np.full(len(agents), 0x9E3779B97F4A7C15, dtype=np.uint64)


@pytest.mark.parametrize("word", [0, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 63, WORD - 1])
@pytest.mark.parametrize("inputs", [2, 7, 1 << 16])
def test_extreme_words_give_reports_of_the_right_kind(inputs: int, word: int) -> None:
    mechanism = SquareWave(0, 1, 1.0, inputs)
    near = mechanism._near
    cells = np.arange(inputs)
    for coin in (0, near - 1, near, WORD - 1):
        (outputs,) = mechanism.draw((cells + 0.5) / inputs, Fake(coin, word), cells)  # type: ignore[arg-type]
        answers = outputs.astype(np.int64)
        assert (answers >= 0).all()
        assert (answers < mechanism.outputs).all()
        inside = (answers >= cells) & (answers < cells + mechanism.window)
        assert inside.all() if coin < near else not inside.any()


def test_bits_depend_on_the_agent_alone() -> None:
    mechanism = SquareWave(0, 1, 1.0)
    values, agents = np.linspace(0, 1, 40_000), Entropy.seeded(1).generator("test").permutation(40_000)
    entropy = Entropy.seeded(3)
    whole = mechanism.randomize(values, entropy=entropy)["output"]
    assert np.array_equal(mechanism.randomize(values[agents], entropy=entropy, agents=agents)["output"], whole[agents])


@pytest.mark.parametrize(("inputs", "bins", "epsilon"), [(24, 24, 1.0), (24, 8, 1.0), (24, 2, 0.5), (30, 10, 4.0)])
def test_the_response_is_the_law_added_up(inputs: int, bins: int, epsilon: float) -> None:
    mechanism = SquareWave(0, 1, epsilon, inputs)
    size = inputs // bins
    response = mechanism.response(bins)
    exact = np.zeros((response.outputs, bins))
    for cell, x in enumerate(middles(mechanism)):
        for (output,), chance in mechanism.law(x).items():
            exact[output // size, cell // size] += float(chance / size)
    assert np.allclose(response.dense(), exact, rtol=1e-12, atol=0)
    shares, weights = Entropy.seeded(2).generator("test").random((2, max(bins, response.outputs)))
    assert np.allclose(response.forward(shares[:bins]), exact @ shares[:bins], rtol=1e-12)
    weights = weights[: response.outputs]
    assert np.allclose(response.backward(weights), weights @ exact, rtol=1e-12)


def test_the_reconstruction_is_near_the_truth() -> None:
    """256 bins, n = 10^5, epsilon 1: the distance W1 of the paper's kind of data is 0.003 to 0.005."""
    mechanism = SquareWave(0, 1, 1.0)
    x = Entropy.seeded(5).generator("test").beta(5, 2, 100_000)
    reports = mechanism.randomize(x, entropy=Entropy.seeded(5))
    found = mechanism.estimate(mechanism.aggregate(reports))
    truth = np.cumsum(np.histogram(x, 256, (0, 1))[0]) / len(x)
    assert np.abs(found.cdf(found.edges[1:]) - truth).mean() < 0.008
    assert found.converged
    assert 20 < found.iterations < 2000
    assert found.mean() == pytest.approx(x.mean(), abs=0.02)
    assert found.quantile(0.5) == pytest.approx(np.median(x), abs=0.02)
    assert found.biased
    with pytest.raises(ConfigurationError, match="biased"):
        found.interval()


def test_cdf_and_quantile_are_inverse() -> None:
    mechanism = SquareWave(-2, 6, 2.0, 64)
    counts = np.zeros(64, dtype=int)
    counts[10:20] = 500
    found = mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(1)), bins=32)
    shares = np.linspace(0.01, 0.99, 21)
    assert np.allclose(found.cdf(found.quantile(shares)), shares, atol=1e-9)
    assert found.cdf(-3) == 0
    assert found.cdf(7) == 1
    assert np.isfinite(found.quantile([0, 1])).all()
    with pytest.raises(ConfigurationError):
        found.quantile(1.5)


def test_the_mean_is_unbiased_with_the_exact_variance() -> None:
    mechanism = SquareWave(-1, 3, 1.0, 32)
    counts = Entropy.seeded(3).generator("test").integers(0, 60, 32)
    n = int(counts.sum())
    cells = np.repeat((np.arange(32) + 0.5) / 32 * 4 - 1, counts)
    runs = 3000
    found = [mechanism.mean(mechanism.simulate(counts, entropy=Entropy.seeded(run))) for run in range(runs)]
    values = np.array([one.value for one in found])
    exact = mechanism.variance(cells, reports=n)
    assert abs(values.mean() - cells.mean()) < 6 * np.sqrt(exact / runs)
    assert values.var() / exact == pytest.approx(1, abs=6 * np.sqrt(2 / runs))
    assert np.mean([one.variance for one in found]) == pytest.approx(exact, rel=0.02)
    assert all(one.variance <= one.worst_variance * 1.3 for one in found)
    law = mechanism.law(cells[0])  # the exact moments of one report
    slope, middle = float(mechanism._slope), (mechanism.outputs - 1) / 2
    first = sum(float(chance) * (y - middle) for (y,), chance in law.items())
    second = sum(float(chance) * (y - middle) ** 2 for (y,), chance in law.items())
    assert 1 + first / slope * 4 / 32 == pytest.approx(cells[0], abs=1e-12)
    assert mechanism.variance(cells[0]) == pytest.approx((second - first**2) * (4 / 32 / slope) ** 2)


def test_one_report_moves_the_mean_by_no_more_than_the_influence() -> None:
    mechanism = SquareWave(-1, 1, 1.0, 64)
    honest = mechanism.aggregate(mechanism.randomize(np.full(50, 0.2), entropy=Entropy.seeded(4)))
    before = mechanism.mean(honest).totals
    moved = []
    for output in (0, 10, mechanism.outputs - 1):
        totals = honest.totals.copy()
        totals[output] += 1
        moved.append(abs(mechanism.mean(Aggregate(honest.digest, 51, 0, totals)).totals - before))
    assert max(moved) == pytest.approx(mechanism.max_influence().item)


def test_simulation_has_the_law_of_the_reports() -> None:
    mechanism = SquareWave(0, 1, 1.0, 8)
    simulated = mechanism.simulate(np.array([0, 0, 200_000, 0, 0, 0, 0, 0]), entropy=Entropy.seeded(9)).totals
    expected = np.array([float(chance) for chance in mechanism.law(0.3).values()]) * 200_000
    assert ((simulated - expected) ** 2 / expected).sum() < 60  # 13 cells; the chi-square law at 1e-6 and below


def test_numbers_outside_the_range_are_clipped() -> None:
    wave, entropy = SquareWave(0, 1, 1.0), Entropy.seeded(1)
    outside, ends = wave.randomize([-0.1, 7.0, 1e300], entropy=entropy), wave.randomize([0, 1, 1], entropy=entropy)
    assert outside.to_bytes() == ends.to_bytes()


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [0.5, -np.inf]])
def test_what_is_no_finite_number_is_refused_without_being_told(values: list[float]) -> None:
    with pytest.raises(DataError) as caught:
        SquareWave(0, 1, 1.0).randomize(values)
    assert str(values[-1]) not in str(caught.value)
    assert caught.value.row == len(values)


@pytest.mark.parametrize("arguments", [(1, 0, 1.0), (0, np.inf, 1.0), (np.nan, 1, 1.0), (0, 10**400, 1.0)])
def test_bad_ranges_are_refused(arguments: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigurationError):
        SquareWave(*arguments)


def test_hostile_aggregates_end() -> None:
    mechanism = SquareWave(0, 1, 40.0, 256)
    digest = mechanism.spec.digest
    with pytest.raises(ConfigurationError, match="no report"):
        mechanism.estimate(Aggregate(digest, 0, 3, np.zeros(mechanism.outputs, dtype=np.int64)))
    for place in (0, 5, mechanism.outputs - 1):
        for many in (1, 1 << 60):
            totals = np.zeros(mechanism.outputs, dtype=np.int64)
            totals[place] = many
            found = mechanism.estimate(Aggregate(digest, many, 0, totals))
            assert np.isfinite(found.value).all()
            assert found.value.sum() == pytest.approx(1)
            assert np.isfinite(found.quantile([0.0, 0.5, 1.0])).all()


def test_reports_outside_the_range_are_counted_out() -> None:
    mechanism = SquareWave(0, 1, 1.0, 5)
    reports = mechanism.randomize([0.1, 0.2, 0.3])
    reports["output"][1] = mechanism.outputs
    assert mechanism.aggregate(reports).refused == 1
    assert len(mechanism.read(reports.to_bytes())) == 3


def test_bins_divide_the_cells() -> None:
    mechanism = SquareWave(0, 1, 1.0, 1000)
    aggregate = mechanism.aggregate(mechanism.randomize(np.full(100, 0.5)))
    with pytest.raises(ConfigurationError, match="divides"):
        mechanism.estimate(aggregate)
    assert len(mechanism.estimate(aggregate, bins=100).value) == 100


def test_equal_specs_are_equal_laws() -> None:
    one, two = SquareWave(0, 1, 1.0), SquareWave(0, 1, Fraction(1))
    assert one.spec.digest == two.spec.digest != SquareWave(0, 2, 1.0).spec.digest
