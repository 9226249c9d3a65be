"""Plans: one TOML file, one frozen `Plan` or `QuestionPlan`; what is incoherent is refused.

`Plan.read` gives a well-formed plan. Drivers call `check` and `check_sizes` before they run one.
"""

from __future__ import annotations

from tip.plan.coherence import check, check_sizes
from tip.plan.either import AnyPlan, read_plan
from tip.plan.question import QuestionPlan
from tip.plan.tables import Plan, Requirement

__all__ = ["AnyPlan", "Plan", "QuestionPlan", "Requirement", "check", "check_sizes", "read_plan"]
