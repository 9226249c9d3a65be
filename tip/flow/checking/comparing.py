"""Comparing: whether another agent, or another coalition, is no worse off than a guarantee claims.

A guarantee that states mu, rho or a pure loss states it for every agent, so each of them must have that figure, and
no larger one. A guarantee that states epsilon at one delta alone wants no more than that epsilon there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tip.flow.checking.promised import epsilon_of
from tip.flow.checking.reached import loose
from tip.privacy.events import (
    Composed,
    Concentrated,
    Event,
    Gaussian,
    Laplace,
    Nothing,
    PoissonSampled,
    PureLoss,
    Repeated,
)

if TYPE_CHECKING:
    from tip.flow.checking.reached import Reached
    from tip.flow.model import Flow

SLACK: Final = 1 + 1e-6  # of a float that says that another agent is no worse off


@dataclass(frozen=True, slots=True)
class Claim:
    """What a guarantee states: what its own agent's steps reach, and epsilon at the delta of the conversion."""

    reached: Reached
    epsilon: float
    delta: float

    def bounds(self, found: Reached, flow: Flow) -> bool:
        """Whether an agent that loses this loses no more than is claimed."""
        claimed = self.reached
        if found.event == Nothing():
            return True
        if claimed.shuffled is None and found.shuffled is None and dominated(found.event, claimed.event):
            return True
        if claimed.mu_squared is not None:
            return found.mu_squared is not None and float(found.mu_squared) <= float(claimed.mu_squared) * SLACK
        if claimed.rho is not None and (found.rho is None or float(found.rho) > float(claimed.rho) * SLACK):
            return False
        if claimed.ratio is not None and claimed.shuffled is None:
            return found.ratio is not None and found.ratio <= claimed.ratio
        ways = (epsilon_of(some, self.delta, flow) for some in (loose(found), found))
        return any(epsilon <= self.epsilon * SLACK for epsilon in ways)


def dominated(one: Event, other: Event) -> bool:  # noqa: PLR0911 - a case for each kind of noise
    """Whether an event is the same as another with no more of a loss in each part; figures may differ by rounding."""
    match one, other:
        case Nothing(), _:
            return True
        case Gaussian(), Gaussian():
            return one.mu <= other.mu * SLACK
        case Laplace(), Laplace():
            return one.epsilon <= other.epsilon
        case PureLoss(), PureLoss():
            return one.ratio <= other.ratio
        case Concentrated(), Concentrated():
            return one.rho <= other.rho
        case Repeated(), Repeated():
            return one.times <= other.times and dominated(one.event, other.event)
        case PoissonSampled(), PoissonSampled():
            return one.rate == other.rate and dominated(one.event, other.event)
        case Composed(), Composed():
            return len(one.events) == len(other.events) and all(map(dominated, one.events, other.events))
        case _:
            return one == other
