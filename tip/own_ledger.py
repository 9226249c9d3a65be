"""One agent's own ledger: what it has spent, whoever asked, for good.

An agent does not need to trust a coordinator for its budget: it keeps this file on its device, charges it
before a message leaves, and does not send what the ledger refuses. It counts over all runs and all
coordinators.

Rules:

1. One file is one agent's. Two agents share no lock, no damage and no backup, and a device holds one
   agent's secrets; many agents of one run in one room are the matter of tip/ledger.py.
2. A file has one promise (against whom, which unit), one currency and one limit. A lower limit may hold
   for a while; a higher one would be a new promise and is refused.
3. A charge is on the disk when `charge` returns (law 13), and there is no refund: triggers refuse one.
4. A release is named by whoever makes it (coordinator, run, round, attempt), and `digest` stands for the bytes
   that leave. The same name, bytes and price again are an identical resend, free also when nothing is
   left. The same name with other bytes is refused: fresh noise needs a name of its own, and is charged.
5. Each price may be chosen after all earlier releases (a filter, docs/budget.md), but never by the agent's
   data. Whether the next release fits is decided under the file's lock, in exact fractions, before
   anything is written: together two processes cannot overspend.

The file is readable by its owner only: a digest lets whoever knows the message recognize it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, Self

from tip.currency import Amount, Currency, exact, parsed, shown, written
from tip.errors import BudgetExhausted, ConfigurationError
from tip.store import Form, Store

if TYPE_CHECKING:
    from pathlib import Path

_DIGEST: Final = 32
_LONGEST_NAME: Final = 1000
_BACKUP: Final = "Take it from a backup, the latest; without it nobody knows what was spent."
_FORM: Final = Form(
    noun="ledger",
    application=0x5449504F,  # "TIPO"
    version=1,
    schema=(
        """CREATE TABLE budget (
    one INTEGER PRIMARY KEY CHECK (one = 1), promise TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (currency IN ('rho', 'squared mu')), most TEXT NOT NULL
) STRICT""",
        """CREATE TABLE charges (
    number INTEGER PRIMARY KEY, release TEXT NOT NULL UNIQUE, price TEXT NOT NULL,
    idealized INTEGER NOT NULL CHECK (idealized IN (0, 1)), digest BLOB NOT NULL
) STRICT""",
        """CREATE TRIGGER one_budget BEFORE UPDATE ON budget
BEGIN SELECT RAISE(ABORT, 'another limit is another promise'); END""",
        """CREATE TRIGGER no_change BEFORE UPDATE ON charges
BEGIN SELECT RAISE(ABORT, 'a charge is never changed'); END""",
        """CREATE TRIGGER no_refund BEFORE DELETE ON charges
BEGIN SELECT RAISE(ABORT, 'a charge is never taken back'); END""",
    ),
    lost=_BACKUP,
    faults={
        "SQLITE_NOTADB": ("is no agent's own ledger", "Name a new file, or the ledger of this agent."),
        "SQLITE_CORRUPT": ("is damaged", _BACKUP),
        "SQLITE_READONLY": ("cannot be written", "A charge is written before a message leaves: make it writable."),
        "SQLITE_FULL": ("cannot be written: the disk is full", "Nothing was released. Make room and try again."),
    },
    otherwise="Nothing was charged, so nothing may be released.",
    private=True,
)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an agent has spent of its limit in how many releases; `idealized`: a price of them was."""

    currency: Currency
    limit: Fraction
    spent: Fraction
    releases: int
    idealized: bool

    @property
    def left(self) -> Fraction:
        """What may still be charged."""
        return max(self.limit - self.spent, Fraction(0))

    def after(self, amount: Amount) -> Balance:
        """The balance after one more release of this price."""
        return Balance(
            self.currency,
            self.limit,
            self.spent + amount.value,
            self.releases + 1,
            idealized=self.idealized or amount.idealized,
        )


