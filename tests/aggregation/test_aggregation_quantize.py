"""The grid: its bound in whole numbers, its rounding, its limits, and mutants that the checks reject."""

from __future__ import annotations

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtri

from tip.aggregation import quantize
from tip.aggregation.quantize import REDRAWS, Encoded, Grid
from tip.aggregation.sums import ring_sum, to_ring
from tip.errors import ConfigurationError
from tip.randomness import Entropy, Stream

ALPHA = 1e-6
STREAM = Entropy.seeded(11).stream("test of rounding")
Reals = NDArray[np.float64]
Integers = NDArray[np.int64]


def encode(grid: Grid, updates: Reals, stream: Stream = STREAM) -> Encoded:
    return grid.encode(updates, stream, np.arange(len(updates)))


def holds(vectors: Integers, bound: int) -> bool:
    """The guarantee, in Python's own integers."""
    return all(sum(v * v for v in row) <= bound for row in vectors.tolist())


def grid_of(radius: float, dimension: int, bits: int = 32) -> Grid:
    return Grid(step=1.0, clipping_norm=radius, dimension=dimension, modulus_bits=bits)


def reals(n: int, d: int, *, lane: int = 0) -> Reals:
    """Uniform numbers in [-1, 1)."""
    words = STREAM.words(np.arange(n), d, lane=1000 + lane)
    return np.asarray(words.astype(np.float64) * 2.0**-63 - 1)


# --- the bound -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 10**5), st.integers(1, 10**6))
def test_the_bound_is_the_floor_of_its_formula(radius: int, dimension: int) -> None:
    """Decided in integers: k <= a + b sqrt(d) for the two branches, without any root."""
    bound, c, d = grid_of(float(radius), dimension, 64).squared_bound, radius, dimension

    def at_most(k: int) -> bool:
        first = (k - c * c - d) <= 0 or (k - c * c - d) ** 2 <= 4 * c * c * d
        rest = 4 * k - 4 * c * c - d - 4 * c  # <= 2 sqrt(d)
        return first and (rest <= 0 or rest * rest <= 4 * d)

    assert at_most(bound)
    assert not at_most(bound + 1)


extreme = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.0, 5e-324, 1e-310, 1e200, -1e308, 1.7976931348623157e308, math.inf, math.nan]),
    st.floats(-3, 3),
)


@settings(deadline=None)
@given(st.lists(st.lists(extreme, min_size=5, max_size=5), min_size=1, max_size=6), st.sampled_from([1.0, 3.5, 100.0]))
def test_every_row_meets_the_bound_and_rows_that_are_not_finite_send_zeros(
    rows: list[list[float]], radius: float
) -> None:
    grid, updates = grid_of(radius, 5), np.array(rows)
    before = updates.copy()
    encoded = encode(grid, updates)
    assert holds(encoded.vectors, grid.squared_bound)
    assert encoded.nonfinite.tolist() == [not all(map(math.isfinite, row)) for row in rows]
    assert not encoded.vectors[encoded.nonfinite].any()
    assert not encoded.clipped[encoded.nonfinite].any()
    assert updates.tobytes() == before.tobytes()


@settings(deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), st.sampled_from([1e-290, 1e-155, 1.0, 1e150, 1e290]))
def test_clipping_is_the_same_at_any_scale(row: list[float], scale: float) -> None:
    """Squares that overflow or vanish change nothing: the row, the norm and the step scale together."""
    unit = encode(Grid(1.0, 1e3, 4, 32), np.array([row]))
    power = 2.0 ** round(math.log2(scale))  # so that the product is exact
    scaled = np.array([row]) * power
    if not np.array_equal(scaled / power, np.array([row])):
        return  # the product left the range of float64
    other = encode(Grid(power, 1e3 * power, 4, 32), scaled)
    assert np.abs(unit.vectors - other.vectors).max() <= 1
    assert unit.clipped.tolist() == other.clipped.tolist() or math.isclose(np.linalg.norm(row), 1e3, rel_tol=1e-9)


