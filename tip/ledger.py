"""Spends that add up over runs: one durable row per agent and run.

A ledger is one SQLite file about one population, one promise and one currency (`Owner`). It holds who
the agents are, each run's price for one participation as an exact fraction, and how often each agent has
been charged in each run: an agent's spend is the sum of the products. No secret, no datum, no clock.

Rules:

1. A charge is on the disk when `Account.charge` returns (tip/store.py), so it can stand before the
   message leaves (law 13). One call is one transaction: all of it is written or nothing.
2. Counts only grow. To charge a run's participation number k again changes nothing, so an identical
   resend is free; there is no refund, and triggers refuse one.
3. Whoever charges holds the file's write lock and has read what other runs wrote before: two runs
   at once lose no charge and cannot exceed a limit together.
4. A seed draws the noise of one run only. Spends add up because noises are independent.
5. Rho and squared mu are not added to one another. A run priced in squared mu is refused by a ledger in
   rho until it is exchanged (`Entry.of(name, amount.in_rho(), seed)`); the file remembers that such a
   price is idealized.

Form 1 of the file knew rho alone. Such a file becomes one of form 2 when it is opened, in one
transaction: its prices are rho, proven for the arithmetic that ran.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from tip.currency import Amount, Currency, exact, parsed, shown, written
from tip.errors import BudgetExhausted, ConfigurationError
from tip.store import Form, Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

_OWNER: Final = """CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1), population TEXT NOT NULL, promise TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (currency IN ('rho', 'squared mu'))
) STRICT"""
_RUNS: Final = """CREATE TABLE runs (
    run INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price TEXT NOT NULL, seed INTEGER,
    idealized INTEGER NOT NULL CHECK (idealized IN (0, 1))
) STRICT"""
_SAME: Final = (  # in all forms
    "CREATE TABLE agents (agent INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE) STRICT",
    """CREATE TABLE spends (
    run INTEGER NOT NULL, agent INTEGER NOT NULL, participations INTEGER NOT NULL CHECK (participations > 0),
    PRIMARY KEY (run, agent)
) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER no_refund BEFORE UPDATE ON spends WHEN new.participations < old.participations
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END""",
    """CREATE TRIGGER no_removal BEFORE DELETE ON spends
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END""",
)
_FORM_1: Final = (
    """CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1), population TEXT NOT NULL, promise TEXT NOT NULL
) STRICT""",
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, rho TEXT NOT NULL, seed INTEGER) STRICT",
    *_SAME,
)
_RUN_ENDED: Final = ("is in use by another run", "Try again when that run has ended.")
_FORM: Final = Form(
    noun="ledger",
    application=0x5449504C,  # "TIPL"
    version=2,
    schema=(_OWNER, _RUNS, *_SAME),
    older={1: _FORM_1},
    lost="Name a new file, or take the ledger from a backup.",
    faults={
        "SQLITE_NOTADB": ("is no ledger", "Name a new file, or the ledger of these agents."),
        "SQLITE_CORRUPT": ("is damaged", "Take it from a backup; without it nobody knows what was spent."),
        "SQLITE_BUSY": _RUN_ENDED,
        "SQLITE_LOCKED": _RUN_ENDED,
        "SQLITE_READONLY": (
            "cannot be written",
            "A run is charged before it computes: make file and folder writable.",
        ),
        "SQLITE_FULL": ("cannot be written: the disk is full", "Nothing was released. Make room and try again."),
    },
    otherwise="Nothing was charged, so nothing was released.",
    private=False,
)
_CHARGE: Final = """INSERT INTO spends SELECT ?, value, ? FROM json_each(?) WHERE true ON CONFLICT DO UPDATE
SET participations = excluded.participations WHERE excluded.participations > participations"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a ledger speaks of: one population, the promise whose prices are added up, and their currency."""

    population: str
    promise: str
    currency: Currency = Currency.RHO


@dataclass(frozen=True, slots=True)
class Entry:
    """A run: its name, the price of one participation, and the seed of its noise (None: the operating system's).

    The price is rho unless it says otherwise; `idealized`: it holds for real arithmetic, as squared mu always does.
    """

    name: str
    price: Fraction
    seed: int | None
    currency: Currency = Currency.RHO
    idealized: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("a run has a name")
        Amount(self.currency, self.price, self.idealized)

    @classmethod
    def of(cls, name: str, amount: Amount, seed: int | None) -> Entry:
        """A run whose participations cost this amount."""
        return cls(name, amount.value, seed, amount.currency, amount.idealized)

    @property
    def amount(self) -> Amount:
        """What one participation costs."""
        return Amount(self.currency, self.price, self.idealized)

    @property
    def rho(self) -> Fraction:
        """What one participation costs in rho."""
        return self.amount.in_rho().value


