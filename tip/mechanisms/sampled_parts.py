"""One part of a record, drawn by chance and told.

An agent draws one of several parts of its record (an attribute, a pair of attributes), uniformly and without looking
at any, and reports it through a frequency oracle with all of epsilon. The report says which part. Its law is
Pr[answer | value] / parts, so the ratio over *whole records* is the oracles'.

Given that n_a of n agents drew part a, those are a random sample without replacement, and a share is estimated
without bias with the variance

    V(f) / n_a + f (1 - f) (n - n_a) / (n_a (n - 1)),       V(f) = [f p (1 - p) + (1 - f) q (1 - q)] / (p - q)^2.

The counts n_a do not depend on anybody's data, so dividing by them is no bias and reveals nothing.
Proofs: docs/local-attributes.md.
"""

from __future__ import annotations

from abc import abstractmethod
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError, DataError
from tip.mechanisms.aggregates import Aggregate
from tip.mechanisms.base import MOST_LISTED, Influence, PureMechanism
from tip.mechanisms.columns import Column, Integers
from tip.mechanisms.estimates import Counted, Estimate, whole_array
from tip.mechanisms.inputs import as_array
from tip.mechanisms.reports import Reports
from tip.mechanisms.sampling_laws import Joined, Sampled, sampled_influence
from tip.mechanisms.spec import Spec
from tip.mechanisms.thresholds import below
from tip.privacy.checks import whole
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from tip.mechanisms.frequency import FrequencyOracle
    from tip.mechanisms.ranges import Factory
    from tip.mechanisms.unions import Union
    from tip.randomness import Stream

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_ATTRIBUTES: Final = 1 << 12
_LANE: Final = 1 << 15  # the part's word: no oracle's attempts come that far


