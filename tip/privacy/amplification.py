"""Amplification by sampling: to whom it may be credited (law 5).

A sample that a coalition member can see hides nobody. So sampling is credited only against a
coalition of which *no* member may learn who takes part (coordinator, network observer, any agent
that is told part of the roster: in short, everybody but the world), only to Poisson samples drawn
afresh and used for one release, and only under a relation with a proven dominating pair. Everybody
else is charged per participation.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.privacy.checks import whole
from tip.privacy.events import PoissonSampled
from tip.privacy.guarantees import Neighboring

if TYPE_CHECKING:
    from tip.privacy.coalitions import Coalition
    from tip.privacy.events import Event


def why_not_credited(
    coalition: Coalition, neighboring: Neighboring, *, poisson: bool, fresh: bool, releases: int
) -> str:
    """Empty if sampling may be credited to this coalition; else the sentence that says why not."""
    whole("releases", releases, least=1)
    if coalition.sees_roster:
        return f'"{coalition.text}" may learn who takes part, and a sample that is seen hides nobody'
    if neighboring is not Neighboring.ADD_REMOVE_ONE:
        return f"no dominating pair is proven for a Poisson sample under {neighboring}"
    if not poisson:
        return "the sample is not Poisson: agents do not take part independently of one another"
    if not fresh:
        return "the sample is not drawn afresh for this release"
    if releases > 1:
        return f"one sample serves {releases} releases, which then share its secret"
    return ""


def sampled(event: Event, rate: Fraction, coalition: Coalition, neighboring: Neighboring, *, fresh: bool) -> Event:
    """The event that may be charged for one release on a Poisson sample: sampled if credited, else as it is."""
    reason = why_not_credited(coalition, neighboring, poisson=True, fresh=fresh, releases=1)
    return event if reason else PoissonSampled(rate, event)


def conditioned_rate(size: int, population: int, colluders: int) -> Fraction:
    """The rate of a fixed-size sample for who knows that none of the colluders is in it: m/(N - c), at most 1."""
    whole("the sample's size", size, least=0)
    whole("colluders", colluders, least=0)
    whole("the population", population, least=1)
    if colluders >= population or size > population:
        raise ConfigurationError(
            f"a sample of {size} from {population} agents, {colluders} of them colluding, has no honest member to hide"
        )
    return min(Fraction(1), Fraction(size, population - colluders))
