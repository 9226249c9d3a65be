"""Biased estimators of local mechanisms: bias and MSE, told, never judged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from _convention import quick
from _local_dp_lines import Line

from tip.mechanisms.categorical import GeneralizedRandomizedResponse
from tip.mechanisms.distribution import SquareWave
from tip.mechanisms.heavy_hitters import PrefixExtendingMethod
from tip.mechanisms.postprocessing import normalize
from tip.mechanisms.rappor import Rappor
from tip.mechanisms.unary import OptimizedUnaryEncoding
from tip.randomness import Entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.frequency import FrequencyOracle

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

AGENTS: Final = 2000 if quick() else 100_000
RUNS: Final = 5 if quick() else 30
CELLS: Final = ((128, 1), (128, 4), (1024, 1), (1024, 4))


def biased() -> Iterator[Line]:
    """All of them."""
    yield from processed()
    yield from distributions()
    yield from hitters()
    yield from filters()


def shares(categories: int, exponent: float = 1.1) -> Floats:
    """Shares as 1 / rank^exponent."""
    weights = np.arange(1, categories + 1) ** -exponent
    return np.asarray(weights / weights.sum())


def told(case: str, figure: str, values: Floats | list[float], expected: float, note: str = "") -> Line:
    """A mean over runs with its error; `expected` is what an unbiased, or a perfect, estimator would have."""
    found = np.asarray(values, dtype=np.float64)
    error = float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0
    return Line("biased", case, figure, float(found.mean()), expected, error, note=note)


def processed() -> Iterator[Line]:
    """Post-processing: squared error over that of the raw estimate, and the bias of the most frequent item."""
    for categories, epsilon in CELLS[:1] if quick() else CELLS:
        counts = counts_of(shares(categories))
        made: tuple[tuple[str, FrequencyOracle, tuple[str, ...]], ...] = (
            ("OUE", OptimizedUnaryEncoding(categories, epsilon), ("norm_sub", "base_cut")),
            ("GRR", GeneralizedRandomizedResponse(categories, epsilon), ("norm_sub", "ibu")),
        )
        for name, oracle, methods in made:
            yield from methods_of(f"{name}, k {categories}, eps {epsilon}", oracle, counts, methods)


def counts_of(share: Floats) -> Indices:
    """How many agents hold each item."""
    counts = (AGENTS * share).astype(np.int64)
    counts[0] += AGENTS - counts.sum()
    return counts


def methods_of(case: str, oracle: FrequencyOracle, counts: Indices, methods: tuple[str, ...]) -> Iterator[Line]:
    """Each method on the same simulated totals."""
    generator = Entropy.seeded(1).generator(case)
    truth = counts / AGENTS
    raw = [
        oracle.estimate(oracle.simulate(counts, entropy=Entropy.seeded(int(generator.integers(1 << 62)))))
        for _ in range(RUNS)
    ]
    base = np.mean([np.square(one.value - truth).sum() for one in raw])
    for method in methods:
        found = np.array([normalize(one, method).value for one in raw])
        yield told(f"{case}, {method}", "MSE / raw MSE", np.square(found - truth).sum(axis=1) / base, 1.0)
        yield told(f"{case}, {method}", "top item's bias", AGENTS * (found[:, 0] - truth[0]), 0.0, "people")
    if "ibu" not in methods:
        cdfs = np.cumsum(np.array([one.value for one in raw]), axis=1) - np.cumsum(truth)
        flat = np.array([normalize(as_cdf(one), "isotonic").value for one in raw]) - np.cumsum(truth)
        ratio = np.square(flat).sum(axis=1) / np.square(cdfs).sum(axis=1).mean()
        yield told(f"{case}, isotonic on the cdf", "MSE / raw MSE", ratio, 1.0)


def as_cdf(estimate: Estimate) -> Estimate:
    """The running sums of an estimate of shares."""
    return replace(estimate, value=np.cumsum(estimate.value))


def distributions() -> Iterator[Line]:
    """Square Wave with EM and EMS: distance of the distributions, bias of the mean."""
    cells = np.arange(1024)
    share = np.exp(-0.5 * ((cells - 350) / 120) ** 2) + 0.4 * np.exp(-0.5 * ((cells - 800) / 40) ** 2)
    counts = counts_of(share / share.sum())
    truth = counts.reshape(256, 4).sum(axis=1) / AGENTS
    for epsilon in (1,) if quick() else (0.5, 1, 2, 4):
        mechanism = SquareWave(0, 1, epsilon)
        generator = Entropy.seeded(2).generator(str(epsilon))
        for name, smoothing in (("EMS", True), ("EM", False)):
            runs = [
                mechanism.estimate(
                    mechanism.simulate(counts, entropy=Entropy.seeded(int(generator.integers(1 << 62)))),
                    smoothing=smoothing,
                )
                for _ in range(min(RUNS, 12))
            ]
            case = f"Square Wave, {name}, 256 bins, eps {epsilon}"
            found = np.array([one.value for one in runs])
            yield told(case, "W1", np.abs(np.cumsum(found - truth, axis=1)).sum(axis=1) / 256, 0.0, "of a range of 1")
            mean = (np.arange(256) + 0.5) / 256
            yield told(case, "bias of the mean", (found - truth) @ mean, 0.0)
            yield told(case, "MSE of a bin", np.square(found - truth).mean(axis=1), 0.0)


def hitters() -> Iterator[Line]:
    """Heavy hitters: 20,000 strings, 1 / rank^1.3: how many of the 16 are found, and how high their shares come out."""
    share = shares(20_000, 1.3)
    counts = counts_of(share)
    strings = np.arange(20_000, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    held = np.repeat(strings, counts)
    true = dict(zip(strings.tolist(), (counts / AGENTS).tolist(), strict=True))
    for epsilon in (4,) if quick() else (1, 2, 4):
        for held_out in (False, True):
            mechanism = PrefixExtendingMethod(32, epsilon, held_out=held_out)
            recalls, lifts = [], []
            for run in range(1 if quick() else 6):
                found = mechanism.decode(mechanism.randomize(held, entropy=Entropy.seeded(run)))
                real = np.array([true.get(int(item), 0.0) for item in found.items])
                recalls.append(len(set(found.items.tolist()) & set(strings[:16].tolist())) / 16)
                lifts.append(float(np.mean(found.share - real)))
            case = f"PEM, 32 bits, n {AGENTS}, eps {epsilon}{', held out' * held_out}"
            yield told(case, "recall of 16", recalls, 1.0)
            yield told(case, "bias of found shares", lifts, 0.0)


def filters() -> Iterator[Line]:
    """RAPPOR's decoding: 50 strings, 1 / rank^1.1, among 100 candidates."""
    counts, candidates = counts_of(shares(50)), np.arange(100)
    truth = np.concatenate([counts / AGENTS, np.zeros(50)])
    for epsilon in (4,) if quick() else (1, 2, 4):
        mechanism = Rappor.for_budget(64, 2, 8, epsilon=epsilon, limit=2 * epsilon)
        found = np.zeros((1 if quick() else 5, 100))
        for run, row in enumerate(found):
            aggregate = mechanism.simulate(candidates[:50], counts, entropy=Entropy.seeded(run))
            decoded = mechanism.decode(aggregate, candidates)
            row[decoded.keys] = decoded.share
        case = f"RAPPOR decoded, 8 cohorts of 64 bits, eps {epsilon}"
        yield told(case, "recall of 8", (found[:, :8] > 0).mean(axis=1), 1.0)
        yield told(case, "found, held by nobody", (found[:, 50:] > 0).sum(axis=1), 0.0)
        yield told(case, "top item's bias", AGENTS * (found[:, 0] - truth[0]), 0.0, "people")
        yield told(case, "MSE of a share", np.square(found - truth).mean(axis=1), 0.0)