class SampledParts(PureMechanism):
    """What reports about one part of a record have in common; a subclass says what the parts are."""

    __slots__ = ()

    categories: tuple[int, ...]
    parts: tuple[FrequencyOracle, ...]
    _union: Union

    @abstractmethod
    def part_values(self, values: Array, part: int) -> Indices:
        """The items that these records `(n, d)` hold in a part."""

    @property
    def spec(self) -> Spec:
        """The attributes' sizes and the digest of each part's oracle."""
        sizes = tuple((f"categories-{at}", size) for at, size in enumerate(self.categories))
        oracles = tuple((f"part-{at}", part.spec.digest.hex()) for at, part in enumerate(self.parts))
        return Spec(self._name, 1, (*sizes, *oracles))

    @property
    @abstractmethod
    def _name(self) -> str: ...

    @property
    def layout(self) -> tuple[Column, ...]:
        """The part's number and the union of the oracles' columns; what a part has no use for is 0."""
        return (Integers("part", high=len(self.parts)), *self._union.columns)

    @property
    def ratio(self) -> Fraction:
        """The greatest of the oracles': the part has the same law for all records."""
        return max(part.ratio for part in self.parts)

    @property
    def blanket(self) -> Fraction:
        """The oracles' mean."""
        return sum((part.blanket for part in self.parts), Fraction(0)) / len(self.parts)

    @property
    def identifying(self) -> str:
        """What the oracles say."""
        return "; ".join(dict.fromkeys(part.identifying for part in self.parts if part.identifying))

    def law(self, value: ArrayLike) -> dict[tuple[int, ...], Fraction]:
        """Each part with the same probability, and the oracle's law on it."""
        record = self._one(value)[None]
        law: dict[tuple[int, ...], Fraction] = {}
        for at, part in enumerate(self.parts):
            for report, chance in part.law(int(self.part_values(record, at)[0])).items():
                law[at, *self._union.widened(at, report)] = chance / len(self.parts)
            if len(law) > MOST_LISTED:
                return PureMechanism.law(self, value)
        return law

    def checked(self, values: ArrayLike) -> Indices:
        """Records as int64 `(n, d)`; one record may come as `(d,)`. Names the first bad row, not its values."""
        return checked_records(values, self.categories)

    def draw(self, values: Array, stream: Stream, agents: Indices) -> tuple[Array, ...]:
        """A word of a lane of its own draws the part; the oracle draws from its usual addresses."""
        words = stream.words(agents, 1, lane=_LANE)[:, 0]
        drawn = below(words, len(self.parts), stream, agents, column=0, lane=_LANE + 1)
        columns = tuple(np.zeros(column.shape(len(values)), dtype=column.dtype) for column in self.layout)
        columns[0][:] = drawn
        for at, rows in groups(drawn):
            items = self.part_values(values[rows], at)
            self._union.put(columns[1:], at, rows, self.parts[at].draw(items, stream, agents[rows]))
        return columns

    def further_checks(self, reports: Reports) -> Mapping[str, NDArray[np.bool_]]:
        """Each part's answer is one of its oracle's, and all the rest is 0."""
        good = np.ones(len(reports), dtype=np.bool_)
        known = np.flatnonzero(reports["part"] < len(self.parts))
        for at, places in groups(reports["part"][known]):
            rows, oracle = known[places], self.parts[at]
            fits = self._union.fits(reports.columns[1:], at, rows)
            good[rows[~fits]] = False
            rows = rows[fits]
            answers = self._union.part(reports.columns[1:], at, rows, oracle.spec.digest)
            good[rows[oracle.validate(answers).refused]] = False
        return {"not an answer of its part": good}

    def tally(self, reports: Reports) -> Indices:
        """How many reports each part has, then each oracle's totals."""
        tallied = [empty_totals(part).ravel() for part in self.parts]
        for at, rows in groups(reports["part"]):
            answers = self._union.part(reports.columns[1:], at, rows, self.parts[at].spec.digest)
            tallied[at] = self.parts[at].tally(answers).ravel()
        counts = np.bincount(reports["part"], minlength=len(self.parts)).astype(np.int64)
        return np.concatenate([counts, *tallied])

    def part_aggregates(self, aggregate: Aggregate) -> tuple[Aggregate, ...]:
        """The oracles' own aggregates; a part that nobody drew has one of no report."""
        self._counted(aggregate)
        out, first = [], len(self.parts)
        for part, count in zip(self.parts, aggregate.totals[:first].tolist(), strict=True):
            shape = empty_totals(part).shape
            totals = aggregate.totals[first : first + prod(shape)].reshape(shape)
            first += prod(shape)
            out.append(Aggregate(part.spec.digest, count, 0, totals))
        return tuple(out)

    def estimates(self, aggregate: Aggregate) -> tuple[Estimate, ...]:
        """One estimate a part, of the shares among *all* agents; its `reports` are those of the part.

        Raises `ConfigurationError` if a part has no report.
        """
        n, parts = self._counted(aggregate), self.part_aggregates(aggregate)
        without = sum(part.reports < 1 for part in parts)
        if without:
            raise ConfigurationError(f"{without} of {len(parts)} parts have no report", instead="take more agents")
        return tuple(_estimated(oracle, part, n) for oracle, part in zip(self.parts, parts, strict=True))

    def estimate(self, aggregate: Aggregate) -> Estimate:
        """All parts' shares behind one another, raw and unbiased; `estimates` has them apart."""
        return joined(self.estimates(aggregate), aggregate)

    def max_influence(self) -> Influence:
        """Where each part has n / parts of the reports: see `sampled_influence`."""
        return sampled_influence(self.parts)

    def simulate(self, values: ArrayLike, counts: ArrayLike, *, entropy: Entropy) -> Aggregate:
        """An aggregate of agents of whom `counts[i]` hold the record `values[i]`: for planning, never for data.

        Parts have their exact joint law; within a part it is what the oracle simulates.
        """
        records = self.checked(values)
        held, many = checked_held(counts, len(records)), len(self.parts)
        generator = entropy.generator(f"simulate {self._name}")
        drawn = generator.multinomial(held, np.full(many, 1 / many))
        tallied = []
        for at, part in enumerate(self.parts):
            items = np.bincount(self.part_values(records, at), weights=drawn[:, at], minlength=part.categories)
            own = Entropy.seeded(int(generator.integers(1 << 62)))
            made = part.simulate(items.astype(np.int64), entropy=own).totals if items.any() else empty_totals(part)
            tallied.append(made.ravel())
        return Aggregate(self.spec.digest, int(held.sum()), 0, np.concatenate([drawn.sum(axis=0), *tallied]))


def checked_sizes(categories: object) -> tuple[int, ...]:
    """The numbers of items of 1 to 4096 attributes, each at least 2."""
    if not isinstance(categories, tuple) or not 0 < len(categories) <= MOST_ATTRIBUTES:
        raise ConfigurationError(f"categories is a tuple of 1 to {MOST_ATTRIBUTES} whole numbers, one an attribute")
    return tuple(whole("categories", size, least=2) for size in categories)


