"""Mechanisms: how agents protect what they send.

Names are imported when they are first used; docs/local-privacy.md says which to take.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tip.mechanisms.aggregates import Aggregate
    from tip.mechanisms.categorical import GeneralizedRandomizedResponse
    from tip.mechanisms.distributed import DistributedGaussian, honest_shares
    from tip.mechanisms.estimates import Estimate
    from tip.mechanisms.reports import Reports

__all__ = [
    "Aggregate",
    "DistributedGaussian",
    "Estimate",
    "GeneralizedRandomizedResponse",
    "Reports",
    "honest_shares",
]

_HOMES = {
    "Aggregate": "aggregates",
    "DistributedGaussian": "distributed",
    "Estimate": "estimates",
    "GeneralizedRandomizedResponse": "categorical",
    "Reports": "reports",
    "honest_shares": "distributed",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'tip.mechanisms' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tip.mechanisms.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
