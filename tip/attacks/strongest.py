"""The well-formed reports that support the most target items.

What one made-up report can do depends on which sets of items a report can support at all:

    randomized response             any single item
    unary encoding                  any set
    subset selection                any set of w items
    local hashing, own seeds        every item: a = 0 makes the hash h(x) = c >> (w - b) flat
    local hashing, assigned seeds   one of g sets that nobody chose
    cohorts                         one of K g sets that nobody chose
    Hadamard response               all items of a block: row 0 is in the own half of each of its columns
    projective geometry response    the hyperplanes through a point: any t - 1 items, about one in r of all of them

`strongest` finds the best report, by these facts or by trying all. docs/local-poisoning.md has the proofs.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.cohorts import CohortLocalHashing
from tip.mechanisms.columns import Bits, Integers
from tip.mechanisms.frequency import checked_items
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.numeric import MeanMechanism
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.reports import Reports
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import UnaryMechanism

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.frequency import FrequencyOracle
    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]
    Columns = tuple[Array, ...]

MOST_COHORTS: Final = 1 << 16  # that a liar looks through
_BLOCK: Final = 1 << 20  # entries worked on at a time
_LANE: Final = 8  # of random keys, which no mechanism's own draws reach


@singledispatch
def strongest(mechanism: Mechanism, targets: ArrayLike, stream: Stream, who: Indices) -> Columns:
    """The columns of the reports that support the most targets."""
    del targets, stream, who
    raise ConfigurationError(
        f"the strongest report of {mechanism.spec.name} is not known here", instead="input_poisoning serves them all"
    )


@strongest.register(GeneralizedRandomizedResponse)
@strongest.register(BinaryRandomizedResponse)
def _(mechanism: FrequencyOracle, targets: ArrayLike, _: Stream, who: Indices) -> Columns:
    """One target, in turn."""
    return (_in_turn(distinct(targets, mechanism.categories), who),)


@strongest.register(UnaryMechanism)
def _(mechanism: UnaryMechanism, targets: ArrayLike, stream: Stream, who: Indices) -> Columns:
    """All targets, and others up to an honest number of ones."""
    items = distinct(targets, mechanism.categories)
    return unary_rows(mechanism, items, stream, who, (len(items), mechanism.categories))


@strongest.register(SubsetSelection)
def _(mechanism: SubsetSelection, targets: ArrayLike, stream: Stream, who: Indices) -> Columns:
    """As many targets as the set has room for, and others."""
    items, k = distinct(targets, mechanism.categories), mechanism.categories
    size = np.full(len(who), set_size(mechanism))
    chosen = _lowest(items, k, size, stream, who)
    if isinstance(mechanism.layout[0], Bits):
        return (np.packbits(chosen, axis=1, bitorder="little"),)
    return (np.nonzero(chosen)[1].reshape(len(who), -1),)


@strongest.register(LocalHashing)
def _(mechanism: LocalHashing, targets: ArrayLike, stream: Stream, who: Indices) -> Columns:
    """Own seeds: the flat hash c >> (w - b), which maps all items to one value. Assigned ones: the best answer."""
    if mechanism.assigned:
        seeds = mechanism.seeds_of(who.view(np.uint64))
        return (commonest(mechanism.family.hash(seeds[:, None], distinct(targets, mechanism.categories)))[0],)
    distinct(targets, mechanism.categories)
    seeds = mechanism.family.seeds(stream, who)
    seeds[:, :-1] = 0
    return seeds, mechanism.family.hash(seeds, np.zeros(len(who), dtype=np.int64))


@strongest.register(CohortLocalHashing)
def _(mechanism: CohortLocalHashing, targets: ArrayLike, _: Stream, who: Indices) -> Columns:
    """The best answers of the best cohorts, of the first 2^16."""
    items, cohorts = distinct(targets, mechanism.categories), np.arange(min(mechanism.cohorts, MOST_COHORTS))
    table = mechanism.hashes(np.repeat(cohorts, len(items)), np.tile(items, len(cohorts)))
    answers, hits = commonest(table.reshape(len(cohorts), len(items)))
    best = _in_turn(np.flatnonzero(hits == hits.max()), who)
    return best, answers[best]


@strongest.register(HadamardResponse)
def _(mechanism: HadamardResponse, targets: ArrayLike, _: Stream, who: Indices) -> Columns:
    """Row 0 of a block is in the own half of *all* its items: that of the block with the most targets."""
    blocks = int(dict(mechanism.spec.parameters)["blocks"])
    hits = np.bincount(distinct(targets, mechanism.categories) % blocks, minlength=blocks)
    return (_in_turn(np.flatnonzero(hits == hits.max()), who) * (mechanism.size // blocks),)


@strongest.register(ProjectiveGeometryResponse)
def _(mechanism: ProjectiveGeometryResponse, targets: ArrayLike, _: Stream, who: Indices) -> Columns:
    """The points that lie in the most target hyperplanes: all points are tried."""
    items = distinct(targets, mechanism.categories)
    points, step = np.arange(mechanism.size), max(1, _BLOCK // len(items))
    parts = (made_of(mechanism, (points[first : first + step],), who) for first in range(0, len(points), step))
    hits = np.concatenate([mechanism.support(part, items).sum(axis=1) for part in parts])
    return (_in_turn(np.flatnonzero(hits == hits.max()), who),)


@strongest.register(MeanMechanism)
def _(mechanism: MeanMechanism, targets: ArrayLike, _: Stream, who: Indices) -> Columns:
    """The cell with the largest or the smallest estimate: an end of the cells, or of either part of a mixture."""
    high = _cells(mechanism)
    ends = np.array([0, *range(max(high - 4, 1), high)])
    values = [
        float(mechanism.estimate(mechanism.aggregate(made_of(mechanism, (end,), end))).value) for end in ends[:, None]
    ]
    up = one_number(targets) > (mechanism.low + mechanism.high) / 2
    return (np.full(len(who), ends[int(np.argmax(values) if up else np.argmin(values))]),)


def _in_turn(choices: Indices, who: Indices) -> Indices:
    return choices[np.arange(len(who)) % len(choices)]


def commonest(table: Array) -> tuple[Array, Indices]:
    """Each row's most frequent entry, and how often it occurs."""
    ordered = np.sort(table, axis=1)
    starts = np.ones(ordered.shape, dtype=np.bool_)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    runs = np.cumsum(starts.reshape(-1)) - 1
    hits = np.bincount(runs)[runs].reshape(ordered.shape)
    rows, best = np.arange(len(table)), hits.argmax(axis=1)
    return ordered[rows, best], hits[rows, best]


