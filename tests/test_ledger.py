"""The ledger: charges are durable, counted once, never taken back, and those of one owner."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tip.currency import Amount, Currency
from tip.errors import BudgetExhausted, ConfigurationError
from tip.ledger import Account, Entry, Ledger, Owner, Spent
from tip.privacy.budget import RhoFilter

OWNER = Owner("the survey", "against the coordinator")
PEOPLE = ("17", "4", "sha256:ab")
ENOUGH = Fraction(10**6)
RHO = Fraction(1, 3) + Fraction(1, 2**128)


def at(*numbers: int) -> Any:  # noqa: ANN401 - an array of int64
    return np.array(numbers, dtype=np.int64)


def spends(ledger: Ledger, people: tuple[str, ...] = PEOPLE) -> list[Fraction]:
    spent = ledger.spent(people)
    return [spent.of(agent) for agent in range(len(people))]


def test_spends_add_up_exactly_over_runs_and_openings(tmp_path: Path) -> None:
    path = tmp_path / "spends.sqlite"
    with Ledger.open(path, OWNER) as ledger:
        account = ledger.begin(Entry("a", RHO, None), PEOPLE)
        account.charge(at(0, 2), at(1, 1), ENOUGH)
        account.charge(at(0, 1, 2), at(2, 1, 2), ENOUGH)
    other = Fraction(5, 7)
    with Ledger.open(path, OWNER) as ledger:
        account = ledger.begin(Entry("b", other, 3), PEOPLE[::-1])  # the same people in another order
        account.charge(at(0), at(4), ENOUGH)
        assert spends(ledger) == [2 * RHO, RHO, 2 * RHO + 4 * other]
        assert spends(ledger, ("4", "stranger")) == [RHO, 0]
        told = ledger.spent(PEOPLE)
        assert (told.runs, told.seeds, told.most) == (2, frozenset({3}), 2)
        assert [ledger.spent(PEOPLE, apart_from="a").of(i) for i in range(3)] == [0, 0, 4 * other]
        assert [account.others().of(i) for i in range(3)] == [2 * RHO, RHO, 2 * RHO]
    assert [p.name for p in tmp_path.iterdir()] == ["spends.sqlite"]


def test_a_resend_is_free_and_nothing_is_refunded(tmp_path: Path) -> None:
    path = tmp_path / "spends.sqlite"
    for _ in range(2):  # the second time as a run that is resumed from its beginning
        with Ledger.open(path, OWNER) as ledger:
            account = ledger.begin(Entry("a", RHO, 1), PEOPLE)
            for count in (1, 2, 3):
                account.charge(at(0), at(count), ENOUGH)
                account.charge(at(0), at(count), ENOUGH)
            account.charge(at(0), at(1), ENOUGH)
            assert spends(ledger) == [3 * RHO, 0, 0]
    with sqlite3.connect(path) as db:
        for statement in ("UPDATE spends SET participations = 1", "DELETE FROM spends"):
            with pytest.raises(sqlite3.IntegrityError, match="never taken back"):
                db.execute(statement)
    db.close()


def test_a_charge_beyond_the_limit_charges_nobody(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "spends.sqlite", OWNER) as ledger:
        ledger.begin(Entry("a", RHO, None), PEOPLE).charge(at(1), at(2), ENOUGH)
        account = ledger.begin(Entry("b", RHO, None), PEOPLE)
        account.charge(at(0, 1), at(1, 1), 3 * RHO)
        with pytest.raises(BudgetExhausted, match="nothing was released"):
            account.charge(at(0, 1), at(2, 2), 3 * RHO)
        assert spends(ledger) == [RHO, 3 * RHO, 0]
        account.charge(at(0), at(2), 3 * RHO)  # who has something left goes on
        assert spends(ledger) == [2 * RHO, 3 * RHO, 0]
        account.charge(at(), at(), Fraction(0))


def test_a_seed_serves_one_run(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "spends.sqlite", OWNER) as ledger:
        first = ledger.begin(Entry("a", RHO, 7), PEOPLE)
        second = ledger.begin(Entry("b", RHO, 7), PEOPLE)  # nothing was drawn yet
        first.charge(at(0), at(1), ENOUGH)
        with pytest.raises(ConfigurationError, match="seed 7 has drawn the noise of another run"):
            ledger.begin(Entry("c", RHO, 7), PEOPLE)
        ledger.begin(Entry("a", RHO, 7), PEOPLE).charge(at(0), at(1), ENOUGH)
        ledger.begin(Entry("d", RHO, 8), PEOPLE)
        with pytest.raises(ConfigurationError, match="seed 7"):
            second.charge(at(1), at(1), ENOUGH)


def test_two_accounts_of_one_connection_see_each_other(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "spends.sqlite", OWNER) as ledger:
        a, b = (ledger.begin(Entry(name, RHO, None), PEOPLE) for name in "ab")
        for count in (1, 2):
            a.charge(at(0), at(count), 3 * RHO)
        b.charge(at(0), at(1), 3 * RHO)
        with pytest.raises(BudgetExhausted):
            b.charge(at(0), at(2), 3 * RHO)


def test_two_connections_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "spends.sqlite"
    with Ledger.open(path, OWNER) as mine, Ledger.open(path, OWNER) as theirs:
        a, b = mine.begin(Entry("a", RHO, 1), PEOPLE), theirs.begin(Entry("b", RHO, 2), PEOPLE)
        a.charge(at(0), at(1), 2 * RHO)
        b.charge(at(0), at(1), 2 * RHO)
        for account in (a, b):
            with pytest.raises(BudgetExhausted):
                account.charge(at(0), at(2), 2 * RHO)
        same = theirs.begin(Entry("c", RHO, 3), PEOPLE)
        twice = mine.begin(Entry("d", RHO, 3), PEOPLE)
        same.charge(at(1), at(1), ENOUGH)
        with pytest.raises(ConfigurationError, match="seed 3"):
            twice.charge(at(1), at(1), ENOUGH)


def test_threads_lose_no_charge_and_keep_the_limit_together(tmp_path: Path) -> None:
    path, refused = tmp_path / "spends.sqlite", []

    def work(name: str) -> None:
        with Ledger.open(path, OWNER) as ledger:
            account = ledger.begin(Entry(name, RHO, None), PEOPLE)
            for count in range(1, 16):
                try:
                    account.charge(at(0, 1), at(count, count), 40 * RHO)
                except BudgetExhausted:
                    refused.append(name)
                    return

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Ledger.open(path, OWNER) as ledger:
        assert spends(ledger) == [40 * RHO, 40 * RHO, 0]
    assert refused


def test_killed_processes_lose_no_charge_that_was_acknowledged(tmp_path: Path) -> None:
    """Two processes charge at once and are killed at an instant that nobody chose."""
    code = """