def test_huge_updates_are_clipped_to_the_radius_in_their_direction() -> None:
    grid = Grid(1e-4, 0.6, 1000, 32)
    huge = np.full((3, 1000), 1e200)
    huge[1], huge[2] = -1.7e308, 5e-324
    encoded = encode(grid, huge)
    assert encoded.clipped.tolist() == [True, True, False]
    assert not encode(grid, np.zeros((1, 1000))).clipped.any()
    assert np.abs(encoded.vectors[0] - 6000 / math.sqrt(1000)).max() < 1
    assert np.abs(encoded.vectors[1] + 6000 / math.sqrt(1000)).max() < 1
    assert encoded.vectors[2].max() <= 1


# --- mutants: what the integer test is for -----------------------------------------------------------


def on_the_sphere(grid: Grid, n: int) -> Reals:
    directions = reals(n, grid.dimension)
    return np.asarray(directions * (float(grid.radius) / np.linalg.norm(directions, axis=1))[:, None])


def test_mutants_without_the_integer_test_break_the_bound() -> None:
    grid = grid_of(50.0, 400)
    updates = on_the_sphere(grid, 500)
    assert holds(encode(grid, updates).vectors, grid.squared_bound)
    coins = STREAM.words(np.arange(500), 400, dtype=np.uint32).astype(np.float64) * 2.0**-32
    no_test = np.floor(updates + coins).astype(np.int64)
    assert not holds(no_test, grid.squared_bound)


def test_a_mutant_that_rounds_to_nearest_breaks_the_bound() -> None:
    grid = grid_of(10.2, 400)
    updates = np.full((1, 400), 0.51)  # norm 10.2; to nearest it doubles
    assert not encode(grid, updates).clipped.any()
    assert holds(encode(grid, updates).vectors, grid.squared_bound)
    assert not holds(np.rint(updates).astype(np.int64), grid.squared_bound)


def test_a_mutant_that_clips_real_numbers_and_forgets_growth_breaks_its_own_bound() -> None:
    """Sensitivity c^2 of the real vector is not that of the integers: the bound must be the larger one."""
    grid = grid_of(20.0, 400)
    assert grid.squared_bound > 20**2
    assert not holds(encode(grid, on_the_sphere(grid, 100)).vectors, 20**2)


class Rigged:
    """A stream whose coins always round up; it counts the lanes that were asked for."""

    def __init__(self) -> None:
        self.lanes: list[int] = []

    def words(self, agents: Integers, count: int, *, lane: int, start: int, dtype: type) -> NDArray[np.uint32]:
        assert start % 4 == 0
        self.lanes.append(lane)
        return np.full((len(agents), count), 2**32 - 1, dtype=dtype)


def test_after_64_redraws_the_rounding_is_toward_zero() -> None:
    grid, rigged = grid_of(10.2, 400), Rigged()
    updates = np.full((2, 400), 0.51)
    updates[1] = 0.0
    encoded = grid.encode(updates, rigged, np.arange(2))  # type: ignore[arg-type] # a stream that never helps
    assert not encoded.vectors.any()
    assert not encoded.clipped.any()
    assert rigged.lanes == list(range(REDRAWS + 1))


def test_a_mutant_bound_is_rejected_by_the_last_test_too() -> None:
    """Even were a row to miss the bound after truncation, zeros are sent."""
    grid = grid_of(10.0, 4)
    tight = grid._toward_zero(np.full((2, 4), [[9.0], [1.0]]), np.ones(2))
    assert tight.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1]]


# --- rounding ----------------------------------------------------------------------------------------


def unbiased(vectors: Integers, row: Reals) -> bool:
    """Whether each coordinate's mean is the row's, by a normal test at alpha / d."""
    spread = np.sqrt(np.maximum((row - np.floor(row)) * (np.ceil(row) - row), 1e-30) / len(vectors))
    return bool((np.abs(vectors.mean(axis=0) - row) <= -ndtri(ALPHA / (2 * len(row))) * spread + 1e-9).all())


