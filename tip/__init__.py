"""tip: Transparent AI preserving Privacy.

Federated learning among many agents, of whom a part is malicious, without anyone seeing an agent's
data; each figure comes with what it promises, to whom, against whom, and why.

    plan = tip.Plan.read("examples/survey.toml")
    print(tip.in_words(plan, audience="participant"))    # before anything runs
    run = tip.simulate(plan)                             # run.metrics["auc"], run.folder / "report.html"

    question = tip.QuestionPlan.read("examples/question.toml")
    answer = tip.simulate(question)                      # answer.estimate.value, answer.estimate.interval(0.95)

Names are imported when they are first used, so `import tip` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tip import mechanisms
    from tip.data import Population
    from tip.errors import TipError
    from tip.plan import Plan, QuestionPlan, Requirement, read_plan
    from tip.plan.explaining import guarantees, in_words
    from tip.privacy import Coalition, Guarantee
    from tip.randomness import Entropy
    from tip.simulation import QuestionRun, Run, simulate

__version__ = "0.1.0"

__all__ = [
    "Coalition",
    "Entropy",
    "Guarantee",
    "Plan",
    "Population",
    "QuestionPlan",
    "QuestionRun",
    "Requirement",
    "Run",
    "TipError",
    "guarantees",
    "in_words",
    "mechanisms",
    "read_plan",
    "simulate",
]

_HOMES = {
    "Coalition": "tip.privacy",
    "Entropy": "tip.randomness",
    "Guarantee": "tip.privacy",
    "Plan": "tip.plan",
    "Population": "tip.data",
    "QuestionPlan": "tip.plan",
    "QuestionRun": "tip.simulation",
    "Requirement": "tip.plan",
    "Run": "tip.simulation",
    "TipError": "tip.errors",
    "guarantees": "tip.plan.explaining",
    "in_words": "tip.plan.explaining",
    "read_plan": "tip.plan",
    "simulate": "tip.simulation",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    if name == "mechanisms":
        return importlib.import_module("tip.mechanisms")
    if name not in _HOMES:
        raise AttributeError(f"module 'tip' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
