"""Agreement: what an agent agreed to answer, and how its answer is hidden."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError

if TYPE_CHECKING:
    from tip.mechanisms.base import Mechanism
    from tip.protocols.core import Round

_LARGEST: Final = 1 << 24  # bytes of one report


@dataclass(frozen=True, slots=True)
class Agreement:
    """One question, in one round, answered once: made by each party from the plan, never from another's word.

    `question` is the public text of what is asked (column, items or range), and whoever holds an agreement built its
    `mechanism` from the plan. An agent sends one report under one agreement;
    each further report would be charged again.
    """

    round: Round
    question: str
    mechanism: Mechanism = field(repr=False)
    minimum: int

    def __post_init__(self) -> None:
        if self.round < 0 or self.minimum < 1 or not self.question:
            raise ConfigurationError("an agreement wants a round >= 0, a question and a minimum >= 1")
        if self.mechanism.report_bits > 8 * _LARGEST:
            raise ConfigurationError(f"a report has at most {_LARGEST >> 20} MiB")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the question and of the mechanism's exact integers: 32 bytes."""
        return hashlib.sha256(self.question.encode() + b"\n\n" + self.mechanism.spec.to_bytes()).digest()