def _lowest(items: Indices, categories: int, sizes: Indices, stream: Stream, who: Indices) -> NDArray[np.bool_]:
    """Rows of `sizes[i]` chosen items, the targets first and otherwise at random, `(n, categories)` bool."""
    chosen = np.empty((len(who), categories), dtype=np.bool_)
    step = max(1, _BLOCK // categories)
    for first in range(0, len(who), step):
        rows = slice(first, first + step)
        keys = stream.words(who[rows], categories, lane=_LANE, dtype=np.uint32) >> 1
        keys += np.uint32(1 << 31)
        keys[:, items] -= np.uint32(1 << 31)
        ranks = keys.argsort(axis=1).argsort(axis=1)
        chosen[rows] = ranks < sizes[rows, None]
    return chosen


def unary_rows(
    mechanism: UnaryMechanism, items: Indices, stream: Stream, who: Indices, limits: tuple[int, int]
) -> Columns:
    """Unary rows with an honest report's number of ones, cut to the limits: the targets first."""
    honest = mechanism.draw(_in_turn(items, who), stream, who)[0]
    ones = np.unpackbits(honest, axis=1).sum(axis=1, dtype=np.int64)
    chosen = _lowest(items, mechanism.categories, np.clip(ones, *limits), stream, who)
    return (np.packbits(chosen, axis=1, bitorder="little"),)


def distinct(targets: ArrayLike, categories: int) -> Indices:
    """The target items, each once, in increasing order."""
    items = np.unique(checked_items(targets, categories))
    if not len(items):
        raise ConfigurationError("there is no target")
    return items


def made_of(mechanism: Mechanism, columns: Columns, who: Indices) -> Reports:
    """Reports of these columns, with ids where the mechanism reads them."""
    kinds = (column.dtype for column in mechanism.layout)
    arrays = tuple(array.astype(kind, copy=False) for array, kind in zip(columns, kinds, strict=True))
    reports = Reports(mechanism.spec.digest, mechanism.layout, arrays)
    return reports.with_ids(who) if isinstance(mechanism, LocalHashing) and mechanism.assigned else reports


def set_size(mechanism: SubsetSelection) -> int:
    """The number w of items that a report names."""
    return int(dict(mechanism.spec.parameters)["size"])


def one_number(targets: ArrayLike) -> float:
    """The number toward which a mean is pushed."""
    array = np.asarray(targets)
    if array.size != 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ConfigurationError("a mean is pushed toward one finite number")
    return float(array.reshape(-1)[0])


def _cells(mechanism: MeanMechanism) -> int:
    """How many different answers there are."""
    column = mechanism.layout[0]
    if not isinstance(column, Integers):
        raise ConfigurationError(f"a report of {mechanism.spec.name} is no single cell")
    return column.high
