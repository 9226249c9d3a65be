"""Outcomes: what one block of a flow, or all of them, lets a coalition learn about one agent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.flow.derivation import Node
from tip.privacy.events import Composed, Event, Gaussian, Nothing, PureLoss, Repeated
from tip.privacy.integer import rho_of
from tip.privacy.rounding import sqrt_up, up

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST: Final = Fraction(10) ** 60  # of a mu^2 that is no leak in all but name
_TOO_LARGE: Final = "noise that hides more than 1 part in 10^30 of what the secrets can change"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A step of the proof and the privacy event that it amounts to; without an event, what is missing.

    `mu_squared`: exact where all noise is real-arithmetic Gaussian (then the result is idealized). `masked`:
    whether it rests on pseudorandom masks. `failure`: the probability of data-independent failures, which it relies on
    not to happen. `shuffled`: the epsilon of shuffled reports at the delta that is asked for; it does not compose.
    `mixed`: the worst of outcomes of unlike kinds, so that only its epsilon at that delta holds for all of them.
    `mixer`: whether another agent's outcome, which is no worse, rests on a shuffler.
    """

    node: Node
    event: Event | None
    missing: str = ""
    mu_squared: Fraction | None = None
    idealized: bool = False
    masked: bool = False
    failure: float = 0.0
    shuffled: float | None = None
    mixed: bool = False
    mixer: bool = False

    def under(self, node: Node) -> Outcome:
        """The same outcome as the conclusion of a further step."""
        return replace(self, node=node)

    @property
    def rho(self) -> Fraction | None:
        """The zCDP parameter, where there is one."""
        return None if self.event is None or self.mixed else rho_of(self.event)

    @property
    def ratio(self) -> Fraction | None:
        """The factor of a pure loss, where it is one."""
        return pure_ratio(self.event) if self.event is not None and not self.mixed else None


def at_most(value: float) -> str:
    """A figure with nine digits, never less than the number."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    exact = Decimal(repr(float(value)))
    above = exact.quantize(Decimal(1).scaleb(exact.adjusted() - 8), rounding=ROUND_CEILING)
    return f"{above.normalize():g}"


def gaussian(node: Node, mu_squared: Fraction) -> Outcome:
    """The outcome of a real-arithmetic Gaussian step."""
    if mu_squared > _MOST:
        return Outcome(node, None, _TOO_LARGE, idealized=True)
    return Outcome(node, _gaussian_event(mu_squared), mu_squared=mu_squared, idealized=True)


def unproven(rule: str, missing: str, *premises: Node) -> Outcome:
    """No number, and the rule that is wanted."""
    return Outcome(Node(rule, missing, premises=premises), None, missing)


def repeated(outcome: Outcome, times: int) -> Outcome:
    """The same with fresh noise, `times` times."""
    if outcome.event is None or times == 1:
        return outcome
    squared = None if outcome.mu_squared is None else times * outcome.mu_squared
    if squared is not None and squared > _MOST:
        return unproven("not proven", _TOO_LARGE, outcome.node)
    event = Repeated(outcome.event, times) if squared is None else _gaussian_event(squared)
    numbers = figures(squared, rho_of(event), pure_ratio(event))
    node = Node(
        "fresh rounds",
        f"{times:,} rounds, alike, each with noise of its own",
        {"times": times, **numbers},
        (outcome.node,),
        source="docs/flow-rules.md, fresh rounds",
    )
    failure = min(1.0, up(times * Fraction(outcome.failure)))
    return Outcome(node, event, "", squared, outcome.idealized, outcome.masked, failure)


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """All blocks: they share no noise."""
    missing = "; ".join(dict.fromkeys(o.missing for o in outcomes if o.missing))
    nodes = tuple(o.node for o in outcomes)
    failure = min(1.0, up(sum((Fraction(o.failure) for o in outcomes), Fraction(0))))
    flags = (any(o.idealized for o in outcomes), any(o.masked for o in outcomes), failure)
    if missing:
        return Outcome(Node("not proven", missing, premises=nodes), None, missing, None, *flags)
    squares = [o.mu_squared for o in outcomes if o.mu_squared is not None]
    squared = sum(squares, Fraction(0)) if len(squares) == len(outcomes) else None
    if squared is not None and squared > _MOST:
        return Outcome(Node("not proven", _TOO_LARGE, premises=nodes), None, _TOO_LARGE, None, *flags)
    parts = tuple(o.event for o in outcomes if o.event is not None)
    event: Event = Composed(parts) if squared is None else _gaussian_event(squared)
    numbers = figures(squared, rho_of(event), pure_ratio(event))
    says = f"{len(outcomes)} blocks that share no noise" if len(outcomes) != 1 else "one block holds all that is seen"
    node = Node("composition", says, {"blocks": len(outcomes), **numbers}, nodes, "docs/flow-rules.md, composition")
    return Outcome(node, event, "", squared, *flags)


def pure_ratio(event: Event) -> Fraction | None:
    """The exact factor of a composition of pure losses alone; None for everything else."""
    match event:
        case Nothing():
            return Fraction(1)
        case PureLoss():
            return event.ratio
        case Repeated():
            single = pure_ratio(event.event)
            return None if single is None else single**event.times
        case Composed():
            product = Fraction(1)
            for part in event.events:
                factor = pure_ratio(part)
                if factor is None:
                    return None
                product *= factor
            return product
        case _:
            return None


def figures(mu_squared: Fraction | None, rho: Fraction | None, ratio: Fraction | None) -> dict[str, Fraction]:
    """The exact figures that are known, by name; rho only where there is no mu."""
    known = {"mu_squared": mu_squared, "rho": None if mu_squared is not None else rho, "ratio": ratio}
    return {name: value for name, value in known.items() if value is not None}


def _gaussian_event(squared: Fraction) -> Event:
    return Gaussian(sqrt_up(squared)) if squared else Nothing()
