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

import json
import os
import re
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
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
_CHARGE: Final = """INSERT INTO spends SELECT ?, value, ? FROM json_each(?) WHERE true ON CONFLICT DO UPDATE
SET participations = excluded.participations WHERE excluded.participations > participations"""
_FAULTS: Final = {  # the beginning of SQLite's name of an error → what, and what would do
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

    def after(self, participations: NDArray[Any], rho: Fraction, agents: Indices | None = None) -> Spent:
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

    @property
    def connection(self) -> sqlite3.Connection:
        """For the accounts in it."""
        return self._db

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spent(self, identities: Sequence[str], *, apart_from: str = "") -> Spent:
        """What agents have spent in all runs but one; who never took part has spent nothing."""
        with _writing(self._db, self.path):
            return _spent(self._db, self.path, _numbers(self._db, identities), apart_from)

    def knows(self, name: str) -> bool:
        """Whether a run of that name was begun here."""
        with _told(self.path):
            return self._db.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone() is not None

    def begin(self, entry: Entry, identities: Sequence[str]) -> Account:
        """The account of a run, new or resumed. Refused: the same name with another rho, a seed used before."""
        if len(set(identities)) < len(identities):
            raise ConfigurationError("two agents have one identity", where=f"{self.path}:")
        row = (entry.name, f"{entry.rho.numerator}/{entry.rho.denominator}", entry.seed)
        with _writing(self._db, self.path):
            self._db.executemany(
                "INSERT INTO agents (identity) VALUES (?) ON CONFLICT DO NOTHING", ((i,) for i in identities)
            )
            self._db.execute("INSERT INTO runs (name, rho, seed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row)
            found = self._db.execute("SELECT run, name, rho, seed FROM runs WHERE name = ?", row[:1]).fetchone()
            if found[1:] != row:
                raise ConfigurationError(f"{self.path} knows this run with another charge", instead="Begin a new run.")
            return Account(self, entry, found[0], _numbers(self._db, identities))

    def _check(self, owner: Owner) -> None:
        """Refuse what is not a whole, sound ledger of this owner."""
        with _told(self.path):
            application, version = (_value(self._db, f"PRAGMA {name}") for name in ("application_id", "user_version"))
            if application != _APPLICATION or version != _VERSION:
                why = f"It has form {version}, and this tip reads form {_VERSION}"
                raise _fault(self.path, "SQLITE_NOTADB", why if application == _APPLICATION else "")
            for setting in ("trusted_schema = OFF", "journal_mode = WAL", "synchronous = FULL"):
                self._db.execute(f"PRAGMA {setting}").close()
            schema = {sql for (sql,) in self._db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
            if schema != set(_SCHEMA) or _value(self._db, "PRAGMA quick_check(1)") != "ok":
                raise _fault(self.path, "SQLITE_CORRUPT")
            found = Owner(*self._db.execute("SELECT population, promise FROM owner").fetchone() or ("", ""))
        for what in ("population", "promise"):
            theirs, ours = getattr(found, what), getattr(owner, what)
            if theirs != ours:
                raise ConfigurationError(
                    f"{self.path} is the ledger of another {what}",
                    why=f"It adds up for {theirs}, and this plan is about {ours}",
                    instead="Name another ledger: spends add up for the same agents and the same promise.",
                )


class Account:
    """One run's account in a ledger; made by `Ledger.begin`."""

    __slots__ = ("_db", "_entry", "_numbers", "_others", "_path", "_run", "_seen")

    def __init__(self, ledger: Ledger, entry: Entry, run: int, numbers: Indices) -> None:
        self._db, self._path = ledger.connection, ledger.path
        self._entry, self._run, self._numbers = entry, run, numbers
        self._others, self._seen = Spent.nothing(len(numbers)), (-1, -1)
        self._read()

    def others(self) -> Spent:
        """What the run's agents have spent in all other runs, as it stands now."""
        with _writing(self._db, self._path):
            return self._read()

    def charge(self, agents: Indices, participations: NDArray[Any], limit: Fraction) -> None:
        """Write down that these agents (places in the run) have now taken part so many times in this run.

        Raises `BudgetExhausted`, and charges nobody, if the spend of one of them would exceed `limit`.
        """
        with _writing(self._db, self._path):
            spent = self._read().after(participations, self._entry.rho, agents)
            if len(agents) and spent.of(spent.most) > limit:
                raise BudgetExhausted(
                    f"{self._path}: rho {float(spent.of(spent.most)):.6g} would exceed the limit "
                    f"{float(limit):.6g}, since other runs have charged the same agents; nothing was released"
                )
            numbers = self._numbers[agents]
            for count in np.unique(participations).tolist():  # few: one statement each is thrice as fast as row by row
                charged = json.dumps(numbers[participations == count].tolist())
                self._db.execute(_CHARGE, (self._run, count, charged))
            self._seen = (self._seen[0], self._db.total_changes)

    def _read(self) -> Spent:
        """The others' spends, read again where others have written; inside a transaction."""
        version = (_value(self._db, "PRAGMA data_version"), self._db.total_changes)
        if version == self._seen:
            return self._others
        others = _spent(self._db, self._path, self._numbers, self._entry.name)
        if self._entry.seed in others.seeds:
            raise ConfigurationError(
                f"seed {self._entry.seed} has drawn the noise of another run in {self._path}",
                why="Spends add up for independent noise; the same noise on two releases can be taken away",
                instead="Take another simulation.seed, or resume that run.",
            )
        self._others, self._seen = others, version
        return others


@contextmanager
def _writing(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One transaction that holds the write lock from its beginning."""
    with _told(path):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _value(db: sqlite3.Connection, query: str) -> Any:  # noqa: ANN401 - whatever SQLite answers
    return db.execute(query).fetchone()[0]


def _numbers(db: sqlite3.Connection, identities: Sequence[str]) -> Indices:
    """The agents' numbers in the file; 0 for one that is not there."""
    known = dict(db.execute("SELECT identity, agent FROM agents").fetchall())
    return np.array([known.get(identity, 0) for identity in identities], dtype=np.int64)


def _spent(db: sqlite3.Connection, path: Path, numbers: Indices, apart_from: str) -> Spent:
    """The spends of the agents of these numbers, run by run; inside a transaction."""
    places = np.full(int(_value(db, "SELECT coalesce(max(agent), 0) FROM agents")) + 1, -1)
    places[numbers] = np.arange(len(numbers))
    places[0] = -1
    told, seeds = Spent.nothing(len(numbers)), set()
    for run, rho, seed in db.execute("SELECT run, rho, seed FROM runs WHERE name <> ?", (apart_from,)):
        rows = db.execute("SELECT agent, participations FROM spends WHERE run = ?", (run,)).fetchall()
        charged = np.array(rows, dtype=np.int64).reshape(-1, 2)
        if not ((charged[:, 0] > 0) & (charged[:, 0] < len(places))).all():
            raise _fault(path, "SQLITE_CORRUPT")
        counts = np.zeros(len(numbers) + 1, dtype=np.int64)  # the last place: agents that are not asked for
        counts[places[charged[:, 0]]] = charged[:, 1]
        seeds |= {seed} if rows and seed is not None else set()
        if counts[:-1].any():
            told = replace(told.after(counts[:-1], _fraction(rho, path)), runs=told.runs + 1)
    return replace(told, seeds=frozenset(seeds))


def _make(path: Path, owner: Owner) -> None:
    """Make a ledger: whole beside its place, then linked to its name unless somebody was faster."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with _told(path), closing(sqlite3.connect(beside, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            for statement in (f"PRAGMA application_id = {_APPLICATION}", f"PRAGMA user_version = {_VERSION}", *_SCHEMA):
                db.execute(statement)
            db.execute("INSERT INTO owner VALUES (1, ?, ?)", (owner.population, owner.promise))
            db.execute("PRAGMA journal_mode = WAL").close()
        with suppress(FileExistsError):
            path.hardlink_to(beside)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be made: {(error.strerror or str(error)).lower()}") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, with what would do."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        raise _fault(path, next((known for known in _FAULTS if name.startswith(known)), ""), str(error)) from error
    except UnicodeDecodeError as error:  # SQLite quotes what it cannot read, and that need not be text
        raise _fault(path, "SQLITE_CORRUPT") from error


def _fault(path: Path, name: str, why: str = "") -> ConfigurationError:
    what, instead = _FAULTS.get(name, ("cannot be used", "Nothing was charged, so nothing was released."))
    return ConfigurationError(f"{path} {what}", why=why, instead=instead)


def _fraction(text: str, path: Path) -> Fraction:
    """An exact fraction as it was written."""
    if len(text) > 2 * _DIGITS or not re.fullmatch(r"[0-9]+/0*[1-9][0-9]*", text):
        raise _fault(path, "SQLITE_CORRUPT")
    return Fraction(text)
