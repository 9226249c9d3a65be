"""Lines of the accuracy tables, and when one of them is wrong."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from _convention import quick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALPHA: Final = 1e-6  # for all verdicts of a run together
MOST_VERDICTS: Final = 4000
LEAST_P: Final = ALPHA / MOST_VERDICTS


@dataclass(frozen=True, slots=True)
class Line:
    """A measured figure beside the expected one; `wrong` is None where nothing is claimed."""

    table: str
    case: str
    figure: str
    measured: float
    expected: float
    error: float = 0.0  # of the measured figure: its standard deviation, 0 if it is not random
    z: float = 0.0
    wrong: bool | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """What the last column says."""
        return {None: "told", True: "WRONG", False: "ok"}[self.wrong]

    def as_json(self) -> dict[str, Any]:
        """The line's object."""
        fields = asdict(self)
        del fields["wrong"]
        return fields | {"verdict": self.verdict}

    def as_row(self) -> str:
        """The line of a table."""
        spread = f"+-{self.error:.2g}" if self.error else ""
        return (
            f"{self.table:<15}{self.case:<50}{self.figure:<22}{self.measured:>11.5g} {spread:<9}"
            f"{self.expected:>11.5g} {self.z:>7.2f}  {self.verdict:<6}{self.note}"
        )


def show(lines: Iterable[Line]) -> int:
    """Print each line as it comes; the exit code, 1 if one of them is wrong."""
    wrong = verdicts = 0
    if "--json" not in sys.argv[1:]:
        print(
            f"{'table':<15}{'case':<50}{'figure':<22}{'measured':>11} {'':<9}{'expected':>11} {'z':>7}  verdict",
            flush=True,
        )
    for line in lines:
        print(json.dumps(line.as_json()) if "--json" in sys.argv[1:] else line.as_row(), flush=True)
        wrong += line.wrong is True
        verdicts += line.wrong is not None
    if verdicts > MOST_VERDICTS:
        raise SystemExit(f"{verdicts} verdicts share the alpha of {MOST_VERDICTS}")
    if "--json" not in sys.argv[1:]:
        print(f"{verdicts} verdicts, {wrong} of them wrong{' (--quick: small sizes)' if quick() else ''}")
    return 1 if wrong else 0


def deviations(p: float, *, above: bool) -> float:
    """A two-sided p-value as standard deviations, with a sign."""
    from scipy.special import ndtri  # noqa: PLC0415 - where it is needed

    return float(-ndtri(max(p, 1e-300) / 2)) * (1 if above else -1)


def ratio_line(table: str, case: str, ratios: Floats, note: str = "") -> Line:
    """Squared error over variance: is the mean of independent runs 1?

    Their mean is compared with the chi-square law of the same relative spread (Satterthwaite): it has the
    skewness of squares, which the normal law has not.
    """
    from scipy.special import chdtr, chdtrc  # noqa: PLC0415 - where it is needed

    mean, error = float(ratios.mean()), float(ratios.std(ddof=1)) / math.sqrt(len(ratios))
    freedom = 2 * (mean / error) ** 2
    p = 2 * min(float(chdtr(freedom, freedom * mean)), float(chdtrc(freedom, freedom * mean)))
    return Line(table, case, "MSE / variance", mean, 1.0, error, deviations(p, above=mean > 1), bool(p < LEAST_P), note)


def bias_line(table: str, case: str, errors: Floats, variance: Floats, reports: int, reach: float) -> Line:
    """The worst mean error, in its standard deviations, over `(runs, entries)`; by Bernstein's inequality for
    sums of independent numbers of modulus <= reach, times the number of entries.
    """
    runs = len(errors)
    mean = errors.mean(axis=0)
    z = mean / np.sqrt(variance / runs)
    exponents = z**2 / 2 / (1 + reach * np.abs(mean) / (3 * variance * reports))
    worst = int(np.argmin(-exponents))
    p = min(1.0, 2 * z.size * math.exp(-float(exponents[worst])))
    figure = "worst mean error / sd" if z.size > 1 else "mean error / sd"
    return Line(table, case, figure, float(z[worst]), 0.0, 1.0, deviations(p, above=z[worst] > 0), bool(p < LEAST_P))


def number_line(case: str, figure: str, measured: float, expected: float, tolerance: float, note: str = "") -> Line:
    """A figure of the literature: relatively within the tolerance, which its printed digits set."""
    wrong = abs(measured / expected - 1) > tolerance
    return Line("numbers", case, figure, measured, expected, wrong=wrong, note=note)


def share_p(hits: float, runs: int, share: float, *, less: bool) -> float:
    """P[Bin(runs, share) <= hits] or >= hits."""
    from scipy.special import bdtr, bdtrc  # noqa: PLC0415 - where it is needed

    return float(bdtr(hits, runs, share) if less else bdtrc(hits - 1, runs, share))
