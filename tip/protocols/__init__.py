"""Protocols: how agents combine values, as pure state machines."""

from __future__ import annotations

from tip.protocols.codec import Table
from tip.protocols.core import COORDINATOR, AgentId, Descriptor, Fault, Round, Send, Step, Terms
from tip.protocols.loopback import FAITHFUL, Network, run_round
from tip.protocols.transcript import Outcome

__all__ = [
    "COORDINATOR",
    "FAITHFUL",
    "AgentId",
    "Descriptor",
    "Fault",
    "Network",
    "Outcome",
    "Round",
    "Send",
    "Step",
    "Table",
    "Terms",
    "run_round",
]
