"""Which strings stand behind the Bloom bits: regression on candidates.

The expected shares of set bits are linear in the shares f_v of strings: bit b of cohort c has

    E g[c, b] = sum_v f_v [b is in the filter of v in cohort c] + what strings that are no candidates add

so the shares are fitted to the estimated bits by least squares, each bit with the weight 1 / (its variance), and a
constant column for all others (Erlingsson, Pihur, Korolova, CCS 2014, section 4; they use the lasso, here the fit is
non-negative least squares: Lawson and Hanson 1974):

1. Fit all candidates and the constant with shares >= 0; those of share 0 are left out.
2. Fit the others again without the sign, which gives shares and deviations. The deviations are widened by the root
   of the mean squared residual where that is above 1: strings that are no candidates are noise to this model.
3. Keep those whose share is above z(alpha / candidates) deviations: Bonferroni over *all* candidates.

**What is promised: nothing exact.** The bits are unbiased, the decoded shares are not: the selection uses the data
that it is judged by, a share is reported because it came out large, and other strings fall on the candidates whose
filters resemble theirs. `deviation` is an approximation; no exact variance is claimed, and no interval is offered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tip.mechanisms.estimates import Estimate

    Array = NDArray[Any]
    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

MOST_CANDIDATES: Final = 1 << 12
MOST_ENTRIES: Final = 1 << 27  # bits of all cohorts times candidates: a gigabyte of floats
_BIAS: Final = "selected and estimated from the same reports; strings that are no candidates fall on those that are"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The candidates that are held significantly often, the most frequent first. Biased: see the top of the file.

    `keys`: `(t,)`. `share`: their fitted shares. `deviation`: approximate. `others`: the fitted share of set bits that
    no candidate explains. `misfit`: mean squared residual over its expectation, about 1 if the model fits.
    """

    keys: Indices = field(repr=False)
    share: Floats = field(repr=False)
    deviation: Floats = field(repr=False)
    candidates: int
    others: float
    misfit: float
    reports: int
    refused: int
    biased: str = _BIAS

    def __len__(self) -> int:
        return len(self.keys)


def decoded(bits: Estimate, design: Array, keys: Indices, level: float) -> Decoded:
    """The candidates behind estimated bits; `design` `(bits of all cohorts, candidates)`."""
    from scipy.optimize import nnls  # noqa: PLC0415 - scipy is imported where it is needed
    from scipy.special import ndtri  # noqa: PLC0415

    if not isinstance(level, float) or not 0 < level < 1:
        raise ConfigurationError(f"a level lies between 0 and 1, not {level!r}")
    if len(keys) > MOST_CANDIDATES or design.size > MOST_ENTRIES:
        raise ConfigurationError(
            f"{len(keys)} candidates are too many to decode at once",
            why=f"at most {MOST_CANDIDATES} are served, and 2^27 numbers of bits x candidates",
        )
    weights = 1 / np.sqrt(bits.variance.ravel())
    table = np.concatenate([design, np.ones((len(design), 1))], axis=1) * weights[:, None]
    wanted = bits.value.ravel() * weights
    fitted = nnls(*_reduced(table, wanted))[0]
    chosen = np.flatnonzero(fitted[:-1] > 0)
    share, deviation, misfit, others = _fit(table, wanted, chosen)
    sure = np.flatnonzero(share > -ndtri((1 - level) / len(keys)) * deviation)
    order = sure[np.argsort(-share[sure], kind="stable")]
    return Decoded(
        keys[chosen[order]],
        share[order],
        deviation[order],
        candidates=len(keys),
        others=others,
        misfit=misfit,
        reports=bits.reports,
        refused=bits.refused,
    )


def _reduced(table: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """An equivalent least-squares problem with at most as many rows as columns."""
    if len(table) <= table.shape[1]:
        return table, wanted
    rotation, triangle = np.linalg.qr(table)
    return triangle, rotation.T @ wanted


def _fit(table: Floats, wanted: Floats, chosen: Indices) -> tuple[Floats, Floats, float, float]:
    """Least squares on the chosen columns and the constant: shares, deviations, misfit, the constant."""
    part = table[:, np.append(chosen, table.shape[1] - 1)]
    inverse = np.linalg.pinv(part.T @ part, hermitian=True)
    fitted = inverse @ (part.T @ wanted)
    freedom = max(len(part) - part.shape[1], 1)
    misfit = float(np.square(wanted - part @ fitted).sum()) / freedom
    deviation = np.sqrt(np.maximum(np.diag(inverse), 0) * max(misfit, 1.0))
    return fitted[:-1], deviation[:-1], misfit, float(fitted[-1])
