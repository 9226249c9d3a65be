"""Known answers of the masking protocol: with fixed entropy every byte of a round is fixed.

tests/vectors/masking-1.json holds, for three rounds, what follows from the seed: secrets, graph, contexts, masks, the
hash of every frame in order, the sum. Another implementation that speaks version 1 must find the same. Who changes the
protocol changes its version, and adds a file: `python tests/protocols/test_protocols_masking_vectors.py` writes one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tip.protocols import AgentId, Network, Round
from tip.protocols.core import Terms
from tip.protocols.loopback import Loopback, Task
from tip.protocols.masking import Parameters, under
from tip.protocols.masking.client import Agent
from tip.protocols.masking.graph import holders_of
from tip.protocols.masking.messages import TABLE, Roster, Unmask
from tip.protocols.masking.secrets import commitment, own_hash
from tip.protocols.masking.signing import configuration
from tip.randomness import Entropy

FILE = Path(__file__).parents[1] / "vectors" / f"masking-{TABLE.version}.json"
ROUNDS: dict[str, dict[str, Any]] = {
    "complete": {"agents": 5, "degree": 4, "threshold": 3, "graph": "complete", "coordinator": "malicious", "bits": 16},
    "drawn": {"agents": 9, "degree": 5, "threshold": 3, "graph": "drawn", "coordinator": "malicious", "bits": 32},
    "ring": {"agents": 8, "degree": 4, "threshold": 2, "graph": "ring", "coordinator": "curious", "bits": 64},
}


def played(name: str) -> dict[str, Any]:
    """All that is fixed in one round; agent 1 falls silent after it dealt."""
    row = ROUNDS[name]
    names = ("agents", "degree", "threshold", "graph", "coordinator")
    parameters = Parameters.unchecked(
        **{key: row[key] for key in names},
        corrupt=0,
        dropouts=1,
        minimum=row["agents"] - 1,
        samples=2 if row["coordinator"] == "malicious" else 0,
        privacy_bits=1,
        success_bits=1,
    )
    agents = [AgentId(i) for i in range(row["agents"])]
    word = np.dtype(f"u{row['bits'] // 8}")
    vectors = {agent: np.array([agent, 1, 2 ** row["bits"] - 1], dtype=word) for agent in agents}
    task = Task(Terms(Round(3), parameters.minimum, 3, row["bits"]), bytes(range(32)), vectors)
    protocol = under(parameters, agents, entropy=Entropy.seeded(20261129))
    loopback = Loopback(TABLE, task, Network(silent=frozenset({AgentId(1)})))
    frames: list[str] = []
    post = loopback._post

    def watched(envelope: Any) -> None:  # noqa: ANN401 - an envelope
        frames.append(hashlib.sha256(envelope.frame).hexdigest())
        post(envelope)

    loopback._post = watched  # type: ignore[method-assign]
    outcome = protocol.run(loopback, task)
    assert outcome.total is not None
    first = loopback.state(agents[0])
    assert isinstance(first, Agent)
    own, context = first.own, first.context(Unmask)
    assert context is not None
    roster = first.said[Roster].question
    assert isinstance(roster, Roster)
    return {
        "parameters": row,
        "identity": protocol.cast.agents[agents[0]].public.hex(),
        "coordinator": protocol.cast.coordinator.public.hex(),
        "configuration": configuration(parameters, protocol.cast.directory).hex(),
        "secret of agent 0": own.secrets.seed.hex(),
        "graph seed": own.secrets.graph.hex(),
        "commitment": commitment(own.secrets.graph).hex(),
        "mask seed": own.secrets.mask.hex(),
        "own seed": own.secrets.own.hex(),
        "own hash": own_hash(own.secrets.own).hex(),
        "context": context.hex(),
        "holders of agent 0": list(holders_of(parameters, roster.agents, agents[0], own.secrets.graph, context)),
        "frames": frames,
        "survivors": list(outcome.survivors),
        "sum": [int(word) for word in outcome.total],
    }


@pytest.mark.parametrize("name", ROUNDS)
def test_a_round_with_fixed_entropy_is_the_one_of_the_file(name: str) -> None:
    known = json.loads(FILE.read_text())[name]
    found = played(name)
    assert found.keys() == known.keys()
    for key, value in known.items():
        assert found[key] == value, key


def test_the_sums_in_the_file_are_those_of_the_survivors() -> None:
    for known in json.loads(FILE.read_text()).values():
        bits, survivors = known["parameters"]["bits"], known["survivors"]
        assert 1 not in survivors
        count = len(survivors)
        assert known["sum"] == [sum(survivors), count, (2**bits - count) % 2**bits]


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: played(name) for name in ROUNDS}, indent=1) + "\n")
