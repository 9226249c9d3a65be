"""Attacks of the derivations: do they reach the predicted trade-off curve, and never more than was proven?

Each flow is attacked in 100,000 trials without and as many with the change, at thresholds that were fixed beforehand.
Verdicts, each at six rates of false alarms: the predicted rates lie inside exact intervals of what was counted; what
was counted is not above the proven bound; a prediction that is 10 % off is refused, as a check of the check. All
intervals together miss with a probability of at most 1e-6. Exit code 1 where a verdict fails.

`--json`: a line for each flow. `--quick`: 10,000 trials. `--plot FILE`: the curves as SVG.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from _attack_runs import Asked, Evaluated, Run
from _attack_sums import Summed
from scipy.special import ndtr, ndtri

from tip.flow import readymade
from tip.flow.model import Wiring
from tip.flow.scores import Counted, measured
from tip.protocols import clear, ideal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FALSE_ALARMS: Final = (0.001, 0.01, 0.05, 0.1, 0.3, 0.5)
MISS: Final = 1e-6  # of all intervals of all flows together
TRIALS: Final = 100_000
TIGHT: Final = 1e-9  # relative, of the test's mu to the one that was derived
OFF: Final = 0.1  # by how much a wrong prediction is off
SEED: Final = 20
NINE: Final = Fraction(9)
CASES: Final[tuple[Summed | Asked | Evaluated, ...]] = (
    Summed("clear, coordinator", clear, "coordinator", 5, 5, 6, Fraction(36)),
    Summed("clear, world", clear, "world", 4, 4, 5, Fraction(16)),
    Summed("ideal, coordinator", ideal, "coordinator", 6, 6, 7, NINE, bits=16),
    Summed("ideal, 3 of 6 collude", ideal, "coordinator", 8, 6, 4, NINE, colluders=(5, 6, 7), silent=(3, 4)),
    Summed("ideal, four rounds", ideal, "coordinator", 4, 4, 2, NINE, rounds=4),
    Summed("ideal, 3 of 8 drop out", ideal, "coordinator + world", 8, 5, 4, Fraction(13, 2), silent=(2, 5, 7)),
    Asked("local, randomized response", Fraction(3, 2)),
    Evaluated(
        "pairwise, 4-out, 3 collude",
        readymade.pairwise(12, readymade.k_out(4, seed=3), own_variance=Fraction(1, 8), pair_variance=Fraction(2)),
        "world",
        (2, 5, 7),
    ),
    Evaluated(
        "decor, ring, four steps",
        readymade.decor(8, Wiring.RING, steps=4, own_variance=Fraction(1), pair_variance=Fraction(2)),
        "world",
    ),
    Evaluated(
        "gossip, path, four rounds",
        readymade.gossip(9, Wiring.PATH, rounds=4, variance=Fraction(1, 2)),
        "agent.0",
        agent=3,
    ),
    Evaluated("square root, 16 rounds", readymade.square_root(16, variance=Fraction(1)), "world"),
    Evaluated("token ring, four turns", readymade.token_ring(6, turns=4, variance=Fraction(1)), "agent.3"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A run, what was counted at each rate, and what does not hold."""

    run: Run
    counted: tuple[Counted, ...]
    wrong: tuple[str, ...]


def judged(run: Run, *, cells: int) -> Result:
    """The verdicts on one run; `cells` intervals share `MISS`."""
    thresholds = [run.laws.quiet.threshold(rate) for rate in FALSE_ALARMS]
    counted = measured(run.quiet, run.loud, thresholds, miss=MISS / cells)
    wrong = [] if run.told else ["what was seen is what the flow says"]
    if run.mu is not None and run.reached is not None and abs(run.mu - run.reached) > TIGHT * run.mu:
        wrong.append(f"the test's mu is the derivation's: {run.reached:.9f}, {run.mu:.9f}")
    wrong += [f"the predicted curve is reached: {text}" for text in misses(counted, run.predicted)]
    for rate, cell in zip(FALSE_ALARMS, counted, strict=True):
        if cell.hit_interval[0] > run.bound.hit_rate(cell.false_alarm_interval[1]):
            wrong.append(f"no more than was proven at {rate}: {cell.hit_rate:.4f}")
    for factor in (1 - OFF, 1 + OFF):
        if not misses(counted, distorted(run.predicted, factor)):
            wrong.append(f"a prediction {factor:g} times as far is refused")
    return Result(run, counted, tuple(wrong))


