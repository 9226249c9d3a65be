"""Amplification by sampling and by shuffling: to whom it may be credited (laws 5, 6).

A sample that a coalition member can see hides nobody. So sampling is credited only against a
coalition of which *no* member may learn who takes part (coordinator, network observer, any agent
that is told part of the roster: in short, everybody but the world), only to Poisson samples drawn
afresh and used for one release, and only under a relation with a proven dominating pair. Everybody
else is charged per participation.

A shuffler hides who sent which report, from a coalition that it is no part of, and only if nothing that
survives it points to the sender: no name, arrival time or size, and nothing in the report itself, such as an
answer to a seed that the collector assigned. How much it hides is computed in `tip.privacy.shuffling`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tip.errors import ConfigurationError
from tip.privacy.checks import whole
from tip.privacy.coalitions import NETWORK
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


def why_not_shuffled(coalition: Coalition, *, shuffler: str, identifying: str, releases: int) -> str:
    """Empty if shuffling may be credited to this coalition; else the sentence that says why not (law 6).

    `shuffler`: the party that mixes the reports, "" if there is none in the flow. `identifying`: what in a report
    points to its sender (`Mechanism.identifying`). `releases`: how many reports of one agent are mixed.
    """
    whole("releases", releases, least=1)
    if not shuffler:
        return "no shuffler stands in the flow: who collects the reports sees who sent them"
    if shuffler in coalition.parties:
        return f'the shuffler {shuffler!r} is part of "{coalition.text}"'
    if NETWORK in coalition.parties:
        return f'"{coalition.text}" watches the lines, and nothing here proves that times and sizes say nothing'
    if identifying:
        return identifying
    if releases > 1:
        return f"one agent sends {releases} reports, and the bound is for one report of each agent"
    return ""


def honest_reports(minimum: int, colluders: int) -> int:
    """The honest, non-colluding reports that are sure to be in a batch of at least `minimum`, the agent's own included.

    Colluders and liars never drop out: they know or choose their reports, which hide nobody.
    """
    whole("minimum", minimum, least=1)
    return max(1, minimum - whole("colluders", colluders, least=0))