def test_rounding_is_unbiased_before_conditioning() -> None:
    row = np.array([0.0, 0.1, -0.1, 0.5, -2.75, 3.999, 7.0, -0.001])
    updates = np.tile(row, (50_000, 1))
    vectors = encode(grid_of(1000.0, 8), updates).vectors
    assert unbiased(vectors, row)
    assert np.isin(vectors - np.floor(row), [0, 1]).all()
    assert not unbiased(np.rint(updates).astype(np.int64), row)
    assert not unbiased(np.floor(updates).astype(np.int64), row)
    assert not unbiased(vectors, row + 0.02)


def exact(row: Reals, bound: int) -> tuple[float, Reals]:
    """Acceptance probability and conditional mean, by enumeration of all 2^d roundings."""
    low = np.floor(row)
    up = row - low
    accepted, mean = 0.0, np.zeros(len(row))
    for choice in itertools.product((0.0, 1.0), repeat=len(row)):
        bits = np.array(choice)
        if ((low + bits) ** 2).sum() <= bound:
            probability = float(np.prod(np.where(bits > 0, up, 1 - up)))
            accepted, mean = accepted + probability, mean + probability * (low + bits)
    return accepted, mean / accepted


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=7), st.floats(1, 30))
def test_conditioning_keeps_the_proven_acceptance_and_bias(row: list[float], radius: float) -> None:
    """docs/aggregation.md: acceptance >= 1 - e^(-1/2), bias <= sqrt((1 - a) / a) / 2 in L2, never sqrt(d)."""
    x = np.array(row)
    norm = float(np.linalg.norm(x))
    x = x if norm == 0 else x * (radius / norm * (1 - 1e-12))
    accepted, mean = exact(x, grid_of(radius, len(row)).squared_bound)
    assert accepted >= 1 - math.exp(-0.5) - 1e-9
    assert np.linalg.norm(mean - x) <= 0.5 * math.sqrt(max(1 - accepted, 0) / accepted) + 1e-9


def test_the_draws_follow_the_conditional_law() -> None:
    """Mean given acceptance, by enumeration; a mutant that accepts all is told apart."""
    x = np.array([2.5, -2.5, 2.5, 2.5])
    grid = grid_of(float(np.linalg.norm(x)), 4)
    accepted, mean = exact(x, grid.squared_bound)
    assert accepted < 0.99
    n = 100_000
    vectors = encode(grid, np.tile(x, (n, 1))).vectors
    margin = -ndtri(ALPHA / 8) * 0.5 / math.sqrt(n)
    assert (np.abs(vectors.mean(axis=0) - mean) <= margin).all()
    assert (np.abs(x - mean) > margin).any()  # what accepting every draw would have given


@pytest.mark.parametrize(("n", "d"), [(201, 3), (201, 40), (23, 20_001)])
def test_blocks_and_order_never_change_a_bit(n: int, d: int) -> None:
    grid = Grid(1e-3, 0.5, d, 32)
    updates, agents = reals(n, d) * (2 / math.sqrt(d)), np.arange(n) * 7 + 3
    updates[5, 0], updates[6, 1] = math.nan, 1e250
    whole = grid.encode(updates, STREAM, agents)
    for block in (1, 7, 200):
        parts = [grid.encode(updates[i : i + block], STREAM, agents[i : i + block]) for i in range(0, n, block)]
        assert np.array_equal(np.concatenate([p.vectors for p in parts]), whole.vectors)
        assert np.array_equal(np.concatenate([p.clipped for p in parts]), whole.clipped)
    backwards = grid.encode(updates[::-1], STREAM, agents[::-1])
    assert np.array_equal(backwards.vectors[::-1], whole.vectors)


