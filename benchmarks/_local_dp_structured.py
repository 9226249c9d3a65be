"""Accuracy of local mechanisms with structure: trees, parts, sketches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from _convention import quick
from _local_dp_lines import bias_line, ratio_line

from tip.mechanisms.attributes import RandomSamplingFakeData, SampledAttribute
from tip.mechanisms.marginals import TwoWayMarginals
from tip.mechanisms.ranges import Hierarchical
from tip.mechanisms.rappor import Rappor
from tip.mechanisms.sampled_parts import sampled_variance
from tip.mechanisms.sketch import CountMeanSketch
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _local_dp_lines import Line
    from numpy.typing import NDArray

    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.base import Mechanism
    from tip.mechanisms.reports import Reports
    from tip.mechanisms.sampled_parts import SampledParts

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

AGENTS: Final = 1000
RUNS: Final = 20 if quick() else 200
EPSILONS: Final = (1.0,) if quick() else (0.5, 1.0, 2.0, 4.0)
SIZES: Final = (2, 16, 64)  # items of three attributes
PLACES: Final = np.arange(AGENTS)


def structured() -> Iterator[Line]:
    """All of them, at every epsilon."""
    for epsilon in EPSILONS:
        yield from ranges(epsilon)
        yield from parts(epsilon)
        yield sketch(epsilon)
        yield from filters(epsilon)


def skewed(categories: int, turn: int) -> Indices:
    """An item for each agent, small ones more often; other turns deal them to other agents."""
    share = (PLACES * turn % AGENTS + 0.5) / AGENTS
    return (categories * share**2).astype(np.int64)


def runs(mechanism: Mechanism, values: Indices) -> Iterator[Reports]:
    """Reports of the same agents, again and again."""
    everyone = np.concatenate([values] * RUNS)
    reports = mechanism.randomize(everyone, entropy=Entropy.seeded(20261122))
    return (reports.take(slice(AGENTS * run, AGENTS * (run + 1))) for run in range(RUNS))


def judged(case: str, errors: list[Floats], variances: list[Floats], reach: float) -> Iterator[Line]:
    """As for plain oracles; the variance is the exact one given how many agents drew each part, run by run."""
    found, noise = np.array(errors), np.array(variances)
    yield ratio_line("structure", case, (found**2 / noise).mean(axis=1))
    yield bias_line("structure", case, found, noise.mean(axis=0), AGENTS, reach)


def ranges(epsilon: float) -> Iterator[Line]:
    """Consistent range queries from a tree of 64 items."""
    mechanism, values = Hierarchical(64, epsilon), skewed(64, 1)
    truth = np.bincount(values, minlength=64) / AGENTS
    sums = np.concatenate([[0.0], np.cumsum(truth)])
    first, end = np.array([0, 3, 10, 63, 16]), np.array([5, 40, 64, 64, 32])
    errors, variances = [], []
    for reports in runs(mechanism, values):
        tree = mechanism.estimate(mechanism.aggregate(reports))
        errors.append(tree.range(first, end).value - (sums[end] - sums[first]))
        variances.append(replace(tree, shares=truth).range(first, end).variance)
    reach = 10 * mechanism.max_influence().item
    yield from judged(f"5 ranges, k 64, fanout 4, eps {epsilon:g}", errors, variances, reach)


def parts(epsilon: float) -> Iterator[Line]:
    """One attribute of three, pairs of attributes, and fake data."""
    records = np.stack([skewed(size, turn) for size, turn in zip(SIZES, (1, 7, 333), strict=True)], axis=1)
    made: tuple[tuple[str, SampledParts], ...] = (
        ("SMP", SampledAttribute(SIZES, epsilon)),
        ("two-way marginals", TwoWayMarginals(SIZES, epsilon)),
    )
    for name, mechanism in made:
        truths = [
            np.bincount(mechanism.part_values(records, at), minlength=part.categories) / AGENTS
            for at, part in enumerate(mechanism.parts)
        ]
        errors, variances = [], []
        for reports in runs(mechanism, records):
            aggregate = mechanism.aggregate(reports)
            errors.append(mechanism.estimate(aggregate).value - np.concatenate(truths))
            variances.append(given(mechanism, aggregate, truths))
        case = f"{name}, 2 x 16 x 64 items, eps {epsilon:g}"
        yield from judged(case, errors, variances, 2 * mechanism.max_influence().item)
    fake = RandomSamplingFakeData(SIZES, epsilon)
    shares = [np.bincount(column, minlength=size) / AGENTS for column, size in zip(records.T, SIZES, strict=True)]
    exact = np.concatenate([fake.variance(at, share, reports=AGENTS) for at, share in enumerate(shares)])
    found = [fake.estimate(fake.aggregate(reports)).value - np.concatenate(shares) for reports in runs(fake, records)]
    case = f"RS+FD, 2 x 16 x 64 items, eps {epsilon:g}"
    yield from judged(case, found, [exact] * RUNS, fake.max_influence().item + 1)


def given(mechanism: SampledParts, aggregate: Aggregate, truths: list[Floats]) -> Floats:
    """The exact variances, given how many drew each part."""
    drew = [part.reports for part in mechanism.part_aggregates(aggregate)]
    return np.concatenate(
        [
            sampled_variance(part, truth, AGENTS, count)
            for part, truth, count in zip(mechanism.parts, truths, drew, strict=True)
        ]
    )


def sketch(epsilon: float) -> Line:
    """Count-mean sketch: the variance is one over the choice of the hashes, so each run has its own."""
    values = skewed(64, 1)
    shares, errors = np.bincount(values, minlength=64) / AGENTS, []
    for run in range(RUNS):
        mechanism = CountMeanSketch(64, epsilon, hashes=8, width=32, public_seed=run)
        reports = mechanism.randomize(values, entropy=Entropy.seeded(run))
        errors.append(mechanism.estimate(mechanism.aggregate(reports)).value - shares)
    variance = np.asarray(mechanism.variance(shares, reports=AGENTS, shares=shares))
    case = f"count-mean sketch, k 64, 8 x 32, eps {epsilon:g}"
    return ratio_line("structure", case, (np.array(errors) ** 2 / variance).mean(axis=1))


def filters(epsilon: float) -> Iterator[Line]:
    """RAPPOR's bits: the share of each cohort's agents whose bit is set, given who is in which cohort."""
    mechanism = Rappor.for_budget(32, 2, 4, epsilon=epsilon, limit=2 * epsilon)
    values, errors, variances = skewed(50, 1), [], []
    for reports in runs(mechanism, values):
        cohorts = reports["cohort"].astype(np.int64)
        held = mechanism.filters(cohorts, values)
        sizes = np.bincount(cohorts, minlength=4)
        truth = np.array([held[cohorts == cohort].mean(axis=0) for cohort in range(4)])
        errors.append((mechanism.estimate(mechanism.aggregate(reports)).value - truth).ravel())
        variances.append((np.asarray(mechanism.variance(truth)) / sizes[:, None]).ravel())
    case = f"RAPPOR's bits, 4 cohorts of 32 bits, eps {epsilon:g}"
    yield from judged(case, errors, variances, 2 * mechanism.max_influence().item)
