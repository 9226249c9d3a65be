"""Blocks: messages that share noise, rounds that are alike, the ring of a computation.

Noise that two messages share correlates what they show, so they belong to one view; blocks without common
noise are composed (law 12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.flow.expressions import ROUND_FUNCTIONS
from tip.flow.expressions import names as spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.model import Flow, Noise, Secret

_OVER_ROUNDS: Final = frozenset({*ROUND_FUNCTIONS, "gossip", "token"})


def blocks(flow: Flow) -> tuple[tuple[str, ...], ...]:
    """All messages in groups: two that share a noise, through anything they speak of, are in one group."""
    group_of = {message.name: number for number, message in enumerate(flow.messages)}
    first_with: dict[str, str] = {}
    noises = {noise.name for noise in flow.noises}
    for message in flow.messages:
        for symbol in flow.symbols(message):
            if symbol in noises:
                other = first_with.setdefault(symbol, message.name)
                old, new = sorted((group_of[message.name], group_of[other]), reverse=True)
                group_of = {name: new if number == old else number for name, number in group_of.items()}
    grouped: dict[int, list[str]] = {}
    for message in flow.messages:
        grouped.setdefault(group_of[message.name], []).append(message.name)
    return tuple(tuple(names) for names in grouped.values())


def alike_rounds(flow: Flow, messages: Sequence[str]) -> int:
    """How many rounds one round of these messages stands for; 0 where rounds are not alike or share something."""
    said = [flow.message(name) for name in messages]
    names = {name for message in said for name in flow.symbols(message)}
    both: tuple[Secret | Noise, ...] = (*flow.secrets, *flow.noises)
    rounds = {symbol.rounds for symbol in both if symbol.name in names}
    if len(rounds) != 1 or 1 in rounds or any(flow.functions(message) & _OVER_ROUNDS for message in said):
        return 0
    return max((secret.uses for secret in flow.secrets if secret.name in names), default=1)


def ring_of(flow: Flow, messages: Sequence[str]) -> int:
    """The ring that all these messages and those that they speak of are computed in; they must agree."""
    waiting, names = list(messages), set[str]()
    known = {message.name: message for message in flow.messages}
    while waiting:
        name = waiting.pop()
        if name in known and name not in names:
            names.add(name)
            waiting.extend(spoken(known[name].says))
    rings = {known[name].ring for name in names}
    if len(rings) > 1:
        raise ConfigurationError(
            f"messages {', '.join(sorted(names))} are computed in different rings: no rule for that"
        )
    return rings.pop() if rings else 0
