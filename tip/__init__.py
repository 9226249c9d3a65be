"""tip: Transparent AI preserving Privacy.

Federated learning among many agents, of whom a part is malicious, without anyone seeing an agent's
data; each figure comes with what it promises, to whom, against whom, and why.

    plan = tip.Plan.read("examples/survey.toml")
    print(tip.in_words(plan, audience="participant"))    # before anything runs
    run = tip.simulate(plan)                             # run.metrics["auc"], run.folder / "report.html"

    flow = tip.read_flow("examples/flows/gossip.toml")   # who holds, adds, sends and sees what
    proven = tip.derive(flow, "7% of agents")            # proven.guarantee, and the proof as data
    tip.verify(proven)                                   # by code that is not the reasoner

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
    from tip.flow.derivation import Derivation
    from tip.flow.model import Flow
    from tip.flow.verification import verify
    from tip.plan import Plan, QuestionPlan, Requirement, read_plan
    from tip.plan.explaining import guarantees, in_words
    from tip.plan.proving import derive, read_flow
    from tip.privacy import Coalition, Guarantee
    from tip.randomness import Entropy
    from tip.simulation import QuestionRun, Run, simulate
    from tip.simulation.summing import SecureSum, secure_sum

__version__ = "0.1.0"

__all__ = [
    "Coalition",
    "Derivation",
    "Entropy",
    "Flow",
    "Guarantee",
    "Plan",
    "Population",
    "QuestionPlan",
    "QuestionRun",
    "Requirement",
    "Run",
    "SecureSum",
    "TipError",
    "derive",
    "guarantees",
    "in_words",
    "mechanisms",
    "read_flow",
    "read_plan",
    "secure_sum",
    "simulate",
    "verify",
]

_HOMES = {
    "Coalition": "tip.privacy",
    "Derivation": "tip.flow.derivation",
    "Entropy": "tip.randomness",
    "Flow": "tip.flow.model",
    "Guarantee": "tip.privacy",
    "Plan": "tip.plan",
    "Population": "tip.data",
    "QuestionPlan": "tip.plan",
    "QuestionRun": "tip.simulation",
    "Requirement": "tip.plan",
    "Run": "tip.simulation",
    "SecureSum": "tip.simulation.summing",
    "TipError": "tip.errors",
    "derive": "tip.plan.proving",
    "guarantees": "tip.plan.explaining",
    "in_words": "tip.plan.explaining",
    "read_flow": "tip.plan.proving",
    "read_plan": "tip.plan",
    "secure_sum": "tip.simulation.summing",
    "simulate": "tip.simulation",
    "verify": "tip.flow.verification",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    if name == "mechanisms":
        return importlib.import_module("tip.mechanisms")
    if name not in _HOMES:
        raise AttributeError(f"module 'tip' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
