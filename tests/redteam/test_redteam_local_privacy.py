"""Exact privacy of local mechanisms: laws, thresholds, word addresses."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pytest
from scipy.special import chdtrc

from tip.errors import ConfigurationError
from tip.mechanisms import (
    BitFlip,
    LocalLaplace,
    LongitudinalHashing,
    LongitudinalUnary,
    PlanarLaplace,
    PrefixExtendingMethod,
)
from tip.mechanisms.thresholds import exp_down, heads
from tip.privacy.rounding import up
from tip.randomness import Entropy, Stream

if TYPE_CHECKING:
    from tip.mechanisms.reports import Reports

    Law = dict[tuple[int, ...], Fraction]

Thing: TypeAlias = Any  # an entry of the catalog, a mechanism, a value: what an attack is aimed at

ALPHA: Final = 1e-9  # of a test; there are some hundred of them
SEED: Final = Entropy.seeded(7)
EPSILONS: Final = (1e-6, 0.3, Fraction(16, 5), 16.0)


def logarithm(ratio: Fraction) -> Decimal:
    """The natural logarithm to 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return (Decimal(ratio.numerator) / Decimal(ratio.denominator)).ln()


def largest(laws: list[Law]) -> Fraction:
    """The largest ratio over all pairs of laws and reports; what one law never sends no other may."""
    assert all(law.keys() == laws[0].keys() for law in laws)
    assert all(sum(law.values()) == 1 for law in laws)
    worst = Fraction(1)
    for report in laws[0]:
        shares = [law[report] for law in laws]
        assert min(shares) > 0, report
        worst = max(worst, max(shares) / min(shares))
    return worst


def priced(mechanism: Thing, epsilon: float | Fraction) -> Thing:
    """The same mechanism at another epsilon, or itself where none can be asked for."""
    settable = {f.name for f in fields(mechanism) if f.init}
    if "epsilon" not in settable:
        return mechanism
    if "limit" in settable:
        return replace(mechanism, epsilon=epsilon, limit=2 * epsilon)
    return replace(mechanism, epsilon=epsilon)


@pytest.mark.parametrize("epsilon", EPSILONS, ids=str)
def test_no_pair_of_inputs_is_told_apart_by_more_than_promised(lawful: Thing, epsilon: float | Fraction) -> None:
    """Every pair of inputs and every report: the exact ratio is the one told, and ln of it is below the promise."""
    try:
        mechanism = priced(lawful.mechanism, epsilon)
    except ConfigurationError:
        pytest.skip("too little epsilon for each of several answers")
    laws = [mechanism.law(value) for value in lawful.inputs]
    worst = largest(laws)
    assert worst <= mechanism.ratio
    assert mechanism.ratio <= exp_down(Fraction(mechanism.epsilon))
    assert Decimal(mechanism.guarantee.epsilon) >= logarithm(mechanism.ratio)
    assert mechanism.guarantee.epsilon <= up(Fraction(mechanism.epsilon))
    common = sum(min(law[report] for law in laws) for report in laws[0])
    assert 1 / mechanism.ratio <= mechanism.blanket <= common


def codes(reports: Reports) -> np.ndarray:
    """Each report as a row of whole numbers."""
    return np.concatenate([column.reshape(len(reports), -1).astype(np.int64) for column in reports.columns], axis=1)


def p_value(rows: np.ndarray, law: Law) -> float:
    """Pearson's test of rows against a law, rare reports put together; 0 if an impossible one was seen."""
    seen = {tuple(row): int(count) for row, count in zip(*_counted(rows), strict=True)}
    if any(not law.get(report) for report in seen):
        return 0.0
    cells: list[tuple[float, int]] = []
    rest = [0.0, 0]
    for report, share in law.items():
        expected = float(share) * len(rows)
        if expected < 12:
            rest = [rest[0] + expected, rest[1] + seen.get(report, 0)]
        else:
            cells.append((expected, seen.get(report, 0)))
    cells += [(rest[0], int(rest[1]))] if rest[0] >= 12 else []
    statistic = sum((count - expected) ** 2 / expected for expected, count in cells)
    return float(chdtrc(len(cells) - 1, statistic)) if len(cells) > 1 else 1.0


def _counted(rows: np.ndarray) -> tuple[list[list[int]], list[int]]:
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    return unique.tolist(), counts.tolist()


def test_what_is_sent_follows_the_law(lawful: Thing) -> None:
    """The sampler against the law, jointly over all columns: a coin that another choice shares is found out."""
    mechanism = lawful.mechanism
    for value in (lawful.inputs[0], lawful.inputs[-1]):
        values = np.repeat(np.asarray(value)[None], 15_000, axis=0)
        rows = codes(mechanism.randomize(values, entropy=SEED))
        assert p_value(rows, mechanism.law(value)) > ALPHA
    others = [other for other in lawful.inputs if mechanism.law(other) != mechanism.law(value)]
    assert p_value(rows, mechanism.law(others[0])) < ALPHA  # the same test tells the laws of two inputs apart


