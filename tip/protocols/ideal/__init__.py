"""Ideal: a trusted adder that shows the coordinator one ring sum a round."""

from __future__ import annotations

from tip.protocols.ideal.flow import ASSUMPTION, FLOW, PROTOCOL, flow
from tip.protocols.ideal.messages import ADDER, TABLE
from tip.protocols.ideal.protocol import run

__all__ = ["ADDER", "ASSUMPTION", "FLOW", "PROTOCOL", "TABLE", "flow", "run"]
