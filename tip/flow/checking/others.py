"""Others: what every other agent loses to the same coalition, so that none is worse off than the one in the proof."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tip.flow.checking import reached as results
from tip.flow.checking.answers import alone, mixed, reports
from tip.flow.checking.blocks import credited, neighboring_of, refuse_hidden, refuse_unruly
from tip.flow.checking.cohorts import stand_in
from tip.flow.checking.moving import bundles, own_rows, rational, searched, twins
from tip.flow.checking.reached import Reached
from tip.flow.checking.refusal import too_large
from tip.flow.checking.shifts import charged, moved_laplace
from tip.flow.checking.surveys import Survey, survey
from tip.flow.checking.whole import Unmasked, balanced, causal, unmasked, whole_secrets
from tip.flow.model import Law
from tip.privacy.accountant import missing_rule
from tip.privacy.integer import rho_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tip.flow.checking.sheets import Sheet
    from tip.flow.checking.shifts import Moved
    from tip.flow.checking.watching import Watch
    from tip.privacy.coalitions import Coalition
    from tip.privacy.events import Event


@dataclass(slots=True, eq=False)
class Others:
    """One coalition's view, asked about any agent."""

    watch: Watch
    coalition: Coalition
    delta: float  # of the conversion, at which shuffled reports are looked at
    sampled: bool  # whether the proof credits sampling
    blocks: list[Sheet]
    _surveys: dict[int, Survey] = field(default_factory=dict)
    _left: dict[int, Unmasked] = field(default_factory=dict)

    @classmethod
    def of(cls, found: list[Sheet], watch: Watch, coalition: Coalition, *, delta: float, sampled: bool) -> Others:
        """The blocks that the coalition sees."""
        refuse_hidden(found, watch)
        for some in found:
            refuse_unruly(some, watch, coalition)
        return cls(watch, coalition, delta, sampled, found)

    def loss(self, agent: int, *, thorough: bool = False) -> Reached | None:
        """All that is seen about an agent; None for a leak. `thorough`: search longer for a small loss."""
        parts: list[Reached] = []
        for place, some in enumerate(self.blocks):
            who = stand_in(some, self.watch, agent)
            if who not in some.agent_of:
                continue
            one = self._one(place, some, who, thorough=thorough)
            if one is None:
                return None
            parts.append(self._rounds(some, one))
        answers = reports(self.watch, agent)
        if len(answers) == 1 and not parts:
            return mixed(self.watch, answers[0], self.coalition, self.delta)
        whole = results.composed([*parts, *(alone(self.watch, report) for report in answers)])
        return replace(whole, masked=whole.masked or any(some.covered > 0 for some in self.blocks))

    def _rounds(self, some: Sheet, one: Reached) -> Reached:
        """All rounds of a block, on samples where the proof credits them and law 5 does."""
        cohort, times, refused = credited(some, self.watch, self.coalition)
        if self.sampled and cohort is not None and not refused:
            found = results.sampled(one, cohort.rate or Fraction(1), times)
            if not missing_rule(found.event, neighboring_of(some.flow)):
                return found
        return results.repeated(one, some.times)

    def _one(self, place: int, some: Sheet, agent: int, *, thorough: bool) -> Reached | None:
        """One round of one block."""
        laws = some.laws()
        if laws <= {Law.GAUSSIAN} and not some.ring:
            if place not in self._surveys:
                self._surveys[place] = survey(some)
            found = self._surveys[place].loss(agent)
            return None if found == float("inf") else results.gaussian(Fraction(found))
        if place not in self._left:
            self._left[place] = unmasked(some)
        left = self._left[place]
        return Reached(own_event(left, agent, thorough=thorough), masked=left.masked, idealized=Law.LAPLACE in laws)


def own_event(left: Unmasked, agent: int, *, thorough: bool = False) -> Event:
    """The cheapest way known here to move whole noise along with the agent's change; `thorough`: search for more."""
    reaches, dimension = left.reaches(agent), left.dimension(agent)
    held = {row: {c: x for c, x in entries.items() if c in reaches} for row, entries in enumerate(left.A)}
    held = {row: entries for row, entries in held.items() if entries}
    some = bundles(left)
    discrete = [bundle for bundle in some if bundle.law is Law.DISCRETE_GAUSSIAN]

    def allowed(tries: Iterable[list[Moved] | None]) -> list[list[Moved]]:
        made = (moves for moves in tries if moves is not None and balanced(left, moves, reaches))
        return [moves for moves in made if causal(left.sheet, left, moves)]

    found = allowed([own_rows(held, discrete), twins(held, discrete), rational(held, discrete)])
    if thorough or not found:
        found += allowed(searched(held, discrete, left.sheet.ring))
    if found:
        whole_secrets("every agent", left.sheet)
        events = (charged(moves, reaches, dimension) for moves in found)
        return min(events, key=lambda event: rho_of(event) or Fraction(0))
    laplace = [bundle for bundle in some if bundle.law in {Law.LAPLACE, Law.DISCRETE_LAPLACE}]
    for moves in allowed([own_rows(held, laplace)]):
        if Law.DISCRETE_LAPLACE in left.sheet.laws():
            whole_secrets("every agent", left.sheet)
        return moved_laplace(left.sheet, moves, reaches, dimension)
    raise too_large(f"whether agent {agent} loses more than the one in the proof cannot be told by the plain rules")