import sys, pathlib, numpy as np
from fractions import Fraction
from tip.ledger import Entry, Ledger, Owner
path, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with Ledger.open(path, Owner("p", "q")) as ledger:
    account = ledger.begin(Entry(name, Fraction(1, 3), None), ("1", "2"))
    for count in range(1, 10**6):
        account.charge(np.array([0]), np.array([count]), Fraction(10**9))
        print(count, flush=True)
"""
    path = tmp_path / "spends.sqlite"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    deadline = time.monotonic() + 60
    told = [0, 0]
    while min(told) < 5 and time.monotonic() < deadline:
        for place, child in enumerate(children):
            told[place] = int(child.stdout.readline()) if child.stdout else 0
    for place, child in enumerate(children):
        child.kill()
        rest = child.communicate()[0].split()
        told[place] = int(rest[-1]) if rest else told[place]
    with Ledger.open(path, Owner("p", "q")) as ledger:
        kept = ledger.spent(("1",)).of(0) * 3
        assert sum(told) <= kept <= sum(told) + 2  # a charge may be written and not told
        assert ledger.spent(("1", "2")).runs == 2


def test_another_owner_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spends.sqlite"
    Ledger.open(path, OWNER).close()
    with pytest.raises(ConfigurationError, match=r"another population.*the survey.*others"):
        Ledger.open(path, Owner("others", OWNER.promise))
    with pytest.raises(ConfigurationError, match="another promise"):
        Ledger.find(path, Owner(OWNER.population, "against the world"))
    assert Ledger.find(tmp_path / "nothing", OWNER) is None


def test_what_is_no_ledger_is_told(tmp_path: Path) -> None:
    def refused(path: Path, told: str) -> None:
        with pytest.raises(ConfigurationError, match=told):
            Ledger.open(path, OWNER)

    path = tmp_path / "file"
    path.write_bytes(b"")
    refused(path, "is empty")
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    refused(path, "is no ledger")
    refused(tmp_path, "is no file")
    refused(tmp_path / "no" / "folder", "cannot be")
    foreign = tmp_path / "foreign"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE spends (x)")
    db.close()
    refused(foreign, "is no ledger")
    whole = tmp_path / "whole"
    with Ledger.open(whole, OWNER) as ledger:
        ledger.begin(Entry("a", RHO, None), tuple(map(str, range(5000)))).charge(
            np.arange(5000), at(1).repeat(5000), ENOUGH
        )
    content = whole.read_bytes()
    for place in range(content.index(b"CREATE"), content.index(b"CREATE") + 60):
        path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        refused(path, "is damaged|is no ledger|cannot be used")
    for damaged in (content[: len(content) // 2], content[:8192] + b"\0" * 8192 + content[16384:]):
        path.write_bytes(damaged)
        refused(path, "is damaged|is no ledger")
    for change, told in (
        ("PRAGMA user_version = 3", "form 3"),
        ("DROP TRIGGER no_refund", "is damaged"),
        ("UPDATE runs SET price = '1/0'", "is damaged"),
        ("UPDATE runs SET price = '-1/3'", "is damaged"),
        ("UPDATE runs SET price = 'nan'", "is damaged"),
    ):
        path.write_bytes(content)
        with sqlite3.connect(path) as db:
            db.execute(change)
        db.close()
        with pytest.raises(ConfigurationError, match=told), Ledger.open(path, OWNER) as ledger:
            ledger.spent(("1",))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:  # pragma: no cover - seldom run as such
    path = tmp_path / "spends.sqlite"
    Ledger.open(path, OWNER).close()
    path.chmod(0o400)
    with pytest.raises(ConfigurationError, match="cannot be"), Ledger.open(path, OWNER) as ledger:
        ledger.begin(Entry("a", RHO, None), PEOPLE)


def test_a_file_that_refuses_to_be_written_is_told(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "spends.sqlite", OWNER) as ledger:
        ledger.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(ConfigurationError, match="cannot be written"):
            ledger.begin(Entry("a", RHO, None), PEOPLE)


def test_a_file_in_use_is_told(tmp_path: Path) -> None:
    path = tmp_path / "spends.sqlite"
    with Ledger.open(path, OWNER) as ledger, Ledger.open(path, OWNER) as other:
        ledger.connection.execute("PRAGMA busy_timeout = 10")
        other.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigurationError, match="in use by another run"):
            ledger.begin(Entry("a", RHO, None), PEOPLE)
        other.connection.execute("ROLLBACK")
        ledger.begin(Entry("a", RHO, None), PEOPLE)


FORM_1 = (  # as the first form's files were made, word for word
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


def of_form_1(path: Path) -> Path:
    """A file of the first form: agent 17 took part three times in a seeded run, agent 4 once in another."""
    db = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA application_id = 1414090828", "PRAGMA user_version = 1", *FORM_1,
        "INSERT INTO owner VALUES (1, 'the survey', 'against the coordinator')",
        "INSERT INTO agents VALUES (1, '17'), (2, '4')",
        "INSERT INTO runs VALUES (1, 'a', '1/3', 7), (2, 'b', '2/7', NULL)",
        "INSERT INTO spends VALUES (1, 1, 3), (2, 2, 1)", "PRAGMA journal_mode = WAL",
    ):  # fmt: skip
        db.execute(statement).close()
    db.close()
    return path


def test_a_file_of_the_first_form_becomes_one_of_the_second(tmp_path: Path) -> None:
    path = of_form_1(tmp_path / "spends.sqlite")
    for _ in range(2):
        with Ledger.open(path, OWNER) as ledger:
            assert spends(ledger) == [1, Fraction(2, 7), 0]
            told = ledger.spent(PEOPLE)
            assert (told.runs, told.seeds, told.idealized) == (2, frozenset({7}), False)
            with pytest.raises(ConfigurationError, match="seed 7"):
                ledger.begin(Entry("c", RHO, 7), PEOPLE)
    with Ledger.open(path, OWNER) as ledger:  # both runs go on
        ledger.begin(Entry("a", Fraction(1, 3), 7), PEOPLE).charge(at(0), at(4), ENOUGH)
        ledger.begin(Entry("b", Fraction(2, 7), None), PEOPLE).charge(at(1), at(1), ENOUGH)
        assert spends(ledger) == [Fraction(4, 3), Fraction(2, 7), 0]
        assert ledger.connection.execute("PRAGMA user_version").fetchone() == (2,)
        with pytest.raises(sqlite3.IntegrityError, match="never taken back"):
            ledger.connection.execute("DELETE FROM spends")


def test_only_its_owner_changes_the_form_of_a_file(tmp_path: Path) -> None:
    path = of_form_1(tmp_path / "spends.sqlite")
    before = path.read_bytes()
    for owner, told in (
        (Owner("others", OWNER.promise), "another population"),
        (replace(OWNER, currency=Currency.SQUARED_MU), "another currency.*Amount.in_rho"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            Ledger.open(path, owner)
        assert path.read_bytes() == before
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER no_refund")
    db.close()
    with pytest.raises(ConfigurationError, match="is damaged"):
        Ledger.open(path, OWNER)


def test_the_form_changes_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """Processes that die before the transaction ends, and two that open at once."""
    path = of_form_1(tmp_path / "spends.sqlite")
    code = """