@dataclass(frozen=True, slots=True, eq=False)
class Spent:
    """Exact spends: agent i has spent units[i] / denominator in `runs` runs, whose seeds are named.

    `idealized`: one of these runs was priced for real arithmetic.
    """

    units: NDArray[np.object_]
    denominator: int = 1
    runs: int = 0
    seeds: frozenset[int] = frozenset()
    idealized: bool = False

    @classmethod
    def nothing(cls, agents: int) -> Spent:
        """Before the first run."""
        return cls(np.zeros(agents, dtype=np.object_))

    def of(self, agent: int) -> Fraction:
        """What one agent has spent."""
        return Fraction(int(self.units[agent]), self.denominator)

    def after(self, participations: NDArray[Any], price: Fraction, agents: Indices | None = None) -> Spent:
        """The spends (of the agents named) after so many participations more, each at this price."""
        units = self.units if agents is None else self.units[agents]
        common = lcm(self.denominator, price.denominator)
        added = np.asarray(participations).astype(np.object_) * (price.numerator * (common // price.denominator))
        return replace(self, units=units * (common // self.denominator) + added, denominator=common)

    @property
    def most(self) -> int:
        """The agent that has spent most; -1 where there is none."""
        return int(np.argmax(self.units)) if len(self.units) else -1


class Ledger:
    """An open ledger; close it, or use it in a `with`. Raises `ConfigurationError` for a file that is none."""

    __slots__ = ("_store", "owner")

    def __init__(self, store: Store, owner: Owner) -> None:
        self._store, self.owner = store, owner
        try:
            self._check(owner)
        except BaseException:
            store.close()
            raise

    @classmethod
    def open(cls, path: Path, owner: Owner) -> Ledger:
        """The ledger in a file, which is made if it is not there."""
        row = (owner.population, owner.promise, owner.currency.value)
        store = Store.open(path, _FORM, lambda db: db.execute("INSERT INTO owner VALUES (1, ?, ?, ?)", row))
        return cls(store, owner)

    @classmethod
    def find(cls, path: Path, owner: Owner) -> Ledger | None:
        """The ledger in a file, or None if there is no file."""
        return cls(Store(path, _FORM), owner) if path.exists() else None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._store.path

    @property
    def connection(self) -> sqlite3.Connection:
        """Of this ledger alone."""
        return self._store.db

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spent(self, identities: Sequence[str], *, apart_from: str = "") -> Spent:
        """What agents have spent in all runs but one; who never took part has spent nothing."""
        with self._store.writing():
            return _spent(self._store, _numbers(self._store, identities), apart_from)

    def knows(self, name: str) -> bool:
        """Whether a run of that name was begun here."""
        with self._store.told():
            return self._store.db.execute("SELECT 1 FROM runs WHERE name = ?", (name,)).fetchone() is not None

    def begin(self, entry: Entry, identities: Sequence[str]) -> Account:
        """The account of a run, new or resumed. Refused: the same name with another rho, a seed used before."""
        if len(set(identities)) < len(identities):
            raise ConfigurationError("two agents have one identity", where=f"{self.path}:")
        self.owner.currency.refuse_other(entry.currency, where=f"{self.path}:")
        row = (entry.name, written(entry.price), entry.seed, int(entry.idealized))
        with self._store.writing():
            db = self._store.db
            db.executemany(
                "INSERT INTO agents (identity) VALUES (?) ON CONFLICT DO NOTHING", ((i,) for i in identities)
            )
            db.execute(
                "INSERT INTO runs (name, price, seed, idealized) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row
            )
            found = db.execute("SELECT run, name, price, seed, idealized FROM runs WHERE name = ?", row[:1]).fetchone()
            if found[1:] != row:
                raise ConfigurationError(f"{self.path} knows this run with another charge", instead="Begin a new run.")
            return Account(self._store, entry, found[0], _numbers(self._store, identities))

    def _check(self, owner: Owner) -> None:
        """Refuse another owner's ledger, unchanged; bring one of an older form up to this one."""
        with self._store.reading():
            currency = "currency" if self._store.version == _FORM.version else "'rho'"
            query = f"SELECT population, promise, {currency} FROM owner"  # noqa: S608 - one of two words of ours
            found = self._store.db.execute(query).fetchone() or ("", "", "")
        ours = (owner.population, owner.promise, owner.currency)
        for what, theirs, mine in zip(("population", "promise", "currency"), found, ours, strict=True):
            if theirs != mine:
                raise ConfigurationError(
                    f"{self.path} is the ledger of another {what}",
                    why=f"It adds up for {theirs}, and this plan is about {mine}",
                    instead="Name another ledger: spends add up for the same agents, the same promise and in one "
                    "currency. Squared mu can be exchanged for rho (Amount.in_rho).",
                )
        if self._store.version != _FORM.version:
            _bring_up(self._store)


class Account:
    """One run's account in a ledger; made by `Ledger.begin`."""

    __slots__ = ("_entry", "_numbers", "_others", "_run", "_seen", "_store")

    def __init__(self, store: Store, entry: Entry, run: int, numbers: Indices) -> None:
        self._store, self._entry, self._run, self._numbers = store, entry, run, numbers
        self._others, self._seen = Spent.nothing(len(numbers)), (-1, -1)
        self._read()

    def others(self) -> Spent:
        """What the run's agents have spent in all other runs, as it stands now."""
        with self._store.writing():
            return self._read()

    def charge(self, agents: Indices, participations: NDArray[Any], limit: Fraction) -> None:
        """Write down that these agents (places in the run) have now taken part so many times in this run.

        Raises `BudgetExhausted`, and charges nobody, if the spend of one of them would exceed `limit`, which is in the
        ledger's currency.
        """
        exact("a limit", limit)
        with self._store.writing():
            spent = self._read().after(participations, self._entry.price, agents)
            if len(agents) and spent.of(spent.most) > limit:
                raise BudgetExhausted(
                    f"{self._store.path}: {self._entry.currency} {shown(spent.of(spent.most))} would exceed the limit "
                    f"{shown(limit)}, since other runs have charged the same agents; nothing was released"
                )
            numbers = self._numbers[agents]
            for count in np.unique(participations).tolist():  # few: one statement each is thrice as fast as row by row
                charged = json.dumps(numbers[participations == count].tolist())
                self._store.db.execute(_CHARGE, (self._run, count, charged))
            self._seen = (self._seen[0], self._store.db.total_changes)

    def _read(self) -> Spent:
        """The others' spends, read again where others have written; inside a transaction."""
        version = self._store.state
        if version == self._seen:
            return self._others
        others = _spent(self._store, self._numbers, self._entry.name)
        if self._entry.seed in others.seeds:
            raise ConfigurationError(
                f"seed {self._entry.seed} has drawn the noise of another run in {self._store.path}",
                why="Spends add up for independent noise; the same noise on two releases can be taken away",
                instead="Take another simulation.seed, or resume that run.",
            )
        self._others, self._seen = others, version
        return others


def _numbers(store: Store, identities: Sequence[str]) -> Indices:
    """The agents' numbers in the file; 0 for one that is not there."""
    known = dict(store.db.execute("SELECT identity, agent FROM agents").fetchall())
    return np.array([known.get(identity, 0) for identity in identities], dtype=np.int64)


def _spent(store: Store, numbers: Indices, apart_from: str) -> Spent:
    """The spends of the agents of these numbers, run by run; inside a transaction."""
    places = np.full(int(store.value("SELECT coalesce(max(agent), 0) FROM agents")) + 1, -1)
    places[numbers] = np.arange(len(numbers))
    places[0] = -1
    told, seeds = Spent.nothing(len(numbers)), set()
    for run, price, seed, idealized in store.db.execute(
        "SELECT run, price, seed, idealized FROM runs WHERE name <> ?", (apart_from,)
    ):
        rows = store.db.execute("SELECT agent, participations FROM spends WHERE run = ?", (run,)).fetchall()
        charged = np.array(rows, dtype=np.int64).reshape(-1, 2)
        if not ((charged[:, 0] > 0) & (charged[:, 0] < len(places))).all():
            raise store.damaged
        counts = np.zeros(len(numbers) + 1, dtype=np.int64)  # the last place: agents that are not asked for
        counts[places[charged[:, 0]]] = charged[:, 1]
        seeds |= {seed} if rows and seed is not None else set()
        if counts[:-1].any():
            exactly = parsed(price)
            if exactly is None:
                raise store.damaged
            told = told.after(counts[:-1], exactly)
            told = replace(told, runs=told.runs + 1, idealized=told.idealized or bool(idealized))
    return replace(told, seeds=frozenset(seeds))


def _bring_up(store: Store) -> None:
    """Make a file of form 1 one of form 2, in one transaction: its prices are rho."""
    with store.writing():
        db = store.db
        if store.value("PRAGMA user_version") == 1:  # else somebody was faster
            owners = db.execute("SELECT one, population, promise, 'rho' FROM owner").fetchall()
            runs = db.execute("SELECT run, name, rho, seed, 0 FROM runs").fetchall()
            for statement in ("DROP TABLE owner", "DROP TABLE runs", _OWNER, _RUNS):
                db.execute(statement)
            db.executemany("INSERT INTO owner VALUES (?, ?, ?, ?)", owners)
            db.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?)", runs)
            db.execute(f"PRAGMA user_version = {_FORM.version}")
    store.version = _FORM.version
