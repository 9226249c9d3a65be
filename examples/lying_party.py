"""Rounds under `ideal` with a liar among four agents: what is caught, and what nobody can see.

A link knows its sender, so what is wrong on it is the sender's doing. Nonsense is refused and names its
sender. A well-formed lie is the liar's own input: the sum is true of it, and nobody sees whose it was.
"""

from __future__ import annotations

import numpy as np

from tip.protocols import AgentId, Network, Round, ideal, run_round
from tip.protocols.ideal import ADDER

VECTORS = {AgentId(i): np.array([i, 10 * i], dtype=np.int64) for i in range(1, 5)}


def nonsense(frame: bytes) -> bytes:
    """A frame of another protocol."""
    return bytes([frame[0] ^ 1]) + frame[1:]


def lie(frame: bytes) -> bytes:
    """Another last coordinate."""
    return frame[:-1] + bytes([frame[-1] ^ 1])


def round_with(network: Network) -> None:
    """One round; prints who is in the sum and who is blamed."""
    outcome = run_round(
        ideal, VECTORS, minimum=3, modulus_bits=32, round=Round(1), model_hash=bytes(32), network=network
    )
    total = "nothing" if outcome.total is None else outcome.total.tolist()
    print(f"sum {total} of agents {list(outcome.survivors)}; {outcome.reason or 'closed'}")
    for fault in outcome.faults:
        print(f"   fault of {list(fault.culprits)}: {fault.reason}")


def main() -> None:
    """A faithful round, a silent agent, nonsense, a lie, and too few answers."""
    round_with(Network())
    round_with(Network(silent=frozenset({AgentId(2)})))
    round_with(Network(tamper={(AgentId(3), ADDER): nonsense}))
    round_with(Network(tamper={(AgentId(3), ADDER): lie}))
    round_with(Network(silent=frozenset({AgentId(1), AgentId(2)})))


if __name__ == "__main__":
    main()
