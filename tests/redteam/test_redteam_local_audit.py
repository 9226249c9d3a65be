"""Black-box audits of local mechanisms: lower bounds of epsilon, precision, word reuse."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pytest
from scipy.special import betaincinv

from tip.mechanisms import (
    GeneralizedRandomizedResponse,
    Hierarchical,
    LocalGaussian,
    LocalHashing,
    LocalLaplace,
    OptimizedUnaryEncoding,
    Piecewise,
    PlanarLaplace,
)
from tip.mechanisms.directions import named
from tip.mechanisms.thresholds import below, heads
from tip.privacy.guarantees import Status
from tip.randomness import Entropy, Stream

if TYPE_CHECKING:
    from tip.mechanisms.reports import Reports

Thing: TypeAlias = Any  # an entry of the catalog, a mechanism, a value: what an attack is aimed at

ALPHA: Final = 1e-8  # of one audit: there are about a hundred
MANY: Final = 200_000
SLOW: Final = {"SQKR": 2_000, "ProjUnit": 5_000, "PrivUnitSubset": 10_000}


def features(mechanism: Thing, reports: Reports, a: Thing, b: Thing) -> Thing:  # noqa: PLR0911 - one a kind
    """What an attacker looks at who has to tell a from b: whole numbers `(n,)`."""
    names = [column.name for column in reports.layout]
    count = len(reports)
    if hasattr(mechanism, "blur") or type(mechanism).__name__ == "LongitudinalHashing":
        return _hashes(mechanism, reports, a, b)
    if "choice" in names and "rotation" not in names:
        score = np.zeros(count)
        for rows, entries in named(reports["seed"], reports["choice"].astype(np.int64), mechanism.dimension):
            score[rows] = entries @ (np.asarray(a) - np.asarray(b))
        return np.rint(score / (400.0 * mechanism.dimension)).astype(np.int64)
    if names == ["vector"]:
        score = reports["vector"] @ (np.asarray(a) - np.asarray(b))
        return np.rint(np.asarray(score) / 5e-1 if reports["vector"].dtype != np.int64 else score / 20).astype(np.int64)
    if names == ["bits"] and mechanism.categories > 16:
        bits = np.unpackbits(reports["bits"], axis=1, bitorder="little")
        return bits[:, a] * 2 + bits[:, b]
    if names == ["items"] and mechanism.categories > 16:
        held = [(reports["items"] == value).any(axis=1) for value in (a, b)]
        return held[0] * 2 + held[1]
    rows = np.concatenate([column.reshape(count, -1).astype(np.int64) for column in reports.columns], axis=1)
    if rows.shape[1] == 1 and mechanism.layout[0].row_bits > 8:
        return rows[:, 0] * 150 // mechanism.layout[0].high
    return rows @ (np.int64(1009) ** np.arange(rows.shape[1]))


def _hashes(mechanism: Thing, reports: Reports, a: int, b: int) -> Thing:
    """Whether the answer is the hash of a, and of b; by group where there are any."""
    values = [np.full(len(reports), value, dtype=np.uint64) for value in (a, b)]
    group = np.zeros(len(reports), dtype=np.int64)
    if mechanism.spec.name == "cohort-local-hashing":
        hashes = [mechanism.hashes(reports["cohort"].astype(np.int64), v.astype(np.int64)) for v in values]
    elif mechanism.spec.name == "prefix-extending-method":
        group = reports["group"].astype(np.int64)
        dropped = mechanism.bits - np.array(mechanism._reported, dtype=np.uint64)
        hashes = [mechanism.family.hash(reports["seed"], v >> dropped[group]) for v in values]
    else:
        seeds = reports["seed"] if not getattr(mechanism, "assigned", False) else mechanism.seeds_of(reports.ids)
        hashes = [mechanism.family.hash(seeds, v) for v in values]
    answers = reports.columns[-1]
    return group * 4 + (hashes[0] == answers) * 2 + (hashes[1] == answers)


def lower_bound(one: np.ndarray, two: np.ndarray, delta: float = 0.0) -> float:
    """A lower bound of epsilon, right with probability 1 - ALPHA: one half picks the event, the other one tests it."""
    half = len(one) // 2
    kinds, places = np.unique(np.concatenate([one, two]), return_inverse=True)
    first, second = places[: len(one)], places[len(one) :]
    best = 0.0
    for x, y in ((first, second), (second, first)):
        train = [np.bincount(part[:half], minlength=len(kinds)) for part in (x, y)]
        test = [np.bincount(part[half:], minlength=len(kinds)) for part in (x, y)]
        odds = (train[0] + 0.5) / (train[1] + 0.5)
        for cut in np.unique(odds)[-25:]:
            event = odds >= cut
            n = half
            hits = [int(counts[event].sum()) for counts in test]
            low = float(betaincinv(hits[0], n - hits[0] + 1, ALPHA / 100)) if hits[0] else 0.0
            high = float(betaincinv(hits[1] + 1, n - hits[1], 1 - ALPHA / 100)) if hits[1] < n else 1.0
            if low - delta > 0:
                best = max(best, log((low - delta) / high))
    return best


def audited(mechanism: Thing, a: Thing, b: Thing, count: int) -> float:
    """The audit of one pair of inputs."""
    sides = []
    for number, value in enumerate((a, b)):
        values = np.repeat(np.asarray(value)[None], count, axis=0)
        reports = mechanism.randomize(values, entropy=Entropy.seeded(90 + number))
        sides.append(features(mechanism, reports, a, b))
    return lower_bound(sides[0], sides[1], delta=getattr(mechanism, "delta", 0.0))


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_no_audit_finds_more_than_was_promised(attacked: Thing, times: int) -> None:
    """The likeliest event of many reports, by exact binomial bounds, for two inputs that are far apart."""
    mechanism, count = attacked.mechanism, times * SLOW.get(type(attacked.mechanism).__name__, MANY // 4)
    a, b = attacked.inputs[0], attacked.inputs[-1]
    if len(np.shape(a)):
        a, b = np.asarray(a), -np.asarray(a) if np.asarray(a).any() else np.asarray(b)
    found = audited(mechanism, a, b, count)
    promised = mechanism.guarantee.epsilon
    if isinstance(mechanism, PlanarLaplace):  # epsilon for each meter
        (x, y), side = ((mechanism.columns - 1), (mechanism.rows - 1)), float(mechanism.cell)
        promised *= side * (np.hypot(x, y) if mechanism.distance == "euclidean" else x + y)
    assert found <= promised
    assert found > 0 or promised < 0.6 or count < MANY // 4  # it is no blind audit


# -- mutants that the audit catches ---------------------------------------------------------------


@dataclass(frozen=True)
class ForgetsABranch(GeneralizedRandomizedResponse):
    """Answers truly for item 0, whatever the coin says."""

    def draw(self, values: Thing, stream: Thing, agents: Thing) -> tuple[Any, ...]:
        (answers,) = GeneralizedRandomizedResponse.draw(self, values, stream, agents)
        return (np.where(values == 0, 0, answers),)


@dataclass(frozen=True)
class OneWordForBoth(GeneralizedRandomizedResponse):
    """The coin's word names the other item as well."""

    def draw(self, values: Thing, stream: Thing, agents: Thing) -> tuple[Any, ...]:
        words = stream.words(agents, 2)
        other = below(words[:, 0], self.categories - 1, stream, agents, column=0)
        other = (other + values.view(np.uint64) + np.uint64(1)) % np.uint64(self.categories)
        return (np.where(heads(words[:, 0], self._keep), values.view(np.uint64), other),)


