"""Clear: every agent's vector in the open; the oracle of the others."""

from __future__ import annotations

from tip.protocols.clear.flow import FLOW, PROTOCOL, flow
from tip.protocols.clear.messages import TABLE
from tip.protocols.clear.protocol import run

__all__ = ["FLOW", "PROTOCOL", "TABLE", "flow", "run"]
