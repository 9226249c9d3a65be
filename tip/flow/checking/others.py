"""Others: what every other agent loses to the same coalition, so that none is worse off than the one in the proof."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tip.flow.checking import reached as results
from tip.flow.checking.answers import alone, mixed, reports
from tip.flow.checking.blocks import credited, neighboring_of, refuse_hidden, refuse_unruly, sheets
from tip.flow.checking.cohorts import stand_in
from tip.flow.checking.reached import Reached
from tip.flow.checking.refusal import refuse, too_large
from tip.flow.checking.shifts import Moved, charged, moved_laplace
from tip.flow.checking.surveys import Survey, survey
from tip.flow.checking.whole import Unmasked, causal, unmasked, whole_secrets
from tip.flow.model import Law
from tip.privacy.accountant import missing_rule
from tip.privacy.events import LEAST_SHARE_VARIANCE
from tip.privacy.integer import rho_of

if TYPE_CHECKING:
    from tip.flow.checking.sheets import Sheet
    from tip.flow.checking.watching import Watch
    from tip.privacy.coalitions import Coalition
    from tip.privacy.events import Event

_TIED: Final = 60


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
    def of(cls, watch: Watch, coalition: Coalition, *, delta: float, sampled: bool) -> Others:
        """The blocks that the coalition sees."""
        found = sheets(watch)
        refuse_hidden(found, watch)
        for some in found:
            refuse_unruly(some, watch, coalition)
        return cls(watch, coalition, delta, sampled, found)

    def loss(self, agent: int) -> Reached | None:
        """All that is seen about an agent; None for a leak."""
        parts: list[Reached] = []
        for place, some in enumerate(self.blocks):
            who = stand_in(some, self.watch, agent)
            if who not in some.agent_of:
                continue
            one = self._one(place, some, who)
            if one is None:
                return None
            parts.append(self._rounds(some, one))
        answers = reports(self.watch, agent)
        if len(answers) == 1 and not parts:
            return mixed(self.watch, answers[0], self.coalition, self.delta)
        return results.composed([*parts, *(alone(self.watch, report) for report in answers)])

    def _rounds(self, some: Sheet, one: Reached) -> Reached:
        """All rounds of a block, on samples where the proof credits them and law 5 does."""
        cohort, times, refused = credited(some, self.watch, self.coalition)
        if self.sampled and cohort is not None and not refused:
            found = results.sampled(one, cohort.rate or Fraction(1), times)
            if not missing_rule(found.event, neighboring_of(some.flow)):
                return found
        return results.repeated(one, some.times)

    def _one(self, place: int, some: Sheet, agent: int) -> Reached | None:
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
        return Reached(own_event(left, agent), masked=left.masked, idealized=Law.LAPLACE in laws)


def own_event(left: Unmasked, agent: int) -> Event:
    """The cheapest of the plain ways to move whole-number noise along with the agent's change."""
    reaches, dimension = left.reaches(agent), left.dimension(agent)
    held = {row: {c: x for c, x in entries.items() if c in reaches} for row, entries in enumerate(left.A)}
    held = {row: entries for row, entries in held.items() if entries}
    bundles = _bundles(left)
    laws = {bundle.law for bundle in bundles}
    tries = [
        moves if moves is not None and causal(left.sheet, left, moves) else None
        for moves in (_alone(held, bundles), _solved(held, bundles))
    ]
    found = [charged(moves, reaches, dimension) for moves in tries if moves is not None and _discrete(moves)]
    if found:
        whole_secrets("every agent", left.sheet)
        return min(found, key=lambda event: rho_of(event) or Fraction(0))
    if laws & {Law.LAPLACE, Law.DISCRETE_LAPLACE} and tries[0] is not None:
        if Law.DISCRETE_LAPLACE in laws:
            whole_secrets("every agent", left.sheet)
        return moved_laplace(left.sheet, tries[0], reaches, dimension)
    raise too_large(f"whether agent {agent} loses more than the one in the proof cannot be told by the plain rules")