class OwnLedger:
    """An open ledger of one agent; close it, or use it in a `with`. Made by `OwnLedger.open`."""

    __slots__ = ("_balance", "_limit", "_seen", "_store", "currency", "promise")

    def __init__(self, store: Store, currency: Currency, limit: Fraction, promise: str) -> None:
        self._store, self.currency, self.promise = store, currency, promise
        self._seen, self._limit = (-1, -1), limit
        self._balance = Balance(currency, limit, Fraction(0), 0, idealized=False)
        try:
            self._check()
        except BaseException:
            store.close()
            raise

    @classmethod
    def open(cls, path: Path, currency: Currency, limit: Fraction, *, promise: str) -> OwnLedger:
        """The ledger in a file, made if it is not there.

        `promise`: in words of the caller, what the prices are about, such as "agent, replace-one, against world".
        `limit`: at most the one that the file was made with. Raises `ConfigurationError` for any other file.
        """
        _name("a promise", promise)
        if not isinstance(currency, Currency):
            raise ConfigurationError(f"a currency is one of {', '.join(map(repr, Currency))}, not {currency!r}")
        row = (promise, currency.value, written(exact("a limit", limit)))
        store = Store.open(path, _FORM, lambda db: db.execute("INSERT INTO budget VALUES (1, ?, ?, ?)", row))
        return cls(store, currency, limit, promise)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._store.path

    @property
    def balance(self) -> Balance:
        """What is spent and what is left, as it stands now."""
        with self._store.reading():
            return self._read()

    def charge(self, release: str, amount: Amount, *, digest: bytes) -> Balance:
        """Write the price of a release down, before it is sent; it may leave when this returns.

        `digest`: `digest_of` the bytes that leave. Raises `BudgetExhausted`, and changes nothing, where it does not
        fit; `ConfigurationError` for another currency, or for a name that stands for other bytes or another price.
        """
        _name("a release", release)
        if not isinstance(amount, Amount):
            raise ConfigurationError(f"a price is an Amount, not {amount!r}", instead="write Amount.of_rho(...)")
        if not isinstance(digest, bytes) or len(digest) != _DIGEST:
            raise ConfigurationError("a digest is 32 bytes", instead="take digest_of(message)")
        self.currency.refuse_other(amount.currency, where=f"{self.path}:")
        row = (release, written(amount.value), int(amount.idealized), digest)
        with self._store.writing():
            balance, db = self._read(), self._store.db
            query = "SELECT release, price, idealized, digest FROM charges WHERE release = ?"
            found = db.execute(query, row[:1]).fetchone()
            if found is not None:
                self._refuse_other(row, found)
                return balance
            if balance.spent + amount.value > self._limit:
                raise BudgetExhausted(
                    f"{self.path}: {self.currency} {shown(amount.value)} is asked for and {shown(balance.left)} of "
                    f"{shown(self._limit)} is left; nothing was released"
                )
            after = balance.after(amount)
            db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?)", (after.releases, *row))
            state = self._store.state
        self._balance, self._seen = after, state  # not before it is on the disk
        return after

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_other(self, row: tuple[object, ...], found: tuple[object, ...]) -> None:
        """Raise unless what is asked for is an identical resend."""
        if row == found:
            return
        what = "another price" if row[3] == found[3] else "other bytes"
        raise ConfigurationError(
            f"{self.path} knows release {row[0]!r} with {what}",
            instead="A release with fresh noise needs a name of its own, and is charged again.",
        )

    def _read(self) -> Balance:
        """The balance, read again where somebody has written; inside a transaction."""
        if (state := self._store.state) != self._seen:
            rows = self._store.db.execute("SELECT number, price, idealized FROM charges ORDER BY number").fetchall()
            prices = [parsed(price) for _, price, _ in rows]
            if [number for number, _, _ in rows] != list(range(1, len(rows) + 1)) or None in prices:
                raise self._store.damaged
            spent = sum((price for price in prices if price is not None), Fraction(0))
            idealized = any(row[2] for row in rows)
            self._balance = Balance(self.currency, self._limit, spent, len(rows), idealized)
            self._seen = state
        return self._balance

    def _check(self) -> None:
        """Refuse another promise, another currency, and a higher limit; and what nobody wrote."""
        with self._store.reading():
            rows = self._store.db.execute("SELECT promise, currency, most FROM budget").fetchall()
            if len(rows) != 1 or (most := parsed(rows[0][2])) is None:
                raise self._store.damaged
            self._read()
        promise, currency = rows[0][0], Currency(rows[0][1])
        currency.refuse_other(self.currency, where=f"{self.path}:")
        if promise != self.promise:
            raise ConfigurationError(
                f"{self.path} is the ledger of another promise",
                why=f"It adds up for {promise!r}, and this is about {self.promise!r}",
                instead="Keep a ledger for each promise: prices against others do not add up.",
            )
        if self._limit > most:
            raise ConfigurationError(
                f"{self.path} was made with the limit {shown(most)}, and {shown(self._limit)} is more",
                why="A higher limit is a new promise, and what was told before would be broken",
                instead=f"Open it with {written(most)}, or with less.",
            )


def digest_of(message: bytes) -> bytes:
    """What stands for a message's bytes in a ledger: SHA-256."""
    return hashlib.sha256(message).digest()


def _name(what: str, name: object) -> None:
    """Refuse what a line of text cannot hold."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ConfigurationError(f"{what} has a name: one line of at most {_LONGEST_NAME} characters")