@dataclass(frozen=True)
class SharedCoin(OptimizedUnaryEncoding):
    """All bits from one coin."""

    def draw(self, values: Thing, stream: Thing, agents: Thing) -> tuple[Any, ...]:
        words = stream.words(agents, 1)
        held = np.arange(self.categories) == values[:, None]
        bits = np.where(held, heads(words, self._keep), heads(words, self._flip))
        return (np.packbits(bits, axis=1, bitorder="little"),)


@dataclass(frozen=True)
class SeedOfTheValue(LocalHashing):
    """The seed's lowest bit tells the item's."""

    def draw(self, values: Thing, stream: Thing, agents: Thing) -> tuple[Any, ...]:
        seeds, answers = LocalHashing.draw(self, values, stream, agents)
        seeds = seeds.copy()
        seeds[:, -1] = (seeds[:, -1] & ~np.uint32(1)) | (values & 1).astype(np.uint32)
        return seeds, answers


@dataclass(frozen=True)
class LevelFromTheItem(Hierarchical):
    """The level is drawn from the word that answers."""

    def draw(self, values: Thing, stream: Thing, agents: Thing) -> tuple[Any, ...]:
        columns = Hierarchical.draw(self, values, stream, agents)
        columns[0][:] = np.where(values > 4, 0, columns[0])
        return columns