# -- thresholds -----------------------------------------------------------------------------------


class Dictated(Stream):
    """A stream whose first word is dictated; all others are fixed ones that are never rejected."""

    def __init__(self, word: int) -> None:
        super().__init__(bytes(32), simulated=True)
        self.word = word

    def words(self, agents: Thing, count: int, *, lane: int = 0, start: int = 0, dtype: Thing = np.uint64) -> Thing:
        """As the stream's, with the dictated word at the beginning."""
        words = super().words(agents, count, lane=lane, start=start, dtype=dtype).copy()
        if lane == 0 and start == 0 and dtype is np.uint64 and count:
            words[:, 0] = self.word
        return words


def reply(mechanism: Thing, value: Thing, word: int) -> tuple[int, ...]:
    """What an agent sends whose first word is this one."""
    checked = mechanism.checked(np.asarray(value)[None])
    drawn = mechanism.draw(checked, Dictated(word), np.array([3]))
    return tuple(int(x) for column in drawn for x in np.asarray(column).reshape(-1).astype(object))


def test_the_first_word_decides_exactly_at_its_threshold(lawful: Thing) -> None:
    """Bisection of the first word finds the place where the answer flips: it is an integer of the spec."""
    mechanism = lawful.mechanism
    name = mechanism.spec.name
    if name in {"local-hashing", "cohort-local-hashing", "hierarchical", "longitudinal-unary", "sampled-means"}:
        pytest.skip("the word's lowest bits answer as well, or another lane decides first")
    if name in {"random-sampling-fake-data", "two-way-marginals", "count-mean-sketch", "rappor"}:
        pytest.skip("the first word draws a part, or is shared by several coins")
    specs = [part.spec for part in (mechanism, *getattr(mechanism, "parts", ()))]
    integers = {value for spec in specs for _, value in spec.parameters if isinstance(value, int)}
    found = 0
    for value in lawful.inputs[::2]:  # every second one lies on the grid of numbers
        low, high = 0, (1 << 64) - 1
        first, last = reply(mechanism, value, low), reply(mechanism, value, high)
        if first == last:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if reply(mechanism, value, middle) == first else (low, middle)
        found += 1
        law = mechanism.law(value)
        assert reply(mechanism, value, low - 1) == first  # T - 2, T - 1, T, T + 1
        assert reply(mechanism, value, high + 1) == last
        assert high in integers or Fraction(high, 1 << 64) in law.values()
    assert found


@pytest.mark.parametrize("threshold", [0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64])
def test_a_coin_counts_its_words_exactly(threshold: int) -> None:
    """`heads` at 0, T - 1, T, T + 1 and the last word."""
    words = sorted({w for w in (0, threshold - 1, threshold, threshold + 1, (1 << 64) - 1) if 0 <= w < 1 << 64})
    coins = heads(np.array(words, dtype=np.uint64), threshold)
    assert coins.tolist() == [word < threshold for word in words]


# -- mechanisms that list no law ------------------------------------------------------------------


def test_metric_privacy_for_every_pair_of_cells() -> None:
    """Planar Laplace: L1 steps over the scale never exceed epsilon times the distance, to 60 digits."""
    for distance in ("euclidean", "manhattan"):
        for cell, epsilon in ((100.0, 0.01), (33.3, 0.1), (Fraction(7, 3), 2.0)):
            mechanism = PlanarLaplace(6, 5, cell, epsilon, distance)
            told = Decimal(mechanism.guarantee.epsilon or 0)
            assert told <= Decimal(epsilon)
            with localcontext() as context:
                context.prec = 60
                side = Decimal(Fraction(cell).numerator) / Decimal(Fraction(cell).denominator)
                scale = Decimal(mechanism.scale.numerator) / Decimal(mechanism.scale.denominator)
                for dx, dy in product(range(6), range(5)):
                    far = Decimal(dx * dx + dy * dy).sqrt() if distance == "euclidean" else Decimal(dx + dy)
                    assert Decimal(dx + dy) / scale <= told * far * side * (1 + Decimal(10) ** -50)


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 1.0, Fraction(7, 3), 12.0])
def test_laplace_noise_is_never_too_narrow(epsilon: float | Fraction) -> None:
    """M / scale <= epsilon in rational arithmetic, whatever the enclosures of the exponential say."""
    mechanism = LocalLaplace(-1, 3, epsilon, bits=6)
    assert Fraction(64) / mechanism.scale <= Fraction(epsilon)
    assert Decimal(mechanism.guarantee.epsilon or 0) >= Decimal(64) / (
        Decimal(mechanism.scale.numerator) / Decimal(mechanism.scale.denominator)
    )