def misses(counted: Iterable[Counted], predicted: Callable[[float], float]) -> list[str]:
    """The rates at which a predicted rate lies outside its interval."""
    found = []
    for rate, cell in zip(FALSE_ALARMS, counted, strict=True):
        for what, value, (low, high) in (
            ("false alarms", rate, cell.false_alarm_interval),
            ("hits", predicted(rate), cell.hit_interval),
        ):
            if not low <= value <= high:
                found.append(f"{what} at {rate}: {value:.4f} is not in [{low:.4f}, {high:.4f}]")
    return found


def distorted(predicted: Callable[[float], float], factor: float) -> Callable[[float], float]:
    """A curve whose points lie `factor` times as far from blind guessing; a Gaussian curve of factor times mu."""

    def hit_rate(rate: float) -> float:
        guess = ndtri(rate)
        return float(ndtr(guess + factor * (ndtri(predicted(rate)) - guess)))

    return hit_rate


def cells_of(cases: int) -> int:
    """False alarms and hits of each flow at each rate."""
    return 2 * len(FALSE_ALARMS) * cases


def as_json(result: Result) -> dict[str, Any]:
    """One line."""
    run = result.run
    return {
        "case": run.name,
        "over": run.over,
        "curve": run.shape,
        "mu": run.mu,
        "trials": len(run.quiet),
        "false_alarms": list(FALSE_ALARMS),
        "predicted": [run.predicted(rate) for rate in FALSE_ALARMS],
        "measured": [cell.hit_rate for cell in result.counted],
        "measured_false_alarms": [cell.false_alarms / cell.trials for cell in result.counted],
        "bound": [run.bound.hit_rate(rate) for rate in FALSE_ALARMS],
        "wrong": list(result.wrong),
    }


def as_row(result: Result) -> str:
    """Measured / predicted hit rates, and the bound where it is another."""
    run = result.run
    mu = "  -  " if run.mu is None else f"{run.mu:5.3f}"
    row = f"{run.name:<34}{mu}"
    for rate, cell in zip(FALSE_ALARMS, result.counted, strict=True):
        row += f"  {cell.hit_rate:.4f}/{run.predicted(rate):.4f}/{run.bound.hit_rate(rate):.4f}"
    return row + "".join(f"\n    WRONG, not: {text}" for text in result.wrong)


def main() -> int:
    """Print the table; the exit code."""
    flags = sys.argv[1:]
    trials = 10_000 if "--quick" in flags else TRIALS
    results = []
    if "--json" not in flags:
        print(f"{'hits: measured/predicted/proven':<34}{'mu':>5}" + "".join(f"{a:>22}" for a in FALSE_ALARMS))
    for number, case in enumerate(CASES):
        result = judged(case.run(trials, SEED + number), cells=cells_of(len(CASES)))
        results.append(result)
        print(json.dumps(as_json(result)) if "--json" in flags else as_row(result), flush=True)
    wrong = sum(len(result.wrong) for result in results)
    if "--json" not in flags:
        print(f"{len(CASES)} flows, {trials:,} trials each without and with the change; {wrong} verdicts wrong")
    if "--plot" in flags:
        from _attack_plot import plot  # noqa: PLC0415 - the only need for matplotlib

        plot(results, FALSE_ALARMS, Path(flags[flags.index("--plot") + 1]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