import os, pathlib, signal, sys
from contextlib import contextmanager
from tip.ledger import Ledger, Owner
from tip.store import Store
writing = Store.writing
@contextmanager
def dying(self):
    with writing(self):
        yield
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "dies":
    Store.writing = dying
Ledger.open(pathlib.Path(sys.argv[1]), Owner(*sys.argv[3:])).close()
"""
    command = [sys.executable, "-c", code, str(path)]
    owner = (OWNER.population, OWNER.promise)
    assert subprocess.run([*command, "dies", *owner], check=False).returncode == -signal.SIGKILL
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert {sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")} == set(FORM_1)
    db.close()
    children = [subprocess.Popen([*command, "lives", *owner]) for _ in range(3)]
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
    with Ledger.open(path, OWNER) as ledger:
        assert spends(ledger) == [1, Fraction(2, 7), 0]


def test_currencies_are_not_mixed(tmp_path: Path) -> None:
    square = Amount.of_mu(0.5)
    with Ledger.open(tmp_path / "rho", OWNER) as ledger:
        with pytest.raises(ConfigurationError, match=r"squared mu is not added to rho.*Amount\.in_rho"):
            ledger.begin(Entry.of("a", square, None), PEOPLE)
        assert not ledger.knows("a")
        ledger.begin(Entry("b", RHO, None), PEOPLE).charge(at(0), at(1), ENOUGH)
        assert not ledger.spent(PEOPLE).idealized
        exchanged = Entry.of("a", square.in_rho(), None)
        ledger.begin(exchanged, PEOPLE).charge(at(0), at(2), ENOUGH)
        assert spends(ledger)[0] == RHO + Fraction(1, 4)
        assert ledger.spent(PEOPLE).idealized
        assert not ledger.spent(PEOPLE, apart_from="a").idealized
        assert not ledger.spent(PEOPLE[1:]).idealized  # of these agents nothing was said in real numbers
        with pytest.raises(ConfigurationError, match="another charge"):  # not proven all of a sudden
            ledger.begin(Entry("a", Fraction(1, 8), None), PEOPLE)
    squares = replace(OWNER, currency=Currency.SQUARED_MU)
    with Ledger.open(tmp_path / "mu", squares) as ledger:
        with pytest.raises(ConfigurationError, match="Keep a ledger in rho"):
            ledger.begin(Entry("b", RHO, None), PEOPLE)
        account = ledger.begin(Entry.of("a", square, None), PEOPLE)
        account.charge(at(1), at(4), Fraction(1))
        with pytest.raises(BudgetExhausted, match=r"squared mu 1\.25 would exceed the limit 1"):
            account.charge(at(1), at(5), Fraction(1))
        assert ledger.spent(PEOPLE).idealized
        assert spends(ledger) == [0, 1, 0]
    with pytest.raises(ConfigurationError, match="another currency"):
        Ledger.open(tmp_path / "mu", OWNER)


def test_a_price_says_its_rho() -> None:
    assert Entry("a", RHO, None).rho == RHO
    assert Entry.of("a", Amount.of_mu(1.0), None).rho == Fraction(1, 2)
    with pytest.raises(ConfigurationError, match="idealized"):
        Entry("a", RHO, None, Currency.SQUARED_MU)
    with pytest.raises(ConfigurationError, match="digits"):  # it could not be read again
        Entry("a", Fraction(1, 10**4000), None)


def test_entries_are_checked(tmp_path: Path) -> None:
    for name, rho in (("", RHO), ("a", -RHO), ("a", 0.5)):
        with pytest.raises(ConfigurationError):
            Entry(name, rho, None)  # type: ignore[arg-type] # what a caller without types may hand over
    with Ledger.open(tmp_path / "spends.sqlite", OWNER) as ledger:
        ledger.begin(Entry("a", RHO, 1), PEOPLE)
        for entry in (Entry("a", 2 * RHO, 1), Entry("a", RHO, 2)):
            with pytest.raises(ConfigurationError, match="another charge"):
                ledger.begin(entry, PEOPLE)
        with pytest.raises(ConfigurationError, match="one identity"):
            ledger.begin(Entry("b", RHO, 2), ("1", "2", "1"))
        assert not ledger.knows("b")


def test_no_secret_and_no_text_of_ours_but_names(tmp_path: Path) -> None:
    path = tmp_path / "spends.sqlite"
    Ledger.open(path, OWNER).close()
    db = sqlite3.connect(path)
    columns = {
        row[1] for table in ("owner", "agents", "runs", "spends") for row in db.execute(f"PRAGMA table_info({table})")
    }
    assert columns == {
        *("one", "population", "promise", "currency"), *("agent", "identity"),
        *("run", "name", "price", "seed", "idealized"), "participations",
    }  # fmt: skip
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_empty_spends() -> None:
    assert Spent.nothing(0).most == -1
    assert Spent.nothing(2).after(at(3, 5), RHO).of(1) == 5 * RHO


class LedgerMachine(RuleBasedStateMachine):
    """The ledger against a dict and one `RhoFilter` for each agent; a crash closes without a commit."""

    LIMIT = Fraction(4)

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "spends.sqlite"
        self.counts: dict[tuple[str, int], int] = {}
        self.rhos: dict[str, Fraction] = {}
        self.accounts: dict[str, Account] = {}

    @initialize()
    def opens(self) -> None:
        self.ledger = Ledger.open(self.path, OWNER)

    @rule(name=st.sampled_from("abcd"), rho=st.fractions(0, 1, max_denominator=9))
    def begins(self, name: str, rho: Fraction) -> None:
        rho = self.rhos.setdefault(name, rho)
        self.accounts[name] = self.ledger.begin(Entry(name, rho, None), PEOPLE)

    @precondition(lambda self: self.accounts)
    @rule(data=st.data(), agents=st.sets(st.integers(0, 2)), crash=st.booleans())
    def charges(self, data: st.DataObject, agents: set[int], *, crash: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.accounts)))
        counts = {agent: data.draw(st.integers(1, 4)) for agent in sorted(agents)}
        if crash:
            self.ledger.connection.execute("BEGIN IMMEDIATE")
            self.ledger.connection.execute("INSERT OR IGNORE INTO spends VALUES (1, 1, 99)")
            self.reopens()
            return
        try:
            self.accounts[name].charge(at(*counts), at(*counts.values()), self.LIMIT)
        except BudgetExhausted:
            assert any(not self.fits(name, agent, count) for agent, count in counts.items())
        else:
            assert all(self.fits(name, agent, count) for agent, count in counts.items())
            for agent, count in counts.items():
                self.counts[name, agent] = max(count, self.counts.get((name, agent), 0))

    def fits(self, name: str, agent: int, count: int) -> bool:
        filled = RhoFilter(self.LIMIT)
        for (run, who), charged in self.counts.items():
            if who == agent and run != name:
                filled = filled.charge(charged * self.rhos[run])
        return count * self.rhos[name] <= filled.left

    @rule()
    def reopens(self) -> None:
        self.ledger.close()
        self.accounts = {}
        self.ledger = Ledger.open(self.path, OWNER)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "ledger"):
            return
        expected = [
            sum((n * self.rhos[run] for (run, who), n in self.counts.items() if who == agent), Fraction(0))
            for agent in range(3)
        ]
        assert spends(self.ledger) == expected
        assert max(expected) <= self.LIMIT

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