def oracles_of(sizes: Sequence[int], epsilon: Fraction | float, oracle: Factory) -> tuple[FrequencyOracle, ...]:
    """An oracle for each number of items; equal numbers share one."""
    made = {size: oracle(size, epsilon) for size in dict.fromkeys(sizes)}
    if any(one.categories != size for size, one in made.items()):
        raise ConfigurationError("the factory gave an oracle of another number of items")
    return tuple(made[size] for size in sizes)


def checked_records(values: ArrayLike, categories: tuple[int, ...]) -> Indices:
    """Whole numbers `(n, d)`, column a in [0, categories[a]), as int64. Never prints a value."""
    array = np.atleast_2d(as_array(values, "records"))
    if array.ndim != 2 or array.shape[1] != len(categories) or (array.size and array.dtype.kind not in "iu"):
        raise ConfigurationError(
            f"records are whole numbers of shape (agents, {len(categories)}), not {array.dtype} of shape {array.shape}"
        )
    limits = np.array(categories, dtype=np.uint64)
    bad = ((array < 0) | (array.astype(np.uint64) >= limits)).any(axis=1)
    if bad.any():
        raise DataError(
            f"{int(bad.sum())} of {len(array)} records have an attribute that is no item",
            row=int(np.argmax(bad)) + 1,
            instead="attribute a has the numbers 0 to categories[a] - 1",
        )
    return array.astype(np.int64)


def checked_part(part: object, parts: int) -> int:
    """The number of a part."""
    number = whole("part", part, least=0)
    if number >= parts:
        raise ConfigurationError(f"the parts are 0 to {parts - 1}, not {number}")
    return number


def checked_held(counts: ArrayLike, records: int) -> Indices:
    """How many agents hold each of so many records: whole numbers >= 0 that add up to at least 1."""
    held = whole_array(counts, "counts")
    if held.shape != (records,) or not records or held.min() < 0 or not 0 < held.sum() < 1 << 53:
        raise ConfigurationError(f"counts are {records} whole numbers >= 0 that add up to at least 1")
    return held


def joined(parts: tuple[Estimate, ...], aggregate: Aggregate) -> Estimate:
    """The estimates of all parts behind one another."""
    worst = [np.broadcast_to(part.worst_variance, part.value.shape) for part in parts]
    return Estimate(
        value=np.concatenate([part.value for part in parts]),
        variance=np.concatenate([part.variance for part in parts]),
        worst_variance=np.concatenate(worst),
        reports=aggregate.reports,
        refused=aggregate.refused,
        law=Joined(parts),
    )


def groups(numbers: Array) -> Iterator[tuple[int, Indices]]:
    """The rows of each number that occurs, ascending: one sort for all of them."""
    order = np.argsort(numbers, kind="stable")
    present, starts = np.unique(numbers[order], return_index=True)
    yield from zip(present.tolist(), np.split(order, starts[1:]), strict=False)


def empty_totals(oracle: FrequencyOracle) -> Indices:
    """The oracle's totals of no report."""
    columns = tuple(np.zeros(column.shape(0), dtype=column.dtype) for column in oracle.layout)
    return oracle.tally(Reports(oracle.spec.digest, oracle.layout, columns))


def sampled_variance(oracle: FrequencyOracle, share: ArrayLike, reports: int, drew: int) -> Floats:
    """Of a share among all, from the answers of a random sample without replacement."""
    f = np.asarray(share, dtype=np.float64)
    spread = f * (1 - f) * (reports - drew) / drew / max(reports - 1, 1)
    return np.asarray(oracle.variance(f, reports=drew)) + spread


def _estimated(oracle: FrequencyOracle, aggregate: Aggregate, reports: int) -> Estimate:
    """The oracle's estimate, with the variance and the law of a sample of the agents."""
    own = oracle.estimate(aggregate)
    spread = own.variance - np.asarray(oracle.variance(np.clip(own.value, 0, 1), reports=own.reports))
    variance = sampled_variance(oracle, np.clip(own.value, 0, 1), reports, own.reports) + spread
    worst = float(np.max(sampled_variance(oracle, np.array([0.0, 0.5, 1.0]), reports, own.reports)))
    law = own.law
    if isinstance(law, Counted):
        law = Sampled(law.supports, own.reports, law.p, law.q)
    return Estimate(own.value, variance, max(worst, float(np.max(own.worst_variance))), own.reports, law=law)