def test_given_any_group_and_seed_prefixes_are_private() -> None:
    """PEM: conditional on group and seed, at some hundred seeds."""
    mechanism = PrefixExtendingMethod(12, 1.0, top=2, step=2)
    seeds = SEED.stream("seeds").words(np.arange(60), 2, dtype=np.uint32)
    for group, seed in product(range(mechanism.groups), seeds):
        laws = [mechanism.law_under(group, seed, value) for value in (0, 1, 77, 4095)]
        assert largest(laws) <= mechanism.ratio <= exp_down(Fraction(1))


@pytest.mark.parametrize("name", ["L2BallDuchi", "PrivUnitSubset", "ProjUnit", "SQKR"])
def test_given_any_seed_directions_are_private(name: str, catalog: list[Thing]) -> None:
    """Vectors: conditional on the public choices; the law is that of the integers."""
    (entry,) = [one for one in catalog if type(one.mechanism).__name__ == name]
    mechanism = entry.mechanism
    for seed in (0, 1, 2**63, 2**64 - 1, *range(100, 110)):
        places = [(1, 0, seed)] if name == "ProjUnit" else [(seed,)]
        for place in places:
            laws = [mechanism.law_given(value, *place) for value in entry.inputs]
            assert largest(laws) <= mechanism.ratio <= exp_down(Fraction(mechanism.epsilon))


# -- over time ------------------------------------------------------------------------------------

TIMED: Final = (
    LongitudinalUnary(3, 1.0, 2.0),
    LongitudinalUnary(2, 0.2, 4.0),
    LongitudinalHashing(5, 1.0, 2.0, 4),
    LongitudinalHashing(5, 0.5, 0.6),
    BitFlip(3, 1.0, 3),
    BitFlip(5, 1.0, 2),
)


def bounded(ratio: Fraction, epsilon: float | None) -> bool:
    """Whether a ratio is within what was told, if anything was."""
    return epsilon is None or logarithm(ratio) <= Decimal(epsilon)


@pytest.mark.parametrize("mechanism", TIMED, ids=repr)
@pytest.mark.parametrize("reports", [1, 2, 3])
def test_joint_laws_of_reports_over_time(mechanism: Thing, reports: int) -> None:
    """All sequences of states: constant ones, one pattern of changes, and any two whatever."""
    states = range(min(mechanism.states, 3 if reports < 3 else 2))
    joint = {sequence: mechanism.joint_law(sequence) for sequence in product(states, repeat=reports)}
    constant = [law for sequence, law in joint.items() if len(set(sequence)) == 1]
    frozen = isinstance(mechanism, BitFlip)
    constant_ratio = max(a[r] / b[r] for a, b in product(constant, constant) for r in a)
    assert constant_ratio <= mechanism.ratio_after(reports) <= mechanism.limit_ratio
    assert bounded(constant_ratio, mechanism.guarantee_after(1).epsilon)
    for (one, a), (two, b) in product(joint.items(), joint.items()):
        pattern = all((x == y) == (u == v) for (x, u), (y, v) in product(zip(one, two, strict=True), repeat=2))
        common = a.keys() & b.keys()
        worst = max(a[r] / b[r] for r in common)
        if pattern:
            assert a.keys() == b.keys()
            assert bounded(worst, mechanism.guarantee_after(len(set(one))).epsilon)
        if not frozen:
            assert a.keys() == b.keys()
        if not frozen or reports == 1:
            assert bounded(worst, mechanism.guarantee_of(reports).epsilon)


@pytest.mark.parametrize("states", [(1, 1), (0, 1), (0, 1, 0), (2, 2, 1)])
def test_reports_over_time_follow_the_joint_law(states: tuple[int, ...]) -> None:
    """One seeded source for all rounds: a permanent answer that two states share, or that is drawn anew, is found."""
    mechanism, entropy = TIMED[0], Entropy.seeded(5)
    rounds = [
        codes(mechanism.randomize(np.full(40_000, state), entropy=entropy, round=t)) for t, state in enumerate(states)
    ]
    rows = np.concatenate(rounds, axis=1)
    assert p_value(rows, mechanism.joint_law(states)) > ALPHA
    forgetful: Law = {(): Fraction(1)}
    for state in states:
        forgetful = {(*k, *r): x * y for k, x in forgetful.items() for r, y in mechanism.law(state).items()}
    if any(a == b for a, b in pairwise(sorted(states))):
        assert p_value(rows, forgetful) < ALPHA  # the mutant that remembers nothing
