"""Masking: secure aggregation that holds against a malicious coordinator.

    parameters = plan_masking(100, 0.1, 0.1, coordinator="malicious")
    protocol = under(parameters, map(AgentId, range(100)), entropy=SYSTEM)
    outcome = run_round(protocol, vectors, minimum=parameters.minimum, modulus_bits=32, round=Round(1), model_hash=...)

`protocol` is made once for a federation (it holds the identity keys) and run for every round.
"""

from __future__ import annotations

from tip.protocols.masking.flow import ASSUMPTIONS, FLOW, PROTOCOL, flow, unmasked
from tip.protocols.masking.groups import run_groups
from tip.protocols.masking.judging import judge
from tip.protocols.masking.messages import TABLE
from tip.protocols.masking.parameters import Parameters, plan_masking
from tip.protocols.masking.protocol import Cast, Masked, under
from tip.protocols.masking.signing import Directory

__all__ = [
    "ASSUMPTIONS",
    "FLOW",
    "PROTOCOL",
    "TABLE",
    "Cast",
    "Directory",
    "Masked",
    "Parameters",
    "flow",
    "judge",
    "plan_masking",
    "run_groups",
    "under",
    "unmasked",
]
