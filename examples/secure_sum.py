"""A sum that nobody sees the parts of: 80 hospitals count cases, a tenth may lie, five fall silent in mid-protocol.

Run it: python examples/secure_sum.py

The round is the true protocol, all parties in this process: signed keys and shares, masked vectors, one opened set.
"""

from __future__ import annotations

import numpy as np

import tip
from tip.protocols import AgentId, Network

cases = np.random.default_rng(7).poisson(3.0, size=(80, 12))  # noqa: TID251 - made-up counts for 12 months
silent = frozenset(AgentId(i) for i in (3, 14, 15, 9, 26))

exact = tip.secure_sum(cases, bound=60.0, malicious=0.1, dropout=0.1, network=Network(silent=silent))
print(f"{len(exact.agents)} of 80 answered; their exact sum: {exact.value.astype(int)}")
print(f"in the open it would be:           {cases[list(exact.agents)].sum(axis=0)}")
print(f"each agent's shares lie with {exact.parameters.degree} others, any {exact.parameters.threshold} open them")

noisy = tip.secure_sum(cases, bound=20.0, malicious=0.1, dropout=0.1, epsilon=2.0, delta=1e-6)
print(f"with noise in shares: {noisy.value.astype(int)}, {noisy.clipped} vectors clipped")
print(f"epsilon {noisy.guarantee.epsilon:.3g} against the {noisy.guarantee.coalition.text}, resting on:")
for assumption in noisy.guarantee.assumptions[:7]:
    print(f"  {assumption.name}: {assumption.sentence}")
