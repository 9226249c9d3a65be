"""What each observer sees under each protocol, and what no guarantee covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tip.privacy.coalitions import Coalition

_WORLD: Final = "all released models and reports of all rounds"
_NETWORK: Final = "who connects, when, and how much is sent"
_AGENTS: Final = "their own data, and the rosters and models that they are sent"
_LOCAL_WORLD: Final = "all published answers and their intervals"
_LOCAL_AGENTS: Final = "their own answers, the question, and how many reports count"
_COORDINATOR: Final = {
    "local": "who reports, and each agent's randomized report",
    "clear": "who takes part in each round, and each agent's noisy vector",
    "ideal": "who takes part in each round, and the noisy sum of its vectors",
    "masking": "who takes part in each round, masked vectors, and their noisy sum",
}

NOT_PROTECTED: Final = (
    "That somebody takes part, when their device answers, and how much it sends: assumed not to depend on their data.",
    "What is true of whole groups: a useful model tells it about everybody, whether or not they took part.",
    "The result against manipulation: a malicious agent can send a wrong vector, and a sum hides whose it was.",
    "Figures that are marked as evaluation only: they exist in a simulation, where the data of all agents are at hand.",
    "The choice of the plan's constants, if it was made on the same data.",
)

NOT_PROTECTED_LOCALLY: Final = (
    "That somebody takes part, and when their device reports: assumed not to depend on their answer.",
    "What is true of whole groups: a useful answer tells it about everybody, whether or not they took part.",
    "The answer against manipulation: a malicious agent can claim anything, or report what it likes.",
    "Figures that are marked as evaluation only: only a simulation has everybody's answer.",
    "A second report about the same answer: it would be charged again, so each agent's device refuses it.",
)


def sight(coalition: Coalition, protocol: str) -> str:
    """What a coalition sees in a run under that protocol, as a phrase."""
    local = protocol == "local"
    seen = [_LOCAL_WORLD if local else _WORLD]
    if "coordinator" in coalition.parties:
        seen.append(_COORDINATOR.get(protocol, "whatever this protocol shows to it"))
    if "network" in coalition.parties:
        seen.append(_NETWORK)
    if coalition.fraction:
        seen.append(_LOCAL_AGENTS if local else _AGENTS)
    return "; ".join(seen)


def not_protected(protocol: str) -> tuple[str, ...]:
    """What no guarantee covers, as sentences."""
    if protocol == "local":
        return NOT_PROTECTED_LOCALLY
    if protocol == "clear":
        return ("An agent's vector against the coordinator, beyond that agent's own noise.", *NOT_PROTECTED)
    return NOT_PROTECTED
