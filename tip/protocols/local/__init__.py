"""Local: each agent's randomized report in the open; needs nobody's trust."""

from __future__ import annotations

from tip.protocols.local.agreement import Agreement
from tip.protocols.local.flow import FLOW, PROTOCOL, flow
from tip.protocols.local.messages import TABLE
from tip.protocols.local.protocol import Poll, ask

__all__ = ["FLOW", "PROTOCOL", "TABLE", "Agreement", "Poll", "ask", "flow"]