# --- limits ------------------------------------------------------------------------------------------


def test_the_integer_test_cannot_overflow_at_the_limit() -> None:
    """The finest grid that the constructor lets through, and the rows that fill it most."""
    d = 1 << 10
    radius = math.floor(math.sqrt(2**63 / d)) - 4.0
    grid = grid_of(radius, d, 64)
    with pytest.raises(ConfigurationError, match="too fine"):
        grid_of(radius + 8, d, 64)
    rows = np.zeros((3, d))
    rows[0], rows[1, 0], rows[2] = 1e300, -1e300, radius / math.sqrt(d)
    assert holds(encode(grid, rows).vectors, grid.squared_bound)
    out = np.empty((1, d), dtype=np.int64)
    worst = grid._round(np.full((1, d), 1e18), np.ones(1), quantize._Coins(STREAM, np.arange(1), 0), out)
    assert worst.tolist() == [sum(v * v for v in out[0].tolist())]


@pytest.mark.parametrize(
    ("step", "norm", "dimension", "bits"),
    [
        (0.0, 1.0, 1, 32),
        (-1.0, 1.0, 1, 32),
        (math.nan, 1.0, 1, 32),
        (math.inf, 1.0, 1, 32),
        (5e-324, 1.0, 1, 32),
        (1.0, math.nan, 1, 32),
        (1.0, math.inf, 1, 32),
        (1.0, 0.5, 1, 32),
        (1.0, 1.0, 0, 32),
        (1.0, 1.0, 1, 20),
        (1e-5, 1.0, 4, 16),
        (1e-12, 1.0, 4, 64),
    ],
)
def test_grids_that_cannot_work_are_refused(step: float, norm: float, dimension: int, bits: int) -> None:
    with pytest.raises(ConfigurationError):
        Grid(step, norm, dimension, bits)


def test_the_advice_of_a_refusal_is_good() -> None:
    with pytest.raises(ConfigurationError, match="modulus_bits = 32") as refused:
        Grid(1e-5, 1.0, 4, 16)
    assert "coarser" in str(refused.value)
    with pytest.raises(ConfigurationError) as fine:
        Grid(1e-12, 1.0, 4, 64)
    step = float(re.search(r"at least ([0-9.e-]+[0-9])", str(fine.value)).group(1))  # type: ignore[union-attr] # it matched
    Grid(step, 1.0, 4, 64)


@pytest.mark.parametrize(
    ("updates", "agents"),
    [
        (np.zeros((2, 3)), np.arange(2)),
        (np.zeros((2, 4), dtype=np.float32), np.arange(2)),
        (np.zeros((2, 4), dtype=np.int64), np.arange(2)),
        (np.zeros(4), np.arange(1)),
        (np.zeros((2, 4)), np.arange(3)),
    ],
)
def test_other_shapes_and_types_are_refused(updates: Reals, agents: Integers) -> None:
    with pytest.raises(ConfigurationError):
        grid_of(5.0, 4).encode(updates, STREAM, agents)


def test_no_agents_give_no_vectors() -> None:
    assert encode(grid_of(5.0, 4), np.empty((0, 4))).vectors.shape == (0, 4)


# --- overflow ----------------------------------------------------------------------------------------


def tail(variance: float, least: int) -> float:
    """P[|N| >= least] of a discrete Gaussian, summed."""
    values = np.arange(-2000, 2001)
    mass = np.exp(-(values**2) / (2 * variance))
    return float(mass[np.abs(values) >= least].sum() / mass.sum())


@settings(deadline=None)
@given(st.floats(0.3, 3000), st.integers(1, 4))
def test_the_overflow_bound_covers_the_exact_tail(variance: float, dimension: int) -> None:
    grid = Grid(1.0, 100.0, dimension, 16)
    agents = (2**15 - 400) // grid.largest_entry
    room = 2**15 - agents * grid.largest_entry
    exact_tail = min(1.0, 10 * dimension * tail(variance, room))
    bound = grid.overflow(agents, Fraction(variance), 10)
    assert exact_tail <= 2**bound * (1 + 1e-9)


