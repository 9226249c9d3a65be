"""Charging: participations stand in the ledger before they are computed.

A run has a line in its plan's ledger, under a name drawn at random and kept in the run's folder. A
seeded run that is resumed repeats its rounds bit by bit, an identical resend: it goes on under the
same name, where counts only grow, so nothing is charged twice. A run on the operating system's
randomness that is resumed draws fresh noise: it goes on under a new name, so a round that was cut off
stays charged and is charged again, and so is every copy of a folder that is resumed (law 13).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from tip.errors import ConfigurationError
from tip.ledger import Ledger
from tip.plan.spending import entry, identities, limit, over_runs, owner, still_to_come, with_ledger
from tip.randomness import SYSTEM

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from tip.files import RunFolder
    from tip.simulation.cohorts import Participation
    from tip.simulation.federation import Federation

FILE: Final = "ledger.json"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A run's line in the ledger: its name, and each agent's participations under earlier names."""

    name: str
    before: NDArray[np.int32] = field(repr=False)


def line_of(federation: Federation, participation: Participation, place: RunFolder | None) -> Line:
    """The line of a new run, or of the run in a folder; without a ledger it is never written."""
    if not has_ledger(federation):
        return Line("", participation.counts)
    if place is None:
        return Line(_drawn(), participation.counts)
    name = place.read_json(FILE).get("run")
    ledger = Ledger.find(_path(federation), owner(federation.plan))
    known = False
    if ledger is not None:
        with ledger:
            known = isinstance(name, str) and ledger.knows(name)
    if not known:
        raise ConfigurationError(
            f"{_path(federation)} does not know the run in {place.path}",
            why="Each of its rounds was charged there",
            instead="Bring back the ledger that the run began with; without it nobody knows what was spent.",
        )
    if federation.entropy.simulated:
        return Line(str(name), np.zeros_like(participation.counts))
    return Line(_drawn(), participation.counts)


def within_budget(federation: Federation, line: Line) -> Federation:
    """The federation with its guarantee over all runs; raises `BudgetExhausted` before anything is written."""
    plan, train = federation.plan, federation.train
    settled = with_ledger(plan, federation.settled, train, name=line.name, before=line.before)
    return replace(federation, settled=settled)


def has_ledger(federation: Federation) -> bool:
    """Whether the plan names a ledger."""
    return federation.plan.budget is not None and federation.plan.budget.has_ledger


class Book:
    """The open ledger of a run, or nothing to write in where the plan names none; use it in a `with`."""

    __slots__ = ("_account", "_charged", "_ledger", "_limit", "_line")

    def __init__(self, federation: Federation, line: Line) -> None:
        self._line, self._charged = line, line.before
        self._ledger: Ledger | None = None
        if not has_ledger(federation):
            return
        plan = federation.plan
        self._limit: Fraction = limit(plan)
        self._ledger = Ledger.open(_path(federation), owner(plan))
        try:
            run = entry(plan, federation.settled, line.name)
            self._account = self._ledger.begin(run, identities(plan, federation.train))
        except BaseException:
            self._ledger.close()
            raise

    def charge(self, participation: Participation) -> None:
        """Return once the participations are on the disk; raises `BudgetExhausted` if other runs left no room."""
        if self._ledger is None:
            return
        agents = np.flatnonzero(participation.counts > self._charged)
        counts = participation.counts[agents] - self._line.before[agents]
        self._account.charge(agents, counts.astype(np.int64), self._limit)
        self._charged = participation.counts

    def told(self, federation: Federation) -> Federation:
        """The federation with its guarantee over all runs as it stands now: others may have charged meanwhile."""
        if self._ledger is None:
            return federation
        rounds = still_to_come(federation.settled, federation.train.agents, self._line.before)
        total = over_runs(federation.plan, federation.settled, self._account.others(), rounds)
        return replace(federation, settled=replace(federation.settled, over_runs=total))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ledger is not None:
            self._ledger.close()


def _path(federation: Federation) -> Path:
    return Path(federation.plan.budget.ledger if federation.plan.budget else "")


def _drawn() -> str:
    """A name that no other run has: 128 bits of the operating system's."""
    high, low = SYSTEM.stream("ledger/run").words(np.arange(1), 2)[0].tolist()
    return f"{high:016x}{low:016x}"
