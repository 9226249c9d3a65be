"""The contract: bytes of reports and aggregates, hostile rows, thresholds, intervals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tip.errors import ConfigurationError, MalformedMessage
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.columns import Bits, Integers, Reals
from tip.mechanisms.estimates import Estimate, Normal
from tip.mechanisms.reports import HEADER, Reports
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.thresholds import WORD, below, exp_down, exp_up, heads, loss, words_down, words_up
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from tip.mechanisms.columns import Column

DIGEST = bytes(range(16))
GRR = GeneralizedRandomizedResponse(5, 1.0)  # three bits of which five values are in use


def reports_of(column: Column, values: Any, ids: bool = False) -> Reports:  # noqa: ANN401, FBT001, FBT002
    reports = Reports(DIGEST, (column,), (np.asarray(values, dtype=column.dtype),))
    return reports.with_ids(np.arange(len(reports), dtype=np.uint64)) if ids else reports


# -- bytes ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(-(1 << 40), 1 << 40), st.integers(1, 1 << 63), st.integers(0, 3), st.integers(0, 20), st.booleans())
def test_integers_come_back_from_bytes(low: int, span: int, width: int, rows: int, ids: bool) -> None:  # noqa: FBT001
    low = max(low, 0) if low + span > 1 << 62 else low
    column = Integers("n", low + span, low, width)
    size = rows * max(width, 1)
    values = np.array([low + (7919**5 * i) % span for i in range(size)], dtype=object).reshape(column.shape(rows))
    reports = reports_of(column, values.astype(column.dtype), ids)
    data = reports.to_bytes()
    assert len(data) == HEADER.size + -(-column.bits * size // 8) + 8 * rows * ids
    again = Reports.from_bytes(data, digest=DIGEST, layout=(column,))
    assert np.array_equal(again["n"], reports["n"])
    assert (again.ids is not None) == ids


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 70), st.integers(0, 9), st.integers(0, 2**32))
def test_bits_and_reals_come_back_from_bytes(width: int, rows: int, seed: int) -> None:
    bits = np.arange(rows * width).reshape(rows, width) * 7919 % 13 + seed & 1
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    reals = np.linspace(-1, 1, rows * width, dtype=np.float32).reshape(rows, width)
    layout = (Bits("b", width), Reals("r", width, 1.0))
    data = Reports(DIGEST, layout, (packed, reals)).to_bytes()
    again = Reports.from_bytes(data, digest=DIGEST, layout=layout)
    assert np.array_equal(again["b"], packed)
    assert np.array_equal(again["r"], reals)


def test_bits_go_least_significant_first() -> None:
    values = reports_of(Integers("n", 5), [1, 2, 4, 3]).to_bytes()[HEADER.size :]
    assert int.from_bytes(values, "little") == 1 | 2 << 3 | 4 << 6 | 3 << 9
    encoding = OptimizedUnaryEncoding(10, 40.0)  # epsilon 40: no other bit is ever seen
    rows = encoding.randomize(np.full(64, 9), entropy=Entropy.seeded(1))["bits"]
    assert set(map(tuple, rows.tolist())) == {(0, 0), (0, 2)}  # item 9 is bit 1 of byte 1


def flipped(data: bytes, place: int, byte: int) -> bytes:
    return data[:place] + bytes([byte]) + data[place + 1 :]


def test_malformed_messages_are_refused_one_by_one() -> None:
    good = GRR.randomize([0, 1, 2, 3], entropy=Entropy.seeded(1)).to_bytes()
    single = GRR.randomize([2], entropy=Entropy.seeded(2)).to_bytes()
    bad = [
        b"",
        b"tipR",
        good[:-1],
        good + b"\0",
        flipped(good, 0, 0),  # magic
        flipped(good, 4, 2),  # version
        flipped(good, 5, 2),  # an unknown flag
        flipped(good, 5, 1),  # ids that are not there
        flipped(good, 6, good[6] ^ 1),  # digest
        flipped(good, 22, 255),  # count
        good[:22] + b"\xff" * 8 + good[30:],  # a huge count
        good[:22] + (1 << 61).to_bytes(8, "little"),
        flipped(good, len(good) - 1, good[-1] | 0x80),  # padding
        flipped(single, len(single) - 1, single[-1] | 0x80),
        GRR.randomize([2], entropy=Entropy.seeded(2)).with_ids(np.array([5], dtype=np.uint64)).to_bytes(),
    ]
    messages = [single, *bad, good, single]
    collected = GRR.collect(messages)
    assert [number for number, _ in collected.refused] == list(range(1, len(bad) + 1))
    assert len(collected.reports) == 6
    for data in bad[:-1]:
        with pytest.raises(MalformedMessage):
            GRR.read(data)


def test_what_is_no_bytes_is_refused_as_a_message() -> None:
    single = GRR.randomize([1], entropy=Entropy.seeded(1)).to_bytes()
    strange: Any = [single, "a" * len(single), None, 5, [single], bytearray(single), memoryview(single)]
    collected = GRR.collect(strange)
    assert collected.refused == tuple((number, "a message is bytes") for number in range(1, 5))
    assert len(collected.reports) == 3
    assert len(GRR.collect(single).refused) == len(single)  # type: ignore[arg-type] # one message, taken for many


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=80),
    st.integers(0, 40),
    st.sampled_from([GRR, OptimizedUnaryEncoding(11, 1.0), SubsetSelection(9, 1.0)]),
)
def test_garbage_is_refused_or_read_and_never_crashes(tail: bytes, keep: int, mechanism: Any) -> None:  # noqa: ANN401
    head = HEADER.pack(b"tipR", 1, 0, mechanism.spec.digest, len(tail) * 8 // max(mechanism.report_bits, 1))
    collected = mechanism.collect([tail, head[:keep] + tail, head + tail])
    aggregate = mechanism.aggregate(collected.reports)
    assert aggregate.reports + aggregate.refused == len(collected.reports)
    assert (aggregate.totals >= 0).all()
    assert (aggregate.totals <= aggregate.reports).all()


def test_values_out_of_range_and_second_reports_are_refused_by_row() -> None:
    answers = np.array([7, 0, 1, 5, 2, 3, 0], dtype=np.uint8)
    ids = np.array([4, 4, 9, 8, 9, 8, 2**63], dtype=np.uint64)
    reports = Reports(GRR.spec.digest, GRR.layout, (answers,)).with_ids(ids)
    screened = GRR.validate(GRR.read(reports.to_bytes()))
    assert screened.refused.tolist() == [0, 3, 4]  # the refused first report of 4 and 8 does not use up the id
    assert screened.reasons == {"item out of range": 2, "an id that has reported before": 1}
    assert GRR.aggregate(reports).refused == 3
    with pytest.raises(ConfigurationError):
        BinaryRandomizedResponse(1.0).validate(reports)


# -- aggregates -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_aggregates_add_up_in_any_grouping(values: list[int], first: int, second: int) -> None:
    reports = GRR.randomize(values, entropy=Entropy.seeded(3))
    cut, later = sorted((min(first, len(values)), min(second, len(values))))
    a, b, c = (GRR.aggregate(reports.take(slice(*ends))) for ends in ((0, cut), (cut, later), (later, None)))
    assert (a + b) + c == a + (b + c) == c + (a + b) == GRR.aggregate(reports)
    assert Aggregate.from_bytes((a + b + c).to_bytes()) == a + b + c


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 200), st.binary(max_size=20))
def test_a_damaged_aggregate_is_refused_or_is_another_one(place: int, noise: bytes) -> None:
    data = GRR.aggregate(GRR.randomize([1, 2], entropy=Entropy.seeded(1))).to_bytes()
    damaged = data[:place] + noise
    try:
        again = Aggregate.from_bytes(damaged)
    except MalformedMessage:
        return
    assert again.to_bytes() == damaged


def test_totals_of_two_mechanisms_do_not_add_up() -> None:
    other = GeneralizedRandomizedResponse(5, 1.1)
    one, two = (m.aggregate(m.randomize([1, 2])) for m in (GRR, other))
    with pytest.raises(ConfigurationError):
        one + two
    with pytest.raises(ConfigurationError):
        other.estimate(one)
    with pytest.raises(ConfigurationError, match="no report"):
        GRR.estimate(GRR.aggregate(GRR.randomize(np.empty(0, dtype=np.int64))))


# -- thresholds -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.fractions(0, 40))
def test_the_enclosure_of_the_exponential_holds_to_60_digits(epsilon: Fraction) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = Fraction((Decimal(epsilon.numerator) / Decimal(epsilon.denominator)).exp())
    slack = 1 + Fraction(1, 10**57)
    assert exp_down(epsilon) <= exact * slack
    assert exp_up(epsilon) * slack >= exact
    assert exp_up(epsilon) / exp_down(epsilon) <= 1 + Fraction(1, 1 << 90)


@settings(deadline=None)
@given(st.fractions(0, 1))
def test_thresholds_are_rounded_to_their_sides(probability: Fraction) -> None:
    low, high = words_down(probability), words_up(probability)
    assert low <= probability * WORD <= high <= low + 1


def test_a_ratio_above_the_request_is_no_guarantee() -> None:
    assert loss(exp_down(Fraction(1)), Fraction(1)) <= 1
    with pytest.raises(ConfigurationError, match="exceeds"):
        loss(exp_up(Fraction(1)), Fraction(1))


@pytest.mark.parametrize("threshold", [0, 1, 1 << 63, WORD - 1, WORD])
def test_heads_are_the_words_below(threshold: int) -> None:
    words = sorted({0, 1, (1 << 63) - 1, 1 << 63, WORD - 2, WORD - 1, max(threshold - 1, 0), min(threshold, WORD - 1)})
    assert heads(np.array(words, dtype=np.uint64), threshold).tolist() == [word < threshold for word in words]


class Refusals:
    """A stream whose further words are 2^64 - 1, which `below` accepts for the numbers used here."""

    def __init__(self) -> None:
        self.calls = 0

    def words_at(self, agents: Any, positions: Any, *, lane: int) -> Any:  # noqa: ANN401
        assert lane == 1
        assert (positions == 0).all()
        self.calls += len(agents)
        return np.full(len(agents), WORD - 1, dtype=np.uint64)


@pytest.mark.parametrize("high", [1, 2, 3, 5, 1000, (1 << 31) - 1, (1 << 32) - 1, 1 << 32])
def test_below_gives_every_number_the_same_count_of_words(high: int) -> None:
    """A number's words are an interval; its ends are found by enumerating the words around where they must be."""
    for number in {0, min(1, high - 1), high // 2, high - 1}:
        around = {-(-(number << 32) // high) + step for step in range(-3, 4)}
        around |= {-(-((number + 1) << 32) // high) + step for step in range(-3, 4)}
        upper = sorted(word for word in around if 0 <= word < 1 << 32)
        stream: Any = Refusals()
        words = np.array(upper, dtype=np.uint64) << np.uint64(32)
        drawn = below(words, high, stream, np.arange(len(upper)), column=0)
        kept = [word for word in upper if word * high % (1 << 32) >= (1 << 32) % high]
        assert stream.calls == len(upper) - len(kept)
        mine = [word for word in kept if word * high >> 32 == number]
        assert [n for w, n in zip(upper, drawn.tolist(), strict=True) if w in mine] == [number] * len(mine)
        assert mine[-1] - mine[0] + 1 == (1 << 32) // high  # the same for every number


def test_below_over_all_words_of_a_short_range() -> None:
    """All 2^16 words whose upper 32 bits are multiples of 2^16: exact counts for powers of two."""
    words = np.arange(1 << 16, dtype=np.uint64) << np.uint64(48)
    stream: Any = Refusals()
    counts = np.bincount(below(words, 1 << 8, stream, np.arange(1 << 16), column=0).astype(np.int64))
    assert (counts == 256).all()


# -- intervals ------------------------------------------------------------------------------------


def coverage(mechanism: Any, counts: list[int], runs: int) -> np.ndarray[Any, Any]:  # noqa: ANN401
    truth = np.array(counts) / sum(counts)
    hits = np.zeros(len(counts))
    for run in range(runs):
        estimate = mechanism.estimate(mechanism.simulate(counts, entropy=Entropy.seeded(run)))
        low, high = estimate.interval(0.95)
        hits += (low <= truth) & (truth <= high)
    return hits / runs


def test_score_intervals_cover_95_percent_of_many_reports() -> None:
    shares = coverage(GeneralizedRandomizedResponse(4, 1.0), [50_000, 30_000, 15_000, 5_000], 4000)
    assert (np.abs(shares - 0.95) < 0.005 + 5 * np.sqrt(0.95 * 0.05 / 4000)).all()


@pytest.mark.parametrize("mechanism", [GeneralizedRandomizedResponse(2, 4.0), OptimizedUnaryEncoding(2, 2.0)])
def test_exact_intervals_cover_at_least_95_percent_of_few_reports(mechanism: Any) -> None:  # noqa: ANN401
    shares = coverage(mechanism, [198, 2], 2000)
    assert (shares > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 2000)).all()


def test_intervals_of_too_small_a_variance_are_seen() -> None:
    """The mutant of the tests above: 70 % of the variance."""
    mechanism, hits = GeneralizedRandomizedResponse(2, 1.0), 0
    for run in range(2000):
        estimate = mechanism.estimate(mechanism.simulate([70_000, 30_000], entropy=Entropy.seeded(run)))
        low, high = Normal().interval(replace(estimate, variance=0.7 * estimate.variance), 0.05)
        hits += bool(low[1] <= 0.3 <= high[1])
    assert hits / 2000 < 0.95 - 0.005 - 5 * np.sqrt(0.95 * 0.05 / 2000)


def test_corrected_intervals_are_wider_and_biased_estimates_have_none() -> None:
    estimate = GRR.estimate(GRR.simulate([500, 400, 300, 200, 100], entropy=Entropy.seeded(1)))
    widths = [np.diff(estimate.interval(correction=c), axis=0) for c in ("none", "sidak", "bonferroni")]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()
    biased = Estimate(estimate.value, estimate.variance, 1.0, 10, biased="it was clipped")
    with pytest.raises(ConfigurationError, match="biased"):
        biased.interval()
    for level in (0.0, 1.0, 1, float("nan")):
        with pytest.raises(ConfigurationError):
            estimate.interval(level)