def test_the_overflow_bound_is_its_formula() -> None:
    """Mutants: room for twice the ring, an entry or an agent left out, another base of the logarithm."""
    grid = Grid(1.0, 100.0, 6, 16)
    room = 2**15 - 320 * grid.largest_entry
    assert 0 < room < 2000
    formula = math.log2(2 * 6 * 7 * math.exp(-(room**2) / (2 * 5000.0)))
    assert grid.overflow(320, Fraction(5000), 7) == pytest.approx(formula, rel=1e-9)
    full = (2**15 - 1) // grid.largest_entry
    assert grid.overflow(full, Fraction(0), 1) == -math.inf
    assert grid.overflow(full + 1, Fraction(0), 1) == 0.0


def test_a_mutant_with_half_the_variance_is_caught_by_the_exact_tail() -> None:
    grid = Grid(1.0, 100.0, 1, 16)
    agents = (2**15 - 400) // grid.largest_entry
    room = 2**15 - agents * grid.largest_entry
    assert tail(40_000.0, room) > 2 ** grid.overflow(agents, Fraction(20_000), 1)


def test_overflow_is_impossible_without_noise_and_certain_without_room() -> None:
    grid = Grid(1e-4, 0.6, 20, 32)
    assert grid.overflow(1000, Fraction(0), 100) == -math.inf
    assert grid.overflow(10**7, Fraction(0), 100) == 0.0
    assert grid.overflow(10**5, Fraction(10**20), 100) == 0.0
    assert grid.overflow(1000, Fraction(10**12), 10) < grid.overflow(1000, Fraction(10**12), 100) < 0


def test_a_refusal_names_the_modulus_and_the_step_that_would_do() -> None:
    grid, variance = Grid(1e-3, 1.0, 20, 16), Fraction(1000)
    with pytest.raises(ConfigurationError, match="modulus_bits = 32 or a step of") as refused:
        grid.check(100, variance, 50)
    step = float(re.search(r"a step of ([0-9.e-]+[0-9])", str(refused.value)).group(1))  # type: ignore[union-attr] # matched
    coarser = Grid(step, 1.0, 20, 16)
    coarser.check(100, variance * (Fraction(grid.step) / Fraction(step)) ** 2, 50)
    Grid(1e-3, 1.0, 20, 32).check(100, variance, 50)
    with pytest.raises(ConfigurationError, match="fewer agents or less noise"):
        grid.check(10**20, variance, 50)


def test_the_advised_step_is_about_the_finest_where_noise_is_what_fills_the_ring() -> None:
    """Mutant: noise in the coarser grid's steps scaled as a length, not as a variance."""
    grid, variance = Grid(1e-3, 1.0, 20, 16), Fraction(10**9)
    with pytest.raises(ConfigurationError, match="a step of") as refused:
        grid.check(5, variance, 50)
    step = float(re.search(r"a step of ([0-9.e-]+[0-9])", str(refused.value)).group(1))  # type: ignore[union-attr] # matched
    for width, fits in ((step, True), (0.75 * step, False)):
        scaled = variance * (Fraction(grid.step) / Fraction(width)) ** 2
        assert (Grid(width, 1.0, 20, 16).overflow(5, scaled, 50) <= -40) == fits


def test_the_ring_takes_the_honest_sum_back() -> None:
    grid = Grid(1e-4, 0.6, 30, 32)
    updates = reals(400, 30) / 10
    encoded = encode(grid, updates)
    total = ring_sum(encoded.vectors, 32)
    assert np.abs(grid.decode(total) - updates.sum(axis=0)).max() < 400 * 1e-4
    assert np.allclose(grid.decode(to_ring(encoded.vectors[0], 32)), encoded.vectors[0] * 1e-4)