@dataclass(frozen=True)
class HalfTheNoise(LocalLaplace):
    """Noise of half the scale."""

    def draw(self, values: Thing, stream: Thing, agents: Thing) -> tuple[Any, ...]:
        (cells,) = LocalLaplace.draw(self, values, stream, agents)
        points = values >> 32
        return (points + self._law.bound + (cells.astype(np.int64) - points - self._law.bound) // 2,)


def test_the_audit_catches_every_kind_of_defect() -> None:
    """A forgotten branch, one word for two draws, correlated bits, a seed or a level that knows, less noise."""
    for mutant, a, b in (
        (ForgetsABranch(5, 1.0), 0, 1),
        (OneWordForBoth(5, 1.0), 0, 1),
        (SharedCoin(5, 1.0), 0, 1),
        (SeedOfTheValue(5, 1.0, hashed_to=2, word_bits=4), 0, 1),
        (LevelFromTheItem(10, 1.0, fanout=3), 0, 9),
        (HalfTheNoise(-1, 3, 1.0, bits=3), -1.0, 3.0),
    ):
        values = [np.repeat(np.asarray(value)[None], MANY, axis=0) for value in (a, b)]
        sides = [mutant.randomize(v, entropy=Entropy.seeded(90 + i)) for i, v in enumerate(values)]
        seen = [np.concatenate([c.reshape(MANY, -1).astype(np.int64) for c in side.columns], axis=1) for side in sides]
        codes = [rows @ (np.int64(1009) ** np.arange(rows.shape[1])) for rows in seen]
        assert lower_bound(codes[0], codes[1]) > 1.0, mutant


# -- precision, after Mironov 2012 ----------------------------------------------------------------


def reachable(outputs: np.ndarray, center: float, scale: float) -> np.ndarray:
    """Which doubles a textbook sampler center - scale ln(u), u a multiple of 2^-53, can give at all."""
    wanted = np.rint(np.exp((center - outputs) / scale) * 2.0**53)
    found = np.zeros(outputs.shape, dtype=np.bool_)
    for step in range(-6, 7):
        u = np.clip(wanted + step, 1, 2.0**53) * 2.0**-53
        found |= center - scale * np.log(u) == outputs
    return found


def test_a_precision_attack_proves_nothing_here_and_does_on_floats() -> None:
    """10^6 outputs: every one of them is possible under every other input; of the float mutant's, hardly any."""
    words = Entropy.seeded(3).stream("mutant").words(np.arange(1_000_000), 1)[:, 0]
    outputs = 0.3 - np.log(((words >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53)
    assert reachable(outputs, 0.3, 1.0).all()
    assert reachable(outputs, 0.7, 1.0).mean() < 0.9  # more than 10^5 of 10^6 prove that 0.7 was not the input
    for mechanism in (
        LocalLaplace(0.0, 1.0, 1.0),
        LocalGaussian(0.0, 1.0, 1.0, 1e-5),
        Piecewise(0.0, 1.0, 1.0, bits=8),
    ):
        seen = []
        for value in (0.3, 0.7):
            cells = mechanism.randomize(np.full(1_000_000, value), entropy=Entropy.seeded(4))["cell"].astype(np.int64)
            column: Thing = mechanism.layout[0]
            seen.append(np.bincount(cells, minlength=column.high))
        for one, other in (seen, seen[::-1]):
            assert one[other == 0].max(initial=0) < 40  # what one input shows often, the other one shows as well


def test_estimates_of_single_reports_are_a_grid_that_knows_no_input(attacked: Thing) -> None:
    """Whatever is reported is one of the whole numbers of the layout: there are no digits to look into."""
    if attacked.mechanism.guarantee.status is Status.IDEALIZED:
        pytest.skip("idealized, and says so")
    reports = attacked.mechanism.randomize(attacked.many(1000), entropy=Entropy.seeded(5))
    assert all(column.dtype.kind in "iu" for column in reports.columns)


# -- addresses ------------------------------------------------------------------------------------


def test_no_word_is_used_for_two_decisions(attacked: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one call no two requests name the same bytes of the stream: unions share none with parts."""
    asked: dict[tuple[bytes, int, int], list[tuple[int, int]]] = {}
    words, words_at = Stream.words, Stream.words_at

    def note(stream: Thing, agents: Thing, lane: int, start: int, end: int) -> None:
        for agent in np.asarray(agents).tolist():
            asked.setdefault((stream._key, agent, lane), []).append((start, end))

    def noted(
        self: Thing, agents: Thing, count: int, *, lane: int = 0, start: int = 0, dtype: Thing = np.uint64
    ) -> Thing:
        size = np.dtype(dtype).itemsize
        note(self, agents, lane, start * size, (start + count) * size)
        return words(self, agents, count, lane=lane, start=start, dtype=dtype)

    def noted_at(self: Thing, agents: Thing, positions: Thing, *, lane: int = 0) -> Thing:
        for agent, place in zip(*np.broadcast_arrays(np.asarray(agents), np.asarray(positions)), strict=True):
            note(self, [agent], lane, 8 * int(place), 8 * int(place) + 8)
        return words_at(self, agents, positions, lane=lane)

    secret = Entropy.seeded(11)
    keys = {secret.stream(f"local {attacked.mechanism.spec.name}")._key}
    monkeypatch.setattr(Stream, "words", noted)
    monkeypatch.setattr(Stream, "words_at", noted_at)
    attacked.mechanism.randomize(attacked.many(60), entropy=secret)
    drawn = {place: spans for place, spans in asked.items() if place[0] in keys}
    assert drawn or type(attacked.mechanism).__name__ == "BitFlip"
    padding = 8 * getattr(attacked.mechanism, "categories", 0)  # bits that fill a byte share a word, and are cleared
    for every in drawn.values():
        spans = sorted(span for span in every if span[0] != padding or span[1] != padding + 8)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans


def test_what_is_drawn_beside_the_answer_does_not_know_the_value(attacked: Thing) -> None:
    """Seeds, cohorts, groups, levels, attributes, buckets, rotations: the same bits whatever is held."""
    beside = {"seed", "cohort", "group", "level", "attributes", "bucket", "rotation", "block"}
    entropy = Entropy.seeded(12)
    found = None
    for value in attacked.inputs:
        reports = attacked.mechanism.randomize(np.repeat(np.asarray(value)[None], 300, axis=0), entropy=entropy)
        columns = [reports[c.name] for c in reports.layout if c.name in beside]
        found = columns if found is None else found
        assert all(np.array_equal(a, b) for a, b in zip(columns, found, strict=True))