def _discrete(moves: list[Moved]) -> bool:
    return all(move.law is Law.DISCRETE_GAUSSIAN for move in moves)


def _bundles(left: Unmasked) -> list[Moved]:
    """Noises that are alike up to their sign; Laplace noises and small shares stay single."""
    rows_of: dict[int, dict[int, int]] = defaultdict(dict)
    for row, entries in enumerate(left.B):
        for column, value in entries.items():
            if value:
                rows_of[column][row] = value
    found: dict[object, list[int]] = defaultdict(list)
    for column, rows in rows_of.items():
        noise = left.sheet.noise(column)
        size = noise.scale if noise.variance is None else noise.variance
        sign = 1 if rows[min(rows)] > 0 else -1
        single = noise.law is not Law.DISCRETE_GAUSSIAN or size is None or size < LEAST_SHARE_VARIANCE
        found[noise.law, size, frozenset((r, sign * x) for r, x in rows.items()), column if single else -1].append(
            column
        )
    made = []
    for columns in found.values():
        noise = left.sheet.noise(columns[0])
        size = noise.scale if noise.variance is None else noise.variance
        if size is None:
            raise refuse("view", f"noise {noise.name!r} has no size")
        if noise.law is not Law.UNIFORM:
            made.append(Moved(tuple(columns), noise.law, size, {}, rows_of[columns[0]]))
    return made


def _alone(held: dict[int, dict[int, int]], bundles: list[Moved]) -> list[Moved] | None:
    """Each row by the strongest noise that it alone holds with 1 or -1."""
    moves = []
    for row, entries in held.items():
        own = [b for b in bundles if set(b.rows) == {row} and abs(b.rows[row]) == 1]
        if not own:
            return None
        best = max(own, key=lambda b: b.size * len(b.columns))
        moves.append(
            Moved(best.columns, best.law, best.size, {c: x * best.rows[row] for c, x in entries.items()}, best.rows)
        )
    return moves


def _solved(held: dict[int, dict[int, int]], bundles: list[Moved]) -> list[Moved] | None:
    """One solution of B W = A over the fractions, if it is whole."""
    discrete = [b for b in bundles if b.law is Law.DISCRETE_GAUSSIAN]
    rows = sorted({*held, *(row for b in discrete for row in b.rows)})
    if len(rows) > _TIED or len(discrete) > _TIED:
        return None
    columns = sorted({column for entries in held.values() for column in entries})
    lines = []
    for row in rows:
        line = {k: Fraction(b.rows[row]) for k, b in enumerate(discrete) if row in b.rows}
        line |= {len(discrete) + k: Fraction(held[row][c]) for k, c in enumerate(columns) if c in held.get(row, {})}
        lines.append(line)
    pivots: dict[int, dict[int, Fraction]] = {}
    for line in lines:
        for column, pivot in pivots.items():
            _less(line, pivot, line.get(column, Fraction(0)))
        at = min((k for k in line if k < len(discrete)), default=-1)
        if at < 0 and line:
            return None
        if line:
            head = line[at]
            scaled = {k: x / head for k, x in line.items()}
            for pivot in pivots.values():
                _less(pivot, scaled, pivot.get(at, Fraction(0)))
            pivots[at] = scaled
    moves: list[Moved] = []
    for at, pivot in pivots.items():
        part = {c: pivot[len(discrete) + k] for k, c in enumerate(columns) if len(discrete) + k in pivot}
        if any(x.denominator != 1 for x in part.values()):
            return None
        b = discrete[at]
        moves.append(Moved(b.columns, b.law, b.size, {c: int(x) for c, x in part.items()}, b.rows))
    return [move for move in moves if move.moves]


def _less(line: dict[int, Fraction], other: dict[int, Fraction], factor: Fraction) -> None:
    if factor:
        for key, value in other.items():
            rest = line.get(key, Fraction(0)) - factor * value
            if rest:
                line[key] = rest
            else:
                line.pop(key, None)
