"""Masking, the graph: who holds an agent's shares, and between whom masks are.

Three kinds (`parameters.Graph`), all on the places 0 .. size-1 of a roster:

- *complete*: everybody else holds.
- *ring*: places are laid on a ring in an order that follows from the roster; the k/2 before and the k/2 behind an agent
  hold (Bell et al. 2020, section 4: a Harary graph). For a coordinator that follows the protocol.
- *drawn*: each agent draws its own holders by its seed, to which it was committed before the roster was fixed, and the
  roster, which nobody could foresee when it was committed. **Claim.** The holders of an agent whose seed is uniform and
  secret until the roster is fixed are a uniform subset, independent of all that others chose. So an honest agent's
  holders are random whatever coordinator and agents agree on, and a malicious agent cannot pick its own alone.

A mask is between an agent and each of its holders; so neighbors are those who hold for it, and those it holds for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tip.crypto import derive
from tip.errors import MalformedMessage
from tip.protocols.masking.parameters import Graph
from tip.randomness import Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from tip.protocols.core import AgentId
    from tip.protocols.masking.parameters import Parameters

    Agents = tuple[AgentId, ...]
    Places: TypeAlias = NDArray[np.int64]


def holders_of(parameters: Parameters, agents: Agents, me: AgentId, seed: bytes, context: bytes) -> Agents:
    """Who holds the shares of one agent of the roster, sorted; `context` is that of the roster."""
    place, size = agents.index(me), len(agents)
    match parameters.graph:
        case Graph.COMPLETE:
            return agents[:place] + agents[place + 1 :]
        case Graph.RING:
            places = _on_ring(context, place, size, parameters.degree // 2)
        case Graph.DRAWN:
            drawn = Stream(derive(seed, "masking holders", context), simulated=True).choose(size - 1, parameters.degree)
            places = drawn + (drawn >= place)
    return tuple(agents[i] for i in places.tolist())


def _on_ring(context: bytes, place: int, size: int, reach: int) -> Places:
    """The places at most `reach` away on the ring, sorted."""
    order, at = _ring(context, size)
    near = np.concatenate([np.arange(-reach, 0), np.arange(1, reach + 1)])
    return np.sort(order[(at[place] + near) % size])


@lru_cache(maxsize=4)
def _ring(context: bytes, size: int) -> tuple[Places, Places]:
    """The order of a roster's places on the ring, and where each place is: public, and the same for all agents."""
    order = Stream(derive(context, "masking ring"), simulated=True).permutation(size)
    return order, np.argsort(order)


def as_bits(agents: Collection[AgentId], roster: Agents) -> bytes:
    """A set of agents as one bit for each place of the roster, the first bit first, padded with zeros."""
    return np.packbits([agent in agents for agent in roster]).tobytes()


def from_bits(bits: bytes, roster: Agents) -> frozenset[AgentId]:
    """The agents of the roster whose bit is set; raises `MalformedMessage` for bits of another form."""
    if len(bits) != -(-len(roster) // 8):
        raise MalformedMessage(f"{len(bits)} bytes say nothing about a roster of {len(roster)}")
    flags = np.unpackbits(np.frombuffer(bits, dtype=np.uint8))
    if flags[len(roster) :].any():
        raise MalformedMessage("bits beyond the end of the roster are set")
    return frozenset(roster[place] for place in np.flatnonzero(flags).tolist())


def chosen_by(holders: Mapping[AgentId, Agents]) -> dict[AgentId, Agents]:
    """For each agent, who drew it as a holder, sorted."""
    chosen: dict[AgentId, list[AgentId]] = {}
    for agent in sorted(holders):
        for holder in holders[agent]:
            chosen.setdefault(holder, []).append(agent)
    return {agent: tuple(by) for agent, by in chosen.items()}


def neighbors(holders: Agents, chosen: Agents) -> Agents:
    """Between whom and an agent there are masks, sorted."""
    return tuple(sorted({*holders, *chosen}))
