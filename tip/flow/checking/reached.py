"""Reached: what a part of a proof amounts to, and how parts are put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tip.flow.checking.refusal import refuse
from tip.privacy.events import Composed, Event, Gaussian, Nothing, PoissonSampled, PureLoss, Repeated
from tip.privacy.integer import rho_of
from tip.privacy.rounding import sqrt_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tip.flow.derivation import Node


@dataclass(frozen=True, slots=True)
class Reached:
    """A privacy event; `mu_squared` exactly where all noise is Gaussian of real numbers.

    `shuffled`: the epsilon of a shuffled report, at the delta `at`; `failure`: a probability that belongs to delta.
    `mixed`: that others are of another kind, so that nothing but epsilon at one delta is claimed. `mixer`: whether
    somebody's loss rests on a shuffler.
    """

    event: Event
    mu_squared: Fraction | None = None
    idealized: bool = False
    masked: bool = False
    failure: float = 0.0
    shuffled: float | None = None
    at: float = 0.0
    mixed: bool = False
    mixer: bool = False

    @property
    def rho(self) -> Fraction | None:
        """zCDP, where there is a rule."""
        return None if self.mixed else rho_of(self.event)

    @property
    def ratio(self) -> Fraction | None:
        """The factor of a pure loss."""
        return None if self.mixed else ratio_of(self.event)

    @property
    def figures(self) -> dict[str, Fraction]:
        """mu^2; else rho and the ratio as far as they are known."""
        if self.mu_squared is not None:
            known: dict[str, Fraction | None] = {"mu_squared": self.mu_squared, "ratio": self.ratio}
        else:
            known = {"rho": self.rho, "ratio": self.ratio}
        return {name: value for name, value in known.items() if value is not None}


def gaussian(mu_squared: Fraction) -> Reached:
    """Gaussian noise of real numbers."""
    return Reached(_gaussian(mu_squared), mu_squared, idealized=True)


def loose(one: Reached) -> Reached:
    """The same where nothing but epsilon at one delta is claimed."""
    return replace(one, mu_squared=None, mixed=True)


def beside(one: Reached, other: Reached) -> Reached:
    """What is reached, resting also on what another agent's or coalition's loss rests on."""
    if other.event == Nothing():
        return one
    return replace(
        one,
        idealized=one.idealized or other.idealized,
        masked=one.masked or other.masked,
        mixer=one.mixer or other.shuffled is not None,
    )


def repeated(one: Reached, times: int) -> Reached:
    """Rounds that are alike, each with noise of its own."""
    if times == 1:
        return one
    squared = None if one.mu_squared is None else times * one.mu_squared
    event = Repeated(one.event, times) if squared is None else _gaussian(squared)
    return replace(one, event=event, mu_squared=squared)


def sampled(one: Reached, rate: Fraction, times: int) -> Reached:
    """Rounds on fresh Poisson samples."""
    return replace(one, event=Repeated(PoissonSampled(rate, one.event), times), mu_squared=None)


def composed(parts: Sequence[Reached]) -> Reached:
    """Blocks that share no noise."""
    squares = [part.mu_squared for part in parts if part.mu_squared is not None]
    squared = sum(squares, Fraction(0)) if len(squares) == len(parts) else None
    event = Composed(tuple(part.event for part in parts)) if squared is None else _gaussian(squared)
    shuffled = [part for part in parts if part.shuffled is not None]
    if shuffled and len(parts) > 1:
        raise refuse("composition", "there is no rule for shuffled reports together with other messages")
    return Reached(
        parts[0].event if shuffled else event,
        squared,
        idealized=any(part.idealized for part in parts),
        masked=any(part.masked for part in parts),
        shuffled=shuffled[0].shuffled if shuffled else None,
        at=shuffled[0].at if shuffled else 0.0,
    )


def stated(node: Node, reached: Reached) -> None:
    """The figures that a step states are those that follow, and the ones that its reader needs are there."""
    figures = reached.figures
    for name in ("mu_squared", "rho", "ratio"):
        if name in node.numbers and node.numbers[name] != figures.get(name):
            raise refuse(
                node.rule, f"{name} = {node.numbers[name]} does not follow", f"{figures.get(name, 'none')} does"
            )
    if reached.mu_squared is not None and node.numbers.get("mu_squared") is None:
        raise refuse(node.rule, "does not state its mu_squared")


def ratio_of(event: Event) -> Fraction | None:
    """The factor of pure losses alone."""
    if isinstance(event, Nothing):
        return Fraction(1)
    if isinstance(event, PureLoss):
        return event.ratio
    if isinstance(event, Repeated):
        single = ratio_of(event.event)
        return None if single is None else single**event.times
    if not isinstance(event, Composed):
        return None
    factors = [ratio_of(part) for part in event.events]
    product = Fraction(1)
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product


def _gaussian(squared: Fraction) -> Event:
    return Gaussian(sqrt_up(squared)) if squared else Nothing()
