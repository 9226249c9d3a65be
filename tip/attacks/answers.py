"""Poisoning of local answers: reports that are well-formed and made up.

In local privacy the server cannot tell an honest report from one that its sender made up: both are one of the reports
that the mechanism knows. Four liars, from the weakest to the strongest (Cao, Jia, Gong, USENIX Security 2021; Cheu,
Smith, Ullman, IEEE S&P 2021):

    random_reports       any well-formed report, uniformly
    input_poisoning      a target item (or an extreme number) through the honest mechanism: cannot be told from honest
    adaptive_poisoning   the most targets that a report may support without being refused by `screen`
    output_poisoning     the most targets that any well-formed report supports ("maximal gain")

An estimated share is linear in the reports, so a share `fraction` of made-up ones moves the expected share of an item
that f of the honest agents hold by exactly

    fraction (c - f),    c = (P[a made-up report supports it] - q) / (p - q)                  (`gain`)

with c = 1 on one target for input poisoning and at most (1 - q)/(p - q) = `max_influence().item` for any report
whatever. The number of targets that *one* report can support differs: it is what the tables of the page are about.

Everything here serves simulations and tests of one's own defences: a liar needs none of it to lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.attacks.screening import supported, usual_supports
from tip.attacks.strongest import commonest, distinct, made_of, one_number, set_size, strongest, unary_rows
from tip.errors import ConfigurationError
from tip.mechanisms.categorical import BinaryRandomizedResponse, GeneralizedRandomizedResponse
from tip.mechanisms.columns import Bits, Integers
from tip.mechanisms.estimates import whole_array
from tip.mechanisms.frequency import FrequencyOracle
from tip.mechanisms.hadamard import HadamardResponse
from tip.mechanisms.hashing import LocalHashing
from tip.mechanisms.numeric import MeanMechanism
from tip.mechanisms.projective import ProjectiveGeometryResponse
from tip.mechanisms.reports import Reports
from tip.mechanisms.subset import SubsetSelection
from tip.mechanisms.unary import UnaryMechanism
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.columns import Column
    from tip.randomness import Stream

    Array = NDArray[Any]
    Indices = NDArray[np.int64]

_PURPOSE: Final = "poisoned answers"
_STRONG: Final = 64  # of the strongest reports that are tried
_IDS: Final = 1 << 12  # over which the gain under server-assigned seeds is averaged


def input_poisoning(
    mechanism: Mechanism, targets: ArrayLike, *, count: int, entropy: Entropy, agents: ArrayLike | None = None
) -> Reports:
    """Reports of liars that claim the targets in turn and follow the mechanism: any mechanism, no report looks odd.

    `targets`: `(r, ...)` values as `mechanism.randomize` takes them: items, or numbers. `agents`: the liars' indices.
    """
    values = np.atleast_1d(np.asarray(targets))
    if not len(values):
        raise ConfigurationError("there is no target")
    turns = np.arange(whole("count", count, least=1)) % len(values)
    return mechanism.randomize(values[turns], entropy=entropy, agents=agents)


def random_reports(mechanism: Mechanism, *, count: int, entropy: Entropy, agents: ArrayLike | None = None) -> Reports:
    """Uniform well-formed reports; raises `ConfigurationError` where a report has real numbers in it."""
    who = _liars(count, agents)
    if isinstance(mechanism, SubsetSelection):  # a uniform set is what agents with uniform items send
        items = entropy.stream(_PURPOSE).below(mechanism.categories, who)[:, 0]
        return mechanism.randomize(items.astype(np.int64), entropy=entropy, agents=who)
    columns = tuple(
        _uniform(column, entropy.stream(f"{_PURPOSE} {number}"), who) for number, column in enumerate(mechanism.layout)
    )
    reports = made_of(mechanism, columns, who)
    if len(mechanism.validate(reports).refused):
        raise ConfigurationError(f"uniform reports of {mechanism.spec.name} are not all well-formed")
    return reports


def output_poisoning(
    mechanism: Mechanism, targets: ArrayLike, *, count: int, entropy: Entropy, agents: ArrayLike | None = None
) -> Reports:
    """The maximal gain attack: reports that support as many of the target items as any well-formed report can.

    Where that costs no target the rest of a report looks honest (unary rows have a usual number of ones). For means
    `targets` is one number: the reports have the largest estimate if it lies above the middle of the range, else the
    smallest. `agents`: the liars' indices, which are their ids where the server assigns seeds. Raises
    `ConfigurationError` for a mechanism whose strongest report is not known here; see `adaptive_poisoning`.
    """
    who = _liars(count, agents)
    return made_of(mechanism, strongest(mechanism, targets, entropy.stream(_PURPOSE), who), who)


def adaptive_poisoning(
    mechanism: FrequencyOracle, targets: ArrayLike, *, count: int, entropy: Entropy, alpha: float, tries: int = 4096
) -> Reports:
    """Reports that pass `screen(..., alpha=alpha)` and support as many targets as a search can make them.

    The liars share one search: of the strongest reports and `tries` honest-looking ones those that pass are kept, and
    the best of them sent in turn; liars that each search for themselves would repeat one another less. Liars have the
    indices 0 .. count - 1. Raises `ConfigurationError` if nothing passes.
    """
    who, stream = _liars(count, None), entropy.stream(_PURPOSE)
    items = distinct(targets, mechanism.categories)
    if isinstance(mechanism, UnaryMechanism):
        low, high = mechanism.ones_range(alpha)
        return made_of(mechanism, unary_rows(mechanism, items, stream, who, (low, high)), who)
    if isinstance(mechanism, GeneralizedRandomizedResponse | BinaryRandomizedResponse | SubsetSelection):
        return output_poisoning(mechanism, items, count=count, entropy=entropy)
    if isinstance(mechanism, LocalHashing) and mechanism.assigned:
        return output_poisoning(mechanism, items, count=count, entropy=entropy)
    low, high = usual_supports(mechanism, alpha)
    found = _candidates(mechanism, items, entropy, whole("tries", tries, least=1))
    pool = Reports.joined([output_poisoning(mechanism, items, count=_STRONG, entropy=entropy), found])
    number = supported(mechanism, pool)
    pool = pool.take((number >= low) & (number <= high))
    if not len(pool):
        raise ConfigurationError("no candidate passes the screening", instead="a smaller alpha, or more tries")
    hits = mechanism.support(pool, items).sum(axis=1)
    best = np.flatnonzero(hits == hits.max())
    return pool.take(best[who % len(best)])


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much made-up reports move the expected estimate: a target's share, on average over the targets, or a mean.

    Of liars that send uniform reports (`random`), that follow the mechanism (`input`), and at worst (`output`).
    """

    random: float
    input: float
    output: float


