"""Coalitions: who pools what they see, as text and as data.

Grammar (one coalition; spaces around `+` are wanted):

    coalition = party { " + " party } [ " (adaptive)" ]
    party     = "world" | "coordinator" | "network" | NUMBER "% of agents" | NAME

`world` sees all released models and reports of all rounds, and every coalition also sees the world.
`N% of agents` is the share floor(f N) of the *enrolled* population N; the protected agent is outside
the coalition. NUMBER is a decimal or a ratio ("10", "12.5", "100/3"). The share is chosen before
roster, cohort and graph are drawn, unless "(adaptive)" says: after. A NAME must be declared by the
caller: a misspelled "cordinator" would otherwise be an unknown party that sees nothing.

Coalitions are partially ordered (`contains`): a guarantee against one holds against all within it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.errors import ConfigurationError
from tip.privacy.checks import rational, whole

if TYPE_CHECKING:
    from collections.abc import Collection

COORDINATOR: Final = "coordinator"
NETWORK: Final = "network"
WORLD: Final = "world"
_RESERVED: Final = (WORLD, COORDINATOR, NETWORK)
_ADAPTIVE: Final = " (adaptive)"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_LONGEST: Final = 100  # digits of a share
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?|\d+/\d+) ?% (?:of )?agents")
_EXAMPLE: Final = 'write for example "world", "coordinator + 10% of agents", "5% of agents (adaptive)"'


class Chosen(StrEnum):
    """When the colluding agents are chosen: before or after roster, cohort and graph are drawn."""

    BEFORE_RANDOMNESS = "before randomness"
    ADAPTIVE = "adaptive"


@dataclass(frozen=True, slots=True)
class Coalition:
    """Parties that pool their views: named parties and a share of the enrolled agents.

    `parties`: names, without "world", which every coalition sees. `fraction`: an exact share in [0, 1) of the
    enrolled population, the protected agent outside it. `chosen`: before or after the randomness of rosters,
    cohorts and graphs. Anything else raises `ConfigurationError`. The grammar stands in docs/privacy.md.

    **Law.** `Coalition.parse(c.text, names=c.names) == c`.
    """

    parties: frozenset[str]
    fraction: Fraction
    chosen: Chosen

    def __post_init__(self) -> None:
        rational("the share of agents", self.fraction)
        if self.fraction >= 1:
            raise ConfigurationError(
                f"{_percent(self.fraction)}% of agents cannot collude",
                why="the protected agent is outside the coalition",
                instead="state a share below 100%",
            )
        if not isinstance(self.parties, frozenset):
            raise ConfigurationError(f"parties are a frozenset of names, not {type(self.parties).__name__}")
        for party in self.parties:
            _check_name(party)
        if not self.fraction and self.chosen is not Chosen.BEFORE_RANDOMNESS:
            raise ConfigurationError(
                '"(adaptive)" says when colluding agents are chosen, and this coalition has none',
                instead='leave it out, or add "N% of agents"',
            )

    @classmethod
    def parse(cls, text: str, *, names: Collection[str] = ()) -> Coalition:
        """The coalition that a text states; `names` are the further parties that exist.

        Raises `ConfigurationError` for an unknown party, with the nearest name, and for two shares of agents.
        """
        if not isinstance(text, str):
            raise ConfigurationError(f"a coalition is a text, not {text!r}", instead=_EXAMPLE)
        body = text.removesuffix(_ADAPTIVE)
        parts = body.split(" + ")
        repeated = sorted({part for part in parts if parts.count(part) > 1})
        if repeated:
            raise ConfigurationError(f"{text!r} names {repeated[0]!r} twice", instead=_EXAMPLE)
        shares = [share for part in parts if (share := _share(part)) is not None]
        if len(shares) > 1:
            raise ConfigurationError(f"{text!r} names two shares of agents", instead="state their sum")
        others = frozenset(part for part in parts if _share(part) is None)
        for part in others:
            _check_known(part, names, text)
        chosen = Chosen.BEFORE_RANDOMNESS if body == text else Chosen.ADAPTIVE
        return cls(others - {WORLD}, shares[0] if shares else Fraction(0), chosen)

    @property
    def text(self) -> str:
        """The coalition in the grammar: coordinator and network first, then names, then the share."""
        order = sorted(self.parties, key=lambda party: (party not in _RESERVED, party))
        share = [f"{_percent(self.fraction)}% of agents"] if self.fraction else []
        body = " + ".join(order + share) or WORLD
        return body + _ADAPTIVE if self.chosen is Chosen.ADAPTIVE else body

    @property
    def names(self) -> frozenset[str]:
        """The parties beside coordinator and network."""
        return self.parties - {COORDINATOR, NETWORK}

    @property
    def includes_coordinator(self) -> bool:
        """Whether the coordinator pools its view."""
        return COORDINATOR in self.parties

    @property
    def sees_roster(self) -> bool:
        """Whether any member may learn who takes part (law 5): everybody but the world may."""
        return bool(self.parties) or self.fraction > 0

    def colluders(self, enrolled: int) -> int:
        """How many agents collude: floor(f N), and one more for each further name, which may be an agent."""
        whole("the number of enrolled agents", enrolled, least=0)
        return min(enrolled, int(self.fraction * enrolled) + len(self.names))

    def contains(self, other: Coalition) -> bool:
        """Whether this coalition sees all that the other sees: a partial order, with `world` at the bottom."""
        if other.chosen is Chosen.ADAPTIVE and self.chosen is not Chosen.ADAPTIVE:
            return False
        return self.parties >= other.parties and self.fraction >= other.fraction


def standard_observers(fraction: Fraction) -> tuple[Coalition, ...]:
    """The observers that each plan prints: world, agents, coordinator, coordinator and agents, network."""
    before = Chosen.BEFORE_RANDOMNESS
    nobody, coordinator, network = frozenset[str](), frozenset({COORDINATOR}), frozenset({NETWORK})
    none = Fraction(0)
    observers = (
        Coalition(nobody, none, before),
        Coalition(nobody, fraction, before),
        Coalition(coordinator, none, before),
        Coalition(coordinator, fraction, before),
        Coalition(network, none, before),
    )
    return tuple(dict.fromkeys(observers))


def _share(part: str) -> Fraction | None:
    """The share that "N% of agents" states; None for another party."""
    match = _SHARE.fullmatch(part)
    if match is None:
        return None
    number = match[1]
    if len(number) > _LONGEST:
        raise ConfigurationError(f"a share of {len(number):,} digits is none", instead=_EXAMPLE)
    under = number.partition("/")[2]
    if (under and not int(under)) or not Fraction(number):
        raise ConfigurationError(f"{part!r} is nobody", instead=f'leave it out, or write "{WORLD}" alone')
    return Fraction(number) / 100


def _percent(share: Fraction) -> str:
    """100 times the share, as a decimal where it ends within 30 digits, else as a ratio."""
    value = share * 100
    scaled = value * 10**30
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    head, tail = divmod(scaled.numerator, 10**30)
    return f"{head}.{tail:030d}".rstrip("0").rstrip(".")


def _check_name(name: str) -> None:
    """A party's name is one word, and no reserved word in other letters."""
    if name in {COORDINATOR, NETWORK}:
        return
    if name == WORLD:
        raise ConfigurationError("the world is part of every coalition and is not listed among its parties")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is not a party's name", instead=_EXAMPLE)
    if name.lower() in _RESERVED:
        raise ConfigurationError(f"{name!r} is not a party", instead=f"did you mean {name.lower()!r}?")


def _check_known(part: str, names: Collection[str], text: str) -> None:
    if part in _RESERVED:
        return
    if part in names:
        _check_name(part)
        return
    near = difflib.get_close_matches(part.lower(), [*_RESERVED, *names], n=1)
    instead = f'did you mean "{near[0]}"?' if near else _EXAMPLE
    if "agent" in part.lower() or "%" in part:
        instead = 'a share of agents is written "10% of agents"'
    raise ConfigurationError(f"in {text!r}, {part!r} is not a known party", instead=instead)
