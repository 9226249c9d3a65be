"""The survey over five seeds, with and without liars: the loss of AUC against the pooled model.

    python examples/survey_seeds.py           ten runs, about a minute
    python examples/survey_seeds.py --quick   two seeds, two rounds

All figures are evaluation only. Five seeds repeat an experiment; they are no five releases under one budget.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

import tip

PLAN = tip.Plan.read(Path(__file__).parent / "survey.toml")


def main(*, quick: bool) -> None:
    """Print AUC, baseline and epsilon of each run, and the mean gap with its spread."""
    plan = PLAN.replace("rounds=2", "max_participations=2") if quick else PLAN
    for liars in (0.0, 0.1):
        gaps = []
        for seed in range(1, 3 if quick else 6):
            with TemporaryDirectory() as folder:
                run = tip.simulate(
                    plan.replace(f"seed={seed}", f"adversary.fraction={liars}"), folder=Path(folder) / "run"
                )
            auc, baseline = run.metrics["auc"], (run.baseline or {})["auc"]
            gaps.append(baseline - auc)
            print(
                f"liars {liars:.0%}  seed {seed}  auc {auc:.4f}  baseline {baseline:.4f}  gap {gaps[-1]:+.4f}",
                flush=True,
            )
        told = run.guarantees[0]
        print(
            f"liars {liars:.0%}  mean gap {mean(gaps):.4f} (sd {stdev(gaps):.4f}), epsilon {told.epsilon:.4f},", end=" "
        )
        print(f"delta {told.delta.total:g}, {told.unit}, {told.neighboring}, against {told.coalition.text}", flush=True)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
