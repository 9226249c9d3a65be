"""Masking, several sums in one round: disjoint groups of agents, each with a protocol of its own.

Each group has its own directory, roster, graph and machines; the directory is inside every context, so no signature of
one group counts in another, also under one coordinator's key and one round number. An agent is in one group: in two it
would answer twice in one round, and its vector would stand in two sums (law 17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tip.errors import ConfigurationError
from tip.protocols.loopback import FAITHFUL, run_round

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tip.protocols.core import AgentId, Round
    from tip.protocols.loopback import Network
    from tip.protocols.masking.protocol import Masked
    from tip.protocols.transcript import Outcome


def run_groups(
    groups: Mapping[str, Masked],
    vectors: Mapping[AgentId, NDArray[Any]],
    *,
    modulus_bits: int,
    round: Round,  # noqa: A002 - the field's word
    model_hash: bytes,
    network: Network = FAITHFUL,
) -> dict[str, Outcome]:
    """One round of all groups, `tip.protocols.run_round` for each: an outcome, with a sum or a reason, for each.

    `groups`: `masking.under(parameters, agents, ...)` by name. `vectors`: of every agent of every group, `(d,)`; groups
    may have other lengths. Raises `ConfigurationError` where an agent is in two groups, or a vector is missing.
    """
    members = [agent for protocol in groups.values() for agent in protocol.cast.agents]
    if len(set(members)) != len(members):
        raise ConfigurationError("an agent is in two groups", why="Its vector would stand in two sums of one round")
    if set(members) != vectors.keys():
        raise ConfigurationError("every agent of a group has a vector, and nobody else has one")
    return {
        name: run_round(
            protocol,
            {agent: vectors[agent] for agent in protocol.cast.agents},
            minimum=protocol.parameters.minimum,
            modulus_bits=modulus_bits,
            round=round,
            model_hash=model_hash,
            network=network,
        )
        for name, protocol in groups.items()
    }
