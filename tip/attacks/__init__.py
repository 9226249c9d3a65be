"""What malicious agents do: poisoned data, poisoned answers and poisoned messages."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tip.attacks.answers import adaptive_poisoning, gain, input_poisoning, output_poisoning, random_reports
    from tip.attacks.poisoning import Attack, LabelFlip, Scale, SignFlip, attack_of
    from tip.attacks.protocol import AgentAttack, CoordinatorAttack
    from tip.attacks.screening import screen

__all__ = [
    "AgentAttack",
    "Attack",
    "CoordinatorAttack",
    "LabelFlip",
    "Scale",
    "SignFlip",
    "adaptive_poisoning",
    "attack_of",
    "gain",
    "input_poisoning",
    "output_poisoning",
    "random_reports",
    "screen",
]

_HOMES = {
    "AgentAttack": "protocol",
    "Attack": "poisoning",
    "CoordinatorAttack": "protocol",
    "LabelFlip": "poisoning",
    "Scale": "poisoning",
    "SignFlip": "poisoning",
    "adaptive_poisoning": "answers",
    "attack_of": "poisoning",
    "gain": "answers",
    "input_poisoning": "answers",
    "output_poisoning": "answers",
    "random_reports": "answers",
    "screen": "screening",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'tip.attacks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tip.attacks.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
