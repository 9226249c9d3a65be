"""Post-processing of estimates: opt-in, never unbiased, and it says so.

Raw estimates are unbiased: some are negative, and shares need not add up to 1. Each function here gives
a *new* `Estimate` that looks more like shares and often has a smaller mean squared error, at the price
of a bias, which `biased` tells. Post-processing never costs privacy. A biased estimate has no interval and
no variance (NaN); sums and averages of many of them do not converge to the truth.

- `norm_sub`: the nearest point of the simplex (Wang, Lopuhaa-Zwakenberg, Li, Skoric, Li, NDSS 2020: shift all
  entries alike, set negative ones to 0, until they add up to 1; Held, Wolfe, Crowder 1974: the projection).
- `base_cut`: what is not above the noise becomes 0 (NDSS 2020). Nothing else changes.
- `ibu`: the shares that make randomized responses most probable (`tip.mechanisms.reconstruction`).
- `isotonic`: the nearest monotone sequence, by pooling adjacent violators; for distribution functions.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError
from tip.mechanisms.estimates import Counted, Estimate
from tip.mechanisms.reconstruction import Symmetric, reconstruct
from tip.privacy.checks import probability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-9


def normalize(estimate: Estimate, method: str, **options: Any) -> Estimate:  # noqa: ANN401 - each method's own
    """`method`: "norm_sub", "base_cut", "ibu" or "isotonic", with its options. Opt-in; the result is biased."""
    if method not in METHODS:
        raise ConfigurationError(f"there is no method {method!r}", instead=f"one of {sorted(METHODS)}")
    return METHODS[method](estimate, **options)


def norm_sub(estimate: Estimate) -> Estimate:
    """The nearest point of the simplex in L2: max(value - t, 0), with the t for which these add up to 1.

    Never further from a truth that lies in the simplex than the raw estimate is. Shares of all items are needed: of
    a selection of items it would be wrong.
    """
    return _biased(
        estimate,
        simplex(_shares(estimate)),
        "projected to the simplex: entries are >= 0 and add up to 1; what is rare comes out too high, and the common "
        "ones are moved down (seldom up) by one amount to make room",
    )


def base_cut(estimate: Estimate, *, significance: float = 0.05) -> Estimate:
    """Entries above the noise stay, the others become 0: above z sqrt(variance of an item that nobody holds).

    z is the normal quantile at 1 - `significance` / k: with probability about 1 - `significance` none of k items that
    nobody holds survives.
    """
    shares = _shares(estimate)
    if not 0 < probability("significance", significance) < 1:
        raise ConfigurationError("significance lies strictly between 0 and 1")
    from scipy.special import ndtri  # noqa: PLC0415 - scipy is imported where it is needed

    threshold = -float(ndtri(significance / len(shares))) * _noise(estimate)
    return _biased(
        estimate,
        np.where(shares > threshold, shares, 0.0),
        "cut at the noise: entries below the threshold became 0, so rare items come out too low; those near the "
        "threshold are kept only where chance was in their favor, too high; the sum is not 1",
    )


def ibu(estimate: Estimate, *, gain: float = 1e-3, iterations: int = 10_000) -> Estimate:
    """The iterative Bayesian update: the shares that make the reports most probable. For randomized response.

    Needs reports that name exactly one item, all others alike (p + (k - 1) q = 1): then the counts have all that the
    reports say, and their law is known. Raises `ConfigurationError` for all others.
    """
    _shares(estimate)
    law = estimate.law
    if not isinstance(law, Counted) or estimate.biased:
        raise ConfigurationError("ibu starts from the raw estimate of a frequency oracle")
    k = len(law.supports)
    if abs(law.p + (k - 1) * law.q - 1) > _ROUNDING or int(law.supports.sum()) != estimate.reports:
        raise ConfigurationError(
            "ibu needs reports that name exactly one item",
            why="where a report supports several items, the law of all reports does not follow from each item's count, "
            "and the matrix of possible reports is too large to keep",
            instead='use "norm_sub"; or `reconstruct` with the mechanism\'s own response and counts of reports',
        )
    found = reconstruct(Symmetric(k, law.p, law.q), law.supports, gain=gain, iterations=iterations)
    return _biased(
        estimate,
        found.shares,
        "a maximum-likelihood reconstruction: shares are >= 0 and add up to 1, so what is rare comes out too high and "
        "what is common too low",
    )


def isotonic(estimate: Estimate, *, increasing: bool = True) -> Estimate:
    """The nearest monotone sequence in L2, for values whose order is known, such as a distribution function's."""
    values = _shares(estimate)
    fitted = pooled(values) if increasing else -pooled(-values)
    return _biased(
        estimate,
        fitted,
        "made monotone: neighbors in the wrong order were replaced by their mean, so steps come out too flat inside "
        "pools and the first entries too low, the last ones too high where the truth is flat",
    )


METHODS: Final[Mapping[str, Callable[..., Estimate]]] = {
    "norm_sub": norm_sub,
    "base_cut": base_cut,
    "ibu": ibu,
    "isotonic": isotonic,
}


def simplex(values: Floats) -> Floats:
    """The projection of `(k,)` values to {x >= 0, sum x = 1}, by sorting: O(k log k)."""
    values = values - values.max()  # the projection does not change, and 1 is not lost beside a large entry
    descending = np.sort(values)[::-1]
    shifts = (np.cumsum(descending) - 1) / np.arange(1, len(values) + 1)
    kept = int(np.flatnonzero(descending > shifts)[-1])  # the first entry is: 0 > -1
    projected: Floats = np.maximum(values - shifts[kept], 0.0)
    total = float(projected.sum())
    return np.asarray(projected / total)


def pooled(values: Floats) -> Floats:
    """The nearest non-decreasing sequence (pool adjacent violators, Ayer et al. 1955): O(n).

    A pool is merged with the one before it while its mean is lower; each value enters one pool and each merge ends one.
    """
    sums: list[float] = []
    sizes: list[int] = []
    for value in values.tolist():
        total, size = value, 1
        while sums and sums[-1] * size >= total * sizes[-1]:
            total += sums.pop()
            size += sizes.pop()
        sums.append(total)
        sizes.append(size)
    return np.repeat(np.array(sums) / np.array(sizes), sizes)


def _shares(estimate: Estimate) -> Floats:
    """The estimate's entries, `(k,)`, at least 2 of them, all finite."""
    values = np.asarray(estimate.value, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ConfigurationError("post-processing wants a vector of at least 2 finite entries")
    return values


def _noise(estimate: Estimate) -> Floats | float:
    """The standard deviation of an item that nobody holds; each entry's own where the law is not a count's."""
    law = estimate.law
    if isinstance(law, Counted):
        return sqrt(law.q * (1 - law.q) / estimate.reports) / (law.p - law.q)
    if not np.isfinite(estimate.variance).all():
        raise ConfigurationError("base_cut wants an estimate whose variance is known", instead="cut the raw estimate")
    return estimate.deviation


def _biased(estimate: Estimate, value: Floats, sentence: str) -> Estimate:
    """The estimate with another value: biased, without a variance, without an interval's law."""
    return Estimate(
        value=value,
        variance=np.full(value.shape, np.nan),
        worst_variance=np.nan,
        reports=estimate.reports,
        refused=estimate.refused,
        biased=f"{estimate.biased}; then {sentence}" if estimate.biased else sentence,
    )
