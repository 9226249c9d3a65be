"""What losses come to: pure epsilons, their zCDP, and the size of their distributions.

A pure loss of epsilon is epsilon^2 / 2-zCDP (Bun and Steinke 2016, proposition 3.3), and pure losses add up whatever
delta is. dp_accounting spreads a loss over a grid and goes through the support of discrete noise, so losses in the
thousands, and noise of a hundred thousand steps, take it hours or all memory: `values` tells beforehand. What it
says of sizes is about cost alone: no promise rests on it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.privacy.events import (
    Composed,
    DiscreteGaussian,
    DiscreteLaplace,
    Gaussian,
    Laplace,
    Nothing,
    PoissonSampled,
    PureLoss,
    RandomizedResponse,
    Repeated,
)
from tip.privacy.guarantees import Neighboring
from tip.privacy.integer import rho_of
from tip.privacy.rounding import log_up, up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.privacy.events import Event

_MOST_STEPS: Final = 100_000  # of the support of a discrete noise


def pure(event: Event) -> float | None:  # noqa: PLR0911 - one line for each kind of event
    """The epsilon of a composition of pure losses alone, rounded up; else None."""
    match event:
        case Nothing():
            return 0.0
        case Laplace():
            return event.epsilon
        case DiscreteLaplace():
            return up(event.sensitivity / event.scale)
        case PureLoss():
            return log_up(event.ratio)
        case RandomizedResponse():
            return log_up(1 + event.categories * (1 - event.replaced) / event.replaced)
        case Repeated():
            single = pure(event.event)
            return None if single is None else up(event.times * Fraction(single))
        case Composed():
            parts = [pure(part) for part in event.events]
            return None if None in parts else up(sum((Fraction(p) for p in parts if p is not None), Fraction(0)))
        case _:
            return None


def rho(event: Event) -> Fraction | None:
    """The zCDP parameter, rounded up; of a pure loss epsilon^2 / 2 (Bun and Steinke 2016, proposition 3.3)."""
    match event:
        case PureLoss() | RandomizedResponse():
            epsilon = pure(event)
            return None if epsilon is None else Fraction(epsilon) ** 2 / 2
        case Repeated():
            single = rho(event.event)
            return None if single is None else event.times * single
        case Composed():
            parts = [rho(part) for part in event.events]
            return None if None in parts else sum((part for part in parts if part is not None), Fraction(0))
        case _:
            return rho_of(event)


def of_relation(event: Event, neighboring: Neighboring) -> bool:
    """Whether all of an event is about this relation: answers changed by chance are about replace-one alone."""
    match event:
        case PureLoss() | RandomizedResponse():
            return neighboring is Neighboring.REPLACE_ONE
        case Repeated() | PoissonSampled():
            return of_relation(event.event, neighboring)
        case Composed():
            return all(of_relation(part, neighboring) for part in event.events)
        case _:
            return True


def values(event: Event, step: float) -> float:  # noqa: PLR0911 - one line for each kind of event
    """About how many values of the grid a distribution takes; infinite where dp_accounting has no use for the event.

    A composition is cut where its tails are negligible: at ten standard deviations of the loss or so.
    """
    match event:
        case Gaussian():
            return event.mu * (event.mu + 20) / step
        case DiscreteGaussian():
            sigma = math.sqrt(up(event.variance))
            shift = up(event.sensitivity / event.variance) * sigma
            wide = 10 * sigma > _MOST_STEPS or not shift < 20
            return math.inf if wide else shift * (shift + 24) / step
        case DiscreteLaplace() if event.sensitivity > _MOST_STEPS:
            return math.inf
        case PoissonSampled():
            return values(event.event, step)
        case Repeated():
            return _composed_values([(event.event, event.times)], step)
        case Composed():
            return _composed_values([(part, 1) for part in event.events], step)
        case _:
            return 2 * (pure(event) or 0.0) / step


def _composed_values(parts: Sequence[tuple[Event, int]], step: float) -> float:
    single = [values(part, step) for part, _ in parts]
    whole = sum((size * up(times) for size, (_, times) in zip(single, parts, strict=True) if times), 0.0)
    spread = sum((_spread(part) * up(times) for part, times in parts if times), 0.0)
    return min(whole, max(single, default=0.0) + 20 * math.sqrt(spread) / step)


def _spread(event: Event) -> float:
    """About the variance of the loss."""
    if isinstance(event, PoissonSampled):
        return _spread(event.event) * up(event.rate)
    if isinstance(event, Repeated):
        return _spread(event.event) * up(event.times)
    if isinstance(event, Composed):
        return sum(map(_spread, event.events), 0.0)
    known = rho(event)
    return math.inf if known is None else 2 * up(known)
