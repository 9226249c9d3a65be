"""Every example runs, is short, and says what it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = [
    "explain_flow.py",
    "heavy_hitters.py",
    "histogram.py",
    "local_mean.py",
    "local_vectors.py",
    "location_demand.py",
    "lying_party.py",
    "noise_in_shares.py",
    "poisoned_histogram.py",
    "secure_sum.py",
]
SAYS = {
    "explain_flow.py": [
        "against coordinator + paris: epsilon 0.732",
        "the witnesses hold",
        "Against whoever runs the rounds and “paris”",
        "Contre quiconque mène les tours",
        "with a little less noise: step 'linear-gaussian'",
    ],
    "heavy_hitters.py": ["'the'", "Too high on average"],
    "histogram.py": ["for 100,000 reports", "of the intervals hold the truth"],
    "local_mean.py": ["Duchi", "Piecewise", "Hybrid", "one liar moves the mean by"],
    "local_vectors.py": ["priv-unit-subset      proven", "priv-unit-g           idealized"],
    "location_demand.py": ["estimated demand (biased)", "epsilon 0.0040 per meter"],
    "secure_sum.py": ["75 of 80 answered", "against the coordinator + 10% of agents", "aes-256-gcm: what"],
    "poisoned_histogram.py": ["intervals for 200 liars hold", "screened, adaptive liars"],
    "lying_party.py": [
        "sum [10, 100] of agents [1, 2, 3, 4]",
        "sum [8, 80] of agents [1, 3, 4]",
        "fault of [3]",
        "sum nothing",
    ],
    "noise_in_shares.py": ["epsilon 0.99", "against the spies"],
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_examples_run_and_say_what_they_promise(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    for words in SAYS[name]:
        assert words in done.stdout


@pytest.mark.slow
def test_the_seeds_script_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "survey_seeds.py"), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.count("mean gap") == 2
    assert "against coordinator + 10% of agents" in done.stdout


@pytest.mark.slow
def test_the_tuning_script_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "tune_survey.py"), "--quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert "gap with 10 % label flips" in done.stdout
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_examples_are_short_and_documented(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    assert ast.get_docstring(ast.parse(text))
    assert path.name in SCRIPTS or path.name in {"survey_seeds.py", "synthetic_survey.py", "tune_survey.py"}


def test_the_made_up_people_fit_the_plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import tip  # noqa: PLC0415 - as a user of the example would

    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    plan = tip.Plan.read(EXAMPLES / "survey.toml").replace("data.source=synthetic_survey:survey", "data.exclude=[]")
    run = tip.simulate(plan.replace("rounds=3", "max_participations=3"))
    assert run.rounds_done == 3
    assert run.baseline is not None
    assert 0.7 < run.baseline["auc"] < 0.9


@pytest.mark.parametrize("engine", ["vectorized", "machines"])
def test_the_question_is_answered_and_hides_who_said_what(tmp_path: Path, engine: str) -> None:
    import tip  # noqa: PLC0415 - as a user of the example would

    plan = tip.QuestionPlan.read(EXAMPLES / "question.toml").replace(f"engine={engine}")
    run = tip.simulate(plan, folder=tmp_path / "run")
    low, high = run.estimate.interval(0.95)
    assert run.answer.asked == 5018
    assert run.baseline is not None
    assert all(low[i] < run.baseline[item] < high[i] for i, item in enumerate(run.items))
    assert run.guarantees[0].at_most(1.0, 0.0)
    assert round(run.metrics["Yes"], 4) == 0.1408
    page = (run.folder / "report.html").read_text()
    for words in ("Have you ever used", "randomized report", "factor of 2.72", "evaluation only"):
        assert words in page
