"""Plans: one TOML file, one frozen `Plan`; what is incoherent is refused.

`Plan.read` gives a well-formed plan. Drivers call `check` and `check_sizes` before they run one.
"""

from __future__ import annotations

from tip.plan.coherence import check, check_sizes
from tip.plan.tables import Plan, Requirement

__all__ = ["Plan", "Requirement", "check", "check_sizes"]
