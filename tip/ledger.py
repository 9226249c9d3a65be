"""Spends that add up over runs: one durable row per agent and run.

A ledger is one SQLite file about one population and one promise (`Owner`). It holds who the agents
are, each run's rho for one participation as an exact fraction, and how often each agent has been
charged in each run: an agent's spend is the sum of the products. No secret, no datum, no clock.

Rules:

1. A charge is on the disk when `Account.charge` returns (WAL, synchronous=FULL), so it can stand
   before the message leaves (law 13). One call is one transaction: all of it is written or nothing.
2. Counts only grow. To charge a run's participation number k again changes nothing, so an identical
   resend is free; there is no refund, and triggers refuse one.
3. Whoever charges holds the file's write lock and has read what other runs wrote before: two runs
   at once lose no charge and cannot exceed a limit together.
4. A seed draws the noise of one run only. Spends add up because noises are independent.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from tip.errors import BudgetExhausted, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

_APPLICATION: Final = 0x5449504C  # "TIPL": what a file says of itself
_VERSION: Final = 1
_PATIENCE: Final = 30.0  # seconds to wait for another run's transaction
_DIGITS: Final = 4000  # of a fraction's parts
_SCHEMA: Final = (
    """CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1), population TEXT NOT NULL, promise TEXT NOT NULL
) STRICT""",
    "CREATE TABLE agents (agent INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, rho TEXT NOT NULL, seed INTEGER) STRICT",
    """CREATE TABLE spends (
    run INTEGER NOT NULL, agent INTEGER NOT NULL, participations INTEGER NOT NULL CHECK (participations > 0),
    PRIMARY KEY (run, agent)
) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER no_refund BEFORE UPDATE ON spends WHEN new.participations < old.participations
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END""",
    """CREATE TRIGGER no_removal BEFORE DELETE ON spends
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END""",
)
_CHARGE: Final = """INSERT INTO spends VALUES (?, ?, ?) ON CONFLICT DO UPDATE
SET participations = excluded.participations WHERE excluded.participations > participations"""
_TOLD: Final = {  # the beginning of SQLite's name of an error → what, and what would do
    "SQLITE_NOTADB": ("is no ledger", "Name a new file, or the ledger of these agents."),
    "SQLITE_CORRUPT": ("is damaged", "Take it from a backup; without it nobody knows what was spent."),
    "SQLITE_BUSY": ("is in use by another run", "Try again when that run has ended."),
    "SQLITE_LOCKED": ("is in use by another run", "Try again when that run has ended."),
    "SQLITE_READONLY": ("cannot be written", "A run is charged before it computes: make file and folder writable."),
    "SQLITE_CANTOPEN": ("cannot be opened", "Its folder has to exist and to be writable."),
    "SQLITE_FULL": ("cannot be written: the disk is full", "Nothing was released. Make room and try again."),
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a ledger speaks of: one population, and the promise whose rho is added up."""

    population: str
    promise: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A run: its name, the rho of one participation, and the seed of its noise (None: the operating system's)."""

    name: str
    rho: Fraction
    seed: int | None

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.rho, Fraction) or self.rho < 0:
            raise ConfigurationError(f"a run has a name and an exact rho >= 0, not {self.name!r} and {self.rho!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Spent:
    """Exact spends: agent i has spent rho = units[i] / denominator in `runs` runs, whose seeds are named."""

    units: NDArray[np.object_]
    denominator: int = 1
    runs: int = 0
    seeds: frozenset[int] = frozenset()

    @classmethod
    def nothing(cls, agents: int) -> Spent:
        """Before the first run."""
        return cls(np.zeros(agents, dtype=np.object_))

    def of(self, agent: int) -> Fraction:
        """What one agent has spent."""
        return Fraction(int(self.units[agent]), self.denominator)

    def totals(self, participations: NDArray[Any], rho: Fraction, agents: Indices | None = None) -> Spent:
        """The spends (of the agents named) after so many participations more, each of which costs rho."""
        units = self.units if agents is None else self.units[agents]
        common = lcm(self.denominator, rho.denominator)
        price = rho.numerator * (common // rho.denominator)
        added = np.asarray(participations).astype(np.object_) * price
        return Spent(units * (common // self.denominator) + added, common, self.runs, self.seeds)

    @property
    def most(self) -> int:
        """The agent that has spent most; -1 where there is none."""
        return int(np.argmax(self.units)) if len(self.units) else -1


class Ledger:
    """An open ledger; close it, or use it in a `with`. Raises `ConfigurationError` for a file that is none."""

    __slots__ = ("_db", "path")

    def __init__(self, path: Path, owner: Owner) -> None:
        """Open a ledger that exists; see `open` and `find`."""
        self.path = path
        if not path.is_file() or path.stat().st_size == 0:
            what = "is empty, and a ledger never is" if path.is_file() else "is no file"
            raise ConfigurationError(f"{path} {what}", instead="Name a new file, or take the ledger from a backup.")
        with _told(path):
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_PATIENCE
            )
        try:
            self._check(owner)
        except BaseException:
            self._db.close()
            raise

    @classmethod
    def open(cls, path: Path, owner: Owner) -> Ledger:
        """The ledger in a file, which is made if it is not there."""
        if not path.exists():
            _make(path, owner)
        return cls(path, owner)

    @classmethod
    def find(cls, path: Path, owner: Owner) -> Ledger | None:
        """The ledger in a file, or None if there is no file."""
        return cls(path, owner) if path.exists() else None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spent(self, identities: Sequence[str], *, apart_from: str = "") -> Spent:
        """What agents have spent in all runs but one; who never took part has spent nothing."""
        with _told(self.path), self._db:
            self._db.execute("BEGIN")
            return self._spent(self._numbers(identities), apart_from)

    def knows(self, name: str) -> bool:
        """Whether a run of that name was begun here."""
        with _told(self.path):
            return self._db.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone() is not None

    def begin(self, entry: Entry, identities: Sequence[str]) -> Account:
        """The account of a run, new or resumed. Refused: the same name with another rho, a seed used before."""
        if len(set(identities)) < len(identities):
            raise ConfigurationError("two agents have one identity", where=f"{self.path}:")
        row = (entry.name, f"{entry.rho.numerator}/{entry.rho.denominator}", entry.seed)
        with self._writing():
            self._db.executemany(
                "INSERT INTO agents (identity) VALUES (?) ON CONFLICT DO NOTHING", ((i,) for i in identities)
            )
            self._db.execute("INSERT INTO runs (name, rho, seed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
            found = self._db.execute("SELECT run, name, rho, seed FROM runs WHERE name = ?", row[:1]).fetchone()
            if found[1:] != row:
                raise ConfigurationError(f"{self.path} knows this run with another charge", instead="Begin a new run.")
            account = Account(self, entry, found[0], self._numbers(identities))
        return account

    def _check(self, owner: Owner) -> None:
        """Refuse what is not a whole, sound ledger of this owner."""
        with _told(self.path):
            for setting in ("trusted_schema = OFF", "journal_mode = WAL", "synchronous = FULL"):
                self._db.execute(f"PRAGMA {setting}")
            application, version = (self._value(f"PRAGMA {name}") for name in ("application_id", "user_version"))
            if application != _APPLICATION:
                raise _none(self.path, "It is a database of another program")
            if version != _VERSION:
                raise _none(self.path, f"It has form {version}, and this tip reads form {_VERSION}")
            schema = {sql for (sql,) in self._db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
            if schema != set(_SCHEMA) or self._value("PRAGMA quick_check(1)") != "ok":
                raise ConfigurationError(f"{self.path} {' '.join(_TOLD['SQLITE_CORRUPT'][:1])}", instead=_BACKUP)
            found = Owner(*self._db.execute("SELECT population, promise FROM owner").fetchone() or ("", ""))
        for name, theirs, ours in (
            ("people", found.population, owner.population),
            ("a promise", found.promise, owner.promise),
        ):
            if theirs != ours:
                raise ConfigurationError(
                    f"{self.path} is the ledger of other {name}" if name == "people" else f"{self.path} adds up {name} "
                    "that is not this one",
                    why=f"It speaks of {theirs}, and the plan of {ours}",
                    instead="Spends add up for the same agents and the same promise: name another ledger.",
                )

    def _value(self, query: str) -> Any:  # noqa: ANN401 - whatever SQLite answers
        return self._db.execute(query).fetchone()[0]