def gain(mechanism: Mechanism, targets: ArrayLike, *, fraction: float, share: float = 0.0) -> Gain:
    """The exact expected gain if `fraction` of all counted reports are made up.

    `share`: the honest agents' mean share of a target (for means: their mean). For server-assigned seeds `output` is
    the average over the ids below 4096; with one target it is exact, too. Raises `ConfigurationError` for mechanisms
    that `output_poisoning` does not know.
    """
    if not 0 <= fraction <= 1:
        raise ConfigurationError(f"a fraction lies in [0, 1], not {fraction!r}")
    shared = isinstance(mechanism, LocalHashing) and mechanism.assigned
    sent = output_poisoning(mechanism, targets, count=_IDS if shared else 1, entropy=Entropy.seeded(0))
    if isinstance(mechanism, MeanMechanism):
        middle = (float(mechanism.low) + float(mechanism.high)) / 2
        own = min(max(one_number(targets), float(mechanism.low)), float(mechanism.high))
        added = (middle, own, float(np.asarray(mechanism.estimate(mechanism.aggregate(sent)).value)))
    elif isinstance(mechanism, FrequencyOracle):
        items = distinct(targets, mechanism.categories)
        p, q = float(mechanism.p), float(mechanism.q)
        best = float(mechanism.support(sent, items).mean())
        added = ((_at_random(mechanism) - q) / (p - q), 1 / len(items), (best - q) / (p - q))
    else:
        raise ConfigurationError(f"the gain against {mechanism.spec.name} is not known here")
    return Gain(*(fraction * (number - share) for number in added))


def _candidates(mechanism: FrequencyOracle, items: Indices, entropy: Entropy, tries: int) -> Reports:
    """What honest agents with target items would send, with more system where there is one.

    Hadamard response: all rows of the best block. Own seeds: the best answer to each, and half of them interval seeds:
    c = -a (least target) makes answer 0 support the items from the least target on, 2^(w-b) / a of them, in one part of
    the key: as many as an honest report if a is near 2^w / k.
    """
    if isinstance(mechanism, HadamardResponse):
        first = output_poisoning(mechanism, items, count=1, entropy=entropy)["row"].astype(np.int64)
        return made_of(mechanism, (first + np.arange(min(tries, mechanism.size - first[0])),), first)
    pool = input_poisoning(mechanism, items, count=tries, entropy=entropy)
    if not isinstance(mechanism, LocalHashing):
        return pool
    family, seeds = mechanism.family, pool["seed"].astype(np.uint64)
    if family.parts == 1:
        every = np.arange(0, tries, 2)
        most = min((2 << family.word_bits) // mechanism.categories, 1 << family.word_bits)
        seeds[::2, 0] = entropy.stream(f"{_PURPOSE} intervals").below(most, every)[:, 0]
        seeds[::2, 1] = -seeds[::2, 0] * np.uint64(items[0]) & np.uint64((1 << family.word_bits) - 1)
    narrow = seeds.astype(family.dtype)
    return made_of(mechanism, (narrow, commonest(family.hash(narrow[:, None], items))[0]), np.arange(tries))


def _at_random(mechanism: FrequencyOracle) -> float:
    """The probability that a uniform report supports an item (its mean net support, where supports are signed)."""
    match mechanism:
        case UnaryMechanism():
            return 0.5
        case SubsetSelection():
            return set_size(mechanism) / mechanism.categories
        case ProjectiveGeometryResponse():
            return mechanism.inside / mechanism.size
        case GeneralizedRandomizedResponse() | BinaryRandomizedResponse():
            return 1 / mechanism.categories
        case _:
            return float(mechanism.q)  # hashes: 1 / g; Hadamard rows: 0


def _liars(count: int, agents: ArrayLike | None) -> Indices:
    """The liars' indices: 0 .. count - 1 unless they are given."""
    whole("count", count, least=1)
    who = np.arange(count, dtype=np.int64) if agents is None else whole_array(agents, "agents")
    if who.shape != (count,) or who.min() < 0 or not (np.diff(np.sort(who)) > 0).all():
        raise ConfigurationError(f"agents are {count} different whole numbers >= 0")
    return who


def _uniform(column: Column, stream: Stream, who: Indices) -> Array:
    """Uniform valid entries of one column."""
    if isinstance(column, Bits):
        bits = stream.words(who, column.row_bits, dtype=np.uint8)[:, : column.width] & 1
        return np.packbits(bits, axis=1, bitorder="little")
    if isinstance(column, Integers):
        numbers = stream.below(column.high - column.low, who, max(column.width, 1))
        signed = numbers.astype(column.dtype) + column.dtype.type(column.low)
        return np.reshape(signed, column.shape(len(who)))
    raise ConfigurationError(f"the column {column.name!r} has no uniform law here")
