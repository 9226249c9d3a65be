"""What each observer sees under each protocol, and what no guarantee covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.explain.tongues import tongue_of
from tip.privacy.coalitions import COORDINATOR, NETWORK

if TYPE_CHECKING:
    from tip.explain.tongue import Language
    from tip.privacy.coalitions import Coalition

_ENGLISH: Final = tongue_of("en").sights
NOT_PROTECTED: Final = _ENGLISH.open
NOT_PROTECTED_LOCALLY: Final = _ENGLISH.open_locally


def sight(coalition: Coalition, protocol: str, language: Language = "en") -> str:
    """What a coalition sees in a run under that protocol, as a phrase."""
    local, words = protocol == "local", tongue_of(language).sights
    seen = [words.local_world if local else words.world]
    if COORDINATOR in coalition.parties:
        seen.append(words.coordinator.get(protocol, words.unknown))
    if NETWORK in coalition.parties:
        seen.append(words.network)
    if coalition.fraction:
        seen.append(words.local_agents if local else words.agents)
    return words.joined.join(seen)


def not_protected(protocol: str, language: Language = "en") -> tuple[str, ...]:
    """What no guarantee covers, as sentences that everybody can read."""
    words = tongue_of(language).sights
    if protocol == "local":
        return words.open_locally
    if protocol == "clear":
        return (words.open_in_clear, *words.open)
    return words.open
