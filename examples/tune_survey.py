"""How the constants of survey.toml were chosen: by runs on made-up people (docs/survey.md says what else was seen).

python examples/tune_survey.py            all candidates, five seeds each, with and without liars
python examples/tune_survey.py --quick    one candidate, one seed
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from statistics import mean, pstdev
from tempfile import TemporaryDirectory

import tip

HERE = Path(__file__).parent
CANDIDATES = [*product((50, 100, 200), (0.3, 0.6, 1.0), (3.0,)), (100, 0.6, 1.5), (100, 0.6, 5.0)]


def gap(plan: tip.Plan) -> float:
    """AUC of the pooled model without privacy minus AUC of the private one."""
    with TemporaryDirectory() as folder:
        run = tip.simulate(plan, folder=Path(folder) / "run")
    return (run.baseline or {})["auc"] - run.metrics["auc"]


def main(*, quick: bool) -> None:
    """Print the mean gap (and its spread) of each candidate."""
    sys.path.insert(0, str(HERE))
    plan = tip.Plan.read(HERE / "survey.toml").replace("data.source=synthetic_survey:survey", "data.exclude=[]")
    seeds = range(1, 2) if quick else range(1, 6)
    print("rounds  clip  rate   gap without liars   gap with 10 % label flips")
    for count, clip, reach in CANDIDATES[:1] if quick else CANDIDATES:
        told = [f"rounds={count}", f"max_participations={count}", f"clipping_norm={clip}"]
        told.append(f"server_learning_rate={reach / clip}")
        gaps = [
            [gap(plan.replace(*told, f"seed={seed}", f"adversary.fraction={liars}")) for seed in seeds]
            for liars in (0.0, 0.1)
        ]
        figures = "   ".join(f"{mean(g):.4f} (sd {pstdev(g):.4f})" for g in gaps)
        print(f"{count:6d}  {clip:4.1f}  {reach / clip:4.1f}   {figures}", flush=True)


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
